/* tests/misuse/write_after_free.c - a free block is written to; found when its memory would be used again.
 *
 * DEFAULT: nothing
 * CHECK:   write after free: {address} was written to after it had been freed
 *          (block of 112 bytes at {block}, pool {pool})
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "misuse.h"

int main(void) {
  char *block = ouro_malloc(96);
  tell_address(block);
  ouro_free(block);
  ((char *)hide(block))[17] = 1;
  for (int i = 0; i < 10000; i++) {
    ouro_free(ouro_malloc(96));
  }
  return settle();
}
