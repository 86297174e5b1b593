/* gc/garbage.c - what happens to the condemned, in the order that <ouro/gc.h> promises.
 *
 * Whoever is condemned has the state OURO_STATE_TRASH, and is found by walking: there is no list, and so no memory that could be missing.
 * What runs in between may free the condemned, and even make new objects in their place; those have other states. */
#include "gc/gc.h"

typedef struct disposal {
  ouro__scope scope;
  uint8_t survivors;       /* the state of what lives on, as of all that this collection keeps */
  size_t finalizers, weak; /* of the condemned: how many have a finalizer to run, and how many are referred to weakly */
  size_t unfree;           /* how many are of types that are never collected */
  ouro_weak *chain;        /* weak references whose callbacks are to be called */
} disposal;

OURO_INLINE void each(const disposal *it, ouro__each_fn fn) {
  ouro__each_in_state(it->scope, OURO_STATE_TRASH, fn, (void *)(uintptr_t)it);
}

static void survey(ouro_object *object, uint8_t *state, void *arg) {
  disposal *it = arg;
  unsigned traits = ouro__traits(object);
  (void)state;
  it->finalizers += traits & OURO_D_FINALIZE && !ouro__has(object, OURO_FINALIZED);
  it->weak += ouro__has(object, OURO_WEAK) || ouro_type_of(object) == &ouro_weak_callback_type;
  it->unfree += (traits & OURO_D_UNCOLLECTABLE) != 0;
}

/* ---------------------------------------------------------------- what is never collected, and all that it reaches */

static void set_aside(ouro_object *object, uint8_t *state, void *arg) {
  (void)arg;
  if (!(ouro__traits(object) & OURO_D_UNCOLLECTABLE)) return;
  *state = OURO_STATE_PENDING;
  if (ouro__gc.debug & OURO_GC_DEBUG_UNCOLLECTABLE) ouro__gc_say_object("uncollectable", object);
  ouro__gc_keep(object);
}

static size_t spare_uncollectable(disposal *it) {
  if (!it->unfree) return 0;
  each(it, set_aside);
  return ouro__spare(it->scope, it->survivors);
}

/* ---------------------------------------------------------------- weak references and finalizers */

static bool is_trash(const ouro_object *object) {
  const uint8_t *state = ouro__state(object);
  return state && *state == OURO_STATE_TRASH;
}

static void clear_with_callback(ouro_object *object, uint8_t *state, void *arg) {
  disposal *it = arg;
  (void)state;
  ouro__weak_silence(object);
  if (ouro__has(object, OURO_WEAK)) it->chain = ouro__weak_condemned(object, is_trash, it->chain);
}

static void call_callbacks(disposal *it) {
  if (!it->weak) return;
  each(it, clear_with_callback);
  ouro__weak_call(it->chain);
}

static void finalize(ouro_object *object, uint8_t *state, void *arg) {
  (void)state;
  (void)arg;
  if (!(ouro__traits(object) & OURO_D_FINALIZE) || ouro__has(object, OURO_FINALIZED)) return;
  ouro_incref(object);
  ouro__finalize(object);
  ouro_decref(object);
}

static void clear_weak(ouro_object *object, uint8_t *state, void *arg) {
  (void)state;
  (void)arg;
  if (ouro__has(object, OURO_WEAK)) ouro__weak_clear(object);
}

/* ---------------------------------------------------------------- the end */

static void let_survive(const disposal *it, ouro_object *object, uint8_t *state) {
  *state = it->survivors;
  if (it->survivors == OURO_STATE_MIDDLE) ouro__list_unit(ouro__unit_number(object), 1);
}

static void save(ouro_object *object, uint8_t *state, void *arg) {
  let_survive(arg, object, state);
  ouro__gc_keep(object);
}

/* Whoever is still there after this survives. */
static void clear(const disposal *it, ouro_object *object, uint8_t *state) {
  const ouro_type *type = ouro_type_of(object);
  let_survive(it, object, state);
  if (ouro_is_deferred(object)) ouro__set_owner(object, OURO_FIRST_THREAD); /* from now on its last reference counts */
  ouro_incref(object);
  if (type->ouro__derived.flags & OURO_D_SCATTERED) {
    ouro__clear_all(object);
  } else {
    ouro_object **slot = ouro__slot_at(object, type->ouro__derived.first);
    for (uint32_t i = 0; i < type->ouro__derived.slots; i++) ouro_clear(&slot[i]);
  }
  ouro_decref(object);
}

static void clear_mutable(ouro_object *object, uint8_t *state, void *arg) {
  if (!(ouro__traits(object) & OURO_D_IMMUTABLE)) clear(arg, object, state);
}

static void clear_rest(ouro_object *object, uint8_t *state, void *arg) {
  clear(arg, object, state);
}

static void name_collectable(ouro_object *object, uint8_t *state, void *arg) {
  (void)state;
  (void)arg;
  ouro__gc_say_object("collectable", object);
}

/* Finalizers and callbacks may have brought some back, and whatever these reach. */
static size_t test_again(const disposal *it, size_t condemned) {
  bool ran = it->finalizers || it->chain;
  return ran ? ouro__test(it->scope, OURO_STATE_TRASH, OURO_STATE_TRASH, it->survivors).garbage : condemned;
}

/* What went by its count meanwhile still says that it is condemned, and the next collection must not take it for that. */
static void forget_the_dead(ouro__scope scope) {
  for (size_t unit = ouro__first_unit(scope); unit != OURO_UNIT_END; unit = ouro__next_unit(scope, unit)) {
    const ouro__side *side = &ouro__hot_sides[unit];
    for (unsigned i = 0; side->state && i < side->numbers; i++) {
      if (side->state[i] == OURO_STATE_TRASH) side->state[i] = OURO_STATE_NONE;
    }
  }
}

static ouro__outcome with_care(ouro__scope scope, size_t condemned, uint8_t survivors) {
  disposal it = {.scope = scope, .survivors = survivors};
  ouro__outcome outcome = {0, 0};
  each(&it, survey);
  outcome.uncollectable = spare_uncollectable(&it);
  if (ouro__gc.debug & OURO_GC_DEBUG_COLLECTABLE) each(&it, name_collectable);
  call_callbacks(&it);
  if (it.finalizers) each(&it, finalize);
  outcome.collected = test_again(&it, condemned - outcome.uncollectable);
  if (it.weak || it.finalizers) each(&it, clear_weak);
  if (ouro__gc.debug & OURO_GC_DEBUG_SAVEALL) {
    each(&it, save);
  } else {
    each(&it, clear_mutable);
    each(&it, clear_rest);
  }
  forget_the_dead(scope);
  return outcome;
}

enum { NOTICED = OURO_D_FINALIZE | OURO_D_RELEASE | OURO_D_RUNTIME | OURO_D_UNCOLLECTABLE };

ouro__outcome ouro__dispose(ouro__scope scope, const ouro__verdict *verdict, uint8_t survivors) {
  bool debugging = ouro__gc.debug & OURO_GC_DEBUG_LEAK;
  if (verdict->traits & NOTICED || verdict->weak || debugging) return with_care(scope, verdict->garbage, survivors);
  ouro__sweep(scope);
  return (ouro__outcome){verdict->garbage, 0};
}
