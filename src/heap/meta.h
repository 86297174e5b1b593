/* heap/meta.h - memory for the heap's own tables: bitmaps, heaps, caches. Zeroed; powers of two below a page are aligned to their size; never given
 * back to the system, reused by size. */
#ifndef OURO_HEAP_META_H
#define OURO_HEAP_META_H

#include "heap/layout.h"

/* At least `size` zeroed bytes (size > 0), or NULL. Takes the meta lock. */
void *ouro__meta_alloc(size_t size);

/* Release what ouro__meta_alloc(size) gave. */
void ouro__meta_free(void *memory, size_t size);

extern ouro__lock ouro__meta_lock;
extern _Atomic size_t ouro__meta_bytes; /* taken from the system for tables, the flat ones included */

#endif
