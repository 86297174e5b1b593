/* tests/thread/test_attach.c - threads come and go: what attaches one, what it leaves behind when it ends, and who takes
 * that over. How a thread may end is in test_exit.c.
 *
 * Linked with: libouro (static), thread/things.c, support/support.c, cmocka, threads. */
#include "thread/things.h"

#include "thread/thread.h"

/* ---------------------------------------------------------------- what attaches a thread */

static void make_one(void *shared) {
  (void)shared;
  drop(thing_new());
}

static void make_a_list(void *shared) {
  static ouro_type bytes = {.name = "bytes", .size = sizeof(ouro_var), .item_size = 1};
  (void)shared;
  void *object = ouro_new_var(&bytes, 100);
  TEST_CHECK(object != NULL);
  drop(object);
}

static void make_with_extra(void *shared) {
  (void)shared;
  void *object = ouro_new_extra(&plain_thing, 0, 24);
  TEST_CHECK(object != NULL);
  atomic_fetch_add(&things_alive, 1);
  drop(object);
}

static void count_it(void *shared) { drop(ouro_newref(shared)); }

static void store_it(void *shared) {
  void *slot = NULL;
  ouro_setref(&slot, shared);
  ouro_clear(&slot);
}

static ouro_weak *weak_to_shared;

static void make_weak(void *shared) { drop(ouro_weak_new(shared)); }

static void get_weak(void *shared) {
  void *object = ouro_weak_get(weak_to_shared);
  TEST_CHECK(object == shared);
  drop(object);
}

static void try_it(void *shared) {
  TEST_CHECK(ouro_try_incref(shared));
  drop(shared);
}

static void attach_it(void *shared) {
  (void)shared;
  TEST_CHECK(ouro_thread_attach() == OURO_OK);
}

static void (*const attaching[])(void *shared) = {
    make_one, make_a_list, make_with_extra, count_it, store_it, make_weak, get_weak, try_it, attach_it,
};

typedef struct first_use {
  void (*use)(void *shared);
  void *shared;
  size_t threads; /* attached before */
} first_use;

static void *use_first(void *arg) {
  first_use *first = arg;
  TEST_CHECK(!ouro_thread_is_attached());
  TEST_CHECK(ouro_thread_count() == first->threads);
  first->use(first->shared);
  TEST_CHECK(ouro_thread_is_attached());
  TEST_CHECK(ouro_thread_count() == first->threads + 1);
  return NULL;
}

static void the_first_use_attaches_a_thread(void **state) {
  (void)state;
  thing *shared = thing_new();
  ouro_allow_tries(shared);
  weak_to_shared = ouro_weak_new(shared);
  for (size_t i = 0; i < sizeof attaching / sizeof attaching[0]; i++) {
    first_use first = {attaching[i], shared, ouro_thread_count()};
    in_a_thread(use_first, &first);
    TEST_CHECK(ouro_thread_count() == first.threads);
    TEST_CHECK(ouro_refcount(shared) == 1);
  }
  drop(weak_to_shared);
  drop(shared);
}

static void *use_nothing(void *shared) {
  ouro_stop_stats stats;
  for (int i = 0; i < 100; i++) {
    ouro_safepoint();
  }
  ouro_blocking_begin();
  ouro_blocking_begin();
  ouro_blocking_end();
  ouro_blocking_end();
  TEST_CHECK(ouro_thread_detach() == OURO_OK);
  TEST_CHECK(ouro_type_of(shared) == &plain_thing);
  ouro_stop_stats_get(&stats);
  TEST_CHECK(!ouro_thread_is_attached());
  return NULL;
}

static void what_touches_no_object_attaches_nobody(void **state) {
  (void)state;
  thing *shared = thing_new();
  size_t before = ouro_thread_count();
  in_a_thread(use_nothing, shared);
  TEST_CHECK(ouro_thread_count() == before);
  drop(shared);
}

static void *use_blocks(void *arg) {
  enum { BLOCKS = 1000 };
  static void *blocks[BLOCKS];
  (void)arg;
  for (size_t i = 0; i < BLOCKS; i++) {
    blocks[i] = ouro_malloc(i + 1);
    TEST_CHECK(blocks[i] != NULL);
  }
  for (size_t i = 0; i < BLOCKS; i += 2) {
    ouro_free(blocks[i]);
  }
  TEST_CHECK(!ouro_thread_is_attached());
  for (size_t i = 1; i < BLOCKS; i += 2) {
    ouro_free(blocks[i]);
  }
  return NULL;
}

static void a_thread_that_uses_blocks_alone_is_never_attached(void **state) {
  (void)state;
  size_t before = ouro_thread_count();
  for (int i = 0; i < 5; i++) {
    in_a_thread(use_blocks, NULL);
  }
  TEST_CHECK(ouro_thread_count() == before);
}

/* ---------------------------------------------------------------- attaching and detaching by hand */

static void *attach_and_detach(void *arg) {
  (void)arg;
  TEST_CHECK(ouro_thread_detach() == OURO_OK);
  size_t before = ouro_thread_count();
  for (int i = 0; i < 100; i++) {
    TEST_CHECK(ouro_thread_attach() == OURO_OK);
    TEST_CHECK(ouro_thread_attach() == OURO_OK);
    TEST_CHECK(ouro_thread_is_attached() && ouro_thread_count() == before + 1);
    drop(thing_ring(&plain_thing, 3));
    TEST_CHECK(ouro_thread_detach() == OURO_OK);
    TEST_CHECK(!ouro_thread_is_attached() && ouro_thread_count() == before);
    TEST_CHECK(ouro_thread_detach() == OURO_OK);
  }
  return NULL;
}

static void attaching_twice_is_attaching_once_and_so_is_detaching(void **state) {
  (void)state;
  in_a_thread(attach_and_detach, NULL);
  attach_and_detach(NULL); /* in the thread that came first, as in any other */
  TEST_CHECK(ouro_thread_attach() == OURO_OK);
}

static void detaching_is_refused(thing *self) {
  (void)self;
  TEST_CHECK(ouro_thread_detach() == OURO_EBUSY);
  TEST_CHECK(ouro_thread_is_attached());
}

static void detaching_is_refused_by_a_callback(ouro_weak *weak, void *data, void *held) {
  (void)weak;
  (void)held;
  detaching_is_refused(NULL);
  ++*(int *)data;
}

static int detaching_is_refused_by_a_visitor(void *object, void *arg) {
  (void)object;
  detaching_is_refused(NULL);
  ++*(int *)arg;
  return 1;
}

static void *detach_inside(void *arg) {
  (void)arg;
  int called = 0;
  thing *self = thing_of(&final_thing);
  self->finalizing = detaching_is_refused;
  ouro_weak *weak = ouro_weak_new_callback(self, detaching_is_refused_by_a_callback, &called, NULL);
  ouro_section outer, inner;
  ouro_section_begin(&outer, self);
  ouro_section_begin(&inner, self);
  detaching_is_refused(self);
  ouro_section_end(&inner);
  detaching_is_refused(self);
  ouro_section_end(&outer);
  TEST_CHECK(ouro_each_object(detaching_is_refused_by_a_visitor, &called) == OURO_ESTOP && called == 1);
  drop(self);
  TEST_CHECK(called == 2);
  drop(weak);
  thing *ring = thing_ring(&final_thing, 1);
  ring->finalizing = detaching_is_refused;
  drop(ring);
  TEST_CHECK(ouro_gc_collect(2) >= 1);
  TEST_CHECK(ouro_thread_detach() == OURO_OK);
  return NULL;
}

static void detaching_inside_something_is_refused(void **state) {
  (void)state;
  in_a_thread(detach_inside, NULL);
  TEST_CHECK(atomic_load(&things_finalized) == 2);
}

/* ---------------------------------------------------------------- what a thread leaves */

typedef struct legacy {
  thing *held;      /* one reference, for who comes later */
  ouro_weak *weak;  /* to `held` */
  ouro_weak *heard; /* with a callback, to `held` */
  thing *released;  /* another thread has released its reference while this one was IN */
  atomic_int calls;
} legacy;

static void count_the_call(ouro_weak *weak, void *data, void *held) {
  (void)weak;
  (void)held;
  atomic_fetch_add(&((legacy *)data)->calls, 1);
}

static void make_a_legacy(void *arg) {
  legacy *left = arg;
  left->held = thing_chain(&plain_thing, 10);
  left->weak = ouro_weak_new(left->held);
  left->heard = ouro_weak_new_callback(left->held, count_the_call, left, NULL);
  left->released = thing_chain(&final_thing, 3);
  for (int i = 0; i < 300; i++) {
    drop(thing_ring(i % 2 ? &plain_thing : &final_thing, 3)); /* young garbage */
  }
}

static void keep_what_is_released(void *arg) { ouro_incref(((legacy *)arg)->released); }
static void let_go_of_it(void *arg) { drop(((legacy *)arg)->released); }

static void check_the_legacy(legacy *left) {
  thing *again = ouro_weak_get(left->weak);
  TEST_CHECK(again == left->held);
  drop(again);
  TEST_CHECK(ouro_refcount(left->held) == 1);
  TEST_CHECK(ouro_weak_count(left->held) == 2);
}

static void release_the_legacy(void *arg) {
  legacy *left = arg;
  drop(left->held);
  TEST_CHECK(ouro_weak_is_dead(left->weak) && ouro_weak_is_dead(left->heard));
  TEST_CHECK(atomic_load(&left->calls) == 1);
  drop(left->weak);
  drop(left->heard);
}

static void *release_in_a_thread(void *arg) {
  release_the_legacy(arg);
  return NULL;
}

static void leave(legacy *left) {
  worker heir = {.out = false};
  worker_start(&heir, false);
  worker_do(&heir, make_a_legacy, left);
  worker_do(&heir, keep_what_is_released, left);
  drop(left->released); /* the worker is IN: it waits in its queue */
  worker_do(&heir, let_go_of_it, left);
  TEST_CHECK(atomic_load(&things_finalized) == 0);
  worker_end(&heir);
  TEST_CHECK(atomic_load(&things_finalized) == 3); /* when it ended it took what was released for it */
  THINGS_ARE_SOUND();
  check_the_legacy(left);
}

static void what_a_thread_leaves_is_neither_lost_nor_leaked(void **state) {
  (void)state;
  legacy left = {.calls = 0};
  leave(&left);
  release_the_legacy(&left);
  NO_THING_IS_LEFT();
}

static void a_later_thread_releases_what_it_left(void **state) {
  (void)state;
  legacy left = {.calls = 0};
  leave(&left);
  in_a_thread(release_in_a_thread, &left);
  NO_THING_IS_LEFT();
}

static void *take_and_hold(void *arg) {
  thing **shared = arg;
  return ouro_newref(*shared);
}

/* The owner goes, others come and go with its number; whoever counts, nothing is lost. */
static void an_object_outlives_its_owners(void **state) {
  (void)state;
  thing *shared = NULL;
  worker owner;
  worker_start(&owner, true);
  legacy left = {.calls = 0};
  worker_do(&owner, make_a_legacy, &left);
  shared = left.held;
  worker_end(&owner);
  for (size_t i = 0; i < 100; i++) {
    thing *held = in_a_thread(take_and_hold, &shared);
    TEST_CHECK(held == shared && ouro_refcount(shared) == i + 2);
  }
  THINGS_ARE_SOUND();
  for (size_t i = 0; i < 100; i++) {
    drop(shared);
  }
  release_the_legacy(&left);
  drop(left.released);
}

static void *hold_on(void *arg) {
  (void)arg;
  return thing_chain(&plain_thing, 3);
}

/* Others hold its objects when it ends, and drop them while its number belongs to somebody new. */
static void a_number_that_is_used_again_has_the_objects_of_the_one_before(void **state) {
  (void)state;
  worker next[3];
  thing *chains[3];
  for (size_t i = 0; i < 3; i++) {
    chains[i] = in_a_thread(hold_on, NULL);
  }
  for (size_t i = 0; i < 3; i++) {
    worker_start(&next[i], i == 1);
    worker_do(&next[i], make_one, NULL);
    drop(chains[i]);
  }
  for (size_t i = 0; i < 3; i++) {
    worker_do(&next[i], make_one, NULL);
    worker_end(&next[i]);
  }
  NO_THING_IS_LEFT();
}

static void *live_shortly(void *arg) {
  thing *ring = thing_ring(&plain_thing, 2);
  drop(ring);
  return arg != NULL ? thing_new() : NULL;
}

static void very_many_short_threads_leave_nothing(void **state) {
  (void)state;
  enum { HELD = 16 };
  thing *held[HELD] = {NULL};
  size_t threads = test_count(100000, 3000), records = ouro__load_relaxed(&ouro__threads_top);
  for (size_t i = 0; i < threads; i++) {
    ouro_xdecref(held[i % HELD]);
    held[i % HELD] = in_a_thread(live_shortly, i % 3 == 0 ? &held : NULL);
    ouro_safepoint();
  }
  for (size_t i = 0; i < HELD; i++) {
    ouro_xdecref(held[i]);
  }
  TEST_CHECK(ouro__load_relaxed(&ouro__threads_top) <= records + 2);
  NO_THING_IS_LEFT();
}

static void *live_among_many(void *arg) {
  thing *mine = thing_new();
  meet(arg);
  drop(thing_ring(&plain_thing, 2));
  meet(arg);
  drop(mine);
  return NULL;
}

/* Numbers are given out again: as many records as there were threads at once. */
static void as_many_numbers_as_threads_at_once(void **state) {
  (void)state;
  enum { THREADS = 100 };
  static pthread_t threads[THREADS];
  pthread_barrier_t barrier;
  size_t before = ouro_thread_count();
  for (int round = 0; round < 5; round++) {
    TEST_CHECK(pthread_barrier_init(&barrier, NULL, THREADS + 1) == 0);
    for (size_t i = 0; i < THREADS; i++) {
      TEST_CHECK(pthread_create(&threads[i], NULL, live_among_many, &barrier) == 0);
    }
    meet(&barrier);
    TEST_CHECK(ouro_thread_count() == before + THREADS);
    TEST_CHECK(ouro_gc_verify(NULL, 0) == 0);
    meet(&barrier);
    ouro_blocking_begin();
    for (size_t i = 0; i < THREADS; i++) {
      pthread_join(threads[i], NULL);
    }
    ouro_blocking_end();
    TEST_CHECK(pthread_barrier_destroy(&barrier) == 0);
    TEST_CHECK(ouro_thread_count() == before);
    TEST_CHECK(ouro__load_relaxed(&ouro__threads_top) < THREADS + 64);
  }
}

int main(int argc, char **argv) {
  cmocka_set_test_filter(argc > 1 ? argv[1] : NULL); /* by hand: one case */
  const struct CMUnitTest tests[] = {
      THING_TEST(the_first_use_attaches_a_thread),
      THING_TEST(what_touches_no_object_attaches_nobody),
      THING_TEST(a_thread_that_uses_blocks_alone_is_never_attached),
      THING_TEST(attaching_twice_is_attaching_once_and_so_is_detaching),
      THING_TEST(detaching_inside_something_is_refused),
      THING_TEST(what_a_thread_leaves_is_neither_lost_nor_leaked),
      THING_TEST(a_later_thread_releases_what_it_left),
      THING_TEST(an_object_outlives_its_owners),
      THING_TEST(a_number_that_is_used_again_has_the_objects_of_the_one_before),
      THING_TEST(as_many_numbers_as_threads_at_once),
      THING_TEST(very_many_short_threads_leave_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
