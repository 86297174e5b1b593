/* tally.h - blocks counted by stack, domain and size: a hash table in mapped memory, filled while the heap is walked.
 *
 * I-TALLY-1  used <= room / 2, room is 0 or a power of two; a row is taken where its count is not 0 */
#ifndef OURO_PYTHON_TALLY_H
#define OURO_PYTHON_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ouro__tally_row {
  uint32_t stack, domain;
  uint64_t size;    /* of each block; 0 where sizes are not told apart */
  uint64_t count;   /* blocks */
  uint64_t bytes;   /* of all of them */
  double variance;  /* of bytes */
} ouro__tally_row;

typedef struct ouro__tally {
  ouro__tally_row *rows;
  size_t used, room;
} ouro__tally;

/* Add what `row` counts to that of its stack, domain and size; a count of 0 adds nothing. False where there is no memory. */
bool ouro__tally_add(ouro__tally *tally, const ouro__tally_row *row);

/* Put the rows in use first, in the order of stack, domain and size. Nothing can be added afterwards. */
void ouro__tally_sort(ouro__tally *tally);

void ouro__tally_clear(ouro__tally *tally);

#endif
