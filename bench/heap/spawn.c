/* spawn.c - starts a program many times, one after the other, and reports the time and the peak resident memory of those.
 *
 * Arguments: times, program. The value of BENCH_PRELOAD becomes LD_PRELOAD of the program. This one is linked statically: no
 * library is preloaded into it, and the memory that a child shares with it before exec is less than any program's own. */
#define _GNU_SOURCE
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

static char preload[4096] = "LD_PRELOAD=";

static double children_cpu(void) {
  struct rusage usage;
  getrusage(RUSAGE_CHILDREN, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int start(char *program) {
  char *arguments[] = {program, NULL};
  char *environment[] = {preload, NULL};
  pid_t child;
  int status;
  if (posix_spawn(&child, program, NULL, NULL, arguments, environment) != 0) return -1;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  return status;
}

int main(int argc, char **argv) {
  long times = argc > 1 ? atol(argv[1]) : 500;
  char *program = argc > 2 ? argv[2] : (char[]){"/bin/true"};
  const char *library = getenv("BENCH_PRELOAD");
  if (library != NULL) strncat(preload, library, sizeof preload - strlen(preload) - 1);
  double from = now();
  for (long i = 0; i < times; i++) {
    if (start(program) != 0) {
      fprintf(stderr, "spawn: %s failed\n", program);
      return 1;
    }
  }
  double seconds = now() - from;
  struct rusage usage;
  getrusage(RUSAGE_CHILDREN, &usage);
  printf("ops %ld\nseconds %.6f\ncpu %.6f\npeak_kb %ld\n", times, seconds, children_cpu(), usage.ru_maxrss);
  return 0;
}
