/* cli/report/ask.h - what the user asks: the options that report, diff, tree, flame, pins and leaks share, and the files or
 * processes that they name. */
#ifndef OURO_CLI_REPORT_ASK_H
#define OURO_CLI_REPORT_ASK_H

#include "cli/report/query.h"

typedef enum ouro__format { OURO_FORMAT_TEXT, OURO_FORMAT_JSON, OURO_FORMAT_CSV } ouro__format;

/* The commands, for the table of options. */
enum {
  OURO_ASK_REPORT = 1,
  OURO_ASK_DIFF = 2,
  OURO_ASK_TREE = 4,
  OURO_ASK_FLAME = 8,
  OURO_ASK_PINS = 16,
  OURO_ASK_LEAKS = 32,
};

typedef struct ouro__ask {
  ouro__wish wish;
  ouro__format format;
  size_t limit;         /* rows; SIZE_MAX: all */
  size_t stacks;        /* of so many rows the stack is shown */
  const char *snapshot; /* number or time; NULL: none */
  const char *output;   /* file; NULL: stdout */
  double share;         /* what is smaller is cut off; 0.01: 1 % */
  bool force, inverted, arenas;
  bool measure_given;
  ouro__source *sources; /* as named, in order */
  size_t source_count;
} ouro__ask;

/* A command, for ouro__ask_read. */
typedef struct ouro__ask_about {
  unsigned command;     /* one of OURO_ASK_ */
  const char *help;     /* what `--help` says before the options */
  unsigned least, most; /* names */
} ouro__ask_about;

/* Read the arguments and load what they name. Returns -1 to go on, or the status to exit with: the user was told why, or was
 * helped. */
int ouro__ask_read(ouro__ask *ask, const ouro__ask_about *about, int argc, char **argv);
void ouro__ask_free(ouro__ask *ask);

/* Load what `name` means, perhaps with a snapshot behind it: "FILE@3", "FILE@12.5s". false: the user was told. */
bool ouro__source_load(ouro__source *source, const char *name);

/* Choose a snapshot: "3", or "12.5s" for the last that was taken by then. false: the user was told. */
bool ouro__source_choose(ouro__source *source, const char *which);
bool ouro__source_choose_number(ouro__source *source, size_t number);
void ouro__source_free(ouro__source *source);

#endif
