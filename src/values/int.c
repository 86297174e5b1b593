/* values/int.c - ints: the two types, those that were made once, making and reading those of 64 bits, and text in both directions.
 *
 *     ouro__small_ints[]:   | -5 | -4 | ... | 1024 |    in static memory, immortal; 32 bytes each
 *
 * Arithmetic is arith.c's, and what lies beyond 64 bits big.c's; I-INT-1 in values/number.h says which is which. */
#include <string.h>

#include "values/number.h"

#include <ouro/bytes.h>

/* ---------------------------------------------------------------- the types */

static int int_truth(void *self) { return !ouro__int_is_small(self) || ouro__int_value(self) != 0; }

static int int_repr(void *self, ouro_buffer *out) { return ouro_int_into(self, 10, out); }

static const ouro_protocols int_protocols = {
    .hash = ouro__number_hash,
    .equal = ouro__number_equal,
    .compare = ouro__number_compare,
    .repr = int_repr,
    .truth = int_truth,
};

enum { CONSTANT = OURO_TYPE_ACYCLIC | OURO_TYPE_IMMUTABLE };

ouro_type ouro_int_type = {.name = "int", .size = sizeof(ouro_int), .flags = CONSTANT, .protocols = &int_protocols};

ouro_type ouro__big_int_type = {
    .name = "int",
    .size = sizeof(ouro__big),
    .item_size = sizeof(uint64_t),
    .flags = CONSTANT,
    .protocols = &int_protocols,
};

/* ---------------------------------------------------------------- made once */

#define ONE(n) {{OURO_IMMORTAL_OBJECT(&ouro_int_type), (n)}, 0},
#define FOUR(n) ONE(n) ONE((n) + 1) ONE((n) + 2) ONE((n) + 3)
#define SIXTEEN(n) FOUR(n) FOUR((n) + 4) FOUR((n) + 8) FOUR((n) + 12)
#define SIXTY_FOUR(n) SIXTEEN(n) SIXTEEN((n) + 16) SIXTEEN((n) + 32) SIXTEEN((n) + 48)
#define MANY(n) SIXTY_FOUR(n) SIXTY_FOUR((n) + 64) SIXTY_FOUR((n) + 128) SIXTY_FOUR((n) + 192)

_Alignas(16) ouro__small_int ouro__small_ints[OURO__SMALL_INTS] = {
    ONE(-5) ONE(-4) ONE(-3) ONE(-2) ONE(-1) MANY(0) MANY(256) MANY(512) MANY(768) ONE(1024)};

_Static_assert(sizeof(ouro__small_int) % 16 == 0, "each begins where an object may");

/* ---------------------------------------------------------------- making and reading */

ouro_ref ouro__int_make(int64_t value) {
  ouro_int *self = ouro__number_new(&ouro_int_type);
  if (OURO_LIKELY(self != NULL)) self->value = value;
  return self;
}

int ouro__give_magnitude(uint64_t magnitude, bool negative, ouro_slot result) {
  if (magnitude <= (uint64_t)INT64_MAX + negative) return ouro__give_int((int64_t)(negative ? -magnitude : magnitude), result);
  return ouro__big_from_magnitude(magnitude, negative, result);
}

static ouro_ref made(int code, void *const *object) { return code ? ouro__fail(code) : *object; }

ouro_ref ouro_int_new_u64(uint64_t value) {
  void *object = NULL;
  return made(ouro__give_magnitude(value, false, &object), &object);
}

ouro_ref ouro_int_from_float(double value) {
  void *object = NULL;
  if (value != value) return ouro__fail(OURO_EINVAL);
  if (value - value != 0) return ouro__fail(OURO_ERANGE);
  if (value >= -0x1p63 && value < 0x1p63) return ouro_int_new((int64_t)value);
  return made(ouro__big_from_double(value, &object), &object);
}

int ouro_int_get_u64(const void *object, uint64_t *value) {
  int64_t small;
  int code = ouro_int_get(object, &small);
  if (code == OURO_OK && small >= 0) {
    *value = (uint64_t)small;
    return OURO_OK;
  }
  if (code == OURO_ETYPE) return code;
  if (code == OURO_OK || ouro__big_is_negative(object) || ouro__items(object) != 1) return OURO_ERANGE;
  *value = ((const ouro__big *)object)->limbs[0];
  return OURO_OK;
}

int ouro_int_sign(const void *object, int *sign) {
  if (ouro__int_is_small(object)) {
    int64_t value = ouro__int_value(object);
    *sign = (value > 0) - (value < 0);
    return OURO_OK;
  }
  if (!ouro__int_is_big(object)) return OURO_ETYPE;
  *sign = ouro__big_is_negative(object) ? -1 : 1;
  return OURO_OK;
}

int ouro_int_bit_length(const void *object, size_t *bits) {
  if (ouro__int_is_small(object)) {
    uint64_t magnitude = ouro__magnitude(ouro__int_value(object));
    *bits = magnitude ? 64 - (size_t)__builtin_clzll(magnitude) : 0;
    return OURO_OK;
  }
  if (!ouro__int_is_big(object)) return OURO_ETYPE;
  *bits = ouro__big_bits(object);
  return OURO_OK;
}

/* ---------------------------------------------------------------- to text */

static const char pairs[] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657585960616263646566"
    "676869707172737475767778798081828384858687888990919293949596979899";

static char *decimals_before(char *at, uint64_t value) {
  for (; value >= 100; value /= 100) {
    at -= 2;
    memcpy(at, &pairs[value % 100 * 2], 2);
  }
  if (value < 10) {
    *--at = (char)('0' + value);
    return at;
  }
  memcpy(at - 2, &pairs[value * 2], 2);
  return at - 2;
}

char *ouro__digits_before(char *end, uint64_t value, unsigned base) {
  if (base == 10) return decimals_before(end, value);
  do *--end = "0123456789abcdefghijklmnopqrstuvwxyz"[value % base];
  while (value /= base);
  return end;
}

int ouro_int_into(const void *object, int base, ouro_buffer *out) {
  char text[72], *end = text + sizeof text;
  if (base < 2 || base > 36) return OURO_EINVAL;
  if (!ouro__int_is_small(object)) return ouro__int_is_big(object) ? ouro__big_into(object, (unsigned)base, out) : OURO_ETYPE;
  int64_t value = ouro__int_value(object);
  char *at = ouro__digits_before(end, ouro__magnitude(value), (unsigned)base);
  if (value < 0) *--at = '-';
  return ouro_buffer_append(out, at, (size_t)(end - at));
}

/* ---------------------------------------------------------------- from text */

typedef struct source {
  const char *at, *end;
  unsigned base;
  bool negative;
} source;

/* Of C's isspace. (To str.strip also \x1c to \x1f are white; to Python's int() and float() they are not.) */
static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* The base that the two characters at `text` announce; 0: none. */
static unsigned announced(const char *text) {
  if (text[0] != '0') return 0;
  switch (text[1] | 32) {
    case 'b': return 2;
    case 'o': return 8;
    case 'x': return 16;
    default: return 0;
  }
}

/* Without what surrounds it: white space, the sign, the prefix. false: that is wrong already. */
static bool strip(source *it) {
  while (it->at < it->end && is_space(*it->at)) it->at++;
  while (it->at < it->end && is_space(it->end[-1])) it->end--;
  if (it->at < it->end && (*it->at == '-' || *it->at == '+')) it->negative = *it->at++ == '-';
  unsigned prefix = it->end - it->at >= 2 ? announced(it->at) : 0;
  bool guess = it->base == 0;
  if (prefix && (guess || it->base == prefix)) {
    it->base = prefix;
    it->at += 2;
    guess = false;
  }
  if (guess) it->base = 10;
  const char *first = it->at;
  while (it->end - it->at > 1 && *it->at == '0') it->at++;
  return it->at < it->end && !(guess && first < it->at && *it->at != '0');
}

/* The number that all digits say, or, where that has more than 64 bits, 1; 0: there is something else among them, -1. */
static int number_of(const source *it, uint64_t *value) {
  bool fits = true;
  *value = 0;
  for (const char *at = it->at; at < it->end; at++) {
    unsigned digit = ouro__digit(*at);
    if (digit >= it->base) return -1;
    fits = fits && !__builtin_mul_overflow(*value, (uint64_t)it->base, value) && !__builtin_add_overflow(*value, (uint64_t)digit, value);
  }
  return !fits;
}

ouro_ref ouro_int_from_text(const char *text, size_t length, int base) {
  void *object = NULL;
  uint64_t magnitude;
  if (!text || base < 0 || base == 1 || base > 36) return ouro__fail(OURO_EINVAL);
  source it = {text, text + length, (unsigned)base, false};
  if (!strip(&it)) return ouro__fail(OURO_ESYNTAX);
  int found = number_of(&it, &magnitude);
  if (found < 0) return ouro__fail(OURO_ESYNTAX);
  int code = found ? ouro__big_from_digits(it.at, (size_t)(it.end - it.at), it.base, it.negative, &object)
                   : ouro__give_magnitude(magnitude, it.negative, &object);
  return made(code, &object);
}
