/* heap/purge.c - the decay of free memory, the background thread, and fork. */
#include "heap/purge.h"

#include <pthread.h>

#include "heap/arena.h"
#include "heap/cache.h"
#include "heap/check.h"
#include "heap/conf.h"
#include "heap/find.h"
#include "heap/heap.h"
#include "heap/large.h"
#include "heap/meta.h"
#include "heap/pool.h"
#include "heap/private.h"
#include "heap/theap.h"

#define POOL(unit) (&ouro__the_region.pools[unit])

/* Less than this is not worth a thread, nor a wake. */
#define WORTH_BYTES ((size_t)1 << 20)

/* More free memory than this does not wait for the decay time. */
#define EXCESS_BYTES ((size_t)64 << 20)

/* How often the layers above are told, at most. */
#define HOOK_NS UINT64_C(10000000)

static _Atomic size_t freed;       /* bytes freed into pools since they were last looked at */

/* What a thread has counted by itself, so that threads do not fight over one word. */
static _Thread_local struct {
  uint32_t calls; /* of ouro__pulse */
  size_t freed;   /* bytes not yet added to the common count */
} my;

#define FREED_AT_ONCE ((size_t)128 << 10)

static _Atomic uint64_t last_tick; /* when, in ns */
static _Atomic(void (*)(void)) tick_hook;

void ouro__heap_set_tick(void (*hook)(void)) { ouro__store_release(&tick_hook, hook); }

static uint64_t tick_ns(void) {
  uint64_t decay = (uint64_t)ouro__load_relaxed(&ouro__conf.decay_ms) * 1000000u;
  uint64_t tick = decay / OURO_TICKS;
  return tick < 1000000u ? 1000000u : tick;
}

/* ---------------------------------------------------------------- a tick */

/* Pools looked at before the heap's lock is let go of for a moment: its threads may wait for it. */
enum { POOLS_AT_ONCE = 8 };

/* Is there more to do? Not where the system refuses: a later tick tries again. */
static bool return_some_pages(ouro_heap *heap, uint32_t slot, bool all) {
  uint8_t now = (uint8_t)ouro__load_relaxed(&ouro__tick_now);
  bool refused = false;
  ouro__acquire(&heap->lock);
  for (unsigned i = 0; i < POOLS_AT_ONCE && heap->scan[slot] != OURO_NONE && !refused; i++) {
    ouro__pool *pool = POOL(heap->scan[slot]);
    bool quiet = all || (uint8_t)(now - pool->taken_tick) >= OURO_TICKS;
    ouro__heap_unscan(heap, pool);
    if (quiet && pool->nfree == pool->blocks && ouro__pool_may_go(pool) && !ouro__heap_lists_no_other(heap, pool)) {
      ouro__pool_delete(pool);
      continue;
    }
    refused = quiet && !ouro__pool_return_pages(pool);
    if (!quiet || refused) ouro__heap_scan_later(heap, pool);
  }
  bool more = heap->scan[slot] != OURO_NONE && !refused;
  ouro__release(&heap->lock);
  return more;
}

/* Not the slot of this tick, where pools come in. */
static void return_pages_of(ouro_heap *heap, uint32_t slot, bool all) {
  while (return_some_pages(heap, slot, all)) {
  }
}

static void *drain(ouro_heap *heap) {
  if (ouro__load_relaxed(&heap->remote) == OURO_NONE) return NULL;
  ouro__acquire(&heap->lock);
  void *twice = ouro__heap_drain(heap);
  ouro__release(&heap->lock);
  return twice;
}

/* The least number of dirty units over the last OURO_TICKS ticks. */
static size_t unneeded_for_long(uint32_t tick) {
  static size_t history[OURO_TICKS];
  size_t least = history[tick % OURO_TICKS] = ouro__units_unneeded();
  for (uint32_t i = 0; i < OURO_TICKS; i++) least = history[i] < least ? history[i] : least;
  return least;
}

static void run_hook(void) {
  void (*hook)(void) = ouro__load_acquire(&tick_hook);
  if (hook) hook();
}

static _Atomic uint32_t ticking; /* one thread at a time ticks */

static void tick(void) {
  uint32_t expected = 0;
  if (!ouro__cas_acquire(&ticking, &expected, 1)) return;
  void *twice = NULL;
  uint32_t now = ouro__add_relaxed(&ouro__tick_now, 1) + 1;
  ouro__store_relaxed(&last_tick, ouro__os_now_ns());
  ouro__store_relaxed(&freed, 0);
  for (uint32_t i = 0; i < ouro__load_acquire(&ouro__heaps_count); i++) {
    ouro_heap *heap = ouro__load_relaxed(&ouro__heaps[i]);
    void *found = drain(heap);
    if (found) twice = found;
    return_pages_of(heap, (now + 1) % OURO_TICKS, false);
  }
  size_t units = unneeded_for_long(now);
  if (units) ouro__units_purge(units);
  ouro__store_release(&ticking, 0);
  run_hook();
  if (OURO_UNLIKELY(twice != NULL)) ouro__fatal_block(OURO_FATAL_DOUBLE_FREE, twice);
}

/* Is there anything that a later tick would return? */
static bool something_waits(void) {
  if (ouro__load_relaxed(&ouro__the_account.units_dirty)) return true;
  for (uint32_t i = 0; i < ouro__load_acquire(&ouro__heaps_count); i++) {
    ouro_heap *heap = ouro__load_relaxed(&ouro__heaps[i]);
    if (ouro__load_relaxed(&heap->remote) != OURO_NONE) return true;
    bool listed = false;
    ouro__acquire(&heap->lock);
    for (uint32_t slot = 0; slot < OURO_TICKS; slot++) listed |= heap->scan[slot] != OURO_NONE;
    ouro__release(&heap->lock);
    if (listed) return true;
  }
  return false;
}

/* ---------------------------------------------------------------- the background thread */

enum { THREAD_NONE, THREAD_AWAKE, THREAD_ASLEEP, THREAD_STOP };

static ouro__lock background_lock = OURO_LOCK_INIT(OURO_RANK_BACKGROUND);
static _Atomic uint32_t thread_state; /* THREAD_... ; the thread waits on it */
static ouro__os_thread thread;
static int thread_pid; /* a child of vfork shares our memory, and must not start threads in it */

static void wake_thread(void) {
  uint32_t expected = THREAD_ASLEEP;
  if (ouro__cas_acquire(&thread_state, &expected, THREAD_AWAKE)) ouro__wake(&thread_state, 1);
}

static void background(void *unused) {
  (void)unused;
  while (ouro__load_acquire(&thread_state) != THREAD_STOP) {
    ouro__wait(&thread_state, THREAD_AWAKE, tick_ns());
    if (ouro__load_acquire(&thread_state) == THREAD_STOP) break;
    if (ouro__load_relaxed(&ouro__conf.background)) {
      tick();
      if (something_waits()) continue;
    }
    uint32_t expected = THREAD_AWAKE;
    if (!ouro__cas_acquire(&thread_state, &expected, THREAD_ASLEEP)) break;
    if (ouro__load_relaxed(&ouro__conf.background) && something_waits()) wake_thread(); /* it came while nobody would wake us */
    while (ouro__load_acquire(&thread_state) == THREAD_ASLEEP) ouro__wait(&thread_state, THREAD_ASLEEP, 0);
  }
}

/* Where the system refuses a thread, it is not asked again at once. */
#define RETRY_NS UINT64_C(1000000000)

static void start_thread(void) {
  static uint64_t refused_at; /* background_lock */
  if (!ouro__trylock(&background_lock)) return;
  bool may_try = !refused_at || ouro__os_now_ns() - refused_at > RETRY_NS;
  if (may_try && ouro__load_relaxed(&thread_state) == THREAD_NONE && thread_pid == ouro__os_pid()) {
    ouro__store_release(&thread_state, THREAD_AWAKE);
    bool started = ouro__os_thread_start(&thread, background, NULL);
    if (!started) ouro__store_release(&thread_state, THREAD_NONE);
    refused_at = started ? 0 : ouro__os_now_ns();
  }
  ouro__release(&background_lock);
}

static void stop_thread(void) {
  if (ouro__load_relaxed(&thread_state) == THREAD_NONE) return;
  ouro__store_release(&thread_state, THREAD_STOP);
  ouro__wake(&thread_state, 1);
  ouro__os_thread_join(thread);
  ouro__store_release(&thread_state, THREAD_NONE);
}

/* ---------------------------------------------------------------- the pulse of slow paths */

static bool worth_it(void) {
  size_t dirty = ouro__load_relaxed(&ouro__the_account.units_dirty) << OURO_UNIT_SHIFT;
  return dirty + ouro__load_relaxed(&freed) >= WORTH_BYTES;
}

void ouro__freed_bytes(size_t bytes) {
  my.freed += bytes;
  if (my.freed >= FREED_AT_ONCE) {
    ouro__add_relaxed(&freed, my.freed);
    my.freed = 0;
  }
  ouro__pulse();
}

static void tick_when_due(void) {
  if (my.calls % 16) return;
  if (ouro__os_now_ns() - ouro__load_relaxed(&last_tick) >= tick_ns()) tick();
}

/* Growth alone makes no tick, and the layers above want to see it. */
static void hook_when_due(void) {
  static _Atomic uint64_t last;
  if (!ouro__load_relaxed(&tick_hook) || my.calls % 16) return;
  uint64_t now = ouro__os_now_ns();
  if (now - ouro__load_relaxed(&last) < HOOK_NS) return;
  ouro__store_relaxed(&last, now);
  run_hook();
}

void ouro__pulse(void) {
  my.calls++;
  hook_when_due();
  if (!worth_it()) return;
  if (ouro__load_relaxed(&ouro__conf.decay_ms) == 0) {
    ouro__units_purge(SIZE_MAX);
    tick_when_due();
    return;
  }
  if (!ouro__load_relaxed(&ouro__conf.background)) {
    tick_when_due();
    return;
  }
  switch (ouro__load_relaxed(&thread_state)) {
    case THREAD_NONE:
      start_thread();
      if (ouro__load_relaxed(&thread_state) == THREAD_NONE) tick_when_due();
      break;
    case THREAD_ASLEEP: wake_thread(); break;
    default: break;
  }
}

/* What a program frees in large pieces it may soon ask for in other sizes: do not let free memory pile up meanwhile. */
void ouro__purge_excess(void) {
  size_t dirty = ouro__load_relaxed(&ouro__the_account.units_dirty);
  size_t used = ouro__load_relaxed(&ouro__the_account.units_used);
  size_t allowed = (EXCESS_BYTES >> OURO_UNIT_SHIFT) + used;
  if (dirty > allowed) ouro__units_purge(dirty - allowed);
}

size_t ouro__purge_all(void) {
  size_t before = ouro__load_relaxed(&ouro__the_account.returned);
  uint32_t count = ouro__load_acquire(&ouro__heaps_count);
  void *twice = NULL;
  for (uint32_t i = 0; i < count; i++) {
    ouro_heap *heap = ouro__load_relaxed(&ouro__heaps[i]);
    void *found = drain(heap);
    if (found) twice = found;
    for (uint32_t slot = 0; slot < OURO_TICKS; slot++) return_pages_of(heap, slot, true);
  }
  ouro__private_return_pages();
  ouro__units_purge(SIZE_MAX);
  ouro__arenas_release();
  if (OURO_UNLIKELY(twice != NULL)) ouro__fatal_block(OURO_FATAL_DOUBLE_FREE, twice);
  return ouro__load_relaxed(&ouro__the_account.returned) - before;
}

/* ---------------------------------------------------------------- fork
 *
 * All locks are taken before, in the order of their ranks, so the child finds every structure whole; the background thread is
 * stopped, so that the process is, if it was otherwise, of one thread (CPython warns when it is not). */

static _Atomic(void (*)(int)) fork_hook;

void ouro__heap_set_fork(void (*hook)(int moment)) { ouro__store_release(&fork_hook, hook); }

static void call_fork_hook(int moment) {
  void (*hook)(int) = ouro__load_acquire(&fork_hook);
  if (hook) hook(moment);
}

static void before_fork(void) {
  ouro__acquire(&background_lock);
  stop_thread();
  ouro__acquire(&ouro__heaps_lock);
  for (uint32_t i = 0; i < ouro__load_relaxed(&ouro__heaps_count); i++) {
    ouro__acquire(&ouro__load_relaxed(&ouro__heaps[i])->lock);
  }
  ouro__private_fork(OURO_FORK_BEFORE);
  ouro__acquire(&ouro__large_lock);
  ouro__acquire(&ouro__arenas_lock);
  ouro__acquire(&ouro__meta_lock);
  ouro__acquire(&ouro__check_lock);
  call_fork_hook(OURO_FORKING);
}

static void after_fork(void (*let_go)(ouro__lock *), enum ouro__fork_moment moment) {
  let_go(&ouro__check_lock);
  let_go(&ouro__meta_lock);
  let_go(&ouro__arenas_lock);
  let_go(&ouro__large_lock);
  ouro__private_fork(moment);
  for (uint32_t i = ouro__load_relaxed(&ouro__heaps_count); i-- > 0;) {
    let_go(&ouro__load_relaxed(&ouro__heaps[i])->lock);
  }
  let_go(&ouro__heaps_lock);
  let_go(&background_lock);
}

static void after_fork_parent(void) {
  call_fork_hook(OURO_FORKED_PARENT);
  after_fork(ouro__release, OURO_FORK_PARENT);
}

static void after_fork_child(void) {
  thread_pid = ouro__os_pid();
  call_fork_hook(OURO_FORKED_CHILD);
  ouro__store_relaxed(&ticking, 0);
  ouro__arenas_after_fork();
  after_fork(ouro__lock_reset, OURO_FORK_CHILD);
  ouro__cache_adopt_all();
}

void ouro__heap_start(void) {
  static _Atomic uint32_t done;
  uint32_t expected = 0;
  ouro__conf_start();
  if (ouro__load_relaxed(&done) || !ouro__cas_acquire(&done, &expected, 1)) return;
  thread_pid = ouro__os_pid();
  ouro__store_relaxed(&last_tick, ouro__os_now_ns());
  pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}
