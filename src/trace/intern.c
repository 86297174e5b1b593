/* trace/intern.c - strings, frames, nodes and sites are kept once: hash tables of their numbers, and of code objects.
 *
 * The entries themselves lie in the area; a hash table holds their numbers, in private memory, at most half full. (Open addressing with linear
 * probing: D. Knuth, The Art of Computer Programming, volume 3, section 6.4, algorithms L and R.)
 *
 * A PLACE is a code object and a position in it. Its file and line are looked up once, and remembered by the code object's serial number
 * rather than by its address, where another one may lie later: `codes` knows the number of those that live. */
#include <string.h>

#include "os/os.h"
#include "trace/tracer.h"

typedef struct index_table {
  uint32_t *slots; /* numbers; 0: empty */
  uint32_t size;   /* a power of two, or 0 */
  uint32_t used;
  uint64_t (*hash)(uint32_t number); /* of an entry */
} index_table;

static _Atomic size_t private_bytes;

static void *map_counted(size_t bytes) {
  void *memory = ouro__os_map(ouro__round_up(bytes, OURO_PAGE_BYTES));
  if (memory) ouro__add_relaxed(&private_bytes, bytes);
  return memory;
}

static void unmap_counted(void *memory, size_t bytes) {
  if (!memory) return;
  ouro__os_unmap(memory, ouro__round_up(bytes, OURO_PAGE_BYTES));
  ouro__sub_relaxed(&private_bytes, bytes);
}

size_t ouro__intern_bytes(void) { return ouro__load_relaxed(&private_bytes); }

/* ---------------------------------------------------------------- hashing */

static inline uint64_t mix(uint64_t x) { /* the finalizer of MurmurHash3 (A. Appleby) */
  x ^= x >> 33;
  x *= UINT64_C(0xff51afd7ed558ccd);
  x ^= x >> 33;
  x *= UINT64_C(0xc4ceb9fe1a85ec53);
  return x ^ x >> 33;
}

static uint64_t hash_bytes(const char *text, size_t length) {
  uint64_t hash = length;
  for (; length >= 8; length -= 8, text += 8) {
    uint64_t word;
    memcpy(&word, text, 8);
    hash = mix(hash ^ word);
  }
  for (; length; length--) hash = mix(hash ^ (unsigned char)*text++);
  return hash;
}

static uint64_t string_hash(uint32_t number) {
  const char *text = ouro__store_text(number);
  uint32_t length;
  memcpy(&length, text - sizeof length, sizeof length);
  return hash_bytes(text, length);
}

static uint64_t frame_key_hash(const ouro__area_frame *frame) {
  return mix(mix(mix(frame->address) ^ ((uint64_t)frame->kind << 32 | frame->line)) ^ ((uint64_t)frame->file << 32 | frame->function));
}
static uint64_t node_key_hash(const ouro__area_node *node) { return mix((uint64_t)node->parent << 32 | node->frame); }
static uint64_t site_key_hash(const ouro__site_key *key) {
  return mix(mix((uint64_t)key->node << 32 | key->type) ^ ((uint64_t)key->thread << 16 | (uint64_t)key->class_ << 8 | key->domain));
}
static ouro__site_key key_of_site(uint32_t number) {
  const ouro__area_site *site = ouro__site_at(number);
  return (ouro__site_key){site->node, site->type, site->thread, site->class_, site->domain};
}

static uint64_t frame_hash(uint32_t number) { return frame_key_hash(ouro__store_at(OURO_AREA_FRAMES, number)); }
static uint64_t node_hash(uint32_t number) { return node_key_hash(ouro__store_at(OURO_AREA_NODES, number)); }
static uint64_t site_hash(uint32_t number) {
  ouro__site_key key = key_of_site(number);
  return site_key_hash(&key);
}

static index_table strings = {.hash = string_hash}, frames = {.hash = frame_hash}, nodes = {.hash = node_hash}, sites = {.hash = site_hash};

/* ---------------------------------------------------------------- one table */

static void put(index_table *table, uint32_t number, uint64_t hash) {
  uint32_t slot = (uint32_t)hash & (table->size - 1);
  while (table->slots[slot]) slot = (slot + 1) & (table->size - 1);
  table->slots[slot] = number;
}

/* Room for one more. */
static bool make_room(index_table *table) {
  if (table->used * 2 < table->size) return true;
  uint32_t size = table->size ? table->size * 2 : 1024, *old = table->slots, *fresh = map_counted(size * sizeof *fresh);
  if (!fresh) return false;
  uint32_t old_size = table->size;
  table->slots = fresh;
  table->size = size;
  for (uint32_t i = 0; i < old_size; i++) {
    if (old[i]) put(table, old[i], table->hash(old[i]));
  }
  unmap_counted(old, old_size * sizeof *old);
  return true;
}

static uint32_t add(index_table *table, uint32_t number, uint64_t hash) {
  put(table, number, hash);
  table->used++;
  return number;
}

static void empty(index_table *table) {
  if (table->slots) memset(table->slots, 0, table->size * sizeof *table->slots);
  table->used = 0;
}

/* The numbers in the places where an entry of this hash may be, one after another; 0: no more. */
static uint32_t next_candidate(const index_table *table, uint64_t hash, uint32_t *probe) {
  if (!table->size) return 0;
  return table->slots[((uint32_t)hash + (*probe)++) & (table->size - 1)];
}

/* ---------------------------------------------------------------- what is interned */

uint32_t ouro__intern_string(const char *text, size_t length) {
  if (length == 0) return 0;
  uint64_t hash = hash_bytes(text, length);
  uint32_t probe = 0, number;
  while ((number = next_candidate(&strings, hash, &probe))) {
    const char *found = ouro__store_text(number);
    uint32_t found_length;
    memcpy(&found_length, found - sizeof found_length, sizeof found_length);
    if (found_length == length && memcmp(found, text, length) == 0) return number;
  }
  if (!make_room(&strings) || !(number = ouro__store_string(text, length))) return 0;
  return add(&strings, number, hash);
}

uint32_t ouro__intern_frame(const ouro__area_frame *frame) {
  uint64_t hash = frame_key_hash(frame);
  uint32_t probe = 0, number;
  while ((number = next_candidate(&frames, hash, &probe))) {
    if (memcmp(ouro__store_at(OURO_AREA_FRAMES, number), frame, sizeof *frame) == 0) return number;
  }
  ouro__area_frame *fresh = make_room(&frames) ? ouro__store_new(OURO_AREA_FRAMES, &number) : NULL;
  if (!fresh) return 0;
  *fresh = *frame;
  ouro__store_commit(OURO_AREA_FRAMES);
  return add(&frames, number, hash);
}

uint32_t ouro__intern_node(uint32_t parent, uint32_t frame) {
  ouro__area_node key = {parent, frame};
  uint64_t hash = node_key_hash(&key);
  uint32_t probe = 0, number;
  while ((number = next_candidate(&nodes, hash, &probe))) {
    const ouro__area_node *node = ouro__store_at(OURO_AREA_NODES, number);
    if (node->parent == parent && node->frame == frame) return number;
  }
  ouro__area_node *fresh = make_room(&nodes) ? ouro__store_new(OURO_AREA_NODES, &number) : NULL;
  if (!fresh) return 0;
  *fresh = key;
  ouro__store_commit(OURO_AREA_NODES);
  return add(&nodes, number, hash);
}

uint32_t ouro__intern_site(const ouro__site_key *key) {
  uint64_t hash = site_key_hash(key);
  uint32_t probe = 0, number;
  while ((number = next_candidate(&sites, hash, &probe))) {
    ouro__site_key found = key_of_site(number);
    if (found.node == key->node && found.type == key->type && found.thread == key->thread && found.class_ == key->class_ &&
        found.domain == key->domain) {
      return number;
    }
  }
  if (ouro__store_count(OURO_AREA_SITES) >= OURO_SITES_MAX || !make_room(&sites)) return 0;
  ouro__area_site *fresh = ouro__store_new(OURO_AREA_SITES, &number);
  if (!fresh) return 0;
  fresh->node = key->node;
  fresh->type = key->type;
  fresh->thread = key->thread;
  fresh->class_ = key->class_;
  fresh->domain = key->domain;
  ouro__store_relaxed(&fresh->peak_mark, ouro__load_relaxed(&ouro__tracing.page->peak_mark)); /* at the peak it had nothing */
  ouro__store_commit(OURO_AREA_SITES);
  return add(&sites, number, hash);
}

void ouro__intern_forget_sites(void) { empty(&sites); }

/* ---------------------------------------------------------------- code objects and places */

typedef struct code_entry {
  const void *code; /* NULL: empty */
  uint32_t serial;
} code_entry;

typedef struct place_entry {
  uintptr_t at;
  uint32_t serial; /* 0: empty */
  uint32_t frame;
} place_entry;

enum { PLACES = 1 << 15 }; /* a cache: what does not find its place is looked up again */

static code_entry *codes;
static uint32_t codes_size, codes_used, last_serial;
static place_entry *place_cache;

static uint32_t code_slot(const void *code) { return (uint32_t)mix((uintptr_t)code) & (codes_size - 1); }

static bool codes_make_room(void) {
  if (codes_used * 2 < codes_size) return true;
  uint32_t size = codes_size ? codes_size * 2 : 1024, old_size = codes_size;
  code_entry *old = codes, *fresh = map_counted(size * sizeof *fresh);
  if (!fresh) return false;
  codes = fresh;
  codes_size = size;
  for (uint32_t i = 0; i < old_size; i++) {
    if (!old[i].code) continue;
    uint32_t slot = code_slot(old[i].code);
    while (codes[slot].code) slot = (slot + 1) & (codes_size - 1);
    codes[slot] = old[i];
  }
  unmap_counted(old, old_size * sizeof *old);
  return true;
}

/* When the block of a code object is freed, its word says so. Code that lies in no block stays for ever, or is told of by its owner. The
 * caller has made the column: here, under the tracer's lock, that cannot be. */
static void watch(const char *code) {
  ouro__word *word = ouro__block_word_slow(code, false);
  if (word) {
    atomic_fetch_or_explicit(word, OURO_WORD_WATCHED, memory_order_relaxed);
    if (ouro__tracing.sample_bytes) ouro__free_slowly(code); /* otherwise nobody would look at its word */
  } else {
    ouro__store_relaxed(&ouro__tracing.foreign_code, 1);
  }
}

/* 0: no memory. */
static uint32_t serial_of(const char *code) {
  if (!codes_make_room()) return 0;
  uint32_t slot = code_slot(code);
  for (; codes[slot].code; slot = (slot + 1) & (codes_size - 1)) {
    if (codes[slot].code == code) return codes[slot].serial;
  }
  codes[slot] = (code_entry){code, ++last_serial};
  codes_used++;
  watch(code);
  return last_serial;
}

void ouro__intern_code_gone(const void *code) {
  if (!codes_size) return;
  uint32_t slot = code_slot(code), mask = codes_size - 1;
  while (codes[slot].code && codes[slot].code != code) slot = (slot + 1) & mask;
  if (!codes[slot].code) return;
  for (uint32_t next = (slot + 1) & mask; codes[next].code; next = (next + 1) & mask) { /* algorithm R */
    uint32_t home = code_slot(codes[next].code);
    if (((next - home) & mask) < ((next - slot) & mask)) continue;
    codes[slot] = codes[next];
    slot = next;
  }
  codes[slot].code = NULL;
  codes_used--;
  ouro__trace_forget_caches();
}

void ouro__intern_forget_codes(void) {
  if (codes) memset(codes, 0, codes_size * sizeof *codes);
  codes_used = 0;
  ouro__trace_forget_caches();
}

static uint32_t resolve(const char *code, uint32_t serial, uintptr_t at) {
  static ouro__py_place place; /* these are under the lock */
  static ouro__py_bookmark mark;
  static uint32_t marked;      /* the code object that it is of */
  if (marked != serial) mark = (ouro__py_bookmark){0};
  marked = serial;
  if (!ouro__py_resolve(code, at, &mark, &place)) return 0;
  ouro__area_frame frame = {.kind = OURO_FRAME_PYTHON, .line = place.line};
  frame.file = ouro__intern_string(place.file, place.file_length);
  frame.function = ouro__intern_string(place.function, place.function_length);
  return ouro__intern_frame(&frame);
}

uint32_t ouro__intern_place(const char *code, uintptr_t at) {
  if (!place_cache) place_cache = map_counted(PLACES * sizeof *place_cache);
  uint32_t serial = place_cache ? serial_of(code) : 0;
  if (!serial) return 0;
  place_entry *place = &place_cache[mix(at ^ (uint64_t)serial << 40) & (PLACES - 1)];
  if (place->serial != serial || place->at != at) {
    uint32_t frame = resolve(code, serial, at);
    if (!frame) return 0;
    *place = (place_entry){at, serial, frame};
  }
  return place->frame;
}
