/* tests/thread/test_hooks.c - what hangs on making and freeing is swapped while threads make and free objects: tracing goes on and off, the
 * fatal handler, the callbacks of collections and the writer of their reports are replaced. Each thread finds the old one or the new one,
 * whole.
 *
 * Linked with: libouro (static), thread/things.c, support/support.c, cmocka, threads. */
#include "thread/things.h"

#include <ouro/trace.h>

enum { MAKERS = 3, SHELF = 64 };

static _Atomic(thing *) shelf[SHELF];
static atomic_bool stop;
static pthread_t makers[MAKERS];

static void *make_until_stopped(void *arg) {
  test_rng rng = {(uintptr_t)arg + 1};
  for (size_t i = 0; !atomic_load(&stop); i++) {
    thing *made = i % 3 == 0 ? thing_ring(&final_thing, 3) : i % 3 == 1 ? thing_chain(&plain_thing, 4) : thing_of(&leaf_thing);
    ouro_xdecref(atomic_exchange(&shelf[test_below(&rng, SHELF)], made));
    ouro_safepoint();
    if (i % 256 == 0) {
      TEST_CHECK(ouro_gc_collect((int)(i / 256 % 3)) >= 0);
    }
  }
  return NULL;
}

static int start_makers(void **state) {
  int failed = things_begin(state);
  atomic_store(&stop, false);
  for (uintptr_t i = 0; i < MAKERS; i++) {
    TEST_CHECK(pthread_create(&makers[i], NULL, make_until_stopped, (void *)i) == 0);
  }
  return failed;
}

static int stop_makers(void **state) {
  atomic_store(&stop, true);
  ouro_blocking_begin();
  for (size_t i = 0; i < MAKERS; i++) {
    pthread_join(makers[i], NULL);
  }
  ouro_blocking_end();
  for (size_t i = 0; i < SHELF; i++) {
    ouro_xdecref(atomic_exchange(&shelf[i], NULL));
  }
  return things_end(state);
}

/* ---------------------------------------------------------------- tracing */

static int is_sane(const ouro_trace_site *site, void *arg) {
  (void)arg;
  TEST_CHECK(site->live_blocks <= site->allocated_blocks && site->live_bytes <= site->allocated_bytes);
  return 0;
}

static void use_meanwhile(void) {
  for (int i = 0; i < 20; i++) {
    drop(thing_chain(&plain_thing, 5));
    ouro_safepoint();
  }
}

static void tracing_goes_on_and_off(void **state) {
  (void)state;
  for (size_t i = 0; i < test_count(200, 20); i++) {
    ouro_trace_options options = OURO_TRACE_OPTIONS_INIT;
    ouro_trace_totals totals = {.struct_size = sizeof totals};
    options.mode = i % 2 ? OURO_TRACE_SAMPLE : OURO_TRACE_EXACT;
    options.sample_bytes = 4096;
    TEST_CHECK(ouro_trace_start(&options) == OURO_OK);
    use_meanwhile();
    ouro_trace_get_totals(&totals);
    TEST_CHECK(ouro_trace_each_site(is_sane, NULL) == OURO_OK);
    ouro_trace_stop();
    use_meanwhile();
  }
}

static void *trace_by_turns(void *arg) {
  for (size_t i = 0; i < test_count(100, 10); i++) {
    ouro_trace_options options = OURO_TRACE_OPTIONS_INIT;
    int code = ouro_trace_start(&options);
    TEST_CHECK(code == OURO_OK || code == OURO_EBUSY);
    use_meanwhile();
    ouro_trace_stop();
  }
  return arg;
}

static void two_threads_start_and_stop_tracing(void **state) {
  pthread_t other;
  (void)state;
  TEST_CHECK(pthread_create(&other, NULL, trace_by_turns, NULL) == 0);
  trace_by_turns(NULL);
  ouro_blocking_begin();
  pthread_join(other, NULL);
  ouro_blocking_end();
}

/* ---------------------------------------------------------------- handlers and callbacks */

static void die(const ouro_fatal_info *info) { test_failed(info->text, __FILE__, __LINE__); }
static void die_too(const ouro_fatal_info *info) { test_failed(info->text, __FILE__, __LINE__); }

static void the_fatal_handler_is_replaced(void **state) {
  (void)state;
  for (size_t i = 0; i < test_count(20000, 1000); i++) {
    ouro_set_fatal_handler(i % 3 == 0 ? die : i % 3 == 1 ? die_too : NULL);
    drop(thing_new());
  }
  ouro_set_fatal_handler(NULL);
}

typedef struct told {
  atomic_size_t starts, stops;
} told;

static void hear(const ouro_gc_info *info, void *arg) {
  told *mine = arg;
  TEST_CHECK(info->generation >= 0 && info->generation < OURO_GENERATIONS);
  atomic_fetch_add(info->stop ? &mine->stops : &mine->starts, 1);
}

static void callbacks_of_collections_come_and_go(void **state) {
  static told ears[4];
  (void)state;
  for (size_t i = 0; i < test_count(2000, 100); i++) {
    told *one = &ears[i % 4];
    TEST_CHECK(ouro_gc_callback_add(hear, one) == OURO_OK);
    if (i % 8 == 0) {
      TEST_CHECK(ouro_gc_collect(0) >= 0);
    }
    TEST_CHECK(ouro_gc_callback_remove(hear, one) == OURO_OK);
    TEST_CHECK(ouro_gc_callback_remove(hear, one) == OURO_EINVAL);
  }
  TEST_CHECK(atomic_load(&ears[0].starts) > 0 && atomic_load(&ears[0].stops) > 0);
}

/* The argument belongs to the function: a writer never gets another one's. */
static int first_argument, second_argument;
static atomic_size_t written;

static void write_first(void *arg, const char *text, size_t length) {
  TEST_CHECK(arg == &first_argument && text != NULL);
  atomic_fetch_add(&written, length);
}
static void write_second(void *arg, const char *text, size_t length) {
  TEST_CHECK(arg == &second_argument && text != NULL);
  atomic_fetch_add(&written, length);
}

static void the_writer_of_reports_is_replaced_whole(void **state) {
  (void)state;
  ouro_gc_set_debug_writer(write_first, &first_argument);
  TEST_CHECK(ouro_gc_set_debug(OURO_GC_DEBUG_STATS) == OURO_OK);
  for (size_t i = 0; i < test_count(5000, 300); i++) {
    ouro_gc_set_debug_writer(i % 2 ? write_first : write_second, i % 2 ? &first_argument : &second_argument);
    if (i % 16 == 0) {
      TEST_CHECK(ouro_gc_collect(0) >= 0);
    }
  }
  TEST_CHECK(ouro_gc_set_debug(0) == OURO_OK);
  TEST_CHECK(ouro_gc_collect(2) >= 0); /* no other is still writing */
  ouro_gc_set_debug_writer(NULL, NULL);
  TEST_CHECK(atomic_load(&written) > 0);
}

#define BUSY(test) cmocka_unit_test_setup_teardown(test, start_makers, stop_makers)

int main(int argc, char **argv) {
  cmocka_set_test_filter(argc > 1 ? argv[1] : NULL); /* by hand: one case */
  const struct CMUnitTest tests[] = {
      BUSY(tracing_goes_on_and_off),
      BUSY(two_threads_start_and_stop_tracing),
      BUSY(the_fatal_handler_is_replaced),
      BUSY(callbacks_of_collections_come_and_go),
      BUSY(the_writer_of_reports_is_replaced_whole),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
