/* values/bytes.c - bytes: a run of them that never changes, in the object itself, with a NUL behind it for C.
 *
 * The hash is computed each time it is asked for: bytes are seldom keys, and the 8 bytes that would keep it are a quarter of a short one's
 * size. Equal buffers and bytes compare equal, but a buffer does not hash.
 *
 * The empty one and those of one byte lie in static memory. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* memmem */
#endif
#include <string.h>

#include "values/bytes.h"
#include "values/sequence.h"

#include <ouro/number.h>
#include <ouro/str.h>

/* The NUL is part of what the type calls fixed, though it comes last: the items begin where the fixed part ends, less one. */
enum { NUL = 1 };

static const ouro_protocols protocols;

ouro_type ouro_bytes_type = {
    .name = "bytes",
    .size = sizeof(ouro_bytes) + NUL,
    .item_size = 1,
    .flags = OURO_TYPE_ACYCLIC | OURO_TYPE_IMMUTABLE,
    .protocols = &protocols,
};

/* ---------------------------------------------------------------- made once */

typedef struct single {
  ouro_bytes bytes;
  char text[8];
} single;

#define HEADER(count_) {{OURO_IMMORTAL_OBJECT(&ouro_bytes_type), count_}}
#define ONE(byte_) {HEADER(1), {(char)(byte_), 0}}
#define FOUR(byte_) ONE(byte_), ONE(byte_ + 1), ONE(byte_ + 2), ONE(byte_ + 3)
#define SIXTEEN(byte_) FOUR(byte_), FOUR(byte_ + 4), FOUR(byte_ + 8), FOUR(byte_ + 12)
#define QUARTER(byte_) SIXTEEN(byte_), SIXTEEN(byte_ + 16), SIXTEEN(byte_ + 32), SIXTEEN(byte_ + 48)

static _Alignas(16) single singles[256] = {QUARTER(0), QUARTER(64), QUARTER(128), QUARTER(192)};
static _Alignas(16) single nothing = {HEADER(0), {0}};

/* ---------------------------------------------------------------- making */

ouro_bytes *ouro__bytes_blank(size_t count) {
  ouro_bytes *made = ouro__new_var_blank(&ouro_bytes_type, count);
  if (OURO_LIKELY(made != NULL)) ouro__bytes_at(made)[count] = 0;
  return made;
}

ouro_ref ouro_bytes_new(const void *data, size_t count) {
  if (count == 0) return ouro_adopt(&nothing.bytes);
  if (!data) return ouro_adopt(ouro__fail(OURO_EINVAL));
  if (count == 1) return ouro_adopt(&singles[*(const unsigned char *)data].bytes);
  ouro_bytes *made = ouro__bytes_blank(count);
  if (made) memcpy(ouro__bytes_at(made), data, count);
  return ouro_adopt(made);
}

ouro_ref ouro_bytes_from_str(const void *text) {
  if (!text) return ouro__fail(OURO_EINVAL);
  if (!ouro_is_str(text)) return ouro__fail(OURO_ETYPE);
  return ouro_bytes_new(ouro_str_text(text), ouro_str_bytes(text));
}

static int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  char low = (char)(c | 0x20);
  return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* The bytes that the text says, written where `out` is not NULL. How many, or -1. */
static ptrdiff_t read_hex(const char *text, size_t length, char *out) {
  ptrdiff_t count = 0;
  for (size_t i = 0; i < length; i++) {
    if (is_space(text[i])) continue;
    int high = digit_of(text[i]), low = i + 1 < length ? digit_of(text[++i]) : -1;
    if (high < 0 || low < 0) return -1;
    if (out) out[count] = (char)(high << 4 | low);
    count++;
  }
  return count;
}

ouro_ref ouro_bytes_from_hex(const char *text, size_t length) {
  char few[1];
  if (!text && length) return ouro__fail(OURO_EINVAL);
  ptrdiff_t count = read_hex(text, length, NULL);
  if (count < 0) return ouro__fail(OURO_ESYNTAX);
  if (count <= 1) {
    read_hex(text, length, few);
    return ouro_bytes_new(few, (size_t)count);
  }
  ouro_bytes *made = ouro__bytes_blank((size_t)count);
  if (made) read_hex(text, length, ouro__bytes_at(made));
  return ouro_adopt(made);
}

/* ---------------------------------------------------------------- looking */

int ouro_bytes_get(const ouro_bytes *bytes, ptrdiff_t index) {
  OURO_ASSERT(ouro_is_bytes(bytes));
  size_t count = ouro_bytes_count(bytes), at = index < 0 ? count - (0 - (size_t)index) : (size_t)index;
  return at < count ? (unsigned char)ouro_bytes_data(bytes)[at] : OURO_EINDEX;
}

int ouro__bytes_order(const void *first, size_t first_count, const void *second, size_t second_count) {
  size_t common = first_count < second_count ? first_count : second_count;
  int order = common ? memcmp(first, second, common) : 0;
  return order ? order : (first_count > second_count) - (first_count < second_count);
}

#if !defined(__GLIBC__)
static const void *find_in(const char *in, size_t length, const char *what, size_t count) {
  for (const char *last = in + length - count; (in = memchr(in, *what, (size_t)(last - in) + 1)); in++) {
    if (memcmp(in, what, count) == 0) return in;
    if (in == last) return NULL;
  }
  return NULL;
}
#else
static const void *find_in(const char *in, size_t length, const char *what, size_t count) { return memmem(in, length, what, count); }
#endif

ptrdiff_t ouro__bytes_find(const char *in, size_t length, const void *what, size_t count, size_t from) {
  if (count > length - from) return -1;
  if (count == 0) return (ptrdiff_t)from;
  const char *found = count == 1 ? memchr(in + from, *(const unsigned char *)what, length - from)
                                 : find_in(in + from, length - from, what, count);
  return found ? found - in : -1;
}

/* As Python has it: what is negative counts from the end, and what is outside is the nearest end. */
static size_t clamp(ptrdiff_t index, size_t count) {
  if (index < 0) return 0 - (size_t)index > count ? 0 : count - (0 - (size_t)index);
  return (size_t)index > count ? count : (size_t)index;
}

ptrdiff_t ouro_bytes_find(const ouro_bytes *bytes, const void *what, size_t count, ptrdiff_t from) {
  OURO_ASSERT(ouro_is_bytes(bytes));
  size_t length = ouro_bytes_count(bytes);
  if (from > 0 && (size_t)from > length) return -1;
  return ouro__bytes_find(ouro_bytes_data(bytes), length, what, count, clamp(from, length));
}

ptrdiff_t ouro_bytes_find_last(const ouro_bytes *bytes, const void *what, size_t count) {
  OURO_ASSERT(ouro_is_bytes(bytes));
  const char *data = ouro_bytes_data(bytes);
  if (count > ouro_bytes_count(bytes)) return -1;
  for (size_t at = ouro_bytes_count(bytes) - count + 1; at-- > 0;) {
    if (count == 0 || (data[at] == *(const char *)what && memcmp(data + at, what, count) == 0)) return (ptrdiff_t)at;
  }
  return -1;
}

size_t ouro_bytes_count_of(const ouro_bytes *bytes, const void *what, size_t count) {
  size_t times = 0;
  if (count == 0) return ouro_bytes_count(bytes) + 1;
  for (ptrdiff_t at = 0; (at = ouro_bytes_find(bytes, what, count, at)) >= 0; at += (ptrdiff_t)count) times++;
  return times;
}

bool ouro_bytes_starts(const ouro_bytes *bytes, const void *what, size_t count) {
  return count <= ouro_bytes_count(bytes) && (count == 0 || memcmp(ouro_bytes_data(bytes), what, count) == 0);
}

bool ouro_bytes_ends(const ouro_bytes *bytes, const void *what, size_t count) {
  size_t length = ouro_bytes_count(bytes);
  return count <= length && (count == 0 || memcmp(ouro_bytes_data(bytes) + length - count, what, count) == 0);
}

/* ---------------------------------------------------------------- from others */

ouro_ref ouro_bytes_slice(ouro_bytes *bytes, ptrdiff_t start, ptrdiff_t stop, ptrdiff_t step) {
  OURO_ASSERT(ouro_is_bytes(bytes));
  if (step == 0) return ouro__fail(OURO_EINVAL);
  if (step == OURO_LEFT_OUT) step = 1;
  ouro__slice slice = ouro__slice_of(ouro_bytes_count(bytes), start, stop, step);
  const char *data = ouro_bytes_data(bytes);
  if (slice.count == 0) return ouro_bytes_new(NULL, 0);
  if (slice.count == ouro_bytes_count(bytes) && step == 1) return ouro_newref(bytes);
  if (slice.count == 1 || step == 1) return ouro_bytes_new(data + slice.start, slice.count);
  ouro_bytes *made = ouro__bytes_blank(slice.count);
  for (size_t i = 0; made && i < slice.count; i++) ouro__bytes_at(made)[i] = data[ouro__slice_at(&slice, i)];
  return ouro_adopt(made);
}

ouro_ref ouro_bytes_concat(ouro_bytes *first, ouro_bytes *second) {
  OURO_ASSERT(ouro_is_bytes(first) && ouro_is_bytes(second));
  size_t left = ouro_bytes_count(first), right = ouro_bytes_count(second);
  if (right == 0) return ouro_newref(first);
  if (left == 0) return ouro_newref(second);
  ouro_bytes *made = ouro__bytes_blank(left + right);
  if (!made) return OURO_NULL;
  memcpy(ouro__bytes_at(made), ouro_bytes_data(first), left);
  memcpy(ouro__bytes_at(made) + left, ouro_bytes_data(second), right);
  return ouro_adopt(made);
}

ouro_ref ouro_bytes_repeat(ouro_bytes *bytes, size_t times) {
  OURO_ASSERT(ouro_is_bytes(bytes));
  size_t count = ouro_bytes_count(bytes);
  if (times == 1 || count == 0) return ouro_newref(bytes);
  if (times == 0) return ouro_bytes_new(NULL, 0);
  if (count > PTRDIFF_MAX / times) return ouro__fail(OURO_ENOMEM);
  ouro_bytes *made = ouro__bytes_blank(count * times);
  if (!made) return OURO_NULL;
  char *at = ouro__bytes_at(made);
  memcpy(at, ouro_bytes_data(bytes), count);
  for (size_t left = count * (times - 1), done = count, step; left; left -= step, done += step) { /* twice as many each time */
    step = done < left ? done : left;
    memcpy(at + done, at, step);
  }
  return ouro_adopt(made);
}

/* Append one item to what is joined. */
static int join_one(ouro_buffer *out, void *item) {
  if (ouro_is_bytes(item)) return ouro_buffer_append(out, ouro_bytes_data(item), ouro_bytes_count(item));
  if (!ouro_is_buffer(item)) return OURO_ETYPE;
  ouro_ref bytes = ouro_buffer_to_bytes(item);
  if (!ouro_borrow(bytes)) return ouro__code();
  int code = ouro_buffer_append(out, ouro_bytes_data(ouro_borrow(bytes)), ouro_bytes_count(ouro_borrow(bytes)));
  ouro_decref(bytes);
  return code;
}

static int join_all(const ouro_bytes *separator, void *iterator, ouro_buffer *out) {
  for (bool first = true;; first = false) {
    ouro_object *item = NULL;
    int code = ouro_next(iterator, &item);
    if (code <= 0) return code;
    code = first ? OURO_OK : ouro_buffer_append(out, ouro_bytes_data(separator), ouro_bytes_count(separator));
    if (!code) code = join_one(out, item);
    ouro__release_ref(item);
    if (code) return code;
  }
}

ouro_ref ouro_bytes_join(ouro_bytes *separator, void *items) {
  OURO_ASSERT(ouro_is_bytes(separator));
  ouro_object *iterator = NULL;
  int code = ouro_iterate(items, &iterator);
  if (code) return ouro__fail(code);
  ouro_buffer out = OURO_BUFFER_ON_STACK;
  code = join_all(separator, iterator, &out);
  ouro__release_ref(iterator);
  ouro_ref made = code ? ouro__fail(code) : ouro_buffer_to_bytes(&out);
  ouro_buffer_done(&out);
  return made;
}

ouro_ref ouro_bytes_to_str(const ouro_bytes *bytes) {
  OURO_ASSERT(ouro_is_bytes(bytes));
  return ouro_str_new(ouro_bytes_data(bytes), ouro_bytes_count(bytes));
}

static const char digits[] = "0123456789abcdef";

ouro_ref ouro_bytes_hex(const ouro_bytes *bytes) {
  OURO_ASSERT(ouro_is_bytes(bytes));
  size_t count = ouro_bytes_count(bytes);
  const unsigned char *data = (const unsigned char *)ouro_bytes_data(bytes);
  char *text = count <= PTRDIFF_MAX / 2 ? ouro_malloc(count * 2 + NUL) : NULL;
  if (!text) return ouro__fail(OURO_ENOMEM);
  for (size_t i = 0; i < count; i++) {
    text[i * 2] = digits[data[i] >> 4];
    text[i * 2 + 1] = digits[data[i] & 15];
  }
  ouro_ref made = ouro_str_new(text, count * 2);
  ouro_free(text);
  return made;
}

/* ---------------------------------------------------------------- printing */

/* What Python writes for a byte, at most 4 characters, into `out`; how many. */
static size_t print_byte(unsigned char byte, char quote, char out[4]) {
  static const char plain[] = "\t\n\r\\", letters[] = "tnr\\";
  const char *found = byte ? strchr(plain, byte) : NULL;
  if (found || byte == (unsigned char)quote) {
    out[0] = '\\';
    out[1] = found ? letters[found - plain] : quote;
    return 2;
  }
  if (byte >= ' ' && byte < 0x7f) {
    out[0] = (char)byte;
    return 1;
  }
  out[0] = '\\';
  out[1] = 'x';
  out[2] = digits[byte >> 4];
  out[3] = digits[byte & 15];
  return 4;
}

static int print_all(const char *data, size_t count, char quote, ouro_buffer *out) {
  char text[4], open[2] = {'b', quote};
  int code = ouro_buffer_append(out, open, sizeof open);
  for (size_t i = 0; i < count && !code; i++) code = ouro_buffer_append(out, text, print_byte((unsigned char)data[i], quote, text));
  return code ? code : ouro_buffer_append_char(out, quote);
}

int ouro__bytes_repr(const char *data, size_t count, ouro_buffer *out) {
  bool single_quote = count && memchr(data, '\'', count), double_quote = count && memchr(data, '"', count);
  return print_all(data, count, single_quote && !double_quote ? '"' : '\'', out);
}

/* ---------------------------------------------------------------- protocols */

int ouro__bytes_byte(const void *item, unsigned char *byte) {
  int64_t value = 0;
  int code = ouro_int_get(item, &value);
  if (!code && (value < 0 || value > 255)) return OURO_ERANGE;
  if (!code) *byte = (unsigned char)value;
  return code;
}

static int bytes_hash(void *self, uint64_t *hash) {
  *hash = ouro__hash_bytes(ouro_bytes_data(self), ouro_bytes_count(self));
  return OURO_OK;
}

static int bytes_equal(void *self, void *other) {
  if (!ouro_is_bytes(other)) return OURO_NOT_MINE;
  size_t count = ouro_bytes_count(self);
  return count == ouro_bytes_count(other) && memcmp(ouro_bytes_data(self), ouro_bytes_data(other), count) == 0;
}

static int bytes_compare(void *self, void *other, int *order) {
  if (!ouro_is_bytes(other)) return OURO_NOT_MINE;
  *order = ouro__bytes_order(ouro_bytes_data(self), ouro_bytes_count(self), ouro_bytes_data(other), ouro_bytes_count(other));
  return OURO_OK;
}

static int bytes_repr(void *self, ouro_buffer *out) {
  size_t before = ouro_buffer_count(out);
  int code = ouro__bytes_repr(ouro_bytes_data(self), ouro_bytes_count(self), out);
  if (code) ouro_buffer_truncate(out, before);
  return code;
}

static int bytes_length(void *self, size_t *length) {
  *length = ouro_bytes_count(self);
  return OURO_OK;
}

static int bytes_get_item(void *self, void *key, ouro_slot item) {
  ptrdiff_t index = 0;
  int code = ouro__index_of_key(key, &index), byte = code ? 0 : ouro_bytes_get(self, index);
  if (code || byte < 0) return code ? code : byte;
  OURO__SLOT_SET(item, ouro_borrow(ouro_int_new(byte))); /* made once: it does not fail */
  return OURO_OK;
}

/* A byte, or bytes in a row. */
static int bytes_contains(void *self, void *item) {
  unsigned char byte = 0;
  if (ouro_is_bytes(item)) return ouro_bytes_find(self, ouro_bytes_data(item), ouro_bytes_count(item), 0) >= 0;
  if (ouro_is_buffer(item)) {
    ouro_ref bytes = ouro_buffer_to_bytes(item);
    if (!ouro_borrow(bytes)) return ouro__code();
    int found = bytes_contains(self, ouro_borrow(bytes));
    ouro_decref(bytes);
    return found;
  }
  int code = ouro__bytes_byte(item, &byte);
  return code ? code : ouro_bytes_find(self, &byte, 1, 0) >= 0;
}

/* ---------------------------------------------------------------- iterators */

int ouro__byte_iterate(ouro_type *type, void *of, ouro_slot iterator) {
  ouro__byte_iterator *made = ouro_borrow(ouro_new(type));
  if (!made) return ouro__code();
  made->of = ouro_borrow(ouro_newref(of));
  OURO__SLOT_SET(iterator, (void *)made);
  return OURO_OK;
}

/* Two threads that share one get a byte each. Once it was at the end it stays there, also where a buffer grows. */
int ouro__byte_next(ouro__byte_iterator *iterator, int (*get)(void *of, size_t index), ouro_slot item) {
  size_t at = ouro__add_relaxed(&iterator->at, 1);
  int byte = iterator->of ? get(iterator->of, at) : OURO_EINDEX; /* the collector may have cleared it */
  if (byte == OURO_EINDEX) {
    ouro__store_relaxed(&iterator->at, SIZE_MAX / 2);
    return 0;
  }
  OURO__SLOT_SET(item, ouro_borrow(ouro_int_new(byte)));
  return 1;
}

static int get_byte(void *of, size_t index) { return index <= PTRDIFF_MAX ? ouro_bytes_get(of, (ptrdiff_t)index) : OURO_EINDEX; }
static int iterator_next(void *self, ouro_slot item) { return ouro__byte_next(self, get_byte, item); }

static const ouro_protocols iterator_protocols = {.next = iterator_next};
static ouro_type iterator_type = {
    .name = "bytes_iterator",
    .size = sizeof(ouro__byte_iterator),
    .references = OURO__BYTE_ITERATOR_REFERENCES,
    .flags = OURO_TYPE_ACYCLIC,
    .protocols = &iterator_protocols,
};

static int bytes_iterate(void *self, ouro_slot iterator) { return ouro__byte_iterate(&iterator_type, self, iterator); }

static const ouro_protocols protocols = {
    .hash = bytes_hash,
    .equal = bytes_equal,
    .compare = bytes_compare,
    .repr = bytes_repr,
    .length = bytes_length,
    .iterate = bytes_iterate,
    .get_item = bytes_get_item,
    .contains = bytes_contains,
};
