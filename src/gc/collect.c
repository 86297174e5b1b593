/* gc/collect.c - generations: which is collected when, and what is counted about it. */
#include <limits.h>
#include <string.h>

#include "gc/gc.h"
#include "os/os.h"

ouro__collector ouro__gc = {.threshold = {2000, 10, 10}};

void ouro__collector_start(void) {
  size_t length;
  const char *stress = ouro__gc.stress_set ? NULL : ouro__conf_find("gc_stress", &length); /* the program has the last word */
  if (stress && length == 1 && *stress >= '0' && *stress <= '9') ouro_gc_set_stress(*stress - '0');
  ouro__report_join();
}

/* ---------------------------------------------------------------- when */

void ouro__gc_set_limit(void) {
  int32_t limit = ouro__gc.disabled || ouro__gc.threshold[0] == 0 ? INT32_MAX : ouro__gc.threshold[0] << ouro__gc.patience;
  ouro__young_limit = ouro__gc.stress ? -1 : limit;
  if (ouro__at.id != OURO__NO_THREAD) ouro__at.limit = ouro__young_limit;
}

enum { PATIENCE_MOST = 6 };

/* Where young objects live, it is no use to look at them early: many more of them will have gone by their counts a little later. So as
 * long as collections find next to nothing, the next one waits for twice as many, up to 32 times, or 64 where as many are old; and no longer once they find some. */
static void learn(const ouro_gc_info *info) {
  unsigned before = ouro__gc.patience;
  if (ouro__gc.exact) return;
  if (info->collected < info->candidates / 16) {
    size_t old = ouro__gc.waiting + ouro__gc.settled, twice = (size_t)ouro__gc.threshold[0] << (before + 1);
    ouro__gc.patience += before < PATIENCE_MOST - 1 || (before < PATIENCE_MOST && twice <= old);
  } else if (info->collected > info->candidates / 8) {
    ouro__gc.patience = 0;
  }
  if (ouro__gc.patience != before) ouro__gc_set_limit();
}

/* The oldest generation that is due. The oldest of all waits until what came to it is a quarter of what it had: otherwise a heap that
 * only grows would be walked in whole again and again (CPython's rule, of 2010). */
static int generation_due(void) {
  if (ouro__gc.count[2] > ouro__gc.threshold[2] && ouro__gc.waiting >= ouro__gc.settled / 4) return 2;
  return ouro__gc.count[1] > ouro__gc.threshold[1] ? 1 : 0;
}

/* ---------------------------------------------------------------- units that have no more to be listed for */

static bool holds(const ouro__side *side, uint8_t wanted) { return side->state && memchr(side->state, wanted, side->numbers); }

static void relist(unsigned list, uint8_t wanted) {
  uint32_t *link = &ouro__units_listed[list];
  while (*link != OURO_UNIT_END) {
    ouro__side *side = &ouro__hot_sides[*link];
    if (holds(side, wanted)) {
      link = &side->next[list];
    } else {
      side->listed = (uint8_t)(side->listed & ~(1u << list));
      *link = side->next[list];
    }
  }
}

static void list_all_young_as_middle(void) {
  for (uint32_t unit = ouro__units_listed[0]; unit != OURO_UNIT_END; unit = ouro__hot_sides[unit].next[0]) ouro__list_unit(unit, 1);
}

/* ---------------------------------------------------------------- a collection */

static const ouro__scope scopes[OURO_GENERATIONS] = {OURO_SCOPE_YOUNG, OURO_SCOPE_MIDDLE, OURO_SCOPE_ALL};

static void count_collection(int generation) {
  ouro__at.made = 0;
  for (int younger = 1; younger <= generation; younger++) ouro__gc.count[younger] = 0;
  if (generation + 1 < OURO_GENERATIONS) ouro__gc.count[generation + 1]++;
}

static void count_survivors(int generation, size_t survivors) {
  if (generation == 1) ouro__gc.waiting += survivors;
  if (generation == 2) {
    ouro__gc.waiting = 0;
    ouro__gc.settled = survivors;
  }
}

static void count_stats(const ouro_gc_info *info) {
  ouro_gc_stats *stats = &ouro__gc.stats[info->generation];
  stats->collections++;
  stats->collected += info->collected;
  stats->uncollectable += info->uncollectable;
  stats->candidates += info->candidates;
  stats->duration_ns += info->duration_ns;
  if (stats->longest_ns < info->duration_ns) stats->longest_ns = info->duration_ns;
}

static void collect(ouro_gc_info *info) {
  int generation = info->generation;
  ouro__scope scope = scopes[generation];
  uint8_t next = generation == 0 ? OURO_STATE_MIDDLE : OURO_STATE_OLD;
  uint64_t start = ouro__os_now_ns();
  count_collection(generation);
  if (generation == 1) list_all_young_as_middle();
  ouro__verdict verdict = ouro__test(scope, (uint8_t)(OURO_STATE_YOUNG - generation), OURO_STATE_YOUNG, next);
  count_survivors(generation, verdict.members - verdict.garbage);
  info->candidates = verdict.members;
  if (verdict.garbage) {
    ouro__outcome outcome = ouro__dispose(scope, &verdict, next);
    info->collected = outcome.collected;
    info->uncollectable = outcome.uncollectable;
  }
  relist(0, OURO_STATE_YOUNG);
  if (generation > 0) relist(1, OURO_STATE_MIDDLE);
  info->duration_ns = ouro__os_now_ns() - start;
  info->stop = true;
}

static ptrdiff_t collect_generation(int generation, bool was_due) {
  ouro_gc_info info = {.generation = generation};
  ouro__gc.collecting = true;
  ouro__gc_call_back(&info);
  collect(&info);
  count_stats(&info);
  if (was_due) learn(&info);
  if (ouro__gc.debug & OURO_GC_DEBUG_STATS) ouro__gc_say_collection(&info);
  ouro__gc_call_back(&info);
  ouro__gc.collecting = false;
  return (ptrdiff_t)(info.collected + info.uncollectable);
}

ptrdiff_t ouro_gc_collect(int generation) {
  if (generation < 0 || generation >= OURO_GENERATIONS) return OURO_EINVAL;
  if (!ouro__attached()) return OURO_EPERM;
  if (ouro__gc.collecting) return 0;
  return collect_generation(generation, false);
}

void ouro__safepoint_slow(void) {
  if (ouro__gc.collecting || ouro__at.id == OURO__NO_THREAD) return;
  if (!ouro__gc.stress) {
    collect_generation(generation_due(), true);
    return;
  }
  collect_generation(2, false);
  char text[160];
  size_t wrong = ouro__gc.stress > 1 ? ouro_gc_verify(text, sizeof text) : 0;
  if (wrong && wrong != SIZE_MAX) ouro__invariant_failed(text);
}

/* ---------------------------------------------------------------- settings */

bool ouro_gc_enable(void) {
  bool before = !ouro__gc.disabled;
  if (!ouro__attached()) return before;
  ouro__gc.disabled = false;
  ouro__gc_set_limit();
  return before;
}

bool ouro_gc_disable(void) {
  bool before = !ouro__gc.disabled;
  if (!ouro__attached()) return before;
  ouro__gc.disabled = true;
  ouro__gc_set_limit();
  return before;
}

bool ouro_gc_is_enabled(void) { return !ouro__gc.disabled; }

int ouro_gc_set_threshold(const int threshold[OURO_GENERATIONS]) {
  if (!threshold || threshold[0] < 0 || threshold[1] < 0 || threshold[2] < 0) return OURO_EINVAL;
  if (!ouro__attached()) return OURO_EPERM;
  memcpy(ouro__gc.threshold, threshold, sizeof ouro__gc.threshold);
  ouro__gc.exact = true;
  ouro__gc.patience = 0;
  ouro__gc_set_limit();
  return OURO_OK;
}

void ouro_gc_get_threshold(int threshold[OURO_GENERATIONS]) { memcpy(threshold, ouro__gc.threshold, sizeof ouro__gc.threshold); }

void ouro_gc_get_count(int count[OURO_GENERATIONS]) {
  memcpy(count, ouro__gc.count, sizeof ouro__gc.count);
  count[0] = ouro__at.made;
}

void ouro_gc_get_stats(ouro_gc_stats stats[OURO_GENERATIONS]) { memcpy(stats, ouro__gc.stats, sizeof ouro__gc.stats); }

void ouro_gc_set_stress(int level) {
  if (!ouro__attached()) return;
  ouro__gc.stress = level < 0 ? 0 : level;
  ouro__gc.stress_set = true;
  ouro__gc_set_limit();
}
