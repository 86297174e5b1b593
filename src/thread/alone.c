/* thread/alone.c - one thread or many: see thread.h. */
#define _GNU_SOURCE
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "thread/registry.h"

_Atomic uint32_t ouro__many;

static _Atomic bool has_barrier;

static bool barrier(int command) { return syscall(SYS_membarrier, command, 0, 0) == 0; }

bool ouro__has_barrier(void) { return ouro__load_relaxed(&has_barrier); }
void ouro__barrier_all(void) { barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED); }

/* Where the system has no such barrier, everybody locks from the beginning. Asked for when the library is loaded, if that can be: with
 * several threads already running, it takes the system milliseconds. Again: nothing. */
#if defined(__GNUC__)
__attribute__((constructor))
#endif
void ouro__alone_start(void) {
  static _Atomic bool done;
  if (atomic_exchange(&done, true)) return;
  if (barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)) {
    ouro__store_relaxed(&has_barrier, true);
  } else {
    ouro__store_relaxed(&ouro__many, 1);
  }
}

/* The thread that was alone is somewhere in the program; its storage stays as long as the record's lock is held. */
static void wait_until_outside(ouro__thread *thread) {
  for (bool inside = true; inside;) {
    ouro__acquire(&thread->lock);
    inside = thread->here && thread->here != &ouro__at && ouro__load_acquire((_Atomic uint32_t *)&thread->here->alone);
    ouro__release(&thread->lock);
    if (inside) sched_yield();
  }
}

void ouro__become_many(void) {
  if (ouro__load_relaxed(&ouro__many)) return;
  ouro__store_release(&ouro__many, 1);
  ouro__barrier_all();
  for (uint32_t i = 1; i <= ouro__load_relaxed(&ouro__threads_top); i++) wait_until_outside(ouro__load_relaxed(&ouro__threads[i]));
}
