/* tests/trace/test_faults.c - every call to the system that the tracer makes fails in turn, once and for ever.
 *
 * A POINT is one run of a program in which call number k fails, or that one and all later ones. At each point must hold: nothing crashes; a function
 * does what it should, or says that there is no memory; what could not be recorded is counted as lost; the program's own allocations fail only
 * where the heap's would; and with the system well again, tracing can be begun and is exact. Every point runs in a child of its own. Calls that
 * the tracer makes past os.h, to files, are in test_area.c. */
#define OURO_TRACE
#include "area_check.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ouro/ouro.h>

#include "os/os_fault.h"
#include "trace/trace.h"

static struct {
  const char *directory;
  long skip, count;
  long hits;
} point;

static int count_site(const ouro_trace_site *site, void *arg) {
  (void)site;
  ++*(unsigned *)arg;
  return 0;
}
static int count_pin(const ouro_trace_pin *pin, void *arg) {
  (void)pin;
  ++*(unsigned *)arg;
  return 0;
}

static void no_memory_or_done(int result) { TEST_CHECK(result == OURO_OK || result == OURO_ENOMEM); }

/* Allocate in many ways; returns how many allocations there were. */
static unsigned allocate(void) {
  unsigned made = 0;
  for (size_t size = 1; size < 400000; size = size * 3 / 2 + 1) {
    void *blocks[3] = {ouro_malloc(size), (ouro_malloc)(size), ouro_calloc(1, size)};
    for (int i = 0; i < 3; i++) {
      made += blocks[i] != NULL;
      ouro_free(blocks[i]);
    }
  }
  return made;
}

static void look(void) {
  unsigned count = 0;
  char path[64];
  no_memory_or_done(ouro_trace_each_site(count_site, &count));
  no_memory_or_done(ouro_trace_each_pin(count_pin, &count));
  snprintf(path, sizeof path, "%s/copy", point.directory);
  no_memory_or_done(ouro_trace_write(path, true));
}

static void fork_once(void) {
  pid_t child = fork();
  TEST_CHECK(child >= 0);
  if (child == 0) {
    allocate();
    ouro__trace_exit();
    test_exit(0);
  }
  int status;
  TEST_CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void run_point(void *arg) {
  bool in_file = *(const bool *)arg;
  ouro_trace_options options = OURO_TRACE_OPTIONS_INIT;
  ouro_free(ouro_malloc(10)); /* the heap is there */
  ouro__os_fail(point.skip, point.count);
  if (in_file) ouro__trace_publish(point.directory, true);
  int result = ouro_trace_start(&options);
  no_memory_or_done(result);
  unsigned made = allocate();
  if (result == OURO_OK) {
    look();
    fork_once();
    ouro_trace_clear();
    allocate();
    ouro_trace_stop();
  }
  bool hit = ouro__os_fail_hits() > 0;
  ouro__os_fail(0, 0);
  TEST_CHECK(hit || result == OURO_OK);
  TEST_HEAP_IS_SOUND();
  if (ouro_trace_start(&options) != OURO_OK) test_failed("tracing begins when the system is well again", __FILE__, __LINE__);
  made = allocate();
  ouro_trace_totals totals = totals_now();
  TEST_CHECK(totals.allocated_blocks + totals.lost == made);
  TEST_CHECK(totals.live_blocks == 0 && totals.live_bytes == 0);
  CHECK_TOTALS();
  look();
  test_exit(hit ? 0 : 77);
}

/* Returns how many points there were before none was hit any more. */
static long run_all(long count, bool in_file) {
  for (long skip = 0; skip < 10000; skip++) {
    point.skip = skip;
    point.count = count;
    point.directory = directory_new();
    test_result result = test_in_child(run_point, &in_file, 60);
    directory_delete(point.directory);
    if (WIFEXITED(result.status) && WEXITSTATUS(result.status) == 77) return skip;
    if (result.status != 0) printf("# call %ld, %ld times\n", skip, count);
    TEST_CHILD_PASSED(&result);
  }
  return -1;
}

static void each_call_fails_once(void **state) {
  (void)state;
  assert_in_range(run_all(1, false), 10, 9999);
}
static void each_call_fails_for_ever(void **state) {
  (void)state;
  assert_in_range(run_all(-1, false), 10, 9999);
}
static void each_call_fails_once_with_a_file(void **state) {
  (void)state;
  assert_in_range(run_all(1, true), 5, 9999);
}
static void each_call_fails_for_ever_with_a_file(void **state) {
  (void)state;
  assert_in_range(run_all(-1, true), 5, 9999);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_call_fails_once),
      cmocka_unit_test(each_call_fails_for_ever),
      cmocka_unit_test(each_call_fails_once_with_a_file),
      cmocka_unit_test(each_call_fails_for_ever_with_a_file),
  };
  return cmocka_run_group_tests_name("trace faults", tests, NULL, NULL);
}
