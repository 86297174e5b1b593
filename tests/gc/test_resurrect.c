/* tests/gc/test_resurrect.c - finalizers that bring garbage back: the object and all that it reaches live on untouched,
 * once; nothing else is kept for their sake; and what collect returns counts neither.
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka. */
#include "object/objects.h"

static cell *self_loop(ouro_type *type, int number) {
  cell *self = cell_ring(type, 1, number);
  if (type == &final_type) {
    self->finalizing = survive;
  }
  return self;
}

static void resurrection_happens_once_for_each_object(void **state) {
  (void)state;
  cell *lazarus = self_loop(&final_type, 1);
  assert_string_equal(test_log(), "");
  drop(lazarus);
  assert_int_equal(ouro_gc_collect(2), 0);
  assert_string_equal(test_log(), "~1");
  assert_int_equal(test_survivor_count, 1);
  survivors_drop();
  assert_int_equal(ouro_gc_collect(2), 1);
  assert_string_equal(test_log(), "-1");
  assert_int_equal(test_survivor_count, 0);
}

static void resurrection_is_transitive(void **state) {
  (void)state;
  cell *lazarus = cell_of(&final_type, 1);
  cell *cargo = self_loop(&cell_type, 2);
  lazarus->finalizing = survive;
  ouro_setref(&lazarus->a, cargo);
  ouro_setref(&cargo->b, lazarus);
  drop(lazarus);
  drop(cargo);
  assert_int_equal(ouro_gc_collect(2), 0);
  assert_int_equal(test_survivor_count, 1);
  assert_ptr_equal(survivor(0), lazarus);
  assert_ptr_equal(in_a(lazarus), cargo);
  assert_ptr_equal(in_a(cargo), cargo);
  assert_ptr_equal(in_b(cargo), lazarus);
  assert_string_equal(test_log(), "~1");
  OBJECTS_ARE_SOUND();
  survivors_drop();
  assert_int_equal(ouro_gc_collect(2), 2);
  assert_string_equal(test_log_sorted(), "-1 -2");
}

static void all_that_a_resurrected_object_reaches_is_finalized_already(void **state) {
  (void)state;
  cell *lazarus = self_loop(&final_type, 1);
  ouro_movref(&lazarus->b, ouro_adopt(cell_ring(&final_type, 3, 2)));
  drop(lazarus);
  assert_int_equal(ouro_gc_collect(2), 0);
  assert_string_equal(test_log_sorted(),
                      "~1 ~2 ~3 ~4"); /* all of the garbage was, before anybody knew who would live */
  assert_true(ouro_gc_is_finalized(in_b(lazarus)));
  survivors_drop();
  assert_int_equal(ouro_gc_collect(2), 4);
  assert_string_equal(test_log_sorted(), "-1 -2 -3 -4");
}

static void check_collected(uint64_t *collected, uint64_t *uncollectable, ptrdiff_t expected) {
  assert_int_equal(ouro_gc_collect(2), expected);
  ouro_gc_stats now = gc_stats_of(2);
  assert_int_equal(now.collected - *collected, expected);
  assert_int_equal(now.uncollectable - *uncollectable, 0);
  *collected = now.collected;
  *uncollectable = now.uncollectable;
}

static void resurrection_does_not_keep_other_garbage(void **state) {
  (void)state;
  enum { N = 100 };
  ouro_gc_stats before = gc_stats_of(2);
  uint64_t collected = before.collected;
  uint64_t uncollectable = before.uncollectable;
  for (int i = 0; i < N; i++) {
    drop(self_loop(&cell_type, 0));
  }
  check_collected(&collected, &uncollectable, N);

  drop(self_loop(&final_type, 0));
  check_collected(&collected, &uncollectable, 0);

  for (int i = 0; i < N; i++) {
    drop(self_loop(&cell_type, 0));
  }
  drop(self_loop(&final_type, 0));
  check_collected(&collected, &uncollectable, N);
  assert_int_equal(test_survivor_count, 2);

  survivors_drop();
  check_collected(&collected, &uncollectable, 2);
}

static void what_is_resurrected_is_older_by_a_generation(void **state) {
  (void)state;
  for (int generation = 0; generation < 3; generation++) {
    cell *lazarus = self_loop(&final_type, 0);
    drop(lazarus);
    assert_int_equal(ouro_gc_collect(generation), 0);
    assert_true(is_in(generation < 2 ? generation + 1 : 2, lazarus));
    survivors_drop();
    assert_int_equal(ouro_gc_collect(2), 1);
  }
}

static cell *made;

static void survive_with_something_new(cell *self) {
  made = cell_new(0);
  ouro_movref(&self->c, ouro_adopt(made));
  survive(self);
}

static void what_an_object_made_at_its_resurrection_is_young(void **state) {
  (void)state;
  for (int generation = 0; generation < 3; generation++) {
    cell *lazarus = self_loop(&final_type, 0);
    lazarus->finalizing = survive_with_something_new;
    drop(lazarus);
    assert_int_equal(ouro_gc_collect(generation), 0);
    assert_true(is_in(0, made));
    OBJECTS_ARE_SOUND();
    survivors_drop();
    ouro_gc_collect(2);
  }
}

static void a_resurrected_object_is_like_any_other_afterwards(void **state) {
  (void)state;
  cell *lazarus = self_loop(&final_type, 1);
  drop(lazarus);
  ouro_gc_collect(2);
  ouro_weak *weak = weak_noting(lazarus, "died");
  cell *other = cell_new(2);
  ouro_setref(&lazarus->b, other);
  drop(other);
  assert_true(ouro_gc_is_tracked(lazarus));
  assert_int_equal(ouro_gc_collect(2), 0);
  survivors_drop();
  assert_int_equal(ouro_gc_collect(2), 2);
  assert_string_equal(test_log_sorted(), "-1 -2 died ~1");
  drop(weak);
}

/* ---------------------------------------------------------------- who resurrects whom */

static cell *another;

static void bring_another_back(cell *self) {
  (void)self;
  survive(another);
}

static void a_finalizer_may_bring_another_back(void **state) {
  (void)state;
  for (int round = 0; round < 2; round++) {
    cell *first = self_loop(&final_type, 1);
    cell *second = self_loop(&final_type, 2);
    cell *saved = round == 0 ? second : first;
    first->finalizing = NULL;
    second->finalizing = NULL;
    (round == 0 ? first : second)->finalizing = bring_another_back;
    another = saved;
    ouro_setref(&first->b, second);
    ouro_setref(&second->b, first);
    drop(first);
    drop(second);
    assert_int_equal(ouro_gc_collect(2), 0); /* each reaches the other */
    assert_ptr_equal(survivor(0), saved);
    assert_string_equal(test_log_sorted(), "~1 ~2");
    survivors_drop();
    assert_int_equal(ouro_gc_collect(2), 2);
    assert_string_equal(test_log_sorted(), "-1 -2");
  }
}

static void only_what_is_reached_from_the_resurrected_is_kept(void **state) {
  (void)state;
  cell *top = cell_ring(&cell_type, 2, 1);
  cell *middle = self_loop(&final_type, 3);
  cell *bottom = cell_ring(&cell_type, 2, 4);
  ouro_movref(&middle->b, ouro_adopt(bottom));
  ouro_movref(&top->b, ouro_adopt(middle));
  drop(top);
  assert_int_equal(ouro_gc_collect(2), 2); /* the top reaches the middle, not the other way */
  assert_string_equal(test_log_sorted(), "-1 -2 ~3");
  assert_ptr_equal(in_b(survivor(0)), bottom);
  assert_ptr_equal(in_a(in_a(bottom)), bottom);
  survivors_drop();
  assert_int_equal(ouro_gc_collect(2), 3);
  assert_string_equal(test_log_sorted(), "-3 -4 -5");
}

static list *outside;

static void hide_in_a_list(cell *self) {
  for (size_t i = 0; i < outside->base.count; i++) {
    if (list_at(outside, i) == NULL) {
      list_put(outside, i, self);
      return;
    }
  }
}

static void an_old_object_may_take_the_resurrected_up(void **state) {
  (void)state;
  outside = list_new(50);
  ouro_gc_collect(2);
  for (int generation = 0; generation < 3; generation++) {
    for (int i = 0; i < 10; i++) {
      cell *lazarus = self_loop(&final_type, 0);
      lazarus->finalizing = hide_in_a_list;
      drop(lazarus);
    }
    assert_int_equal(ouro_gc_collect(generation), 0);
    OBJECTS_ARE_SOUND();
  }
  ouro_gc_collect(2);
  for (size_t i = 0; i < 30; i++) {
    assert_true(test_is_live(list_at(outside, i)));
  }
  drop(outside);
  assert_int_equal(ouro_gc_collect(2), 30);
}

static void hide_in_the_garbage(cell *self) { ouro_setref(&another->c, self); }

static void garbage_that_only_garbage_takes_up_is_not_resurrected(void **state) {
  (void)state;
  cell *ring = cell_ring(&final_type, 3, 1);
  another = in_a(ring);
  ring->finalizing = hide_in_the_garbage; /* one more reference, and none from outside */
  drop(ring);
  assert_int_equal(ouro_gc_collect(2), 3);
  assert_string_equal(test_log_sorted(), "-1 -2 -3 ~1 ~2 ~3");
}

static void make_and_drop_garbage_around(cell *self) {
  cell *ring = cell_ring(&cell_type, 3, 0);
  ouro_setref(&ring->b, self); /* new garbage holds the dying: it is resurrected until that is collected */
  drop(ring);
}

static void new_garbage_that_holds_the_old_delays_it(void **state) {
  (void)state;
  cell *ring = cell_ring(&final_type, 2, 1);
  ring->finalizing = make_and_drop_garbage_around;
  drop(ring);
  assert_int_equal(ouro_gc_collect(2), 0);
  assert_string_equal(test_log_sorted(), "~1 ~2");
  assert_int_equal(ouro_gc_collect(2), 5);
  assert_string_equal(test_log_sorted(), "-1 -2");
}

/* ---------------------------------------------------------------- wide objects
 *
 * Whatever the collector keeps of what it has still to look at. */

static void check_saved(size_t width, size_t at) {
  cell *lazarus = self_loop(&final_type, 0);
  ouro_movref(&lazarus->b, ouro_adopt(wide_chain(width, at)));
  drop(lazarus);
  assert_int_equal(ouro_gc_collect(2), 0);
  assert_ptr_equal(survivor(0), lazarus);
  OBJECTS_ARE_SOUND();
  survivors_drop();
  assert_int_equal(ouro_gc_collect(2), 3 * width + 8);
}

static void check_uncollectable(size_t width, size_t at) {
  cell *stuck = cell_ring(&stuck_type, 1, 0);
  ouro_movref(&stuck->b, ouro_adopt(wide_chain(width, at)));
  drop(stuck);
  assert_int_equal(ouro_gc_collect(2), 3 * width + 8); /* all of it was garbage, and none can be freed */
  assert_int_equal(ouro_gc_garbage_count(), 1);
  OBJECTS_ARE_SOUND();
  ouro_clear(&stuck->a);
  size_t live = test_live();
  ouro_gc_garbage_clear();
  assert_int_equal(live - test_live(), 3 * width + 8);
}

static void for_many_widths(void (*check)(size_t width, size_t at)) {
  for (size_t power = 16; power <= 2048; power *= 2) {
    for (size_t width = power - 2; width <= power + 18; width++) {
      check(width, width - 1);
      check(width, 0);
    }
  }
}

static void what_is_resurrected_keeps_wide_objects_whole(void **state) {
  (void)state;
  for_many_widths(check_saved);
}

static void what_is_uncollectable_keeps_wide_objects_whole(void **state) {
  (void)state;
  for_many_widths(check_uncollectable);
}

/* ---------------------------------------------------------------- chance */

static test_rng rng;

static void survive_perhaps(cell *self) {
  if (test_below(&rng, 3) == 0 && test_survivor_count < TEST_SURVIVORS) {
    survive(self);
  }
}

static void random_resurrections_keep_the_heap_sound(void **state) {
  (void)state;
  enum { NODES = 60 };
  rng.state = 7;
  for (size_t round = 0; round < test_count(1000, 100); round++) {
    cell *nodes[NODES];
    for (size_t i = 0; i < NODES; i++) {
      nodes[i] = cell_of(test_below(&rng, 2) == 0 ? &final_type : &cell_type, 0);
      nodes[i]->finalizing = survive_perhaps;
    }
    for (size_t i = 0; i < NODES; i++) {
      ouro_setref(&nodes[i]->a, nodes[test_below(&rng, NODES)]);
      ouro_setref(&nodes[i]->b, nodes[test_below(&rng, NODES)]);
    }
    for (size_t i = 0; i < NODES; i++) {
      drop(nodes[i]);
    }
    size_t before = test_live();
    size_t collected = (size_t)ouro_gc_collect((int)test_below(&rng, 3));
    OBJECTS_ARE_SOUND();
    assert_int_equal(test_live(), before - collected);
    for (size_t i = 0; i < test_survivor_count; i++) {
      assert_non_null(in_a(survivor(i)));
      assert_true(test_is_live(in_a(survivor(i))) && test_is_live(in_b(survivor(i))));
    }
    survivors_drop();
    ouro_gc_collect(2);
    survivors_drop();
  }
  ouro_gc_collect(2);
  ouro_gc_collect(2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(resurrection_happens_once_for_each_object),
      OBJECT_TEST(resurrection_is_transitive),
      OBJECT_TEST(all_that_a_resurrected_object_reaches_is_finalized_already),
      OBJECT_TEST(resurrection_does_not_keep_other_garbage),
      OBJECT_TEST(what_is_resurrected_is_older_by_a_generation),
      OBJECT_TEST(what_an_object_made_at_its_resurrection_is_young),
      OBJECT_TEST(a_resurrected_object_is_like_any_other_afterwards),
      OBJECT_TEST(a_finalizer_may_bring_another_back),
      OBJECT_TEST(only_what_is_reached_from_the_resurrected_is_kept),
      OBJECT_TEST(an_old_object_may_take_the_resurrected_up),
      OBJECT_TEST(garbage_that_only_garbage_takes_up_is_not_resurrected),
      OBJECT_TEST(new_garbage_that_holds_the_old_delays_it),
      OBJECT_TEST(what_is_resurrected_keeps_wide_objects_whole),
      OBJECT_TEST(what_is_uncollectable_keeps_wide_objects_whole),
      OBJECT_TEST(random_resurrections_keep_the_heap_sound),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
