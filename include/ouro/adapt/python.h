/* ouro/adapt/python.h - CPython's memory on ouro's heap: its three domains, or its arenas.
 *
 * An embedder replaces the allocators between Py_PreInitialize and Py_InitializeFromConfig; later, CPython allows wrappers
 * only. To replace all three domains is best: objects then come from ouro's pools, and the memory that Python frees goes
 * back to the system pool by pool.
 *
 *     PyPreConfig preconfig;
 *     PyPreConfig_InitPythonConfig(&preconfig);
 *     Py_PreInitialize(&preconfig);
 *     ouro_python_set_allocators(NULL);
 *     ... Py_InitializeFromConfig(&config);
 *
 * A free-threaded build finds its objects by walking its own allocator, so that one must stay for the object domain: there, use
 * ouro_python_allocator for PYMEM_DOMAIN_RAW and PYMEM_DOMAIN_MEM only. Who does not embed Python, but runs a Python program,
 * uses `ouro run` instead. */
#ifndef OURO_ADAPT_PYTHON_H
#define OURO_ADAPT_PYTHON_H

#include <Python.h>

#include "context.h"

OURO_BEGIN_DECLS

/* CPython's rules for the domains: a request of 0 bytes gives a block that differs from all others, and no call may need the
 * interpreter lock. ouro's functions keep both as they are. */

static inline void *ouro__python_malloc(void *context, size_t size) { return ouro_context_malloc(context, size); }

static inline void *ouro__python_calloc(void *context, size_t count, size_t size) {
  return ouro_context_calloc(context, count, size);
}

static inline void *ouro__python_realloc(void *context, void *block, size_t size) {
  return ouro_context_realloc(context, block, size);
}

static inline void ouro__python_free(void *context, void *block) {
  (void)context;
  ouro_free(block);
}

/* The allocator for PyMem_SetAllocator, for any domain.
 * Ownership: `heap` BORROWED: it must live until the interpreter is finalized; NULL: the common heap.
 * Cost:      O(1). */
static inline PyMemAllocatorEx ouro_python_allocator(ouro_heap *heap) {
  PyMemAllocatorEx allocator = {heap, ouro__python_malloc, ouro__python_calloc, ouro__python_realloc,
                                ouro__python_free};
  return allocator;
}

/* Put all three domains (raw, memory, objects) on `heap`, or on the common heap where it is NULL.
 * Ownership: as ouro_python_allocator.
 * Errors:    OURO_EBUSY where an interpreter is running, OURO_EINVAL in a free-threaded build; nothing was changed.
 * Threads:   one, before the interpreter is initialized.
 * Cost:      O(1). */
static inline int ouro_python_set_allocators(ouro_heap *heap) {
#ifdef Py_GIL_DISABLED
  (void)heap;
  return OURO_EINVAL;
#else
  PyMemAllocatorEx allocator = ouro_python_allocator(heap);
  if (Py_IsInitialized()) return OURO_EBUSY;
  PyMem_SetAllocator(PYMEM_DOMAIN_RAW, &allocator);
  PyMem_SetAllocator(PYMEM_DOMAIN_MEM, &allocator);
  PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &allocator);
  return OURO_OK;
#endif
}

/* pymalloc cuts an arena into pools of 16 KiB (4 KiB before 3.10) at multiples of their size: an arena that begins at one
 * loses no pool. */
static inline void *ouro__python_arena_alloc(void *context, size_t size) {
  return ouro_context_aligned_alloc(context, 16384, size);
}

static inline void ouro__python_arena_free(void *context, void *arena, size_t size) {
  (void)context;
  (void)size;
  ouro_free(arena);
}

/* The allocator for PyObject_SetArenaAllocator: objects stay with CPython's pymalloc, and only its arenas come from ouro.
 * For who wants pymalloc's own behaviour, and its arenas in ouro's statistics.
 * Ownership: as ouro_python_allocator.
 * Cost:      O(1). */
static inline PyObjectArenaAllocator ouro_python_arena_allocator(ouro_heap *heap) {
  PyObjectArenaAllocator allocator = {heap, ouro__python_arena_alloc, ouro__python_arena_free};
  return allocator;
}

OURO_END_DECLS

#endif
