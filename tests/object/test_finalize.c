/* tests/object/test_finalize.c - finalizers as in PEP 442: once, with the object intact; they may resurrect it, kill it, or
 * do anything else; alone, in cycles of one to six objects of several types, and beside objects that cannot be collected.
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka. */
#include "object/objects.h"

/* ---------------------------------------------------------------- objects that check themselves
 *
 * Each is linked with its left and right neighbour in `a` and `b`, knows its own address, and checks when it is finalized
 * that nothing of this has been touched. `kind` says what it does then. */

enum kind { PLAIN, RESURRECTOR, SUICIDE };

typedef struct subject subject;
struct subject {
  cell cell; /* a: left, b: right */
  subject *self;
  enum kind kind;
  bool suicided;
};

static size_t finalized;

static void check_neighbours(subject *self) {
  subject *left = (subject *)in_a(&self->cell);
  subject *right = (subject *)in_b(&self->cell);
  if (self->suicided) {
    TEST_CHECK(left == NULL && right == NULL);
    return;
  }
  if (left != NULL) {
    TEST_CHECK((subject *)in_b(&left->cell) == (left->suicided ? NULL : self));
  }
  if (right != NULL) {
    TEST_CHECK((subject *)in_a(&right->cell) == (right->suicided ? NULL : self));
  }
}

static void finalize_subject(void *object) {
  subject *self = object;
  TEST_CHECK(self->self == self && test_is_live(self));
  check_neighbours(self);
  finalized++;
  test_note("~%d", self->cell.number);
  if (self->kind == RESURRECTOR) {
    survive(&self->cell);
  } else if (self->kind == SUICIDE) {
    self->suicided = true;
    ouro_clear(&self->cell.a);
    ouro_clear(&self->cell.b);
  }
}

static ouro_type subject_type = {
    .name = "subject", .size = sizeof(subject), .base = &cell_type, .finalize = finalize_subject};
/* Two more, so that cycles have several types. */
static ouro_type resurrector_type = {.name = "resurrector", .size = sizeof(subject), .base = &subject_type};
static ouro_type suicide_type = {.name = "suicide", .size = sizeof(subject) + 64, .base = &subject_type};
static ouro_type acyclic_subject_type = {
    .name = "acyclic-subject",
    .size = sizeof(subject),
    .base = &acyclic_type,
    .finalize = finalize_subject,
    .flags = OURO_TYPE_ACYCLIC,
};

static subject *subject_of(ouro_type *type, enum kind kind, int number) {
  subject *self = (subject *)cell_of(type, number);
  self->self = self;
  self->kind = kind;
  return self;
}

static subject *subject_new(enum kind kind, int number) {
  static ouro_type *const types[] = {&subject_type, &resurrector_type, &suicide_type};
  return subject_of(types[kind], kind, number);
}

/* ---------------------------------------------------------------- without cycles */

static void a_finalizer_runs_once_and_then_all_is_gone(void **state) {
  (void)state;
  subject *self = subject_new(PLAIN, 1);
  ouro_weak *weak = weak_to(self);
  drop(self);
  assert_string_equal(test_log(), "~1 -1");
  assert_true(weak_is(weak, NULL));
  assert_int_equal(ouro_gc_collect(2), 0);
  assert_string_equal(test_log(), "");
  drop(weak);
}

static void what_is_resurrected_goes_without_a_second_call(void **state) {
  (void)state;
  subject *self = subject_new(RESURRECTOR, 1);
  ouro_weak *weak = weak_to(self);
  drop(self);
  ouro_gc_collect(2);
  assert_string_equal(test_log(), "~1");
  assert_int_equal(test_survivor_count, 1);
  assert_ptr_equal(survivor(0), self);
  assert_int_equal(ouro_refcount(self), 1);
  assert_true(weak_is(weak, self));
  assert_true(ouro_gc_is_finalized(self));
  OBJECTS_ARE_SOUND();
  survivors_drop();
  assert_string_equal(test_log(), "-1");
  assert_true(weak_is(weak, NULL));
  assert_int_equal(ouro_gc_collect(2), 0);
  drop(weak);
}

static void an_acyclic_object_is_finalized_too(void **state) {
  (void)state;
  subject *self = subject_of(&acyclic_subject_type, PLAIN, 1);
  assert_false(ouro_gc_is_tracked(self));
  drop(self);
  assert_string_equal(test_log(), "~1 -1");
  assert_int_equal(ouro_gc_collect(2), 0);
}

static void an_acyclic_object_is_resurrected_once_as_well(void **state) {
  (void)state;
  subject *self = subject_of(&acyclic_subject_type, RESURRECTOR, 1);
  drop(self);
  assert_string_equal(test_log(), "~1");
  assert_true(ouro_gc_is_finalized(self));
  survivors_drop();
  assert_string_equal(test_log(), "-1");
  assert_int_equal(test_survivor_count, 0);
}

static ouro_ref hidden;

static void hide(cell *self) { ouro_setref(&hidden, self); }
static void do_nothing(cell *self) { (void)self; }

static void a_finalizer_may_hide_its_object_for_a_while(void **state) {
  (void)state;
  cell *self = cell_of(&final_type, 1);
  cell *other = cell_of(&final_type, 2);
  self->finalizing = hide;
  ouro_movref(&self->a, ouro_adopt(other));
  drop(self);
  assert_string_equal(test_log(), "~1");
  assert_ptr_equal(in_a(self), other); /* what it holds is not touched */
  self->finalizing = do_nothing;
  ouro_clear(&hidden);
  assert_string_equal(test_log(), "~2 -2 -1");
}

static void take_and_give_back(cell *self) {
  for (int i = 0; i < 10; i++) {
    ouro_decref(ouro_newref(self));
  }
  ouro_setref(&self->c, self);
  ouro_clear(&self->c);
}

static void references_within_the_finalizer_do_not_kill(void **state) {
  (void)state;
  cell *self = cell_of(&final_type, 1);
  self->finalizing = take_and_give_back; /* the count comes down to where it was, each time, without dying again */
  drop(self);
  assert_string_equal(test_log(), "~1 -1");
}

static void close_a_cycle(cell *self) { ouro_setref(&self->a, self); }

static void a_finalizer_may_leave_its_object_to_the_collector(void **state) {
  (void)state;
  cell *self = cell_of(&final_type, 1);
  self->finalizing = close_a_cycle;
  drop(self);
  assert_string_equal(test_log(), "~1");
  assert_true(test_is_live(self));
  assert_int_equal(ouro_gc_collect(0), 1);
  assert_string_equal(test_log(), "-1");
}

static void make_another(cell *self) {
  if (self->number < 20) {
    cell *next = cell_of(&final_type, self->number + 1);
    next->finalizing = make_another;
    drop(next);
  }
}

static void a_finalizer_may_make_objects_that_die(void **state) {
  (void)state;
  cell *self = cell_of(&final_type, 18);
  self->finalizing = make_another;
  drop(self);
  assert_string_equal(test_log(), "~18 ~19 ~20 -20 -19 -18");
}

static void collect_all(cell *self) {
  ptrdiff_t found = ouro_gc_collect(2);
  TEST_CHECK(test_is_live(self));
  OBJECTS_ARE_SOUND();
  test_note("%td", found);
}

static void a_finalizer_may_collect(void **state) {
  (void)state;
  drop(cell_ring(&cell_type, 5, 0));
  cell *self = cell_of(&final_type, 1);
  self->finalizing = collect_all;
  ouro_setref(&self->a, cell_new(0));
  drop(in_a(self));
  drop(self);
  assert_string_equal(test_log(), "~1 5 -1");
}

static cell *sibling;

static void drop_sibling(cell *self) {
  (void)self;
  drop(sibling);
}

static void a_finalizer_may_free_a_sibling(void **state) {
  (void)state;
  cell *parent = cell_new(1);
  cell *first = cell_of(&final_type, 2);
  sibling = cell_of(&final_type, 3);
  first->finalizing = drop_sibling;
  ouro_movref(&parent->a, ouro_adopt(first));
  ouro_setref(&parent->b, sibling);
  drop(parent);
  /* The parent's own reference to the sibling was still there when the first went. */
  assert_string_equal(test_log(), "~2 -2 ~3 -3 -1");
}

static void clear_the_parents_slots(cell *self) {
  cell *parent = sibling;
  (void)self;
  ouro_clear(&parent->b);
  ouro_clear(&parent->c);
}

static void a_finalizer_may_clear_slots_that_are_about_to_be_cleared(void **state) {
  (void)state;
  cell *parent = cell_new(1);
  cell *first = cell_of(&final_type, 2);
  first->finalizing = clear_the_parents_slots;
  ouro_movref(&parent->a, ouro_adopt(first));
  ouro_movref(&parent->b, ouro_adopt(cell_new(3)));
  ouro_movref(&parent->c, ouro_adopt(cell_new(4)));
  sibling = parent;
  drop(parent);
  assert_string_equal(test_log_sorted(), "-1 -2 -3 -4 ~2");
}

static void the_finalizer_of_what_dies_with_its_parent_runs_within(void **state) {
  (void)state;
  cell *parent = cell_of(&final_type, 1);
  ouro_movref(&parent->a, ouro_adopt(cell_of(&final_type, 2)));
  ouro_movref(&parent->b, ouro_adopt(cell_of(&final_type, 3)));
  ouro_movref(&in_a(parent)->a, ouro_adopt(cell_of(&final_type, 4)));
  drop(parent);
  assert_string_equal(test_log(), "~1 ~2 ~4 -4 -2 ~3 -3 -1");
}

static void is_finalized_tells_what_was_called(void **state) {
  (void)state;
  cell *self = cell_of(&final_type, 0);
  cell *plain = cell_new(0);
  leaf *untracked = leaf_new(0);
  assert_false(ouro_gc_is_finalized(self));
  assert_false(ouro_gc_is_finalized(plain));
  assert_false(ouro_gc_is_finalized(untracked));
  self->finalizing = survive;
  drop(self);
  assert_true(ouro_gc_is_finalized(self));
  survivors_drop();
  drop(plain);
  drop(untracked);
}

/* ---------------------------------------------------------------- one object that refers to itself */

static subject *self_cycle(enum kind kind) {
  subject *self = subject_new(kind, 1);
  ouro_setref(&self->cell.a, self);
  ouro_setref(&self->cell.b, self);
  return self;
}

static void a_self_cycle_is_finalized_once(void **state) {
  (void)state;
  subject *self = self_cycle(PLAIN);
  ouro_weak *weak = weak_to(self);
  drop(self);
  assert_string_equal(test_log(), "");
  assert_int_equal(ouro_gc_collect(2), 1);
  assert_string_equal(test_log(), "~1 -1");
  assert_true(weak_is(weak, NULL));
  assert_int_equal(ouro_gc_collect(2), 0);
  drop(weak);
}

static void a_self_cycle_is_resurrected_once(void **state) {
  (void)state;
  subject *self = self_cycle(RESURRECTOR);
  ouro_weak *weak = weak_to(self);
  drop(self);
  assert_int_equal(ouro_gc_collect(2), 0);
  assert_string_equal(test_log(), "~1");
  assert_ptr_equal(survivor(0), self);
  assert_true(weak_is(weak, self)); /* without a callback: kept, since the object lives on */
  survivors_drop();
  assert_string_equal(test_log(), "");
  assert_int_equal(ouro_gc_collect(2), 1);
  assert_string_equal(test_log(), "-1");
  assert_true(weak_is(weak, NULL));
  drop(weak);
}

static void a_self_cycle_may_break_itself(void **state) {
  (void)state;
  subject *self = self_cycle(SUICIDE);
  ouro_weak *weak = weak_to(self);
  drop(self);
  assert_int_equal(ouro_gc_collect(2),
                   0); /* it went by its count, when its finalizer returned: nothing was left to collect */
  assert_string_equal(test_log(), "~1 -1");
  assert_true(weak_is(weak, NULL));
  assert_int_equal(ouro_gc_collect(2), 0);
  drop(weak);
}

/* ---------------------------------------------------------------- chains that are cycles */

enum { LONGEST = 12 };

typedef struct ring_of {
  size_t length;
  subject *subjects[LONGEST];
  ouro_weak *weak[LONGEST];
} ring_of;

/* Each is right of the one before; the first is right of the last. */
static ring_of build_ring(const enum kind *kinds, size_t length) {
  ring_of ring = {.length = length};
  for (size_t i = 0; i < length; i++) {
    ring.subjects[i] = subject_new(kinds[i], (int)i + 10);
    ring.weak[i] = weak_to(ring.subjects[i]);
  }
  for (size_t i = 0; i < length; i++) {
    subject *left = ring.subjects[(i + length - 1) % length];
    ouro_setref(&ring.subjects[i]->cell.a, left);
    ouro_setref(&left->cell.b, ring.subjects[i]);
  }
  for (size_t i = 0; i < length; i++) {
    drop(ring.subjects[i]);
  }
  finalized = 0;
  return ring;
}

static void check_all_dead(ring_of *ring) {
  for (size_t i = 0; i < ring->length; i++) {
    assert_true(weak_is(ring->weak[i], NULL));
    drop(ring->weak[i]);
  }
}

static void check_words(const char *log, char sign, size_t count) {
  size_t words = 0;
  for (const char *at = log; *at != 0; at++) {
    words += *at == sign;
  }
  assert_int_equal(words, count);
}

static size_t count_kind(const enum kind *kinds, size_t length, enum kind kind) {
  size_t count = 0;
  for (size_t i = 0; i < length; i++) {
    count += kinds[i] == kind;
  }
  return count;
}

static void check_ring_that_dies(const enum kind *kinds, size_t length) {
  ring_of ring = build_ring(kinds, length);
  assert_string_equal(test_log(), "");
  /* What dies by its count in a finalizer is not counted as collected; how much that is depends on the order. */
  size_t collected = (size_t)ouro_gc_collect(2);
  assert_true(collected <= length && (collected == length || count_kind(kinds, length, SUICIDE) > 0));
  assert_int_equal(finalized, length);
  const char *log = test_log();
  check_words(log, '~', length);
  check_words(log, '-', length);
  check_all_dead(&ring);
  assert_int_equal(ouro_gc_collect(2), 0);
  assert_int_equal(finalized, length);
}

static void check_ring_that_is_resurrected(const enum kind *kinds, size_t length) {
  ring_of ring = build_ring(kinds, length);
  size_t resurrectors = count_kind(kinds, length, RESURRECTOR);
  ouro_gc_collect(2);
  assert_int_equal(finalized, length);
  assert_int_equal(test_survivor_count, resurrectors);
  for (size_t i = 0; i < resurrectors; i++) {
    subject *self = (subject *)survivor(i);
    assert_int_equal(self->kind, RESURRECTOR);
    assert_ptr_equal(self->self, self);
  }
  OBJECTS_ARE_SOUND();
  survivors_drop();
  ouro_gc_collect(2);
  assert_int_equal(finalized, length);
  assert_int_equal(test_survivor_count, 0);
  check_words(test_log(), '-', length);
  check_all_dead(&ring);
}

#define DIES(...)                                                                                                      \
  do {                                                                                                                 \
    static const enum kind kinds[] = {__VA_ARGS__};                                                                    \
    check_ring_that_dies(kinds, sizeof kinds / sizeof kinds[0]);                                                       \
  } while (0)
#define IS_RESURRECTED(...)                                                                                            \
  do {                                                                                                                 \
    static const enum kind kinds[] = {__VA_ARGS__};                                                                    \
    check_ring_that_is_resurrected(kinds, sizeof kinds / sizeof kinds[0]);                                             \
  } while (0)

static void a_ring_of_one_type_is_finalized(void **state) {
  (void)state;
  DIES(PLAIN, PLAIN, PLAIN);
  DIES(PLAIN, PLAIN);
  DIES(PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN);
}

static void a_ring_of_one_type_is_resurrected(void **state) {
  (void)state;
  IS_RESURRECTED(RESURRECTOR, RESURRECTOR, RESURRECTOR);
  IS_RESURRECTED(RESURRECTOR, RESURRECTOR);
}

static void a_ring_of_one_type_breaks_itself(void **state) {
  (void)state;
  DIES(SUICIDE, SUICIDE, SUICIDE);
  DIES(SUICIDE, SUICIDE);
}

static void a_ring_of_two_types_breaks_itself_here_and_there(void **state) {
  (void)state;
  DIES(SUICIDE, PLAIN, SUICIDE, PLAIN);
}

static void a_ring_of_two_types_breaks_itself_on_one_side(void **state) {
  (void)state;
  DIES(SUICIDE, SUICIDE, PLAIN, PLAIN);
}

static void a_ring_of_two_types_is_resurrected_here_and_there(void **state) {
  (void)state;
  IS_RESURRECTED(RESURRECTOR, PLAIN, RESURRECTOR, PLAIN);
}

static void a_ring_of_three_types_is_resurrected_and_broken(void **state) {
  (void)state;
  IS_RESURRECTED(RESURRECTOR, PLAIN, SUICIDE, RESURRECTOR, PLAIN, SUICIDE);
}

static void a_ring_of_three_types_in_pairs_is_resurrected_and_broken(void **state) {
  (void)state;
  IS_RESURRECTED(RESURRECTOR, RESURRECTOR, PLAIN, PLAIN, SUICIDE, SUICIDE);
}

/* Every mixture of the three kinds, of two to five objects. */
static void rings_of_every_mixture_go(void **state) {
  (void)state;
  for (size_t length = 2; length <= 5; length++) {
    size_t mixtures = 1;
    for (size_t i = 0; i < length; i++) {
      mixtures *= 3;
    }
    for (size_t mixture = 0; mixture < mixtures; mixture++) {
      enum kind kinds[LONGEST];
      for (size_t i = 0, rest = mixture; i < length; i++, rest /= 3) {
        kinds[i] = (enum kind)(rest % 3);
      }
      if (count_kind(kinds, length, RESURRECTOR) > 0) {
        check_ring_that_is_resurrected(kinds, length);
      } else {
        check_ring_that_dies(kinds, length);
      }
      test_log();
      OBJECTS_ARE_SOUND();
    }
  }
}

/* ---------------------------------------------------------------- cycles that break each other */

static cell *enemy;

static void cut_the_enemy(cell *self) {
  if (enemy != NULL && enemy != self) {
    cell *other = enemy;
    enemy = NULL;
    ouro_clear(&other->a);
  }
}

static void the_finalizer_of_one_cycle_may_break_another(void **state) {
  (void)state;
  for (int round = 0; round < 2; round++) {
    cell *first = cell_ring(&final_type, 2, 1);
    cell *second = cell_ring(&final_type, 2, 3);
    ouro_setref(&first->b, second); /* so that it is reached from the first, and garbage with it */
    first->finalizing = second->finalizing = cut_the_enemy;
    enemy = round == 0 ? second : first;
    drop(second);
    drop(first);
    ouro_gc_collect(2);
    assert_string_equal(test_log_sorted(), "-1 -2 -3 -4 ~1 ~2 ~3 ~4");
  }
}

/* Its neighbours lose the references that made them a cycle; what is behind dies here and now, while others of it wait. */
static void drop_two_of_the_ring(cell *self) {
  ouro_ref next = ouro_xnewref(in_a(self));
  cell *neighbour = ouro_borrow(next);
  if (neighbour != NULL && in_a(neighbour) != NULL) {
    ouro_clear(&in_a(neighbour)->a);
    ouro_clear(&neighbour->a);
  }
  ouro_xdecref(next);
}

static void members_of_a_cycle_may_die_in_each_others_finalizers(void **state) {
  (void)state;
  for (size_t length = 2; length < 30; length++) {
    cell *ring = cell_ring(&final_type, length, 1);
    cell *at = ring;
    do {
      at->finalizing = drop_two_of_the_ring;
      at = in_a(at);
    } while (at != ring);
    drop(ring);
    ouro_gc_collect(2);
    const char *log = test_log();
    check_words(log, '~', length);
    check_words(log, '-', length);
  }
}

static void collect_from_a_collection(cell *self) {
  (void)self;
  test_note("%td", ouro_gc_collect(2));
}

static void a_collection_within_a_collection_does_nothing(void **state) {
  (void)state;
  cell *ring = cell_ring(&final_type, 2, 0);
  ring->finalizing = collect_from_a_collection;
  drop(ring);
  assert_int_equal(ouro_gc_collect(2), 2);
  assert_string_equal(test_log(), "0");
}

static void drop_one_more_ring(cell *self) {
  (void)self;
  drop(cell_ring(&final_type, 3, 100));
}

static void garbage_made_by_a_finalizer_waits_for_the_next_collection(void **state) {
  (void)state;
  cell *ring = cell_ring(&final_type, 2, 1);
  ring->finalizing = drop_one_more_ring;
  drop(ring);
  assert_int_equal(ouro_gc_collect(2), 2);
  assert_string_equal(test_log_sorted(), "-1 -2 ~1 ~2");
  assert_int_equal(ouro_gc_collect(2), 3);
  assert_string_equal(test_log_sorted(), "-100 -101 -102 ~100 ~101 ~102");
}

/* ---------------------------------------------------------------- what cannot be collected */

static void an_uncollectable_object_alone_goes_by_its_count(void **state) {
  (void)state;
  cell *self = cell_of(&stuck_final_type, 1);
  ouro_weak *weak = weak_to(self);
  drop(self);
  assert_string_equal(test_log(), "~1 -1");
  assert_true(weak_is(weak, NULL));
  assert_int_equal(ouro_gc_collect(2), 0);
  assert_int_equal(ouro_gc_garbage_count(), 0);
  drop(weak);
}

static void an_uncollectable_object_alone_may_be_resurrected(void **state) {
  (void)state;
  cell *self = cell_of(&stuck_final_type, 1);
  self->finalizing = survive;
  drop(self);
  ouro_gc_collect(2);
  assert_string_equal(test_log(), "~1");
  survivors_drop();
  assert_string_equal(test_log(), "-1");
}

static void an_uncollectable_self_cycle_becomes_garbage_untouched(void **state) {
  (void)state;
  cell *self = cell_of(&stuck_final_type, 1);
  ouro_weak *weak = weak_to(self);
  ouro_setref(&self->a, self);
  drop(self);
  assert_int_equal(ouro_gc_collect(2), 1);
  assert_string_equal(test_log(), "");
  assert_int_equal(ouro_gc_garbage_count(), 1);
  assert_ptr_equal(ouro_gc_garbage_at(0), self);
  assert_ptr_equal(in_a(self), self);
  assert_true(weak_is(weak, self));
  OBJECTS_ARE_SOUND();
  ouro_clear(&self->a); /* the cycle is broken by hand */
  ouro_gc_garbage_clear();
  assert_string_equal(test_log(), "~1 -1");
  assert_true(weak_is(weak, NULL));
  assert_int_equal(ouro_gc_collect(2), 0);
  drop(weak);
}

static void what_an_uncollectable_object_reaches_is_not_finalized(void **state) {
  (void)state;
  cell *stuck = cell_of(&stuck_final_type, 1);
  cell *reached = cell_ring(&final_type, 2, 2);
  cell *beside = cell_ring(&final_type, 2, 4);
  ouro_setref(&stuck->a, stuck);
  ouro_movref(&stuck->b, ouro_adopt(reached));
  ouro_setref(&beside->b, stuck); /* reaches the uncollectable one, and is not reached by it */
  drop(beside);
  drop(stuck);
  assert_true(ouro_gc_collect(2) >= 3);
  assert_string_equal(test_log_sorted(), "-4 -5 ~4 ~5");
  assert_int_equal(ouro_gc_garbage_count(), 1);
  assert_ptr_equal(ouro_gc_garbage_at(0), stuck);
  assert_ptr_equal(in_a(in_a(reached)), reached);
  OBJECTS_ARE_SOUND();
  ouro_clear(&stuck->a);
  ouro_gc_garbage_clear();
  assert_string_equal(test_log(), "~1 -1");
  assert_int_equal(ouro_gc_collect(2), 2);
  assert_string_equal(test_log_sorted(), "-2 -3 ~2 ~3");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(a_finalizer_runs_once_and_then_all_is_gone),
      OBJECT_TEST(what_is_resurrected_goes_without_a_second_call),
      OBJECT_TEST(an_acyclic_object_is_finalized_too),
      OBJECT_TEST(an_acyclic_object_is_resurrected_once_as_well),
      OBJECT_TEST(a_finalizer_may_hide_its_object_for_a_while),
      OBJECT_TEST(references_within_the_finalizer_do_not_kill),
      OBJECT_TEST(a_finalizer_may_leave_its_object_to_the_collector),
      OBJECT_TEST(a_finalizer_may_make_objects_that_die),
      OBJECT_TEST(a_finalizer_may_collect),
      OBJECT_TEST(a_finalizer_may_free_a_sibling),
      OBJECT_TEST(a_finalizer_may_clear_slots_that_are_about_to_be_cleared),
      OBJECT_TEST(the_finalizer_of_what_dies_with_its_parent_runs_within),
      OBJECT_TEST(is_finalized_tells_what_was_called),
      OBJECT_TEST(a_self_cycle_is_finalized_once),
      OBJECT_TEST(a_self_cycle_is_resurrected_once),
      OBJECT_TEST(a_self_cycle_may_break_itself),
      OBJECT_TEST(a_ring_of_one_type_is_finalized),
      OBJECT_TEST(a_ring_of_one_type_is_resurrected),
      OBJECT_TEST(a_ring_of_one_type_breaks_itself),
      OBJECT_TEST(a_ring_of_two_types_breaks_itself_here_and_there),
      OBJECT_TEST(a_ring_of_two_types_breaks_itself_on_one_side),
      OBJECT_TEST(a_ring_of_two_types_is_resurrected_here_and_there),
      OBJECT_TEST(a_ring_of_three_types_is_resurrected_and_broken),
      OBJECT_TEST(a_ring_of_three_types_in_pairs_is_resurrected_and_broken),
      OBJECT_TEST(rings_of_every_mixture_go),
      OBJECT_TEST(the_finalizer_of_one_cycle_may_break_another),
      OBJECT_TEST(members_of_a_cycle_may_die_in_each_others_finalizers),
      OBJECT_TEST(a_collection_within_a_collection_does_nothing),
      OBJECT_TEST(garbage_made_by_a_finalizer_waits_for_the_next_collection),
      OBJECT_TEST(an_uncollectable_object_alone_goes_by_its_count),
      OBJECT_TEST(an_uncollectable_object_alone_may_be_resurrected),
      OBJECT_TEST(an_uncollectable_self_cycle_becomes_garbage_untouched),
      OBJECT_TEST(what_an_uncollectable_object_reaches_is_not_finalized),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
