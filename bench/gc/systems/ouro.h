/* ouro.h - the workloads' objects as ouro's. Programs link libouro.a. */
#ifndef SYSTEM_OURO_H
#define SYSTEM_OURO_H

#define OURO_STATIC
#include <ouro/ouro.h>

#define SYSTEM_COUNTS
#define SYSTEM_TELLS
#define SYSTEM_HEADER_BYTES sizeof(ouro_object)

#ifndef NODE_FIELDS
#define NODE_FIELDS
#endif

typedef struct node {
  ouro_object base;
  struct node *left, *right;
  NODE_FIELDS
} node;

static ouro_type node_type = {
    .name = "node",
    .size = sizeof(node),
    .references = OURO_REFERENCES(offsetof(node, left), offsetof(node, right)),
};

ALWAYS_INLINE void system_start(void) {
  char text[200];
  if (ouro_type_check(&node_type, text, sizeof text) != 0) work_fail(text);
}

ALWAYS_INLINE node *node_new(void) {
  ouro_safepoint();
  node *n = ouro_new(&node_type);
  if (n == NULL) work_fail("ouro_new");
  return n;
}

ALWAYS_INLINE void node_retain(node *n) { ouro_incref(n); }
ALWAYS_INLINE void node_release(node *n) { ouro_decref(n); }
ALWAYS_INLINE void node_set(node **slot, node *value) { ouro_movref(slot, value); }

ALWAYS_INLINE size_t node_bytes(node *n) { return ouro_object_size(n); }

ALWAYS_INLINE void system_automatic(bool on) {
  if (on) {
    ouro_gc_enable();
  } else {
    ouro_gc_disable();
  }
}

ALWAYS_INLINE size_t system_collect(void) {
  ptrdiff_t found = ouro_gc_collect(2);
  if (found < 0) work_fail("ouro_gc_collect");
  return (size_t)found;
}

typedef ouro_weak *weakref;

ALWAYS_INLINE void weak_make(weakref *slot, node *n) {
  if ((*slot = ouro_weak_new(n)) == NULL) work_fail("ouro_weak_new");
}
ALWAYS_INLINE node *weak_get(weakref *slot) { return ouro_weak_get(*slot); }
ALWAYS_INLINE void weak_drop(weakref *slot) { ouro_clear(slot); }

/* Things: objects of any number of references and of any size, tracked or not. */
typedef struct thing {
  ouro_var base;
  struct thing *slots[];
} thing;

static ouro_type tracked_type = {
    .name = "tracked", .size = sizeof(thing), .item_size = sizeof(void *), .flags = OURO_TYPE_ITEMS};
static ouro_type untracked_type = {.name = "untracked",
                                   .size = sizeof(thing),
                                   .item_size = sizeof(void *),
                                   .flags = OURO_TYPE_ITEMS | OURO_TYPE_ACYCLIC};

ALWAYS_INLINE thing *thing_new(bool tracked, size_t bytes, size_t references) {
  size_t least = (sizeof(thing) + references * sizeof(void *) + 15) & ~(size_t)15;
  size_t padding = bytes > least ? bytes - least : 0;
  ouro_type *type = tracked ? &tracked_type : &untracked_type;
  ouro_safepoint();
  thing *t = padding ? ouro_new_extra(type, references, padding) : ouro_new_var(type, references);
  if (t == NULL) work_fail("ouro_new_var");
  return t;
}

ALWAYS_INLINE thing *thing_get(thing *t, size_t slot) { return t->slots[slot]; }
ALWAYS_INLINE void thing_set(thing *t, size_t slot, thing *value) { ouro_setref(&t->slots[slot], value); }
ALWAYS_INLINE void thing_move(thing *to, thing *from, size_t slot) {
  ouro_movref(&to->slots[slot], ouro_steal(&from->slots[slot]));
}
ALWAYS_INLINE void thing_release(thing *t) { ouro_decref(t); }

/* The table of things is no root of the collector's: what is held in it is counted. */
ALWAYS_INLINE void system_roots(void *from, size_t bytes, bool on) { (void)from, (void)bytes, (void)on; }

#endif
