/* heap/column.h - columns, to the heap itself; see heap.h for what they are. */
#ifndef OURO_HEAP_COLUMN_H
#define OURO_HEAP_COLUMN_H

#include "heap/layout.h"

/* The pool or large block goes. Words that are not 0 are told to the hooks first: its heap is destroyed with its blocks. */
void ouro__column_delete(ouro__pool *pool);

#endif
