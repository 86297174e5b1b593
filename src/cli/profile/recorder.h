/* cli/profile/recorder.h - records the traced processes of a run: finds their areas in its directory, follows each until it
 * ends, and writes a recording of each. */
#ifndef OURO_CLI_PROFILE_RECORDER_H
#define OURO_CLI_PROFILE_RECORDER_H

#include "cli/cli.h"
#include "cli/profile/writer.h"

typedef struct ouro__followed {
  pid_t pid;
  unsigned program; /* how many programs the process had executed before; part of the area's name */
  char *area_path, *file; /* owned; file NULL: nothing is recorded yet */
  ouro__area area;
  ouro__writer writer;
  bool done;    /* the recording is closed, or there is none and never will be */
  bool removed; /* so is the area */
  uint64_t due_ns, interval_ns, taken; /* the next snapshot, how far apart they are, how many there are */
  uint64_t flush_ns;                   /* points are flushed then */
  uint64_t pins_due_ns, pins_wait_ns, pins_asked_ns;
} ouro__followed;

typedef struct ouro__recorder {
  const ouro__run_options *options;
  const ouro__processes *processes;
  ouro__followed **list; /* in order of processes, and of the programs that each executed */
  size_t count, room;
  uint64_t symbols_ns;   /* spent on symbols so far */
  char *base;            /* of the files' names, without .ouro; owned */
  ouro__writer first;    /* of the file that the user named, until its process has an area */
  char *first_path;      /* owned; NULL: none, or it is in use */
} ouro__recorder;

/* Prepare; where the user named a file, create it. Returns 0, or the status to exit with: the user was told why. */
int ouro__recorder_open(ouro__recorder *recorder, const ouro__run_options *options);

/* Look at all areas in the run's directory. pre: the processes were looked at just now. */
void ouro__recorder_look(ouro__recorder *recorder, const ouro__processes *processes);

/* A snapshot of all, now. */
void ouro__recorder_snapshot(ouro__recorder *recorder, const char *label);

/* Close all recordings, and say what there is now, unless `quiet`. */
void ouro__recorder_close(ouro__recorder *recorder, bool quiet);

#endif
