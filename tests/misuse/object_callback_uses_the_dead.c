/* tests/misuse/object_callback_uses_the_dead.c - the callback of a weak reference takes a reference to the object that
 * is going, by a pointer of its own.
 *
 * EXPECT: dead object: {address} is an object that has been freed, or is being freed (block of 32 bytes at
 *         {block}), type node
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

static void *remembered;

static void callback(ouro_weak *weak, void *data, void *held) {
  (void)data;
  (void)held;
  CHECK(ouro_weak_get(weak) == NULL);
  ouro_incref(remembered);
}

int main(void) {
  node *object = new_node();
  tell_address(object);
  remembered = object;
  ouro_ref weak = ouro_weak_new_callback(object, callback, NULL, NULL);
  ouro_decref(object);
  ouro_decref(weak);
  return 0;
}
