/* preload/control.h - what passes between a traced process and the `ouro` command, and between the files of this layer.
 *
 * `ouro run` makes a private directory and names it in OURO_CONF as run-dir:DIR. Every process that loads the preload library
 * makes one file there, DIR/PID.stat, and maps it:
 *
 *     page       struct ouro__control_page: counters that are refreshed every few milliseconds of activity
 *     slot 0, 1  the heap in full, as ouro_stats_write gives it in JSON, at one moment each
 *
 * Memory rather than files, for two reasons: what a process wrote is there whichever way it ends; and no file descriptor is
 * needed later, neither one that a program which closes all of them would close, nor one that appears while a program counts
 * on the next number. A program may change its root and its user.
 *
 * The file appears under its name when its page is filled. A program that is executed makes a new one under the same name; a
 * child of fork makes its own at once. A process that cannot make one goes without.
 *
 * The file is written by its process alone, but for `asked`, which the command writes. Each field is read and written as one
 * word; two fields may be of different moments. I-SLOT: the slot that `newest` names is complete, and stays as it is until
 * `writes` has grown by two. */
#ifndef OURO_PRELOAD_CONTROL_H
#define OURO_PRELOAD_CONTROL_H

#include <stdatomic.h>
#include <stdint.h>

#define OURO_CONTROL_MAGIC UINT64_C(0x746174736f72756f) /* "ourostat" */
#define OURO_CONTROL_VERSION 1
#define OURO_CONTROL_COMMAND_BYTES 512
#define OURO_CONTROL_PYTHON_BYTES 24
#define OURO_CONTROL_PAGE_BYTES 4096
#define OURO_CONTROL_SLOT_BYTES 262144 /* JSON of a heap of 10 GB; what is longer is cut */
#define OURO_CONTROL_FILE_BYTES (OURO_CONTROL_PAGE_BYTES + 2 * OURO_CONTROL_SLOT_BYTES)

enum ouro__control_state { OURO_CONTROL_RUNNING = 1, OURO_CONTROL_EXITED = 2 };

/* What the command wants, in `asked`: a number that it raises to be answered once, and this bit for answers all the time, as
 * often as they cost next to nothing. */
#define OURO_CONTROL_KEEP UINT32_C(0x80000000)

/* Why a slot was written. */
enum ouro__control_reason {
  OURO_CONTROL_ASKED = 1, /* the command asked */
  OURO_CONTROL_SIGNAL,    /* SIGUSR2 */
  OURO_CONTROL_AT_EXIT,
};

/* Where CPython's memory is. Everything above OURO_PYTHON_ELSEWHERE is on ouro's heap. */
enum ouro__python_memory {
  OURO_PYTHON_NONE = 0,      /* no CPython in this process */
  OURO_PYTHON_TOO_OLD,       /* before 3.8: small objects are on pymalloc */
  OURO_PYTHON_FREE_THREADED, /* a free-threaded build keeps its own allocator for objects */
  OURO_PYTHON_STARTED,       /* it was running before the library was loaded: small objects are on its own allocator */
  OURO_PYTHON_OWN,           /* PYTHONMALLOC, or the program, chose CPython's own allocator */
  OURO_PYTHON_ELSEWHERE,     /* not a state: the border */
  OURO_PYTHON_DIRECT,        /* the interpreter's three tables point at ouro's functions */
  OURO_PYTHON_MALLOC,        /* through the C library's names, which are ouro's */
  OURO_PYTHON_MALLOC_DEBUG,  /* as DIRECT or MALLOC, with CPython's debug hooks before it */
  OURO_PYTHON_WRAPPED,       /* as DIRECT, with the hooks of a tracer (tracemalloc) still before it */
};

/* Why it is so, where that needs saying. */
enum ouro__python_cause {
  OURO_PYTHON_CAUSE_NONE = 0,
  OURO_PYTHON_CAUSE_DEBUG,    /* PYTHONMALLOC=debug was changed to malloc_debug */
  OURO_PYTHON_CAUSE_DEV_MODE, /* development mode: PYTHONMALLOC=malloc_debug keeps its debug hooks, on ouro's heap */
  OURO_PYTHON_CAUSE_ASKED,    /* PYTHONMALLOC names an allocator, and is obeyed */
  OURO_PYTHON_CAUSE_LATE,     /* libpython was loaded after the program had started */
};

/* What is known of the interpreter in this process. */
typedef struct ouro__python_info {
  char version[OURO_CONTROL_PYTHON_BYTES]; /* "3.11.7"; empty where there is none */
  uint32_t memory;                         /* ouro__python_memory */
  uint32_t cause;                          /* ouro__python_cause */
  uint32_t verified; /* the interpreter's tables were read at exit, and `memory` is what they said */
} ouro__python_info;

/* The counters of the heap, in bytes but for the last three. */
typedef struct ouro__control_counters {
  _Atomic uint64_t held, held_peak, taken, returned, dirty;
  _Atomic uint64_t arenas, pools, threads;
} ouro__control_counters;

typedef struct ouro__control_slot {
  _Atomic uint32_t length;   /* bytes of text */
  _Atomic uint32_t reason;   /* ouro__control_reason */
  _Atomic uint64_t taken_ns; /* CLOCK_MONOTONIC */
} ouro__control_slot;

typedef struct ouro__control_page {
  uint64_t magic;
  uint32_t version;
  int32_t pid, parent;
  _Atomic uint32_t state;    /* ouro__control_state */
  _Atomic uint32_t asked;    /* written by the command */
  _Atomic uint32_t answered; /* the value of `asked` that was last answered */
  _Atomic uint32_t signals;  /* reports written for SIGUSR2 */
  _Atomic uint32_t writes;   /* slots written so far */
  _Atomic uint32_t newest;   /* slot that was last completed; it means nothing while `writes` is 0 */
  uint32_t reserved;
  ouro__control_slot slots[2];
  _Atomic uint64_t started_ns;   /* CLOCK_MONOTONIC: the program began, or the fork happened */
  _Atomic uint64_t refreshed_ns; /* the counters below are of this moment */
  _Atomic uint64_t exited_ns;    /* 0 while it runs */
  ouro__control_counters counters;
  _Atomic uint64_t resident_peak, resident_exit; /* bytes; these two and the next two are set at exit */
  _Atomic uint64_t user_us, system_us;           /* processor time of this process alone */
  ouro__python_info python;                      /* written at the start and, before `state` changes, at exit */
  char command[OURO_CONTROL_COMMAND_BYTES];      /* arguments, each ended by NUL, cut to fit; ends with two NULs */
  _Atomic uint64_t library_held, library_held_peak; /* bytes; of the libouro that the program uses for objects, if it does */
} ouro__control_page;

/* The constructor of the preload library calls these two, in this order, before the program's first instruction. */
void ouro__python_start(void);
void ouro__control_start(void);

/* What is known now. `at_exit`: read the interpreter's tables as well; the caller is on its way out, in no signal handler. */
void ouro__python_describe(ouro__python_info *info, int at_exit);

/* What the interpreter in this process says of its version; NULL: there is none. */
const char *ouro__python_version_text(void);

/* The run directory; NULL: none, or this process takes no part. */
const char *ouro__control_directory(void);

/* Is there an interpreter that has not begun, or has begun to end and to free what the program had? Cost: two calls and loads.
 * */
int ouro__python_is_away(void);

#endif
