/* tests/misuse/interior_pointer_unaligned.c - an address one byte behind the beginning of a block is freed.
 *
 * DEFAULT: interior pointer: {address} lies inside a block, not at its beginning
 *          (block of 64 bytes at {block}, pool {pool})
 * CHECK:   interior pointer: {address} lies inside a block, not at its beginning
 *          (block of 80 bytes at {block}, pool {pool})
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "misuse.h"

int main(void) {
  char *block = ouro_malloc(64);
  tell_address(block + 1);
  tell_block(block);
  ouro_free(hide(block + 1));
  return settle();
}
