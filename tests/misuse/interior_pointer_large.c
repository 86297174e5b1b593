/* tests/misuse/interior_pointer_large.c - an address far inside a large block of several arenas is freed.
 *
 * DEFAULT: interior pointer: {address} lies inside a block, not at its beginning
 *          (block of 10485760 bytes at {block}, pool {block})
 * CHECK:   interior pointer: {address} lies inside a block, not at its beginning
 *          (block of 10489856 bytes at {block}, pool {block})
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "misuse.h"

int main(void) {
  char *block = ouro_malloc(10485760);
  tell_address(block + 9000000);
  tell_block(block);
  ouro_free(hide(block + 9000000));
  return settle();
}
