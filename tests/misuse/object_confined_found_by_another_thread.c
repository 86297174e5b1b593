/* tests/misuse/object_confined_found_by_another_thread.c - another thread comes by an object of a confined type with a weak reference,
 * which nobody had to count for it.
 *
 * EXPECT: wrong thread: {address} was counted by another thread, which a confined type or OURO_CONF=threads:1 forbids (block of 48 bytes at
 *         {block}), type confined node
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

static ouro_type confined_type = {.name = "confined node", .size = sizeof(node), .base = &node_type, .flags = OURO_TYPE_CONFINED};

static void *find(void *weak) { return ouro_weak_get(weak); }

int main(void) {
  node *object = ouro_new(&confined_type);
  CHECK(object);
  tell_address(object);
  ouro_weak *weak = ouro_weak_new(object);
  CHECK(weak);
  in_a_thread(find, weak);
  return 0;
}
