/* gc/look.c - what programs may ask about tracked objects; freezing. */
#include "gc/gc.h"

/* ---------------------------------------------------------------- one object */

bool ouro_gc_is_tracked(const void *object) { return ouro__has(object, OURO_TRACKED); }
bool ouro_gc_is_finalized(const void *object) { return ouro__has(object, OURO_FINALIZED); }

void ouro_gc_untrack(void *object) {
  ouro_object *self = object;
  uint8_t *state = ouro__state(object);
  if (!ouro__attached() || !state || !ouro__has(self, OURO_TRACKED) || ouro_is_deferred(object)) return;
  uint8_t now = OURO__SEE(*state);
  ouro__clear_bit(self, OURO_TRACKED);
  if (now >= OURO_STATE_OLD || now == OURO_STATE_FROZEN) OURO__SET(*state, OURO_STATE_UNTRACKED);
}

int ouro_gc_track(void *object) {
  ouro_object *self = object;
  uint8_t *state = ouro__state(object);
  if (!ouro__attached()) return OURO_EPERM;
  if (!state || !(ouro__traits(self) & OURO_D_CONTAINER)) return OURO_EINVAL;
  if (ouro__has(self, OURO_TRACKED)) return OURO_OK;
  ouro__set_bit(self, OURO_TRACKED);
  OURO__SET(*state, OURO_STATE_YOUNG);
  ouro__list_unit(ouro__unit_number(object), 0);
  return OURO_OK;
}

/* ---------------------------------------------------------------- all of a kind */

typedef struct asking {
  ouro_object_fn visit;
  void *arg;
} asking;

static int each_while_stopped(uint8_t lowest, uint8_t highest, ouro_object_fn visit, void *arg) {
  for (size_t unit = ouro__first_unit(OURO_SCOPE_ALL); unit != OURO_UNIT_END; unit = ouro__next_unit(OURO_SCOPE_ALL, unit)) {
    const ouro__side *side = &ouro__hot_sides[unit];
    for (unsigned i = 0; side->state && i < side->numbers; i++) {
      uint8_t state = side->state[i];
      if (state < lowest || state > highest || state == OURO_STATE_UNTRACKED || state == OURO_STATE_NONE) continue;
      ouro_object *object = ouro__object_at(unit, side, i);
      if (!ouro__is_live(object) || !ouro__has(object, OURO_TRACKED)) continue;
      if (visit(object, arg)) return OURO_ESTOP;
    }
  }
  return OURO_OK;
}

/* Call `visit` for the tracked objects whose state lies between two; those that a running collection has condemned are hidden. */
static int each_tracked(uint8_t lowest, uint8_t highest, ouro_object_fn visit, void *arg) {
  int result = ouro__look_begin();
  if (result) return result;
  result = each_while_stopped(lowest, highest, visit, arg);
  ouro__look_end();
  return result;
}

int ouro_gc_get_objects(int generation, ouro_object_fn visit, void *arg) {
  if (generation < -1 || generation >= OURO_GENERATIONS || !visit) return OURO_EINVAL;
  if (generation < 0) return each_tracked(OURO_STATE_FROZEN, OURO_STATE_YOUNG, visit, arg);
  uint8_t wanted = (uint8_t)(OURO_STATE_YOUNG - generation);
  return each_tracked(wanted, wanted, visit, arg);
}

/* ---------------------------------------------------------------- references */

typedef struct referrers {
  ouro_visitor visitor; /* first: the visit function finds the rest by it */
  void *const *objects;
  size_t count;
  bool found;
  asking ask;
} referrers;

static void is_wanted(ouro_visitor *visitor, uintptr_t *word, void *object, uintptr_t empty) {
  referrers *it = (referrers *)(void *)visitor;
  (void)word;
  (void)empty;
  for (size_t i = 0; i < it->count && !it->found; i++) it->found = it->objects[i] == object;
}

static int show_if_it_refers(void *object, void *arg) {
  referrers *it = arg;
  it->found = false;
  ouro__visit_all(object, &it->visitor);
  return it->found ? it->ask.visit(object, it->ask.arg) : 0;
}

int ouro_gc_get_referrers(void *const *objects, size_t count, ouro_object_fn visit, void *arg) {
  referrers it = {{is_wanted}, objects, count, false, {visit, arg}};
  if (!visit || (count && !objects)) return OURO_EINVAL;
  return each_tracked(OURO_STATE_FROZEN, OURO_STATE_YOUNG, show_if_it_refers, &it);
}

typedef struct referents {
  ouro_visitor visitor;
  asking ask;
  bool stopped;
} referents;

static void show_referent(ouro_visitor *visitor, uintptr_t *word, void *object, uintptr_t empty) {
  referents *it = (referents *)(void *)visitor;
  (void)word;
  (void)empty;
  if (!it->stopped) it->stopped = it->ask.visit(object, it->ask.arg) != 0;
}

int ouro_gc_get_referents(void *const *objects, size_t count, ouro_object_fn visit, void *arg) {
  referents it = {{show_referent}, {visit, arg}, false};
  if (!visit || (count && !objects)) return OURO_EINVAL;
  int result = ouro__look_begin();
  if (result) return result;
  for (size_t i = 0; i < count && !it.stopped; i++) ouro__visit_all(objects[i], &it.visitor);
  ouro__look_end();
  return it.stopped ? OURO_ESTOP : OURO_OK;
}

/* ---------------------------------------------------------------- freezing */

static void change_all(uint8_t lowest, uint8_t highest, uint8_t to) {
  for (size_t unit = ouro__first_unit(OURO_SCOPE_ALL); unit != OURO_UNIT_END; unit = ouro__next_unit(OURO_SCOPE_ALL, unit)) {
    const ouro__side *side = &ouro__hot_sides[unit];
    for (unsigned i = 0; side->state && i < side->numbers; i++) {
      if (side->state[i] >= lowest && side->state[i] <= highest) side->state[i] = to;
    }
  }
}

int ouro_gc_freeze(void) {
  int result = ouro__look_begin();
  if (result) return result;
  change_all(OURO_STATE_OLD, OURO_STATE_YOUNG, OURO_STATE_FROZEN);
  ouro__set_made_of_all(0);
  ouro__store_relaxed(&ouro__gc.count[1], 0);
  ouro__store_relaxed(&ouro__gc.count[2], 0);
  ouro__look_end();
  return OURO_OK;
}

int ouro_gc_unfreeze(void) {
  int result = ouro__look_begin();
  if (result) return result;
  change_all(OURO_STATE_FROZEN, OURO_STATE_FROZEN, OURO_STATE_OLD);
  ouro__look_end();
  return OURO_OK;
}

static int add_one(void *object, void *arg) {
  (void)object;
  ++*(size_t *)arg;
  return 0;
}

size_t ouro_gc_get_freeze_count(void) {
  size_t count = 0;
  each_tracked(OURO_STATE_FROZEN, OURO_STATE_FROZEN, add_one, &count);
  return count;
}
