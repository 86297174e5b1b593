/* values/utf8.c - UTF-8: what is valid (Unicode 15.0, table 3-7), and code points in what is.
 *
 * Most text is ASCII, and goes by eight bytes at a time: of a word of them, no byte has its highest bit. The other sequences go one by
 * one. Code points are counted by eight bytes at a time, too: each byte that does not continue a sequence (10xxxxxx) begins one. */
#include "values/str.h"

#define ONES UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)
enum { WORD = sizeof(uint64_t) };

static inline uint64_t word_at(const char *text) {
  uint64_t word;
  memcpy(&word, text, sizeof word);
  return word;
}

/* ---------------------------------------------------------------- what is valid */

static inline bool continues(const unsigned char *at) { return (*at & 0xc0) == 0x80; }

/* The second byte is where overlong forms (E0, F0), surrogates (ED) and what is too high (F4) are told. */
static inline bool is_second(unsigned char lead, unsigned char second) {
  switch (lead) {
    case 0xe0: return second >= 0xa0 && second <= 0xbf;
    case 0xed: return second >= 0x80 && second <= 0x9f;
    case 0xf0: return second >= 0x90 && second <= 0xbf;
    case 0xf4: return second >= 0x80 && second <= 0x8f;
    default: return second >= 0x80 && second <= 0xbf;
  }
}

/* No byte is looked at where the one before is wrong already, as a NUL that ends the text would be. */
static inline unsigned sequence(const unsigned char *at, size_t left) {
  unsigned char lead = *at;
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  unsigned bytes = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (left < bytes || !is_second(lead, at[1])) return 0;
  for (unsigned i = 2; i < bytes; i++) {
    if (!continues(at + i)) return 0;
  }
  return bytes;
}

unsigned ouro__utf8_sequence(const char *text, const char *end) {
  return text < end ? sequence((const unsigned char *)text, (size_t)(end - text)) : 0;
}

static inline uint64_t two_words_at(const char *text) { return word_at(text) | word_at(text + WORD); }

/* The first byte from there on that is not ASCII, or the end. */
static inline const char *skip_ascii(const char *at, const char *end) {
  while (end - at >= 4 * WORD && !((two_words_at(at) | two_words_at(at + 2 * WORD)) & HIGHS)) at += 4 * WORD;
  while (end - at >= WORD && !(word_at(at) & HIGHS)) at += WORD;
  while (at < end && (unsigned char)*at < 0x80) at++;
  return at;
}

/* Most text is short, and ASCII: from 8 bytes to 32 it takes four words, which overlap. */
static inline bool is_short_ascii(const char *text, size_t bytes) {
  if (bytes < WORD || bytes > 4 * WORD) return false;
  size_t middle = bytes >= 2 * WORD ? WORD : 0;
  const char *end = text + bytes;
  return !((word_at(text) | word_at(text + middle) | word_at(end - WORD - middle) | word_at(end - WORD)) & HIGHS);
}

int ouro__utf8_check_at(const char *text, size_t bytes, size_t *points, size_t *where) {
  const char *at = text, *end = text + bytes;
  size_t more = 0; /* bytes that continue sequences */
  if (OURO_LIKELY(is_short_ascii(text, bytes))) at = end;
  while ((at = skip_ascii(at, end)) < end) {
    while (at < end && (unsigned char)*at >= 0x80) {
      unsigned count = sequence((const unsigned char *)at, (size_t)(end - at));
      if (OURO_UNLIKELY(count == 0)) {
        if (where) *where = (size_t)(at - text);
        return OURO_EUTF8;
      }
      at += count;
      more += count - 1;
    }
  }
  *points = bytes - more;
  return OURO_OK;
}

bool ouro_utf8_is_valid(const char *text, size_t bytes, size_t *where) {
  size_t points;
  return ouro__utf8_check_at(text, bytes, &points, where) == OURO_OK;
}

/* ---------------------------------------------------------------- code points */

/* Of eight bytes, those that begin a sequence: all but 10xxxxxx. */
static inline unsigned begins_in(uint64_t word) {
  return (unsigned)((((~word >> 7) | (word >> 6)) & ONES) * ONES >> 56);
}

size_t ouro__utf8_count(const char *text, size_t bytes) {
  const char *at = text, *end = text + bytes;
  size_t count = 0;
  for (; end - at >= WORD; at += WORD) count += begins_in(word_at(at));
  for (; at < end; at++) count += ((unsigned char)*at & 0xc0) != 0x80;
  return count;
}

/* As long as more than eight are to be skipped, the next eight bytes are text: each code point has one at least. */
const char *ouro__utf8_skip(const char *text, size_t points) {
  const char *at = text;
  if (points > WORD) {
    for (; points > WORD; at += WORD) points -= begins_in(word_at(at));
    while (continues((const unsigned char *)at)) at++; /* the last one that was counted ends here */
  }
  while (points--) at += ouro__utf8_bytes(*at);
  return at;
}

unsigned ouro__utf8_put(uint32_t point, char text[4]) {
  unsigned char *out = (unsigned char *)text;
  if (point < 0x80) {
    out[0] = (unsigned char)point;
    return 1;
  }
  if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return 0;
  unsigned bytes = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  for (unsigned i = bytes; --i; point >>= 6) out[i] = (unsigned char)(0x80 | (point & 0x3f));
  out[0] = (unsigned char)((0xf00 >> bytes & 0xff) | point);
  return bytes;
}

/* ---------------------------------------------------------------- kinds of code points */

bool ouro__is_white(uint32_t point) {
  if (point < 0x80) return point == ' ' || (point >= 0x09 && point <= 0x0d) || (point >= 0x1c && point <= 0x1f);
  if (point >= 0x2000 && point <= 0x200a) return true;
  switch (point) {
    case 0x85:
    case 0xa0:
    case 0x1680:
    case 0x2028:
    case 0x2029:
    case 0x202f:
    case 0x205f:
    case 0x3000: return true;
    default: return false;
  }
}

bool ouro__is_line_end(uint32_t point) {
  return (point >= 0x0a && point <= 0x0d) || (point >= 0x1c && point <= 0x1e) || point == 0x85 || point == 0x2028 || point == 0x2029;
}
