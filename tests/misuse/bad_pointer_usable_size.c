/* tests/misuse/bad_pointer_usable_size.c - the size of an address of the stack is asked for.
 *
 * EXPECT: bad pointer: {address} is not in a block of this heap
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "misuse.h"

int main(void) {
  char on_the_stack[64];
  void *block = ouro_malloc(16);
  tell_address(on_the_stack);
  size_t size = ouro_usable_size(hide(on_the_stack));
  ouro_free(block);
  return size != 0;
}
