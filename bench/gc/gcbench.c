/* gcbench.c - the artificial benchmark by J. Ellis and P. Kovac, in the form that H. Boehm gave it: a tree to stretch the
 * heap, a tree and an array that stay, and trees of growing depth that come and go, built from the root down and from the
 * leaves up. Nodes have two references and two integers.
 *
 * Arguments: depth of the tree that stretches (classic: 18); the one that stays is two levels less, and so are the deepest of
 * the others. Prints gcbench_ms and peak_mib. */
#define NODE_FIELDS int i, j;
#include "measure.h"

enum { ARRAY = 500000, LEAST_DEPTH = 4 };

static size_t tree_size(size_t depth) { return ((size_t)2 << depth) - 1; }

static void populate(size_t depth, node *n) {
  if (depth == 0) return;
  node_set(&n->left, node_new());
  node_set(&n->right, node_new());
  populate(depth - 1, n->left);
  populate(depth - 1, n->right);
}

static node *make_tree(size_t depth) {
  node *left = NULL, *right = NULL;
  if (depth > 0) {
    left = make_tree(depth - 1);
    right = make_tree(depth - 1);
  }
  node *n = node_new();
  n->left = left;
  n->right = right;
  return n;
}

static void time_construction(size_t depth, size_t stretch) {
  size_t times = 2 * tree_size(stretch) / tree_size(depth);
  for (size_t i = 0; i < times; i++) {
    node *tree = node_new();
    populate(depth, tree);
    node_release(tree);
  }
  for (size_t i = 0; i < times; i++) node_release(make_tree(depth));
}

int main(int argc, char **argv) {
  size_t stretch = work_number(argc, argv, 1, 18);
  if (stretch < LEAST_DEPTH + 2) work_fail("arguments");
  double *array = malloc(ARRAY * sizeof *array);
  if (array == NULL) work_fail("malloc");
  system_start();
  measure_baseline();
  double from = measure_now();

  node_release(make_tree(stretch));
  node *kept = node_new();
  populate(stretch - 2, kept);
  for (size_t i = 0; i < ARRAY / 2; i++) array[i] = 1.0 / (double)(i + 1);
  for (size_t depth = LEAST_DEPTH; depth <= stretch - 2; depth += 2) time_construction(depth, stretch);
  if (kept->left == NULL || array[1000] != 1.0 / 1001) work_fail("what was to stay is damaged");
  node_release(kept);

  measure_report("gcbench_ms", (measure_now() - from) / 1e6);
  measure_report_peak();
  free(array);
  return 0;
}
