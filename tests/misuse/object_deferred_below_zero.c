/* tests/misuse/object_deferred_below_zero.c - an object whose count is deferred is released more often than it was
 * taken: found when the collector adds up its counts.
 *
 * EXPECT: count too small: {address} has more references than were counted (block of 32 bytes at {block}),
 *         type node
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

int main(void) {
  node *object = new_node();
  tell_address(object);
  CHECK(ouro_defer(object) == 0);
  ouro_decref(object);
  ouro_decref(object);
  ouro_gc_collect(2);
  return 0;
}
