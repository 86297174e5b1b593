/* tests/misuse/bad_pointer_realloc.c - an address of the stack is resized.
 *
 * EXPECT: bad pointer: {address} is not in a block of this heap
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "misuse.h"

int main(void) {
  char on_the_stack[64];
  void *block = ouro_malloc(16);
  tell_address(on_the_stack);
  void *moved = ouro_realloc(hide(on_the_stack), 128);
  ouro_free(block);
  return moved != NULL;
}
