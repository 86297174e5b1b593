/* thread/registry.c - which threads there are: records, and how a thread comes by one and leaves it.
 *
 * A record is never freed: others may look at its state at any time. So there are as many as threads were ever attached at once, and one
 * that no thread has waits in a list, with the objects of its number, its queue and its counts. */
#define _GNU_SOURCE
#include "thread/registry.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "heap/heap.h"
#include "os/os.h"

#if defined(__GNUC__)
__thread ouro__here ouro__at = {.id = OURO__NO_THREAD, .limit = INT32_MAX};
#else
_Thread_local ouro__here ouro__at = {.id = OURO__NO_THREAD, .limit = INT32_MAX};
#endif

_Thread_local ouro__thread *ouro__me;
ouro__thread *_Atomic ouro__threads[OURO_THREADS_MOST + 1];
_Atomic uint32_t ouro__threads_top;
ouro__lock ouro__registry = OURO_LOCK_INIT(OURO_RANK_REGISTRY);

static ouro__thread *unused;      /* linked by next_unused. Registry's lock, as the next */
static _Atomic size_t attached;
static bool one_alone;            /* OURO_CONF=threads:1 */
static pthread_key_t leave_key;
static bool leave_key_made;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local bool has_left; /* nothing would call leave() for it once more */

/* Who holds the registry's lock may be stopping the world: a thread that is IN would wait for one that waits for it. */
void ouro__registry_enter(void) {
  if (ouro__trylock(&ouro__registry)) return;
  bool in = ouro__thread_is_in() && !ouro__me->blocking;
  if (in) ouro__go_out(NULL);
  ouro__acquire(&ouro__registry);
  if (in) ouro__come_in();
}

void ouro__registry_leave(void) { ouro__release(&ouro__registry); }

/* ---------------------------------------------------------------- leaving */

static void forget_here(void) {
  ouro__at.id = OURO__NO_THREAD;
  ouro__at.owner = 0;
  ouro__at.limit = INT32_MAX;
  ouro__at.made = 0;
  ouro__at.deferred = NULL;
  ouro__at.deferred_room = 0;
  ouro__me = NULL;
}

void ouro__record_unused(ouro__thread *thread) {
  thread->system = 0;
  thread->blocking = thread->keep = thread->nested = thread->printing_count = 0;
  thread->section = NULL;
  ouro__store_relaxed(&thread->next_unused, unused);
  unused = thread;
  ouro__sub_relaxed(&attached, 1);
}

static void give_record_back(ouro__thread *me) {
  ouro__acquire(&ouro__registry);
  ouro__acquire(&me->lock);
  me->here = NULL;
  me->made = ouro__at.made;
  ouro__release(&me->lock);
  forget_here();
  ouro__record_unused(me);
  ouro__release(&ouro__registry);
}

/* What others release for it while it goes is taken as well, as long as it is there to do so. */
static void detach(void) {
  ouro__thread *me = ouro__me;
  while (ouro__world_is_mine()) ouro__world_start(); /* it ends inside a function that it had called there */
  if (me->blocking) ouro__come_in();
  me->blocking = me->keep = 0;
  me->section = NULL;
  ouro__at.depth = 0;
  do {
    ouro__thread_ends();
    ouro_thread_flush(); /* a thread that is not attached has no blocks for objects in its cache: see ouro_new */
    ouro__go_out(NULL);
    if (!atomic_load(&me->queued)) break; /* pairs with the look at the state of who puts something there */
    ouro__come_in();
  } while (true);
  ouro__later_come_by(me);
  give_record_back(me);
}

/* The thread ends. Destructors of other keys may still use objects: that attaches it anew, and the next round of destructors detaches it.
 * What comes after the last round is found by who waits for it in vain (world.c). */
static void leave(void *unused_value) {
  (void)unused_value;
  has_left = true;
  if (ouro__thread_is_in()) detach();
}

int ouro_thread_detach(void) {
  if (!ouro__thread_is_in()) return OURO_OK;
  if (ouro__me->keep || ouro__me->nested || ouro__at.depth || ouro__world_is_mine()) return OURO_EBUSY;
  detach();
  return OURO_OK;
}

/* ---------------------------------------------------------------- attaching */

static void start(void) {
  size_t length;
  ouro__heap_start(); /* its handlers of fork are to run inside ours */
  leave_key_made = pthread_key_create(&leave_key, leave) == 0;
  const char *most = ouro__conf_find("threads", &length);
  one_alone = most && length == 1 && *most == '1';
  ouro__world_setup();
  ouro__alone_start();
  ouro__thread_fork_start();
}

/* From the system, not from the heap: a record is nobody's allocation, and there for ever. NULL: no memory. */
static ouro__thread *get_memory(void) {
  static ouro__thread *fresh, *end;
  enum { CHUNK = 65536 };
  if (fresh == end) {
    ouro__thread *chunk = ouro__os_map(CHUNK);
    if (!chunk) return NULL;
    fresh = chunk;
    end = chunk + CHUNK / sizeof *chunk;
  }
  return fresh++;
}

static ouro__thread *new_record(void) {
  uint32_t number = ouro__load_relaxed(&ouro__threads_top) + 1;
  ouro__thread *thread = number <= OURO_THREADS_MOST ? get_memory() : NULL;
  if (!thread) return NULL;
  thread->number = number;
  thread->lock.rank = OURO_RANK_RECORD;
  ouro__store_release(&ouro__threads[number], thread);
  ouro__store_release(&ouro__threads_top, number);
  return thread;
}

static ouro__thread *take_record(int *code) {
  if (one_alone && ouro__load_relaxed(&attached)) {
    *code = OURO_EPERM;
    return NULL;
  }
  ouro__thread *thread = unused;
  if (thread) unused = ouro__load_relaxed(&thread->next_unused);
  if (!thread) thread = new_record();
  *code = thread ? OURO_OK : OURO_ENOMEM;
  if (!thread) return NULL;
  /* Nobody could wait for a thread whose storage is not known: it goes with locks. */
  if (ouro__add_relaxed(&attached, 1) || has_left) ouro__become_many();
  return thread;
}

static void know_here(ouro__thread *thread) {
  ouro__acquire(&thread->lock);
  ouro__at.id = thread->number;
  ouro__at.owner = (uint64_t)thread->number << 48;
  ouro__at.made = thread->made;
  ouro__at.limit = ouro__young_limit_now();
  ouro__at.deferred = thread->deferred;
  ouro__at.deferred_room = thread->deferred_room;
  /* What attaches while it ends may not be known to end once more: its storage must not be touched by others. */
  thread->here = has_left ? NULL : &ouro__at;
  ouro__release(&thread->lock);
  thread->system = (uint64_t)syscall(SYS_gettid);
  ouro__me = thread;
}

/* Nobody will say that it ends: nobody else may rest on its storage. */
static void stay_unknown(ouro__thread *thread) {
  ouro__registry_enter();
  ouro__become_many();
  ouro__registry_leave();
  ouro__acquire(&thread->lock);
  thread->here = NULL;
  ouro__release(&thread->lock);
}

int ouro__thread_attach(void) {
  int code, saved = errno;
  if (ouro__thread_is_in()) return OURO_OK;
  pthread_once(&once, start);
  if (!leave_key_made) return OURO_ENOMEM;
  ouro__acquire(&ouro__registry);
  ouro__thread *thread = take_record(&code);
  if (thread) know_here(thread);
  ouro__release(&ouro__registry);
  if (!thread) return code;
  ouro__come_in();
  if (pthread_setspecific(leave_key, (void *)1) != 0) stay_unknown(thread);
  ouro__thread_begins();
  errno = saved;
  return OURO_OK;
}

int ouro_thread_attach(void) { return ouro__thread_attach(); }
bool ouro_thread_is_attached(void) { return ouro__thread_is_in(); }
size_t ouro_thread_count(void) { return ouro__load_relaxed(&attached); }

/* ---------------------------------------------------------------- all threads */

void ouro__thread_poke(ouro__thread *thread) {
  ouro__acquire(&thread->lock);
  if (thread->here) ouro__lower_limit(thread->here);
  ouro__release(&thread->lock);
}

static void set_limit_of(ouro__thread *thread, int32_t limit) {
  ouro__acquire(&thread->lock);
  if (thread->here) ouro__store_release((_Atomic int32_t *)&thread->here->limit, ouro__load_relaxed(&thread->queued) ? INT32_MIN : limit);
  ouro__release(&thread->lock);
}

static void each_record(void (*fn)(ouro__thread *thread, int64_t *value), int64_t *value) {
  bool mine = ouro__world_is_mine(); /* and with it the registry's lock */
  if (!mine) ouro__registry_enter();
  for (uint32_t i = 1; i <= ouro__load_acquire(&ouro__threads_top); i++) fn(ouro__load_relaxed(&ouro__threads[i]), value);
  if (!mine) ouro__registry_leave();
}

static void set_one_limit(ouro__thread *thread, int64_t *value) { set_limit_of(thread, (int32_t)*value); }

void ouro__set_limits(int32_t limit) {
  int64_t value = limit;
  ouro__young_limit_set(limit);
  each_record(set_one_limit, &value);
}

static void add_made(ouro__thread *thread, int64_t *value) {
  ouro__acquire(&thread->lock);
  *value += thread->here ? OURO__NOW(thread->here->made) : thread->made;
  ouro__release(&thread->lock);
}

int64_t ouro__made_by_all(void) {
  int64_t sum = 0;
  each_record(add_made, &sum);
  return sum;
}

static void set_made(ouro__thread *thread, int64_t *value) {
  ouro__acquire(&thread->lock);
  thread->made = (int32_t)*value;
  if (thread->here) OURO__TELL(thread->here->made, (int32_t)*value);
  ouro__release(&thread->lock);
}

void ouro__set_made_of_all(int32_t made) {
  int64_t value = made;
  each_record(set_made, &value);
}

/* ---------------------------------------------------------------- in a child of fork
 *
 * The other threads are not here: their records are free, with all that they left. Registry's lock is the caller's. */

void ouro__registry_child(void) {
  ouro__thread *me = ouro__me;
  unused = NULL;
  ouro__store_relaxed(&attached, me ? 1 : 0);
  for (uint32_t i = ouro__load_relaxed(&ouro__threads_top); i > 0; i--) {
    ouro__thread *thread = ouro__load_relaxed(&ouro__threads[i]);
    if (thread == me) continue;
    if (thread->here) thread->made = thread->here->made;
    thread->here = NULL;
    ouro__store_relaxed(&thread->state, OURO_THREAD_OUT);
    ouro__add_relaxed(&attached, 1);
    ouro__record_unused(thread);
  }
  if (me) me->system = (uint64_t)syscall(SYS_gettid);
}
