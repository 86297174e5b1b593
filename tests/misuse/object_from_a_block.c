/* tests/misuse/object_from_a_block.c - a block is released as if it were an object.
 *
 * EXPECT: dead object: {address} is no object
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

int main(void) {
  void *block = ouro_calloc(1, 64);
  tell_address(block);
  ouro_decref(hide(block));
  return 0;
}
