/* tests/trace/sums.h - what the tests of the tracer share: the counters of a line, or of everything, added up over sites. */
#ifndef OURO_TEST_TRACE_SUMS_H
#define OURO_TEST_TRACE_SUMS_H

#include "support/support.h"

#include <ouro/heap.h>
#include <ouro/trace.h>

typedef struct sums {
  uint64_t sites, live, live_bytes, peak, peak_bytes, allocs, bytes, temporary, temporary_bytes;
  double variance;
} sums;

/* Of sites whose innermost frame is that line of that file, of whichever function; line 0: of any line; file NULL: all sites. */
sums sums_of(const char *file, unsigned line);

/* Of sites with that type, or of that domain. */
sums sums_of_type(const char *type);
sums sums_of_domain(unsigned domain);

ouro_trace_totals totals_now(void);

/* Start exact tracing with so many frames; it must succeed. */
void start_exact(unsigned frames);
void start_sampling(size_t sample_bytes);

/* The totals are the sums of the sites (I-AREA-2, and I-PEAK of count.c). */
#define CHECK_TOTALS() check_totals(__FILE__, __LINE__)
void check_totals(const char *file, int line);

#endif
