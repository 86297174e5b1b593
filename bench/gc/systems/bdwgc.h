/* bdwgc.h - the workloads' objects as blocks of the Boehm-Demers-Weiser collector, as it comes: they have no header, nobody
 * counts or releases them, and the collector finds references in the stack, in static data and in the blocks. */
#ifndef SYSTEM_BDWGC_H
#define SYSTEM_BDWGC_H

#include <gc/gc.h>

#ifndef NODE_FIELDS
#define NODE_FIELDS
#endif

typedef struct node {
  struct node *left, *right;
  NODE_FIELDS
} node;

ALWAYS_INLINE void system_start(void) { GC_INIT(); }

ALWAYS_INLINE node *node_new(void) {
  node *n = GC_MALLOC(sizeof *n);
  if (n == NULL) work_fail("GC_MALLOC");
  return n;
}

ALWAYS_INLINE void node_retain(node *n) { (void)n; }
ALWAYS_INLINE void node_release(node *n) { (void)n; }
ALWAYS_INLINE void node_set(node **slot, node *value) { *slot = value; }

ALWAYS_INLINE size_t node_bytes(node *n) { return GC_size(n); }

ALWAYS_INLINE void system_automatic(bool on) {
  if (on) {
    GC_enable();
  } else {
    GC_disable();
  }
}

/* Blocks that it finds to be free are swept when somebody wants them, so that it cannot say how many there are. */
ALWAYS_INLINE size_t system_collect(void) {
  bool was_off = GC_is_disabled();
  if (was_off) GC_enable();
  GC_gcollect();
  if (was_off) GC_disable();
  return 0;
}

/* The address of the node is hidden from the collector, in a block that it does not look into. */
typedef GC_word *weakref;

ALWAYS_INLINE void weak_make(weakref *slot, node *n) {
  GC_word *cell = GC_MALLOC_ATOMIC(sizeof *cell);
  if (cell == NULL) work_fail("GC_MALLOC_ATOMIC");
  *cell = GC_HIDE_POINTER(n);
  if (GC_general_register_disappearing_link((void **)cell, n) != GC_SUCCESS) work_fail("a disappearing link");
  *slot = cell;
}

__attribute__((unused)) static void *GC_CALLBACK reveal(void *cell) {
  GC_word hidden = *(GC_word *)cell;
  return hidden == 0 ? NULL : GC_REVEAL_POINTER(hidden);
}

ALWAYS_INLINE node *weak_get(weakref *slot) { return GC_call_with_alloc_lock(reveal, *slot); }

ALWAYS_INLINE void weak_drop(weakref *slot) {
  GC_unregister_disappearing_link((void **)*slot);
  *slot = NULL;
}

/* Things: a header of as many bytes as in the other systems, then the slots. */
typedef struct thing {
  size_t header[3];
  struct thing *slots[];
} thing;

ALWAYS_INLINE thing *thing_new(bool tracked, size_t bytes, size_t references) {
  size_t least = sizeof(thing) + references * sizeof(void *);
  if (bytes < least) bytes = least;
  (void)tracked;
  thing *t = references > 0 ? GC_MALLOC(bytes) : GC_MALLOC_ATOMIC(bytes);
  if (t == NULL) work_fail("GC_MALLOC");
  return t;
}

ALWAYS_INLINE thing *thing_get(thing *t, size_t slot) { return t->slots[slot]; }
ALWAYS_INLINE void thing_set(thing *t, size_t slot, thing *value) { t->slots[slot] = value; }
ALWAYS_INLINE void thing_move(thing *to, thing *from, size_t slot) {
  to->slots[slot] = from->slots[slot];
  from->slots[slot] = NULL;
}
ALWAYS_INLINE void thing_release(thing *t) { (void)t; }

/* A table that holds things is memory that the collector does not know by itself. */
ALWAYS_INLINE void system_roots(void *from, size_t bytes, bool on) {
  if (on) {
    GC_add_roots(from, (char *)from + bytes);
  } else {
    GC_remove_roots(from, (char *)from + bytes);
  }
}

#endif
