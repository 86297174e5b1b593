/* tests/misuse/test_handler.c - an embedder's fatal handler is told what was misused, and where; it may leave by longjmp, and the
 * heap works on.
 *
 * Under OURO_CONF=check blocks are of other sizes; so it runs by default only. Linked with: the core static library (ouro_core),
 * support/support.c, cmocka, threads. */
#include "support/support.h"

#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include <ouro/heap.h>

#define KIB ((size_t)1024)

static jmp_buf escape;
static ouro_fatal_info told;
static char told_text[128];

static void leave(const ouro_fatal_info *info) {
  told = *info;
  snprintf(told_text, sizeof told_text, "%s", info->text);
  longjmp(escape, 1);
}

static int install(void **state) {
  (void)state;
  memset(&told, 0, sizeof told);
  TEST_CHECK(ouro_set_fatal_handler(leave) == NULL);
  return 0;
}

static int restore(void **state) {
  (void)state;
  TEST_CHECK(ouro_set_fatal_handler(NULL) == leave);
  TEST_HEAP_IS_SOUND();
  return 0;
}

/* What was reported must be `code` for `address`; `block` and `pool` as given. */
static void check_told(enum ouro_fatal_code code, const void *address, const void *block, size_t block_size) {
  assert_int_equal(told.code, code);
  assert_int_equal(told.struct_size, sizeof told);
  assert_ptr_equal(told.address, address);
  assert_ptr_equal(told.block, block);
  assert_int_equal(told.block_size, block_size);
  assert_true(strlen(told_text) > 10);
  if (block == NULL) {
    assert_null(told.pool);
    assert_int_equal(told.pool_size, 0);
  } else {
    const char *pool = told.pool;
    assert_true((const char *)block >= pool);
    assert_true((const char *)block + block_size <= pool + told.pool_size);
    assert_int_equal(told.pool_size % (64 * KIB), 0);
  }
}

#define EXPECT_FATAL(statement)                                                                                        \
  do {                                                                                                                 \
    if (setjmp(escape) == 0) {                                                                                         \
      statement;                                                                                                       \
      fail_msg("%s was not found", #statement);                                                                        \
    }                                                                                                                  \
  } while (0)

/* ---------------------------------------------------------------- each code */

static void a_bad_pointer_is_told(void **state) {
  (void)state;
  static char in_the_data[32];
  EXPECT_FATAL(ouro_free(test_opaque(in_the_data)));
  check_told(OURO_FATAL_BAD_POINTER, in_the_data, NULL, 0);
  EXPECT_FATAL((void)!ouro_realloc(test_opaque(in_the_data), 100));
  check_told(OURO_FATAL_BAD_POINTER, in_the_data, NULL, 0);
  EXPECT_FATAL(ouro_usable_size(test_opaque(in_the_data)));
  check_told(OURO_FATAL_BAD_POINTER, in_the_data, NULL, 0);
  EXPECT_FATAL(ouro_free_sized(test_opaque(in_the_data), 32));
  check_told(OURO_FATAL_BAD_POINTER, in_the_data, NULL, 0);
}

static void an_interior_pointer_is_told_with_its_block(void **state) {
  (void)state;
  static const struct {
    size_t size, usable, offset;
  } cases[] = {
      {64, 64, 1}, {64, 64, 63}, {1000, 1024, 16}, {8192, 8192, 4096}, {65536, 65536, 65535}, {1048576, 1048576, 65536},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *volatile block = ouro_malloc(cases[i].size);
    volatile size_t index = i;
    test_fill(block, cases[i].size, i);
    EXPECT_FATAL(ouro_free(test_opaque(block + cases[index].offset)));
    check_told(OURO_FATAL_INTERIOR_POINTER, block + cases[index].offset, block, cases[index].usable);
    i = index;
    assert_true(test_holds(block, cases[i].size, i));
    ouro_free(block);
  }
}

static void a_double_free_is_told_with_its_block(void **state) {
  (void)state;
  static const size_t sizes[] = {16, 64, 512, 4096, 65536};
  for (volatile size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    char *volatile block = ouro_malloc(sizes[i]);
    void *volatile neighbour = ouro_malloc(sizes[i]);
    ouro_free(block);
    EXPECT_FATAL(ouro_free(test_opaque(block)); ouro_thread_flush());
    check_told(OURO_FATAL_DOUBLE_FREE, block, block, sizes[i]);
    ouro_free(neighbour);
  }
}

/* Of many that are freed together one is free already: it is named, and the others are not lost. */
static void neighbours_of_a_double_free_are_not_lost(void **state) {
  (void)state;
  enum { COUNT = 60 };
  static char *blocks[COUNT];
  for (volatile size_t which = 0; which < COUNT; which += 7) {
    for (size_t i = 0; i < COUNT; i++) {
      blocks[i] = ouro_malloc(128);
    }
    ouro_free(blocks[which]);
    ouro_thread_flush();
    EXPECT_FATAL(for (size_t i = 0; i < COUNT; i++) ouro_free(test_opaque(blocks[i])); ouro_thread_flush());
    check_told(OURO_FATAL_DOUBLE_FREE, blocks[which], blocks[which], 128);
    ouro_thread_flush();
    ouro_heap_stats stats = {.struct_size = sizeof stats};
    assert_int_equal(ouro_heap_stats_get(&stats), OURO_OK);
    assert_int_equal(stats.blocks_live, 0);
    TEST_HEAP_IS_SOUND();
  }
}

static void a_double_free_in_a_private_heap_is_told_at_once(void **state) {
  (void)state;
  ouro_heap *heap = ouro_heap_new(NULL);
  void *neighbour = ouro_heap_malloc(heap, 64);
  char *block = ouro_heap_malloc(heap, 64);
  assert_non_null(neighbour);
  ouro_free(block);
  EXPECT_FATAL(ouro_free(test_opaque(block)));
  check_told(OURO_FATAL_DOUBLE_FREE, block, block, 64);
  ouro_heap_destroy(heap);
}

static void a_wrong_size_is_told_and_the_block_stays(void **state) {
  (void)state;
  static const size_t wrong[] = {0, 1, 100, 1025, 100000, SIZE_MAX};
  char *volatile block = ouro_malloc(1024);
  for (volatile size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    EXPECT_FATAL(ouro_free_sized(block, wrong[i]));
    check_told(OURO_FATAL_WRONG_SIZE, block, block, 1024);
    assert_true(ouro_owns(block));
  }
  ouro_free_sized(block, 1024);
}

/* ---------------------------------------------------------------- what the handler may do */

static void the_heap_works_on_after_each_report(void **state) {
  (void)state;
  for (volatile int i = 0; i < 2000; i++) {
    char *volatile block = ouro_malloc((size_t)i);
    void *volatile other = ouro_malloc((size_t)i);
    EXPECT_FATAL(ouro_free(test_opaque(block + 1)));
    ouro_free(block);
    EXPECT_FATAL(ouro_free(test_opaque(block)); ouro_thread_flush());
    ouro_free(other);
    ouro_thread_flush();
  }
  ouro_heap_stats stats = {.struct_size = sizeof stats};
  assert_int_equal(ouro_heap_stats_get(&stats), OURO_OK);
  assert_int_equal(stats.blocks_live, 0);
}

/* No lock is held in a handler: it may use the heap, look at it, and even misuse it again. */
static void use_the_heap(const ouro_fatal_info *info) {
  told = *info;
  snprintf(told_text, sizeof told_text, "%s", info->text);
  for (size_t size = 1; size < 3000000; size *= 3) {
    ouro_free(ouro_malloc(size));
  }
  ouro_heap_trim();
  TEST_HEAP_IS_SOUND();
  longjmp(escape, 1);
}

static void a_handler_may_use_the_heap(void **state) {
  (void)state;
  char *block = ouro_malloc(64);
  char *large = ouro_malloc(1000000);
  char *neighbour = ouro_malloc(64);
  assert_ptr_equal(ouro_set_fatal_handler(use_the_heap), leave);
  EXPECT_FATAL(ouro_free(test_opaque(block + 16)));
  EXPECT_FATAL(ouro_free(test_opaque(large + 500000)));
  ouro_free(block);
  EXPECT_FATAL(ouro_free(test_opaque(block)); ouro_thread_flush());
  check_told(OURO_FATAL_DOUBLE_FREE, block, block, 64);
  ouro_free(large);
  ouro_free(neighbour);
  assert_ptr_equal(ouro_set_fatal_handler(leave), use_the_heap);
}

static void return_at_once(const ouro_fatal_info *info) { (void)info; }

static void misuse_with_a_handler_that_returns(void *arg) {
  ouro_set_fatal_handler(return_at_once);
  char *block = ouro_malloc(64);
  ouro_free(test_opaque(block + *(int *)arg));
}

static void a_handler_that_returns_does_not_save_the_program(void **state) {
  (void)state;
  int offset = 8;
  test_result result = test_in_child(misuse_with_a_handler_that_returns, &offset, 30);
  assert_true(WIFSIGNALED(result.status));
  assert_int_equal(WTERMSIG(result.status), SIGABRT);
}

static void installing_returns_the_handler_before(void **state) {
  (void)state;
  assert_ptr_equal(ouro_set_fatal_handler(use_the_heap), leave);
  assert_ptr_equal(ouro_set_fatal_handler(NULL), use_the_heap);
  assert_null(ouro_set_fatal_handler(leave));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, install, restore)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_bad_pointer_is_told),
      TEST(an_interior_pointer_is_told_with_its_block),
      TEST(a_double_free_is_told_with_its_block),
      TEST(neighbours_of_a_double_free_are_not_lost),
      TEST(a_double_free_in_a_private_heap_is_told_at_once),
      TEST(a_wrong_size_is_told_and_the_block_stays),
      TEST(the_heap_works_on_after_each_report),
      TEST(a_handler_may_use_the_heap),
      TEST(a_handler_that_returns_does_not_save_the_program),
      TEST(installing_returns_the_handler_before),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
