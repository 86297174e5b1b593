/* tests/misuse/object_confined_stored_by_another_thread.c - another thread puts an old object of a confined type, which no collection has
 * found to be garbage, in a slot of its own.
 *
 * EXPECT: wrong thread: {address} was counted by another thread, which a confined type or OURO_CONF=threads:1 forbids (block of 48 bytes at
 *         {block}), type confined node
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

static ouro_type confined_type = {.name = "confined node", .size = sizeof(node), .base = &node_type, .flags = OURO_TYPE_CONFINED};

static void *store(void *object) {
  node *holder = new_node();
  ouro_setref(&holder->left, object);
  ouro_decref(holder);
  return NULL;
}

int main(void) {
  node *object = ouro_new(&confined_type);
  CHECK(object && ouro_gc_collect(2) == 0);
  tell_address(object);
  in_a_thread(store, object);
  return 0;
}
