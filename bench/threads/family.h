/* family.h - families for produce.c: an object with eight children, each of them 16 bytes of its own, in three kinds: ouro's objects;
 * blocks of malloc with counts that are atomic; and plain blocks, which know no count. */
#ifndef FAMILY_H
#define FAMILY_H

#include <string.h>

#include "team.h"

enum { CHILDREN = 8 };

#if defined(SYSTEM_OURO_H)

typedef struct child {
  ouro_object base;
  uint64_t values[2];
} child;

typedef struct family {
  ouro_object base;
  child *children[CHILDREN];
} family;

static ouro_type child_type = {.name = "child", .size = sizeof(child)};
static ouro_type family_type = {
    .name = "family",
    .size = sizeof(family),
    .references = OURO_REFERENCES(offsetof(family, children[0]), offsetof(family, children[1]), offsetof(family, children[2]),
                                  offsetof(family, children[3]), offsetof(family, children[4]), offsetof(family, children[5]),
                                  offsetof(family, children[6]), offsetof(family, children[7])),
};

ALWAYS_INLINE child *child_new(void) {
  child *c = ouro_new(&child_type);
  if (c == NULL) work_fail("ouro_new");
  return c;
}

ALWAYS_INLINE family *family_shell(void) {
  ouro_safepoint();
  family *f = ouro_new(&family_type);
  if (f == NULL) work_fail("ouro_new");
  return f;
}

ALWAYS_INLINE void family_drop(family *f) { ouro_decref(f); }

#else

#if defined(SYSTEM_ATOMIC_H)
typedef atomic_uint counter;
#define COUNT_ONE(c) atomic_init(&(c), 1)
#define WAS_LAST(c) (atomic_fetch_sub_explicit(&(c), 1, memory_order_acq_rel) == 1)
#else
typedef unsigned counter; /* there, so that blocks are of the same size, and not used */
#define COUNT_ONE(c) ((c) = 1)
#define WAS_LAST(c) true
#endif

typedef struct child {
  counter count;
  uint64_t values[2];
} child;

typedef struct family {
  counter count;
  child *children[CHILDREN];
} family;

ALWAYS_INLINE child *child_new(void) {
  child *c = calloc(1, sizeof *c);
  if (c == NULL) work_fail("calloc");
  COUNT_ONE(c->count);
  return c;
}

ALWAYS_INLINE family *family_shell(void) {
  family *f = calloc(1, sizeof *f);
  if (f == NULL) work_fail("calloc");
  COUNT_ONE(f->count);
  return f;
}

ALWAYS_INLINE void family_drop(family *f) {
  if (!WAS_LAST(f->count)) return;
  for (size_t i = 0; i < CHILDREN; i++) {
    if (WAS_LAST(f->children[i]->count)) free(f->children[i]);
  }
  free(f);
}

#endif

ALWAYS_INLINE family *family_new(void) {
  family *f = family_shell();
  for (size_t i = 0; i < CHILDREN; i++) {
    f->children[i] = child_new();
    f->children[i]->values[0] = i;
  }
  return f;
}

#endif
