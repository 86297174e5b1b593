/* cli/profile/reader.c - reads recordings (recording.h): chunk after chunk into tables, snapshots and points, up to the first
 * that is not whole or makes no sense. Nothing in a file is trusted. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "cli/cli.h"
#include "cli/profile/bytes.h"
#include "cli/profile/recording.h"
#include "cli/profile/tables.h"

#define INLINED_MOST 100 /* calls into each other */
#define MEMORY_MOST (UINT64_C(4) << 30) /* bytes for what a file has, of which a small one may say much */

/* Live blocks and bytes of a site as the file has them, before sampling is known. */
typedef struct change {
  uint32_t site;
  uint64_t count, bytes;
} change;

typedef struct snapshot {
  uint64_t ns;
  char label[32];
  uint64_t count, bytes; /* of all sites */
  change *changes;       /* owned */
  size_t change_count;
} snapshot;

typedef struct symbols { /* where in the file its chunks are: they are read again when the profile is made */
  int64_t *offsets;
  size_t count, room;
} symbols;

typedef struct reader {
  int fd;
  int64_t at, size; /* bytes of the file */
  size_t chunks;
  bool closed;    /* the index was there, and right */
  bool no_memory; /* what was read is incomplete */
  uint64_t memory; /* bytes of tables and changes */
  ouro__bytes stored, raw;
  ouro__bytes index; /* what the index must be */
  ouro__tables tables;
  size_t frame_room, node_room, site_room, module_room, thread_room, pin_room, string_room;
  uint64_t pins_ns;
  ouro__tally *seen; /* of each site in the snapshot before: raw; room for site_room */
  uint32_t *changed; /* sites whose counters changed since, each once */
  size_t changed_count;
  bool *is_changed;
  uint64_t live, live_bytes; /* of all sites */
  snapshot *snapshots;
  size_t snapshot_count, snapshot_room;
  uint64_t spacing_ns, kept_ns; /* of snapshots at intervals: those closer to the last kept one are left out */
  ouro__ppoint *points;
  size_t point_count, point_room;
  char *heap;
  symbols symbols;
} reader;

/* ---------------------------------------------------------------- chunks */

static bool read_at(int fd, void *out, size_t size, int64_t at) {
  for (char *to = out; size > 0;) {
    ssize_t got = pread(fd, to, size, at);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    to += got;
    at += got;
    size -= (size_t)got;
  }
  return true;
}

/* The header at `at`; false: there is none, or it goes beyond the end of the file. */
static bool read_header(const reader *from, int64_t at, ouro__chunk *header) {
  if (from->size - at < (int64_t)sizeof *header || !read_at(from->fd, header, sizeof *header, at)) return false;
  return header->mark == OURO_CHUNK_MARK && header->raw <= OURO_CHUNK_MOST &&
         header->stored <= from->size - at - (int64_t)sizeof *header;
}

static bool unpack(reader *from, const ouro__chunk *header) {
  if (header->codec == OURO_CODEC_NONE) {
    ouro__bytes_raw(&from->raw, from->stored.data, header->stored);
    return header->stored == header->raw;
  }
  if (header->codec != OURO_CODEC_ZSTD) return false;
  size_t size = ZSTD_decompress(from->raw.data, header->raw, from->stored.data, header->stored);
  from->raw.size = header->raw;
  return size == header->raw;
}

/* Read the chunk at `at` into `raw`. */
static bool read_chunk(reader *from, int64_t at, ouro__chunk *header) {
  if (!read_header(from, at, header)) return false;
  from->stored.size = from->raw.size = 0;
  if (!ouro__bytes_reserve(&from->stored, header->stored + 1) || !ouro__bytes_reserve(&from->raw, header->raw + 1)) {
    from->no_memory = true;
    return false;
  }
  if (!read_at(from->fd, from->stored.data, header->stored, at + (int64_t)sizeof *header)) return false;
  return ouro__chunk_check(header, from->stored.data) == header->check && unpack(from, header);
}

static ouro__cursor cursor_of(const reader *from) {
  const unsigned char *begin = (const unsigned char *)from->raw.data;
  return (ouro__cursor){.at = begin, .end = begin + from->raw.size};
}

/* ---------------------------------------------------------------- tables */

/* May it take so much more? */
static bool take_memory(reader *from, uint64_t size) {
  from->memory += size;
  if (from->memory > MEMORY_MOST) from->no_memory = true;
  return !from->no_memory;
}

/* Room for one more of `size` bytes behind `count`; false: no memory. */
static bool make_room(reader *from, void *array, size_t *room, size_t count, size_t size) {
  void *old, *grown;
  if (count < *room) return true;
  size_t wanted = *room ? 2 * *room : 64;
  if (!take_memory(from, (wanted - *room) * size)) return false;
  memcpy(&old, array, sizeof old);
  grown = realloc(old, wanted * size);
  if (!grown) {
    from->no_memory = true;
    return false;
  }
  memset((char *)grown + *room * size, 0, (wanted - *room) * size);
  memcpy(array, &grown, sizeof grown);
  *room = wanted;
  return true;
}

static bool read_facts(reader *from, ouro__cursor *cursor) {
  size_t length;
  ouro__tables *tables = &from->tables;
  const char *text = ouro__cursor_text(cursor, &length);
  memset(tables->python, 0, sizeof tables->python);
  memcpy(tables->python, text, length < sizeof tables->python ? length : sizeof tables->python);
  text = ouro__cursor_text(cursor, &length);
  memset(tables->command, 0, sizeof tables->command);
  memcpy(tables->command, text, length < sizeof tables->command ? length : sizeof tables->command);
  while (ouro__cursor_more(cursor)) {
    uint64_t fact = ouro__cursor_number(cursor), value = ouro__cursor_number(cursor);
    if (fact < OURO_FACTS) tables->facts[fact] = value;
  }
  return !cursor->failed;
}

static bool read_strings(reader *from, ouro__cursor *cursor) {
  ouro__tables *tables = &from->tables;
  if (ouro__cursor_number(cursor) != tables->string_bytes || cursor->failed) return false;
  size_t size = (size_t)(cursor->end - cursor->at);
  while (from->string_room - tables->string_bytes < size) {
    if (!make_room(from, &tables->strings, &from->string_room, from->string_room, 1)) return false;
  }
  if (size > 0) memcpy(tables->strings + tables->string_bytes, cursor->at, size);
  tables->string_bytes += size;
  return true;
}

static bool read_modules(reader *from, ouro__cursor *cursor) {
  ouro__tables *tables = &from->tables;
  if (ouro__cursor_number(cursor) != tables->module_count) return false;
  while (ouro__cursor_more(cursor)) {
    if (!make_room(from, &tables->modules, &from->module_room, tables->module_count, sizeof *tables->modules))
      return false;
    ouro__area_module *module = &tables->modules[tables->module_count++];
    module->start = ouro__cursor_number(cursor);
    module->end = ouro__cursor_number(cursor);
    module->offset = ouro__cursor_number(cursor);
    module->path = (uint32_t)ouro__cursor_number(cursor);
    module->generation = (uint32_t)ouro__cursor_number(cursor);
  }
  return !cursor->failed;
}

static bool read_frames(reader *from, ouro__cursor *cursor) {
  ouro__tables *tables = &from->tables;
  ouro__area_frame last = {.kind = 0};
  if (ouro__cursor_number(cursor) != tables->frame_count) return false;
  while (ouro__cursor_more(cursor)) {
    if (!make_room(from, &tables->frames, &from->frame_room, tables->frame_count, sizeof *tables->frames)) return false;
    last.kind = (uint32_t)ouro__cursor_number(cursor);
    last.line = (uint32_t)ouro__cursor_number(cursor);
    last.file = (uint32_t)ouro__cursor_difference(cursor, last.file);
    last.function = (uint32_t)ouro__cursor_difference(cursor, last.function);
    last.address = ouro__cursor_difference(cursor, last.address);
    tables->frames[tables->frame_count++] = last;
  }
  return !cursor->failed;
}

static bool read_nodes(reader *from, ouro__cursor *cursor) {
  ouro__tables *tables = &from->tables;
  uint32_t frame = 0;
  if (ouro__cursor_number(cursor) != tables->node_count) return false;
  while (ouro__cursor_more(cursor)) {
    if (!make_room(from, &tables->nodes, &from->node_room, tables->node_count, sizeof *tables->nodes)) return false;
    uint64_t up = ouro__cursor_number(cursor);
    uint32_t parent = up <= tables->node_count ? (uint32_t)(tables->node_count - up) : 0;
    frame = (uint32_t)ouro__cursor_difference(cursor, frame);
    tables->nodes[tables->node_count++] = (ouro__area_node){parent, frame};
  }
  return !cursor->failed;
}

static bool read_threads(reader *from, ouro__cursor *cursor) {
  ouro__tables *tables = &from->tables;
  if (ouro__cursor_number(cursor) != tables->thread_count) return false;
  while (ouro__cursor_more(cursor)) {
    if (!make_room(from, &tables->threads, &from->thread_room, tables->thread_count, sizeof *tables->threads))
      return false;
    ouro__area_thread *thread = &tables->threads[tables->thread_count++];
    thread->id = ouro__cursor_number(cursor);
    ouro__cursor_raw(cursor, thread->name, sizeof thread->name);
  }
  return !cursor->failed;
}

/* One more site, and with it what is kept of each site here. */
static ouro__site *add_site(reader *from) {
  ouro__tables *tables = &from->tables;
  size_t count = tables->site_count, room = from->site_room, seen = room, changed = room, flags = room;
  if (!make_room(from, &from->seen, &seen, count, sizeof *from->seen) ||
      !make_room(from, &from->changed, &changed, count, sizeof *from->changed) ||
      !make_room(from, &from->is_changed, &flags, count, sizeof *from->is_changed) ||
      !make_room(from, &tables->sites, &from->site_room, count, sizeof *tables->sites)) {
    return NULL;
  }
  return &tables->sites[tables->site_count++];
}

static bool read_sites(reader *from, ouro__cursor *cursor) {
  uint32_t node = 0;
  if (ouro__cursor_number(cursor) != from->tables.site_count) return false;
  while (ouro__cursor_more(cursor)) {
    ouro__site *site = add_site(from);
    if (!site) return false;
    *site = (ouro__site){.node = node = (uint32_t)ouro__cursor_difference(cursor, node)};
    site->thread = (uint16_t)ouro__cursor_number(cursor);
    site->class_ = (uint8_t)ouro__cursor_number(cursor);
    site->domain = (uint8_t)ouro__cursor_number(cursor);
    site->type = (uint32_t)ouro__cursor_number(cursor);
  }
  return !cursor->failed;
}

/* ---------------------------------------------------------------- counters, snapshots, points */

static void read_counters(ouro__cursor *cursor, uint64_t counts[OURO_COUNTERS]) {
  uint64_t mask = ouro__cursor_number(cursor);
  for (int i = 0; i < OURO_COUNTERS; i++) {
    if (!(mask >> i & 1)) continue;
    if (i == OURO_COUNT_VARIANCE || i == OURO_COUNT_LIVE_VARIANCE)
      ouro__cursor_raw(cursor, &counts[i], sizeof counts[i]);
    else
      counts[i] = ouro__cursor_difference(cursor, counts[i]);
  }
}

static void note_change(reader *from, uint32_t index) {
  if (from->is_changed[index]) return;
  from->is_changed[index] = true;
  from->changed[from->changed_count++] = index;
}

static bool read_counts(reader *from, ouro__cursor *cursor) {
  uint64_t index = 0;
  while (ouro__cursor_more(cursor)) {
    index = ouro__cursor_difference(cursor, index);
    if (index >= from->tables.site_count) return false;
    uint64_t *counts = from->tables.sites[index].counts;
    from->live -= counts[OURO_COUNT_LIVE];
    from->live_bytes -= counts[OURO_COUNT_LIVE_BYTES];
    read_counters(cursor, counts);
    from->live += counts[OURO_COUNT_LIVE];
    from->live_bytes += counts[OURO_COUNT_LIVE_BYTES];
    note_change(from, (uint32_t)index);
  }
  return !cursor->failed;
}

/* What changed since the snapshot before, taken as seen. */
static bool take_changes(reader *from, snapshot *to) {
  size_t size = (from->changed_count + 1) * sizeof *to->changes;
  to->changes = take_memory(from, size) ? malloc(size) : NULL;
  if (!to->changes) {
    from->no_memory = true;
    return false;
  }
  for (size_t i = 0; i < from->changed_count; i++) {
    uint32_t index = from->changed[i];
    const uint64_t *counts = from->tables.sites[index].counts;
    ouro__tally now = {(int64_t)counts[OURO_COUNT_LIVE], (int64_t)counts[OURO_COUNT_LIVE_BYTES]};
    from->is_changed[index] = false;
    if (now.count == from->seen[index].count && now.bytes == from->seen[index].bytes) continue;
    from->seen[index] = now;
    to->changes[to->change_count++] = (change){index, counts[OURO_COUNT_LIVE], counts[OURO_COUNT_LIVE_BYTES]};
  }
  from->changed_count = 0;
  return true;
}

static void read_snapshot_head(ouro__cursor *cursor, snapshot *to) {
  size_t length;
  *to = (snapshot){.ns = ouro__cursor_number(cursor)};
  const char *label = ouro__cursor_text(cursor, &length);
  memcpy(to->label, label, length < sizeof to->label ? length : sizeof to->label - 1);
}

static bool is_interval(const snapshot *one) { return strcmp(one->label, "interval") == 0; }

/* I-PROFILE-3: one that is older than the one before is taken to be of the same time. */
static bool read_snapshot(reader *from, ouro__cursor *cursor) {
  snapshot next;
  read_snapshot_head(cursor, &next);
  if (cursor->failed) return false;
  if (next.ns < from->kept_ns) next.ns = from->kept_ns;
  if (is_interval(&next) && from->snapshot_count > 0 && next.ns - from->kept_ns < from->spacing_ns) return true;
  if (!make_room(from, &from->snapshots, &from->snapshot_room, from->snapshot_count, sizeof next)) return false;
  next.count = from->live;
  next.bytes = from->live_bytes;
  if (!take_changes(from, &next)) return false;
  from->kept_ns = next.ns;
  from->snapshots[from->snapshot_count++] = next;
  return true;
}

static bool read_points(reader *from, ouro__cursor *cursor) {
  uint64_t now[4] = {0};
  while (ouro__cursor_more(cursor)) {
    for (int i = 0; i < 4; i++) now[i] = ouro__cursor_difference(cursor, now[i]);
    if (cursor->failed) return false;
    double seconds = (double)now[0] / 1e9;
    bool again = from->point_count > 0 && seconds < from->points[from->point_count - 1].seconds;
    if (again) from->point_count = 0; /* tracing began anew, and time with it */
    if (!make_room(from, &from->points, &from->point_room, from->point_count, sizeof *from->points)) return false;
    from->points[from->point_count++] = (ouro__ppoint){seconds, now[1], now[2], now[3]};
  }
  return true;
}

/* ---------------------------------------------------------------- pins, heap, index */

static bool read_pins(reader *from, ouro__cursor *cursor) {
  ouro__tables *tables = &from->tables;
  ouro__area_pin pin = {.arena = 0};
  uint64_t ns = ouro__cursor_number(cursor);
  if (ns != from->pins_ns) tables->pin_count = 0;
  from->pins_ns = ns;
  while (ouro__cursor_more(cursor)) {
    pin.arena = ouro__cursor_difference(cursor, pin.arena);
    pin.site = (uint32_t)ouro__cursor_difference(cursor, pin.site);
    pin.blocks = (uint32_t)ouro__cursor_number(cursor);
    pin.bytes = ouro__cursor_difference(cursor, pin.bytes);
    pin.kept = ouro__cursor_difference(cursor, pin.kept);
    pin.sole = ouro__cursor_difference(cursor, pin.sole);
    pin.pools = (uint32_t)ouro__cursor_number(cursor);
    pin.oldest = (uint32_t)ouro__cursor_number(cursor);
    pin.youngest = (uint32_t)ouro__cursor_number(cursor);
    pin.held_pages = (uint32_t)ouro__cursor_number(cursor);
    if (!make_room(from, &tables->pins, &from->pin_room, tables->pin_count, sizeof pin)) return false;
    tables->pins[tables->pin_count++] = pin;
  }
  return !cursor->failed;
}

static bool read_heap(reader *from, ouro__cursor *cursor) {
  size_t length = (size_t)(cursor->end - cursor->at);
  char *heap = malloc(length + 1);
  if (!heap) {
    from->no_memory = true;
    return false;
  }
  if (length > 0) memcpy(heap, cursor->at, length);
  heap[length] = 0;
  free(from->heap);
  from->heap = heap;
  return true;
}

static bool read_index(reader *from, ouro__cursor *cursor) {
  uint64_t chunks = ouro__cursor_number(cursor);
  size_t size = (size_t)(cursor->end - cursor->at);
  from->closed = chunks == from->chunks && size == from->index.size &&
                 (size == 0 || memcmp(cursor->at, from->index.data, size) == 0);
  return from->closed;
}

static void free_snapshots(reader *from) {
  for (size_t i = 0; i < from->snapshot_count; i++) free(from->snapshots[i].changes);
  free(from->snapshots);
  from->snapshots = NULL;
  from->snapshot_count = from->snapshot_room = 0;
}

static bool reset(reader *from) {
  ouro__tables *tables = &from->tables;
  tables->string_bytes = tables->frame_count = tables->node_count = tables->module_count = tables->thread_count = 0;
  tables->site_count = tables->pin_count = 0;
  from->changed_count = 0;
  from->live = from->live_bytes = from->kept_ns = from->pins_ns = 0;
  from->symbols.count = 0;
  if (from->site_room) {
    memset(from->seen, 0, from->site_room * sizeof *from->seen);
    memset(from->is_changed, 0, from->site_room * sizeof *from->is_changed);
  }
  free_snapshots(from);
  return true;
}

/* ---------------------------------------------------------------- all chunks */

static bool note_symbols(reader *from) {
  symbols *to = &from->symbols;
  if (!make_room(from, &to->offsets, &to->room, to->count, sizeof *to->offsets)) return false;
  to->offsets[to->count++] = from->at;
  return true;
}

static bool take_chunk(reader *from, const ouro__chunk *header) {
  ouro__cursor cursor = cursor_of(from);
  switch (header->kind) {
  case OURO_CHUNK_FACTS:
    return read_facts(from, &cursor);
  case OURO_CHUNK_STRINGS:
    return read_strings(from, &cursor);
  case OURO_CHUNK_MODULES:
    return read_modules(from, &cursor);
  case OURO_CHUNK_FRAMES:
    return read_frames(from, &cursor);
  case OURO_CHUNK_NODES:
    return read_nodes(from, &cursor);
  case OURO_CHUNK_THREADS:
    return read_threads(from, &cursor);
  case OURO_CHUNK_SITES:
    return read_sites(from, &cursor);
  case OURO_CHUNK_COUNTS:
    return read_counts(from, &cursor);
  case OURO_CHUNK_SNAPSHOT:
    return read_snapshot(from, &cursor);
  case OURO_CHUNK_POINTS:
    return read_points(from, &cursor);
  case OURO_CHUNK_PINS:
    return read_pins(from, &cursor);
  case OURO_CHUNK_HEAP:
    return read_heap(from, &cursor);
  case OURO_CHUNK_SYMBOLS:
    return note_symbols(from);
  case OURO_CHUNK_RESET:
    return reset(from);
  case OURO_CHUNK_INDEX:
    return read_index(from, &cursor);
  default:
    return true; /* of a newer writer */
  }
}

static void read_chunks(reader *from) {
  ouro__chunk header;
  for (from->at = sizeof(ouro__recording_head); !from->closed && read_chunk(from, from->at, &header);) {
    if (!take_chunk(from, &header)) break;
    ouro__bytes_number(&from->index, header.kind);
    ouro__bytes_number(&from->index, (uint64_t)from->at);
    from->chunks++;
    from->at += (int64_t)sizeof header + header.stored;
  }
}

/* How far apart snapshots at intervals must be for at most OURO_SNAPSHOTS_MOST to remain: known before anything else is read. */
static void find_spacing(reader *from) {
  ouro__chunk header;
  uint64_t last_ns = 0;
  size_t count = 0;
  for (int64_t at = sizeof(ouro__recording_head); read_header(from, at, &header);
       at += (int64_t)sizeof header + header.stored) {
    if (header.kind == OURO_CHUNK_RESET) count = 0;
    if (header.kind != OURO_CHUNK_SNAPSHOT || !read_chunk(from, at, &header)) continue;
    snapshot next;
    ouro__cursor cursor = cursor_of(from);
    read_snapshot_head(&cursor, &next);
    if (cursor.failed) continue;
    count += is_interval(&next);
    if (next.ns > last_ns) last_ns = next.ns;
  }
  if (count > OURO_SNAPSHOTS_MOST) from->spacing_ns = last_ns / OURO_SNAPSHOTS_MOST + 1;
}

/* ---------------------------------------------------------------- the profile */

static bool make_snapshots(const reader *from, ouro__profile *profile, bool sampled) {
  profile->snapshots = calloc(from->snapshot_count + 1, sizeof *profile->snapshots);
  if (!profile->snapshots) return false;
  for (size_t i = 0; i < from->snapshot_count; i++) {
    const snapshot *source = &from->snapshots[i];
    ouro__psnapshot *to = &profile->snapshots[i];
    to->changes = calloc(source->change_count + 1, sizeof *to->changes);
    to->label = ouro__profile_string(profile, source->label, strlen(source->label));
    profile->snapshot_count++;
    if (!to->changes || !to->label) return false;
    to->seconds = (double)source->ns / 1e9;
    to->live = ouro__tally_of(source->count, source->bytes, sampled);
    for (size_t j = 0; j < source->change_count; j++) {
      const change *changed = &source->changes[j];
      to->changes[j] = (ouro__pchange){changed->site, ouro__tally_of(changed->count, changed->bytes, sampled)};
    }
    to->change_count = source->change_count;
  }
  return true;
}

static const char *text_of(ouro__cursor *cursor, ouro__profile *profile) {
  size_t length;
  const char *text = ouro__cursor_text(cursor, &length);
  const char *interned = ouro__profile_string(profile, text, length);
  return interned ? interned : "";
}

static ouro__pframe read_symbol(ouro__cursor *cursor, ouro__profile *profile, const ouro__pframe *last) {
  ouro__pframe frame = {.kind = (uint32_t)ouro__cursor_number(cursor)};
  frame.line = (uint32_t)ouro__cursor_number(cursor);
  frame.address = ouro__cursor_difference(cursor, last->address);
  frame.run_address = ouro__cursor_difference(cursor, last->run_address);
  frame.generation = (uint32_t)ouro__cursor_number(cursor);
  frame.caller = (uint32_t)ouro__cursor_number(cursor);
  frame.function = text_of(cursor, profile);
  frame.file = text_of(cursor, profile);
  frame.module = text_of(cursor, profile);
  return frame;
}

/* Inlined frames come after those of the tables, in order. */
static bool put_frame(reader *from, ouro__profile *profile, size_t *room, uint64_t index, const ouro__pframe *frame) {
  if (index == 0 || index > profile->frame_count) return false;
  if (index == profile->frame_count) {
    if (!make_room(from, &profile->frames, room, profile->frame_count, sizeof *frame)) return false;
    profile->frame_count++;
  }
  profile->frames[index] = *frame;
  return true;
}

static bool take_symbols(reader *from, ouro__profile *profile, size_t before, size_t *room) {
  ouro__cursor cursor = cursor_of(from);
  ouro__pframe last = {.kind = 0};
  uint64_t index = 0;
  if (ouro__cursor_number(&cursor) != before) return false;
  while (ouro__cursor_more(&cursor)) {
    index = ouro__cursor_difference(&cursor, index);
    last = read_symbol(&cursor, profile, &last);
    if (cursor.failed || !put_frame(from, profile, room, index, &last)) return false;
  }
  return true;
}

/* A chain of inlined calls ends, and each is a frame that there is. */
static void check_callers(ouro__profile *profile) {
  for (size_t i = 0; i < profile->frame_count; i++) {
    unsigned steps = 0;
    uint32_t caller = profile->frames[i].caller;
    while (caller != 0 && caller < profile->frame_count && steps < INLINED_MOST) {
      caller = profile->frames[caller].caller;
      steps++;
    }
    if (caller != 0) profile->frames[i].caller = 0;
  }
}

static void make_symbols(reader *from, ouro__profile *profile) {
  ouro__chunk header;
  size_t before = profile->frame_count, room = before;
  for (size_t i = 0; i < from->symbols.count; i++) {
    if (!read_chunk(from, from->symbols.offsets[i], &header) || !take_symbols(from, profile, before, &room)) break;
  }
  check_callers(profile);
}

static ouro__profile *make_profile(reader *from, const char *path) {
  from->tables.facts[OURO_FACT_PINS_NS] = from->pins_ns;
  ouro__profile *profile = ouro__tables_profile(&from->tables, path);
  if (!profile || !make_snapshots(from, profile, ouro__tables_sampled(&from->tables))) {
    ouro__profile_free(profile);
    return NULL;
  }
  profile->complete = from->closed;
  profile->points = from->points;
  profile->point_count = from->point_count;
  profile->heap_json = from->heap;
  from->points = NULL;
  from->heap = NULL;
  make_symbols(from, profile);
  return profile;
}

static void free_reader(reader *from) {
  close(from->fd);
  ouro__bytes_free(&from->stored);
  ouro__bytes_free(&from->raw);
  ouro__bytes_free(&from->index);
  ouro__tables_free(&from->tables);
  free_snapshots(from);
  free(from->seen);
  free(from->changed);
  free(from->is_changed);
  free(from->points);
  free(from->heap);
  free(from->symbols.offsets);
}

static bool read_head(reader *from, const char *path) {
  ouro__recording_head head;
  struct stat status;
  if (fstat(from->fd, &status) != 0 || !read_at(from->fd, &head, sizeof head, 0) ||
      head.magic != OURO_RECORDING_MAGIC) {
    ouro__say("%s is no recording of ouro", path);
    return false;
  }
  if (head.version > OURO_RECORDING_VERSION) {
    ouro__say("%s was written by a newer ouro; read it with that version", path);
    return false;
  }
  from->size = status.st_size;
  return true;
}

ouro__profile *ouro__recording_profile(int fd, const char *path) {
  reader from = {.fd = fd};
  ouro__profile *profile = NULL;
  if (read_head(&from, path)) {
    find_spacing(&from);
    read_chunks(&from);
    if (!from.no_memory) profile = make_profile(&from, path);
    if (!profile)
      ouro__say("out of memory");
    else if (!from.closed)
      ouro__say("%s was not closed (its program still runs, or it was cut off): read up to its last whole chunk", path);
  }
  free_reader(&from);
  return profile;
}
