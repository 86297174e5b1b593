/* values/big.c - ints beyond 64 bits: arrays of limbs, the lowest first, and a sign beside them.
 *
 * GMP calculates on the arrays that it is given (its mpn functions), so an int is one object, and nothing of GMP's. An operation looks at
 * its operands (an int of 64 bits is an array of one), calculates into scratch memory, and only then makes the object that the result
 * needs: of 64 bits where it fits (I-INT-1), of just as many limbs as it has otherwise (I-INT-2).
 *
 *     view      limbs, how many, sign: borrowed from an object, or from the word beside them
 *     scratch   room for a result: on the stack up to FEW limbs, else a block */
#include <math.h>
#include <string.h>

#include "values/number.h"

#include <ouro/bytes.h>
#include <ouro/heap.h>

#if OURO_HAVE_GMP
#include <gmp.h>

_Static_assert(sizeof(mp_limb_t) == sizeof(uint64_t) && GMP_NUMB_BITS == 64, "limbs are words of 64 bits");

enum { FEW = 40, LIMB_BITS = 64, MANTISSA_BITS = 53, QUOTIENT_BITS = 55 };

typedef mp_limb_t limb;

/* ---------------------------------------------------------------- operands */

typedef struct view {
  const limb *limbs;
  mp_size_t count; /* 0: the number is 0; else the last one is not 0 */
  bool negative;
  limb small;
} view;

static void look(view *v, const void *object) {
  if (ouro__int_is_small(object)) {
    int64_t value = ouro__int_value(object);
    *v = (view){.limbs = &v->small, .count = value != 0, .negative = value < 0, .small = ouro__magnitude(value)};
    return;
  }
  const ouro__big *big = object;
  *v = (view){.limbs = (const limb *)big->limbs, .count = (mp_size_t)big->base.count, .negative = big->negative};
  OURO_ASSERT(v->count > 0 && v->limbs[v->count - 1] != 0); /* I-INT-2 */
}

static size_t bits_of(const limb *limbs, mp_size_t count) {
  return (size_t)count * LIMB_BITS - (size_t)__builtin_clzll(limbs[count - 1]);
}

static mp_size_t without_zeros(const limb *limbs, mp_size_t count) {
  while (count > 0 && limbs[count - 1] == 0) count--;
  return count;
}

static int order_of_magnitudes(const view *a, const view *b) {
  if (a->count != b->count) return a->count < b->count ? -1 : 1;
  return a->count ? mpn_cmp(a->limbs, b->limbs, a->count) : 0;
}

/* ---------------------------------------------------------------- results */

typedef struct scratch {
  limb *limbs;
  limb few[FEW];
} scratch;

static bool take(scratch *s, uint64_t limbs) {
  if (limbs <= FEW) {
    s->limbs = s->few;
  } else {
    s->limbs = limbs > PTRDIFF_MAX / 2 / sizeof(limb) ? NULL : ouro_malloc(limbs * sizeof(limb));
  }
  return s->limbs;
}

static void done(const scratch *s) {
  if (s->limbs != s->few) ouro_free(s->limbs);
}

/* The number as an object; without zeros at its end, of 64 bits where it fits. */
static int give(const limb *limbs, mp_size_t count, bool negative, ouro_slot result) {
  count = without_zeros(limbs, count);
  if (count == 0) return ouro__give_int(0, result);
  if (count == 1 && limbs[0] <= (uint64_t)INT64_MAX + negative) {
    return ouro__give_int((int64_t)(negative ? -limbs[0] : limbs[0]), result);
  }
  ouro__big *big = ouro__new_var_blank(&ouro__big_int_type, (size_t)count);
  if (!big) return ouro__code();
  big->negative = negative;
  memcpy(big->limbs, limbs, (size_t)count * sizeof(limb));
  return ouro__give(big, result);
}

static int give_and_done(scratch *s, mp_size_t count, bool negative, ouro_slot result) {
  int code = give(s->limbs, count, negative, result);
  done(s);
  return code;
}

int ouro__big_from_magnitude(uint64_t magnitude, bool negative, ouro_slot result) {
  limb only = magnitude;
  return give(&only, 1, negative, result);
}

/* ---------------------------------------------------------------- + - * */

/* |a| + |b|, or ||a| - |b||, with a the larger one; returns how many limbs. */
static mp_size_t combine(limb *out, const view *a, const view *b, bool subtract) {
  if (b->count == 0) {
    memcpy(out, a->limbs, (size_t)a->count * sizeof(limb));
    return a->count;
  }
  if (subtract) {
    mpn_sub(out, a->limbs, a->count, b->limbs, b->count);
    return a->count;
  }
  out[a->count] = mpn_add(out, a->limbs, a->count, b->limbs, b->count);
  return a->count + 1;
}

static int add(const view *a, const view *b, ouro_slot result) {
  scratch sum;
  bool a_larger = order_of_magnitudes(a, b) >= 0;
  const view *larger = a_larger ? a : b, *other = a_larger ? b : a;
  if (!take(&sum, (uint64_t)larger->count + 1)) return OURO_ENOMEM;
  mp_size_t count = combine(sum.limbs, larger, other, a->negative != b->negative);
  return give_and_done(&sum, count, larger->negative, result);
}

int ouro__big_add(const void *first, const void *second, ouro_slot result) {
  view a, b;
  look(&a, first);
  look(&b, second);
  return add(&a, &b, result);
}

int ouro__big_sub(const void *first, const void *second, ouro_slot result) {
  view a, b;
  look(&a, first);
  look(&b, second);
  b.negative = !b.negative;
  return add(&a, &b, result);
}

int ouro__big_mul(const void *first, const void *second, ouro_slot result) {
  view a, b;
  scratch product;
  look(&a, first);
  look(&b, second);
  if (a.count == 0 || b.count == 0) return ouro__give_int(0, result);
  if (!take(&product, (uint64_t)a.count + (uint64_t)b.count)) return OURO_ENOMEM;
  if (a.count >= b.count) {
    mpn_mul(product.limbs, a.limbs, a.count, b.limbs, b.count);
  } else {
    mpn_mul(product.limbs, b.limbs, b.count, a.limbs, a.count);
  }
  return give_and_done(&product, a.count + b.count, a.negative != b.negative, result);
}

/* ---------------------------------------------------------------- // % */

/* |a| by |b|, toward 0, into room for a.count + 1 and b.count limbs. */
static void divide(limb *quotient, limb *remainder, const view *a, const view *b) {
  memset(quotient, 0, (size_t)(a->count + 1) * sizeof(limb));
  memset(remainder, 0, (size_t)b->count * sizeof(limb));
  if (a->count < b->count) {
    memcpy(remainder, a->limbs, (size_t)a->count * sizeof(limb));
  } else {
    mpn_tdiv_qr(quotient, remainder, 0, a->limbs, a->count, b->limbs, b->count);
  }
}

/* Where the signs differ and something is left: one more, and what that is too much. */
static void round_down(limb *quotient, limb *remainder, const view *a, const view *b) {
  if (a->negative == b->negative || without_zeros(remainder, b->count) == 0) return;
  mpn_add_1(quotient, quotient, a->count + 1, 1);
  mpn_sub_n(remainder, b->limbs, remainder, b->count);
}

static int give_two(const limb *quotient, const limb *remainder, const view *a, const view *b, ouro_slot first, ouro_slot second) {
  void *made = NULL;
  int code = first ? give(quotient, a->count + 1, a->negative != b->negative, &made) : OURO_OK;
  if (!code && second) code = give(remainder, b->count, b->negative, second);
  if (code) {
    ouro_xdecref(made);
  } else if (first) {
    OURO__SLOT_SET(first, made);
  }
  return code;
}

int ouro__big_divmod(const void *first, const void *second, ouro_slot quotient, ouro_slot remainder) {
  view a, b;
  scratch s;
  look(&a, first);
  look(&b, second);
  OURO_ASSERT(b.count > 0);
  if (!take(&s, (uint64_t)a.count + 1 + (uint64_t)b.count)) return OURO_ENOMEM;
  limb *rest = s.limbs + a.count + 1;
  divide(s.limbs, rest, &a, &b);
  round_down(s.limbs, rest, &a, &b);
  int code = give_two(s.limbs, rest, &a, &b, quotient, remainder);
  done(&s);
  return code;
}

/* ---------------------------------------------------------------- << >> */

/* |a| * 2^bits into room for a.count + bits / 64 + 1 limbs; returns how many. */
static mp_size_t shift_up(limb *out, const view *a, uint64_t bits) {
  mp_size_t whole = (mp_size_t)(bits / LIMB_BITS);
  memset(out, 0, (size_t)whole * sizeof(limb));
  if (bits % LIMB_BITS) {
    out[whole + a->count] = mpn_lshift(out + whole, a->limbs, a->count, bits % LIMB_BITS);
  } else {
    memcpy(out + whole, a->limbs, (size_t)a->count * sizeof(limb));
    out[whole + a->count] = 0;
  }
  return whole + a->count + 1;
}

/* |a| / 2^bits, which is not 0, toward 0, into room for a.count limbs; is anything lost? */
static bool shift_down(limb *out, const view *a, uint64_t bits, mp_size_t *count) {
  mp_size_t whole = (mp_size_t)(bits / LIMB_BITS);
  bool lost = without_zeros(a->limbs, whole) != 0;
  *count = a->count - whole;
  if (bits % LIMB_BITS) return mpn_rshift(out, a->limbs + whole, *count, bits % LIMB_BITS) != 0 || lost;
  memcpy(out, a->limbs + whole, (size_t)*count * sizeof(limb));
  return lost;
}

int ouro__big_lshift(const void *object, uint64_t bits, ouro_slot result) {
  view a;
  scratch shifted;
  look(&a, object);
  if (!take(&shifted, (uint64_t)a.count + bits / LIMB_BITS + 1)) return OURO_ENOMEM;
  mp_size_t count = shift_up(shifted.limbs, &a, bits);
  return give_and_done(&shifted, count, a.negative, result);
}

int ouro__big_rshift(const void *object, uint64_t bits, ouro_slot result) {
  view a;
  scratch shifted;
  mp_size_t count;
  look(&a, object);
  if (bits >= (uint64_t)a.count * LIMB_BITS) return ouro__give_int(a.negative ? -1 : 0, result);
  if (!take(&shifted, (uint64_t)a.count + 1)) return OURO_ENOMEM;
  bool lost = shift_down(shifted.limbs, &a, bits, &count);
  if (lost && a.negative) {
    shifted.limbs[count] = mpn_add_1(shifted.limbs, shifted.limbs, count, 1);
    count++;
  }
  return give_and_done(&shifted, count, a.negative, result);
}

/* ---------------------------------------------------------------- & | ^
 *
 * On two's complements of one limb more than the longer operand has: what lies beyond repeats the last one's highest bit. */

static void to_complement(limb *out, const view *a, mp_size_t count) {
  memcpy(out, a->limbs, (size_t)a->count * sizeof(limb));
  memset(out + a->count, 0, (size_t)(count - a->count) * sizeof(limb));
  if (a->negative) mpn_neg(out, out, count);
}

typedef void (*on_limbs)(limb *out, const limb *a, const limb *b, mp_size_t count);

static void and_limbs(limb *out, const limb *a, const limb *b, mp_size_t count) { mpn_and_n(out, a, b, count); }
static void or_limbs(limb *out, const limb *a, const limb *b, mp_size_t count) { mpn_ior_n(out, a, b, count); }
static void xor_limbs(limb *out, const limb *a, const limb *b, mp_size_t count) { mpn_xor_n(out, a, b, count); }

static int bitwise(const void *first, const void *second, on_limbs operation, ouro_slot result) {
  view a, b;
  scratch s;
  look(&a, first);
  look(&b, second);
  mp_size_t count = (a.count > b.count ? a.count : b.count) + 1;
  if (!take(&s, (uint64_t)count * 2)) return OURO_ENOMEM;
  to_complement(s.limbs, &a, count);
  to_complement(s.limbs + count, &b, count);
  operation(s.limbs, s.limbs, s.limbs + count, count);
  bool negative = s.limbs[count - 1] >> (LIMB_BITS - 1);
  if (negative) mpn_neg(s.limbs, s.limbs, count);
  return give_and_done(&s, count, negative, result);
}

int ouro__big_and(const void *first, const void *second, ouro_slot result) { return bitwise(first, second, and_limbs, result); }
int ouro__big_or(const void *first, const void *second, ouro_slot result) { return bitwise(first, second, or_limbs, result); }
int ouro__big_xor(const void *first, const void *second, ouro_slot result) { return bitwise(first, second, xor_limbs, result); }

/* ---------------------------------------------------------------- ** */

/* From the exponent's highest bit down: square, and multiply where the bit is set; from one array into the other. Returns the one that the
 * power is in. */
static limb *raise_to(limb *power, limb *other, const view *base, uint64_t exponent, mp_size_t *count) {
  *count = base->count;
  memcpy(power, base->limbs, (size_t)*count * sizeof(limb));
  for (int bit = 62 - __builtin_clzll(exponent); bit >= 0; bit--) {
    mpn_sqr(other, power, *count);
    *count = without_zeros(other, *count * 2);
    limb *squared = other;
    other = power;
    power = squared;
    if (!(exponent >> bit & 1)) continue;
    mpn_mul(other, power, *count, base->limbs, base->count);
    *count = without_zeros(other, *count + base->count);
    limb *multiplied = other;
    other = power;
    power = multiplied;
  }
  return power;
}

int ouro__big_pow(const void *base, uint64_t exponent, ouro_slot result) {
  view a;
  scratch s;
  mp_size_t count;
  uint64_t bits, room;
  look(&a, base);
  if (exponent == 0) return ouro__give_int(1, result);
  if (a.count == 0) return ouro__give_int(0, result);
  if (__builtin_mul_overflow((uint64_t)bits_of(a.limbs, a.count), exponent, &bits)) return OURO_ENOMEM;
  room = bits / LIMB_BITS + (uint64_t)a.count + 4; /* a square of n limbs is written as 2n, though the last of them may be 0 */
  if (!take(&s, room * 2)) return OURO_ENOMEM;
  const limb *power = raise_to(s.limbs, s.limbs + room, &a, exponent, &count);
  int code = give(power, count, a.negative && exponent & 1, result);
  done(&s);
  return code;
}

/* ---------------------------------------------------------------- doubles */

/* The highest 64 bits of a number, the last of them also set where any that follow are, and the power of two that they count. */
static uint64_t highest(const limb *limbs, mp_size_t count, int64_t *exponent) {
  unsigned zeros = (unsigned)__builtin_clzll(limbs[count - 1]);
  uint64_t word = limbs[count - 1] << zeros;
  bool more = without_zeros(limbs, count - 2 > 0 ? count - 2 : 0) != 0;
  if (count > 1) {
    if (zeros) word |= limbs[count - 2] >> (LIMB_BITS - zeros);
    more = more || limbs[count - 2] << zeros;
  }
  *exponent = (int64_t)(count - 1) * LIMB_BITS - zeros;
  return word | more;
}

int ouro__big_to_double(const void *big, double *value) {
  view a;
  int64_t exponent;
  double found;
  look(&a, big);
  uint64_t mantissa = highest(a.limbs, a.count, &exponent);
  int code = ouro__scaled(mantissa, exponent, &found);
  if (!code) *value = a.negative ? -found : found;
  return code;
}

enum { DOUBLE_LIMBS = 1024 / LIMB_BITS + 1 };

/* |value|, which is finite and 2^63 at least, exactly; returns how many limbs. */
static mp_size_t limbs_of_double(limb out[DOUBLE_LIMBS], double value) {
  int exponent;
  double fraction = frexp(fabs(value), &exponent);
  limb mantissa = (limb)ldexp(fraction, MANTISSA_BITS);
  view a = {.limbs = &mantissa, .count = 1};
  return without_zeros(out, shift_up(out, &a, (uint64_t)(exponent - MANTISSA_BITS)));
}

int ouro__big_from_double(double value, ouro_slot result) {
  limb limbs[DOUBLE_LIMBS];
  mp_size_t count = limbs_of_double(limbs, value);
  return give(limbs, count, value < 0, result);
}

int ouro__big_order_double(const void *big, double value) {
  view a;
  limb limbs[DOUBLE_LIMBS];
  look(&a, big);
  bool beside_small = value >= -0x1p63 && value < 0x1p63; /* I-INT-1 */
  if (beside_small || a.negative != (value < 0)) return a.negative ? -1 : 1;
  view b = {.limbs = limbs, .count = limbs_of_double(limbs, value)};
  int order = order_of_magnitudes(&a, &b);
  order = order < 0 ? -1 : order > 0;
  return a.negative ? -order : order;
}

/* |a| / 2^shift, or times 2^-shift, so that its quotient by b has 55 or 56 bits; is anything lost? */
static bool scale(limb *out, const view *a, int64_t shift, mp_size_t *count) {
  if (shift > 0) return shift_down(out, a, (uint64_t)shift, count);
  *count = without_zeros(out, shift_up(out, a, (uint64_t)-shift));
  return false;
}

/* Into the mantissa for ouro__scaled; false: no memory. */
static bool quotient_of(const view *a, const view *b, int64_t shift, uint64_t *mantissa) {
  scratch s;
  uint64_t room = (uint64_t)a->count + (shift < 0 ? (uint64_t)-shift / LIMB_BITS : 0) + 1;
  if (!take(&s, room * 2 + 1 + (uint64_t)b->count)) return false;
  view dividend = {.limbs = s.limbs};
  limb *quotient = s.limbs + room, *remainder = quotient + room + 1;
  bool lost = scale(s.limbs, a, shift, &dividend.count);
  dividend.count = without_zeros(s.limbs, dividend.count);
  divide(quotient, remainder, &dividend, b);
  *mantissa = quotient[0] | (lost || without_zeros(remainder, b->count) != 0);
  done(&s);
  return true;
}

/* Neither is 0. */
int ouro__big_truediv(const void *first, const void *second, double *value) {
  view a, b;
  uint64_t mantissa;
  double found = 0;
  look(&a, first);
  look(&b, second);
  int64_t shift = (int64_t)bits_of(a.limbs, a.count) - (int64_t)bits_of(b.limbs, b.count) - QUOTIENT_BITS;
  if (shift > 1024) return OURO_ERANGE;
  if (shift > -1200 && !quotient_of(&a, &b, shift, &mantissa)) return OURO_ENOMEM;
  int code = shift > -1200 ? ouro__scaled(mantissa, shift, &found) : OURO_OK; /* below: nearer to 0 than to any other */
  if (!code) *value = a.negative != b.negative ? -found : found;
  return code;
}

/* ---------------------------------------------------------------- order, hash, size */

int ouro__big_order(const void *first, const void *second) {
  view a, b;
  look(&a, first);
  look(&b, second);
  if (a.negative != b.negative) return a.negative ? -1 : 1;
  int order = order_of_magnitudes(&a, &b);
  order = order < 0 ? -1 : order > 0;
  return a.negative ? -order : order;
}

int64_t ouro__big_residue(const void *big) {
  view a;
  look(&a, big);
  int64_t residue = (int64_t)mpn_mod_1(a.limbs, a.count, (limb)OURO__HASH_PRIME);
  return a.negative ? -residue : residue;
}

size_t ouro__big_bits(const void *big) {
  view a;
  look(&a, big);
  return bits_of(a.limbs, a.count);
}

/* ---------------------------------------------------------------- text */

static int append_digits(unsigned char *digits, size_t count, bool negative, ouro_buffer *out) {
  size_t zeros = 0;
  while (zeros + 1 < count && digits[zeros] == 0) zeros++;
  for (size_t i = zeros; i < count; i++) digits[i] = (unsigned char)"0123456789abcdefghijklmnopqrstuvwxyz"[digits[i]];
  size_t before = ouro_buffer_count(out);
  int code = negative ? ouro_buffer_append(out, "-", 1) : OURO_OK;
  if (!code) code = ouro_buffer_append(out, digits + zeros, count - zeros);
  if (code) ouro_buffer_truncate(out, before);
  return code;
}

/* The limbs are overwritten while they become digits. */
int ouro__big_into(const void *big, unsigned base, ouro_buffer *out) {
  view a;
  scratch s;
  look(&a, big);
  size_t room = mpn_sizeinbase(a.limbs, a.count, (int)base) + 1, words = room / sizeof(limb) + 1;
  if (!take(&s, (uint64_t)a.count + 1 + words)) return OURO_ENOMEM;
  memcpy(s.limbs, a.limbs, (size_t)a.count * sizeof(limb));
  unsigned char *digits = (unsigned char *)(s.limbs + a.count + 1);
  size_t count = mpn_get_str(digits, (int)base, s.limbs, a.count);
  int code = append_digits(digits, count, a.negative, out);
  done(&s);
  return code;
}

int ouro__big_from_digits(const char *digits, size_t count, unsigned base, bool negative, ouro_slot result) {
  scratch s;
  unsigned bits = 32 - (unsigned)__builtin_clz(base - 1); /* of a digit, at most */
  uint64_t words = count / sizeof(limb) + 1, limbs = count / LIMB_BITS * bits + bits + 2;
  if (count > PTRDIFF_MAX / 8 || !take(&s, words + limbs)) return OURO_ENOMEM;
  unsigned char *values = (unsigned char *)(s.limbs + limbs);
  for (size_t i = 0; i < count; i++) values[i] = (unsigned char)ouro__digit(digits[i]);
  mp_size_t found = mpn_set_str(s.limbs, values, count, (int)base);
  return give_and_done(&s, found, negative, result);
}

#else

/* ---------------------------------------------------------------- without GMP: there are none */

#define NO_RESULT(name_, ...) \
  int name_(__VA_ARGS__) { return OURO_ERANGE; }
#define UNUSED __attribute__((unused))

NO_RESULT(ouro__big_add, UNUSED const void *first, UNUSED const void *second, UNUSED ouro_slot result)
NO_RESULT(ouro__big_sub, UNUSED const void *first, UNUSED const void *second, UNUSED ouro_slot result)
NO_RESULT(ouro__big_mul, UNUSED const void *first, UNUSED const void *second, UNUSED ouro_slot result)
NO_RESULT(ouro__big_and, UNUSED const void *first, UNUSED const void *second, UNUSED ouro_slot result)
NO_RESULT(ouro__big_or, UNUSED const void *first, UNUSED const void *second, UNUSED ouro_slot result)
NO_RESULT(ouro__big_xor, UNUSED const void *first, UNUSED const void *second, UNUSED ouro_slot result)
NO_RESULT(ouro__big_divmod, UNUSED const void *first, UNUSED const void *second, UNUSED ouro_slot quotient, UNUSED ouro_slot remainder)
NO_RESULT(ouro__big_truediv, UNUSED const void *first, UNUSED const void *second, UNUSED double *value)
NO_RESULT(ouro__big_pow, UNUSED const void *base, UNUSED uint64_t exponent, UNUSED ouro_slot result)
NO_RESULT(ouro__big_lshift, UNUSED const void *object, UNUSED uint64_t bits, UNUSED ouro_slot result)
NO_RESULT(ouro__big_rshift, UNUSED const void *object, UNUSED uint64_t bits, UNUSED ouro_slot result)
NO_RESULT(ouro__big_from_magnitude, UNUSED uint64_t magnitude, UNUSED bool negative, UNUSED ouro_slot result)
NO_RESULT(ouro__big_from_digits, UNUSED const char *digits, UNUSED size_t count, UNUSED unsigned base, UNUSED bool negative,
          UNUSED ouro_slot result)
NO_RESULT(ouro__big_from_double, UNUSED double value, UNUSED ouro_slot result)
NO_RESULT(ouro__big_to_double, UNUSED const void *big, UNUSED double *value)
NO_RESULT(ouro__big_into, UNUSED const void *big, UNUSED unsigned base, UNUSED ouro_buffer *out)

int ouro__big_order(UNUSED const void *first, UNUSED const void *second) { return 0; }
int ouro__big_order_double(UNUSED const void *big, UNUSED double value) { return 0; }
int64_t ouro__big_residue(UNUSED const void *big) { return 0; }
size_t ouro__big_bits(UNUSED const void *big) { return 0; }

#endif
