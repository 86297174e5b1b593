/* tests/misuse/object_release_resurrects.c - a release function, which is called last, takes a reference to the object.
 *
 * EXPECT: dead object: {address} is an object that has been freed, or is being freed (block of 32 bytes at
 *         {block}), type phoenix
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

static void release(void *self) { ouro_incref(self); }

static ouro_type phoenix_type = {.name = "phoenix", .size = 32, .release = release};

int main(void) {
  ouro_ref object = ouro_new(&phoenix_type);
  tell_address(object);
  ouro_decref(object);
  return 0;
}
