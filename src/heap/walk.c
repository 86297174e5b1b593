/* heap/walk.c - over all arenas, pools and blocks, in the order of their addresses. */
#include "heap/walk.h"

#include "heap/arena.h"
#include "heap/find.h"
#include "heap/large.h"
#include "heap/pool.h"
#include "heap/theap.h"

static bool lock_for(ouro__lock *lock, bool wait) {
  if (!wait) return ouro__trylock(lock);
  ouro__acquire(lock);
  return true;
}

static bool look_at_arena(uint32_t index, bool wait, ouro__arena_view *view) {
  if (!lock_for(&ouro__arenas_lock, wait)) return false;
  const ouro__arena *arena = &ouro__the_region.arenas[index];
  bool live = arena->state == OURO_ARENA_LIVE;
  *view = (ouro__arena_view){index, arena->head, arena->dirty};
  ouro__release(&ouro__arenas_lock);
  return live;
}

int ouro__each_arena(bool wait, int (*fn)(const ouro__arena_view *, void *), void *arg) {
  for (uint32_t index = 0; index < ouro__load_relaxed(&ouro__arenas_top); index++) {
    ouro__arena_view view;
    if (!look_at_arena(index, wait, &view)) continue;
    int result = fn(&view, arg);
    if (result) return result;
  }
  return 0;
}

static size_t remote_count(const ouro__pool *pool) {
  size_t count = 0;
  for (unsigned word = 0; word < pool->words; word++) {
    count += ouro__popcount64(ouro__load_relaxed(&pool->bits[pool->words + word]));
  }
  return count;
}

static ouro__pool_view view_of(ouro__pool *pool, const ouro_heap *heap) {
  ouro__pool_view view = {pool, ouro__load_relaxed(&pool->kind), 0, ouro__pool_bytes(pool), 0, 1, 0, 0, NULL};
  view.block_bytes = ouro__block_bytes(pool);
  view.heap = heap && heap->is_private ? heap : NULL;
  if (view.kind == OURO_KIND_LARGE) return view;
  view.class_ = pool->class_;
  view.blocks = pool->blocks;
  view.nfree = pool->nfree + remote_count(pool);
  view.bytes_returned = ouro__pool_bytes_returned(pool);
  return view;
}

static bool is_in_use(const ouro__pool *pool) {
  uint8_t kind = ouro__load_acquire(&pool->kind);
  return ouro__is_pool(kind) || kind == OURO_KIND_LARGE;
}

static int visit_pool(ouro__pool *pool, bool wait, int (*fn)(const ouro__pool_view *, void *), void *arg) {
  if (!is_in_use(pool)) return 0;
  ouro_heap *heap = ouro__load_acquire(&pool->heap);
  ouro__lock *lock = heap ? &heap->lock : &ouro__large_lock;
  if (!lock_for(lock, wait)) return 0;
  int result = 0;
  if (is_in_use(pool) && ouro__load_relaxed(&pool->heap) == heap) {
    ouro__pool_view view = view_of(pool, heap);
    result = fn(&view, arg);
  }
  ouro__release(lock);
  return result;
}

int ouro__each_pool(const ouro__arena_view *arena, bool wait, int (*fn)(const ouro__pool_view *, void *), void *arg) {
  for (uint64_t heads = arena->head; heads; heads &= heads - 1) {
    uint32_t unit = arena->index * OURO_ARENA_UNITS + ouro__ctz64(heads);
    int result = visit_pool(&ouro__the_region.pools[unit], wait, fn, arg);
    if (result) return result;
  }
  return 0;
}

static int add_pool(const ouro__pool_view *view, void *arg) {
  ouro__arena_sums *sums = arg;
  size_t live = view->blocks - view->nfree;
  sums->pools += view->kind != OURO_KIND_LARGE;
  sums->used += view->bytes;
  sums->live += live * view->block_bytes;
  sums->blocks += live;
  sums->blocks_total += view->blocks;
  sums->resident += view->bytes - view->bytes_returned;
  return 0;
}

ouro__arena_sums ouro__sum_arena(const ouro__arena_view *arena, bool wait) {
  ouro__arena_sums sums = {0};
  ouro__each_pool(arena, wait, add_pool, &sums);
  sums.resident += (size_t)ouro__popcount64(arena->dirty) << OURO_UNIT_SHIFT;
  return sums;
}

/* ---------------------------------------------------------------- the public walk */

typedef struct walk {
  unsigned kinds;
  ouro_walk_fn visit;
  void *arg;
} walk;

static int walk_blocks(const walk *state, const ouro__pool_view *view) {
  char *base = ouro__pool_address(view->pool);
  for (unsigned index = 0; index < view->blocks; index++) {
    if (view->kind != OURO_KIND_LARGE && !ouro__block_is_out(view->pool, index)) continue;
    ouro_walk_item item = {.kind = OURO_WALK_BLOCK, .address = base + index * view->block_bytes, .size = view->block_bytes,
                           .block_size = view->block_bytes, .blocks_total = 1, .blocks_live = 1,
                           .bytes_live = view->block_bytes, .bytes_resident = view->block_bytes, .heap = view->heap};
    if (state->visit(&item, state->arg)) return OURO_ESTOP;
  }
  return 0;
}

static int walk_pool(const ouro__pool_view *view, void *arg) {
  const walk *state = arg;
  bool large = view->kind == OURO_KIND_LARGE;
  if (state->kinds & (large ? OURO_WALK_LARGE : OURO_WALK_POOL)) {
    size_t live = view->blocks - view->nfree;
    ouro_walk_item item = {.kind = large ? OURO_WALK_LARGE : OURO_WALK_POOL, .address = ouro__pool_address(view->pool),
                           .size = view->bytes, .block_size = view->block_bytes, .blocks_total = view->blocks,
                           .blocks_live = live, .bytes_live = live * view->block_bytes,
                           .bytes_resident = view->bytes - view->bytes_returned, .heap = view->heap};
    if (state->visit(&item, state->arg)) return OURO_ESTOP;
  }
  return state->kinds & OURO_WALK_BLOCK ? walk_blocks(state, view) : 0;
}

static int walk_arena(const ouro__arena_view *arena, void *arg) {
  const walk *state = arg;
  if (state->kinds & OURO_WALK_ARENA) {
    ouro__arena_sums sums = ouro__sum_arena(arena, true);
    ouro_walk_item item = {.kind = OURO_WALK_ARENA, .address = ouro__unit_address(arena->index * OURO_ARENA_UNITS),
                           .size = OURO_ARENA_BYTES, .blocks_total = sums.blocks_total, .blocks_live = sums.blocks,
                           .bytes_live = sums.live, .bytes_resident = sums.resident};
    if (state->visit(&item, state->arg)) return OURO_ESTOP;
  }
  return ouro__each_pool(arena, true, walk_pool, arg);
}

int ouro_heap_walk(unsigned kinds, ouro_walk_fn visit, void *arg) {
  walk state = {kinds, visit, arg};
  if (!visit || !kinds || kinds > (OURO_WALK_ARENA | OURO_WALK_POOL | OURO_WALK_LARGE | OURO_WALK_BLOCK)) return OURO_EINVAL;
  return ouro__each_arena(true, walk_arena, &state);
}
