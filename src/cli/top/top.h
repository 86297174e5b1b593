/* cli/top/top.h - `ouro top`: a view of a process that is traced, or of a recording, that one can join and leave.
 *
 *     top        the command line, the loop, what keys do
 *     follow     what is looked at: brings a profile and the chart up to date, or moves through a recording's snapshots
 *     table      the rows of a tab, from the profile
 *     view       draws all that on a canvas: the same for a terminal and for `--once`; chart
 *     canvas     a grid of characters and looks
 *     terminal   shows a canvas with ncurses, reads keys
 *
 * Looking costs the process nothing: its area is read as a file. Only the tab of pins asks it for something. What is known of a
 * frame, node or site never changes, so that only what is new, and the counters, are read again; native frames are symbolised
 * once. */
#ifndef OURO_CLI_TOP_TOP_H
#define OURO_CLI_TOP_TOP_H

#include "cli/cli.h"
#include "cli/profile/area.h"
#include "cli/report/query.h"

/* ---------------------------------------------------------------- follow */

typedef struct ouro__follow {
  bool live;           /* it is an area, to be read again; false: a recording */
  char path[PATH_MAX]; /* of the area */
  ouro__area area;
  ouro__profile *profile; /* owned */
  unsigned profiles;      /* raised when the profile is made anew */
  uint32_t *frame_of;     /* of each frame of the area, the number in the profile; owned */
  size_t frame_count;     /* of the area's frames that are in the profile */
  bool ended;
  uint64_t held, resident; /* bytes; held 0: not known */
  double rate;             /* allocations per second since the last look, or on average */
  uint64_t looked_ns;      /* of CLOCK_MONOTONIC; 0: not yet */
  int64_t allocations;     /* then */
  uint32_t asked;          /* number of the last request for pins */
  uint64_t asked_ns;       /* when; 0: not yet */
  ouro__history history;
  size_t moment;       /* of a recording: number of the snapshot; snapshot_count: all of it */
  ouro__tally *now;    /* live of each site at the moment; owned; NULL: as the profile has it */
  ouro__tally *before; /* at the look or snapshot before; owned; NULL: there was none */
  size_t before_count;
} ouro__follow;

/* `name` NULL: the newest traced process of this user. false: the user was told why. */
bool ouro__follow_open(ouro__follow *follow, const char *name);
void ouro__follow_close(ouro__follow *follow);

/* Look again at a process. Where it has ended, or there is no memory, everything stays as it was. */
void ouro__follow_look(ouro__follow *follow);

/* What is shown as live now: LIVE; or END, once the program has begun to end and to free what it had. */
ouro__measure ouro__follow_measure(const ouro__follow *follow);

/* Ask the process to write anew who keeps which memory. */
void ouro__follow_ask_pins(ouro__follow *follow);

/* Move by so many snapshots. false: there are none, or it was the last. */
bool ouro__follow_move(ouro__follow *follow, int by);

/* ---------------------------------------------------------------- table */

enum ouro__tab {
  OURO_TAB_LINES = 0,
  OURO_TAB_FUNCTIONS,
  OURO_TAB_FILES,
  OURO_TAB_TYPES,
  OURO_TAB_CLASSES,
  OURO_TAB_THREADS,
  OURO_TAB_PINS,
  OURO_TAB_COLLECTIONS, /* has no rows */
  OURO_TABS
};

enum { OURO_COLUMNS = 5 };

enum ouro__column_kind { OURO_COLUMN_BYTES, OURO_COLUMN_COUNT, OURO_COLUMN_GROWTH, OURO_COLUMN_SHARE };

typedef struct ouro__column {
  const char *title;
  enum ouro__column_kind kind;
} ouro__column;

typedef struct ouro__table_line {
  uint32_t row; /* of the query */
  int64_t values[OURO_COLUMNS];
} ouro__table_line;

typedef struct ouro__table {
  enum ouro__tab tab;
  unsigned sort;    /* column; OURO_COLUMNS: by name */
  char filter[128]; /* what the name must have in it; "" for all */
  ouro__wish wish;
  ouro__query query; /* its rows are never sorted, so that their numbers stay */
  unsigned profiles; /* follow's, when the rows were made */
  uint32_t *row_of;  /* of each site; owned; NULL: the rows are to be made anew */
  size_t site_count;
  ouro__table_line *lines; /* owned; in order, filtered */
  size_t line_count;
  double whole; /* of which shares are */
} ouro__table;

extern const char *const ouro__tab_words[OURO_TABS];
const ouro__column *ouro__table_columns(const ouro__table *table);

void ouro__table_init(ouro__table *table);
void ouro__table_free(ouro__table *table);

/* Make the lines anew: the tab, the order, the filter or what is followed has changed. */
void ouro__table_fill(ouro__table *table, const ouro__follow *follow);

/* What the line is called, in `name`, of OURO_SHOW_NAME bytes. */
const char *ouro__table_name(const ouro__table *table, const ouro__table_line *line, char *name);

/* ---------------------------------------------------------------- canvas */

enum ouro__look {
  OURO_LOOK_PLAIN = 0,
  OURO_LOOK_STRONG,
  OURO_LOOK_FAINT,
  OURO_LOOK_REVERSE,
  OURO_LOOK_HEAP,
  OURO_LOOK_RESIDENT
};

typedef struct ouro__cell {
  char text[12]; /* of one character, and what combines with it; "" behind one of two columns */
  uint8_t look;
} ouro__cell;

typedef struct ouro__canvas {
  int rows, columns;
  ouro__cell *cells; /* owned */
} ouro__canvas;

/* Blank, of that size. false: no memory, and the canvas is as it was. */
bool ouro__canvas_clear(ouro__canvas *canvas, int rows, int columns);

/* Write from the column on, in at most `room` columns; what lies outside is cut off. Returns the column after. What would move
 * the terminal's cursor is a '?'. */
int ouro__canvas_put(ouro__canvas *canvas, int row, int column, int room, enum ouro__look look, const char *text);

/* The same, at the right end of the room. */
void ouro__canvas_put_right(ouro__canvas *canvas, int row, int column, int room, enum ouro__look look,
                            const char *text);

/* The same, but what is too long loses its beginning. */
void ouro__canvas_put_end(ouro__canvas *canvas, int row, int column, int room, enum ouro__look look, const char *text);

int ouro__canvas_width(const char *text);                                    /* in columns */
void ouro__canvas_look(ouro__canvas *canvas, int row, enum ouro__look look); /* of a whole row */
void ouro__canvas_print(const ouro__canvas *canvas, FILE *out);
void ouro__canvas_free(ouro__canvas *canvas);

/* ---------------------------------------------------------------- view */

typedef struct ouro__view {
  ouro__follow follow;
  ouro__table table;
  double interval;                   /* seconds */
  size_t selected, first;            /* lines of the table: where the bar is, and the first that is shown */
  size_t page;                       /* lines that fit; set when it is drawn */
  bool paused, help, editing, still; /* editing: the filter; still: drawn once, without keys */
  char message[256];                 /* until the next key; "" for none */
} ouro__view;

void ouro__view_draw(ouro__view *view, ouro__canvas *canvas);

/* Heap and other resident memory over time, in so many rows; the last is the axis. */
void ouro__chart_draw(const ouro__follow *follow, ouro__canvas *canvas, int row, int rows);

/* ---------------------------------------------------------------- terminal */

enum { OURO_KEY_NONE = -1, OURO_KEY_GONE = -2 }; /* the time is up; the terminal is gone */

/* false: the user was told why. */
bool ouro__terminal_open(void);
void ouro__terminal_close(void);
void ouro__terminal_show(const ouro__canvas *canvas);
void ouro__terminal_size(int *rows, int *columns);

/* A key as ncurses numbers them. */
int ouro__terminal_key(int timeout_ms);

#endif
