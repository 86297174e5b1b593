/* tests/heap/test_verify.c - the checker of the heap is itself checked: each invariant of heap/layout.h is broken in turn,
 * must be found and named, and the heap is sound again when it is mended.
 *
 * The one test that knows the structures. Linked with: the core static library (ouro_core), support/support.c, cmocka. */
#include "support/support.h"

#include <string.h>

#include <ouro/heap.h>

#include "heap/arena.h"
#include "heap/layout.h"

/* One pool of a class of its own, with blocks in use and free ones. */
enum { BLOCKS = 100, SIZE = 400 };
static void *blocks[BLOCKS];
static ouro__pool *pool;
static ouro__arena *arena;

static int make_pool(void **state) {
  (void)state;
  ouro_options options = {.struct_size = sizeof options};
  TEST_CHECK(ouro_options_get(&options) == OURO_OK);
  options.background = false;
  TEST_CHECK(ouro_options_set(&options) == OURO_OK);
  for (size_t i = 0; i < BLOCKS; i++) {
    blocks[i] = ouro_malloc(SIZE);
    TEST_CHECK(blocks[i] != NULL);
  }
  for (size_t i = 0; i < BLOCKS; i += 2) {
    ouro_free(blocks[i]);
  }
  ouro_thread_flush();
  uint32_t unit = ouro__unit_of(blocks[1]);
  TEST_CHECK(unit != OURO_NONE);
  pool = &ouro__the_region.pools[unit];
  arena = &ouro__the_region.arenas[unit / OURO_ARENA_UNITS];
  TEST_HEAP_IS_SOUND();
  return 0;
}

static int free_pool(void **state) {
  (void)state;
  TEST_HEAP_IS_SOUND();
  for (size_t i = 1; i < BLOCKS; i += 2) {
    ouro_free(blocks[i]);
  }
  ouro_thread_flush();
  return 0;
}

/* The checker finds something, says `name`, counts the same without a text, and cuts the text where the room ends. */
static void check_is_found(const char *name) {
  char text[256];
  char small[8];
  memset(small, 'x', sizeof small);
  size_t count = ouro_heap_verify(text, sizeof text);
  assert_true(count > 0);
  assert_non_null(strstr(text, name));
  assert_non_null(strstr(text, " at 0x"));
  assert_int_equal(ouro_heap_verify(NULL, 0), count);
  assert_int_equal(ouro_heap_verify(small, sizeof small), count);
  assert_int_equal(strlen(small), sizeof small - 1);
  assert_memory_equal(small, text, sizeof small - 1);
}

static void a_wrong_number_of_free_blocks_is_found(void **state) {
  (void)state;
  pool->nfree++;
  check_is_found("I-POOL-1");
  pool->nfree--;
}

static void a_free_block_that_does_not_exist_is_found(void **state) {
  (void)state;
  unsigned beyond = pool->blocks;
  assert_true(beyond % 64 != 0);
  uint64_t bit = UINT64_C(1) << (beyond % 64);
  ouro__store_relaxed(&pool->bits[beyond / 64], ouro__load_relaxed(&pool->bits[beyond / 64]) | bit);
  check_is_found("I-POOL-1");
  ouro__store_relaxed(&pool->bits[beyond / 64], ouro__load_relaxed(&pool->bits[beyond / 64]) & ~bit);
}

static void a_block_that_is_free_twice_over_is_found(void **state) {
  (void)state;
  unsigned word = 0;
  while (ouro__load_relaxed(&pool->bits[word]) == 0) {
    word++;
  }
  uint64_t bits = ouro__load_relaxed(&pool->bits[word]);
  uint64_t remote = ouro__load_relaxed(&pool->bits[pool->words + word]);
  ouro__store_relaxed(&pool->bits[pool->words + word], remote | (bits & (~bits + 1)));
  check_is_found("I-POOL-2");
  ouro__store_relaxed(&pool->bits[pool->words + word], remote);
}

static void a_pool_in_the_wrong_list_is_found(void **state) {
  (void)state;
  uint8_t bucket = pool->bucket;
  pool->bucket = (uint8_t)((bucket + 1) % OURO_BUCKETS);
  check_is_found("I-POOL-3");
  pool->bucket = bucket;
}

static void a_returned_page_under_a_block_in_use_is_found(void **state) {
  (void)state;
  uint64_t returned = pool->returned;
  size_t offset = (size_t)((char *)blocks[1] - ouro__pool_address(pool));
  pool->returned |= UINT64_C(1) << (offset / OURO_PAGE_BYTES);
  check_is_found("I-POOL-4");
  pool->returned = returned;
}

static void a_returned_page_that_does_not_exist_is_found(void **state) {
  (void)state;
  uint64_t returned = pool->returned;
  pool->returned |= UINT64_C(1) << 63;
  check_is_found("I-POOL-4");
  pool->returned = returned;
}

static void a_pool_of_another_block_size_is_found(void **state) {
  (void)state;
  pool->size += 16;
  check_is_found("block size");
  pool->size -= 16;
}

static void a_large_block_that_is_larger_than_its_run_is_found(void **state) {
  (void)state;
  char *block = ouro_malloc(300000);
  ouro__pool *large = &ouro__the_region.pools[ouro__unit_of(block)];
  uint32_t pages = large->size;
  large->size = large->magic * (uint32_t)(OURO_UNIT_BYTES / OURO_PAGE_BYTES) + 1;
  check_is_found("large block");
  large->size = pages;
  ouro_free(block);
}

static void a_dirty_unit_that_is_in_use_is_found(void **state) {
  (void)state;
  uint64_t dirty = arena->dirty;
  arena->dirty |= arena->head;
  check_is_found("I-ARENA-1");
  arena->dirty = dirty;
}

static void a_wrong_number_of_free_units_is_found(void **state) {
  (void)state;
  uint64_t clean = arena->free & ~arena->dirty;
  assert_true(clean != 0);
  arena->free &= ~(clean & (~clean + 1));
  check_is_found("I-ARENA-2");
  arena->free |= clean;
}

static void an_arena_in_the_wrong_list_is_found(void **state) {
  (void)state;
  arena->nfree--;
  check_is_found("I-ARENA-2");
  arena->nfree++;
}

static void a_wrong_number_of_dirty_units_is_found(void **state) {
  (void)state;
  ouro__add_relaxed(&ouro__the_account.units_dirty, 1);
  check_is_found("dirty units");
  ouro__sub_relaxed(&ouro__the_account.units_dirty, 1);
}

static void all_violations_are_counted(void **state) {
  (void)state;
  uint8_t bucket = pool->bucket;
  pool->nfree++;
  size_t one = ouro_heap_verify(NULL, 0);
  ouro__add_relaxed(&ouro__the_account.units_dirty, 1);
  assert_int_equal(ouro_heap_verify(NULL, 0), one + 1);
  ouro__sub_relaxed(&ouro__the_account.units_dirty, 1);
  pool->nfree--;
  pool->bucket = bucket;
}

static void a_sound_heap_leaves_the_text_empty(void **state) {
  (void)state;
  char text[64] = "something";
  assert_int_equal(ouro_heap_verify(text, sizeof text), 0);
  assert_string_equal(text, "");
  assert_int_equal(ouro_heap_verify(text, 0), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_pool, free_pool)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_sound_heap_leaves_the_text_empty),
      TEST(a_wrong_number_of_free_blocks_is_found),
      TEST(a_free_block_that_does_not_exist_is_found),
      TEST(a_block_that_is_free_twice_over_is_found),
      TEST(a_pool_in_the_wrong_list_is_found),
      TEST(a_returned_page_under_a_block_in_use_is_found),
      TEST(a_returned_page_that_does_not_exist_is_found),
      TEST(a_pool_of_another_block_size_is_found),
      TEST(a_large_block_that_is_larger_than_its_run_is_found),
      TEST(a_dirty_unit_that_is_in_use_is_found),
      TEST(a_wrong_number_of_free_units_is_found),
      TEST(an_arena_in_the_wrong_list_is_found),
      TEST(a_wrong_number_of_dirty_units_is_found),
      TEST(all_violations_are_counted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
