/* tests/stress/test_stress.c - everything at once, for a while: threads allocate, resize, free their own blocks and each other's,
 * come and go, make and destroy private heaps, trim, flush, walk and verify, while the main thread forks children that use and
 * check what they inherited. Every block carries a pattern that whoever frees it checks.
 *
 * usage: test_stress [SECONDS [THREADS [SEED]]]     10 seconds, 8 threads, seed 1. One TAP line; a failure aborts with a message.
 *
 * Linked with: the core static library (ouro_core), support/support.c, threads. Worth runs under OURO_CONF=check, decay:0 and
 * background:no as well. */
#include "support/support.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ouro/heap.h>

#define KIB ((size_t)1024)
#define MIB (KIB * 1024)
#define SHELF 4096
#define OWN 200
#define LARGEST (2 * MIB)
#define MOST_THREADS 64

const char *__tsan_default_options(void);
const char *__tsan_default_options(void) { return "die_after_fork=0"; }

typedef struct parcel {
  size_t size;
  uint64_t seed;
} parcel;

static _Atomic(parcel *) shelf[SHELF];
static atomic_bool stop;
static atomic_size_t operations;
static atomic_size_t forks;
static atomic_size_t threads_ended;
static uint64_t seed_of_run;

/* ---------------------------------------------------------------- parcels */

static parcel *seal(parcel *p, size_t size, uint64_t seed) {
  TEST_CHECK(p != NULL);
  TEST_CHECK(((uintptr_t)p & 15) == 0);
  *p = (parcel){size, seed};
  test_fill_sparse(p + 1, size - sizeof *p, seed);
  return p;
}

static void check(const parcel *p) {
  TEST_CHECK(p->size >= sizeof *p && p->size <= 2 * LARGEST);
  TEST_CHECK(test_holds_sparse(p + 1, p->size - sizeof *p, p->seed));
}

static size_t some_size(test_rng *rng) { return sizeof(parcel) + test_mixed_size(rng, LARGEST); }

static parcel *take(test_rng *rng) {
  size_t size = some_size(rng);
  void *block;
  switch (test_below(rng, 8)) {
  case 0:
    block = ouro_calloc(1, size);
    TEST_CHECK(block != NULL && test_all_bytes(block, 0, size < 4096 ? size : 4096));
    break;
  case 1:
    block = ouro_aligned_alloc((size_t)16 << test_below(rng, 10), size);
    break;
  default:
    block = ouro_malloc(size);
  }
  return seal(block, size, test_next(rng));
}

static void drop(parcel *p) {
  if (p != NULL) {
    check(p);
    ouro_free(p);
  }
}

static parcel *resize(parcel *p, test_rng *rng) {
  size_t before = p->size;
  size_t size = test_below(rng, 2) == 0 ? before + test_below(rng, 200) : some_size(rng);
  if (size > LARGEST) {
    size = LARGEST;
  }
  uint64_t seed = p->seed;
  check(p);
  p = ouro_realloc(p, size);
  TEST_CHECK(p != NULL);
  size_t kept = size < before ? size : before;
  TEST_CHECK(test_holds_sparse_prefix(p + 1, before - sizeof *p, kept - sizeof *p, seed));
  return seal(p, size, test_next(rng));
}

/* ---------------------------------------------------------------- what a thread does */

static void exchange(test_rng *rng) { drop(atomic_exchange(&shelf[test_below(rng, SHELF)], take(rng))); }

static void change_own(parcel **own, test_rng *rng) {
  parcel **slot = &own[test_below(rng, OWN)];
  if (*slot == NULL) {
    *slot = take(rng);
  } else if (test_below(rng, 3) == 0) {
    *slot = resize(*slot, rng);
  } else {
    drop(*slot);
    *slot = NULL;
  }
}

static void live_in_a_private_heap(test_rng *rng) {
  ouro_heap *heap = ouro_heap_new(NULL);
  TEST_CHECK(heap != NULL);
  parcel *kept[20] = {NULL};
  for (size_t i = 0; i < 100; i++) {
    size_t size = sizeof(parcel) + test_mixed_size(rng, 300000);
    parcel **slot = &kept[test_below(rng, 20)];
    drop(*slot);
    *slot = seal(ouro_heap_malloc(heap, size), size, test_next(rng));
  }
  for (size_t i = 0; i < 20; i++) {
    if (kept[i] != NULL) {
      check(kept[i]);
    }
  }
  ouro_heap_destroy(heap);
}

static int look(const ouro_walk_item *item, void *arg) {
  *(size_t *)arg += item->size;
  return 0;
}

static void do_something_rare(test_rng *rng) {
  size_t bytes = 0;
  ouro_heap_stats stats = {.struct_size = sizeof stats};
  switch (test_below(rng, 6)) {
  case 0:
    ouro_heap_trim();
    break;
  case 1:
    ouro_thread_flush();
    break;
  case 2:
    TEST_HEAP_IS_SOUND();
    break;
  case 3:
    TEST_CHECK(ouro_heap_walk(15, look, &bytes) == OURO_OK && bytes > 0);
    break;
  case 4:
    TEST_CHECK(ouro_heap_stats_get(&stats) == OURO_OK);
    break;
  default:
    live_in_a_private_heap(rng);
  }
}

/* One generation of a thread: some tens of thousands of operations, then it ends with its blocks on the shelf. */
static void *one_life(void *arg) {
  test_rng rng = {(uintptr_t)arg * 7919 + seed_of_run};
  parcel *own[OWN] = {NULL};
  size_t length = 1000 + test_below(&rng, 30000);
  size_t i;
  for (i = 0; i < length && !atomic_load_explicit(&stop, memory_order_relaxed); i++) {
    if (test_below(&rng, 2) == 0) {
      exchange(&rng);
    } else {
      change_own(own, &rng);
    }
    if (test_below(&rng, 2000) == 0) {
      do_something_rare(&rng);
    }
  }
  for (size_t slot = 0; slot < OWN; slot++) {
    drop(atomic_exchange(&shelf[test_below(&rng, SHELF)], own[slot]));
  }
  atomic_fetch_add(&operations, i);
  atomic_fetch_add(&threads_ended, 1);
  return NULL;
}

static void *live_again_and_again(void *arg) {
  for (uintptr_t life = 0; !atomic_load(&stop); life++) {
    pthread_t thread;
    TEST_CHECK(pthread_create(&thread, NULL, one_life, (void *)((uintptr_t)arg + life * 1000)) == 0);
    pthread_join(thread, NULL);
  }
  return NULL;
}

/* ---------------------------------------------------------------- what the main thread does */

/* ThreadSanitizer cannot bear that a child of a process with threads starts one. */
static void start_no_background_thread(void) {
  ouro_options options = {.struct_size = sizeof options};
  TEST_CHECK(ouro_options_get(&options) == OURO_OK);
  options.background = false;
  TEST_CHECK(ouro_options_set(&options) == OURO_OK);
}

static void live_as_a_child(uint64_t seed) {
  test_rng rng = {seed};
  parcel *own[OWN] = {NULL};
  alarm(120);
  if (TEST_TSAN) {
    start_no_background_thread();
  }
  TEST_HEAP_IS_SOUND();
  for (size_t i = 0; i < SHELF; i++) {
    drop(atomic_exchange(&shelf[i], NULL));
  }
  for (size_t i = 0; i < 500; i++) {
    change_own(own, &rng);
  }
  for (size_t i = 0; i < OWN; i++) {
    drop(own[i]);
  }
  TEST_HEAP_IS_SOUND();
  test_exit(0);
}

static void fork_and_wait(uint64_t seed) {
  pid_t child = fork();
  TEST_CHECK(child >= 0);
  if (child == 0) {
    live_as_a_child(seed);
  }
  int status = -1;
  while (waitpid(child, &status, 0) < 0) {
    TEST_CHECK(errno == EINTR);
  }
  TEST_CHECK(status == 0);
  atomic_fetch_add(&forks, 1);
}

static void check_the_end(void) {
  for (size_t i = 0; i < SHELF; i++) {
    drop(atomic_exchange(&shelf[i], NULL));
  }
  ouro_heap_trim();
  TEST_HEAP_IS_SOUND();
  ouro_heap_stats stats = {.struct_size = sizeof stats};
  TEST_CHECK(ouro_heap_stats_get(&stats) == OURO_OK);
  if (!test_check_mode()) {
    TEST_CHECK(stats.blocks_live == 0);
    TEST_CHECK(stats.bytes_held <= 16 * MIB);
  }
  TEST_CHECK(stats.threads <= 2);
}

int main(int argc, char **argv) {
  double seconds = argc > 1 ? atof(argv[1]) : 10;
  size_t count = argc > 2 ? strtoul(argv[2], NULL, 10) : 8;
  seed_of_run = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
  if (seconds <= 0 || count == 0 || count > MOST_THREADS) {
    fprintf(stderr, "usage: test_stress [SECONDS [THREADS [SEED]]], at most %d threads\n", MOST_THREADS);
    return 2;
  }
  pthread_t threads[MOST_THREADS];
  double end = test_seconds() + seconds;
  for (uintptr_t i = 0; i < count; i++) {
    TEST_CHECK(pthread_create(&threads[i], NULL, live_again_and_again, (void *)(i + 1)) == 0);
  }
  for (uint64_t turn = 0; test_seconds() < end; turn++) {
    test_sleep_ms(50);
    fork_and_wait(turn);
  }
  atomic_store(&stop, true);
  for (size_t i = 0; i < count; i++) {
    pthread_join(threads[i], NULL);
  }
  check_the_end();
  printf("1..1\nok 1 - stress: %zu operations, %zu threads, %zu forks in %.0f seconds\n", atomic_load(&operations),
         atomic_load(&threads_ended), atomic_load(&forks), seconds);
  return 0;
}
