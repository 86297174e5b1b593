/* tests/misuse/bad_pointer_small_number.c - a small number is freed, as from a struct whose base was NULL.
 *
 * EXPECT: bad pointer: {address} is not in a block of this heap
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "misuse.h"

int main(void) {
  void *block = ouro_malloc(16);
  tell_address((void *)(uintptr_t)0x10);
  ouro_free(hide((void *)(uintptr_t)0x10));
  ouro_free(block);
  return settle();
}
