/* tests/misuse/object_visit_releases.c - a visit function releases what it shows: the collector follows it.
 *
 * EXPECT: bad reference: {address} is referred to, and is no live object (block of 32 bytes at {block}),
 *         type node
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

typedef struct liar {
  ouro_object base;
  void *slot, *other;
} liar;

static void visit(void *self, ouro_visitor *visitor) {
  liar *it = self;
  static bool released;
  if (!released) {
    released = true;
    ouro_decref(it->slot);
  }
  ouro_visit(visitor, &it->slot);
}

static ouro_type liar_type = {.name = "liar", .size = sizeof(liar), .visit = visit};

static liar *new_liar(void) {
  liar *made = ouro_new(&liar_type);
  CHECK(made);
  return made;
}

int main(void) {
  liar *holder = new_liar();
  node *child = new_node();
  tell_address(child);
  ouro_movref(&holder->slot, child);
  ouro_gc_collect(2);
  return 0;
}
