/* tests/adapters/balance.h - what every adapter test asks at its end: is the common heap as it was before the runtime came?
 *
 * It counts blocks that are handed out. Blocks that wait in threads' caches do not count, so no flush is needed. */
#ifndef OURO_TEST_ADAPTERS_BALANCE_H
#define OURO_TEST_ADAPTERS_BALANCE_H

#include "support/support.h"

#include <ouro/ouro.h>

static inline size_t blocks_live(void) {
  ouro_heap_stats stats = {.struct_size = sizeof stats};
  assert_int_equal(ouro_heap_stats_get(&stats), OURO_OK);
  return stats.blocks_live;
}

static inline size_t blocks_live_in(ouro_heap *heap) {
  size_t blocks = 0;
  ouro_heap_bytes(heap, &blocks);
  return blocks;
}

/* A private heap with a limit; 0: none. */
static inline ouro_heap *limited_heap(const char *name, size_t limit_bytes) {
  ouro_heap_options options = {.struct_size = sizeof options, .name = name, .limit_bytes = limit_bytes};
  ouro_heap *heap = ouro_heap_new(&options);
  assert_non_null(heap);
  return heap;
}

#endif
