/* tests/misuse/object_interior_pointer.c - a pointer into an object is released as if it were one.
 *
 * EXPECT: dead object: {address} is no object
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

int main(void) {
  node *object = new_node();
  tell_address(&object->left);
  ouro_decref(hide(&object->left));
  return 0;
}
