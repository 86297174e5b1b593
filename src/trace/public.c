/* trace/public.c - what was counted, for programs: the functions of <ouro/trace.h> that read. */
#include <errno.h>
#include <string.h>

#include "os/os.h"
#include "trace/sample.h"
#include "trace/tracer.h"

void ouro_trace_here(const ouro_source *place) {
  ouro__trace_here = ouro__load_relaxed(&ouro__trace_mode) == OURO_TRACE_OFF ? NULL : place;
}

static double square_root(double x) { /* Newton's; without the mathematical library */
  double root = x > 1 ? x : 1;
  for (int i = 0; i < 100 && x > 0; i++) {
    double next = (root + x / root) / 2;
    if (next >= root) break;
    root = next;
  }
  return x > 0 ? root : 0;
}

static bool counts_in_parts(void) { return ouro__tracing.sample_bytes != 0; }
static uint64_t blocks(uint64_t count) { return counts_in_parts() ? (count + 128) / 256 : count; }

void ouro_trace_get_totals(ouro_trace_totals *out) {
  const ouro__area_page *page = ouro__tracing.page;
  size_t size = out->struct_size;
  ouro_trace_totals totals = {.struct_size = size, .mode = ouro__tracing.mode};
  if (size > sizeof totals) size = sizeof totals;
  if (page) {
    ouro__trace_stop_all();
    ouro__count_seal_peak();
    totals.frames = ouro__tracing.frames;
    totals.live_blocks = blocks(ouro__load_relaxed(&page->live));
    totals.live_bytes = ouro__load_relaxed(&page->live_bytes);
    totals.peak_blocks = blocks(ouro__load_relaxed(&page->peak));
    totals.peak_bytes = ouro__load_relaxed(&page->peak_bytes);
    totals.allocated_blocks = blocks(ouro__load_relaxed(&page->allocs));
    totals.allocated_bytes = ouro__load_relaxed(&page->bytes);
    totals.freed_blocks = totals.allocated_blocks - totals.live_blocks;
    totals.lost = ouro__load_relaxed(&page->lost);
    ouro__trace_note_memory();
    totals.own_bytes = ouro__load_relaxed(&page->own_bytes);
    totals.sites = ouro__store_count(OURO_AREA_SITES);
    ouro__trace_go_on();
  }
  memcpy(out, &totals, size);
}

/* ---------------------------------------------------------------- sites */

static const char *type_name(uint32_t string) { return string ? ouro__store_text(string) : ""; }

static ouro_trace_site view_of(const ouro__area_site *site, uint32_t mark) {
  bool saved = ouro__load_relaxed(&site->peak_mark) == mark;
  const ouro__area_thread *thread = ouro__store_at(OURO_AREA_THREADS, site->thread);
  uint64_t live = ouro__load_relaxed(&site->live), live_bytes = ouro__load_relaxed(&site->live_bytes);
  return (ouro_trace_site){
      .stack = site->node,
      .thread = thread->id,
      .class_size = ouro__class_bytes(site->class_),
      .type = type_name(site->type),
      .domain = site->domain,
      .live_blocks = blocks(live),
      .live_bytes = live_bytes,
      .peak_blocks = blocks(saved ? ouro__load_relaxed(&site->peak) : live),
      .peak_bytes = saved ? ouro__load_relaxed(&site->peak_bytes) : live_bytes,
      .allocated_blocks = blocks(ouro__load_relaxed(&site->allocs)),
      .allocated_bytes = ouro__load_relaxed(&site->bytes),
      .temporary_blocks = blocks(ouro__load_relaxed(&site->temporary)),
      .temporary_bytes = ouro__load_relaxed(&site->temporary_bytes),
      .live_error = square_root(ouro__load_relaxed(&site->live_variance)),
  };
}

/* The sites are copied first: `fn` may do what it likes, and all are of one moment. */
int ouro_trace_each_site(int (*fn)(const ouro_trace_site *site, void *arg), void *arg) {
  if (!ouro__tracing.page) return 0;
  ouro__trace_stop_all();
  ouro__count_seal_peak();
  uint32_t count = ouro__store_count(OURO_AREA_SITES), mark = ouro__load_relaxed(&ouro__tracing.page->peak_mark);
  size_t bytes = ouro__round_up(count * sizeof(ouro_trace_site), OURO_PAGE_BYTES);
  ouro_trace_site *copies = ouro__os_map(bytes);
  for (uint32_t number = 1; copies && number < count; number++) copies[number] = view_of(ouro__site_at(number), mark);
  ouro__trace_go_on();
  if (!copies) return OURO_ENOMEM;
  int result = 0;
  for (uint32_t number = 1; number < count && !result; number++) result = fn(&copies[number], arg);
  ouro__os_unmap(copies, bytes);
  return result;
}

/* ---------------------------------------------------------------- stacks */

static ouro_trace_frame frame_view(uint32_t number) {
  const ouro__area_frame *frame = ouro__store_at(OURO_AREA_FRAMES, number);
  bool native = frame->kind == OURO_FRAME_NATIVE;
  return (ouro_trace_frame){ouro__store_text(frame->file), ouro__store_text(frame->function), native ? 0 : frame->line,
                            native ? (const void *)(uintptr_t)frame->address : NULL};
}

unsigned ouro_trace_stack(uint32_t stack, ouro_trace_frame *frames, unsigned room) {
  unsigned depth = 0;
  if (!ouro__tracing.page || stack >= ouro__store_count(OURO_AREA_NODES)) return 0;
  while (stack) {
    const ouro__area_node *node = ouro__store_at(OURO_AREA_NODES, stack);
    if (depth < room) frames[depth] = frame_view(node->frame);
    depth++;
    stack = node->parent;
  }
  return depth;
}

/* ---------------------------------------------------------------- blocks */

static bool describe(const ouro__seen_block *seen, ouro_trace_block *out) {
  uint64_t word = seen->word ? ouro__load_relaxed(seen->word) : 0;
  uint32_t number = ouro__word_site(word);
  if (number == 0 || number >= ouro__store_count(OURO_AREA_SITES)) return false;
  const ouro__area_site *site = ouro__site_at(number);
  uint32_t now = ouro__load_relaxed(&ouro__tracing.epoch);
  uint32_t age = (now - ouro__word_epoch(word)) & ((UINT32_C(1) << OURO_WORD_EPOCH_BITS) - 1);
  out->block = seen->block;
  out->size = seen->class_ ? ouro__word_size(word) : ouro__load_relaxed(&seen->word[1]);
  out->stack = site->node;
  out->domain = site->domain;
  out->age = (double)age * ((double)OURO_EPOCH_NS / 1e9);
  out->weight = counts_in_parts() ? (double)ouro__sample_weigh(out->size, ouro__tracing.sample_bytes).count / 256 : 1;
  return true;
}

int ouro_trace_get_block(const void *address, ouro_trace_block *out) {
  if (!ouro__tracing.page) return 0;
  ouro__seen_block seen = ouro__block_seen(address);
  return seen.block == address && seen.block && describe(&seen, out);
}

typedef struct visit {
  int (*fn)(const ouro_trace_block *, void *);
  void *arg;
} visit;

static int visit_block(const ouro__seen_block *seen, void *arg) {
  const visit *state = arg;
  ouro_trace_block block;
  return describe(seen, &block) ? state->fn(&block, state->arg) : 0;
}

int ouro_trace_each_block(int (*fn)(const ouro_trace_block *block, void *arg), void *arg) {
  visit state = {fn, arg};
  return ouro__tracing.page ? ouro__each_seen_block(visit_block, &state) : 0;
}

/* ---------------------------------------------------------------- pins */

static ouro_trace_pin pin_view(const ouro__area_pin *pin) {
  bool whole = pin->site == UINT32_MAX;
  return (ouro_trace_pin){
      .arena = (const void *)(uintptr_t)pin->arena,
      .stack = whole ? 0 : ouro__site_at(pin->site)->node,
      .whole = whole,
      .blocks = pin->blocks,
      .bytes = pin->bytes,
      .kept = pin->kept,
      .sole = pin->sole,
      .held = (uint64_t)pin->held_pages * OURO_PAGE_BYTES,
      .oldest = pin->oldest / 1e3,
      .youngest = pin->youngest / 1e3,
  };
}

int ouro_trace_each_pin(int (*fn)(const ouro_trace_pin *pin, void *arg), void *arg) {
  if (!ouro__tracing.page) return 0;
  if (!ouro__pins_write()) return OURO_ENOMEM;
  ouro__trace_stop_all();
  uint32_t count = ouro__store_count(OURO_AREA_PINS);
  size_t bytes = ouro__round_up(count * sizeof(ouro_trace_pin), OURO_PAGE_BYTES);
  ouro_trace_pin *copies = count ? ouro__os_map(bytes) : NULL;
  for (uint32_t i = 0; copies && i < count; i++) copies[i] = pin_view(ouro__store_at(OURO_AREA_PINS, i));
  ouro__trace_go_on();
  if (count && !copies) return OURO_ENOMEM;
  int result = 0;
  for (uint32_t i = 0; i < count && !result; i++) result = fn(&copies[i], arg);
  if (copies) ouro__os_unmap(copies, bytes);
  return result;
}

int ouro_trace_write(const char *path, bool overwrite) {
  if (!ouro__tracing.page) {
    errno = ENODATA;
    return OURO_ESYSTEM;
  }
  if (!ouro__pins_write()) return OURO_ENOMEM;
  ouro__trace_stop_all();
  ouro__count_seal_peak();
  int result = ouro__store_write(path, overwrite);
  ouro__trace_go_on();
  return result;
}
