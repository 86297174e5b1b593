/* object/visit.c - the references of an object, in the order in which they are cleared: slots, the base's first; items; and what visit
 * functions show. */
#include "object/object.h"

static void visit_run(ouro_object *object, size_t first, size_t slots, ouro_visitor *visitor) {
  for (size_t i = 0; i < slots; i++) ouro_visit(visitor, ouro__slot_at(object, first + i * sizeof(void *)));
}

static void visit_functions(const ouro_type *type, ouro_object *object, ouro_visitor *visitor) {
  if (type->base) visit_functions(type->base, object, visitor);
  if (type->visit) type->visit(object, visitor);
}

void ouro__visit_rest(ouro_object *object, ouro_visitor *visitor) {
  const ouro_type *type = ouro_type_of(object);
  const ouro__slots *runs = type->ouro__derived.more;
  for (uint32_t i = 0; i < type->ouro__derived.runs; i++) visit_run(object, runs[i].first, runs[i].slots, visitor);
  if (type->ouro__derived.flags & OURO_D_ITEMS) visit_run(object, type->size, ouro__items(object), visitor);
  if (type->ouro__derived.flags & OURO_D_VISIT) visit_functions(type, object, visitor);
  if (type->ouro__derived.flags & OURO_D_KEEPER) visitor->visit(visitor, NULL, type->keeper, 0);
}

void ouro__visit_all(ouro_object *object, ouro_visitor *visitor) {
  const ouro_type *type = ouro_type_of(object);
  visit_run(object, type->ouro__derived.first, type->ouro__derived.slots, visitor);
  if (type->ouro__derived.flags & OURO_D_SCATTERED) ouro__visit_rest(object, visitor);
}

/* ---------------------------------------------------------------- clearing an object that others may reach
 *
 * What is released may run anything, which may change the object, and the array that a visit function is walking over. So slots are
 * emptied first, and what they held is released when the visit has returned; of many, in several visits, each of which finds the
 * slots of those before it empty. */

enum { FEW = 64 };

typedef struct taker {
  ouro_visitor visitor;
  void **taken;
  size_t count, room;
} taker;

static void take(ouro_visitor *visitor, uintptr_t *word, void *object, uintptr_t empty) {
  taker *state = (taker *)(void *)visitor;
  if (!word || state->count == state->room) return;
  *word = empty;
  state->taken[state->count++] = object;
}

void ouro__clear_all(ouro_object *object) {
  void *few[FEW], **many = NULL;
  taker state = {{take}, few, 0, FEW};
  for (;;) {
    state.count = 0;
    ouro__visit_all(object, &state.visitor);
    bool more = state.count == state.room;
    for (size_t i = 0; i < state.count; i++) ouro__release_ref(state.taken[i]);
    if (!more) break;
    /* More room makes fewer visits; where there is none, the last room will do. */
    void **larger = ouro_malloc(state.room * 8 * sizeof *larger);
    if (!larger) continue;
    ouro_free(many);
    many = state.taken = larger;
    state.room *= 8;
  }
  ouro_free(many);
}
