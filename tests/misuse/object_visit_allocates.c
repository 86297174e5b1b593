/* tests/misuse/object_visit_allocates.c - a visit function makes an object: the checker tells.
 *
 * EXPECT: internal error: a visit function counts or allocates: {address}, a liar
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

typedef struct liar {
  ouro_object base;
  void *slot, *other;
} liar;

static void visit(void *self, ouro_visitor *visitor) {
  static ouro_ref last;
  liar *it = self;
  last = ouro_new(&node_type);
  CHECK(last);
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
  tell_address(holder);
  ouro_gc_set_stress(2); /* verifies at safepoints */
  ouro_safepoint();
  return 0;
}
