/* object/shared.c - counts that threads share: what others than the owner count, queues to the owner, merging.
 *
 * The states are listed in <ouro/object.h>, and modelled in tests/model. The one rule behind them: whoever acts for the owner (its thread
 * while IN, who has taken its record while OUT; see thread/thread.h) writes `count` plainly; everybody writes `shared` atomically; the
 * word's owner says which of the two a thread is to count in, and `shared` has the last word:
 *
 *   merge:   1. the owner becomes OURO__MERGED: who sees that waits for 3.
 *            2. count += shared's                           (again, where shared has changed meanwhile)
 *            3. shared: OURO_S_MERGED is set, by a CAS: who was about to count there sees it, and counts in `count`
 *
 * In this order nothing of the object is touched after 3., when others may already have freed it. */
#include <sched.h>

#include "object/object.h"

enum {
  MANY = 1 << 22,                   /* so many by others than the owner: it shall be merged */
  TOO_MANY = (1 << 23) - (1 << 16), /* the field ends here; between the two, the owner had four million chances */
};

#define LOCK_BITS (OURO_S_LOCKED | OURO_S_LOCK_WAITED)
#define KEPT_BITS (LOCK_BITS | OURO_S_WATCHED | OURO_S_OPEN)

/* ---------------------------------------------------------------- merging */

static unsigned owner_now(const ouro_object *object) {
  return (unsigned)(ouro__load_acquire(ouro__word_of(object)) >> OURO_OWNER_SHIFT); /* pairs with ouro__change_owner */
}

/* Somebody is just between two steps of merging. */
static void wait_for_merge(const ouro_object *object) {
  while (!(ouro__load_acquire(ouro__shared(object)) & OURO_S_MERGED)) sched_yield();
}

void ouro__disown(ouro_object *object) {
  uint32_t shared = ouro__load_relaxed(ouro__shared(object));
  if (shared & OURO_S_WATCHED) ouro__weak_disown(object);
  if (!(shared & OURO_S_CONFINED)) return;
  ouro__confined_join(object);
  atomic_fetch_and_explicit(ouro__shared(object), ~(uint32_t)OURO_S_CONFINED, memory_order_relaxed);
}

bool ouro__merge(ouro_object *object) {
  ouro__disown(object);
  uint32_t mine = OURO__SEE(object->ouro__count), shared = ouro__load_acquire(ouro__shared(object));
  int64_t all;
  ouro__change_owner(object, OURO__MERGED);
  do {
    all = (int64_t)mine + ouro__shared_count(shared);
    if (OURO_UNLIKELY(all < 0)) ouro__fatal_object(OURO_FATAL_COUNT_TOO_SMALL, object);
    ouro__store_relaxed(ouro__count(object), (uint32_t)all);
  } while (!atomic_compare_exchange_weak_explicit(ouro__shared(object), &shared, (shared & KEPT_BITS) | OURO_S_MERGED,
                                                  memory_order_acq_rel, memory_order_acquire));
  return all != 0;
}

static OURO_COLD void fatal_if_locked(const ouro_object *object, uint32_t shared) {
  if (shared & OURO_S_LOCKED) ouro__fatal_object(OURO_FATAL_LOCKED, object);
}

static bool others_hold(uint32_t shared) { return shared & OURO__SHARED_MASK; }

/* With its watch, or alone. */
static inline bool decide(ouro_object *object, bool to_be_finalized, bool alone) {
  uint32_t shared = ouro__load_acquire(ouro__shared(object));
  if (others_hold(shared)) return false;
  if (to_be_finalized) {
    OURO__SET(object->ouro__count, 1);
    if (shared & OURO_S_DYING) atomic_fetch_and_explicit(ouro__shared(object), ~(uint32_t)OURO_S_DYING, memory_order_relaxed);
    return true;
  }
  ouro__weak_leaves(object);
  if (alone) {
    ouro__set_owner(object, OURO__NOBODY);
  } else {
    ouro__change_owner(object, OURO__NOBODY);
  }
  return true;
}

static OURO_NOINLINE bool decide_with_watch(ouro_object *object, bool to_be_finalized) {
  ouro__watch watch = ouro__watch_begin(object);
  bool last = decide(object, to_be_finalized, !watch.locked);
  ouro__watch_end(watch);
  return last;
}

static bool was_last_of_watched(ouro_object *object, uint32_t shared, bool to_be_finalized) {
  if (OURO_UNLIKELY(shared & OURO_S_LOCKED && !others_hold(shared))) ouro__fatal_object(OURO_FATAL_LOCKED, object);
  if (OURO_UNLIKELY(!ouro__enter_alone())) return decide_with_watch(object, to_be_finalized);
  bool last = decide(object, to_be_finalized, true);
  ouro__leave_alone();
  return last;
}

static inline void leave_list(ouro_object *object, uint32_t shared, bool to_be_finalized) {
  if (shared & OURO_S_CONFINED && !to_be_finalized) ouro__confined_leave(object);
}

bool ouro__was_last(ouro_object *object, bool to_be_finalized) {
  uint32_t shared = ouro__load_acquire(ouro__shared(object));
  if (shared & OURO_S_WATCHED) {
    if (was_last_of_watched(object, shared, to_be_finalized)) {
      leave_list(object, shared, to_be_finalized);
      return true;
    }
  } else if (!others_hold(shared)) {
    fatal_if_locked(object, shared);
    if (to_be_finalized) OURO__SET(object->ouro__count, 1);
    leave_list(object, shared, to_be_finalized);
    return true;
  }
  if (!ouro__merge(object)) ouro__dealloc_merged(object); /* the others have released theirs meanwhile */
  return false;
}

void ouro__adopt(ouro_object *object) {
  int64_t held = ouro__owner(object) == OURO__DEFERRED ? ouro__deferred_leave(object) : ouro__held(object);
  ouro__disown(object);
  object->ouro__count = (uint32_t)held;
  object->ouro__shared &= KEPT_BITS;
  ouro__set_owner(object, ouro__at.id);
}

static void become_immortal(ouro_object *object) {
  ouro__disown(object);
  ouro__change_owner(object, OURO__IMMORTAL);
}

/* ---------------------------------------------------------------- counting what is merged */

static void incref_merged(ouro_object *object) {
  uint32_t before = ouro__add_relaxed(ouro__count(object), 1);
  if (OURO_UNLIKELY(before == 0)) ouro__fatal_object(OURO_FATAL_DEAD_OBJECT, object);
  if (OURO_UNLIKELY(before == UINT32_MAX)) become_immortal(object);
}

static void decref_merged(ouro_object *object) {
  /* Release: what was done with the object is done before it is freed; acquire: for who frees it. */
  uint32_t before = atomic_fetch_sub_explicit(ouro__count(object), 1, memory_order_acq_rel);
  if (OURO_UNLIKELY(before == 0)) ouro__fatal_object(OURO_FATAL_COUNT_TOO_SMALL, object);
  if (before == 1) ouro__dealloc_merged(object);
}

static bool incref_merged_unless_zero(ouro_object *object) {
  uint32_t count = ouro__load_relaxed(ouro__count(object));
  while (count && !atomic_compare_exchange_weak_explicit(ouro__count(object), &count, count + 1, memory_order_acquire,
                                                         memory_order_relaxed)) {
  }
  return count;
}

/* ---------------------------------------------------------------- the queue of an owner */

enum { QUEUE_FIRST = 64, BATCH = 64 };

/* Take some out; how many. Record's lock held by nobody. */
static unsigned take_batch(ouro__thread *thread, ouro_object *batch[BATCH]) {
  unsigned count = 0;
  ouro__acquire(&thread->lock);
  uint32_t queued = ouro__load_relaxed(&thread->queued);
  while (count < BATCH && queued) batch[count++] = thread->queue[--queued];
  ouro__store_relaxed(&thread->queued, queued);
  ouro__release(&thread->lock);
  return count;
}

static bool put(ouro__thread *thread, ouro_object *object) {
  ouro__acquire(&thread->lock);
  uint32_t queued = ouro__load_relaxed(&thread->queued), room = thread->queue_room;
  bool fits = queued < room;
  if (!fits) {
    room = room ? room * 2 : QUEUE_FIRST;
    void **queue = ouro_realloc(thread->queue, room * sizeof *queue);
    fits = queue != NULL;
    if (fits) {
      thread->queue = queue;
      thread->queue_room = room;
    }
  }
  if (fits) {
    thread->queue[queued] = object;
    atomic_store(&thread->queued, queued + 1); /* before the look at the owner's state; pairs with ouro_blocking_begin's look at this */
    if (thread->here) ouro__lower_limit(thread->here);
  }
  ouro__release(&thread->lock);
  return fits;
}

/* A reference that the queue held, and nobody else has one: the object is the calling thread's from now on, and goes. */
static bool is_alone(const ouro_object *object, uint32_t shared) {
  return (int64_t)OURO__SEE(object->ouro__count) + ouro__shared_count(shared) == 1 && !(shared & (KEPT_BITS | OURO_S_CONFINED));
}

/* Acting for the owner, if it is still the object's: merge it, or, where the queue's is the only reference, make it the caller's own. */
static void settle(ouro_object *object, unsigned owner) {
  if (ouro__owner(object) != owner) return;
  uint32_t shared = ouro__load_acquire(ouro__shared(object));
  if (is_alone(object, shared)) {
    OURO__SET(object->ouro__count, 1);
    ouro__store_relaxed(ouro__shared(object), 0);
    ouro__set_owner(object, ouro__at.id);
  } else {
    ouro__merge(object);
  }
}

/* Take over what waits for an owner who is out or gone. Whoever let go of a record looks here once more: what came
 * meanwhile was left to it. */
static void take_over(ouro__thread *thread) {
  ouro_object *batch[BATCH];
  while (atomic_load(&thread->queued) && ouro__thread_take(thread)) {
    unsigned count = take_batch(thread, batch);
    for (unsigned i = 0; i < count; i++) settle(batch[i], thread->number);
    ouro__thread_let_go(thread);
    for (unsigned i = 0; i < count; i++) ouro__release_ref(batch[i]);
  }
}

static void take_over_all(void) {
  for (uint32_t i = 1; i <= ouro__load_acquire(&ouro__threads_top); i++) {
    ouro__thread *thread = ouro__load_relaxed(&ouro__threads[i]);
    if (thread != ouro__me) take_over(thread);
  }
}

void ouro__take_released(void) {
  ouro__thread *me = ouro__me;
  ouro_object *batch[BATCH];
  if (OURO_UNLIKELY(ouro__load_relaxed(&ouro__queues_left)) && atomic_exchange(&ouro__queues_left, 0)) take_over_all();
  while (me && ouro__load_relaxed(&me->queued)) {
    unsigned count = take_batch(me, batch);
    for (unsigned i = 0; i < count; i++) {
      settle(batch[i], me->number);
      ouro__release_ref(batch[i]);
    }
  }
}

/* No memory for the queue: the world is stopped instead. Where that does not stop either, the reference is never released. */
static void settle_without_queue(ouro_object *object) {
  if (!ouro__world_stop(0)) return;
  if (ouro__is_owned(object)) ouro__merge(object);
  ouro__world_start();
  ouro__release_ref(object);
}

static void hand_over(ouro_object *object, unsigned owner) {
  ouro__thread *thread = ouro__load_relaxed(&ouro__threads[owner]);
  if (atomic_load(&thread->state) == OURO_THREAD_OUT && ouro__thread_take(thread)) {
    settle(object, owner);
    ouro__thread_let_go(thread);
    take_over(thread);
    ouro__release_ref(object);
  } else if (!put(thread, object)) {
    settle_without_queue(object);
  } else if (atomic_load(&thread->state) == OURO_THREAD_OUT) {
    take_over(thread);
  }
}

/* ---------------------------------------------------------------- counting what another owns */

/* What was asked for could not be put in the queue: take it back. */
static void ask_no_more(ouro_object *object) {
  uint32_t shared = ouro__load_acquire(ouro__shared(object));
  while (!(shared & OURO_S_MERGED)) {
    uint32_t then = (shared - OURO_S_ONE) & ~(uint32_t)OURO_S_QUEUED;
    if (atomic_compare_exchange_weak_explicit(ouro__shared(object), &shared, then, memory_order_acq_rel, memory_order_acquire)) return;
  }
  ouro__sub_relaxed(ouro__count(object), 1); /* the caller has another */
}

/* So many that the field might overflow: have it merged by its owner, or, where that is out, by whoever comes to a safepoint next; the
 * queue gets a reference for that. Nothing runs here, and no lock is taken but the record's: the caller may hold some. */
static void ask_to_merge(ouro_object *object, unsigned owner) {
  uint32_t shared = ouro__load_acquire(ouro__shared(object));
  int32_t count = ouro__shared_count(shared);
  if (count > TOO_MANY || count < -TOO_MANY) ouro__change_owner(object, OURO__IMMORTAL);
  do {
    if (shared & (OURO_S_QUEUED | OURO_S_MERGED)) return;
  } while (!atomic_compare_exchange_weak_explicit(ouro__shared(object), &shared, (shared + OURO_S_ONE) | OURO_S_QUEUED,
                                                  memory_order_acq_rel, memory_order_acquire));
  if (!put(ouro__load_relaxed(&ouro__threads[owner]), object)) {
    ask_no_more(object);
    return;
  }
  atomic_store(&ouro__queues_left, 1);
  OURO__TELL(ouro__at.limit, INT32_MIN);
}

/* One more in `shared`. false: it is merged, and what was added there means nothing. */
static inline bool add_shared(ouro_object *object, unsigned owner) {
  uint32_t before = atomic_fetch_add_explicit(ouro__shared(object), OURO_S_ONE, memory_order_acquire);
  if (OURO_UNLIKELY(before & OURO_S_CONFINED) && !ouro__world_is_mine()) ouro__fatal_object(OURO_FATAL_WRONG_THREAD, object);
  if (OURO_UNLIKELY(before & OURO_S_MERGED)) return false;
  if (OURO_UNLIKELY(ouro__shared_count(before) > MANY)) ask_to_merge(object, owner);
  return true;
}

static void incref_shared(ouro_object *object, unsigned owner) {
  if (OURO_UNLIKELY(!add_shared(object, owner))) incref_merged(object);
}

/* Is the caller's reference, which the owner has counted, the only one? Then nobody else can come by the object, not its owner
 * either, and it is the caller's from now on. Both counts must be seen at one moment, and the owner's last release of another
 * reference must be a release: so it is on x86-64, where stores are not seen before what comes before them. What can be found without
 * a reference has flags in `shared`. */
static inline bool is_sole(const ouro_object *object) {
#if defined(__GNUC__) && defined(__x86_64__)
  return __atomic_load_n((const uint64_t *)(const void *)object, __ATOMIC_ACQUIRE) == 1;
#else
  (void)object;
  return false;
#endif
}

static void decref_shared(ouro_object *object, unsigned owner) {
  if (is_sole(object)) {
    ouro__set_owner(object, ouro__at.id);
    ouro__release_ref(object);
    return;
  }
  uint32_t shared = ouro__load_acquire(ouro__shared(object));
  for (;;) {
    if (shared & OURO_S_MERGED) {
      decref_merged(object);
      return;
    }
    bool give = ouro__shared_count(shared) <= 0 && !(shared & OURO_S_QUEUED);
    uint32_t then = give ? shared | OURO_S_QUEUED : shared - OURO_S_ONE;
    if (!atomic_compare_exchange_weak_explicit(ouro__shared(object), &shared, then, memory_order_acq_rel, memory_order_acquire)) continue;
    if (give) {
      hand_over(object, owner);
    } else if (OURO_UNLIKELY(ouro__shared_count(then) < -TOO_MANY)) {
      ouro__change_owner(object, OURO__IMMORTAL);
    }
    return;
  }
}

/* ---------------------------------------------------------------- the slow ways of counting */

/* Is it a thread that there is? Otherwise the address is that of no object. */
static void must_be_thread(const ouro_object *object, unsigned owner) {
  if (owner == OURO__NOBODY || owner > ouro__load_acquire(&ouro__threads_top)) ouro__fatal_object(OURO_FATAL_DEAD_OBJECT, object);
}

/* Where the thread shall count, now that it is attached. */
static unsigned place_to_count(const ouro_object *object) {
  unsigned owner = owner_now(object);
  if (owner == OURO__MERGED) wait_for_merge(object);
  return owner;
}

/* By its owner, the slow way: the count is full, or the thread was attached just now, with the number of the owner. */
static void incref_mine(ouro_object *object) {
  uint32_t count = OURO__SEE(object->ouro__count);
  if (count == UINT32_MAX) {
    become_immortal(object); /* nobody can tell any more when the last one goes */
  } else {
    OURO__SET(object->ouro__count, count + 1);
  }
}

static OURO_COLD void incref_any(ouro_object *object) {
  if (owner_now(object) == OURO__IMMORTAL) return;
  ouro__must_attach(object);
  unsigned owner = place_to_count(object);
  switch (owner) {
    case OURO__IMMORTAL: return;
    case OURO__MERGED: incref_merged(object); return;
    case OURO__DEFERRED: ouro__count_deferred_slow(object, 1); return;
    default: must_be_thread(object, owner);
  }
  if (owner == ouro__at.id) {
    incref_mine(object);
  } else {
    incref_shared(object, owner);
  }
}

static OURO_COLD void decref_any(ouro_object *object) {
  if (owner_now(object) == OURO__IMMORTAL) return;
  ouro__must_attach(object);
  unsigned owner = place_to_count(object);
  switch (owner) {
    case OURO__IMMORTAL: return;
    case OURO__MERGED: decref_merged(object); return;
    case OURO__DEFERRED: ouro__count_deferred_slow(object, -1); return;
    default: must_be_thread(object, owner);
  }
  if (owner == ouro__at.id) {
    ouro__release_ref(object);
  } else {
    decref_shared(object, owner);
  }
}

/* What threads share at all is mostly merged, or another's: these two come first, since each look at a line that others write to may
 * be a transfer of it. */
typedef enum place { ANY, ANOTHERS, OF_ALL } place;

static inline place where_to_count(const ouro_object *object, unsigned owner) {
  if (OURO_UNLIKELY(!ouro__thread_is_in())) return ANY;
  if (owner == OURO__MERGED) return ouro__load_acquire(ouro__shared(object)) & OURO_S_MERGED ? OF_ALL : ANY;
  return owner - 1u < OURO_THREADS_MOST && owner <= ouro__load_relaxed(&ouro__threads_top) && owner != ouro__at.id ? ANOTHERS : ANY;
}

void ouro__incref_slow(void *borrowed) {
  ouro_object *object = borrowed;
  unsigned owner = owner_now(object);
  switch (where_to_count(object, owner)) {
    case OF_ALL: incref_merged(object); return;
    case ANOTHERS: incref_shared(object, owner); return;
    default: incref_any(object);
  }
}

void ouro__decref_slow(void *borrowed) {
  ouro_object *object = borrowed;
  unsigned owner = owner_now(object);
  switch (where_to_count(object, owner)) {
    case OF_ALL: decref_merged(object); return;
    case ANOTHERS: decref_shared(object, owner); return;
    default: decref_any(object);
  }
}

/* ---------------------------------------------------------------- one more, unless it goes */

bool ouro__try_watched(ouro_object *object) {
  unsigned owner = place_to_count(object);
  if (owner == OURO__NOBODY) return false;
  if (owner == OURO__MERGED) return incref_merged_unless_zero(object);
  if (ouro__load_relaxed(ouro__shared(object)) & OURO_S_DYING) return false;
  if (owner == ouro__at.id && OURO__SEE(object->ouro__count) == 0) return false;
  if (owner - 1u >= OURO_THREADS_MOST || owner == ouro__at.id) {
    ouro_incref(object);
    return true;
  }
  return add_shared(object, owner) || incref_merged_unless_zero(object);
}

bool ouro_try_incref(void *object) {
  ouro__must_attach(object);
  ouro__watch watch = ouro__watch_of(object);
  bool done = ouro__try_watched(object);
  ouro__watch_end(watch);
  return done;
}

void ouro_allow_tries(void *object) {
  ouro__must_attach(object);
  atomic_fetch_or_explicit(ouro__shared((ouro_object *)object), OURO_S_WATCHED, memory_order_relaxed);
}

/* ---------------------------------------------------------------- asking, and owners that are none */

size_t ouro_refcount(const void *object) {
  const ouro_object *self = object;
  switch (owner_now(self)) {
    case OURO__IMMORTAL: return SIZE_MAX;
    case OURO__DEFERRED: return ouro__deferred_refcount(self);
    case OURO__MERGED: return ouro__load_relaxed(ouro__count(self));
    default: break;
  }
  int64_t all = (int64_t)OURO__SEE(self->ouro__count) + ouro__shared_count(ouro__load_relaxed(ouro__shared(self)));
  return all > 0 ? (size_t)all : 0;
}

int ouro_make_immortal(void *object) {
  ouro_object *self = object;
  if (!ouro_is_unique(self)) return OURO_EINVAL;
  become_immortal(self);
  return OURO_OK;
}

bool ouro_is_immortal(const void *object) { return ouro__owner(object) == OURO__IMMORTAL; }

/* The bits that thread/section.c writes, which knows the word alone. */
_Static_assert(OURO_S_LOCKED == 1 && OURO_S_LOCK_WAITED == 2, "as in thread/section.c");
_Static_assert(OURO_S_OPEN == (int)OURO_OPEN_BIT, "as in thread/thread.h");
