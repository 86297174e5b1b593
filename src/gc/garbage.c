/* gc/garbage.c - what happens to the condemned, in the order that <ouro/gc.h> promises.
 *
 * Whoever is condemned has the state OURO_STATE_TRASH, and is found by walking over the list of garbage: there is no list of objects, and
 * so no memory that could be missing.
 *
 *   world stopped   survey; spare what is never collected; clear weak references with callbacks
 *   going on        call the callbacks; run finalizers: each object is found with the world stopped, and held from then on
 *   world stopped   test again; clear weak references without callbacks; own and hold each that is still condemned
 *   going on        clear their references; release them
 *
 * From the second stop on nobody else can find them, and none goes before it is released here: so no byte says that something is condemned
 * which is another object by now. */
#include "gc/gc.h"

typedef struct disposal {
  size_t noticed;          /* of the condemned: how many have something that anybody could notice */
  size_t finalizers, weak; /* how many have a finalizer to run, and how many are referred to weakly */
  size_t unfree;           /* how many are of types that are never collected */
  size_t kept;             /* the length of the garbage list before this */
  ouro_weak *chain;        /* weak references whose callbacks are to be called */
  unsigned debug;
} disposal;

OURO_INLINE void each(disposal *it, ouro__each_fn fn) { ouro__each_in_state(OURO_SCOPE_GARBAGE, OURO_STATE_TRASH, fn, it); }

static void set_stage(ouro__stage stage) { ouro__store_relaxed(&ouro__garbage.stage, stage); }

enum { NOTICED = OURO_D_FINALIZE | OURO_D_RELEASE | OURO_D_RUNTIME | OURO_D_KEEPER | OURO_D_UNCOLLECTABLE };

/* What is confined to one thread is so no longer: finalizers run on this one. */
static void survey(ouro_object *object, uint8_t *state, void *arg) {
  if (OURO_UNLIKELY(object->ouro__shared & OURO_S_CONFINED)) ouro__disown(object);
  disposal *it = arg;
  unsigned traits = ouro__traits(object);
  bool found = ouro__has(object, OURO_WEAK) || object->ouro__shared & OURO_S_WATCHED;
  (void)state;
  it->noticed += traits & NOTICED || found;
  it->finalizers += traits & OURO_D_FINALIZE && !ouro__has(object, OURO_FINALIZED);
  it->weak += found || ouro_type_of(object) == &ouro_weak_callback_type;
  it->unfree += (traits & OURO_D_UNCOLLECTABLE) != 0;
}

/* ---------------------------------------------------------------- what is never collected, and all that it reaches */

static void set_aside(ouro_object *object, uint8_t *state, void *arg) {
  (void)arg;
  if (!(ouro__traits(object) & OURO_D_UNCOLLECTABLE)) return;
  *state = OURO_STATE_PENDING;
  ouro__gc_keep(object);
}

static size_t spare_uncollectable(disposal *it) {
  if (!it->unfree) return 0;
  each(it, set_aside);
  return ouro__spare(OURO_SCOPE_GARBAGE, ouro__garbage.survivors);
}

/* ---------------------------------------------------------------- weak references */

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

/* ---------------------------------------------------------------- while the program runs in between
 *
 * Others may free any of the condemned, that they found by a weak reference, or that a finalizer gave them. So those that are looked at are
 * looked for with the world stopped, some at a time, and held. Where there is one thread, it need not be stopped. */

enum { AT_ONCE = 128 };

typedef struct search {
  bool (*wanted)(const ouro_object *object);
  size_t unit;
  unsigned number; /* the next one there */
  unsigned done, count;
  ouro_object *found[AT_ONCE];
} search;

static search held; /* of the collecting thread; in a child of fork, what it held is still to be released */

static void look_through_unit(search *it, unsigned most) {
  const ouro__side *side = &ouro__hot_sides[it->unit];
  while (side->state && it->number < side->numbers && it->count < most) {
    unsigned number = it->number++;
    if (number % 8 == 0 && ouro__none_of_eight(side->state + number, OURO_STATE_TRASH)) {
      it->number += 7;
      continue;
    }
    ouro_object *object = ouro__object_at(it->unit, side, number);
    if (OURO__SEE(side->state[number]) != OURO_STATE_TRASH || !ouro__is_live(object) || !it->wanted(object)) continue;
    ouro_incref(object);
    it->found[it->count++] = object;
  }
}

static void look_further(search *it, unsigned most) {
  it->done = it->count = 0;
  while (it->unit != OURO_UNIT_END && it->count < most) {
    look_through_unit(it, most);
    if (it->count == most) break;
    it->unit = ouro__next_unit(OURO_SCOPE_GARBAGE, it->unit);
    it->number = 0;
  }
}

/* false: the world could not be stopped. Deferred objects are not counted but with a lock: so not alone. */
static bool find_some(search *it, uint64_t patience_ns) {
  if (!ouro__garbage.full && ouro__enter_alone()) {
    look_further(it, 1);
    ouro__leave_alone();
    return true;
  }
  if (!ouro__world_stop(patience_ns)) return false;
  look_further(it, ouro__load_relaxed(&ouro__many) ? AT_ONCE : 1);
  ouro__world_start();
  return true;
}

static void release_held(void) {
  while (held.done < held.count) ouro_decref(held.found[held.done++]);
}

static bool each_held(bool (*wanted)(const ouro_object *), void (*fn)(ouro_object *), uint64_t patience_ns) {
  held.wanted = wanted;
  held.unit = ouro__first_unit(OURO_SCOPE_GARBAGE);
  held.number = 0;
  do {
    if (!find_some(&held, patience_ns)) return false;
    while (held.done < held.count) {
      ouro_object *object = held.found[held.done];
      fn(object);
      held.done++;
      ouro_decref(object);
      ouro__gc_progress();
    }
  } while (held.count);
  return true;
}

static bool is_to_be_finalized(const ouro_object *object) {
  return ouro__traits(object) & OURO_D_FINALIZE && !ouro__has(object, OURO_FINALIZED);
}

static bool is_any(const ouro_object *object) {
  (void)object;
  return true;
}

static void name_collectable(ouro_object *object) { ouro__gc_say_object("collectable", object); }

/* Begins with the world stopped, and ends so; false: it could not be stopped again. */
static bool let_program_run(disposal *it, uint64_t patience_ns) {
  bool found = true;
  ouro__world_start();
  if (it->debug & OURO_GC_DEBUG_UNCOLLECTABLE) ouro__gc_say_kept(it->kept);
  if (it->debug & OURO_GC_DEBUG_COLLECTABLE) found = each_held(is_any, name_collectable, patience_ns);
  ouro__weak_call(it->chain);
  ouro__gc_progress();
  if (it->finalizers) found = found && each_held(is_to_be_finalized, ouro__finalize, patience_ns);
  return found && ouro__world_stop(patience_ns);
}

/* ---------------------------------------------------------------- the end */

static void save(ouro_object *object, uint8_t *state, void *arg) {
  (void)arg;
  if (ouro__has(object, OURO_WEAK)) ouro__weak_clear(object);
  *state = ouro__garbage.survivors;
  if (*state == OURO_STATE_MIDDLE) ouro__list_unit(ouro__unit_number(object), 1);
  ouro__gc_keep(object);
}

static void own(ouro_object *object, uint8_t *state, void *arg) {
  (void)state;
  (void)arg;
  if (!ouro__is_mine(object) || object->ouro__shared) ouro__adopt(object);
}

/* Nobody finds it from now on, and it does not go before it is released. */
static void own_and_hold(ouro_object *object, uint8_t *state, void *arg) {
  if (ouro__has(object, OURO_WEAK)) ouro__weak_clear(object);
  own(object, state, arg);
  if (object->ouro__shared & OURO_S_WATCHED) object->ouro__shared |= OURO_S_DYING;
  object->ouro__count++;
}

static void clear(ouro_object *object) {
  const ouro_type *type = ouro_type_of(object);
  if (type->ouro__derived.flags & OURO_D_SCATTERED) {
    ouro__clear_all(object);
  } else {
    ouro_object **slot = ouro__slot_at(object, type->ouro__derived.first);
    for (uint32_t i = 0; i < type->ouro__derived.slots; i++) ouro_clear(&slot[i]);
  }
  ouro__gc_progress();
  if (OURO_UNLIKELY(ouro__load_relaxed(&ouro__stop_wanted))) ouro__stop_point(NULL);
}

static void clear_it(ouro_object *object, uint8_t *state, void *arg) {
  (void)state;
  (void)arg;
  clear(object);
}

static void release_left(void) {
  for (ouro_object *object = ouro__next_left(); object; object = ouro__next_left()) {
    ouro_decref(object);
    ouro__gc_progress();
  }
}

static void take_apart(void) {
  release_left(); /* of before a fork */
  ouro__each_in_state(OURO_SCOPE_GARBAGE, OURO_STATE_TRASH, clear_it, NULL);
  while (ouro__take_garbage_unit(ouro__garbage.survivors)) release_left();
  ouro__store_relaxed(&ouro__sweeping, false);
  set_stage(OURO_STAGE_NONE);
}

static void finish(disposal *it) {
  if (it->debug & OURO_GC_DEBUG_SAVEALL) {
    each(it, save);
    set_stage(OURO_STAGE_NONE);
    ouro__gather_again();
    ouro__world_start();
    return;
  }
  ouro__gather_again();
  each(it, own_and_hold);
  set_stage(OURO_STAGE_CLEARED);
  ouro__store_relaxed(&ouro__sweeping, true);
  ouro__world_start();
  take_apart();
}

/* Finalizers and callbacks may have brought some back, and so may others who found them by weak references; and whatever these
 * reach. */
static ouro__outcome with_care(disposal *it, size_t condemned, uint64_t patience_ns) {
  const unsigned says = OURO_GC_DEBUG_COLLECTABLE | OURO_GC_DEBUG_UNCOLLECTABLE;
  ouro__outcome outcome = {0, 0, false};
  set_stage(OURO_STAGE_JUDGED);
  outcome.uncollectable = spare_uncollectable(it);
  if (it->weak) each(it, clear_with_callback);
  outcome.collected = condemned - outcome.uncollectable;
  if (it->finalizers || it->chain || it->debug & says) {
    if (!let_program_run(it, patience_ns)) {
      outcome.collected = 0;
      outcome.given_up = true;
      return outcome;
    }
    outcome.collected =
        ouro__test(OURO_SCOPE_GARBAGE, ouro__garbage.full, OURO_STATE_TRASH, OURO_STATE_TRASH, ouro__garbage.survivors).garbage;
  }
  finish(it);
  return outcome;
}

ouro__outcome ouro__dispose(const ouro__verdict *verdict, uint64_t patience_ns) {
  disposal it = {.debug = ouro__load_relaxed(&ouro__gc.debug) & OURO_GC_DEBUG_LEAK, .kept = ouro_gc_garbage_count()};
  if (verdict->traits & NOTICED || verdict->weak || verdict->deferred || it.debug) {
    each(&it, survey);
    if (it.noticed || it.debug) return with_care(&it, verdict->garbage, patience_ns);
    if (verdict->deferred) each(&it, own);
  }
  ouro__sweep();
  return (ouro__outcome){verdict->garbage, 0, false};
}

/* ---------------------------------------------------------------- what was left */

static void let_all_survive(void) {
  while (ouro__take_garbage_unit(ouro__garbage.survivors)) {
    for (ouro_object *object = ouro__next_left(); object; object = ouro__next_left()) {
      if (!ouro__is_live(object)) *ouro__state(object) = OURO_STATE_NONE;
    }
  }
  set_stage(OURO_STAGE_NONE);
  ouro__world_start();
  release_held();
}

static void take_over(void) {
  ouro__each_in_state(OURO_SCOPE_GARBAGE, OURO_STATE_TRASH, own, NULL);
  ouro__world_start();
  take_apart();
}

bool ouro__finish_leftovers(uint64_t patience_ns) {
  ouro__stage stage = ouro__stage_now();
  if (stage == OURO_STAGE_NONE) return true;
  if (!ouro__world_stop(patience_ns)) return false;
  switch (stage) {
    case OURO_STAGE_SWEPT: ouro__sweep(); break;
    case OURO_STAGE_CLEARED: take_over(); break;
    default: let_all_survive();
  }
  return true;
}
