/* tests/misuse/overrun_by_one.c - one byte behind the end of a block is written.
 *
 * DEFAULT: nothing
 * CHECK:   overrun: {address} was written to past its end (block of 128 bytes at {block}, pool {pool})
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "misuse.h"

int main(void) {
  char *block = ouro_malloc(100);
  char *other = ouro_malloc(100);
  tell_address(block);
  ((char *)hide(block))[100] = 1;
  ouro_free(block);
  ouro_free(other);
  return settle();
}
