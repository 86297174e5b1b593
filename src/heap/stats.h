/* heap/stats.h - sums over the whole heap, from which statistics and reports are made. */
#ifndef OURO_HEAP_STATS_H
#define OURO_HEAP_STATS_H

#include "heap/walk.h"

typedef struct ouro__class_sums {
  size_t pools, bytes, out /* of the pool: handed out or cached */, free, cached, returned;
} ouro__class_sums;

typedef struct ouro__sums {
  bool wait; /* for locks; otherwise what is locked is left out */
  ouro__class_sums classes[OURO_RAW_CLASSES]; /* of all kinds, by size */
  size_t large_blocks, large_bytes, threads;
} ouro__sums;

void ouro__sum_all(ouro__sums *sums, bool wait);
void ouro__stats_from(const ouro__sums *sums, ouro_heap_stats *stats);

#endif
