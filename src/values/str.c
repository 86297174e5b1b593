/* values/str.c - str: making strings, looking at them, text of them, walking over them; those that were made once. See values/str.h.
 *
 *   | header 16 | bytes 8 | hash 4 | code points 4 | text ... NUL |      33 + bytes, rounded up to 16
 *
 * The hash waits until it is asked for: most strings are never keys. The number of code points does not: whoever checks the text counts
 * them on the way, and they say whether an index is a byte's. */
#include "values/sequence.h"
#include "values/str.h"

/* The NUL is part of what the type calls fixed, though it comes last: the items begin where the fixed part ends, less one. */
enum { NUL = 1 };

enum { CONSTANT = OURO_TYPE_ACYCLIC | OURO_TYPE_IMMUTABLE };

static const ouro_protocols protocols;

ouro_type ouro_str_type = {
    .name = "str", .size = sizeof(ouro_str) + NUL, .item_size = 1, .flags = CONSTANT, .protocols = &protocols};

_Static_assert(sizeof(ouro_str) == 32, "what the header promises");

/* ---------------------------------------------------------------- made once */

#define HEADER(bytes_) {{OURO_IMMORTAL_OBJECT(&ouro__interned_str_type), (bytes_)}, 0, (bytes_)}
#define ONE(byte_) {HEADER(1), {(char)(byte_), 0}},
#define FOUR(byte_) ONE(byte_) ONE((byte_) + 1) ONE((byte_) + 2) ONE((byte_) + 3)
#define SIXTEEN(byte_) FOUR(byte_) FOUR((byte_) + 4) FOUR((byte_) + 8) FOUR((byte_) + 12)
#define HALF(byte_) SIXTEEN(byte_) SIXTEEN((byte_) + 16) SIXTEEN((byte_) + 32) SIXTEEN((byte_) + 48)

_Alignas(16) ouro__short_str ouro__short_strs[OURO__EMPTY_STR + 1] = {HALF(0) HALF(64){HEADER(0), {0}}};

_Static_assert(sizeof(ouro__short_str) % 16 == 0, "each begins where an object may");

/* ---------------------------------------------------------------- making */

ouro_str *ouro__str_blank(size_t bytes, size_t points) {
  OURO_ASSERT(points <= bytes);
  ouro_str *self = ouro__new_var_blank(&ouro_str_type, bytes);
  if (OURO_UNLIKELY(!self)) return NULL;
  self->ouro__points = ouro__str_points(points);
  ouro__str_chars(self)[bytes] = 0;
  return self;
}

/* Short ones, two bytes at least, without a call: from both ends, which may overlap. */
static inline void copy_text(char *to, const char *from, size_t bytes) {
  if (bytes > 32) {
    memcpy(to, from, bytes);
  } else if (bytes >= 16) {
    memcpy(to, from, 16);
    memcpy(to + bytes - 16, from + bytes - 16, 16);
  } else if (bytes >= 8) {
    memcpy(to, from, 8);
    memcpy(to + bytes - 8, from + bytes - 8, 8);
  } else if (bytes >= 4) {
    memcpy(to, from, 4);
    memcpy(to + bytes - 4, from + bytes - 4, 4);
  } else {
    memcpy(to, from, 2);
    to[bytes - 1] = from[bytes - 1];
  }
}

ouro_ref ouro__str_finish(ouro_str *made) {
  if (OURO_LIKELY(ouro_str_bytes(made) > 1)) return made;
  ouro_str *known = ouro__str_short(ouro_str_text(made), ouro_str_bytes(made));
  ouro_decref(made);
  return known;
}

ouro_ref ouro__str_new_known(const char *text, size_t bytes, size_t points) {
  if (bytes < 2) return ouro__str_short(text, bytes);
  ouro_str *self = ouro__str_blank(bytes, points);
  if (OURO_LIKELY(self != NULL)) copy_text(ouro__str_chars(self), text, bytes);
  return self;
}

ouro_ref ouro__str_new_part(const char *text, size_t bytes) {
  return ouro__str_new_known(text, bytes, ouro__utf8_count(text, bytes));
}

ouro_ref ouro_str_new(const char *utf8, size_t bytes) {
  size_t points;
  if (!bytes) return ouro__str_empty();
  if (!utf8) return ouro__fail(OURO_EINVAL);
  if (ouro__utf8_check(utf8, bytes, &points)) return ouro__fail(OURO_EUTF8);
  return ouro__str_new_known(utf8, bytes, points);
}

ouro_ref ouro_str_from(const char *text) { return text ? ouro_str_new(text, strlen(text)) : ouro__fail(OURO_EINVAL); }

ouro_ref ouro_str_from_point(uint32_t point) {
  char text[64]; /* 4 are enough; copy_text shows compilers longer ways */
  unsigned bytes = ouro__utf8_put(point, text);
  return bytes ? ouro__str_new_known(text, bytes, 1) : ouro__fail(OURO_EUTF8);
}

/* ---------------------------------------------------------------- hash, equality, order */

uint32_t ouro__str_hash_of(const char *text, size_t bytes) {
  uint64_t all = ouro__hash_bytes(text, bytes);
  uint32_t hash = (uint32_t)(all ^ all >> 32);
  return hash ? hash : 1;
}

uint32_t ouro__str_take_hash(const ouro_str *str) {
  uint32_t hash = ouro__str_hash_of(ouro_str_text(str), ouro_str_bytes(str));
  OURO__SET(((ouro_str *)(uintptr_t)str)->ouro__hash, hash);
  return hash;
}

bool ouro_str_equal(const ouro_str *first, const ouro_str *second) { return ouro__str_same(first, second); }

/* No byte of the text behind its NUL is looked at. */
bool ouro_str_equal_text(const ouro_str *str, const char *text) { return ouro__str_is(str, text, strlen(text)); }

/* UTF-8 orders as its code points do. */
int ouro_str_compare(const ouro_str *first, const ouro_str *second) {
  size_t one = ouro_str_bytes(first), other = ouro_str_bytes(second);
  int order = memcmp(ouro_str_text(first), ouro_str_text(second), one < other ? one : other);
  return order ? order : (one > other) - (one < other);
}

/* ---------------------------------------------------------------- code points */

size_t ouro__str_length_slow(const ouro_str *str) { return ouro__utf8_count(ouro_str_text(str), ouro_str_bytes(str)); }

/* Where code point number `index` begins, which is there, or the end. */
static const char *at_index(const ouro_str *str, size_t index) {
  return ouro_str_is_ascii(str) ? ouro_str_text(str) + index : ouro__utf8_skip(ouro_str_text(str), index);
}

static const char *at_checked(const ouro_str *str, ptrdiff_t index) {
  size_t length = ouro_str_length(str), from_start = ouro__index(length, index);
  return from_start < length ? at_index(str, from_start) : NULL;
}

int32_t ouro_str_at(const ouro_str *str, ptrdiff_t index) {
  const char *at = at_checked(str, index);
  return at ? (int32_t)ouro__utf8_next(&at) : OURO_EINDEX;
}

ouro_ref ouro_str_get(const ouro_str *str, ptrdiff_t index) {
  const char *at = at_checked(str, index);
  return at ? ouro__str_new_known(at, ouro__utf8_bytes(*at), 1) : ouro__fail(OURO_EINDEX);
}

int ouro_str_next(const ouro_str *str, size_t *cursor, uint32_t *point) {
  const char *at = ouro_str_text(str) + *cursor;
  if (*cursor >= ouro_str_bytes(str)) return 0;
  *point = ouro__utf8_next(&at);
  *cursor = (size_t)(at - ouro_str_text(str));
  return 1;
}

/* ---------------------------------------------------------------- slices */

/* Code points side by side. */
static ouro_ref part_of(ouro_str *str, size_t start, size_t count) {
  const char *from = at_index(str, start);
  if (count == ouro_str_length(str) && ouro__is_str_exact(str)) return ouro_newref(str);
  const char *to = ouro_str_is_ascii(str) ? from + count : ouro__utf8_skip(from, count);
  return ouro__str_new_known(from, (size_t)(to - from), count);
}

static ouro_ref every_of_ascii(const ouro_str *str, const ouro__slice *slice) {
  ouro_str *self = ouro__str_blank(slice->count, slice->count);
  if (!self) return NULL;
  char *out = ouro__str_chars(self);
  for (size_t i = 0; i < slice->count; i++) out[i] = ouro_str_text(str)[ouro__slice_at(slice, i)];
  return self;
}

/* Move over so many code points, forward or backward. At either end it stays: the slice has no more there. */
static const char *move(const ouro_str *str, const char *at, ptrdiff_t step) {
  for (; step > 0 && at < ouro__str_end(str); step--) at += ouro__utf8_bytes(*at);
  for (; step < 0 && at > ouro_str_text(str); step++) (void)ouro__utf8_before(&at);
  return at;
}

/* The bytes of the slice, written where `out` is not NULL. */
static size_t every_of(const ouro_str *str, const ouro__slice *slice, char *out) {
  const char *at = at_index(str, slice->start);
  size_t bytes = 0;
  for (size_t i = 0; i < slice->count; i++) {
    unsigned count = ouro__utf8_bytes(*at);
    if (out) memcpy(out + bytes, at, count);
    bytes += count;
    if (i + 1 < slice->count) at = move(str, at, slice->step);
  }
  return bytes;
}

static ouro_ref every(const ouro_str *str, const ouro__slice *slice) {
  if (slice->count < 2) return ouro_str_get(str, (ptrdiff_t)slice->start);
  if (ouro_str_is_ascii(str)) return every_of_ascii(str, slice);
  ouro_str *self = ouro__str_blank(every_of(str, slice, NULL), slice->count);
  if (self) every_of(str, slice, ouro__str_chars(self));
  return self;
}

ouro_ref ouro_str_slice(ouro_str *str, ptrdiff_t start, ptrdiff_t stop, ptrdiff_t step) {
  if (OURO_LIKELY(step == 1 || step == OURO_LEFT_OUT)) {
    bool some = ouro__str_range(ouro_str_length(str), &start, &stop) && start < stop;
    return some ? part_of(str, (size_t)start, (size_t)(stop - start)) : ouro__str_empty();
  }
  if (step == 0) return ouro__fail(OURO_EINVAL);
  ouro__slice slice = ouro__slice_of(ouro_str_length(str), start, stop, step);
  return slice.count ? every(str, &slice) : ouro__str_empty();
}

/* ---------------------------------------------------------------- text for a programmer */

/* Of a code point that is not ASCII: C1, the ends of lines and paragraphs, and what is no character. (Python escapes whatever Unicode's
 * tables call unprintable; we have no such tables.) */
static bool is_escaped(uint32_t point) {
  return point < 0xa0 || point == 0x2028 || point == 0x2029 || (point >= 0xfdd0 && point <= 0xfdef) || (point & 0xfffe) == 0xfffe;
}

static int append_escape(uint32_t point, ouro_buffer *out) {
  static const char digits[] = "0123456789abcdef";
  char text[10] = {'\\', point < 0x100 ? 'x' : point < 0x10000 ? 'u' : 'U'};
  unsigned count = point < 0x100 ? 2 : point < 0x10000 ? 4 : 8;
  for (unsigned i = 0; i < count; i++) text[2 + i] = digits[point >> 4 * (count - 1 - i) & 15];
  return ouro_buffer_append(out, text, 2 + count);
}

/* What an ASCII character is behind a backslash; 0: its number; or itself: it has none. */
static char escape_of(char c, char quote) {
  switch (c) {
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    case '\\': return '\\';
    default: return c == quote ? quote : 0;
  }
}

/* Does the character at `at` stand for itself, between such quotes? */
static inline bool is_plain(const char *at, char quote) {
  unsigned char byte = (unsigned char)*at;
  if (OURO_LIKELY(byte < 0x80)) return byte >= ' ' && byte < 0x7f && *at != quote && *at != '\\';
  return byte > 0xc2 ? !is_escaped(ouro__utf8_next(&at)) : (unsigned char)at[1] >= 0xa0;
}

static int append_quoted(const char *at, const char *end, char quote, ouro_buffer *out) {
  int code = OURO_OK;
  while (!code && at < end) {
    const char *plain = at;
    while (at < end && is_plain(at, quote)) at += ouro__utf8_bytes(*at);
    code = ouro_buffer_append(out, plain, (size_t)(at - plain));
    if (code || at == end) return code;
    char short_form[2] = {'\\', escape_of(*at, quote)};
    uint32_t point = ouro__utf8_next(&at);
    code = short_form[1] ? ouro_buffer_append(out, short_form, 2) : append_escape(point, out);
  }
  return code;
}

/* Where it is all that the buffer gets, it gets a block of that size at once. */
static int room_for(ouro_buffer *out, size_t bytes) {
  return ouro_buffer_count(out) == 0 ? ouro_buffer_reserve(out, bytes) : OURO_OK;
}

/* In single quotes, unless it has some, and no double ones. */
int ouro__str_repr_text(const char *text, size_t bytes, ouro_buffer *out) {
  char quote = memchr(text, '\'', bytes) && !memchr(text, '"', bytes) ? '"' : '\'';
  int code = room_for(out, bytes + 2);
  if (!code) code = ouro_buffer_append_char(out, quote);
  if (!code) code = append_quoted(text, text + bytes, quote, out);
  return code ? code : ouro_buffer_append_char(out, quote);
}

/* ---------------------------------------------------------------- walks */

typedef struct str_iterator {
  ouro_object base;
  ouro_str *of;
  _Atomic size_t at; /* of the next character, in bytes */
} str_iterator;

/* The bytes of the next character, whose place is in *at; 0: there is none left. Several threads get each some. */
static unsigned take_next(str_iterator *self, size_t *at) {
  bool alone = ouro__enter_alone();
  size_t here = ouro__load_relaxed(&self->at), bytes = ouro_str_bytes(self->of);
  unsigned count = 0;
  while (here < bytes) {
    count = ouro__utf8_bytes(ouro_str_text(self->of)[here]);
    if (alone) {
      ouro__store_relaxed(&self->at, here + count);
      break;
    }
    if (atomic_compare_exchange_weak_explicit(&self->at, &here, here + count, memory_order_relaxed, memory_order_relaxed)) break;
    count = 0;
  }
  if (alone) ouro__leave_alone();
  *at = here;
  return count;
}

static int iterator_next(void *object, ouro_slot item) {
  str_iterator *self = object;
  size_t at;
  unsigned bytes = take_next(self, &at);
  if (!bytes) return 0;
  ouro_ref made = ouro__str_new_known(ouro_str_text(self->of) + at, bytes, 1);
  if (!made) return ouro__code();
  OURO__SLOT_SET(item, made);
  return 1;
}

static const ouro_protocols iterator_protocols = {.next = iterator_next};

/* What it refers to is acyclic, and so is it. */
static ouro_type iterator_type = {
    .name = "str_iterator",
    .size = sizeof(str_iterator),
    .references = OURO_REFERENCES(offsetof(str_iterator, of)),
    .flags = OURO_TYPE_ACYCLIC,
    .protocols = &iterator_protocols,
};

/* ---------------------------------------------------------------- protocols */

static int str_hash(void *self, uint64_t *hash) {
  *hash = ouro__str_hash(self);
  return OURO_OK;
}

static int str_equal(void *self, void *other) { return ouro_is_str(other) ? ouro__str_same(self, other) : OURO_NOT_MINE; }

static int str_compare(void *self, void *other, int *order) {
  if (!ouro_is_str(other)) return OURO_NOT_MINE;
  *order = ouro_str_compare(self, other);
  return OURO_OK;
}

static int str_repr(void *self, ouro_buffer *out) { return ouro__str_repr_text(ouro_str_text(self), ouro_str_bytes(self), out); }

static int str_str(void *self, ouro_buffer *out) { return ouro_buffer_append(out, ouro_str_text(self), ouro_str_bytes(self)); }

static int str_length(void *self, size_t *length) {
  *length = ouro_str_length(self);
  return OURO_OK;
}

static int str_truth(void *self) { return ouro_str_bytes(self) != 0; }

static int str_iterate(void *self, ouro_slot iterator) {
  str_iterator *made = ouro_new(&iterator_type);
  if (!made) return ouro__code();
  made->of = ouro_newref(self);
  OURO__SLOT_SET(iterator, made);
  return OURO_OK;
}

static int str_get_item(void *self, void *key, ouro_slot item) {
  ptrdiff_t index;
  int code = ouro__index_of_key(key, &index);
  if (code) return code;
  ouro_ref made = ouro_str_get(self, index);
  if (!made) return ouro__code();
  OURO__SLOT_SET(item, made);
  return OURO_OK;
}

static int str_contains(void *self, void *item) { return ouro_is_str(item) ? ouro_str_contains(self, item) : OURO_ETYPE; }

static const ouro_protocols protocols = {
    .hash = str_hash,
    .equal = str_equal,
    .compare = str_compare,
    .repr = str_repr,
    .str = str_str,
    .truth = str_truth,
    .length = str_length,
    .iterate = str_iterate,
    .get_item = str_get_item,
    .contains = str_contains,
};
