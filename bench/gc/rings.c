/* rings.c - rings of objects are made and dropped, and automatic collections must find them.
 *
 * Arguments: objects in a ring, rings, looks. Prints ring_ns, for each object, and then, in a second pass of as many rings
 * that is not timed, looks at resident memory: peak_kib, above what it was before the first pass. One ring is live at a time,
 * so that this is the memory that waits for the collector. */
#include "measure.h"

#ifdef SYSTEM_BY_HAND
static void ring_release(node *first, size_t length) {
  for (size_t i = 0; i < length; i++) {
    node *next = first->left;
    RELEASE(first);
    first = next;
  }
}
#else
static void ring_release(node *first, size_t length) {
  (void)length;
  node_release(first);
}
#endif

static void ring(size_t length) {
  node *first = node_new(), *last = first;
  for (size_t i = 1; i < length; i++) {
    node *next = node_new();
    node_set(&last->left, next);
    last = next;
  }
  node_retain(first);
  node_set(&last->left, first);
  ring_release(first, length);
}

int main(int argc, char **argv) {
  size_t length = work_number(argc, argv, 1, 10), rings = work_number(argc, argv, 2, 10000);
  size_t looks = work_number(argc, argv, 3, 100);
  system_start();
  ring(length);
  measure_baseline();
  double from = measure_now();
  for (size_t i = 0; i < rings; i++) ring(length);
  measure_report("ring_ns", (measure_now() - from) / (double)(rings * length));

  size_t each = rings / looks + 1;
  for (size_t i = 0; i < rings; i++) {
    ring(length);
    if (i % each == 0) measure_look();
  }
  measure_report_looks();
  return 0;
}
