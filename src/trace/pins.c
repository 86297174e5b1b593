/* trace/pins.c - who keeps which memory from the system.
 *
 * The heap gives back pages of 4 KiB that no block touches. So a page is pinned by the blocks on it, and what of it they do not use is kept
 * for nothing: that part is split evenly among them. A site for which all blocks of a page come alone has the page to itself.
 *
 *     page     |  A  | free | free |  B  |      A and B keep half a page, a quarter each
 *     page     |  A  | free | free | free|      A keeps three quarters, and is the sole one: without A the page goes
 *
 * Blocks are seen in the order of their addresses: those of one pool are gathered, then judged. What comes of it is gathered in private memory,
 * by arena and site, since the walk holds locks of the heap; then it is copied into the area. */
#include <string.h>

#include "os/os.h"
#include "trace/tracer.h"

enum { GATHER = 4096 + 1, PAGES = 128, PAGE_SHIFT = 12 };
#define ARENA_SHIFT 22
#define WHOLE UINT32_MAX

typedef struct gathered {
  uint32_t offset, bytes, site, age; /* age in epochs; UINT32_MAX: unknown */
} gathered;

typedef struct judge {
  ouro__area_pin *rows; /* open hash table by arena and site; blocks == 0: empty */
  size_t size, used;
  gathered *blocks; /* of the pool `unit` */
  unsigned count;
  uint32_t unit;
  uint32_t now;
  uint32_t sites;
} judge;

/* ---------------------------------------------------------------- rows */

static size_t row_slot(uint64_t arena, uint32_t site, size_t size) {
  uint64_t hash = (arena >> ARENA_SHIFT ^ (uint64_t)site << 20) * UINT64_C(0x9e3779b97f4a7c15);
  return (size_t)(hash >> 20) & (size - 1);
}

static ouro__area_pin *place_for(ouro__area_pin *rows, size_t size, uint64_t arena, uint32_t site) {
  size_t slot = row_slot(arena, site, size);
  while (rows[slot].youngest && (rows[slot].arena != arena || rows[slot].site != site)) slot = (slot + 1) & (size - 1);
  return &rows[slot];
}

static bool grow_rows(judge *state) {
  size_t size = state->size ? state->size * 2 : 4096;
  ouro__area_pin *fresh = ouro__os_map(ouro__round_up(size * sizeof *fresh, OURO_PAGE_BYTES));
  if (!fresh) return false;
  for (size_t i = 0; i < state->size; i++) {
    const ouro__area_pin *row = &state->rows[i];
    if (row->youngest) *place_for(fresh, size, row->arena, row->site) = *row;
  }
  if (state->rows) ouro__os_unmap(state->rows, ouro__round_up(state->size * sizeof *fresh, OURO_PAGE_BYTES));
  state->rows = fresh;
  state->size = size;
  return true;
}

/* `youngest` is one more than the age while rows are gathered, so that 0 means an empty place. */
static ouro__area_pin *row_of(judge *state, uint64_t arena, uint32_t site) {
  if (state->used * 2 >= state->size && !grow_rows(state)) return NULL;
  ouro__area_pin *row = place_for(state->rows, state->size, arena, site);
  if (!row->youngest) {
    *row = (ouro__area_pin){.arena = arena, .site = site, .youngest = UINT32_MAX};
    state->used++;
  }
  return row;
}

static void add_age(ouro__area_pin *row, uint32_t age) {
  if (age == UINT32_MAX) return;
  if (age > row->oldest) row->oldest = age;
  if (age + 1 < row->youngest) row->youngest = age + 1;
}

/* ---------------------------------------------------------------- one pool */

typedef struct page_sum {
  uint32_t blocks, bytes, site; /* site: of all its blocks, or WHOLE where they differ */
} page_sum;

/* Bytes of the block on page number `page` of its pool. */
static uint32_t bytes_on(const gathered *block, uint32_t page) {
  uint32_t begin = page << PAGE_SHIFT, end = begin + (1u << PAGE_SHIFT);
  uint32_t from = block->offset > begin ? block->offset : begin, to = block->offset + block->bytes;
  return (to < end ? to : end) - from;
}

static uint32_t first_page(const gathered *block) { return block->offset >> PAGE_SHIFT; }
static uint32_t last_page(const gathered *block) { return (block->offset + block->bytes - 1) >> PAGE_SHIFT; }

static void sum_pages(const judge *state, page_sum *pages) {
  memset(pages, 0, PAGES * sizeof *pages);
  for (unsigned i = 0; i < state->count; i++) {
    const gathered *block = &state->blocks[i];
    for (uint32_t page = first_page(block); page <= last_page(block); page++) {
      page_sum *sum = &pages[page];
      sum->site = sum->blocks && sum->site != block->site ? WHOLE : block->site;
      sum->blocks++;
      sum->bytes += bytes_on(block, page);
    }
  }
}

static void add_block(judge *state, const gathered *block, page_sum *pages, uint64_t arena) {
  ouro__area_pin *row = row_of(state, arena, block->site);
  if (!row) return;
  row->blocks++;
  row->bytes += block->bytes;
  for (uint32_t page = first_page(block); page <= last_page(block); page++) {
    page_sum *sum = &pages[page];
    row->kept += ((1u << PAGE_SHIFT) - sum->bytes) / sum->blocks;
    if (sum->site == WHOLE) continue;
    row->sole += 1u << PAGE_SHIFT;
    sum->site = WHOLE; /* the page is counted once */
  }
  if (row->held_pages != state->unit + 1) { /* while rows are gathered: the pool that was counted last */
    row->held_pages = state->unit + 1;
    row->pools++;
  }
  add_age(row, block->age);
}

static void judge_pool(judge *state) {
  page_sum pages[PAGES];
  if (!state->count) return;
  uint64_t arena = (uint64_t)(uintptr_t)ouro__unit_start(state->unit) & ~((UINT64_C(1) << ARENA_SHIFT) - 1);
  sum_pages(state, pages);
  ouro__area_pin *whole = row_of(state, arena, WHOLE);
  for (unsigned page = 0; whole && page < PAGES; page++) {
    if (!pages[page].blocks) continue;
    whole->held_pages++;
    whole->bytes += pages[page].bytes;
    whole->kept += (1u << PAGE_SHIFT) - pages[page].bytes;
  }
  if (whole) {
    whole->pools++;
    whole->blocks += state->count;
  }
  for (unsigned i = 0; i < state->count; i++) add_block(state, &state->blocks[i], pages, arena);
  state->count = 0;
}

/* ---------------------------------------------------------------- the walk */

static void add_large(judge *state, const ouro__seen_block *seen, uint32_t site, uint32_t age) {
  ouro__area_pin *row = row_of(state, 0, site);
  if (!row) return;
  row->blocks++;
  row->bytes += seen->bytes;
  row->sole += seen->bytes;
  add_age(row, age);
}

static int see(const ouro__seen_block *seen, void *arg) {
  judge *state = arg;
  uint64_t word = seen->word ? ouro__load_relaxed(seen->word) : 0;
  uint32_t site = ouro__word_site(word), age = UINT32_MAX;
  if (site >= state->sites) site = 0;
  if (site) age = (state->now - ouro__word_epoch(word)) & ((UINT32_C(1) << OURO_WORD_EPOCH_BITS) - 1);
  if (state->count && seen->unit != state->unit) judge_pool(state);
  if (seen->class_ == 0) {
    add_large(state, seen, site, age);
    return 0;
  }
  state->unit = seen->unit;
  uint32_t offset = (uint32_t)(seen->block - ouro__unit_start(seen->unit));
  if (state->count < GATHER) state->blocks[state->count++] = (gathered){offset, (uint32_t)seen->bytes, site, age};
  return 0;
}

/* ---------------------------------------------------------------- into the area */

static uint32_t milliseconds(uint32_t epochs) {
  uint64_t ms = epochs * (OURO_EPOCH_NS / 1000000);
  return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

static void copy_row(const ouro__area_pin *row) {
  uint32_t index;
  ouro__area_pin *to = ouro__store_new(OURO_AREA_PINS, &index);
  if (!to) return;
  *to = *row;
  to->oldest = milliseconds(row->oldest);
  to->youngest = row->youngest == UINT32_MAX ? 0 : milliseconds(row->youngest - 1);
  if (row->site != WHOLE) to->held_pages = 0;
  ouro__store_commit(OURO_AREA_PINS);
}

static void publish(const judge *state) {
  ouro__area_page *page = ouro__tracing.page;
  ouro__trace_stop_all();
  atomic_fetch_add(&page->pins_writes, 1); /* in one order with all that follows: readers see the odd number before anything changes */
  ouro__store_clear(OURO_AREA_PINS);
  for (size_t i = 0; i < state->size; i++) {
    if (state->rows[i].youngest) copy_row(&state->rows[i]);
  }
  ouro__store_relaxed(&page->pins_ns, ouro__os_now_ns());
  ouro__store_release(&page->pins_writes, ouro__load_relaxed(&page->pins_writes) + 1);
  ouro__trace_go_on();
}

static _Atomic uint32_t busy;

void ouro__pins_fork_child(void) { ouro__store_relaxed(&busy, 0); }

bool ouro__pins_write(void) {
  size_t bytes = ouro__round_up(GATHER * sizeof(gathered), OURO_PAGE_BYTES);
  if (ouro__exchange_acquire(&busy, 1)) return true; /* somebody is at it */
  judge state = {.blocks = ouro__os_map(bytes)};
  bool good = state.blocks && grow_rows(&state);
  if (good) {
    uint64_t now = ouro__os_now_ns() - ouro__tracing.epoch_base_ns;
    state.now = (uint32_t)(now / OURO_EPOCH_NS);
    state.sites = ouro__store_count(OURO_AREA_SITES);
    ouro_thread_flush(); /* blocks in this thread's cache pin nothing that they would keep */
    ouro__each_seen_block(see, &state);
    judge_pool(&state);
    publish(&state);
  }
  if (state.rows) ouro__os_unmap(state.rows, ouro__round_up(state.size * sizeof *state.rows, OURO_PAGE_BYTES));
  if (state.blocks) ouro__os_unmap(state.blocks, bytes);
  ouro__store_release(&busy, 0);
  return good;
}
