/* tests/misuse/object_visit_misses_a_slot.c - a visit function does not show a slot: what it holds is never released,
 * and only the report of leaks tells.
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
  ouro_visit(visitor, &it->slot);
}

static ouro_type liar_type = {.name = "liar", .size = sizeof(liar), .visit = visit};

static liar *new_liar(void) {
  liar *made = ouro_new(&liar_type);
  CHECK(made);
  return made;
}

static char kept[4096];

static int keep_text(void *arg, const char *text, size_t length) {
  (void)arg;
  strncat(kept, text, length < sizeof kept - strlen(kept) ? length : sizeof kept - strlen(kept) - 1);
  return 0;
}

int main(void) {
  liar *holder = new_liar();
  node *shown = new_node(), *missed = new_node();
  ouro_setref(&holder->slot, shown);
  ouro_setref(&holder->other, missed);
  ouro_decref(shown);
  ouro_decref(missed);
  CHECK(ouro_gc_collect(2) == 0);
  CHECK(ouro_gc_verify(NULL, 0) == 0);
  ouro_decref(holder);
  CHECK(live_objects() == 1 && ouro_refcount(missed) == 1);
  CHECK(ouro_gc_collect(2) == 0);
  CHECK(ouro_leaks_report(keep_text, NULL) == 1);
  CHECK(strstr(kept, "node"));
  return 0;
}
