/* heap/walk.h - one way over all arenas and what is in them, for statistics, the public walk and the checker. */
#ifndef OURO_HEAP_WALK_H
#define OURO_HEAP_WALK_H

#include "heap/layout.h"

/* What a pool or large block showed at one moment. */
typedef struct ouro__pool_view {
  ouro__pool *pool;
  uint8_t kind;
  unsigned class_; /* 0: large */
  size_t bytes, block_bytes, blocks, nfree /* remotely freed ones included */, bytes_returned;
  const ouro_heap *heap; /* a private one, or NULL */
} ouro__pool_view;

typedef struct ouro__arena_view {
  uint32_t index;
  uint64_t head, dirty;
} ouro__arena_view;

/* Both: non-zero from the function stops the walk, and is returned. `wait`: false skips what is locked. */
int ouro__each_arena(bool wait, int (*fn)(const ouro__arena_view *, void *), void *arg);

/* `fn` runs under the lock of the pool's heap. */
int ouro__each_pool(const ouro__arena_view *arena, bool wait, int (*fn)(const ouro__pool_view *, void *), void *arg);

/* Sums over the pools of one arena. */
typedef struct ouro__arena_sums {
  size_t pools, used, live, blocks, blocks_total, resident;
} ouro__arena_sums;
ouro__arena_sums ouro__sum_arena(const ouro__arena_view *arena, bool wait);

#endif
