/* tests/misuse/object_confined_counted_by_another_thread.c - another thread takes a reference to an object of a confined type.
 *
 * EXPECT: wrong thread: {address} was counted by another thread, which a confined type or OURO_CONF=threads:1 forbids (block of 48 bytes at
 *         {block}), type confined node
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

static ouro_type confined_type = {.name = "confined node", .size = sizeof(node), .base = &node_type, .flags = OURO_TYPE_CONFINED};

static void *take(void *object) {
  ouro_incref(object);
  return NULL;
}

int main(void) {
  node *object = ouro_new(&confined_type);
  CHECK(object);
  tell_address(object);
  in_a_thread(take, object);
  return 0;
}
