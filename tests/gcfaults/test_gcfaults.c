/* tests/gcfaults/test_gcfaults.c - every allocation of every public function for objects fails in turn, once and for ever.
 *
 * A POINT is one run of a scenario in which allocation number k (of objects, and of the tables of the layers above the heap) fails, or
 * that one and all later ones; or, in the same way, call number k of the system. For each scenario k goes up from 1 until the
 * scenario ends before number k is reached. At each point must hold:
 *   - nothing crashes, and a function either does what it should or says ENOMEM and changes nothing;
 *   - it fails only where memory was refused;
 *   - with memory there again, and a collection, no object is alive that was not before, and, where the scenario has run before, so that
 *     tables have their sizes, no block: nothing leaks;
 *   - the checkers of the collector and of the heap find nothing wrong;
 *   - the same scenario then succeeds.
 *
 * Scenarios run in PLACES (by themselves, inside finalizers and callbacks, inside a collection) and from STATES (a process that has
 * made no object yet; one that is in the middle of its work). Every point runs in a child of its own, forked from a process in that
 * state, so that each begins with the same memory and a crash is one failed point. covered.py checks that no function is forgotten.
 *
 * Linked with: the core static library (ouro_core) built with -DOURO_FAULTS, support/support.c, cmocka, threads. */
#include "gcfaults.h"

#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "heap/heap.h"
#include "os/os_fault.h"

/* How many points a full run must reach: one that nobody has asked to be shorter, sanitizers or not. */
#define POINTS_WANTED 10000
#define FULL (test_scale() >= 0.1)

/* ---------------------------------------------------------------- places
 *
 * Each sets a trap before allocations fail, and springs it after. */

static const scenario *current;

/* Of all lists together; NULL behind the last. */
static const scenario *nth_scenario(size_t n) {
  static const scenario *const lists[] = {object_scenarios, weak_scenarios, collector_scenarios};
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
    for (const scenario *it = lists[i]; it->name; it++) {
      if (n-- == 0) return it;
    }
  }
  return NULL;
}

static void act_scenario(cell *self) {
  (void)self;
  current->run();
}

static void callback_scenario(ouro_weak *weak, void *data, void *held) {
  (void)weak;
  (void)data;
  (void)held;
  current->run();
}

static void finalizer_scenario(void *data, void *held) {
  (void)data;
  (void)held;
  current->run();
}

static void gc_callback_scenario(const ouro_gc_info *info, void *stop) {
  if (info->stop == (stop != NULL)) current->run();
}

static cell *new_actor(void) {
  cell *made = new_cell(&final_type);
  made->act = act_scenario;
  return made;
}

static void *trap[2]; /* owned */

static void set_finalizer(void) { trap[0] = new_actor(); }

static void set_garbage(void) {
  cell *made = new_actor();
  ouro_movref(&made->left, made);
}

static void set_callback(void) {
  trap[0] = new_cell(&cell_type);
  trap[1] = got(ouro_weak_new_callback(trap[0], callback_scenario, NULL, NULL));
}

static void set_callback_of_garbage(void) {
  cell *made = new_cell(&cell_type);
  trap[1] = got(ouro_weak_new_callback(made, callback_scenario, NULL, NULL));
  ouro_movref(&made->left, made);
}

static void set_finalizer_of_others(void) {
  trap[0] = new_cell(&cell_type);
  ouro_decref(got(ouro_finalize(trap[0], finalizer_scenario, NULL, NULL)));
}

static void set_gc_callback(void) { TEST_CHECK(done(ouro_gc_callback_add(gc_callback_scenario, NULL))); }

static void set_gc_callback_stop(void) { TEST_CHECK(done(ouro_gc_callback_add(gc_callback_scenario, &current))); }

static void set_nothing(void) {}

static void spring_by_run(void) { current->run(); }

static void spring_by_drop(void) { ouro_clear(&trap[0]); }

static void spring_by_collect(void) { collect(2); }

static void spring_by_exit(void) { ouro_finalizers_run(); }

static void spring_gc_callback(void) {
  collect(0);
  TEST_CHECK(ouro_gc_callback_remove(gc_callback_scenario, NULL) == 0);
}

static void spring_gc_callback_stop(void) {
  collect(0);
  TEST_CHECK(ouro_gc_callback_remove(gc_callback_scenario, &current) == 0);
}

typedef struct place {
  const char *name;
  void (*set)(void);
  void (*spring)(void);
} place;

static const place places[] = {
    {"by itself", set_nothing, spring_by_run},
    {"in a finalizer", set_finalizer, spring_by_drop},
    {"in a finalizer of garbage", set_garbage, spring_by_collect},
    {"in a callback", set_callback, spring_by_drop},
    {"in a callback of garbage", set_callback_of_garbage, spring_by_collect},
    {"in a finalizer of others", set_finalizer_of_others, spring_by_drop},
    {"at exit", set_finalizer_of_others, spring_by_exit},
    {"before a collection", set_gc_callback, spring_gc_callback},
    {"after a collection", set_gc_callback_stop, spring_gc_callback_stop},
};

enum { PLACES = sizeof places / sizeof *places };

/* ---------------------------------------------------------------- running a point */

static int count_mortal(void *object, void *count) {
  *(size_t *)count += !ouro_is_immortal(object);
  return 0;
}

static int count_any(void *object, void *count) {
  (void)object;
  ++*(size_t *)count;
  return 0;
}

typedef struct left {
  size_t objects; /* mortal ones */
  size_t blocks;  /* that are no objects */
} left;

/* Everything that nobody holds has gone: what is left? */
static left settled(void) {
  char text[256] = "";
  left result = {0, 0};
  size_t objects = 0;
  ouro_clear(&trap[0]);
  ouro_clear(&trap[1]);
  release_prepared();
  for (int i = 0; i < 3; i++) { /* what goes may make and save others */
    collect(2);
    release_saved();
    ouro_finalizers_run();
  }
  if (ouro_gc_verify(text, sizeof text) != 0) test_failed(text, __FILE__, __LINE__);
  TEST_HEAP_IS_SOUND();
  TEST_CHECK(ouro_each_object(count_mortal, &result.objects) == 0);
  TEST_CHECK(ouro_each_object(count_any, &objects) == 0);
  TEST_CHECK(ouro_gc_garbage_count() == 0);
  ouro_thread_flush();
  ouro_heap_stats stats = {.struct_size = sizeof stats};
  TEST_CHECK(ouro_heap_stats_get(&stats) == OURO_OK);
  result.blocks = stats.blocks_live - objects;
  return result;
}

/* What fails at a point. */
typedef struct fault {
  long nth; /* 0: nothing fails */
  bool for_ever, of_system;
  bool again; /* the scenario has run before */
} fault;

/* Whether it did fail. */
static bool run_scenario(const place *where, fault what) {
  point.strict = true;
  if (current->prepare) current->prepare();
  where->set();
  point.strict = what.nth == 0;
  point.exact = what.nth == 0 && where == &places[0];
  ouro__fault_set(what.of_system ? 0 : what.nth, what.for_ever);
  if (what.of_system) ouro__os_fail(what.nth - 1, what.for_ever ? -1 : 1);
  where->spring();
  bool hit = refused();
  ouro__fault_set(0, false);
  ouro__os_fail(0, 0);
  point.strict = true;
  return hit;
}

static bool run_point(const place *where, fault what) {
  left before = settled();
  if (what.again) {
    TEST_CHECK(!run_scenario(where, (fault){0}));
    before = settled();
  }
  bool hit = run_scenario(where, what);
  left after = settled();
  TEST_CHECK(after.objects == before.objects);
  TEST_CHECK(!what.again || current->keeps || after.blocks == before.blocks);
  TEST_CHECK(!run_scenario(where, (fault){0}));
  TEST_CHECK(settled().objects == before.objects);
  return hit;
}

/* ---------------------------------------------------------------- running all, from a state */

/* Shared by all processes of this test. */
typedef struct tally {
  atomic_long points;
  atomic_long failures;
  atomic_long most; /* allocations of one scenario */
  atomic_bool hit;  /* by the last point */
} tally;

static tally *the_tally;

static int status_of_point(const place *where, fault what) {
  fflush(NULL);
  pid_t child = fork();
  TEST_CHECK(child >= 0);
  if (child == 0) {
    alarm(120);
    atomic_store(&the_tally->hit, run_point(where, what));
    test_exit(0);
  }
  int status = -1;
  while (waitpid(child, &status, 0) < 0) TEST_CHECK(errno == EINTR);
  return status;
}

static void tell_failure(const char *state, const place *where, fault what, int status) {
  printf("FAILED: %s, %s, %s: %s %ld fails %s%s: status %#x\n", state, current->name, where->name,
         what.of_system ? "system call" : "allocation", what.nth, what.for_ever ? "for ever" : "once",
         what.again ? ", when all was well before" : "", (unsigned)status);
  atomic_fetch_add(&the_tally->failures, 1);
}

static bool too_many_failures(void) { return atomic_load(&the_tally->failures) >= 20; }

/* Each nth allocation or call of one scenario in one place; `step` 1: all of them. */
static void run_points(const char *state, const place *where, fault what, long step) {
  for (what.nth = 1; what.nth < 100000 && !too_many_failures(); what.nth += step) {
    atomic_store(&the_tally->hit, false);
    int status = status_of_point(where, what);
    if (status != 0) {
      tell_failure(state, where, what, status);
    } else if (!atomic_load(&the_tally->hit)) {
      return;
    }
    atomic_fetch_add(&the_tally->points, 1);
    if (what.nth > atomic_load(&the_tally->most)) atomic_store(&the_tally->most, what.nth);
  }
}

/* Where time is short, steps are longer; each scenario in each place begins at its first allocation all the same. */
static void run_all(void *state) {
  long step = test_scale() >= 1 ? 1 : FULL ? 2 : (long)(1 / test_scale());
  for (size_t s = 0; (current = nth_scenario(s)) != NULL; s++) {
    for (size_t p = 0; p < PLACES; p++) {
      run_points(state, &places[p], (fault){.for_ever = false}, step);
      run_points(state, &places[p], (fault){.for_ever = true}, step);
    }
    run_points(state, &places[0], (fault){.for_ever = false, .again = true}, step);
    run_points(state, &places[0], (fault){.for_ever = true, .again = true}, step);
    run_points(state, &places[0], (fault){.for_ever = false, .of_system = true}, 1);
    run_points(state, &places[0], (fault){.for_ever = true, .of_system = true}, 1);
  }
}

/* ---------------------------------------------------------------- states */

static void quiet(void) {
  ouro_options options = {.struct_size = sizeof options};
  TEST_CHECK(ouro_options_get(&options) == OURO_OK);
  options.background = false;
  TEST_CHECK(ouro_options_set(&options) == OURO_OK);
  ouro_gc_disable();
}

static void from_the_start(void *state) {
  quiet();
  run_all(state);
}

/* Objects in every generation, frozen, and as garbage; weak references, so many that the next few make their table grow; a map. */
static void in_the_middle(void *state) {
  static void *kept[200], *map;
  quiet();
  point.strict = true;
  map = ouro_weak_keys_new();
  for (size_t i = 0; i < 200; i++) {
    cell *made = new_cell(i % 3 ? &cell_type : &final_type);
    kept[i] = made;
    if (i > 0) ouro_setref(&made->left, kept[i / 2]);
    if (i % 7 == 0) TEST_CHECK(ouro_weak_keys_set(map, made, kept[i / 3]) == 0);
    if (i % 40 == 39) collect((int)(i / 40) % 3);
    if (i == 60) ouro_gc_freeze();
  }
  ouro_gc_unfreeze();
  for (size_t i = 0; i < 46; i++) TEST_CHECK(ouro_weak_new(kept[i])); /* these are never released */
  for (size_t i = 0; i < 20; i++) drop_cycle(i % 2 ? &cell_type : &final_type, kept[i]);
  run_all(state);
}

/* Points whose scenarios met a failure; every one was counted, so that the sum is that of the test. */
static void run_state(void (*body)(void *), const char *name) {
  char text[40];
  snprintf(text, sizeof text, "%s", name);
  long before = atomic_load(&the_tally->failures), points = atomic_load(&the_tally->points);
  test_result result = test_in_child(body, text, 1500);
  print_message("# %s: %ld points\n", name, atomic_load(&the_tally->points) - points);
  if (result.length) print_message("# %s", result.output);
  TEST_CHILD_PASSED(&result);
  assert_int_equal(atomic_load(&the_tally->failures), before);
}

static void a_process_without_objects_survives_every_failure(void **state) {
  (void)state;
  run_state(from_the_start, "from the start");
}

static void a_process_in_its_work_survives_every_failure(void **state) {
  (void)state;
  run_state(in_the_middle, "in the middle");
}

static void enough_points_were_reached(void **state) {
  (void)state;
  long points = atomic_load(&the_tally->points);
  print_message("# %ld points; at most %ld allocations in a scenario\n", points, atomic_load(&the_tally->most));
  if (FULL) assert_true(points >= POINTS_WANTED);
  size_t scenarios = 0;
  while (nth_scenario(scenarios)) scenarios++;
  assert_true(scenarios > 20 && (size_t)points >= scenarios * PLACES);
}

/* Scenarios succeed where nothing fails: in this process too, so that a coverage build counts them. */
static void every_scenario_succeeds_everywhere(void **state) {
  (void)state;
  quiet();
  point.strict = true;
  for (size_t s = 0; (current = nth_scenario(s)) != NULL; s++) {
    for (size_t p = 0; p < PLACES; p++) {
      size_t before = settled().objects;
      assert_false(run_scenario(&places[p], (fault){0}));
      assert_int_equal(settled().objects, before);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_process_without_objects_survives_every_failure),
      cmocka_unit_test(a_process_in_its_work_survives_every_failure),
      cmocka_unit_test(enough_points_were_reached),
      cmocka_unit_test(every_scenario_succeeds_everywhere),
  };
  the_tally = mmap(NULL, sizeof *the_tally, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  TEST_CHECK(the_tally != MAP_FAILED);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
