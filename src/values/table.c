/* values/table.c - the table of dicts and sets: blocks and cells, made, grown, packed, looked through. See table.h. */
#include <string.h>

#include "values/table.h"

enum {
  BITS_LEAST = 4,       /* of a table that has cells */
  BITS_MOST = 31,
  FIRST_ROOM_DICT = 4,  /* the block has 80 bytes */
  FIRST_ROOM_SET = 6,   /* 64 bytes */
  WORTH_PACKING = 8,    /* holes of an eighth of the entries */
  FULL_BITS = 8,        /* up to here a block has all the entries that its cells are for */
  GROW_SMALL = 2,       /* entries to spare: a half, a quarter, and, where pages are moved rather than copied, a sixteenth */
  GROW_MIDDLE = 4,
  GROW_LARGE = 16,
  FEW = 512,
  MOVED_BYTES = 1 << 20,
  AHEAD = 8,            /* keys whose hashes are fetched before their turn */
};

/* ---------------------------------------------------------------- sizes */

static size_t limit_of(unsigned bits) { return bits ? (size_t)3 << (bits - 2) : OURO__TABLE_SMALL; }

/* The least bits that do for so many entries; BITS_MOST + 1: there are too many. */
static unsigned bits_for(size_t count) {
  unsigned bits = BITS_LEAST;
  if (count <= OURO__TABLE_SMALL) return 0;
  while (bits <= BITS_MOST && limit_of(bits) < count) bits++;
  return bits;
}

static size_t bytes_of_entry(unsigned words, bool hashed) { return words * sizeof(ouro_object *) + (hashed ? sizeof(uint32_t) : 0); }
static size_t bytes_before(unsigned bits) { return sizeof(ouro__block) + ouro__cells_bytes(bits); }
static size_t bytes_of(unsigned words, unsigned bits, size_t room, bool hashed) {
  return bytes_before(bits) + room * bytes_of_entry(words, hashed);
}

/* What the heap gives for so much room anyway is room as well. */
static size_t room_given(unsigned words, unsigned bits, size_t room, bool hashed) {
  size_t given = (ouro_good_size(bytes_of(words, bits, room, hashed)) - bytes_before(bits)) / bytes_of_entry(words, hashed);
  size_t limit = limit_of(bits);
  return given < limit ? given : limit;
}

/* The room of a table that grows, and needs so much. */
static size_t room_for(unsigned words, unsigned bits, size_t need, bool hashed) {
  if (bits <= FULL_BITS) return limit_of(bits);
  size_t part = need < FEW ? GROW_SMALL : need * words * sizeof(ouro_object *) < MOVED_BYTES ? GROW_MIDDLE : GROW_LARGE;
  size_t room = need + need / part, limit = limit_of(bits);
  return room_given(words, bits, room < limit ? room : limit, hashed);
}

size_t ouro__table_extent(const ouro__table *table, unsigned words) {
  const ouro__block *block = table->block;
  return block ? bytes_of(words, block->bits, ouro__room(block), block->hashed) : 0;
}

/* ---------------------------------------------------------------- hashes */

static inline bool is_simple(const void *key) { return ouro__is_str_exact(key) || ouro__int_is_small(key); }

int ouro__key_of(void *object, ouro__key *key) {
  uint64_t hash;
  if (ouro__is_str_exact(object)) {
    *key = ouro__key_of_str(object);
  } else if (ouro__int_is_small(object)) {
    *key = ouro__key_of_int(object);
  } else {
    int code = ouro_hash(object, &hash);
    if (code) return code;
    *key = (ouro__key){.kind = OURO__KEY_OTHER, .hash = ouro__spread(hash), .object = object};
  }
  return OURO_OK;
}

static inline uint32_t hash_of_simple(void *key) {
  return ouro__int_is_small(key) ? ouro__spread(ouro__int_hash(ouro__int_value(key))) : ouro__spread(ouro__str_hash(key));
}

/* Of an entry that has a key. */
static inline uint32_t hash_of_entry(const ouro__block *block, unsigned words, size_t number) {
  return block->hashed ? ouro__hashes(block, words)[number] : hash_of_simple(*ouro__entry_at(block, words, number));
}

ouro__key ouro__key_of_entry(const ouro__block *block, unsigned words, uint32_t number) {
  void *object = *ouro__entry_at(block, words, number);
  if (ouro__int_is_small(object)) return ouro__key_of_int(object);
  if (ouro__is_str_exact(object)) return ouro__key_of_str(object);
  return (ouro__key){.kind = OURO__KEY_OTHER, .hash = ouro__hashes(block, words)[number], .object = object};
}

/* ---------------------------------------------------------------- cells */

/* The part of a hash that home and cell have together. */
static inline uint64_t kept_of(uint32_t hash, unsigned width) { return hash >> (32 - ouro__cell_kept(width)); }

void ouro__cells_put_anew(ouro__block *block, unsigned words, size_t at) {
  unsigned bits = block->bits, width = ouro__cell_width(bits);
  size_t last = ((size_t)1 << bits) - 1;
  char *cells = ouro__cells(block);
  for (uint64_t cell; (cell = ouro__cell_get(cells, width, at)); at = (at + 1) & last) {
    uint32_t number = (uint32_t)(cell & last);
    ouro__cell_set(cells, width, at, 0);
    if (*ouro__entry_at(block, words, number)) ouro__index_put(block, hash_of_entry(block, words, number), number);
  }
}

/* Where the cell of an entry is, which has one. */
static size_t cell_of(const ouro__block *block, unsigned words, uint32_t number) {
  unsigned bits = block->bits, width = ouro__cell_width(bits);
  size_t last = ((size_t)1 << bits) - 1, at = hash_of_entry(block, words, number) >> (32 - bits);
  const char *cells = ouro__cells(block);
  for (;; at = (at + 1) & last) {
    uint64_t cell = ouro__cell_get(cells, width, at);
    OURO_INVARIANT(cell != 0);
    if ((cell & last) == number) return at;
  }
}

/* ---------------------------------------------------------------- filling a block's cells */

static inline void fetch_key(const ouro__block *block, unsigned words, uint32_t number) {
  if (block->hashed || number >= block->used) return;
  ouro_object *key = *ouro__entry_at(block, words, number);
  if (key) OURO_PREFETCH_WRITE(&((ouro_str *)(void *)key)->ouro__hash);
}

/* From the keys, with the hashes there where the block has some. */
static void fill(ouro__block *block, unsigned words) {
  if (block->bits) {
    memset(ouro__cells(block), 0, ouro__cells_bytes(block->bits));
  } else {
    block->u.tags = 0;
  }
  for (uint32_t i = 0; i < block->used; i++) {
    fetch_key(block, words, i + AHEAD);
    if (OURO_LIKELY(*ouro__entry_at(block, words, i) != NULL)) ouro__index_put(block, hash_of_entry(block, words, i), i);
  }
}

/* From a block with the same entries and fewer cells, of the same width: no key is looked at. Homes come in order, from behind an empty
 * cell on. */
OURO_INLINE void fill_from_cells(ouro__block *block, const ouro__block *from, unsigned words, unsigned width) {
  unsigned bits = from->bits, rest = ouro__cell_kept(width) - bits, new_bits = block->bits;
  size_t cells = (size_t)1 << bits, last = cells - 1, start = 0;
  const char *old = ouro__cells(from);
  char *made = ouro__cells(block);
  while (ouro__cell_get(old, width, start)) start++;
  for (size_t i = 1; i < cells; i++) {
    size_t at = (start + i) & last;
    uint64_t cell = ouro__cell_get(old, width, at), number = cell & last;
    uint32_t distance = ouro__cell_distance(cell, bits);
    if (!cell) continue;
    uint64_t kept = (uint64_t)((at - (distance - 1)) & last) << rest | cell >> (bits + OURO__TABLE_FAR_BITS);
    if (OURO_UNLIKELY(distance == OURO__TABLE_FAR)) {
      if (!*ouro__entry_at(from, words, number)) continue;
      kept = kept_of(hash_of_entry(from, words, number), width);
    }
    ouro__cell_put(made, new_bits, width, kept, number);
  }
}

static void fill_from(ouro__block *block, const ouro__block *from, unsigned words) {
  unsigned width = ouro__cell_width(block->bits);
  memset(ouro__cells(block), 0, ouro__cells_bytes(block->bits));
  if (width == 1) {
    fill_from_cells(block, from, words, 1);
  } else if (width == 2) {
    fill_from_cells(block, from, words, 2);
  } else {
    fill_from_cells(block, from, words, 3);
  }
}

/* ---------------------------------------------------------------- blocks */

static ouro__block *block_new(unsigned words, unsigned bits, size_t room, bool hashed) {
  ouro__block *block = ouro_malloc(bytes_of(words, bits, room, hashed));
  if (!block) return NULL;
  *block = (ouro__block){.bits = (uint8_t)bits, .hashed = hashed};
  if (bits) {
    block->u.large.room = (uint32_t)room;
  } else {
    block->little = (uint8_t)room;
  }
  return block;
}

static inline void copy_entry(ouro__block *to, uint32_t at, const ouro__block *from, uint32_t number, unsigned words) {
  memcpy(ouro__entry_at(to, words, at), ouro__entry_at(from, words, number), words * sizeof(ouro_object *));
}

/* Copy the entries that are no holes, and their hashes, to a block, which may be the same. */
static void pack_into(ouro__block *to, const ouro__block *from, unsigned words) {
  uint32_t *hashes = to->hashed ? ouro__hashes(to, words) : NULL, at = 0;
  for (uint32_t i = 0; i < from->used; i++) {
    ouro_object **entry = ouro__entry_at(from, words, i);
    if (ouro__is_hole(entry, words)) continue;
    if (hashes) hashes[at] = *entry ? hash_of_entry(from, words, i) : 0;
    if (to != from || at != i) copy_entry(to, at, from, i, words);
    at++;
  }
  to->used = at;
  if (to->bits) to->u.large.first = 0;
}

static void pack(ouro__table *table, unsigned words) {
  pack_into(table->block, table->block, words);
  fill(table->block, words);
  OURO__SET(table->live, table->block->used);
  table->version++;
}

ouro__block *ouro__table_exchange(ouro__table *table, ouro__block *block, uint32_t live) {
  ouro__block *before = table->block;
  table->block = block;
  OURO__SET(table->live, live);
  table->version++;
  return before;
}

/* Another block, without holes. false: no memory, or too many; nothing has changed. */
static bool rebuild(ouro__table *table, unsigned words, unsigned bits, size_t room, bool hashed) {
  ouro__block *before = table->block;
  ouro__block *block = bits <= BITS_MOST ? block_new(words, bits, room, hashed) : ouro__fail(OURO_ENOMEM);
  if (!block) return false;
  bool same = false;
  if (before) {
    same = before->used == table->live && before->hashed == hashed;
    if (same) {
      memcpy(ouro__entry_at(block, words, 0), ouro__entry_at(before, words, 0), before->used * words * sizeof(ouro_object *));
      if (hashed) memcpy(ouro__hashes(block, words), ouro__hashes(before, words), before->used * sizeof(uint32_t));
      block->used = before->used;
    } else {
      pack_into(block, before, words);
    }
  }
  if (same && before->bits && before->bits < bits && ouro__cell_width(before->bits) == ouro__cell_width(bits)) {
    fill_from(block, before, words);
  } else {
    fill(block, words);
  }
  ouro__table_exchange(table, block, block->used);
  ouro_free(before);
  return true;
}

/* More room, with the same cells. */
static bool extend(ouro__table *table, unsigned words, size_t room) {
  ouro__block *block = table->block;
  size_t before = ouro__room(block);
  block = ouro_realloc(block, bytes_of(words, block->bits, room, block->hashed));
  if (!block) return false;
  table->block = block;
  if (block->bits) {
    block->u.large.room = (uint32_t)room;
  } else {
    block->little = (uint8_t)room;
  }
  if (block->hashed) memmove(ouro__hashes(block, words), ouro__entry_at(block, words, before), block->used * sizeof(uint32_t));
  return true;
}

bool ouro__table_make_room(ouro__table *table, unsigned words, size_t count, bool hashed) {
  unsigned bits = bits_for(count);
  if (bits > BITS_MOST) return ouro__fail(OURO_ENOMEM) != NULL;
  return rebuild(table, words, bits, room_given(words, bits, count, hashed), hashed);
}

/* The first key: most tables stay small. */
static bool reserve_first(ouro__table *table, unsigned words, size_t more, bool hashed) {
  if (more > 1) return ouro__table_make_room(table, words, more, hashed);
  unsigned room = words == OURO__OF_SET ? FIRST_ROOM_SET : FIRST_ROOM_DICT;
  ouro__block *block = block_new(words, 0, room, hashed);
  if (OURO_LIKELY(block != NULL)) table->block = block;
  return block;
}

bool ouro__table_reserve(ouro__table *table, unsigned words, size_t more, bool hashed) {
  const ouro__block *block = table->block;
  if (!block) return reserve_first(table, words, more, hashed);
  hashed |= block->hashed;
  size_t room = ouro__room(block), used = block->used, holes = used - (table->live < used ? table->live : used);
  bool same = hashed == block->hashed, packs = holes && holes * WORTH_PACKING >= used;
  if (same && used + more <= room) return true;
  if (same && packs && used - holes + more <= room) {
    pack(table, words);
    return true;
  }
  size_t need = (packs ? used - holes : used) + more;
  unsigned bits = bits_for(need);
  if (bits > BITS_MOST) return ouro__fail(OURO_ENOMEM) != NULL;
  size_t wanted = room_for(words, bits, need, hashed);
  return same && !packs && bits == block->bits ? extend(table, words, wanted) : rebuild(table, words, bits, wanted, hashed);
}

void ouro__table_shrink(ouro__table *table, unsigned words) {
  const ouro__block *block = table->block;
  int saved = errno;
  size_t room = ouro__room(block), need = table->live + table->live / 2;
  unsigned bits = bits_for(need);
  if (table->live == 0 && (block->hashed || room > OURO__TABLE_SMALL)) {
    ouro_free(ouro__table_exchange(table, NULL, 0));
  } else if (room > OURO__TABLE_SMALL) {
    rebuild(table, words, bits, room_given(words, bits, need, block->hashed), block->hashed);
  }
  errno = saved;
}

/* ---------------------------------------------------------------- entries that come and go */

bool ouro__table_take_last(ouro__table *table, unsigned words, void *held[2]) {
  ouro__probe probe = {0};
  const ouro__block *block = table->block;
  uint32_t number = block ? block->used : 0;
  while (number && !*ouro__entry_at(block, words, number - 1)) number--; /* only where the collector has been */
  if (!number) return false;
  probe.number = number - 1;
  if (block->bits) probe.at = cell_of(block, words, probe.number);
  ouro__table_take(table, words, &probe, held);
  return true;
}

bool ouro__table_clone(const ouro__table *table, unsigned words, ouro__block **block) {
  const ouro__block *from = table->block;
  *block = NULL;
  if (!from || !table->live) return true;
  ouro__block *made = block_new(words, from->bits, from->used, from->hashed);
  if (!made) return false;
  made->used = from->used;
  memcpy(ouro__cells(made), ouro__cells(from), ouro__cells_bytes(from->bits) + from->used * words * sizeof(ouro_object *));
  if (from->hashed) memcpy(ouro__hashes(made, words), ouro__hashes(from, words), from->used * sizeof(uint32_t));
  if (!from->bits) made->u.tags = from->u.tags;
  ouro_object **entry = ouro__entry_at(made, words, 0), **end = ouro__entry_at(made, words, made->used);
  for (; entry < end; entry++) ouro_xincref(*entry);
  *block = made;
  return true;
}

/* ---------------------------------------------------------------- looking for any key */

static int examine(const ouro__block *block, unsigned words, const ouro__key *key, size_t number) {
  ouro_object *there = *ouro__entry_at(block, words, number);
  if (there == key->object) return OURO__FOUND;
  if (!there || hash_of_entry(block, words, number) != key->hash) return OURO__ABSENT;
  if (key->kind == OURO__KEY_OTHER || !is_simple(there)) return OURO__PERHAPS;
  return ouro__match_simple(there, *key, key->kind) ? OURO__FOUND : OURO__ABSENT;
}

static int look_on_in_few(const ouro__block *block, unsigned words, const ouro__key *key, ouro__probe *probe) {
  while (probe->at) {
    probe->number = ouro__ctz64(probe->at) / 8;
    probe->at &= probe->at - 1;
    int answer = probe->number < block->used ? examine(block, words, key, probe->number) : OURO__ABSENT;
    if (answer != OURO__ABSENT) return answer;
  }
  return OURO__ABSENT;
}

/* The cell at `at` is the next one to be looked at. */
static int look_on_in_cells(const ouro__block *block, unsigned words, const ouro__key *key, ouro__probe *probe) {
  unsigned bits = block->bits, width = ouro__cell_width(bits), rest = ouro__cell_kept(width) - bits;
  size_t last = ((size_t)1 << bits) - 1;
  uint64_t want = (kept_of(key->hash, width) & ((UINT64_C(1) << rest) - 1)) << OURO__TABLE_FAR_BITS;
  const char *cells = ouro__cells(block);
  for (;;) {
    uint64_t cell = ouro__cell_get(cells, width, probe->at);
    uint32_t distance = probe->distance;
    int answer = OURO__ABSENT;
    if (ouro__cell_distance(cell, bits) < distance) return OURO__ABSENT;
    probe->number = (uint32_t)(cell & last);
    if (cell >> bits == (want | distance)) answer = examine(block, words, key, probe->number);
    if (answer == OURO__FOUND) return answer;
    probe->at = (probe->at + 1) & last;
    probe->distance += distance < OURO__TABLE_FAR;
    if (answer == OURO__PERHAPS) return answer;
  }
}

static int look_on(const ouro__block *block, unsigned words, const ouro__key *key, ouro__probe *probe) {
  return block->bits ? look_on_in_cells(block, words, key, probe) : look_on_in_few(block, words, key, probe);
}

static int look(const ouro__block *block, unsigned words, const ouro__key *key, ouro__probe *probe) {
  if (!block) return OURO__ABSENT;
  probe->distance = 1;
  probe->at = block->bits ? key->hash >> (32 - block->bits) : (size_t)ouro__tags_like(block->u.tags, key->hash);
  return look_on(block, words, key, probe);
}

static inline void begin(ouro__hold *hold, ouro__table *table, bool write) {
  if (write) {
    ouro__hold_write(hold, table);
  } else {
    ouro__hold_read(hold, table);
  }
}

/* Is the key at *probe, which a look came by, the one? With no hold in between. 1, 0 or a code, and *changed: the table is not what it was.
 * Of a code, the hold has ended. */
static int compare(ouro__table *table, unsigned words, const ouro__key *key, bool write, ouro__hold *hold, const ouro__probe *probe,
                   bool *changed) {
  ouro_object *there = ouro_newref(*ouro__entry_at(table->block, words, probe->number));
  uint32_t version = table->version;
  ouro__hold_end(hold, table);
  int answer = ouro_equal(there, key->object);
  ouro_decref(there);
  if (answer < 0) return answer;
  begin(hold, table, write);
  *changed = table->version != version;
  return answer;
}

/* The cell that a search found the entry by is the last one it looked at. */
static void step_back(const ouro__block *block, ouro__probe *probe) {
  if (block->bits) probe->at = (probe->at - 1) & (((size_t)1 << block->bits) - 1);
}

static bool find_simple(const ouro__block *block, unsigned words, const ouro__key *key, ouro__probe *probe) {
  if (key->kind == OURO__KEY_STR) return ouro__find_simple(block, words, *key, OURO__KEY_STR, probe);
  if (key->kind == OURO__KEY_INT) return ouro__find_simple(block, words, *key, OURO__KEY_INT, probe);
  return ouro__find_simple(block, words, *key, OURO__KEY_TEXT, probe);
}

int ouro__table_seek(ouro__table *table, unsigned words, const ouro__key *key, bool write, ouro__hold *hold, ouro__probe *probe) {
  begin(hold, table, write);
  if (OURO_LIKELY(key->kind != OURO__KEY_OTHER && ouro__all_simple(table))) return find_simple(table->block, words, key, probe);
  int found = look(table->block, words, key, probe);
  while (OURO_UNLIKELY(found == OURO__PERHAPS)) {
    bool changed = false;
    int answer = compare(table, words, key, write, hold, probe, &changed);
    if (answer < 0) return answer;
    if (changed) {
      found = look(table->block, words, key, probe);
    } else if (answer) {
      step_back(table->block, probe);
      found = OURO__FOUND;
    } else {
      found = look_on(table->block, words, key, probe);
    }
  }
  return found == OURO__FOUND;
}

int ouro__table_has(ouro__table *table, unsigned words, const ouro__key *key) {
  ouro__hold hold;
  ouro__probe probe;
  int code = ouro__table_seek(table, words, key, false, &hold, &probe);
  if (code >= 0) ouro__hold_end(&hold, table);
  return code;
}

int ouro__table_put_new(ouro__table *table, unsigned words, const ouro__key *key, void *value) {
  ouro__hold hold;
  ouro__probe probe;
  int code = ouro__table_seek(table, words, key, true, &hold, &probe);
  if (code < 0) return code;
  if (code == 0 && !ouro__table_reserve(table, words, 1, key->kind == OURO__KEY_OTHER)) code = OURO_ENOMEM;
  if (code == 0) ouro__table_add(table, words, key->hash, ouro_newref(key->object), ouro_xnewref(value));
  ouro__hold_end(&hold, table);
  return code < 0 ? code : !code;
}

int ouro__table_discard(ouro__table *table, unsigned words, const ouro__key *key) {
  ouro__hold hold;
  ouro__probe probe;
  void *held[2] = {NULL, NULL};
  int code = ouro__table_seek(table, words, key, true, &hold, &probe);
  if (code < 0) return code;
  if (code) ouro__table_take(table, words, &probe, held);
  ouro__hold_end(&hold, table);
  ouro_xdecref(held[0]);
  ouro_xdecref(held[1]);
  return code;
}

/* ---------------------------------------------------------------- all of it */

void ouro__block_drop(ouro__block *block, unsigned words) {
  if (!block) return;
  size_t count = (size_t)block->used * words;
  ouro_object **entries = ouro__entry_at(block, words, 0);
  for (size_t i = 0; i < count; i++) {
    if (i + AHEAD < count) OURO_PREFETCH_WRITE(entries[i + AHEAD]);
    ouro_xdecref(entries[i]);
  }
  ouro_free(block);
}

void ouro__table_clear(ouro__table *table, unsigned words) {
  ouro__hold hold;
  ouro__hold_write(&hold, table);
  ouro__block *block = ouro__table_exchange(table, NULL, 0);
  ouro__hold_end(&hold, table);
  ouro__block_drop(block, words);
}

static uint32_t whole_entries(const ouro__block *block, unsigned words) {
  uint32_t count = 0;
  for (uint32_t i = 0; block && i < block->used; i++) count += !ouro__is_hole(ouro__entry_at(block, words, i), words);
  return count;
}

ouro_ref ouro__table_copy(ouro__table *table, unsigned words, ouro_type *type) {
  ouro__table *made = ouro_new(type);
  ouro__block *block;
  ouro__hold hold;
  if (!made) return NULL;
  ouro__hold_read(&hold, table);
  bool done = ouro__table_clone(table, words, &block);
  ouro__hold_end(&hold, table);
  if (!done) {
    ouro_decref(made);
    return ouro__fail(OURO_ENOMEM);
  }
  made->block = block;
  OURO__SET(made->live, whole_entries(block, words));
  return made;
}

static int put_all(ouro__table *to, const ouro__block *from, unsigned words) {
  for (uint32_t i = ouro__next_entry(from, words, 0); i < from->used; i = ouro__next_entry(from, words, i + 1)) {
    ouro_object **entry = ouro__entry_at(from, words, i);
    ouro__key key;
    int code = ouro__key_of(entry[0], &key);
    if (!code) code = ouro__table_put_new(to, words, &key, words == OURO__OF_DICT ? entry[1] : NULL);
    if (code < 0) return code;
  }
  return OURO_OK;
}

/* What it holds keeps it company in a table of its own until that is complete. */
int ouro__table_copied(ouro__table *table, unsigned words) {
  if (ouro__all_simple(table)) return OURO_OK; /* which are their own copies */
  ouro__table *made = ouro_new(words == OURO__OF_DICT ? &ouro_dict_type : &ouro_set_type);
  ouro__block *from; /* not the table's own: hash and equality may change that */
  if (!made) return ouro__code();
  int code = ouro__table_clone(table, words, &from) ? OURO_OK : OURO_ENOMEM;
  if (!code && from) code = put_all(made, from, words);
  if (!code) {
    uint32_t version = table->version, live = made->live;
    ouro__block *block = ouro__table_exchange(made, NULL, 0);
    ouro__table_exchange(made, ouro__table_exchange(table, block, live), 0);
    table->version = version; /* of a frozenset: its hash, which nobody has asked for */
  }
  ouro__block_drop(from, words);
  ouro_decref(made);
  return code;
}

/* ---------------------------------------------------------------- walks */

static int show(const ouro__block *block, unsigned words, uint32_t *number, ouro__shown *item) {
  uint32_t at = ouro__next_entry(block, words, *number);
  if (!block || at >= block->used) return 0;
  ouro_object **entry = ouro__entry_at(block, words, at);
  item->key = ouro__key_of_entry(block, words, at);
  item->value = words == OURO__OF_DICT ? entry[1] : NULL;
  ouro_incref(entry[0]);
  if (item->value) ouro_incref(item->value);
  *number = at + 1;
  return 1;
}

int ouro__table_step(ouro__table *table, unsigned words, uint32_t *number, ouro__shown *item) {
  ouro__hold hold;
  ouro__hold_read(&hold, table);
  int code = show(table->block, words, number, item);
  ouro__hold_end(&hold, table);
  return code;
}

/* A cursor has the version above, and one more than the next number below: so it is never 0. */
static inline size_t cursor_of(uint32_t version, uint32_t number) { return (size_t)version << 32 | (number + 1); }

/* The version of a frozenset, which never changes, is something else. */
static inline uint32_t version_of(const ouro__table *table) {
  const ouro_type *type = ouro_type_of(table);
  if (OURO_LIKELY(type == &ouro_dict_type || type == &ouro_set_type)) return table->version;
  return ouro_is_frozenset(table) ? 0 : table->version;
}

size_t ouro__table_cursor(ouro__table *table) {
  ouro__hold hold;
  ouro__hold_read(&hold, table);
  uint32_t version = version_of(table);
  ouro__hold_end(&hold, table);
  return cursor_of(version, 0);
}

/* As ouro__table_next, in the hold. */
OURO_INLINE int next_of(const ouro__table *table, unsigned words, size_t *cursor, void *held[2]) {
  const ouro__block *block = table->block;
  uint32_t version = version_of(table);
  if (OURO_UNLIKELY(*cursor && version != (uint32_t)(*cursor >> 32))) return OURO_ECHANGED;
  uint32_t number = ouro__next_entry(block, words, *cursor ? (uint32_t)*cursor - 1 : 0);
  if (!block || number >= block->used) return 0;
  ouro_object **entry = ouro__entry_at(block, words, number);
  held[0] = ouro_newref(entry[0]);
  held[1] = words == OURO__OF_DICT ? ouro_newref(entry[1]) : NULL;
  *cursor = cursor_of(version, number + 1);
  return 1;
}

static OURO_NOINLINE int next_among_many(ouro__table *table, unsigned words, size_t *cursor, void *held[2]) {
  ouro__hold hold;
  ouro__hold_read(&hold, table);
  int code = next_of(table, words, cursor, held);
  ouro__hold_end(&hold, table);
  return code;
}

int ouro__table_next(ouro__table *table, unsigned words, size_t *cursor, void *held[2]) {
  if (OURO_UNLIKELY(!ouro__enter_alone())) return next_among_many(table, words, cursor, held);
  int code = words == OURO__OF_DICT ? next_of(table, OURO__OF_DICT, cursor, held) : next_of(table, OURO__OF_SET, cursor, held);
  ouro__leave_alone();
  return code;
}

int ouro__table_iterate(ouro__table *table, unsigned words, _Atomic size_t *cursor, void *held[2]) {
  size_t before = ouro__load_relaxed(cursor);
  for (;;) {
    size_t after = before;
    int code = before == SIZE_MAX ? 0 : ouro__table_next(table, words, &after, held);
    if (code == 0) after = SIZE_MAX;
    if (code < 0) return code;
    bool mine = atomic_compare_exchange_strong_explicit(cursor, &before, after, memory_order_relaxed, memory_order_relaxed);
    if (OURO_LIKELY(mine)) return code;
    if (code == 0) return 0;
    ouro_decref(held[0]);
    ouro_xdecref(held[1]);
  }
}

/* ---------------------------------------------------------------- checking */

static bool cell_is_valid(const ouro__block *block, unsigned words, size_t at, uint64_t cell) {
  unsigned bits = block->bits, width = ouro__cell_width(bits), rest = ouro__cell_kept(width) - bits;
  size_t last = ((size_t)1 << bits) - 1, number = cell & last;
  uint64_t before = ouro__cell_get(ouro__cells(block), width, (at - 1) & last);
  uint32_t distance = ouro__cell_distance(cell, bits);
  if (!distance || number >= block->used || !*ouro__entry_at(block, words, number)) return false;
  uint64_t kept = kept_of(hash_of_entry(block, words, number), width);
  size_t away = (at - (size_t)(kept >> rest)) & last;
  if (distance != (away + 1 < OURO__TABLE_FAR ? away + 1 : OURO__TABLE_FAR)) return false;
  if (cell >> (bits + OURO__TABLE_FAR_BITS) != (kept & ((UINT64_C(1) << rest) - 1))) return false;
  return distance == 1 || ouro__cell_distance(before, bits) + 1 >= distance; /* I-TABLE-3, one step at a time */
}

/* Does a search come by the entry's cell? */
static bool is_reached(const ouro__block *block, unsigned words, uint32_t number) {
  unsigned bits = block->bits, width = ouro__cell_width(bits);
  size_t last = ((size_t)1 << bits) - 1, at = hash_of_entry(block, words, number) >> (32 - bits);
  for (uint32_t distance = 1;; at = (at + 1) & last) {
    uint64_t cell = ouro__cell_get(ouro__cells(block), width, at);
    if (ouro__cell_distance(cell, bits) < distance) return false;
    if ((cell & last) == number) return true;
    distance += distance < OURO__TABLE_FAR;
  }
}

static bool cells_are_valid(const ouro__block *block, unsigned words, size_t live) {
  size_t filled = 0;
  if (live > limit_of(block->bits)) return false;
  for (size_t at = 0; at < (size_t)1 << block->bits; at++) {
    uint64_t cell = ouro__cell_get(ouro__cells(block), ouro__cell_width(block->bits), at);
    if (!cell) continue;
    filled++;
    if (!cell_is_valid(block, words, at, cell)) return false;
  }
  if (filled != live) return false;
  for (uint32_t i = 0; i < block->used; i++) {
    if (*ouro__entry_at(block, words, i) && !is_reached(block, words, i)) return false;
  }
  return true;
}

static bool tags_are_valid(const ouro__block *block, unsigned words) {
  for (uint32_t i = 0; i < OURO__TABLE_SMALL; i++) {
    bool there = i < block->used && *ouro__entry_at(block, words, i);
    uint64_t tag = there ? ouro__tag_of(hash_of_entry(block, words, i)) : 0;
    if ((block->u.tags >> 8 * i & 0xff) != tag) return false;
  }
  return true;
}

bool ouro__table_valid(const ouro__table *table, unsigned words) {
  const ouro__block *block = table->block;
  if (!block) return table->live == 0;
  size_t live = whole_entries(block, words);
  if (live != table->live || block->used > ouro__room(block) || ouro__room(block) > limit_of(block->bits)) return false;
  if (block->used && ouro__is_hole(ouro__entry_at(block, words, block->used - 1), words)) return false;
  if (block->bits && block->u.large.first > block->used) return false;
  for (uint32_t i = 0; block->bits && i < block->u.large.first; i++) {
    if (!ouro__is_hole(ouro__entry_at(block, words, i), words)) return false; /* I-TABLE-7 */
  }
  for (uint32_t i = 0; i < block->used; i++) {
    ouro_object **entry = ouro__entry_at(block, words, i);
    if (words == OURO__OF_DICT && !entry[0] != !entry[1]) return false;
    if (entry[0] && !block->hashed && !is_simple(entry[0])) return false;
  }
  return block->bits ? cells_are_valid(block, words, live) : tags_are_valid(block, words);
}
