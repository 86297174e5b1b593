/* cli/profile/profile.h - a PROFILE: all that is known of one traced process, in memory, whatever it came from.
 *
 *     area      reads the area of a living or dead process (trace/area.h), or a copy of one
 *     recorder  follows areas while programs run, and writes RECORDINGS: files of compressed chunks
 *     reader    reads recordings
 *     symbols   gives native frames their functions, files and lines, inlined ones included
 *     query     groups, filters, compares
 *     export    pprof, speedscope, collapsed stacks, JSON, CSV
 *
 * Everything that shows something rests on this struct alone. Strings are interned: equal ones are one pointer.
 *
 * I-PROFILE-1  nodes[0] is the root, without a frame; nodes[i].parent < i; frames[0] means nothing
 * I-PROFILE-2  sites[0] takes what was not recorded
 * I-PROFILE-3  snapshots are in order of time */
#ifndef OURO_CLI_PROFILE_PROFILE_H
#define OURO_CLI_PROFILE_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "trace/area.h"

/* Blocks and bytes. Signed, since differences have them too. */
typedef struct ouro__tally {
  int64_t count, bytes;
} ouro__tally;

/* Whatever a file says, tallies stay within half of the range, so that their sums and differences are numbers. */
#define OURO_TALLY_MOST (INT64_MAX / 2)

static inline int64_t ouro__bounded(int64_t number) {
  if (number > OURO_TALLY_MOST) return OURO_TALLY_MOST;
  return number < -OURO_TALLY_MOST ? -OURO_TALLY_MOST : number;
}

static inline void ouro__tally_add(ouro__tally *to, ouro__tally more) {
  to->count = ouro__bounded(to->count + more.count);
  to->bytes = ouro__bounded(to->bytes + more.bytes);
}

typedef enum ouro__measure {
  OURO_MEASURE_LIVE,      /* now, or when the process ended */
  OURO_MEASURE_PEAK,      /* when live bytes were most */
  OURO_MEASURE_TOTAL,     /* allocated since tracing began */
  OURO_MEASURE_TEMPORARY, /* freed at once */
  OURO_MEASURE_END,       /* live when the program, or its interpreter, began to end: what leaks are judged by */
  OURO_MEASURES
} ouro__measure;

typedef struct ouro__pframe {
  uint32_t kind;        /* ouro__frame_kind */
  uint32_t line;        /* 0: unknown. (Of native frames too, once symbolised) */
  const char *function; /* never NULL; "" where unknown */
  const char *file;     /* of source; never NULL */
  const char *module;   /* native: the program or library; otherwise "" */
  uint64_t address;     /* native: in the module's file; otherwise 0 */
  uint64_t run_address; /* native: as it was in the process */
  uint32_t generation;  /* native: of modules */
  uint32_t caller;      /* the frame into which this one was inlined, for a call that is no node of its own; 0: none */
} ouro__pframe;

typedef struct ouro__pnode {
  uint32_t parent, frame;
} ouro__pnode;

typedef struct ouro__psite {
  uint32_t node;
  uint16_t thread;  /* index in threads */
  uint8_t class_;   /* 0: large blocks */
  uint8_t domain;   /* ouro__trace_domain */
  const char *type; /* never NULL */
  ouro__tally of[OURO_MEASURES];
  uint64_t samples;
  double variance, live_variance; /* of TOTAL and LIVE bytes; 0 in exact mode */
} ouro__psite;

typedef struct ouro__pthread {
  uint64_t id;
  const char *name;
} ouro__pthread;

typedef struct ouro__ppoint { /* of the time line */
  double seconds;             /* since tracing began */
  uint64_t live_bytes, held_bytes, resident_bytes;
} ouro__ppoint;

typedef struct ouro__pchange {
  uint32_t site;
  ouro__tally live; /* from then on */
} ouro__pchange;

typedef struct ouro__psnapshot {
  double seconds;
  const char *label; /* "interval", "signal", "asked", "end", ...: why it was taken */
  ouro__tally live;  /* of all sites */
  ouro__pchange *changes; /* what differs from the snapshot before; owned */
  size_t change_count;
} ouro__psnapshot;

typedef struct ouro__ppin {
  uint64_t arena;
  uint32_t site; /* UINT32_MAX: the arena as a whole */
  uint32_t blocks, pools, held_pages;
  uint64_t bytes, kept, sole;
  double oldest, youngest; /* seconds */
} ouro__ppin;

typedef struct ouro__pmodule {
  uint64_t start, end, offset;
  const char *path;
  uint32_t generation;
} ouro__pmodule;

typedef struct ouro__profile {
  const char *source;          /* the file or process that it was read from; owned like all below */
  int pid, parent;
  char **command;              /* ends with NULL */
  const char *python;          /* version; "" for none */
  uint32_t mode;               /* enum ouro_trace_mode when last on */
  uint32_t frame_limit;
  bool native;
  uint64_t sample_bytes;
  uint64_t start_realtime_ns;
  double seconds;              /* from the start of tracing to the end, or to now */
  bool ended;                  /* the process has ended by itself or been killed */
  bool copy;                   /* of an area, made while the process ran: what became of it is not known, and `ended` is true */
  bool complete;               /* a recording that was closed as it should be, or an area; false: cut off, and read as far as it goes */
  uint64_t lost;
  int broken;                  /* errno for which the area stopped growing; 0 */
  ouro__tally live, peak, total; /* over all sites */
  double peak_seconds, end_seconds; /* when; end < 0: not yet */

  ouro__pframe *frames;        size_t frame_count;
  ouro__pnode *nodes;          size_t node_count;
  ouro__psite *sites;          size_t site_count;
  ouro__pthread *threads;      size_t thread_count;
  ouro__pmodule *modules;      size_t module_count;
  ouro__ppoint *points;        size_t point_count;
  ouro__psnapshot *snapshots;  size_t snapshot_count;
  ouro__ppin *pins;            size_t pin_count;
  double pins_seconds;         /* when; < 0: never */
  char *heap_json;             /* ouro_stats_write's JSON of the end, or NULL */
  void *strings;               /* the interning table; see ouro__profile_string */
} ouro__profile;

/* Load what `name` means: a recording, a file that ouro_trace_write made, or the number of a process that is traced just now.
 * Returns NULL where that cannot be, and the user was told in one line. Native frames are symbolised unless `raw`.
 * A recording that is cut off is read to its last whole chunk, and the user is told. */
ouro__profile *ouro__profile_load(const char *name, bool raw);

void ouro__profile_free(ouro__profile *profile);

/* `text` of `length` bytes, interned; NULL without memory. */
const char *ouro__profile_string(ouro__profile *profile, const char *text, size_t length);

/* Live blocks and bytes of every site at snapshot number `index`: an array of site_count, which the caller frees; NULL: no memory. */
ouro__tally *ouro__profile_at(const ouro__profile *profile, size_t index);

/* Give native frames their function, file and line; append a frame for each inlined call, linked by `caller`. What cannot be found stays
 * as it is. (symbols.c) */
void ouro__profile_symbolise(ouro__profile *profile);

#endif
