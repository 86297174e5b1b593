/* tests/misuse/interior_pointer_usable_size.c - the size of an address inside a block is asked for.
 *
 * DEFAULT: interior pointer: {address} lies inside a block, not at its beginning
 *          (block of 496 bytes at {block}, pool {pool})
 * CHECK:   interior pointer: {address} lies inside a block, not at its beginning
 *          (block of 512 bytes at {block}, pool {pool})
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "misuse.h"

int main(void) {
  char *block = ouro_malloc(496);
  tell_address(block + 16);
  tell_block(block);
  return (int)ouro_usable_size(hide(block + 16));
}
