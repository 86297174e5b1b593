/* tests/gc/test_verify.c - the checker of all objects is itself checked: each thing that can be wrong is planted, must be
 * found and named, and the objects are sound again when it is mended. And the stress that collects, and checks, at every
 * safepoint.
 *
 * It knows the headers and the bytes of state. Linked with: the core static library (ouro_core), support/support.c,
 * object/objects.c, cmocka. */
#include "support/support.h"

#include <sys/wait.h>
#include <unistd.h>

#include "object/object.h"

#include "object/objects.h"

/* The checker finds something, says what and of which type, counts the same without a text, and cuts the text where the room
 * ends. */
static void check_is_found(const char *what, const char *type) {
  char text[256] = "";
  char small[8];
  memset(small, 'x', sizeof small);
  size_t count = ouro_gc_verify(text, sizeof text);
  assert_true(count > 0);
  if (strstr(text, what) == NULL) {
    fail_msg("it said \"%s\", not \"%s\"", text, what);
  }
  assert_non_null(strstr(text, type));
  assert_non_null(strstr(text, ": 0x"));
  assert_int_equal(ouro_gc_verify(NULL, 0), count);
  assert_int_equal(ouro_gc_verify(small, sizeof small), count);
  assert_int_equal(strlen(small), sizeof small - 1);
  assert_memory_equal(small, text, sizeof small - 1);
}

static void check_is_sound(void) {
  char text[64] = "something";
  assert_int_equal(ouro_gc_verify(text, sizeof text), 0);
  assert_string_equal(text, "");
}

/* ---------------------------------------------------------------- what is sound */

static void sound_objects_leave_the_text_empty(void **state) {
  (void)state;
  check_is_sound();
  cell *ring = cell_ring(&final_type, 10, 0);
  list *items = list_new(100000);
  list_put(items, 99999, ring);
  ouro_weak *weak = weak_noting(ring, "died");
  check_is_sound();
  ouro_gc_collect(0);
  check_is_sound();
  ouro_gc_freeze();
  check_is_sound();
  ouro_gc_unfreeze();
  ouro_gc_untrack(ring);
  check_is_sound();
  ouro_gc_track(ring);
  check_is_sound();
  assert_int_equal(ouro_gc_verify(NULL, 0), 0);
  drop(weak);
  drop(items);
  drop(ring);
  check_is_sound(); /* garbage is not wrong */
  assert_int_equal(ouro_gc_collect(2), 10);
}

static void verify_within(cell *self) {
  (void)self;
  OBJECTS_ARE_SOUND();
  test_note("sound");
}

static void verify_in_callback(ouro_weak *weak, void *data, void *held) {
  (void)weak;
  (void)data;
  (void)held;
  verify_within(NULL);
}

static void verify_around(const ouro_gc_info *info, void *arg) {
  (void)info;
  (void)arg;
  verify_within(NULL);
}

static void objects_are_sound_at_every_moment_of_a_collection(void **state) {
  (void)state;
  cell *ring = cell_ring(&final_type, 3, 0);
  cell *at = ring;
  do {
    at->finalizing = verify_within;
    at = in_a(at);
  } while (at != ring);
  ouro_movref(&ring->b, ouro_adopt(cell_of(&acyclic_final_type, 0)));
  in_b(ring)->finalizing = verify_within;
  ouro_weak *weak = ouro_borrow(ouro_weak_new_callback(ring, verify_in_callback, NULL, NULL));
  assert_int_equal(ouro_gc_callback_add(verify_around, NULL), OURO_OK);
  drop(ring);
  assert_int_equal(ouro_gc_collect(2), 3);
  assert_int_equal(ouro_gc_callback_remove(verify_around, NULL), OURO_OK);
  assert_string_equal(test_log(), "sound sound sound sound sound sound sound");
  drop(weak);
}

static void objects_are_sound_within_a_death(void **state) {
  (void)state;
  cell *self = cell_of(&final_type, 0);
  cell *child = cell_of(&final_type, 0);
  self->finalizing = verify_within;
  child->finalizing = verify_within;
  ouro_setref(&self->a, child);
  ouro_weak *weak = ouro_borrow(ouro_weak_new_callback(child, verify_in_callback, NULL, NULL));
  drop(child);
  drop(self);
  assert_string_equal(test_log(), "sound sound sound");
  drop(weak);
}

/* ---------------------------------------------------------------- counts */

static void a_count_below_the_references_is_found(void **state) {
  (void)state;
  cell *self = cell_new(0);
  cell *other = cell_new(0);
  ouro_setref(&self->a, other);
  ouro_setref(&self->b, other);
  other->base.ouro__count = 1;
  check_is_found("more references than were counted", "a cell");
  other->base.ouro__count = 3;
  check_is_sound();
  drop(other);
  drop(self);
}

static void a_live_object_that_nobody_counts_is_found(void **state) {
  (void)state;
  leaf *self = leaf_new(0);
  self->base.ouro__count = 0;
  check_is_found("a live object that nobody counts", "leaf");
  self->base.ouro__count = 1;
  check_is_sound();
  drop(self);
}

/* ---------------------------------------------------------------- references */

/* Write to a slot without counting. */
static void plant(ouro_slot slot, void *what) { memcpy((void *)slot, &what, sizeof what); }

static void a_reference_to_a_freed_object_is_found(void **state) {
  (void)state;
  cell *self = cell_new(0);
  cell *other = cell_new(0);
  ouro_setref(&self->b, other);
  drop(other);
  drop(test_opaque(other)); /* once too often: the slot is left dangling */
  check_is_found("a reference to what is no live object", "in a cell");
  plant(&self->b, NULL);
  check_is_sound();
  drop(self);
}

static void a_reference_to_what_is_no_object_is_found(void **state) {
  (void)state;
  static char in_the_data[64];
  char on_the_stack[64] = "";
  list *self = list_new(3);
  void *block = ouro_malloc(100);
  memset(block, 0, 100);
  cell *other = cell_new(0);
  void *const wrong[] = {in_the_data,
                         on_the_stack,
                         block,
                         (char *)other + 16,
                         (char *)other + 8,
                         (void *)(uintptr_t)16,
                         (void *)(uintptr_t)0x4141414141414141,
                         (void *)(uintptr_t)0xdddddddddddddddd,
                         (void *)(uintptr_t)0xfffffffffffffff0};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    plant(&self->items[1], test_opaque(wrong[i]));
    check_is_found("a reference to what is no live object", "in a list");
    plant(&self->items[1], NULL);
    check_is_sound();
  }
  drop(other);
  drop(self);
  ouro_free(block);
}

static void every_wrong_reference_is_counted(void **state) {
  (void)state;
  static char in_the_data[64];
  list *self = list_new(10);
  for (size_t i = 0; i < 10; i++) {
    plant(&self->items[i], in_the_data);
    assert_int_equal(ouro_gc_verify(NULL, 0), i + 1);
  }
  for (size_t i = 0; i < 10; i++) {
    plant(&self->items[i], NULL);
  }
  drop(self);
}

/* ---------------------------------------------------------------- visit functions */

typedef struct liar {
  ouro_object base;
  OURO_OWNED(void) slot;
  OURO_OWNED(void) other;
} liar;

static enum { HONEST, TWICE, ONCE_MORE, COUNTS } lie;
static int asked;

static void show_lies(void *object, ouro_visitor *visitor) {
  liar *self = object;
  asked++;
  ouro_visit(visitor, &self->slot);
  if (lie == TWICE) {
    ouro_visit(visitor, &self->slot);
  }
  if (lie != ONCE_MORE || asked % 2 == 0) {
    ouro_visit(visitor, &self->other);
  }
  if (lie == COUNTS) {
    ouro_incref(self);
  }
}

static ouro_type liar_type = {.name = "liar", .size = sizeof(liar), .visit = show_lies};

static liar *liar_new(void) {
  lie = HONEST;
  liar *self = ouro_borrow(ouro_new(&liar_type));
  ouro_movref(&self->slot, ouro_adopt(leaf_new(0)));
  ouro_movref(&self->other, ouro_adopt(leaf_new(0)));
  check_is_sound();
  return self;
}

static void a_visit_function_that_shows_a_slot_twice_is_found(void **state) {
  (void)state;
  liar *self = liar_new();
  lie = TWICE;
  check_is_found("a visit function shows a slot twice", "liar");
  lie = HONEST;
  check_is_sound();
  drop(self);
}

static void a_visit_function_that_changes_its_mind_is_found(void **state) {
  (void)state;
  liar *self = liar_new();
  lie = ONCE_MORE;
  check_is_found("a visit function shows other references when it is called again", "liar");
  lie = HONEST;
  check_is_sound();
  drop(self);
}

static void a_visit_function_that_counts_is_found(void **state) {
  (void)state;
  liar *self = liar_new();
  lie = COUNTS;
  char text[128];
  assert_true(ouro_gc_verify(text, sizeof text) > 0);
  assert_non_null(strstr(text, "a visit function counts or allocates"));
  lie = HONEST;
  self->base.ouro__count = 1;
  check_is_sound();
  drop(self);
}

/* ---------------------------------------------------------------- headers and states */

static void an_owner_that_is_none_is_found(void **state) {
  (void)state;
  cell *self = cell_new(0);
  uint64_t word = self->base.ouro__word;
  self->base.ouro__word = (word & UINT64_C(0x0000ffffffffffff)) | UINT64_C(0x1234) << 48;
  check_is_found("an object whose owner is none", "cell");
  self->base.ouro__word = word;
  check_is_sound();
  drop(self);
}

static void a_type_that_is_none_is_found(void **state) {
  (void)state;
  static ouro_type never_used = {.name = "never used", .size = 64};
  cell *self = cell_new(0);
  uint64_t word = self->base.ouro__word;
  self->base.ouro__word = (word & ~UINT64_C(0x0000fffffffffff0)) | (uint64_t)(uintptr_t)&never_used;
  check_is_found("an object whose type is none", "");
  self->base.ouro__word = word;
  check_is_sound();
  drop(self);
}

static void a_tracked_object_without_a_state_is_found(void **state) {
  (void)state;
  static const uint8_t states[] = {OURO_STATE_UNTRACKED};
  cell *self = cell_new(0);
  uint8_t *byte = ouro__state(self);
  assert_non_null(byte);
  for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
    *byte = states[i];
    check_is_found("I-OBJ-2", "cell");
  }
  *byte = OURO_STATE_YOUNG;
  check_is_sound();
  drop(self);
}

static void a_state_that_only_a_collection_gives_is_found(void **state) {
  (void)state;
  static const uint8_t states[] = {0, 1, 100, OURO_STATE_MOST, OURO_STATE_MANY, OURO_STATE_PENDING, OURO_STATE_REACHED};
  cell *self = cell_new(0);
  uint8_t *byte = ouro__state(self);
  for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
    *byte = states[i];
    check_is_found("a state that only a collection gives", "cell");
  }
  *byte = OURO_STATE_YOUNG;
  check_is_sound();
  drop(self);
}

static void an_object_left_condemned_is_found(void **state) {
  (void)state;
  cell *self = cell_new(0);
  uint8_t *byte = ouro__state(self);
  *byte = OURO_STATE_TRASH;
  check_is_found("a state that only a collection gives", "cell");
  *byte = OURO_STATE_YOUNG;
  check_is_sound();
  drop(self);
}

static void an_untracked_object_with_a_state_is_found(void **state) {
  (void)state;
  cell *self = cell_new(0);
  ouro_gc_untrack(self);
  uint8_t *byte = ouro__state(self);
  *byte = 3;
  check_is_found("an untracked object with a state of the collector's", "cell");
  *byte = OURO_STATE_UNTRACKED;
  check_is_sound();
  drop(self);
}

static void a_young_object_whose_unit_is_forgotten_is_found(void **state) {
  (void)state;
  cell *self = cell_new(0);
  ouro__side *side = &ouro__hot_sides[ouro__unit_number(self)];
  uint8_t listed = side->listed;
  assert_true(listed & 1);
  side->listed = (uint8_t)(listed & ~1u);
  check_is_found("I-OBJ-3", "cell");
  side->listed = listed;
  check_is_sound();
  ouro_gc_collect(0);
  listed = side->listed;
  assert_true(listed & 2);
  side->listed = (uint8_t)(listed & ~2u);
  check_is_found("I-OBJ-3", "cell");
  side->listed = listed;
  check_is_sound();
  drop(self);
}

static void a_tracked_object_of_an_acyclic_type_is_found(void **state) {
  (void)state;
  leaf *self = leaf_new(0);
  self->base.ouro__word |= OURO_TRACKED;
  check_is_found("a tracked object of an acyclic type", "leaf");
  self->base.ouro__word &= ~(uint64_t)OURO_TRACKED;
  check_is_sound();
  drop(self);
}

/* ---------------------------------------------------------------- weak references */

/* What threads read in a header: each of these would have two of them count in different places. */
static void a_header_that_threads_would_read_differently_is_found(void **state) {
  (void)state;
  cell *self = cell_new(0);
  const ouro_object sound = self->base;
  ouro__set_owner(&self->base, 60000);
  check_is_found("whose owner is none", "a cell");
  self->base = sound;
  self->base.ouro__shared |= OURO_S_MERGED;
  check_is_found("an object that is merged, and does not say so", "a cell");
  self->base = sound;
  ouro__set_owner(&self->base, OURO__MERGED);
  check_is_found("an object that is merged, and does not say so", "a cell");
  self->base.ouro__shared |= OURO_S_MERGED;
  check_is_sound();
  self->base.ouro__shared |= OURO_S_QUEUED;
  check_is_found("a merged object in a queue", "a cell");
  self->base = sound;
  self->base.ouro__shared -= OURO_S_ONE;
  check_is_found("a live object that nobody counts", "a cell");
  self->base = sound;
  check_is_sound();
  drop(self);
}

static void an_object_with_weak_references_that_is_not_watched_is_found(void **state) {
  (void)state;
  cell *self = cell_new(0);
  ouro_weak *weak = weak_to(self);
  uint32_t shared = self->base.ouro__shared;
  self->base.ouro__shared &= ~(uint32_t)OURO_S_WATCHED;
  check_is_found("I-OBJ-5", "a cell");
  self->base.ouro__shared = shared;
  check_is_sound();
  drop(weak);
  drop(self);
}

static void say_that_there_are_weak_references(void *arg) {
  char text[256] = "";
  if (arg != NULL) { /* so that there is a table */
    cell *other = cell_new(0);
    (void)weak_to(other);
  }
  cell *self = cell_new(0);
  self->base.ouro__word |= OURO_WEAK;
  alarm(10);
  TEST_CHECK(ouro_gc_verify(text, sizeof text) > 0);
  printf("%s\n", text);
}

static void a_header_that_claims_weak_references_is_found(void **state) {
  (void)state;
  for (uintptr_t table = 0; table < 2; table++) {
    test_result result = test_in_child(say_that_there_are_weak_references, (void *)table, 60);
    TEST_CHILD_PASSED(&result);
    assert_non_null(strstr(result.output, "I-OBJ-4"));
    assert_non_null(strstr(result.output, "a cell"));
  }
}

static void a_header_that_denies_its_weak_references_is_found(void **state) {
  (void)state;
  cell *self = cell_new(0);
  ouro_weak *weak = weak_to(self);
  self->base.ouro__word &= ~(uint64_t)OURO_WEAK;
  check_is_found("I-WEAK-1", "");
  self->base.ouro__word |= OURO_WEAK;
  check_is_sound();
  drop(weak);
  drop(self);
}

/* ---------------------------------------------------------------- stress */

static uint64_t full_collections(void) { return gc_stats_of(2).collections; }

static void stress_collects_at_every_safepoint(void **state) {
  (void)state;
  ouro_gc_set_stress(0);
  ouro_gc_collect(2);
  uint64_t before = full_collections();
  for (int i = 0; i < 10; i++) {
    ouro_safepoint();
  }
  assert_int_equal(full_collections(), before);
  ouro_gc_set_stress(1);
  for (int i = 0; i < 10; i++) {
    drop(cell_ring(&cell_type, 2, 1));
    ouro_safepoint();
    assert_string_equal(test_log_sorted(), "-1 -2");
  }
  assert_int_equal(full_collections(), before + 10);
  ouro_gc_set_stress(2);
  for (int i = 0; i < 10; i++) {
    ouro_safepoint();
  }
  assert_int_equal(full_collections(), before + 20);
  ouro_gc_set_stress(0);
  ouro_safepoint();
  assert_int_equal(full_collections(), before + 20);
}

static void stress_needs_no_new_objects(void **state) {
  (void)state;
  uint64_t before = full_collections();
  ouro_gc_set_stress(1);
  ouro_safepoint();
  ouro_safepoint();
  ouro_gc_set_stress(0);
  assert_int_equal(full_collections(), before + 2);
}

static void check_under_stress(void *arg) {
  ouro_gc_set_stress((int)(intptr_t)arg);
  liar *self = liar_new();
  ouro_safepoint();
  lie = TWICE;
  self->base.ouro__count = 100; /* so that the collection itself is content */
  ((leaf *)ouro_borrow(self->slot))->base.ouro__count = 100;
  ouro_safepoint();
}

static void stress_of_level_2_checks_as_well(void **state) {
  (void)state;
  assert_int_equal(test_fatal_code(check_under_stress, (void *)1, NULL), 0);
  assert_int_equal(test_fatal_code(check_under_stress, (void *)2, NULL), OURO_FATAL_INTERNAL);
}

static void stress_from_outside(void) {
  uint64_t before = full_collections();
  cell *self = cell_new(0);
  ouro_safepoint();
  ouro_safepoint();
  TEST_CHECK(full_collections() == before + 2);
  drop(self);
}

static void stress_may_be_set_from_outside(void **state) {
  (void)state;
  test_result result = test_run_self("stressed", "gc_stress:1", 60);
  TEST_CHILD_PASSED(&result);
  result = test_run_self("stressed", NULL, 60);
  assert_false(WIFEXITED(result.status) &&
               WEXITSTATUS(result.status) == 0); /* without it there are no such collections */
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "stressed") == 0) {
    stress_from_outside();
    return 0;
  }
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(sound_objects_leave_the_text_empty),
      OBJECT_TEST(objects_are_sound_at_every_moment_of_a_collection),
      OBJECT_TEST(objects_are_sound_within_a_death),
      OBJECT_TEST(a_count_below_the_references_is_found),
      OBJECT_TEST(a_live_object_that_nobody_counts_is_found),
      OBJECT_TEST(a_reference_to_a_freed_object_is_found),
      OBJECT_TEST(a_reference_to_what_is_no_object_is_found),
      OBJECT_TEST(every_wrong_reference_is_counted),
      OBJECT_TEST(a_visit_function_that_shows_a_slot_twice_is_found),
      OBJECT_TEST(a_visit_function_that_changes_its_mind_is_found),
      OBJECT_TEST(a_visit_function_that_counts_is_found),
      OBJECT_TEST(an_owner_that_is_none_is_found),
      OBJECT_TEST(a_type_that_is_none_is_found),
      OBJECT_TEST(a_tracked_object_without_a_state_is_found),
      OBJECT_TEST(a_state_that_only_a_collection_gives_is_found),
      OBJECT_TEST(an_object_left_condemned_is_found),
      OBJECT_TEST(an_untracked_object_with_a_state_is_found),
      OBJECT_TEST(a_young_object_whose_unit_is_forgotten_is_found),
      OBJECT_TEST(a_tracked_object_of_an_acyclic_type_is_found),
      OBJECT_TEST(a_header_that_threads_would_read_differently_is_found),
      OBJECT_TEST(an_object_with_weak_references_that_is_not_watched_is_found),
      OBJECT_TEST(a_header_that_claims_weak_references_is_found),
      OBJECT_TEST(a_header_that_denies_its_weak_references_is_found),
      OBJECT_TEST(stress_collects_at_every_safepoint),
      OBJECT_TEST(stress_needs_no_new_objects),
      OBJECT_TEST(stress_of_level_2_checks_as_well),
      OBJECT_TEST(stress_may_be_set_from_outside),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
