/* gc/turns.c - one collection at a time: who has its turn, and who waits for it.
 *
 * A turn lasts while finalizers and callbacks run, so its lock is none of those of base/: it may be held for long, by a thread that waits
 * for the very thread that would wait for it. So who waits gives up when the collection makes no progress for as long as a thread may be
 * late (OURO_CONF=stop_ms). */
#include "gc/gc.h"
#include "os/os.h"

enum { FREE, TAKEN, WAITED_FOR };

static struct {
  _Atomic uint32_t state;
  _Atomic(const ouro__here *) thread; /* of the thread that collects: its own storage tells it from all others */
  _Atomic uint64_t begun;             /* how many have begun */
  _Atomic uint32_t progress;
  struct {
    uint64_t begun;
    ptrdiff_t found;
  } ended[OURO_GENERATIONS];          /* of the last one that took that generation. Collector's lock */
} turn;

bool ouro__gc_is_mine(void) { return ouro__load_relaxed(&turn.thread) == &ouro__at; }

bool ouro__gc_begin(void) {
  uint32_t expected = FREE;
  if (!ouro__cas_acquire(&turn.state, &expected, TAKEN)) return false;
  ouro__store_relaxed(&turn.thread, &ouro__at);
  ouro__add_relaxed(&turn.begun, 1);
  return true;
}

uint64_t ouro__gc_last_begun(void) { return ouro__load_relaxed(&turn.begun); }

static void let_go(void) {
  ouro__store_relaxed(&turn.thread, NULL);
  if (atomic_exchange_explicit(&turn.state, FREE, memory_order_acq_rel) == WAITED_FOR) ouro__wake(&turn.state, INT32_MAX);
}

/* What was given up is not what others waited for. */
void ouro__gc_end(int generation, ptrdiff_t found) {
  ouro__acquire(&ouro__gc.lock);
  for (int each = 0; each <= generation && found >= 0; each++) {
    turn.ended[each].begun = ouro__load_relaxed(&turn.begun);
    turn.ended[each].found = found;
  }
  ouro__release(&ouro__gc.lock);
  let_go();
}

void ouro__collector_left(void) {
  if (ouro__gc_is_mine()) ouro__gc_end(0, OURO_EBUSY);
}

bool ouro__gc_found_since(uint64_t number, int generation, ptrdiff_t *found) {
  ouro__acquire(&ouro__gc.lock);
  bool since = turn.ended[generation].begun > number;
  *found = turn.ended[generation].found;
  ouro__release(&ouro__gc.lock);
  return since;
}

/* ---------------------------------------------------------------- waiting */

void ouro__gc_progress(void) { ouro__add_relaxed(&turn.progress, 1); }

/* Does it still run? Then it will wake who waits. */
static bool is_taken(void) {
  uint32_t state = TAKEN;
  return ouro__cas_acquire(&turn.state, &state, WAITED_FOR) || state == WAITED_FOR;
}

static bool wait_out(uint64_t most) {
  uint64_t since = ouro__os_now_ns();
  uint32_t seen = ouro__load_relaxed(&turn.progress);
  while (is_taken()) {
    ouro__wait(&turn.state, WAITED_FOR, most / 8 + 1);
    uint32_t now = ouro__load_relaxed(&turn.progress);
    if (now != seen || ouro__load_relaxed(&ouro__stop_wanted)) since = ouro__os_now_ns();
    seen = now;
    if (ouro__os_now_ns() - since > most) return !is_taken();
  }
  return true;
}

bool ouro__gc_wait(const void *arrived, uint64_t patience_ns) {
  uint64_t most = patience_ns ? patience_ns : ouro__stop_patience();
  ouro__go_out(arrived);
  bool ended = wait_out(most);
  ouro__come_in();
  return ended;
}

/* ---------------------------------------------------------------- fork */

void ouro__collector_fork(int moment) {
  if (moment == OURO_FORK_BEFORE_ALL) ouro__acquire(&ouro__gc.lock);
  if (moment == OURO_FORK_IN_PARENT) ouro__release(&ouro__gc.lock);
  if (moment != OURO_FORK_IN_CHILD) return;
  ouro__lock_reset(&ouro__gc.lock);
  ouro__report_forked();
  if (ouro__gc_is_mine()) return; /* it goes on in the child */
  /* What it had condemned is the next collection's (ouro__finish_leftovers). */
  ouro__store_relaxed(&turn.thread, NULL);
  ouro__store_relaxed(&turn.state, FREE);
}
