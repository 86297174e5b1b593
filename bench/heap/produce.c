/* produce.c - one thread allocates and writes blocks, another reads and frees them; batches pass through a bounded queue.
 *
 * Arguments: blocks, smallest size, largest size (0: mixed sizes), pairs of threads. */
#include <pthread.h>

#include "work.h"

enum { BATCH = 256, BATCHES = 32, MAX_PAIRS = 16 };

/* A ring of batches. `filled` of them wait for the consumer, beginning at `first`; both under `lock`. Of the batches
 * themselves each thread touches only those that are its own at the moment. */
typedef struct queue {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  size_t first, filled;
  void *blocks[BATCHES][BATCH];
} queue;

typedef struct pair {
  queue ring;
  uint64_t state;
  pthread_t producer, consumer;
} pair;

static size_t batches, size_low, size_high;

/* Waits until the number of filled batches is another than `filled_unlike`: 0 for the consumer, BATCHES for the producer. Returns
 * the batch that the caller may then use. */
static size_t queue_wait(queue *q, size_t filled_unlike) {
  pthread_mutex_lock(&q->lock);
  while (q->filled == filled_unlike) pthread_cond_wait(&q->changed, &q->lock);
  size_t at = filled_unlike == 0 ? q->first : (q->first + q->filled) % BATCHES;
  pthread_mutex_unlock(&q->lock);
  return at;
}

static void queue_added(queue *q) {
  pthread_mutex_lock(&q->lock);
  q->filled++;
  pthread_cond_signal(&q->changed);
  pthread_mutex_unlock(&q->lock);
}

static void queue_taken(queue *q) {
  pthread_mutex_lock(&q->lock);
  q->filled--;
  q->first = (q->first + 1) % BATCHES;
  pthread_cond_signal(&q->changed);
  pthread_mutex_unlock(&q->lock);
}

static void *produce(void *arg) {
  pair *p = arg;
  for (size_t i = 0; i < batches; i++) {
    void **batch = p->ring.blocks[queue_wait(&p->ring, BATCHES)];
    for (size_t k = 0; k < BATCH; k++) batch[k] = work_block(work_size(&p->state, size_low, size_high));
    queue_added(&p->ring);
  }
  return NULL;
}

static void *consume(void *arg) {
  pair *p = arg;
  for (size_t i = 0; i < batches; i++) {
    void **batch = p->ring.blocks[queue_wait(&p->ring, 0)];
    for (size_t k = 0; k < BATCH; k++) {
      if (*(volatile char *)batch[k] != 1) work_fail("a block has changed");
      free(batch[k]);
    }
    queue_taken(&p->ring);
  }
  return NULL;
}

static void pair_start(pair *p, uint64_t seed) {
  p->state = seed;
  if (pthread_mutex_init(&p->ring.lock, NULL) != 0) work_fail("pthread_mutex_init");
  if (pthread_cond_init(&p->ring.changed, NULL) != 0) work_fail("pthread_cond_init");
  if (pthread_create(&p->producer, NULL, produce, p) != 0) work_fail("pthread_create");
  if (pthread_create(&p->consumer, NULL, consume, p) != 0) work_fail("pthread_create");
}

int main(int argc, char **argv) {
  static pair pairs[MAX_PAIRS];
  size_t blocks = work_number(argc, argv, 1, 6000000);
  size_low = work_number(argc, argv, 2, 512);
  size_high = work_number(argc, argv, 3, size_low);
  size_t count = work_number(argc, argv, 4, 1);
  if (count == 0 || count > MAX_PAIRS) work_fail("arguments");
  batches = blocks / count / BATCH;

  work_clock clock = {0};
  work_start(&clock);
  for (size_t i = 0; i < count; i++) pair_start(&pairs[i], i + 1);
  for (size_t i = 0; i < count; i++) {
    pthread_join(pairs[i].producer, NULL);
    pthread_join(pairs[i].consumer, NULL);
  }
  work_stop(&clock);
  work_report(&clock, batches * BATCH * count);
  return 0;
}
