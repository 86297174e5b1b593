/* tests/misuse/object_freed_in_its_section.c - an object is released for the last time inside a section of its own.
 *
 * EXPECT: locked object: {address} lost its last reference while a thread is in a section of it (block of 32 bytes at
 *         {block}), type node
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

int main(void) {
  ouro_section section;
  node *object = new_node();
  tell_address(object);
  ouro_section_begin(&section, object);
  ouro_decref(object);
  return 0;
}
