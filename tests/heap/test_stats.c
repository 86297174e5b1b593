/* tests/heap/test_stats.c - the statistics add up, follow what is allocated and freed, and are written as text and as JSON.
 *
 * Linked with: the core static library (ouro_core), support/support.c, support/json.c, cmocka, threads. */
#include "support/support.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <ouro/heap.h>

#include "support/json.h"

#define KIB ((size_t)1024)
#define MIB (KIB * 1024)

static int heap_is_sound(void **state) {
  (void)state;
  TEST_HEAP_IS_SOUND();
  return 0;
}

/* Nothing may go back between two looks that are compared. */
static int without_background(void **state) {
  (void)state;
  ouro_options options = {.struct_size = sizeof options};
  TEST_CHECK(ouro_options_get(&options) == OURO_OK);
  options.background = false;
  TEST_CHECK(ouro_options_set(&options) == OURO_OK);
  return 0;
}

static ouro_heap_stats heap_stats(void) {
  ouro_heap_stats stats = {.struct_size = sizeof stats};
  TEST_CHECK(ouro_heap_stats_get(&stats) == OURO_OK);
  return stats;
}

static ouro_class_stats class_stats(unsigned index) {
  ouro_class_stats stats = {.struct_size = sizeof stats};
  TEST_CHECK(ouro_class_stats_get(index, &stats) == OURO_OK);
  return stats;
}

/* ---------------------------------------------------------------- the equations */

static void check_equations(void) {
  ouro_heap_stats heap = heap_stats();
  size_t live = 0;
  size_t bytes_live = 0;
  size_t cached = 0;
  size_t pools = 0;
  for (unsigned i = 0; i < ouro_class_count(); i++) {
    ouro_class_stats one = class_stats(i);
    live += one.blocks_live;
    bytes_live += one.blocks_live * one.block_size;
    cached += one.blocks_cached * one.block_size;
    pools += one.pools;
    TEST_CHECK(one.pools > 0 || (one.blocks_live == 0 && one.blocks_free == 0 && one.bytes_returned == 0));
    TEST_CHECK(one.pools == 0 || one.blocks_live + one.blocks_free + one.blocks_cached >= one.pools);
  }
  TEST_CHECK(live + heap.blocks_large == heap.blocks_live);
  TEST_CHECK(bytes_live <= heap.bytes_live && heap.bytes_live <= bytes_live + heap.bytes_large);
  TEST_CHECK((heap.blocks_large == 0) == (heap.bytes_large == 0));
  TEST_CHECK(cached == heap.bytes_cached);
  TEST_CHECK(pools == heap.pools);
  TEST_CHECK(heap.bytes_taken - heap.bytes_returned == heap.bytes_held);
  TEST_CHECK(heap.bytes_held <= heap.bytes_held_peak);
  TEST_CHECK(heap.bytes_held_peak <= heap.bytes_taken);
  TEST_CHECK(heap.bytes_dirty <= heap.bytes_held);
  TEST_CHECK(heap.bytes_live + heap.bytes_cached <= heap.bytes_pools + heap.bytes_large);
  TEST_CHECK(heap.arenas == 0 || heap.bytes_metadata > 0);
  TEST_CHECK(heap.pools == 0 || heap.arenas > 0);
  TEST_CHECK(heap.bytes_pools + heap.bytes_large <= heap.arenas * 4 * MIB);
}

/* With no thread but this one, and nothing cached, each block of a pool is live or free. */
static void check_blocks_of_classes(void) {
  ouro_thread_flush();
  size_t pools_bytes = 0;
  for (unsigned i = 0; i < ouro_class_count(); i++) {
    ouro_class_stats one = class_stats(i);
    size_t total = one.blocks_live + one.blocks_free;
    TEST_CHECK(one.blocks_cached == 0);
    TEST_CHECK(one.pools == 0 || total % one.pools == 0);
    TEST_CHECK(one.bytes_returned <= total * one.block_size + one.pools * one.block_size);
    pools_bytes += total * one.block_size;
  }
  TEST_CHECK(pools_bytes <= heap_stats().bytes_pools);
}

static void equations_hold_while_the_heap_fills_and_drains(void **state) {
  (void)state;
  enum { COUNT = 4000 };
  static void *blocks[COUNT];
  test_rng rng = {31};
  check_equations();
  for (int round = 0; round < 6; round++) {
    for (size_t i = 0; i < COUNT; i++) {
      ouro_free(blocks[i]);
      blocks[i] = test_below(&rng, 3) == 0 ? NULL : ouro_malloc(test_mixed_size(&rng, round * MIB));
      if (i % 400 == 0) {
        check_equations();
      }
    }
    check_equations();
    check_blocks_of_classes();
    ouro_heap_trim();
    check_equations();
  }
  for (size_t i = 0; i < COUNT; i++) {
    ouro_free(blocks[i]);
    blocks[i] = NULL;
  }
  check_equations();
  check_blocks_of_classes();
  assert_int_equal(heap_stats().blocks_live, 0);
  assert_int_equal(heap_stats().bytes_live, 0);
}

static void classes_are_those_that_the_documentation_names(void **state) {
  (void)state;
  assert_true(ouro_class_count() > 32);
  size_t before = 0;
  for (unsigned i = 0; i < ouro_class_count(); i++) {
    size_t size = class_stats(i).block_size;
    TEST_CHECK(size > before);
    TEST_CHECK(size <= 512 ? size == before + 16 : size <= before + before / 8);
    if (!test_check_mode()) {
      TEST_CHECK(ouro_good_size(size) == size);
      TEST_CHECK(ouro_good_size(before + 1) == size);
    }
    before = size;
  }
  assert_int_equal(before, 128 * KIB);
}

static unsigned class_of(const void *block) {
  size_t usable = ouro_usable_size(block);
  for (unsigned i = 0; i < ouro_class_count(); i++) {
    if (class_stats(i).block_size >= usable) {
      return i;
    }
  }
  TEST_CHECK(!"a block of a class");
  return 0;
}

static void live_blocks_are_counted_exactly_and_cached_ones_apart(void **state) {
  (void)state;
  static void *blocks[1000];
  for (size_t size = 16; size <= 128 * KIB; size = size * 5 / 3) {
    size_t count = size > 8192 ? 20 : 1000;
    ouro_free(ouro_malloc(size));
    ouro_thread_flush();
    ouro_heap_stats before = heap_stats();
    blocks[0] = ouro_malloc(size);
    unsigned index = class_of(blocks[0]);
    size_t live = class_stats(index).blocks_live;
    for (size_t i = 1; i < count; i++) {
      blocks[i] = ouro_malloc(size);
    }
    assert_int_equal(class_stats(index).blocks_live, live + count - 1);
    assert_int_equal(heap_stats().blocks_live, before.blocks_live + count);
    assert_true(heap_stats().bytes_live >= before.bytes_live + count * size);
    for (size_t i = 0; i < count; i++) {
      ouro_free(blocks[i]);
    }
    assert_int_equal(heap_stats().blocks_live, before.blocks_live);
    assert_int_equal(heap_stats().bytes_live, before.bytes_live);
    ouro_thread_flush();
    assert_int_equal(class_stats(index).blocks_cached, 0);
    assert_int_equal(heap_stats().bytes_cached, 0);
  }
}

static void large_blocks_are_counted(void **state) {
  (void)state;
  ouro_heap_stats before = heap_stats();
  void *blocks[10];
  size_t usable = 0;
  for (size_t i = 0; i < 10; i++) {
    blocks[i] = ouro_malloc((i + 1) * 600 * KIB);
    usable += ouro_usable_size(blocks[i]);
  }
  ouro_heap_stats with = heap_stats();
  assert_int_equal(with.blocks_large, before.blocks_large + 10);
  assert_int_equal(with.blocks_live, before.blocks_live + 10);
  assert_int_equal(with.bytes_live, before.bytes_live + usable);
  assert_true(with.bytes_large >= before.bytes_large + usable);
  assert_true(with.bytes_held >= before.bytes_held);
  for (size_t i = 0; i < 10; i++) {
    ouro_free(blocks[i]);
  }
  ouro_heap_stats after = heap_stats();
  assert_int_equal(after.blocks_large, before.blocks_large);
  assert_int_equal(after.bytes_large, before.bytes_large);
  assert_int_equal(after.bytes_live, before.bytes_live);
}

static void the_peak_is_the_most_that_was_held_and_stays(void **state) {
  (void)state;
  ouro_heap_trim();
  size_t before = heap_stats().bytes_held;
  char *block = ouro_malloc(64 * MIB);
  memset(block, 1, 64 * MIB);
  size_t with = heap_stats().bytes_held;
  assert_true(with >= before + 64 * MIB);
  ouro_free(block);
  ouro_heap_trim();
  ouro_heap_stats after = heap_stats();
  assert_true(after.bytes_held <= before + MIB);
  assert_true(after.bytes_held_peak >= with);
}

static void trim_says_what_it_returned_and_it_is_counted(void **state) {
  (void)state;
  static void *blocks[20000];
  for (size_t i = 0; i < 20000; i++) {
    blocks[i] = ouro_malloc(700);
    memset(blocks[i], 1, 700);
  }
  for (size_t i = 0; i < 20000; i++) {
    ouro_free(blocks[i]);
  }
  ouro_heap_stats before = heap_stats();
  size_t returned = ouro_heap_trim();
  ouro_heap_stats after = heap_stats();
  assert_true(returned >= 20000 * (size_t)700 / 2);
  assert_int_equal(after.bytes_returned, before.bytes_returned + returned);
  assert_int_equal(after.bytes_held, before.bytes_held - returned);
  assert_true(after.bytes_held < MIB * 2);
  assert_true(after.bytes_dirty <= 64 * KIB);
}

static void *do_nothing_much(void *arg) {
  ouro_free(ouro_malloc(100));
  pthread_barrier_wait(arg);
  pthread_barrier_wait(arg);
  return NULL;
}

static void threads_and_heaps_are_counted(void **state) {
  (void)state;
  ouro_free(ouro_malloc(1));
  ouro_heap_stats before = heap_stats();
  assert_true(before.threads >= 1);
  assert_true(before.heaps >= 1);
  pthread_barrier_t barrier;
  pthread_t threads[5];
  pthread_barrier_init(&barrier, NULL, 6);
  for (size_t i = 0; i < 5; i++) {
    assert_int_equal(pthread_create(&threads[i], NULL, do_nothing_much, &barrier), 0);
  }
  pthread_barrier_wait(&barrier);
  ouro_heap *heap = ouro_heap_new(NULL);
  ouro_heap_stats with = heap_stats();
  assert_int_equal(with.threads, before.threads + 5);
  assert_true(with.heaps > before.heaps);
  ouro_heap_destroy(heap);
  pthread_barrier_wait(&barrier);
  for (size_t i = 0; i < 5; i++) {
    pthread_join(threads[i], NULL);
  }
  assert_int_equal(heap_stats().threads, before.threads);
  pthread_barrier_destroy(&barrier);
}

static void returned_bytes_of_a_class_are_told(void **state) {
  (void)state;
  static char *blocks[8000];
  for (size_t i = 0; i < 8000; i++) {
    blocks[i] = ouro_malloc(1024);
    memset(blocks[i], 1, 1024);
  }
  unsigned index = class_of(blocks[0]);
  for (size_t i = 0; i < 8000; i++) {
    if (i % 16 != 0) {
      ouro_free(blocks[i]);
    }
  }
  ouro_heap_trim();
  assert_true(class_stats(index).bytes_returned >= 3 * MIB);
  check_equations();
  for (size_t i = 0; i < 8000; i += 16) {
    ouro_free(blocks[i]);
  }
}

/* ---------------------------------------------------------------- arguments */

static void unknown_struct_sizes_and_indices_are_invalid(void **state) {
  (void)state;
  static const size_t unknown[] = {0, 1, 4, 8, sizeof(ouro_heap_stats) + 64, SIZE_MAX};
  for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
    ouro_heap_stats stats;
    memset(&stats, 0x5a, sizeof stats);
    stats.struct_size = unknown[i];
    assert_int_equal(ouro_heap_stats_get(&stats), OURO_EINVAL);
    assert_true(test_all_bytes(&stats.blocks_live, 0x5a, sizeof stats - sizeof(size_t)));
    ouro_class_stats one = {.struct_size = unknown[i]};
    assert_int_equal(ouro_class_stats_get(0, &one), OURO_EINVAL);
  }
  ouro_class_stats one = {.struct_size = sizeof one};
  assert_int_equal(ouro_class_stats_get(ouro_class_count(), &one), OURO_EINVAL);
  assert_int_equal(ouro_class_stats_get(UINT32_MAX, &one), OURO_EINVAL);
}

/* ---------------------------------------------------------------- writing */

typedef struct sink {
  char text[256 * 1024];
  size_t length;
  size_t calls;
  size_t stop_at; /* at which call to ask for a stop; 0: never */
} sink;

static sink the_sink;

static int take(void *arg, const char *text, size_t length) {
  sink *s = arg;
  TEST_CHECK(length > 0);
  TEST_CHECK(s->length + length < sizeof s->text);
  memcpy(s->text + s->length, text, length);
  s->length += length;
  s->text[s->length] = 0;
  return ++s->calls == s->stop_at;
}

static const char *written(enum ouro_format format) {
  the_sink.length = 0;
  the_sink.calls = 0;
  the_sink.stop_at = 0;
  TEST_CHECK(ouro_stats_write(format, take, &the_sink) == OURO_OK);
  TEST_CHECK(strlen(the_sink.text) == the_sink.length);
  return the_sink.text;
}

typedef struct arena_list {
  ouro_walk_item items[64];
  size_t count;
} arena_list;

static int note_arena(const ouro_walk_item *item, void *arg) {
  arena_list *list = arg;
  if (list->count < 64) {
    list->items[list->count++] = *item;
  }
  return 0;
}

static void check_json_heap(const char *json) {
  ouro_heap_stats stats = heap_stats();
#define SAME(field) TEST_CHECK(test_json_number(json, "heap." #field) == stats.field)
  SAME(blocks_live);
  SAME(bytes_live);
  SAME(bytes_cached);
  SAME(bytes_pools);
  SAME(bytes_large);
  SAME(blocks_large);
  SAME(bytes_held);
  SAME(bytes_held_peak);
  SAME(bytes_dirty);
  SAME(bytes_metadata);
  SAME(bytes_taken);
  SAME(bytes_returned);
  SAME(arenas);
  SAME(pools);
  SAME(heaps);
  SAME(threads);
#undef SAME
}

static void check_json_classes(const char *json) {
  char path[64];
  size_t at = 0;
  for (unsigned i = 0; i < ouro_class_count(); i++) {
    ouro_class_stats stats = class_stats(i);
    if (stats.pools == 0) {
      continue;
    }
#define SAME(key, field)                                                                                               \
  (snprintf(path, sizeof path, "classes.%zu." key, at), TEST_CHECK(test_json_number(json, path) == stats.field))
    SAME("size", block_size);
    SAME("pools", pools);
    SAME("live", blocks_live);
    SAME("free", blocks_free);
    SAME("cached", blocks_cached);
    SAME("returned", bytes_returned);
#undef SAME
    at++;
  }
  TEST_CHECK(test_json_length(json, "classes") == at);
}

static void check_json_arenas(const char *json) {
  static arena_list list;
  char path[64];
  list.count = 0;
  TEST_CHECK(ouro_heap_walk(OURO_WALK_ARENA, note_arena, &list) == OURO_OK);
  TEST_CHECK(test_json_length(json, "arenas") == list.count);
  for (size_t i = 0; i < list.count; i++) {
    snprintf(path, sizeof path, "arenas.%zu.address", i);
    const char *address = test_json_at(json, path);
    TEST_CHECK(address != NULL && strncmp(address, "\"0x", 3) == 0);
    TEST_CHECK(strtoull(address + 1, NULL, 16) == (uintptr_t)list.items[i].address);
    snprintf(path, sizeof path, "arenas.%zu.live", i);
    TEST_CHECK(test_json_number(json, path) == list.items[i].bytes_live);
    snprintf(path, sizeof path, "arenas.%zu.resident", i);
    TEST_CHECK(test_json_number(json, path) == list.items[i].bytes_resident);
    snprintf(path, sizeof path, "arenas.%zu.size", i);
    TEST_CHECK(test_json_number(json, path) == 4 * MIB);
    snprintf(path, sizeof path, "arenas.%zu.used", i);
    TEST_CHECK(test_json_number(json, path) <= 4 * MIB);
    snprintf(path, sizeof path, "arenas.%zu.pools", i);
    TEST_CHECK(test_json_number(json, path) <= 64);
  }
}

static void json_is_valid_and_says_what_the_functions_say(void **state) {
  (void)state;
  test_rng rng = {4};
  static void *blocks[3000];
  for (size_t i = 0; i < 3000; i++) {
    blocks[i] = ouro_malloc(test_mixed_size(&rng, 2 * MIB));
  }
  for (size_t i = 0; i < 3000; i += 2) {
    ouro_free(blocks[i]);
  }
  const char *json = written(OURO_FORMAT_JSON);
  assert_true(test_json_valid(json));
  assert_int_equal(test_json_number(json, "pid"), (uint64_t)getpid());
  assert_int_equal(strncmp(test_json_at(json, "ouro"), "\"" OURO_VERSION "\"", sizeof OURO_VERSION + 1), 0);
  check_json_heap(json);
  check_json_classes(json);
  check_json_arenas(json);
  for (size_t i = 1; i < 3000; i += 2) {
    ouro_free(blocks[i]);
  }
}

static void text_is_lines_of_printable_characters(void **state) {
  (void)state;
  void *block = ouro_malloc(777);
  const char *text = written(OURO_FORMAT_TEXT);
  assert_true(the_sink.length > 100);
  assert_int_equal(text[the_sink.length - 1], '\n');
  for (size_t i = 0; i < the_sink.length; i++) {
    TEST_CHECK(text[i] == '\n' || (text[i] >= ' ' && text[i] <= '~'));
  }
  ouro_free(block);
}

static void writing_stops_when_asked(void **state) {
  (void)state;
  for (int format = OURO_FORMAT_TEXT; format <= OURO_FORMAT_JSON; format++) {
    written((enum ouro_format)format);
    size_t calls = the_sink.calls;
    assert_true(calls > 0);
    for (size_t at = 1; at <= calls; at++) {
      the_sink.length = 0;
      the_sink.calls = 0;
      the_sink.stop_at = at;
      assert_int_equal(ouro_stats_write((enum ouro_format)format, take, &the_sink), OURO_ESTOP);
      assert_int_equal(the_sink.calls, at);
    }
  }
}

static void an_unknown_format_is_invalid(void **state) {
  (void)state;
  the_sink.calls = 0;
  assert_int_equal(ouro_stats_write((enum ouro_format)2, take, &the_sink), OURO_EINVAL);
  assert_int_equal(ouro_stats_write((enum ouro_format)77, take, &the_sink), OURO_EINVAL);
  assert_int_equal(the_sink.calls, 0);
}

static void writing_allocates_nothing(void **state) {
  (void)state;
  ouro_thread_flush();
  ouro_heap_stats before = heap_stats();
  written(OURO_FORMAT_TEXT);
  written(OURO_FORMAT_JSON);
  ouro_heap_stats after = heap_stats();
  assert_int_equal(after.blocks_live, before.blocks_live);
  assert_int_equal(after.bytes_cached, before.bytes_cached);
  assert_int_equal(after.bytes_taken, before.bytes_taken);
}

#define TEST(name) cmocka_unit_test_teardown(name, heap_is_sound)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(classes_are_those_that_the_documentation_names),
      TEST(equations_hold_while_the_heap_fills_and_drains),
      TEST(live_blocks_are_counted_exactly_and_cached_ones_apart),
      TEST(large_blocks_are_counted),
      TEST(the_peak_is_the_most_that_was_held_and_stays),
      TEST(trim_says_what_it_returned_and_it_is_counted),
      TEST(threads_and_heaps_are_counted),
      TEST(returned_bytes_of_a_class_are_told),
      TEST(unknown_struct_sizes_and_indices_are_invalid),
      TEST(json_is_valid_and_says_what_the_functions_say),
      TEST(text_is_lines_of_printable_characters),
      TEST(writing_stops_when_asked),
      TEST(an_unknown_format_is_invalid),
      TEST(writing_allocates_nothing),
  };
  return cmocka_run_group_tests(tests, without_background, NULL);
}
