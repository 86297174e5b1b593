/* tests/values/test_weak_values.c - maps from names to objects whose entries go with their values. What all weak containers
 * have in common is tested with sets; here is what names add.
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka. */
#include "values/tables.h"

static ouro_weak_values *map_new(void) {
  ouro_weak_values *map = ouro_borrow(ouro_weak_values_new());
  TEST_CHECK(map != NULL);
  return map;
}

static void set(ouro_weak_values *map, const char *name, void *value) {
  TEST_CHECK(ouro_weak_values_set(map, name, strlen(name), value) == OURO_OK);
}

/* The number of the cell under a name; 0 where there is none. */
static int get(ouro_weak_values *map, const char *name) {
  ouro_ref value = ouro_weak_values_get(map, name, strlen(name));
  int number = ouro_borrow(value) != NULL ? ((cell *)ouro_borrow(value))->number : 0;
  ouro_xdecref(value);
  return number;
}

static bool take_away(ouro_weak_values *map, const char *name) {
  return ouro_weak_values_remove(map, name, strlen(name));
}

static int note_pair(const void *name, size_t length, void *value, void *arg) {
  (void)arg;
  test_note("%.*s:%d", (int)length, (const char *)name, ((cell *)value)->number);
  return 0;
}

static const char *pairs(ouro_weak_values *map) {
  TABLE_IS_VALID(map);
  test_log();
  TEST_CHECK(ouro_weak_values_each(map, note_pair, NULL) == OURO_OK);
  return test_log();
}

/* ---------------------------------------------------------------- names */

static void names_lead_to_values_that_they_do_not_keep(void **state) {
  (void)state;
  ouro_weak_values *map = map_new();
  cell *one = cell_new(1);
  cell *two = cell_new(2);
  set(map, "one", one);
  set(map, "two", two);
  set(map, "deux", two);
  assert_int_equal(ouro_refcount(two), 1);
  assert_int_equal(ouro_weak_values_count(map), 3);
  assert_int_equal(get(map, "one"), 1);
  assert_int_equal(get(map, "deux"), 2);
  assert_int_equal(get(map, "three"), 0);
  assert_string_equal(pairs(map), "one:1 two:2 deux:2");
  drop(two);
  assert_int_equal(get(map, "two") + get(map, "deux"), 0);
  assert_int_equal(ouro_weak_values_count(map), 1);
  assert_true(take_away(map, "one"));
  assert_false(take_away(map, "one"));
  assert_false(take_away(map, "two"));
  assert_int_equal(get(map, "one"), 0);
  drop(one);
  drop(map);
}

static void a_name_may_get_another_value(void **state) {
  (void)state;
  ouro_weak_values *map = map_new();
  cell *first = cell_new(1);
  cell *second = cell_new(2);
  set(map, "name", first);
  set(map, "other", second);
  set(map, "name", second);
  set(map, "name", second);
  assert_int_equal(ouro_weak_values_count(map), 2);
  assert_int_equal(ouro_weak_count(first), 0);
  assert_string_equal(pairs(map), "name:2 other:2");
  drop(first);
  assert_int_equal(get(map, "name"), 2);
  drop(second);
  assert_int_equal(ouro_weak_values_count(map), 0);
  drop(map);
}

/* Any bytes are a name, NUL and none among them, and of any length. */
static void names_are_bytes(void **state) {
  (void)state;
  static char long_name[100000];
  ouro_weak_values *map = map_new();
  cell *cells[6];
  for (int i = 0; i < 6; i++) {
    cells[i] = cell_new(i + 1);
  }
  test_fill(long_name, sizeof long_name, 7);
  assert_int_equal(ouro_weak_values_set(map, NULL, 0, cells[0]), OURO_OK);
  assert_int_equal(ouro_weak_values_set(map, "a\0b", 3, cells[1]), OURO_OK);
  assert_int_equal(ouro_weak_values_set(map, "a\0c", 3, cells[2]), OURO_OK);
  assert_int_equal(ouro_weak_values_set(map, "a", 1, cells[3]), OURO_OK);
  assert_int_equal(ouro_weak_values_set(map, long_name, sizeof long_name, cells[4]), OURO_OK);
  assert_int_equal(ouro_weak_values_set(map, long_name, sizeof long_name - 1, cells[5]), OURO_OK);
  const struct {
    const void *name;
    size_t length;
  } names[6] = {
      {"", 0}, {"a\0b", 3}, {"a\0c", 3}, {"a", 1}, {long_name, sizeof long_name}, {long_name, sizeof long_name - 1}};
  for (int i = 0; i < 6; i++) {
    ouro_ref value = ouro_weak_values_get(map, names[i].name, names[i].length);
    assert_ptr_equal(ouro_borrow(value), cells[i]);
    ouro_xdecref(value);
  }
  assert_false(ouro_weak_values_remove(map, "a\0d", 3));
  assert_true(ouro_weak_values_remove(map, NULL, 0));
  assert_int_equal(ouro_weak_values_count(map), 5);
  for (int i = 0; i < 6; i++) {
    drop(cells[i]);
  }
  assert_int_equal(ouro_weak_values_count(map), 0);
  drop(map);
}

static void the_name_is_a_copy(void **state) {
  (void)state;
  ouro_weak_values *map = map_new();
  cell *value = cell_new(1);
  char name[] = "before";
  set(map, name, value);
  memcpy(name, "later!", 6);
  assert_int_equal(get(map, "before"), 1);
  assert_int_equal(get(map, "later!"), 0);
  drop(map); /* the map first */
  drop(value);
}

static void what_is_no_name_or_object_is_refused(void **state) {
  (void)state;
  ouro_weak_values *map = map_new();
  cell *value = cell_new(0);
  assert_int_equal(ouro_weak_values_set(NULL, "a", 1, value), OURO_EINVAL);
  assert_int_equal(ouro_weak_values_set(map, NULL, 1, value), OURO_EINVAL);
  assert_int_equal(ouro_weak_values_set(map, "a", 1, NULL), OURO_EINVAL);
  assert_null(ouro_borrow(ouro_weak_values_get(NULL, "a", 1)));
  assert_null(ouro_borrow(ouro_weak_values_get(map, NULL, 1)));
  assert_false(ouro_weak_values_remove(NULL, "a", 1) || ouro_weak_values_remove(map, NULL, 1));
  assert_int_equal(ouro_weak_values_each(NULL, note_pair, NULL), OURO_EINVAL);
  assert_int_equal(ouro_weak_values_each(map, NULL, NULL), OURO_EINVAL);
  ouro_weak_values_clear(NULL);
  assert_int_equal(ouro_weak_values_count(NULL), 0);
  assert_int_equal(ouro_weak_values_count(map), 0);
  drop(value);
  drop(map);
}

static void number_name(char name[32], size_t number) { snprintf(name, 32, "name %zu", number); }

static void many_names(void **state) {
  (void)state;
  size_t count = test_count(100000, 2000);
  ouro_weak_values *map = map_new();
  list *values = list_new(count);
  char name[32];
  for (size_t i = 0; i < count; i++) {
    cell *value = cell_new(0);
    number_name(name, i);
    set(map, name, value);
    list_put(values, i, value);
    drop(value);
  }
  for (size_t i = 0; i < count; i++) {
    number_name(name, i);
    ouro_ref value = ouro_weak_values_get(map, name, strlen(name));
    TEST_CHECK(ouro_borrow(value) == list_at(values, i));
    ouro_xdecref(value);
  }
  assert_int_equal(ouro_weak_values_count(map), count);
  for (size_t i = 0; i < count; i += 3) {
    ouro_clear(&values->items[i]);
  }
  for (size_t i = 0; i < count; i++) {
    number_name(name, i);
    ouro_ref value = ouro_weak_values_get(map, name, strlen(name));
    TEST_CHECK((ouro_borrow(value) == NULL) == (i % 3 == 0));
    ouro_xdecref(value);
  }
  drop(values);
  assert_int_equal(ouro_weak_values_count(map), 0);
  assert_int_equal(room_of(map), 0);
  drop(map);
}

static void clear_removes_all(void **state) {
  (void)state;
  ouro_weak_values *map = map_new();
  cell *value = cell_new(1);
  char name[32];
  for (size_t i = 0; i < 100; i++) {
    number_name(name, i);
    set(map, name, value);
  }
  ouro_weak_values_clear(map);
  assert_int_equal(ouro_weak_values_count(map), 0);
  assert_int_equal(ouro_weak_count(value), 0);
  set(map, "again", value);
  assert_string_equal(pairs(map), "again:1");
  drop(value);
  drop(map);
}

/* ---------------------------------------------------------------- deaths */

static void a_value_that_was_garbage(void **state) {
  (void)state;
  ouro_weak_values *map = map_new();
  cell *ring = cell_ring(&cell_type, 2, 0);
  set(map, "first", ring);
  set(map, "second", in_a(ring));
  ouro_setref(&ring->b, map);
  drop(ring);
  assert_int_equal(ouro_weak_values_count(map), 2);
  assert_int_equal(ouro_gc_collect(2), 2);
  assert_int_equal(ouro_weak_values_count(map), 0);
  drop(map);
}

typedef struct look {
  ouro_weak_values *map;
  cell *dying, *other;
} look;

static void put_another(ouro_weak *weak, void *data, void *held) {
  look *it = data;
  (void)weak;
  (void)held;
  TEST_CHECK(get(it->map, "name") == 0);
  TEST_CHECK(!take_away(it->map, "name"));
  set(it->map, "name", it->other);
  TEST_CHECK(get(it->map, "name") == 2);
}

/* The entry of the dead one, which waits for its callback, and the new one under the same name do not get in each other's way. */
static void a_name_is_used_again_before_the_dead_entry_has_gone(void **state) {
  (void)state;
  look it = {.map = map_new(), .dying = cell_new(1), .other = cell_new(2)};
  set(it.map, "name", it.dying);
  ouro_weak *newest = ouro_borrow(ouro_weak_new_callback(it.dying, put_another, &it, NULL));
  drop(it.dying);
  assert_string_equal(pairs(it.map), "name:2");
  assert_int_equal(ouro_weak_values_count(it.map), 1);
  drop(newest);
  drop(it.other);
  assert_int_equal(ouro_weak_values_count(it.map), 0);
  drop(it.map);
}

/* ---------------------------------------------------------------- walks */

typedef struct walker {
  ouro_weak_values *map;
  cell *one, *two;
  int depth;
} walker;

static int forget_names(const void *name, size_t length, void *value, void *arg) {
  walker *it = arg;
  TEST_CHECK(ouro_weak_values_remove(it->map, name, length));
  cell *again = cell_new(0);
  /* Takes the memory of the name, if that has been freed. */
  for (char byte = 'a'; byte < 'z'; byte++) {
    char other[] = "...............";
    memset(other, byte, length < sizeof other ? length : sizeof other - 1);
    set(it->map, other, again);
  }
  drop(again);
  return note_pair(name, length, value, NULL);
}

static void a_name_stays_readable_while_it_is_shown(void **state) {
  (void)state;
  walker it = {.map = map_new(), .one = cell_new(1)};
  set(it.map, "first name", it.one);
  set(it.map, "second name", it.one);
  set(it.map, "third name", it.one);
  assert_int_equal(ouro_weak_values_each(it.map, forget_names, &it), OURO_OK);
  assert_string_equal(test_log(), "first name:1 second name:1 third name:1");
  assert_int_equal(ouro_weak_values_count(it.map), 0);
  drop(it.one);
  drop(it.map);
}

static int clear_within(const void *name, size_t length, void *value, void *arg) {
  walker *it = arg;
  if (it->depth++ < 3) {
    TEST_CHECK(ouro_weak_values_each(it->map, clear_within, it) == OURO_OK);
  } else {
    ouro_weak_values_clear(it->map);
  }
  cell *filler = cell_new(0);
  set(it->map, "12345678901", filler);
  drop(filler);
  return note_pair(name, length, value, NULL);
}

/* Four walks show the same name when it goes. */
static void a_name_that_several_walks_show(void **state) {
  (void)state;
  walker it = {.map = map_new(), .one = cell_new(1)};
  set(it.map, "a long name", it.one);
  set(it.map, "another", it.one);
  assert_int_equal(ouro_weak_values_each(it.map, clear_within, &it), OURO_OK);
  assert_string_equal(test_log(), "a long name:1 a long name:1 a long name:1 a long name:1");
  assert_int_equal(ouro_weak_values_count(it.map), 0);
  drop(it.one);
  drop(it.map);
}

static int replace_next(const void *name, size_t length, void *value, void *arg) {
  walker *it = arg;
  note_pair(name, length, value, NULL);
  set(it->map, "b", it->two);
  return 0;
}

static void a_value_that_is_replaced_during_a_walk_is_shown_as_it_is_then(void **state) {
  (void)state;
  walker it = {.map = map_new(), .one = cell_new(1), .two = cell_new(2)};
  set(it.map, "a", it.one);
  set(it.map, "b", it.one);
  assert_int_equal(ouro_weak_values_each(it.map, replace_next, &it), OURO_OK);
  assert_string_equal(test_log(), "a:1 b:2");
  drop(it.one);
  drop(it.two);
  drop(it.map);
}

static int drop_the_value(const void *name, size_t length, void *value, void *arg) {
  walker *it = arg;
  if (it->one != NULL) {
    DROP(it->one);
    drop(it->map);
  }
  return note_pair(name, length, value, NULL);
}

static void value_and_map_may_go_while_they_are_shown(void **state) {
  (void)state;
  walker it = {.map = map_new(), .one = cell_new(1)};
  set(it.map, "a", it.one);
  set(it.map, "b", it.one);
  assert_int_equal(ouro_weak_values_each(it.map, drop_the_value, &it), OURO_OK);
  assert_string_equal(test_log(), "a:1 -1");
}

static int stop(const void *name, size_t length, void *value, void *arg) {
  (void)arg;
  note_pair(name, length, value, NULL);
  return -7;
}

static void a_walk_can_be_stopped(void **state) {
  (void)state;
  walker it = {.map = map_new(), .one = cell_new(1)};
  set(it.map, "a", it.one);
  set(it.map, "b", it.one);
  assert_int_equal(ouro_weak_values_each(it.map, stop, NULL), OURO_ESTOP);
  assert_string_equal(test_log(), "a:1");
  assert_int_equal(ouro_refcount(it.map), 1);
  assert_int_equal(ouro_refcount(it.one), 1);
  drop(it.one);
  drop(it.map);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(names_lead_to_values_that_they_do_not_keep),
      OBJECT_TEST(a_name_may_get_another_value),
      OBJECT_TEST(names_are_bytes),
      OBJECT_TEST(the_name_is_a_copy),
      OBJECT_TEST(what_is_no_name_or_object_is_refused),
      OBJECT_TEST(many_names),
      OBJECT_TEST(clear_removes_all),
      OBJECT_TEST(a_value_that_was_garbage),
      OBJECT_TEST(a_name_is_used_again_before_the_dead_entry_has_gone),
      OBJECT_TEST(a_name_stays_readable_while_it_is_shown),
      OBJECT_TEST(a_name_that_several_walks_show),
      OBJECT_TEST(a_value_that_is_replaced_during_a_walk_is_shown_as_it_is_then),
      OBJECT_TEST(value_and_map_may_go_while_they_are_shown),
      OBJECT_TEST(a_walk_can_be_stopped),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
