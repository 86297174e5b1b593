/* tests/stress/test_thread_stress.c - objects and threads, everything at once, for a while: threads come and go; they make objects, share
 * them on a shelf, drop each other's, upgrade weak references, use containers that all share, finalize and resurrect, take sections, go
 * out, collect, while the main thread forks children that use and check what they inherited. In the end nothing is alive, and memory has
 * not grown.
 *
 * usage: test_thread_stress [SECONDS [THREADS [SEED]]]     10 seconds, 8 threads, seed 1. TAP; a failure aborts with a message.
 *
 * Linked with: libouro (static), thread/things.c, support/support.c, threads. Worth runs under OURO_CONF=check and gc_stress:1 as well. */
#include "thread/things.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)
enum { SHELF = 512, OWN = 32, LATE = 16, NAMES = 64, MOST_THREADS = 64, SEGMENTS = 20 };

const char *__tsan_default_options(void);
const char *__tsan_default_options(void) { return "die_after_fork=0"; }

static _Atomic(thing *) shelf[SHELF];     /* a reference, or nothing */
static _Atomic(ouro_weak *) weak_shelf[SHELF]; /* the same, to weak references */
static thing *accounts[2];                /* guarded by their sections */
static thing *names[NAMES];               /* deferred */
static ouro_weak_keys *keys;
static ouro_weak_values *values;
static ouro_weak_set *set;
static atomic_bool stop;
static atomic_size_t operations, forks, threads_ended, upgrades, resurrections;
static uint64_t seed_of_run;

/* ---------------------------------------------------------------- making and dropping */

static void put_on_the_shelf(test_rng *rng, void *given) { ouro_xdecref(atomic_exchange(&shelf[test_below(rng, SHELF)], given)); }
static thing *take_from_the_shelf(test_rng *rng) { return atomic_exchange(&shelf[test_below(rng, SHELF)], NULL); }

static void come_back(thing *self) {
  atomic_fetch_add(&resurrections, 1);
  ouro_xdecref(atomic_exchange(&shelf[(uintptr_t)self / 64 % SHELF], ouro_newref(self)));
}

static void make_more(thing *self) {
  thing *more = thing_new();
  ouro_setref(&self->b, more);
  drop(more);
}

static thing *make(test_rng *rng) {
  ouro_type *const types[] = {&plain_thing, &final_thing, &acyclic_thing, &leaf_thing};
  ouro_type *type = types[test_below(rng, 4)];
  size_t length = type == &leaf_thing ? 1 : 1 + test_below(rng, 8);
  thing *made = type == &acyclic_thing || test_below(rng, 2) ? thing_chain(type, length) : type == &leaf_thing ? thing_of(type)
                                                                                         : thing_ring(type, length);
  if (type == &final_thing) {
    void (*const doings[])(thing * self) = {NULL, NULL, NULL, come_back, make_more};
    made->finalizing = doings[test_below(rng, 5)];
  }
  return made;
}

static void change_own(thing **own, test_rng *rng) { ouro_movref(&own[test_below(rng, OWN)], test_below(rng, 3) ? make(rng) : NULL); }

static void exchange(thing **own, test_rng *rng) {
  (void)own;
  put_on_the_shelf(rng, make(rng));
}

static void take_and_keep(thing **own, test_rng *rng) { ouro_movref(&own[test_below(rng, OWN)], take_from_the_shelf(rng)); }

static void give_a_second_reference(thing **own, test_rng *rng) {
  thing *mine = own[test_below(rng, OWN)];
  if (mine != NULL) {
    put_on_the_shelf(rng, ouro_newref(mine));
  }
}

static void drop_what_others_made(thing **own, test_rng *rng) {
  (void)own;
  ouro_xdecref(take_from_the_shelf(rng));
}

/* ---------------------------------------------------------------- weak references, containers */

static void hear(ouro_weak *weak, void *data, void *held) {
  (void)held;
  TEST_CHECK(ouro_weak_is_dead(weak) && data == &stop);
}

static void refer_weakly(thing **own, test_rng *rng) {
  thing *mine = own[test_below(rng, OWN)];
  if (mine != NULL) {
    ouro_weak *weak = test_below(rng, 2) ? ouro_weak_new(mine) : ouro_weak_new_callback(mine, hear, &stop, names[test_below(rng, NAMES)]);
    TEST_CHECK(weak != NULL);
    ouro_xdecref(atomic_exchange(&weak_shelf[test_below(rng, SHELF)], weak));
  }
}

static void upgrade(thing **own, test_rng *rng) {
  _Atomic(ouro_weak *) *place = &weak_shelf[test_below(rng, SHELF)];
  ouro_weak *weak = atomic_exchange(place, NULL);
  if (weak == NULL) {
    return;
  }
  thing *got = ouro_weak_get(weak);
  if (got != NULL) {
    TEST_CHECK(ouro_is_instance(got, &plain_thing) || ouro_type_of(got) == &acyclic_thing || ouro_type_of(got) == &leaf_thing);
    ouro_movref(&own[test_below(rng, OWN)], got);
    atomic_fetch_add(&upgrades, 1);
  }
  ouro_xdecref(atomic_exchange(place, weak));
}

static void use_the_containers(thing **own, test_rng *rng) {
  char name[8];
  thing *mine = own[test_below(rng, OWN)];
  size_t length = (size_t)snprintf(name, sizeof name, "%zu", test_below(rng, NAMES));
  if (mine != NULL) {
    TEST_CHECK(ouro_weak_keys_set(keys, mine, names[test_below(rng, NAMES)]) == OURO_OK);
    TEST_CHECK(ouro_weak_values_set(values, name, length, mine) == OURO_OK);
    TEST_CHECK(ouro_weak_set_add(set, mine) == OURO_OK);
    ouro_weak_set_has(set, mine); /* another that holds it may have removed it */
  }
  ouro_xdecref(ouro_weak_values_get(values, name, length));
  if (mine != NULL && test_below(rng, 2)) {
    ouro_weak_keys_remove(keys, mine);
    ouro_weak_set_remove(set, mine);
  }
}

/* ---------------------------------------------------------------- sections, deferred objects, waiting */

static void use_the_accounts(thing **own, test_rng *rng) {
  ouro_section section;
  size_t which = test_below(rng, 2);
  ouro_section_begin2(&section, accounts[which], accounts[!which]);
  void *held = accounts[0]->a;
  accounts[0]->a = accounts[1]->a;
  accounts[1]->a = held;
  ouro_section_end(&section);
  ouro_section_begin(&section, accounts[which]);
  void *before = ouro_steal(&accounts[which]->a);
  accounts[which]->a = ouro_xnewref(own[test_below(rng, OWN)]);
  ouro_section_end(&section);
  ouro_xdecref(before);
}

static void count_names(thing **own, test_rng *rng) {
  thing *name = names[test_below(rng, NAMES)];
  ouro_incref(name);
  thing *mine = own[test_below(rng, OWN)];
  if (mine != NULL && ouro_is_unique(mine) && ouro_type_of(mine) != &leaf_thing && ouro_type_of(mine) != &acyclic_thing) {
    ouro_setref(&mine->b, name);
  }
  ouro_decref(name);
}

static void wait_a_little(thing **own, test_rng *rng) {
  (void)own;
  ouro_blocking_begin();
  if (test_below(rng, 4) == 0) {
    usleep((useconds_t)test_below(rng, 200));
  }
  ouro_blocking_end();
}

static void free_a_block_later(thing **own, test_rng *rng) {
  (void)own;
  ouro_free_later(ouro_malloc(16 + test_mixed_size(rng, 10000)));
}

/* ---------------------------------------------------------------- what is rare */

static void defer_one(thing **own, test_rng *rng) {
  thing *mine = own[test_below(rng, OWN)];
  if (mine != NULL) {
    ouro_defer(mine);
  }
}

static int see(void *object, void *arg) {
  TEST_CHECK(object != NULL);
  return --*(int *)arg == 0;
}

static void do_something_rare(thing **own, test_rng *rng) {
  int most = 100;
  switch (test_below(rng, 10)) {
  case 0:
    THINGS_ARE_SOUND();
    break;
  case 1:
    ouro_heap_trim();
    break;
  case 2:
    TEST_CHECK(ouro_thread_detach() == OURO_OK);
    break;
  case 3:
    TEST_CHECK(ouro_gc_get_objects(-1, see, &most) <= OURO_OK);
    break;
  case 4:
    defer_one(own, rng);
    break;
  case 5:
    TEST_CHECK(ouro_later_flush());
    break;
  default:
    TEST_CHECK(ouro_gc_collect((int)test_below(rng, 3)) >= 0);
  }
}

typedef void (*doing)(thing **own, test_rng *rng);
static const doing doings[] = {
    change_own,   change_own, exchange,           exchange,         take_and_keep, give_a_second_reference, drop_what_others_made,
    refer_weakly, upgrade,    use_the_containers, use_the_accounts, count_names,   wait_a_little,           free_a_block_later,
};

static void do_some(thing **own, test_rng *rng, size_t count) {
  for (size_t i = 0; i < count; i++) {
    doings[test_below(rng, sizeof doings / sizeof doings[0])](own, rng);
    if (i % 8 == 0) {
      ouro_safepoint();
    }
    if (test_below(rng, 2000) == 0) {
      do_something_rare(own, rng);
    }
  }
}

/* A destructor of the thread's own data drops what it has left, or its stack's end leaves it to others. */
static pthread_key_t estate;
static void drop_the_estate(void *object) { drop(object); }

static void *one_life(void *arg) {
  test_rng rng = {(uintptr_t)arg * 7919 + seed_of_run};
  thing *own[OWN] = {NULL};
  size_t length = test_count(500 + test_below(&rng, 10000), 200), done = 0;
  while (done < length && !atomic_load(&stop)) {
    do_some(own, &rng, 100);
    done += 100;
  }
  TEST_CHECK(pthread_setspecific(estate, thing_ring(&final_thing, 3)) == 0);
  for (size_t i = 0; i < OWN; i++) {
    put_on_the_shelf(&rng, own[i]);
  }
  atomic_fetch_add(&operations, done);
  atomic_fetch_add(&threads_ended, 1);
  return NULL;
}

/* It never attaches itself. */
static void *live_again_and_again(void *arg) {
  for (uintptr_t life = 0; !atomic_load(&stop); life++) {
    pthread_t thread;
    TEST_CHECK(pthread_create(&thread, NULL, one_life, (void *)((uintptr_t)arg + life * 1000)) == 0);
    pthread_join(thread, NULL);
  }
  return NULL;
}

/* ---------------------------------------------------------------- what the main thread does */

static void clear_all(void) {
  for (size_t i = 0; i < SHELF; i++) {
    ouro_xdecref(atomic_exchange(&shelf[i], NULL));
    ouro_xdecref(atomic_exchange(&weak_shelf[i], NULL));
  }
}

/* ThreadSanitizer cannot bear that a child of a process with threads starts one; not even within fork. */
static void start_no_background_thread(void) {
  ouro_options options = {.struct_size = sizeof options};
  TEST_CHECK(ouro_options_get(&options) == OURO_OK);
  options.background = false;
  TEST_CHECK(ouro_options_set(&options) == OURO_OK);
}

static void live_as_a_child(uint64_t seed) {
  test_rng rng = {seed};
  thing *own[OWN] = {NULL};
  alarm(120);
  THINGS_ARE_SOUND();
  do_some(own, &rng, 200);
  clear_all();
  for (size_t i = 0; i < OWN; i++) {
    ouro_xdecref(own[i]);
  }
  TEST_CHECK(ouro_gc_collect(2) >= 0);
  THINGS_ARE_SOUND();
  test_exit(0);
}

static void fork_and_wait(uint64_t seed) {
  pid_t child = fork();
  TEST_CHECK(child >= 0);
  if (child == 0) {
    live_as_a_child(seed);
  }
  int status = -1;
  ouro_blocking_begin();
  while (waitpid(child, &status, 0) < 0) {
    TEST_CHECK(errno == EINTR);
  }
  ouro_blocking_end();
  TEST_CHECK(status == 0);
  atomic_fetch_add(&forks, 1);
}

static void make_what_is_shared(void) {
  for (size_t i = 0; i < NAMES; i++) {
    names[i] = thing_new();
    TEST_CHECK(ouro_defer(names[i]) == OURO_OK);
  }
  accounts[0] = thing_new();
  accounts[1] = thing_new();
  keys = ouro_weak_keys_new();
  values = ouro_weak_values_new();
  set = ouro_weak_set_new();
  TEST_CHECK(pthread_key_create(&estate, drop_the_estate) == 0);
}

static int count_one(void *object, void *arg) {
  (void)object;
  ++*(size_t *)arg;
  return 0;
}

static void check_the_end(void) {
  void *const shared[] = {accounts[0], accounts[1], keys, values, set};
  size_t live = 0;
  clear_all();
  for (size_t i = 0; i < NAMES; i++) {
    drop(names[i]);
  }
  for (size_t i = 0; i < sizeof shared / sizeof shared[0]; i++) {
    drop(shared[i]);
  }
  for (int i = 0; i < 4; i++) {
    TEST_CHECK(ouro_gc_collect(2) >= 0);
    clear_all(); /* what came back */
  }
  TEST_CHECK(ouro_each_object(count_one, &live) == OURO_OK && live == 0 && atomic_load(&things_alive) == 0);
  TEST_CHECK(ouro_later_flush() && ouro_later_bytes() == 0);
  TEST_CHECK(ouro_thread_count() == 1);
  ouro_heap_trim();
  THINGS_ARE_SOUND();
}

/* The most that was resident in the last quarter, against the second one. */
static bool is_flat(const size_t resident[SEGMENTS]) {
  size_t early = 0, late = 0;
  for (size_t i = SEGMENTS / 4; i < SEGMENTS / 2; i++) {
    early = resident[i] > early ? resident[i] : early;
  }
  for (size_t i = SEGMENTS * 3 / 4; i < SEGMENTS; i++) {
    late = resident[i] > late ? resident[i] : late;
  }
  printf("# resident: %zu MiB in the second quarter, %zu MiB in the last\n", early / MIB, late / MIB);
  return TEST_TSAN || TEST_ASAN || late <= early + early / 4 + 8 * MIB;
}

static void run(double seconds, size_t resident[SEGMENTS]) {
  double begin = test_seconds();
  for (uint64_t turn = 0;; turn++) {
    double now = test_seconds() - begin;
    if (now >= seconds) {
      return;
    }
    size_t segment = (size_t)(now / seconds * SEGMENTS), bytes = test_resident_bytes();
    resident[segment] = bytes > resident[segment] ? bytes : resident[segment];
    ouro_blocking_begin();
    test_sleep_ms(50);
    ouro_blocking_end();
    fork_and_wait(turn);
  }
}

int main(int argc, char **argv) {
  double seconds = argc > 1 ? atof(argv[1]) : 10;
  size_t count = argc > 2 ? strtoul(argv[2], NULL, 10) : 8, resident[SEGMENTS] = {0};
  seed_of_run = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
  if (seconds <= 0 || count == 0 || count > MOST_THREADS) {
    fprintf(stderr, "usage: test_thread_stress [SECONDS [THREADS [SEED]]], at most %d threads\n", MOST_THREADS);
    return 2;
  }
  pthread_t threads[MOST_THREADS];
  if (TEST_TSAN) {
    start_no_background_thread();
  }
  make_what_is_shared();
  for (uintptr_t i = 0; i < count; i++) {
    TEST_CHECK(pthread_create(&threads[i], NULL, live_again_and_again, (void *)(i + 1)) == 0);
  }
  run(seconds, resident);
  atomic_store(&stop, true);
  ouro_blocking_begin();
  for (size_t i = 0; i < count; i++) {
    pthread_join(threads[i], NULL);
  }
  ouro_blocking_end();
  check_the_end();
  ouro_stop_stats stops;
  ouro_stop_stats_get(&stops);
  printf("# %zu upgrades, %zu resurrections, %llu stops of the world, %llu given up, the longest took %llu us\n", atomic_load(&upgrades),
         atomic_load(&resurrections), (unsigned long long)stops.stops, (unsigned long long)stops.given_up,
         (unsigned long long)stops.longest_ns / 1000);
  printf("1..2\nok 1 - stress of threads: %zu operations, %zu threads, %zu forks in %.0f seconds\n", atomic_load(&operations),
         atomic_load(&threads_ended), atomic_load(&forks), seconds);
  bool flat = is_flat(resident);
  printf("%s 2 - memory does not grow\n", flat ? "ok" : "not ok");
  return flat ? 0 : 1;
}
