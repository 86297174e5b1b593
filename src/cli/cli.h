/* cli/cli.h - the `ouro` command: what its files offer to each other.
 *
 *     main         the first word of the command line, --help, --version; commands.h lists the commands
 *     say          messages, the clock; utf8: text that is fit for a terminal
 *     arguments    numbers and sizes; options that there are not; options: those of `ouro run`
 *     program      finds a program as execvp will, and says whether the library can be preloaded into it
 *     attach       `ouro attach`
 *     environment  LD_PRELOAD, OURO_CONF and PYTHONMALLOC for the program
 *     child        starts it, passes signals on, waits, and ends as it ended
 *     run          `ouro run` from beginning to end
 *     processes    the processes that take part, from their pages (preload/control.h) and /proc
 *     page         reads such a page, and the snapshots beside it
 *     history      heap and resident memory over time, in a fixed number of points
 *     detail       one process's heap in full, as it wrote it; objects: the part of the program's own libouro
 *     text, chart  the report for people; format has the numbers
 *     json         the report for programs
 *
 * Words. The PROGRAM is what the user named; a PROCESS is it or one that it started, directly or not. The SUBJECT of a report
 * is the process whose heap was largest: the one that is shown in full. */
#ifndef OURO_CLI_CLI_H
#define OURO_CLI_CLI_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "preload/control.h"

/* Exit statuses of ouro itself, as env(1) and timeout(1) have them. */
enum { OURO_EXIT_USAGE = 2, OURO_EXIT_FAILED = 125, OURO_EXIT_CANNOT_RUN = 126, OURO_EXIT_NOT_FOUND = 127 };

/* Write "ouro: ..." and a newline to stderr. */
void ouro__say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A new string, which the caller frees; NULL: no memory. */
char *ouro__text_of(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The next byte of well-formed UTF-8 is *text: returns how many bytes the character has. 0: it is not well-formed there. */
unsigned ouro__utf8_length(const char *text);
#define OURO_UTF8_UNKNOWN "\xef\xbf\xbd" /* U+FFFD stands for a byte of what is not */

/* Is that character one that moves a terminal's cursor, or worse? pre: it is well-formed */
bool ouro__utf8_is_control(const char *text);

/* Make text of others fit for a terminal, in place: what is not well-formed, and what is control, becomes a question mark or a
 * blank. */
void ouro__harmless(char *text);

uint64_t ouro__now_ns(void);

/* ---------------------------------------------------------------- arguments */

/* "200MB" (10^6 bytes each), "200MiB" or "200m" (2^20). false: it is no size. */
bool ouro__size_read(const char *text, uint64_t *bytes);

/* Whole numbers of at most `most`, or of at least `least`. */
bool ouro__number_read(const char *text, uint64_t most, uint64_t *number);
bool ouro__number_within(const char *text, unsigned least, unsigned most, unsigned *number);

/* Say what getopt_long, which returned '?' or ':' and was given `argv`, has refused. Returns OURO_EXIT_USAGE. */
int ouro__options_unknown(const char *command, int result, char **argv);

/* ---------------------------------------------------------------- options of `ouro run` */

typedef struct ouro__run_options {
  const char *report;  /* NULL: stderr */
  const char *conf;    /* joined --conf strings, or NULL; owned */
  char **command;      /* ends with NULL; in argv */
  uint64_t heap_limit; /* bytes; 0: none */
  const char *trace;   /* exact, sample, later; NULL: no tracing */
  const char *output;  /* of the recording; NULL: by its default name */
  uint64_t sample_bytes;   /* 0: the tracer's default, as in the next two */
  unsigned frames;
  int temporary;           /* -1: the tracer's default */
  double snapshot_seconds; /* 0: adaptive */
  bool force, json, quiet, live, check, only_program, native;
} ouro__run_options;

/* Read the arguments after "run". Returns -1 to go on, or the status to exit with: the user was told why, or was helped. */
int ouro__options_read(ouro__run_options *options, int argc, char **argv);

/* ---------------------------------------------------------------- the program */

enum ouro__obstacle {
  OURO_OBSTACLE_NONE = 0,
  OURO_OBSTACLE_STATIC,     /* no dynamic linker, so nobody reads LD_PRELOAD */
  OURO_OBSTACLE_PRIVILEGED, /* setuid, setgid or file capabilities: the dynamic linker refuses */
  OURO_OBSTACLE_MACHINE,    /* for another processor or word size */
  OURO_OBSTACLE_LIBC,       /* linked with musl, where a library of glibc cannot load */
};

typedef struct ouro__program {
  char path[PATH_MAX]; /* of the program */
  char file[PATH_MAX]; /* of the executable that the kernel runs for it: an interpreter, for a script */
  enum ouro__obstacle obstacle;
} ouro__program;

/* Find `name` as execvp does and look into it. Returns 0, or an errno: there is nothing to run. */
int ouro__program_find(ouro__program *program, const char *name);

/* Half a sentence that says why the library cannot be preloaded: "is statically linked". */
const char *ouro__obstacle_text(enum ouro__obstacle obstacle);

/* ---------------------------------------------------------------- the environment */

/* Find libouro-preload.so, or with `trace` libouro-trace.so: $OURO_PRELOAD, or by this command's own place. false: the user was
 * told. */
bool ouro__preload_find(char path[PATH_MAX], bool trace);

/* The program's environment. `preload` NULL: leave LD_PRELOAD as it is. `directory` NULL: no files are asked for.
 * Returns: new, in one allocation that nobody frees; NULL without memory. */
char **ouro__environment_make(const ouro__run_options *options, const char *preload, const char *directory);

/* ---------------------------------------------------------------- the child */

typedef struct ouro__child {
  pid_t pid;
  int status;          /* as from wait, once it has ended */
  struct rusage usage; /* of it and of the children that it waited for */
} ouro__child;

enum ouro__event {
  OURO_EVENT_NONE,   /* the time is up, or a signal was passed on */
  OURO_EVENT_REPORT, /* SIGUSR2: passed on, and the user wants to see a report */
  OURO_EVENT_ENDED,  /* `status` and `usage` are set */
};

/* Start `command`. Returns 0, or the errno of fork or exec, and then there is no child. */
int ouro__child_start(ouro__child *child, char **command, char **environment);

/* Wait for the next event, `timeout_ns` at most. Signals for the program that came in meanwhile are passed on. */
enum ouro__event ouro__child_wait(ouro__child *child, uint64_t timeout_ns);

/* Exit as the child did: with its status, or by its signal, without a second core file. */
_Noreturn void ouro__child_end_alike(const ouro__child *child);

/* ---------------------------------------------------------------- history */

#define OURO_HISTORY_POINTS 600

typedef struct ouro__point {
  double seconds; /* since the run began */
  uint64_t held, resident;
} ouro__point;

/* I-HISTORY: 0 <= count <= OURO_HISTORY_POINTS, points in order of time, each the largest values of its period. */
typedef struct ouro__history {
  size_t count;
  uint64_t period_ns; /* each point stands for this long; doubles when the points run out */
  uint64_t begin_ns;  /* of the point that is being made */
  ouro__point points[OURO_HISTORY_POINTS];
} ouro__history;

void ouro__history_init(ouro__history *history, uint64_t period_ns);
void ouro__history_add(ouro__history *history, uint64_t since_start_ns, uint64_t held, uint64_t resident);

/* ---------------------------------------------------------------- processes */

/* The heap of a process in full, as it wrote it: JSON. */
typedef struct ouro__snapshot {
  char *text; /* owned; NULL: there is none */
  size_t length;
  uint32_t reason;   /* ouro__control_reason */
  uint64_t taken_ns; /* CLOCK_MONOTONIC */
} ouro__snapshot;

typedef struct ouro__process {
  pid_t pid, parent;
  bool alive;                      /* when it was last looked for */
  bool exited;                     /* through exit; otherwise, when not alive: killed, or ended by _exit */
  bool has_page;                   /* the library is in it; otherwise only resident memory is known */
  unsigned reports, reports_shown; /* it has answered SIGUSR2 so often; of which the user has seen */
  uint64_t started_ns, ended_ns;   /* of CLOCK_MONOTONIC; ended 0 while alive */
  uint64_t held, held_peak, taken, returned, dirty, arenas, pools, heap_threads;
  uint64_t library_held, library_held_peak; /* of a libouro that the program itself uses for objects; 0: it does not */
  uint64_t resident, resident_peak, resident_exit;
  uint64_t user_us, system_us;
  unsigned threads, threads_peak; /* of the system */
  ouro__python_info python;
  char *command;          /* for people: arguments joined by spaces; owned */
  ouro__snapshot last;    /* what its slots held in the end; empty while it is alive */
  ouro__history *history; /* owned; NULL where memory was short, or the process is gone and small */
} ouro__process;

typedef struct ouro__processes {
  const char *directory; /* of the run; NULL: none */
  uint64_t start_ns;     /* of CLOCK_MONOTONIC: the run began */
  pid_t program;         /* the process that was started */
  ouro__process *list;   /* in order of appearance; the program's first */
  size_t count, room;
} ouro__processes;

/* The program's process is entered at once, under `command`. */
bool ouro__processes_init(ouro__processes *all, const char *directory, pid_t program, const char *command);

/* Look at every process; `final`: the program has ended, its zombie is gone. */
void ouro__processes_sample(ouro__processes *all, bool final);

/* What the heap holds and at most held, with that of the program's own libouro. */
uint64_t ouro__process_held(const ouro__process *process);
uint64_t ouro__process_held_peak(const ouro__process *process);

/* The process with the largest heap at its peak; the program where nobody has a heap. Never NULL. */
ouro__process *ouro__processes_subject(const ouro__processes *all);

/* Have the subject keep a recent snapshot of its heap from now on, and nobody else. With `everybody`, ask all for one snapshot
 * as well. A process answers when it next has something to do. */
void ouro__processes_ask(const ouro__processes *all, bool everybody);

/* The newest snapshot of a living process. The caller frees its text, where there is any. */
ouro__snapshot ouro__processes_snapshot(const ouro__processes *all, const ouro__process *process);

/* How often to sample: the period of the points, between 25 ms and a second. */
uint64_t ouro__processes_period_ns(const ouro__processes *all);

void ouro__processes_free(ouro__processes *all);

/* Open a file of a run's directory: a plain one of this user, since directories for all have others' files as well. -1, and
 * errno: there is none. */
int ouro__run_file_open(const char *path, int flags);

/* The page of a process's file; false: it is none. */
bool ouro__page_read(int fd, ouro__control_page *page);

/* The newest snapshot in it. The caller frees its text, where there is any. */
ouro__snapshot ouro__page_snapshot(int fd);

/* ---------------------------------------------------------------- detail */

typedef struct ouro__class_row {
  uint64_t size, pools, live, free, returned; /* bytes, pools, blocks, blocks (cached ones included), bytes */
} ouro__class_row;

typedef struct ouro__arena_mark {
  uint64_t size, used, live, resident; /* bytes */
} ouro__arena_mark;

#define OURO_GENERATIONS 3 /* the number is part of the format */

typedef struct ouro__object_row {
  const char *name; /* in the JSON */
  uint64_t objects, bytes, generation[OURO_GENERATIONS];
} ouro__object_row;

typedef struct ouro__collection_row {
  uint64_t objects, collections, collected, uncollectable, candidates, pauses_ns, longest_pause_ns;
} ouro__collection_row;

typedef struct ouro__objects {
  bool there; /* false: the program has no objects, and all below is 0 */
  uint64_t live, bytes, types_in_all;
  ouro__collection_row generation[OURO_GENERATIONS];
  ouro__object_row *types; /* most bytes first, perhaps not all; owned */
  size_t type_count;
} ouro__objects;

typedef struct ouro__detail {
  void *json;      /* the whole, a json_t; owned */
  double seconds;  /* since the run began: when it was written */
  uint32_t reason; /* ouro__control_reason */
  uint64_t blocks_live, bytes_live, bytes_cached, bytes_pools, bytes_large, blocks_large, bytes_held, bytes_dirty,
      metadata;
  ouro__class_row *classes;
  size_t class_count;
  ouro__arena_mark *arenas;
  size_t arena_count;
  ouro__objects objects;
} ouro__detail;

/* The newest that `process` wrote. false: there is nothing, or it is no JSON. */
bool ouro__detail_read(ouro__detail *detail, const ouro__processes *all, const ouro__process *process);
void ouro__detail_free(ouro__detail *detail);

/* A number of what the process wrote; 0 where it is none. `object` is a json_t. */
uint64_t ouro__detail_number(const void *object, const char *key);

/* The objects' part of `json`, a json_t that outlives `objects`. */
void ouro__objects_read(ouro__objects *objects, const void *json);
void ouro__objects_free(ouro__objects *objects);
void ouro__objects_text(const ouro__objects *objects, FILE *out);

/* ---------------------------------------------------------------- reports */

typedef struct ouro__report {
  const ouro__run_options *options;
  const ouro__program *program;
  const ouro__processes *processes;
  const ouro__process *subject;
  const ouro__detail *detail; /* of the subject; NULL: none */
  const ouro__child *child;   /* NULL: still running */
  const char *command;        /* for people */
  uint64_t elapsed_ns;
} ouro__report;

void ouro__report_text(const ouro__report *report, FILE *out);
bool ouro__report_json(const ouro__report *report, FILE *out);

/* One line for --live. */
void ouro__report_live(const ouro__processes *all, FILE *out);

/* The characters of a drawing: blocks of Unicode where the locale has UTF-8, plain ones otherwise. */
typedef struct ouro__pen {
  const char *level[9]; /* a cell filled by 0 to 8 eighths */
  const char *shade[5]; /* an arena: nearly empty to full */
  const char *other, *rule, *axis, *corner;
} ouro__pen;

const ouro__pen *ouro__pen_get(void);
void ouro__chart_history(const ouro__history *history, double seconds, const ouro__pen *pen, FILE *out);
void ouro__chart_arenas(const ouro__detail *detail, const ouro__pen *pen, FILE *out);

/* How many arenas one mark of the map stands for, at least 1 where there are arenas. */
size_t ouro__chart_arenas_group(const ouro__detail *detail);

/* Bytes, durations and counts for people, in a buffer that the caller has: "592.3 MB", "14.2 s", "1,234,567". */
typedef struct ouro__words {
  char text[32];
} ouro__words;
const char *ouro__words_bytes(ouro__words *words, uint64_t bytes);
const char *ouro__words_seconds(ouro__words *words, double seconds);
const char *ouro__words_count(ouro__words *words, uint64_t count);
const char *ouro__words_pause(ouro__words *words, uint64_t ns);

/* Where Python's memory is, in one line for people; and its name in JSON. */
const char *ouro__python_sentence(const ouro__python_info *python);
const char *ouro__python_word(uint32_t memory);

#endif
