/* tests/object/test_immortal.c - objects that are not counted: immortal ones, made so or in static memory, and those whose
 * counting is deferred to the collector.
 *
 * What is immortal never goes, so most cases run in a child. Linked with: libouro (static), support/support.c,
 * object/objects.c, cmocka. */
#include "object/objects.h"

#define IN_A_CHILD(body)                                                                                               \
  do {                                                                                                                 \
    test_result result = test_in_child(body, NULL, 120);                                                               \
    TEST_CHILD_PASSED(&result);                                                                                        \
  } while (0)

/* ---------------------------------------------------------------- immortal */

static void count_in_vain(void *arg) {
  (void)arg;
  cell *self = cell_of(&final_type, 1);
  TEST_CHECK(!ouro_is_immortal(self));
  TEST_CHECK(ouro_make_immortal(self) == OURO_OK);
  TEST_CHECK(ouro_is_immortal(self));
  for (int i = 0; i < 10000; i++) {
    drop(self);
  }
  TEST_CHECK(ouro_refcount(self) == SIZE_MAX);
  for (int i = 0; i < 20000; i++) {
    ouro_incref(self);
  }
  TEST_CHECK(ouro_refcount(self) == SIZE_MAX);
  TEST_CHECK(ouro_is_immortal(self) && !ouro_is_unique(self) && !ouro_is_deferred(self));
  TEST_CHECK(strcmp(test_log(), "") == 0);
  OBJECTS_ARE_SOUND();
}

static void an_immortal_object_is_not_counted(void **state) {
  (void)state;
  IN_A_CHILD(count_in_vain);
}

static void make_immortal_in_vain(void *arg) {
  (void)arg;
  cell *shared = cell_new(0);
  ouro_incref(shared);
  TEST_CHECK(ouro_make_immortal(shared) == OURO_EINVAL);
  TEST_CHECK(!ouro_is_immortal(shared) && ouro_refcount(shared) == 2);
  drop(shared);
  TEST_CHECK(ouro_make_immortal(shared) == OURO_OK);
  TEST_CHECK(ouro_make_immortal(shared) == OURO_EINVAL);
  TEST_CHECK(ouro_is_immortal(shared));
}

static void only_a_unique_object_becomes_immortal_and_once(void **state) {
  (void)state;
  IN_A_CHILD(make_immortal_in_vain);
}

static void reach_from_an_immortal(void *arg) {
  (void)arg;
  cell *immortal = cell_of(&final_type, 1);
  cell *ring = cell_ring(&final_type, 3, 10);
  ouro_movref(&immortal->a, ouro_adopt(ring));
  ouro_setref(&immortal->b, immortal);
  ouro_clear(&immortal->b);
  TEST_CHECK(ouro_make_immortal(immortal) == OURO_OK);
  ouro_setref(&immortal->b, immortal); /* a cycle through it is nothing to collect */
  ouro_setref(&ring->b, immortal);
  for (int generation = 0; generation < 3; generation++) {
    TEST_CHECK(ouro_gc_collect(generation) == 0);
    TEST_CHECK(ouro_gc_collect(2) == 0);
  }
  OBJECTS_ARE_SOUND();
  TEST_CHECK(test_is_live(ring) && in_a(ring)->number == 11);
  TEST_CHECK(strcmp(test_log(), "") == 0);
  ouro_clear(&immortal->a); /* what it does not reach any more goes as always */
  TEST_CHECK(ouro_gc_collect(2) == 3);
  TEST_CHECK(strcmp(test_log_sorted(), "-10 -11 -12 ~10 ~11 ~12") == 0);
  OBJECTS_ARE_SOUND();
}

static void the_collector_follows_the_references_of_an_immortal_object(void **state) {
  (void)state;
  IN_A_CHILD(reach_from_an_immortal);
}

static void young_under_an_old_immortal(void *arg) {
  (void)arg;
  cell *immortal = cell_new(0);
  TEST_CHECK(ouro_make_immortal(immortal) == OURO_OK);
  ouro_gc_collect(2);
  ouro_gc_collect(2);
  ouro_movref(&immortal->a, ouro_adopt(cell_ring(&cell_type, 2, 0)));
  TEST_CHECK(ouro_gc_collect(0) == 0);
  TEST_CHECK(ouro_gc_collect(1) == 0);
  TEST_CHECK(ouro_gc_collect(2) == 0);
  TEST_CHECK(test_live_of(&cell_type) == 3);
}

static void what_is_young_is_held_by_an_old_immortal_object(void **state) {
  (void)state;
  IN_A_CHILD(young_under_an_old_immortal);
}

static void weakly_to_an_immortal(void *arg) {
  (void)arg;
  cell *immortal = cell_new(0);
  ouro_weak *weak = weak_to(immortal);
  ouro_weak *noting = weak_noting(immortal, "died");
  TEST_CHECK(ouro_make_immortal(immortal) == OURO_OK);
  ouro_gc_collect(2);
  TEST_CHECK(weak_is(weak, immortal) && weak_is(noting, immortal));
  drop(weak);
  drop(noting);
  TEST_CHECK(strcmp(test_log(), "") == 0);
  OBJECTS_ARE_SOUND();
}

static void weak_references_to_an_immortal_object_stay_alive(void **state) {
  (void)state;
  IN_A_CHILD(weakly_to_an_immortal);
}

static void leaves_and_lists(void *arg) {
  (void)arg;
  leaf *untracked = leaf_new(1);
  list *items = list_new(3);
  cell *acyclic = cell_of(&acyclic_type, 2);
  list_put(items, 0, untracked);
  ouro_setref(&acyclic->a, untracked);
  TEST_CHECK(ouro_make_immortal(untracked) == OURO_EINVAL);
  ouro_clear(&items->items[0]);
  ouro_clear(&acyclic->a);
  TEST_CHECK(ouro_make_immortal(untracked) == OURO_OK);
  TEST_CHECK(ouro_make_immortal(items) == OURO_OK);
  TEST_CHECK(ouro_make_immortal(acyclic) == OURO_OK);
  list_put(items, 0, untracked);
  ouro_setref(&acyclic->a, items);
  ouro_gc_collect(2);
  drop(untracked);
  drop(items);
  drop(acyclic);
  TEST_CHECK(list_at(items, 0) == untracked);
  TEST_CHECK(strcmp(test_log(), "") == 0);
  OBJECTS_ARE_SOUND();
}

static void objects_of_every_kind_become_immortal(void **state) {
  (void)state;
  IN_A_CHILD(leaves_and_lists);
}

/* ---------------------------------------------------------------- immortal in static memory */

typedef struct point {
  ouro_object base;
  int x, y;
} point;

static ouro_type point_type = {.name = "point", .size = sizeof(point)};
static point origin = {OURO_IMMORTAL_OBJECT(&point_type), 0, 0};
static cell nothing = {.base = OURO_IMMORTAL_OBJECT(&cell_type), .number = 9};

static void a_static_object_is_used_like_any_other(void **state) {
  (void)state;
  assert_true(ouro_is_immortal(&origin));
  assert_ptr_equal(ouro_type_of(&origin), &point_type);
  assert_int_equal(ouro_refcount(&origin), SIZE_MAX);
  assert_false(ouro_is_unique(&origin));
  assert_false(ouro_gc_is_tracked(&nothing));
  assert_false(ouro_gc_is_finalized(&nothing));
  assert_int_equal(ouro_make_immortal(&origin), OURO_EINVAL);
  for (int i = 0; i < 100; i++) {
    ouro_decref(ouro_newref(&origin));
    drop(&origin);
  }
  cell *self = cell_new(0);
  ouro_setref(&self->a, &origin);
  ouro_setref(&self->b, &nothing);
  ouro_setref(&self->c, self);
  OBJECTS_ARE_SOUND();
  drop(self);
  assert_int_equal(ouro_gc_collect(2), 1);
  assert_int_equal(ouro_refcount(&origin), SIZE_MAX);
  assert_string_equal(test_log(), "");
}

static int count_them(void *object, void *arg) {
  (void)object;
  (*(int *)arg)++;
  return 0;
}

static void a_static_object_is_seen_by_those_who_refer_to_it(void **state) {
  (void)state;
  cell *self = cell_new(0);
  ouro_setref(&self->a, &origin);
  void *objects[] = {self};
  void *targets[] = {&origin};
  int count = 0;
  assert_int_equal(ouro_gc_get_referents(objects, 1, count_them, &count), OURO_OK);
  assert_int_equal(count, 1);
  assert_int_equal(ouro_gc_get_referrers(targets, 1, count_them, &count), OURO_OK);
  assert_int_equal(count, 2);
  drop(self);
}

static void a_static_object_may_be_referred_to_weakly(void **state) {
  (void)state;
  ouro_weak *weak = weak_to(&origin);
  ouro_weak *same = weak_to(&origin);
  assert_ptr_equal(weak, same);
  ouro_weak *noting = weak_noting(&origin, "died");
  assert_int_equal(ouro_weak_count(&origin), 2);
  ouro_gc_collect(2);
  assert_true(weak_is(weak, &origin));
  drop(weak);
  drop(same);
  drop(noting);
  assert_int_equal(ouro_weak_count(&origin), 0);
  assert_string_equal(test_log(), "");
}

static void a_static_object_is_not_shown_among_live_ones(void **state) {
  (void)state;
  assert_false(test_is_live(&origin));
  assert_int_equal(test_live_of(&point_type), 0);
}

/* ---------------------------------------------------------------- deferred */

static ouro_type watched_type = {.name = "watched", .size = 32, .flags = OURO_TYPE_TRACKED};

static void a_deferred_object_waits_for_a_full_collection(void **state) {
  (void)state;
  cell *self = cell_of(&final_type, 1);
  assert_false(ouro_is_deferred(self));
  assert_int_equal(ouro_defer(self), OURO_OK);
  assert_true(ouro_is_deferred(self));
  assert_false(ouro_is_immortal(self));
  assert_false(ouro_is_unique(self));
  drop(self);
  assert_string_equal(test_log(), "");
  assert_true(test_is_live(self));
  OBJECTS_ARE_SOUND();
  assert_int_equal(ouro_gc_collect(2), 1);
  assert_string_equal(test_log(), "~1 -1");
  assert_false(test_is_live(self));
}

static void a_deferred_object_lives_while_it_is_held(void **state) {
  (void)state;
  cell *holder = cell_new(0);
  cell *self = cell_new(1);
  assert_int_equal(ouro_defer(self), OURO_OK);
  assert_int_equal(ouro_gc_collect(2), 0); /* the case's own reference */
  ouro_setref(&holder->a, self);
  drop(self);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(ouro_gc_collect(2), 0);
    OBJECTS_ARE_SOUND();
  }
  assert_true(test_is_live(self));
  drop(holder);
  assert_string_equal(test_log(), "");
  assert_int_equal(ouro_gc_collect(2), 1);
  assert_string_equal(test_log(), "-1");
}

static void a_deferred_object_may_be_taken_up_again(void **state) {
  (void)state;
  cell *self = cell_new(1);
  assert_int_equal(ouro_defer(self), OURO_OK);
  drop(self); /* nobody counts as holding it now, and it is still there */
  ouro_incref(self);
  assert_int_equal(ouro_gc_collect(2), 0);
  assert_string_equal(test_log(), "");
  drop(self);
  assert_int_equal(ouro_gc_collect(2), 1);
  assert_string_equal(test_log(), "-1");
}

static void deferred_objects_in_cycles_go_as_others(void **state) {
  (void)state;
  cell *ring = cell_ring(&cell_type, 4, 1);
  assert_int_equal(ouro_defer(ring), OURO_OK);
  assert_int_equal(ouro_defer(in_a(in_a(ring))), OURO_OK);
  assert_int_equal(ouro_gc_collect(2), 0);
  drop(ring);
  assert_int_equal(ouro_gc_collect(2), 4);
  assert_string_equal(test_log_sorted(), "-1 -2 -3 -4");
}

static void a_deferred_object_takes_what_it_holds_along(void **state) {
  (void)state;
  cell *self = cell_new(1);
  ouro_movref(&self->a, ouro_adopt(cell_new(2)));
  ouro_movref(&self->b, ouro_adopt(leaf_new(3)));
  assert_int_equal(ouro_defer(self), OURO_OK);
  drop(self);
  ouro_gc_collect(2);
  assert_string_equal(test_log_sorted(), "-1 -2 -3");
}

static void weak_references_to_a_deferred_object_die_with_it(void **state) {
  (void)state;
  cell *self = cell_new(1);
  ouro_weak *weak = weak_to(self);
  ouro_weak *noting = weak_noting(self, "died");
  assert_int_equal(ouro_defer(self), OURO_OK);
  drop(self);
  assert_true(weak_is(weak, self));
  assert_int_equal(ouro_gc_collect(2), 1);
  assert_true(weak_is(weak, NULL));
  assert_string_equal(test_log(), "died -1");
  drop(weak);
  drop(noting);
}

static void only_what_is_tracked_and_counted_may_be_deferred(void **state) {
  (void)state;
  leaf *untracked = leaf_new(0);
  cell *acyclic = cell_of(&acyclic_type, 0);
  cell *self = cell_new(0);
  assert_int_equal(ouro_defer(untracked), OURO_EINVAL);
  assert_int_equal(ouro_defer(acyclic), OURO_EINVAL);
  assert_int_equal(ouro_defer(&nothing), OURO_EINVAL);
  assert_false(ouro_is_deferred(untracked));
  assert_int_equal(ouro_defer(self), OURO_OK);
  assert_int_equal(ouro_defer(self), OURO_EINVAL);
  drop(untracked);
  drop(acyclic);
  drop(self);
  assert_int_equal(ouro_gc_collect(2), 1);
}

static void a_type_without_references_may_be_tracked_to_be_deferred(void **state) {
  (void)state;
  void *self = ouro_borrow(ouro_new(&watched_type));
  assert_true(ouro_gc_is_tracked(self));
  assert_int_equal(ouro_defer(self), OURO_OK);
  drop(self);
  assert_true(test_is_live(self));
  assert_int_equal(ouro_gc_collect(2), 1);
  assert_false(test_is_live(self));
}

static void only_a_collection_of_all_frees_a_deferred_object(void **state) {
  (void)state;
  static const int often[OURO_GENERATIONS] = {1, 1000, 1000};
  cell *self = cell_new(1);
  cell *ring = cell_ring(&cell_type, 3, 2);
  assert_int_equal(ouro_defer(self), OURO_OK);
  assert_int_equal(ouro_defer(in_a(ring)), OURO_OK);
  drop(self);
  drop(ring);
  assert_int_equal(ouro_gc_collect(0), 0);
  assert_int_equal(ouro_gc_set_threshold(often), OURO_OK);
  list *more = list_new(1);
  list *still_more = list_new(1);
  ouro_safepoint();
  assert_int_equal(ouro_gc_collect(1), 0);
  assert_string_equal(test_log(), "");
  assert_int_equal(self->number, 1); /* it may be looked at as long as no collection of all comes between */
  OBJECTS_ARE_SOUND();
  assert_int_equal(ouro_gc_collect(2), 4);
  assert_string_equal(test_log_sorted(), "-1 -2 -3 -4");
  drop(more);
  drop(still_more);
}

static ouro_type watched_tuple_type = {.name = "watched-tuple",
                                       .size = sizeof(list),
                                       .item_size = sizeof(void *),
                                       .flags = OURO_TYPE_ITEMS | OURO_TYPE_IMMUTABLE | OURO_TYPE_TRACKED};

static void what_is_deferred_stays_tracked(void **state) {
  (void)state;
  leaf *item = leaf_new(1);
  list *tuple = tuple_of(item, NULL, NULL);
  list *watched = list_of(&watched_tuple_type, 1);
  cell *self = cell_new(2);
  list_put(watched, 0, item);
  drop(item);
  assert_int_equal(ouro_defer(tuple), OURO_OK);
  assert_int_equal(ouro_defer(self), OURO_OK);
  ouro_gc_untrack(self);
  ouro_gc_collect(2);
  assert_true(ouro_gc_is_tracked(tuple)); /* though it is immutable, and holds nothing that is tracked */
  assert_true(ouro_gc_is_tracked(self));
  assert_true(ouro_gc_is_tracked(watched)); /* as its type says */
  assert_int_equal(ouro_defer(watched), OURO_OK);
  drop(tuple);
  drop(self);
  drop(watched);
  assert_int_equal(ouro_gc_collect(2), 3);
  assert_string_equal(test_log_sorted(), "-1 -2");
}

static void a_deferred_object_that_is_resurrected_lives_on(void **state) {
  (void)state;
  cell *self = cell_of(&final_type, 1);
  self->finalizing = survive;
  assert_int_equal(ouro_defer(self), OURO_OK);
  drop(self);
  assert_int_equal(ouro_gc_collect(2), 0);
  assert_ptr_equal(survivor(0), self);
  assert_int_equal(ouro_gc_collect(2), 0);
  assert_string_equal(test_log(), "~1");
  survivors_drop();
  assert_int_equal(ouro_gc_collect(2), 1);
  assert_string_equal(test_log(), "-1");
}

static void defer_self(cell *self) { TEST_CHECK(ouro_defer(self) == OURO_OK); }

static void a_finalizer_may_defer_its_object(void **state) {
  (void)state;
  cell *self = cell_of(&final_type, 1);
  self->finalizing = defer_self;
  drop(self);
  assert_string_equal(test_log(), "~1");
  assert_true(ouro_is_deferred(self));
  assert_int_equal(ouro_refcount(self), 0);
  OBJECTS_ARE_SOUND();
  assert_int_equal(ouro_gc_collect(2), 1);
  assert_string_equal(test_log(), "-1");
}

static void make_self_immortal(cell *self) { TEST_CHECK(ouro_make_immortal(self) == OURO_OK); }

static void die_into_immortality(void *arg) {
  (void)arg;
  cell *self = cell_of(&final_type, 1);
  self->finalizing = make_self_immortal;
  drop(self);
  TEST_CHECK(ouro_is_immortal(self) && test_is_live(self));
  cell *ring = cell_of(&final_type, 2); /* or after it has been resurrected */
  ouro_setref(&ring->a, ring);
  ring->finalizing = survive;
  drop(ring);
  TEST_CHECK(ouro_gc_collect(2) == 0);
  ouro_clear(&ring->a);
  TEST_CHECK(ouro_make_immortal(ring) == OURO_OK);
  survivors_drop();
  ouro_gc_collect(2);
  TEST_CHECK(test_is_live(ring));
  TEST_CHECK(strcmp(test_log(), "~1 ~2") == 0);
  OBJECTS_ARE_SOUND();
}

static void a_finalizer_may_make_its_object_immortal(void **state) {
  (void)state;
  IN_A_CHILD(die_into_immortality);
}

static void deferred_objects_and_frozen_ones_refer_to_each_other(void **state) {
  (void)state;
  cell *ring = cell_ring(&cell_type, 4, 0);
  assert_int_equal(ouro_defer(ring), OURO_OK);
  ouro_gc_freeze();
  cell *young = cell_ring(&cell_type, 4, 0);
  assert_int_equal(ouro_defer(in_a(young)), OURO_OK);
  ouro_setref(&young->b, ring);
  ouro_setref(&ring->b, young);
  for (int generation = 0; generation < 3; generation++) {
    assert_int_equal(ouro_gc_collect(generation), 0);
    OBJECTS_ARE_SOUND();
  }
  drop(young);
  drop(ring);
  assert_int_equal(ouro_gc_collect(2), 0);
  ouro_gc_unfreeze();
  assert_int_equal(ouro_gc_collect(2), 8);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(an_immortal_object_is_not_counted),
      OBJECT_TEST(only_a_unique_object_becomes_immortal_and_once),
      OBJECT_TEST(the_collector_follows_the_references_of_an_immortal_object),
      OBJECT_TEST(what_is_young_is_held_by_an_old_immortal_object),
      OBJECT_TEST(weak_references_to_an_immortal_object_stay_alive),
      OBJECT_TEST(objects_of_every_kind_become_immortal),
      OBJECT_TEST(a_static_object_is_used_like_any_other),
      OBJECT_TEST(a_static_object_is_seen_by_those_who_refer_to_it),
      OBJECT_TEST(a_static_object_may_be_referred_to_weakly),
      OBJECT_TEST(a_static_object_is_not_shown_among_live_ones),
      OBJECT_TEST(a_deferred_object_waits_for_a_full_collection),
      OBJECT_TEST(a_deferred_object_lives_while_it_is_held),
      OBJECT_TEST(a_deferred_object_may_be_taken_up_again),
      OBJECT_TEST(deferred_objects_in_cycles_go_as_others),
      OBJECT_TEST(a_deferred_object_takes_what_it_holds_along),
      OBJECT_TEST(weak_references_to_a_deferred_object_die_with_it),
      OBJECT_TEST(only_what_is_tracked_and_counted_may_be_deferred),
      OBJECT_TEST(a_type_without_references_may_be_tracked_to_be_deferred),
      OBJECT_TEST(only_a_collection_of_all_frees_a_deferred_object),
      OBJECT_TEST(what_is_deferred_stays_tracked),
      OBJECT_TEST(a_deferred_object_that_is_resurrected_lives_on),
      OBJECT_TEST(a_finalizer_may_defer_its_object),
      OBJECT_TEST(a_finalizer_may_make_its_object_immortal),
      OBJECT_TEST(deferred_objects_and_frozen_ones_refer_to_each_other),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
