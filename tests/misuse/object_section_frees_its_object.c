/* tests/misuse/object_section_frees_its_object.c - the last reference to an object is released in a section of its own.
 *
 * EXPECT: locked object: {address} lost its last reference while a thread is in a section of it (block of 32 bytes at
 *         {block}), type node
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

int main(void) {
  node *object = new_node();
  ouro_section section;
  tell_address(object);
  ouro_section_begin(&section, object);
  ouro_decref(object);
  return 0;
}
