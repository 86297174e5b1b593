/* tests/misuse/double_free_of_a_medium_block.c - a block of 65,520 bytes is freed twice.
 *
 * DEFAULT: double free: {address} is free already (block of 65536 bytes at {block}, pool {medium})
 * CHECK:   double free: {address} is free already (block of 65536 bytes at {block}, pool {medium})
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "misuse.h"

int main(void) {
  char *block = ouro_malloc(65520);
  tell_address(block);
  ouro_free(block);
  ouro_free(hide(block));
  return settle();
}
