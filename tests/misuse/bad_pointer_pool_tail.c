/* tests/misuse/bad_pointer_pool_tail.c - an address behind the last block of a pool is freed.
 *
 * EXPECT: bad pointer: {address} is not in a block of this heap
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "misuse.h"

int main(void) {
  char *block = ouro_malloc(80); /* 65,536 is not a multiple of 80, nor of 96 */
  char *tail = (char *)((uintptr_t)block | 65520);
  tell_address(tail);
  ouro_free(hide(tail));
  return settle();
}
