/* shared.c - all threads count one object: one more reference, one less.
 *
 * Arguments: how, threads, milliseconds. Prints rate and cpu_ns.
 *   owner      the first thread has made the object; where there are more, they count it as well, and owner_ns is that thread's own time
 *   others     a thread that only waits has made it
 *   merged     its owner has let it go while others held it
 *   deferred   ouro_defer: types, functions, interned names
 *   immortal   nobody counts it
 * Systems that have one kind of object alone do the same, whatever is asked for. */
#include "team.h"

enum { OWNER, OTHERS, MERGED, DEFERRED, IMMORTAL };
static const char *const words[] = {"owner", "others", "merged", "deferred", "immortal", NULL};

static node *shared;
static node *_Atomic made; /* by the first thread */

#ifdef SYSTEM_OURO_H
static void *hold(void *object) {
  ouro_incref(object);
  return NULL;
}

/* Another thread has a reference; then the owner lets go of its own. */
static void merge(node *n) {
  pthread_t other;
  if (pthread_create(&other, NULL, hold, n) != 0) work_fail("pthread_create");
  WAIT(pthread_join(other, NULL));
  ouro_decref(n);
  if (ouro_refcount(n) != 1) work_fail("the object is not merged");
}

static void become(node *n, size_t how) {
  if (how == MERGED) merge(n);
  if (how == DEFERRED && ouro_defer(n) != OURO_OK) work_fail("ouro_defer");
  if (how == IMMORTAL && ouro_make_immortal(n) != OURO_OK) work_fail("ouro_make_immortal");
}

static void check(node *n, size_t how) {
  size_t left = ouro_refcount(n);
  if (how != IMMORTAL && left != 1) work_fail("references were lost, or are left");
}
#else
static void become(node *n, size_t how) { (void)n, (void)how; }
static void check(node *n, size_t how) { (void)n, (void)how; }
#endif

static void count(member *self) {
  size_t how = *(size_t *)self->given;
  if (how == OWNER && self->number == 0) atomic_store(&made, node_new());
  team_begin(self);
  node *n = how == OWNER ? atomic_load(&made) : shared;
  do {
    REPEAT {
      FORGET(n);
      node_retain(n);
      FORGET(n);
      node_release(n);
    }
    self->done += TEAM_BATCH;
  } while (team_goes_on());
  team_end(self);
}

int main(int argc, char **argv) {
  static team all;
  size_t how = team_word(argc, argv, 1, words), threads = work_number(argc, argv, 2, 1);
  system_start();
  if (how != OWNER) become(shared = node_new(), how);
  team_run(&all, threads, count, &how, work_number(argc, argv, 3, 100));
  check(how == OWNER ? atomic_load(&made) : shared, how);
  team_report(&all);
  if (how == OWNER) measure_report("owner_ns", all.members[0].cpu_ns / (double)all.members[0].done);
  return 0;
}
