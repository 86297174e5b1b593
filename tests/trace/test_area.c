/* tests/trace/test_area.c - the area in a file: whole at each moment for another process that reads it, and a file that cannot grow harms nobody.
 *
 * Each case runs in a child, since a process publishes its area once. */
#define OURO_TRACE
#include "area_check.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ouro/ouro.h>

#include "trace/trace.h"

/* ---------------------------------------------------------------- many sites: a stack for each number */

static void *at_stack(unsigned depth, unsigned path, size_t size);

static __attribute__((noinline)) void *left(unsigned depth, unsigned path, size_t size) {
  void *made = at_stack(depth, path, size);
  __asm__ volatile("" : "+r"(made)); /* no tail call */
  return made;
}
static __attribute__((noinline)) void *right(unsigned depth, unsigned path, size_t size) {
  void *made = at_stack(depth, path, size);
  __asm__ volatile("" : "+r"(made));
  return made;
}
static __attribute__((noinline)) void *at_stack(unsigned depth, unsigned path, size_t size) {
  if (depth == 0) return (ouro_malloc)(size);
  void *made = path & 1 ? left(depth - 1, path >> 1, size) : right(depth - 1, path >> 1, size);
  __asm__ volatile("" : "+r"(made));
  return made;
}

/* So many stacks of 14 calls; all blocks are freed. Returns how many allocations that was. */
static unsigned use_stacks(unsigned from, unsigned count) {
  for (unsigned path = from; path < from + count; path++) {
    void *block = at_stack(14, path, 1 + path % 2000);
    TEST_CHECK(block);
    ouro_free(block);
  }
  return count;
}

static void begin(const char *directory) {
  TEST_CHECK(ouro__trace_publish(directory, true));
  start_exact(64);
}

/* ---------------------------------------------------------------- somebody reads */

static int skip_pin(const ouro_trace_pin *pin, void *arg) {
  (void)pin;
  (void)arg;
  return 0;
}

/* The reader says that it has seen enough by a file. */
static const char *enough_in(const char *directory) {
  static char path[160];
  snprintf(path, sizeof path, "%s/enough", directory);
  return path;
}

static void grow_and_change(void *arg) {
  test_rng rng = {9};
  void *kept[64] = {0};
  begin(arg);
  for (unsigned i = 0; i < 16000 || access(enough_in(arg), F_OK) != 0; i += 50) {
    use_stacks(i % 16000, 50);
    for (int k = 0; k < 64; k++) {
      ouro_free(kept[k]);
      kept[k] = ouro_malloc(test_below(&rng, 200000));
    }
    if (i % 4000 == 3950) ouro_trace_clear();
    if (i % 500 == 0) TEST_CHECK(ouro_trace_each_pin(skip_pin, NULL) == 0);
  }
  for (int k = 0; k < 64; k++) ouro_free(kept[k]);
  ouro__trace_exit();
}

static void *in_child(void *arg) {
  test_result *result = ((void **)arg)[1];
  *result = test_in_child(grow_and_change, ((void **)arg)[0], 60);
  return NULL;
}

static bool is_trace(const char *directory, int *pid) {
  DIR *list = opendir(directory);
  bool found = false;
  for (struct dirent *entry; list && !found && (entry = readdir(list));) found = sscanf(entry->d_name, "%d.trace", pid) == 1;
  if (list) closedir(list);
  return found;
}

static void a_reader_finds_it_whole_at_any_moment(void **state) {
  (void)state;
  const char *directory = directory_new();
  test_result result;
  void *arg[2] = {(void *)(uintptr_t)directory, &result};
  pthread_t thread;
  int pid = 0;
  TEST_CHECK(pthread_create(&thread, NULL, in_child, arg) == 0);
  while (!is_trace(directory, &pid)) test_sleep_ms(1);
  unsigned looks = 0;
  for (bool ended = false; !ended;) {
    area_file file = area_open(directory, pid);
    if (!file.page) continue;
    ended = atomic_load(&file.page->state) == OURO_AREA_EXITED;
    CHECK_AREA(&file, ended);
    area_close(&file);
    if (++looks == 30) fclose(fopen(enough_in(directory), "w"));
  }
  pthread_join(thread, NULL);
  TEST_CHILD_PASSED(&result);
  assert_true(looks >= 30);
  directory_delete(directory);
}

/* ---------------------------------------------------------------- it cannot grow */

/* What could not be recorded is counted as lost; the rest is right. */
static void go_on_without_room(const char *directory, uint32_t wanted) {
  unsigned made = use_stacks(0, 2000);
  for (int i = 0; i < 100; i++) ouro_free(ouro_malloc(100)), made++; /* an old site, or a new one for which there is no room */
  ouro_trace_totals totals = totals_now();
  TEST_CHECK(totals.lost > 0);
  TEST_CHECK(totals.allocated_blocks + totals.lost == made);
  TEST_CHECK(totals.live_blocks == 0 && totals.live_bytes == 0);
  CHECK_TOTALS();
  area_file file = area_open(directory, getpid());
  if (file.page) {
    TEST_CHECK(file.page->broken == wanted);
    CHECK_AREA(&file, true);
  }
  ouro_trace_clear();
  ouro_trace_stop();
  start_exact(4);
  ouro_free(ouro_malloc(1));
  CHECK_TOTALS();
  ouro__trace_exit();
}

static void limit_the_file(void *arg) {
  struct rlimit limit = {OURO_AREA_PAGE_BYTES + 7 * OURO_AREA_CHUNK_BYTES, OURO_AREA_PAGE_BYTES + 7 * OURO_AREA_CHUNK_BYTES};
  begin(arg);
  TEST_CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  go_on_without_room(arg, EFBIG);
}

static void remove_the_directory(void *arg) {
  begin(arg);
  directory_delete(arg);
  go_on_without_room(arg, ENOENT);
}

static void fill_the_disk(void *arg) {
  char path[128];
  static char zeros[4096];
  begin(arg);
  snprintf(path, sizeof path, "%s/filler", (const char *)arg);
  FILE *file = fopen(path, "wb");
  TEST_CHECK(file);
  setvbuf(file, NULL, _IONBF, 0);
  while (fwrite(zeros, sizeof zeros, 1, file) == 1) {
  }
  fclose(file);
  errno = 0;
  go_on_without_room(arg, ENOSPC);
}

static void run_in_directory(void (*body)(void *)) {
  const char *directory = directory_new();
  test_result result = test_in_child(body, (void *)(uintptr_t)directory, 60);
  TEST_CHILD_PASSED(&result);
  directory_delete(directory);
}

static void a_limit_of_file_sizes_disturbs_nobody(void **state) {
  (void)state;
  run_in_directory(limit_the_file);
}

static void a_directory_that_is_removed_disturbs_nobody(void **state) {
  (void)state;
  run_in_directory(remove_the_directory);
}

static void a_full_disk_disturbs_nobody(void **state) {
  (void)state;
  const char *directory = directory_new();
  if (mount("none", directory, "tmpfs", 0, "size=1m") != 0) {
    directory_delete(directory);
    skip(); /* not allowed here */
  }
  test_result result = test_in_child(fill_the_disk, (void *)(uintptr_t)directory, 60);
  umount(directory);
  directory_delete(directory);
  TEST_CHILD_PASSED(&result);
}

/* Nothing may be left of a start that failed; without a file there is none. */
static void start_without_a_directory(void *arg) {
  (void)arg;
  TEST_CHECK(!ouro__trace_publish("/nonexistent/directory", true));
  TEST_CHECK(!ouro__trace_publish("", true));
  start_exact(4);
  void *block = ouro_malloc(10);
  TEST_CHECK(totals_now().live_bytes == 10);
  ouro_free(block);
  CHECK_TOTALS();
}

static void a_directory_that_is_not_there_leaves_plain_memory(void **state) {
  (void)state;
  run_in_directory(start_without_a_directory);
}

/* ---------------------------------------------------------------- signals */

static void silent(int number) { (void)number; }

static void storm(const char *directory, void (*on_signal)(int)) {
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  struct itimerval often = {{0, 50}, {0, 50}}, never = {{0, 0}, {0, 0}};
  begin(directory);
  sigaction(SIGALRM, &action, NULL);
  setitimer(ITIMER_REAL, &often, NULL);
  use_stacks(0, (unsigned)test_count(16000, 2000));
  setitimer(ITIMER_REAL, &never, NULL);
  area_file file = area_open(directory, getpid());
  TEST_CHECK(file.page && file.page->broken == 0);
  CHECK_AREA(&file, true);
  CHECK_TOTALS();
}

static void storm_silently(void *arg) {
  storm(arg, silent);
  TEST_CHECK(totals_now().live_blocks == 0);
}

static void signals_interrupt_nothing(void **state) {
  (void)state;
  const char *directory = access("/dev/shm", W_OK) == 0 ? "/dev/shm/ouro-test-storm" : directory_new();
  mkdir(directory, 0700);
  test_result result = test_in_child(storm_silently, (void *)(uintptr_t)directory, 60);
  directory_delete(directory);
  TEST_CHILD_PASSED(&result);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_reader_finds_it_whole_at_any_moment),
      cmocka_unit_test(a_limit_of_file_sizes_disturbs_nobody),
      cmocka_unit_test(a_directory_that_is_removed_disturbs_nobody),
      cmocka_unit_test(a_full_disk_disturbs_nobody),
      cmocka_unit_test(a_directory_that_is_not_there_leaves_plain_memory),
      cmocka_unit_test(signals_interrupt_nothing),
  };
  return cmocka_run_group_tests_name("trace area", tests, NULL, NULL);
}
