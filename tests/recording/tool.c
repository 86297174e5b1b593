/* tests/recording/tool.c - what the tests of recordings do to files from a shell.
 *
 *     tool dump FILE             the profile of a recording or area as JSON, unsymbolised
 *     tool record OUT AREA...    a recording of areas that follow each other as states of one process
 *     tool chunks FILE           KIND OFFSET STORED of each chunk, a line each
 *     tool cuts FILE COPY        read what there is after every byte of it: COPY is FILE, cut by one byte after the other
 *     tool flips FILE COPY       read it with every byte in turn changed, apart from the zeros of an area
 *     tool layout                sizes and places of an area's structs */
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/profile/area.h"
#include "cli/profile/recording.h"
#include "cli/profile/writer.h"

/* ---------------------------------------------------------------- dump */

/* Text of any bytes; JSON has UTF-8 alone. */
static json_t *text(const char *from) {
  json_t *value = json_string(from);
  if (value) return value;
  char clean[512];
  size_t length = 0;
  for (; from[length] && length < sizeof clean - 1; length++) clean[length] = from[length] & 0x80 ? '?' : from[length];
  clean[length] = 0;
  return json_string(clean);
}

static json_t *number(uint64_t value) { return json_integer((json_int_t)value); }

static json_t *tally(ouro__tally of) { return json_pack("[I,I]", (json_int_t)of.count, (json_int_t)of.bytes); }

static json_t *frame(const ouro__pframe *of) {
  return json_pack("{s:i,s:i,s:o,s:o,s:o,s:o,s:o,s:i,s:i}", "kind", (int)of->kind, "line", (int)of->line, "function",
                   text(of->function), "file", text(of->file), "module", text(of->module), "address",
                   number(of->address), "run_address", number(of->run_address), "generation", (int)of->generation,
                   "caller", (int)of->caller);
}

static json_t *site(const ouro__psite *of) {
  json_t *tallies = json_array();
  for (int i = 0; i < OURO_MEASURES; i++) json_array_append_new(tallies, tally(of->of[i]));
  return json_pack("{s:i,s:i,s:i,s:i,s:o,s:o,s:I,s:f,s:f}", "node", (int)of->node, "thread", of->thread, "class",
                   of->class_, "domain", of->domain, "type", text(of->type), "of", tallies, "samples",
                   (json_int_t)of->samples, "variance", of->variance, "live_variance", of->live_variance);
}

static json_t *snapshot(const ouro__psnapshot *of) {
  json_t *changes = json_array();
  for (size_t i = 0; i < of->change_count; i++) {
    json_array_append_new(changes, json_pack("[i,o]", (int)of->changes[i].site, tally(of->changes[i].live)));
  }
  return json_pack("{s:f,s:o,s:o,s:o}", "seconds", of->seconds, "label", text(of->label), "live", tally(of->live),
                   "changes", changes);
}

static json_t *pin(const ouro__ppin *of) {
  return json_pack("{s:o,s:o,s:i,s:i,s:i,s:o,s:o,s:o,s:f,s:f}", "arena", number(of->arena), "site", number(of->site),
                   "blocks", (int)of->blocks, "pools", (int)of->pools, "held_pages", (int)of->held_pages, "bytes",
                   number(of->bytes), "kept", number(of->kept), "sole", number(of->sole), "oldest", of->oldest,
                   "youngest", of->youngest);
}

static json_t *point(const ouro__ppoint *of) {
  return json_pack("[f,I,I,I]", of->seconds, (json_int_t)of->live_bytes, (json_int_t)of->held_bytes,
                   (json_int_t)of->resident_bytes);
}

static json_t *node(const ouro__pnode *of) { return json_pack("[i,i]", (int)of->parent, (int)of->frame); }
static json_t *thread(const ouro__pthread *of) { return json_pack("[o,o]", number(of->id), text(of->name)); }

static json_t *module(const ouro__pmodule *of) {
  return json_pack("[o,o,o,o,i]", number(of->start), number(of->end), number(of->offset), text(of->path),
                   (int)of->generation);
}

#define LIST(object, key, call, array, count)                                                                          \
  do {                                                                                                                 \
    json_t *list = json_array();                                                                                       \
    for (size_t i = 0; i < (count); i++) json_array_append_new(list, call(&(array)[i]));                               \
    json_object_set_new(object, key, list);                                                                            \
  } while (0)

static json_t *whole(const ouro__profile *of) {
  json_t *all = json_object(), *command = json_array();
  for (char **word = of->command; *word; word++) json_array_append_new(command, text(*word));
  json_object_set_new(all, "command", command);
  json_object_set_new(all, "pid", json_integer(of->pid));
  json_object_set_new(all, "parent", json_integer(of->parent));
  json_object_set_new(all, "python", text(of->python));
  json_object_set_new(all, "mode", json_integer(of->mode));
  json_object_set_new(all, "frame_limit", json_integer(of->frame_limit));
  json_object_set_new(all, "native", json_boolean(of->native));
  json_object_set_new(all, "sample_bytes", number(of->sample_bytes));
  json_object_set_new(all, "start_realtime_ns", number(of->start_realtime_ns));
  json_object_set_new(all, "seconds", json_real(of->seconds));
  json_object_set_new(all, "ended", json_boolean(of->ended));
  json_object_set_new(all, "complete", json_boolean(of->complete));
  json_object_set_new(all, "lost", number(of->lost));
  json_object_set_new(all, "broken", json_integer(of->broken));
  json_object_set_new(all, "live", tally(of->live));
  json_object_set_new(all, "peak", tally(of->peak));
  json_object_set_new(all, "total", tally(of->total));
  json_object_set_new(all, "peak_seconds", json_real(of->peak_seconds));
  json_object_set_new(all, "end_seconds", json_real(of->end_seconds));
  json_object_set_new(all, "pins_seconds", json_real(of->pins_seconds));
  json_object_set_new(all, "heap", of->heap_json ? text(of->heap_json) : json_null());
  LIST(all, "frames", frame, of->frames, of->frame_count);
  LIST(all, "nodes", node, of->nodes, of->node_count);
  LIST(all, "sites", site, of->sites, of->site_count);
  LIST(all, "threads", thread, of->threads, of->thread_count);
  LIST(all, "modules", module, of->modules, of->module_count);
  LIST(all, "points", point, of->points, of->point_count);
  LIST(all, "snapshots", snapshot, of->snapshots, of->snapshot_count);
  LIST(all, "pins", pin, of->pins, of->pin_count);
  return all;
}

/* What ouro__profile_at says must fit the snapshots' own sums. */
static bool sums_fit(const ouro__profile *profile) {
  for (size_t i = 0; i < profile->snapshot_count; i++) {
    ouro__tally *live = ouro__profile_at(profile, i);
    int64_t bytes = 0;
    for (size_t j = 0; live && j < profile->site_count; j++) bytes += live[j].bytes;
    free(live);
    if (bytes != profile->snapshots[i].live.bytes) return false;
  }
  return true;
}

static int dump(const char *name) {
  ouro__profile *profile = ouro__profile_load(name, true);
  if (!profile) return 1;
  json_t *all = whole(profile);
  json_object_set_new(all, "sums_fit", json_boolean(sums_fit(profile)));
  json_dumpf(all, stdout, JSON_REAL_PRECISION(12));
  json_decref(all);
  ouro__profile_free(profile);
  return 0;
}

/* ---------------------------------------------------------------- record */

static void record_state(ouro__writer *writer, const char *name, uint64_t ns, bool last) {
  ouro__area area;
  if (!ouro__area_open(&area, open(name, O_RDONLY))) exit(3);
  uint64_t now = area.page.started_ns + ns;
  ouro__writer_point(writer, ns, area.page.live_bytes, 2 * area.page.live_bytes, 3 * area.page.live_bytes);
  ouro__writer_update(writer, &area, now, last);
  ouro__writer_snapshot(writer, ns, last ? "end" : "interval");
  ouro__writer_pins(writer, &area);
  if (last) ouro__writer_symbols(writer, &area);
  ouro__area_close(&area);
}

static int record(const char *out, int count, char **areas) {
  ouro__writer writer;
  int error = ouro__writer_open(&writer, out, false);
  if (error) return error;
  for (int i = 0; i < count; i++) record_state(&writer, areas[i], (uint64_t)(i + 1) * 1000000000u, i == count - 1);
  ouro__writer_heap(&writer, "{\"heap\":{}}", 11);
  ouro__writer_close(&writer);
  return 0;
}

static int chunks(const char *name) {
  ouro__chunk chunk;
  int fd = open(name, O_RDONLY);
  for (off_t at = sizeof(ouro__recording_head); pread(fd, &chunk, sizeof chunk, at) == (ssize_t)sizeof chunk;) {
    printf("%u %lld %u\n", chunk.kind, (long long)at, chunk.stored);
    at += (off_t)sizeof chunk + chunk.stored;
  }
  return 0;
}

/* ---------------------------------------------------------------- damage */

static char *read_all(const char *name, size_t *size) {
  FILE *file = fopen(name, "rb");
  if (!file || fseek(file, 0, SEEK_END) != 0) exit(3);
  *size = (size_t)ftell(file);
  rewind(file);
  char *data = malloc(*size + 1);
  if (!data || fread(data, 1, *size, file) != *size) exit(3);
  fclose(file);
  return data;
}

static void write_all(const char *name, const char *data, size_t size) {
  FILE *file = fopen(name, "wb");
  if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0) exit(3);
}

static int cuts(const char *name, const char *copy) {
  size_t size, most_sites = SIZE_MAX;
  char *data = read_all(name, &size);
  write_all(copy, data, size);
  free(data);
  for (size_t length = size; length-- > 0;) {
    if (truncate(copy, (off_t)length) != 0) return 3;
    ouro__profile *profile = ouro__profile_load(copy, true);
    bool readable = length >= sizeof(ouro__recording_head);
    if ((profile != NULL) != readable) return 4;
    if (!profile) continue;
    if (profile->complete || profile->site_count > most_sites || !sums_fit(profile)) return 5;
    most_sites = profile->site_count;
    ouro__profile_free(profile);
  }
  return 0;
}

static int flips(const char *name, const char *copy) {
  static const unsigned char changes[] = {0x01, 0x80, 0xff};
  size_t size;
  char *data = read_all(name, &size);
  write_all(copy, data, size);
  int fd = open(copy, O_WRONLY);
  for (size_t at = 0; at < size; at++) {
    if (size > 100000 && data[at] == 0) continue;
    for (size_t i = 0; i < sizeof changes; i++) {
      char changed = (char)(data[at] ^ changes[i]);
      if (pwrite(fd, &changed, 1, (off_t)at) != 1) return 3;
      ouro__profile *profile = ouro__profile_load(copy, true);
      if (profile && !sums_fit(profile)) return 5;
      ouro__profile_free(profile);
    }
    if (pwrite(fd, &data[at], 1, (off_t)at) != 1) return 3;
  }
  free(data);
  close(fd);
  return 0;
}

static int layout(void) {
  printf("%d %d %d\n", OURO_AREA_PAGE_BYTES, OURO_AREA_CHUNK_BYTES, OURO_AREA_CHUNK_HEAD);
  printf("%zu %zu %zu %zu %zu %zu\n", sizeof(ouro__area_frame), sizeof(ouro__area_node), sizeof(ouro__area_site),
         sizeof(ouro__area_module), sizeof(ouro__area_thread), sizeof(ouro__area_pin));
  printf("%zu %zu %zu %zu %zu\n", offsetof(ouro__area_page, counts), offsetof(ouro__area_page, live),
         offsetof(ouro__area_page, pins_ns), offsetof(ouro__area_page, wish_sample),
         offsetof(ouro__area_page, command));
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 3 && strcmp(argv[1], "dump") == 0) return dump(argv[2]);
  if (argc == 3 && strcmp(argv[1], "chunks") == 0) return chunks(argv[2]);
  if (argc >= 4 && strcmp(argv[1], "record") == 0) return record(argv[2], argc - 3, argv + 3);
  if (argc == 4 && strcmp(argv[1], "cuts") == 0) return cuts(argv[2], argv[3]);
  if (argc == 4 && strcmp(argv[1], "flips") == 0) return flips(argv[2], argv[3]);
  if (argc == 2 && strcmp(argv[1], "layout") == 0) return layout();
  return 2;
}
