/* team.c - threads that begin together and end when the time is over; team.h says what each function is for. */
#define _GNU_SOURCE
#include "team.h"

#include <string.h>
#include <time.h>

atomic_bool team_over;
static pthread_barrier_t line;

static double now(clockid_t clock) {
  struct timespec t;
  if (clock_gettime(clock, &t) != 0) work_fail("clock_gettime");
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

void team_wait_for_all(void) { pthread_barrier_wait(&line); }

void team_clocks_start(member *self) {
  self->wall_ns = now(CLOCK_MONOTONIC);
  self->cpu_ns = now(CLOCK_THREAD_CPUTIME_ID);
}

void team_end(member *self) {
  self->cpu_ns = now(CLOCK_THREAD_CPUTIME_ID) - self->cpu_ns;
  self->wall_ns = now(CLOCK_MONOTONIC) - self->wall_ns;
}

typedef struct start {
  team *all;
  member *self;
} start;

static void *run(void *arg) {
  start own = *(start *)arg;
  own.all->work(own.self);
  return NULL;
}

void team_start(team *all, size_t threads, void (*work)(member *), void *given, size_t milliseconds) {
  pthread_t ids[TEAM_MOST];
  start starts[TEAM_MOST];
  if (threads == 0 || threads > TEAM_MOST) work_fail("more threads than there is room for");
  memset(all, 0, sizeof *all);
  all->threads = threads;
  all->work = work;
  atomic_store(&team_over, false);
  if (pthread_barrier_init(&line, NULL, (unsigned)threads + 1) != 0) work_fail("pthread_barrier_init");
  for (size_t i = 0; i < threads; i++) {
    all->members[i].number = i;
    all->members[i].given = given;
    starts[i] = (start){all, &all->members[i]};
    if (pthread_create(&ids[i], NULL, run, &starts[i]) != 0) work_fail("pthread_create");
  }
  pthread_barrier_wait(&line);
  work_sleep(milliseconds);
  atomic_store(&team_over, true);
  for (size_t i = 0; i < threads; i++) pthread_join(ids[i], NULL);
  pthread_barrier_destroy(&line);
}

double team_rate(const team *all) {
  double rate = 0;
  for (size_t i = 0; i < all->threads; i++) rate += (double)all->members[i].done / all->members[i].wall_ns;
  return rate * 1e3;
}

double team_cpu_ns(const team *all) {
  double cpu = 0, done = 0;
  for (size_t i = 0; i < all->threads; i++) {
    cpu += all->members[i].cpu_ns;
    done += (double)all->members[i].done;
  }
  if (done == 0) work_fail("nothing was done in that time");
  return cpu / done;
}

void team_report(const team *all) {
  measure_report("rate", team_rate(all));
  measure_report("cpu_ns", team_cpu_ns(all));
}

size_t team_word(int argc, char **argv, int index, const char *const *words) {
  for (size_t i = 0; index < argc && words[i] != NULL; i++) {
    if (strcmp(argv[index], words[i]) == 0) return i;
  }
  work_fail("an argument is not one of its words");
}
