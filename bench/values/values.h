/* values.h - what the workloads of `bench/run values` need: the same work for each system, by the same loop.
 *
 * A system is one header below systems/ (SYSTEM_HEADER), of inline functions over a pointer type `value`. A value that a function gives is
 * the caller's, to be released with v_drop; one that is put into a container stays the caller's too. A system defines HAS_ and the name of
 * what it has; the workload leaves out the rest, and the table shows a gap.
 *
 *   always         system_start, v_int, v_str, v_drop, v_dict, v_dict_set, v_dict_get, v_list, v_list_append, v_list_get
 *   HAS_TYPES      v_float, v_tuple2, v_set, v_set_add, v_bytes
 *   HAS_TEXT       v_join, v_find, v_split, v_concat, v_replace
 *   HAS_SORT       v_list_sort
 *   HAS_CLASSES    v_class, v_instance, v_attr_set, v_attr_get, v_method
 *   HAS_GENERATORS v_count_to, v_squares_pipeline
 *   HAS_JSON       v_json_load
 *
 * A workload prints lines "name value" that harness/values.py reads. */
#ifndef BENCH_VALUES_H
#define BENCH_VALUES_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../gc/measure.h"

/* Nanoseconds of processor time that `body` takes, by each of `count`. */
#define EACH_NS(name, count, body)                            \
  do {                                                        \
    double from_ = measure_now();                             \
    body;                                                     \
    measure_report(name, (measure_now() - from_) / (double)(count)); \
  } while (0)

/* A cheap sequence of numbers, the same for all. */
static inline uint64_t mixed(uint64_t x) {
  x += UINT64_C(0x9e3779b97f4a7c15);
  x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
  return x ^ x >> 31;
}

/* "key" and a number, as the workloads' names are; its length. */
static inline size_t name_of(uint64_t number, char text[32]) { return (size_t)snprintf(text, 32, "key%llu", (unsigned long long)number); }

#endif
