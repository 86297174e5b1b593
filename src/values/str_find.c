/* values/str_find.c - searching strings. It is done in bytes: in UTF-8 no character's bytes lie within another's, so what is found as bytes
 * begins and ends between characters. Indices are made of places at the end, and of those that bound a search at its beginning; in ASCII
 * they are the same. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* memmem, memrchr */
#endif
#include "values/str.h"

/* ---------------------------------------------------------------- bytes */

#if defined(__GNUC__) && defined(__SSE2__)
/* Sixteen places at a time: where the first byte and the last one are those of what is looked for, what is between is compared. (W. Mula,
 * "SIMD-friendly algorithms for substring searching", 2008.) What is looked for is short, so that the worst text costs no more than some
 * times the best. */
typedef char lanes __attribute__((vector_size(16)));
enum { LANES = sizeof(lanes), SHORT = 16 };

static inline lanes lanes_at(const char *text) {
  lanes some;
  memcpy(&some, text, sizeof some);
  return some;
}

static inline lanes all_of(char byte) { return (lanes){0} + byte; }

/* Of sixteen places, the first where `what` is. So many bytes are there, and count - 1 more. */
static inline const char *find_in_lanes(const char *text, lanes first, lanes last, const char *what, size_t count) {
  lanes both = (lanes_at(text) == first) & (lanes_at(text + count - 1) == last);
  for (unsigned mask = (unsigned)__builtin_ia32_pmovmskb128(both); mask; mask &= mask - 1) {
    const char *at = text + ouro__ctz64(mask);
    if (memcmp(at + 1, what + 1, count - 2) == 0) return at;
  }
  return NULL;
}

/* The last sixteen places overlap those before. */
static const char *find_by_lanes(const char *text, const char *end, const char *what, size_t count) {
  lanes first = all_of(what[0]), last = all_of(what[count - 1]);
  const char *last_places = end - (LANES + count - 1), *found = NULL;
  for (; !found && text < last_places; text += LANES) found = find_in_lanes(text, first, last, what, count);
  return found ? found : find_in_lanes(last_places, first, last, what, count);
}

static const char *find_short(const char *text, size_t bytes, const char *what, size_t count) {
  const char *end = text + bytes;
  if (bytes >= LANES + count - 1) return find_by_lanes(text, end, what, count);
  for (; (size_t)(end - text) >= count; text++) {
    if (*text == *what && memcmp(text, what, count) == 0) return text;
  }
  return NULL;
}
#else
enum { SHORT = 0 };
static const char *find_short(const char *text, size_t bytes, const char *what, size_t count) { return memmem(text, bytes, what, count); }
#endif

const char *ouro__text_find(const char *text, size_t bytes, const char *what, size_t count) {
  if (count == 1) return memchr(text, *what, bytes);
  if (count > 1 && count <= SHORT) return find_short(text, bytes, what, count);
  return memmem(text, bytes, what, count); /* two-way: linear; it skips by a table of pairs of bytes */
}

/* From the end, by the first byte of what is looked for. */
static const char *find_last(const char *text, size_t bytes, const char *what, size_t count) {
  if (count == 0) return text + bytes;
  if (count > bytes) return NULL;
  size_t left = bytes - count + 1;
  for (;;) {
    const char *at = memrchr(text, *what, left);
    if (!at || memcmp(at, what, count) == 0) return at;
    left = (size_t)(at - text);
  }
}

/* ---------------------------------------------------------------- ranges */

bool ouro__str_range(size_t length, ptrdiff_t *start, ptrdiff_t *stop) {
  ptrdiff_t end = (ptrdiff_t)length;
  if (*start == OURO_LEFT_OUT) *start = 0;
  if (*stop == OURO_LEFT_OUT || *stop > end) *stop = end;
  if (*start < 0) *start = *start + end > 0 ? *start + end : 0;
  if (*stop < 0) *stop = *stop + end > 0 ? *stop + end : 0;
  return *start <= *stop;
}

/* The range in bytes. */
static bool span_of(const ouro_str *str, ptrdiff_t start, ptrdiff_t stop, ouro__span *span) {
  if (!ouro__str_range(ouro_str_length(str), &start, &stop)) return false;
  *span = (ouro__span){(size_t)start, (size_t)stop};
  if (ouro_str_is_ascii(str)) return true;
  const char *text = ouro_str_text(str), *from = ouro__utf8_skip(text, (size_t)start);
  span->from = (size_t)(from - text);
  bool to_end = (size_t)stop == ouro_str_length(str);
  span->to = to_end ? ouro_str_bytes(str) : (size_t)(ouro__utf8_skip(from, (size_t)(stop - start)) - text);
  return true;
}

static ptrdiff_t index_of(const ouro_str *str, const char *at) {
  if (!at) return -1;
  size_t place = (size_t)(at - ouro_str_text(str));
  return (ptrdiff_t)(ouro_str_is_ascii(str) ? place : ouro__utf8_count(ouro_str_text(str), place));
}

/* ---------------------------------------------------------------- the interface */

ptrdiff_t ouro_str_find(const ouro_str *str, const ouro_str *what, ptrdiff_t start, ptrdiff_t stop) {
  ouro__span span;
  if (!span_of(str, start, stop, &span)) return -1;
  const char *text = ouro_str_text(str) + span.from;
  return index_of(str, ouro__text_find(text, span.to - span.from, ouro_str_text(what), ouro_str_bytes(what)));
}

ptrdiff_t ouro_str_find_last(const ouro_str *str, const ouro_str *what, ptrdiff_t start, ptrdiff_t stop) {
  ouro__span span;
  if (!span_of(str, start, stop, &span)) return -1;
  const char *text = ouro_str_text(str) + span.from;
  return index_of(str, find_last(text, span.to - span.from, ouro_str_text(what), ouro_str_bytes(what)));
}

bool ouro_str_contains(const ouro_str *str, const ouro_str *what) {
  return ouro__text_find(ouro_str_text(str), ouro_str_bytes(str), ouro_str_text(what), ouro_str_bytes(what));
}

static size_t count_of_byte(const char *text, size_t bytes, char byte) {
  size_t count = 0;
  for (size_t i = 0; i < bytes; i++) count += text[i] == byte;
  return count;
}

size_t ouro_str_count_of(const ouro_str *str, const ouro_str *what) {
  size_t bytes = ouro_str_bytes(what), count = 0;
  if (bytes == 0) return ouro_str_length(str) + 1;
  if (bytes == 1) return count_of_byte(ouro_str_text(str), ouro_str_bytes(str), *ouro_str_text(what));
  const char *at = ouro_str_text(str), *end = ouro__str_end(str);
  while ((at = ouro__text_find(at, (size_t)(end - at), ouro_str_text(what), bytes))) {
    at += bytes;
    count++;
  }
  return count;
}

bool ouro_str_starts(const ouro_str *str, const ouro_str *what) {
  size_t bytes = ouro_str_bytes(what);
  return bytes <= ouro_str_bytes(str) && memcmp(ouro_str_text(str), ouro_str_text(what), bytes) == 0;
}

bool ouro_str_ends(const ouro_str *str, const ouro_str *what) {
  size_t bytes = ouro_str_bytes(what);
  return bytes <= ouro_str_bytes(str) && memcmp(ouro__str_end(str) - bytes, ouro_str_text(what), bytes) == 0;
}
