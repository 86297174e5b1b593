/* gc/known.c - a shorter way to test all objects.
 *
 * Most of what was held from outside at the last collection of all still is. So mark from there at once, and count, on the way, only the
 * references to those few. If each of them turns out to be held from outside again, all that was marked lives, and every reference has
 * been looked at once instead of twice. What was not marked, new roots and garbage, is left for the test as always: nothing that lives
 * refers to it. If one of them is not held any more, nothing is known, and the test is done on all.
 *
 * The usual test also notices counts that are too small; so it has its turn now and then. All of it with the world stopped. */
#include "gc/mark.h"

enum { SHORT_IN_A_ROW = 3, KNOWN_MOST = 65536 };

static struct {
  ouro_object **roots; /* what was held from outside; it may be dead by now, or another object */
  size_t count, room;
  unsigned turns;      /* how often the shorter way may still be tried */
  bool in_vain;        /* it was, the last time */
} known;

void ouro__remember_root(ouro__marker *it, ouro_object *object) {
  if (!it->remember) return;
  if (known.count == known.room) {
    size_t room = known.room ? known.room * 2 : 256;
    ouro_object **roots = room <= KNOWN_MOST ? ouro_realloc(known.roots, room * sizeof *roots) : NULL;
    if (!roots) { /* too many to be worth it */
      it->remember = false;
      known.count = 0;
      return;
    }
    known.roots = roots;
    known.room = room;
  }
  known.roots[known.count++] = object;
}

/* The byte of a member that is still where it was. */
static uint8_t *state_of_known(ouro__map m, const ouro_object *object) {
  size_t unit = ouro__unit_number(object);
  const ouro__side *side = &m.sides[unit];
  uint8_t *state = ouro__state_in(m, object);
  if (!state || *state != 0 || ouro__object_at(unit, side, (unsigned)(state - side->state)) != object) return NULL;
  return ouro__is_member(object) ? state : NULL;
}

static void take_known(ouro__numbers *table, ouro__map m) {
  size_t kept = 0;
  for (size_t i = 0; i < known.count; i++) {
    uint8_t *state = state_of_known(m, known.roots[i]);
    if (!state) continue;
    *state = OURO_STATE_KNOWN;
    ouro__number_of(table, state)->state = state;
    known.roots[kept++] = known.roots[i];
  }
  known.count = kept;
}

static bool all_are_held(const ouro__numbers *table, ouro__map m) {
  for (size_t i = 0; i < known.count; i++) {
    uint8_t *state = ouro__state_in(m, known.roots[i]);
    int64_t inside = (int64_t)ouro__number_of(table, state)->count, held = ouro__held(known.roots[i]);
    if (held < inside) ouro__fatal_object(OURO_FATAL_COUNT_TOO_SMALL, known.roots[i]);
    if (held == inside) return false;
    *state = OURO_STATE_REACHED;
  }
  return true;
}

static void count_known(ouro_visitor *visitor, uintptr_t *word, void *object, uintptr_t empty) {
  const uint8_t *state = ouro__state_in(ouro__map_now(), object);
  (void)word;
  (void)empty;
  if (state && *state == OURO_STATE_KNOWN) ouro__count_in((const ouro__numbers *)(const void *)visitor, state);
}

static bool mark_from_known(ouro__marker *it, ouro__numbers *table) {
  const ouro__map m = ouro__map_now();
  take_known(table, m);
  it->known = table;
  for (size_t i = 0; i < known.count && !it->pending; i++) {
    ouro__look_through(it, m, ouro__reached_with(known.roots[i], 0));
    ouro__drain(it, m, OURO__AHEAD / 2);
  }
  ouro__drain_all(it, m);
  if (!it->pending) ouro__each_unreached(it, table, OURO_SCOPE_ALL, ouro__count_its_references);
  it->known = NULL;
  return !it->pending && all_are_held(table, m);
}

/* All that lives by what is known is reached; false: it did not work out, and every member is as at first. */
bool ouro__shorter_way(ouro__marker *it) {
  if (!known.turns || !known.count) return false;
  ouro__numbers table = ouro__numbers_for(known.count, count_known);
  if (!table.entries) return false;
  bool done = mark_from_known(it, &table);
  ouro_free(table.entries);
  known.turns = done ? known.turns - 1 : 0;
  known.in_vain = !done;
  if (done) return true;
  ouro__enter_set(OURO_SCOPE_ALL, 0, OURO_STATE_REACHED);
  it->pending = false;
  it->marked = 0;
  return false;
}

void ouro__longer_way_begins(void) {
  known.count = 0;
  known.turns = known.in_vain ? 0 : SHORT_IN_A_ROW;
  known.in_vain = false;
}
