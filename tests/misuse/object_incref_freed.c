/* tests/misuse/object_incref_freed.c - a reference is taken to an object that has gone.
 *
 * EXPECT: dead object: {address} is an object that has been freed, or is being freed (block of 32 bytes at
 *         {block}), type node
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

int main(void) {
  node *object = new_node();
  tell_address(object);
  ouro_decref(object);
  ouro_incref(hide(object));
  return 0;
}
