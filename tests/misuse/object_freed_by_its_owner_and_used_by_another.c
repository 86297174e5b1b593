/* tests/misuse/object_freed_by_its_owner_and_used_by_another.c - a thread takes a reference to an object that its owner has freed.
 *
 * EXPECT: dead object: {address} is an object that has been freed, or is being freed (block of 32 bytes at
 *         {block}), type node
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

static void *take(void *object) {
  ouro_incref(object);
  return NULL;
}

int main(void) {
  node *object = new_node();
  tell_address(object);
  ouro_decref(object);
  in_a_thread(take, hide(object));
  return 0;
}
