/* tests/misuse/object_setref_freed.c - an object that has gone is put into a slot.
 *
 * EXPECT: dead object: {address} is an object that has been freed, or is being freed (block of 32 bytes at
 *         {block}), type node
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

int main(void) {
  node *holder = new_node(), *object = new_node();
  tell_address(object);
  ouro_decref(object);
  ouro_setref(&holder->left, hide(object));
  return 0;
}
