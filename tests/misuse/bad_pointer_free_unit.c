/* tests/misuse/bad_pointer_free_unit.c - an address of an arena that no pool has is freed.
 *
 * EXPECT: bad pointer: {address} is not in a block of this heap
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "misuse.h"

int main(void) {
  char *block = ouro_malloc(16);
  char *end = (char *)((uintptr_t)block | ((uintptr_t)4 * 1024 * 1024 - 1)); /* the last byte of its arena */
  tell_address(end);
  ouro_free(hide(end));
  return settle();
}
