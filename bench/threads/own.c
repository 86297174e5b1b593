/* own.c - each thread works on objects of its own: what is nobody else's must cost nothing because others work as well.
 *
 * Arguments: what (pairs: an object is made and dropped; counts: one more reference to one object, and one less; trees: binary trees of
 * 255 nodes, by the node; rings: rings of three objects, by the object, which a collector must find; confined: the same, of a type whose
 * objects their thread collects by itself; nothing: arithmetic alone, to see what the machine has to give), threads, milliseconds.
 * Prints rate and cpu_ns. */
#include "team.h"

static void pairs(member *self) {
  node *other = node_new(); /* so that a page of objects does not come and go with each of them */
  team_begin(self);
  do {
    REPEAT {
      node *n = node_new();
      FORGET(n);
      node_release(n);
    }
    self->done += TEAM_BATCH;
  } while (team_goes_on());
  team_end(self);
  node_release(other);
}

static void counts(member *self) {
  node *n = node_new();
  team_begin(self);
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
  node_release(n);
}

enum { DEPTH = 7, NODES = (2 << DEPTH) - 1 };

static node *tree_new(unsigned depth) {
  node *n = node_new();
  if (depth > 0) {
    node_set(&n->left, tree_new(depth - 1));
    node_set(&n->right, tree_new(depth - 1));
  }
  return n;
}

static void trees(member *self) {
  team_begin(self);
  do {
    node_release(tree_new(DEPTH));
    self->done += NODES;
  } while (team_goes_on());
  team_end(self);
}

enum { RING = 3 };

#ifdef SYSTEM_OURO_H
static ouro_type confined_type = {.name = "confined node", .size = sizeof(node), .base = &node_type, .flags = OURO_TYPE_CONFINED};

ALWAYS_INLINE node *confined_new(void) {
  ouro_safepoint();
  node *n = ouro_new(&confined_type);
  if (n == NULL) work_fail("ouro_new");
  return n;
}
#else
#define confined_new node_new
#endif

ALWAYS_INLINE void ring(node *(*make)(void)) {
  node *first = make(), *last = first;
  for (unsigned i = 1; i < RING; i++) {
    node *next = make();
    node_set(&last->left, next);
    last = next;
  }
  node_retain(first);
  node_set(&last->left, first);
#ifdef SYSTEM_BY_HAND
  node_set(&first->left, NULL); /* which frees the others, and leaves one reference to this one */
#endif
  node_release(first);
}

ALWAYS_INLINE void rings_of(member *self, node *(*make)(void)) {
  team_begin(self);
  do {
    REPEAT { ring(make); }
    self->done += TEAM_BATCH * RING;
  } while (team_goes_on());
  team_end(self);
}

static void rings(member *self) { rings_of(self, node_new); }
static void confined(member *self) { rings_of(self, confined_new); }

static void nothing(member *self) {
  uint64_t state = self->number + 1;
  team_begin(self);
  do {
    REPEAT { work_random(&state); }
    FORGET(state);
    self->done += TEAM_BATCH;
  } while (team_goes_on());
  team_end(self);
}

int main(int argc, char **argv) {
  static const char *const words[] = {"pairs", "counts", "trees", "rings", "confined", "nothing", NULL};
  static void (*const works[])(member *) = {pairs, counts, trees, rings, confined, nothing};
  static team all;
  size_t what = team_word(argc, argv, 1, words), threads = work_number(argc, argv, 2, 1);
  system_start();
  team_start(&all, threads, works[what], NULL, work_number(argc, argv, 3, 100));
  team_report(&all);
  return 0;
}
