/* examples/pipeline/record.h - what flows through the pipeline.
 *
 *     chunk        some whole lines of the file, as they are there      the reader makes it, a parser drops it
 *     batch        the records of a chunk                               a parser makes it, the aggregator drops it
 *     record       the fields of a line                                 goes with its batch, unless somebody keeps it
 *     text         a field; or a line of the answer                     goes with its record, unless somebody keeps it
 *
 *     batch --> record --> text          With --links, each record refers to its batch as well. Then a batch and its
 *       ^---------'                      records hold each other, and it takes the collector to free them.
 *
 * Who drops the last reference is seldom who made the object. Nobody has to care.
 *
 * What is not changed any more once it has been handed on needs no lock: that is so for all of these. What returns
 * OURO_OWNED(T) gives NULL where there is no memory. */
#ifndef RECORD_H
#define RECORD_H

#include <stddef.h>

#include <ouro/ouro.h>

typedef struct text {
  ouro_var head; /* head.count: how many bytes */
  char bytes[];
} text;

typedef struct chunk {
  ouro_var head;
  size_t first_line, lines; /* the number of its first line in the file; how many it has */
  char bytes[];
} chunk;

typedef struct record {
  ouro_var head;                  /* head.count: how many fields */
  size_t line;                    /* its number in the file, from 1 on */
  size_t length;                  /* bytes of the line, without its end */
  OURO_OWNED(struct batch) batch; /* with --links; NULL without */
  OURO_OWNED(text) field[];
} record;

typedef struct batch {
  ouro_var head; /* head.count: how many records */
  OURO_OWNED(record) record[];
} batch;

extern ouro_type text_type, chunk_type, record_type, batch_type;

OURO_OWNED(text) text_new(const char *bytes, size_t length);
OURO_OWNED(text) text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool text_is(const text *t, const char *bytes, size_t length);

/* `bytes` are whole lines; the last one may lack its end. */
OURO_OWNED(chunk) chunk_new(const char *bytes, size_t length, size_t first_line);

/* Take a chunk apart: lines into records, what stands between blanks into fields. */
OURO_OWNED(batch) batch_parse(const chunk *c, bool links);

#endif
