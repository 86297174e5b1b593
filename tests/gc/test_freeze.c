/* tests/gc/test_freeze.c - frozen objects are out of the generations: no collection looks at them, they hold what they refer
 * to, they still go by their counts, and come back into the oldest generation.
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka. */
#include "object/objects.h"

static void freezing_counts_and_unfreezing_empties(void **state) {
  (void)state;
  size_t tracked = tracked_in(-1);
  cell *ring = cell_ring(&cell_type, 4, 0);
  assert_int_equal(ouro_gc_get_freeze_count(), 0);
  ouro_gc_freeze();
  assert_int_equal(ouro_gc_get_freeze_count(), tracked + 4);
  assert_int_equal(tracked_in(0) + tracked_in(1) + tracked_in(2), 0);
  assert_true(ouro_gc_is_tracked(ring));
  OBJECTS_ARE_SOUND();
  ouro_gc_unfreeze();
  assert_int_equal(ouro_gc_get_freeze_count(), 0);
  assert_int_equal(tracked_in(2), tracked + 4);
  drop(ring);
  assert_int_equal(ouro_gc_collect(2), 4);
}

static void freezing_sets_the_counters_back(void **state) {
  (void)state;
  int count[OURO_GENERATIONS];
  ouro_gc_collect(1);
  ouro_gc_collect(0);
  list *kept = list_new(3);
  ouro_gc_freeze();
  ouro_gc_get_count(count);
  assert_int_equal(count[0], 0);
  assert_int_equal(count[1], 0);
  assert_int_equal(count[2], 0);
  ouro_gc_unfreeze();
  drop(kept);
}

static void frozen_garbage_waits_until_it_thaws(void **state) {
  (void)state;
  cell *ring = cell_ring(&cell_type, 3, 1);
  ouro_gc_freeze();
  drop(ring);
  for (int generation = 0; generation < 3; generation++) {
    assert_int_equal(ouro_gc_collect(generation), 0);
  }
  OBJECTS_ARE_SOUND();
  ouro_gc_unfreeze();
  assert_int_equal(ouro_gc_collect(1), 0);
  assert_int_equal(ouro_gc_collect(2), 3);
}

static void what_a_frozen_object_holds_lives(void **state) {
  (void)state;
  cell *frozen = cell_new(0);
  ouro_gc_freeze();
  ouro_movref(&frozen->a, ouro_adopt(cell_ring(&cell_type, 3, 1)));
  for (int generation = 0; generation < 3; generation++) {
    assert_int_equal(ouro_gc_collect(generation), 0);
    OBJECTS_ARE_SOUND();
  }
  assert_string_equal(test_log(), "");
  ouro_clear(&frozen->a);
  assert_int_equal(ouro_gc_collect(2), 3);
  ouro_gc_unfreeze();
  drop(frozen);
}

static void frozen_objects_go_by_their_counts(void **state) {
  (void)state;
  cell *self = cell_of(&final_type, 1);
  ouro_movref(&self->a, ouro_adopt(cell_new(2)));
  ouro_weak *weak = weak_noting(self, "died");
  ouro_gc_freeze();
  size_t frozen = ouro_gc_get_freeze_count();
  drop(self);
  assert_string_equal(test_log(), "~1 died -2 -1");
  assert_int_equal(ouro_gc_get_freeze_count(), frozen - 2);
  ouro_gc_unfreeze();
  drop(weak);
}

static void frozen_and_other_objects_refer_to_each_other(void **state) {
  (void)state;
  cell *frozen = cell_ring(&cell_type, 3, 0);
  ouro_gc_freeze();
  cell *young = cell_ring(&cell_type, 3, 0);
  ouro_setref(&frozen->b, young);
  ouro_setref(&young->b, frozen);
  ouro_setref(&in_a(young)->b, in_a(frozen));
  ouro_setref(&in_a(frozen)->b, in_a(young));
  for (int generation = 0; generation < 3; generation++) {
    assert_int_equal(ouro_gc_collect(generation), 0); /* no count falls below what is found */
    OBJECTS_ARE_SOUND();
  }
  drop(young);
  assert_int_equal(ouro_gc_collect(2), 0); /* the frozen ones hold it, dead or alive */
  drop(frozen);
  assert_int_equal(ouro_gc_collect(2), 0);
  ouro_gc_unfreeze();
  assert_int_equal(ouro_gc_collect(2), 6);
}

static void only_what_was_there_is_frozen(void **state) {
  (void)state;
  cell *before = cell_new(0);
  ouro_gc_freeze();
  size_t frozen = ouro_gc_get_freeze_count();
  cell *after = cell_ring(&cell_type, 2, 0);
  assert_true(is_in(0, after));
  assert_int_equal(ouro_gc_get_freeze_count(), frozen);
  ouro_gc_freeze(); /* and once more adds the new ones */
  assert_int_equal(ouro_gc_get_freeze_count(), frozen + 2);
  drop(after);
  assert_int_equal(ouro_gc_collect(2), 0);
  ouro_gc_unfreeze();
  assert_int_equal(ouro_gc_collect(2), 2);
  drop(before);
}

static void a_frozen_object_may_be_untracked_and_tracked(void **state) {
  (void)state;
  cell *self = cell_ring(&cell_type, 1, 0);
  ouro_gc_freeze();
  size_t frozen = ouro_gc_get_freeze_count();
  ouro_gc_untrack(self);
  assert_int_equal(ouro_gc_get_freeze_count(), frozen - 1);
  OBJECTS_ARE_SOUND();
  assert_int_equal(ouro_gc_track(self), OURO_OK);
  assert_true(is_in(0, self));
  ouro_gc_unfreeze();
  assert_true(is_in(0, self));
  drop(self);
  assert_int_equal(ouro_gc_collect(0), 1);
}

static void freeze_within(cell *self) {
  (void)self;
  ouro_gc_freeze();
  ouro_gc_unfreeze();
}

static void a_finalizer_may_freeze_and_thaw(void **state) {
  (void)state;
  cell *ring = cell_ring(&final_type, 3, 1);
  ring->finalizing = freeze_within;
  drop(ring);
  ptrdiff_t collected = ouro_gc_collect(2);
  OBJECTS_ARE_SOUND();
  collected += ouro_gc_collect(2);
  assert_int_equal(collected, 3);
  assert_string_equal(test_log_sorted(), "-1 -2 -3 ~1 ~2 ~3");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(freezing_counts_and_unfreezing_empties), OBJECT_TEST(freezing_sets_the_counters_back),
      OBJECT_TEST(frozen_garbage_waits_until_it_thaws),    OBJECT_TEST(what_a_frozen_object_holds_lives),
      OBJECT_TEST(frozen_objects_go_by_their_counts),      OBJECT_TEST(frozen_and_other_objects_refer_to_each_other),
      OBJECT_TEST(only_what_was_there_is_frozen),          OBJECT_TEST(a_frozen_object_may_be_untracked_and_tracked),
      OBJECT_TEST(a_finalizer_may_freeze_and_thaw),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
