/* tests/gc/test_order.c - the order in which garbage goes: weak references with callbacks, finalizers, the test again, other
 * weak references, and only then references; and what each of these sees of the others.
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka. */
#include "object/objects.h"

static ouro_weak *plain;
static ouro_weak *calling;

static void note_what_is_alive(cell *self) {
  test_note("plain:%s", weak_is(plain, self) ? "alive" : "dead");
  test_note("calling:%s", ouro_weak_is_dead(calling) ? "dead" : "alive");
}

/* CPython's test_clearing_weakrefs_in_gc, and the whole list. */
static void callbacks_come_before_finalizers_and_other_weak_references_after(void **state) {
  (void)state;
  cell *self = cell_ring(&final_type, 1, 1);
  plain = weak_to(self);
  calling = weak_noting(self, "callback");
  self->finalizing = note_what_is_alive;
  drop(self);
  assert_int_equal(ouro_gc_collect(2), 1);
  assert_string_equal(test_log(), "callback ~1 plain:alive calling:dead -1");
  assert_true(ouro_weak_is_dead(plain));
  drop(plain);
  drop(calling);
}

/* By the count alone: the finalizer first, then all weak references. */
static void by_its_count_an_object_is_finalized_first(void **state) {
  (void)state;
  cell *self = cell_of(&final_type, 1);
  plain = weak_to(self);
  calling = weak_noting(self, "callback");
  self->finalizing = note_what_is_alive;
  drop(self);
  assert_string_equal(test_log(), "~1 plain:alive calling:alive callback -1");
  drop(plain);
  drop(calling);
}

static void all_callbacks_come_before_all_finalizers(void **state) {
  (void)state;
  cell *ring = cell_ring(&final_type, 10, 10);
  ouro_weak *weak[10];
  cell *at = ring;
  for (size_t i = 0; i < 10; i++) {
    weak[i] = weak_noting(at, "callback");
    at = in_a(at);
  }
  drop(ring);
  assert_int_equal(ouro_gc_collect(2), 10);
  const char *log = test_log();
  assert_true(strrchr(log, 'c') < strchr(log, '~'));
  assert_true(strrchr(log, '~') < strchr(log, '-'));
  for (size_t i = 0; i < 10; i++) {
    drop(weak[i]);
  }
}

static void weak_references_that_are_garbage_themselves_are_not_called(void **state) {
  (void)state;
  cell *self = cell_ring(&cell_type, 1, 1);
  ouro_movref(&self->b, ouro_adopt(weak_noting(self, "own")));
  cell *beside = cell_ring(&cell_type, 1, 2);
  ouro_movref(&beside->b, ouro_adopt(weak_noting(self, "beside")));
  ouro_weak *outside = weak_noting(self, "outside");
  drop(self);
  drop(beside);
  assert_int_equal(ouro_gc_collect(2), 4); /* two weak references go with them: those with a callback are tracked */
  assert_string_equal(test_log_sorted(), "-1 -2 outside");
  drop(outside);
}

static void a_weak_reference_in_garbage_to_what_lives_just_goes(void **state) {
  (void)state;
  cell *alive = cell_new(0);
  cell *self = cell_ring(&cell_type, 1, 1);
  ouro_movref(&self->b, ouro_adopt(weak_noting(alive, "called")));
  ouro_movref(&self->c, ouro_adopt(weak_to(alive)));
  assert_int_equal(ouro_weak_count(alive), 2);
  drop(self);
  assert_int_equal(ouro_gc_collect(2), 2);
  assert_int_equal(ouro_weak_count(alive), 0);
  drop(alive);
  assert_string_equal(test_log(), "-1");
}

/* ---------------------------------------------------------------- callbacks do not see garbage */

static ouro_weak *pair[2];

static void note_both(ouro_weak *weak, void *data, void *held) {
  (void)weak;
  (void)data;
  (void)held;
  test_note("%d%d", ouro_weak_is_dead(pair[0]), ouro_weak_is_dead(pair[1]));
}

static void callbacks_find_all_weak_references_with_callbacks_dead(void **state) {
  (void)state;
  cell *first = cell_ring(&cell_type, 1, 0);
  cell *second = cell_ring(&cell_type, 1, 0);
  pair[0] = ouro_borrow(ouro_weak_new_callback(first, note_both, NULL, NULL));
  pair[1] = ouro_borrow(ouro_weak_new_callback(second, note_both, NULL, NULL));
  ouro_gc_collect(2);
  assert_string_equal(test_log(), "");
  drop(first);
  drop(second);
  assert_int_equal(ouro_gc_collect(2), 2);
  assert_string_equal(test_log(), "11 11");
  drop(pair[0]);
  drop(pair[1]);
}

static void resurrect_by_weak_reference(ouro_weak *weak, void *data, void *held) {
  (void)weak;
  (void)data;
  (void)held;
  ouro_ref strong = ouro_weak_get(plain);
  if (ouro_borrow(strong) != NULL) {
    survive(ouro_borrow(strong));
    ouro_decref(strong);
  }
}

/* A callback sees garbage only through a weak reference without a callback; what it takes hold of so is spared, whole. */
static void what_a_callback_takes_hold_of_is_spared_whole(void **state) {
  (void)state;
  cell *ring = cell_ring(&cell_type, 3, 1);
  plain = weak_to(in_a(ring));
  calling = ouro_borrow(ouro_weak_new_callback(ring, resurrect_by_weak_reference, NULL, NULL));
  drop(ring);
  ptrdiff_t collected = ouro_gc_collect(2);
  assert_int_equal(collected, 3 * (test_survivor_count == 0));
  if (test_survivor_count > 0) {
    assert_ptr_equal(in_a(in_a(in_a(survivor(0)))), survivor(0));
    OBJECTS_ARE_SOUND();
    survivors_drop();
    assert_int_equal(ouro_gc_collect(2), 3);
  }
  assert_string_equal(test_log_sorted(), "-1 -2 -3");
  drop(plain);
  drop(calling);
}

/* ---------------------------------------------------------------- weak references made meanwhile */

static ouro_weak *made_late;

static void make_a_weak_reference(cell *self) {
  made_late = self->number == 1 ? weak_to(self) : weak_noting(self, "late");
  TEST_CHECK(weak_is(made_late, self));
}

static void weak_references_made_by_finalizers_are_cleared_without_a_call(void **state) {
  (void)state;
  for (int number = 1; number <= 2; number++) {
    cell *self = cell_ring(&final_type, 1, number);
    self->finalizing = make_a_weak_reference;
    drop(self);
    assert_int_equal(ouro_gc_collect(2), 1);
    assert_true(weak_is(made_late, NULL));
    assert_false(ouro_weak_has_callback(made_late));
    assert_string_equal(test_log(), number == 1 ? "~1 -1" : "~2 -2");
    drop(made_late);
  }
}

static void weak_references_made_by_a_finalizer_of_its_own_death_are_called(void **state) {
  (void)state;
  cell *self = cell_of(&final_type, 2);
  self->finalizing = make_a_weak_reference;
  drop(self);
  assert_true(weak_is(made_late, NULL));
  assert_string_equal(test_log(), "~2 late -2");
  drop(made_late);
}

/* An object outside is released by garbage that is being cleared; its finalizer asks a weak reference, which another
 * finalizer has made, for an object that is being cleared itself. (CPython's gh-91636.) */
static cell *late;
static ouro_weak *handed_over;
static ouro_ref obtained;

static void hand_a_weak_reference_over(cell *self) {
  handed_over = weak_to(in_a(self));
  cell *kept = late;
  late = NULL;
  drop(kept); /* the garbage's own reference is now the last one */
}

static void ask_late(cell *self) {
  (void)self;
  obtained = ouro_weak_get(handed_over);
  test_note(ouro_borrow(obtained) == NULL ? "nothing" : "something");
}

static void a_late_finalizer_gets_nothing_that_is_being_cleared(void **state) {
  (void)state;
  late = cell_of(&final_type, 3);
  late->finalizing = ask_late;
  cell *function = cell_new(1);
  cell *cyclic = cell_of(&final_type, 2);
  cyclic->finalizing = hand_a_weak_reference_over;
  ouro_setref(&cyclic->a, function);
  ouro_setref(&cyclic->b, late);
  ouro_setref(&function->a, cyclic);
  drop(function);
  drop(cyclic);
  ouro_gc_collect(2);
  assert_string_equal(test_log_sorted(), "-1 -2 -3 nothing ~2 ~3");
  assert_null(ouro_borrow(obtained));
  drop(handed_over);
}

/* ---------------------------------------------------------------- clearing */

static void note_that_references_are_there(cell *self) {
  test_note(in_a(self) != NULL && in_a(in_a(self)) != NULL ? "whole" : "torn");
}

static void all_finalizers_run_before_any_reference_is_cleared(void **state) {
  (void)state;
  cell *ring = cell_ring(&final_type, 20, 0);
  cell *at = ring;
  do {
    at->finalizing = note_that_references_are_there;
    at = in_a(at);
  } while (at != ring);
  drop(ring);
  assert_int_equal(ouro_gc_collect(2), 20);
  const char *log = test_log();
  assert_null(strstr(log, "torn"));
  assert_int_equal(strlen(log), 20 * strlen("whole ") - 1);
}

static void an_acyclic_part_of_garbage_dies_when_it_is_let_go(void **state) {
  (void)state;
  cell *ring = cell_ring(&final_type, 2, 1);
  cell *hanging = cell_of(&acyclic_final_type, 9);
  ouro_weak *weak = weak_noting(hanging, "hanging");
  ouro_movref(&ring->b, ouro_adopt(hanging));
  drop(ring);
  assert_int_equal(ouro_gc_collect(2), 2);
  const char *log = test_log();
  assert_true(strstr(log, "~9 hanging -9") != NULL); /* in the order of an object that goes by its count */
  assert_true(strstr(log, "~9") > strstr(log, "~1") && strstr(log, "~9") > strstr(log, "~2"));
  drop(weak);
}

/* What hangs on garbage unseen has a weak reference that is garbage: nobody is to be called for it (bpo-38006). */
static void a_weak_reference_in_garbage_to_what_hangs_on_it_unseen_is_not_called(void **state) {
  (void)state;
  for (int round = 0; round < 2; round++) {
    cell *self = cell_ring(&cell_type, 1, 1);
    cell *veil = cell_of(&acyclic_type, 2);
    cell *veiled = cell_new(3);
    ouro_setref(&veil->a, veiled);
    ouro_weak *weak = weak_noting(veiled, "called");
    drop(veiled);
    cell *second = cell_ring(&cell_type, 1, 4);
    ouro_setref(&second->b, weak); /* a second cycle keeps the weak reference a little longer, or less long */
    if (round == 0) {
      ouro_setref(&self->b, weak);
      ouro_movref(&self->c, ouro_adopt(veil));
    } else {
      ouro_movref(&self->b, ouro_adopt(veil));
      ouro_setref(&self->c, weak);
    }
    drop(weak);
    drop(second);
    drop(self);
    assert_int_equal(ouro_gc_collect(2), 3);
    assert_string_equal(test_log_sorted(), "-1 -2 -3 -4");
  }
}

static void empty_self(cell *self) {
  ouro_clear(&self->b);
  ouro_clear(&self->a);
}

/* CPython's issue 21435: finalizers that change the very objects that wait to be finalized. */
static void a_cycle_whose_finalizer_empties_it_is_no_trouble(void **state) {
  (void)state;
  for (int order = 0; order < 2; order++) {
    cell *first = cell_new(1);
    cell *second = cell_of(&final_type, 2);
    cell *third = cell_of(&final_type, 3);
    ouro_weak *weak = weak_to(third);
    second->finalizing = empty_self;
    third->finalizing = empty_self;
    ouro_setref(&first->a, order == 0 ? second : third);
    ouro_setref(&second->a, order == 0 ? third : first);
    ouro_setref(&third->a, order == 0 ? first : second);
    ouro_setref(&second->b, third);
    drop(first);
    drop(second);
    drop(third);
    ouro_gc_collect(2);
    assert_string_equal(test_log_sorted(), "-1 -2 -3 ~2 ~3");
    drop(weak);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(callbacks_come_before_finalizers_and_other_weak_references_after),
      OBJECT_TEST(by_its_count_an_object_is_finalized_first),
      OBJECT_TEST(all_callbacks_come_before_all_finalizers),
      OBJECT_TEST(weak_references_that_are_garbage_themselves_are_not_called),
      OBJECT_TEST(a_weak_reference_in_garbage_to_what_lives_just_goes),
      OBJECT_TEST(callbacks_find_all_weak_references_with_callbacks_dead),
      OBJECT_TEST(what_a_callback_takes_hold_of_is_spared_whole),
      OBJECT_TEST(weak_references_made_by_finalizers_are_cleared_without_a_call),
      OBJECT_TEST(weak_references_made_by_a_finalizer_of_its_own_death_are_called),
      OBJECT_TEST(a_late_finalizer_gets_nothing_that_is_being_cleared),
      OBJECT_TEST(all_finalizers_run_before_any_reference_is_cleared),
      OBJECT_TEST(an_acyclic_part_of_garbage_dies_when_it_is_let_go),
      OBJECT_TEST(a_weak_reference_in_garbage_to_what_hangs_on_it_unseen_is_not_called),
      OBJECT_TEST(a_cycle_whose_finalizer_empties_it_is_no_trouble),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
