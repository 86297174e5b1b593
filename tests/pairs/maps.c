/* tests/pairs/maps.c - the entries of <ouro/weakmap.h>. Both sides use the same containers, and the same keys: x, y,
 * and one of their own. */
#include "pairs/pairs.h"

static void *key_of(side *me) { return me->turn % 3 == 0 ? me->mine : me->turn % 3 == 1 ? me->all->x : me->all->y; }
static const char *name_of(side *me) { return me->turn % 3 == 0 ? "x" : me->turn % 3 == 1 ? "another" : ""; }
static size_t length_of(side *me) { return me->turn % 3 == 0 ? 1 : me->turn % 3 == 1 ? 7 : 0; }

BODY(ouro_weak_keys_new) {
  ouro_weak_keys *keys = ouro_weak_keys_new();
  TEST_CHECK(ouro_weak_keys_set(keys, me->all->x, me->all->y) == OURO_OK);
  drop(keys);
}
BODY(ouro_weak_values_new) {
  ouro_weak_values *values = ouro_weak_values_new();
  TEST_CHECK(ouro_weak_values_set(values, "x", 1, me->all->x) == OURO_OK);
  drop(values);
}
BODY(ouro_weak_set_new) {
  ouro_weak_set *set = ouro_weak_set_new();
  TEST_CHECK(ouro_weak_set_add(set, me->all->x) == OURO_OK);
  drop(set);
}
BODY(ouro_weak_keys_count) { ouro_weak_keys_count(me->all->keys); }
BODY(ouro_weak_values_count) { ouro_weak_values_count(me->all->values); }
BODY(ouro_weak_set_count) { ouro_weak_set_count(me->all->set); }

BODY(ouro_weak_keys_set) { TEST_CHECK(ouro_weak_keys_set(me->all->keys, key_of(me), me->turn % 4 ? me->all->y : NULL) == OURO_OK); }
BODY(ouro_weak_keys_get) {
  void *value = NULL;
  ouro_weak_keys_get(me->all->keys, key_of(me), &value);
  ouro_xdecref(value);
}
BODY(ouro_weak_keys_remove) { ouro_weak_keys_remove(me->all->keys, key_of(me)); }

BODY(ouro_weak_values_set) {
  TEST_CHECK(ouro_weak_values_set(me->all->values, name_of(me), length_of(me), key_of(me)) == OURO_OK);
}
BODY(ouro_weak_values_get) {
  void *value = ouro_weak_values_get(me->all->values, name_of(me), length_of(me));
  ouro_xdecref(value);
}
BODY(ouro_weak_values_remove) { ouro_weak_values_remove(me->all->values, name_of(me), length_of(me)); }

BODY(ouro_weak_set_add) { TEST_CHECK(ouro_weak_set_add(me->all->set, key_of(me)) == OURO_OK); }
BODY(ouro_weak_set_has) { ouro_weak_set_has(me->all->set, key_of(me)); }
BODY(ouro_weak_set_remove) { ouro_weak_set_remove(me->all->set, key_of(me)); }

static int see_pair(void *key, void *value, void *arg) {
  (void)value;
  TEST_CHECK(ouro_refcount(key) > 0);
  return see(key, arg);
}
static int see_name(const void *name, size_t length, void *value, void *arg) {
  TEST_CHECK(name != NULL && length <= 7);
  return see(value, arg);
}
BODY(ouro_weak_keys_each) { TEST_CHECK(ouro_weak_keys_each(me->all->keys, see_pair, me) == OURO_OK); }
BODY(ouro_weak_values_each) { TEST_CHECK(ouro_weak_values_each(me->all->values, see_name, me) == OURO_OK); }
BODY(ouro_weak_set_each) { TEST_CHECK(ouro_weak_set_each(me->all->set, see, me) == OURO_OK); }
BODY(ouro_weak_keys_clear) {
  ouro_weak_keys_clear(me->all->keys);
  ouro_weak_keys_set(me->all->keys, me->all->x, me->mine);
}
BODY(ouro_weak_values_clear) {
  ouro_weak_values_clear(me->all->values);
  ouro_weak_values_set(me->all->values, "x", 1, me->all->x);
}
BODY(ouro_weak_set_clear) {
  ouro_weak_set_clear(me->all->set);
  ouro_weak_set_add(me->all->set, me->all->x);
}

const entry map_entries[] = {
    ENTRY(ouro_weak_keys_new),     ENTRY(ouro_weak_values_new),   ENTRY(ouro_weak_set_new),       ENTRY(ouro_weak_keys_count),
    ENTRY(ouro_weak_values_count), ENTRY(ouro_weak_set_count),    ENTRY(ouro_weak_keys_set),      ENTRY(ouro_weak_keys_get),
    ENTRY(ouro_weak_keys_remove),  ENTRY(ouro_weak_values_set),   ENTRY(ouro_weak_values_get),    ENTRY(ouro_weak_values_remove),
    ENTRY(ouro_weak_set_add),      ENTRY(ouro_weak_set_has),      ENTRY(ouro_weak_set_remove),    ENTRY(ouro_weak_keys_each),
    ENTRY(ouro_weak_values_each),  ENTRY(ouro_weak_set_each),     ENTRY(ouro_weak_keys_clear),    ENTRY(ouro_weak_values_clear),
    ENTRY(ouro_weak_set_clear),    {NULL, NULL},
};
