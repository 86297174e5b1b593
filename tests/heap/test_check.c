/* tests/heap/test_check.c - OURO_CONF=check finds misuse, and is otherwise not to be noticed: no false alarm, no memory
 * lost, fork and threads as ever. What it must find is in tests/misuse.
 *
 * The cases are children, started again with OURO_CONF=check. Linked with: the core static library (ouro_core),
 * support/support.c, cmocka, threads. */
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
#define PATIENCE 60.0

/* More frees than the queue of freed blocks can hold: what was in it has left it. */
static void empty_the_queue(void) {
  for (size_t i = 0; i < 20000; i++) {
    ouro_free(ouro_malloc(100));
  }
}

/* ---------------------------------------------------------------- children */

static void child_sizes(void) {
  for (size_t size = 0; size < 5 * MIB; size += size / 7 + 1) {
    char *block = ouro_malloc(size);
    TEST_CHECK(block != NULL);
    TEST_CHECK(((uintptr_t)block & 15) == 0);
    TEST_CHECK(ouro_usable_size(block) >= size);
    test_fill_sparse(block, size, size);
    block = ouro_realloc(block, size + 100);
    TEST_CHECK(test_holds_sparse(block, size, size));
    memset(block, 1, size + 100);
    ouro_free_sized(block, size + 100);
    block = ouro_aligned_alloc(256, size);
    TEST_CHECK(((uintptr_t)block & 255) == 0);
    memset(block, 2, size);
    ouro_free_aligned_sized(block, 256, size);
  }
  empty_the_queue();
}

/* Blocks that wait in the queue vanish with their heap: they must not be looked at any more. */
static void child_destroyed_heap(void) {
  static const size_t sizes[] = {40, 1000, 20000, 300000, 5242880};
  for (int round = 0; round < 20; round++) {
    ouro_heap *heap = ouro_heap_new(NULL);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
      char *block = ouro_heap_malloc(heap, sizes[i]);
      TEST_CHECK(block != NULL);
      memset(block, 1, sizes[i]);
      ouro_free(block);
      TEST_CHECK(ouro_heap_malloc(heap, sizes[i]) != NULL);
    }
    ouro_heap_destroy(heap);
    if (round % 2 == 0) {
      ouro_heap_trim();
    }
    for (size_t i = 0; i < 400; i++) {
      char *block = ouro_malloc(i * 100); /* the same memory, for others */
      memset(block, 3, i * 100);
      ouro_free(block);
    }
  }
  empty_the_queue();
  TEST_HEAP_IS_SOUND();
}

/* What waits in the queue is free: where memory is short it must serve. */
static void child_limit(void) {
  ouro_options options = {.struct_size = sizeof options};
  TEST_CHECK(ouro_options_get(&options) == OURO_OK);
  TEST_CHECK(options.check);
  options.limit_bytes = 24 * MIB;
  TEST_CHECK(ouro_options_set(&options) == OURO_OK);
  for (int round = 0; round < 50; round++) {
    char *block = ouro_malloc(8 * MIB);
    TEST_CHECK(block != NULL);
    ouro_free(block);
  }
}

static void child_gives_back(void) {
  static void *blocks[20000];
  ouro_heap_stats stats = {.struct_size = sizeof stats};
  for (size_t i = 0; i < 20000; i++) {
    blocks[i] = ouro_malloc(4000);
    memset(blocks[i], 1, 4000);
  }
  for (size_t i = 0; i < 20000; i++) {
    ouro_free(blocks[i]);
  }
  for (size_t i = 0; i < 20; i++) {
    ouro_free(ouro_malloc(50 * MIB));
  }
  TEST_CHECK(ouro_heap_stats_get(&stats) == OURO_OK);
  TEST_CHECK(stats.bytes_held <= 400 * MIB); /* of 1,080: what the queue keeps is bounded */
  ouro_heap_trim();
  TEST_CHECK(ouro_heap_stats_get(&stats) == OURO_OK);
  TEST_CHECK(stats.bytes_held <= 40 * MIB);
}

/* The program has the last word. */
static void child_off(void) {
  ouro_options options = {.struct_size = sizeof options};
  TEST_CHECK(ouro_options_get(&options) == OURO_OK);
  options.check = false;
  TEST_CHECK(ouro_options_set(&options) == OURO_OK);
  TEST_CHECK(ouro_options_get(&options) == OURO_OK);
  TEST_CHECK(!options.check);
  char *block = ouro_malloc(100);
  TEST_CHECK(ouro_usable_size(block) == ouro_good_size(100));
  ouro_free(block);
}

static atomic_bool stop;
static atomic_uint begun; /* threads that have freed a block */

static void *use_until_stopped(void *arg) {
  test_rng rng = {(uintptr_t)arg};
  for (bool first = true; !atomic_load(&stop); first = false) {
    size_t size = test_mixed_size(&rng, 100000);
    char *block = ouro_malloc(size);
    TEST_CHECK(block != NULL);
    memset(block, 1, size);
    ouro_free(block);
    if (first) atomic_fetch_add(&begun, 1);
  }
  return NULL;
}

static void fork_once(void) {
  pid_t child = fork();
  TEST_CHECK(child >= 0);
  if (child == 0) {
    alarm(30);
    for (size_t i = 0; i < 100; i++) {
      ouro_free(ouro_malloc(i * 50));
    }
    TEST_HEAP_IS_SOUND();
    test_exit(0);
  }
  int status = -1;
  TEST_CHECK(waitpid(child, &status, 0) == child);
  TEST_CHECK(status == 0);
}

static void child_forks(void) {
  pthread_t threads[3];
  for (uintptr_t i = 0; i < 3; i++) {
    TEST_CHECK(pthread_create(&threads[i], NULL, use_until_stopped, (void *)(i + 1)) == 0);
  }
  /* The runtime of a sanitizer does not survive a fork while a thread starts. */
  while (atomic_load(&begun) < 3) {
  }
  for (size_t i = 0; i < test_count(1000, 50); i++) {
    fork_once();
  }
  atomic_store(&stop, true);
  for (size_t i = 0; i < 3; i++) {
    pthread_join(threads[i], NULL);
  }
}

/* ---------------------------------------------------------------- tests */

static const struct {
  const char *name;
  void (*run)(void);
} children[] = {
    {"sizes", child_sizes}, {"destroyed-heap", child_destroyed_heap},
    {"limit", child_limit}, {"gives-back", child_gives_back},
    {"forks", child_forks}, {"off", child_off},
};

static void check_child(const char *name) {
  test_result result = test_run_self(name, "check", PATIENCE);
  TEST_CHILD_PASSED(&result);
}

static void blocks_are_as_promised_without_check(void **state) {
  (void)state;
  check_child("sizes");
}

static void a_destroyed_heap_raises_no_alarm(void **state) {
  (void)state;
  check_child("destroyed-heap");
}

static void what_waits_in_the_queue_serves_where_memory_is_short(void **state) {
  (void)state;
  check_child("limit");
}

static void the_queue_keeps_a_bounded_part_of_memory(void **state) {
  (void)state;
  check_child("gives-back");
}

static void a_program_may_switch_check_off_before_its_first_block(void **state) {
  (void)state;
  check_child("off");
}

static void children_forked_while_others_free_work(void **state) {
  (void)state;
  if (TEST_TSAN) {
    skip(); /* it lets no child of a process with threads live, unless told when that starts */
  }
  check_child("forks");
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(blocks_are_as_promised_without_check),
      cmocka_unit_test(a_destroyed_heap_raises_no_alarm),
      cmocka_unit_test(what_waits_in_the_queue_serves_where_memory_is_short),
      cmocka_unit_test(the_queue_keeps_a_bounded_part_of_memory),
      cmocka_unit_test(children_forked_while_others_free_work),
      cmocka_unit_test(a_program_may_switch_check_off_before_its_first_block),
  };
  for (size_t i = 0; argc > 1 && i < sizeof children / sizeof *children; i++) {
    if (strcmp(argv[1], children[i].name) == 0) {
      children[i].run();
      return 0;
    }
  }
  return argc > 1 ? 2 : cmocka_run_group_tests(tests, NULL, NULL);
}
