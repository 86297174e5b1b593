/* tests/misuse/realloc_after_free.c - a free block is resized.
 *
 * DEFAULT: nothing
 * CHECK:   double free: {address} is free already (block of 112 bytes at {block}, pool {pool})
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "misuse.h"

int main(void) {
  char *block = ouro_malloc(96);
  tell_address(block);
  ouro_free(block);
  return ouro_realloc(hide(block), 90) == NULL;
}
