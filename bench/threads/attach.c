/* attach.c - threads that live for a short time: each makes some objects, drops them, and ends.
 *
 * Arguments: objects, at most ten; threads, one after the other. Prints thread_us, wall time of each, from its creation until it was
 * joined, and cpu_us. */
#define _GNU_SOURCE
#include <time.h>

#include "team.h"

enum { OBJECTS_MOST = 10 };

static size_t objects;

static void *live_shortly(void *arg) {
  node *held[OBJECTS_MOST];
  for (size_t i = 0; i < objects; i++) {
    held[i] = node_new();
    FORGET(held[i]);
  }
  for (size_t i = 0; i < objects; i++) node_release(held[i]);
  return arg;
}

static void one_thread(void) {
  pthread_t id;
  if (pthread_create(&id, NULL, live_shortly, NULL) != 0) work_fail("pthread_create");
  WAIT(pthread_join(id, NULL));
}

static double now(void) {
  struct timespec t;
  if (clock_gettime(CLOCK_MONOTONIC, &t) != 0) work_fail("clock_gettime");
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(int argc, char **argv) {
  objects = work_number(argc, argv, 1, OBJECTS_MOST);
  size_t threads = work_number(argc, argv, 2, 100);
  if (objects > OBJECTS_MOST) work_fail("too many objects");
  system_start();
  one_thread();
  double from = now(), cpu_from = measure_now();
  for (size_t i = 0; i < threads; i++) one_thread();
  measure_report("thread_us", (now() - from) / (double)threads / 1e3);
  measure_report("cpu_us", (measure_now() - cpu_from) / (double)threads / 1e3);
  return 0;
}
