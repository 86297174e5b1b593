/* ouro/traced.h - the macros of OURO_TRACE; see source.h. Included by <ouro/ouro.h> alone, after everything else. */
#ifndef OURO_TRACED_H
#define OURO_TRACED_H

#include "heap.h"
#include "object.h"
#include "source.h"
#include "weak.h"

#if defined(__GNUC__)

OURO_BEGIN_DECLS

/* What is passed is evaluated before the place is left: an allocation among the arguments takes its own. Where nothing was allocated, the next
 * allocation shall not take it. */
#define OURO__TRACED(result, name, parameters, arguments, address) \
  __attribute__((unused)) static inline result ouro__at_##name parameters { \
    ouro_trace_here(ouro__place); \
    result ouro__made = (name)arguments; \
    if (!address) ouro_trace_here((const ouro_source *)0); \
    return ouro__made; \
  }
#define OURO__TRACED_BLOCK(name, parameters, arguments) OURO__TRACED(void *, name, parameters, arguments, ouro__made)
#define OURO__TRACED_OBJECT(name, parameters, arguments) OURO__TRACED(ouro_ref, name, parameters, arguments, ouro_borrow(ouro__made))

OURO__TRACED_BLOCK(ouro_malloc, (const ouro_source *ouro__place, size_t size), (size))
OURO__TRACED_BLOCK(ouro_calloc, (const ouro_source *ouro__place, size_t count, size_t size), (count, size))
OURO__TRACED_BLOCK(ouro_realloc, (const ouro_source *ouro__place, void *block, size_t size), (block, size))
OURO__TRACED_BLOCK(ouro_reallocarray, (const ouro_source *ouro__place, void *block, size_t count, size_t size), (block, count, size))
OURO__TRACED_BLOCK(ouro_aligned_alloc, (const ouro_source *ouro__place, size_t alignment, size_t size), (alignment, size))
OURO__TRACED_BLOCK(ouro_heap_malloc, (const ouro_source *ouro__place, ouro_heap *heap, size_t size), (heap, size))
OURO__TRACED_BLOCK(ouro_heap_calloc, (const ouro_source *ouro__place, ouro_heap *heap, size_t count, size_t size), (heap, count, size))
OURO__TRACED_BLOCK(ouro_heap_aligned_alloc, (const ouro_source *ouro__place, ouro_heap *heap, size_t alignment, size_t size),
                   (heap, alignment, size))
OURO__TRACED_BLOCK(ouro_heap_realloc, (const ouro_source *ouro__place, ouro_heap *heap, void *block, size_t size), (heap, block, size))
OURO__TRACED_OBJECT(ouro_new, (const ouro_source *ouro__place, ouro_type *type), (type))
OURO__TRACED_OBJECT(ouro_new_var, (const ouro_source *ouro__place, ouro_type *type, size_t count), (type, count))
OURO__TRACED_OBJECT(ouro_new_extra, (const ouro_source *ouro__place, ouro_type *type, size_t count, size_t extra), (type, count, extra))
OURO__TRACED(ouro_ref, ouro_weak_new, (const ouro_source *ouro__place, void *object), (object), 0) /* it may have one */

#undef ouro_malloc /* with OURO_STATIC, the inlined one */
#define ouro_malloc(...) ouro__at_ouro_malloc(OURO_HERE, __VA_ARGS__)
#define ouro_calloc(...) ouro__at_ouro_calloc(OURO_HERE, __VA_ARGS__)
#define ouro_realloc(...) ouro__at_ouro_realloc(OURO_HERE, __VA_ARGS__)
#define ouro_reallocarray(...) ouro__at_ouro_reallocarray(OURO_HERE, __VA_ARGS__)
#define ouro_aligned_alloc(...) ouro__at_ouro_aligned_alloc(OURO_HERE, __VA_ARGS__)
#define ouro_heap_malloc(...) ouro__at_ouro_heap_malloc(OURO_HERE, __VA_ARGS__)
#define ouro_heap_calloc(...) ouro__at_ouro_heap_calloc(OURO_HERE, __VA_ARGS__)
#define ouro_heap_aligned_alloc(...) ouro__at_ouro_heap_aligned_alloc(OURO_HERE, __VA_ARGS__)
#define ouro_heap_realloc(...) ouro__at_ouro_heap_realloc(OURO_HERE, __VA_ARGS__)
#define ouro_new(...) ouro__at_ouro_new(OURO_HERE, __VA_ARGS__)
#define ouro_new_var(...) ouro__at_ouro_new_var(OURO_HERE, __VA_ARGS__)
#define ouro_new_extra(...) ouro__at_ouro_new_extra(OURO_HERE, __VA_ARGS__)
#define ouro_weak_new(...) ouro__at_ouro_weak_new(OURO_HERE, __VA_ARGS__)

OURO_END_DECLS

#endif

#endif
