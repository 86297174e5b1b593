/* exchange.c - every thread allocates parcels of blocks, sends each to another thread at random, and frees what is sent to it:
 * each block is freed by a thread that did not allocate it, with more threads than processors.
 *
 * Arguments: threads, parcels of each thread, blocks of a parcel, smallest size, largest size (0: mixed sizes).
 * A parcel's list of blocks is a block of the heap itself. A thread with too many parcels on their way empties its own box
 * until some have arrived, so that live memory is bounded even where a thread waits long for a processor. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "work.h"

enum { MAX_THREADS = 64, MAX_ON_THE_WAY = 16 };

typedef struct parcel {
  struct parcel *next;
  size_t from;
  void *blocks[];
} parcel;

/* One thread's box, on cache lines of its own. */
typedef struct box {
  _Alignas(128) _Atomic(parcel *) parcels; /* pushed by the senders, all taken at once by the owner */
  _Atomic size_t on_the_way;               /* parcels that the owner sent and nobody has freed yet */
} box;

static box boxes[MAX_THREADS];
static size_t threads, parcels_each, parcel_blocks, size_low, size_high;
static _Atomic size_t senders;

static void parcel_free(parcel *p) {
  for (size_t i = 0; i < parcel_blocks; i++) free(p->blocks[i]);
  atomic_fetch_sub_explicit(&boxes[p->from].on_the_way, 1, memory_order_release);
  free(p);
}

static size_t box_empty(box *own) {
  size_t taken = 0;
  parcel *p = atomic_exchange_explicit(&own->parcels, NULL, memory_order_acquire);
  while (p != NULL) {
    parcel *next = p->next;
    parcel_free(p);
    p = next;
    taken++;
  }
  return taken;
}

static parcel *parcel_new(uint64_t *state, size_t from) {
  parcel *p = malloc(sizeof *p + parcel_blocks * sizeof p->blocks[0]);
  if (p == NULL) work_fail("malloc");
  p->from = from;
  for (size_t i = 0; i < parcel_blocks; i++) p->blocks[i] = work_block(work_size(state, size_low, size_high));
  return p;
}

static void parcel_send(parcel *p, box *to) {
  parcel *head = atomic_load_explicit(&to->parcels, memory_order_relaxed);
  do {
    p->next = head;
  } while (!atomic_compare_exchange_weak_explicit(&to->parcels, &head, p, memory_order_release, memory_order_relaxed));
}

static void *work(void *arg) {
  box *own = arg;
  size_t self = (size_t)(own - boxes);
  uint64_t state = self + 1;
  for (size_t i = 0; i < parcels_each; i++) {
    size_t to = (self + 1 + work_below(&state, threads - 1)) % threads;
    atomic_fetch_add_explicit(&own->on_the_way, 1, memory_order_relaxed);
    parcel_send(parcel_new(&state, self), &boxes[to]);
    box_empty(own);
    while (atomic_load_explicit(&own->on_the_way, memory_order_acquire) >= MAX_ON_THE_WAY) {
      if (box_empty(own) == 0) sched_yield();
    }
  }
  atomic_fetch_sub(&senders, 1);
  while (atomic_load(&senders) > 0) {
    if (box_empty(own) == 0) sched_yield();
  }
  box_empty(own);
  return NULL;
}

int main(int argc, char **argv) {
  pthread_t ids[MAX_THREADS];
  threads = work_number(argc, argv, 1, 8);
  parcels_each = work_number(argc, argv, 2, 1500);
  parcel_blocks = work_number(argc, argv, 3, 500);
  size_low = work_number(argc, argv, 4, 16);
  size_high = work_number(argc, argv, 5, 512);
  if (threads < 2 || threads > MAX_THREADS) work_fail("arguments");
  atomic_store(&senders, threads);

  work_clock clock = {0};
  work_start(&clock);
  for (size_t i = 0; i < threads; i++) {
    if (pthread_create(&ids[i], NULL, work, &boxes[i]) != 0) work_fail("pthread_create");
  }
  for (size_t i = 0; i < threads; i++) pthread_join(ids[i], NULL);
  work_stop(&clock);
  work_report(&clock, threads * parcels_each * parcel_blocks);
  return 0;
}
