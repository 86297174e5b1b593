/* tests/object/test_report.c - who is still there: the walk over all objects, live objects by type and generation, and the
 * report of what a program has not released.
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka. */
#include "object/objects.h"

/* ---------------------------------------------------------------- the walk */

typedef struct walk {
  const void *last;
  size_t count;
  size_t stop_at; /* 0: never */
} walk;

static int count_in_order(void *object, void *arg) {
  walk *it = arg;
  TEST_CHECK((uintptr_t)object > (uintptr_t)it->last);
  it->last = object;
  return ++it->count == it->stop_at;
}

static void every_kind_of_object_is_shown(void **state) {
  (void)state;
  void *objects[] = {cell_new(0),
                     leaf_new(0),
                     list_new(3),
                     cell_of(&acyclic_type, 0),
                     list_new(100000),
                     tuple_of(NULL, NULL, NULL),
                     cell_of(&visited_type, 0),
                     ouro_borrow(ouro_new_extra(&cell_type, 0, 500000)),
                     ouro_borrow(ouro_new_extra(&leaf_type, 0, 9000))};
  enum { KINDS = sizeof objects / sizeof objects[0] };
  ouro_weak *shared = weak_to(objects[0]);
  ouro_weak *noting = weak_noting(objects[1], "died");
  for (size_t i = 0; i < KINDS; i++) {
    assert_true(test_is_live(objects[i]));
  }
  assert_true(test_is_live(shared));
  assert_true(test_is_live(noting));
  for (size_t i = 0; i < KINDS; i++) {
    drop(objects[i]);
    assert_false(test_is_live(objects[i]));
  }
  drop(shared);
  drop(noting);
  assert_string_equal(test_log(), "died");
}

static void objects_are_shown_once_in_the_order_of_addresses(void **state) {
  (void)state;
  size_t live = test_live();
  list *all = list_new(1000);
  for (size_t i = 0; i < 1000; i++) {
    void *each = i % 3 == 0 ? (void *)cell_new(0) : i % 3 == 1 ? (void *)leaf_new(0) : (void *)list_new(i);
    ouro_movref(&all->items[i], ouro_adopt(each));
  }
  walk it = {0};
  assert_int_equal(ouro_each_object(count_in_order, &it), OURO_OK);
  assert_true(it.count >= live + 1001);
  assert_int_equal(test_live(), live + 1001);
  drop(all);
}

static void a_walk_stops_when_it_is_told_to(void **state) {
  (void)state;
  cell *ring = cell_ring(&cell_type, 10, 0);
  walk it = {.stop_at = 3};
  assert_int_equal(ouro_each_object(count_in_order, &it), OURO_ESTOP);
  assert_int_equal(it.count, 3);
  assert_int_equal(ouro_each_object(NULL, NULL), OURO_EINVAL);
  drop(ring);
  ouro_gc_collect(2);
}

static int visits;

static int refuse_nothing(void *arg, const char *text, size_t length) {
  (void)arg;
  (void)text;
  (void)length;
  return 0;
}

static int count_visit(void *object, void *arg) {
  (void)object;
  (void)arg;
  visits++;
  return 0;
}

static void walk_within(cell *self) {
  (void)self;
  visits = 0;
  TEST_CHECK(ouro_each_object(count_visit, NULL) == OURO_OK);
  TEST_CHECK(visits > 0);
}

static void a_finalizer_may_walk(void **state) {
  (void)state;
  cell *ring = cell_ring(&final_type, 5, 1);
  ring->finalizing = walk_within;
  drop(ring);
  ouro_gc_collect(2);
  cell *self = cell_of(&final_type, 1);
  self->finalizing = walk_within;
  drop(self);
  test_log();
}

static int check_referent(void *object, void *arg) {
  (void)arg;
  TEST_CHECK(ouro_is_immortal(object) || ouro_refcount(object) > 0);
  TEST_CHECK(ouro_type_of(object)->name != NULL);
  return 0;
}

static int look_through(void *object, void *arg) {
  void *objects[] = {object};
  (void)arg;
  visits++;
  return ouro_gc_get_referents(objects, 1, check_referent, NULL);
}

static void look_through_all(cell *self) {
  (void)self;
  TEST_CHECK(ouro_each_object(look_through, NULL) == OURO_OK);
  TEST_CHECK(ouro_leaks_report(refuse_nothing, NULL) >= 0);
  OBJECTS_ARE_SOUND();
}

/* What hangs on garbage unseen is finalized when the garbage lets it go: at that moment some of the garbage is gone, and
 * some is not. */
static void what_is_shown_while_garbage_is_taken_apart_is_whole(void **state) {
  (void)state;
  static ouro_type *const types[] = {&cell_type, &visited_type, &final_type};
  cell *held = cell_new(0);
  for (size_t i = 0; i < 3; i++) {
    cell *ring = cell_ring(types[i], 20, 0);
    cell *at = ring;
    do {
      cell *hanging = cell_of(&acyclic_final_type, 0);
      hanging->finalizing = look_through_all;
      ouro_movref(&at->b, ouro_adopt(hanging));
      at = in_a(at);
    } while (at != ring);
    visits = 0;
    drop(ring);
    assert_int_equal(ouro_gc_collect(2), 20);
    assert_true(visits >= 20); /* at least the one that is held, each time */
  }
  drop(held);
}

/* ---------------------------------------------------------------- by type */

enum { ROOM = 64 };

static ouro_type_stats stats_of(const ouro_type *type) {
  ouro_type_stats all[ROOM];
  size_t count = ouro_type_stats_get(all, ROOM);
  assert_true(count <= ROOM);
  for (size_t i = 0; i < count; i++) {
    if (all[i].type == type) {
      return all[i];
    }
  }
  return (ouro_type_stats){0};
}

static ouro_type many_type = {.name = "many", .size = 32, .references = OURO_REFERENCES(16, 24)};
static ouro_type lone_type = {.name = "lone", .size = 48};

static void types_are_counted_with_their_bytes(void **state) {
  (void)state;
  assert_int_equal(stats_of(&many_type).objects, 0);
  list *all = list_new(100);
  for (size_t i = 0; i < 100; i++) {
    ouro_movref(&all->items[i], ouro_new(&many_type));
  }
  ouro_ref lone = ouro_new(&lone_type);
  ouro_type_stats many = stats_of(&many_type);
  assert_string_equal(many.name, "many");
  assert_ptr_equal(many.type, &many_type);
  assert_int_equal(many.objects, 100);
  assert_int_equal(many.bytes, 100 * ouro_object_size(list_at(all, 0)));
  assert_int_equal(stats_of(&lone_type).objects, 1);
  assert_int_equal(stats_of(&lone_type).bytes, ouro_object_size(ouro_borrow(lone)));
  drop(all);
  ouro_decref(lone);
  assert_int_equal(stats_of(&many_type).objects, 0);
  assert_int_equal(stats_of(&lone_type).objects, 0);
}

static void generations_are_counted(void **state) {
  (void)state;
  cell *first = cell_new(0);
  first->number = 0;
  ouro_gc_collect(1);
  cell *second = cell_new(0);
  ouro_gc_collect(0);
  cell *third = cell_new(0);
  cell *frozen_later = cell_new(0);
  ouro_type_stats stats = stats_of(&cell_type);
  assert_int_equal(stats.objects, 4);
  assert_int_equal(stats.generation[2], 1);
  assert_int_equal(stats.generation[1], 1);
  assert_int_equal(stats.generation[0], 2);
  ouro_gc_untrack(frozen_later);
  assert_int_equal(stats_of(&cell_type).generation[0], 1);
  ouro_gc_freeze();
  stats = stats_of(&cell_type);
  assert_int_equal(stats.objects, 4);
  assert_int_equal(stats.generation[0] + stats.generation[1] + stats.generation[2], 0);
  ouro_gc_unfreeze();
  stats = stats_of(&cell_type);
  assert_int_equal(stats.generation[2], 3);
  assert_int_equal(stats.generation[0] + stats.generation[1], 0);
  drop(first);
  drop(second);
  drop(third);
  drop(frozen_later);
}

static void types_come_with_most_bytes_first_into_the_room_there_is(void **state) {
  (void)state;
  list *big = list_new(50000);
  ouro_ref lone = ouro_new(&lone_type);
  ouro_ref many = ouro_new(&many_type);
  ouro_type_stats all[ROOM];
  memset(all, 0, sizeof all);
  size_t count = ouro_type_stats_get(all, ROOM);
  assert_true(count >= 3);
  assert_ptr_equal(all[0].type, &list_type);
  for (size_t i = 1; i < count; i++) {
    assert_true(all[i - 1].bytes >= all[i].bytes);
    assert_true(all[i].objects > 0);
  }
  ouro_type_stats one[2];
  memset(one, 0x5a, sizeof one);
  assert_int_equal(ouro_type_stats_get(one, 1), count);
  assert_ptr_equal(one[0].type, &list_type);
  assert_true(test_all_bytes(&one[1], 0x5a, sizeof one[1]));
  assert_int_equal(ouro_type_stats_get(NULL, 0), count);
  drop(big);
  ouro_decref(lone);
  ouro_decref(many);
}

static void very_many_types_are_told_apart(void **state) {
  (void)state;
  enum { TYPES = 500 };
  static ouro_type *types[TYPES];
  static void *objects[TYPES];
  static ouro_type_stats all[TYPES + 50];
  for (size_t i = 0; i < TYPES; i++) {
    char name[32];
    snprintf(name, sizeof name, "type%zu", i);
    ouro_type description = {.name = name, .size = 16 + 16 * (i % 20)};
    types[i] = ouro_type_new(&description);
    objects[i] = ouro_borrow(ouro_new(types[i]));
    assert_non_null(objects[i]);
  }
  size_t count = ouro_type_stats_get(all, TYPES + 50);
  size_t found = 0;
  for (size_t i = 0; i < count; i++) {
    found += strncmp(all[i].name, "type", 4) == 0 && all[i].objects == 1;
  }
  assert_int_equal(found, TYPES);
  for (size_t i = 0; i < TYPES; i++) {
    drop(objects[i]);
    ouro_type_release(types[i]);
  }
}

/* ---------------------------------------------------------------- what was not released */

static char report[1 << 16];
static size_t report_length;

static int append(void *arg, const char *text, size_t length) {
  (void)arg;
  TEST_CHECK(report_length + length < sizeof report);
  memcpy(report + report_length, text, length);
  report_length += length;
  report[report_length] = 0;
  return 0;
}

static ptrdiff_t write_report(void) {
  report_length = 0;
  report[0] = 0;
  return ouro_leaks_report(append, NULL);
}

/* Does a line of the report hold all of these words? */
static bool has_line(const char *first, const char *second, const char *third) {
  static char line[4096];
  for (const char *at = report; *at != 0;) {
    size_t length = strcspn(at, "\n");
    snprintf(line, sizeof line, "%.*s", (int)length, at);
    if (strstr(line, first) != NULL && strstr(line, second) != NULL && strstr(line, third) != NULL) {
      return true;
    }
    at += length + (at[length] == '\n');
  }
  return false;
}

static void the_report_counts_what_lives(void **state) {
  (void)state;
  ptrdiff_t before = write_report();
  assert_int_equal(before, test_live());
  cell *ring = cell_ring(&cell_type, 7, 0);
  leaf *lone = leaf_new(0);
  assert_int_equal(write_report(), before + 8);
  assert_true(has_line("7", "cell", ""));
  assert_true(has_line("1", "leaf", ""));
  drop(lone);
  drop(ring);
  ouro_gc_collect(2);
  assert_int_equal(write_report(), before);
  assert_false(has_line("cell", "", ""));
  assert_false(has_line("leaf", "", ""));
}

static void nothing_alive_is_nothing_to_say(void **state) {
  (void)state;
  if (test_live() == 0) {
    assert_int_equal(write_report(), 0);
    assert_int_equal(report_length, 0);
  }
  cell *self = cell_new(0);
  assert_int_equal(write_report(), test_live());
  assert_true(report_length > 0);
  drop(self);
}

static void the_report_says_who_holds_what(void **state) {
  (void)state;
  char address[32];
  cell *holder = cell_new(0);
  ouro_ref held = ouro_new(&lone_type);
  ouro_setref(&holder->a, ouro_borrow(held));
  snprintf(address, sizeof address, "%p", (void *)holder);
  assert_true(write_report() > 0);
  assert_true(has_line("lone", "cell at", address)); /* from the cell at ... */
  assert_true(has_line("lone", "2 references", "1 from no object"));
  ouro_decref(held);
  assert_true(write_report() > 0);
  assert_true(has_line("lone", "1 reference", "cell at"));
  assert_false(has_line("lone", "from no object", ""));
  drop(holder);
}

static void a_forgotten_reference_is_told_from_one_that_an_object_holds(void **state) {
  (void)state;
  cell *forgotten = cell_new(0);
  ouro_incref(forgotten);
  ouro_incref(forgotten);
  assert_true(write_report() > 0);
  assert_true(has_line("cell at", "3 references", "3 from no object"));
  drop(forgotten);
  drop(forgotten);
  drop(forgotten);
}

static void holders_of_every_kind_are_named(void **state) {
  (void)state;
  ouro_ref held = ouro_new(&lone_type);
  list *items = list_new(2);
  cell *acyclic = cell_of(&acyclic_type, 0);
  cell *visited = cell_of(&visited_type, 0);
  list_put(items, 1, ouro_borrow(held));
  ouro_setref(&acyclic->a, ouro_borrow(held));
  ouro_setref(&visited->b, ouro_borrow(held));
  ouro_decref(held);
  assert_true(write_report() > 0);
  assert_true(has_line("lone", "list at", "acyclic at"));
  assert_true(has_line("lone", "visited at", "3 references"));
  drop(items);
  drop(acyclic);
  drop(visited);
}

static void very_many_holders_are_counted(void **state) {
  (void)state;
  ouro_ref held = ouro_new(&lone_type);
  list *holders = list_new(10);
  for (size_t i = 0; i < 10; i++) {
    ouro_movref(&holders->items[i], ouro_adopt(cell_new(0)));
    ouro_setref(&((cell *)list_at(holders, i))->b, ouro_borrow(held));
  }
  ouro_decref(held);
  assert_true(write_report() > 0);
  assert_true(has_line("lone", "10 references", "and 7 more"));
  drop(holders);
}

static void many_leaked_objects_make_a_short_report(void **state) {
  (void)state;
  list *all = list_new(5000);
  for (size_t i = 0; i < 5000; i++) {
    ouro_movref(&all->items[i], ouro_adopt(cell_new(0)));
  }
  assert_true(write_report() >= 5001);
  assert_true(has_line("5000", "cell", ""));
  assert_true(report_length < 8192);
  drop(all);
}

static void an_immortal_is_left_out(void *arg) {
  (void)arg;
  ptrdiff_t before = write_report();
  cell *immortal = cell_new(0);
  TEST_CHECK(ouro_make_immortal(immortal) == OURO_OK);
  TEST_CHECK(write_report() == before);
  ouro_movref(&immortal->a, ouro_new(&lone_type));
  TEST_CHECK(write_report() == before + 1);
  TEST_CHECK(has_line("lone", "1 reference", "cell at"));
}

static void immortal_objects_are_left_out(void **state) {
  (void)state;
  test_result result = test_in_child(an_immortal_is_left_out, NULL, 60);
  TEST_CHILD_PASSED(&result);
}

static int refuse(void *arg, const char *text, size_t length) {
  (void)text;
  (void)length;
  return ++*(int *)arg == 3;
}

static void the_report_stops_when_it_is_told_to(void **state) {
  (void)state;
  cell *self = cell_new(0);
  int calls = 0;
  assert_int_equal(ouro_leaks_report(refuse, &calls), OURO_ESTOP);
  assert_int_equal(calls, 3);
  assert_int_equal(ouro_leaks_report(NULL, NULL), OURO_EINVAL);
  drop(self);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(every_kind_of_object_is_shown),
      OBJECT_TEST(objects_are_shown_once_in_the_order_of_addresses),
      OBJECT_TEST(a_walk_stops_when_it_is_told_to),
      OBJECT_TEST(a_finalizer_may_walk),
      OBJECT_TEST(what_is_shown_while_garbage_is_taken_apart_is_whole),
      OBJECT_TEST(types_are_counted_with_their_bytes),
      OBJECT_TEST(generations_are_counted),
      OBJECT_TEST(types_come_with_most_bytes_first_into_the_room_there_is),
      OBJECT_TEST(very_many_types_are_told_apart),
      OBJECT_TEST(the_report_counts_what_lives),
      OBJECT_TEST(nothing_alive_is_nothing_to_say),
      OBJECT_TEST(the_report_says_who_holds_what),
      OBJECT_TEST(a_forgotten_reference_is_told_from_one_that_an_object_holds),
      OBJECT_TEST(holders_of_every_kind_are_named),
      OBJECT_TEST(very_many_holders_are_counted),
      OBJECT_TEST(many_leaked_objects_make_a_short_report),
      OBJECT_TEST(immortal_objects_are_left_out),
      OBJECT_TEST(the_report_stops_when_it_is_told_to),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
