/* trees.c - each thread builds a binary tree and frees it, over and over: short lives, nodes of 24 bytes.
 *
 * Arguments: threads, depth, trees in all. */
#include <pthread.h>

#include "work.h"

enum { MAX_THREADS = 64 };

typedef struct node {
  struct node *left, *right;
  size_t depth;
} node;

static size_t depth, trees_each;

static node *tree_new(size_t levels) {
  node *n = malloc(sizeof *n);
  if (n == NULL) work_fail("malloc");
  n->depth = levels;
  n->left = levels > 0 ? tree_new(levels - 1) : NULL;
  n->right = levels > 0 ? tree_new(levels - 1) : NULL;
  return n;
}

/* Frees the tree and counts its nodes. */
static size_t tree_free(node *n) {
  if (n == NULL) return 0;
  size_t nodes = 1 + tree_free(n->left) + tree_free(n->right);
  free(n);
  return nodes;
}

static void *work(void *arg) {
  for (size_t i = 0; i < trees_each; i++) {
    if (tree_free(tree_new(depth)) != ((size_t)2 << depth) - 1) work_fail("a tree lost nodes");
  }
  return arg;
}

int main(int argc, char **argv) {
  pthread_t ids[MAX_THREADS];
  size_t threads = work_number(argc, argv, 1, 1);
  depth = work_number(argc, argv, 2, 16);
  size_t trees = work_number(argc, argv, 3, 160);
  if (threads == 0 || threads > MAX_THREADS) work_fail("arguments");
  trees_each = trees / threads;

  work_clock clock = {0};
  work_start(&clock);
  for (size_t i = 1; i < threads; i++) {
    if (pthread_create(&ids[i], NULL, work, NULL) != 0) work_fail("pthread_create");
  }
  work(NULL);
  for (size_t i = 1; i < threads; i++) pthread_join(ids[i], NULL);
  work_stop(&clock);
  work_report(&clock, trees_each * threads * (((size_t)2 << depth) - 1));
  return 0;
}
