/* tests/model/open.c - objects that are open to readers (src/thread/open.c, src/values/guard.h), searched: two threads that read, and open the
 * object when they have its lock; one that changes it. No reader ever sees half a change.
 *
 * What a thread stores plainly waits in its processor's store buffer (of two), and is seen by others later, by a step of its own; before
 * anything locked the buffer is emptied. So it is on x86-64. The barrier that the writer asks for empties everybody's. */
#include "open.h"

#include <string.h>

enum { READERS = 2, WRITER = 2, THREADS = 3, BUFFER = 2 };

enum { /* of a reader */
  ANNOUNCE, LOOK, READ_FIRST, READ_SECOND, WITHDRAW, WITHDRAW_AND_LOCK, LOCK, READ_FIRST_LOCKED, READ_SECOND_LOCKED, MAY_OPEN, UNLOCK, READ_ENDED
};
enum { /* of the writer */
  TAKE, LOOK_WHETHER_OPEN, CLOSE, BARRIER, WAIT_FIRST, WAIT_SECOND, WRITE_FIRST, WRITE_SECOND, GIVE, WRITE_ENDED
};

typedef struct state {
  uint8_t at[THREADS], rounds[THREADS];
  uint8_t reading[READERS];         /* as others see it */
  uint8_t waiting[READERS], stored[READERS][BUFFER]; /* the store buffer, the oldest first */
  uint8_t seen[READERS];            /* the first half, as it was read */
  uint8_t first, second, open, lock; /* lock: 0, or the thread's number plus one */
  uint8_t rest[4];
} state;

_Static_assert(sizeof(state) % 8 == 0, "states are compared by words");

static open_fault fault;
void open_set_fault(open_fault planted) { fault = planted; }

static void first_state(void *of) {
  state *s = of;
  memset(s, 0, sizeof *s);
  for (int i = 0; i < READERS; i++) s->rounds[i] = 2;
  s->rounds[WRITER] = 2;
}

/* ---------------------------------------------------------------- the store buffer */

static void empty_buffer(state *s, unsigned thread) {
  if (s->waiting[thread]) s->reading[thread] = s->stored[thread][s->waiting[thread] - 1];
  s->waiting[thread] = 0;
  memset(s->stored[thread], 0, BUFFER);
}

static bool store(state *s, unsigned thread, uint8_t value) {
  if (s->waiting[thread] == BUFFER) return false;
  s->stored[thread][s->waiting[thread]++] = value;
  return true;
}

static search_step let_one_out(state *s, unsigned thread, search_said *said) {
  said->what = "its oldest store is seen";
  if (!s->waiting[thread]) return SEARCH_BLOCKED;
  s->reading[thread] = s->stored[thread][0];
  s->stored[thread][0] = s->stored[thread][1];
  s->stored[thread][1] = 0;
  s->waiting[thread]--;
  return SEARCH_DONE;
}

static bool take_lock(state *s, unsigned thread) {
  if (s->lock) return false;
  if (thread < READERS) empty_buffer(s, thread);
  s->lock = (uint8_t)(thread + 1);
  return true;
}

/* ---------------------------------------------------------------- a reader */

static void next_round(state *s, unsigned thread, uint8_t ended) {
  s->at[thread] = --s->rounds[thread] ? 0 : ended;
}

static search_step go(state *s, unsigned thread, uint8_t to, bool can) {
  if (!can) return SEARCH_BLOCKED;
  s->at[thread] = to;
  return SEARCH_DONE;
}

static search_step compare(state *s, unsigned thread, uint8_t to, search_said *said) {
  said->what = "reads the second half";
  if (s->seen[thread] != s->second) said->wrong = "a reader saw half a change";
  s->seen[thread] = 0;
  return go(s, thread, to, true);
}

static search_step read_first(state *s, unsigned thread, uint8_t to, search_said *said) {
  said->what = "reads the first half";
  s->seen[thread] = s->first;
  return go(s, thread, to, true);
}

static search_step reader(state *s, unsigned thread, unsigned choice, search_said *said) {
  bool late = fault == OPEN_LOOKS_FIRST;
  switch (s->at[thread]) {
    case ANNOUNCE:
      said->what = "says that it reads";
      return go(s, thread, late ? READ_FIRST : LOOK, store(s, thread, 1));
    case LOOK:
      said->what = "is it open?";
      return go(s, thread, s->open ? (late ? ANNOUNCE : READ_FIRST) : WITHDRAW_AND_LOCK, true);
    case READ_FIRST: return read_first(s, thread, READ_SECOND, said);
    case READ_SECOND: return compare(s, thread, WITHDRAW, said);
    case WITHDRAW:
      said->what = "reads no more";
      if (!store(s, thread, 0)) return SEARCH_BLOCKED;
      next_round(s, thread, READ_ENDED);
      if (late && s->at[thread] == ANNOUNCE) s->at[thread] = LOOK;
      return SEARCH_DONE;
    case WITHDRAW_AND_LOCK:
      said->what = "does not read";
      return go(s, thread, LOCK, late || store(s, thread, 0));
    case LOCK:
      said->what = "locks";
      return go(s, thread, READ_FIRST_LOCKED, take_lock(s, thread));
    case READ_FIRST_LOCKED: return read_first(s, thread, READ_SECOND_LOCKED, said);
    case READ_SECOND_LOCKED: return compare(s, thread, fault == OPEN_UNLOCKED ? UNLOCK : MAY_OPEN, said);
    case MAY_OPEN:
      said->what = choice ? "opens it" : "leaves it as it is";
      if (choice) s->open = 1;
      return go(s, thread, fault == OPEN_UNLOCKED ? ANNOUNCE : UNLOCK, true);
    case UNLOCK:
      said->what = "unlocks";
      s->lock = 0;
      next_round(s, thread, READ_ENDED);
      if (fault == OPEN_UNLOCKED && s->at[thread] == ANNOUNCE) s->at[thread] = MAY_OPEN;
      if (late && s->at[thread] == ANNOUNCE) s->at[thread] = LOOK;
      return SEARCH_DONE;
    default: return SEARCH_NO_MORE;
  }
}

/* ---------------------------------------------------------------- the writer */

static search_step wait_for(state *s, unsigned which, uint8_t to, search_said *said) {
  said->what = "waits until nobody reads it";
  return go(s, WRITER, to, fault == OPEN_NO_WAIT || !s->reading[which]);
}

static search_step writer(state *s, search_said *said) {
  switch (s->at[WRITER]) {
    case TAKE:
      said->what = "locks";
      return go(s, WRITER, LOOK_WHETHER_OPEN, take_lock(s, WRITER));
    case LOOK_WHETHER_OPEN:
      said->what = "is it open?";
      return go(s, WRITER, s->open && fault != OPEN_NOT_CLOSED ? CLOSE : WRITE_FIRST, true);
    case CLOSE:
      said->what = "closes it";
      s->open = 0;
      return go(s, WRITER, BARRIER, true);
    case BARRIER:
      said->what = "has every processor pass a barrier";
      for (unsigned i = 0; i < READERS && fault != OPEN_NO_BARRIER; i++) empty_buffer(s, i);
      return go(s, WRITER, WAIT_FIRST, true);
    case WAIT_FIRST: return wait_for(s, 0, WAIT_SECOND, said);
    case WAIT_SECOND: return wait_for(s, 1, WRITE_FIRST, said);
    case WRITE_FIRST:
      said->what = "changes the first half";
      s->first++;
      return go(s, WRITER, WRITE_SECOND, true);
    case WRITE_SECOND:
      said->what = "changes the second half";
      s->second++;
      return go(s, WRITER, GIVE, true);
    case GIVE:
      said->what = "unlocks";
      s->lock = 0;
      next_round(s, WRITER, WRITE_ENDED);
      return SEARCH_DONE;
    default: return SEARCH_NO_MORE;
  }
}

/* ---------------------------------------------------------------- the system */

/* Choice 0, or 0 and 1 where it may open; the one after those lets a store out. */
static search_step step(void *of, unsigned thread, unsigned choice, search_said *said) {
  state *s = of;
  *said = (search_said){"", NULL, -1};
  if (thread == WRITER) return choice ? SEARCH_NO_MORE : writer(s, said);
  unsigned own = s->at[thread] == READ_ENDED ? 0 : s->at[thread] == MAY_OPEN ? 2 : 1;
  if (choice < own) return reader(s, thread, choice, said);
  return choice == own ? let_one_out(s, thread, said) : SEARCH_NO_MORE;
}

static const char *wrong_at_end(const void *of) {
  const state *s = of;
  for (unsigned i = 0; i < READERS; i++) {
    if (s->at[i] != READ_ENDED || s->reading[i]) return "a reader waits for ever, or is said to read";
  }
  return s->at[WRITER] == WRITE_ENDED && s->first == 2 && s->second == 2 ? NULL : "the writer waits for ever";
}

static void show(const void *of, FILE *out) {
  const state *s = of;
  fprintf(out, "open %d, lock %d, halves %d %d, reading %d %d", s->open, s->lock, s->first, s->second, s->reading[0], s->reading[1]);
}

static void make_canonical(void *of) { (void)of; }

const search_system open_system = {sizeof(state), THREADS, first_state, step, wrong_at_end, make_canonical, show};
