/* thread/world.c - safepoints, and stopping the world.
 *
 * Who stops it says so (ouro__stop_wanted), lowers every thread's limit, so that its next safepoint takes the slow way, and takes the
 * records one by one as their threads go OUT. It holds the registry's lock from beginning to end: no thread comes or goes meanwhile. A
 * thread that wants to come IN looks at ouro__stop_wanted after it has: either it sees that, or who stops sees it IN, and waits for it. */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <errno.h>

#include "heap/heap.h"
#include "os/os.h"
#include "thread/registry.h"

#define STOP_NS_DEFAULT UINT64_C(1000000000)
#define FORK_NS UINT64_C(500000000)
#define REAP_AFTER_NS UINT64_C(10000000)

_Atomic uint32_t ouro__stop_wanted;
_Atomic uint32_t ouro__queues_left;

static ouro__lock world = OURO_LOCK_INIT(OURO_RANK_WORLD);
static ouro__lock stats_lock = OURO_LOCK_INIT(OURO_RANK_LATER);
static _Atomic uint32_t arrivals;       /* goes up when a thread goes out while somebody wants the world to stop */
static _Atomic int32_t young_limit = 2000;
static uint64_t stop_ns = STOP_NS_DEFAULT;
static uint64_t stopped_at;             /* when the world stood still. World's lock, as the next */
static ouro_stop_stats stats;           /* under its own lock */
static _Thread_local uint32_t stops_of_mine; /* within each other */

int32_t ouro__young_limit_now(void) { return ouro__load_relaxed(&young_limit); }
void ouro__young_limit_set(int32_t limit) { ouro__store_relaxed(&young_limit, limit); }

void ouro__world_setup(void) {
  size_t length;
  const char *text = ouro__conf_find("stop_ms", &length);
  uint64_t ms = 0;
  for (size_t i = 0; text && i < length; i++) {
    if (text[i] < '0' || text[i] > '9' || ms > 3600000) return;
    ms = ms * 10 + (uint64_t)(text[i] - '0');
  }
  if (ms) stop_ns = ms * 1000000;
}

uint64_t ouro__stop_patience(void) { return stop_ns; }

bool ouro__world_is_mine(void) { return stops_of_mine > 0; }

/* ---------------------------------------------------------------- out and in */

void ouro__go_out(const void *arrived) {
  ouro__thread *me = ouro__me;
  ouro__walks_objects = false;
  ouro__store_relaxed(&me->arrived, arrived);
  atomic_exchange(&me->state, OURO_THREAD_OUT); /* pairs with the exchange of who takes it; and is before the look at what is wanted */
  if (OURO_UNLIKELY(ouro__load_relaxed(&ouro__stop_wanted))) {
    ouro__add_relaxed(&arrivals, 1);
    ouro__wake(&arrivals, 1);
  }
}

/* ---------------------------------------------------------------- waiting for a short while
 *
 * Most stops are short. Where every thread has a processor, it is quicker to look than to sleep and be woken. */

enum { LOOKS = 300 };

static bool have_processors(void) {
  static _Atomic uint32_t cpus;
  uint32_t known = ouro__load_relaxed(&cpus);
  if (!known) ouro__store_relaxed(&cpus, known = ouro__os_cpus());
  return ouro_thread_count() <= known;
}

static void wait_for_start(void) {
  for (unsigned i = have_processors() ? LOOKS : 0; i > 0; i--) {
    if (!ouro__load_acquire(&ouro__stop_wanted)) return;
    ouro__pause();
  }
  while (ouro__load_acquire(&ouro__stop_wanted)) ouro__wait(&ouro__stop_wanted, 1, 0);
}

static bool is_held(uint32_t state) { return state == OURO_THREAD_HELD || state == OURO_THREAD_HELD_WAITED; }

/* Until nobody holds the record. */
static void wait_while_held(ouro__thread *me) {
  uint32_t state = OURO_THREAD_HELD;
  if (!atomic_compare_exchange_strong(&me->state, &state, OURO_THREAD_HELD_WAITED) && !is_held(state)) return;
  ouro__wait(&me->state, OURO_THREAD_HELD_WAITED, 0);
}

void ouro__come_in(void) {
  ouro__thread *me = ouro__me;
  for (;;) {
    if (OURO_UNLIKELY(ouro__load_acquire(&ouro__stop_wanted)) && !stops_of_mine) wait_for_start();
    uint32_t state = OURO_THREAD_OUT;
    if (!atomic_compare_exchange_strong(&me->state, &state, OURO_THREAD_IN)) {
      wait_while_held(me);
    } else if (atomic_load(&ouro__stop_wanted) && !stops_of_mine) {
      ouro__go_out(NULL);
    } else {
      break;
    }
  }
  ouro__walks_objects = true;
}

bool ouro__thread_take(ouro__thread *thread) {
  uint32_t state = OURO_THREAD_OUT;
  return atomic_compare_exchange_strong(&thread->state, &state, OURO_THREAD_HELD);
}

void ouro__thread_let_go(ouro__thread *thread) {
  if (atomic_exchange(&thread->state, OURO_THREAD_OUT) == OURO_THREAD_HELD_WAITED) ouro__wake(&thread->state, 1);
}

/* ---------------------------------------------------------------- safepoints */

void ouro__reset_limit(void) {
  /* An exchange: what was wanted before is seen by who looks after it. */
  atomic_exchange((_Atomic int32_t *)&ouro__at.limit, ouro__load_relaxed(&young_limit));
}

void ouro__stop_point(const void *arrived) {
  ouro__thread *me = ouro__me;
  if (!me || !ouro__load_relaxed(&ouro__stop_wanted) || stops_of_mine) return;
  OURO_INVARIANT(!me->blocking); /* objects are touched between ouro_blocking_begin and its end */
  ouro__go_out(arrived);
  ouro__come_in();
}

/* What was released for the thread is taken first: that may run anything. */
static void go_blocking(ouro__thread *me, const void *arrived) {
  for (;;) {
    if (ouro__load_relaxed(&me->queued) || ouro__load_relaxed(&ouro__queues_left)) ouro__take_released();
    ouro__sections_suspend();
    me->blocking = 1;
    ouro__go_out(arrived);
    if (!atomic_load(&me->queued)) return; /* what comes from now on, others take; pairs with the look at the state of who puts it there */
    ouro__come_in();
    me->blocking = 0;
  }
}

void ouro_blocking_begin(void) {
  ouro__thread *me = ouro__me;
  if (!me) return;
  if (me->blocking || ouro__world_is_mine()) {
    me->blocking++;
    return;
  }
  go_blocking(me, OURO_CALLER);
}

void ouro_blocking_end(void) {
  ouro__thread *me = ouro__me;
  if (!me) return;
  OURO_INVARIANT(me->blocking); /* more ends than beginnings */
  if (--me->blocking || stops_of_mine) return;
  ouro__come_in();
  ouro__sections_resume();
}

/* ---------------------------------------------------------------- stopping */

/* Who waits for the world's lock must not be waited for. */
static void lock_world(void) {
  if (ouro__trylock(&world)) return;
  bool in = ouro__thread_is_in() && !ouro__me->blocking;
  if (in) ouro__go_out(NULL);
  ouro__acquire(&world);
  if (in) ouro__come_in();
}

typedef struct stop {
  uint64_t start, deadline;
  uint32_t left;          /* records that are not held yet */
  const ouro__thread *last; /* the one that came last, or never */
} stop;

/* A thread that ended without being detached (it was used again after its last destructor) will never come. */
static void reap(ouro__thread *thread) {
  if (thread->here || !thread->system || syscall(SYS_tgkill, getpid(), (int)thread->system, 0) == 0 || errno != ESRCH) return;
  ouro__store_release(&thread->state, OURO_THREAD_OUT);
  ouro__record_unused(thread);
}

static void take_all(stop *it, bool first) {
  bool late = ouro__os_now_ns() - it->start > REAP_AFTER_NS;
  it->left = 0;
  for (uint32_t i = 1; i <= ouro__load_acquire(&ouro__threads_top); i++) {
    ouro__thread *thread = ouro__load_relaxed(&ouro__threads[i]);
    uint32_t state = atomic_load(&thread->state);
    if (thread == ouro__me || (state != OURO_THREAD_OUT && !first && is_held(state) && thread->taken)) continue;
    if (first) thread->taken = false;
    if (state == OURO_THREAD_OUT && (thread->taken = ouro__thread_take(thread))) continue;
    it->left++;
    it->last = thread;
    if (late) reap(thread);
    if (state == OURO_THREAD_IN) ouro__thread_poke(thread);
  }
}

/* Threads that are about to come need a processor more than this one does, unless there is one for each. */
static void await_arrivals(uint32_t seen, unsigned round) {
  uint64_t ns = round < 20 ? 50000 : 1000000;
  if (round == 0 && have_processors()) {
    for (unsigned i = LOOKS; i > 0 && ouro__load_relaxed(&arrivals) == seen; i--) ouro__pause();
  } else if (round < 3) {
    sched_yield();
  } else {
    ouro__wait(&arrivals, seen, ns);
  }
}

static bool take_all_in_time(stop *it) {
  uint32_t seen = ouro__load_relaxed(&arrivals);
  take_all(it, true);
  for (unsigned round = 0; it->left; round++) {
    if (ouro__os_now_ns() > it->deadline) return false;
    await_arrivals(seen, round);
    seen = ouro__load_relaxed(&arrivals);
    take_all(it, false);
  }
  return true;
}

/* What was put in the queue of a record that was held is left to who lets go of it: here, to the next safepoint, since
 * releasing may run anything. */
static void let_all_go(void) {
  bool left = false;
  for (uint32_t i = 1; i <= ouro__load_acquire(&ouro__threads_top); i++) {
    ouro__thread *thread = ouro__load_relaxed(&ouro__threads[i]);
    if (!thread->taken) continue;
    thread->taken = false;
    ouro__thread_let_go(thread);
    left |= atomic_load(&thread->queued) != 0;
  }
  if (left) atomic_store(&ouro__queues_left, 1);
  if (left && ouro__me) OURO__TELL(ouro__at.limit, INT32_MIN);
  ouro__store_release(&ouro__stop_wanted, 0);
  ouro__wake(&ouro__stop_wanted, INT32_MAX);
}

static void count_stop(const stop *it, bool done) {
  uint64_t ns = ouro__os_now_ns() - it->start, us = ns / 1000;
  unsigned slot = us ? ouro__log2(us) + 1 : 0;
  ouro__acquire(&stats_lock);
  stats.stops += done;
  stats.given_up += !done;
  stats.waited_ns += ns;
  if (done) stats.took[slot < 24 ? slot : 23]++;
  if (ns > stats.longest_ns) {
    stats.longest_ns = ns;
    stats.late_thread = it->last ? it->last->system : 0;
    stats.late_at = done && it->last ? ouro__load_relaxed(&it->last->arrived) : NULL;
  }
  ouro__release(&stats_lock);
}

static bool stop_all(uint64_t patience_ns) {
  lock_world();
  ouro__acquire(&ouro__registry);
  stop it = {.start = ouro__os_now_ns()};
  it.deadline = it.start + (patience_ns ? patience_ns : stop_ns);
  atomic_store(&ouro__stop_wanted, 1);
  bool done = take_all_in_time(&it);
  count_stop(&it, done);
  stopped_at = ouro__os_now_ns();
  return done;
}

static void start_all(void) {
  let_all_go();
  ouro__release(&ouro__registry);
  ouro__release(&world);
}

bool ouro__world_stop(uint64_t patience_ns) {
  if (stops_of_mine) {
    stops_of_mine++;
    return true;
  }
  if (!stop_all(patience_ns)) {
    start_all();
    return false;
  }
  stops_of_mine = 1;
  return true;
}

static void count_standing(void) {
  ouro__acquire(&stats_lock);
  stats.stopped_ns += ouro__os_now_ns() - stopped_at;
  ouro__release(&stats_lock);
}

void ouro__world_start(void) {
  if (--stops_of_mine) return;
  count_standing();
  start_all();
}

void ouro_stop_stats_get(ouro_stop_stats *out) {
  ouro__acquire(&stats_lock);
  *out = stats;
  ouro__release(&stats_lock);
}

/* ---------------------------------------------------------------- fork
 *
 * The locks are held in any case, also where a thread did not come in time. */

void ouro__world_stop_for_fork(void) {
  stop_all(FORK_NS);
  stops_of_mine = 1;
}

void ouro__world_locks_fork(int moment) {
  if (moment == OURO_FORK_BEFORE_ALL) ouro__acquire(&stats_lock);
  if (moment == OURO_FORK_IN_PARENT) ouro__release(&stats_lock);
  if (moment == OURO_FORK_IN_CHILD) ouro__lock_reset(&stats_lock);
}

void ouro__world_start_after_fork(void) {
  stops_of_mine = 0;
  start_all();
}

/* No other thread is here, and none sleeps. */
void ouro__world_child(void) {
  stops_of_mine = 0;
  for (uint32_t i = 1; i <= ouro__load_relaxed(&ouro__threads_top); i++) ouro__load_relaxed(&ouro__threads[i])->taken = false;
  ouro__store_relaxed(&ouro__stop_wanted, 0);
  ouro__lock_reset(&ouro__registry);
  ouro__lock_reset(&world);
}
