/* tests/values/test_weak_keys.c - maps from objects to objects whose entries go with their keys. What all weak containers have
 * in common is tested with sets; here is what a value adds: the map owns it, and it may lead anywhere.
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka. */
#include "values/tables.h"

static ouro_weak_keys *map_new(void) {
  ouro_weak_keys *map = ouro_borrow(ouro_weak_keys_new());
  TEST_CHECK(map != NULL);
  return map;
}

static void set(ouro_weak_keys *map, void *key, void *value) {
  TEST_CHECK(ouro_weak_keys_set(map, key, value) == OURO_OK);
}

/* The value, of which the map goes on holding the only reference that this takes; the key must be there. */
static void *get(ouro_weak_keys *map, const void *key) {
  ouro_ref value = OURO_NULL;
  TEST_CHECK(ouro_weak_keys_get(map, key, &value));
  void *borrowed = ouro_borrow(value);
  ouro_xdecref(value);
  return borrowed;
}

static bool has(ouro_weak_keys *map, const void *key) {
  ouro_ref value = OURO_NULL;
  bool there = ouro_weak_keys_get(map, key, &value);
  TEST_CHECK(there || ouro_borrow(value) == NULL);
  ouro_xdecref(value);
  return there;
}

static int note_pair(void *key, void *value, void *arg) {
  (void)arg;
  test_note("%d:%d", ((cell *)key)->number, value != NULL ? ((cell *)value)->number : 0);
  return 0;
}

static const char *pairs(ouro_weak_keys *map) {
  TABLE_IS_VALID(map);
  test_log();
  TEST_CHECK(ouro_weak_keys_each(map, note_pair, NULL) == OURO_OK);
  return test_log();
}

/* ---------------------------------------------------------------- values */

static void a_value_lives_as_long_as_its_key(void **state) {
  (void)state;
  ouro_weak_keys *map = map_new();
  cell *key = cell_new(1);
  cell *value = cell_new(2);
  set(map, key, value);
  assert_int_equal(ouro_refcount(key), 1);
  assert_int_equal(ouro_refcount(value), 2);
  drop(value);
  assert_ptr_equal(get(map, key), value);
  assert_int_equal(ouro_weak_keys_count(map), 1);
  drop(key);
  assert_string_equal(test_log(), "-2 -1"); /* the callback runs before the key's own slots and release */
  assert_int_equal(ouro_weak_keys_count(map), 0);
  drop(map);
}

static void a_value_is_replaced(void **state) {
  (void)state;
  ouro_weak_keys *map = map_new();
  cell *key = cell_new(1);
  cell *first = cell_new(2);
  cell *second = cell_new(3);
  set(map, key, first);
  drop(first);
  set(map, key, second);
  assert_string_equal(test_log(), "-2");
  set(map, key, second);
  assert_int_equal(ouro_refcount(second), 2);
  assert_string_equal(pairs(map), "1:3");
  set(map, key, NULL);
  assert_int_equal(ouro_refcount(second), 1);
  assert_true(has(map, key));
  assert_null(get(map, key));
  assert_string_equal(pairs(map), "1:0");
  assert_int_equal(ouro_weak_keys_count(map), 1);
  assert_true(ouro_weak_keys_remove(map, key));
  assert_false(ouro_weak_keys_remove(map, key));
  assert_false(has(map, key));
  drop(key);
  drop(second);
  drop(map);
}

static void get_gives_a_reference(void **state) {
  (void)state;
  ouro_weak_keys *map = map_new();
  cell *key = cell_new(1);
  cell *value = cell_new(2);
  set(map, key, value);
  drop(value);
  ouro_ref held = OURO_NULL;
  assert_true(ouro_weak_keys_get(map, key, &held));
  drop(key);
  assert_string_equal(test_log(), "-1");
  ouro_xdecref(held);
  assert_string_equal(test_log(), "-2");
  drop(map);
}

static void what_is_no_object_is_refused(void **state) {
  (void)state;
  ouro_weak_keys *map = map_new();
  cell *one = cell_new(0);
  ouro_ref value = OURO_NULL;
  assert_int_equal(ouro_weak_keys_set(NULL, one, one), OURO_EINVAL);
  assert_int_equal(ouro_weak_keys_set(map, NULL, one), OURO_EINVAL);
  assert_false(ouro_weak_keys_get(map, NULL, &value) || ouro_weak_keys_get(NULL, one, &value));
  assert_false(ouro_weak_keys_remove(map, NULL) || ouro_weak_keys_remove(NULL, one));
  assert_int_equal(ouro_weak_keys_each(NULL, note_pair, NULL), OURO_EINVAL);
  assert_int_equal(ouro_weak_keys_each(map, NULL, NULL), OURO_EINVAL);
  ouro_weak_keys_clear(NULL);
  assert_int_equal(ouro_weak_keys_count(NULL), 0);
  assert_int_equal(ouro_weak_keys_count(map), 0);
  assert_int_equal(ouro_refcount(one), 1);
  drop(one);
  drop(map);
}

static void the_map_goes_first_and_its_values_with_it(void **state) {
  (void)state;
  ouro_weak_keys *map = map_new();
  cell *keys[20];
  for (int i = 0; i < 20; i++) {
    keys[i] = cell_new(0);
    cell *value = cell_new(i + 1);
    set(map, keys[i], value);
    drop(value);
  }
  drop(map);
  assert_string_equal(test_log(), "-1 -2 -3 -4 -5 -6 -7 -8 -9 -10 -11 -12 -13 -14 -15 -16 -17 -18 -19 -20");
  for (int i = 0; i < 20; i++) {
    assert_int_equal(ouro_weak_count(keys[i]), 0);
    drop(keys[i]);
  }
}

static void clear_lets_all_values_go(void **state) {
  (void)state;
  ouro_weak_keys *map = map_new();
  cell *keys[3] = {cell_new(0), cell_new(0), cell_new(0)};
  for (int i = 0; i < 3; i++) {
    cell *value = cell_new(i + 1);
    set(map, keys[i], value);
    drop(value);
  }
  ouro_weak_keys_clear(map);
  assert_string_equal(test_log(), "-1 -2 -3");
  assert_int_equal(ouro_weak_keys_count(map), 0);
  for (int i = 0; i < 3; i++) {
    drop(keys[i]);
  }
  drop(map);
}

/* ---------------------------------------------------------------- values that lead somewhere */

/* A value that is the key of the next entry: a removal takes the next one with it. */
static void entries_whose_values_are_keys(void **state) {
  (void)state;
  enum { COUNT = 300 };
  ouro_weak_keys *map = map_new();
  cell *first = cell_new(0);
  cell *key = first;
  for (int i = 1; i < COUNT; i++) {
    cell *next = cell_new(0);
    set(map, key, next);
    drop(next);
    key = next;
  }
  assert_int_equal(ouro_weak_keys_count(map), COUNT - 1);
  drop(first);
  assert_int_equal(ouro_weak_keys_count(map), 0);
  assert_int_equal(test_live_of(&cell_type), 0);
  TABLE_IS_VALID(map);
  drop(map);
}

/* As the header says: what a value leads to, the map keeps alive; also its own key. */
static void a_value_that_leads_to_its_key_keeps_it(void **state) {
  (void)state;
  ouro_weak_keys *map = map_new();
  cell *key = cell_new(1);
  cell *value = cell_new(2);
  ouro_setref(&value->a, key);
  set(map, key, value);
  drop(value);
  drop(key);
  assert_int_equal(ouro_gc_collect(2), 0);
  assert_string_equal(pairs(map), "1:2");
  drop(map);
  assert_int_equal(test_live_of(&cell_type), 0);
}

/* The map is reachable from its own value, and from nowhere else. */
static void a_map_in_a_cycle_through_its_value(void **state) {
  (void)state;
  ouro_weak_keys *map = map_new();
  cell *key = cell_new(1);
  cell *value = cell_new(2);
  ouro_setref(&value->a, map);
  set(map, key, value);
  drop(value);
  assert_true(ouro_gc_is_tracked(map));
  assert_int_equal(ouro_gc_collect(2), 0);
  drop(map);
  assert_int_equal(ouro_weak_count(key), 1);
  assert_int_equal(ouro_gc_collect(2), 2);
  assert_string_equal(test_log(), "-2");
  assert_int_equal(ouro_weak_count(key), 0);
  drop(key);
}

/* Map, keys and values are one heap of garbage. The entries go with their keys before anything else happens; so what only the map
 * held has died by its count when the collection counts what it found. */
static void map_keys_and_values_are_garbage_together(void **state) {
  (void)state;
  ouro_weak_keys *map = map_new();
  cell *ring = cell_ring(&cell_type, 10, 0);
  cell *each = ring;
  do {
    cell *value = cell_new(0);
    ouro_setref(&value->a, map);
    ouro_setref(&value->b, each);
    set(map, each, value);
    drop(value);
    ouro_setref(&each->b, map);
    each = in_a(each);
  } while (each != ring);
  drop(map);
  drop(ring);
  assert_int_equal(test_live_of(&cell_type), 20);
  assert_true(ouro_gc_collect(2) >= 11);
  assert_int_equal(test_live_of(&cell_type), 0);
  OBJECTS_ARE_SOUND();
}

static void a_map_that_is_resurrected_has_no_dead_keys(void **state) {
  (void)state;
  cell *keeper = cell_ring(&final_type, 1, 1);
  keeper->finalizing = survive;
  cell *garbage = cell_ring(&cell_type, 5, 0);
  cell *live = cell_new(5);
  ouro_weak_keys *map = map_new();
  set(map, garbage, garbage); /* the map keeps that one, as long as it lives itself */
  cell *value = cell_new(6);
  set(map, live, value);
  drop(value);
  cell *other = cell_ring(&cell_type, 3, 0);
  set(map, other, NULL);
  ouro_movref(&keeper->b, ouro_adopt(map));
  drop(keeper);
  drop(garbage);
  drop(other);
  ouro_gc_collect(2);
  assert_int_equal(test_survivor_count, 1);
  assert_string_equal(pairs(map), "5:6");
  assert_int_equal(ouro_weak_keys_count(map), 1);
  OBJECTS_ARE_SOUND();
  survivors_drop();
  ouro_gc_collect(2);
  assert_int_equal(test_live_of(&cell_type), 1);
  drop(live);
  test_log();
}

/* ---------------------------------------------------------------- walks */

typedef struct walker {
  ouro_weak_keys *map;
  cell *keys[4];
  cell *extra;
} walker;

static walker walker_new(void) {
  walker it = {.map = map_new()};
  for (int i = 0; i < 4; i++) {
    it.keys[i] = cell_new(i + 1);
    cell *value = cell_new(10 * (i + 1));
    set(it.map, it.keys[i], value);
    drop(value);
  }
  it.extra = cell_new(99);
  return it;
}

static void walker_drop(walker *it) {
  for (int i = 0; i < 4; i++) {
    DROP(it->keys[i]);
  }
  drop(it->extra);
  drop(it->map);
  test_log();
}

static int replace_all(void *key, void *value, void *arg) {
  walker *it = arg;
  test_note("%d:%d", ((cell *)key)->number, ((cell *)value)->number);
  for (int i = 0; i < 4; i++) {
    set(it->map, it->keys[i], it->extra);
  }
  test_note("%d", ((cell *)value)->number); /* the walk still holds the one that it shows */
  return 0;
}

static void a_value_that_is_replaced_during_a_walk_is_shown_as_it_is_then(void **state) {
  (void)state;
  walker it = walker_new();
  assert_int_equal(ouro_weak_keys_each(it.map, replace_all, &it), OURO_OK);
  assert_string_equal(test_log(), "1:10 -20 -30 -40 10 -10 2:99 99 3:99 99 4:99 99");
  assert_string_equal(pairs(it.map), "1:99 2:99 3:99 4:99");
  walker_drop(&it);
}

static int remove_shown(void *key, void *value, void *arg) {
  walker *it = arg;
  TEST_CHECK(ouro_weak_keys_remove(it->map, key));
  test_note("%d:%d", ((cell *)key)->number, ((cell *)value)->number);
  return 0;
}

static void each_entry_may_be_removed_as_it_is_shown(void **state) {
  (void)state;
  walker it = walker_new();
  assert_int_equal(ouro_weak_keys_each(it.map, remove_shown, &it), OURO_OK);
  assert_string_equal(test_log(), "1:10 -10 2:20 -20 3:30 -30 4:40 -40");
  assert_int_equal(ouro_weak_keys_count(it.map), 0);
  walker_drop(&it);
}

static int drop_key_and_map(void *key, void *value, void *arg) {
  walker *it = arg;
  cell *self = key;
  if (self->number == 1) {
    drop(it->map);
  }
  DROP(it->keys[self->number - 1]);
  test_note("%d:%d", self->number, ((cell *)value)->number);
  return 0;
}

static void keys_and_map_may_go_during_a_walk(void **state) {
  (void)state;
  walker it = walker_new();
  assert_int_equal(ouro_weak_keys_each(it.map, drop_key_and_map, &it), OURO_OK);
  assert_string_equal(test_log(), "1:10 -10 -1 2:20 -20 -2 3:30 -30 -3 4:40 -40 -4");
  drop(it.extra);
}

static int stop(void *key, void *value, void *arg) {
  (void)key;
  (void)value;
  (void)arg;
  return 1;
}

static void a_walk_that_is_stopped_holds_nothing(void **state) {
  (void)state;
  walker it = walker_new();
  assert_int_equal(ouro_weak_keys_each(it.map, stop, NULL), OURO_ESTOP);
  assert_int_equal(ouro_refcount(it.map), 1);
  assert_int_equal(ouro_refcount(it.keys[0]), 1);
  assert_int_equal(ouro_refcount(get(it.map, it.keys[0])), 1);
  walker_drop(&it);
}

/* ---------------------------------------------------------------- the collector sees what the map owns */

static int count_one(void *object, void *arg) {
  (void)object;
  ++*(size_t *)arg;
  return 0;
}

static void values_are_referents_and_keys_are_not(void **state) {
  (void)state;
  ouro_weak_keys *map = map_new();
  cell *key = cell_new(1);
  cell *value = cell_new(2);
  set(map, key, value);
  size_t of_key = 0;
  size_t of_value = 0;
  void *one = key;
  assert_int_equal(ouro_gc_get_referrers(&one, 1, count_one, &of_key), OURO_OK);
  one = value;
  assert_int_equal(ouro_gc_get_referrers(&one, 1, count_one, &of_value), OURO_OK);
  assert_int_equal(of_key, 0);
  assert_int_equal(of_value, 1);
  drop(key);
  drop(value);
  drop(map);
  test_log();
}

static void many_entries_in_one_collection(void **state) {
  (void)state;
  size_t count = test_count(50000, 1000);
  ouro_weak_keys *map = map_new();
  list *keys = list_new(count);
  for (size_t i = 0; i < count; i++) {
    cell *key = cell_ring(&cell_type, 1, 0);
    cell *value = cell_new(0);
    set(map, key, value);
    drop(value);
    list_put(keys, i, key);
    drop(key);
  }
  assert_int_equal(ouro_gc_collect(2), 0);
  assert_int_equal(ouro_weak_keys_count(map), count);
  drop(keys);
  assert_int_equal(ouro_weak_keys_count(map), count); /* each key is a cycle of its own */
  assert_int_equal(ouro_gc_collect(2), count);
  assert_int_equal(ouro_weak_keys_count(map), 0);
  assert_int_equal(room_of(map), 0);
  drop(map);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(a_value_lives_as_long_as_its_key),
      OBJECT_TEST(a_value_is_replaced),
      OBJECT_TEST(get_gives_a_reference),
      OBJECT_TEST(what_is_no_object_is_refused),
      OBJECT_TEST(the_map_goes_first_and_its_values_with_it),
      OBJECT_TEST(clear_lets_all_values_go),
      OBJECT_TEST(entries_whose_values_are_keys),
      OBJECT_TEST(a_value_that_leads_to_its_key_keeps_it),
      OBJECT_TEST(a_map_in_a_cycle_through_its_value),
      OBJECT_TEST(map_keys_and_values_are_garbage_together),
      OBJECT_TEST(a_map_that_is_resurrected_has_no_dead_keys),
      OBJECT_TEST(a_value_that_is_replaced_during_a_walk_is_shown_as_it_is_then),
      OBJECT_TEST(each_entry_may_be_removed_as_it_is_shown),
      OBJECT_TEST(keys_and_map_may_go_during_a_walk),
      OBJECT_TEST(a_walk_that_is_stopped_holds_nothing),
      OBJECT_TEST(values_are_referents_and_keys_are_not),
      OBJECT_TEST(many_entries_in_one_collection),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
