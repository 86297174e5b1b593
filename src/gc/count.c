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
 * byte is continued in a table.
 *
 * Memory may be missing for the table, or for the stack of step 3. Then an object is held to be reached, or waits in the state
 * OURO_STATE_PENDING for another walk: garbage may stay, but what lives is never freed. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3") /* steps 1 and 4 shall be done with vectors */
#endif

#include <string.h>

#include "gc/gc.h"

/* ---------------------------------------------------------------- numbers above what a byte holds */

typedef struct many {
  const uint8_t *state; /* NULL: free */
  uint64_t number;
} many;

static struct {
  many *entries;
  size_t mask, count;
} table;

static many *many_of(const uint8_t *state) {
  size_t at = (size_t)((uint64_t)(uintptr_t)state * UINT64_C(0x9e3779b97f4a7c15) >> 24) & table.mask;
  while (table.entries[at].state && table.entries[at].state != state) at = (at + 1) & table.mask;
  return &table.entries[at];
}

static bool room_for_many(void) {
  size_t places = table.entries ? table.mask + 1 : 0;
  if (table.count * 2 < places) return true;
  many *before = table.entries, *entries = ouro_calloc(places ? places * 2 : 256, sizeof *entries);
  if (!entries) return false;
  table.entries = entries;
  table.mask = (places ? places * 2 : 256) - 1;
  for (size_t i = 0; i < places; i++) {
    if (before[i].state) *many_of(before[i].state) = before[i];
  }
  ouro_free(before);
  return true;
}

static void forget_many(void) {
  ouro_free(table.entries);
  memset(&table, 0, sizeof table);
}

/* The byte is OURO_STATE_MOST or OURO_STATE_MANY. */
static OURO_NOINLINE void count_many(uint8_t *state) {
  if (*state == OURO_STATE_MANY) {
    many_of(state)->number++;
  } else if (room_for_many()) {
    *many_of(state) = (many){state, OURO_STATE_MOST + 1};
    table.count++;
    *state = OURO_STATE_MANY;
  } else {
    *state = OURO_STATE_PENDING;
  }
}

static uint64_t number_of(const uint8_t *state) { return *state == OURO_STATE_MANY ? many_of(state)->number : *state; }

/* ---------------------------------------------------------------- references, one by one */

/* The byte of what a reference leads to; NULL where no set can hold it. */
static inline uint8_t *state_of(const ouro_object *target) {
  size_t unit = ouro__unit_number(target);
  if (OURO_UNLIKELY(unit >= ouro__hot_units)) return NULL;
  const ouro__side *side = &ouro__hot_sides[unit];
  if (!side->state) return NULL;
  return side->state + ((((uintptr_t)target & 0xffff) * (uint64_t)side->magic) >> 32);
}

static inline void count_reference(const ouro_object *target) {
  uint8_t *state = state_of(target);
  if (!state) return;
  if (OURO_LIKELY(*state < OURO_STATE_MOST)) {
    ++*state;
  } else if (OURO_UNLIKELY(*state <= OURO_STATE_MANY)) {
    count_many(state);
  }
}

static void count_word(ouro_visitor *visitor, uintptr_t *word, void *object, uintptr_t empty) {
  (void)visitor;
  (void)word;
  (void)empty;
  count_reference(object);
}

static inline void count_references(ouro_object *object) {
  const ouro_type *type = ouro_type_of(object);
  ouro_object **slot = ouro__slot_at(object, type->ouro__derived.first);
  for (uint32_t i = 0; i < type->ouro__derived.slots; i++) {
    if (slot[i]) count_reference(slot[i]);
  }
  if (OURO_LIKELY(!(type->ouro__derived.flags & OURO_D_SCATTERED))) return;
  if ((type->ouro__derived.flags & OURO_D_SCATTERED) == OURO_D_ITEMS) {
    slot = ouro__slot_at(object, type->size);
    for (size_t i = 0, count = ouro__items(object); i < count; i++) {
      if (slot[i]) count_reference(slot[i]);
    }
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

static inline bool is_member(const ouro_object *object) {
  return OURO_LIKELY(ouro__is_live(object) && ouro__has(object, OURO_TRACKED));
}

static size_t count_set(ouro__scope scope) {
  size_t members = 0;
  for (size_t unit = ouro__first_unit(scope); unit != OURO_UNIT_END; unit = ouro__next_unit(scope, unit)) {
    const ouro__side *side = &ouro__hot_sides[unit];
    const uint8_t *state = side->state;
    if (!state) continue;
    for (unsigned i = 0; i < side->numbers; i++) {
      if (i % 8 == 0 && i + 8 <= side->numbers && ouro__no_members(state + i)) {
        i += 7;
        continue;
      }
      if (state[i] > OURO_STATE_PENDING) continue;
      ouro_object *object = ouro__object_at(unit, side, i);
      if (!is_member(object)) continue;
      members++;
      count_references(object);
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

enum { AHEAD = 16, STACK_FIRST = 512 };

typedef struct marker {
  ouro_visitor visitor; /* first: the visit function finds the marker by it */
  ouro_object **stack;
  size_t depth, room;
  bool pending;         /* some object is OURO_STATE_PENDING */
  size_t marked;
  bool untrack;         /* immutable objects that hold nothing tracked */
  unsigned traits;      /* of the types of all that were not reached when they were looked at */
  bool weak;            /* there are weak references to some of these */
  unsigned first, waiting; /* of the queue, and how many are in it */
  ouro_object *fetched[AHEAD];
  ouro_object *first_stack[STACK_FIRST];
} marker;

static OURO_NOINLINE bool grow(marker *it) {
  ouro_object **stack = ouro_malloc(it->room * 2 * sizeof *stack);
  if (!stack) return false;
  memcpy(stack, it->stack, it->depth * sizeof *stack);
  if (it->stack != it->first_stack) ouro_free(it->stack);
  it->stack = stack;
  it->room *= 2;
  return true;
}

static inline void reach(marker *it, ouro_object *object, uint8_t *state) {
  if (OURO_UNLIKELY(it->depth == it->room) && !grow(it)) {
    *state = OURO_STATE_PENDING;
    it->pending = true;
    return;
  }
  *state = OURO_STATE_REACHED;
  it->stack[it->depth++] = object;
}

static inline void reach_reference(marker *it, ouro_object *target) {
  uint8_t *state = state_of(target);
  if (state && *state <= OURO_STATE_MANY) reach(it, target, state);
}

static void reach_word(ouro_visitor *visitor, uintptr_t *word, void *object, uintptr_t empty) {
  (void)word;
  (void)empty;
  reach_reference((marker *)(void *)visitor, object);
}


typedef struct search {
  ouro_visitor visitor;
  bool found;
} search;

static void find_tracked(ouro_visitor *visitor, uintptr_t *word, void *object, uintptr_t empty) {
  (void)word;
  (void)empty;
  if (ouro__has(object, OURO_TRACKED)) ((search *)(void *)visitor)->found = true;
}

/* What never changes and holds nothing that is watched can be in no cycle. */
static OURO_NOINLINE void untrack_if_harmless(ouro_object *object, uint8_t *state) {
  search it = {{find_tracked}, false};
  ouro__visit_all(object, &it.visitor);
  if (it.found) return;
  object->ouro__word &= ~(uint64_t)OURO_TRACKED;
  *state = OURO_STATE_UNTRACKED;
}

static inline void look_through(marker *it, ouro_object *object) {
  const ouro_type *type = ouro_type_of(object);
  if (OURO_UNLIKELY(!is_member(object))) {
    if (!ouro__is_live(object)) ouro__fatal_object(OURO_FATAL_BAD_REFERENCE, object);
    *state_of(object) = OURO_STATE_UNTRACKED;
    return;
  }
  it->marked++;
  ouro_object **slot = ouro__slot_at(object, type->ouro__derived.first);
  for (uint32_t i = 0; i < type->ouro__derived.slots; i++) {
    if (slot[i]) reach_reference(it, slot[i]);
  }
  unsigned traits = type->ouro__derived.flags;
  if (OURO_UNLIKELY(traits & OURO_D_IMMUTABLE) && it->untrack) untrack_if_harmless(object, state_of(object));
  if (OURO_LIKELY(!(traits & OURO_D_SCATTERED))) return;
  if ((traits & OURO_D_SCATTERED) == OURO_D_ITEMS) {
    slot = ouro__slot_at(object, type->size);
    for (size_t i = 0, count = ouro__items(object); i < count; i++) {
      if (slot[i]) reach_reference(it, slot[i]);
    }
    return;
  }
  ouro__visit_rest(object, &it->visitor);
}

static inline ouro_object *take_fetched(marker *it) {
  ouro_object *object = it->fetched[it->first];
  it->first = (it->first + 1) % AHEAD;
  it->waiting--;
  return object;
}

/* Look through what is on the stack; each object waits a little between being fetched and being looked at. The last few stay in the queue:
 * they may wait until the next one is reached. */
static inline void drain(marker *it) {
  while (it->depth) {
    ouro_object *next = it->stack[--it->depth], *object = it->waiting == AHEAD ? take_fetched(it) : NULL;
    OURO_PREFETCH_WRITE(next);
    it->fetched[(it->first + it->waiting++) % AHEAD] = next;
    if (object) look_through(it, object);
  }
}

/* The queue as well. */
static void finish(marker *it) {
  while (it->waiting) {
    look_through(it, take_fetched(it));
    drain(it);
  }
}

/* An object of the set that nothing has reached yet. */
static inline void judge(marker *it, ouro_object *object, uint8_t *state) {
  if (OURO_UNLIKELY(!is_member(object))) {
    if (ouro__is_live(object)) {
      *state = OURO_STATE_UNTRACKED;
    } else if (*state) {
      ouro__fatal_object(OURO_FATAL_BAD_REFERENCE, object);
    } else {
      *state = OURO_STATE_NONE;
    }
    return;
  }
  uint64_t inside = number_of(state), held = ouro__held(object);
  if (held == inside) {
    it->traits |= ouro__traits(object);
    it->weak |= ouro__has(object, OURO_WEAK);
    return;
  }
  if (OURO_UNLIKELY(held < inside)) ouro__fatal_object(OURO_FATAL_COUNT_TOO_SMALL, object);
  reach(it, object, state);
  drain(it);
}

static void start(marker *it) {
  it->visitor.visit = reach_word;
  it->stack = it->first_stack;
  it->depth = it->marked = 0;
  it->room = STACK_FIRST;
  it->pending = it->untrack = it->weak = false;
  it->first = it->waiting = it->traits = 0;
}

static void judge_pending(marker *it, ouro_object *object, uint8_t *state) {
  reach(it, object, state);
  drain(it);
}

static void mark_set(marker *it, ouro__scope scope) {
  for (size_t unit = ouro__first_unit(scope); unit != OURO_UNIT_END; unit = ouro__next_unit(scope, unit)) {
    const ouro__side *side = &ouro__hot_sides[unit];
    uint8_t *state = side->state;
    if (!state) continue;
    for (unsigned i = 0; i < side->numbers; i++) {
      if (i % 8 == 0 && i + 8 <= side->numbers && ouro__no_members(state + i)) {
        i += 7;
        continue;
      }
      if (state[i] > OURO_STATE_PENDING) continue;
      ouro_object *object = ouro__object_at(unit, side, i);
      if (state[i] == OURO_STATE_PENDING) {
        judge_pending(it, object, &state[i]);
      } else {
        judge(it, object, &state[i]);
      }
    }
  }
  finish(it);
}

/* Where the stack could not grow, objects wait: as long as there are some, walk again. */
static void mark_pending(marker *it, ouro__scope scope) {
  while (it->pending) {
    it->pending = false;
    for (size_t unit = ouro__first_unit(scope); unit != OURO_UNIT_END; unit = ouro__next_unit(scope, unit)) {
      const ouro__side *side = &ouro__hot_sides[unit];
      for (unsigned i = 0; side->state && i < side->numbers; i++) {
        if (side->state[i] == OURO_STATE_PENDING) judge_pending(it, ouro__object_at(unit, side, i), &side->state[i]);
      }
    }
    finish(it);
  }
}

/* ---------------------------------------------------------------- the test */

ouro__verdict ouro__test(ouro__scope scope, uint8_t lowest, uint8_t highest, uint8_t survivors) {
  ouro__verdict verdict = {0};
  marker it;
  start(&it);
  it.untrack = highest == OURO_STATE_YOUNG; /* not those that are just coming back */
  enter_set(scope, lowest, highest);
  verdict.members = count_set(scope);
  mark_set(&it, scope);
  mark_pending(&it, scope);
  verdict.garbage = leave_set(scope, survivors);
  verdict.traits = it.traits;
  verdict.weak = it.weak;
  if (it.stack != it.first_stack) ouro_free(it.stack);
  forget_many();
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
