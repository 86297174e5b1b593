/* heap/large.c - large blocks. */
#include "heap/large.h"

#include <string.h>

#include "heap/arena.h"
#include "heap/column.h"
#include "heap/find.h"
#include "heap/heap.h"
#include "heap/purge.h"
#include "heap/region.h"
#include "heap/theap.h"

ouro__lock ouro__large_lock = OURO_LOCK_INIT(OURO_RANK_HEAP);

static size_t pages_of(size_t size) { return (size + OURO_PAGE_BYTES - 1) / OURO_PAGE_BYTES; }
static uint32_t units_of(size_t size) { return (uint32_t)((size + OURO_UNIT_BYTES - 1) >> OURO_UNIT_SHIFT); }

/* Requests that no machine of this size can serve; mapping what there is on the way would hurt others. */
static bool is_absurd(size_t size) {
  static _Atomic size_t memory;
  if (size < (size_t)1 << 30) return false;
  if (!ouro__load_relaxed(&memory)) ouro__store_relaxed(&memory, ouro__os_memory());
  return size > ouro__load_relaxed(&memory) || size > (size_t)(UINT32_MAX >> 1) << 12;
}

/* Fresh units read as zeros; of the others only those that were used must be cleared. */
static void clear(const ouro__run *run, char *block, size_t size) {
  if (run->clean == run->units) return;
  if (run->units > OURO_ARENA_UNITS) { /* `dirty` tells of 64 units only */
    memset(block, 0, size);
    return;
  }
  for (uint32_t unit = 0; unit < run->units; unit++) {
    size_t from = (size_t)unit << OURO_UNIT_SHIFT;
    if (!(run->dirty >> unit & 1) || from >= size) continue;
    memset(block + from, 0, size - from < OURO_UNIT_BYTES ? size - from : OURO_UNIT_BYTES);
  }
}

/* What describes a large block changes under its heap's lock, or that of all others. */
static ouro__lock *lock_of(ouro_heap *heap) { return heap ? &heap->lock : &ouro__large_lock; }

/* Make the run a large block; false where its heap's limit forbids it. */
static bool publish(ouro_heap *heap, const ouro__run *run, size_t pages) {
  ouro__pool *large = &ouro__the_region.pools[run->unit];
  ouro__acquire(lock_of(heap));
  bool fits = !heap || ouro__heap_may_grow(heap, (size_t)run->units << OURO_UNIT_SHIFT);
  if (fits) {
    ouro__store_relaxed(&large->heap, heap);
    large->bits = NULL;
    large->size = (uint32_t)pages;
    large->magic = run->units;
    ouro__store_relaxed(&large->kind, OURO_KIND_LARGE);
    if (heap) ouro__heap_link_all(heap, large);
  }
  ouro__release(lock_of(heap));
  return fits;
}

static void unpublish(ouro__pool *large) {
  ouro_heap *heap = ouro__load_relaxed(&large->heap);
  ouro__acquire(lock_of(heap));
  if (heap) ouro__heap_unlink_all(heap, large);
  ouro__column_delete(large);
  ouro__store_relaxed(&large->kind, OURO_KIND_NONE);
  ouro__release(lock_of(heap));
}

static ouro__run run_for(size_t size, size_t alignment) {
  ouro__run none = {.unit = OURO_NONE};
  if (size > PTRDIFF_MAX || is_absurd(size)) return none;
  return ouro__units_take(units_of(size), alignment < OURO_UNIT_BYTES ? OURO_UNIT_BYTES : alignment);
}

void *ouro__large_alloc(ouro_heap *heap, size_t size, size_t alignment, bool zeroed) {
  ouro__run run = run_for(size, alignment);
  if (run.unit == OURO_NONE) return NULL;
  ouro__account_take(run.clean << OURO_UNIT_SHIFT);
  if (!publish(heap, &run, pages_of(size))) {
    ouro__units_put(run.unit, run.units, true, run.clean == run.units);
    return NULL;
  }
  char *block = ouro__unit_address(run.unit);
  if (zeroed) clear(&run, block, size);
  ouro__pulse();
  return block;
}

void ouro__large_free(ouro__pool *large) {
  uint32_t units = large->magic;
  unpublish(large);
  ouro__units_put(ouro__pool_unit(large), units, true, false);
  ouro__purge_excess();
  ouro__pulse();
}

/* Let the description say `units` and `pages`; false where the heap's limit forbids it. */
static bool describe(ouro__pool *large, uint32_t units, size_t pages) {
  ouro_heap *heap = ouro__load_relaxed(&large->heap);
  size_t before = ouro__pool_bytes(large), after = (size_t)units << OURO_UNIT_SHIFT;
  ouro__acquire(lock_of(heap));
  bool fits = !heap || after <= before || ouro__heap_may_grow(heap, after - before);
  if (fits) {
    if (heap) heap->bytes += after - before;
    large->magic = units;
    large->size = (uint32_t)pages;
  }
  ouro__release(lock_of(heap));
  return fits;
}

bool ouro__large_resize(ouro__pool *large, size_t size) {
  uint32_t unit = ouro__pool_unit(large), have = large->magic, want = units_of(size);
  size_t pages = large->size;
  if (size > PTRDIFF_MAX || is_absurd(size) || !describe(large, want, pages_of(size))) return false;
  if (want > have && !ouro__units_extend(unit, have, want)) {
    describe(large, have, pages);
    return false;
  }
  if (want < have) {
    ouro__units_put(unit + want, have - want, false, false);
    ouro__pulse();
  }
  return true;
}

void *ouro__large_move(ouro__pool *large, size_t size) {
  size_t bytes = (size_t)large->size * OURO_PAGE_BYTES;
  char *block = ouro__large_alloc(ouro__load_relaxed(&large->heap), size, OURO_UNIT_BYTES, false);
  if (!block) return NULL;
  switch (ouro__os_move(ouro__pool_address(large), block, bytes)) {
    case OURO_OS_DONE: return block;
    case OURO_OS_OCCUPIED: return memcpy(block, ouro__pool_address(large), bytes);
    default: return NULL; /* its addresses are lost: the run stays in use, so that nobody gets them */
  }
}
