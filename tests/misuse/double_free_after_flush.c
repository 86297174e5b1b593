/* tests/misuse/double_free_after_flush.c - a block is freed again when its pool has it back.
 *
 * DEFAULT: double free: {address} is free already (block of 96 bytes at {block}, pool {pool})
 * CHECK:   double free: {address} is free already (block of 112 bytes at {block}, pool {pool})
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "misuse.h"

int main(void) {
  char *block = ouro_malloc(96);
  char *neighbour = ouro_malloc(96); /* keeps the pool */
  tell_address(block);
  ouro_free(block);
  ouro_thread_flush();
  ouro_free(hide(block));
  settle();
  return neighbour == NULL;
}
