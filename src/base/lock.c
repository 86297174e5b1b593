/* base/lock.c - sleeping locks of one word, and the order in which they may be taken.
 *
 * The three-state futex lock of U. Drepper, "Futexes Are Tricky" (2011), section 5. */
#define _GNU_SOURCE
#include "base/base.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void ouro__wait(_Atomic uint32_t *word, uint32_t expected, uint64_t timeout_ns) {
  int saved = errno;
  struct timespec limit = {(time_t)(timeout_ns / 1000000000u), (long)(timeout_ns % 1000000000u)};
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, timeout_ns ? &limit : NULL, NULL, 0);
  errno = saved;
}

void ouro__wake(_Atomic uint32_t *word, int threads) {
  int saved = errno;
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, threads, NULL, NULL, 0);
  errno = saved;
}

/* Holders keep a lock for a few hundred instructions, so a short spin avoids most sleeps; with more threads than processors the
 * holder may not be running, so the spin is short. */
enum { SPINS = 60 };

void ouro__lock_slow(ouro__lock *lock) {
  for (int spin = 0; spin < SPINS; spin++) {
    uint32_t expected = 0;
    if (ouro__load_relaxed(&lock->word) == 0 && ouro__cas_acquire(&lock->word, &expected, 1)) return;
    ouro__pause();
  }
  while (ouro__exchange_acquire(&lock->word, 2) != 0) ouro__wait(&lock->word, 2, 0);
}

#ifdef OURO_DEBUG
/* How many locks of each rank this thread holds. */
static _Thread_local uint32_t held[OURO_RANK_COUNT];

void ouro__lock_ranked(ouro__lock *lock) {
  for (uint32_t rank = lock->rank + 1; rank < OURO_RANK_COUNT; rank++) OURO_INVARIANT(held[rank] == 0);
  ouro__lock_counted(lock);
}

void ouro__lock_counted(ouro__lock *lock) { held[lock->rank]++; }

void ouro__unlock_ranked(ouro__lock *lock) {
  OURO_INVARIANT(held[lock->rank] > 0);
  held[lock->rank]--;
}

void ouro__lock_reset(ouro__lock *lock) {
  ouro__unlock_ranked(lock);
  ouro__store_relaxed(&lock->word, 0);
}
#else
void ouro__lock_reset(ouro__lock *lock) { ouro__store_relaxed(&lock->word, 0); }
#endif
