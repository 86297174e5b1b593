/* produce.c - one thread makes families, an object with eight children each, and another drops them; or one thread does both.
 *
 * Batches of 64 families go through a queue of at most 16 batches, with a mutex and two conditions, as in many programs.
 *
 * Arguments: batches, threads (1 or 2). Prints family_ns, wall time of a part; and, of more such parts, in which memory is looked at:
 * peak_mib, the most above that of the start; growth: the most in three more parts by that; left_mib, when all has been dropped. */
#define _GNU_SOURCE
#include <time.h>

#include "family.h"

enum { BATCH = 64, ROOM = 16, PARTS = 3 };

typedef struct batch {
  family *families[BATCH];
} batch;

static struct {
  pthread_mutex_t lock;
  pthread_cond_t more, less;
  batch batches[ROOM];
  size_t first, count;
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER, .less = PTHREAD_COND_INITIALIZER};

static void wait_until(pthread_cond_t *condition, size_t not_this) {
  if (queue.count == not_this) WAIT(while (queue.count == not_this) pthread_cond_wait(condition, &queue.lock));
}

static void put(const batch *b) {
  WAIT(pthread_mutex_lock(&queue.lock));
  wait_until(&queue.less, ROOM);
  queue.batches[(queue.first + queue.count++) % ROOM] = *b;
  pthread_cond_signal(&queue.more);
  pthread_mutex_unlock(&queue.lock);
}

static void get(batch *b) {
  WAIT(pthread_mutex_lock(&queue.lock));
  wait_until(&queue.more, 0);
  *b = queue.batches[queue.first];
  queue.first = (queue.first + 1) % ROOM;
  queue.count--;
  pthread_cond_signal(&queue.less);
  pthread_mutex_unlock(&queue.lock);
}

static void make(batch *b) {
  for (size_t i = 0; i < BATCH; i++) b->families[i] = family_new();
}

static void drop(batch *b) {
  for (size_t i = 0; i < BATCH; i++) family_drop(b->families[i]);
}

static void *produce(void *batches) {
  for (size_t i = 0; i < *(size_t *)batches; i++) {
    batch b;
    make(&b);
    put(&b);
  }
  return NULL;
}

static size_t start, highest; /* bytes */

static void look(void) {
  size_t bytes = measure_resident();
  if (bytes > highest) highest = bytes;
}

/* The `number`th batch comes from the producer, or is made here. Where memory is looked at, now and then, time does not count. */
static void one_batch(size_t number, bool from_queue, bool looks) {
  batch b;
  if (from_queue) {
    get(&b);
  } else {
    make(&b);
  }
  if (looks && number % 64 == 0) look();
  drop(&b);
}

static void part(size_t batches, size_t threads, bool looks) {
  pthread_t producer;
  if (threads == 2 && pthread_create(&producer, NULL, produce, &batches) != 0) work_fail("pthread_create");
  for (size_t i = 0; i < batches; i++) one_batch(i, threads == 2, looks);
  if (threads == 2) WAIT(pthread_join(producer, NULL));
}

static double mib_above_start(size_t bytes) { return bytes > start ? (double)(bytes - start) / 1048576 : 0; }

static void report_memory(size_t batches, size_t threads) {
  part(batches, threads, true);
  size_t first = highest;
  for (size_t i = 0; i < PARTS; i++) part(batches, threads, true);
  measure_report("peak_mib", mib_above_start(highest));
  measure_report("growth", (double)highest / (double)first);
  measure_report("left_mib", mib_above_start(measure_resident()));
}

static double now(void) {
  struct timespec t;
  if (clock_gettime(CLOCK_MONOTONIC, &t) != 0) work_fail("clock_gettime");
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(int argc, char **argv) {
  size_t batches = work_number(argc, argv, 1, 100), threads = work_number(argc, argv, 2, 2);
  system_start();
  start = measure_resident();
  double from = now();
  part(batches, threads, false);
  measure_report("family_ns", (now() - from) / (double)(batches * BATCH));
  report_memory(batches, threads);
  return 0;
}
