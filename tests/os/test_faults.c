/* tests/os/test_faults.c - every system call of every public function fails in turn, once and for ever.
 *
 * A POINT is one run of an operation in which call number k of the system fails, or that one and all later ones. For each
 * operation, k goes up from 0 until the operation ends before call k is reached. At each point must hold:
 *   - nothing crashes, and a function either does what it should or gives NULL and ENOMEM, and changes nothing;
 *   - it fails only where a system call did fail;
 *   - the heap's checker finds nothing wrong;
 *   - with the system well again, the same operation succeeds;
 *   - when all is freed, nothing is left that was not there before.
 * Every point runs in a child of its own, forked from a process that has brought the heap into a STATE, so that each begins
 * with the same heap and a crash is one failed point.
 *
 * Linked with: the core static library (ouro_core) built with -DOURO_FAULTS, support/support.c, cmocka, threads. */
#include "support/support.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ouro/heap.h>

#include "os/os_fault.h"

#define KIB ((size_t)1024)
#define MIB (KIB * 1024)

/* How many points a full run must reach. */
#define POINTS_WANTED 5000

/* ---------------------------------------------------------------- one point */

/* What the point is, and what came of it; in the child that runs it. */
static struct {
  long skip;
  long count;
  long hits;
  bool strict; /* the system is well: nothing may fail */
} point;

static void arm(void) {
  if (!point.strict) {
    ouro__os_fail(point.skip, point.count);
  }
}

static void disarm(void) {
  if (!point.strict) {
    point.hits += ouro__os_fail_hits();
    ouro__os_fail(0, 0);
  }
}

/* A result that may be NULL only where the system failed. */
static void *may_fail(void *block) {
  if (block == NULL) {
    TEST_CHECK(errno == ENOMEM);
    TEST_CHECK(!point.strict);
    TEST_CHECK(ouro__os_fail_hits() > 0);
  }
  errno = 0;
  return block;
}

/* ---------------------------------------------------------------- the operations */

typedef struct op {
  const char *name;
  void (*run)(const struct op *op);
  size_t a, b;
} op;

static void use(void *block, size_t size) {
  if (block != NULL) {
    TEST_CHECK(ouro_usable_size(block) >= size);
    test_fill_sparse(block, size, size);
    TEST_CHECK(test_holds_sparse(block, size, size));
  }
}

static void op_malloc(const op *o) {
  arm();
  void *block = may_fail(ouro_malloc(o->a));
  disarm();
  use(block, o->a);
  ouro_free(block);
}

static void op_calloc(const op *o) {
  arm();
  char *block = may_fail(ouro_calloc(o->a, 1));
  disarm();
  TEST_CHECK(block == NULL || test_all_bytes(block, 0, o->a));
  use(block, o->a);
  ouro_free(block);
}

static void op_aligned_alloc(const op *o) {
  arm();
  void *block = may_fail(ouro_aligned_alloc(o->a, o->b));
  disarm();
  TEST_CHECK(((uintptr_t)block & (o->a - 1)) == 0);
  use(block, o->b);
  ouro_free(block);
}

/* On failure the old block is the caller's, unchanged. */
static void resize(const op *o, void *(*how)(void *block, size_t size)) {
  void *block = ouro_malloc(o->a);
  TEST_CHECK(block != NULL);
  test_fill_sparse(block, o->a, 5);
  arm();
  void *moved = may_fail(how(block, o->b));
  disarm();
  size_t kept = moved != NULL && o->b < o->a ? o->b : o->a;
  moved = moved != NULL ? moved : block;
  TEST_CHECK(test_holds_sparse_prefix(moved, o->a, kept, 5));
  ouro_free(moved);
}

static void *by_array(void *block, size_t size) { return ouro_reallocarray(block, size / 2, 2); }

static void *by_realloc(void *block, size_t size) { return ouro_realloc(block, size); }

static void op_realloc(const op *o) { resize(o, by_realloc); }

static void op_reallocarray(const op *o) { resize(o, by_array); }

static void op_realloc_null(const op *o) {
  arm();
  void *block = may_fail(ouro_realloc(NULL, o->a));
  disarm();
  use(block, o->a);
  ouro_free(block);
}

/* `a`: the size; `b`: which of the functions that free. */
static void op_free(const op *o) {
  void *block = ouro_malloc(o->a);
  TEST_CHECK(block != NULL);
  use(block, o->a);
  arm();
  errno = 99;
  switch (o->b) {
  case 0:
    ouro_free(block);
    break;
  case 1:
    ouro_free_sized(block, o->a);
    break;
  default:
    ouro_free_aligned_sized(block, 16, o->a);
  }
  TEST_CHECK(errno == 99);
  ouro_thread_flush();
  disarm();
}

/* Many blocks of one size are taken and freed: pools are made and deleted on the way. `b`: how many. */
static void op_many(const op *o) {
  static void *blocks[4096];
  TEST_CHECK(o->b <= 4096);
  arm();
  for (size_t i = 0; i < o->b; i++) {
    blocks[i] = may_fail(ouro_malloc(o->a));
    if (blocks[i] != NULL) {
      test_fill_sparse(blocks[i], o->a, i);
    }
  }
  for (size_t i = 0; i < o->b; i++) {
    TEST_CHECK(blocks[i] == NULL || test_holds_sparse(blocks[i], o->a, i));
    ouro_free(blocks[i]);
  }
  ouro_thread_flush();
  disarm();
}

static void op_trim(const op *o) {
  static char *blocks[2048];
  size_t count = MIB / o->a < 2048 ? MIB / o->a : 2048;
  for (size_t i = 0; i < count; i++) {
    blocks[i] = ouro_malloc(o->a);
    TEST_CHECK(blocks[i] != NULL);
    test_fill_sparse(blocks[i], o->a, i);
  }
  for (size_t i = 0; i < count; i++) {
    if (i % 8 != 0) {
      ouro_free(blocks[i]);
    }
  }
  arm();
  ouro_heap_trim();
  disarm();
  for (size_t i = 0; i < count; i += 8) {
    TEST_CHECK(test_holds_sparse(blocks[i], o->a, i));
    ouro_free(blocks[i]);
  }
}

static void op_flush(const op *o) {
  for (size_t size = 1; size < o->a; size += size / 2 + 1) {
    ouro_free(ouro_malloc(size));
  }
  arm();
  ouro_thread_flush();
  disarm();
}

/* ---- private heaps */

static void op_heap_new(const op *o) {
  (void)o;
  ouro_heap_options options = {.struct_size = sizeof options, .name = "faulty", .limit_bytes = 64 * MIB};
  arm();
  ouro_heap *heap = may_fail(ouro_heap_new(&options));
  disarm();
  if (heap != NULL) {
    TEST_CHECK(ouro_heap_malloc(heap, 100) != NULL);
  }
  arm();
  ouro_heap_destroy(heap);
  disarm();
}

static void op_heap_malloc(const op *o) {
  ouro_heap *heap = ouro_heap_new(NULL);
  TEST_CHECK(heap != NULL);
  arm();
  void *block = may_fail(ouro_heap_malloc(heap, o->a));
  disarm();
  use(block, o->a);
  arm();
  ouro_free(block);
  ouro_heap_bytes(heap, NULL);
  disarm();
  ouro_heap_destroy(heap);
}

static void op_heap_calloc(const op *o) {
  ouro_heap *heap = ouro_heap_new(NULL);
  TEST_CHECK(heap != NULL);
  arm();
  void *block = may_fail(ouro_heap_calloc(heap, 1, o->a));
  disarm();
  TEST_CHECK(block == NULL || test_all_bytes(block, 0, o->a));
  ouro_heap_destroy(heap);
}

static void op_heap_aligned_alloc(const op *o) {
  ouro_heap *heap = ouro_heap_new(NULL);
  TEST_CHECK(heap != NULL);
  arm();
  void *block = may_fail(ouro_heap_aligned_alloc(heap, o->a, o->b));
  disarm();
  TEST_CHECK(((uintptr_t)block & (o->a - 1)) == 0);
  use(block, o->b);
  ouro_heap_destroy(heap);
}

static void op_heap_realloc(const op *o) {
  ouro_heap *heap = ouro_heap_new(NULL);
  TEST_CHECK(heap != NULL);
  void *block = ouro_heap_malloc(heap, o->a);
  TEST_CHECK(block != NULL);
  test_fill_sparse(block, o->a, 6);
  arm();
  void *moved = may_fail(ouro_heap_realloc(heap, block, o->b));
  disarm();
  size_t kept = moved != NULL && o->b < o->a ? o->b : o->a;
  TEST_CHECK(test_holds_sparse_prefix(moved != NULL ? moved : block, o->a, kept, 6));
  ouro_heap_destroy(heap);
}

static void op_heap_destroy(const op *o) {
  ouro_heap *heap = ouro_heap_new(NULL);
  TEST_CHECK(heap != NULL);
  for (size_t i = 0; i < 200; i++) {
    TEST_CHECK(ouro_heap_malloc(heap, o->a + i * 50) != NULL);
  }
  arm();
  ouro_heap_destroy(heap);
  disarm();
}

/* ---- functions that only look */

static int look(const ouro_walk_item *item, void *arg) {
  (void)item;
  (void)arg;
  return 0;
}

static int swallow(void *arg, const char *text, size_t length) {
  (void)text;
  *(size_t *)arg += length;
  return 0;
}

static void op_look(const op *o) {
  (void)o;
  ouro_heap_stats stats = {.struct_size = sizeof stats};
  ouro_class_stats one = {.struct_size = sizeof one};
  ouro_options options = {.struct_size = sizeof options};
  size_t written = 0;
  void *block = ouro_malloc(100);
  TEST_CHECK(block != NULL);
  arm();
  TEST_CHECK(ouro_heap_stats_get(&stats) == OURO_OK);
  for (unsigned i = 0; i < ouro_class_count(); i++) {
    TEST_CHECK(ouro_class_stats_get(i, &one) == OURO_OK);
  }
  TEST_CHECK(ouro_heap_walk(15, look, NULL) == OURO_OK);
  TEST_CHECK(ouro_heap_verify(NULL, 0) == 0);
  TEST_CHECK(ouro_stats_write(OURO_FORMAT_TEXT, swallow, &written) == OURO_OK);
  TEST_CHECK(ouro_stats_write(OURO_FORMAT_JSON, swallow, &written) == OURO_OK);
  TEST_CHECK(ouro_options_get(&options) == OURO_OK);
  TEST_CHECK(ouro_options_set(&options) == OURO_OK);
  TEST_CHECK(ouro_owns(block) && !ouro_owns(&stats));
  TEST_CHECK(ouro_usable_size(block) >= 100);
  TEST_CHECK(ouro_good_size(100) >= 100);
  disarm();
  ouro_free(block);
}

/* The same functions as the first that are called at all. */
static void op_look_first(const op *o) {
  ouro_heap_stats stats = {.struct_size = sizeof stats};
  ouro_class_stats one = {.struct_size = sizeof one};
  size_t written = 0;
  arm();
  switch (o->a) {
  case 0:
    TEST_CHECK(ouro_heap_stats_get(&stats) == OURO_OK);
    break;
  case 1:
    TEST_CHECK(ouro_class_stats_get(3, &one) == OURO_OK);
    break;
  case 2:
    TEST_CHECK(ouro_heap_walk(15, look, NULL) == OURO_OK);
    break;
  case 3:
    TEST_CHECK(ouro_stats_write(OURO_FORMAT_JSON, swallow, &written) == OURO_OK);
    break;
  case 4:
    ouro_heap_trim();
    break;
  case 5:
    ouro_thread_flush();
    break;
  case 6:
    TEST_CHECK(!ouro_owns(&stats));
    break;
  case 7:
    ouro_free(NULL);
    break;
  default:
    TEST_CHECK(ouro_heap_verify(NULL, 0) == 0);
  }
  disarm();
  void *block = ouro_malloc(10);
  TEST_CHECK(block != NULL);
  ouro_free(block);
}

/* ---- threads and fork */

static void take_and_leave(void) {
  static const size_t sizes[] = {24, 600, 9000, 150000};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    void *block = may_fail(ouro_malloc(sizes[i]));
    use(block, sizes[i]);
    ouro_free(block);
  }
}

static void *in_a_thread(void *arg) {
  take_and_leave();
  *(void **)arg = may_fail(ouro_malloc(777));
  return NULL;
}

static void op_thread(const op *o) {
  pthread_t threads[8];
  void *left[8] = {NULL};
  arm();
  for (size_t i = 0; i < o->a; i++) {
    TEST_CHECK(pthread_create(&threads[i], NULL, in_a_thread, &left[i]) == 0);
    if (o->b == 0) {
      TEST_CHECK(pthread_join(threads[i], NULL) == 0);
    }
  }
  for (size_t i = 0; o->b != 0 && i < o->a; i++) {
    TEST_CHECK(pthread_join(threads[i], NULL) == 0);
  }
  for (size_t i = 0; i < o->a; i++) {
    ouro_free(left[i]);
  }
  disarm();
}

static void op_fork(const op *o) {
  void *block = ouro_malloc(o->a);
  TEST_CHECK(block != NULL);
  arm();
  pid_t child = fork();
  TEST_CHECK(child >= 0);
  take_and_leave();
  if (child == 0) {
    disarm();
    ouro_free(block);
    TEST_CHECK(ouro_malloc(o->a) != NULL);
    TEST_HEAP_IS_SOUND();
    test_exit(0);
  }
  disarm();
  int status = -1;
  TEST_CHECK(waitpid(child, &status, 0) == child);
  TEST_CHECK(status == 0);
  ouro_free(block);
}

/* With a background thread, or without one where the system refuses to start it. */
static void op_background(const op *o) {
  ouro_options options = {.struct_size = sizeof options};
  TEST_CHECK(ouro_options_get(&options) == OURO_OK);
  ouro_options before = options;
  options.background = true;
  options.decay_ms = 4;
  TEST_CHECK(ouro_options_set(&options) == OURO_OK);
  arm();
  for (size_t round = 0; round < 3; round++) {
    for (size_t i = 0; i < 24; i++) {
      void *block = may_fail(ouro_malloc(o->a));
      use(block, o->a);
      ouro_free(block);
    }
    test_sleep_ms(3);
  }
  ouro_thread_flush();
  disarm();
  TEST_CHECK(ouro_options_set(&before) == OURO_OK);
}

/* ---- a program: many operations in which call number k of them all fails. `a`: its seed; `b`: how many. */

typedef struct slot {
  char *block;
  size_t size;
} slot;

static ouro_heap *script_heap;

static void script_take(slot *s, test_rng *rng) {
  size_t size = test_mixed_size(rng, 2 * MIB);
  switch (test_below(rng, 5)) {
  case 0:
    s->block = may_fail(ouro_calloc(1, size));
    TEST_CHECK(s->block == NULL || test_all_bytes(s->block, 0, size));
    break;
  case 1:
    s->block = may_fail(ouro_aligned_alloc((size_t)16 << test_below(rng, 14), size));
    break;
  case 2:
    s->block = script_heap == NULL ? NULL : may_fail(ouro_heap_malloc(script_heap, size));
    break;
  default:
    s->block = may_fail(ouro_malloc(size));
  }
  s->size = size;
  if (s->block != NULL) {
    test_fill_sparse(s->block, size, size);
  }
}

static void script_change(slot *s, test_rng *rng) {
  TEST_CHECK(test_holds_sparse(s->block, s->size, s->size));
  size_t size = test_mixed_size(rng, 3 * MIB);
  if (test_below(rng, 2) == 0) {
    ouro_free(s->block);
    s->block = NULL;
    return;
  }
  char *moved = may_fail(ouro_realloc(s->block, size));
  if (moved == NULL) {
    TEST_CHECK(test_holds_sparse(s->block, s->size, s->size));
    return;
  }
  TEST_CHECK(test_holds_sparse_prefix(moved, s->size, size < s->size ? size : s->size, s->size));
  *s = (slot){moved, size};
  test_fill_sparse(moved, size, size);
}

static void op_script(const op *o) {
  enum { SLOTS = 40 };
  slot slots[SLOTS] = {{NULL, 0}};
  test_rng rng = {o->a};
  arm();
  script_heap = may_fail(ouro_heap_new(NULL));
  for (size_t i = 0; i < o->b; i++) {
    slot *s = &slots[test_below(&rng, SLOTS)];
    if (s->block == NULL) {
      script_take(s, &rng);
    } else {
      script_change(s, &rng);
    }
    if (i % 50 == 49) {
      ouro_heap_trim();
    }
  }
  for (size_t i = 0; i < SLOTS; i++) {
    TEST_CHECK(slots[i].block == NULL || test_holds_sparse(slots[i].block, slots[i].size, slots[i].size));
    ouro_free(slots[i].block);
  }
  ouro_heap_destroy(script_heap);
  disarm();
}

/* ---------------------------------------------------------------- the table */

static op table[2048];
static size_t table_length;

static void add(const char *name, void (*run)(const op *o), size_t a, size_t b) {
  TEST_CHECK(table_length < sizeof table / sizeof *table);
  table[table_length++] = (op){name, run, a, b};
}

static const size_t large_sizes[] = {131073, 200000, 400000, 1048576, 3000000, 4194304, 4194305, 9000000};
#define LARGE_SIZES (sizeof large_sizes / sizeof *large_sizes)

/* A size of each class, or of every third, and all large ones. */
static void add_sizes(const char *name, void (*run)(const op *o), unsigned step) {
  for (unsigned index = 0; index < ouro_class_count(); index += step) {
    ouro_class_stats stats = {.struct_size = sizeof stats};
    TEST_CHECK(ouro_class_stats_get(index, &stats) == OURO_OK);
    add(name, run, stats.block_size - index % 16, 0);
  }
  for (size_t i = 0; i < LARGE_SIZES; i++) {
    add(name, run, large_sizes[i], 0);
  }
}

static void add_alignments(const char *name, void (*run)(const op *o)) {
  static const size_t sizes[] = {40, 3000, 70000, 500000, 5000000};
  for (size_t alignment = 16; alignment <= 16 * MIB; alignment *= 4) {
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
      add(name, run, alignment, sizes[i]);
    }
  }
}

static void add_pairs(const char *name, void (*run)(const op *o)) {
  static const size_t sizes[] = {16, 700, 100000, 200000, 1100000, 5000000, 12000000};
  for (size_t from = 0; from < sizeof sizes / sizeof *sizes; from++) {
    for (size_t to = 0; to < sizeof sizes / sizeof *sizes; to++) {
      add(name, run, sizes[from], sizes[to]);
    }
  }
}

static void make_table(void) {
  table_length = 0;
  add_sizes("malloc", op_malloc, 1);
  add_sizes("calloc", op_calloc, 3);
  add_sizes("realloc of NULL", op_realloc_null, 3);
  add_alignments("aligned_alloc", op_aligned_alloc);
  add_pairs("realloc", op_realloc);
  add_pairs("reallocarray", op_reallocarray);
  for (size_t i = 0; i < LARGE_SIZES; i++) {
    for (size_t way = 0; way < 3; way++) {
      add("free", op_free, large_sizes[i], way);
      add("free", op_free, large_sizes[i] / 1000 + 1, way);
    }
    add("heap_destroy", op_heap_destroy, large_sizes[i] / 100, 0);
  }
  for (size_t i = 0; i < test_count(2, 1); i++) {
    add("trim", op_trim, 1100 + 3000 * i, 0);
  }
  for (size_t size = 16; size <= 128 * KIB; size = size * 3 / 2) {
    add("many", op_many, size, 2 * MIB / size + 2 < 4096 ? 2 * MIB / size + 2 : 4096);
  }
  add("thread_flush", op_flush, 100000, 0);
  add("heap_new", op_heap_new, 0, 0);
  add_sizes("heap_malloc", op_heap_malloc, 3);
  add_sizes("heap_calloc", op_heap_calloc, 3);
  add_alignments("heap_aligned_alloc", op_heap_aligned_alloc);
  add_pairs("heap_realloc", op_heap_realloc);
  add("look", op_look, 0, 0);
  for (size_t which = 0; which < 9; which++) {
    add("look first", op_look_first, which, 0);
  }
  add("thread", op_thread, 1, 0);
  add("threads, one by one", op_thread, 6, 0);
  add("threads at once", op_thread, 6, 1);
  add("fork", op_fork, 100, 0);
  add("fork", op_fork, 300000, 0);
  add("background", op_background, 300000, 0);
  for (size_t seed = 1; seed <= test_count(2, 1); seed++) {
    add("script", op_script, seed, 150);
  }
}

/* ---------------------------------------------------------------- running a point, in its child */

#define STATE_BLOCKS 1200
static void *state_blocks[STATE_BLOCKS];

static ouro_heap_stats settled(void) {
  ouro_heap_stats stats = {.struct_size = sizeof stats};
  ouro_heap_trim();
  TEST_CHECK(ouro_heap_stats_get(&stats) == OURO_OK);
  return stats;
}

static void check_nothing_is_left(const ouro_heap_stats *before) {
  TEST_HEAP_IS_SOUND();
  ouro_heap_stats after = settled();
  ouro_options options = {.struct_size = sizeof options};
  TEST_CHECK(ouro_options_get(&options) == OURO_OK);
  if (options.check) {
    return; /* what was freed waits in a queue, and counts as handed out */
  }
  TEST_CHECK(after.blocks_live == before->blocks_live);
  TEST_CHECK(after.bytes_live == before->bytes_live);
  TEST_CHECK(after.blocks_large == before->blocks_large);
  TEST_CHECK(after.bytes_held <= before->bytes_held + 64 * KIB);
  TEST_HEAP_IS_SOUND();
}

static ouro_heap_stats state_stats; /* of the settled heap in this state, seen by a child that did nothing else */

static void run_point(const op *o, long skip, long count) {
  memset(&point, 0, sizeof point);
  point.skip = skip;
  point.count = count;
  o->run(o);
  TEST_HEAP_IS_SOUND();
  check_nothing_is_left(&state_stats);
  point.strict = true;
  o->run(o);
  check_nothing_is_left(&state_stats);
}

/* ---------------------------------------------------------------- running all, from a state */

/* Shared by all processes of this test. */
typedef struct tally {
  atomic_long points;
  atomic_long failures;
  atomic_long hits;       /* of the last point */
  atomic_long calls_most; /* most system calls of one operation */
  ouro_heap_stats settled;
} tally;

static tally *the_tally;

static int run_in_child(void (*body)(const op *o, long skip, long count), const op *o, long skip, long count) {
  pid_t child = fork();
  TEST_CHECK(child >= 0);
  if (child == 0) {
    alarm(120);
    body(o, skip, count);
    test_exit(0);
  }
  int status = -1;
  while (waitpid(child, &status, 0) < 0) {
    TEST_CHECK(errno == EINTR);
  }
  return status;
}

static void point_body(const op *o, long skip, long count) {
  run_point(o, skip, count);
  atomic_store(&the_tally->hits, point.hits);
}

static void settle_body(const op *o, long skip, long count) {
  (void)o;
  (void)skip;
  (void)count;
  the_tally->settled = settled();
}

/* All k of one operation; count 1: once, -1: for ever. */
static void run_operation(const char *state, const op *o, long count) {
  for (long skip = 0; skip < 10000; skip++) {
    atomic_store(&the_tally->hits, 0);
    int status = run_in_child(point_body, o, skip, count);
    if (status != 0) {
      printf("FAILED: %s, %s(%zu, %zu), call %ld fails %s: status %#x\n", state, o->name, o->a, o->b, skip,
             count < 0 ? "for ever" : "once", (unsigned)status);
      fflush(stdout);
      atomic_fetch_add(&the_tally->failures, 1);
      atomic_fetch_add(&the_tally->points, 1);
      if (atomic_load(&the_tally->failures) > 20) {
        return;
      }
      continue;
    }
    if (atomic_load(&the_tally->hits) == 0) {
      return;
    }
    atomic_fetch_add(&the_tally->points, 1);
    if (skip + 1 > atomic_load(&the_tally->calls_most)) {
      atomic_store(&the_tally->calls_most, skip + 1);
    }
  }
}

static void run_all(const char *state) {
  make_table();
  TEST_CHECK(run_in_child(settle_body, NULL, 0, 0) == 0);
  state_stats = the_tally->settled;
  double share = test_scale() < 1 ? test_scale() : 1;
  for (size_t i = 0; i < table_length && atomic_load(&the_tally->failures) <= 20; i++) {
    /* A part of the table, spread evenly, where time is short. */
    if ((size_t)((double)i * share) != (size_t)((double)(i + 1) * share)) {
      run_operation(state, &table[i], 1);
      run_operation(state, &table[i], -1);
    }
  }
}

/* ---------------------------------------------------------------- the states */

static void quiet(unsigned decay_ms, bool check) {
  ouro_options options = {.struct_size = sizeof options};
  TEST_CHECK(ouro_options_get(&options) == OURO_OK);
  options.background = false; /* no other thread may meet a fault that is meant for the operation */
  options.decay_ms = decay_ms;
  options.check = check;
  TEST_CHECK(ouro_options_set(&options) == OURO_OK);
}

static void populate(void) {
  test_rng rng = {55};
  for (size_t i = 0; i < STATE_BLOCKS; i++) {
    state_blocks[i] = ouro_malloc(test_mixed_size(&rng, 300000));
    TEST_CHECK(state_blocks[i] != NULL);
  }
  for (size_t i = 0; i < STATE_BLOCKS; i += 2) {
    ouro_free(state_blocks[i]);
    state_blocks[i] = NULL;
  }
}

static size_t arenas_now(void) {
  ouro_heap_stats stats = {.struct_size = sizeof stats};
  TEST_CHECK(ouro_heap_stats_get(&stats) == OURO_OK);
  return stats.arenas;
}

/* Take what is free in the arenas, in large blocks first and in small ones last: the next pool needs an arena. */
static void fill_up(void) {
  ouro_heap_trim();
  size_t arenas = arenas_now();
  for (size_t size = 4 * MIB; size >= 16;) {
    void *block = ouro_malloc(size);
    TEST_CHECK(block != NULL);
    if (arenas_now() > arenas) {
      ouro_free(block);
      ouro_heap_trim();
      size = size > 256 * KIB ? size - 64 * KIB : size / 2;
    }
  }
}

static void state_fresh(void *arg) {
  (void)arg;
  run_all("fresh");
}

static void state_warm(void *arg) {
  (void)arg;
  quiet(500, false);
  populate();
  run_all("warm");
}

static void state_trimmed(void *arg) {
  (void)arg;
  quiet(500, false);
  populate();
  ouro_heap_trim();
  run_all("trimmed");
}

static void state_full(void *arg) {
  (void)arg;
  quiet(500, false);
  populate();
  fill_up();
  run_all("full");
}

static void state_hasty(void *arg) {
  (void)arg;
  quiet(0, false);
  populate();
  run_all("without decay");
}

/* Where others have taken the heap's usual place, it reserves a range and commits it piece by piece. */
static void state_elsewhere(void *arg) {
  (void)arg;
  const size_t piece = (size_t)1 << 40;
  for (uintptr_t at = piece; at < (uintptr_t)0x7d0000000000; at += piece) {
    (void)mmap((void *)at, piece, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
  }
  run_all("elsewhere");
}

static void state_checked(void *arg) {
  (void)arg;
  quiet(500, true);
  populate();
  run_all("checked");
}

static void run_state(void (*state)(void *arg)) {
  long before = atomic_load(&the_tally->points);
  atomic_store(&the_tally->failures, 0);
  test_result result = test_in_child(state, NULL, 900);
  if (result.status != 0 || atomic_load(&the_tally->failures) != 0) {
    fprintf(stderr, "%s\n", result.output);
  }
  assert_int_equal(result.status, 0);
  assert_int_equal(atomic_load(&the_tally->failures), 0);
  long points = atomic_load(&the_tally->points) - before;
  print_message("# %ld points, at most %ld system calls in one operation\n", points,
                atomic_load(&the_tally->calls_most));
  assert_true(points > 0);
}

static void a_heap_that_has_done_nothing_survives_every_fault(void **state) {
  (void)state;
  run_state(state_fresh);
}

static void a_heap_in_use_survives_every_fault(void **state) {
  (void)state;
  run_state(state_warm);
}

static void a_trimmed_heap_survives_every_fault(void **state) {
  (void)state;
  run_state(state_trimmed);
}

static void a_heap_whose_arenas_are_full_survives_every_fault(void **state) {
  (void)state;
  run_state(state_full);
}

static void a_heap_without_decay_survives_every_fault(void **state) {
  (void)state;
  run_state(state_hasty);
}

static void a_heap_in_a_reserved_range_survives_every_fault(void **state) {
  (void)state;
  if (TEST_ASAN || TEST_TSAN) {
    skip(); /* the address space is theirs */
  }
  run_state(state_elsewhere);
}

static void a_heap_under_check_survives_every_fault(void **state) {
  (void)state;
  run_state(state_checked);
}

static void enough_points_were_reached(void **state) {
  (void)state;
  long points = atomic_load(&the_tally->points);
  print_message("# %ld fault points in all\n", points);
  if (test_scale() >= 1) {
    assert_true(points >= POINTS_WANTED);
  }
}

/* ---------------------------------------------------------------- failures in a row leave nothing behind */

static void fail_again_and_again(void *arg) {
  (void)arg;
  quiet(500, false);
  populate();
  make_table();
  double share = test_scale() < 1 ? test_scale() : 1;
  for (size_t i = 0; i < table_length; i += (size_t)(5 / share)) {
    size_t early = 0;
    for (long round = 0; round < 40; round++) {
      memset(&point, 0, sizeof point);
      point.skip = round % 5;
      point.count = 1 + round % 3;
      table[i].run(&table[i]);
      ouro_heap_trim();
      early = round == 10 ? test_virtual_bytes() : early;
    }
    if (test_virtual_bytes() > early + MIB) {
      printf("%s(%zu, %zu) leaves address space behind\n", table[i].name, table[i].a, table[i].b);
      test_exit(1);
    }
  }
}

static void failures_in_a_row_leave_no_growth(void **state) {
  (void)state;
  if (TEST_ASAN || TEST_TSAN) {
    skip(); /* their own address space moves */
  }
  test_result result = test_in_child(fail_again_and_again, NULL, 300);
  TEST_CHILD_PASSED(&result);
}

/* ---------------------------------------------------------------- the twin itself */

static void the_twin_fails_what_it_was_told_to(void **state) {
  (void)state;
  static const struct {
    long skip, count;
    const char *pattern;
  } plans[] = {
      {0, 0, "........"}, {0, 1, "x......."}, {3, 2, "...xx..."}, {2, -1, "..xxxxxx"}, {100, 1, "........"},
  };
  for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
    long hits = 0;
    ouro__os_fail(plans[i].skip, plans[i].count);
    for (size_t call = 0; call < 8; call++) {
      bool fails = ouro__os_fault_hit();
      assert_int_equal(fails, plans[i].pattern[call] == 'x');
      hits += fails;
    }
    assert_int_equal(ouro__os_fail_calls(), 8);
    assert_int_equal(ouro__os_fail_hits(), hits);
  }
  ouro__os_fail(0, 0);
  assert_int_equal(ouro__os_fail_calls(), 0);
  assert_int_equal(ouro__os_fail_hits(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_twin_fails_what_it_was_told_to),
      cmocka_unit_test(a_heap_that_has_done_nothing_survives_every_fault),
      cmocka_unit_test(a_heap_in_use_survives_every_fault),
      cmocka_unit_test(a_trimmed_heap_survives_every_fault),
      cmocka_unit_test(a_heap_whose_arenas_are_full_survives_every_fault),
      cmocka_unit_test(a_heap_without_decay_survives_every_fault),
      cmocka_unit_test(a_heap_in_a_reserved_range_survives_every_fault),
      cmocka_unit_test(a_heap_under_check_survives_every_fault),
      cmocka_unit_test(failures_in_a_row_leave_no_growth),
      cmocka_unit_test(enough_points_were_reached),
  };
  the_tally = mmap(NULL, sizeof *the_tally, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  TEST_CHECK(the_tally != MAP_FAILED);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
