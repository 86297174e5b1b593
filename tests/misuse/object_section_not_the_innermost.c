/* tests/misuse/object_section_not_the_innermost.c - two sections are ended in the order in which they began.
 *
 * EXPECT: locked object: {address} is in a section that was ended and is not the innermost
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

int main(void) {
  node *outer = new_node(), *inner = new_node();
  ouro_section first, second;
  tell_address(outer);
  ouro_section_begin(&first, outer);
  ouro_section_begin(&second, inner);
  ouro_section_end(&first);
  return 0;
}
