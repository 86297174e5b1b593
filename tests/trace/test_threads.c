/* tests/trace/test_threads.c - threads that come, go, count, and switch tracing on and off under each other's feet.
 *
 * What must hold whenever all have stopped: the totals are the sums of the sites, nothing is below zero, and where all blocks are free nothing is
 * live. Whether one thread sees another's memory in order, ThreadSanitizer says. */
#define OURO_TRACE
#include "sums.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include <ouro/ouro.h>

enum { WORKERS = 8, SLOTS = 64 };

static _Atomic bool enough;
static _Atomic(void *) shared[SLOTS]; /* blocks that any worker may free */

/* ---------------------------------------------------------------- workers */

static void *allocate(test_rng *rng) {
  size_t size = test_below(rng, 200) ? test_below(rng, 600) : 200000;
  switch (test_below(rng, 5)) {
    case 0: return (ouro_malloc)(size);
    case 1: return ouro_calloc(1, size);
    case 2: return ouro_aligned_alloc(64, size);
    case 3: return ouro_realloc(ouro_malloc(size / 2), size);
    default: return ouro_malloc(size);
  }
}

static void *work(void *arg) {
  test_rng rng = {(uint64_t)(uintptr_t)arg};
  while (!atomic_load_explicit(&enough, memory_order_relaxed)) {
    void *block = allocate(&rng);
    ouro_free(atomic_exchange(&shared[test_below(&rng, SLOTS)], block));
  }
  return NULL;
}

static void start_workers(pthread_t *threads, void *(*body)(void *)) {
  atomic_store(&enough, false);
  for (uintptr_t i = 0; i < WORKERS; i++) TEST_CHECK(pthread_create(&threads[i], NULL, body, (void *)(i + 1)) == 0);
}

static void end_workers(pthread_t *threads) {
  atomic_store(&enough, true);
  for (unsigned i = 0; i < WORKERS; i++) pthread_join(threads[i], NULL);
}

static void free_shared(void) {
  for (unsigned i = 0; i < SLOTS; i++) ouro_free(atomic_exchange(&shared[i], NULL));
}

static int is_sane(const ouro_trace_site *site, void *arg) {
  (void)arg;
  TEST_CHECK(site->live_blocks <= site->allocated_blocks);
  TEST_CHECK(site->live_bytes <= site->allocated_bytes);
  TEST_CHECK(site->peak_bytes <= site->allocated_bytes);
  return 0;
}

static void nothing_is_live(void) {
  ouro_trace_totals totals = totals_now();
  TEST_CHECK(totals.live_blocks == 0);
  TEST_CHECK(totals.live_bytes == 0);
  sums all = sums_of(NULL, 0);
  TEST_CHECK(all.live == 0 && all.live_bytes == 0);
}

/* ---------------------------------------------------------------- on and off */

static int count_block(const ouro_trace_block *block, void *arg) {
  (void)block;
  ++*(size_t *)arg;
  return 0;
}
static int count_pin(const ouro_trace_pin *pin, void *arg) {
  (void)pin;
  ++*(size_t *)arg;
  return 0;
}

static void look_at_everything(void) {
  size_t count = 0;
  TEST_CHECK(ouro_trace_each_site(is_sane, NULL) == 0);
  TEST_CHECK(ouro_trace_each_block(count_block, &count) == 0);
  TEST_CHECK(ouro_trace_each_pin(count_pin, &count) == 0);
}

static void switched_by_one_while_others_count(void **state) {
  (void)state;
  pthread_t threads[WORKERS];
  test_rng rng = {5};
  start_workers(threads, work);
  for (size_t i = 0; i < test_count(300, 60); i++) {
    if (test_below(&rng, 2)) {
      start_exact(1 + (unsigned)test_below(&rng, 8));
    } else {
      start_sampling(1 + test_below(&rng, 5000));
    }
    for (size_t k = test_below(&rng, 4); k-- > 0;) {
      switch (test_below(&rng, 4)) {
        case 0: ouro_trace_clear(); break;
        case 1: ouro_trace_reset_peak(); break;
        case 2: look_at_everything(); break;
        default: test_sleep_ms(1); break;
      }
    }
    ouro_trace_totals before = totals_now();
    ouro_trace_stop();
    ouro_trace_totals stopped = totals_now();
    test_sleep_ms((unsigned)test_below(&rng, 2));
    TEST_CHECK(totals_now().live_bytes == stopped.live_bytes && totals_now().allocated_blocks == stopped.allocated_blocks);
    TEST_CHECK(before.allocated_blocks <= stopped.allocated_blocks);
    TEST_CHECK(ouro_trace_each_site(is_sane, NULL) == 0);
    CHECK_TOTALS();
  }
  start_exact(4);
  test_sleep_ms(20);
  ouro_trace_clear();
  test_sleep_ms(20);
  end_workers(threads);
  CHECK_TOTALS();
  free_shared();
  nothing_is_live();
  CHECK_TOTALS();
  ouro_trace_stop();
  TEST_HEAP_IS_SOUND();
}

static void *switch_often(void *arg) {
  test_rng rng = {(uint64_t)(uintptr_t)arg};
  ouro_trace_options options = OURO_TRACE_OPTIONS_INIT;
  while (!atomic_load_explicit(&enough, memory_order_relaxed)) {
    options.mode = test_below(&rng, 2) ? OURO_TRACE_EXACT : OURO_TRACE_SAMPLE;
    options.sample_bytes = 1000;
    int result = ouro_trace_start(&options);
    TEST_CHECK(result == OURO_OK || result == OURO_EBUSY);
    for (int i = 0; i < 20; i++) ouro_free(allocate(&rng));
    if (test_below(&rng, 3) == 0) ouro_trace_clear();
    ouro_trace_stop();
  }
  return NULL;
}

static void switched_by_all_at_once(void **state) {
  (void)state;
  pthread_t threads[WORKERS];
  start_workers(threads, switch_often);
  test_sleep_ms(300);
  end_workers(threads);
  CHECK_TOTALS();
  start_exact(1);
  ouro_free(ouro_malloc(10));
  nothing_is_live();
  TEST_CHECK(totals_now().allocated_blocks == 1);
  ouro_trace_stop();
}

/* ---------------------------------------------------------------- threads that come and go */

static void *come_and_go(void *arg) {
  void *kept = ouro_malloc(100);
  for (int i = 0; i < 10; i++) ouro_free(ouro_malloc(50));
  *(void **)arg = kept;
  return NULL;
}

static void ten_thousand_threads_come_and_go(void **state) {
  (void)state;
  size_t count = test_count(10000, 500);
  start_exact(1);
  uint64_t bytes = 0;
  for (size_t i = 0; i < count; i += 4) {
    pthread_t threads[4];
    void *kept[4];
    for (int k = 0; k < 4; k++) TEST_CHECK(pthread_create(&threads[k], NULL, come_and_go, &kept[k]) == 0);
    for (int k = 0; k < 4; k++) pthread_join(threads[k], NULL);
    TEST_CHECK(sums_of(__FILE__, 0).live == 4);
    for (int k = 0; k < 4; k++) ouro_free(kept[k]);
    if (i >= count / 2 && !bytes) bytes = totals_now().own_bytes;
  }
  TEST_CHECK(totals_now().own_bytes <= bytes + (1 << 20)); /* numbers and memory of threads that ended are used again */
  TEST_CHECK(totals_now().allocated_blocks >= count * 11);
  nothing_is_live();
  CHECK_TOTALS();
  ouro_trace_stop();
}

/* ---------------------------------------------------------------- from one thread to many; each in a process that was never traced */

static void *start_and_end(void *arg) {
  (void)arg;
  start_exact(4);
  return NULL;
}

static void *only_look_and_end(void *arg) {
  (void)arg;
  totals_now();
  return NULL;
}

static void run_thread(void *(*body)(void *)) {
  pthread_t thread;
  TEST_CHECK(pthread_create(&thread, NULL, body, NULL) == 0);
  pthread_join(thread, NULL);
}

static void use_after_its_end(void *arg) {
  (void)arg;
  run_thread(start_and_end); /* the first thread that is seen never allocates, and ends */
  void *block = ouro_malloc(10);
  run_thread(only_look_and_end);
  ouro_free(block);
  nothing_is_live();
  CHECK_TOTALS();
}

static void the_first_thread_may_end(void **state) {
  (void)state;
  for (int i = 0; i < 20; i++) {
    test_result result = test_in_child(use_after_its_end, NULL, 30);
    TEST_CHILD_PASSED(&result);
  }
}

static _Atomic unsigned ready;

static void *join_in(void *arg) {
  test_rng rng = {(uint64_t)(uintptr_t)arg};
  atomic_fetch_add(&ready, 1);
  while (atomic_load(&ready) < WORKERS + 1) {
  }
  for (size_t i = 0; i < 300; i++) ouro_free(atomic_exchange(&shared[test_below(&rng, SLOTS)], allocate(&rng)));
  return NULL;
}

/* The main thread counts without the lock, when all the others come at once. */
static void become_many(void *arg) {
  pthread_t threads[WORKERS];
  test_rng rng = {(uint64_t)(uintptr_t)arg};
  for (uintptr_t i = 0; i < WORKERS; i++) TEST_CHECK(pthread_create(&threads[i], NULL, join_in, (void *)(i + 1)) == 0);
  start_exact(1);
  for (size_t i = test_below(&rng, 100); i-- > 0;) ouro_free(allocate(&rng));
  atomic_fetch_add(&ready, 1);
  for (size_t i = 0; i < 300; i++) ouro_free(allocate(&rng));
  for (unsigned i = 0; i < WORKERS; i++) pthread_join(threads[i], NULL);
  free_shared();
  nothing_is_live();
  CHECK_TOTALS();
}

static void one_thread_becomes_many(void **state) {
  (void)state;
  for (uintptr_t i = 0; i < test_count(200, 40); i++) {
    test_result result = test_in_child(become_many, (void *)(i + 1), 60);
    TEST_CHILD_PASSED(&result);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      /* Those with children first: this process has not been traced yet. */
      cmocka_unit_test(the_first_thread_may_end),
      cmocka_unit_test(one_thread_becomes_many),
      cmocka_unit_test(switched_by_one_while_others_count),
      cmocka_unit_test(switched_by_all_at_once),
      cmocka_unit_test(ten_thousand_threads_come_and_go),
  };
  return cmocka_run_group_tests_name("trace threads", tests, NULL, NULL);
}
