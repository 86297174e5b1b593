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
#include "support/support.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ouro/ouro.h>

#include "heap/heap.h"
#include "os/os_fault.h"

/* How many points a full run must reach: one that nobody has asked to be shorter, sanitizers or not. */
#define POINTS_WANTED 10000
#define FULL (test_scale() >= 0.1)

/* ---------------------------------------------------------------- one point */

/* In the child that runs it. */
static struct {
  bool strict; /* there is memory: nothing may fail */
  bool exact;  /* strict, and the scenario runs by itself: results of collections are known */
} point;

static bool refused(void) { return ouro__fault_hit() || ouro__os_fail_hits() > 0; }

/* A result that may be NULL only where memory was refused. */
static void *got(void *result) {
  if (!result) {
    TEST_CHECK(errno == ENOMEM);
    TEST_CHECK(!point.strict);
    TEST_CHECK(refused());
  }
  errno = 0;
  return result;
}

/* The same for functions that return a code; whether it succeeded. */
static bool done(int code) {
  if (code != OURO_OK) {
    TEST_CHECK(code == OURO_ENOMEM);
    TEST_CHECK(!point.strict);
    TEST_CHECK(refused());
  }
  return code == OURO_OK;
}

/* What must be so if nothing has failed. */
#define SURE(condition) TEST_CHECK(!point.exact || (condition))

/* ---------------------------------------------------------------- types */

typedef struct cell {
  ouro_object base;
  void *left, *right;
  void (*act)(struct cell *self); /* by the finalizer of those that have one */
} cell;

#define CELL_SLOTS OURO_REFERENCES(offsetof(cell, left), offsetof(cell, right))

static void finalize_cell(void *self) {
  cell *it = self;
  if (it->act) it->act(it);
}

typedef struct list {
  ouro_var base;
  void *item[];
} list;

typedef struct bytes {
  ouro_var base;
  char byte[];
} bytes;

/* Words that hold an object and a tag; 1: none. */
typedef struct tagged {
  ouro_object base;
  uintptr_t word[3];
} tagged;

static void visit_tagged(void *self, ouro_visitor *visitor) {
  tagged *it = self;
  for (size_t i = 0; i < 3; i++) ouro_visit_tagged(visitor, &it->word[i], (void *)(it->word[i] & ~(uintptr_t)1), 1);
}

static ouro_type cell_type = {.name = "cell", .size = sizeof(cell), .references = CELL_SLOTS};
static ouro_type final_type = {.name = "final", .size = sizeof(cell), .references = CELL_SLOTS, .finalize = finalize_cell};
static ouro_type stubborn_type = {
    .name = "stubborn", .size = sizeof(cell), .references = CELL_SLOTS, .flags = OURO_TYPE_UNCOLLECTABLE};
static ouro_type list_type = {
    .name = "list", .size = sizeof(list), .item_size = sizeof(void *), .flags = OURO_TYPE_ITEMS};
static ouro_type tuple_type = {.name = "tuple",
                               .size = sizeof(list),
                               .item_size = sizeof(void *),
                               .flags = OURO_TYPE_ITEMS | OURO_TYPE_IMMUTABLE};
static ouro_type bytes_type = {.name = "bytes", .size = sizeof(bytes), .item_size = 1, .flags = OURO_TYPE_ACYCLIC};
static ouro_type tagged_type = {.name = "tagged", .size = sizeof(tagged), .visit = visit_tagged};

static cell *new_cell(ouro_type *type) { return got(ouro_new(type)); }

/* A cell that refers to itself, and to `other`; dropped. */
static void drop_cycle(ouro_type *type, void *other) {
  cell *made = new_cell(type);
  if (!made) return;
  ouro_setref(&made->left, made);
  ouro_setref(&made->right, other);
  ouro_decref(made);
}

static void collect(int generation) { TEST_CHECK(ouro_gc_collect(generation) >= 0); }

/* ---------------------------------------------------------------- scenarios: objects */

static void graphs(void) {
  void *root = NULL;
  for (int i = 0; i < 24; i++) {
    cell *made = new_cell(&cell_type);
    if (!made) continue;
    ouro_setref(&made->left, root);
    if (i % 8 == 7) ouro_setref(&made->right, made);
    ouro_movref(&root, made);
    if (i % 5 == 4) collect(i % 3);
  }
  ouro_clear(&root);
  for (int i = 0; i < 6; i++) drop_cycle(&cell_type, NULL);
  collect(2);
}

static void use_items(ouro_type *type, size_t count) {
  list *made = got(ouro_new_var(type, count));
  if (!made) return;
  TEST_CHECK(made->base.count == count && (count == 0 || test_all_bytes(made->item, 0, count * sizeof made->item[0])));
  for (size_t i = 0; i < count && i < 3; i++) {
    void *item = got(ouro_new(&cell_type));
    ouro_movref(&made->item[i], item);
  }
  ouro_decref(made);
}

static void sizes(void) {
  static const size_t counts[] = {0, 1, 7, 100, 5000, 300000};
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
    use_items(&list_type, counts[i]);
    use_items(&tuple_type, counts[i]);
    bytes *made = got(ouro_new_var(&bytes_type, counts[i]));
    if (made) {
      TEST_CHECK(ouro_object_size(made) >= sizeof(bytes) + counts[i]);
      test_fill_sparse(made->byte, counts[i], i);
    }
    ouro_xdecref(made);
  }
}

static void extras(void) {
  for (size_t extra = 1; extra < 200000; extra *= 9) {
    ouro_ref plain = got(ouro_new_extra(&cell_type, 0, extra)), many = got(ouro_new_extra(&list_type, 5, extra));
    if (plain) test_fill_sparse(ouro_extra(plain), extra, extra);
    if (many) test_fill_sparse(ouro_extra(many), extra, extra);
    TEST_CHECK(!plain || test_holds_sparse(ouro_extra(plain), extra, extra));
    ouro_xdecref(plain);
    ouro_xdecref(many);
  }
}

static void tagged_words(void) {
  for (int i = 0; i < 8; i++) {
    tagged *made = got(ouro_new(&tagged_type));
    if (!made) continue;
    void *child = got(ouro_new(&cell_type));
    made->word[0] = child ? (uintptr_t)child | 1 : 1;
    ouro_incref(made);
    made->word[2] = (uintptr_t)made | 1;
    ouro_decref(made);
  }
  collect(1);
  collect(2);
}

/* ---------------------------------------------------------------- scenarios: types */

static const uint32_t *scattered_slots(void) {
  static uint32_t slots[13];
  for (uint32_t i = 0; i < 12; i++) slots[i] = 16 + i * 16;
  slots[12] = UINT32_MAX;
  return slots;
}

/* `type` may be NULL. */
static void use_type(ouro_type *type, size_t slots) {
  for (int i = 0; type && i < 3; i++) {
    char *made = got(ouro_new(type));
    if (!made) continue;
    TEST_CHECK(ouro_is_instance(made, type) && ouro_type_of(made) == type);
    for (size_t slot = 0; slot < slots; slot += 5) ouro_setref(made + 16 + 16 * slot, made);
    ouro_decref(made);
  }
}

static void types_of_the_run(void) {
  ouro_type description = {.name = "scattered", .size = 16 + 12 * 16, .references = scattered_slots()};
  ouro_type *type = got(ouro_type_new(&description));
  ouro_type sub = {.name = "sub", .size = 16 + 13 * 16, .base = type, .references = OURO_REFERENCES(16 + 12 * 16)};
  ouro_type *subtype = type ? got(ouro_type_new(&sub)) : NULL;
  use_type(type, 12);
  use_type(subtype, 13);
  if (type) ouro_type_release(type); /* the subtype keeps it */
  use_type(subtype, 13);
  if (subtype) ouro_type_release(subtype);
  collect(2);
}

/* Types in static memory, looked at for the first time; `nth` of them for each run in a process. */
static void types_of_the_program(void) {
  static ouro_type fresh[8];
  static size_t nth;
  for (int i = 0; i < 2 && nth < 8; i++, nth++) {
    fresh[nth] = (ouro_type){.name = "fresh", .size = 16 + 12 * 16, .references = scattered_slots()};
    char text[100];
    if (i == 0 && !done(ouro_type_check(&fresh[nth], text, sizeof text))) TEST_CHECK(strstr(text, "memory"));
    use_type(&fresh[nth], 12);
  }
  collect(2);
}

/* ---------------------------------------------------------------- scenarios: weak references */

static size_t heard;

static void hear(ouro_weak *weak, void *data, void *held) {
  TEST_CHECK(ouro_weak_is_dead(weak) && data == &heard);
  (void)held;
  heard++;
}

enum { WEAK_OBJECTS = 70 }; /* the table grows */

static void weak_references(void) {
  void *objects[WEAK_OBJECTS] = {NULL}, *shared[WEAK_OBJECTS] = {NULL}, *own[WEAK_OBJECTS] = {NULL};
  size_t made = 0;
  heard = 0;
  for (size_t i = 0; i < WEAK_OBJECTS; i++) {
    objects[i] = got(ouro_new(&cell_type));
    if (!objects[i]) continue;
    shared[i] = got(ouro_weak_new(objects[i]));
    if (i % 3 == 0) own[i] = got(ouro_weak_new_callback(objects[i], hear, &heard, objects[i / 2]));
    made += own[i] != NULL;
    ouro_weak *list_of[4];
    size_t count = ouro_weak_list(objects[i], list_of, 4);
    TEST_CHECK(count == (size_t)(shared[i] != NULL) + (own[i] != NULL) && count == ouro_weak_count(objects[i]));
    TEST_CHECK(!shared[i] || (list_of[0] == shared[i] && !ouro_weak_has_callback(shared[i])));
    TEST_CHECK(!own[i] || ouro_weak_has_callback(own[i]));
  }
  for (size_t i = WEAK_OBJECTS; i-- > 0;) {
    ouro_ref again = shared[i] ? ouro_weak_get(shared[i]) : NULL;
    TEST_CHECK(again == (shared[i] ? objects[i] : NULL));
    ouro_xdecref(again);
    ouro_clear(&objects[i]);
  }
  collect(2);
  for (size_t i = 0; i < WEAK_OBJECTS; i++) {
    ouro_clear(&own[i]);
    ouro_clear(&shared[i]);
  }
  TEST_CHECK(heard <= made);
}

static void weak_references_to_garbage(void) {
  void *own[8] = {NULL}, *shared[8] = {NULL};
  heard = 0;
  for (size_t i = 0; i < 8; i++) {
    cell *made = new_cell(&final_type);
    if (!made) continue;
    ouro_setref(&made->left, made);
    shared[i] = got(ouro_weak_new(made));
    own[i] = got(ouro_weak_new_callback(made, hear, &heard, NULL));
    if (i % 2) ouro_movref(&made->right, got(ouro_weak_new_callback(made, hear, NULL, NULL))); /* goes with it, unheard */
    ouro_decref(made);
  }
  collect(2);
  for (size_t i = 0; i < 8; i++) {
    SURE(ouro_weak_is_dead(own[i]) && ouro_weak_is_dead(shared[i]));
    ouro_clear(&own[i]);
    ouro_clear(&shared[i]);
  }
  SURE(heard == 8);
}

/* ---------------------------------------------------------------- scenarios: finalizers of others */

static size_t finalized;

static void finalize_other(void *data, void *held) {
  TEST_CHECK(data == &finalized && held);
  finalized++;
}

static void finalizers(void) {
  enum { COUNT = 10 };
  void *objects[COUNT] = {NULL}, *fins[COUNT] = {NULL}, *held = got(ouro_new(&cell_type));
  finalized = 0;
  for (size_t i = 0; held && i < COUNT; i++) {
    objects[i] = got(ouro_new(&cell_type));
    fins[i] = objects[i] ? got(ouro_finalize(objects[i], finalize_other, &finalized, held)) : NULL;
    if (!fins[i]) continue;
    TEST_CHECK(ouro_finalizer_is_alive(fins[i]) && ouro_finalizer_atexit(fins[i]));
    ouro_finalizer_set_atexit(fins[i], i % 2 == 0);
    ouro_ref peeked = ouro_finalizer_peek(fins[i]);
    TEST_CHECK(peeked == objects[i]);
    ouro_decref(peeked);
    if (i == 2) TEST_CHECK(ouro_finalizer_call(fins[i]) && !ouro_finalizer_call(fins[i]));
    if (i == 3) TEST_CHECK(ouro_finalizer_detach(fins[i]) && !ouro_finalizer_detach(fins[i]));
    if (i < 6) ouro_clear(&objects[i]);
  }
  SURE(finalized == 5);
  ouro_finalizers_run(); /* the even ones that are left */
  SURE(finalized == 7);
  for (size_t i = 0; i < COUNT; i++) {
    ouro_clear(&objects[i]);
    ouro_clear(&fins[i]);
  }
  SURE(finalized == 9);
  ouro_clear(&held);
}

/* ---------------------------------------------------------------- scenarios: weak maps */

enum { ENTRIES = 40 };

static int see_pair(void *key, void *value, void *count) {
  TEST_CHECK(key);
  (void)value;
  ++*(size_t *)count;
  return 0;
}

static void make_all(void **objects, size_t count) {
  for (size_t i = 0; i < count; i++) objects[i] = got(ouro_new(&cell_type));
}

static void drop_all(void **objects, size_t count) {
  for (size_t i = 0; i < count; i++) ouro_clear(&objects[i]);
}

static void weak_keys(void) {
  void *keys[ENTRIES] = {NULL}, *map = got(ouro_weak_keys_new());
  size_t set = 0, seen = 0;
  if (!map) return;
  make_all(keys, ENTRIES);
  for (size_t i = 0; i < ENTRIES; i++) {
    if (keys[i]) set += done(ouro_weak_keys_set(map, keys[i], i % 2 ? keys[i / 2] : NULL));
    TEST_CHECK(ouro_weak_keys_count(map) == set);
  }
  for (size_t i = 0; i < ENTRIES; i += 4) {
    void *value = NULL;
    if (keys[i] && ouro_weak_keys_get(map, keys[i], &value)) ouro_xdecref(value);
    if (i % 8 == 0 && keys[i]) set -= ouro_weak_keys_remove(map, keys[i]);
  }
  TEST_CHECK(ouro_weak_keys_count(map) == set);
  if (done(ouro_weak_keys_each(map, see_pair, &seen))) TEST_CHECK(seen == set);
  drop_all(keys, ENTRIES / 2);
  collect(2);
  ouro_weak_keys_clear(map);
  TEST_CHECK(ouro_weak_keys_count(map) == 0);
  drop_all(keys, ENTRIES);
  ouro_decref(map);
}

static int see_named(const void *name, size_t length, void *value, void *count) {
  TEST_CHECK(name && length == sizeof(size_t) && value);
  ++*(size_t *)count;
  return 0;
}

static void weak_values(void) {
  void *values[ENTRIES] = {NULL}, *map = got(ouro_weak_values_new());
  size_t set = 0, seen = 0;
  if (!map) return;
  make_all(values, ENTRIES);
  for (size_t i = 0; i < ENTRIES; i++) {
    if (values[i]) set += done(ouro_weak_values_set(map, &i, sizeof i, values[i]));
    TEST_CHECK(ouro_weak_values_count(map) == set);
  }
  for (size_t i = 0; i < ENTRIES; i += 4) {
    ouro_ref value = ouro_weak_values_get(map, &i, sizeof i);
    TEST_CHECK(!value || value == values[i]);
    ouro_xdecref(value);
    if (i % 8 == 0) set -= ouro_weak_values_remove(map, &i, sizeof i);
  }
  if (done(ouro_weak_values_each(map, see_named, &seen))) TEST_CHECK(seen == set);
  drop_all(values, ENTRIES / 2);
  ouro_weak_values_clear(map);
  TEST_CHECK(ouro_weak_values_count(map) == 0);
  drop_all(values, ENTRIES);
  ouro_decref(map);
}

static int see_member(void *member, void *count) {
  TEST_CHECK(member);
  ++*(size_t *)count;
  return 0;
}

static void weak_sets(void) {
  void *members[ENTRIES] = {NULL}, *set = got(ouro_weak_set_new());
  size_t count = 0, seen = 0;
  if (!set) return;
  make_all(members, ENTRIES);
  for (size_t i = 0; i < ENTRIES; i++) {
    bool added = members[i] && done(ouro_weak_set_add(set, members[i]));
    count += added;
    TEST_CHECK(!members[i] || ouro_weak_set_has(set, members[i]) == added);
    if (added) TEST_CHECK(done(ouro_weak_set_add(set, members[i])));
  }
  if (members[0]) count -= ouro_weak_set_remove(set, members[0]);
  TEST_CHECK(ouro_weak_set_count(set) == count);
  if (done(ouro_weak_set_each(set, see_member, &seen))) TEST_CHECK(seen == count);
  drop_all(members, ENTRIES / 2);
  collect(2);
  ouro_weak_set_clear(set);
  drop_all(members, ENTRIES);
  ouro_decref(set);
}

/* Maps die with entries in them, and in cycles with their own values. */
static void maps_as_garbage(void) {
  for (int i = 0; i < 3; i++) {
    void *map = got(ouro_weak_keys_new());
    cell *key = new_cell(&cell_type), *value = new_cell(&cell_type);
    if (map && key && value) {
      ouro_setref(&value->left, map);
      done(ouro_weak_keys_set(map, key, value));
      if (i == 1) ouro_setref(&value->right, key);
      if (i == 2) ouro_setref(&key->left, key);
    }
    ouro_xdecref(map);
    ouro_xdecref(value);
    ouro_xdecref(key);
  }
  collect(2);
}

/* ---------------------------------------------------------------- scenarios: the collector */

static void *prepared; /* owned: made before allocations fail */

static list *prepare_list(size_t count) {
  list *made = got(ouro_new_var(&list_type, count));
  for (size_t i = 0; i < count; i++) {
    ouro_ref item = got(ouro_new(&cell_type));
    ouro_movref(&made->item[i], item);
  }
  prepared = made;
  return made;
}

/* More references to one object than a byte counts. */
static void prepare_hub(void) {
  list *made = prepare_list(600);
  for (size_t i = 0; i < 600; i++) {
    ouro_setref(&((cell *)made->item[i])->left, made->item[0]);
    ouro_setref(&((cell *)made->item[i])->right, made->item[i % 2]);
  }
}

/* More objects reached at once than the collector's first stack holds, each of which leads on. */
static void prepare_fan(void) {
  list *made = prepare_list(3000);
  for (size_t i = 0; i < 3000; i++) {
    ouro_ref leaf = got(ouro_new(&cell_type));
    ouro_setref(&((cell *)leaf)->left, made);
    ouro_movref(&((cell *)made->item[i])->left, leaf);
  }
}

static void prepare_chain(void) {
  for (size_t i = 0; i < 5000; i++) {
    cell *made = new_cell(i % 3 ? &cell_type : &final_type);
    ouro_movref(&made->left, prepared);
    prepared = made;
  }
}

/* What is prepared lives through collections, and then goes. */
static void collect_prepared(void) {
  for (int generation = 0; generation < 3; generation++) collect(generation);
  list *it = prepared;
  ouro_setref(&it->item[it->base.count - 1], it); /* the last one to be cleared */
  ouro_clear(&prepared);
  collect(2);
}

static void drop_prepared(void) { ouro_clear(&prepared); }

static void *saved[4]; /* owned */

static void save(cell *self) {
  for (size_t i = 0; i < 4; i++) {
    if (saved[i]) continue;
    ouro_setref(&saved[i], self);
    break;
  }
}

static void make_things(cell *self) {
  ouro_movref(&self->right, got(ouro_new(&cell_type)));
  ouro_xdecref(got(ouro_weak_new(self)));
  drop_cycle(&cell_type, NULL);
  ouro_xdecref(got(ouro_finalize(self, finalize_other, &finalized, self->right ? self->right : self)));
}

static void acting_finalizers(void) {
  static void (*const acts[])(cell * self) = {save, make_things, NULL, save};
  for (int i = 0; i < 8; i++) {
    cell *made = new_cell(&final_type);
    if (!made) continue;
    made->act = acts[i % 4];
    if (i >= 4) ouro_setref(&made->left, made);
    ouro_decref(made);
  }
  collect(2);
  for (size_t i = 0; i < 4; i++) ouro_clear(&saved[i]);
  ouro_finalizers_run();
  collect(2);
}

static void called_back(const ouro_gc_info *info, void *count) {
  TEST_CHECK(info->generation >= 0 && info->generation < 3);
  ++*(size_t *)count;
}

static void gc_callbacks(void) {
  enum { COUNT = 6 };
  size_t counts[COUNT] = {0};
  bool added[COUNT];
  for (size_t i = 0; i < COUNT; i++) added[i] = done(ouro_gc_callback_add(called_back, &counts[i]));
  drop_cycle(&cell_type, NULL);
  collect(2);
  for (size_t i = 0; i < COUNT; i++) {
    SURE(counts[i] == 2);
    TEST_CHECK(ouro_gc_callback_remove(called_back, &counts[i]) == (added[i] ? OURO_OK : OURO_EINVAL));
  }
}

static void swallow(void *count, const char *text, size_t length) {
  TEST_CHECK(text);
  *(size_t *)count += length;
}

static void garbage_list(void) {
  size_t said = 0;
  cell *stubborn = new_cell(&stubborn_type); /* not ours any more after this, but alive */
  ouro_gc_set_debug_writer(swallow, &said);
  TEST_CHECK(ouro_gc_set_debug(OURO_GC_DEBUG_LEAK | OURO_GC_DEBUG_STATS) == 0 && ouro_gc_get_debug() == (38 | 1));
  if (stubborn) {
    ouro_movref(&stubborn->right, got(ouro_new(&cell_type)));
    ouro_movref(&stubborn->left, stubborn);
  }
  for (int i = 0; i < 20; i++) drop_cycle(&cell_type, NULL);
  collect(2);
  SURE(said > 0 && ouro_gc_garbage_count() == 21 && ouro_gc_garbage_at(20) && !ouro_gc_garbage_at(21));
  TEST_CHECK(ouro_gc_set_debug(0) == 0);
  ouro_gc_set_debug_writer(NULL, NULL);
  ouro_gc_garbage_clear();
  TEST_CHECK(ouro_gc_garbage_count() == 0);
  if (stubborn) {
    ouro_incref(stubborn);
    ouro_clear(&stubborn->left);
    ouro_gc_garbage_clear();
    ouro_decref(stubborn);
  }
  collect(2);
}

static int count_object(void *object, void *count) {
  TEST_CHECK(object);
  ++*(size_t *)count;
  return 0;
}

static int swallow_more(void *count, const char *text, size_t length) {
  swallow(count, text, length);
  return 0;
}

static void looking(void) {
  size_t count = 0, said = 0;
  cell *holder = new_cell(&cell_type), *other = new_cell(&cell_type);
  if (holder) ouro_setref(&holder->left, other);
  for (int generation = -1; generation < 3; generation++) {
    TEST_CHECK(done(ouro_gc_get_objects(generation, count_object, &count)));
  }
  count = 0;
  void *objects[] = {holder ? holder : other, other};
  if (other) {
    done(ouro_gc_get_referrers(objects + 1, 1, count_object, &count));
    done(ouro_gc_get_referents(objects, 2, count_object, &count));
    TEST_CHECK(ouro_gc_is_tracked(other) && !ouro_gc_is_finalized(other) && ouro_refcount(other) == 1u + (holder != NULL));
    ouro_gc_untrack(other);
    TEST_CHECK(!ouro_gc_is_tracked(other) && ouro_gc_track(other) == 0 && ouro_gc_is_tracked(other));
  }
  SURE(count == 2);
  TEST_CHECK(done(ouro_each_object(count_object, &count)));
  ouro_type_stats stats[8];
  size_t types = ouro_type_stats_get(stats, 8);
  SURE(types > 0);
  ptrdiff_t live = ouro_leaks_report(swallow_more, &said);
  if (live < 0) TEST_CHECK(!done((int)live));
  SURE(said > 0 && live >= 2);
  ouro_xdecref(holder);
  ouro_xdecref(other);
}

static void freezing(void) {
  void *objects[10] = {NULL};
  make_all(objects, 10);
  ouro_gc_freeze();
  SURE(ouro_gc_get_freeze_count() >= 10);
  drop_cycle(&cell_type, objects[0]);
  collect(2);
  drop_all(objects, 5);
  ouro_gc_unfreeze();
  TEST_CHECK(ouro_gc_get_freeze_count() == 0);
  collect(2);
  drop_all(objects, 10);
}

static void automatic_collections(void) {
  int before[OURO_GENERATIONS], count[OURO_GENERATIONS];
  ouro_gc_stats stats[OURO_GENERATIONS];
  ouro_gc_get_threshold(before);
  TEST_CHECK(ouro_gc_set_threshold((const int[]){3, 1, 1}) == 0);
  bool enabled = ouro_gc_enable();
  TEST_CHECK(ouro_gc_is_enabled());
  for (int i = 0; i < 20; i++) {
    drop_cycle(i % 4 ? &cell_type : &final_type, NULL);
    ouro_safepoint();
    if (i == 15) ouro_gc_set_stress(1);
    if (i == 17) ouro_gc_set_stress(2);
  }
  ouro_gc_set_stress(0);
  ouro_gc_get_count(count);
  ouro_gc_get_stats(stats);
  SURE(stats[0].collections > 0);
  TEST_CHECK(ouro_gc_set_threshold(before) == 0);
  if (!enabled) ouro_gc_disable();
  collect(2);
}

static void verifying(void) {
  char text[200] = "";
  drop_cycle(&cell_type, NULL);
  if (ouro_gc_verify(text, sizeof text) != 0) {
    TEST_CHECK(strstr(text, "no memory"));
    TEST_CHECK(!point.strict && refused());
  }
  collect(2);
}

/* An immortal object is left behind by each run. */
static void other_counts(void) {
  ouro_ref immortal = got(ouro_new(&cell_type)), deferred = got(ouro_new(&cell_type));
  TEST_CHECK(!immortal || (ouro_make_immortal(immortal) == 0 && ouro_is_immortal(immortal)));
  TEST_CHECK(!deferred || (ouro_defer(deferred) == 0 && ouro_is_deferred(deferred)));
  ouro_xdecref(deferred);
  collect(2);
}

/* ---------------------------------------------------------------- all of them */

typedef struct scenario {
  const char *name;
  void (*run)(void);
  void (*prepare)(void); /* before allocations fail; NULL: nothing */
  bool keeps;            /* each run leaves blocks behind, as it should */
} scenario;

static const scenario scenarios[] = {
    {"graphs", graphs, NULL, false},
    {"sizes", sizes, NULL, false},
    {"extras", extras, NULL, false},
    {"tagged words", tagged_words, NULL, false},
    {"types of the run", types_of_the_run, NULL, false},
    {"types of the program", types_of_the_program, NULL, true},
    {"weak references", weak_references, NULL, false},
    {"weak references to garbage", weak_references_to_garbage, NULL, false},
    {"finalizers", finalizers, NULL, false},
    {"weak keys", weak_keys, NULL, false},
    {"weak values", weak_values, NULL, false},
    {"weak sets", weak_sets, NULL, false},
    {"maps as garbage", maps_as_garbage, NULL, false},
    {"a hub", collect_prepared, prepare_hub, false},
    {"a fan", collect_prepared, prepare_fan, false},
    {"a chain", drop_prepared, prepare_chain, false},
    {"acting finalizers", acting_finalizers, NULL, false},
    {"callbacks of the collector", gc_callbacks, NULL, false},
    {"garbage list", garbage_list, NULL, false},
    {"looking", looking, NULL, false},
    {"freezing", freezing, NULL, false},
    {"automatic collections", automatic_collections, NULL, false},
    {"verifying", verifying, NULL, false},
    {"other counts", other_counts, NULL, false},
};

enum { SCENARIOS = sizeof scenarios / sizeof *scenarios };

/* ---------------------------------------------------------------- places
 *
 * Each sets a trap before allocations fail, and springs it after. */

static const scenario *current;

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
  ouro_clear(&prepared);
  for (int i = 0; i < 3; i++) { /* what goes may make and save others */
    collect(2);
    for (size_t at = 0; at < 4; at++) ouro_clear(&saved[at]);
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
  if (what.again) TEST_CHECK(!run_scenario(where, (fault){0}));
  left before = settled();
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
  for (size_t s = 0; s < SCENARIOS; s++) {
    current = &scenarios[s];
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
  assert_true(points >= SCENARIOS * PLACES);
}

/* Scenarios succeed where nothing fails: in this process too, so that a coverage build counts them. */
static void every_scenario_succeeds_everywhere(void **state) {
  (void)state;
  quiet();
  point.strict = true;
  for (size_t s = 0; s < SCENARIOS; s++) {
    current = &scenarios[s];
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
