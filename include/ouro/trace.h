/* ouro/trace.h - which line: every allocation counted at the stack of source lines that made it.
 *
 * A SITE is a stack of places that allocates, in one thread, of one size class. The tracer counts there what was allocated, what is
 * live, what was live when most was, and what was freed again at once; it keeps no event. A block's site is a number beside its pool,
 * so that freeing finds it without a search.
 *
 *     ouro_trace_options options = OURO_TRACE_OPTIONS_INIT;     exact, 32 frames
 *     ouro_trace_start(&options);
 *     ...
 *     ouro_trace_write("program.area", true);                   then: ouro report program.area
 *
 * Traced are ouro_malloc and its like, and objects, from the moment that tracing begins; what is older is untraced, and its end is not
 * counted. Where a program is compiled with OURO_TRACE defined, <ouro/ouro.h> makes those calls macros that hand over file, line and
 * function of the call. Elsewhere the native stack is taken, and the command finds its lines.
 *
 * In a program that runs under `ouro run --trace`, these functions are about the program's own libouro. */
#ifndef OURO_TRACE_H
#define OURO_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base.h"

OURO_BEGIN_DECLS

enum ouro_trace_mode {
  OURO_TRACE_OFF = 0,
  OURO_TRACE_EXACT,  /* every allocation */
  OURO_TRACE_SAMPLE, /* one byte in sample_bytes, on average; counts are unbiased estimates */
};

typedef struct ouro_trace_options {
  size_t struct_size;    /* sizeof(ouro_trace_options) */
  enum ouro_trace_mode mode;
  unsigned frames;       /* of a stack, the most recent ones; 1 to OURO_TRACE_FRAMES_MAX */
  unsigned native;       /* 1: native frames among those of an interpreter */
  size_t sample_bytes;   /* of sampling: the mean number of bytes from one sample to the next */
  unsigned temporary_within; /* a block is temporary when its thread has made at most so many more when it is freed; 0 to 32 */
} ouro_trace_options;

#define OURO_TRACE_FRAMES_MAX 256u
#define OURO_TRACE_OPTIONS_INIT {sizeof(ouro_trace_options), OURO_TRACE_EXACT, 32, 0, (size_t)512 * 1024, 1}

/* Begin to trace, with nothing counted.
 * Errors:  OURO_EINVAL: a field is out of its range; OURO_ENOMEM; OURO_EBUSY: it is on already. Nothing has changed.
 * Threads: any; the others take part from their next allocation on. */
OURO_API int ouro_trace_start(const ouro_trace_options *options);

/* End it. What was counted can still be read, until the next start.
 * Threads: any. */
OURO_API void ouro_trace_stop(void);

/* Forget what was counted, and the traces of all blocks; go on tracing.
 * Threads: any. */
OURO_API void ouro_trace_clear(void);

/* Let the peak be what is live now.
 * Threads: any. */
OURO_API void ouro_trace_reset_peak(void);

typedef struct ouro_trace_totals {
  size_t struct_size; /* set by the caller */
  enum ouro_trace_mode mode;
  unsigned frames;
  uint64_t live_blocks, live_bytes; /* bytes as asked for; in sampling mode, estimates */
  uint64_t peak_blocks, peak_bytes;
  uint64_t allocated_blocks, allocated_bytes;
  uint64_t freed_blocks;
  uint64_t lost;       /* allocations that were not recorded, for lack of memory */
  uint64_t own_bytes;  /* memory that the tracer takes */
  uint32_t sites;      /* numbers below it are in use */
} ouro_trace_totals;

/* Threads: any. Cost: O(1). */
OURO_API void ouro_trace_get_totals(ouro_trace_totals *out);

typedef struct ouro_trace_frame {
  const char *file, *function; /* "" where unknown, as in native frames; valid until the next ouro_trace_start */
  unsigned line;               /* 0 where unknown */
  const void *address;         /* of native frames: inside the call; otherwise NULL */
} ouro_trace_frame;

typedef struct ouro_trace_site {
  uint32_t stack;      /* for ouro_trace_stack */
  uint64_t thread;     /* the system's number of it */
  size_t class_size;   /* bytes of its blocks; 0: large ones */
  const char *type;    /* of objects; otherwise "" */
  unsigned domain;     /* 0 malloc, 1 to 3 Python's raw, memory, object, 4 ouro_malloc, 5 objects */
  uint64_t live_blocks, live_bytes, peak_blocks, peak_bytes, allocated_blocks, allocated_bytes;
  uint64_t temporary_blocks, temporary_bytes;
  double live_error;   /* standard error of live_bytes; 0 in exact mode */
} ouro_trace_site;

/* Call `fn` for every site, as of one moment. Non-zero from `fn` ends it and is returned. `fn` may allocate, but not call tracing's functions
 * other than ouro_trace_stack.
 * Threads: any. */
OURO_API int ouro_trace_each_site(int (*fn)(const ouro_trace_site *site, void *arg), void *arg);

/* The frames of a stack, most recent first; returns how many there are, of which at most `room` are written.
 * Threads: any. */
OURO_API unsigned ouro_trace_stack(uint32_t stack, ouro_trace_frame *frames, unsigned room);

typedef struct ouro_trace_block {
  const void *block;
  size_t size;         /* as asked for */
  uint32_t stack;
  unsigned domain;
  double age;          /* seconds, to a tenth */
  double weight;       /* blocks that it stands for; 1 in exact mode */
} ouro_trace_block;

/* What is known of the block that begins at the address. Returns 1, or 0: there is no traced block. Any address will do.
 * Threads: any; the block must not be freed meanwhile. */
OURO_API int ouro_trace_get_block(const void *address, ouro_trace_block *out);

/* Call `fn` for every traced block. Non-zero from `fn` ends it and is returned. `fn` must not allocate, free or call tracing's functions other
 * than ouro_trace_stack.
 * Threads: any; blocks that others make or free meanwhile may be missed. Cost: O(heap). */
OURO_API int ouro_trace_each_block(int (*fn)(const ouro_trace_block *block, void *arg), void *arg);

typedef struct ouro_trace_pin {
  const void *arena;        /* NULL: large blocks */
  uint32_t stack;           /* 0: blocks that are not traced */
  bool whole;               /* the arena as a whole, with no stack */
  uint64_t blocks, bytes;   /* live ones, and the bytes that they use */
  uint64_t kept;            /* bytes that cannot go back because of them, and that they do not use */
  uint64_t sole;            /* bytes of pages on which nobody else has a block */
  uint64_t held;            /* whole: bytes of pages that cannot go back */
  double oldest, youngest;  /* seconds */
} ouro_trace_pin;

/* Who keeps which memory from the system: for each arena a row for the whole, then one for each stack that has blocks in it.
 * Returns 0, what `fn` returned, or OURO_ENOMEM. The same rules as for ouro_trace_each_site.
 * Threads: any. Cost: O(heap). */
OURO_API int ouro_trace_each_pin(int (*fn)(const ouro_trace_pin *pin, void *arg), void *arg);

/* Write what is known to a file that the `ouro` command reads.
 * Errors:  OURO_ENOMEM; OURO_ESYSTEM, with errno. Without `overwrite`, an existing file is one (EEXIST).
 * Threads: any. */
OURO_API int ouro_trace_write(const char *path, bool overwrite);

OURO_END_DECLS

#endif
