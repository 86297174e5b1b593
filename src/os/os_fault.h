/* os/os_fault.h - the twin of the system that fails on demand; only in builds with -DOURO_FAULTS.
 *
 * Every call of os.h that can fail (map_at, map, reserve, commit, unmap, return, move, huge, thread_start) is counted; move, which
 * has two steps, twice. After ouro__os_fail(skip, count) the next `skip` calls pass, the `count` calls after them fail as the system
 * would (count < 0: for ever), and all later ones pass again. */
#ifndef OURO_OS_FAULT_H
#define OURO_OS_FAULT_H

#include <stdbool.h>

void ouro__os_fail(long skip, long count);

/* Calls counted since the last ouro__os_fail, failed ones included. */
long ouro__os_fail_calls(void);

/* Of those, how many failed. */
long ouro__os_fail_hits(void);

/* Count one call; true when it shall fail. */
bool ouro__os_fault_hit(void);

/* What stands at the head of each call that can fail: `if (OURO__OS_FAULT()) return false;`. A constant without the twin, so
 * that product builds hold nothing of it. */
#if defined(OURO_FAULTS)
#define OURO__OS_FAULT() ouro__os_fault_hit()
#else
#define OURO__OS_FAULT() false
#endif

#endif
