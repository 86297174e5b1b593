/* gc/count.c - the exact test: which objects of a set are garbage.
 *
 * An object's count is compared with the number of references to it that come from the set. Where the count is larger, somebody
 * outside holds it; what can be reached from those is held too; the rest is garbage. This is so for any set (CPython's algorithm, by
 * N. Schemenauer, 2000; the number in a byte beside the object instead of a copy of its count in it).
 *
 *   1. every member's byte becomes 0
 *   2. for each member, in the order of addresses: add 1 to the byte of each member that it refers to
 *   3. for each member, in the order of addresses, that was not reached yet: is its count above its byte? Then it is reached, and all
 *      that can be reached from it through members. Objects to be looked through next are fetched ahead (C. Cher, A. Hosking,
 *      T. Vijaykumar, "Software prefetching for mark-sweep garbage collection", 2004)
 *   4. every byte that is still a number is that of garbage
 *
 * The bytes are dense: of a million objects they fit in the second cache, where the objects do not. A number that does not fit in a
 * byte stays at OURO_STATE_MANY. What so many refer to is nearly always reached from one of them, and then its number does not matter;
 * for those that are not, the references from others that were not reached are counted again, in a table.
 *
 * Memory may be missing for the table, or for the stack of step 3. Then an object is held to be reached, or waits in the state
 * OURO_STATE_PENDING for another walk: garbage may stay, but what lives is never freed. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3") /* steps 1 and 4 shall be done with vectors */
#endif

#include "gc/mark.h"

/* ---------------------------------------------------------------- references, one by one */

static inline void count_reference(ouro__map m, const ouro_object *target) {
  uint8_t *state = ouro__state_in(m, target);
  if (state && *state <= OURO_STATE_MOST) ++*state;
}

static inline void count_run(ouro__map m, ouro_object *const *slot, size_t slots) {
  for (; slots; slots--, slot++) {
    if (*slot) count_reference(m, *slot);
  }
}

static void count_word(ouro_visitor *visitor, uintptr_t *word, void *object, uintptr_t empty) {
  (void)visitor;
  (void)word;
  (void)empty;
  count_reference(ouro__map_now(), object);
}

static inline void count_references(ouro__map m, ouro_object *object) {
  const ouro_type *type = ouro_type_of(object);
  unsigned traits = type->ouro__derived.flags;
  count_run(m, ouro__slot_at(object, type->ouro__derived.first), type->ouro__derived.slots);
  if (OURO_LIKELY(!(traits & OURO_D_SCATTERED))) return;
  if ((traits & OURO_D_SCATTERED) == OURO_D_ITEMS) {
    count_run(m, ouro__slot_at(object, type->size), ouro__items(object));
    return;
  }
  if ((traits & OURO_D_SCATTERED) == OURO_D_KEEPER) {
    count_reference(m, type->keeper);
    return;
  }
  ouro_visitor visitor = {count_word};
  ouro__visit_rest(object, &visitor);
}

/* ---------------------------------------------------------------- steps 1, 2, 4 */

void ouro__enter_set(ouro__scope scope, uint8_t lowest, uint8_t highest) {
  for (size_t unit = ouro__first_unit(scope); unit != OURO_UNIT_END; unit = ouro__next_unit(scope, unit)) {
    const ouro__side *side = &ouro__hot_sides[unit];
    uint8_t *state = side->state;
    unsigned numbers = state ? side->numbers : 0;
    for (unsigned i = 0; i < numbers; i++) state[i] = state[i] >= lowest && state[i] <= highest ? 0 : state[i];
  }
}

/* The members of eight numbers. */
static inline size_t count_eight(ouro__map m, char *first, size_t size, const uint8_t *state) {
  size_t members = 0;
  for (unsigned i = 0; i < 8; i++, first += size) {
    if (state[i] > OURO_STATE_PENDING) continue;
    ouro_object *object = (ouro_object *)(void *)first;
    if (OURO_UNLIKELY(!ouro__is_member(object))) continue;
    members++;
    count_references(m, object);
  }
  return members;
}

static OURO_NOINLINE size_t count_set(ouro__scope scope) {
  size_t members = 0;
  const ouro__map m = ouro__map_now();
  for (size_t unit = ouro__first_unit(scope); unit != OURO_UNIT_END; unit = ouro__next_unit(scope, unit)) {
    const ouro__side *side = &ouro__hot_sides[unit];
    const uint8_t *state = side->state, *end = state + (state ? side->numbers : 0);
    char *first = ouro__unit_start(unit);
    size_t size = side->size, found = 0;
    /* Eight bytes at once just after single ones of them were written: processors wait. So where there are members, the next eight are
     * looked at one by one. */
    for (; state < end; state += 8, first += size * 8) {
      if (!found && ouro__no_members(state)) continue;
      found = count_eight(m, first, size, state);
      members += found;
    }
  }
  return members;
}

static size_t leave_set(ouro__scope scope, uint8_t survivors) {
  size_t garbage = 0;
  for (size_t unit = ouro__first_unit(scope); unit != OURO_UNIT_END; unit = ouro__next_unit(scope, unit)) {
    const ouro__side *side = &ouro__hot_sides[unit];
    uint8_t *state = side->state;
    unsigned numbers = state ? side->numbers : 0, trash = 0, spared = 0;
    for (unsigned i = 0; i < numbers; i++) {
      uint8_t now = state[i], then = now == OURO_STATE_REACHED ? survivors : now;
      spared += now == OURO_STATE_REACHED;
      then = now <= OURO_STATE_MANY ? OURO_STATE_TRASH : then;
      trash += now <= OURO_STATE_MANY;
      state[i] = then;
    }
    garbage += trash;
    if (spared && survivors == OURO_STATE_MIDDLE) ouro__list_unit(unit, 1);
  }
  return garbage;
}

/* ---------------------------------------------------------------- step 3 */

enum { FETCHED_FROM = 100000 /* members: more are not in the cache */ };

static OURO_COLD void judge_stranger(ouro_object *object, uint8_t *state) {
  if (ouro__is_live(object)) {
    *state = OURO_STATE_UNTRACKED;
  } else if (*state) {
    ouro__fatal_object(OURO_FATAL_BAD_REFERENCE, object);
  } else {
    *state = OURO_STATE_NONE;
  }
}

/* What is deferred goes by a collection of all objects alone. */
static OURO_NOINLINE int64_t held_in(const ouro__marker *it, const ouro_object *object) {
  return ouro_is_deferred(object) && !it->full ? INT64_MAX : ouro__held(object);
}

static bool can_be_found(const ouro_object *object) { return ouro__has(object, OURO_WEAK) || object->ouro__shared & OURO_S_WATCHED; }

/* An object of the set that nothing has reached yet. */
static inline void judge(ouro__marker *it, ouro__map m, ouro_object *object, uint8_t *state) {
  if (OURO_UNLIKELY(!ouro__is_member(object))) {
    judge_stranger(object, state);
    return;
  }
  int64_t inside = *state, held = ouro__is_usual(object) ? ouro__held_usual(object) : held_in(it, object);
  bool many = inside == OURO_STATE_MANY; /* judged when all else has been */
  if (held == inside || OURO_UNLIKELY(many)) {
    it->many += many;
    it->traits |= ouro__traits(object);
    it->weak |= can_be_found(object);
    it->deferred |= ouro__owner(object) == OURO__DEFERRED;
    return;
  }
  if (OURO_UNLIKELY(held < inside)) ouro__fatal_object(OURO_FATAL_COUNT_TOO_SMALL, object);
  if (it->remember) ouro__remember_root(it, object);
  ouro__reach(it, object, state);
  ouro__drain(it, m, OURO__AHEAD / 2);
}

static void judge_pending(ouro__marker *it, ouro__map m, ouro_object *object, uint8_t *state) {
  *state = 0; /* what its number was is forgotten */
  ouro__reach(it, object, state);
  ouro__drain(it, m, OURO__AHEAD / 2);
}

static inline void mark_eight(ouro__marker *it, ouro__map m, char *first, size_t size, uint8_t *state) {
  for (unsigned i = 0; i < 8; i++, first += size) {
    if (state[i] > OURO_STATE_PENDING) continue;
    ouro_object *object = (ouro_object *)(void *)first;
    if (OURO_UNLIKELY(state[i] == OURO_STATE_PENDING)) {
      judge_pending(it, m, object, &state[i]);
    } else {
      judge(it, m, object, &state[i]);
    }
  }
}

static OURO_NOINLINE void mark_set(ouro__marker *it, ouro__scope scope) {
  const ouro__map m = ouro__map_now();
  for (size_t unit = ouro__first_unit(scope); unit != OURO_UNIT_END; unit = ouro__next_unit(scope, unit)) {
    const ouro__side *side = &ouro__hot_sides[unit];
    uint8_t *state = side->state, *end = state + (state ? side->numbers : 0);
    char *first = ouro__unit_start(unit);
    for (size_t size = side->size; state < end; state += 8, first += size * 8) {
      if (!ouro__no_members(state)) mark_eight(it, m, first, size, state);
    }
  }
  ouro__drain_all(it, m);
}

/* Where the stack could not grow, objects wait: as long as there are some, walk again. */
static void mark_pending(ouro__marker *it, ouro__scope scope) {
  const ouro__map m = ouro__map_now();
  while (it->pending) {
    it->pending = false;
    for (size_t unit = ouro__first_unit(scope); unit != OURO_UNIT_END; unit = ouro__next_unit(scope, unit)) {
      const ouro__side *side = &ouro__hot_sides[unit];
      for (unsigned i = 0; side->state && i < side->numbers; i++) {
        if (side->state[i] == OURO_STATE_PENDING) judge_pending(it, m, ouro__object_at(unit, side, i), &side->state[i]);
      }
    }
    ouro__drain_all(it, m);
  }
}

/* ---------------------------------------------------------------- numbers above what a byte holds */

static void count_many(ouro_visitor *visitor, uintptr_t *word, void *object, uintptr_t empty) {
  const uint8_t *state = ouro__state_in(ouro__map_now(), object);
  (void)word;
  (void)empty;
  if (state && *state == OURO_STATE_MANY) ouro__count_in((const ouro__numbers *)(const void *)visitor, state);
}

static void judge_many(ouro__marker *it, ouro__numbers *table, ouro_object *object, uint8_t *state) {
  if (*state != OURO_STATE_MANY) return;
  int64_t held = held_in(it, object), inside = table->entries ? (int64_t)ouro__number_of(table, state)->count : 0;
  if (held == inside) return;
  if (held < inside) ouro__fatal_object(OURO_FATAL_COUNT_TOO_SMALL, object);
  ouro__remember_root(it, object);
  ouro__reach(it, object, state);
}

/* Whatever refers to an object that was not reached was not reached either, if it is a member at all. */
static void mark_many(ouro__marker *it, ouro__scope scope) {
  if (!it->many) return;
  ouro__numbers table = ouro__numbers_for(it->many, count_many);
  if (table.entries) ouro__each_unreached(it, &table, scope, ouro__count_its_references);
  ouro__each_unreached(it, &table, scope, judge_many);
  ouro__drain_all(it, ouro__map_now());
  ouro_free(table.entries);
}

/* ---------------------------------------------------------------- the test */

ouro__verdict ouro__test(ouro__scope scope, bool full, uint8_t lowest, uint8_t highest, uint8_t survivors) {
  ouro__verdict verdict = {0};
  ouro__marker it;
  ouro__marker_start(&it);
  it.full = full;
  it.untrack = highest == OURO_STATE_YOUNG; /* not those that are just coming back */
  it.remember = it.untrack && lowest == OURO_STATE_OLD;
  ouro__enter_set(scope, lowest, highest);
  if (it.remember && ouro__shorter_way(&it)) {
    verdict.members = it.marked;
  } else if (it.remember) {
    ouro__longer_way_begins();
  }
  verdict.members += count_set(scope);
  it.fetch = verdict.members > FETCHED_FROM;
  mark_set(&it, scope);
  mark_pending(&it, scope);
  mark_many(&it, scope);
  mark_pending(&it, scope);
  verdict.garbage = leave_set(scope, survivors);
  verdict.traits = it.traits;
  verdict.weak = it.weak;
  verdict.deferred = it.deferred;
  ouro__marker_end(&it);
  return verdict;
}

/* The condemned become members again, so that what the pending ones reach can be told from the rest; the others are condemned anew. */
size_t ouro__spare(ouro__scope scope, uint8_t survivors) {
  ouro__marker it;
  ouro__marker_start(&it);
  ouro__enter_set(scope, OURO_STATE_TRASH, OURO_STATE_TRASH);
  it.pending = true;
  mark_pending(&it, scope);
  leave_set(scope, survivors);
  ouro__marker_end(&it);
  return it.marked;
}
