/* examples/cache/map.c - the cache as a map of weak values: the library does the rest, locks and removal included. */
#include <string.h>

#include "cache.h"

static bool open_map(cache *c, size_t names) {
  (void)names;
  ouro_movref(&c->map, ouro_weak_values_new());
  return ouro_borrow(c->map);
}

static OURO_OWNED(page) find(cache *c, const char *name) {
  return ouro_weak_values_get(ouro_borrow(c->map), name, strlen(name));
}

static bool add(cache *c, page *p) {
  return ouro_weak_values_set(ouro_borrow(c->map), p->name, strlen(p->name), p) == OURO_OK;
}

static size_t count(cache *c) { return ouro_weak_values_count(ouro_borrow(c->map)); }

static void close_map(cache *c) { ouro_clear(&c->map); }

const cache_kind cache_map = {"weak values", &page_type, open_map, find, add, count, close_map};
