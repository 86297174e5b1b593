/* tests/gc/test_look.c - what programs may ask of the collector: who is tracked, in which generation, who refers to whom;
 * what is untracked since it is immutable, and by hand.
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka. */
#include "object/objects.h"

#include <limits.h>

static int note_number(void *object, void *arg) {
  (void)arg;
  const ouro_type *type = ouro_type_of(object);
  test_note("%s%d", type->name,
            ouro_is_instance(object, &cell_type) || type == &acyclic_type || type == &visited_type
                ? ((cell *)object)->number
            : type == &leaf_type ? ((leaf *)object)->number
                                 : 0);
  return 0;
}

static const char *referents(void *first, void *second) {
  void *objects[] = {first, second};
  TEST_CHECK(ouro_gc_get_referents(objects, second != NULL ? 2 : 1, note_number, NULL) == OURO_OK);
  return test_log_sorted();
}

static const char *referrers(void *first, void *second) {
  void *objects[] = {first, second};
  TEST_CHECK(ouro_gc_get_referrers(objects, second != NULL ? 2 : 1, note_number, NULL) == OURO_OK);
  return test_log_sorted();
}

/* ---------------------------------------------------------------- referents and referrers */

static void referents_are_shown_once_for_each_reference(void **state) {
  (void)state;
  cell *self = cell_new(1);
  leaf *shared = leaf_new(2);
  assert_string_equal(referents(self, NULL), "");
  ouro_setref(&self->a, shared);
  assert_string_equal(referents(self, NULL), "leaf2");
  ouro_setref(&self->b, shared);
  ouro_setref(&self->c, self);
  assert_string_equal(referents(self, NULL), "cell1 leaf2 leaf2");
  assert_string_equal(referents(shared, NULL), "");
  ouro_clear(&self->c);
  drop(self);
  drop(shared);
  test_log();
}

static void referents_of_every_kind_of_object_are_shown(void **state) {
  (void)state;
  leaf *one = leaf_new(1), *two = leaf_new(2), *three = leaf_new(3);
  list *items = list_new(4);
  list *tuple = tuple_of(three, two, one);
  cell *visited = cell_of(&visited_type, 0);
  cell *acyclic = cell_of(&acyclic_type, 0);
  cell *final = cell_of(&final_type, 0);
  list_put(items, 1, one);
  list_put(items, 3, three);
  ouro_setref(&visited->b, two);
  ouro_setref(&acyclic->c, one);
  ouro_setref(&final->a, two);
  assert_string_equal(referents(items, NULL), "leaf1 leaf3");
  assert_string_equal(referents(tuple, NULL), "leaf1 leaf2 leaf3");
  assert_string_equal(referents(visited, NULL), "leaf2");
  assert_string_equal(referents(acyclic, NULL), "leaf1");
  assert_string_equal(referents(final, NULL), "leaf2");
  assert_string_equal(referents(items, visited), "leaf1 leaf2 leaf3");
  drop(items);
  drop(tuple);
  drop(visited);
  drop(acyclic);
  drop(final);
  drop(one);
  drop(two);
  drop(three);
  test_log();
}

static void what_a_weak_reference_holds_is_its_referent_alone(void **state) {
  (void)state;
  cell *object = cell_new(1);
  leaf *held = leaf_new(2);
  ouro_weak *shared = weak_to(object);
  ouro_weak *own = ouro_borrow(ouro_weak_new_callback(object, (ouro_weak_fn)(void (*)(void))abort, NULL, held));
  assert_string_equal(referents(shared, NULL), "");
  assert_string_equal(referents(own, NULL), "leaf2");
  drop(shared);
  drop(own);
  drop(held);
  drop(object);
  test_log();
}

static void referrers_are_tracked_objects_that_refer_to_any(void **state) {
  (void)state;
  cell *first = cell_new(1);
  cell *second = cell_new(2);
  cell *third = cell_of(&visited_type, 3);
  cell *unseen = cell_of(&acyclic_type, 4);
  list *items = list_new(2);
  leaf *target = leaf_new(5);
  leaf *other = leaf_new(6);
  assert_string_equal(referrers(target, NULL), "");
  ouro_setref(&first->a, target);
  ouro_setref(&first->b, target); /* twice, and shown once */
  ouro_setref(&second->a, other);
  ouro_setref(&third->c, target);
  ouro_setref(&unseen->a, target); /* of an acyclic type: not tracked */
  list_put(items, 1, target);
  assert_string_equal(referrers(target, NULL), "cell1 list0 visited3");
  assert_string_equal(referrers(other, NULL), "cell2");
  assert_string_equal(referrers(target, other), "cell1 cell2 list0 visited3");
  ouro_gc_collect(2); /* in any generation */
  assert_string_equal(referrers(target, NULL), "cell1 list0 visited3");
  ouro_gc_freeze();
  assert_string_equal(referrers(target, NULL), "cell1 list0 visited3");
  ouro_gc_unfreeze();
  ouro_gc_untrack(first);
  assert_string_equal(referrers(target, NULL), "list0 visited3");
  drop(first);
  drop(second);
  drop(third);
  drop(unseen);
  drop(items);
  drop(target);
  drop(other);
  test_log();
}

static int stop_at_second(void *object, void *arg) {
  (void)object;
  return ++*(int *)arg == 2;
}

static void every_look_stops_when_it_is_told_to(void **state) {
  (void)state;
  list *items = list_new(10);
  leaf *target = leaf_new(0);
  for (size_t i = 0; i < 10; i++) {
    cell *each = cell_new(0);
    ouro_setref(&each->a, target);
    ouro_movref(&items->items[i], ouro_adopt(each));
  }
  void *objects[] = {items};
  void *targets[] = {target};
  int count = 0;
  assert_int_equal(ouro_gc_get_objects(-1, stop_at_second, &count), OURO_ESTOP);
  assert_int_equal(count, 2);
  count = 0;
  assert_int_equal(ouro_gc_get_objects(0, stop_at_second, &count), OURO_ESTOP);
  assert_int_equal(count, 2);
  count = 0;
  assert_int_equal(ouro_gc_get_referents(objects, 1, stop_at_second, &count), OURO_ESTOP);
  assert_int_equal(count, 2);
  count = 0;
  assert_int_equal(ouro_gc_get_referrers(targets, 1, stop_at_second, &count), OURO_ESTOP);
  assert_int_equal(count, 2);
  drop(items);
  drop(target);
}

static void wrong_arguments_of_a_look_are_refused(void **state) {
  (void)state;
  cell *self = cell_new(0);
  void *objects[] = {self};
  assert_int_equal(ouro_gc_get_objects(3, note_number, NULL), OURO_EINVAL);
  assert_int_equal(ouro_gc_get_objects(-2, note_number, NULL), OURO_EINVAL);
  assert_int_equal(ouro_gc_get_objects(1000, note_number, NULL), OURO_EINVAL);
  assert_int_equal(ouro_gc_get_objects(INT_MIN, note_number, NULL), OURO_EINVAL);
  assert_int_equal(ouro_gc_get_objects(0, NULL, NULL), OURO_EINVAL);
  assert_int_equal(ouro_gc_get_referents(objects, 1, NULL, NULL), OURO_EINVAL);
  assert_int_equal(ouro_gc_get_referrers(objects, 1, NULL, NULL), OURO_EINVAL);
  assert_int_equal(ouro_gc_get_referents(NULL, 1, note_number, NULL), OURO_EINVAL);
  assert_int_equal(ouro_gc_get_referrers(NULL, 1, note_number, NULL), OURO_EINVAL);
  assert_int_equal(ouro_gc_get_referents(NULL, 0, note_number, NULL), OURO_OK);
  assert_int_equal(ouro_gc_get_referrers(NULL, 0, note_number, NULL), OURO_OK);
  assert_string_equal(test_log(), "");
  drop(self);
}

/* ---------------------------------------------------------------- get_objects */

static void tracked_objects_are_shown_in_their_generation(void **state) {
  (void)state;
  list *self = list_new(1);
  list_put(self, 0, self);
  for (int generation = 0; generation < 3; generation++) {
    for (int each = 0; each < 3; each++) {
      assert_int_equal(is_in(each, self), each == generation);
    }
    assert_true(is_in(-1, self));
    ouro_gc_collect(generation);
  }
  assert_true(is_in(2, self));
  drop(self);
  ouro_gc_collect(2);
}

static void all_is_what_the_generations_hold_together_and_what_is_frozen(void **state) {
  (void)state;
  cell *frozen = cell_ring(&cell_type, 5, 0);
  ouro_gc_freeze();
  size_t froze = ouro_gc_get_freeze_count();
  assert_true(froze >= 5);
  cell *old = cell_ring(&cell_type, 3, 0);
  ouro_gc_collect(1);
  cell *middle = cell_ring(&cell_type, 2, 0);
  ouro_gc_collect(0);
  cell *young = cell_ring(&cell_type, 1, 0);
  assert_int_equal(tracked_in(0), 1);
  assert_int_equal(tracked_in(1), 2);
  assert_int_equal(tracked_in(2), 3);
  assert_int_equal(tracked_in(-1), froze + 6);
  assert_true(is_in(-1, frozen));
  assert_false(is_in(2, frozen));
  ouro_gc_unfreeze();
  assert_int_equal(tracked_in(2), froze + 3);
  drop(frozen);
  drop(old);
  drop(middle);
  drop(young);
  assert_int_equal(ouro_gc_collect(2), 11);
}

static void live_objects_are_found_by_the_walk(void **state) {
  (void)state;
  list *self = list_new(0);
  assert_true(is_in(-1, self));
  drop(self);
  assert_false(is_in(-1, self));
}

static int take_a_reference(void *object, void *arg) {
  (void)arg;
  ouro_incref(object);
  return 0;
}

static int give_it_back(void *object, void *arg) {
  (void)arg;
  drop(object);
  return 0;
}

static void a_walk_may_take_references(void **state) {
  (void)state;
  cell *ring = cell_ring(&cell_type, 10, 0);
  assert_int_equal(ouro_gc_get_objects(0, take_a_reference, NULL), OURO_OK);
  drop(ring);
  assert_int_equal(ouro_gc_collect(0), 0);
  assert_int_equal(ouro_gc_get_objects(1, give_it_back, NULL), OURO_OK);
  assert_int_equal(ouro_gc_collect(2), 10);
}

static void *hidden_target;

static void look_around(cell *self) {
  (void)self;
  void *objects[] = {hidden_target};
  for (int generation = -1; generation < 3; generation++) {
    TEST_CHECK(!is_in(generation, hidden_target));
    TEST_CHECK(!is_in(generation, self));
  }
  TEST_CHECK(ouro_gc_get_referrers(objects, 1, note_number, NULL) == OURO_OK);
}

static void what_is_being_collected_is_not_shown(void **state) {
  (void)state;
  cell *ring = cell_ring(&final_type, 5, 1);
  cell *outside = cell_new(9);
  leaf *target = leaf_new(0);
  hidden_target = in_a(ring);
  ring->finalizing = look_around;
  ouro_setref(&outside->a, target);
  drop(ring);
  assert_int_equal(ouro_gc_collect(2), 5);
  assert_string_equal(test_log_sorted(),
                      "-1 -2 -3 -4 -5 ~1 ~2 ~3 ~4 ~5"); /* nobody refers to the target, as far as is shown */
  drop(outside);
  drop(target);
  test_log();
}

/* ---------------------------------------------------------------- tracked or not */

static void tracked_are_those_that_may_be_in_a_cycle(void **state) {
  (void)state;
  void *tracked[] = {cell_new(0), cell_of(&final_type, 0), cell_of(&visited_type, 0), list_new(0),
                     list_new(5), list_new(100000),        cell_of(&stuck_type, 0)};
  void *untracked[] = {leaf_new(0), cell_of(&acyclic_type, 0), cell_of(&acyclic_final_type, 0), weak_to(tracked[0])};
  void *noting = weak_noting(tracked[0], "called");
  for (size_t i = 0; i < sizeof tracked / sizeof tracked[0]; i++) {
    assert_true(ouro_gc_is_tracked(tracked[i]));
    assert_true(is_in(0, tracked[i]));
  }
  for (size_t i = 0; i < sizeof untracked / sizeof untracked[0]; i++) {
    assert_false(ouro_gc_is_tracked(untracked[i]));
    assert_false(is_in(-1, untracked[i]));
    drop(untracked[i]);
  }
  assert_true(ouro_gc_is_tracked(noting)); /* it may hold something */
  drop(noting);
  for (size_t i = 0; i < sizeof tracked / sizeof tracked[0]; i++) {
    drop(tracked[i]);
  }
}

static void an_immutable_object_of_untracked_ones_is_untracked(void **state) {
  (void)state;
  leaf *item = leaf_new(1);
  list *empty = tuple_of(NULL, NULL, NULL);
  list *leaves = tuple_of(item, item, item);
  assert_true(ouro_gc_is_tracked(empty) && ouro_gc_is_tracked(leaves));
  ouro_gc_collect(0);
  assert_false(ouro_gc_is_tracked(empty));
  assert_false(ouro_gc_is_tracked(leaves));
  assert_false(is_in(-1, leaves));
  OBJECTS_ARE_SOUND();
  assert_int_equal(ouro_gc_collect(2), 0);
  assert_ptr_equal(list_at(leaves, 2), item);
  drop(empty);
  drop(leaves);
  drop(item);
  assert_string_equal(test_log(), "-1");
}

/* It may still be being made: a collection in between must not take it for one that holds nothing. */
static void an_immutable_object_that_is_not_filled_yet_stays_tracked(void **state) {
  (void)state;
  for (int generation = 0; generation < 3; generation++) {
    list *tuple = list_of(&tuple_type, 3);
    leaf *item = leaf_new(0);
    list_put(tuple, 0, item);
    list_put(tuple, 2, item);
    drop(item);
    ouro_gc_collect(generation);
    assert_true(ouro_gc_is_tracked(tuple));
    cell *self = cell_new(1);
    list_put(tuple, 1, self);
    ouro_setref(&self->a, tuple);
    drop(self);
    drop(tuple);
    assert_int_equal(ouro_gc_collect(2), 2);
    assert_string_equal(test_log(), "-1");
  }
}

static void an_immutable_object_of_tracked_ones_stays_tracked(void **state) {
  (void)state;
  list *inner = list_new(1);
  leaf *item = leaf_new(0);
  list *tuple = tuple_of(item, inner, item);
  for (int i = 0; i < 3; i++) {
    ouro_gc_collect(2);
    assert_true(ouro_gc_is_tracked(tuple));
  }
  list_put(inner, 0, tuple); /* it was right: here is the cycle */
  drop(inner);
  drop(item);
  drop(tuple);
  assert_int_equal(ouro_gc_collect(2), 2);
}

static void immutable_objects_of_immutable_ones_are_untracked_in_time(void **state) {
  (void)state;
  enum { DEPTH = 8 };
  list *nest[DEPTH];
  leaf *item = leaf_new(0);
  nest[0] = tuple_of(item, NULL, NULL);
  for (int i = 1; i < DEPTH; i++) {
    nest[i] = tuple_of(nest[i - 1], item, NULL);
  }
  for (int i = 0; i < DEPTH; i++) {
    ouro_gc_collect(2); /* a level at least, each time, whatever the order */
    assert_false(ouro_gc_is_tracked(nest[i]));
  }
  for (int i = 0; i < DEPTH; i++) {
    drop(nest[i]);
  }
  drop(item);
}

static void a_mutable_object_is_never_untracked_by_itself(void **state) {
  (void)state;
  list *items = list_new(3);
  cell *self = cell_new(0);
  ouro_gc_collect(2);
  ouro_gc_collect(2);
  assert_true(ouro_gc_is_tracked(items));
  assert_true(ouro_gc_is_tracked(self));
  drop(items);
  drop(self);
}

/* ---------------------------------------------------------------- by hand */

static void an_untracked_object_is_not_looked_at(void **state) {
  (void)state;
  for (int generation = 0; generation < 3; generation++) {
    cell *self = cell_ring(&cell_type, 1, 1);
    for (int older = 0; older < generation; older++) {
      ouro_gc_collect(older);
    }
    assert_true(is_in(generation, self));
    ouro_gc_untrack(self);
    assert_false(ouro_gc_is_tracked(self));
    assert_false(is_in(-1, self));
    OBJECTS_ARE_SOUND();
    drop(self);
    assert_int_equal(ouro_gc_collect(2), 0);
    assert_true(test_is_live(self));
    ouro_clear(&self->a);
    assert_string_equal(test_log(), "-1");
  }
}

static void what_an_untracked_object_holds_is_held_from_outside(void **state) {
  (void)state;
  cell *self = cell_new(0);
  cell *ring = cell_ring(&cell_type, 3, 1);
  ouro_setref(&self->a, ring);
  ouro_gc_untrack(self);
  drop(ring);
  assert_int_equal(ouro_gc_collect(2), 0);
  drop(self);
  assert_int_equal(ouro_gc_collect(2), 3);
}

static void an_object_that_is_tracked_again_is_young(void **state) {
  (void)state;
  cell *self = cell_ring(&cell_type, 1, 1);
  ouro_gc_collect(2);
  assert_true(is_in(2, self));
  ouro_gc_untrack(self);
  ouro_gc_untrack(self); /* once more does nothing */
  assert_int_equal(ouro_gc_track(self), OURO_OK);
  assert_true(ouro_gc_is_tracked(self));
  assert_true(is_in(0, self));
  OBJECTS_ARE_SOUND();
  ouro_gc_collect(0);
  assert_int_equal(ouro_gc_track(self), OURO_OK); /* it is: nothing changes */
  assert_true(is_in(1, self));
  drop(self);
  assert_int_equal(ouro_gc_collect(1), 1);
}

static void objects_of_untracked_types_cannot_be_tracked(void **state) {
  (void)state;
  leaf *item = leaf_new(0);
  cell *acyclic = cell_of(&acyclic_type, 0);
  ouro_weak *weak = weak_to(item);
  list *bytes = ouro_borrow(ouro_new_extra(&leaf_type, 0, 300000));
  assert_int_equal(ouro_gc_track(item), OURO_EINVAL);
  assert_int_equal(ouro_gc_track(acyclic), OURO_EINVAL);
  assert_int_equal(ouro_gc_track(weak), OURO_EINVAL);
  assert_int_equal(ouro_gc_track(bytes), OURO_EINVAL);
  ouro_gc_untrack(item);
  ouro_gc_untrack(acyclic);
  assert_false(ouro_gc_is_tracked(item));
  drop(item);
  drop(acyclic);
  drop(weak);
  drop(bytes);
}

static void an_immutable_object_that_was_untracked_may_be_tracked_again(void **state) {
  (void)state;
  list *empty = tuple_of(NULL, NULL, NULL);
  ouro_gc_collect(2);
  assert_false(ouro_gc_is_tracked(empty));
  assert_int_equal(ouro_gc_track(empty), OURO_OK);
  assert_true(is_in(0, empty));
  ouro_gc_collect(2);
  assert_false(ouro_gc_is_tracked(empty));
  drop(empty);
}

static void objects_are_untracked_before_they_are_part_of_anything(void **state) {
  (void)state;
  ouro_gc_collect(2);
  list *kept = list_new(1000);
  for (size_t i = 0; i < 1000; i++) {
    ouro_movref(&kept->items[i], ouro_adopt(cell_new(0)));
    ouro_gc_untrack(list_at(kept, i));
  }
  assert_int_equal(tracked_in(-1), tracked_in(2) + 1);
  drop(kept);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(referents_are_shown_once_for_each_reference),
      OBJECT_TEST(referents_of_every_kind_of_object_are_shown),
      OBJECT_TEST(what_a_weak_reference_holds_is_its_referent_alone),
      OBJECT_TEST(referrers_are_tracked_objects_that_refer_to_any),
      OBJECT_TEST(every_look_stops_when_it_is_told_to),
      OBJECT_TEST(wrong_arguments_of_a_look_are_refused),
      OBJECT_TEST(tracked_objects_are_shown_in_their_generation),
      OBJECT_TEST(all_is_what_the_generations_hold_together_and_what_is_frozen),
      OBJECT_TEST(live_objects_are_found_by_the_walk),
      OBJECT_TEST(a_walk_may_take_references),
      OBJECT_TEST(what_is_being_collected_is_not_shown),
      OBJECT_TEST(tracked_are_those_that_may_be_in_a_cycle),
      OBJECT_TEST(an_immutable_object_of_untracked_ones_is_untracked),
      OBJECT_TEST(an_immutable_object_that_is_not_filled_yet_stays_tracked),
      OBJECT_TEST(an_immutable_object_of_tracked_ones_stays_tracked),
      OBJECT_TEST(immutable_objects_of_immutable_ones_are_untracked_in_time),
      OBJECT_TEST(a_mutable_object_is_never_untracked_by_itself),
      OBJECT_TEST(an_untracked_object_is_not_looked_at),
      OBJECT_TEST(what_an_untracked_object_holds_is_held_from_outside),
      OBJECT_TEST(an_object_that_is_tracked_again_is_young),
      OBJECT_TEST(objects_of_untracked_types_cannot_be_tracked),
      OBJECT_TEST(an_immutable_object_that_was_untracked_may_be_tracked_again),
      OBJECT_TEST(objects_are_untracked_before_they_are_part_of_anything),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
