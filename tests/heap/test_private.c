/* tests/heap/test_private.c - private heaps: blocks of their own pools, limits of their own, destroyed whole.
 *
 * Linked with: the core static library (ouro_core), support/support.c, cmocka, threads. */
#include "support/support.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <ouro/heap.h>

#define KIB ((size_t)1024)
#define MIB (KIB * 1024)

static int heap_is_sound(void **state) {
  (void)state;
  TEST_HEAP_IS_SOUND();
  return 0;
}

static ouro_heap *new_heap(const char *name, size_t limit) {
  ouro_heap_options options = {.struct_size = sizeof options, .name = name, .limit_bytes = limit};
  ouro_heap *heap = ouro_heap_new(&options);
  TEST_CHECK(heap != NULL);
  return heap;
}

static size_t live_blocks(void) {
  ouro_heap_stats stats = {.struct_size = sizeof stats};
  ouro_thread_flush();
  TEST_CHECK(ouro_heap_stats_get(&stats) == OURO_OK);
  return stats.blocks_live;
}

static size_t held_bytes(void) {
  ouro_heap_stats stats = {.struct_size = sizeof stats};
  ouro_heap_trim();
  TEST_CHECK(ouro_heap_stats_get(&stats) == OURO_OK);
  return stats.bytes_held;
}

/* ---------------------------------------------------------------- new, use */

static void options_may_be_null_and_struct_size_is_checked(void **state) {
  (void)state;
  ouro_heap *heap = ouro_heap_new(NULL);
  assert_non_null(heap);
  ouro_heap_destroy(heap);
  static const size_t unknown[] = {0, 1, 8, sizeof(ouro_heap_options) + 64, SIZE_MAX};
  for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
    ouro_heap_options options = {.struct_size = unknown[i]};
    errno = 0;
    assert_null(ouro_heap_new(&options));
    assert_int_equal(errno, EINVAL);
  }
  ouro_heap_destroy(NULL);
}

static void blocks_of_a_private_heap_are_blocks_like_all_others(void **state) {
  (void)state;
  ouro_heap *heap = new_heap("blocks", 0);
  for (size_t size = 0; size < 9 * MIB; size += size < 3000 ? 7 : size / 2) {
    char *block = ouro_heap_malloc(heap, size);
    TEST_CHECK(block != NULL);
    TEST_CHECK(((uintptr_t)block & 15) == 0);
    TEST_CHECK(ouro_owns(block));
    TEST_CHECK(ouro_usable_size(block) >= size);
    test_fill_sparse(block, size, size);
    TEST_CHECK(test_holds_sparse(block, size, size));
    if (size % 2 == 0) {
      ouro_free(block);
    }
  }
  ouro_heap_destroy(heap);
}

static void calloc_from_a_private_heap_zeroes(void **state) {
  (void)state;
  ouro_heap *heap = new_heap("zero", 0);
  for (size_t size = 1; size < 5 * MIB; size += size / 2 + 5) {
    char *dirty = ouro_heap_malloc(heap, size);
    TEST_CHECK(dirty != NULL);
    memset(dirty, 0x77, size);
    ouro_free(dirty);
    char *block = ouro_heap_calloc(heap, size, 1);
    TEST_CHECK(block != NULL);
    TEST_CHECK(test_all_bytes(block, 0, size));
  }
  errno = 0;
  assert_null(ouro_heap_calloc(heap, test_opaque_size(SIZE_MAX / 2), 3));
  assert_int_equal(errno, ENOMEM);
  ouro_heap_destroy(heap);
}

static void aligned_blocks_come_from_a_private_heap_too(void **state) {
  (void)state;
  ouro_heap *heap = new_heap("aligned", 0);
  for (size_t alignment = 1; alignment <= 8 * MIB; alignment *= 2) {
    for (size_t size = 1; size < 2 * MIB; size *= 11) {
      void *block = ouro_heap_aligned_alloc(heap, alignment, size);
      TEST_CHECK(block != NULL);
      TEST_CHECK(((uintptr_t)block & (alignment - 1)) == 0);
      test_fill_sparse(block, size, 9);
      if (size % 3 == 0) {
        ouro_free(block);
      }
    }
  }
  errno = 0;
  assert_null(ouro_heap_aligned_alloc(heap, test_opaque_size(24), 8));
  assert_int_equal(errno, EINVAL);
  ouro_heap_destroy(heap);
}

static void impossible_sizes_are_refused_by_a_private_heap(void **state) {
  (void)state;
  ouro_heap *heap = new_heap("impossible", 0);
  char *block = ouro_heap_malloc(heap, 64);
  test_fill(block, 64, 1);
  static const size_t sizes[] = {(size_t)PTRDIFF_MAX + 1, SIZE_MAX - 65536, SIZE_MAX - 15, SIZE_MAX};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    errno = 0;
    assert_null(ouro_heap_malloc(heap, test_opaque_size(sizes[i])));
    assert_int_equal(errno, ENOMEM);
    errno = 0;
    assert_null(ouro_heap_realloc(heap, block, test_opaque_size(sizes[i])));
    assert_int_equal(errno, ENOMEM);
    errno = 0;
    assert_null(ouro_heap_aligned_alloc(heap, 64, test_opaque_size(sizes[i])));
    assert_int_equal(errno, ENOMEM);
  }
  assert_true(test_holds(block, 64, 1));
  ouro_heap_destroy(heap);
}

/* ---------------------------------------------------------------- pools of its own; the walk */

typedef struct found {
  const void *address;
  const ouro_heap *heap;
  size_t blocks;
} found;

static int find_block(const ouro_walk_item *item, void *arg) {
  found *f = arg;
  if (item->address == f->address) {
    f->heap = item->heap;
    f->blocks++;
  }
  return 0;
}

static const ouro_heap *heap_in_walk(const void *block) {
  found f = {.address = block};
  TEST_CHECK(ouro_heap_walk(OURO_WALK_BLOCK, find_block, &f) == OURO_OK);
  TEST_CHECK(f.blocks == 1);
  return f.heap;
}

static void the_walk_names_the_heap_of_a_block(void **state) {
  (void)state;
  ouro_heap *one = new_heap("one", 0);
  ouro_heap *two = new_heap("a name that is longer than thirty-one bytes, and so is cut", 0);
  static const size_t sizes[] = {16, 500, 5000, 100000, 400000, 5 * 1024 * 1024};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    void *in_one = ouro_heap_malloc(one, sizes[i]);
    void *in_two = ouro_heap_malloc(two, sizes[i]);
    void *in_common = ouro_malloc(sizes[i]);
    assert_ptr_equal(heap_in_walk(in_one), one);
    assert_ptr_equal(heap_in_walk(in_two), two);
    assert_null(heap_in_walk(in_common));
    ouro_free(in_common);
  }
  ouro_heap_destroy(one);
  ouro_heap_destroy(two);
}

typedef struct pool_owner {
  const char *from;
  const char *to;
  const ouro_heap *heap;
  size_t mixed;
} pool_owner;

static int check_pool_is_not_shared(const ouro_walk_item *item, void *arg) {
  pool_owner *owner = arg;
  const char *address = item->address;
  if (item->kind == OURO_WALK_POOL || item->kind == OURO_WALK_LARGE) {
    *owner = (pool_owner){address, address + item->size, item->heap, owner->mixed};
  } else if (item->kind == OURO_WALK_BLOCK) {
    TEST_CHECK(address >= owner->from && address < owner->to);
    owner->mixed += item->heap != owner->heap;
  }
  return 0;
}

static void heaps_share_no_pool(void **state) {
  (void)state;
  enum { HEAPS = 3, BLOCKS = 3000 };
  ouro_heap *heaps[HEAPS];
  static void *common[BLOCKS];
  test_rng rng = {5};
  for (size_t i = 0; i < HEAPS; i++) {
    heaps[i] = new_heap("shares not", 0);
  }
  for (size_t i = 0; i < BLOCKS; i++) {
    size_t size = test_mixed_size(&rng, 20000);
    common[i] = ouro_malloc(size);
    TEST_CHECK(ouro_heap_malloc(heaps[i % HEAPS], size) != NULL);
  }
  pool_owner owner = {NULL, NULL, NULL, 0};
  assert_int_equal(ouro_heap_walk(OURO_WALK_POOL | OURO_WALK_LARGE | OURO_WALK_BLOCK, check_pool_is_not_shared, &owner),
                   OURO_OK);
  assert_int_equal(owner.mixed, 0);
  for (size_t i = 0; i < BLOCKS; i++) {
    ouro_free(common[i]);
  }
  for (size_t i = 0; i < HEAPS; i++) {
    ouro_heap_destroy(heaps[i]);
  }
}

static void bytes_and_blocks_of_a_heap_are_told(void **state) {
  (void)state;
  ouro_heap *heap = new_heap("told", 0);
  enum { COUNT = 500 };
  static void *blocks[COUNT];
  size_t live = 77;
  assert_int_equal(ouro_heap_bytes(heap, &live), 0);
  assert_int_equal(live, 0);
  size_t usable = 0;
  for (size_t i = 0; i < COUNT; i++) {
    blocks[i] = ouro_heap_malloc(heap, i * 30);
    usable += ouro_usable_size(blocks[i]);
  }
  void *large = ouro_heap_malloc(heap, MIB);
  usable += ouro_usable_size(large);
  assert_true(ouro_heap_bytes(heap, &live) >= usable);
  assert_int_equal(live, COUNT + 1);
  assert_true(ouro_heap_bytes(heap, NULL) >= usable);
  ouro_free(large);
  for (size_t i = 0; i < COUNT; i++) {
    ouro_free(blocks[i]);
  }
  ouro_thread_flush();
  ouro_heap_trim();
  ouro_heap_bytes(heap, &live);
  assert_int_equal(live, 0);
  ouro_heap_destroy(heap);
}

/* ---------------------------------------------------------------- realloc stays */

static void realloc_keeps_a_block_in_its_heap(void **state) {
  (void)state;
  ouro_heap *heap = new_heap("stays", 0);
  static const size_t sizes[] = {10, 100, 30, 5000, 100000, 300000, 2097152, 6291456, 200000, 64, 0, 700};
  char *block = ouro_heap_malloc(heap, 1);
  size_t size = 1;
  test_fill(block, size, 3);
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    block = i % 2 == 0 ? ouro_realloc(block, sizes[i]) : ouro_heap_realloc(heap, block, sizes[i]);
    assert_non_null(block);
    assert_true(test_holds_sparse_prefix(block, size, size < sizes[i] ? size : sizes[i], 3));
    assert_ptr_equal(heap_in_walk(block), heap);
    size = sizes[i];
    test_fill_sparse(block, size, 3);
  }
  size_t live = 0;
  ouro_heap_bytes(heap, &live);
  assert_int_equal(live, 1);
  ouro_heap_destroy(heap);
}

static void heap_realloc_of_null_allocates_in_the_heap(void **state) {
  (void)state;
  ouro_heap *heap = new_heap("null", 0);
  void *block = ouro_heap_realloc(heap, NULL, 300);
  assert_non_null(block);
  assert_ptr_equal(heap_in_walk(block), heap);
  ouro_heap_destroy(heap);
}

/* ---------------------------------------------------------------- destroy */

static void blocks_of_a_destroyed_heap_are_gone(void **state) {
  (void)state;
  enum { COUNT = 1000 };
  static void *blocks[COUNT];
  size_t before = live_blocks();
  ouro_heap *heap = new_heap("goes", 0);
  test_rng rng = {8};
  for (size_t i = 0; i < COUNT; i++) {
    blocks[i] = ouro_heap_malloc(heap, test_mixed_size(&rng, 3 * MIB));
    TEST_CHECK(blocks[i] != NULL && ouro_owns(blocks[i]));
  }
  assert_true(live_blocks() == before + COUNT);
  ouro_heap_destroy(heap);
  for (size_t i = 0; i < COUNT; i++) {
    TEST_CHECK(!ouro_owns(blocks[i]));
  }
  assert_int_equal(live_blocks(), before);
}

static void destroying_a_heap_leaves_the_others_alone(void **state) {
  (void)state;
  enum { COUNT = 600 };
  static char *kept[COUNT];
  ouro_heap *stays = new_heap("stays", 0);
  ouro_heap *goes = new_heap("goes", 0);
  for (size_t i = 0; i < COUNT; i++) {
    size_t size = i * 11;
    TEST_CHECK(ouro_heap_malloc(goes, size) != NULL);
    kept[i] = i % 2 == 0 ? ouro_heap_malloc(stays, size) : ouro_malloc(size);
    test_fill(kept[i], size, i);
  }
  ouro_heap_destroy(goes);
  ouro_heap_trim();
  for (size_t i = 0; i < COUNT; i++) {
    TEST_CHECK(test_holds(kept[i], i * 11, i));
    ouro_free(kept[i]);
  }
  ouro_heap_destroy(stays);
}

static void ten_thousand_heaps_leave_no_growth(void **state) {
  (void)state;
  size_t count = test_count(10000, 500);
  size_t held = 0;
  size_t address_space = 0;
  for (size_t i = 0; i < count; i++) {
    ouro_heap *heap = new_heap("one of many", 0);
    for (size_t size = 1; size < 300000; size *= 8) {
      char *block = ouro_heap_malloc(heap, size);
      TEST_CHECK(block != NULL);
      block[0] = 1;
    }
    ouro_heap_destroy(heap);
    if (i == count / 10) {
      held = held_bytes();
      address_space = test_virtual_bytes();
    }
  }
  assert_true(held_bytes() <= held + MIB);
  if (!TEST_ASAN && !TEST_TSAN) {
    assert_true(test_virtual_bytes() <= address_space + 16 * MIB);
  }
}

static void many_heaps_can_live_at_once(void **state) {
  (void)state;
  enum { HEAPS = 300 };
  static ouro_heap *heaps[HEAPS];
  static char *blocks[HEAPS];
  for (size_t i = 0; i < HEAPS; i++) {
    heaps[i] = new_heap("at once", 0);
    blocks[i] = ouro_heap_malloc(heaps[i], 1000);
    test_fill(blocks[i], 1000, i);
  }
  for (size_t i = 0; i < HEAPS; i++) {
    TEST_CHECK(test_holds(blocks[i], 1000, i));
    ouro_heap_destroy(heaps[i]);
  }
}

/* ---------------------------------------------------------------- limit */

static void a_heap_keeps_its_limit_and_others_are_not_affected(void **state) {
  (void)state;
  static const size_t sizes[] = {64, 3000, 100000, 500000};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    ouro_heap *heap = new_heap("limited", 4 * MIB);
    size_t blocks = 0;
    void *last = NULL;
    void *block;
    errno = 0;
    while ((block = ouro_heap_malloc(heap, sizes[i])) != NULL) {
      TEST_CHECK(blocks * sizes[i] <= 4 * MIB);
      last = block;
      blocks++;
    }
    assert_int_equal(errno, ENOMEM);
    assert_true(blocks * sizes[i] >= 2 * MIB);
    assert_true(ouro_heap_bytes(heap, NULL) <= 4 * MIB);
    void *elsewhere = ouro_malloc(sizes[i]);
    assert_non_null(elsewhere);
    ouro_free(elsewhere);
    ouro_free(last);
    ouro_thread_flush();
    assert_non_null(ouro_heap_malloc(heap, sizes[i]));
    ouro_heap_destroy(heap);
  }
}

static void realloc_beyond_the_limit_fails_and_changes_nothing(void **state) {
  (void)state;
  ouro_heap *heap = new_heap("limited", 2 * MIB);
  char *block = ouro_heap_malloc(heap, MIB);
  assert_non_null(block);
  test_fill(block, MIB, 4);
  errno = 0;
  assert_null(ouro_realloc(block, 3 * MIB));
  assert_int_equal(errno, ENOMEM);
  errno = 0;
  assert_null(ouro_heap_realloc(heap, block, 64 * MIB));
  assert_int_equal(errno, ENOMEM);
  errno = 0;
  assert_null(ouro_heap_aligned_alloc(heap, 4 * MIB, 3 * MIB));
  assert_int_equal(errno, ENOMEM);
  errno = 0;
  assert_null(ouro_heap_calloc(heap, 3, MIB));
  assert_int_equal(errno, ENOMEM);
  assert_true(test_holds(block, MIB, 4));
  size_t live = 0;
  ouro_heap_bytes(heap, &live);
  assert_int_equal(live, 1);
  ouro_heap_destroy(heap);
}

/* ---------------------------------------------------------------- threads */

enum { SHARED_BLOCKS = 4000 };

typedef struct shared {
  ouro_heap *heap;
  char **blocks;
  size_t first;
  size_t count;
} shared;

static void *free_blocks(void *arg) {
  shared *s = arg;
  for (size_t i = s->first; i < s->first + s->count; i++) {
    TEST_CHECK(test_holds(s->blocks[i], i % 700, i));
    ouro_free(s->blocks[i]);
  }
  return NULL;
}

static void *take_blocks(void *arg) {
  shared *s = arg;
  for (size_t i = s->first; i < s->first + s->count; i++) {
    s->blocks[i] = ouro_heap_malloc(s->heap, i % 700);
    TEST_CHECK(s->blocks[i] != NULL);
    test_fill(s->blocks[i], i % 700, i);
  }
  return NULL;
}

static void in_threads(void *(*body)(void *), shared *work, size_t threads) {
  pthread_t ids[8];
  for (size_t i = 0; i < threads; i++) {
    TEST_CHECK(pthread_create(&ids[i], NULL, body, &work[i]) == 0);
  }
  for (size_t i = 0; i < threads; i++) {
    pthread_join(ids[i], NULL);
  }
}

static void several_threads_may_use_one_heap_and_free_its_blocks(void **state) {
  (void)state;
  static char *blocks[SHARED_BLOCKS];
  enum { THREADS = 4, SHARE = SHARED_BLOCKS / THREADS };
  ouro_heap *heap = new_heap("shared", 0);
  shared take[THREADS];
  shared give[THREADS];
  for (size_t i = 0; i < THREADS; i++) {
    take[i] = (shared){heap, blocks, i * SHARE, SHARE};
    give[i] = (shared){heap, blocks, (i + 1) % THREADS * SHARE, SHARE};
  }
  for (int round = 0; round < 10; round++) {
    in_threads(take_blocks, take, THREADS);
    TEST_HEAP_IS_SOUND();
    in_threads(free_blocks, give, THREADS);
  }
  size_t live = 0;
  ouro_heap_bytes(heap, &live);
  assert_int_equal(live, 0);
  ouro_heap_destroy(heap);
}

static void a_heap_may_be_destroyed_while_others_have_freed_into_it(void **state) {
  (void)state;
  static char *blocks[SHARED_BLOCKS];
  for (int round = 0; round < 5; round++) {
    ouro_heap *heap = new_heap("freed by others", 0);
    shared work = {heap, blocks, 0, SHARED_BLOCKS};
    take_blocks(&work);
    work.count = SHARED_BLOCKS / 2;
    in_threads(free_blocks, &work, 1);
    ouro_heap_destroy(heap);
    TEST_HEAP_IS_SOUND();
  }
}

/* ---------------------------------------------------------------- giving back */

static bool heap_is_small(void *arg) { return ouro_heap_bytes(arg, NULL) < MIB; }

static void an_emptied_heap_gives_its_pools_back(void **state) {
  (void)state;
  ouro_heap *heap = new_heap("emptied", 0);
  enum { COUNT = 20000 };
  void **blocks = calloc(COUNT, sizeof *blocks);
  for (size_t i = 0; i < COUNT; i++) {
    blocks[i] = ouro_heap_malloc(heap, 1000);
    TEST_CHECK(blocks[i] != NULL);
  }
  for (size_t i = 0; i < COUNT; i++) {
    ouro_free(blocks[i]);
  }
  free(blocks);
  ouro_thread_flush();
  ouro_heap_trim();
  assert_true(test_wait_until(heap_is_small, heap, 5));
  assert_non_null(ouro_heap_malloc(heap, 1000));
  ouro_heap_destroy(heap);
}

#define TEST(name) cmocka_unit_test_teardown(name, heap_is_sound)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(options_may_be_null_and_struct_size_is_checked),
      TEST(blocks_of_a_private_heap_are_blocks_like_all_others),
      TEST(calloc_from_a_private_heap_zeroes),
      TEST(aligned_blocks_come_from_a_private_heap_too),
      TEST(impossible_sizes_are_refused_by_a_private_heap),
      TEST(the_walk_names_the_heap_of_a_block),
      TEST(heaps_share_no_pool),
      TEST(bytes_and_blocks_of_a_heap_are_told),
      TEST(realloc_keeps_a_block_in_its_heap),
      TEST(heap_realloc_of_null_allocates_in_the_heap),
      TEST(blocks_of_a_destroyed_heap_are_gone),
      TEST(destroying_a_heap_leaves_the_others_alone),
      TEST(ten_thousand_heaps_leave_no_growth),
      TEST(many_heaps_can_live_at_once),
      TEST(a_heap_keeps_its_limit_and_others_are_not_affected),
      TEST(realloc_beyond_the_limit_fails_and_changes_nothing),
      TEST(several_threads_may_use_one_heap_and_free_its_blocks),
      TEST(a_heap_may_be_destroyed_while_others_have_freed_into_it),
      TEST(an_emptied_heap_gives_its_pools_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
