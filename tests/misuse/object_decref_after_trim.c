/* tests/misuse/object_decref_after_trim.c - an object is released again when its memory has gone back to the system.
 *
 * EXPECT: dead object: {address} is no object
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

int main(void) {
  enum { MANY = 20000 };
  static node *objects[MANY];
  for (size_t i = 0; i < MANY; i++) objects[i] = new_node();
  tell_address(objects[MANY / 2]);
  for (size_t i = 0; i < MANY; i++) ouro_decref(objects[i]);
  ouro_heap_trim();
  ouro_decref(hide(objects[MANY / 2]));
  return 0;
}
