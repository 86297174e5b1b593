/* tests/weak/test_faults.c - what dies needs no memory: with every allocation failing, all callbacks are called, by the
 * count and by the collector, and all weak references are dead.
 *
 * Only in builds with the fault twin. Linked with: the core static library (ouro_core), support/support.c, object/objects.c,
 * cmocka. */
#include "support/support.h"

#include "heap/heap.h"

#include "object/objects.h"

enum { CALLBACKS = 50 };

static void count_calls(ouro_weak *weak, void *data, void *held) {
  TEST_CHECK(ouro_weak_is_dead(weak));
  TEST_CHECK(held != NULL);
  ++*(int *)data;
}

/* Weak references with callbacks to `object`, each of which holds something. */
static list *refer_to(void *object, int *calls) {
  list *weak = list_new(CALLBACKS);
  for (size_t i = 0; i < CALLBACKS; i++) {
    cell *held = cell_new((int)i + 1);
    ouro_movref(&weak->items[i], ouro_weak_new_callback(object, count_calls, calls, held));
    TEST_CHECK(list_at(weak, i) != NULL);
    drop(held);
  }
  return weak;
}

static void check_all_dead(list *weak, ouro_weak *shared, int calls) {
  assert_int_equal(calls, CALLBACKS);
  for (size_t i = 0; i < CALLBACKS; i++) {
    assert_true(weak_is(list_at(weak, i), NULL));
  }
  assert_true(weak_is(shared, NULL));
  drop(weak);
  drop(shared);
  test_log();
}

static void deaths_need_no_memory(void **state) {
  (void)state;
  int calls = 0;
  cell *object = cell_of(&final_type, 1000);
  list *weak = refer_to(object, &calls);
  ouro_weak *shared = weak_to(object);
  ouro__fault_set(1, true);
  drop(object);
  ouro__fault_set(0, false);
  check_all_dead(weak, shared, calls);
}

static void collections_of_garbage_with_callbacks_need_none_or_wait(void **state) {
  (void)state;
  int calls = 0;
  cell *ring = cell_ring(&final_type, 10, 1000);
  list *weak = refer_to(ring, &calls);
  ouro_weak *shared = weak_to(ring);
  drop(ring);
  ouro__fault_set(1, true);
  ptrdiff_t found = ouro_gc_collect(2);
  ouro__fault_set(0, false);
  assert_true(found == 10 || found == 0); /* without memory for its own tables the collector keeps garbage */
  OBJECTS_ARE_SOUND();
  assert_int_equal(found + ouro_gc_collect(2), 10);
  check_all_dead(weak, shared, calls);
}

static void what_cannot_be_made_leaves_nothing_behind(void **state) {
  (void)state;
  cell *object = cell_new(0);
  leaf *held = leaf_new(0);
  int calls = 0;
  ouro__fault_set(1, true);
  ouro_ref shared = ouro_weak_new(object);
  ouro_ref own = ouro_weak_new_callback(object, count_calls, &calls, held);
  ouro__fault_set(0, false);
  assert_null(ouro_borrow(shared));
  assert_null(ouro_borrow(own));
  assert_int_equal(ouro_weak_count(object), 0);
  assert_int_equal(ouro_refcount(held), 1);
  OBJECTS_ARE_SOUND();
  drop(object);
  drop(held);
  assert_int_equal(calls, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(deaths_need_no_memory),
      OBJECT_TEST(collections_of_garbage_with_callbacks_need_none_or_wait),
      OBJECT_TEST(what_cannot_be_made_leaves_nothing_behind),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
