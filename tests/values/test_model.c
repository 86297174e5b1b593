/* tests/values/test_model.c - random programs on a weak set, a map by key and a map by value at once, beside a model of what
 * should be in them: objects are made, linked into cycles, dropped and collected; entries come and go; walks do all that again
 * within themselves. In builds with the fault twin, every other program is one in which allocations fail: what fails says so, and
 * has changed nothing.
 *
 * usage: test_values_model [PROGRAMS [SEED]]
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka. */
#include "values/tables.h"

#include "heap/heap.h"

enum { SLOTS = 24, NAMES = 12, ENTRIES = 256, STEPS = 150, DEPTH = 3, MOST_OBJECTS = 4096 };

/* ---------------------------------------------------------------- objects that are numbered, and whose death is known */

typedef struct actor {
  cell cell;
  size_t id;
} actor;

static bool dead[MOST_OBJECTS];
static size_t made;

static void actor_goes(void *self) { dead[((actor *)self)->id] = true; }

static ouro_type actor_type = {.name = "actor", .size = sizeof(actor), .base = &cell_type, .release = actor_goes};

/* ---------------------------------------------------------------- the model */

/* An entry: of the set, key alone; of the map by value, key is a name. */
typedef struct entry {
  size_t key, value;
  size_t serial; /* when it was added */
} entry;

#define NOTHING SIZE_MAX

typedef struct model {
  entry entries[ENTRIES]; /* in the order of adding; those of the dead may be among them */
  size_t count;
  bool member_is_value;
} model;

static size_t serial;

static bool is_gone(const model *it, const entry *one) { return dead[it->member_is_value ? one->value : one->key]; }

static void tidy(model *it) {
  size_t count = 0;
  for (size_t i = 0; i < it->count; i++) {
    if (!is_gone(it, &it->entries[i])) {
      it->entries[count++] = it->entries[i];
    }
  }
  it->count = count;
}

static entry *find(model *it, size_t key) {
  tidy(it);
  for (size_t i = 0; i < it->count; i++) {
    if (it->entries[i].key == key) {
      return &it->entries[i];
    }
  }
  return NULL;
}

static entry *find_serial(model *it, size_t number) {
  tidy(it);
  for (size_t i = 0; i < it->count; i++) {
    if (it->entries[i].serial == number) {
      return &it->entries[i];
    }
  }
  return NULL;
}

static void put(model *it, size_t key, size_t value) {
  entry *there = find(it, key);
  if (there != NULL) {
    there->value = value;
    return;
  }
  TEST_CHECK(it->count < ENTRIES);
  it->entries[it->count++] = (entry){key, value, ++serial};
}

static bool take_away(model *it, size_t key) {
  entry *there = find(it, key);
  if (there == NULL) {
    return false;
  }
  size_t at = (size_t)(there - it->entries);
  memmove(there, there + 1, (--it->count - at) * sizeof *there);
  return true;
}

/* ---------------------------------------------------------------- the world */

static struct {
  test_rng rng;
  actor *slots[SLOTS]; /* owned, or NULL */
  ouro_weak_set *set;
  ouro_weak_keys *keys;
  ouro_weak_values *values;
  model of_set, of_keys, of_values;
  size_t walks, shown, failures;
  bool with_faults;
} world;

static size_t below(size_t limit) { return test_below(&world.rng, limit); }
static actor *any(void) { return world.slots[below(SLOTS)]; }
static size_t id_of(const actor *one) { return one != NULL ? one->id : NOTHING; }

static void make_name(size_t number, char name[16], size_t *length) {
  *length = (size_t)snprintf(name, 16, "%.*s%zu", (int)(number % 7), "abcdefg", number);
}

/* ---------------------------------------------------------------- allocations that fail */

#ifdef OURO_FAULTS
/* For the next step. */
static void plan_faults(void) {
  if (world.with_faults && below(3) == 0) {
    ouro__fault_set((long)below(5) + 1, below(2) == 0);
  }
}

static void stop_faults(void) { ouro__fault_set(0, false); }

/* Is that how a lack of memory is told? */
static bool has_failed(int code) {
  if (code == OURO_OK) {
    return false;
  }
  TEST_CHECK(code == OURO_ENOMEM && ouro__fault_hit());
  world.failures++;
  return true;
}
#else
static void plan_faults(void) {}
static void stop_faults(void) {}
static bool has_failed(int code) {
  TEST_CHECK(code == OURO_OK);
  return false;
}
#endif

/* ---------------------------------------------------------------- single steps, done to the world and to the model */

static void new_containers(void) {
  stop_faults();
  world.set = ouro_borrow(ouro_weak_set_new());
  world.keys = ouro_borrow(ouro_weak_keys_new());
  world.values = ouro_borrow(ouro_weak_values_new());
  TEST_CHECK(world.set != NULL && world.keys != NULL && world.values != NULL);
  world.of_set.count = world.of_keys.count = world.of_values.count = 0;
  world.of_values.member_is_value = true;
}

static void make_actor(void) {
  if (made == MOST_OBJECTS) {
    return;
  }
  actor *one = ouro_borrow(ouro_new(&actor_type));
  if (has_failed(one != NULL ? OURO_OK : OURO_ENOMEM)) {
    return;
  }
  one->id = made++;
  dead[one->id] = false;
  actor **slot = &world.slots[below(SLOTS)];
  void *before = *slot;
  *slot = one;
  if (before != NULL) {
    drop(before);
  }
}

static void change_set(void) {
  actor *one = any();
  if (one == NULL) {
    return;
  }
  if (below(3) > 0) {
    if (!has_failed(ouro_weak_set_add(world.set, one))) {
      put(&world.of_set, one->id, NOTHING);
    }
  } else {
    TEST_CHECK(ouro_weak_set_remove(world.set, one) == take_away(&world.of_set, one->id));
  }
}

/* The model changes before the map does: what is released may walk over both. */
static void change_keys(void) {
  actor *key = any();
  actor *value = any();
  if (key == NULL) {
    return;
  }
  ouro_incref(key); /* what goes may have been all that held it */
  if (below(3) > 0) {
    entry *there = find(&world.of_keys, key->id);
    if (there != NULL) {
      there->value = id_of(value);
      TEST_CHECK(ouro_weak_keys_set(world.keys, key, value) == OURO_OK); /* needs no memory */
    } else if (!has_failed(ouro_weak_keys_set(world.keys, key, value))) {
      put(&world.of_keys, key->id, id_of(value));
    }
  } else {
    bool there = take_away(&world.of_keys, key->id);
    TEST_CHECK(ouro_weak_keys_remove(world.keys, key) == there);
  }
  drop(key);
}

static void change_values(void) {
  char name[16];
  size_t length;
  size_t number = below(NAMES);
  actor *value = any();
  make_name(number, name, &length);
  if (below(3) > 0 && value != NULL) {
    if (!has_failed(ouro_weak_values_set(world.values, name, length, value))) {
      put(&world.of_values, number, value->id);
    }
  } else {
    TEST_CHECK(ouro_weak_values_remove(world.values, name, length) == take_away(&world.of_values, number));
  }
}

static void link_actors(void) {
  actor *from = any();
  actor *to = any();
  if (from != NULL) {
    ouro_setref(below(2) ? &from->cell.a : &from->cell.b, to);
  }
}

/* The containers get into a cycle with whatever reaches that object, perhaps with their own members. */
static void link_container(void) {
  actor *from = any();
  void *containers[] = {NULL, world.set, world.keys, world.values};
  if (from != NULL) {
    ouro_setref(&from->cell.c, containers[below(4)]);
  }
}

static void renew_containers(void) {
  void *before[] = {world.set, world.keys, world.values};
  new_containers();
  for (size_t i = 0; i < 3; i++) {
    drop(before[i]);
  }
}

static void clear_one(void) {
  switch (below(3)) {
  case 0:
    world.of_set.count = 0;
    ouro_weak_set_clear(world.set);
    break;
  case 1:
    world.of_keys.count = 0;
    ouro_weak_keys_clear(world.keys);
    break;
  default:
    world.of_values.count = 0;
    ouro_weak_values_clear(world.values);
    break;
  }
}

static void walk_over_one(size_t depth);

static void step(size_t depth) {
  size_t what = below(100);
  if (what < 24) {
    make_actor();
  } else if (what < 29) {
    size_t at = below(SLOTS);
    DROP(world.slots[at]);
  } else if (what < 40) {
    link_actors();
  } else if (what < 56) {
    change_set();
  } else if (what < 72) {
    change_keys();
  } else if (what < 86) {
    change_values();
  } else if (what < 89) {
    link_container();
  } else if (what < 93) {
    ouro_gc_collect((int)below(3));
  } else if (what < 94) {
    clear_one();
  } else if (what < 95 && depth == 0) {
    renew_containers();
  } else if (depth < DEPTH) {
    walk_over_one(depth);
  }
}

/* ---------------------------------------------------------------- looking: the contents are those of the model */

typedef struct looker {
  model *of;
  size_t at;
} looker;

static void look_at(looker *it, size_t key, size_t value) {
  TEST_CHECK(it->at < it->of->count);
  const entry *expected = &it->of->entries[it->at++];
  TEST_CHECK(expected->key == key && expected->value == value);
}

static size_t number_of(const void *name, size_t length) {
  char copy[16] = {0};
  TEST_CHECK(length < sizeof copy);
  memcpy(copy, name, length);
  return strtoul(copy + strspn(copy, "abcdefg"), NULL, 10);
}

static int look_at_member(void *object, void *arg) {
  look_at(arg, ((actor *)object)->id, NOTHING);
  return 0;
}

static int look_at_pair(void *key, void *value, void *arg) {
  look_at(arg, ((actor *)key)->id, id_of(value));
  return 0;
}

static int look_at_name(const void *name, size_t length, void *value, void *arg) {
  look_at(arg, number_of(name, length), ((actor *)value)->id);
  return 0;
}

static void check_order(void) {
  looker of_set = {&world.of_set, 0};
  looker of_keys = {&world.of_keys, 0};
  looker of_values = {&world.of_values, 0};
  tidy(&world.of_set);
  tidy(&world.of_keys);
  tidy(&world.of_values);
  TEST_CHECK(ouro_weak_set_count(world.set) == world.of_set.count);
  TEST_CHECK(ouro_weak_keys_count(world.keys) == world.of_keys.count);
  TEST_CHECK(ouro_weak_values_count(world.values) == world.of_values.count);
  TEST_CHECK(ouro_weak_set_each(world.set, look_at_member, &of_set) == OURO_OK && of_set.at == world.of_set.count);
  TEST_CHECK(ouro_weak_keys_each(world.keys, look_at_pair, &of_keys) == OURO_OK && of_keys.at == world.of_keys.count);
  TEST_CHECK(ouro_weak_values_each(world.values, look_at_name, &of_values) == OURO_OK &&
             of_values.at == world.of_values.count);
}

static void check_lookups(void) {
  for (size_t i = 0; i < SLOTS; i++) {
    actor *one = world.slots[i];
    ouro_ref value = OURO_NULL;
    if (one == NULL) {
      continue;
    }
    entry *pair = find(&world.of_keys, one->id);
    TEST_CHECK(ouro_weak_set_has(world.set, one) == (find(&world.of_set, one->id) != NULL));
    TEST_CHECK(ouro_weak_keys_get(world.keys, one, &value) == (pair != NULL));
    TEST_CHECK(pair == NULL || id_of(ouro_borrow(value)) == pair->value);
    ouro_xdecref(value);
  }
  for (size_t number = 0; number < NAMES; number++) {
    char name[16];
    size_t length;
    make_name(number, name, &length);
    entry *pair = find(&world.of_values, number);
    ouro_ref value = ouro_weak_values_get(world.values, name, length);
    TEST_CHECK(id_of(ouro_borrow(value)) == (pair != NULL ? pair->value : NOTHING));
    ouro_xdecref(value);
  }
}

static void check_all(void) {
  check_order();
  check_lookups();
  TABLE_IS_VALID(world.set);
  TABLE_IS_VALID(world.keys);
  TABLE_IS_VALID(world.values);
}

/* ---------------------------------------------------------------- walks show what was there and still is, once, in order */

typedef struct walker {
  model *of;
  entry before[ENTRIES];
  size_t count, at, depth;
  bool stop;
} walker;

static int show(walker *it, size_t key, size_t value) {
  while (it->at < it->count && find_serial(it->of, it->before[it->at].serial) == NULL) {
    it->at++;
  }
  TEST_CHECK(it->at < it->count);
  const entry *now = find_serial(it->of, it->before[it->at++].serial);
  TEST_CHECK(now->key == key && now->value == value);
  world.shown++;
  for (size_t steps = below(4); steps > 0; steps--) {
    step(it->depth + 1);
  }
  it->stop = below(40) == 0;
  return it->stop;
}

static int show_member(void *object, void *arg) { return show(arg, ((actor *)object)->id, NOTHING); }

static int show_pair(void *key, void *value, void *arg) { return show(arg, ((actor *)key)->id, id_of(value)); }

static int show_name(const void *name, size_t length, void *value, void *arg) {
  size_t number = number_of(name, length);
  int stop = show(arg, number, ((actor *)value)->id);
  TEST_CHECK(number_of(name, length) == number); /* the name is still to be read */
  return stop;
}

static void walk_over_one(size_t depth) {
  model *models[] = {&world.of_set, &world.of_keys, &world.of_values};
  size_t which = below(3);
  walker it = {.of = models[which], .depth = depth};
  tidy(it.of);
  it.count = it.of->count;
  memcpy(it.before, it.of->entries, it.count * sizeof *it.before);
  int code = which == 0   ? ouro_weak_set_each(world.set, show_member, &it)
             : which == 1 ? ouro_weak_keys_each(world.keys, show_pair, &it)
                          : ouro_weak_values_each(world.values, show_name, &it);
  TEST_CHECK(code == (it.stop ? OURO_ESTOP : OURO_OK));
  for (; !it.stop && it.at < it.count; it.at++) {
    TEST_CHECK(find_serial(it.of, it.before[it.at].serial) == NULL);
  }
  world.walks++;
}

/* ---------------------------------------------------------------- programs */

static void run_program(uint64_t seed) {
  world.rng = (test_rng){seed};
  world.with_faults = seed % 2 == 0;
  made = serial = 0;
  new_containers();
  for (size_t i = 0; i < STEPS; i++) {
    plan_faults();
    step(0);
    stop_faults();
    check_all();
  }
  for (size_t i = 0; i < SLOTS; i++) {
    DROP(world.slots[i]);
  }
  drop(world.set);
  drop(world.keys);
  drop(world.values);
  ouro_gc_collect(2);
  for (size_t i = 0; i < made; i++) {
    TEST_CHECK(dead[i]);
  }
}

static size_t programs;
static uint64_t first_seed = 1;

static void random_programs_agree_with_the_model(void **state) {
  (void)state;
  for (size_t i = 0; i < programs; i++) {
    run_program(first_seed + i);
    if (i % 64 == 0) {
      OBJECTS_ARE_SOUND();
    }
  }
  print_message("# %zu programs, %zu walks that showed %zu entries, %zu failures\n", programs, world.walks, world.shown,
                world.failures);
  assert_true(world.walks > programs && world.shown > programs);
}

int main(int argc, char **argv) {
  programs = argc > 1 ? strtoul(argv[1], NULL, 10) : test_count(3000, 100);
  if (argc > 2) {
    first_seed = strtoul(argv[2], NULL, 10);
  }
  const struct CMUnitTest tests[] = {OBJECT_TEST(random_programs_agree_with_the_model)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
