/* cli/report/check.h - `ouro check`: a program runs traced, and its memory is judged.
 *
 *     check     options, the run, the status to exit with
 *     judge     limits, and the lines to blame where one is broken
 *     baseline  a file of what a run had, and what has grown since */
#ifndef OURO_CLI_REPORT_CHECK_H
#define OURO_CLI_REPORT_CHECK_H

#include "cli/report/ask.h"

typedef struct ouro__check {
  uint64_t peak, live, temporary; /* limits of each process: bytes, bytes, blocks; UINT64_MAX: none */
  bool no_growth;
  const char *baseline; /* file; NULL: none */
  bool update;
  double tolerance;      /* 0.1: a tenth more than the baseline is no failure */
  char **command;        /* ends with NULL; in argv */
  ouro__source *sources; /* the processes, in order of their start; owned */
  size_t source_count;
} ouro__check;

/* Whether all limits hold; where not, stderr says which, and the lines to blame. */
bool ouro__check_limits(const ouro__check *check);

/* What baselines are made of, of all processes. Lines: side 0 is the peak, side 1 what was live at the end. */
typedef struct ouro__check_sums {
  ouro__wish wish;
  ouro__query query;
  ouro__tally peak, live, total, temporary;
} ouro__check_sums;

void ouro__check_sum(ouro__check_sums *sums, const ouro__check *check);
void ouro__check_sums_free(ouro__check_sums *sums);

/* Write the baseline's file anew. Returns 0, or the status to exit with: the user was told. */
int ouro__baseline_write(const ouro__check *check);

/* Read it, and judge. Returns 0, 1 where something grew beyond the tolerance, or OURO_EXIT_USAGE: it cannot be read. */
int ouro__baseline_judge(const ouro__check *check);

#endif
