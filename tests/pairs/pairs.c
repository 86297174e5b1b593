/* tests/pairs/pairs.c - every function on what two threads share, against every other one: for each ordered pair of entries, the first is
 * called again and again by the thread that made what is shared, and the second by another one, at the same time. Afterwards all counts are
 * what they were, the heap of objects is sound, and when both have let go, nothing is alive.
 *
 * usage: pairs                      all pairs; prints TAP: a line for each first function
 *        pairs FIRST [SECOND]       those alone, by name
 *        pairs --list               the names of the table, and of what is excluded
 *
 * Linked with: libouro (static), thread/things.c, support/support.c, threads. */
#include "pairs/pairs.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

/* Not in the table, and why. */
static const char *const excluded[][2] = {
    {"ouro_borrow", "a macro, but where ownership is checked; there it does not count"},
    {"ouro_adopt", "a macro, but where ownership is checked; there it does not count"},
};

enum { CALLS = 30, MOST = 200 };

static const entry *const parts[] = {object_entries, weak_entries, map_entries, gc_entries, thread_entries};
static entry table[MOST];
static size_t entries;

static void read_the_table(void) {
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    for (const entry *one = parts[i]; one->name != NULL; one++) {
      TEST_CHECK(entries < MOST);
      table[entries++] = *one;
    }
  }
}

int see(void *object, void *arg) {
  TEST_CHECK(object != NULL && arg != NULL);
  return 0;
}

int write_nowhere(void *arg, const char *text, size_t length) {
  TEST_CHECK(text != NULL && arg != NULL && length < 100000);
  return 0;
}

/* ---------------------------------------------------------------- what is shared */


static const uint32_t slots[] = {offsetof(thing, a), offsetof(thing, b), UINT32_MAX};

static void show_slots(void *object, ouro_visitor *visitor) {
  thing *self = object;
  ouro_visit(visitor, &self->a);
  ouro_visit(visitor, &self->b);
}

static ouro_type visited_type = {.name = "visited", .size = sizeof(thing), .visit = show_slots};

static void hear_nothing(ouro_weak *weak, void *data, void *held) {
  (void)weak;
  (void)data;
  (void)held;
}

static void run_nothing(void *data, void *held) {
  (void)data;
  (void)held;
}

/* Never used before: each pair has its own, until they come round again. */
static ouro_type *fresh_type(void) {
  static ouro_type types[MOST * MOST];
  static size_t used;
  ouro_type *type = &types[used++ % (MOST * MOST)];
  type->name = "fresh";
  type->size = sizeof(thing);
  type->references = slots;
  return type;
}

static void make_shared(shared *all) {
  ouro_type description = {.name = "made", .size = sizeof(thing), .references = slots};
  *all = (shared){.type = ouro_type_new(&description), .fresh = fresh_type()};
  all->x = ouro_newref(thing_of(&final_thing));
  all->y = ouro_newref(thing_new());
  all->made_with_extra = ouro_new_extra(&visited_type, 0, 32);
  all->visited = ouro_new(&visited_type);
  ouro_setref(&all->visited->a, all->x);
  ouro_setref(&all->visited->b, all->y);
  all->weak = ouro_weak_new(all->x);
  all->heard = ouro_weak_new_callback(all->x, hear_nothing, NULL, NULL);
  all->finalizer = ouro_finalize(all->x, run_nothing, NULL, NULL);
  all->keys = ouro_weak_keys_new();
  all->values = ouro_weak_values_new();
  all->set = ouro_weak_set_new();
}

static void drop_shared(shared *all) {
  void *const held[] = {all->made_with_extra, all->visited, all->weak, all->heard, all->keys, all->values, all->set};
  ouro_finalizer_detach(all->finalizer);
  drop(all->finalizer);
  for (size_t i = 0; i < sizeof held / sizeof held[0]; i++) {
    drop(held[i]);
  }
  ouro_type_release(all->type);
}

/* ---------------------------------------------------------------- a pair */

typedef struct pair {
  const entry *first, *second; /* NULL: the end */
  shared all;
} pair;

static pair now;
static pthread_barrier_t barrier;

static void call_again_and_again(const entry *one, side *me) {
  for (me->turn = 0; me->turn < CALLS; me->turn++) {
    one->call(me);
    if (me->turn % 8 == 7) {
      ouro_safepoint();
    }
  }
}

/* One side of a pair: it begins and ends with the other. */
static void take_part(const entry *one, unsigned number) {
  side me = {.all = &now.all, .mine = thing_new(), .number = number};
  meet(&barrier);
  call_again_and_again(one, &me);
  drop(me.mine);
  meet(&barrier);
}

static void let_go(void) {
  drop(now.all.x);
  drop(now.all.y);
  ouro_safepoint();
}

static void *be_the_other(void *arg) {
  for (;;) {
    meet(&barrier);
    if (now.second == NULL) {
      return arg;
    }
    take_part(now.second, 1);
    let_go();
    meet(&barrier);
  }
}

static void set_back(void) {
  static const int threshold[OURO_GENERATIONS] = {2000, 10, 10};
  TEST_CHECK(ouro_gc_set_debug(0) == OURO_OK);
  ouro_gc_set_debug_writer(NULL, NULL);
  ouro_gc_set_stress(0);
  ouro_gc_unfreeze();
  ouro_gc_garbage_clear();
  TEST_CHECK(ouro_gc_set_threshold(threshold) == OURO_OK);
  ouro_gc_enable();
}

static const char *what_is_wrong(char text[256]) { return ouro_gc_verify(text, 256) != 0 ? text : NULL; }

static const char *what_is_left(char text[256]) {
  TEST_CHECK(ouro_gc_collect(2) >= 0);
  return atomic_load(&things_alive) != 0 ? "things are alive" : what_is_wrong(text);
}

/* NULL, or what is wrong. */
static const char *run_pair(const entry *first, const entry *second) {
  static char during[256], after[256];
  now.first = first;
  now.second = second;
  make_shared(&now.all);
  meet(&barrier);
  take_part(first, 0);
  const char *wrong = what_is_wrong(during);
  set_back();
  let_go();
  drop_shared(&now.all);
  meet(&barrier);
  const char *left = what_is_left(after);
  return wrong != NULL ? wrong : left;
}

/* ---------------------------------------------------------------- all pairs */

static void say_what_ran(int number) {
  char text[256];
  int length = snprintf(text, sizeof text, "# signal %d in the pair %s %s\n", number, now.first ? now.first->name : "",
                        now.second ? now.second->name : "");
  ssize_t written = write(1, text, (size_t)length);
  (void)written;
  _exit(1);
}

static bool run_row(size_t number, const entry *first, const char *second) {
  const char *wrong = NULL, *with = NULL;
  for (size_t i = 0; i < entries && wrong == NULL; i++) {
    if (second == NULL || strcmp(second, table[i].name) == 0) {
      with = table[i].name;
      wrong = run_pair(first, &table[i]);
    }
  }
  printf("%s %zu - %s, and each other function in another thread\n", wrong != NULL ? "not ok" : "ok", number, first->name);
  if (wrong != NULL) {
    printf("# with %s: %s\n", with, wrong);
    exit(1); /* what follows would fail as well */
  }
  fflush(stdout);
  return true;
}

static void run_all(const char *first, const char *second) {
  size_t number = 0;
  for (size_t i = 0; i < entries; i++) {
    if (first == NULL || strcmp(first, table[i].name) == 0) {
      run_row(++number, &table[i], second);
    }
  }
  printf("1..%zu\n", number);
}

static void list(void) {
  for (size_t i = 0; i < entries; i++) {
    printf("entry %s\n", table[i].name);
  }
  for (size_t i = 0; i < sizeof excluded / sizeof excluded[0]; i++) {
    printf("excluded %s: %s\n", excluded[i][0], excluded[i][1]);
  }
}

int main(int argc, char **argv) {
  pthread_t other;
  read_the_table();
  if (argc > 1 && strcmp(argv[1], "--list") == 0) {
    list();
    return 0;
  }
  signal(SIGABRT, say_what_ran);
  TEST_CHECK(pthread_barrier_init(&barrier, NULL, 2) == 0);
  TEST_CHECK(pthread_create(&other, NULL, be_the_other, NULL) == 0);
  run_all(argc > 1 ? argv[1] : NULL, argc > 2 ? argv[2] : NULL);
  now.second = NULL;
  meet(&barrier);
  TEST_CHECK(pthread_join(other, NULL) == 0);
  return 0;
}
