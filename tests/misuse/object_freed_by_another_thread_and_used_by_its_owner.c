/* tests/misuse/object_freed_by_another_thread_and_used_by_its_owner.c - a thread releases an object whose memory another has freed and
 * whose owner goes on using it.
 *
 * EXPECT: dead object: {address} is no object
 *
 * (The thread that freed it has ended, and its blocks have gone back to their pools.)
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
  in_a_thread(release, object);
  node *other = new_node();
  ouro_setref(&other->left, hide(object));
  return 0;
}
