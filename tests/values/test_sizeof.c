/* tests/values/test_sizeof.c - how many bytes an object takes, alone and with all that it reaches.
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka, threads. */
#include "object/objects.h"

#include <pthread.h>

#include "heap/heap.h"

static size_t deep_size(void *object) {
  size_t bytes = 0;
  assert_int_equal(ouro_sizeof_deep(object, &bytes), OURO_OK);
  return bytes;
}

static void an_object_alone(void **state) {
  (void)state;
  cell *one = cell_new(0);
  assert_int_equal(ouro_sizeof(one), ouro_object_size(one));
  assert_int_equal(deep_size(one), ouro_object_size(one));
  assert_true(ouro_sizeof(ouro_none) >= sizeof(ouro_object));
  assert_int_equal(deep_size(ouro_none), ouro_sizeof(ouro_none));
  drop(one);
}

static void what_its_type_has_beside_it(void **state) {
  (void)state;
  ouro_buffer *buffer = ouro_borrow(ouro_buffer_new());
  size_t alone = ouro_sizeof(buffer);
  assert_int_equal(ouro_buffer_reserve(buffer, 5000), OURO_OK);
  assert_int_equal(ouro_sizeof(buffer), alone + 5000);
  assert_int_equal(deep_size(buffer), alone + 5000);
  drop(buffer);
}

static void each_is_counted_once(void **state) {
  (void)state;
  cell *a = cell_new(0), *b = cell_new(0), *c = cell_new(0);
  ouro_setref(&a->a, b);
  ouro_setref(&a->b, c);
  ouro_setref(&a->c, ouro_none);
  ouro_setref(&b->a, c);
  ouro_setref(&c->a, a);
  assert_int_equal(deep_size(a), 3 * ouro_sizeof(a));
  assert_int_equal(deep_size(c), 3 * ouro_sizeof(a));
  ouro_clear(&c->a);
  assert_int_equal(deep_size(b), 2 * ouro_sizeof(a));
  drop(c);
  drop(b);
  drop(a);
}

static void what_never_goes_is_left_out(void **state) {
  (void)state;
  cell *holder = cell_new(0);
  ouro_ref small = ouro_int_new(5), large = ouro_int_new(100000), byte = ouro_bytes_new("x", 1);
  ouro_setref(&holder->a, ouro_borrow(small));
  ouro_setref(&holder->b, ouro_borrow(large));
  ouro_setref(&holder->c, ouro_borrow(byte));
  assert_int_equal(deep_size(holder), ouro_sizeof(holder) + ouro_sizeof(ouro_borrow(large)));
  ouro_decref(large);
  drop(holder);
}

static void a_list_with_its_array_and_items(void **state) {
  (void)state;
  ouro_list *numbers = ouro_borrow(ouro_list_new());
  size_t items = 0;
  for (int64_t i = 0; i < 100; i++) {
    ouro_ref number = ouro_int_new(5000 + i);
    items += ouro_sizeof(ouro_borrow(number));
    assert_int_equal(ouro_list_append(numbers, ouro_borrow(number)) | ouro_list_append(numbers, ouro_borrow(number)), OURO_OK);
    ouro_decref(number);
  }
  assert_true(ouro_sizeof(numbers) >= ouro_object_size(numbers) + 200 * sizeof(void *));
  assert_int_equal(deep_size(numbers), ouro_sizeof(numbers) + items);
  drop(numbers);
}

static void many_objects_and_great_depth(void **state) {
  (void)state;
  size_t count = test_count(300000, 3000);
  cell *ring = cell_ring(&cell_type, count, 0);
  assert_int_equal(deep_size(ring), count * ouro_sizeof(ring));
  ouro_clear(&ring->a); /* or it would be garbage */
  drop(ring);
  ouro_gc_collect(2);
  list *wide = list_of_cells(count, count, NULL);
  cell *one = cell_new(0);
  assert_int_equal(deep_size(wide), ouro_sizeof(wide) + count * ouro_sizeof(one));
  drop(one);
  drop(wide);
}

static void what_is_wrong_is_refused(void **state) {
  (void)state;
  size_t bytes = 7;
  assert_int_equal(ouro_sizeof_deep(NULL, &bytes), OURO_EINVAL);
  assert_int_equal(ouro_sizeof_deep(ouro_none, NULL), OURO_EINVAL);
  assert_int_equal(bytes, 7);
}

/* ---------------------------------------------------------------- other threads */

typedef struct grower {
  ouro_list *list;
  ouro_buffer *buffer;
  _Atomic bool stop;
} grower;

static void *grow(void *arg) {
  grower *it = arg;
  for (int64_t i = 0; !it->stop; i++) {
    TEST_CHECK(ouro_list_append_move(it->list, ouro_int_new(10000 + i)) == OURO_OK);
    TEST_CHECK(ouro_buffer_append_char(it->buffer, 'x') == OURO_OK);
    if (i % 1000 == 999) ouro_list_clear(it->list), ouro_buffer_clear(it->buffer);
    ouro_safepoint();
  }
  return NULL;
}

static void a_size_is_that_of_one_moment(void **state) {
  (void)state;
  grower it = {.list = ouro_borrow(ouro_list_new()), .buffer = ouro_borrow(ouro_buffer_new())};
  pthread_t thread;
  TEST_CHECK(pthread_create(&thread, NULL, grow, &it) == 0);
  for (size_t round = 0; round < test_count(1000, 100); round++) {
    size_t bytes = 0;
    TEST_CHECK(ouro_sizeof(it.list) >= sizeof(ouro_list) && ouro_sizeof(it.buffer) >= sizeof(ouro_buffer));
    TEST_CHECK(ouro_sizeof_deep(it.list, &bytes) == OURO_OK && bytes >= sizeof(ouro_list));
  }
  it.stop = true;
  ouro_blocking_begin();
  pthread_join(thread, NULL);
  ouro_blocking_end();
  drop(it.buffer);
  drop(it.list);
}

#ifdef OURO_FAULTS

static void every_allocation_fails_in_turn(void **state) {
  (void)state;
  list *wide = list_of_cells(2000, 2000, NULL);
  for (long nth = 1;; nth++) {
    size_t bytes = 7;
    ouro__fault_set(nth, true);
    int code = ouro_sizeof_deep(wide, &bytes);
    bool hit = ouro__fault_hit();
    ouro__fault_set(0, false);
    assert_int_equal(code, hit ? OURO_ENOMEM : OURO_OK);
    if (!hit) break;
    assert_int_equal(bytes, 7);
  }
  drop(wide);
}

#endif

int main(void) {
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(an_object_alone),
      OBJECT_TEST(what_its_type_has_beside_it),
      OBJECT_TEST(each_is_counted_once),
      OBJECT_TEST(what_never_goes_is_left_out),
      OBJECT_TEST(a_list_with_its_array_and_items),
      OBJECT_TEST(many_objects_and_great_depth),
      OBJECT_TEST(what_is_wrong_is_refused),
      OBJECT_TEST(a_size_is_that_of_one_moment),
#ifdef OURO_FAULTS
      OBJECT_TEST(every_allocation_fails_in_turn),
#endif
  };
  return cmocka_run_group_tests_name("values sizeof", tests, NULL, NULL);
}
