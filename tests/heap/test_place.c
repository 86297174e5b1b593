/* tests/heap/test_place.c - where the heap lies: it never touches what others have mapped, passes over it, and lies elsewhere
 * where its usual place is taken.
 *
 * Each case is a child that is started anew, because the heap chooses its place at the first allocation. Sanitizers lay out the
 * address space themselves; the case that takes most of it is skipped there.
 *
 * Linked with: the core static library (ouro_core), support/support.c, support/shadow.c, cmocka. */
#include "support/support.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <ouro/heap.h>

#include "support/shadow.h"

#define KIB ((size_t)1024)
#define MIB (KIB * 1024)
#define TIB (MIB * 1024 * 1024)
#define ARENA (4 * MIB)

/* Take, check and free blocks of all kinds, some of several arenas; then see that all is well. */
static void use_the_heap(size_t count) {
  test_shadow shadow;
  test_rng rng = {17};
  test_shadow_init(&shadow);
  for (size_t i = 0; i < count; i++) {
    size_t size = i % 50 == 0 ? test_below(&rng, 20 * MIB) : test_mixed_size(&rng, 300000);
    void *block = i % 7 == 0 ? ouro_aligned_alloc((size_t)16 << test_below(&rng, 20), size) : ouro_malloc(size);
    TEST_CHECK(block != NULL);
    test_shadow_add(&shadow, block, size, ouro_usable_size(block), i);
    test_fill_sparse(block, size, i);
  }
  while (shadow.count > 0) {
    test_block block = shadow.blocks[shadow.count - 1];
    TEST_CHECK(test_holds_sparse(block.address, block.size, block.seed));
    ouro_free(block.address);
    test_shadow_remove(&shadow, shadow.count - 1);
  }
  ouro_heap_trim();
  TEST_HEAP_IS_SOUND();
  test_shadow_done(&shadow);
}

/* ---------------------------------------------------------------- children */

/* All that can be had below the stretch in which the kernel itself places mappings. */
static void child_elsewhere(void) {
  size_t taken = 0;
  for (uintptr_t at = TIB; at < (uintptr_t)0x7d0000000000; at += TIB) {
    taken += mmap((void *)at, TIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1,
                  0) != MAP_FAILED;
  }
  TEST_CHECK(taken > 60);
  use_the_heap(3000);
  use_the_heap(3000);
  ouro_heap_stats stats = {.struct_size = sizeof stats};
  TEST_CHECK(ouro_heap_stats_get(&stats) == OURO_OK);
  TEST_CHECK(stats.blocks_live == 0);
  TEST_CHECK(stats.bytes_held < MIB);
}

static int find_arena(const ouro_walk_item *item, void *arg) {
  *(const char **)arg = item->address;
  return 1;
}

/* Pages of others right behind the first arena, and here and there among the next. */
static void child_among_others(void) {
  static const size_t places[] = {1, 2, 4, 5, 6, 11, 17};
  char *others[sizeof places / sizeof *places];
  char *arena = NULL;
  ouro_free(ouro_malloc(1));
  TEST_CHECK(ouro_heap_walk(OURO_WALK_ARENA, find_arena, &arena) == OURO_ESTOP);
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    char *wanted = arena + places[i] * ARENA + i * 64 * KIB;
    others[i] = mmap(wanted, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    TEST_CHECK(others[i] == wanted);
    memset(others[i], (int)i + 1, 4096);
    TEST_CHECK(!ouro_owns(others[i]));
  }
  for (int round = 0; round < 3; round++) {
    use_the_heap(2000);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
      TEST_CHECK(test_all_bytes(others[i], (int)i + 1, 4096));
      TEST_CHECK(!ouro_owns(others[i]));
    }
  }
  /* A block that is larger than each gap lies behind them all. */
  char *block = ouro_malloc(30 * MIB);
  TEST_CHECK(block != NULL);
  test_fill_sparse(block, 30 * MIB, 1);
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    TEST_CHECK(others[i] + 4096 <= block || others[i] >= block + 30 * MIB);
  }
  ouro_free(block);
  TEST_HEAP_IS_SOUND();
}

static void child_says_its_place(void) { printf("%p\n", ouro_malloc(16)); }

static const struct {
  const char *name;
  void (*run)(void);
} children[] = {
    {"elsewhere", child_elsewhere},
    {"among-others", child_among_others},
    {"says-its-place", child_says_its_place},
};

/* ---------------------------------------------------------------- tests */

static void a_heap_whose_place_is_taken_lies_elsewhere(void **state) {
  (void)state;
  if (TEST_ASAN || TEST_TSAN) {
    skip();
  }
  test_result result = test_run_self("elsewhere", NULL, 60);
  TEST_CHILD_PASSED(&result);
}

static void mappings_of_others_are_passed_over(void **state) {
  (void)state;
  test_result result = test_run_self("among-others", NULL, 60);
  TEST_CHILD_PASSED(&result);
}

static void addresses_differ_from_run_to_run(void **state) {
  (void)state;
  if (TEST_TSAN) {
    skip();
  }
  test_result one = test_run_self("says-its-place", NULL, 60);
  test_result two = test_run_self("says-its-place", NULL, 60);
  TEST_CHILD_PASSED(&one);
  TEST_CHILD_PASSED(&two);
  assert_string_not_equal(one.output, two.output);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_heap_whose_place_is_taken_lies_elsewhere),
      cmocka_unit_test(mappings_of_others_are_passed_over),
      cmocka_unit_test(addresses_differ_from_run_to_run),
  };
  for (size_t i = 0; argc > 1 && i < sizeof children / sizeof *children; i++) {
    if (strcmp(argv[1], children[i].name) == 0) {
      children[i].run();
      return 0;
    }
  }
  return argc > 1 ? 2 : cmocka_run_group_tests(tests, NULL, NULL);
}
