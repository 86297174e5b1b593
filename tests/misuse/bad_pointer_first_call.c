/* tests/misuse/bad_pointer_first_call.c - an address of static data is freed before the heap was ever used.
 *
 * EXPECT: bad pointer: {address} is not in a block of this heap
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "misuse.h"

static char in_the_data[64];

int main(void) {
  tell_address(in_the_data);
  ouro_free(hide(in_the_data));
  return settle();
}
