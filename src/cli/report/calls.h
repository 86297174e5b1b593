/* cli/report/calls.h - the tree of calls: each stack with what it and all that it called allocated; for `ouro tree` and `ouro
 * flame`. Inverted, stacks are read from their most recent frame outwards, so that the tree's first level is the lines that
 * allocate.
 *
 * I-CALLS  total[stack] == own[stack] + the totals of its children; total[0] is all that the filters let through */
#ifndef OURO_CLI_REPORT_CALLS_H
#define OURO_CLI_REPORT_CALLS_H

#include "cli/report/ask.h"

typedef struct ouro__calls {
  ouro__stacks stacks; /* of the tree: inverted ones, where that was asked for */
  ouro__tally *own, *total;
  uint32_t *kept; /* the stacks of which the tree is made: by parent, then the largest first */
  size_t kept_count;
} ouro__calls;

/* The tree of what `ask` wants, of all its sources. Nothing is kept yet. Inverted, lines of fewer than `share` of all are left
 * out. */
void ouro__calls_make(ouro__calls *calls, const ouro__ask *ask, double share);

/* Keep stacks of `least` bytes, and of those the `most` largest. A stack is kept only with its parent. */
void ouro__calls_keep(ouro__calls *calls, int64_t least, size_t most);

/* The kept children of a stack, the largest first. */
const uint32_t *ouro__calls_children(const ouro__calls *calls, uint32_t stack, size_t *count);

void ouro__calls_free(ouro__calls *calls);

#endif
