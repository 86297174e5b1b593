/* tests/values/test_tuple.c - tuples: what makes them, their items, and that they hash, compare and print as Python's do.
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka. */
#include "values/sequences.h"

static ouro_tuple *pair_of(int64_t first, int64_t second) {
  void *items[] = {number(first), number(second)};
  ouro_tuple *made = ouro_borrow(ouro_tuple_new(2, items));
  drop(items[0]);
  drop(items[1]);
  return made;
}

static ouro_tuple *range(int64_t count) {
  ouro_list *seq = ouro_borrow(ouro_list_new());
  for (int64_t i = 0; i < count; i++) {
    TEST_CHECK(ouro_list_append_move(seq, ouro_int_new(i)) == OURO_OK);
  }
  ouro_tuple *made = ouro_borrow(ouro_tuple_from(seq));
  drop(seq);
  return made;
}

static void there_is_one_of_no_items(void **state) {
  (void)state;
  ouro_tuple *none = ouro_borrow(ouro_tuple_new(0, NULL));
  ouro_list *seq = ouro_borrow(ouro_list_new());
  assert_true(ouro_is_immortal(none) && ouro_is_tuple(none) && ouro_tuple_count(none) == 0);
  assert_ptr_equal(ouro_borrow(ouro_tuple_of(0)), none);
  assert_ptr_equal(ouro_borrow(ouro_tuple_from(seq)), none);
  assert_ptr_equal(ouro_borrow(ouro_tuple_new_move(0, NULL)), none);
  ouro_tuple *two = pair_of(1, 2);
  assert_ptr_equal(ouro_borrow(ouro_tuple_slice(two, 1, 1, 1)), none);
  assert_ptr_equal(ouro_borrow(ouro_tuple_repeat(two, 0)), none);
  assert_ptr_equal(ouro_borrow(ouro_tuple_repeat(none, 5)), none);
  drop(two);
  drop(seq);
}

static void items_are_borrowed_or_moved(void **state) {
  (void)state;
  void *items[] = {cell_new(0), cell_new(0)};
  ouro_tuple *borrowing = ouro_borrow(ouro_tuple_new(2, items));
  assert_int_equal(ouro_refcount(items[0]), 2);
  ouro_tuple *of = ouro_borrow(ouro_tuple_of(2, items[0], items[1]));
  assert_int_equal(ouro_refcount(items[1]), 3);
  assert_ptr_equal(ouro_tuple_at(of, 1), items[1]);
  drop(of);
  drop(borrowing);
  ouro_tuple *moving = ouro_borrow(ouro_tuple_new_move(2, items));
  assert_int_equal(ouro_refcount(items[0]), 1);
  void *first = NULL;
  assert_int_equal(ouro_tuple_get(moving, -2, &first), OURO_OK);
  assert_ptr_equal(first, items[0]);
  drop(first);
  assert_int_equal(ouro_tuple_get(moving, 2, &first), OURO_EINDEX);
  assert_int_equal(ouro_tuple_get(moving, -3, &first), OURO_EINDEX);
  drop(moving);
}

static void null_is_no_item(void **state) {
  (void)state;
  void *items[] = {cell_new(0), NULL};
  errno = 0;
  assert_null(ouro_borrow(ouro_tuple_new(2, items)));
  assert_int_equal(errno, EINVAL);
  assert_null(ouro_borrow(ouro_tuple_of(2, items[0], NULL)));
  assert_null(ouro_borrow(ouro_tuple_from(NULL)));
  assert_null(ouro_borrow(ouro_tuple_from(items[0])));
  assert_int_equal(ouro_code_of_errno(errno), OURO_ETYPE);
  assert_null(ouro_borrow(ouro_tuple_new_move(2, items)));
}

static void slices_concat_repeat(void **state) {
  (void)state;
  ouro_tuple *five = range(5);
  ouro_tuple *slice = ouro_borrow(ouro_tuple_slice(five, -2, OURO_LEFT_OUT, -2));
  PRINTS(slice, "(3, 1)");
  ouro_tuple *sum = ouro_borrow(ouro_tuple_concat(slice, five));
  PRINTS(sum, "(3, 1, 0, 1, 2, 3, 4)");
  ouro_tuple *thrice = ouro_borrow(ouro_tuple_repeat(slice, 3));
  PRINTS(thrice, "(3, 1, 3, 1, 3, 1)");
  ouro_tuple *whole = ouro_borrow(ouro_tuple_slice(five, OURO_LEFT_OUT, OURO_LEFT_OUT, 1));
  assert_ptr_equal(whole, five);
  drop(whole);
  whole = ouro_borrow(ouro_tuple_slice(five, OURO_LEFT_OUT, OURO_LEFT_OUT, OURO_LEFT_OUT));
  assert_ptr_equal(whole, five);
  assert_null(ouro_borrow(ouro_tuple_slice(five, 0, 1, 0)));
  assert_null(ouro_borrow(ouro_tuple_repeat(five, PTRDIFF_MAX)));
  assert_int_equal(errno, ENOMEM);
  drop(whole);
  drop(thrice);
  drop(sum);
  drop(slice);
  drop(five);
}

static uint64_t hash_of(void *object) {
  uint64_t hash = 0;
  TEST_CHECK(ouro_hash(object, &hash) == OURO_OK);
  return hash;
}

static void equal_ones_hash_equal_and_others_do_not(void **state) {
  (void)state;
  ouro_tuple *first = pair_of(5000, 7), *same = pair_of(5000, 7), *turned = pair_of(7, 5000), *longer = range(3);
  assert_int_equal(ouro_equal(first, same), 1);
  assert_int_equal(ouro_equal(first, turned), 0);
  assert_int_equal(ouro_equal(first, longer), 0);
  assert_true(hash_of(first) == hash_of(same));
  assert_true(hash_of(first) != hash_of(turned));
  ouro_list *seq = ouro_borrow(ouro_list_from(first));
  assert_int_equal(ouro_equal(first, seq), 0);
  ouro_tuple *holder = ouro_borrow(ouro_tuple_of(1, seq));
  uint64_t hash = 3;
  assert_int_equal(ouro_hash(holder, &hash), OURO_EHASH);
  assert_int_equal(hash, 3);
  drop(holder);
  drop(seq);
  drop(first);
  drop(same);
  drop(turned);
  drop(longer);
}

static int order_of(void *first, void *second) {
  int order = 9;
  TEST_CHECK(ouro_compare(first, second, &order) == OURO_OK);
  return order < 0 ? -1 : order > 0;
}

static void order_is_that_of_the_first_items_that_differ(void **state) {
  (void)state;
  ouro_tuple *first = pair_of(1, 2), *second = pair_of(1, 3), *two = range(2), *three = range(3);
  assert_int_equal(order_of(first, second), -1);
  assert_int_equal(order_of(second, first), 1);
  assert_int_equal(order_of(first, first), 0);
  assert_int_equal(order_of(two, three), -1);
  assert_int_equal(order_of(three, two), 1);
  ouro_tuple *with_none = ouro_borrow(ouro_tuple_of(2, ouro_tuple_at(first, 0), ouro_none));
  ouro_tuple *same_none = ouro_borrow(ouro_tuple_of(2, ouro_tuple_at(first, 0), ouro_none));
  assert_int_equal(order_of(with_none, same_none), 0);
  int order;
  assert_int_equal(ouro_compare(with_none, first, &order), OURO_ETYPE);
  drop(with_none);
  drop(same_none);
  drop(first);
  drop(second);
  drop(two);
  drop(three);
}

static void looking_for_items(void **state) {
  (void)state;
  ouro_tuple *five = range(5), *twice = ouro_borrow(ouro_tuple_repeat(five, 2));
  void *three = number(3), *seven = number(7000);
  size_t index = 99, count = 99, length = 0;
  assert_int_equal(ouro_tuple_index(twice, three, &index), 1);
  assert_int_equal(index, 3);
  assert_int_equal(ouro_tuple_index(twice, seven, &index), 0);
  assert_int_equal(ouro_tuple_count_of(twice, three, &count), OURO_OK);
  assert_int_equal(count, 2);
  assert_int_equal(ouro_contains(five, three), 1);
  assert_int_equal(ouro_contains(five, seven), 0);
  assert_int_equal(ouro_length(five, &length), OURO_OK);
  assert_int_equal(length, 5);
  void *item = NULL;
  assert_int_equal(ouro_item_get(five, three, &item), OURO_OK);
  assert_ptr_equal(item, three);
  assert_int_equal(ouro_item_get(five, seven, &item), OURO_EINDEX);
  assert_int_equal(ouro_item_get(five, five, &item), OURO_ETYPE);
  assert_int_equal(ouro_item_set(five, three, three), OURO_ETYPE);
  drop(item);
  drop(three);
  drop(seven);
  drop(five);
  drop(twice);
}

static void text_of_tuples(void **state) {
  (void)state;
  ouro_tuple *none = ouro_borrow(ouro_tuple_of(0)), *one = range(1), *two = range(2);
  PRINTS(none, "()");
  PRINTS(one, "(0,)");
  PRINTS(two, "(0, 1)");
  ouro_list *seq = ouro_borrow(ouro_list_new());
  ouro_tuple *around = ouro_borrow(ouro_tuple_of(1, seq));
  assert_int_equal(ouro_list_append(seq, around), OURO_OK);
  PRINTS(around, "([(...)],)");
  PRINTS(seq, "[([...],)]");
  ouro_list_clear(seq);
  drop(around);
  drop(seq);
  drop(one);
  drop(two);
}

static void iterating(void **state) {
  (void)state;
  ouro_tuple *three = range(3);
  void *iterator = NULL, *item = NULL;
  assert_int_equal(ouro_iterate(three, &iterator), OURO_OK);
  for (int64_t i = 0; i < 3; i++) {
    assert_int_equal(ouro_next(iterator, &item), 1);
    assert_int_equal(value_of(item), i);
    drop(item);
  }
  assert_int_equal(ouro_next(iterator, &item), 0);
  assert_int_equal(ouro_next(iterator, &item), 0);
  drop(iterator);
  drop(three);
}

static void nesting_ends(void **state) {
  (void)state;
  ouro_tuple *deep = ouro_borrow(ouro_tuple_of(1, ouro_none)), *twin = ouro_borrow(ouro_tuple_of(1, ouro_none));
  for (int i = 0; i < OURO_DEEPEST + 10; i++) {
    ouro_ref one = deep, other = twin;
    deep = ouro_borrow(ouro_tuple_new_move(1, &one));
    twin = ouro_borrow(ouro_tuple_new_move(1, &other));
  }
  uint64_t hash;
  int order;
  assert_int_equal(ouro_hash(deep, &hash), OURO_EDEEP);
  assert_int_equal(ouro_equal(deep, twin), OURO_EDEEP);
  assert_int_equal(ouro_compare(deep, twin, &order), OURO_EDEEP);
  assert_null(ouro_borrow(ouro_repr(deep)));
  assert_int_equal(ouro__code(), OURO_EDEEP);
  drop(deep);
  drop(twin);
}

static void cycles_are_collected(void **state) {
  (void)state;
  ouro_list *seq = ouro_borrow(ouro_list_new());
  ouro_tuple *around = ouro_borrow(ouro_tuple_of(2, seq, seq));
  assert_int_equal(ouro_list_append_move(seq, around), OURO_OK);
  drop(seq);
  assert_int_equal(ouro_gc_collect(2), 2);
}

#ifdef OURO_FAULTS
typedef struct tries {
  ouro_tuple *tuple;
  ouro_list *seq;
  size_t live;
} tries;

static int made(ouro_ref object) {
  if (ouro_borrow(object) == NULL) {
    return ouro__code();
  }
  ouro_decref(object);
  return OURO_OK;
}

static bool as_many_live(void *arg) { return test_live() == ((tries *)arg)->live; }
static int try_new(void *arg) { return made(ouro_tuple_of(2, ((tries *)arg)->tuple, ouro_none)); }
static int try_from(void *arg) { return made(ouro_tuple_from(((tries *)arg)->seq)); }
static int try_slice(void *arg) { return made(ouro_tuple_slice(((tries *)arg)->tuple, 1, 3, 1)); }
static int try_concat(void *arg) { return made(ouro_tuple_concat(((tries *)arg)->tuple, ((tries *)arg)->tuple)); }
static int try_repeat(void *arg) { return made(ouro_tuple_repeat(((tries *)arg)->tuple, 3)); }
static int try_move(void *arg) {
  ouro_ref items[] = {ouro_newref(((tries *)arg)->tuple), ouro_newref(((tries *)arg)->seq)};
  return made(ouro_tuple_new_move(2, items));
}
static int try_iterate(void *arg) {
  void *iterator = NULL;
  int code = ouro_iterate(((tries *)arg)->tuple, &iterator);
  ouro_xdecref(iterator);
  return code;
}

static void without_memory(void **state) {
  (void)state;
  int (*const attempts[])(void *) = {try_new, try_from, try_slice, try_concat, try_repeat, try_move, try_iterate};
  tries it = {.tuple = range(5)};
  it.seq = ouro_borrow(ouro_list_from(it.tuple));
  it.live = test_live();
  for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
    fail_each(attempts[i], as_many_live, &it);
    assert_true(as_many_live(&it));
  }
  drop(it.tuple);
  drop(it.seq);
}
#endif

int main(void) {
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(there_is_one_of_no_items),
      OBJECT_TEST(items_are_borrowed_or_moved),
      OBJECT_TEST(null_is_no_item),
      OBJECT_TEST(slices_concat_repeat),
      OBJECT_TEST(equal_ones_hash_equal_and_others_do_not),
      OBJECT_TEST(order_is_that_of_the_first_items_that_differ),
      OBJECT_TEST(looking_for_items),
      OBJECT_TEST(text_of_tuples),
      OBJECT_TEST(iterating),
      OBJECT_TEST(nesting_ends),
      OBJECT_TEST(cycles_are_collected),
#ifdef OURO_FAULTS
      OBJECT_TEST(without_memory),
#endif
  };
  test_objects_without_stress();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
