/* gc/confined.c - a thread's own collection: of its young confined objects, without stopping any other thread.
 *
 * The test is that of count.c, on a set that no other thread can reach: whoever could would hold a reference, or read it in an object of
 * the set, which a confined type forbids. References to what others own are not followed. It needs no memory: the set is linked already, so
 * a member's `next` leads to the next one meanwhile, and `prev` is its mark. All else that has links has none of these marks there:
 *
 *   ...10  COUNTED: above these two bits, its references less those that were found in members so far
 *   ...11  REACHED, and perhaps the next one whose references are still to be looked at
 *
 *   1. the list is taken from the record; members get their counts as marks
 *   2. of these, references between members are subtracted
 *   3. who has more is reached, and all that can be reached from there
 *   4. the reached become middle-aged; the references between the others are cut, and these then go as what has no reference goes
 *
 * What has a finalizer to run, or can be found by a weak reference, lives on here, and is left to a collection of the next generation. */
#include "gc/gc.h"

enum { COUNTED = 2, REACHED = 3, TAG = 3, ONE = 4 };

/* More than all references that there can be: it is reached, whatever is subtracted. */
#define HELD ((uintptr_t)1 << 40)

typedef struct own {
  ouro_visitor visitor; /* first: the visit function finds the rest by it */
  uint32_t id;
  ouro_object *members;
  ouro_object *reached; /* still to be looked through: linked by their marks */
  void (*each)(struct own *it, uintptr_t *word, ouro_object *target, ouro__links *links, uintptr_t empty);
} own;

/* The links of a member that is not reached yet; NULL: it is none. The flag says that it has links at all. */
static inline ouro__links *member(const own *it, const ouro_object *target) {
  if (ouro__owner_of(target) != it->id || !(OURO__SEE(target->ouro__shared) & OURO_S_CONFINED)) return NULL;
  ouro__links *links = ouro__links_of(target, ouro_type_of(target));
  return (links->prev & TAG) == COUNTED ? links : NULL;
}

static void show(ouro_visitor *visitor, uintptr_t *word, void *object, uintptr_t empty) {
  own *it = (own *)(void *)visitor;
  ouro__links *links = member(it, object);
  if (links) it->each(it, word, object, links, empty);
}

/* Call `each` for the references of an object of that type to members: of one run of slots without a detour. */
OURO_INLINE void each_member(own *it, ouro_object *object, const ouro_type *type,
                             void (*each)(own *, uintptr_t *, ouro_object *, ouro__links *, uintptr_t)) {
  ouro_object **slot = ouro__slot_at(object, type->ouro__derived.first), **end = slot + type->ouro__derived.slots;
  for (; slot < end; slot++) {
    ouro__links *links = *slot ? member(it, *slot) : NULL;
    if (links) each(it, (uintptr_t *)(void *)slot, *slot, links, 0);
  }
  if (OURO_LIKELY(!(type->ouro__derived.flags & OURO_D_SCATTERED))) return;
  it->each = each;
  ouro__visit_rest(object, &it->visitor);
}

/* ---------------------------------------------------------------- 1 and 2 */

static inline uintptr_t count_of(const ouro_object *object, const ouro_type *type) {
  unsigned traits = type->ouro__derived.flags;
  bool held = OURO__SEE(object->ouro__shared) != OURO_S_CONFINED || traits & OURO_D_UNCOLLECTABLE;
  if (traits & OURO_D_FINALIZE) held |= !ouro__has(object, OURO_FINALIZED);
  return OURO__SEE(object->ouro__count) + (held ? HELD : 0);
}

/* How many there are. What was untracked meanwhile is none. */
static size_t take_list(own *it) {
  size_t count = 0;
  ouro_object *object = ouro__me->confined;
  ouro__me->confined = NULL;
  while (object) {
    const ouro_type *type = ouro_type_of(object);
    ouro__links *links = ouro__links_of(object, type);
    ouro_object *next = links->next;
    if (OURO_LIKELY(ouro__has(object, OURO_TRACKED))) {
      *links = (ouro__links){it->members, count_of(object, type) * ONE + COUNTED};
      it->members = object;
      count++;
    } else {
      *links = (ouro__links){NULL, 0};
    }
    object = next;
  }
  return count;
}

static inline void subtract(own *it, uintptr_t *word, ouro_object *target, ouro__links *links, uintptr_t empty) {
  (void)it;
  (void)word;
  (void)empty;
  if (OURO_UNLIKELY(links->prev < ONE)) ouro__fatal_object(OURO_FATAL_COUNT_TOO_SMALL, target);
  links->prev -= ONE;
}

static inline ouro__links *links_of(const ouro_object *object) { return ouro__links_of(object, ouro_type_of(object)); }

static void subtract_all(own *it) {
  for (ouro_object *object = it->members; object;) {
    const ouro_type *type = ouro_type_of(object);
    each_member(it, object, type, subtract);
    object = ouro__links_of(object, type)->next;
  }
}

/* ---------------------------------------------------------------- 3 */

static inline void reach(own *it, uintptr_t *word, ouro_object *target, ouro__links *links, uintptr_t empty) {
  (void)word;
  (void)empty;
  links->prev = (uintptr_t)it->reached + REACHED;
  it->reached = target;
}

static void mark(own *it) {
  ouro__links *links;
  for (ouro_object *object = it->members; object; object = links->next) {
    links = links_of(object);
    if (links->prev == COUNTED || (links->prev & TAG) == REACHED) continue;
    reach(it, NULL, object, links, 0);
    while (it->reached) {
      ouro_object *from = it->reached;
      const ouro_type *type = ouro_type_of(from);
      it->reached = (ouro_object *)(ouro__links_of(from, type)->prev - REACHED);
      each_member(it, from, type, reach);
    }
  }
}

/* ---------------------------------------------------------------- 4 */

static inline void cut(own *it, uintptr_t *word, ouro_object *target, ouro__links *links, uintptr_t empty) {
  (void)it;
  (void)target;
  (void)links;
  *word = empty;
}

/* Cut what it refers to among the garbage. Is nothing left to be done but to free the block? */
static inline bool cut_all(own *it, ouro_object *object, const ouro_type *type) {
  if (type->ouro__derived.flags & OURO_D_COMPLEX || ouro__has(object, OURO_ODD)) {
    each_member(it, object, type, cut);
    return false;
  }
  bool empty = true;
  ouro_object **slot = ouro__slot_at(object, type->ouro__derived.first), **end = slot + type->ouro__derived.slots;
  for (; slot < end; slot++) {
    if (*slot && member(it, *slot)) *slot = NULL;
    empty &= *slot == NULL;
  }
  return empty;
}

/* The reached become middle-aged; the others are cut, and are the members that are left. How many? */
static size_t keep_the_reached(own *it, bool *simple) {
  size_t garbage = 0;
  ouro_object *next, *object = it->members;
  for (it->members = NULL; object; object = next) {
    const ouro_type *type = ouro_type_of(object);
    ouro__links *links = ouro__links_of(object, type);
    next = links->next;
    if ((links->prev & TAG) == COUNTED) {
      *simple &= cut_all(it, object, type);
      links->next = it->members;
      it->members = object;
      garbage++;
    } else {
      *links = (ouro__links){NULL, 0};
      OURO__SET(*ouro__state(object), OURO_STATE_MIDDLE);
      ouro__list_unit(ouro__unit_number(object), 1);
    }
  }
  return garbage;
}

/* Nothing runs. */
static void free_simply(own *it) {
  for (ouro_object *next, *object = it->members; object; object = next) {
    const ouro_type *type = ouro_type_of(object);
    next = ouro__links_of(object, type)->next;
    ouro__set_owner(object, OURO__NOBODY);
    if (OURO_LIKELY(type->ouro__derived.distance != 0)) {
      ouro__object_free(type->ouro__derived.distance, object);
    } else {
      ouro__object_free_any(object);
    }
  }
}

/* Anything may run: so all are out of sight before the first one goes, in no list that they would leave then, and held by this alone: who
 * looks at all objects meanwhile may take a reference. */
static void free_with_all(own *it) {
  for (ouro_object *object = it->members; object; object = links_of(object)->next) {
    links_of(object)->prev = 0;
    OURO__SET(object->ouro__count, 1);
    OURO__SET(object->ouro__word, OURO__SEE(object->ouro__word) & ~(uint64_t)OURO_TRACKED);
  }
  ouro__me->keep++;
  for (ouro_object *next, *object = it->members; object; object = next) {
    next = links_of(object)->next;
    ouro__release_ref(object);
  }
  ouro__me->keep--;
}

/* Before anything runs: a release may come to a safepoint, at which no collection is due any more. */
static void count_no_more(size_t count) {
  int32_t made = OURO__SEE(ouro__at.made);
  OURO__SET(ouro__at.made, made > 0 && (size_t)made > count ? made - (int32_t)count : 0);
}

bool ouro__collect_confined(ouro_gc_info *info) {
  own it = {.visitor = {show}, .id = ouro__at.id};
  bool simple = true;
  info->candidates = take_list(&it);
  if (!info->candidates) return false;
  subtract_all(&it);
  mark(&it);
  info->collected = keep_the_reached(&it, &simple);
  count_no_more(info->candidates);
  if (simple) {
    free_simply(&it);
  } else {
    free_with_all(&it);
  }
  return true;
}
