/* heap/find.h - from any address to what the heap knows of it. */
#ifndef OURO_HEAP_FIND_H
#define OURO_HEAP_FIND_H

#include "heap/layout.h"

typedef enum ouro__found_kind {
  OURO_FOUND_NOTHING,  /* in no block of this heap */
  OURO_FOUND_INTERIOR, /* inside a block */
  OURO_FOUND_BLOCK     /* the beginning of one */
} ouro__found_kind;

typedef struct ouro__found {
  ouro__found_kind kind;
  ouro__pool *pool; /* or large block; NULL for NOTHING */
  char *block;      /* its beginning */
  unsigned index;   /* its number in the pool; 0 for a large block */
} ouro__found;

/* Cost: O(1); with the arenas' lock for an address inside a large block. */
ouro__found ouro__find(const void *address);

/* The description of the pool that a unit belongs to: itself, or, within a medium pool, that of its first unit. */
static inline ouro__pool *ouro__pool_head(ouro__pool *pool) {
  if (ouro__load_relaxed(&pool->kind) != OURO_KIND_MEDIUM_PART) return pool;
  return &ouro__the_region.pools[pool->size];
}

/* Do objects live there, which no function for blocks may touch? */
static inline bool ouro__holds_objects(const ouro__pool *pool) {
  if (ouro__load_relaxed(&pool->kind) == OURO_KIND_LARGE) return ouro__hot_sides[ouro__pool_unit(pool)].state != NULL;
  return pool->class_ >= OURO_RAW_CLASSES;
}

/* Report an address to the fatal handler, with what is known of it. No lock may be held. */
_Noreturn void ouro__fatal_block(enum ouro_fatal_code code, const void *address) OURO_COLD;

#endif
