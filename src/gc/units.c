/* gc/units.c - the units that garbage lies in: a list that the collector walks over while the world goes on.
 *
 * They are pinned: their pools, and with them the bytes of state, stay where they are. A unit in this list is linked by next[0] and says
 * that it is in list 0, so that nobody who makes an object there puts it in the young list. When it is taken out it is put there, since
 * young objects may have been made meanwhile: whether there are some cannot be told while others make them. */
#include "gc/gc.h"

ouro__garbage_units ouro__garbage = {.first = OURO_UNIT_END, .last = OURO_UNIT_END, .unit = OURO_UNIT_END};

static bool holds(const ouro__side *side, uint8_t wanted) { return side->state && memchr(side->state, wanted, side->numbers); }

static void set_listed(size_t unit, unsigned bits) {
  atomic_fetch_or_explicit(&ouro__hot_sides[unit].listed, (uint8_t)bits, memory_order_relaxed);
}

static void clear_listed(size_t unit, unsigned bits) {
  atomic_fetch_and_explicit(&ouro__hot_sides[unit].listed, (uint8_t)~bits, memory_order_release); /* pairs with ouro__pool_is_pinned */
}

static void append(size_t unit) {
  ouro__hot_sides[unit].next[0] = OURO_UNIT_END;
  if (ouro__garbage.first == OURO_UNIT_END) {
    ouro__garbage.first = (uint32_t)unit;
  } else {
    ouro__hot_sides[ouro__garbage.last].next[0] = (uint32_t)unit;
  }
  ouro__garbage.last = (uint32_t)unit;
}

/* ---------------------------------------------------------------- with the world stopped */

/* To the young list, with the bit that says so. Whoever puts one there does the same (object.c); nobody takes one but
 * with the world stopped. */
static void push_young(size_t unit) {
  uint32_t first = ouro__load_relaxed(&ouro__units_listed[0]);
  do {
    ouro__hot_sides[unit].next[0] = first;
  } while (!atomic_compare_exchange_weak_explicit(&ouro__units_listed[0], &first, (uint32_t)unit, memory_order_release,
                                                  memory_order_relaxed));
}

static size_t take_list(unsigned list) {
  uint32_t first = ouro__load_relaxed(&ouro__units_listed[list]);
  ouro__store_relaxed(&ouro__units_listed[list], OURO_UNIT_END);
  return first;
}

/* It has been taken from the list: does it go back? Young objects there are by now only where a visit function has made
 * some, which it must not. */
static void put_back_young(size_t unit, bool trash) {
  clear_listed(unit, 1);
  if (trash || !holds(&ouro__hot_sides[unit], OURO_STATE_YOUNG)) return;
  set_listed(unit, 1);
  push_young(unit);
}

static void empty_young(void) {
  size_t unit = take_list(0), next;
  for (; unit != OURO_UNIT_END; unit = next) {
    next = ouro__hot_sides[unit].next[0];
    put_back_young(unit, holds(&ouro__hot_sides[unit], OURO_STATE_TRASH));
  }
}

static void empty_middle(void) {
  for (size_t unit = take_list(1); unit != OURO_UNIT_END; unit = ouro__hot_sides[unit].next[1]) clear_listed(unit, 2);
}

static void add_garbage(size_t unit) {
  set_listed(unit, 1 | OURO_SIDE_PINNED);
  append(unit);
}

static void gather_of_young(bool any) {
  size_t unit = take_list(0), next;
  for (; unit != OURO_UNIT_END; unit = next) {
    next = ouro__hot_sides[unit].next[0]; /* before its link leads on in the list of garbage */
    bool trash = any && holds(&ouro__hot_sides[unit], OURO_STATE_TRASH);
    put_back_young(unit, trash);
    if (trash) add_garbage(unit);
  }
}

static void gather_of_others(ouro__scope scope) {
  for (size_t unit = ouro__first_unit(scope); unit != OURO_UNIT_END; unit = ouro__next_unit(scope, unit)) {
    if (holds(&ouro__hot_sides[unit], OURO_STATE_TRASH)) add_garbage(unit);
  }
}

void ouro__gather_garbage(ouro__scope scope, bool any) {
  OURO_INVARIANT(ouro__garbage.first == OURO_UNIT_END);
  if (scope == OURO_SCOPE_YOUNG) {
    gather_of_young(any);
    return;
  }
  empty_young();
  if (any) gather_of_others(scope);
  empty_middle();
}

/* Not in the list any more. Where nobody else makes objects just now, it need not be young. */
static void let_go(size_t unit, bool nobody_else) {
  bool young = !nobody_else || holds(&ouro__hot_sides[unit], OURO_STATE_YOUNG);
  if (young) push_young(unit);
  clear_listed(unit, young ? OURO_SIDE_PINNED : 1 | OURO_SIDE_PINNED);
}

void ouro__gather_again(void) {
  uint32_t unit = ouro__garbage.first, next;
  ouro__garbage.first = ouro__garbage.last = OURO_UNIT_END;
  for (; unit != OURO_UNIT_END; unit = next) {
    next = ouro__hot_sides[unit].next[0];
    if (holds(&ouro__hot_sides[unit], OURO_STATE_TRASH)) {
      append(unit);
    } else {
      let_go(unit, true);
    }
  }
}

/* ---------------------------------------------------------------- while the world goes on, or with it stopped */

/* A bit for each of `count` bytes, a multiple of eight up to 64, that is OURO_STATE_TRASH. */
static uint64_t trash_bits(const uint8_t *state, unsigned count) {
  const uint64_t ones = UINT64_C(0x0101010101010101), low = ones * 0x7f;
  uint64_t bits = 0;
  for (unsigned i = 0; i < count; i += 8) {
    uint64_t eight = ouro__eight(state + i) ^ ones * OURO_STATE_TRASH;
    eight = ~(((eight & low) + low) | eight | low); /* the highest bit of each byte that was trash */
    bits |= ((eight >> 7) * UINT64_C(0x0102040810204080) >> 56) << i;
  }
  return bits;
}

static void set_states(const ouro__side *side, unsigned first, uint64_t bits, uint8_t then) {
  for (; bits; bits &= bits - 1) OURO__SET(side->state[first + ouro__ctz64(bits)], then);
}

static void take_bits(const ouro__side *side, uint8_t then) {
  for (unsigned first = 0; side->state && first < side->numbers; first += 64) {
    unsigned left = side->numbers - first;
    uint64_t bits = trash_bits(side->state + first, left < 64 ? left : 64);
    ouro__garbage.left[first / 64] = bits;
    set_states(side, first, bits, then);
  }
}

bool ouro__take_garbage_unit(uint8_t then) {
  uint32_t unit = ouro__garbage.first;
  ouro__garbage.unit = unit;
  ouro__garbage.word = 0;
  if (unit == OURO_UNIT_END) return false;
  memset(ouro__garbage.left, 0, sizeof ouro__garbage.left);
  take_bits(&ouro__hot_sides[unit], then);
  ouro__garbage.first = ouro__hot_sides[unit].next[0];
  if (then == OURO_STATE_MIDDLE) ouro__list_unit(unit, 1);
  bool alone = ouro__enter_alone();
  let_go(unit, alone || ouro__world_is_mine());
  if (alone) ouro__leave_alone();
  return true;
}

ouro_object *ouro__next_left(void) {
  if (ouro__garbage.unit == OURO_UNIT_END) return NULL;
  for (; ouro__garbage.word < OURO_SIDE_MOST / 64; ouro__garbage.word++) {
    uint64_t *bits = &ouro__garbage.left[ouro__garbage.word];
    if (!*bits) continue;
    unsigned number = ouro__garbage.word * 64 + ouro__ctz64(*bits);
    *bits &= *bits - 1;
    return ouro__object_at(ouro__garbage.unit, &ouro__hot_sides[ouro__garbage.unit], number);
  }
  ouro__garbage.unit = OURO_UNIT_END;
  return NULL;
}
