/* values/number.c - what ints, floats and bools have in common: they are compared by their exact values, and hash by them (I-HASH-1).
 *
 * An int is compared with a float without being rounded to one: beyond 2^53 two ints would be equal to one float, and not to each other. */
#include <math.h>

#include "values/number.h"

#include <ouro/bytes.h>

/* ---------------------------------------------------------------- what an object is worth */

typedef struct number {
  enum { NONE, SMALL, BIG, REAL } kind;
  int64_t small;
  double real;
  const void *big;
} number;

static inline number number_of(const void *object) {
  const ouro_type *type = ouro_type_of(object);
  if (type == &ouro_int_type) return (number){.kind = SMALL, .small = ouro__int_value(object)};
  if (type == &ouro_float_type) return (number){.kind = REAL, .real = ouro_float_value(object)};
  if (type == &ouro__big_int_type) return (number){.kind = BIG, .big = object};
  if (ouro_is_bool(object)) return (number){.kind = SMALL, .small = object == ouro_true};
  return (number){.kind = NONE};
}

/* ---------------------------------------------------------------- hash */

enum { INFINITY_RESIDUE = 314159 /* CPython's; any number does */, HASH_BITS = 61, STEP = 28 };

static uint64_t times_two_to(uint64_t residue, unsigned exponent) {
  return (residue << exponent & (uint64_t)OURO__HASH_PRIME) | residue >> (HASH_BITS - exponent);
}

/* The residue of |value|, which is finite: its mantissa is taken up 28 bits at a time, and 2^61 is 1. */
static uint64_t residue_of_double(double value) {
  int exponent;
  double mantissa = frexp(value, &exponent);
  uint64_t residue = 0;
  while (mantissa != 0) {
    mantissa *= 1 << STEP;
    uint64_t part = (uint64_t)mantissa;
    mantissa -= (double)part;
    exponent -= STEP;
    residue = times_two_to(residue, STEP) + part;
    if (residue >= (uint64_t)OURO__HASH_PRIME) residue -= (uint64_t)OURO__HASH_PRIME;
  }
  int turn = exponent % HASH_BITS;
  return times_two_to(residue, (unsigned)(turn < 0 ? turn + HASH_BITS : turn));
}

uint64_t ouro__double_hash(double value) {
  if (value >= -0x1p63 && value < 0x1p63 && (double)(int64_t)value == value) return ouro__int_hash((int64_t)value);
  double magnitude = fabs(value);
  int64_t residue = isinf(value) ? INFINITY_RESIDUE : (int64_t)residue_of_double(magnitude);
  return ouro__residue_hash(value < 0 ? -residue : residue);
}

/* NaNs are equal to nothing but themselves, so many of them in one table shall not collide. */
static uint64_t identity_hash(const void *object) { return ouro__residue_hash((int64_t)(uintptr_t)object); }

int ouro__number_hash(void *self, uint64_t *hash) {
  number it = number_of(self);
  switch (it.kind) {
    case SMALL: *hash = ouro__int_hash(it.small); break;
    case BIG: *hash = ouro__residue_hash(ouro__big_residue(it.big)); break;
    default: *hash = isnan(it.real) ? identity_hash(self) : ouro__double_hash(it.real);
  }
  return OURO_OK;
}

/* ---------------------------------------------------------------- order */

enum { UNORDERED = 2 };

static inline int sign_of(bool below, bool above) { return (int)above - (int)below; }

static int order_of_doubles(double a, double b) { return isnan(a) || isnan(b) ? UNORDERED : sign_of(a < b, a > b); }

/* Where the int is not exact as a double, it is so large that a double next to it has no fraction. */
static int order_of_int_and_double(int64_t a, double b) {
  const int64_t exact = INT64_C(1) << 53;
  if (a >= -exact && a <= exact) return order_of_doubles((double)a, b);
  if (isnan(b)) return UNORDERED;
  if (b >= 0x1p63) return -1;
  if (b < -0x1p63) return 1;
  return sign_of(a < (int64_t)b, a > (int64_t)b);
}

static int order_of_big_and_double(const void *a, double b) {
  if (isnan(b)) return UNORDERED;
  if (isinf(b)) return b > 0 ? -1 : 1;
  return ouro__big_order_double(a, b);
}

static int reverse(int order) { return order == UNORDERED ? order : -order; }

static int order_of_small(number a, number b) {
  if (b.kind == SMALL) return sign_of(a.small < b.small, a.small > b.small);
  if (b.kind == REAL) return order_of_int_and_double(a.small, b.real);
  return ouro__big_is_negative(b.big) ? 1 : -1;
}

/* -1, 0, 1 or UNORDERED. */
static int order_of(number a, number b) {
  if (a.kind == SMALL) return order_of_small(a, b);
  if (b.kind == SMALL) return reverse(order_of_small(b, a));
  if (a.kind == REAL) return b.kind == REAL ? order_of_doubles(a.real, b.real) : reverse(order_of_big_and_double(b.big, a.real));
  return b.kind == REAL ? order_of_big_and_double(a.big, b.real) : ouro__big_order(a.big, b.big);
}

int ouro__number_equal(void *self, void *other) {
  if (OURO_LIKELY(ouro__both_small(self, other))) return ouro__int_value(self) == ouro__int_value(other);
  number a = number_of(self), b = number_of(other);
  return a.kind == NONE || b.kind == NONE ? OURO_NOT_MINE : order_of(a, b) == 0;
}

int ouro__number_compare(void *self, void *other, int *order) {
  number a = number_of(self), b = number_of(other);
  if (a.kind == NONE || b.kind == NONE) return OURO_NOT_MINE;
  int found = order_of(a, b);
  if (found == UNORDERED) return OURO_ETYPE;
  *order = found;
  return OURO_OK;
}

/* ---------------------------------------------------------------- bool */

static int bool_truth(void *self) { return self == ouro_true; }

static int bool_repr(void *self, ouro_buffer *out) { return ouro_buffer_append_text(out, self == ouro_true ? "True" : "False"); }

static const ouro_protocols bool_protocols = {
    .hash = ouro__number_hash,
    .equal = ouro__number_equal,
    .compare = ouro__number_compare,
    .repr = bool_repr,
    .truth = bool_truth,
};

ouro_type ouro_bool_type = {
    .name = "bool",
    .size = sizeof(ouro_object),
    .flags = OURO_TYPE_ACYCLIC | OURO_TYPE_IMMUTABLE,
    .protocols = &bool_protocols,
};
