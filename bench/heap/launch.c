/* launch.c - runs one program and writes what it took to a file: wall time, user and system time, peak resident memory, the
 * status.
 *
 * Arguments: the file, then the program and its arguments. The program gets this process's environment. The peak that the
 * kernel reports for a child includes that of the process which it was before exec; this one is linked statically and small,
 * so that the figure is the program's own. No library is preloaded into a static program. */
#define _GNU_SOURCE
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double seconds_of(struct timeval t) {
  return (double)t.tv_sec + (double)t.tv_usec * 1e-6;
}

int main(int argc, char **argv) {
  pid_t child;
  int status = 0;
  struct rusage usage;
  if (argc < 3) return 2;
  double from = now();
  int error = posix_spawnp(&child, argv[2], NULL, NULL, argv + 2, environ);
  if (error != 0) {
    fprintf(stderr, "launch: %s: %s\n", argv[2], strerror(error));
    return 2;
  }
  while (wait4(child, &status, 0, &usage) < 0) {
    if (errno != EINTR) return 2;
  }
  double wall = now() - from;
  FILE *report = fopen(argv[1], "w");
  if (report == NULL) return 2;
  fprintf(report, "seconds %.6f\nuser %.6f\nsystem %.6f\npeak_kb %ld\n", wall, seconds_of(usage.ru_utime),
          seconds_of(usage.ru_stime), usage.ru_maxrss);
  fprintf(report, "exit %d\nsignal %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1,
          WIFSIGNALED(status) ? WTERMSIG(status) : 0);
  return fclose(report) == 0 ? 0 : 2;
}
