/* tests/values/test_sort.c - sorting: in order, stable and complete, for all kinds of keys and all that they may be in already; functions
 * that fail, lie, or change the list; and the smallest and the largest.
 *
 * usage: test_values_sort [SEED]
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka. */
#include "values/sequences.h"

#include <math.h>

static uint64_t seed = 1;
static test_rng rng;

/* ---------------------------------------------------------------- what is sorted
 *
 * Keys of six kinds, all of them in the order of small numbers, many of which are the same. What comes first is seen by the object. */

enum { INTS, FLOATS, TEXTS, LONG_TEXTS, MIXED, ODDS, KINDS };

static void *text_of(const char *format, int64_t value) {
  char text[64];
  snprintf(text, sizeof text, format, (long long)value);
  return ouro_borrow(ouro_str_from(text));
}

/* Never one of those that are made once, so that equal ones are different objects. */
static void *key_of(int kind, int64_t value) {
  switch (kind) {
    case INTS: return number(value * 1000003 - 50000000);
    case FLOATS: return ouro_borrow(ouro_float_new(value == 50 ? (test_below(&rng, 2) ? -0.0 : 0.0) : (double)(value - 50) * 0.25));
    case TEXTS: return text_of("%05lld", value);
    case LONG_TEXTS: return text_of("the same beginning, \xc3\xa9, and then %05lld", value);
    case MIXED: return test_below(&rng, 2) ? number(value * 7000) : ouro_borrow(ouro_float_new((double)value * 7000));
    default: return odd_new(value);
  }
}

typedef struct sample {
  ouro_list *seq;
  void **before; /* borrowed from `seq`, or from who keeps its items */
  size_t count;
} sample;

/* How the values lie: at random, in order, falling, in order but for a few, in runs, all the same, or like the teeth of a saw. */
enum { SHAPES = 8 };
static int64_t value_at(int shape, size_t i, size_t count) {
  switch (shape) {
    case 0: return (int64_t)test_below(&rng, 100);
    case 1: return (int64_t)(i * 100 / count);
    case 2: return (int64_t)((count - 1 - i) * 100 / count);
    case 3: return test_below(&rng, 30) == 0 ? (int64_t)test_below(&rng, 100) : (int64_t)(i * 100 / count);
    case 4: return (int64_t)(i % 37);
    case 5: return 42;
    case 6: return i < count / 2 ? (int64_t)(i * 100 / count) : (int64_t)test_below(&rng, 100);
    default: return (int64_t)(i % 2 ? i * 100 / count : (count - i) * 100 / count);
  }
}

static sample sample_of(int kind, int shape, size_t count) {
  sample it = {.seq = ouro_borrow(ouro_list_new()), .before = calloc(count + 1, sizeof *it.before), .count = count};
  for (size_t i = 0; i < count; i++) {
    it.before[i] = key_of(kind, value_at(shape, i, count));
    TEST_CHECK(ouro_list_append_move(it.seq, ouro_adopt(it.before[i])) == OURO_OK);
  }
  return it;
}

static void sample_drop(sample *it) {
  drop(it->seq);
  free(it->before);
}

static bool reversed;
static int by_order(const void *left, const void *right) {
  int order = 0;
  TEST_CHECK(ouro_compare(*(void *const *)left, *(void *const *)right, &order) == OURO_OK);
  return reversed ? -order : order;
}

/* The plainest stable sort there is: a merge of halves. */
static void sort_plainly(void **items, void **spare, size_t count) {
  size_t half = count / 2;
  if (count < 2) {
    return;
  }
  sort_plainly(items, spare, half);
  sort_plainly(items + half, spare, count - half);
  memcpy(spare, items, half * sizeof *items);
  for (size_t left = 0, right = half, to = 0; left < half; to++) {
    bool takes_right = right < count && by_order(&items[right], &spare[left]) < 0;
    items[to] = takes_right ? items[right++] : spare[left++];
  }
}

static void is_sorted_as(const sample *it, void **expected) {
  TEST_CHECK(ouro_list_count(it->seq) == it->count && ouro__list_valid(it->seq));
  for (size_t i = 0; i < it->count; i++) {
    TEST_CHECK(it->seq->items[i] == expected[i]);
  }
}

static void sort_and_check(sample *it, void *key, bool reverse) {
  void **spare = calloc(it->count + 1, sizeof *spare);
  reversed = reverse;
  sort_plainly(it->before, spare, it->count);
  free(spare);
  TEST_CHECK(ouro_list_sort(it->seq, key, reverse) == OURO_OK);
  is_sorted_as(it, it->before);
}

static void in_order_and_stable(void **state) {
  (void)state;
  const size_t counts[] = {0, 1, 2, 3, 23, 24, 25, 48, 49, 100, 511, 512, 513, 1500, 5000};
  for (size_t i = 0; i < sizeof counts / sizeof *counts * KINDS * SHAPES * 2; i++) {
    size_t count = counts[i / (KINDS * SHAPES * 2)];
    if (count > test_count(5000, 600)) {
      break;
    }
    sample it = sample_of((int)(i % KINDS), (int)(i / KINDS % SHAPES), count);
    sort_and_check(&it, NULL, i / KINDS / SHAPES % 2 == 1);
    sample_drop(&it);
  }
}

static void samples_of_any_size(void **state) {
  (void)state;
  for (size_t i = 0; i < test_count(3000, 100); i++) {
    sample it = sample_of((int)test_below(&rng, KINDS), (int)test_below(&rng, SHAPES), test_below(&rng, 200));
    sort_and_check(&it, NULL, test_below(&rng, 2));
    sample_drop(&it);
  }
}

/* All 64 bits of a key count, and the signs of floats. */
static void numbers_of_all_sizes(void **state) {
  (void)state;
  for (int kind = 0; kind < 2; kind++) {
    sample it = {.seq = ouro_borrow(ouro_list_new()), .before = calloc(6000, sizeof *it.before), .count = 5000};
    for (size_t i = 0; i < it.count; i++) {
      uint64_t bits = test_next(&rng) >> test_below(&rng, 64);
      int64_t value = (int64_t)(test_below(&rng, 2) ? bits : 0 - bits);
      it.before[i] = kind ? ouro_borrow(ouro_float_new((double)value / 1e6)) : number(value);
      TEST_CHECK(ouro_list_append_move(it.seq, ouro_adopt(it.before[i])) == OURO_OK);
    }
    sort_and_check(&it, NULL, false);
    sample_drop(&it);
  }
}

/* One is the beginning of another; they contain NULs; they differ where no key looks. */
static void strings_that_begin_alike(void **state) {
  (void)state;
  for (size_t round = 0; round < test_count(200, 10); round++) {
    size_t common = test_below(&rng, 20), count = 2 + test_below(&rng, 900);
    sample it = {.seq = ouro_borrow(ouro_list_new()), .before = calloc(count, sizeof *it.before), .count = count};
    for (size_t i = 0; i < count; i++) {
      char text[64] = "abcdefghijklmnopqrstuvwxyz";
      size_t bytes = common + test_below(&rng, 12);
      for (size_t j = common; j < bytes; j++) {
        text[j] = (char)test_below(&rng, 3);
      }
      it.before[i] = ouro_borrow(ouro_str_new(text, bytes));
      TEST_CHECK(ouro_list_append_move(it.seq, ouro_adopt(it.before[i])) == OURO_OK);
    }
    sort_and_check(&it, NULL, round % 2);
    sample_drop(&it);
  }
}

static void what_is_no_number_comes_last(void **state) {
  (void)state;
  const double values[] = {3, (double)NAN, -1, (double)INFINITY, 2, -(double)NAN, -(double)INFINITY};
  ouro_list *seq = ouro_borrow(ouro_list_new());
  for (size_t i = 0; i < 7; i++) {
    assert_int_equal(ouro_list_append_move(seq, ouro_float_new(values[i])), OURO_OK);
  }
  assert_int_equal(ouro_list_sort(seq, NULL, false), OURO_OK);
  PRINTS(seq, "[-inf, -1.0, 2.0, 3.0, inf, nan, nan]");
  drop(seq);
}

/* ---------------------------------------------------------------- functions of one argument, as keys */

typedef struct function {
  ouro_object base;
  int (*call)(void *item, ouro_slot result);
  size_t calls;
} function;

static int function_call(void *self, void *const *args, size_t count, ouro_slot result) {
  function *it = self;
  it->calls++;
  TEST_CHECK(count == 1);
  return it->call(args[0], result);
}
static const ouro_protocols function_protocols = {.call = function_call};
static ouro_type function_type = {.name = "function", .size = sizeof(function), .protocols = &function_protocols};

static function *function_of(int (*call)(void *item, ouro_slot result)) {
  function *made = ouro_borrow(ouro_new(&function_type));
  TEST_CHECK(made != NULL);
  made->call = call;
  return made;
}

static int key_kind;
static int key_of_odd(void *item, ouro_slot result) {
  int64_t value = ((odd *)item)->value;
  OURO__SLOT_SET(result, key_kind == ODDS ? ouro_borrow(ouro_newref(item)) : key_of(key_kind, value));
  return OURO_OK;
}
static int fails_at_three(void *item, ouro_slot result) { return ((odd *)item)->value == 3 ? OURO_ERAISED : key_of_odd(item, result); }

static void by_a_function_called_once_for_each(void **state) {
  (void)state;
  function *key = function_of(key_of_odd);
  for (key_kind = 0; key_kind < KINDS; key_kind++) {
    for (int shape = 0; shape < SHAPES; shape++) {
      sample it = sample_of(ODDS, shape, shape == 0 ? 2000 : 60);
      key->calls = 0;
      sort_and_check(&it, key, shape % 2);
      assert_int_equal(key->calls, it.count);
      sample_drop(&it);
    }
  }
  sample one = sample_of(ODDS, 0, 1);
  key->calls = 0;
  sort_and_check(&one, key, false);
  assert_int_equal(key->calls, 1);
  sample_drop(&one);
  drop(key);
}

static void a_function_that_fails(void **state) {
  (void)state;
  function *key = function_of(fails_at_three);
  key_kind = INTS;
  sample it = sample_of(ODDS, 4, 30);
  assert_int_equal(ouro_list_sort(it.seq, key, false), OURO_ERAISED);
  is_sorted_as(&it, it.before);
  sample_drop(&it);
  drop(key);
}

/* ---------------------------------------------------------------- order that fails, lies, changes the list */

static size_t asked, fails_after;
static int fails_later(odd *self, void *other) {
  (void)self;
  (void)other;
  TEST_CHECK(asked <= fails_after); /* never again */
  return asked++ == fails_after ? OURO_ERAISED : OURO_OK;
}

static int by_address(const void *left, const void *right) {
  uintptr_t first = (uintptr_t) * (void *const *)left, second = (uintptr_t) * (void *const *)right;
  return first < second ? -1 : first > second;
}

static void has_the_same_items(const sample *it) {
  void **now = calloc(it->count, sizeof *now), **then = calloc(it->count, sizeof *then);
  TEST_CHECK(ouro_list_count(it->seq) == it->count);
  memcpy(now, it->seq->items, it->count * sizeof *now);
  memcpy(then, it->before, it->count * sizeof *then);
  qsort(now, it->count, sizeof *now, by_address);
  qsort(then, it->count, sizeof *then, by_address);
  TEST_CHECK(memcmp(now, then, it->count * sizeof *now) == 0);
  free(now);
  free(then);
}

static void order_that_fails_keeps_the_items(void **state) {
  (void)state;
  for (size_t round = 0; round < test_count(600, 60); round++) {
    sample it = sample_of(ODDS, (int)(round % SHAPES), 200);
    asked = 0;
    fails_after = round * 3;
    odd_asked = fails_later;
    int code = ouro_list_sort(it.seq, NULL, round % 2);
    odd_asked = NULL;
    TEST_CHECK(code == OURO_ERAISED || (code == OURO_OK && asked <= fails_after));
    has_the_same_items(&it);
    sample_drop(&it);
  }
}

static void what_has_no_order_is_refused(void **state) {
  (void)state;
  ouro_list *seq = NUMBERS(3, 1, 2);
  assert_int_equal(ouro_list_insert(seq, 1, ouro_none), OURO_OK);
  assert_int_equal(ouro_list_sort(seq, NULL, false), OURO_ETYPE);
  assert_int_equal(ouro_list_count(seq), 4);
  assert_null(ouro_borrow(ouro_sorted(seq, NULL, false)));
  assert_int_equal(ouro__code(), OURO_ETYPE);
  drop(seq);
}

static ouro_list *victim;
static int puts_in(odd *self, void *other) {
  (void)self;
  (void)other;
  TEST_CHECK(ouro_list_append(victim, ouro_none) == OURO_OK);
  return OURO_OK;
}
static int looks(odd *self, void *other) {
  (void)self;
  (void)other;
  TEST_CHECK(ouro_list_count(victim) == 0 && ouro_gc_collect(0) >= 0);
  TEST_CHECK(ouro_list_sort(victim, NULL, false) == OURO_OK);
  return OURO_OK;
}

static void who_orders_finds_the_list_empty(void **state) {
  (void)state;
  sample it = sample_of(ODDS, 0, 60);
  victim = it.seq;
  odd_asked = looks;
  assert_int_equal(ouro_list_sort(it.seq, NULL, false), OURO_OK);
  odd_asked = puts_in;
  ouro_list_reverse(it.seq);
  assert_int_equal(ouro_list_sort(it.seq, NULL, false), OURO_ECHANGED);
  odd_asked = NULL;
  has_the_same_items(&it);
  sample_drop(&it);
}

/* ---------------------------------------------------------------- the smallest, the largest, sorted copies */

static void the_first_of_the_smallest_and_of_the_largest(void **state) {
  (void)state;
  ouro_list *seq = ouro_borrow(ouro_list_new());
  odd *made[] = {odd_new(2), odd_new(1), odd_new(3), odd_new(1), odd_new(3)};
  void *found = NULL;
  assert_int_equal(ouro_min(seq, NULL, &found), 0);
  assert_null(found);
  for (size_t i = 0; i < 5; i++) {
    assert_int_equal(ouro_list_append_move(seq, ouro_adopt(made[i])), OURO_OK);
  }
  function *key = function_of(key_of_odd);
  for (key_kind = INTS; key_kind <= ODDS; key_kind += ODDS) {
    assert_int_equal(ouro_min(seq, key, &found), 1);
    assert_ptr_equal(found, made[1]);
    drop(found);
    assert_int_equal(ouro_max(seq, key_kind == ODDS ? NULL : key, &found), 1);
    assert_ptr_equal(found, made[2]);
    drop(found);
  }
  key->call = fails_at_three;
  assert_int_equal(ouro_max(seq, key, &found), OURO_ERAISED);
  assert_int_equal(ouro_max(key, NULL, &found), OURO_ETYPE);
  assert_int_equal(ouro_list_append(seq, ouro_none), OURO_OK);
  assert_int_equal(ouro_min(seq, NULL, &found), OURO_ETYPE);
  drop(key);
  drop(seq);
}

static void sorted_copies(void **state) {
  (void)state;
  ouro_list *seq = NUMBERS(3, 1, 2), *up = ouro_borrow(ouro_sorted(seq, NULL, false));
  ouro_tuple *down = ouro_borrow(ouro_tuple_from(seq));
  ouro_list *other = ouro_borrow(ouro_sorted(down, NULL, true));
  HOLDS(seq, 3, 1, 2);
  HOLDS(up, 1, 2, 3);
  HOLDS(other, 3, 2, 1);
  assert_null(ouro_borrow(ouro_sorted(ouro_none, NULL, false)));
  drop(seq);
  drop(up);
  drop(down);
  drop(other);
}

/* ---------------------------------------------------------------- without memory */

#ifdef OURO_FAULTS
typedef struct tries {
  sample sample;
  function *key;
} tries;

static int try_sort(void *arg) { return ouro_list_sort(((tries *)arg)->sample.seq, ((tries *)arg)->key, true); }
static bool is_as_before(void *arg) {
  sample *it = &((tries *)arg)->sample;
  is_sorted_as(it, it->before);
  return true;
}
static int itself(void *item, ouro_slot result) {
  OURO__SLOT_SET(result, ouro_borrow(ouro_newref(item)));
  return OURO_OK;
}

static void without_memory_nothing_changes(void **state) {
  (void)state;
  for (size_t i = 0; i < KINDS * SHAPES * 2; i++) {
    tries it = {.sample = sample_of((int)(i % KINDS), (int)(i / KINDS % SHAPES), 600)};
    it.key = i < KINDS * SHAPES ? NULL : function_of(itself);
    fail_each(try_sort, is_as_before, &it);
    sort_and_check(&it.sample, NULL, true);
    if (it.key != NULL) {
      drop(it.key);
    }
    sample_drop(&it.sample);
  }
}
#endif

int main(int argc, char **argv) {
  if (argc > 1) {
    seed = strtoull(argv[1], NULL, 0);
  }
  rng = (test_rng){seed};
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(in_order_and_stable),
      OBJECT_TEST(samples_of_any_size),
      OBJECT_TEST(numbers_of_all_sizes),
      OBJECT_TEST(strings_that_begin_alike),
      OBJECT_TEST(what_is_no_number_comes_last),
      OBJECT_TEST(by_a_function_called_once_for_each),
      OBJECT_TEST(a_function_that_fails),
      OBJECT_TEST(order_that_fails_keeps_the_items),
      OBJECT_TEST(what_has_no_order_is_refused),
      OBJECT_TEST(who_orders_finds_the_list_empty),
      OBJECT_TEST(the_first_of_the_smallest_and_of_the_largest),
      OBJECT_TEST(sorted_copies),
#ifdef OURO_FAULTS
      OBJECT_TEST(without_memory_nothing_changes),
#endif
  };
  test_objects_without_stress();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
