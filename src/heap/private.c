/* heap/private.c - heaps that the program makes, and destroys whole. They have no cache: each call takes the heap's lock. */
#include "heap/private.h"

#include <errno.h>
#include <string.h>

#include "heap/arena.h"
#include "heap/class.h"
#include "heap/column.h"
#include "heap/find.h"
#include "heap/heap.h"
#include "heap/large.h"
#include "heap/meta.h"
#include "heap/pool.h"
#include "heap/purge.h"
#include "heap/theap.h"

/* A private heap in the list of all; the heap comes first, so that one is the other. */
typedef struct private_heap {
  ouro_heap heap;
  struct private_heap *next, *prev;
} private_heap;

static private_heap *heaps;  /* heaps' lock */
static private_heap *unused; /* destroyed ones, for new ones: a walk may still look at their locks. Heaps' lock */
_Atomic size_t ouro__private_count;

static private_heap *get_heap(void) {
  ouro__acquire(&ouro__heaps_lock);
  private_heap *made = unused;
  if (made) unused = made->next;
  ouro__release(&ouro__heaps_lock);
  return made ? made : ouro__meta_alloc(sizeof *made);
}

ouro_heap *ouro_heap_new(const ouro_heap_options *options) {
  if (options && options->struct_size != sizeof *options) {
    errno = EINVAL;
    return NULL;
  }
  ouro__heap_start();
  private_heap *made = get_heap();
  if (!made) {
    errno = ENOMEM;
    return NULL;
  }
  ouro__heap_setup(&made->heap, true);
  made->heap.bytes = 0;
  made->heap.limit = options ? options->limit_bytes : 0;
  memset(made->heap.name, 0, sizeof made->heap.name);
  if (options && options->name) strncpy(made->heap.name, options->name, sizeof made->heap.name - 1);
  ouro__acquire(&ouro__heaps_lock);
  made->prev = NULL;
  made->next = heaps;
  if (heaps) heaps->prev = made;
  heaps = made;
  ouro__release(&ouro__heaps_lock);
  ouro__add_relaxed(&ouro__private_count, 1);
  return &made->heap;
}

void ouro_heap_destroy(ouro_heap *heap) {
  private_heap *made = (private_heap *)(void *)heap;
  if (!heap) return;
  while (heap->all != OURO_NONE) {
    ouro__pool *pool = &ouro__the_region.pools[heap->all];
    ouro__column_tell(pool);
    if (ouro__load_relaxed(&pool->kind) == OURO_KIND_LARGE) {
      ouro__large_free(pool);
    } else {
      ouro__acquire(&heap->lock);
      ouro__pool_delete(pool);
      ouro__release(&heap->lock);
    }
  }
  ouro__acquire(&ouro__heaps_lock);
  if (made->prev) {
    made->prev->next = made->next;
  } else {
    heaps = made->next;
  }
  if (made->next) made->next->prev = made->prev;
  made->next = unused;
  unused = made;
  ouro__release(&ouro__heaps_lock);
  ouro__sub_relaxed(&ouro__private_count, 1);
  ouro__pulse();
}

void ouro__private_fork(enum ouro__fork_moment moment) {
  for (private_heap *gone = unused; gone && moment == OURO_FORK_CHILD; gone = gone->next) {
    ouro__store_relaxed(&gone->heap.lock.word, 0); /* a walk may have held it */
  }
  for (private_heap *made = heaps; made; made = made->next) {
    switch (moment) {
      case OURO_FORK_BEFORE: ouro__acquire(&made->heap.lock); break;
      case OURO_FORK_PARENT: ouro__release(&made->heap.lock); break;
      case OURO_FORK_CHILD: ouro__lock_reset(&made->heap.lock); break;
    }
  }
}

void ouro__private_return_pages(void) {
  ouro__acquire(&ouro__heaps_lock);
  for (private_heap *made = heaps; made; made = made->next) {
    ouro__acquire(&made->heap.lock);
    for (uint32_t unit = made->heap.all; unit != OURO_NONE; unit = ouro__the_region.pools[unit].all_next) {
      ouro__pool *pool = &ouro__the_region.pools[unit];
      if (ouro__load_relaxed(&pool->kind) != OURO_KIND_LARGE) ouro__pool_return_pages(pool);
    }
    ouro__release(&made->heap.lock);
  }
  ouro__release(&ouro__heaps_lock);
}

bool ouro__private_free(ouro__pool *pool, unsigned index) {
  ouro_heap *heap = ouro__load_relaxed(&pool->heap);
  ouro__acquire(&heap->lock);
  bool good = ouro__pool_put(pool, index);
  ouro__release(&heap->lock);
  return good;
}

void *ouro__heap_take_one(ouro_heap *heap, unsigned class_) {
  void *block = NULL, *twice;
  ouro__acquire(&heap->lock);
  unsigned taken = ouro__heap_take(heap, class_, &block, 1, &twice);
  ouro__release(&heap->lock);
  if (OURO_UNLIKELY(twice != NULL)) ouro__fatal_block(OURO_FATAL_DOUBLE_FREE, twice);
  return taken ? block : NULL;
}

void *ouro_heap_malloc(ouro_heap *heap, size_t size) { return ouro__alloc_from(heap, size, 1, false); }

void *ouro_heap_calloc(ouro_heap *heap, size_t count, size_t size) {
  if (size && count > PTRDIFF_MAX / size) {
    errno = ENOMEM;
    return NULL;
  }
  return ouro__alloc_from(heap, count * size, 1, true);
}

void *ouro_heap_aligned_alloc(ouro_heap *heap, size_t alignment, size_t size) {
  if (!ouro__is_power_of_two(alignment)) {
    errno = EINVAL;
    return NULL;
  }
  return ouro__alloc_from(heap, size, alignment, false);
}

void *ouro_heap_realloc(ouro_heap *heap, void *block, size_t size) {
  return block ? ouro__realloc(block, size) : ouro__alloc_from(heap, size, 1, false);
}

size_t ouro_heap_bytes(ouro_heap *heap, size_t *blocks_live) {
  size_t blocks = 0;
  ouro__acquire(&heap->lock);
  for (uint32_t unit = heap->all; unit != OURO_NONE; unit = ouro__the_region.pools[unit].all_next) {
    const ouro__pool *pool = &ouro__the_region.pools[unit];
    blocks += ouro__load_relaxed(&pool->kind) == OURO_KIND_LARGE ? 1u : (unsigned)(pool->blocks - pool->nfree);
  }
  size_t bytes = heap->bytes;
  ouro__release(&heap->lock);
  if (blocks_live) *blocks_live = blocks;
  return bytes;
}
