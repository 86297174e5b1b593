/* heap/malloc.c - the public functions for blocks, and the slow paths behind the fast ones. */
#include <errno.h>
#include <string.h>

#include "heap/arena.h"
#include "heap/cache.h"
#include "heap/check.h"
#include "heap/class.h"
#include "heap/find.h"
#include "heap/heap.h"
#include "heap/large.h"
#include "heap/pool.h"
#include "heap/private.h"
#include "heap/purge.h"
#include "heap/theap.h"

/* ---------------------------------------------------------------- allocate */

static void *no_memory(void) {
  errno = ENOMEM;
  return NULL;
}

/* For a thread that ends, or for which there is no memory to make a cache. */
static void *take_without_cache(unsigned class_) {
  ouro_heap *heap = ouro__heap_enter();
  if (!heap) return NULL;
  void *block = ouro__heap_take_one(heap, class_);
  ouro__heap_leave(heap);
  return block;
}

static void *take(ouro_heap *heap, unsigned class_) {
  if (heap) return ouro__heap_take_one(heap, class_);
  ouro__cache *cache = ouro__cache_mine();
  if (!cache) return take_without_cache(class_);
  return ouro__checking() ? ouro__heap_take_one(cache->heap, class_) : ouro__cache_take(cache, class_);
}

static void *alloc(ouro_heap *heap, size_t size, size_t alignment, bool zeroed) {
  ouro__heap_start();
  if (size == 0) size = 1;
  unsigned class_ = alignment <= 16 ? (size <= OURO_BLOCK_MAX ? ouro__class_of(size) : 0) : ouro__class_aligned(size, alignment);
  if (class_ == 0) return ouro__large_alloc(heap, size, alignment, zeroed);
  void *block = take(heap, class_);
  if (block && zeroed) memset(block, 0, ouro__class_size(class_));
  return block;
}

static void *checked_alloc(ouro_heap *heap, size_t size, size_t alignment, bool zeroed) {
  if (size > PTRDIFF_MAX - OURO_CHECK_EXTRA) return NULL;
  char *block = alloc(heap, size + OURO_CHECK_EXTRA, alignment, zeroed);
  if (block) ouro__check_given(block, ouro__block_bytes(ouro__find(block).pool), size);
  return block;
}

static void release_queue(void);

void *ouro__alloc_from(ouro_heap *heap, size_t size, size_t alignment, bool zeroed) {
  int saved = errno;
  if (size > PTRDIFF_MAX) return no_memory();
  ouro__conf_start();
  void *block = (ouro__checking() ? checked_alloc : alloc)(heap, size, alignment, zeroed);
  if (!block) { /* what waits for its decay may be just what is missing */
    release_queue();
    ouro__purge_all();
    block = (ouro__checking() ? checked_alloc : alloc)(heap, size, alignment, zeroed);
  }
  if (!block) return no_memory();
  const ouro__heap_hooks *hooks = ouro__load_acquire(&ouro__the_hooks);
  if (OURO_UNLIKELY(hooks && hooks->given)) hooks->given(block, size, 0);
  errno = saved;
  return block;
}

void *ouro__malloc_slow(size_t size) { return ouro__alloc_from(NULL, size, 1, false); }

void *ouro__calloc(size_t count, size_t size) {
  if (OURO_UNLIKELY(size && count > PTRDIFF_MAX / size)) return no_memory();
  size_t bytes = count * size;
  if (bytes > OURO_BLOCK_MAX || bytes == 0) return ouro__alloc_from(NULL, bytes, 1, true);
  void *block = ouro__malloc_fast(bytes);
  return block ? memset(block, 0, bytes) : NULL;
}

void *ouro__aligned_alloc(size_t alignment, size_t size) {
  if (!ouro__is_power_of_two(alignment)) {
    errno = EINVAL;
    return NULL;
  }
  return alignment <= 16 ? ouro__malloc_fast(size) : ouro__alloc_from(NULL, size, alignment, false);
}

/* ---------------------------------------------------------------- free */

static ouro__found find_or_die(const void *block) {
  ouro__found found = ouro__find(block);
  if (OURO_LIKELY(found.kind == OURO_FOUND_BLOCK)) {
    if (OURO_UNLIKELY(ouro__holds_objects(found.pool))) ouro__fatal_block(OURO_FATAL_OBJECT_AS_BLOCK, block);
    return found;
  }
  ouro__fatal_block(found.kind == OURO_FOUND_INTERIOR ? OURO_FATAL_INTERIOR_POINTER : OURO_FATAL_BAD_POINTER, block);
}

/* Without a cache: straight into the pool of whichever heap has it. */
bool ouro__put_without_cache(ouro__pool *pool, unsigned index) {
  ouro_heap *heap = ouro__load_acquire(&pool->heap);
  ouro__acquire(&heap->lock);
  bool still = ouro__load_relaxed(&pool->heap) == heap; /* else taken over meanwhile */
  bool good = still ? ouro__pool_put(pool, index)
                    : !ouro__pool_mark_remote(pool, index / 64, UINT64_C(1) << (index % 64));
  ouro__release(&heap->lock);
  if (!still) ouro__heap_queue(pool);
  return good;
}

static bool release(const ouro__found *found) {
  ouro__pool *pool = found->pool;
  if (ouro__load_relaxed(&pool->kind) == OURO_KIND_LARGE) {
    ouro__large_free(pool);
    return true;
  }
  /* Pairs with the release of who takes a pool over: its heap may be younger than the block. */
  if (ouro__load_acquire(&pool->heap)->is_private) return ouro__private_free(pool, found->index);
  ouro__cache *cache = ouro__checking() ? NULL : ouro__cache_mine();
  if (!cache) return ouro__put_without_cache(pool, found->index);
  ouro__cache_put(cache, pool->class_, found->block);
  return true;
}

/* Under check: the oldest block that waits leaves, always or only where too much waits. false: none did. */
static bool release_waiting(bool only_too_much) {
  void *block = ouro__check_next(only_too_much);
  if (!block) return false;
  ouro__found found = ouro__find(block);
  if (found.kind != OURO_FOUND_BLOCK || !release(&found)) ouro__fatal_block(OURO_FATAL_DOUBLE_FREE, block);
  return true;
}

/* Under check, a block waits before its memory is used again. */
static bool checked_release(const ouro__found *found) {
  bool large = ouro__load_relaxed(&found->pool->kind) == OURO_KIND_LARGE;
  if (!large && !ouro__block_is_out(found->pool, found->index)) return false;
  size_t capacity = ouro__block_bytes(found->pool);
  ouro_heap *heap = ouro__load_acquire(&found->pool->heap);
  if (heap && heap->is_private) { /* it may be destroyed before its blocks leave the queue */
    ouro__check_size(found->block, capacity);
    return release(found);
  }
  ouro__check_freed(found->block, capacity);
  while (!ouro__check_wait(found->block, capacity)) release_waiting(false);
  while (release_waiting(true)) {
  }
  return true;
}

/* Under check: all blocks that wait. */
static void release_queue(void) {
  while (ouro__checking() && release_waiting(false)) {
  }
}

static void tell_freed(const ouro__heap_hooks *hooks, const ouro__found *found) {
  ouro__word *word = ouro__block_word_slow(found->block, false);
  if (word && ouro__load_relaxed(word)) hooks->freed(found->block, word);
}

void ouro__free_slow(void *block) {
  if (!block) return;
  int saved = errno;
  ouro__found found = find_or_die(block);
  const ouro__heap_hooks *hooks = ouro__load_acquire(&ouro__the_hooks);
  if (OURO_UNLIKELY(hooks != NULL)) tell_freed(hooks, &found);
  bool good = ouro__checking() ? checked_release(&found) : release(&found);
  if (OURO_UNLIKELY(!good)) ouro__fatal_block(OURO_FATAL_DOUBLE_FREE, block);
  errno = saved;
}

/* ---------------------------------------------------------------- sizes */

static size_t usable(const ouro__found *found) {
  size_t capacity = ouro__block_bytes(found->pool);
  return ouro__checking() ? ouro__check_size(found->block, capacity) : capacity;
}

size_t ouro_usable_size(const void *block) {
  if (!block) return 0;
  ouro__found found = find_or_die(block);
  return usable(&found);
}

size_t ouro_good_size(size_t size) {
  if (size == 0) size = 1;
  if (size <= OURO_BLOCK_MAX) return ouro__class_size(ouro__class_of(size));
  return size > PTRDIFF_MAX ? size : ouro__round_up(size, OURO_PAGE_BYTES);
}

bool ouro_owns(const void *address) {
  ouro__found found = ouro__find(address);
  if (found.kind != OURO_FOUND_BLOCK) return false;
  return ouro__load_relaxed(&found.pool->kind) == OURO_KIND_LARGE || ouro__block_is_out(found.pool, found.index);
}

/* ---------------------------------------------------------------- resize */

static void *move(const ouro__found *found, size_t have, size_t size) {
  ouro__pool *pool = found->pool;
  bool large = ouro__load_relaxed(&pool->kind) == OURO_KIND_LARGE;
  ouro_heap *heap = ouro__load_acquire(&pool->heap);
  if (heap && !heap->is_private) heap = NULL;
  void *fresh = NULL;
  if (large && size >= have && have >= OURO_MOVE_BYTES && !ouro__checking()) fresh = ouro__large_move(pool, size);
  if (fresh) {
    const ouro__heap_hooks *hooks = ouro__load_acquire(&ouro__the_hooks);
    if (OURO_UNLIKELY(hooks && hooks->given)) hooks->given(fresh, size, 0);
  } else {
    fresh = ouro__alloc_from(heap, size, 1, false);
    if (!fresh) return NULL;
    memcpy(fresh, found->block, have < size ? have : size);
  }
  ouro__free_fast(found->block);
  return fresh;
}

/* Stay where the class does not change much: shrinking by less than half is not worth a copy. */
static bool fits_in_place(const ouro__found *found, size_t have, size_t size) {
  if (ouro__checking()) return false;
  if (ouro__load_relaxed(&found->pool->kind) != OURO_KIND_LARGE) return size <= have && size > have / 2;
  if (size <= have && size > have / 4 * 3) return true;
  return size > OURO_BLOCK_MAX && ouro__large_resize(found->pool, size);
}

/* Usable bytes of a block that a cache would take, found as ouro__free_fast does; 0 for all others. */
static size_t usable_of_cached_kind(const void *block) {
  size_t unit = ((uintptr_t)block - ouro__hot_base) >> OURO_UNIT_SHIFT;
  if (unit >= ouro__hot_units) return 0;
  unsigned class_ = OURO__PEEK(&ouro__hot_bins[unit]) / OURO__BIN_BYTES;
  ouro__bin OURO__SEG *bin = ouro__bin_at(class_ * OURO__BIN_BYTES);
  uint32_t offset = (uint32_t)((uintptr_t)block & (OURO_UNIT_BYTES - 1));
  return offset * bin->magic < bin->threshold ? ouro__class_size(class_) : 0;
}

static void *realloc_slow(void *block, size_t size) {
  ouro__found found = find_or_die(block);
  size_t have = usable(&found);
  if (size > PTRDIFF_MAX) return no_memory();
  if (fits_in_place(&found, have, size)) {
    const ouro__heap_hooks *hooks = ouro__load_acquire(&ouro__the_hooks);
    if (OURO_UNLIKELY(hooks && hooks->given)) {
      tell_freed(hooks, &found);
      hooks->given(block, size, 0);
    }
    return block;
  }
  return move(&found, have, size);
}

void *ouro__realloc(void *block, size_t size) {
  if (!block) return ouro__malloc_fast(size);
  size_t have = usable_of_cached_kind(block);
  if (have == 0 || size > OURO_SMALL_MAX || size == 0) return realloc_slow(block, size);
  if (size <= have && size > have / 2) return block;
  /* What grows once grows again: an eighth more than it had spares most of the copies. */
  void *fresh = ouro__malloc_fast(size > have && size < have + have / 8 ? have + have / 8 : size);
  if (!fresh) return NULL;
  memcpy(fresh, block, have < size ? have : size);
  ouro__free_fast(block);
  return fresh;
}

/* ---------------------------------------------------------------- the public names */

void *ouro_malloc(size_t size) { return ouro__fault_now() ? NULL : ouro__malloc_fast(size); }
void *ouro_calloc(size_t count, size_t size) { return ouro__fault_now() ? NULL : ouro__calloc(count, size); }
void *ouro_realloc(void *block, size_t size) { return ouro__fault_now() ? NULL : ouro__realloc(block, size); }
void *ouro_aligned_alloc(size_t alignment, size_t size) { return ouro__aligned_alloc(alignment, size); }
void ouro_free(void *block) { ouro__free_fast(block); }

void *ouro_reallocarray(void *block, size_t count, size_t size) {
  if (size && count > PTRDIFF_MAX / size) return no_memory();
  return ouro__realloc(block, count * size);
}

/* The size must be one that could have given this block: not more than it holds, and, where no alignment was asked, of its class. */
static void check_size(void *block, size_t alignment, size_t size) {
  if (!block) return;
  ouro__found found = find_or_die(block);
  size_t have = usable(&found);
  if (ouro__checking() && size != have) ouro__fatal_block(OURO_FATAL_WRONG_SIZE, block);
  /* realloc may leave a block in place whose size has shrunk to half. */
  if (size > have || (alignment <= 16 && have <= OURO_BLOCK_MAX && size + 16 <= have / 2)) {
    ouro__fatal_block(OURO_FATAL_WRONG_SIZE, block);
  }
}

void ouro_free_sized(void *block, size_t size) { ouro_free_aligned_sized(block, 1, size); }

void ouro_free_aligned_sized(void *block, size_t alignment, size_t size) {
  check_size(block, alignment, size);
  ouro__free_fast(block);
}

size_t ouro_heap_trim(void) {
  ouro_thread_flush();
  return ouro__purge_all();
}

void ouro_thread_flush(void) {
  ouro__cache *cache = ouro__cache_mine_if_any();
  release_queue();
  if (cache) ouro__cache_flush_all(cache);
}
