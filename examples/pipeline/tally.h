/* examples/pipeline/tally.h - what the aggregator knows: counts, groups of records by one of their fields, the longest
 * lines.
 *
 * It belongs to one thread, so it needs no lock; but the texts and records that it keeps were made by others. */
#ifndef TALLY_H
#define TALLY_H

#include "record.h"

enum { TOP_MOST = 1000 };

typedef struct group {
  ouro_object base;
  OURO_OWNED(struct group) next; /* in the same slot of the table */
  OURO_OWNED(text) key;
  size_t hash, count;
} group;

/* A hash table of groups: its items are owned references, like those of any object. */
typedef struct table {
  ouro_var head;
  OURO_OWNED(group) slot[];
} table;

/* Records, the longest first; of equal ones, the one that comes first in the file. */
typedef struct ranking {
  ouro_var head;
  OURO_OWNED(record) record[];
} ranking;

typedef struct tally {
  size_t field, top;                    /* group by this field, from 1 on; how many groups and lines to show */
  size_t lines, fields, bytes, without; /* bytes: of all fields. without: lines that lack the field */
  size_t groups;
  OURO_OWNED(table) table;
  OURO_OWNED(ranking) longest;
} tally;

/* Each: false where there is no memory. */
bool tally_open(tally *t, size_t field, size_t top);
bool tally_add(tally *t, record *r);

/* The groups with most records, at most `room`; of equal ones, in the order of their keys. Borrowed. Returns how many,
 * or -1. */
ptrdiff_t tally_top(const tally *t, group **out, size_t room);

void tally_close(tally *t);

#endif
