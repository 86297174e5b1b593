/* gc/gc.h - the collector, to itself and the layers above.
 *
 *   collect.c  a collection, and what is counted about it               count.c    the exact test: what of a set is garbage
 *   due.c      generations: which is due when, and what a safepoint does
 *   mark.h     what is reached from where                              known.c    a shorter way for all objects
 *   garbage.c  what happens to garbage, in order                       sweep.c    to plain garbage: a shorter way
 *   units.c    the units that garbage lies in                          turns.c    one collection at a time
 *   look.c     what programs may ask, and freezing
 *   debug.c    callbacks, debug flags, the garbage list                 verify.c   the checker of all objects
 *   report.c   the objects' part of a report
 *
 * A SET is any set of tracked objects: those whose byte of state tells that they belong to it. The test needs nothing else: it may be
 * done on the young objects, on all, or on the few that an earlier look has condemned, and between two tests the program may run.
 *
 * Threads. One thread collects at a time (turns.c). It stops the world for the test, and for what must see an object in one piece; then the
 * world goes on, and nobody else can reach what was condemned, but by a weak reference without a callback. So:
 *
 *   I-GC-1  a byte of state is OURO_STATE_TRASH only in a unit of the garbage list (units.c), and that unit is pinned
 *   I-GC-2  while the world goes on, the collector reads bytes of the garbage list's units alone, and writes those of the condemned alone,
 *           one by one: the others belong to threads that make and free objects there
 *   I-GC-3  while the world goes on, the condemned are freed by the collector alone (stage SWEPT or CLEARED), or it does not look at them
 *           but with the world stopped (stage JUDGED) */
#ifndef OURO_GC_GC_H
#define OURO_GC_GC_H

#include <string.h>

#include <ouro/gc.h>

#include "object/object.h"

/* ---------------------------------------------------------------- units that a set lies in */

/* Which units are walked: those listed for a generation, or all. */
typedef enum ouro__scope { OURO_SCOPE_YOUNG, OURO_SCOPE_MIDDLE, OURO_SCOPE_ALL, OURO_SCOPE_GARBAGE } ouro__scope;

/* How far it has come with the condemned. A collection that is given up, or whose thread is not there after fork, leaves them as they are,
 * and the next one goes on there. */
typedef enum ouro__stage {
  OURO_STAGE_NONE,
  OURO_STAGE_JUDGED,  /* finalizers and callbacks run: any of them may come back */
  OURO_STAGE_SWEPT,   /* none of them has anything that anybody could notice */
  OURO_STAGE_CLEARED, /* each is owned by the collecting thread, and held by the collector: their references go, and then they */
} ouro__stage;

/* Units that hold condemned objects, linked by next[0]: they are in no other list 0, and pinned. Of the collecting thread, or with the
 * world stopped. */
typedef struct ouro__garbage_units {
  uint32_t first, last;
  _Atomic uint32_t stage;
  uint8_t survivors;                  /* the state of what lives on */
  bool full;                          /* all objects were looked at */
  uint32_t unit, word;                /* the one that was taken from the list last; and no bit of `left` before that word is set */
  uint64_t left[OURO_SIDE_MOST / 64]; /* its condemned objects that are still to be freed, a bit for each number */
} ouro__garbage_units;

extern ouro__garbage_units ouro__garbage;

static inline ouro__stage ouro__stage_now(void) { return (ouro__stage)ouro__load_relaxed(&ouro__garbage.stage); }

static inline size_t ouro__next_of_all(size_t unit) {
  size_t end = ouro__units_end();
  while (unit < end && !ouro__hot_sides[unit].state) unit++;
  return unit < end ? unit : OURO_UNIT_END;
}

static inline size_t ouro__first_unit(ouro__scope scope) {
  if (scope == OURO_SCOPE_GARBAGE) return ouro__garbage.first;
  return scope == OURO_SCOPE_ALL ? ouro__next_of_all(0) : ouro__load_relaxed(&ouro__units_listed[scope]);
}

static inline size_t ouro__next_unit(ouro__scope scope, size_t unit) {
  return scope == OURO_SCOPE_ALL ? ouro__next_of_all(unit + 1) : ouro__hot_sides[unit].next[scope == OURO_SCOPE_MIDDLE];
}

static inline ouro_object *ouro__object_at(size_t unit, const ouro__side *side, unsigned number) {
  return (ouro_object *)(void *)(ouro__unit_start(unit) + (size_t)number * side->size);
}

/* The eight bytes of state from there on, some of which others may write to. */
static inline uint64_t ouro__eight(const uint8_t *state) {
#if defined(OURO__TOLD)
  uint64_t eight = 0;
  for (unsigned i = 0; i < 8; i++) eight |= (uint64_t)OURO__SEE(state[i]) << (i * 8);
  return eight;
#else
  uint64_t eight;
  memcpy(&eight, state, 8);
  return eight;
#endif
}

/* Are the eight bytes of state from there on all of objects outside of any set? (All such states have these bits.) */
static inline bool ouro__no_members(const uint8_t *state) {
  uint64_t eight, bits = UINT64_C(0xf8f8f8f8f8f8f8f8);
  memcpy(&eight, state, 8);
  return (eight & bits) == bits;
}

/* Is none of the eight bytes from there on `wanted`? (A word has a zero byte where the borrow of one from each byte says so.) */
static inline bool ouro__none_of_eight(const uint8_t *state, uint8_t wanted) {
  uint64_t eight = ouro__eight(state), ones = UINT64_C(0x0101010101010101);
  eight ^= ones * wanted;
  return !((eight - ones) & ~eight & (ones << 7));
}

/* Call `fn` for each live object of the scope whose byte is `wanted`, which it may change. It does not free any. */
typedef void (*ouro__each_fn)(ouro_object *object, uint8_t *state, void *arg);
OURO_INLINE void ouro__each_in_state(ouro__scope scope, uint8_t wanted, ouro__each_fn fn, void *arg) {
  for (size_t unit = ouro__first_unit(scope); unit != OURO_UNIT_END; unit = ouro__next_unit(scope, unit)) {
    const ouro__side *side = &ouro__hot_sides[unit];
    for (unsigned first = 0; side->state && first < side->numbers; first += 8) {
      if (ouro__none_of_eight(side->state + first, wanted)) continue;
      for (unsigned i = first; side->state && i < first + 8; i++) {
        if (OURO__SEE(side->state[i]) != wanted) continue;
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
  bool weak;       /* some garbage is referred to weakly, perhaps, or can be found in another way */
  bool deferred;   /* some is, perhaps */
} ouro__verdict;

/* Test the objects whose state is at least `lowest` and at most `highest`; those that are no garbage get the state `survivors`. `full`:
 * deferred objects may be garbage. The world is stopped, as for all of count.c, mark.c and known.c. */
ouro__verdict ouro__test(ouro__scope scope, bool full, uint8_t lowest, uint8_t highest, uint8_t survivors);

/* From objects whose state is OURO_STATE_PENDING, mark all of the condemned that they reach; the marked ones get the state `survivors`.
 * Returns how many they are. */
size_t ouro__spare(ouro__scope scope, uint8_t survivors);

/* ---------------------------------------------------------------- units of garbage (units.c) */

/* With the world stopped, when the young objects of the scope have been moved out of generation 0, those of a larger one out of 1 as well:
 * let the lists be empty, and put the units that hold condemned objects, if there are `any`, in the list of garbage. */
void ouro__gather_garbage(ouro__scope scope, bool any);

/* With the world stopped: take those out of it that hold none any more. */
void ouro__gather_again(void);

/* Take the first unit, with the bits of its condemned objects in `left`: their bytes become `then`, and the unit is not pinned any more:
 * the caller deals with those in `left`. false: there is none. */
bool ouro__take_garbage_unit(uint8_t then);

/* One of those that are left of the unit that was taken; NULL: none. */
ouro_object *ouro__next_left(void);

/* ---------------------------------------------------------------- garbage */

typedef struct ouro__outcome {
  size_t collected, uncollectable;
  bool given_up; /* the world did not stop again: all survive, and are found another time */
} ouro__outcome;

/* confined.c: the calling thread's own collection, of its young confined objects. false: there are none. Runs anything. */
bool ouro__collect_confined(ouro_gc_info *info);

/* due.c, collect.c, debug.c: what is counted about a collection; and does somebody want to be told of each? */
void ouro__count_stats(const ouro_gc_info *info);
bool ouro__gc_is_told(void);

/* Deal with what was condemned, which is in the list of garbage. The world is stopped at first, and goes on when it returns. Runs anything.
 * `patience_ns`: for stopping the world again; where it does not stop, all survive. */
ouro__outcome ouro__dispose(const ouro__verdict *verdict, uint64_t patience_ns);

/* What a collection before has left: go on with it. The world goes on. false: it could not be stopped. */
bool ouro__finish_leftovers(uint64_t patience_ns);

/* Free the condemned, none of which anybody can notice to go: no finalizers, weak references, releases. What they refer to beside each
 * other is released, and may run anything. The world goes on. */
void ouro__sweep(void);

/* ---------------------------------------------------------------- looking at all objects */

/* Stop the world for it; 0, or a code. */
static inline int ouro__look_begin(void) {
  if (!ouro__attached()) return OURO_EPERM;
  if (!ouro__world_stop(0)) return OURO_EBUSY;
  ouro__confined_join_all(); /* each in the generation that it is in */
  return OURO_OK;
}
static inline void ouro__look_end(void) { ouro__world_start(); }

/* ---------------------------------------------------------------- one collection at a time (turns.c) */

/* Does the calling thread collect just now? */
bool ouro__gc_is_mine(void);

/* Does any? What is condemned may be looked at by it. */
static inline bool ouro__gc_has_condemned(void) { return ouro__stage_now() != OURO_STAGE_NONE; }

/* Begin a collection; false: another is running. */
bool ouro__gc_begin(void);

/* It has ended: `found`, or a code, is what a collection of that generation returns to those who waited for it. */
void ouro__gc_end(int generation, ptrdiff_t found);

/* Which collection began last, as a number that goes up. */
uint64_t ouro__gc_last_begun(void);

/* Wait for the one that runs, OUT; false: it makes no progress for so long; 0: as OURO_CONF=stop_ms says. `arrived`: see ouro__go_out. */
bool ouro__gc_wait(const void *arrived, uint64_t patience_ns);

/* Has one of that generation, or an older one, begun after that number, and ended? What did it find? */
bool ouro__gc_found_since(uint64_t number, int generation, ptrdiff_t *found);

/* It makes progress: to be said between any two calls of the program's functions, and while the world stands still. */
void ouro__gc_progress(void);

/* ---------------------------------------------------------------- the collector's state */

/* Program and collector may be at it from different threads: all of it is either atomic, or under the lock. */
typedef struct ouro__collector {
  ouro__lock lock;
  _Atomic bool disabled;
  _Atomic unsigned debug;
  _Atomic int stress;
  _Atomic bool stress_set;   /* no matter what OURO_CONF says */
  _Atomic int threshold[OURO_GENERATIONS], count[OURO_GENERATIONS]; /* count[0] is not used: it is ouro__made_by_all */
  _Atomic bool exact;        /* the program has set thresholds: they mean what they say */
  _Atomic unsigned patience; /* otherwise the first one is shifted left by this */
  _Atomic size_t waiting, settled; /* objects of generation 2: that came since its last collection, and that survived it */
  ouro_gc_stats stats[OURO_GENERATIONS]; /* under the lock */
} ouro__collector;

extern ouro__collector ouro__gc;

/* collect.c: collect; the thread has begun (ouro__gc_begin), and ends here. Returns what ouro_gc_collect does. */
ptrdiff_t ouro__collect_generation(int generation, bool was_due, uint64_t patience_ns);

/* due.c: what a collection that was due found, for the next one to be due at the right time. */
void ouro__learn(const ouro_gc_info *info);

/* report.c: tell the preloaded library, where there is one, that there are objects. And, at a safepoint: a report is
 * waiting for figures. */
void ouro__report_join(void);

/* In a child of fork. */
void ouro__report_forked(void);
void ouro__report_at_safepoint(void);

/* Set the limit at which a safepoint collects. */
void ouro__gc_set_limit(void);

/* debug.c */
void ouro__gc_call_back(const ouro_gc_info *info);
void ouro__gc_say(const char *text);
void ouro__gc_say_object(const char *what, const ouro_object *object);
void ouro__gc_say_collection(const ouro_gc_info *info);
void ouro__gc_keep(ouro_object *object); /* on the garbage list, where there is memory for that */
void ouro__gc_say_kept(size_t from);     /* what is on it from there on */
int ouro__gc_add_callback(ouro_gc_fn fn, void *arg); /* without attaching the thread */

#endif
