/* preload/doors.h - the malloc family as the files of this layer call it: the heap's own, or, in the library that traces, the tracer's. */
#ifndef OURO_PRELOAD_DOORS_H
#define OURO_PRELOAD_DOORS_H

#include "heap/heap.h"

#if defined(OURO_TRACED)

#include "trace/trace.h"

static inline void *door_malloc(size_t size, unsigned domain) { return ouro__trace_malloc(size, domain); }
static inline void *door_calloc(size_t count, size_t size, unsigned domain) { return ouro__trace_calloc(count, size, domain); }
static inline void *door_realloc(void *block, size_t size, unsigned domain) { return ouro__trace_realloc(block, size, domain); }
static inline void *door_aligned_alloc(size_t alignment, size_t size) {
  return ouro__trace_aligned_alloc(alignment, size, OURO_DOMAIN_NATIVE);
}
static inline void door_free(void *block) { ouro__trace_free(block); }
static inline void door_forget(void *block) { ouro__trace_forget(block); }

/* Read OURO_CONF's words on tracing, and begin where they say so. After the other parts. */
void ouro__preload_trace_start(void);
void ouro__preload_trace_exit(void);
void ouro__preload_trace_tick(void);

#else

enum { OURO_DOMAIN_NATIVE = 0, OURO_DOMAIN_RAW };

static inline void *door_malloc(size_t size, unsigned domain) {
  (void)domain;
  return ouro__malloc_fast(size);
}
static inline void *door_calloc(size_t count, size_t size, unsigned domain) {
  (void)domain;
  return ouro__calloc(count, size);
}
static inline void *door_realloc(void *block, size_t size, unsigned domain) {
  (void)domain;
  return ouro__realloc(block, size);
}
static inline void *door_aligned_alloc(size_t alignment, size_t size) { return ouro__aligned_alloc(alignment, size); }
static inline void door_free(void *block) { ouro__free_fast(block); }
static inline void door_forget(void *block) { (void)block; }

static inline void ouro__preload_trace_start(void) {}
static inline void ouro__preload_trace_exit(void) {}
static inline void ouro__preload_trace_tick(void) {}

#endif

#endif
