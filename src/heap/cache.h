/* heap/cache.h - what a thread keeps to itself: its bins (drawn in <ouro/inline.h>), and the heap that fills them.
 *
 * Batches go between bins and pools: a bin that is empty is filled with as many blocks as it was found to need, and of one that is
 * full the oldest leave. A thread that goes on freeing, and does not allocate, sees its bins shrink: what lies in them keeps pools
 * and pages from going back. */
#ifndef OURO_HEAP_CACHE_H
#define OURO_HEAP_CACHE_H

#include "heap/layout.h"

_Static_assert(sizeof(ouro__bin) == OURO__BIN_BYTES, "a bin's place is its class times 32: malloc reckons with it");

typedef struct ouro__cache {
  ouro__bins *bins;                 /* the thread's: `own`, or in its thread-local storage */
  ouro_heap *heap;                  /* allocates from it */
  struct ouro__cache *next, *prev;  /* all caches in use; or the unused ones. Heaps' lock */
#if !defined(OURO_BINS_IN_TLS)
  ouro__bins own;
  ouro__bins **shown;               /* the thread's ouro__my_bins: these bins, or, while paths are diverted, empty ones */
#endif
  void *slots[];
} ouro__cache;

/* The calling thread's cache, made when needed; NULL: the thread is ending, or there is no memory, and it goes without. */
ouro__cache *ouro__cache_mine(void);

/* The same, but NULL where there is none yet. */
ouro__cache *ouro__cache_mine_if_any(void);

/* A block from the class's bin, which is filled first where it is empty; NULL: no memory. */
void *ouro__cache_take(ouro__cache *cache, unsigned class_);

#if !defined(OURO_BINS_IN_TLS)
/* Lead every thread's fast paths to the slow ones (its bins look empty and full), or back. The bins themselves stay as they are. */
void ouro__caches_divert(bool on);
#endif

/* Put a block into its class's bin, which is emptied first where it is full. */
void ouro__cache_put(ouro__cache *cache, unsigned class_, void *block);

/* Move all blocks of all bins to their pools. */
void ouro__cache_flush_all(ouro__cache *cache);

/* In a child after fork: the caches of the threads that are not there are emptied and released. All locks are free. */
void ouro__cache_adopt_all(void);

/* All caches in use, under the heaps' lock, and how many there are. */
extern ouro__cache *ouro__caches;
extern _Atomic size_t ouro__caches_count;

/* The first slot of a bin. */
static inline void **ouro__bin_slots(const ouro__cache *cache, unsigned class_);

/* Blocks in a bin; of another thread's cache, about. */
static inline unsigned ouro__bin_count(const ouro__cache *cache, unsigned class_) {
  return (unsigned)(OURO__PEEK(&cache->bins->of[class_].top) - ouro__bin_slots(cache, class_));
}

extern uint16_t ouro__bin_first_slot[OURO_CLASSES]; /* index in slots[]; constant once the first cache exists */

static inline void **ouro__bin_slots(const ouro__cache *cache, unsigned class_) {
  return (void **)cache->slots + ouro__bin_first_slot[class_];
}

#endif
