/* tests/ownership/right.c - every function that counts, used as it should be. It compiles in both builds, without a
 * warning: each planted violation differs from a line in here by one mistake. */
#include "node.h"

static void visit_node(void *self, ouro_visitor *visitor) { ouro_visit(visitor, &((node *)self)->next); }

ouro_type node_type = {.name = "node", .size = sizeof(node), .visit = visit_node};

/* The caller keeps what he passes; the slot takes a reference of its own. */
void right_set(node *self, node *value);
void right_set(node *self, node *value) {
  ouro_setref(&self->next, value);
  self->back = value;
}

/* What is new goes on to whoever takes it over, or is released. */
OURO_OWNED(node) right_make(void);
OURO_OWNED(node) right_make(void) {
  OURO_OWNED(node) made = ouro_new(&node_type);
  node *n = ouro_borrow(made);
  if (!n) return OURO_NULL;
  ouro_movref(&n->next, ouro_new(&node_type));
  look_at(n);
  return made;
}

void right_release(node *borrowed);
void right_release(node *borrowed) {
  OURO_OWNED(node) first = ouro_newref(borrowed);
  OURO_OWNED(node) second = ouro_xnewref(ouro_borrow(borrowed->next));
  ouro_decref(first);
  ouro_xdecref(second);
  take_over(ouro_newref(borrowed));
  take_over(ouro_steal(&borrowed->next));
  ouro_clear(&borrowed->next);
}

/* AUTO: released when the scope ends, unless it is stolen from. */
OURO_OWNED(node) right_auto(node *borrowed);
OURO_OWNED(node) right_auto(node *borrowed) {
  OURO_AUTO(node) held = ouro_newref(borrowed);
  OURO_AUTO(node) result = right_make();
  if (!ouro_borrow(result)) return OURO_NULL;
  look_at(ouro_borrow(held));
  return ouro_steal(&result);
}

static void when_gone(ouro_weak *weak, void *data, void *held) { (void)weak, (void)data, look_at(held); }
static void at_the_end(void *data, void *held) { (void)data, look_at(held); }

/* What weak references give is new. */
void right_weak(node *borrowed, node *other);
void right_weak(node *borrowed, node *other) {
  OURO_AUTO(ouro_weak) shared = ouro_weak_new(borrowed);
  OURO_AUTO(ouro_weak) its_own = ouro_weak_new_callback(borrowed, when_gone, NULL, other);
  OURO_AUTO(ouro_finalizer) finalizer = ouro_finalize(borrowed, at_the_end, NULL, other);
  if (!ouro_borrow(shared) || !ouro_borrow(its_own) || !ouro_borrow(finalizer)) return;
  OURO_AUTO(node) strong = ouro_weak_get(ouro_borrow(shared));
  if (ouro_borrow(strong)) look_at(ouro_borrow(strong));
}

void right_maps(node *key, node *value);
void right_maps(node *key, node *value) {
  OURO_AUTO(ouro_weak_keys) keys = ouro_weak_keys_new();
  OURO_AUTO(ouro_weak_values) values = ouro_weak_values_new();
  OURO_AUTO(node) found = OURO_NULL;
  if (!ouro_borrow(keys) || !ouro_borrow(values)) return;
  if (ouro_weak_keys_set(ouro_borrow(keys), key, value)) return;
  if (ouro_weak_keys_get(ouro_borrow(keys), key, &found)) look_at(ouro_borrow(found));
  if (ouro_weak_values_set(ouro_borrow(values), "name", 4, value)) return;
  ouro_movref(&found, ouro_weak_values_get(ouro_borrow(values), "name", 4));
}
