/* measure.h - what the workloads of `bench/run gc` need beside heap/work.h: time, memory above a baseline, the median of several
 * collections, and the report.
 *
 * A workload prints lines "name value" that harness/objects.py reads: nanoseconds by the object or the operation, bytes, counts.
 * It knows none of the systems: what it does with objects goes through the inline functions of one header below systems/, which
 * the compiler's command line names (SYSTEM_HEADER). So all systems are given the same work, by the same loop.
 *
 * A system's header has:
 *   node                    an object of two references, `left` and `right`, and of what NODE_FIELDS adds
 *   system_start()          makes the system ready; the baseline of memory is taken after it
 *   node_new()              makes a node, both references NULL; where a collection is due, it happens here
 *   node_retain, node_release, node_set     one more reference; one less; let a slot take over the caller's reference
 *   system_automatic(bool)  automatic collections on or off, where there are any
 *   system_collect()        a full collection, now; how many objects it found to be garbage
 * and defines what it can: SYSTEM_COUNTS (an object goes with its last reference), SYSTEM_TELLS (system_collect says how many it
 * found), SYSTEM_BY_HAND (nothing finds cycles: who makes one takes it apart). For weak.c and graph.c some have more: weak
 * references, and things, which are objects of any size.
 *
 * A workload may define before: NODE_FIELDS (more members), NODE_WEAK (nodes are referenced weakly), NODE_DEEP (structures are so
 * deep that freeing them by plain recursion would overflow the stack). */
#ifndef MEASURE_H
#define MEASURE_H

#include <stdbool.h>
#include <stddef.h>

#include "work.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline, unused))

/* Keeps the compiler from seeing that a pointer or a count is as it was. */
#define FORGET(pointer) __asm__ volatile("" : "+r"(pointer) : : "memory")

/* Resident bytes of the process without its code and other files, exact (the figures of /proc/self/status lag behind by some
 * pages for each processor). Takes about a tenth of a millisecond. */
size_t measure_resident(void);

/* Memory from here on counts as the workload's: takes the baseline, and lets the kernel's peak begin anew. */
void measure_baseline(void);

/* A look at resident memory; the highest one counts where the kernel's own peak is too coarse. */
void measure_look(void);

/* Prints "peak_kib", the highest look above the baseline. */
void measure_report_looks(void);

/* Prints "peak_mib", the kernel's peak above the baseline. */
void measure_report_peak(void);

/* Processor time of the process, all threads, in nanoseconds. */
double measure_now(void);

/* Prints one figure. */
void measure_report(const char *name, double value);

/* The middle one of `count` values, which are sorted by it. */
double measure_median(double *values, size_t count);

#ifdef SYSTEM_HEADER
#include SYSTEM_HEADER
#endif

#endif
