/* measure.c - time, memory and the report of the workloads of `bench/run gc`; measure.h says what each function is for. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "measure.h"

static size_t baseline, highest, before; /* bytes; `before` as the kernel counts its own peak */

/* The number behind `name` in a small file of /proc, in bytes, or 0; nothing is allocated. */
static size_t proc_kib(const char *path, const char *name) {
  char text[4096];
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  ssize_t length = read(fd, text, sizeof text - 1);
  close(fd);
  if (length <= 0) return 0;
  text[length] = '\0';
  const char *found = strstr(text, name);
  return found == NULL ? 0 : (size_t)strtoull(found + strlen(name), NULL, 10) * 1024;
}

size_t measure_resident(void) {
  size_t bytes = proc_kib("/proc/self/smaps_rollup", "\nAnonymous:");
  return bytes > 0 ? bytes : work_resident();
}

/* The kernel forgets its peak when 5 is written to clear_refs; where that is not allowed, the peak may be that of the start. */
void measure_baseline(void) {
  int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
  if (fd >= 0) {
    if (write(fd, "5", 1) != 1) work_fail("/proc/self/clear_refs");
    close(fd);
  }
  baseline = measure_resident();
  highest = baseline;
  before = proc_kib("/proc/self/status", "\nVmRSS:");
}

void measure_look(void) {
  size_t bytes = measure_resident();
  if (bytes > highest) highest = bytes;
}

void measure_report(const char *name, double value) { printf("%s %.4f\n", name, value); }

static double above(size_t bytes, size_t start) { return bytes > start ? (double)(bytes - start) : 0; }

void measure_report_looks(void) { measure_report("peak_kib", above(highest, baseline) / 1024); }

void measure_report_peak(void) {
  size_t peak = proc_kib("/proc/self/status", "\nVmHWM:");
  if (peak == 0) work_fail("/proc/self/status");
  measure_report("peak_mib", above(peak, before) / 1048576);
}

double measure_now(void) {
  struct timespec t;
  if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) != 0) work_fail("clock_gettime");
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double measure_median(double *values, size_t count) {
  if (count == 0) work_fail("a median of nothing");
  qsort(values, count, sizeof *values, ascending);
  return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}
