/* generator.c - a generator that counts, and a pipeline of three stages.
 *
 * Arguments: steps. Prints step_ns, pipeline_ns, peak_mib. */
#include "values.h"

#ifdef HAS_GENERATORS
static void sum(const char *name, value iterator, size_t steps) {
  int64_t total = 0;
  value item;
  double from = measure_now();
  while (v_next(iterator, &item)) {
    total += v_int_value(item);
    v_drop(item);
  }
  measure_report(name, (measure_now() - from) / (double)steps);
  if (total <= 0) work_fail("the sum is wrong");
  v_drop(iterator);
}
#endif

int main(int argc, char **argv) {
  size_t steps = work_number(argc, argv, 1, 5000000);
  system_start();
#ifdef HAS_GENERATORS
  measure_baseline();
  sum("step_ns", v_count_to((int64_t)steps), steps);
  sum("pipeline_ns", v_squares_pipeline((int64_t)(steps < 2000000 ? steps : 2000000)), steps < 2000000 ? steps : 2000000);
  measure_report_peak();
#endif
  return 0;
}
