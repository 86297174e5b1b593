/* tests/values/test_finalizers.c - finalizers of others: each runs once, when its object dies or when the program ends, in
 * order; and what it holds goes when it has run.
 *
 * usage: test_values_finalizers CASE: what a case does in a program of its own, and then exits.
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka. */
#include "values/tables.h"

#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>

/* Notes its word. */
static void note(void *data, void *held) {
  (void)held;
  test_note("%s", (const char *)data);
}

static ouro_finalizer *finalize(void *object, const char *word, void *held) {
  ouro_finalizer *made = ouro_borrow(ouro_finalize(object, note, (void *)(uintptr_t)word, held));
  TEST_CHECK(made != NULL);
  return made;
}

/* One that nobody but the library keeps. */
static void finalize_and_forget(void *object, const char *word) { drop(finalize(object, word, NULL)); }

/* ---------------------------------------------------------------- once */

static void it_runs_when_its_object_dies(void **state) {
  (void)state;
  cell *object = cell_new(1);
  ouro_finalizer *it = finalize(object, "gone", NULL);
  assert_int_equal(ouro_refcount(object), 1);
  assert_true(ouro_finalizer_is_alive(it) && ouro_finalizer_atexit(it));
  ouro_ref peeked = ouro_finalizer_peek(it);
  assert_ptr_equal(ouro_borrow(peeked), object);
  ouro_xdecref(peeked);
  assert_string_equal(test_log(), "");
  drop(object);
  assert_string_equal(test_log(), "gone -1");
  assert_false(ouro_finalizer_is_alive(it) || ouro_finalizer_atexit(it));
  assert_null(ouro_borrow(ouro_finalizer_peek(it)));
  assert_false(ouro_finalizer_call(it) || ouro_finalizer_detach(it));
  drop(it);
}

static void it_runs_when_called_and_then_no_more(void **state) {
  (void)state;
  cell *object = cell_new(1);
  ouro_finalizer *it = finalize(object, "called", NULL);
  assert_true(ouro_finalizer_call(it));
  assert_string_equal(test_log(), "called");
  assert_false(ouro_finalizer_call(it) || ouro_finalizer_is_alive(it));
  assert_int_equal(ouro_weak_count(object), 0);
  drop(object);
  assert_string_equal(test_log(), "-1");
  drop(it);
}

static void detached_it_never_runs(void **state) {
  (void)state;
  cell *object = cell_new(1);
  cell *held = cell_new(2);
  ouro_finalizer *it = finalize(object, "never", held);
  drop(held);
  assert_true(ouro_finalizer_detach(it));
  assert_string_equal(test_log(), "-2");
  assert_false(ouro_finalizer_detach(it) || ouro_finalizer_call(it) || ouro_finalizer_is_alive(it));
  drop(object);
  assert_string_equal(test_log(), "-1");
  drop(it);
}

static void it_needs_an_object_and_a_function(void **state) {
  (void)state;
  cell *object = cell_new(1);
  errno = 0;
  assert_null(ouro_borrow(ouro_finalize(NULL, note, NULL, NULL)));
  assert_int_equal(errno, EINVAL);
  errno = 0;
  assert_null(ouro_borrow(ouro_finalize(object, NULL, NULL, NULL)));
  assert_int_equal(errno, EINVAL);
  assert_false(ouro_finalizer_is_alive(NULL) || ouro_finalizer_call(NULL) || ouro_finalizer_detach(NULL));
  assert_false(ouro_finalizer_atexit(NULL));
  assert_null(ouro_borrow(ouro_finalizer_peek(NULL)));
  ouro_finalizer_set_atexit(NULL, true);
  drop(object);
  test_log();
}

static void nobody_has_to_keep_it(void **state) {
  (void)state;
  cell *object = cell_new(1);
  finalize_and_forget(object, "forgotten");
  ouro_gc_collect(2);
  drop(object);
  assert_string_equal(test_log(), "forgotten -1");
}

static void the_newest_runs_first(void **state) {
  (void)state;
  static const char *const words[] = {"1st", "2nd", "3rd", "4th", "5th"};
  cell *object = cell_new(0);
  ouro_finalizer *made[5];
  for (int i = 0; i < 5; i++) {
    made[i] = finalize(object, words[i], NULL);
  }
  assert_true(ouro_finalizer_call(made[1]));
  assert_true(ouro_finalizer_detach(made[3]));
  assert_string_equal(test_log(), "2nd");
  drop(object);
  assert_string_equal(test_log(), "5th 3rd 1st");
  for (int i = 0; i < 5; i++) {
    drop(made[i]);
  }
}

/* ---------------------------------------------------------------- what it holds */

static void hold_and_look(void *data, void *held) {
  cell *it = held;
  TEST_CHECK(data == it && ouro_refcount(it) == 1);
  test_note("holds %d", it->number);
}

static void it_keeps_what_it_holds_until_it_has_run(void **state) {
  (void)state;
  cell *object = cell_new(1);
  cell *held = cell_new(2);
  drop(ouro_borrow(ouro_finalize(object, hold_and_look, held, held)));
  drop(held);
  assert_string_equal(test_log(), "");
  drop(object);
  assert_string_equal(test_log(), "holds 2 -2 -1");
}

/* What leads from the finalizer to its own object keeps that alive, until the finalizer is called or detached. */
static void an_object_that_its_finalizer_holds_never_goes(void **state) {
  (void)state;
  cell *object = cell_new(1);
  ouro_finalizer *it = finalize(object, "late", object);
  drop(object);
  ouro_gc_collect(2);
  assert_string_equal(test_log(), "");
  assert_true(ouro_finalizer_call(it));
  assert_string_equal(test_log(), "late -1");
  drop(it);
}

static void an_object_may_hold_its_finalizer(void **state) {
  (void)state;
  cell *object = cell_new(1);
  ouro_movref(&object->a, ouro_finalize(object, note, (void *)(uintptr_t) "gone", NULL));
  drop(object);
  assert_string_equal(test_log(), "gone -1");
}

/* Somebody else may keep the weak reference that it is told by. */
static void its_weak_reference_may_live_longer(void **state) {
  (void)state;
  cell *object = cell_new(1);
  ouro_finalizer *it = finalize(object, "never", NULL);
  ouro_weak *weak = NULL;
  assert_int_equal(ouro_weak_list(object, &weak, 1), 1);
  ouro_incref(weak);
  assert_true(ouro_finalizer_detach(it));
  drop(it);
  drop(object);
  assert_string_equal(test_log(), "-1");
  assert_true(ouro_weak_is_dead(weak));
  drop(weak);
}

/* ---------------------------------------------------------------- in collections */

static void it_runs_when_its_object_was_garbage(void **state) {
  (void)state;
  cell *ring = cell_ring(&cell_type, 3, 0);
  finalize_and_forget(ring, "first");
  finalize_and_forget(in_a(ring), "second");
  drop(ring);
  assert_string_equal(test_log(), "");
  assert_int_equal(ouro_gc_collect(2), 3);
  assert_string_equal(test_log_sorted(), "first second");
}

/* As in CPython: it is told by a weak reference with a callback, and those are cleared before finalizers run. */
static void it_runs_also_where_the_garbage_is_resurrected(void **state) {
  (void)state;
  cell *object = cell_ring(&final_type, 1, 1);
  object->finalizing = survive;
  finalize_and_forget(object, "gone");
  drop(object);
  assert_int_equal(ouro_gc_collect(2), 0);
  assert_string_equal(test_log(), "gone ~1");
  survivors_drop();
  assert_int_equal(ouro_gc_collect(2), 1);
  test_log();
}

static void it_waits_where_a_dying_object_is_resurrected(void **state) {
  (void)state;
  cell *object = cell_of(&final_type, 1);
  object->finalizing = survive;
  finalize_and_forget(object, "gone");
  drop(object);
  assert_string_equal(test_log(), "~1");
  survivors_drop();
  assert_string_equal(test_log(), "gone -1");
}

/* The garbage itself refers to the finalizer, and nobody else does. */
static void a_finalizer_in_garbage_runs(void **state) {
  (void)state;
  cell *ring = cell_ring(&cell_type, 2, 0);
  ouro_movref(&ring->b, ouro_finalize(in_a(ring), note, (void *)(uintptr_t) "gone", NULL));
  drop(ring);
  assert_int_equal(ouro_gc_collect(2), 2);
  assert_string_equal(test_log(), "gone");
}

/* What it holds leads to garbage: then that is none. */
static void what_a_finalizer_holds_is_not_garbage(void **state) {
  (void)state;
  cell *object = cell_new(0);
  cell *ring = cell_ring(&cell_type, 3, 0);
  ouro_finalizer *it = finalize(object, "gone", ring);
  drop(it);
  drop(ring);
  assert_int_equal(ouro_gc_collect(2), 0);
  drop(object);
  assert_int_equal(ouro_gc_collect(2), 3);
  test_log();
}

/* ---------------------------------------------------------------- what a function may do */

static void do_anything(void *data, void *held) {
  cell *other = data;
  (void)held;
  test_note("begin");
  ouro_gc_collect(2);
  finalize_and_forget(other, "added");
  drop(cell_new(3));
  drop(other);
  test_note("end");
}

static void it_may_collect_add_and_drop(void **state) {
  (void)state;
  cell *object = cell_new(1);
  cell *other = cell_new(2);
  drop(ouro_borrow(ouro_finalize(object, do_anything, other, NULL)));
  drop(object);
  assert_string_equal(test_log(), "begin -3 added -2 end -1");
}

typedef struct self_user {
  ouro_finalizer *it;
} self_user;

static void use_itself(void *data, void *held) {
  self_user *user = data;
  (void)held;
  TEST_CHECK(!ouro_finalizer_is_alive(user->it));
  TEST_CHECK(!ouro_finalizer_call(user->it) && !ouro_finalizer_detach(user->it));
  drop(user->it); /* the last reference but the library's */
  test_note("used");
}

static void it_may_let_itself_go(void **state) {
  (void)state;
  cell *object = cell_new(0);
  self_user user = {NULL};
  user.it = ouro_borrow(ouro_finalize(object, use_itself, &user, NULL));
  drop(object);
  assert_string_equal(test_log(), "used");
}

/* ---------------------------------------------------------------- all at once */

static void add_at_exit(void *data, void *held) {
  cell *object = data;
  (void)held;
  test_note("adds");
  finalize_and_forget(object, "added");
  drop(finalize(object, "added-too", NULL));
}

static void all_run_the_newest_first_and_what_is_added_next(void **state) {
  (void)state;
  cell *object = cell_new(0);
  cell *other = cell_new(0);
  finalize_and_forget(object, "1st");
  finalize_and_forget(other, "2nd");
  ouro_finalizer *not_at_exit = finalize(object, "never", NULL);
  ouro_finalizer_set_atexit(not_at_exit, false);
  assert_false(ouro_finalizer_atexit(not_at_exit));
  drop(ouro_borrow(ouro_finalize(other, add_at_exit, object, NULL)));
  finalize_and_forget(object, "5th");
  ouro_finalizers_run();
  assert_string_equal(test_log(), "5th adds added-too added 2nd 1st");
  assert_true(ouro_finalizer_is_alive(not_at_exit));
  ouro_finalizers_run();
  assert_string_equal(test_log(), "");
  drop(object); /* that one still runs at a death */
  assert_string_equal(test_log(), "never");
  drop(other);
  drop(not_at_exit);
}

typedef struct changer {
  ouro_finalizer *older, *newer, *doomed;
  cell *object;
} changer;

static void change_others(void *data, void *held) {
  changer *it = data;
  (void)held;
  test_note("changes");
  ouro_finalizer_set_atexit(it->newer, true);  /* was passed over already */
  ouro_finalizer_set_atexit(it->older, false); /* would have come next */
  TEST_CHECK(ouro_finalizer_detach(it->doomed));
  DROP(it->object); /* whose own finalizer runs within */
}

static void the_list_may_change_while_all_run(void **state) {
  (void)state;
  cell *object = cell_new(0);
  changer it = {.object = cell_new(0)};
  finalize_and_forget(object, "oldest");
  finalize_and_forget(it.object, "within");
  it.doomed = finalize(object, "doomed", NULL);
  it.older = finalize(object, "older", NULL);
  drop(ouro_borrow(ouro_finalize(object, change_others, &it, NULL)));
  it.newer = finalize(object, "newer", NULL);
  ouro_finalizer_set_atexit(it.newer, false);
  finalize_and_forget(object, "newest");
  ouro_finalizers_run();
  assert_string_equal(test_log(), "newest changes within newer oldest");
  assert_true(ouro_finalizer_is_alive(it.older));
  drop(object);
  assert_string_equal(test_log(), "older");
  drop(it.older);
  drop(it.newer);
  drop(it.doomed);
}

static void run_all_within(void *data, void *held) {
  (void)data;
  (void)held;
  test_note("begin");
  ouro_finalizers_run();
  test_note("end");
}

static void all_may_be_run_while_all_run(void **state) {
  (void)state;
  cell *object = cell_new(0);
  finalize_and_forget(object, "1st");
  finalize_and_forget(object, "2nd");
  drop(ouro_borrow(ouro_finalize(object, run_all_within, NULL, NULL)));
  ouro_finalizers_run();
  assert_string_equal(test_log(), "begin 2nd 1st end");
  drop(object);
}

static void hundreds_of_thousands(void **state) {
  (void)state;
  size_t count = test_count(200000, 2000);
  list *objects = list_new(count);
  for (size_t i = 0; i < count; i++) {
    cell *object = cell_new(0);
    list_put(objects, i, object);
    ouro_finalizer *it = ouro_borrow(ouro_finalize(object, note, (void *)(uintptr_t) "all", NULL));
    ouro_finalizer_set_atexit(it, i == 0);
    drop(it);
    drop(object);
  }
  ouro_finalizers_run();
  assert_string_equal(test_log(), "all");
  for (size_t i = 0; i < count; i++) {
    ouro_clear(&objects->items[i]);
    test_log();
  }
  drop(objects);
}

/* ---------------------------------------------------------------- the end of the program */

static void say(void *data, void *held) {
  (void)held;
  printf("%s ", (const char *)data);
  fflush(stdout);
}

static void say_and_add(void *data, void *held) {
  say(data, held);
  drop(ouro_borrow(ouro_finalize(held, say, (void *)(uintptr_t) "g1", NULL)));
}

static void say_exit(void) { say((void *)(uintptr_t) "atexit", NULL); }

static void *exit_from_here(void *arg) {
  (void)arg;
  exit(7);
}

/* CPython's own case (test_atexit in test_weakref), but for the finalizer that raises. */
static int end_of_a_program(const char *name) {
  static cell *object; /* lives on */
  object = cell_new(0);
  atexit(say_exit); /* before the first finalizer: so it comes last */
  drop(ouro_borrow(ouro_finalize(object, say, (void *)(uintptr_t) "f1", NULL)));
  drop(ouro_borrow(ouro_finalize(object, say, (void *)(uintptr_t) "f2", NULL)));
  drop(ouro_borrow(ouro_finalize(object, say_and_add, (void *)(uintptr_t) "f3", object)));
  drop(ouro_borrow(ouro_finalize(object, say, (void *)(uintptr_t) "f4", NULL)));
  ouro_finalizer *never = ouro_borrow(ouro_finalize(object, say, (void *)(uintptr_t) "never", NULL));
  ouro_finalizer_set_atexit(never, false);
  if (strcmp(name, "thread") == 0) {
    pthread_t thread;
    TEST_CHECK(pthread_create(&thread, NULL, exit_from_here, NULL) == 0);
    pthread_join(thread, NULL);
  }
  return 0;
}

/* A thread made the objects and has ended: whoever calls exit runs them. */
static void *make_objects(void *arg) {
  (void)arg;
  end_of_a_program("exit");
  return NULL;
}

static int end_after_the_owner(void) {
  pthread_t thread;
  TEST_CHECK(pthread_create(&thread, NULL, make_objects, NULL) == 0);
  pthread_join(thread, NULL);
  return 0;
}

static void check_end(const char *name, const char *conf, int status, const char *output) {
  test_result result = test_run_self(name, conf, 60);
  TEST_CHECK(WIFEXITED(result.status) && WEXITSTATUS(result.status) == status);
  assert_string_equal(result.output, output);
}

static void exit_runs_them(void **state) {
  (void)state;
  check_end("exit", NULL, 0, "f4 f3 g1 f2 f1 atexit ");
}

static void they_run_in_the_thread_that_exits(void **state) {
  (void)state;
  check_end("thread", NULL, 7, "f4 f3 g1 f2 f1 atexit ");
}

static void a_thread_that_is_refused_runs_none(void **state) {
  (void)state;
  check_end("thread", "threads:1", 7, "atexit ");
}

static void exit_runs_those_of_a_thread_that_has_ended(void **state) {
  (void)state;
  check_end("ended", NULL, 0, "f4 f3 g1 f2 f1 atexit ");
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "ended") == 0) {
    return end_after_the_owner();
  }
  if (argc == 2) {
    return end_of_a_program(argv[1]);
  }
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(it_runs_when_its_object_dies),
      OBJECT_TEST(it_runs_when_called_and_then_no_more),
      OBJECT_TEST(detached_it_never_runs),
      OBJECT_TEST(it_needs_an_object_and_a_function),
      OBJECT_TEST(nobody_has_to_keep_it),
      OBJECT_TEST(the_newest_runs_first),
      OBJECT_TEST(it_keeps_what_it_holds_until_it_has_run),
      OBJECT_TEST(an_object_that_its_finalizer_holds_never_goes),
      OBJECT_TEST(an_object_may_hold_its_finalizer),
      OBJECT_TEST(its_weak_reference_may_live_longer),
      OBJECT_TEST(it_runs_when_its_object_was_garbage),
      OBJECT_TEST(it_runs_also_where_the_garbage_is_resurrected),
      OBJECT_TEST(it_waits_where_a_dying_object_is_resurrected),
      OBJECT_TEST(a_finalizer_in_garbage_runs),
      OBJECT_TEST(what_a_finalizer_holds_is_not_garbage),
      OBJECT_TEST(it_may_collect_add_and_drop),
      OBJECT_TEST(it_may_let_itself_go),
      OBJECT_TEST(all_run_the_newest_first_and_what_is_added_next),
      OBJECT_TEST(the_list_may_change_while_all_run),
      OBJECT_TEST(all_may_be_run_while_all_run),
      OBJECT_TEST(hundreds_of_thousands),
      OBJECT_TEST(exit_runs_them),
      OBJECT_TEST(they_run_in_the_thread_that_exits),
      OBJECT_TEST(a_thread_that_is_refused_runs_none),
      OBJECT_TEST(exit_runs_those_of_a_thread_that_has_ended),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
