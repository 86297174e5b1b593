/* tests/pairs/threads.c - the entries of <ouro/thread.h>. */
#include "pairs/pairs.h"

BODY(ouro_thread_attach) {
  TEST_CHECK(ouro_thread_attach() == OURO_OK);
  ouro_incref(me->all->x);
  ouro_decref(me->all->x);
}
BODY(ouro_thread_detach) {
  ouro_incref(me->all->y);
  ouro_decref(me->all->y);
  TEST_CHECK(ouro_thread_detach() == OURO_OK);
}
BODY(ouro_thread_is_attached) {
  (void)me;
  ouro_thread_is_attached();
}
BODY(ouro_thread_count) {
  (void)me;
  TEST_CHECK(ouro_thread_count() <= 2);
}
BODY(ouro_safepoint) {
  (void)me;
  ouro_safepoint();
}
BODY(ouro_blocking_begin) {
  (void)me;
  ouro_blocking_begin();
  ouro_blocking_end();
}
/* Within each other. */
BODY(ouro_blocking_end) {
  (void)me;
  ouro_blocking_begin();
  ouro_blocking_begin();
  ouro_blocking_end();
  ouro_blocking_end();
}
BODY(ouro_stop_stats_get) {
  ouro_stop_stats stats;
  (void)me;
  ouro_stop_stats_get(&stats);
  TEST_CHECK(stats.given_up == 0);
}
BODY(ouro_section_begin) {
  ouro_section section;
  ouro_section_begin(&section, me->all->x);
  ouro_setref(&me->all->x->b, me->all->y);
  ouro_section_end(&section);
}
BODY(ouro_section_begin2) {
  ouro_section section;
  ouro_section_begin2(&section, me->number ? me->all->y : me->all->x, me->number ? me->all->x : me->all->y);
  ouro_setref(&me->all->x->b, NULL);
  ouro_section_end(&section);
}
/* Within each other, and suspended by what blocks. */
BODY(ouro_section_end) {
  ouro_section outer, inner;
  ouro_section_begin(&outer, me->number ? me->all->y : me->all->x);
  ouro_section_begin(&inner, me->number ? me->all->x : me->all->y);
  if (me->turn % 4 == 0) {
    ouro_blocking_begin();
    ouro_blocking_end();
  }
  ouro_section_end(&inner);
  ouro_section_end(&outer);
}
BODY(ouro_free_later) { ouro_free_later(ouro_malloc(16 + me->turn * 100)); }
BODY(ouro_later_bytes) {
  (void)me;
  ouro_later_bytes();
}
BODY(ouro_later_flush) {
  (void)me;
  TEST_CHECK(ouro_later_flush());
}

const entry thread_entries[] = {
    ENTRY(ouro_thread_attach),  ENTRY(ouro_thread_detach),  ENTRY(ouro_thread_is_attached), ENTRY(ouro_thread_count),
    ENTRY(ouro_safepoint),      ENTRY(ouro_blocking_begin), ENTRY(ouro_blocking_end),       ENTRY(ouro_stop_stats_get),
    ENTRY(ouro_section_begin),  ENTRY(ouro_section_begin2), ENTRY(ouro_section_end),        ENTRY(ouro_free_later),
    ENTRY(ouro_later_bytes),    ENTRY(ouro_later_flush),    {NULL, NULL},
};
