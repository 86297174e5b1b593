/* examples/pipeline/stages.h - the stages of the pipeline: threads, with a bounded queue between each two.
 *
 *     reader --chunks--> parser 1..n --batches--> aggregator --records, texts--> writer
 *
 * A stage that cannot go on says why and stops all queues; then all others end as well, and release what they hold. */
#ifndef STAGES_H
#define STAGES_H

#include <stdatomic.h>
#include <stdio.h>

#include "queue.h"
#include "tally.h"

enum { PARSERS_MOST = 256 };

typedef struct options {
  const char *path;  /* NULL: standard input */
  const char *match; /* write records that have such a field; NULL: none */
  size_t parsers;    /* threads */
  size_t room;       /* of each queue, in objects */
  size_t chunk;      /* bytes that the reader takes at a time */
  size_t field, top; /* see tally */
  bool links;        /* each record refers to its batch: cycles */
} options;

typedef struct pipeline {
  options options;
  FILE *in;
  queue chunks, batches, out;
  tally tally;                /* the aggregator's, until it has ended */
  const char *_Atomic failed; /* what has gone wrong first; NULL: nothing */
  atomic_size_t objects;      /* that the parsers made */
  size_t bytes;               /* that the reader read */
  size_t threads;             /* the most that were attached at a time */
} pipeline;

/* Run all stages, and wait for their end. false: p->failed says why. */
bool pipeline_run(pipeline *p);

#endif
