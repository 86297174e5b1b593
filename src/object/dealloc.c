/* object/dealloc.c - how objects go: at once, in order, and on a bounded stack.
 *
 * What an object held alone goes within its own deallocation, as in CPython; but only NESTED_MOST deep. What would go deeper is put in
 * a queue, dead already, and deallocated when the outermost deallocation has come to its end: so the order is the natural one for all
 * but deep structures, and a chain of any length goes on a small stack. */
#include "object/object.h"

enum { NESTED_MOST = 50 };

/* Dead objects that wait for this thread, linked through their counts: an address has 43 bits that are not zero, and of the first 8 bytes
 * all but the flags are free. */
static _Thread_local ouro_object *queue;

enum { FLAGS = 0xff };

static void set_link(ouro_object *object, const ouro_object *next) {
  uint64_t link = (uintptr_t)next >> 4;
  object->ouro__count = (uint32_t)link;
  OURO__SET(object->ouro__shared, (uint32_t)(link >> 32) << 8 | (object->ouro__shared & FLAGS));
}

static ouro_object *link_of(const ouro_object *object) {
  return (ouro_object *)(uintptr_t)(((uint64_t)(object->ouro__shared >> 8) << 32 | object->ouro__count) << 4);
}

/* What can still be found, or is held by others, is first decided about. */
static void put_off(ouro_object *object) {
  bool shared = ouro__load_acquire(ouro__shared(object)) != 0;
  if (OURO_UNLIKELY(shared) && !ouro__was_last(object, false)) return;
  if (ouro__is_live(object)) ouro__set_owner(object, OURO__NOBODY);
  set_link(object, queue);
  queue = object;
}

/* The last reference has gone: it is this thread's to free, and a watched one is not to be found meanwhile. */
static void begin_to_die(ouro_object *object, uint32_t flags) {
  ouro__store_relaxed(ouro__shared(object), flags & OURO_S_WATCHED ? flags | OURO_S_DYING : flags);
  ouro__change_owner(object, ouro__at.id);
}

static void now(ouro_object *object);

/* The outermost deallocation has ended. */
static OURO_NOINLINE void drain(void) {
  while (queue) {
    ouro_object *object = queue;
    queue = link_of(object);
    object->ouro__count = 0;
    begin_to_die(object, object->ouro__shared & FLAGS);
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
  int32_t made = OURO__SEE(ouro__at.made);
  OURO__SET(ouro__at.made, made - ((made > 0) & (int32_t)(traits / OURO_D_CONTAINER & 1))); /* before another object may lie there */
  if (OURO_LIKELY(distance != 0)) {
    ouro__object_free(distance, object);
  } else {
    free_odd(object);
  }
}

static void release_word(ouro_visitor *visitor, uintptr_t *word, void *object, uintptr_t empty) {
  (void)visitor;
  if (!word) return; /* the keeper goes last */
  *word = empty;
  ouro__release_ref(object);
}

/* An error that is on its way in this thread stays there; one that the finalizer raises, and does not take, is nobody's. */
void ouro__finalize(ouro_object *object) {
  const ouro_type *type = ouro_type_of(object);
  ouro__thread *me = ouro__me;
  while (type && !type->finalize) type = type->base;
  if (!type || ouro__has(object, OURO_FINALIZED)) return;
  ouro__set_bit(object, OURO_FINALIZED);
  void *raised = me->raised;
  me->raised = NULL;
  type->finalize(object);
  void *left = me->raised;
  me->raised = raised;
  if (left) ouro_decref(left);
}

/* Who may come back is young again, as in CPython. */
static void begin_anew(ouro_object *object) {
  uint8_t *state = ouro__has(object, OURO_TRACKED) ? ouro__state(object) : NULL;
  if (!state) return;
  OURO__SET(*state, OURO_STATE_YOUNG);
  ouro__list_unit(ouro__unit_number(object), 0);
}

/* Run the finalizer of an object that is held by that alone, with a count of 1; false: it lives on. */
static bool finalize_dying(ouro_object *object) {
  begin_anew(object);
  enter();
  ouro__me->keep++;
  ouro__finalize(object);
  ouro__me->keep--;
  leave();
  if (OURO_UNLIKELY(!ouro__is_live(object))) ouro__fatal_object(OURO_FATAL_COUNT_TOO_SMALL, object); /* it released our reference */
  if (OURO_UNLIKELY(!ouro__is_mine(object))) { /* merged meanwhile, or it has become immortal, or deferred */
    ouro__decref_slow(object);
    return false;
  }
  return ouro__step_down(&object->ouro__count) == 0;
}

/* The count is zero: is it dead? false: others hold it, or its finalizer has brought it back. Afterwards it is dead. */
static bool dies(ouro_object *object, unsigned traits) {
  bool finalize = traits & OURO_D_FINALIZE && !ouro__has(object, OURO_FINALIZED);
  if (finalize) {
    if (ouro__load_acquire(ouro__shared(object)) == 0) {
      OURO__SET(object->ouro__count, 1);
    } else if (!ouro__was_last(object, true)) {
      return false;
    }
    if (!finalize_dying(object)) return false;
  }
  if (ouro__load_acquire(ouro__shared(object)) != 0 && !ouro__was_last(object, false)) return false;
  if (ouro__is_live(object)) ouro__set_owner(object, OURO__NOBODY);
  return true;
}

static inline void release_others(const ouro_type *type, ouro_object *object) {
  for (; type; type = type->base) {
    if (type->release) type->release(object);
  }
}

/* All but the first run of slots, and the keeper. */
static inline void release_scattered(const ouro_type *type, ouro_object *object, unsigned scattered) {
  if (scattered == OURO_D_ITEMS) {
    release_run(object, type->size, ouro__items(object));
    return;
  }
  ouro_visitor visitor = {release_word};
  if (scattered == OURO_D_VISIT && !type->base) {
    type->visit(object, &visitor);
  } else {
    ouro__visit_rest(object, &visitor); /* also what the release would have released: it finds NULL */
  }
}

/* With a finalizer, weak references, scattered slots, a release, of a type that counts its instances, or one that others count too. */
static OURO_NOINLINE void complex_now(ouro_object *object) {
  ouro_type *type = ouro_type_of(object);
  unsigned traits = type->ouro__derived.flags;
  if (!dies(object, traits)) return;
  ouro_object *keeper = type->keeper;
  enter();
  if (ouro__has(object, OURO_WEAK)) ouro__weak_died(object);
  release_run(object, type->ouro__derived.first, type->ouro__derived.slots);
  unsigned scattered = traits & OURO_D_SCATTERED & ~(unsigned)OURO_D_KEEPER;
  if (traits & OURO_D_RELEASES) scattered &= ~(unsigned)OURO_D_VISIT;
  if (scattered) release_scattered(type, object, scattered);
  if (traits & OURO_D_RELEASE) release_others(type, object);
  leave();
  free_block(object, traits, ouro__has(object, OURO_ODD) ? 0 : type->ouro__derived.distance);
  if (traits & OURO_D_RUNTIME) ouro__type_left(type);
  if (keeper) ouro__release_ref(keeper); /* and perhaps the type with it */
}

static void with_slots_now(ouro_object *object, const ouro_type *type, size_t next);

/* With items, and nothing else that is special. */
static OURO_NOINLINE void var_now(ouro_object *object, const ouro_type *type) {
  unsigned traits = type->ouro__derived.flags;
  ouro__set_owner(object, OURO__NOBODY);
  if (type->ouro__derived.slots || traits & OURO_D_ITEMS) {
    enter();
    release_run(object, type->ouro__derived.first, type->ouro__derived.slots);
    if (traits & OURO_D_ITEMS) release_run(object, type->size, ouro__items(object));
    leave();
  }
  free_block(object, traits, 0);
}

/* Most objects: no finalizer or the like, one run of slots, which is often empty already. The acquire pairs with the release of
 * others who counted it. */
static inline void now(ouro_object *object) {
  const ouro_type *type = ouro_type_of(object);
  if (OURO_UNLIKELY(ouro__load_acquire(ouro__shared(object)) || ouro__has(object, OURO_WEAK | OURO_ODD) ||
                    type->ouro__derived.flags & OURO_D_COMPLEX)) {
    bool var = (type->ouro__derived.flags & OURO_D_COMPLEX) == OURO_D_VAR && !ouro__load_relaxed(ouro__shared(object));
    if (var && !ouro__has(object, OURO_WEAK)) {
      var_now(object, type);
    } else {
      complex_now(object);
    }
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
      ouro__release_ref(child);
      continue;
    }
    if (ouro__step_down(&child->ouro__count) != 0) continue;
    if (OURO_UNLIKELY(deep)) {
      put_off(child);
    } else {
      now(child);
    }
  }
  leave();
  free_block(object, type->ouro__derived.flags, type->ouro__derived.distance);
}

void ouro__dealloc(void *dying) {
  ouro_object *object = dying;
  OURO_ASSERT(OURO__SEE(object->ouro__count) == 0 && ouro__is_mine(object));
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

/* The thread that released it last becomes its owner: the rest is as for any other. */
void ouro__dealloc_merged(ouro_object *object) {
  uint32_t flags = ouro__load_relaxed(ouro__shared(object)) & (OURO_S_WATCHED | OURO_S_LOCKED | OURO_S_LOCK_WAITED);
  bool watched = flags & OURO_S_WATCHED;
  ouro__watch watch = {NULL, NULL, false};
  if (watched) watch = ouro__watch_begin(object);
  begin_to_die(object, flags);
  if (watched) ouro__watch_end(watch);
  ouro__dealloc(object);
}
