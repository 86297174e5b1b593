/* cli/report/growth.h - what only grew: rows whose live bytes, from one snapshot to the next, never became fewer.
 *
 * Looked at are the snapshots after the first tenth of the time, in which programs build what they keep, and up to the end of
 * the program proper: what an interpreter takes down when it ends says nothing. A row GREW when it never had fewer bytes than
 * at the snapshot before, had more in at least half of the intervals, and did so three times at least, and once in the last
 * quarter of them. The intervals are those between the snapshots; where there are more than OURO_GROWTH_INTERVALS, several
 * together are one, so that a slow leak is found however often snapshots are taken. */
#ifndef OURO_CLI_REPORT_GROWTH_H
#define OURO_CLI_REPORT_GROWTH_H

#include "cli/report/query.h"

enum { OURO_GROWTH_LEAST = 3 /* times */, OURO_GROWTH_INTERVALS = 20 };

typedef struct ouro__growth_row {
  uint32_t row; /* of the query */
  ouro__tally first, last;
  uint32_t times; /* intervals in which it had more bytes */
} ouro__growth_row;

typedef struct ouro__growth {
  ouro__growth_row *rows; /* what grew, fastest first; owned */
  size_t row_count;
  size_t intervals; /* fewer than OURO_GROWTH_LEAST: there were too few snapshots to tell */
  double seconds;   /* between the first snapshot and the last */
} ouro__growth;

/* Rows of `query`, with its filters; the query gets the rows that it does not have yet. */
void ouro__growth_find(ouro__growth *growth, ouro__query *query, const ouro__profile *profile);
double ouro__growth_per_minute(const ouro__growth *growth, const ouro__growth_row *row); /* bytes */
void ouro__growth_free(ouro__growth *growth);

#endif
