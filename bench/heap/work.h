/* work.h - what every workload needs besides its own loop: numbers from the command line, a clock that runs only between
 * start and stop, random numbers, tables that the allocator under test does not serve, and the report.
 *
 * A workload prints lines "name value", which bench/run reads:
 *   malloc PATH    the file that serves malloc in this process, so that a preload without effect is noticed
 *   ops N          operations of the measured part
 *   seconds S      wall time of the measured part
 *   cpu S          user and system time of the measured part, all threads of the process together
 *   resident L MB  resident memory at the moment L, in the workloads that watch memory over time
 *
 * A workload does nothing but its loop: it calls no function that is particular to an allocator. */
#ifndef WORK_H
#define WORK_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Prints `what` and ends the process with status 1: a workload that could not do its work has measured nothing. */
_Noreturn void work_fail(const char *what);

/* Argument `index` as a number, or `fallback` where there are fewer arguments. */
size_t work_number(int argc, char **argv, int index, size_t fallback);

/* `bytes` of zeroed memory, already touched, straight from the system: bookkeeping must not disturb the heap under test. */
void *work_table(size_t bytes);
void work_table_free(void *table, size_t bytes);

/* A stopwatch that may be stopped and started again, so that a shuffle between two rounds is not counted. */
typedef struct work_clock {
  double seconds; /* wall time while it ran */
  double cpu;     /* time of the process on all processors while it ran */
  double wall_from;
  double cpu_from;
} work_clock;

void work_start(work_clock *clock);
void work_stop(work_clock *clock);

/* Prints malloc, ops, seconds and cpu. */
void work_report(const work_clock *clock, size_t ops);

/* Resident memory of the process now, in bytes, without allocating. */
size_t work_resident(void);

/* Prints one `resident` line. */
void work_resident_report(const char *moment, size_t bytes);

void work_sleep(size_t milliseconds);

/* Random numbers: a xorshift generator with a multiplied output. `state` must not be 0. */
static inline uint64_t work_random(uint64_t *state) {
  uint64_t x = *state;
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  *state = x;
  return x * UINT64_C(0x2545F4914F6CDD1D);
}

/* A number from 0 to `limit` - 1; `limit` fits in 32 bits. */
static inline size_t work_below(uint64_t *state, size_t limit) {
  return (size_t)(((work_random(state) >> 32) * limit) >> 32);
}

/* A number from `low` to `high`, both included. */
static inline size_t work_between(uint64_t *state, size_t low, size_t high) {
  return low + work_below(state, high - low + 1);
}

/* Sizes as programs ask for them: half up to 64 bytes, three in ten to 256, fifteen in a hundred to 1 KiB, the rest to 8 KiB. */
size_t work_mixed_size(uint64_t *state);

/* A size of the range; where `high` is 0, a mixed one. */
static inline size_t work_size(uint64_t *state, size_t low, size_t high) {
  if (high == 0) return work_mixed_size(state);
  return low == high ? low : work_between(state, low, high);
}

/* A block whose first and last bytes have been written, as whoever allocates one would. */
static inline void *work_block(size_t size) {
  char *block = malloc(size);
  if (block == NULL) work_fail("malloc");
  *(volatile char *)block = 1;
  *(volatile char *)(block + size - 1) = 1;
  return block;
}

/* Fills `order` with 0 to `count` - 1, shuffled. */
void work_shuffle(uint32_t *order, size_t count, uint64_t seed);

#endif
