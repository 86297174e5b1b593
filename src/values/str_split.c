/* values/str_split.c - strings from strings: what is put together, taken apart, cut off, replaced. What is made here is made of text that
 * was checked, so it is not checked again. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* mempcpy */
#endif
#include "values/sequence.h"
#include "values/str.h"

/* ---------------------------------------------------------------- the size of what is made */

/* A sum of bytes and code points; too_many: more than an object can have. */
typedef struct size {
  size_t bytes, points;
  bool too_many;
} size;

static inline void add(size *sum, size_t bytes, size_t points) {
  sum->bytes += bytes;
  sum->points += points;
  sum->too_many |= sum->bytes > PTRDIFF_MAX || bytes > PTRDIFF_MAX;
}

static inline void add_str(size *sum, const ouro_str *str) { add(sum, ouro_str_bytes(str), ouro_str_length(str)); }

static void add_times(size *sum, const ouro_str *str, size_t times) {
  size_t bytes;
  if (__builtin_mul_overflow(ouro_str_bytes(str), times, &bytes)) sum->too_many = true;
  add(sum, bytes, ouro_str_length(str) * times); /* as many points as bytes at most: it overflows only where those do */
}

/* To be filled, and then given to ouro__str_finish. */
static ouro_str *blank(const size *sum) { return sum->too_many ? ouro__fail(OURO_ENOMEM) : ouro__str_blank(sum->bytes, sum->points); }

static inline char *put(char *to, const ouro_str *str) { return mempcpy(to, ouro_str_text(str), ouro_str_bytes(str)); }

/* The same text as an object of our own types: itself, where it is one. */
static ouro_ref itself(ouro_str *str) {
  if (OURO_LIKELY(ouro__is_str_exact(str))) return ouro_newref(str);
  return ouro__str_new_known(ouro_str_text(str), ouro_str_bytes(str), ouro_str_length(str));
}

/* A part of a string; of ASCII, its bytes are its code points. */
static ouro_ref part(const ouro_str *str, const char *from, const char *to) {
  size_t bytes = (size_t)(to - from);
  return ouro_str_is_ascii(str) ? ouro__str_new_known(from, bytes, bytes) : ouro__str_new_part(from, bytes);
}

static ouro_ref part_or_itself(ouro_str *str, const char *from, const char *to) {
  return (size_t)(to - from) == ouro_str_bytes(str) ? itself(str) : part(str, from, to);
}

/* ---------------------------------------------------------------- concat, repeat */

ouro_ref ouro_str_concat(ouro_str *first, ouro_str *second) {
  if (ouro_str_bytes(first) == 0) return itself(second);
  if (ouro_str_bytes(second) == 0) return itself(first);
  size sum = {0, 0, false};
  add_str(&sum, first);
  add_str(&sum, second);
  ouro_str *made = blank(&sum);
  if (made) put(put(ouro__str_chars(made), first), second);
  return made; /* two bytes at least */
}

ouro_ref ouro_str_repeat(ouro_str *str, ptrdiff_t times) {
  size sum = {0, 0, false};
  if (times <= 0 || ouro_str_bytes(str) == 0) return ouro__str_empty();
  if (times == 1) return itself(str);
  add_times(&sum, str, (size_t)times);
  ouro_str *made = blank(&sum);
  if (!made) return NULL;
  char *out = ouro__str_chars(made), *end = out + sum.bytes;
  size_t done = ouro_str_bytes(str);
  put(out, str);
  for (; done <= sum.bytes - done; done *= 2) memcpy(out + done, out, done);
  memcpy(out + done, out, (size_t)(end - out) - done);
  return made;
}

/* ---------------------------------------------------------------- join */

static int measure(const ouro_str *separator, void *const *items, size_t count, size *sum) {
  for (size_t i = 0; i < count; i++) {
    if (OURO_UNLIKELY(!ouro_is_str(items[i]))) return OURO_ETYPE;
    add_str(sum, items[i]);
  }
  if (count > 1) add_times(sum, separator, count - 1);
  return OURO_OK;
}

static ouro_ref join_items(const ouro_str *separator, void *const *items, size_t count) {
  size sum = {0, 0, false};
  int code = measure(separator, items, count, &sum);
  if (code) return ouro__fail(code);
  if (count < 2) return count ? itself(items[0]) : ouro__str_empty();
  ouro_str *made = blank(&sum);
  if (!made) return NULL;
  char *out = put(ouro__str_chars(made), items[0]);
  for (size_t i = 1; i < count; i++) out = put(put(out, separator), items[i]);
  OURO_ASSERT(out == ouro__str_end(made));
  return ouro__str_finish(made);
}

/* The collector may have cleared slots of a tuple that it has found to be garbage: those read as none, and are no strings. */
static ouro_ref join_tuple(const ouro_str *separator, const ouro_tuple *items) {
  return join_items(separator, (void *const *)(void *)ouro__tuple_items(items), ouro_tuple_count(items));
}

ouro_ref ouro_str_join(ouro_str *separator, void *items) {
  ouro__gathered all = {NULL, 0};
  if (ouro_type_of(items) == &ouro_tuple_type) return join_tuple(separator, items);
  int code = ouro__gather(&all, items);
  if (code) return ouro__fail(code);
  ouro_ref made = join_items(separator, (void *const *)(void *)all.row, all.count);
  int saved = errno;
  ouro__gathered_drop(&all);
  errno = saved;
  return made;
}

/* ---------------------------------------------------------------- split */

/* The parts are gathered in a row, which then becomes the list's. */
static bool make_room(ouro__gathered *parts) {
  ouro__row larger = ouro__row_resize(parts->row, ouro__row_grown(parts->count + 1));
  if (larger) parts->row = larger;
  return larger;
}

/* Add the part; false: there is no memory. */
static inline bool give(ouro__gathered *parts, ouro_ref made) {
  if (OURO_UNLIKELY(!made)) return false;
  if (OURO_UNLIKELY(parts->count == ouro__row_room(parts->row)) && !make_room(parts)) {
    ouro_decref(made);
    return false;
  }
  parts->row[parts->count++] = made;
  return true;
}

static ouro_ref list_of(ouro__gathered *parts, bool complete) {
  if (OURO_LIKELY(complete)) return ouro__list_of_gathered(parts);
  ouro__gathered_drop(parts);
  return ouro__fail(OURO_ENOMEM);
}

static inline size_t limit_of(ptrdiff_t most) { return most < 0 ? SIZE_MAX : (size_t)most; }

static ouro_ref split_by(ouro_str *str, const ouro_str *separator, size_t most) {
  size_t bytes = ouro_str_bytes(separator);
  const char *at = ouro_str_text(str), *end = ouro__str_end(str), *found;
  ouro__gathered parts = {NULL, 0};
  bool complete = true;
  while (complete && most-- && (found = ouro__text_find(at, (size_t)(end - at), ouro_str_text(separator), bytes))) {
    complete = give(&parts, part(str, at, found));
    at = found + bytes;
  }
  return list_of(&parts, complete && give(&parts, part_or_itself(str, at, end)));
}

/* Is the character at `at` white space? ASCII has no more than what is told here. */
static inline bool is_white_at(const char *at) {
  unsigned char byte = (unsigned char)*at;
  if (OURO_LIKELY(byte < 0x80)) return byte == ' ' || (byte - 9u < 5) || (byte - 0x1cu < 4);
  return ouro__is_white(ouro__utf8_next(&at));
}

static const char *skip_white(const char *at, const char *end) {
  while (at < end && is_white_at(at)) at += ouro__utf8_bytes(*at);
  return at;
}

static const char *skip_word(const char *at, const char *end) {
  while (at < end && !is_white_at(at)) at += ouro__utf8_bytes(*at);
  return at;
}

static ouro_ref split_by_white(ouro_str *str, size_t most) {
  const char *end = ouro__str_end(str), *at = skip_white(ouro_str_text(str), end);
  ouro__gathered parts = {NULL, 0};
  bool complete = true;
  while (complete && at < end) {
    const char *word = at;
    at = most-- ? skip_word(at, end) : end;
    complete = give(&parts, part_or_itself(str, word, at));
    at = skip_white(at, end);
  }
  return list_of(&parts, complete);
}

ouro_ref ouro_str_split(ouro_str *str, const ouro_str *separator, ptrdiff_t most) {
  if (!separator) return split_by_white(str, limit_of(most));
  return ouro_str_bytes(separator) ? split_by(str, separator, limit_of(most)) : ouro__fail(OURO_EINVAL);
}

/* Behind the end of the line that ends at `at`. */
static const char *skip_line_end(const char *at, const char *end) {
  const char *next = at + ouro__utf8_bytes(*at);
  return *at == '\r' && next < end && *next == '\n' ? next + 1 : next;
}

static const char *find_line_end(const char *at, const char *end) {
  while (at < end) {
    const char *next = at;
    if (ouro__is_line_end(ouro__utf8_next(&next))) break;
    at = next;
  }
  return at;
}

ouro_ref ouro_str_split_lines(ouro_str *str, bool keep_ends) {
  const char *at = ouro_str_text(str), *end = ouro__str_end(str);
  ouro__gathered parts = {NULL, 0};
  bool complete = true;
  while (complete && at < end) {
    const char *line = at, *stop = find_line_end(at, end);
    at = stop < end ? skip_line_end(stop, end) : end;
    complete = give(&parts, part_or_itself(str, line, keep_ends ? at : stop));
  }
  return list_of(&parts, complete);
}

/* ---------------------------------------------------------------- partition */

/* A tuple of three, which takes over; NULL where one is NULL. */
static ouro_ref three(ouro_ref first, ouro_ref second, ouro_ref third) {
  const ouro_ref items[3] = {first, second, third};
  if (first && second && third) return ouro_tuple_new_move(3, items);
  int saved = errno;
  for (unsigned i = 0; i < 3; i++) ouro_xdecref(items[i]);
  errno = saved;
  return NULL;
}

static ouro_ref partition_at(ouro_str *str, ouro_str *separator, ptrdiff_t index) {
  const char *from = ouro_str_text(str) + index, *to = from + ouro_str_bytes(separator);
  ouro_ref before = part(str, ouro_str_text(str), from);
  return three(before, itself(separator), part(str, to, ouro__str_end(str)));
}

/* Where it is, in bytes; -1. */
static ptrdiff_t place_of(const ouro_str *str, const ouro_str *separator, bool last) {
  ptrdiff_t index = last ? ouro_str_find_last(str, separator, OURO_LEFT_OUT, OURO_LEFT_OUT)
                         : ouro_str_find(str, separator, OURO_LEFT_OUT, OURO_LEFT_OUT);
  if (index < 0 || ouro_str_is_ascii(str)) return index;
  return ouro__utf8_skip(ouro_str_text(str), (size_t)index) - ouro_str_text(str);
}

ouro_ref ouro_str_partition(ouro_str *str, ouro_str *separator) {
  if (ouro_str_bytes(separator) == 0) return ouro__fail(OURO_EINVAL);
  ptrdiff_t place = place_of(str, separator, false);
  return place < 0 ? three(itself(str), ouro__str_empty(), ouro__str_empty()) : partition_at(str, separator, place);
}

ouro_ref ouro_str_partition_last(ouro_str *str, ouro_str *separator) {
  if (ouro_str_bytes(separator) == 0) return ouro__fail(OURO_EINVAL);
  ptrdiff_t place = place_of(str, separator, true);
  return place < 0 ? three(ouro__str_empty(), ouro__str_empty(), itself(str)) : partition_at(str, separator, place);
}

/* ---------------------------------------------------------------- strip */

/* Is the character at `at` one of those that are cut off? */
static bool is_cut(const ouro_str *points, const char *at) {
  if (!points) return is_white_at(at);
  return ouro__text_find(ouro_str_text(points), ouro_str_bytes(points), at, ouro__utf8_bytes(*at));
}

enum { LEFT = 1, RIGHT = 2 };

static ouro_ref strip(ouro_str *str, const ouro_str *points, unsigned sides) {
  const char *from = ouro_str_text(str), *to = ouro__str_end(str);
  while (sides & LEFT && from < to && is_cut(points, from)) from += ouro__utf8_bytes(*from);
  while (sides & RIGHT && from < to) {
    const char *last = to;
    (void)ouro__utf8_before(&last);
    if (!is_cut(points, last)) break;
    to = last;
  }
  return part_or_itself(str, from, to);
}

ouro_ref ouro_str_strip(ouro_str *str, const ouro_str *points) { return strip(str, points, LEFT | RIGHT); }
ouro_ref ouro_str_lstrip(ouro_str *str, const ouro_str *points) { return strip(str, points, LEFT); }
ouro_ref ouro_str_rstrip(ouro_str *str, const ouro_str *points) { return strip(str, points, RIGHT); }

/* ---------------------------------------------------------------- replace */

enum { PLACES = 64 };

/* Where `from` is found: the first ones are remembered, so that what is small is searched once. */
typedef struct places {
  const ouro_str *str, *from;
  size_t count;                 /* in all, `most` at most */
  const char *known[PLACES];
} places;

static const char *find_from(const places *it, const char *at) {
  return ouro__text_find(at, (size_t)(ouro__str_end(it->str) - at), ouro_str_text(it->from), ouro_str_bytes(it->from));
}

static void find_all(places *it, size_t most) {
  const char *at = ouro_str_text(it->str);
  for (it->count = 0; it->count < most && (at = find_from(it, at)); at += ouro_str_bytes(it->from)) {
    if (it->count < PLACES) it->known[it->count] = at;
    it->count++;
  }
}

/* `made` is released, or is what it gives. */
static ouro_ref fill_replaced(const places *it, const ouro_str *to, ouro_str *made) {
  const char *at = ouro_str_text(it->str), *end = ouro__str_end(it->str);
  char *out = ouro__str_chars(made);
  for (size_t i = 0; i < it->count; i++) {
    const char *found = i < PLACES ? it->known[i] : find_from(it, at);
    out = put(mempcpy(out, at, (size_t)(found - at)), to);
    at = found + ouro_str_bytes(it->from);
  }
  out = mempcpy(out, at, (size_t)(end - at));
  OURO_ASSERT(out == ouro__str_end(made));
  return ouro__str_finish(made);
}

static ouro_ref replace_by(ouro_str *str, const ouro_str *from, const ouro_str *to, size_t most) {
  places it;
  it.str = str;
  it.from = from;
  find_all(&it, most);
  if (it.count == 0) return itself(str);
  size_t gone = ouro_str_bytes(from) * it.count, points_gone = ouro_str_length(from) * it.count;
  size sum = {ouro_str_bytes(str) - gone, ouro_str_length(str) - points_gone, false};
  add_times(&sum, to, it.count);
  ouro_str *made = blank(&sum);
  return made ? fill_replaced(&it, to, made) : NULL;
}

/* An empty string is before each code point, and at the end. */
static ouro_ref put_between(ouro_str *str, const ouro_str *to, size_t most) {
  size sum = {0, 0, false};
  size_t all = ouro_str_length(str) + 1, times = most < all ? most : all;
  if (times == 0 || ouro_str_bytes(to) == 0) return itself(str);
  add_str(&sum, str);
  add_times(&sum, to, times);
  ouro_str *made = blank(&sum);
  if (!made) return NULL;
  const char *at = ouro_str_text(str), *end = ouro__str_end(str);
  char *out = ouro__str_chars(made);
  for (; times && at < end; times--) {
    unsigned bytes = ouro__utf8_bytes(*at);
    out = mempcpy(put(out, to), at, bytes);
    at += bytes;
  }
  out = mempcpy(times ? put(out, to) : out, at, (size_t)(end - at));
  OURO_ASSERT(out == ouro__str_end(made));
  return ouro__str_finish(made);
}

ouro_ref ouro_str_replace(ouro_str *str, const ouro_str *from, const ouro_str *to, ptrdiff_t most) {
  size_t limit = limit_of(most);
  return ouro_str_bytes(from) ? replace_by(str, from, to, limit) : put_between(str, to, limit);
}

/* ---------------------------------------------------------------- letters of ASCII */

static inline bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
static inline bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
static inline char upper(char c) { return is_lower(c) ? (char)(c - 32) : c; }
static inline char lower(char c) { return is_upper(c) ? (char)(c + 32) : c; }

typedef enum letters { UPPER, LOWER, TITLE } letters;

static inline char changed(const char *text, size_t i, letters to) {
  bool in_word = i > 0 && (is_upper(text[i - 1]) || is_lower(text[i - 1]));
  return to == LOWER || (to == TITLE && in_word) ? lower(text[i]) : upper(text[i]);
}

static ouro_ref with_letters(ouro_str *str, letters to) {
  const char *text = ouro_str_text(str);
  size_t bytes = ouro_str_bytes(str), same = 0;
  while (same < bytes && changed(text, same, to) == text[same]) same++;
  if (same == bytes) return itself(str);
  ouro_str *made = ouro__str_blank(bytes, ouro_str_length(str));
  if (!made) return NULL;
  memcpy(ouro__str_chars(made), text, same);
  for (size_t i = same; i < bytes; i++) ouro__str_chars(made)[i] = changed(text, i, to);
  return ouro__str_finish(made);
}

ouro_ref ouro_str_ascii_upper(ouro_str *str) { return with_letters(str, UPPER); }
ouro_ref ouro_str_ascii_lower(ouro_str *str) { return with_letters(str, LOWER); }
ouro_ref ouro_str_ascii_title(ouro_str *str) { return with_letters(str, TITLE); }
