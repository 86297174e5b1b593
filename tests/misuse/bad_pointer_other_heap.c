/* tests/misuse/bad_pointer_other_heap.c - a block of the C library is freed.
 *
 * EXPECT: bad pointer: {address} is not in a block of this heap
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "misuse.h"

int main(void) {
  void *own = ouro_malloc(16);
  void *block = malloc(100);
  tell_address(block);
  ouro_free(hide(block));
  free(block);
  ouro_free(own);
  return settle();
}
