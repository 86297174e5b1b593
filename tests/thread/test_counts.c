/* tests/thread/test_counts.c - the life of a count, as <ouro/object.h> draws it, state by state, with two and three threads in a fixed
 * order; and races for the last reference, of which either outcome is right.
 *
 * The main thread is MAIN; `owner` and `third` are workers: threads that do one step at a time and wait for the next, IN or OUT.
 *
 * Linked with: libouro (static), thread/things.c, support/support.c, cmocka, threads. */
#include "thread/things.h"

#include <limits.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "object/object.h"

/* ---------------------------------------------------------------- in which state an object is */

static bool has_flag(const thing *self, unsigned flag) { return (ouro__load_relaxed(ouro__shared(&self->base)) & flag) != 0; }
static bool is_merged(const thing *self) { return ouro__owner(&self->base) == OURO__MERGED; }
static bool is_owned(const thing *self) { return ouro__is_owned(&self->base) && !has_flag(self, OURO_S_QUEUED); }
static bool is_queued(const thing *self) { return ouro__is_owned(&self->base) && has_flag(self, OURO_S_QUEUED); }
static int32_t shared_of(const thing *self) { return ouro__shared_count(ouro__load_relaxed(ouro__shared(&self->base))); }

static worker owner, third;
static thing *it;

static int start_workers(void **state) {
  int failed = things_begin(state);
  ouro_gc_disable(); /* MAIN is IN while a worker takes a step: no stop of the world would come to pass */
  worker_start(&owner, false);
  worker_start(&third, false);
  it = NULL;
  return failed;
}

static int end_workers(void **state) {
  worker_end(&owner);
  worker_end(&third);
  ouro_gc_enable();
  return things_end(state);
}

/* ---------------------------------------------------------------- steps */

static void make(void *type) { it = thing_of(type); }
static void take(void *unused) {
  (void)unused;
  ouro_incref(it);
}
static void release(void *unused) {
  (void)unused;
  drop(it);
}
static void come_by(void *unused) {
  (void)unused;
  ouro_safepoint();
}
static void attach(void *unused) {
  (void)unused;
  TEST_CHECK(ouro_thread_attach() == OURO_OK);
}

static void take_n(void *count) {
  for (size_t i = 0; i < *(size_t *)count; i++) {
    ouro_incref(it);
  }
}
static void release_n(void *count) {
  for (size_t i = 0; i < *(size_t *)count; i++) {
    drop(it);
  }
}

/* By the owner. */
static void made(ouro_type *type) { worker_do(&owner, make, type); }

#define BY(who, step) worker_do(&(who), (step), NULL)
#define BY_N(who, step, n) worker_do(&(who), (step), &(size_t){n})

static bool lives(void) { return atomic_load(&things_alive) == 1; }
static bool is_gone(void) { return atomic_load(&things_alive) == 0; }

/* ---------------------------------------------------------------- OWNED */

static void its_owner_and_others_count_apart(void **state) {
  (void)state;
  made(&plain_thing);
  BY_N(owner, take_n, 4);
  ouro_incref(it);
  BY_N(third, take_n, 2);
  TEST_CHECK(is_owned(it) && it->base.ouro__count == 5 && shared_of(it) == 3);
  TEST_CHECK(ouro_refcount(it) == 8);
  drop(it);
  BY_N(third, release_n, 2);
  TEST_CHECK(is_owned(it) && it->base.ouro__count == 5 && shared_of(it) == 0);
  BY_N(owner, release_n, 4);
  TEST_CHECK(ouro_refcount(it) == 1 && lives());
  BY(owner, release);
  TEST_CHECK(is_gone());
}

static void its_owner_releases_the_last_one(void **state) {
  (void)state;
  for (int i = 0; i < 3; i++) {
    made(i == 0 ? &plain_thing : i == 1 ? &final_thing : &leaf_thing);
    BY(third, take);
    BY(third, release);
    TEST_CHECK(is_owned(it) && lives());
    BY(owner, release);
    TEST_CHECK(is_gone());
  }
}

/* -> MERGED */
static void its_owner_lets_go_while_others_hold_it(void **state) {
  (void)state;
  made(&plain_thing);
  ouro_incref(it);
  BY(third, take);
  BY(owner, release);
  TEST_CHECK(is_merged(it) && ouro_refcount(it) == 2 && lives());
  BY(third, release);
  TEST_CHECK(is_merged(it) && ouro_refcount(it) == 1 && lives());
  drop(it);
  TEST_CHECK(is_gone());
}

/* ---------------------------------------------------------------- QUEUED */

/* Queued, and the queue has the last reference to it. */
static void made_and_queued(void) {
  BY(owner, take);
  drop(it);
  BY(owner, release);
  TEST_CHECK(is_queued(it) && ouro_refcount(it) == 1 && lives());
}

static void another_releases_what_the_owner_counted(void **state) {
  (void)state;
  made(&plain_thing);
  BY(owner, take);
  drop(it);
  TEST_CHECK(is_queued(it) && ouro_refcount(it) == 2);
  BY(third, come_by);
  ouro_safepoint();
  TEST_CHECK(is_queued(it) && lives());
  BY(owner, come_by);
  TEST_CHECK(is_merged(it) && ouro_refcount(it) == 1 && lives());
  BY(owner, release);
  TEST_CHECK(is_gone());
  made(&plain_thing);
  made_and_queued();
  BY(owner, come_by);
  TEST_CHECK(is_gone());
}

/* Its owner has kept none: on most machines it goes in the thread that drops it, on others when its owner comes by. */
static void what_was_given_away_whole_goes(void **state) {
  ouro_type *const types[] = {&plain_thing, &final_thing, &leaf_thing, &acyclic_thing};
  (void)state;
  for (size_t i = 0; i < 4; i++) {
    made(types[i]);
    BY(third, release);
    TEST_CHECK(is_gone() || is_queued(it));
    BY(owner, come_by);
    TEST_CHECK(is_gone());
  }
}

static void it_goes_at_once_where_the_owner_is_out(void **state) {
  (void)state;
  worker_goes(&owner, true);
  made(&plain_thing);
  drop(it);
  TEST_CHECK(is_gone());
  made(&final_thing);
  BY(third, attach);
  BY(third, release);
  TEST_CHECK(is_gone() && atomic_load(&things_finalized) == 1);
}

static void *make_and_end(void *type) { return thing_of(type); }

static void it_goes_at_once_where_the_owner_has_gone(void **state) {
  (void)state;
  it = in_a_thread(make_and_end, &plain_thing);
  drop(it);
  TEST_CHECK(is_gone());
  it = in_a_thread(make_and_end, &final_thing);
  BY(third, release);
  TEST_CHECK(is_gone() && atomic_load(&things_finalized) == 1);
}

static void detach(void *unused) {
  (void)unused;
  TEST_CHECK(ouro_thread_detach() == OURO_OK);
}

static void what_waits_goes_when_its_owner_goes_out_or_detaches(void **state) {
  (void)state;
  made(&plain_thing);
  made_and_queued();
  worker_goes(&owner, true);
  TEST_CHECK(is_gone());
  worker_goes(&owner, false);
  made(&plain_thing);
  made_and_queued();
  BY(owner, detach);
  TEST_CHECK(is_gone());
}

static void it_is_queued_once_and_then_counted_below_zero(void **state) {
  (void)state;
  made(&plain_thing);
  BY_N(owner, take_n, 9); /* ten */
  drop(it);
  TEST_CHECK(is_queued(it) && shared_of(it) == 0);
  drop(it);
  BY_N(third, release_n, 3);
  TEST_CHECK(is_queued(it) && shared_of(it) == -4 && it->base.ouro__count == 10);
  BY(third, take);
  TEST_CHECK(shared_of(it) == -3);
  BY(owner, come_by);
  TEST_CHECK(is_merged(it) && ouro_refcount(it) == 6 && lives());
  BY_N(owner, release_n, 5);
  TEST_CHECK(ouro_refcount(it) == 1 && lives());
  BY(third, release);
  TEST_CHECK(is_gone());
}

static void all_are_released_by_others_before_its_owner_comes_by(void **state) {
  (void)state;
  made(&final_thing);
  BY_N(owner, take_n, 9);
  BY_N(third, release_n, 4);
  for (int i = 0; i < 6; i++) {
    drop(it);
  }
  TEST_CHECK(is_queued(it) && lives() && atomic_load(&things_finalized) == 0);
  BY(owner, come_by);
  TEST_CHECK(is_gone() && atomic_load(&things_finalized) == 1);
}

static void its_owner_goes_on_counting_what_is_queued(void **state) {
  (void)state;
  made(&plain_thing);
  BY(owner, take);
  drop(it);
  BY(owner, release);
  TEST_CHECK(is_queued(it) && lives()); /* the queue holds the last one */
  BY_N(owner, take_n, 3);
  BY_N(owner, release_n, 3);
  BY(third, take);
  BY(third, release);
  TEST_CHECK(is_queued(it) && lives());
  BY(owner, come_by);
  TEST_CHECK(is_gone());
}

static void what_is_queued_may_be_brought_back_by_who_counts_it(void **state) {
  (void)state;
  made(&plain_thing);
  ouro_weak *weak = ouro_weak_new(it);
  drop(it);
  TEST_CHECK(is_queued(it));
  thing *again = ouro_weak_get(weak);
  TEST_CHECK(again == it && ouro_refcount(it) == 2);
  BY(owner, come_by);
  TEST_CHECK(is_merged(it) && ouro_refcount(it) == 1 && lives());
  drop(again);
  TEST_CHECK(is_gone() && ouro_weak_is_dead(weak));
  drop(weak);
}

static void make_a_loop(void *unused) {
  make(&final_thing);
  (void)unused;
  ouro_setref(&it->a, it);
}

static void garbage_that_was_queued_is_collected(void **state) {
  (void)state;
  worker_do(&owner, make_a_loop, NULL);
  thing *loop = it;
  drop(loop);
  TEST_CHECK(is_queued(loop) && ouro_refcount(loop) == 2);
  worker_goes(&owner, true);
  TEST_CHECK(is_merged(loop) && ouro_refcount(loop) == 1);
  TEST_CHECK(ouro_gc_collect(2) == 1);
}

/* An owner that makes, and comes by; and one that drops what it made, and collects: so objects are queued when all is looked at. */
static _Atomic(thing *) handed[64];
static atomic_bool enough;

static void *hand_over(void *arg) {
  for (size_t i = 0; !atomic_load(&enough); i++) {
    thing *loop = thing_ring(i % 2 ? &plain_thing : &final_thing, 1 + i % 3);
    ouro_xdecref(atomic_exchange(&handed[i % 64], loop));
    if (i % 16 == 0) {
      ouro_safepoint();
    }
  }
  return arg;
}

static void collections_meet_what_is_queued(void **state) {
  pthread_t maker;
  (void)state;
  atomic_store(&enough, false);
  TEST_CHECK(pthread_create(&maker, NULL, hand_over, NULL) == 0);
  for (size_t round = 0; round < test_count(200, 10); round++) {
    for (size_t i = 0; i < 64 * 4; i++) {
      ouro_xdecref(atomic_exchange(&handed[i % 64], NULL));
    }
    TEST_CHECK(ouro_gc_collect((int)(round % 3)) >= 0);
    TEST_CHECK(round % 8 != 0 || ouro_gc_verify(NULL, 0) == 0);
  }
  atomic_store(&enough, true);
  ouro_blocking_begin();
  pthread_join(maker, NULL);
  ouro_blocking_end();
  for (size_t i = 0; i < 64; i++) {
    ouro_xdecref(atomic_exchange(&handed[i], NULL));
  }
  NO_THING_IS_LEFT();
}

static void thousands_wait_for_one_owner(void **state) {
  enum { THINGS = 1000 };
  static thing *things[THINGS];
  (void)state;
  for (size_t i = 0; i < THINGS; i++) {
    made(i % 2 ? &plain_thing : &leaf_thing);
    BY(owner, take);
    things[i] = it;
  }
  for (size_t i = 0; i < THINGS; i++) {
    drop(things[i]);
  }
  for (size_t i = 0; i < THINGS; i++) {
    it = things[i];
    BY(owner, release);
  }
  TEST_CHECK(atomic_load(&things_alive) == THINGS);
  BY(owner, come_by);
  TEST_CHECK(is_gone());
}

/* ---------------------------------------------------------------- MERGED */

static void a_merged_one_is_counted_by_all(void **state) {
  (void)state;
  made(&final_thing);
  ouro_incref(it);
  BY(owner, release);
  TEST_CHECK(is_merged(it));
  for (int i = 0; i < 3; i++) {
    BY_N(owner, take_n, 100);
    BY_N(third, take_n, 50);
    TEST_CHECK(ouro_refcount(it) == 151);
    BY_N(third, release_n, 100);
    BY_N(owner, release_n, 50);
    TEST_CHECK(is_merged(it) && ouro_refcount(it) == 1 && lives());
  }
  BY(third, take);
  drop(it);
  BY(third, release);
  TEST_CHECK(is_gone() && atomic_load(&things_finalized) == 1);
}

/* ---------------------------------------------------------------- uniqueness */

static bool seen_unique;
static void look(void *unused) {
  (void)unused;
  seen_unique = ouro_is_unique(it);
}
static bool unique_to(worker *who) {
  worker_do(who, look, NULL);
  return seen_unique;
}

static void it_is_unique_to_its_only_holder(void **state) {
  (void)state;
  made(&plain_thing);
  TEST_CHECK(unique_to(&owner));
  BY(owner, take);
  TEST_CHECK(!unique_to(&owner));
  BY(owner, release);
  BY(third, take);
  TEST_CHECK(!unique_to(&owner) && !unique_to(&third) && !ouro_is_unique(it));
  BY(third, release);
  TEST_CHECK(unique_to(&owner));
  BY(owner, take);
  drop(it);
  TEST_CHECK(is_queued(it) && !unique_to(&owner) && !unique_to(&third));
  BY(owner, come_by);
  TEST_CHECK(is_merged(it) && unique_to(&owner) && unique_to(&third) && ouro_is_unique(it));
  BY(third, take);
  TEST_CHECK(!unique_to(&third) && !ouro_is_unique(it));
  BY(third, release);
  BY(third, release);
  TEST_CHECK(is_gone());
}

/* ---------------------------------------------------------------- finalizers: on which thread, and who owns what they bring back */

static pthread_t finalized_by;
static thing *saved;

static void note_the_thread(thing *self) {
  (void)self;
  finalized_by = pthread_self();
}

static void come_back(thing *self) {
  finalized_by = pthread_self();
  saved = ouro_newref(self);
}

static void make_final(void *finalizing) {
  make(&final_thing);
  it->finalizing = *(void (**)(thing *))finalizing;
}

static void made_final(void (*finalizing)(thing *self)) { worker_do(&owner, make_final, &finalizing); }

static bool ran_by(const worker *who) {
  return pthread_equal(finalized_by, who != NULL ? who->thread : pthread_self()) && atomic_load(&things_finalized) == 1;
}

static void a_finalizer_runs_in_the_thread_that_frees(void **state) {
  (void)state;
  made_final(note_the_thread); /* of what is queued: its owner */
  made_and_queued();
  BY(owner, come_by);
  TEST_CHECK(is_gone() && ran_by(&owner));
  atomic_store(&things_finalized, 0);
  made_final(note_the_thread); /* of what is merged: who releases the last one */
  ouro_incref(it);
  BY(owner, release);
  drop(it);
  TEST_CHECK(is_gone() && ran_by(NULL));
  atomic_store(&things_finalized, 0);
  worker_goes(&owner, true);
  made_final(note_the_thread); /* of one whose owner is out: who releases it */
  BY(third, release);
  TEST_CHECK(is_gone() && ran_by(&third));
}

static void save_step(void *unused) {
  (void)unused;
  TEST_CHECK(ouro_is_unique(saved) && is_owned(saved));
  drop(saved);
}

/* It has come back: owned by the thread that ran the finalizer, which is not run again. */
static void goes_for_good(worker *who) {
  TEST_CHECK(lives() && saved == it && ran_by(who));
  TEST_CHECK(ouro_gc_is_finalized(it) && ouro_refcount(it) == 1);
  if (who == NULL) {
    save_step(NULL);
  } else {
    worker_do(who, save_step, NULL);
  }
  TEST_CHECK(is_gone() && atomic_load(&things_finalized) == 1);
  atomic_store(&things_finalized, 0);
}

static void a_finalizer_brings_back_what_was_owned(void **state) {
  (void)state;
  made_final(come_back);
  BY(owner, release);
  goes_for_good(&owner);
}

static void a_finalizer_brings_back_what_was_queued(void **state) {
  (void)state;
  made_final(come_back);
  made_and_queued();
  BY(owner, come_by);
  goes_for_good(&owner);
}

static void a_finalizer_brings_back_what_was_merged(void **state) {
  (void)state;
  made_final(come_back);
  ouro_incref(it);
  BY(owner, release);
  TEST_CHECK(is_merged(it));
  drop(it);
  goes_for_good(NULL);
  made_final(come_back);
  BY(third, take);
  BY(owner, release);
  BY(third, release);
  goes_for_good(&third);
}

static void a_finalizer_brings_back_what_a_gone_thread_owned(void **state) {
  (void)state;
  it = in_a_thread(make_and_end, &final_thing);
  it->finalizing = come_back;
  BY(third, release);
  goes_for_good(&third);
}

static void a_finalizer_in_a_collection_brings_back_what_others_made(void **state) {
  (void)state;
  worker_goes(&owner, true);
  worker_goes(&third, true);
  made_final(come_back);
  ouro_setref(&it->a, it);
  drop(it);
  TEST_CHECK(lives() && ouro_gc_collect(2) >= 0);
  TEST_CHECK(lives() && saved == it && ran_by(NULL));
  ouro_clear(&it->a);
  TEST_CHECK(ouro_refcount(it) == 1);
  drop(saved);
  TEST_CHECK(is_gone());
}

/* What blocking_begin takes for its thread may run a finalizer that uses sections: the thread's own are let go of all the same. */
static thing *account, *other_account;

static void use_the_other_account(thing *self) {
  ouro_section section;
  ouro_section_begin(&section, other_account);
  ouro_setref(&other_account->a, self->a);
  ouro_section_end(&section);
}

static void use_the_account(void *unused) {
  ouro_section section;
  (void)unused;
  ouro_section_begin(&section, account);
  ouro_clear(&account->a);
  ouro_section_end(&section);
}

static void a_finalizer_with_a_section_keeps_none_of_a_thread_that_goes_out(void **state) {
  ouro_section section;
  (void)state;
  account = thing_new();
  other_account = thing_new();
  ouro_section_begin(&section, account);
  it = thing_of(&final_thing);
  it->finalizing = use_the_other_account;
  ouro_incref(it);
  BY(third, release);
  drop(it); /* the queue of this thread has the last one */
  alarm(60);
  ouro_blocking_begin();
  TEST_CHECK(atomic_load(&things_finalized) == 1);
  BY(third, use_the_account);
  ouro_blocking_end();
  alarm(0);
  ouro_section_end(&section);
  drop(account);
  drop(other_account);
  TEST_CHECK(is_gone());
}

/* ---------------------------------------------------------------- one more, unless it is about to go */

static bool got;
static void try_it(void *unused) {
  (void)unused;
  got = ouro_try_incref(it);
}
static bool tried_by(worker *who) {
  worker_do(who, try_it, NULL);
  return got;
}

static void trying_takes_a_reference_in_every_state(void **state) {
  (void)state;
  made(&plain_thing);
  BY(owner, take);
  ouro_allow_tries(it);
  ouro_allow_tries(it);
  TEST_CHECK(tried_by(&owner) && tried_by(&third) && ouro_try_incref(it));
  TEST_CHECK(ouro_refcount(it) == 5);
  drop(it);
  drop(it); /* one that the owner counted */
  drop(it);
  TEST_CHECK(is_queued(it) && ouro_refcount(it) == 3);
  TEST_CHECK(tried_by(&owner) && tried_by(&third));
  BY(owner, come_by);
  TEST_CHECK(is_merged(it) && ouro_refcount(it) == 4);
  TEST_CHECK(tried_by(&owner) && tried_by(&third) && ouro_try_incref(it) && ouro_refcount(it) == 7);
  BY_N(third, release_n, 6);
  TEST_CHECK(lives() && ouro_try_incref(it));
  drop(it);
  drop(it);
  TEST_CHECK(is_gone());
}

/* A cache in C: an object leaves it in its release function, and who looks in it may find one that is just going. */
typedef struct cached {
  ouro_object base;
} cached;

static pthread_mutex_t cache_mutex = PTHREAD_MUTEX_INITIALIZER;
static cached *cache;
static atomic_size_t cached_alive, refused_in_release;

static void leave_the_cache(void *self) {
  if (!ouro_try_incref(self)) {
    atomic_fetch_add(&refused_in_release, 1);
  }
  pthread_mutex_lock(&cache_mutex);
  if (cache == self) {
    cache = NULL;
  }
  pthread_mutex_unlock(&cache_mutex);
  atomic_fetch_sub(&cached_alive, 1);
}

static ouro_type cached_type = {.name = "cached", .size = sizeof(cached), .release = leave_the_cache};

/* From the cache; or a new one, which it then has. */
static cached *find(void) {
  pthread_mutex_lock(&cache_mutex);
  cached *found = cache != NULL && ouro_try_incref(cache) ? cache : NULL;
  pthread_mutex_unlock(&cache_mutex);
  return found;
}

static cached *find_or_make(void) {
  cached *found = find();
  if (found != NULL) {
    return found;
  }
  cached *fresh = ouro_new(&cached_type);
  TEST_CHECK(fresh != NULL);
  atomic_fetch_add(&cached_alive, 1);
  ouro_allow_tries(fresh);
  pthread_mutex_lock(&cache_mutex);
  cache = fresh;
  pthread_mutex_unlock(&cache_mutex);
  return fresh;
}

static void *use_the_cache(void *arg) {
  for (size_t i = 0; i < test_count(200000, 5000); i++) {
    cached *found = find_or_make();
    TEST_CHECK(ouro_type_of(found) == &cached_type);
    drop(found);
    ouro_safepoint();
  }
  return arg;
}

static void a_cache_never_gives_what_has_gone(void **state) {
  pthread_t users[3];
  (void)state;
  for (size_t i = 0; i < 3; i++) {
    TEST_CHECK(pthread_create(&users[i], NULL, use_the_cache, NULL) == 0);
  }
  ouro_blocking_begin();
  for (size_t i = 0; i < 3; i++) {
    TEST_CHECK(pthread_join(users[i], NULL) == 0);
  }
  ouro_blocking_end();
  ouro_safepoint();
  TEST_CHECK(atomic_load(&cached_alive) == 0 && cache == NULL && atomic_load(&refused_in_release) > 0);
}

/* ---------------------------------------------------------------- a weak upgrade against the last release */

typedef struct duel {
  pthread_barrier_t barrier;
  thing *target;
  ouro_weak *weak;
  size_t rounds;
  atomic_size_t won, lost;
  bool merged;      /* the target is, when it begins */
  bool mine_is_his; /* the one who upgrades made it */
} duel;

static void upgrade_and_check(duel *match) {
  thing *strong = ouro_weak_get(match->weak);
  if (strong == NULL) {
    atomic_fetch_add(&match->lost, 1);
    return;
  }
  TEST_CHECK(strong == match->target && ouro_type_of(strong) == &final_thing && ouro_refcount(strong) >= 1);
  drop(strong);
  atomic_fetch_add(&match->won, 1);
}

static void set_up(duel *match) {
  match->target = thing_of(&final_thing);
  match->weak = ouro_weak_new(match->target);
}

static void waste_time(test_rng *rng) {
  for (volatile size_t i = test_below(rng, 60); i > 0; i--) {
  }
}

static void *upgrade_again_and_again(void *arg) {
  duel *match = arg;
  test_rng rng = {1};
  for (size_t i = 0; i < match->rounds; i++) {
    if (match->mine_is_his) {
      set_up(match);
    }
    meet(&match->barrier);
    meet(&match->barrier); /* the other has taken a reference of its own, if need be */
    if (match->merged) {
      drop(match->target);
    }
    meet(&match->barrier);
    waste_time(&rng);
    upgrade_and_check(match);
    ouro_safepoint();
    meet(&match->barrier);
    meet(&match->barrier); /* while the other looks */
  }
  return NULL;
}

static void release_again_and_again(duel *match) {
  test_rng rng = {2};
  for (size_t i = 0; i < match->rounds; i++) {
    if (!match->mine_is_his) {
      set_up(match);
    }
    meet(&match->barrier);
    if (match->merged) {
      ouro_incref(match->target); /* and the other lets go of his */
    }
    meet(&match->barrier);
    meet(&match->barrier);
    waste_time(&rng);
    drop(match->target);
    ouro_safepoint();
    meet(&match->barrier);
    TEST_CHECK(ouro_weak_is_dead(match->weak));
    drop(match->weak);
    ouro_safepoint();
    TEST_CHECK(atomic_load(&things_alive) == 0 && atomic_load(&things_finalized) == (long)i + 1);
    meet(&match->barrier);
  }
}

static void fight(bool mine_is_his, bool merged) {
  duel match = {.mine_is_his = mine_is_his, .merged = merged, .rounds = test_count(6000, 300)};
  pthread_t other;
  atomic_store(&things_finalized, 0);
  TEST_CHECK(pthread_barrier_init(&match.barrier, NULL, 2) == 0);
  TEST_CHECK(pthread_create(&other, NULL, upgrade_again_and_again, &match) == 0);
  release_again_and_again(&match);
  ouro_blocking_begin();
  TEST_CHECK(pthread_join(other, NULL) == 0);
  ouro_blocking_end();
  TEST_CHECK(pthread_barrier_destroy(&match.barrier) == 0);
  TEST_CHECK(atomic_load(&match.won) + atomic_load(&match.lost) == match.rounds);
  print_message("# upgraded %zu times, too late %zu times\n", atomic_load(&match.won), atomic_load(&match.lost));
}

static void either_the_upgrade_gets_it_or_it_is_gone(void **state) {
  (void)state;
  fight(false, false); /* its owner releases it, another upgrades */
  fight(true, false);  /* another releases it, its owner upgrades */
  fight(true, true);   /* it is merged */
}

/* ---------------------------------------------------------------- very many references
 *
 * What becomes immortal stays for ever: so each case is a process of its own. */

static void hold_very_often(void) {
  size_t many = (size_t)1 << 23;
  made(&plain_thing);
  BY_N(third, take_n, many + 5);
  TEST_CHECK(ouro_is_immortal(it) && ouro_refcount(it) == SIZE_MAX);
  BY_N(third, release_n, 100);
  BY_N(owner, release_n, 100);
  TEST_CHECK(ouro_is_immortal(it) && lives());
  ouro_gc_verify(NULL, 0);
}

static void what_others_hold_too_often_is_immortal(void **state) {
  (void)state;
  test_result result = test_run_self("--hold", NULL, 300);
  TEST_CHILD_PASSED(&result);
}

/* The owner counted millions, others release them all while it does not come by. */
static void release_very_often(void) {
  size_t many = ((size_t)1 << 23) + 1000;
  made(&plain_thing);
  BY_N(owner, take_n, many);
  BY_N(third, release_n, many);
  BY(owner, come_by);
  TEST_CHECK(lives() && (ouro_is_immortal(it) || ouro_refcount(it) == 1));
  if (!ouro_is_immortal(it)) {
    BY(owner, release);
    TEST_CHECK(is_gone());
  }
}

static void what_others_release_too_often_is_never_freed_too_early(void **state) {
  (void)state;
  test_result result = test_run_self("--release", NULL, 300);
  TEST_CHILD_PASSED(&result);
}

/* ---------------------------------------------------------------- deep structures */

enum { SMALL_STACK = 256 * 1024 };

static void *drop_all(void *object) {
  drop(object);
  return NULL;
}

static void make_chain(void *type) { it = thing_chain(type, test_count(1000000, 50000)); }

static void another_drops_a_long_chain_on_a_small_stack(void **state) {
  ouro_type *const types[] = {&plain_thing, &final_thing, &acyclic_thing};
  (void)state;
  for (size_t i = 0; i < 3; i++) {
    worker_goes(&owner, true);
    worker_do(&owner, make_chain, types[i]);
    in_a_thread_of(SMALL_STACK, drop_all, it);
    TEST_CHECK(is_gone());
    worker_goes(&owner, false);
    worker_do(&owner, make_chain, types[i]); /* its owner is IN: each link may wait for it */
    in_a_thread_of(SMALL_STACK, drop_all, it);
    BY(owner, come_by);
    TEST_CHECK(is_gone());
  }
}

static void take_each(void *unused) {
  (void)unused;
  for (thing *at = it; at != NULL; at = at->a) {
    ouro_incref(at);
  }
}

static void a_long_chain_of_merged_links(void **state) {
  (void)state;
  worker_do(&owner, make_chain, &plain_thing);
  BY(owner, take_each);
  for (thing *at = it; at != NULL; at = at->a) {
    drop(at);
  }
  TEST_CHECK(is_queued(it) && is_queued((thing *)it->a));
  BY(owner, come_by);
  TEST_CHECK(is_merged(it) && is_merged((thing *)it->a) && ouro_refcount(it) == 1);
  in_a_thread_of(SMALL_STACK, drop_all, it);
  TEST_CHECK(is_gone());
}

/* Chains of two owners, link by link in turn. */
static void hang(void *unused) {
  (void)unused;
  thing *before = thing_new();
  ouro_movref(&before->a, it);
  it = before;
}

static void a_chain_of_two_owners(void **state) {
  (void)state;
  for (size_t i = 0; i < test_count(5000, 1000); i++) {
    worker_do(i % 2 ? &owner : &third, hang, NULL);
  }
  worker_goes(&owner, true);
  worker_goes(&third, true);
  drop(it);
  TEST_CHECK(is_gone());
}

/* CPython's test_trashcan_threads: deep structures with finalizers that collect, from two threads. */
static void collect_now_and_then(thing *self) {
  if ((uintptr_t)self / 64 % 1024 == 0) {
    TEST_CHECK(ouro_gc_collect(0) >= 0);
  }
}

static void *make_and_drop_deep_ones(void *arg) {
  for (size_t i = 0; i < test_count(20, 3); i++) {
    thing *deep = thing_chain(&final_thing, 5000);
    for (thing *at = deep; at != NULL; at = at->a) {
      at->finalizing = collect_now_and_then;
    }
    drop(deep);
  }
  return arg;
}

static void two_threads_drop_deep_structures_at_once(void **state) {
  pthread_t threads[2];
  (void)state;
  for (size_t i = 0; i < 2; i++) {
    TEST_CHECK(pthread_create(&threads[i], NULL, make_and_drop_deep_ones, NULL) == 0);
  }
  ouro_blocking_begin();
  for (size_t i = 0; i < 2; i++) {
    TEST_CHECK(pthread_join(threads[i], NULL) == 0);
  }
  ouro_blocking_end();
  TEST_CHECK(atomic_load(&things_finalized) == (long)(2 * 5000 * test_count(20, 3)) && is_gone());
}

/* ---------------------------------------------------------------- IMMORTAL, DEFERRED */

static ouro_object for_ever = OURO_IMMORTAL_OBJECT(&leaf_thing);

static void count_for_ever(void *unused) {
  (void)unused;
  for (int i = 0; i < 1000; i++) {
    ouro_incref(&for_ever);
    drop(&for_ever);
    drop(&for_ever);
  }
}

static void an_immortal_one_is_counted_by_nobody(void **state) {
  (void)state;
  BY(owner, count_for_ever);
  BY(third, count_for_ever);
  count_for_ever(NULL);
  TEST_CHECK(ouro_is_immortal(&for_ever) && ouro_refcount(&for_ever) == SIZE_MAX);
  TEST_CHECK(!ouro_is_unique(&for_ever) || ouro_is_immortal(&for_ever));
}

static int defer_result;
static void defer(void *unused) {
  (void)unused;
  defer_result = ouro_defer(it);
}

static void the_counts_of_a_deferred_one_add_up(void **state) {
  (void)state;
  worker_goes(&owner, true);
  worker_goes(&third, true);
  made(&final_thing);
  worker_do_out(&owner, defer, NULL);
  TEST_CHECK(defer_result == OURO_OK && ouro_is_deferred(it));
  worker_do_out(&owner, defer, NULL);
  TEST_CHECK(defer_result == OURO_EINVAL);
  BY_N(owner, take_n, 10);
  BY_N(third, take_n, 20);
  BY_N(third, release_n, 25);
  ouro_incref(it);
  TEST_CHECK(ouro_refcount(it) == 7 && lives());
  TEST_CHECK(ouro_gc_collect(2) == 0 && lives());
  for (int i = 0; i < 7; i++) {
    drop(it);
  }
  TEST_CHECK(lives() && ouro_is_deferred(it));
  TEST_CHECK(ouro_gc_collect(1) == 0 && lives());
  TEST_CHECK(ouro_gc_collect(2) == 1 && is_gone() && atomic_load(&things_finalized) == 1);
}

static void *count_and_end(void *unused) {
  (void)unused;
  for (int i = 0; i < 5; i++) {
    ouro_incref(it);
  }
  return NULL;
}

static void what_a_gone_thread_counted_of_a_deferred_one_stays(void **state) {
  (void)state;
  worker_goes(&owner, true);
  worker_goes(&third, true);
  made(&plain_thing);
  worker_do_out(&owner, defer, NULL);
  for (int i = 0; i < 10; i++) {
    in_a_thread(count_and_end, NULL);
  }
  TEST_CHECK(ouro_refcount(it) == 51);
  TEST_CHECK(ouro_gc_collect(2) == 0 && lives());
  BY_N(third, release_n, 51);
  TEST_CHECK(ouro_gc_collect(2) == 1 && is_gone());
}

static void a_deferred_one_that_comes_back_is_owned_by_who_collects(void **state) {
  (void)state;
  worker_goes(&owner, true);
  worker_goes(&third, true);
  made_final(come_back);
  worker_do_out(&owner, defer, NULL);
  BY(third, release);
  TEST_CHECK(ouro_gc_collect(2) >= 0 && lives() && saved == it && ran_by(NULL));
  TEST_CHECK(ouro_refcount(it) == 1);
  drop(saved);
  ouro_gc_collect(2);
  TEST_CHECK(is_gone());
}

static void numbers_of_deferred_ones_are_used_again(void **state) {
  (void)state;
  worker_goes(&owner, true);
  worker_goes(&third, true);
  for (int round = 0; round < 20; round++) {
    enum { THINGS = 100 };
    static thing *things[THINGS];
    for (size_t i = 0; i < THINGS; i++) {
      things[i] = thing_new();
      TEST_CHECK(ouro_defer(things[i]) == OURO_OK);
      it = things[i];
      BY(third, take);
      BY(owner, release);
      TEST_CHECK(ouro_refcount(it) == 1);
    }
    for (size_t i = 0; i < THINGS; i++) {
      drop(things[i]);
    }
    TEST_CHECK(ouro_gc_collect(2) == THINGS && is_gone());
  }
}

#define STEPS(name) cmocka_unit_test_setup_teardown(name, start_workers, end_workers)

static int run_apart(void (*body)(void)) {
  start_workers(NULL);
  body();
  worker_end(&owner);
  worker_end(&third);
  return 0;
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "--hold") == 0) {
    return run_apart(hold_very_often);
  }
  if (argc > 1 && strcmp(argv[1], "--release") == 0) {
    return run_apart(release_very_often);
  }
  cmocka_set_test_filter(argc > 1 ? argv[1] : NULL); /* by hand: one case */
  const struct CMUnitTest tests[] = {
      STEPS(its_owner_and_others_count_apart),
      STEPS(its_owner_releases_the_last_one),
      STEPS(its_owner_lets_go_while_others_hold_it),
      STEPS(another_releases_what_the_owner_counted),
      STEPS(it_goes_at_once_where_the_owner_is_out),
      STEPS(it_goes_at_once_where_the_owner_has_gone),
      STEPS(what_was_given_away_whole_goes),
      STEPS(what_waits_goes_when_its_owner_goes_out_or_detaches),
      STEPS(it_is_queued_once_and_then_counted_below_zero),
      STEPS(all_are_released_by_others_before_its_owner_comes_by),
      STEPS(its_owner_goes_on_counting_what_is_queued),
      STEPS(what_is_queued_may_be_brought_back_by_who_counts_it),
      STEPS(garbage_that_was_queued_is_collected),
      THING_TEST(collections_meet_what_is_queued),
      STEPS(thousands_wait_for_one_owner),
      STEPS(a_merged_one_is_counted_by_all),
      STEPS(it_is_unique_to_its_only_holder),
      STEPS(a_finalizer_runs_in_the_thread_that_frees),
      STEPS(a_finalizer_brings_back_what_was_owned),
      STEPS(a_finalizer_brings_back_what_was_queued),
      STEPS(a_finalizer_brings_back_what_was_merged),
      STEPS(a_finalizer_brings_back_what_a_gone_thread_owned),
      STEPS(a_finalizer_in_a_collection_brings_back_what_others_made),
      STEPS(a_finalizer_with_a_section_keeps_none_of_a_thread_that_goes_out),
      STEPS(trying_takes_a_reference_in_every_state),
      THING_TEST(a_cache_never_gives_what_has_gone),
      THING_TEST(either_the_upgrade_gets_it_or_it_is_gone),
      STEPS(another_drops_a_long_chain_on_a_small_stack),
      STEPS(a_long_chain_of_merged_links),
      STEPS(a_chain_of_two_owners),
      THING_TEST(two_threads_drop_deep_structures_at_once),
      STEPS(an_immortal_one_is_counted_by_nobody),
      STEPS(the_counts_of_a_deferred_one_add_up),
      STEPS(what_a_gone_thread_counted_of_a_deferred_one_stays),
      STEPS(a_deferred_one_that_comes_back_is_owned_by_who_collects),
      STEPS(numbers_of_deferred_ones_are_used_again),
      cmocka_unit_test(what_others_hold_too_often_is_immortal),
      cmocka_unit_test(what_others_release_too_often_is_never_freed_too_early),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
