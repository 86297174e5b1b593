/* tests/misuse/object_released_far_too_often_while_queued.c - another thread releases what the owner counted, three times too often, while
 * the owner computes: found when the owner comes to a safepoint.
 *
 * EXPECT: count too small: {address} has more references than were counted (block of 32 bytes at
 *         {block}), type node
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

static void *release(void *object) {
  ouro_decref(object); /* it waits in the owner's queue from now on */
  for (int i = 0; i < 4; i++) ouro_decref(object);
  return NULL;
}

int main(void) {
  node *object = new_node();
  tell_address(object);
  ouro_incref(object);
  in_a_thread_while_in(release, object);
  ouro_safepoint();
  return 0;
}
