/* trace/threads.c - what each thread has of the tracer, and who may touch its tables.
 *
 * A process with one thread shall not pay for a lock. So the first thread that is seen goes without, until a second one comes: that says so
 * in `ouro__trace_many`, has the system put a barrier into every running thread (membarrier), and waits until the first is outside. From then
 * on everybody locks. Where the system has no such barrier, everybody locks from the beginning.
 *
 * The number of a thread that has ended is given to a later one: sites are per thread, and a program that starts a thread for each
 * request shall not have new sites for each. */
#define _GNU_SOURCE
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/os.h"
#include "trace/tracer.h"

enum { THREADS_MOST = 60000 };

_Thread_local ouro__trace_local ouro__trace_mine;
_Thread_local const ouro_source *ouro__trace_here;
_Thread_local const char *ouro__trace_type;
ouro__lock ouro__trace_lock = OURO_LOCK_INIT(OURO_RANK_TRACE);
_Atomic uint32_t ouro__trace_many;

static ouro__trace_local nobody;
static _Atomic(ouro__trace_local *) only;  /* the thread that was seen; NULL: none yet; &nobody: there were more */
static ouro__trace_thread *unused;         /* under the lock */
static pthread_key_t exit_key;
static _Atomic uint32_t started;

static bool barrier(int command) { return syscall(SYS_membarrier, command, 0, 0) == 0; }

/* ---------------------------------------------------------------- one or many */

/* Somebody else makes many of one at this moment: wait for its end. The first thread itself need not, as it locks by now. */
static void await_many(void) {
  ouro__trace_local *first;
  while ((first = ouro__load_acquire(&only)) && first != &nobody && first != &ouro__trace_mine) sched_yield();
}

/* Who comes first here is the only one to look into the memory of the first thread, which may be gone afterwards. */
static void become_many(void) {
  if (ouro__exchange_acquire(&ouro__trace_many, 1)) {
    await_many();
    return;
  }
  ouro__trace_local *first = ouro__load_acquire(&only);
  /* Twice: the first thread may just have seen that it is the only one, and set its `fast` once more. */
  for (int round = 0; first && round < 2; round++) {
    ouro__store_relaxed(&first->fast, NULL);
    barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
    while (first != &ouro__trace_mine && ouro__load_acquire(&first->inside)) sched_yield();
  }
  ouro__store_release(&only, &nobody);
}

static bool am_the_only(void) {
  ouro__trace_local *none = NULL;
  if (ouro__load_relaxed(&ouro__trace_many)) return false;
  if (ouro__load_relaxed(&only) == &ouro__trace_mine) return true;
  if (!atomic_compare_exchange_strong(&only, &none, &ouro__trace_mine)) return false;
  pthread_setspecific(exit_key, &ouro__trace_mine); /* its end must be known, also when it never allocates */
  return true;
}

void ouro__trace_stop_all(void) {
  ouro__store_relaxed(&ouro__trace_mine.inside, ouro__load_relaxed(&ouro__trace_mine.inside) + 1);
  if (!am_the_only()) become_many();
  ouro__trace_mine.locked = ouro__trace_enter();
}

void ouro__trace_go_on(void) {
  ouro__trace_leave(ouro__trace_mine.locked);
  ouro__store_release(&ouro__trace_mine.inside, ouro__load_relaxed(&ouro__trace_mine.inside) - 1);
}

/* ---------------------------------------------------------------- a thread comes and goes */

static void at_thread_exit(void *arg) {
  ouro__trace_thread *thread = ouro__trace_mine.thread;
  (void)arg;
  if (!ouro__load_relaxed(&ouro__trace_many)) become_many(); /* its own memory is about to go */
  while (ouro__load_acquire(&only) == &ouro__trace_mine) sched_yield(); /* another is looking into it */
  ouro__store_relaxed(&ouro__trace_mine.inside, 1);
  ouro__acquire(&ouro__trace_lock);
  if (thread) thread->next = unused;
  if (thread) unused = thread;
  ouro__release(&ouro__trace_lock);
  ouro__trace_mine.thread = NULL;
  ouro__store_relaxed(&ouro__trace_mine.fast, NULL);
  ouro__trace_mine.gone = true;
  ouro__store_release(&ouro__trace_mine.inside, 0);
}

void ouro__threads_start(void) {
  uint32_t before = 0;
  if (!ouro__cas_acquire(&started, &before, 1)) return;
  bool known = pthread_key_create(&exit_key, at_thread_exit) == 0; /* when a thread ends */
  if (!known) exit_key = (pthread_key_t)-1;
  if (!known || !barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)) ouro__store_relaxed(&ouro__trace_many, 1);
}

/* The number under which the thread's sites go; under the lock. */
static uint16_t register_thread(void) {
  uint32_t index;
  ouro__area_thread *entry = ouro__store_count(OURO_AREA_THREADS) < THREADS_MOST ? ouro__store_new(OURO_AREA_THREADS, &index) : NULL;
  if (!entry) return 0;
  entry->id = (uint64_t)syscall(SYS_gettid);
  prctl(PR_GET_NAME, entry->name);
  ouro__store_commit(OURO_AREA_THREADS);
  return (uint16_t)index;
}

OURO_COLD ouro__trace_thread *ouro__trace_thread_new(void) {
  if (ouro__trace_mine.gone) return NULL;
  if (!am_the_only()) become_many();
  bool locked = ouro__trace_enter();
  ouro__trace_thread *thread = unused;
  if (thread) unused = thread->next;
  ouro__trace_leave(locked);
  if (thread) {
    thread->version = 0;
  } else if ((thread = ouro__os_map(ouro__round_up(sizeof *thread, OURO_PAGE_BYTES)))) {
    locked = ouro__trace_enter();
    thread->index = register_thread();
    ouro__add_relaxed(&ouro__tracing.thread_bytes, sizeof *thread);
    ouro__trace_leave(locked);
  }
  ouro__trace_mine.thread = thread;
  if (thread && exit_key != (pthread_key_t)-1) pthread_setspecific(exit_key, &ouro__trace_mine);
  return thread;
}

/* Only the calling thread is there, and it holds the lock where there was need for it. */
void ouro__threads_fork_child(void) {
  if (ouro__trace_mine.locked) ouro__lock_reset(&ouro__trace_lock);
  ouro__store_relaxed(&ouro__trace_mine.inside, ouro__load_relaxed(&ouro__trace_mine.inside) - 1);
  if (ouro__load_relaxed(&ouro__trace_many)) ouro__store_relaxed(&only, &nobody); /* whoever was about to say so is not here */
  ouro__trace_mine.random = 0; /* its samples shall be others than the parent's */
  ouro__trace_mine.session = 0;
  ouro__trace_left = 0;
  if (!barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)) ouro__store_relaxed(&ouro__trace_many, 1);
}
