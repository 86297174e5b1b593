/* count.c - one more reference and one less: of one object, and of 512 in turn.
 *
 * Arguments: pairs; which (1: one object, 2: 512, 3: both). Prints one_ns and turns_ns, for each pair. */
#include "measure.h"

enum { OBJECTS = 512 };

static node *held[OBJECTS];

static void one(size_t pairs) {
  node *n = held[0];
  double from = measure_now();
  for (size_t i = 0; i < pairs; i++) {
    FORGET(n);
    node_retain(n);
    FORGET(n);
    node_release(n);
  }
  measure_report("one_ns", (measure_now() - from) / (double)pairs);
}

static void turns(size_t pairs) {
  size_t rounds = pairs / OBJECTS + 1;
  double from = measure_now();
  for (size_t i = 0; i < rounds; i++) {
    for (size_t k = 0; k < OBJECTS; k++) {
      node *n = held[k];
      FORGET(n);
      node_retain(n);
      FORGET(n);
      node_release(n);
    }
  }
  measure_report("turns_ns", (measure_now() - from) / (double)(rounds * OBJECTS));
}

int main(int argc, char **argv) {
  size_t pairs = work_number(argc, argv, 1, 1000000), which = work_number(argc, argv, 2, 3);
  system_start();
  for (size_t k = 0; k < OBJECTS; k++) held[k] = node_new();
  if (which & 1) one(pairs);
  if (which & 2) turns(pairs);
  for (size_t k = 0; k < OBJECTS; k++) node_release(held[k]);
  return 0;
}
