/* heap/theap.h - heaps: who owns pools.
 *
 * A thread allocates from one heap; there are as many as threads, up to a few for each processor, and then threads share. A heap
 * whose threads have ended keeps its pools for the thread that comes next; meanwhile other heaps take them over one by one.
 * A private heap belongs to the program, and no cache holds its blocks.
 *
 * Life of a pool in its heap:
 *   listed      it has free blocks: in `partial` by class and by how full it is. Blocks are taken from the fullest
 *   full        in no list; found again by the address of a block that is freed
 *   empty       kept for a while, a share of the heap's pools, for the memory is in this thread's processor; deleted beyond that, and when
 *               it was not needed for the decay time, but for the last listed one of its class
 * A pool in which blocks were freed waits in `scan` for the decay time, and then its free pages go back. */
#ifndef OURO_HEAP_THEAP_H
#define OURO_HEAP_THEAP_H

#include "heap/layout.h"

struct ouro_heap {
  ouro__lock lock;
  _Atomic uint32_t remote;                       /* first unit of the queue of pools with remote bits; OURO_NONE: empty */
  _Atomic uint32_t users;                        /* threads that allocate from it */
  bool is_private;                               /* constant */
  uint32_t partial[OURO_CLASSES][OURO_BUCKETS];  /* first unit of each list, OURO_NONE: empty. Lock */
  uint32_t scan[OURO_TICKS];                     /* pools to scan for free pages, by tick. Lock */
  uint32_t pools, empty;                         /* how many it has, and how many of them are empty. Lock */
  uint32_t all;                                  /* private: first of all pools and large blocks. Lock */
  size_t bytes, limit;                           /* private: of pools and large blocks. Lock */
  char name[32];
};

/* Which list a pool belongs in; OURO_UNLISTED where it has no free block. */
#define OURO_UNLISTED UINT8_MAX
static inline uint8_t ouro__bucket_of(const ouro__pool *pool) {
  unsigned nfree = pool->nfree, blocks = pool->blocks;
  if (nfree == 0) return OURO_UNLISTED;
  return (uint8_t)((nfree * 4 > blocks) + (nfree * 2 > blocks) + (nfree * 4 > blocks * 3));
}

/* The tick of the decay clock; see purge.h. */
extern _Atomic uint32_t ouro__tick_now;

#define OURO_HEAPS_MAX 256u
extern ouro__lock ouro__heaps_lock;
extern _Atomic uint32_t ouro__heaps_count; /* of threads' heaps, which are never destroyed */
extern _Atomic(ouro_heap *) ouro__heaps[OURO_HEAPS_MAX];

/* A heap for a thread that begins, the least used one; NULL: no memory. Pair with ouro__heap_leave. */
ouro_heap *ouro__heap_enter(void);
void ouro__heap_leave(ouro_heap *heap);

/* Take up to `want` blocks of `class_`; 0: no memory. Under the lock. *twice: a block that was found freed twice, or NULL. */
unsigned ouro__heap_take(ouro_heap *heap, unsigned class_, void **out, unsigned want, void **twice);

/* Put a pool with remote bits into its heap's queue, unless it is there. Any thread, no lock. */
void ouro__heap_queue(ouro__pool *pool);

/* Empty the queue. Under the lock. */
void *ouro__heap_drain(ouro_heap *heap);

void ouro__heap_setup(ouro_heap *heap, bool is_private);

/* The rest is for pool.c and private.c, under the heap's lock. */
bool ouro__heap_may_grow(ouro_heap *heap, size_t bytes);
void ouro__heap_add(ouro_heap *heap, ouro__pool *pool);
void ouro__heap_remove(ouro_heap *heap, ouro__pool *pool);
void ouro__heap_relist(ouro_heap *heap, ouro__pool *pool); /* where its bucket has changed */
void ouro__heap_scan_later(ouro_heap *heap, ouro__pool *pool);
void ouro__heap_unscan(ouro_heap *heap, ouro__pool *pool);
bool ouro__heap_keeps_empty(ouro_heap *heap, const ouro__pool *pool);
bool ouro__heap_lists_no_other(ouro_heap *heap, const ouro__pool *pool); /* of its class */
bool ouro__heap_lists(ouro_heap *heap, const ouro__pool *pool);
void ouro__heap_link_all(ouro_heap *heap, ouro__pool *pool);
void ouro__heap_unlink_all(ouro_heap *heap, ouro__pool *pool);

#endif
