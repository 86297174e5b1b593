/* weak.c - weak references: made, one to each of many objects; turned into strong references, which are dropped; and the
 * objects dropped while each has one.
 *
 * Arguments: rounds. Prints make_ns, get_ns, and, where objects go with their last reference, gone_ns for each object, and
 * plain_ns for the same objects without weak references. */
#define NODE_WEAK
#include "measure.h"

enum { OBJECTS = 1024 };

static node *held[OBJECTS];
static weakref weak[OBJECTS];

static double make(void) {
  double from = measure_now();
  for (size_t k = 0; k < OBJECTS; k++) weak_make(&weak[k], held[k]);
  return measure_now() - from;
}

static double get(void) {
  double from = measure_now();
  for (size_t k = 0; k < OBJECTS; k++) {
    node *n = weak_get(&weak[k]);
    if (n != held[k]) work_fail("a weak reference leads elsewhere");
    node_release(n);
  }
  return measure_now() - from;
}

static double release(void) {
  double from = measure_now();
  for (size_t k = 0; k < OBJECTS; k++) node_release(held[k]);
  return measure_now() - from;
}

static void renew(void) {
  for (size_t k = 0; k < OBJECTS; k++) held[k] = node_new();
}

int main(int argc, char **argv) {
  size_t rounds = work_number(argc, argv, 1, 100);
  double each = (double)(rounds * OBJECTS);
  struct {
    double made, got, gone, plain;
  } took = {0, 0, 0, 0};
  system_start();
  for (size_t i = 0; i < rounds; i++) {
    renew();
    took.plain += release();
    renew();
    took.made += make();
    took.got += get();
    took.gone += release();
    for (size_t k = 0; k < OBJECTS; k++) {
#ifdef SYSTEM_COUNTS
      if (weak_get(&weak[k]) != NULL) work_fail("a weak reference survived its object");
#endif
      weak_drop(&weak[k]);
    }
  }
  measure_report("make_ns", took.made / each);
  measure_report("get_ns", took.got / each);
#ifdef SYSTEM_COUNTS
  measure_report("gone_ns", took.gone / each);
  measure_report("plain_ns", took.plain / each);
#endif
  return 0;
}
