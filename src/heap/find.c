/* heap/find.c - from any address to its block. */
#include "heap/find.h"

#include "heap/arena.h"
#include "heap/pool.h"

static ouro__found in_pool(ouro__pool *pool, const void *address) {
  char *base = ouro__pool_address(pool);
  unsigned index = ouro__block_index(pool, address);
  if (index >= pool->blocks) return (ouro__found){.kind = OURO_FOUND_NOTHING, .pool = pool};
  char *block = base + (size_t)index * pool->size;
  return (ouro__found){block == address ? OURO_FOUND_BLOCK : OURO_FOUND_INTERIOR, pool, block, index};
}

static ouro__found in_large(ouro__pool *pool, const void *address) {
  char *base = ouro__pool_address(pool);
  return (ouro__found){base == address ? OURO_FOUND_BLOCK : OURO_FOUND_INTERIOR, pool, base, 0};
}

ouro__found ouro__find(const void *address) {
  uint32_t unit = ouro__unit_of(address);
  ouro__found nothing = {.kind = OURO_FOUND_NOTHING};
  if (unit == OURO_NONE) return nothing;
  ouro__pool *pool = ouro__pool_head(&ouro__the_region.pools[unit]);
  switch (ouro__load_relaxed(&pool->kind)) {
    case OURO_KIND_SMALL:
    case OURO_KIND_MEDIUM: return in_pool(pool, address);
    case OURO_KIND_LARGE: return in_large(pool, address);
    default: break;
  }
  unit = ouro__units_head(unit); /* somewhere behind the first unit of a large block? */
  if (unit == OURO_NONE) return nothing;
  pool = &ouro__the_region.pools[unit];
  return ouro__load_relaxed(&pool->kind) == OURO_KIND_LARGE ? in_large(pool, address) : nothing;
}

void ouro__fatal_block(enum ouro_fatal_code code, const void *address) {
  ouro__found found = ouro__find(address);
  ouro_fatal_info info = {.code = code, .address = address};
  if (found.kind != OURO_FOUND_NOTHING) {
    info.block = found.block;
    info.block_size = ouro__block_bytes(found.pool);
    info.pool = ouro__pool_address(found.pool);
    info.pool_size = ouro__pool_bytes(found.pool);
  }
  ouro__fatal(info);
}
