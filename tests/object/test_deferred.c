/* tests/object/test_deferred.c - deferred objects: each thread counts them for itself, nothing is lost when it ends, they go just when a
 * full collection finds nothing that refers to them, and their numbers are used again.
 *
 * Linked with: the core static library (ouro_core), support/support.c, object/objects.c, cmocka. */
#include "object/objects.h"

#include <pthread.h>
#include <stdatomic.h>

#include "heap/heap.h"

enum { THREADS = 4 };

static void *join(pthread_t thread) {
  void *result;
  ouro_blocking_begin();
  TEST_CHECK(pthread_join(thread, &result) == 0);
  ouro_blocking_end();
  return result;
}

static pthread_t begin(void *(*body)(void *), void *arg) {
  pthread_t thread;
  TEST_CHECK(pthread_create(&thread, NULL, body, arg) == 0);
  return thread;
}

static void *in_a_thread(void *(*body)(void *), void *arg) { return join(begin(body, arg)); }

static cell *deferred_cell(int number) {
  cell *self = cell_new(number);
  TEST_CHECK(ouro_defer(self) == OURO_OK);
  return self;
}

static void meet(pthread_barrier_t *barrier) {
  ouro_blocking_begin();
  pthread_barrier_wait(barrier);
  ouro_blocking_end();
}

/* ---------------------------------------------------------------- counts */

static void counts_are_those_of_all_references(void **state) {
  (void)state;
  cell *self = cell_new(1);
  for (int i = 0; i < 4; i++) ouro_incref(self);
  assert_int_equal(ouro_defer(self), OURO_OK);
  assert_int_equal(ouro_refcount(self), 5);
  for (int i = 0; i < 1000; i++) ouro_incref(self);
  assert_int_equal(ouro_refcount(self), 1005);
  for (int i = 0; i < 1004; i++) drop(self);
  assert_int_equal(ouro_refcount(self), 1);
  drop(self);
  assert_int_equal(ouro_refcount(self), 0);
  assert_string_equal(test_log(), "");
  assert_int_equal(ouro_gc_collect(2), 1);
  assert_string_equal(test_log(), "-1");
}

static void a_second_time_is_refused_and_changes_nothing(void **state) {
  (void)state;
  cell *self = deferred_cell(1);
  ouro_incref(self);
  assert_int_equal(ouro_defer(self), OURO_EINVAL);
  assert_true(ouro_is_deferred(self));
  assert_int_equal(ouro_refcount(self), 2);
  drop(self);
  drop(self);
  assert_int_equal(ouro_gc_collect(2), 1);
}

static void defer_an_immortal(void *arg) {
  (void)arg;
  cell *self = cell_new(0);
  TEST_CHECK(ouro_make_immortal(self) == OURO_OK);
  TEST_CHECK(ouro_defer(self) == OURO_EINVAL);
  TEST_CHECK(ouro_is_immortal(self) && !ouro_is_deferred(self));
  cell *other = deferred_cell(0);
  TEST_CHECK(ouro_make_immortal(other) == OURO_EINVAL);
  TEST_CHECK(ouro_is_deferred(other));
}

static void what_is_immortal_is_not_deferred_nor_the_other_way_round(void **state) {
  (void)state;
  test_result result = test_in_child(defer_an_immortal, NULL, 120);
  TEST_CHILD_PASSED(&result);
}

/* ---------------------------------------------------------------- numbers */

static uint32_t number_of(const cell *self) { return self->base.ouro__count; }

static void numbers_are_used_again(void **state) {
  (void)state;
  enum { AT_A_TIME = 100, ROUNDS = 50 };
  uint32_t highest = 0;
  for (int round = 0; round < ROUNDS; round++) {
    cell *all[AT_A_TIME];
    for (int i = 0; i < AT_A_TIME; i++) {
      all[i] = deferred_cell(0);
      if (round == 0 && number_of(all[i]) > highest) highest = number_of(all[i]);
      assert_true(number_of(all[i]) <= highest);
      assert_int_equal(ouro_refcount(all[i]), 1);
      for (int k = 0; k < i; k++) ouro_incref(all[i]);
    }
    for (int i = 0; i < AT_A_TIME; i++) {
      assert_int_equal(ouro_refcount(all[i]), i + 1);
      for (int k = 0; k <= i; k++) drop(all[i]);
    }
    assert_int_equal(ouro_gc_collect(2), AT_A_TIME);
  }
}

static void a_number_that_is_used_again_starts_from_nothing(void **state) {
  (void)state;
  cell *first = deferred_cell(1);
  uint32_t number = number_of(first);
  drop(first);
  assert_int_equal(ouro_gc_collect(2), 1);
  cell *second = deferred_cell(2);
  assert_int_equal(number_of(second), number);
  assert_int_equal(ouro_refcount(second), 1);
  drop(second);
  assert_int_equal(ouro_gc_collect(2), 1);
  assert_string_equal(test_log(), "-1 -2");
}

/* ---------------------------------------------------------------- threads */

static void *take_some(void *object) {
  for (int i = 0; i < 10; i++) ouro_incref(object);
  for (int i = 0; i < 3; i++) drop(object);
  return NULL;
}

static void *drop_all_but_one(void *object) {
  for (size_t left = ouro_refcount(object); left > 1; left--) drop(object);
  return NULL;
}

static void what_a_thread_counted_stays_when_it_ends(void **state) {
  (void)state;
  cell *self = deferred_cell(1);
  for (size_t i = 1; i <= 20; i++) {
    in_a_thread(take_some, self);
    assert_int_equal(ouro_refcount(self), 1 + i * 7);
    OBJECTS_ARE_SOUND();
  }
  assert_int_equal(ouro_gc_collect(2), 0);
  in_a_thread(drop_all_but_one, self);
  assert_int_equal(ouro_refcount(self), 1);
  assert_int_equal(ouro_gc_collect(2), 0);
  drop(self);
  assert_int_equal(ouro_gc_collect(2), 1);
  assert_string_equal(test_log(), "-1");
}

typedef struct crowd {
  cell *shared;
  pthread_barrier_t barrier;
  _Atomic bool ends;
  atomic_int done;
} crowd;

/* Counts, keeps some in slots and cycles of its own, drops them again. */
static void *count_much(void *arg) {
  crowd *all = arg;
  size_t rounds = test_count(3000, 200);
  for (size_t i = 0; i < rounds; i++) {
    cell *holder = cell_new(0);
    ouro_setref(&holder->a, all->shared);
    ouro_setref(&holder->b, holder);
    for (int k = 0; k < 20; k++) ouro_incref(all->shared);
    for (int k = 0; k < 20; k++) drop(all->shared);
    TEST_CHECK(ouro_is_deferred(all->shared));
    if (i % 2) ouro_clear(&holder->b);
    drop(holder);
    ouro_safepoint();
  }
  atomic_fetch_add(&all->done, 1);
  return NULL;
}

static void it_lives_while_many_count_it_and_collections_run(void **state) {
  (void)state;
  crowd all = {.shared = deferred_cell(1)};
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) threads[i] = begin(count_much, &all);
  while (atomic_load(&all.done) < THREADS) {
    ouro_gc_collect(2);
    TEST_CHECK(ouro_is_deferred(all.shared));
    TEST_CHECK(ouro_refcount(all.shared) < 1000000);
  }
  for (int i = 0; i < THREADS; i++) join(threads[i]);
  ouro_gc_collect(2);
  assert_string_equal(test_log(), "");
  assert_int_equal(ouro_refcount(all.shared), 1);
  drop(all.shared);
  assert_int_equal(ouro_gc_collect(2), 1);
  assert_string_equal(test_log(), "-1");
}

/* Each takes references that the next one releases: no thread's own count is ever right. */
typedef struct relay {
  cell *shared;
  pthread_barrier_t barrier;
} relay;

static void *take_many(void *arg) {
  relay *it = arg;
  for (int i = 0; i < 1000; i++) ouro_incref(it->shared);
  meet(&it->barrier);
  meet(&it->barrier);
  meet(&it->barrier);
  return NULL;
}

static void *release_many(void *arg) {
  relay *it = arg;
  meet(&it->barrier);
  meet(&it->barrier);
  for (int i = 0; i < 1000; i++) drop(it->shared);
  meet(&it->barrier);
  return NULL;
}

static void references_taken_by_one_thread_are_released_by_another(void **state) {
  (void)state;
  relay it = {.shared = deferred_cell(1)};
  assert_int_equal(pthread_barrier_init(&it.barrier, NULL, 3), 0);
  pthread_t taker = begin(take_many, &it), releaser = begin(release_many, &it);
  meet(&it.barrier);
  assert_int_equal(ouro_refcount(it.shared), 1001);
  drop(it.shared);
  assert_int_equal(ouro_gc_collect(2), 0); /* the taker's keep it */
  ouro_incref(it.shared);
  meet(&it.barrier);
  meet(&it.barrier);
  assert_int_equal(ouro_refcount(it.shared), 1);
  join(taker);
  join(releaser);
  pthread_barrier_destroy(&it.barrier);
  assert_int_equal(ouro_refcount(it.shared), 1);
  drop(it.shared);
  assert_int_equal(ouro_gc_collect(2), 1);
}

static void *try_to_defer(void *arg) {
  crowd *all = arg;
  meet(&all->barrier);
  int code = ouro_defer(all->shared);
  TEST_CHECK(code == OURO_OK || code == OURO_EINVAL);
  if (code == OURO_OK) atomic_fetch_add(&all->done, 1);
  drop(all->shared);
  return NULL;
}

static void of_many_who_defer_it_at_once_one_does(void **state) {
  (void)state;
  for (size_t round = 0; round < test_count(20, 5); round++) {
    crowd all = {.shared = cell_new(1)};
    pthread_t threads[THREADS];
    assert_int_equal(pthread_barrier_init(&all.barrier, NULL, THREADS), 0);
    for (int i = 0; i < THREADS; i++) ouro_incref(all.shared);
    for (int i = 0; i < THREADS; i++) threads[i] = begin(try_to_defer, &all);
    for (int i = 0; i < THREADS; i++) join(threads[i]);
    pthread_barrier_destroy(&all.barrier);
    assert_int_equal(atomic_load(&all.done), 1);
    assert_int_equal(ouro_refcount(all.shared), 1);
    drop(all.shared);
    assert_int_equal(ouro_gc_collect(2), 1);
    assert_string_equal(test_log(), "-1");
  }
}

/* Counts as before it is deferred, and after. */
static void *count_until_it_ends(void *arg) {
  crowd *all = arg;
  while (!atomic_load(&all->ends)) {
    ouro_incref(all->shared);
    ouro_incref(all->shared);
    drop(all->shared);
    drop(all->shared);
    ouro_safepoint();
  }
  drop(all->shared);
  return NULL;
}

static void it_may_be_deferred_while_others_count_it(void **state) {
  (void)state;
  for (size_t round = 0; round < test_count(50, 5); round++) {
    crowd all = {.shared = cell_new(1)};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) ouro_incref(all.shared);
    for (int i = 0; i < THREADS; i++) threads[i] = begin(count_until_it_ends, &all);
    assert_int_equal(ouro_defer(all.shared), OURO_OK);
    ouro_safepoint();
    atomic_store(&all.ends, true);
    for (int i = 0; i < THREADS; i++) join(threads[i]);
    ouro_safepoint(); /* what others released before that waits in this thread's queue */
    assert_int_equal(ouro_refcount(all.shared), 1);
    drop(all.shared);
    assert_int_equal(ouro_gc_collect(2), 1);
    assert_string_equal(test_log(), "-1");
  }
}

static void *defer_what_another_owns(void *object) {
  TEST_CHECK(ouro_defer(object) == OURO_OK);
  drop(object);
  return NULL;
}

static void who_holds_a_reference_may_defer_what_another_thread_owns(void **state) {
  (void)state;
  cell *self = cell_new(1);
  ouro_incref(self);
  in_a_thread(defer_what_another_owns, self);
  assert_true(ouro_is_deferred(self));
  assert_int_equal(ouro_refcount(self), 1);
  drop(self);
  assert_int_equal(ouro_gc_collect(2), 1);
}

static void *make_and_defer(void *arg) {
  (void)arg;
  return deferred_cell(1);
}

static void it_outlives_the_thread_that_made_it(void **state) {
  (void)state;
  cell *self = in_a_thread(make_and_defer, NULL);
  assert_int_equal(ouro_refcount(self), 1);
  assert_int_equal(ouro_gc_collect(2), 0);
  drop(self);
  assert_int_equal(ouro_gc_collect(2), 1);
  assert_string_equal(test_log(), "-1");
}

/* ---------------------------------------------------------------- weak references */

static void weak_references_lead_to_it_before_and_after(void **state) {
  (void)state;
  cell *numbered = deferred_cell(0); /* so that both numbers below are not the same */
  for (int round = 0; round < 2; round++) {
    cell *self = cell_new(1);
    ouro_weak *before = weak_to(self), *noting = weak_noting(self, "died");
    assert_int_equal(ouro_defer(self), OURO_OK);
    OBJECTS_ARE_SOUND();
    ouro_weak *after = weak_to(self);
    assert_ptr_equal(before, after);
    assert_true(weak_is(before, self) && weak_is(noting, self));
    assert_int_equal(ouro_refcount(self), 1);
    drop(self);
    assert_true(weak_is(before, self)); /* nothing has looked yet */
    assert_int_equal(ouro_gc_collect(2), 1);
    assert_true(weak_is(before, NULL) && weak_is(noting, NULL));
    assert_string_equal(test_log(), "died -1");
    drop(before);
    drop(noting);
    drop(after);
    if (round == 0) drop(numbered); /* then the first one is free */
    if (round == 0) assert_int_equal(ouro_gc_collect(2), 1);
  }
}

/* ---------------------------------------------------------------- one too many is released */

static void release_too_often(void *arg) {
  (void)arg;
  cell *holder = cell_new(0);
  cell *self = deferred_cell(0);
  ouro_setref(&holder->a, self);
  drop(self);
  drop(self); /* the slot's */
  ouro_gc_collect(2);
}

static void what_was_released_too_often_is_found_by_the_collection(void **state) {
  (void)state;
  char type[TEST_TYPE_NAME];
  assert_int_equal(test_fatal_code(release_too_often, NULL, type), OURO_FATAL_COUNT_TOO_SMALL);
  assert_string_equal(type, "cell");
}

/* ---------------------------------------------------------------- no memory */

#ifdef OURO_FAULTS
static void without_memory_it_is_not_deferred(void **state) {
  (void)state;
  enum { MOST = 5000 };
  cell **all = calloc(MOST, sizeof *all);
  int count = 0, code = OURO_OK;
  assert_non_null(all);
  for (; count < MOST && code == OURO_OK; count++) {
    all[count] = cell_new(0);
    ouro__fault_set(1, true);
    code = ouro_defer(all[count]);
    ouro__fault_set(0, false);
  }
  assert_int_equal(code, OURO_ENOMEM); /* a time comes when there is no number left */
  assert_false(ouro_is_deferred(all[count - 1]));
  assert_int_equal(ouro_refcount(all[count - 1]), 1);
  OBJECTS_ARE_SOUND();
  assert_int_equal(ouro_defer(all[count - 1]), OURO_OK);
  for (int i = 0; i < count; i++) drop(all[i]);
  free(all);
  assert_int_equal(ouro_gc_collect(2), count);
}

static void *count_without_memory(void *object) {
  ouro_thread_attach();
  ouro__fault_set(1, true);
  for (int i = 0; i < 5; i++) ouro_incref(object);
  for (int i = 0; i < 2; i++) drop(object);
  ouro__fault_set(0, false);
  ouro_incref(object); /* from here on it has an array */
  return NULL;
}

static void without_memory_it_is_counted_all_the_same(void **state) {
  (void)state;
  cell *self = deferred_cell(1);
  in_a_thread(count_without_memory, self);
  assert_int_equal(ouro_refcount(self), 5);
  OBJECTS_ARE_SOUND();
  for (int i = 0; i < 5; i++) drop(self);
  assert_int_equal(ouro_gc_collect(2), 1);
}
#endif

int main(void) {
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(counts_are_those_of_all_references),
      OBJECT_TEST(a_second_time_is_refused_and_changes_nothing),
      OBJECT_TEST(what_is_immortal_is_not_deferred_nor_the_other_way_round),
      OBJECT_TEST(numbers_are_used_again),
      OBJECT_TEST(a_number_that_is_used_again_starts_from_nothing),
      OBJECT_TEST(what_a_thread_counted_stays_when_it_ends),
      OBJECT_TEST(it_lives_while_many_count_it_and_collections_run),
      OBJECT_TEST(references_taken_by_one_thread_are_released_by_another),
      OBJECT_TEST(of_many_who_defer_it_at_once_one_does),
      OBJECT_TEST(it_may_be_deferred_while_others_count_it),
      OBJECT_TEST(who_holds_a_reference_may_defer_what_another_thread_owns),
      OBJECT_TEST(it_outlives_the_thread_that_made_it),
      OBJECT_TEST(weak_references_lead_to_it_before_and_after),
      OBJECT_TEST(what_was_released_too_often_is_found_by_the_collection),
#ifdef OURO_FAULTS
      OBJECT_TEST(without_memory_it_is_not_deferred),
      OBJECT_TEST(without_memory_it_is_counted_all_the_same),
#endif
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
