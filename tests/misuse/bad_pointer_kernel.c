/* tests/misuse/bad_pointer_kernel.c - an address of the kernel is freed.
 *
 * EXPECT: bad pointer: {address} is not in a block of this heap
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "misuse.h"

int main(void) {
  void *block = ouro_malloc(16);
  tell_address((void *)(uintptr_t)0xffff800000001000);
  ouro_free(hide((void *)(uintptr_t)0xffff800000001000));
  ouro_free(block);
  return settle();
}
