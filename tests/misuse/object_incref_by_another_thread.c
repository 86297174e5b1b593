/* tests/misuse/object_incref_by_another_thread.c - another thread takes a reference to an object, where it was promised that only
 * one thread would come.
 *
 * CONF:   threads:1
 * EXPECT: wrong thread: {address} was counted by another thread, which a confined type or OURO_CONF=threads:1 forbids (block of 32 bytes at
 *         {block}), type node
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

static void *body(void *object) {
  ouro_incref(object);
  return NULL;
}

int main(void) {
  node *object = new_node();
  tell_address(object);
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, body, object) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
  return 0;
}
