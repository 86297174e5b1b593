/* values/guard.c - the slow ways of guard.h: locking, opening, closing. */
#include "values/guard.h"

/* Locked reads of a thread until it opens an object. Closing costs as much as some hundreds of them: so an object that is changed as often
 * as it is read costs a tenth more at worst. */
enum { READS_TO_OPEN = 4096 };

static _Thread_local uint32_t locked_reads;

static void close_if_open(void *object) {
  if (OURO_UNLIKELY(ouro__load_relaxed(ouro__lock_word(object)) & OURO_OPEN_BIT)) ouro__close(object);
}

void ouro__hold_write_slow(ouro__hold *hold, void *object) {
  ouro__must_attach(object);
  hold->how = OURO__HOLD_LOCKED;
  ouro_section_begin(&hold->section, object);
  close_if_open(object);
}

void ouro__hold_read_slow(ouro__hold *hold, void *object) {
  ouro__must_attach(object);
  hold->how = OURO__HOLD_LOCKED;
  ouro_section_begin(&hold->section, object);
  if (++locked_reads % READS_TO_OPEN == 0) ouro__open(object);
}

void ouro__hold_two(ouro__hold *hold, void *first, void *second) {
  if (OURO_LIKELY(ouro__enter_alone())) {
    hold->how = OURO__HOLD_ALONE;
    return;
  }
  ouro__must_attach(first);
  hold->how = OURO__HOLD_LOCKED;
  ouro_section_begin2(&hold->section, first, second);
  close_if_open(first);
  close_if_open(second);
}
