/* tests/weak/test_maps.c - weak maps and weak sets through the cases of CPython's WeakKeyDictionary, WeakValueDictionary and
 * WeakSet: the life of entries, walks during which entries die and others are changed, counts in the face of collections.
 * (tests/values has what is ouro's own.)
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka. */
#include "object/objects.h"

enum { COUNT = 10, CYCLES = 20 };

/* Three containers of the same members, so that each case is done for all: a map by key, whose value is a leaf of the same
 * number; a map by value, whose names are the numbers; and a set. */
enum kind { KEYS, VALUES, SET, KINDS };

static void *container_new(enum kind kind) {
  ouro_ref made = kind == KEYS ? ouro_weak_keys_new() : kind == VALUES ? ouro_weak_values_new() : ouro_weak_set_new();
  TEST_CHECK(ouro_borrow(made) != NULL);
  return ouro_borrow(made);
}

static void put(enum kind kind, void *container, cell *member) {
  if (kind == KEYS) {
    leaf *value = leaf_new(member->number);
    TEST_CHECK(ouro_weak_keys_set(container, member, value) == OURO_OK);
    drop(value);
  } else if (kind == VALUES) {
    TEST_CHECK(ouro_weak_values_set(container, &member->number, sizeof member->number, member) == OURO_OK);
  } else {
    TEST_CHECK(ouro_weak_set_add(container, member) == OURO_OK);
  }
}

static bool has(enum kind kind, void *container, cell *member) {
  if (kind == SET) {
    return ouro_weak_set_has(container, member);
  }
  ouro_ref found = OURO_NULL;
  bool is = kind == KEYS && ouro_weak_keys_get(container, member, &found);
  if (kind == VALUES) {
    found = ouro_weak_values_get(container, &member->number, sizeof member->number);
    is = ouro_borrow(found) != NULL;
    TEST_CHECK(!is || ouro_borrow(found) == member);
  } else if (is) {
    TEST_CHECK(((leaf *)ouro_borrow(found))->number == member->number);
  }
  ouro_xdecref(found);
  return is;
}

static bool take_out(enum kind kind, void *container, cell *member) {
  return kind == KEYS     ? ouro_weak_keys_remove(container, member)
         : kind == VALUES ? ouro_weak_values_remove(container, &member->number, sizeof member->number)
                          : ouro_weak_set_remove(container, member);
}

static size_t count(enum kind kind, void *container) {
  return kind == KEYS     ? ouro_weak_keys_count(container)
         : kind == VALUES ? ouro_weak_values_count(container)
                          : ouro_weak_set_count(container);
}

static void empty(enum kind kind, void *container) {
  if (kind == KEYS) {
    ouro_weak_keys_clear(container);
  } else if (kind == VALUES) {
    ouro_weak_values_clear(container);
  } else {
    ouro_weak_set_clear(container);
  }
}

/* A walk that tells each member's number, whatever the container. */
typedef struct walker {
  int (*visit)(cell *member, void *arg);
  void *arg;
} walker;

static int walk_key(void *key, void *value, void *arg) {
  const walker *it = arg;
  (void)value;
  return it->visit(key, it->arg);
}

static int walk_value(const void *name, size_t length, void *value, void *arg) {
  const walker *it = arg;
  TEST_CHECK(length == sizeof(int) && memcmp(name, &((cell *)value)->number, length) == 0);
  return it->visit(value, it->arg);
}

static int walk_member(void *object, void *arg) {
  const walker *it = arg;
  return it->visit(object, it->arg);
}

static int walk(enum kind kind, void *container, int (*visit)(cell *member, void *arg), void *arg) {
  walker it = {visit, arg};
  return kind == KEYS     ? ouro_weak_keys_each(container, walk_key, &it)
         : kind == VALUES ? ouro_weak_values_each(container, walk_value, &it)
                          : ouro_weak_set_each(container, walk_member, &it);
}

/* `members` get the numbers from `first` on; the releases of cells are of no interest here. */
static void fill(enum kind kind, void *container, list *members, int first) {
  for (size_t i = 0; i < members->base.count; i++) {
    cell *member = cell_new(first + (int)i);
    put(kind, container, member);
    ouro_movref(&members->items[i], ouro_adopt(member));
  }
}

#define FOR_EACH_KIND(body)                                                                                            \
  do {                                                                                                                 \
    (void)state;                                                                                                       \
    for (int each_ = 0; each_ < KINDS; each_++) {                                                                      \
      void *container = container_new((enum kind)each_);                                                               \
      body((enum kind)each_, container);                                                                               \
      drop(container);                                                                                                 \
      ouro_gc_collect(2);                                                                                              \
      test_log();                                                                                                      \
    }                                                                                                                  \
  } while (0)

/* ---------------------------------------------------------------- the life of entries */

static void check_life(enum kind kind, void *container) {
  list *members = list_new(COUNT);
  fill(kind, container, members, 1);
  assert_int_equal(count(kind, container), COUNT);
  for (size_t i = 0; i < COUNT; i++) {
    assert_int_equal(ouro_weak_count(list_at(members, i)), 1);
    assert_true(has(kind, container, list_at(members, i)));
  }
  ouro_clear(&members->items[0]);
  assert_int_equal(count(kind, container), COUNT - 1);
  drop(members);
  assert_int_equal(count(kind, container), 0);
  cell *other = cell_new(42);
  assert_false(has(kind, container, other));
  put(kind, container, other);
  assert_true(has(kind, container, other));
  drop(other);
  assert_int_equal(count(kind, container), 0);
}

static void entries_vanish_with_their_members(void **state) { FOR_EACH_KIND(check_life); }

static int tally(cell *member, void *arg) {
  ((int *)arg)[member->number]++;
  return 0;
}

static void check_walk(enum kind kind, void *container) {
  int seen[COUNT + 1] = {0};
  list *members = list_new(COUNT);
  fill(kind, container, members, 0);
  assert_int_equal(walk(kind, container, tally, seen), OURO_OK);
  for (size_t i = 0; i < COUNT; i++) {
    assert_int_equal(seen[i], 1);
  }
  drop(members);
  assert_int_equal(walk(kind, container, tally, seen), OURO_OK);
  assert_int_equal(seen[0], 1);
}

static void a_walk_shows_every_entry_once(void **state) { FOR_EACH_KIND(check_walk); }

static void check_removal(enum kind kind, void *container) {
  list *members = list_new(2);
  fill(kind, container, members, 1);
  assert_true(take_out(kind, container, list_at(members, 0)));
  assert_int_equal(count(kind, container), 1);
  assert_false(has(kind, container, list_at(members, 0)));
  assert_true(has(kind, container, list_at(members, 1)));
  assert_false(take_out(kind, container, list_at(members, 0))); /* it is not there any more */
  cell *never = cell_new(77);
  assert_false(take_out(kind, container, never));
  assert_int_equal(ouro_weak_count(never), 0);
  assert_int_equal(ouro_weak_count(list_at(members, 0)), 0);
  put(kind, container, list_at(members, 0));
  assert_int_equal(count(kind, container), 2);
  put(kind, container, list_at(members, 0)); /* once more is no more */
  assert_int_equal(count(kind, container), 2);
  empty(kind, container);
  assert_int_equal(count(kind, container), 0);
  assert_int_equal(ouro_weak_count(list_at(members, 0)) + ouro_weak_count(list_at(members, 1)), 0);
  drop(never);
  drop(members);
}

static void what_is_removed_is_gone_and_may_come_back(void **state) { FOR_EACH_KIND(check_removal); }

/* Removing lets a value go whose death takes the next members along. */
static void removals_may_cascade(void **state) {
  (void)state;
  enum { LENGTH = 40 };
  ouro_weak_keys *map = ouro_borrow(ouro_weak_keys_new());
  cell *first = cell_new(0);
  size_t live = test_live_of(&cell_type);
  cell *key = first;
  for (int i = 1; i < LENGTH; i++) {
    cell *next = cell_new(i);
    assert_int_equal(ouro_weak_keys_set(map, key, next),
                     OURO_OK); /* each key's value is the next key, held by nothing else */
    drop(next);
    key = next;
  }
  assert_int_equal(ouro_weak_keys_count(map), LENGTH - 1);
  assert_true(ouro_weak_keys_remove(map, first));
  assert_int_equal(ouro_weak_keys_count(map), 0);
  assert_int_equal(test_live_of(&cell_type), live);
  drop(first);
  drop(map);
  test_log();
}

/* ---------------------------------------------------------------- members in cycles */

static int look_and_collect(cell *member, void *arg) {
  (void)member;
  ouro_gc_collect(2);
  ++*(size_t *)arg;
  return 0;
}

static void check_cycles(enum kind kind, void *container) {
  size_t shown = 0;
  for (int i = 0; i < CYCLES; i++) {
    cell *member = cell_ring(&cell_type, 1, i + 1);
    put(kind, container, member);
    drop(member);
  }
  assert_int_equal(count(kind, container), CYCLES);
  assert_int_equal(walk(kind, container, look_and_collect, &shown), OURO_OK);
  assert_int_equal(shown, 1); /* all but the one that was being shown died with the first collection */
  assert_true(count(kind, container) <= 1);
  ouro_gc_collect(2);
  assert_int_equal(count(kind, container), 0);
}

static void members_in_cycles_are_collected_during_a_walk(void **state) { FOR_EACH_KIND(check_cycles); }

static int stop_at_once(cell *member, void *arg) {
  (void)member;
  (void)arg;
  return 1;
}

static void check_race(enum kind kind, void *container) {
  for (int threshold = 1; threshold < 100; threshold++) {
    const int thresholds[OURO_GENERATIONS] = {threshold, threshold, threshold};
    ouro_gc_collect(0);
    assert_int_equal(ouro_gc_set_threshold(thresholds), OURO_OK);
    for (int i = 0; i < CYCLES; i++) {
      cell *member = cell_ring(&cell_type, 1, i + 1);
      put(kind, container, member);
      ouro_safepoint();
      drop(member);
      ouro_safepoint(); /* somewhere among these all earlier ones are collected */
      size_t now = count(kind, container);
      assert_true(now <= CYCLES);
      assert_int_equal(walk(kind, container, stop_at_once, NULL), now > 0 ? OURO_ESTOP : OURO_OK);
      ouro_safepoint();
      assert_true(count(kind, container) <= now);
    }
    ouro_gc_collect(2);
    assert_int_equal(count(kind, container), 0);
  }
}

static void counts_are_right_whenever_collections_come(void **state) { FOR_EACH_KIND(check_race); }

/* A dead member must not take the entry of its successor with it. */
static void an_old_value_does_not_remove_its_successor(void **state) {
  (void)state;
  static const int often[OURO_GENERATIONS] = {3, 2, 1};
  ouro_weak_values *map = ouro_borrow(ouro_weak_values_new());
  assert_int_equal(ouro_gc_set_threshold(often), OURO_OK);
  for (size_t i = 0; i < test_count(50000, 5000); i++) {
    cell *member = cell_ring(&cell_type, 1, 0);
    assert_int_equal(ouro_weak_values_set(map, "ten", 3, member), OURO_OK);
    ouro_safepoint();
    assert_int_equal(ouro_weak_values_count(map), 1); /* it is alive still */
    ouro_ref found = ouro_weak_values_get(map, "ten", 3);
    assert_ptr_equal(ouro_borrow(found), member);
    ouro_decref(found);
    drop(member);
    if (i % 7 == 0) {
      ouro_safepoint();
    }
  }
  ouro_gc_collect(2);
  assert_int_equal(ouro_weak_values_count(map), 0);
  drop(map);
}

/* Objects that hold the set that they are in, and a set of their own with themselves in it. */
static void a_nest_of_sets_and_members_is_collected(void **state) {
  (void)state;
  size_t members = test_count(1000, 200);
  ouro_weak_set *set = ouro_borrow(ouro_weak_set_new());
  cell *chain = NULL;
  for (size_t i = 0; i < members; i++) {
    cell *member = cell_new(0);
    ouro_ref own = ouro_weak_set_new();
    assert_int_equal(ouro_weak_set_add(set, member), OURO_OK);
    assert_int_equal(ouro_weak_set_add(ouro_borrow(own), member), OURO_OK);
    ouro_setref(&member->a, set);
    ouro_movref(&member->b, own);
    ouro_movref(&member->c, ouro_adopt(chain));
    chain = member;
  }
  assert_int_equal(ouro_weak_set_count(set), members);
  OBJECTS_ARE_SOUND();
  ouro_setref(&chain->a, chain); /* one of them is in a cycle, and through it the chain */
  drop(chain);
  assert_int_equal(ouro_weak_set_count(set), members);
  ouro_gc_collect(2);
  assert_int_equal(ouro_weak_set_count(set), 0);
  drop(set);
}

/* ---------------------------------------------------------------- changes during a walk */

typedef struct change {
  enum kind kind;
  void *container;
  list *members;
  size_t shown;
  int what;
} change;

enum { DESTROY_LAST, FORGET_DESTROYED, PUT_AGAIN, REMOVE_FIRST_LEFT, ADD_ANOTHER, CLEAR, WAYS };

static cell *last_member(list *members) {
  size_t at = members->base.count;
  while (at > 0 && list_at(members, at - 1) == NULL) {
    at--;
  }
  return at > 0 ? list_at(members, at - 1) : NULL;
}

static void destroy_last(change *it, cell *but) {
  for (size_t i = it->members->base.count; i-- > 0;) {
    cell *member = list_at(it->members, i);
    if (member != NULL && member != but) {
      ouro_clear(&it->members->items[i]);
      return;
    }
  }
}

static int change_first(cell *member, void *arg) {
  change *it = arg;
  it->shown++;
  if (it->shown > 1) {
    return 0;
  }
  size_t before = count(it->kind, it->container);
  destroy_last(it, member);
  ouro_gc_collect(2);
  TEST_CHECK(count(it->kind, it->container) == before - 1);
  cell *last_left = last_member(it->members);
  cell *another = cell_new(1000);
  switch (it->what) {
  case FORGET_DESTROYED:
    TEST_CHECK(!has(it->kind, it->container, another) && !take_out(it->kind, it->container, another));
    break;
  case PUT_AGAIN:
    put(it->kind, it->container, last_left);
    TEST_CHECK(has(it->kind, it->container, last_left));
    break;
  case REMOVE_FIRST_LEFT:
    TEST_CHECK(take_out(it->kind, it->container, last_left));
    TEST_CHECK(count(it->kind, it->container) == before - 2);
    break;
  case ADD_ANOTHER:
    put(it->kind, it->container, another);
    TEST_CHECK(count(it->kind, it->container) == before);
    break;
  case CLEAR:
    empty(it->kind, it->container);
    TEST_CHECK(count(it->kind, it->container) == 0);
    break;
  default:
    break;
  }
  drop(another);
  return 0;
}

static void check_changes(enum kind kind, void *container) {
  for (int what = 0; what < WAYS; what++) {
    list *members = list_new(COUNT);
    fill(kind, container, members, 1);
    change it = {kind, container, members, 0, what};
    assert_int_equal(walk(kind, container, change_first, &it), OURO_OK);
    size_t left = what == CLEAR ? 0 : what == REMOVE_FIRST_LEFT ? COUNT - 2 : COUNT - 1;
    assert_int_equal(count(kind, container), left);
    /* Of those that were there when it began and still were when their turn came. The one that was shown may be the one
     * removed. */
    size_t most = what == CLEAR ? 1 : COUNT - 1;
    assert_true(it.shown >= (what == CLEAR ? 1 : left) && it.shown <= most);
    drop(members);
    assert_int_equal(count(kind, container), 0);
  }
}

static void members_may_die_and_change_during_a_walk(void **state) { FOR_EACH_KIND(check_changes); }

/* Counting while members are removed by hand and by death, in turn. */
static void check_counting(enum kind kind, void *container) {
  list *members = list_new(COUNT);
  fill(kind, container, members, 1);
  cell *other = cell_new(500);
  size_t expected = COUNT;
  for (size_t i = 0; i + 1 < COUNT; i += 2) {
    ouro_clear(&members->items[i]);
    assert_int_equal(count(kind, container), --expected);
    assert_true(take_out(kind, container, list_at(members, i + 1)));
    assert_int_equal(count(kind, container), --expected);
    put(kind, container, other);
    assert_int_equal(count(kind, container), expected + 1);
    assert_true(take_out(kind, container, other));
    ouro_gc_collect((int)(i % 3));
    assert_int_equal(count(kind, container), expected);
  }
  assert_int_equal(expected, 0);
  drop(members);
  drop(other);
}

static void counts_follow_removals_of_both_kinds(void **state) { FOR_EACH_KIND(check_counting); }

int main(void) {
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(entries_vanish_with_their_members),
      OBJECT_TEST(a_walk_shows_every_entry_once),
      OBJECT_TEST(what_is_removed_is_gone_and_may_come_back),
      OBJECT_TEST(removals_may_cascade),
      OBJECT_TEST(members_in_cycles_are_collected_during_a_walk),
      OBJECT_TEST(counts_are_right_whenever_collections_come),
      OBJECT_TEST(an_old_value_does_not_remove_its_successor),
      OBJECT_TEST(a_nest_of_sets_and_members_is_collected),
      OBJECT_TEST(members_may_die_and_change_during_a_walk),
      OBJECT_TEST(counts_follow_removals_of_both_kinds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
