/* tests/object/test_items.c - objects with a variable part: items that are owned references or plain bytes, extra bytes for
 * an embedder, and objects from 16 bytes to several mebibytes.
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka. */
#include "object/objects.h"

#include <errno.h>

#define KIB ((size_t)1024)
#define MIB (KIB * 1024)

/* Bytes as items, as strings are made. */
typedef struct bytes {
  ouro_var base;
  char text[];
} bytes;

static ouro_type bytes_type = {.name = "bytes", .size = sizeof(bytes), .item_size = 1};

/* Items of 24 bytes of which one word is a reference, shown by a visit function. */
typedef struct entry {
  size_t key;
  OURO_OWNED(void) value;
  size_t more;
} entry;

typedef struct table {
  ouro_var base;
  OURO_OWNED(void) fixed;
  entry entries[];
} table;

static void show_entries(void *object, ouro_visitor *visitor) {
  table *self = object;
  for (size_t i = 0; i < self->base.count; i++) {
    ouro_visit(visitor, &self->entries[i].value);
  }
}

static ouro_type table_type = {
    .name = "table",
    .size = sizeof(table),
    .item_size = sizeof(entry),
    .references = OURO_REFERENCES(offsetof(table, fixed)),
    .visit = show_entries,
};

/* A fixed slot, owned items, and a slot outside that is shown: all three kinds of references in one type. */
typedef struct mixed {
  ouro_var base;
  OURO_OWNED(void) fixed;
  OURO_OWNED(void) * outside;
  OURO_OWNED(void) items[];
} mixed;

static void show_outside(void *object, ouro_visitor *visitor) {
  mixed *self = object;
  if (self->outside != NULL) {
    ouro_visit(visitor, self->outside);
  }
}

static void free_outside(void *self) {
  test_note("free");
  ouro_free(((mixed *)self)->outside);
}

static ouro_type mixed_type = {
    .name = "mixed",
    .size = sizeof(mixed),
    .item_size = sizeof(void *),
    .references = OURO_REFERENCES(offsetof(mixed, fixed)),
    .visit = show_outside,
    .release = free_outside,
    .flags = OURO_TYPE_ITEMS,
};

/* ---------------------------------------------------------------- items */

static void items_are_counted_and_zero(void **state) {
  (void)state;
  static const size_t counts[] = {0, 1, 2, 3, 7, 61, 62, 63, 64, 1000};
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
    list *self = list_new(counts[i]);
    assert_int_equal(self->base.count, counts[i]);
    assert_true(ouro_object_size(self) >= sizeof(list) + counts[i] * sizeof(void *));
    for (size_t j = 0; j < counts[i]; j++) {
      assert_null(list_at(self, j));
    }
    drop(self);
  }
}

static void items_go_with_their_object_in_order(void **state) {
  (void)state;
  list *self = list_new(5);
  for (int i = 0; i < 5; i++) {
    ouro_movref(&self->items[i], ouro_adopt(leaf_new(i + 1)));
  }
  OBJECTS_ARE_SOUND();
  drop(self);
  assert_string_equal(test_log(), "-1 -2 -3 -4 -5");
}

static void empty_items_among_others_are_passed_over(void **state) {
  (void)state;
  list *self = list_new(100);
  ouro_movref(&self->items[3], ouro_adopt(leaf_new(3)));
  ouro_movref(&self->items[99], ouro_adopt(leaf_new(99)));
  OBJECTS_ARE_SOUND();
  ouro_gc_collect(2);
  drop(self);
  assert_string_equal(test_log(), "-3 -99");
}

static void a_cycle_through_the_last_item_is_found(void **state) {
  (void)state;
  static const size_t counts[] = {1, 2, 16, 500, 5000};
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
    list *self = list_new(counts[i]);
    list_put(self, counts[i] - 1, self);
    OBJECTS_ARE_SOUND();
    assert_int_equal(ouro_gc_collect(0), 0);
    drop(self);
    assert_int_equal(ouro_gc_collect(2), 1);
  }
}

static void all_kinds_of_references_go_in_the_promised_order(void **state) {
  (void)state;
  mixed *self = ouro_borrow(ouro_new_var(&mixed_type, 3));
  ouro_movref(&self->fixed, ouro_adopt(leaf_new(1)));
  for (int i = 0; i < 3; i++) {
    ouro_movref(&self->items[i], ouro_adopt(leaf_new(2 + i)));
  }
  self->outside = ouro_calloc(1, sizeof *self->outside);
  ouro_movref(self->outside, ouro_adopt(leaf_new(5)));
  OBJECTS_ARE_SOUND();
  drop(self);
  assert_string_equal(test_log(), "-1 -2 -3 -4 -5 free");
}

static void a_cycle_is_found_through_each_kind_of_reference(void **state) {
  (void)state;
  for (int kind = 0; kind < 4; kind++) {
    mixed *self = ouro_borrow(ouro_new_var(&mixed_type, 3));
    self->outside = ouro_calloc(1, sizeof *self->outside);
    ouro_slot slots[] = {&self->fixed, &self->items[0], &self->items[2], self->outside};
    ouro_setref(slots[kind], self);
    OBJECTS_ARE_SOUND();
    drop(self);
    assert_string_equal(test_log(), "");
    assert_int_equal(ouro_gc_collect(0), 1);
    assert_string_equal(test_log(), "free");
  }
}

static void items_with_references_among_other_words_are_visited(void **state) {
  (void)state;
  table *self = ouro_borrow(ouro_new_var(&table_type, 40));
  ouro_setref(&self->fixed, self);
  for (int i = 0; i < 40; i++) {
    self->entries[i].key = self->entries[i].more = SIZE_MAX - (size_t)i;
    ouro_movref(&self->entries[i].value, ouro_adopt(i % 2 == 0 ? (void *)leaf_new(1) : (void *)cell_new(1)));
  }
  ouro_setref(&((cell *)ouro_borrow(self->entries[1].value))->a, self);
  OBJECTS_ARE_SOUND();
  drop(self);
  assert_int_equal(ouro_gc_collect(0), 1 + 20);
  char expected[256] = "";
  for (int i = 0; i < 40; i++) {
    strcat(expected, i == 0 ? "-1" : " -1");
  }
  assert_string_equal(test_log(), expected);
}

static void items_of_bytes_hold_no_references(void **state) {
  (void)state;
  bytes *self = ouro_borrow(ouro_new_var(&bytes_type, 1000));
  assert_int_equal(self->base.count, 1000);
  assert_true(test_all_bytes(self->text, 0, 1000));
  test_fill(self->text, 1000, 7);
  assert_false(ouro_gc_is_tracked(self));
  OBJECTS_ARE_SOUND();
  assert_true(test_holds(self->text, 1000, 7));
  drop(self);
}

static void immutable_items_are_tracked_only_where_they_must_be(void **state) {
  (void)state;
  cell *tracked = cell_new(0);
  leaf *untracked = leaf_new(0);
  list *first = tuple_of(tracked, untracked, NULL);
  list *second = tuple_of(untracked, untracked, NULL);
  ouro_gc_collect(2);
  assert_true(ouro_gc_is_tracked(first));
  assert_false(ouro_gc_is_tracked(second));
  drop(first);
  drop(second);
  drop(tracked);
  drop(untracked);
}

static void a_number_of_items_beyond_measure_is_no_memory(void **state) {
  (void)state;
  static const size_t counts[] = {
      SIZE_MAX, SIZE_MAX / 8, SIZE_MAX / 8 + 1, SIZE_MAX / 8 - 2, (size_t)PTRDIFF_MAX / 8, (size_t)1 << 60};
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
    errno = 0;
    assert_null(ouro_borrow(ouro_new_var(&list_type, test_opaque_size(counts[i]))));
    assert_int_equal(errno, ENOMEM);
    errno = 0;
    assert_null(ouro_borrow(ouro_new_extra(&list_type, test_opaque_size(counts[i]), SIZE_MAX / 2)));
    assert_int_equal(errno, ENOMEM);
  }
  errno = 0;
  assert_null(ouro_borrow(ouro_new_extra(&cell_type, 0, test_opaque_size(SIZE_MAX))));
  assert_int_equal(errno, ENOMEM);
  errno = 0;
  assert_null(ouro_borrow(ouro_new_extra(&list_type, 3, test_opaque_size(SIZE_MAX - 40))));
  assert_int_equal(errno, ENOMEM);
}

/* ---------------------------------------------------------------- extra bytes */

/* Where nothing but ouro_extra looks: behind all else, aligned, zero, and untouched by the rest. */
static void check_extra(void *self, char *end, size_t extra) {
  char *place = ouro_extra(self);
  assert_non_null(place);
  assert_int_equal((uintptr_t)place % 16, 0);
  assert_true(place >= end);
  assert_true(place + extra <= (char *)self + ouro_object_size(self));
  assert_true(test_all_bytes(place, 0, extra));
  test_fill(place, extra, 5);
}

static void extra_bytes_are_behind_the_object(void **state) {
  (void)state;
  static const size_t extras[] = {1, 8, 16, 17, 100, 4096, 100000};
  for (size_t i = 0; i < sizeof extras / sizeof extras[0]; i++) {
    cell *self = ouro_borrow(ouro_new_extra(&cell_type, 0, extras[i]));
    check_extra(self, (char *)(self + 1), extras[i]);
    ouro_movref(&self->c, ouro_adopt(leaf_new(3)));
    ouro_setref(&self->a, self);
    self->number = 4;
    OBJECTS_ARE_SOUND();
    ouro_gc_collect(2);
    assert_true(test_holds(ouro_extra(self), extras[i], 5));
    drop(self);
    assert_int_equal(ouro_gc_collect(2), 1);
    assert_string_equal(test_log(), "-3 -4");
  }
}

static void extra_bytes_are_behind_the_items(void **state) {
  (void)state;
  for (size_t count = 0; count < 40; count++) {
    list *self = ouro_borrow(ouro_new_extra(&list_type, count, 40));
    assert_int_equal(self->base.count, count);
    for (size_t i = 0; i < count; i++) {
      assert_null(list_at(self, i));
      ouro_movref(&self->items[i], ouro_adopt(leaf_new(0)));
    }
    check_extra(self, (char *)&self->items[count], 40);
    OBJECTS_ARE_SOUND();
    drop(self);
  }
}

static void extra_bytes_hold_no_references(void **state) {
  (void)state;
  cell *self = ouro_borrow(ouro_new_extra(&cell_type, 0, sizeof(void *)));
  cell *other = cell_new(1);
  void *place = ouro_extra(self);
  memcpy(place, &other, sizeof other); /* an embedder's own note of an object that he does not own */
  OBJECTS_ARE_SOUND();
  drop(self);
  assert_string_equal(test_log(), "");
  drop(other);
}

typedef struct extended {
  ouro_object base;
  size_t x, y;
} extended;

static void show_extra(void *self, ouro_visitor *visitor) { ouro_visit(visitor, ouro_extra(self)); }

static ouro_type extended_type = {.name = "extended", .size = sizeof(extended), .visit = show_extra};

static void extra_bytes_may_be_shown_by_the_type(void **state) {
  (void)state;
  extended *self = ouro_borrow(ouro_new_extra(&extended_type, 0, sizeof(void *)));
  self->x = 10;
  self->y = 20;
  ouro_slot extra = ouro_extra(self);
  ouro_movref(extra, ouro_adopt(cell_new(30)));
  assert_int_equal(self->x, 10);
  assert_int_equal(self->y, 20);
  ouro_clear(extra);
  assert_string_equal(test_log(), "-30");
  ouro_setref(extra, self);
  OBJECTS_ARE_SOUND();
  drop(self);
  assert_int_equal(ouro_gc_collect(0), 1);
}

/* ---------------------------------------------------------------- sizes */

static void objects_of_every_size_are_made_and_go(void **state) {
  (void)state;
  for (size_t size = 16; size <= 9 * KIB; size += size < 600 ? 8 : 120) {
    ouro_type description = {.name = "sized", .size = size};
    ouro_type *type = ouro_type_new(&description);
    assert_non_null(type);
    char *first = ouro_borrow(ouro_new(type));
    char *second = ouro_borrow(ouro_new(type));
    assert_true(ouro_object_size(first) >= size);
    assert_true(test_all_bytes(first + 16, 0, size - 16));
    test_fill(first + 16, size - 16, 1);
    test_fill(second + 16, size - 16, 2);
    assert_true(test_holds(first + 16, size - 16, 1));
    assert_ptr_equal(ouro_type_of(first), type);
    OBJECTS_ARE_SOUND();
    drop(first);
    drop(second);
    ouro_type_release(type);
  }
}

static const size_t big_counts[] = {1000, 1024, 1100, 2048, 4096, 8185, 8192, 100000, 131072, 500000, 1000000};
enum { BIG = sizeof big_counts / sizeof big_counts[0] };

static void big_objects_own_their_items(void **state) {
  (void)state;
  for (size_t i = 0; i < BIG; i++) {
    size_t count = big_counts[i];
    list *self = list_new(count);
    assert_true(ouro_object_size(self) >= sizeof(list) + count * sizeof(void *));
    assert_true(ouro_gc_is_tracked(self));
    assert_null(list_at(self, 0));
    assert_null(list_at(self, count - 1));
    ouro_movref(&self->items[0], ouro_adopt(leaf_new(1)));
    ouro_movref(&self->items[count / 2], ouro_adopt(leaf_new(2)));
    ouro_movref(&self->items[count - 1], ouro_adopt(leaf_new(3)));
    OBJECTS_ARE_SOUND();
    drop(self);
    assert_string_equal(test_log(), "-1 -2 -3");
  }
}

static void big_objects_in_cycles_are_collected(void **state) {
  (void)state;
  for (size_t i = 0; i < BIG; i++) {
    list *self = list_new(big_counts[i]);
    list *other = list_new(big_counts[BIG - 1 - i]);
    list_put(self, big_counts[i] - 1, other);
    list_put(other, 0, self);
    ouro_movref(&self->items[1], ouro_adopt(leaf_new(1)));
    drop(other);
    assert_int_equal(ouro_gc_collect((int)(i % 3)), 0);
    assert_true(is_in(i % 3 == 0 ? 1 : 2, self));
    OBJECTS_ARE_SOUND();
    drop(self);
    assert_int_equal(ouro_gc_collect(2), 2);
    assert_string_equal(test_log(), "-1");
  }
}

static void a_big_object_that_is_full_is_freed_with_all(void **state) {
  (void)state;
  size_t count = test_count(1000000, 20000);
  list *self = list_new(count);
  for (size_t i = 0; i < count; i++) {
    ouro_movref(&self->items[i], ouro_adopt(cell_new(0)));
    if (i % 3 == 0) {
      ouro_setref(&((cell *)list_at(self, i))->a, self);
    }
  }
  OBJECTS_ARE_SOUND();
  drop(self);
  assert_int_equal(ouro_gc_collect(2), 1 + count);
}

static void big_objects_without_references_are_not_tracked(void **state) {
  (void)state;
  bytes *self = ouro_borrow(ouro_new_var(&bytes_type, 5 * MIB));
  assert_false(ouro_gc_is_tracked(self));
  assert_true(ouro_object_size(self) >= 5 * MIB);
  test_fill_sparse(self->text, 5 * MIB, 3);
  OBJECTS_ARE_SOUND();
  assert_true(test_is_live(self));
  assert_true(test_holds_sparse(self->text, 5 * MIB, 3));
  drop(self);
}

static void big_objects_have_weak_references_finalizers_and_extra_bytes(void **state) {
  (void)state;
  static ouro_type big_type = {.name = "big", .size = 64 * KIB, .base = &final_type};
  cell *self = ouro_borrow(ouro_new_extra(&big_type, 0, 1 * MIB));
  self->number = 1;
  self->finalizing = survive;
  ouro_weak *weak = weak_to(self);
  test_fill_sparse(ouro_extra(self), 1 * MIB, 9);
  drop(self);
  assert_true(weak_is(weak, self));
  assert_string_equal(test_log(), "~1");
  assert_true(test_holds_sparse(ouro_extra(self), 1 * MIB, 9));
  OBJECTS_ARE_SOUND();
  survivors_drop();
  assert_true(weak_is(weak, NULL));
  assert_string_equal(test_log(), "-1");
  drop(weak);
}

static void memory_of_big_objects_comes_back(void **state) {
  (void)state;
  ouro_heap_stats before = {.struct_size = sizeof before};
  ouro_heap_stats after = {.struct_size = sizeof after};
  assert_int_equal(ouro_heap_stats_get(&before), OURO_OK);
  for (int round = 0; round < 50; round++) {
    list *self = list_new(200000);
    list_put(self, 0, self);
    drop(self);
    assert_int_equal(ouro_gc_collect(0), 1);
  }
  assert_int_equal(ouro_heap_stats_get(&after), OURO_OK);
  assert_int_equal(after.bytes_large, before.bytes_large);
  assert_int_equal(after.blocks_live, before.blocks_live);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(items_are_counted_and_zero),
      OBJECT_TEST(items_go_with_their_object_in_order),
      OBJECT_TEST(empty_items_among_others_are_passed_over),
      OBJECT_TEST(a_cycle_through_the_last_item_is_found),
      OBJECT_TEST(all_kinds_of_references_go_in_the_promised_order),
      OBJECT_TEST(a_cycle_is_found_through_each_kind_of_reference),
      OBJECT_TEST(items_with_references_among_other_words_are_visited),
      OBJECT_TEST(items_of_bytes_hold_no_references),
      OBJECT_TEST(immutable_items_are_tracked_only_where_they_must_be),
      OBJECT_TEST(a_number_of_items_beyond_measure_is_no_memory),
      OBJECT_TEST(extra_bytes_are_behind_the_object),
      OBJECT_TEST(extra_bytes_are_behind_the_items),
      OBJECT_TEST(extra_bytes_hold_no_references),
      OBJECT_TEST(extra_bytes_may_be_shown_by_the_type),
      OBJECT_TEST(objects_of_every_size_are_made_and_go),
      OBJECT_TEST(big_objects_own_their_items),
      OBJECT_TEST(big_objects_in_cycles_are_collected),
      OBJECT_TEST(a_big_object_that_is_full_is_freed_with_all),
      OBJECT_TEST(big_objects_without_references_are_not_tracked),
      OBJECT_TEST(big_objects_have_weak_references_finalizers_and_extra_bytes),
      OBJECT_TEST(memory_of_big_objects_comes_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
