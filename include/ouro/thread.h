/* ouro/thread.h - threads: who may touch objects, where a thread can be stopped, the lock of an object, and what is freed later.
 *
 * No lock is everybody's. Any thread makes, shares, drops and weakly references objects; it is ATTACHED by the first thing that it does
 * with them, and DETACHED when it ends. What it leaves behind, live objects, references that others release, young objects, is taken over
 * with its number by the next thread that attaches, or by whoever needs to.
 *
 *   attached:   IN   it may touch objects. It can be stopped at a SAFEPOINT alone: ouro_safepoint(), and where an allocation of objects
 *                    takes its slow path
 *               OUT  it has said that it waits in the system (ouro_blocking_begin), or is being stopped: it touches no object
 *
 * Whoever needs all objects to stand still (a collection, a walk, fork) stops the world: it waits until every other thread is OUT. So a
 * thread that computes for long, or waits in the system, without saying so delays that: call ouro_safepoint() in long loops, and put
 * ouro_blocking_begin() and ouro_blocking_end() around what may sleep: reads, locks of others, pthread_join. Who waits too long for the
 * others gives up (OURO_CONF=stop_ms:1000), and ouro_stop_stats_get() says who was late.
 *
 * What of an object is safe:
 *   - counting it, referring to it weakly, asking its type: from any thread that holds a reference
 *   - its slots and its other fields: as those of any C struct, for one thread at a time, unless the program orders its threads. A slot
 *     that one thread sets while another reads it needs the object's lock (ouro_section below)
 *   - a reference is given to another thread like any pointer: through something that orders the two (a mutex, a queue, pthread_create)
 *
 * OURO_CONF=threads:1 promises that one thread alone will touch objects: another is refused, with OURO_EPERM, EPERM, or
 * OURO_FATAL_WRONG_THREAD where there is no other way to say so. */
#ifndef OURO_THREAD_H
#define OURO_THREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base.h"

OURO_BEGIN_DECLS

/* ---------------------------------------------------------------- what a thread knows of itself */

typedef struct ouro__here {
  uint32_t id;            /* the thread's number; OURO__NO_THREAD: it is not attached */
  int32_t made;           /* tracked objects made less those freed, since the last collection */
  int32_t limit;          /* made > limit: the next safepoint has something to do. Others lower it */
  uint32_t depth;         /* of deallocations within each other */
  uint64_t owner;         /* the number, where a header has it */
  int32_t *deferred;      /* what it has counted of deferred objects, by their numbers */
  uint32_t deferred_room; /* numbers that `deferred` has room for */
  uint32_t alone;         /* not 0: in something short that nobody locks as long as there is one thread */
  const void *reading;    /* the object that the thread reads without a lock, which is open to readers; or NULL */
} ouro__here;

#define OURO__NO_THREAD 0x10000u /* the number of a thread that has none: no owner field holds it */

#if defined(__GNUC__)
extern OURO_API __thread ouro__here ouro__at __attribute__((tls_model("initial-exec")));
#define OURO__LIKELY(x) __builtin_expect(!!(x), 1)
#else
extern OURO_API _Thread_local ouro__here ouro__at;
#define OURO__LIKELY(x) (x)
#endif

/* A word that other threads may read or write: a plain load or store does, of a size that machines do not tear. The thread sanitizer would
 * rather be told (SEE, SET). NOW and TELL are read and written just where they stand. */
#if defined(__SANITIZE_THREAD__)
#define OURO__TOLD 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define OURO__TOLD 1
#endif
#endif
#if defined(__GNUC__)
#define OURO__NOW(word) __atomic_load_n(&(word), __ATOMIC_RELAXED)
#define OURO__TELL(word, value) __atomic_store_n(&(word), (value), __ATOMIC_RELAXED)
#define OURO__ACQUIRE(word) __atomic_load_n(&(word), __ATOMIC_ACQUIRE)
#else
#define OURO__ACQUIRE(word) (*(volatile uint32_t *)(uintptr_t)&(word))
#define OURO__NOW(word) (*(volatile int32_t *)&(word))
#define OURO__TELL(word, value) (*(volatile int32_t *)&(word) = (value))
#endif
#if defined(OURO__TOLD)
#define OURO__SEE(word) OURO__NOW(word)
#define OURO__SET(word, value) OURO__TELL(word, value)
static inline uint32_t ouro__step_up(uint32_t *word) {
  uint32_t value = OURO__SEE(*word) + 1;
  OURO__SET(*word, value);
  return value;
}
static inline uint32_t ouro__step_down(uint32_t *word) {
  uint32_t value = OURO__SEE(*word) - 1;
  __atomic_store_n(word, value, __ATOMIC_RELEASE);
  return value;
}
#else
#define OURO__SEE(word) (word)
#define OURO__SET(word, value) ((word) = (value))
static inline uint32_t ouro__step_up(uint32_t *word) { return ++*word; } /* one instruction, as the next */
static inline uint32_t ouro__step_down(uint32_t *word) {
#if defined(__GNUC__) && defined(__x86_64__)
  __asm__ volatile("" : : : "memory"); /* a release: stores and loads before it stay before it; see is_sole in object/shared.c */
#endif
  return --*word;
}
#endif

OURO_API void ouro__safepoint_slow(void);

/* ---------------------------------------------------------------- attaching */

/* Attach the calling thread now, rather than with its first object; again: nothing.
 * Returns OURO_OK; OURO_EPERM: OURO_CONF=threads:1, and there is another; OURO_ENOMEM: no memory, or 65,000 threads are attached.
 * Threads: any, for itself.
 * Cost:    about a microsecond; the second thread of a program pays once for letting the first one know. */
OURO_API int ouro_thread_attach(void);

/* Detach it before it ends: it takes what others have released for it, and lets its number go. What it does with objects later attaches it
 * anew. Not attached: nothing. A thread that ends is detached without asking, among the destructors of its thread-specific data; those
 * that come later may still use objects, and the next round of destructors detaches it once more.
 * Errors:  OURO_EBUSY: inside a section, a finalizer, a callback, a visitor, or a function that a value has called.
 * Calls:   as ouro_safepoint, but it does not collect.
 * Threads: any, for itself.
 * Cost:    O(what others have released for it), and its cache of free blocks for objects. */
OURO_API int ouro_thread_detach(void);

/* Is the calling thread attached?
 * Threads: any.
 * Cost:    a load. */
OURO_API bool ouro_thread_is_attached(void);

/* How many threads are attached now.
 * Threads: any; out of date at once.
 * Cost:    a load. */
OURO_API size_t ouro_thread_count(void);

/* ---------------------------------------------------------------- safepoints */

/* Here the thread may be stopped, takes what others have released for it, and collects where a collection is due. Call it in loops that
 * make objects, where everything that must live on is held by a counted reference.
 * Calls:   finalizers and callbacks of weak references, releases, and functions of ouro_gc_callback_add.
 * Threads: any, attached or not; not between ouro_blocking_begin and its end, and not in a visit function.
 * Cost:    two loads, a comparison. */
static inline void ouro_safepoint(void) {
  if (OURO__LIKELY(OURO__NOW(ouro__at.made) <= OURO__NOW(ouro__at.limit))) return;
  ouro__safepoint_slow();
}

/* Around what may sleep in the system: between the two, the thread touches no object, and delays nobody. Within each other: the
 * outermost count. A thread that is not attached may call them as well. Sections (below) are suspended meanwhile.
 * end:     waits while the world is stopped, or another thread is just taking over what was released for this one.
 * Calls:   begin: as ouro_safepoint, but it does not collect.
 * Threads: any, for itself.
 * Cost:    an atomic operation each. */
OURO_API void ouro_blocking_begin(void);
OURO_API void ouro_blocking_end(void);

/* How long it took to stop the world, since the program began.
 * Threads: any; the figures are those of one moment.
 * Cost:    O(1), a lock. */
typedef struct ouro_stop_stats {
  uint64_t stops;           /* how often all threads were stopped */
  uint64_t given_up;        /* how often one did not come in time */
  uint64_t waited_ns;       /* from asking until all stood still, in all */
  uint64_t longest_ns;      /* the longest time */
  uint64_t stopped_ns;      /* from then until they went on, in all */
  uint64_t took[24];        /* stops that took less than 2^i microseconds, and not less than 2^(i-1) */
  uint64_t late_thread;     /* who came last in the longest stop: the system's number of that thread, 0: nobody */
  const void *late_at;      /* the address to which the function returned with which it came; NULL: it never came */
} ouro_stop_stats;
OURO_API void ouro_stop_stats_get(ouro_stop_stats *stats);

/* ---------------------------------------------------------------- the lock of an object: sections (PEP 703's critical sections)
 *
 *     ouro_section section;
 *     ouro_section_begin(&section, account);
 *     ...                                        // nobody else is in a section of `account`
 *     ouro_section_end(&section);
 *
 * For whoever writes a type: a section guards what the type says it guards. Sections nest, like the blocks of a program, also those of one
 * object. A thread that has to wait for one, or calls ouro_blocking_begin, lets go of all that it is in, and has the innermost one again
 * before it goes on: so sections cannot deadlock, and what one guards may have changed behind anything that begins another section, or
 * blocks. An outer one is had again when the one within it ends. Two objects whose fields must agree take one section of both, in no
 * particular order. Who waits gets its turn within about a millisecond of what those before it need. A safepoint does not let go of
 * sections, and who waits for one is OUT.
 *
 * The caller holds references to the objects. Reported as OURO_FATAL_LOCKED: an object that is freed inside a section of its own,
 * a section that is ended and is not the thread's innermost, and a section in a visit function that would have to wait, for a
 * thread that stands still. */

typedef struct ouro_section {
  struct ouro_section *ouro__outer;
  void *ouro__object[2]; /* in the order of addresses; [1]: NULL, or the second one */
  uint32_t ouro__state;  /* which locks it has, and whether it is in force */
} ouro_section;

/* Neither object may be NULL; the same one twice counts as one. `section` lies on the caller's stack until the end.
 * Immortal objects have a lock as well. A thread that is not attached is, as by an object that it makes; it cannot be detached inside.
 * Calls:   nothing. begin waits where another thread is inside, and end where it is inside of the section around.
 * Threads: any, not between ouro_blocking_begin and its end.
 * Cost:    an atomic operation for each object and call, where nobody else is inside. */
OURO_API void ouro_section_begin(ouro_section *section, void *object);
OURO_API void ouro_section_begin2(ouro_section *section, void *first, void *second);
OURO_API void ouro_section_end(ouro_section *section);

/* ---------------------------------------------------------------- what is freed later (quiescent states: QSBR)
 *
 * For what other threads may read without a lock: an array that was replaced by a larger one is freed when every attached thread has been
 * at a safepoint, or OUT, since: then nobody can still be reading it.
 *
 *     reader, attached                                    writer
 *     array *found = atomic load(&it->array), acquire     array *old = atomic exchange(&it->array, larger), release
 *     ... found->items[i] ...                             ouro_free_later(old)
 *
 * What it found so, a reader does not use any more behind whatever may be a safepoint: ouro_safepoint, an allocation of an object, a
 * collection, ouro_blocking_begin, the beginning or end of a section, ouro_free_later. A thread that is not attached is not waited for: it
 * must not read so. (T. Hart and others, "Performance of memory reclamation for lockless synchronization", 2007.) */

/* ouro_free(block), later; the block is to be found by nobody any more. With one thread attached: now. NULL: nothing.
 * What waits is bounded: with more than 1 MiB (OURO_CONF=later:SIZE) or without memory for its own list, it asks all threads to come
 * by, and waits for that, OUT, but in its sections; no longer than a second. Where one does not come by, more than that waits, and
 * it is asked anew when as much again has been added. (No thread comes by and there is no memory either: the block stays for ever,
 * and counts as waiting.)
 * Ownership: block STOLEN.
 * Calls:   nothing.
 * Threads: any, not inside a visit function; what the caller reads without a lock it must not go on reading.
 * Cost:    O(1); every sixty blocks, or 64 KiB, a look at all threads. */
OURO_API void ouro_free_later(void *block);

/* Bytes that wait, as the heap gave them (ouro_usable_size).
 * Threads: any.
 * Cost:    a load. */
OURO_API size_t ouro_later_bytes(void);

/* Wait until all that waits now is freed, OUT, but in its sections. false: a thread did not come by within a second.
 * Threads: as ouro_free_later.
 * Cost:    until all threads have come by. */
OURO_API bool ouro_later_flush(void);

OURO_END_DECLS

#endif
