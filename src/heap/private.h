/* heap/private.h - private heaps, inside the library. */
#ifndef OURO_HEAP_PRIVATE_H
#define OURO_HEAP_PRIVATE_H

#include "heap/layout.h"

/* Free a block of a private heap's pool. false: it is free already. */
bool ouro__private_free(ouro__pool *pool, unsigned index);

/* Free a block of a pool that is in no private heap, past the caches. false: it is free already. */
bool ouro__put_without_cache(ouro__pool *pool, unsigned index);

/* Take one block straight from a heap, private or not, without a cache; NULL: no memory. */
void *ouro__heap_take_one(ouro_heap *heap, unsigned class_);

/* Allocate from a private heap, or from the common one where `heap` is NULL; errno ENOMEM. */
void *ouro__alloc_from(ouro_heap *heap, size_t size, size_t alignment, bool zeroed);

/* Before and after fork, all private heaps' locks. */
enum ouro__fork_moment { OURO_FORK_BEFORE, OURO_FORK_PARENT, OURO_FORK_CHILD };
void ouro__private_fork(enum ouro__fork_moment moment);

/* Return the free pages inside the pools of all private heaps. */
void ouro__private_return_pages(void);

/* How many private heaps there are. */
extern _Atomic size_t ouro__private_count;

#endif
