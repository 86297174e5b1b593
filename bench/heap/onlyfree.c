/* onlyfree.c - threads replace random blocks of what they hold, and one other thread, which never allocates, frees all that
 * they replace. Live memory is bounded, so resident memory should stay where it was after the start.
 *
 * Arguments: allocating threads, blocks that each holds, smallest size, largest size (0: mixed sizes), replacements in all,
 * milliseconds of idling at the end. Resident memory is printed without the program's own tables: when all blocks are
 * allocated (start), when the replacements are done (end), and when all is freed and the process has idled (freed); bench/run
 * adds the peak. */
#define _GNU_SOURCE
#include <pthread.h>

#include "work.h"

enum { BATCH = 256, BATCHES = 32, MAX_THREADS = 16 };

/* A ring of batches that wait to be freed; all fields under `lock`. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static void *waiting[BATCHES][BATCH];
static size_t first, filled;
static size_t allocating;

/* The moment between the filling and the replacing, for the first look at the memory. */
static pthread_barrier_t filled_all, looked;

typedef struct holder {
  void **blocks;
  uint64_t state;
  pthread_t thread;
} holder;

static size_t threads, held, size_low, size_high, replacements_each;

static void batch_send(void **batch) {
  pthread_mutex_lock(&lock);
  while (filled == BATCHES) pthread_cond_wait(&changed, &lock);
  void **to = waiting[(first + filled) % BATCHES];
  for (size_t i = 0; i < BATCH; i++) to[i] = batch[i];
  filled++;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}

/* Copies the oldest batch; false when nobody will send another. */
static int batch_take(void **batch) {
  pthread_mutex_lock(&lock);
  while (filled == 0 && allocating > 0) pthread_cond_wait(&changed, &lock);
  int found = filled > 0;
  if (found) {
    for (size_t i = 0; i < BATCH; i++) batch[i] = waiting[first][i];
    first = (first + 1) % BATCHES;
    filled--;
    pthread_cond_broadcast(&changed);
  }
  pthread_mutex_unlock(&lock);
  return found;
}

static void *free_all(void *arg) {
  void *batch[BATCH];
  while (batch_take(batch)) {
    for (size_t i = 0; i < BATCH; i++) free(batch[i]);
  }
  return arg;
}

/* Fills the holder's table, waits while the first look is taken, then replaces. */
static void *hold(void *arg) {
  holder *h = arg;
  void *batch[BATCH];
  for (size_t k = 0; k < held; k++) h->blocks[k] = work_block(work_size(&h->state, size_low, size_high));
  pthread_barrier_wait(&filled_all);
  pthread_barrier_wait(&looked);
  for (size_t done = 0; done < replacements_each; done += BATCH) {
    for (size_t i = 0; i < BATCH; i++) {
      size_t at = work_below(&h->state, held);
      batch[i] = h->blocks[at];
      h->blocks[at] = work_block(work_size(&h->state, size_low, size_high));
    }
    batch_send(batch);
  }
  pthread_mutex_lock(&lock);
  allocating--;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
  return NULL;
}

static void holders_start(holder *holders) {
  if (pthread_barrier_init(&filled_all, NULL, (unsigned)threads + 1) != 0) work_fail("pthread_barrier_init");
  if (pthread_barrier_init(&looked, NULL, (unsigned)threads + 1) != 0) work_fail("pthread_barrier_init");
  allocating = threads;
  for (size_t i = 0; i < threads; i++) {
    holders[i] = (holder){.blocks = work_table(held * sizeof(void *)), .state = i + 1};
    if (pthread_create(&holders[i].thread, NULL, hold, &holders[i]) != 0) work_fail("pthread_create");
  }
  pthread_barrier_wait(&filled_all);
}

int main(int argc, char **argv) {
  static holder holders[MAX_THREADS];
  pthread_t freeing;
  threads = work_number(argc, argv, 1, 2);
  held = work_number(argc, argv, 2, 140000);
  size_low = work_number(argc, argv, 3, 16);
  size_high = work_number(argc, argv, 4, 512);
  size_t idle = work_number(argc, argv, 6, 0);
  if (threads == 0 || threads > MAX_THREADS) work_fail("arguments");
  replacements_each = work_number(argc, argv, 5, 6000000) / threads;
  size_t tables = threads * held * sizeof(void *);
  holders_start(holders);
  work_resident_report("start", work_resident() - tables);

  work_clock clock = {0};
  work_start(&clock);
  if (pthread_create(&freeing, NULL, free_all, NULL) != 0) work_fail("pthread_create");
  pthread_barrier_wait(&looked);
  for (size_t i = 0; i < threads; i++) pthread_join(holders[i].thread, NULL);
  pthread_join(freeing, NULL);
  work_stop(&clock);
  work_resident_report("end", work_resident() - tables);

  for (size_t i = 0; i < threads; i++) {
    for (size_t k = 0; k < held; k++) free(holders[i].blocks[k]);
  }
  work_sleep(idle);
  work_resident_report("freed", work_resident() - tables);
  work_report(&clock, replacements_each * threads);
  return 0;
}
