/* tests/trace/test_model.c - the counters are exact: random programs that allocate, resize and free at many lines, and count for themselves.
 *
 * A LINE is a function that allocates by a macro at its own line of source. The MODEL keeps for each line what is live, allocated, temporary, and
 * what was live when live bytes were most, by copying all lines whenever that is surpassed. */
#define OURO_TRACE
#include "sums.h"

#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ouro/ouro.h>

/* ---------------------------------------------------------------- lines */

typedef void *allocate(ouro_heap *heap, void *block, size_t size);

#define AT(n, call) \
  static void *line_##n(ouro_heap *heap, void *block, size_t size) { \
    (void)heap, (void)block; \
    return call; \
  }

enum { BEGIN = __LINE__ + 1 }; /* line 0 */
AT(0, ouro_malloc(size))
AT(1, ouro_malloc(size))
AT(2, ouro_malloc(size))
AT(3, ouro_malloc(size))
AT(4, ouro_calloc(1, size))
AT(5, ouro_calloc(size, 1))
AT(6, ouro_aligned_alloc(64, size))
AT(7, ouro_aligned_alloc(4096, size))
AT(8, ouro_aligned_alloc(131072, size))
AT(9, ouro_heap_malloc(heap, size))
AT(10, ouro_heap_calloc(heap, 1, size))
AT(11, ouro_heap_aligned_alloc(heap, 256, size))
AT(12, ouro_realloc(block, size))
AT(13, ouro_realloc(block, size))
AT(14, ouro_reallocarray(block, 1, size))
AT(15, ouro_realloc(block, size))
enum { LINES = 16, RESIZING = 12, IN_HEAP = 9, HEAP_END = 12 };

static allocate *const lines[LINES] = {line_0, line_1, line_2,  line_3,  line_4,  line_5,  line_6,  line_7,
                                       line_8, line_9, line_10, line_11, line_12, line_13, line_14, line_15};

/* ---------------------------------------------------------------- the model */

typedef struct counts {
  uint64_t live, live_bytes, allocs, bytes, temporary, temporary_bytes;
} counts;

typedef struct block {
  void *address;
  size_t size;
  uint64_t made; /* which allocation of its thread */
  unsigned line; /* LINES: it was made before tracing */
  bool in_heap;
} block;

enum { BLOCKS = 3000 };

typedef struct model {
  counts line[LINES], peak[LINES];
  uint64_t live_bytes, peak_bytes, made;
  unsigned within;
  block blocks[BLOCKS];
  unsigned used;
  ouro_heap *heap;
  test_rng rng;
  bool alone; /* no other thread counts: the peak is the model's own */
} model;

static void surpass(model *m) {
  if (m->live_bytes <= m->peak_bytes) return;
  m->peak_bytes = m->live_bytes;
  memcpy(m->peak, m->line, sizeof m->peak);
}

static void gave(model *m, block *b, unsigned line, void *address, size_t size, bool in_heap) {
  counts *at = &m->line[line];
  *b = (block){address, size, ++m->made, line, in_heap};
  at->live++;
  at->live_bytes += size;
  at->allocs++;
  at->bytes += size;
  m->live_bytes += size;
  if (m->alone) surpass(m);
}

static void freed(model *m, const block *b) {
  if (b->line == LINES) return;
  counts *at = &m->line[b->line];
  at->live--;
  at->live_bytes -= b->size;
  m->live_bytes -= b->size;
  if (m->made - b->made > m->within) return;
  at->temporary++;
  at->temporary_bytes += b->size;
}

static void forget_all(model *m) {
  memset(m->line, 0, sizeof m->line);
  memset(m->peak, 0, sizeof m->peak);
  m->live_bytes = m->peak_bytes = 0;
  for (unsigned i = 0; i < m->used; i++) m->blocks[i].line = LINES;
}

/* ---------------------------------------------------------------- what programs do */

static size_t random_size(model *m) { return 1 + test_mixed_size(&m->rng, test_below(&m->rng, 50) ? 30000 : 600000); }

static void do_alloc(model *m) {
  unsigned line = (unsigned)test_below(&m->rng, RESIZING);
  size_t size = random_size(m);
  void *address = lines[line](m->heap, NULL, size);
  TEST_CHECK(address);
  gave(m, &m->blocks[m->used++], line, address, size, line >= IN_HEAP && line < HEAP_END);
}

static void do_free(model *m, unsigned index) {
  block gone = m->blocks[index];
  m->blocks[index] = m->blocks[--m->used];
  ouro_free(gone.address);
  freed(m, &gone);
}

/* What stays in its place is a free and an allocation; what moves, an allocation and a free. */
static void do_resize(model *m) {
  block *b = &m->blocks[test_below(&m->rng, m->used)], old = *b;
  unsigned line = RESIZING + (unsigned)test_below(&m->rng, LINES - RESIZING);
  size_t size = test_below(&m->rng, 2) ? random_size(m) : old.size + test_below(&m->rng, old.size + 1);
  void *address = lines[line](NULL, old.address, size);
  TEST_CHECK(address);
  if (address == old.address) freed(m, &old);
  gave(m, b, line, address, size, old.in_heap);
  if (address != old.address) freed(m, &old);
}

static void do_destroy(model *m) {
  ouro_heap_destroy(m->heap);
  m->heap = ouro_heap_new(NULL);
  for (unsigned i = m->used; i-- > 0;) {
    if (!m->blocks[i].in_heap) continue;
    freed(m, &m->blocks[i]);
    m->blocks[i] = m->blocks[--m->used];
  }
}

static void step(model *m) {
  size_t what = test_below(&m->rng, 1000);
  if (what == 0 && m->alone) {
    do_destroy(m);
  } else if (what < 20 && m->used) { /* at once: temporary */
    do_free(m, m->used - 1);
  } else if (m->used == BLOCKS || (m->used && what < 480)) {
    do_free(m, (unsigned)test_below(&m->rng, m->used));
  } else if (m->used && what < 650) {
    do_resize(m);
  } else {
    do_alloc(m);
  }
}

/* ---------------------------------------------------------------- is it equal? */

static void check_line(const model *m, unsigned line) {
  const counts *want = &m->line[line];
  sums have = sums_of(__FILE__, BEGIN + line);
  TEST_CHECK(have.live == want->live);
  TEST_CHECK(have.live_bytes == want->live_bytes);
  TEST_CHECK(have.allocs == want->allocs);
  TEST_CHECK(have.bytes == want->bytes);
  TEST_CHECK(have.temporary == want->temporary);
  TEST_CHECK(have.temporary_bytes == want->temporary_bytes);
  if (!m->alone) return;
  TEST_CHECK(have.peak == m->peak[line].live);
  TEST_CHECK(have.peak_bytes == m->peak[line].live_bytes);
}

static void check(const model *m) {
  for (unsigned line = 0; line < LINES; line++) check_line(m, line);
  TEST_CHECK(totals_now().live_bytes == m->live_bytes);
  if (m->alone) TEST_CHECK(totals_now().peak_bytes == m->peak_bytes);
  CHECK_TOTALS();
}

static void start(model *m) {
  ouro_trace_options options = OURO_TRACE_OPTIONS_INIT;
  m->within = options.temporary_within = (unsigned)test_below(&m->rng, 33);
  TEST_CHECK(ouro_trace_start(&options) == OURO_OK);
  forget_all(m);
}

static void random_programs_are_counted_exactly(void **state) {
  (void)state;
  static model m;
  for (uint64_t seed = 1; seed <= test_count(40, 4); seed++) {
    m = (model){.rng = {seed}, .heap = ouro_heap_new(NULL), .alone = true};
    for (int i = 0; i < 500; i++) step(&m); /* not traced yet */
    start(&m);
    for (int part = 0; part < 20; part++) {
      size_t steps = test_below(&m.rng, 1000);
      for (size_t i = 0; i < steps; i++) step(&m);
      check(&m);
      switch (test_below(&m.rng, 12)) {
        case 0:
          ouro_trace_reset_peak();
          m.peak_bytes = m.live_bytes;
          memcpy(m.peak, m.line, sizeof m.peak);
          break;
        case 1:
          ouro_trace_clear();
          forget_all(&m);
          break;
        case 2:
          ouro_trace_stop();
          check(&m);
          for (int i = 0; i < 200; i++) step(&m);
          start(&m);
          break;
        default: break;
      }
    }
    while (m.used) do_free(&m, m.used - 1);
    check(&m);
    TEST_CHECK(m.live_bytes == 0);
    ouro_trace_stop();
    ouro_heap_destroy(m.heap);
  }
  TEST_HEAP_IS_SOUND();
}

/* ---------------------------------------------------------------- threads */

enum { THREADS = 4 };

typedef struct worker {
  model model;
  uint64_t id;
  size_t steps;
  pthread_barrier_t *barrier;
} worker;

typedef struct of_thread {
  uint64_t id;
  sums sums;
} of_thread;

static int add_of_thread(const ouro_trace_site *site, void *arg) {
  of_thread *want = arg;
  if (site->thread != want->id) return 0;
  want->sums.live += site->live_blocks;
  want->sums.live_bytes += site->live_bytes;
  want->sums.allocs += site->allocated_blocks;
  return 0;
}

static void *work(void *arg) {
  worker *w = arg;
  w->id = (uint64_t)syscall(SYS_gettid);
  for (size_t i = 0; i < w->steps; i++) step(&w->model);
  pthread_barrier_wait(w->barrier); /* the sums are looked at */
  pthread_barrier_wait(w->barrier);
  while (w->model.used) do_free(&w->model, w->model.used - 1);
  return NULL;
}

static void add_model(model *sum, const model *m) {
  for (unsigned line = 0; line < LINES; line++) {
    uint64_t *to = (uint64_t *)&sum->line[line];
    const uint64_t *from = (const uint64_t *)&m->line[line];
    for (size_t i = 0; i < sizeof(counts) / sizeof *to; i++) to[i] += from[i];
  }
  sum->live_bytes += m->live_bytes;
}

static void threads_are_counted_exactly(void **state) {
  (void)state;
  static worker workers[THREADS];
  static model all;
  pthread_t threads[THREADS];
  pthread_barrier_t barrier;
  start_exact(1);
  pthread_barrier_init(&barrier, NULL, THREADS + 1);
  for (unsigned i = 0; i < THREADS; i++) {
    workers[i] = (worker){.model = {.rng = {i + 100}, .heap = ouro_heap_new(NULL), .within = 1}, .steps = test_count(60000, 5000), .barrier = &barrier};
    pthread_create(&threads[i], NULL, work, &workers[i]);
  }
  pthread_barrier_wait(&barrier);
  for (unsigned i = 0; i < THREADS; i++) {
    const model *m = &workers[i].model;
    of_thread own = {.id = workers[i].id};
    add_model(&all, m);
    TEST_CHECK(ouro_trace_each_site(add_of_thread, &own) == 0);
    TEST_CHECK(own.sums.live == m->used);
    TEST_CHECK(own.sums.live_bytes == m->live_bytes);
    TEST_CHECK(own.sums.allocs == m->made);
  }
  check(&all);
  pthread_barrier_wait(&barrier);
  for (unsigned i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  for (unsigned i = 0; i < THREADS; i++) ouro_heap_destroy(workers[i].model.heap);
  TEST_CHECK(totals_now().live_blocks == 0 && totals_now().live_bytes == 0);
  ouro_trace_stop();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(random_programs_are_counted_exactly),
      cmocka_unit_test(threads_are_counted_exactly),
  };
  return cmocka_run_group_tests_name("trace model", tests, NULL, NULL);
}
