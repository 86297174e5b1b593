/* tests/trace/test_api.c - the functions of <ouro/trace.h>: what each promises, also when it is called at a bad moment or with bad arguments. */
#define OURO_TRACE
#include "sums.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <ouro/ouro.h>

#include "trace/area.h"

static int stop_tracing(void **state) {
  (void)state;
  ouro_trace_stop();
  return 0;
}

/* ---------------------------------------------------------------- before, after, again */

static int never(const ouro_trace_site *site, void *arg) {
  (void)site;
  (void)arg;
  fail();
  return 1;
}
static int never_block(const ouro_trace_block *block, void *arg) {
  (void)block;
  (void)arg;
  fail();
  return 1;
}
static int never_pin(const ouro_trace_pin *pin, void *arg) {
  (void)pin;
  (void)arg;
  fail();
  return 1;
}

static void before_the_first_start_there_is_nothing(void **state) {
  (void)state;
  ouro_trace_frame frame;
  ouro_trace_block block;
  void *own = ouro_malloc(8);
  ouro_trace_stop();
  ouro_trace_clear();
  ouro_trace_reset_peak();
  ouro_trace_totals totals = totals_now();
  assert_int_equal(totals.mode, OURO_TRACE_OFF);
  assert_int_equal(totals.live_blocks | totals.allocated_blocks | totals.own_bytes | totals.sites, 0);
  assert_int_equal(ouro_trace_each_site(never, NULL), 0);
  assert_int_equal(ouro_trace_stack(0, &frame, 1), 0);
  assert_int_equal(ouro_trace_stack(77, &frame, 1), 0);
  assert_int_equal(ouro_trace_get_block(own, &block), 0);
  assert_int_equal(ouro_trace_each_block(never_block, NULL), 0);
  assert_int_equal(ouro_trace_each_pin(never_pin, NULL), 0);
  assert_int_equal(ouro_trace_write("/nonexistent/file", false), OURO_ESYSTEM);
  ouro_free(own);
}

static void each_option_out_of_its_range_is_refused(void **state) {
  (void)state;
  const ouro_trace_options good = OURO_TRACE_OPTIONS_INIT;
  ouro_trace_options bad[] = {good, good, good, good, good, good, good, good, good, good};
  bad[0].struct_size = 0;
  bad[1].struct_size += 8;
  bad[2].mode = OURO_TRACE_OFF;
  bad[3].mode = (enum ouro_trace_mode)3;
  bad[4].frames = 0;
  bad[5].frames = OURO_TRACE_FRAMES_MAX + 1;
  bad[6].native = 2;
  bad[7].temporary_within = 33;
  bad[8].mode = OURO_TRACE_SAMPLE;
  bad[8].sample_bytes = 0;
  bad[9].mode = OURO_TRACE_SAMPLE;
  bad[9].sample_bytes = SIZE_MAX;
  assert_int_equal(ouro_trace_start(NULL), OURO_EINVAL);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_int_equal(ouro_trace_start(&bad[i]), OURO_EINVAL);
    assert_int_equal(totals_now().mode, OURO_TRACE_OFF);
  }
}

static void the_ends_of_each_range_are_good(void **state) {
  (void)state;
  for (unsigned i = 0; i < 4; i++) {
    ouro_trace_options options = OURO_TRACE_OPTIONS_INIT;
    options.frames = i & 1 ? 1 : OURO_TRACE_FRAMES_MAX;
    options.temporary_within = i & 1 ? 0 : 32;
    options.mode = i & 2 ? OURO_TRACE_SAMPLE : OURO_TRACE_EXACT;
    options.sample_bytes = i & 1 ? 1 : SIZE_MAX >> 16;
    assert_int_equal(ouro_trace_start(&options), OURO_OK);
    for (int k = 0; k < 100; k++) ouro_free(ouro_malloc(100));
    CHECK_TOTALS();
    ouro_trace_stop();
  }
}

static void a_second_start_is_refused_and_changes_nothing(void **state) {
  (void)state;
  start_exact(1);
  void *block = ouro_malloc(10);
  ouro_trace_options other = OURO_TRACE_OPTIONS_INIT;
  assert_int_equal(ouro_trace_start(&other), OURO_EBUSY);
  assert_int_equal(totals_now().frames, 1);
  assert_int_equal(totals_now().live_bytes, 10);
  ouro_free(block);
}

static void what_was_counted_can_be_read_after_stop_until_the_next_start(void **state) {
  (void)state;
  start_exact(1);
  void *block = ouro_malloc(10);
  ouro_trace_stop();
  ouro_trace_stop();
  ouro_free(block);
  ouro_free(ouro_malloc(30));
  ouro_trace_totals totals = totals_now();
  assert_int_equal(totals.mode, OURO_TRACE_OFF);
  assert_int_equal(totals.live_bytes, 10);
  assert_int_equal(totals.allocated_blocks, 1);
  assert_int_equal(sums_of(__FILE__, 0).live_bytes, 10);
  start_exact(1);
  assert_int_equal(totals_now().live_bytes, 0);
  assert_int_equal(totals_now().allocated_blocks, 0);
  assert_int_equal(sums_of(NULL, 0).sites, 0);
}

/* ---------------------------------------------------------------- totals */

static void totals_are_cut_to_the_callers_size(void **state) {
  (void)state;
  struct {
    ouro_trace_totals totals;
    char behind[16];
  } room;
  start_exact(1);
  void *block = ouro_malloc(10);
  memset(&room, 0x5a, sizeof room);
  room.totals.struct_size = offsetof(ouro_trace_totals, peak_blocks);
  ouro_trace_get_totals(&room.totals);
  assert_int_equal(room.totals.live_bytes, 10);
  assert_true(test_all_bytes((char *)&room + offsetof(ouro_trace_totals, peak_blocks), 0x5a,
                             sizeof room - offsetof(ouro_trace_totals, peak_blocks)));
  room.totals.struct_size = sizeof room;
  ouro_trace_get_totals(&room.totals);
  assert_true(test_all_bytes(room.behind, 0x5a, sizeof room.behind));
  ouro_free(block);
}

static void totals_count_blocks_bytes_and_the_peak(void **state) {
  (void)state;
  start_exact(1);
  void *a = ouro_malloc(100), *b = ouro_malloc(50);
  ouro_free(a);
  void *c = ouro_malloc(20);
  ouro_trace_totals totals = totals_now();
  assert_int_equal(totals.live_blocks, 2);
  assert_int_equal(totals.live_bytes, 70);
  assert_int_equal(totals.peak_blocks, 2);
  assert_int_equal(totals.peak_bytes, 150);
  assert_int_equal(totals.allocated_blocks, 3);
  assert_int_equal(totals.allocated_bytes, 170);
  assert_int_equal(totals.freed_blocks, 1);
  assert_int_equal(totals.lost, 0);
  assert_true(totals.own_bytes > 4096);
  assert_true(totals.sites > 1);
  CHECK_TOTALS();
  ouro_free(b);
  ouro_free(c);
}

static void reset_peak_makes_the_peak_what_is_live(void **state) {
  (void)state;
  start_exact(1);
  void *a = ouro_malloc(100), *b = ouro_malloc(50);
  ouro_free(a);
  ouro_trace_reset_peak();
  assert_int_equal(totals_now().peak_bytes, 50);
  CHECK_TOTALS();
  ouro_free(b);
  assert_int_equal(totals_now().peak_bytes, 50);
  CHECK_TOTALS();
  ouro_trace_reset_peak(); /* nothing is live */
  assert_int_equal(totals_now().peak_bytes, 0);
  CHECK_TOTALS();
  ouro_free(ouro_malloc(7));
  assert_int_equal(totals_now().peak_bytes, 7);
  CHECK_TOTALS();
}

static void clear_forgets_all_and_tracing_goes_on(void **state) {
  (void)state;
  start_exact(1);
  ouro_trace_block seen;
  void *a = ouro_malloc(100), *large = ouro_malloc(300000);
  assert_int_equal(ouro_trace_get_block(a, &seen), 1);
  ouro_trace_clear();
  assert_int_equal(totals_now().mode, OURO_TRACE_EXACT);
  assert_int_equal(totals_now().allocated_blocks, 0);
  assert_int_equal(ouro_trace_get_block(a, &seen), 0);
  assert_int_equal(ouro_trace_get_block(large, &seen), 0);
  ouro_free(a); /* not counted */
  ouro_free(large);
  assert_int_equal(totals_now().live_bytes, 0);
  void *b = ouro_malloc(9);
  assert_int_equal(totals_now().live_bytes, 9);
  CHECK_TOTALS();
  ouro_trace_stop();
  ouro_trace_clear();
  assert_int_equal(totals_now().live_bytes, 0);
  ouro_free(b);
}

/* ---------------------------------------------------------------- sites, stacks, blocks */

static int count_and_end_at(const ouro_trace_site *site, void *arg) {
  (void)site;
  return ++*(int *)arg == 2 ? 77 : 0;
}

static int allocate_here(const ouro_trace_site *site, void *arg) {
  (void)site;
  (void)arg;
  ouro_free(ouro_malloc(24));
  return 0;
}

static void each_site_ends_where_it_is_told_and_may_allocate(void **state) {
  (void)state;
  start_exact(1);
  void *blocks[3] = {ouro_malloc(1), ouro_malloc(2000), ouro_malloc(5000)};
  int count = 0;
  assert_int_equal(ouro_trace_each_site(count_and_end_at, &count), 77);
  assert_int_equal(count, 2);
  assert_int_equal(ouro_trace_each_site(allocate_here, NULL), 0);
  assert_int_equal(totals_now().live_blocks, 3);
  for (int i = 0; i < 3; i++) ouro_free(blocks[i]);
}

static unsigned line_of(const void *address) {
  ouro_trace_block block;
  ouro_trace_frame frame = {0};
  if (!ouro_trace_get_block(address, &block)) return 0;
  assert_int_equal(ouro_trace_stack(block.stack, &frame, 1), 1);
  return strcmp(frame.file, __FILE__) == 0 ? frame.line : UINT32_MAX;
}

static void a_place_has_file_line_and_function(void **state) {
  (void)state;
  start_exact(16);
  void *block = ouro_malloc(10);
  unsigned line = __LINE__ - 1;
  ouro_trace_block seen;
  ouro_trace_frame frame;
  assert_int_equal(ouro_trace_get_block(block, &seen), 1);
  assert_ptr_equal(seen.block, block);
  assert_int_equal(seen.size, 10);
  assert_int_equal(seen.domain, OURO_DOMAIN_BLOCK);
  assert_true(seen.weight == 1 && seen.age >= 0 && seen.age < 60);
  assert_int_equal(ouro_trace_stack(seen.stack, NULL, 0), 1);
  assert_int_equal(ouro_trace_stack(seen.stack, &frame, 1), 1);
  assert_string_equal(frame.file, __FILE__);
  assert_string_equal(frame.function, __func__);
  assert_int_equal(frame.line, line);
  assert_null(frame.address);
  ouro_free(block);
}

static void *through_a_function(const ouro_source *place) {
  ouro_trace_here(place);
  return (ouro_malloc)(40);
}

static void each_function_has_its_line(void **state) {
  (void)state;
  ouro_heap *heap = ouro_heap_new(NULL);
  void *blocks[10];
  unsigned line = __LINE__ + 2;
  start_exact(1);
  blocks[0] = ouro_malloc(10);
  blocks[1] = ouro_calloc(2, 10);
  blocks[2] = ouro_realloc(NULL, 10);
  blocks[3] = ouro_reallocarray(NULL, 3, 10);
  blocks[4] = ouro_aligned_alloc(256, 10);
  blocks[5] = ouro_heap_malloc(heap, 10);
  blocks[6] = ouro_heap_calloc(heap, 2, 10);
  blocks[7] = ouro_heap_aligned_alloc(heap, 64, 10);
  blocks[8] = ouro_heap_realloc(heap, NULL, 10);
  blocks[9] = through_a_function(OURO_HERE);
  for (unsigned i = 0; i < 10; i++) assert_int_equal(line_of(blocks[i]), line + i);
  blocks[0] = ouro_realloc(blocks[0], 1000); unsigned moved = __LINE__;
  blocks[5] = ouro_heap_realloc(heap, blocks[5], 10000); unsigned moved_there = __LINE__;
  assert_int_equal(line_of(blocks[0]), moved);
  assert_int_equal(line_of(blocks[5]), moved_there);
  CHECK_TOTALS();
  for (unsigned i = 0; i < 10; i++) ouro_free(blocks[i]);
  assert_int_equal(totals_now().live_blocks, 0);
  assert_int_equal(totals_now().live_bytes, 0);
  ouro_heap_destroy(heap);
}

static size_t size_from(void *block) {
  ouro_free(block);
  return 64;
}

static void an_allocation_among_the_arguments_has_its_own_line(void **state) {
  (void)state;
  start_exact(1);
  unsigned line = __LINE__ + 2;
  void *block = ouro_malloc(
      size_from(ouro_malloc(16)));
  sums inner = sums_of(__FILE__, line), outer = sums_of(__FILE__, line - 1);
  /* The line of a call that spans lines is where the macro begins or ends, as the compiler has it; both are there, once each. */
  assert_int_equal(sums_of(__FILE__, 0).allocs, 2);
  assert_int_equal(inner.allocs + outer.allocs, 2);
  assert_int_equal(totals_now().live_bytes, 64);
  ouro_free(block);
}

static void without_the_macro_the_native_stack_is_taken(void **state) {
  (void)state;
  ouro_trace_frame frames[8];
  ouro_trace_block seen;
  start_exact(8);
  void *block = (ouro_malloc)(10);
  assert_int_equal(ouro_trace_get_block(block, &seen), 1);
  unsigned depth = ouro_trace_stack(seen.stack, frames, 8);
  assert_in_range(depth, 1, 8);
  assert_string_equal(frames[0].file, "");
  assert_non_null(frames[0].address);
  assert_int_equal(frames[0].line, 0);
  ouro_free(block);
}

static void a_place_that_was_not_used_is_not_used_later(void **state) {
  (void)state;
  void *off = ouro_malloc(10); /* while tracing is off */
  start_exact(8);
  void *block = (ouro_malloc)(10);
  assert_int_equal(sums_of(__FILE__, 0).allocs, 0);
  assert_null(ouro_malloc(test_opaque_size(PTRDIFF_MAX))); /* it fails */
  assert_null(ouro_calloc(test_opaque_size(SIZE_MAX), 16));
  void *next = (ouro_malloc)(10);
  assert_int_equal(sums_of(__FILE__, 0).allocs, 0);
  assert_int_equal(totals_now().allocated_blocks, 2);
  ouro_free(off);
  ouro_free(block);
  ouro_free(next);
  assert_int_equal(totals_now().live_blocks, 0);
}

static int add_block(const ouro_trace_block *block, void *arg) {
  sums *all = arg;
  all->live++;
  all->live_bytes += block->size;
  return 0;
}

static void each_block_shows_every_traced_block_and_no_other(void **state) {
  (void)state;
  void *before = ouro_malloc(99), *blocks[200];
  size_t bytes = 0;
  sums all = {0};
  start_exact(1);
  for (size_t i = 0; i < 200; i++) bytes += i * i * 10, blocks[i] = ouro_malloc(i * i * 10);
  for (size_t i = 0; i < 200; i += 2) bytes -= i * i * 10, ouro_free(blocks[i]);
  assert_int_equal(ouro_trace_each_block(add_block, &all), 0);
  assert_int_equal(all.live, 100);
  assert_int_equal(all.live_bytes, bytes);
  assert_int_equal(totals_now().live_bytes, bytes);
  for (size_t i = 1; i < 200; i += 2) ouro_free(blocks[i]);
  all = (sums){0};
  assert_int_equal(ouro_trace_each_block(add_block, &all), 0);
  assert_int_equal(all.live, 0);
  ouro_free(before);
}

static void any_address_may_be_asked_about(void **state) {
  (void)state;
  ouro_trace_block seen;
  int local;
  start_exact(1);
  char *small = ouro_malloc(100), *large = ouro_malloc(1 << 20), *medium = ouro_malloc(50000);
  const void *none[] = {NULL, &local, small + 1, small + 16, large + 1, large + 65536, medium + 4096, (void *)1, (void *)~(uintptr_t)0,
                        (void *)((uintptr_t)small & ~(uintptr_t)0xffff)};
  for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
    if (none[i] != small) assert_int_equal(ouro_trace_get_block(none[i], &seen), 0);
  }
  ouro_free(small);
  assert_int_equal(ouro_trace_get_block(small, &seen), 0);
  assert_int_equal(ouro_trace_get_block(large, &seen), 1);
  assert_int_equal(seen.size, 1 << 20);
  assert_int_equal(ouro_trace_get_block(medium, &seen), 1);
  assert_int_equal(seen.size, 50000);
  ouro_free(large);
  ouro_free(medium);
  assert_int_equal(ouro_trace_get_block(large, &seen), 0);
}

static void sizes_are_as_asked_for_up_to_the_largest(void **state) {
  (void)state;
  static const size_t sizes[] = {0, 1, 16, 17, 1024, 8191, 65535, 65536, 131071, 131072, 131073, 262143, 262144, 262145, 1 << 20, 50 << 20};
  ouro_trace_block seen;
  start_exact(1);
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    for (size_t alignment = 16; alignment <= 1 << 20; alignment *= 16) {
      void *block = alignment == 16 ? ouro_malloc(sizes[i]) : ouro_aligned_alloc(alignment, sizes[i]);
      assert_int_equal(ouro_trace_get_block(block, &seen), 1);
      assert_int_equal(seen.size, sizes[i]);
      assert_int_equal(totals_now().live_bytes, sizes[i]);
      ouro_free(block);
      assert_int_equal(totals_now().live_bytes, 0);
      assert_int_equal(totals_now().live_blocks, 0);
    }
  }
  CHECK_TOTALS();
}

/* ---------------------------------------------------------------- realloc */

static void realloc_is_a_free_and_an_allocation(void **state) {
  (void)state;
  static const size_t sizes[] = {10, 12, 16, 30, 1000, 900, 40, 200000, 250000, 190000, 3 << 20, 40 << 20, 41 << 20, 64 << 20, 1 << 20, 5, 0};
  start_exact(1);
  void *block = ouro_malloc(sizes[0]);
  for (size_t i = 1; i < sizeof sizes / sizeof *sizes; i++) {
    block = ouro_realloc(block, sizes[i]);
    assert_non_null(block);
    ouro_trace_totals totals = totals_now();
    assert_int_equal(totals.live_blocks, 1);
    assert_int_equal(totals.live_bytes, sizes[i]);
    assert_int_equal(totals.allocated_blocks, i + 1);
    CHECK_TOTALS();
  }
  assert_null(ouro_realloc(block, test_opaque_size((size_t)1 << 62)));
  assert_null(ouro_reallocarray(block, test_opaque_size((size_t)1 << 40), (size_t)1 << 40));
  assert_int_equal(totals_now().live_blocks, 1);
  ouro_free(block);
  assert_int_equal(totals_now().live_blocks, 0);
  assert_int_equal(totals_now().live_bytes, 0);
}

/* ---------------------------------------------------------------- across start and stop */

static void blocks_from_before_are_not_counted(void **state) {
  (void)state;
  void *small = ouro_malloc(10), *large = ouro_malloc(1 << 20), *grown = ouro_malloc(10), *shrunk = ouro_malloc(2 << 20);
  start_exact(1);
  ouro_free(small);
  ouro_free(large);
  assert_int_equal(totals_now().live_blocks, 0);
  assert_int_equal(totals_now().freed_blocks, 0);
  grown = ouro_realloc(grown, 500);
  shrunk = ouro_realloc(shrunk, (2 << 20) - 100);
  assert_int_equal(totals_now().live_blocks, 2);
  assert_int_equal(totals_now().live_bytes, 500 + (2 << 20) - 100);
  ouro_free(grown);
  ouro_free(shrunk);
  assert_int_equal(totals_now().live_blocks, 0);
  assert_int_equal(totals_now().live_bytes, 0);
}

static void a_new_session_knows_no_blocks_of_the_last(void **state) {
  (void)state;
  start_exact(1);
  void *traced[50];
  for (int i = 0; i < 50; i++) traced[i] = ouro_malloc(100);
  ouro_trace_stop();
  for (int i = 0; i < 25; i++) ouro_free(traced[i]);
  void *untraced[50];
  for (int i = 0; i < 50; i++) untraced[i] = ouro_malloc(100); /* some at addresses of traced ones */
  start_exact(1);
  sums all = {0};
  ouro_trace_each_block(add_block, &all);
  assert_int_equal(all.live, 0);
  for (int i = 25; i < 50; i++) ouro_free(traced[i]);
  for (int i = 0; i < 50; i++) ouro_free(untraced[i]);
  assert_int_equal(totals_now().live_blocks, 0);
  assert_int_equal(totals_now().freed_blocks, 0);
  CHECK_TOTALS();
}

/* ---------------------------------------------------------------- private heaps */

static void a_heap_that_is_destroyed_frees_its_blocks(void **state) {
  (void)state;
  ouro_heap *heap = ouro_heap_new(NULL);
  ouro_heap_malloc(heap, 100); /* before */
  start_exact(1);
  size_t bytes = 0;
  for (size_t i = 1; i < 300; i++) bytes += i * 100, (void)ouro_heap_malloc(heap, i * 100);
  void *large = ouro_heap_malloc(heap, 1 << 20), *aligned = ouro_heap_aligned_alloc(heap, 4096, 100);
  assert_int_equal(totals_now().live_bytes, bytes + (1 << 20) + 100);
  ouro_free(aligned);
  void *other = ouro_malloc(11);
  ouro_heap_destroy(heap);
  (void)large;
  assert_int_equal(totals_now().live_bytes, 11);
  assert_int_equal(totals_now().live_blocks, 1);
  assert_int_equal(totals_now().freed_blocks, 301);
  CHECK_TOTALS();
  ouro_free(other);
}

/* ---------------------------------------------------------------- objects */

typedef struct cell {
  ouro_object base;
  void *next;
} cell;
static ouro_type cell_type = {.name = "cell", .size = sizeof(cell), .references = OURO_REFERENCES(offsetof(cell, next))};
static ouro_type leaf_type = {.name = "leaf", .size = 40};
typedef struct row {
  ouro_var base;
  void *items[];
} row;
static ouro_type row_type = {.name = "row", .size = sizeof(row), .item_size = 8};

static void objects_are_counted_by_type_and_line(void **state) {
  (void)state;
  cell *before = ouro_new(&cell_type);
  start_exact(1);
  cell *first = ouro_new(&cell_type), *second = ouro_new(&cell_type); unsigned line = __LINE__;
  void *leaf = ouro_new(&leaf_type), *small = ouro_new_var(&row_type, 3), *large = ouro_new_var(&row_type, 100000);
  void *extra = ouro_new_extra(&leaf_type, 0, 100);
  assert_int_equal(sums_of(__FILE__, line).live, 2);
  assert_int_equal(sums_of_type("cell").live, 2);
  assert_int_equal(sums_of_type("leaf").live, 2);
  assert_int_equal(sums_of_type("row").live, 2);
  assert_true(sums_of_type("row").live_bytes >= 800000);
  assert_int_equal(sums_of_domain(OURO_DOMAIN_OBJECT).live, 6);
  assert_int_equal(sums_of_domain(OURO_DOMAIN_BLOCK).live, 0);
  ouro_decref(first);
  ouro_decref(second);
  ouro_decref(before);
  assert_int_equal(sums_of_type("cell").live, 0);
  ouro_decref(leaf);
  ouro_decref(small);
  ouro_decref(large);
  ouro_decref(extra);
  assert_int_equal(totals_now().live_blocks, 0);
  assert_int_equal(totals_now().live_bytes, 0);
  CHECK_TOTALS();
}

static void what_the_collector_frees_is_counted(void **state) {
  (void)state;
  start_exact(1);
  for (size_t i = 0; i < 20000; i++) {
    cell *a = ouro_new(&cell_type), *b = ouro_new(&cell_type);
    ouro_setref(&a->next, b);
    ouro_setref(&b->next, a);
    ouro_decref(a);
    ouro_decref(b);
  }
  assert_true(ouro_gc_collect(2) > 0);
  assert_int_equal(sums_of_type("cell").allocs, 40000);
  assert_int_equal(sums_of_type("cell").live, 0);
  assert_int_equal(totals_now().live_blocks, 0);
  CHECK_TOTALS();
}

static void weak_references_are_objects_too(void **state) {
  (void)state;
  start_exact(1);
  cell *object = ouro_new(&cell_type);
  void *weak = ouro_weak_new(object); unsigned line = __LINE__;
  assert_int_equal(line_of(weak), line);
  assert_int_equal(sums_of_type("weak reference").live, 1);
  void *again = ouro_weak_new(object);
  if (again == weak) { /* nothing was allocated: its place must not be taken by what comes next */
    void *next = (ouro_malloc)(8);
    assert_int_equal(sums_of(__FILE__, __LINE__ - 3).allocs, 0);
    ouro_free(next);
  }
  ouro_decref(again);
  ouro_decref(weak);
  ouro_decref(object);
  assert_int_equal(sums_of_domain(OURO_DOMAIN_OBJECT).live, 0);
  CHECK_TOTALS();
}

/* ---------------------------------------------------------------- temporary blocks */

static sums temporary_with(unsigned within, unsigned between) {
  ouro_trace_options options = OURO_TRACE_OPTIONS_INIT;
  void *others[64];
  options.temporary_within = within;
  TEST_CHECK(ouro_trace_start(&options) == OURO_OK);
  for (int i = 0; i < 100; i++) {
    void *block = ouro_malloc(13);
    for (unsigned k = 0; k < between; k++) others[k] = (ouro_malloc)(8);
    ouro_free(block);
    for (unsigned k = 0; k < between; k++) ouro_free(others[between - 1 - k]);
  }
  sums all = sums_of(__FILE__, 0);
  ouro_trace_stop();
  return all;
}

static void temporary_is_what_is_freed_within_so_many_allocations(void **state) {
  (void)state;
  for (unsigned within = 0; within <= 32; within++) {
    sums at = temporary_with(within, within), behind = temporary_with(within, within + 1);
    assert_int_equal(at.temporary, 100);
    assert_int_equal(at.temporary_bytes, 1300);
    assert_int_equal(behind.temporary, 0);
    assert_int_equal(behind.temporary_bytes, 0);
    within += within >= 4 ? 8 : 0;
  }
}

/* ---------------------------------------------------------------- pins */

typedef struct pins {
  uint64_t rows, whole, blocks, bytes, kept, whole_blocks, whole_bytes, whole_kept, large_blocks;
} pins;

static int add_pin(const ouro_trace_pin *pin, void *arg) {
  pins *all = arg;
  if (pin->whole) {
    all->whole++;
    all->whole_blocks += pin->blocks;
    all->whole_bytes += pin->bytes;
    all->whole_kept += pin->kept;
    TEST_CHECK(pin->bytes + pin->kept == pin->held);
  } else if (pin->arena) {
    all->rows++;
    all->blocks += pin->blocks;
    all->bytes += pin->bytes;
    all->kept += pin->kept;
  } else {
    all->large_blocks += pin->blocks;
  }
  return 0;
}

static void pins_of_sites_add_up_to_those_of_arenas(void **state) {
  (void)state;
  enum { COUNT = 5000 };
  void *blocks[COUNT];
  pins all = {0};
  start_exact(1);
  test_rng rng = {7};
  for (int i = 0; i < COUNT; i++) blocks[i] = i & 1 ? ouro_malloc(test_mixed_size(&rng, 60000)) : ouro_malloc(test_below(&rng, 300));
  void *large = ouro_malloc(1 << 20);
  for (int i = 0; i < COUNT; i++) {
    if (i % 7) ouro_free(blocks[i]);
  }
  assert_int_equal(ouro_trace_each_pin(add_pin, &all), 0);
  assert_true(all.whole > 0);
  assert_int_equal(all.blocks, all.whole_blocks);
  assert_int_equal(all.bytes, all.whole_bytes);
  assert_true(all.kept <= all.whole_kept);
  assert_true(all.kept + all.blocks * 34 >= all.whole_kept); /* but for what division leaves: a block lies on up to 34 pages */
  assert_true(all.large_blocks >= 1);
  for (int i = 0; i < COUNT; i++) {
    if (i % 7 == 0) ouro_free(blocks[i]);
  }
  ouro_free(large);
}

/* ---------------------------------------------------------------- write */

static void write_makes_a_file_and_overwrites_none_unless_told(void **state) {
  (void)state;
  char path[64];
  snprintf(path, sizeof path, "/tmp/ouro-test-trace-%d", (int)getpid());
  start_exact(1);
  void *block = ouro_malloc(12345);
  assert_int_equal(ouro_trace_write(path, false), OURO_OK);
  errno = 0;
  assert_int_equal(ouro_trace_write(path, false), OURO_ESYSTEM);
  assert_int_equal(errno, EEXIST);
  assert_int_equal(ouro_trace_write(path, true), OURO_OK);
  assert_int_equal(ouro_trace_write("/nonexistent/x", true), OURO_ESYSTEM);
  assert_int_equal(errno, ENOENT);
  assert_int_equal(ouro_trace_write("/dev/full", true), OURO_ESYSTEM);
  assert_int_equal(errno, ENOSPC);
  FILE *file = fopen(path, "rb");
  ouro__area_page page;
  assert_int_equal(fread(&page, sizeof page, 1, file), 1);
  fseek(file, 0, SEEK_END);
  assert_int_equal(ftell(file), OURO_AREA_PAGE_BYTES + (long)page.chunks * OURO_AREA_CHUNK_BYTES);
  fclose(file);
  unlink(path);
  assert_true(page.magic == OURO_AREA_MAGIC && page.live_bytes == 12345 && page.mode == OURO_TRACE_EXACT);
  ouro_free(block);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(before_the_first_start_there_is_nothing),
      cmocka_unit_test_teardown(each_option_out_of_its_range_is_refused, stop_tracing),
      cmocka_unit_test_teardown(the_ends_of_each_range_are_good, stop_tracing),
      cmocka_unit_test_teardown(a_second_start_is_refused_and_changes_nothing, stop_tracing),
      cmocka_unit_test_teardown(what_was_counted_can_be_read_after_stop_until_the_next_start, stop_tracing),
      cmocka_unit_test_teardown(totals_are_cut_to_the_callers_size, stop_tracing),
      cmocka_unit_test_teardown(totals_count_blocks_bytes_and_the_peak, stop_tracing),
      cmocka_unit_test_teardown(reset_peak_makes_the_peak_what_is_live, stop_tracing),
      cmocka_unit_test_teardown(clear_forgets_all_and_tracing_goes_on, stop_tracing),
      cmocka_unit_test_teardown(each_site_ends_where_it_is_told_and_may_allocate, stop_tracing),
      cmocka_unit_test_teardown(a_place_has_file_line_and_function, stop_tracing),
      cmocka_unit_test_teardown(each_function_has_its_line, stop_tracing),
      cmocka_unit_test_teardown(an_allocation_among_the_arguments_has_its_own_line, stop_tracing),
      cmocka_unit_test_teardown(without_the_macro_the_native_stack_is_taken, stop_tracing),
      cmocka_unit_test_teardown(a_place_that_was_not_used_is_not_used_later, stop_tracing),
      cmocka_unit_test_teardown(each_block_shows_every_traced_block_and_no_other, stop_tracing),
      cmocka_unit_test_teardown(any_address_may_be_asked_about, stop_tracing),
      cmocka_unit_test_teardown(sizes_are_as_asked_for_up_to_the_largest, stop_tracing),
      cmocka_unit_test_teardown(realloc_is_a_free_and_an_allocation, stop_tracing),
      cmocka_unit_test_teardown(blocks_from_before_are_not_counted, stop_tracing),
      cmocka_unit_test_teardown(a_new_session_knows_no_blocks_of_the_last, stop_tracing),
      cmocka_unit_test_teardown(a_heap_that_is_destroyed_frees_its_blocks, stop_tracing),
      cmocka_unit_test_teardown(objects_are_counted_by_type_and_line, stop_tracing),
      cmocka_unit_test_teardown(what_the_collector_frees_is_counted, stop_tracing),
      cmocka_unit_test_teardown(weak_references_are_objects_too, stop_tracing),
      cmocka_unit_test_teardown(temporary_is_what_is_freed_within_so_many_allocations, stop_tracing),
      cmocka_unit_test_teardown(pins_of_sites_add_up_to_those_of_arenas, stop_tracing),
      cmocka_unit_test_teardown(write_makes_a_file_and_overwrites_none_unless_told, stop_tracing),
  };
  return cmocka_run_group_tests_name("trace api", tests, NULL, NULL);
}
