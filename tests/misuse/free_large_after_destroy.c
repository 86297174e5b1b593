/* tests/misuse/free_large_after_destroy.c - a large block is freed after its private heap was destroyed.
 *
 * EXPECT: bad pointer: {address} is not in a block of this heap
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "misuse.h"

int main(void) {
  ouro_heap *heap = ouro_heap_new(NULL);
  char *block = ouro_heap_malloc(heap, 3000000);
  tell_address(block);
  ouro_heap_destroy(heap);
  ouro_free(hide(block));
  return settle();
}
