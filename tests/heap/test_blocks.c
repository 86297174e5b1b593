/* tests/heap/test_blocks.c - what a block is: aligned, large enough, its contents its own, and what a request that cannot be
 * met leaves behind. One thread; black box.
 *
 * Linked with: the core static library (ouro_core), support/support.c, cmocka. Also worth a run under OURO_CONF=check. */
#include "support/support.h"

#include <errno.h>
#include <string.h>

#include <ouro/heap.h>

#define KIB ((size_t)1024)
#define MIB (KIB * 1024)
#define GIB (MIB * 1024)

/* What the header and the documentation promise of the classes. */
#define SMALL_TOP ((size_t)512)
#define CLASS_TOP (128 * KIB)
#define LARGE_UNIT (64 * KIB)

static int heap_is_sound(void **state) {
  (void)state;
  TEST_HEAP_IS_SOUND();
  return 0;
}

static bool aligned(const void *block, size_t alignment) { return ((uintptr_t)block & (alignment - 1)) == 0; }

/* ---------------------------------------------------------------- malloc */

static void check_new_block(void *block, size_t size) {
  TEST_CHECK(block != NULL);
  TEST_CHECK(aligned(block, 16));
  TEST_CHECK(ouro_owns(block));
  TEST_CHECK(ouro_usable_size(block) >= size);
}

/* A ring of blocks stays live, so that each is checked after others were taken and filled around it. */
#define RING 61

static void every_size_gives_an_aligned_block_that_keeps_its_contents(void **state) {
  (void)state;
  void *ring[RING] = {NULL};
  size_t sizes[RING] = {0};
  size_t step = test_scale() < 0.9 ? 7 : 1;
  size_t slot = 0;
  for (size_t size = 0; size <= 70000 + RING * step; size += step) {
    slot = (slot + 1) % RING;
    if (ring[slot] != NULL) {
      TEST_CHECK(test_holds(ring[slot], sizes[slot], sizes[slot]));
      ouro_free(ring[slot]);
      ring[slot] = NULL;
    }
    if (size <= 70000) {
      void *block = ouro_malloc(size);
      check_new_block(block, size);
      sizes[slot] = ouro_usable_size(block);
      test_fill(block, sizes[slot], sizes[slot]);
      ring[slot] = block;
    }
  }
  for (slot = 0; slot < RING; slot++) {
    if (ring[slot] != NULL) {
      TEST_CHECK(test_holds(ring[slot], sizes[slot], sizes[slot]));
      ouro_free(ring[slot]);
    }
  }
}

/* Around each power of two and each three quarters of one, up to 64 MiB. */
static void sizes_around_the_borders_of_classes_and_units_work(void **state) {
  (void)state;
  static const int deltas[] = {-17, -16, -15, -1, 0, 1, 15, 16, 17};
  for (size_t power = 64 * KIB; power <= 64 * MIB; power *= 2) {
    for (size_t quarter = 4; quarter < 8; quarter++) {
      for (size_t i = 0; i < sizeof deltas / sizeof *deltas; i++) {
        size_t size = power / 4 * quarter + (size_t)deltas[i];
        void *block = ouro_malloc(size);
        check_new_block(block, size);
        size_t usable = ouro_usable_size(block);
        test_fill_sparse(block, usable, size);
        TEST_CHECK(test_holds_sparse(block, usable, size));
        ouro_free(block);
      }
    }
  }
}

static void many_blocks_of_each_class_do_not_disturb_each_other(void **state) {
  (void)state;
  enum { MOST = 3000 };
  void **blocks = calloc(MOST, sizeof *blocks);
  for (unsigned index = 0; index < ouro_class_count(); index++) {
    ouro_class_stats stats = {.struct_size = sizeof stats};
    assert_int_equal(ouro_class_stats_get(index, &stats), OURO_OK);
    size_t size = stats.block_size;
    size_t count = test_count(8 * MIB, 1 * MIB) / size + 2;
    count = count < MOST ? count : MOST;
    for (size_t i = 0; i < count; i++) {
      blocks[i] = ouro_malloc(size);
      check_new_block(blocks[i], size);
      test_fill_sparse(blocks[i], size, i);
    }
    for (size_t i = 0; i < count; i++) {
      TEST_CHECK(test_holds_sparse(blocks[i], size, i));
      ouro_free(blocks[i]);
    }
  }
  free(blocks);
}

static void blocks_of_zero_bytes_are_unique(void **state) {
  (void)state;
  enum { COUNT = 2000 };
  static uintptr_t seen[COUNT];
  for (size_t i = 0; i < COUNT; i++) {
    void *block = i % 4 == 0   ? ouro_malloc(0)
                  : i % 4 == 1 ? ouro_calloc(0, 8)
                  : i % 4 == 2 ? ouro_calloc(8, 0)
                               : ouro_realloc(NULL, 0);
    check_new_block(block, 0);
    seen[i] = (uintptr_t)block;
  }
  for (size_t i = 0; i < COUNT; i++) {
    for (size_t j = i + 1; j < COUNT; j++) {
      TEST_CHECK(seen[i] != seen[j]);
    }
  }
  for (size_t i = 0; i < COUNT; i++) {
    ouro_free((void *)seen[i]);
  }
}

/* ---------------------------------------------------------------- good size, waste */

static void good_size_is_what_a_block_gets(void **state) {
  (void)state;
  size_t step = test_scale() < 0.9 ? 13 : 1;
  for (size_t size = 0; size <= 300000; size += size < 70000 ? step : 997) {
    void *block = ouro_malloc(size);
    TEST_CHECK(block != NULL);
    /* Under check a block may be used just as far as was asked, so that one byte too many is found. */
    if (test_check_mode()) {
      TEST_CHECK(ouro_usable_size(block) >= size && ouro_usable_size(block) <= size + 1);
    } else {
      TEST_CHECK(ouro_usable_size(block) == ouro_good_size(size));
    }
    ouro_free(block);
  }
}

static void good_size_never_falls_and_is_its_own_good_size(void **state) {
  (void)state;
  size_t before = 0;
  for (size_t size = 0; size <= 8 * MIB; size += size < 200000 ? 1 : 4099) {
    size_t good = ouro_good_size(size);
    TEST_CHECK(good >= size);
    TEST_CHECK(good >= before);
    TEST_CHECK(ouro_good_size(good) == good);
    before = good;
  }
}

static void waste_is_bounded(void **state) {
  (void)state;
  if (test_check_mode()) {
    skip();
  }
  for (size_t size = 1; size <= SMALL_TOP; size++) {
    TEST_CHECK(ouro_good_size(size) == (size + 15) / 16 * 16);
  }
  for (size_t size = SMALL_TOP + 1; size <= CLASS_TOP; size++) {
    TEST_CHECK(ouro_good_size(size) <= size + size / 8);
  }
  for (size_t size = CLASS_TOP + 1; size <= 64 * MIB; size += 4093) {
    TEST_CHECK(ouro_good_size(size) < size + LARGE_UNIT);
  }
}

static void good_size_of_what_cannot_be_had_does_not_wrap(void **state) {
  (void)state;
  static const size_t sizes[] = {PTRDIFF_MAX, (size_t)PTRDIFF_MAX + 1, SIZE_MAX - 70000, SIZE_MAX - 15, SIZE_MAX};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    assert_true(ouro_good_size(sizes[i]) >= sizes[i]);
  }
}

/* ---------------------------------------------------------------- requests that cannot be met */

static const size_t impossible[] = {
    (size_t)PTRDIFF_MAX + 1,
    (size_t)PTRDIFF_MAX + 2,
    SIZE_MAX / 2 + 4096,
    SIZE_MAX - 1024 * 1024 * 4,
    SIZE_MAX - 65536,
    SIZE_MAX - 65535,
    SIZE_MAX - 4096,
    SIZE_MAX - 4095,
    SIZE_MAX - 32,
    SIZE_MAX - 16,
    SIZE_MAX - 15,
    SIZE_MAX - 1,
    SIZE_MAX,
};
/* Not forbidden, but more than any address space of today holds. */
static const size_t hopeless[] = {PTRDIFF_MAX, PTRDIFF_MAX - 15, PTRDIFF_MAX - 4096, (size_t)1 << 62, (size_t)1 << 56};

static void check_refused(void *block) {
  TEST_CHECK(block == NULL);
  TEST_CHECK(errno == ENOMEM);
  errno = 0;
}

static void check_size_is_refused_everywhere(size_t size) {
  char *block = ouro_malloc(100);
  test_fill(block, 100, size);
  errno = 0;
  check_refused(ouro_malloc(test_opaque_size(size)));
  check_refused(ouro_calloc(1, test_opaque_size(size)));
  check_refused(ouro_calloc(test_opaque_size(size), 1));
  check_refused(ouro_realloc(block, test_opaque_size(size)));
  check_refused(ouro_realloc(NULL, test_opaque_size(size)));
  check_refused(ouro_reallocarray(block, 1, test_opaque_size(size)));
  for (size_t alignment = 1; alignment <= 4 * MIB; alignment *= 4) {
    check_refused(ouro_aligned_alloc(alignment, test_opaque_size(size)));
  }
  TEST_CHECK(test_holds(block, 100, size));
  TEST_CHECK(ouro_usable_size(block) >= 100);
  ouro_free(block);
}

static void impossible_sizes_are_refused_and_change_nothing(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof impossible / sizeof *impossible; i++) {
    check_size_is_refused_everywhere(impossible[i]);
  }
  for (size_t i = 0; i < sizeof hopeless / sizeof *hopeless; i++) {
    check_size_is_refused_everywhere(hopeless[i]);
  }
  for (size_t less = 0; less < 70000; less += 111) {
    errno = 0;
    check_refused(ouro_malloc(test_opaque_size(SIZE_MAX - less)));
  }
}

static void products_that_overflow_are_refused_and_change_nothing(void **state) {
  (void)state;
  static const size_t pairs[][2] = {
      {SIZE_MAX, 2},
      {2, SIZE_MAX},
      {SIZE_MAX, SIZE_MAX},
      {SIZE_MAX / 2 + 1, 2},
      {(size_t)1 << 32, (size_t)1 << 32},
      {((size_t)1 << 32) + 1, (size_t)1 << 32},
      {SIZE_MAX / 3 + 1, 3},
      {(size_t)1 << 63, 2},
      {((size_t)1 << 63) + 8, 2}, /* the product wraps to 16 */
      {SIZE_MAX / 16 + 2, 16},    /* to 16 as well */
      {PTRDIFF_MAX, 2},
  };
  char *block = ouro_malloc(700);
  test_fill(block, 700, 7);
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    size_t count = test_opaque_size(pairs[i][0]);
    size_t size = test_opaque_size(pairs[i][1]);
    errno = 0;
    check_refused(ouro_calloc(count, size));
    check_refused(ouro_reallocarray(block, count, size));
    check_refused(ouro_reallocarray(NULL, count, size));
  }
  assert_true(test_holds(block, 700, 7));
  ouro_free(block);
}

/* ---------------------------------------------------------------- calloc */

static void check_calloc_after_dirt(size_t size) {
  enum { COUNT = 24 };
  void *blocks[COUNT];
  size_t count = size > MIB ? 2 : COUNT;
  for (size_t i = 0; i < count; i++) {
    blocks[i] = ouro_malloc(size);
    TEST_CHECK(blocks[i] != NULL);
    memset(blocks[i], 0xd5, ouro_usable_size(blocks[i]));
  }
  for (size_t i = 0; i < count; i++) {
    ouro_free(blocks[i]);
  }
  for (size_t i = 0; i < count; i++) {
    blocks[i] = i % 2 == 0 ? ouro_calloc(1, size) : ouro_calloc(size, 1);
    TEST_CHECK(blocks[i] != NULL);
    TEST_CHECK(test_all_bytes(blocks[i], 0, size));
  }
  for (size_t i = 0; i < count; i++) {
    ouro_free(blocks[i]);
  }
}

static void calloc_zeroes_memory_that_was_dirty(void **state) {
  (void)state;
  for (size_t size = 1; size <= 1100; size += 9) {
    check_calloc_after_dirt(size);
  }
  for (size_t size = 1200; size <= 12 * MIB; size += size / 3 + 5) {
    check_calloc_after_dirt(size);
  }
}

static void calloc_multiplies(void **state) {
  (void)state;
  for (size_t count = 1; count < 400; count += 7) {
    for (size_t size = 1; size < 400; size += 11) {
      void *block = ouro_calloc(count, size);
      check_new_block(block, count * size);
      TEST_CHECK(test_all_bytes(block, 0, count * size));
      memset(block, 0xff, count * size);
      ouro_free(block);
    }
  }
}

/* ---------------------------------------------------------------- realloc */

static const size_t realloc_sizes[] = {
    0,       1,       15,          16,   17,      100,     112,     500,         512,     513,
    640,     641,     1000,        4096, 4097,    20000,   65536,   65537,       131072,  131073,
    200000,  262144,  MIB - 1,     MIB,  MIB + 1, 2 * MIB, 3 * MIB, 4 * MIB - 1, 4 * MIB, 4 * MIB + 4096,
    5 * MIB, 9 * MIB, 10 * MIB + 3};
#define REALLOC_SIZES (sizeof realloc_sizes / sizeof *realloc_sizes)

static void check_realloc(size_t from, size_t to) {
  char *block = ouro_malloc(from);
  TEST_CHECK(block != NULL);
  test_fill_sparse(block, from, from ^ to);
  block = ouro_realloc(block, to);
  check_new_block(block, to);
  TEST_CHECK(test_holds_sparse_prefix(block, from, from < to ? from : to, from ^ to));
  size_t usable = ouro_usable_size(block);
  test_fill_sparse(block, usable, 5);
  TEST_CHECK(test_holds_sparse(block, usable, 5));
  ouro_free(block);
}

static void realloc_keeps_the_contents_between_all_sizes(void **state) {
  (void)state;
  for (size_t from = 0; from < REALLOC_SIZES; from++) {
    for (size_t to = 0; to < REALLOC_SIZES; to++) {
      check_realloc(realloc_sizes[from], realloc_sizes[to]);
    }
  }
}

static void realloc_in_small_steps_keeps_the_contents(void **state) {
  (void)state;
  char *block = NULL;
  size_t size = 0;
  for (size_t next = 1; next < 3 * MIB; next += next / 9 + 1) {
    block = ouro_realloc(block, next);
    TEST_CHECK(block != NULL);
    TEST_CHECK(test_holds_sparse(block, size, 11));
    size = next;
    test_fill_sparse(block, size, 11);
  }
  while (size > 1) {
    size_t before = size;
    size -= size / 7 + 1;
    block = ouro_realloc(block, size);
    TEST_CHECK(block != NULL);
    TEST_CHECK(test_holds_sparse_prefix(block, before, size, 11));
    test_fill_sparse(block, size, 11);
  }
  ouro_free(block);
}

static void realloc_of_null_allocates(void **state) {
  (void)state;
  void *block = ouro_realloc(NULL, 333);
  check_new_block(block, 333);
  ouro_free(block);
  block = ouro_reallocarray(NULL, 9, 37);
  check_new_block(block, 333);
  ouro_free(block);
}

static void realloc_to_zero_gives_a_unique_block_and_frees_nothing_else(void **state) {
  (void)state;
  static const size_t sizes[] = {0, 1, 16, 400, 5000, 200000, 2 * 1024 * 1024};
  enum { COUNT = sizeof sizes / sizeof *sizes };
  void *blocks[2 * COUNT];
  for (size_t i = 0; i < COUNT; i++) {
    blocks[2 * i] = ouro_realloc(ouro_malloc(sizes[i]), test_opaque_size(0));
    blocks[2 * i + 1] = ouro_reallocarray(ouro_malloc(sizes[i]), test_opaque_size(0), 12);
  }
  for (size_t i = 0; i < 2 * COUNT; i++) {
    check_new_block(blocks[i], 0);
    for (size_t j = 0; j < i; j++) {
      assert_ptr_not_equal(blocks[i], blocks[j]);
    }
  }
  for (size_t i = 0; i < 2 * COUNT; i++) {
    ouro_free(blocks[i]);
  }
}

static void realloc_within_the_usable_size_stays_in_place(void **state) {
  (void)state;
  if (test_check_mode()) {
    skip();
  }
  for (size_t size = 1; size <= 100000; size += size / 5 + 1) {
    char *block = ouro_malloc(size);
    assert_non_null(block);
    void *grown = ouro_realloc(block, ouro_usable_size(block));
    assert_ptr_equal(grown, block);
    ouro_free(grown);
  }
}

static void reallocarray_multiplies_and_keeps_the_contents(void **state) {
  (void)state;
  uint64_t *numbers = NULL;
  for (size_t count = 1; count <= 4096; count *= 2) {
    numbers = ouro_reallocarray(numbers, count, sizeof *numbers);
    assert_non_null(numbers);
    TEST_CHECK(test_holds(numbers, count / 2 * sizeof *numbers, 3));
    test_fill(numbers, count * sizeof *numbers, 3);
  }
  ouro_free(numbers);
}

/* ---------------------------------------------------------------- alignment */

static void check_aligned(size_t alignment, size_t size) {
  errno = 0;
  void *block = ouro_aligned_alloc(alignment, size);
  TEST_CHECK(block != NULL);
  TEST_CHECK(aligned(block, alignment));
  TEST_CHECK(aligned(block, 16));
  TEST_CHECK(ouro_owns(block));
  size_t usable = ouro_usable_size(block);
  TEST_CHECK(usable >= size);
  test_fill_sparse(block, usable, alignment + size);
  TEST_CHECK(test_holds_sparse(block, usable, alignment + size));
  ouro_free(block);
}

static void every_power_of_two_is_an_alignment_for_every_kind_of_size(void **state) {
  (void)state;
  for (size_t alignment = 1; alignment <= (size_t)1 << 26; alignment *= 2) {
    static const size_t sizes[] = {0,     1,      8,      16,      17,      100,     500,    512,
                                   513,   1000,   3000,   4096,    4097,    8192,    20000,  65536,
                                   65537, 131072, 131073, 1000000, 4194304, 4194305, 5242880};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
      check_aligned(alignment, sizes[i]);
    }
    check_aligned(alignment, alignment);
    check_aligned(alignment, alignment - 1);
    check_aligned(alignment, alignment + 1);
  }
}

static void many_aligned_blocks_live_side_by_side(void **state) {
  (void)state;
  enum { COUNT = 2000 };
  static void *blocks[COUNT];
  static size_t sizes[COUNT];
  test_rng rng = {42};
  for (size_t i = 0; i < COUNT; i++) {
    size_t alignment = (size_t)1 << test_below(&rng, 15);
    sizes[i] = test_mixed_size(&rng, 50000);
    blocks[i] = ouro_aligned_alloc(alignment, sizes[i]);
    TEST_CHECK(blocks[i] != NULL && aligned(blocks[i], alignment));
    test_fill_sparse(blocks[i], sizes[i], i);
  }
  for (size_t i = 0; i < COUNT; i++) {
    TEST_CHECK(test_holds_sparse(blocks[i], sizes[i], i));
    ouro_free(blocks[i]);
  }
}

static void realloc_of_an_aligned_block_keeps_the_contents(void **state) {
  (void)state;
  for (size_t alignment = 1; alignment <= 8 * MIB; alignment *= 2) {
    for (size_t i = 0; i < REALLOC_SIZES; i += 2) {
      size_t size = realloc_sizes[i];
      char *block = ouro_aligned_alloc(alignment, 3000);
      TEST_CHECK(block != NULL);
      test_fill(block, 3000, alignment);
      block = ouro_realloc(block, size);
      check_new_block(block, size);
      TEST_CHECK(test_holds(block, size < 3000 ? size : 3000, alignment));
      ouro_free(block);
    }
  }
}

static void alignments_that_are_no_power_of_two_are_invalid(void **state) {
  (void)state;
  static const size_t alignments[] = {
      0, 3, 5, 6, 7, 12, 24, 48, 4095, 4097, 12288, ((size_t)1 << 26) + 16, SIZE_MAX, SIZE_MAX - 1};
  for (size_t i = 0; i < sizeof alignments / sizeof *alignments; i++) {
    errno = 0;
    assert_null(ouro_aligned_alloc(test_opaque_size(alignments[i]), 64));
    assert_int_equal(errno, EINVAL);
  }
}

static void alignments_too_large_for_the_address_space_are_refused(void **state) {
  (void)state;
  for (unsigned bit = 47; bit < 64; bit++) {
    for (size_t size = 1; size < 2 * GIB; size *= 1000) {
      errno = 0;
      assert_null(ouro_aligned_alloc(test_opaque_size((size_t)1 << bit), size));
      assert_int_equal(errno, ENOMEM);
    }
  }
}

/* ---------------------------------------------------------------- free and questions */

static void free_keeps_errno(void **state) {
  (void)state;
  static const size_t sizes[] = {0, 16, 700, 100000, 300000, 9 * 1024 * 1024};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    for (int turn = 0; turn < 300; turn++) {
      void *block = ouro_malloc(sizes[i]);
      TEST_CHECK(block != NULL);
      errno = 1234;
      ouro_free(block);
      TEST_CHECK(errno == 1234);
    }
  }
  errno = 1234;
  ouro_free(NULL);
  assert_int_equal(errno, 1234);
}

static void a_success_keeps_errno(void **state) {
  (void)state;
  for (size_t size = 0; size < 10 * MIB; size += size / 2 + 1) {
    errno = 1234;
    void *block = ouro_malloc(size);
    TEST_CHECK(errno == 1234);
    block = ouro_realloc(block, size * 2);
    TEST_CHECK(errno == 1234);
    ouro_free(block);
  }
}

/* What realloc moves by the system's page tables leaves mappings behind that do not join their neighbours again. */
static void vectors_that_grow_in_turn_keep_their_contents(void **state) {
  (void)state;
  char *vectors[3] = {NULL};
  size_t sizes[3] = {0};
  for (size_t turn = 0; turn < 24; turn++) {
    size_t at = turn % 3, more = sizes[at] ? sizes[at] / 2 : MIB + at * 4096;
    vectors[at] = ouro_realloc(vectors[at], sizes[at] + more);
    assert_non_null(vectors[at]);
    test_fill(vectors[at] + sizes[at], more, (unsigned)(turn + 1));
    assert_true(test_holds(vectors[at], MIB, (unsigned)(at + 1)));
    sizes[at] += more;
  }
  for (size_t at = 0; at < 3; at++) ouro_free(vectors[at]);
}

static void an_impossible_alignment_costs_nothing(void **state) {
  (void)state;
  ouro_heap_stats before = {.struct_size = sizeof before}, after = before;
  assert_int_equal(ouro_heap_stats_get(&before), OURO_OK);
  for (unsigned shift = 45; shift < 63; shift++) assert_null(ouro_aligned_alloc((size_t)1 << shift, 1));
  assert_int_equal(ouro_heap_stats_get(&after), OURO_OK);
  assert_int_equal(after.bytes_metadata, before.bytes_metadata);
}

static void free_with_the_size_that_was_requested_frees(void **state) {
  (void)state;
  ouro_heap_stats before = {.struct_size = sizeof before};
  ouro_heap_stats after = before;
  ouro_thread_flush();
  assert_int_equal(ouro_heap_stats_get(&before), OURO_OK);
  for (size_t size = 0; size < 6 * MIB; size += size < 2000 ? 1 : size / 3) {
    ouro_free_sized(ouro_malloc(size), size);
    ouro_free_sized(ouro_calloc(1, size), size);
    ouro_free_sized(ouro_realloc(ouro_malloc(size / 2), size), size);
    ouro_free_sized(ouro_realloc(ouro_malloc(size * 2), size), size);
  }
  for (size_t alignment = 16; alignment <= MIB; alignment *= 2) {
    for (size_t size = 0; size < 2 * MIB; size += size / 2 + 7) {
      ouro_free_aligned_sized(ouro_aligned_alloc(alignment, size), alignment, size);
    }
  }
  ouro_free_sized(NULL, 0);
  ouro_free_sized(NULL, 100);
  ouro_free_aligned_sized(NULL, 64, 100);
  ouro_thread_flush();
  assert_int_equal(ouro_heap_stats_get(&after), OURO_OK);
  assert_int_equal(after.blocks_live, before.blocks_live);
}

static void usable_size_of_null_is_zero(void **state) {
  (void)state;
  assert_int_equal(ouro_usable_size(NULL), 0);
}

static void owns_knows_beginnings_of_blocks_only(void **state) {
  (void)state;
  static char in_the_data;
  char on_the_stack = 0;
  void *from_libc = malloc(100);
  assert_false(ouro_owns(NULL));
  assert_false(ouro_owns(&in_the_data));
  assert_false(ouro_owns(&on_the_stack));
  assert_false(ouro_owns(from_libc));
  assert_false(ouro_owns((void *)(uintptr_t)0xdeadbeefdeadbeef));
  assert_false(ouro_owns((void *)(uintptr_t)-1));
  assert_false(ouro_owns((void *)(uintptr_t)1));
  assert_false(ouro_owns((void *)&ouro_malloc));
  free(from_libc);
  for (size_t size = 1; size < 9 * MIB; size += size / 2 + 3) {
    char *block = ouro_malloc(size);
    TEST_CHECK(ouro_owns(block));
    for (size_t offset = 1; offset < size; offset += offset) {
      TEST_CHECK(!ouro_owns(block + offset));
      TEST_CHECK(!ouro_owns(block + size - offset));
    }
    ouro_free(block);
  }
}

static void a_freed_block_is_not_owned_once_the_cache_is_empty(void **state) {
  (void)state;
  if (test_check_mode()) {
    skip(); /* it waits in a queue */
  }
  for (size_t size = 1; size < 9 * MIB; size += size / 2 + 3) {
    char *block = ouro_malloc(size);
    TEST_CHECK(block != NULL);
    ouro_free(block);
    ouro_thread_flush();
    TEST_CHECK(!ouro_owns(block));
  }
}

/* ---------------------------------------------------------------- huge */

static void a_block_of_a_gibibyte_costs_what_is_touched(void **state) {
  (void)state;
  if (test_check_mode()) {
    skip(); /* it copies, and fills what is freed */
  }
  ouro_heap_trim();
  size_t base = test_resident_bytes();
  char *block = ouro_malloc(GIB);
  assert_non_null(block);
  assert_true(ouro_usable_size(block) >= GIB);
  for (size_t offset = 0; offset < GIB; offset += 16 * MIB) {
    test_fill(block + offset, 64, offset);
  }
  test_fill(block + GIB - 64, 64, 1);
  if (!TEST_TSAN) {
    /* 64 places, each at worst in a huge page of its own; a copy or a zeroing would show all of it. */
    assert_true(test_resident_bytes() < base + 256 * MIB);
  }
  block = ouro_realloc(block, 2 * GIB);
  assert_non_null(block);
  test_fill(block + 2 * GIB - 64, 64, 2);
  for (size_t offset = 0; offset < GIB; offset += 16 * MIB) {
    assert_true(test_holds(block + offset, 64, offset));
  }
  assert_true(test_holds(block + GIB - 64, 64, 1));
  assert_true(test_holds(block + 2 * GIB - 64, 64, 2));
  if (!TEST_TSAN) {
    assert_true(test_resident_bytes() < base + 256 * MIB);
  }
  block = ouro_realloc(block, 100);
  assert_non_null(block);
  assert_true(test_holds(block, 64, 0));
  ouro_free(block);
}

static void calloc_of_a_gibibyte_is_zero_without_touching_it(void **state) {
  (void)state;
  if (test_check_mode()) {
    skip(); /* it copies, and fills what is freed */
  }
  ouro_heap_trim();
  size_t base = test_resident_bytes();
  char *block = ouro_calloc(GIB / 16, 16);
  assert_non_null(block);
  for (size_t offset = 0; offset < GIB; offset += 16 * MIB + 4096) {
    assert_true(test_all_bytes(block + offset, 0, 64));
  }
  if (!TEST_TSAN) {
    assert_true(test_resident_bytes() < base + 256 * MIB);
  }
  ouro_free(block);
}

#define TEST(name) cmocka_unit_test_teardown(name, heap_is_sound)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(every_size_gives_an_aligned_block_that_keeps_its_contents),
      TEST(sizes_around_the_borders_of_classes_and_units_work),
      TEST(many_blocks_of_each_class_do_not_disturb_each_other),
      TEST(blocks_of_zero_bytes_are_unique),
      TEST(good_size_is_what_a_block_gets),
      TEST(good_size_never_falls_and_is_its_own_good_size),
      TEST(waste_is_bounded),
      TEST(good_size_of_what_cannot_be_had_does_not_wrap),
      TEST(impossible_sizes_are_refused_and_change_nothing),
      TEST(products_that_overflow_are_refused_and_change_nothing),
      TEST(calloc_zeroes_memory_that_was_dirty),
      TEST(calloc_multiplies),
      TEST(realloc_keeps_the_contents_between_all_sizes),
      TEST(realloc_in_small_steps_keeps_the_contents),
      TEST(realloc_of_null_allocates),
      TEST(realloc_to_zero_gives_a_unique_block_and_frees_nothing_else),
      TEST(realloc_within_the_usable_size_stays_in_place),
      TEST(reallocarray_multiplies_and_keeps_the_contents),
      TEST(every_power_of_two_is_an_alignment_for_every_kind_of_size),
      TEST(many_aligned_blocks_live_side_by_side),
      TEST(realloc_of_an_aligned_block_keeps_the_contents),
      TEST(alignments_that_are_no_power_of_two_are_invalid),
      TEST(alignments_too_large_for_the_address_space_are_refused),
      TEST(free_keeps_errno),
      TEST(a_success_keeps_errno),
      TEST(vectors_that_grow_in_turn_keep_their_contents),
      TEST(an_impossible_alignment_costs_nothing),
      TEST(free_with_the_size_that_was_requested_frees),
      TEST(usable_size_of_null_is_zero),
      TEST(owns_knows_beginnings_of_blocks_only),
      TEST(a_freed_block_is_not_owned_once_the_cache_is_empty),
      TEST(a_block_of_a_gibibyte_costs_what_is_touched),
      TEST(calloc_of_a_gibibyte_is_zero_without_touching_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
