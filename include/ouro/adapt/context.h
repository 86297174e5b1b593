/* ouro/adapt/context.h - blocks from the heap that a runtime's context pointer names; used by the other adapters.
 *
 * A runtime that passes a pointer of the embedder's back to its allocator (CPython's `ctx`, Lua's `ud`, QuickJS's `opaque`)
 * can have a private heap there: an `ouro_heap *`, or NULL for the common heap. The two differ in price: the common heap
 * serves each thread from its cache, a private heap takes its lock, but can be limited and destroyed whole. */
#ifndef OURO_ADAPT_CONTEXT_H
#define OURO_ADAPT_CONTEXT_H

#include "../heap.h"

OURO_BEGIN_DECLS

/* ouro_malloc, from the private heap `context`, or from the common heap where it is NULL. */
static inline void *ouro_context_malloc(void *context, size_t size) {
  return context ? ouro_heap_malloc((ouro_heap *)context, size) : ouro_malloc(size);
}

/* ouro_calloc, as above. */
static inline void *ouro_context_calloc(void *context, size_t count, size_t size) {
  return context ? ouro_heap_calloc((ouro_heap *)context, count, size) : ouro_calloc(count, size);
}

/* ouro_realloc, as above; `block` is NULL or comes from the same heap. */
static inline void *ouro_context_realloc(void *context, void *block, size_t size) {
  return context ? ouro_heap_realloc((ouro_heap *)context, block, size) : ouro_realloc(block, size);
}

/* ouro_aligned_alloc, as above. */
static inline void *ouro_context_aligned_alloc(void *context, size_t alignment, size_t size) {
  return context ? ouro_heap_aligned_alloc((ouro_heap *)context, alignment, size) : ouro_aligned_alloc(alignment, size);
}

OURO_END_DECLS

#endif
