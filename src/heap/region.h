/* heap/region.h - the range of addresses that the heap lives in, and its flat tables. */
#ifndef OURO_HEAP_REGION_H
#define OURO_HEAP_REGION_H

#include "heap/layout.h"

/* Choose the range. Called once, under the arenas' lock; false where the system refuses even a small one. */
bool ouro__region_start(void);

/* Map arena `index` and what the tables need for it, so that its entry can be used. Under the arenas' lock.
 * OURO_OS_OCCUPIED: that place cannot be had, another may; OURO_OS_REFUSED: no memory. */
ouro__os_result ouro__region_map_arena(uint32_t index);

/* Give the addresses of a wholly free arena back; its table entry stays. Under the arenas' lock. false: refused. */
bool ouro__region_unmap_arena(uint32_t index);

/* The most arenas that the range has room for. */
extern uint32_t ouro__region_arenas_max;

#endif
