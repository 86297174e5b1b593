/* ouro/adapt/quickjs.h - QuickJS's memory on ouro's heap. Include quickjs.h before this file: its folder differs from one
 * installation to the next.
 *
 *     JSMallocFunctions functions = ouro_quickjs_functions();
 *     JSRuntime *runtime = JS_NewRuntime2(&functions, NULL);
 *
 * The second argument may be an `ouro_heap *`: then the runtime lives in that private heap.
 *
 * There are two shapes of JSMallocFunctions. quickjs-ng counts memory itself and passes the opaque pointer. Bellard's QuickJS
 * passes its counters (JSMallocState), which the allocator keeps, and the limit, which the allocator enforces. The second is
 * taken where quickjs.h does not define JS_EXTERN, which only quickjs-ng does; define OURO_QUICKJS_STATE as 0 or 1 to say
 * which (the first releases of quickjs-ng have the second shape). A wrong guess does not compile. */
#ifndef OURO_ADAPT_QUICKJS_H
#define OURO_ADAPT_QUICKJS_H

#include "context.h"

#ifndef OURO_QUICKJS_STATE
#ifdef JS_EXTERN
#define OURO_QUICKJS_STATE 0
#else
#define OURO_QUICKJS_STATE 1
#endif
#endif

OURO_BEGIN_DECLS

static inline size_t ouro__quickjs_usable_size(const void *block) { return ouro_usable_size(block); }

#if OURO_QUICKJS_STATE

/* May `size` more bytes be allocated, once `released` are given up? A limit of 0, or of SIZE_MAX, is none. */
static inline int ouro__quickjs_allows(const JSMallocState *state, size_t released, size_t size) {
  size_t limit = state->malloc_limit - 1;
  size_t rest = state->malloc_size - released;
  return rest <= limit && size <= limit - rest;
}

static inline void *ouro__quickjs_malloc(JSMallocState *state, size_t size) {
  void *block = ouro__quickjs_allows(state, 0, size) ? ouro_context_malloc(state->opaque, size) : NULL;
  if (block) {
    state->malloc_count++;
    state->malloc_size += ouro_usable_size(block);
  }
  return block;
}

static inline void ouro__quickjs_free(JSMallocState *state, void *block) {
  if (!block) return;
  state->malloc_count--;
  state->malloc_size -= ouro_usable_size(block);
  ouro_free(block);
}

/* A size of 0 frees, and resizing NULL to 0 bytes does nothing: QuickJS's own allocator does so, and its callers rely on it. */
static inline void *ouro__quickjs_realloc(JSMallocState *state, void *block, size_t size) {
  size_t old_size = ouro_usable_size(block);
  void *moved;
  if (size == 0) {
    ouro__quickjs_free(state, block);
    return NULL;
  }
  if (!block) return ouro__quickjs_malloc(state, size);
  moved = ouro__quickjs_allows(state, old_size, size) ? ouro_context_realloc(state->opaque, block, size) : NULL;
  if (moved) state->malloc_size += ouro_usable_size(moved) - old_size;
  return moved;
}

#else

static inline void *ouro__quickjs_calloc(void *context, size_t count, size_t size) {
  return ouro_context_calloc(context, count, size);
}

static inline void *ouro__quickjs_malloc(void *context, size_t size) { return ouro_context_malloc(context, size); }

static inline void ouro__quickjs_free(void *context, void *block) {
  (void)context;
  ouro_free(block);
}

static inline void *ouro__quickjs_realloc(void *context, void *block, size_t size) {
  return ouro_context_realloc(context, block, size);
}

#endif

/* The functions for JS_NewRuntime2; the heap that its second argument names must live as long as the runtime.
 * Cost: O(1). */
static inline JSMallocFunctions ouro_quickjs_functions(void) {
#if OURO_QUICKJS_STATE
  JSMallocFunctions functions = {ouro__quickjs_malloc, ouro__quickjs_free, ouro__quickjs_realloc,
                                 ouro__quickjs_usable_size};
#else
  JSMallocFunctions functions = {ouro__quickjs_calloc, ouro__quickjs_malloc, ouro__quickjs_free, ouro__quickjs_realloc,
                                 ouro__quickjs_usable_size};
#endif
  return functions;
}

OURO_END_DECLS

#endif
