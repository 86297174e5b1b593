/* values/json_build.c - events make values: the stack, the memo of strings, numbers. See json.h for a picture.
 *
 * Items wait on the stack until their list or dict ends, so that it is made at once, of just its size: it never grows, and no collection
 * looks at what is unfinished. What has been made lives by the references on the stack. */
#include <float.h>
#include <string.h>

#include <ouro/dict.h>
#include <ouro/heap.h>
#include <ouro/list.h>
#include <ouro/number.h>

#include "values/json.h"
#include "values/str.h"
#include "values/table.h"

/* ---------------------------------------------------------------- the stack */

enum { LEAST_ROOM = 64 };

/* Room for one more element in an array that has `count`; `array` is where its address is. false: no memory. */
static bool grow(void *array, size_t count, size_t *room, size_t element) {
  if (OURO_LIKELY(count < *room)) return true;
  size_t larger = *room ? *room * 2 : LEAST_ROOM;
  void *moved = ouro_realloc(OURO__SLOT_GET(array), larger * element);
  if (!moved) return false;
  OURO__SLOT_SET(array, moved);
  *room = larger;
  return true;
}

static bool room_for_item(ouro__json_builder *builder) {
  return grow(&builder->items, builder->count, &builder->room, sizeof *builder->items);
}

/* Takes over `value`, also when it fails; NULL: the code of errno. */
static int push(ouro__json_builder *builder, void *value) {
  if (OURO_UNLIKELY(!value)) return ouro__code();
  if (OURO_UNLIKELY(!room_for_item(builder))) {
    ouro_decref(value);
    return OURO_ENOMEM;
  }
  builder->items[builder->count++] = value;
  if (!builder->depth) builder->whole = builder->count;
  return OURO_OK;
}

/* From the last one on, as what is popped is no longer on the stack when its release runs. */
static void release_from(ouro__json_builder *builder, size_t begin) {
  while (builder->count > begin) ouro_decref(builder->items[--builder->count]);
}

/* Nothing whole is left: what is unfinished begins at the bottom again. That is what one piece of text began, at most. */
static void move_down(ouro__json_builder *builder) {
  size_t gone = builder->taken;
  builder->count -= gone;
  builder->taken = builder->whole = 0;
  memmove(builder->items, builder->items + gone, builder->count * sizeof *builder->items);
  for (size_t i = 0; i < builder->depth; i++) {
    builder->frames[i].begin -= gone;
  }
}

bool ouro__json_take(ouro__json_builder *builder, ouro_slot value) {
  if (builder->taken == builder->whole) return false;
  OURO__SLOT_SET(value, builder->items[builder->taken++]);
  if (builder->taken == builder->whole) move_down(builder);
  return true;
}

void ouro__json_drop(ouro__json_builder *builder) {
  builder->depth = 0;
  release_from(builder, builder->whole);
}

/* ---------------------------------------------------------------- strings and keys
 *
 * Documents repeat a few keys millions of times, and short strings that are names as well. The memo has a place for each of some hundred
 * hashes; a string that is not in its place takes it. It is looked for by its bytes, so a hit costs neither a check of its UTF-8, nor a
 * hash, nor an object. Keys and other strings have places of their own: strings are of more kinds, and would drive keys out. */

enum {
  MEMO_BITS = 9,
  MEMO = 1 << MEMO_BITS,
  FEW_KEYS = 32,
  LONGEST_KEY = 64,
  LONGEST_WORD = 8, /* of what is no key: longer ones are seldom the same */
};

/* The first and the last bytes of a text, up to eight each: all of it, up to sixteen. */
typedef struct text_ends {
  uint64_t first, last;
} text_ends;

static inline text_ends ends_of(const char *text, size_t bytes) {
  text_ends ends = {0, 0};
  if (bytes >= sizeof(uint64_t)) {
    memcpy(&ends.first, text, sizeof(uint64_t));
    memcpy(&ends.last, text + bytes - sizeof(uint64_t), sizeof(uint64_t));
  } else if (bytes >= sizeof(uint32_t)) {
    memcpy(&ends.first, text, sizeof(uint32_t));
    memcpy(&ends.last, text + bytes - sizeof(uint32_t), sizeof(uint32_t));
  } else {
    for (size_t i = 0; i < bytes; i++) ends.first = ends.first << 8 | (unsigned char)text[i];
  }
  return ends;
}

/* Names that differ in their middle alone share a place. */
static inline size_t place_of(text_ends ends, size_t bytes) {
  uint64_t mixed = (ends.first ^ (ends.last << 29 | ends.last >> 35) ^ bytes) * UINT64_C(0x9e3779b97f4a7c15);
  return (size_t)(mixed >> (64 - MEMO_BITS));
}

static inline bool is_same(const ouro_str *str, text_ends ends, const char *text, size_t bytes) {
  if (ouro_str_bytes(str) != bytes) return false;
  text_ends other = ends_of(ouro_str_text(str), bytes);
  return other.first == ends.first && other.last == ends.last &&
         (bytes <= sizeof ends || memcmp(ouro_str_text(str), text, bytes) == 0);
}

/* A new string, which takes a place of the memo, unless that is NULL. */
static int push_new(ouro__json_builder *builder, ouro_str **place, const char *text, size_t bytes, size_t *where) {
  size_t points;
  int code = ouro__utf8_check_at(text, bytes, &points, where);
  if (OURO_UNLIKELY(code)) return code;
  ouro_str *str = ouro__str_new_known(text, bytes, points);
  if (str && place) ouro_setref(place, str);
  return push(builder, str);
}

/* Through the places from `memo` on. */
static int push_known(ouro__json_builder *builder, ouro_str **memo, const char *text, size_t bytes, size_t *where) {
  text_ends ends = ends_of(text, bytes);
  ouro_str **place = &memo[place_of(ends, bytes)];
  if (*place && is_same(*place, ends, text, bytes)) return push(builder, ouro_newref(*place));
  return push_new(builder, place, text, bytes, where);
}

/* There is none for a few keys; nor where there is no memory for it: all goes on without. */
static OURO_COLD void make_memo(ouro__json_builder *builder) {
  if (++builder->keys > FEW_KEYS) builder->memo = ouro_calloc(2 * MEMO, sizeof *builder->memo);
}

int ouro__json_key(ouro__json_builder *builder, const char *text, size_t bytes, size_t *where) {
  if (OURO_UNLIKELY(!builder->memo)) make_memo(builder);
  if (OURO_UNLIKELY(bytes > LONGEST_KEY || !builder->memo)) return push_new(builder, NULL, text, bytes, where);
  return push_known(builder, builder->memo, text, bytes, where);
}

int ouro__json_string(ouro__json_builder *builder, const char *text, size_t bytes, size_t *where) {
  if (bytes > LONGEST_WORD || !builder->memo) return push_new(builder, NULL, text, bytes, where);
  return push_known(builder, builder->memo + MEMO, text, bytes, where);
}

/* ---------------------------------------------------------------- numbers
 *
 * A number that has a sign, digits, a point and an exponent is mantissa * 10^exponent. Where the mantissa is below 2^53 and the power
 * 10^22 at most, both are doubles without any rounding (10^22 is 5^22 * 2^22, and 5^22 is below 2^53), so that one multiplication or
 * division rounds once, to the nearest double: as exact as any way is. (W. Clinger, "How to Read Floating Point Numbers Accurately", PLDI
 * 1990.) */

enum {
  INT_DIGITS = 18,    /* whatever they are, they fit in 64 bits */
  EXACT_POWER = 22,
  MANTISSA_DIGITS = 19,
  LARGE_EXPONENT = 9999,
};

#define EXACT_MANTISSA (UINT64_C(1) << 53)

static const double powers[EXACT_POWER + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                               1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

typedef struct decimal {
  uint64_t mantissa; /* modulo 2^64, so of no use where it has too many digits */
  int64_t exponent;
  size_t digits; /* of the mantissa, leading zeros aside */
} decimal;

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static const char *read_digits(const char *at, const char *end, decimal *number) {
  for (; at < end && is_digit(*at); at++) {
    number->mantissa = number->mantissa * 10 + (uint64_t)(*at - '0');
    number->digits += number->digits || *at != '0';
  }
  return at;
}

static int64_t read_exponent(const char *at, const char *end) {
  bool negative = at < end && *at == '-';
  int64_t exponent = 0;
  for (at += at < end && !is_digit(*at); at < end && exponent < LARGE_EXPONENT; at++) exponent = exponent * 10 + (*at - '0');
  return negative ? -exponent : exponent;
}

/* What is behind its sign. */
static decimal read_decimal(const char *text, const char *end) {
  decimal number = {0};
  const char *at = read_digits(text, end, &number);
  if (at < end && *at == '.') {
    const char *fraction = at + 1;
    at = read_digits(fraction, end, &number);
    number.exponent = fraction - at;
  }
  if (at < end) number.exponent += read_exponent(at + 1, end);
  return number;
}

/* false: it takes the long way. */
static bool is_exact(const decimal *number) {
  return number->digits <= MANTISSA_DIGITS && number->mantissa <= EXACT_MANTISSA && number->exponent <= EXACT_POWER &&
         number->exponent >= -EXACT_POWER && FLT_EVAL_METHOD == 0;
}

static int push_float(ouro__json_builder *builder, const char *text, size_t bytes) {
  bool negative = *text == '-';
  decimal number = read_decimal(text + negative, text + bytes);
  double value = (double)number.mantissa;
  if (OURO_LIKELY(is_exact(&number))) {
    value = number.exponent < 0 ? value / powers[-number.exponent] : value * powers[number.exponent];
    value = negative ? -value : value;
  } else {
    int code = ouro_double_from_text(text, bytes, &value);
    if (OURO_UNLIKELY(code)) return code;
  }
  return push(builder, ouro_float_new(value));
}

static int push_int(ouro__json_builder *builder, const char *text, size_t bytes) {
  bool negative = *text == '-';
  if (OURO_UNLIKELY(bytes - negative > INT_DIGITS)) return push(builder, ouro_int_from_text(text, bytes, 10));
  int64_t value = 0;
  for (size_t i = negative; i < bytes; i++) {
    value = value * 10 + (text[i] - '0');
  }
  return push(builder, ouro_int_new(negative ? -value : value));
}

int ouro__json_number(ouro__json_builder *builder, const char *text, size_t bytes) {
  for (size_t i = 1; i < bytes; i++) {
    if (!is_digit(text[i])) return push_float(builder, text, bytes);
  }
  return push_int(builder, text, bytes);
}

int ouro__json_constant(ouro__json_builder *builder, void *immortal) { return push(builder, immortal); }

/* ---------------------------------------------------------------- lists and dicts */

int ouro__json_open(ouro__json_builder *builder, bool is_dict) {
  if (builder->depth == builder->deepest) return OURO_EDEEP;
  if (!grow(&builder->frames, builder->depth, &builder->frames_room, sizeof *builder->frames)) return OURO_ENOMEM;
  if (!room_for_item(builder)) return OURO_ENOMEM; /* also of nothing there is a beginning */
  builder->frames[builder->depth++] = (ouro__json_frame){builder->count, is_dict};
  return OURO_OK;
}

/* From keys and values in turn, whose references it takes over, also when it fails. A key that was there keeps its place. */
static void *new_dict(void *const *items, size_t count) {
  ouro_dict *dict = ouro__dict_with_room(count / 2);
  int code = dict ? OURO_OK : ouro__code();
  size_t i = 0;
  for (; i < count && !code; i += 2) {
    code = ouro__dict_set_new_str(dict, items[i], items[i + 1]);
  }
  if (OURO_LIKELY(!code)) return dict;
  while (i < count) ouro_decref(items[i++]);
  ouro_xdecref(dict);
  return ouro__fail(code);
}

int ouro__json_close(ouro__json_builder *builder) {
  ouro__json_frame frame = builder->frames[--builder->depth];
  void *const *items = builder->items + frame.begin;
  size_t count = builder->count - frame.begin;
  builder->count = frame.begin;
  return push(builder, frame.is_dict ? new_dict(items, count) : ouro_list_new_items_move(count, items));
}

/* ---------------------------------------------------------------- its end */

void ouro__json_builder_done(ouro__json_builder *builder) {
  builder->whole = builder->taken;
  ouro__json_drop(builder);
  for (size_t i = 0; builder->memo && i < 2 * MEMO; i++) {
    ouro_clear(&builder->memo[i]);
  }
  ouro_free(builder->memo);
  ouro_free(builder->items);
  ouro_free(builder->frames);
}
