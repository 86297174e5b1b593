/* tests/misuse/overrun_far.c - many bytes behind the end of a block are written.
 *
 * DEFAULT: nothing
 * CHECK:   overrun: {address} was written to past its end (block of 80 bytes at {block}, pool {pool})
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "misuse.h"

int main(void) {
  char *block = ouro_malloc(64);
  tell_address(block);
  memset(hide(block), 7, 80);
  ouro_free(block);
  return settle();
}
