/* values/values.h - what the weak containers share.
 *
 * A weak map or set is an object with a table of ENTRIES in one block, in the order in which they were added:
 *
 *   entries   | e0 | e1 | hole | e3 |  room  ...  |      used = 4, live = 3
 *   cells     | 2 |   | 1 |   | 4 | 3 |  ...      |      numbers of entries plus one, placed by hash; none in a small table
 *
 * An entry owns a weak reference to its member, with a callback that takes the entry out when the member dies. Whoever else
 * holds on to that weak reference may do so longer than the container lives: so the callback knows the container through a weak
 * reference only (`self`, its `held`), and the entry by the hash, which is its `data`.
 *
 * A removed entry leaves a hole, whose cell goes on pointing at it. Holes go when the table is packed, which happens in place,
 * and so cannot fail, or when it is made larger or smaller. Nothing that removes needs memory.
 *
 * The weak references of entries are not tracked: they lead to nothing but `self`, so they are in no cycle. So their callbacks
 * are also called where container and member are garbage together, and a container that a finalizer resurrects has no entries of
 * dead members.
 *
 * Invariants:
 *   I-TABLE-1  live <= used <= room; live is the number of entries below `used` with a weak reference
 *   I-TABLE-2  cells is 0 or a power of two with room <= cells * 2 / 3; each entry below `used`, but for holes that were there
 *              when the table was last packed, is in just one cell
 *   I-TABLE-3  the entries below a walk's `end` that are no holes are those that were there when it began and still are; those
 *              below its `at` have been shown */
#ifndef OURO_VALUES_VALUES_H
#define OURO_VALUES_VALUES_H

#include <ouro/weakmap.h>

#include "base/base.h"

/* The words that each entry begins with. What follows is the container's own. */
typedef struct ouro__weak_entry {
  ouro_weak *weak; /* owned; NULL: a hole */
  void *member;    /* what is looked for: the address of the member, or a name */
} ouro__weak_entry;

/* What tells the containers apart. */
typedef struct ouro__weak_kind {
  size_t stride; /* bytes of an entry */
  bool values;   /* the entry's third word is a reference that it owns */
  bool names;    /* `member` is a block that it owns */
  uint64_t (*hash)(const ouro__weak_entry *entry);
} ouro__weak_kind;

/* One walk, on the stack of who walks. */
typedef struct ouro__weak_walk {
  struct ouro__weak_walk *outer; /* a walk of the same container within which this one runs */
  uint32_t at, end;              /* entries still to be shown are [at, end) */
  void *name;                    /* the name that is being shown */
  bool name_is_mine;             /* its entry has gone: the walk frees it */
} ouro__weak_walk;

typedef struct ouro__weak_table {
  char *block; /* entries, then cells; NULL where there is no room for any */
  uint32_t room, used, live, cells;
} ouro__weak_table;

typedef struct ouro__weak_container {
  ouro_object base;
  ouro_weak *self; /* owned; a weak reference to the container, made with the first entry */
  const ouro__weak_kind *kind;
  ouro__weak_walk *walks; /* the innermost */
  ouro__weak_table table;
} ouro__weak_container;

/* What the types of containers have in common. */
#define OURO_WEAK_CONTAINER_REFERENCES OURO_REFERENCES(offsetof(ouro__weak_container, self))
void ouro__weak_table_visit(void *container, ouro_visitor *visitor);
void ouro__weak_table_release(void *container);

/* ---------------------------------------------------------------- entries */

static inline ouro__weak_entry *ouro__weak_table_at(const ouro__weak_container *container, size_t index) {
  return (ouro__weak_entry *)(void *)(container->table.block + index * container->kind->stride);
}

static inline uint32_t *ouro__weak_table_cells(const ouro__weak_container *container) {
  return (uint32_t *)(void *)ouro__weak_table_at(container, container->table.room);
}

/* The entries that may be those of a hash, holes among them:
 *   for (probe p = ouro__weak_table_probe_of(c, hash); (entry = ouro__weak_table_next(c, &p));)
 * Triangular steps through the cells, which come by every one of them. */
typedef struct ouro__weak_probe {
  uint32_t at, step;
} ouro__weak_probe;

static inline ouro__weak_probe ouro__weak_table_probe_of(const ouro__weak_container *container, uint64_t hash) {
  uint32_t cells = container->table.cells;
  return (ouro__weak_probe){cells ? (uint32_t)hash & (cells - 1) : 0, 0};
}

static inline ouro__weak_entry *ouro__weak_table_next(const ouro__weak_container *container, ouro__weak_probe *probe) {
  const ouro__weak_table *table = &container->table;
  if (!table->cells) return probe->at < table->used ? ouro__weak_table_at(container, probe->at++) : NULL;
  uint32_t number = ouro__weak_table_cells(container)[probe->at];
  probe->at = (probe->at + ++probe->step) & (table->cells - 1);
  return number ? ouro__weak_table_at(container, number - 1) : NULL;
}

/* Does the entry have a member that lives? One that has just died waits for its callback. */
static inline bool ouro__weak_table_is_there(const ouro__weak_entry *entry) {
  return entry->weak && !ouro_weak_is_dead(entry->weak);
}

/* The entry whose `member` is that address. */
ouro__weak_entry *ouro__weak_table_find(const ouro__weak_container *container, const void *member);

/* A weak reference for an entry; NULL, and errno. */
ouro_weak *ouro__weak_table_make(ouro__weak_container *container, void *object, uint64_t hash);

/* Add an entry for `object`, with its weak reference; the caller fills in the words behind that at once. NULL, and errno:
 * nothing has changed. */
ouro__weak_entry *ouro__weak_table_add(ouro__weak_container *container, void *object, uint64_t hash);

/* Take out one entry, or all, and then release what it had. That may run anything: the container may be gone afterwards, unless
 * the caller holds it. */
void ouro__weak_table_remove(ouro__weak_container *container, ouro__weak_entry *entry);
void ouro__weak_table_remove_all(ouro__weak_container *container);

/* A walk holds the container. `next` gives the next entry whose member lives, and in *member a reference to that, which the
 * caller releases; NULL at the end. What the entry points at is the caller's to read until he runs something. */
void ouro__weak_table_walk_begin(ouro__weak_container *container, ouro__weak_walk *walk);
ouro__weak_entry *ouro__weak_table_walk_next(ouro__weak_container *container, ouro__weak_walk *walk, void **member);
void ouro__weak_table_walk_end(ouro__weak_container *container, ouro__weak_walk *walk);

/* The code for why something could not be made. */
int ouro__weak_table_error(void);

/* Is the table as the invariants have it? For tests and debug builds. */
bool ouro__weak_table_valid(const ouro__weak_container *container);

/* ---------------------------------------------------------------- hashes */

/* Spread the bits of an address over all of the hash: multiplications carry upwards, the shifts bring that down. */
static inline uint64_t ouro__hash_address(const void *address) {
  uint64_t x = (uintptr_t)address >> 4;
  x *= UINT64_C(0x9e3779b97f4a7c15); /* 2^64 divided by the golden ratio */
  x ^= x >> 32;
  x *= UINT64_C(0x9e3779b97f4a7c15);
  return x ^ x >> 29;
}

/* SipHash, with so many rounds for each word and at the end (J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input
 * PRF", 2012). */
uint64_t ouro__siphash(const void *bytes, size_t length, const uint64_t key[2], int rounds, int last_rounds);

/* For names, which may come from somebody who would like them to collide. */
static inline uint64_t ouro__hash_name(const void *bytes, size_t length, const uint64_t key[2]) {
  return ouro__siphash(bytes, length, key, 1, 3);
}

#endif
