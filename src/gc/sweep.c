/* gc/sweep.c - plain garbage, whose going nobody can notice: freed in the order of addresses, without counting.
 *
 * All references to garbage come from garbage: they need not be counted down. First, references from garbage to anything else are
 * released, while all garbage is still in place; whatever that runs cannot reach any of it. Then the blocks are freed. */
#include "gc/gc.h"

static inline bool is_trash(const ouro_object *target) {
  const uint8_t *state = ouro__state(target);
  return state && *state == OURO_STATE_TRASH;
}

static inline void release_outside(ouro_object *target) {
  if (!is_trash(target)) ouro__release_ref(target);
}

static void release_word(ouro_visitor *visitor, uintptr_t *word, void *object, uintptr_t empty) {
  (void)visitor;
  (void)word;
  (void)empty;
  release_outside(object);
}

static inline void release_others(ouro_object *object, uint8_t *state, void *arg) {
  const ouro_type *type = ouro_type_of(object);
  ouro_object **slot = ouro__slot_at(object, type->ouro__derived.first);
  (void)state;
  (void)arg;
  for (uint32_t i = 0; i < type->ouro__derived.slots; i++) {
    if (slot[i]) release_outside(slot[i]);
  }
  if (OURO_LIKELY(!(type->ouro__derived.flags & OURO_D_SCATTERED))) return;
  ouro_visitor visitor = {release_word};
  ouro__visit_rest(object, &visitor);
}

static inline void free_it(ouro_object *object, uint8_t *state, void *arg) {
  *state = OURO_STATE_NONE;
  ++*(size_t *)arg;
  ouro__free_object(object);
}

void ouro__sweep(ouro__scope scope) {
  size_t freed = 0;
  ouro__each_in_state(scope, OURO_STATE_TRASH, release_others, NULL);
  ouro__each_in_state(scope, OURO_STATE_TRASH, free_it, &freed);
  ouro__at.made = (size_t)ouro__at.made > freed ? ouro__at.made - (int32_t)freed : 0;
}
