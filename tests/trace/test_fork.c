/* tests/trace/test_fork.c - a child of fork goes on with a copy of its own, and the parent notices nothing.
 *
 * Each case runs in a child of the test, since a process publishes its area once. Frames and strings of the area are read back by
 * area_check.c, which knows nothing of the tracer. */
#define OURO_TRACE
#include "area_check.h"

#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ouro/ouro.h>

#include "trace/trace.h"

static void reap(pid_t child) {
  int status;
  TEST_CHECK(waitpid(child, &status, 0) == child);
  TEST_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Allocate 1000 blocks of 100 bytes at new lines and old ones, look, free them. */
static void count_for_a_while(void) {
  void *blocks[1000];
  ouro_trace_totals before = totals_now();
  sums mine = sums_of(__FILE__, __LINE__ + 1);
  for (int i = 0; i < 1000; i++) blocks[i] = ouro_malloc(100);
  TEST_CHECK(sums_of(__FILE__, __LINE__ - 1).live == mine.live + 1000);
  TEST_CHECK(totals_now().live_bytes == before.live_bytes + 100000);
  TEST_CHECK(totals_now().allocated_blocks == before.allocated_blocks + 1000);
  CHECK_TOTALS();
  for (int i = 0; i < 1000; i++) ouro_free(blocks[i]);
  TEST_CHECK(totals_now().live_bytes == before.live_bytes);
  CHECK_TOTALS();
}

static void check_own_file(const char *directory, int parent) {
  area_file file = area_open(directory, getpid());
  TEST_CHECK(file.page);
  TEST_CHECK(file.page->pid == getpid());
  TEST_CHECK(file.page->parent == parent);
  TEST_CHECK(file.page->broken == 0);
  TEST_CHECK(file.page->live_bytes == totals_now().live_bytes);
  CHECK_AREA(&file, true);
  area_close(&file);
}

/* ---------------------------------------------------------------- one thread */

static void fork_and_count(const char *directory, int depth) {
  int parent = getpid();
  void *block = ouro_malloc(1000);
  ouro_trace_totals at = totals_now();
  pid_t child = fork();
  TEST_CHECK(child >= 0);
  if (child == 0) {
    TEST_CHECK(totals_now().live_bytes == at.live_bytes);
    count_for_a_while();
    if (directory) check_own_file(directory, parent);
    if (depth) fork_and_count(directory, depth - 1);
    ouro_free(block);
    TEST_CHECK(totals_now().live_bytes == at.live_bytes - 1000);
    ouro__trace_exit();
    if (directory) {
      area_file file = area_open(directory, getpid());
      TEST_CHECK(file.page && file.page->state == OURO_AREA_EXITED);
    }
    test_exit(0);
  }
  count_for_a_while();
  reap(child);
  TEST_CHECK(totals_now().live_bytes == at.live_bytes);
  if (directory) check_own_file(directory, getppid());
  ouro_free(block);
}

static void with_directory(void *arg) {
  if (arg) TEST_CHECK(ouro__trace_publish(arg, true));
  start_exact(4);
  for (int i = 0; i < 5; i++) fork_and_count(arg, 2);
  if (!arg) return;
  ouro__trace_exit();
  area_file file = area_open(arg, getpid());
  TEST_CHECK(file.page && file.page->state == OURO_AREA_EXITED && file.page->live_bytes == totals_now().live_bytes);
}

static void children_count_for_themselves_in_memory(void **state) {
  (void)state;
  test_result result = test_in_child(with_directory, NULL, 60);
  TEST_CHILD_PASSED(&result);
}

static void children_count_for_themselves_in_files(void **state) {
  (void)state;
  const char *directory = directory_new();
  test_result result = test_in_child(with_directory, (void *)(uintptr_t)directory, 60);
  TEST_CHILD_PASSED(&result);
  directory_delete(directory);
}

/* ---------------------------------------------------------------- while others count */

static _Atomic bool enough;

static void *work(void *arg) {
  test_rng rng = {(uint64_t)(uintptr_t)arg};
  void *kept[16] = {0};
  while (!atomic_load_explicit(&enough, memory_order_relaxed)) {
    void **slot = &kept[test_below(&rng, 16)];
    ouro_free(*slot);
    *slot = test_below(&rng, 2) ? ouro_malloc(test_below(&rng, 3000)) : (ouro_malloc)(test_below(&rng, 300000));
  }
  for (int i = 0; i < 16; i++) ouro_free(kept[i]);
  return NULL;
}

static void fork_among_threads(void *arg) {
  enum { WORKERS = 4 };
  pthread_t threads[WORKERS];
  int self = getpid();
  if (arg) TEST_CHECK(ouro__trace_publish(arg, true));
  start_exact(8);
  for (uintptr_t i = 0; i < WORKERS; i++) TEST_CHECK(pthread_create(&threads[i], NULL, work, (void *)(i + 1)) == 0);
  for (size_t i = 0; i < test_count(60, 20); i++) {
    pid_t child = fork();
    TEST_CHECK(child >= 0);
    if (child == 0) {
      CHECK_TOTALS();
      count_for_a_while();
      if (arg) check_own_file(arg, self);
      ouro_trace_clear();
      count_for_a_while();
      ouro_trace_stop();
      start_sampling(100);
      ouro_free(ouro_malloc(100000));
      TEST_CHECK(totals_now().live_bytes == 0);
      ouro__trace_exit();
      test_exit(0);
    }
    reap(child);
  }
  atomic_store(&enough, true);
  for (unsigned i = 0; i < WORKERS; i++) pthread_join(threads[i], NULL);
  TEST_CHECK(totals_now().live_bytes == 0 && totals_now().live_blocks == 0);
  CHECK_TOTALS();
}

static void forks_among_threads_in_memory(void **state) {
  (void)state;
  test_result result = test_in_child(fork_among_threads, NULL, 120);
  TEST_CHILD_PASSED(&result);
}

static void forks_among_threads_in_files(void **state) {
  (void)state;
  const char *directory = directory_new();
  test_result result = test_in_child(fork_among_threads, (void *)(uintptr_t)directory, 120);
  TEST_CHILD_PASSED(&result);
  directory_delete(directory);
}

/* The first thread counts without the lock; another one, never seen before, forks. */
static _Atomic bool begun;

static void *fork_here(void *arg) {
  int parent = getpid();
  while (!atomic_load(&begun)) {
  }
  pid_t child = fork();
  TEST_CHECK(child >= 0);
  if (child == 0) {
    count_for_a_while();
    if (arg) check_own_file(arg, parent);
    test_exit(0);
  }
  reap(child);
  return NULL;
}

static void fork_as_a_stranger(void *arg) {
  pthread_t thread;
  TEST_CHECK(pthread_create(&thread, NULL, fork_here, arg) == 0);
  start_exact(4);
  atomic_store(&begun, true);
  for (int i = 0; i < 20000; i++) ouro_free(ouro_malloc(10 + (size_t)i % 3000));
  pthread_join(thread, NULL);
  TEST_CHECK(totals_now().live_bytes == 0);
}

static void publish_and_fork_as_a_stranger(void *arg) {
  TEST_CHECK(ouro__trace_publish(arg, true));
  fork_as_a_stranger(arg);
}

static void a_thread_that_was_not_seen_may_fork(void **state) {
  (void)state;
  for (int i = 0; i < 20; i++) {
    const char *directory = directory_new();
    test_result result = test_in_child(publish_and_fork_as_a_stranger, (void *)(uintptr_t)directory, 60);
    TEST_CHILD_PASSED(&result);
    directory_delete(directory);
  }
}

/* ---------------------------------------------------------------- samples */

/* Children draw other samples than their parent, and than each other. */
static void sample_in_children(void *arg) {
  (void)arg;
  enum { CHILDREN = 16 };
  uint64_t seen[CHILDREN];
  int pipes[2];
  TEST_CHECK(pipe(pipes) == 0);
  start_sampling(10000);
  ouro_free(ouro_malloc(100));
  for (int i = 0; i < CHILDREN; i++) {
    pid_t child = fork();
    if (child == 0) {
      for (int k = 0; k < 3000; k++) ouro_free(ouro_malloc(100));
      uint64_t bytes = totals_now().allocated_bytes;
      TEST_CHECK(write(pipes[1], &bytes, sizeof bytes) == sizeof bytes);
      test_exit(0);
    }
    reap(child);
    TEST_CHECK(read(pipes[0], &seen[i], sizeof seen[i]) == sizeof seen[i]);
  }
  int different = 0;
  for (int i = 1; i < CHILDREN; i++) different += seen[i] != seen[0];
  TEST_CHECK(different > CHILDREN / 2);
}

static void children_draw_their_own_samples(void **state) {
  (void)state;
  test_result result = test_in_child(sample_in_children, NULL, 60);
  TEST_CHILD_PASSED(&result);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(children_count_for_themselves_in_memory), cmocka_unit_test(children_count_for_themselves_in_files),
      cmocka_unit_test(forks_among_threads_in_memory),           cmocka_unit_test(forks_among_threads_in_files),
      cmocka_unit_test(a_thread_that_was_not_seen_may_fork),     cmocka_unit_test(children_draw_their_own_samples),
  };
  return cmocka_run_group_tests_name("trace fork", tests, NULL, NULL);
}
