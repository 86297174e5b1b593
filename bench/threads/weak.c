/* weak.c - a weak reference is turned into a strong one, which is dropped, over and over.
 *
 * Arguments: whose (own: each thread has an object and a weak reference of its own; other: a thread that only waits has made the
 * object and the weak reference, which all use), threads, milliseconds. Prints rate and cpu_ns. */
#define NODE_WEAK
#include "team.h"

typedef struct watched {
  node *object;
  weakref weak;
} watched;

static void watch(watched *w) {
  w->object = node_new();
  weak_make(&w->weak, w->object);
}

static void use(member *self) {
  watched own, *used = self->given;
  if (used == NULL) watch(used = &own);
  team_begin(self);
  do {
    REPEAT {
      node *n = weak_get(&used->weak);
      if (n != used->object) work_fail("a weak reference leads elsewhere");
      node_release(n);
    }
    self->done += TEAM_BATCH;
  } while (team_goes_on());
  team_end(self);
}

int main(int argc, char **argv) {
  static const char *const words[] = {"own", "other", NULL};
  static team all;
  static watched of_main;
  size_t whose = team_word(argc, argv, 1, words);
  system_start();
  if (whose == 1) watch(&of_main);
  team_run(&all, work_number(argc, argv, 2, 1), use, whose == 1 ? &of_main : NULL, work_number(argc, argv, 3, 100));
  team_report(&all);
  return 0;
}
