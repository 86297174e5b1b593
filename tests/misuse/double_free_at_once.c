/* tests/misuse/double_free_at_once.c - a block is freed twice in a row.
 *
 * DEFAULT: double free: {address} is free already (block of 64 bytes at {block}, pool {pool})
 * CHECK:   double free: {address} is free already (block of 80 bytes at {block}, pool {pool})
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "misuse.h"

int main(void) {
  char *block = ouro_malloc(64);
  tell_address(block);
  ouro_free(block);
  ouro_free(hide(block));
  return settle();
}
