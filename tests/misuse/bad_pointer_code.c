/* tests/misuse/bad_pointer_code.c - a function is freed.
 *
 * EXPECT: bad pointer: {address} is not in a block of this heap
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "misuse.h"

int main(void) {
  void *block = ouro_malloc(16);
  tell_address((void *)(uintptr_t)&settle);
  ouro_free(hide((void *)(uintptr_t)&settle));
  ouro_free(block);
  return settle();
}
