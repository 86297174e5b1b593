/* tests/object/test_threads.c - objects are for every thread; and under OURO_CONF=threads:1 for one at a time: another is refused, in words
 * or by the fatal handler, and takes them over when that one has ended.
 *
 * usage: test_object_threads           all cases
 *        test_object_threads SCENARIO  one of them, in this process: each has one of its own, whose OURO_CONF is read at its beginning
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka, threads. */
#include "object/objects.h"

#include <errno.h>
#include <pthread.h>

static cell *shared;

static void in_a_thread(void *(*body)(void *arg), void *arg) {
  pthread_t thread;
  TEST_CHECK(pthread_create(&thread, NULL, body, arg) == 0);
  ouro_blocking_begin();
  TEST_CHECK(pthread_join(thread, NULL) == 0);
  ouro_blocking_end();
}

/* ---------------------------------------------------------------- another thread is refused */

#define IS_REFUSED(expression)                                                                                         \
  do {                                                                                                                 \
    errno = 0;                                                                                                         \
    TEST_CHECK(ouro_borrow(expression) == NULL && errno == EPERM);                                                     \
  } while (0)

static void note_nothing(ouro_weak *weak, void *data, void *held) {
  (void)weak;
  (void)data;
  (void)held;
}

static void run_nothing(void *data, void *held) {
  (void)data;
  (void)held;
}

static void *try_to_make(void *arg) {
  (void)arg;
  ouro_type description = {.name = "made", .size = 32};
  IS_REFUSED(ouro_new(&cell_type));
  IS_REFUSED(ouro_new(&leaf_type));
  IS_REFUSED(ouro_new_var(&list_type, 3));
  IS_REFUSED(ouro_new_extra(&cell_type, 0, 16));
  IS_REFUSED(ouro_adopt(ouro_type_new(&description)));
  IS_REFUSED(ouro_weak_new(shared));
  IS_REFUSED(ouro_weak_new_callback(shared, note_nothing, NULL, NULL));
  IS_REFUSED(ouro_finalize(shared, run_nothing, NULL, NULL));
  IS_REFUSED(ouro_weak_keys_new());
  IS_REFUSED(ouro_weak_values_new());
  IS_REFUSED(ouro_weak_set_new());
  return NULL;
}

static void make_in_another_thread(void *arg) {
  (void)arg;
  shared = cell_new(0);
  in_a_thread(try_to_make, NULL);
  TEST_CHECK(ouro_refcount(shared) == 1 && ouro_weak_count(shared) == 0);
  OBJECTS_ARE_SOUND();
  drop(shared);
}

static void *take(void *arg) {
  ouro_incref(arg);
  return NULL;
}

static void *release(void *arg) {
  drop(arg);
  return NULL;
}

static void *store(void *arg) {
  ouro_ref slot = OURO_NULL;
  ouro_setref(&slot, arg);
  return NULL;
}

static void take_elsewhere(void *arg) { in_a_thread((void *(*)(void *))arg, shared); }

static void count_in_another_thread(void *arg) {
  (void)arg;
  void *(*const bodies[])(void *) = {take, release, store};
  shared = cell_new(0);
  for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
    char name[TEST_TYPE_NAME];
    TEST_CHECK(test_fatal_code(take_elsewhere, (void *)bodies[i], name) == OURO_FATAL_WRONG_THREAD);
    TEST_CHECK(strcmp(name, "cell") == 0);
  }
  drop(shared);
}

static int visit_nothing(void *object, void *arg) {
  (void)object;
  (void)arg;
  TEST_CHECK(false);
  return 1;
}

static int write_nothing(void *arg, const char *text, size_t length) {
  (void)text;
  (void)length;
  return visit_nothing(NULL, arg);
}

static void hear_nothing(const ouro_gc_info *info, void *arg) {
  (void)info;
  visit_nothing(NULL, arg);
}

/* Every function that looks at objects, or sets the collector. */
static void *try_all_else(void *arg) {
  static const int threshold[OURO_GENERATIONS] = {1, 1, 1};
  void *objects[] = {shared};
  ouro_type_stats stats[4];
  (void)arg;
  TEST_CHECK(ouro_gc_collect(2) == OURO_EPERM);
  TEST_CHECK(ouro_gc_set_threshold(threshold) == OURO_EPERM);
  TEST_CHECK(ouro_gc_get_objects(-1, visit_nothing, NULL) == OURO_EPERM);
  TEST_CHECK(ouro_gc_get_referrers(objects, 1, visit_nothing, NULL) == OURO_EPERM);
  TEST_CHECK(ouro_gc_get_referents(objects, 1, visit_nothing, NULL) == OURO_EPERM);
  TEST_CHECK(ouro_gc_track(shared) == OURO_EPERM);
  TEST_CHECK(ouro_gc_callback_add(hear_nothing, NULL) == OURO_EPERM);
  TEST_CHECK(ouro_each_object(visit_nothing, NULL) == OURO_EPERM);
  TEST_CHECK(ouro_leaks_report(write_nothing, NULL) == OURO_EPERM);
  TEST_CHECK(ouro_type_stats_get(stats, 4) == 0);
  TEST_CHECK(ouro_gc_verify(NULL, 0) != 0);
  ouro_gc_untrack(shared);
  ouro_gc_freeze();
  ouro_gc_disable();
  ouro_gc_set_stress(1);
  ouro_gc_garbage_clear();
  for (int i = 0; i < 100; i++) {
    ouro_safepoint();
  }
  return NULL;
}

static void look_from_another_thread(void *arg) {
  (void)arg;
  shared = cell_new(0);
  cell *stuck = cell_ring(&stuck_type, 1, 0);
  drop(stuck);
  TEST_CHECK(ouro_gc_collect(2) == 1);
  drop(cell_ring(&cell_type, 3, 1));
  ouro_gc_stats before = gc_stats_of(2);
  in_a_thread(try_all_else, NULL);
  int threshold[OURO_GENERATIONS];
  ouro_gc_get_threshold(threshold);
  TEST_CHECK(threshold[0] == 2000 && ouro_gc_is_enabled());
  TEST_CHECK(ouro_gc_is_tracked(shared) && ouro_gc_get_freeze_count() == 0 && ouro_gc_garbage_count() == 1);
  ouro_safepoint();
  TEST_CHECK(gc_stats_of(2).collections == before.collections);
  TEST_CHECK(strcmp(test_log(), "") == 0);
  TEST_CHECK(ouro_gc_collect(2) == 3);
  OBJECTS_ARE_SOUND();
}

static void *count_immortal(void *arg) {
  for (int i = 0; i < 1000; i++) {
    ouro_incref(arg);
    drop(arg);
    drop(arg);
  }
  return NULL;
}

static void share_an_immortal(void *arg) {
  (void)arg;
  shared = cell_new(0);
  TEST_CHECK(ouro_make_immortal(shared) == OURO_OK);
  in_a_thread(count_immortal, shared);
  TEST_CHECK(ouro_is_immortal(shared));
}

/* ---------------------------------------------------------------- the next owner */

static void *make_and_leave(void *arg) {
  (void)arg;
  shared = cell_new(1);
  ouro_movref(&shared->a, ouro_adopt(cell_ring(&cell_type, 3, 10)));
  drop(cell_ring(&cell_type, 2, 20));
  return NULL;
}

static void take_over(void *arg) {
  (void)arg;
  in_a_thread(make_and_leave, NULL);
  cell *mine = cell_new(2); /* from now on all of them are this thread's */
  ouro_setref(&mine->a, shared);
  TEST_CHECK(ouro_refcount(shared) == 2);
  OBJECTS_ARE_SOUND();
  TEST_CHECK(ouro_gc_collect(2) == 2);
  TEST_CHECK(strcmp(test_log_sorted(), "-20 -21") == 0);
  drop(mine);
  drop(shared);
  TEST_CHECK(strcmp(test_log(), "-2 -1") == 0);
  TEST_CHECK(ouro_gc_collect(2) == 3);
  TEST_CHECK(test_live() == 0);
}

static void take_over_by_counting(void *arg) {
  (void)arg;
  in_a_thread(make_and_leave, NULL);
  ouro_clear(&shared->a);
  drop(shared); /* no object was made here: that is enough */
  TEST_CHECK(ouro_gc_collect(2) == 5);
  TEST_CHECK(test_live() == 0);
}

static void *make_some(void *arg) {
  size_t number = (size_t)arg;
  size_t live = test_live();
  cell *ring = cell_ring(&final_type, 10, 0);
  ouro_weak *weak = weak_noting(ring, "died");
  TEST_CHECK(test_live() == live + 11);
  drop(weak);
  drop(ring);
  if (number % 2 == 0) {
    TEST_CHECK((size_t)ouro_gc_collect(2) >= 10);
    TEST_CHECK(test_live() == 0);
  }
  return NULL;
}

static void one_after_the_other(void *arg) {
  (void)arg;
  for (size_t i = 1; i <= 500; i++) {
    in_a_thread(make_some, (void *)i);
    TEST_CHECK(test_live() == (i % 2 == 0 ? 0 : 10));
    TEST_CHECK(ouro_thread_detach() == OURO_OK); /* looking has attached this one */
  }
  OBJECTS_ARE_SOUND();
  TEST_HEAP_IS_SOUND();
}

/* What a thread's own destructors release, when it ends. */
static pthread_key_t key;

static void release_at_end(void *object) {
  drop(object);
  drop(cell_new(5)); /* it may even make something */
}

static void *leave_with_an_object(void *arg) {
  (void)arg;
  TEST_CHECK(pthread_setspecific(key, cell_new(4)) == 0);
  return NULL;
}

static void release_in_destructors(void *arg) {
  (void)arg;
  TEST_CHECK(pthread_key_create(&key, release_at_end) == 0);
  in_a_thread(leave_with_an_object, NULL);
  TEST_CHECK(strcmp(test_log(), "-4 -5") == 0);
  drop(cell_new(6));
  TEST_CHECK(strcmp(test_log(), "-6") == 0);
  TEST_CHECK(test_live() == 0);
}

/* ---------------------------------------------------------------- without threads:1 */

static void *use_all(void *arg) {
  ouro_type description = {.name = "made", .size = 32};
  void *const made[] = {ouro_borrow(ouro_new(&cell_type)),      ouro_borrow(ouro_new_var(&list_type, 3)),
                        ouro_borrow(ouro_weak_new(shared)),     ouro_borrow(ouro_weak_new_callback(shared, note_nothing, NULL, NULL)),
                        ouro_borrow(ouro_weak_keys_new()),      ouro_borrow(ouro_weak_values_new()),
                        ouro_borrow(ouro_weak_set_new()),       ouro_borrow(ouro_finalize(shared, run_nothing, NULL, NULL))};
  ouro_type *type = ouro_type_new(&description);
  TEST_CHECK(arg == NULL && type != NULL && ouro_weak_count(shared) == 3);
  ouro_finalizer_detach(made[7]);
  for (size_t i = 0; i < sizeof made / sizeof made[0]; i++) {
    TEST_CHECK(made[i] != NULL);
    drop(made[i]);
  }
  ouro_type_release(type);
  take(shared);
  store(shared);
  release(shared);
  release(shared);
  TEST_CHECK(ouro_gc_collect(2) == 3);
  OBJECTS_ARE_SOUND();
  return NULL;
}

static void use_from_another_thread(void *arg) {
  (void)arg;
  shared = cell_new(0);
  drop(cell_ring(&cell_type, 3, 1));
  in_a_thread(use_all, NULL);
  TEST_CHECK(strcmp(test_log_sorted(), "-1 -2 -3") == 0);
  TEST_CHECK(ouro_refcount(shared) == 1 && ouro_weak_count(shared) == 0);
  drop(shared);
  TEST_CHECK(test_live() == 0);
}

/* ---------------------------------------------------------------- scenarios */

#define ONE "threads:1"
static const struct {
  const char *name, *conf;
  void (*body)(void *arg);
} scenarios[] = {
    {"another_makes_nothing", ONE, make_in_another_thread},
    {"another_counts_nothing", ONE, count_in_another_thread},
    {"another_looks_at_nothing_and_sets_nothing", ONE, look_from_another_thread},
    {"an_immortal_object_is_for_all", ONE, share_an_immortal},
    {"an_immortal_object_is_for_all_of_many", NULL, share_an_immortal},
    {"the_next_takes_over", ONE, take_over},
    {"the_next_takes_over_of_many", NULL, take_over},
    {"counting_takes_over", ONE, take_over_by_counting},
    {"counting_takes_over_of_many", NULL, take_over_by_counting},
    {"very_many_in_turn", ONE, one_after_the_other},
    {"very_many_in_turn_of_many", NULL, one_after_the_other},
    {"destructors_release", ONE, release_in_destructors},
    {"destructors_release_of_many", NULL, release_in_destructors},
    {"another_uses_all", NULL, use_from_another_thread},
};
enum { SCENARIOS = sizeof scenarios / sizeof scenarios[0] };

static int run_scenario(const char *name) {
  for (size_t i = 0; i < SCENARIOS; i++) {
    if (strcmp(scenarios[i].name, name) == 0) {
      scenarios[i].body(NULL);
      return 0;
    }
  }
  return 2;
}

static void run_apart(const char *name) {
  for (size_t i = 0; i < SCENARIOS; i++) {
    if (strcmp(scenarios[i].name, name) == 0) {
      test_result result = test_run_self(name, scenarios[i].conf, 240);
      TEST_CHILD_PASSED(&result);
      return;
    }
  }
  fail_msg("no scenario is called %s", name);
}

#define CASE(name, scenario)                                                                                           \
  static void name(void **state) {                                                                                     \
    (void)state;                                                                                                       \
    run_apart(scenario);                                                                                               \
  }
#define CASE_OF_BOTH(name, scenario)                                                                                   \
  static void name(void **state) {                                                                                     \
    (void)state;                                                                                                       \
    run_apart(scenario);                                                                                               \
    run_apart(scenario "_of_many");                                                                                    \
  }

CASE(another_thread_makes_nothing, "another_makes_nothing")
CASE(another_thread_counts_nothing, "another_counts_nothing")
CASE(another_thread_looks_at_nothing_and_sets_nothing, "another_looks_at_nothing_and_sets_nothing")
CASE_OF_BOTH(an_immortal_object_is_for_every_thread, "an_immortal_object_is_for_all")
CASE_OF_BOTH(the_next_thread_takes_the_objects_over, "the_next_takes_over")
CASE_OF_BOTH(counting_takes_them_over_as_well, "counting_takes_over")
CASE_OF_BOTH(very_many_threads_own_them_in_turn, "very_many_in_turn")
CASE_OF_BOTH(a_threads_destructors_may_release_objects, "destructors_release")
CASE(without_the_promise_another_thread_uses_all, "another_uses_all")

int main(int argc, char **argv) {
  if (argc > 1) {
    return run_scenario(argv[1]);
  }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_next_thread_takes_the_objects_over),
      cmocka_unit_test(counting_takes_them_over_as_well),
      cmocka_unit_test(very_many_threads_own_them_in_turn),
      cmocka_unit_test(a_threads_destructors_may_release_objects),
      cmocka_unit_test(another_thread_makes_nothing),
      cmocka_unit_test(another_thread_counts_nothing),
      cmocka_unit_test(another_thread_looks_at_nothing_and_sets_nothing),
      cmocka_unit_test(an_immortal_object_is_for_every_thread),
      cmocka_unit_test(without_the_promise_another_thread_uses_all),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
