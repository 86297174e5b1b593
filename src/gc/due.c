/* gc/due.c - generations: which is collected when; and what a safepoint does. */
#include <limits.h>
#include <string.h>

#include "gc/gc.h"
#include "os/os.h"

/* Called for each thread that attaches. */
void ouro__collector_start(void) {
  static _Atomic bool started;
  size_t length;
  static _Atomic bool many_seen;
  if (ouro__load_relaxed(&ouro__many) && !ouro__load_relaxed(&many_seen) && !atomic_exchange(&many_seen, true)) ouro__gc_set_limit();
  if (atomic_exchange_explicit(&started, true, memory_order_acq_rel)) return;
  /* the program has the last word */
  const char *stress = ouro__load_relaxed(&ouro__gc.stress_set) ? NULL : ouro__conf_find("gc_stress", &length);
  if (stress && length == 1 && *stress >= '0' && *stress <= '9') ouro_gc_set_stress(*stress - '0');
  ouro__report_join();
}

/* ---------------------------------------------------------------- when */

/* With many threads a collection begins by stopping them: as often as with one, and more time would go by with that than with the test. */
enum { MANY_SHIFT = 3 };

static int32_t limit_now(void) {
  int first = ouro__load_relaxed(&ouro__gc.threshold[0]);
  int64_t limit = (int64_t)first << ouro__load_relaxed(&ouro__gc.patience);
  if (ouro__load_relaxed(&ouro__many) && !ouro__load_relaxed(&ouro__gc.exact)) limit <<= MANY_SHIFT;
  if (ouro__load_relaxed(&ouro__gc.stress)) return -1;
  return ouro__load_relaxed(&ouro__gc.disabled) || first == 0 || limit > INT32_MAX ? INT32_MAX : (int32_t)limit;
}

/* Who is the last to set it looks, after it, at what all before have set: the registry's lock orders them. */
void ouro__gc_set_limit(void) {
  int32_t limit;
  do {
    limit = limit_now();
    ouro__set_limits(limit);
  } while (limit != limit_now());
}

enum { PATIENCE_MOST = 6 };

/* Where young objects live, it is no use to look at them early: many more of them will have gone by their counts a little later. So as long
 * as collections find next to nothing, the next one waits for twice as many, up to 32 times, or 64 where as many are old; and no longer
 * once they find some. */
void ouro__learn(const ouro_gc_info *info) {
  unsigned before = ouro__load_relaxed(&ouro__gc.patience), now = before;
  if (ouro__load_relaxed(&ouro__gc.exact)) return;
  if (info->collected < info->candidates / 16) {
    size_t old = ouro__load_relaxed(&ouro__gc.waiting) + ouro__load_relaxed(&ouro__gc.settled);
    size_t twice = (size_t)ouro__load_relaxed(&ouro__gc.threshold[0]) << (before + 1);
    now += before < PATIENCE_MOST - 1 || (before < PATIENCE_MOST && twice <= old);
  } else if (info->collected > info->candidates / 8) {
    now = 0;
  }
  if (now == before) return;
  ouro__store_relaxed(&ouro__gc.patience, now);
  ouro__gc_set_limit();
}

static bool is_over(int generation) {
  return ouro__load_relaxed(&ouro__gc.count[generation]) > ouro__load_relaxed(&ouro__gc.threshold[generation]);
}

/* The oldest generation that is due. The oldest of all waits until what came to it is a quarter of what it had: otherwise a heap that
 * only grows would be walked in whole again and again (CPython's rule, of 2010). */
static int generation_due(void) {
  if (is_over(2) && ouro__load_relaxed(&ouro__gc.waiting) >= ouro__load_relaxed(&ouro__gc.settled) / 4) return 2;
  return is_over(1) ? 1 : 0;
}

/* ---------------------------------------------------------------- a safepoint */

/* A collection that nobody asked for waits no longer than this for the others. */
#define SHORT_PATIENCE UINT64_C(10000000)

/* Who makes so many times what makes a collection due, while another thread collects, waits for that: otherwise several threads could make
 * garbage faster than one takes it away. */
enum { MUCH = 2, RAISED_MOST = 6 };

/* Where a thread did not come, this one makes more objects before it tries again: as many as are usual, then twice as many each
 * time, up to 64 times. */
static _Thread_local struct {
  unsigned raised;
  int64_t since, until; /* objects made: when it was given up, and when it is tried again */
} late;

/* Is it not yet time to try again? Then the limit is raised, unless somebody has just lowered it. */
static bool shall_wait(void) {
  int32_t limit = OURO__SEE(ouro__at.limit), made = OURO__SEE(ouro__at.made);
  if (!late.raised || limit < 0 || made < late.since || made > late.until) return false;
  atomic_compare_exchange_strong((_Atomic int32_t *)&ouro__at.limit, &limit, (int32_t)late.until);
  return true;
}

static void try_later(void) {
  int64_t usual = limit_now();
  late.raised += late.raised < RAISED_MOST;
  late.since = OURO__SEE(ouro__at.made);
  late.until = late.since + ((usual > 0 ? usual : 0) << late.raised);
  if (late.until > INT32_MAX - 1) late.until = INT32_MAX - 1;
  shall_wait();
}

static bool has_made_much(void) { return OURO__SEE(ouro__at.made) / MUCH > OURO__SEE(ouro__at.limit); }

/* Begin, or wait for who does where that is needed; false: another collects. */
static bool begin_or_wait(const void *arrived) {
  if (ouro__gc_begin()) return true;
  if (!has_made_much() || ouro__load_relaxed(&ouro__gc.stress)) return false;
  if (ouro__gc_wait(arrived, SHORT_PATIENCE)) return ouro__gc_begin();
  try_later();
  return false;
}

static void collect_what_is_due(void) {
  bool stress = ouro__load_relaxed(&ouro__gc.stress) != 0;
  ptrdiff_t found = ouro__collect_generation(stress ? 2 : generation_due(), !stress, SHORT_PATIENCE);
  if (found >= 0) {
    late.raised = 0;
  } else {
    try_later();
  }
}

/* What lives of a thread's own collections fills generation 1: as much as usually begins a collection of generation 0 counts as one. */
static void count_own_survivors(size_t survivors) {
  static _Atomic size_t waiting;
  size_t enough = (size_t)ouro__load_relaxed(&ouro__gc.threshold[0]), before = ouro__add_relaxed(&waiting, survivors);
  if (enough && (before + survivors) / enough != before / enough) ouro__add_relaxed(&ouro__gc.count[1], 1);
}

/* By the thread itself, of its confined objects. false: there is more to do, or somebody wants to be told of each collection. */
static bool collect_own(void) {
  ouro_gc_info info = {.generation = 0};
  if (ouro__load_relaxed(&ouro__gc.stress) || ouro__gc_is_told() || is_over(1)) return false;
  uint64_t start = ouro__os_now_ns();
  if (!ouro__collect_confined(&info)) return false;
  info.duration_ns = ouro__os_now_ns() - start;
  count_own_survivors(info.candidates - info.collected);
  ouro__count_stats(&info);
  ouro__learn(&info);
  return OURO__SEE(ouro__at.made) <= ouro__load_relaxed(&ouro__gc.threshold[0]);
}

static void verify_under_stress(void) {
  char text[160];
  size_t wrong = ouro__load_relaxed(&ouro__gc.stress) > 1 ? ouro_gc_verify(text, sizeof text) : 0;
  if (wrong && wrong != SIZE_MAX) ouro__invariant_failed(text);
}

void ouro__safepoint_slow(void) {
  if (!ouro__thread_is_in() || ouro__world_is_mine() || ouro__me->blocking) return;
  ouro__reset_limit();
  ouro__stop_point(OURO_CALLER);
  ouro__take_released();
  ouro__later_run();
  if (!ouro__thread_is_in()) return;
  ouro__report_at_safepoint();
  if (OURO__SEE(ouro__at.made) <= OURO__SEE(ouro__at.limit) || shall_wait()) return;
  if (ouro__gc_is_mine() || collect_own() || !begin_or_wait(OURO_CALLER)) return;
  collect_what_is_due();
  verify_under_stress();
}

/* ---------------------------------------------------------------- settings */

static bool set_disabled(bool disabled) {
  if (!ouro__attached()) return !ouro__load_relaxed(&ouro__gc.disabled);
  bool before = atomic_exchange_explicit(&ouro__gc.disabled, disabled, memory_order_relaxed);
  ouro__gc_set_limit();
  return !before;
}

bool ouro_gc_enable(void) { return set_disabled(false); }
bool ouro_gc_disable(void) { return set_disabled(true); }
bool ouro_gc_is_enabled(void) { return !ouro__load_relaxed(&ouro__gc.disabled); }

int ouro_gc_set_threshold(const int threshold[OURO_GENERATIONS]) {
  if (!threshold || threshold[0] < 0 || threshold[1] < 0 || threshold[2] < 0) return OURO_EINVAL;
  if (!ouro__attached()) return OURO_EPERM;
  ouro__acquire(&ouro__gc.lock);
  for (int i = 0; i < OURO_GENERATIONS; i++) ouro__store_relaxed(&ouro__gc.threshold[i], threshold[i]);
  ouro__store_relaxed(&ouro__gc.exact, true);
  ouro__store_relaxed(&ouro__gc.patience, 0);
  ouro__release(&ouro__gc.lock);
  ouro__gc_set_limit();
  return OURO_OK;
}

void ouro_gc_get_threshold(int threshold[OURO_GENERATIONS]) {
  ouro__acquire(&ouro__gc.lock);
  for (int i = 0; i < OURO_GENERATIONS; i++) threshold[i] = ouro__load_relaxed(&ouro__gc.threshold[i]);
  ouro__release(&ouro__gc.lock);
}

void ouro_gc_get_count(int count[OURO_GENERATIONS]) {
  int64_t made = ouro__made_by_all();
  count[0] = made > INT_MAX ? INT_MAX : made < INT_MIN ? INT_MIN : (int)made;
  for (int i = 1; i < OURO_GENERATIONS; i++) count[i] = ouro__load_relaxed(&ouro__gc.count[i]);
}

void ouro_gc_set_stress(int level) {
  if (!ouro__attached()) return;
  ouro__store_relaxed(&ouro__gc.stress, level < 0 ? 0 : level);
  ouro__store_relaxed(&ouro__gc.stress_set, true);
  ouro__gc_set_limit();
}
