/* tests/thread/test_fork.c - fork at any moment, by any thread, while others make, merge, collect, hold sections, sleep, and are inside
 * finalizers: the child's objects are sound, and it makes, drops, collects and starts threads of its own.
 *
 * Each child has an alarm, so that one that hangs is seen. ThreadSanitizer is asked to let a child of a process with threads live; but it
 * cannot bear that the child starts threads, so there it starts none.
 *
 * Linked with: libouro (static), thread/things.c, support/support.c, cmocka, threads. */
#include "thread/things.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

const char *__tsan_default_options(void);
const char *__tsan_default_options(void) { return "die_after_fork=0"; }

/* ---------------------------------------------------------------- what the threads share */

enum { SHELF = 64 };
static _Atomic(thing *) shelf[SHELF]; /* each holds a reference, or nothing */
static thing *account;                /* its slots are guarded by its section */
static ouro_weak *_Atomic watched;    /* to `account` */
static thing *name;                   /* deferred */
static atomic_bool stop;
static atomic_size_t turns;

static void put_on_the_shelf(test_rng *rng, thing *given) {
  ouro_xdecref(atomic_exchange(&shelf[test_below(rng, SHELF)], given));
}

static void clear_the_shelf(void) {
  for (size_t i = 0; i < SHELF; i++) {
    ouro_xdecref(atomic_exchange(&shelf[i], NULL));
  }
}

/* ---------------------------------------------------------------- what the others do */

static void make_and_exchange(test_rng *rng) {
  ouro_type *const types[] = {&plain_thing, &final_thing, &acyclic_thing, &leaf_thing};
  thing *made = thing_of(types[test_below(rng, 4)]);
  put_on_the_shelf(rng, made);
  put_on_the_shelf(rng, thing_ring(&plain_thing, 1 + test_below(rng, 5)));
}

/* Takes one, and gives it back with a count of its own in between: so it is queued, merged. */
static void count_what_others_made(test_rng *rng) {
  thing *taken = atomic_exchange(&shelf[test_below(rng, SHELF)], NULL);
  if (taken != NULL) {
    ouro_incref(taken);
    put_on_the_shelf(rng, taken);
    drop(taken);
  }
  ouro_incref(name);
  drop(name);
}

static void collect_something(test_rng *rng) {
  ptrdiff_t found = ouro_gc_collect((int)test_below(rng, 3));
  TEST_CHECK(found >= 0 || found == OURO_EBUSY); /* another collection may last as long as a child that its callback forked */
  TEST_CHECK(test_below(rng, 8) != 0 || ouro_gc_verify(NULL, 0) == 0);
}

static void use_the_account(test_rng *rng) {
  ouro_section section;
  thing *fresh = thing_new();
  ouro_section_begin(&section, account);
  ouro_setref(&account->a, test_below(rng, 2) ? fresh : NULL);
  ouro_movref(&account->b, ouro_xnewref(account->a));
  ouro_section_end(&section);
  drop(fresh);
}

static void sleep_out(test_rng *rng) {
  ouro_blocking_begin();
  usleep((useconds_t)test_below(rng, 300));
  ouro_blocking_end();
}

static void linger(thing *self) {
  for (volatile int i = 0; i < 2000; i++) {
  }
  ouro_setref(&self->a, name);
  drop(thing_new());
}

static void die_slowly(test_rng *rng) {
  thing *slow = thing_of(&final_thing);
  slow->finalizing = linger;
  if (test_below(rng, 2)) {
    ouro_setref(&slow->b, slow);
  }
  drop(slow);
}

static void look_weakly(test_rng *rng) {
  thing *got = ouro_weak_get(atomic_load(&watched));
  TEST_CHECK(got == account);
  drop(got);
  thing *taken = atomic_exchange(&shelf[test_below(rng, SHELF)], NULL);
  if (taken != NULL) {
    ouro_weak *weak = ouro_weak_new(taken);
    put_on_the_shelf(rng, taken);
    ouro_xdecref(ouro_weak_get(weak));
    drop(weak);
  }
}

static void replace_a_block(test_rng *rng) {
  ouro_free_later(ouro_malloc(16 + test_below(rng, 2000)));
}

typedef void (*habit)(test_rng *rng);
static const habit habits[] = {make_and_exchange, make_and_exchange, count_what_others_made, use_the_account,
                               sleep_out,         die_slowly,        look_weakly,            replace_a_block};
enum { HABITS = sizeof habits / sizeof habits[0] };

static void *live(void *arg) {
  test_rng rng = {(uintptr_t)arg + 1};
  while (!atomic_load(&stop)) {
    habits[test_below(&rng, HABITS)](&rng);
    if (test_below(&rng, 200) == 0) {
      collect_something(&rng);
    }
    ouro_safepoint();
    atomic_fetch_add(&turns, 1);
  }
  return NULL;
}

static void *collect_on_and_on(void *arg) {
  test_rng rng = {99};
  while (!atomic_load(&stop)) {
    collect_something(&rng);
    sleep_out(&rng);
  }
  return arg;
}

enum { LIVING = 4 };
static pthread_t others[LIVING + 1];

static int start_others(void **state) {
  int failed = things_begin(state);
  account = thing_new();
  name = thing_new();
  TEST_CHECK(ouro_defer(name) == OURO_OK);
  atomic_store(&watched, ouro_weak_new(account));
  atomic_store(&stop, false);
  for (uintptr_t i = 0; i < LIVING; i++) {
    TEST_CHECK(pthread_create(&others[i], NULL, live, (void *)i) == 0);
  }
  TEST_CHECK(pthread_create(&others[LIVING], NULL, collect_on_and_on, NULL) == 0);
  return failed;
}

static int stop_others(void **state) {
  atomic_store(&stop, true);
  ouro_blocking_begin();
  for (size_t i = 0; i <= LIVING; i++) {
    pthread_join(others[i], NULL);
  }
  ouro_blocking_end();
  clear_the_shelf();
  drop(account);
  drop(name);
  drop(atomic_exchange(&watched, NULL));
  ouro_later_flush();
  return things_end(state);
}

/* ---------------------------------------------------------------- what a child does */

static void make_and_drop(test_rng *rng, size_t turns_of_it) {
  thing *kept[32] = {NULL};
  for (size_t i = 0; i < turns_of_it; i++) {
    thing **slot = &kept[test_below(rng, 32)];
    ouro_movref(slot, thing_ring(i % 2 ? &plain_thing : &final_thing, 1 + test_below(rng, 4)));
    drop(ouro_weak_new(*slot));
    ouro_safepoint();
  }
  for (size_t i = 0; i < 32; i++) {
    ouro_xdecref(kept[i]);
  }
}

static void use_all(test_rng *rng) {
  for (size_t i = 0; i < 20; i++) {
    habits[i % HABITS](rng);
  }
  collect_something(rng);
}

static void *live_shortly(void *arg) {
  test_rng rng = {(uintptr_t)arg + 7};
  for (int i = 0; i < 50; i++) {
    use_all(&rng);
  }
  return NULL;
}

static void start_threads_of_its_own(void) {
#if defined(__SANITIZE_ADDRESS__)
  return; /* its allocator's locks stay as they were at fork, perhaps held: a child's threads may wait for them for ever */
#endif
  pthread_t own[3];
  for (uintptr_t i = 0; i < 3; i++) {
    TEST_CHECK(pthread_create(&own[i], NULL, live_shortly, (void *)i) == 0);
  }
  make_and_drop(&(test_rng){5}, 50);
  ouro_blocking_begin();
  for (size_t i = 0; i < 3; i++) {
    pthread_join(own[i], NULL);
  }
  ouro_blocking_end();
}

/* Not even within fork. */
static void start_no_background_thread(void) {
  ouro_options options = {.struct_size = sizeof options};
  TEST_CHECK(ouro_options_get(&options) == OURO_OK);
  options.background = false;
  TEST_CHECK(ouro_options_set(&options) == OURO_OK);
}

/* Of the last fork of this thread. */
static _Thread_local uint64_t given_up_before_it;

/* Does this thread fork between ouro_blocking_begin and its end? Then the child is OUT as well, and comes in first. */
static _Thread_local bool forks_out;

/* Where fork went on without a thread that did not come in time, what that one was doing to an object is half done. */
static void check_what_it_inherited(void) {
  if (stops_given_up() == given_up_before_it) {
    THINGS_ARE_SOUND();
  }
}

static void live_as_a_child(uint64_t seed) {
  test_rng rng = {seed};
  alarm(60);
  if (forks_out) {
    ouro_blocking_end();
  }
  check_what_it_inherited();
  TEST_CHECK(ouro_thread_count() <= 1); /* it is alone */
  use_all(&rng);                        /* also the account, in whose section a thread was that does not exist here */
  make_and_drop(&rng, 100);
  TEST_CHECK(ouro_gc_collect(2) >= 0);
  clear_the_shelf(); /* objects of threads that do not exist here */
  check_what_it_inherited();
  if (!TEST_TSAN && seed % 4 == 0) {
    start_threads_of_its_own();
  }
  clear_the_shelf();
  TEST_CHECK(ouro_gc_collect(2) >= 0);
  TEST_CHECK(ouro_later_flush() && ouro_later_bytes() == 0);
  check_what_it_inherited();
  test_exit(0);
}

static void expect_good_end(pid_t child) {
  int status = -1;
  TEST_CHECK(child > 0);
  while (waitpid(child, &status, 0) < 0) {
    TEST_CHECK(errno == EINTR);
  }
  TEST_CHECK(!WIFSIGNALED(status));
  TEST_CHECK(WEXITSTATUS(status) == 0);
}

/* The parent goes on IN, and waits OUT. */
static void fork_once(uint64_t seed) {
  fflush(NULL);
  given_up_before_it = stops_given_up();
  pid_t child = fork();
  if (child == 0) {
    live_as_a_child(seed);
  }
  ouro_blocking_begin();
  expect_good_end(child);
  ouro_blocking_end();
}

/* ---------------------------------------------------------------- by whom, and where */

static void an_attached_thread_forks(void **state) {
  (void)state;
  for (size_t i = 0; i < test_count(150, 12); i++) {
    test_rng rng = {i};
    fork_once(i);
    make_and_drop(&rng, 20);
  }
}

static void *fork_without_attaching(void *arg) {
  for (size_t i = 0; i < test_count(100, 10); i++) {
    TEST_CHECK(!ouro_thread_is_attached());
    fork_once((uintptr_t)arg * 1000 + i);
  }
  return NULL;
}

static void a_thread_that_never_attached_forks(void **state) {
  (void)state;
  in_a_thread(fork_without_attaching, NULL);
}

static void *fork_now_and_then(void *arg) {
  for (size_t i = 0; i < test_count(40, 4); i++) {
    test_rng rng = {(uintptr_t)arg * 100 + i};
    make_and_drop(&rng, 20);
    fork_once(rng.state);
  }
  return NULL;
}

static void several_threads_fork_at_once(void **state) {
  (void)state;
  pthread_t forkers[3];
  for (uintptr_t i = 0; i < 3; i++) {
    TEST_CHECK(pthread_create(&forkers[i], NULL, i == 0 ? fork_without_attaching : fork_now_and_then, (void *)i) == 0);
  }
  ouro_blocking_begin();
  for (size_t i = 0; i < 3; i++) {
    pthread_join(forkers[i], NULL);
  }
  ouro_blocking_end();
}

/* A child does not start threads inside of a collection, which they would wait for: see live_as_a_child. */
static atomic_ullong next_seed;
static uint64_t seed_inside(void) { return atomic_fetch_add(&next_seed, 1) * 4 + 1; }

static void fork_inside(thing *self) {
  (void)self;
  fork_once(seed_inside());
}

static void fork_inside_a_callback(ouro_weak *weak, void *data, void *held) {
  (void)weak;
  (void)data;
  (void)held;
  fork_once(seed_inside());
}

static void finalizers_and_callbacks_fork(void **state) {
  (void)state;
  for (size_t i = 0; i < test_count(30, 3); i++) {
    thing *self = thing_of(&final_thing);
    self->finalizing = fork_inside;
    ouro_weak *weak = ouro_weak_new_callback(self, fork_inside_a_callback, NULL, NULL);
    drop(self);
    drop(weak);
    thing *ring = thing_ring(&final_thing, 3); /* in the middle of a collection */
    ring->finalizing = fork_inside;
    weak = ouro_weak_new_callback(ring, fork_inside_a_callback, NULL, NULL);
    drop(ring);
    TEST_CHECK(ouro_gc_collect(2) >= 0);
    drop(weak);
  }
}

static void a_thread_forks_inside_sections_or_while_it_is_out(void **state) {
  (void)state;
  for (size_t i = 0; i < test_count(60, 6); i++) {
    ouro_section section;
    thing *mine = thing_new();
    if (i % 3 == 0) {
      ouro_section_begin(&section, mine);
    } else if (i % 3 == 1) {
      ouro_section_begin2(&section, mine, account);
    } else {
      ouro_blocking_begin();
      forks_out = true;
    }
    fork_once(i);
    if (i % 3 == 2) {
      forks_out = false;
      ouro_blocking_end();
    } else {
      ouro_section_end(&section);
    }
    drop(mine);
  }
}

static atomic_size_t told;
static void fork_when_told(const ouro_gc_info *info, void *arg) {
  (void)arg;
  (void)info;
  if (atomic_fetch_add(&told, 1) % 16 < 2) {
    fork_once(seed_inside());
  }
}

static void what_hears_of_collections_forks(void **state) {
  (void)state;
  TEST_CHECK(ouro_gc_callback_add(fork_when_told, NULL) == OURO_OK);
  for (size_t i = 0; i < test_count(60, 6); i++) {
    make_and_drop(&(test_rng){i}, 20);
    TEST_CHECK(ouro_gc_collect((int)(i % 3)) >= 0);
  }
  TEST_CHECK(ouro_gc_callback_remove(fork_when_told, NULL) == OURO_OK);
}

static void a_child_may_fork_again(void **state) {
  (void)state;
  for (size_t i = 0; i < test_count(30, 4); i++) {
    fflush(NULL);
    given_up_before_it = stops_given_up();
    pid_t child = fork();
    if (child == 0) {
      alarm(60);
      use_all(&(test_rng){i});
      fork_once(i);
      live_as_a_child(i + 1);
    }
    ouro_blocking_begin();
    expect_good_end(child);
    ouro_blocking_end();
  }
}

static void the_parent_goes_on(void **state) {
  (void)state;
  fork_once(1);
  size_t before = atomic_load(&turns);
  double end = test_seconds() + 30;
  while (atomic_load(&turns) < before + 1000 && test_seconds() < end) {
    make_and_drop(&(test_rng){before}, 10);
  }
  TEST_CHECK(atomic_load(&turns) >= before + 1000);
}

/* ---------------------------------------------------------------- vfork, posix_spawn */

extern char **environ;

static void vfork_and_exec(void) {
  char program[] = "true";
  char *const arguments[] = {program, NULL};
  pid_t child = vfork();
  if (child == 0) {
    execv("/bin/true", arguments);
    _exit(127);
  }
  expect_good_end(child);
}

static void spawn(void) {
  char program[] = "true";
  char *const arguments[] = {program, NULL};
  pid_t child = 0;
  TEST_CHECK(posix_spawn(&child, "/bin/true", NULL, NULL, arguments, environ) == 0);
  expect_good_end(child);
}

static void vfork_and_posix_spawn_go_as_ever(void **state) {
  (void)state;
  for (size_t i = 0; i < test_count(100, 10); i++) {
    ouro_blocking_begin();
    vfork_and_exec();
    spawn();
    ouro_blocking_end();
    make_and_drop(&(test_rng){i}, 10);
  }
}

#define BUSY(test) cmocka_unit_test_setup_teardown(test, start_others, stop_others)

int main(int argc, char **argv) {
  things_are_stopped_for_a_short_time = true;
  if (TEST_TSAN) {
    start_no_background_thread();
  }
  cmocka_set_test_filter(argc > 1 ? argv[1] : NULL); /* by hand: one case */
  const struct CMUnitTest tests[] = {
      THING_TEST(vfork_and_posix_spawn_go_as_ever),
      BUSY(an_attached_thread_forks),
      BUSY(a_thread_that_never_attached_forks),
      BUSY(several_threads_fork_at_once),
      BUSY(finalizers_and_callbacks_fork),
      BUSY(a_thread_forks_inside_sections_or_while_it_is_out),
      BUSY(what_hears_of_collections_forks),
      BUSY(a_child_may_fork_again),
      BUSY(the_parent_goes_on),
      BUSY(vfork_and_posix_spawn_go_as_ever),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
