/* values/number.h - what the files of numbers share.
 *
 *   number.c   what ints, floats and bools have in common: hash, equality, order; bool
 *   int.c      ints, and those of 64 bits in particular: made, read, printed
 *   big.c      ints beyond 64 bits, by GMP's functions on arrays of limbs; without GMP, that there are none
 *   float.c    floats, and their text
 *   arith.c    arithmetic: which of these it is for
 *
 * I-INT-1  an int is an ouro__big just where its value does not fit in 64 bits: so the two are never equal, and a big one is farther from 0
 * I-INT-2  the last limb of an ouro__big, its highest, is not 0
 * I-HASH-1 numbers that are equal have one residue modulo 2^61 - 1 (a prime, so that fractions have one too: "Hashing of numeric types" in
 *          the library reference of CPython), and the hash is that, under the key of the process. Who
 *          needs spread bits spreads them: see table.h */
#ifndef OURO_VALUES_NUMBER_H
#define OURO_VALUES_NUMBER_H

#include <ouro/number.h>

#include "values/values.h"

/* ---------------------------------------------------------------- representations */

typedef struct ouro__big {
  ouro_var base;     /* count: limbs */
  uint64_t negative; /* 0 or 1 */
  uint64_t limbs[];  /* of the absolute value, the lowest first */
} ouro__big;

static inline bool ouro__both_small(const void *first, const void *second) {
  return ouro__int_is_small(first) && ouro__int_is_small(second);
}

/* A new object of 32 bytes of an acyclic type, all but its header unset: ouro_new without what other types need. NULL: as there. */
static inline void *ouro__number_new(ouro_type *type) {
#ifndef OURO_FAULTS
  ouro_object *object = ouro__bin_pop(ouro__bin_at(ouro__load_acquire((ouro__atomic32 *)&type->ouro__derived.fast)));
  if (OURO_LIKELY(object != NULL)) {
    object->ouro__count = 1;
    object->ouro__shared = 0;
    OURO__SET(object->ouro__word, ouro__at.owner + (uintptr_t)type);
    return object;
  }
#endif
  return ouro_borrow(ouro_new(type));
}

/* A new object goes out through a slot; NULL: the code of errno. */
static inline int ouro__give(void *object, ouro_slot result) {
  if (OURO_UNLIKELY(!object)) return ouro__code();
  OURO__SLOT_SET(result, object);
  return OURO_OK;
}

static inline int ouro__give_int(int64_t value, ouro_slot result) { return ouro__give(ouro_borrow(ouro_int_new(value)), result); }
static inline int ouro__give_float(double value, ouro_slot result) { return ouro__give(ouro_borrow(ouro_float_new(value)), result); }

/* An int from its absolute value and its sign. */
int ouro__give_magnitude(uint64_t magnitude, bool negative, ouro_slot result);

static inline uint64_t ouro__magnitude(int64_t value) { return value < 0 ? -(uint64_t)value : (uint64_t)value; }

/* ---------------------------------------------------------------- hashes */

#define OURO__HASH_PRIME ((INT64_C(1) << 61) - 1)

/* From the residue, which has the number's sign. The key is there from the library's loading on; where a constructor of the program's came
 * before ours, from here on. */
static inline uint64_t ouro__residue_hash(int64_t residue) {
  if (OURO_UNLIKELY(!ouro__hash_key[0])) ouro__hash_start();
  return (uint64_t)residue ^ ouro__hash_key[0];
}

static inline uint64_t ouro__int_hash(int64_t value) {
  bool is_residue = value > -OURO__HASH_PRIME && value < OURO__HASH_PRIME;
  return ouro__residue_hash(OURO_LIKELY(is_residue) ? value : value % OURO__HASH_PRIME);
}

/* Not for what is not a number. */
uint64_t ouro__double_hash(double value);

/* ---------------------------------------------------------------- protocols, of ints, floats and bools alike (number.c) */

int ouro__number_hash(void *self, uint64_t *hash);
int ouro__number_equal(void *self, void *other);
int ouro__number_compare(void *self, void *other, int *order);

/* ---------------------------------------------------------------- doubles */

/* *value = mantissa * 2^exponent, rounded to the nearest double as if in one step; the mantissa is not 0, has 55 bits at least where it is
 * not exact, and is odd then. OURO_ERANGE: it is too large. */
int ouro__scaled(uint64_t mantissa, int64_t exponent, double *value);

/* Decimal digits before the end of an array; returns where they begin. */
char *ouro__digits_before(char *end, uint64_t value, unsigned base);

/* ---------------------------------------------------------------- ints of any size (big.c)
 *
 * Operands are ints of both kinds. All return a code; OURO_ERANGE without GMP. */

typedef int (*ouro__int_operation)(const void *first, const void *second, ouro_slot result);

int ouro__big_add(const void *first, const void *second, ouro_slot result);
int ouro__big_sub(const void *first, const void *second, ouro_slot result);
int ouro__big_mul(const void *first, const void *second, ouro_slot result);
int ouro__big_and(const void *first, const void *second, ouro_slot result);
int ouro__big_or(const void *first, const void *second, ouro_slot result);
int ouro__big_xor(const void *first, const void *second, ouro_slot result);
/* The divisor is not 0; either slot may be NULL. */
int ouro__big_divmod(const void *first, const void *second, ouro_slot quotient, ouro_slot remainder);
int ouro__big_truediv(const void *first, const void *second, double *value);
int ouro__big_pow(const void *base, uint64_t exponent, ouro_slot result);
int ouro__big_lshift(const void *object, uint64_t bits, ouro_slot result);
int ouro__big_rshift(const void *object, uint64_t bits, ouro_slot result);
/* 2^63 or more, as an absolute value; digits of a base, checked, the first of them not 0; a double of 2^63 or more, or less than -2^63. */
int ouro__big_from_magnitude(uint64_t magnitude, bool negative, ouro_slot result);
int ouro__big_from_digits(const char *digits, size_t count, unsigned base, bool negative, ouro_slot result);
int ouro__big_from_double(double value, ouro_slot result);

/* The following are of big ones alone; without GMP there are none. The double is finite. */
int ouro__big_to_double(const void *big, double *value);
int ouro__big_into(const void *big, unsigned base, ouro_buffer *out);
int ouro__big_order(const void *first, const void *second);
int ouro__big_order_double(const void *big, double value);
int64_t ouro__big_residue(const void *big);
size_t ouro__big_bits(const void *big);
static inline bool ouro__big_is_negative(const void *big) { return ((const ouro__big *)big)->negative; }

/* What an ASCII character is as a digit; above 35: none. */
static inline unsigned ouro__digit(char c) {
  unsigned letter = (unsigned)((c | 32) - 'a');
  if (c >= '0' && c <= '9') return (unsigned)(c - '0');
  return letter < 26 ? letter + 10 : 99;
}

#endif
