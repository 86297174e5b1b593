/* tests/heap/test_walk.c - the walk shows each arena, pool, large block and live block once, in order, and stops when asked.
 *
 * Linked with: the core static library (ouro_core), support/support.c, support/shadow.c, cmocka, threads. */
#include "support/support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include <ouro/heap.h>

#include "support/shadow.h"

#define KIB ((size_t)1024)
#define MIB (KIB * 1024)
#define ALL (OURO_WALK_ARENA | OURO_WALK_POOL | OURO_WALK_LARGE | OURO_WALK_BLOCK)

static int heap_is_sound(void **state) {
  (void)state;
  TEST_HEAP_IS_SOUND();
  return 0;
}

static int count_items(const ouro_walk_item *item, void *arg) {
  (void)item;
  ++*(size_t *)arg;
  return 0;
}

static size_t items_of(unsigned kinds) {
  size_t count = 0;
  TEST_CHECK(ouro_heap_walk(kinds, count_items, &count) == OURO_OK);
  return count;
}

/* This test runs first: no block was ever asked for. */
static void a_heap_never_used_is_walked_without_a_visit(void **state) {
  (void)state;
  assert_int_equal(items_of(OURO_WALK_BLOCK | OURO_WALK_LARGE | OURO_WALK_POOL), 0);
}

/* ---------------------------------------------------------------- a population to look at */

static test_shadow population;

static void add(void *block, size_t size) { test_shadow_add(&population, block, size, ouro_usable_size(block), 0); }

static void make_population(void) {
  test_rng rng = {12};
  test_shadow_init(&population);
  for (size_t i = 0; i < 6000; i++) {
    size_t size = test_mixed_size(&rng, 200000);
    add(ouro_malloc(size), size);
  }
  for (size_t size = 200000; size < 20 * MIB; size += size / 3) {
    add(ouro_malloc(size), size);
    add(ouro_aligned_alloc(MIB, size), size);
  }
  for (size_t alignment = 32; alignment <= 64 * KIB; alignment *= 2) {
    add(ouro_aligned_alloc(alignment, 40), 40);
  }
  for (size_t i = 0; i < population.count; i += 3) {
    ouro_free(population.blocks[i].address);
    test_shadow_remove(&population, i);
  }
  ouro_thread_flush();
}

static void free_population(void) {
  while (population.count > 0) {
    ouro_free(population.blocks[population.count - 1].address);
    test_shadow_remove(&population, population.count - 1);
  }
  test_shadow_done(&population);
}

/* ---------------------------------------------------------------- blocks */

static int mark(const ouro_walk_item *item, void *arg) {
  (void)arg;
  test_block *block = test_shadow_find(&population, item->address);
  TEST_CHECK(block != NULL);
  TEST_CHECK(item->size == block->usable);
  TEST_CHECK(item->block_size == item->size);
  TEST_CHECK(item->blocks_live == 1 && item->bytes_live == item->size);
  TEST_CHECK(item->heap == NULL);
  block->visited++;
  return 0;
}

static void each_live_block_is_visited_once_and_no_other(void **state) {
  (void)state;
  make_population();
  assert_int_equal(ouro_heap_walk(OURO_WALK_BLOCK, mark, NULL), OURO_OK);
  for (size_t i = 0; i < population.count; i++) {
    assert_int_equal(population.blocks[i].visited, 1);
  }
  free_population();
  ouro_thread_flush();
  assert_int_equal(items_of(OURO_WALK_BLOCK | OURO_WALK_LARGE), 0);
}

static int find(const ouro_walk_item *item, void *arg) { return item->address == *(void **)arg; }

static void a_cached_block_is_visited_as_if_handed_out(void **state) {
  (void)state;
  void *block = ouro_malloc(48);
  ouro_free(block);
  assert_int_equal(ouro_heap_walk(OURO_WALK_BLOCK, find, &block), OURO_ESTOP);
  ouro_thread_flush();
  assert_int_equal(ouro_heap_walk(OURO_WALK_BLOCK, find, &block), OURO_OK);
}

/* ---------------------------------------------------------------- structure */

/* What the walk has said so far, to judge the next item by. */
typedef struct course {
  const char *last;     /* address of the item before */
  ouro_walk_item arena; /* the arena that we are in */
  ouro_walk_item pool;  /* the pool or large block's run that we are in; blocks_live counts down what it promised */
  const char *pool_end; /* end of the last one */
  size_t arenas, pools, larges, blocks;
} course;

static void check_pool_is_done(course *c) {
  /* Each block that the pool said to hold has been visited. */
  TEST_CHECK(c->pool.address == NULL || c->pool.blocks_live == 0);
}

static void check_arena(course *c, const ouro_walk_item *item) {
  TEST_CHECK(((uintptr_t)item->address & (4 * MIB - 1)) == 0);
  TEST_CHECK(item->size >= 4 * MIB && item->size % (4 * MIB) == 0);
  TEST_CHECK(item->block_size == 0);
  TEST_CHECK(item->blocks_live <= item->blocks_total);
  TEST_CHECK(item->heap == NULL);
  TEST_CHECK(c->arena.address == NULL || (const char *)item->address >= (const char *)c->arena.address + c->arena.size);
  c->arena = *item;
  c->arenas++;
}

static void enter(course *c, const ouro_walk_item *item) {
  TEST_CHECK((const char *)item->address >= (const char *)c->arena.address);
  TEST_CHECK((const char *)item->address < (const char *)c->arena.address + c->arena.size);
  TEST_CHECK((const char *)item->address >= c->pool_end);
  TEST_CHECK(item->bytes_resident <= item->size);
  c->pool = *item;
  c->pool_end = (const char *)item->address + item->size;
}

static void check_pool(course *c, const ouro_walk_item *item) {
  enter(c, item);
  TEST_CHECK(c->pool_end <= (const char *)c->arena.address + c->arena.size);
  TEST_CHECK(item->block_size >= 16 && item->block_size % 16 == 0);
  TEST_CHECK(item->blocks_total >= 1 && item->blocks_total * item->block_size <= item->size);
  TEST_CHECK(item->blocks_live <= item->blocks_total);
  TEST_CHECK(item->bytes_live == item->blocks_live * item->block_size);
  c->pools++;
}

/* A large block's run holds it alone, and may go on through the arenas behind. */
static void check_large(course *c, const ouro_walk_item *item) {
  enter(c, item);
  TEST_CHECK(item->blocks_total == 1 && item->blocks_live == 1);
  TEST_CHECK(item->block_size <= item->size && item->bytes_live == item->block_size);
  c->larges++;
}

static void check_block(course *c, const ouro_walk_item *item) {
  size_t offset = (size_t)((const char *)item->address - (const char *)c->pool.address);
  TEST_CHECK((const char *)item->address >= (const char *)c->pool.address);
  TEST_CHECK(offset + item->size <= c->pool.size);
  TEST_CHECK(offset % 16 == 0);
  TEST_CHECK(item->block_size == c->pool.block_size);
  TEST_CHECK(item->size == item->block_size);
  TEST_CHECK(item->heap == c->pool.heap);
  TEST_CHECK(c->pool.blocks_live > 0);
  c->pool.blocks_live--;
  c->blocks++;
}

static int check_course(const ouro_walk_item *item, void *arg) {
  course *c = arg;
  TEST_CHECK(item->address != NULL);
  TEST_CHECK((const char *)item->address >= c->last);
  c->last = item->address;
  if (item->kind != OURO_WALK_BLOCK) {
    check_pool_is_done(c);
    c->pool.address = NULL;
  }
  switch (item->kind) {
  case OURO_WALK_ARENA:
    check_arena(c, item);
    break;
  case OURO_WALK_POOL:
    check_pool(c, item);
    break;
  case OURO_WALK_LARGE:
    check_large(c, item);
    break;
  case OURO_WALK_BLOCK:
    check_block(c, item);
    break;
  default:
    TEST_CHECK(!"a kind that is not documented");
  }
  return 0;
}

static void items_come_in_address_order_each_inside_its_parent(void **state) {
  (void)state;
  make_population();
  course c = {.last = NULL};
  assert_int_equal(ouro_heap_walk(ALL, check_course, &c), OURO_OK);
  check_pool_is_done(&c);
  ouro_heap_stats stats = {.struct_size = sizeof stats};
  assert_int_equal(ouro_heap_stats_get(&stats), OURO_OK);
  assert_int_equal(c.blocks, population.count);
  assert_int_equal(c.blocks, stats.blocks_live);
  assert_int_equal(c.larges, stats.blocks_large);
  assert_int_equal(c.pools, stats.pools);
  assert_int_equal(c.arenas, stats.arenas);
  assert_true(c.larges > 10);
  assert_true(c.pools > 10);
  free_population();
}

/* What an arena says of its contents is the sum of what they say. */
typedef struct sums {
  ouro_walk_item arena;
  size_t total, live, bytes, resident;
} sums;

static void check_sums(sums *s) {
  if (s->arena.address != NULL) {
    TEST_CHECK(s->live == s->arena.blocks_live);
    TEST_CHECK(s->bytes == s->arena.bytes_live);
    TEST_CHECK(s->total == s->arena.blocks_total);
    TEST_CHECK(s->resident == s->arena.bytes_resident);
  }
  *s = (sums){.arena = {.address = NULL}};
}

static int add_up(const ouro_walk_item *item, void *arg) {
  sums *s = arg;
  if (item->kind == OURO_WALK_ARENA) {
    check_sums(s);
    s->arena = *item;
    return 0;
  }
  s->total += item->blocks_total;
  s->live += item->blocks_live;
  s->bytes += item->bytes_live;
  s->resident += item->bytes_resident;
  return 0;
}

static void an_arena_sums_up_what_is_in_it(void **state) {
  (void)state;
  test_rng rng = {3};
  static void *blocks[5000];
  /* No large block of several arenas here: it would count in more than one. */
  for (size_t i = 0; i < 5000; i++) {
    blocks[i] = ouro_malloc(test_mixed_size(&rng, 100000));
  }
  ouro_heap_trim(); /* free units that wait to go back are the arena's, and nobody else's */
  sums s = {.arena = {.address = NULL}};
  assert_int_equal(ouro_heap_walk(OURO_WALK_ARENA | OURO_WALK_POOL | OURO_WALK_LARGE, add_up, &s), OURO_OK);
  check_sums(&s);
  for (size_t i = 0; i < 5000; i++) {
    ouro_free(blocks[i]);
  }
}

static int check_kind(const ouro_walk_item *item, void *arg) {
  unsigned kinds = *(unsigned *)arg;
  TEST_CHECK((kinds & (unsigned)item->kind) != 0);
  return 0;
}

static void only_the_kinds_asked_for_are_visited(void **state) {
  (void)state;
  make_population();
  size_t of_kind[4];
  for (unsigned bit = 0; bit < 4; bit++) {
    of_kind[bit] = items_of(1u << bit);
    assert_true(of_kind[bit] > 0);
  }
  for (unsigned kinds = 1; kinds <= ALL; kinds++) {
    size_t expected = 0;
    for (unsigned bit = 0; bit < 4; bit++) {
      expected += (kinds >> bit & 1) != 0 ? of_kind[bit] : 0;
    }
    assert_int_equal(ouro_heap_walk(kinds, check_kind, &kinds), OURO_OK);
    assert_int_equal(items_of(kinds), expected);
  }
  free_population();
}

static void a_walk_over_nothing_or_for_nobody_is_invalid(void **state) {
  (void)state;
  size_t count = 0;
  assert_int_equal(ouro_heap_walk(0, count_items, &count), OURO_EINVAL);
  assert_int_equal(ouro_heap_walk(ALL + 1, count_items, &count), OURO_EINVAL);
  assert_int_equal(ouro_heap_walk(ALL, NULL, &count), OURO_EINVAL);
  assert_int_equal(count, 0);
}

/* ---------------------------------------------------------------- stopping */

typedef struct stopper {
  size_t visits;
  size_t stop_at;
} stopper;

static int stop_at(const ouro_walk_item *item, void *arg) {
  (void)item;
  stopper *s = arg;
  s->visits++;
  return s->visits == s->stop_at ? 42 : 0;
}

static void a_visitor_that_stops_is_called_no_more(void **state) {
  (void)state;
  make_population();
  for (unsigned kinds = 1; kinds <= ALL; kinds++) {
    size_t items = items_of(kinds);
    for (size_t at = 1; at <= items; at += at < 10 ? 1 : items / 13 + 1) {
      stopper s = {0, at};
      assert_int_equal(ouro_heap_walk(kinds, stop_at, &s), OURO_ESTOP);
      assert_int_equal(s.visits, at);
    }
  }
  /* The locks that the walk held are free again. */
  free_population();
  ouro_heap_trim();
}

/* ---------------------------------------------------------------- what was given back */

typedef struct residency {
  size_t block_size;
  size_t resident;
  size_t pool_bytes;
} residency;

static int add_residency(const ouro_walk_item *item, void *arg) {
  residency *r = arg;
  if (item->block_size == r->block_size) {
    r->resident += item->bytes_resident;
    r->pool_bytes += item->size;
  }
  return 0;
}

static void resident_bytes_of_a_pool_fall_when_its_pages_go_back(void **state) {
  (void)state;
  enum { COUNT = 8000, STEP = 16 };
  static char *blocks[COUNT];
  for (size_t i = 0; i < COUNT; i++) {
    blocks[i] = ouro_malloc(1024);
    memset(blocks[i], 1, 1024);
  }
  residency before = {.block_size = ouro_usable_size(blocks[0])};
  assert_int_equal(ouro_heap_walk(OURO_WALK_POOL, add_residency, &before), OURO_OK);
  assert_true(before.resident >= COUNT * (size_t)1024);
  for (size_t i = 0; i < COUNT; i++) {
    if (i % STEP != 0) {
      ouro_free(blocks[i]);
    }
  }
  ouro_heap_trim();
  residency after = {.block_size = before.block_size};
  assert_int_equal(ouro_heap_walk(OURO_WALK_POOL, add_residency, &after), OURO_OK);
  assert_true(after.resident < before.resident / 2);
  assert_true(after.resident >= COUNT / STEP * (size_t)1024);
  for (size_t i = 0; i < COUNT; i += STEP) {
    assert_true(test_all_bytes(blocks[i], 1, 1024));
    ouro_free(blocks[i]);
  }
}

/* ---------------------------------------------------------------- others go on */

static atomic_bool stop_others;

static void *allocate_meanwhile(void *arg) {
  test_rng rng = {(uintptr_t)arg};
  enum { COUNT = 500 };
  void *blocks[COUNT] = {NULL};
  while (!atomic_load(&stop_others)) {
    size_t i = test_below(&rng, COUNT);
    ouro_free(blocks[i]);
    blocks[i] = ouro_malloc(test_mixed_size(&rng, 400000));
    TEST_CHECK(blocks[i] != NULL);
  }
  for (size_t i = 0; i < COUNT; i++) {
    ouro_free(blocks[i]);
  }
  return NULL;
}

static int check_sane(const ouro_walk_item *item, void *arg) {
  (void)arg;
  TEST_CHECK(item->address != NULL && item->size > 0);
  TEST_CHECK(item->blocks_live <= item->blocks_total);
  return 0;
}

static void a_walk_is_right_while_others_allocate(void **state) {
  (void)state;
  pthread_t threads[3];
  atomic_store(&stop_others, false);
  for (uintptr_t i = 0; i < 3; i++) {
    assert_int_equal(pthread_create(&threads[i], NULL, allocate_meanwhile, (void *)(i + 1)), 0);
  }
  for (size_t i = 0; i < test_count(200, 20); i++) {
    TEST_CHECK(ouro_heap_walk(ALL, check_sane, NULL) == OURO_OK);
    TEST_HEAP_IS_SOUND();
  }
  atomic_store(&stop_others, true);
  for (size_t i = 0; i < 3; i++) {
    pthread_join(threads[i], NULL);
  }
}

#define TEST(name) cmocka_unit_test_teardown(name, heap_is_sound)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_heap_never_used_is_walked_without_a_visit),
      TEST(each_live_block_is_visited_once_and_no_other),
      TEST(a_cached_block_is_visited_as_if_handed_out),
      TEST(items_come_in_address_order_each_inside_its_parent),
      TEST(an_arena_sums_up_what_is_in_it),
      TEST(only_the_kinds_asked_for_are_visited),
      TEST(a_walk_over_nothing_or_for_nobody_is_invalid),
      TEST(a_visitor_that_stops_is_called_no_more),
      TEST(resident_bytes_of_a_pool_fall_when_its_pages_go_back),
      TEST(a_walk_is_right_while_others_allocate),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
