/* values/arith.c - arithmetic on objects: which kind of number it is for, and what can be done in 64 bits at once.
 *
 * Each operation looks first whether both are ints of 64 bits, where the processor tells by its overflow flag whether the result is one,
 * too. Otherwise it is for big.c, where both are ints; or for doubles, where one is a float. */
#include <math.h>

#include "values/number.h"

typedef int (*double_operation)(double first, double second, double *result);

static int on_doubles(const void *first, const void *second, double_operation operation, ouro_slot result) {
  double a, b, value;
  int code = ouro_number_to_double(first, &a);
  if (!code) code = ouro_number_to_double(second, &b);
  if (!code) code = operation(a, b, &value);
  return code ? code : ouro__give_float(value, result);
}

static OURO_NOINLINE int on_any(const void *first, const void *second, ouro__int_operation on_ints, double_operation operation,
                                ouro_slot result) {
  if (!ouro_is_float(first) && !ouro_is_float(second)) {
    return ouro_is_int(first) && ouro_is_int(second) ? on_ints(first, second, result) : OURO_ETYPE;
  }
  return on_doubles(first, second, operation, result);
}

/* ---------------------------------------------------------------- + - * */

static int add_doubles(double a, double b, double *sum) {
  *sum = a + b;
  return OURO_OK;
}

static int sub_doubles(double a, double b, double *difference) {
  *difference = a - b;
  return OURO_OK;
}

static int mul_doubles(double a, double b, double *product) {
  *product = a * b;
  return OURO_OK;
}

int ouro_add(void *first, void *second, ouro_slot result) {
  int64_t sum;
  if (ouro__both_small(first, second) && !__builtin_add_overflow(ouro__int_value(first), ouro__int_value(second), &sum)) {
    return ouro__give_int(sum, result);
  }
  return on_any(first, second, ouro__big_add, add_doubles, result);
}

int ouro_sub(void *first, void *second, ouro_slot result) {
  int64_t difference;
  if (ouro__both_small(first, second) && !__builtin_sub_overflow(ouro__int_value(first), ouro__int_value(second), &difference)) {
    return ouro__give_int(difference, result);
  }
  return on_any(first, second, ouro__big_sub, sub_doubles, result);
}

int ouro_mul(void *first, void *second, ouro_slot result) {
  int64_t product;
  if (ouro__both_small(first, second) && !__builtin_mul_overflow(ouro__int_value(first), ouro__int_value(second), &product)) {
    return ouro__give_int(product, result);
  }
  return on_any(first, second, ouro__big_mul, mul_doubles, result);
}

/* ---------------------------------------------------------------- // % */

static inline bool is_zero(const void *number) { return ouro__int_is_small(number) && ouro__int_value(number) == 0; }

/* Rounded down; false: the quotient has 65 bits, or there is none. */
static inline bool divide_small(int64_t a, int64_t b, int64_t *quotient, int64_t *remainder) {
  if (b == 0 || (b == -1 && a == INT64_MIN)) return false;
  *quotient = a / b;
  *remainder = a % b;
  if (*remainder && (*remainder ^ b) < 0) {
    *quotient -= 1;
    *remainder += b;
  }
  return true;
}

/* As CPython's float_divmod: fmod is exact, and what is left of rounding in the quotient is put right. */
static int divide_doubles(double a, double b, double *quotient, double *remainder) {
  if (b == 0) return OURO_ERANGE;
  double rest = fmod(a, b), many = (a - rest) / b;
  if (rest == 0) {
    rest = copysign(0, b);
  } else if ((b < 0) != (rest < 0)) {
    rest += b;
    many -= 1;
  }
  double whole = floor(many);
  *quotient = many == 0 ? copysign(0, a / b) : many - whole > 0.5 ? whole + 1 : whole;
  *remainder = rest;
  return OURO_OK;
}

static int floordiv_doubles(double a, double b, double *quotient) {
  double remainder;
  return divide_doubles(a, b, quotient, &remainder);
}

static int mod_doubles(double a, double b, double *remainder) {
  double quotient;
  return divide_doubles(a, b, &quotient, remainder);
}

static int floordiv_ints(const void *first, const void *second, ouro_slot result) {
  return is_zero(second) ? OURO_ERANGE : ouro__big_divmod(first, second, result, NULL);
}

static int mod_ints(const void *first, const void *second, ouro_slot result) {
  if (is_zero(second)) return OURO_ERANGE;
  if (ouro__both_small(first, second)) return ouro__give_int(0, result); /* -2^63 % -1, which fits, though its quotient does not */
  return ouro__big_divmod(first, second, NULL, result);
}

int ouro_floordiv(void *first, void *second, ouro_slot result) {
  int64_t quotient, remainder;
  if (ouro__both_small(first, second) && divide_small(ouro__int_value(first), ouro__int_value(second), &quotient, &remainder)) {
    return ouro__give_int(quotient, result);
  }
  return on_any(first, second, floordiv_ints, floordiv_doubles, result);
}

int ouro_mod(void *first, void *second, ouro_slot result) {
  int64_t quotient, remainder;
  if (ouro__both_small(first, second) && divide_small(ouro__int_value(first), ouro__int_value(second), &quotient, &remainder)) {
    return ouro__give_int(remainder, result);
  }
  return on_any(first, second, mod_ints, mod_doubles, result);
}

/* Both are stolen; NULL: it could not be made, errno says why. */
static int give_both(void *quotient, void *remainder, ouro_slot quotient_slot, ouro_slot remainder_slot) {
  if (quotient && remainder) {
    OURO__SLOT_SET(quotient_slot, quotient);
    OURO__SLOT_SET(remainder_slot, remainder);
    return OURO_OK;
  }
  int code = ouro__code();
  ouro_xdecref(quotient);
  ouro_xdecref(remainder);
  return code;
}

/* The second is made only where the first was: errno is then that of what failed. */
static int give_ints(int64_t quotient, int64_t remainder, ouro_slot quotient_slot, ouro_slot remainder_slot) {
  void *first = ouro_int_new(quotient);
  return give_both(first, first ? ouro_int_new(remainder) : NULL, quotient_slot, remainder_slot);
}

static int divmod_doubles(const void *first, const void *second, ouro_slot quotient_slot, ouro_slot remainder_slot) {
  double a, b, quotient, remainder;
  int code = ouro_number_to_double(first, &a);
  if (!code) code = ouro_number_to_double(second, &b);
  if (!code) code = divide_doubles(a, b, &quotient, &remainder);
  if (code) return code;
  void *made = ouro_float_new(quotient);
  return give_both(made, made ? ouro_float_new(remainder) : NULL, quotient_slot, remainder_slot);
}

int ouro_divmod(void *first, void *second, ouro_slot quotient_slot, ouro_slot remainder_slot) {
  int64_t quotient, remainder;
  if (ouro__both_small(first, second) && divide_small(ouro__int_value(first), ouro__int_value(second), &quotient, &remainder)) {
    return give_ints(quotient, remainder, quotient_slot, remainder_slot);
  }
  if (ouro_is_float(first) || ouro_is_float(second)) return divmod_doubles(first, second, quotient_slot, remainder_slot);
  if (!ouro_is_int(first) || !ouro_is_int(second)) return OURO_ETYPE;
  return is_zero(second) ? OURO_ERANGE : ouro__big_divmod(first, second, quotient_slot, remainder_slot);
}

/* ---------------------------------------------------------------- / */

enum { QUOTIENT_BITS = 55 /* of a double, one to round by, and one that says whether anything follows */ };

static int64_t bits_of(uint64_t magnitude) { return 64 - __builtin_clzll(magnitude); }

/* a / b, neither 0, as if in one step: a quotient of 55 bits or more, and in its last whether the division goes on. */
static double divide_magnitudes(uint64_t a, uint64_t b) {
  int64_t shift = QUOTIENT_BITS - (bits_of(a) - bits_of(b));
  if (shift < 0) shift = 0;
  unsigned __int128 dividend = (unsigned __int128)a << shift;
  uint64_t quotient = (uint64_t)(dividend / b);
  double value = 0;
  int code = ouro__scaled(quotient | (dividend % b != 0), -shift, &value);
  OURO_ASSERT(code == OURO_OK);
  (void)code;
  return value;
}

static double truediv_small(int64_t a, int64_t b) {
  const int64_t exact = INT64_C(1) << 53;
  if (a >= -exact && a <= exact && b >= -exact && b <= exact) return (double)a / (double)b;
  if (a == 0) return b < 0 ? -0.0 : 0.0;
  double value = divide_magnitudes(ouro__magnitude(a), ouro__magnitude(b));
  return (a < 0) != (b < 0) ? -value : value;
}

static int truediv_doubles(double a, double b, double *quotient) {
  if (b == 0) return OURO_ERANGE;
  *quotient = a / b;
  return OURO_OK;
}

static int truediv_ints(const void *first, const void *second, ouro_slot result) {
  double value;
  if (is_zero(second)) return OURO_ERANGE;
  if (ouro__both_small(first, second)) return ouro__give_float(truediv_small(ouro__int_value(first), ouro__int_value(second)), result);
  if (is_zero(first)) return ouro__give_float(ouro__big_is_negative(second) ? -0.0 : 0.0, result);
  int code = ouro__big_truediv(first, second, &value);
  return code ? code : ouro__give_float(value, result);
}

int ouro_truediv(void *first, void *second, ouro_slot result) { return on_any(first, second, truediv_ints, truediv_doubles, result); }

/* ---------------------------------------------------------------- ** */

static int pow_doubles(double base, double exponent, double *power) {
  if (base == 0 && exponent < 0 && isfinite(exponent)) return OURO_ERANGE;
  if (base < 0 && isfinite(base) && isfinite(exponent) && floor(exponent) != exponent) return OURO_EINVAL;
  double value = pow(base, exponent);
  if (isinf(value) && isfinite(base) && isfinite(exponent)) return OURO_ERANGE;
  *power = value;
  return OURO_OK;
}

/* false: it has more than 64 bits. */
static bool pow_small(int64_t base, uint64_t exponent, int64_t *power) {
  int64_t value = 1;
  for (;;) {
    if (exponent & 1 && __builtin_mul_overflow(value, base, &value)) return false;
    exponent >>= 1;
    if (!exponent) break;
    if (__builtin_mul_overflow(base, base, &base)) return false;
  }
  *power = value;
  return true;
}

/* The exponent is not negative. Of 0, 1 and -1 any power is known; of others no exponent beyond 64 bits will ever do. */
static int pow_far(const void *base, const void *exponent, ouro_slot result) {
  int64_t value;
  if (ouro_int_get(base, &value) != OURO_OK || value < -1 || value > 1) return OURO_ENOMEM;
  bool odd = ((const ouro__big *)exponent)->limbs[0] & 1;
  return ouro__give_int(odd ? value : value * value, result);
}

static int pow_ints(const void *base, const void *exponent, ouro_slot result) {
  int64_t value, power, least = 0;
  int sign;
  ouro_int_sign(exponent, &sign);
  if (sign < 0) return on_doubles(base, exponent, pow_doubles, result);
  if (ouro_int_get(exponent, &least) != OURO_OK) return pow_far(base, exponent, result);
  if (ouro_int_get(base, &value) == OURO_OK && pow_small(value, (uint64_t)least, &power)) return ouro__give_int(power, result);
  return ouro__big_pow(base, (uint64_t)least, result);
}

int ouro_pow(void *first, void *second, ouro_slot result) { return on_any(first, second, pow_ints, pow_doubles, result); }

/* ---------------------------------------------------------------- << >> */

/* How far: *bits is UINT64_MAX for farther than any memory reaches. */
static int distance(const void *first, const void *second, uint64_t *bits) {
  int sign;
  if (!ouro_is_int(first) || ouro_int_sign(second, &sign) != OURO_OK) return OURO_ETYPE;
  if (sign < 0) return OURO_EINVAL;
  *bits = ouro__int_is_small(second) ? (uint64_t)ouro__int_value(second) : UINT64_MAX;
  return OURO_OK;
}

int ouro_lshift(void *first, void *second, ouro_slot result) {
  uint64_t bits;
  int code = distance(first, second, &bits);
  if (code) return code;
  if (!ouro__int_is_small(first)) return ouro__big_lshift(first, bits, result);
  int64_t value = ouro__int_value(first);
  int64_t shifted = (int64_t)((uint64_t)value << (bits & 63));
  if (value == 0 || (bits < 64 && shifted >> bits == value)) return ouro__give_int(value ? shifted : 0, result);
  return ouro__big_lshift(first, bits, result);
}

int ouro_rshift(void *first, void *second, ouro_slot result) {
  uint64_t bits;
  int code = distance(first, second, &bits);
  if (code) return code;
  if (!ouro__int_is_small(first)) return ouro__big_rshift(first, bits, result);
  return ouro__give_int(ouro__int_value(first) >> (bits < 63 ? bits : 63), result);
}

/* ---------------------------------------------------------------- & | ^ ~ */

static int on_ints(const void *first, const void *second, ouro__int_operation operation, ouro_slot result) {
  return ouro_is_int(first) && ouro_is_int(second) ? operation(first, second, result) : OURO_ETYPE;
}

int ouro_and(void *first, void *second, ouro_slot result) {
  if (ouro__both_small(first, second)) return ouro__give_int(ouro__int_value(first) & ouro__int_value(second), result);
  return on_ints(first, second, ouro__big_and, result);
}

int ouro_or(void *first, void *second, ouro_slot result) {
  if (ouro__both_small(first, second)) return ouro__give_int(ouro__int_value(first) | ouro__int_value(second), result);
  return on_ints(first, second, ouro__big_or, result);
}

int ouro_xor(void *first, void *second, ouro_slot result) {
  if (ouro__both_small(first, second)) return ouro__give_int(ouro__int_value(first) ^ ouro__int_value(second), result);
  return on_ints(first, second, ouro__big_xor, result);
}

#define SMALL(value_) ((void *)&ouro__small_ints[(value_) - OURO__LEAST_SMALL_INT].object)

int ouro_invert(void *object, ouro_slot result) {
  if (ouro__int_is_small(object)) return ouro__give_int(~ouro__int_value(object), result);
  return ouro__int_is_big(object) ? ouro__big_sub(SMALL(-1), object, result) : OURO_ETYPE;
}

/* ---------------------------------------------------------------- one number */

int ouro_neg(void *object, ouro_slot result) {
  if (ouro_is_float(object)) return ouro__give_float(-ouro_float_value(object), result);
  return ouro_sub(SMALL(0), object, result);
}

int ouro_abs(void *object, ouro_slot result) {
  int sign;
  if (ouro_is_float(object)) return ouro__give_float(fabs(ouro_float_value(object)), result);
  int code = ouro_int_sign(object, &sign);
  if (code) return code;
  return sign < 0 ? ouro_sub(SMALL(0), object, result) : ouro__give(ouro_newref(object), result);
}
