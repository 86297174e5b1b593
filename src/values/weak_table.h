/* values/weak_table.h - what the weak containers share.
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
 * Threads. Each container has a lock, which every function takes for a short stretch: within it nothing of the program's runs, no
 * reference is released, no object is made, and the thread cannot be stopped. So who stops the world finds every container as the
 * invariants have it, and fork one whose lock is free (but for that of a thread that did not come in time: a child does not touch
 * what that one was changing). What a stretch takes out of the table is released behind it. A member's callback runs in the thread
 * in which the member dies; it reaches the container by a reference that it got from `self`, or not at all.
 *
 * Invariants:
 *   I-TABLE-1  live <= used <= room; live is the number of entries below `used` with a weak reference
 *   I-TABLE-2  cells is 0 or a power of two with room <= cells * 2 / 3; each entry below `used`, but for holes that were there
 *              when the table was last packed, is in just one cell
 *   I-TABLE-3  the entries below a walk's `end` that are no holes are those that were there when it began and still are; those
 *              below its `at` have been shown
 *   I-TABLE-4  all of this is read and changed under the lock alone; but for `live`, which may be read at any time, and `self`,
 *              which once made stays
 *   I-TABLE-5  a name that a walk shows and whose entry has gone is freed by just one of the walks that show it */
#ifndef OURO_VALUES_WEAK_TABLE_H
#define OURO_VALUES_WEAK_TABLE_H

#include <ouro/weakmap.h>

#include "base/base.h"
#include "thread/thread.h"

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

/* One walk, on the stack of who walks, in the list of its container. */
typedef struct ouro__weak_walk {
  struct ouro__weak_walk *next; /* another one, which may be another thread's */
  const void *thread;           /* whose it is */
  uint32_t at, end;             /* entries still to be shown are [at, end) */
  void *member, *value;         /* what is being shown, references that who walks releases; value: NULL where there is none */
  void *name;                   /* the name that is being shown */
  bool name_is_mine;            /* its entry has gone: the walk frees it, or leaves that to another one that shows it */
} ouro__weak_walk;

typedef struct ouro__weak_table {
  char *block; /* entries, then cells; NULL where there is no room for any */
  uint32_t room, used, live, cells;
} ouro__weak_table;

typedef struct ouro__weak_container {
  ouro_object base;
  ouro_weak *self; /* owned; a weak reference to the container, made with the first entry */
  const ouro__weak_kind *kind;
  ouro__lock lock;        /* for what follows */
  ouro__weak_walk *walks; /* the newest first */
  uint64_t added;         /* entries that were ever added */
  ouro__weak_table table;
} ouro__weak_container;

/* A new container; NULL, and errno. */
ouro_ref ouro__weak_table_new(ouro_type *type, const ouro__weak_kind *kind);

/* Begin and end a stretch under a lock of this layer. The thread is attached, where it was not; `about`: an object, for the report
 * where that is refused. */
bool ouro__values_lock_slow(ouro__lock *lock, const void *about);
static inline bool ouro__values_lock(ouro__lock *lock, const void *about) {
  return OURO_LIKELY(ouro__enter_alone()) ? false : ouro__values_lock_slow(lock, about);
}

void ouro__values_unlock_slow(ouro__lock *lock);
static inline void ouro__values_unlock(ouro__lock *lock, bool locked) {
  if (OURO_LIKELY(!locked))
    ouro__leave_alone();
  else
    ouro__values_unlock_slow(lock);
}

static inline bool ouro__weak_table_lock(const ouro__weak_container *container) {
  return ouro__values_lock((ouro__lock *)(uintptr_t)&container->lock, container);
}
static inline void ouro__weak_table_unlock(const ouro__weak_container *container, bool locked) {
  ouro__values_unlock((ouro__lock *)(uintptr_t)&container->lock, locked);
}

/* What the types of containers have in common. */
#define OURO_WEAK_CONTAINER_REFERENCES OURO_REFERENCES(offsetof(ouro__weak_container, self))
void ouro__weak_table_visit(void *container, ouro_visitor *visitor);
void ouro__weak_table_release(void *container);

/* ---------------------------------------------------------------- entries: under the lock */

static inline ouro__weak_entry *ouro__weak_table_at(const ouro__weak_container *container, size_t index) {
  return (ouro__weak_entry *)(void *)(container->table.block + index * container->kind->stride);
}

static inline uint32_t *ouro__weak_table_cells(const ouro__weak_container *container) {
  return (uint32_t *)(void *)ouro__weak_table_at(container, container->table.room);
}

/* The entries that may be those of a hash, holes among them:
 *   for (probe p = ouro__weak_table_probe_of(c, hash); (entry = ouro__weak_table_next(&p));)
 * Triangular steps through the cells, which come by every one of them. What it needs of the table it has read before. */
typedef struct ouro__weak_probe {
  char *block;
  const uint32_t *cells; /* NULL: through all entries */
  size_t stride;
  uint32_t at, step, last; /* last: the number of cells less one, or of entries */
} ouro__weak_probe;

static inline ouro__weak_probe ouro__weak_table_probe_of(const ouro__weak_container *container, uint64_t hash) {
  const ouro__weak_table *table = &container->table;
  size_t stride = container->kind->stride;
  if (!table->cells) return (ouro__weak_probe){.block = table->block, .stride = stride, .last = table->used};
  const uint32_t *cells = (const uint32_t *)(const void *)(table->block + table->room * stride);
  return (ouro__weak_probe){table->block, cells, stride, (uint32_t)hash & (table->cells - 1), 0, table->cells - 1};
}

static inline ouro__weak_entry *ouro__weak_table_next(ouro__weak_probe *probe) {
  uint32_t number = probe->at;
  if (probe->cells) {
    number = probe->cells[probe->at];
    probe->at = (probe->at + ++probe->step) & probe->last;
    if (number-- == 0) return NULL;
  } else if (probe->at++ >= probe->last) {
    return NULL;
  }
  return (ouro__weak_entry *)(void *)(probe->block + number * probe->stride);
}

/* Does the entry have a member that lives? One that has just died waits for its callback. */
static inline bool ouro__weak_table_is_there(const ouro__weak_entry *entry) {
  return entry->weak && !ouro_weak_is_dead(entry->weak);
}

static inline bool ouro__weak_table_is_of(const ouro__weak_entry *entry, const void *member) {
  return entry->member == member && ouro__weak_table_is_there(entry);
}

/* The entry whose `member` is that address: what a probe comes by, written out, since most of what is asked of a container is this. */
static inline ouro__weak_entry *ouro__weak_table_find(const ouro__weak_container *container, const void *member, uint64_t hash) {
  ouro__weak_probe probe = ouro__weak_table_probe_of(container, hash);
  ouro__weak_entry *entry;
  if (!probe.cells) {
    for (; probe.at < probe.last; probe.at++) {
      entry = (ouro__weak_entry *)(void *)(probe.block + probe.at * probe.stride);
      if (ouro__weak_table_is_of(entry, member)) return entry;
    }
    return NULL;
  }
  for (uint32_t number; (number = probe.cells[probe.at]); probe.at = (probe.at + ++probe.step) & probe.last) {
    entry = (ouro__weak_entry *)(void *)(probe.block + (number - 1) * probe.stride);
    if (ouro__weak_table_is_of(entry, member)) return entry;
  }
  return NULL;
}

/* Add an entry that owns `weak` (stolen), for the caller to fill in the words behind that. NULL, and errno: nothing has changed. */
ouro__weak_entry *ouro__weak_table_add(ouro__weak_container *container, ouro_weak *weak, uint64_t hash);

/* ---------------------------------------------------------------- what takes the lock itself */

/* A weak reference for an entry; NULL, and errno. */
ouro_weak *ouro__weak_table_make(ouro__weak_container *container, void *object, uint64_t hash);

/* Of containers that look for the member's address. put: the object is a member from now on, with that value (or NULL), if the kind has
 * some. */
int ouro__weak_table_put(ouro__weak_container *container, void *object, void *value);
bool ouro__weak_table_drop(ouro__weak_container *container, const void *object);

/* Take an entry out, end the stretch that `locked` began, and release what the entry had. That may run anything: the container may be gone
 * afterwards, unless the caller holds it. */
void ouro__weak_table_remove(ouro__weak_container *container, ouro__weak_entry *entry, bool locked);
void ouro__weak_table_remove_all(ouro__weak_container *container);

static inline size_t ouro__weak_table_count(const ouro__weak_container *container) { return OURO__SEE(container->table.live); }

/* A walk holds the container. `next` goes to the next entry whose member lives; false: that was the last one. */
void ouro__weak_table_walk_begin(ouro__weak_container *container, ouro__weak_walk *walk);
bool ouro__weak_table_walk_next(ouro__weak_container *container, ouro__weak_walk *walk);
void ouro__weak_table_walk_end(ouro__weak_container *container, ouro__weak_walk *walk);

/* The code for why something could not be made. */
int ouro__weak_table_error(void);

/* Is the table as the invariants have it? For tests and debug builds; without the lock. */
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

/* What interned strings have to do at fork: NULL where the program has none of them (values/intern.c sets it when it is loaded). */
extern void (*ouro__intern_at_fork)(int moment);

#endif
