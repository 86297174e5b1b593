/* tests/support/shadow.h - a table of the blocks that a test believes to be live, kept apart from the heap.
 *
 * It is what the heap is compared with: no two blocks overlap, the walk shows each once, the counts agree. Entries are sorted
 * by address, so that neighbours are checked at each insertion. */
#ifndef OURO_TEST_SHADOW_H
#define OURO_TEST_SHADOW_H

#include "support/support.h"

typedef struct test_block {
  char *address;
  size_t size;      /* as requested */
  size_t usable;    /* as the heap says */
  uint64_t seed;    /* of the pattern in it */
  unsigned visited; /* for a walk to count in */
} test_block;

typedef struct test_shadow {
  test_block *blocks; /* sorted by address; [0, count) */
  size_t count;
  size_t capacity;
} test_shadow;

void test_shadow_init(test_shadow *shadow);
void test_shadow_done(test_shadow *shadow);

/* Note a new block; fails (TEST_CHECK) where its usable bytes overlap another's. `usable` must be at least `size`. */
void test_shadow_add(test_shadow *shadow, void *address, size_t size, size_t usable, uint64_t seed);

/* Forget block number `index`. */
void test_shadow_remove(test_shadow *shadow, size_t index);

/* The block that begins at `address`, or NULL. */
test_block *test_shadow_find(test_shadow *shadow, const void *address);

/* Sum of the usable bytes. */
size_t test_shadow_bytes(const test_shadow *shadow);

#endif
