/* object/object.h - objects, to the layers above: what they may use beside the public interface.
 *
 * Life of an object, by its header (drawn in <ouro/object.h>):
 *   made       owner: the thread, count 1; of a tracked type: its byte of state OURO_STATE_YOUNG
 *   dying      count 0, owner still the thread: its finalizer runs, with a count of 1; more than that afterwards, and it lives on
 *   dead       owner OURO__NOBODY: weak references are cleared, slots emptied, the release run; a use of it is fatal
 *   queued     dead, and linked in the first 8 bytes: it waits for the deallocations that it lies within to end
 *   free       the block is back in the heap, the header still that of a dead object, or zero after its page went back
 *
 * Invariants:
 *   I-OBJ-1  a block for objects whose owner field is not OURO__NOBODY holds a live object
 *   I-OBJ-2  a live object of a tracked type has a byte of state that is none of OURO_STATE_NONE
 *   I-OBJ-3  the state OURO_STATE_YOUNG of a live object: its unit is in the list of young ones
 *   I-OBJ-4  OURO_WEAK is set just where the table of weak references has an entry */
#ifndef OURO_OBJECT_OBJECT_H
#define OURO_OBJECT_OBJECT_H

#include <ouro/object.h>
#include <ouro/weak.h>

#include "base/base.h"
#include "heap/heap.h"

/* ---------------------------------------------------------------- the header's word */

#define OURO_OWNER_SHIFT 48
#define OURO_TYPE_MASK UINT64_C(0x0000fffffffffff0)

enum {
  OURO_WEAK = 1,      /* somebody refers to it weakly: see the table in weak.c */
  OURO_FINALIZED = 2, /* its finalizer was called */
  OURO_TRACKED = 4,   /* the collector watches it */
  OURO_ODD = 8,       /* its block is of another class than its type's: items, or extra bytes */
};

static inline unsigned ouro__owner(const ouro_object *object) { return (unsigned)(object->ouro__word >> OURO_OWNER_SHIFT); }
static inline bool ouro__is_live(const ouro_object *object) { return ouro__owner(object) != OURO__NOBODY; }
static inline void ouro__set_owner(ouro_object *object, unsigned owner) {
  object->ouro__word = (object->ouro__word & ~(UINT64_C(0xffff) << OURO_OWNER_SHIFT)) | (uint64_t)owner << OURO_OWNER_SHIFT;
}
static inline bool ouro__has(const ouro_object *object, unsigned bit) { return object->ouro__word & bit; }

/* The count as the collector compares it: what is held by no counted reference alone counts as held without end. */
static inline uint32_t ouro__held(const ouro_object *object) {
  return OURO_UNLIKELY(ouro__owner(object) == OURO__IMMORTAL) ? UINT32_MAX : object->ouro__count;
}

/* ---------------------------------------------------------------- what is derived from a type */

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
  OURO_D_RELEASED = 1u << 11,     /* its maker has let it go */
  OURO_D_KEPT = 1u << 12,         /* OURO_TYPE_TRACKED: never untracked by the collector */
  /* Deallocation is more than emptying one run of slots. */
  OURO_D_COMPLEX = OURO_D_FINALIZE | OURO_D_RELEASE | OURO_D_VISIT | OURO_D_VAR | OURO_D_RUNS | OURO_D_RUNTIME,
  /* Its references are more than one run of slots. */
  OURO_D_SCATTERED = OURO_D_VISIT | OURO_D_ITEMS | OURO_D_RUNS,
};

typedef struct ouro__slots {
  uint32_t first, slots;
} ouro__slots;

static inline unsigned ouro__traits(const ouro_object *object) { return ouro_type_of(object)->ouro__derived.flags; }

/* Look at the type, once; false: it is wrong, errno EINVAL, or there is no memory, ENOMEM. */
bool ouro__type_ready(ouro_type *type);

/* One instance less of a type made at run time. */
void ouro__type_left(ouro_type *type);

/* ---------------------------------------------------------------- references of an object */

static inline ouro_object **ouro__slot_at(const ouro_object *object, size_t offset) {
  return (ouro_object **)(void *)((char *)(uintptr_t)object + offset);
}

static inline size_t ouro__items(const ouro_object *object) { return ((const ouro_var *)(const void *)object)->count; }

/* Show all that lies outside the first run of slots: further runs, items, and what visit functions show, in the order of clearing. */
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
extern uint32_t ouro__units_listed[2]; /* first of each list */

static inline void ouro__list_unit(size_t unit, unsigned list) {
  ouro__side *side = &ouro__hot_sides[unit];
  if (OURO_LIKELY(side->listed >> list & 1)) return;
  side->listed = (uint8_t)(side->listed | 1u << list);
  side->next[list] = ouro__units_listed[list];
  ouro__units_listed[list] = (uint32_t)unit;
}

/* ---------------------------------------------------------------- deallocation, weak references */

/* The number of the thread to which all objects belong. */
#define OURO_FIRST_THREAD 1u

/* The collector's (gc/collect.c): objects begin to be. Called for each thread that attaches. */
void ouro__collector_start(void);

/* Condemned objects are being taken apart: nobody may see them any more, not even a walk. */
extern bool ouro__sweeping;

/* Make this thread the one to which objects belong, if no other is; false: errno EPERM. */
bool ouro__attach(void);

/* Is it this thread's, or nobody's just now? Looking does not make it this thread's. */
bool ouro__may_look(void);

static inline bool ouro__attached(void) { return OURO_LIKELY(ouro__at.id != OURO__NO_THREAD) || ouro__attach(); }

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

/* The collector's threshold for this thread's `limit` when it attaches. */
extern int32_t ouro__young_limit;

#endif
