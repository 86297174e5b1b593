/* later.c - a block is allocated, and freed: at once, or later, when every thread has come by.
 *
 * Arguments: when (now, later), bytes, threads, milliseconds. Prints rate, cpu_ns and peak_mib, which what waits to be freed is part of. */
#include "team.h"

#ifdef SYSTEM_OURO_H
ALWAYS_INLINE void *allocate(size_t bytes) {
  ouro_safepoint();
  return ouro_malloc(bytes);
}
ALWAYS_INLINE void free_now(void *block) { ouro_free(block); }
ALWAYS_INLINE void free_later(void *block) { ouro_free_later(block); }
#else
ALWAYS_INLINE void *allocate(size_t bytes) { return malloc(bytes); }
ALWAYS_INLINE void free_now(void *block) { free(block); }
ALWAYS_INLINE void free_later(void *block) { free(block); } /* there is no such thing */
#endif

static bool later;

static void replace(member *self) {
  size_t bytes = *(size_t *)self->given;
  node_release(node_new()); /* so that the thread is attached, as one is that reads what others may free */
  team_begin(self);
  do {
    REPEAT {
      void *block = allocate(bytes);
      if (block == NULL) work_fail("malloc");
      *(volatile char *)block = 1;
      if (later) {
        free_later(block);
      } else {
        free_now(block);
      }
    }
    self->done += TEAM_BATCH;
  } while (team_goes_on());
  team_end(self);
}

int main(int argc, char **argv) {
  static const char *const words[] = {"now", "later", NULL};
  static team all;
  later = team_word(argc, argv, 1, words) == 1;
  size_t bytes = work_number(argc, argv, 2, 64);
  system_start();
  measure_baseline();
  team_run(&all, work_number(argc, argv, 3, 1), replace, &bytes, work_number(argc, argv, 4, 100));
  team_report(&all);
  measure_report_peak();
  return 0;
}
