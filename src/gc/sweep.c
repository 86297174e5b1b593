/* gc/sweep.c - plain garbage, whose going nobody can notice: freed in the order of addresses, without counting.
 *
 * All references to garbage come from garbage: they need not be counted down. First, references from garbage to anything else are
 * released, while all garbage is still in place; whatever that runs, here or in other threads, cannot reach any of it. Then the blocks are
 * freed, those of a unit together. A child of fork finds it at any point in between: what is not yet dead has only references that are
 * still to be released. */
#include <string.h>

#include "gc/gc.h"

static inline bool is_outside(ouro__map m, ouro_object *target) {
  const uint8_t *state = ouro__state_in(m, target);
  return !state || OURO__SEE(*state) != OURO_STATE_TRASH;
}

static void release_word(ouro_visitor *visitor, uintptr_t *word, void *object, uintptr_t empty) {
  (void)visitor;
  if (!is_outside(ouro__map_now(), object)) return;
  *word = empty;
  ouro__release_ref(object);
}

static inline void release_run(ouro__map m, ouro_object **slot, size_t slots) {
  for (; slots; slots--, slot++) {
    ouro_object *target = *slot;
    if (!target || !is_outside(m, target)) continue;
    *slot = NULL;
    ouro__release_ref(target);
  }
}

/* It is dead from then on. */
static inline void release_others(ouro__map m, ouro_object *object) {
  const ouro_type *type = ouro_type_of(object);
  unsigned scattered = type->ouro__derived.flags & OURO_D_SCATTERED;
  release_run(m, ouro__slot_at(object, type->ouro__derived.first), type->ouro__derived.slots);
  if (scattered == OURO_D_ITEMS) {
    release_run(m, ouro__slot_at(object, type->size), ouro__items(object));
  } else if (OURO_UNLIKELY(scattered)) {
    ouro_visitor visitor = {release_word};
    ouro__visit_rest(object, &visitor);
  }
  ouro__set_owner(object, OURO__NOBODY);
}

/* Between two units, others may stop the world. */
static inline void pause(void) {
  if (OURO_UNLIKELY(ouro__load_relaxed(&ouro__stop_wanted))) ouro__stop_point(NULL);
  ouro__gc_progress();
}

static OURO_NOINLINE void release_all(void) {
  const ouro__map m = ouro__map_now();
  for (size_t unit = ouro__garbage.first; unit != OURO_UNIT_END; unit = m.sides[unit].next[0]) {
    const ouro__side *side = &m.sides[unit];
    const uint8_t *state = side->state;
    for (unsigned first = 0; state && first < side->numbers; first += 8) {
      if (ouro__none_of_eight(state + first, OURO_STATE_TRASH)) continue;
      for (unsigned i = first; i < first + 8; i++) {
        if (OURO__SEE(state[i]) != OURO_STATE_TRASH) continue;
        ouro_object *object = ouro__object_at(unit, side, i);
        if (OURO_LIKELY(ouro__is_live(object))) release_others(m, object);
      }
    }
    pause();
  }
}

/* ---------------------------------------------------------------- freeing, unit by unit */

enum { FEW = 16 };

static size_t count_left(void) {
  size_t count = 0;
  for (unsigned word = 0; word < OURO_SIDE_MOST / 64; word++) count += ouro__popcount64(ouro__garbage.left[word]);
  return count;
}

/* Of the unit that was taken. */
static size_t free_left(void) {
  size_t found = count_left(), unit = ouro__garbage.unit;
  bool many = found >= FEW && ouro__hot_sides[unit].size < OURO_SIDE_STEP;
  if (many) ouro__garbage.unit = OURO_UNIT_END; /* not to be freed once more, whatever happens meanwhile */
  if (many && ouro__object_free_many(unit, ouro__garbage.left)) return found;
  ouro__garbage.unit = (uint32_t)unit;
  for (ouro_object *object = ouro__next_left(); object; object = ouro__next_left()) ouro__object_free_any(object);
  return found;
}

void ouro__sweep(void) {
  size_t freed = 0;
  ouro__store_relaxed(&ouro__garbage.stage, OURO_STAGE_SWEPT);
  ouro__store_relaxed(&ouro__sweeping, true);
  ouro__world_start();
  for (ouro_object *object = ouro__next_left(); object; object = ouro__next_left()) ouro__object_free_any(object); /* of before a fork */
  release_all();
  while (ouro__take_garbage_unit(OURO_STATE_NONE)) {
    freed += free_left();
    pause();
  }
  ouro__store_relaxed(&ouro__sweeping, false);
  ouro__store_relaxed(&ouro__garbage.stage, OURO_STAGE_NONE);
  int32_t made = OURO__SEE(ouro__at.made);
  OURO__SET(ouro__at.made, (size_t)made > freed ? made - (int32_t)freed : 0);
}
