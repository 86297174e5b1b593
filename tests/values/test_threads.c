/* tests/values/test_threads.c - weak maps, weak sets and finalizers of others in the hands of several threads at once: what one finds
 * is alive and right, what all did adds up, a walk shows what was there the whole time just once, and a finalizer runs once, whoever
 * is first.
 *
 * usage: test_values_threads [SEED]
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka, threads. */
#include "values/tables.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 4, NAMES = 64, SLOTS = 96 };

/* ---------------------------------------------------------------- things: objects that know whether they live */

enum { ALIVE = 0x600d, GONE = 0xdead };

typedef struct thing {
  ouro_object base;
  void *other;
  atomic_uint state; /* ALIVE until it is released */
  uint32_t number;
} thing;

static atomic_long alive;

static void thing_goes(void *self) {
  TEST_CHECK(atomic_exchange(&((thing *)self)->state, GONE) == ALIVE);
  alive--;
}

static ouro_type thing_type = {
    .name = "thing", .size = sizeof(thing), .references = OURO_REFERENCES(offsetof(thing, other)), .release = thing_goes};

static thing *thing_new(size_t number) {
  thing *made = ouro_borrow(ouro_new(&thing_type));
  TEST_CHECK(made != NULL);
  made->number = (uint32_t)number;
  alive++;
  atomic_store(&made->state, ALIVE);
  return made;
}

/* One that is in a cycle with itself: it dies in a collection. */
static thing *ring_new(size_t number) {
  thing *made = thing_new(number);
  ouro_setref(&made->other, made);
  return made;
}

/* It lives, and is the one that it should be. */
static void check_thing(const thing *it, size_t number) {
  TEST_CHECK(ouro_type_of(it) == &thing_type && atomic_load(&it->state) == ALIVE && it->number == number);
}

/* ---------------------------------------------------------------- threads */

static uint64_t seed = 1;

typedef struct crew crew;
typedef struct member {
  crew *crew;
  size_t index;
  test_rng rng;
  pthread_t thread;
} member;

/* Threads that do the same thing, beginning together. */
struct crew {
  void (*body)(member *self);
  void *arg;
  pthread_barrier_t barrier;
  member members[THREADS];
};

/* All threads wait for each other: the last one goes on first. */
static void meet(crew *all) {
  ouro_blocking_begin();
  pthread_barrier_wait(&all->barrier);
  ouro_blocking_end();
}

static void *work(void *arg) {
  member *self = arg;
  meet(self->crew);
  self->crew->body(self);
  return NULL;
}

static void run_crew(void (*body)(member *self), void *arg) {
  crew all = {.body = body, .arg = arg};
  TEST_CHECK(pthread_barrier_init(&all.barrier, NULL, THREADS) == 0);
  for (size_t i = 0; i < THREADS; i++) {
    all.members[i] = (member){.crew = &all, .index = i, .rng = {seed + i}};
    TEST_CHECK(pthread_create(&all.members[i].thread, NULL, work, &all.members[i]) == 0);
  }
  ouro_blocking_begin();
  for (size_t i = 0; i < THREADS; i++) {
    pthread_join(all.members[i].thread, NULL);
  }
  ouro_blocking_end();
  pthread_barrier_destroy(&all.barrier);
}

static size_t below(member *self, size_t limit) { return test_below(&self->rng, limit); }

/* Nothing that was made lives on. */
static void nothing_is_left(void) {
  ouro_safepoint();
  TEST_CHECK(ouro_gc_collect(2) >= 0);
  TEST_CHECK(ouro_gc_collect(2) >= 0);
  assert_int_equal(atomic_load(&alive), 0);
  OBJECTS_ARE_SOUND();
}

/* ---------------------------------------------------------------- objects that threads hand to each other */

static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
static thing *slots[SLOTS]; /* owned, or NULL; `guard` is held to look */

/* A new reference to what is in a slot. */
static thing *slot_get(size_t at) {
  pthread_mutex_lock(&guard);
  thing *it = ouro_borrow(ouro_xnewref(slots[at]));
  pthread_mutex_unlock(&guard);
  return it;
}

/* Put an object there, stolen, or nothing; what was there dies, if nobody else holds it, in this thread. */
static void slot_put(size_t at, thing *it) {
  pthread_mutex_lock(&guard);
  thing *before = slots[at];
  slots[at] = it;
  pthread_mutex_unlock(&guard);
  ouro_xdecref(ouro_adopt(before));
}

static void slots_empty(void) {
  for (size_t i = 0; i < SLOTS; i++) {
    slot_put(i, NULL);
  }
}

/* ---------------------------------------------------------------- all functions at once */

typedef struct all_kinds {
  ouro_weak_set *set;
  ouro_weak_keys *keys; /* a key's value has the same number */
  ouro_weak_values *values; /* a name leads to an object of that number, modulo NAMES */
  size_t steps;
} all_kinds;

static int see_member(void *object, void *arg) {
  (void)arg;
  check_thing(object, ((thing *)object)->number);
  return 0;
}

static int see_key(void *key, void *value, void *arg) {
  (void)arg;
  check_thing(key, ((thing *)key)->number);
  check_thing(value, ((thing *)key)->number);
  return 0;
}

static int see_name(const void *name, size_t length, void *value, void *arg) {
  uint32_t number = 0;
  (void)arg;
  TEST_CHECK(length == sizeof number);
  memcpy(&number, name, sizeof number);
  TEST_CHECK(((thing *)value)->number % NAMES == number);
  check_thing(value, ((thing *)value)->number);
  return 0;
}

static void use_set(member *self, const all_kinds *it, thing *object) {
  switch (below(self, 8)) {
  case 0:
  case 1:
  case 2:
    TEST_CHECK(ouro_weak_set_add(it->set, object) == OURO_OK);
    break;
  case 3:
  case 4:
    ouro_weak_set_remove(it->set, object);
    break;
  case 5:
    ouro_weak_set_has(it->set, object);
    break;
  case 6:
    TEST_CHECK(ouro_weak_set_count(it->set) < 100000);
    break;
  default:
    if (below(self, 8) == 0) {
      TEST_CHECK(ouro_weak_set_each(it->set, see_member, NULL) == OURO_OK);
    } else if (below(self, 40) == 0) {
      ouro_weak_set_clear(it->set);
    }
  }
}

static void use_keys(member *self, const all_kinds *it, thing *key) {
  switch (below(self, 8)) {
  case 0:
  case 1:
  case 2: {
    thing *value = thing_new(key->number);
    TEST_CHECK(ouro_weak_keys_set(it->keys, key, value) == OURO_OK);
    drop(value);
    break;
  }
  case 3:
    ouro_weak_keys_remove(it->keys, key);
    break;
  case 4:
  case 5:
  case 6: {
    ouro_ref value = OURO_NULL;
    if (ouro_weak_keys_get(it->keys, key, &value)) {
      check_thing(ouro_borrow(value), key->number);
      ouro_decref(value);
    }
    break;
  }
  default:
    if (below(self, 8) == 0) {
      TEST_CHECK(ouro_weak_keys_each(it->keys, see_key, NULL) == OURO_OK);
    } else if (below(self, 40) == 0) {
      ouro_weak_keys_clear(it->keys);
    }
  }
}

static void use_values(member *self, const all_kinds *it, thing *object) {
  uint32_t name = object->number % NAMES;
  switch (below(self, 8)) {
  case 0:
  case 1:
  case 2:
    TEST_CHECK(ouro_weak_values_set(it->values, &name, sizeof name, object) == OURO_OK);
    break;
  case 3:
    ouro_weak_values_remove(it->values, &name, sizeof name);
    break;
  case 4:
  case 5:
  case 6: {
    ouro_ref value = ouro_weak_values_get(it->values, &name, sizeof name);
    if (ouro_borrow(value) != NULL) {
      TEST_CHECK(((thing *)ouro_borrow(value))->number % NAMES == name);
      check_thing(ouro_borrow(value), ((thing *)ouro_borrow(value))->number);
      ouro_decref(value);
    }
    break;
  }
  default:
    if (below(self, 8) == 0) {
      TEST_CHECK(ouro_weak_values_each(it->values, see_name, NULL) == OURO_OK);
    } else if (below(self, 40) == 0) {
      ouro_weak_values_clear(it->values);
    }
  }
}

/* Objects are made in one thread and die in any other, by count and by collection. Attached first: a thread that attaches with `guard` held
 * may wait until the world goes on, for which others must not wait for `guard`. */
static void use_all(member *self) {
  const all_kinds *it = self->crew->arg;
  TEST_CHECK(ouro_thread_attach() == OURO_OK);
  for (size_t i = 0; i < it->steps; i++) {
    size_t at = below(self, SLOTS);
    if (below(self, 3) == 0) {
      slot_put(at, below(self, 6) == 0 ? ring_new(i) : thing_new(i));
    }
    thing *object = slot_get(at);
    if (object != NULL) {
      use_set(self, it, object);
      use_keys(self, it, object);
      use_values(self, it, object);
      drop(object);
    }
    ouro_safepoint();
    if (below(self, 2000) == 0) {
      TEST_CHECK(ouro_gc_collect((int)below(self, OURO_GENERATIONS)) >= 0);
    }
  }
}

static void everything_at_once(void **state) {
  (void)state;
  all_kinds it = {ouro_borrow(ouro_weak_set_new()), ouro_borrow(ouro_weak_keys_new()), ouro_borrow(ouro_weak_values_new()),
                  test_count(20000, 2000)};
  run_crew(use_all, &it);
  TABLE_IS_VALID(it.set);
  TABLE_IS_VALID(it.keys);
  TABLE_IS_VALID(it.values);
  slots_empty();
  ouro_safepoint();
  ouro_gc_collect(2);
  assert_int_equal(ouro_weak_set_count(it.set) + ouro_weak_keys_count(it.keys) + ouro_weak_values_count(it.values), 0);
  drop(it.set);
  drop(it.keys);
  drop(it.values);
  nothing_is_left();
}

/* ---------------------------------------------------------------- what adds up */

enum { SHARED = 48 };

typedef struct tug {
  ouro_weak_set *set;
  ouro_weak_keys *keys;
  ouro_weak_values *values;
  thing *things[SHARED];
  atomic_int removed[3];
  size_t rounds;
} tug;

/* All add and remove the same objects at the same time: of those who remove one, one is told so. */
static void pull(member *self) {
  tug *it = self->crew->arg;
  for (size_t round = 0; round < it->rounds; round++) {
    for (size_t i = 0; i < SHARED; i++) {
      uint32_t name = (uint32_t)i;
      TEST_CHECK(ouro_weak_set_add(it->set, it->things[i]) == OURO_OK);
      TEST_CHECK(ouro_weak_keys_set(it->keys, it->things[i], it->things[i == 0]) == OURO_OK);
      TEST_CHECK(ouro_weak_values_set(it->values, &name, sizeof name, it->things[i]) == OURO_OK);
    }
    meet(self->crew);
    TEST_CHECK(ouro_weak_set_count(it->set) == SHARED && ouro_weak_keys_count(it->keys) == SHARED);
    TEST_CHECK(ouro_weak_values_count(it->values) == SHARED);
    meet(self->crew);
    for (size_t i = 0; i < SHARED; i++) {
      uint32_t name = (uint32_t)i;
      it->removed[0] += ouro_weak_set_remove(it->set, it->things[i]);
      it->removed[1] += ouro_weak_keys_remove(it->keys, it->things[i]);
      it->removed[2] += ouro_weak_values_remove(it->values, &name, sizeof name);
    }
    meet(self->crew);
  }
}

static void each_is_added_once_and_removed_once(void **state) {
  (void)state;
  tug it = {.set = ouro_borrow(ouro_weak_set_new()),
            .keys = ouro_borrow(ouro_weak_keys_new()),
            .values = ouro_borrow(ouro_weak_values_new()),
            .rounds = test_count(400, 50)};
  for (size_t i = 0; i < SHARED; i++) {
    it.things[i] = thing_new(i);
  }
  run_crew(pull, &it);
  for (size_t i = 0; i < 3; i++) {
    assert_int_equal(it.removed[i], it.rounds * SHARED);
  }
  for (size_t i = 0; i < SHARED; i++) {
    assert_int_equal(ouro_weak_count(it.things[i]), 0);
    drop(it.things[i]);
  }
  drop(it.set);
  drop(it.keys);
  drop(it.values);
  nothing_is_left();
}

/* ---------------------------------------------------------------- a model for each thread */

enum { OWN = 40 };

/* Each thread has members and names of its own in containers that all share: there it finds just what it put there. */
static void keep_own(member *self) {
  const all_kinds *it = self->crew->arg;
  thing *own[OWN] = {NULL};
  bool in_set[OWN] = {false}, named[OWN] = {false};
  size_t mapped[OWN] = {0}; /* the number of the value; 0: none */
  for (size_t step = 1; step <= it->steps; step++) {
    size_t at = below(self, OWN);
    uint32_t name[2] = {(uint32_t)self->index, (uint32_t)at};
    if (own[at] == NULL || below(self, 10) == 0) {
      if (own[at] != NULL) {
        drop(own[at]); /* the entries go with it, at once: it is this thread's alone */
      }
      own[at] = thing_new(step);
      in_set[at] = named[at] = false;
      mapped[at] = 0;
    }
    thing *mine = own[at];
    TEST_CHECK(ouro_weak_set_has(it->set, mine) == in_set[at]);
    ouro_ref found = OURO_NULL;
    TEST_CHECK(ouro_weak_keys_get(it->keys, mine, &found) == (mapped[at] != 0));
    if (ouro_borrow(found) != NULL) {
      check_thing(ouro_borrow(found), mapped[at]);
      ouro_decref(found);
    }
    found = ouro_weak_values_get(it->values, name, sizeof name);
    TEST_CHECK(ouro_borrow(found) == (named[at] ? mine : NULL));
    ouro_xdecref(found);
    switch (below(self, 6)) {
    case 0:
      TEST_CHECK(ouro_weak_set_add(it->set, mine) == OURO_OK);
      in_set[at] = true;
      break;
    case 1:
      TEST_CHECK(ouro_weak_set_remove(it->set, mine) == in_set[at]);
      in_set[at] = false;
      break;
    case 2: {
      thing *value = thing_new(step);
      TEST_CHECK(ouro_weak_keys_set(it->keys, mine, value) == OURO_OK);
      drop(value);
      mapped[at] = step;
      break;
    }
    case 3:
      TEST_CHECK(ouro_weak_keys_remove(it->keys, mine) == (mapped[at] != 0));
      mapped[at] = 0;
      break;
    case 4:
      TEST_CHECK(ouro_weak_values_set(it->values, name, sizeof name, mine) == OURO_OK);
      named[at] = true;
      break;
    default:
      TEST_CHECK(ouro_weak_values_remove(it->values, name, sizeof name) == named[at]);
      named[at] = false;
    }
    ouro_safepoint();
  }
  for (size_t i = 0; i < OWN; i++) {
    ouro_xdecref(ouro_adopt(own[i]));
  }
}

static void each_thread_finds_what_it_put_there(void **state) {
  (void)state;
  all_kinds it = {ouro_borrow(ouro_weak_set_new()), ouro_borrow(ouro_weak_keys_new()), ouro_borrow(ouro_weak_values_new()),
                  test_count(40000, 4000)};
  run_crew(keep_own, &it);
  ouro_safepoint();
  ouro_gc_collect(2);
  assert_int_equal(ouro_weak_set_count(it.set) + ouro_weak_keys_count(it.keys) + ouro_weak_values_count(it.values), 0);
  TABLE_IS_VALID(it.set);
  TABLE_IS_VALID(it.keys);
  TABLE_IS_VALID(it.values);
  drop(it.set);
  drop(it.keys);
  drop(it.values);
  nothing_is_left();
}

/* ---------------------------------------------------------------- a cache that all fill */

/* What a name leads to is made again where it has died. Never are there two that both are found. */
static void fill_cache(member *self) {
  const all_kinds *it = self->crew->arg;
  thing *held[8] = {NULL};
  for (size_t i = 0; i < it->steps; i++) {
    uint32_t name = (uint32_t)below(self, NAMES);
    thing *found = ouro_borrow(ouro_weak_values_get(it->values, &name, sizeof name));
    if (found == NULL) {
      found = thing_new(name);
      TEST_CHECK(ouro_weak_values_set(it->values, &name, sizeof name, found) == OURO_OK);
    }
    check_thing(found, name);
    size_t at = below(self, 8);
    ouro_xdecref(ouro_adopt(held[at]));
    held[at] = found;
    ouro_safepoint();
  }
  for (size_t i = 0; i < 8; i++) {
    ouro_xdecref(ouro_adopt(held[i]));
  }
}

static void a_cache_that_all_fill(void **state) {
  (void)state;
  all_kinds it = {.values = ouro_borrow(ouro_weak_values_new()), .steps = test_count(50000, 4000)};
  run_crew(fill_cache, &it);
  ouro_safepoint();
  assert_int_equal(ouro_weak_values_count(it.values), 0);
  TABLE_IS_VALID(it.values);
  drop(it.values);
  nothing_is_left();
}

/* ---------------------------------------------------------------- the container goes while its members die */

enum { FAMILY = 60 };

typedef struct death {
  void *container[3];
  thing *members[THREADS][FAMILY];
  size_t rounds;
} death;

static void fill_containers(death *it) {
  it->container[0] = ouro_borrow(ouro_weak_set_new());
  it->container[1] = ouro_borrow(ouro_weak_keys_new());
  it->container[2] = ouro_borrow(ouro_weak_values_new());
  for (size_t i = 0; i < THREADS * FAMILY; i++) {
    thing *one = thing_new(i);
    thing *value = thing_new(i);
    TEST_CHECK(ouro_weak_set_add(it->container[0], one) == OURO_OK);
    TEST_CHECK(ouro_weak_keys_set(it->container[1], one, value) == OURO_OK);
    TEST_CHECK(ouro_weak_values_set(it->container[2], &i, sizeof i, one) == OURO_OK);
    drop(value);
    it->members[i / FAMILY][i % FAMILY] = one;
  }
}

static void let_die(member *self) {
  death *it = self->crew->arg;
  for (size_t round = 0; round < it->rounds; round++) {
    if (self->index == round % THREADS) {
      fill_containers(it);
    }
    meet(self->crew);
    size_t others = (self->index + round) % THREADS; /* not always the maker's own */
    for (size_t i = 0; i < FAMILY; i++) {
      if (self->index < 3 && i == FAMILY / 2) {
        drop(it->container[self->index]);
      }
      drop(it->members[others][i]);
    }
    meet(self->crew);
  }
}

static void a_container_goes_while_its_members_die(void **state) {
  (void)state;
  death it = {.rounds = test_count(300, 30)};
  run_crew(let_die, &it);
  nothing_is_left();
}

/* ---------------------------------------------------------------- walks */

enum { STEADY = 64 };

typedef struct stage {
  ouro_weak_set *set;
  ouro_weak_keys *keys;
  ouro_weak_values *values;
  thing *steady[STEADY]; /* numbers 0 to STEADY - 1; in all three containers the whole time */
  atomic_bool done;
  size_t walks;
} stage;

static void note_seen(void *arg, const thing *it) {
  check_thing(it, it->number);
  if (it->number < STEADY) {
    ((uint8_t *)arg)[it->number]++;
  }
  if (it->number % 8 == 0) {
    ouro_safepoint();
  }
}

static int see_steady(void *object, void *arg) {
  note_seen(arg, object);
  return 0;
}

static int see_steady_key(void *key, void *value, void *arg) {
  note_seen(arg, key);
  check_thing(value, ((thing *)key)->number);
  return 0;
}

static int see_steady_name(const void *name, size_t length, void *value, void *arg) {
  size_t number = 0;
  TEST_CHECK(length == sizeof number);
  memcpy(&number, name, length);
  check_thing(value, number);
  note_seen(arg, value);
  return memcmp(name, &number, sizeof number) != 0; /* it is readable still */
}

static void put_everywhere(stage *it, thing *one) {
  size_t number = one->number;
  thing *value = thing_new(number);
  TEST_CHECK(ouro_weak_set_add(it->set, one) == OURO_OK);
  TEST_CHECK(ouro_weak_keys_set(it->keys, one, value) == OURO_OK);
  TEST_CHECK(ouro_weak_values_set(it->values, &number, sizeof number, one) == OURO_OK);
  drop(value);
}

static void remove_everywhere(stage *it, thing *one) {
  size_t number = one->number;
  TEST_CHECK(ouro_weak_set_remove(it->set, one) && ouro_weak_keys_remove(it->keys, one));
  TEST_CHECK(ouro_weak_values_remove(it->values, &number, sizeof number));
}

/* Others come and go around those that stay: tables are packed, grow and shrink. */
static void come_and_go(member *self, stage *it) {
  thing *passing[200] = {NULL};
  size_t number = STEADY + 1000000 * self->index;
  while (!atomic_load(&it->done)) {
    size_t at = below(self, below(self, 10) == 0 ? 200 : 20);
    if (passing[at] != NULL) {
      if (below(self, 2) == 0) {
        remove_everywhere(it, passing[at]);
      }
      drop(passing[at]);
      passing[at] = NULL;
    } else {
      put_everywhere(it, passing[at] = thing_new(++number));
    }
    ouro_safepoint();
  }
  for (size_t i = 0; i < 200; i++) {
    ouro_xdecref(ouro_adopt(passing[i]));
  }
}

static void all_seen_once(const uint8_t seen[STEADY]) {
  for (size_t i = 0; i < STEADY; i++) {
    TEST_CHECK(seen[i] == 1);
  }
}

static void walk_often(stage *it) {
  for (size_t i = 0; i < it->walks; i++) {
    uint8_t seen[3][STEADY] = {{0}};
    TEST_CHECK(ouro_weak_set_each(it->set, see_steady, seen[0]) == OURO_OK);
    TEST_CHECK(ouro_weak_keys_each(it->keys, see_steady_key, seen[1]) == OURO_OK);
    TEST_CHECK(ouro_weak_values_each(it->values, see_steady_name, seen[2]) == OURO_OK);
    for (size_t kind = 0; kind < 3; kind++) {
      all_seen_once(seen[kind]);
    }
  }
}

static void walk_or_change(member *self) {
  stage *it = self->crew->arg;
  if (self->index < 2) {
    walk_often(it);
    atomic_store(&it->done, true);
  } else {
    come_and_go(self, it);
  }
}

static void a_walk_shows_what_is_there_all_the_time_once(void **state) {
  (void)state;
  stage it = {.set = ouro_borrow(ouro_weak_set_new()),
              .keys = ouro_borrow(ouro_weak_keys_new()),
              .values = ouro_borrow(ouro_weak_values_new()),
              .walks = test_count(500, 40)};
  for (size_t i = 0; i < STEADY; i++) {
    put_everywhere(&it, it.steady[i] = thing_new(i));
  }
  run_crew(walk_or_change, &it);
  ouro_safepoint();
  assert_int_equal(ouro_weak_set_count(it.set), STEADY);
  for (size_t i = 0; i < STEADY; i++) {
    drop(it.steady[i]);
  }
  TABLE_IS_VALID(it.set);
  drop(it.set);
  drop(it.keys);
  drop(it.values);
  nothing_is_left();
}

/* The name that is shown to one thread goes in another one, and so does its walk, in any order. */
static int look_long_at_name(const void *name, size_t length, void *value, void *arg) {
  char before[32];
  member *self = arg;
  const all_kinds *it = self->crew->arg;
  (void)value;
  TEST_CHECK(length == sizeof before);
  memcpy(before, name, length);
  if (below(self, 2) == 0) {
    ouro_weak_values_remove(it->values, name, length);
  } else if (below(self, 4) == 0) {
    ouro_weak_values_clear(it->values);
  }
  for (int i = 0; i < 10; i++) {
    TEST_CHECK(memcmp(name, before, length) == 0);
  }
  return below(self, 4) == 0;
}

static void show_names(member *self) {
  const all_kinds *it = self->crew->arg;
  thing *mine = thing_new(0);
  for (size_t i = 0; i < it->steps; i++) {
    char name[32];
    memset(name, 'a' + (int)below(self, 6), sizeof name);
    TEST_CHECK(ouro_weak_values_set(it->values, name, sizeof name, mine) == OURO_OK);
    int code = ouro_weak_values_each(it->values, look_long_at_name, self);
    TEST_CHECK(code == OURO_OK || code == OURO_ESTOP);
  }
  drop(mine);
}

static void a_name_stays_readable_while_several_threads_show_it(void **state) {
  (void)state;
  all_kinds it = {.values = ouro_borrow(ouro_weak_values_new()), .steps = test_count(20000, 1000)};
  run_crew(show_names, &it);
  ouro_safepoint();
  assert_int_equal(ouro_weak_values_count(it.values), 0);
  TABLE_IS_VALID(it.values);
  drop(it.values);
  nothing_is_left();
}

/* ---------------------------------------------------------------- finalizers */

enum { FINALIZERS = 64 };

typedef struct race {
  thing *objects[FINALIZERS];
  ouro_finalizer *finalizers[FINALIZERS];
  atomic_int runs[FINALIZERS];
  atomic_int called[FINALIZERS], detached[FINALIZERS];
  size_t rounds;
} race;

static void count_run(void *data, void *held) {
  ++*(atomic_int *)data;
  check_thing(held, 7);
}

static void make_finalizers(race *it) {
  for (size_t i = 0; i < FINALIZERS; i++) {
    thing *held = thing_new(7);
    it->objects[i] = thing_new(i);
    it->finalizers[i] = ouro_borrow(ouro_finalize(it->objects[i], count_run, &it->runs[i], held));
    TEST_CHECK(it->finalizers[i] != NULL);
    it->runs[i] = it->called[i] = it->detached[i] = 0;
    drop(held);
  }
}

static void check_finalizers(race *it) {
  for (size_t i = 0; i < FINALIZERS; i++) {
    TEST_CHECK(it->runs[i] + it->detached[i] == 1 && it->called[i] <= it->runs[i]);
    TEST_CHECK(!ouro_finalizer_is_alive(it->finalizers[i]));
    TEST_CHECK(ouro_borrow(ouro_finalizer_peek(it->finalizers[i])) == NULL);
    drop(it->finalizers[i]);
  }
}

/* One drops the objects, one calls, one detaches, one looks and runs those that are to run at exit. */
static void race_one(member *self, race *it, size_t i, size_t role) {
  ouro_finalizer *finalizer = it->finalizers[i];
  if (role == 0) {
    drop(it->objects[i]);
  } else if (role == 1) {
    it->called[i] += ouro_finalizer_call(finalizer);
  } else if (role == 2) {
    it->detached[i] += ouro_finalizer_detach(finalizer);
  } else {
    ouro_ref object = ouro_finalizer_peek(finalizer);
    if (ouro_borrow(object) != NULL) {
      check_thing(ouro_borrow(object), i);
    }
    ouro_xdecref(object);
    ouro_finalizer_set_atexit(finalizer, below(self, 2) == 0);
    (void)ouro_finalizer_atexit(finalizer);
    if (below(self, 16) == 0) {
      ouro_finalizers_run();
    }
  }
}

static void race_finalizers(member *self) {
  race *it = self->crew->arg;
  for (size_t round = 0; round < it->rounds; round++) {
    if (self->index == round % THREADS) {
      make_finalizers(it);
    }
    meet(self->crew);
    for (size_t i = 0; i < FINALIZERS; i++) {
      race_one(self, it, i, (self->index + round + i) % THREADS);
    }
    ouro_safepoint();
    meet(self->crew);
    ouro_safepoint(); /* an object that another thread released last dies here, in the thread that made it */
    meet(self->crew);
    if (self->index == 0) {
      check_finalizers(it);
    }
    meet(self->crew);
  }
}

static void a_finalizer_runs_once(void **state) {
  (void)state;
  static race it;
  it.rounds = test_count(300, 30);
  run_crew(race_finalizers, &it);
  nothing_is_left();
}

static atomic_int ran;

static void count_and_add(void *data, void *held) {
  (void)data;
  (void)held;
  ran++;
}

/* All add, and all run all, at the same time. */
static void run_all(member *self) {
  thing *mine = thing_new(self->index);
  size_t *made = self->crew->arg;
  for (size_t i = 0; i < made[0]; i++) {
    drop(ouro_borrow(ouro_finalize(mine, count_and_add, NULL, NULL)));
    if (below(self, 8) == 0) {
      ouro_finalizers_run();
    }
  }
  ouro_finalizers_run();
  drop(mine);
}

static void several_threads_run_all(void **state) {
  (void)state;
  size_t made = test_count(20000, 1000);
  ran = 0;
  run_crew(run_all, &made);
  assert_int_equal(ran, made * THREADS);
  nothing_is_left();
}

/* ---------------------------------------------------------------- fork */

typedef struct forking {
  all_kinds kinds;
  atomic_bool done;
  size_t forks;
} forking;

/* A child has the containers and the registry of finalizers for itself, whatever the other threads were doing with them. */
static void use_in_child(void *arg) {
  const forking *it = arg;
  thing *mine = thing_new(0);
  ran = 0;
  ouro_finalizer *first = ouro_borrow(ouro_finalize(mine, count_and_add, NULL, NULL));
  drop(ouro_borrow(ouro_finalize(mine, count_and_add, NULL, NULL)));
  TEST_CHECK(ouro_finalizer_call(first) && ran == 1);
  TEST_CHECK(ouro_weak_set_add(it->kinds.set, mine) == OURO_OK && ouro_weak_set_has(it->kinds.set, mine));
  TEST_CHECK(ouro_weak_keys_set(it->kinds.keys, mine, mine) == OURO_OK && ouro_weak_keys_remove(it->kinds.keys, mine));
  TEST_CHECK(ouro_weak_values_set(it->kinds.values, "mine", 4, mine) == OURO_OK);
  drop(mine);
  TEST_CHECK(ran == 2);
  TEST_CHECK(ouro_borrow(ouro_weak_values_get(it->kinds.values, "mine", 4)) == NULL);
  TABLE_IS_VALID(it->kinds.set);
  TABLE_IS_VALID(it->kinds.keys);
  TABLE_IS_VALID(it->kinds.values);
  drop(first);
}

static void fork_or_use(member *self) {
  forking *it = self->crew->arg;
  if (self->index == 0) {
    for (size_t i = 0; i < it->forks; i++) {
      test_result result = test_in_child(use_in_child, it, 60);
      TEST_CHILD_PASSED(&result);
    }
    atomic_store(&it->done, true);
  }
  while (!atomic_load(&it->done)) {
    thing *one = thing_new(self->index);
    drop(ouro_borrow(ouro_finalize(one, count_and_add, NULL, NULL)));
    TEST_CHECK(ouro_weak_set_add(it->kinds.set, one) == OURO_OK);
    TEST_CHECK(ouro_weak_keys_set(it->kinds.keys, one, NULL) == OURO_OK);
    TEST_CHECK(ouro_weak_values_set(it->kinds.values, &self->index, sizeof self->index, one) == OURO_OK);
    drop(one);
    ouro_safepoint();
  }
}

static void a_child_can_use_all(void **state) {
  (void)state;
  forking it = {.kinds = {ouro_borrow(ouro_weak_set_new()), ouro_borrow(ouro_weak_keys_new()), ouro_borrow(ouro_weak_values_new()), 0},
                .forks = test_count(50, 10)};
  run_crew(fork_or_use, &it);
  ouro_safepoint();
  drop(it.kinds.set);
  drop(it.kinds.keys);
  drop(it.kinds.values);
  nothing_is_left();
}

int main(int argc, char **argv) {
  if (argc == 2) {
    seed = strtoull(argv[1], NULL, 10);
  }
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(everything_at_once),
      OBJECT_TEST(each_is_added_once_and_removed_once),
      OBJECT_TEST(each_thread_finds_what_it_put_there),
      OBJECT_TEST(a_cache_that_all_fill),
      OBJECT_TEST(a_container_goes_while_its_members_die),
      OBJECT_TEST(a_walk_shows_what_is_there_all_the_time_once),
      OBJECT_TEST(a_name_stays_readable_while_several_threads_show_it),
      OBJECT_TEST(a_finalizer_runs_once),
      OBJECT_TEST(several_threads_run_all),
      OBJECT_TEST(a_child_can_use_all),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
