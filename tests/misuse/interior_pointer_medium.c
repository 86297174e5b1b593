/* tests/misuse/interior_pointer_medium.c - an address inside a block of 100,000 bytes is freed.
 *
 * EXPECT:  interior pointer: {address} lies inside a block, not at its beginning
 *          (block of 114688 bytes at {block}, pool {medium})
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "misuse.h"

int main(void) {
  char *block = ouro_malloc(100000);
  tell_address(block + 70000);
  tell_block(block);
  ouro_free(hide(block + 70000));
  return settle();
}
