/* gc/confined.c - a thread's own collection: of its young confined objects, without stopping any other thread.
 *
 * The test is that of count.c, on a set that no other thread can reach: whoever could would hold a reference, or read it in an object of the set,
 * which a confined type forbids. References to what others own are not followed. Bytes of state are looked at where the header says that the
 * object is this thread's: those of other threads may be just in use by a test of theirs.
 *
 * What has a finalizer to run, or can be found by a weak reference, lives on here, and is left to a collection of the next generation.
 *
 *   1. the list becomes an array; each member's byte becomes 0
 *   2. references between members are counted
 *   3. who has more, and all that can be reached from there, is reached; those wait in a second array
 *   4. reached ones become middle-aged; the references between the others are cut, and these then go as what has no reference goes
 *
 * Without memory for the arrays nothing happens, and the members are left to a collection that stops the world. */
#include "gc/gc.h"

typedef struct own {
  ouro_visitor visitor; /* first: the visit function finds the rest by it */
  ouro__map map;
  uint32_t id;
  void (*each)(struct own *it, uintptr_t *word, ouro_object *target, uint8_t *state, uintptr_t empty);
} own;

/* The byte of a member that is not reached yet; NULL: it is none. */
static inline uint8_t *member(const own *it, const ouro_object *target) {
  if (ouro__owner_of(target) != it->id) return NULL;
  uint8_t *state = ouro__state_in(it->map, target);
  return state && *state <= OURO_STATE_MANY ? state : NULL;
}

static void show(ouro_visitor *visitor, uintptr_t *word, void *object, uintptr_t empty) {
  own *it = (own *)(void *)visitor;
  uint8_t *state = member(it, object);
  if (state) it->each(it, word, object, state, empty);
}

/* Call `each` for the references of an object to members: of one run of slots without a detour. */
OURO_INLINE void each_member(own *it, ouro_object *object, void (*each)(own *, uintptr_t *, ouro_object *, uint8_t *, uintptr_t)) {
  const ouro_type *type = ouro_type_of(object);
  ouro_object **slot = ouro__slot_at(object, type->ouro__derived.first);
  for (uint32_t i = 0; i < type->ouro__derived.slots; i++) {
    uint8_t *state = slot[i] ? member(it, slot[i]) : NULL;
    if (state) each(it, (uintptr_t *)(void *)&slot[i], slot[i], state, 0);
  }
  if (OURO_LIKELY(!(type->ouro__derived.flags & OURO_D_SCATTERED))) return;
  it->each = each;
  ouro__visit_rest(object, &it->visitor);
}

static inline void count_one(own *it, uintptr_t *word, ouro_object *target, uint8_t *state, uintptr_t empty) {
  (void)it;
  (void)word;
  (void)target;
  (void)empty;
  if (*state < OURO_STATE_MANY) OURO__SET(*state, (uint8_t)(*state + 1));
}

static inline void cut(own *it, uintptr_t *word, ouro_object *target, uint8_t *state, uintptr_t empty) {
  (void)it;
  (void)target;
  (void)state;
  *word = empty;
}

/* ---------------------------------------------------------------- 1 */

typedef struct marking {
  own own; /* first */
  ouro_object **members, **reached;
  size_t count, at, end; /* members; of the reached ones, those looked through, and all */
} marking;

/* Room for the list: what has entered it since it was taken last may have left it again. */
static size_t length_of_list(void) {
  enum { WORTH_COUNTING = 65536 };
  size_t count = 0;
  if (ouro__me->confined_made <= WORTH_COUNTING) return ouro__me->confined ? ouro__me->confined_made : 0;
  for (ouro_object *object = ouro__me->confined; object; object = ouro__links_of(object, ouro_type_of(object))->next) count++;
  return count;
}

static bool is_member(const own *it, const ouro_object *object) { return ouro__owner(object) == it->id && ouro__has(object, OURO_TRACKED); }

static void take_list(marking *it) {
  ouro_object *object = ouro__me->confined;
  ouro__me->confined = NULL;
  ouro__me->confined_made = 0;
  while (object) {
    ouro__links *links = ouro__links_of(object, ouro_type_of(object));
    ouro_object *next = links->next;
    *links = (ouro__links){NULL, 0};
    if (is_member(&it->own, object)) {
      OURO__SET(*ouro__state_in(it->own.map, object), 0);
      it->members[it->count++] = object;
    }
    object = next;
  }
}

/* ---------------------------------------------------------------- 2 and 3 */

static inline void reach(own *own_part, uintptr_t *word, ouro_object *target, uint8_t *state, uintptr_t empty) {
  marking *it = (marking *)(void *)own_part;
  (void)word;
  (void)empty;
  OURO__SET(*state, OURO_STATE_REACHED);
  it->reached[it->end++] = target;
}

static inline bool is_held(const ouro_object *object, uint8_t inside) {
  unsigned traits = ouro__traits(object);
  uint32_t count = OURO__SEE(object->ouro__count);
  if (OURO__SEE(object->ouro__shared) != OURO_S_CONFINED || inside == OURO_STATE_MANY || traits & OURO_D_UNCOLLECTABLE) return true;
  if (OURO_UNLIKELY(count < inside)) ouro__fatal_object(OURO_FATAL_COUNT_TOO_SMALL, object);
  return count > inside || (traits & OURO_D_FINALIZE && !ouro__has(object, OURO_FINALIZED));
}

static void mark(marking *it) {
  for (size_t i = 0; i < it->count; i++) {
    uint8_t *state = ouro__state_in(it->own.map, it->members[i]);
    if (*state > OURO_STATE_MANY || !is_held(it->members[i], *state)) continue;
    reach(&it->own, NULL, it->members[i], state, 0);
    while (it->at < it->end) each_member(&it->own, it->reached[it->at++], reach);
  }
}

/* ---------------------------------------------------------------- 4 */

/* Cut what it refers to among the garbage. Is nothing left to be done but to free the block? */
static inline bool cut_all(own *it, ouro_object *object) {
  const ouro_type *type = ouro_type_of(object);
  if (type->ouro__derived.flags & OURO_D_COMPLEX || ouro__has(object, OURO_ODD)) {
    each_member(it, object, cut);
    return false;
  }
  bool empty = true;
  ouro_object **slot = ouro__slot_at(object, type->ouro__derived.first);
  for (uint32_t i = 0; i < type->ouro__derived.slots; i++) {
    if (slot[i] && member(it, slot[i])) slot[i] = NULL;
    empty &= slot[i] == NULL;
  }
  return empty;
}

/* The reached become middle-aged; the others are cut, and move to the beginning. */
static size_t keep_the_reached(marking *it, bool *simple) {
  size_t garbage = 0;
  for (size_t i = 0; i < it->count; i++) {
    ouro_object *object = it->members[i];
    uint8_t *state = ouro__state_in(it->own.map, object);
    if (*state != OURO_STATE_REACHED) {
      it->members[garbage++] = object;
      *simple &= cut_all(&it->own, object);
      continue;
    }
    OURO__SET(*state, OURO_STATE_MIDDLE);
    ouro__list_unit(ouro__unit_number(object), 1);
  }
  return garbage;
}

static inline void forget_state(own *it, ouro_object *object) { OURO__SET(*ouro__state_in(it->map, object), OURO_STATE_UNTRACKED); }

/* Nothing runs. */
static void free_simply(marking *it, size_t garbage) {
  for (size_t i = 0; i < garbage; i++) {
    ouro_object *object = it->members[i];
    forget_state(&it->own, object);
    ouro__set_owner(object, OURO__NOBODY);
    ouro__object_free_any(object);
  }
}

/* Anything may run: so all are out of sight before the first one goes. */
static void free_with_all(marking *it, size_t garbage) {
  for (size_t i = 0; i < garbage; i++) {
    ouro_object *object = it->members[i];
    forget_state(&it->own, object);
    OURO__SET(object->ouro__word, OURO__SEE(object->ouro__word) & ~(uint64_t)OURO_TRACKED);
  }
  ouro__me->keep++;
  for (size_t i = 0; i < garbage; i++) {
    OURO__SET(it->members[i]->ouro__count, 0);
    ouro__dealloc(it->members[i]);
  }
  ouro__me->keep--;
}

bool ouro__collect_confined(ouro_gc_info *info) {
  marking it = {.own = {.visitor = {show}, .map = ouro__map_now(), .id = ouro__at.id}};
  size_t room = length_of_list();
  it.members = room ? ouro_malloc(room * 2 * sizeof *it.members) : NULL;
  if (!it.members) return false;
  it.reached = it.members + room;
  take_list(&it);
  for (size_t i = 0; i < it.count; i++) each_member(&it.own, it.members[i], count_one);
  mark(&it);
  bool simple = true;
  size_t garbage = keep_the_reached(&it, &simple);
  if (simple) {
    free_simply(&it, garbage);
  } else {
    free_with_all(&it, garbage);
  }
  ouro_free(it.members);
  info->candidates = it.count;
  info->collected = garbage;
  return true;
}
