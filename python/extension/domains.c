/* domains.c - Python's three allocator domains on the heap of this extension's copy. */
#include <Python.h>

#include "domains.h"

#include <stdatomic.h>
#include <string.h>

#include "heap/layout.h"
#include "trace/area.h"
#include "trace/trace.h"

enum { DOMAINS = 3 };

/* Python's number of a domain is ours less OURO_DOMAIN_RAW. */
_Static_assert(PYMEM_DOMAIN_RAW == 0 && PYMEM_DOMAIN_MEM == 1 && PYMEM_DOMAIN_OBJ == 2, "Python's order of domains");
_Static_assert(OURO_DOMAIN_MEM == OURO_DOMAIN_RAW + 1 && OURO_DOMAIN_OBJ == OURO_DOMAIN_RAW + 2, "ours is the same");

static PyMemAllocatorEx before[DOMAINS]; /* what was there; written once, before the wrapper of its domain is in place */
static bool installed;                   /* with the GIL */
static atomic_bool adopting;

static inline bool is_ours(const void *block) { return ouro__unit_of(block) != OURO_NONE; }

static void *resize(unsigned domain, const PyMemAllocatorEx *other, void *block, size_t size) {
  if (!block || is_ours(block)) return ouro__trace_realloc(block, size, domain);
  /* Nobody tells how large another allocator's block is, so that one has to resize it; all `size` bytes can be copied then. */
  void *resized = other->realloc(other->ctx, block, size);
  if (!resized || !atomic_load_explicit(&adopting, memory_order_relaxed)) return resized;
  void *own = ouro__trace_malloc(size, domain);
  if (!own) return resized;
  memcpy(own, resized, size);
  other->free(other->ctx, resized);
  return own;
}

static inline void release(const PyMemAllocatorEx *other, void *block) {
  if (is_ours(block))
    ouro__trace_free(block);
  else if (block)
    other->free(other->ctx, block);
}

/* Four functions for each domain, so that none needs the context: see install_domain. */
#define WRAP(name, domain)                                                                                      \
  static void *name##_malloc(void *context, size_t size) {                                                      \
    (void)context;                                                                                              \
    return ouro__trace_malloc(size, domain);                                                                    \
  }                                                                                                             \
  static void *name##_calloc(void *context, size_t count, size_t size) {                                        \
    (void)context;                                                                                              \
    return ouro__trace_calloc(count, size, domain);                                                             \
  }                                                                                                             \
  static void *name##_realloc(void *context, void *block, size_t size) {                                        \
    (void)context;                                                                                              \
    return resize(domain, &before[domain - OURO_DOMAIN_RAW], block, size);                                      \
  }                                                                                                             \
  static void name##_free(void *context, void *block) {                                                         \
    (void)context;                                                                                              \
    release(&before[domain - OURO_DOMAIN_RAW], block);                                                          \
  }

WRAP(raw, OURO_DOMAIN_RAW)
WRAP(mem, OURO_DOMAIN_MEM)
WRAP(obj, OURO_DOMAIN_OBJ)

static const PyMemAllocatorEx ours[DOMAINS] = {
    {NULL, raw_malloc, raw_calloc, raw_realloc, raw_free},
    {NULL, mem_malloc, mem_calloc, mem_realloc, mem_free},
    {NULL, obj_malloc, obj_calloc, obj_realloc, obj_free},
};

/* The table of a domain is not written in one: a thread without the GIL, in the raw domain, may see an old function with a new
 * context. So the context stays what it was, and each function is right beside each other one of either allocator. */
static void install_domain(int domain) {
  PyMem_GetAllocator((PyMemAllocatorDomain)domain, &before[domain]);
  atomic_thread_fence(memory_order_release); /* whoever finds the wrapper in the table finds what it wraps */
  PyMemAllocatorEx wrapper = ours[domain];
  wrapper.ctx = before[domain].ctx;
  PyMem_SetAllocator((PyMemAllocatorDomain)domain, &wrapper);
}

void ouro__py_domains_install(void) {
  if (installed) return;
  for (int domain = 0; domain < DOMAINS; domain++) install_domain(domain);
  installed = true;
}

void ouro__py_domains_adopt(bool on) { atomic_store_explicit(&adopting, on, memory_order_relaxed); }
