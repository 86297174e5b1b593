/* tests/misuse/object_finalizer_releases_itself.c - a finalizer releases the object that it was lent.
 *
 * EXPECT: count too small: {address} has more references than were counted (block of 32 bytes at {block}),
 *         type suicide
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

static void finalize(void *self) { ouro_decref(self); }

static ouro_type suicide_type = {.name = "suicide", .size = 32, .finalize = finalize};

int main(void) {
  ouro_ref object = ouro_new(&suicide_type);
  tell_address(object);
  ouro_decref(object);
  return 0;
}
