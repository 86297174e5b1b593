/* tests/values/test_dict.c - dicts: against a plain array, with random operations and keys of all kinds; what each operation promises; keys
 * whose functions fail, or change the dict; every allocation failing; two threads at one dict, in all pairs of operations; and, asked by
 * dict_model.py, against Python's.
 *
 * usage: test_values_dict [SEED | calculate]
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka, threads. */
#include "values/keys.h"

#include <pthread.h>

#include "heap/heap.h"

static uint64_t seed = 1;

#define DICT_IS_VALID(dict) TEST_CHECK(ouro__dict_valid(dict))

static ouro_dict *dict_new(void) {
  ouro_dict *dict = ouro_borrow(ouro_dict_new());
  TEST_CHECK(dict != NULL);
  return dict;
}

static void *int_new(int64_t value) { return ouro_borrow(ouro_int_new(value)); }

static int64_t int_of(void *object) {
  int64_t value = 0;
  TEST_CHECK(ouro_int_get(object, &value) == OURO_OK);
  return value;
}

static const char *repr_of(void *object) {
  static char text[4096];
  ouro_str *repr = ouro_borrow(ouro_repr(object));
  TEST_CHECK(repr != NULL);
  snprintf(text, sizeof text, "%s", ouro_str_text(repr));
  drop(repr);
  return text;
}

static void set_numbers(ouro_dict *dict, int from, int to) {
  for (int i = from; i < to; i++) {
    TEST_CHECK(ouro_dict_set_move(dict, ouro_int_new(i), ouro_int_new(i * 10)) == OURO_OK);
  }
}

/* ---------------------------------------------------------------- a model: numbers of keys in their order, and their values */

enum { MODEL_KEYS = 5000 };

typedef struct model {
  ouro_dict *dict;
  int kind, keys;          /* key numbers are below that */
  int order[MODEL_KEYS];   /* numbers, in order */
  int64_t value[MODEL_KEYS];
  int count;
  test_rng rng;
} model;

static int place_of(const model *it, int number) {
  for (int i = 0; i < it->count; i++) {
    if (it->order[i] == number) {
      return i;
    }
  }
  return -1;
}

static void model_set(model *it, int number, int64_t value) {
  if (place_of(it, number) < 0) {
    it->order[it->count++] = number;
  }
  it->value[number] = value;
}

static bool model_delete(model *it, int number) {
  int at = place_of(it, number);
  if (at < 0) {
    return false;
  }
  it->count--;
  memmove(it->order + at, it->order + at + 1, (size_t)(it->count - at) * sizeof *it->order);
  return true;
}

static int some_number(model *it) { return (int)test_below(&it->rng, (size_t)it->keys); }

static void try_set(model *it) {
  int number = some_number(it), value = (int)test_below(&it->rng, 3000);
  void *key = key_new(it->kind, number), *object = int_new(value);
  TEST_CHECK(ouro_dict_set(it->dict, key, object) == OURO_OK);
  drop(key);
  drop(object);
  model_set(it, number, value);
}

static void try_set_move(model *it) {
  int number = some_number(it), value = (int)test_below(&it->rng, 3000);
  TEST_CHECK(ouro_dict_set_move(it->dict, ouro_adopt(key_new(it->kind, number)), ouro_int_new(value)) == OURO_OK);
  model_set(it, number, value);
}

static void try_get(model *it) {
  int number = some_number(it);
  void *key = key_new(it->kind, number), *value = NULL;
  bool there = place_of(it, number) >= 0;
  TEST_CHECK(ouro_dict_get(it->dict, key, &value) == there && ouro_dict_contains(it->dict, key) == there);
  TEST_CHECK(there ? int_of(value) == it->value[number] : value == NULL);
  ouro_xdecref(ouro_adopt(value));
  drop(key);
}

static void try_delete(model *it) {
  int number = some_number(it);
  void *key = key_new(it->kind, number);
  TEST_CHECK(ouro_dict_delete(it->dict, key) == model_delete(it, number));
  drop(key);
}

static void try_pop(model *it) {
  int number = some_number(it);
  void *key = key_new(it->kind, number), *value = NULL;
  int there = ouro_dict_pop(it->dict, key, &value);
  TEST_CHECK(there == model_delete(it, number));
  if (there) {
    TEST_CHECK(int_of(value) == it->value[number]);
    drop(value);
  }
  drop(key);
}

static void try_set_default(model *it) {
  int number = some_number(it), value = (int)test_below(&it->rng, 3000);
  void *key = key_new(it->kind, number), *object = int_new(value), *found = NULL;
  bool there = place_of(it, number) >= 0;
  TEST_CHECK(ouro_dict_set_default(it->dict, key, object, &found) == there);
  if (!there) {
    model_set(it, number, value);
  }
  TEST_CHECK(int_of(found) == it->value[number]);
  drop(found);
  drop(key);
  drop(object);
}

static void try_popitem(model *it) {
  void *key = NULL, *value = NULL;
  int taken = ouro_dict_popitem(it->dict, &key, &value);
  TEST_CHECK(taken == (it->count > 0));
  if (!taken) {
    return;
  }
  int number = it->order[it->count - 1];
  void *same = key_new(it->kind, number);
  TEST_CHECK(ouro_equal(key, same) == 1 && int_of(value) == it->value[number]);
  model_delete(it, number);
  drop(same);
  drop(key);
  drop(value);
}

static void try_update(model *it) {
  ouro_dict *other = dict_new();
  size_t count = test_below(&it->rng, 40);
  for (size_t i = 0; i < count; i++) {
    int number = some_number(it), value = (int)test_below(&it->rng, 3000);
    TEST_CHECK(ouro_dict_set_move(other, ouro_adopt(key_new(it->kind, number)), ouro_int_new(value)) == OURO_OK);
    model_set(it, number, value);
  }
  /* In the order of the other one's keys, which is that of their first coming. */
  TEST_CHECK(ouro_dict_update(it->dict, other) == OURO_OK);
  drop(other);
}

static void try_clear(model *it) {
  if (test_below(&it->rng, 200)) {
    return;
  }
  ouro_dict_clear(it->dict);
  it->count = 0;
}

static void try_copy(model *it) {
  ouro_dict *copy = ouro_borrow(test_below(&it->rng, 2) ? ouro_copy(it->dict) : ouro_dict_merged(it->dict, it->dict));
  TEST_CHECK(copy && ouro_equal(copy, it->dict) == 1);
  DICT_IS_VALID(copy);
  if (test_below(&it->rng, 3) == 0) {
    ouro_dict *before = it->dict;
    it->dict = copy;
    copy = before;
  }
  drop(copy);
}

static void same_as_model(model *it) {
  size_t cursor = 0;
  void *key = NULL, *value = NULL;
  int at = 0;
  TEST_CHECK(ouro_dict_count(it->dict) == (size_t)it->count);
  while (ouro_dict_next(it->dict, &cursor, &key, &value) == 1) {
    void *same = key_new(it->kind, it->order[at]);
    TEST_CHECK(ouro_equal(key, same) == 1 && int_of(value) == it->value[it->order[at]]);
    at++;
    drop(same);
    drop(key);
    drop(value);
  }
  TEST_CHECK(at == it->count);
}

static void (*const tries[])(model *) = {try_set, try_set_move, try_get, try_delete, try_pop, try_set_default, try_popitem, try_update,
                                         try_clear, try_copy};
enum { TRIES = sizeof tries / sizeof *tries };

/* Weights of the operations: how often each is drawn, while the dict grows, and while it shrinks. */
static const int growing[TRIES] = {30, 20, 20, 8, 4, 10, 2, 2, 1, 1}, shrinking[TRIES] = {8, 4, 20, 30, 20, 4, 20, 0, 1, 1};

static void try_one(model *it, const int weights[TRIES]) {
  int sum = 0;
  for (int i = 0; i < TRIES; i++) {
    sum += weights[i];
  }
  int draw = (int)test_below(&it->rng, (size_t)sum), which = 0;
  while (draw >= weights[which]) {
    draw -= weights[which++];
  }
  tries[which](it);
}

static void play(int kind, int keys, size_t steps, uint64_t from) {
  static model it;
  keys_begin(kind);
  it = (model){.dict = dict_new(), .kind = kind, .keys = keys, .rng = {from}};
  for (size_t i = 0; i < steps; i++) {
    try_one(&it, i / 400 % 2 ? shrinking : growing);
    if (keys <= 100 || i % 16 == 0) {
      DICT_IS_VALID(it.dict);
    }
    if (i % 64 == 0) {
      same_as_model(&it);
    }
  }
  same_as_model(&it);
  DICT_IS_VALID(it.dict);
  drop(it.dict);
}

static void as_an_array_does(void **state) {
  (void)state;
  static const int keys[] = {3, 9, 14, 40, 300, 1500};
  for (int kind = 0; kind < KEY_KINDS; kind++) {
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
      if (kind != KEYS_COLLIDE || keys[i] <= 300) {
        play(kind, keys[i], test_count(6000, 500), seed + i);
      }
    }
  }
}

/* Blocks of all widths of cells, grown and emptied. */
static void many_keys(void **state) {
  (void)state;
  int count = (int)test_count(100000, 5000);
  for (int kind = 0; kind < KEYS_COLLIDE; kind++) {
    keys_begin(kind);
    ouro_dict *dict = dict_new();
    for (int i = 0; i < count; i++) {
      TEST_CHECK(ouro_dict_set_move(dict, ouro_adopt(key_new(kind, i)), ouro_int_new(i)) == OURO_OK);
      if (i % 997 == 0 && i < 20000) {
        DICT_IS_VALID(dict);
      }
    }
    DICT_IS_VALID(dict);
    TEST_CHECK(ouro_sizeof(dict) <= 32 + (size_t)count * (kind == KEYS_ODD ? 33 : 29));
    for (int i = 0; i < count; i++) {
      void *key = key_new(kind, i), *value = NULL;
      TEST_CHECK(ouro_dict_get(dict, key, &value) == 1 && int_of(value) == i);
      drop(value);
      TEST_CHECK(i % 3 == 0 || ouro_dict_delete(dict, key) == 1);
      drop(key);
    }
    DICT_IS_VALID(dict);
    TEST_CHECK(ouro_dict_count(dict) == (size_t)(count + 2) / 3);
    while (ouro_dict_count(dict)) {
      void *key = NULL, *value = NULL;
      TEST_CHECK(ouro_dict_popitem(dict, &key, &value) == 1);
      drop(key);
      drop(value);
    }
    TEST_CHECK(ouro_sizeof(dict) <= 32 + 160);
    drop(dict);
  }
}

/* ---------------------------------------------------------------- what operations promise */

static void what_it_takes(void **state) {
  (void)state;
  ouro_dict *dict = dict_new();
  assert_int_equal(ouro_object_size(dict), 32);
  assert_int_equal(ouro_sizeof(dict), 32);
  set_numbers(dict, 0, 1);
  assert_int_equal(ouro_sizeof(dict), 32 + 16 + 4 * 16);
  set_numbers(dict, 1, 8);
  assert_int_equal(ouro_sizeof(dict), 32 + 16 + 8 * 16);
  drop(dict);
}

static void wrong_arguments_are_refused(void **state) {
  (void)state;
  ouro_dict *dict = dict_new();
  void *one = int_new(1), *items = ouro_borrow(ouro_list_new()), *out = NULL;
  size_t cursor = 0;
  assert_int_equal(ouro_dict_get(NULL, one, &out), OURO_EINVAL);
  assert_int_equal(ouro_dict_get(dict, NULL, &out), OURO_EINVAL);
  assert_int_equal(ouro_dict_set(dict, one, NULL), OURO_EINVAL);
  assert_int_equal(ouro_dict_set_move(dict, ouro_newref(items), OURO_NULL), OURO_EINVAL);
  assert_int_equal(ouro_dict_set_move(NULL, ouro_newref(items), ouro_newref(items)), OURO_EINVAL);
  assert_int_equal(ouro_dict_set_default(dict, one, NULL, &out), OURO_EINVAL);
  assert_int_equal(ouro_dict_delete(NULL, one), OURO_EINVAL);
  assert_int_equal(ouro_dict_pop(dict, NULL, &out), OURO_EINVAL);
  assert_int_equal(ouro_dict_popitem(NULL, &out, &out), OURO_EINVAL);
  assert_int_equal(ouro_dict_next(NULL, &cursor, &out, &out), OURO_EINVAL);
  assert_int_equal(ouro_dict_get_text(dict, NULL, &out), OURO_EINVAL);
  assert_int_equal(ouro_dict_set_text(dict, "a", NULL), OURO_EINVAL);
  assert_int_equal(ouro_dict_set_text(dict, "\xff", one), OURO_EUTF8);
  assert_int_equal(ouro_dict_update(dict, NULL), OURO_EINVAL);
  assert_int_equal(ouro_dict_update(dict, one), OURO_ETYPE);
  assert_true(ouro_borrow(ouro_dict_keys(NULL)) == NULL && errno == EINVAL);
  assert_true(ouro_borrow(ouro_dict_merged(dict, NULL)) == NULL && errno == EINVAL);
  assert_int_equal(ouro_dict_count(NULL), 0);
  ouro_dict_clear(NULL);
  assert_int_equal(ouro_dict_set(dict, items, one), OURO_EHASH);
  assert_int_equal(ouro_dict_set_move(dict, ouro_newref(items), ouro_newref(one)), OURO_EHASH);
  assert_int_equal(ouro_dict_set(dict, dict, one), OURO_EHASH);
  assert_int_equal(ouro_dict_get(dict, items, &out), OURO_EHASH);
  assert_int_equal(ouro_refcount(items), 1);
  assert_int_equal(ouro_dict_count(dict), 0);
  assert_null(out);
  drop(items);
  drop(dict);
  drop(one);
}

/* 1, 1.0 and true are one key; the first that came stays. */
static void equal_numbers_are_one_key(void **state) {
  (void)state;
  ouro_dict *dict = dict_new();
  void *one = int_new(1), *real = ouro_borrow(ouro_float_new(1.0)), *value = NULL;
  assert_int_equal(ouro_dict_set(dict, one, one), OURO_OK);
  assert_int_equal(ouro_dict_get(dict, real, &value), 1);
  drop(value);
  assert_int_equal(ouro_dict_set(dict, real, real), OURO_OK);
  assert_int_equal(ouro_dict_set(dict, ouro_true, ouro_false), OURO_OK);
  assert_int_equal(ouro_dict_count(dict), 1);
  assert_string_equal(repr_of(dict), "{1: False}");
  assert_int_equal(ouro_dict_delete(dict, ouro_true), 1);
  assert_int_equal(ouro_dict_set(dict, real, one), OURO_OK);
  assert_int_equal(ouro_dict_set(dict, one, real), OURO_OK);
  assert_string_equal(repr_of(dict), "{1.0: 1.0}");
  DICT_IS_VALID(dict);
  drop(real);
  drop(one);
  drop(dict);
}

static void keys_that_are_text(void **state) {
  (void)state;
  ouro_dict *dict = dict_new();
  void *value = NULL, *seven = int_new(7);
  for (int mixed = 0; mixed < 2; mixed++) {
    assert_int_equal(ouro_dict_set_text(dict, "name", seven), OURO_OK);
    assert_int_equal(ouro_dict_get_text(dict, "name", &value), 1);
    assert_ptr_equal(value, seven);
    drop(value);
    assert_int_equal(ouro_dict_get_text(dict, "nome", &value), 0);
    assert_int_equal(ouro_dict_get_text(dict, "\xff", &value), 0);
    assert_int_equal(ouro_dict_contains_text(dict, "name"), 1);
    assert_int_equal(ouro_dict_delete_text(dict, "name"), 1);
    assert_int_equal(ouro_dict_delete_text(dict, "name"), 0);
    assert_int_equal(ouro_dict_set_move(dict, ouro_float_new(0.5), ouro_newref(seven)), OURO_OK); /* from now on with hashes */
    DICT_IS_VALID(dict);
  }
  drop(seven);
  drop(dict);
}

static void walks_notice_changes(void **state) {
  (void)state;
  ouro_dict *dict = dict_new();
  size_t cursor = 0, other = 0;
  void *key = NULL, *value = NULL, *iterator = ouro_borrow(ouro_dict_iterator(dict, OURO_DICT_KEYS));
  assert_int_equal(ouro_dict_next(dict, &cursor, &key, &value), 0);
  assert_int_equal(ouro_next(iterator, &key), 0);
  set_numbers(dict, 0, 5);
  assert_int_equal(ouro_next(iterator, &key), 0); /* it has come to its end */
  drop(iterator);
  iterator = ouro_borrow(ouro_dict_iterator(dict, OURO_DICT_ITEMS));
  assert_int_equal(ouro_dict_next(dict, &cursor, &key, NULL), 1);
  drop(key);
  set_numbers(dict, 0, 5); /* the same keys */
  assert_int_equal(ouro_dict_next(dict, &cursor, NULL, &value), 1);
  assert_int_equal(int_of(value), 10);
  drop(value);
  assert_int_equal(ouro_next(iterator, &key), 1);
  assert_string_equal(repr_of(key), "(0, 0)");
  drop(key);
  set_numbers(dict, 5, 6);
  assert_int_equal(ouro_dict_next(dict, &cursor, &key, &value), OURO_ECHANGED);
  assert_int_equal(ouro_dict_next(dict, &cursor, &key, &value), OURO_ECHANGED);
  assert_int_equal(ouro_next(iterator, &key), OURO_ECHANGED);
  assert_int_equal(ouro_next(iterator, &key), OURO_ECHANGED);
  drop(iterator);
  assert_int_equal(ouro_dict_next(dict, &other, NULL, NULL), 1);
  void *zero = int_new(0);
  assert_int_equal(ouro_dict_delete(dict, zero), 1);
  assert_int_equal(ouro_dict_next(dict, &other, NULL, NULL), OURO_ECHANGED);
  iterator = ouro_borrow(ouro_dict_iterator(dict, OURO_DICT_VALUES));
  ouro_dict_clear(dict);
  assert_int_equal(ouro_next(iterator, &value), OURO_ECHANGED);
  drop(iterator);
  drop(zero);
  drop(dict);
}

static void lists_of_what_it_has(void **state) {
  (void)state;
  ouro_dict *dict = dict_new();
  ouro_ref (*const lists[])(ouro_dict *) = {ouro_dict_keys, ouro_dict_values, ouro_dict_items};
  static const char *const expected[] = {"[0, 2, 3]", "[0, 20, 30]", "[(0, 0), (2, 20), (3, 30)]"};
  for (int i = 0; i < 3; i++) {
    void *empty = ouro_borrow(lists[i](dict));
    assert_string_equal(repr_of(empty), "[]");
    drop(empty);
  }
  set_numbers(dict, 0, 4);
  void *one = int_new(1);
  assert_int_equal(ouro_item_delete(dict, one), OURO_OK);
  assert_int_equal(ouro_item_delete(dict, one), OURO_EKEY);
  for (int i = 0; i < 3; i++) {
    void *made = ouro_borrow(lists[i](dict));
    assert_string_equal(repr_of(made), expected[i]);
    drop(made);
  }
  drop(one);
  drop(dict);
}

static void updating_from_pairs(void **state) {
  (void)state;
  ouro_dict *dict = dict_new(), *other = dict_new();
  set_numbers(dict, 0, 3);
  void *pairs = ouro_borrow(ouro_dict_items(dict));
  assert_int_equal(ouro_dict_update(other, pairs), OURO_OK);
  assert_int_equal(ouro_equal(dict, other), 1);
  TEST_CHECK(ouro_list_append(pairs, pairs) == OURO_OK);
  assert_int_equal(ouro_dict_update(other, pairs), OURO_ETYPE);
  assert_int_equal(ouro_equal(dict, other), 1);
  assert_int_equal(ouro_dict_update(dict, dict), OURO_OK);
  ouro_list_clear(pairs);
  drop(pairs);
  set_numbers(other, 5, 6);
  assert_int_equal(ouro_equal(dict, other), 0);
  assert_int_equal(ouro_equal(other, dict), 0);
  ouro_dict *both = ouro_borrow(ouro_dict_merged(dict, other));
  assert_string_equal(repr_of(both), "{0: 0, 1: 10, 2: 20, 5: 50}");
  drop(both);
  drop(other);
  drop(dict);
}

static void as_a_value(void **state) {
  (void)state;
  ouro_dict *dict = dict_new();
  void *value = NULL, *two = int_new(2);
  size_t length = 9;
  assert_int_equal(ouro_truth(dict), 0);
  assert_string_equal(repr_of(dict), "{}");
  assert_int_equal(ouro_item_set(dict, two, ouro_none), OURO_OK);
  assert_int_equal(ouro_truth(dict), 1);
  assert_true(ouro_length(dict, &length) == OURO_OK && length == 1);
  assert_int_equal(ouro_item_get(dict, two, &value), OURO_OK);
  assert_ptr_equal(value, ouro_none);
  assert_int_equal(ouro_contains(dict, two), 1);
  assert_int_equal(ouro_contains(dict, ouro_none), 0);
  assert_int_equal(ouro_item_get(dict, ouro_none, &value), OURO_EKEY);
  assert_int_equal(ouro_item_set(dict, two, dict), OURO_OK);
  assert_string_equal(repr_of(dict), "{2: {...}}");
  void *iterator = NULL;
  assert_int_equal(ouro_iterate(dict, &iterator), OURO_OK);
  drop(iterator);
  assert_true(ouro_is_dict(dict) && !ouro_is_dict(two));
  drop(two);
  drop(dict);
  assert_true(ouro_gc_collect(2) >= 1);
}

/* ---------------------------------------------------------------- functions of the program's */

static ouro_dict *shared;
static int times;

static void add_more(void) {
  if (times-- > 0) {
    set_numbers(shared, 100 * times, 100 * times + 37);
  }
}

static void empty_it(void) {
  if (times-- > 0) {
    ouro_dict_clear(shared);
  }
}

static void replace_them(void) {
  if (times-- <= 0) {
    return;
  }
  ouro_dict_clear(shared);
  void (*does)(void) = odd_equal_does;
  odd_equal_does = NULL;
  for (int i = 20; i > 0; i--) {
    TEST_CHECK(ouro_dict_set_move(shared, ouro_adopt(odd_new(i)), ouro_int_new(i)) == OURO_OK);
  }
  odd_equal_does = does;
}

/* While an operation compares, the dict changes under it. */
static void equality_may_change_the_dict(void **state) {
  (void)state;
  static void (*const doings[])(void) = {add_more, empty_it, replace_them};
  for (size_t doing = 0; doing < 3; doing++) {
    for (int operation = 0; operation < 4; operation++) {
      keys_begin(KEYS_COLLIDE);
      odd_hashes = 1;
      shared = dict_new();
      for (int i = 0; i < 12; i++) {
        TEST_CHECK(ouro_dict_set_move(shared, ouro_adopt(odd_new(i)), ouro_int_new(i)) == OURO_OK);
      }
      odd_equal_does = doings[doing];
      times = 3;
      void *key = odd_new(7), *value = NULL;
      int code = operation == 0   ? ouro_dict_get(shared, key, &value)
                 : operation == 1 ? ouro_dict_set(shared, key, ouro_none)
                 : operation == 2 ? ouro_dict_delete(shared, key)
                                  : ouro_dict_set_default(shared, key, ouro_none, &value);
      TEST_CHECK(code >= 0);
      odd_equal_does = NULL;
      DICT_IS_VALID(shared);
      ouro_xdecref(ouro_adopt(value));
      drop(key);
      drop(shared);
    }
  }
}

static void functions_may_fail(void **state) {
  (void)state;
  keys_begin(KEYS_COLLIDE);
  odd_hashes = 1;
  ouro_dict *dict = dict_new();
  for (int i = 0; i < 30; i++) {
    TEST_CHECK(ouro_dict_set_move(dict, ouro_adopt(odd_new(i)), ouro_int_new(i)) == OURO_OK);
  }
  void *key = odd_new(99), *value = NULL;
  odd_equal_says = OURO_ERANGE;
  assert_int_equal(ouro_dict_get(dict, key, &value), OURO_ERANGE);
  assert_int_equal(ouro_dict_set(dict, key, key), OURO_ERANGE);
  assert_int_equal(ouro_dict_set_move(dict, ouro_newref(key), ouro_newref(key)), OURO_ERANGE);
  assert_int_equal(ouro_dict_delete(dict, key), OURO_ERANGE);
  assert_int_equal(ouro_dict_pop(dict, key, &value), OURO_ERANGE);
  assert_int_equal(ouro_dict_set_default(dict, key, key, &value), OURO_ERANGE);
  odd_equal_says = OURO_OK;
  odd_hash_says = OURO_EHASH;
  assert_int_equal(ouro_dict_set_move(dict, ouro_newref(key), ouro_newref(key)), OURO_EHASH);
  assert_int_equal(ouro_dict_set_default(dict, key, key, &value), OURO_EHASH);
  odd_hash_says = OURO_OK;
  assert_int_equal(ouro_refcount(key), 1);
  assert_int_equal(ouro_dict_count(dict), 30);
  DICT_IS_VALID(dict);
  drop(key);
  drop(dict);
}

/* The finalizer of a value changes the dict that it was just taken out of. */
static void change_shared(cell *self) {
  (void)self;
  set_numbers(shared, 0, 50);
  ouro_dict_clear(shared);
  set_numbers(shared, 3, 6);
}

static void what_goes_may_change_the_dict(void **state) {
  (void)state;
  for (int operation = 0; operation < 4; operation++) {
    shared = dict_new();
    cell *value = cell_of(&final_type, 0);
    value->finalizing = change_shared;
    void *one = int_new(1);
    TEST_CHECK(ouro_dict_set_move(shared, ouro_newref(one), ouro_adopt(value)) == OURO_OK);
    TEST_CHECK((operation == 0   ? ouro_dict_set(shared, one, one)
                : operation == 1 ? ouro_dict_delete(shared, one)
                : operation == 2 ? (ouro_dict_clear(shared), 0)
                                 : ouro_item_delete(shared, one)) >= 0);
    assert_string_equal(repr_of(shared), "{3: 30, 4: 40, 5: 50}");
    DICT_IS_VALID(shared);
    drop(one);
    drop(shared);
  }
  test_log();
}

/* ---------------------------------------------------------------- the collector */

static void cycles_through_dicts_are_collected(void **state) {
  (void)state;
  for (int i = 0; i < 200; i += 13) {
    ouro_dict *dict = dict_new();
    set_numbers(dict, 0, i);
    cell *value = cell_new(0);
    ouro_setref(&value->a, dict);
    TEST_CHECK(ouro_dict_set_move(dict, ouro_adopt(cell_new(0)), ouro_newref(value)) == OURO_OK);
    TEST_CHECK(ouro_dict_set_move(dict, ouro_adopt(value), ouro_newref(dict)) == OURO_OK);
    OBJECTS_ARE_SOUND();
    drop(dict);
  }
  assert_true(ouro_gc_collect(2) >= 16 * 3);
}

/* ---------------------------------------------------------------- without memory */

#ifdef OURO_FAULTS

enum { FAULT_KEYS = 60 };

typedef struct attempt {
  ouro_dict *dict, *other;
  void *key, *value, *out;
} attempt;

static int fail_set(attempt *it) { return ouro_dict_set(it->dict, it->key, it->value); }
static int fail_set_move(attempt *it) { return ouro_dict_set_move(it->dict, ouro_newref(it->key), ouro_newref(it->value)); }
static int fail_set_default(attempt *it) {
  int code = ouro_dict_set_default(it->dict, it->key, it->value, NULL);
  return code < 0 ? code : OURO_OK;
}
static int fail_update(attempt *it) { return ouro_dict_update(it->dict, it->other); }
static int made(attempt *it, ouro_ref object) {
  it->out = ouro_borrow(object);
  return it->out ? OURO_OK : ouro_code_of_errno(errno);
}
static int fail_copy(attempt *it) { return made(it, ouro_copy(it->dict)); }
static int fail_merged(attempt *it) { return made(it, ouro_dict_merged(it->dict, it->other)); }
static int fail_keys(attempt *it) { return made(it, ouro_dict_keys(it->dict)); }
static int fail_items(attempt *it) { return made(it, ouro_dict_items(it->dict)); }
static int fail_iterator(attempt *it) { return made(it, ouro_dict_iterator(it->dict, OURO_DICT_ITEMS)); }
static int fail_text(attempt *it) { return ouro_dict_set_text(it->dict, "a text that is new", it->value); }

static int (*const attempts[])(attempt *) = {fail_set,    fail_set_move, fail_set_default, fail_update,   fail_copy,
                                             fail_merged, fail_keys,     fail_items,       fail_iterator, fail_text};

static void fail_each_allocation(attempt *it, int (*what)(attempt *), bool for_ever) {
  for (long nth = 1;; nth++) {
    size_t count = ouro_dict_count(it->dict), refs = ouro_refcount(it->value), keys = ouro_refcount(it->key);
    ouro__fault_set(nth, for_ever);
    int code = what(it);
    bool hit = ouro__fault_hit();
    ouro__fault_set(0, false);
    DICT_IS_VALID(it->dict);
    if (it->out) {
      drop(it->out);
    }
    it->out = NULL;
    if (code == OURO_OK) {
      return;
    }
    TEST_CHECK(hit && code == OURO_ENOMEM && nth < 200);
    bool same = ouro_dict_count(it->dict) == count && ouro_refcount(it->value) == refs && ouro_refcount(it->key) == keys;
    TEST_CHECK(same || what == fail_update);
  }
}

static void without_memory(void **state) {
  (void)state;
  for (size_t which = 0; which < sizeof attempts / sizeof *attempts; which++) {
    for (int kind = 0; kind < KEY_KINDS; kind++) {
      for (int count = 0; count < FAULT_KEYS; count += count < 20 ? 1 : 7) {
        keys_begin(kind);
        attempt it = {.dict = dict_new(), .other = dict_new(), .key = key_new(kind, 1000), .value = cell_new(0)};
        for (int i = 0; i < count; i++) {
          TEST_CHECK(ouro_dict_set_move(it.dict, ouro_adopt(key_new(kind, i)), ouro_int_new(i)) == OURO_OK);
          TEST_CHECK(ouro_dict_set_move(it.other, ouro_adopt(key_new(kind, i + count / 2)), ouro_int_new(i)) == OURO_OK);
        }
        fail_each_allocation(&it, attempts[which], count % 2);
        drop(it.dict);
        drop(it.other);
        drop(it.key);
        drop(it.value);
      }
    }
  }
}

static void what_takes_out_needs_no_memory(void **state) {
  (void)state;
  for (int kind = 0; kind < KEY_KINDS; kind++) {
    keys_begin(kind);
    ouro_dict *dict = dict_new();
    void *keys[300];
    for (int i = 0; i < 300; i++) {
      keys[i] = key_new(kind, i);
      TEST_CHECK(ouro_dict_set(dict, keys[i], keys[i]) == OURO_OK);
    }
    ouro__fault_set(1, true);
    for (int i = 0; i < 299; i++) {
      TEST_CHECK(ouro_dict_delete(dict, keys[i]) == 1);
    }
    DICT_IS_VALID(dict);
    ouro_dict_clear(dict);
    ouro__fault_set(0, false);
    for (int i = 0; i < 300; i++) {
      drop(keys[i]);
    }
    drop(dict);
  }
}

#endif

/* ---------------------------------------------------------------- two threads at one dict */

typedef struct worker {
  ouro_dict *dict, *other;
  int kind;
  void (*work)(struct worker *);
  size_t times;
  test_rng rng;
  pthread_t thread;
} worker;

static void *some_key(worker *it) { return key_new(it->kind, (int)test_below(&it->rng, 60)); }

/* A value is a number that a key of that number may have. */
static void work_set(worker *it) {
  TEST_CHECK(ouro_dict_set_move(it->dict, ouro_adopt(some_key(it)), ouro_int_new((int64_t)test_below(&it->rng, 2000))) == OURO_OK);
}
static void work_get(worker *it) {
  void *key = some_key(it), *value = NULL;
  if (ouro_dict_get(it->dict, key, &value) == 1) {
    TEST_CHECK(int_of(value) >= 0);
    drop(value);
  }
  drop(key);
}
static void work_delete(worker *it) {
  void *key = some_key(it);
  TEST_CHECK(ouro_dict_delete(it->dict, key) >= 0);
  drop(key);
}
static void work_default(worker *it) {
  void *key = some_key(it), *value = int_new(5), *found = NULL;
  TEST_CHECK(ouro_dict_set_default(it->dict, key, value, &found) >= 0);
  drop(found);
  drop(key);
  drop(value);
}
static void work_popitem(worker *it) {
  void *key = NULL, *value = NULL;
  if (ouro_dict_popitem(it->dict, &key, &value) == 1) {
    drop(key);
    drop(value);
  }
}
static void work_walk(worker *it) {
  size_t cursor = 0;
  void *key = NULL, *value = NULL;
  while (ouro_dict_next(it->dict, &cursor, &key, &value) == 1) {
    drop(key);
    drop(value);
  }
}
static void work_update(worker *it) {
  TEST_CHECK(ouro_dict_update(test_below(&it->rng, 2) ? it->dict : it->other, test_below(&it->rng, 2) ? it->other : it->dict) == OURO_OK);
}
static void work_copy(worker *it) {
  ouro_dict *copy = ouro_borrow(ouro_copy(it->dict));
  DICT_IS_VALID(copy);
  TEST_CHECK(ouro_equal(copy, it->dict) >= 0);
  drop(copy);
}
static void work_items(worker *it) {
  void *items = ouro_borrow(ouro_dict_items(it->dict)), *text = ouro_borrow(ouro_repr(it->dict));
  drop(items);
  drop(text);
}
static void work_clear(worker *it) { ouro_dict_clear(test_below(&it->rng, 10) ? it->other : it->dict); }

static void (*const works[])(worker *) = {work_set,  work_get,    work_delete, work_default, work_popitem,
                                          work_walk, work_update, work_copy,   work_items,   work_clear};
enum { WORKS = sizeof works / sizeof *works };

static void *run_worker(void *arg) {
  worker *it = arg;
  for (size_t i = 0; i < it->times; i++) {
    it->work(it);
    ouro_safepoint();
  }
  return NULL;
}

static void run_pair(int kind, size_t first, size_t second) {
  worker workers[2];
  ouro_dict *dict = dict_new(), *other = dict_new();
  keys_begin(kind);
  for (int i = 0; i < 30; i++) {
    TEST_CHECK(ouro_dict_set_move(dict, ouro_adopt(key_new(kind, i)), ouro_int_new(i)) == OURO_OK);
    TEST_CHECK(ouro_dict_set_move(other, ouro_adopt(key_new(kind, i * 2)), ouro_int_new(i)) == OURO_OK);
  }
  for (size_t i = 0; i < 2; i++) {
    workers[i] = (worker){.dict = dict, .other = other, .kind = kind, .times = test_count(150, 20), .rng = {seed + i}};
    workers[i].work = works[i ? second : first];
    TEST_CHECK(pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]) == 0);
  }
  ouro_blocking_begin();
  for (size_t i = 0; i < 2; i++) {
    pthread_join(workers[i].thread, NULL);
  }
  ouro_blocking_end();
  DICT_IS_VALID(dict);
  DICT_IS_VALID(other);
  drop(dict);
  drop(other);
  ouro_safepoint();
}

static void two_threads_in_all_pairs(void **state) {
  (void)state;
  for (size_t first = 0; first < WORKS; first++) {
    for (size_t second = first; second < WORKS; second++) {
      run_pair(KEYS_SIMPLE, first, second);
      run_pair(KEYS_MIXED, first, second);
    }
  }
  keys_begin(KEYS_STR);
  TEST_CHECK(ouro_gc_collect(2) >= 0);
}

/* Two that read one dict do it mostly without a lock, while a third now and then changes it. */
static void many_readers(void **state) {
  (void)state;
  enum { READERS = 3 };
  worker workers[READERS + 1];
  ouro_dict *dict = dict_new();
  for (int i = 0; i < 50; i++) {
    TEST_CHECK(ouro_dict_set_move(dict, ouro_adopt(key_new(KEYS_STR, i)), ouro_int_new(i)) == OURO_OK);
  }
  for (size_t i = 0; i <= READERS; i++) {
    workers[i] = (worker){.dict = dict, .kind = KEYS_STR, .work = i ? work_get : work_set, .rng = {seed + i}};
    workers[i].times = test_count(i ? 60000 : 600, 1000);
    TEST_CHECK(pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]) == 0);
  }
  ouro_blocking_begin();
  for (size_t i = 0; i <= READERS; i++) {
    pthread_join(workers[i].thread, NULL);
  }
  ouro_blocking_end();
  DICT_IS_VALID(dict);
  drop(dict);
  ouro_safepoint();
  TEST_CHECK(ouro_gc_collect(2) >= 0);
}

/* ---------------------------------------------------------------- asked by dict_model.py
 *
 * A line is an operation and its words, separated by blanks: set KEY VALUE, get KEY, del KEY, pop KEY, default KEY VALUE, popitem, clear,
 * repr. A key is i, f or s and a number, or t and a number: a tuple of that. One line is answered. */

static void *model_key(const char *word) {
  int number = atoi(word + 1);
  char text[24];
  snprintf(text, sizeof text, "k%d", number);
  switch (*word) {
    case 'i': return int_new(number);
    case 'f': return ouro_borrow(ouro_float_new(number / 2.0));
    case 't': return pair_key(number);
    default: return ouro_borrow(ouro_str_from(text));
  }
}

static void say(int code, void *object) {
  if (object) {
    printf("%d %s\n", code, repr_of(object));
    drop(object);
  } else {
    printf("%d\n", code);
  }
}

static void calculate_one(ouro_dict *dict, const char *word, void *key, const char *value) {
  void *out = NULL, *other = NULL, *given = value ? int_new(atoi(value)) : NULL;
  int code = 0;
  if (strcmp(word, "set") == 0) {
    code = ouro_dict_set(dict, key, given);
  } else if (strcmp(word, "get") == 0) {
    code = ouro_dict_get(dict, key, &out);
  } else if (strcmp(word, "del") == 0) {
    code = ouro_dict_delete(dict, key);
  } else if (strcmp(word, "pop") == 0) {
    code = ouro_dict_pop(dict, key, &out);
  } else if (strcmp(word, "default") == 0) {
    code = ouro_dict_set_default(dict, key, given, &out);
  } else if (strcmp(word, "popitem") == 0) {
    code = ouro_dict_popitem(dict, &other, &out);
  } else if (strcmp(word, "clear") == 0) {
    ouro_dict_clear(dict);
  } else {
    out = ouro_borrow(ouro_newref(dict));
  }
  DICT_IS_VALID(dict);
  say(code, out);
  ouro_xdecref(ouro_adopt(other));
  ouro_xdecref(ouro_adopt(given));
}

static int calculate(void) {
  char line[128];
  ouro_dict *dict = dict_new();
  while (fgets(line, sizeof line, stdin)) {
    char *rest = NULL, *word = strtok_r(line, " \n", &rest), *first = strtok_r(NULL, " \n", &rest), *second = strtok_r(NULL, " \n", &rest);
    void *key = first ? model_key(first) : NULL;
    calculate_one(dict, word, key, second);
    ouro_xdecref(ouro_adopt(key));
  }
  drop(dict);
  return ouro_gc_verify(NULL, 0) != 0;
}

/* The first key goes and another comes, again and again: the holes before the first are never walked over twice. */
static void the_first_goes_and_another_comes(void **state) {
  (void)state;
  enum { KEPT = 300, ROUNDS = 5000 };
  ouro_dict *dict = ouro_borrow(ouro_dict_new());
  for (int i = 0; i < KEPT + ROUNDS; i++) {
    void *key = ouro_borrow(ouro_int_new(i));
    assert_int_equal(ouro_dict_set(dict, key, key), OURO_OK);
    drop(key);
    if (i < KEPT) {
      continue;
    }
    size_t cursor = 0;
    int64_t first = -1;
    assert_int_equal(ouro_dict_next(dict, &cursor, &key, NULL), 1);
    assert_int_equal(ouro_int_get(key, &first), OURO_OK);
    assert_int_equal(first, i - KEPT);
    assert_int_equal(ouro_dict_delete(dict, key), 1);
    drop(key);
    if (i % 97 == 0) {
      assert_true(ouro__dict_valid(dict));
    }
  }
  assert_int_equal(ouro_dict_count(dict), KEPT);
  drop(dict);
}

/* A key that refers to the dict, and whose hash empties the copy of it that is just being brought in order. */
typedef struct emptying {
  ouro_object base;
  void *held;
} emptying;

static const ouro_dict *not_to_be_emptied;

static int emptying_hash(void *self, uint64_t *hash) {
  void *held = ((emptying *)self)->held;
  *hash = 5;
  if (not_to_be_emptied && held && held != not_to_be_emptied) {
    ouro_dict_clear(held);
  }
  return OURO_OK;
}

static const ouro_protocols emptying_protocols = {.hash = emptying_hash};
static ouro_type emptying_type = {.name = "emptying", .size = sizeof(emptying), .references = OURO_REFERENCES(offsetof(emptying, held)),
                                  .protocols = &emptying_protocols};

static void a_hash_may_empty_the_copy(void **state) {
  (void)state;
  ouro_dict *dict = ouro_borrow(ouro_dict_new());
  for (int i = 0; i < 20; i++) {
    emptying *key = ouro_borrow(ouro_new(&emptying_type));
    ouro_setref(&key->held, dict);
    assert_int_equal(ouro_dict_set(dict, key, ouro_none), OURO_OK);
    drop(key);
  }
  not_to_be_emptied = dict;
  void *copy = ouro_borrow(ouro_deepcopy(dict));
  not_to_be_emptied = NULL;
  assert_non_null(copy);
  assert_true(ouro__dict_valid(copy));
  assert_int_equal(ouro_dict_count(dict), 20);
  drop(copy);
  drop(dict);
  ouro_gc_collect(2);
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "calculate") == 0) {
    return calculate();
  }
  if (argc > 1) {
    seed = strtoull(argv[1], NULL, 0);
  }
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(as_an_array_does),
      OBJECT_TEST(many_keys),
      OBJECT_TEST(what_it_takes),
      OBJECT_TEST(wrong_arguments_are_refused),
      OBJECT_TEST(equal_numbers_are_one_key),
      OBJECT_TEST(keys_that_are_text),
      OBJECT_TEST(walks_notice_changes),
      OBJECT_TEST(lists_of_what_it_has),
      OBJECT_TEST(updating_from_pairs),
      OBJECT_TEST(as_a_value),
      OBJECT_TEST(equality_may_change_the_dict),
      OBJECT_TEST(functions_may_fail),
      OBJECT_TEST(what_goes_may_change_the_dict),
      OBJECT_TEST(cycles_through_dicts_are_collected),
      OBJECT_TEST(the_first_goes_and_another_comes),
      OBJECT_TEST(a_hash_may_empty_the_copy),
#ifdef OURO_FAULTS
      OBJECT_TEST(without_memory),
      OBJECT_TEST(what_takes_out_needs_no_memory),
#endif
      OBJECT_TEST(two_threads_in_all_pairs),
      OBJECT_TEST(many_readers),
  };
  test_objects_without_stress();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
