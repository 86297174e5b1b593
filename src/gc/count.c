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

#include <string.h>

#include "gc/gc.h"

/* ---------------------------------------------------------------- references, one by one */

static inline void count_reference(ouro__map m, const ouro_object *target) {
  uint8_t *state = ouro__state_in(m, target);
  if (!state) return;
  if (*state <= OURO_STATE_MOST) ++*state;
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
  ouro_visitor visitor = {count_word};
  ouro__visit_rest(object, &visitor);
}

/* ---------------------------------------------------------------- steps 1, 2, 4 */

static void enter_set(ouro__scope scope, uint8_t lowest, uint8_t highest) {
  for (size_t unit = ouro__first_unit(scope); unit != OURO_UNIT_END; unit = ouro__next_unit(scope, unit)) {
    const ouro__side *side = &ouro__hot_sides[unit];
    uint8_t *state = side->state;
    unsigned numbers = state ? side->numbers : 0;
    for (unsigned i = 0; i < numbers; i++) state[i] = state[i] >= lowest && state[i] <= highest ? 0 : state[i];
  }
}

#define OWNER_MASK (UINT64_C(0xffff) << OURO_OWNER_SHIFT)
#define USUAL ((uint64_t)OURO_FIRST_THREAD << OURO_OWNER_SHIFT | OURO_TRACKED)

/* Of the thread, and tracked: nearly all. */
static inline bool is_usual(const ouro_object *object) { return OURO_LIKELY((object->ouro__word & (OWNER_MASK | OURO_TRACKED)) == USUAL); }

static inline bool is_member(const ouro_object *object) {
  return is_usual(object) || (ouro__is_live(object) && ouro__has(object, OURO_TRACKED));
}

/* The members of eight numbers. */
static inline size_t count_eight(ouro__map m, char *first, size_t size, const uint8_t *state) {
  size_t members = 0;
  for (unsigned i = 0; i < 8; i++, first += size) {
    if (state[i] > OURO_STATE_PENDING) continue;
    ouro_object *object = (ouro_object *)(void *)first;
    if (OURO_UNLIKELY(!is_member(object))) continue;
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

/* ---------------------------------------------------------------- numbers that are not in a byte */

typedef struct number {
  const uint8_t *state; /* NULL: free */
  uint64_t count;
} number;

/* Open addressing; at most half full, since it is made for as many as there are. */
typedef struct numbers {
  ouro_visitor visitor; /* first: a visit function finds the table by it */
  number *entries;      /* NULL: there is no memory */
  size_t mask;
} numbers;

static numbers numbers_for(size_t count, ouro_visit_fn visit) {
  size_t places = 16;
  while (places < count * 2) places *= 2;
  return (numbers){{visit}, ouro_calloc(places, sizeof(number)), places - 1};
}

static number *number_of(const numbers *it, const uint8_t *state) {
  size_t at = (size_t)((uint64_t)(uintptr_t)state * UINT64_C(0x9e3779b97f4a7c15) >> 24) & it->mask;
  while (it->entries[at].state && it->entries[at].state != state) at = (at + 1) & it->mask;
  return &it->entries[at];
}

static void count_in(const numbers *it, const uint8_t *state) {
  number *entry = number_of(it, state);
  entry->state = state;
  entry->count++;
}

/* ---------------------------------------------------------------- step 3 */

enum { AHEAD = 16, STACK_FIRST = 512, FETCHED_FROM = 100000 };

typedef uint64_t reached;

typedef struct marker {
  ouro_visitor visitor; /* first: the visit function finds the marker by it */
  reached *stack;
  size_t depth, room;
  bool full;            /* all objects are looked at */
  bool fetch;           /* the set is larger than the cache */
  bool pending;         /* some object is OURO_STATE_PENDING */
  size_t marked;
  bool remember;        /* what is held from outside, for the next time */
  const numbers *known; /* references to these are counted on the way; or NULL */
  size_t many;          /* objects with too many references for a byte, not reached when they were looked at */
  bool untrack;         /* immutable objects that hold nothing tracked */
  unsigned traits;      /* of the types of all that were not reached when they were looked at */
  bool weak;            /* there are weak references to some of these */
  unsigned first, waiting; /* of the queue, and how many are in it */
  reached fetched[AHEAD];
  reached first_stack[STACK_FIRST];
} marker;

static OURO_NOINLINE bool grow(marker *it) {
  reached *stack = ouro_malloc(it->room * 2 * sizeof *stack);
  if (!stack) return false;
  memcpy(stack, it->stack, it->depth * sizeof *stack);
  if (it->stack != it->first_stack) ouro_free(it->stack);
  it->stack = stack;
  it->room *= 2;
  return true;
}

/* An object that was reached, and the number of references that was counted for it, which its count must not be below. */
static inline reached reached_with(ouro_object *object, uint8_t inside) { return (uint64_t)inside << 56 | (uintptr_t)object; }
static inline ouro_object *object_of(reached it) { return (ouro_object *)(uintptr_t)(it & UINT64_MAX >> 8); }

static OURO_NOINLINE void put_on_stack(marker *it, reached one, uint8_t *state) {
  if (OURO_UNLIKELY(it->depth == it->room) && !grow(it)) {
    *state = OURO_STATE_PENDING;
    it->pending = true;
    return;
  }
  it->stack[it->depth++] = one;
}

/* To be looked through: soon, and fetched meanwhile, or, where many wait already, later. A set that is in the cache need not be fetched. */
static inline void reach(marker *it, ouro_object *object, uint8_t *state) {
  reached one = reached_with(object, *state);
  *state = OURO_STATE_REACHED;
  if (!it->fetch && OURO_LIKELY(it->depth < it->room)) {
    it->stack[it->depth++] = one;
  } else if (OURO_LIKELY(it->waiting < AHEAD)) {
    OURO_PREFETCH_WRITE(object);
    it->fetched[(it->first + it->waiting++) % AHEAD] = one;
  } else {
    put_on_stack(it, one, state);
  }
}

static inline void reach_reference(marker *it, ouro__map m, ouro_object *target) {
  uint8_t *state = ouro__state_in(m, target);
  if (!state) return;
  if (*state <= OURO_STATE_MANY) {
    reach(it, target, state);
  } else if (OURO_UNLIKELY(*state == OURO_STATE_KNOWN)) {
    count_in(it->known, state);
  }
}

static inline void reach_run(marker *it, ouro__map m, ouro_object *const *slot, size_t slots) {
  for (; slots; slots--, slot++) {
    if (*slot) reach_reference(it, m, *slot);
  }
}

static void reach_word(ouro_visitor *visitor, uintptr_t *word, void *object, uintptr_t empty) {
  (void)word;
  (void)empty;
  reach_reference((marker *)(void *)visitor, ouro__map_now(), object);
}

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
  return count + (type->ouro__derived.flags & OURO_D_VISIT ? 1 : 0);
}

/* What never changes and holds nothing that is watched can be in no cycle. An empty slot may still be filled: the object is being made.
 * What is deferred must stay in sight. */
static OURO_NOINLINE void untrack_if_harmless(ouro_object *object, uint8_t *state) {
  search it = {{find_tracked}, 0, false};
  if (ouro_is_deferred(object) || ouro__traits(object) & OURO_D_KEPT) return;
  ouro__visit_all(object, &it.visitor);
  if (it.found || it.shown < slots_of(object)) return;
  object->ouro__word &= ~(uint64_t)OURO_TRACKED;
  *state = OURO_STATE_UNTRACKED;
}

/* It was reached, and is untracked, or even dead. */
static OURO_COLD void look_at_stranger(ouro_object *object) {
  if (!ouro__is_live(object)) ouro__fatal_object(OURO_FATAL_BAD_REFERENCE, object);
  *ouro__state_in(ouro__map_now(), object) = OURO_STATE_UNTRACKED;
}

static inline void look_through(marker *it, ouro__map m, reached one) {
  ouro_object *object = object_of(one);
  if (OURO_UNLIKELY(!is_member(object))) {
    look_at_stranger(object);
    return;
  }
  if (OURO_UNLIKELY(object->ouro__count < one >> 56) && !ouro_is_immortal(object)) {
    ouro__fatal_object(OURO_FATAL_COUNT_TOO_SMALL, object);
  }
  const ouro_type *type = ouro_type_of(object);
  unsigned traits = type->ouro__derived.flags;
  it->marked++;
  reach_run(it, m, ouro__slot_at(object, type->ouro__derived.first), type->ouro__derived.slots);
  if (OURO_LIKELY(!(traits & (OURO_D_SCATTERED | OURO_D_IMMUTABLE)))) return;
  if (traits & OURO_D_IMMUTABLE && it->untrack) untrack_if_harmless(object, ouro__state_in(m, object));
  if ((traits & OURO_D_SCATTERED) == OURO_D_ITEMS) {
    reach_run(it, m, ouro__slot_at(object, type->size), ouro__items(object));
  } else if (traits & OURO_D_SCATTERED) {
    ouro__visit_rest(object, &it->visitor);
  }
}

static inline reached take_fetched(marker *it) {
  reached one = it->fetched[it->first];
  it->first = (it->first + 1) % AHEAD;
  it->waiting--;
  if (OURO_UNLIKELY(it->depth != 0)) { /* its place is free */
    reached next = it->stack[--it->depth];
    OURO_PREFETCH_WRITE(object_of(next));
    it->fetched[(it->first + it->waiting++) % AHEAD] = next;
  }
  return one;
}

/* Look through what waits, as long as it is more than the queue holds with ease. */
static inline void drain(marker *it, ouro__map m, unsigned leave) {
  if (it->fetch) {
    while (it->waiting > leave) look_through(it, m, take_fetched(it));
    return;
  }
  for (;;) { /* what the stack has no room for is in the queue */
    while (it->depth) look_through(it, m, it->stack[--it->depth]);
    if (!it->waiting) return;
    look_through(it, m, take_fetched(it));
  }
}

/* All of it. */
static void drain_all(marker *it, ouro__map m) {
  drain(it, m, 0);
  OURO_INVARIANT(it->depth == 0 && it->waiting == 0);
}

static OURO_COLD void judge_stranger(ouro_object *object, uint8_t *state) {
  if (ouro__is_live(object)) {
    *state = OURO_STATE_UNTRACKED;
  } else if (*state) {
    ouro__fatal_object(OURO_FATAL_BAD_REFERENCE, object);
  } else {
    *state = OURO_STATE_NONE;
  }
}

static void remember_root(marker *it, ouro_object *object);

/* What is deferred goes by a collection of all objects alone. */
static OURO_NOINLINE uint32_t held_in(const marker *it, const ouro_object *object) {
  return ouro_is_deferred(object) && !it->full ? UINT32_MAX : ouro__held(object);
}

/* An object of the set that nothing has reached yet. */
static inline void judge(marker *it, ouro__map m, ouro_object *object, uint8_t *state) {
  if (OURO_UNLIKELY(!is_member(object))) {
    judge_stranger(object, state);
    return;
  }
  uint32_t inside = *state, held = is_usual(object) ? object->ouro__count : held_in(it, object);
  if (OURO_UNLIKELY(inside == OURO_STATE_MANY)) { /* not now */
    it->many++;
    it->traits |= ouro__traits(object);
    it->weak |= ouro__has(object, OURO_WEAK);
    return;
  }
  if (held == inside) {
    it->traits |= ouro__traits(object);
    it->weak |= ouro__has(object, OURO_WEAK);
    return;
  }
  if (OURO_UNLIKELY(held < inside)) ouro__fatal_object(OURO_FATAL_COUNT_TOO_SMALL, object);
  if (it->remember) remember_root(it, object);
  reach(it, object, state);
  drain(it, m, AHEAD / 2);
}

static void start(marker *it) {
  it->visitor.visit = reach_word;
  it->stack = it->first_stack;
  it->depth = it->marked = it->many = 0;
  it->room = STACK_FIRST;
  it->fetch = true;
  it->full = false;
  it->pending = it->untrack = it->weak = it->remember = false;
  it->known = NULL;
  it->first = it->waiting = it->traits = 0;
}

static void judge_pending(marker *it, ouro__map m, ouro_object *object, uint8_t *state) {
  *state = 0; /* what its number was is forgotten */
  reach(it, object, state);
  drain(it, m, AHEAD / 2);
}

static inline void mark_eight(marker *it, ouro__map m, char *first, size_t size, uint8_t *state) {
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

static OURO_NOINLINE void mark_set(marker *it, ouro__scope scope) {
  const ouro__map m = ouro__map_now();
  for (size_t unit = ouro__first_unit(scope); unit != OURO_UNIT_END; unit = ouro__next_unit(scope, unit)) {
    const ouro__side *side = &ouro__hot_sides[unit];
    uint8_t *state = side->state, *end = state + (state ? side->numbers : 0);
    char *first = ouro__unit_start(unit);
    for (size_t size = side->size; state < end; state += 8, first += size * 8) {
      if (!ouro__no_members(state)) mark_eight(it, m, first, size, state);
    }
  }
  drain_all(it, m);
}

/* Where the stack could not grow, objects wait: as long as there are some, walk again. */
static void mark_pending(marker *it, ouro__scope scope) {
  const ouro__map m = ouro__map_now();
  while (it->pending) {
    it->pending = false;
    for (size_t unit = ouro__first_unit(scope); unit != OURO_UNIT_END; unit = ouro__next_unit(scope, unit)) {
      const ouro__side *side = &ouro__hot_sides[unit];
      for (unsigned i = 0; side->state && i < side->numbers; i++) {
        if (side->state[i] == OURO_STATE_PENDING) judge_pending(it, m, ouro__object_at(unit, side, i), &side->state[i]);
      }
    }
    drain_all(it, m);
  }
}

/* ---------------------------------------------------------------- numbers above what a byte holds */

/* Call `fn` for each member that was not reached. */
typedef void (*unreached_fn)(marker *it, numbers *table, ouro_object *object, uint8_t *state);
static void each_unreached(marker *it, numbers *table, ouro__scope scope, unreached_fn fn) {
  for (size_t unit = ouro__first_unit(scope); unit != OURO_UNIT_END; unit = ouro__next_unit(scope, unit)) {
    const ouro__side *side = &ouro__hot_sides[unit];
    for (unsigned i = 0; side->state && i < side->numbers; i++) {
      if (i % 8 == 0 && ouro__no_members(side->state + i)) {
        i += 7;
        continue;
      }
      ouro_object *object = ouro__object_at(unit, side, i);
      if (side->state[i] <= OURO_STATE_MANY && is_member(object)) fn(it, table, object, &side->state[i]);
    }
  }
}

static void count_many(ouro_visitor *visitor, uintptr_t *word, void *object, uintptr_t empty) {
  const uint8_t *state = ouro__state_in(ouro__map_now(), object);
  (void)word;
  (void)empty;
  if (state && *state == OURO_STATE_MANY) count_in((const numbers *)(const void *)visitor, state);
}

static void count_its_references(marker *it, numbers *table, ouro_object *object, uint8_t *state) {
  (void)it;
  (void)state;
  ouro__visit_all(object, &table->visitor);
}

static void judge_many(marker *it, numbers *table, ouro_object *object, uint8_t *state) {
  if (*state != OURO_STATE_MANY) return;
  uint64_t held = held_in(it, object), inside = table->entries ? number_of(table, state)->count : 0;
  if (held == inside) return;
  if (held < inside) ouro__fatal_object(OURO_FATAL_COUNT_TOO_SMALL, object);
  remember_root(it, object);
  reach(it, object, state);
}

/* Whatever refers to an object that was not reached was not reached either, if it is a member at all. */
static void mark_many(marker *it, ouro__scope scope) {
  if (!it->many) return;
  numbers table = numbers_for(it->many, count_many);
  if (table.entries) each_unreached(it, &table, scope, count_its_references);
  each_unreached(it, &table, scope, judge_many);
  drain_all(it, ouro__map_now());
  ouro_free(table.entries);
}

/* ---------------------------------------------------------------- a shorter way for all objects
 *
 * Most of what was held from outside at the last collection of all still is. So mark from there at once, and count, on the way, only the
 * references to those few. If each of them turns out to be held from outside again, all that was marked lives, and every reference has
 * been looked at once instead of twice. What was not marked, new roots and garbage, is left for the test as always: nothing that lives
 * refers to it. If one of them is not held any more, nothing is known, and the test is done on all.
 *
 * The usual test also notices counts that are too small; so it has its turn now and then. */

enum { SHORT_IN_A_ROW = 3, KNOWN_MOST = 65536 };

static struct {
  ouro_object **roots; /* what was held from outside; it may be dead by now, or another object */
  size_t count, room;
  unsigned turns;      /* how often the shorter way may still be tried */
  bool in_vain;        /* it was, the last time */
} known;

static void remember_root(marker *it, ouro_object *object) {
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
  return is_member(object) ? state : NULL;
}

static void take_known(numbers *table, ouro__map m) {
  size_t kept = 0;
  for (size_t i = 0; i < known.count; i++) {
    uint8_t *state = state_of_known(m, known.roots[i]);
    if (!state) continue;
    *state = OURO_STATE_KNOWN;
    number_of(table, state)->state = state;
    known.roots[kept++] = known.roots[i];
  }
  known.count = kept;
}

static bool all_are_held(const numbers *table, ouro__map m) {
  for (size_t i = 0; i < known.count; i++) {
    uint8_t *state = ouro__state_in(m, known.roots[i]);
    uint64_t inside = number_of(table, state)->count, held = ouro__held(known.roots[i]);
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
  if (state && *state == OURO_STATE_KNOWN) count_in((const numbers *)(const void *)visitor, state);
}

static bool mark_from_known(marker *it, numbers *table) {
  const ouro__map m = ouro__map_now();
  take_known(table, m);
  it->known = table;
  for (size_t i = 0; i < known.count && !it->pending; i++) {
    look_through(it, m, reached_with(known.roots[i], 0));
    drain(it, m, AHEAD / 2);
  }
  drain_all(it, m);
  if (!it->pending) each_unreached(it, table, OURO_SCOPE_ALL, count_its_references);
  it->known = NULL;
  return !it->pending && all_are_held(table, m);
}

/* All that lives by what is known is reached; false: it did not work out, and every member is as at first. */
static bool shorter_way(marker *it) {
  if (!known.turns || !known.count) return false;
  numbers table = numbers_for(known.count, count_known);
  if (!table.entries) return false;
  bool done = mark_from_known(it, &table);
  ouro_free(table.entries);
  known.turns = done ? known.turns - 1 : 0;
  known.in_vain = !done;
  if (done) return true;
  enter_set(OURO_SCOPE_ALL, 0, OURO_STATE_REACHED);
  it->pending = false;
  it->marked = 0;
  return false;
}

static void longer_way_begins(void) {
  known.count = 0;
  known.turns = known.in_vain ? 0 : SHORT_IN_A_ROW;
  known.in_vain = false;
}

/* ---------------------------------------------------------------- the test */

ouro__verdict ouro__test(ouro__scope scope, uint8_t lowest, uint8_t highest, uint8_t survivors) {
  ouro__verdict verdict = {0};
  marker it;
  start(&it);
  it.full = scope == OURO_SCOPE_ALL;
  it.untrack = highest == OURO_STATE_YOUNG; /* not those that are just coming back */
  it.remember = it.untrack && lowest == OURO_STATE_OLD;
  enter_set(scope, lowest, highest);
  if (it.remember && shorter_way(&it)) {
    verdict.members = it.marked;
  } else if (it.remember) {
    longer_way_begins();
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
  if (it.stack != it.first_stack) ouro_free(it.stack);
  return verdict;
}

/* The condemned become members again, so that what the pending ones reach can be told from the rest; the others are condemned anew. */
size_t ouro__spare(ouro__scope scope, uint8_t survivors) {
  marker it;
  start(&it);
  enter_set(scope, OURO_STATE_TRASH, OURO_STATE_TRASH);
  it.pending = true;
  mark_pending(&it, scope);
  leave_set(scope, survivors);
  if (it.stack != it.first_stack) ouro_free(it.stack);
  return it.marked;
}
