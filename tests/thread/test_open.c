/* tests/thread/test_open.c - objects that are open to readers: who changes one has closed it, and nobody reads it then.
 *
 * Linked with: libouro (static), thread/things.c, support/support.c, cmocka, threads. */
#include "thread/things.h"

#include "object/object.h"
#include "values/guard.h"

enum { READERS = 3, ROUNDS = 20000 };

static thing *shared;
static atomic_bool stop;
static long first, second; /* the same, but for a writer's stretch */
static atomic_long reads, open_reads;

static bool is_open(const void *object) { return ouro__load_relaxed(ouro__shared(object)) & OURO_S_OPEN; }

static void *read_on(void *arg) {
  (void)arg;
  while (!atomic_load(&stop)) {
    ouro__hold hold;
    ouro__hold_read(&hold, shared);
    bool agree = first == second;
    bool without_lock = hold.how == OURO__HOLD_OPEN;
    ouro__hold_end(&hold, shared);
    TEST_CHECK(agree);
    atomic_fetch_add(&reads, 1);
    if (without_lock) atomic_fetch_add(&open_reads, 1);
    ouro_safepoint();
  }
  return NULL;
}

static void write_once(void) {
  ouro__hold hold;
  ouro__hold_write(&hold, shared);
  TEST_CHECK(hold.how == OURO__HOLD_ALONE || !is_open(shared)); /* alone, nobody else could read it */
  first++;
  second++;
  ouro__hold_end(&hold, shared);
}

static void start(pthread_t *threads) {
  shared = thing_new();
  atomic_store(&stop, false);
  atomic_store(&reads, 0);
  atomic_store(&open_reads, 0);
  for (int i = 0; i < READERS; i++) TEST_CHECK(pthread_create(&threads[i], NULL, read_on, NULL) == 0);
  while (!atomic_load(&reads)) { /* or all might be over before they begin */
    ouro_safepoint();
    test_sleep_ms(1);
  }
}

static void end(pthread_t *threads) {
  atomic_store(&stop, true);
  ouro_blocking_begin();
  for (int i = 0; i < READERS; i++) TEST_CHECK(pthread_join(threads[i], NULL) == 0);
  ouro_blocking_end();
  ouro_decref(shared);
}

static void readers_never_see_half_a_change(void **state) {
  (void)state;
  pthread_t threads[READERS];
  start(threads);
  for (int i = 0; i < ROUNDS; i++) {
    write_once();
    if (i % 16 == 0) ouro_safepoint();
    if (i % 100 == 0) { /* open, whatever the readers have counted */
      ouro_section section;
      ouro_section_begin(&section, shared);
      ouro__open(shared);
      ouro_section_end(&section);
      sched_yield();
    }
  }
  end(threads);
  assert_int_equal(first, second);
  assert_true(atomic_load(&reads) > 0);
}

static void an_object_that_is_only_read_is_opened(void **state) {
  (void)state;
  pthread_t threads[READERS];
  start(threads);
  double until = test_seconds() + 20;
  while (!atomic_load(&open_reads) && test_seconds() < until) test_sleep_ms(1);
  bool open = atomic_load(&open_reads) > 0;
  end(threads);
  assert_true(open || !ouro__load_relaxed(&ouro__many));
}

static void the_world_stops_with_readers_about(void **state) {
  (void)state;
  pthread_t threads[READERS];
  start(threads);
  for (int i = 0; i < 50; i++) {
    TEST_CHECK(ouro_gc_collect(0) >= 0);
    write_once();
  }
  end(threads);
}

static void an_open_object_dies_like_any_other(void **state) {
  (void)state;
  long before = atomic_load(&things_alive);
  thing *one = thing_new();
  ouro__open(one);
  ouro_decref(one);
  assert_int_equal(atomic_load(&things_alive), before);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(readers_never_see_half_a_change),
      cmocka_unit_test(an_object_that_is_only_read_is_opened),
      cmocka_unit_test(the_world_stops_with_readers_about),
      cmocka_unit_test(an_open_object_dies_like_any_other),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
