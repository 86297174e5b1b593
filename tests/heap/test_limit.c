/* tests/heap/test_limit.c - the heap stays under its limit, and under the system's: NULL and ENOMEM, nothing lost, and after
 * something is freed there is memory again.
 *
 * OURO_CONF and RLIMIT_AS are tested in children: this program starts itself again with the name of a case. Sanitizers need
 * more address space than RLIMIT_AS would leave them, so those cases are skipped there.
 *
 * Linked with: the core static library (ouro_core), support/support.c, cmocka, threads. */
#include "support/support.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>

#include <ouro/heap.h>

#define KIB ((size_t)1024)
#define MIB (KIB * 1024)
#define CHILD_SECONDS 60.0

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

static void set_limit(size_t bytes) {
  ouro_options options = {.struct_size = sizeof options};
  TEST_CHECK(ouro_options_get(&options) == OURO_OK);
  options.limit_bytes = bytes;
  TEST_CHECK(ouro_options_set(&options) == OURO_OK);
  TEST_CHECK(ouro_options_get(&options) == OURO_OK);
  TEST_CHECK(options.limit_bytes == bytes);
}

/* ---------------------------------------------------------------- allocating until nothing is left */

typedef struct node {
  struct node *next;
  size_t size;
} node;

/* A list of blocks of `size` bytes, as many as can be had; each holds a pattern. */
static node *take_all(size_t size, size_t *count) {
  node *list = NULL;
  *count = 0;
  for (;;) {
    errno = 0;
    node *block = ouro_malloc(size);
    if (block == NULL) {
      TEST_CHECK(errno == ENOMEM);
      return list;
    }
    *block = (node){list, size};
    test_fill_sparse(block + 1, size - sizeof *block, size);
    list = block;
    ++*count;
  }
}

static void free_all(node *list) {
  while (list != NULL) {
    node *block = list;
    TEST_CHECK(test_holds_sparse(block + 1, block->size - sizeof *block, block->size));
    list = block->next;
    ouro_free(block);
  }
}

static const size_t all_sizes[] = {16, 48, 200, 1000, 5000, 30000, 131072, 200000, 1048576, 5242880};

/* The heap gives at least `least` and at most `most` bytes, in blocks of any size, again and again. Where `most` is much, the
 * smallest blocks are left out: there would be millions of them. */
static void check_exhaustion(size_t least, size_t most) {
  for (size_t i = 0; i < sizeof all_sizes / sizeof *all_sizes; i++) {
    size_t size = all_sizes[i];
    if (most / size > 2000000) {
      continue;
    }
    size_t first = 0;
    size_t second = 0;
    free_all(take_all(size, &first));
    TEST_CHECK(first * size <= most);
    TEST_CHECK(first * size + size > least);
    free_all(take_all(size, &second));
    TEST_CHECK(second + second / 4 + 1 >= first);
    TEST_HEAP_IS_SOUND();
  }
}

/* ---------------------------------------------------------------- the heap's own limit */

static void the_heap_never_holds_more_than_its_limit(void **state) {
  (void)state;
  ouro_heap_trim();
  set_limit(48 * MIB);
  check_exhaustion(16 * MIB, 48 * MIB);
  assert_true(heap_stats().bytes_held <= 48 * MIB);
  set_limit(0);
}

static void every_kind_of_request_is_refused_at_the_limit(void **state) {
  (void)state;
  set_limit(32 * MIB);
  size_t count = 0;
  node *list = take_all(64 * KIB, &count);
  node *small = take_all(16, &count);
  char *block = (char *)list;
  list = list->next;
  test_fill(block, 64 * KIB, 1);
  errno = 0;
  assert_null(ouro_calloc(1, MIB));
  assert_int_equal(errno, ENOMEM);
  errno = 0;
  assert_null(ouro_realloc(block, 8 * MIB));
  assert_int_equal(errno, ENOMEM);
  errno = 0;
  assert_null(ouro_reallocarray(block, 8, MIB));
  assert_int_equal(errno, ENOMEM);
  errno = 0;
  assert_null(ouro_aligned_alloc(MIB, MIB));
  assert_int_equal(errno, ENOMEM);
  assert_true(test_holds(block, 64 * KIB, 1));
  ouro_free(block);
  free_all(list);
  free_all(small);
  block = ouro_calloc(1, MIB);
  assert_non_null(block);
  ouro_free(block);
  set_limit(0);
}

static void blocks_freed_in_one_class_serve_another_at_the_limit(void **state) {
  (void)state;
  set_limit(32 * MIB);
  for (int round = 0; round < 3; round++) {
    for (size_t i = 0; i < sizeof all_sizes / sizeof *all_sizes; i++) {
      size_t count = 0;
      free_all(take_all(all_sizes[i], &count));
      assert_true(count * all_sizes[i] >= 8 * MIB);
    }
  }
  set_limit(0);
}

static void a_limit_below_what_is_held_refuses_until_enough_is_freed(void **state) {
  (void)state;
  set_limit(0);
  enum { COUNT = 40 };
  void *blocks[COUNT];
  for (size_t i = 0; i < COUNT; i++) {
    blocks[i] = ouro_malloc(MIB);
    memset(blocks[i], 1, MIB);
  }
  set_limit(16 * MIB);
  errno = 0;
  assert_null(ouro_malloc(MIB));
  assert_int_equal(errno, ENOMEM);
  for (size_t i = 0; i < COUNT; i++) {
    assert_true(test_all_bytes(blocks[i], 1, MIB));
    ouro_free(blocks[i]);
  }
  void *block = ouro_malloc(MIB);
  assert_non_null(block);
  ouro_free(block);
  set_limit(0);
  block = ouro_malloc(40 * MIB);
  assert_non_null(block);
  ouro_free(block);
}

static void a_private_heap_is_under_the_common_limit_too(void **state) {
  (void)state;
  set_limit(16 * MIB);
  ouro_heap *heap = ouro_heap_new(NULL);
  assert_non_null(heap);
  size_t bytes = 0;
  errno = 0;
  while (ouro_heap_malloc(heap, 100000) != NULL) {
    bytes += 100000;
    assert_true(bytes <= 16 * MIB);
  }
  assert_int_equal(errno, ENOMEM);
  assert_true(bytes >= 8 * MIB);
  ouro_heap_destroy(heap);
  void *block = ouro_malloc(8 * MIB);
  assert_non_null(block);
  ouro_free(block);
  set_limit(0);
}

static void *take_and_free_at_the_limit(void *arg) {
  test_rng rng = {(uintptr_t)arg};
  void *blocks[200] = {NULL};
  size_t refused = 0;
  for (size_t i = 0; i < test_count(40000, 2000); i++) {
    size_t at = test_below(&rng, 200);
    ouro_free(blocks[at]);
    size_t size = test_mixed_size(&rng, 400000);
    blocks[at] = ouro_malloc(size);
    if (blocks[at] == NULL) {
      refused++;
    } else {
      test_fill_sparse(blocks[at], size, size);
      TEST_CHECK(test_holds_sparse(blocks[at], size, size));
    }
  }
  for (size_t i = 0; i < 200; i++) {
    ouro_free(blocks[i]);
  }
  return (void *)refused;
}

static void threads_at_the_limit_recover(void **state) {
  (void)state;
  ouro_heap_trim();
  set_limit(12 * MIB);
  pthread_t threads[4];
  for (uintptr_t i = 0; i < 4; i++) {
    assert_int_equal(pthread_create(&threads[i], NULL, take_and_free_at_the_limit, (void *)(i + 1)), 0);
  }
  for (size_t i = 0; i < 4; i++) {
    pthread_join(threads[i], NULL);
  }
  assert_true(heap_stats().bytes_held <= 12 * MIB);
  set_limit(0);
}

static void *take_much_and_free(void *arg) {
  (void)arg;
  for (size_t i = 0; i < test_count(50000, 5000); i++) {
    ouro_free(ouro_malloc(3 * MIB));
  }
  return NULL;
}

/* In a child of its own, because the peak is that of the whole process. */
static void child_races(void) {
  pthread_t threads[8];
  set_limit(12 * MIB);
  for (size_t i = 0; i < 8; i++) {
    TEST_CHECK(pthread_create(&threads[i], NULL, take_much_and_free, NULL) == 0);
  }
  for (size_t i = 0; i < 8; i++) {
    pthread_join(threads[i], NULL);
  }
  TEST_CHECK(heap_stats().bytes_held_peak >= 3 * MIB);
  TEST_CHECK(heap_stats().bytes_held_peak <= 12 * MIB);
}

static void threads_never_pass_the_limit_together(void **state) {
  (void)state;
  test_result result = test_run_self("races", NULL, CHILD_SECONDS);
  TEST_CHILD_PASSED(&result);
}

/* ---------------------------------------------------------------- OURO_CONF, in a child */

static size_t limit_in_force(void) {
  ouro_options options = {.struct_size = sizeof options};
  TEST_CHECK(ouro_options_get(&options) == OURO_OK);
  return options.limit_bytes;
}

static void child_says_its_limit(void) { printf("%zu\n", limit_in_force()); }

static void child_keeps_24_mib(void) {
  TEST_CHECK(limit_in_force() == 24 * MIB);
  check_exhaustion(8 * MIB, 24 * MIB);
}

static void child_overrides(void) {
  set_limit(0);
  void *block = ouro_malloc(64 * MIB);
  TEST_CHECK(block != NULL);
  ouro_free(block);
}

static void the_environment_sets_the_limit(void **state) {
  (void)state;
  static const struct {
    const char *conf;
    size_t limit;
  } cases[] = {
      {NULL, 0},
      {"", 0},
      {"limit:512m", 512 * MIB},
      {"limit:2g", 2048 * MIB},
      {"limit:4096k", 4 * MIB},
      {"limit:8388608", 8 * MIB},
      {"decay:100,limit:16m", 16 * MIB},
      {"limit:16m,background:no", 16 * MIB},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    test_result result = test_run_self("says-its-limit", cases[i].conf, CHILD_SECONDS);
    TEST_CHILD_PASSED(&result);
    assert_int_equal(strtoull(result.output, NULL, 10), cases[i].limit);
  }
}

static void a_limit_from_the_environment_is_kept(void **state) {
  (void)state;
  test_result result = test_run_self("keeps-24-mib", "limit:24m", CHILD_SECONDS);
  TEST_CHILD_PASSED(&result);
}

static void a_call_has_the_last_word_over_the_environment(void **state) {
  (void)state;
  test_result result = test_run_self("overrides", "limit:8m", CHILD_SECONDS);
  TEST_CHILD_PASSED(&result);
}

/* ---------------------------------------------------------------- RLIMIT_AS, in a child */

/* The stack is address space too: what may be needed of it is taken before nothing is left. In a frame of its own, or it would be the
 * caller's frame that is taken, and nothing below. */
__attribute__((noinline)) static void take_stack(void) {
  volatile char room[256 * 1024];
  for (size_t at = 0; at < sizeof room; at += 4096) {
    room[at] = 1;
  }
}

static void limit_address_space(size_t bytes) {
  struct rlimit limit;
  take_stack();
  TEST_CHECK(getrlimit(RLIMIT_AS, &limit) == 0);
  limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
  TEST_CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
}

static void child_256_mib(void) {
  limit_address_space(256 * MIB);
  check_exhaustion(128 * MIB, 256 * MIB);
}

/* The limit falls upon a heap in use. */
static void child_late_limit(void) {
  size_t count = 0;
  node *list = NULL;
  for (size_t i = 0; i < 1000; i++) {
    node *block = ouro_malloc(10000);
    *block = (node){list, 10000};
    test_fill_sparse(block + 1, 10000 - sizeof *block, 10000);
    list = block;
  }
  limit_address_space(test_virtual_bytes() + 32 * MIB);
  free_all(take_all(5000, &count));
  TEST_CHECK(count * 5000 >= 16 * MIB);
  free_all(list);
  free_all(take_all(300000, &count));
  TEST_CHECK(count * 300000 >= 16 * MIB);
}

/* What is there is given, and what is not is refused; never a crash, whatever is left to begin with. Half a megabyte more at
 * each turn passes every step of the heap's start. */
static void start_in_little(void *arg) {
  size_t room = *(size_t *)arg;
  limit_address_space(test_virtual_bytes() + room);
  for (size_t size = 1; size < 64 * MIB; size *= 5) {
    errno = 0;
    char *block = ouro_malloc(size);
    TEST_CHECK(block != NULL || errno == ENOMEM);
    if (block != NULL) {
      memset(block, 1, size);
    }
    errno = 0;
    char *moved = ouro_realloc(block, size * 3);
    TEST_CHECK(moved != NULL || errno == ENOMEM);
    ouro_free(moved != NULL ? moved : block);
    ouro_free(ouro_calloc(1, size));
    ouro_free(ouro_aligned_alloc(4096, size));
  }
  ouro_heap *heap = ouro_heap_new(NULL);
  if (heap != NULL) {
    ouro_free(ouro_heap_malloc(heap, 100));
    ouro_heap_destroy(heap);
  }
  ouro_heap_trim();
  TEST_HEAP_IS_SOUND();
  limit_address_space(SIZE_MAX); /* what ends a process may need memory, in a coverage build for example */
}

static void child_little(void) {
  for (size_t room = 0; room < 12 * MIB; room += 512 * KIB) {
    test_result result = test_in_child(start_in_little, &room, CHILD_SECONDS);
    TEST_CHILD_PASSED(&result);
  }
}

static void *exhaust_in_thread(void *arg) {
  (void)arg;
  for (size_t round = 0; round < 5; round++) {
    size_t count = 0;
    free_all(take_all(3000, &count));
  }
  return NULL;
}

static void child_threads(void) {
  pthread_t threads[4];
  limit_address_space(test_virtual_bytes() + 200 * MIB);
  for (size_t i = 0; i < 4; i++) {
    TEST_CHECK(pthread_create(&threads[i], NULL, exhaust_in_thread, NULL) == 0);
  }
  for (size_t i = 0; i < 4; i++) {
    pthread_join(threads[i], NULL);
  }
  TEST_HEAP_IS_SOUND();
  size_t count = 0;
  free_all(take_all(3000, &count));
  TEST_CHECK(count > 10000);
}

static void check_case(const char *name) {
  if (TEST_ASAN || TEST_TSAN) {
    skip();
  }
  test_result result = test_run_self(name, NULL, CHILD_SECONDS);
  TEST_CHILD_PASSED(&result);
}

static void all_of_rlimit_as_is_used_and_not_more(void **state) {
  (void)state;
  check_case("256-mib");
}

static void a_limit_that_comes_late_is_kept(void **state) {
  (void)state;
  check_case("late-limit");
}

static void a_heap_that_hardly_can_start_does_not_crash(void **state) {
  (void)state;
  check_case("little");
}

static void threads_run_out_of_address_space_together_and_recover(void **state) {
  (void)state;
  check_case("threads");
}

/* ---------------------------------------------------------------- which case */

static const struct {
  const char *name;
  void (*run)(void);
} children[] = {
    {"says-its-limit", child_says_its_limit},
    {"keeps-24-mib", child_keeps_24_mib},
    {"overrides", child_overrides},
    {"256-mib", child_256_mib},
    {"late-limit", child_late_limit},
    {"little", child_little},
    {"threads", child_threads},
    {"races", child_races},
};

static int run_child(const char *name) {
  for (size_t i = 0; i < sizeof children / sizeof *children; i++) {
    if (strcmp(children[i].name, name) == 0) {
      children[i].run();
      return 0;
    }
  }
  return 2;
}

#define TEST(name) cmocka_unit_test_teardown(name, heap_is_sound)

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      TEST(the_heap_never_holds_more_than_its_limit),
      TEST(every_kind_of_request_is_refused_at_the_limit),
      TEST(blocks_freed_in_one_class_serve_another_at_the_limit),
      TEST(a_limit_below_what_is_held_refuses_until_enough_is_freed),
      TEST(a_private_heap_is_under_the_common_limit_too),
      TEST(threads_at_the_limit_recover),
      TEST(threads_never_pass_the_limit_together),
      TEST(the_environment_sets_the_limit),
      TEST(a_limit_from_the_environment_is_kept),
      TEST(a_call_has_the_last_word_over_the_environment),
      TEST(all_of_rlimit_as_is_used_and_not_more),
      TEST(a_limit_that_comes_late_is_kept),
      TEST(a_heap_that_hardly_can_start_does_not_crash),
      TEST(threads_run_out_of_address_space_together_and_recover),
  };
  return argc > 1 ? run_child(argv[1]) : cmocka_run_group_tests(tests, NULL, NULL);
}
