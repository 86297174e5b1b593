/* values/float.c - floats: made, rounded to, printed so that they read back, and read; whatever the locale is.
 *
 * repr is the shortest text that reads back as the same double, and the nearest to it of those that are as short, as in CPython. Three ways
 * lead there: most floats that people wrote have few decimals, and are found by multiplying with powers of ten, which is exact enough below
 * 10^15 (a decimal of 15 digits survives the way through a double); what remains is tried with the 15, 16 and 17 digits that the C library
 * prints. Text is read in the same way: up to 2^53, with a power of ten up to 10^22, one operation rounds once (W. Clinger, "How to read
 * floating point numbers accurately", PLDI 1990); all else is the C library's. */
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "values/number.h"

#include <ouro/bytes.h>
#include <ouro/heap.h>

enum { EXACT_POWERS = 23, EXACT_DIGITS = 15, MOST_FIXED_EXPONENT = 16, LEAST_FIXED_EXPONENT = -4, DIGITS_MOST = 17 };

static const double powers_of_ten[EXACT_POWERS] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* ---------------------------------------------------------------- the type */

static int float_truth(void *self) { return ouro_float_value(self) != 0; }

static int float_repr(void *self, ouro_buffer *out) {
  char text[OURO_DOUBLE_TEXT];
  size_t length = ouro_double_text(ouro_float_value(self), text);
  return ouro_buffer_append(out, text, length);
}

static const ouro_protocols float_protocols = {
    .hash = ouro__number_hash,
    .equal = ouro__number_equal,
    .compare = ouro__number_compare,
    .repr = float_repr,
    .truth = float_truth,
};

ouro_type ouro_float_type = {
    .name = "float",
    .size = sizeof(ouro_float),
    .flags = OURO_TYPE_ACYCLIC | OURO_TYPE_IMMUTABLE,
    .protocols = &float_protocols,
};

ouro_ref ouro_float_new(double value) {
  ouro_float *self = ouro__number_new(&ouro_float_type);
  if (OURO_LIKELY(self != NULL)) self->value = value;
  return self;
}

/* ---------------------------------------------------------------- rounding */

enum { MANTISSA_BITS = 53, LEAST_EXPONENT = -1074, GREATEST_EXPONENT = 1024, WORD_BITS = 64 };

/* The mantissa without its lowest bits, to the nearest, the even one of two. */
static uint64_t round_off(uint64_t mantissa, int64_t bits) {
  if (bits > WORD_BITS) return 0;
  uint64_t half = UINT64_C(1) << (bits - 1), low = bits == WORD_BITS ? mantissa : mantissa & (half * 2 - 1);
  uint64_t rest = bits == WORD_BITS ? 0 : mantissa >> bits;
  return rest + (low > half || (low == half && rest & 1));
}

int ouro__scaled(uint64_t mantissa, int64_t exponent, double *value) {
  int64_t length = WORD_BITS - __builtin_clzll(mantissa), too_fine = LEAST_EXPONENT - exponent;
  int64_t drop = length - MANTISSA_BITS > too_fine ? length - MANTISSA_BITS : too_fine;
  if (length + exponent > GREATEST_EXPONENT) return OURO_ERANGE;
  if (drop > 0) {
    mantissa = round_off(mantissa, drop);
    exponent += drop;
  }
  double scaled = ldexp((double)mantissa, (int)exponent);
  if (isinf(scaled)) return OURO_ERANGE;
  *value = scaled;
  return OURO_OK;
}

int ouro_number_to_double(const void *object, double *value) {
  if (ouro_is_float(object)) {
    *value = ouro_float_value(object);
  } else if (ouro__int_is_small(object)) {
    *value = (double)ouro__int_value(object);
  } else {
    return ouro__int_is_big(object) ? ouro__big_to_double(object, value) : OURO_ETYPE;
  }
  return OURO_OK;
}

int ouro_float_is_integer(const void *object) {
  if (!ouro_is_float(object)) return OURO_ETYPE;
  double value = ouro_float_value(object), whole;
  return isfinite(value) && modf(value, &whole) == 0;
}

/* ---------------------------------------------------------------- to text: digits */

/* 0.d1d2d3... * 10^point */
typedef struct decimal {
  char digits[DIGITS_MOST + 3];
  int count, point;
} decimal;

static void set_digits(decimal *it, uint64_t number, int decimals) {
  char text[24], *end = text + sizeof text, *at = ouro__digits_before(end, number, 10);
  it->point = (int)(end - at) - decimals;
  while (end - at > 1 && end[-1] == '0') end--;
  it->count = (int)(end - at);
  memcpy(it->digits, at, (size_t)it->count);
}

/* With the fewest decimals that read back, if 15 digits are enough: both the number without its point and the power of ten are exact, so
 * that the division rounds just as reading does. */
static bool few_digits(double value, decimal *it) {
  const double most = 1e15;
  if (value >= most || value < 1e-5) return false;
  for (int decimals = 0; decimals < EXACT_POWERS; decimals++) {
    double number = rint(value * powers_of_ten[decimals]);
    if (number >= most) return false;
    if (number / powers_of_ten[decimals] != value) continue;
    set_digits(it, (uint64_t)number, decimals);
    return true;
  }
  return false;
}

static void from_scientific(const char *text, decimal *it) {
  it->count = 0;
  for (; *text && *text != 'e'; text++) {
    if (*text >= '0' && *text <= '9') it->digits[it->count++] = *text;
  }
  it->point = atoi(text + 1) + 1;
  while (it->count > 1 && it->digits[it->count - 1] == '0') it->count--;
}

/* One more in the last place of d.ddddde+xx; false: that would need a carry out of it, and the digits are not wanted. */
static bool next_up(char *text) {
  char *at = strchr(text, 'e') - 1;
  for (; at >= text; at--) {
    if (*at < '0' || *at > '9') continue;
    if (*at != '9') {
      ++*at;
      return true;
    }
    *at = '0';
  }
  return false;
}

/* Below a power of two doubles lie twice as close, so that the nearest decimal may not read back where the next one up does. */
static bool is_power_of_two(double value) {
  int exponent;
  return frexp(value, &exponent) == 0.5;
}

static void many_digits(double value, int digits, decimal *it) {
  char text[DIGITS_MOST + 16];
  for (; digits < DIGITS_MOST; digits++) {
    snprintf(text, sizeof text, "%.*e", digits - 1, value);
    if (strtod(text, NULL) == value) break;
    if (is_power_of_two(value) && next_up(text) && strtod(text, NULL) == value) break;
  }
  if (digits == DIGITS_MOST) snprintf(text, sizeof text, "%.*e", digits - 1, value);
  from_scientific(text, it);
}

/* Digits as the C library prints and reads them, with a point for a point. The "C" locale is not made, but there. */
static void many_digits_in_c(double value, decimal *it) {
  locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0), before = uselocale(c);
  bool is_tiny = value < 0x1p-1022;
  many_digits(value, is_tiny ? 1 : value >= 1e-5 && value < 1e15 ? EXACT_DIGITS + 1 : EXACT_DIGITS, it);
  uselocale(before);
  freelocale(c);
}

/* ---------------------------------------------------------------- to text: layout */

static char *put(char *at, const char *from, int count) {
  memcpy(at, from, (size_t)count);
  return at + count;
}

static char *put_zeros(char *at, int count) {
  memset(at, '0', (size_t)count);
  return at + count;
}

static char *put_fixed(char *at, const decimal *it) {
  int whole = it->point < 0 ? 0 : it->point < it->count ? it->point : it->count;
  at = put(at, it->digits, whole);
  if (it->point <= 0) {
    at = put(at, "0.", 2);
    at = put_zeros(at, -it->point);
  } else {
    at = put_zeros(at, it->point - whole);
    *at++ = '.';
  }
  return whole < it->count ? put(at, it->digits + whole, it->count - whole) : put(at, "0", 1);
}

static char *put_exponent(char *at, int exponent) {
  char text[8], *end = text + sizeof text, *from = ouro__digits_before(end, (uint64_t)abs(exponent), 10);
  if (end - from < 2) *--from = '0';
  *at++ = exponent < 0 ? '-' : '+';
  return put(at, from, (int)(end - from));
}

static char *put_scientific(char *at, const decimal *it) {
  *at++ = it->digits[0];
  if (it->count > 1) {
    *at++ = '.';
    at = put(at, it->digits + 1, it->count - 1);
  }
  *at++ = 'e';
  return put_exponent(at, it->point - 1);
}

size_t ouro_double_text(double value, char text[OURO_DOUBLE_TEXT]) {
  decimal it;
  char *at = text;
  if (signbit(value) && !isnan(value)) *at++ = '-';
  value = fabs(value);
  if (!isfinite(value)) {
    at = put(at, isnan(value) ? "nan" : "inf", 3);
  } else {
    if (!few_digits(value, &it) && value != 0) many_digits_in_c(value, &it);
    if (value == 0) set_digits(&it, 0, 0);
    bool fixed = it.point > LEAST_FIXED_EXPONENT && it.point <= MOST_FIXED_EXPONENT;
    at = fixed ? put_fixed(at, &it) : put_scientific(at, &it);
  }
  *at = 0;
  return (size_t)(at - text);
}

/* ---------------------------------------------------------------- from text */

typedef struct source {
  const char *at, *end;
  uint64_t mantissa; /* of its first 19 digits */
  int64_t digits;    /* how many, without zeros at the beginning */
  int64_t exponent;  /* of ten */
  bool negative, any;
} source;

/* Of C's isspace. (To str.strip also \x1c to \x1f are white; to Python's int() and float() they are not.) */
static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static void take_digits(source *it, bool behind_point) {
  for (; it->at < it->end && is_digit(*it->at); it->at++) {
    it->any = true;
    if (it->digits || *it->at != '0') it->digits++;
    if (it->digits <= 19) {
      it->mantissa = it->mantissa * 10 + (uint64_t)(*it->at - '0');
      it->exponent -= behind_point;
    } else {
      it->exponent += !behind_point;
    }
  }
}

enum { FAR = 100000000 }; /* an exponent that no number of digits in memory makes up for */

static bool take_exponent(source *it) {
  int64_t exponent = 0;
  it->at++;
  bool negative = it->at < it->end && *it->at == '-';
  if (it->at < it->end && (*it->at == '-' || *it->at == '+')) it->at++;
  if (it->at == it->end) return false;
  for (; it->at < it->end && is_digit(*it->at); it->at++) {
    if (exponent < FAR) exponent = exponent * 10 + (*it->at - '0');
  }
  it->exponent += negative ? -exponent : exponent;
  return true;
}

/* [digits][.digits][e[sign]digits], and nothing behind. */
static bool take_number(source *it) {
  take_digits(it, false);
  if (it->at < it->end && *it->at == '.') {
    it->at++;
    take_digits(it, true);
  }
  if (!it->any) return false;
  if (it->at < it->end && (*it->at | 32) == 'e' && !take_exponent(it)) return false;
  return it->at == it->end;
}

static bool is_word(const source *it, const char *word) {
  size_t length = strlen(word);
  if ((size_t)(it->end - it->at) != length) return false;
  for (size_t i = 0; i < length; i++) {
    if ((it->at[i] | 32) != word[i]) return false;
  }
  return true;
}

static bool named(const source *it, double *value) {
  if (is_word(it, "nan")) {
    *value = NAN;
    return true;
  }
  *value = INFINITY;
  return is_word(it, "inf") || is_word(it, "infinity");
}

/* Where one operation on exact numbers gives it. */
static bool read_quickly(const source *it, double *value) {
  if (it->digits > 19 || it->mantissa > UINT64_C(1) << MANTISSA_BITS) return false;
  if (it->mantissa == 0) {
    *value = 0;
    return true;
  }
  if (it->exponent <= -EXACT_POWERS || it->exponent >= EXACT_POWERS) return false;
  double mantissa = (double)it->mantissa;
  *value = it->exponent < 0 ? mantissa / powers_of_ten[-it->exponent] : mantissa * powers_of_ten[it->exponent];
  return true;
}

/* The text, well-formed and without a sign, as the C library reads it: that wants a 0 at its end. */
static int read_slowly(const char *text, size_t length, double *value) {
  char few[128], *copy = length < sizeof few ? few : ouro_malloc(length + 1);
  if (!copy) return OURO_ENOMEM;
  memcpy(copy, text, length);
  copy[length] = 0;
  int saved = errno;
  locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0), before = uselocale(c);
  *value = strtod(copy, NULL);
  uselocale(before);
  freelocale(c);
  errno = saved;
  if (copy != few) ouro_free(copy);
  return OURO_OK;
}

int ouro_double_from_text(const char *text, size_t length, double *value) {
  double found;
  if (!text) return OURO_EINVAL;
  source it = {.at = text, .end = text + length};
  while (it.at < it.end && is_space(*it.at)) it.at++;
  while (it.at < it.end && is_space(it.end[-1])) it.end--;
  if (it.at < it.end && (*it.at == '-' || *it.at == '+')) it.negative = *it.at++ == '-';
  const char *first = it.at;
  if (!named(&it, &found)) {
    if (!take_number(&it)) return OURO_ESYNTAX;
    int code = read_quickly(&it, &found) ? OURO_OK : read_slowly(first, (size_t)(it.end - first), &found);
    if (code) return code;
  }
  *value = it.negative ? -found : found;
  return OURO_OK;
}

ouro_ref ouro_float_from_text(const char *text, size_t length) {
  double value;
  int code = ouro_double_from_text(text, length, &value);
  return code ? ouro__fail(code) : ouro_float_new(value);
}
