/* thread/open.c - objects that are open to readers: see thread.h.
 *
 *   reader                                 who closes it
 *   reading = object                       clears OPEN
 *   (the processor may delay that)         every processor that runs a thread of ours passes a barrier
 *   OPEN?                                  is anybody reading the object? Then wait
 *
 * Either the reader's store is seen here, or its look comes after the barrier and finds the object closed. */
#define _GNU_SOURCE
#include <sched.h>

#include "thread/registry.h"

_Static_assert(OURO_OPEN_BIT == 128, "a bit of the header's second word that nothing else uses");

void ouro__open(void *object) {
  if (!ouro__has_barrier()) return;
  atomic_fetch_or_explicit(ouro__lock_word(object), OURO_OPEN_BIT, memory_order_release);
}

/* Its storage stays as long as the record's lock is held. */
static bool is_reading(ouro__thread *thread, const void *object) {
  bool reading = false;
  ouro__acquire(&thread->lock);
  if (thread->here && thread->here != &ouro__at) {
    reading = ouro__load_acquire((_Atomic(const void *) *)(void *)&thread->here->reading) == object; /* pairs with the end of the read */
  }
  ouro__release(&thread->lock);
  return reading;
}

void ouro__close(void *object) {
  atomic_fetch_and_explicit(ouro__lock_word(object), ~(uint32_t)OURO_OPEN_BIT, memory_order_seq_cst);
  ouro__barrier_all();
  for (uint32_t i = 1; i <= ouro__load_acquire(&ouro__threads_top); i++) {
    ouro__thread *thread = ouro__load_relaxed(&ouro__threads[i]);
    while (is_reading(thread, object)) sched_yield();
  }
}
