/* values/step.h - one step of an iterator that one thread at a time runs: generators and the stages of pipelines.
 *
 *     int code = ouro__step_begin(&self->running);
 *     if (code) return code;
 *     ...                                            // the iterator is this thread's; the program's functions may run
 *     ouro__step_end(&self->running);
 *
 * The byte says that somebody runs it. While one thread alone has attached it is set plainly; otherwise by an exchange, which pairs with
 * the release of who ran it last. Steps within each other are counted, as calls of protocols are, so that a long pipeline is refused
 * rather than running out of stack. */
#ifndef OURO_VALUES_STEP_H
#define OURO_VALUES_STEP_H

#include "values/values.h"

/* false: somebody runs it. The thread is attached. */
static inline bool ouro__step_claim(uint8_t *running) {
  if (OURO_LIKELY(ouro__enter_alone())) {
    uint8_t before = OURO__SEE(*running);
    OURO__SET(*running, 1);
    ouro__leave_alone();
    return !before;
  }
  return !ouro__exchange_acquire((_Atomic uint8_t *)running, 1);
}

static inline void ouro__step_release(uint8_t *running) { ouro__store_release((_Atomic uint8_t *)running, 0); }

/* 0, OURO_EBUSY, OURO_EDEEP; or OURO_EPERM, OURO_ENOMEM: the thread cannot attach. */
static inline int ouro__step_begin(uint8_t *running) {
  if (OURO_UNLIKELY(!ouro__attached())) return ouro__code();
  ouro__thread *me = ouro__me;
  if (OURO_UNLIKELY(me->nested >= OURO_DEEPEST)) return OURO_EDEEP;
  if (OURO_UNLIKELY(!ouro__step_claim(running))) return OURO_EBUSY;
  me->nested++;
  return OURO_OK;
}

static inline void ouro__step_end(uint8_t *running) {
  ouro__thread *me = ouro__me; /* perhaps not the record of the beginning, where the program has detached its thread meanwhile */
  if (OURO_LIKELY(me && me->nested)) me->nested--;
  ouro__step_release(running);
}

/* ouro_next, without a call in between where the type says itself how. */
static inline int ouro__next(void *iterator, ouro_slot item) {
  const ouro_protocols *found = ouro_type_of(iterator)->protocols;
  return OURO_LIKELY(found && found->next) ? found->next(iterator, item) : ouro_next(iterator, item);
}

/* Close a stage of a pipeline (pipe.c); OURO_ETYPE: it is none. */
int ouro__stage_close(void *object);

#endif
