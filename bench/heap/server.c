/* server.c - a server loop after Larson and Krishnan (ISMM 1998): threads replace random blocks of a set, then end, and other
 * threads go on with the sets that they leave, so that most blocks are freed by a thread that did not allocate them.
 *
 * Arguments: threads, blocks of a set, smallest size, largest size, replacements in all, replacements of one thread's life.
 * There is one set more than there are threads. At the end of its life a thread lays its set into a tray and takes the set
 * that lay there; a new thread goes on with that one. With one thread, two sets take turns. */
#include <pthread.h>
#include <stdatomic.h>

#include "work.h"

enum { MAX_THREADS = 64 };

/* What the threads of one chain, one after the other, work on. Written by the thread of the chain that lives. */
typedef struct chain {
  void **set;
  uint64_t state;
  size_t left; /* replacements until the chain ends */
} chain;

static size_t set_blocks, size_low, size_high, life_ops;
static _Atomic(void **) tray;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t chain_ended = PTHREAD_COND_INITIALIZER;
static size_t chains_running;

static void chain_end(void) {
  pthread_mutex_lock(&lock);
  chains_running--;
  pthread_cond_signal(&chain_ended);
  pthread_mutex_unlock(&lock);
}

static void *life(void *arg);

static void chain_go_on(chain *c) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, life, c) != 0) work_fail("pthread_create");
  if (pthread_detach(thread) != 0) work_fail("pthread_detach");
}

static void *life(void *arg) {
  chain *c = arg;
  size_t ops = c->left < life_ops ? c->left : life_ops;
  for (size_t i = 0; i < ops; i++) {
    size_t at = work_below(&c->state, set_blocks);
    free(c->set[at]);
    c->set[at] = work_block(work_size(&c->state, size_low, size_high));
  }
  c->left -= ops;
  c->set = atomic_exchange(&tray, c->set);
  if (c->left == 0) {
    chain_end();
  } else {
    chain_go_on(c);
  }
  return NULL;
}

static void **set_new(uint64_t *state) {
  void **set = work_table(set_blocks * sizeof *set);
  for (size_t i = 0; i < set_blocks; i++) set[i] = work_block(work_size(state, size_low, size_high));
  return set;
}

int main(int argc, char **argv) {
  static chain chains[MAX_THREADS];
  size_t threads = work_number(argc, argv, 1, 1);
  set_blocks = work_number(argc, argv, 2, 10000);
  size_low = work_number(argc, argv, 3, 16);
  size_high = work_number(argc, argv, 4, 1000);
  size_t ops = work_number(argc, argv, 5, 8000000);
  life_ops = work_number(argc, argv, 6, 50000);
  if (threads == 0 || threads > MAX_THREADS || life_ops == 0 || ops < threads) work_fail("arguments");
  uint64_t state = 11;
  atomic_store(&tray, set_new(&state));
  for (size_t i = 0; i < threads; i++) chains[i] = (chain){set_new(&state), i + 1, ops / threads};
  chains_running = threads;

  work_clock clock = {0};
  work_start(&clock);
  for (size_t i = 0; i < threads; i++) chain_go_on(&chains[i]);
  pthread_mutex_lock(&lock);
  while (chains_running > 0) pthread_cond_wait(&chain_ended, &lock);
  pthread_mutex_unlock(&lock);
  work_stop(&clock);
  work_report(&clock, ops);
  return 0;
}
