/* gc/gc.h - the collector, to itself and the layers above.
 *
 *   collect.c  generations: when, and what is counted about it          count.c    the exact test: what of a set is garbage
 *   mark.h     what is reached from where                              known.c    a shorter way for all objects
 *   garbage.c  what happens to garbage, in order                       sweep.c    to plain garbage: a shorter way
 *   look.c     what programs may ask, and freezing
 *   debug.c    callbacks, debug flags, the garbage list                 verify.c   the checker of all objects
 *   report.c   the objects' part of a report
 *
 * A SET is any set of tracked objects: those whose byte of state tells that they belong to it. The test needs nothing else: it may be
 * done on the young objects, on all, or on the few that an earlier look has condemned, and between two tests the program may run. */
#ifndef OURO_GC_GC_H
#define OURO_GC_GC_H

#include <string.h>

#include <ouro/gc.h>

#include "object/object.h"

/* ---------------------------------------------------------------- units that a set lies in */

/* Which units are walked: those listed for a generation, or all. */
typedef enum ouro__scope { OURO_SCOPE_YOUNG, OURO_SCOPE_MIDDLE, OURO_SCOPE_ALL } ouro__scope;

static inline size_t ouro__next_of_all(size_t unit) {
  size_t end = ouro__units_end();
  while (unit < end && !ouro__hot_sides[unit].state) unit++;
  return unit < end ? unit : OURO_UNIT_END;
}

static inline size_t ouro__first_unit(ouro__scope scope) {
  return scope == OURO_SCOPE_ALL ? ouro__next_of_all(0) : ouro__units_listed[scope];
}

static inline size_t ouro__next_unit(ouro__scope scope, size_t unit) {
  return scope == OURO_SCOPE_ALL ? ouro__next_of_all(unit + 1) : ouro__hot_sides[unit].next[scope];
}

static inline ouro_object *ouro__object_at(size_t unit, const ouro__side *side, unsigned number) {
  return (ouro_object *)(void *)(ouro__unit_start(unit) + (size_t)number * side->size);
}

/* Are the eight bytes of state from there on all of objects outside of any set? (All such states have these bits.) */
static inline bool ouro__no_members(const uint8_t *state) {
  uint64_t eight, bits = UINT64_C(0xf8f8f8f8f8f8f8f8);
  memcpy(&eight, state, 8);
  return (eight & bits) == bits;
}

/* Is none of the eight bytes from there on `wanted`? (A word has a zero byte where the borrow of one from each byte says so.) */
static inline bool ouro__none_of_eight(const uint8_t *state, uint8_t wanted) {
  uint64_t eight, ones = UINT64_C(0x0101010101010101);
  memcpy(&eight, state, 8);
  eight ^= ones * wanted;
  return !((eight - ones) & ~eight & (ones << 7));
}

/* Call `fn` for each live object of the scope whose byte is `wanted`. It may run anything: the bytes are looked at one by one. */
typedef void (*ouro__each_fn)(ouro_object *object, uint8_t *state, void *arg);
OURO_INLINE void ouro__each_in_state(ouro__scope scope, uint8_t wanted, ouro__each_fn fn, void *arg) {
  for (size_t unit = ouro__first_unit(scope); unit != OURO_UNIT_END; unit = ouro__next_unit(scope, unit)) {
    const ouro__side *side = &ouro__hot_sides[unit];
    for (unsigned first = 0; side->state && first < side->numbers; first += 8) {
      if (ouro__none_of_eight(side->state + first, wanted)) continue;
      for (unsigned i = first; side->state && i < first + 8; i++) {
        if (side->state[i] != wanted) continue;
        ouro_object *object = ouro__object_at(unit, side, i);
        if (ouro__is_live(object)) fn(object, &side->state[i], arg);
      }
    }
  }
}

/* ---------------------------------------------------------------- bytes of state, fast */

/* Where the bytes are, in variables of the loops: a byte that is written could be any memory, for all the compiler knows. */
typedef struct ouro__map {
  uintptr_t base;
  size_t units;
  const ouro__side *sides;
} ouro__map;

static inline ouro__map ouro__map_now(void) { return (ouro__map){ouro__hot_base, ouro__hot_units, ouro__hot_sides}; }

/* The byte of what a reference leads to; NULL where no set can hold it. */
static inline uint8_t *ouro__state_in(ouro__map m, const ouro_object *target) {
  size_t unit = ((uintptr_t)target - m.base) >> OURO__UNIT_SHIFT;
  if (OURO_UNLIKELY(unit >= m.units)) return NULL;
  const ouro__side *side = &m.sides[unit];
  return side->state ? ouro__state_beside(side, target) : NULL;
}

/* ---------------------------------------------------------------- the exact test */

typedef struct ouro__verdict {
  size_t members; /* live objects in the set */
  size_t garbage; /* of these, found to be garbage: their state is OURO_STATE_TRASH */
  unsigned traits; /* of the types of all garbage, and perhaps of more */
  bool weak;       /* some garbage is referred to weakly, perhaps */
} ouro__verdict;

/* Test the objects whose state is at least `lowest` and at most `highest`; those that are no garbage get the state `survivors`. */
ouro__verdict ouro__test(ouro__scope scope, uint8_t lowest, uint8_t highest, uint8_t survivors);

/* From objects whose state is OURO_STATE_PENDING, mark all of the condemned that they reach; the marked ones get the state `survivors`.
 * Returns how many they are. */
size_t ouro__spare(ouro__scope scope, uint8_t survivors);

/* ---------------------------------------------------------------- garbage */

typedef struct ouro__outcome {
  size_t collected, uncollectable;
} ouro__outcome;

/* Deal with what was condemned; what lives on all the same gets the state `survivors`. Runs anything. */
ouro__outcome ouro__dispose(ouro__scope scope, const ouro__verdict *verdict, uint8_t survivors);

/* Free the condemned, none of which anybody can notice to go: no finalizers, weak references, releases. What they refer to beside each
 * other is released, and may run anything. */
void ouro__sweep(ouro__scope scope);

/* ---------------------------------------------------------------- the collector's state */

typedef struct ouro__collector {
  bool disabled, collecting;
  unsigned debug;
  int stress;
  bool stress_set;   /* no matter what OURO_CONF says */
  int threshold[OURO_GENERATIONS], count[OURO_GENERATIONS]; /* count[0] is ouro__at.made */
  bool exact;        /* the program has set thresholds: they mean what they say */
  unsigned patience; /* otherwise the first one is shifted left by this */
  size_t waiting, settled; /* objects of generation 2: that came since its last collection, and that survived it */
  ouro_gc_stats stats[OURO_GENERATIONS];
} ouro__collector;

extern ouro__collector ouro__gc;

/* report.c: tell the preloaded library, where there is one, that there are objects. */
void ouro__report_join(void);

/* Set the limit at which a safepoint collects. */
void ouro__gc_set_limit(void);

/* debug.c */
void ouro__gc_call_back(const ouro_gc_info *info);
void ouro__gc_say(const char *text);
void ouro__gc_say_object(const char *what, const ouro_object *object);
void ouro__gc_say_collection(const ouro_gc_info *info);
void ouro__gc_keep(ouro_object *object); /* on the garbage list, where there is memory for that */

#endif
