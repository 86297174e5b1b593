/* tests/misuse/object_decref_after_flush.c - an object is released again when its block has gone back to the pool.
 *
 * EXPECT: dead object: {address} is no object
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

int main(void) {
  node *object = new_node();
  tell_address(object);
  ouro_decref(object);
  ouro_thread_flush();
  ouro_decref(hide(object));
  return 0;
}
