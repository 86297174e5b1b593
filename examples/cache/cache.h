/* examples/cache/cache.h - a cache of pages by their names, read and filled by all threads, that keeps nothing alive.
 *
 * As long as anybody holds a page, whoever asks for its name gets that page. When the last one has let go of it, it is
 * gone, and its entry too: nobody tidies up, nobody sets a size. There are two ways to have that:
 *
 *   map.c     ouro_weak_values, which is all of it in one call
 *   table.c   a table written by hand: locks of its own, a type whose release takes the page out, ouro_try_incref to look */
#ifndef CACHE_H
#define CACHE_H

#include <pthread.h>

#include "page.h"

typedef struct cache cache;

typedef struct cache_kind {
  const char *name;
  ouro_type *type; /* of its pages */
  bool (*open)(cache *c, size_t names);
  OURO_OWNED(page) (*find)(cache *c, const char *name); /* new; NULL: it is not there, or just going */
  bool (*add)(cache *c, page *p); /* false: no memory. Nobody else adds a page of that name meanwhile */
  size_t (*count)(cache *c);
  void (*close)(cache *c); /* no page of it is alive */
} cache_kind;

enum { MAKING = 64 };

struct cache {
  const cache_kind *kind;
  void *of_kind;                    /* the kind's own */
  OURO_OWNED(ouro_weak_values) map; /* map.c's */
  pthread_mutex_t making[MAKING];   /* held by who makes a page; which one, the hash of the name says */
};

extern const cache_kind cache_map, cache_table;

/* What became of the lookups of one thread. */
typedef struct lookups {
  uint64_t found, made, waited; /* waited: somebody else was just making it, or one with the same lock */
} lookups;

bool cache_open(cache *c, const cache_kind *kind, size_t names);
void cache_close(cache *c);

/* The page of that name, made if need be. NULL: errno says why. */
OURO_OWNED(page) cache_get(cache *c, const char *name, lookups *l);

size_t cache_hash(const char *name);

#endif
