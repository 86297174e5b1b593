/* stop.c - how long it takes until all threads stand still: half of them sleep in the system, nearly always, and the others make
 * objects, in rings of three, with safepoints between them. One more asks for a full collection every millisecond.
 *
 * Arguments: threads, milliseconds. Prints, in microseconds, from asking until all stood still: half_us, most_us (99 in 100) and
 * longest_us of these collections, each by itself; all_most_us and all_longest_us of all stops, those that the threads' own
 * collections asked for too: the former is the upper end of the power of two that 99 in 100 lie below; stood_us, how long all stood
 * still each time; how many stops there were, how many were given up; and rate, million objects a second made meanwhile. */
#include "team.h"

enum { SLEEP_MS = 1, LOOKS_MOST = 100000 };

static double took[LOOKS_MOST]; /* microseconds */
static size_t looks, threads;

static void ring(void) {
  node *a = node_new(), *b = node_new(), *c = node_new();
  node_set(&a->left, b);
  node_set(&b->left, c);
  node_retain(a);
  node_set(&c->left, a);
  node_release(a);
}

static void sleep_often(member *self) {
  while (team_goes_on()) {
    WAIT(work_sleep(SLEEP_MS));
    ring();
    self->done += 3;
  }
}

static void make(member *self) {
  while (team_goes_on()) {
    REPEAT { ring(); }
    self->done += TEAM_BATCH * 3;
  }
}

static ouro_stop_stats stats(void) {
  ouro_stop_stats now;
  ouro_stop_stats_get(&now);
  return now;
}

/* Another thread's collection may come in between, or do this one's work: then nothing is known of this one. */
static void collect_once(void) {
  ouro_stop_stats before = stats();
  system_collect();
  ouro_stop_stats after = stats();
  if (after.stops == before.stops + 1) took[looks++] = (double)(after.waited_ns - before.waited_ns) / 1e3;
}

/* Where the machine is so busy that none was of use, some more. */
static void collect_often(void) {
  for (size_t tries = 0; looks < LOOKS_MOST && (team_goes_on() || (looks == 0 && tries < 1000)); tries++) {
    WAIT(work_sleep(SLEEP_MS));
    collect_once();
  }
}

static void work(member *self) {
  ring();
  team_begin(self);
  if (self->number == threads) {
    collect_often();
  } else if (self->number % 2 == 0) {
    sleep_often(self);
  } else {
    make(self);
  }
  team_end(self);
}

/* The microseconds that 99 in 100 of all stops lie below, as far as powers of two tell. */
static double most_of_all(const ouro_stop_stats *all) {
  uint64_t below = 0;
  unsigned i = 0, last = sizeof all->took / sizeof all->took[0] - 1;
  for (below = all->took[0]; i < last && below * 100 < all->stops * 99; below += all->took[i]) i++;
  return (double)(UINT64_C(1) << i);
}

int main(int argc, char **argv) {
  static team all;
  threads = work_number(argc, argv, 1, 8);
  system_start();
  team_run(&all, threads + 1, work, NULL, work_number(argc, argv, 2, 100));
  if (looks == 0) work_fail("no collection stopped the world");
  ouro_stop_stats end = stats();
  measure_report("half_us", measure_median(took, looks)); /* which sorts them */
  measure_report("most_us", took[looks * 99 / 100]);
  measure_report("longest_us", took[looks - 1]);
  measure_report("all_most_us", most_of_all(&end));
  measure_report("all_longest_us", (double)end.longest_ns / 1e3);
  measure_report("stood_us", (double)end.stopped_ns / (double)end.stops / 1e3);
  measure_report("stops", (double)end.stops);
  measure_report("given_up", (double)end.given_up);
  measure_report("rate", team_rate(&all));
  return 0;
}
