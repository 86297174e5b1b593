/* malloc.h - the floor: blocks of malloc, freed by hand, with a count that the program keeps by itself. Nothing finds cycles:
 * whoever makes one must take it apart (SYSTEM_BY_HAND). With ALLOCATE and RELEASE defined, blocks of another allocator. */
#ifndef SYSTEM_MALLOC_H
#define SYSTEM_MALLOC_H

#include <stdlib.h>

#define SYSTEM_COUNTS
#define SYSTEM_BY_HAND

#ifndef ALLOCATE
#define ALLOCATE malloc
#define RELEASE free
#endif
#ifndef NODE_FIELDS
#define NODE_FIELDS
#endif

typedef struct node {
  size_t count;
  struct node *left, *right;
  NODE_FIELDS
} node;

ALWAYS_INLINE void system_start(void) {}

ALWAYS_INLINE node *node_new(void) {
  node *n = ALLOCATE(sizeof *n);
  if (n == NULL) work_fail("malloc");
  n->count = 1;
  n->left = n->right = NULL;
  return n;
}

ALWAYS_INLINE void node_retain(node *n) { n->count++; }

__attribute__((unused)) static void node_free(node *n);
ALWAYS_INLINE void node_release(node *n) {
  if (--n->count == 0) node_free(n);
}

static void node_free(node *n) {
  if (n->left) node_release(n->left);
  if (n->right) node_release(n->right);
  RELEASE(n);
}

ALWAYS_INLINE void node_set(node **slot, node *value) {
  node *before = *slot;
  *slot = value;
  if (before) node_release(before);
}

ALWAYS_INLINE size_t node_bytes(node *n) {
  (void)n;
  return sizeof(node);
}

ALWAYS_INLINE void system_automatic(bool on) { (void)on; }

#endif
