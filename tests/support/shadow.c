/* tests/support/shadow.c - the table of shadow.h: a sorted array, found by halving. */
#include "support/shadow.h"

#include <string.h>

void test_shadow_init(test_shadow *shadow) { *shadow = (test_shadow){NULL, 0, 0}; }

void test_shadow_done(test_shadow *shadow) {
  free(shadow->blocks);
  test_shadow_init(shadow);
}

/* Index of the first block whose address is not below `address`. */
static size_t lower_bound(const test_shadow *shadow, const char *address) {
  size_t from = 0;
  size_t to = shadow->count;
  while (from < to) {
    size_t middle = from + (to - from) / 2;
    if (shadow->blocks[middle].address < address) {
      from = middle + 1;
    } else {
      to = middle;
    }
  }
  return from;
}

static size_t span(const test_block *block) { return block->usable != 0 ? block->usable : 1; }

void test_shadow_add(test_shadow *shadow, void *address, size_t size, size_t usable, uint64_t seed) {
  test_block block = {address, size, usable, seed, 0};
  TEST_CHECK(address != NULL);
  TEST_CHECK(usable >= size);
  if (shadow->count == shadow->capacity) {
    shadow->capacity = shadow->capacity == 0 ? 1024 : shadow->capacity * 2;
    shadow->blocks = realloc(shadow->blocks, shadow->capacity * sizeof *shadow->blocks);
    TEST_CHECK(shadow->blocks != NULL);
  }
  size_t at = lower_bound(shadow, address);
  if (at < shadow->count) {
    TEST_CHECK(block.address + span(&block) <= shadow->blocks[at].address);
  }
  if (at > 0) {
    TEST_CHECK(shadow->blocks[at - 1].address + span(&shadow->blocks[at - 1]) <= block.address);
  }
  memmove(shadow->blocks + at + 1, shadow->blocks + at, (shadow->count - at) * sizeof block);
  shadow->blocks[at] = block;
  shadow->count++;
}

void test_shadow_remove(test_shadow *shadow, size_t index) {
  TEST_CHECK(index < shadow->count);
  shadow->count--;
  memmove(shadow->blocks + index, shadow->blocks + index + 1, (shadow->count - index) * sizeof *shadow->blocks);
}

test_block *test_shadow_find(test_shadow *shadow, const void *address) {
  size_t at = lower_bound(shadow, address);
  return at < shadow->count && shadow->blocks[at].address == address ? &shadow->blocks[at] : NULL;
}

size_t test_shadow_bytes(const test_shadow *shadow) {
  size_t bytes = 0;
  for (size_t i = 0; i < shadow->count; i++) {
    bytes += shadow->blocks[i].usable;
  }
  return bytes;
}
