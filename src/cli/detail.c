/* cli/detail.c - one process's heap in full: the JSON that the preload library wrote into a slot, checked and taken apart.
 *
 * It comes from the program's process, so nothing in it is trusted: what is missing or of another type counts as 0. */
#define _GNU_SOURCE
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

/* ---------------------------------------------------------------- what is in it */

uint64_t ouro__detail_number(const void *object, const char *key) {
  json_int_t value = json_integer_value(json_object_get(object, key));
  return value > 0 ? (uint64_t)value : 0;
}

static uint64_t number(const json_t *object, const char *key) { return ouro__detail_number(object, key); }

static void read_heap(ouro__detail *detail, const json_t *heap) {
  detail->blocks_live = number(heap, "blocks_live");
  detail->bytes_live = number(heap, "bytes_live");
  detail->bytes_cached = number(heap, "bytes_cached");
  detail->bytes_pools = number(heap, "bytes_pools");
  detail->bytes_large = number(heap, "bytes_large");
  detail->blocks_large = number(heap, "blocks_large");
  detail->bytes_held = number(heap, "bytes_held");
  detail->bytes_dirty = number(heap, "bytes_dirty");
  detail->metadata = number(heap, "bytes_metadata");
}

static void read_classes(ouro__detail *detail, const json_t *classes) {
  detail->classes = calloc(json_array_size(classes) + 1, sizeof *detail->classes);
  if (!detail->classes) return;
  for (size_t i = 0; i < json_array_size(classes); i++) {
    const json_t *row = json_array_get(classes, i);
    detail->classes[detail->class_count++] = (ouro__class_row){
        .size = number(row, "size"),
        .pools = number(row, "pools"),
        .live = number(row, "live"),
        .free = number(row, "free") + number(row, "cached"),
        .returned = number(row, "returned"),
    };
  }
}

static void read_arenas(ouro__detail *detail, const json_t *arenas) {
  detail->arenas = calloc(json_array_size(arenas) + 1, sizeof *detail->arenas);
  if (!detail->arenas) return;
  for (size_t i = 0; i < json_array_size(arenas); i++) {
    const json_t *mark = json_array_get(arenas, i);
    detail->arenas[detail->arena_count++] = (ouro__arena_mark){
        .size = number(mark, "size"),
        .used = number(mark, "used"),
        .live = number(mark, "live"),
        .resident = number(mark, "resident"),
    };
  }
}

/* ---------------------------------------------------------------- reading it */

/* A heap of very many arenas, which come last, was cut in the middle of one: end the list after the last that is whole. */
static json_t *parse_cut(const ouro__snapshot *snapshot) {
  static const char end[] = "}]}";
  char *text = malloc(snapshot->length + sizeof end);
  if (!text) return NULL;
  memcpy(text, snapshot->text, snapshot->length);
  char *last = memrchr(text, '}', snapshot->length);
  json_t *json = NULL;
  if (last) {
    memcpy(last, end, sizeof end);
    json = json_loads(text, 0, NULL);
  }
  free(text);
  return json;
}

static json_t *parse(const ouro__snapshot *snapshot) {
  json_t *json = json_loadb(snapshot->text, snapshot->length, 0, NULL);
  if (!json && snapshot->length == OURO_CONTROL_SLOT_BYTES) json = parse_cut(snapshot);
  if (json_is_object(json)) return json;
  json_decref(json);
  return NULL;
}

bool ouro__detail_read(ouro__detail *detail, const ouro__processes *all, const ouro__process *process) {
  *detail = (ouro__detail){0};
  ouro__snapshot snapshot = process->alive ? ouro__processes_snapshot(all, process) : process->last;
  if (!snapshot.text) return false;
  json_t *json = parse(&snapshot);
  if (process->alive) free(snapshot.text);
  if (!json) return false;
  detail->json = json;
  detail->reason = snapshot.reason;
  if (snapshot.taken_ns > all->start_ns) detail->seconds = (double)(snapshot.taken_ns - all->start_ns) / 1e9;
  read_heap(detail, json_object_get(json, "heap"));
  read_classes(detail, json_object_get(json, "classes"));
  read_arenas(detail, json_object_get(json, "arenas"));
  ouro__objects_read(&detail->objects, json_object_get(json, "objects"));
  return true;
}

void ouro__detail_free(ouro__detail *detail) {
  json_decref(detail->json);
  free(detail->classes);
  free(detail->arenas);
  ouro__objects_free(&detail->objects);
  *detail = (ouro__detail){0};
}
