/* tests/misuse/object_freed_as_block_later.c - an object that is gone is freed as if it were a block.
 *
 * EXPECT: object as block: {address} is an object, and goes with its last reference (block of 32 bytes at
 *         {block}, pool {pool})
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

int main(void) {
  node *object = new_node();
  tell_address(object);
  ouro_decref(object);
  ouro_free(hide(object));
  return settle();
}
