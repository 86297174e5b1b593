/* thread/thread.h - threads that touch objects, to the layers above: numbers and records, stopping the world, one or many.
 *
 * A RECORD belongs to a number, not to a thread: a thread that attaches takes one that has none, with all that its last thread left, and a
 * program has as many as it ever had threads attached at once. Its state says who may act for the number, that is, count without atomics
 * the objects whose headers name it as their owner:
 *
 *              come in: CAS                          OUT    nobody acts: no thread has the number, or it is in the system, or waits
 *       OUT ----------------> IN                     IN     its thread does
 *       | ^ <---------------- (go out: exchange)     HELD   another thread does: who stopped the world, or takes over what was released
 *   CAS | | exchange                                        for it. HELD_WAITED: and its own thread sleeps until it is OUT
 *       v |
 *       HELD -> HELD_WAITED
 *
 * I-THREAD-1  at most one thread acts for a number: the record's thread while it is IN, who made it HELD while it is that
 * I-THREAD-2  while the world is stopped, every record but that of the stopping thread is HELD; records are neither added nor given out
 * I-THREAD-3  `here` is the thread-local storage of the record's thread, or NULL; it changes under the record's lock alone
 *
 * Files: registry.c (attach, detach), world.c (safepoints, stopping), alone.c (one or many), fork.c, section.c (locks
 * of objects), open.c (reading without them), later.c. */
#ifndef OURO_THREAD_THREAD_H
#define OURO_THREAD_THREAD_H

#include <ouro/thread.h>

#include "base/base.h"

/* Where the function was called from: what a thread came to when it went out. */
#if defined(__GNUC__)
#define OURO_CALLER __builtin_return_address(0)
#else
#define OURO_CALLER NULL
#endif

enum { OURO_THREAD_OUT, OURO_THREAD_IN, OURO_THREAD_HELD, OURO_THREAD_HELD_WAITED };
enum { OURO_THREADS_MOST = 65000 }; /* numbers are 1 to this: they fit in 16 bits, beside the owners that are none */

typedef struct ouro__thread {
  _Atomic uint32_t state;
  uint32_t number;
  ouro__lock lock;               /* for the next four */
  ouro__here *here;
  void **queue;                  /* what others have released last, each with a reference; see object/shared.c */
  _Atomic uint32_t queued;       /* how many; read without the lock */
  uint32_t queue_room;
  uint32_t blocking;             /* calls of ouro_blocking_begin within each other; of the thread itself, as the rest is */
  uint32_t keep;                 /* not to be detached: in a section, a finalizer, a callback */
  int32_t made;                  /* ouro__here's, while no thread has the number */
  ouro_section *section;         /* the innermost (section.c) */
  _Atomic uint64_t seen;         /* the highest epoch that it has come by (later.c) */
  uint64_t system;               /* the system's number of the thread; 0: none has it */
  bool taken;                    /* who has stopped the world holds it. Registry's lock */
  const void *_Atomic arrived;   /* the address to which the call returns with which it went out last; NULL: none known */
  struct ouro__thread *_Atomic next_unused; /* registry's lock */
  void *confined;                /* the youngest of its young confined objects (object/confined.c) */
  int32_t *deferred;             /* counts of deferred objects (object/deferred.c); the same as in `here` */
  uint32_t deferred_room;
  /* The thread's own, for values/: */
  void *raised;                  /* the error object that was raised last; owned */
  const void **printing;         /* objects whose text is being made, the outermost first */
  uint32_t printing_count, printing_room;
  uint32_t nested;               /* calls of protocols within each other */
} ouro__thread;

/* The calling thread's record; NULL: it is not attached. */
extern _Thread_local ouro__thread *ouro__me;

/* The records: numbers from 1 to ouro__threads_top. A record that is there stays there. */
extern ouro__thread *_Atomic ouro__threads[OURO_THREADS_MOST + 1];
extern _Atomic uint32_t ouro__threads_top;

/* Attach the thread, also one that is about to end. 0, or a code. */
int ouro__thread_attach(void);
static inline bool ouro__thread_is_in(void) { return OURO_LIKELY(ouro__at.id != OURO__NO_THREAD); }

/* Have the thread whose storage that is take the slow way at its next safepoint; record's lock held. Pairs with the exchange of
 * ouro__reset_limit: what was written before is seen by who looks after that. */
static inline void ouro__lower_limit(ouro__here *here) { ouro__store_release((_Atomic int32_t *)&here->limit, INT32_MIN); }

/* Have the record's thread, if it has one, take the slow way at its next safepoint. Takes the record's lock. */
void ouro__thread_poke(ouro__thread *thread);

/* Act for a number whose record is OUT: false, it is not. To be let go of soon; nothing that may wait or run the program's functions in
 * between. */
bool ouro__thread_take(ouro__thread *thread);
void ouro__thread_let_go(ouro__thread *thread);

/* The thread touches no object from now on; and again. `arrived`: see the record. */
void ouro__go_out(const void *arrived);
void ouro__come_in(void);

/* ---------------------------------------------------------------- the world */

/* Stop all other threads; again, in the thread that did: nothing. Not with a lock of a rank held. `patience_ns`: how long to wait for them,
 * 0: as OURO_CONF=stop_ms says. false: one did not come, and all go on. Any thread may call it, attached or not. While the world is
 * stopped, the caller may run visit functions, but nothing that waits for another thread. */
bool ouro__world_stop(uint64_t patience_ns);
uint64_t ouro__stop_patience(void); /* as OURO_CONF=stop_ms says, in ns */
void ouro__world_start(void);
bool ouro__world_is_mine(void); /* has the calling thread stopped it? */

/* If somebody wants the world to stop, wait until it goes on. For slow paths of what makes objects. `arrived` as above. */
void ouro__stop_point(const void *arrived);
extern _Atomic uint32_t ouro__stop_wanted; /* not 0: somebody does */

/* Set every attached thread's limit, the young_limit of those to come (world.c; the collector's threshold). */
void ouro__set_limits(int32_t limit);
/* The limit that the calling thread goes back to after it was poked. */
void ouro__reset_limit(void);

/* Objects made less those freed since the last collection: of all threads; and let all be `made` (with the world stopped). */
int64_t ouro__made_by_all(void);
void ouro__set_made_of_all(int32_t made);

/* ---------------------------------------------------------------- one or many
 *
 * As long as one thread alone has attached at a time, short stretches of code that would take a lock go without:
 *
 *     bool locked = ouro__enter(&lock);   ...   ouro__leave(&lock, locked);
 *
 * When a second one comes, it says so, has the system put a barrier into every running thread (membarrier), and waits until the first is
 * outside. From then on everybody locks, for ever. Within such a stretch: no call of the program's functions, no safepoint. They
 * nest. (Asymmetric Dekker synchronization: D. Dice and others, 2001.) */

extern _Atomic uint32_t ouro__many;

static inline bool ouro__enter_alone(void) {
  uint32_t before = OURO__SEE(ouro__at.alone);
  OURO__SET(ouro__at.alone, before + 1);
  atomic_signal_fence(memory_order_seq_cst);
  if (OURO_LIKELY(!ouro__load_relaxed(&ouro__many) && ouro__thread_is_in())) return true;
  OURO__SET(ouro__at.alone, before);
  return false;
}

static inline void ouro__leave_alone(void) {
  /* pairs with the acquire of who waits in alone.c */
  ouro__store_release((_Atomic uint32_t *)&ouro__at.alone, OURO__SEE(ouro__at.alone) - 1);
}

static inline bool ouro__enter(ouro__lock *lock) {
  if (OURO_LIKELY(ouro__enter_alone())) return false;
  ouro__acquire(lock);
  return true;
}

static inline void ouro__leave(ouro__lock *lock, bool locked) {
  if (OURO_UNLIKELY(locked)) {
    ouro__release(lock);
  } else {
    ouro__leave_alone();
  }
}

/* ---------------------------------------------------------------- reading an object that is open to readers (open.c)
 *
 * A flag in the object's header says that it is OPEN: then whoever reads it says so in its own storage, and takes no lock. It is set by a
 * thread that has the object's lock and reads, and cleared by one that has the lock and is about to change it: that one has every running
 * thread pass a barrier (membarrier), and waits until nobody reads it. Between begin and end of a read: no safepoint, no other read. */

enum { OURO_OPEN_BIT = 128 }; /* of the header's second word; the same as OURO_S_OPEN of object/object.h */

static inline _Atomic uint32_t *ouro__lock_word(const void *object) { return (_Atomic uint32_t *)(uintptr_t)object + 1; }

static inline bool ouro__read_begin(const void *object) {
  if (OURO_UNLIKELY(!ouro__thread_is_in())) return false; /* nobody would look at this thread */
  /* A release, as the next one: what this thread has read of the object before is behind it, also for who finds this one. */
  _Atomic(const void *) *reading = (_Atomic(const void *) *)(void *)&ouro__at.reading;
  ouro__store_release(reading, object);
  atomic_signal_fence(memory_order_seq_cst); /* the barrier that who closes it has every processor pass makes one of more of this */
  /* pairs with the release of who opened it */
  if (OURO_LIKELY(ouro__load_acquire(ouro__lock_word(object)) & OURO_OPEN_BIT)) return true;
  ouro__store_release(reading, NULL);
  return false;
}

/* Pairs with the acquire of who closes it. */
static inline void ouro__read_end(void) { ouro__store_release((_Atomic(const void *) *)(void *)&ouro__at.reading, NULL); }

/* The caller has the object's lock. May do nothing: where the system has no such barrier. */
void ouro__open(void *object);
/* It is open, and is closed when this returns; the caller has its lock. */
void ouro__close(void *object);

/* A second thread is about to attach: from now on there are many. Registry's lock held. */
void ouro__become_many(void);
void ouro__alone_start(void);

/* ---------------------------------------------------------------- fork
 *
 * Before it, the world is stopped (if a thread does not come within a short time, fork goes on without it), and the locks of all layers
 * from here on up are taken, in the order of their ranks. What upper layers have to do is in object/fork.c's ouro__objects_fork. */
enum { OURO_FORK_BEFORE_ALL, OURO_FORK_IN_PARENT, OURO_FORK_IN_CHILD };
void ouro__thread_fork_start(void); /* once */

/* ---------------------------------------------------------------- sections, and what is freed later: to the files of this layer */

void ouro__sections_suspend(void);  /* let go of all that the calling thread is in: it goes out */
void ouro__sections_resume(void);   /* have the innermost again: it has come in */
void ouro__later_come_by(ouro__thread *thread); /* it is at a safepoint, or out, or its number has no thread any more */
void ouro__later_run(void);         /* at a safepoint: free what may be freed */
void ouro__later_fork(int moment);
void ouro__sections_fork(int moment);

/* ---------------------------------------------------------------- what the layers above have to say (object/) */

/* The thread has attached; it is about to detach, still IN: take what waits, and leave nothing in the thread's own storage. */
void ouro__thread_begins(void);
void ouro__thread_ends(void);
/* Take what others have released for the calling thread, and, where ouro__queues_left says so, what nobody takes. May run anything. */
void ouro__take_released(void);
extern _Atomic uint32_t ouro__queues_left; /* (world.c) not 0: something was put in a queue while all records were held */
/* At a moment of fork: see above. */
void ouro__objects_fork(int moment);

#endif
