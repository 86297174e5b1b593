/* tests/misuse/overrun_of_a_large_block.c - one byte behind the end of a large block is written.
 *
 * DEFAULT: nothing
 * CHECK:   overrun: {address} was written to past its end (block of 303104 bytes at {block}, pool {block})
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "misuse.h"

int main(void) {
  char *block = ouro_malloc(300000);
  tell_address(block);
  ((char *)hide(block))[300000] = 1;
  ouro_free(block);
  return settle();
}
