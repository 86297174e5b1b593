/* tests/values/tables.h - the table inside of weak containers, for tests that look at it. */
#ifndef OURO_TEST_TABLES_H
#define OURO_TEST_TABLES_H

#include "object/objects.h"

#include <ouro/weakmap.h>

#include "values/weak_table.h"

static inline const ouro__weak_container *table_of(const void *container) { return container; }

/* The invariants hold. */
#define TABLE_IS_VALID(container) TEST_CHECK(ouro__weak_table_valid(table_of(container)))

/* How many entries there is room for. */
static inline size_t room_of(const void *container) { return table_of(container)->table.room; }

/* Let go of the reference that a plain variable owns, which is NULL before anything runs. */
#define DROP(variable)                                                                                                 \
  do {                                                                                                                 \
    void *owned_ = (variable);                                                                                         \
    (variable) = NULL;                                                                                                 \
    if (owned_ != NULL) {                                                                                              \
      drop(owned_);                                                                                                    \
    }                                                                                                                  \
  } while (0)

/* The only weak reference to `object`, borrowed: that of an entry. */
static inline ouro_weak *weak_of_entry(void *object) {
  ouro_weak *weak = NULL;
  TEST_CHECK(ouro_weak_list(object, &weak, 1) == 1);
  return weak;
}

#endif
