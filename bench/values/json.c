/* json.c - a document of JSON is loaded from a file, and dropped.
 *
 * Arguments: the file. Prints load_ms, drop_ms, both_ms, peak_mib. */
#include "values.h"

int main(int argc, char **argv) {
  if (argc < 2) work_fail("usage: json FILE");
  system_start();
#ifdef HAS_JSON
  measure_baseline();
  double from = measure_now();
  value loaded = v_json_load(argv[1]);
  double then = measure_now();
  v_drop(loaded);
  double end = measure_now();
  measure_report("load_ms", (then - from) / 1e6);
  measure_report("drop_ms", (end - then) / 1e6);
  measure_report("both_ms", (end - from) / 1e6);
  measure_report_peak();
#endif
  return 0;
}
