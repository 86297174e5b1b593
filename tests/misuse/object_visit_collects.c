/* tests/misuse/object_visit_collects.c - a visit function collects: inside a collection that does nothing.
 *
 * EXPECT: nothing
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

typedef struct liar {
  ouro_object base;
  void *slot, *other;
} liar;

static void visit(void *self, ouro_visitor *visitor) {
  liar *it = self;
  CHECK(ouro_gc_collect(2) == 0);
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
  ouro_movref(&holder->slot, new_node());
  CHECK(ouro_gc_collect(2) == 0);
  ouro_setref(&holder->slot, holder);
  ouro_decref(holder);
  CHECK(ouro_gc_collect(2) == 1);
  return all_is_well();
}
