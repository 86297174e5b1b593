/* tests/heap/test_return.c - memory comes back: without a call while the program idles, at once when asked, out of pools that
 * are still in use, and what is used again afterwards is as good as new.
 *
 * Resident memory is what the kernel says (/proc/self/statm). Nothing is asserted of time, but that five seconds are enough
 * for a decay of half a second. Under ThreadSanitizer, whose own memory grows with each page that was touched, the heap's count
 * of what it holds stands for the kernel's.
 *
 * Linked with: the core static library (ouro_core), support/support.c, cmocka, threads. */
#include "support/support.h"

#include <pthread.h>
#include <string.h>

#include <ouro/heap.h>

#define KIB ((size_t)1024)
#define MIB (KIB * 1024)
#define PATIENCE 5.0

static int heap_is_sound(void **state) {
  (void)state;
  TEST_HEAP_IS_SOUND();
  return 0;
}

static ouro_options options_now(void) {
  ouro_options options = {.struct_size = sizeof options};
  TEST_CHECK(ouro_options_get(&options) == OURO_OK);
  return options;
}

static void set_return_options(bool background, unsigned decay_ms) {
  ouro_options options = options_now();
  options.background = background;
  options.decay_ms = decay_ms;
  TEST_CHECK(ouro_options_set(&options) == OURO_OK);
}

static int default_options(void **state) {
  (void)state;
  set_return_options(true, 500);
  ouro_heap_trim();
  return 0;
}

static size_t resident(void) {
  ouro_heap_stats stats = {.struct_size = sizeof stats};
  if (TEST_TSAN || TEST_ASAN) {
    TEST_CHECK(ouro_heap_stats_get(&stats) == OURO_OK);
    return stats.bytes_held;
  }
  return test_resident_bytes();
}

static bool resident_is_at_most(void *arg) { return resident() <= *(size_t *)arg; }

#define ASSERT_FALLS_TO(limit) assert_true(test_wait_until(resident_is_at_most, &(size_t){limit}, PATIENCE))

/* ---------------------------------------------------------------- something to give back */

#define POPULATION 60000
static char *blocks[POPULATION];
static size_t sizes[POPULATION];

/* The arrays are no part of what the tests measure: they are resident from the start. */
static void take_arrays(void) {
  memset(blocks, 1, sizeof blocks);
  memset(sizes, 1, sizeof sizes);
}

/* About `average` bytes each; all touched. Returns the bytes. */
static size_t populate(size_t count, size_t average) {
  test_rng rng = {average};
  size_t bytes = 0;
  for (size_t i = 0; i < count; i++) {
    sizes[i] = average / 2 + test_below(&rng, average + 1);
    blocks[i] = ouro_malloc(sizes[i]);
    TEST_CHECK(blocks[i] != NULL);
    test_fill(blocks[i], sizes[i], i);
    bytes += sizes[i];
  }
  return bytes;
}

static void depopulate(size_t count, size_t keep_each) {
  for (size_t i = 0; i < count; i++) {
    if (keep_each == 0 || i % keep_each != 0) {
      ouro_free(blocks[i]);
      blocks[i] = NULL;
    }
  }
}

static void check_kept(size_t count) {
  for (size_t i = 0; i < count; i++) {
    TEST_CHECK(blocks[i] == NULL || test_holds(blocks[i], sizes[i], i));
  }
}

/* ---------------------------------------------------------------- idle */

static void check_shrinks_while_idle(size_t count, size_t average) {
  take_arrays();
  ouro_heap_trim();
  size_t base = resident();
  size_t bytes = populate(count, average);
  assert_true(resident() >= base + bytes);
  depopulate(count, 0);
  ASSERT_FALLS_TO(base + bytes / 20 + MIB);
}

static void an_idle_process_gives_back_free_small_blocks(void **state) {
  (void)state;
  check_shrinks_while_idle(POPULATION, 100);
  check_shrinks_while_idle(POPULATION, 1000);
}

static void an_idle_process_gives_back_free_blocks_of_all_classes(void **state) {
  (void)state;
  check_shrinks_while_idle(2000, 20000);
  check_shrinks_while_idle(500, 80000);
}

static void an_idle_process_gives_back_free_large_blocks(void **state) {
  (void)state;
  check_shrinks_while_idle(60, 800 * KIB);
  check_shrinks_while_idle(5, 12 * MIB);
}

static void an_idle_process_gives_back_again_and_again(void **state) {
  (void)state;
  for (int round = 0; round < 3; round++) {
    check_shrinks_while_idle(20000, 600);
  }
}

static void *fill_and_sleep(void *arg) {
  pthread_barrier_t *barrier = arg;
  depopulate(20000, 0);
  pthread_barrier_wait(barrier);
  pthread_barrier_wait(barrier);
  return NULL;
}

/* The blocks were the main thread's; another frees them, and then both sleep. */
static void what_another_thread_freed_goes_back_while_both_sleep(void **state) {
  (void)state;
  pthread_barrier_t barrier;
  pthread_t thread;
  ouro_heap_trim();
  size_t base = resident();
  size_t bytes = populate(20000, 1000);
  assert_int_equal(pthread_barrier_init(&barrier, NULL, 2), 0);
  assert_int_equal(pthread_create(&thread, NULL, fill_and_sleep, &barrier), 0);
  pthread_barrier_wait(&barrier);
  ASSERT_FALLS_TO(base + bytes / 5 + MIB);
  pthread_barrier_wait(&barrier);
  pthread_join(thread, NULL);
  pthread_barrier_destroy(&barrier);
}

/* ---------------------------------------------------------------- trim */

static void trim_gives_back_at_once(void **state) {
  (void)state;
  set_return_options(false, 500);
  ouro_heap_trim();
  size_t base = resident();
  static const size_t averages[] = {64, 700, 5000, 40000, 300000};
  for (size_t i = 0; i < sizeof averages / sizeof *averages; i++) {
    size_t count = averages[i] < 1000 ? 20000 : 200;
    size_t bytes = populate(count, averages[i]);
    assert_true(resident() >= base + bytes);
    depopulate(count, 0);
    size_t returned = ouro_heap_trim();
    assert_true(returned >= bytes * 9 / 10);
    assert_true(resident() <= base + bytes / 20 + MIB);
    assert_int_equal(ouro_heap_trim(), 0);
  }
}

static void without_background_memory_stays_until_trim(void **state) {
  (void)state;
  set_return_options(false, 100);
  ouro_heap_trim();
  size_t base = resident();
  size_t bytes = populate(20000, 1000);
  depopulate(20000, 0);
  test_sleep_ms(1000);
  assert_true(resident() >= base + bytes / 2);
  ouro_heap_trim();
  assert_true(resident() <= base + bytes / 20 + MIB);
}

static void without_decay_memory_goes_back_as_it_is_freed(void **state) {
  (void)state;
  set_return_options(false, 0);
  ouro_heap_trim();
  size_t base = resident();
  size_t bytes = populate(400, 100000);
  depopulate(400, 0);
  ouro_thread_flush();
  assert_true(resident() <= base + bytes / 10 + MIB);
  bytes = populate(30, 2 * MIB);
  depopulate(30, 0);
  assert_true(resident() <= base + bytes / 20 + MIB);
}

/* A block freed and taken again within the decay must not cost a fault each time: the same memory serves again. */
static void memory_that_pulses_within_the_decay_is_not_given_back(void **state) {
  (void)state;
  set_return_options(true, 500);
  ouro_heap_stats before = {.struct_size = sizeof before};
  ouro_heap_stats after = before;
  populate(100, 100000);
  assert_int_equal(ouro_heap_stats_get(&before), OURO_OK);
  double end = test_seconds() + 0.4;
  size_t pulses = 0;
  do {
    depopulate(100, 0);
    populate(100, 100000);
    pulses++;
  } while (test_seconds() < end);
  assert_int_equal(ouro_heap_stats_get(&after), OURO_OK);
  /* Each pulse frees about 10 MB; at most the rest of earlier tests may go back meanwhile. */
  assert_true(after.bytes_returned - before.bytes_returned <= 20 * MIB + pulses * MIB);
  depopulate(100, 0);
}

/* ---------------------------------------------------------------- pages of pools in use */

static void check_partial_pools_shrink(size_t count, size_t average, bool by_trim) {
  set_return_options(!by_trim, 500);
  ouro_heap_trim();
  size_t base = resident();
  size_t bytes = populate(count, average);
  test_rng rng = {77};
  for (size_t i = 0; i < count; i++) {
    if (test_below(&rng, 10) != 0) {
      ouro_free(blocks[i]);
      blocks[i] = NULL;
    }
  }
  /* One block in ten is left, at random. A system page of 4096 bytes is free with a chance of 0.9 to the number of blocks that
   * it touches: for blocks of 1000 bytes half of all pages. */
  size_t limit = base + bytes * 3 / 4;
  if (by_trim) {
    ouro_heap_trim();
    assert_true(resident() <= limit);
  } else {
    ASSERT_FALLS_TO(limit);
  }
  check_kept(count);
  TEST_HEAP_IS_SOUND();
  for (size_t i = 0; i < count; i++) {
    if (blocks[i] == NULL) {
      blocks[i] = ouro_malloc(sizes[i]);
      TEST_CHECK(blocks[i] != NULL);
      test_fill(blocks[i], sizes[i], i);
    }
  }
  check_kept(count);
  depopulate(count, 0);
}

static void free_pages_of_pools_in_use_go_back_on_trim(void **state) {
  (void)state;
  check_partial_pools_shrink(POPULATION, 1000, true);
  check_partial_pools_shrink(POPULATION, 400, true);
}

static void free_pages_of_pools_in_use_go_back_while_idle(void **state) {
  (void)state;
  check_partial_pools_shrink(POPULATION, 1000, false);
}

static void contents_survive_trims_between_all_steps(void **state) {
  (void)state;
  test_rng rng = {13};
  set_return_options(false, 500);
  populate(3000, 1500);
  for (size_t round = 0; round < test_count(200, 20); round++) {
    for (size_t i = 0; i < 100; i++) {
      size_t at = test_below(&rng, 3000);
      if (blocks[at] != NULL) {
        TEST_CHECK(test_holds(blocks[at], sizes[at], at));
        ouro_free(blocks[at]);
        blocks[at] = NULL;
      } else {
        blocks[at] = ouro_malloc(sizes[at]);
        test_fill(blocks[at], sizes[at], at);
      }
    }
    ouro_heap_trim();
  }
  check_kept(3000);
  depopulate(3000, 0);
}

static void calloc_on_memory_that_was_given_back_is_zero(void **state) {
  (void)state;
  static const size_t averages[] = {100, 900, 4096, 30000, 200000};
  set_return_options(false, 500);
  for (size_t i = 0; i < sizeof averages / sizeof *averages; i++) {
    populate(400, averages[i]);
    depopulate(400, 7);
    ouro_heap_trim();
    for (size_t j = 0; j < 400; j++) {
      if (blocks[j] == NULL) {
        blocks[j] = ouro_calloc(sizes[j], 1);
        TEST_CHECK(blocks[j] != NULL && test_all_bytes(blocks[j], 0, sizes[j]));
        test_fill(blocks[j], sizes[j], j);
      }
    }
    check_kept(400);
    depopulate(400, 0);
  }
}

static void a_shrunk_large_block_gives_back_its_tail(void **state) {
  (void)state;
  ouro_heap_trim();
  size_t base = resident();
  char *block = ouro_malloc(64 * MIB);
  memset(block, 3, 64 * MIB);
  assert_true(resident() >= base + 64 * MIB);
  block = ouro_realloc(block, MIB);
  assert_non_null(block);
  assert_true(test_all_bytes(block, 3, MIB));
  ouro_heap_trim();
  assert_true(resident() <= base + 4 * MIB);
  ouro_free(block);
}

/* ---------------------------------------------------------------- threads that went */

static void *populate_in_thread(void *arg) {
  (void)arg;
  populate(20000, 800);
  return NULL;
}

static void blocks_of_a_thread_that_ended_go_back_when_freed(void **state) {
  (void)state;
  pthread_t thread;
  ouro_heap_trim();
  size_t base = resident();
  assert_int_equal(pthread_create(&thread, NULL, populate_in_thread, NULL), 0);
  pthread_join(thread, NULL);
  check_kept(20000);
  size_t bytes = 20000 * (size_t)800;
  assert_true(resident() >= base + bytes);
  depopulate(20000, 0);
  ASSERT_FALLS_TO(base + bytes / 10 + MIB);
}

static void *free_all(void *arg) {
  (void)arg;
  depopulate(20000, 0);
  return NULL;
}

/* The blocks lie in the cache of a thread that ends: nothing may stay behind with it. */
static void what_an_ending_thread_had_cached_goes_back(void **state) {
  (void)state;
  pthread_t thread;
  ouro_heap_trim();
  size_t base = resident();
  size_t bytes = populate(20000, 800);
  assert_int_equal(pthread_create(&thread, NULL, free_all, NULL), 0);
  pthread_join(thread, NULL);
  ASSERT_FALLS_TO(base + bytes / 10 + MIB);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, default_options, heap_is_sound)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(an_idle_process_gives_back_free_small_blocks),
      TEST(an_idle_process_gives_back_free_blocks_of_all_classes),
      TEST(an_idle_process_gives_back_free_large_blocks),
      TEST(an_idle_process_gives_back_again_and_again),
      TEST(what_another_thread_freed_goes_back_while_both_sleep),
      TEST(trim_gives_back_at_once),
      TEST(without_background_memory_stays_until_trim),
      TEST(without_decay_memory_goes_back_as_it_is_freed),
      TEST(memory_that_pulses_within_the_decay_is_not_given_back),
      TEST(free_pages_of_pools_in_use_go_back_on_trim),
      TEST(free_pages_of_pools_in_use_go_back_while_idle),
      TEST(contents_survive_trims_between_all_steps),
      TEST(calloc_on_memory_that_was_given_back_is_zero),
      TEST(a_shrunk_large_block_gives_back_its_tail),
      TEST(blocks_of_a_thread_that_ended_go_back_when_freed),
      TEST(what_an_ending_thread_had_cached_goes_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
