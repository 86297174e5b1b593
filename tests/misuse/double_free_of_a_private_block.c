/* tests/misuse/double_free_of_a_private_block.c - a block of a private heap is freed twice.
 *
 * DEFAULT: double free: {address} is free already (block of 64 bytes at {block}, pool {pool})
 * CHECK:   double free: {address} is free already (block of 80 bytes at {block}, pool {pool})
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "misuse.h"

int main(void) {
  ouro_heap *heap = ouro_heap_new(NULL);
  char *neighbour = ouro_heap_malloc(heap, 64); /* keeps the pool */
  char *block = ouro_heap_malloc(heap, 64);
  tell_address(block);
  ouro_free(block);
  ouro_free(hide(block));
  return neighbour == NULL;
}
