/* work.c - clock, report and tables for the workloads; work.h says what each function is for. */
#define _GNU_SOURCE
#include "work.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

void work_fail(const char *what) {
  fprintf(stderr, "workload failed: %s\n", what);
  exit(1);
}

size_t work_number(int argc, char **argv, int index, size_t fallback) {
  if (index >= argc) return fallback;
  char *end = NULL;
  unsigned long long value = strtoull(argv[index], &end, 10);
  if (end == argv[index] || *end != '\0') work_fail("an argument is not a number");
  return (size_t)value;
}

void *work_table(size_t bytes) {
  void *table = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (table == MAP_FAILED) work_fail("mmap");
  return table;
}

void work_table_free(void *table, size_t bytes) {
  if (munmap(table, bytes) != 0) work_fail("munmap");
}

static double clock_read(clockid_t id) {
  struct timespec t;
  if (clock_gettime(id, &t) != 0) work_fail("clock_gettime");
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void work_start(work_clock *clock) {
  clock->cpu_from = clock_read(CLOCK_PROCESS_CPUTIME_ID);
  clock->wall_from = clock_read(CLOCK_MONOTONIC);
}

void work_stop(work_clock *clock) {
  clock->seconds += clock_read(CLOCK_MONOTONIC) - clock->wall_from;
  clock->cpu += clock_read(CLOCK_PROCESS_CPUTIME_ID) - clock->cpu_from;
}

/* dlsym, and not &malloc, which may be the address of this program's own PLT entry. */
static const char *malloc_file(void) {
  Dl_info info;
  void *address = dlsym(RTLD_DEFAULT, "malloc");
  if (address == NULL || dladdr(address, &info) == 0) return "unknown";
  return info.dli_fname;
}

void work_report(const work_clock *clock, size_t ops) {
  printf("malloc %s\nops %zu\nseconds %.6f\ncpu %.6f\n", malloc_file(), ops, clock->seconds, clock->cpu);
}

size_t work_resident(void) {
  char text[128];
  int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (length <= 0) work_fail("/proc/self/statm");
  close(fd);
  text[length] = '\0';
  const char *second = strchr(text, ' ');
  if (second == NULL) work_fail("/proc/self/statm");
  return (size_t)strtoull(second, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}

/* Written at once and past stdio, whose buffer would come from the heap under test. */
void work_resident_report(const char *moment, size_t bytes) {
  char line[160];
  int length = snprintf(line, sizeof line, "resident %s %.1f\n", moment, (double)bytes / 1048576.0);
  if (length <= 0 || write(STDOUT_FILENO, line, (size_t)length) != length) work_fail("write");
}

void work_sleep(size_t milliseconds) {
  struct timespec left = {(time_t)(milliseconds / 1000), (long)(milliseconds % 1000) * 1000000L};
  while (nanosleep(&left, &left) != 0) {
  }
}

size_t work_mixed_size(uint64_t *state) {
  size_t share = work_below(state, 100);
  if (share < 50) return work_between(state, 16, 64);
  if (share < 80) return work_between(state, 65, 256);
  if (share < 95) return work_between(state, 257, 1024);
  return work_between(state, 1025, 8192);
}

void work_shuffle(uint32_t *order, size_t count, uint64_t seed) {
  for (size_t i = 0; i < count; i++) order[i] = (uint32_t)i;
  for (size_t i = count; i > 1; i--) {
    size_t j = work_below(&seed, i);
    uint32_t swap = order[i - 1];
    order[i - 1] = order[j];
    order[j] = swap;
  }
}
