/* heap/column.h - columns, to the heap itself; see heap.h for what they are. */
#ifndef OURO_HEAP_COLUMN_H
#define OURO_HEAP_COLUMN_H

#include "heap/layout.h"

/* The heap of this pool or large block is destroyed with its blocks: tell the hooks of words that are not 0. No lock is held. */
void ouro__column_tell(ouro__pool *pool);

/* The pool or large block goes: under the lock of its heap, since who walks may be looking at the column. */
void ouro__column_delete(ouro__pool *pool);

#endif
