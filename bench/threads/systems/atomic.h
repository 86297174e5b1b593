/* atomic.h - blocks of malloc with a count that is atomic, as std::shared_ptr's is: an addition that is relaxed, a subtraction that is
 * acquire and release, and a test of the result. A weak reference is a second count of the same block. Nothing finds cycles. */
#ifndef SYSTEM_ATOMIC_H
#define SYSTEM_ATOMIC_H

#include <stdatomic.h>
#include <stdlib.h>

#define SYSTEM_COUNTS
#define SYSTEM_BY_HAND

#ifndef NODE_FIELDS
#define NODE_FIELDS
#endif

typedef struct node {
  atomic_uint count, weak; /* strong references; weak ones, and one for all the strong ones */
  struct node *left, *right;
  NODE_FIELDS
} node;

ALWAYS_INLINE void system_start(void) {}

ALWAYS_INLINE node *node_new(void) {
  node *n = malloc(sizeof *n);
  if (n == NULL) work_fail("malloc");
  atomic_init(&n->count, 1);
  atomic_init(&n->weak, 1);
  n->left = n->right = NULL;
  return n;
}

ALWAYS_INLINE void node_retain(node *n) { atomic_fetch_add_explicit(&n->count, 1, memory_order_relaxed); }

__attribute__((unused)) static void node_free(node *n);
ALWAYS_INLINE void node_release(node *n) {
  if (atomic_fetch_sub_explicit(&n->count, 1, memory_order_acq_rel) == 1) node_free(n);
}

/* Where nobody refers to it weakly, as make_shared does it: a load in place of the second subtraction. */
ALWAYS_INLINE void node_let_go(node *n) {
  if (atomic_load_explicit(&n->weak, memory_order_acquire) == 1 ||
      atomic_fetch_sub_explicit(&n->weak, 1, memory_order_acq_rel) == 1) {
    free(n);
  }
}

static void node_free(node *n) {
  if (n->left) node_release(n->left);
  if (n->right) node_release(n->right);
  node_let_go(n);
}

ALWAYS_INLINE void node_set(node **slot, node *value) {
  node *before = *slot;
  *slot = value;
  if (before) node_release(before);
}

ALWAYS_INLINE void system_automatic(bool on) { (void)on; }

typedef node *weakref;

ALWAYS_INLINE void weak_make(weakref *slot, node *n) {
  atomic_fetch_add_explicit(&n->weak, 1, memory_order_relaxed);
  *slot = n;
}

/* weak_ptr::lock: one more, unless there is none. */
ALWAYS_INLINE node *weak_get(weakref *slot) {
  node *n = *slot;
  unsigned count = atomic_load_explicit(&n->count, memory_order_relaxed);
  while (count != 0) {
    if (atomic_compare_exchange_weak_explicit(&n->count, &count, count + 1, memory_order_acq_rel, memory_order_relaxed)) return n;
  }
  return NULL;
}

ALWAYS_INLINE void weak_drop(weakref *slot) { node_let_go(*slot); }

#endif
