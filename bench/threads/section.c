/* section.c - the lock of an object: a section of it begins, a number changes, the section ends. Beside it a mutex in the object.
 *
 * Arguments: how (own: each thread has objects of its own; shared: all have the same; two, two_shared: the same with two objects at once),
 * threads, milliseconds. Prints rate and cpu_ns. */
#include <pthread.h>

#if defined(WITH_MUTEX)
#define NODE_FIELDS                                                                                                                      \
  pthread_mutex_t mutex;                                                                                                                  \
  uint64_t number;
#else
#define NODE_FIELDS uint64_t number;
#endif
#include "team.h"

#ifdef SYSTEM_OURO_H

ALWAYS_INLINE void lockable(node *n) { (void)n; }
ALWAYS_INLINE void add(node *n) {
  ouro_section section;
  ouro_section_begin(&section, n);
  n->number++;
  ouro_section_end(&section);
}
ALWAYS_INLINE void add_to_both(node *a, node *b) {
  ouro_section section;
  ouro_section_begin2(&section, a, b);
  a->number++;
  b->number++;
  ouro_section_end(&section);
}

#else

ALWAYS_INLINE void lockable(node *n) {
  if (pthread_mutex_init(&n->mutex, NULL) != 0) work_fail("pthread_mutex_init");
  n->number = 0;
}
ALWAYS_INLINE void add(node *n) {
  pthread_mutex_lock(&n->mutex);
  n->number++;
  pthread_mutex_unlock(&n->mutex);
}
/* In the order of addresses, as everybody does it who takes two. */
ALWAYS_INLINE void add_to_both(node *a, node *b) {
  node *first = a < b ? a : b, *second = a < b ? b : a;
  pthread_mutex_lock(&first->mutex);
  pthread_mutex_lock(&second->mutex);
  a->number++;
  b->number++;
  pthread_mutex_unlock(&second->mutex);
  pthread_mutex_unlock(&first->mutex);
}

#endif

typedef struct both {
  node *a, *b;
} both;

static bool of_two;

static void make(both *nodes) {
  lockable(nodes->a = node_new());
  lockable(nodes->b = node_new());
}

static void lock(member *self) {
  both own, *used = self->given;
  if (used == NULL) make(used = &own);
  node *a = used->a, *b = used->b;
  uint64_t before = a->number;
  team_begin(self);
  do {
    if (of_two) {
      REPEAT { add_to_both(a, b); }
    } else {
      REPEAT { add(a); }
    }
    self->done += TEAM_BATCH;
  } while (team_goes_on());
  team_end(self);
  if (used == &own && a->number - before != self->done) work_fail("the number is wrong");
}

static void check(const team *all, const both *shared) {
  uint64_t done = 0;
  for (size_t i = 0; i < all->threads; i++) done += all->members[i].done;
  if (shared->a->number != done) work_fail("two threads were in one section");
}

int main(int argc, char **argv) {
  static const char *const words[] = {"own", "shared", "two", "two_shared", NULL};
  static team all;
  static both shared;
  size_t how = team_word(argc, argv, 1, words);
  bool is_shared = how % 2 == 1;
  of_two = how >= 2;
  system_start();
  if (is_shared) make(&shared);
  team_run(&all, work_number(argc, argv, 2, 1), lock, is_shared ? &shared : NULL, work_number(argc, argv, 3, 100));
  if (is_shared) check(&all, &shared);
  team_report(&all);
  return 0;
}
