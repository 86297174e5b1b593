/* nothing.h - no system at all: its functions take no instructions, so that what a loop itself takes can be counted and
 * subtracted. */
#ifndef SYSTEM_NOTHING_H
#define SYSTEM_NOTHING_H

#define SYSTEM_COUNTS

typedef struct node {
  struct node *left, *right;
} node;

static node the_node;

ALWAYS_INLINE void system_start(void) {}
ALWAYS_INLINE node *node_new(void) {
  node *n = &the_node;
  FORGET(n);
  return n;
}
ALWAYS_INLINE void node_retain(node *n) { FORGET(n); }
ALWAYS_INLINE void node_release(node *n) { FORGET(n); }

#endif
