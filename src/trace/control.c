/* trace/control.c - tracing begins and ends; wishes of the command; fork; the end of the process. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include "os/os.h"
#include "trace/tracer.h"

static const ouro__heap_hooks door_hooks = {NULL, ouro__count_freed};
static const ouro__heap_hooks heap_hooks = {ouro__count_given, ouro__count_freed};

/* ---------------------------------------------------------------- before the first start */

void ouro__trace_init(bool doors) { ouro__tracing.doors = doors; }

/* Where the evaluation loop's machine code lies, as far as its symbol tells. */
static void find_loop(void *(*find)(const char *name)) {
  Dl_info info;
  const ElfW(Sym) *symbol = NULL;
  const char *start = find("_PyEval_EvalFrameDefault");
  if (!start || !dladdr1(start, &info, (void **)&symbol, RTLD_DL_SYMENT) || !symbol) return;
  ouro__tracing.loop_start = (uintptr_t)start;
  ouro__tracing.loop_end = (uintptr_t)start + symbol->st_size;
}

static const char *python_version = ""; /* what CPython says of itself: "3.11.2 (main, ...)" */

/* Into the page, whichever of the two is there first. */
static void name_python(void) {
  char *to = ouro__tracing.page->python;
  size_t length = strcspn(python_version, " ");
  if (length >= sizeof ouro__tracing.page->python) length = sizeof ouro__tracing.page->python - 1;
  memcpy(to, python_version, length);
  to[length] = 0;
}

bool ouro__trace_python(const char *version_text, void *(*find)(const char *name)) {
  ouro__tracing.python = ouro__py_start(version_text, find);
  if (ouro__tracing.python) find_loop(find);
  python_version = version_text;
  if (ouro__tracing.page) name_python();
  return ouro__tracing.python;
}

void ouro__trace_note_memory(void) {
  ouro__area_page *page = ouro__tracing.page;
  size_t area = OURO_AREA_PAGE_BYTES + (size_t)ouro__load_relaxed(&page->chunks) * OURO_AREA_CHUNK_BYTES;
  size_t rest = ouro__load_relaxed(&ouro__tracing.thread_bytes) + ouro__intern_bytes() + ouro__columns_bytes();
  ouro__store_relaxed(&page->own_bytes, area + rest);
}

/* ---------------------------------------------------------------- one at a time
 *
 * Who begins, ends or clears holds this, and no lock when it takes it. It is held over fork, so that a child finds no half-done start. */

static _Atomic uint32_t controlling;

static bool try_control(void) { return !ouro__exchange_acquire(&controlling, 1); }
static void take_control(void) {
  while (!try_control()) sched_yield();
}
static void leave_control(void) { ouro__store_release(&controlling, 0); }

static void fork_moment(int moment);

/* Before the heap takes its locks: a thread that went without the tracer's may want them while we wait for it. */
static void before_fork(void) {
  take_control();
  ouro__trace_stop_all();
  ouro__trace_go_on();
}

/* What can fail, once. */
static bool prepare(void) {
  static bool prepared;
  if (prepared) return ouro__tracing.page != NULL;
  if (!ouro__columns_start() || !ouro__store_start()) return false;
  name_python();
  ouro__unwind_start();
  ouro__threads_start();
  ouro__heap_set_fork(fork_moment);
  pthread_atfork(before_fork, leave_control, leave_control);
  return prepared = true;
}

/* ---------------------------------------------------------------- start and stop */

static uint64_t realtime_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool is_valid(const ouro_trace_options *options) {
  if (!options || options->struct_size != sizeof *options) return false;
  if (options->mode != OURO_TRACE_EXACT && options->mode != OURO_TRACE_SAMPLE) return false;
  if (options->frames < 1 || options->frames > OURO_TRACE_FRAMES_MAX || options->native > 1) return false;
  if (options->temporary_within >= OURO_RECENT_MOST) return false;
  return options->mode == OURO_TRACE_EXACT || (options->sample_bytes >= 1 && options->sample_bytes <= SIZE_MAX >> 16);
}

static void set_up(const ouro_trace_options *options) {
  ouro__area_page *page = ouro__tracing.page;
  uint64_t now = ouro__os_now_ns();
  ouro__count_clear();
  ouro__tracing.frames = options->frames;
  ouro__tracing.native = options->native;
  ouro__tracing.quick = options->mode == OURO_TRACE_EXACT && ouro__tracing.python && options->frames == 1 && !options->native &&
                        ouro__py.is.minor > 10;
  ouro__tracing.temporary_within = options->temporary_within;
  ouro__tracing.sample_bytes = options->mode == OURO_TRACE_SAMPLE ? options->sample_bytes : 0;
  ouro__tracing.ending = false;
  ouro__tracing.epoch_base_ns = now;
  ouro__store_relaxed(&ouro__tracing.epoch, 0);
  ouro__store_relaxed(&page->frames, options->frames);
  ouro__store_relaxed(&page->native, options->native);
  ouro__store_relaxed(&page->sample_bytes, ouro__tracing.sample_bytes);
  ouro__store_relaxed(&page->temporary_within, options->temporary_within);
  ouro__store_relaxed(&page->started_ns, now);
  ouro__store_relaxed(&page->start_realtime_ns, realtime_ns());
}

static void switch_to(enum ouro_trace_mode mode) {
  ouro__tracing.mode = mode;
  ouro__store_relaxed(&ouro__tracing.page->mode, mode);
  bool waits = mode == OURO_TRACE_OFF && ouro__tracing.waits;
  ouro__store_release(&ouro__trace_mode, waits ? OURO_TRACE_SAMPLE : (uint32_t)mode);
}

bool ouro__trace_wait(void) {
  take_control();
  bool good = prepare();
  if (good) ouro__tracing.waits = true;
  if (good && ouro__tracing.mode == OURO_TRACE_OFF) switch_to(OURO_TRACE_OFF);
  leave_control();
  return good;
}

/* Everybody is stopped; see tracer.session. */
static void next_session(void) {
  ouro__store_relaxed(&ouro__trace_mine.fast, NULL); /* nobody else has one */
  ouro__store_release(&ouro__tracing.session, ouro__load_relaxed(&ouro__tracing.session) + 1); /* pairs with the acquire of events */
}

static int start(const ouro_trace_options *options) {
  if (!is_valid(options)) return OURO_EINVAL;
  if (ouro__tracing.mode != OURO_TRACE_OFF) return OURO_EBUSY;
  if (!prepare()) return OURO_ENOMEM;
  bool wants_heap = ouro__tracing.doors && options->mode == OURO_TRACE_SAMPLE;
  if (wants_heap && !ouro__tracing.sampled) {
    ouro_heap_options sampled = {sizeof sampled, "sampled blocks", 0};
    ouro__tracing.sampled = ouro_heap_new(&sampled);
    if (!ouro__tracing.sampled) return OURO_ENOMEM;
  }
  ouro__columns_clear(0);
  ouro__trace_stop_all();
  ouro__intern_forget_codes(); /* nobody was told which of them went */
  set_up(options);
  next_session();
  ouro__trace_go_on();
  ouro__heap_set_hooks(ouro__tracing.doors ? &door_hooks : &heap_hooks);
  ouro__trace_left = 0; /* what is left of another session */
  switch_to(options->mode);
  return OURO_OK;
}

int ouro_trace_start(const ouro_trace_options *options) {
  take_control();
  int result = start(options);
  leave_control();
  return result;
}

static void stop(void) {
  if (ouro__tracing.mode == OURO_TRACE_OFF) return;
  switch_to(OURO_TRACE_OFF);
  ouro__heap_set_hooks(NULL);
  ouro__trace_stop_all();
  next_session(); /* who is in an event counts no more */
  ouro__tracing.quick = false;
  ouro__count_seal_peak();
  ouro__trace_go_on();
}

void ouro_trace_stop(void) {
  take_control();
  stop();
  leave_control();
}

/* The words are cleared without the tracer's lock, since the heap's are needed: meanwhile nothing counts. */
static void clear(void) {
  bool on = ouro__tracing.mode != OURO_TRACE_OFF;
  ouro__trace_stop_all();
  if (on) next_session();
  ouro__trace_go_on();
  ouro__columns_clear(OURO_WORD_WATCHED); /* what is known of code objects stays */
  ouro__trace_stop_all();
  ouro__count_clear();
  if (on) next_session();
  ouro__trace_go_on();
}

void ouro_trace_clear(void) {
  if (!ouro__tracing.page) return;
  take_control();
  clear();
  leave_control();
}

/* The sites have what they have, and no older peak. */
void ouro_trace_reset_peak(void) {
  ouro__area_page *page = ouro__tracing.page;
  if (!page) return;
  ouro__trace_stop_all();
  ouro__store_relaxed(&page->peak_bytes, ouro__load_relaxed(&page->live_bytes));
  ouro__store_relaxed(&page->peak, ouro__load_relaxed(&page->live));
  ouro__store_relaxed(&page->peak_ns, ouro__os_now_ns());
  ouro__add_relaxed(&page->peak_mark, 1);
  ouro__trace_go_on();
}

bool ouro__trace_quiet(bool on) {
  bool before = ouro__trace_mine.quiet;
  ouro__trace_mine.quiet = on;
  ouro__store_relaxed(&ouro__trace_mine.fast, NULL);
  return before;
}

void ouro__trace_foreign_free(const void *block) {
  if (!ouro__tracing.page || !ouro__load_relaxed(&ouro__tracing.foreign_code)) return;
  if (ouro__load_relaxed(&ouro__trace_mine.inside)) return;
  ouro__store_relaxed(&ouro__trace_mine.inside, 1);
  if (ouro__trace_thread_mine()) {
    bool locked = ouro__trace_enter();
    ouro__intern_code_gone(block);
    ouro__trace_leave(locked);
  }
  ouro__store_release(&ouro__trace_mine.inside, 0);
}

void ouro__trace_unloaded(void) {
  if (!ouro__tracing.page) return;
  ouro__unwind_forget();
  ouro__trace_stop_all();
  ouro__modules_new_generation();
  ouro__trace_forget_caches();
  ouro__trace_go_on();
}

/* ---------------------------------------------------------------- what the command wishes */

unsigned ouro__trace_usual_frames(void) { return ouro__tracing.python ? 25 : OURO_TRACE_FRAMES_MAX; }

static void do_mode(ouro__area_page *page) {
  ouro_trace_options options = OURO_TRACE_OPTIONS_INIT;
  options.mode = (enum ouro_trace_mode)ouro__load_relaxed(&page->wish_mode);
  options.frames = ouro__trace_usual_frames();
  if (ouro__load_relaxed(&page->wish_frames)) options.frames = ouro__load_relaxed(&page->wish_frames);
  if (ouro__load_relaxed(&page->wish_sample)) options.sample_bytes = ouro__load_relaxed(&page->wish_sample);
  options.native = ouro__load_relaxed(&page->wish_native) != 0;
  stop();
  if (options.mode != OURO_TRACE_OFF) start(&options);
}

/* The thread may hold control already. */
void ouro__trace_tick(void) {
  ouro__area_page *page = ouro__tracing.page;
  if (!page || page->pid != ouro__os_pid()) return;
  uint32_t asked = ouro__load_acquire(&page->asked);
  if (OURO_LIKELY(asked == ouro__load_relaxed(&page->answered)) || !try_control()) return;
  uint32_t wish = ouro__load_relaxed(&page->wish);
  if (wish & OURO_WISH_MODE) do_mode(page);
  if (wish & OURO_WISH_CLEAR) clear();
  if (wish & OURO_WISH_RESET_PEAK) ouro_trace_reset_peak();
  if (wish & OURO_WISH_PINS && !ouro__tracing.ending) ouro__pins_write();
  ouro__store_release(&page->answered, asked);
  leave_control();
}

/* ---------------------------------------------------------------- the end */

static void keep_end(void) {
  ouro__area_page *page = ouro__tracing.page;
  uint32_t count = ouro__store_count(OURO_AREA_SITES);
  for (uint32_t number = 0; number < count; number++) {
    ouro__area_site *site = ouro__site_at(number);
    ouro__store_relaxed(&site->end, ouro__load_relaxed(&site->live));
    ouro__store_relaxed(&site->end_bytes, ouro__load_relaxed(&site->live_bytes));
  }
  ouro__store_release(&page->end_ns, ouro__os_now_ns());
}

/* The caller may be inside: then it has what it needs, and the lock where that is needed is free. */
void ouro__trace_end(void) {
  if (!ouro__tracing.page || ouro__tracing.ending || ouro__tracing.mode == OURO_TRACE_OFF) return;
  ouro__tracing.ending = true;
  ouro__pins_write();
  ouro__trace_stop_all();
  keep_end();
  ouro__trace_go_on();
}

void ouro__trace_exit(void) {
  ouro__area_page *page = ouro__tracing.page;
  if (!page || page->pid != ouro__os_pid()) return;
  ouro__trace_end();
  ouro__trace_stop_all();
  ouro__count_seal_peak();
  ouro__trace_note_memory();
  ouro__store_release(&page->state, OURO_AREA_EXITED);
  ouro__trace_go_on();
}

/* ---------------------------------------------------------------- fork */

/* Under the heap's locks, which come before the tracer's. */
static void fork_moment(int moment) {
  if (moment == OURO_FORKING) {
    ouro__trace_stop_all();
    ouro__store_fork_before();
  } else if (moment == OURO_FORKED_PARENT) {
    ouro__store_fork_parent();
    ouro__trace_go_on();
  } else {
    ouro__store_fork_child();
    ouro__threads_fork_child();
    ouro__pins_fork_child();
  }
}
