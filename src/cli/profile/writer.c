/* cli/profile/writer.c - turns what has changed in an area into chunks, and appends them. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "cli/cli.h"
#include "cli/profile/recording.h"
#include "cli/profile/writer.h"

#define CHUNK_BYTES (1024u * 1024) /* a chunk is written when it has so many raw bytes */
#define COMPRESSION 3
#define LEAST_PACKED 64 /* fewer bytes are stored as they are */
#define READ_ENTRIES 4096

uint32_t ouro__chunk_check(const ouro__chunk *chunk, const void *stored) {
  ouro__chunk plain = *chunk;
  plain.check = 0;
  uLong check = crc32(0, (const Bytef *)&plain, sizeof plain);
  return (uint32_t)crc32(check, stored, chunk->stored);
}

/* ---------------------------------------------------------------- the file */

static void give_up(ouro__writer *writer, int error) {
  ouro__say("cannot write %s: %s; the program goes on, this recording ends here", writer->path, strerror(error));
  if (ftruncate(writer->fd, writer->end) != 0) {
    /* The reader stops at the last whole chunk as well. */
  }
  close(writer->fd);
  writer->fd = -1;
}

static bool append(ouro__writer *writer, const void *data, size_t size) {
  for (const char *from = data; size > 0;) {
    ssize_t done = write(writer->fd, from, size);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) {
      give_up(writer, done < 0 ? errno : ENOSPC);
      return false;
    }
    from += done;
    size -= (size_t)done;
  }
  return true;
}

int ouro__writer_open(ouro__writer *writer, const char *path, bool force) {
  *writer = (ouro__writer){.path = path};
  writer->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0666);
  writer->is_new = writer->fd >= 0;
  if (writer->fd < 0 && errno == EEXIST && force) writer->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
  if (writer->fd < 0) return errno;
  writer->zstd = ZSTD_createCCtx();
  return 0;
}

/* What an overwritten file had is lost only now. A device cannot be cut, and need not be. */
static bool begin_file(ouro__writer *writer) {
  ouro__recording_head head = {OURO_RECORDING_MAGIC, OURO_RECORDING_VERSION, 0};
  if (ftruncate(writer->fd, 0) != 0 && errno != EINVAL) {
    give_up(writer, errno);
    return false;
  }
  if (!append(writer, &head, sizeof head)) return false;
  writer->end = sizeof head;
  return true;
}

/* Pack `raw` into `chunk`, behind room for the header. Returns what is stored of it. */
static size_t pack(ouro__writer *writer, uint16_t *codec) {
  const ouro__bytes *raw = &writer->raw;
  size_t bound = ZSTD_compressBound(raw->size);
  writer->chunk.size = 0;
  *codec = OURO_CODEC_NONE;
  if (!ouro__bytes_reserve(&writer->chunk, sizeof(ouro__chunk) + bound)) return 0;
  char *to = writer->chunk.data + sizeof(ouro__chunk);
  size_t stored = 0;
  if (writer->zstd && raw->size >= LEAST_PACKED) {
    stored = ZSTD_compressCCtx(writer->zstd, to, bound, raw->data, raw->size, COMPRESSION);
    if (!ZSTD_isError(stored) && stored < raw->size) {
      *codec = OURO_CODEC_ZSTD;
      return stored;
    }
  }
  memcpy(to, raw->data, raw->size);
  return raw->size;
}

/* Append what is in `raw` as a chunk of that kind, and empty it. */
static void end_chunk(ouro__writer *writer, enum ouro__chunk_kind kind) {
  if (writer->fd < 0) return;
  ouro__chunk header = {.mark = OURO_CHUNK_MARK, .kind = (uint16_t)kind, .raw = (uint32_t)writer->raw.size};
  ouro__bytes_reserve(&writer->raw, 1);
  header.stored = writer->raw.failed ? 0 : (uint32_t)pack(writer, &header.codec);
  if (writer->raw.failed || writer->chunk.failed) {
    give_up(writer, ENOMEM);
    return;
  }
  if (writer->end == 0 && !begin_file(writer)) return;
  header.check = ouro__chunk_check(&header, writer->chunk.data + sizeof header);
  memcpy(writer->chunk.data, &header, sizeof header);
  ouro__bytes_number(&writer->index, kind);
  ouro__bytes_number(&writer->index, (uint64_t)writer->end);
  writer->chunks++;
  if (append(writer, writer->chunk.data, sizeof header + header.stored))
    writer->end += (int64_t)(sizeof header + header.stored);
  writer->raw.size = 0;
}

/* ---------------------------------------------------------------- tables that only grow */

/* Append entry number `index` to `raw`; `before` is the one before it in the chunk, at first all 0. */
typedef void put_entry(ouro__bytes *raw, size_t index, const void *entry, const void *before);

static void put_module(ouro__bytes *raw, size_t index, const void *entry, const void *before) {
  const ouro__area_module *module = entry;
  (void)index, (void)before;
  ouro__bytes_number(raw, module->start);
  ouro__bytes_number(raw, module->end);
  ouro__bytes_number(raw, module->offset);
  ouro__bytes_number(raw, module->path);
  ouro__bytes_number(raw, module->generation);
}

static void put_frame(ouro__bytes *raw, size_t index, const void *entry, const void *before) {
  const ouro__area_frame *frame = entry, *last = before;
  (void)index;
  ouro__bytes_number(raw, frame->kind);
  ouro__bytes_number(raw, frame->line);
  ouro__bytes_difference(raw, last->file, frame->file);
  ouro__bytes_difference(raw, last->function, frame->function);
  ouro__bytes_difference(raw, last->address, frame->address);
}

static void put_node(ouro__bytes *raw, size_t index, const void *entry, const void *before) {
  const ouro__area_node *node = entry, *last = before;
  ouro__bytes_number(raw, node->parent < index ? index - node->parent : index);
  ouro__bytes_difference(raw, last->frame, node->frame);
}

static void put_thread(ouro__bytes *raw, size_t index, const void *entry, const void *before) {
  const ouro__area_thread *thread = entry;
  (void)index, (void)before;
  ouro__bytes_number(raw, thread->id);
  ouro__bytes_raw(raw, thread->name, sizeof thread->name);
}

static void put_site(ouro__bytes *raw, size_t index, const void *entry, const void *before) {
  const ouro__site *site = entry, *last = before;
  (void)index;
  ouro__bytes_difference(raw, last->node, site->node);
  ouro__bytes_number(raw, site->thread);
  ouro__bytes_number(raw, site->class_);
  ouro__bytes_number(raw, site->domain);
  ouro__bytes_number(raw, site->type);
}

typedef struct growing {
  enum ouro__area_table table;
  enum ouro__chunk_kind kind;
  size_t size; /* of an entry */
  put_entry *put;
} growing;

static const growing growing_tables[] = {
    {OURO_AREA_MODULES, OURO_CHUNK_MODULES, sizeof(ouro__area_module), put_module},
    {OURO_AREA_FRAMES, OURO_CHUNK_FRAMES, sizeof(ouro__area_frame), put_frame},
    {OURO_AREA_NODES, OURO_CHUNK_NODES, sizeof(ouro__area_node), put_node},
    {OURO_AREA_THREADS, OURO_CHUNK_THREADS, sizeof(ouro__area_thread), put_thread},
};
static const growing growing_sites = {OURO_AREA_SITES, OURO_CHUNK_SITES, sizeof(ouro__site), put_site};

/* Entries from `first` on, in chunks. */
static void put_entries(ouro__writer *writer, const growing *kind, size_t first, size_t count, const char *entries) {
  static const ouro__site zeros; /* the largest of them */
  const void *before = NULL;
  for (size_t i = 0; i < count && writer->fd >= 0; i++) {
    if (writer->raw.size == 0) {
      ouro__bytes_number(&writer->raw, first + i);
      before = &zeros;
    }
    kind->put(&writer->raw, first + i, entries + i * kind->size, before);
    before = entries + i * kind->size;
    if (writer->raw.size >= CHUNK_BYTES) end_chunk(writer, kind->kind);
  }
  if (writer->raw.size > 0) end_chunk(writer, kind->kind);
}

static void update_table(ouro__writer *writer, const ouro__area *area, const growing *kind) {
  size_t *written = &writer->written[kind->table], count = area->page.counts[kind->table];
  char *entries = count > *written ? malloc(READ_ENTRIES * kind->size) : NULL;
  while (entries && *written < count && writer->fd >= 0) {
    size_t part = count - *written < READ_ENTRIES ? count - *written : READ_ENTRIES;
    size_t got = ouro__area_read(area, kind->table, *written, part, entries);
    put_entries(writer, kind, *written, got, entries);
    *written += got;
    if (got < part) break;
  }
  free(entries);
}

static void update_strings(ouro__writer *writer, const ouro__area *area) {
  size_t *written = &writer->written[OURO_AREA_STRINGS], size = area->page.counts[OURO_AREA_STRINGS];
  while (*written < size && writer->fd >= 0) {
    size_t part = size - *written < CHUNK_BYTES ? size - *written : CHUNK_BYTES;
    ouro__bytes_number(&writer->raw, *written);
    if (!ouro__bytes_reserve(&writer->raw, part)) return;
    size_t got = ouro__area_read(area, OURO_AREA_STRINGS, *written, part, writer->raw.data + writer->raw.size);
    writer->raw.size += got;
    end_chunk(writer, OURO_CHUNK_STRINGS);
    *written += got;
    if (got < part) return;
  }
}

/* ---------------------------------------------------------------- counters */

static bool is_bits(int counter) { return counter == OURO_COUNT_VARIANCE || counter == OURO_COUNT_LIVE_VARIANCE; }

static uint64_t changed(const ouro__site *before, const ouro__site *now) {
  uint64_t mask = 0;
  for (int i = 0; i < OURO_COUNTERS; i++) mask |= (uint64_t)(before->counts[i] != now->counts[i]) << i;
  return mask;
}

static void put_counts(ouro__bytes *raw, const ouro__site *before, const ouro__site *now, uint64_t mask) {
  ouro__bytes_number(raw, mask);
  for (int i = 0; i < OURO_COUNTERS; i++) {
    if (!(mask >> i & 1)) continue;
    if (is_bits(i))
      ouro__bytes_raw(raw, &now->counts[i], sizeof now->counts[i]);
    else
      ouro__bytes_difference(raw, before->counts[i], now->counts[i]);
  }
}

static bool make_room(ouro__writer *writer, size_t count) {
  if (count <= writer->site_room) return true;
  size_t room = count + count / 2;
  ouro__site *sites = realloc(writer->sites, room * sizeof *sites);
  if (sites) writer->sites = sites;
  ouro__site *fresh = realloc(writer->fresh, room * sizeof *fresh);
  if (fresh) writer->fresh = fresh;
  if (!sites || !fresh) {
    give_up(writer, ENOMEM);
    return false;
  }
  writer->site_room = room;
  return true;
}

/* Read all sites; returns how many there are. */
static size_t read_sites(ouro__writer *writer, const ouro__area *area) {
  size_t count = area->page.counts[OURO_AREA_SITES];
  if (!make_room(writer, count)) return 0;
  count = ouro__area_read(area, OURO_AREA_SITES, 0, count, writer->fresh);
  ouro__area_settle_peaks(area, writer->fresh, count);
  return count;
}

/* What the reader has of a new site: no counts. */
static void update_sites(ouro__writer *writer, size_t count) {
  size_t *written = &writer->written[OURO_AREA_SITES];
  put_entries(writer, &growing_sites, *written, count - *written, (const char *)&writer->fresh[*written]);
  for (; *written < count; ++*written) {
    writer->sites[*written] = writer->fresh[*written];
    memset(writer->sites[*written].counts, 0, sizeof writer->sites[*written].counts);
  }
}

static void update_counts(ouro__writer *writer, size_t count) {
  size_t last = 0;
  for (size_t i = 0; i < count && writer->fd >= 0; i++) {
    uint64_t mask = changed(&writer->sites[i], &writer->fresh[i]);
    if (!mask) continue;
    if (writer->raw.size == 0) last = 0;
    ouro__bytes_difference(&writer->raw, last, i);
    put_counts(&writer->raw, &writer->sites[i], &writer->fresh[i], mask);
    writer->sites[i] = writer->fresh[i];
    last = i;
    if (writer->raw.size >= CHUNK_BYTES) end_chunk(writer, OURO_CHUNK_COUNTS);
  }
  if (writer->raw.size > 0) end_chunk(writer, OURO_CHUNK_COUNTS);
}

/* ---------------------------------------------------------------- update */

static size_t used(const char *text, size_t room) {
  while (room > 0 && !text[room - 1]) room--;
  return room;
}

static void put_facts(ouro__writer *writer, const ouro__area *area, uint64_t now_ns, bool ended) {
  uint64_t facts[OURO_FACTS];
  size_t python = used(area->page.python, sizeof area->page.python);
  size_t command = used(area->page.command, sizeof area->page.command);
  ouro__area_facts(area, now_ns, ended, facts);
  ouro__bytes_number(&writer->raw, python);
  ouro__bytes_raw(&writer->raw, area->page.python, python);
  ouro__bytes_number(&writer->raw, command);
  ouro__bytes_raw(&writer->raw, area->page.command, command);
  for (unsigned i = 0; i < OURO_FACTS; i++) {
    ouro__bytes_number(&writer->raw, i);
    ouro__bytes_number(&writer->raw, facts[i]);
  }
  end_chunk(writer, OURO_CHUNK_FACTS);
}

static bool is_same_site(const ouro__site *a, const ouro__site *b) {
  return a->node == b->node && a->thread == b->thread && a->class_ == b->class_ && a->domain == b->domain &&
         a->type == b->type;
}

/* Tracing that was started again, or cleared, has nothing of what it had: numbers of sites mean others now. */
static bool began_anew(const ouro__writer *writer, const ouro__area *area, size_t sites) {
  if (writer->started_ns && writer->started_ns != area->page.started_ns) return true;
  for (int table = 0; table < OURO_AREA_PINS; table++) {
    if (area->page.counts[table] < writer->written[table]) return true;
  }
  for (size_t i = 0; i < writer->written[OURO_AREA_SITES]; i++) {
    if (i >= sites || !is_same_site(&writer->sites[i], &writer->fresh[i])) return true;
  }
  return false;
}

static void reset(ouro__writer *writer) {
  end_chunk(writer, OURO_CHUNK_RESET);
  memset(writer->written, 0, sizeof writer->written);
  writer->pins_ns = 0;
}

void ouro__writer_update(ouro__writer *writer, const ouro__area *area, uint64_t now_ns, bool ended) {
  ouro__writer_flush(writer);
  size_t sites = writer->fd >= 0 ? read_sites(writer, area) : 0;
  if (writer->fd >= 0 && began_anew(writer, area, sites)) reset(writer);
  if (writer->fd < 0) return;
  writer->started_ns = area->page.started_ns;
  put_facts(writer, area, now_ns, ended);
  update_strings(writer, area);
  for (size_t i = 0; i < sizeof growing_tables / sizeof growing_tables[0]; i++) {
    if (writer->fd >= 0) update_table(writer, area, &growing_tables[i]);
  }
  if (writer->fd >= 0) update_sites(writer, sites);
  update_counts(writer, sites);
}

/* ---------------------------------------------------------------- the rest */

void ouro__writer_snapshot(ouro__writer *writer, uint64_t ns, const char *label) {
  if (writer->fd < 0) return;
  ouro__bytes_number(&writer->raw, ns);
  ouro__bytes_text(&writer->raw, label);
  end_chunk(writer, OURO_CHUNK_SNAPSHOT);
}

void ouro__writer_point(ouro__writer *writer, uint64_t ns, uint64_t live, uint64_t held, uint64_t resident) {
  uint64_t point[] = {ns, live, held, resident};
  if (writer->fd < 0) return;
  for (size_t i = 0; i < sizeof point / sizeof point[0]; i++) {
    ouro__bytes_difference(&writer->points, writer->point[i], point[i]);
    writer->point[i] = point[i];
  }
}

void ouro__writer_flush(ouro__writer *writer) {
  if (writer->fd < 0 || writer->points.size == 0) return;
  ouro__bytes_raw(&writer->raw, writer->points.data, writer->points.size);
  end_chunk(writer, OURO_CHUNK_POINTS);
  writer->points.size = 0;
  memset(writer->point, 0, sizeof writer->point);
}

static void put_pin(ouro__bytes *raw, const ouro__area_pin *pin, const ouro__area_pin *last) {
  ouro__bytes_difference(raw, last->arena, pin->arena);
  ouro__bytes_difference(raw, last->site, pin->site);
  ouro__bytes_number(raw, pin->blocks);
  ouro__bytes_difference(raw, last->bytes, pin->bytes);
  ouro__bytes_difference(raw, last->kept, pin->kept);
  ouro__bytes_difference(raw, last->sole, pin->sole);
  ouro__bytes_number(raw, pin->pools);
  ouro__bytes_number(raw, pin->oldest);
  ouro__bytes_number(raw, pin->youngest);
  ouro__bytes_number(raw, pin->held_pages);
}

void ouro__writer_pins(ouro__writer *writer, ouro__area *area) {
  static const ouro__area_pin zeros;
  size_t count = 0;
  uint64_t ns = 0;
  if (writer->fd < 0 || area->page.pins_ns == writer->pins_ns) return;
  ouro__area_pin *pins = ouro__area_pins(area, &count, &ns);
  if (!pins) return;
  writer->pins_ns = ns;
  for (size_t i = 0; i < count || i == 0; i++) {
    bool begins = writer->raw.size == 0;
    if (begins) ouro__bytes_number(&writer->raw, ns > writer->started_ns ? ns - writer->started_ns : 0);
    if (i < count) put_pin(&writer->raw, &pins[i], begins ? &zeros : &pins[i - 1]);
    if (writer->raw.size >= CHUNK_BYTES || i + 1 >= count) end_chunk(writer, OURO_CHUNK_PINS);
    if (writer->fd < 0) break;
  }
  free(pins);
}

void ouro__writer_heap(ouro__writer *writer, const char *json, size_t length) {
  if (writer->fd < 0) return;
  ouro__bytes_raw(&writer->raw, json, length);
  end_chunk(writer, OURO_CHUNK_HEAP);
}

static void put_symbol(ouro__bytes *raw, size_t frame, const ouro__pframe *now, size_t last_frame,
                       const ouro__pframe *last) {
  ouro__bytes_difference(raw, last_frame, frame);
  ouro__bytes_number(raw, now->kind);
  ouro__bytes_number(raw, now->line);
  ouro__bytes_difference(raw, last->address, now->address);
  ouro__bytes_difference(raw, last->run_address, now->run_address);
  ouro__bytes_number(raw, now->generation);
  ouro__bytes_number(raw, now->caller);
  ouro__bytes_text(raw, now->function);
  ouro__bytes_text(raw, now->file);
  ouro__bytes_text(raw, now->module);
}

static void put_symbols(ouro__writer *writer, const ouro__profile *profile, size_t before) {
  static const ouro__pframe zeros;
  const ouro__pframe *last = NULL;
  for (size_t i = 1; i < profile->frame_count && writer->fd >= 0; i++) {
    const ouro__pframe *frame = &profile->frames[i];
    if (frame->kind != OURO_FRAME_NATIVE && i < before) continue;
    if (writer->raw.size == 0) {
      ouro__bytes_number(&writer->raw, before);
      last = NULL;
    }
    put_symbol(&writer->raw, i, frame, last ? (size_t)(last - profile->frames) : 0, last ? last : &zeros);
    last = frame;
    if (writer->raw.size >= CHUNK_BYTES) end_chunk(writer, OURO_CHUNK_SYMBOLS);
  }
  if (writer->raw.size > 0) end_chunk(writer, OURO_CHUNK_SYMBOLS);
}

static bool any_native(const ouro__tables *tables) {
  for (size_t i = 1; i < tables->frame_count; i++) {
    if (tables->frames[i].kind == OURO_FRAME_NATIVE) return true;
  }
  return false;
}

void ouro__writer_symbols(ouro__writer *writer, ouro__area *area) {
  ouro__tables tables;
  if (writer->fd < 0 || !ouro__area_tables(area, 0, true, &tables)) return;
  if (tables.frame_count > writer->written[OURO_AREA_FRAMES]) tables.frame_count = writer->written[OURO_AREA_FRAMES];
  ouro__profile *profile = any_native(&tables) ? ouro__tables_profile(&tables, writer->path) : NULL;
  if (profile) {
    size_t before = profile->frame_count;
    ouro__profile_symbolise(profile);
    put_symbols(writer, profile, before);
  }
  ouro__profile_free(profile);
  ouro__tables_free(&tables);
}

static void put_index(ouro__writer *writer) {
  ouro__bytes_number(&writer->raw, writer->chunks);
  ouro__bytes_raw(&writer->raw, writer->index.data, writer->index.size);
  if (writer->index.failed) writer->raw.failed = true;
  end_chunk(writer, OURO_CHUNK_INDEX);
}

void ouro__writer_drop(ouro__writer *writer) {
  if (writer->fd >= 0) close(writer->fd);
  ZSTD_freeCCtx(writer->zstd);
  ouro__bytes_free(&writer->raw);
  ouro__bytes_free(&writer->chunk);
  ouro__bytes_free(&writer->index);
  ouro__bytes_free(&writer->points);
  free(writer->sites);
  free(writer->fresh);
  *writer = (ouro__writer){.fd = -1, .path = writer->path};
}

void ouro__writer_close(ouro__writer *writer) {
  ouro__writer_flush(writer);
  put_index(writer);
  if (writer->fd >= 0 && close(writer->fd) != 0) ouro__say("cannot write %s: %s", writer->path, strerror(errno));
  writer->fd = -1;
  ouro__writer_drop(writer);
}
