/* tests/misuse/object_visit_twice_verified.c - a visit function shows a slot twice, but the object is held by others as
 * well: the checker tells.
 *
 * EXPECT: internal error: a visit function shows a slot twice: {address}, in a liar
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

typedef struct liar {
  ouro_object base;
  void *slot, *other;
} liar;

static void visit(void *self, ouro_visitor *visitor) {
  liar *it = self;
  ouro_visit(visitor, &it->slot);
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
  node *child = new_node(), *others[2] = {ouro_newref(child), ouro_newref(child)};
  tell_address(&holder->slot);
  ouro_movref(&holder->slot, child);
  CHECK(ouro_gc_collect(2) == 0);
  CHECK(ouro_refcount(others[0]) == 3);
  ouro_gc_set_stress(2); /* verifies at safepoints */
  ouro_safepoint();
  return 0;
}
