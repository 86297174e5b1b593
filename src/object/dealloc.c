/* object/dealloc.c - how objects go: at once, in order, and on a bounded stack.
 *
 * What an object held alone goes within its own deallocation, as in CPython; but only NESTED_MOST deep. What would go deeper is put in
 * a queue, dead already, and deallocated when the outermost deallocation has come to its end: so the order is the natural one for all
 * but deep structures, and a chain of any length goes on a small stack. */
#include "object/object.h"

enum { NESTED_MOST = 50 };

/* Dead objects that wait, linked in their first 8 bytes. */
static ouro_object *queue;

static ouro_object **link_of(ouro_object *object) { return (ouro_object **)(void *)object; }

static void put_off(ouro_object *object) {
  ouro__set_owner(object, OURO__NOBODY);
  *link_of(object) = queue;
  queue = object;
}

static void now(ouro_object *object);

/* The outermost deallocation has ended. */
static OURO_NOINLINE void drain(void) {
  while (queue) {
    ouro_object *object = queue;
    queue = *link_of(object);
    object->ouro__count = 0;
    object->ouro__shared = 0;
    ouro__set_owner(object, OURO_FIRST_THREAD);
    ouro__at.depth = 1;
    now(object);
    ouro__at.depth = 0;
  }
}

static inline void enter(void) { ouro__at.depth++; }

/* Draining is for ouro__dealloc, when all is settled. */
static inline void leave(void) { ouro__at.depth--; }

/* ---------------------------------------------------------------- the parts */

static inline void release_run(ouro_object *object, size_t first, size_t slots) {
  ouro_object **slot = ouro__slot_at(object, first);
  for (size_t i = 0; i < slots; i++) {
    if (slot[i]) ouro__release_ref(slot[i]);
  }
}

/* Of another class than its type says, or large. */
static OURO_NOINLINE void free_odd(ouro_object *object) { ouro__object_free_any(object); }

static inline void free_block(ouro_object *object, unsigned traits, uint32_t distance) {
  ouro__at.made -= (ouro__at.made > 0) & (traits / OURO_D_CONTAINER & 1); /* before another object may lie there */
  if (OURO_LIKELY(distance != 0)) {
    ouro__object_free(distance, object);
  } else {
    free_odd(object);
  }
}

static void release_word(ouro_visitor *visitor, uintptr_t *word, void *object, uintptr_t empty) {
  (void)visitor;
  *word = empty;
  ouro__release_ref(object);
}

void ouro__finalize(ouro_object *object) {
  const ouro_type *type = ouro_type_of(object);
  while (type && !type->finalize) type = type->base;
  if (!type || ouro__has(object, OURO_FINALIZED)) return;
  object->ouro__word |= OURO_FINALIZED;
  type->finalize(object);
}

/* Who may come back is young again, as in CPython. */
static void begin_anew(ouro_object *object) {
  uint8_t *state = ouro__has(object, OURO_TRACKED) ? ouro__state(object) : NULL;
  if (!state) return;
  *state = OURO_STATE_YOUNG;
  ouro__list_unit(ouro__unit_number(object), 0);
}

/* Run the finalizer of an object whose count is zero; false: it lives on. */
static bool finalize_dying(ouro_object *object) {
  object->ouro__count = 1;
  begin_anew(object);
  enter();
  ouro__finalize(object);
  leave();
  if (OURO_UNLIKELY(!ouro__is_live(object))) ouro__fatal_object(OURO_FATAL_COUNT_TOO_SMALL, object); /* it released our reference */
  if (ouro__owner(object) != OURO_FIRST_THREAD) { /* it has become immortal, or deferred */
    if (ouro_is_deferred(object)) object->ouro__count--;
    return false;
  }
  return --object->ouro__count == 0;
}

static void release_others(const ouro_type *type, ouro_object *object) {
  for (; type; type = type->base) {
    if (type->release) type->release(object);
  }
}

/* With a finalizer, weak references, scattered slots, a release, or of a type that counts its instances. */
static OURO_NOINLINE void complex_now(ouro_object *object) {
  ouro_type *type = ouro_type_of(object);
  unsigned traits = type->ouro__derived.flags;
  if (traits & OURO_D_FINALIZE && !ouro__has(object, OURO_FINALIZED) && !finalize_dying(object)) return;
  ouro__set_owner(object, OURO__NOBODY);
  enter();
  if (ouro__has(object, OURO_WEAK)) ouro__weak_died(object);
  release_run(object, type->ouro__derived.first, type->ouro__derived.slots);
  if ((traits & OURO_D_SCATTERED) == OURO_D_ITEMS) {
    release_run(object, type->size, ouro__items(object));
  } else if (traits & OURO_D_SCATTERED) {
    ouro_visitor visitor = {release_word};
    ouro__visit_rest(object, &visitor);
  }
  if (traits & OURO_D_RELEASE) release_others(type, object);
  leave();
  free_block(object, traits, ouro__has(object, OURO_ODD) ? 0 : type->ouro__derived.distance);
  if (traits & OURO_D_RUNTIME) ouro__type_left(type);
}

static void with_slots_now(ouro_object *object, const ouro_type *type, size_t next);

/* Most objects: no finalizer or the like, one run of slots, which is often empty already. */
static inline void now(ouro_object *object) {
  const ouro_type *type = ouro_type_of(object);
  if (OURO_UNLIKELY(ouro__has(object, OURO_WEAK | OURO_ODD) || type->ouro__derived.flags & OURO_D_COMPLEX)) {
    complex_now(object);
    return;
  }
  ouro__set_owner(object, OURO__NOBODY);
  ouro_object **slot = ouro__slot_at(object, type->ouro__derived.first);
  for (size_t i = 0; i < type->ouro__derived.slots; i++) {
    if (!slot[i]) continue;
    with_slots_now(object, type, i);
    return;
  }
  free_block(object, type->ouro__derived.flags, type->ouro__derived.distance);
}

/* The slots from number `next` on. What goes with them goes without a call in between, where it has no slots itself. */
static OURO_NOINLINE void with_slots_now(ouro_object *object, const ouro_type *type, size_t next) {
  ouro_object **slot = ouro__slot_at(object, type->ouro__derived.first) + next, **end = slot + type->ouro__derived.slots - next;
  bool deep = ++ouro__at.depth >= NESTED_MOST;
  if (end - slot > 1) OURO_PREFETCH_WRITE(slot[1]); /* while what the first one holds goes */
  for (; slot < end; slot++) {
    ouro_object *child = *slot;
    if (!child) continue;
    if (OURO_UNLIKELY(!ouro__is_mine(child))) {
      ouro__decref_slow(child);
    } else if (--child->ouro__count == 0) {
      if (OURO_UNLIKELY(deep)) {
        put_off(child);
      } else {
        now(child);
      }
    }
  }
  leave();
  free_block(object, type->ouro__derived.flags, type->ouro__derived.distance);
}

void ouro__dealloc(void *dying) {
  ouro_object *object = dying;
  OURO_ASSERT(object->ouro__count == 0 && ouro__is_mine(object));
  if (OURO_UNLIKELY(ouro__at.depth >= NESTED_MOST)) {
    put_off(object);
    return;
  }
  if (OURO_LIKELY(ouro__at.depth)) {
    now(object);
    return;
  }
  now(object);
  if (OURO_UNLIKELY(queue != NULL)) drain();
}
