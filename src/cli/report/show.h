/* cli/report/show.h - what the reports look like: rules, tables, stacks with their source lines, rows in JSON and CSV. Text has
 * at most OURO_SHOW_WIDTH columns; names that are longer lose their beginning. */
#ifndef OURO_CLI_REPORT_SHOW_H
#define OURO_CLI_REPORT_SHOW_H

#include "cli/export/export.h"
#include "cli/report/ask.h"

enum { OURO_SHOW_WIDTH = 100, OURO_SHOW_NAME = 4352 };

void ouro__show_rule(const char *title, FILE *out);

/* "+1.2 MB", "-3", "0 B". */
typedef struct ouro__show_words {
  char text[40];
} ouro__show_words;
const char *ouro__show_bytes(ouro__show_words *words, int64_t bytes);
const char *ouro__show_count(ouro__show_words *words, int64_t count);
const char *ouro__show_growth(ouro__show_words *words, int64_t bytes);       /* with its sign */
const char *ouro__show_count_growth(ouro__show_words *words, int64_t count); /* with its sign */
const char *ouro__show_share(ouro__show_words *words, double part,
                             double whole); /* "12.3 %"; "" where there is no whole */

/* What a column of names is called, and what a row is called in it: the key and, by line, the function. */
const char *ouro__show_key_title(const ouro__wish *wish);
const char *ouro__show_key(const ouro__query *query, const ouro__row *row, char name[OURO_SHOW_NAME], bool relative);

/* Write `name` in at most `width` columns, and a newline. */
void ouro__show_fit(const char *name, int width, FILE *out);

/* The same for what is best known by its beginning, such as a command. */
void ouro__show_beginning(const char *text, int width, FILE *out);

/* A stack as Python prints it, most recent call last, with the lines of source that can be read. */
void ouro__show_stack(const ouro__stacks *stacks, uint32_t stack, FILE *out);

/* One column of characters for each of `count` values: their height in eighths. */
void ouro__show_spark(const uint64_t *values, size_t count, uint64_t most, FILE *out);

/* The row's key as fields of an object: "key", and what it is made of. With `frames`, its stack, most recent first. */
void ouro__show_key_json(ouro__json_out *json, const ouro__query *query, const ouro__row *row, bool frames);
void ouro__show_tally_json(ouro__json_out *json, const char *key, ouro__tally tally);
void ouro__show_stack_json(ouro__json_out *json, const ouro__stacks *stacks, uint32_t stack);

/* The same for CSV: "key,file,line,function" and their values, without an end of line. */
void ouro__show_key_csv(const ouro__query *query, const ouro__row *row, FILE *out);
#define OURO_SHOW_KEY_CSV "key,file,line,function"

/* What is live, in words: "live now"; and what was asked for: "live at snapshot 3, after 12.0 s". */
enum { OURO_SHOW_MEASURE = 96 };
const char *ouro__show_live(const ouro__profile *profile);
const char *ouro__show_measure(const ouro__ask *ask, char text[OURO_SHOW_MEASURE]);

/* What a profile is of: command, process. */
void ouro__show_command(const ouro__profile *profile, char name[OURO_SHOW_NAME]);

/* The end of stdout: returns the status to exit with. */
int ouro__show_end(void);

#endif
