/* tests/object/test_counts.c - counting: each function and macro leaves the count that it says, a slot is changed before
 * what it held is released, a scope gives back what it holds, and a count that would overflow makes its object immortal.
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka. */
#include "object/objects.h"

/* ---------------------------------------------------------------- taking and releasing */

static void a_new_reference_is_one_more(void **state) {
  (void)state;
  cell *self = cell_new(1);
  assert_int_equal(ouro_refcount(self), 1);
  ouro_ref again = ouro_newref(self);
  assert_ptr_equal(ouro_borrow(again), self);
  assert_int_equal(ouro_refcount(self), 2);
  ouro_decref(again);
  assert_int_equal(ouro_refcount(self), 1);
  again = ouro_xnewref(self);
  assert_ptr_equal(ouro_borrow(again), self);
  assert_int_equal(ouro_refcount(self), 2);
  ouro_xdecref(again);
  assert_null(ouro_borrow(ouro_xnewref(NULL)));
  assert_string_equal(test_log(), "");
  drop(self);
  assert_string_equal(test_log(), "-1");
}

static void increments_do_not_leak(void **state) {
  (void)state;
  cell *self = cell_new(1);
  ouro_incref(self);
  ouro_xincref(self);
  assert_int_equal(ouro_refcount(self), 3);
  drop(self);
  drop(self);
  assert_string_equal(test_log(), "");
  drop(self);
  assert_string_equal(test_log(), "-1");
}

static void decrements_do_not_leak(void **state) {
  (void)state;
  ouro_decref(ouro_adopt(cell_new(1)));
  ouro_xdecref(ouro_adopt(cell_new(2)));
  assert_string_equal(test_log(), "-1 -2");
}

static void null_is_allowed_where_it_says_so(void **state) {
  (void)state;
  ouro_ref slot = OURO_NULL;
  ouro_xincref(NULL);
  ouro_xdecref(OURO_NULL);
  ouro_clear(&slot);
  ouro_setref(&slot, NULL);
  ouro_movref(&slot, OURO_NULL);
  assert_null(ouro_borrow(ouro_steal(&slot)));
  assert_null(ouro_borrow(slot));
}

static void the_last_release_frees_at_once_with_all_that_only_it_held(void **state) {
  (void)state;
  cell *root = cell_new(1);
  cell *kept = cell_new(2);
  ouro_setref(&root->a, kept);
  ouro_movref(&root->b, ouro_adopt(cell_new(3)));
  drop(root);
  assert_string_equal(test_log(), "-3 -1");
  assert_int_equal(ouro_refcount(kept), 1);
  drop(kept);
  assert_string_equal(test_log(), "-2");
}

static void a_reference_in_two_slots_counts_twice(void **state) {
  (void)state;
  cell *root = cell_new(1);
  cell *child = cell_new(2);
  ouro_setref(&root->a, child);
  ouro_setref(&root->b, child);
  ouro_setref(&root->c, child);
  assert_int_equal(ouro_refcount(child), 4);
  drop(child);
  drop(root);
  assert_string_equal(test_log(), "-2 -1");
}

/* ---------------------------------------------------------------- slots */

static void clear_empties_the_slot(void **state) {
  (void)state;
  ouro_ref slots[2] = {ouro_adopt(cell_new(1)), ouro_adopt(cell_new(2))};
  ouro_ref *next = slots;
  ouro_clear(next++); /* the argument is evaluated once */
  assert_ptr_equal(next, slots + 1);
  assert_null(ouro_borrow(slots[0]));
  assert_string_equal(test_log(), "-1");
  ouro_clear(next);
  ouro_clear(next);
  assert_string_equal(test_log(), "-2");
}

static void setref_takes_a_reference_of_its_own(void **state) {
  (void)state;
  ouro_ref slots[2] = {OURO_NULL, OURO_NULL};
  ouro_ref *next = slots;
  cell *first = cell_new(1);
  cell *second = cell_new(2);
  ouro_setref(next++, first);
  assert_ptr_equal(next, slots + 1);
  assert_int_equal(ouro_refcount(first), 2);
  ouro_setref(&slots[0], second);
  assert_ptr_equal(ouro_borrow(slots[0]), second);
  assert_int_equal(ouro_refcount(first), 1);
  assert_int_equal(ouro_refcount(second), 2);
  ouro_setref(&slots[0], NULL);
  assert_null(ouro_borrow(slots[0]));
  assert_int_equal(ouro_refcount(second), 1);
  drop(first);
  drop(second);
}

static void setref_of_what_is_there_changes_nothing(void **state) {
  (void)state;
  ouro_ref slot = ouro_adopt(cell_new(1));
  cell *self = ouro_borrow(slot);
  ouro_setref(&slot, self); /* the slot holds the only reference */
  assert_int_equal(ouro_refcount(self), 1);
  assert_string_equal(test_log(), "");
  ouro_clear(&slot);
  assert_string_equal(test_log(), "-1");
}

static void movref_takes_the_callers_reference_over(void **state) {
  (void)state;
  ouro_ref slot = ouro_adopt(cell_new(1));
  ouro_movref(&slot, ouro_adopt(cell_new(2)));
  assert_string_equal(test_log(), "-1");
  assert_int_equal(ouro_refcount(ouro_borrow(slot)), 1);
  ouro_movref(&slot, OURO_NULL);
  assert_string_equal(test_log(), "-2");
  assert_null(ouro_borrow(slot));
}

static void steal_empties_the_slot_and_counts_nothing(void **state) {
  (void)state;
  cell *root = cell_new(1);
  cell *child = cell_new(2);
  ouro_movref(&root->a, ouro_adopt(child));
  ouro_ref stolen = ouro_steal(&root->a);
  assert_ptr_equal(ouro_borrow(stolen), child);
  assert_null(in_a(root));
  assert_int_equal(ouro_refcount(child), 1);
  drop(root);
  assert_string_equal(test_log(), "-1");
  ouro_decref(stolen);
  assert_string_equal(test_log(), "-2");
}

/* ---------------------------------------------------------------- what finalizers see in the slot */

static cell *holder;
static void *expected;

static void look_at_the_slot(cell *self) {
  TEST_CHECK(ouro_borrow(holder->a) != self);
  test_note(ouro_borrow(holder->a) == expected ? "new" : "other");
}

static cell *watched(int number) {
  cell *self = cell_of(&final_type, number);
  self->finalizing = look_at_the_slot;
  return self;
}

static void a_finalizer_sees_the_slot_changed_already(void **state) {
  (void)state;
  cell *next = cell_new(0);
  holder = cell_new(0);
  ouro_movref(&holder->a, ouro_adopt(watched(1)));
  expected = next;
  ouro_setref(&holder->a, next);
  assert_string_equal(test_log(), "~1 new -1");
  ouro_movref(&holder->a, ouro_adopt(watched(2)));
  ouro_incref(next);
  ouro_movref(&holder->a, ouro_adopt(next));
  assert_string_equal(test_log(), "~2 new -2");
  expected = NULL;
  ouro_movref(&holder->a, ouro_adopt(watched(3)));
  ouro_clear(&holder->a);
  assert_string_equal(test_log(), "~3 new -3");
  drop(next);
  drop(holder);
}

static ouro_ref global_slot;

static void fill_the_slot_again(cell *self) {
  TEST_CHECK(ouro_borrow(global_slot) == NULL);
  ouro_movref(&global_slot, ouro_adopt(cell_new(self->number + 1)));
}

static void a_finalizer_may_fill_the_slot_that_is_being_emptied(void **state) {
  (void)state;
  cell *self = cell_of(&final_type, 1);
  self->finalizing = fill_the_slot_again;
  global_slot = ouro_adopt(self);
  ouro_clear(&global_slot);
  assert_string_equal(test_log(), "~1 -1");
  assert_int_equal(((cell *)ouro_borrow(global_slot))->number, 2);
  ouro_clear(&global_slot);
  assert_string_equal(test_log(), "-2");
}

static void release_the_holder(cell *self) {
  (void)self;
  drop(holder);
}

static void the_holder_of_the_slot_may_go_with_what_it_held(void **state) {
  (void)state;
  holder = cell_new(1);
  cell *self = cell_of(&final_type, 2);
  self->finalizing =
      release_the_holder; /* the last reference to the holder is given back within its own slot's change */
  cell *value = cell_new(3);
  ouro_movref(&holder->a, ouro_adopt(self));
  ouro_setref(&holder->a, value);
  assert_string_equal(test_log(), "~2 -1 -2");
  assert_int_equal(ouro_refcount(value), 1);
  drop(value);
}

static int replacements;

static void replace_again(cell *self) {
  if (self->number < 5) {
    cell *next = cell_of(&final_type, self->number + 1);
    next->finalizing = replace_again;
    replacements++;
    ouro_movref(&global_slot, ouro_adopt(next));
  }
}

static void a_slot_may_be_replaced_from_within_its_replacement(void **state) {
  (void)state;
  cell *self = cell_of(&final_type, 1);
  self->finalizing = replace_again;
  replacements = 0;
  global_slot = ouro_adopt(self);
  ouro_movref(&global_slot, OURO_NULL);
  assert_int_equal(replacements, 1);
  assert_int_equal(((cell *)ouro_borrow(global_slot))->number, 2);
  while (ouro_borrow(global_slot) != NULL && ((cell *)ouro_borrow(global_slot))->number < 5) {
    ouro_clear(&global_slot);
  }
  assert_int_equal(replacements, 4);
  ouro_clear(&global_slot);
  assert_string_equal(test_log(), "~1 -1 ~2 -2 ~3 -3 ~4 -4 ~5 -5");
}

/* ---------------------------------------------------------------- scopes */

#if defined(__GNUC__)
static void a_scope_gives_back_what_it_holds(void **state) {
  (void)state;
  {
    OURO_AUTO(cell) first = ouro_adopt(cell_new(1));
    OURO_AUTO(cell) nothing = OURO_NULL;
    OURO_AUTO(cell) second = ouro_adopt(cell_new(2));
    assert_non_null(ouro_borrow(first));
    assert_null(ouro_borrow(nothing));
    assert_non_null(ouro_borrow(second));
    assert_string_equal(test_log(), "");
  }
  assert_string_equal(test_log(), "-2 -1");
}

static ouro_ref make(bool keep) {
  OURO_AUTO(cell) made = ouro_adopt(cell_new(3));
  if (!keep) {
    return OURO_NULL;
  }
  return ouro_steal(&made);
}

static void what_is_stolen_leaves_the_scope(void **state) {
  (void)state;
  assert_null(ouro_borrow(make(false)));
  assert_string_equal(test_log(), "-3");
  ouro_ref made = make(true);
  assert_string_equal(test_log(), "");
  assert_int_equal(ouro_refcount(ouro_borrow(made)), 1);
  ouro_decref(made);
  assert_string_equal(test_log(), "-3");
}

static void each_turn_of_a_loop_is_a_scope(void **state) {
  (void)state;
  for (int i = 1; i <= 4; i++) {
    OURO_AUTO(cell) each = ouro_adopt(cell_new(i));
    if (i == 2) {
      continue;
    }
    if (i == 3) {
      break;
    }
    test_note("%d", ((cell *)ouro_borrow(each))->number);
  }
  assert_string_equal(test_log(), "1 -1 -2 -3");
}

static void an_automatic_variable_may_change_meanwhile(void **state) {
  (void)state;
  {
    OURO_AUTO(cell) self = ouro_adopt(cell_new(1));
    ouro_movref(&self, ouro_adopt(cell_new(2)));
    assert_string_equal(test_log(), "-1");
  }
  assert_string_equal(test_log(), "-2");
}
#endif

/* ---------------------------------------------------------------- asking */

static void an_object_is_unique_while_one_reference_is_all(void **state) {
  (void)state;
  cell *self = cell_new(0);
  leaf *untracked = leaf_new(0);
  assert_true(ouro_is_unique(self));
  assert_true(ouro_is_unique(untracked));
  ouro_ref second = ouro_newref(self);
  assert_false(ouro_is_unique(self));
  ouro_decref(second);
  assert_true(ouro_is_unique(self));
  ouro_setref(&self->a, self);
  assert_false(ouro_is_unique(self));
  ouro_clear(&self->a);
  drop(self);
  drop(untracked);
}

static void a_weak_reference_does_not_count(void **state) {
  (void)state;
  cell *self = cell_new(0);
  ouro_weak *weak = weak_to(self);
  assert_int_equal(ouro_refcount(self), 1);
  assert_true(ouro_is_unique(self));
  ouro_ref strong = ouro_weak_get(weak);
  assert_int_equal(ouro_refcount(self), 2);
  ouro_decref(strong);
  drop(weak);
  drop(self);
}

static ouro_weak *observer;

static void ask_for_a_strong_one(void *self) {
  (void)self;
  test_note(weak_is(observer, NULL) ? "dead" : "alive");
}

static ouro_type asking_type = {.name = "asking", .size = sizeof(ouro_object), .release = ask_for_a_strong_one};

static void nobody_can_take_a_reference_to_what_is_being_freed(void **state) {
  (void)state;
  void *self = ouro_borrow(ouro_new(&asking_type));
  observer = weak_to(self);
  ouro_ref strong = ouro_weak_get(observer);
  assert_ptr_equal(ouro_borrow(strong), self);
  ouro_decref(strong);
  drop(self);
  assert_string_equal(test_log(), "dead");
  drop(observer);
}

/* ---------------------------------------------------------------- more references than the count can tell */

static void overflow(void *arg) {
  (void)arg;
  ouro_ref slot = ouro_adopt(cell_new(1));
  cell *self = ouro_borrow(slot);
  self->base.ouro__count = UINT32_MAX - 1;
  ouro_incref(self);
  TEST_CHECK(ouro_refcount(self) == UINT32_MAX);
  TEST_CHECK(!ouro_is_immortal(self));
  ouro_incref(self);
  TEST_CHECK(ouro_is_immortal(self));
  TEST_CHECK(ouro_refcount(self) == SIZE_MAX);
  for (int i = 0; i < 1000; i++) {
    drop(self);
  }
  TEST_CHECK(ouro_is_immortal(self));
  TEST_CHECK(!ouro_is_unique(self));
  ouro_setref(&self->a, self);
  TEST_CHECK(ouro_gc_collect(2) == 0);
  TEST_CHECK(test_is_live(self));
  OBJECTS_ARE_SOUND();
}

static void too_many_references_make_an_object_immortal(void **state) {
  (void)state;
  test_result result = test_in_child(overflow, NULL, 60);
  TEST_CHILD_PASSED(&result);
}

/* ---------------------------------------------------------------- the wrong number of releases */

static void release_twice(void *arg) {
  (void)arg;
  cell *self = test_opaque(cell_new(0));
  drop(self);
  drop(self);
}

static void take_when_freed(void *arg) {
  (void)arg;
  cell *self = test_opaque(cell_new(0));
  drop(self);
  ouro_incref(self);
}

static void a_release_of_a_freed_object_is_found(void **state) {
  (void)state;
  assert_int_equal(test_fatal_code(release_twice, NULL, NULL), OURO_FATAL_DEAD_OBJECT);
}

static void a_reference_to_a_freed_object_is_found(void **state) {
  (void)state;
  assert_int_equal(test_fatal_code(take_when_freed, NULL, NULL), OURO_FATAL_DEAD_OBJECT);
}

static void drop_self_in_release(void *self) { drop(test_opaque(self)); }
static ouro_type impatient_type = {.name = "impatient", .size = 32, .release = drop_self_in_release};

static void release_while_freed(void *arg) {
  (void)arg;
  drop(ouro_borrow(ouro_new(&impatient_type)));
}

static void a_release_of_what_is_being_freed_is_found(void **state) {
  (void)state;
  char name[TEST_TYPE_NAME];
  assert_int_equal(test_fatal_code(release_while_freed, NULL, name), OURO_FATAL_DEAD_OBJECT);
  assert_string_equal(name, "impatient");
}

static void drop_self(cell *self) { drop(test_opaque(self)); }

static void release_too_often_in_the_finalizer(void *arg) {
  (void)arg;
  cell *self = cell_of(&final_type, 0);
  self->finalizing = drop_self;
  drop(self);
}

static void a_finalizer_that_releases_too_often_is_found(void **state) {
  (void)state;
  char name[TEST_TYPE_NAME];
  int code = test_fatal_code(release_too_often_in_the_finalizer, NULL, name);
  assert_true(code == OURO_FATAL_DEAD_OBJECT || code == OURO_FATAL_COUNT_TOO_SMALL);
  assert_string_equal(name, "final");
}

int main(void) {
  const struct CMUnitTest tests[] = {
    OBJECT_TEST(a_new_reference_is_one_more),
    OBJECT_TEST(increments_do_not_leak),
    OBJECT_TEST(decrements_do_not_leak),
    OBJECT_TEST(null_is_allowed_where_it_says_so),
    OBJECT_TEST(the_last_release_frees_at_once_with_all_that_only_it_held),
    OBJECT_TEST(a_reference_in_two_slots_counts_twice),
    OBJECT_TEST(clear_empties_the_slot),
    OBJECT_TEST(setref_takes_a_reference_of_its_own),
    OBJECT_TEST(setref_of_what_is_there_changes_nothing),
    OBJECT_TEST(movref_takes_the_callers_reference_over),
    OBJECT_TEST(steal_empties_the_slot_and_counts_nothing),
    OBJECT_TEST(a_finalizer_sees_the_slot_changed_already),
    OBJECT_TEST(a_finalizer_may_fill_the_slot_that_is_being_emptied),
    OBJECT_TEST(the_holder_of_the_slot_may_go_with_what_it_held),
    OBJECT_TEST(a_slot_may_be_replaced_from_within_its_replacement),
#if defined(__GNUC__)
    OBJECT_TEST(a_scope_gives_back_what_it_holds),
    OBJECT_TEST(what_is_stolen_leaves_the_scope),
    OBJECT_TEST(each_turn_of_a_loop_is_a_scope),
    OBJECT_TEST(an_automatic_variable_may_change_meanwhile),
#endif
    OBJECT_TEST(an_object_is_unique_while_one_reference_is_all),
    OBJECT_TEST(a_weak_reference_does_not_count),
    OBJECT_TEST(nobody_can_take_a_reference_to_what_is_being_freed),
    OBJECT_TEST(too_many_references_make_an_object_immortal),
    OBJECT_TEST(a_release_of_a_freed_object_is_found),
    OBJECT_TEST(a_reference_to_a_freed_object_is_found),
    OBJECT_TEST(a_release_of_what_is_being_freed_is_found),
    OBJECT_TEST(a_finalizer_that_releases_too_often_is_found),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
