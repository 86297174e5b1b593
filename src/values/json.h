/* values/json.h - what the files that read JSON share.
 *
 *   json_read.c    the reader: pieces of text, and where in it an error is
 *   json_text.c    what yajl lets pass: looked for in each piece before it sees it
 *   json_yajl.c    the parser: yajl, whose events go to the builder
 *   json_build.c   the builder: events make values
 *   json_write.c   the other way, on its own
 *
 * The builder keeps what is made, until its list or dict ends, on one stack; then it becomes that list or dict at once, of just its size:
 *
 *   items   | whole | whole |    1    |   2   | "key" | value | "key" |          count is behind the last
 *                           ^ list begins     ^ dict begins
 *   frames                  0                 1
 *
 * I-JSON-1  taken <= whole <= count; items from `taken` to `count` are held
 * I-JSON-2  frames begin at `whole` or behind, each at or behind the one outside of it
 * I-JSON-3  without frames, whole == count */
#ifndef OURO_VALUES_JSON_H
#define OURO_VALUES_JSON_H

#include <setjmp.h>

#include <ouro/json.h>
#include <ouro/str.h>

#include "values/values.h"

enum { OURO__JSON_WHY = sizeof ((ouro_json_error *)0)->text };

/* ---------------------------------------------------------------- the builder */

typedef struct ouro__json_frame {
  size_t begin; /* of its items */
  bool is_dict;
} ouro__json_frame;

typedef struct ouro__json_builder {
  void **items;
  size_t count, room;
  size_t whole;   /* items that lie in nothing: values of the text */
  size_t taken;   /* of those, how many have been given away */
  ouro__json_frame *frames;
  size_t depth, frames_room, deepest;
  ouro_str **memo; /* of recent keys and short strings, so that equal ones are mostly one object; NULL for few keys */
  size_t keys;     /* as long as there is no memo: how many there were */
} ouro__json_builder;

/* Events. OURO_OK, or a code, after which there are no more but `drop`.
 * string, key: OURO_EUTF8, and *where its first byte that is wrong. number: what yajl takes for one. */
int ouro__json_string(ouro__json_builder *builder, const char *text, size_t bytes, size_t *where);
int ouro__json_key(ouro__json_builder *builder, const char *text, size_t bytes, size_t *where);
int ouro__json_number(ouro__json_builder *builder, const char *text, size_t bytes);
int ouro__json_constant(ouro__json_builder *builder, void *immortal);
int ouro__json_open(ouro__json_builder *builder, bool is_dict);
int ouro__json_close(ouro__json_builder *builder);

/* The first whole value that is there, new; false: there is none. */
bool ouro__json_take(ouro__json_builder *builder, ouro_slot value);

/* Release what is not whole. */
void ouro__json_drop(ouro__json_builder *builder);

/* Release all, and the memo. */
void ouro__json_builder_done(ouro__json_builder *builder);

/* ---------------------------------------------------------------- the parser */

typedef struct ouro__json_block ouro__json_block;

typedef struct ouro__json_parser {
  ouro__json_builder builder;
  void *yajl;               /* yajl's handle; NULL: it has not begun */
  ouro__json_block *blocks; /* what yajl has allocated */
  jmp_buf refused;          /* where to go when it gets no more */
  bool many;                /* several values, or just one */
  bool complete;            /* the one is there: yajl is not asked any more */
  const char *piece;        /* that it reads */
  size_t bytes;             /* of that */
  size_t mark;              /* behind the last event in the piece; SIZE_MAX: there was none */
  int code;                 /* what is wrong; OURO_OK: nothing */
  ptrdiff_t at;             /* where, from the beginning of the piece: -1 is the last byte of the piece before */
  char why[OURO__JSON_WHY];
} ouro__json_parser;

#if OURO_HAVE_YAJL

/* The next piece of text, or its end: parser->code says what is wrong, parser->mark how far events came. */
void ouro__json_parse(ouro__json_parser *parser, const char *piece, size_t bytes);
void ouro__json_parse_end(ouro__json_parser *parser);

/* Free what yajl has; it begins again with the next piece. */
void ouro__json_parser_reset(ouro__json_parser *parser);

#else
static inline void ouro__json_parse(ouro__json_parser *parser, const char *piece, size_t bytes) {
  (void)parser, (void)piece, (void)bytes;
}
static inline void ouro__json_parse_end(ouro__json_parser *parser) { (void)parser; }
static inline void ouro__json_parser_reset(ouro__json_parser *parser) { (void)parser; }
#endif

/* ---------------------------------------------------------------- text */

/* Escapes of UTF-16's surrogates, which come in pairs: where in one a piece of text ends. */
typedef struct ouro__json_escape {
  enum { OURO__NO_ESCAPE, OURO__AFTER_BACKSLASH, OURO__IN_DIGITS, OURO__NEEDS_BACKSLASH, OURO__NEEDS_U } state;
  unsigned digits, value; /* how many of four have been read, and what they say */
  bool second;            /* they must say the other half */
} ouro__json_escape;

/* What a piece of text has, and how much of it yajl may see. */
typedef struct ouro__json_survey {
  size_t good;      /* bytes before the first that is wrong; all of them, where none is */
  int code;         /* what is wrong with that, and why */
  const char *why;
  size_t lines;     /* newlines, of the whole piece */
} ouro__json_survey;

ouro__json_survey ouro__json_look(ouro__json_escape *escape, const char *text, size_t bytes);

static inline bool ouro__json_is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

#endif
