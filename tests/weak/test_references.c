/* tests/weak/test_references.c - weak references: they lead to their object as long as others keep it, are shared where they
 * have no callback, and call back once, the newest first, when all of them are dead.
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka. */
#include "object/objects.h"

#include <errno.h>

/* ---------------------------------------------------------------- one weak reference */

static void a_weak_reference_leads_to_its_object_while_that_lives(void **state) {
  (void)state;
  void *objects[] = {cell_new(0),
                     cell_of(&visited_type, 0),
                     cell_of(&acyclic_type, 0),
                     leaf_new(0),
                     list_new(3),
                     list_new(100000),
                     tuple_of(NULL, NULL, NULL),
                     ouro_borrow(ouro_new_extra(&leaf_type, 0, 500))};
  enum { KINDS = sizeof objects / sizeof objects[0] };
  for (size_t i = 0; i < KINDS; i++) {
    ouro_weak *weak = weak_to(objects[i]);
    assert_false(ouro_weak_is_dead(weak));
    ouro_ref first = ouro_weak_get(weak);
    ouro_ref second = ouro_weak_get(weak);
    assert_ptr_equal(ouro_borrow(first), objects[i]);
    assert_ptr_equal(ouro_borrow(second), objects[i]);
    assert_int_equal(ouro_refcount(objects[i]), 3);
    ouro_decref(first);
    ouro_decref(second);
    drop(objects[i]);
    assert_true(ouro_weak_is_dead(weak));
    assert_null(ouro_borrow(ouro_weak_get(weak)));
    drop(weak);
  }
}

static void a_strong_reference_taken_from_it_keeps_the_object(void **state) {
  (void)state;
  cell *object = cell_new(1);
  ouro_weak *weak = weak_to(object);
  ouro_ref strong = ouro_weak_get(weak);
  drop(object);
  assert_string_equal(test_log(), "");
  assert_true(weak_is(weak, object));
  ouro_decref(strong);
  assert_string_equal(test_log(), "-1");
  assert_true(weak_is(weak, NULL));
  drop(weak);
}

static void a_weak_reference_that_goes_first_leaves_the_object_alone(void **state) {
  (void)state;
  cell *object = cell_new(1);
  drop(weak_to(object));
  drop(weak_noting(object, "called"));
  assert_int_equal(ouro_weak_count(object), 0);
  assert_string_equal(test_log(), "");
  drop(object);
  assert_string_equal(test_log(), "-1");
}

static void the_types_tell_weak_references_from_other_objects(void **state) {
  (void)state;
  cell *object = cell_new(0);
  ouro_weak *shared = weak_to(object);
  ouro_weak *own = weak_noting(object, "called");
  assert_true(ouro_is_instance(shared, &ouro_weak_type));
  assert_true(ouro_is_instance(own, &ouro_weak_type));
  assert_true(ouro_is_instance(own, &ouro_weak_callback_type));
  assert_false(ouro_is_instance(shared, &ouro_weak_callback_type));
  assert_false(ouro_is_instance(object, &ouro_weak_type));
  drop(shared);
  drop(own);
  drop(object);
}

/* ---------------------------------------------------------------- sharing, counting */

static void without_a_callback_it_is_shared(void **state) {
  (void)state;
  cell *object = cell_new(0);
  cell *other = cell_new(0);
  ouro_weak *first = weak_to(object);
  ouro_weak *own = weak_noting(object, "called"); /* in between: it makes no difference */
  ouro_weak *second = weak_to(object);
  ouro_weak *of_other = weak_to(other);
  assert_ptr_equal(first, second);
  assert_ptr_not_equal(first, own);
  assert_ptr_not_equal(first, of_other);
  assert_int_equal(ouro_refcount(first), 2);
  assert_int_equal(ouro_weak_count(object), 2);
  drop(own);
  assert_int_equal(ouro_weak_count(object), 1);
  drop(first);
  assert_int_equal(ouro_weak_count(object), 1);
  assert_true(weak_is(second, object));
  drop(second);
  assert_int_equal(ouro_weak_count(object), 0);
  drop(of_other);
  drop(object);
  drop(other);
  test_log();
}

static void with_a_callback_each_is_its_own(void **state) {
  (void)state;
  cell *object = cell_new(0);
  ouro_weak *first = weak_noting(object, "same");
  ouro_weak *second = weak_noting(object, "same");
  assert_ptr_not_equal(first, second);
  assert_int_equal(ouro_weak_count(object), 2);
  drop(object);
  assert_string_equal(test_log(), "same same");
  drop(first);
  drop(second);
}

static void weak_references_are_counted(void **state) {
  (void)state;
  cell *object = cell_new(0);
  assert_int_equal(ouro_weak_count(object), 0);
  ouro_weak *shared = weak_to(object);
  ouro_weak *own = weak_noting(object, "own");
  ouro_weak *more = weak_noting(object, "more");
  assert_int_equal(ouro_weak_count(object), 3);
  drop(shared);
  assert_int_equal(ouro_weak_count(object), 2);
  drop(own);
  drop(more);
  assert_int_equal(ouro_weak_count(object), 0);
  drop(object);
}

/* `expected` ends with NULL. */
static void check_list(void *object, ouro_weak *const *expected) {
  ouro_weak *found[8] = {NULL};
  size_t count = 0;
  while (expected[count] != NULL) {
    count++;
  }
  assert_int_equal(ouro_weak_list(object, found, 8), count);
  for (size_t i = 0; i < count; i++) {
    assert_ptr_equal(found[i], expected[i]);
  }
  assert_null(found[count]);
}

static void they_are_listed_the_shared_one_first_then_the_newest(void **state) {
  (void)state;
  cell *object = cell_new(0);
  ouro_weak *first = weak_noting(object, "1");
  ouro_weak *second = weak_noting(object, "2");
  check_list(object, (ouro_weak *[]){second, first, NULL});
  ouro_weak *shared = weak_to(object);
  check_list(object, (ouro_weak *[]){shared, second, first, NULL});
  ouro_weak *third = weak_noting(object, "3");
  check_list(object, (ouro_weak *[]){shared, third, second, first, NULL});
  drop(second);
  check_list(object, (ouro_weak *[]){shared, third, first, NULL});
  drop(shared);
  check_list(object, (ouro_weak *[]){third, first, NULL});
  drop(first);
  check_list(object, (ouro_weak *[]){third, NULL});
  drop(third);
  check_list(object, (ouro_weak *[]){NULL});
  drop(object);
}

static void a_list_is_cut_to_the_room_there_is(void **state) {
  (void)state;
  cell *object = cell_new(0);
  ouro_weak *first = weak_noting(object, "1");
  ouro_weak *second = weak_noting(object, "2");
  ouro_weak *found[2] = {NULL, NULL};
  assert_int_equal(ouro_weak_list(object, found, 1), 2);
  assert_ptr_equal(found[0], second);
  assert_null(found[1]);
  assert_int_equal(ouro_weak_list(object, NULL, 0), 2);
  drop(first);
  drop(second);
  drop(object);
}

/* ---------------------------------------------------------------- callbacks */

typedef struct call {
  ouro_weak *weak;
  void *data, *held;
  size_t times;
} call;

static call last;

static void remember(ouro_weak *weak, void *data, void *held) {
  TEST_CHECK(ouro_weak_is_dead(weak));
  last = (call){weak, data, held, last.times + 1};
}

static void a_callback_is_called_once_with_what_was_given(void **state) {
  (void)state;
  int data = 0;
  cell *object = cell_new(1);
  leaf *held = leaf_new(2);
  last = (call){NULL, NULL, NULL, 0};
  ouro_weak *weak = ouro_borrow(ouro_weak_new_callback(object, remember, &data, held));
  assert_int_equal(ouro_refcount(held), 2);
  assert_true(ouro_weak_has_callback(weak));
  drop(object);
  assert_int_equal(last.times, 1);
  assert_ptr_equal(last.weak, weak);
  assert_ptr_equal(last.data, &data);
  assert_ptr_equal(last.held, held);
  assert_false(ouro_weak_has_callback(weak));
  assert_int_equal(ouro_refcount(held), 1); /* it has given up what it held */
  ouro_gc_collect(2);
  assert_int_equal(last.times, 1);
  drop(weak);
  drop(held);
  assert_string_equal(test_log(), "-1 -2");
}

static void a_shared_one_has_no_callback(void **state) {
  (void)state;
  cell *object = cell_new(0);
  ouro_weak *shared = weak_to(object);
  assert_false(ouro_weak_has_callback(shared));
  drop(object);
  assert_false(ouro_weak_has_callback(shared));
  drop(shared);
}

static void without_a_function_there_is_no_callback(void **state) {
  (void)state;
  cell *object = cell_new(0);
  errno = 0;
  assert_null(ouro_borrow(ouro_weak_new_callback(object, NULL, NULL, NULL)));
  assert_int_equal(errno, EINVAL);
  assert_int_equal(ouro_weak_count(object), 0);
  drop(object);
}

static void callbacks_are_called_the_newest_first(void **state) {
  (void)state;
  static const char *const names[] = {"1", "2", "3", "4", "5"};
  cell *object = cell_new(0);
  ouro_weak *weak[5];
  for (size_t i = 0; i < 5; i++) {
    weak[i] = weak_noting(object, names[i]);
  }
  drop(weak[2]);
  drop(object);
  assert_string_equal(test_log(), "5 4 2 1");
  for (size_t i = 0; i < 5; i++) {
    if (i != 2) {
      drop(weak[i]);
    }
  }
}

static ouro_weak *watched[3];

static void note_all(ouro_weak *weak, void *data, void *held) {
  (void)weak;
  (void)data;
  (void)held;
  for (size_t i = 0; i < 3; i++) {
    ouro_ref strong = ouro_weak_get(watched[i]);
    TEST_CHECK(ouro_borrow(strong) == NULL);
    TEST_CHECK(ouro_weak_is_dead(watched[i]));
  }
  test_note("all-dead");
}

static void all_are_dead_before_the_first_callback(void **state) {
  (void)state;
  cell *object = cell_new(0);
  watched[0] = ouro_borrow(ouro_weak_new_callback(object, note_all, NULL, NULL));
  watched[1] = weak_to(object);
  watched[2] = ouro_borrow(ouro_weak_new_callback(object, note_all, NULL, NULL));
  drop(object);
  assert_string_equal(test_log(), "all-dead all-dead");
  for (size_t i = 0; i < 3; i++) {
    drop(watched[i]);
  }
}

static void a_callback_comes_after_the_finalizer_and_before_the_references_go(void **state) {
  (void)state;
  cell *object = cell_of(&final_type, 1);
  ouro_movref(&object->a, ouro_adopt(leaf_new(2)));
  ouro_weak *weak = weak_noting(object, "called");
  drop(object);
  assert_string_equal(test_log(), "~1 called -2 -1");
  drop(weak);
}

static void one_that_goes_first_takes_its_callback_with_it(void **state) {
  (void)state;
  cell *object = cell_new(0);
  ouro_weak *first = weak_noting(object, "first");
  ouro_weak *second = weak_noting(object, "second");
  drop(first);
  drop(object);
  assert_string_equal(test_log(), "second");
  drop(second);
}

/* ---------------------------------------------------------------- callbacks that do things */

static void collect_in_callback(ouro_weak *weak, void *data, void *held) {
  (void)weak;
  (void)data;
  (void)held;
  test_note("%td", ouro_gc_collect(2));
  OBJECTS_ARE_SOUND();
}

static void a_callback_may_collect(void **state) {
  (void)state;
  cell *object = cell_of(&final_type, 1);
  ouro_weak *weak = ouro_borrow(ouro_weak_new_callback(object, collect_in_callback, NULL, NULL));
  drop(cell_ring(&cell_type, 4, 0));
  drop(object);
  assert_string_equal(test_log(), "~1 4 -1");
  drop(weak);
}

/* CPython's bug 840829: what is being deallocated, and what holds it, must not be the collector's any more. */
static void a_callback_may_collect_deep_within_a_death(void **state) {
  (void)state;
  cell *inner = cell_new(1);
  cell *middle = cell_new(2);
  cell *outer = cell_new(3);
  ouro_weak *weak = ouro_borrow(ouro_weak_new_callback(inner, collect_in_callback, NULL, NULL));
  ouro_movref(&middle->a, ouro_adopt(inner));
  ouro_movref(&outer->b, ouro_adopt(middle));
  drop(outer);
  assert_string_equal(test_log(), "0 -1 -2 -3");
  drop(weak);
}

static void drop_the_weak_reference(ouro_weak *weak, void *data, void *held) {
  (void)held;
  TEST_CHECK(*(ouro_weak **)data == weak);
  drop(weak); /* the program's last reference to it */
  test_note("dropped");
}

static void a_callback_may_drop_its_own_weak_reference(void **state) {
  (void)state;
  static ouro_weak *weak;
  cell *object = cell_new(1);
  weak = ouro_borrow(ouro_weak_new_callback(object, drop_the_weak_reference, &weak, NULL));
  drop(object);
  assert_string_equal(test_log(), "dropped -1");
  assert_false(test_is_live(weak));
}

static ouro_weak *older;

static void drop_an_older_one(ouro_weak *weak, void *data, void *held) {
  (void)weak;
  (void)data;
  (void)held;
  test_note("newer");
  drop(older);
}

static void what_is_due_is_called_even_if_it_is_dropped_meanwhile(void **state) {
  (void)state;
  cell *object = cell_new(0);
  older = weak_noting(object, "older");
  ouro_weak *newer = ouro_borrow(ouro_weak_new_callback(object, drop_an_older_one, NULL, NULL));
  drop(object);
  assert_string_equal(test_log(), "newer older"); /* all that are to be called were held first */
  drop(newer);
}

static void refer_to_the_dying(ouro_weak *weak, void *data, void *held) {
  (void)weak;
  (void)held;
  errno = 0;
  TEST_CHECK(ouro_borrow(ouro_weak_new(data)) == NULL);
  TEST_CHECK(errno == EINVAL);
  TEST_CHECK(ouro_borrow(ouro_weak_new_callback(data, remember, NULL, NULL)) == NULL);
  TEST_CHECK(ouro_weak_count(data) == 0);
  test_note("refused");
}

static void what_is_being_freed_gets_no_new_weak_reference(void **state) {
  (void)state;
  cell *object = cell_new(1);
  ouro_weak *weak = ouro_borrow(ouro_weak_new_callback(object, refer_to_the_dying, object, NULL));
  drop(object);
  assert_string_equal(test_log(), "refused -1");
  drop(weak);
}

static ouro_ref made_in_callback[2];

static void make_weak_references(ouro_weak *weak, void *data, void *held) {
  (void)data;
  made_in_callback[0] = ouro_weak_new(held);
  made_in_callback[1] = ouro_weak_new_callback(weak, remember, NULL, NULL);
  TEST_CHECK(ouro_borrow(made_in_callback[0]) != NULL && ouro_borrow(made_in_callback[1]) != NULL);
}

static void a_callback_may_make_weak_references(void **state) {
  (void)state;
  cell *object = cell_new(0);
  cell *held = cell_new(2);
  ouro_weak *weak = ouro_borrow(ouro_weak_new_callback(object, make_weak_references, NULL, held));
  last.times = 0;
  drop(object);
  assert_true(weak_is(ouro_borrow(made_in_callback[0]), held));
  drop(weak);
  assert_int_equal(last.times, 1);
  drop(held);
  ouro_decref(made_in_callback[0]);
  ouro_decref(made_in_callback[1]);
  assert_string_equal(test_log(), "-2");
}

static cell *next_to_die[10];

static void kill_the_next(ouro_weak *weak, void *data, void *held) {
  (void)weak;
  (void)held;
  size_t index = (size_t)data;
  test_note("%zu", index);
  if (index + 1 < 10) {
    drop(next_to_die[index + 1]);
  }
}

static void a_callback_may_let_others_die(void **state) {
  (void)state;
  ouro_weak *weak[10];
  for (size_t i = 0; i < 10; i++) {
    next_to_die[i] = cell_new(0);
    weak[i] = ouro_borrow(ouro_weak_new_callback(next_to_die[i], kill_the_next, (void *)i, NULL));
  }
  drop(next_to_die[0]);
  assert_string_equal(test_log(), "0 1 2 3 4 5 6 7 8 9");
  for (size_t i = 0; i < 10; i++) {
    drop(weak[i]);
  }
}

static void a_finalizer_that_resurrects_keeps_the_weak_references(void **state) {
  (void)state;
  cell *object = cell_of(&final_type, 1);
  object->finalizing = survive;
  ouro_weak *shared = weak_to(object);
  ouro_weak *own = weak_noting(object, "called");
  drop(object);
  assert_string_equal(test_log(), "~1");
  assert_true(weak_is(shared, object) && weak_is(own, object));
  assert_true(ouro_weak_has_callback(own));
  survivors_drop();
  assert_string_equal(test_log(), "called -1");
  drop(shared);
  drop(own);
}

static ouro_ref made_by_the_dying;

static void refer_to_self(cell *self) { made_by_the_dying = ouro_weak_new(self); }

static void a_weak_reference_made_by_the_finalizer_is_dead_afterwards(void **state) {
  (void)state;
  cell *object = cell_of(&final_type, 1);
  object->finalizing = refer_to_self;
  drop(object);
  assert_true(weak_is(ouro_borrow(made_by_the_dying), NULL));
  ouro_decref(made_by_the_dying);
  assert_string_equal(test_log(), "~1 -1");
}

/* CPython's issue 16602: an object that waits to be deallocated, in a deep structure, must not be seen as alive. */
static void resurrect_in_vain(ouro_weak *weak, void *data, void *held) {
  (void)weak;
  (void)held;
  ouro_weak *child = data;
  ouro_ref strong = ouro_weak_get(child);
  TEST_CHECK(ouro_borrow(strong) == NULL || ouro_refcount(ouro_borrow(strong)) > 1);
  ouro_xdecref(strong);
}

static void what_waits_in_a_deep_death_is_seen_as_dead(void **state) {
  (void)state;
  enum { LENGTH = 400 };
  static ouro_weak *self_weak[LENGTH], *parent_weak[LENGTH];
  ouro_weak_keys *map = ouro_borrow(ouro_weak_keys_new());
  cell *root = cell_new(0);
  cell *parent = root;
  for (size_t i = 0; i < LENGTH; i++) {
    cell *child = cell_new(0);
    self_weak[i] = weak_to(child);
    parent_weak[i] = ouro_borrow(ouro_weak_new_callback(parent, resurrect_in_vain, self_weak[i], NULL));
    assert_int_equal(ouro_weak_keys_set(map, parent, child), OURO_OK);
    drop(child);
    parent = child;
  }
  drop(root);
  assert_int_equal(ouro_weak_keys_count(map), 0);
  for (size_t i = 0; i < LENGTH; i++) {
    assert_true(weak_is(self_weak[i], NULL));
    drop(self_weak[i]);
    drop(parent_weak[i]);
  }
  drop(map);
}

/* ---------------------------------------------------------------- what a weak reference holds */

static void what_it_holds_lives_as_long_as_it_does(void **state) {
  (void)state;
  cell *object = cell_new(0);
  leaf *held = leaf_new(1);
  ouro_weak *weak = ouro_borrow(ouro_weak_new_callback(object, remember, NULL, held));
  drop(held);
  assert_string_equal(test_log(), "");
  drop(weak);
  assert_string_equal(test_log(), "-1");
  drop(object);
}

static void count_calls(ouro_weak *weak, void *data, void *held) {
  (void)weak;
  (void)held;
  (*(int *)data)++;
}

/* CPython's issue 3100: the weak reference is what keeps its own object alive; with its end the object dies, and nobody is
 * left to be called. */
static void a_weak_reference_may_hold_its_own_object(void **state) {
  (void)state;
  int calls = 0;
  cell *object = cell_new(1);
  ouro_weak *weak = ouro_borrow(ouro_weak_new_callback(object, count_calls, &calls, object));
  drop(object);
  assert_string_equal(test_log(), "");
  drop(weak);
  assert_string_equal(test_log(), "-1");
  assert_int_equal(calls, 0);

  object = cell_new(2);
  ouro_weak *second = ouro_borrow(ouro_weak_new_callback(object, count_calls, &calls, object));
  ouro_weak *first = ouro_borrow(ouro_weak_new_callback(object, count_calls, &calls, second));
  drop(object);
  drop(second);
  assert_string_equal(test_log(), "");
  drop(first);
  assert_string_equal(test_log(), "-2");
  assert_int_equal(calls, 0);
}

static void a_cycle_through_what_it_holds_is_found(void **state) {
  (void)state;
  cell *object = cell_new(0);
  cell *holder = cell_new(1);
  ouro_movref(&holder->a, ouro_weak_new_callback(object, remember, NULL, holder));
  assert_true(ouro_gc_is_tracked(in_a(holder)));
  last.times = 0;
  drop(holder);
  assert_int_equal(ouro_gc_collect(2), 2);
  assert_string_equal(test_log(), "-1");
  assert_int_equal(ouro_weak_count(object), 0);
  drop(object);
  assert_int_equal(last.times, 0);
}

/* ---------------------------------------------------------------- weak references and the collector (CPython's cases) */

static void two_that_are_garbage_with_what_they_refer_to_are_not_called(void **state) {
  (void)state;
  cell *first = cell_new(1);
  cell *second = cell_new(2);
  ouro_setref(&first->a, second);
  ouro_setref(&second->a, first);
  ouro_movref(&first->b, ouro_weak_new_callback(second, remember, NULL, first));
  ouro_movref(&second->b, ouro_weak_new_callback(first, remember, NULL, second));
  cell *beside = cell_ring(&cell_type, 1, 3);
  ouro_weak *outside = weak_noting(beside, "outside");
  last.times = 0;
  drop(first);
  drop(second);
  drop(beside);
  assert_string_equal(test_log(), "");
  ouro_gc_collect(2);
  assert_int_equal(last.times, 0);
  assert_string_equal(test_log_sorted(), "-1 -2 -3 outside");
  assert_true(weak_is(outside, NULL));
  assert_int_equal(ouro_gc_collect(2), 0);
  assert_string_equal(test_log(), "");
  drop(outside);
}

static void one_in_a_cycle_with_its_object_is_not_called(void **state) {
  (void)state;
  cell *class = cell_ring(&cell_type, 1, 1);
  cell *instance = cell_new(2);
  ouro_setref(&instance->a, class);
  ouro_movref(&instance->b, ouro_weak_new_callback(class, remember, NULL, instance));
  last.times = 0;
  drop(instance);
  drop(class);
  ouro_gc_collect(2);
  assert_int_equal(last.times, 0);
  assert_string_equal(test_log_sorted(), "-1 -2");
}

static void one_from_which_its_object_is_reached_is_not_called(void **state) {
  (void)state;
  static ouro_type *const types[] = {&cell_type, &visited_type};
  for (size_t i = 0; i < 2; i++) {
    cell *first = cell_of(types[i], 1);
    cell *second = cell_ring(&cell_type, 1, 2);
    ouro_setref(&second->b, first); /* the callback's side reaches the object, and not the other way */
    ouro_movref(&second->c, ouro_weak_new_callback(first, remember, NULL, second));
    last.times = 0;
    drop(first);
    drop(second);
    ouro_gc_collect(2);
    assert_int_equal(last.times, 0);
    assert_string_equal(test_log_sorted(), "-1 -2");
  }
}

static void of_weak_references_to_weak_references_only_the_one_outside_is_called(void **state) {
  (void)state;
  cell *first = cell_new(1);
  cell *second = cell_new(2);
  cell *helper = cell_new(3); /* what would be a callback's object */
  ouro_setref(&first->a, second);
  ouro_setref(&second->a, first);
  ouro_setref(&helper->a, first);
  ouro_movref(&first->b, ouro_weak_new_callback(second, remember, NULL, helper));
  ouro_movref(&second->b, ouro_weak_new_callback(helper, remember, NULL, second));
  ouro_weak *outside = weak_noting(helper, "outside");
  assert_true(weak_is(outside, helper));
  last.times = 0;
  drop(helper);
  drop(first);
  drop(second);
  assert_string_equal(test_log(), "");
  ouro_gc_collect(2);
  assert_int_equal(last.times, 0);
  assert_string_equal(test_log_sorted(), "-1 -2 -3 outside");
  assert_true(weak_is(outside, NULL));
  assert_int_equal(ouro_gc_collect(2), 0);
  assert_string_equal(test_log(), "");
  drop(outside);
}

static void collections_may_come_between_the_making_of_weak_references(void **state) {
  (void)state;
  static const int often[OURO_GENERATIONS] = {1, 1, 1};
  assert_int_equal(ouro_gc_set_threshold(often), OURO_OK);
  cell *object = cell_new(0);
  for (int i = 0; i < 1000; i++) {
    cell *self = cell_ring(&cell_type, 1, 0);
    ouro_movref(&self->b, i % 2 == 0 ? ouro_weak_new(object) : ouro_weak_new_callback(object, remember, NULL, self));
    drop(self);
    ouro_safepoint();
    drop(weak_to(object));
    ouro_safepoint();
    drop(weak_noting(object, "called"));
    ouro_safepoint();
  }
  ouro_gc_collect(2);
  assert_int_equal(ouro_weak_count(object), 0);
  drop(object);
  assert_string_equal(test_log(), "");
}

/* ---------------------------------------------------------------- many */

static void very_many_objects_have_weak_references(void **state) {
  (void)state;
  size_t count = test_count(200000, 10000);
  list *objects = list_new(count);
  list *weak = list_new(count);
  for (size_t i = 0; i < count; i++) {
    ouro_movref(&objects->items[i], ouro_adopt(leaf_new(0)));
    ouro_movref(&weak->items[i], ouro_weak_new(list_at(objects, i)));
  }
  for (size_t i = 0; i < count; i++) {
    assert_true(weak_is(list_at(weak, i), list_at(objects, i)));
  }
  OBJECTS_ARE_SOUND();
  for (size_t i = 0; i < count; i += 2) {
    ouro_clear(&objects->items[i]);
    ouro_clear(&weak->items[i + 1 < count ? i + 1 : i]);
  }
  OBJECTS_ARE_SOUND();
  for (size_t i = 0; i < count; i++) {
    if (list_at(weak, i) != NULL) {
      assert_true(weak_is(list_at(weak, i), list_at(objects, i)));
    }
    assert_true(list_at(objects, i) == NULL || ouro_weak_count(list_at(objects, i)) == (list_at(weak, i) != NULL));
  }
  drop(objects);
  drop(weak);
}

static void one_object_has_very_many_weak_references(void **state) {
  (void)state;
  int calls = 0;
  size_t count = test_count(100000, 5000);
  cell *object = cell_new(0);
  list *weak = list_new(count);
  for (size_t i = 0; i < count; i++) {
    ouro_movref(&weak->items[i], ouro_weak_new_callback(object, count_calls, &calls, NULL));
  }
  assert_int_equal(ouro_weak_count(object), count);
  for (size_t i = 0; i < count; i += 3) {
    ouro_clear(&weak->items[i]);
  }
  size_t left = count - (count + 2) / 3;
  assert_int_equal(ouro_weak_count(object), left);
  OBJECTS_ARE_SOUND();
  drop(object);
  assert_int_equal(calls, left);
  drop(weak);
}

/* Keep so many of the objects, each with a weak reference: the tables become smaller, or larger. */
static void have(list *objects, list *weak, size_t many) {
  for (size_t i = 0; i < objects->base.count; i++) {
    if (i >= many) {
      ouro_clear(&objects->items[i]);
      ouro_clear(&weak->items[i]);
    } else if (list_at(objects, i) == NULL) {
      ouro_movref(&objects->items[i], ouro_new(&cell_type));
      ouro_movref(&weak->items[i], ouro_weak_new(list_at(objects, i)));
    }
  }
}

static void the_tables_grow_and_shrink_again_and_again(void **state) {
  (void)state;
  static const size_t many[] = {4000, 60, 700, 1400, 100, 1300, 8, 2000, 130, 600, 0, 900};
  list *objects = list_new(4000), *weak = list_new(4000);
  for (size_t i = 0; i < sizeof many / sizeof *many; i++) {
    have(objects, weak, many[i]);
    for (size_t k = 0; k < many[i]; k++) assert_true(weak_is(list_at(weak, k), list_at(objects, k)));
    OBJECTS_ARE_SOUND();
  }
  drop(objects);
  drop(weak);
}

/* ---------------------------------------------------------------- chance, against a model */

enum { OBJECTS = 40, REFERENCES = 200 };

static struct {
  cell *objects[OBJECTS];      /* NULL: dead */
  ouro_weak *weak[REFERENCES]; /* NULL: none */
  size_t referent[REFERENCES]; /* which object; OBJECTS: dead */
  bool calling[REFERENCES];    /* it has a callback that has not been called */
  size_t expected[REFERENCES]; /* calls that are to come, in order */
  size_t expected_count, called;
} model;

static void is_expected(ouro_weak *weak, void *data, void *held) {
  (void)weak;
  (void)held;
  TEST_CHECK(model.called < model.expected_count);
  TEST_CHECK(model.expected[model.called++] == (size_t)data);
}

static void kill_object(size_t index) {
  model.expected_count = model.called = 0;
  ouro_weak *listed[REFERENCES + 1];
  size_t count = ouro_weak_list(model.objects[index], listed, REFERENCES + 1);
  for (size_t l = 0; l < count; l++) { /* the order of the list is the order of the calls */
    for (size_t i = 0; i < REFERENCES; i++) {
      if (model.weak[i] == listed[l] && model.calling[i]) {
        model.expected[model.expected_count++] = i;
        model.calling[i] = false;
      }
    }
  }
  for (size_t i = 0; i < REFERENCES; i++) {
    if (model.weak[i] != NULL && model.referent[i] == index) {
      model.referent[i] = OBJECTS;
    }
  }
  drop(model.objects[index]);
  model.objects[index] = NULL;
  TEST_CHECK(model.called == model.expected_count);
}

static void make_weak(test_rng *rng, size_t at) {
  size_t index = test_below(rng, OBJECTS);
  if (model.objects[index] == NULL || model.weak[at] != NULL) {
    return;
  }
  bool calling = test_below(rng, 3) > 0;
  ouro_ref made = calling ? ouro_weak_new_callback(model.objects[index], is_expected, (void *)at, NULL)
                          : ouro_weak_new(model.objects[index]);
  model.weak[at] = ouro_borrow(made);
  model.referent[at] = index;
  model.calling[at] = calling;
}

static void check_model(void) {
  for (size_t i = 0; i < REFERENCES; i++) {
    if (model.weak[i] == NULL) {
      continue;
    }
    const cell *referent = model.referent[i] < OBJECTS ? model.objects[model.referent[i]] : NULL;
    assert_true(weak_is(model.weak[i], referent));
    assert_int_equal(ouro_weak_has_callback(model.weak[i]), model.calling[i]);
  }
  OBJECTS_ARE_SOUND();
}

static void random_programs_agree_with_a_model(void **state) {
  (void)state;
  test_rng rng = {11};
  memset(&model, 0, sizeof model);
  for (size_t step = 0; step < test_count(200000, 20000); step++) {
    size_t index = test_below(&rng, OBJECTS);
    size_t at = test_below(&rng, REFERENCES);
    switch (test_below(&rng, 8)) {
    case 0:
      if (model.objects[index] != NULL) {
        kill_object(index);
      }
      break;
    case 1:
    case 2:
      if (model.objects[index] == NULL) {
        model.objects[index] = cell_new(0);
      }
      break;
    case 3:
    case 4:
      if (model.weak[at] != NULL) {
        drop(model.weak[at]);
        model.weak[at] = NULL;
      }
      break;
    default:
      make_weak(&rng, at);
      break;
    }
    if (step % 1000 == 0) {
      check_model();
    }
  }
  for (size_t i = 0; i < OBJECTS; i++) {
    if (model.objects[i] != NULL) {
      kill_object(i);
    }
  }
  check_model();
  for (size_t i = 0; i < REFERENCES; i++) {
    if (model.weak[i] != NULL) {
      drop(model.weak[i]);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(a_weak_reference_leads_to_its_object_while_that_lives),
      OBJECT_TEST(a_strong_reference_taken_from_it_keeps_the_object),
      OBJECT_TEST(a_weak_reference_that_goes_first_leaves_the_object_alone),
      OBJECT_TEST(the_types_tell_weak_references_from_other_objects),
      OBJECT_TEST(without_a_callback_it_is_shared),
      OBJECT_TEST(with_a_callback_each_is_its_own),
      OBJECT_TEST(weak_references_are_counted),
      OBJECT_TEST(they_are_listed_the_shared_one_first_then_the_newest),
      OBJECT_TEST(a_list_is_cut_to_the_room_there_is),
      OBJECT_TEST(a_callback_is_called_once_with_what_was_given),
      OBJECT_TEST(a_shared_one_has_no_callback),
      OBJECT_TEST(without_a_function_there_is_no_callback),
      OBJECT_TEST(callbacks_are_called_the_newest_first),
      OBJECT_TEST(all_are_dead_before_the_first_callback),
      OBJECT_TEST(a_callback_comes_after_the_finalizer_and_before_the_references_go),
      OBJECT_TEST(one_that_goes_first_takes_its_callback_with_it),
      OBJECT_TEST(a_callback_may_collect),
      OBJECT_TEST(a_callback_may_collect_deep_within_a_death),
      OBJECT_TEST(a_callback_may_drop_its_own_weak_reference),
      OBJECT_TEST(what_is_due_is_called_even_if_it_is_dropped_meanwhile),
      OBJECT_TEST(what_is_being_freed_gets_no_new_weak_reference),
      OBJECT_TEST(a_callback_may_make_weak_references),
      OBJECT_TEST(a_callback_may_let_others_die),
      OBJECT_TEST(a_finalizer_that_resurrects_keeps_the_weak_references),
      OBJECT_TEST(a_weak_reference_made_by_the_finalizer_is_dead_afterwards),
      OBJECT_TEST(what_waits_in_a_deep_death_is_seen_as_dead),
      OBJECT_TEST(what_it_holds_lives_as_long_as_it_does),
      OBJECT_TEST(a_weak_reference_may_hold_its_own_object),
      OBJECT_TEST(a_cycle_through_what_it_holds_is_found),
      OBJECT_TEST(two_that_are_garbage_with_what_they_refer_to_are_not_called),
      OBJECT_TEST(one_in_a_cycle_with_its_object_is_not_called),
      OBJECT_TEST(one_from_which_its_object_is_reached_is_not_called),
      OBJECT_TEST(of_weak_references_to_weak_references_only_the_one_outside_is_called),
      OBJECT_TEST(collections_may_come_between_the_making_of_weak_references),
      OBJECT_TEST(very_many_objects_have_weak_references),
      OBJECT_TEST(one_object_has_very_many_weak_references),
      OBJECT_TEST(the_tables_grow_and_shrink_again_and_again),
      OBJECT_TEST(random_programs_agree_with_a_model),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
