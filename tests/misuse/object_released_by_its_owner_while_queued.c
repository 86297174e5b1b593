/* tests/misuse/object_released_by_its_owner_while_queued.c - another thread releases what the owner counted, and the owner, which has had
 * two, releases both as well, while it waits in the owner's queue.
 *
 * EXPECT: dead object: {address} is an object that has been freed, or is being freed (block of 32 bytes at
 *         {block}), type node
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

static void *release(void *object) {
  ouro_decref(object);
  return NULL;
}

int main(void) {
  node *object = new_node();
  tell_address(object);
  ouro_incref(object);
  in_a_thread_while_in(release, object);
  ouro_decref(object);
  ouro_decref(object);
  ouro_safepoint();
  return 0;
}
