/* tests/pairs/collector.c - the entries of <ouro/gc.h>. What they set for the whole process is set back when a pair ends. */
#include "pairs/pairs.h"

BODY(ouro_gc_collect) {
  drop(thing_ring(&plain_thing, 2));
  TEST_CHECK(ouro_gc_collect((int)(me->turn % OURO_GENERATIONS)) >= 0);
}
BODY(ouro_gc_enable) {
  (void)me;
  ouro_gc_enable();
}
BODY(ouro_gc_disable) {
  (void)me;
  ouro_gc_disable();
}
BODY(ouro_gc_is_enabled) {
  (void)me;
  ouro_gc_is_enabled();
}
BODY(ouro_gc_set_threshold) {
  const int threshold[OURO_GENERATIONS] = {me->turn % 2 ? 5 : 2000, 2, 2};
  TEST_CHECK(ouro_gc_set_threshold(threshold) == OURO_OK);
}
BODY(ouro_gc_get_threshold) {
  int threshold[OURO_GENERATIONS];
  (void)me;
  ouro_gc_get_threshold(threshold);
  TEST_CHECK(threshold[0] == 2000 || threshold[0] == 5);
}
BODY(ouro_gc_get_count) {
  int count[OURO_GENERATIONS];
  (void)me;
  ouro_gc_get_count(count);
}
BODY(ouro_gc_get_stats) {
  ouro_gc_stats stats[OURO_GENERATIONS];
  (void)me;
  ouro_gc_get_stats(stats);
}
BODY(ouro_gc_get_objects) { TEST_CHECK(ouro_gc_get_objects((int)(me->turn % 4) - 1, see, me) == OURO_OK); }
BODY(ouro_gc_get_referrers) {
  void *const objects[] = {me->all->x, me->all->y};
  TEST_CHECK(ouro_gc_get_referrers(objects, 2, see, me) == OURO_OK);
}
BODY(ouro_gc_get_referents) {
  void *const objects[] = {me->all->x, me->all->visited};
  TEST_CHECK(ouro_gc_get_referents(objects, 2, see, me) == OURO_OK);
}
BODY(ouro_gc_is_tracked) { ouro_gc_is_tracked(me->all->x); }
BODY(ouro_gc_is_finalized) { TEST_CHECK(!ouro_gc_is_finalized(me->all->x)); }
BODY(ouro_gc_untrack) { ouro_gc_untrack(me->all->x); }
BODY(ouro_gc_track) {
  ouro_gc_untrack(me->all->x);
  TEST_CHECK(ouro_gc_track(me->all->x) == OURO_OK);
}
BODY(ouro_gc_freeze) {
  (void)me;
  ouro_gc_freeze();
}
BODY(ouro_gc_unfreeze) {
  (void)me;
  ouro_gc_unfreeze();
}
BODY(ouro_gc_get_freeze_count) {
  (void)me;
  ouro_gc_get_freeze_count();
}

static void hear(const ouro_gc_info *info, void *arg) {
  TEST_CHECK(info->generation >= 0 && info->generation < OURO_GENERATIONS && arg != NULL);
}
BODY(ouro_gc_callback_add) {
  TEST_CHECK(ouro_gc_callback_add(hear, me) == OURO_OK);
  drop(thing_new());
  TEST_CHECK(ouro_gc_callback_remove(hear, me) == OURO_OK);
}
BODY(ouro_gc_callback_remove) { TEST_CHECK(ouro_gc_callback_remove(hear, me) == OURO_EINVAL); }

static void write_out(void *arg, const char *text, size_t length) {
  TEST_CHECK(arg == text || length > 0);
}
BODY(ouro_gc_set_debug) {
  unsigned flags[] = {0, OURO_GC_DEBUG_STATS, OURO_GC_DEBUG_LEAK, OURO_GC_DEBUG_COLLECTABLE};
  ouro_gc_set_debug_writer(write_out, NULL);
  TEST_CHECK(ouro_gc_set_debug(flags[me->turn % 4]) == OURO_OK);
}
BODY(ouro_gc_get_debug) {
  (void)me;
  ouro_gc_get_debug();
}
BODY(ouro_gc_set_debug_writer) { ouro_gc_set_debug_writer(write_out, me->turn % 2 ? me : NULL); }
BODY(ouro_gc_garbage_count) {
  (void)me;
  ouro_gc_garbage_count();
}
BODY(ouro_gc_garbage_at) { ouro_gc_garbage_at(me->turn % 2); }
BODY(ouro_gc_garbage_clear) {
  (void)me;
  ouro_gc_garbage_clear();
}
BODY(ouro_gc_verify) {
  char text[128] = "";
  (void)me;
  if (ouro_gc_verify(text, sizeof text) != 0) {
    test_failed(text, __FILE__, __LINE__);
  }
}
BODY(ouro_gc_set_stress) { ouro_gc_set_stress((int)(me->turn % 2)); }

const entry gc_entries[] = {
    ENTRY(ouro_gc_collect),       ENTRY(ouro_gc_enable),           ENTRY(ouro_gc_disable),       ENTRY(ouro_gc_is_enabled),
    ENTRY(ouro_gc_set_threshold), ENTRY(ouro_gc_get_threshold),    ENTRY(ouro_gc_get_count),     ENTRY(ouro_gc_get_stats),
    ENTRY(ouro_gc_get_objects),   ENTRY(ouro_gc_get_referrers),    ENTRY(ouro_gc_get_referents), ENTRY(ouro_gc_is_tracked),
    ENTRY(ouro_gc_is_finalized),  ENTRY(ouro_gc_untrack),          ENTRY(ouro_gc_track),         ENTRY(ouro_gc_freeze),
    ENTRY(ouro_gc_unfreeze),      ENTRY(ouro_gc_get_freeze_count), ENTRY(ouro_gc_callback_add),  ENTRY(ouro_gc_callback_remove),
    ENTRY(ouro_gc_set_debug),     ENTRY(ouro_gc_get_debug),        ENTRY(ouro_gc_set_debug_writer), ENTRY(ouro_gc_garbage_count),
    ENTRY(ouro_gc_garbage_at),    ENTRY(ouro_gc_garbage_clear),    ENTRY(ouro_gc_verify),        ENTRY(ouro_gc_set_stress),
    {NULL, NULL},
};
