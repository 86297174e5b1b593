/* tests/misuse/object_handler.c - an embedder's fatal handler is told what was done to an object, and of which type it was;
 * where the misuse was a single call, it may leave by longjmp, and objects and the heap work on.
 *
 * Linked with: the core static library (ouro_core), support/support.c, cmocka, threads. */
#include "support/support.h"

#include <pthread.h>
#include <setjmp.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ouro/ouro.h>

typedef struct node {
  ouro_object base;
  void *left, *right;
} node;

static ouro_type node_type = {
    .name = "node",
    .size = sizeof(node),
    .references = OURO_REFERENCES(offsetof(node, left), offsetof(node, right)),
};

static jmp_buf escape;
static ouro_fatal_info told;
static char told_text[128], told_type[32];

static void remember(const ouro_fatal_info *info) {
  told = *info;
  snprintf(told_text, sizeof told_text, "%s", info->text);
  snprintf(told_type, sizeof told_type, "%s", info->type_name ? info->type_name : "none");
}

static void leave(const ouro_fatal_info *info) {
  remember(info);
  longjmp(escape, 1);
}

static int count_one(void *object, void *count) {
  (void)object;
  ++*(size_t *)count;
  return 0;
}

static int install(void **state) {
  (void)state;
  memset(&told, 0, sizeof told);
  TEST_CHECK(ouro_set_fatal_handler(leave) == NULL);
  return 0;
}

static int restore(void **state) {
  (void)state;
  char text[256] = "";
  size_t live = 0;
  TEST_CHECK(ouro_set_fatal_handler(NULL) == leave);
  TEST_CHECK(ouro_gc_collect(2) == 0);
  TEST_CHECK(ouro_gc_verify(text, sizeof text) == 0);
  TEST_CHECK(ouro_each_object(count_one, &live) == 0 && live == 0);
  TEST_HEAP_IS_SOUND();
  return 0;
}

#define EXPECT_FATAL(statement)                                                                                        \
  do {                                                                                                                 \
    if (setjmp(escape) == 0) {                                                                                         \
      statement;                                                                                                       \
      fail_msg("%s was not found", #statement);                                                                        \
    }                                                                                                                  \
  } while (0)

static void check_told(enum ouro_fatal_code code, const void *object, const char *type) {
  assert_int_equal(told.code, code);
  assert_int_equal(told.struct_size, sizeof told);
  assert_ptr_equal(told.address, object);
  assert_string_equal(told_type, type);
  assert_true(strlen(told_text) > 10);
  if (strcmp(type, "none") != 0) {
    assert_ptr_equal(told.block, object);
    assert_int_equal(told.block_size, 32);
  }
}

static node *new_node(void) {
  node *made = ouro_new(&node_type);
  assert_non_null(made);
  return made;
}

/* ---------------------------------------------------------------- single calls: objects work on */

static void an_object_that_has_gone_is_told(void **state) {
  (void)state;
  node *object = new_node();
  ouro_decref(object);
  EXPECT_FATAL(ouro_decref(test_opaque(object)));
  check_told(OURO_FATAL_DEAD_OBJECT, object, "node");
  EXPECT_FATAL(ouro_incref(test_opaque(object)));
  check_told(OURO_FATAL_DEAD_OBJECT, object, "node");
}

static void what_is_no_object_is_told_without_a_type(void **state) {
  (void)state;
  static char in_the_data[64];
  void *block = ouro_calloc(1, 64);
  EXPECT_FATAL(ouro_decref(test_opaque(in_the_data)));
  check_told(OURO_FATAL_DEAD_OBJECT, in_the_data, "none");
  EXPECT_FATAL(ouro_decref(test_opaque(block)));
  check_told(OURO_FATAL_DEAD_OBJECT, block, "none");
  ouro_free(block);
}

static void an_object_freed_as_a_block_is_told_and_lives(void **state) {
  (void)state;
  node *object = new_node();
  EXPECT_FATAL(ouro_free(test_opaque(object)));
  assert_int_equal(told.code, OURO_FATAL_OBJECT_AS_BLOCK);
  assert_ptr_equal(told.address, object);
  assert_ptr_equal(told.block, object);
  EXPECT_FATAL((void)!ouro_realloc(test_opaque(object), 100));
  assert_int_equal(told.code, OURO_FATAL_OBJECT_AS_BLOCK);
  EXPECT_FATAL(ouro_free_sized(test_opaque(object), 32));
  assert_int_equal(told.code, OURO_FATAL_OBJECT_AS_BLOCK);
  EXPECT_FATAL(ouro_usable_size(test_opaque(object)));
  assert_int_equal(told.code, OURO_FATAL_OBJECT_AS_BLOCK);
  assert_int_equal(ouro_refcount(object), 1);
  ouro_decref(object);
}

static void *count_in_another_thread(void *object) {
  if (setjmp(escape) == 0) {
    ouro_incref(object);
    return NULL;
  }
  if (told.code != OURO_FATAL_WRONG_THREAD || setjmp(escape) == 0) {
    ouro_decref(object);
    return NULL;
  }
  return object;
}

static void another_thread_is_told(void **state) {
  (void)state;
  node *object = new_node();
  void *passed = NULL;
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, count_in_another_thread, object), 0);
  assert_int_equal(pthread_join(thread, &passed), 0);
  assert_ptr_equal(passed, object);
  check_told(OURO_FATAL_WRONG_THREAD, object, "node");
  assert_int_equal(ouro_refcount(object), 1);
  ouro_decref(object);
}

static void objects_work_on_after_each_report(void **state) {
  (void)state;
  for (volatile int i = 0; i < 2000; i++) {
    node *volatile object = new_node();
    node *volatile other = new_node();
    ouro_setref(&other->left, other);
    ouro_decref(object);
    EXPECT_FATAL(ouro_decref(test_opaque(object)));
    EXPECT_FATAL(ouro_free(test_opaque(other)));
    ouro_decref(other);
    assert_int_equal(ouro_gc_collect(i % 3), 1);
  }
}

/* ---------------------------------------------------------------- in the middle of something: told, and the program ends */

static void tell_and_exit(const ouro_fatal_info *info) {
  printf("code %d, type %s, address is the block: %d\n", info->code, info->type_name ? info->type_name : "none",
         info->address == info->block);
  fflush(stdout);
  _exit(7);
}

static void a_type_that_ends_twice(void *unused) {
  (void)unused;
  ouro_set_fatal_handler(tell_and_exit);
  ouro_type description = {.name = "of the run", .size = sizeof(node)};
  ouro_type *type = ouro_type_new(&description);
  TEST_CHECK(type && ouro_new(type));
  ouro_type_release(type);
  ouro_type_release(type);
}

static void a_slot_without_a_count(void *unused) {
  (void)unused;
  ouro_set_fatal_handler(tell_and_exit);
  node *holder = new_node();
  holder->left = holder->right = new_node();
  ouro_gc_collect(2);
}

static void a_slot_that_dangles(void *unused) {
  (void)unused;
  ouro_set_fatal_handler(tell_and_exit);
  node *holder = new_node();
  holder->left = new_node();
  ouro_decref(holder->left);
  ouro_gc_collect(2);
}

static void expect_exit(void (*misuse)(void *), const char *line) {
  test_result result = test_in_child(misuse, NULL, 30);
  assert_true(WIFEXITED(result.status));
  assert_int_equal(WEXITSTATUS(result.status), 7);
  assert_string_equal(result.output, line);
}

static void what_a_collection_finds_is_told(void **state) {
  (void)state;
  expect_exit(a_slot_without_a_count, "code 11, type node, address is the block: 1\n");
  expect_exit(a_slot_that_dangles, "code 12, type node, address is the block: 1\n");
}

static void a_type_that_is_released_twice_is_told(void **state) {
  (void)state;
  expect_exit(a_type_that_ends_twice, "code 7, type none, address is the block: 1\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, install, restore)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(an_object_that_has_gone_is_told),
      TEST(what_is_no_object_is_told_without_a_type),
      TEST(an_object_freed_as_a_block_is_told_and_lives),
      TEST(another_thread_is_told),
      TEST(objects_work_on_after_each_report),
      TEST(what_a_collection_finds_is_told),
      TEST(a_type_that_is_released_twice_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
