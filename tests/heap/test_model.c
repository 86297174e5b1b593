/* tests/heap/test_model.c - a million random operations against a model: a table of what should be live, and patterns in it.
 *
 * After each operation: the new block overlaps none that is live, is aligned, is large enough, and holds what it should. At
 * times the heap is trimmed, walked and verified, and must show exactly the blocks of the table. Seeds are fixed, so a failure
 * comes again; OURO_TEST_SEED=n adds a seed of one's own.
 *
 * Linked with: the core static library (ouro_core), support/support.c, support/shadow.c, cmocka. Also worth a run under
 * OURO_CONF=check. */
#include "support/support.h"

#include <errno.h>
#include <string.h>

#include <ouro/heap.h>

#include "support/shadow.h"

#define MIB ((size_t)1024 * 1024)
#define MOST_BYTES (192 * MIB)

typedef struct model {
  test_shadow shadow;
  test_rng rng;
  size_t bytes;    /* requested, of all live blocks */
  size_t target;   /* how many blocks to have about; moves, so that the heap fills and drains */
  uint64_t number; /* of the operation: the seed of each pattern */
  ouro_heap *private_heap;
} model;

/* ---------------------------------------------------------------- one operation */

static size_t random_size(model *m) {
  size_t room = MOST_BYTES - m->bytes;
  size_t largest = test_below(&m->rng, 50) == 0 ? 6 * MIB : 300000;
  return test_mixed_size(&m->rng, largest < room ? largest : room);
}

static void note_new(model *m, void *block, size_t size) {
  TEST_CHECK(block != NULL);
  TEST_CHECK(((uintptr_t)block & 15) == 0);
  size_t usable = ouro_usable_size(block);
  test_shadow_add(&m->shadow, block, size, usable, m->number);
  test_fill_sparse(block, size, m->number);
  m->bytes += size;
}

static void op_malloc(model *m) {
  size_t size = random_size(m);
  note_new(m, ouro_malloc(size), size);
}

static void op_calloc(model *m) {
  size_t size = random_size(m);
  char *block = test_next(&m->rng) % 2 == 0 ? ouro_calloc(1, size) : ouro_calloc(size, 1);
  TEST_CHECK(block != NULL);
  TEST_CHECK(test_all_bytes(block, 0, size));
  note_new(m, block, size);
}

static void op_aligned(model *m) {
  size_t size = random_size(m);
  size_t alignment = (size_t)1 << test_below(&m->rng, test_below(&m->rng, 16) == 0 ? 23 : 13);
  void *block = ouro_aligned_alloc(alignment, size);
  TEST_CHECK(((uintptr_t)block & (alignment - 1)) == 0);
  note_new(m, block, size);
}

static void op_private(model *m) {
  size_t size = random_size(m);
  void *block = test_next(&m->rng) % 2 == 0 ? ouro_heap_malloc(m->private_heap, size)
                                            : ouro_heap_aligned_alloc(m->private_heap, 64, size);
  note_new(m, block, size);
}

static void op_free(model *m) {
  if (m->shadow.count == 0) {
    return;
  }
  size_t index = test_below(&m->rng, m->shadow.count);
  test_block block = m->shadow.blocks[index];
  TEST_CHECK(test_holds_sparse(block.address, block.size, block.seed));
  TEST_CHECK(ouro_owns(block.address));
  test_shadow_remove(&m->shadow, index);
  m->bytes -= block.size;
  ouro_free(block.address);
}

/* Most programs change a size by a little, or double it. */
static size_t changed_size(model *m, size_t size) {
  switch (test_below(&m->rng, 4)) {
  case 0:
    return size + test_below(&m->rng, 64);
  case 1:
    return size * 2 + m->bytes > MOST_BYTES ? size / 2 : size * 2;
  case 2:
    return size / 2;
  default:
    return random_size(m);
  }
}

static void op_realloc(model *m) {
  if (m->shadow.count == 0) {
    return;
  }
  size_t index = test_below(&m->rng, m->shadow.count);
  test_block block = m->shadow.blocks[index];
  size_t size = changed_size(m, block.size);
  test_shadow_remove(&m->shadow, index);
  m->bytes -= block.size;
  void *moved = ouro_realloc(block.address, size);
  TEST_CHECK(moved != NULL);
  TEST_CHECK(test_holds_sparse_prefix(moved, block.size, size < block.size ? size : block.size, block.seed));
  note_new(m, moved, size);
}

/* ---------------------------------------------------------------- the whole against the model */

/* Under check, freed blocks wait in a queue, and are seen as if handed out: only then may there be others. */
static int mark_visited(const ouro_walk_item *item, void *arg) {
  model *m = arg;
  test_block *block = test_shadow_find(&m->shadow, item->address);
  if (test_check_mode()) {
    TEST_CHECK(block == NULL || item->size >= block->usable);
  } else {
    TEST_CHECK(block != NULL);
    TEST_CHECK(item->size == block->usable);
  }
  if (block != NULL) {
    block->visited++;
  }
  return 0;
}

static void check_against_walk_and_statistics(model *m) {
  ouro_heap_stats stats = {.struct_size = sizeof stats};
  ouro_thread_flush();
  for (size_t i = 0; i < m->shadow.count; i++) {
    m->shadow.blocks[i].visited = 0;
  }
  TEST_CHECK(ouro_heap_walk(OURO_WALK_BLOCK, mark_visited, m) == OURO_OK);
  for (size_t i = 0; i < m->shadow.count; i++) {
    TEST_CHECK(m->shadow.blocks[i].visited == 1);
  }
  TEST_CHECK(ouro_heap_stats_get(&stats) == OURO_OK);
  TEST_CHECK(stats.blocks_live >= m->shadow.count);
  TEST_CHECK(stats.bytes_live >= test_shadow_bytes(&m->shadow));
  if (!test_check_mode()) {
    TEST_CHECK(stats.blocks_live == m->shadow.count);
    TEST_CHECK(stats.bytes_live == test_shadow_bytes(&m->shadow));
  }
}

static void operate(model *m) {
  size_t kind = test_below(&m->rng, 100);
  bool full = m->shadow.count >= m->target || m->bytes > MOST_BYTES * 3 / 4;
  if (kind < 15) {
    op_realloc(m);
  } else if (kind < (full ? 70 : 45)) {
    op_free(m);
  } else if (kind < 80) {
    op_malloc(m);
  } else if (kind < 88) {
    op_calloc(m);
  } else if (kind < 94) {
    op_aligned(m);
  } else {
    op_private(m);
  }
}

static void attend_to_the_whole(model *m, size_t operation) {
  if (operation % 20011 == 0) {
    m->target = test_below(&m->rng, 6000);
  }
  if (operation % 9973 == 0) {
    ouro_heap_trim();
  }
  if (operation % 15013 == 0) {
    TEST_HEAP_IS_SOUND();
    check_against_walk_and_statistics(m);
  }
}

static void run_model(uint64_t seed, size_t operations) {
  model m = {.rng = {seed}, .target = 3000};
  test_shadow_init(&m.shadow);
  m.private_heap = ouro_heap_new(NULL);
  TEST_CHECK(m.private_heap != NULL);
  for (size_t i = 1; i <= operations; i++) {
    m.number = seed * 1000003 + i;
    operate(&m);
    attend_to_the_whole(&m, i);
  }
  check_against_walk_and_statistics(&m);
  while (m.shadow.count > 0) {
    op_free(&m);
  }
  check_against_walk_and_statistics(&m);
  ouro_heap_destroy(m.private_heap);
  test_shadow_done(&m.shadow);
  TEST_HEAP_IS_SOUND();
}

static void random_operations_agree_with_the_model(void **state) {
  (void)state;
  static const uint64_t seeds[] = {1, 2, 3, 20261120};
  for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++) {
    run_model(seeds[i], test_count(250000, 5000));
  }
  const char *own = getenv("OURO_TEST_SEED");
  if (own != NULL) {
    run_model(strtoull(own, NULL, 0), test_count(250000, 5000));
  }
}

/* The same with a heap that gives back at once: every free page is a page that faults again. */
static void random_operations_agree_with_the_model_without_decay(void **state) {
  (void)state;
  ouro_options options = {.struct_size = sizeof options};
  assert_int_equal(ouro_options_get(&options), OURO_OK);
  unsigned before = options.decay_ms;
  options.decay_ms = 0;
  assert_int_equal(ouro_options_set(&options), OURO_OK);
  run_model(77, test_count(100000, 5000));
  options.decay_ms = before;
  assert_int_equal(ouro_options_set(&options), OURO_OK);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(random_operations_agree_with_the_model),
      cmocka_unit_test(random_operations_agree_with_the_model_without_decay),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
