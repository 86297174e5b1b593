/* tests/misuse/object_from_a_block_of_ones.c - a block is released as if it were an object, whose header would have
 * every bit set.
 *
 * EXPECT: dead object: {address} is no object
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

int main(void) {
  void *block = ouro_malloc(64);
  CHECK(block);
  memset(block, 0xff, 64);
  tell_address(block);
  ouro_decref(hide(block));
  return 0;
}
