/* tests/misuse/object_in_static_memory.c - static memory is counted as if it were an object.
 *
 * EXPECT: dead object: {address} is no object
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

int main(void) {
  static node object;
  tell_address(&object);
  ouro_incref(hide(&object));
  return 0;
}
