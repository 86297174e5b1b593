/* os/os_fault.c - counts the calls of os.h that can fail, and decides which of them fail. Compiled only with -DOURO_FAULTS.
 *
 * It holds the plan (which numbers fail) and two counters, and nothing of the system: os_linux.c asks it at the head of each
 * call. Threads may call at once, so the numbers are drawn from one atomic counter: each call has a number of its own, and
 * exactly `count` calls fail however they interleave. A call that runs at the same time as ouro__os_fail may be judged by
 * the plan before it or by the one after. */
#include "os/os_fault.h"

#include <limits.h>
#include <stdatomic.h>

/* Calls with first_failing <= number < end_failing fail. Nothing does until the first ouro__os_fail. */
static atomic_long first_failing;
static atomic_long end_failing;
static atomic_long calls;
static atomic_long hits;

void ouro__os_fail(long skip, long count) {
  /* No plan in between may fail a call that neither the old nor the new one would: close the window first. */
  atomic_store(&end_failing, 0);
  atomic_store(&calls, 0);
  atomic_store(&hits, 0);
  atomic_store(&first_failing, skip);
  atomic_store(&end_failing, count < 0 || count > LONG_MAX - skip ? LONG_MAX : skip + count);
}

bool ouro__os_fault_hit(void) {
  long number = atomic_fetch_add(&calls, 1);
  if (number < atomic_load(&first_failing) || number >= atomic_load(&end_failing)) {
    return false;
  }
  atomic_fetch_add(&hits, 1);
  return true;
}

long ouro__os_fail_calls(void) { return atomic_load(&calls); }

long ouro__os_fail_hits(void) { return atomic_load(&hits); }
