/* heap/cache.c - threads' caches: made, filled, emptied, left behind. */
#include "heap/cache.h"

#include <pthread.h>
#include <string.h>

#include "heap/class.h"
#include "heap/find.h"
#include "heap/meta.h"
#include "heap/pool.h"
#include "heap/purge.h"
#include "heap/theap.h"

/* ---------------------------------------------------------------- bins of a thread that has no cache */

static void *nothing[1];

#define EMPTY {.top = nothing + 1, .limit = nothing + 1}
#define EMPTY_8 EMPTY, EMPTY, EMPTY, EMPTY, EMPTY, EMPTY, EMPTY, EMPTY
#define EMPTY_32 EMPTY_8, EMPTY_8, EMPTY_8, EMPTY_8
#define EMPTY_96 EMPTY_32, EMPTY_32, EMPTY_32
#if defined(OURO_BINS_IN_TLS)
#define EMPTY_BINS {.of = {EMPTY, EMPTY_96}}
#else
#define EMPTY_BINS {.of = {EMPTY, EMPTY_96, EMPTY_96, EMPTY_32, EMPTY_8, EMPTY_8, EMPTY_8, EMPTY, EMPTY, EMPTY, EMPTY, EMPTY, EMPTY}}
#endif

#if defined(OURO_BINS_IN_TLS)
__thread ouro__bins ouro__my_bins = EMPTY_BINS;
static ouro__bins *bins_of(ouro__cache *cache) {
  (void)cache;
  return &ouro__my_bins;
}
static void use_bins(ouro__cache *cache) { (void)cache; }
static void use_no_bins(void) { ouro__my_bins = (ouro__bins)EMPTY_BINS; }
#else
static ouro__bins empty_bins = EMPTY_BINS;
_Thread_local ouro__bins *ouro__my_bins = &empty_bins;
static ouro__bins *bins_of(ouro__cache *cache) { return &cache->own; }
static bool diverted; /* Heaps' lock */
static void use_bins(ouro__cache *cache) {
  ouro__acquire(&ouro__heaps_lock);
  cache->shown = &ouro__my_bins;
  OURO__POKE(cache->shown, diverted ? &empty_bins : cache->bins);
  ouro__release(&ouro__heaps_lock);
}
static void use_no_bins(void) { ouro__my_bins = &empty_bins; }
#endif

/* The thread's cache; NULL: none yet; &ending: it was taken down, and the thread is not given another. */
static _Thread_local ouro__cache *mine;
static ouro__cache ending;

ouro__cache *ouro__caches;         /* in use. Heaps' lock */
_Atomic size_t ouro__caches_count; /* in use */
static ouro__cache *unused_caches; /* Heaps' lock */

/* ---------------------------------------------------------------- how large the bins are */

uint16_t ouro__bin_first_slot[OURO_CLASSES];

/* A bin holds up to 32 KiB, so that a thread that sleeps keeps little; of the larger sizes, which are many and seldom asked for, a few
 * blocks. */
static unsigned capacity_of(unsigned class_) {
  size_t size = ouro__class_size(class_), count = size <= 1024 ? 32768 / size : size <= 8192 ? 16384 / size : 65536 / size;
  if (count > 512) return 512;
  if (size > 8192) return count > 0 ? (unsigned)count : 1;
  return count < 4 ? 4 : (unsigned)count;
}

/* Before the slots of a bin there is a word of zero. */
static size_t cache_bytes(void) {
  size_t slots = 0;
  for (unsigned class_ = 1; class_ < OURO_CLASSES; class_++) slots += capacity_of(class_) + 1;
  return sizeof(ouro__cache) + slots * sizeof(void *);
}

static void lay_out_slots(void) {
  unsigned slot = 0;
  for (unsigned class_ = 1; class_ < OURO_CLASSES; class_++) {
    ouro__bin_first_slot[class_] = (uint16_t)(slot + 1);
    slot += capacity_of(class_) + 1;
  }
}

/* See <ouro/inline.h>. With e = magic * size - 2^32, block number k begins at an offset whose product is k * e; offsets between
 * blocks give at least magic. So the first multiple behind the last block fails as well. */
static uint32_t threshold_of(unsigned class_, uint32_t magic) {
  size_t size = ouro__class_size(class_), blocks = OURO_UNIT_BYTES / size;
  uint64_t e = (uint64_t)magic * size - (UINT64_C(1) << 32);
  return ouro__is_small_class(class_) ? (uint32_t)((blocks - 1) * e + 1) : 0;
}

static void set_up(ouro__cache *cache) {
  ouro__bins *bins = cache->bins = bins_of(cache);
  bins->of[0] = (ouro__bin)EMPTY;
  for (unsigned class_ = 1; class_ < OURO_CLASSES; class_++) {
    ouro__bin *bin = &bins->of[class_];
    unsigned capacity = capacity_of(class_);
    size_t size = ouro__class_size(class_);
    *bin = (ouro__bin){.top = ouro__bin_slots(cache, class_), .capacity = (uint16_t)capacity};
    bin->magic = (uint32_t)(((UINT64_C(1) << 32) + size - 1) / size);
    bin->threshold = threshold_of(class_, bin->magic);
    bin->fill = (uint16_t)(capacity < 64 ? (capacity + 7) / 8 : 8);
    bin->limit = bin->top + capacity;
  }
}

/* ---------------------------------------------------------------- a thread begins and ends */

static pthread_key_t exit_key;
static _Atomic uint32_t exit_key_made; /* 0: not yet; 1: being made; 2: made; 3: the system refused */

static void link_cache(ouro__cache *cache) {
  cache->prev = NULL;
  cache->next = ouro__caches;
  if (ouro__caches) ouro__caches->prev = cache;
  ouro__caches = cache;
  ouro__add_relaxed(&ouro__caches_count, 1);
}

static void unlink_cache(ouro__cache *cache) {
  if (cache->prev) {
    cache->prev->next = cache->next;
  } else {
    ouro__caches = cache->next;
  }
  if (cache->next) cache->next->prev = cache->prev;
  ouro__sub_relaxed(&ouro__caches_count, 1);
}

static bool has_blocks(const ouro__cache *cache) {
  for (unsigned class_ = 1; class_ < OURO_CLASSES; class_++) {
    if (ouro__bin_count(cache, class_)) return true;
  }
  return false;
}

static void release_cache(ouro__cache *cache) {
  do ouro__cache_flush_all(cache);
  while (has_blocks(cache)); /* a flush may start the background thread, which allocates */
  ouro__heap_leave(cache->heap);
  ouro__acquire(&ouro__heaps_lock);
  unlink_cache(cache);
#if !defined(OURO_BINS_IN_TLS)
  cache->shown = NULL;
#endif
  cache->next = unused_caches;
  unused_caches = cache;
  ouro__release(&ouro__heaps_lock);
}

/* The thread's last act here; destructors of others' keys may still allocate and free after it. */
static void at_thread_exit(void *arg) {
  ouro__cache *cache = arg;
  release_cache(cache);
  mine = &ending;
  use_no_bins();
}

static bool make_exit_key(void) {
  uint32_t state = 0;
  if (ouro__cas_acquire(&exit_key_made, &state, 1)) {
    ouro__store_release(&exit_key_made, pthread_key_create(&exit_key, at_thread_exit) == 0 ? 2 : 3);
  }
  while (ouro__load_acquire(&exit_key_made) == 1) {
  }
  return ouro__load_relaxed(&exit_key_made) == 2;
}

static ouro__cache *get_cache(void) {
  ouro__acquire(&ouro__heaps_lock);
  ouro__cache *cache = unused_caches;
  if (cache) {
    unused_caches = cache->next;
  } else if (!ouro__bin_first_slot[1]) {
    lay_out_slots();
  }
  ouro__release(&ouro__heaps_lock);
  return cache ? cache : ouro__meta_alloc(cache_bytes());
}

/* Give the cache its heap, and put it among those in use or among the unused ones. */
static bool enter_cache(ouro__cache *cache) {
  cache->heap = ouro__heap_enter();
  if (cache->heap) set_up(cache);
  ouro__acquire(&ouro__heaps_lock);
  if (cache->heap) {
    link_cache(cache);
  } else {
    cache->next = unused_caches;
    unused_caches = cache;
  }
  ouro__release(&ouro__heaps_lock);
  return cache->heap != NULL;
}

ouro__cache *ouro__cache_mine_if_any(void) { return mine == &ending ? NULL : mine; }

ouro__cache *ouro__cache_mine(void) {
  if (OURO_LIKELY(mine != NULL)) return ouro__cache_mine_if_any();
  ouro__heap_start();
  if (!make_exit_key()) return NULL;
  ouro__cache *cache = get_cache();
  if (!cache || !enter_cache(cache)) return NULL;
  mine = cache;
  use_bins(cache);
  /* May allocate, and finds the cache in place. A cache that would not be released at the thread's end must not be. */
  if (pthread_setspecific(exit_key, cache) != 0) {
    at_thread_exit(cache);
    return NULL;
  }
  return cache;
}

/* ---------------------------------------------------------------- from pools to a bin */

/* Blocks move between pools and bins under the heap's lock, so that fork, which takes it, finds each in one of them. */
static unsigned refill_locked(ouro__cache *cache, unsigned class_, void **twice) {
  ouro__bin *bin = &cache->bins->of[class_];
  void **slots = ouro__bin_slots(cache, class_);
  unsigned got = ouro__heap_take(cache->heap, class_, slots, bin->fill, twice);
  if (got == 0) return 0;
  if (bin->fill < bin->capacity / 2u) bin->fill = (uint16_t)(bin->fill * 2);
  bin->flushes = 0;
  bin->limit = slots + bin->capacity;
  OURO__POKE(&bin->top, slots + got);
  return got;
}

/* As ouro__bin_pop, of the thread's own bins, wherever its fast path looks. */
static void *pop(ouro__cache *cache, unsigned class_) {
  ouro__bin *bin = &cache->bins->of[class_];
  void **top = OURO__PEEK(&bin->top), *block = top[-1];
  if (block) OURO__POKE(&bin->top, top - 1);
  return block;
}

static void *refill(ouro__cache *cache, unsigned class_) {
  void *twice;
  ouro__acquire(&cache->heap->lock);
  unsigned got = refill_locked(cache, class_, &twice);
  ouro__release(&cache->heap->lock);
  if (OURO_UNLIKELY(twice != NULL)) ouro__fatal_block(OURO_FATAL_DOUBLE_FREE, twice);
  ouro__pulse();
  return got ? pop(cache, class_) : NULL;
}

void *ouro__cache_take(ouro__cache *cache, unsigned class_) {
  void *block = pop(cache, class_);
  return block ? block : refill(cache, class_);
}

/* ---------------------------------------------------------------- from a bin to pools */

/* A flush looks at its blocks in the order in which they were freed, and collects the bits of neighbours before it writes them. */
typedef struct flusher {
  const ouro_heap *heap; /* the thread's, whose lock is held */
  unsigned class_;
  uint32_t magic;        /* ceil(2^32 / size of the class) */
  ouro__pool *pool;      /* the one that blocks were last put in, or NULL */
  bool local;            /* it is the heap's */
  unsigned count;        /* blocks put in it since its bookkeeping was last done */
  void *twice;           /* a block that was free already, the last one found */
} flusher;

static ouro__pool *pool_of(const void *block) {
  return &ouro__the_region.pools[((uintptr_t)block - ouro__hot_base) >> OURO_UNIT_SHIFT];
}

/* A pool that was deleted, or became another, since the block came here: the block was freed twice. */
static bool still_there(const flusher *state, const ouro__pool *pool) {
  return ouro__is_pool(ouro__load_relaxed(&pool->kind)) && pool->class_ == state->class_;
}

static void leave_pool(flusher *state) {
  if (!state->count) return;
  if (state->local) {
    ouro__pool_freed(state->pool, state->count);
  } else {
    ouro__heap_queue(state->pool);
  }
  state->count = 0;
}

static bool enter_pool(flusher *state, ouro__pool *pool) {
  leave_pool(state);
  state->pool = pool;
  state->local = ouro__load_relaxed(&pool->heap) == state->heap;
  return still_there(state, pool);
}

/* One of the blocks stands there twice: which. */
static void *find_twin(void **blocks, unsigned count) {
  for (unsigned i = 1; i < count; i++) {
    for (unsigned k = 0; k < i; k++) {
      if (blocks[k] == blocks[i]) return blocks[i];
    }
  }
  return blocks[0];
}

/* Put `count` blocks, which are `bits` of one word of the entered pool. */
static inline void put_word(flusher *state, unsigned word, uint64_t bits, void **blocks, unsigned count) {
  unsigned different = ouro__popcount64(bits);
  uint64_t twice = state->local ? ouro__pool_mark(state->pool, word, bits) : ouro__pool_mark_remote(state->pool, word, bits);
  if (OURO_UNLIKELY(different != count)) state->twice = find_twin(blocks, count);
  if (OURO_UNLIKELY(twice != 0)) {
    state->twice = ouro__pool_address(state->pool) + (size_t)(word * 64 + ouro__ctz64(twice)) * state->pool->size;
    different -= ouro__popcount64(twice);
  }
  state->count += different;
}

/* The number of a block of a small pool at that distance from the pool's beginning. */
static unsigned index_at(const flusher *state, size_t distance) { return (unsigned)((distance * state->magic) >> 32); }

/* Put the first of `count` blocks, and those behind it that lie in the same pool, and return how many they are. Small classes. */
static unsigned put_small(flusher *state, void **blocks, unsigned count) {
  ouro__pool *pool = pool_of(blocks[0]);
  if (pool != state->pool && OURO_UNLIKELY(!enter_pool(state, pool))) {
    state->twice = blocks[0];
    state->pool = NULL;
    return 1;
  }
  uintptr_t base = (uintptr_t)blocks[0] & ~(OURO_UNIT_BYTES - 1);
  unsigned index = index_at(state, (uintptr_t)blocks[0] - base), word = index / 64, first = 0, done = 1;
  uint64_t bits = UINT64_C(1) << (index % 64);
  for (; done < count; done++) {
    size_t distance = (uintptr_t)blocks[done] - base;
    if (distance >= OURO_UNIT_BYTES) break;
    index = index_at(state, distance);
    if (index / 64 != word) {
      put_word(state, word, bits, blocks + first, done - first);
      word = index / 64;
      first = done;
      bits = 0;
    }
    bits |= UINT64_C(1) << (index % 64);
  }
  put_word(state, word, bits, blocks + first, done - first);
  return done;
}

static void put_medium(flusher *state, void *block) {
  ouro__pool *pool = ouro__pool_head(pool_of(block));
  if (OURO_UNLIKELY(!enter_pool(state, pool))) {
    state->twice = block;
  } else {
    unsigned index = ouro__block_index(pool, block);
    put_word(state, index / 64, UINT64_C(1) << (index % 64), &block, 1);
  }
  leave_pool(state);
}

/* Where blocks come from all over the heap, each needs two lines of tables that may be far away: ask for those of a group first. */
enum { GROUP = 32 };

static void ask_for(const flusher *state, void **blocks, unsigned count) {
  unsigned changes = 0;
  for (unsigned i = 7; i < count; i += 8) changes += pool_of(blocks[i]) != pool_of(blocks[i - 7]);
  if (changes < 2) return;
  for (unsigned i = 0; i < count; i++) OURO_PREFETCH_WRITE(pool_of(blocks[i]));
  for (unsigned i = 0; i < count; i++) {
    unsigned index = index_at(state, (uintptr_t)blocks[i] & (OURO_UNIT_BYTES - 1));
    OURO_PREFETCH_WRITE(&pool_of(blocks[i])->bits[index / 64]);
  }
}

static void put_all(flusher *state, void **blocks, unsigned count) {
  bool medium = !ouro__is_small_class(state->class_);
  for (unsigned done = 0, asked = 0; done < count;) {
    if (medium) {
      put_medium(state, blocks[done++]);
      continue;
    }
    if (done >= asked) {
      unsigned group = count - done < GROUP ? count - done : GROUP;
      ask_for(state, blocks + done, group);
      asked = done + group;
    }
    done += put_small(state, blocks + done, asked - done);
  }
  leave_pool(state);
}

/* Move all but the `keep` newest blocks of a bin to their pools. */
static void flush(ouro__cache *cache, unsigned class_, unsigned keep) {
  ouro__bin *bin = &cache->bins->of[class_];
  void **slots = ouro__bin_slots(cache, class_);
  unsigned count = ouro__bin_count(cache, class_), leave = count > keep ? count - keep : 0;
  flusher state = {.heap = cache->heap, .class_ = class_, .magic = bin->magic};
  ouro__acquire(&cache->heap->lock);
  put_all(&state, slots, leave);
  memmove(slots, slots + leave, (count - leave) * sizeof *slots);
  OURO__POKE(&bin->top, slots + (count - leave));
  ouro__release(&cache->heap->lock);
  ouro__freed_bytes(leave * ouro__class_size(class_));
  if (OURO_UNLIKELY(state.twice != NULL)) ouro__fatal_block(OURO_FATAL_DOUBLE_FREE, state.twice);
}

/* After so many flushes without a refill between, the thread is taking something down. */
enum { DRAINING = 8, DRAINING_SLOTS = 128 };

void ouro__cache_put(ouro__cache *cache, unsigned class_, void *block) {
  ouro__bin *bin = &cache->bins->of[class_];
  if (bin->top == bin->limit) {
    bool draining = bin->flushes >= DRAINING;
    flush(cache, class_, draining ? 0 : bin->capacity / 4u);
    if (!draining) bin->flushes++;
    if (draining && bin->capacity > DRAINING_SLOTS) bin->limit = ouro__bin_slots(cache, class_) + DRAINING_SLOTS;
  }
  *bin->top = block;
  OURO__POKE(&bin->top, bin->top + 1);
}

void ouro__cache_flush_all(ouro__cache *cache) {
  for (unsigned class_ = 1; class_ < OURO_CLASSES; class_++) {
    if (ouro__bin_count(cache, class_)) flush(cache, class_, 0);
  }
}

void ouro__cache_adopt_all(void) {
  for (ouro__cache *cache = ouro__caches, *next; cache; cache = next) {
    next = cache->next;
    if (cache != mine) release_cache(cache);
  }
}

#if !defined(OURO_BINS_IN_TLS)
/* A thread that is in a fast path at this moment ends it with the bins that it began with. */
void ouro__caches_divert(bool on) {
  ouro__acquire(&ouro__heaps_lock);
  diverted = on;
  for (ouro__cache *cache = ouro__caches; cache; cache = cache->next) {
    if (cache->shown) OURO__POKE(cache->shown, on ? &empty_bins : cache->bins);
  }
  ouro__release(&ouro__heaps_lock);
}
#endif
