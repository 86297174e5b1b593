/* ouro/adapt/sqlite.h - SQLite's memory on ouro's heap.
 *
 *     sqlite3_mem_methods methods = ouro_sqlite_mem_methods();
 *     sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
 *
 * before the first other call of SQLite. SQLite passes its allocator no context, so this is the common heap; limit it with
 * sqlite3_hard_heap_limit64. */
#ifndef OURO_ADAPT_SQLITE_H
#define OURO_ADAPT_SQLITE_H

#include <limits.h>
#include <sqlite3.h>

#include "../heap.h"

OURO_BEGIN_DECLS

static inline void *ouro__sqlite_malloc(int size) { return ouro_malloc((size_t)size); }

static inline void ouro__sqlite_free(void *block) { ouro_free(block); }

static inline void *ouro__sqlite_realloc(void *block, int size) { return ouro_realloc(block, (size_t)size); }

static inline int ouro__sqlite_size(void *block) { return (int)ouro_usable_size(block); }

/* What a request would really get, so that SQLite uses all of it: a multiple of 8, as it demands. SQLite asks for less than
 * 2 GiB, but what a block next to that limit gets may lie above. */
static inline int ouro__sqlite_roundup(int size) {
  size_t good = ouro_good_size((size_t)size);
  return good <= INT_MAX ? (int)good : INT_MAX & ~7;
}

static inline int ouro__sqlite_init(void *context) {
  (void)context;
  return SQLITE_OK;
}

static inline void ouro__sqlite_shutdown(void *context) { (void)context; }

/* The methods for SQLITE_CONFIG_MALLOC; SQLite copies them.
 * Cost: O(1). */
static inline sqlite3_mem_methods ouro_sqlite_mem_methods(void) {
  sqlite3_mem_methods methods = {ouro__sqlite_malloc,  ouro__sqlite_free, ouro__sqlite_realloc,  ouro__sqlite_size,
                                 ouro__sqlite_roundup, ouro__sqlite_init, ouro__sqlite_shutdown, NULL};
  return methods;
}

OURO_END_DECLS

#endif
