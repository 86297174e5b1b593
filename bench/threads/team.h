/* team.h - what the workloads of `bench/run threads` need beside gc/measure.h: threads that begin together, work for a given time, and
 * count what they did.
 *
 * A member prepares what it needs, calls team_begin, works as long as team_goes_on(), at least once, and calls team_end; the time in
 * between is its own measured part. What it does at the end is not measured. Where a system must be told of waits
 * (ouro_blocking_begin), WAIT(...) tells it.
 *
 * Such a workload is given a time, not a number of operations: so slow systems take no longer, and all threads work to the end. */
#ifndef TEAM_H
#define TEAM_H

#include <pthread.h>
#include <stdatomic.h>

#include "measure.h"

enum { TEAM_MOST = 64, TEAM_BATCH = 64 };

/* What is done between two looks at the clock's flag: enough that looking costs nothing, and little enough to end in time. */
#define REPEAT for (unsigned team_i = 0; team_i < TEAM_BATCH; team_i++)

#ifdef SYSTEM_OURO_H
#define WAIT(statement)                                                                                                                   \
  do {                                                                                                                                    \
    ouro_blocking_begin();                                                                                                                \
    statement;                                                                                                                            \
    ouro_blocking_end();                                                                                                                  \
  } while (0)
#else
#define WAIT(statement)                                                                                                                   \
  do {                                                                                                                                    \
    statement;                                                                                                                            \
  } while (0)
#endif

typedef struct member {
  _Alignas(128) size_t number; /* 0 to the number of threads less 1; each in cache lines of its own */
  void *given;                 /* what team_run was given */
  uint64_t done;               /* operations */
  double wall_ns, cpu_ns;      /* of the measured part */
} member;

typedef struct team {
  size_t threads;
  void (*work)(member *);
  member members[TEAM_MOST];
} team;

extern atomic_bool team_over;
static inline bool team_goes_on(void) { return !atomic_load_explicit(&team_over, memory_order_relaxed); }

void team_wait_for_all(void);
void team_clocks_start(member *self);
void team_end(member *self);

/* All members are ready, and begin. */
ALWAYS_INLINE void team_begin(member *self) {
  WAIT(team_wait_for_all());
  team_clocks_start(self);
}

/* Have `threads` of them work for that long; returns when all have ended. */
void team_start(team *all, size_t threads, void (*work)(member *), void *given, size_t milliseconds);
ALWAYS_INLINE void team_run(team *all, size_t threads, void (*work)(member *), void *given, size_t milliseconds) {
  WAIT(team_start(all, threads, work, given, milliseconds));
}

/* Million operations a second, of all together; and what one takes of processor time, in nanoseconds. */
double team_rate(const team *all);
double team_cpu_ns(const team *all);

/* Prints both: "rate" and "cpu_ns". */
void team_report(const team *all);

/* Argument `index` must be one of `words`, which end with NULL; its place among them. */
size_t team_word(int argc, char **argv, int index, const char *const *words);

#endif
