/* tests/heap/test_fork.c - fork while others allocate leaves a child with a sound heap that works, and a parent that goes on.
 *
 * The child frees blocks of threads that it does not have, allocates, checks what it inherited, and may fork again.
 * ThreadSanitizer is asked to let a child of a process with threads live; but it cannot bear that
 * the child starts threads, so there it starts none.
 *
 * Linked with: the core static library (ouro_core), support/support.c, cmocka, threads. */
#include "support/support.h"

#include <errno.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ouro/heap.h>

#define KIB ((size_t)1024)
#define MIB (KIB * 1024)
#define THREADS 4
#define SHELF 256

const char *__tsan_default_options(void);
const char *__tsan_default_options(void) { return "die_after_fork=0"; }

static int heap_is_sound(void **state) {
  (void)state;
  TEST_HEAP_IS_SOUND();
  return 0;
}

/* ---------------------------------------------------------------- the other threads */

typedef struct parcel {
  size_t size;
  uint64_t seed;
} parcel;

/* Blocks of all threads. A slot is empty or holds a block that is complete, so a child may take whatever it finds. */
static _Atomic(parcel *) shelf[SHELF];
static atomic_bool stop;
static atomic_size_t exchanged;

static parcel *wrap(size_t size, uint64_t seed) {
  size_t total = size + sizeof(parcel);
  parcel *p = ouro_malloc(total);
  TEST_CHECK(p != NULL);
  *p = (parcel){total, seed};
  test_fill_sparse(p + 1, size, seed);
  return p;
}

static void unwrap(parcel *p) {
  TEST_CHECK(test_holds_sparse(p + 1, p->size - sizeof *p, p->seed));
  ouro_free(p);
}

static void *exchange_until_stopped(void *arg) {
  test_rng rng = {(uintptr_t)arg + 1};
  while (!atomic_load(&stop)) {
    parcel *mine = wrap(test_mixed_size(&rng, 300000), test_next(&rng));
    parcel *other = atomic_exchange(&shelf[test_below(&rng, SHELF)], mine);
    if (other != NULL) {
      unwrap(other);
    }
    size_t done = atomic_fetch_add(&exchanged, 1);
    if ((uintptr_t)arg == 0 && done % 64 == 0) {
      ouro_heap_trim();
    }
  }
  return NULL;
}

static pthread_t threads[THREADS];

static int start_threads(void **state) {
  (void)state;
  atomic_store(&stop, false);
  for (uintptr_t i = 0; i < THREADS; i++) {
    TEST_CHECK(pthread_create(&threads[i], NULL, exchange_until_stopped, (void *)i) == 0);
  }
  return 0;
}

static void clear_shelf(void) {
  for (size_t i = 0; i < SHELF; i++) {
    parcel *p = atomic_exchange(&shelf[i], NULL);
    if (p != NULL) {
      unwrap(p);
    }
  }
}

static int stop_threads(void **state) {
  atomic_store(&stop, true);
  for (size_t i = 0; i < THREADS; i++) {
    pthread_join(threads[i], NULL);
  }
  clear_shelf();
  return heap_is_sound(state);
}

/* ---------------------------------------------------------------- what a child does */

static void use_the_heap(uint64_t seed, size_t turns) {
  test_rng rng = {seed};
  parcel *slots[64] = {NULL};
  for (size_t i = 0; i < turns; i++) {
    size_t at = test_below(&rng, 64);
    if (slots[at] != NULL) {
      unwrap(slots[at]);
    }
    slots[at] = wrap(test_mixed_size(&rng, 300000), test_next(&rng));
  }
  for (size_t at = 0; at < 64; at++) {
    if (slots[at] != NULL) {
      unwrap(slots[at]);
    }
  }
}

static void live_as_a_child(uint64_t seed) {
  TEST_HEAP_IS_SOUND();
  use_the_heap(seed, 50);
  clear_shelf(); /* blocks of threads that do not exist here */
  use_the_heap(seed + 1, 50);
  ouro_heap_trim();
  ouro_heap *heap = ouro_heap_new(NULL);
  TEST_CHECK(heap != NULL);
  TEST_CHECK(ouro_heap_malloc(heap, 1000) != NULL);
  ouro_heap_destroy(heap);
  TEST_HEAP_IS_SOUND();
}

/* A child that hangs is killed by its alarm, and so seen. */
static void expect_good_end(pid_t child) {
  int status = -1;
  TEST_CHECK(child > 0);
  while (waitpid(child, &status, 0) < 0) {
    TEST_CHECK(errno == EINTR);
  }
  TEST_CHECK(WIFEXITED(status));
  TEST_CHECK(WEXITSTATUS(status) == 0);
}

static void start_no_background_thread(void) {
  ouro_options options = {.struct_size = sizeof options};
  TEST_CHECK(ouro_options_get(&options) == OURO_OK);
  options.background = false;
  TEST_CHECK(ouro_options_set(&options) == OURO_OK);
}

static void as_a_child(void (*body)(uint64_t seed), uint64_t seed) {
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    alarm(60);
    if (TEST_TSAN) {
      start_no_background_thread();
    }
    body(seed);
    test_exit(0);
  }
  expect_good_end(child);
}

/* ---------------------------------------------------------------- fork */

static void a_child_forked_while_others_allocate_can_use_the_heap(void **state) {
  (void)state;
  for (size_t i = 0; i < test_count(200, 15); i++) {
    as_a_child(live_as_a_child, i);
    use_the_heap(i, 20);
  }
}

static void fork_in_turn(uint64_t seed) {
  use_the_heap(seed, 10);
  as_a_child(live_as_a_child, seed + 10);
  live_as_a_child(seed + 20);
}

static void a_child_may_fork_again(void **state) {
  (void)state;
  for (size_t i = 0; i < test_count(30, 5); i++) {
    as_a_child(fork_in_turn, i);
  }
}

static void *use_in_a_thread(void *arg) {
  use_the_heap((uintptr_t)arg, 200);
  return NULL;
}

static void start_threads_of_its_own(uint64_t seed) {
  pthread_t own[3];
  for (uintptr_t i = 0; i < 3; i++) {
    TEST_CHECK(pthread_create(&own[i], NULL, use_in_a_thread, (void *)(i + (uintptr_t)seed)) == 0);
  }
  use_the_heap(seed, 100);
  for (size_t i = 0; i < 3; i++) {
    pthread_join(own[i], NULL);
  }
  live_as_a_child(seed);
}

static void a_child_may_start_threads(void **state) {
  (void)state;
  if (TEST_TSAN) {
    skip();
  }
  for (size_t i = 0; i < test_count(30, 5); i++) {
    as_a_child(start_threads_of_its_own, i);
  }
}

static void *fork_in_a_thread(void *arg) {
  for (size_t i = 0; i < test_count(15, 3); i++) {
    as_a_child(live_as_a_child, (uintptr_t)arg * 100 + i);
  }
  return NULL;
}

static void several_threads_may_fork_at_once(void **state) {
  (void)state;
  pthread_t forkers[3];
  for (uintptr_t i = 0; i < 3; i++) {
    assert_int_equal(pthread_create(&forkers[i], NULL, fork_in_a_thread, (void *)i), 0);
  }
  for (size_t i = 0; i < 3; i++) {
    pthread_join(forkers[i], NULL);
  }
}

static void the_parent_goes_on_after_forks(void **state) {
  (void)state;
  size_t before = atomic_load(&exchanged);
  as_a_child(live_as_a_child, 1);
  double end = test_seconds() + 30;
  while (atomic_load(&exchanged) < before + 1000 && test_seconds() < end) {
    use_the_heap(before, 10);
  }
  assert_true(atomic_load(&exchanged) >= before + 1000);
}

/* ---------------------------------------------------------------- memory of a child */

static char *inherited[2000];

static void change_what_it_inherited(uint64_t seed) {
  (void)seed;
  for (size_t i = 0; i < 2000; i++) {
    TEST_CHECK(test_holds(inherited[i], 1000, i));
    memset(inherited[i], 0xee, 1000);
    if (i % 2 == 0) {
      ouro_free(inherited[i]);
    }
  }
  ouro_heap_trim();
  use_the_heap(3, 100);
  TEST_HEAP_IS_SOUND();
}

static void what_a_child_does_is_not_seen_by_the_parent(void **state) {
  (void)state;
  for (size_t i = 0; i < 2000; i++) {
    inherited[i] = ouro_malloc(1000);
    test_fill(inherited[i], 1000, i);
  }
  as_a_child(change_what_it_inherited, 0);
  for (size_t i = 0; i < 2000; i++) {
    assert_true(test_holds(inherited[i], 1000, i));
    ouro_free(inherited[i]);
  }
}

static ouro_heap *heap_of_the_parent;
static char *block_of_that_heap;

static void use_the_parents_heap(uint64_t seed) {
  TEST_CHECK(test_holds(block_of_that_heap, 5000, 4));
  ouro_free(block_of_that_heap);
  for (size_t size = 1; size < 300000; size *= 3) {
    TEST_CHECK(ouro_heap_malloc(heap_of_the_parent, size) != NULL);
  }
  ouro_heap_destroy(heap_of_the_parent);
  live_as_a_child(seed);
}

static void a_child_may_use_and_destroy_a_private_heap_of_the_parent(void **state) {
  (void)state;
  heap_of_the_parent = ouro_heap_new(NULL);
  block_of_that_heap = ouro_heap_malloc(heap_of_the_parent, 5000);
  test_fill(block_of_that_heap, 5000, 4);
  for (uint64_t i = 0; i < 5; i++) {
    as_a_child(use_the_parents_heap, i);
  }
  assert_true(test_holds(block_of_that_heap, 5000, 4));
  ouro_heap_destroy(heap_of_the_parent);
}

static bool child_heap_shrank(void *arg) {
  ouro_heap_stats stats = {.struct_size = sizeof stats};
  TEST_CHECK(ouro_heap_stats_get(&stats) == OURO_OK);
  return stats.bytes_held <= *(size_t *)arg;
}

/* The thread that gives memory back does not survive a fork by itself: the child must get one of its own. */
static void idle_in_the_child(uint64_t seed) {
  (void)seed;
  static char *blocks[5000];
  ouro_heap_stats stats = {.struct_size = sizeof stats};
  for (size_t i = 0; i < 5000; i++) {
    blocks[i] = ouro_malloc(4000);
    memset(blocks[i], 1, 4000);
  }
  TEST_CHECK(ouro_heap_stats_get(&stats) == OURO_OK);
  for (size_t i = 0; i < 5000; i++) {
    ouro_free(blocks[i]);
  }
  size_t limit = stats.bytes_held - 15 * MIB;
  TEST_CHECK(test_wait_until(child_heap_shrank, &limit, 10));
}

static void a_child_that_idles_gives_memory_back(void **state) {
  (void)state;
  if (TEST_TSAN) {
    skip();
  }
  for (int round = 0; round < 3; round++) {
    as_a_child(idle_in_the_child, 0);
  }
}

/* ---------------------------------------------------------------- vfork, posix_spawn */

extern char **environ;

static void vfork_and_exec(void) {
  char name[] = "true";
  char *const arguments[] = {name, NULL};
  pid_t child = vfork();
  if (child == 0) {
    execv("/bin/true", arguments);
    _exit(127);
  }
  expect_good_end(child);
}

static void vfork_and_exec_while_others_allocate(void **state) {
  (void)state;
  for (size_t i = 0; i < test_count(100, 10); i++) {
    vfork_and_exec();
    use_the_heap(i, 10);
  }
}

static void posix_spawn_while_others_allocate(void **state) {
  (void)state;
  for (size_t i = 0; i < test_count(100, 10); i++) {
    char name[] = "true";
    char *const arguments[] = {name, NULL};
    pid_t child = 0;
    assert_int_equal(posix_spawn(&child, "/bin/true", NULL, NULL, arguments, environ), 0);
    expect_good_end(child);
    use_the_heap(i, 10);
  }
}

#define QUIET(name) cmocka_unit_test_teardown(name, heap_is_sound)
#define BUSY(name) cmocka_unit_test_setup_teardown(name, start_threads, stop_threads)

int main(void) {
  const struct CMUnitTest tests[] = {
      QUIET(what_a_child_does_is_not_seen_by_the_parent),
      QUIET(a_child_that_idles_gives_memory_back),
      BUSY(a_child_may_use_and_destroy_a_private_heap_of_the_parent),
      BUSY(a_child_forked_while_others_allocate_can_use_the_heap),
      BUSY(a_child_may_fork_again),
      BUSY(a_child_may_start_threads),
      BUSY(several_threads_may_fork_at_once),
      BUSY(the_parent_goes_on_after_forks),
      BUSY(vfork_and_exec_while_others_allocate),
      BUSY(posix_spawn_while_others_allocate),
      QUIET(a_child_that_idles_gives_memory_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
