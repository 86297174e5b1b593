/* batch.c - 1,024 objects of two references are made, then dropped in the order in which they were made, over and over.
 *
 * Arguments: rounds. Prints batch_ns, for each object. */
#include "measure.h"

enum { OBJECTS = 1024 };

static node *held[OBJECTS];

int main(int argc, char **argv) {
  size_t rounds = work_number(argc, argv, 1, 1000);
  system_start();
  double from = measure_now();
  for (size_t i = 0; i < rounds; i++) {
    for (size_t k = 0; k < OBJECTS; k++) held[k] = node_new();
    for (size_t k = 0; k < OBJECTS; k++) {
      node_release(held[k]);
      held[k] = NULL;
    }
  }
  measure_report("batch_ns", (measure_now() - from) / (double)(rounds * OBJECTS));
  return 0;
}
