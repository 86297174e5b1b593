/* tests/heap/test_inside.c - what the heap offers the layers above it (heap/heap.h): counters without a lock, a hook for each
 * tick, statistics for a signal handler, values of OURO_CONF.
 *
 * Linked with: the core static library (ouro_core), support/support.c, support/json.c, cmocka, threads. */
#include "support/support.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/time.h>

#include "heap/heap.h"
#include "support/json.h"

static int heap_is_sound(void **state) {
  (void)state;
  TEST_HEAP_IS_SOUND();
  return 0;
}

static void set_background(bool wanted, unsigned decay_ms) {
  ouro_options options = {.struct_size = sizeof options};
  TEST_CHECK(ouro_options_get(&options) == OURO_OK);
  options.background = wanted;
  options.decay_ms = decay_ms;
  TEST_CHECK(ouro_options_set(&options) == OURO_OK);
}

/* ---------------------------------------------------------------- counters */

static void counters_say_what_the_statistics_say(void **state) {
  (void)state;
  static void *blocks[2000];
  test_rng rng = {6};
  set_background(false, 500);
  for (size_t i = 0; i < 2000; i++) {
    blocks[i] = ouro_malloc(test_mixed_size(&rng, 500000));
  }
  for (size_t i = 0; i < 2000; i += 2) {
    ouro_free(blocks[i]);
  }
  ouro__counters counters;
  ouro_heap_stats stats = {.struct_size = sizeof stats};
  ouro__heap_counters(&counters);
  assert_int_equal(ouro_heap_stats_get(&stats), OURO_OK);
  assert_int_equal(counters.bytes_held, stats.bytes_held);
  assert_int_equal(counters.bytes_held_peak, stats.bytes_held_peak);
  assert_int_equal(counters.bytes_taken, stats.bytes_taken);
  assert_int_equal(counters.bytes_returned, stats.bytes_returned);
  assert_int_equal(counters.bytes_dirty, stats.bytes_dirty);
  assert_int_equal(counters.arenas, stats.arenas);
  assert_int_equal(counters.threads, stats.threads);
  assert_true(counters.pools > 0);
  for (size_t i = 1; i < 2000; i += 2) {
    ouro_free(blocks[i]);
  }
}

/* ---------------------------------------------------------------- the tick */

static atomic_size_t ticks;

/* No lock is held: a hook may use the heap. */
static void count_tick(void) {
  void *block = ouro_malloc(5000);
  TEST_CHECK(block != NULL);
  ouro_free(block);
  TEST_HEAP_IS_SOUND();
  atomic_fetch_add(&ticks, 1);
}

static bool three_ticks(void *arg) {
  (void)arg;
  for (size_t i = 0; i < 20; i++) {
    char *block = ouro_malloc(400000);
    memset(block, 1, 400000);
    ouro_free(block);
  }
  return atomic_load(&ticks) >= 3;
}

static void check_hook_is_called(void) {
  atomic_store(&ticks, 0);
  ouro__heap_set_tick(count_tick);
  assert_true(test_wait_until(three_ticks, NULL, 10));
  ouro__heap_set_tick(NULL);
}

static void the_hook_is_called_at_each_tick(void **state) {
  (void)state;
  set_background(false, 40);
  check_hook_is_called();
  set_background(true, 40);
  check_hook_is_called();
  test_sleep_ms(100); /* a tick that was on its way */
  size_t before = atomic_load(&ticks);
  three_ticks(NULL);
  test_sleep_ms(200);
  assert_int_equal(atomic_load(&ticks), before);
  set_background(true, 500);
}

/* ---------------------------------------------------------------- statistics in a signal handler */

typedef struct sink {
  char text[256 * 1024];
  size_t length;
} sink;

static sink the_sink;
static atomic_size_t reports;

static int take(void *arg, const char *text, size_t length) {
  sink *s = arg;
  TEST_CHECK(s->length + length < sizeof s->text);
  memcpy(s->text + s->length, text, length);
  s->length += length;
  return 0;
}

static atomic_flag writing = ATOMIC_FLAG_INIT;

static void report(int number) {
  (void)number;
  int saved = errno;
  if (atomic_flag_test_and_set(&writing)) {
    return; /* another thread's handler has the sink */
  }
  the_sink.length = 0;
  TEST_CHECK(ouro__stats_write_signal(OURO_FORMAT_JSON, take, &the_sink) == OURO_OK);
  the_sink.text[the_sink.length] = 0;
  TEST_CHECK(test_json_valid(the_sink.text));
  atomic_fetch_add(&reports, 1);
  atomic_flag_clear(&writing);
  errno = saved;
}

static atomic_bool stop;

static void *allocate_until_stopped(void *arg) {
  test_rng rng = {(uintptr_t)arg};
  void *blocks[300] = {NULL};
  while (!atomic_load(&stop)) {
    size_t at = test_below(&rng, 300);
    ouro_free(blocks[at]);
    blocks[at] = ouro_malloc(test_mixed_size(&rng, 500000));
    TEST_CHECK(blocks[at] != NULL);
  }
  for (size_t at = 0; at < 300; at++) {
    ouro_free(blocks[at]);
  }
  return NULL;
}

/* The handler may have interrupted whoever holds a lock, also its own thread: it must not wait for one. */
static void a_handler_may_write_statistics_at_any_moment(void **state) {
  (void)state;
  struct sigaction action = {.sa_handler = report, .sa_flags = SA_RESTART};
  struct itimerval often = {{0, 1000}, {0, 1000}};
  struct itimerval never = {{0, 0}, {0, 0}};
  pthread_t threads[2];
  atomic_store(&stop, false);
  assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
  for (uintptr_t i = 0; i < 2; i++) {
    assert_int_equal(pthread_create(&threads[i], NULL, allocate_until_stopped, (void *)(i + 1)), 0);
  }
  sigset_t alarm_only;
  sigemptyset(&alarm_only);
  sigaddset(&alarm_only, SIGALRM);
  pthread_sigmask(SIG_BLOCK, &alarm_only, NULL); /* one of the others takes it */
  assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
  test_sleep_ms(1000);
  assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
  atomic_store(&stop, true);
  for (size_t i = 0; i < 2; i++) {
    pthread_join(threads[i], NULL);
  }
  assert_true(atomic_load(&reports) >= 20);
}

static void without_a_holder_they_are_those_of_the_public_function(void **state) {
  (void)state;
  static sink other;
  set_background(false, 500);
  ouro_heap_trim();
  the_sink.length = other.length = 0;
  assert_int_equal(ouro__stats_write_signal(OURO_FORMAT_TEXT, take, &the_sink), OURO_OK);
  assert_int_equal(ouro_stats_write(OURO_FORMAT_TEXT, take, &other), OURO_OK);
  assert_int_equal(the_sink.length, other.length);
  assert_memory_equal(the_sink.text, other.text, other.length);
  assert_int_equal(ouro__stats_write_signal((enum ouro_format)9, take, &other), OURO_EINVAL);
}

/* ---------------------------------------------------------------- OURO_CONF for the layers above */

static void check_value(const char *key, const char *expected) {
  size_t length = 0;
  const char *value = ouro__conf_find(key, &length);
  if (expected == NULL) {
    assert_null(value);
  } else {
    assert_non_null(value);
    assert_int_equal(length, strlen(expected));
    assert_memory_equal(value, expected, length);
  }
}

static void values_of_the_environment_are_found_by_whole_keys(void **state) {
  (void)state;
  setenv("OURO_CONF", "report:/tmp/a:b,check,limit:5m,stat:,x", 1);
  check_value("report", "/tmp/a:b");
  check_value("check", "");
  check_value("limit", "5m");
  check_value("stat", "");
  check_value("x", "");
  check_value("repor", NULL);
  check_value("reports", NULL);
  check_value("5m", NULL);
  check_value("lim", NULL);
  setenv("OURO_CONF", "", 1);
  check_value("check", NULL);
  unsetenv("OURO_CONF");
  check_value("check", NULL);
}

#define TEST(name) cmocka_unit_test_teardown(name, heap_is_sound)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(counters_say_what_the_statistics_say),
      TEST(the_hook_is_called_at_each_tick),
      TEST(without_a_holder_they_are_those_of_the_public_function),
      TEST(a_handler_may_write_statistics_at_any_moment),
      TEST(values_of_the_environment_are_found_by_whole_keys),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
