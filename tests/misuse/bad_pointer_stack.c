/* tests/misuse/bad_pointer_stack.c - an address of the stack is freed.
 *
 * EXPECT: bad pointer: {address} is not in a block of this heap
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "misuse.h"

int main(void) {
  char on_the_stack[64];
  void *block = ouro_malloc(16); /* the heap is in use */
  tell_address(on_the_stack);
  ouro_free(hide(on_the_stack));
  ouro_free(block);
  return settle();
}
