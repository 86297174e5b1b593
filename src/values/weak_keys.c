/* values/weak_keys.c - maps from objects to objects whose entries go with their keys. */
#include "values/weak_table.h"

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

ouro_ref ouro_weak_keys_new(void) { return ouro__weak_table_new(&type, &kind); }

size_t ouro_weak_keys_count(const ouro_weak_keys *map) { return map ? ouro__weak_table_count(&map->base) : 0; }

int ouro_weak_keys_set(ouro_weak_keys *map, void *key, void *value) {
  return map && key ? ouro__weak_table_put(&map->base, key, value) : OURO_EINVAL;
}

bool ouro_weak_keys_get(ouro_weak_keys *map, const void *key, ouro_slot value) {
  if (!map || !key) return false;
  bool locked = ouro__weak_table_lock(&map->base);
  const keys_entry *entry = (const void *)ouro__weak_table_find(&map->base, key, ouro__hash_address(key));
  void *found = entry ? ouro_xnewref(entry->value) : NULL;
  ouro__weak_table_unlock(&map->base, locked);
  if (entry) *(void **)value = found;
  return entry;
}

bool ouro_weak_keys_remove(ouro_weak_keys *map, const void *key) { return map && key && ouro__weak_table_drop(&map->base, key); }

int ouro_weak_keys_each(ouro_weak_keys *map, int (*visit)(void *key, void *value, void *arg), void *arg) {
  ouro__weak_walk walk;
  int stop = 0;
  if (!map || !visit) return OURO_EINVAL;
  ouro__weak_table_walk_begin(&map->base, &walk);
  while (!stop && ouro__weak_table_walk_next(&map->base, &walk)) {
    stop = visit(walk.member, walk.value, arg);
    ouro_xdecref(walk.value);
    ouro_decref(walk.member);
  }
  ouro__weak_table_walk_end(&map->base, &walk);
  return stop ? OURO_ESTOP : OURO_OK;
}

void ouro_weak_keys_clear(ouro_weak_keys *map) {
  if (map) ouro__weak_table_remove_all(&map->base);
}
