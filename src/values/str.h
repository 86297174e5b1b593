/* values/str.h - what the files of strings share, and what others of values/ use of them.
 *
 *   str.c        the type: strings are made, looked at, printed, walked over; those that were made once
 *   utf8.c       what is valid UTF-8; counting and finding code points in it
 *   str_find.c   searching
 *   str_split.c  strings from strings: join, split, strip, replace
 *   format.c     ouro_format
 *   intern.c     interned strings
 *
 * I-STR-1  the text is valid UTF-8, and a NUL stands behind it
 * I-STR-2  ouro__points is the number of code points, or UINT32_MAX where that is as large or larger; so it equals the number of bytes
 *          just where all is ASCII (up to 4 billion)
 * I-STR-3  ouro__hash is 0, or what ouro__str_hash_of says of the text; it changes once, and several threads may write the same at once
 * I-STR-4  there is one object of type ouro__interned_str_type for each text, of those that are not about to go; of the empty text and of
 *          one ASCII character, it is that which was made once */
#ifndef OURO_VALUES_STR_H
#define OURO_VALUES_STR_H

#include <string.h>

#include <ouro/bytes.h>
#include <ouro/str.h>

#include "values/values.h"

/* ---------------------------------------------------------------- making */

/* A string of text that is known to be UTF-8, and to have so many code points. New; NULL, errno ENOMEM or EPERM. */
ouro_ref ouro__str_new_known(const char *text, size_t bytes, size_t points);

/* The same, its code points to be counted. */
ouro_ref ouro__str_new_part(const char *text, size_t bytes);

/* A string to be filled, before others see it: its text is undefined, but for the NUL. What has fewer than 2 bytes is, when it has been
 * filled, exchanged for that which was made once. */
ouro_str *ouro__str_blank(size_t bytes, size_t points);
ouro_ref ouro__str_finish(ouro_str *made);

static inline char *ouro__str_chars(ouro_str *str) { return (char *)(str + 1); }
static inline const char *ouro__str_end(const ouro_str *str) { return ouro_str_text(str) + ouro_str_bytes(str); }

/* That which was made once: of the empty text, or of one ASCII character. Immortal, and interned. */
typedef struct ouro__short_str {
  ouro_str str;
  char text[16];
} ouro__short_str;
enum { OURO__EMPTY_STR = 128 };
extern ouro__short_str ouro__short_strs[OURO__EMPTY_STR + 1];

static inline ouro_str *ouro__str_short(const char *text, size_t bytes) {
  return &ouro__short_strs[bytes ? (unsigned char)*text & 127 : OURO__EMPTY_STR].str;
}
static inline ouro_str *ouro__str_empty(void) { return &ouro__short_strs[OURO__EMPTY_STR].str; }

/* What ouro__points says of so many. */
static inline uint32_t ouro__str_points(size_t points) { return points < UINT32_MAX ? (uint32_t)points : UINT32_MAX; }

/* ---------------------------------------------------------------- hash and equality */

/* Never 0. */
uint32_t ouro__str_hash_of(const char *text, size_t bytes);
uint32_t ouro__str_take_hash(const ouro_str *str);

static inline uint32_t ouro__str_hash(const ouro_str *str) {
  uint32_t hash = OURO__SEE(str->ouro__hash);
  return OURO_LIKELY(hash != 0) ? hash : ouro__str_take_hash(str);
}

static inline bool ouro__str_is(const ouro_str *str, const char *text, size_t bytes) {
  return ouro_str_bytes(str) == bytes && memcmp(ouro_str_text(str), text, bytes) == 0;
}

static inline bool ouro__str_same(const ouro_str *first, const ouro_str *second) {
  if (first == second) return true;
  if (ouro_str_bytes(first) != ouro_str_bytes(second)) return false;
  if (ouro_is_interned(first) && ouro_is_interned(second)) return false; /* I-STR-4 */
  uint32_t one = OURO__SEE(first->ouro__hash), other = OURO__SEE(second->ouro__hash);
  if (one && other && one != other) return false;
  return memcmp(ouro_str_text(first), ouro_str_text(second), ouro_str_bytes(first)) == 0;
}

/* ---------------------------------------------------------------- text */

/* Is it UTF-8? OURO_OK, and *points code points; or OURO_EUTF8, and *where the wrong sequence begins, in bytes (unless NULL). */
int ouro__utf8_check_at(const char *text, size_t bytes, size_t *points, size_t *where);
static inline int ouro__utf8_check(const char *text, size_t bytes, size_t *points) {
  return ouro__utf8_check_at(text, bytes, points, NULL);
}

/* Of valid UTF-8: the code points in it; where the code point begins that so many are before, which must be there (or the end). */
size_t ouro__utf8_count(const char *text, size_t bytes);
const char *ouro__utf8_skip(const char *text, size_t points);

/* The sequence at `text`, up to `end`, if it is valid: its bytes, 1 to 4; 0: it is not. */
unsigned ouro__utf8_sequence(const char *text, const char *end);

/* Of valid UTF-8: the bytes of the sequence that begins with `lead`. */
static inline unsigned ouro__utf8_bytes(char lead) {
  unsigned char byte = (unsigned char)lead;
  return byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

/* Of valid UTF-8, not at its end: the code point at *at, which moves behind it. At its beginning: before *at, which moves there. */
static inline uint32_t ouro__utf8_next(const char **at) {
  const unsigned char *text = (const unsigned char *)*at;
  unsigned bytes = ouro__utf8_bytes(**at);
  *at += bytes;
  switch (bytes) {
    case 1: return text[0];
    case 2: return (uint32_t)(text[0] & 0x1f) << 6 | (text[1] & 0x3f);
    case 3: return (uint32_t)(text[0] & 0x0f) << 12 | (uint32_t)(text[1] & 0x3f) << 6 | (text[2] & 0x3f);
    default:
      return (uint32_t)(text[0] & 0x07) << 18 | (uint32_t)(text[1] & 0x3f) << 12 | (uint32_t)(text[2] & 0x3f) << 6 | (text[3] & 0x3f);
  }
}
static inline uint32_t ouro__utf8_before(const char **at) {
  do --*at;
  while (((unsigned char)**at & 0xc0) == 0x80);
  const char *text = *at;
  return ouro__utf8_next(&text);
}

/* The bytes of a code point, 1 to 4; 0: it is none. */
unsigned ouro__utf8_put(uint32_t point, char text[4]);

/* Is it white space, as Python's isspace says? Does it end a line, as splitlines says? */
bool ouro__is_white(uint32_t point);
bool ouro__is_line_end(uint32_t point);

/* The repr of text that is UTF-8, appended. */
int ouro__str_repr_text(const char *text, size_t bytes, ouro_buffer *out);

/* ---------------------------------------------------------------- searching */

/* Where `what` is first in the text; NULL: nowhere. Nothing is at its beginning. */
const char *ouro__text_find(const char *text, size_t bytes, const char *what, size_t count);

/* A part of the text, by bytes; and where its code points [start:stop] lie, in bytes. */
typedef struct ouro__span {
  size_t from, to;
} ouro__span;

/* start and stop as Python adjusts them, of `length` code points: none is outside. false: start is behind stop. */
bool ouro__str_range(size_t length, ptrdiff_t *start, ptrdiff_t *stop);

/* ---------------------------------------------------------------- interned strings (intern.c) */

/* All of the table holds together; otherwise why not. No other thread may run. */
bool ouro__intern_valid(const char **why);

#endif
