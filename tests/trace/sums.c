/* tests/trace/sums.c - see sums.h. */
#include "sums.h"

#include <string.h>

typedef struct wanted {
  const char *file, *type;
  unsigned line, domain;
  sums sums;
} wanted;

static bool fits(const wanted *want, const ouro_trace_site *site) {
  ouro_trace_frame frame = {0};
  if (want->type) return strcmp(want->type, site->type) == 0;
  if (want->domain != UINT32_MAX) return want->domain == site->domain;
  if (!want->file) return true;
  if (ouro_trace_stack(site->stack, &frame, 1) == 0) return false;
  return strcmp(frame.file, want->file) == 0 && (want->line == 0 || frame.line == want->line);
}

static int add(const ouro_trace_site *site, void *arg) {
  wanted *want = arg;
  if (!fits(want, site)) return 0;
  want->sums.sites++;
  want->sums.live += site->live_blocks;
  want->sums.live_bytes += site->live_bytes;
  want->sums.peak += site->peak_blocks;
  want->sums.peak_bytes += site->peak_bytes;
  want->sums.allocs += site->allocated_blocks;
  want->sums.bytes += site->allocated_bytes;
  want->sums.temporary += site->temporary_blocks;
  want->sums.temporary_bytes += site->temporary_bytes;
  want->sums.variance += site->live_error * site->live_error;
  return 0;
}

static sums sum(wanted want) {
  TEST_CHECK(ouro_trace_each_site(add, &want) == 0);
  return want.sums;
}

sums sums_of(const char *file, unsigned line) { return sum((wanted){.file = file, .line = line, .domain = UINT32_MAX}); }
sums sums_of_type(const char *type) { return sum((wanted){.type = type}); }
sums sums_of_domain(unsigned domain) { return sum((wanted){.domain = domain}); }

ouro_trace_totals totals_now(void) {
  ouro_trace_totals totals = {.struct_size = sizeof totals};
  ouro_trace_get_totals(&totals);
  return totals;
}

static bool sampled; /* the last session was */

void start_exact(unsigned frames) {
  sampled = false;
  ouro_trace_options options = OURO_TRACE_OPTIONS_INIT;
  options.frames = frames;
  TEST_CHECK(ouro_trace_start(&options) == OURO_OK);
}

void start_sampling(size_t sample_bytes) {
  sampled = true;
  ouro_trace_options options = OURO_TRACE_OPTIONS_INIT;
  options.mode = OURO_TRACE_SAMPLE;
  options.sample_bytes = sample_bytes;
  TEST_CHECK(ouro_trace_start(&options) == OURO_OK);
}

static void check_equal(const char *what, uint64_t sum, uint64_t total, const char *file, int line) {
  if (sum == total) return;
  printf("# %s: sites have %llu, the totals %llu\n", what, (unsigned long long)sum, (unsigned long long)total);
  test_failed(what, file, line);
}

void check_totals(const char *file, int line) {
  sums all = sums_of(NULL, 0);
  ouro_trace_totals totals = totals_now();
  check_equal("live bytes", all.live_bytes, totals.live_bytes, file, line);
  check_equal("allocated bytes", all.bytes, totals.allocated_bytes, file, line);
  check_equal("peak bytes", all.peak_bytes, totals.peak_bytes, file, line);
  if (sampled) return; /* blocks are rounded for each site */
  check_equal("live blocks", all.live, totals.live_blocks, file, line);
  check_equal("allocated blocks", all.allocs, totals.allocated_blocks, file, line);
  check_equal("freed blocks", all.allocs - all.live, totals.freed_blocks, file, line);
}
