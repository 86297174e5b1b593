/* heap/large.c - large blocks. */
#include "heap/large.h"

#include <string.h>

#include "heap/arena.h"
#include "heap/find.h"
#include "heap/heap.h"
#include "heap/purge.h"
#include "heap/region.h"
#include "heap/theap.h"

_Atomic size_t ouro__large_blocks, ouro__large_bytes;

static size_t pages_of(size_t size) { return (size + OURO_PAGE_BYTES - 1) / OURO_PAGE_BYTES; }
static uint32_t units_of(size_t size) { return (uint32_t)((size + OURO_UNIT_BYTES - 1) >> OURO_UNIT_SHIFT); }

static void count(size_t blocks, size_t pages) {
  ouro__add_relaxed(&ouro__large_blocks, blocks);
  ouro__add_relaxed(&ouro__large_bytes, pages * OURO_PAGE_BYTES);
}

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

/* In a heap of its own, the block counts against that heap's limit and goes when it goes. */
static bool enlist(ouro_heap *heap, ouro__pool *large) {
  if (!heap) return true;
  ouro__acquire(&heap->lock);
  bool fits = ouro__heap_may_grow(heap, ouro__pool_bytes(large));
  if (fits) ouro__heap_link_all(heap, large);
  ouro__release(&heap->lock);
  return fits;
}

static ouro__run run_for(size_t size, size_t alignment) {
  ouro__run none = {.unit = OURO_NONE};
  if (size > PTRDIFF_MAX || is_absurd(size)) return none;
  return ouro__units_take(units_of(size), alignment < OURO_UNIT_BYTES ? OURO_UNIT_BYTES : alignment);
}

void *ouro__large_alloc(ouro_heap *heap, size_t size, size_t alignment, bool zeroed) {
  ouro__run run = run_for(size, alignment);
  if (run.unit == OURO_NONE) return NULL;
  ouro__pool *large = &ouro__the_region.pools[run.unit];
  char *block = ouro__unit_address(run.unit);
  ouro__store_relaxed(&large->heap, heap);
  large->bits = NULL;
  OURO__POKE(&large->size, (uint32_t)pages_of(size)); /* walks read these without a lock */
  OURO__POKE(&large->magic, run.units);
  ouro__store_relaxed(&large->kind, OURO_KIND_LARGE);
  if (!enlist(heap, large)) {
    ouro__store_relaxed(&large->kind, OURO_KIND_NONE);
    ouro__account_take(run.clean << OURO_UNIT_SHIFT);
    ouro__units_put(run.unit, run.units, true, run.clean == run.units);
    return NULL;
  }
  ouro__account_take(run.clean << OURO_UNIT_SHIFT);
  if (zeroed) clear(&run, block, size);
  count(1, large->size);
  ouro__pulse();
  return block;
}

void ouro__large_free(ouro__pool *large) {
  ouro_heap *heap = ouro__load_relaxed(&large->heap);
  if (heap) {
    ouro__acquire(&heap->lock);
    ouro__heap_unlink_all(heap, large);
    ouro__release(&heap->lock);
  }
  count((size_t)-1, (size_t)0 - large->size);
  ouro__store_relaxed(&large->kind, OURO_KIND_NONE);
  ouro__units_put(ouro__pool_unit(large), large->magic, true, false);
  ouro__purge_excess();
  ouro__pulse();
}

static void set_pages(ouro__pool *large, size_t size) {
  count(0, pages_of(size) - large->size);
  OURO__POKE(&large->size, (uint32_t)pages_of(size));
}

/* The units that a heap of its own has more, or fewer. */
static bool recount(ouro__pool *large, uint32_t units) {
  ouro_heap *heap = ouro__load_relaxed(&large->heap);
  size_t before = ouro__pool_bytes(large), after = (size_t)units << OURO_UNIT_SHIFT;
  bool fits = true;
  if (heap) {
    ouro__acquire(&heap->lock);
    fits = after <= before || ouro__heap_may_grow(heap, after - before);
    if (fits) heap->bytes += after - before;
    ouro__release(&heap->lock);
  }
  return fits;
}

bool ouro__large_resize(ouro__pool *large, size_t size) {
  uint32_t unit = ouro__pool_unit(large), have = large->magic, want = units_of(size);
  if (size > PTRDIFF_MAX || is_absurd(size)) return false;
  if (want < have) {
    recount(large, want);
    OURO__POKE(&large->magic, want);
    ouro__units_put(unit + want, have - want, false, false);
    ouro__pulse();
  } else if (want > have) {
    if (!recount(large, want)) return false;
    if (!ouro__units_extend(unit, have, want)) {
      OURO__POKE(&large->magic, want);
      recount(large, have);
      OURO__POKE(&large->magic, have);
      return false;
    }
    OURO__POKE(&large->magic, want);
  }
  set_pages(large, size);
  return true;
}

void *ouro__large_move(ouro__pool *large, size_t size) {
  size_t bytes = (size_t)large->size * OURO_PAGE_BYTES;
  ouro_heap *heap = ouro__load_relaxed(&large->heap);
  char *block = ouro__large_alloc(heap, size, OURO_UNIT_BYTES, false);
  if (!block) return NULL;
  if (!ouro__os_move(ouro__pool_address(large), block, bytes)) memcpy(block, ouro__pool_address(large), bytes);
  return block;
}
