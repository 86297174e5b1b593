/* tests/misuse/overrun_found_by_realloc.c - a block is written past its end, and then resized.
 *
 * DEFAULT: nothing
 * CHECK:   overrun: {address} was written to past its end (block of 128 bytes at {block}, pool {pool})
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "misuse.h"

int main(void) {
  char *block = ouro_malloc(100);
  tell_address(block);
  ((char *)hide(block))[101] = 1;
  ouro_free(ouro_realloc(block, 200));
  return settle();
}
