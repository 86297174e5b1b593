/* tests/misuse/object_finalizer_releases_garbage.c - the finalizer of an object in a cycle releases the object that it
 * was lent.
 *
 * EXPECT: dead object: {address} is an object that has been freed, or is being freed (block of 32 bytes at
 *         {block}), type suicide
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

static void finalize(void *self) { ouro_decref(self); }

static ouro_type suicide_type = {.name = "suicide",
                                 .size = sizeof(node),
                                 .references = OURO_REFERENCES(offsetof(node, left), offsetof(node, right)),
                                 .finalize = finalize};

int main(void) {
  node *object = ouro_new(&suicide_type);
  tell_address(object);
  ouro_setref(&object->left, object);
  ouro_decref(object);
  ouro_gc_collect(2);
  return 0;
}
