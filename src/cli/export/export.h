/* cli/export/export.h - a profile in the formats of other tools, one file each.
 *
 *     export       the command line, the file that is written
 *     names        what frames are called; walks over stacks
 *     json_out     a writer of JSON that keeps nothing; json: the whole profile in it, see docs/export.md
 *     proto        messages of protocol buffers, compressed as they come; pprof: what they say; intern: numbers for strings
 *     build_id     of a program or library
 *     speedscope, collapsed, csv
 *
 * A site without a stack is shown with one frame of its own, so that every total is the sum of what is shown. Calls that the
 * compiler inlined are frames like others. */
#ifndef OURO_CLI_EXPORT_EXPORT_H
#define OURO_CLI_EXPORT_EXPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/profile/profile.h"

/* Each writes the whole file. false: no memory, or `out` has an error; errno says which. */
bool ouro__export_pprof(const ouro__profile *profile, ouro__measure measure, FILE *out);
bool ouro__export_speedscope(const ouro__profile *profile, ouro__measure measure, FILE *out);
bool ouro__export_collapsed(const ouro__profile *profile, ouro__measure measure, FILE *out);
bool ouro__export_json(const ouro__profile *profile, ouro__measure measure,
                       FILE *out); /* these two write all measures, */
bool ouro__export_csv(const ouro__profile *profile, ouro__measure measure, FILE *out); /* whatever `measure` is */

/* ---------------------------------------------------------------- names */

uint64_t ouro__class_bytes(unsigned class_); /* of a block; 0 of large ones */

#define OURO_NAME_BYTES 4096 /* longer ones are cut, with the line kept */

/* What to call the frame where there is one line for it; the second with its place: "main (server.c:12)". In `name`, of
 * OURO_NAME_BYTES, or a string of the profile. */
const char *ouro__frame_name(const ouro__pframe *frame, char *name);
const char *ouro__frame_line(const ouro__pframe *frame, char *name);

/* What to call the stack of a site that has none. */
const char *ouro__no_stack_name(uint32_t site);

/* Its name, or else its number; "" where nothing is known. */
const char *ouro__thread_name(const ouro__profile *profile, unsigned thread, char *name);

/* A field of CSV, quoted where it must be: well-formed UTF-8 without control characters, but for ends of lines and tabs. */
void ouro__csv_field(const char *text, FILE *out);

/* ---------------------------------------------------------------- stacks */

/* Goes along a stack, from the innermost frame to the outermost. Frames that only hand out memory, see cli/report/places.h, are
 * left out where the stack begins with them, so that the lines are those of `ouro report`. */
typedef struct ouro__stack_walk {
  const ouro__profile *profile;
  uint32_t node, frame; /* the next; 0: none */
} ouro__stack_walk;

ouro__stack_walk ouro__stack_begin(const ouro__profile *profile, uint32_t node);

/* The next frame's number; 0: there is none. */
uint32_t ouro__stack_next(ouro__stack_walk *walk);

/* As that, but on to the next call that is a node of its own: the frames in between are those into which this one was inlined. */
uint32_t ouro__stack_next_call(ouro__stack_walk *walk);

/* The numbers of a stack's frames in a buffer that grows, outermost first. Returns how many, or SIZE_MAX without memory. */
typedef struct ouro__frames {
  uint32_t *numbers; /* owned */
  size_t room;
} ouro__frames;

size_t ouro__frames_outermost_first(ouro__frames *stack, const ouro__profile *profile, uint32_t node);

/* Bytes of the measure by node, sites without a stack apart: an array of node_count + 1, which the caller frees. [node_count] is
 * what could not be recorded; [0] what has no stack. NULL: no memory. */
int64_t *ouro__bytes_by_node(const ouro__profile *profile, ouro__measure measure);

/* ---------------------------------------------------------------- JSON */

typedef struct ouro__json_out {
  FILE *out;
  bool follows; /* the next value is not the first of its array or object */
} ouro__json_out;

/* `key` NULL: in an array. Strings that are not UTF-8 have the wrong bytes replaced by U+FFFD. */
void ouro__json_open(ouro__json_out *json, const char *key, char bracket);
void ouro__json_close(ouro__json_out *json, char bracket);
void ouro__json_string(ouro__json_out *json, const char *key, const char *text);
void ouro__json_int(ouro__json_out *json, const char *key, int64_t number);
void ouro__json_real(ouro__json_out *json, const char *key, double number);
void ouro__json_word(ouro__json_out *json, const char *key, const char *word); /* true, false, null, or JSON as it is */

/* The time line, as an array under the key "timeline"; `seconds` is what its points call their time. */
void ouro__json_timeline(ouro__json_out *json, const ouro__profile *profile, const char *seconds);

/* ---------------------------------------------------------------- protocol buffers */

/* A message under construction. `failed`: no memory; what was put then is lost. */
typedef struct ouro__message {
  uint8_t *bytes; /* owned */
  size_t length, room;
  bool failed;
} ouro__message;

void ouro__message_number(ouro__message *message, unsigned field, uint64_t number); /* 0, the default, is left out */
void ouro__message_bytes(ouro__message *message, unsigned field, const void *bytes, size_t length);
void ouro__message_part(ouro__message *message, unsigned field, ouro__message *part); /* and empties the part */
void ouro__message_packed(ouro__message *message, uint64_t number);                   /* bare, for a packed field */

/* Writes to `out`, compressed by gzip. */
typedef struct ouro__gzip ouro__gzip;
ouro__gzip *ouro__gzip_open(FILE *out);                            /* NULL: no memory */
void ouro__gzip_message(ouro__gzip *gzip, ouro__message *message); /* and empties it */
bool ouro__gzip_close(ouro__gzip *gzip);                           /* was all written? */

/* Numbers for strings of bytes: the first is 0, equal ones have one number. */
typedef struct ouro__intern {
  struct ouro__interned {
    void *bytes; /* owned; ends with a NUL that does not count */
    size_t length;
  } * list;        /* by number */
  uint32_t *slots; /* number + 1; 0: free */
  size_t count, room, slot_count;
} ouro__intern;

uint32_t ouro__intern_add(ouro__intern *intern, const void *bytes, size_t length); /* UINT32_MAX: no memory */
void ouro__intern_free(ouro__intern *intern);

/* The build id of the program or library, in hexadecimal, "" for none. */
#define OURO_BUILD_ID_BYTES 129
void ouro__build_id(const char *path, char id[OURO_BUILD_ID_BYTES]);

#endif
