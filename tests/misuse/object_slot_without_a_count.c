/* tests/misuse/object_slot_without_a_count.c - a slot holds an object for which it has taken no reference: the
 * collector counts.
 *
 * EXPECT: count too small: {address} has more references than were counted (block of 32 bytes at {block}),
 *         type node
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

int main(void) {
  node *holder = new_node(), *object = new_node();
  tell_address(object);
  holder->left = object;
  holder->right = object;
  ouro_gc_collect(2);
  return 0;
}
