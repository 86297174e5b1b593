/* tests/misuse/double_free_after_reuse.c - a block is freed, given to somebody else, and freed by both.
 *
 * DEFAULT: double free: {address} is free already (block of 48 bytes at {block}, pool {pool})
 * CHECK:   double free: {address} is free already (block of 64 bytes at {block}, pool {pool})
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "misuse.h"

int main(void) {
  char *block = ouro_malloc(48);
  tell_address(block);
  ouro_free(block);
  char *reused = ouro_malloc(48);
  ouro_free(hide(block));
  ouro_free(reused);
  return settle();
}
