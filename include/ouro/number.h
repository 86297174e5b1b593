/* ouro/number.h - int and float, as Python has them: ints of any size, floats that are C's double; and arithmetic on both.
 *
 * An int of 64 bits lies in its object; those from -5 to 1024 were made once, and are immortal. Beyond 64 bits an int is an array of limbs,
 * calculated with by GMP; a library that was built without GMP says OURO_ERANGE instead. What fits in 64 bits is never of the large kind.
 *
 *     24 bytes: | header | int64_t value |     24 bytes: | header | double value |     32 + 8n bytes: | header | n | sign | limb | ...
 *
 * Numbers never change and refer to nothing, so all that is here may be called by any number of threads at once.
 *
 * Arithmetic follows Python: int with int is int, without end; where one is a float, both are; // and % round toward minus infinity, so
 * that the remainder has the divisor's sign; / is the float nearest to the quotient. A bool compares and hashes as 0 or 1, but is no number
 * to calculate with, nor is anything else: OURO_ETYPE. A NaN has no order (OURO_ETYPE), and equals nothing but its own object. */
#ifndef OURO_NUMBER_H
#define OURO_NUMBER_H

#include "value.h"

OURO_BEGIN_DECLS

typedef struct ouro_int {
  ouro_object base;
  int64_t value; /* of an int of 64 bits alone: ouro_int_get */
} ouro_int;

typedef struct ouro_float {
  ouro_object base;
  double value;
} ouro_float;

OURO_API extern ouro_type ouro_int_type;
OURO_API extern ouro_type ouro__big_int_type; /* beyond 64 bits: a type of its own, as its objects have items */
OURO_API extern ouro_type ouro_float_type;

/* The ints that were made once; 32 bytes each, since addresses of objects are multiples of 16. */
#define OURO__LEAST_SMALL_INT (-5)
#define OURO__SMALL_INTS 1030u
typedef struct ouro__small_int {
  ouro_int object;
  uint64_t unused;
} ouro__small_int;
OURO_API extern ouro__small_int ouro__small_ints[OURO__SMALL_INTS];

/* ---------------------------------------------------------------- int */

OURO_API ouro_ref ouro__int_make(int64_t value) OURO_ATTR_NEW;

/* An int.
 * Ownership: new.
 * Errors:    NULL, errno ENOMEM, EPERM.
 * Threads:   any.
 * Cost:      from -5 to 1024 nothing is made, and nothing fails; else an object, some nanoseconds. */
OURO_ATTR_NEW static inline ouro_ref ouro_int_new(int64_t value) {
  uint64_t index = (uint64_t)value - (uint64_t)(int64_t)OURO__LEAST_SMALL_INT;
  if (index < OURO__SMALL_INTS) return ouro_adopt(&ouro__small_ints[index].object);
  return ouro__int_make(value);
}

/* The same, of an unsigned number.
 * Ownership: new.
 * Errors:    NULL, errno ENOMEM, EPERM; ERANGE: 2^63 or more, without GMP.
 * Threads:   any.
 * Cost:      as ouro_int_new. */
OURO_API ouro_ref ouro_int_new_u64(uint64_t value) OURO_ATTR_NEW;

/* What a double is without its fraction.
 * Ownership: new.
 * Errors:    NULL, errno ENOMEM, EPERM; EINVAL: not a number; ERANGE: infinite, or too large without GMP.
 * Threads:   any.
 * Cost:      as ouro_int_new. */
OURO_API ouro_ref ouro_int_from_float(double value) OURO_ATTR_NEW;

/* Is it an int, of any size? true and false are none.
 * Threads: any that holds a reference.
 * Cost:    a load, one comparison or two. */
static inline bool ouro__int_is_small(const void *object) { return ouro_type_of(object) == &ouro_int_type; }
static inline bool ouro__int_is_big(const void *object) { return ouro_type_of(object) == &ouro__big_int_type; }
static inline bool ouro_is_int(const void *object) { return ouro__int_is_small(object) || ouro__int_is_big(object); }

/* The value of an int that ouro__int_is_small.
 * Threads: any that holds a reference.
 * Cost:    a load. */
static inline int64_t ouro__int_value(const void *object) { return ((const ouro_int *)object)->value; }

/* The value of an int.
 * Errors:  OURO_ETYPE: it is none; OURO_ERANGE: it does not fit. *value is unchanged.
 * Threads: any that holds a reference.
 * Cost:    O(1). */
static inline int ouro_int_get(const void *object, int64_t *value) {
  if (OURO__LIKELY(ouro__int_is_small(object))) {
    *value = ouro__int_value(object);
    return OURO_OK;
  }
  return ouro__int_is_big(object) ? OURO_ERANGE : OURO_ETYPE;
}

/* The same, unsigned: up to 2^64 - 1; a negative one is OURO_ERANGE.
 * Errors:  as ouro_int_get.
 * Threads: any that holds a reference.
 * Cost:    O(1). */
OURO_API int ouro_int_get_u64(const void *object, uint64_t *value);

/* -1, 0 or 1.
 * Errors:  OURO_ETYPE.
 * Threads: any that holds a reference.
 * Cost:    O(1). */
OURO_API int ouro_int_sign(const void *object, int *sign);

/* How many binary digits the number has without its sign; none for 0.
 * Errors:  OURO_ETYPE.
 * Threads: any that holds a reference.
 * Cost:    O(1). */
OURO_API int ouro_int_bit_length(const void *object, size_t *bits);

/* The int that a text says: an optional sign and digits of the base, 2 to 36, of both cases; white space (ASCII) around it is allowed, and
 * so is 0b, 0o or 0x before digits of base 2, 8 or 16. Base 0: those say which, and it is 10 without them (then 0 does not begin a longer
 * number). Underscores between digits are refused.
 * Ownership: new.
 * Errors:    NULL, errno EBADMSG: it says none; EINVAL: no such base; ERANGE: too large without GMP; ENOMEM, EPERM.
 * Threads:   any.
 * Cost:      O(length) up to 64 bits; beyond, less than O(length^2). */
OURO_API ouro_ref ouro_int_from_text(const char *text, size_t length, int base) OURO_ATTR_NEW;

/* Append the digits of an int in a base, 2 to 36: lower case, a minus before them where it is negative, no prefix.
 * Errors:  OURO_ETYPE; OURO_EINVAL: no such base; OURO_ENOMEM. The buffer is unchanged.
 * Threads: any that holds a reference.
 * Cost:    O(digits); beyond 64 bits less than O(digits^2). */
OURO_API int ouro_int_into(const void *object, int base, ouro_buffer *out);

/* ---------------------------------------------------------------- float */

/* A float. Not-a-numbers and infinities are values like others.
 * Ownership: new.
 * Errors:    NULL, errno ENOMEM, EPERM.
 * Threads:   any.
 * Cost:      an object, some nanoseconds. */
OURO_API ouro_ref ouro_float_new(double value) OURO_ATTR_NEW;

/* Is it a float?
 * Threads: any that holds a reference.
 * Cost:    a load, a comparison. */
static inline bool ouro_is_float(const void *object) { return ouro_type_of(object) == &ouro_float_type; }

/* The value of what is a float.
 * Threads: any that holds a reference.
 * Cost:    a load. */
static inline double ouro_float_value(const void *object) { return ((const ouro_float *)object)->value; }

/* The value of a float; an int is none.
 * Errors:  OURO_ETYPE; *value is unchanged.
 * Threads: any that holds a reference.
 * Cost:    O(1). */
static inline int ouro_float_get(const void *object, double *value) {
  if (!ouro_is_float(object)) return OURO_ETYPE;
  *value = ouro_float_value(object);
  return OURO_OK;
}

/* The double that is nearest to an int or a float (the even one of two that are).
 * Errors:  OURO_ETYPE; OURO_ERANGE: larger than any; *value is unchanged.
 * Threads: any that holds a reference.
 * Cost:    O(1). */
OURO_API int ouro_number_to_double(const void *object, double *value);

/* Has a float no fraction? 0 for infinities and what is not a number.
 * Returns: 1, 0, OURO_ETYPE.
 * Threads: any that holds a reference.
 * Cost:    O(1). */
OURO_API int ouro_float_is_integer(const void *object);

/* The float that a text says, in decimal digits, or inf, infinity, nan, as Python's float(): white space (ASCII) around it is allowed. The
 * nearest double is taken; the locale does not matter.
 * Ownership: new.
 * Errors:    NULL, errno EBADMSG: it says none; ENOMEM, EPERM. A number that is too large is infinite, as in Python.
 * Threads:   any.
 * Cost:      O(length). */
OURO_API ouro_ref ouro_float_from_text(const char *text, size_t length) OURO_ATTR_NEW;

/* The shortest decimal text that reads back as the same double, as Python's repr: 1.0, 0.1, 1e+16, -0.0, inf, nan.
 * Ends with a 0. Returns its length without that, below OURO_DOUBLE_TEXT.
 * Threads: any.
 * Cost:    O(1), some hundred nanoseconds. */
#define OURO_DOUBLE_TEXT 32
OURO_API size_t ouro_double_text(double value, char text[OURO_DOUBLE_TEXT]);

/* The double that a text says, without an object: what ouro_float_from_text makes one of.
 * Errors:  OURO_ESYNTAX; OURO_ENOMEM: more digits than a small array holds, and no memory for them; *value is unchanged.
 * Threads: any.
 * Cost:    O(length). */
OURO_API int ouro_double_from_text(const char *text, size_t length, double *value);

/* ---------------------------------------------------------------- bool */

/* true or false.
 * Ownership: new; they are immortal.
 * Threads:   any.
 * Cost:      a comparison. */
OURO_ATTR_NEW static inline ouro_ref ouro_bool(int truth) { return ouro_adopt(truth ? ouro_true : ouro_false); }

/* ---------------------------------------------------------------- arithmetic */

/* first + second, first - second, first * second.
 * Ownership: *result is new.
 * Errors:    OURO_ETYPE: one is neither int nor float; OURO_ERANGE: an int that no double is large enough for, with a float; or a result
 *            beyond 64 bits, without GMP; OURO_ENOMEM, OURO_EPERM. *result is unchanged.
 * Threads:   any that holds references.
 * Cost:      O(1) up to 64 bits, and of floats; beyond O(limbs), of * less than O(limbs^2). No safepoint meanwhile. (GMP takes what it
 *            needs besides, for more than some thousand limbs, from malloc, and ends the program where there is nothing. So do all
 *            below.) */
OURO_API int ouro_add(void *first, void *second, ouro_slot result);
OURO_API int ouro_sub(void *first, void *second, ouro_slot result);
OURO_API int ouro_mul(void *first, void *second, ouro_slot result);

/* first / second, a float; first // second, rounded down; first % second, which has the sign of second; and both of these.
 * Ownership: *result, *quotient and *remainder are new.
 * Errors:    as ouro_add; OURO_ERANGE also: second is 0, or 0.0; / of ints is larger than any double.
 * Threads:   any that holds references.
 * Cost:      as ouro_mul. */
OURO_API int ouro_truediv(void *first, void *second, ouro_slot result);
OURO_API int ouro_floordiv(void *first, void *second, ouro_slot result);
OURO_API int ouro_mod(void *first, void *second, ouro_slot result);
OURO_API int ouro_divmod(void *first, void *second, ouro_slot quotient, ouro_slot remainder);

/* first ** second: of ints an int, or a float where second is negative.
 * Ownership: *result is new.
 * Errors:    as ouro_add; OURO_ERANGE also: 0 with a negative exponent, a float that is larger than any double; OURO_EINVAL: a negative
 *            number with an exponent that is not whole.
 * Threads:   any that holds references.
 * Cost:      that of multiplying numbers of the result's size. */
OURO_API int ouro_pow(void *first, void *second, ouro_slot result);

/* first << second, first >> second (rounded down), of ints.
 * Ownership: *result is new.
 * Errors:    OURO_ETYPE: one is no int; OURO_EINVAL: second is negative; OURO_ERANGE without GMP; OURO_ENOMEM, OURO_EPERM.
 * Threads:   any that holds references.
 * Cost:      O(limbs). */
OURO_API int ouro_lshift(void *first, void *second, ouro_slot result);
OURO_API int ouro_rshift(void *first, void *second, ouro_slot result);

/* first & second, first | second, first ^ second, ~object, of ints; negative ones as if they had ones without end to their left.
 * Ownership: *result is new.
 * Errors:    OURO_ETYPE: one is no int; OURO_ENOMEM, OURO_EPERM.
 * Threads:   any that holds references.
 * Cost:      O(limbs). */
OURO_API int ouro_and(void *first, void *second, ouro_slot result);
OURO_API int ouro_or(void *first, void *second, ouro_slot result);
OURO_API int ouro_xor(void *first, void *second, ouro_slot result);
OURO_API int ouro_invert(void *object, ouro_slot result);

/* -object, and object without its sign, of ints and floats.
 * Ownership: *result is new.
 * Errors:    OURO_ETYPE; OURO_ERANGE: -2^63 without GMP; OURO_ENOMEM, OURO_EPERM.
 * Threads:   any that holds a reference.
 * Cost:      O(limbs). */
OURO_API int ouro_neg(void *object, ouro_slot result);
OURO_API int ouro_abs(void *object, ouro_slot result);

OURO_END_DECLS

#endif
