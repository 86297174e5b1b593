/* tests/racers/racers.c - random programs on several threads, over private objects and over a pool that all change, with collections at
 * random; and a model beside, which knows what must be alive.
 *
 * A NODE has a number and three slots. Its SHADOW, a row of a plain table, has the numbers of what is in the slots; both change together,
 * in the node's section. A thread holds nodes in its roots; all threads share the nodes of the pool, and mailboxes, through which
 * references go from one to another. After each round all threads stand still, and:
 *   - the nodes that live are those that the shadows reach from roots, mailboxes and the pool
 *   - the slots of each are what its shadow says, and it is counted as often as it is referred to
 *   - a weak reference is dead just where its node is not reached; a callback is called where its weak reference is dead alone, and once
 *   - a finalizer has run once, where its node is gone, and never twice; the checkers of objects and of the heap find nothing wrong
 * What a collection has condemned may be brought back by another thread, by a weak reference without a callback, as long as finalizers run:
 * so a node may live whose finalizer has run, and whose callbacks were called.
 * Threads end after some rounds, and others take over what they held.
 *
 * usage: racers [ROUNDS [THREADS [SEED [WITHOUT...]]]]     WITHOUT: kinds of turns that are left out, to find out what a failure needs
 *
 * Linked with: libouro (static), thread/things.c, support/support.c, threads. */
#include "thread/things.h"

#include <string.h>

enum { SLOTS = 3, NODES = 1 << 15, ROOTS = 16, WEAK = 8, POOL = 8, MAIL = 8, MOST_THREADS = 16, ROUNDS_OF_A_LIFE = 4, RECORDS = 1 << 12 };

/* ---------------------------------------------------------------- nodes and their shadows */

typedef struct node {
  ouro_object base;
  void *slot[SLOTS];
  uint32_t number; /* of its shadow */
  uint32_t serial; /* no two nodes have the same */
} node;

typedef struct shadow {
  uint32_t slot[SLOTS]; /* 0: nothing */
  uint32_t serial;
  atomic_uint lives, finalized;
  uint32_t next_free;
  node *is; /* set by the check */
  uint32_t references;
  bool reached;
} shadow;

static shadow shadows[NODES];
static pthread_mutex_t numbers = PTHREAD_MUTEX_INITIALIZER;
static uint32_t first_free, next_number = 1, next_serial = 1;

static void finalize(void *self) {
  shadow *mine = &shadows[((node *)self)->number];
  TEST_CHECK(atomic_fetch_add(&mine->finalized, 1) == 0);
}

static void give_number_back(void *self) {
  uint32_t number = ((node *)self)->number;
  TEST_CHECK(atomic_exchange(&shadows[number].lives, 0) == 1);
  TEST_CHECK(atomic_load(&shadows[number].finalized) == (ouro_type_of(self)->finalize != NULL));
  pthread_mutex_lock(&numbers);
  shadows[number].next_free = first_free;
  first_free = number;
  pthread_mutex_unlock(&numbers);
}

static void show(void *object, ouro_visitor *visitor) {
  node *self = object;
  for (size_t i = 0; i < SLOTS; i++) {
    ouro_visit(visitor, &self->slot[i]);
  }
}

#define NODE_SLOTS OURO_REFERENCES(offsetof(node, slot[0]), offsetof(node, slot[1]), offsetof(node, slot[2]))
enum { KINDS = 4 };
static ouro_type kinds[KINDS] = {
    {.name = "node", .size = sizeof(node), .references = NODE_SLOTS, .release = give_number_back},
    {.name = "final node", .size = sizeof(node), .references = NODE_SLOTS, .finalize = finalize, .release = give_number_back},
    {.name = "visited node", .size = sizeof(node), .visit = show, .release = give_number_back},
    {.name = "large node", .size = 600, .references = NODE_SLOTS, .finalize = finalize, .release = give_number_back},
};

static bool is_node(const void *object) {
  const ouro_type *type = ouro_type_of(object);
  return type >= kinds && type < kinds + KINDS;
}

/* 0: all are in use. */
static uint32_t take_number(uint32_t *serial) {
  pthread_mutex_lock(&numbers);
  uint32_t number = first_free;
  if (number != 0) {
    first_free = shadows[number].next_free;
  } else if (next_number < NODES) {
    number = next_number++;
  }
  *serial = next_serial++;
  pthread_mutex_unlock(&numbers);
  return number;
}

static node *make(size_t kind) {
  uint32_t serial, number = take_number(&serial);
  if (number == 0) {
    return NULL;
  }
  node *made = ouro_new(&kinds[kind]);
  TEST_CHECK(made != NULL);
  made->number = number;
  made->serial = serial;
  shadow *mine = &shadows[number];
  memset(mine->slot, 0, sizeof mine->slot);
  mine->serial = serial;
  atomic_store(&mine->finalized, 0);
  TEST_CHECK(atomic_exchange(&mine->lives, 1) == 0);
  return made;
}

static uint32_t number_of(const node *self) { return self != NULL ? self->number : 0; }

/* ---------------------------------------------------------------- threads and what they hold */

typedef struct record {
  atomic_uint calls;
} record;

typedef struct racer {
  pthread_t thread;
  test_rng rng;
  node *roots[ROOTS];
  struct {
    ouro_weak *weak;
    uint32_t number, serial; /* of the node that it refers to */
    record *heard;           /* NULL: it has no callback */
  } weak[WEAK];
  record records[RECORDS];
  size_t next_record;
} racer;

static racer racers[MOST_THREADS];
static node *pool[POOL];
static _Atomic(node *) mail[MAIL];
static size_t threads, turns_of_a_round;
static pthread_barrier_t barrier;

static atomic_size_t done[16]; /* how often each kind of turn did something */

static node *any_root(racer *me) { return me->roots[test_below(&me->rng, ROOTS)]; }
static node **some_root(racer *me) { return &me->roots[test_below(&me->rng, ROOTS)]; }

/* Borrowed: a root, or a node of the pool, that all may be changing. */
static node *some_node(racer *me) { return test_below(&me->rng, 3) == 0 ? pool[test_below(&me->rng, POOL)] : any_root(me); }

/* ---------------------------------------------------------------- turns */

/* Put `value` into a slot and its shadow; returns what was there, to be released outside of the section. */
static node *put(node *self, size_t index, node *value) {
  ouro_section section;
  ouro_section_begin(&section, self);
  node *before = self->slot[index];
  self->slot[index] = ouro_xnewref(value);
  shadows[self->number].slot[index] = number_of(value);
  ouro_section_end(&section);
  return before;
}

static node *get(node *self, size_t index) {
  ouro_section section;
  ouro_section_begin(&section, self);
  node *held = ouro_xnewref(self->slot[index]);
  ouro_section_end(&section);
  return held;
}

static bool turn_make(racer *me) {
  node *made = make(test_below(&me->rng, KINDS));
  ouro_movref(some_root(me), made);
  return made != NULL;
}

static bool turn_link(racer *me) {
  node *self = some_node(me);
  if (self != NULL) {
    ouro_xdecref(put(self, test_below(&me->rng, SLOTS), some_node(me)));
  }
  return self != NULL;
}

static bool turn_unlink(racer *me) {
  node *self = some_node(me);
  if (self != NULL) {
    ouro_xdecref(put(self, test_below(&me->rng, SLOTS), NULL));
  }
  return self != NULL;
}

static bool turn_get(racer *me) {
  node *self = some_node(me);
  if (self != NULL) {
    ouro_movref(some_root(me), get(self, test_below(&me->rng, SLOTS)));
  }
  return self != NULL;
}

static bool turn_swap(racer *me) {
  ouro_section section;
  node *left = some_node(me), *right = some_node(me);
  size_t i = test_below(&me->rng, SLOTS), k = test_below(&me->rng, SLOTS);
  if (left == NULL || right == NULL || left == right) {
    return false;
  }
  ouro_section_begin2(&section, left, right);
  void *held = left->slot[i];
  left->slot[i] = right->slot[k];
  right->slot[k] = held;
  shadows[left->number].slot[i] = number_of(left->slot[i]);
  shadows[right->number].slot[k] = number_of(held);
  ouro_section_end(&section);
  return true;
}

static bool turn_drop(racer *me) {
  node **root = some_root(me);
  bool held = *root != NULL;
  ouro_clear(root);
  return held;
}

/* Some in one go: chains and rings that end here. */
static bool turn_drop_many(racer *me) {
  for (int i = 0; i < 6; i++) {
    turn_drop(me);
  }
  return true;
}

static bool turn_mail(racer *me) {
  node **root = some_root(me);
  *root = atomic_exchange(&mail[test_below(&me->rng, MAIL)], *root);
  return *root != NULL;
}

static void hear(ouro_weak *weak, void *data, void *held) {
  (void)held;
  TEST_CHECK(ouro_weak_is_dead(weak));
  atomic_fetch_add(&((record *)data)->calls, 1);
}

static bool turn_weak(racer *me) {
  node *self = some_node(me);
  size_t at = test_below(&me->rng, WEAK);
  if (self == NULL) {
    return false;
  }
  record *heard = test_below(&me->rng, 2) ? &me->records[me->next_record++ % RECORDS] : NULL;
  if (heard != NULL) {
    atomic_store(&heard->calls, 0);
  }
  ouro_weak *weak = heard != NULL ? ouro_weak_new_callback(self, hear, heard, any_root(me)) : ouro_weak_new(self);
  TEST_CHECK(weak != NULL);
  me->weak[at].number = self->number;
  me->weak[at].serial = self->serial;
  me->weak[at].heard = heard;
  ouro_movref(&me->weak[at].weak, weak);
  return true;
}

static bool turn_upgrade(racer *me) {
  size_t at = test_below(&me->rng, WEAK);
  if (me->weak[at].weak == NULL) {
    return false;
  }
  node *self = ouro_weak_get(me->weak[at].weak);
  TEST_CHECK(self == NULL || (self->number == me->weak[at].number && self->serial == me->weak[at].serial));
  if (self != NULL) {
    ouro_movref(some_root(me), self);
  }
  return self != NULL;
}

static bool turn_defer(racer *me) {
  node *self = any_root(me);
  return self != NULL && test_below(&me->rng, 10) == 0 && ouro_defer(self) == OURO_OK;
}

static bool turn_collect(racer *me) {
  return test_below(&me->rng, 40) == 0 && ouro_gc_collect((int)test_below(&me->rng, OURO_GENERATIONS)) > 0;
}

static bool turn_go_out(racer *me) {
  if (test_below(&me->rng, 20) != 0) {
    return false;
  }
  ouro_blocking_begin();
  ouro_blocking_end();
  return true;
}

static bool turn_detach(racer *me) {
  if (test_below(&me->rng, 50) != 0) {
    return false;
  }
  TEST_CHECK(ouro_thread_detach() == OURO_OK);
  return true;
}

static struct {
  const char *name;
  bool (*turn)(racer *me);
  unsigned weight;
} kinds_of_turns[] = {
    {"make", turn_make, 20},        {"link", turn_link, 30},       {"unlink", turn_unlink, 6},   {"get", turn_get, 12},
    {"swap", turn_swap, 6},         {"drop", turn_drop, 10},       {"drop many", turn_drop_many, 2}, {"mail", turn_mail, 8},
    {"weak", turn_weak, 6},         {"upgrade", turn_upgrade, 10}, {"defer", turn_defer, 1},     {"collect", turn_collect, 2},
    {"go out", turn_go_out, 2},     {"detach", turn_detach, 1},
};
enum { KINDS_OF_TURNS = sizeof kinds_of_turns / sizeof kinds_of_turns[0] };

static void take_a_turn(racer *me) {
  size_t at = 0, sum = 0;
  for (size_t i = 0; i < KINDS_OF_TURNS; i++) {
    sum += kinds_of_turns[i].weight;
  }
  for (size_t left = test_below(&me->rng, sum); left >= kinds_of_turns[at].weight; at++) {
    left -= kinds_of_turns[at].weight;
  }
  if (kinds_of_turns[at].turn(me)) {
    atomic_fetch_add_explicit(&done[at], 1, memory_order_relaxed);
  }
}

static void *race(void *arg) {
  racer *me = arg;
  for (int round = 0; round < ROUNDS_OF_A_LIFE; round++) {
    for (size_t i = 0; i < turns_of_a_round; i++) {
      take_a_turn(me);
      if (i % 4 == 0) {
        ouro_safepoint();
      }
    }
    meet(&barrier);
    meet(&barrier); /* and all is checked in between */
  }
  return NULL;
}

/* ---------------------------------------------------------------- the check, while all stand still */

static uint32_t queue[NODES];
static size_t queued;

static void reach(uint32_t number) {
  if (number == 0) {
    return;
  }
  shadows[number].references++;
  if (!shadows[number].reached) {
    shadows[number].reached = true;
    queue[queued++] = number;
  }
}

static void reach_roots(void) {
  for (size_t i = 0; i < POOL; i++) {
    reach(number_of(pool[i]));
    reach(number_of(atomic_load(&mail[i])));
  }
  for (size_t i = 0; i < threads; i++) {
    for (size_t k = 0; k < ROOTS; k++) {
      reach(number_of(racers[i].roots[k]));
    }
  }
}

/* What a weak reference with a callback holds lives as long as it does. */
static uint32_t held_by(ouro_weak *weak);

static int note_held(void *object, void *arg) {
  if (is_node(object)) {
    *(uint32_t *)arg = ((node *)object)->number;
  }
  return 0;
}

static uint32_t held_by(ouro_weak *weak) {
  uint32_t number = 0;
  void *const objects[] = {weak};
  TEST_CHECK(ouro_gc_get_referents(objects, 1, note_held, &number) == OURO_OK);
  return number;
}

static void reach_what_weak_references_hold(void) {
  for (size_t i = 0; i < threads; i++) {
    for (size_t k = 0; k < WEAK; k++) {
      if (racers[i].weak[k].weak != NULL && racers[i].weak[k].heard != NULL) {
        reach(held_by(racers[i].weak[k].weak));
      }
    }
  }
}

static void reach_all(void) {
  queued = 0;
  for (size_t i = 1; i < next_number; i++) {
    shadows[i].reached = false;
    shadows[i].references = 0;
    shadows[i].is = NULL;
  }
  reach_roots();
  reach_what_weak_references_hold();
  for (size_t at = 0; at < queued; at++) {
    for (size_t i = 0; i < SLOTS; i++) {
      reach(shadows[queue[at]].slot[i]);
    }
  }
}

static int note_live(void *object, void *arg) {
  if (is_node(object)) {
    node *self = object;
    TEST_CHECK(self->number < next_number && shadows[self->number].is == NULL);
    shadows[self->number].is = self;
    ++*(size_t *)arg;
  }
  return 0;
}

static void check_node(const shadow *mine) {
  TEST_CHECK(mine->is != NULL && atomic_load(&mine->lives) == 1 && atomic_load(&mine->finalized) <= 1);
  TEST_CHECK(mine->is->serial == mine->serial);
  TEST_CHECK(ouro_refcount(mine->is) == mine->references);
  for (size_t i = 0; i < SLOTS; i++) {
    TEST_CHECK(number_of(mine->is->slot[i]) == mine->slot[i]);
  }
}

static void check_weak(const racer *me) {
  for (size_t i = 0; i < WEAK; i++) {
    if (me->weak[i].weak == NULL) {
      continue;
    }
    const shadow *of = &shadows[me->weak[i].number];
    bool lives = of->reached && of->serial == me->weak[i].serial;
    bool dead = ouro_weak_is_dead(me->weak[i].weak);
    if (me->weak[i].heard == NULL) {
      TEST_CHECK(dead == !lives);
    } else {
      TEST_CHECK(dead || lives);
      TEST_CHECK(atomic_load(&me->weak[i].heard->calls) <= dead); /* 0: it was made while its node was condemned already */
    }
  }
}

static void print_difference(void) {
  for (size_t i = 1; i < next_number; i++) {
    const shadow *mine = &shadows[i];
    if (mine->reached != (mine->is != NULL)) {
      printf("# node %zu: %s, %s; ", i, mine->reached ? "reached" : "not reached", mine->is != NULL ? "lives" : "is gone");
      printf("%u references are known, it has %zu; its word is %#llx\n", mine->references,
             mine->is != NULL ? ouro_refcount(mine->is) : 0, mine->is != NULL ? (unsigned long long)mine->is->base.ouro__word : 0);
    }
  }
  fflush(stdout);
}

static void check_all(void) {
  size_t live = 0;
  while (ouro_gc_collect(2) > 0) {
    /* What a callback held may be garbage only then. */
  }
  THINGS_ARE_SOUND();
  reach_all();
  TEST_CHECK(ouro_each_object(note_live, &live) == OURO_OK);
  if (live != queued) {
    print_difference();
    TEST_CHECK(live == queued);
  }
  for (size_t i = 0; i < queued; i++) {
    check_node(&shadows[queue[i]]);
  }
  for (size_t i = 0; i < threads; i++) {
    check_weak(&racers[i]);
  }
}

/* ---------------------------------------------------------------- the race */

static void let_all_live(void) {
  for (size_t i = 0; i < threads; i++) {
    TEST_CHECK(pthread_create(&racers[i].thread, NULL, race, &racers[i]) == 0);
  }
  for (int round = 0; round < ROUNDS_OF_A_LIFE; round++) {
    meet(&barrier);
    check_all();
    meet(&barrier);
  }
  ouro_blocking_begin();
  for (size_t i = 0; i < threads; i++) {
    TEST_CHECK(pthread_join(racers[i].thread, NULL) == 0);
  }
  ouro_blocking_end();
}

/* Each takes over what another held. */
static void pass_on(void) {
  racer first = racers[0];
  for (size_t i = 0; i + 1 < threads; i++) {
    memcpy(racers[i].roots, racers[i + 1].roots, sizeof first.roots);
  }
  memcpy(racers[threads - 1].roots, first.roots, sizeof first.roots);
}

static void end_all(void) {
  for (size_t i = 0; i < threads; i++) {
    for (size_t k = 0; k < ROOTS; k++) {
      ouro_clear(&racers[i].roots[k]);
    }
    for (size_t k = 0; k < WEAK; k++) {
      ouro_clear(&racers[i].weak[k].weak);
    }
  }
  for (size_t i = 0; i < POOL; i++) {
    ouro_clear(&pool[i]);
    ouro_xdecref(atomic_exchange(&mail[i], NULL));
  }
  size_t live = 0;
  while (ouro_gc_collect(2) > 0) {
  }
  TEST_CHECK(ouro_each_object(note_live, &live) == OURO_OK && live == 0);
  THINGS_ARE_SOUND();
}

static void print_turns(void) {
  printf("# turns:");
  for (size_t i = 0; i < KINDS_OF_TURNS; i++) {
    printf(" %s %zu", kinds_of_turns[i].name, atomic_load(&done[i]));
  }
  printf("\n");
}

static void leave_out(const char *name) {
  for (size_t i = 0; i < KINDS_OF_TURNS; i++) {
    if (strcmp(kinds_of_turns[i].name, name) == 0) {
      kinds_of_turns[i].weight = 0;
      atomic_store(&done[i], 1);
    }
  }
}

int main(int argc, char **argv) {
  size_t lives = argc > 1 ? strtoul(argv[1], NULL, 10) / ROUNDS_OF_A_LIFE : test_count(100, 6);
  threads = argc > 2 ? strtoul(argv[2], NULL, 10) : 4;
  uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
  TEST_CHECK(threads > 0 && threads <= MOST_THREADS);
  for (int i = 4; i < argc; i++) {
    leave_out(argv[i]);
  }
  turns_of_a_round = test_count(4000, 1500);
  TEST_CHECK(pthread_barrier_init(&barrier, NULL, (unsigned)threads + 1) == 0);
  for (size_t i = 0; i < POOL; i++) {
    pool[i] = make(i % KINDS);
  }
  for (size_t i = 0; i < threads; i++) {
    racers[i].rng.state = seed * 1000 + i;
  }
  for (size_t i = 0; i < lives; i++) {
    let_all_live();
    pass_on();
  }
  end_all();
  bool all = true;
  for (size_t i = 0; i < KINDS_OF_TURNS; i++) {
    all = all && atomic_load(&done[i]) > 0;
  }
  print_turns();
  printf("1..2\nok 1 - racers: %zu rounds of %zu threads, what lives is what the model reaches\n", lives * ROUNDS_OF_A_LIFE, threads);
  printf("%s 2 - every kind of turn did something\n", all ? "ok" : "not ok");
  return all ? 0 : 1;
}
