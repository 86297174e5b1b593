/* gc/mark.c - the parts of marking that need not be fast. */
#include "gc/mark.h"

ouro__numbers ouro__numbers_for(size_t count, ouro_visit_fn visit) {
  size_t places = 16;
  while (places < count * 2) places *= 2;
  return (ouro__numbers){{visit}, ouro_calloc(places, sizeof(ouro__number)), places - 1};
}

ouro__number *ouro__number_of(const ouro__numbers *it, const uint8_t *state) {
  size_t at = (size_t)((uint64_t)(uintptr_t)state * UINT64_C(0x9e3779b97f4a7c15) >> 24) & it->mask;
  while (it->entries[at].state && it->entries[at].state != state) at = (at + 1) & it->mask;
  return &it->entries[at];
}

void ouro__count_in(const ouro__numbers *it, const uint8_t *state) {
  ouro__number *entry = ouro__number_of(it, state);
  entry->state = state;
  entry->count++;
}

/* ---------------------------------------------------------------- the stack */

static bool grow(ouro__marker *it) {
  ouro__reached *stack = ouro_malloc(it->room * 2 * sizeof *stack);
  if (!stack) return false;
  memcpy(stack, it->stack, it->depth * sizeof *stack);
  if (it->stack != it->first_stack) ouro_free(it->stack);
  it->stack = stack;
  it->room *= 2;
  return true;
}

void ouro__put_on_stack(ouro__marker *it, ouro__reached one, uint8_t *state) {
  if (OURO_UNLIKELY(it->depth == it->room) && !grow(it)) {
    *state = OURO_STATE_PENDING;
    it->pending = true;
    return;
  }
  it->stack[it->depth++] = one;
}

static void reach_word(ouro_visitor *visitor, uintptr_t *word, void *object, uintptr_t empty) {
  (void)word;
  (void)empty;
  ouro__reach_reference((ouro__marker *)(void *)visitor, ouro__map_now(), object);
}

void ouro__marker_start(ouro__marker *it) {
  it->visitor.visit = reach_word;
  it->stack = it->first_stack;
  it->depth = it->marked = it->many = 0;
  it->room = OURO__STACK_FIRST;
  it->fetch = true;
  it->full = false;
  it->pending = it->untrack = it->weak = it->deferred = it->remember = false;
  it->known = NULL;
  it->first = it->waiting = it->traits = 0;
}

void ouro__marker_end(ouro__marker *it) {
  if (it->stack != it->first_stack) ouro_free(it->stack);
}

static inline ouro__reached take_fetched(ouro__marker *it) {
  ouro__reached one = it->fetched[it->first];
  it->first = (it->first + 1) % OURO__AHEAD;
  it->waiting--;
  if (OURO_UNLIKELY(it->depth != 0)) { /* its place is free */
    ouro__reached next = it->stack[--it->depth];
    OURO_PREFETCH_WRITE(ouro__reached_object(next));
    it->fetched[(it->first + it->waiting++) % OURO__AHEAD] = next;
  }
  return one;
}

void ouro__drain_queue(ouro__marker *it, unsigned leave) {
  const ouro__map m = ouro__map_now();
  do {
    while (it->waiting > leave) ouro__look_through(it, m, take_fetched(it));
    while (!it->fetch && it->depth) ouro__look_through(it, m, it->stack[--it->depth]);
  } while (it->waiting > leave);
}

void ouro__drain_all(ouro__marker *it, ouro__map m) {
  ouro__drain(it, m, 0);
  OURO_INVARIANT(it->depth == 0 && it->waiting == 0);
}

/* ---------------------------------------------------------------- single objects */

typedef struct search {
  ouro_visitor visitor;
  size_t shown;
  bool found;
} search;

static void find_tracked(ouro_visitor *visitor, uintptr_t *word, void *object, uintptr_t empty) {
  search *it = (search *)(void *)visitor;
  (void)word;
  (void)empty;
  it->shown++;
  if (ouro__has(object, OURO_TRACKED)) it->found = true;
}

/* How many slots there are, as far as can be told: of a visit function, one at least. */
static size_t slots_of(const ouro_object *object) {
  const ouro_type *type = ouro_type_of(object);
  const ouro__slots *more = type->ouro__derived.more;
  size_t count = type->ouro__derived.slots;
  for (uint32_t i = 0; i < type->ouro__derived.runs; i++) count += more[i].slots;
  if (type->ouro__derived.flags & OURO_D_ITEMS) count += ouro__items(object);
  return count + (type->ouro__derived.flags & OURO_D_VISIT ? 1 : 0) + (type->ouro__derived.flags & OURO_D_KEEPER ? 1 : 0);
}

/* What never changes and holds nothing that is watched can be in no cycle. An empty slot may still be filled: the object is being made.
 * What is deferred must stay in sight. */
void ouro__untrack_if_harmless(ouro_object *object, uint8_t *state) {
  search it = {{find_tracked}, 0, false};
  if (ouro_is_deferred(object) || ouro__traits(object) & OURO_D_KEPT) return;
  ouro__visit_all(object, &it.visitor);
  if (it.found || it.shown < slots_of(object)) return;
  object->ouro__word &= ~(uint64_t)OURO_TRACKED;
  *state = OURO_STATE_UNTRACKED;
}

/* Not all that is reached is counted as usual. */
void ouro__count_must_be(const ouro_object *object, uint64_t least) {
  if (ouro__held(object) < (int64_t)least) ouro__fatal_object(OURO_FATAL_COUNT_TOO_SMALL, object);
}

/* What was reached is untracked, or even dead. */
void ouro__look_at_stranger(ouro_object *object) {
  if (!ouro__is_live(object)) ouro__fatal_object(OURO_FATAL_BAD_REFERENCE, object);
  *ouro__state_in(ouro__map_now(), object) = OURO_STATE_UNTRACKED;
}

/* ---------------------------------------------------------------- what was not ouro__reached */

void ouro__each_unreached(ouro__marker *it, ouro__numbers *table, ouro__scope scope, ouro__unreached_fn fn) {
  for (size_t unit = ouro__first_unit(scope); unit != OURO_UNIT_END; unit = ouro__next_unit(scope, unit)) {
    const ouro__side *side = &ouro__hot_sides[unit];
    for (unsigned i = 0; side->state && i < side->numbers; i++) {
      if (i % 8 == 0 && ouro__no_members(side->state + i)) {
        i += 7;
        continue;
      }
      ouro_object *object = ouro__object_at(unit, side, i);
      if (side->state[i] <= OURO_STATE_MANY && ouro__is_member(object)) fn(it, table, object, &side->state[i]);
    }
  }
}

void ouro__count_its_references(ouro__marker *it, ouro__numbers *table, ouro_object *object, uint8_t *state) {
  (void)it;
  (void)state;
  ouro__visit_all(object, &table->visitor);
}
