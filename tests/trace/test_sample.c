/* tests/trace/test_sample.c - sampling is unbiased, and knows its own error.
 *
 * A program with known allocations is sampled many times; the mean of the estimates must lie within four and a half standard errors of the truth (one
 * test in 150,000 fails by chance; counts are in 1/256 blocks, so half of that a sampled block is allowed on top), and the variance that
 * the tracer states must be that of the estimates. */
#define OURO_TRACE
#include "sums.h"

#include <math.h>
#include <string.h>

#include <ouro/ouro.h>

typedef struct program {
  const char *name;
  size_t sizes[4];
  unsigned counts[4];
  size_t mean;
} program;

static const program programs[] = {
    {"bytes", {1}, {4000}, 512},
    {"small", {24}, {4000}, 4096},
    {"as large as the distance", {4096}, {300}, 4096},
    {"larger than the distance", {20000}, {200}, 4096},
    {"large blocks", {300000}, {50}, 524288},
    {"very large blocks", {8 << 20}, {6}, 524288},
    {"one block", {50000}, {1}, 524288},
    {"a mixture", {16, 700, 9000, 200000}, {2000, 300, 60, 10}, 65536},
};

typedef struct moments {
  double sum, squares;
  unsigned count;
} moments;

static void observe(moments *m, double x) {
  m->sum += x;
  m->squares += x * x;
  m->count++;
}
static double mean_of(const moments *m) { return m->sum / m->count; }
static double variance_of(const moments *m) { return fmax(0, (m->squares - m->sum * m->sum / m->count) / (m->count - 1)); }

static void *blocks[8192];

static void run(const program *p, bool keep) {
  unsigned made = 0;
  unsigned left[4];
  memcpy(left, p->counts, sizeof left);
  for (bool more = true; more;) { /* in turn */
    more = false;
    for (unsigned kind = 0; kind < 4; kind++) {
      if (!left[kind]) continue;
      more = true;
      left[kind]--;
      blocks[made++] = ouro_malloc(p->sizes[kind]);
      if (!keep) ouro_free(blocks[--made]);
    }
  }
  while (made) ouro_free(blocks[--made]);
}

static void check_near(const program *p, const char *what, const moments *have, double truth, double slack) {
  double error = sqrt(variance_of(have) / have->count), off = fabs(mean_of(have) - truth);
  if (off <= 4.5 * error + slack) return;
  printf("# %s, %s: mean %.1f of %u runs, truth %.1f, standard error %.1f\n", p->name, what, mean_of(have), have->count, truth, error);
  fail();
}

static int add_variance(const ouro_trace_site *site, void *arg) {
  *(double *)arg += site->live_error * site->live_error;
  return 0;
}

/* Half of the blocks are live when it is looked at. */
static void sample_often(const program *p) {
  moments count = {0}, bytes = {0}, live = {0};
  double stated = 0, true_count = 0, true_bytes = 0;
  for (unsigned kind = 0; kind < 4; kind++) true_count += p->counts[kind], true_bytes += (double)p->counts[kind] * (double)p->sizes[kind];
  for (size_t i = 0; i < test_count(1500, 200); i++) {
    void *kept[8];
    double variance = 0;
    start_sampling(p->mean);
    run(p, i & 1);
    for (int k = 0; k < 8; k++) kept[k] = ouro_malloc(p->sizes[0]);
    ouro_trace_totals totals = totals_now();
    observe(&live, (double)totals.live_bytes);
    ouro_trace_each_site(add_variance, &variance);
    stated += variance;
    for (int k = 0; k < 8; k++) ouro_free(kept[k]);
    totals = totals_now();
    observe(&count, (double)totals.allocated_blocks);
    observe(&bytes, (double)totals.allocated_bytes);
    assert_int_equal(totals.live_bytes, 0);
    assert_int_equal(totals.live_blocks, 0);
    CHECK_TOTALS();
    ouro_trace_stop();
  }
  true_count += 8;
  true_bytes += 8 * (double)p->sizes[0];
  check_near(p, "blocks", &count, true_count, true_count / 500 + 0.51);
  check_near(p, "bytes", &bytes, true_bytes, true_bytes / 500 + 1);
  /* Where few samples make up a mean, what is known of its error is worth little; of a variance, all the more: judged only where there are many. */
  double samples = 8 * (1 - exp(-(double)p->sizes[0] / (double)p->mean)) * live.count;
  if (samples > 300) check_near(p, "live bytes", &live, 8 * (double)p->sizes[0], 8 * (double)p->sizes[0] / 500 + 1);
  if (live.count >= 1000 && samples > 1500 && variance_of(&live) > 0 && fabs(stated / live.count / variance_of(&live) - 1) > 0.2) {
    printf("# %s: variance %.3g, stated %.3g\n", p->name, variance_of(&live), stated / live.count);
    fail();
  }
}

static void estimates_are_unbiased(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) sample_often(&programs[i]);
}

/* The first allocations after a start are sampled like all others, whatever the session before left behind. */
static void a_session_with_a_smaller_distance_is_not_late(void **state) {
  (void)state;
  moments bytes = {0};
  program small = {"after a large distance", {100}, {200}, 1000};
  for (size_t i = 0; i < test_count(600, 200); i++) {
    start_sampling((size_t)64 << 20);
    ouro_free(ouro_malloc(10));
    ouro_trace_stop();
    start_sampling(small.mean);
    run(&small, true);
    observe(&bytes, (double)totals_now().allocated_bytes);
    ouro_trace_stop();
  }
  check_near(&small, "bytes", &bytes, 20000, 40);
}

static void realloc_keeps_estimates_whole(void **state) {
  (void)state;
  start_sampling(2000);
  test_rng rng = {3};
  for (int i = 0; i < 2000; i++) {
    void *block = ouro_malloc(test_below(&rng, 300));
    for (int k = 0; k < 5; k++) block = ouro_realloc(block, test_below(&rng, k == 4 ? 400000 : 3000));
    ouro_free(block);
  }
  assert_int_equal(totals_now().live_bytes, 0);
  assert_int_equal(totals_now().live_blocks, 0);
  assert_true(totals_now().allocated_bytes > 0);
  CHECK_TOTALS();
  ouro_trace_stop();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(estimates_are_unbiased),
      cmocka_unit_test(a_session_with_a_smaller_distance_is_not_late),
      cmocka_unit_test(realloc_keeps_estimates_whole),
  };
  return cmocka_run_group_tests_name("trace sampling", tests, NULL, NULL);
}
