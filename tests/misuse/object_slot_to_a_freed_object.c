/* tests/misuse/object_slot_to_a_freed_object.c - a slot still holds an object that was released once too often: the
 * collector follows it.
 *
 * EXPECT: bad reference: {address} is referred to, and is no live object (block of 32 bytes at {block}),
 *         type node
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

int main(void) {
  node *holder = new_node(), *object = new_node();
  tell_address(object);
  ouro_setref(&holder->left, object);
  ouro_decref(object);
  ouro_decref(object); /* that was the slot's */
  ouro_gc_collect(2);
  return 0;
}
