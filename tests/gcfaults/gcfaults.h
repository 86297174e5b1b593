/* tests/gcfaults/gcfaults.h - what the scenarios of test_gcfaults.c share: what may fail, types, and small helpers. */
#ifndef OURO_TEST_GCFAULTS_H
#define OURO_TEST_GCFAULTS_H

#include "support/support.h"

#include <errno.h>
#include <string.h>

#include <ouro/ouro.h>

/* ---------------------------------------------------------------- what may fail */

/* Of the point that runs. */
typedef struct test_point {
  bool strict; /* there is memory: nothing may fail */
  bool exact;  /* strict, and the scenario runs by itself: results of collections are known */
} test_point;

extern test_point point;

/* Has memory been refused since the scenario began? */
bool refused(void);

/* The result, which may be NULL only where memory was refused. */
void *got(void *result);

/* The same for functions that return a code; whether it succeeded. */
bool done(int code);

/* What must be so if nothing has failed. */
#define SURE(condition) TEST_CHECK(!point.exact || (condition))

/* ---------------------------------------------------------------- objects */

typedef struct cell {
  ouro_object base;
  void *left, *right;
  void (*act)(struct cell *self); /* by the finalizer of those that have one */
} cell;

#define CELL_SLOTS OURO_REFERENCES(offsetof(cell, left), offsetof(cell, right))

typedef struct list {
  ouro_var base;
  void *item[];
} list;

extern ouro_type cell_type, final_type, list_type;

cell *new_cell(ouro_type *type);

/* A cell that refers to itself, and to `other`; dropped. */
void drop_cycle(ouro_type *type, void *other);

void make_all(void **objects, size_t count);
void drop_all(void **objects, size_t count);

void collect(int generation);

/* Release what scenarios keep beyond their end: what was prepared, and what was saved by finalizers. */
void release_prepared(void);
void release_saved(void);

/* ---------------------------------------------------------------- scenarios */

typedef struct scenario {
  const char *name;
  void (*run)(void);
  void (*prepare)(void); /* before allocations fail; NULL: nothing */
  bool keeps;            /* each run leaves blocks behind, as it should */
} scenario;

/* Each list ends with a name that is NULL. */
extern const scenario object_scenarios[], weak_scenarios[], collector_scenarios[];

#endif
