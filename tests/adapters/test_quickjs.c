/* tests/adapters/test_quickjs.c - the functions for QuickJS, in both shapes that it had.
 *
 * Debian 12 has no QuickJS, so this is no test against the engine: the declarations that the adapter needs are repeated here
 * (they are QuickJS's interface), and a small model of an engine allocates as QuickJS does: objects with growing property
 * arrays, strings, shapes that are shared, an array of atoms that doubles, a limit. Compiled twice: with TEST_QUICKJS_STATE 1
 * for Bellard's shape, with 0 for quickjs-ng's.
 * Linked with: libouro. */
#include "balance.h"

#include <string.h>

#if TEST_QUICKJS_STATE
typedef struct JSMallocState {
  size_t malloc_count;
  size_t malloc_size;
  size_t malloc_limit;
  void *opaque;
} JSMallocState;

typedef struct JSMallocFunctions {
  void *(*js_malloc)(JSMallocState *s, size_t size);
  void (*js_free)(JSMallocState *s, void *ptr);
  void *(*js_realloc)(JSMallocState *s, void *ptr, size_t size);
  size_t (*js_malloc_usable_size)(const void *ptr);
} JSMallocFunctions;
#else
#define JS_EXTERN
typedef struct JSMallocFunctions {
  void *(*js_calloc)(void *opaque, size_t count, size_t size);
  void *(*js_malloc)(void *opaque, size_t size);
  void (*js_free)(void *opaque, void *ptr);
  void *(*js_realloc)(void *opaque, void *ptr, size_t size);
  size_t (*js_malloc_usable_size)(const void *ptr);
} JSMallocFunctions;
#endif

#include <ouro/adapt/quickjs.h>

/* ---------------------------------------------------------------- a runtime as far as memory goes */

typedef struct runtime {
  JSMallocFunctions functions;
#if TEST_QUICKJS_STATE
  JSMallocState state;
#else
  void *opaque;
#endif
} runtime;

static runtime new_runtime(ouro_heap *heap, size_t limit) {
  runtime rt = {.functions = ouro_quickjs_functions()};
#if TEST_QUICKJS_STATE
  rt.state = (JSMallocState){.malloc_limit = limit, .opaque = heap};
#else
  (void)limit;
  rt.opaque = heap;
#endif
  return rt;
}

#if TEST_QUICKJS_STATE
#define CONTEXT(rt) (&(rt)->state)
#else
#define CONTEXT(rt) ((rt)->opaque)
#endif

static void *js_malloc(runtime *rt, size_t size) { return rt->functions.js_malloc(CONTEXT(rt), size); }
static void *js_realloc(runtime *rt, void *block, size_t size) {
  return rt->functions.js_realloc(CONTEXT(rt), block, size);
}
static void js_free(runtime *rt, void *block) { rt->functions.js_free(CONTEXT(rt), block); }

static void *js_calloc(runtime *rt, size_t count, size_t size) {
#if TEST_QUICKJS_STATE
  void *block = js_malloc(rt, count * size);
  return block ? memset(block, 0, count * size) : NULL;
#else
  return rt->functions.js_calloc(CONTEXT(rt), count, size);
#endif
}

/* ---------------------------------------------------------------- the model */

enum { OBJECTS = 3000, STEPS = 60000 };

typedef struct object {
  uint64_t *properties;
  char *name;
  size_t count, capacity;
} object;

/* One more property; the array grows by half, into what the block really holds, as QuickJS grows its own. */
static void add_property(runtime *rt, object *o) {
  if (o->count == o->capacity) {
    size_t wanted = o->capacity < 4 ? 4 : o->capacity * 3 / 2;
    uint64_t *grown = js_realloc(rt, o->properties, wanted * sizeof *grown);
    assert_non_null(grown);
    o->properties = grown;
    o->capacity = rt->functions.js_malloc_usable_size(grown) / sizeof *grown;
    assert_true(o->capacity >= wanted);
  }
  o->properties[o->count] = o->count * 31 + (uintptr_t)o;
  o->count++;
}

static void check_object(const object *o) {
  for (size_t i = 0; i < o->count; i++) assert_true(o->properties[i] == i * 31 + (uintptr_t)o);
}

static void free_object(runtime *rt, object *o) {
  if (!o) return;
  check_object(o);
  js_free(rt, o->properties);
  js_free(rt, o->name);
  js_free(rt, o);
}

static object *new_object(runtime *rt, test_rng *rng) {
  object *o = js_calloc(rt, 1, sizeof *o);
  assert_non_null(o);
  assert_true(ouro_owns(o));
  assert_true(test_all_bytes(o, 0, sizeof *o));
  o->name = js_malloc(rt, 1 + test_below(rng, 40));
  assert_non_null(o->name);
  return o;
}

static void run_model(runtime *rt) {
  test_rng rng = {7};
  object **objects = js_calloc(rt, OBJECTS, sizeof *objects);
  assert_non_null(objects);
  for (int step = 0; step < STEPS; step++) {
    object **slot = &objects[test_below(&rng, OBJECTS)];
    if (!*slot) {
      *slot = new_object(rt, &rng);
    } else if (test_below(&rng, 8) == 0) {
      free_object(rt, *slot);
      *slot = NULL;
    } else {
      for (size_t more = test_below(&rng, 6); more > 0; more--) add_property(rt, *slot);
    }
  }
  for (int i = 0; i < OBJECTS; i++) free_object(rt, objects[i]);
  js_free(rt, objects);
  js_free(rt, NULL);
}

/* ---------------------------------------------------------------- tests */

static void assert_nothing_counted(const runtime *rt) {
#if TEST_QUICKJS_STATE
  assert_int_equal(rt->state.malloc_count, 0);
  assert_int_equal(rt->state.malloc_size, 0);
#else
  (void)rt;
#endif
}

static void a_runtime_lives_on_the_common_heap(void **unused) {
  (void)unused;
  size_t before = blocks_live();
  runtime rt = new_runtime(NULL, SIZE_MAX);
  run_model(&rt);
  assert_nothing_counted(&rt);
  assert_int_equal(blocks_live(), before);
}

static void a_runtime_lives_on_a_private_heap(void **unused) {
  (void)unused;
  ouro_heap *heap = limited_heap("quickjs", 0);
  runtime rt = new_runtime(heap, 0);
  void *block = js_malloc(&rt, 100);
  assert_int_equal(blocks_live_in(heap), 1);
  js_free(&rt, block);
  run_model(&rt);
  assert_nothing_counted(&rt);
  assert_int_equal(blocks_live_in(heap), 0);
  ouro_heap_destroy(heap);
}

static void a_limit_refuses_and_changes_nothing(void **unused) {
  (void)unused;
  enum { LIMIT = 1 << 20, SIZE = 10000 };
  ouro_heap *heap = limited_heap("quickjs", TEST_QUICKJS_STATE ? 0 : LIMIT);
  runtime rt = new_runtime(heap, LIMIT);
  void *blocks[LIMIT / SIZE];
  int count = 0;
  for (void *block; (block = js_malloc(&rt, SIZE)); count++) {
    assert_true(count < LIMIT / SIZE);
    blocks[count] = block;
  }
  assert_true(count > 0);
  test_fill(blocks[0], SIZE, 5);
  assert_null(js_realloc(&rt, blocks[0], LIMIT));
  assert_true(test_holds(blocks[0], SIZE, 5));
  for (int i = 0; i < count; i++) js_free(&rt, blocks[i]);
  assert_nothing_counted(&rt);
  void *again = js_malloc(&rt, SIZE);
  assert_non_null(again);
  js_free(&rt, again);
  ouro_heap_destroy(heap);
}

#if TEST_QUICKJS_STATE
static void resizing_to_nothing_frees(void **unused) {
  (void)unused;
  runtime rt = new_runtime(NULL, SIZE_MAX);
  void *block = js_realloc(&rt, NULL, 64);
  assert_non_null(block);
  assert_int_equal(rt.state.malloc_count, 1);
  assert_int_equal(rt.state.malloc_size, ouro_usable_size(block));
  assert_null(js_realloc(&rt, block, 0));
  assert_nothing_counted(&rt);
  assert_null(js_realloc(&rt, NULL, 0));
  assert_nothing_counted(&rt);
}
#endif

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_runtime_lives_on_the_common_heap),
    cmocka_unit_test(a_runtime_lives_on_a_private_heap),
    cmocka_unit_test(a_limit_refuses_and_changes_nothing),
#if TEST_QUICKJS_STATE
    cmocka_unit_test(resizing_to_nothing_frees),
#endif
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
