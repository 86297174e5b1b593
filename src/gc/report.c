/* gc/report.c - the objects' part of a report: live ones by type and generation, and what the collections did.
 *
 * The figures are taken by whoever writes a report, where that is safe: in an attached thread, outside of signal handlers and of
 * collections of its own, and not from the heap's tick, which may come while locks are held. Anybody else shows those that were taken last,
 * if any, and has them taken anew at the thread's next safepoint, or at the end of the next collection. They are taken into fixed memory,
 * and written from there without allocating. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include "gc/gc.h"
#include "heap/heap.h"
#include "os/os.h"

enum { ROWS = 40, NAME_BYTES = 64, TYPES_FIRST = 128 };

/* A report does not hold up a program for longer than this. */
#define SHORT_PATIENCE UINT64_C(10000000)

/* Collections take figures no more often than this many times as long as it took the last time. */
#define PAUSE_SHARE 100

typedef struct row {
  char name[NAME_BYTES]; /* valid UTF-8 without control characters */
  size_t objects, bytes, generation[OURO_GENERATIONS];
} row;

static struct {
  _Atomic uint32_t busy;                                      /* 1: somebody takes or writes the figures */
  _Atomic uint32_t wanted;                                    /* 1: somebody could only show old ones */
  bool known;                                                 /* they have been taken */
  uint64_t taken_ns, cost_ns;                                 /* when, and how long it took */
  size_t types, objects, bytes, generation[OURO_GENERATIONS]; /* all of them */
  size_t rows;
  row row[ROWS]; /* those with most bytes */
  ouro_gc_stats stats[OURO_GENERATIONS];
  ouro_stop_stats stops;
  char late_at[NAME_BYTES]; /* the function that was late, and where in it; empty: not known */
} figures;

static _Thread_local bool in_tick;

/* ---------------------------------------------------------------- taking the figures */

/* Bytes of the character that `text` begins with; 0 where it is none that can be shown. (Unicode, table 3-7.) */
static size_t character(const unsigned char *text) {
  static const struct {
    unsigned char first, first_last, second, second_last, bytes;
  } forms[] = {
      {0x20, 0x7e, 0x00, 0xff, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
      {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
      {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
  };
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    if (text[0] < forms[i].first || text[0] > forms[i].first_last) continue;
    if (text[1] < forms[i].second || text[1] > forms[i].second_last) return 0;
    for (size_t at = 2; at < forms[i].bytes; at++) {
      if (text[at] < 0x80 || text[at] > 0xbf) return 0;
    }
    return forms[i].bytes;
  }
  return 0;
}

static void copy_name(char to[NAME_BYTES], const char *name) {
  size_t length = 0;
  while (*name) {
    size_t bytes = character((const unsigned char *)name);
    if (length + (bytes ? bytes : 1) >= NAME_BYTES) break;
    if (bytes)
      memcpy(to + length, name, bytes);
    else
      to[length] = '?';
    length += bytes ? bytes : 1;
    name += bytes ? bytes : 1;
  }
  to[length] = 0;
}

static void add_type(const ouro_type_stats *type) {
  figures.objects += type->objects;
  figures.bytes += type->bytes;
  for (int i = 0; i < OURO_GENERATIONS; i++) figures.generation[i] += type->generation[i];
  if (figures.rows == ROWS) return;
  row *it = &figures.row[figures.rows++];
  *it = (row){.objects = type->objects, .bytes = type->bytes};
  memcpy(it->generation, type->generation, sizeof it->generation);
  copy_name(it->name, type->name);
}

/* All types, in a new block; NULL: no memory. */
static ouro_type_stats *get_types(size_t *count) {
  size_t room = TYPES_FIRST;
  for (;;) {
    ouro_type_stats *types = ouro_malloc(room * sizeof *types);
    if (!types) return NULL;
    errno = 0;
    *count = ouro_type_stats_get(types, room);
    if (*count <= room && !(*count == 0 && errno)) return types;
    ouro_free(types);
    if (*count == 0) return NULL;
    room = *count;
  }
}

/* Where the thread was that came last: the function, if the linker knows it, and the distance from its beginning; or else from that of its
 * file. */
static void name_late(void) {
  const void *at = figures.stops.late_at;
  Dl_info found;
  char name[NAME_BYTES * 2];
  ouro__text text = {name, sizeof name - 1};
  *figures.late_at = *name = 0;
  if (!at || !dladdr(at, &found)) return;
  const char *slash = strrchr(found.dli_fname, '/');
  ouro__text_str(&text, found.dli_sname ? found.dli_sname : slash ? slash + 1 : found.dli_fname);
  ouro__text_str(&text, "+");
  ouro__text_hex(&text, (uintptr_t)at - (uintptr_t)(found.dli_sname ? found.dli_saddr : found.dli_fbase));
  copy_name(figures.late_at, name);
}

/* Without memory, or where a thread does not come, those of before stay. */
static void take_figures(void) {
  size_t count;
  uint64_t start = ouro__os_now_ns();
  if (!ouro__world_stop(SHORT_PATIENCE)) return;
  ouro_type_stats *types = get_types(&count);
  ouro__world_start();
  if (!types) return;
  figures.types = count;
  figures.objects = figures.bytes = figures.rows = 0;
  memset(figures.generation, 0, sizeof figures.generation);
  for (size_t i = 0; i < count; i++) add_type(&types[i]);
  ouro_free(types);
  ouro_gc_get_stats(figures.stats);
  ouro_stop_stats_get(&figures.stops);
  name_late();
  figures.known = true;
  figures.taken_ns = ouro__os_now_ns();
  figures.cost_ns = figures.taken_ns - start;
  ouro__store_relaxed(&figures.wanted, 0);
}

/* ---------------------------------------------------------------- writing them */

typedef struct sink {
  void (*put)(void *out, const char *text);
  void *out;
} sink;

static void put(const sink *to, const char *text) { to->put(to->out, text); }

static void put_num(const sink *to, uint64_t number, size_t width) {
  char digits[24];
  ouro__text text = {digits, sizeof digits - 1};
  ouro__text_num(&text, number);
  for (size_t length = strlen(digits); length < width; length++) put(to, " ");
  put(to, digits);
}

/* ,"name":number */
static void member(const sink *to, const char *name, uint64_t number) {
  put(to, ",\"");
  put(to, name);
  put(to, "\":");
  put_num(to, number, 0);
}

static void put_quoted(const sink *to, const char *text) {
  char one[3] = {0};
  put(to, "\"");
  for (; *text; text++) {
    bool escaped = *text == '"' || *text == '\\';
    one[0] = escaped ? '\\' : *text;
    one[1] = escaped ? *text : 0;
    put(to, one);
  }
  put(to, "\"");
}

static void json_generation(const sink *to, int generation) {
  const ouro_gc_stats *stats = &figures.stats[generation];
  put(to, generation ? ",\n  {" : "\n  {");
  put(to, "\"objects\":");
  put_num(to, figures.generation[generation], 0);
  member(to, "collections", stats->collections);
  member(to, "collected", stats->collected);
  member(to, "uncollectable", stats->uncollectable);
  member(to, "candidates", stats->candidates);
  member(to, "pauses_ns", stats->duration_ns);
  member(to, "longest_pause_ns", stats->longest_ns);
  put(to, "}");
}

static void json_type(const sink *to, const row *type, bool first) {
  put(to, first ? "\n  {\"name\":" : ",\n  {\"name\":");
  put_quoted(to, type->name);
  member(to, "objects", type->objects);
  member(to, "bytes", type->bytes);
  put(to, ",\"generations\":[");
  for (int i = 0; i < OURO_GENERATIONS; i++) {
    if (i) put(to, ",");
    put_num(to, type->generation[i], 0);
  }
  put(to, "]}");
}

/* The least number of microseconds that so many of a hundred stops took less than. */
static uint64_t stops_below(unsigned percent) {
  const unsigned slots = sizeof figures.stops.took / sizeof *figures.stops.took;
  uint64_t all = 0, some = 0;
  for (unsigned i = 0; i < slots; i++) all += figures.stops.took[i];
  for (unsigned i = 0; i < slots; i++) {
    some += figures.stops.took[i];
    if (some * 100 >= all * percent) return UINT64_C(1) << i;
  }
  return 0;
}

static void json_stops(const sink *to) {
  const ouro_stop_stats *stops = &figures.stops;
  put(to, ",\n \"stops\":{\"stops\":");
  put_num(to, stops->stops, 0);
  member(to, "given_up", stops->given_up);
  member(to, "waited_ns", stops->waited_ns);
  member(to, "longest_ns", stops->longest_ns);
  member(to, "stopped_ns", stops->stopped_ns);
  member(to, "late_thread", stops->late_thread);
  put(to, ",\"late_at\":");
  put_quoted(to, figures.late_at);
  put(to, ",\"took\":[");
  for (unsigned i = 0; i < sizeof stops->took / sizeof *stops->took; i++) {
    if (i) put(to, ",");
    put_num(to, stops->took[i], 0);
  }
  put(to, "]}");
}

static void write_json(const sink *to) {
  put(to, ",\n \"objects\":{\"live\":");
  put_num(to, figures.objects, 0);
  member(to, "bytes", figures.bytes);
  put(to, ",\"generations\":[");
  for (int i = 0; i < OURO_GENERATIONS; i++) json_generation(to, i);
  put(to, "]");
  member(to, "types_in_all", figures.types);
  put(to, ",\"types\":[");
  for (size_t i = 0; i < figures.rows; i++) json_type(to, &figures.row[i], i == 0);
  put(to, "]");
  json_stops(to);
  put(to, "}");
}

static void text_line(const sink *to, size_t objects, size_t bytes, const size_t generation[OURO_GENERATIONS],
                      const char *name) {
  put_num(to, objects, 10);
  put_num(to, bytes, 14);
  for (int i = 0; i < OURO_GENERATIONS; i++) put_num(to, generation[i], 10);
  put(to, "  ");
  put(to, name);
  put(to, "\n");
}

static void text_stops(const sink *to) {
  const ouro_stop_stats *stops = &figures.stops;
  if (!stops->stops && !stops->given_up) return;
  put(to, "threads stopped ");
  put_num(to, stops->stops, 0);
  put(to, " times, given up ");
  put_num(to, stops->given_up, 0);
  put(to, "; of 100, 99 took less than ");
  put_num(to, stops_below(99), 0);
  put(to, " us, the longest ");
  put_num(to, stops->longest_ns / 1000, 0);
  put(to, " us");
  if (stops->late_thread) {
    put(to, ": thread ");
    put_num(to, stops->late_thread, 0);
    put(to, " was late");
  }
  if (*figures.late_at) {
    put(to, ", at ");
    put(to, figures.late_at);
  }
  put(to, "\n");
}

static void write_text(const sink *to) {
  put(to, "   objects         bytes     young    middle       old  type\n");
  for (size_t i = 0; i < figures.rows; i++) {
    const row *it = &figures.row[i];
    text_line(to, it->objects, it->bytes, it->generation, it->name);
  }
  text_line(to, figures.objects, figures.bytes, figures.generation, "all");
  put(to, "generation collections  candidates   collected uncollectable   pauses us  longest us\n");
  for (int i = 0; i < OURO_GENERATIONS; i++) {
    const ouro_gc_stats *it = &figures.stats[i];
    put_num(to, (uint64_t)i, 10);
    put_num(to, it->collections, 12);
    put_num(to, it->candidates, 12);
    put_num(to, it->collected, 12);
    put_num(to, it->uncollectable, 14);
    put_num(to, it->duration_ns / 1000, 12);
    put_num(to, it->longest_ns / 1000, 12);
    put(to, "\n");
  }
  text_stops(to);
}

/* Another thread may have been busy when this process was forked. */
void ouro__report_forked(void) { ouro__store_relaxed(&figures.busy, 0); }

/* As ouro__stats_part has it. */
static void write_part(enum ouro_format format, bool handler, void (*put_text)(void *out, const char *text),
                       void *out) {
  sink to = {put_text, out};
  if (ouro__exchange_acquire(&figures.busy, 1)) return; /* a handler above it, another thread, or a walk of its own */
  int saved = errno;
  ouro__store_relaxed(&figures.wanted, 1);
  if (!handler && ouro__thread_is_in() && !ouro__gc_is_mine()) {
    if (in_tick) {
      OURO__SET(ouro__at.limit, INT32_MIN); /* at the next safepoint */
    } else {
      take_figures();
    }
  }
  errno = saved;
  if (figures.known) (format == OURO_FORMAT_JSON ? write_json : write_text)(&to);
  ouro__store_release(&figures.busy, 0);
}

/* Somebody could only show old ones. */
static void take_wanted_figures(void) {
  if (ouro__exchange_acquire(&figures.busy, 1)) return;
  int saved = errno;
  if (ouro__os_now_ns() - figures.taken_ns >= PAUSE_SHARE * figures.cost_ns) take_figures();
  errno = saved;
  ouro__store_release(&figures.busy, 0);
}

/* An ouro_gc_fn. */
static void after_collection(const ouro_gc_info *info, void *arg) {
  (void)arg;
  if (info->stop && ouro__load_relaxed(&figures.wanted)) take_wanted_figures();
}

void ouro__report_at_safepoint(void) {
  if (OURO_UNLIKELY(ouro__load_relaxed(&figures.wanted)) && !ouro__gc_is_mine()) take_wanted_figures();
}

/* ---------------------------------------------------------------- joining */

static _Atomic(ouro__tick_fn) joined_tick;

static void tick(void) {
  ouro__tick_fn fn = ouro__load_acquire(&joined_tick);
  in_tick = true;
  fn();
  in_tick = false;
}

/* Nobody preloaded writes reports unless these say so: then a search for it is spared, which allocates where it fails. */
static bool are_reports_asked_for(void) {
  size_t length;
  return ouro__conf_find("run-dir", &length) || ouro__conf_find("report", &length) ||
         ouro__conf_find("signal", &length);
}

void ouro__report_join(void) {
  static const ouro__stats_part part = {write_part, ouro__heap_counters};
  ouro__stats_add(&part);
  if (!are_reports_asked_for()) return;
  int saved = errno;
  void *address = dlsym(RTLD_DEFAULT, OURO_JOIN_NAME);
  ouro__join_fn join;
  memcpy(&join, &address, sizeof join);
  ouro__tick_fn fn = address ? join(&part) : NULL;
  if (fn) {
    ouro__store_release(&joined_tick, fn);
    ouro__heap_set_tick(tick);
    ouro__gc_add_callback(after_collection, NULL); /* without memory for that, figures are older */
  }
  errno = saved;
}
