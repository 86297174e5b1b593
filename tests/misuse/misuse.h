/* tests/misuse/misuse.h - what the misuse programs share. Each of them commits one crime, and says in its first comment which
 * report it must die with (run.py compares the exact text):
 *
 *   EXPECT:  the text, by default and under OURO_CONF=check
 *   DEFAULT: the text by default, where the two differ; "nothing": it is not found, and the program ends with status 0
 *   CHECK:   the text under check
 *   CONF:    what OURO_CONF holds in both cases
 *
 * {address} and {block} stand for what the program told with tell_address and tell_block (the latter is the former where it is
 * not told), {pool} for the beginning of the pool of 64 KiB that {block} lies in, {medium} for that of 512 KiB. */
#ifndef OURO_TEST_MISUSE_H
#define OURO_TEST_MISUSE_H

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ouro/heap.h>

static inline void tell(const char *name, const void *address) {
  printf("%s=%p\n", name, address);
  fflush(stdout);
}

static inline void tell_address(const void *address) { tell("address", address); }

static inline void tell_block(const void *block) { tell("block", block); }

/* Keeps the compiler from knowing where a pointer comes from: it warns of, and may drop, what these programs do. */
static inline void *hide(const void *pointer) {
  void *volatile hidden = (void *)(uintptr_t)pointer;
  return hidden;
}

/* A free block is found to be free already when it goes from the thread's cache back to its pool. */
static inline int settle(void) {
  ouro_thread_flush();
  return 0;
}

/* A coverage build keeps what it has counted also of a program that aborts. Elsewhere this does nothing. */
extern void __gcov_dump(void) __attribute__((weak));

static inline void keep_counts(int number) {
  __gcov_dump();
  signal(number, SIG_DFL);
  raise(number);
}

__attribute__((constructor)) static inline void keep_counts_on_abort(void) {
  if (__gcov_dump != NULL) {
    signal(SIGABRT, keep_counts);
  }
}

#endif
