/* heap/large.h - blocks too large for a pool: runs of units of their own. */
#ifndef OURO_HEAP_LARGE_H
#define OURO_HEAP_LARGE_H

#include "heap/layout.h"

/* From here on the system moves pages instead of copying bytes. */
#define OURO_MOVE_BYTES ((size_t)1 << 20)

/* `heap`: a private one, whose lock the caller does not hold, or NULL. NULL: no memory. */
void *ouro__large_alloc(ouro_heap *heap, size_t size, size_t alignment, bool zeroed);

void ouro__large_free(ouro__pool *large);

/* Try to make it `size` bytes where it stands. */
bool ouro__large_resize(ouro__pool *large, size_t size);

/* Move its contents to a fresh large block of `size` bytes by the system's page tables; NULL where that fails, and then nothing has
 * changed. The old one is still to be freed. */
void *ouro__large_move(ouro__pool *large, size_t size);

/* Of the descriptions of large blocks that are in no private heap. */
extern ouro__lock ouro__large_lock;


#endif
