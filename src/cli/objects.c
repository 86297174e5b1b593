/* cli/objects.c - the objects of a program that uses libouro itself: what its process wrote of them, taken apart, and as a part of
 * the report for people. As in detail.c, nothing in it is trusted. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

enum { TYPE_ROWS = 8, NAME_COLUMNS = 24 };

static const char *const generation_names[OURO_GENERATIONS] = {"young", "middle", "old"};

/* ---------------------------------------------------------------- reading */

static void read_type(ouro__object_row *row, const json_t *type) {
  const json_t *generations = json_object_get(type, "generations");
  const char *name = json_string_value(json_object_get(type, "name"));
  row->name = name ? name : "?";
  row->objects = ouro__detail_number(type, "objects");
  row->bytes = ouro__detail_number(type, "bytes");
  for (size_t i = 0; i < OURO_GENERATIONS; i++) {
    json_int_t value = json_integer_value(json_array_get(generations, i));
    row->generation[i] = value > 0 ? (uint64_t)value : 0;
  }
}

static void read_generation(ouro__collection_row *row, const json_t *generation) {
  row->objects = ouro__detail_number(generation, "objects");
  row->collections = ouro__detail_number(generation, "collections");
  row->collected = ouro__detail_number(generation, "collected");
  row->uncollectable = ouro__detail_number(generation, "uncollectable");
  row->candidates = ouro__detail_number(generation, "candidates");
  row->pauses_ns = ouro__detail_number(generation, "pauses_ns");
  row->longest_pause_ns = ouro__detail_number(generation, "longest_pause_ns");
}

void ouro__objects_read(ouro__objects *objects, const void *json) {
  *objects = (ouro__objects){.there = json_is_object((const json_t *)json)};
  const json_t *types = json_object_get(json, "types"), *generations = json_object_get(json, "generations");
  objects->live = ouro__detail_number(json, "live");
  objects->bytes = ouro__detail_number(json, "bytes");
  objects->types_in_all = ouro__detail_number(json, "types_in_all");
  for (size_t i = 0; i < OURO_GENERATIONS; i++)
    read_generation(&objects->generation[i], json_array_get(generations, i));
  objects->types = calloc(json_array_size(types) + 1, sizeof *objects->types);
  if (!objects->types) return;
  objects->type_count = json_array_size(types);
  for (size_t i = 0; i < objects->type_count; i++) read_type(&objects->types[i], json_array_get(types, i));
}

void ouro__objects_free(ouro__objects *objects) {
  free(objects->types);
  *objects = (ouro__objects){0};
}

/* ---------------------------------------------------------------- for people */

/* The name in so many columns: what is longer is cut between two characters of UTF-8. */
static void name_column(const char *name, int width, FILE *out) {
  char harmless[256];
  int columns = 0;
  snprintf(harmless, sizeof harmless, "%s", name);
  ouro__harmless(harmless);
  for (const char *at = harmless; *at; at++) {
    bool begins = ((unsigned char)*at & 0xc0) != 0x80;
    if (begins && columns == width) break;
    columns += begins;
    fputc(*at, out);
  }
  fprintf(out, "%*s", width - columns, "");
}

static void type_line(const char *name, const ouro__object_row *row, FILE *out) {
  ouro__words objects, bytes, generation[OURO_GENERATIONS];
  fputs("   ", out);
  name_column(name, NAME_COLUMNS, out);
  fprintf(out, " %13s %11s", ouro__words_count(&objects, row->objects), ouro__words_bytes(&bytes, row->bytes));
  for (size_t i = 0; i < OURO_GENERATIONS; i++) {
    fprintf(out, " %*s", i == 2 ? 12 : 10, ouro__words_count(&generation[i], row->generation[i]));
  }
  fputc('\n', out);
}

static void subtract(uint64_t *from, uint64_t number) { *from -= number < *from ? number : *from; }

/* What is left of all when the shown rows are taken off. */
static void others_line(const ouro__objects *objects, size_t shown, FILE *out) {
  ouro__object_row others = {.objects = objects->live, .bytes = objects->bytes};
  char name[48];
  for (size_t g = 0; g < OURO_GENERATIONS; g++) others.generation[g] = objects->generation[g].objects;
  for (size_t i = 0; i < shown; i++) {
    subtract(&others.objects, objects->types[i].objects);
    subtract(&others.bytes, objects->types[i].bytes);
    for (size_t g = 0; g < OURO_GENERATIONS; g++) subtract(&others.generation[g], objects->types[i].generation[g]);
  }
  snprintf(name, sizeof name, "%zu others", (size_t)objects->types_in_all - shown);
  type_line(name, &others, out);
}

static void types(const ouro__objects *objects, FILE *out) {
  size_t shown = objects->type_count < TYPE_ROWS ? objects->type_count : TYPE_ROWS;
  fprintf(out, "   %-*s %13s %11s %10s %10s %12s\n", NAME_COLUMNS, "type", "objects", "bytes", generation_names[0],
          generation_names[1], generation_names[2]);
  for (size_t i = 0; i < shown; i++) type_line(objects->types[i].name, &objects->types[i], out);
  if (objects->types_in_all > shown) others_line(objects, shown, out);
}

static void collection_line(const char *name, const ouro__collection_row *row, FILE *out) {
  ouro__words collections, candidates, collected, uncollectable, pauses, longest;
  fprintf(out, "   %-12s %11s %13s %13s %13s", name, ouro__words_count(&collections, row->collections),
          ouro__words_count(&candidates, row->candidates), ouro__words_count(&collected, row->collected),
          ouro__words_count(&uncollectable, row->uncollectable));
  fprintf(out, " %10s %10s\n", ouro__words_pause(&pauses, row->pauses_ns),
          ouro__words_pause(&longest, row->longest_pause_ns));
}

static void collections(const ouro__objects *objects, FILE *out) {
  uint64_t count = 0;
  for (size_t i = 0; i < OURO_GENERATIONS; i++) count += objects->generation[i].collections;
  if (count == 0) {
    fputs("   no collections\n", out);
    return;
  }
  fprintf(out, "   %-12s %11s %13s %13s %13s %10s %10s\n", "generation", "collections", "looked at", "freed",
          "uncollectable", "pauses", "longest");
  for (size_t i = 0; i < OURO_GENERATIONS; i++) collection_line(generation_names[i], &objects->generation[i], out);
}

void ouro__objects_text(const ouro__objects *objects, FILE *out) {
  ouro__words live, bytes, types_in_all;
  fprintf(out, "\n objects: %s live of %s type%s, %s\n", ouro__words_count(&live, objects->live),
          ouro__words_count(&types_in_all, objects->types_in_all), objects->types_in_all == 1 ? "" : "s",
          ouro__words_bytes(&bytes, objects->bytes));
  if (objects->type_count) types(objects, out);
  collections(objects, out);
}
