/* gc/mark.h - what was reached, and what is reached from there: the queue, the stack, and numbers that are not in a byte.
 *
 * Inlined, since the test (count.c) and its shorter way (known.c) spend their time here. */
#ifndef OURO_GC_MARK_H
#define OURO_GC_MARK_H

#include "gc/gc.h"

/* ---------------------------------------------------------------- members of a set */

/* Of a thread, and tracked: nearly all. */
static inline bool ouro__is_usual(const ouro_object *object) {
  uint64_t word = object->ouro__word;
  return OURO_LIKELY((word >> OURO_OWNER_SHIFT) - 1u < OURO_THREADS_MOST && word & OURO_TRACKED);
}

/* All references to a usual one. */
static inline int64_t ouro__held_usual(const ouro_object *object) {
  return (int64_t)object->ouro__count + ouro__shared_count(object->ouro__shared);
}

static inline bool ouro__is_member(const ouro_object *object) {
  return ouro__is_usual(object) || (ouro__is_live(object) && ouro__has(object, OURO_TRACKED));
}

/* ---------------------------------------------------------------- numbers that are not in a byte */

typedef struct ouro__number {
  const uint8_t *state; /* NULL: free */
  uint64_t count;
} ouro__number;

/* Open addressing, at most half full. */
typedef struct ouro__numbers {
  ouro_visitor visitor; /* first: a visit function finds the table by it */
  ouro__number *entries; /* NULL: there is no memory */
  size_t mask;
} ouro__numbers;

/* A table for so many. */
ouro__numbers ouro__numbers_for(size_t count, ouro_visit_fn visit);

/* The entry of a byte, which may be a free one still. */
ouro__number *ouro__number_of(const ouro__numbers *it, const uint8_t *state);

void ouro__count_in(const ouro__numbers *it, const uint8_t *state);

/* ---------------------------------------------------------------- what was reached */

enum { OURO__AHEAD = 16, OURO__STACK_FIRST = 512 };

/* An object that was reached, and in the highest byte the number of references that was counted for it, which its count must not be
 * below. */
typedef uint64_t ouro__reached;

typedef struct ouro__marker {
  ouro_visitor visitor; /* first: the visit function finds the marker by it */
  ouro__reached *stack;
  size_t depth, room;
  bool full;            /* all objects are looked at */
  bool fetch;           /* the set is larger than the cache */
  bool pending;         /* some object is OURO_STATE_PENDING */
  size_t marked;
  bool remember;        /* what is held from outside, for the next time */
  const ouro__numbers *known; /* references to these are counted on the way; or NULL */
  size_t many;          /* objects with too many references for a byte, not reached when they were looked at */
  bool untrack;         /* immutable objects that hold nothing tracked */
  unsigned traits;      /* of the types of all that were not reached when they were looked at */
  bool weak;            /* there are weak references to some of these, or who tries to count them */
  bool deferred;        /* some of these are deferred */
  unsigned first, waiting; /* of the queue, and how many are in it */
  ouro__reached fetched[OURO__AHEAD];
  ouro__reached first_stack[OURO__STACK_FIRST];
} ouro__marker;

static inline ouro__reached ouro__reached_with(ouro_object *object, uint8_t inside) {
  return (uint64_t)inside << 56 | (uintptr_t)object;
}

static inline ouro_object *ouro__reached_object(ouro__reached one) { return (ouro_object *)(uintptr_t)(one & UINT64_MAX >> 8); }

/* The slow parts. */
void ouro__put_on_stack(ouro__marker *it, ouro__reached one, uint8_t *state);
void ouro__untrack_if_harmless(ouro_object *object, uint8_t *state);
void ouro__look_at_stranger(ouro_object *object) OURO_COLD;
void ouro__count_must_be(const ouro_object *object, uint64_t least) OURO_COLD;

/* To be looked through: soon, and fetched meanwhile, or, where many wait already, later. A set that is in the cache need not be fetched. */
static inline void ouro__reach(ouro__marker *it, ouro_object *object, uint8_t *state) {
  ouro__reached one = ouro__reached_with(object, *state);
  *state = OURO_STATE_REACHED;
  if (!it->fetch && OURO_LIKELY(it->depth < it->room)) {
    it->stack[it->depth++] = one;
  } else if (OURO_LIKELY(it->waiting < OURO__AHEAD)) {
    OURO_PREFETCH_WRITE(object);
    it->fetched[(it->first + it->waiting++) % OURO__AHEAD] = one;
  } else {
    ouro__put_on_stack(it, one, state);
  }
}

static inline void ouro__reach_reference(ouro__marker *it, ouro__map m, ouro_object *target) {
  uint8_t *state = ouro__state_in(m, target);
  if (!state) return;
  if (*state <= OURO_STATE_MANY) {
    ouro__reach(it, target, state);
  } else if (OURO_UNLIKELY(*state == OURO_STATE_KNOWN)) {
    ouro__count_in(it->known, state);
  }
}

static inline void ouro__reach_run(ouro__marker *it, ouro__map m, ouro_object *const *slot, size_t slots) {
  for (; slots; slots--, slot++) {
    if (*slot) ouro__reach_reference(it, m, *slot);
  }
}

static inline void ouro__look_through(ouro__marker *it, ouro__map m, ouro__reached one) {
  ouro_object *object = ouro__reached_object(one);
  if (OURO_UNLIKELY(!ouro__is_member(object))) {
    ouro__look_at_stranger(object);
    return;
  }
  if (OURO_UNLIKELY(object->ouro__count < one >> 56)) ouro__count_must_be(object, one >> 56); /* what others count comes on top */
  const ouro_type *type = ouro_type_of(object);
  unsigned traits = type->ouro__derived.flags;
  it->marked++;
  ouro__reach_run(it, m, ouro__slot_at(object, type->ouro__derived.first), type->ouro__derived.slots);
  if (OURO_LIKELY(!(traits & (OURO_D_SCATTERED | OURO_D_IMMUTABLE)))) return;
  if (traits & OURO_D_IMMUTABLE && it->untrack) ouro__untrack_if_harmless(object, ouro__state_in(m, object));
  if ((traits & OURO_D_SCATTERED) == OURO_D_ITEMS) {
    ouro__reach_run(it, m, ouro__slot_at(object, type->size), ouro__items(object));
  } else if ((traits & OURO_D_SCATTERED) == OURO_D_KEEPER) {
    ouro__reach_reference(it, m, type->keeper);
  } else if (traits & OURO_D_SCATTERED) {
    ouro__visit_rest(object, &it->visitor);
  }
}

/* What waits in the queue, down to `leave`, and behind it on the stack (mark.c). */
void ouro__drain_queue(ouro__marker *it, unsigned leave);

/* Look through what waits, as long as it is more than the queue holds with ease. */
static inline void ouro__drain(ouro__marker *it, ouro__map m, unsigned leave) {
  if (it->fetch) {
    if (it->waiting > leave) ouro__drain_queue(it, leave);
    return;
  }
  while (it->depth) ouro__look_through(it, m, it->stack[--it->depth]);
  if (OURO_UNLIKELY(it->waiting != 0)) ouro__drain_queue(it, 0); /* what the stack had no room for */
}

/* All of it. */
void ouro__drain_all(ouro__marker *it, ouro__map m);

/* A marker that has reached nothing; to be ended, for its stack. */
void ouro__marker_start(ouro__marker *it);
void ouro__marker_end(ouro__marker *it);

/* Call `fn` for each member that was not reached. */
typedef void (*ouro__unreached_fn)(ouro__marker *it, ouro__numbers *table, ouro_object *object, uint8_t *state);
void ouro__each_unreached(ouro__marker *it, ouro__numbers *table, ouro__scope scope, ouro__unreached_fn fn);

/* For that: visit its references with the table's visitor. */
void ouro__count_its_references(ouro__marker *it, ouro__numbers *table, ouro_object *object, uint8_t *state);

/* ---------------------------------------------------------------- the test, and its shorter way */

/* Every byte from `lowest` to `highest` becomes 0 (count.c). */
void ouro__enter_set(ouro__scope scope, uint8_t lowest, uint8_t highest);

/* known.c: try to reach all that lives from what was held from outside the last time, all bytes of members being 0. false: it did not
 * work out, and they are as at first. */
bool ouro__shorter_way(ouro__marker *it);

/* Forget what was held; what is remembered from now on is for the next time. */
void ouro__longer_way_begins(void);
void ouro__remember_root(ouro__marker *it, ouro_object *object);

#endif
