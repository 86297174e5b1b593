/* values/generator.c - generators: resuming the function, and what happens when it ends.
 *
 * A resumption is a STEP (step.h) in which the function is called as often as it delegates. What it returns is 1, an item; or how it
 * ends. Then
 *
 *   while it is RUNNING      what it delegated to is closed; the function is called once more, at its clean-up; it is ENDED
 *   when it runs no longer   its slots are cleared, and the error is raised
 *
 * in this order, because what goes with the slots may do anything, also ask this generator for an item: it finds it at its end. A clean-up
 * may raise and catch errors of its own; so the error with which the generator ends is kept in `thrown` meanwhile.
 *
 * I-GEN-1  a generator's fields change, but for its header, only while `ouro__running` is set, or by the thread that ended it
 * I-GEN-2  ouro__at == ENDED: nothing of it changes any more, but that the thread that ended it clears its slots, and `thrown`
 * I-GEN-3  `ouro__inner` is not NULL: it delegates, and the function is not called before that is over
 *
 * The collector finds a generator suspended in garbage by its finalizer (PEP 442; CPython's gen_close_iter and _PyGen_Finalize). */
#include "values/step.h"

#include <ouro/generator.h>

enum {
  UNWINDS = OURO__GENERATOR_UNWINDS,
  ENDED = INT32_MIN,
  ENDS = 4, /* beside what the function returns: it has ended just now, by this thread */
};

static const ouro_generator_type *type_of(const ouro_generator *self) {
  const ouro_generator_type *type = (const ouro_generator_type *)(const void *)ouro_type_of(self);
  OURO_ASSERT(type->type.base == &ouro_generator_base);
  return type;
}

static inline int call_step(ouro_generator *self, ouro_slot item) { return type_of(self)->step(self, item); }

static bool has_ended(const ouro_generator *self) { return OURO__SEE(self->ouro__at) == ENDED; }

/* ---------------------------------------------------------------- ending */

/* That is what went wrong, instead of what was before. */
static void note(ouro_generator *self, int code) {
  void *raised = code == OURO_ERAISED ? ouro_raised_take() : NULL;
  self->code = (int16_t)(code >= INT16_MIN ? code : OURO_EINVAL);
  if (raised || code != OURO_ERAISED) ouro_movref(&self->thrown, raised);
}

static void close_inner(ouro_generator *self) {
  void *inner = ouro_steal(&self->ouro__inner);
  if (!inner) return;
  int code = ouro_is_generator(inner) ? ouro_generator_close(inner) : OURO_OK;
  if (code) note(self, code);
  ouro_decref(inner);
}

/* The clean-up cannot be resumed: what it yields is let go of. */
static int clean_up(ouro_generator *self) {
  void *item = NULL;
  int code = call_step(self, &item);
  if (code == OURO_OK || code == OURO__RETURNS || code < 0) return code;
  if (code == OURO__YIELDS) ouro_xdecref(item);
  ouro_clear(&self->ouro__inner);
  return OURO_EINVAL;
}

/* It ends, with `code` and `thrown`; `returned`: `sent` is its result. */
static int finish(ouro_generator *self, bool returned) {
  int saved = errno;
  if (!returned) ouro_clear(&self->sent);
  close_inner(self);
  OURO__SET(self->ouro__at, UNWINDS);
  int code = clean_up(self);
  if (code < 0) note(self, code);
  if (code != OURO_ESYSTEM) errno = saved;
  if (self->code) ouro_clear(&self->sent);
  OURO__SET(self->ouro__at, ENDED);
  return ENDS;
}

/* The function has returned that, and not yielded. */
static int ended(ouro_generator *self, int code) {
  bool returned = code == OURO__RETURNS;
  note(self, returned ? OURO_OK : code <= 0 ? code : OURO_EINVAL);
  return finish(self, returned);
}

static void empty(ouro_visitor *visitor, uintptr_t *word, void *object, uintptr_t nothing) {
  (void)visitor;
  *word = nothing;
  ouro_decref(object);
}

/* What a finished generator of that type and its bases up to ours holds. */
static void clear_slots(ouro_generator *self) {
  ouro_visitor visitor = {empty};
  for (const ouro_type *type = ouro_type_of(self); type && type != &ouro_generator_base; type = type->base) {
    for (const uint32_t *slot = type->references; slot && *slot != UINT32_MAX; slot++) ouro_clear((char *)self + *slot);
    if (type->visit) type->visit(self, &visitor);
  }
}

/* The step in which it ended is over. */
static int settle(ouro_generator *self) {
  int code = self->code, saved = errno;
  void *thrown = ouro_steal(&self->thrown);
  clear_slots(self);
  if (code == OURO_ERAISED && thrown) ouro_raise(thrown);
  ouro_xdecref(thrown);
  errno = saved;
  return code;
}

static inline int end_step(ouro_generator *self, int code) {
  ouro__step_end(&self->ouro__running);
  return OURO_LIKELY(code != ENDS) ? code : settle(self);
}

/* ---------------------------------------------------------------- going on */

static OURO_NOINLINE void forget_caught(ouro_generator *self) {
  self->code = OURO_OK;
  ouro_clear(&self->thrown);
}

/* What one delegates to has come to its end, with that code: does the function go on? */
static bool delegation_ended(ouro_generator *self, int code) {
  ouro_generator *inner = ouro_steal(&self->ouro__inner);
  note(self, code);
  if (code == OURO_OK) ouro_movref(&self->sent, ouro_is_generator(inner) ? ouro_xnewref(inner->sent) : NULL);
  ouro_decref(inner);
  return code == OURO_OK || self->ouro__at < 0;
}

/* The function goes on where it stands. 1, or ENDS. */
static int go_on(ouro_generator *self, ouro_slot item) {
  for (;;) {
    int code = call_step(self, item);
    if (OURO_UNLIKELY(self->code != 0)) forget_caught(self);
    if (OURO_LIKELY(code == OURO__YIELDS)) return OURO__YIELDS;
    if (code != OURO__DELEGATES) return ended(self, code);
    code = ouro__next(self->ouro__inner, item);
    if (code == 1) return OURO__YIELDS;
    if (!delegation_ended(self, code)) return finish(self, false);
  }
}

/* The inner iterator has given an item, or ended. */
static int take_answer(ouro_generator *self, int code, ouro_slot item) {
  if (OURO_LIKELY(code == 1)) return OURO__YIELDS;
  return delegation_ended(self, code) ? go_on(self, item) : finish(self, false);
}

static int next(void *object, ouro_slot item) {
  ouro_generator *self = object;
  int code = ouro__step_begin(&self->ouro__running);
  if (OURO_UNLIKELY(code != OURO_OK)) return code;
  if (OURO_UNLIKELY(self->ouro__inner != NULL)) {
    code = take_answer(self, ouro__next(self->ouro__inner, item), item);
  } else if (OURO_LIKELY(self->ouro__at != ENDED)) {
    if (self->sent) ouro_clear(&self->sent);
    code = go_on(self, item);
  }
  return end_step(self, code);
}

/* ---------------------------------------------------------------- what the macros call */

int ouro__generator_failed(void) { return ouro__code(); }

int ouro__generator_delegates(ouro_generator *self, ouro_ref iterable) {
  if (!iterable) return ouro__code();
  void *iterator = NULL;
  int code = ouro_iterate(iterable, &iterator);
  if (code == OURO_OK) ouro_movref(&self->ouro__inner, iterator);
  ouro_decref(iterable);
  return code == OURO_OK ? OURO__DELEGATES : code;
}

int ouro__generator_returns(ouro_generator *self, ouro_ref value) {
  if (!value) return ouro__code();
  ouro_movref(&self->sent, value);
  return OURO__RETURNS;
}

/* ---------------------------------------------------------------- the interface */

ouro_ref ouro_generator_new(ouro_generator_type *type) {
  bool fits = type && type->step && type->type.base == &ouro_generator_base;
  return fits ? ouro_new(&type->type) : ouro__fail(OURO_EINVAL);
}

static int send(ouro_generator *self, void *value, ouro_slot item) {
  if (has_ended(self)) return OURO_OK;
  if (self->ouro__at == 0 && value) return OURO_EINVAL;
  if (!self->ouro__inner) {
    ouro_setref(&self->sent, value);
    return go_on(self, item);
  }
  if (value && !ouro_is_generator(self->ouro__inner)) return OURO_ETYPE;
  int code = value ? ouro_generator_send(self->ouro__inner, value, item) : ouro__next(self->ouro__inner, item);
  return take_answer(self, code, item);
}

int ouro_generator_send(void *generator, void *value, ouro_slot item) {
  if (!generator || !item) return OURO_EINVAL;
  if (!ouro_is_generator(generator)) return OURO_ETYPE;
  ouro_generator *self = generator;
  int code = ouro__step_begin(&self->ouro__running);
  if (code) return code;
  return end_step(self, send(self, ouro_is_none(value) ? NULL : value, item));
}

/* Here, and not in what it delegates to. */
static int throw_here(ouro_generator *self, void *error, ouro_slot item) {
  self->code = OURO_ERAISED;
  ouro_setref(&self->thrown, error);
  return self->ouro__at < 0 ? go_on(self, item) : finish(self, false);
}

static int throw(ouro_generator *self, void *error, ouro_slot item) {
  if (has_ended(self)) return ouro_raise(error);
  if (self->ouro__inner && ouro_is_generator(self->ouro__inner)) {
    return take_answer(self, ouro_generator_throw(self->ouro__inner, error, item), item);
  }
  ouro_clear(&self->ouro__inner);
  return throw_here(self, error, item);
}

int ouro_generator_throw(void *generator, void *error, ouro_slot item) {
  if (!generator || !error || !item) return OURO_EINVAL;
  if (!ouro_is_generator(generator)) return OURO_ETYPE;
  ouro_generator *self = generator;
  int code = ouro__step_begin(&self->ouro__running);
  if (code) return code;
  return end_step(self, throw(self, error, item));
}

/* However deep: a chain of delegations is never longer than steps may be deep. */
static int close_it(ouro_generator *self) {
  if (!ouro__attached()) return ouro__code();
  if (!ouro__step_claim(&self->ouro__running)) return OURO_EBUSY;
  ouro__me->nested++;
  int code = OURO_OK;
  if (!has_ended(self)) {
    note(self, OURO_OK);
    code = finish(self, false);
  }
  return end_step(self, code);
}

int ouro_generator_close(void *generator) {
  if (!generator) return OURO_EINVAL;
  return ouro_is_generator(generator) ? close_it(generator) : ouro__stage_close(generator);
}

ouro_ref ouro_generator_result(void *generator) {
  if (!generator || !ouro_is_generator(generator)) return ouro__fail(generator ? OURO_ETYPE : OURO_EINVAL);
  ouro_generator *self = generator;
  if (!ouro__attached()) return NULL;
  if (!ouro__step_claim(&self->ouro__running)) return ouro__fail(OURO_EBUSY);
  void *result = !has_ended(self) ? ouro__fail(OURO_EBUSY) : ouro_newref(self->sent ? self->sent : ouro_none);
  ouro__step_release(&self->ouro__running);
  return result;
}

int ouro_generator_state(const void *generator) {
  if (!generator || !ouro_is_generator(generator)) return generator ? OURO_ETYPE : OURO_EINVAL;
  const ouro_generator *self = generator;
  if (has_ended(self)) return OURO_GENERATOR_ENDED;
  if (OURO__SEE(self->ouro__running)) return OURO_GENERATOR_RUNNING;
  return OURO__SEE(self->ouro__at) ? OURO_GENERATOR_SUSPENDED : OURO_GENERATOR_NEW;
}

/* ---------------------------------------------------------------- the type */

/* Nobody is there to be told how the clean-up went; and an error that is on its way in this thread stays there. */
static void finalize(void *object) {
  ouro_generator *self = object;
  if (has_ended(self) || self->ouro__running) return;
  int saved = errno;
  void *raised = ouro_raised_take();
  if (close_it(self) == OURO_ERAISED) ouro_xdecref(ouro_raised_take());
  if (raised) ouro_raise(raised);
  ouro_xdecref(raised);
  errno = saved;
}

/* Where it stands cannot be copied, as in Python: what it waits for would then be shared by two. */
static int refuse_copy(void *self, ouro_copier *copier, ouro_slot copy) {
  (void)self, (void)copier, (void)copy;
  return OURO_ETYPE;
}

const ouro_protocols ouro__generator_protocols = {.next = next, .copy = refuse_copy};

ouro_type ouro_generator_base = {
    .name = "generator",
    .size = sizeof(ouro_generator),
    .references = OURO_REFERENCES(offsetof(ouro_generator, sent), offsetof(ouro_generator, thrown), offsetof(ouro_generator, ouro__inner)),
    .finalize = finalize,
    .protocols = &ouro__generator_protocols,
};
