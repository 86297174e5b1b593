/* own.c - each thread works on objects of its own: what is nobody else's must cost nothing because others work as well.
 *
 * Arguments: what (pairs: an object is made and dropped; counts: one more reference to one object, and one less; trees: binary trees of 255
 * nodes, by the node; rings: rings of three objects, by the object, which a collector must find; nothing: arithmetic alone, to see what the
 * machine has to give), threads, milliseconds. Prints rate and cpu_ns. */
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

static void ring(void) {
  node *first = node_new(), *last = first;
  for (unsigned i = 1; i < RING; i++) {
    node *next = node_new();
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

static void rings(member *self) {
  team_begin(self);
  do {
    REPEAT { ring(); }
    self->done += TEAM_BATCH * RING;
  } while (team_goes_on());
  team_end(self);
}

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
  static const char *const words[] = {"pairs", "counts", "trees", "rings", "nothing", NULL};
  static void (*const works[])(member *) = {pairs, counts, trees, rings, nothing};
  static team all;
  size_t what = team_word(argc, argv, 1, words), threads = work_number(argc, argv, 2, 1);
  system_start();
  team_start(&all, threads, works[what], NULL, work_number(argc, argv, 3, 100));
  team_report(&all);
  return 0;
}
