/* tests/misuse/object_released_twice_by_two_threads.c - two threads find the same reference in a slot, and each releases it: read, then
 * cleared, instead of by an exchange.
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
  in_a_thread(release, object);
  return 0;
}
