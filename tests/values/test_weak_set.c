/* tests/values/test_weak_set.c - sets of objects that leave when they die: whichever way they die, also during a walk; and the
 * set may go before them, after them, and in one cycle with them. (Several threads at once: test_threads.c.)
 *
 * usage: test_values_weak_set refused: what a case does in a program of its own.
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka. */
#include "values/tables.h"

#include <errno.h>
#include <pthread.h>

static ouro_weak_set *set_new(void) {
  ouro_weak_set *set = ouro_borrow(ouro_weak_set_new());
  TEST_CHECK(set != NULL);
  return set;
}

static void add(ouro_weak_set *set, void *object) { TEST_CHECK(ouro_weak_set_add(set, object) == OURO_OK); }

static int note_number(void *object, void *arg) {
  (void)arg;
  test_note("%d", ((cell *)object)->number);
  return 0;
}

/* The numbers of the members, in the order of a walk. */
static const char *members(ouro_weak_set *set) {
  TABLE_IS_VALID(set);
  test_log();
  TEST_CHECK(ouro_weak_set_each(set, note_number, NULL) == OURO_OK);
  return test_log();
}

/* Cells with the numbers from 1 on. */
static cell **cells_new(size_t count) {
  cell **cells = calloc(count, sizeof(cell *));
  TEST_CHECK(cells != NULL);
  for (size_t i = 0; i < count; i++) {
    cells[i] = cell_new((int)i + 1);
  }
  return cells;
}

static void cells_drop(cell **cells, size_t count) {
  for (size_t i = 0; i < count; i++) {
    drop(cells[i]);
  }
  free(cells);
  test_log();
}

/* ---------------------------------------------------------------- members */

static void what_is_added_is_there_once(void **state) {
  (void)state;
  ouro_weak_set *set = set_new();
  cell *one = cell_new(1);
  cell *two = cell_new(2);
  assert_int_equal(ouro_weak_set_count(set), 0);
  assert_false(ouro_weak_set_has(set, one));
  add(set, one);
  add(set, one);
  add(set, two);
  assert_int_equal(ouro_weak_set_count(set), 2);
  assert_true(ouro_weak_set_has(set, one) && ouro_weak_set_has(set, two));
  assert_int_equal(ouro_refcount(one), 1);
  assert_string_equal(members(set), "1 2");
  assert_true(ouro_weak_set_remove(set, one));
  assert_false(ouro_weak_set_remove(set, one));
  assert_false(ouro_weak_set_has(set, one));
  assert_string_equal(members(set), "2");
  assert_int_equal(ouro_weak_count(one), 0);
  drop(one);
  drop(two);
  assert_int_equal(ouro_weak_set_count(set), 0);
  assert_string_equal(members(set), "");
  drop(set);
}

static void what_is_no_object_is_refused(void **state) {
  (void)state;
  ouro_weak_set *set = set_new();
  cell *one = cell_new(0);
  assert_int_equal(ouro_weak_set_add(set, NULL), OURO_EINVAL);
  assert_int_equal(ouro_weak_set_add(NULL, one), OURO_EINVAL);
  assert_false(ouro_weak_set_has(set, NULL) || ouro_weak_set_has(NULL, one));
  assert_false(ouro_weak_set_remove(set, NULL) || ouro_weak_set_remove(NULL, one));
  assert_int_equal(ouro_weak_set_each(NULL, note_number, NULL), OURO_EINVAL);
  assert_int_equal(ouro_weak_set_each(set, NULL, NULL), OURO_EINVAL);
  assert_int_equal(ouro_weak_set_count(NULL), 0);
  ouro_weak_set_clear(NULL);
  assert_int_equal(ouro_weak_set_count(set), 0);
  drop(one);
  drop(set);
}

static void a_member_is_only_the_object_itself(void **state) {
  (void)state;
  ouro_weak_set *set = set_new();
  cell *first = cell_new(1);
  const void *address = first;
  add(set, first);
  drop(first);
  test_log();
  cell *second = cell_new(2); /* most likely where the first one was */
  assert_false(ouro_weak_set_has(set, second) || ouro_weak_set_has(set, address));
  add(set, second);
  assert_string_equal(members(set), "2");
  drop(second);
  drop(set);
}

/* Entries and cells of a large set are made, found and given back. */
static void many_members(void **state) {
  (void)state;
  size_t count = test_count(200000, 3000);
  ouro_weak_set *set = set_new();
  cell **cells = cells_new(count);
  for (size_t i = 0; i < count; i++) {
    cells[i]->number = 0;
    add(set, cells[i]);
  }
  assert_int_equal(ouro_weak_set_count(set), count);
  for (size_t i = 0; i < count; i++) {
    TEST_CHECK(ouro_weak_set_has(set, cells[i]));
  }
  for (size_t i = 0; i < count; i += 2) {
    TEST_CHECK(ouro_weak_set_remove(set, cells[i]));
  }
  for (size_t i = 0; i < count; i++) {
    TEST_CHECK(ouro_weak_set_has(set, cells[i]) == (i % 2 == 1));
  }
  assert_int_equal(ouro_weak_set_count(set), count / 2);
  assert_true(room_of(set) >= count / 2);
  cells_drop(cells, count);
  assert_int_equal(ouro_weak_set_count(set), 0);
  assert_int_equal(room_of(set), 0);
  drop(set);
}

/* The table follows its members down, and is never far larger than they are. */
static void the_table_shrinks_as_members_die(void **state) {
  (void)state;
  enum { COUNT = 5000 };
  ouro_weak_set *set = set_new();
  cell **cells = cells_new(COUNT);
  for (size_t i = 0; i < COUNT; i++) {
    add(set, cells[i]);
  }
  for (size_t left = COUNT; left-- > 0;) {
    DROP(cells[left]);
    TEST_CHECK(ouro_weak_set_count(set) == left);
    TEST_CHECK(room_of(set) <= (left == 0 ? 0 : left * 8 + 7));
    if (left % 499 == 0) {
      TABLE_IS_VALID(set);
    }
  }
  free(cells);
  test_log();
  drop(set);
}

/* Holes are used again: a set through which objects pass stays as large as what is in it at one moment. */
static void a_set_that_objects_pass_through_stays_small(void **state) {
  (void)state;
  enum { WINDOW = 100 };
  ouro_weak_set *set = set_new();
  cell *window[WINDOW] = {NULL};
  for (size_t i = 0; i < 100000; i++) {
    cell *next = cell_new(0);
    add(set, next);
    DROP(window[i % WINDOW]);
    window[i % WINDOW] = next;
  }
  assert_int_equal(ouro_weak_set_count(set), WINDOW);
  assert_true(room_of(set) < 4 * WINDOW);
  TABLE_IS_VALID(set);
  for (size_t i = 0; i < WINDOW; i++) {
    DROP(window[i]);
  }
  drop(set);
}

static void clear_removes_all(void **state) {
  (void)state;
  ouro_weak_set *set = set_new();
  cell **cells = cells_new(100);
  ouro_weak_set_clear(set);
  for (size_t i = 0; i < 100; i++) {
    add(set, cells[i]);
  }
  ouro_weak_set_clear(set);
  assert_int_equal(ouro_weak_set_count(set), 0);
  assert_string_equal(members(set), "");
  assert_int_equal(ouro_weak_count(cells[0]), 0);
  add(set, cells[7]);
  assert_string_equal(members(set), "8");
  cells_drop(cells, 100);
  drop(set);
}

/* ---------------------------------------------------------------- ways to die */

static void a_member_that_a_finalizer_keeps_stays_a_member(void **state) {
  (void)state;
  ouro_weak_set *set = set_new();
  cell *member = cell_of(&final_type, 1);
  member->finalizing = survive;
  add(set, member);
  drop(member);
  assert_string_equal(test_log(), "~1");
  assert_true(ouro_weak_set_has(set, member));
  assert_string_equal(members(set), "1");
  survivors_drop();
  assert_int_equal(ouro_weak_set_count(set), 0);
  drop(set);
}

/* As in CPython: weak references with callbacks are cleared before finalizers run. */
static void a_member_that_was_garbage_is_none_even_if_it_is_resurrected(void **state) {
  (void)state;
  ouro_weak_set *set = set_new();
  cell *member = cell_ring(&final_type, 1, 1);
  member->finalizing = survive;
  add(set, member);
  drop(member);
  assert_int_equal(ouro_weak_set_count(set), 1);
  assert_int_equal(ouro_gc_collect(2), 0);
  assert_int_equal(ouro_weak_set_count(set), 0);
  assert_false(ouro_weak_set_has(set, member));
  add(set, member);
  assert_string_equal(members(set), "1");
  survivors_drop();
  assert_int_equal(ouro_gc_collect(2), 1);
  assert_int_equal(ouro_weak_set_count(set), 0);
  drop(set);
}

static void the_set_goes_before_its_members(void **state) {
  (void)state;
  ouro_weak_set *set = set_new();
  cell **cells = cells_new(30);
  for (size_t i = 0; i < 30; i++) {
    add(set, cells[i]);
  }
  drop(set);
  for (size_t i = 0; i < 30; i++) {
    assert_int_equal(ouro_weak_count(cells[i]), 0);
  }
  cells_drop(cells, 30);
}

/* Somebody else may keep an entry's weak reference longer than the set lives, or than the entry is in it. */
static void weak_references_of_entries_outlive_the_set(void **state) {
  (void)state;
  ouro_weak_set *set = set_new();
  cell *one = cell_new(1);
  cell *two = cell_new(2);
  add(set, one);
  add(set, two);
  ouro_weak *first = ouro_borrow(ouro_newref(weak_of_entry(one)));
  ouro_weak *second = ouro_borrow(ouro_newref(weak_of_entry(two)));
  assert_true(ouro_weak_set_remove(set, one));
  add(set, one);
  assert_int_equal(ouro_weak_count(one), 2);
  drop(one);
  assert_string_equal(members(set), "2");
  drop(set);
  drop(two);
  assert_true(ouro_weak_is_dead(first) && ouro_weak_is_dead(second));
  drop(first);
  drop(second);
  test_log();
}

static void a_set_in_a_member(void **state) {
  (void)state;
  cell *member = cell_new(1);
  ouro_weak_set *set = set_new();
  add(set, member);
  ouro_movref(&member->a, ouro_adopt(set));
  drop(member); /* the member dies, then its slot lets the set go */
  assert_string_equal(test_log(), "-1");
  assert_int_equal(test_live_of(&cell_type), 0);
}

/* All in one cycle, none of which is reachable any more. */
static void a_set_in_a_cycle_with_its_members(void **state) {
  (void)state;
  cell *ring = cell_ring(&cell_type, 50, 0);
  ouro_weak_set *set = set_new();
  cell *each = ring;
  do {
    add(set, each);
    ouro_setref(&each->b, set);
    each = in_a(each);
  } while (each != ring);
  drop(set);
  assert_int_equal(ouro_weak_set_count(set), 50);
  drop(ring);
  assert_int_equal(ouro_gc_collect(2), 50);
  assert_int_equal(test_live_of(&cell_type), 0);
}

/* The finalizer of one piece of garbage keeps the set; the members that went are none. */
static void a_set_that_is_resurrected_has_no_dead_members(void **state) {
  (void)state;
  cell *keeper = cell_ring(&final_type, 1, 1);
  keeper->finalizing = survive;
  cell *other = cell_ring(&cell_type, 20, 0);
  ouro_weak_set *set = set_new();
  ouro_movref(&keeper->b, ouro_adopt(set));
  for (cell *each = in_a(other);; each = in_a(each)) {
    add(set, each);
    if (each == other) {
      break;
    }
  }
  cell *live = cell_new(5);
  add(set, live);
  drop(keeper);
  drop(other);
  assert_int_equal(ouro_gc_collect(2), 20);
  assert_int_equal(test_survivor_count, 1);
  assert_int_equal(ouro_weak_set_count(set), 1);
  assert_string_equal(members(set), "5");
  survivors_drop();
  assert_int_equal(ouro_gc_collect(2), 1);
  drop(live);
  test_log();
}

static void a_set_may_contain_itself(void **state) {
  (void)state;
  ouro_weak_set *set = set_new();
  add(set, set);
  assert_true(ouro_weak_set_has(set, set));
  assert_int_equal(ouro_refcount(set), 1);
  drop(set);
}

static void sets_of_sets(void **state) {
  (void)state;
  ouro_weak_set *outer = set_new();
  ouro_weak_set *inner = set_new();
  add(outer, inner);
  add(inner, outer);
  drop(inner);
  assert_int_equal(ouro_weak_set_count(outer), 0);
  drop(outer);
}

/* A chain of objects each of which dies within the other, deeper than deallocations are nested. */
static void members_that_die_within_each_other(void **state) {
  (void)state;
  enum { COUNT = 1000 };
  ouro_weak_set *set = set_new();
  cell *first = cell_new(0);
  add(set, first);
  cell *last = first;
  for (int i = 1; i < COUNT; i++) {
    cell *next = cell_new(0);
    add(set, next);
    ouro_movref(&last->a, ouro_adopt(next));
    last = next;
  }
  assert_int_equal(ouro_weak_set_count(set), COUNT);
  drop(first);
  assert_int_equal(ouro_weak_set_count(set), 0);
  TABLE_IS_VALID(set);
  drop(set);
}

/* The set is the last thing that a deep chain holds, and is queued for its deallocation when members die. */
static void the_set_dies_within_its_members(void **state) {
  (void)state;
  ouro_weak_set *set = set_new();
  cell *first = cell_new(0);
  cell *last = first;
  add(set, first);
  for (int i = 1; i < 200; i++) {
    cell *next = cell_new(0);
    add(set, next);
    ouro_movref(&last->a, ouro_adopt(next));
    ouro_setref(&last->b, set);
    last = next;
  }
  drop(set);
  drop(first);
  assert_int_equal(test_live_of(&cell_type), 0);
}

typedef struct look {
  ouro_weak_set *set;
  cell *dying, *other;
  size_t count;
} look;

static void look_when_dead(ouro_weak *weak, void *data, void *held) {
  look *it = data;
  (void)weak;
  (void)held;
  TEST_CHECK(!ouro_weak_set_has(it->set, it->dying));
  TEST_CHECK(ouro_weak_set_has(it->set, it->other));
  TEST_CHECK(ouro_weak_set_add(it->set, it->dying) != OURO_OK); /* too late for that */
  test_note("looked");
}

/* Between the death and the removal of the entry, the dead member is not there any more. Callbacks are called newest first. */
static void callbacks_do_not_see_a_dead_member(void **state) {
  (void)state;
  look it = {.set = set_new(), .dying = cell_new(1), .other = cell_new(2)};
  add(it.set, it.dying);
  add(it.set, it.other);
  ouro_weak *newest = ouro_borrow(ouro_weak_new_callback(it.dying, look_when_dead, &it, NULL));
  drop(it.dying);
  assert_string_equal(test_log(), "looked -1");
  assert_string_equal(members(it.set), "2");
  drop(newest);
  drop(it.other);
  drop(it.set);
}

/* ---------------------------------------------------------------- walks */

typedef struct walker {
  ouro_weak_set *set;
  cell **cells;
  size_t shown, count;
  int stop_at;
} walker;

static int stop_there(void *object, void *arg) {
  walker *it = arg;
  it->shown++;
  return ((cell *)object)->number == it->stop_at;
}

static void a_walk_can_be_stopped(void **state) {
  (void)state;
  walker it = {.set = set_new(), .cells = cells_new(20), .stop_at = 5};
  for (size_t i = 0; i < 20; i++) {
    add(it.set, it.cells[i]);
  }
  assert_int_equal(ouro_weak_set_each(it.set, stop_there, &it), OURO_ESTOP);
  assert_int_equal(it.shown, 5);
  assert_string_equal(members(it.set), "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20");
  cells_drop(it.cells, 20);
  drop(it.set);
}

static int kill_later_ones(void *object, void *arg) {
  walker *it = arg;
  cell *self = object;
  test_note("%d", self->number);
  size_t twin = (size_t)self->number + 9;
  if (twin < it->count) {
    DROP(it->cells[twin]);
  }
  return 0;
}

/* The released cells note that, too; so the log tells in which order it happened. */
static void what_dies_during_a_walk_is_not_shown(void **state) {
  (void)state;
  walker it = {.set = set_new(), .cells = cells_new(20), .count = 20};
  for (size_t i = 0; i < 20; i++) {
    add(it.set, it.cells[i]);
  }
  assert_int_equal(ouro_weak_set_each(it.set, kill_later_ones, &it), OURO_OK);
  assert_string_equal(test_log(), "1 -11 2 -12 3 -13 4 -14 5 -15 6 -16 7 -17 8 -18 9 -19 10 -20");
  assert_string_equal(members(it.set), "1 2 3 4 5 6 7 8 9 10");
  for (size_t i = 0; i < 10; i++) {
    drop(it.cells[i]);
  }
  free(it.cells);
  drop(it.set);
}

static int kill_all(void *object, void *arg) {
  walker *it = arg;
  test_note("%d", ((cell *)object)->number);
  for (size_t i = 0; i < it->count; i++) {
    DROP(it->cells[i]);
  }
  TEST_CHECK(ouro_weak_set_has(it->set, object)); /* the walk holds it */
  TEST_CHECK(ouro_weak_set_count(it->set) == 1);
  return 0;
}

static void the_one_that_is_shown_lives(void **state) {
  (void)state;
  walker it = {.set = set_new(), .cells = cells_new(100), .count = 100};
  for (size_t i = 0; i < 100; i++) {
    it.cells[i]->number = i == 0 ? 1 : 0;
    add(it.set, it.cells[i]);
  }
  assert_int_equal(ouro_weak_set_each(it.set, kill_all, &it), OURO_OK);
  assert_string_equal(test_log(), "1 -1");
  assert_int_equal(ouro_weak_set_count(it.set), 0);
  free(it.cells);
  drop(it.set);
}

static int add_others(void *object, void *arg) {
  walker *it = arg;
  test_note("%d", ((cell *)object)->number);
  for (size_t i = 0; i < it->count; i++) {
    add(it->set, it->cells[i]);
  }
  TABLE_IS_VALID(it->set);
  return 0;
}

static void what_is_added_during_a_walk_is_not_shown(void **state) {
  (void)state;
  walker it = {.set = set_new(), .cells = cells_new(1000), .count = 1000};
  for (size_t i = 0; i < 5; i++) {
    add(it.set, it.cells[i]);
  }
  assert_int_equal(ouro_weak_set_each(it.set, add_others, &it), OURO_OK);
  assert_string_equal(test_log(), "1 2 3 4 5");
  assert_int_equal(ouro_weak_set_count(it.set), 1000);
  cells_drop(it.cells, 1000);
  drop(it.set);
}

static int leave_and_come_back(void *object, void *arg) {
  walker *it = arg;
  test_note("%d", ((cell *)object)->number);
  for (size_t i = 0; i < it->count; i++) {
    TEST_CHECK(ouro_weak_set_remove(it->set, it->cells[i]));
    add(it->set, it->cells[i]);
  }
  return 0;
}

static void who_left_and_came_back_was_added_later(void **state) {
  (void)state;
  walker it = {.set = set_new(), .cells = cells_new(6), .count = 6};
  for (size_t i = 0; i < 6; i++) {
    add(it.set, it.cells[i]);
  }
  assert_int_equal(ouro_weak_set_each(it.set, leave_and_come_back, &it), OURO_OK);
  assert_string_equal(test_log(), "1");
  assert_int_equal(ouro_weak_set_count(it.set), 6);
  cells_drop(it.cells, 6);
  drop(it.set);
}

static int churn(void *object, void *arg) {
  walker *it = arg;
  test_note("%d", ((cell *)object)->number);
  for (int i = 0; i < 1000; i++) {
    cell *passing = cell_new(0);
    add(it->set, passing);
    drop(passing);
  }
  TEST_CHECK(room_of(it->set) < 200);
  return 0;
}

/* The table is packed and made larger and smaller under the walk, and does not grow with what came and went. */
static void a_walk_during_which_much_comes_and_goes(void **state) {
  (void)state;
  walker it = {.set = set_new(), .cells = cells_new(30), .count = 30};
  for (size_t i = 0; i < 30; i++) {
    add(it.set, it.cells[i]);
  }
  for (size_t i = 0; i < 30; i += 3) {
    TEST_CHECK(ouro_weak_set_remove(it.set, it.cells[i]));
  }
  assert_int_equal(ouro_weak_set_each(it.set, churn, &it), OURO_OK);
  assert_string_equal(test_log(), "2 3 5 6 8 9 11 12 14 15 17 18 20 21 23 24 26 27 29 30");
  cells_drop(it.cells, 30);
  drop(it.set);
}

static int clear_it(void *object, void *arg) {
  walker *it = arg;
  test_note("%d", ((cell *)object)->number);
  ouro_weak_set_clear(it->set);
  add(it->set, it->cells[2]);
  return 0;
}

static void a_set_that_is_cleared_during_a_walk(void **state) {
  (void)state;
  walker it = {.set = set_new(), .cells = cells_new(5)};
  for (size_t i = 0; i < 5; i++) {
    add(it.set, it.cells[i]);
  }
  assert_int_equal(ouro_weak_set_each(it.set, clear_it, &it), OURO_OK);
  assert_string_equal(test_log(), "1");
  assert_string_equal(members(it.set), "3");
  cells_drop(it.cells, 5);
  drop(it.set);
}

static int drop_the_set(void *object, void *arg) {
  walker *it = arg;
  test_note("%d", ((cell *)object)->number);
  if (it->set != NULL) {
    drop(it->set);
    it->set = NULL;
  }
  return 0;
}

static void the_last_reference_to_the_set_may_go_during_a_walk(void **state) {
  (void)state;
  walker it = {.set = set_new(), .cells = cells_new(3)};
  for (size_t i = 0; i < 3; i++) {
    add(it.set, it.cells[i]);
  }
  assert_int_equal(ouro_weak_set_each(it.set, drop_the_set, &it), OURO_OK);
  assert_string_equal(test_log(), "1 2 3");
  assert_int_equal(ouro_weak_count(it.cells[0]), 0);
  cells_drop(it.cells, 3);
}

static int walk_within(void *object, void *arg) {
  walker *it = arg;
  test_note("(%d", ((cell *)object)->number);
  if (it->shown++ == 0) {
    TEST_CHECK(ouro_weak_set_each(it->set, walk_within, it) == OURO_OK);
    TEST_CHECK(ouro_weak_set_remove(it->set, it->cells[1]));
  }
  test_note(")");
  return 0;
}

static void walks_within_walks(void **state) {
  (void)state;
  walker it = {.set = set_new(), .cells = cells_new(3)};
  for (size_t i = 0; i < 3; i++) {
    add(it.set, it.cells[i]);
  }
  assert_int_equal(ouro_weak_set_each(it.set, walk_within, &it), OURO_OK);
  assert_string_equal(test_log(), "(1 (1 ) (2 ) (3 ) ) (3 )");
  TABLE_IS_VALID(it.set);
  cells_drop(it.cells, 3);
  drop(it.set);
}

static int collect(void *object, void *arg) {
  (void)arg;
  test_note("%d", ((cell *)object)->number);
  ouro_gc_collect(2);
  return 0;
}

static void a_collection_during_a_walk(void **state) {
  (void)state;
  ouro_weak_set *set = set_new();
  cell *garbage = cell_ring(&cell_type, 3, 0);
  cell *live = cell_new(1);
  add(set, live);
  add(set, garbage);
  add(set, in_a(garbage));
  cell *last = cell_new(2);
  add(set, last);
  drop(garbage);
  assert_int_equal(ouro_weak_set_each(set, collect, NULL), OURO_OK);
  assert_string_equal(test_log(), "1 2");
  assert_int_equal(ouro_weak_set_count(set), 2);
  drop(live);
  drop(last);
  drop(set);
}

/* ---------------------------------------------------------------- threads */

typedef struct shared {
  ouro_weak_set *set;
  ouro_weak_keys *keys;
  ouro_weak_values *values;
  cell *object;
} shared;

static void *from_another_thread(void *arg) {
  shared *it = arg;
  errno = 0;
  TEST_CHECK(ouro_borrow(ouro_weak_set_new()) == NULL && errno == EPERM);
  errno = 0;
  TEST_CHECK(ouro_borrow(ouro_weak_keys_new()) == NULL && errno == EPERM);
  errno = 0;
  TEST_CHECK(ouro_borrow(ouro_weak_values_new()) == NULL && errno == EPERM);
  TEST_CHECK(ouro_weak_set_add(it->set, it->object) == OURO_EPERM);
  TEST_CHECK(ouro_weak_keys_set(it->keys, it->object, it->object) == OURO_EPERM);
  TEST_CHECK(ouro_weak_values_set(it->values, "name", 4, it->object) == OURO_EPERM);
  return NULL;
}

/* In a program of its own, with OURO_CONF=threads:1. */
static int refuse_another_thread(void) {
  shared it = {set_new(), ouro_borrow(ouro_weak_keys_new()), ouro_borrow(ouro_weak_values_new()), cell_new(0)};
  pthread_t thread;
  TEST_CHECK(pthread_create(&thread, NULL, from_another_thread, &it) == 0);
  pthread_join(thread, NULL);
  TEST_CHECK(ouro_weak_set_count(it.set) + ouro_weak_keys_count(it.keys) + ouro_weak_values_count(it.values) == 0);
  TEST_CHECK(room_of(it.set) + room_of(it.keys) + room_of(it.values) == 0);
  TEST_CHECK(ouro_weak_count(it.object) + ouro_weak_count(it.set) == 0);
  TEST_CHECK(ouro_refcount(it.object) == 1);
  drop(it.object);
  drop(it.set);
  drop(it.keys);
  drop(it.values);
  return 0;
}

static void another_thread_is_refused_where_one_was_promised(void **state) {
  (void)state;
  test_result result = test_run_self("refused", "threads:1", 60);
  TEST_CHILD_PASSED(&result);
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "refused") == 0) {
    return refuse_another_thread();
  }
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(what_is_added_is_there_once),
      OBJECT_TEST(what_is_no_object_is_refused),
      OBJECT_TEST(a_member_is_only_the_object_itself),
      OBJECT_TEST(many_members),
      OBJECT_TEST(the_table_shrinks_as_members_die),
      OBJECT_TEST(a_set_that_objects_pass_through_stays_small),
      OBJECT_TEST(clear_removes_all),
      OBJECT_TEST(a_member_that_a_finalizer_keeps_stays_a_member),
      OBJECT_TEST(a_member_that_was_garbage_is_none_even_if_it_is_resurrected),
      OBJECT_TEST(the_set_goes_before_its_members),
      OBJECT_TEST(weak_references_of_entries_outlive_the_set),
      OBJECT_TEST(a_set_in_a_member),
      OBJECT_TEST(a_set_in_a_cycle_with_its_members),
      OBJECT_TEST(a_set_that_is_resurrected_has_no_dead_members),
      OBJECT_TEST(a_set_may_contain_itself),
      OBJECT_TEST(sets_of_sets),
      OBJECT_TEST(members_that_die_within_each_other),
      OBJECT_TEST(the_set_dies_within_its_members),
      OBJECT_TEST(callbacks_do_not_see_a_dead_member),
      OBJECT_TEST(a_walk_can_be_stopped),
      OBJECT_TEST(what_dies_during_a_walk_is_not_shown),
      OBJECT_TEST(the_one_that_is_shown_lives),
      OBJECT_TEST(what_is_added_during_a_walk_is_not_shown),
      OBJECT_TEST(who_left_and_came_back_was_added_later),
      OBJECT_TEST(a_walk_during_which_much_comes_and_goes),
      OBJECT_TEST(a_set_that_is_cleared_during_a_walk),
      OBJECT_TEST(the_last_reference_to_the_set_may_go_during_a_walk),
      OBJECT_TEST(walks_within_walks),
      OBJECT_TEST(a_collection_during_a_walk),
      OBJECT_TEST(another_thread_is_refused_where_one_was_promised),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
