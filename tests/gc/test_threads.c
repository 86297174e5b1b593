/* tests/gc/test_threads.c - collections while other threads make, share and drop objects: who collects and who waits, threads that are
 * late, what was condemned and is found again; and the races that CPython's free-threaded build had, restated.
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka, threads. */
#include "object/objects.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

/* ---------------------------------------------------------------- threads */

enum { MOST = 12 };

typedef struct crew {
  pthread_t threads[MOST];
  size_t count;
} crew;

static atomic_bool stop_now; /* the threads of a case shall end */

static void start(crew *it, void *(*body)(void *arg), void *arg) {
  TEST_CHECK(it->count < MOST && pthread_create(&it->threads[it->count++], NULL, body, arg) == 0);
}

static void join(crew *it) {
  for (size_t i = 0; i < it->count; i++) {
    ouro_blocking_begin();
    TEST_CHECK(pthread_join(it->threads[i], NULL) == 0);
    ouro_blocking_end();
  }
  it->count = 0;
  atomic_store(&stop_now, false);
}

/* Wait for a flag, as a thread that waits in the system does. */
static void wait_for(atomic_bool *flag) {
  ouro_blocking_begin();
  while (!atomic_load(flag)) test_sleep_ms(1);
  ouro_blocking_end();
}

static void wait_for_count(atomic_int *count, int wanted) {
  ouro_blocking_begin();
  while (atomic_load(count) < wanted) test_sleep_ms(1);
  ouro_blocking_end();
}

static uint64_t collections(void) { return gc_stats_of(0).collections + gc_stats_of(1).collections + gc_stats_of(2).collections; }

/* ---------------------------------------------------------------- objects */

typedef struct node {
  ouro_object base;
  OURO_OWNED(void) a;
  OURO_OWNED(void) b;
} node;

#define NODE_SLOTS OURO_REFERENCES(offsetof(node, a), offsetof(node, b))

static void (*_Atomic finalizing)(node *self), (*_Atomic releasing)(node *self);

static void finalize(void *self) {
  void (*fn)(node *) = atomic_load(&finalizing);
  if (fn) fn(self);
}

static void release(void *self) {
  void (*fn)(node *) = atomic_load(&releasing);
  if (fn) fn(self);
}

static ouro_type node_type = {.name = "node", .size = sizeof(node), .references = NODE_SLOTS};
static ouro_type finalized_type = {.name = "finalized node", .size = sizeof(node), .references = NODE_SLOTS, .finalize = finalize};
static ouro_type released_type = {.name = "released node", .size = sizeof(node), .references = NODE_SLOTS, .release = release};

static node *make(ouro_type *type) {
  node *made = ouro_borrow(ouro_new(type));
  TEST_CHECK(made);
  return made;
}

static void self_cycle(ouro_type *type) {
  node *made = make(type);
  ouro_setref(&made->a, made);
  drop(made);
}

/* A ring of `count`; the caller owns a reference to the first. */
static node *ring(ouro_type *type, size_t count) {
  node *first = make(type), *last = first;
  for (size_t i = 1; i < count; i++) {
    node *next = make(type);
    ouro_setref(&last->a, next);
    drop(next);
    last = next;
  }
  ouro_setref(&last->a, first);
  return first;
}

/* ---------------------------------------------------------------- one collection at a time */

static atomic_bool inside, go_on;
static atomic_int asking;
static atomic_long answers[2];

static void dwell(node *self) {
  (void)self;
  atomic_store(&inside, true);
  wait_for(&go_on);
}

static void begin_to_dwell(void (*_Atomic *hook)(node *self)) {
  atomic_store(&inside, false);
  atomic_store(&go_on, false);
  atomic_store(hook, dwell);
}

static void end_of_dwelling(void (*_Atomic *hook)(node *self)) { atomic_store(hook, NULL); }

static void *collect_one_finalized(void *arg) {
  (void)arg;
  self_cycle(&finalized_type);
  TEST_CHECK(ouro_gc_collect(2) >= 1);
  return NULL;
}

static void *make_garbage_and_ask(void *arg) {
  drop(ring(&node_type, 5));
  atomic_fetch_add(&asking, 1);
  atomic_store(&answers[(size_t)arg], ouro_gc_collect(2));
  return NULL;
}

static void two_that_ask_at_once_run_one_collection(void **state) {
  (void)state;
  crew one = {0}, two = {0};
  ouro_gc_disable();
  begin_to_dwell(&finalizing);
  atomic_store(&asking, 0);
  start(&one, collect_one_finalized, NULL);
  wait_for(&inside);
  uint64_t before = collections(); /* the first is counted when it ends */
  for (size_t i = 0; i < 2; i++) start(&two, make_garbage_and_ask, (void *)i);
  wait_for_count(&asking, 2);
  ouro_blocking_begin();
  test_sleep_ms(100);
  ouro_blocking_end();
  atomic_store(&go_on, true);
  join(&one);
  join(&two);
  end_of_dwelling(&finalizing);
  assert_int_equal(collections() - before, 2);
  assert_int_equal(atomic_load(&answers[0]), 10);
  assert_int_equal(atomic_load(&answers[1]), 10);
  ouro_gc_enable();
}

static atomic_long asked_within, asked_beside;

static void *ask_beside(void *arg) {
  (void)arg;
  atomic_store(&asked_beside, ouro_gc_collect(0));
  return NULL;
}

/* The finalizer waits for a thread that waits for the collection. */
static void wait_for_who_asks(node *self) {
  crew other = {0};
  (void)self;
  atomic_store(&asked_within, ouro_gc_collect(2));
  start(&other, ask_beside, NULL);
  join(&other);
}

static void a_finalizer_may_wait_for_who_asks(void **state) {
  (void)state;
  atomic_store(&finalizing, wait_for_who_asks);
  self_cycle(&finalized_type);
  assert_int_equal(ouro_gc_collect(2), 1);
  atomic_store(&finalizing, NULL);
  assert_int_equal(atomic_load(&asked_within), 0);
  assert_int_equal(atomic_load(&asked_beside), OURO_EBUSY);
}

static atomic_int called_back;

static void collect_in_callback(ouro_weak *weak, void *data, void *held) {
  (void)weak;
  (void)data;
  (void)held;
  TEST_CHECK(ouro_gc_collect(2) == 0);
  TEST_CHECK(ouro_thread_detach() == OURO_EBUSY);
  atomic_fetch_add(&called_back, 1);
}

static void collect_when_told(const ouro_gc_info *info, void *arg) {
  (void)info;
  (void)arg;
  TEST_CHECK(ouro_gc_collect(2) == 0);
  TEST_CHECK(ouro_thread_detach() == OURO_EBUSY);
}

static void *collect_everywhere(void *arg) {
  (void)arg;
  node *made = ring(&node_type, 3);
  ouro_ref weak = ouro_weak_new_callback(made, collect_in_callback, NULL, NULL);
  drop(made);
  TEST_CHECK(ouro_gc_collect(2) >= 0); /* another thread's collection may have made it old while it was held */
  drop(ouro_borrow(weak));
  return NULL;
}

static void inside_a_collection_another_does_nothing(void **state) {
  (void)state;
  crew it = {0};
  atomic_store(&called_back, 0);
  assert_int_equal(ouro_gc_callback_add(collect_when_told, NULL), OURO_OK);
  for (int i = 0; i < 3; i++) start(&it, collect_everywhere, NULL);
  join(&it);
  assert_int_equal(ouro_gc_callback_remove(collect_when_told, NULL), OURO_OK);
  assert_int_equal(atomic_load(&called_back), 3);
}

/* ---------------------------------------------------------------- cycles that cross threads */

enum { SHELF = 64 };

static node *shelf[SHELF];
static pthread_mutex_t shelf_lock = PTHREAD_MUTEX_INITIALIZER;

static void lock_shelf(void) {
  ouro_blocking_begin();
  pthread_mutex_lock(&shelf_lock);
  ouro_blocking_end();
}

/* Put it on the shelf, and take what was there. Stolen, owned. */
static node *swap(size_t place, node *put) {
  lock_shelf();
  node *was = shelf[place];
  shelf[place] = put;
  pthread_mutex_unlock(&shelf_lock);
  return was;
}

static void *make_crossing_cycles(void *arg) {
  test_rng rng = {(uintptr_t)arg + 1};
  for (size_t i = 0, count = test_count(20000, 2000); i < count; i++) {
    node *made = make(test_below(&rng, 8) ? &node_type : &finalized_type);
    node *other = swap(test_below(&rng, SHELF), NULL);
    ouro_setref(&made->a, made);
    if (other) {
      ouro_setref(&made->b, other);
      ouro_setref(&other->b, made); /* it is this thread's alone, or in garbage, which nobody looks at */
      drop(other);
    }
    other = swap(test_below(&rng, SHELF), made);
    if (other) drop(other);
    ouro_safepoint();
  }
  return NULL;
}

static void clear_shelf(void) {
  for (size_t i = 0; i < SHELF; i++) {
    node *was = swap(i, NULL);
    if (was) drop(was);
  }
}

static void cycles_that_cross_threads_are_collected(void **state) {
  (void)state;
  crew it = {0};
  size_t live = test_live();
  uint64_t before = collections();
  int few[3] = {200, 3, 3}, usual[3];
  ouro_gc_get_threshold(usual);
  ouro_gc_set_threshold(few);
  for (uintptr_t i = 0; i < 4; i++) start(&it, make_crossing_cycles, (void *)i);
  join(&it);
  assert_true(collections() > before);
  OBJECTS_ARE_SOUND();
  clear_shelf();
  assert_true(ouro_gc_collect(2) >= 0);
  assert_int_equal(test_live(), live);
  ouro_gc_set_threshold(usual);
}

/* ---------------------------------------------------------------- threads that are late, and those that are not */

static atomic_bool late_is_in;

static void *compute_for_long(void *arg) {
  (void)arg;
  drop(make(&node_type));
  atomic_store(&late_is_in, true);
  while (!atomic_load(&stop_now)) test_sleep_ms(1); /* without saying so */
  ouro_safepoint();
  return NULL;
}

static int show_nothing(void *object, void *arg) {
  (void)object;
  (void)arg;
  return 0;
}

static void a_thread_that_does_not_come_is_given_up(void **state) {
  (void)state;
  crew it = {0};
  ouro_stop_stats before, after;
  char text[100];
  atomic_store(&late_is_in, false);
  start(&it, compute_for_long, NULL);
  wait_for(&late_is_in);
  ouro_stop_stats_get(&before);
  drop(ring(&node_type, 3));
  assert_int_equal(ouro_gc_collect(2), OURO_EBUSY);
  assert_int_equal(ouro_each_object(show_nothing, NULL), OURO_EBUSY);
  assert_int_equal(ouro_gc_freeze(), OURO_EBUSY);
  assert_true(ouro_gc_verify(text, sizeof text) == SIZE_MAX);
  assert_non_null(strstr(text, "did not come"));
  ouro_stop_stats_get(&after);
  assert_int_equal(after.given_up - before.given_up, 4);
  assert_true(after.late_thread != 0 && after.longest_ns >= 900000000);
  atomic_store(&stop_now, true);
  join(&it);
  assert_int_equal(ouro_gc_collect(2), 3);
}

/* Automatic collections are tried less and less often, and work again when the thread has come. */
static void a_thread_that_does_not_come_costs_little(void **state) {
  (void)state;
  crew it = {0};
  ouro_stop_stats before, after;
  atomic_store(&late_is_in, false);
  start(&it, compute_for_long, NULL);
  wait_for(&late_is_in);
  ouro_stop_stats_get(&before);
  for (size_t i = 0; i < 300000; i++) {
    self_cycle(&node_type);
    ouro_safepoint();
  }
  ouro_stop_stats_get(&after);
  uint64_t tried = after.given_up - before.given_up, ended = collections();
  atomic_store(&stop_now, true);
  join(&it);
  assert_in_range(tried, 1, 12); /* every 2000 would be 150 */
  for (size_t i = 0; i < 200000 && collections() == ended; i++) {
    self_cycle(&node_type);
    ouro_safepoint();
  }
  assert_true(collections() > ended);
  ouro_gc_collect(2);
}

static atomic_int sleeping;

static void *sleep_in_the_system(void *arg) {
  (void)arg;
  drop(make(&node_type));
  ouro_blocking_begin();
  atomic_fetch_add(&sleeping, 1);
  while (!atomic_load(&stop_now)) test_sleep_ms(1);
  ouro_blocking_end();
  return NULL;
}

static void threads_that_sleep_delay_nobody(void **state) {
  (void)state;
  crew it = {0};
  ouro_stop_stats before, after;
  atomic_store(&sleeping, 0);
  for (int i = 0; i < 6; i++) start(&it, sleep_in_the_system, NULL);
  wait_for_count(&sleeping, 6);
  ouro_stop_stats_get(&before);
  for (int i = 0; i < 100; i++) {
    drop(ring(&node_type, 2));
    assert_int_equal(ouro_gc_collect(i % 3), 2);
  }
  ouro_stop_stats_get(&after);
  assert_int_equal(after.given_up, before.given_up);
  assert_true(after.stops >= before.stops + 100);
  assert_true(after.waited_ns - before.waited_ns < 500000000);
  atomic_store(&stop_now, true);
  join(&it);
}

/* ---------------------------------------------------------------- found again */

static ouro_weak *weak_to_condemned;
static node *found_again;

static void *upgrade(void *arg) {
  (void)arg;
  wait_for(&inside);
  found_again = ouro_borrow(ouro_weak_get(weak_to_condemned));
  atomic_store(&go_on, true);
  return NULL;
}

static void what_is_found_while_finalizers_run_lives_on(void **state) {
  (void)state;
  crew it = {0};
  begin_to_dwell(&finalizing);
  node *first = ring(&finalized_type, 1), *second = ring(&node_type, 4);
  ouro_setref(&first->b, second);
  weak_to_condemned = weak_to(second);
  drop(first);
  drop(second);
  start(&it, upgrade, NULL);
  assert_int_equal(ouro_gc_collect(2), 1); /* the ring of four is held by then */
  join(&it);
  end_of_dwelling(&finalizing);
  assert_ptr_equal(found_again, second);
  assert_false(ouro_weak_is_dead(weak_to_condemned));
  OBJECTS_ARE_SOUND();
  drop(found_again);
  assert_int_equal(ouro_gc_collect(2), 4);
  assert_true(ouro_weak_is_dead(weak_to_condemned));
  drop(weak_to_condemned);
}

static atomic_int freed_by_others;

/* While the first finalizer dwells, another thread takes what is condemned apart: finalizers of the rest run where it goes. */
static void *free_what_is_condemned(void *arg) {
  (void)arg;
  wait_for(&inside);
  node *got = ouro_borrow(ouro_weak_get(weak_to_condemned));
  TEST_CHECK(got);
  atomic_store(&finalizing, NULL);
  ouro_clear(&got->a); /* the ring is open */
  drop(got);
  for (int i = 0; i < 1000; i++) self_cycle(&node_type); /* in the places of what went */
  atomic_fetch_add(&freed_by_others, 1);
  atomic_store(&go_on, true);
  return NULL;
}

static void what_others_free_while_finalizers_run_is_no_garbage_any_more(void **state) {
  (void)state;
  for (int round = 0; round < 20; round++) {
    crew it = {0};
    begin_to_dwell(&finalizing);
    node *first = ring(&finalized_type, 1), *others = ring(&finalized_type, 100);
    weak_to_condemned = weak_to(others);
    drop(first);
    drop(others);
    start(&it, free_what_is_condemned, NULL);
    ptrdiff_t found = ouro_gc_collect(2);
    join(&it);
    assert_in_range(found, 1, 101);
    assert_true(ouro_weak_is_dead(weak_to_condemned));
    drop(weak_to_condemned);
    OBJECTS_ARE_SOUND();
    ouro_gc_collect(2);
  }
}

static node *shared_deferred;

static void *count_deferred(void *arg) {
  (void)arg;
  for (int i = 0; i < 2000; i++) {
    ouro_incref(shared_deferred);
    node *holder = make(&node_type);
    ouro_setref(&holder->a, shared_deferred);
    ouro_safepoint();
    drop(holder);
    drop(shared_deferred);
  }
  return NULL;
}

static void *make_deferred(void *arg) {
  (void)arg;
  shared_deferred = ring(&node_type, 3);
  TEST_CHECK(ouro_defer(shared_deferred) == OURO_OK);
  return NULL;
}

static void deferred_objects_are_collected_whoever_counts_them(void **state) {
  (void)state;
  crew it = {0};
  start(&it, make_deferred, NULL);
  join(&it);
  for (int i = 0; i < 4; i++) start(&it, count_deferred, NULL);
  for (int i = 0; i < 20; i++) assert_int_equal(ouro_gc_collect(2), 0);
  join(&it);
  OBJECTS_ARE_SOUND();
  drop(shared_deferred);
  assert_int_equal(ouro_gc_collect(1), 0); /* what is deferred goes by one of all */
  assert_int_equal(ouro_gc_collect(2), 3);
}

/* ---------------------------------------------------------------- what CPython's free-threaded build got wrong */

static void *mutate(void *arg) {
  node *mine = make(&node_type);
  (void)arg;
  while (!atomic_load(&stop_now)) {
    node *next = make(&node_type);
    ouro_setref(&next->a, next);
    ouro_setref(&next->b, mine);
    ouro_setref(&mine->a, next);
    drop(next);
    ouro_clear(&mine->a);
    ouro_safepoint();
  }
  drop(mine);
  return NULL;
}

static int count_and_hold(void *object, void *arg) {
  ouro_incref(object);
  void **held = arg;
  for (size_t i = 0; i < 8; i++) {
    if (held[i]) continue;
    held[i] = object;
    return 0;
  }
  ouro_decref(ouro_adopt(object));
  return 1;
}

/* test_gc.test_get_objects: get_objects beside threads that make and drop. */
static void all_objects_can_be_shown_while_others_make_them(void **state) {
  (void)state;
  crew it = {0};
  for (int i = 0; i < 4; i++) start(&it, mutate, NULL);
  for (size_t i = 0, count = test_count(100, 100); i < count; i++) {
    void *held[8] = {0};
    ouro_gc_get_objects(-1, count_and_hold, held);
    for (size_t j = 0; j < 8; j++) {
      if (held[j]) drop(held[j]);
    }
  }
  atomic_store(&stop_now, true);
  join(&it);
  ouro_gc_collect(2);
}

static pthread_barrier_t barrier;
static node *referred;
static atomic_size_t shown;

static int count_shown(void *object, void *arg) {
  (void)object;
  (void)arg;
  atomic_fetch_add(&shown, 1);
  return 0;
}

static void *ask_for_referrers(void *arg) {
  void *objects[] = {referred};
  (void)arg;
  ouro_blocking_begin();
  pthread_barrier_wait(&barrier);
  ouro_blocking_end();
  for (int i = 0, count = (int)test_count(50, 5); i < count; i++) {
    TEST_CHECK(ouro_gc_get_referrers(objects, 1, count_shown, NULL) == OURO_OK);
    TEST_CHECK(ouro_gc_get_referents(objects, 1, count_shown, NULL) == OURO_OK);
    TEST_CHECK(ouro_gc_collect(i % 3) >= 0);
  }
  atomic_fetch_add(&asking, 1);
  return NULL;
}

static void *refer_and_drop(void *arg) {
  (void)arg;
  ouro_blocking_begin();
  pthread_barrier_wait(&barrier);
  ouro_blocking_end();
  while (atomic_load(&asking) < 2) {
    node *made = make(&node_type);
    ouro_setref(&made->a, referred);
    ouro_setref(&made->b, made);
    ouro_safepoint();
    drop(made);
  }
  return NULL;
}

static void referrers_can_be_shown_while_others_make_them(void **state) {
  (void)state;
  crew it = {0};
  referred = make(&node_type);
  atomic_store(&asking, 0);
  atomic_store(&shown, 0);
  assert_int_equal(pthread_barrier_init(&barrier, NULL, 6), 0);
  for (int i = 0; i < 2; i++) start(&it, ask_for_referrers, NULL);
  for (int i = 0; i < 4; i++) start(&it, refer_and_drop, NULL);
  join(&it);
  pthread_barrier_destroy(&barrier);
  assert_true(atomic_load(&shown) > 0);
  ouro_gc_collect(2);
  assert_int_equal(ouro_refcount(referred), 1);
  drop(referred);
}

static node *to_be_queued;

static void *drop_it(void *arg) {
  drop(arg);
  return NULL;
}

/* gh-142975: an object that waits in its owner's queue while everything is frozen. */
static void what_is_queued_may_be_frozen(void **state) {
  (void)state;
  for (int round = 0; round < 50; round++) {
    crew it = {0};
    to_be_queued = make(&node_type);
    ouro_setref(&to_be_queued->b, to_be_queued);
    ouro_clear(&to_be_queued->b);
    start(&it, drop_it, to_be_queued); /* the owner's last reference */
    pthread_join(it.threads[0], NULL); /* not OUT: so it waits in the queue */
    assert_int_equal(ouro_gc_freeze(), OURO_OK);
    ouro_safepoint();
    assert_int_equal(ouro_gc_collect(2), 0);
    assert_int_equal(ouro_gc_unfreeze(), OURO_OK);
    ouro_gc_collect(2);
    OBJECTS_ARE_SOUND();
  }
}

static void *make_self_cycles(void *arg) {
  (void)arg;
  for (size_t i = 0, count = test_count(30000, 3000); i < count; i++) {
    self_cycle(&node_type);
    ouro_safepoint();
  }
  return NULL;
}

static void *set_thresholds(void *arg) {
  (void)arg;
  for (int i = 0; !atomic_load(&stop_now); i++) {
    int threshold[3] = {100 + i % 900, 1 + i % 10, 10}, seen[3];
    TEST_CHECK(ouro_gc_set_threshold(threshold) == OURO_OK);
    ouro_gc_get_threshold(seen);
    TEST_CHECK(seen[0] == threshold[0] && seen[1] == threshold[1]);
    ouro_gc_get_count(seen);
    ouro_safepoint();
  }
  return NULL;
}

/* gh-148613: set_threshold beside allocations. */
static void thresholds_may_be_set_while_others_allocate(void **state) {
  (void)state;
  crew makers = {0}, setter = {0};
  int usual[3];
  ouro_gc_get_threshold(usual);
  start(&setter, set_thresholds, NULL);
  for (int i = 0; i < 7; i++) start(&makers, make_self_cycles, NULL);
  join(&makers);
  atomic_store(&stop_now, true);
  join(&setter);
  ouro_gc_set_threshold(usual);
  ouro_gc_collect(2);
}

static void *read_stats(void *arg) {
  (void)arg;
  ouro_gc_stats before[3] = {{0}}, stats[3];
  while (!atomic_load(&stop_now)) {
    ouro_gc_get_stats(stats);
    for (int i = 0; i < 3; i++) TEST_CHECK(stats[i].collections >= before[i].collections && stats[i].collected >= before[i].collected);
    memcpy(before, stats, sizeof before);
    ouro_safepoint();
  }
  return NULL;
}

/* gh-151646: get_stats beside collections. */
static void statistics_may_be_read_while_others_collect(void **state) {
  (void)state;
  crew it = {0};
  for (int i = 0; i < 4; i++) start(&it, read_stats, NULL);
  for (int i = 0; i < 50; i++) {
    drop(ring(&node_type, 3));
    assert_int_equal(ouro_gc_collect(i % 3), 3);
  }
  atomic_store(&stop_now, true);
  join(&it);
}

static atomic_size_t said;

static void say(void *arg, const char *text, size_t length) {
  (void)arg;
  (void)text;
  atomic_fetch_add(&said, length);
}

static void *write_debug_flags(void *arg) {
  (void)arg;
  while (!atomic_load(&stop_now)) {
    TEST_CHECK(ouro_gc_set_debug(OURO_GC_DEBUG_STATS | OURO_GC_DEBUG_COLLECTABLE) == OURO_OK);
    TEST_CHECK(ouro_gc_set_debug(0) == OURO_OK);
  }
  return NULL;
}

static void *read_debug_flags(void *arg) {
  (void)arg;
  while (!atomic_load(&stop_now)) {
    unsigned flags = ouro_gc_get_debug();
    TEST_CHECK(flags == 0 || flags == (OURO_GC_DEBUG_STATS | OURO_GC_DEBUG_COLLECTABLE));
  }
  return NULL;
}

/* gh-153014: two who set the debug flags, four who read them, one who collects. */
static void debug_flags_may_be_set_while_others_collect(void **state) {
  (void)state;
  crew it = {0};
  ouro_gc_set_debug_writer(say, NULL);
  for (int i = 0; i < 2; i++) start(&it, write_debug_flags, NULL);
  for (int i = 0; i < 4; i++) start(&it, read_debug_flags, NULL);
  for (int i = 0; i < 200; i++) {
    drop(ring(i % 2 ? &node_type : &finalized_type, 3));
    assert_int_equal(ouro_gc_collect(i % 3), 3);
  }
  atomic_store(&stop_now, true);
  join(&it);
  ouro_gc_set_debug(0);
  ouro_gc_set_debug_writer(NULL, NULL);
}

/* ---------------------------------------------------------------- fork in the middle */

/* In the child the thread that collected is not there: whatever it had condemned is dealt with by the next collection. */
static void go_on_in_a_child(void *arg) {
  char text[256];
  size_t least = (size_t)arg;
  atomic_store(&finalizing, NULL);
  atomic_store(&releasing, NULL);
  if (ouro_gc_verify(text, sizeof text) != 0) test_failed(text, __FILE__, __LINE__);
  TEST_CHECK(ouro_gc_collect(2) >= (ptrdiff_t)least);
  ouro_gc_collect(2);
  TEST_CHECK(test_live_of(&node_type) == 0 && test_live_of(&finalized_type) == 0 && test_live_of(&released_type) == 0);
  OBJECTS_ARE_SOUND();
  TEST_HEAP_IS_SOUND();
}

typedef struct scene {
  ouro_type *garbage, *outside; /* outside: held by the garbage alone, it is released when that goes; or NULL */
  size_t left;                  /* what the child finds anew, at least */
} scene;

static void *collect_scene(void *arg) {
  const scene *it = arg;
  node *first = ring(it->garbage, 10);
  if (it->outside) {
    node *held = make(it->outside);
    ouro_gc_untrack(held);
    ouro_setref(&first->b, held);
    drop(held);
  }
  drop(first);
  ouro_gc_collect(2);
  return NULL;
}

static void fork_in(scene it, void (*_Atomic *hook)(node *self)) {
  crew thread = {0};
  if (TEST_TSAN) skip();
  begin_to_dwell(hook);
  start(&thread, collect_scene, &it);
  wait_for(&inside);
  test_result result = test_in_child(go_on_in_a_child, (void *)it.left, 60);
  TEST_CHILD_PASSED(&result);
  end_of_dwelling(hook);
  atomic_store(&go_on, true);
  join(&thread);
}

static void a_child_of_fork_while_finalizers_run_goes_on(void **state) {
  (void)state;
  fork_in((scene){&finalized_type, NULL, 10}, &finalizing);
}

static void a_child_of_fork_while_garbage_is_released_goes_on(void **state) {
  (void)state;
  fork_in((scene){&released_type, NULL, 0}, &releasing);
}

static void a_child_of_fork_while_garbage_is_swept_goes_on(void **state) {
  (void)state;
  fork_in((scene){&node_type, &released_type, 0}, &releasing);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(two_that_ask_at_once_run_one_collection),
      OBJECT_TEST(a_finalizer_may_wait_for_who_asks),
      OBJECT_TEST(inside_a_collection_another_does_nothing),
      OBJECT_TEST(cycles_that_cross_threads_are_collected),
      OBJECT_TEST(a_thread_that_does_not_come_is_given_up),
      OBJECT_TEST(a_thread_that_does_not_come_costs_little),
      OBJECT_TEST(threads_that_sleep_delay_nobody),
      OBJECT_TEST(what_is_found_while_finalizers_run_lives_on),
      OBJECT_TEST(what_others_free_while_finalizers_run_is_no_garbage_any_more),
      OBJECT_TEST(deferred_objects_are_collected_whoever_counts_them),
      OBJECT_TEST(all_objects_can_be_shown_while_others_make_them),
      OBJECT_TEST(referrers_can_be_shown_while_others_make_them),
      OBJECT_TEST(what_is_queued_may_be_frozen),
      OBJECT_TEST(thresholds_may_be_set_while_others_allocate),
      OBJECT_TEST(statistics_may_be_read_while_others_collect),
      OBJECT_TEST(debug_flags_may_be_set_while_others_collect),
      OBJECT_TEST(a_child_of_fork_while_finalizers_run_goes_on),
      OBJECT_TEST(a_child_of_fork_while_garbage_is_released_goes_on),
      OBJECT_TEST(a_child_of_fork_while_garbage_is_swept_goes_on),
  };
  test_objects_without_stress();
  return cmocka_run_group_tests_name("gc threads", tests, NULL, NULL);
}
