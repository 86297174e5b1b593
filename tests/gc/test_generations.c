/* tests/gc/test_generations.c - when a collection happens, and of what: generations and their counters, thresholds,
 * safepoints, the rule of the quarter for full collections, switching off and on, statistics.
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka. */
#include "object/objects.h"

#include <limits.h>

/* Threshold and, where it goes on, objects that a list keeps. */
static void set_threshold(int first, int second, int third) {
  const int threshold[OURO_GENERATIONS] = {first, second, third};
  assert_int_equal(ouro_gc_set_threshold(threshold), OURO_OK);
}

static void check_count(int second, int third) {
  int count[OURO_GENERATIONS];
  ouro_gc_get_count(count);
  assert_int_equal(count[1], second);
  assert_int_equal(count[2], third);
}

static int young_count(void) {
  int count[OURO_GENERATIONS];
  ouro_gc_get_count(count);
  return count[0];
}

static uint64_t collections(int generation) { return gc_stats_of(generation).collections; }

/* ---------------------------------------------------------------- generations */

static void objects_move_on_with_each_collection_they_survive(void **state) {
  (void)state;
  cell *self = cell_new(0);
  assert_true(is_in(0, self) && !is_in(1, self) && !is_in(2, self));
  ouro_gc_collect(0);
  assert_true(!is_in(0, self) && is_in(1, self) && !is_in(2, self));
  ouro_gc_collect(0);
  assert_true(is_in(1, self));
  ouro_gc_collect(1);
  assert_true(!is_in(0, self) && !is_in(1, self) && is_in(2, self));
  ouro_gc_collect(1);
  assert_true(is_in(2, self));
  ouro_gc_collect(2);
  assert_true(!is_in(0, self) && !is_in(1, self) && is_in(2, self));
  drop(self);
  cell *second = cell_new(0);
  ouro_gc_collect(2);
  assert_true(is_in(2, second));
  drop(second);
  cell *third = cell_new(0);
  ouro_gc_collect(1);
  assert_true(is_in(2, third));
  drop(third);
}

static void counters_of_older_generations_count_collections(void **state) {
  (void)state;
  ouro_gc_collect(2);
  check_count(0, 0);
  ouro_gc_collect(0);
  check_count(1, 0);
  ouro_gc_collect(0);
  check_count(2, 0);
  ouro_gc_collect(1);
  check_count(0, 1);
  ouro_gc_collect(0);
  check_count(1, 1);
  ouro_gc_collect(1);
  check_count(0, 2);
  ouro_gc_collect(2);
  check_count(0, 0);
}

static void the_counter_of_the_youngest_counts_what_is_made_less_what_is_freed(void **state) {
  (void)state;
  ouro_gc_collect(2);
  assert_int_equal(young_count(), 0);
  cell *first = cell_new(0);
  assert_int_equal(young_count(), 1);
  cell *second = cell_new(0);
  leaf *untracked = leaf_new(0);
  cell *acyclic = cell_of(&acyclic_type, 0);
  assert_int_equal(young_count(), 2); /* those without references are not the collector's */
  drop(untracked);
  drop(acyclic);
  assert_int_equal(young_count(), 2);
  drop(first);
  assert_int_equal(young_count(), 1);
  drop(second);
  assert_int_equal(young_count(), 0);
  for (int generation = 0; generation < 3; generation++) {
    cell *kept = cell_new(0);
    assert_int_equal(young_count(), 1);
    ouro_gc_collect(generation);
    assert_int_equal(young_count(), 0);
    drop(kept);
    assert_int_equal(young_count(), 0); /* never below */
  }
}

static void only_three_generations_are_collected(void **state) {
  (void)state;
  assert_int_equal(ouro_gc_collect(-1), OURO_EINVAL);
  assert_int_equal(ouro_gc_collect(3), OURO_EINVAL);
  assert_int_equal(ouro_gc_collect(INT_MAX), OURO_EINVAL);
  assert_int_equal(ouro_gc_collect(INT_MIN), OURO_EINVAL);
}

/* ---------------------------------------------------------------- thresholds */

static int first_threshold[OURO_GENERATIONS]; /* when the program began */
static bool first_enabled;

static void thresholds_are_those_of_cpython_at_first(void **state) {
  (void)state;
  assert_int_equal(first_threshold[0], 2000);
  assert_int_equal(first_threshold[1], 10);
  assert_int_equal(first_threshold[2], 10);
  assert_true(first_enabled);
}

static void thresholds_are_read_back_and_wrong_ones_change_nothing(void **state) {
  (void)state;
  static const int wrong[][OURO_GENERATIONS] = {{-1, 1, 1}, {1, -1, 1}, {1, 1, -1}, {INT_MIN, 0, 0}};
  int threshold[OURO_GENERATIONS];
  set_threshold(7, 8, 9);
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    assert_int_equal(ouro_gc_set_threshold(wrong[i]), OURO_EINVAL);
  }
  assert_int_equal(ouro_gc_set_threshold(NULL), OURO_EINVAL);
  ouro_gc_get_threshold(threshold);
  assert_int_equal(threshold[0], 7);
  assert_int_equal(threshold[1], 8);
  assert_int_equal(threshold[2], 9);
}

static void a_safepoint_collects_when_more_were_made_than_the_threshold(void **state) {
  (void)state;
  list *kept = list_new(20);
  set_threshold(5, 10, 10);
  ouro_gc_collect(2);
  uint64_t before = collections(0);
  for (size_t i = 0; i < 5; i++) {
    ouro_movref(&kept->items[i], ouro_adopt(cell_new(0)));
    ouro_safepoint();
  }
  assert_int_equal(collections(0), before);
  ouro_movref(&kept->items[5], ouro_adopt(cell_new(0)));
  assert_int_equal(collections(0), before); /* never inside an allocation */
  ouro_safepoint();
  assert_int_equal(collections(0), before + 1);
  assert_int_equal(young_count(), 0);
  ouro_safepoint();
  assert_int_equal(collections(0), before + 1);
  drop(kept);
}

static void what_was_freed_again_brings_no_collection_nearer(void **state) {
  (void)state;
  set_threshold(5, 10, 10);
  ouro_gc_collect(2);
  uint64_t before = collections(0);
  for (size_t i = 0; i < 1000; i++) {
    drop(cell_new(0));
    leaf *untracked = leaf_new(0);
    ouro_safepoint();
    drop(untracked);
  }
  assert_int_equal(collections(0), before);
}

static void allocation_never_collects(void **state) {
  (void)state;
  set_threshold(1, 1, 1);
  ouro_gc_collect(2);
  uint64_t before = collections(0) + collections(1) + collections(2);
  list *kept = list_new(3000);
  for (size_t i = 0; i < 3000; i++) {
    ouro_movref(&kept->items[i], ouro_adopt(cell_ring(&cell_type, 2, 0)));
  }
  assert_int_equal(collections(0) + collections(1) + collections(2), before);
  assert_int_equal(young_count(), 6001);
  drop(kept);
  assert_int_equal(ouro_gc_collect(2), 6000);
}

static void threshold_zero_is_never(void **state) {
  (void)state;
  set_threshold(0, 1, 1);
  ouro_gc_collect(2);
  size_t live = test_live();
  uint64_t before = collections(0) + collections(1) + collections(2);
  for (int i = 0; i < 50000; i++) {
    drop(cell_ring(&cell_type, 1, 0));
    ouro_safepoint();
  }
  assert_int_equal(collections(0) + collections(1) + collections(2), before);
  assert_int_equal(young_count(), 50000);
  set_threshold(10, 10, 10); /* and now it is due at once */
  ouro_safepoint();
  assert_int_equal(collections(0) + collections(1) + collections(2), before + 1);
  assert_int_equal(test_live(), live);
}

static void a_threshold_takes_effect_at_once(void **state) {
  (void)state;
  ouro_gc_collect(2);
  list *kept = list_new(100);
  for (size_t i = 0; i < 100; i++) {
    ouro_movref(&kept->items[i], ouro_adopt(cell_new(0)));
  }
  uint64_t before = collections(0);
  ouro_safepoint();
  assert_int_equal(collections(0), before);
  set_threshold(100, 10, 10);
  ouro_safepoint();
  assert_int_equal(collections(0), before + 1); /* a hundred and the list */
  drop(kept);
}

static void older_generations_are_due_by_collections_of_the_younger(void **state) {
  (void)state;
  set_threshold(1, 3, 1000);
  ouro_gc_collect(2);
  uint64_t young = collections(0);
  uint64_t middle = collections(1);
  uint64_t old = collections(2);
  list *kept = list_new(40);
  for (size_t i = 0; i < 40; i++) {
    ouro_movref(&kept->items[i], ouro_adopt(cell_new(0)));
    ouro_safepoint();
  }
  /* 41 objects, a collection after each second one; after four of the youngest (more than 3) the next is of the middle one. */
  assert_int_equal(collections(0) - young + collections(1) - middle, 20);
  assert_int_equal(collections(1) - middle, 4);
  assert_int_equal(collections(2), old);
  drop(kept);
}

/* ---------------------------------------------------------------- the quarter */

/* Keep `count` more objects in a chain, with a safepoint after each. */
static cell *keep_more(cell *chain, size_t count) {
  for (size_t i = 0; i < count; i++) {
    cell *next = cell_new(0);
    ouro_movref(&next->a, ouro_adopt(chain));
    chain = next;
    ouro_safepoint();
  }
  return chain;
}

static void a_full_collection_waits_for_a_quarter_of_new_objects(void **state) {
  (void)state;
  set_threshold(0, 0, 0);
  cell *chain = keep_more(NULL, 4000);
  ouro_gc_collect(2);
  size_t settled = tracked_in(2);
  assert_true(settled >= 4000);
  set_threshold(9, 1, 1);
  uint64_t before = collections(2);
  chain = keep_more(chain, settled / 4 - 50); /* many collections of generation 1, and still too few came of them */
  assert_int_equal(collections(2), before);
  assert_true(collections(1) > 0);
  int count[OURO_GENERATIONS];
  ouro_gc_get_count(count);
  assert_true(count[2] > 1); /* it would have been due long since */
  int waited = count[2];
  chain = keep_more(chain, 200);
  assert_int_equal(collections(2), before + 1);
  ouro_gc_get_count(count);
  assert_true(count[2] < waited);
  drop(chain);
}

static void check_full_collections_of_growth(size_t objects) {
  uint64_t before = collections(2);
  uint64_t candidates = gc_stats_of(2).candidates;
  cell *chain = keep_more(NULL, objects);
  uint64_t full = collections(2) - before;
  /* A heap that only grows is walked in whole so seldom that it comes to a few looks at each object. */
  assert_true(full > 3);
  assert_true(gc_stats_of(2).candidates - candidates < 6 * objects);
  drop(chain);
}

static void a_heap_that_only_grows_costs_a_constant_share(void **state) {
  (void)state;
  ouro_gc_collect(2);
  set_threshold(100, 5, 5);
  check_full_collections_of_growth(test_count(400000, 100000));
}

static void explicit_collections_know_no_quarter(void **state) {
  (void)state;
  cell *chain = keep_more(NULL, 2000);
  ouro_gc_collect(2);
  uint64_t before = collections(2);
  for (int i = 0; i < 10; i++) {
    ouro_gc_collect(2);
  }
  assert_int_equal(collections(2), before + 10);
  drop(chain);
}

static void garbage_made_at_a_steady_rate_does_not_pile_up(void **state) {
  (void)state;
  size_t most = 0;
  cell *live = keep_more(NULL, 20000);
  ouro_gc_collect(2);
  size_t before = test_live_of(&cell_type);
  set_threshold(1000, 10, 10);
  for (size_t i = 0; i < test_count(200000, 20000); i++) {
    drop(cell_ring(&cell_type, 2, 0));
    ouro_safepoint();
    if (i % 499 == 0) {
      size_t garbage = test_live_of(&cell_type) - before;
      most = garbage > most ? garbage : most;
    }
  }
  assert_true(most > 0);
  assert_true(most <= 1002);
  drop(live);
  ouro_gc_collect(2);
}

/* ---------------------------------------------------------------- as it is before a program sets thresholds
 *
 * In a program of its own, since every case here sets them. */

static int most_young(size_t count, size_t rings) {
  int most = 0;
  list *kept = list_new(count + 1);
  for (size_t i = 0; i < count; i++) {
    ouro_movref(&kept->items[i], ouro_adopt(cell_new(0)));
    most = young_count() > most ? young_count() : most;
    ouro_safepoint();
  }
  for (size_t i = 0; i < rings; i++) {
    drop(cell_ring(&cell_type, 2, 0));
    most = young_count() > most ? young_count() : most;
    ouro_safepoint();
  }
  drop(kept);
  return most;
}

static void be_patient(void) {
  uint64_t before = collections(0) + collections(1) + collections(2);
  drop(cell_new(0));
  int most = most_young(400000, 0); /* all of them live: collections find nothing */
  TEST_CHECK(most > 2001);
  TEST_CHECK(most <= 32 * 2000 + 1);
  uint64_t patient = collections(0) + collections(1) + collections(2) - before;
  TEST_CHECK(patient >= 400000 / (32 * 2000) && patient < 400000 / 2000 / 4);
  most = most_young(0, 100000); /* garbage: it is found out within the longest wait, */
  TEST_CHECK(most <= 32 * 2000 + 2);
  ouro_gc_collect(2);
  TEST_CHECK(most_young(0, 100000) <= 2002); /* and from then on looked for as often as the threshold says */
  most_young(400000, 0);
  static const int threshold[OURO_GENERATIONS] = {100, 10, 10};
  TEST_CHECK(ouro_gc_set_threshold(threshold) == OURO_OK);
  ouro_gc_collect(2);
  TEST_CHECK(most_young(100000, 0) == 101); /* what a program has set means what it says, whatever was before */
  OBJECTS_ARE_SOUND();
}

static void collections_that_find_nothing_wait_longer_until_thresholds_are_set(void **state) {
  (void)state;
  test_result result = test_run_self("patient", NULL, 120);
  TEST_CHILD_PASSED(&result);
}

/* ---------------------------------------------------------------- off and on */

static void enable_and_disable_tell_what_was_before(void **state) {
  (void)state;
  assert_true(ouro_gc_is_enabled());
  assert_true(ouro_gc_enable());
  assert_true(ouro_gc_is_enabled());
  assert_true(ouro_gc_disable());
  assert_false(ouro_gc_is_enabled());
  assert_false(ouro_gc_disable());
  assert_false(ouro_gc_is_enabled());
  assert_false(ouro_gc_enable());
  assert_true(ouro_gc_is_enabled());
}

static void nothing_collects_while_it_is_disabled(void **state) {
  (void)state;
  set_threshold(10, 1, 1);
  ouro_gc_collect(2);
  ouro_gc_disable();
  size_t live = test_live();
  uint64_t before = collections(0) + collections(1) + collections(2);
  for (int i = 0; i < 10000; i++) {
    drop(cell_ring(&cell_type, 1, 0));
    ouro_safepoint();
  }
  assert_int_equal(collections(0) + collections(1) + collections(2), before);
  set_threshold(5, 1, 1); /* a new threshold does not switch it on */
  ouro_safepoint();
  assert_int_equal(collections(0) + collections(1) + collections(2), before);
  ouro_gc_enable();
  ouro_safepoint();
  assert_int_equal(collections(0) + collections(1) + collections(2), before + 1);
  assert_int_equal(test_live(), live);
}

static void an_explicit_collection_works_while_it_is_disabled(void **state) {
  (void)state;
  ouro_gc_disable();
  drop(cell_ring(&cell_type, 3, 0));
  assert_int_equal(ouro_gc_collect(0), 3);
  ouro_gc_enable();
}

/* ---------------------------------------------------------------- collections that objects cause */

static void collect_at_a_safepoint(cell *self) {
  (void)self;
  for (int i = 0; i < 5; i++) {
    drop(cell_ring(&cell_type, 2, 0));
    ouro_safepoint();
  }
}

static void finalizers_may_cause_collections(void **state) {
  (void)state;
  set_threshold(1, 1, 1);
  for (int i = 0; i < 100; i++) {
    cell *self = cell_of(&final_type, 1);
    self->finalizing = collect_at_a_safepoint;
    if (i % 2 == 0) {
      ouro_setref(&self->a, self);
    }
    drop(self);
    ouro_safepoint();
  }
  ouro_gc_collect(2);
  ouro_gc_collect(2);
  size_t releases = 0;
  for (const char *at = test_log(); *at != 0; at++) {
    releases += *at == '-';
  }
  assert_int_equal(releases, 100);
}

/* ---------------------------------------------------------------- the old that die when the young are collected */

static ouro_weak *to_second;
static void *seen;
static int times;

static void look_through_the_weak_reference(ouro_weak *weak, void *data, void *held) {
  (void)weak;
  (void)data;
  (void)held;
  ouro_ref strong = ouro_weak_get(to_second);
  seen = ouro_borrow(strong);
  times++;
  ouro_xdecref(strong);
}

static void look_when_finalized(cell *self) {
  (void)self;
  look_through_the_weak_reference(NULL, NULL, NULL);
}

/* An old object dies with a young cycle that held it; what runs then must not see another cycle that is being cleared.
 * Returns the weak reference to the old one, or NULL. */
static ouro_weak *set_up_old_and_young(bool with_finalizer) {
  cell *old = cell_of(with_finalizer ? &final_type : &cell_type, 0);
  old->finalizing = with_finalizer ? look_when_finalized : NULL;
  ouro_setref(&old->a, old);
  ouro_gc_collect(2);
  assert_true(is_in(2, old));
  cell *first = cell_ring(&cell_type, 1, 0);
  cell *second = cell_ring(&cell_type, 1, 0);
  ouro_setref(&first->b, old);
  ouro_clear(&old->a); /* now the first alone keeps it */
  to_second = weak_to(second);
  seen = old;
  times = 0;
  ouro_weak *to_old = NULL;
  if (!with_finalizer) {
    to_old = ouro_borrow(ouro_weak_new_callback(old, look_through_the_weak_reference, NULL, NULL));
  }
  drop(old);
  drop(first);
  drop(second);
  return to_old;
}

/* Safepoints alone collect, so that only the youngest is. */
static void wait_for_a_collection(void) {
  set_threshold(50, 1000, 1000);
  uint64_t before = collections(0);
  list *junk = list_new(1000);
  for (size_t i = 0; i < 1000 && collections(0) == before; i++) {
    ouro_movref(&junk->items[i], ouro_adopt(cell_new(0)));
    ouro_safepoint();
  }
  assert_int_equal(collections(0), before + 1);
  drop(junk);
}

static void the_callback_of_an_old_object_does_not_see_young_garbage(void **state) {
  (void)state;
  size_t live = test_live();
  ouro_weak *to_old = set_up_old_and_young(false);
  wait_for_a_collection();
  assert_int_equal(times, 1);
  assert_null(seen);
  drop(to_old);
  drop(to_second);
  assert_int_equal(test_live(), live);
}

static void the_finalizer_of_an_old_object_does_not_see_young_garbage(void **state) {
  (void)state;
  size_t live = test_live();
  set_up_old_and_young(true);
  wait_for_a_collection();
  assert_int_equal(times, 1);
  assert_null(seen);
  drop(to_second);
  assert_int_equal(test_live(), live);
}

/* ---------------------------------------------------------------- statistics */

static void each_collection_counts_in_its_generation(void **state) {
  (void)state;
  for (int generation = 0; generation < 3; generation++) {
    ouro_gc_stats before[OURO_GENERATIONS];
    ouro_gc_stats after[OURO_GENERATIONS];
    cell *live = cell_ring(&cell_type, 4, 0);
    drop(cell_ring(&cell_type, 5, 0));
    cell *stuck = cell_ring(&stuck_type, 1, 0);
    drop(stuck);
    ouro_gc_get_stats(before);
    assert_int_equal(ouro_gc_collect(generation), 6);
    ouro_gc_get_stats(after);
    for (int each = 0; each < 3; each++) {
      int own = each == generation;
      assert_int_equal(after[each].collections, before[each].collections + (own ? 1 : 0));
      assert_int_equal(after[each].collected, before[each].collected + (own ? 5 : 0));
      assert_int_equal(after[each].uncollectable, before[each].uncollectable + (own ? 1 : 0));
      assert_true(own ? after[each].candidates >= before[each].candidates + 10
                      : after[each].candidates == before[each].candidates);
      assert_true(own ? after[each].duration_ns > before[each].duration_ns
                      : after[each].duration_ns == before[each].duration_ns);
      assert_true(after[each].longest_ns >= before[each].longest_ns);
      assert_true(after[each].longest_ns <= after[each].duration_ns);
    }
    ouro_clear(&stuck->a);
    ouro_gc_garbage_clear();
    drop(live);
    ouro_gc_collect(2);
  }
}

static void young_collections_look_at_the_young_alone(void **state) {
  (void)state;
  cell *old = keep_more(NULL, 3000);
  ouro_gc_collect(2);
  cell *young = keep_more(NULL, 100);
  uint64_t before = gc_stats_of(0).candidates;
  ouro_gc_collect(0);
  assert_int_equal(gc_stats_of(0).candidates - before, 100);
  before = gc_stats_of(1).candidates;
  ouro_gc_collect(1);
  assert_int_equal(gc_stats_of(1).candidates - before, 100);
  before = gc_stats_of(2).candidates;
  ouro_gc_collect(2);
  assert_true(gc_stats_of(2).candidates - before >= 3100);
  drop(old);
  drop(young);
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "patient") == 0) {
    be_patient();
    return 0;
  }
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(objects_move_on_with_each_collection_they_survive),
      OBJECT_TEST(counters_of_older_generations_count_collections),
      OBJECT_TEST(the_counter_of_the_youngest_counts_what_is_made_less_what_is_freed),
      OBJECT_TEST(only_three_generations_are_collected),
      OBJECT_TEST(thresholds_are_those_of_cpython_at_first),
      OBJECT_TEST(thresholds_are_read_back_and_wrong_ones_change_nothing),
      OBJECT_TEST(a_safepoint_collects_when_more_were_made_than_the_threshold),
      OBJECT_TEST(what_was_freed_again_brings_no_collection_nearer),
      OBJECT_TEST(allocation_never_collects),
      OBJECT_TEST(threshold_zero_is_never),
      OBJECT_TEST(a_threshold_takes_effect_at_once),
      OBJECT_TEST(older_generations_are_due_by_collections_of_the_younger),
      OBJECT_TEST(a_full_collection_waits_for_a_quarter_of_new_objects),
      OBJECT_TEST(a_heap_that_only_grows_costs_a_constant_share),
      OBJECT_TEST(explicit_collections_know_no_quarter),
      OBJECT_TEST(garbage_made_at_a_steady_rate_does_not_pile_up),
      OBJECT_TEST(collections_that_find_nothing_wait_longer_until_thresholds_are_set),
      OBJECT_TEST(enable_and_disable_tell_what_was_before),
      OBJECT_TEST(nothing_collects_while_it_is_disabled),
      OBJECT_TEST(an_explicit_collection_works_while_it_is_disabled),
      OBJECT_TEST(finalizers_may_cause_collections),
      OBJECT_TEST(the_callback_of_an_old_object_does_not_see_young_garbage),
      OBJECT_TEST(the_finalizer_of_an_old_object_does_not_see_young_garbage),
      OBJECT_TEST(each_collection_counts_in_its_generation),
      OBJECT_TEST(young_collections_look_at_the_young_alone),
  };
  ouro_gc_get_threshold(first_threshold);
  first_enabled = ouro_gc_is_enabled();
  test_objects_without_stress();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
