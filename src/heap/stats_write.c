/* heap/stats_write.c - statistics as text and as JSON, without allocating and without stdio: also for a signal handler. */
#include <string.h>

#include "heap/class.h"
#include "heap/heap.h"
#include "heap/stats.h"

typedef struct writer {
  ouro_write_fn write;
  void *arg;
  int error;
  bool comma;
  size_t used;
  bool handler;
  char buffer[512];
} writer;

static _Atomic(const ouro__stats_part *) part_above;

void ouro__stats_add(const ouro__stats_part *part) { ouro__store_release(&part_above, part); }

static void flush(writer *out) {
  if (!out->error && out->used && out->write(out->arg, out->buffer, out->used)) out->error = OURO_ESTOP;
  out->used = 0;
}

static void put(writer *out, const char *text) {
  size_t length = strlen(text);
  if (out->used + length > sizeof out->buffer) flush(out);
  if (length > sizeof out->buffer) return;
  memcpy(out->buffer + out->used, text, length);
  out->used += length;
}

static void put_num(writer *out, uint64_t number) {
  char digits[24];
  ouro__text text = {digits, sizeof digits - 1};
  ouro__text_num(&text, number);
  put(out, digits);
}

static void put_hex(writer *out, uint64_t number) {
  char digits[24];
  ouro__text text = {digits, sizeof digits - 1};
  ouro__text_hex(&text, number);
  put(out, digits);
}

static void put_for_part(void *out, const char *text) { put(out, text); }

static void write_part(writer *out, enum ouro_format format) {
  const ouro__stats_part *part = ouro__load_acquire(&part_above);
  if (part) part->write(format, out->handler, put_for_part, out);
}

/* ---------------------------------------------------------------- JSON */

static void field(writer *out, const char *name, uint64_t value) {
  put(out, out->comma ? ",\"" : "\"");
  put(out, name);
  put(out, "\":");
  put_num(out, value);
  out->comma = true;
}

static const struct {
  const char *name;
  size_t offset;
} heap_fields[] = {
#define FIELD(name) {#name, offsetof(ouro_heap_stats, name)}
    FIELD(blocks_live), FIELD(bytes_live),      FIELD(bytes_cached), FIELD(bytes_pools),    FIELD(bytes_large),
    FIELD(blocks_large), FIELD(bytes_held),     FIELD(bytes_held_peak), FIELD(bytes_dirty), FIELD(bytes_metadata),
    FIELD(bytes_taken), FIELD(bytes_returned),  FIELD(arenas),       FIELD(pools),          FIELD(heaps),
    FIELD(threads),
#undef FIELD
};

enum { HEAP_FIELDS = sizeof heap_fields / sizeof *heap_fields };

static size_t heap_field(const ouro_heap_stats *stats, int index) {
  size_t value;
  memcpy(&value, (const char *)stats + heap_fields[index].offset, sizeof value);
  return value;
}

static void json_class(writer *out, unsigned class_, const ouro__class_sums *sums) {
  put(out, out->comma ? ",\n  {" : "\n  {");
  out->comma = false;
  field(out, "size", ouro__class_size(class_));
  field(out, "pools", sums->pools);
  field(out, "live", sums->out - sums->cached);
  field(out, "free", sums->free);
  field(out, "cached", sums->cached);
  field(out, "returned", sums->returned);
  put(out, "}");
}

typedef struct arena_writer {
  writer *out;
  bool wait;
} arena_writer;

static int json_arena(const ouro__arena_view *arena, void *arg) {
  arena_writer *state = arg;
  writer *out = state->out;
  ouro__arena_sums sums = ouro__sum_arena(arena, state->wait);
  put(out, out->comma ? ",\n  {\"address\":\"" : "\n  {\"address\":\"");
  put_hex(out, (uintptr_t)ouro__unit_address(arena->index * OURO_ARENA_UNITS));
  put(out, "\"");
  out->comma = true;
  field(out, "size", OURO_ARENA_BYTES);
  field(out, "pools", sums.pools);
  field(out, "used", sums.used);
  field(out, "live", sums.live);
  field(out, "resident", sums.resident);
  put(out, "}");
  return out->error;
}

static void write_json(writer *out, const ouro__sums *sums, const ouro_heap_stats *stats) {
  put(out, "{\"ouro\":\"" OURO_VERSION "\",\"pid\":");
  put_num(out, (uint64_t)ouro__os_pid());
  put(out, ",\n \"heap\":{");
  for (int i = 0; i < HEAP_FIELDS; i++) field(out, heap_fields[i].name, heap_field(stats, i));
  put(out, "}");
  write_part(out, OURO_FORMAT_JSON);
  put(out, ",\n \"classes\":[");
  out->comma = false;
  for (unsigned class_ = 1; class_ < OURO_RAW_CLASSES; class_++) {
    if (!sums->classes[class_].pools) continue;
    json_class(out, class_, &sums->classes[class_]);
    out->comma = true;
  }
  put(out, "],\n \"arenas\":[");
  out->comma = false;
  arena_writer state = {out, sums->wait};
  ouro__each_arena(sums->wait, json_arena, &state);
  put(out, "]}\n");
}

/* ---------------------------------------------------------------- text */

static void column(writer *out, uint64_t number, size_t width) {
  char digits[24];
  ouro__text text = {digits, sizeof digits - 1};
  ouro__text_num(&text, number);
  for (size_t length = strlen(digits); length < width; length++) put(out, " ");
  put(out, digits);
}

static void write_text(writer *out, const ouro__sums *sums, const ouro_heap_stats *stats) {
  put(out, "ouro " OURO_VERSION ": the heap of process ");
  put_num(out, (uint64_t)ouro__os_pid());
  put(out, "\n");
  for (int i = 0; i < HEAP_FIELDS; i++) {
    put(out, "  ");
    put(out, heap_fields[i].name);
    for (size_t length = strlen(heap_fields[i].name); length < 18; length++) put(out, " ");
    column(out, heap_field(stats, i), 16);
    put(out, "\n");
  }
  put(out, "   size     pools      live      free    cached    returned\n");
  for (unsigned class_ = 1; class_ < OURO_RAW_CLASSES; class_++) {
    const ouro__class_sums *it = &sums->classes[class_];
    if (!it->pools) continue;
    column(out, ouro__class_size(class_), 7);
    column(out, it->pools, 10);
    column(out, it->out - it->cached, 10);
    column(out, it->free, 10);
    column(out, it->cached, 10);
    column(out, it->returned, 12);
    put(out, "\n");
  }
  write_part(out, OURO_FORMAT_TEXT);
}

/* ---------------------------------------------------------------- both */

static int stats_write(enum ouro_format format, ouro_write_fn write, void *arg, bool wait, bool handler) {
  if (!write || (format != OURO_FORMAT_TEXT && format != OURO_FORMAT_JSON)) return OURO_EINVAL;
  ouro__sums sums;
  ouro_heap_stats stats;
  writer out = {.write = write, .arg = arg, .handler = handler};
  ouro__sum_all(&sums, wait);
  ouro__stats_from(&sums, &stats);
  (format == OURO_FORMAT_JSON ? write_json : write_text)(&out, &sums, &stats);
  flush(&out);
  return out.error;
}

int ouro_stats_write(enum ouro_format format, ouro_write_fn write, void *arg) {
  return stats_write(format, write, arg, true, false);
}

int ouro__stats_write_nowait(enum ouro_format format, ouro_write_fn write, void *arg) {
  return stats_write(format, write, arg, false, false);
}

int ouro__stats_write_signal(enum ouro_format format, ouro_write_fn write, void *arg) {
  return stats_write(format, write, arg, false, true);
}
