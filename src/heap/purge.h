/* heap/purge.h - time: when free memory goes back to the system, and who does it.
 *
 * The decay time is cut into OURO_TICKS ticks. At each tick
 *   - the queue of each heap is emptied (its threads may sleep),
 *   - as many dirty units go back as nobody needed during the last OURO_TICKS ticks: a load that pulses faster keeps its memory,
 *   - pools in which a block was freed OURO_TICKS ticks ago, and none was taken since, return their free pages.
 * A thread of the library's own ticks while there is something to return, and sleeps otherwise. It is made when the first megabyte
 * waits, stopped before fork, and made again when the parent next needs it. Without it, allocating threads tick. */
#ifndef OURO_HEAP_PURGE_H
#define OURO_HEAP_PURGE_H

#include "heap/layout.h"

/* Everything that has to happen once, before the first block. Cheap when it has happened. */
void ouro__heap_start(void);

/* Slow paths call it, with no lock held: wake or make the thread where something waits, or tick. */
void ouro__pulse(void);

/* So many bytes of blocks went back to their pools. */
void ouro__freed_bytes(size_t bytes);

/* Large frees: return memory at once where too much waits. */
void ouro__purge_excess(void);

/* Return all that can be returned, now. */
size_t ouro__purge_all(void);

#endif
