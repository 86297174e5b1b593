/* tests/misuse/interior_pointer_realloc.c - an address inside a block is resized.
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
  return ouro_realloc(hide(block + 16), 100) != NULL;
}
