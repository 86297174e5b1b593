/* tests/misuse/object_decref_after_reuse.c - an object is released twice, but its block holds another one by then:
 * whose owner finds it gone.
 *
 * EXPECT: dead object: {address} is an object that has been freed, or is being freed (block of 32 bytes at
 *         {block}), type node
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

int main(void) {
  node *object = new_node();
  ouro_decref(object);
  node *next = new_node();
  CHECK(hide(next) == hide(object));
  tell_address(next);
  ouro_decref(hide(object));
  ouro_decref(next);
  return 0;
}
