/* tests/misuse/object_of_a_thread_that_has_ended_released_twice.c - the owner of an object has ended; what it left is released once too
 * often.
 *
 * EXPECT: dead object: {address} is an object that has been freed, or is being freed (block of 32 bytes at
 *         {block}), type node
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

static void *make(void *unused) {
  (void)unused;
  return new_node();
}

int main(void) {
  node *object = in_a_thread(make, NULL);
  tell_address(object);
  ouro_decref(object);
  ouro_decref(hide(object));
  return 0;
}
