/* trace/trace.h - the tracer, to the layers above and to the doors.
 *
 *     a door (preload, the Python package)  calls ouro__trace_malloc and its like instead of the heap
 *     the heap                               calls the hooks, where a program uses libouro
 *          |
 *       count      one event: which site, and what changes there
 *       stack      the stack of the calling thread as a node; pyframes and unwind find its frames
 *       intern     strings, frames, nodes, sites: equal ones once
 *       area       where they lie (area.h), in memory that others can read
 *
 * A block's word (heap.h) says what is needed when it is freed:
 *
 *     | size:18 | watched:1 | epoch:23 | site:22 |      0: not traced. Of a large block the size is in its second word
 *
 * size: as asked for. watched: it may be a code object, whose places are remembered. epoch: when, in quarters of a second.
 *
 * One lock guards the tables and counters; while only one thread was ever seen, it is not taken (I-TRACE-1: whoever counts either holds
 * the lock, or is the only thread that was seen and has said that it is inside).
 *
 * The tracer allocates nothing from the heap it traces, takes no lock of the dynamic linker, and is not entered again by a thread that
 * is inside. */
#ifndef OURO_TRACE_TRACE_H
#define OURO_TRACE_TRACE_H

#include <ouro/source.h>
#include <ouro/trace.h>

#include "base/base.h"
#include "heap/heap.h"
#include "trace/area.h"

/* What every allocation looks at first; enum ouro_trace_mode. */
extern _Atomic uint32_t ouro__trace_mode;

/* The malloc family, traced. `domain`: ouro__trace_domain. */
void *ouro__trace_malloc_on(size_t size, unsigned domain);       /* exact mode */
void *ouro__trace_malloc_sampling(size_t size, unsigned domain); /* sampling, when the next sample is due */
void *ouro__trace_calloc_on(size_t count, size_t size, unsigned domain);
void *ouro__trace_realloc(void *block, size_t size, unsigned domain);
void *ouro__trace_aligned_alloc(size_t alignment, size_t size, unsigned domain);
void ouro__trace_free_on(void *block);
void ouro__trace_forget(void *block); /* it is about to be freed by other means */

/* Sampling: bytes that the thread has yet to allocate before the next sample. */
extern _Thread_local int64_t ouro__trace_left;

static inline void *ouro__trace_malloc(size_t size, unsigned domain) {
  uint32_t mode = ouro__load_relaxed(&ouro__trace_mode);
  if (mode == OURO_TRACE_EXACT) return ouro__trace_malloc_on(size, domain);
  if (OURO_LIKELY(mode == OURO_TRACE_OFF || (ouro__trace_left -= (int64_t)size + 1) > 0)) return ouro__malloc_fast(size);
  return ouro__trace_malloc_sampling(size, domain);
}

static inline void *ouro__trace_calloc(size_t count, size_t size, unsigned domain) {
  if (OURO_LIKELY(ouro__load_relaxed(&ouro__trace_mode) == OURO_TRACE_OFF)) return ouro__calloc(count, size);
  return ouro__trace_calloc_on(count, size, domain);
}

/* Sampled blocks take the slow path of free by themselves. */
static inline void ouro__trace_free(void *block) {
  if (OURO_LIKELY(ouro__load_relaxed(&ouro__trace_mode) != OURO_TRACE_EXACT)) {
    ouro__free_fast(block);
  } else {
    ouro__trace_free_on(block);
  }
}

/* ---------------------------------------------------------------- for the doors */

/* `doors`: allocations come through the functions above (true), or through the heap's hooks (false). Once, before the others. */
void ouro__trace_init(bool doors);

/* CPython is in this process: look its functions up with `find` and take its stacks. `version_text` is Py_GetVersion's, and stays. */
bool ouro__trace_python(const char *version_text, void *(*find)(const char *name));

/* How many frames are recorded where nobody says how many: enough to see where Python is, and all of a native stack. */
unsigned ouro__trace_usual_frames(void);

/* Put the area into files DIR/PID.trace from now on; `children`: those of fork are traced as well. false: that cannot be. Before tracing
 * began. */
bool ouro__trace_publish(const char *directory, bool children);

/* While tracing is off, look every now and then whether the command wants it on: each thread does once in a megabyte that it allocates. false: no
 * memory. */
bool ouro__trace_wait(void);

/* Look whether the command wants something. From time to time; cheap where it does not. */
void ouro__trace_tick(void);

/* The program, or its interpreter, begins to end: what is live now is what is left. The first call counts. */
void ouro__trace_end(void);

/* The process ends. */
void ouro__trace_exit(void);

/* While on, nothing that the calling thread allocates is traced; what it frees is counted. Returns what was before. */
bool ouro__trace_quiet(bool on);

/* A block that is not of this heap is about to be freed: it may have been a code object. Cheap where none such is known. */
void ouro__trace_foreign_free(const void *block);

/* A library was unloaded: addresses may mean something else from now on. */
void ouro__trace_unloaded(void);

/* ---------------------------------------------------------------- places in C source
 *
 * A call through a macro of <ouro/ouro.h> leaves its place here; the next event of the thread takes it. */
extern _Thread_local const ouro_source *ouro__trace_here;

/* The name of the type of the object that is being made, for the next event of the thread; NULL: a block. */
extern _Thread_local const char *ouro__trace_type;

#endif
