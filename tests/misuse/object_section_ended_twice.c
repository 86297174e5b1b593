/* tests/misuse/object_section_ended_twice.c - a section is ended once more.
 *
 * EXPECT: locked object: {address} is in a section that was ended and is not the innermost
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

int main(void) {
  node *object = new_node();
  ouro_section section;
  tell_address(object);
  ouro_section_begin(&section, object);
  ouro_section_end(&section);
  ouro_section_end(&section);
  return 0;
}
