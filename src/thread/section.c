/* thread/section.c - the lock of an object: two bits of its header, and places where who waits for one sleeps.
 *
 * The critical sections of PEP 703 (S. Gross, "Making the Global Interpreter Lock Optional in CPython"), on locks as WebKit parks them
 * (F. Pizlo, "Locking in WebKit", 2016).
 *
 *   the word    | ... other flags and a count, which other threads change meanwhile ... | WAITED | LOCKED |
 *   a thread    innermost section -> ... -> outermost: those in force come first, the others were let go of
 *
 * I-SECTION-1  the sections of a thread that are in force are the innermost ones, without a gap
 * I-SECTION-2  a section in force has the locks of its objects: those of its own, and those that a section around it in force has
 * I-SECTION-3  whoever sleeps for a lock is in its bucket, the lock is WAITED, and so who releases it looks there
 * I-SECTION-4  a thread that waits for a lock has none, but for the first one of the section of two that it begins
 *
 * From the last two follows that nobody waits for ever. A thread that waits for the second lock of a section has the first, of the lower
 * address; so a ring of threads that wait for each other would be one of addresses that rise all along. And who has waited for a
 * millisecond is given the lock by who releases it, instead of having to be faster than the others.
 *
 * `ouro__state` of a section says which locks it may have: a bit is set before the lock is taken, and cleared after it was released. So a
 * child of fork finds all that the threads had which it is without. */
#include "base/base.h"
#include "os/os.h"
#include "thread/thread.h"

/* The same as OURO_S_LOCKED and OURO_S_LOCK_WAITED of object/object.h, which asserts it. */
enum { OURO_LOCKED_BIT = 1, OURO_LOCK_WAITED_BIT = 2 };

/* Of ouro__state; the first two are 1 << which of the objects. */
enum { MAY_HAVE = 1 | 2, IN_FORCE = 4 };

enum { BUCKETS = 64 };

/* As for the library's own locks (base/lock.c): a short spin, since whoever is inside may not be running. */
enum { SPINS = 60 };

static const uint64_t fair_after_ns = 1000000;

typedef _Atomic(uint32_t) lock_word;

enum { WAITING, WOKEN, GIVEN };

typedef struct waiter {
  struct waiter *next;
  lock_word *word;
  ouro_section *section; /* for which it waits */
  uint32_t bit;          /* of MAY_HAVE, for this word */
  uint64_t fair_from;    /* from then on, it is given the lock */
  _Atomic uint32_t what; /* WAITING, ... */
} waiter;

/* Who came first is first. */
typedef struct bucket {
  ouro__lock lock;
  waiter *first;
} bucket;

#define BUCKET {OURO_LOCK_INIT(OURO_RANK_SECTIONS), NULL}
#define BUCKETS_4 BUCKET, BUCKET, BUCKET, BUCKET
#define BUCKETS_16 BUCKETS_4, BUCKETS_4, BUCKETS_4, BUCKETS_4
static bucket buckets[BUCKETS] = {BUCKETS_16, BUCKETS_16, BUCKETS_16, BUCKETS_16};

/* `shared` of the object's header. */
static inline lock_word *word_of(void *object) { return (lock_word *)object + 1; }

static bucket *bucket_of(const lock_word *word) {
  uint64_t hash = (uint64_t)(uintptr_t)word * UINT64_C(0x9e3779b97f4a7c15);
  return &buckets[hash >> 58];
}

_Static_assert(BUCKETS == 1 << (64 - 58), "the hash is the number of a bucket");

/* ---------------------------------------------------------------- a lock */

/* Pairs with the release of who had it. */
static inline bool try_word(lock_word *word) {
  uint32_t seen = ouro__load_relaxed(word);
  while (!(seen & OURO_LOCKED_BIT)) {
    if (atomic_compare_exchange_weak_explicit(word, &seen, seen | OURO_LOCKED_BIT, memory_order_acquire, memory_order_relaxed)) return true;
  }
  return false;
}

static bool spin_for(lock_word *word) {
  for (int spin = 0; spin < SPINS; spin++) {
    if (try_word(word)) return true;
    ouro__pause();
  }
  return false;
}

/* Release the lock, or leave it locked for who is given it; the bucket's lock is held. */
static void change_word(lock_word *word, bool given, bool others_wait) {
  uint32_t wanted = (given ? OURO_LOCKED_BIT : 0) | (others_wait ? OURO_LOCK_WAITED_BIT : 0);
  uint32_t seen = ouro__load_relaxed(word);
  while (!ouro__cas_release(word, &seen, (seen & ~(uint32_t)(OURO_LOCKED_BIT | OURO_LOCK_WAITED_BIT)) | wanted)) {
  }
}

/* Take the first one that waits for the word out of the list; *more: is there another? */
static waiter *take_waiter(bucket *in, const lock_word *word, bool *more) {
  waiter **at = &in->first;
  while (*at && (*at)->word != word) at = &(*at)->next;
  waiter *found = *at;
  *more = false;
  if (!found) return NULL;
  *at = found->next;
  for (const waiter *other = found->next; other && !*more; other = other->next) *more = other->word == word;
  return found;
}

/* Somebody waits for it. Whoever is woken may be gone when the system is told so: then nobody sleeps there. */
static void release_waited(lock_word *word) {
  bucket *in = bucket_of(word);
  bool more;
  ouro__acquire(&in->lock);
  waiter *next = take_waiter(in, word, &more);
  bool given = next && ouro__os_now_ns() >= next->fair_from;
  if (given) OURO__SET(next->section->ouro__state, OURO__SEE(next->section->ouro__state) | next->bit);
  change_word(word, given, more);
  _Atomic uint32_t *sleeps_at = next ? &next->what : NULL;
  if (next) ouro__store_release(sleeps_at, given ? GIVEN : WOKEN);
  ouro__release(&in->lock);
  if (sleeps_at) ouro__wake(sleeps_at, 1);
}

static inline void release_word(lock_word *word) {
  uint32_t seen = ouro__load_relaxed(word);
  while (!(seen & OURO_LOCK_WAITED_BIT)) {
    if (ouro__cas_release(word, &seen, seen & ~(uint32_t)OURO_LOCKED_BIT)) return;
  }
  release_waited(word);
}

/* ---------------------------------------------------------------- what a section has */

static inline uint32_t state_of(const ouro_section *section) { return OURO__SEE(section->ouro__state); }

/* The fence keeps the order for who finds the section in a child of fork. */
static inline void set_state(ouro_section *section, uint32_t state) {
  atomic_signal_fence(memory_order_seq_cst);
  OURO__SET(section->ouro__state, state);
  atomic_signal_fence(memory_order_seq_cst);
}

static inline void release_one(ouro_section *section, uint32_t i) {
  if (!(state_of(section) & 1u << i)) return;
  release_word(word_of(section->ouro__object[i]));
  set_state(section, state_of(section) & ~(1u << i));
}

/* It is in force no more, and has nothing. */
static inline void let_go(ouro_section *section) {
  set_state(section, state_of(section) & MAY_HAVE);
  release_one(section, 0);
  release_one(section, 1);
}

/* Let go of a section and all around it. */
static void let_go_from(ouro_section *section) {
  for (; section && state_of(section) & IN_FORCE; section = section->ouro__outer) let_go(section);
}

/* I-SECTION-2. */
static bool is_in_outer(const ouro_section *section, const void *object) {
  for (section = section->ouro__outer; section && state_of(section) & IN_FORCE; section = section->ouro__outer) {
    if (section->ouro__object[0] == object || section->ouro__object[1] == object) return true;
  }
  return false;
}

/* Without waiting. */
static inline bool try_one(ouro_section *section, uint32_t i) {
  void *object = section->ouro__object[i];
  if (!object) return true;
  set_state(section, state_of(section) | 1u << i);
  if (OURO_LIKELY(try_word(word_of(object)))) return true;
  bool around = is_in_outer(section, object);
  if (!around && spin_for(word_of(object))) return true;
  set_state(section, state_of(section) & ~(1u << i));
  return around;
}

static inline bool try_section(ouro_section *section) {
  if (OURO_LIKELY(try_one(section, 0) && try_one(section, 1))) {
    set_state(section, state_of(section) | IN_FORCE);
    return true;
  }
  let_go(section);
  return false;
}

/* ---------------------------------------------------------------- waiting */

/* Go to the end of the list; false: the lock is free by now. */
static bool enqueue(waiter *me) {
  bucket *in = bucket_of(me->word);
  ouro__acquire(&in->lock);
  uint32_t seen = ouro__load_relaxed(me->word);
  while (seen & OURO_LOCKED_BIT &&
         !atomic_compare_exchange_weak_explicit(me->word, &seen, seen | OURO_LOCK_WAITED_BIT, memory_order_relaxed, memory_order_relaxed)) {
  }
  if (seen & OURO_LOCKED_BIT) {
    waiter **end = &in->first;
    while (*end) end = &(*end)->next;
    me->next = NULL;
    ouro__store_relaxed(&me->what, WAITING);
    *end = me;
  }
  ouro__release(&in->lock);
  return seen & OURO_LOCKED_BIT;
}

/* OUT meanwhile: whoever has the lock may stop the world. */
static void sleep_until_woken(waiter *me, const void *caller) {
  ouro__go_out(caller);
  while (ouro__load_acquire(&me->what) == WAITING) ouro__wait(&me->what, WAITING, 0);
  ouro__come_in();
}

/* Its thread stands still until this one lets the world go on. */
static void check_can_wait(const void *object) {
  OURO_INVARIANT(ouro__me->blocking == 0 || ouro__world_is_mine()); /* a section begins between ouro_blocking_begin and its end */
  if (!ouro__world_is_mine()) return;
  ouro__fatal((ouro_fatal_info){
      .code = OURO_FATAL_LOCKED, .address = object, .text = "is in a section of a thread that stands still, and was waited for"});
}

static void wait_for_one(ouro_section *section, uint32_t i, const void *caller) {
  void *object = section->ouro__object[i];
  if (!object) return;
  set_state(section, state_of(section) | 1u << i);
  if (try_word(word_of(object))) return;
  set_state(section, state_of(section) & ~(1u << i));
  check_can_wait(object);
  waiter me = {.word = word_of(object), .section = section, .bit = 1u << i, .fair_from = ouro__os_now_ns() + fair_after_ns};
  for (;;) {
    if (enqueue(&me)) sleep_until_woken(&me, caller);
    if (ouro__load_relaxed(&me.what) == GIVEN) return;
    set_state(section, state_of(section) | 1u << i);
    if (try_word(me.word)) return;
    set_state(section, state_of(section) & ~(1u << i));
  }
}

/* All that the thread is in goes, since it may sleep. What is taken one by one from then on, the section has itself. */
static OURO_NOINLINE void wait_for_section(ouro_section *section, const void *caller) {
  let_go_from(section->ouro__outer);
  wait_for_one(section, 0, caller);
  wait_for_one(section, 1, caller);
  set_state(section, state_of(section) | IN_FORCE);
}

static inline void enter(ouro_section *section, const void *caller) {
  if (OURO_UNLIKELY(!try_section(section))) wait_for_section(section, caller);
}

/* ---------------------------------------------------------------- the public functions */

/* There is no way to say that the thread is refused. */
static OURO_NOINLINE ouro__thread *attach_for(void *object) {
  int code = ouro__thread_attach();
  if (code == OURO_EPERM) ouro__fatal((ouro_fatal_info){.code = OURO_FATAL_WRONG_THREAD, .address = object});
  if (code) ouro__fatal((ouro_fatal_info){.code = OURO_FATAL_INTERNAL, .address = object, .text = "no memory to attach a thread with"});
  return ouro__me;
}

static inline void begin(ouro_section *section, void *first, void *second, const void *caller) {
  ouro__thread *me = ouro__me;
  if (OURO_UNLIKELY(!me)) me = attach_for(first);
  *section = (ouro_section){me->section, {first, second}, 0};
  atomic_signal_fence(memory_order_seq_cst); /* as in set_state */
  me->section = section;
  me->keep++;
  enter(section, caller);
}

void ouro_section_begin(ouro_section *section, void *object) { begin(section, object, NULL, OURO_CALLER); }

void ouro_section_begin2(ouro_section *section, void *first, void *second) {
  bool swap = (uintptr_t)first > (uintptr_t)second;
  begin(section, swap ? second : first, first == second ? NULL : swap ? first : second, OURO_CALLER);
}

void ouro_section_end(ouro_section *section) {
  ouro__thread *me = ouro__me;
  if (OURO_UNLIKELY(!me || me->section != section)) {
    ouro__fatal((ouro_fatal_info){
        .code = OURO_FATAL_LOCKED, .address = section->ouro__object[0], .text = "is in a section that was ended and is not the innermost"});
  }
  let_go(section);
  me->section = section->ouro__outer;
  me->keep--;
  if (me->section && !(state_of(me->section) & IN_FORCE) && !me->blocking) enter(me->section, OURO_CALLER);
}

void ouro__sections_suspend(void) {
  if (ouro__me) let_go_from(ouro__me->section);
}

void ouro__sections_resume(void) {
  ouro_section *innermost = ouro__me ? ouro__me->section : NULL;
  if (innermost && !(state_of(innermost) & IN_FORCE)) enter(innermost, OURO_CALLER);
}

/* ---------------------------------------------------------------- fork */

/* In a child: nobody sleeps there. */
static void empty_bucket(bucket *in) {
  for (waiter *each = in->first; each; each = each->next) {
    uint32_t word = ouro__load_relaxed(each->word);
    ouro__store_relaxed(each->word, word & ~(uint32_t)OURO_LOCK_WAITED_BIT);
  }
  in->first = NULL;
}

/* Clear, or set, the lock bits of what the thread's sections may have. */
static void mark_locks_of(const ouro__thread *thread, bool locked) {
  for (const ouro_section *section = thread->section; section; section = section->ouro__outer) {
    for (uint32_t i = 0; i < 2; i++) {
      if (!(state_of(section) & 1u << i)) continue;
      lock_word *word = word_of(section->ouro__object[i]);
      uint32_t rest = ouro__load_relaxed(word) & ~(uint32_t)OURO_LOCKED_BIT;
      ouro__store_relaxed(word, locked ? rest | OURO_LOCKED_BIT : rest);
    }
  }
}

/* Locks that threads had which are not here are free; this one's are its own, also where another was about to have them. */
static void child_of_fork(void) {
  for (uint32_t i = 1; i <= ouro__load_acquire(&ouro__threads_top); i++) {
    const ouro__thread *thread = ouro__load_relaxed(&ouro__threads[i]);
    if (thread != ouro__me) mark_locks_of(thread, false);
  }
  if (ouro__me) mark_locks_of(ouro__me, true);
}

void ouro__sections_fork(int moment) {
  for (uint32_t i = 0; i < BUCKETS; i++) {
    if (moment == OURO_FORK_BEFORE_ALL) ouro__acquire(&buckets[i].lock);
    if (moment == OURO_FORK_IN_PARENT) ouro__release(&buckets[i].lock);
    if (moment == OURO_FORK_IN_CHILD) {
      empty_bucket(&buckets[i]);
      ouro__lock_reset(&buckets[i].lock);
    }
  }
  if (moment == OURO_FORK_IN_CHILD) child_of_fork();
}
