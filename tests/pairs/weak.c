/* tests/pairs/weak.c - the entries of <ouro/weak.h>. */
#include "pairs/pairs.h"

static void hear_nothing(ouro_weak *weak, void *data, void *held) {
  (void)weak;
  (void)data;
  (void)held;
}

static void run_nothing(void *data, void *held) {
  (void)data;
  (void)held;
}

BODY(ouro_weak_new) {
  ouro_weak *weak = ouro_weak_new(me->all->y); /* nobody else keeps the one that all share */
  TEST_CHECK(weak != NULL);
  drop(weak);
}
BODY(ouro_weak_new_callback) {
  ouro_weak *weak = ouro_weak_new_callback(me->all->x, hear_nothing, me, me->all->y);
  TEST_CHECK(weak != NULL);
  drop(weak);
}
BODY(ouro_weak_get) {
  thing *got = ouro_weak_get(me->turn % 2 ? me->all->weak : me->all->heard);
  TEST_CHECK(got == me->all->x);
  drop(got);
}
BODY(ouro_weak_is_dead) { TEST_CHECK(!ouro_weak_is_dead(me->all->weak)); }
BODY(ouro_weak_count) { TEST_CHECK(ouro_weak_count(me->all->x) >= 2); }
BODY(ouro_weak_list) {
  ouro_weak *list[4];
  TEST_CHECK(ouro_weak_list(me->all->x, list, 4) >= 2 && list[0] == me->all->weak);
}
BODY(ouro_weak_has_callback) {
  TEST_CHECK(ouro_weak_has_callback(me->all->heard) && !ouro_weak_has_callback(me->all->weak));
}

BODY(ouro_finalize) {
  ouro_finalizer *finalizer = ouro_finalize(me->all->x, run_nothing, me, NULL);
  TEST_CHECK(finalizer != NULL);
  ouro_finalizer_detach(finalizer);
  drop(finalizer);
}
BODY(ouro_finalizer_call) { ouro_finalizer_call(me->all->finalizer); }
BODY(ouro_finalizer_detach) { ouro_finalizer_detach(me->all->finalizer); }
BODY(ouro_finalizer_is_alive) { ouro_finalizer_is_alive(me->all->finalizer); }
BODY(ouro_finalizer_peek) {
  thing *got = ouro_finalizer_peek(me->all->finalizer);
  TEST_CHECK(got == NULL || got == me->all->x);
  ouro_xdecref(got);
}
BODY(ouro_finalizer_set_atexit) { ouro_finalizer_set_atexit(me->all->finalizer, me->turn % 2); }
BODY(ouro_finalizer_atexit) { ouro_finalizer_atexit(me->all->finalizer); }
BODY(ouro_finalizers_run) {
  ouro_finalizer *finalizer = ouro_finalize(me->all->y, run_nothing, me, NULL);
  ouro_finalizers_run();
  drop(finalizer);
}

const entry weak_entries[] = {
    ENTRY(ouro_weak_new),          ENTRY(ouro_weak_new_callback), ENTRY(ouro_weak_get),           ENTRY(ouro_weak_is_dead),
    ENTRY(ouro_weak_count),        ENTRY(ouro_weak_list),         ENTRY(ouro_weak_has_callback),  ENTRY(ouro_finalize),
    ENTRY(ouro_finalizer_call),    ENTRY(ouro_finalizer_detach),  ENTRY(ouro_finalizer_is_alive), ENTRY(ouro_finalizer_peek),
    ENTRY(ouro_finalizer_set_atexit), ENTRY(ouro_finalizer_atexit), ENTRY(ouro_finalizers_run),   {NULL, NULL},
};
