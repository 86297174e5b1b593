/* tests/misuse/object_decref_later.c - an object goes, others come and go, and a reference to it is released again.
 *
 * EXPECT: dead object: {address} is an object that has been freed, or is being freed (block of 32 bytes at
 *         {block}), type node
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

int main(void) {
  node *others[50], *object = new_node();
  tell_address(object);
  for (size_t i = 0; i < 50; i++) others[i] = new_node();
  ouro_decref(object);
  for (size_t i = 0; i < 50; i++) ouro_decref(others[i]);
  ouro_decref(hide(object));
  return 0;
}
