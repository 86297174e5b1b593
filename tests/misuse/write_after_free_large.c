/* tests/misuse/write_after_free_large.c - a free large block is written to; found when its memory would be used again.
 *
 * DEFAULT: nothing
 * CHECK:   write after free: {address} was written to after it had been freed
 *          (block of 200704 bytes at {block}, pool {block})
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "misuse.h"

int main(void) {
  char *block = ouro_malloc(200000);
  tell_address(block);
  ouro_free(block);
  ((char *)hide(block))[150000] = 1; /* still mapped: what is free waits a while */
  for (int i = 0; i < 10000; i++) {
    ouro_free(ouro_malloc(1000));
  }
  return settle();
}
