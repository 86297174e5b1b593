/* tests/misuse/interior_pointer_medium.c - an address inside a block of 65,520 bytes is freed.
 *
 * EXPECT:  interior pointer: {address} lies inside a block, not at its beginning
 *          (block of 65536 bytes at {block}, pool {medium})
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "misuse.h"

int main(void) {
  char *block = ouro_malloc(65520);
  tell_address(block + 50000);
  tell_block(block);
  ouro_free(hide(block + 50000));
  return settle();
}
