/* tests/model/protocol.c - the steps.
 *
 * A thread is a stack of FRAMES, one for each function that it is in; `at` is the step that comes next there. A step does one access to
 * what other threads can see, a load, a store, an exchange, a compare-and-exchange, and then all that only concerns the thread itself;
 * under a lock, it does what the lock guards in one. Frames that are left, and fields that mean nothing any more, are zero: fewer
 * states.
 *
 * Where stores are LATE, what a thread stores plainly to `count` lies in the thread first, which alone sees it there. By a step of its own
 * others see it too, at any time before the thread's next store, locked or plain.
 *
 * Beside the header, an object has GHOSTS, which no step looks at: how many references there truly are, and whether its block is back in
 * the heap. What must not be is found by them. */
#include "protocol.h"

#include <string.h>

/* ---------------------------------------------------------------- the state */

enum { NOBODY = 0, MERGED = MODEL_THREADS + 1 }; /* and threads, from 1 on */
enum { QUEUED = 1, S_MERGED = 2, WATCHED = 4, DYING = 8 };
enum { WEAK = 1, FINALIZED = 2, FINALIZABLE = 4 };
enum { OUT, IN, HELD };
enum { LEAVING = 1, ENDED };
enum { FRAMES = 9, QUEUE = 3, BY_SLOT = MODEL_THREADS + 1 /* a lender */ };

typedef struct object {
  int8_t count, shared;
  uint8_t flags;       /* of `shared` */
  uint8_t owner, bits; /* of the word */
  uint8_t watch;       /* the thread that has it; 0: free */
  uint8_t slot;        /* number of the object that it refers to, and one more; 0: none */
  uint8_t entry;       /* 1: the table of weak references has an entry for it */
  uint8_t memo;        /* the owner, as its weak reference knows it; 0: it does not */
  int8_t held;         /* ghost: references that there are */
  uint8_t freed;       /* ghost */
  uint8_t gone;        /* ghost: a weak reference was found dead */
  uint8_t lent[MODEL_THREADS + 1]; /* ghost: how many of each thread's references, and of the slot's, others just take one by */
} object;

typedef struct frame {
  uint8_t at, object;
  uint8_t owner;         /* what was read of the word, or the owner that is acted for; of an incref: who lends, 0: nobody */
  int8_t count, shared;  /* what was read */
  uint8_t flags;
  uint8_t batch;         /* a bit for each object */
  uint8_t more;
} frame;

typedef struct thread {
  uint8_t state;         /* of its record */
  uint8_t limit;         /* 1: lowered, so that its next safepoint does something */
  uint8_t queued, queue[QUEUE];
  uint8_t hands[MODEL_OBJECTS];
  uint8_t moves;         /* left */
  uint8_t depth;         /* of frames */
  uint8_t answer;        /* of the function that has just returned */
  uint8_t ended;         /* LEAVING, ENDED */
  uint8_t promised;      /* references that it is about to be given: until then it does not end */
  uint8_t waiting;       /* an object that was put off, and one more; 0: none */
  uint8_t late;          /* an object, and one more, whose `count` it has stored, which others do not see yet; 0: none */
  int8_t late_count;
  frame frames[FRAMES];
} thread;

typedef struct state {
  object objects[MODEL_OBJECTS];
  thread threads[MODEL_THREADS];
  uint8_t world;         /* the thread that stops it, or has; 0: none */
  uint8_t left;          /* something was put in a queue while all records were held */
  uint8_t pad[6];
} state;

_Static_assert(sizeof(state) % 8 == 0 && sizeof(state) <= SEARCH_STATE_MOST, "the search has room for a state");

static const model_bounds *bounds; /* of the system that is searched */

static bool broken(model_fault fault) { return bounds->fault == fault; }

/* ---------------------------------------------------------------- steps by name
 *
 * Those with a THEN touch nothing that others see: they are done together with the step before. */

#define STEPS(X)                                                                                                       \
  X(NO_STEP, program, "")                                                                                              \
  X(INC_OWNER, incref, "ouro_incref: load the owner")                                                                  \
  X(INC_COUNT, incref, "ouro_incref: load count")                                                                      \
  X(INC_STORE, incref, "ouro_incref: store count + 1")                                                                 \
  X(INC_SLOW, incref, "ouro__incref_slow: load the owner")                                                             \
  X(INC_SHARED, incref, "incref_shared: shared + 1")                                                                   \
  X(INC_WAIT, incref, "wait_for_merge: load shared")                                                                   \
  X(INC_MERGED, incref, "incref_merged: count + 1")                                                                    \
  X(DEC_OWNER, decref, "ouro_decref: load the owner")                                                                  \
  X(DEC_COUNT, decref, "ouro_decref: load count")                                                                      \
  X(DEC_STORE, decref, "ouro_decref: store count - 1")                                                                 \
  X(DEC_USE, decref, "(what its thread did with the object before)")                                                   \
  X(DEC_SLOW, decref, "ouro__decref_slow: load the owner")                                                             \
  X(SOLE_BOTH, is_sole, "is_sole: load count and shared at once")                                                      \
  X(SOLE_COUNT, is_sole, "is_sole: load count")                                                                        \
  X(SOLE_SHARED, is_sole, "is_sole: load shared")                                                                      \
  X(SOLE_AGAIN, is_sole, "is_sole: load shared again")                                                                 \
  X(SOLE_LOAD, is_sole, "ouro__set_owner: load the word")                                                              \
  X(SOLE_STORE, is_sole, "ouro__set_owner: store the word, the owner this thread")                                     \
  X(SOLE_DROP, is_sole, "decref_shared: store count = 0")                                                              \
  X(DEC_SHARED, decref, "decref_shared: load shared")                                                                  \
  X(DEC_CAS, decref, "decref_shared: CAS shared - 1, or give it to the queue")                                         \
  X(DEC_WAIT, decref, "wait_for_merge: load shared")                                                                   \
  X(DEC_MERGED, decref, "decref_merged: count - 1")                                                                    \
  X(HAND_STATE, hand_over, "hand_over: load the owner's state")                                                        \
  X(HAND_TAKE, hand_over, "ouro__thread_take: CAS OUT to HELD")                                                        \
  X(HAND_LET_GO, hand_over, "ouro__thread_let_go: exchange the state")                                                 \
  X(HAND_RELEASE_THEN, hand_over, "")                                                                                  \
  X(HAND_PUT, hand_over, "put: into the owner's queue, and lower its limit")                                           \
  X(HAND_AGAIN, hand_over, "hand_over: load the owner's state again")                                                  \
  X(OVER_QUEUED, take_over, "take_over: load queued")                                                                  \
  X(OVER_TAKE, take_over, "ouro__thread_take: CAS OUT to HELD")                                                        \
  X(OVER_BATCH, take_over, "take_batch")                                                                               \
  X(OVER_SETTLE_THEN, take_over, "")                                                                                   \
  X(OVER_LET_GO, take_over, "ouro__thread_let_go: exchange the state")                                                 \
  X(OVER_RELEASE_THEN, take_over, "")                                                                                  \
  X(TAKE_LEFT, take_released, "ouro__take_released: load ouro__queues_left")                                           \
  X(TAKE_CLEAR, take_released, "ouro__take_released: exchange ouro__queues_left")                                      \
  X(TAKE_ALL_THEN, take_released, "")                                                                                  \
  X(TAKE_QUEUED, take_released, "ouro__take_released: load queued")                                                    \
  X(TAKE_BATCH, take_released, "take_batch")                                                                           \
  X(TAKE_SETTLE_THEN, take_released, "")                                                                               \
  X(TAKE_RELEASE_THEN, take_released, "")                                                                              \
  X(SETTLE_OWNER, settle, "settle: load the owner")                                                                    \
  X(SETTLE_SHARED, settle, "settle: load shared")                                                                      \
  X(SETTLE_COUNT, settle, "is_alone: load count")                                                                      \
  X(ALONE_COUNT, settle, "settle: store count = 1")                                                                    \
  X(ALONE_SHARED, settle, "settle: store shared = 0")                                                                  \
  X(ALONE_LOAD, settle, "ouro__set_owner: load the word")                                                              \
  X(ALONE_STORE, settle, "ouro__set_owner: store the word, the owner this thread")                                     \
  X(MERGE_LOOK, merge, "ouro__disown: load shared")                                                                    \
  X(MERGE_DISOWN, merge, "ouro__weak_disown: under the watch")                                                         \
  X(MERGE_COUNT, merge, "ouro__merge: load count")                                                                     \
  X(MERGE_SHARED, merge, "ouro__merge: load shared")                                                                   \
  X(MERGE_WORD, merge, "ouro__change_owner: MERGED")                                                                   \
  X(MERGE_STORE, merge, "ouro__merge: store count")                                                                    \
  X(MERGE_CAS, merge, "ouro__merge: CAS shared: OURO_S_MERGED")                                                        \
  X(MERGE_BACK, merge, "ouro__change_owner: back")                                                                     \
  X(LAST_SHARED, was_last, "ouro__was_last: load shared")                                                              \
  X(LAST_WATCH, was_last, "ouro__watch_begin")                                                                         \
  X(LAST_LOOK, was_last, "was_last_of_watched: load shared")                                                           \
  X(LAST_COUNT, was_last, "was_last_of_watched: store count = 1")                                                      \
  X(LAST_DYING, was_last, "was_last_of_watched: OURO_S_DYING off; ouro__watch_end")                                    \
  X(LAST_DEAD, was_last, "ouro__change_owner: NOBODY; ouro__watch_end")                                                \
  X(LAST_ONE, was_last, "ouro__was_last: store count = 1")                                                             \
  X(LAST_MERGED_THEN, was_last, "")                                                                                    \
  X(MERGED_SHARED, dealloc_merged, "ouro__dealloc_merged: load shared")                                                \
  X(MERGED_WATCH, dealloc_merged, "ouro__watch_begin")                                                                 \
  X(MERGED_STORE, dealloc_merged, "begin_to_die: store the flags of shared, DYING if watched")                         \
  X(MERGED_MINE, dealloc_merged, "begin_to_die: ouro__change_owner: this thread")                                      \
  X(NOW_SHARED, dealloc, "now: load shared")                                                                           \
  X(DIES_SHARED, dealloc, "dies: load shared")                                                                         \
  X(DIES_ONE, dealloc, "dies: store count = 1")                                                                        \
  X(DIES_ASKED_THEN, dealloc, "")                                                                                      \
  X(DIES_FINALIZED, dealloc, "ouro__finalize: set OURO_FINALIZED, call")                                               \
  X(FINALIZER, dealloc, "the finalizer")                                                                               \
  X(FINALIZER_GIVES_THEN, dealloc, "")                                                                                 \
  X(DIES_OWNER, dealloc, "finalize_dying: load the owner")                                                             \
  X(DIES_COUNT, dealloc, "finalize_dying: load count")                                                                 \
  X(DIES_STORE, dealloc, "finalize_dying: store count - 1")                                                            \
  X(DIES_AGAIN, dealloc, "dies: load shared again")                                                                    \
  X(DIES_DECIDED_THEN, dealloc, "")                                                                                    \
  X(DEAD_LOAD, dealloc, "dies: load the word")                                                                         \
  X(DEAD_STORE, dealloc, "ouro__set_owner: store NOBODY")                                                              \
  X(DEAD_BIT, dealloc, "complex_now: load the word: OURO_WEAK?")                                                       \
  X(DEAD_WEAK, dealloc, "ouro__weak_died: under the watch, no entry any more")                                         \
  X(DEAD_SLOT, dealloc, "release_run: load the slot")                                                                  \
  X(DEAD_FREE, dealloc, "free_block")                                                                                  \
  X(PUT_SHARED, put_off, "put_off: load shared")                                                                       \
  X(PUT_DECIDED_THEN, put_off, "")                                                                                     \
  X(PUT_LOAD, put_off, "put_off: load the word")                                                                       \
  X(PUT_STORE, put_off, "ouro__set_owner: store NOBODY")                                                               \
  X(PUT_LINK, put_off, "set_link: count and shared")                                                                   \
  X(DRAIN_FLAGS, drain, "begin_to_die: store the flags of shared, DYING if watched")                                   \
  X(DRAIN_OWNER, drain, "begin_to_die: ouro__change_owner: this thread")                                               \
  X(TRY_MEMO, try_incref, "ouro_weak_get: load the owner that the weak reference knows")                               \
  X(TRY_LIVE, try_incref, "ouro_weak_get: load the owner")                                                             \
  X(TRY_WATCH, try_incref, "ouro_weak_get: ouro__watch_of, load the referent")                                         \
  X(TRY_OWNER, try_incref, "ouro__try_watched: load the owner")                                                        \
  X(TRY_COUNT, try_incref, "ouro__try_watched: load count")                                                            \
  X(TRY_STORE, try_incref, "ouro__try_watched: store count + 1")                                                       \
  X(TRY_DYING, try_incref, "ouro__try_watched: load shared")                                                           \
  X(TRY_SHARED, try_incref, "ouro__try_watched: shared + 1")                                                           \
  X(TRY_WAIT, try_incref, "wait_for_merge: load shared")                                                               \
  X(TRY_MERGED, try_incref, "incref_merged_unless_zero: load count")                                                   \
  X(TRY_CAS, try_incref, "incref_merged_unless_zero: CAS count + 1")                                                   \
  X(REFER_WATCH, refer, "ouro_weak_new: the watch, an entry")                                                          \
  X(REFER_SHARED, refer, "set_bits: OURO_S_WATCHED")                                                                   \
  X(REFER_WORD, refer, "set_bits: OURO_WEAK; ouro__watch_end")                                                         \
  X(FORGET, forget, "a weak reference goes: under the watch, no entry, no OURO_WEAK")                                  \
  X(SAFEPOINT, safepoint, "ouro__safepoint_slow: the limit as it was")                                                 \
  X(BLOCK_QUEUED, blocking, "ouro_blocking_begin: load queued")                                                        \
  X(BLOCK_LEFT, blocking, "ouro_blocking_begin: load ouro__queues_left")                                               \
  X(BLOCK_OUT, blocking, "ouro__go_out: exchange the state")                                                           \
  X(BLOCK_LOOK, blocking, "ouro_blocking_begin: load queued again")                                                    \
  X(BLOCK_IN, blocking, "ouro__come_in: CAS OUT to IN")                                                                \
  X(COME_IN, come_in, "ouro__come_in: CAS OUT to IN")                                                                  \
  X(STOP_TAKE, stop, "ouro__world_stop: ouro__thread_take: CAS OUT to HELD, or give up")                               \
  X(START_LET_GO, stop, "let_all_go: ouro__thread_let_go: exchange the state")                                         \
  X(START_LOOK, stop, "let_all_go: load queued")                                                                       \
  X(START_LEFT, stop, "let_all_go: store ouro__queues_left, and lower its own limit")

enum {
#define X(step, function, text) step,
  STEPS(X)
#undef X
};

static const char *const names[] = {
#define X(step, function, text) text,
    STEPS(X)
#undef X
};

/* ---------------------------------------------------------------- a step's own view */

typedef struct act {
  state *all;
  unsigned me; /* from 1 on, as in the word of an object */
  unsigned choice;
  thread *t;
  frame *f;    /* the function that it is in */
  search_said *said;
} act;

static void wrong(act *a, const char *text) {
  if (!a->said->wrong) a->said->wrong = text;
}

static thread *thread_of(act *a, unsigned number) { return &a->all->threads[number - 1]; }

/* The header of the frame's object. */
static object *header(act *a) {
  object *it = &a->all->objects[a->f->object];
  if (it->freed && names[a->f->at][0]) wrong(a, "the header of an object is touched after it was freed");
  return it;
}

static void next(act *a, unsigned step) { a->f->at = (uint8_t)step; }

static void call(act *a, unsigned step, unsigned number, unsigned owner) {
  if (a->t->depth == FRAMES) {
    wrong(a, "the model: frames that do not end");
    return;
  }
  a->f = &a->t->frames[a->t->depth++];
  *a->f = (frame){.at = (uint8_t)step, .object = (uint8_t)number, .owner = (uint8_t)owner};
}

static void ret(act *a, unsigned answer) {
  *a->f = (frame){0};
  a->t->depth--;
  a->t->answer = (uint8_t)answer;
  a->f = a->t->depth ? &a->t->frames[a->t->depth - 1] : NULL;
}

/* In place of the function that it is in. */
static void go_on_as(act *a, unsigned step, unsigned owner) {
  unsigned number = a->f->object;
  *a->f = (frame){.at = (uint8_t)step, .object = (uint8_t)number, .owner = (uint8_t)owner};
}

static unsigned take_answer(act *a) {
  unsigned answer = a->t->answer;
  a->t->answer = 0;
  return answer;
}

static void have(act *a, unsigned number) { a->t->hands[number]++; }

static bool others_hold(const object *o) { return o->shared != 0 || o->flags & QUEUED; }

static unsigned first_of(unsigned batch) { return batch & 1 ? 0 : 1; }

/* ---------------------------------------------------------------- one more reference */

/* What `count` is to who has stored it. */
static int8_t count_seen(act *a, const object *o) { return a->t->late == a->f->object + 1u ? a->t->late_count : o->count; }

/* A plain store by who acts for the owner: others may see it later, but before all that it stores from then on; so, where a reference is
 * taken by another thread's, before the program lets that go. */
static void store_count(act *a, object *o, int count) {
  bool loan = a->f->at == INC_STORE && a->f->owner && !broken(FAULT_LOAN_ENDS_EARLY);
  if (!bounds->late_stores || loan) {
    o->count = (int8_t)count;
  } else {
    a->t->late = (uint8_t)(a->f->object + 1);
    a->t->late_count = (int8_t)count;
  }
}

static bool incref_ends(act *a, object *o) {
  if (a->f->owner) o->lent[a->f->owner - 1]--;
  o->held++;
  have(a, a->f->object);
  ret(a, 1);
  return true;
}

static bool incref(act *a) {
  object *o = header(a);
  switch (a->f->at) {
    case INC_OWNER: next(a, o->owner == a->me ? INC_COUNT : INC_SLOW); return true;
    case INC_SLOW:
      if (o->owner == NOBODY) wrong(a, "OURO_FATAL_DEAD_OBJECT: one more reference to a dead object");
      next(a, o->owner == MERGED ? INC_WAIT : o->owner == a->me ? INC_COUNT : INC_SHARED);
      return true;
    case INC_COUNT:
      a->f->count = count_seen(a, o);
      next(a, INC_STORE);
      return true;
    case INC_STORE: store_count(a, o, a->f->count + 1); return incref_ends(a, o);
    case INC_SHARED:
      o->shared++;
      if (!(o->flags & S_MERGED)) return incref_ends(a, o);
      next(a, INC_MERGED);
      return true;
    case INC_WAIT:
      if (!(o->flags & S_MERGED) && !broken(FAULT_NO_WAIT_FOR_MERGE)) return false;
      next(a, INC_MERGED);
      return true;
    default:
      if (o->count == 0 && !broken(FAULT_NO_WAIT_FOR_MERGE)) wrong(a, "OURO_FATAL_DEAD_OBJECT: one more reference to what has none");
      o->count++;
      return incref_ends(a, o);
  }
}

/* ---------------------------------------------------------------- one less */

/* Within a deallocation, and another one must wait for its end? */
static bool is_deep(act *a) {
  for (unsigned i = 0; bounds->deep && i + 1u < a->t->depth; i++) {
    if (a->t->frames[i].at == DEAD_FREE) return true;
  }
  return false;
}

static bool decref_merged(act *a, object *o) {
  if (o->count == 0 && !broken(FAULT_NO_WAIT_FOR_MERGE)) wrong(a, "OURO_FATAL_COUNT_TOO_SMALL: released once too often");
  o->held--;
  if (--o->count == 0) {
    go_on_as(a, MERGED_SHARED, 0);
  } else {
    ret(a, 0);
  }
  return true;
}

static bool decref_cas(act *a, object *o) {
  frame *f = a->f;
  if (o->shared != f->shared || o->flags != f->flags) { /* it fails, and has read it again */
    f->shared = o->shared;
    f->flags = o->flags;
    next(a, f->flags & S_MERGED ? DEC_MERGED : DEC_CAS);
    return true;
  }
  bool give = o->shared <= 0 && !(o->flags & QUEUED) && !broken(FAULT_PLAIN_SUBTRACTION);
  unsigned owner = f->owner;
  if (give) o->flags |= QUEUED;
  if (!give || broken(FAULT_QUEUE_HOLDS_NOTHING)) {
    o->shared--;
    o->held--;
  }
  if (give) {
    go_on_as(a, HAND_STATE, owner);
  } else {
    ret(a, 0);
  }
  return true;
}

/* Is it the only reference? It has read `count` and `shared`. */
static bool looks_sole(const frame *f) {
  unsigned ignored = (broken(FAULT_SOLE_THOUGH_WATCHED) ? WATCHED : 0) | (broken(FAULT_SOLE_THOUGH_QUEUED) ? QUEUED : 0);
  return f->count == 1 && f->shared == 0 && !(f->flags & ~ignored);
}

static void decide_sole(act *a) {
  bool sole = looks_sole(a->f);
  a->f->count = a->f->shared = 0;
  a->f->flags = 0;
  if (sole) a->f->owner = 0;
  next(a, !sole ? DEC_SHARED : broken(FAULT_SOLE_TOO_LATE) ? SOLE_DROP : SOLE_LOAD);
}

static unsigned first_of_sole(void) {
  if (broken(FAULT_SOLE_COUNT_FIRST)) return SOLE_COUNT;
  return broken(FAULT_SOLE_SHARED_FIRST) || broken(FAULT_SOLE_SHARED_TWICE) ? SOLE_SHARED : SOLE_BOTH;
}

static void read_shared(act *a, const object *o) {
  a->f->shared = o->shared;
  a->f->flags = o->flags;
}

static bool is_sole(act *a) {
  object *o = header(a);
  frame *f = a->f;
  switch (f->at) {
    case SOLE_BOTH:
      f->count = o->count;
      read_shared(a, o);
      decide_sole(a);
      return true;
    case SOLE_COUNT:
      f->count = o->count;
      if (broken(FAULT_SOLE_SHARED_FIRST)) {
        decide_sole(a);
      } else {
        next(a, broken(FAULT_SOLE_COUNT_FIRST) ? SOLE_SHARED : SOLE_AGAIN);
      }
      return true;
    case SOLE_SHARED:
      read_shared(a, o);
      if (broken(FAULT_SOLE_COUNT_FIRST) || f->shared || f->flags) {
        decide_sole(a);
      } else {
        next(a, SOLE_COUNT);
      }
      return true;
    case SOLE_AGAIN:
      read_shared(a, o);
      decide_sole(a);
      return true;
    case SOLE_LOAD:
      f->flags = o->bits;
      next(a, SOLE_STORE);
      return true;
    case SOLE_STORE:
      o->bits = f->flags;
      o->owner = (uint8_t)a->me;
      go_on_as(a, DEC_OWNER, 0);
      return true;
    default:
      o->count = 0;
      o->held--;
      go_on_as(a, NOW_SHARED, 0);
      a->f->batch = 1;
      return true;
  }
}

static bool decref(act *a) {
  object *o = header(a);
  switch (a->f->at) {
    case DEC_OWNER: next(a, o->owner == a->me ? DEC_COUNT : DEC_SLOW); return true;
    case DEC_SLOW:
      if (o->owner == NOBODY) wrong(a, "OURO_FATAL_DEAD_OBJECT: a dead object is released");
      next(a, o->owner == MERGED ? DEC_WAIT : o->owner == a->me ? DEC_COUNT : first_of_sole());
      a->f->owner = o->owner == MERGED ? 0 : o->owner;
      return true;
    case DEC_COUNT:
      a->f->count = count_seen(a, o);
      next(a, DEC_STORE);
      return true;
    case DEC_STORE:
      if (a->f->count <= 0) wrong(a, "the owner's count falls below zero");
      store_count(a, o, a->f->count - 1);
      o->held--;
      if (a->f->count > 1 && broken(FAULT_STORE_BEFORE_USE)) {
        next(a, DEC_USE);
      } else if (a->f->count > 1) {
        ret(a, 0);
      } else {
        go_on_as(a, is_deep(a) ? PUT_SHARED : NOW_SHARED, 0);
      }
      return true;
    case DEC_USE: ret(a, 0); return true;
    case DEC_SHARED:
      read_shared(a, o);
      next(a, o->flags & S_MERGED ? DEC_MERGED : DEC_CAS);
      return true;
    case DEC_CAS: return decref_cas(a, o);
    case DEC_WAIT:
      if (!(o->flags & S_MERGED) && !broken(FAULT_NO_WAIT_FOR_MERGE)) return false;
      go_on_as(a, DEC_MERGED, 0);
      return true;
    default: return decref_merged(a, o);
  }
}

/* ---------------------------------------------------------------- the queue of an owner */

static bool let_go(act *a, unsigned step) {
  thread_of(a, a->f->owner)->state = OUT;
  next(a, step);
  return true;
}

static bool take(act *a) {
  thread *owner = thread_of(a, a->f->owner);
  if (owner->state != OUT) return false;
  if (!broken(FAULT_TAKE_WITHOUT_CAS)) owner->state = HELD;
  return true;
}

/* What was in the hand, or in the queue, is released; it was settled before. */
static void release_settled(act *a, unsigned number) {
  if (!broken(FAULT_QUEUE_HOLDS_NOTHING)) {
    call(a, DEC_OWNER, number, 0);
  } else if (take_answer(a) == 2) { /* merged, and nothing was left */
    call(a, MERGED_SHARED, number, 0);
  }
}

static bool put(act *a) {
  thread *owner = thread_of(a, a->f->owner);
  if (owner->queued == QUEUE) {
    wrong(a, "an object is in a queue twice");
    return true;
  }
  owner->queue[owner->queued++] = (uint8_t)(a->f->object + 1);
  owner->limit = 1;
  next(a, HAND_AGAIN);
  if (broken(FAULT_PUT_AND_FORGET)) ret(a, 0);
  return true;
}

static bool hand_over(act *a) {
  thread *owner = thread_of(a, a->f->owner);
  switch (a->f->at) {
    case HAND_STATE: next(a, owner->state == OUT ? HAND_TAKE : HAND_PUT); return true;
    case HAND_TAKE:
      next(a, HAND_PUT);
      if (!take(a)) return true;
      next(a, HAND_LET_GO);
      call(a, SETTLE_OWNER, a->f->object, a->f->owner);
      return true;
    case HAND_LET_GO:
      if (!broken(FAULT_TAKE_WITHOUT_CAS)) owner->state = OUT;
      a->f->more = (uint8_t)take_answer(a);
      next(a, HAND_RELEASE_THEN);
      if (!broken(FAULT_LET_GO_AND_FORGET)) call(a, OVER_QUEUED, a->f->object, a->f->owner);
      return true;
    case HAND_RELEASE_THEN:
      if (!broken(FAULT_QUEUE_HOLDS_NOTHING)) {
        go_on_as(a, DEC_OWNER, 0);
      } else if (a->f->more == 2) {
        go_on_as(a, MERGED_SHARED, 0);
      } else {
        ret(a, 0);
      }
      return true;
    case HAND_PUT: return put(a);
    default:
      if (owner->state == OUT) {
        go_on_as(a, OVER_QUEUED, a->f->owner);
      } else {
        ret(a, 0);
      }
      return true;
  }
}

static unsigned take_batch(thread *owner) {
  unsigned batch = 0;
  while (owner->queued) {
    batch |= 1u << (owner->queue[--owner->queued] - 1);
    owner->queue[owner->queued] = 0;
  }
  return batch;
}

static bool take_over(act *a) {
  frame *f = a->f;
  thread *owner = thread_of(a, f->owner);
  unsigned number;
  switch (f->at) {
    case OVER_QUEUED:
      if (owner->queued) {
        next(a, OVER_TAKE);
      } else {
        ret(a, 0);
      }
      return true;
    case OVER_TAKE:
      if (take(a)) {
        next(a, OVER_BATCH);
      } else {
        ret(a, 0);
      }
      return true;
    case OVER_BATCH:
      f->batch = (uint8_t)take_batch(owner);
      next(a, OVER_SETTLE_THEN);
      return true;
    case OVER_SETTLE_THEN:
      if (!f->batch) {
        next(a, OVER_LET_GO);
        return true;
      }
      number = first_of(f->batch);
      f->batch &= (uint8_t)~(1u << number);
      f->more |= (uint8_t)(1u << number);
      call(a, SETTLE_OWNER, number, f->owner);
      return true;
    case OVER_LET_GO: return let_go(a, OVER_RELEASE_THEN);
    default:
      if (!f->more) {
        next(a, OVER_QUEUED);
        return true;
      }
      number = first_of(f->more);
      f->more &= (uint8_t)~(1u << number);
      release_settled(a, number);
      return true;
  }
}

static bool take_released(act *a) {
  frame *f = a->f;
  unsigned number;
  switch (f->at) {
    case TAKE_LEFT: next(a, a->all->left ? TAKE_CLEAR : TAKE_QUEUED); return true;
    case TAKE_CLEAR:
      next(a, a->all->left ? TAKE_ALL_THEN : TAKE_QUEUED);
      a->all->left = 0;
      return true;
    case TAKE_ALL_THEN:
      if (++f->owner == a->me) f->owner++;
      if (f->owner > MODEL_THREADS) {
        go_on_as(a, TAKE_QUEUED, 0);
      } else {
        call(a, OVER_QUEUED, 0, f->owner);
      }
      return true;
    case TAKE_QUEUED:
      if (a->t->queued) {
        next(a, TAKE_BATCH);
      } else {
        ret(a, 0);
      }
      return true;
    case TAKE_BATCH:
      f->batch = (uint8_t)take_batch(a->t);
      next(a, TAKE_SETTLE_THEN);
      return true;
    case TAKE_SETTLE_THEN:
      if (!f->batch) {
        next(a, TAKE_QUEUED);
        return true;
      }
      number = first_of(f->batch);
      f->more = (uint8_t)(number + 1);
      f->batch &= (uint8_t)~(1u << number);
      next(a, TAKE_RELEASE_THEN);
      call(a, SETTLE_OWNER, number, a->me);
      return true;
    default:
      number = f->more - 1u;
      f->more = 0;
      next(a, TAKE_SETTLE_THEN);
      release_settled(a, number);
      return true;
  }
}

static bool settle(act *a) {
  object *o = header(a);
  frame *f = a->f;
  switch (f->at) {
    case SETTLE_OWNER:
      if (o->owner != f->owner && !broken(FAULT_DRAIN_IGNORES_OWNER)) {
        ret(a, 0);
      } else {
        next(a, SETTLE_SHARED);
      }
      return true;
    case SETTLE_SHARED:
      f->shared = o->shared;
      f->flags = o->flags;
      next(a, SETTLE_COUNT);
      return true;
    case SETTLE_COUNT:
      if (o->count + f->shared == 1 && !(f->flags & WATCHED) && !broken(FAULT_QUEUE_HOLDS_NOTHING)) {
        go_on_as(a, ALONE_COUNT, 0);
      } else {
        go_on_as(a, MERGE_LOOK, 0);
      }
      return true;
    case ALONE_COUNT:
      o->count = 1;
      next(a, ALONE_SHARED);
      return true;
    case ALONE_SHARED:
      o->shared = 0;
      o->flags = 0;
      next(a, ALONE_LOAD);
      return true;
    case ALONE_LOAD:
      f->flags = o->bits;
      next(a, ALONE_STORE);
      return true;
    default:
      o->bits = f->flags;
      o->owner = (uint8_t)a->me;
      ret(a, 0);
      return true;
  }
}

/* ---------------------------------------------------------------- merging: 1, others hold it; 2, nothing was left; 3, it went back */

static bool merge_ends(act *a, int all) {
  ret(a, all ? 1 : 2);
  return true;
}

static bool merge_cas(act *a, object *o) {
  frame *f = a->f;
  if ((o->shared != f->shared || o->flags != f->flags) && !broken(FAULT_MERGE_READS_ONCE)) {
    f->shared = o->shared;
    f->flags = o->flags;
    next(a, MERGE_STORE);
    return true;
  }
  o->shared = 0;
  o->flags = (uint8_t)((f->flags & WATCHED) | S_MERGED);
  if (!broken(FAULT_WORD_AFTER_CAS)) return merge_ends(a, broken(FAULT_COUNT_STAYS_SPLIT) ? f->count : f->count + f->shared);
  next(a, MERGE_WORD);
  return true;
}

static bool merge(act *a) {
  object *o = header(a);
  frame *f = a->f;
  switch (f->at) {
    case MERGE_LOOK: next(a, o->flags & WATCHED && o->bits & WEAK ? MERGE_DISOWN : MERGE_COUNT); return true;
    case MERGE_DISOWN:
      if (o->watch) return false;
      if (!broken(FAULT_NOT_DISOWNED)) o->memo = 0;
      next(a, MERGE_COUNT);
      return true;
    case MERGE_COUNT:
      f->count = count_seen(a, o);
      next(a, MERGE_SHARED);
      return true;
    case MERGE_SHARED:
      read_shared(a, o);
      f->owner = o->owner;
      next(a, broken(FAULT_WORD_AFTER_CAS) ? MERGE_STORE : MERGE_WORD);
      return true;
    case MERGE_WORD:
      o->owner = MERGED;
      if (broken(FAULT_WORD_AFTER_CAS)) return merge_ends(a, f->count + f->shared);
      next(a, MERGE_STORE);
      return true;
    case MERGE_STORE:
      o->count = (int8_t)(f->count + (broken(FAULT_COUNT_STAYS_SPLIT) ? 0 : f->shared));
      next(a, o->count == 0 && broken(FAULT_WAY_BACK) ? MERGE_BACK : MERGE_CAS);
      return true;
    case MERGE_CAS: return merge_cas(a, o);
    default:
      o->owner = f->owner;
      ret(a, 3);
      return true;
  }
}

/* ---------------------------------------------------------------- is it dead? `more`: it is to be finalized. Its answer: 1, yes */

static void dies_now(act *a, object *o) {
  if (o->held) wrong(a, "an object dies that somebody refers to");
  if (o->owner == NOBODY) wrong(a, "an object dies twice");
}

static bool was_last_ends(act *a, object *o, unsigned answer) {
  if (o->watch == a->me) o->watch = 0;
  ret(a, answer);
  return true;
}

static bool was_last(act *a) {
  object *o = header(a);
  frame *f = a->f;
  switch (f->at) {
    case LAST_SHARED:
      if (o->flags & WATCHED && !broken(FAULT_DEATH_WITHOUT_WATCH)) {
        next(a, LAST_WATCH);
      } else if (others_hold(o)) {
        next(a, LAST_MERGED_THEN);
        call(a, MERGE_LOOK, f->object, 0);
      } else if (f->more) {
        next(a, LAST_ONE);
      } else {
        ret(a, 1);
      }
      return true;
    case LAST_ONE:
      o->count = 1;
      o->held++;
      return was_last_ends(a, o, 1);
    case LAST_WATCH:
      if (o->watch) return false;
      o->watch = (uint8_t)a->me;
      next(a, LAST_LOOK);
      return true;
    case LAST_LOOK:
      next(a, f->more ? LAST_COUNT : LAST_DEAD);
      if (!others_hold(o)) return true;
      o->watch = 0;
      next(a, LAST_MERGED_THEN);
      call(a, MERGE_LOOK, f->object, 0);
      return true;
    case LAST_COUNT:
      o->count = 1;
      o->held++;
      next(a, LAST_DYING);
      return true;
    case LAST_DYING:
      o->flags &= (uint8_t)~DYING;
      o->gone = 0; /* its finalizer may bring it back */
      return was_last_ends(a, o, 1);
    case LAST_DEAD:
      dies_now(a, o);
      o->owner = NOBODY;
      return was_last_ends(a, o, 1);
    default: /* it has been merged */
      switch (take_answer(a)) {
        case 1: ret(a, 0); return true;
        case 2: go_on_as(a, MERGED_SHARED, 0); return true;
        default: next(a, LAST_SHARED); return true;
      }
  }
}

/* ---------------------------------------------------------------- deallocation */

static bool dealloc_merged(act *a) {
  object *o = header(a);
  switch (a->f->at) {
    case MERGED_SHARED:
      if (o->held) wrong(a, "a merged object dies that somebody refers to");
      next(a, o->flags & WATCHED ? MERGED_WATCH : MERGED_STORE);
      return true;
    case MERGED_WATCH:
      if (o->watch) return false;
      o->watch = (uint8_t)a->me;
      next(a, MERGED_STORE);
      return true;
    case MERGED_STORE:
      o->shared = 0;
      o->flags &= WATCHED;
      if (o->flags && !broken(FAULT_NOT_DYING)) o->flags |= DYING;
      next(a, MERGED_MINE);
      return true;
    default:
      o->owner = (uint8_t)a->me;
      if (o->watch == a->me) o->watch = 0;
      go_on_as(a, is_deep(a) ? PUT_SHARED : NOW_SHARED, 0);
      return true;
  }
}

/* ---------------------------------------------------------------- what lies too deep waits, dead */

static bool put_off(act *a) {
  object *o = header(a);
  switch (a->f->at) {
    case PUT_SHARED:
      next(a, PUT_LOAD);
      if (o->shared == 0 && !o->flags) return true;
      next(a, PUT_DECIDED_THEN);
      call(a, LAST_SHARED, a->f->object, 0);
      return true;
    case PUT_DECIDED_THEN:
      next(a, PUT_LOAD);
      if (!take_answer(a)) ret(a, 0);
      return true;
    case PUT_LOAD:
      a->f->flags = o->bits;
      next(a, o->owner == NOBODY ? PUT_LINK : PUT_STORE);
      return true;
    case PUT_STORE:
      dies_now(a, o);
      o->bits = a->f->flags;
      o->owner = NOBODY;
      next(a, PUT_LINK);
      return true;
    default:
      o->count = o->shared = 77; /* a link lies there now */
      a->t->waiting = (uint8_t)(a->f->object + 1);
      ret(a, 0);
      return true;
  }
}

static bool drain(act *a) {
  object *o = header(a);
  switch (a->f->at) {
    case DRAIN_FLAGS:
      o->count = o->shared = 0;
      if (o->flags & WATCHED) o->flags |= DYING;
      next(a, DRAIN_OWNER);
      return true;
    default:
      o->owner = (uint8_t)a->me;
      go_on_as(a, NOW_SHARED, 0);
      return true;
  }
}

static bool may_finalize(const object *o) { return o->bits & FINALIZABLE && !(o->bits & FINALIZED); }

static bool none_count(const object *o) { return o->shared == 0 && !o->flags; }

/* What a finalizer may do: nothing; keep the object; keep it, and give it to another thread at once. */
static bool finalizer(act *a) {
  if (a->choice == 0) {
    next(a, DIES_OWNER);
    return true;
  }
  unsigned to = a->choice == 1 ? a->me : (a->me + a->choice - 2) % MODEL_THREADS + 1;
  if (thread_of(a, to)->ended || thread_of(a, to)->hands[a->f->object] >= bounds->most) return false;
  a->f->more = (uint8_t)to;
  thread_of(a, to)->promised++;
  next(a, FINALIZER_GIVES_THEN);
  call(a, INC_OWNER, a->f->object, 0);
  return true;
}

static bool finalizing(act *a, object *o) {
  frame *f = a->f;
  switch (f->at) {
    case DIES_SHARED:
      next(a, DIES_ONE);
      if (none_count(o)) return true;
      next(a, DIES_ASKED_THEN);
      call(a, LAST_SHARED, f->object, 0);
      a->f->more = 1;
      return true;
    case DIES_ONE:
      o->count = 1;
      o->held++;
      next(a, DIES_FINALIZED);
      return true;
    case DIES_ASKED_THEN:
      next(a, DIES_FINALIZED);
      if (!take_answer(a)) ret(a, 0);
      return true;
    case DIES_FINALIZED:
      if (o->bits & FINALIZED) wrong(a, "a finalizer runs twice");
      o->bits |= FINALIZED;
      next(a, FINALIZER);
      return true;
    case FINALIZER: return finalizer(a);
    case FINALIZER_GIVES_THEN:
      a->t->hands[f->object]--;
      thread_of(a, f->more)->hands[f->object]++;
      thread_of(a, f->more)->promised--;
      f->more = 0;
      take_answer(a);
      next(a, DIES_OWNER);
      return true;
    case DIES_OWNER:
      if (f->batch) o->owner = (uint8_t)a->me; /* FAULT_SOLE_TOO_LATE */
      f->batch = 0;
      if (o->owner == a->me) {
        next(a, DIES_COUNT);
      } else {
        go_on_as(a, DEC_SLOW, 0);
      }
      return true;
    case DIES_COUNT:
      f->count = o->count;
      next(a, DIES_STORE);
      return true;
    default: /* DIES_STORE */
      o->count = (int8_t)(f->count - 1);
      f->count = 0;
      o->held--;
      next(a, DIES_AGAIN);
      if (o->count) ret(a, 0);
      return true;
  }
}

static bool dealloc(act *a) {
  object *o = header(a);
  frame *f = a->f;
  switch (f->at) {
    case NOW_SHARED:
      next(a, none_count(o) && !(o->bits & (WEAK | FINALIZABLE)) ? DEAD_LOAD : may_finalize(o) ? DIES_SHARED : DIES_AGAIN);
      return true;
    case DIES_AGAIN:
      next(a, DEAD_LOAD);
      if (none_count(o)) return true;
      next(a, DIES_DECIDED_THEN);
      call(a, LAST_SHARED, f->object, 0);
      return true;
    case DIES_DECIDED_THEN:
      next(a, DEAD_LOAD);
      if (!take_answer(a)) ret(a, 0);
      return true;
    case DEAD_LOAD:
      f->flags = o->bits;
      next(a, o->owner == NOBODY && !broken(FAULT_PLAIN_WORD) ? DEAD_BIT : DEAD_STORE);
      return true;
    case DEAD_STORE:
      if (o->owner != NOBODY) dies_now(a, o);
      o->bits = f->flags;
      o->owner = NOBODY;
      next(a, DEAD_BIT);
      return true;
    case DEAD_BIT:
      f->flags = 0;
      next(a, o->bits & WEAK ? DEAD_WEAK : DEAD_SLOT);
      return true;
    case DEAD_WEAK:
      if (o->watch) return false;
      if (o->bits & WEAK && !o->entry) wrong(a, "I-WEAK-1: OURO_WEAK without an entry");
      o->entry = o->memo = 0;
      o->bits &= (uint8_t)~WEAK;
      next(a, DEAD_SLOT);
      return true;
    case DEAD_SLOT:
      next(a, DEAD_FREE);
      if (!o->slot) return true;
      unsigned child = o->slot - 1u;
      o->slot = 0;
      call(a, DEC_OWNER, child, 0);
      return true;
    case DEAD_FREE:
      if (o->held || o->entry) wrong(a, "an object is freed that can still be reached");
      *o = (object){.freed = 1};
      ret(a, 0);
      if (!a->t->waiting || is_deep(a)) return true;
      call(a, DRAIN_FLAGS, a->t->waiting - 1u, 0);
      a->t->waiting = 0;
      return true;
    default: return finalizing(a, o);
  }
}

/* ---------------------------------------------------------------- a weak reference */

static bool try_ends(act *a, object *o, bool got) {
  if (got && o->gone) wrong(a, "a weak reference that was dead is alive again");
  if (got) {
    o->held++;
    have(a, a->f->object);
  } else if (!o->freed && o->owner != NOBODY) {
    o->gone = 1;
  }
  if (o->watch == a->me) o->watch = 0;
  ret(a, 0);
  return true;
}

static bool try_merged(act *a, object *o) {
  a->f->count = o->count;
  next(a, TRY_CAS);
  return o->count || broken(FAULT_MERGED_MAY_RISE) ? true : try_ends(a, o, false);
}

static bool find_referent(act *a, object *o) {
  if (o->watch && !broken(FAULT_TRY_WITHOUT_WATCH)) return false;
  if (!o->entry) {
    ret(a, 0);
    return true;
  }
  if (!broken(FAULT_TRY_WITHOUT_WATCH)) o->watch = (uint8_t)a->me;
  next(a, TRY_OWNER);
  return true;
}

static bool try_watched(act *a) {
  object *o = header(a);
  frame *f = a->f;
  switch (f->at) {
    case TRY_LIVE:
      next(a, o->owner == a->me ? TRY_COUNT : TRY_WATCH);
      return true;
    case TRY_OWNER:
      if (o->owner == NOBODY) return try_ends(a, o, false);
      next(a, o->owner == MERGED ? TRY_WAIT : TRY_DYING);
      return true;
    case TRY_COUNT:
      if (o->count == 0) return try_ends(a, o, false);
      f->count = o->count;
      next(a, TRY_STORE);
      return true;
    case TRY_STORE: o->count = (int8_t)(f->count + 1); return try_ends(a, o, true);
    case TRY_DYING:
      if (o->flags & DYING) return try_ends(a, o, false);
      next(a, o->owner == a->me ? TRY_COUNT : TRY_SHARED);
      return true;
    case TRY_SHARED:
      o->shared++;
      if (!(o->flags & S_MERGED)) return try_ends(a, o, true);
      next(a, TRY_MERGED);
      return true;
    case TRY_WAIT:
      if (!(o->flags & S_MERGED)) return false;
      next(a, TRY_MERGED);
      return true;
    case TRY_MERGED: return try_merged(a, o);
    default:
      if (o->count != f->count) return try_merged(a, o);
      o->count++;
      return try_ends(a, o, true);
  }
}

static bool try_incref(act *a) {
  object *o = &a->all->objects[a->f->object];
  switch (a->f->at) {
    case TRY_MEMO: next(a, o->memo == a->me ? TRY_LIVE : TRY_WATCH); return true;
    case TRY_WATCH: return find_referent(a, o);
    default: return try_watched(a);
  }
}

/* The caller holds a reference. */
static bool refer(act *a) {
  object *o = header(a);
  switch (a->f->at) {
    case REFER_WATCH:
      if (o->watch) return false;
      o->watch = (uint8_t)a->me;
      next(a, REFER_SHARED);
      if (o->entry) {
        o->watch = 0;
        ret(a, 0);
      }
      return true;
    case REFER_SHARED:
      o->memo = o->owner == a->me ? (uint8_t)a->me : 0;
      o->flags |= WATCHED;
      next(a, REFER_WORD);
      return true;
    default:
      o->bits |= WEAK;
      o->entry = 1;
      o->watch = 0;
      ret(a, 0);
      return true;
  }
}

/* The last weak reference goes. Its object may be freed already: then there is no entry. */
static bool forget(act *a) {
  object *o = &a->all->objects[a->f->object];
  if (o->watch) return false;
  if (o->entry) {
    header(a);
    o->bits &= (uint8_t)~WEAK;
    o->entry = o->memo = 0;
  }
  ret(a, 0);
  return true;
}

/* ---------------------------------------------------------------- IN and OUT. `more`: the thread ends */

/* Where nobody stops the world, nobody leaves anything. */
static unsigned first_of_taking(void) { return bounds->stops ? TAKE_LEFT : TAKE_QUEUED; }

static bool safepoint(act *a) {
  a->t->limit = 0;
  go_on_as(a, first_of_taking(), 0);
  return true;
}

static bool blocking(act *a) {
  frame *f = a->f;
  switch (f->at) {
    case BLOCK_QUEUED:
      next(a, bounds->stops && !a->t->queued ? BLOCK_LEFT : BLOCK_OUT);
      if (a->t->queued) call(a, first_of_taking(), 0, 0);
      return true;
    case BLOCK_LEFT:
      next(a, BLOCK_OUT);
      if (a->all->left) call(a, TAKE_LEFT, 0, 0);
      return true;
    case BLOCK_OUT:
      take_answer(a);
      a->t->state = OUT;
      next(a, BLOCK_LOOK);
      if (!broken(FAULT_OUT_AND_FORGET)) return true;
      a->t->ended = f->more ? ENDED : 0;
      ret(a, 0);
      return true;
    case BLOCK_LOOK:
      next(a, BLOCK_IN);
      if (a->t->queued) return true;
      a->t->ended = f->more ? ENDED : 0;
      ret(a, 0);
      return true;
    default:
      if (a->t->state != OUT) return false;
      a->t->state = IN;
      next(a, BLOCK_QUEUED);
      return true;
  }
}

static bool come_in(act *a) {
  if (a->t->state != OUT) return false;
  a->t->state = IN;
  ret(a, 0);
  return true;
}

/* ---------------------------------------------------------------- stopping the world. `batch`: the records taken; `owner`: the next one */

static bool is_taken(act *a, unsigned number) { return a->f->batch >> number & 1; }

static void start_ends(act *a) {
  a->all->world = 0;
  ret(a, 0);
}

static bool start_next(act *a) {
  frame *f = a->f;
  next(a, START_LET_GO);
  while (++f->owner <= MODEL_THREADS && !is_taken(a, f->owner)) {
  }
  if (f->owner <= MODEL_THREADS) return true;
  if (f->more) {
    next(a, START_LEFT);
  } else {
    start_ends(a);
  }
  return true;
}

/* Of who is not OUT: wait, or give up. */
static bool stop_take(act *a) {
  frame *f = a->f;
  if (a->choice) {
    f->owner = 0;
    return start_next(a);
  }
  if (f->owner != a->me) {
    if (thread_of(a, f->owner)->state != OUT) return false;
    thread_of(a, f->owner)->state = HELD;
    f->batch |= (uint8_t)(1u << f->owner);
  }
  if (++f->owner <= MODEL_THREADS) return true;
  f->owner = 0;
  return start_next(a);
}

static bool stop(act *a) {
  frame *f = a->f;
  switch (f->at) {
    case STOP_TAKE: return stop_take(a);
    case START_LET_GO:
      thread_of(a, f->owner)->state = OUT;
      next(a, START_LOOK);
      return broken(FAULT_START_AND_FORGET) ? start_next(a) : true;
    case START_LOOK:
      if (thread_of(a, f->owner)->queued) f->more = 1;
      return start_next(a);
    default:
      a->all->left = 1;
      a->t->limit = 1;
      start_ends(a);
      return true;
  }
}

/* ---------------------------------------------------------------- the program: any there can be, within the bounds */

static bool program(act *a) {
  (void)a;
  return false;
}

static bool spend(act *a, bool allowed) {
  if (!allowed || !a->t->moves) return false;
  a->t->moves--;
  return true;
}

/* What is lent stays where it is. */
static bool has_one(act *a, const thread *t, unsigned number) {
  return t->hands[number] > a->all->objects[number].lent[t - a->all->threads];
}

static bool release(act *a, unsigned number) {
  a->said->what = "the program releases a reference";
  if (!has_one(a, a->t, number)) return false;
  a->t->hands[number]--;
  call(a, DEC_OWNER, number, 0);
  return true;
}

static bool take_one_more(act *a, unsigned number) {
  unsigned hands = a->t->hands[number];
  a->said->what = "the program takes one more reference";
  if (!hands || hands >= bounds->most || !spend(a, bounds->increfs)) return false;
  call(a, INC_OWNER, number, 0);
  return true;
}

static bool try_one_more(act *a, unsigned number) {
  a->said->what = "the program takes one by a weak reference";
  if (!a->all->objects[number].entry || a->t->hands[number] >= bounds->most || !spend(a, bounds->tries)) return false;
  call(a, TRY_MEMO, number, 0);
  return true;
}

static bool refer_weakly(act *a, unsigned number) {
  a->said->what = "the program makes a weak reference";
  if (!a->t->hands[number] || a->all->objects[number].entry || !spend(a, bounds->refers)) return false;
  call(a, REFER_WATCH, number, 0);
  return true;
}

static bool forget_it(act *a, unsigned number) {
  a->said->what = "the program releases the weak reference";
  if (!a->all->objects[number].entry || !spend(a, bounds->forgets)) return false;
  call(a, FORGET, number, 0);
  return true;
}

static bool give(act *a, unsigned number, unsigned by) {
  thread *to = thread_of(a, (a->me + by) % MODEL_THREADS + 1);
  a->said->what = "the program gives a reference to another thread";
  if (!has_one(a, a->t, number) || to->ended || to->hands[number] >= bounds->most || a->t->late || !spend(a, bounds->gives)) return false;
  a->t->hands[number]--;
  to->hands[number]++;
  return true;
}

static bool borrow_from(act *a, unsigned number, unsigned lender) {
  if (a->t->hands[number] >= bounds->most || !spend(a, bounds->borrows)) return false;
  a->all->objects[number].lent[lender - 1]++;
  call(a, INC_OWNER, number, lender);
  return true;
}

/* The lender keeps its reference meanwhile: the program sees to that. */
static bool borrow(act *a, unsigned number, unsigned by) {
  unsigned lender = (a->me + by) % MODEL_THREADS + 1;
  a->said->what = "the program takes one more, by a reference of another thread";
  return has_one(a, thread_of(a, lender), number) && !thread_of(a, lender)->late && borrow_from(a, number, lender);
}

static bool holds_slot_of(act *a, unsigned number) {
  return a->t->hands[0] && a->all->objects[0].slot == number + 1;
}

static bool borrow_by_slot(act *a, unsigned number) {
  a->said->what = "the program takes one more, by that of a slot";
  return holds_slot_of(a, number) && borrow_from(a, number, BY_SLOT);
}

static bool steal(act *a, unsigned number) {
  a->said->what = "the program takes the reference out of a slot";
  if (!holds_slot_of(a, number) || a->all->objects[number].lent[BY_SLOT - 1] || a->t->hands[number] >= bounds->most) return false;
  if (a->t->late || !spend(a, bounds->borrows)) return false;
  a->all->objects[0].slot = 0;
  have(a, number);
  return true;
}

static bool go_out(act *a) {
  a->said->what = "the program begins to block";
  if (!spend(a, bounds->blocks)) return false;
  call(a, BLOCK_QUEUED, 0, 0);
  return true;
}

static bool end(act *a) {
  a->said->what = "the thread is about to end";
  for (unsigned i = 0; i < MODEL_OBJECTS; i++) {
    if (a->t->hands[i] || a->t->promised) return false;
  }
  a->t->ended = LEAVING;
  call(a, BLOCK_QUEUED, 0, 0);
  a->f->more = 1;
  return true;
}

static bool stop_the_world(act *a) {
  a->said->what = "the thread stops the world";
  if (a->all->world || !spend(a, bounds->stops)) return false;
  a->all->world = (uint8_t)a->me;
  call(a, STOP_TAKE, 0, 1);
  return true;
}

static bool go_to_safepoint(act *a) {
  a->said->what = "the program comes to a safepoint";
  if (!a->t->limit) return false;
  call(a, SAFEPOINT, 0, 0);
  return true;
}

enum { ALWAYS = 4 };

static unsigned for_each_object(void) { return bounds->borrows ? 11 : 7; }
static unsigned choices(void) { return ALWAYS + for_each_object() * MODEL_OBJECTS; }

static bool choose(act *a) {
  if (a->t->state != IN) {
    a->said->what = "the program ends to block";
    if (a->choice) return false;
    call(a, COME_IN, 0, 0);
    return true;
  }
  unsigned what = a->choice / MODEL_OBJECTS, number = a->choice % MODEL_OBJECTS;
  if (what < for_each_object()) a->said->about = (int)number + 1;
  if (what >= for_each_object()) what = UINT8_MAX;
  switch (what) {
    case 0: return release(a, number);
    case 1: return take_one_more(a, number);
    case 2: return try_one_more(a, number);
    case 3:
    case 4: return give(a, number, what - 3);
    case 5: return forget_it(a, number);
    case 6: return refer_weakly(a, number);
    case 7:
    case 8: return borrow(a, number, what - 7);
    case 9: return borrow_by_slot(a, number);
    case 10: return steal(a, number);
    default: break;
  }
  switch (a->choice - for_each_object() * MODEL_OBJECTS) {
    case 0: return go_to_safepoint(a);
    case 1: return go_out(a);
    case 2: return stop_the_world(a);
    default: return end(a);
  }
}

/* ---------------------------------------------------------------- all together */

static bool (*const functions[])(act *) = {
#define X(step, function, text) function,
    STEPS(X)
#undef X
};

static bool touches_an_object(unsigned step) { return step < OVER_QUEUED || (step >= SETTLE_OWNER && step < SAFEPOINT); }

/* When nobody is in the middle of anything, each count is what it should be. */
static void check_counts(act *a) {
  for (unsigned i = 0; i < MODEL_THREADS; i++) {
    if (a->all->threads[i].depth || a->all->threads[i].late) return;
  }
  for (unsigned i = 0; i < MODEL_OBJECTS; i++) {
    const object *o = &a->all->objects[i];
    if (o->freed) continue;
    int counted = o->owner == MERGED ? o->count : o->count + o->shared;
    if (counted != o->held) wrong(a, "a count differs from the references that there are");
    if (o->watch) wrong(a, "a watch is left behind");
    if (o->memo && o->memo != o->owner) wrong(a, "I-WEAK-4: a weak reference knows another owner than its referent's");
  }
}

static bool is_local(unsigned step) { return step != NO_STEP && !names[step][0]; }

static unsigned choices_at(unsigned at) { return at == FINALIZER ? 4 : at == STOP_TAKE ? 2 : 1; }

/* Steps that only load: others may see what was stored before them later than they are done. */
static bool only_loads(unsigned at) {
  switch (at) {
    case INC_OWNER:
    case INC_COUNT:
    case INC_SLOW:
    case DEC_OWNER:
    case DEC_COUNT:
    case DEC_SLOW:
    case SOLE_BOTH:
    case SOLE_COUNT:
    case SOLE_SHARED:
    case SOLE_AGAIN:
    case SOLE_LOAD:
    case DEC_SHARED:
    case HAND_STATE:
    case OVER_QUEUED:
    case TAKE_LEFT:
    case TAKE_QUEUED:
    case LAST_SHARED:
    case MERGE_LOOK:
    case MERGE_COUNT:
    case MERGE_SHARED:
    case NOW_SHARED:
    case DIES_SHARED:
    case DIES_AGAIN:
    case DEAD_LOAD:
    case DEAD_BIT:
    case BLOCK_QUEUED:
    case BLOCK_LEFT: return true;
    default: return false;
  }
}

/* Now others see it. */
static search_step come_to_be_seen(act *a) {
  object *o = &a->all->objects[a->t->late - 1u];
  a->said->what = "(others see the count that it has stored)";
  a->said->about = a->t->late;
  if (o->freed) wrong(a, "the header of an object is touched after it was freed");
  o->count = a->t->late_count;
  a->t->late = 0;
  a->t->late_count = 0;
  check_counts(a);
  return SEARCH_DONE;
}

static search_step step(void *all, unsigned number, unsigned choice, search_said *said) {
  act a = {.all = all, .me = number + 1, .choice = choice, .said = said};
  a.t = &a.all->threads[number];
  if (a.t->ended == ENDED) return SEARCH_NO_MORE;
  if (a.t->late && choice == 0) return come_to_be_seen(&a);
  if (a.t->late) a.choice = --choice;
  if (a.t->late && a.t->depth && !only_loads(a.t->frames[a.t->depth - 1].at)) return SEARCH_NO_MORE;
  if (a.t->depth) {
    a.f = &a.t->frames[a.t->depth - 1];
    if (choice >= choices_at(a.f->at)) return SEARCH_NO_MORE;
    said->what = names[a.f->at];
    said->about = touches_an_object(a.f->at) ? a.f->object + 1 : -1;
    if (!functions[a.f->at](&a)) return SEARCH_BLOCKED;
  } else {
    if (choice >= choices()) return SEARCH_NO_MORE;
    if (!choose(&a)) return SEARCH_BLOCKED;
  }
  while (a.t->depth && is_local(a.f->at) && !said->wrong) functions[a.f->at](&a);
  if (!a.t->depth) a.t->answer = 0;
  check_counts(&a);
  return SEARCH_DONE;
}

static const char *wrong_at_end(const void *all) {
  const state *s = all;
  for (unsigned i = 0; i < MODEL_THREADS; i++) {
    if (s->threads[i].ended != ENDED) return "a thread waits for ever";
  }
  for (unsigned i = 0; i < MODEL_THREADS; i++) {
    if (s->threads[i].queued) return "all threads have ended, and a reference waits in a queue";
  }
  for (unsigned i = 0; i < MODEL_OBJECTS; i++) {
    if (!s->objects[i].freed) return "all references are released, and an object was never freed";
  }
  return NULL;
}

/* ---------------------------------------------------------------- the first state */

static void make_object(state *s, unsigned number) {
  object *o = &s->objects[number];
  o->owner = (uint8_t)bounds->owner[number];
  if (!o->owner) {
    *o = (object){.freed = 1};
    return;
  }
  for (unsigned i = 0; i < MODEL_THREADS; i++) {
    s->threads[i].hands[number] = (uint8_t)bounds->references[i][number];
    *(i + 1 == o->owner || bounds->counted_by_owner ? &o->count : &o->shared) += (int8_t)bounds->references[i][number];
  }
  if (bounds->watched[number]) {
    o->flags |= WATCHED;
    o->bits |= WEAK;
    o->entry = 1;
    o->memo = o->owner;
  }
  if (bounds->finalizer[number]) o->bits |= FINALIZABLE;
  o->held = (int8_t)(o->count + o->shared);
}

static void first(void *all) {
  state *s = all;
  memset(s, 0, sizeof *s);
  for (unsigned i = 0; i < MODEL_THREADS; i++) {
    s->threads[i].state = IN;
    s->threads[i].moves = (uint8_t)bounds->moves[i];
  }
  for (unsigned i = 0; i < MODEL_OBJECTS; i++) make_object(s, i);
  if (!bounds->slot) return;
  s->objects[0].slot = 2;
  s->objects[1].count++;
  s->objects[1].held++;
}

/* ---------------------------------------------------------------- threads 2 and 3, where they began alike */

static void rename_number(uint8_t *number) {
  if (*number == 2 || *number == 3) *number = (uint8_t)(5 - *number);
}

static void swap_names(state *s) {
  thread second = s->threads[1];
  s->threads[1] = s->threads[2];
  s->threads[2] = second;
  for (unsigned i = 0; i < MODEL_OBJECTS; i++) {
    rename_number(&s->objects[i].owner);
    rename_number(&s->objects[i].watch);
    rename_number(&s->objects[i].memo);
    uint8_t lent = s->objects[i].lent[1];
    s->objects[i].lent[1] = s->objects[i].lent[2];
    s->objects[i].lent[2] = lent;
  }
  rename_number(&s->world);
  for (unsigned i = 0; i < MODEL_THREADS; i++) {
    for (unsigned k = 0; k < s->threads[i].depth; k++) {
      rename_number(&s->threads[i].frames[k].owner);
      if (s->threads[i].frames[k].at == FINALIZER_GIVES_THEN) rename_number(&s->threads[i].frames[k].more);
    }
  }
}

static void make_canonical(void *all) {
  if (!bounds->alike) return;
  state other = *(state *)all;
  swap_names(&other);
  if (memcmp(&other, all, sizeof other) < 0) memcpy(all, &other, sizeof other);
}

/* ---------------------------------------------------------------- to read */

static const char *owner_text(unsigned owner) {
  static const char *const texts[] = {"NOBODY", "thread 1", "thread 2", "thread 3", "MERGED"};
  return texts[owner];
}

static void show_object(const object *o, unsigned number, FILE *out) {
  if (o->freed) {
    fprintf(out, " | %u: freed", number + 1);
    return;
  }
  fprintf(out, " | %u: count %d shared %d%s%s owner %s, held %d", number + 1, o->count, o->shared, o->flags & QUEUED ? " QUEUED" : "",
          o->flags & S_MERGED ? " MERGED" : "", owner_text(o->owner), o->held);
}

static void show(const void *all, FILE *out) {
  static const char *const states[] = {"OUT", "IN", "HELD"};
  const state *s = all;
  for (unsigned i = 0; i < MODEL_OBJECTS; i++) {
    if (bounds->owner[i]) show_object(&s->objects[i], i, out);
  }
  fprintf(out, " | ");
  for (unsigned i = 0; i < MODEL_THREADS; i++) fprintf(out, " %s", s->threads[i].ended == ENDED ? "ended" : states[s->threads[i].state]);
}

const char *const model_fault_names[MODEL_VARIANTS] = {
    [FAULT_NONE] = "none",
    [FAULT_WORD_AFTER_CAS] = "merging sets the owner after OURO_S_MERGED",
    [FAULT_MERGE_READS_ONCE] = "merging does not read shared again when it has changed",
    [FAULT_NO_WAIT_FOR_MERGE] = "who sees OURO__MERGED counts before the merge has written count",
    [FAULT_QUEUE_HOLDS_NOTHING] = "the queue holds no reference of its own",
    [FAULT_PLAIN_SUBTRACTION] = "who is not the owner always subtracts from shared",
    [FAULT_DRAIN_IGNORES_OWNER] = "whoever drains a queue does not look whose the object is by now",
    [FAULT_TRY_WITHOUT_WATCH] = "a weak reference is followed without the watch",
    [FAULT_DEATH_WITHOUT_WATCH] = "the owner decides about a watched object without the watch",
    [FAULT_PUT_AND_FORGET] = "who queues does not look whether the owner went out meanwhile",
    [FAULT_OUT_AND_FORGET] = "who goes out does not look at its queue once more",
    [FAULT_LET_GO_AND_FORGET] = "who acted for another does not look at its queue once more",
    [FAULT_START_AND_FORGET] = "who had stopped the world does not look at the queues of those it held",
    [FAULT_TAKE_WITHOUT_CAS] = "who acts for an owner does not keep it from coming in",
    [FAULT_MERGED_MAY_RISE] = "a weak reference brings back a merged object whose count is zero",
    [FAULT_COUNT_STAYS_SPLIT] = "merging leaves the references of others where they were",
    [FAULT_NOT_DYING] = "a dying object can still be found by weak references",
    [FAULT_NOT_DISOWNED] = "a weak reference still knows the owner of a merged object",
    [FAULT_PLAIN_WORD] = "the owner of a watched object is set by a load and a store",
    [FAULT_WAY_BACK] = "a merge that finds nothing left gives the object back",
    [FAULT_SOLE_COUNT_FIRST] = "whether a reference is the only one: count is read, then shared",
    [FAULT_SOLE_SHARED_FIRST] = "whether a reference is the only one: shared is read, then count",
    [FAULT_SOLE_SHARED_TWICE] = "whether a reference is the only one: shared is read, then count, then shared again",
    [FAULT_SOLE_THOUGH_WATCHED] = "the only reference to a watched object makes its thread the owner",
    [FAULT_STORE_BEFORE_USE] = "the owner's release of a reference is seen before what it did with the object",
    [FAULT_LOAN_ENDS_EARLY] = "a reference is released by which the owner has taken one, before others see that",
    [FAULT_SOLE_TOO_LATE] = "who releases the only reference becomes the owner after the finalizer has run",
    [FAULT_SOLE_THOUGH_QUEUED] = "whether a reference is the only one: OURO_S_QUEUED is not looked at",
};

search_system model_of(const model_bounds *of) {
  bounds = of;
  return (search_system){.bytes = sizeof(state),
                         .threads = MODEL_THREADS,
                         .first = first,
                         .step = step,
                         .wrong_at_end = wrong_at_end,
                         .make_canonical = make_canonical,
                         .show = show};
}
