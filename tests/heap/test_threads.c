/* tests/heap/test_threads.c - many threads on one heap: each block is its taker's alone, whoever frees it; threads come and go
 * without leaving anything; destructors of thread-specific data may allocate and free.
 *
 * Meant for ThreadSanitizer too: threads hand blocks to each other through atomics or locks, as a right program does.
 *
 * Linked with: the core static library (ouro_core), support/support.c, cmocka, threads. */
#include "support/support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include <ouro/heap.h>

#define KIB ((size_t)1024)
#define MIB (KIB * 1024)
#define THREADS 8

static int heap_is_sound(void **state) {
  (void)state;
  TEST_HEAP_IS_SOUND();
  return 0;
}

static ouro_heap_stats heap_stats(void) {
  ouro_heap_stats stats = {.struct_size = sizeof stats};
  TEST_CHECK(ouro_heap_stats_get(&stats) == OURO_OK);
  return stats;
}

/* Run body(i) in `count` threads, i from 0. */
static void in_threads(size_t count, void *(*body)(void *)) {
  pthread_t threads[64];
  TEST_CHECK(count <= 64);
  for (uintptr_t i = 0; i < count; i++) {
    TEST_CHECK(pthread_create(&threads[i], NULL, body, (void *)i) == 0);
  }
  for (size_t i = 0; i < count; i++) {
    TEST_CHECK(pthread_join(threads[i], NULL) == 0);
  }
}

/* A block knows its size and seed, so that whoever gets it can check it. */
typedef struct parcel {
  size_t size;
  uint64_t seed;
} parcel;

static parcel *wrap(size_t size, uint64_t seed) {
  size_t total = size < sizeof(parcel) ? sizeof(parcel) : size;
  parcel *p = ouro_malloc(total);
  TEST_CHECK(p != NULL);
  TEST_CHECK(((uintptr_t)p & 15) == 0);
  *p = (parcel){total, seed};
  test_fill_sparse(p + 1, total - sizeof *p, seed);
  return p;
}

static void unwrap(parcel *p) {
  TEST_CHECK(test_holds_sparse(p + 1, p->size - sizeof *p, p->seed));
  ouro_free(p);
}

/* ---------------------------------------------------------------- each for itself */

static void *work_alone(void *arg) {
  enum { SLOTS = 400 };
  parcel *slots[SLOTS] = {NULL};
  test_rng rng = {(uintptr_t)arg + 1};
  for (size_t i = 0; i < test_count(200000, 4000); i++) {
    size_t at = test_below(&rng, SLOTS);
    if (slots[at] != NULL) {
      unwrap(slots[at]);
    }
    slots[at] = wrap(test_mixed_size(&rng, 400000), test_next(&rng));
  }
  for (size_t i = 0; i < SLOTS; i++) {
    if (slots[i] != NULL) {
      unwrap(slots[i]);
    }
  }
  return NULL;
}

static void threads_that_share_nothing_do_not_disturb_each_other(void **state) {
  (void)state;
  in_threads(THREADS, work_alone);
  ouro_thread_flush();
  assert_int_equal(heap_stats().blocks_live, 0);
}

/* ---------------------------------------------------------------- frees by others */

#define SHELF 512
static _Atomic(parcel *) shelf[SHELF];

/* Put a parcel on a random place of the shelf, and free what another thread had put there. */
static void *exchange_parcels(void *arg) {
  test_rng rng = {(uintptr_t)arg + 100};
  for (size_t i = 0; i < test_count(150000, 4000); i++) {
    parcel *mine = wrap(test_mixed_size(&rng, 300000), test_next(&rng));
    parcel *other = atomic_exchange(&shelf[test_below(&rng, SHELF)], mine);
    if (other != NULL) {
      unwrap(other);
    }
    if (i % 5000 == 0) {
      TEST_CHECK(heap_stats().threads >= 1);
    }
  }
  return NULL;
}

static void clear_shelf(void) {
  for (size_t i = 0; i < SHELF; i++) {
    parcel *p = atomic_exchange(&shelf[i], NULL);
    if (p != NULL) {
      unwrap(p);
    }
  }
}

static void blocks_freed_by_any_thread_are_taken_back(void **state) {
  (void)state;
  for (int round = 0; round < 2; round++) {
    in_threads(THREADS, exchange_parcels);
    clear_shelf();
    ouro_thread_flush();
    assert_int_equal(heap_stats().blocks_live, 0);
    TEST_HEAP_IS_SOUND();
  }
}

static void *exchange_with_trims(void *arg) {
  uintptr_t number = (uintptr_t)arg;
  test_rng rng = {number + 300};
  for (size_t i = 0; i < test_count(30000, 1000); i++) {
    parcel *mine = wrap(test_mixed_size(&rng, 200000), test_next(&rng));
    parcel *other = atomic_exchange(&shelf[test_below(&rng, SHELF)], mine);
    if (other != NULL) {
      unwrap(other);
    }
    if (number == 0 && i % 50 == 0) {
      ouro_heap_trim();
    } else if (number == 1 && i % 100 == 0) {
      ouro_thread_flush();
    } else if (number == 2 && i % 200 == 0) {
      TEST_HEAP_IS_SOUND();
    }
  }
  return NULL;
}

static void trims_flushes_and_checks_of_some_do_not_disturb_others(void **state) {
  (void)state;
  in_threads(4, exchange_with_trims);
  clear_shelf();
}

static void *move_parcels(void *arg) {
  test_rng rng = {(uintptr_t)arg + 500};
  for (size_t i = 0; i < test_count(60000, 2000); i++) {
    size_t at = test_below(&rng, SHELF);
    parcel *p = atomic_exchange(&shelf[at], NULL);
    if (p == NULL) {
      p = wrap(test_mixed_size(&rng, 100000), test_next(&rng));
    } else {
      size_t before = p->size;
      size_t size = sizeof *p + test_mixed_size(&rng, 100000);
      p = ouro_realloc(p, size);
      TEST_CHECK(p != NULL);
      size_t kept = size < before ? size : before;
      TEST_CHECK(test_holds_sparse_prefix(p + 1, before - sizeof *p, kept - sizeof *p, p->seed));
      *p = (parcel){size, test_next(&rng)};
      test_fill_sparse(p + 1, size - sizeof *p, p->seed);
    }
    p = atomic_exchange(&shelf[at], p);
    if (p != NULL) {
      unwrap(p);
    }
  }
  return NULL;
}

static void realloc_of_blocks_of_other_threads_keeps_the_contents(void **state) {
  (void)state;
  in_threads(4, move_parcels);
  clear_shelf();
  ouro_thread_flush();
  assert_int_equal(heap_stats().blocks_live, 0);
}

/* ---------------------------------------------------------------- one takes, another frees */

#define PIPE 1024
static _Atomic(parcel *) in_the_pipe[PIPE];
static atomic_size_t passed_on;

static void *produce(void *arg) {
  (void)arg;
  test_rng rng = {9};
  size_t count = test_count(500000, 20000);
  for (size_t i = 0; i < count; i++) {
    parcel *p = wrap(test_mixed_size(&rng, 20000), i);
    while (atomic_load(&in_the_pipe[i % PIPE]) != NULL) {
      sched_yield();
    }
    atomic_store(&in_the_pipe[i % PIPE], p);
  }
  return NULL;
}

static void *consume(void *arg) {
  (void)arg;
  size_t count = test_count(500000, 20000);
  for (size_t i = 0; i < count; i++) {
    parcel *p;
    while ((p = atomic_exchange(&in_the_pipe[i % PIPE], NULL)) == NULL) {
      sched_yield();
    }
    TEST_CHECK(p->seed == i);
    unwrap(p);
    atomic_fetch_add(&passed_on, 1);
  }
  return NULL;
}

static void *produce_or_consume(void *arg) { return (uintptr_t)arg == 0 ? produce(arg) : consume(arg); }

static void a_thread_that_only_frees_feeds_the_one_that_only_takes(void **state) {
  (void)state;
  ouro_heap_trim();
  size_t before = heap_stats().bytes_held;
  atomic_store(&passed_on, 0);
  in_threads(2, produce_or_consume);
  assert_int_equal(atomic_load(&passed_on), test_count(500000, 20000));
  ouro_heap_stats after = heap_stats();
  assert_int_equal(after.blocks_live, 0);
  /* At most 1,024 parcels of 20 KB were ever under way; a heap that did not reuse what came back would hold gigabytes. */
  assert_true(after.bytes_held <= before + 128 * MIB);
}

/* ---------------------------------------------------------------- threads come and go */

static void *short_life(void *arg) {
  uintptr_t number = (uintptr_t)arg;
  test_rng rng = {number};
  parcel *own[12];
  for (size_t i = 0; i < 12; i++) {
    own[i] = wrap(test_mixed_size(&rng, 5000), test_next(&rng));
  }
  for (size_t i = 0; i < 12; i += 2) {
    unwrap(own[i]);
  }
  /* The rest outlives its thread, on the shelf. */
  for (size_t i = 1; i < 12; i += 2) {
    parcel *other = atomic_exchange(&shelf[test_below(&rng, SHELF)], own[i]);
    if (other != NULL) {
      unwrap(other);
    }
  }
  return NULL;
}

static void start_a_hundred(size_t generation) {
  pthread_t threads[100];
  for (uintptr_t i = 0; i < 100; i++) {
    TEST_CHECK(pthread_create(&threads[i], NULL, short_life, (void *)(generation * 100 + i)) == 0);
  }
  for (size_t i = 0; i < 100; i++) {
    pthread_join(threads[i], NULL);
  }
}

static pthread_barrier_t all_alive;

static void *live_at_once(void *arg) {
  short_life(arg);
  pthread_barrier_wait(&all_alive);
  return NULL;
}

/* As many threads at once as there will ever be: what the heap keeps for each of them, it has afterwards. */
static void warm_up(void) {
  pthread_t threads[100];
  pthread_barrier_init(&all_alive, NULL, 100);
  for (uintptr_t i = 0; i < 100; i++) {
    TEST_CHECK(pthread_create(&threads[i], NULL, live_at_once, (void *)i) == 0);
  }
  for (size_t i = 0; i < 100; i++) {
    pthread_join(threads[i], NULL);
  }
  pthread_barrier_destroy(&all_alive);
}

static void a_hundred_thousand_threads_leave_no_growth(void **state) {
  (void)state;
  size_t generations = test_count(1000, 20);
  size_t address_space = 0;
  ouro_heap_stats early = {0};
  warm_up();
  for (size_t generation = 0; generation < generations; generation++) {
    start_a_hundred(generation);
    if (generation == generations / 10) {
      ouro_heap_trim();
      early = heap_stats();
      address_space = test_virtual_bytes();
    }
  }
  clear_shelf();
  ouro_heap_trim();
  ouro_heap_stats late = heap_stats();
  assert_true(late.bytes_held <= early.bytes_held + 2 * MIB);
  assert_true(late.bytes_metadata <= early.bytes_metadata + MIB);
  assert_true(late.heaps <= early.heaps + 2);
  assert_true(late.threads <= 2);
  if (!TEST_ASAN && !TEST_TSAN) {
    assert_true(test_virtual_bytes() <= address_space + 8 * MIB);
  }
  assert_int_equal(late.blocks_live, 0);
}

static void *leave_with_a_full_cache(void *arg) {
  (void)arg;
  parcel *blocks[300];
  for (size_t i = 0; i < 300; i++) {
    blocks[i] = wrap(i * 10, i);
  }
  for (size_t i = 0; i < 300; i++) {
    unwrap(blocks[i]);
  }
  return NULL;
}

static void what_a_thread_had_cached_is_free_when_it_has_ended(void **state) {
  (void)state;
  ouro_thread_flush();
  size_t cached = heap_stats().bytes_cached;
  for (int i = 0; i < 20; i++) {
    in_threads(1, leave_with_a_full_cache);
  }
  assert_int_equal(heap_stats().bytes_cached, cached);
  assert_int_equal(heap_stats().blocks_live, 0);
}

static void *flush_and_go_on(void *arg) {
  test_rng rng = {(uintptr_t)arg};
  for (size_t i = 0; i < test_count(3000, 200); i++) {
    parcel *p = wrap(test_mixed_size(&rng, 10000), i);
    ouro_thread_flush();
    unwrap(p);
    ouro_thread_flush();
  }
  return NULL;
}

static void a_thread_may_flush_whenever_it_likes(void **state) {
  (void)state;
  in_threads(4, flush_and_go_on);
  ouro_thread_flush();
  assert_int_equal(heap_stats().blocks_live, 0);
  assert_int_equal(heap_stats().bytes_cached, 0);
}

static void *flush_only(void *arg) {
  (void)arg;
  ouro_thread_flush();
  TEST_CHECK(ouro_usable_size(NULL) == 0);
  ouro_free(NULL);
  return NULL;
}

static void a_thread_that_never_allocated_may_flush_and_end(void **state) {
  (void)state;
  in_threads(8, flush_only);
}

static void *free_what_another_made(void *arg) {
  (void)arg;
  clear_shelf(); /* the first thing that this thread does with the heap is to free */
  return NULL;
}

static void the_first_call_of_a_thread_may_be_a_free(void **state) {
  (void)state;
  for (int round = 0; round < 50; round++) {
    for (size_t i = 0; i < 60; i++) {
      atomic_store(&shelf[i], wrap(i * i * 40, i));
    }
    in_threads(1, free_what_another_made);
  }
  assert_int_equal(heap_stats().blocks_live, 0);
}

/* ---------------------------------------------------------------- thread-specific data */

static pthread_key_t keys[4];
static atomic_size_t destructors_run;

/* Frees, allocates, and sets its key again, so that it is called in several of the rounds that POSIX allows: the heap's own
 * part of the thread may be gone in some of them. */
static void destroy_specific(void *value) {
  parcel *p = value;
  size_t turns = (size_t)p->seed;
  size_t key = turns % 4;
  unwrap(p);
  parcel *fresh = wrap(turns * 100, turns);
  TEST_CHECK(ouro_owns(fresh));
  unwrap(fresh);
  atomic_fetch_add(&destructors_run, 1);
  if (turns >= 4) {
    pthread_setspecific(keys[key], wrap(64, turns - 4));
  }
}

static void *use_specific(void *arg) {
  (void)arg;
  for (size_t key = 0; key < 4; key++) {
    /* Three rounds each; POSIX promises four. */
    pthread_setspecific(keys[key], wrap(200, 8 + key));
  }
  return NULL;
}

static void destructors_of_thread_data_may_allocate_and_free(void **state) {
  (void)state;
  for (size_t key = 0; key < 4; key++) {
    assert_int_equal(pthread_key_create(&keys[key], destroy_specific), 0);
  }
  atomic_store(&destructors_run, 0);
  for (int round = 0; round < 30; round++) {
    in_threads(8, use_specific);
  }
  assert_int_equal(atomic_load(&destructors_run), 30 * 8 * 4 * 3);
  ouro_thread_flush();
  assert_int_equal(heap_stats().blocks_live, 0);
  assert_true(heap_stats().threads <= 2);
  for (size_t key = 0; key < 4; key++) {
    pthread_key_delete(keys[key]);
  }
}

/* ---------------------------------------------------------------- small stacks, detached, cancelled */

static atomic_size_t finished;

static void *in_a_small_stack(void *arg) {
  work_alone(arg);
  atomic_fetch_add(&finished, 1);
  return NULL;
}

static bool all_finished(void *arg) { return atomic_load(&finished) >= *(size_t *)arg; }

static bool few_threads(void *arg) {
  (void)arg;
  return heap_stats().threads <= 2;
}

static void detached_threads_leave_nothing(void **state) {
  (void)state;
  pthread_attr_t attributes;
  size_t expected = 4;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, TEST_ASAN || TEST_TSAN ? 1024 * 1024 : 64 * 1024);
  atomic_store(&finished, 0);
  for (uintptr_t i = 0; i < expected; i++) {
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, &attributes, in_a_small_stack, (void *)i), 0);
  }
  assert_true(test_wait_until(all_finished, &expected, 60));
  assert_true(test_wait_until(few_threads, NULL, 60));
  ouro_thread_flush();
  assert_int_equal(heap_stats().blocks_live, 0);
  pthread_attr_destroy(&attributes);
}

static void *end_by_exit(void *arg) {
  unwrap(wrap(100, (uintptr_t)arg));
  pthread_exit(NULL);
}

static void a_thread_may_end_by_pthread_exit(void **state) {
  (void)state;
  in_threads(32, end_by_exit);
  assert_int_equal(heap_stats().blocks_live, 0);
  assert_true(heap_stats().threads <= 2);
}

#define TEST(name) cmocka_unit_test_teardown(name, heap_is_sound)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(the_first_call_of_a_thread_may_be_a_free),
      TEST(destructors_of_thread_data_may_allocate_and_free),
      TEST(threads_that_share_nothing_do_not_disturb_each_other),
      TEST(blocks_freed_by_any_thread_are_taken_back),
      TEST(trims_flushes_and_checks_of_some_do_not_disturb_others),
      TEST(realloc_of_blocks_of_other_threads_keeps_the_contents),
      TEST(a_thread_that_only_frees_feeds_the_one_that_only_takes),
      TEST(a_hundred_thousand_threads_leave_no_growth),
      TEST(what_a_thread_had_cached_is_free_when_it_has_ended),
      TEST(a_thread_may_flush_whenever_it_likes),
      TEST(a_thread_that_never_allocated_may_flush_and_end),
      TEST(detached_threads_leave_nothing),
      TEST(a_thread_may_end_by_pthread_exit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
