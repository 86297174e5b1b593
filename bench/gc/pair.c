/* pair.c - an object of two references is made and dropped at once, over and over.
 *
 * Arguments: pairs. Prints pair_ns. */
#include "measure.h"

int main(int argc, char **argv) {
  size_t pairs = work_number(argc, argv, 1, 1000000);
  system_start();
  node *other = node_new(); /* so that a page of objects does not come and go with each of them */
  double from = measure_now();
  for (size_t i = 0; i < pairs; i++) {
    node *n = node_new();
    FORGET(n);
    node_release(n);
  }
  measure_report("pair_ns", (measure_now() - from) / (double)pairs);
  node_release(other);
  return 0;
}
