/* tests/values/test_list.c - lists: against a plain array, with random operations; what each operation promises; items whose functions
 * change the list; every allocation failing; and two threads at one list, in all pairs of operations.
 *
 * usage: test_values_list [SEED]
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka, threads. */
#include "values/sequences.h"

#include <pthread.h>
#include <stdatomic.h>

static uint64_t seed = 1;

/* ---------------------------------------------------------------- a model: numbers in an array */

enum { MODEL_ROOM = 4096, MODEL_MOST = 300, SMALL_RANGE = 24 };

typedef struct model {
  int64_t items[MODEL_ROOM];
  ptrdiff_t count;
} model;

typedef struct both {
  model model;
  ouro_list *seq;
  test_rng rng;
} both;

static ptrdiff_t below(both *it, size_t limit) { return (ptrdiff_t)test_below(&it->rng, limit); }

static void model_insert(model *it, ptrdiff_t at, int64_t value) {
  memmove(it->items + at + 1, it->items + at, (size_t)(it->count - at) * sizeof *it->items);
  it->items[at] = value;
  it->count++;
}

static int64_t model_pop(model *it, ptrdiff_t at) {
  int64_t value = it->items[at];
  it->count--;
  memmove(it->items + at, it->items + at + 1, (size_t)(it->count - at) * sizeof *it->items);
  return value;
}

static ptrdiff_t model_find(const model *it, int64_t value) {
  for (ptrdiff_t i = 0; i < it->count; i++) {
    if (it->items[i] == value) {
      return i;
    }
  }
  return -1;
}

/* The indexes of a slice, one after the other; returns how many. */
static ptrdiff_t model_slice(const model *it, ptrdiff_t start, ptrdiff_t stop, ptrdiff_t step, ptrdiff_t places[MODEL_ROOM],
                             ptrdiff_t *begin) {
  ptrdiff_t n = it->count, found = 0;
  step = step == OURO_LEFT_OUT ? 1 : step;
  ptrdiff_t from = start == OURO_LEFT_OUT ? (step > 0 ? 0 : n - 1) : start < 0 ? start + n : start;
  ptrdiff_t to = stop == OURO_LEFT_OUT ? (step > 0 ? n : -1) : stop < 0 ? stop + n : stop;
  if (step > 0 && from < 0) {
    from = 0;
  }
  from = step < 0 && from >= n ? n - 1 : from > n ? n : from;
  for (ptrdiff_t i = from; step > 0 ? i < to && i < n : i > to && i >= 0; i += step) {
    places[found++] = i;
  }
  *begin = from < 0 ? 0 : from;
  return found;
}

static ptrdiff_t place(both *it) { return below(it, (size_t)it->model.count * 2 + 3) - it->model.count - 1; }
static ptrdiff_t place_or_none(both *it) { return below(it, 5) == 0 ? OURO_LEFT_OUT : place(it); }
static int64_t some_value(both *it) { return below(it, SMALL_RANGE) * (below(it, 4) == 0 ? 1000 : 1); }

static ouro_list *list_of_model(const int64_t *values, ptrdiff_t count) {
  ouro_list *made = ouro_borrow(ouro_list_new());
  for (ptrdiff_t i = 0; i < count; i++) {
    TEST_CHECK(ouro_list_append_move(made, ouro_int_new(values[i])) == OURO_OK);
  }
  return made;
}

static void same(const both *it) {
  TEST_CHECK(ouro__list_valid(it->seq) && ouro_list_count(it->seq) == (size_t)it->model.count);
  for (ptrdiff_t i = 0; i < it->model.count; i++) {
    TEST_CHECK(value_of(it->seq->items[i]) == it->model.items[i]);
  }
}

static void do_append(both *it) {
  int64_t value = some_value(it);
  TEST_CHECK(ouro_list_append_move(it->seq, ouro_int_new(value)) == OURO_OK);
  it->model.items[it->model.count++] = value;
}

static void do_insert(both *it) {
  int64_t value = some_value(it);
  ptrdiff_t index = place(it), at = index < 0 ? index + it->model.count : index;
  TEST_CHECK(ouro_list_insert_move(it->seq, index, ouro_int_new(value)) == OURO_OK);
  model_insert(&it->model, at < 0 ? 0 : at > it->model.count ? it->model.count : at, value);
}

static void do_pop(both *it) {
  ptrdiff_t index = place(it), at = index < 0 ? index + it->model.count : index;
  void *item = NULL;
  int code = ouro_list_pop(it->seq, index, &item);
  if (at < 0 || at >= it->model.count) {
    TEST_CHECK(code == OURO_EINDEX && item == NULL);
    return;
  }
  TEST_CHECK(code == OURO_OK && value_of(item) == model_pop(&it->model, at));
  drop(item);
}

static void do_set(both *it) {
  ptrdiff_t index = place(it), at = index < 0 ? index + it->model.count : index;
  int64_t value = some_value(it);
  int code = ouro_list_set_move(it->seq, index, ouro_int_new(value));
  TEST_CHECK(code == (at < 0 || at >= it->model.count ? OURO_EINDEX : OURO_OK));
  if (code == OURO_OK) {
    it->model.items[at] = value;
  }
}

static void do_slice(both *it) {
  ptrdiff_t places[MODEL_ROOM], begin, start = place_or_none(it), stop = place_or_none(it), step = below(it, 10) - 4;
  step = step == 5 ? OURO_LEFT_OUT : step;
  ouro_list *slice = ouro_borrow(ouro_list_slice(it->seq, start, stop, step));
  if (step == 0) {
    TEST_CHECK(slice == NULL && errno == EINVAL);
    return;
  }
  ptrdiff_t count = model_slice(&it->model, start, stop, step, places, &begin);
  TEST_CHECK(ouro_list_count(slice) == (size_t)count && ouro__row_room(slice->items) == (size_t)count);
  for (ptrdiff_t i = 0; i < count; i++) {
    TEST_CHECK(value_of(slice->items[i]) == it->model.items[places[i]]);
  }
  drop(slice);
}

/* Another list, a tuple, an iterator, or the list itself. */
static void *some_iterable(both *it, int64_t values[MODEL_ROOM], ptrdiff_t *count) {
  *count = below(it, 12);
  if (below(it, 8) == 0 && it->model.count < MODEL_MOST) {
    *count = it->model.count;
    memcpy(values, it->model.items, (size_t)*count * sizeof *values);
    return ouro_borrow(ouro_newref(it->seq));
  }
  for (ptrdiff_t i = 0; i < *count; i++) {
    values[i] = some_value(it);
  }
  ouro_list *other = list_of_model(values, *count);
  size_t kind = (size_t)below(it, 3);
  void *given = other;
  if (kind == 1) {
    given = ouro_borrow(ouro_tuple_from(other));
  } else if (kind == 2) {
    TEST_CHECK(ouro_iterate(other, &given) == OURO_OK);
  }
  if (kind > 0) {
    drop(other);
  }
  return given;
}

static void do_extend(both *it) {
  int64_t values[MODEL_ROOM];
  ptrdiff_t count;
  void *given = some_iterable(it, values, &count);
  TEST_CHECK(ouro_list_extend(it->seq, given) == OURO_OK);
  memcpy(it->model.items + it->model.count, values, (size_t)count * sizeof *values);
  it->model.count += count;
  drop(given);
}

static void do_slice_set(both *it) {
  int64_t values[MODEL_ROOM];
  ptrdiff_t places[MODEL_ROOM], begin, more, start = place_or_none(it), stop = place_or_none(it);
  ptrdiff_t step = below(it, 2) == 0 ? 1 : below(it, 6) - 3;
  step = step == 0 ? 1 : step;
  void *given = some_iterable(it, values, &more);
  ptrdiff_t count = model_slice(&it->model, start, stop, step, places, &begin);
  int code = ouro_list_slice_set(it->seq, start, stop, step, given);
  drop(given);
  TEST_CHECK(code == (step != 1 && count != more ? OURO_EINVAL : OURO_OK));
  for (ptrdiff_t i = 0; code == OURO_OK && step != 1 && i < count; i++) {
    it->model.items[places[i]] = values[i];
  }
  for (ptrdiff_t i = 0; step == 1 && i < count; i++) {
    model_pop(&it->model, begin);
  }
  for (ptrdiff_t i = 0; step == 1 && i < more; i++) {
    model_insert(&it->model, begin + i, values[i]);
  }
}

static void do_slice_delete(both *it) {
  ptrdiff_t places[MODEL_ROOM], begin, start = place_or_none(it), stop = place_or_none(it), step = below(it, 7) - 3;
  step = step == 0 ? 1 : step;
  ptrdiff_t count = model_slice(&it->model, start, stop, step, places, &begin);
  TEST_CHECK(ouro_list_slice_delete(it->seq, start, stop, step) == OURO_OK);
  for (ptrdiff_t i = 0; i < count; i++) {
    model_pop(&it->model, step > 0 ? places[count - 1 - i] : places[i]);
  }
}

static void do_search(both *it) {
  int64_t value = some_value(it), found = model_find(&it->model, value);
  void *sought = below(it, 2) == 0 ? number(value) : ouro_borrow(ouro_float_new((double)value));
  size_t index = 0, count = 0, expected = 0;
  TEST_CHECK(ouro_list_index(it->seq, sought, &index) == (found >= 0) && (found < 0 || index == (size_t)found));
  for (ptrdiff_t i = 0; i < it->model.count; i++) {
    expected += it->model.items[i] == value;
  }
  TEST_CHECK(ouro_list_count_of(it->seq, sought, &count) == OURO_OK && count == expected);
  TEST_CHECK(ouro_contains(it->seq, sought) == (found >= 0));
  TEST_CHECK(ouro_list_index_in(it->seq, sought, found + 1, OURO_LEFT_OUT, &index) == (expected > 1));
  if (below(it, 2) == 0) {
    TEST_CHECK(ouro_list_remove(it->seq, sought) == (found >= 0));
    if (found >= 0) {
      model_pop(&it->model, (ptrdiff_t)found);
    }
  }
  drop(sought);
}

static void do_reverse(both *it) {
  ouro_list_reverse(it->seq);
  for (ptrdiff_t i = 0, j = it->model.count - 1; i < j; i++, j--) {
    int64_t value = it->model.items[i];
    it->model.items[i] = it->model.items[j];
    it->model.items[j] = value;
  }
}

static int compare_values(const void *first, const void *second) {
  int64_t left = *(const int64_t *)first, right = *(const int64_t *)second;
  return left < right ? -1 : left > right;
}

static void do_sort(both *it) {
  bool reverse = below(it, 2);
  TEST_CHECK(ouro_list_sort(it->seq, NULL, reverse) == OURO_OK);
  qsort(it->model.items, (size_t)it->model.count, sizeof *it->model.items, compare_values);
  for (ptrdiff_t i = 0, j = it->model.count - 1; reverse && i < j; i++, j--) {
    int64_t value = it->model.items[i];
    it->model.items[i] = it->model.items[j];
    it->model.items[j] = value;
  }
}

static void do_repeat(both *it) {
  ptrdiff_t times = below(it, 12) == 0 ? below(it, 2) - 1 : 1 + below(it, 3), count = it->model.count;
  times = count * times > MODEL_MOST * 2 ? 1 : times;
  ouro_list *made = ouro_borrow(ouro_list_repeat(it->seq, times));
  ouro_list *sum = ouro_borrow(ouro_list_concat(it->seq, made));
  TEST_CHECK(ouro_list_repeat_in_place(it->seq, times) == OURO_OK);
  TEST_CHECK(ouro_equal(made, it->seq) == 1);
  for (ptrdiff_t i = 1; i < times; i++) {
    memcpy(it->model.items + i * count, it->model.items, (size_t)count * sizeof *it->model.items);
  }
  it->model.count = times <= 0 ? 0 : count * times;
  TEST_CHECK(ouro_list_count(sum) == (size_t)(count + it->model.count));
  drop(made);
  drop(sum);
}

static void do_copies(both *it) {
  ouro_list *made = ouro_borrow(ouro_list_from(it->seq));
  int order = 9;
  TEST_CHECK(ouro_equal(made, it->seq) == 1 && ouro_compare(made, it->seq, &order) == OURO_OK && order == 0);
  TEST_CHECK(ouro_list_append(made, ouro_none) == OURO_OK && ouro_equal(made, it->seq) == 0);
  TEST_CHECK(ouro_compare(made, it->seq, &order) == OURO_OK && order > 0);
  drop(made);
}

static void do_clear(both *it) {
  if (it->model.count > MODEL_MOST || below(it, 30) == 0) {
    ouro_list_clear(it->seq);
    it->model.count = 0;
  }
}

static void as_an_array_does(void **state) {
  (void)state;
  void (*const operations[])(both *) = {do_append,    do_append, do_append,       do_insert, do_insert,  do_pop,  do_set,    do_slice,
                                        do_slice_set, do_extend, do_slice_delete, do_search, do_reverse, do_sort, do_repeat, do_copies,
                                        do_clear};
  static both it;
  it.rng = (test_rng){seed};
  it.seq = ouro_borrow(ouro_list_new());
  for (size_t step = 0; step < test_count(40000, 2000); step++) {
    operations[below(&it, sizeof operations / sizeof *operations)](&it);
    if (it.model.count > MODEL_MOST) {
      do_clear(&it);
    }
    same(&it);
  }
  drop(it.seq);
}

/* ---------------------------------------------------------------- memory */

static void what_it_takes(void **state) {
  (void)state;
  assert_int_equal(sizeof(ouro_list), 32);
  void *items[100];
  for (size_t i = 0; i < 100; i++) {
    items[i] = ouro_none;
  }
  ouro_list *made = ouro_borrow(ouro_list_new_items(100, items));
  assert_true(sizeof *made + ouro__list_protocols.extent(made) <= 8 * 100 + 40);
  for (size_t i = 0; i < 100000; i++) {
    assert_int_equal(ouro_list_append(made, ouro_none), OURO_OK);
    assert_true(ouro__row_room(made->items) <= ouro_list_count(made) + ouro_list_count(made) / 4 + 16);
  }
  while (ouro_list_count(made) > 0) {
    assert_int_equal(ouro_list_delete(made, -1), OURO_OK);
    assert_true(ouro__row_room(made->items) <= ouro_list_count(made) * 2 + 8);
  }
  drop(made);
}

/* ---------------------------------------------------------------- what makes lists */

static void making_lists(void **state) {
  (void)state;
  void *items[] = {cell_new(0), cell_new(0)};
  ouro_list *borrowing = ouro_borrow(ouro_list_new_items(2, items)), *of = ouro_borrow(ouro_list_of(1, items[0]));
  assert_int_equal(ouro_refcount(items[0]), 3);
  drop(borrowing);
  drop(of);
  ouro_list *moving = ouro_borrow(ouro_list_new_items_move(2, items));
  assert_int_equal(ouro_refcount(items[0]), 1);
  assert_int_equal(ouro__row_room(moving->items), 2);
  items[1] = NULL;
  assert_null(ouro_borrow(ouro_list_new_items(2, items)));
  assert_null(ouro_borrow(ouro_list_of(2, items[0], NULL)));
  assert_int_equal(ouro__code(), OURO_EINVAL);
  assert_null(ouro_borrow(ouro_list_from(items[0])));
  assert_int_equal(ouro__code(), OURO_ETYPE);
  assert_int_equal(ouro_list_append(moving, NULL), OURO_EINVAL);
  assert_int_equal(ouro_list_set(moving, 0, NULL), OURO_EINVAL);
  assert_int_equal(ouro_list_insert(moving, 0, NULL), OURO_EINVAL);
  assert_int_equal(ouro_list_extend(moving, items[0]), OURO_ETYPE);
  assert_int_equal(ouro_list_extend(moving, NULL), OURO_EINVAL);
  drop(moving);
}

static void items_by_key(void **state) {
  (void)state;
  ouro_list *seq = NUMBERS(10, 20, 30);
  void *last = number(-1), *real = ouro_borrow(ouro_float_new(1)), *item = NULL;
  void *far = ouro_borrow(ouro_int_from_text("99999999999999999999", 20, 10)); /* NULL where there are none so large */
  assert_int_equal(ouro_item_get(seq, last, &item), OURO_OK);
  assert_int_equal(value_of(item), 30);
  assert_int_equal(ouro_item_set(seq, last, last), OURO_OK);
  assert_int_equal(ouro_item_get(seq, real, &item), OURO_ETYPE);
  assert_int_equal(far != NULL ? ouro_item_get(seq, far, &item) : OURO_EINDEX, OURO_EINDEX);
  ouro_xdecref(ouro_adopt(far));
  HOLDS(seq, 10, 20, -1);
  assert_int_equal(ouro_item_delete(seq, last), OURO_OK);
  HOLDS(seq, 10, 20);
  uint64_t hash;
  assert_int_equal(ouro_hash(seq, &hash), OURO_EHASH);
  assert_int_equal(ouro_truth(seq), 1);
  drop(item);
  drop(real);
  drop(last);
  drop(seq);
}

/* ---------------------------------------------------------------- walking */

static void walks_see_what_is_appended(void **state) {
  (void)state;
  ouro_list *seq = NUMBERS(0, 1, 2);
  void *iterator = NULL, *item = NULL;
  size_t cursor = 0;
  int64_t sum = 0;
  assert_int_equal(ouro_iterate(seq, &iterator), OURO_OK);
  while (ouro_next(iterator, &item) == 1) {
    sum += value_of(item);
    if (value_of(item) < 10 && ouro_list_count(seq) < 6) {
      assert_int_equal(ouro_list_append_move(seq, ouro_int_new(100)), OURO_OK);
    }
    drop(item);
  }
  assert_int_equal(sum, 303);
  assert_int_equal(ouro_list_append(seq, ouro_none), OURO_OK);
  assert_int_equal(ouro_next(iterator, &item), 0);
  for (sum = 0; ouro_list_next(seq, &cursor, &item) == 1; sum++) {
    drop(item);
  }
  assert_int_equal(sum, 7);
  drop(iterator);
  drop(seq);
}

static void text_of_lists(void **state) {
  (void)state;
  ouro_list *none = ouro_borrow(ouro_list_new()), *some = NUMBERS(1, 2);
  PRINTS(none, "[]");
  PRINTS(some, "[1, 2]");
  assert_int_equal(ouro_list_append(some, some), OURO_OK);
  assert_int_equal(ouro_list_append(some, none), OURO_OK);
  PRINTS(some, "[1, 2, [...], []]");
  ouro_list_clear(some);
  drop(some);
  drop(none);
}

static void cycles_are_collected_and_compared_within_limits(void **state) {
  (void)state;
  ouro_list *one = NUMBERS(5000), *two = NUMBERS(5000);
  assert_int_equal(ouro_list_append(one, two), OURO_OK);
  assert_int_equal(ouro_list_append(two, one), OURO_OK);
  assert_int_equal(ouro_equal(one, two), OURO_EDEEP);
  int order;
  assert_int_equal(ouro_compare(one, two, &order), OURO_EDEEP);
  drop(one);
  drop(two);
  assert_int_equal(ouro_gc_collect(2), 2);
}

/* A finalizer that looks at a list that is being taken apart finds what is sound. */
static ouro_list *looked_at;
static void look(cell *self) {
  (void)self;
  void *item = NULL;
  size_t cursor = 0;
  while (ouro_list_next(looked_at, &cursor, &item) == 1) {
    drop(item);
  }
  assert_int_equal(ouro_list_append(looked_at, ouro_none), OURO_OK);
}

static void what_goes_may_change_the_list(void **state) {
  (void)state;
  for (int way = 0; way < 4; way++) {
    looked_at = NUMBERS(1, 2, 3);
    cell *watcher = cell_of(&final_type, 0);
    watcher->finalizing = look;
    assert_int_equal(ouro_list_insert_move(looked_at, 1, ouro_adopt(watcher)), OURO_OK);
    if (way == 0) {
      assert_int_equal(ouro_list_delete(looked_at, 1), OURO_OK);
    } else if (way == 1) {
      assert_int_equal(ouro_list_set(looked_at, 1, ouro_none), OURO_OK);
    } else if (way == 2) {
      ouro_list_clear(looked_at);
    } else {
      assert_int_equal(ouro_list_slice_delete(looked_at, 0, 2, 1), OURO_OK);
    }
    const size_t left[] = {4, 5, 1, 3};
    assert_int_equal(ouro_list_count(looked_at), left[way]);
    drop(looked_at);
  }
  test_log();
}

/* ---------------------------------------------------------------- equality that changes the list */

static ouro_list *victim;
static int empties_it(odd *self, void *other) {
  (void)self;
  (void)other;
  ouro_list_clear(victim);
  return OURO_OK;
}
static int fails(odd *self, void *other) {
  (void)self;
  (void)other;
  return OURO_ERAISED;
}

static ouro_list *odds(int64_t count) {
  ouro_list *made = ouro_borrow(ouro_list_new());
  for (int64_t i = 0; i < count; i++) {
    TEST_CHECK(ouro_list_append_move(made, ouro_adopt(odd_new(i))) == OURO_OK);
  }
  return made;
}

static void equality_may_empty_the_list(void **state) {
  (void)state;
  odd *sought = odd_new(2);
  size_t count = 7;
  int order;
  ouro_list *twin = odds(4);
  for (int way = 0; way < 5; way++) {
    victim = odds(4);
    odd_asked = empties_it;
    if (way == 0) {
      assert_int_equal(ouro_list_contains(victim, sought), 0);
    } else if (way == 1) {
      assert_int_equal(ouro_list_count_of(victim, sought, &count), OURO_OK);
      assert_int_equal(count, 0);
    } else if (way == 2) {
      assert_int_equal(ouro_list_remove(victim, sought), 0);
    } else if (way == 3) {
      assert_int_equal(ouro_equal(victim, twin), 0);
    } else {
      assert_int_equal(ouro_compare(victim, twin, &order), OURO_OK);
      assert_true(order < 0);
    }
    odd_asked = NULL;
    drop(victim);
  }
  drop(twin);
  drop(sought);
}

static void equality_may_fail(void **state) {
  (void)state;
  odd *sought = odd_new(2);
  size_t count = 7;
  int order;
  ouro_list *seq = odds(4), *twin = odds(4);
  odd_asked = fails;
  assert_int_equal(ouro_list_contains(seq, sought), OURO_ERAISED);
  assert_int_equal(ouro_list_count_of(seq, sought, &count), OURO_ERAISED);
  assert_int_equal(ouro_list_remove(seq, sought), OURO_ERAISED);
  assert_int_equal(ouro_equal(seq, twin), OURO_ERAISED);
  assert_int_equal(ouro_compare(seq, twin, &order), OURO_ERAISED);
  odd_asked = NULL;
  assert_int_equal(count, 7);
  assert_int_equal(ouro_list_remove(seq, sought), 1);
  assert_int_equal(ouro_list_count(seq), 3);
  drop(seq);
  drop(twin);
  drop(sought);
}

/* ---------------------------------------------------------------- without memory */

#ifdef OURO_FAULTS
typedef struct tries {
  ouro_list *seq, *copy;
  ouro_tuple *more;
  void *iterable; /* of no known length; made anew for each attempt */
  size_t live;
} tries;

static bool list_is_as_before(void *arg) {
  tries *it = arg;
  bool live = test_live() == it->live;
  return live && ouro__list_valid(it->seq) && ouro_equal(it->seq, it->copy) == 1;
}

static int made(ouro_ref object) {
  if (ouro_borrow(object) == NULL) {
    return ouro__code();
  }
  ouro_decref(object);
  return OURO_OK;
}

static int try_append(void *arg) { return ouro_list_append(((tries *)arg)->seq, ouro_none); }
static int try_insert(void *arg) { return ouro_list_insert(((tries *)arg)->seq, 1, ouro_none); }
static int try_append_move(void *arg) { return ouro_list_append_move(((tries *)arg)->seq, ouro_newref(((tries *)arg)->more)); }
static int try_extend(void *arg) { return ouro_list_extend(((tries *)arg)->seq, ((tries *)arg)->more); }
static int try_extend_self(void *arg) { return ouro_list_extend(((tries *)arg)->seq, ((tries *)arg)->seq); }
static int try_slice_set(void *arg) { return ouro_list_slice_set(((tries *)arg)->seq, 1, 2, 1, ((tries *)arg)->more); }
static int try_slice_shrink(void *arg) { return ouro_list_slice_set(((tries *)arg)->seq, 0, -1, 1, ((tries *)arg)->more); }
static int try_slice_delete(void *arg) { return ouro_list_slice_delete(((tries *)arg)->seq, 1, 3, 1); }
static int try_thin_out(void *arg) { return ouro_list_slice_delete(((tries *)arg)->seq, OURO_LEFT_OUT, OURO_LEFT_OUT, -2); }
static int try_repeat(void *arg) { return ouro_list_repeat_in_place(((tries *)arg)->seq, 3); }
static int try_new_repeat(void *arg) { return made(ouro_list_repeat(((tries *)arg)->seq, 3)); }
static int try_concat(void *arg) { return made(ouro_list_concat(((tries *)arg)->seq, ((tries *)arg)->copy)); }
static int try_slice(void *arg) { return made(ouro_list_slice(((tries *)arg)->seq, 1, 5, 2)); }
static int try_from(void *arg) { return made(ouro_list_from(((tries *)arg)->more)); }
static int try_of(void *arg) { return made(ouro_list_of(2, ((tries *)arg)->more, ouro_none)); }
static int try_sorted(void *arg) { return made(ouro_sorted(((tries *)arg)->copy, NULL, true)); }
static int try_iterated(void *arg) {
  void *iterator = NULL;
  int code = ouro_iterate(((tries *)arg)->more, &iterator);
  if (code == OURO_OK) {
    code = ouro_list_extend(((tries *)arg)->seq, iterator);
    drop(iterator);
  }
  return code;
}
static int try_move(void *arg) {
  ouro_ref items[] = {ouro_newref(((tries *)arg)->more), ouro_newref(((tries *)arg)->more)};
  return made(ouro_list_new_items_move(2, items));
}

static void without_memory(void **state) {
  (void)state;
  int (*const attempts[])(void *) = {try_append,   try_insert,     try_append_move, try_extend, try_extend_self, try_slice_set,
                                     try_slice_shrink, try_slice_delete, try_thin_out, try_repeat, try_new_repeat,  try_concat,
                                     try_slice,    try_from,       try_of,          try_sorted, try_iterated,    try_move};
  for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
    ouro_list *source = NUMBERS(1, 5000, 3, 7000, 8000, 2);
    tries it = {.seq = ouro_borrow(ouro_list_from(source)), .copy = source, .more = ouro_borrow(ouro_tuple_of(2, ouro_none, ouro_none))};
    it.live = test_live();
    fail_each(attempts[i], list_is_as_before, &it);
    assert_true(ouro__list_valid(it.seq));
    drop(it.seq);
    drop(it.copy);
    drop(it.more);
  }
}

static void what_takes_out_needs_no_memory(void **state) {
  (void)state;
  ouro_list *seq = NUMBERS(1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
  void *item = NULL, *three = number(3);
  ouro__fault_set(1, true);
  assert_int_equal(ouro_list_pop(seq, 0, &item), OURO_OK);
  assert_int_equal(ouro_list_remove(seq, three), 1);
  assert_int_equal(ouro_list_delete(seq, -1), OURO_OK);
  while (ouro_list_count(seq) > 1) {
    assert_int_equal(ouro_list_delete(seq, 0), OURO_OK);
  }
  ouro_list_reverse(seq);
  ouro_list_clear(seq);
  ouro__fault_set(0, false);
  drop(item);
  drop(three);
  drop(seq);
}
#endif

/* ---------------------------------------------------------------- two threads at one list */

enum { ALIVE = 0x600d, GONE = 0xdead, ITEMS_MOST = 64 };

typedef struct thing {
  ouro_object base;
  atomic_uint state;
  int64_t value;
} thing;

static atomic_long alive;

static void thing_goes(void *self) {
  TEST_CHECK(atomic_exchange(&((thing *)self)->state, GONE) == ALIVE);
  alive--;
}

static int thing_compare(void *self, void *other, int *order) {
  int64_t mine = ((thing *)self)->value, its = ((thing *)other)->value;
  *order = mine < its ? -1 : mine > its;
  return OURO_OK;
}
static int thing_equal(void *self, void *other) { return ((thing *)self)->value == ((thing *)other)->value; }
static const ouro_protocols thing_protocols = {.compare = thing_compare, .equal = thing_equal};
static ouro_type thing_type = {.name = "thing", .size = sizeof(thing), .release = thing_goes, .protocols = &thing_protocols};

static void *thing_new(int64_t value) {
  thing *made = ouro_borrow(ouro_new(&thing_type));
  TEST_CHECK(made != NULL);
  made->value = value;
  alive++;
  atomic_store(&made->state, ALIVE);
  return made;
}

static void check_and_drop(void *item) {
  TEST_CHECK(ouro_type_of(item) == &thing_type && atomic_load(&((thing *)item)->state) == ALIVE);
  drop(item);
}

static void check_list(ouro_list *seq) {
  void *item = NULL;
  size_t cursor = 0;
  while (ouro_list_next(seq, &cursor, &item) == 1) {
    check_and_drop(item);
  }
}

typedef struct worker {
  ouro_list *seq;
  void (*work)(struct worker *self);
  test_rng rng;
  pthread_t thread;
} worker;

static ptrdiff_t any_place(worker *it) { return (ptrdiff_t)test_below(&it->rng, 40) - 20; }
static void *any_thing(worker *it) { return thing_new((int64_t)test_below(&it->rng, 10)); }

static void in_append(worker *it) {
  if (ouro_list_count(it->seq) < ITEMS_MOST) {
    TEST_CHECK(ouro_list_append_move(it->seq, ouro_adopt(any_thing(it))) == OURO_OK);
  }
}
static void in_insert(worker *it) {
  if (ouro_list_count(it->seq) < ITEMS_MOST) {
    TEST_CHECK(ouro_list_insert_move(it->seq, any_place(it), ouro_adopt(any_thing(it))) == OURO_OK);
  }
}
static void in_pop(worker *it) {
  void *item = NULL;
  if (ouro_list_pop(it->seq, any_place(it), &item) == OURO_OK) {
    check_and_drop(item);
  }
}
static void in_get(worker *it) {
  void *item = NULL;
  for (int i = 0; i < 20; i++) {
    if (ouro_list_get(it->seq, any_place(it), &item) == OURO_OK) {
      check_and_drop(item);
    }
  }
}
static void in_set(worker *it) {
  int code = ouro_list_set_move(it->seq, any_place(it), ouro_adopt(any_thing(it)));
  TEST_CHECK(code == OURO_OK || code == OURO_EINDEX);
}
static void in_extend(worker *it) {
  int code = ouro_list_count(it->seq) < ITEMS_MOST / 2 ? ouro_list_extend(it->seq, it->seq) : OURO_OK;
  TEST_CHECK(code == OURO_OK);
}
static void in_slice(worker *it) {
  ouro_list *slice = ouro_borrow(ouro_list_slice(it->seq, any_place(it), OURO_LEFT_OUT, 2));
  check_list(slice);
  drop(slice);
}
static void in_slice_set(worker *it) {
  void *items[] = {any_thing(it), any_thing(it)};
  ouro_tuple *pair = ouro_borrow(ouro_tuple_new_move(2, items));
  ptrdiff_t begin = any_place(it);
  TEST_CHECK(ouro_list_slice_set(it->seq, begin, begin + 3, 1, pair) == OURO_OK);
  drop(pair);
}
static void in_slice_delete(worker *it) { TEST_CHECK(ouro_list_slice_delete(it->seq, any_place(it), OURO_LEFT_OUT, 3) == OURO_OK); }
static void in_clear(worker *it) {
  if (test_below(&it->rng, 8) == 0) {
    ouro_list_clear(it->seq);
  }
}
static void in_reverse(worker *it) { ouro_list_reverse(it->seq); }
static void in_sort(worker *it) {
  int code = ouro_list_sort(it->seq, NULL, test_below(&it->rng, 2));
  TEST_CHECK(code == OURO_OK || code == OURO_ECHANGED);
}
static void in_search(worker *it) {
  void *sought = any_thing(it);
  size_t index;
  TEST_CHECK(ouro_list_index(it->seq, sought, &index) >= 0);
  TEST_CHECK(ouro_list_remove(it->seq, sought) >= 0);
  drop(sought);
}
static void in_walk(worker *it) {
  void *iterator = NULL, *item = NULL;
  TEST_CHECK(ouro_iterate(it->seq, &iterator) == OURO_OK);
  while (ouro_next(iterator, &item) == 1) {
    check_and_drop(item);
  }
  drop(iterator);
}
static void in_compare(worker *it) {
  ouro_list *copy = ouro_borrow(ouro_list_from(it->seq));
  int order;
  TEST_CHECK(ouro_equal(it->seq, copy) >= 0 && ouro_compare(copy, it->seq, &order) == OURO_OK);
  drop(copy);
}

static void *work(void *arg) {
  worker *self = arg;
  for (size_t i = 0; i < test_count(1000, 50); i++) {
    self->work(self);
    ouro_safepoint();
  }
  return NULL;
}

static void run_pair(void (*first)(worker *), void (*second)(worker *)) {
  ouro_list *seq = ouro_borrow(ouro_list_new());
  for (int64_t i = 0; i < 30; i++) {
    TEST_CHECK(ouro_list_append_move(seq, ouro_adopt(thing_new(i % 10))) == OURO_OK);
  }
  worker workers[2] = {{.seq = seq, .work = first, .rng = {seed}}, {.seq = seq, .work = second, .rng = {seed + 1}}};
  for (size_t i = 0; i < 2; i++) {
    TEST_CHECK(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0);
  }
  ouro_blocking_begin();
  for (size_t i = 0; i < 2; i++) {
    pthread_join(workers[i].thread, NULL);
  }
  ouro_blocking_end();
  TEST_CHECK(ouro__list_valid(seq));
  check_list(seq);
  drop(seq);
}

static void two_threads_in_all_pairs(void **state) {
  (void)state;
  void (*const works[])(worker *) = {in_append, in_insert, in_pop,     in_get,  in_set,    in_extend, in_slice,  in_slice_set,
                                     in_slice_delete, in_clear, in_reverse, in_sort, in_search, in_walk,   in_compare};
  enum { WORKS = sizeof works / sizeof *works };
  for (size_t i = 0; i < WORKS; i++) {
    for (size_t j = i; j < WORKS; j++) {
      run_pair(works[i], works[j]);
    }
  }
  ouro_safepoint();
  TEST_CHECK(ouro_gc_collect(2) >= 0);
  TEST_CHECK(ouro_gc_collect(2) >= 0);
  assert_int_equal(atomic_load(&alive), 0);
}

/* Each item that one thread appends is popped by just one. */
static atomic_long appended, popped;
static void count_append(worker *it) {
  TEST_CHECK(ouro_list_append_move(it->seq, ouro_adopt(any_thing(it))) == OURO_OK);
  appended++;
}
static void count_pop(worker *it) {
  void *item = NULL;
  if (ouro_list_pop(it->seq, 0, &item) == OURO_OK) {
    check_and_drop(item);
    popped++;
  }
}
static void nothing_is_lost_between_threads(void **state) {
  (void)state;
  ouro_list *seq = ouro_borrow(ouro_list_new());
  void (*const works[4])(worker *) = {count_append, count_append, count_pop, count_pop};
  worker workers[4];
  for (size_t i = 0; i < 4; i++) {
    workers[i] = (worker){.seq = seq, .work = works[i], .rng = {seed + i}};
    TEST_CHECK(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0);
  }
  ouro_blocking_begin();
  for (size_t i = 0; i < 4; i++) {
    pthread_join(workers[i].thread, NULL);
  }
  ouro_blocking_end();
  assert_int_equal(ouro_list_count(seq), atomic_load(&appended) - atomic_load(&popped));
  drop(seq);
  ouro_safepoint();
  TEST_CHECK(ouro_gc_collect(2) >= 0);
  assert_int_equal(atomic_load(&alive), 0);
}

int main(int argc, char **argv) {
  if (argc > 1) {
    seed = strtoull(argv[1], NULL, 0);
  }
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(as_an_array_does),
      OBJECT_TEST(what_it_takes),
      OBJECT_TEST(making_lists),
      OBJECT_TEST(items_by_key),
      OBJECT_TEST(walks_see_what_is_appended),
      OBJECT_TEST(text_of_lists),
      OBJECT_TEST(cycles_are_collected_and_compared_within_limits),
      OBJECT_TEST(what_goes_may_change_the_list),
      OBJECT_TEST(equality_may_empty_the_list),
      OBJECT_TEST(equality_may_fail),
#ifdef OURO_FAULTS
      OBJECT_TEST(without_memory),
      OBJECT_TEST(what_takes_out_needs_no_memory),
#endif
      OBJECT_TEST(two_threads_in_all_pairs),
      OBJECT_TEST(nothing_is_lost_between_threads),
  };
  test_objects_without_stress();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
