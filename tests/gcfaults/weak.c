/* tests/gcfaults/weak.c - scenarios of weak references, finalizers of others, and weak maps. */
#include "gcfaults.h"

/* ---------------------------------------------------------------- weak references */

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
    /* This one goes with it, unheard. */
    if (i % 2) ouro_movref(&made->right, got(ouro_weak_new_callback(made, hear, NULL, NULL)));
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

/* ---------------------------------------------------------------- finalizers of others */

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

/* ---------------------------------------------------------------- weak maps */

enum { ENTRIES = 40 };

static int see_pair(void *key, void *value, void *count) {
  TEST_CHECK(key);
  (void)value;
  ++*(size_t *)count;
  return 0;
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

const scenario weak_scenarios[] = {
    {"weak references", weak_references, NULL, false},
    {"weak references to garbage", weak_references_to_garbage, NULL, false},
    {"finalizers", finalizers, NULL, false},
    {"weak keys", weak_keys, NULL, false},
    {"weak values", weak_values, NULL, false},
    {"weak sets", weak_sets, NULL, false},
    {"maps as garbage", maps_as_garbage, NULL, false},
    {NULL, NULL, NULL, false},
};
