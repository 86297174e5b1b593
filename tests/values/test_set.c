/* tests/values/test_set.c - sets and frozensets: against an array of flags, with random operations and algebra of all kinds; what each
 * operation promises; items whose functions fail; every allocation failing; two threads at one set, in all pairs of operations.
 *
 * usage: test_values_set [SEED]
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka, threads. */
#include "values/keys.h"

#include <pthread.h>

#include "heap/heap.h"

static uint64_t seed = 1;

#define SET_IS_VALID(set) TEST_CHECK(ouro__set_valid(set))

static ouro_set *set_new(void) {
  ouro_set *set = ouro_borrow(ouro_set_new());
  TEST_CHECK(set != NULL);
  return set;
}

static const char *repr_of(void *object) {
  static char text[1024];
  ouro_str *repr = ouro_borrow(ouro_repr(object));
  TEST_CHECK(repr != NULL);
  snprintf(text, sizeof text, "%s", ouro_str_text(repr));
  drop(repr);
  return text;
}

/* ---------------------------------------------------------------- a model: which keys are in */

enum { MOST = 400 };

typedef struct model {
  ouro_set *set;
  bool in[MOST];
} model;

static int kind, keys;
static test_rng rng;

static size_t count_of(const model *it) {
  size_t count = 0;
  for (int i = 0; i < keys; i++) {
    count += it->in[i];
  }
  return count;
}

static void same_as_model(const model *it) {
  SET_IS_VALID(it->set);
  TEST_CHECK(ouro_set_count(it->set) == count_of(it));
  for (int i = 0; i < keys; i++) {
    void *key = key_new(kind, i);
    TEST_CHECK(ouro_set_contains(it->set, key) == it->in[i]);
    drop(key);
  }
}

static int number_of(void *item) {
  for (int i = 0; i < keys; i++) {
    void *key = key_new(kind, i);
    int same = ouro_equal(item, key);
    drop(key);
    if (same == 1) {
      return i;
    }
  }
  return -1;
}

static void change(model *it) {
  int number = (int)test_below(&rng, (size_t)keys);
  void *key = key_new(kind, number), *item = NULL;
  switch (test_below(&rng, 6)) {
    case 0:
    case 1: TEST_CHECK(ouro_set_add(it->set, key) == !it->in[number]), it->in[number] = true; break;
    case 2: TEST_CHECK(ouro_set_add_move(it->set, ouro_newref(key)) == !it->in[number]), it->in[number] = true; break;
    case 3: TEST_CHECK(ouro_set_discard(it->set, key) == it->in[number]), it->in[number] = false; break;
    case 4: TEST_CHECK(ouro_set_remove(it->set, key) == (it->in[number] ? OURO_OK : OURO_EKEY)), it->in[number] = false; break;
    default:
      if (ouro_set_pop(it->set, &item) == 1) {
        it->in[number_of(item)] = false;
        drop(item);
      }
  }
  drop(key);
}

static void fill(model *it, bool frozen) {
  ouro_set *made = set_new();
  memset(it->in, 0, sizeof it->in);
  size_t most = test_below(&rng, (size_t)keys + 1);
  for (size_t i = 0; i < most; i++) {
    int number = (int)test_below(&rng, (size_t)keys);
    TEST_CHECK(ouro_set_add_move(made, ouro_adopt(key_new(kind, number))) >= 0);
    it->in[number] = true;
  }
  it->set = frozen ? ouro_borrow(ouro_frozenset_new(made)) : ouro_borrow(ouro_newref(made));
  drop(made);
}

enum { UNION, INTERSECTION, DIFFERENCE, SYMMETRIC, ALGEBRA };

static bool expected(int operation, bool first, bool second) {
  switch (operation) {
    case UNION: return first || second;
    case INTERSECTION: return first && second;
    case DIFFERENCE: return first && !second;
    default: return first != second;
  }
}

static ouro_ref (*const made_by[])(ouro_set *, void *) = {ouro_set_union, ouro_set_intersection, ouro_set_difference,
                                                          ouro_set_symmetric_difference};
static int (*const changed_by[])(ouro_set *, void *) = {ouro_set_update, ouro_set_intersection_update, ouro_set_difference_update,
                                                        ouro_set_symmetric_difference_update};

/* The other one as a set, or as a list of its items. */
static void *other_of(const model *it) {
  return ouro_borrow(test_below(&rng, 2) ? ouro_newref(it->set) : ouro_list_from(it->set));
}

static void combine(void) {
  model one, two, both;
  bool frozen = test_below(&rng, 2);
  fill(&one, frozen);
  fill(&two, test_below(&rng, 2));
  int operation = (int)test_below(&rng, ALGEBRA);
  void *other = test_below(&rng, 20) ? other_of(&two) : NULL;
  if (!other) { /* with itself */
    other = ouro_borrow(ouro_newref(one.set));
    memcpy(two.in, one.in, sizeof one.in);
  }
  both.set = ouro_borrow(made_by[operation](one.set, other));
  TEST_CHECK(both.set != NULL && ouro_is_frozenset(both.set) == frozen);
  for (int i = 0; i < MOST; i++) {
    both.in[i] = expected(operation, one.in[i], two.in[i]);
  }
  same_as_model(&both);
  same_as_model(&one);
  TEST_CHECK(changed_by[operation](one.set, other) == (frozen ? OURO_ETYPE : OURO_OK));
  TEST_CHECK(frozen || ouro_equal(one.set, both.set) == 1);
  drop(other);
  drop(one.set);
  drop(two.set);
  drop(both.set);
}

static void compare(void) {
  model one, two;
  fill(&one, test_below(&rng, 2));
  fill(&two, test_below(&rng, 2));
  if (test_below(&rng, 3) == 0) { /* one that is a part of the other */
    drop(two.set);
    two.set = ouro_borrow(ouro_set_union(one.set, one.set));
    memcpy(two.in, one.in, sizeof one.in);
  }
  bool subset = true, superset = true, disjoint = true;
  for (int i = 0; i < keys; i++) {
    subset = subset && (!one.in[i] || two.in[i]);
    superset = superset && (one.in[i] || !two.in[i]);
    disjoint = disjoint && !(one.in[i] && two.in[i]);
  }
  void *other = other_of(&two);
  TEST_CHECK(ouro_set_is_subset(one.set, other) == subset);
  TEST_CHECK(ouro_set_is_superset(one.set, other) == superset);
  TEST_CHECK(ouro_set_is_disjoint(one.set, other) == disjoint);
  TEST_CHECK(ouro_equal(one.set, two.set) == (subset && superset));
  ouro_set *first = ouro_borrow(ouro_frozenset_new(one.set)), *second = ouro_borrow(ouro_frozenset_new(two.set));
  uint64_t one_hash = 0, two_hash = 1;
  TEST_CHECK(ouro_hash(first, &one_hash) == OURO_OK && ouro_hash(second, &two_hash) == OURO_OK);
  bool equal = subset && superset;
  TEST_CHECK((one_hash == two_hash) == equal || (kind == KEYS_COLLIDE && !equal)); /* with others it would be chance */
  drop(first);
  drop(second);
  drop(other);
  drop(one.set);
  drop(two.set);
}

static void as_flags_do(void **state) {
  (void)state;
  static const int counts[] = {3, 9, 30, 100};
  for (kind = 0; kind < KEY_KINDS; kind++) {
    keys_begin(kind);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
      model it = {.set = set_new()};
      keys = counts[i];
      rng = (test_rng){seed + i};
      for (size_t step = 0; step < test_count(600, 100); step++) {
        change(&it);
        SET_IS_VALID(it.set);
      }
      same_as_model(&it);
      for (size_t step = 0; step < test_count(150, 20); step++) {
        combine();
        compare();
      }
      drop(it.set);
    }
  }
}

static void many_items(void **state) {
  (void)state;
  int count = (int)test_count(100000, 5000);
  ouro_set *set = set_new();
  for (int i = 0; i < count; i++) {
    TEST_CHECK(ouro_set_add_move(set, ouro_int_new(i)) == 1);
  }
  SET_IS_VALID(set);
  TEST_CHECK(ouro_sizeof(set) <= 32 + (size_t)count * 21);
  for (int i = count; i-- > 0;) {
    void *item = NULL;
    int64_t value = -1;
    TEST_CHECK(ouro_set_pop(set, &item) == 1 && ouro_int_get(item, &value) == OURO_OK && value == i);
    drop(item);
  }
  SET_IS_VALID(set);
  TEST_CHECK(ouro_sizeof(set) <= 32 + 160);
  drop(set);
}

/* ---------------------------------------------------------------- what operations promise */

static void wrong_arguments_are_refused(void **state) {
  (void)state;
  ouro_set *set = set_new(), *frozen = ouro_borrow(ouro_frozenset_new(NULL));
  void *one = ouro_borrow(ouro_int_new(1)), *out = NULL;
  size_t cursor = 0;
  uint64_t hash;
  assert_int_equal(ouro_set_add(NULL, one), OURO_EINVAL);
  assert_int_equal(ouro_set_add(set, NULL), OURO_EINVAL);
  assert_int_equal(ouro_set_add_move(set, OURO_NULL), OURO_EINVAL);
  assert_int_equal(ouro_set_add(frozen, one), OURO_ETYPE);
  assert_int_equal(ouro_set_add(set, set), OURO_EHASH);
  assert_int_equal(ouro_set_add_move(set, ouro_newref(set)), OURO_EHASH);
  assert_int_equal(ouro_set_contains(set, set), OURO_EHASH);
  assert_int_equal(ouro_set_contains(NULL, one), OURO_EINVAL);
  assert_int_equal(ouro_set_discard(frozen, one), OURO_ETYPE);
  assert_int_equal(ouro_set_remove(set, one), OURO_EKEY);
  assert_int_equal(ouro_set_pop(NULL, &out), OURO_EINVAL);
  assert_int_equal(ouro_set_pop(frozen, &out), OURO_ETYPE);
  assert_int_equal(ouro_set_pop(set, &out), 0);
  assert_int_equal(ouro_set_next(NULL, &cursor, &out), OURO_EINVAL);
  assert_int_equal(ouro_set_update(set, NULL), OURO_EINVAL);
  assert_int_equal(ouro_set_update(set, one), OURO_ETYPE);
  assert_int_equal(ouro_set_is_subset(set, one), OURO_ETYPE);
  assert_int_equal(ouro_set_is_subset(set, NULL), OURO_EINVAL);
  assert_true(ouro_borrow(ouro_set_union(set, one)) == NULL && errno == ENOTSUP);
  assert_true(ouro_borrow(ouro_set_union(NULL, set)) == NULL && errno == EINVAL);
  assert_true(ouro_borrow(ouro_set_difference(set, one)) == NULL && errno == ENOTSUP);
  assert_true(ouro_borrow(ouro_set_from(one)) == NULL && errno == ENOTSUP);
  assert_int_equal(ouro_hash(set, &hash), OURO_EHASH);
  assert_int_equal(ouro_set_count(NULL), 0);
  ouro_set_clear(NULL);
  ouro_set_clear(frozen);
  assert_int_equal(ouro_refcount(set), 1);
  drop(set);
  drop(frozen);
  drop(one);
}

static void as_values(void **state) {
  (void)state;
  ouro_set *set = set_new(), *frozen = ouro_borrow(ouro_frozenset_new(set));
  assert_int_equal(ouro_object_size(set), 32);
  assert_string_equal(repr_of(set), "set()");
  assert_string_equal(repr_of(frozen), "frozenset()");
  assert_int_equal(ouro_equal(set, frozen), 1);
  assert_int_equal(ouro_truth(set), 0);
  drop(frozen);
  for (int i = 1; i < 4; i++) {
    TEST_CHECK(ouro_set_add_move(set, ouro_int_new(i)) == 1);
  }
  frozen = ouro_borrow(ouro_frozenset_new(set));
  assert_string_equal(repr_of(set), "{1, 2, 3}");
  assert_string_equal(repr_of(frozen), "frozenset({1, 2, 3})");
  ouro_set *same = ouro_borrow(ouro_frozenset_new(frozen));
  assert_ptr_equal(same, frozen);
  drop(same);
  assert_int_equal(ouro_set_add(set, frozen), 1);
  assert_int_equal(ouro_set_contains(set, frozen), 1);
  assert_string_equal(repr_of(set), "{1, 2, 3, frozenset({1, 2, 3})}");
  assert_int_equal(ouro_equal(set, ouro_none), 0);
  ouro_set *copy = ouro_borrow(ouro_copy(set));
  SET_IS_VALID(copy);
  assert_int_equal(ouro_equal(set, copy), 1);
  ouro_set_clear(set);
  assert_string_equal(repr_of(set), "set()");
  assert_int_equal(ouro_set_count(copy), 4);
  drop(copy);
  drop(frozen);
  drop(set);
}

static void walks_notice_changes(void **state) {
  (void)state;
  ouro_set *set = set_new();
  void *item = NULL, *iterator = NULL;
  size_t cursor = 0;
  for (int i = 1; i < 4; i++) {
    TEST_CHECK(ouro_set_add_move(set, ouro_int_new(i)) == 1);
  }
  assert_int_equal(ouro_iterate(set, &iterator), OURO_OK);
  assert_int_equal(ouro_set_next(set, &cursor, &item), 1);
  drop(item);
  assert_int_equal(ouro_next(iterator, &item), 1);
  drop(item);
  TEST_CHECK(ouro_set_add_move(set, ouro_int_new(3)) == 0);
  assert_int_equal(ouro_set_next(set, &cursor, &item), 1);
  drop(item);
  TEST_CHECK(ouro_set_add_move(set, ouro_int_new(4)) == 1);
  assert_int_equal(ouro_set_next(set, &cursor, &item), OURO_ECHANGED);
  assert_int_equal(ouro_next(iterator, &item), OURO_ECHANGED);
  drop(iterator);
  ouro_set *frozen = ouro_borrow(ouro_frozenset_new(set)); /* whose hash is asked for in the middle */
  uint64_t hash;
  cursor = 0;
  assert_int_equal(ouro_set_next(frozen, &cursor, &item), 1);
  drop(item);
  assert_int_equal(ouro_hash(frozen, &hash), OURO_OK);
  for (int i = 2; i < 5; i++) {
    assert_int_equal(ouro_set_next(frozen, &cursor, &item), 1);
    drop(item);
  }
  assert_int_equal(ouro_set_next(frozen, &cursor, &item), 0);
  drop(frozen);
  drop(set);
}

/* ---------------------------------------------------------------- functions of the program's, cycles */

static ouro_set *shared;
static int times;

static void replace_all(void) {
  if (times-- <= 0) {
    return;
  }
  ouro_set_clear(shared);
  odd_equal_does = NULL;
  for (int i = 30; i > 0; i -= 2) {
    TEST_CHECK(ouro_set_add_move(shared, ouro_adopt(odd_new(i))) == 1);
  }
  odd_equal_does = replace_all;
}

static void functions_may_fail_or_change_the_set(void **state) {
  (void)state;
  keys_begin(KEYS_COLLIDE);
  odd_hashes = 1;
  for (int operation = 0; operation < 2 + ALGEBRA; operation++) {
    shared = set_new();
    ouro_set *other = set_new();
    for (int i = 0; i < 20; i++) {
      TEST_CHECK(ouro_set_add_move(shared, ouro_adopt(odd_new(i))) == 1 && ouro_set_add_move(other, ouro_adopt(odd_new(i * 2))) == 1);
    }
    void *key = odd_new(11);
    odd_equal_does = replace_all;
    times = 2;
    int code = operation == 0   ? ouro_set_add(shared, key)
               : operation == 1 ? ouro_set_discard(shared, key)
                                : changed_by[operation - 2](shared, other);
    TEST_CHECK(code >= 0);
    odd_equal_does = NULL;
    SET_IS_VALID(shared);
    odd_equal_says = OURO_ERANGE;
    void *more = odd_new(99);
    TEST_CHECK(ouro_set_add(other, more) == OURO_ERANGE && ouro_set_count(other) == 20);
    TEST_CHECK(ouro_set_update(shared, other) == OURO_ERANGE);
    TEST_CHECK(ouro_borrow(ouro_set_intersection(other, shared)) == NULL && errno == ERANGE);
    odd_equal_says = OURO_OK;
    SET_IS_VALID(shared);
    drop(more);
    drop(key);
    drop(other);
    drop(shared);
  }
}

static void cycles_through_sets_are_collected(void **state) {
  (void)state;
  cell *item = cell_new(0);
  ouro_set *set = set_new();
  TEST_CHECK(ouro_set_add(set, item) == 1);
  ouro_set *frozen = ouro_borrow(ouro_frozenset_new(set));
  ouro_setref(&item->a, set);
  ouro_setref(&item->b, frozen);
  drop(item);
  drop(set);
  drop(frozen);
  OBJECTS_ARE_SOUND();
  assert_int_equal(ouro_gc_collect(2), 3);
}

/* ---------------------------------------------------------------- without memory */

#ifdef OURO_FAULTS

static ouro_set *one_of_two, *other_of_two;
static void *key_to_add, *made_there;

static int fail_add(void) {
  int code = ouro_set_add(one_of_two, key_to_add);
  return code < 0 ? code : OURO_OK;
}
static int made(ouro_ref object) {
  made_there = ouro_borrow(object);
  return made_there ? OURO_OK : ouro_code_of_errno(errno);
}
static int fail_union(void) { return made(ouro_set_union(one_of_two, other_of_two)); }
static int fail_intersection(void) { return made(ouro_set_intersection(one_of_two, other_of_two)); }
static int fail_symmetric(void) { return made(ouro_set_symmetric_difference(one_of_two, other_of_two)); }
static int fail_frozen(void) { return made(ouro_frozenset_new(one_of_two)); }
static int fail_copy(void) { return made(ouro_copy(one_of_two)); }
static int fail_update(void) { return ouro_set_update(one_of_two, other_of_two); }
static int fail_difference_update(void) { return ouro_set_difference_update(one_of_two, other_of_two); }

static int (*const attempts[])(void) = {fail_add,    fail_union, fail_intersection, fail_symmetric,
                                        fail_frozen, fail_copy,  fail_update,       fail_difference_update};

static void fail_each_allocation(int (*what)(void), bool for_ever) {
  for (long nth = 1;; nth++) {
    size_t count = ouro_set_count(one_of_two);
    ouro__fault_set(nth, for_ever);
    int code = what();
    bool hit = ouro__fault_hit();
    ouro__fault_set(0, false);
    SET_IS_VALID(one_of_two);
    if (made_there) {
      drop(made_there);
    }
    made_there = NULL;
    if (code == OURO_OK) {
      return;
    }
    TEST_CHECK(hit && code == OURO_ENOMEM && nth < 300);
    TEST_CHECK(what == fail_update || ouro_set_count(one_of_two) == count);
  }
}

static void without_memory(void **state) {
  (void)state;
  for (size_t which = 0; which < sizeof attempts / sizeof *attempts; which++) {
    for (kind = 0; kind < KEY_KINDS; kind++) {
      keys_begin(kind);
      for (int count = 0; count < 40; count += 3) {
        one_of_two = set_new();
        other_of_two = set_new();
        key_to_add = key_new(kind, 1000);
        for (int i = 0; i < count; i++) {
          TEST_CHECK(ouro_set_add_move(one_of_two, ouro_adopt(key_new(kind, i))) == 1);
          TEST_CHECK(ouro_set_add_move(other_of_two, ouro_adopt(key_new(kind, i + count / 2))) == 1);
        }
        fail_each_allocation(attempts[which], count % 2);
        drop(one_of_two);
        drop(other_of_two);
        drop(key_to_add);
      }
    }
  }
}

#endif

/* ---------------------------------------------------------------- two threads at one set */

typedef struct worker {
  ouro_set *set, *other;
  int kind;
  void (*work)(struct worker *);
  test_rng rng;
  pthread_t thread;
} worker;

static void *some_key(worker *it) { return key_new(it->kind, (int)test_below(&it->rng, 40)); }
static void work_add(worker *it) { TEST_CHECK(ouro_set_add_move(it->set, ouro_adopt(some_key(it))) >= 0); }
static void work_has(worker *it) {
  void *key = some_key(it);
  TEST_CHECK(ouro_set_contains(it->set, key) >= 0);
  drop(key);
}
static void work_discard(worker *it) {
  void *key = some_key(it);
  TEST_CHECK(ouro_set_discard(it->set, key) >= 0);
  drop(key);
}
static void work_pop(worker *it) {
  void *item = NULL;
  if (ouro_set_pop(it->set, &item) == 1) {
    drop(item);
  }
}
static void work_walk(worker *it) {
  size_t cursor = 0;
  void *item = NULL;
  while (ouro_set_next(it->set, &cursor, &item) == 1) {
    drop(item);
  }
}
static void work_algebra(worker *it) {
  ouro_set *made = ouro_borrow(made_by[test_below(&it->rng, ALGEBRA)](it->set, it->other));
  SET_IS_VALID(made);
  drop(made);
}
static void work_in_place(worker *it) {
  bool swap = test_below(&it->rng, 2);
  TEST_CHECK(changed_by[test_below(&it->rng, ALGEBRA)](swap ? it->other : it->set, swap ? it->set : it->other) == OURO_OK);
}
static void work_compare(worker *it) {
  TEST_CHECK(ouro_set_is_subset(it->set, it->other) >= 0 && ouro_set_is_disjoint(it->set, it->other) >= 0);
  TEST_CHECK(ouro_equal(it->set, it->other) >= 0);
}

static void (*const works[])(worker *) = {work_add,  work_has,     work_discard,  work_pop,
                                          work_walk, work_algebra, work_in_place, work_compare};
enum { WORKS = sizeof works / sizeof *works };

static void *run_worker(void *arg) {
  worker *it = arg;
  for (size_t i = 0; i < test_count(100, 20); i++) {
    it->work(it);
    ouro_safepoint();
  }
  return NULL;
}

static void run_pair(int of_kind, size_t first, size_t second) {
  worker workers[2];
  ouro_set *set = set_new(), *other = set_new();
  keys_begin(of_kind);
  for (int i = 0; i < 30; i++) {
    TEST_CHECK(ouro_set_add_move(set, ouro_adopt(key_new(of_kind, i))) == 1);
    TEST_CHECK(ouro_set_add_move(other, ouro_adopt(key_new(of_kind, i * 2))) == 1);
  }
  for (size_t i = 0; i < 2; i++) {
    workers[i] = (worker){.set = set, .other = other, .kind = of_kind, .work = works[i ? second : first], .rng = {seed + i}};
    TEST_CHECK(pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]) == 0);
  }
  ouro_blocking_begin();
  for (size_t i = 0; i < 2; i++) {
    pthread_join(workers[i].thread, NULL);
  }
  ouro_blocking_end();
  SET_IS_VALID(set);
  SET_IS_VALID(other);
  drop(set);
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

int main(int argc, char **argv) {
  if (argc > 1) {
    seed = strtoull(argv[1], NULL, 0);
  }
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(as_flags_do),
      OBJECT_TEST(many_items),
      OBJECT_TEST(wrong_arguments_are_refused),
      OBJECT_TEST(as_values),
      OBJECT_TEST(walks_notice_changes),
      OBJECT_TEST(functions_may_fail_or_change_the_set),
      OBJECT_TEST(cycles_through_sets_are_collected),
#ifdef OURO_FAULTS
      OBJECT_TEST(without_memory),
#endif
      OBJECT_TEST(two_threads_in_all_pairs),
  };
  test_objects_without_stress();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
