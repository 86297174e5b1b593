/* tests/misuse/object_visit_no_object.c - a visit function shows an address at which there is no object: the checker
 * tells.
 *
 * EXPECT: internal error: a reference to what is no live object: {address}, in a liar
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
}

static ouro_type liar_type = {.name = "liar", .size = sizeof(liar), .visit = visit};

static liar *new_liar(void) {
  liar *made = ouro_new(&liar_type);
  CHECK(made);
  return made;
}

int main(void) {
  static node no_object;
  liar *holder = new_liar();
  tell_address(&no_object);
  holder->slot = hide(&no_object);
  ouro_gc_set_stress(2); /* verifies at safepoints */
  ouro_safepoint();
  return 0;
}
