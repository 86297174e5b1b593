/* tests/values/test_faults.c - without memory: every allocation that a function makes fails in turn, once and for ever, at
 * every size at which tables grow; what fails says so and changes nothing, and works afterwards. What removes, and what a death
 * sets off, needs none.
 *
 * Only in builds with the fault twin. Linked with: libouro (static), support/support.c, object/objects.c, cmocka. */
#include "values/tables.h"

#include <errno.h>

#include "heap/heap.h"

enum { MEMBERS = 200 };

/* Everything that an attempt works on. */
static struct {
  ouro_weak_set *set;
  ouro_weak_keys *keys;
  ouro_weak_values *values;
  cell *cells[MEMBERS];
  cell *value;
  size_t count; /* members so far */
  ouro_ref made;
} it;

static size_t points, hits;

static void begin(void) {
  it.set = ouro_borrow(ouro_weak_set_new());
  it.keys = ouro_borrow(ouro_weak_keys_new());
  it.values = ouro_borrow(ouro_weak_values_new());
  for (size_t i = 0; i < MEMBERS; i++) {
    it.cells[i] = cell_new(0);
  }
  it.value = cell_new(0);
  it.count = 0;
}

static void end(void) {
  for (size_t i = 0; i < MEMBERS; i++) {
    drop(it.cells[i]);
  }
  assert_int_equal(ouro_weak_set_count(it.set) + ouro_weak_keys_count(it.keys) + ouro_weak_values_count(it.values), 0);
  drop(it.value);
  drop(it.set);
  drop(it.keys);
  drop(it.values);
}

static int number_name(char name[32]) { return snprintf(name, 32, "name %zu", it.count); }

/* ---------------------------------------------------------------- what is tried: a code */

static int add_to_set(void) { return ouro_weak_set_add(it.set, it.cells[it.count]); }

static int add_key(void) { return ouro_weak_keys_set(it.keys, it.cells[it.count], it.value); }

static int add_name(void) {
  char name[32];
  int length = number_name(name);
  return ouro_weak_values_set(it.values, name, (size_t)length, it.cells[it.count]);
}

/* Another value under the name of the first. */
static int replace_value(void) { return ouro_weak_values_set(it.values, "name 0", 6, it.value); }

static int made(ouro_ref object) {
  it.made = object;
  return ouro_borrow(object) != NULL ? OURO_OK : errno == ENOMEM ? OURO_ENOMEM : OURO_ESYSTEM;
}

static int new_set(void) { return made(ouro_weak_set_new()); }
static int new_keys(void) { return made(ouro_weak_keys_new()); }
static int new_values(void) { return made(ouro_weak_values_new()); }

static void never(void *data, void *held) {
  (void)data;
  (void)held;
  TEST_CHECK(false);
}

static int new_finalizer(void) {
  it.made = OURO_NULL;
  return made(ouro_finalize(it.cells[0], never, NULL, it.value));
}

/* ---------------------------------------------------------------- trying it with each allocation failing in turn */

typedef struct shape {
  size_t set, keys, values, live, weak, of_value;
} shape;

static shape shape_now(void) {
  const cell *member = it.cells[it.count];
  return (shape){
      .set = ouro_weak_set_count(it.set),
      .keys = ouro_weak_keys_count(it.keys),
      .values = ouro_weak_values_count(it.values),
      .live = test_live(),
      .weak = ouro_weak_count(member) + ouro_weak_count(it.cells[0]),
      .of_value = ouro_refcount(it.value) + ouro_weak_count(it.value),
  };
}

static void nothing_has_changed(shape before) {
  shape after = shape_now();
  /* A container's weak reference to itself is made with the first entry, and may be there early. */
  TEST_CHECK(after.live >= before.live && after.live <= before.live + 1);
  after.live = before.live;
  TEST_CHECK(memcmp(&after, &before, sizeof after) == 0);
  TABLE_IS_VALID(it.set);
  TABLE_IS_VALID(it.keys);
  TABLE_IS_VALID(it.values);
}

/* The last attempt, in which no allocation was left to fail, succeeds. */
static void fail_each_allocation(int (*attempt)(void), bool for_ever) {
  for (long nth = 1;; nth++) {
    shape before = shape_now();
    ouro__fault_set(nth, for_ever);
    errno = 0;
    int code = attempt();
    bool hit = ouro__fault_hit();
    ouro__fault_set(0, false);
    points++;
    hits += hit;
    if (code == OURO_OK) {
      return; /* nothing was left to fail, or it did without */
    }
    TEST_CHECK(hit && code == OURO_ENOMEM && errno == ENOMEM);
    nothing_has_changed(before);
    TEST_CHECK(nth < 100);
  }
}

static void grow_with_faults(int (*add)(void)) {
  for (int for_ever = 0; for_ever < 2; for_ever++) {
    begin();
    for (; it.count + 1 < MEMBERS; it.count++) {
      fail_each_allocation(add, for_ever);
    }
    end();
  }
}

static void adding_to_a_set(void **state) {
  (void)state;
  grow_with_faults(add_to_set);
}

static void adding_keys(void **state) {
  (void)state;
  grow_with_faults(add_key);
}

static void adding_names(void **state) {
  (void)state;
  grow_with_faults(add_name);
}

static void replacing_a_value(void **state) {
  (void)state;
  for (int for_ever = 0; for_ever < 2; for_ever++) {
    begin();
    assert_int_equal(add_name(), OURO_OK);
    fail_each_allocation(replace_value, for_ever);
    assert_int_equal(ouro_weak_count(it.cells[0]), 0);
    assert_int_equal(ouro_weak_count(it.value), 1);
    drop(it.value);
    assert_int_equal(ouro_weak_values_count(it.values), 0);
    it.value = cell_new(0);
    end();
  }
}

static void making_each(int (*attempt)(void)) {
  for (int for_ever = 0; for_ever < 2; for_ever++) {
    begin();
    fail_each_allocation(attempt, for_ever);
    if (attempt == new_finalizer) {
      assert_int_equal(ouro_refcount(it.value), 2);
      assert_true(ouro_finalizer_detach(ouro_borrow(it.made)));
      assert_int_equal(ouro_refcount(it.value), 1);
    }
    ouro_clear(&it.made);
    end();
  }
}

static void making_containers_and_finalizers(void **state) {
  (void)state;
  making_each(new_set);
  making_each(new_keys);
  making_each(new_values);
  making_each(new_finalizer);
}

/* ---------------------------------------------------------------- what needs no memory */

static int count_shown(void *object, void *arg) {
  (void)object;
  ++*(size_t *)arg;
  return 0;
}

static void fill_all(void) {
  for (; it.count < MEMBERS; it.count++) {
    TEST_CHECK(add_to_set() == OURO_OK && add_key() == OURO_OK && add_name() == OURO_OK);
  }
  it.count--;
}

static void walks_removals_and_deaths_need_none(void **state) {
  (void)state;
  size_t shown = 0;
  begin();
  fill_all();
  ouro__fault_set(1, true);
  assert_int_equal(ouro_weak_set_each(it.set, count_shown, &shown), OURO_OK);
  assert_int_equal(shown, MEMBERS);
  for (size_t i = 0; i < MEMBERS; i += 2) {
    TEST_CHECK(ouro_weak_set_remove(it.set, it.cells[i]));
    TEST_CHECK(ouro_weak_keys_remove(it.keys, it.cells[i]));
  }
  for (size_t i = 0; i < MEMBERS; i += 3) {
    DROP(it.cells[i]);
  }
  assert_int_equal(ouro_weak_set_count(it.set), MEMBERS / 2 - MEMBERS / 6);
  assert_int_equal(ouro_weak_keys_count(it.keys), MEMBERS / 2 - MEMBERS / 6);
  assert_int_equal(ouro_weak_values_count(it.values), MEMBERS - MEMBERS / 3 - 1);
  ouro_weak_keys_clear(it.keys);
  for (size_t i = 0; i < MEMBERS; i++) {
    DROP(it.cells[i]);
  }
  assert_int_equal(ouro_weak_set_count(it.set), 0);
  assert_int_equal(ouro_weak_values_count(it.values), 0);
  ouro__fault_set(0, false);
  drop(it.value);
  drop(it.set);
  drop(it.keys);
  drop(it.values);
}

/* A table that could not be made smaller is later. */
static void a_table_that_stayed_large_shrinks_with_the_next_removal(void **state) {
  (void)state;
  begin();
  fill_all();
  size_t room = room_of(it.set);
  ouro__fault_set(1, true);
  for (size_t i = 10; i < MEMBERS; i++) {
    DROP(it.cells[i]);
  }
  assert_int_equal(room_of(it.set), room);
  ouro__fault_set(0, false);
  DROP(it.cells[9]);
  assert_true(room_of(it.set) < room / 4);
  TABLE_IS_VALID(it.set);
  for (size_t i = 0; i < 9; i++) {
    DROP(it.cells[i]);
  }
  drop(it.value);
  drop(it.set);
  drop(it.keys);
  drop(it.values);
}

static void run_it(void *data, void *held) {
  (void)held;
  ++*(size_t *)data;
}

static void finalizers_run_without_memory(void **state) {
  (void)state;
  size_t runs = 0;
  cell *object = cell_new(0);
  cell *other = cell_new(0);
  drop(ouro_borrow(ouro_finalize(object, run_it, &runs, NULL)));
  drop(ouro_borrow(ouro_finalize(other, run_it, &runs, object)));
  ouro__fault_set(1, true);
  drop(object);
  assert_int_equal(runs, 0);
  ouro_finalizers_run();
  assert_int_equal(runs, 2);
  ouro__fault_set(0, false);
  drop(other);
}

static void there_were_many_points(void **state) {
  (void)state;
  print_message("# %zu attempts, %zu failures\n", points, hits);
  assert_true(hits > 3 * MEMBERS * 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(adding_to_a_set),
      OBJECT_TEST(adding_keys),
      OBJECT_TEST(adding_names),
      OBJECT_TEST(replacing_a_value),
      OBJECT_TEST(making_containers_and_finalizers),
      OBJECT_TEST(walks_removals_and_deaths_need_none),
      OBJECT_TEST(a_table_that_stayed_large_shrinks_with_the_next_removal),
      OBJECT_TEST(finalizers_run_without_memory),
      cmocka_unit_test(there_were_many_points),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
