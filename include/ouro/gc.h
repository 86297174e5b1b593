/* ouro/gc.h - the collector: what counts cannot free.
 *
 * It is CPython's (3.15, without the parts that are Python's own): three GENERATIONS, 0 the youngest. An object of a type that owns
 * references is TRACKED, and begins in generation 0; what survives a collection of its generation moves to the next one. A
 * collection of a generation takes all younger ones with it: for each object of the set it subtracts from the count the references that
 * come from inside the set; what has more is held from outside; what cannot be reached from there is garbage.
 *
 * It runs at safepoints alone: ouro_safepoint(), where one is due, and ouro_gc_collect(). Never inside an allocation.
 *
 * The order in which garbage goes (PEP 442, and CPython's gh-135552):
 *   1. weak references with a callback to garbage are cleared, and the callbacks of those that are not garbage themselves called
 *   2. finalizers run, each object's once
 *   3. what was resurrected is kept, with all that it reaches: the test is done again over what was condemned
 *   4. weak references without a callback, and those made meanwhile, are cleared, without callbacks
 *   5. references are cleared, and with them the objects go
 * Within each step the order between objects is not specified.
 *
 * Threads: any may call any function here, also from finalizers and callbacks; a collection inside one of the same thread does nothing. One
 * collection runs at a time, over the objects of all threads. The others are stopped for the test, for clearing weak references, and for
 * the test of step 3; while callbacks and finalizers run and while references are cleared and memory is freed, they go on. All that it
 * calls runs in the thread that collects. */
#ifndef OURO_GC_H
#define OURO_GC_H

#include "object.h"

OURO_BEGIN_DECLS

#define OURO_GENERATIONS 3

/* Collect `generation` and all younger ones, now, also while automatic collection is disabled.
 * Returns the number of objects found to be garbage, uncollectable ones included; 0 inside another collection; OURO_EINVAL, OURO_EPERM.
 * Memory that the collector lacks for its own tables makes it keep garbage, not fail.
 * Calls:   finalizers, callbacks of weak references, releases, and functions of ouro_gc_callback_add.
 * Threads: any. Where another collects, it waits for that, OUT, and takes its answer if that began later and took the generation as
 *          well. OURO_EBUSY: a thread did not come to a safepoint in time (OURO_CONF=stop_ms), or the other collection makes no
 *          progress for as long.
 * Cost:    O(objects of the generations and their references). */
OURO_API ptrdiff_t ouro_gc_collect(int generation);

/* Automatic collection: on at first. Each returns whether it was on before.
 * Threads: any; it holds for all threads, from the next safepoint of each on.
 * Cost:    O(threads); is_enabled: a load. */
OURO_API bool ouro_gc_enable(void);
OURO_API bool ouro_gc_disable(void);
OURO_API bool ouro_gc_is_enabled(void);

/* A collection of generation 0 is due when more than threshold[0] tracked objects were made than freed since the last one; of 1 when
 * 0 was collected more than threshold[1] times; of 2 when 1 was more than threshold[2] times, and objects that wait in it for their
 * first full collection are a quarter or more of those that survived the last. Default 2000, 10, 10. threshold[0] 0: never.
 * Until a program sets them itself, collections that find next to nothing make the next one wait longer, up to 32 * threshold[0], or
 * 64 where generation 2 has as many objects; and from the second thread on all wait 8 times as long, since they begin by stopping the
 * others.
 * Errors:  OURO_EINVAL for NULL or a negative number; OURO_EPERM.
 * Threads: any; it holds for all. get_count: of what other threads make just now, it may be out of date.
 * Cost:    O(threads). */
OURO_API int ouro_gc_set_threshold(const int threshold[OURO_GENERATIONS]);
OURO_API void ouro_gc_get_threshold(int threshold[OURO_GENERATIONS]);
OURO_API void ouro_gc_get_count(int count[OURO_GENERATIONS]);

/* What the collections of each generation did since the program began.
 * Threads: any; the figures are those of one moment.
 * Cost:    O(1), a lock. */
typedef struct ouro_gc_stats {
  uint64_t collections;
  uint64_t collected;     /* objects freed */
  uint64_t uncollectable; /* objects found that were not freed */
  uint64_t candidates;    /* objects looked at */
  uint64_t duration_ns;   /* in all */
  uint64_t longest_ns;    /* the longest one */
} ouro_gc_stats;
OURO_API void ouro_gc_get_stats(ouro_gc_stats stats[OURO_GENERATIONS]);

/* ---------------------------------------------------------------- looking */

/* Call `visit` for each tracked object of a generation, -1: of all, frozen ones included; borrowed. It returns 0 to go on. What it
 * does to objects is undefined but for ouro_incref. Objects that a running collection has condemned are not shown.
 * Returns: 0, OURO_ESTOP, OURO_EINVAL, OURO_EPERM; OURO_EBUSY: a thread did not come to a safepoint in time.
 * Calls:   `visit`, with all other threads stopped: it must not wait for any.
 * Threads: any.
 * Cost:    O(tracked objects). */
OURO_API int ouro_gc_get_objects(int generation, ouro_object_fn visit, void *arg);

/* The tracked objects that refer to any of `count` objects.
 * Returns: as ouro_gc_get_objects.
 * Calls:   as ouro_gc_get_objects.
 * Threads: as ouro_gc_get_objects.
 * Cost:    O(all objects and references). */
OURO_API int ouro_gc_get_referrers(void *const *objects, size_t count, ouro_object_fn visit, void *arg);

/* The objects that any of `count` objects refer to, once for each reference.
 * Returns: as ouro_gc_get_objects.
 * Calls:   as ouro_gc_get_objects.
 * Threads: as ouro_gc_get_objects.
 * Cost:    O(references). */
OURO_API int ouro_gc_get_referents(void *const *objects, size_t count, ouro_object_fn visit, void *arg);

/* Does the collector watch it? Not: objects of types without references; those that it has untracked, since they are immutable and hold
 * nothing that is tracked; those of ouro_gc_untrack.
 * Threads: any that holds a reference; a collection may untrack it at any time.
 * Cost:    a load. */
OURO_API bool ouro_gc_is_tracked(const void *object);

/* Has its finalizer been called?
 * Threads: any that holds a reference.
 * Cost:    a load. */
OURO_API bool ouro_gc_is_finalized(const void *object);

/* Stop, and start again, to watch one object: for who knows that it is in no cycle. Tracking an object puts it in generation 0; of a
 * type that is never tracked: OURO_EINVAL. A deferred object stays tracked.
 * Threads: any that holds a reference.
 * Cost:    O(1). */
OURO_API void ouro_gc_untrack(void *object);
OURO_API int ouro_gc_track(void *object);

/* ---------------------------------------------------------------- freezing */

/* Move all tracked objects out of the generations: they are not looked at until ouro_gc_unfreeze, which puts them in the oldest. For
 * what a program loads at its start, and before fork.
 * Errors:  OURO_EPERM; OURO_EBUSY: a thread did not come to a safepoint in time. Nothing has changed then.
 * Threads: any; all others are stopped meanwhile.
 * Cost:    O(all objects). */
OURO_API int ouro_gc_freeze(void);
OURO_API int ouro_gc_unfreeze(void);
OURO_API size_t ouro_gc_get_freeze_count(void);

/* ---------------------------------------------------------------- callbacks, debugging, garbage */

typedef struct ouro_gc_info {
  bool stop;              /* false: a collection begins, and the figures are 0 */
  int generation;
  size_t collected, uncollectable, candidates;
  uint64_t duration_ns;
} ouro_gc_info;
typedef void (*ouro_gc_fn)(const ouro_gc_info *info, void *arg);

/* Have `fn` called before and after each collection, in the order of adding.
 * Errors:  OURO_ENOMEM; OURO_EINVAL for NULL, or, when removing, for a pair that is not there; OURO_EPERM.
 * Threads: any. `fn` runs in the thread that collects; it may still run once after it was removed by another thread.
 * Cost:    O(callbacks). */
OURO_API int ouro_gc_callback_add(ouro_gc_fn fn, void *arg);
OURO_API int ouro_gc_callback_remove(ouro_gc_fn fn, void *arg);

enum ouro_gc_debug {
  OURO_GC_DEBUG_STATS = 1,          /* say what each collection did */
  OURO_GC_DEBUG_COLLECTABLE = 2,    /* name each object found that is freed */
  OURO_GC_DEBUG_UNCOLLECTABLE = 4,  /* name each that is not */
  OURO_GC_DEBUG_SAVEALL = 32,       /* put all garbage on the garbage list instead of freeing it */
  OURO_GC_DEBUG_LEAK = 38,          /* all but the statistics */
};
/* What is said goes to `write`, or to file descriptor 2 where that is NULL.
 * Errors:  OURO_EINVAL for a flag that does not exist.
 * Threads: any; they hold for all. `write` runs in the thread that collects, and may run once more after another thread has set another.
 * Cost:    O(1). */
OURO_API int ouro_gc_set_debug(unsigned flags);
OURO_API unsigned ouro_gc_get_debug(void);
OURO_API void ouro_gc_set_debug_writer(void (*write)(void *arg, const char *text, size_t length), void *arg);

/* The garbage list: what could not be freed (OURO_TYPE_UNCOLLECTABLE), or should not be (OURO_GC_DEBUG_SAVEALL). It owns what it holds.
 * at: borrowed; NULL where `index` is too large. clear: releases all.
 * Calls:   clear: what goes with the objects.
 * Threads: any. What `at` lends lives until a thread clears the list: where several do, they agree.
 * Cost:    O(1); clear: O(garbage). */
OURO_API size_t ouro_gc_garbage_count(void);
OURO_API void *ouro_gc_garbage_at(size_t index);
OURO_API void ouro_gc_garbage_clear(void);

/* ---------------------------------------------------------------- checking */

/* Look at every object, count, edge and state bit. Returns the number of things wrong, 0 for a sound heap, and what is wrong with the
 * first in `text` (which may be NULL). It can prove wrong: a count below the references found; a reference to what is no live object;
 * a visit function that shows a slot twice, or other slots when asked again; a state that contradicts the object.
 * SIZE_MAX: there was no memory to look at all; what was looked at was sound.
 * Threads: any; all others are stopped meanwhile. Where one does not come, or the thread is refused, that is what is wrong.
 * Cost:    O(all objects and references), and memory for a table of all objects. */
OURO_API size_t ouro_gc_verify(char *text, size_t text_size);

/* Collect generation 2 at each safepoint: 1; verify as well: 2; 0: as usual. Also by OURO_CONF=gc_stress:1 or 2, which a call of this
 * overrides. For tests: whatever keeps a borrowed reference too long is found soon.
 * Threads: any; it holds for all.
 * Cost:    O(threads). */
OURO_API void ouro_gc_set_stress(int level);

OURO_END_DECLS

#endif
