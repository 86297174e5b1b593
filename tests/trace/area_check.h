/* tests/trace/area_check.h - is a file of an area what area.h promises? */
#ifndef OURO_TEST_TRACE_AREA_CHECK_H
#define OURO_TEST_TRACE_AREA_CHECK_H

#include "sums.h"

#include "trace/area.h"

typedef struct area_file {
  const ouro__area_page *page; /* NULL: there is no such file, or it is not filled yet */
  size_t bytes;
} area_file;

area_file area_open(const char *directory, int pid);
void area_close(area_file *file);

/* Structure, and I-AREA-1; `quiet`: the process does not count at this moment, so the sums must be equal as well (I-AREA-2). It may grow
 * meanwhile: what is above the counts of the page is not looked at. */
#define CHECK_AREA(file, quiet) area_check((file), (quiet), __FILE__, __LINE__)
void area_check(const area_file *file, bool quiet, const char *from, int line);

/* A new directory below /tmp, and its end. */
const char *directory_new(void);
void directory_delete(const char *directory);

#endif
