/* values/weak_keys.c - maps from objects to objects whose entries go with their keys. */
#include "values/values.h"

struct ouro_weak_keys {
  ouro__weak_container base;
};

typedef struct keys_entry {
  ouro__weak_entry base; /* member: the key's address */
  void *value;           /* owned, or NULL */
} keys_entry;

static uint64_t hash_of(const ouro__weak_entry *entry) { return ouro__hash_address(entry->member); }

static const ouro__weak_kind kind = {.stride = sizeof(keys_entry), .values = true, .hash = hash_of};

static ouro_type type = {
    .name = "weak keys",
    .size = sizeof(ouro_weak_keys),
    .references = OURO_WEAK_CONTAINER_REFERENCES,
    .visit = ouro__weak_table_visit,
    .release = ouro__weak_table_release,
};

ouro_ref ouro_weak_keys_new(void) {
  ouro_weak_keys *map = ouro_new(&type);
  if (map) map->base.kind = &kind;
  return map;
}

static keys_entry *find(const ouro_weak_keys *map, const void *key) {
  return map && key ? (keys_entry *)(void *)ouro__weak_table_find(&map->base, key) : NULL;
}

size_t ouro_weak_keys_count(const ouro_weak_keys *map) { return map ? map->base.table.live : 0; }

int ouro_weak_keys_set(ouro_weak_keys *map, void *key, void *value) {
  if (!map || !key) return OURO_EINVAL;
  keys_entry *entry = find(map, key);
  if (!entry) entry = (keys_entry *)(void *)ouro__weak_table_add(&map->base, key, ouro__hash_address(key));
  if (!entry) return ouro__weak_table_error();
  entry->base.member = key;
  ouro_setref(&entry->value, value); /* the last use of the entry: what was there may go, and the table with it */
  return OURO_OK;
}

bool ouro_weak_keys_get(ouro_weak_keys *map, const void *key, ouro_slot value) {
  const keys_entry *entry = find(map, key);
  if (!entry) return false;
  *(void **)value = ouro_xnewref(entry->value);
  return true;
}

bool ouro_weak_keys_remove(ouro_weak_keys *map, const void *key) {
  keys_entry *entry = find(map, key);
  if (!entry) return false;
  ouro__weak_table_remove(&map->base, &entry->base);
  return true;
}

int ouro_weak_keys_each(ouro_weak_keys *map, int (*visit)(void *key, void *value, void *arg), void *arg) {
  ouro__weak_walk walk;
  const keys_entry *entry;
  void *key;
  int stop = 0;
  if (!map || !visit) return OURO_EINVAL;
  ouro__weak_table_walk_begin(&map->base, &walk);
  while (!stop && (entry = (const void *)ouro__weak_table_walk_next(&map->base, &walk, &key))) {
    void *value = ouro_xnewref(entry->value);
    stop = visit(key, value, arg);
    ouro_xdecref(value);
    ouro_decref(key);
  }
  ouro__weak_table_walk_end(&map->base, &walk);
  return stop ? OURO_ESTOP : OURO_OK;
}

void ouro_weak_keys_clear(ouro_weak_keys *map) {
  if (map) ouro__weak_table_remove_all(&map->base);
}
