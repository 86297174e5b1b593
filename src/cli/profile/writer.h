/* cli/profile/writer.h - writes one recording (recording.h) of one area.
 *
 * An error of the system while writing is said once, in one line; the file then ends with its last whole chunk, and the writer
 * does nothing from then on. */
#ifndef OURO_CLI_PROFILE_WRITER_H
#define OURO_CLI_PROFILE_WRITER_H

#include "cli/profile/area.h"
#include "cli/profile/bytes.h"

typedef struct ouro__writer {
  int fd; /* -1: not open, or given up */
  const char *path; /* owned by the caller */
  bool is_new;      /* the file was not there before */
  int64_t end;      /* of the last whole chunk; 0: nothing is written yet */
  struct ZSTD_CCtx_s *zstd;
  ouro__bytes raw, chunk, index, points;
  size_t chunks;
  size_t written[OURO_AREA_TABLES]; /* entries of each table that are in the file */
  ouro__site *sites, *fresh;        /* as they are in the file, and as they are in the area; room for site_room */
  size_t site_room;
  uint64_t started_ns; /* of the tracing that is being recorded */
  uint64_t pins_ns;    /* of the pins that are in the file */
  uint64_t point[4];   /* the last one in `points` */
} ouro__writer;

/* Create the file, which stays empty, or what it was, until there is something to write. Returns 0, or an errno: EEXIST where
 * there is one, unless `force`. */
int ouro__writer_open(ouro__writer *writer, const char *path, bool force);

/* Write what is new in the area, of which the caller has had a look just now. */
void ouro__writer_update(ouro__writer *writer, const ouro__area *area, uint64_t now_ns, bool ended);

/* The sites as of the last update are a snapshot. */
void ouro__writer_snapshot(ouro__writer *writer, uint64_t ns, const char *label);

/* A point of the time line. It is in the file with the next flush, update or end. */
void ouro__writer_point(ouro__writer *writer, uint64_t ns, uint64_t live, uint64_t held, uint64_t resident);
void ouro__writer_flush(ouro__writer *writer);

/* The area's pins, where they are newer than those in the file. */
void ouro__writer_pins(ouro__writer *writer, ouro__area *area);

void ouro__writer_heap(ouro__writer *writer, const char *json, size_t length);

/* Give native frames their names and write those, unless there are none. pre: the area is as it was at the last update, or has
 * more. */
void ouro__writer_symbols(ouro__writer *writer, ouro__area *area);

/* Write the index and close the file. */
void ouro__writer_close(ouro__writer *writer);

/* Close the file as it is. */
void ouro__writer_drop(ouro__writer *writer);

#endif
