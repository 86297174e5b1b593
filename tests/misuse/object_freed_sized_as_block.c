/* tests/misuse/object_freed_sized_as_block.c - an object is freed with its size, as if it were a block.
 *
 * EXPECT: object as block: {address} is an object, and goes with its last reference (block of 32 bytes at
 *         {block}, pool {pool})
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

int main(void) {
  node *object = new_node();
  tell_address(object);
  ouro_free_sized(object, sizeof *object);
  return settle();
}
