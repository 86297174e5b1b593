/* collect.c - full collections of one large structure: while it lives, and when it is garbage.
 *
 * Arguments: shape (0: a list linked in both directions; 1: a tree whose leaves refer to the root; 2: a graph of random
 * references that is one ring as well), objects, collections. All is one cycle, held by one reference. Prints live_ns, for
 * each object, the median of the collections behind the first; and dead_ns, for each object, from a collection that finds and
 * frees them all. */
#define NODE_DEEP
#include "measure.h"

static node **all;          /* borrowed: only all[0] is held when a shape is complete */
static node *volatile root; /* that one, where a collector that looks for references finds it */

static void link_left(size_t from, size_t to) {
  node_retain(all[to]);
  node_set(&all[from]->left, all[to]);
}

static void link_right(size_t from, size_t to) {
  node_retain(all[to]);
  node_set(&all[from]->right, all[to]);
}

static void make_list(size_t objects) {
  for (size_t i = 0; i + 1 < objects; i++) {
    link_left(i, i + 1);
    link_right(i + 1, i);
  }
}

static void make_tree(size_t objects) {
  for (size_t i = 0; i < objects; i++) {
    link_left(i, 2 * i + 1 < objects ? 2 * i + 1 : 0);
    if (2 * i + 2 < objects) link_right(i, 2 * i + 2);
  }
}

static void make_random(size_t objects) {
  uint32_t *order = work_table(objects * sizeof *order);
  uint64_t state = 7;
  work_shuffle(order, objects, 5);
  for (size_t i = 0; i < objects; i++) {
    link_left(order[i], order[(i + 1) % objects]);
    link_right(i, work_below(&state, objects));
  }
  work_table_free(order, objects * sizeof *order);
}

static double collection(size_t *found) {
  double from = measure_now();
  *found = system_collect();
  return measure_now() - from;
}

static void measure_live(size_t objects, size_t collections) {
  double took[64];
  size_t found;
  if (collections == 0 || collections > 64) work_fail("arguments");
  collection(&found);
  for (size_t i = 0; i < collections; i++) {
    took[i] = collection(&found);
    if (found != 0) work_fail("a live object was found to be garbage");
  }
  measure_report("live_ns", measure_median(took, collections) / (double)objects);
}

int main(int argc, char **argv) {
  static void (*const shapes[])(size_t) = {make_list, make_tree, make_random};
  size_t shape = work_number(argc, argv, 1, 0), objects = work_number(argc, argv, 2, 100000);
  size_t collections = work_number(argc, argv, 3, 5);
  if (shape > 2 || objects < 2) work_fail("arguments");
  all = work_table(objects * sizeof *all);
  system_start();
  system_automatic(false);
  for (size_t i = 0; i < objects; i++) all[i] = node_new();
  shapes[shape](objects);
  for (size_t i = 1; i < objects; i++) node_release(all[i]);
  root = all[0];
  measure_live(objects, collections);
#ifdef SYSTEM_TELLS
  size_t found;
  node_release(root);
  root = NULL;
  double took = collection(&found);
  if (found != objects) work_fail("a collection did not find all that is garbage");
  measure_report("dead_ns", took / (double)objects);
#endif
  return 0;
}
