/* thread/fork.c - what happens around fork: the world is stopped, and all locks from here on up are taken, so that a child finds no table
 * half changed and no count half done. A thread that does not come to a safepoint in time is left alone: what it was doing to one object
 * may be half done in the child, where nobody refers to that any more but what leaked with the thread.
 *
 * The heap's own handlers run inside these: they were registered before. A child of vfork or posix_spawn runs none of this. */
#include <pthread.h>

#include "thread/registry.h"

static _Thread_local bool within; /* fork inside of what has stopped the world: nothing is to be done but in the child */

static void each_lock(void (*fn)(ouro__lock *lock)) {
  for (uint32_t i = 1; i <= ouro__load_relaxed(&ouro__threads_top); i++) fn(&ouro__load_relaxed(&ouro__threads[i])->lock);
}

static void acquire(ouro__lock *lock) { ouro__acquire(lock); }
static void release(ouro__lock *lock) { ouro__release(lock); }

static void before(void) {
  within = ouro__world_is_mine();
  if (!within) ouro__world_stop_for_fork();
  if (!ouro__thread_is_in()) ouro__become_many(); /* the only thread of the objects goes without locks, and this is another */
  ouro__objects_fork(OURO_FORK_BEFORE_ALL);
  each_lock(acquire);
  ouro__sections_fork(OURO_FORK_BEFORE_ALL);
  ouro__later_fork(OURO_FORK_BEFORE_ALL);
  ouro__world_locks_fork(OURO_FORK_BEFORE_ALL);
}

static void parent(void) {
  ouro__world_locks_fork(OURO_FORK_IN_PARENT);
  ouro__later_fork(OURO_FORK_IN_PARENT);
  ouro__sections_fork(OURO_FORK_IN_PARENT);
  each_lock(release);
  ouro__objects_fork(OURO_FORK_IN_PARENT);
  if (!within) ouro__world_start_after_fork();
}

static void child(void) {
  ouro__world_locks_fork(OURO_FORK_IN_CHILD);
  ouro__later_fork(OURO_FORK_IN_CHILD);
  ouro__sections_fork(OURO_FORK_IN_CHILD);
  each_lock(ouro__lock_reset);
  ouro__objects_fork(OURO_FORK_IN_CHILD);
  ouro__registry_child();
  if (!within) ouro__world_child();
}

void ouro__thread_fork_start(void) { pthread_atfork(before, parent, child); }
