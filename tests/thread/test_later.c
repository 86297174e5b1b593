/* tests/thread/test_later.c - what is freed later: not while a thread may still be reading it, and not much later than that.
 *
 * OURO_CONF=later:SIZE of the run is the bound that the cases expect. Linked with: libouro (static), thread/things.c,
 * support/support.c, cmocka, threads. */
#include "thread/things.h"

#include <sched.h>
#include <string.h>

#include "heap/heap.h"
#include "thread/thread.h"

/* Under the thread sanitizer, a child of a process with threads may have some too: the heap's own. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void) { return "die_after_fork=0"; }

static void start_all(pthread_t *threads, size_t count, void *(*body)(void *arg)) {
  for (size_t i = 0; i < count; i++) TEST_CHECK(pthread_create(&threads[i], NULL, body, (void *)(uintptr_t)i) == 0);
}

static void join_all(const pthread_t *threads, size_t count) {
  ouro_blocking_begin();
  for (size_t i = 0; i < count; i++) TEST_CHECK(pthread_join(threads[i], NULL) == 0);
  ouro_blocking_end();
}

static size_t the_bound(void) {
  const char *conf = getenv("OURO_CONF"), *later = conf != NULL ? strstr(conf, "later:") : NULL;
  if (later == NULL) return (size_t)1 << 20;
  char *end;
  size_t bytes = strtoul(later + 6, &end, 10);
  return *end == 'k' ? bytes << 10 : *end == 'm' ? bytes << 20 : bytes;
}

/* Where nothing may wait, each block takes as long as all threads need to come by. */
static size_t rounds_of(size_t full, size_t least) { return the_bound() > 0 ? test_count(full, least) : 200; }

/* ---------------------------------------------------------------- one thread */

static void one_thread_alone_frees_at_once(void **state) {
  (void)state;
  for (int i = 0; i < 1000; i++) {
    void *block = ouro_malloc(512);
    ouro_free_later(block);
    assert_true(ouro_later_bytes() == 0 || ouro__load_relaxed(&ouro__many));
  }
  ouro_free_later(NULL);
  assert_true(ouro_later_flush());
  assert_int_equal(ouro_later_bytes(), 0);
}

/* ---------------------------------------------------------------- readers */

/* An array that grows by being replaced. Its readers take no lock. */
typedef struct array {
  size_t count;
  uint64_t seed;
  uint64_t items[];
} array;

static array *_Atomic published;
static atomic_bool stop;
static atomic_size_t reads;

static array *array_new(size_t count, uint64_t seed) {
  array *self = ouro_malloc(sizeof *self + count * sizeof self->items[0]);
  TEST_CHECK(self != NULL);
  self->count = count;
  self->seed = seed;
  for (size_t i = 0; i < count; i++) self->items[i] = seed + i;
  return self;
}

static void check_array(const array *self) {
  size_t count = self->count;
  uint64_t seed = self->seed;
  for (size_t i = 0; i < count; i++) TEST_CHECK(self->items[i] == seed + i);
}

/* What it found before a safepoint it does not use after it. */
static void *read_on(void *arg) {
  test_rng rng = {(uintptr_t)arg + 1};
  TEST_CHECK(ouro_thread_attach() == OURO_OK);
  while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
    const array *found = atomic_load_explicit(&published, memory_order_acquire);
    check_array(found);
    check_array(found);
    atomic_fetch_add_explicit(&reads, 1, memory_order_relaxed);
    size_t what = test_below(&rng, 64);
    if (what == 0) {
      ouro_blocking_begin();
      for (int i = 0; i < 20; i++) sched_yield();
      ouro_blocking_end();
    }
    ouro_safepoint();
  }
  return NULL;
}

static void replace_published(size_t count, uint64_t seed) {
  array *made = array_new(count, seed);
  ouro_free_later(atomic_exchange_explicit(&published, made, memory_order_acq_rel));
}

static void an_array_is_replaced_under_its_readers(void **state) {
  (void)state;
  pthread_t threads[2];
  atomic_store(&stop, false);
  atomic_store(&reads, 0);
  atomic_store(&published, array_new(10, 1));
  start_all(threads, 2, read_on);
  size_t rounds = rounds_of(20000, 4000);
  for (size_t i = 0; i < rounds || atomic_load(&reads) < 1000; i++) {
    replace_published(i % 100 + 1, i * 1000);
    TEST_CHECK(ouro_later_bytes() <= the_bound() + ((size_t)64 << 10));
    if (i % 16 == 0) ouro_safepoint();
  }
  atomic_store(&stop, true);
  join_all(threads, 2);
  ouro_free_later(atomic_exchange(&published, NULL));
  assert_true(ouro_later_flush());
  assert_int_equal(ouro_later_bytes(), 0);
}

static void *replace_and_read(void *arg) {
  test_rng rng = {(uintptr_t)arg + 100};
  for (size_t i = rounds_of(5000, 1000); i > 0; i--) {
    if (test_below(&rng, 4) == 0) {
      replace_published(test_below(&rng, 50) + 1, test_next(&rng) >> 8);
    } else {
      if (!ouro_thread_is_attached()) TEST_CHECK(ouro_thread_attach() == OURO_OK);
      check_array(atomic_load_explicit(&published, memory_order_acquire));
    }
    ouro_safepoint();
    if (test_below(&rng, 200) == 0) TEST_CHECK(ouro_later_flush());
    if (test_below(&rng, 500) == 0) TEST_CHECK(ouro_thread_detach() == OURO_OK);
  }
  return NULL;
}

static void all_read_and_replace(void **state) {
  (void)state;
  pthread_t threads[4];
  atomic_store(&published, array_new(10, 1));
  start_all(threads, 4, replace_and_read);
  join_all(threads, 4);
  ouro_free_later(atomic_exchange(&published, NULL));
  assert_true(ouro_later_flush());
  assert_int_equal(ouro_later_bytes(), 0);
}

/* ---------------------------------------------------------------- how much waits, and how long */

static void *only_come_by(void *arg) {
  (void)arg;
  TEST_CHECK(ouro_thread_attach() == OURO_OK);
  while (!atomic_load(&stop)) {
    test_sleep_ms(1);
    ouro_safepoint();
  }
  return NULL;
}

/* What another thread is just freeing counts until it has. */
static bool is_within_bound(void *arg) {
  (void)arg;
  return ouro_later_bytes() <= the_bound();
}

static void what_waits_is_bounded(void **state) {
  (void)state;
  pthread_t threads[2];
  atomic_store(&stop, false);
  start_all(threads, 2, only_come_by);
  while (ouro_thread_count() < 3) test_sleep_ms(1);
  size_t size = the_bound() / 8, most = 0;
  for (int i = 0; i < 100; i++) {
    ouro_free_later(ouro_malloc(size));
    if (ouro_later_bytes() > most) most = ouro_later_bytes();
    TEST_CHECK(test_wait_until(is_within_bound, NULL, 0.5));
  }
  assert_true(most > 0 || the_bound() == 0); /* some waited */
  atomic_store(&stop, true);
  join_all(threads, 2);
  assert_true(ouro_later_flush());
  assert_int_equal(ouro_later_bytes(), 0);
}

static void free_some(void *arg) {
  (void)arg;
  for (int i = 0; i < 100; i++) ouro_free_later(ouro_malloc(100));
}

static void a_thread_that_is_out_delays_nothing(void **state) {
  (void)state;
  worker out, in;
  worker_start(&out, true);
  worker_do_out(&out, free_some, NULL); /* it is attached, then */
  worker_start(&in, true);
  worker_do_out(&in, free_some, NULL);
  free_some(NULL);
  double start = test_seconds();
  assert_true(ouro_later_flush());
  assert_true(test_seconds() - start < 0.5);
  assert_int_equal(ouro_later_bytes(), 0);
  worker_end(&in);
  worker_end(&out);
}

static void attach(void *arg) {
  (void)arg;
  TEST_CHECK(ouro_thread_attach() == OURO_OK);
}

static void pass_a_safepoint(void *arg) {
  (void)arg;
  ouro_safepoint();
}

/* What it may be reading is kept, whatever the bound; who frees does not wait for it each time. */
static void a_thread_that_never_comes_by(void **state) {
  (void)state;
  worker in;
  worker_start(&in, false);
  worker_do(&in, attach, NULL);
  array *read_by_it = array_new(100, 42);
  ouro_free_later(read_by_it);
  assert_false(ouro_later_flush());
  double start = test_seconds();
  size_t size = the_bound() / 16 + 16, blocks = 40; /* two and a half times the bound */
  for (size_t i = 0; i < blocks; i++) ouro_free_later(ouro_malloc(size));
  assert_true(test_seconds() - start < 4);
  assert_true(ouro_later_bytes() >= blocks * size);
  check_array(read_by_it);
  worker_do(&in, pass_a_safepoint, NULL);
  start = test_seconds();
  while (ouro_later_bytes() > the_bound() && test_seconds() - start < 10) {
    replace_published(1, 0);
    worker_do(&in, pass_a_safepoint, NULL);
  }
  worker_goes(&in, true);
  ouro_free_later(atomic_exchange(&published, NULL));
  assert_true(ouro_later_flush());
  assert_int_equal(ouro_later_bytes(), 0);
  worker_end(&in);
}

static void *free_unattached(void *arg) {
  free_some(arg);
  TEST_CHECK(!ouro_thread_is_attached());
  TEST_CHECK(ouro_later_flush());
  TEST_CHECK(!ouro_thread_is_attached());
  return NULL;
}

static void a_thread_that_is_not_attached_frees_too(void **state) {
  (void)state;
  in_a_thread(free_unattached, NULL);
  assert_int_equal(ouro_later_bytes(), 0);
}

static void between_blocking_begin_and_its_end(void **state) {
  (void)state;
  ouro_blocking_begin();
  free_some(NULL);
  assert_true(ouro_later_flush());
  ouro_blocking_end();
  assert_int_equal(ouro_later_bytes(), 0);
}

static void while_the_world_is_stopped(void **state) {
  (void)state;
  worker in;
  worker_start(&in, true);
  worker_do_out(&in, attach, NULL);
  assert_true(ouro__world_stop(0));
  for (int i = 0; i < 40; i++) ouro_free_later(ouro_malloc(the_bound() / 16));
  assert_true(ouro_later_bytes() <= the_bound());
  ouro__world_start();
  assert_true(ouro_later_flush());
  worker_end(&in);
}

/* ---------------------------------------------------------------- fork */

static void flush_in_the_child(void *arg) {
  TEST_CHECK(ouro_later_bytes() == *(size_t *)arg);
  free_some(NULL);
  TEST_CHECK(ouro_later_flush());
  TEST_CHECK(ouro_later_bytes() == 0);
  TEST_HEAP_IS_SOUND();
}

/* Its other threads, for whom that waits, are not there. */
static void what_waits_is_freed_in_a_child_of_fork(void **state) {
  (void)state;
  pthread_t threads[2];
  atomic_store(&stop, false);
  atomic_store(&published, array_new(10, 1));
  start_all(threads, 2, read_on);
  while (ouro_thread_count() < 3) test_sleep_ms(1);
  for (int i = 0; i < 20; i++) {
    free_some(NULL);
    size_t waits = 0;
    do waits = ouro_later_bytes();
    while (waits != ouro_later_bytes());
    TEST_CHECK(ouro__world_stop(0)); /* so that none of it goes until fork */
    waits = ouro_later_bytes();
    test_result result = test_in_child(flush_in_the_child, &waits, 60);
    ouro__world_start();
    TEST_CHILD_PASSED(&result);
  }
  atomic_store(&stop, true);
  join_all(threads, 2);
  ouro_free_later(atomic_exchange(&published, NULL));
  assert_true(ouro_later_flush());
}

/* ---------------------------------------------------------------- no memory */

#ifdef OURO_FAULTS
static size_t blocks_live(void) {
  ouro_heap_stats stats = {.struct_size = sizeof stats};
  TEST_CHECK(ouro_heap_stats_get(&stats) == OURO_OK);
  return stats.blocks_live;
}

/* One block after the other waits for all threads then. */
static void without_memory_for_its_list(void **state) {
  (void)state;
  enum { BLOCKS = 500 };
  static void *blocks[BLOCKS];
  pthread_t threads[2];
  atomic_store(&stop, false);
  start_all(threads, 2, only_come_by);
  while (ouro_thread_count() < 3) test_sleep_ms(1);
  for (size_t i = 0; i < BLOCKS; i++) TEST_CHECK((blocks[i] = ouro_malloc(100)) != NULL);
  size_t before = blocks_live();
  ouro__fault_set(1, true);
  for (size_t i = 0; i < BLOCKS; i++) ouro_free_later(blocks[i]);
  assert_true(ouro_later_flush());
  assert_int_equal(ouro_later_bytes(), 0);
  ouro__fault_set(0, false);
  const char *conf = getenv("OURO_CONF");
  bool waits = conf != NULL && strstr(conf, "check") != NULL; /* what is freed waits in a queue then */
  assert_true(waits || before - blocks_live() >= BLOCKS);
  atomic_store(&stop, true);
  join_all(threads, 2);
}
#endif

int main(void) {
  const struct CMUnitTest tests[] = {
      THING_TEST(one_thread_alone_frees_at_once),
      THING_TEST(an_array_is_replaced_under_its_readers),
      THING_TEST(all_read_and_replace),
      THING_TEST(what_waits_is_bounded),
      THING_TEST(a_thread_that_is_out_delays_nothing),
      THING_TEST(a_thread_that_never_comes_by),
      THING_TEST(a_thread_that_is_not_attached_frees_too),
      THING_TEST(between_blocking_begin_and_its_end),
      THING_TEST(while_the_world_is_stopped),
      THING_TEST(what_waits_is_freed_in_a_child_of_fork),
#ifdef OURO_FAULTS
      THING_TEST(without_memory_for_its_list),
#endif
  };
  return cmocka_run_group_tests_name("thread later", tests, NULL, NULL);
}
