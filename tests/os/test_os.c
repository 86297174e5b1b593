/* tests/os/test_os.c - the contract of os.h holds on this system: what a mapping is, what comes back as zeros, what is refused.
 *
 * Linked with: the core static library (ouro_core), support/support.c, cmocka, threads. Runs with and without -DOURO_FAULTS. */
#include "support/support.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "os/os.h"

#define MIB ((size_t)1024 * 1024)

static int errno_is_kept(void **state) {
  (void)state;
  TEST_CHECK(errno == 4321);
  return 0;
}

static int set_errno(void **state) {
  (void)state;
  errno = 4321;
  return 0;
}

/* ---------------------------------------------------------------- memory */

static void mapped_memory_is_zero_and_writable(void **state) {
  (void)state;
  char *memory = ouro__os_map(3 * MIB);
  assert_non_null(memory);
  assert_int_equal((uintptr_t)memory % OURO_PAGE_BYTES, 0);
  assert_true(test_all_bytes(memory, 0, 3 * MIB));
  memset(memory, 1, 3 * MIB);
  assert_true(ouro__os_unmap(memory, 3 * MIB));
}

static void a_mapping_that_is_too_large_is_refused(void **state) {
  (void)state;
  assert_null(ouro__os_map((size_t)1 << 55));
  assert_null(ouro__os_reserve((size_t)1 << 55, MIB));
}

static void map_at_maps_there_and_never_over_another(void **state) {
  (void)state;
  char *memory = ouro__os_map(4 * MIB);
  assert_non_null(memory);
  memset(memory, 7, 4 * MIB);
  assert_int_equal(ouro__os_map_at(memory, MIB), OURO_OS_OCCUPIED);
  assert_int_equal(ouro__os_map_at(memory + 3 * MIB, 2 * MIB), OURO_OS_OCCUPIED);
  assert_true(test_all_bytes(memory, 7, 4 * MIB));
  assert_true(ouro__os_unmap(memory + MIB, MIB));
  assert_int_equal(ouro__os_map_at(memory + MIB, 2 * MIB), OURO_OS_OCCUPIED);
  assert_int_equal(ouro__os_map_at(memory + MIB, MIB), OURO_OS_DONE);
  assert_true(test_all_bytes(memory + MIB, 0, MIB));
  assert_true(test_all_bytes(memory, 7, MIB));
  assert_true(ouro__os_unmap(memory, 4 * MIB));
}

static void an_address_that_no_process_has_is_not_mapped(void **state) {
  (void)state;
  ouro__os_result result = ouro__os_map_at((void *)(UINTPTR_MAX - 4 * MIB + 1), MIB);
  assert_int_not_equal(result, OURO_OS_DONE);
}

static void reserved_memory_is_aligned_and_usable_when_committed(void **state) {
  (void)state;
  for (size_t alignment = OURO_PAGE_BYTES; alignment <= 64 * MIB; alignment *= 4) {
    char *range = ouro__os_reserve(8 * MIB, alignment);
    assert_non_null(range);
    assert_int_equal((uintptr_t)range & (alignment - 1), 0);
    assert_true(ouro__os_commit(range + MIB, MIB));
    assert_true(test_all_bytes(range + MIB, 0, MIB));
    memset(range + MIB, 2, MIB);
    assert_true(ouro__os_unmap(range, 8 * MIB));
    /* Nothing around it stays: the whole range can be mapped again. */
    assert_int_equal(ouro__os_map_at(range, 8 * MIB), OURO_OS_DONE);
    assert_true(ouro__os_unmap(range, 8 * MIB));
  }
}

static void returned_pages_read_as_zeros_and_can_be_written_again(void **state) {
  (void)state;
  char *memory = ouro__os_map(2 * MIB);
  memset(memory, 9, 2 * MIB);
  assert_true(test_resident_in(memory, 2 * MIB) == 2 * MIB);
  assert_true(ouro__os_return(memory + MIB / 2, MIB));
  assert_int_equal(test_resident_in(memory + MIB / 2, MIB), 0);
  assert_true(test_all_bytes(memory, 9, MIB / 2));
  assert_true(test_all_bytes(memory + MIB / 2, 0, MIB));
  assert_true(test_all_bytes(memory + MIB + MIB / 2, 9, MIB / 2));
  memset(memory + MIB / 2, 3, MIB);
  assert_true(test_all_bytes(memory + MIB / 2, 3, MIB));
  assert_true(ouro__os_unmap(memory, 2 * MIB));
}

static void moved_pages_are_there_and_gone_here(void **state) {
  (void)state;
  char *from = ouro__os_map(2 * MIB);
  char *to = ouro__os_map(2 * MIB);
  test_fill(from, MIB, 1);
  memset(to, 5, 2 * MIB);
  if (ouro__os_move(from, to, MIB) != OURO_OS_DONE) {
    skip(); /* a kernel before 5.7 */
  }
  assert_true(test_holds(to, MIB, 1));
  assert_true(test_all_bytes(to + MIB, 5, MIB));
  assert_true(test_all_bytes(from, 0, MIB));
  memset(from, 6, MIB);
  assert_true(test_holds(to, MIB, 1));
  assert_true(ouro__os_unmap(from, 2 * MIB));
  assert_true(ouro__os_unmap(to, 2 * MIB));
}

static void what_is_not_mapped_is_not_changed(void **state) {
  (void)state;
  char *memory = ouro__os_map(4 * MIB);
  assert_true(ouro__os_unmap(memory, 4 * MIB));
  assert_false(ouro__os_commit(memory, MIB));
  assert_false(ouro__os_return(memory, MIB));
  assert_false(ouro__os_huge(memory, MIB, true));
  assert_int_equal(ouro__os_move(memory, memory + 2 * MIB, MIB), OURO_OS_OCCUPIED);
}

static void asking_for_huge_pages_keeps_the_contents(void **state) {
  (void)state;
  char *memory = ouro__os_reserve(8 * MIB, 4 * MIB);
  assert_true(ouro__os_commit(memory, 8 * MIB));
  test_fill(memory, 8 * MIB, 4);
  ouro__os_huge(memory, 8 * MIB, true);
  assert_true(test_holds(memory, 8 * MIB, 4));
  ouro__os_huge(memory, 8 * MIB, false);
  assert_true(test_holds(memory, 8 * MIB, 4));
  assert_true(ouro__os_unmap(memory, 8 * MIB));
}

static void refuse_all(void *arg) {
  char *memory = arg;
  struct rlimit limit = {test_virtual_bytes() + MIB, test_virtual_bytes() + MIB};
  TEST_CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
  errno = 4321;
  TEST_CHECK(ouro__os_map(8 * MIB) == NULL);
  TEST_CHECK(ouro__os_reserve(8 * MIB, MIB) == NULL);
  TEST_CHECK(ouro__os_map_at(memory, 8 * MIB) == OURO_OS_REFUSED);
  TEST_CHECK(errno == 4321);
}

static void no_memory_is_told_from_no_room(void **state) {
  (void)state;
  if (TEST_ASAN || TEST_TSAN) {
    skip();
  }
  char *memory = ouro__os_map(8 * MIB);
  assert_true(ouro__os_unmap(memory, 8 * MIB));
  test_result result = test_in_child(refuse_all, memory, 30);
  TEST_CHILD_PASSED(&result);
}

/* ---------------------------------------------------------------- clock, processors, random bits */

static void the_clock_never_goes_back(void **state) {
  (void)state;
  uint64_t before = ouro__os_now_ns();
  for (int i = 0; i < 100000; i++) {
    uint64_t now = ouro__os_now_ns();
    TEST_CHECK(now >= before);
    before = now;
  }
  test_sleep_ms(20);
  assert_true(ouro__os_now_ns() >= before + 19000000u);
  assert_true(ouro__os_now_ns() < before + 60000000000u);
}

static void there_is_a_processor_and_memory(void **state) {
  (void)state;
  assert_true(ouro__os_cpus() >= 1);
  assert_true(ouro__os_cpus() <= (unsigned)sysconf(_SC_NPROCESSORS_CONF));
  assert_true(ouro__os_memory() >= 16 * MIB);
}

static void say_random(void) { printf("%llx\n", (unsigned long long)ouro__os_random()); }

static void random_bits_differ_from_run_to_run(void **state) {
  (void)state;
  test_result one = test_run_self("random", NULL, 30);
  test_result two = test_run_self("random", NULL, 30);
  TEST_CHILD_PASSED(&one);
  TEST_CHILD_PASSED(&two);
  assert_true(one.length > 4);
  assert_string_not_equal(one.output, two.output);
}

/* ---------------------------------------------------------------- processes and the environment */

static void say_pid(void *arg) {
  TEST_CHECK(ouro__os_pid() == (int)getpid());
  TEST_CHECK(ouro__os_pid() != *(int *)arg);
}

static void the_process_id_changes_over_fork(void **state) {
  (void)state;
  int parent = ouro__os_pid();
  assert_int_equal(parent, (int)getpid());
  test_result result = test_in_child(say_pid, &parent, 30);
  TEST_CHILD_PASSED(&result);
}

static void the_environment_is_read(void **state) {
  (void)state;
  setenv("OURO_TEST_SOMETHING", "some value", 1);
  assert_string_equal(ouro__os_env("OURO_TEST_SOMETHING"), "some value");
  unsetenv("OURO_TEST_SOMETHING");
  assert_null(ouro__os_env("OURO_TEST_SOMETHING"));
  assert_true(ouro__os_env_known());
  char **saved = environ;
  environ = NULL;
  assert_null(ouro__os_env("PATH"));
  assert_false(ouro__os_env_known());
  environ = saved;
}

/* ---------------------------------------------------------------- the background thread */

static atomic_int ran;
static sigset_t mask_in_thread;
static pthread_t thread_itself;

static void body(void *arg) {
  thread_itself = pthread_self();
  pthread_sigmask(SIG_SETMASK, NULL, &mask_in_thread);
  atomic_store(&ran, *(int *)arg);
}

static void a_started_thread_runs_with_all_signals_blocked(void **state) {
  (void)state;
  sigset_t before;
  sigset_t after;
  sigemptyset(&before);
  sigemptyset(&after);
  pthread_sigmask(SIG_SETMASK, NULL, &before);
  for (int i = 1; i <= 20; i++) {
    ouro__os_thread thread;
    assert_true(ouro__os_thread_start(&thread, body, &i));
    ouro__os_thread_join(thread);
    assert_int_equal(atomic_load(&ran), i);
    assert_false(pthread_equal(thread_itself, pthread_self()));
    assert_int_equal(sigismember(&mask_in_thread, SIGALRM), 1);
    assert_int_equal(sigismember(&mask_in_thread, SIGTERM), 1);
    assert_int_equal(sigismember(&mask_in_thread, SIGINT), 1);
  }
  pthread_sigmask(SIG_SETMASK, NULL, &after);
  for (int number = 1; number < 32; number++) {
    assert_int_equal(sigismember(&before, number), sigismember(&after, number));
  }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_errno, errno_is_kept)

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      TEST(mapped_memory_is_zero_and_writable),
      TEST(a_mapping_that_is_too_large_is_refused),
      TEST(map_at_maps_there_and_never_over_another),
      TEST(an_address_that_no_process_has_is_not_mapped),
      TEST(reserved_memory_is_aligned_and_usable_when_committed),
      TEST(returned_pages_read_as_zeros_and_can_be_written_again),
      cmocka_unit_test(moved_pages_are_there_and_gone_here),
      TEST(what_is_not_mapped_is_not_changed),
      TEST(asking_for_huge_pages_keeps_the_contents),
      cmocka_unit_test(no_memory_is_told_from_no_room),
      cmocka_unit_test(the_clock_never_goes_back),
      TEST(there_is_a_processor_and_memory),
      cmocka_unit_test(random_bits_differ_from_run_to_run),
      cmocka_unit_test(the_process_id_changes_over_fork),
      TEST(the_environment_is_read),
      TEST(a_started_thread_runs_with_all_signals_blocked),
  };
  if (argc > 1 && strcmp(argv[1], "random") == 0) {
    say_random();
    return 0;
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}
