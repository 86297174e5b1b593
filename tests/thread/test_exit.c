/* tests/thread/test_exit.c - how a thread may end: by pthread_exit, cancelled, with destructors of its own data that use objects, in any
 * order; and the end of the process while threads run on.
 *
 * Linked with: libouro (static), thread/things.c, support/support.c, cmocka, threads. */
#include "thread/things.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "thread/thread.h"

/* ---------------------------------------------------------------- ways to end */

static void *end_by_exit(void *arg) {
  (void)arg;
  drop(thing_ring(&final_thing, 2));
  pthread_exit(thing_new());
}

static thing *lost; /* a ring whose thread is gone */

static _Noreturn void sleep_for_ever(void) {
  for (;;) {
    pause();
  }
}

static void *end_in_the_system(void *arg) {
  pthread_barrier_t *barrier = arg;
  lost = thing_ring(&plain_thing, 2);
  ouro_blocking_begin();
  pthread_barrier_wait(barrier);
  sleep_for_ever(); /* until it is cancelled */
}

static void a_thread_may_end_by_pthread_exit(void **state) {
  (void)state;
  thing *given = in_a_thread(end_by_exit, NULL);
  TEST_CHECK(given != NULL && atomic_load(&things_alive) == 3);
  TEST_CHECK(ouro_gc_collect(2) == 2);
  drop(given);
}

/* It never returns from a finalizer, which a deallocation or a collection has called: others go on, and collect. */
static void end_here(thing *self) {
  (void)self;
  pthread_exit(NULL);
}

static void *end_in_a_finalizer(void *arg) {
  thing *last = thing_of(&final_thing);
  last->finalizing = end_here;
  if (arg != NULL) {
    ouro_setref(&last->a, last);
  }
  drop(last);
  ouro_gc_collect(2);
  test_failed("the finalizer came back", __FILE__, __LINE__);
}

static void a_thread_may_end_inside_a_finalizer(void **state) {
  size_t before = ouro_thread_count();
  for (int i = 0; i < 4; i++) {
    in_a_thread(end_in_a_finalizer, i % 2 ? (void *)state : NULL);
    TEST_CHECK(ouro_thread_count() == before);
    drop(thing_ring(&plain_thing, 3));
    TEST_CHECK(ouro_gc_collect(2) >= 3);
    TEST_CHECK(ouro_gc_verify(NULL, 0) == 0);
  }
  atomic_fetch_sub(&things_alive, 2); /* those of deallocations are held by nobody, for ever */
}

static void a_thread_may_be_cancelled_while_it_is_out(void **state) {
  (void)state;
  pthread_barrier_t barrier;
  pthread_t thread;
  size_t before = ouro_thread_count();
  TEST_CHECK(pthread_barrier_init(&barrier, NULL, 2) == 0);
  for (int i = 0; i < 20; i++) {
    TEST_CHECK(pthread_create(&thread, NULL, end_in_the_system, &barrier) == 0);
    pthread_barrier_wait(&barrier);
    TEST_CHECK(pthread_cancel(thread) == 0);
    TEST_CHECK(pthread_join(thread, NULL) == 0);
    TEST_CHECK(ouro_thread_count() == before);
    THINGS_ARE_SOUND();
    drop(lost);
  }
  TEST_CHECK(ouro_gc_collect(2) >= 2);
  pthread_barrier_destroy(&barrier);
}

/* ---------------------------------------------------------------- destructors of a thread's own data */

/* A key that is older than all that ouro has made, and younger ones. */
enum { KEYS = 6 };
/* ThreadSanitizer ends a thread in the last round itself, and cannot bear anything after it. */
enum { ROUNDS = TEST_TSAN ? PTHREAD_DESTRUCTOR_ITERATIONS - 1 : PTHREAD_DESTRUCTOR_ITERATIONS };
static pthread_key_t keys[KEYS];
static atomic_int destroyed;

typedef struct estate {
  thing *mine, *others; /* a reference to each */
  ouro_weak *weak;      /* to `others` */
  unsigned round, rounds;
  size_t key;
} estate;

static void settle_the_estate(estate *left) {
  thing *strong = ouro_weak_get(left->weak);
  TEST_CHECK(strong == left->others);
  drop(strong);
  drop(ouro_weak_new(left->mine));
  ouro_setref(&left->mine->a, left->mine);
  drop(left->mine);
  left->mine = thing_new();
  drop(thing_ring(&plain_thing, 2));
}

static void destroy_estate(void *arg) {
  estate *left = arg;
  settle_the_estate(left);
  if (++left->round < left->rounds) {
    TEST_CHECK(pthread_setspecific(keys[left->key], left) == 0);
    return;
  }
  drop(left->mine);
  drop(left->others);
  drop(left->weak);
  ouro_free(left);
  atomic_fetch_add(&destroyed, 1);
}

__attribute__((constructor(101))) static void make_old_keys(void) {
  for (size_t i = 0; i < KEYS / 2; i++) {
    TEST_CHECK(pthread_key_create(&keys[i], destroy_estate) == 0);
  }
}

static void make_young_keys(void) {
  static bool made;
  for (size_t i = KEYS / 2; i < KEYS && !made; i++) {
    TEST_CHECK(pthread_key_create(&keys[i], destroy_estate) == 0);
  }
  made = true;
}

typedef struct will {
  thing *shared;
  unsigned rounds; /* of destructors that it takes */
  unsigned keys;   /* bits: which of them */
  bool late;       /* the thread is attached by its destructors alone */
} will;

static void *leave_an_estate(void *arg) {
  const will *last = arg;
  for (size_t i = 0; i < KEYS; i++) {
    if (!(last->keys >> i & 1)) {
      continue;
    }
    estate *left = ouro_malloc(sizeof *left);
    *left = (estate){.rounds = last->rounds, .key = i};
    left->mine = thing_new();
    left->others = ouro_newref(last->shared);
    left->weak = ouro_weak_new(last->shared);
    TEST_CHECK(pthread_setspecific(keys[i], left) == 0);
  }
  if (last->late) {
    TEST_CHECK(ouro_thread_detach() == OURO_OK);
  }
  return NULL;
}

static void the_destructors_of_a_threads_data_may_use_objects(void **state) {
  (void)state;
  make_young_keys();
  thing *shared = thing_new();
  size_t before = ouro_thread_count();
  for (unsigned which = 1; which < 1u << KEYS; which++) {
    for (unsigned rounds = 1; rounds <= ROUNDS; rounds++) {
      will last = {shared, rounds, which, which % 2 != 0};
      atomic_store(&destroyed, 0);
      in_a_thread(leave_an_estate, &last);
      TEST_CHECK(atomic_load(&destroyed) == __builtin_popcount(which));
      /* Attached by its very last destructor, it is found to be gone when the world is stopped next. */
      TEST_CHECK(ouro_gc_collect(2) >= 0);
      TEST_CHECK(ouro_thread_count() == before);
      TEST_CHECK(ouro_refcount(shared) == 1);
    }
    TEST_CHECK(ouro_gc_collect(2) >= 0 && atomic_load(&things_alive) == 1);
  }
  TEST_CHECK(ouro__load_relaxed(&ouro__threads_top) < 256);
  drop(shared);
}

/* What a C++ thread_local with a destructor is made of. */
extern int __cxa_thread_atexit_impl(void (*destructor)(void *), void *object, void *handle) __attribute__((weak));
extern void *__dso_handle;

static void destroy_local(void *arg) {
  thing *mine = arg;
  drop(ouro_weak_new(mine));
  drop(thing_ring(&final_thing, 2));
  drop(mine);
  atomic_fetch_add(&destroyed, 1);
}

static void *leave_a_local(void *arg) {
  TEST_CHECK(__cxa_thread_atexit_impl(destroy_local, thing_new(), &__dso_handle) == 0);
  if (arg != NULL) {
    TEST_CHECK(ouro_thread_detach() == OURO_OK);
  }
  return NULL;
}

static void the_destructors_of_thread_local_variables_may_use_objects(void **state) {
  if (__cxa_thread_atexit_impl == NULL) {
    skip();
  }
  atomic_store(&destroyed, 0);
  for (int i = 0; i < 20; i++) {
    in_a_thread(leave_a_local, i % 2 ? (void *)state : NULL);
    TEST_CHECK(atomic_load(&destroyed) == i + 1);
  }
  NO_THING_IS_LEFT();
}

/* ---------------------------------------------------------------- the end of the process */

static atomic_size_t turns;

static _Noreturn void work_for_ever(void *shared) {
  thing *kept[8] = {NULL};
  for (size_t i = 0;; i++) {
    ouro_xdecref(kept[i % 8]);
    kept[i % 8] = i % 3 == 0 ? thing_ring(&final_thing, 2) : thing_new();
    drop(thing_ring(&plain_thing, 3));
    drop(ouro_newref(shared));
    ouro_safepoint();
    atomic_fetch_add(&turns, 1);
    if (i % 512 == 0) {
      ouro_gc_collect((int)(i / 512 % 3));
    }
  }
}

static void *never_end(void *arg) { work_for_ever(arg); }

static void *never_wake(void *arg) {
  thing *mine = thing_ring(&plain_thing, 2);
  TEST_CHECK(mine != NULL && arg == NULL);
  ouro_blocking_begin();
  sleep_for_ever();
}

static atomic_int ran_at_exit;
static void run_at_exit(void *data, void *held) {
  (void)held;
  atomic_fetch_add((atomic_int *)data, 1);
}

static void check_the_exit(void) {
  if (atomic_load(&ran_at_exit) != 1) {
    _exit(3);
  }
}

static void start_detached(void *(*body)(void *arg), void *arg) {
  pthread_t thread;
  TEST_CHECK(pthread_create(&thread, NULL, body, arg) == 0);
  TEST_CHECK(pthread_detach(thread) == 0);
}

/* The program in the child: threads run on while it ends; `how`: by return from main, or by exit in another thread. */
static void *end_the_process(void *arg) {
  (void)arg;
  exit(0);
}

static int end_with_threads(const char *how) {
  static thing *shared;
  atexit(check_the_exit); /* runs after what the library does at exit, which is registered later */
  alarm(60);
  shared = thing_new();
  drop(ouro_finalize(shared, run_at_exit, &ran_at_exit, NULL));
  for (int i = 0; i < 3; i++) {
    start_detached(never_end, shared);
  }
  start_detached(never_wake, NULL);
  while (atomic_load(&turns) < 1000) {
    ouro_blocking_begin();
    test_sleep_ms(1);
    ouro_blocking_end();
  }
  if (strcmp(how, "exit-elsewhere") == 0) {
    in_a_thread(end_the_process, NULL);
  }
  return 0;
}

static void detached_threads_may_run_on_while_the_process_ends(void **state) {
  (void)state;
  for (size_t i = 0; i < test_count(20, 4); i++) {
    test_result result = test_run_self(i % 2 ? "exit-elsewhere" : "return", NULL, 120);
    TEST_CHILD_PASSED(&result);
  }
}

int main(int argc, char **argv) {
  if (argc > 1) {
    return end_with_threads(argv[1]);
  }
  const struct CMUnitTest tests[] = {
      THING_TEST(a_thread_may_end_by_pthread_exit),
      THING_TEST(a_thread_may_end_inside_a_finalizer),
      THING_TEST(a_thread_may_be_cancelled_while_it_is_out),
      THING_TEST(the_destructors_of_a_threads_data_may_use_objects),
      THING_TEST(the_destructors_of_thread_local_variables_may_use_objects),
      cmocka_unit_test(detached_threads_may_run_on_while_the_process_ends),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
