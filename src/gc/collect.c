/* gc/collect.c - a collection, and what is counted about it. */
#include "gc/gc.h"
#include "os/os.h"

ouro__collector ouro__gc = {.lock = OURO_LOCK_INIT(OURO_RANK_LISTS), .threshold = {2000, 10, 10}};

static const ouro__scope scopes[OURO_GENERATIONS] = {OURO_SCOPE_YOUNG, OURO_SCOPE_MIDDLE, OURO_SCOPE_ALL};

/* ---------------------------------------------------------------- counting */

static void count_collection(int generation) {
  ouro__set_made_of_all(0);
  for (int younger = 1; younger <= generation; younger++) ouro__store_relaxed(&ouro__gc.count[younger], 0);
  if (generation + 1 < OURO_GENERATIONS) ouro__add_relaxed(&ouro__gc.count[generation + 1], 1);
}

static void count_survivors(int generation, size_t survivors) {
  if (generation == 1) ouro__add_relaxed(&ouro__gc.waiting, survivors);
  if (generation == 2) {
    ouro__store_relaxed(&ouro__gc.waiting, 0);
    ouro__store_relaxed(&ouro__gc.settled, survivors);
  }
}

void ouro__count_stats(const ouro_gc_info *info) {
  ouro_gc_stats *stats = &ouro__gc.stats[info->generation];
  ouro__acquire(&ouro__gc.lock);
  stats->collections++;
  stats->collected += info->collected;
  stats->uncollectable += info->uncollectable;
  stats->candidates += info->candidates;
  stats->duration_ns += info->duration_ns;
  if (stats->longest_ns < info->duration_ns) stats->longest_ns = info->duration_ns;
  ouro__release(&ouro__gc.lock);
}

void ouro_gc_get_stats(ouro_gc_stats stats[OURO_GENERATIONS]) {
  ouro__acquire(&ouro__gc.lock);
  memcpy(stats, ouro__gc.stats, sizeof ouro__gc.stats);
  ouro__release(&ouro__gc.lock);
}

/* ---------------------------------------------------------------- a collection */

static void list_all_young_as_middle(void) {
  for (size_t unit = ouro__first_unit(OURO_SCOPE_YOUNG); unit != OURO_UNIT_END; unit = ouro__next_unit(OURO_SCOPE_YOUNG, unit)) {
    ouro__list_unit(unit, 1);
  }
}

/* With the world stopped: find the garbage, and put its units in their list. */
static ouro__verdict find_garbage(int generation) {
  ouro__scope scope = scopes[generation];
  uint8_t next = generation == 0 ? OURO_STATE_MIDDLE : OURO_STATE_OLD;
  bool full = generation == OURO_GENERATIONS - 1;
  ouro__confined_join_all();
  count_collection(generation);
  if (generation == 1) list_all_young_as_middle();
  ouro__verdict verdict = ouro__test(scope, full, (uint8_t)(OURO_STATE_YOUNG - generation), OURO_STATE_YOUNG, next);
  count_survivors(generation, verdict.members - verdict.garbage);
  ouro__gather_garbage(scope, verdict.garbage > 0);
  ouro__garbage.survivors = next;
  ouro__garbage.full = full;
  return verdict;
}

/* false: a thread did not come, and nothing was freed. */
static bool collect(ouro_gc_info *info, uint64_t patience_ns) {
  uint64_t start = ouro__os_now_ns();
  bool stopped = ouro__finish_leftovers(patience_ns) && ouro__world_stop(patience_ns);
  if (stopped) {
    ouro__verdict verdict = find_garbage(info->generation);
    info->candidates = verdict.members;
    if (verdict.garbage) {
      ouro__outcome outcome = ouro__dispose(&verdict, patience_ns);
      info->collected = outcome.collected;
      info->uncollectable = outcome.uncollectable;
      stopped = !outcome.given_up;
    } else {
      ouro__world_start();
    }
  }
  info->duration_ns = ouro__os_now_ns() - start;
  info->stop = true;
  return stopped;
}

ptrdiff_t ouro__collect_generation(int generation, bool was_due, uint64_t patience_ns) {
  ouro_gc_info info = {.generation = generation};
  ouro__me->keep++;
  ouro__gc_call_back(&info);
  bool done = collect(&info, patience_ns);
  if (done) {
    ouro__count_stats(&info);
    if (was_due) ouro__learn(&info);
    if (ouro__load_relaxed(&ouro__gc.debug) & OURO_GC_DEBUG_STATS) ouro__gc_say_collection(&info);
  }
  ouro__gc_call_back(&info);
  ouro__me->keep--;
  ptrdiff_t found = done ? (ptrdiff_t)(info.collected + info.uncollectable) : OURO_EBUSY;
  ouro__gc_end(generation, found);
  return found;
}

ptrdiff_t ouro_gc_collect(int generation) {
  if (generation < 0 || generation >= OURO_GENERATIONS) return OURO_EINVAL;
  uint64_t before = ouro__gc_last_begun();
  if (!ouro__attached()) return OURO_EPERM;
  if (ouro__gc_is_mine() || ouro__world_is_mine()) return 0;
  if (ouro__me->blocking) return OURO_EBUSY;
  while (!ouro__gc_begin()) {
    ptrdiff_t found;
    if (!ouro__gc_wait(OURO_CALLER, 0)) return OURO_EBUSY;
    if (ouro__gc_found_since(before, generation, &found)) return found;
  }
  return ouro__collect_generation(generation, false, 0);
}
