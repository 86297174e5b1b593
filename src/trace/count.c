/* trace/count.c - events: a block is given, a block is freed; and the malloc family of the doors, which tells of them.
 *
 * The peak, exactly, at the cost of a comparison. While live bytes rise, nothing is done. The first free after a rise seals the peak: it
 * raises `peak_mark`. From then on, a site that is about to change saves what it had, once per mark: what it had at the peak. A site that has not
 * changed since has it still.
 *
 *     I-PEAK  sum over sites of (peak_mark == page's ? peak_bytes : live_bytes) == page.peak_bytes, unless live_bytes > peak_bytes: then it is now */
#include <errno.h>
#include <string.h>

#include "os/os.h"
#include "trace/sample.h"
#include "trace/tracer.h"

_Atomic uint32_t ouro__trace_mode;
ouro__tracer ouro__tracing = {.session = 1};

/* ---------------------------------------------------------------- counters; under the lock, and written by nobody else */

#define RAISE(counter, by) ouro__store_relaxed(&(counter), ouro__load_relaxed(&(counter)) + (by))
#define LOWER(counter, by) ouro__store_relaxed(&(counter), ouro__load_relaxed(&(counter)) - (by))

OURO_INLINE void seal_peak(void) {
  ouro__area_page *page = ouro__tracing.page;
  uint64_t live = ouro__load_relaxed(&page->live_bytes);
  if (OURO_LIKELY(live <= ouro__load_relaxed(&page->peak_bytes))) return;
  ouro__store_relaxed(&page->peak_bytes, live);
  ouro__store_relaxed(&page->peak, ouro__load_relaxed(&page->live));
  ouro__store_relaxed(&page->peak_ns, (uint64_t)ouro__load_relaxed(&ouro__tracing.epoch) * OURO_EPOCH_NS + ouro__tracing.epoch_base_ns);
  RAISE(page->peak_mark, 1);
}

void ouro__count_seal_peak(void) { seal_peak(); }

OURO_INLINE void keep_peak(ouro__area_site *site) {
  uint32_t mark = ouro__load_relaxed(&ouro__tracing.page->peak_mark);
  if (OURO_LIKELY(ouro__load_relaxed(&site->peak_mark) == mark)) return;
  ouro__store_relaxed(&site->peak, ouro__load_relaxed(&site->live));
  ouro__store_relaxed(&site->peak_bytes, ouro__load_relaxed(&site->live_bytes));
  ouro__store_relaxed(&site->peak_mark, mark);
}

OURO_INLINE void count_up(ouro__area_site *site, uint64_t count, uint64_t bytes) {
  ouro__area_page *page = ouro__tracing.page;
  keep_peak(site);
  RAISE(site->allocs, count);
  RAISE(site->bytes, bytes);
  RAISE(site->live, count);
  RAISE(site->live_bytes, bytes);
  RAISE(page->allocs, count);
  RAISE(page->bytes, bytes);
  RAISE(page->live, count);
  RAISE(page->live_bytes, bytes);
}

OURO_INLINE void count_down(ouro__area_site *site, uint64_t count, uint64_t bytes, bool temporary) {
  ouro__area_page *page = ouro__tracing.page;
  seal_peak();
  keep_peak(site);
  LOWER(site->live, count);
  LOWER(site->live_bytes, bytes);
  LOWER(page->live, count);
  LOWER(page->live_bytes, bytes);
  if (OURO_LIKELY(!temporary)) return;
  RAISE(site->temporary, count);
  RAISE(site->temporary_bytes, bytes);
}

static void count_sampled(ouro__area_site *site, const ouro__sample_weight *weight) {
  ouro__store_relaxed(&site->samples, ouro__load_relaxed(&site->samples) + 1);
  ouro__store_relaxed(&site->variance, ouro__load_relaxed(&site->variance) + weight->variance);
  ouro__store_relaxed(&site->live_variance, ouro__load_relaxed(&site->live_variance) + weight->variance);
}

static bool sampling(void) { return ouro__tracing.sample_bytes != 0; }

/* Does an event still count that began in that session? Under the lock. */
static inline bool is_current(uint32_t session) { return !(session & 1) && session == ouro__load_relaxed(&ouro__tracing.session); }

/* ---------------------------------------------------------------- in and out */

/* false: the thread is in the tracer already. */
static inline bool go_in(void) {
  if (OURO_UNLIKELY(ouro__load_relaxed(&ouro__trace_mine.inside))) return false;
  ouro__store_relaxed(&ouro__trace_mine.inside, 1);
  atomic_signal_fence(memory_order_seq_cst);
  return true;
}

/* Pairs with the acquire of who waits for a thread that goes without the lock. */
static inline void go_out(void) { ouro__store_release(&ouro__trace_mine.inside, 0); }

/* Every so many events of a thread: what time it is, and whether the interpreter has begun to end. */
enum { EVENTS_A_LOOK = 16, LOOKS_A_CLOCK = 16 };

static OURO_NOINLINE void look_around(ouro__trace_thread *thread) {
  if (thread->events % (EVENTS_A_LOOK * LOOKS_A_CLOCK) == 0) {
    uint64_t now = ouro__os_now_ns() - ouro__tracing.epoch_base_ns;
    ouro__store_relaxed(&ouro__tracing.epoch, (uint32_t)(now / OURO_EPOCH_NS));
    ouro__trace_note_memory();
    ouro__trace_tick(); /* a thread that lives off its cache comes by nowhere else */
  }
  if (!ouro__tracing.python || ouro__tracing.ending) return;
  if (!ouro__py_finalizing()) {
    ouro__tracing.python_runs = true;
  } else if (ouro__tracing.python_runs) {
    ouro__trace_end();
  }
}

static inline void count_event(ouro__trace_thread *thread) {
  if (OURO_UNLIKELY(++thread->events % EVENTS_A_LOOK == 0)) look_around(thread);
}

static void lose(uint64_t blocks) {
  bool locked = ouro__trace_enter();
  RAISE(ouro__tracing.page->lost, blocks);
  ouro__trace_leave(locked);
}

/* ---------------------------------------------------------------- a block is given */

/* A block's word, and its class, which is 0 where it is large. */
typedef struct located {
  ouro__word *word;
  unsigned class_;
} located;

static OURO_NOINLINE located locate_slowly(const void *block, bool make) {
  return (located){ouro__block_word_slow(block, make), ouro__block_seen(block).class_};
}

static inline located locate(const void *block, bool make) {
  size_t unit = ouro__unit_number(block);
  ouro__word *column = ouro__load_acquire(&ouro__hot_columns[unit]);
  unsigned class_ = OURO__PEEK(&ouro__hot_bins[unit]) / OURO__BIN_BYTES;
  if (OURO_UNLIKELY(!class_ || !column)) return locate_slowly(block, make);
  return (located){ouro__column_word(column, class_, block), class_};
}

OURO_INLINE void remember(ouro__trace_thread *thread, const void *block) {
  if (thread->recent_at > ouro__tracing.temporary_within) thread->recent_at = 0;
  thread->recent[thread->recent_at++] = block;
}

OURO_INLINE void record(void *block, size_t size, unsigned domain, const char *type, bool weigh) {
  uint32_t session = ouro__load_acquire(&ouro__tracing.session); /* pairs with the release of who begins it */
  ouro__trace_thread *thread = ouro__trace_thread_mine();
  located at_block = locate(block, true);
  ouro__word *word = at_block.word;
  unsigned class_ = at_block.class_;
  uint32_t site = OURO_LIKELY(thread && word) ? ouro__stack_site(thread, class_, domain, type) : 0;
  if (OURO_UNLIKELY(!site)) {
    lose(1);
    return;
  }
  ouro__sample_weight weight = {1, size, 0};
  bool locked = ouro__trace_enter();
  if (OURO_LIKELY(is_current(session) && weigh == sampling())) {
    ouro__area_site *at = ouro__site_at(site);
    if (weigh) weight = ouro__sample_weigh(size, ouro__tracing.sample_bytes);
    count_up(at, weight.count, weight.bytes);
    if (weigh) count_sampled(at, &weight);
    if (class_ == 0) ouro__store_relaxed(&word[1], size);
    ouro__store_relaxed(word, ouro__word_make(site, ouro__load_relaxed(&ouro__tracing.epoch), class_ ? size : 0));
  }
  ouro__trace_leave(locked);
  remember(thread, block);
  count_event(thread);
}

/* What `record` does, for what is most frequent: exact mode, the only thread, Python's innermost frame, a small block in a pool that has its column, a
 * place that was there before. Nobody else counts or begins a session meanwhile (I-TRACE-1). false: nothing was done.
 *
 * The thread's `fast` says that all of that holds but for what is about this allocation. Who changes it takes `fast` away first: the thread itself, or a second
 * one, which then waits until the first is outside. */
OURO_INLINE bool record_quickly(void *block, size_t size, unsigned domain) {
  ouro__trace_local *mine = &ouro__trace_mine;
  if (OURO_UNLIKELY(ouro__load_relaxed(&mine->inside))) return false;
  ouro__store_relaxed(&mine->inside, 1);
  atomic_signal_fence(memory_order_seq_cst);
  ouro__trace_thread *thread = ouro__load_relaxed(&mine->fast);
  size_t unit = ouro__unit_number(block);
  ouro__word *column = ouro__load_acquire(&ouro__hot_columns[unit]);
  unsigned class_ = OURO__PEEK(&ouro__hot_bins[unit]) / OURO__BIN_BYTES;
  bool usual = thread && class_ && column && ouro__tracing.quick;
  const ouro__cached_site *site = OURO_LIKELY(usual) ? ouro__stack_quick_site(thread, class_, domain) : NULL;
  if (OURO_LIKELY(site != NULL)) {
    count_up(site->where, 1, size);
    ouro__store_relaxed(ouro__column_word(column, class_, block), ouro__word_make(site->site, ouro__load_relaxed(&ouro__tracing.epoch), size));
    remember(thread, block);
    count_event(thread);
  }
  go_out();
  return site != NULL;
}

/* ---------------------------------------------------------------- a block is freed */

OURO_INLINE bool is_temporary(ouro__trace_thread *thread, const void *block) {
  unsigned within = ouro__tracing.temporary_within, at = 0;
  if (thread->recent[0] != block) {
    do {
      if (at++ == within) return false;
    } while (thread->recent[at] != block);
  }
  thread->recent[at] = NULL;
  return true;
}

/* A block's word, which is 0 now, and, of a large block, the second one. The session was read before. */
typedef struct taken {
  uint64_t value, large_size;
  uint32_t session;
} taken;

/* pre: inside. */
OURO_INLINE void unrecord(const void *block, const taken *was) {
  ouro__trace_thread *thread = ouro__trace_thread_mine();
  uint32_t number = ouro__word_site(was->value);
  bool temporary = thread && is_temporary(thread, block);
  bool locked = ouro__trace_enter();
  if (OURO_UNLIKELY(was->value & OURO_WORD_WATCHED)) ouro__intern_code_gone(block);
  if (OURO_LIKELY(number != 0 && is_current(was->session))) {
    ouro__area_site *site = ouro__site_at(number);
    uint64_t size = site->class_ ? ouro__word_size(was->value) : was->large_size;
    if (OURO_LIKELY(!sampling())) {
      count_down(site, 1, size, temporary);
    } else {
      ouro__sample_weight weight = ouro__sample_weigh(size, ouro__tracing.sample_bytes);
      count_down(site, weight.count, weight.bytes, false); /* what was made in between was not seen */
      ouro__store_relaxed(&site->live_variance, ouro__load_relaxed(&site->live_variance) - weight.variance);
    }
  }
  ouro__trace_leave(locked);
  if (OURO_LIKELY(thread != NULL)) count_event(thread);
}

void ouro__count_freed(void *block, ouro__word *word) {
  taken was = {.session = ouro__load_acquire(&ouro__tracing.session)};
  was.value = ouro__load_relaxed(word);
  if (ouro__tracing.mode == OURO_TRACE_OFF || !go_in()) {
    ouro__store_relaxed(word, 0);
    return;
  }
  if (!ouro__block_seen(block).class_) was.large_size = ouro__load_relaxed(&word[1]);
  ouro__store_relaxed(word, 0);
  unrecord(block, &was);
  go_out();
}

/* ---------------------------------------------------------------- the heap's hook, where there are no doors */

enum { WAITING_BYTES = 1 << 20 };

_Thread_local int64_t ouro__trace_left;

/* The bytes that a sample was waited for have come, or none was waited for yet: is it in the last `size` of them? */
static OURO_NOINLINE bool is_due(size_t size) {
  ouro__trace_local *mine = &ouro__trace_mine;
  if (ouro__tracing.mode == OURO_TRACE_OFF) { /* only waiting, or just switched off */
    ouro__trace_left = WAITING_BYTES;
    if (!ouro__load_relaxed(&mine->inside)) ouro__trace_tick();
    return false;
  }
  uint32_t session = ouro__load_relaxed(&ouro__tracing.session);
  if (mine->session != session) { /* the thread's first allocation since sampling began */
    mine->session = session;
    if (!mine->random) mine->random = ouro__os_random() ^ (uintptr_t)mine;
    ouro__trace_left = ouro__sample_gap(&mine->random, ouro__tracing.sample_bytes) - (int64_t)size - 1;
    if (ouro__trace_left > 0) return false;
  }
  ouro__trace_left = ouro__sample_gap(&mine->random, ouro__tracing.sample_bytes);
  return true;
}

static inline bool is_sampled(size_t size) { return OURO_UNLIKELY((ouro__trace_left -= (int64_t)size + 1) <= 0) && is_due(size); }

void ouro__count_given(void *block, size_t size, unsigned object_class) {
  uint32_t mode = ouro__load_relaxed(&ouro__trace_mode);
  if (mode == OURO_TRACE_OFF || (mode == OURO_TRACE_SAMPLE && !is_sampled(size)) || ouro__trace_mine.quiet || !go_in()) {
    ouro__trace_here = NULL;
    return;
  }
  bool object = object_class != 0 || ouro__trace_type != NULL;
  record(block, size, object ? OURO_DOMAIN_OBJECT : OURO_DOMAIN_BLOCK, ouro__trace_type, mode == OURO_TRACE_SAMPLE);
  ouro__trace_type = NULL;
  go_out();
}

/* ---------------------------------------------------------------- the doors */

OURO_INLINE void record_at_door(void *block, size_t size, unsigned domain, bool weigh) {
  if (!block || ouro__trace_mine.quiet || !go_in()) return;
  record(block, size, domain, NULL, weigh);
  go_out();
}

static OURO_NOINLINE void record_at_door_exactly(void *block, size_t size, unsigned domain) {
  record_at_door(block, size, domain, false);
  ouro__trace_local *mine = &ouro__trace_mine;
  if (ouro__load_relaxed(&mine->fast) || mine->quiet || !mine->thread || ouro__load_relaxed(&mine->inside)) return;
  ouro__store_relaxed(&mine->inside, 1); /* a second thread waits until `fast` is what it is to be */
  atomic_signal_fence(memory_order_seq_cst);
  bool valid = mine->thread->version == ouro__load_relaxed(&ouro__tracing.version) && !ouro__load_relaxed(&ouro__trace_many);
  ouro__store_relaxed(&mine->fast, valid ? mine->thread : NULL);
  go_out();
}

/* A sampled block comes from a heap whose frees are slow, so that the fast ones need not ask; a large one is freed slowly anyway. */
static void *sampled_block(size_t size, size_t alignment, bool zeroed) {
  ouro_heap *heap = ouro__tracing.sampled;
  if (!heap || size > OURO_LARGE_BYTES) return NULL;
  int saved = errno;
  void *block = alignment > 16 ? ouro_heap_aligned_alloc(heap, alignment, size)
                : zeroed       ? ouro_heap_calloc(heap, 1, size)
                               : ouro_heap_malloc(heap, size);
  if (!block) errno = saved;
  return block;
}

static OURO_NOINLINE void *sample(size_t size, unsigned domain) {
  if (ouro__load_relaxed(&ouro__trace_mine.inside)) return ouro__malloc_fast(size);
  void *block = sampled_block(size, 1, false);
  if (!block) block = ouro__malloc_fast(size);
  record_at_door(block, size, domain, true);
  return block;
}

void *ouro__trace_malloc_sampling(size_t size, unsigned domain) { return is_due(size) ? sample(size, domain) : ouro__malloc_fast(size); }

void *ouro__trace_malloc_on(size_t size, unsigned domain) {
  void *block = ouro__malloc_fast(size);
  if (OURO_UNLIKELY(!block) || OURO_LIKELY(record_quickly(block, size, domain))) return block;
  record_at_door_exactly(block, size, domain);
  return block;
}

void *ouro__trace_calloc_on(size_t count, size_t size, unsigned domain) {
  void *block = NULL;
  bool weigh = ouro__load_relaxed(&ouro__trace_mode) == OURO_TRACE_SAMPLE;
  if (size && count > PTRDIFF_MAX / size) return ouro__calloc(count, size);
  if (weigh && !is_sampled(count * size)) return ouro__calloc(count, size);
  if (weigh && !ouro__load_relaxed(&ouro__trace_mine.inside)) block = sampled_block(count * size, 1, true);
  if (!block) block = ouro__calloc(count, size);
  record_at_door(block, count * size, domain, weigh);
  return block;
}

void *ouro__trace_aligned_alloc(size_t alignment, size_t size, unsigned domain) {
  uint32_t mode = ouro__load_relaxed(&ouro__trace_mode);
  if (mode == OURO_TRACE_OFF) return ouro__aligned_alloc(alignment, size);
  void *block = NULL;
  bool weigh = mode == OURO_TRACE_SAMPLE;
  if (weigh && !is_sampled(size)) return ouro__aligned_alloc(alignment, size);
  bool possible = weigh && ouro__is_power_of_two(alignment) && !ouro__load_relaxed(&ouro__trace_mine.inside);
  if (possible) block = sampled_block(size, alignment, false);
  if (!block) block = ouro__aligned_alloc(alignment, size);
  record_at_door(block, size, domain, weigh);
  return block;
}

/* Take a block's word away; 0: it is not traced, or is none of ours. */
static inline taken take_word(const void *block) {
  taken was = {.session = ouro__load_acquire(&ouro__tracing.session)};
  if (OURO_UNLIKELY(ouro__unit_number(block) >= ouro__hot_units)) return was;
  located at = locate(block, false);
  was.value = at.word ? ouro__load_relaxed(at.word) : 0;
  if (was.value == 0) return was;
  if (OURO_UNLIKELY(at.class_ == 0)) was.large_size = ouro__load_relaxed(&at.word[1]);
  ouro__store_relaxed(at.word, 0);
  return was;
}

/* The block is still there. */
static void put_word_back(const void *block, const taken *was) {
  ouro__word *word = was->value ? ouro__block_word_slow(block, true) : NULL;
  if (!word || !go_in()) return;
  bool locked = ouro__trace_enter();
  if (is_current(was->session)) {
    if (was->large_size) ouro__store_relaxed(&word[1], was->large_size);
    ouro__store_relaxed(word, was->value);
  }
  ouro__trace_leave(locked);
  go_out();
}

static inline void forget(void *block) {
  if (!block) return;
  taken was = take_word(block);
  if (OURO_UNLIKELY(!was.value || !go_in())) return;
  unrecord(block, &was);
  go_out();
}

/* What `forget` does, for the only thread in exact mode and a small block of a pool. false: nothing was done. */
OURO_INLINE bool forget_quickly(const void *block) {
  ouro__trace_local *mine = &ouro__trace_mine;
  size_t unit = ouro__unit_number(block);
  if (OURO_UNLIKELY(unit >= ouro__hot_units || ouro__load_relaxed(&mine->inside))) return false;
  ouro__store_relaxed(&mine->inside, 1);
  atomic_signal_fence(memory_order_seq_cst);
  ouro__trace_thread *thread = ouro__load_relaxed(&mine->fast);
  ouro__word *column = ouro__load_acquire(&ouro__hot_columns[unit]);
  unsigned class_ = OURO__PEEK(&ouro__hot_bins[unit]) / OURO__BIN_BYTES;
  bool usual = thread && class_ && column;
  ouro__word *word = OURO_LIKELY(usual) ? ouro__column_word(column, class_, block) : NULL;
  uint64_t value = word ? ouro__load_relaxed(word) : 0;
  uint32_t site = ouro__word_site(value);
  usual = site && !(value & OURO_WORD_WATCHED);
  if (OURO_LIKELY(usual)) {
    ouro__store_relaxed(word, 0);
    count_down(ouro__site_at(site), 1, ouro__word_size(value), is_temporary(thread, block));
    count_event(thread);
  }
  go_out();
  return usual;
}

static OURO_NOINLINE void forget_slowly(void *block) { forget(block); }

void ouro__trace_free_on(void *block) {
  if (OURO_UNLIKELY(!forget_quickly(block))) forget_slowly(block);
  ouro__free_fast(block);
}

void ouro__trace_forget(void *block) {
  if (ouro__load_relaxed(&ouro__trace_mode) == OURO_TRACE_EXACT) forget(block);
}

/* Counted as a free and an allocation. In exact mode the heap resizes the block as it likes. */
static void *realloc_exact(void *block, size_t size, unsigned domain) {
  taken was = take_word(block);
  void *fresh = ouro__realloc(block, size);
  if (!fresh) { /* all is as it was */
    put_word_back(block, &was);
    return NULL;
  }
  if (go_in()) {
    if (was.value) unrecord(block, &was);
    if (!ouro__trace_mine.quiet) record(fresh, size, domain, NULL, false);
    go_out();
  }
  return fresh;
}

static bool is_traced(const void *block) {
  ouro__word *word = ouro__unit_number(block) < ouro__hot_units ? locate(block, false).word : NULL;
  return word && ouro__word_site(ouro__load_relaxed(word));
}

/* A small block that is sampled, or becomes it, moves between the heaps. */
static void *move(void *block, size_t size, unsigned domain, bool sampled) {
  size_t have = ouro_usable_size(block);
  void *fresh = sampled ? sample(size, domain) : ouro__malloc_fast(size);
  if (!fresh) return NULL;
  memcpy(fresh, block, have < size ? have : size);
  ouro__free_fast(block);
  return fresh;
}

static void *realloc_sampled(void *block, size_t size, unsigned domain) {
  bool before = is_traced(block), now = is_sampled(size);
  if (!before && !now) return ouro__realloc(block, size);
  if (ouro_usable_size(block) <= OURO_LARGE_BYTES || size <= OURO_LARGE_BYTES) return move(block, size, domain, now);
  taken was = take_word(block);
  void *fresh = ouro__realloc(block, size);
  if (!fresh) {
    put_word_back(block, &was);
    return NULL;
  }
  if (was.value && go_in()) {
    unrecord(block, &was);
    go_out();
  }
  if (now) record_at_door(fresh, size, domain, true);
  return fresh;
}

void *ouro__trace_realloc(void *block, size_t size, unsigned domain) {
  uint32_t mode = ouro__load_relaxed(&ouro__trace_mode);
  if (!block) return ouro__trace_malloc(size, domain);
  if (mode == OURO_TRACE_OFF) return ouro__realloc(block, size);
  if (mode == OURO_TRACE_EXACT) return realloc_exact(block, size, domain);
  return realloc_sampled(block, size, domain);
}

/* ---------------------------------------------------------------- forgetting */

void ouro__count_clear(void) {
  ouro__area_page *page = ouro__tracing.page;
  ouro__store_clear(OURO_AREA_PINS);
  ouro__store_clear_sites();
  ouro__intern_forget_sites();
  _Atomic uint64_t *const totals[] = {&page->live, &page->live_bytes, &page->peak, &page->peak_bytes, &page->allocs,
                                      &page->bytes, &page->lost, &page->peak_ns, &page->end_ns};
  for (size_t i = 0; i < sizeof totals / sizeof *totals; i++) ouro__store_relaxed(totals[i], 0);
  ouro__trace_forget_caches();
}
