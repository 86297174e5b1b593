/* heap/pool.c - blocks taken and put back by bits, and the pages between them. */
#include "heap/pool.h"

#include <string.h>

#include "heap/arena.h"
#include "heap/check.h"
#include "heap/class.h"
#include "heap/column.h"
#include "heap/meta.h"
#include "heap/theap.h"

static size_t bits_bytes(const ouro__pool *pool) { return (size_t)pool->words * 2 * sizeof(uint64_t); }

static unsigned granules_per_unit(uint32_t units) { return units == 8 ? 8 : 16; }

static uint64_t all_granules(uint32_t units) { return ouro__mask64(0, units * granules_per_unit(units)); }

static void set_all_free(ouro__pool *pool) {
  for (unsigned word = 0; word < pool->words; word++) {
    unsigned left = pool->blocks - word * 64u;
    ouro__store_relaxed(&pool->bits[word], ouro__mask64(0, left < 64 ? left : 64));
  }
}

/* What of the pool's pages the system still has: all of a clean run's, none of a dirty unit's, and none where huge pages may
 * have brought them. */
static uint64_t granules_not_here(const ouro__run *run) {
  uint64_t mask = 0;
  unsigned each = granules_per_unit(run->units);
  if (ouro__the_region.arenas[run->unit / OURO_ARENA_UNITS].huge) return 0;
  for (uint32_t unit = 0; unit < run->units; unit++) {
    if (run->dirty >> unit & 1) continue;
    mask |= ouro__mask64(unit * each, each);
  }
  return mask;
}

/* ---------------------------------------------------------------- the bytes beside objects with references */

/* A multiple of eight, so that they can be looked at eight at a time. */
static unsigned side_numbers(const ouro__pool *pool) {
  size_t numbers = (OURO_UNIT_BYTES - 1) / pool->size + 1; /* of any offset, also behind the last block */
  return pool->units == 1 ? (unsigned)ouro__round_up(numbers, 8) : OURO_SIDE_NUMBERS;
}

/* Of a pool of acyclic objects it says no more than that they are here. */
static void side_acyclic(const ouro__pool *pool, uint16_t numbers) {
  ouro__side *side = &ouro__hot_sides[ouro__pool_unit(pool)];
  side->size = pool->size;
  side->numbers = numbers;
  side->distance = numbers ? (uint16_t)(pool->class_ * OURO__BIN_BYTES) : 0;
}

static bool side_new(ouro__pool *pool) {
  unsigned numbers = side_numbers(pool);
  uint8_t *state = ouro__meta_alloc((size_t)numbers * pool->units);
  if (!state) return false;
  memset(state, OURO_STATE_NONE, (size_t)numbers * pool->units);
  for (unsigned unit = 0; unit < pool->units; unit++, state += numbers) {
    ouro__side *side = &ouro__hot_sides[ouro__pool_unit(pool) + unit];
    side->magic = pool->units == 1 ? pool->magic : OURO_SIDE_MAGIC;
    side->size = pool->units == 1 ? pool->size : OURO_SIDE_STEP;
    side->numbers = (uint16_t)numbers;
    side->distance = pool->units == 1 ? (uint16_t)(pool->class_ * OURO__BIN_BYTES) : 0;
    side->state = state;
  }
  return true;
}

static void side_delete(ouro__pool *pool) {
  ouro__side *side = &ouro__hot_sides[ouro__pool_unit(pool)];
  uint8_t *state = side->state;
  for (unsigned unit = 0; unit < pool->units; unit++) {
    side[unit].state = NULL;
    side[unit].numbers = side[unit].distance = 0;
  }
  ouro__meta_free(state, (size_t)side_numbers(pool) * pool->units);
}

/* Who walks over acyclic objects tells them from free blocks by their headers, which must therefore be zero at first. */
static void clear_headers(ouro__pool *pool, const ouro__run *run) {
  char *base = ouro__pool_address(pool);
  if (!run->dirty) return;
  for (unsigned block = 0; block < pool->blocks; block++) memset(base + (size_t)block * pool->size, 0, 16);
}

static void publish(ouro__pool *pool, const ouro__run *run) {
  bool medium = !ouro__is_small_class(pool->class_);
  for (uint32_t part = 1; part < run->units; part++) {
    pool[part].size = run->unit;
    ouro__store_relaxed(&pool[part].kind, OURO_KIND_MEDIUM_PART);
  }
  ouro__store_release(&pool->kind, medium ? OURO_KIND_MEDIUM : OURO_KIND_SMALL);
  bool cached = !medium && pool->class_ < OURO_RAW_CLASSES && !ouro__checking() && !ouro__load_relaxed(&pool->heap)->is_private;
  ouro__hot_bins[run->unit] = cached ? (uint16_t)(pool->class_ * OURO__BIN_BYTES) : 0;
}

ouro__pool *ouro__pool_new(ouro_heap *heap, unsigned class_) {
  uint32_t units = ouro__class_units(class_);
  size_t size = ouro__class_size(class_), bytes = (size_t)units << OURO_UNIT_SHIFT;
  if (!ouro__heap_may_grow(heap, bytes)) return NULL;
  unsigned blocks = (unsigned)(bytes / size), words = (blocks + 63) / 64;
  _Atomic(uint64_t) *bits = ouro__meta_alloc((size_t)words * 2 * sizeof(uint64_t));
  if (!bits) return NULL;
  ouro__run run = ouro__units_take(units, bytes);
  if (run.unit == OURO_NONE) {
    ouro__meta_free((void *)bits, (size_t)words * 2 * sizeof(uint64_t));
    return NULL;
  }
  ouro__pool *pool = &ouro__the_region.pools[run.unit];
  pool->bits = bits;
  ouro__store_relaxed(&pool->heap, heap);
  pool->returned = granules_not_here(&run);
  pool->size = (uint32_t)size;
  pool->magic = (uint32_t)(((UINT64_C(1) << 32) + size - 1) / size);
  pool->blocks = pool->nfree = (uint16_t)blocks;
  pool->class_ = (uint8_t)class_;
  pool->words = (uint8_t)words;
  pool->units = (uint8_t)units;
  pool->was_returned = 0;
  if (ouro__is_container_class(class_) && !side_new(pool)) {
    ouro__meta_free((void *)bits, bits_bytes(pool));
    ouro__account_take(run.clean << OURO_UNIT_SHIFT); /* free units are counted whole */
    ouro__units_put(run.unit, run.units, true, run.clean == run.units);
    return NULL;
  }
  if (class_ > OURO_ACYCLICS) {
    clear_headers(pool, &run);
    side_acyclic(pool, pool->blocks);
  }
  set_all_free(pool);
  publish(pool, &run);
  /* Of a clean run, pages count as taken when blocks in them are. */
  ouro__account_take((run.clean << OURO_UNIT_SHIFT) - ouro__pool_bytes_returned(pool));
  ouro__heap_add(heap, pool);
  if (run.dirty) ouro__heap_scan_later(heap, pool); /* what of it stays unused shall go back */
  return pool;
}

/* Of a pool that has been sparse for long, little is left: that goes as well, and the unit is clean. Otherwise what is left untouched
 * of a pool is forgotten: its unit is dirty, and counted whole. */
void ouro__pool_delete(ouro__pool *pool) {
  bool sparse = ouro__pool_bytes_returned(pool) * 2 >= ouro__pool_bytes(pool);
  if (pool->was_returned && sparse) ouro__pool_return_pages(pool);
  uint32_t unit = ouro__pool_unit(pool);
  uint32_t units = pool->units;
  bool clean = pool->returned == all_granules(units);
  ouro__heap_remove(ouro__load_relaxed(&pool->heap), pool);
  ouro__account_take(ouro__pool_bytes_returned(pool)); /* free units are counted whole */
  ouro__hot_bins[unit] = 0;
  ouro__column_delete(pool);
  for (uint32_t part = 0; part < units; part++) ouro__store_relaxed(&pool[part].kind, OURO_KIND_NONE);
  ouro__meta_free((void *)pool->bits, bits_bytes(pool));
  if (ouro__is_container_class(pool->class_)) side_delete(pool);
  if (pool->class_ > OURO_ACYCLICS) side_acyclic(pool, 0);
  ouro__units_put(unit, units, true, clean);
}

/* The granules that blocks `first` to `last` touch are the program's again. */
static void bring_back(ouro__pool *pool, unsigned first, unsigned last) {
  unsigned shift = ouro__granule_shift(pool);
  unsigned from = (unsigned)(((size_t)first * pool->size) >> shift);
  unsigned to = (unsigned)(((size_t)(last + 1) * pool->size - 1) >> shift);
  uint64_t mask = ouro__mask64(from, to - from + 1) & pool->returned;
  pool->returned &= ~mask;
  ouro__account_take((size_t)ouro__popcount64(mask) << shift);
}

/* Write the addresses of up to `want` free blocks of the word, downwards from `end`. */
static unsigned take_from_word(ouro__pool *pool, unsigned word, void **end, unsigned want, char *base) {
  uint64_t bits = ouro__load_relaxed(&pool->bits[word]);
  unsigned taken = 0, first = word * 64 + ouro__ctz64(bits), index = first;
  size_t size = pool->size;
  if (bits == ~UINT64_C(0) && want >= 64) {
    char *block = base + (size_t)first * size;
    for (; taken < 64; taken++, block += size) end[-1 - (ptrdiff_t)taken] = block;
    bits = 0;
    index = first + 63;
  }
  for (; bits && taken < want; bits &= bits - 1) {
    index = word * 64 + ouro__ctz64(bits);
    end[-1 - (ptrdiff_t)taken++] = base + index * size;
  }
  ouro__store_relaxed(&pool->bits[word], bits);
  if (pool->returned) bring_back(pool, first, index);
  return taken;
}

unsigned ouro__pool_take(ouro__pool *pool, void **end, unsigned want) {
  char *base = ouro__pool_address(pool);
  unsigned taken = 0;
  OURO_ASSERT(pool->nfree > 0);
  for (unsigned word = 0; taken < want && word < pool->words; word++) {
    if (ouro__load_relaxed(&pool->bits[word])) taken += take_from_word(pool, word, end - taken, want - taken, base);
  }
  OURO_ASSERT(taken > 0);
  ouro__load_relaxed(&pool->heap)->empty -= pool->nfree == pool->blocks;
  pool->nfree = (uint16_t)(pool->nfree - taken);
  pool->taken_tick = (uint8_t)ouro__load_relaxed(&ouro__tick_now);
  if (ouro__bucket_of(pool) != pool->bucket) ouro__heap_relist(ouro__load_relaxed(&pool->heap), pool);
  return taken;
}

static void all_freed(ouro_heap *heap, ouro__pool *pool) {
  heap->empty++;
  if (!ouro__heap_keeps_empty(heap, pool) && ouro__pool_may_go(pool)) {
    ouro__pool_delete(pool);
  } else if (ouro__bucket_of(pool) != pool->bucket) {
    ouro__heap_relist(heap, pool);
  }
}

void ouro__pool_freed(ouro__pool *pool, unsigned count) {
  pool->nfree = (uint16_t)(pool->nfree + count);
  if (OURO_UNLIKELY(!pool->scan_listed)) ouro__heap_scan_later(ouro__load_relaxed(&pool->heap), pool);
  if (OURO_UNLIKELY(pool->nfree == pool->blocks)) {
    all_freed(ouro__load_relaxed(&pool->heap), pool);
  } else if (OURO_UNLIKELY(ouro__bucket_of(pool) != pool->bucket)) {
    ouro__heap_relist(ouro__load_relaxed(&pool->heap), pool);
  }
}

bool ouro__pool_put(ouro__pool *pool, unsigned index) {
  if (!ouro__block_is_out(pool, index)) return false;
  ouro__pool_mark(pool, index / 64, UINT64_C(1) << (index % 64));
  ouro__pool_freed(pool, 1);
  return true;
}

bool ouro__pool_collect(ouro__pool *pool, unsigned *twice) {
  unsigned count = 0;
  bool good = true;
  for (unsigned word = 0; word < pool->words; word++) {
    _Atomic(uint64_t) *remote = &pool->bits[pool->words + word];
    if (!ouro__load_relaxed(remote)) continue;
    uint64_t bits = ouro__exchange_acquire(remote, 0), before = ouro__load_relaxed(&pool->bits[word]);
    if (bits & before) {
      *twice = word * 64 + ouro__ctz64(bits & before);
      good = false;
      bits &= ~before;
    }
    ouro__store_relaxed(&pool->bits[word], before | bits);
    count += ouro__popcount64(bits);
  }
  if (count) ouro__pool_freed(pool, count);
  return good;
}

/* ---------------------------------------------------------------- pages */

/* Are the blocks `first` to `last` all free? */
static bool all_free(const ouro__pool *pool, unsigned first, unsigned last) {
  for (unsigned word = first / 64; word <= last / 64; word++) {
    unsigned from = word == first / 64 ? first % 64 : 0, to = word == last / 64 ? last % 64 : 63;
    uint64_t mask = ouro__mask64(from, to - from + 1);
    if ((ouro__load_relaxed(&pool->bits[word]) & mask) != mask) return false;
  }
  return true;
}

/* Granules that could go: not returned yet, and no block in use touches them. */
static uint64_t free_granules(const ouro__pool *pool) {
  size_t granule = (size_t)1 << ouro__granule_shift(pool);
  unsigned count = (unsigned)(ouro__pool_bytes(pool) / granule);
  uint64_t mask = 0;
  for (unsigned i = 0; i < count; i++) {
    if (pool->returned >> i & 1) continue;
    unsigned first = (unsigned)(i * granule / pool->size), last = (unsigned)(((i + 1) * granule - 1) / pool->size);
    if (last >= pool->blocks) last = pool->blocks - 1u;
    if (first > last || all_free(pool, first, last)) mask |= UINT64_C(1) << i;
  }
  return mask;
}

bool ouro__pool_return_pages(ouro__pool *pool) {
  unsigned shift = ouro__granule_shift(pool);
  bool all = true;
  uint64_t mask = pool->nfree ? free_granules(pool) : 0;
  if (mask) ouro__arena_no_huge(ouro__pool_unit(pool) / OURO_ARENA_UNITS);
  while (mask) {
    unsigned first = ouro__ctz64(mask);
    uint64_t rest = ~(mask >> first);
    unsigned count = rest ? ouro__ctz64(rest) : 64;
    uint64_t stretch = ouro__mask64(first, count);
    size_t bytes = (size_t)count << shift;
    mask &= ~stretch;
    if (!ouro__os_return(ouro__pool_address(pool) + ((size_t)first << shift), bytes)) {
      all = false;
      continue;
    }
    pool->returned |= stretch;
    pool->was_returned = 1;
    ouro__account_return(bytes);
  }
  return all;
}

/* ---------------------------------------------------------------- the checker */

static bool returned_pages_are_free(const ouro__pool *pool) {
  unsigned shift = ouro__granule_shift(pool);
  for (unsigned index = 0; index < pool->blocks; index++) {
    if (ouro__pool_bit(pool, index, false)) continue;
    unsigned from = (unsigned)(((size_t)index * pool->size) >> shift);
    unsigned to = (unsigned)((((size_t)index + 1) * pool->size - 1) >> shift);
    if (pool->returned & ouro__mask64(from, to - from + 1)) return false;
  }
  return true;
}

bool ouro__pool_valid(ouro__pool *pool, const char **why) {
  unsigned count = 0;
  for (unsigned word = 0; word < pool->words; word++) {
    uint64_t bits = ouro__load_relaxed(&pool->bits[word]);
    unsigned left = pool->blocks - word * 64u;
    *why = "I-POOL-1: a block that does not exist is free";
    if (bits & ~ouro__mask64(0, left < 64 ? left : 64)) return false;
    *why = "I-POOL-2: a block is free and remotely freed";
    if (bits & ouro__load_relaxed(&pool->bits[pool->words + word])) return false;
    count += ouro__popcount64(bits);
  }
  *why = "I-POOL-1: the number of free blocks is wrong";
  if (count != pool->nfree) return false;
  *why = "I-POOL-3: a pool with free blocks is in no list, or a full one is in one";
  if (!ouro__heap_lists(ouro__load_relaxed(&pool->heap), pool)) return false;
  *why = "I-POOL-4: a returned page holds a block in use";
  if (pool->returned & ~all_granules(pool->units)) return false;
  return returned_pages_are_free(pool);
}
