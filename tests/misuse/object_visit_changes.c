/* tests/misuse/object_visit_changes.c - a visit function shows something else when it is called again: the checker
 * tells.
 *
 * EXPECT: internal error: a visit function shows other references when it is called again: {address}, a
 *         liar
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

typedef struct liar {
  ouro_object base;
  void *slot, *other;
} liar;

static void visit(void *self, ouro_visitor *visitor) {
  static unsigned calls;
  liar *it = self;
  ouro_visit(visitor, calls++ % 2 ? &it->slot : &it->other);
}

static ouro_type liar_type = {.name = "liar", .size = sizeof(liar), .visit = visit};

static liar *new_liar(void) {
  liar *made = ouro_new(&liar_type);
  CHECK(made);
  return made;
}

int main(void) {
  liar *holder = new_liar();
  tell_address(holder);
  ouro_setref(&holder->slot, new_node()); /* and we hold it as well, or it would be taken for garbage */
  ouro_setref(&holder->other, new_node());
  ouro_gc_set_stress(2); /* verifies at safepoints */
  ouro_safepoint();
  return 0;
}
