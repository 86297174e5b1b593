/* trace/tracer.h - the tracer's files among themselves: the one state, and what each file does. */
#ifndef OURO_TRACE_TRACER_H
#define OURO_TRACE_TRACER_H

#include "trace/pyframes.h"
#include "trace/trace.h"
#include "trace/unwind.h"

/* ---------------------------------------------------------------- words */

#define OURO_WORD_SITE_BITS 22u
#define OURO_WORD_EPOCH_BITS 23u
#define OURO_SITES_MAX (UINT32_C(1) << OURO_WORD_SITE_BITS)
#define OURO_EPOCH_NS UINT64_C(250000000)
#define OURO_WORD_WATCHED (UINT64_C(1) << (OURO_WORD_SITE_BITS + OURO_WORD_EPOCH_BITS))
#define OURO_WORD_SIZE_SHIFT (OURO_WORD_SITE_BITS + OURO_WORD_EPOCH_BITS + 1)

static inline uint64_t ouro__word_make(uint32_t site, uint32_t epoch, size_t size) {
  return (uint64_t)size << OURO_WORD_SIZE_SHIFT |
         (uint64_t)(epoch & ((UINT32_C(1) << OURO_WORD_EPOCH_BITS) - 1)) << OURO_WORD_SITE_BITS | site;
}
static inline uint32_t ouro__word_site(uint64_t word) { return (uint32_t)(word & (OURO_SITES_MAX - 1)); }
static inline uint32_t ouro__word_epoch(uint64_t word) {
  return (uint32_t)(word >> OURO_WORD_SITE_BITS) & ((UINT32_C(1) << OURO_WORD_EPOCH_BITS) - 1);
}
static inline size_t ouro__word_size(uint64_t word) { return (size_t)(word >> OURO_WORD_SIZE_SHIFT); }

#define OURO_LARGE_BYTES ((size_t)128 * 1024) /* requests above are large blocks: their size is in the second word */

/* ---------------------------------------------------------------- a thread */

#define OURO_RECENT_MOST 33u  /* blocks that a thread has made last, for the temporary ones */
#define OURO_CACHE_LOG2 12u          /* entries of a thread's caches, below; memory is touched as far as they are used */
#define OURO_CACHE (1u << OURO_CACHE_LOG2)

typedef struct ouro__cached_site {
  uintptr_t code, at; /* of one Python frame (up to 3.10; later, `at` says it all, and code is 0); or 0 and the node */
  uint32_t tag;       /* version, domain, class */
  uint32_t site;      /* 0: empty */
  ouro__area_site *where;
} ouro__cached_site;

typedef struct ouro__cached_node {
  const char *code; /* NULL: a native address */
  uintptr_t at;
  uint32_t parent, node; /* node 0: empty */
  uint32_t version;
} ouro__cached_node;

typedef struct ouro__py_walked {
  const char *frame, *code;
  uintptr_t at;
  uint32_t parent, node; /* what it has been found to be; it stays when the frame is gone, and may be of use again */
} ouro__py_walked;

typedef struct ouro__trace_thread {
  struct ouro__trace_thread *next;   /* unused ones */
  uint32_t version;                  /* of the caches below; see tracer.version */
  uint16_t index;                    /* in THREADS */
  unsigned recent_at;
  uint32_t events;
  const void *recent[OURO_RECENT_MOST];
  ouro__cached_site sites[OURO_CACHE];
  ouro__cached_node nodes[OURO_CACHE];
  unsigned py_depth;                 /* frames in py: [0] is the outermost */
  bool py_cut;                       /* there are more outside of it */
  ouro__py_walked py[OURO_TRACE_FRAMES_MAX], py_new[OURO_TRACE_FRAMES_MAX];
  unsigned native_known;             /* nodes of `native` that hold, where native_begin is 0 */
  unsigned native_begin;             /* frames outside of what was wanted the last time */
  ouro__cached_node last[OURO_UNWIND_ROOM]; /* of native frames, by depth */
  ouro__native_walk native;
} ouro__trace_thread;

/* Versions of the caches that a tag can tell apart. Whatever is cached says of which version it is: forgetting all of it would be slow for a
 * program that makes and drops code objects all the time. */
#define OURO_CACHE_VERSIONS (UINT32_C(1) << 20)

static inline uint32_t ouro__cache_tag(const ouro__trace_thread *thread, unsigned class_, unsigned domain) {
  return (thread->version % OURO_CACHE_VERSIONS) << 12 | domain << 8 | class_;
}

static inline size_t ouro__cache_slot(uintptr_t a, uintptr_t b) {
  return (size_t)((a ^ b << 32) * UINT64_C(0x9e3779b97f4a7c15) >> (64 - OURO_CACHE_LOG2));
}

/* ---------------------------------------------------------------- the state */

typedef struct ouro__tracer {
  ouro__area_page *page;          /* NULL before the first start */
  bool doors;                     /* see ouro__trace_init */
  bool waits;                     /* see ouro__trace_wait */
  _Atomic uint32_t mode;          /* ouro__trace_mode but for waiting, which looks like sampling there */
  _Atomic bool ending;
  _Atomic unsigned frames, temporary_within;
  _Atomic bool native;
  bool python;                    /* stacks of CPython can be read */
  _Atomic bool python_runs;       /* it has been seen to run: once it does not, it ends */
  bool quick;                     /* one frame, of CPython 3.11 or later: ouro__stack_quick_site */
  uintptr_t loop_start, loop_end; /* its evaluation loop's code */
  _Atomic uint64_t sample_bytes;
  _Atomic uint32_t version;       /* grows when what threads have cached is void */
  _Atomic uint32_t epoch;
  _Atomic uint32_t session;       /* odd while nothing counts, since it is off or words are being cleared. An event counts if all of it is in one */
  _Atomic uint64_t epoch_base_ns;
  _Atomic uint32_t foreign_code;  /* code objects are known that lie in no block of this heap */
  _Atomic size_t thread_bytes;    /* memory of the threads' states */
  ouro_heap *sampled;             /* blocks that are sampled, behind doors */
} ouro__tracer;

extern ouro__tracer ouro__tracing;

/* ---------------------------------------------------------------- the lock (threads.c) */

/* What each thread has of the tracer. */
typedef struct ouro__trace_local {
  _Atomic uint32_t inside;        /* it is in the tracer */
  bool locked;                    /* by ouro__trace_stop_all */
  _Atomic(ouro__trace_thread *) fast; /* `thread`, while the shortest ways may be taken (count.c); NULL: they may not */
  bool quiet;                     /* nothing that it allocates shall be traced */
  bool gone;                      /* the thread ends: it has no state any more */
  uint32_t session;               /* for which ouro__trace_left holds */
  uint64_t random;
  ouro__trace_thread *thread;
} ouro__trace_local;

extern _Thread_local ouro__trace_local ouro__trace_mine;

/* The calling thread's state, made when needed; NULL: it has none, or no memory. The thread is inside. */
ouro__trace_thread *ouro__trace_thread_new(void);

static inline ouro__trace_thread *ouro__trace_thread_mine(void) {
  ouro__trace_thread *thread = ouro__trace_mine.thread;
  return OURO_LIKELY(thread != NULL) ? thread : ouro__trace_thread_new();
}

/* What threads have cached is void. Under the lock. */
static inline void ouro__trace_forget_caches(void) {
  ouro__add_relaxed(&ouro__tracing.version, 1);
  ouro__store_relaxed(&ouro__trace_mine.fast, NULL);
}

extern ouro__lock ouro__trace_lock;
extern _Atomic uint32_t ouro__trace_many; /* more than one thread was seen: the lock is needed */

/* Guard the tables. The thread is inside. Returns whether it was locked: for ouro__trace_leave. */
static inline bool ouro__trace_enter(void) {
  if (!ouro__load_relaxed(&ouro__trace_many)) return false;
  ouro__acquire(&ouro__trace_lock);
  return true;
}
static inline void ouro__trace_leave(bool locked) {
  if (locked) ouro__release(&ouro__trace_lock);
}

/* As above, from a place that is not on the way of an allocation: always locks, and waits for who counts without. */
void ouro__trace_stop_all(void);
void ouro__trace_go_on(void);

void ouro__threads_start(void);
void ouro__threads_fork_child(void);

/* ---------------------------------------------------------------- the area (store.c) */

/* Make the page, in a file where ouro__trace_publish said so. false: no memory. */
bool ouro__store_start(void);

/* Entry number `index` of a table; it exists. */
void *ouro__store_at(enum ouro__area_table table, uint32_t index);

/* Room for one more entry, zeroed and not yet counted, and its number; NULL: no room. Then ouro__store_commit makes it visible. */
void *ouro__store_new(enum ouro__area_table table, uint32_t *index);
void ouro__store_commit(enum ouro__area_table table);

/* `text` as a string in STRINGS; 0 where there is no room. */
uint32_t ouro__store_string(const char *text, size_t length);
const char *ouro__store_text(uint32_t string);

/* Empty a table, or that of sites but for number 0. */
void ouro__store_clear(enum ouro__area_table table);
void ouro__store_clear_sites(void);

int ouro__store_write(const char *path, bool overwrite);

/* Under the lock, or alone. */
void ouro__store_fork_before(void);
void ouro__store_fork_parent(void);
void ouro__store_fork_child(void);

static inline uint32_t ouro__store_count(enum ouro__area_table table) {
  return (uint32_t)ouro__load_acquire(&ouro__tracing.page->counts[table]);
}

extern ouro__area_site **ouro__sites; /* where each site is; a number that is in no word yet may be anything */

static inline ouro__area_site *ouro__site_at(uint32_t site) { return ouro__sites[site]; }

/* ---------------------------------------------------------------- interning (intern.c). All under the lock; 0 where there is no room */

uint32_t ouro__intern_string(const char *text, size_t length);
uint32_t ouro__intern_frame(const ouro__area_frame *frame);
uint32_t ouro__intern_node(uint32_t parent, uint32_t frame);

typedef struct ouro__site_key {
  uint32_t node, type;
  uint16_t thread;
  uint8_t class_, domain;
} ouro__site_key;
uint32_t ouro__intern_site(const ouro__site_key *key);
void ouro__intern_forget_sites(void);
size_t ouro__intern_bytes(void);

/* The frame of a place in a code object, resolved when it is new. */
uint32_t ouro__intern_place(const char *code, uintptr_t at);

/* The code object is gone: what begins at the address is another from now on. */
void ouro__intern_code_gone(const void *code);
void ouro__intern_forget_codes(void);

/* ---------------------------------------------------------------- stacks (stack.c) */

/* The site of an allocation in Python, by the innermost frame alone, which is what is wanted, where it is in the thread's cache, which is valid; otherwise NULL. What is
 * no frame to a reader is never in the cache: so what is found there need not be looked at. */
OURO_INLINE const ouro__cached_site *ouro__stack_quick_site(const ouro__trace_thread *thread, unsigned class_, unsigned domain) {
  if (domain < OURO_DOMAIN_MEM) return NULL;
  const char *state = ouro__py.current();
  const char *frame = state ? ouro__py_innermost(state) : NULL;
  if (!frame) return NULL;
  uintptr_t at = (uintptr_t)ouro__py_pointer(frame, ouro__py.is.frame_at);
  uint32_t tag = ouro__cache_tag(thread, class_, domain);
  const ouro__cached_site *cached = &thread->sites[ouro__cache_slot(at, tag)];
  return OURO_LIKELY(cached->at == at && cached->tag == tag) && cached->site ? cached : NULL;
}

/* The site of an allocation by the calling thread, which is inside, and has `thread`. */
uint32_t ouro__stack_site(ouro__trace_thread *thread, unsigned class_, unsigned domain, const char *type);

/* ---------------------------------------------------------------- modules (modules.c) */

/* See to it that MODULES says what lies at the address, as far as the system knows. Under the lock. */
void ouro__modules_know(uintptr_t address);

/* What was read before does not hold any more. Under the lock. */
void ouro__modules_new_generation(void);

/* ---------------------------------------------------------------- counting (count.c) */

/* The heap's hooks. */
void ouro__count_given(void *block, size_t size, unsigned object_class);
void ouro__count_freed(void *block, ouro__word *word);
void ouro__count_seal_peak(void); /* under the lock */

/* Forget all: sites, words, totals. Everybody is stopped. */
void ouro__count_clear(void);

/* ---------------------------------------------------------------- control (control.c) */

void ouro__trace_note_memory(void); /* in the page: what the tracer takes */

/* ---------------------------------------------------------------- pins (pins.c) */

/* Write PINS anew. false: no memory. */
bool ouro__pins_write(void);
void ouro__pins_fork_child(void);

#endif
