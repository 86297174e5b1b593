/* tests/heap/test_signal.c - a signal handler that interrupts an allocation, and uses only what is safe in one, is safe.
 *
 * Safe in a handler, and used here: ouro_owns, ouro_usable_size and ouro_good_size (they read tables, take no lock and change
 * nothing), and ouro_version, ouro_strerror, ouro_err_name (constants). Nothing that allocates, frees, walks or counts is.
 * Interrupted system calls of the heap must not fail either: the handler is installed without SA_RESTART.
 *
 * Linked with: the core static library (ouro_core), support/support.c, cmocka, threads. */
#include "support/support.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/time.h>

#include <ouro/heap.h>

static int heap_is_sound(void **state) {
  (void)state;
  TEST_HEAP_IS_SOUND();
  return 0;
}

/* Blocks that live through the whole test: a handler can always ask about these. */
#define KNOWN 32
static char *known[KNOWN];
static size_t known_usable[KNOWN];
static atomic_size_t signals;
static atomic_size_t wrong_answers;
static atomic_uint which;

static void ask(int number) {
  (void)number;
  int saved = errno;
  char on_the_stack = 0;
  unsigned i = atomic_fetch_add(&which, 1) % KNOWN;
  bool right = ouro_owns(known[i]) && !ouro_owns(known[i] + 1) && !ouro_owns(&on_the_stack) && !ouro_owns(NULL) &&
               ouro_usable_size(known[i]) == known_usable[i] && ouro_usable_size(NULL) == 0 &&
               ouro_good_size(known_usable[i] - 16) <= known_usable[i] && ouro_version()[0] != 0 &&
               ouro_strerror(OURO_ENOMEM)[0] == 't' && ouro_err_name(OURO_OK)[0] == 'O';
  atomic_fetch_add(&wrong_answers, !right);
  atomic_fetch_add(&signals, 1);
  errno = saved;
}

static void start_timer(long microseconds) {
  struct itimerval timer = {{0, microseconds}, {0, microseconds}};
  TEST_CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

static int install(void **state) {
  (void)state;
  struct sigaction action = {.sa_handler = ask};
  sigemptyset(&action.sa_mask);
  TEST_CHECK(sigaction(SIGALRM, &action, NULL) == 0);
  for (size_t i = 0; i < KNOWN; i++) {
    known[i] = ouro_malloc(16 + i * i * 300);
    TEST_CHECK(known[i] != NULL);
    known_usable[i] = ouro_usable_size(known[i]);
  }
  atomic_store(&signals, 0);
  atomic_store(&wrong_answers, 0);
  return 0;
}

static int uninstall(void **state) {
  struct itimerval never = {{0, 0}, {0, 0}};
  TEST_CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
  TEST_CHECK(signal(SIGALRM, SIG_DFL) != SIG_ERR);
  for (size_t i = 0; i < KNOWN; i++) {
    ouro_free(known[i]);
  }
  return heap_is_sound(state);
}

static void allocate_for(double seconds, uint64_t seed) {
  enum { SLOTS = 300 };
  char *slots[SLOTS] = {NULL};
  size_t sizes[SLOTS] = {0};
  test_rng rng = {seed};
  double end = test_seconds() + seconds;
  for (size_t i = 0; i % 64 != 0 || test_seconds() < end; i++) {
    size_t at = test_below(&rng, SLOTS);
    TEST_CHECK(slots[at] == NULL || test_holds_sparse(slots[at], sizes[at], at));
    ouro_free(slots[at]);
    sizes[at] = test_mixed_size(&rng, 600000);
    slots[at] = test_below(&rng, 3) == 0 ? ouro_calloc(1, sizes[at]) : ouro_malloc(sizes[at]);
    TEST_CHECK(slots[at] != NULL);
    test_fill_sparse(slots[at], sizes[at], at);
    if (i % 1000 == 0) {
      ouro_heap_trim();
    }
  }
  for (size_t at = 0; at < SLOTS; at++) {
    ouro_free(slots[at]);
  }
}

static void a_handler_may_ask_about_blocks_while_the_thread_allocates(void **state) {
  (void)state;
  start_timer(1000);
  allocate_for(1.5, 3);
  assert_true(atomic_load(&signals) >= 100);
  assert_int_equal(atomic_load(&wrong_answers), 0);
}

static void *allocate_in_a_thread(void *arg) {
  allocate_for(1, (uintptr_t)arg);
  return NULL;
}

static void a_handler_may_run_in_any_of_several_threads(void **state) {
  (void)state;
  pthread_t threads[4];
  start_timer(1000);
  for (uintptr_t i = 0; i < 4; i++) {
    assert_int_equal(pthread_create(&threads[i], NULL, allocate_in_a_thread, (void *)(i + 1)), 0);
  }
  for (size_t i = 0; i < 4; i++) {
    pthread_join(threads[i], NULL);
  }
  assert_true(atomic_load(&signals) >= 100);
  assert_int_equal(atomic_load(&wrong_answers), 0);
}

/* The heap's own thread takes no signals: they are meant for the program's threads. */
static void the_background_thread_takes_no_signals(void **state) {
  (void)state;
  sigset_t alarm_only;
  sigset_t before;
  sigset_t pending;
  for (size_t i = 0; i < 200; i++) {
    char *block = ouro_malloc(300000);
    memset(block, 1, 300000);
    ouro_free(block);
  }
  test_sleep_ms(100);
  sigemptyset(&alarm_only);
  sigaddset(&alarm_only, SIGALRM);
  assert_int_equal(pthread_sigmask(SIG_BLOCK, &alarm_only, &before), 0);
  size_t taken = atomic_load(&signals);
  start_timer(1000);
  test_sleep_ms(200);
  assert_int_equal(atomic_load(&signals), taken);
  assert_int_equal(sigpending(&pending), 0);
  assert_int_equal(sigismember(&pending, SIGALRM), 1);
  assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
  assert_true(atomic_load(&signals) > taken);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, install, uninstall)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_handler_may_ask_about_blocks_while_the_thread_allocates),
      TEST(a_handler_may_run_in_any_of_several_threads),
      TEST(the_background_thread_takes_no_signals),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
