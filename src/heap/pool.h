/* heap/pool.h - pools: blocks taken and put back by bits.
 *
 *   bits:  | free: a bit for each block that can be taken | remote: a bit for each that another heap's thread has freed |
 *          '---------------- words ----------------------' '------------------- words --------------------------------'
 *
 * A block is, at any time, handed out (to the program, or to a thread's cache: neither bit), free, or remotely freed (its bit of
 * remote); the pool's heap moves remote bits to free ones, under its lock. A second free of a block finds its bit set.
 *
 * All functions but the remote one need the lock of the pool's heap. */
#ifndef OURO_HEAP_POOL_H
#define OURO_HEAP_POOL_H

#include "heap/layout.h"

/* Make a pool of `class_` for `heap`, in its lists. NULL: no memory. */
ouro__pool *ouro__pool_new(ouro_heap *heap, unsigned class_);

/* Take the pool out of its heap's lists and give its units back, whatever is in it. */
void ouro__pool_delete(ouro__pool *pool);

/* Is some unit of the pool pinned? The collector walks over it while others make and free objects. */
static inline bool ouro__pool_is_pinned(const ouro__pool *pool) {
  const ouro__side *side = &ouro__hot_sides[ouro__pool_unit(pool)];
  unsigned listed = 0;
  for (unsigned unit = 0; unit < pool->units; unit++) listed |= ouro__load_acquire(&side[unit].listed);
  return listed & OURO_SIDE_PINNED;
}

/* Pools of objects are walked over without a lock (ouro__walks_objects): only threads that stand still meanwhile may delete them, and
 * not those that are pinned. Others can only give their pages back. */
static inline bool ouro__pool_may_go(const ouro__pool *pool) {
  return pool->class_ < OURO_RAW_CLASSES || (ouro__walks_objects && !ouro__pool_is_pinned(pool));
}

/* Take up to `want` blocks, the lowest addresses first, and write them downwards from `end`, so that who pops them from above gets
 * them in the order of their addresses. At least one, since the pool has a free block. */
unsigned ouro__pool_take(ouro__pool *pool, void **end, unsigned want);

/* Block number `index` is free from now on; false where it was already. May delete the pool. */
bool ouro__pool_put(ouro__pool *pool, unsigned index);

/* The same in two parts, for several blocks: first the blocks `bits` of a word, which returns those that were free already; then how
 * many others there were in all. The second part may delete the pool. */
static inline uint64_t ouro__pool_mark(ouro__pool *pool, unsigned word, uint64_t bits) {
  uint64_t before = ouro__load_relaxed(&pool->bits[word]);
  ouro__store_relaxed(&pool->bits[word], before | bits);
  return before & bits;
}
void ouro__pool_freed(ouro__pool *pool, unsigned count);

/* The first part from any thread, without a lock; the pool then belongs in its heap's remote queue (ouro__heap_queue). */
static inline uint64_t ouro__pool_mark_remote(ouro__pool *pool, unsigned word, uint64_t bits) {
  /* Pairs with the exchange in ouro__pool_collect: what the program did with the blocks happens before their next use. */
  return ouro__or_release(&pool->bits[pool->words + word], bits) & bits;
}

/* Move remote bits to free ones. false: a block was freed twice, *twice is its number. May delete the pool. */
bool ouro__pool_collect(ouro__pool *pool, unsigned *twice);

/* Return system pages that hold no block in use. false: the system refused some. */
bool ouro__pool_return_pages(ouro__pool *pool);

/* The invariants I-POOL-1 to I-POOL-4. */
bool ouro__pool_valid(ouro__pool *pool, const char **why);

/* The number of the block at `address`; the caller knows that it lies in this pool. For SMALL pools a multiplication. */
static inline unsigned ouro__block_index(const ouro__pool *pool, const void *address) {
  if (ouro__load_relaxed(&pool->kind) == OURO_KIND_SMALL) {
    return (unsigned)((((uintptr_t)address & (OURO_UNIT_BYTES - 1)) * (uint64_t)pool->magic) >> 32);
  }
  return (unsigned)(((uintptr_t)address - (uintptr_t)ouro__pool_address(pool)) / pool->size);
}

static inline bool ouro__pool_bit(const ouro__pool *pool, unsigned index, bool remote) {
  return ouro__load_relaxed(&pool->bits[(remote ? pool->words : 0) + index / 64]) >> (index % 64) & 1;
}

/* Neither free nor remotely freed. Without the lock, a hint about a block that the caller does not own. */
static inline bool ouro__block_is_out(const ouro__pool *pool, unsigned index) {
  return !ouro__pool_bit(pool, index, false) && !ouro__pool_bit(pool, index, true);
}

static inline unsigned ouro__granule_shift(const ouro__pool *pool) {
  return pool->units == 8 ? 13 : 12;
}

static inline size_t ouro__pool_bytes_returned(const ouro__pool *pool) {
  return (size_t)ouro__popcount64(pool->returned) << ouro__granule_shift(pool);
}

#endif
