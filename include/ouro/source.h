/* ouro/source.h - the place of a call in C source, for tracing. Private to the macros of <ouro/ouro.h>. */
#ifndef OURO_SOURCE_H
#define OURO_SOURCE_H

typedef struct ouro_source {
  const char *file, *function;
  unsigned line;
} ouro_source;

#endif
