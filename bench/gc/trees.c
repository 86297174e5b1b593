/* trees.c - a binary tree is made from its leaves up, walked, and dropped, over and over.
 *
 * Arguments: depth, trees. Prints tree_ns, for each node, and peak_mib. */
#include "measure.h"

static node *tree_new(size_t depth) {
  node *n = node_new();
  if (depth > 0) {
    node_set(&n->left, tree_new(depth - 1));
    node_set(&n->right, tree_new(depth - 1));
  }
  return n;
}

static size_t tree_count(const node *n) { return n == NULL ? 0 : 1 + tree_count(n->left) + tree_count(n->right); }

int main(int argc, char **argv) {
  size_t depth = work_number(argc, argv, 1, 16), trees = work_number(argc, argv, 2, 10);
  size_t nodes = ((size_t)2 << depth) - 1;
  system_start();
  measure_baseline();
  double from = measure_now();
  for (size_t i = 0; i < trees; i++) {
    node *tree = tree_new(depth);
    if (tree_count(tree) != nodes) work_fail("a tree lost nodes");
    node_release(tree);
  }
  measure_report("tree_ns", (measure_now() - from) / (double)(trees * nodes));
  measure_report_peak();
  return 0;
}
