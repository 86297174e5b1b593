/* tests/misuse/object_deferred_below_zero_by_two_threads.c - two threads release a deferred object more often than they, and all others,
 * counted it: found by the next full collection.
 *
 * EXPECT: count too small: {address} has more references than were counted (block of 32 bytes at
 *         {block}), type kept
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

static ouro_type kept_type = {
    .name = "kept",
    .size = sizeof(node),
    .references = OURO_REFERENCES(offsetof(node, left), offsetof(node, right)),
};

static void *release(void *object) {
  ouro_decref(object);
  return NULL;
}

int main(void) {
  node *object = ouro_new(&kept_type);
  CHECK(object && ouro_defer(object) == OURO_OK);
  tell_address(object);
  in_a_thread(release, object);
  in_a_thread(release, object);
  ouro_gc_collect(2);
  return 0;
}
