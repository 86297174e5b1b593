/* heap/objects.c - blocks for objects: allocated and freed as others are, but from pools of their own, and found by a walk. */
#include <errno.h>
#include <string.h>

#include "heap/arena.h"
#include "heap/cache.h"
#include "heap/class.h"
#include "heap/find.h"
#include "heap/heap.h"
#include "heap/large.h"
#include "heap/meta.h"
#include "heap/pool.h"
#include "heap/private.h"
#include "heap/purge.h"
#include "heap/theap.h"

_Thread_local bool ouro__walks_objects;

unsigned ouro__object_class(size_t size, bool acyclic) {
  if (size > OURO_BLOCK_MAX) return 0;
  unsigned class_ = ouro__class_of(size);
  return acyclic && class_ + OURO_ACYCLICS < OURO_CLASSES ? class_ + OURO_ACYCLICS : class_ + OURO_CONTAINERS;
}

/* ---------------------------------------------------------------- allocate */

static void *alloc_large(size_t size) {
  uint8_t *state = ouro__meta_alloc(OURO_SIDE_NUMBERS);
  if (!state) return NULL;
  char *block = ouro__large_alloc(NULL, size, 1, true);
  if (!block) {
    ouro__meta_free(state, OURO_SIDE_NUMBERS);
    return NULL;
  }
  memset(state, OURO_STATE_NONE, OURO_SIDE_NUMBERS);
  ouro__side *side = &ouro__hot_sides[ouro__unit_number(block)];
  side->magic = OURO_SIDE_MAGIC;
  side->size = OURO_SIDE_STEP;
  side->numbers = OURO_SIDE_NUMBERS;
  side->distance = 0;
  side->state = state;
  return block;
}

static void *alloc(unsigned class_, size_t size) {
  ouro__heap_start();
  if (class_ == 0) return alloc_large(size);
  ouro__cache *cache = ouro__cache_mine();
  if (cache) return ouro__cache_take(cache, class_);
  ouro_heap *heap = ouro__heap_enter(); /* a thread that ends */
  if (!heap) return NULL;
  void *block = ouro__heap_take_one(heap, class_);
  ouro__heap_leave(heap);
  return block;
}

void *ouro__object_alloc_slow(unsigned class_, size_t size) {
  int saved = errno;
  void *block = size > PTRDIFF_MAX ? NULL : alloc(class_, size);
  if (!block && size <= PTRDIFF_MAX) { /* what waits for its decay may be just what is missing */
    ouro__purge_all();
    block = alloc(class_, size);
  }
  const ouro__heap_hooks *hooks = ouro__load_acquire(&ouro__the_hooks);
  if (OURO_UNLIKELY(hooks && hooks->given) && block) hooks->given(block, size, class_);
  errno = block ? saved : ENOMEM;
  return block;
}

/* ---------------------------------------------------------------- free */

static void free_large(ouro__pool *large) {
  ouro__side *side = &ouro__hot_sides[ouro__pool_unit(large)];
  uint8_t *state = side->state;
  side->state = NULL;
  side->numbers = 0;
  ouro__meta_free(state, OURO_SIDE_NUMBERS);
  ouro__large_free(large);
}

void ouro__object_free_slow(void *block) {
  int saved = errno;
  ouro__found found = ouro__find(block);
  OURO_INVARIANT(found.kind == OURO_FOUND_BLOCK);
  const ouro__heap_hooks *hooks = ouro__load_acquire(&ouro__the_hooks);
  ouro__word *word = OURO_UNLIKELY(hooks != NULL) ? ouro__block_word_slow(block, false) : NULL;
  if (word && ouro__load_relaxed(word)) hooks->freed(block, word);
  ouro__cache *cache = ouro__cache_mine();
  if (ouro__load_relaxed(&found.pool->kind) == OURO_KIND_LARGE) {
    free_large(found.pool);
  } else if (cache) {
    ouro__cache_put(cache, found.pool->class_, block);
  } else {
    ouro__put_without_cache(found.pool, found.index);
  }
  errno = saved;
}

static uint64_t mark_all(ouro__pool *pool, const uint64_t *bits, bool local, unsigned *count) {
  uint64_t twice = 0;
  for (unsigned word = 0; word < pool->words; word++) {
    if (!bits[word]) continue;
    twice |= local ? ouro__pool_mark(pool, word, bits[word]) : ouro__pool_mark_remote(pool, word, bits[word]);
    *count += ouro__popcount64(bits[word]);
  }
  return twice;
}

static void tell_freed(const ouro__heap_hooks *hooks, const ouro__pool *pool, const uint64_t *bits) {
  char *base = ouro__pool_address(pool);
  ouro__word *column = ouro__block_word_slow(base, false);
  for (unsigned word = 0; column && word < pool->words; word++) {
    for (uint64_t left = bits[word]; left; left &= left - 1) {
      unsigned index = word * 64 + ouro__ctz64(left);
      if (ouro__load_relaxed(&column[index])) hooks->freed(base + (size_t)index * pool->size, &column[index]);
    }
  }
}

bool ouro__object_free_many(size_t unit, const uint64_t *bits) {
  ouro__pool *pool = &ouro__the_region.pools[unit];
  if (ouro__load_relaxed(&pool->kind) != OURO_KIND_SMALL) return false;
  unsigned count = 0;
  size_t size = pool->size;
  const ouro__heap_hooks *hooks = ouro__load_acquire(&ouro__the_hooks);
  if (OURO_UNLIKELY(hooks != NULL)) tell_freed(hooks, pool, bits);
  ouro_heap *heap = ouro__load_acquire(&pool->heap);
  ouro__acquire(&heap->lock);
  bool local = ouro__load_relaxed(&pool->heap) == heap; /* else taken over meanwhile */
  uint64_t twice = mark_all(pool, bits, local, &count);
  if (local && count) ouro__pool_freed(pool, count);
  ouro__release(&heap->lock);
  OURO_INVARIANT(!twice);
  if (!local) ouro__heap_queue(pool);
  ouro__freed_bytes(count * size);
  return true;
}

/* ---------------------------------------------------------------- find */

size_t ouro__object_bytes(const void *object) { return ouro__block_bytes(ouro__find(object).pool); }

bool ouro__is_object_block(const void *address) {
  ouro__found found = ouro__find(address);
  if (found.kind != OURO_FOUND_BLOCK || !ouro__holds_objects(found.pool)) return false;
  return ouro__load_relaxed(&found.pool->kind) == OURO_KIND_LARGE || ouro__block_is_out(found.pool, found.index);
}

size_t ouro__units_end(void) { return (size_t)ouro__load_relaxed(&ouro__arenas_top) * OURO_ARENA_UNITS; }

/* By what is beside the unit, which only threads write that may touch objects, and the caller has stopped them: others make and delete
 * pools of other kinds meanwhile. */
int ouro__each_acyclic_block(size_t unit, int (*fn)(void *block, void *arg), void *arg) {
  const ouro__side *side = &ouro__hot_sides[unit];
  const ouro__pool *pool = &ouro__the_region.pools[unit];
  /* Looked at anew each time: the function may have freed the last block of the pool. */
  for (unsigned index = 0; !side->state && index < side->numbers; index++) {
    if (!ouro__block_is_out(pool, index)) continue;
    int result = fn(ouro__unit_start(unit) + (size_t)index * side->size, arg);
    if (result) return result;
  }
  return 0;
}

/* ---------------------------------------------------------------- allocations that fail for tests */

#ifdef OURO_FAULTS
static _Atomic long countdown;
static _Atomic bool for_ever_now, was_hit;

void ouro__fault_set(long nth, bool for_ever) {
  ouro__store_relaxed(&countdown, nth);
  ouro__store_relaxed(&for_ever_now, for_ever);
  ouro__store_relaxed(&was_hit, false);
}

bool ouro__fault_hit(void) { return ouro__load_relaxed(&was_hit); }

bool ouro__fault_now(void) {
  long left = ouro__load_relaxed(&countdown);
  if (left == 0) return false;
  if (left > 1) {
    ouro__sub_relaxed(&countdown, 1);
    return false;
  }
  if (!ouro__load_relaxed(&for_ever_now)) ouro__store_relaxed(&countdown, 0);
  ouro__store_relaxed(&was_hit, true);
  errno = ENOMEM;
  return true;
}
#endif
