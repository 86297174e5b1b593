/* heap/theap.c - lists of pools by class and fullness, the queue of pools that others freed into, and heaps for threads. */
#include "heap/theap.h"

#include <string.h>

#include "heap/arena.h"
#include "heap/meta.h"
#include "heap/pool.h"

#define POOL(unit) (&ouro__the_region.pools[unit])

ouro__lock ouro__heaps_lock = OURO_LOCK_INIT(OURO_RANK_HEAPS);
_Atomic uint32_t ouro__heaps_count;
_Atomic(ouro_heap *) ouro__heaps[OURO_HEAPS_MAX];
_Atomic uint32_t ouro__tick_now;

/* ---------------------------------------------------------------- lists by class and bucket */

static void unlist(ouro_heap *heap, ouro__pool *pool) {
  if (pool->bucket == OURO_UNLISTED) return;
  if (pool->prev != OURO_NONE) {
    POOL(pool->prev)->next = pool->next;
  } else {
    heap->partial[pool->class_][pool->bucket] = pool->next;
  }
  if (pool->next != OURO_NONE) POOL(pool->next)->prev = pool->prev;
  pool->bucket = OURO_UNLISTED;
}

static void list(ouro_heap *heap, ouro__pool *pool, uint8_t bucket) {
  uint32_t unit = ouro__pool_unit(pool), *first = &heap->partial[pool->class_][bucket];
  pool->prev = OURO_NONE;
  pool->next = *first;
  if (*first != OURO_NONE) POOL(*first)->prev = unit;
  *first = unit;
  pool->bucket = bucket;
}

void ouro__heap_relist(ouro_heap *heap, ouro__pool *pool) {
  uint8_t bucket = ouro__bucket_of(pool);
  unlist(heap, pool);
  if (bucket != OURO_UNLISTED) list(heap, pool, bucket);
}

/* Up to so many empty pools stay with a heap until the decay time is over. */
enum { EMPTY_SOME = 4, EMPTY_MOST = 64 };

/* A class that lives on one pool would otherwise make and delete it at every turn; and what a thread has just used is nearer to it than
 * what another has. */
bool ouro__heap_keeps_empty(ouro_heap *heap, const ouro__pool *pool) {
  if (heap->is_private) return false;
  uint32_t allowed = EMPTY_SOME + heap->pools / 2;
  return heap->empty <= (allowed < EMPTY_MOST ? allowed : EMPTY_MOST) || ouro__heap_lists_no_other(heap, pool);
}

bool ouro__heap_lists_no_other(ouro_heap *heap, const ouro__pool *pool) {
  for (unsigned bucket = 0; bucket < OURO_BUCKETS; bucket++) {
    uint32_t first = heap->partial[pool->class_][bucket];
    if (first == OURO_NONE) continue;
    if (POOL(first) != pool || pool->next != OURO_NONE) return false;
  }
  return true;
}

bool ouro__heap_lists(ouro_heap *heap, const ouro__pool *pool) {
  if (pool->bucket != ouro__bucket_of(pool)) return false;
  if (pool->bucket == OURO_UNLISTED) return true;
  uint32_t unit = heap->partial[pool->class_][pool->bucket];
  while (unit != OURO_NONE && POOL(unit) != pool) unit = POOL(unit)->next;
  return unit != OURO_NONE;
}

/* ---------------------------------------------------------------- pools of a heap */

bool ouro__heap_may_grow(ouro_heap *heap, size_t bytes) {
  return !heap->limit || (heap->bytes <= heap->limit && bytes <= heap->limit - heap->bytes);
}

void ouro__heap_link_all(ouro_heap *heap, ouro__pool *pool) {
  heap->bytes += ouro__pool_bytes(pool);
  pool->all_prev = OURO_NONE;
  pool->all_next = heap->all;
  if (heap->all != OURO_NONE) POOL(heap->all)->all_prev = ouro__pool_unit(pool);
  heap->all = ouro__pool_unit(pool);
}

void ouro__heap_unlink_all(ouro_heap *heap, ouro__pool *pool) {
  heap->bytes -= ouro__pool_bytes(pool);
  if (pool->all_prev != OURO_NONE) {
    POOL(pool->all_prev)->all_next = pool->all_next;
  } else {
    heap->all = pool->all_next;
  }
  if (pool->all_next != OURO_NONE) POOL(pool->all_next)->all_prev = pool->all_prev;
}

static bool is_empty(const ouro__pool *pool) { return pool->nfree == pool->blocks; }

void ouro__heap_add(ouro_heap *heap, ouro__pool *pool) {
  heap->pools++;
  heap->empty += is_empty(pool);
  pool->bucket = OURO_UNLISTED;
  if (heap->is_private) ouro__heap_link_all(heap, pool);
  ouro__heap_relist(heap, pool);
}

void ouro__heap_unscan(ouro_heap *heap, ouro__pool *pool) {
  if (!pool->scan_listed) return;
  uint32_t unit = ouro__pool_unit(pool), *link = &heap->scan[pool->scan_listed - 1];
  if (pool->all_prev != OURO_NONE) link = &POOL(pool->all_prev)->all_next;
  OURO_ASSERT(*link == unit);
  (void)unit;
  *link = pool->all_next;
  if (pool->all_next != OURO_NONE) POOL(pool->all_next)->all_prev = pool->all_prev;
  pool->scan_listed = 0;
}

void ouro__heap_remove(ouro_heap *heap, ouro__pool *pool) {
  heap->pools--;
  heap->empty -= is_empty(pool);
  unlist(heap, pool);
  if (heap->is_private) {
    ouro__heap_unlink_all(heap, pool);
  } else {
    ouro__heap_unscan(heap, pool);
  }
}

void ouro__heap_scan_later(ouro_heap *heap, ouro__pool *pool) {
  if (heap->is_private) return;
  uint32_t slot = ouro__load_relaxed(&ouro__tick_now) % OURO_TICKS;
  pool->scan_listed = (uint8_t)(slot + 1);
  pool->all_prev = OURO_NONE;
  pool->all_next = heap->scan[slot];
  if (pool->all_next != OURO_NONE) POOL(pool->all_next)->all_prev = ouro__pool_unit(pool);
  heap->scan[slot] = ouro__pool_unit(pool);
}

/* ---------------------------------------------------------------- the queue of pools with remote bits */

/* A stack of many producers and one consumer that takes it whole (Treiber 1986; taking all spares it the ABA problem). The entry
 * of a pool may outlive the pool, and be found in the queue of a heap that does not own it any more: the consumer looks. */
static void push(ouro_heap *heap, ouro__pool *pool) {
  uint32_t unit = ouro__pool_unit(pool), first = ouro__load_relaxed(&heap->remote);
  do ouro__store_relaxed(&pool->remote_next, first);
  while (!ouro__cas_release(&heap->remote, &first, unit)); /* pairs with the exchange in ouro__heap_drain */
}

void ouro__heap_queue(ouro__pool *pool) {
  /* An exchange, also where the flag is set already: either it comes before the one in ouro__heap_drain, which then sees our bit,
   * or after it, and then it finds the flag unset. A mere load could be neither. */
  if (ouro__exchange_acq_rel(&pool->queued, 1)) return;
  /* The pool may be gone by now, and the place a large block's or a private heap's: any queue will do, for the entry to be dropped. */
  ouro_heap *heap = ouro__load_acquire(&pool->heap);
  push(heap && !heap->is_private ? heap : ouro__load_relaxed(&ouro__heaps[0]), pool);
}

void *ouro__heap_drain(ouro_heap *heap) {
  void *found = NULL;
  if (ouro__load_relaxed(&heap->remote) == OURO_NONE) return NULL;
  uint32_t unit = ouro__exchange_acquire(&heap->remote, OURO_NONE), next;
  for (; unit != OURO_NONE; unit = next) {
    ouro__pool *pool = POOL(unit);
    unsigned twice;
    next = ouro__load_relaxed(&pool->remote_next);
    ouro__exchange_acq_rel(&pool->queued, 0);
    uint8_t kind = ouro__load_acquire(&pool->kind); /* pairs with the release in ouro__pool_new: then `heap` is its own */
    if (!ouro__is_pool(kind)) continue;
    ouro_heap *owner = ouro__load_acquire(&pool->heap);
    if (owner != heap) { /* taken over, or another pool by now */
      if (owner && !owner->is_private) ouro__heap_queue(pool);
    } else if (!ouro__pool_collect(pool, &twice)) {
      found = ouro__pool_address(pool) + (size_t)twice * pool->size;
    }
  }
  return found;
}

/* ---------------------------------------------------------------- taking blocks */

static ouro__pool *fullest(const ouro_heap *heap, unsigned class_) {
  for (unsigned bucket = 0; bucket < OURO_BUCKETS; bucket++) {
    uint32_t unit = heap->partial[class_][bucket];
    if (unit != OURO_NONE) return POOL(unit);
  }
  return NULL;
}

/* Move one pool of `class_` from a heap without threads to `heap`. Locks are taken in the order of addresses, or only tried. */
static bool adopt(ouro_heap *heap, unsigned class_) {
  uint32_t count = ouro__load_acquire(&ouro__heaps_count);
  for (uint32_t i = 0; i < count; i++) {
    ouro_heap *other = ouro__load_relaxed(&ouro__heaps[i]);
    if (other == heap || ouro__load_relaxed(&other->users) || !ouro__trylock(&other->lock)) continue;
    ouro__pool *pool = fullest(other, class_);
    if (pool) {
      ouro__heap_remove(other, pool);
      ouro__store_release(&pool->heap, heap);
      ouro__heap_add(heap, pool);
      ouro__heap_scan_later(heap, pool); /* it was taken out of the other's list */
    }
    ouro__release(&other->lock);
    if (pool) return true;
  }
  return false;
}

unsigned ouro__heap_take(ouro_heap *heap, unsigned class_, void **out, unsigned want, void **twice) {
  unsigned taken = 0;
  *twice = ouro__heap_drain(heap);
  while (taken < want) {
    ouro__pool *pool = fullest(heap, class_);
    if (!pool) {
      if (taken) break; /* enough for now: a fresh pool can wait */
      if (!heap->is_private && adopt(heap, class_)) continue;
      pool = ouro__pool_new(heap, class_);
      if (!pool) break;
    }
    taken += ouro__pool_take(pool, out + want - taken, want - taken);
  }
  if (taken < want) memmove(out, out + (want - taken), taken * sizeof *out);
  return taken;
}

/* ---------------------------------------------------------------- heaps for threads */

void ouro__heap_setup(ouro_heap *heap, bool is_private) {
  /* Who walks may hold the lock of a destroyed heap, of which this one is made. */
  if (heap->lock.rank != OURO_RANK_HEAP) heap->lock = (ouro__lock)OURO_LOCK_INIT(OURO_RANK_HEAP);
  heap->is_private = is_private;
  ouro__store_relaxed(&heap->remote, OURO_NONE);
  heap->all = OURO_NONE;
  memset(heap->partial, 0xff, sizeof heap->partial); /* OURO_NONE */
  memset(heap->scan, 0xff, sizeof heap->scan);
}

static uint32_t heaps_wanted(void) {
  uint32_t wanted = ouro__os_cpus() * 4;
  return wanted < 8 ? 8 : wanted > OURO_HEAPS_MAX ? OURO_HEAPS_MAX : wanted;
}

static ouro_heap *heap_new_locked(uint32_t count) {
  ouro_heap *heap = ouro__meta_alloc(sizeof *heap);
  if (!heap) return NULL;
  ouro__heap_setup(heap, false);
  ouro__store_relaxed(&ouro__heaps[count], heap);
  ouro__store_release(&ouro__heaps_count, count + 1);
  return heap;
}

ouro_heap *ouro__heap_enter(void) {
  ouro_heap *best = NULL;
  ouro__acquire(&ouro__heaps_lock);
  uint32_t count = ouro__load_relaxed(&ouro__heaps_count);
  for (uint32_t i = 0; i < count; i++) {
    ouro_heap *heap = ouro__load_relaxed(&ouro__heaps[i]);
    if (!best || ouro__load_relaxed(&heap->users) < ouro__load_relaxed(&best->users)) best = heap;
  }
  if (!best || (ouro__load_relaxed(&best->users) > 0 && count < heaps_wanted())) {
    ouro_heap *fresh = heap_new_locked(count);
    if (fresh) best = fresh;
  }
  if (best) ouro__add_relaxed(&best->users, 1);
  ouro__release(&ouro__heaps_lock);
  return best;
}

void ouro__heap_leave(ouro_heap *heap) { ouro__sub_relaxed(&heap->users, 1); }
