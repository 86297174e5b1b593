/* tests/pairs/pairs.h - what a function is applied to, by two threads at once: a SHARED set of objects, made anew for each pair, and what
 * each SIDE has of its own.
 *
 * Each function of <ouro/object.h>, weak.h, weakmap.h, gc.h and thread.h that can be applied to what is shared is an entry: a short body
 * that calls it once, and leaves all counts as it found them. What is not an entry is excluded, with the reason (pairs.c). */
#ifndef OURO_TEST_PAIRS_H
#define OURO_TEST_PAIRS_H

#include "thread/things.h"

typedef struct shared {
  thing *x, *y;          /* each side owns a reference to x and one to y. Their slots are guarded by x's section */
  thing *made_with_extra; /* as all below: held by the pair */
  thing *visited;        /* its slots are shown by a visit function; they hold x and y for ever */
  ouro_type *type;       /* made at run time */
  ouro_type *fresh;      /* never used before the pair */
  ouro_weak *weak, *heard; /* to x: the shared one, and one with a callback */
  ouro_finalizer *finalizer; /* of x */
  ouro_weak_keys *keys;
  ouro_weak_values *values;
  ouro_weak_set *set;
} shared;

typedef struct side {
  shared *all;
  thing *mine;     /* an object of this side; nobody else sees it */
  unsigned number; /* 0: the thread that made what is shared; 1: the other */
  unsigned turn;   /* how often the function was called before, in this pair */
} side;

typedef struct entry {
  const char *name;
  void (*call)(side *me);
} entry;

/* Each part of the table: ended by a NULL. */
extern const entry object_entries[], weak_entries[], map_entries[], gc_entries[], thread_entries[];

/* An entry: BODY(ouro_incref) { ... me->all->x ... }   and in the table: ENTRY(ouro_incref). */
#define BODY(name) static void call_##name(side *me)
#define ENTRY(name) {#name, call_##name}

/* Visitors and writers that do nothing, and go on. */
int see(void *object, void *arg);
int write_nowhere(void *arg, const char *text, size_t length);

#endif
