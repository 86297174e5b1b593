/* tests/object/test_types.c - types: each mistake in a description is refused with its sentence, and what the library
 * derives from a right one visits, clears and releases in the order that it promises. Types made at run time live as long as
 * somebody needs them.
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka. */
#include "object/objects.h"

#include <errno.h>

/* ---------------------------------------------------------------- refusals */

/* The description is refused with `why`, at the check and at the first use, and in a text that is cut short. */
static void check_refused(ouro_type *type, const char *why) {
  char text[128] = "unchanged";
  char small[6] = "small";
  assert_int_equal(ouro_type_check(type, text, sizeof text), OURO_EINVAL);
  assert_string_equal(text, why);
  assert_int_equal(ouro_type_check(type, NULL, 0), OURO_EINVAL);
  assert_int_equal(ouro_type_check(type, small, sizeof small), OURO_EINVAL);
  assert_memory_equal(small, why, sizeof small - 1);
  assert_int_equal(small[sizeof small - 1], 0);
  errno = 0;
  assert_null(ouro_borrow(ouro_new(type)));
  assert_int_equal(errno, EINVAL);
  errno = 0;
  assert_null(ouro_borrow(ouro_new_var(type, 1)));
  assert_int_equal(errno, EINVAL);
  errno = 0;
  assert_null(ouro_borrow(ouro_new_extra(type, 0, 16)));
  assert_int_equal(errno, EINVAL);
}

/* The same, and such a type cannot be made at run time. */
static void check_all_refused(ouro_type *type, const char *why) {
  check_refused(type, why);
  errno = 0;
  assert_null(ouro_type_new(type));
  assert_int_equal(errno, EINVAL);
}

static ouro_type right_type = {.name = "right", .size = 32, .references = OURO_REFERENCES(16, 24)};

static void a_right_type_passes_and_leaves_the_text_empty(void **state) {
  (void)state;
  char text[16] = "something";
  assert_int_equal(ouro_type_check(&right_type, text, sizeof text), OURO_OK);
  assert_string_equal(text, "");
  assert_int_equal(ouro_type_check(&right_type, NULL, 0), OURO_OK);
}

static void no_type_is_refused(void **state) {
  (void)state;
  char text[64];
  assert_int_equal(ouro_type_check(NULL, text, sizeof text), OURO_EINVAL);
  assert_string_equal(text, "no type");
  errno = 0;
  assert_null(ouro_borrow(ouro_new_var(NULL, 1)));
  assert_int_equal(errno, EINVAL);
  errno = 0;
  assert_null(ouro_type_new(NULL));
  assert_int_equal(errno, EINVAL);
}

static void a_type_without_a_name_is_refused(void **state) {
  (void)state;
  static ouro_type type = {.name = NULL, .size = 16};
  check_all_refused(&type, "the name is NULL");
}

static void a_size_below_that_of_the_header_is_refused(void **state) {
  (void)state;
  static ouro_type nothing = {.name = "nothing", .size = 0};
  static ouro_type almost = {.name = "almost", .size = 15};
  check_all_refused(&nothing, "the size is below that of the header");
  check_all_refused(&almost, "the size is below that of the header");
}

static void a_size_without_measure_is_refused(void **state) {
  (void)state;
  static ouro_type huge = {.name = "huge", .size = ((size_t)1 << 30) + 1};
  static ouro_type endless = {.name = "endless", .size = SIZE_MAX};
  check_all_refused(&huge, "the size is above 1 GiB");
  check_all_refused(&endless, "the size is above 1 GiB");
}

static ouro_type slot_behind = {.name = "behind", .size = 32, .references = OURO_REFERENCES(32)};
static ouro_type slot_half = {.name = "half", .size = 28, .references = OURO_REFERENCES(24)};
static ouro_type slot_far = {.name = "far", .size = 32, .references = OURO_REFERENCES(16, 0xfffffff8)};

static void a_slot_outside_the_size_is_refused(void **state) {
  (void)state;
  check_all_refused(&slot_behind, "an owned slot lies outside the size");
  check_all_refused(&slot_half, "an owned slot lies outside the size");
  check_all_refused(&slot_far, "an owned slot lies outside the size");
}

static ouro_type slot_first = {.name = "first", .size = 32, .references = OURO_REFERENCES(0)};
static ouro_type slot_last = {.name = "last", .size = 32, .references = OURO_REFERENCES(8)};
static ouro_type slot_counted = {.name = "counted", .size = 32, .references = OURO_REFERENCES(16), .item_size = 8};

static void a_slot_over_the_header_is_refused(void **state) {
  (void)state;
  check_all_refused(&slot_first, "an owned slot lies over the header");
  check_all_refused(&slot_last, "an owned slot lies over the header");
  check_all_refused(&slot_counted, "an owned slot lies over the header");
}

static ouro_type slot_at_20 = {.name = "four", .size = 48, .references = OURO_REFERENCES(20)};
static ouro_type slot_at_25 = {.name = "one", .size = 48, .references = OURO_REFERENCES(16, 25)};

static void a_misaligned_slot_is_refused(void **state) {
  (void)state;
  check_all_refused(&slot_at_20, "an owned slot is misaligned");
  check_all_refused(&slot_at_25, "an owned slot is misaligned");
}

static ouro_type slot_twice = {.name = "twice", .size = 48, .references = OURO_REFERENCES(16, 24, 16)};
static ouro_type slot_base = {.name = "base", .size = 32, .references = OURO_REFERENCES(24)};
static ouro_type slot_again = {.name = "again", .size = 48, .base = &slot_base, .references = OURO_REFERENCES(32, 24)};

static void a_slot_that_is_listed_twice_is_refused(void **state) {
  (void)state;
  check_all_refused(&slot_twice, "an owned slot is listed twice");
  check_all_refused(&slot_again, "an owned slot is listed twice");
}

static void items_without_room_for_their_count_are_refused(void **state) {
  (void)state;
  static ouro_type type = {.name = "short", .size = 16, .item_size = 8};
  check_all_refused(&type, "with items, the fixed part begins with an ouro_var");
}

static void owned_items_that_are_no_pointers_are_refused(void **state) {
  (void)state;
  static ouro_type none = {.name = "none", .size = 24, .flags = OURO_TYPE_ITEMS};
  static ouro_type wide = {.name = "wide", .size = 24, .item_size = 16, .flags = OURO_TYPE_ITEMS};
  static ouro_type odd = {.name = "odd", .size = 28, .item_size = 8, .flags = OURO_TYPE_ITEMS};
  check_all_refused(&none, "items are owned references, and there are none: item_size is 0");
  check_all_refused(&wide, "items that are owned references have the size of a pointer");
  check_all_refused(&odd, "items that are owned references would be misaligned");
}

static void a_base_that_does_not_fit_is_refused(void **state) {
  (void)state;
  static ouro_type large = {.name = "large", .size = 64};
  static ouro_type larger_base = {.name = "larger base", .size = 48, .base = &large};
  static ouro_type items = {.name = "items", .size = 24, .item_size = 8};
  static ouro_type longer = {.name = "longer", .size = 32, .base = &items, .item_size = 8};
  static ouro_type without = {.name = "without", .size = 24, .base = &items};
  static ouro_type fixed = {.name = "fixed", .size = 24};
  static ouro_type added = {.name = "added", .size = 24, .base = &fixed, .item_size = 8};
  check_all_refused(&larger_base, "the base is larger than the type");
  check_all_refused(&longer, "a base with items: the type must have the same size and items");
  check_all_refused(&without, "a base with items: the type must have the same size and items");
  check_all_refused(&added, "items, and a base that has none");
}

static ouro_type wrong_base = {.name = "wrong", .size = 32, .references = OURO_REFERENCES(20)};
static ouro_type of_wrong_base = {
    .name = "derived", .size = 48, .base = &wrong_base, .references = OURO_REFERENCES(40)};

static void what_is_wrong_with_a_base_is_said_of_the_type(void **state) {
  (void)state;
  check_all_refused(&of_wrong_base, "an owned slot is misaligned");
}

static void a_type_that_is_its_own_base_is_refused(void **state) {
  (void)state;
  static ouro_type self = {.name = "self", .size = 16, .base = &self};
  static ouro_type second;
  static ouro_type first = {.name = "first", .size = 16, .base = &second};
  second = (ouro_type){.name = "second", .size = 16, .base = &first};
  check_refused(&self, "more than 64 bases, or a type that is its own base");
  check_refused(&first, "more than 64 bases, or a type that is its own base");
}

static void a_loop_among_the_bases_is_refused(void **state) {
  (void)state;
  static ouro_type second;
  static ouro_type first = {.name = "first", .size = 16, .base = &second};
  static ouro_type outside = {.name = "outside", .size = 16, .base = &first};
  second = (ouro_type){.name = "second", .size = 16, .base = &first};
  check_all_refused(&outside, "more than 64 bases, or a type that is its own base");
}

static void a_chain_of_64_bases_is_allowed_and_no_longer_one(void **state) {
  (void)state;
  ouro_type *types[66];
  for (size_t i = 0; i < 65; i++) {
    ouro_type description = {.name = "link", .size = 16, .base = i > 0 ? types[i - 1] : NULL};
    types[i] = ouro_type_new(&description);
    assert_non_null(types[i]);
  }
  static ouro_type too_many;
  too_many = (ouro_type){.name = "link", .size = 16, .base = types[64]};
  check_all_refused(&too_many, "more than 64 bases, or a type that is its own base");
  void *self = ouro_borrow(ouro_new(types[64]));
  for (size_t i = 0; i < 65; i++) {
    assert_true(ouro_is_instance(self, types[i]));
    ouro_type_release(types[i]);
  }
  drop(self);
}

static void flags_that_contradict_are_refused(void **state) {
  (void)state;
  static ouro_type tracked = {.name = "t", .size = 16, .flags = OURO_TYPE_ACYCLIC | OURO_TYPE_TRACKED};
  static ouro_type stuck = {.name = "s", .size = 16, .flags = OURO_TYPE_ACYCLIC | OURO_TYPE_UNCOLLECTABLE};
  static ouro_type confined = {.name = "c", .size = 16, .flags = OURO_TYPE_ACYCLIC | OURO_TYPE_CONFINED};
  static ouro_type confined_base = {.name = "b", .size = 32, .flags = OURO_TYPE_CONFINED};
  static ouro_type acyclic = {.name = "a", .size = 32, .base = &confined_base, .flags = OURO_TYPE_ACYCLIC};
  static ouro_type unknown = {.name = "u", .size = 16, .flags = 1u << 7};
  static ouro_type highest = {.name = "h", .size = 16, .flags = 1u << 31};
  check_all_refused(&tracked, "acyclic, and yet tracked");
  check_all_refused(&stuck, "acyclic, and yet uncollectable");
  check_all_refused(&confined, "acyclic, and yet confined");
  check_all_refused(&acyclic, "acyclic, and yet confined");
  check_all_refused(&unknown, "a flag that does not exist");
  check_all_refused(&highest, "a flag that does not exist");
}

static void a_description_in_a_place_that_headers_cannot_hold_is_refused(void **state) {
  (void)state;
  static char room[sizeof(ouro_type) + 32];
  ouro_type right = {.name = "right", .size = 16};
  char *place = room + (16 - (uintptr_t)room % 16) % 16 + 8;
  memcpy(place, &right, sizeof right);
  char text[96];
  assert_int_equal(ouro_type_check((ouro_type *)test_opaque(place), text, sizeof text), OURO_EINVAL);
  assert_string_equal(text, "the description lies at an address that headers cannot hold");
}

static void a_refused_type_may_be_mended(void **state) {
  (void)state;
  static ouro_type type = {.name = "mended", .size = 8};
  check_refused(&type, "the size is below that of the header");
  type.size = 32;
  OURO_AUTO(void) object = ouro_new(&type);
  assert_non_null(ouro_borrow(object));
}

static void each_way_to_make_an_object_takes_the_types_that_it_says(void **state) {
  (void)state;
  errno = 0;
  assert_null(ouro_borrow(ouro_new(&list_type)));
  assert_int_equal(errno, EINVAL);
  errno = 0;
  assert_null(ouro_borrow(ouro_new_var(&cell_type, 1)));
  assert_int_equal(errno, EINVAL);
  errno = 0;
  assert_null(ouro_borrow(ouro_new_extra(&cell_type, 1, 16)));
  assert_int_equal(errno, EINVAL);
}

/* ---------------------------------------------------------------- what is derived */

static void a_new_object_is_all_zero(void **state) {
  (void)state;
  static ouro_type plain = {.name = "plain", .size = 200};
  for (int round = 0; round < 3; round++) {
    char *object = ouro_borrow(ouro_new(&plain));
    assert_true(test_all_bytes(object + sizeof(ouro_object), 0, 200 - sizeof(ouro_object)));
    memset(object + sizeof(ouro_object), 0xa5, 200 - sizeof(ouro_object));
    drop(object);
  }
}

static void an_object_knows_its_type(void **state) {
  (void)state;
  cell *plain = cell_new(0);
  cell *final = cell_of(&final_type, 0);
  assert_ptr_equal(ouro_type_of(plain), &cell_type);
  assert_ptr_equal(ouro_type_of(final), &final_type);
  assert_true(ouro_is_instance(plain, &cell_type));
  assert_false(ouro_is_instance(plain, &final_type));
  assert_true(ouro_is_instance(final, &final_type));
  assert_true(ouro_is_instance(final, &cell_type));
  assert_false(ouro_is_instance(final, &leaf_type));
  drop(plain);
  drop(final);
}

static ouro_type pair_type = {.name = "pair", .size = 32, .references = OURO_REFERENCES(16, 24)};

static void an_object_of_two_references_takes_32_bytes(void **state) {
  (void)state;
  static ouro_type bare = {.name = "bare", .size = 16};
  OURO_AUTO(void) two = ouro_new(&pair_type);
  OURO_AUTO(void) none = ouro_new(&bare);
  assert_int_equal(ouro_object_size(ouro_borrow(two)), 32);
  assert_int_equal(ouro_object_size(ouro_borrow(none)), 16);
  assert_int_equal(sizeof(ouro_object), 16);
}

/* Nine slots at distances that neither run together nor stand in order. */
typedef struct scattered {
  ouro_object base;
  OURO_OWNED(void) first;
  size_t gap;
  OURO_OWNED(void) second;
  OURO_OWNED(void) third;
  size_t gaps[5];
  OURO_OWNED(void) fourth;
  size_t more[11];
  OURO_OWNED(void) fifth;
} scattered;

static ouro_type scattered_type = {
    .name = "scattered",
    .size = sizeof(scattered),
    .references = OURO_REFERENCES(offsetof(scattered, fifth), offsetof(scattered, first), offsetof(scattered, third),
                                  offsetof(scattered, second), offsetof(scattered, fourth)),
};

static ouro_type confined_type = {.name = "confined", .size = 32, .references = OURO_REFERENCES(16, 24), .flags = OURO_TYPE_CONFINED};
static ouro_type confined_derived = {.name = "confined derived", .size = 40, .base = &confined_type, .references = OURO_REFERENCES(32)};
static ouro_type confined_items = {.name = "confined items", .size = sizeof(list), .item_size = sizeof(void *),
                                   .flags = OURO_TYPE_ITEMS | OURO_TYPE_CONFINED};
static ouro_type confined_leaf = {.name = "confined leaf", .size = 32, .flags = OURO_TYPE_CONFINED};
static ouro_type confined_watched = {.name = "confined watched", .size = 32, .flags = OURO_TYPE_CONFINED | OURO_TYPE_TRACKED};

/* Bytes of user memory behind the header are zero, and as many as the type says. */
static void check_zero_and_drop(void *object, size_t size, size_t bytes) {
  assert_true(test_all_bytes((char *)object + sizeof(ouro_object), 0, size - sizeof(ouro_object)));
  assert_int_equal(ouro_object_size(object), bytes);
  drop(object);
}

static void a_confined_object_takes_16_bytes_more(void **state) {
  (void)state;
  if (test_check_mode()) skip();
  for (int i = 0; i < 3; i++) { /* the first one takes the slow way */
    check_zero_and_drop(ouro_borrow(ouro_new(&confined_type)), 32, 48);
    check_zero_and_drop(ouro_borrow(ouro_new(&confined_derived)), 40, 64);
    check_zero_and_drop(ouro_borrow(ouro_new(&confined_watched)), 32, 48);
    check_zero_and_drop(ouro_borrow(ouro_new_extra(&confined_type, 0, 0)), 32, 48);
    void *items = list_of(&confined_items, 3);
    assert_int_equal(ouro_object_size(items), 64);
    drop(items);
  }
  void *unwatched = ouro_borrow(ouro_new(&confined_leaf));
  assert_int_equal(ouro_object_size(unwatched), 32); /* the collector does not look at it anyway */
  assert_false(ouro_gc_is_tracked(unwatched));
  drop(unwatched);
}

static void a_confined_object_has_no_extra_bytes(void **state) {
  (void)state;
  errno = 0;
  assert_null(ouro_borrow(ouro_new_extra(&confined_type, 0, 8)));
  assert_int_equal(errno, EINVAL);
  errno = 0;
  assert_null(ouro_borrow(ouro_new_extra(&confined_items, 2, 8)));
  assert_int_equal(errno, EINVAL);
  errno = 0;
  assert_null(ouro_borrow(ouro_new(&confined_items)));
  assert_int_equal(errno, EINVAL);
}

static void confined_is_inherited(void **state) {
  (void)state;
  struct {
    ouro_object base;
    OURO_OWNED(void) slots[3];
  } *self = ouro_borrow(ouro_new(&confined_derived));
  ouro_setref(&self->slots[2], self); /* right before its links */
  OBJECTS_ARE_SOUND();
  drop(self);
  assert_int_equal(ouro_gc_collect(0), 1);
}

static void slots_are_cleared_in_the_order_of_the_list(void **state) {
  (void)state;
  scattered *self = ouro_borrow(ouro_new(&scattered_type));
  ouro_movref(&self->first, ouro_adopt(cell_new(1)));
  ouro_movref(&self->second, ouro_adopt(cell_new(2)));
  ouro_movref(&self->third, ouro_adopt(cell_new(3)));
  ouro_movref(&self->fourth, ouro_adopt(cell_new(4)));
  ouro_movref(&self->fifth, ouro_adopt(cell_new(5)));
  self->gap = self->gaps[0] = self->gaps[4] = self->more[0] = self->more[10] = 0x5a5a5a5a; /* no references */
  OBJECTS_ARE_SOUND();
  drop(self);
  assert_string_equal(test_log(), "-5 -1 -3 -2 -4");
}

static int collect_numbers(void *object, void *arg) {
  (void)arg;
  test_note("%d", ((cell *)object)->number);
  return 0;
}

static void scattered_slots_are_visited(void **state) {
  (void)state;
  scattered *self = ouro_borrow(ouro_new(&scattered_type));
  ouro_movref(&self->first, ouro_adopt(cell_new(1)));
  ouro_movref(&self->fourth, ouro_adopt(cell_new(4)));
  ouro_movref(&self->fifth, ouro_adopt(cell_new(5)));
  void *objects[] = {self};
  assert_int_equal(ouro_gc_get_referents(objects, 1, collect_numbers, NULL), OURO_OK);
  assert_string_equal(test_log_sorted(), "1 4 5");
  drop(self);
  test_log();
}

/* A base of one slot and a derived type with a list, a visit function and more; each with a release of its own. */
typedef struct derived {
  ouro_object base;
  OURO_OWNED(void) base_slot;
  OURO_OWNED(void) listed;
  OURO_OWNED(void) shown;
} derived;

static void release_base(void *self) {
  (void)self;
  test_note("release-base");
}

static void release_derived(void *self) {
  (void)self;
  test_note("release-derived");
}

static void finalize_base(void *self) {
  (void)self;
  test_note("finalize-base");
}

static void finalize_derived(void *self) {
  derived *object = self;
  TEST_CHECK(ouro_borrow(object->base_slot) != NULL && ouro_borrow(object->listed) != NULL &&
             ouro_borrow(object->shown) != NULL);
  test_note("finalize-derived");
}

static void show_derived(void *self, ouro_visitor *visitor) { ouro_visit(visitor, &((derived *)self)->shown); }

static ouro_type base_type = {
    .name = "base",
    .size = offsetof(derived, listed),
    .references = OURO_REFERENCES(offsetof(derived, base_slot)),
    .finalize = finalize_base,
    .release = release_base,
};

static ouro_type derived_type = {
    .name = "derived",
    .size = sizeof(derived),
    .base = &base_type,
    .references = OURO_REFERENCES(offsetof(derived, listed)),
    .visit = show_derived,
    .finalize = finalize_derived,
    .release = release_derived,
};

static ouro_type inheriting_type = {.name = "inheriting", .size = sizeof(derived), .base = &derived_type};
static ouro_type inheriting_base_type = {.name = "inheriting-base", .size = sizeof(derived), .base = &base_type};

static derived *derived_of(ouro_type *type) {
  derived *self = ouro_borrow(ouro_new(type));
  ouro_movref(&self->base_slot, ouro_adopt(cell_new(1)));
  ouro_movref(&self->listed, ouro_adopt(cell_new(2)));
  ouro_movref(&self->shown, ouro_adopt(cell_new(3)));
  return self;
}

static void an_object_goes_in_the_promised_order(void **state) {
  (void)state;
  drop(derived_of(&derived_type));
  assert_string_equal(test_log(), "finalize-derived -1 -2 -3 release-derived release-base");
}

static void a_type_without_anything_of_its_own_inherits_all(void **state) {
  (void)state;
  drop(derived_of(&inheriting_type));
  assert_string_equal(test_log(), "finalize-derived -1 -2 -3 release-derived release-base");
  derived *self = ouro_borrow(ouro_new(&inheriting_base_type));
  ouro_movref(&self->base_slot, ouro_adopt(cell_new(1)));
  drop(self);
  assert_string_equal(test_log(), "finalize-base -1 release-base");
}

static void derived_slots_keep_their_cycles_no_secret(void **state) {
  (void)state;
  for (int slot = 0; slot < 3; slot++) {
    derived *self = ouro_borrow(ouro_new(&derived_type));
    ouro_setref(&self->base_slot, self);
    ouro_setref(&self->listed, self);
    ouro_setref(&self->shown, self);
    assert_int_equal(ouro_refcount(self), 4);
    drop(self);
    assert_int_equal(ouro_gc_collect(0), 1);
    assert_string_equal(test_log(), "finalize-derived release-derived release-base");
  }
}

static void acyclic_and_immutable_are_not_inherited(void **state) {
  (void)state;
  static ouro_type from_acyclic = {.name = "from-acyclic", .size = sizeof(cell), .base = &acyclic_type};
  static ouro_type from_tuple = {
      .name = "from-tuple", .size = sizeof(list), .base = &tuple_type, .item_size = sizeof(void *)};
  cell *self = cell_of(&from_acyclic, 0);
  assert_true(ouro_gc_is_tracked(self));
  ouro_setref(&self->a, self);
  drop(self);
  assert_int_equal(ouro_gc_collect(0), 1);
  list *mutable = list_of(&from_tuple, 1);
  leaf *item = leaf_new(7);
  list_put(mutable, 0, item);
  drop(item);
  ouro_gc_collect(2);
  assert_true(ouro_gc_is_tracked(mutable)); /* a tuple would be untracked now */
  drop(mutable);
  assert_string_equal(test_log(), "-7");
}

static void uncollectable_and_tracked_are_inherited(void **state) {
  (void)state;
  static ouro_type from_stuck = {.name = "from-stuck", .size = sizeof(cell), .base = &stuck_type};
  static ouro_type watched = {.name = "watched", .size = 16, .flags = OURO_TYPE_TRACKED};
  static ouro_type from_watched = {.name = "from-watched", .size = 32, .base = &watched};
  cell *ring = cell_ring(&from_stuck, 1, 0);
  drop(ring);
  assert_int_equal(ouro_gc_collect(0), 1);
  assert_int_equal(ouro_gc_garbage_count(), 1);
  assert_ptr_equal(ouro_gc_garbage_at(0), ring);
  ouro_clear(&ring->a);
  ouro_gc_garbage_clear();
  OURO_AUTO(void) tracked = ouro_new(&from_watched);
  assert_true(ouro_gc_is_tracked(ouro_borrow(tracked)));
}

/* ---------------------------------------------------------------- what is shown by visit functions */

/* A word that is a small number where its lowest bit is set, and a reference otherwise, which may carry the second bit. */
typedef struct tagged {
  ouro_object base;
  uintptr_t words[4];
} tagged;

enum { TAGGED_EMPTY = 1 };

static void show_tagged(void *object, ouro_visitor *visitor) {
  tagged *self = object;
  for (size_t i = 0; i < 4; i++) {
    if (!(self->words[i] & 1)) {
      ouro_visit_tagged(visitor, &self->words[i], (void *)(self->words[i] & ~(uintptr_t)2), TAGGED_EMPTY);
    }
  }
}

static uintptr_t words_at_release[4];
static void copy_words(void *self) { memcpy(words_at_release, ((tagged *)self)->words, sizeof words_at_release); }

static ouro_type tagged_type = {.name = "tagged", .size = sizeof(tagged), .visit = show_tagged, .release = copy_words};

static void tagged_words_are_owned_and_cleared_to_what_they_say(void **state) {
  (void)state;
  tagged *self = ouro_borrow(ouro_new(&tagged_type));
  self->words[0] = 42 << 1 | 1;
  self->words[1] = (uintptr_t)cell_new(1);
  self->words[2] = (uintptr_t)cell_new(2) | 2;
  self->words[3] = 0;
  OBJECTS_ARE_SOUND();
  drop(self);
  assert_string_equal(test_log(), "-1 -2");
  assert_int_equal(words_at_release[0], 42 << 1 | 1);
  assert_int_equal(words_at_release[1], TAGGED_EMPTY);
  assert_int_equal(words_at_release[2], TAGGED_EMPTY);
  assert_int_equal(words_at_release[3], 0);
}

static void a_cycle_through_tagged_words_is_found(void **state) {
  (void)state;
  tagged *self = ouro_borrow(ouro_new(&tagged_type));
  cell *other = cell_new(5);
  self->words[0] = 1;
  self->words[1] = 3;
  self->words[2] = (uintptr_t)other | 2; /* stolen */
  self->words[3] = (uintptr_t)ouro_borrow(ouro_newref(self));
  ouro_movref(&other->b, ouro_adopt(self));
  OBJECTS_ARE_SOUND();
  assert_int_equal(ouro_gc_collect(0), 2);
  assert_string_equal(test_log(), "-5");
  assert_int_equal(words_at_release[0], 1);
  assert_int_equal(words_at_release[2], TAGGED_EMPTY);
  assert_int_equal(words_at_release[3], TAGGED_EMPTY);
}

/* An array outside the object, of a length that changes: what a language's list is. */
typedef struct vector {
  ouro_object base;
  size_t count;
  OURO_OWNED(void) * items;
} vector;

static void show_vector(void *object, ouro_visitor *visitor) {
  vector *self = object;
  for (size_t i = 0; i < self->count; i++) {
    ouro_visit(visitor, &self->items[i]);
  }
}

static void free_vector(void *self) {
  test_note("free");
  ouro_free(((vector *)self)->items);
}

static ouro_type vector_type = {.name = "vector", .size = sizeof(vector), .visit = show_vector, .release = free_vector};

static void vector_push(vector *self, void *object) {
  self->items = ouro_realloc(self->items, (self->count + 1) * sizeof self->items[0]);
  TEST_CHECK(self->items != NULL);
  self->items[self->count++] = ouro_newref(object);
}

static void references_outside_the_object_are_owned(void **state) {
  (void)state;
  vector *self = ouro_borrow(ouro_new(&vector_type));
  for (int i = 1; i <= 20; i++) {
    cell *item = cell_new(i);
    vector_push(self, item);
    drop(item);
  }
  OBJECTS_ARE_SOUND();
  drop(self);
  assert_string_equal(test_log(), "-1 -2 -3 -4 -5 -6 -7 -8 -9 -10 -11 -12 -13 -14 -15 -16 -17 -18 -19 -20 free");
}

static void a_cycle_through_references_outside_is_found(void **state) {
  (void)state;
  vector *self = ouro_borrow(ouro_new(&vector_type));
  cell *item = cell_new(3);
  vector_push(self, item);
  vector_push(self, self);
  vector_push(self, self);
  ouro_setref(&item->a, self);
  drop(item);
  drop(self);
  OBJECTS_ARE_SOUND();
  assert_int_equal(ouro_gc_collect(0), 2);
  assert_string_equal(test_log_sorted(), "-3 free");
}

/* ---------------------------------------------------------------- types made at run time */

static size_t blocks_live(void) {
  ouro_heap_stats stats = {.struct_size = sizeof stats};
  ouro_thread_flush();
  TEST_CHECK(ouro_heap_stats_get(&stats) == OURO_OK);
  return stats.blocks_live;
}

static ouro_type *type_from_a_passing_description(const char *name, const ouro_type *base) {
  char text[32];
  uint32_t offsets[] = {offsetof(cell, a), offsetof(cell, b), offsetof(cell, c), UINT32_MAX};
  snprintf(text, sizeof text, "%s", name);
  ouro_type description = {
      .name = text,
      .size = sizeof(cell),
      .base = base,
      .references = base == NULL ? offsets : NULL,
      .release = base == NULL ? cell_type.release : NULL,
  };
  ouro_type *type = ouro_type_new(&description);
  memset(text, 'x', sizeof text);
  memset(offsets, 0xdd, sizeof offsets);
  memset((void *)&description, 0xdd, sizeof description);
  return type;
}

static void a_type_is_made_from_a_description_that_passes_away(void **state) {
  (void)state;
  ouro_type *type = type_from_a_passing_description("made", NULL);
  assert_non_null(type);
  assert_string_equal(type->name, "made");
  cell *ring = cell_ring(type, 3, 1);
  assert_ptr_equal(ouro_type_of(ring), type);
  OBJECTS_ARE_SOUND();
  drop(ring);
  assert_int_equal(ouro_gc_collect(0), 3);
  assert_string_equal(test_log_sorted(), "-1 -2 -3");
  ouro_type_release(type);
}

static void a_released_type_is_freed_at_once_where_it_has_no_instance(void **state) {
  (void)state;
  size_t before = blocks_live();
  ouro_type *type = type_from_a_passing_description("made", NULL);
  assert_true(blocks_live() > before);
  ouro_type_release(type);
  assert_int_equal(blocks_live(), before);
}

static void a_released_type_goes_with_its_last_instance(void **state) {
  (void)state;
  size_t before = blocks_live();
  ouro_type *type = type_from_a_passing_description("made", NULL);
  cell *first = cell_of(type, 1);
  cell *second = cell_of(type, 2);
  ouro_type_release(type);
  assert_string_equal(ouro_type_of(first)->name, "made");
  drop(second);
  assert_string_equal(ouro_type_of(first)->name, "made");
  OBJECTS_ARE_SOUND();
  drop(first);
  assert_string_equal(test_log(), "-2 -1");
  assert_int_equal(blocks_live(), before);
}

static void an_instance_that_goes_in_a_cycle_takes_its_type_along(void **state) {
  (void)state;
  ouro_gc_collect(2);
  size_t before = blocks_live();
  ouro_type *type = type_from_a_passing_description("made", NULL);
  cell *ring = cell_ring(type, 10, 0);
  ouro_type_release(type);
  drop(ring);
  assert_int_equal(ouro_gc_collect(2), 10);
  assert_int_equal(blocks_live(), before);
}

static void a_type_outlives_its_instances_where_its_maker_holds_it(void **state) {
  (void)state;
  ouro_type *type = type_from_a_passing_description("made", NULL);
  for (int i = 0; i < 10; i++) {
    drop(cell_of(type, 0));
  }
  assert_string_equal(type->name, "made");
  ouro_type_release(type);
}

static void a_type_lives_as_long_as_types_derived_from_it(void **state) {
  (void)state;
  size_t before = blocks_live();
  ouro_type *base = type_from_a_passing_description("base", NULL);
  ouro_type *middle = type_from_a_passing_description("middle", base);
  ouro_type *top = type_from_a_passing_description("top", middle);
  ouro_type_release(base);
  ouro_type_release(middle);
  cell *self = cell_of(top, 1);
  ouro_type_release(top);
  assert_true(ouro_is_instance(self, base));
  assert_true(ouro_is_instance(self, middle));
  assert_string_equal(base->name, "base");
  ouro_setref(&self->c, self);
  drop(self);
  assert_int_equal(ouro_gc_collect(2), 1);
  assert_string_equal(test_log(), "-1");
  assert_int_equal(blocks_live(), before);
}

static void a_derived_type_counts_its_own_instances_alone(void **state) {
  (void)state;
  size_t before = blocks_live();
  ouro_type *base = type_from_a_passing_description("base", NULL);
  ouro_type *top = type_from_a_passing_description("top", base);
  cell *of_base = cell_of(base, 0);
  cell *of_top = cell_of(top, 0);
  ouro_type_release(top);
  ouro_type_release(base);
  drop(of_top); /* top goes; base has an instance */
  assert_string_equal(ouro_type_of(of_base)->name, "base");
  drop(of_base);
  assert_int_equal(blocks_live(), before);
}

static void a_type_may_be_released_by_the_finalizer_of_its_last_instance(void **state) {
  (void)state;
  static ouro_type *type;
  size_t before = blocks_live();
  ouro_type description = {.name = "made", .size = sizeof(cell), .base = &final_type};
  type = ouro_type_new(&description);
  cell *self = cell_of(type, 4);
  ouro_type_release(type);
  self->finalizing = survive;
  drop(self);
  assert_string_equal(test_log(), "~4");
  assert_string_equal(ouro_type_of(survivor(0))->name, "made"); /* it was resurrected, and its type with it */
  survivors_drop();
  assert_string_equal(test_log(), "-4");
  assert_int_equal(blocks_live(), before);
}

static void a_static_type_is_not_released(void **state) {
  (void)state;
  ouro_type_release(&cell_type);
  drop(cell_new(6));
  assert_string_equal(test_log(), "-6");
}

static void many_types_come_and_go(void **state) {
  (void)state;
  size_t before = blocks_live();
  for (size_t i = 0; i < test_count(5000, 500); i++) {
    char name[32];
    snprintf(name, sizeof name, "made%zu", i);
    ouro_type *type = type_from_a_passing_description(name, NULL);
    cell *self = cell_of(type, 0);
    ouro_type_release(type);
    assert_string_equal(ouro_type_of(self)->name, name);
    drop(self);
  }
  assert_int_equal(blocks_live(), before);
}

/* ---------------------------------------------------------------- a release that releases what is shown */

/* A slot that only its own functions know of. */
typedef struct hidden {
  ouro_object base;
  OURO_OWNED(void) held;
} hidden;

static void show_hidden(void *self, ouro_visitor *visitor) { ouro_visit(visitor, &((hidden *)self)->held); }
static void release_hidden(void *self) { ouro_xdecref(((hidden *)self)->held); }
static void release_nothing(void *self) { (void)self; }

static ouro_type hidden_type = {
    .name = "hidden", .size = sizeof(hidden), .visit = show_hidden, .release = release_hidden, .flags = OURO_TYPE_RELEASES};
static ouro_type derived_hidden_type = {.name = "derived hidden", .size = sizeof(hidden), .base = &hidden_type};

static void what_a_release_releases_is_released_once(void **state) {
  (void)state;
  ouro_type *const types[] = {&hidden_type, &derived_hidden_type};
  for (int i = 0; i < 2; i++) {
    hidden *first = ouro_borrow(ouro_new(types[i])), *second = ouro_borrow(ouro_new(types[i]));
    first->held = ouro_adopt(second);
    ouro_decref(ouro_adopt(first));
    assert_int_equal(test_live_of(types[i]), 0);
  }
}

static void what_a_release_releases_is_found_in_cycles(void **state) {
  (void)state;
  hidden *first = ouro_borrow(ouro_new(&hidden_type)), *second = ouro_borrow(ouro_new(&hidden_type));
  first->held = ouro_adopt(second);
  second->held = ouro_adopt(first);
  assert_int_equal(ouro_gc_collect(2), 2);
  assert_int_equal(test_live_of(&hidden_type), 0);
}

static void a_release_that_is_to_release_needs_a_visit_function_and_no_base(void **state) {
  (void)state;
  static ouro_type blind = {.name = "blind", .size = sizeof(hidden), .release = release_nothing, .flags = OURO_TYPE_RELEASES};
  static ouro_type two = {.name = "two", .size = sizeof(hidden), .base = &hidden_type, .visit = show_hidden, .release = release_nothing,
                          .flags = OURO_TYPE_RELEASES};
  check_refused(&blind, "it is to release what it shows, and has no visit function or no release");
  check_refused(&two, "it is to release what it shows, and its base has functions too");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(a_right_type_passes_and_leaves_the_text_empty),
      OBJECT_TEST(no_type_is_refused),
      OBJECT_TEST(a_type_without_a_name_is_refused),
      OBJECT_TEST(a_size_below_that_of_the_header_is_refused),
      OBJECT_TEST(a_size_without_measure_is_refused),
      OBJECT_TEST(a_slot_outside_the_size_is_refused),
      OBJECT_TEST(a_slot_over_the_header_is_refused),
      OBJECT_TEST(a_misaligned_slot_is_refused),
      OBJECT_TEST(a_slot_that_is_listed_twice_is_refused),
      OBJECT_TEST(items_without_room_for_their_count_are_refused),
      OBJECT_TEST(owned_items_that_are_no_pointers_are_refused),
      OBJECT_TEST(a_base_that_does_not_fit_is_refused),
      OBJECT_TEST(what_is_wrong_with_a_base_is_said_of_the_type),
      OBJECT_TEST(a_type_that_is_its_own_base_is_refused),
      OBJECT_TEST(a_loop_among_the_bases_is_refused),
      OBJECT_TEST(a_chain_of_64_bases_is_allowed_and_no_longer_one),
      OBJECT_TEST(flags_that_contradict_are_refused),
      OBJECT_TEST(a_description_in_a_place_that_headers_cannot_hold_is_refused),
      OBJECT_TEST(a_refused_type_may_be_mended),
      OBJECT_TEST(each_way_to_make_an_object_takes_the_types_that_it_says),
      OBJECT_TEST(a_new_object_is_all_zero),
      OBJECT_TEST(an_object_knows_its_type),
      OBJECT_TEST(an_object_of_two_references_takes_32_bytes),
      OBJECT_TEST(a_confined_object_takes_16_bytes_more),
      OBJECT_TEST(a_confined_object_has_no_extra_bytes),
      OBJECT_TEST(confined_is_inherited),
      OBJECT_TEST(slots_are_cleared_in_the_order_of_the_list),
      OBJECT_TEST(scattered_slots_are_visited),
      OBJECT_TEST(an_object_goes_in_the_promised_order),
      OBJECT_TEST(a_type_without_anything_of_its_own_inherits_all),
      OBJECT_TEST(derived_slots_keep_their_cycles_no_secret),
      OBJECT_TEST(acyclic_and_immutable_are_not_inherited),
      OBJECT_TEST(uncollectable_and_tracked_are_inherited),
      OBJECT_TEST(tagged_words_are_owned_and_cleared_to_what_they_say),
      OBJECT_TEST(a_cycle_through_tagged_words_is_found),
      OBJECT_TEST(references_outside_the_object_are_owned),
      OBJECT_TEST(a_cycle_through_references_outside_is_found),
      OBJECT_TEST(a_type_is_made_from_a_description_that_passes_away),
      OBJECT_TEST(a_released_type_is_freed_at_once_where_it_has_no_instance),
      OBJECT_TEST(a_released_type_goes_with_its_last_instance),
      OBJECT_TEST(an_instance_that_goes_in_a_cycle_takes_its_type_along),
      OBJECT_TEST(a_type_outlives_its_instances_where_its_maker_holds_it),
      OBJECT_TEST(a_type_lives_as_long_as_types_derived_from_it),
      OBJECT_TEST(a_derived_type_counts_its_own_instances_alone),
      OBJECT_TEST(a_type_may_be_released_by_the_finalizer_of_its_last_instance),
      OBJECT_TEST(a_static_type_is_not_released),
      OBJECT_TEST(many_types_come_and_go),
      OBJECT_TEST(what_a_release_releases_is_released_once),
      OBJECT_TEST(what_a_release_releases_is_found_in_cycles),
      OBJECT_TEST(a_release_that_is_to_release_needs_a_visit_function_and_no_base),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
