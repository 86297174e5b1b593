/* object/object.h - objects, to the layers above: what they may use beside the public interface.
 *
 * Life of an object, by its header (drawn in <ouro/object.h>, with the life of its counts):
 *   made       owner: the thread, count 1; of a tracked type: its byte of state OURO_STATE_YOUNG
 *   dying      count 0, owner the thread that deallocates it: its finalizer runs, with a count of 1; more than that afterwards, and it
 *              lives on
 *   dead       owner OURO__NOBODY: weak references are cleared, slots emptied, the release run; a use of it is fatal
 *   queued     dead, and linked in the first 8 bytes: it waits for the deallocations that it lies within to end
 *   free       the block is back in the heap, the header still that of a dead object, or zero after its page went back
 *
 * Invariants:
 *   I-OBJ-1  a block for objects whose owner field is not OURO__NOBODY holds a live object
 *   I-OBJ-2  a live object of a tracked type has a byte of state that is none of OURO_STATE_NONE
 *   I-OBJ-3  the state OURO_STATE_YOUNG of a live object: its unit is in the list of young ones
 *   I-OBJ-4  OURO_WEAK is set just where the table of weak references has an entry
 *   I-OBJ-5  an object that can be found without a reference (OURO_WEAK, or ouro_allow_tries) is OURO_S_WATCHED: whether it dies is decided
 *            under its lock among those of weak.c, and who finds it takes a reference under that lock
 *   I-OBJ-6  `count` of an owned object is written by who acts for its owner alone (thread/thread.h)
 *
 * Files: object.c makes them; shared.c counts what others share; dealloc.c frees; deferred.c; weak.c; type.c; visit.c; each.c; fork.c. */
#ifndef OURO_OBJECT_OBJECT_H
#define OURO_OBJECT_OBJECT_H

#include <ouro/object.h>
#include <ouro/weak.h>

#include "base/base.h"
#include "heap/heap.h"
#include "thread/thread.h"

/* ---------------------------------------------------------------- the header's word */

#define OURO_OWNER_SHIFT 48
#define OURO_TYPE_MASK UINT64_C(0x0000fffffffffff0)

enum {
  OURO_WEAK = 1,      /* somebody refers to it weakly: see the table in weak.c */
  OURO_FINALIZED = 2, /* its finalizer was called */
  OURO_TRACKED = 4,   /* the collector watches it */
  OURO_ODD = 8,       /* its block is of another class than its type's: items, or extra bytes */
};

/* The flags of `shared`, and one reference in it. */
enum {
  OURO_S_LOCKED = 1,      /* a thread is in a section of it (thread/section.c) */
  OURO_S_LOCK_WAITED = 2, /* and another waits for that */
  OURO_S_QUEUED = 4,      /* it is in its owner's queue */
  OURO_S_MERGED = 8,      /* `count` is all there are, or is about to be */
  OURO_S_WATCHED = 16,    /* I-OBJ-5 */
  OURO_S_CONFINED = 64,   /* of a confined type: others than the owner only release it */
  OURO_S_OPEN = 128,      /* open to readers (thread/open.c) */
  OURO_S_DYING = 32,      /* of a watched one: its last reference has gone, and nobody finds it any more, unless a finalizer is to run */
  OURO_S_ONE = 256,
};

#define OURO__OWNER_MASK (UINT64_C(0xffff) << OURO_OWNER_SHIFT)

/* The fields as other threads may see them. */
typedef _Atomic(uint32_t) ouro__atomic32;
typedef _Atomic(uint64_t) ouro__atomic64;
static inline ouro__atomic32 *ouro__count(const ouro_object *object) { return (ouro__atomic32 *)(uintptr_t)&object->ouro__count; }
static inline ouro__atomic32 *ouro__shared(const ouro_object *object) { return (ouro__atomic32 *)(uintptr_t)&object->ouro__shared; }
static inline ouro__atomic64 *ouro__word_of(const ouro_object *object) { return (ouro__atomic64 *)(uintptr_t)&object->ouro__word; }

/* What others have counted, less what they released. */
static inline int32_t ouro__shared_count(uint32_t shared) { return (int32_t)shared >> 8; }

static inline unsigned ouro__owner(const ouro_object *object) { return ouro__owner_of(object); }
static inline bool ouro__is_live(const ouro_object *object) { return ouro__owner(object) != OURO__NOBODY; }
static inline bool ouro__has(const ouro_object *object, unsigned bit) { return OURO__SEE(object->ouro__word) & bit; }

/* Where nobody else can see the object, or all threads but this one stand still. */
static inline void ouro__set_owner(ouro_object *object, unsigned owner) {
  OURO__SET(object->ouro__word, (OURO__SEE(object->ouro__word) & ~OURO__OWNER_MASK) | (uint64_t)owner << OURO_OWNER_SHIFT);
}

/* At any time. */
static inline void ouro__change_owner(ouro_object *object, unsigned owner) {
  uint64_t word = ouro__load_relaxed(ouro__word_of(object));
  while (!atomic_compare_exchange_weak_explicit(ouro__word_of(object), &word,
                                                (word & ~OURO__OWNER_MASK) | (uint64_t)owner << OURO_OWNER_SHIFT,
                                                memory_order_release, memory_order_relaxed)) {
  }
}
static inline void ouro__set_bit(ouro_object *object, unsigned bit) {
  atomic_fetch_or_explicit(ouro__word_of(object), bit, memory_order_relaxed);
}
static inline void ouro__clear_bit(ouro_object *object, unsigned bit) {
  atomic_fetch_and_explicit(ouro__word_of(object), ~(uint64_t)bit, memory_order_relaxed);
}

/* Is the owner a thread (and not nobody, or one of the owners that are none)? */
static inline bool ouro__is_owned(const ouro_object *object) { return ouro__owner(object) - 1u < OURO_THREADS_MOST; }

/* ---------------------------------------------------------------- counts, with the world stopped */

/* deferred.c: the references that all threads have counted of a deferred object; below zero: too many were released. */
int64_t ouro__deferred_count(const ouro_object *object);
/* The same at any time, 0 for less than that; what other threads count just now may be missing. */
size_t ouro__deferred_refcount(const ouro_object *object);
/* With the world stopped: its number is another's from now on, and what threads have counted of it goes with the header, which the caller
 * writes anew. Returns how many references there are. */
int64_t ouro__deferred_leave(ouro_object *object);
/* Count it where the calling thread, which is IN, has no room for its number yet. Keeps errno; without memory, it is
 * counted all the same. */
void ouro__count_deferred_slow(ouro_object *object, int32_t change);

/* All references, as the collector compares them: of an immortal object no number is high enough. */
static inline int64_t ouro__held(const ouro_object *object) {
  unsigned owner = ouro__owner(object);
  if (OURO_LIKELY(owner - 1u < OURO_THREADS_MOST)) return (int64_t)object->ouro__count + ouro__shared_count(object->ouro__shared);
  if (owner == OURO__IMMORTAL) return INT64_MAX;
  return owner == OURO__DEFERRED ? ouro__deferred_count(object) : object->ouro__count;
}

/* Make the calling thread the owner of an object, deferred ones included, whoever was: it counts all references from now on. */
void ouro__adopt(ouro_object *object);

/* ---------------------------------------------------------------- what is derived from a type */

enum { OURO_CONFINED_BYTES = 16 /* links behind a confined object */ };

enum {
  OURO_D_READY = 1u << 0,
  OURO_D_CONTAINER = 1u << 1,     /* its instances are tracked */
  OURO_D_FINALIZE = 1u << 2,      /* it, or a base, has a finalizer */
  OURO_D_RELEASE = 1u << 3,
  OURO_D_VISIT = 1u << 4,
  OURO_D_ITEMS = 1u << 5,         /* items are owned references */
  OURO_D_VAR = 1u << 6,           /* there are items */
  OURO_D_RUNS = 1u << 7,          /* more than one run of slots */
  OURO_D_RUNTIME = 1u << 8,       /* made by ouro_type_new: instances are counted */
  OURO_D_IMMUTABLE = 1u << 9,
  OURO_D_UNCOLLECTABLE = 1u << 10,
  OURO_D_CONFINED = 1u << 11,     /* OURO_TYPE_CONFINED: its instances have links behind their items */
  OURO_D_KEPT = 1u << 12,         /* OURO_TYPE_TRACKED: never untracked by the collector */
  OURO_D_RELEASES = 1u << 14,     /* OURO_TYPE_RELEASES: what visit shows is for the release */
  OURO_D_KEEPER = 1u << 13,       /* each instance holds a reference to the type's keeper */
  /* Deallocation is more than emptying one run of slots. */
  OURO_D_COMPLEX = OURO_D_FINALIZE | OURO_D_RELEASE | OURO_D_VISIT | OURO_D_VAR | OURO_D_RUNS | OURO_D_RUNTIME |
                   OURO_D_KEEPER,
  /* Its references are more than one run of slots. */
  OURO_D_SCATTERED = OURO_D_VISIT | OURO_D_ITEMS | OURO_D_RUNS | OURO_D_KEEPER,
};

typedef struct ouro__slots {
  uint32_t first, slots;
} ouro__slots;

static inline unsigned ouro__traits(const ouro_object *object) { return ouro_type_of(object)->ouro__derived.flags; }

/* Look at the type, once; false: it is wrong, errno EINVAL, or there is no memory, ENOMEM. */
bool ouro__type_ready(ouro_type *type);

/* What was derived from a type that lies in its keeper goes with it; nothing of it is in use any more. */
void ouro__type_dispose(ouro_type *type);

/* One instance less of a type made at run time. */
void ouro__type_left(ouro_type *type);

/* ouro_new_var for an acyclic type whose items are bytes: these are not zeroed. */
void *ouro__new_var_blank(ouro_type *type, size_t count);

/* ---------------------------------------------------------------- references of an object */

static inline ouro_object **ouro__slot_at(const ouro_object *object, size_t offset) {
  return (ouro_object **)(void *)((char *)(uintptr_t)object + offset);
}

static inline size_t ouro__items(const ouro_object *object) { return ((const ouro_var *)(const void *)object)->count; }

/* Show all that lies outside the first run of slots: further runs, items, and what visit functions show, in the order of clearing; and the
 * keeper, whose word is NULL: that reference is in no slot, and goes with the object. */
void ouro__visit_rest(ouro_object *object, ouro_visitor *visitor);

/* Show all. */
void ouro__visit_all(ouro_object *object, ouro_visitor *visitor);

/* Empty all slots of an object that others may still reach; what they held is released when all are empty, or, of many, a part of
 * them. */
void ouro__clear_all(ouro_object *object);

/* ---------------------------------------------------------------- states of tracked objects
 *
 * One byte for each, beside its unit. While a collection looks at an object, the byte is the number of references to it from within the
 * set (collector: gc/count.c). Otherwise: */

enum {
  OURO_STATE_MOST = 244,    /* the highest number of references that the byte can tell */
  OURO_STATE_MANY = 245,    /* more than that */
  OURO_STATE_KNOWN = 246,   /* held from outside when it was last looked at; references to it are counted in a table */
  OURO_STATE_PENDING = 247, /* reached, and still to be looked through */
  OURO_STATE_REACHED = 248, /* held from outside the set */
  OURO_STATE_TRASH = 249,   /* condemned */
  OURO_STATE_FROZEN = 250,
  OURO_STATE_UNTRACKED = 251,
  /* 252: OURO_STATE_NONE, no object here */
  OURO_STATE_OLD = 253,     /* generation 2; 255 less the generation */
  OURO_STATE_MIDDLE = 254,
  OURO_STATE_YOUNG = 255,
};

/* The byte of an object of that unit, which has some. */
static inline uint8_t *ouro__state_beside(const ouro__side *side, const void *object) {
  return side->state + ((((uintptr_t)object & 0xffff) * (uint64_t)side->magic) >> 32);
}

/* The byte of an object; NULL where it has none: objects of acyclic types, and those in static memory. */
static inline uint8_t *ouro__state(const void *object) {
  size_t unit = ouro__unit_number(object);
  if (OURO_UNLIKELY(unit >= ouro__hot_units)) return NULL;
  const ouro__side *side = &ouro__hot_sides[unit];
  return side->state ? ouro__state_beside(side, object) : NULL;
}

/* Lists of units in which objects of a generation may be: 0 young, 1 middle. A bit of `listed` each. */
#define OURO_UNIT_END UINT32_MAX
extern _Atomic uint32_t ouro__units_listed[2]; /* first of each list; taken from with the world stopped alone */

/* Put it there, from any thread. */
void ouro__list_unit_slow(size_t unit, unsigned list);
static inline void ouro__list_unit(size_t unit, unsigned list) {
  if (OURO_UNLIKELY(!(ouro__load_relaxed(&ouro__hot_sides[unit].listed) >> list & 1))) ouro__list_unit_slow(unit, list);
}

/* ---------------------------------------------------------------- deallocation, weak references */

/* The collector's (gc/collect.c): objects begin to be. Called for each thread that attaches. */
void ouro__collector_start(void);

/* The thread ends: if it collects, it was in a function of the program's, and others go on where it left. */
void ouro__collector_left(void);

/* The thread ends: what it has for values/ goes, an error that nobody took, say. */
void ouro__values_left(void);

/* Condemned objects are being taken apart: nobody may see them any more, not even a walk. */
extern _Atomic bool ouro__sweeping;

/* Attach the thread, if it is not; false: it is refused, errno EPERM or ENOMEM. */
bool ouro__attach(void);
static inline bool ouro__attached(void) { return ouro__thread_is_in() || ouro__attach(); }

/* The same, where there is no way to say that it is refused: fatal, and what it is about. Keeps errno. */
void ouro__must_attach(const void *object);

/* The owner's count of an object is zero: is it dead? Where it is to be finalized first, its count becomes 1 instead. false: others hold
 * it, and it is merged: it may be gone by now. (shared.c) */
bool ouro__was_last(ouro_object *object, bool to_be_finalized);

/* Acting for the owner: everybody counts in `count` from now on. false: nothing is left to count, since the others released theirs
 * meanwhile; the object is the caller's to free. */
bool ouro__merge(ouro_object *object);

/* Under its watch: one more reference to an object that may be about to go; false: it goes. */
bool ouro__try_watched(ouro_object *object);

/* The last reference to a merged object has gone: free it. (dealloc.c) */
void ouro__dealloc_merged(ouro_object *object);

/* Types made at run time count their instances. */
void ouro__type_joined(ouro_type *type);

/* Call the finalizer, unless it was called already. */
void ouro__finalize(ouro_object *object);

/* Report misuse of an object. */
_Noreturn void ouro__fatal_object(enum ouro_fatal_code code, const void *object) OURO_COLD;

/* Weak references to an object that has died by its count: clear them, call their callbacks. */
void ouro__weak_died(ouro_object *object);

/* To an object that is garbage: clear those with a callback, and chain the weak references whose callbacks are to be called, which
 * `is_trash` decides; they are then held by the chain. */
ouro_weak *ouro__weak_condemned(ouro_object *object, bool (*is_trash)(const ouro_object *), ouro_weak *chain);

/* Call the callbacks of a chain, which grew at its beginning, from its end on. */
void ouro__weak_call(ouro_weak *chain);

/* A weak reference with a callback that is garbage itself: it is dead from now on, and its callback will not be called. */
void ouro__weak_silence(ouro_object *object);

/* Clear all, without callbacks. */
void ouro__weak_clear(ouro_object *object);

/* Has the table of weak references an entry for the object? */
bool ouro__weak_known(const ouro_object *object);

/* Does the table of weak references hold together? Otherwise why not. */
bool ouro__weak_valid(const char **why, const void **where);

/* The lock under which it is decided whether a watched object dies: (weak.c) from begin to end. */
typedef struct ouro__watch {
  ouro__lock *first, *second;
  bool locked;
} ouro__watch;
ouro__watch ouro__watch_begin(ouro_object *object);    /* for its death: a weak reference has two, its own and its referent's */
ouro__watch ouro__watch_of(const void *address);       /* for finding it: nothing is read there */
void ouro__watch_end(ouro__watch watch);

/* The links of a confined object, behind its items. next: NULL in the oldest; prev: in the youngest the record's address,
 * plus 1; 0: in no list. */
typedef struct ouro__links {
  ouro_object *next;
  uintptr_t prev;
} ouro__links;

static inline ouro__links *ouro__links_of(const ouro_object *object, const ouro_type *type) {
  size_t bytes = type->ouro__derived.size - OURO_CONFINED_BYTES;
  if (OURO_UNLIKELY(type->item_size)) bytes = ouro__round_up(type->size + ouro__items(object) * type->item_size, 16);
  return (ouro__links *)(void *)((char *)(uintptr_t)object + bytes);
}

/* A new object enters the list of its thread's young ones. */
static inline void ouro__confined_enter(ouro_object *object, const ouro_type *type) {
  ouro__thread *me = ouro__me;
  ouro_object *first = me->confined;
  *ouro__links_of(object, type) = (ouro__links){first, (uintptr_t)me + 1};
  if (first) ouro__links_of(first, ouro_type_of(first))->prev = (uintptr_t)object;
  me->confined = object;
}

/* confined.c: it leaves the list, since it dies; leaves it, and is young like any other: one, or all, with the world stopped. */
void ouro__confined_leave(ouro_object *object);
void ouro__confined_join(ouro_object *object);
void ouro__confined_join_all(void);
bool ouro__confined_is_listed(const ouro_object *object);

/* The owner of an object is about to be another, or none (acting for the owner, or with the world stopped): nothing may
 * rest on that any more. */
void ouro__disown(ouro_object *object);

/* The owner of an object is about to be another, or none: weak references to it must not rest on that. */
void ouro__weak_disown(ouro_object *object);

/* A weak reference that dies is found by nobody from then on: called with its watch. */
void ouro__weak_leaves(ouro_object *object);

/* All locks of this layer and the tables behind them, around fork. */
void ouro__weak_fork(int moment);
void ouro__types_fork(int moment);
void ouro__collector_fork(int moment); /* gc/ */
void ouro__values_fork(int moment);    /* values/ */
void ouro__deferred_fork(int moment);
void ouro__deferred_ends(void); /* the thread's counts go to the table */

/* With the world stopped, or nobody counting: has a deferred object the number that its header tells; does the table hold together, and
 * otherwise why not? */
bool ouro__deferred_known(const ouro_object *object);
bool ouro__deferred_valid(const char **why, const void **where);

#endif
