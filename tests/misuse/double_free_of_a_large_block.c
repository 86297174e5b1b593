/* tests/misuse/double_free_of_a_large_block.c - a large block is freed twice: the heap does not know it any more.
 *
 * DEFAULT: bad pointer: {address} is not in a block of this heap
 * CHECK:   double free: {address} is free already (block of 1052672 bytes at {block}, pool {block})
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "misuse.h"

int main(void) {
  char *block = ouro_malloc(1048576);
  tell_address(block);
  ouro_free(block);
  ouro_free(hide(block));
  return settle();
}
