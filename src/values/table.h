/* values/table.h - the table of dicts and sets: keys in the order of their insertion, and cells that say where a key is.
 *
 * The object, 32 bytes, says how many keys live, and refers to one BLOCK, or to none as long as it is empty:
 *
 *     | head, 16 bytes | 2^bits cells of 2, 4 or 8 bytes | entries: room for `room`, `used` in use | hashes of the entries, 4 bytes each |
 *
 * An ENTRY is a key and a value, of a set a key. Of a key that was taken out a HOLE is left: both words NULL. With up to 8 entries there
 * are no cells, but 8 bytes in the head with 7 bits of each key's hash: one comparison of words finds those that may be equal.
 *
 * Hashes have 32 bits, spread from those of ouro_hash. Strings keep theirs, that of an int of 64 bits is quickly made: these keys are
 * SIMPLE, and as long as there are no others, hashes are not stored. With the first other key the block gets hashes (`hashed`).
 *
 * A CELL is 0, or has the number of an entry, its distance and more of its hash:
 *
 *     | hash, the next bits: the rest | distance from home + 1: 5 bits | number: `bits` |         home = the highest `bits` of the hash
 *
 * Cells are probed one after the other, from the key's home on, and kept in Robin Hood's order: an entry that is further from its home than
 * the one that it comes by takes that one's cell (P. Celis, "Robin Hood Hashing", 1986; deletion by shifting back). So a key is looked for
 * where distance and hash bits say it is, mostly without a look at another key; a search ends at the first entry that is nearer to its home
 * than the key would be; nothing is left where a key was; and since position and distance give the home, a block with twice the cells is
 * filled without a look at any key: a run through memory instead of a miss for each string. (A distance of FAR or more is stored as FAR: of
 * such, the key is asked. That takes that many keys with one hash.)
 *
 * I-TABLE-1  entries that are no holes: `live` (fewer, where the collector has cleared some); live <= used <= room < 2^bits; live at most
 *            three quarters of the cells
 * I-TABLE-2  each entry with a key has one cell, which a probe for its hash comes by; a hole has none; without cells, its byte of `tags`
 * I-TABLE-3  a probe for any entry's hash comes by cells whose distances are at least its own
 * I-TABLE-4  the last entry in use is no hole
 * I-TABLE-5  not hashed: all keys are simple
 * I-TABLE-6  `version` changes whenever a key comes or goes, or entries move
 * I-TABLE-7  with cells: all entries below `first` are holes; so who takes out the first one again and again does not walk over all before it
 *
 * What is said here to need the hold is called within the object's hold (guard.h). */
#ifndef OURO_VALUES_TABLE_H
#define OURO_VALUES_TABLE_H

#include <ouro/dict.h>

#include "values/guard.h"
#include "values/number.h"
#include "values/str.h"
#include "values/values.h"

typedef struct ouro__block {
  uint32_t used;
  uint8_t bits;      /* 0: no cells */
  bool hashed;       /* there are hashes */
  uint8_t little;    /* room, where there are no cells */
  uint8_t unused;
  union {
    uint64_t tags;   /* without cells: a byte for each entry, 0 for holes, the first one's the lowest */
    struct {
      uint32_t room, first; /* with cells; there is no entry before `first` (I-TABLE-7) */
    } large;
  } u;
} ouro__block;

/* What dicts and sets begin with. */
typedef struct ouro__table {
  ouro_object base;
  ouro__block *block;
  uint32_t live;
  uint32_t version;  /* of a frozenset, which has no use for it: its hash, 0: not yet */
} ouro__table;

struct ouro_dict {
  ouro__table table;
};
struct ouro_set {
  ouro__table table;
};

_Static_assert(sizeof(ouro__block) == 16 && sizeof(ouro__table) == 32, "what <ouro/dict.h> says of memory");

enum {
  OURO__TABLE_SMALL = 8,  /* entries that need no cells: bytes in a word */
  OURO__SHRINK_BELOW = 8, /* a block of which less than an eighth lives is made smaller */
  OURO__TABLE_FAR = 31,   /* the largest distance + 1 that a cell can tell */
  OURO__TABLE_FAR_BITS = 5,
  OURO__NARROW_BITS = 11, /* up to here cells have 2 bytes */
  OURO__MIDDLE_BITS = 27, /* and up to here 4 */
};

/* Words of an entry: the compiler knows which, wherever it matters. */
enum { OURO__OF_SET = 1, OURO__OF_DICT = 2 };

/* ---------------------------------------------------------------- the parts of a block */

/* Bytes of a cell, as a power of two, and the bits of the hash that home and cell have together: 11, 27, 32. */
static inline unsigned ouro__cell_width(unsigned bits) {
  return bits <= OURO__NARROW_BITS ? 1 : bits <= OURO__MIDDLE_BITS ? 2 : 3;
}
static inline unsigned ouro__cell_kept(unsigned width) {
  return width == 1 ? OURO__NARROW_BITS : width == 2 ? OURO__MIDDLE_BITS : 32;
}

static inline size_t ouro__cells_bytes(unsigned bits) { return bits ? (size_t)1 << (bits + ouro__cell_width(bits)) : 0; }
static inline char *ouro__cells(const ouro__block *block) { return (char *)(uintptr_t)(block + 1); }

static inline ouro_object **ouro__entry_at(const ouro__block *block, unsigned words, size_t number) {
  return (ouro_object **)(void *)(ouro__cells(block) + ouro__cells_bytes(block->bits)) + number * words;
}

static inline size_t ouro__room(const ouro__block *block) { return block->bits ? (size_t)block->u.large.room : block->little; }

static inline uint32_t *ouro__hashes(const ouro__block *block, unsigned words) {
  return (uint32_t *)(void *)ouro__entry_at(block, words, ouro__room(block));
}

static inline bool ouro__is_hole(ouro_object *const *entry, unsigned words) { return !entry[0] && (words == 1 || !entry[1]); }

/* ---------------------------------------------------------------- keys */

enum ouro__key_kind {
  OURO__KEY_STR,   /* exactly a str, interned or not */
  OURO__KEY_INT,   /* of 64 bits */
  OURO__KEY_TEXT,  /* no object, but the bytes of a str */
  OURO__KEY_OTHER,
};

typedef struct ouro__key {
  enum ouro__key_kind kind;
  uint32_t hash;      /* spread */
  void *object;
  const char *text;   /* of OURO__KEY_TEXT */
  union {
    int64_t value;    /* of OURO__KEY_INT */
    size_t bytes;     /* of OURO__KEY_TEXT */
  } u;
} ouro__key;

/* 32 bits of a hash, each of which depends on most that are below: also hashes that are numbers in a row, or multiples of one, lie
 * apart. */
static inline uint32_t ouro__spread(uint64_t hash) { return (uint32_t)(hash * UINT64_C(0x9e3779b97f4a7c15) >> 32); }

static inline ouro__key ouro__key_of_str(void *str) {
  return (ouro__key){.kind = OURO__KEY_STR, .hash = ouro__spread(ouro__str_hash(str)), .object = str};
}
static inline ouro__key ouro__key_of_int(void *number) {
  int64_t value = ouro__int_value(number);
  return (ouro__key){.kind = OURO__KEY_INT, .hash = ouro__spread(ouro__int_hash(value)), .object = number, .u.value = value};
}

/* Of any object. Calls its hash. OURO_OK, or a code. */
int ouro__key_of(void *object, ouro__key *key);

/* ---------------------------------------------------------------- looking for a key: in the hold */

/* Where a search is. */
typedef struct ouro__probe {
  size_t at;        /* the cell; without cells: the entries still to be looked at, a bit of each byte */
  uint32_t distance; /* + 1 */
  uint32_t number;  /* of the entry found */
  uint64_t want;    /* of a simple key that was not found in cells: what its own cell, at `at`, would have above its number */
} ouro__probe;

enum { OURO__ABSENT, OURO__FOUND, OURO__PERHAPS /* the two must be compared, with no hold */ };

/* Are so many bytes the same? Eight at a time, the last eight perhaps for the second time: most keys are too short for a call. */
static inline uint64_t ouro__word_at(const char *text) {
  uint64_t word;
  memcpy(&word, text, sizeof word);
  return word;
}
static inline bool ouro__bytes_same(const char *one, const char *other, size_t count) {
  if (OURO_UNLIKELY(count > 64)) return memcmp(one, other, count) == 0;
  if (count >= 8) {
    for (size_t i = 0; i + 8 < count; i += 8) {
      if (ouro__word_at(one + i) != ouro__word_at(other + i)) return false;
    }
    return ouro__word_at(one + count - 8) == ouro__word_at(other + count - 8);
  }
  for (size_t i = 0; i < count; i++) {
    if (one[i] != other[i]) return false;
  }
  return true;
}

/* Is the entry's key the one looked for? Where all keys are simple, this knows. The hash of a string in a table has been taken. */
OURO_INLINE bool ouro__match_simple(ouro_object *there, ouro__key key, enum ouro__key_kind kind) {
  if (kind != OURO__KEY_TEXT && there == key.object) return true;
  if (OURO_UNLIKELY(!there)) return false; /* cleared by the collector */
  if (kind == OURO__KEY_INT) return ouro__int_is_small(there) && ouro__int_value(there) == key.u.value;
  if (OURO_UNLIKELY(ouro__int_is_small(there))) return false;
  const ouro_str *str = (const ouro_str *)(void *)there;
  const char *text = kind == OURO__KEY_TEXT ? key.text : ouro_str_text(key.object);
  size_t bytes = kind == OURO__KEY_TEXT ? key.u.bytes : ouro_str_bytes(key.object);
  return ouro_str_bytes(str) == bytes && ouro__bytes_same(ouro_str_text(str), text, bytes);
}

static inline uint64_t ouro__cell_get(const char *cells, unsigned width, size_t at) {
  if (width == 1) return ((const uint16_t *)(const void *)cells)[at];
  if (width == 2) return ((const uint32_t *)(const void *)cells)[at];
  return ((const uint64_t *)(const void *)cells)[at];
}

/* Which of the bytes may be the hash's: a bit of each. Where a byte is the hash's, the one above it may be shown wrongly. */
static inline uint64_t ouro__tag_of(uint32_t hash) { return hash >> 25 | 0x80; }
static inline uint64_t ouro__tags_like(uint64_t tags, uint32_t hash) {
  const uint64_t ones = UINT64_C(0x0101010101010101);
  uint64_t differ = tags ^ ouro__tag_of(hash) * ones;
  return (differ - ones) & ~differ & ones << 7;
}

OURO_INLINE bool ouro__find_in_cells(const ouro__block *block, unsigned words, ouro__key key, enum ouro__key_kind kind, unsigned width,
                                     ouro__probe *probe) {
  unsigned bits = block->bits, rest = ouro__cell_kept(width) - bits;
  uint64_t last = (UINT64_C(1) << bits) - 1, kept = key.hash >> (32 - ouro__cell_kept(width));
  const char *cells = ouro__cells(block);
  size_t at = (size_t)(kept >> rest);
  /* What the cell has above its number, if it is the key's: hash bits, and the distance, which rises as we go. */
  uint64_t want = (kept & ((UINT64_C(1) << rest) - 1)) << OURO__TABLE_FAR_BITS | 1;
  for (;;) {
    uint64_t cell = ouro__cell_get(cells, width, at), high = cell >> bits;
    if (high == want) {
      size_t number = (size_t)(cell & last);
      ouro_object **entries = (ouro_object **)(uintptr_t)(cells + ((size_t)1 << (bits + width)));
      if (OURO_LIKELY(ouro__match_simple(entries[number * words], key, kind))) {
        probe->at = at;
        probe->number = (uint32_t)number;
        return true;
      }
    } else if ((high & OURO__TABLE_FAR) < (want & OURO__TABLE_FAR)) {
      probe->at = at;
      probe->want = want;
      return false;
    }
    at = (at + 1) & last;
    want += (want & OURO__TABLE_FAR) != OURO__TABLE_FAR;
  }
}

OURO_INLINE bool ouro__find_in_few(const ouro__block *block, unsigned words, ouro__key key, enum ouro__key_kind kind, ouro__probe *probe) {
  ouro_object **entries = (ouro_object **)(uintptr_t)(block + 1);
  for (uint64_t like = ouro__tags_like(block->u.tags, key.hash); like; like &= like - 1) {
    uint32_t number = ouro__ctz64(like) / 8;
    if (number >= block->used || !ouro__match_simple(entries[number * words], key, kind)) continue;
    probe->number = number;
    return true;
  }
  return false;
}

/* Look for a simple key where all are: no function of the program's is needed. */
OURO_INLINE bool ouro__find_simple(const ouro__block *block, unsigned words, ouro__key key, enum ouro__key_kind kind, ouro__probe *probe) {
  if (OURO_UNLIKELY(!block)) return false;
  unsigned bits = block->bits;
  if (!bits) return ouro__find_in_few(block, words, key, kind, probe);
  if (bits <= OURO__NARROW_BITS) return ouro__find_in_cells(block, words, key, kind, 1, probe);
  if (OURO_LIKELY(bits <= OURO__MIDDLE_BITS)) return ouro__find_in_cells(block, words, key, kind, 2, probe);
  return ouro__find_in_cells(block, words, key, kind, 3, probe);
}

static inline bool ouro__all_simple(const ouro__table *table) { return !table->block || !table->block->hashed; }

/* ---------------------------------------------------------------- changing: in the hold */

/* Room for `more` entries besides those that live, with hashes where `hashed`: what is added then cannot fail. false: no memory; nothing
 * has changed. */
bool ouro__table_reserve(ouro__table *table, unsigned words, size_t more, bool hashed);

static inline bool ouro__has_room(const ouro__table *table) { return table->block && table->block->used < ouro__room(table->block); }

/* After something was taken out of a block of which little lives: memory that is no longer needed goes back, if that can be. */
void ouro__table_shrink(ouro__table *table, unsigned words);

static inline void ouro__cell_set(char *cells, unsigned width, size_t at, uint64_t cell) {
  if (width == 1) {
    ((uint16_t *)(void *)cells)[at] = (uint16_t)cell;
  } else if (width == 2) {
    ((uint32_t *)(void *)cells)[at] = (uint32_t)cell;
  } else {
    ((uint64_t *)(void *)cells)[at] = cell;
  }
}

static inline uint32_t ouro__cell_distance(uint64_t cell, unsigned bits) { return (uint32_t)(cell >> bits) & OURO__TABLE_FAR; }

/* Put a cell where a probe for its entry came to, or would come by; others make room. */
OURO_INLINE void ouro__cell_put_at(char *cells, unsigned bits, unsigned width, size_t at, uint64_t cell) {
  size_t last = ((size_t)1 << bits) - 1;
  uint64_t one = UINT64_C(1) << bits;
  for (;; at = (at + 1) & last) {
    uint64_t there = ouro__cell_get(cells, width, at);
    if (!there) break;
    if (ouro__cell_distance(there, bits) < ouro__cell_distance(cell, bits)) {
      ouro__cell_set(cells, width, at, cell);
      cell = there;
    }
    if (OURO_LIKELY(ouro__cell_distance(cell, bits) < OURO__TABLE_FAR)) cell += one;
  }
  ouro__cell_set(cells, width, at, cell);
}

/* The cell of a new entry. `kept`: the part of its hash that home and cell have together. */
OURO_INLINE void ouro__cell_put(char *cells, unsigned bits, unsigned width, uint64_t kept, uint64_t number) {
  unsigned rest = ouro__cell_kept(width) - bits;
  uint64_t high = (kept & ((UINT64_C(1) << rest) - 1)) << OURO__TABLE_FAR_BITS | 1;
  ouro__cell_put_at(cells, bits, width, (size_t)(kept >> rest), high << bits | number);
}

/* Put the cells of a run, the first of them at `at`, in anew: some are so far from home that a shift could not tell how far. */
void ouro__cells_put_anew(ouro__block *block, unsigned words, size_t at);

/* Empty a cell: those behind it that are not at home come nearer. */
OURO_INLINE void ouro__cell_erase(ouro__block *block, unsigned words, unsigned width, size_t at) {
  unsigned bits = block->bits;
  size_t last = ((size_t)1 << bits) - 1;
  char *cells = ouro__cells(block);
  for (;;) {
    size_t next = (at + 1) & last;
    uint64_t cell = ouro__cell_get(cells, width, next);
    uint32_t distance = ouro__cell_distance(cell, bits);
    bool shifts = distance > 1 && distance < OURO__TABLE_FAR;
    ouro__cell_set(cells, width, at, shifts ? cell - (UINT64_C(1) << bits) : 0);
    if (!shifts) {
      if (OURO_UNLIKELY(distance == OURO__TABLE_FAR)) ouro__cells_put_anew(block, words, next);
      return;
    }
    at = next;
  }
}

/* Let the entry be found. */
static inline void ouro__index_put(ouro__block *block, uint32_t hash, uint32_t number) {
  unsigned bits = block->bits;
  if (!bits) {
    block->u.tags |= ouro__tag_of(hash) << 8 * number;
  } else if (bits <= OURO__NARROW_BITS) {
    ouro__cell_put(ouro__cells(block), bits, 1, hash >> (32 - OURO__NARROW_BITS), number);
  } else if (OURO_LIKELY(bits <= OURO__MIDDLE_BITS)) {
    ouro__cell_put(ouro__cells(block), bits, 2, hash >> (32 - OURO__MIDDLE_BITS), number);
  } else {
    ouro__cell_put(ouro__cells(block), bits, 3, hash, number);
  }
}

/* The same, where a search for its key, a simple one, has just come to no end. */
static inline void ouro__index_put_at(ouro__block *block, uint32_t hash, uint32_t number, const ouro__probe *probe) {
  unsigned bits = block->bits;
  if (!bits) {
    block->u.tags |= ouro__tag_of(hash) << 8 * number;
  } else if (bits <= OURO__NARROW_BITS) {
    ouro__cell_put_at(ouro__cells(block), bits, 1, probe->at, probe->want << bits | number);
  } else if (OURO_LIKELY(bits <= OURO__MIDDLE_BITS)) {
    ouro__cell_put_at(ouro__cells(block), bits, 2, probe->at, probe->want << bits | number);
  } else {
    ouro__cell_put_at(ouro__cells(block), bits, 3, probe->at, probe->want << bits | number);
  }
}

/* Let it not be found any more. */
static inline void ouro__index_erase(ouro__block *block, unsigned words, const ouro__probe *probe) {
  unsigned bits = block->bits;
  if (!bits) {
    block->u.tags &= ~(UINT64_C(0xff) << 8 * probe->number);
  } else if (bits <= OURO__NARROW_BITS) {
    ouro__cell_erase(block, words, 1, probe->at);
  } else if (OURO_LIKELY(bits <= OURO__MIDDLE_BITS)) {
    ouro__cell_erase(block, words, 2, probe->at);
  } else {
    ouro__cell_erase(block, words, 3, probe->at);
  }
}

/* A new entry, which nothing leads to yet; there is room. The table owns both from now on. Returns its number. */
static inline uint32_t ouro__entry_append(ouro__table *table, unsigned words, void *key, void *value) {
  ouro__block *block = table->block;
  uint32_t number = block->used++;
  OURO_ASSERT(number < ouro__room(block) && key);
  ouro_object **entry = ouro__entry_at(block, words, number);
  entry[0] = key;
  if (words == OURO__OF_DICT) entry[1] = value;
  OURO__SET(table->live, table->live + 1);
  table->version++;
  return number;
}

/* Add a key that is not there; there is room. The table owns both from now on. */
static inline void ouro__table_add(ouro__table *table, unsigned words, uint32_t hash, void *key, void *value) {
  uint32_t number = ouro__entry_append(table, words, key, value);
  if (OURO_UNLIKELY(table->block->hashed)) ouro__hashes(table->block, words)[number] = hash;
  ouro__index_put(table->block, hash, number);
}

/* The same among simple keys, where the probe has just found that it is not there. */
static inline void ouro__table_add_at(ouro__table *table, unsigned words, uint32_t hash, void *key, void *value, const ouro__probe *probe) {
  ouro__index_put_at(table->block, hash, ouro__entry_append(table, words, key, value), probe);
}

/* The number of the first entry from `number` on that is whole; `used` where there is none. */
static inline uint32_t ouro__next_entry(const ouro__block *block, unsigned words, uint32_t number) {
  uint32_t used = block ? block->used : 0;
  if (used && block->bits && number < block->u.large.first) number = block->u.large.first;
  for (; number < used; number++) {
    ouro_object **entry = ouro__entry_at(block, words, number);
    if (OURO_LIKELY(entry[0] && (words == 1 || entry[1]))) break;
  }
  return number;
}

/* The first entry has been taken out, or all have. */
static inline void ouro__first_moves(ouro__block *block, unsigned words) {
  uint32_t first = ouro__next_entry(block, words, block->u.large.first);
  block->u.large.first = first < block->used ? first : block->used;
}

/* Make a hole of the entry found; what it held is the caller's. */
static inline void ouro__table_take(ouro__table *table, unsigned words, const ouro__probe *probe, void *held[2]) {
  ouro__block *block = table->block;
  ouro_object **entry = ouro__entry_at(block, words, probe->number);
  held[0] = entry[0];
  held[1] = words == OURO__OF_DICT ? entry[1] : NULL;
  entry[0] = NULL;
  if (words == OURO__OF_DICT) entry[1] = NULL;
  ouro__index_erase(block, words, probe);
  while (block->used && ouro__is_hole(ouro__entry_at(block, words, block->used - 1), words)) block->used--;
  if (block->bits && probe->number <= block->u.large.first) ouro__first_moves(block, words);
  OURO__SET(table->live, table->live - 1);
  table->version++;
  if (OURO_UNLIKELY((size_t)table->live * OURO__SHRINK_BELOW < ouro__room(block)) && (block->bits || block->hashed))
    ouro__table_shrink(table, words);
}

/* Take the last one out; false: there is none. */
bool ouro__table_take_last(ouro__table *table, unsigned words, void *held[2]);

/* Give the table another block; what it had is the caller's. */
ouro__block *ouro__table_exchange(ouro__table *table, ouro__block *block, uint32_t live);

/* *block: one with all that the table has, with references of its own; NULL where that is nothing. false: no memory. */
bool ouro__table_clone(const ouro__table *table, unsigned words, ouro__block **block);

/* Room for just so many, in a table that has no block yet. */
bool ouro__table_make_room(ouro__table *table, unsigned words, size_t count, bool hashed);

/* The key of an entry, which has one, as something to look for. Borrowed. */
ouro__key ouro__key_of_entry(const ouro__block *block, unsigned words, uint32_t number);

/* ---------------------------------------------------------------- with no hold */

/* Begin the object's hold, to change it where `write`, and look for the key. 1 or 0: there, at *probe, or not, and the hold is in force;
 * or a code, and it is not: what equality said. Between compares, for which no hold is in force, the table may have changed: then all is
 * looked through anew. */
int ouro__table_seek(ouro__table *table, unsigned words, const ouro__key *key, bool write, ouro__hold *hold, ouro__probe *probe);

/* Is the key there? 1, 0, or a code. */
int ouro__table_has(ouro__table *table, unsigned words, const ouro__key *key);

/* Put it in, where it is not there; 1: so it was; 0: there already; or a code. `value` (of a dict) and the key get references of their
 * own. */
int ouro__table_put_new(ouro__table *table, unsigned words, const ouro__key *key, void *value);

/* Take it out, and release what it held. 1: it was there; 0; or a code. */
int ouro__table_discard(ouro__table *table, unsigned words, const ouro__key *key);

/* The entry at *number or the first behind it, which is whole; *number is then that of the next. 0: there is none. Key and value get
 * references. */
typedef struct ouro__shown {
  ouro__key key;
  ouro_object *value;
} ouro__shown;
int ouro__table_step(ouro__table *table, unsigned words, uint32_t *number, ouro__shown *item);

/* The same, without a hash, and OURO_ECHANGED where the table has changed since the walk began. *cursor: the version then, and the next
 * number; 0: begin. */
int ouro__table_next(ouro__table *table, unsigned words, size_t *cursor, void *held[2]);

/* A cursor for a walk that begins now; and what an iterator does, which threads may share: a step with its cursor. After the last one,
 * none. */
size_t ouro__table_cursor(ouro__table *table);
int ouro__table_iterate(ouro__table *table, unsigned words, _Atomic size_t *cursor, void *held[2]);

static inline void ouro__shown_drop(const ouro__shown *item) {
  ouro_xdecref(ouro_adopt(item->key.object));
  ouro_xdecref(ouro_adopt(item->value));
}

/* Release all that a block holds, and free it: one that nobody else knows. NULL: nothing. */
void ouro__block_drop(ouro__block *block, unsigned words);

/* Empty the table, and release what it held. */
void ouro__table_clear(ouro__table *table, unsigned words);

/* A new object of the type with all that the table has; NULL and errno. */
ouro_ref ouro__table_copy(ouro__table *table, unsigned words, ouro_type *type);

/* Of a deep copy (the protocol `copied`): its keys are others than the hashes are of. */
int ouro__table_copied(ouro__table *table, unsigned words);

/* Bytes of the block. */
size_t ouro__table_extent(const ouro__table *table, unsigned words);

static inline size_t ouro__table_count(const ouro__table *table) { return OURO__SEE(table->live); }

/* Is the table as the invariants have it? For tests; without the hold. */
bool ouro__table_valid(const ouro__table *table, unsigned words);
static inline bool ouro__dict_valid(const ouro_dict *dict) { return ouro__table_valid(&dict->table, OURO__OF_DICT); }
static inline bool ouro__set_valid(const ouro_set *set) { return ouro__table_valid(&set->table, OURO__OF_SET); }

/* ---------------------------------------------------------------- dicts, for other files */

/* ouro_dict_get of a key that is known to be exactly a str, interned or not. */
int ouro__dict_get_str(ouro_dict *dict, ouro_str *key, ouro_slot value);

/* ouro_dict_set_move of such a key: what reads documents. Of a key that is there, the value is replaced. */
int ouro__dict_set_new_str(ouro_dict *dict, ouro_ref key, ouro_ref value);

/* A new dict with room for that many keys. */
ouro_ref ouro__dict_with_room(size_t count);

/* Its protocols (dict_values.c). */
extern const ouro_protocols ouro__dict_protocols;

#endif
