/* tests/gc/test_callbacks.c - what a collection tells: functions called before and after it, what the debug flags say and to
 * whom, and the garbage list of what could not be freed, or should not be.
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka. */
#include "object/objects.h"

/* ---------------------------------------------------------------- callbacks */

enum { VISITS = 64 };
typedef struct visit {
  size_t who;
  ouro_gc_info info;
} visit;
static visit visits[VISITS];
static size_t visit_count;

static void record(const ouro_gc_info *info, void *arg) {
  TEST_CHECK(visit_count < VISITS);
  visits[visit_count++] = (visit){(size_t)arg, *info};
}

static void add(ouro_gc_fn fn, void *arg) { assert_int_equal(ouro_gc_callback_add(fn, arg), OURO_OK); }
static void take_away(ouro_gc_fn fn, void *arg) { assert_int_equal(ouro_gc_callback_remove(fn, arg), OURO_OK); }

static void each_callback_is_called_before_and_after(void **state) {
  (void)state;
  visit_count = 0;
  add(record, (void *)1);
  add(record, (void *)2);
  ouro_gc_collect(2);
  assert_int_equal(visit_count, 4);
  static const size_t order[] = {1, 2, 1, 2};
  for (size_t i = 0; i < 4; i++) {
    assert_int_equal(visits[i].who, order[i]);
    assert_int_equal(visits[i].info.stop, i >= 2);
    assert_int_equal(visits[i].info.generation, 2);
    assert_int_equal(visits[i].info.collected, 0);
    assert_int_equal(visits[i].info.uncollectable, 0);
    assert_true(i >= 2 || (visits[i].info.candidates == 0 && visits[i].info.duration_ns == 0));
  }
  take_away(record, (void *)1);
  ouro_gc_collect(0);
  assert_int_equal(visit_count, 6);
  assert_int_equal(visits[4].who, 2);
  assert_int_equal(visits[5].who, 2);
  take_away(record, (void *)2);
  ouro_gc_collect(2);
  assert_int_equal(visit_count, 6);
}

static void callbacks_are_told_the_generation(void **state) {
  (void)state;
  add(record, NULL);
  for (int generation = 0; generation < 3; generation++) {
    visit_count = 0;
    ouro_gc_collect(generation);
    assert_int_equal(visit_count, 2);
    assert_int_equal(visits[0].info.generation, generation);
    assert_int_equal(visits[1].info.generation, generation);
  }
  take_away(record, NULL);
}

static void callbacks_are_told_what_was_found(void **state) {
  (void)state;
  visit_count = 0;
  add(record, NULL);
  cell *stuck = cell_ring(&stuck_type, 2, 0);
  cell *more = cell_ring(&stuck_type, 2, 0);
  drop(stuck);
  drop(more);
  drop(cell_ring(&cell_type, 1, 0));
  assert_int_equal(ouro_gc_collect(2), 5);
  assert_int_equal(visit_count, 2);
  assert_false(visits[0].info.stop);
  assert_true(visits[1].info.stop);
  assert_int_equal(visits[1].info.collected, 1);
  assert_int_equal(visits[1].info.uncollectable, 4);
  assert_true(visits[1].info.candidates >= 5);
  assert_true(visits[1].info.duration_ns > 0);
  assert_int_equal(ouro_gc_garbage_count(), 4);
  for (size_t i = 0; i < 4; i++) {
    assert_true(ouro_is_instance(ouro_gc_garbage_at(i), &stuck_type));
  }
  ouro_clear(&stuck->a);
  ouro_clear(&more->a);
  ouro_gc_garbage_clear();
  visit_count = 0;
  assert_int_equal(ouro_gc_collect(2), 0);
  assert_int_equal(visits[1].info.uncollectable, 0);
  take_away(record, NULL);
}

static void break_the_garbage(const ouro_gc_info *info, void *arg) {
  (void)arg;
  if (!info->stop) {
    return;
  }
  for (size_t i = 0; i < ouro_gc_garbage_count(); i++) {
    ouro_clear(&((cell *)ouro_gc_garbage_at(i))->a);
  }
  ouro_gc_garbage_clear();
}

static void a_callback_may_clean_the_garbage_up(void **state) {
  (void)state;
  add(break_the_garbage, NULL);
  drop(cell_ring(&stuck_type, 2, 1));
  assert_int_equal(ouro_gc_collect(2), 2);
  assert_int_equal(ouro_gc_garbage_count(), 0);
  assert_string_equal(test_log_sorted(), "-1 -2");
  take_away(break_the_garbage, NULL);
}

static void collect_within(const ouro_gc_info *info, void *arg) {
  (void)arg;
  test_note("%s%td", info->stop ? "stop" : "start", ouro_gc_collect(2));
}

static void a_callback_is_within_the_collection(void **state) {
  (void)state;
  add(collect_within, NULL);
  drop(cell_ring(&cell_type, 3, 0));
  assert_int_equal(ouro_gc_collect(2), 3);
  assert_string_equal(test_log(), "start0 stop0");
  take_away(collect_within, NULL);
}

static void make_garbage(const ouro_gc_info *info, void *arg) {
  (void)info;
  drop(cell_ring(&cell_type, 2, *(int *)arg));
}

static void a_callback_may_make_and_drop_objects(void **state) {
  (void)state;
  int number = 1;
  add(make_garbage, &number);
  assert_int_equal(ouro_gc_collect(2), 2); /* what the first call made was there in time */
  assert_string_equal(test_log_sorted(), "-1 -2");
  take_away(make_garbage, &number);
  assert_int_equal(ouro_gc_collect(2), 2);
  assert_string_equal(test_log_sorted(), "-1 -2");
}

static void remove_itself(const ouro_gc_info *info, void *arg) {
  (void)info;
  test_note("%zu", (size_t)arg);
  TEST_CHECK(ouro_gc_callback_remove(remove_itself, arg) == OURO_OK);
}

static void callbacks_may_remove_themselves(void **state) {
  (void)state;
  for (size_t i = 1; i <= 4; i++) {
    add(remove_itself, (void *)i);
  }
  ouro_gc_collect(2);
  assert_string_equal(test_log(), "1 2 3 4");
  ouro_gc_collect(2);
  assert_string_equal(test_log(), "");
}

static void wrong_callbacks_are_refused(void **state) {
  (void)state;
  assert_int_equal(ouro_gc_callback_add(NULL, NULL), OURO_EINVAL);
  assert_int_equal(ouro_gc_callback_remove(NULL, NULL), OURO_EINVAL);
  assert_int_equal(ouro_gc_callback_remove(record, NULL), OURO_EINVAL);
  add(record, (void *)1);
  assert_int_equal(ouro_gc_callback_remove(record, (void *)2), OURO_EINVAL);
  take_away(record, (void *)1);
  assert_int_equal(ouro_gc_callback_remove(record, (void *)1), OURO_EINVAL);
}

static void the_same_callback_may_be_there_twice(void **state) {
  (void)state;
  visit_count = 0;
  add(record, (void *)7);
  add(record, (void *)7);
  ouro_gc_collect(0);
  assert_int_equal(visit_count, 4);
  take_away(record, (void *)7);
  ouro_gc_collect(0);
  assert_int_equal(visit_count, 6);
  take_away(record, (void *)7);
}

static void collections_at_safepoints_call_too(void **state) {
  (void)state;
  static const int often[OURO_GENERATIONS] = {1, 1000, 1000};
  visit_count = 0;
  add(record, NULL);
  assert_int_equal(ouro_gc_set_threshold(often), OURO_OK);
  list *kept = list_new(2);
  list *more = list_new(2);
  ouro_safepoint();
  assert_int_equal(visit_count, 2);
  assert_int_equal(visits[1].info.candidates, 2);
  take_away(record, NULL);
  drop(kept);
  drop(more);
}

/* ---------------------------------------------------------------- debug flags */

static char said[1 << 14];
static size_t said_length;

static void hear(void *arg, const char *text, size_t length) {
  TEST_CHECK(arg == said);
  TEST_CHECK(said_length + length < sizeof said);
  memcpy(said + said_length, text, length);
  said_length += length;
  said[said_length] = 0;
}

static const char *what_is_said(unsigned flags) {
  said_length = 0;
  said[0] = 0;
  ouro_gc_set_debug_writer(hear, said);
  TEST_CHECK(ouro_gc_set_debug(flags) == OURO_OK);
  ouro_gc_collect(2);
  TEST_CHECK(ouro_gc_set_debug(0) == OURO_OK);
  ouro_gc_set_debug_writer(NULL, NULL);
  return said;
}

static size_t lines_with(const char *text, const char *part) {
  size_t count = 0;
  for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part)) {
    count++;
  }
  return count;
}

static void flags_are_read_back_and_unknown_ones_refused(void **state) {
  (void)state;
  assert_int_equal(ouro_gc_get_debug(), 0);
  assert_int_equal(ouro_gc_set_debug(OURO_GC_DEBUG_STATS | OURO_GC_DEBUG_SAVEALL), OURO_OK);
  assert_int_equal(ouro_gc_get_debug(), 33);
  assert_int_equal(ouro_gc_set_debug(8), OURO_EINVAL);
  assert_int_equal(ouro_gc_set_debug(16), OURO_EINVAL);
  assert_int_equal(ouro_gc_set_debug(64), OURO_EINVAL);
  assert_int_equal(ouro_gc_set_debug(1u << 31), OURO_EINVAL);
  assert_int_equal(ouro_gc_get_debug(), 33);
  assert_int_equal(ouro_gc_set_debug(0), OURO_OK);
  assert_int_equal(OURO_GC_DEBUG_LEAK, OURO_GC_DEBUG_COLLECTABLE | OURO_GC_DEBUG_UNCOLLECTABLE | OURO_GC_DEBUG_SAVEALL);
}

static void nothing_is_said_without_flags(void **state) {
  (void)state;
  drop(cell_ring(&cell_type, 3, 0));
  cell *stuck = cell_ring(&stuck_type, 1, 0);
  drop(stuck);
  assert_string_equal(what_is_said(0), "");
  ouro_clear(&stuck->a);
  ouro_gc_garbage_clear();
}

static void statistics_of_each_collection_are_said(void **state) {
  (void)state;
  drop(cell_ring(&cell_type, 17, 0));
  const char *text = what_is_said(OURO_GC_DEBUG_STATS);
  assert_int_equal(lines_with(text, "\n"), 1);
  assert_non_null(strstr(text, "generation 2"));
  assert_non_null(strstr(text, "17 garbage"));
  assert_non_null(strstr(text, "0 uncollectable"));
}

static void collectable_objects_are_named(void **state) {
  (void)state;
  char name[64];
  cell *ring = cell_ring(&final_type, 2, 0);
  snprintf(name, sizeof name, "collectable <final %p>", (void *)ring);
  drop(ring);
  cell *alive = cell_ring(&visited_type, 2, 0);
  const char *text = what_is_said(OURO_GC_DEBUG_COLLECTABLE);
  assert_non_null(strstr(text, name));
  assert_int_equal(lines_with(text, "<final "), 2);
  assert_int_equal(lines_with(text, "<visited "), 0);
  assert_int_equal(lines_with(text, "\n"), 2);
  drop(alive);
  ouro_gc_collect(2);
}

static void uncollectable_objects_are_named(void **state) {
  (void)state;
  char name[64];
  cell *stuck = cell_ring(&stuck_type, 1, 0);
  snprintf(name, sizeof name, "uncollectable <stuck %p>", (void *)stuck);
  drop(stuck);
  drop(cell_ring(&cell_type, 2, 0));
  const char *text = what_is_said(OURO_GC_DEBUG_UNCOLLECTABLE);
  assert_non_null(strstr(text, name));
  assert_int_equal(lines_with(text, "\n"), 1);
  ouro_clear(&stuck->a);
  ouro_gc_garbage_clear();
}

static void say_to_file_descriptor_2(void *arg) {
  (void)arg;
  TEST_CHECK(ouro_gc_set_debug(OURO_GC_DEBUG_STATS | OURO_GC_DEBUG_COLLECTABLE) == OURO_OK);
  drop(cell_ring(&cell_type, 3, 0));
  ouro_gc_collect(0);
}

static void without_a_writer_it_is_said_to_file_descriptor_2(void **state) {
  (void)state;
  test_result result = test_in_child(say_to_file_descriptor_2, NULL, 60);
  TEST_CHILD_PASSED(&result);
  assert_int_equal(lines_with(result.output, "<cell "), 3);
  assert_non_null(strstr(result.output, "generation 0"));
}

/* ---------------------------------------------------------------- the garbage list */

static void all_garbage_is_saved_where_that_is_wanted(void **state) {
  (void)state;
  list *self = list_new(1);
  list_put(self, 0, self);
  assert_int_equal(ouro_gc_set_debug(OURO_GC_DEBUG_SAVEALL), OURO_OK);
  drop(self);
  assert_int_equal(ouro_gc_collect(2), 1);
  assert_int_equal(ouro_gc_set_debug(0), OURO_OK);
  assert_int_equal(ouro_gc_garbage_count(), 1);
  assert_ptr_equal(ouro_gc_garbage_at(0), self);
  assert_null(ouro_gc_garbage_at(1));
  assert_null(ouro_gc_garbage_at(SIZE_MAX));
  assert_ptr_equal(list_at(self, 0), self); /* whole */
  assert_int_equal(ouro_refcount(self), 2); /* its own, and the list's */
  OBJECTS_ARE_SOUND();
  ouro_gc_garbage_clear();
  assert_int_equal(ouro_gc_garbage_count(), 0);
  assert_int_equal(ouro_gc_collect(2), 1);
}

static void saved_garbage_has_been_finalized(void **state) {
  (void)state;
  cell *ring = cell_ring(&final_type, 3, 1);
  ouro_weak *weak = weak_noting(ring, "died");
  assert_int_equal(ouro_gc_set_debug(OURO_GC_DEBUG_SAVEALL), OURO_OK);
  drop(ring);
  assert_int_equal(ouro_gc_collect(2), 3);
  assert_int_equal(ouro_gc_set_debug(0), OURO_OK);
  assert_string_equal(test_log_sorted(), "died ~1 ~2 ~3");
  assert_int_equal(ouro_gc_garbage_count(), 3);
  assert_true(weak_is(weak, NULL));
  ouro_gc_garbage_clear();
  assert_int_equal(ouro_gc_collect(2), 3);
  assert_string_equal(test_log_sorted(), "-1 -2 -3");
  drop(weak);
}

static void leak_is_all_but_the_statistics(void **state) {
  (void)state;
  drop(cell_ring(&cell_type, 2, 0));
  const char *text = what_is_said(OURO_GC_DEBUG_LEAK);
  assert_int_equal(lines_with(text, "<cell "), 2);
  assert_null(strstr(text, "generation"));
  assert_int_equal(ouro_gc_garbage_count(), 2);
  ouro_gc_garbage_clear();
  assert_int_equal(ouro_gc_collect(2), 2);
}

static void what_cannot_be_collected_is_listed_beside_what_can(void **state) {
  (void)state;
  cell *stuck = cell_ring(&stuck_type, 1, 1);
  drop(stuck);
  drop(cell_ring(&cell_type, 1, 2));
  assert_true(ouro_gc_collect(2) != 0);
  assert_int_equal(ouro_gc_garbage_count(), 1);
  assert_ptr_equal(ouro_gc_garbage_at(0), stuck);
  assert_string_equal(test_log(), "-2");
  assert_int_equal(ouro_gc_collect(2), 0); /* held by the list, it is no garbage */
  ouro_clear(&stuck->a);
  ouro_gc_garbage_clear();
  assert_string_equal(test_log(), "-1");
}

static void garbage_that_is_cleared_without_being_broken_comes_again(void **state) {
  (void)state;
  cell *stuck = cell_ring(&stuck_type, 1, 1);
  drop(stuck);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(ouro_gc_collect(2), 1);
    assert_int_equal(ouro_gc_garbage_count(), 1);
    ouro_gc_garbage_clear();
    assert_int_equal(ouro_gc_garbage_count(), 0);
    assert_true(test_is_live(stuck));
  }
  ouro_incref(stuck);
  ouro_clear(&stuck->a);
  drop(stuck);
  assert_string_equal(test_log(), "-1");
}

static void very_much_garbage_is_listed(void **state) {
  (void)state;
  enum { MANY = 5000 };
  size_t live = test_live();
  for (int i = 0; i < MANY; i++) {
    drop(cell_ring(&stuck_type, 1, 0));
  }
  assert_int_equal(ouro_gc_collect(2), MANY);
  assert_int_equal(ouro_gc_garbage_count(), MANY);
  for (size_t i = 0; i < MANY; i++) {
    ouro_clear(&((cell *)ouro_gc_garbage_at(i))->a);
  }
  ouro_gc_garbage_clear();
  assert_int_equal(test_live(), live);
}

static void collect_more(cell *self) {
  (void)self;
  drop(cell_ring(&stuck_type, 1, 0));
  ouro_gc_collect(2);
}

static void releasing_the_garbage_may_list_more(void **state) {
  (void)state;
  cell *stuck = cell_ring(&stuck_final_type, 1, 0);
  stuck->finalizing = collect_more;
  drop(stuck);
  ouro_gc_collect(2);
  ouro_clear(&stuck->a);
  ouro_gc_garbage_clear();
  assert_int_equal(ouro_gc_garbage_count(), 1);
  ouro_clear(&((cell *)ouro_gc_garbage_at(0))->a);
  ouro_gc_garbage_clear();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(each_callback_is_called_before_and_after),
      OBJECT_TEST(callbacks_are_told_the_generation),
      OBJECT_TEST(callbacks_are_told_what_was_found),
      OBJECT_TEST(a_callback_may_clean_the_garbage_up),
      OBJECT_TEST(a_callback_is_within_the_collection),
      OBJECT_TEST(a_callback_may_make_and_drop_objects),
      OBJECT_TEST(callbacks_may_remove_themselves),
      OBJECT_TEST(wrong_callbacks_are_refused),
      OBJECT_TEST(the_same_callback_may_be_there_twice),
      OBJECT_TEST(collections_at_safepoints_call_too),
      OBJECT_TEST(flags_are_read_back_and_unknown_ones_refused),
      OBJECT_TEST(nothing_is_said_without_flags),
      OBJECT_TEST(statistics_of_each_collection_are_said),
      OBJECT_TEST(collectable_objects_are_named),
      OBJECT_TEST(uncollectable_objects_are_named),
      OBJECT_TEST(without_a_writer_it_is_said_to_file_descriptor_2),
      OBJECT_TEST(all_garbage_is_saved_where_that_is_wanted),
      OBJECT_TEST(saved_garbage_has_been_finalized),
      OBJECT_TEST(leak_is_all_but_the_statistics),
      OBJECT_TEST(what_cannot_be_collected_is_listed_beside_what_can),
      OBJECT_TEST(garbage_that_is_cleared_without_being_broken_comes_again),
      OBJECT_TEST(very_much_garbage_is_listed),
      OBJECT_TEST(releasing_the_garbage_may_list_more),
  };
  test_objects_without_stress();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
