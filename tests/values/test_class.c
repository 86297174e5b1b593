/* tests/values/test_class.c - classes and instances: what they take, what they inherit and from whom, how they are made and how they go,
 * alone and in circles; copies; every allocation failing in turn; instances and classes made by many threads.
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka, threads. */
#include "values/classes.h"

#include <pthread.h>
#include <stdatomic.h>

GIVES(gives_1, 1)
GIVES(gives_2, 2)
GIVES(gives_3, 3)

/* ---------------------------------------------------------------- what an instance takes */

static size_t size_with(ouro_class *self, size_t attributes) {
  void *made = instance_of(self);
  for (size_t i = 0; i < attributes; i++) {
    set_number(made, name_number(i), (int64_t)i);
  }
  size_t size = ouro_object_size(made);
  drop(made);
  return size;
}

static void four_slots_take_48_bytes(void **state) {
  (void)state;
  ouro_class *of_slots = slots_class(4), *plain = dict_class(), *none = slots_class(0);
  if (!test_check_mode()) {
    assert_int_equal(size_with(of_slots, 4), 48);
    assert_int_equal(size_with(none, 0), 16);
    for (int i = 0; i < 20; i++) {
      assert_true(size_with(plain, 4) <= 96);
    }
    assert_int_equal(size_with(plain, 4), 80);
  }
  drop(of_slots);
  drop(plain);
  drop(none);
}

/* What a class has seen says how much room the next ones have. */
static void a_class_settles_for_what_it_has_seen(void **state) {
  (void)state;
  for (size_t names = 0; names <= 40; names += 5) {
    ouro_class *self = dict_class();
    void *early = instance_of(self);
    size_t room = ouro__layout_of(early)->room, seen = names < OURO__KEYS_MOST ? names : (size_t)OURO__KEYS_MOST;
    assert_true(room >= 6);
    for (size_t i = 0; i < names; i++) {
      set_number(early, name_number(i), (int64_t)i);
    }
    for (int i = 0; i < 8; i++) {
      drop(instance_of(self));
    }
    void *late = instance_of(self);
    const ouro__layout *layout = ouro__layout_of(late);
    assert_true((layout != ouro__layout_of(early)) == (names > 0));
    assert_true(layout->room >= seen + 2 && layout->room <= seen + 10);
    assert_int_equal(ouro__layout_of(early)->room, room);
    for (size_t i = 0; i < names; i++) {
      assert_int_equal(get_number(early, name_number(i)), (int64_t)i);
      assert_int_equal(get_number(late, name_number(i)), UNSET);
    }
    assert_true(ouro__class_valid(self));
    drop(early);
    drop(late);
    drop(self);
  }
}

/* Without any attribute, it waits for long, but not for ever. */
static void a_class_without_attributes_settles_late(void **state) {
  (void)state;
  ouro_class *self = dict_class();
  for (int i = 0; i < 1023; i++) {
    drop(instance_of(self));
  }
  assert_ptr_equal(self->current, &self->layouts[0]);
  drop(instance_of(self));
  assert_ptr_equal(self->current, &self->layouts[1]);
  assert_true(size_with(self, 4) <= 80 || test_check_mode());
  drop(self);
}

/* Those that come later may have more attributes: the class decides anew, some times. */
static void a_class_decides_anew(void **state) {
  (void)state;
  ouro_class *self = dict_class();
  size_t layouts[] = {2, 3, 4, 4};
  for (size_t round = 0; round < 4; round++) {
    for (int i = 0; i < 30; i++) {
      void *made = instance_of(self);
      for (size_t name = 0; name < 2 + round * 6; name++) {
        set_number(made, name_number(name), 1);
      }
      bool overflows = ouro__overflow_of(made, ouro__layout_of(made)) != NULL;
      assert_true(!overflows || (i < 10 && round > 0) || round == 3);
      drop(made);
    }
    assert_int_equal(self->layout_count, layouts[round]);
    assert_true(ouro__class_valid(self));
  }
  drop(self);
}

static void slots_and_a_dictionary_together(void **state) {
  (void)state;
  ouro_class *self = CLASS(.name = "Both", .slots = WORDS("a0", "a1"), .flags = OURO_CLASS_DICT);
  void *made = instance_of(self);
  for (size_t i = 0; i < 50; i++) {
    set_number(made, name_number(i), (int64_t)i);
  }
  for (size_t i = 0; i < 50; i++) {
    assert_int_equal(get_number(made, name_number(i)), (int64_t)i);
  }
  assert_int_equal(ouro__place_of(ouro__layout_of(made), name_number(1)), 24);
  drop(made);
  drop(self);
}

/* ---------------------------------------------------------------- inheritance */

static void the_slots_of_the_base_come_first(void **state) {
  (void)state;
  ouro_class *base = slots_class(2), *derived = CLASS(.name = "Derived", .base = base, .slots = WORDS("b0", "b1"));
  void *made = instance_of(derived), *plain = instance_of(base);
  const ouro__layout *layout = ouro__layout_of(made);
  assert_int_equal(ouro__place_of(layout, name_number(0)), 16);
  assert_int_equal(ouro__place_of(layout, name_number(1)), 24);
  assert_int_equal(ouro__place_of(layout, name_of("b0")), 32);
  assert_int_equal(ouro__place_of(layout, name_of("b1")), 40);
  assert_int_equal(ouro__place_of(ouro__layout_of(plain), name_of("b0")), 0);
  set_number(made, name_number(1), 7);
  set_number(made, name_of("b1"), 8);
  assert_int_equal(get_number(made, name_number(1)), 7);
  assert_int_equal(get_number(made, name_of("b1")), 8);
  drop(made);
  drop(plain);
  drop(derived);
  drop(base);
}

static void a_dictionary_is_inherited_with_its_names(void **state) {
  (void)state;
  ouro_class *base = dict_class();
  void *early = instance_of(base);
  for (size_t i = 0; i < 10; i++) {
    set_number(early, name_number(i), 1);
  }
  ouro_class *derived = CLASS(.name = "Derived", .base = base, .slots = WORDS("a3"));
  void *made = instance_of(derived);
  assert_int_equal(derived->key_count, 9); /* a3 is a slot there */
  assert_true(ouro__layout_of(made)->room >= 11);
  for (size_t i = 0; i < 12; i++) {
    set_number(made, name_number(i), (int64_t)i);
    assert_int_equal(get_number(made, name_number(i)), (int64_t)i);
  }
  assert_null(ouro__overflow_of(made, ouro__layout_of(made)));
  assert_true(ouro__class_valid(derived));
  drop(early);
  drop(made);
  drop(derived);
  drop(base);
}

static bool is_order(ouro_class *self, ouro_class *const *expected) {
  ouro_list *order = ouro_borrow(ouro_class_order(self));
  TEST_CHECK(order != NULL);
  size_t count = 0;
  bool same = true;
  for (; expected[count] != NULL; count++) {
    same = same && count < ouro_list_count(order) && (void *)order->items[count] == (void *)expected[count];
  }
  same = same && count == ouro_list_count(order);
  drop(order);
  return same;
}

static void the_order_is_class_mixins_base(void **state) {
  (void)state;
  ouro_class *root = CLASS(.name = "Root"), *m1 = CLASS(.name = "M1"), *m2 = CLASS(.name = "M2", .base = root);
  ouro_class *m3 = CLASS(.name = "M3"), *base = CLASS(.name = "Base", .base = root, .mixins = MIXINS(m3, m1));
  ouro_class *self = CLASS(.name = "Class", .base = base, .mixins = MIXINS(m1, m2));
  assert_true(is_order(self, MIXINS(self, m1, m2, root, base, m3)));
  assert_true(is_order(base, MIXINS(base, m3, m1, root)));
  assert_true(is_order(root, MIXINS(root)));
  assert_ptr_equal(ouro_class_base(self), base);
  assert_null(ouro_class_base(root));
  assert_string_equal(ouro_class_name(self), "Class");
  void *made = instance_of(self), *item = number(1);
  ouro_class *all[] = {self, m1, m2, m3, base, root};
  for (size_t i = 0; i < 6; i++) {
    assert_true(ouro_class_is_instance(made, all[i]) && ouro_class_is_subclass(self, all[i]));
    assert_true(all[i] == self || !ouro_class_is_subclass(all[i], self));
    assert_false(ouro_class_is_instance(item, all[i]));
  }
  assert_null(ouro_class_of(item));
  assert_null(ouro_class_of(self));
  drop(item);
  drop(made);
  for (size_t i = 0; i < 6; i++) {
    drop(all[i]);
  }
}

static void methods_are_found_along_the_order(void **state) {
  (void)state;
  ouro_class *base = CLASS(.name = "Base", .methods = METHODS({"m", gives_1}, {"n", gives_1}, {"o", gives_1}));
  ouro_class *mixin = CLASS(.name = "Mixin", .methods = METHODS({"n", gives_2}, {"o", gives_2}, {"p", gives_2}));
  ouro_class *self =
      CLASS(.name = "Class", .base = base, .mixins = MIXINS(mixin), .methods = METHODS({"o", gives_3}, {"q", gives_3}));
  void *made = instance_of(self);
  static const struct {
    const char *name;
    int64_t gives;
  } expected[] = {{"m", 1}, {"n", 2}, {"o", 3}, {"p", 2}, {"q", 3}};
  for (size_t i = 0; i < 5; i++) {
    ouro_attr_cache cache = {0};
    for (int k = 0; k < 3; k++) {
      assert_int_equal(method_number(made, name_of(expected[i].name), &cache), expected[i].gives);
    }
    assert_int_equal(method_number(made, name_of(expected[i].name), NULL), expected[i].gives);
  }
  void *result = NULL;
  assert_int_equal(ouro_method_call(made, name_of("r"), NULL, NULL, 0, &result), OURO_EKEY);
  assert_null(result);
  drop(made);
  drop(self);
  drop(mixin);
  drop(base);
}

/* ---------------------------------------------------------------- what is refused */

static void is_refused(const ouro_class_def *def, int number) {
  errno = 0;
  assert_null(ouro_borrow(ouro_class_new(def)));
  assert_int_equal(errno, number);
}
#define REFUSED(number, ...) is_refused(&(const ouro_class_def){__VA_ARGS__}, number)

static void definitions_that_cannot_be(void **state) {
  (void)state;
  ouro_class *final = CLASS(.name = "Final", .flags = OURO_CLASS_FINAL), *of_slots = slots_class(1), *plain = dict_class();
  void *item = number(100000);
  is_refused(NULL, EINVAL);
  REFUSED(EINVAL, .name = NULL);
  REFUSED(EILSEQ, .name = "\xff");
  REFUSED(EINVAL, .name = "C", .flags = 64);
  REFUSED(EINVAL, .name = "C", .base = final);
  REFUSED(EINVAL, .name = "C", .base = item);
  REFUSED(EINVAL, .name = "C", .mixins = MIXINS(of_slots));
  REFUSED(EINVAL, .name = "C", .mixins = MIXINS(plain));
  REFUSED(EINVAL, .name = "C", .mixins = MIXINS(final));
  REFUSED(EINVAL, .name = "C", .slots = WORDS("a", "b", "a"));
  REFUSED(EINVAL, .name = "C", .base = of_slots, .slots = WORDS("a0"));
  REFUSED(EILSEQ, .name = "C", .slots = WORDS("a", "\xc0"));
  REFUSED(EINVAL, .name = "C", .methods = METHODS({"m", gives_1}, {"m", gives_2}));
  REFUSED(EINVAL, .name = "C", .methods = METHODS({"m", gives_1}, {"n", NULL}));
  errno = 0;
  assert_true(ouro_borrow(ouro_instance_new(NULL)) == NULL && errno == EINVAL);
  drop(item);
  drop(final);
  drop(of_slots);
  drop(plain);
}

static void many_slots(void **state) {
  (void)state;
  static char names[OURO__SLOTS_MOST + 1][8];
  static const char *slots[OURO__SLOTS_MOST + 2];
  for (size_t i = 0; i <= OURO__SLOTS_MOST; i++) {
    snprintf(names[i], sizeof names[i], "s%zu", i);
    slots[i] = names[i];
  }
  REFUSED(EINVAL, .name = "C", .slots = slots);
  slots[OURO__SLOTS_MOST] = NULL;
  ouro_class *self = CLASS(.name = "C", .slots = slots, .flags = OURO_CLASS_DICT);
  void *made = instance_of(self);
  set_number(made, name_of("s1999"), 5);
  set_number(made, name_number(0), 6);
  assert_int_equal(get_number(made, name_of("s1999")), 5);
  assert_int_equal(get_number(made, name_number(0)), 6);
  drop(made);
  drop(self);
}

/* ---------------------------------------------------------------- calls */

/* Its argument is its attribute a0; a negative one is refused. */
static int init(void *self, void *const *args, size_t count, ouro_slot result) {
  (void)result; /* nothing to say */
  if (count != 1) {
    return OURO_EINVAL;
  }
  return value_of(args[0]) < 0 ? ouro_raise(args[0]) : ouro_attr_set(self, name_number(0), args[0]);
}

static void a_call_makes_an_instance(void **state) {
  (void)state;
  ouro_class *self = CLASS(.name = "C", .slots = WORDS("a0"), .methods = METHODS({"__init__", init})), *none = slots_class(1);
  ouro_class *derived = CLASS(.name = "D", .base = self);
  for (int64_t i = 0; i < 20; i++) {
    void *item = number(i), *made = NULL;
    assert_int_equal(ouro_call(i % 2 ? self : derived, &item, 1, &made), OURO_OK);
    assert_int_equal(get_number(made, name_number(0)), i);
    assert_ptr_equal(ouro_class_of(made), i % 2 ? self : derived);
    drop(made);
    drop(item);
  }
  void *item = number(-1), *made = NULL;
  assert_int_equal(ouro_call(self, NULL, 0, &made), OURO_EINVAL);
  assert_int_equal(ouro_call(self, &item, 1, &made), OURO_ERAISED);
  void *raised = ouro_borrow(ouro_raised_take());
  assert_ptr_equal(raised, item);
  drop(raised);
  assert_int_equal(ouro_call(none, &item, 1, &made), OURO_EINVAL);
  assert_null(made);
  assert_int_equal(ouro_call(none, NULL, 0, &made), OURO_OK);
  drop(made);
  drop(item);
  drop(derived);
  drop(self);
  drop(none);
}

/* An "__init__" that the class is given later goes before that of its definition. */
static int init_twice(void *closure, void *const *args, size_t count, ouro_slot result) {
  (void)closure;
  TEST_CHECK(count == 2);
  set_number(args[0], name_number(0), 2 * value_of(args[1]));
  OURO__SLOT_SET(result, ouro_none);
  return OURO_OK;
}

static void init_may_change(void **state) {
  (void)state;
  ouro_class *self = CLASS(.name = "C", .slots = WORDS("a0"), .methods = METHODS({"__init__", init}));
  void *item = number(21), *twice = ouro_borrow(ouro_function_new("twice", init_twice, NULL));
  for (int i = 0; i < 6; i++) {
    void *made = NULL;
    assert_int_equal(ouro_call(self, &item, 1, &made), OURO_OK);
    assert_int_equal(get_number(made, name_number(0)), i % 2 ? 42 : 21);
    assert_int_equal(i % 2 ? ouro_attr_delete_text(self, "__init__") : ouro_attr_set_text(self, "__init__", twice), OURO_OK);
    drop(made);
  }
  drop(twice);
  drop(item);
  drop(self);
}

/* ---------------------------------------------------------------- protocols */

static int equal_by_a0(void *self, void *other) {
  if (ouro_class_of(other) != ouro_class_of(self)) {
    return OURO_NOT_MINE;
  }
  return get_number(self, name_number(0)) == get_number(other, name_number(0));
}
static int hash_by_a0(void *self, uint64_t *hash) {
  *hash = (uint64_t)get_number(self, name_number(0));
  return OURO_OK;
}
static int length_5(void *self, size_t *length) {
  (void)self;
  *length = 5;
  return OURO_OK;
}
static int length_6(void *self, size_t *length) {
  (void)self;
  *length = 6;
  return OURO_OK;
}
static int repr_x(void *self, ouro_buffer *out) {
  (void)self;
  return ouro_buffer_append_text(out, "x");
}

static const ouro_protocols by_value = {.equal = equal_by_a0, .hash = hash_by_a0, .length = length_5};
static const ouro_protocols only_equal = {.equal = equal_by_a0};
static const ouro_protocols other_length = {.length = length_6, .repr = repr_x};

static void *with_a0(ouro_class *self, int64_t value) {
  void *made = instance_of(self);
  set_number(made, name_number(0), value);
  return made;
}

static void instances_have_identity(void **state) {
  (void)state;
  ouro_class *self = slots_class(1);
  void *one = with_a0(self, 1), *other = with_a0(self, 1);
  uint64_t first = 0, second = 0;
  assert_int_equal(ouro_equal(one, other), 0);
  assert_int_equal(ouro_equal(one, one), 1);
  assert_true(ouro_hash(one, &first) == OURO_OK && ouro_hash(other, &second) == OURO_OK && first != second);
  size_t length;
  assert_int_equal(ouro_length(one, &length), OURO_ETYPE);
  assert_int_equal(ouro_truth(one), 1);
  char text[64];
  snprintf(text, sizeof text, "<Slots object at 0x%zx>", (size_t)(uintptr_t)one);
  PRINTS(one, text);
  PRINTS(self, "<class 'Slots'>");
  drop(one);
  drop(other);
  drop(self);
}

static void protocols_are_inherited_one_by_one(void **state) {
  (void)state;
  ouro_class *base = CLASS(.name = "Base", .slots = WORDS("a0"), .protocols = &by_value);
  ouro_class *mixin = CLASS(.name = "Mixin", .protocols = &other_length);
  ouro_class *self = CLASS(.name = "Class", .base = base, .mixins = MIXINS(mixin));
  ouro_class *unhashable = CLASS(.name = "Unhashable", .base = self, .protocols = &only_equal);
  void *one = with_a0(self, 3), *other = with_a0(self, 3), *third = with_a0(unhashable, 3), *fourth = with_a0(base, 3);
  uint64_t hash = 0;
  size_t length = 0;
  assert_int_equal(ouro_equal(one, other), 1);
  assert_int_equal(ouro_equal(one, third), 0);
  assert_true(ouro_hash(one, &hash) == OURO_OK && hash == 3);
  assert_true(ouro_length(one, &length) == OURO_OK && length == 6);
  assert_true(ouro_length(third, &length) == OURO_OK && length == 6);
  assert_true(ouro_length(fourth, &length) == OURO_OK && length == 5);
  PRINTS(third, "x");
  assert_int_equal(ouro_hash(third, &hash), OURO_EHASH);
  void *all[] = {one, other, third, fourth, unhashable, self, mixin, base};
  for (size_t i = 0; i < 8; i++) {
    drop(all[i]);
  }
}

/* ---------------------------------------------------------------- finalizers */

static void note_a0(void *self) { test_note("~%d", (int)get_number(self, name_number(0))); }
static void note_other(void *self) { test_note("other %d", (int)get_number(self, name_number(0))); }
static void come_back(void *self) {
  test_note("back");
  test_survivors[test_survivor_count++] = ouro_newref(self);
}

static void finalizers_are_called_once_with_all_there(void **state) {
  (void)state;
  ouro_class *base = CLASS(.name = "Base", .slots = WORDS("a0", "a1"), .finalize = note_a0);
  ouro_class *mixin = CLASS(.name = "Mixin", .finalize = note_other);
  ouro_class *derived = CLASS(.name = "Derived", .base = base), *mixed = CLASS(.name = "Mixed", .base = base, .mixins = MIXINS(mixin));
  drop(with_a0(base, 1));
  drop(with_a0(derived, 2));
  drop(with_a0(mixed, 3));
  assert_string_equal(test_log(), "~1 ~2 other 3");
  void *one = with_a0(derived, 4), *other = with_a0(mixed, 5);
  assert_true(ouro_attr_set(one, name_number(1), other) == OURO_OK && ouro_attr_set(other, name_number(1), one) == OURO_OK);
  drop(one);
  drop(other);
  assert_string_equal(test_log(), "");
  ouro_gc_collect(2);
  assert_string_equal(test_log_sorted(), "5 other ~4");
  drop(base);
  drop(mixin);
  drop(derived);
  drop(mixed);
}

static void a_finalizer_may_bring_it_back(void **state) {
  (void)state;
  ouro_class *self = CLASS(.name = "C", .flags = OURO_CLASS_DICT, .finalize = come_back);
  drop(with_a0(self, 1));
  drop(self);
  ouro_gc_collect(2);
  assert_string_equal(test_log(), "back");
  assert_int_equal(test_survivor_count, 1);
  void *again = survivor(0);
  assert_int_equal(get_number(again, name_number(0)), 1);
  assert_string_equal(ouro_class_name(ouro_class_of(again)), "C");
  survivors_drop();
  assert_string_equal(test_log(), "");
}

/* ---------------------------------------------------------------- how classes go */

static void a_class_goes_after_its_last_instance(void **state) {
  (void)state;
  size_t live = test_live_of(&ouro_class_type);
  ouro_class *base = slots_class(1), *self = CLASS(.name = "C", .base = base);
  ouro_weak *weak = weak_to(self);
  void *made = with_a0(self, 1);
  drop(base);
  drop(self);
  for (int i = 0; i < 2; i++) {
    ouro_gc_collect(2);
    assert_int_equal(test_live_of(&ouro_class_type), live + 2);
  }
  assert_true(weak_is(weak, self));
  assert_int_equal(get_number(made, name_number(0)), 1);
  drop(made);
  assert_int_equal(test_live_of(&ouro_class_type), live + 2);
  ouro_gc_collect(2);
  assert_int_equal(test_live_of(&ouro_class_type), live);
  assert_true(weak_is(weak, NULL));
  drop(weak);
}

/* class -> attribute -> instance -> class, with all that a class may have. */
static void circles_through_classes_are_found(void **state) {
  (void)state;
  for (int kind = 0; kind < 4; kind++) {
    size_t live = test_live();
    ouro_class *base = dict_class();
    ouro_class *self = CLASS(.name = "C", .base = base, .finalize = kind & 1 ? note_a0 : NULL, .methods = METHODS({"m", gives_1}));
    void *made = with_a0(self, 7), *of_base = instance_of(base);
    ouro_weak *weak = weak_to(made);
    assert_int_equal(ouro_attr_set_text(kind & 2 ? base : self, "shared", made), OURO_OK);
    assert_int_equal(ouro_attr_set_text(made, "m2", of_base), OURO_OK);
    assert_int_equal(ouro_attr_set_text(made, "of", self), OURO_OK);
    void *bound = NULL;
    assert_int_equal(ouro_attr_get_text(made, "m", &bound), OURO_OK);
    assert_int_equal(ouro_attr_set_text(made, "bound", bound), OURO_OK);
    drop(bound);
    drop(of_base);
    drop(base);
    drop(self);
    ouro_gc_collect(2);
    assert_true(weak_is(weak, made));
    drop(made);
    ouro_gc_collect(2);
    ouro_gc_collect(2);
    assert_true(weak_is(weak, NULL));
    drop(weak);
    assert_int_equal(test_live(), live);
    assert_string_equal(test_log(), kind & 1 ? "~7" : "");
  }
}

static void instances_are_referred_to_weakly(void **state) {
  (void)state;
  ouro_class *self = dict_class();
  void *made = with_a0(self, 1);
  ouro_weak *weak = weak_noting(made, "gone");
  assert_true(weak_is(weak, made));
  drop(made);
  assert_true(weak_is(weak, NULL));
  assert_string_equal(test_log(), "gone");
  drop(weak);
  drop(self);
}

/* ---------------------------------------------------------------- what is told of them */

static bool lists(ouro_dict *attrs, const char *expected) {
  char text[512] = "";
  size_t cursor = 0, length = 0;
  void *key, *value;
  while (ouro_dict_next(attrs, &cursor, &key, &value) == 1) {
    length += (size_t)snprintf(text + length, sizeof text - length, "%s ", ouro_str_text(key));
    drop(key);
    drop(value);
  }
  if (strcmp(text, expected) != 0) {
    print_message("# %s\n", text);
  }
  drop(attrs);
  return strcmp(text, expected) == 0;
}

static void attributes_are_listed(void **state) {
  (void)state;
  ouro_class *self = CLASS(.name = "C", .slots = WORDS("s1", "s2"), .flags = OURO_CLASS_DICT,
                           .methods = METHODS({"m", gives_1}, {"n", gives_2}));
  void *first = instance_of(self), *second = instance_of(self);
  assert_true(lists(ouro_borrow(ouro_instance_attrs(first)), ""));
  set_number(first, name_of("x"), 1);
  set_number(first, name_of("y"), 2);
  set_number(second, name_of("y"), 1);
  set_number(second, name_of("x"), 2);
  set_number(second, name_of("s2"), 2);
  assert_true(lists(ouro_borrow(ouro_instance_attrs(first)), "x y "));
  assert_true(lists(ouro_borrow(ouro_instance_attrs(second)), "s2 x y "));
  for (size_t i = 0; i < 12; i++) {
    set_number(second, name_number(i), 1);
  }
  assert_non_null(ouro__overflow_of(second, ouro__layout_of(second)));
  assert_true(lists(ouro_borrow(ouro_instance_attrs(second)), "s2 x y a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 a10 a11 "));
  set_number(self, name_of("m"), 1);
  set_number(self, name_of("z"), 1);
  assert_true(lists(ouro_borrow(ouro_class_attrs(self)), "m n z "));
  errno = 0;
  assert_true(ouro_borrow(ouro_instance_attrs(self)) == NULL && errno == ENOTSUP);
  drop(first);
  drop(second);
  drop(self);
}

static void sizes_are_told(void **state) {
  (void)state;
  ouro_class *self = dict_class();
  void *made = with_a0(self, 123456789);
  size_t deep = 0;
  assert_int_equal(ouro_sizeof(made), ouro_object_size(made));
  assert_true(ouro_sizeof(self) > sizeof(ouro_class));
  assert_int_equal(ouro_sizeof_deep(made, &deep), OURO_OK);
  assert_true(deep > ouro_sizeof(made) && deep < ouro_sizeof(made) + 100);
  drop(made);
  drop(self);
}

/* ---------------------------------------------------------------- copies */

static void *attr(void *object, size_t number) {
  void *value = NULL;
  TEST_CHECK(ouro_attr_get(object, name_number(number), &value) == OURO_OK);
  drop(value); /* the object holds it */
  return value;
}

static void instances_are_copied(void **state) {
  (void)state;
  ouro_class *self = CLASS(.name = "C", .slots = WORDS("a0"), .flags = OURO_CLASS_DICT);
  for (size_t names = 1; names < 40; names += 12) {
    void *made = instance_of(self);
    for (size_t i = 0; i < names; i++) {
      ouro_list *pair = NUMBERS(1, 2);
      assert_int_equal(ouro_attr_set(made, name_number(i), pair), OURO_OK);
      drop(pair);
    }
    assert_int_equal(ouro_attr_set(made, name_number(50), made), OURO_OK);
    void *shallow = ouro_borrow(ouro_copy(made)), *deep = ouro_borrow(ouro_deepcopy(made));
    TEST_CHECK(shallow != NULL && deep != NULL && ouro_class_of(shallow) == self && ouro_class_of(deep) == self);
    for (size_t i = 0; i < names; i++) {
      assert_ptr_equal(attr(shallow, i), attr(made, i));
      assert_ptr_not_equal(attr(deep, i), attr(made, i));
      assert_int_equal(ouro_equal(attr(deep, i), attr(made, i)), 1);
    }
    assert_ptr_equal(attr(shallow, 50), made);
    assert_ptr_equal(attr(deep, 50), deep);
    set_number(shallow, name_number(names - 1), 9);
    set_number(deep, name_number(names - 1), 9);
    assert_true(ouro_is_list(attr(made, names - 1)));
    assert_int_equal(ouro_attr_delete(made, name_number(50)), OURO_OK);
    assert_int_equal(ouro_attr_delete(deep, name_number(50)), OURO_OK);
    drop(made);
    drop(shallow);
    drop(deep);
  }
  void *copy = ouro_borrow(ouro_deepcopy(self));
  assert_ptr_equal(copy, self);
  drop(copy);
  drop(self);
}

/* ---------------------------------------------------------------- every allocation failing in turn */

#ifdef OURO_FAULTS
typedef struct scene {
  ouro_class *base, *self;
  void *made;
  size_t live, names;
} scene;

static int try_class(void *arg) {
  scene *it = arg;
  it->self = ouro_borrow(ouro_class_new(&(const ouro_class_def){.name = "D",
                                                                .base = it->base,
                                                                .slots = WORDS("new1", "new2"),
                                                                .methods = METHODS({"new3", gives_2}, {"m", gives_3})}));
  return it->self ? OURO_OK : ouro_code_of_errno(errno);
}
static bool nothing_is_left(void *arg) {
  const scene *it = arg;
  return test_live() == it->live && ouro_interned_count() == it->names;
}

static int try_instance(void *arg) {
  scene *it = arg;
  it->made = NULL;
  return ouro_call(it->self, NULL, 0, &it->made);
}

static int try_many_attributes(void *arg) {
  const scene *it = arg;
  int code = OURO_OK;
  for (size_t i = 0; i < 40 && !code; i++) {
    code = ouro_attr_set(it->made, name_number(i), ouro_none);
  }
  return code;
}
static bool class_is_sound(void *arg) { return ouro__class_valid(((const scene *)arg)->self); }

static int try_copies(void *arg) {
  const scene *it = arg;
  void *shallow = ouro_borrow(ouro_copy(it->made)), *deep = shallow ? ouro_borrow(ouro_deepcopy(it->made)) : NULL;
  void *attrs = deep ? ouro_borrow(ouro_instance_attrs(it->made)) : NULL, *more = attrs ? ouro_borrow(ouro_class_attrs(it->self)) : NULL;
  void *order = more ? ouro_borrow(ouro_class_order(it->self)) : NULL;
  int code = order ? OURO_OK : ouro_code_of_errno(errno);
  void *all[] = {shallow, deep, attrs, more, order};
  for (size_t i = 0; i < 5; i++) {
    if (all[i] != NULL) {
      drop(all[i]);
    }
  }
  return code;
}

/* Two layouts: where there is no memory for the second one, instances are made all the same. */
static int try_to_settle(void *arg) {
  const scene *it = arg;
  for (int i = 0; i < 9; i++) {
    void *made = ouro_borrow(ouro_instance_new(it->base));
    if (made == NULL) {
      return ouro_code_of_errno(errno);
    }
    drop(made);
  }
  return OURO_OK;
}

static void each_allocation_may_fail(void **state) {
  (void)state;
  for (size_t i = 0; i < NAMES; i++) {
    name_number(i);
  }
  scene it = {.base = CLASS(.name = "B", .flags = OURO_CLASS_DICT, .methods = METHODS({"m", gives_1}))};
  void *early = with_a0(it.base, 1);
  it.live = test_live();
  it.names = ouro_interned_count();
  fail_each(try_class, nothing_is_left, &it);
  fail_each(try_instance, class_is_sound, &it);
  fail_each(try_many_attributes, class_is_sound, &it);
  for (size_t i = 0; i < 40; i++) {
    assert_ptr_equal(attr(it.made, i), ouro_none);
  }
  fail_each(try_copies, class_is_sound, &it);
  fail_each(try_to_settle, class_is_sound, &it);
  drop(early);
  drop(it.made);
  drop(it.self);
  drop(it.base);
}
#endif

/* ---------------------------------------------------------------- threads */

typedef struct crowd {
  ouro_class *self;
  pthread_barrier_t start;
  size_t rounds;
} crowd;

static void *make_many(void *arg) {
  crowd *it = arg;
  pthread_barrier_wait(&it->start);
  ouro_attr_cache caches[6] = {{0}};
  for (size_t i = 0; i < it->rounds; i++) {
    void *made = ouro_borrow(ouro_instance_new(it->self)), *item = number((int64_t)i);
    TEST_CHECK(made != NULL);
    for (size_t k = 0; k < 6; k++) {
      TEST_CHECK(ouro_attr_set_cached(made, name_number(k), &caches[k], item) == OURO_OK);
      TEST_CHECK(ouro_attr_set(made, name_number(10 + (k + i) % 40), item) == OURO_OK);
    }
    for (size_t k = 0; k < 6; k++) {
      void *value = NULL;
      TEST_CHECK(ouro_attr_get_cached(made, name_number(k), &caches[k], &value) == OURO_OK && value_of(value) == (int64_t)i);
      drop(value);
    }
    drop(item);
    drop(made);
    ouro_safepoint();
  }
  return NULL;
}

static void *derive_many(void *arg) {
  crowd *it = arg;
  pthread_barrier_wait(&it->start);
  for (size_t i = 0; i < it->rounds / 50 + 1; i++) {
    ouro_class *derived = CLASS(.name = "D", .base = it->self, .slots = WORDS("own"), .methods = METHODS({"m", gives_2}));
    void *made = instance_of(derived);
    TEST_CHECK(method_number(made, name_of("m"), NULL) == 2 && method_number(made, name_of("n"), NULL) == 1);
    set_number(made, name_of("own"), 1);
    drop(made);
    drop(derived);
    ouro_safepoint();
  }
  return NULL;
}

static void run_pair(void *(*one)(void *), void *(*other)(void *), crowd *it) {
  pthread_t threads[2];
  TEST_CHECK(pthread_barrier_init(&it->start, NULL, 2) == 0);
  TEST_CHECK(pthread_create(&threads[0], NULL, one, it) == 0 && pthread_create(&threads[1], NULL, other, it) == 0);
  ouro_blocking_begin();
  for (int i = 0; i < 2; i++) {
    TEST_CHECK(pthread_join(threads[i], NULL) == 0);
  }
  ouro_blocking_end();
  pthread_barrier_destroy(&it->start);
}

static void threads_make_instances_of_one_class(void **state) {
  (void)state;
  for (size_t i = 0; i < NAMES; i++) {
    name_number(i);
  }
  crowd it = {.rounds = test_count(3000, 100)};
  for (int i = 0; i < 10; i++) {
    it.self = CLASS(.name = "C", .flags = OURO_CLASS_DICT, .methods = METHODS({"m", gives_1}, {"n", gives_1}));
    run_pair(make_many, i % 2 ? derive_many : make_many, &it);
    TEST_CHECK(ouro__class_valid(it.self));
    drop(it.self);
    ouro_gc_collect(2);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CLASS_TEST(four_slots_take_48_bytes),
      CLASS_TEST(a_class_settles_for_what_it_has_seen),
      CLASS_TEST(a_class_without_attributes_settles_late),
      CLASS_TEST(a_class_decides_anew),
      CLASS_TEST(slots_and_a_dictionary_together),
      CLASS_TEST(the_slots_of_the_base_come_first),
      CLASS_TEST(a_dictionary_is_inherited_with_its_names),
      CLASS_TEST(the_order_is_class_mixins_base),
      CLASS_TEST(methods_are_found_along_the_order),
      CLASS_TEST(definitions_that_cannot_be),
      CLASS_TEST(many_slots),
      CLASS_TEST(a_call_makes_an_instance),
      CLASS_TEST(init_may_change),
      CLASS_TEST(instances_have_identity),
      CLASS_TEST(protocols_are_inherited_one_by_one),
      CLASS_TEST(finalizers_are_called_once_with_all_there),
      CLASS_TEST(a_finalizer_may_bring_it_back),
      CLASS_TEST(a_class_goes_after_its_last_instance),
      CLASS_TEST(circles_through_classes_are_found),
      CLASS_TEST(instances_are_referred_to_weakly),
      CLASS_TEST(attributes_are_listed),
      CLASS_TEST(sizes_are_told),
      CLASS_TEST(instances_are_copied),
#ifdef OURO_FAULTS
      CLASS_TEST(each_allocation_may_fail),
#endif
      CLASS_TEST(threads_make_instances_of_one_class),
  };
  return cmocka_run_group_tests_name("values class", tests, NULL, NULL);
}
