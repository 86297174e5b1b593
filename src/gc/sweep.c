/* gc/sweep.c - plain garbage, whose going nobody can notice: freed in the order of addresses, without counting.
 *
 * All references to garbage come from garbage: they need not be counted down. First, references from garbage to anything else are
 * released, while all garbage is still in place; whatever that runs cannot reach any of it. Then the blocks are freed, those of a unit
 * together. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3") /* bytes shall be looked at with vectors */
#endif

#include <string.h>

#include "gc/gc.h"

static inline void release_outside(ouro__map m, ouro_object *target) {
  const uint8_t *state = ouro__state_in(m, target);
  if (!state || *state != OURO_STATE_TRASH) ouro__release_ref(target);
}

static void release_word(ouro_visitor *visitor, uintptr_t *word, void *object, uintptr_t empty) {
  (void)visitor;
  (void)word;
  (void)empty;
  release_outside(ouro__map_now(), object);
}

static inline void release_run(ouro__map m, ouro_object *const *slot, size_t slots) {
  for (; slots; slots--, slot++) {
    if (*slot) release_outside(m, *slot);
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

/* Whatever runs meanwhile, a unit with garbage in it stays: none of that is freed yet. */
static OURO_NOINLINE void release_all(ouro__scope scope) {
  const ouro__map m = ouro__map_now();
  for (size_t unit = ouro__first_unit(scope); unit != OURO_UNIT_END; unit = ouro__next_unit(scope, unit)) {
    const ouro__side *side = &m.sides[unit];
    for (unsigned first = 0; side->state && first < side->numbers; first += 8) {
      if (ouro__none_of_eight(side->state + first, OURO_STATE_TRASH)) continue;
      const uint8_t *state = side->state;
      for (unsigned i = first; i < first + 8; i++) {
        if (state[i] == OURO_STATE_TRASH) release_others(m, ouro__object_at(unit, side, i));
      }
    }
  }
}

/* ---------------------------------------------------------------- freeing, unit by unit */

enum { FEW = 16 };

/* A bit for each of `count` bytes, a multiple of eight up to 64, that is OURO_STATE_TRASH. */
static uint64_t trash_bits(const uint8_t *state, unsigned count) {
  const uint64_t ones = UINT64_C(0x0101010101010101), low = ones * 0x7f;
  uint64_t bits = 0;
  for (unsigned i = 0; i < count; i += 8) {
    uint64_t eight;
    memcpy(&eight, state + i, 8);
    eight ^= ones * OURO_STATE_TRASH;
    eight = ~(((eight & low) + low) | eight | low); /* the highest bit of each byte that was trash */
    bits |= ((eight >> 7) * UINT64_C(0x0102040810204080) >> 56) << i;
  }
  return bits;
}

static size_t find_trash(const ouro__side *side, uint64_t *bits) {
  size_t found = 0;
  for (unsigned first = 0; first < side->numbers; first += 64) {
    unsigned left = side->numbers - first;
    bits[first / 64] = trash_bits(side->state + first, left < 64 ? left : 64);
    found += ouro__popcount64(bits[first / 64]);
  }
  return found;
}

static void free_one_by_one(size_t unit, const ouro__side *side) {
  for (unsigned i = 0; side->state && i < side->numbers; i++) {
    if (side->state[i] != OURO_STATE_TRASH) continue;
    side->state[i] = OURO_STATE_NONE;
    ouro__object_free_any(ouro__object_at(unit, side, i));
  }
}

static size_t free_trash_of(size_t unit, const ouro__side *side) {
  uint64_t bits[OURO_SIDE_MOST / 64];
  if (!side->state) return 0;
  size_t found = find_trash(side, bits);
  if (found >= FEW && side->size < OURO_SIDE_STEP) {
    for (unsigned i = 0; i < side->numbers; i++) {
      if (side->state[i] == OURO_STATE_TRASH) side->state[i] = OURO_STATE_NONE;
    }
    ouro__object_free_many(unit, bits);
  } else if (found) {
    free_one_by_one(unit, side);
  }
  return found;
}

void ouro__sweep(ouro__scope scope) {
  size_t freed = 0;
  ouro__sweeping = true;
  release_all(scope);
  ouro__sweeping = false;
  for (size_t unit = ouro__first_unit(scope), next; unit != OURO_UNIT_END; unit = next) {
    freed += free_trash_of(unit, &ouro__hot_sides[unit]);
    next = ouro__next_unit(scope, unit);
  }
  ouro__at.made = (size_t)ouro__at.made > freed ? ouro__at.made - (int32_t)freed : 0;
}
