/* tests/misuse/object_released_too_often_when_merged.c - an object that two threads held, and that is nobody's in particular any more, is
 * released once too often.
 *
 * EXPECT: dead object: {address} is no object
 *
 * (The thread that freed it has ended, and its blocks have gone back to their pools.)
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

static void *take(void *object) {
  ouro_incref(object);
  return NULL;
}

static void *release(void *object) {
  ouro_decref(object);
  return NULL;
}

int main(void) {
  node *object = new_node();
  tell_address(object);
  in_a_thread(take, object);
  ouro_decref(object);
  in_a_thread(release, object);
  in_a_thread(release, object);
  return 0;
}
