/* values/weak_values.c - maps from names to objects whose entries go with their values. */
#include <errno.h>
#include <string.h>

#include "heap/heap.h"
#include "os/os.h"
#include "values/weak_table.h"

struct ouro_weak_values {
  ouro__weak_container base;
  uint64_t key[2]; /* of the hash */
};

typedef struct name {
  size_t length;
  char bytes[];
} name;

typedef struct values_entry {
  ouro__weak_entry base; /* member: a name */
  uint64_t hash;
} values_entry;

static uint64_t hash_of(const ouro__weak_entry *entry) { return ((const values_entry *)(const void *)entry)->hash; }

static const ouro__weak_kind kind = {.stride = sizeof(values_entry), .names = true, .hash = hash_of};

/* It owns nothing that could lead back to it. */
static ouro_type type = {
    .name = "weak values",
    .size = sizeof(ouro_weak_values),
    .references = OURO_WEAK_CONTAINER_REFERENCES,
    .visit = ouro__weak_table_visit,
    .release = ouro__weak_table_release,
    .flags = OURO_TYPE_ACYCLIC,
};

ouro_ref ouro_weak_values_new(void) {
  ouro_weak_values *map = ouro__weak_table_new(&type, &kind);
  if (!map) return NULL;
  for (int i = 0; i < 2; i++) map->key[i] = ouro__os_random();
  return map;
}

/* ---------------------------------------------------------------- names */

static name *make_name(const void *bytes, size_t length) {
  if (length > PTRDIFF_MAX - sizeof(name)) {
    errno = ENOMEM;
    return NULL;
  }
  name *made = ouro_malloc(sizeof *made + length);
  if (!made) return NULL;
  made->length = length;
  if (length) memcpy(made->bytes, bytes, length);
  return made;
}

static bool is_named(const values_entry *entry, uint64_t hash, const void *bytes, size_t length) {
  const name *its = entry->base.member;
  return entry->hash == hash && its && its->length == length && (length == 0 || memcmp(its->bytes, bytes, length) == 0);
}

static bool are_valid(const ouro_weak_values *map, const void *bytes, size_t length) {
  return map && (bytes || length == 0);
}

/* Under the lock, as the next one: the entry of a name whose value lives. */
static values_entry *find(const ouro_weak_values *map, uint64_t hash, const void *bytes, size_t length) {
  values_entry *entry;
  for (ouro__weak_probe probe = ouro__weak_table_probe_of(&map->base, hash);
       (entry = (values_entry *)(void *)ouro__weak_table_next(&probe));) {
    if (is_named(entry, hash, bytes, length) && ouro__weak_table_is_there(&entry->base)) return entry;
  }
  return NULL;
}

/* Its value; new. */
static void *find_value(const ouro_weak_values *map, uint64_t hash, const void *bytes, size_t length) {
  const values_entry *entry;
  void *value = NULL;
  for (ouro__weak_probe probe = ouro__weak_table_probe_of(&map->base, hash);
       !value && (entry = (const void *)ouro__weak_table_next(&probe));) {
    if (is_named(entry, hash, bytes, length)) value = ouro_weak_get(entry->base.weak);
  }
  return value;
}

/* ---------------------------------------------------------------- the interface */

size_t ouro_weak_values_count(const ouro_weak_values *map) { return map ? ouro__weak_table_count(&map->base) : 0; }

/* Under the lock. */
static int add(ouro_weak_values *map, uint64_t hash, const void *bytes, size_t length, ouro_weak *weak) {
  name *made = make_name(bytes, length);
  values_entry *entry = made ? (values_entry *)(void *)ouro__weak_table_add(&map->base, weak, hash) : NULL;
  if (!entry) {
    ouro_free(made);
    errno = ENOMEM;
    return OURO_ENOMEM;
  }
  entry->base.member = made;
  entry->hash = hash;
  return OURO_OK;
}

/* Let the name have `weak` as its weak reference, under the lock: that which it had is in *weak. */
static int put(ouro_weak_values *map, uint64_t hash, const void *bytes, size_t length, ouro_weak **weak) {
  values_entry *entry = find(map, hash, bytes, length);
  ouro_weak *before = entry ? entry->base.weak : NULL;
  int code = entry ? OURO_OK : add(map, hash, bytes, length, *weak);
  if (code != OURO_OK) return code;
  if (entry) entry->base.weak = *weak;
  *weak = before;
  return OURO_OK;
}

int ouro_weak_values_set(ouro_weak_values *map, const void *bytes, size_t length, void *value) {
  if (!are_valid(map, bytes, length) || !value) return OURO_EINVAL;
  uint64_t hash = ouro__hash_name(bytes, length, map->key);
  ouro_weak *weak = ouro__weak_table_make(&map->base, value, hash);
  if (!weak) return ouro__weak_table_error();
  bool locked = ouro__weak_table_lock(&map->base);
  int code = put(map, hash, bytes, length, &weak);
  ouro__weak_table_unlock(&map->base, locked);
  int saved = errno;
  ouro_xdecref(weak);
  errno = saved;
  return code;
}

ouro_ref ouro_weak_values_get(ouro_weak_values *map, const void *bytes, size_t length) {
  if (!are_valid(map, bytes, length)) return NULL;
  uint64_t hash = ouro__hash_name(bytes, length, map->key);
  bool locked = ouro__weak_table_lock(&map->base);
  void *value = find_value(map, hash, bytes, length);
  ouro__weak_table_unlock(&map->base, locked);
  return value;
}

bool ouro_weak_values_remove(ouro_weak_values *map, const void *bytes, size_t length) {
  if (!are_valid(map, bytes, length)) return false;
  uint64_t hash = ouro__hash_name(bytes, length, map->key);
  bool locked = ouro__weak_table_lock(&map->base);
  values_entry *entry = find(map, hash, bytes, length);
  if (entry)
    ouro__weak_table_remove(&map->base, &entry->base, locked);
  else
    ouro__weak_table_unlock(&map->base, locked);
  return entry;
}

int ouro_weak_values_each(ouro_weak_values *map, int (*visit)(const void *bytes, size_t length, void *value, void *arg),
                          void *arg) {
  ouro__weak_walk walk;
  int stop = 0;
  if (!map || !visit) return OURO_EINVAL;
  ouro__weak_table_walk_begin(&map->base, &walk);
  while (!stop && ouro__weak_table_walk_next(&map->base, &walk)) {
    const name *its = walk.name; /* the walk keeps it, whatever becomes of the entry */
    stop = visit(its->bytes, its->length, walk.member, arg);
    ouro_decref(walk.member);
  }
  ouro__weak_table_walk_end(&map->base, &walk);
  return stop ? OURO_ESTOP : OURO_OK;
}

void ouro_weak_values_clear(ouro_weak_values *map) {
  if (map) ouro__weak_table_remove_all(&map->base);
}
