/* heap/column.c - a word beside each block, for the layer that traces: made per pool when first asked for, gone with the pool. */
#include "heap/column.h"

#include <string.h>

#include "heap/arena.h"
#include "heap/cache.h"
#include "heap/class.h"
#include "heap/find.h"
#include "heap/heap.h"
#include "heap/meta.h"
#include "heap/pool.h"
#include "heap/region.h"
#include "heap/theap.h"
#include "heap/walk.h"

_Atomic(ouro__word *) *ouro__hot_columns;
uint32_t ouro__class_magic[OURO_CLASSES];
_Atomic(const ouro__heap_hooks *) ouro__the_hooks;
static _Atomic size_t column_bytes;

/* ---------------------------------------------------------------- memory for columns
 *
 * All columns of a class are of one size, so each class has a list of those that are free; they are cut from chunks, one behind the other. (The
 * tables' allocator would round each up to a power of two.) */

typedef struct unused_column {
  struct unused_column *next;
} unused_column;

enum { COLUMN_CHUNK = 1 << 20 };

static unused_column *unused[OURO_CLASSES]; /* 0: of large blocks; under the meta lock, as the chunk is */
static char *chunk;
static size_t chunk_left;

static void *cut(size_t bytes) {
  if (chunk_left < bytes) {
    char *fresh = ouro__os_map(COLUMN_CHUNK);
    if (!fresh) return NULL;
    chunk = fresh;
    chunk_left = COLUMN_CHUNK;
  }
  chunk_left -= bytes;
  chunk += bytes;
  return chunk - bytes;
}

static void *alloc_column(unsigned class_, size_t bytes) {
  ouro__acquire(&ouro__meta_lock);
  unused_column *column = unused[class_];
  void *memory = column;
  if (column) {
    unused[class_] = column->next;
  } else {
    memory = cut(bytes);
  }
  ouro__release(&ouro__meta_lock);
  return memory ? memset(memory, 0, bytes) : NULL;
}

static void free_column(unsigned class_, ouro__word *column) {
  unused_column *freed = (unused_column *)(void *)column;
  ouro__acquire(&ouro__meta_lock);
  freed->next = unused[class_];
  unused[class_] = freed;
  ouro__release(&ouro__meta_lock);
}

static unsigned class_of(const ouro__pool *pool) { return ouro__load_relaxed(&pool->kind) == OURO_KIND_LARGE ? 0 : pool->class_; }

/* The same, for who may look before it is there. */
static _Atomic(_Atomic(ouro__word *) *) made_columns;
static _Atomic(ouro__word *) *columns(void) { return ouro__load_acquire(&made_columns); }

bool ouro__columns_start(void) {
  if (columns()) return true;
  ouro__free_fast(ouro__malloc_fast(1)); /* the region is there */
  if (!ouro__hot_units) return false;
  for (unsigned class_ = 1; class_ < OURO_CLASSES; class_++) {
    size_t size = ouro__class_size(class_);
    ouro__class_magic[class_] = (uint32_t)(((UINT64_C(1) << 32) + size - 1) / size);
  }
  ouro__hot_columns = ouro__os_map(ouro__round_up(ouro__hot_units * sizeof *ouro__hot_columns, OURO_PAGE_BYTES));
  ouro__store_release(&made_columns, ouro__hot_columns);
  return ouro__hot_columns != NULL;
}

size_t ouro__class_bytes(unsigned class_) { return class_ && class_ < OURO_CLASSES ? ouro__class_size(class_) : 0; }

size_t ouro__columns_bytes(void) { return ouro__load_relaxed(&column_bytes); }

/* Of a large block: the word, and one more for its size. */
static size_t words_of(const ouro__pool *pool) {
  return ouro__load_relaxed(&pool->kind) == OURO_KIND_LARGE ? 2 : pool->blocks;
}

static ouro__word *column_of(ouro__pool *pool, bool make) {
  _Atomic(ouro__word *) *place = &columns()[ouro__pool_unit(pool)];
  ouro__word *column = ouro__load_acquire(place), *none = NULL;
  if (column || !make) return column;
  size_t bytes = words_of(pool) * sizeof(ouro__word);
  column = alloc_column(class_of(pool), bytes);
  if (!column) return NULL;
  if (atomic_compare_exchange_strong_explicit(place, &none, column, memory_order_acq_rel, memory_order_acquire)) {
    ouro__add_relaxed(&column_bytes, bytes);
    return column;
  }
  free_column(class_of(pool), column);
  return none;
}

ouro__word *ouro__block_word_slow(const void *block, bool make) {
  ouro__found found = ouro__find(block);
  if (found.kind != OURO_FOUND_BLOCK || !columns()) return NULL;
  ouro__word *column = column_of(found.pool, make);
  return column ? &column[found.index] : NULL;
}

void ouro__free_slowly(const void *block) { OURO__POKE(&ouro__hot_bins[ouro__unit_number(block)], (uint16_t)0); }

ouro__seen_block ouro__block_seen(const void *block) {
  ouro__found found = ouro__find(block);
  if (found.kind != OURO_FOUND_BLOCK) return (ouro__seen_block){0};
  bool large = ouro__load_relaxed(&found.pool->kind) == OURO_KIND_LARGE;
  if (!large && !ouro__block_is_out(found.pool, found.index)) return (ouro__seen_block){0};
  ouro__word *column = columns() ? column_of(found.pool, false) : NULL;
  return (ouro__seen_block){found.block, ouro__block_bytes(found.pool), large ? 0 : found.pool->class_, ouro__pool_unit(found.pool),
                            column ? &column[found.index] : NULL};
}

void ouro__column_tell(ouro__pool *pool) {
  const ouro__heap_hooks *hooks = ouro__load_acquire(&ouro__the_hooks);
  ouro__word *column = hooks && columns() ? column_of(pool, false) : NULL;
  size_t blocks = ouro__load_relaxed(&pool->kind) == OURO_KIND_LARGE ? 1 : pool->blocks;
  char *base = ouro__pool_address(pool);
  for (size_t index = 0; column && index < blocks; index++) {
    if (ouro__load_relaxed(&column[index])) hooks->freed(base + index * pool->size, &column[index]);
  }
}

/* The heap's other tables stay as they are; of columns, which are a sixteenth of the heap or more, the pages go. The first word is the list's. */
static void give_pages_back(ouro__word *column, size_t bytes) {
  uintptr_t from = ouro__round_up((uintptr_t)(column + 1), OURO_PAGE_BYTES), to = ((uintptr_t)column + bytes) & ~(OURO_PAGE_BYTES - 1);
  if (from < to) ouro__os_return((void *)from, to - from);
}

void ouro__column_delete(ouro__pool *pool) {
  ouro__word *column = columns() ? column_of(pool, false) : NULL;
  if (!column) return;
  size_t bytes = words_of(pool) * sizeof(ouro__word);
  ouro__store_release(&columns()[ouro__pool_unit(pool)], NULL);
  give_pages_back(column, bytes);
  free_column(class_of(pool), column);
  ouro__sub_relaxed(&column_bytes, bytes);
}

/* ---------------------------------------------------------------- all of them */

typedef struct seeing {
  int (*fn)(const ouro__seen_block *, void *);
  void *arg;
} seeing;

static int see_pool(const ouro__pool_view *view, void *arg) {
  const seeing *state = arg;
  ouro__word *column = columns() ? column_of(view->pool, false) : NULL;
  char *base = ouro__pool_address(view->pool);
  for (unsigned index = 0; index < view->blocks; index++) {
    if (view->kind != OURO_KIND_LARGE && !ouro__block_is_out(view->pool, index)) continue;
    ouro__seen_block seen = {base + index * view->block_bytes, view->block_bytes, view->class_, ouro__pool_unit(view->pool),
                             column ? &column[index] : NULL};
    int result = state->fn(&seen, state->arg);
    if (result) return result;
  }
  return 0;
}

static int see_arena(const ouro__arena_view *arena, void *arg) { return ouro__each_pool(arena, true, see_pool, arg); }

int ouro__each_seen_block(int (*fn)(const ouro__seen_block *block, void *arg), void *arg) {
  seeing state = {fn, arg};
  return ouro__each_arena(true, see_arena, &state);
}

static int clear_pool(const ouro__pool_view *view, void *arg) {
  ouro__word *column = column_of(view->pool, false);
  for (size_t i = 0; column && i < words_of(view->pool); i++) {
    if (ouro__load_relaxed(&column[i])) atomic_fetch_and_explicit(&column[i], *(const uint64_t *)arg, memory_order_relaxed);
  }
  return 0;
}

static int clear_arena(const ouro__arena_view *arena, void *arg) { return ouro__each_pool(arena, true, clear_pool, arg); }

void ouro__columns_clear(uint64_t mask) {
  if (columns()) ouro__each_arena(true, clear_arena, &mask);
}

/* ---------------------------------------------------------------- hooks */

void ouro__heap_set_hooks(const ouro__heap_hooks *hooks) {
#if !defined(OURO_BINS_IN_TLS)
  ouro__store_release(&ouro__the_hooks, hooks);
  ouro__caches_divert(hooks && hooks->given);
#else
  ouro__store_release(&ouro__the_hooks, hooks);
#endif
}
