/* tests/values/test_numbers.c - ints and floats as Python has them: made, compared, hashed, printed and read; arithmetic at the edges of 64
 * bits and beyond; each allocation failing in turn.
 *
 * usage: test_values_numbers            the cases
 *        test_values_numbers calculate  a line in, a line out: what numbers.py compares with Python's own answers, thousands of times
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka. */
#include "object/objects.h"

#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>

#include "heap/heap.h"

#include <ouro/bytes.h>
#include <ouro/number.h>

/* ---------------------------------------------------------------- making */

static bool has_gmp(void) {
  void *big = ouro_int_new_u64(UINT64_MAX);
  ouro_xdecref(big);
  return big != NULL;
}

static void *int_of(int64_t value) {
  void *object = ouro_int_new(value);
  TEST_CHECK(object != NULL);
  return object;
}

static void *float_of(double value) {
  void *object = ouro_float_new(value);
  TEST_CHECK(object != NULL);
  return object;
}

static void *int_from(const char *text, int base) { return ouro_int_from_text(text, strlen(text), base); }

/* 2^bits + more. */
static void *power_of_two(int64_t bits, int64_t more) {
  void *one = int_of(1), *distance = int_of(bits), *addend = int_of(more), *power = NULL, *sum = NULL;
  TEST_CHECK(ouro_lshift(one, distance, &power) == OURO_OK);
  TEST_CHECK(ouro_add(power, addend, &sum) == OURO_OK);
  drop(distance);
  drop(addend);
  drop(power);
  return sum;
}

/* Its digits, in memory that lives until the next call. */
static const char *digits_of(const void *object, int base) {
  static char text[4096];
  ouro_buffer buffer = OURO_BUFFER_ON_STACK;
  TEST_CHECK(ouro_int_into(object, base, &buffer) == OURO_OK);
  TEST_CHECK(ouro_buffer_count(&buffer) < sizeof text);
  snprintf(text, sizeof text, "%.*s", (int)ouro_buffer_count(&buffer), (const char *)ouro_buffer_data(&buffer));
  ouro_buffer_done(&buffer);
  return text;
}

#define IS_INT(object, digits)                           \
  do {                                                   \
    void *it_ = (object);                                \
    assert_string_equal(digits_of(it_, 10), (digits));   \
    drop(it_);                                           \
  } while (0)

typedef int (*binary)(void *first, void *second, ouro_slot result);

/* first operation second, both of which are released. */
static void *result_of(binary operation, void *first, void *second) {
  void *result = NULL;
  TEST_CHECK(operation(first, second, &result) == OURO_OK);
  drop(first);
  drop(second);
  return result;
}

static int code_of(binary operation, void *first, void *second) {
  static char untouched;
  void *result = &untouched;
  int code = operation(first, second, &result);
  TEST_CHECK(code != OURO_OK && result == &untouched);
  drop(first);
  drop(second);
  return code;
}

static void *ref(void *object) { return ouro_newref(object); }

/* ---------------------------------------------------------------- ints */

static void small_ints_are_made_once(void **state) {
  (void)state;
  size_t live = test_live();
  for (int64_t value = -5; value <= 1024; value++) {
    void *object = int_of(value);
    TEST_CHECK(object == int_of(value) && ouro_is_immortal(object) && (uintptr_t)object % 16 == 0);
    TEST_CHECK(ouro__int_value(object) == value && ouro_is_int(object));
    drop(object);
    drop(object);
  }
  assert_int_equal(test_live(), live);
  void *below = int_of(-6), *above = int_of(1025);
  assert_false(ouro_is_immortal(below) || ouro_is_immortal(above));
  assert_int_equal(test_live(), live + 2);
  drop(below);
  drop(above);
}

static void ints_of_64_bits(void **state) {
  (void)state;
  static const int64_t values[] = {0, 1, -1, 5000, -5000, INT64_MAX, INT64_MIN, INT64_MAX - 1, INT64_MIN + 1};
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
    void *object = int_of(values[i]);
    int64_t value = 0;
    uint64_t word = 99;
    assert_int_equal(ouro_int_get(object, &value), OURO_OK);
    assert_true(value == values[i]);
    assert_int_equal(ouro_int_get_u64(object, &word), values[i] < 0 ? OURO_ERANGE : OURO_OK);
    assert_true(word == (values[i] < 0 ? 99 : (uint64_t)values[i]));
    drop(object);
  }
  assert_int_equal(sizeof(ouro_int), 24);
}

static void what_is_no_int_is_refused(void **state) {
  (void)state;
  void *one = float_of(1.0);
  int64_t value = 7;
  uint64_t word = 7;
  size_t bits = 7;
  int sign = 7;
  double real = 7;
  ouro_buffer buffer = OURO_BUFFER_ON_STACK;
  void *const none[] = {one, ouro_true, ouro_none};
  for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
    assert_false(ouro_is_int(none[i]));
    assert_int_equal(ouro_int_get(none[i], &value), OURO_ETYPE);
    assert_int_equal(ouro_int_get_u64(none[i], &word), OURO_ETYPE);
    assert_int_equal(ouro_int_sign(none[i], &sign), OURO_ETYPE);
    assert_int_equal(ouro_int_bit_length(none[i], &bits), OURO_ETYPE);
    assert_int_equal(ouro_int_into(none[i], 10, &buffer), OURO_ETYPE);
  }
  void *truth = test_opaque(ouro_true);
  assert_int_equal(ouro_float_get(truth, &real), OURO_ETYPE);
  assert_int_equal(ouro_number_to_double(truth, &real), OURO_ETYPE);
  assert_int_equal(ouro_float_is_integer(truth), OURO_ETYPE);
  assert_true(value == 7 && word == 7 && bits == 7 && sign == 7 && real == 7);
  drop(one);
}

static void beyond_64_bits(void **state) {
  (void)state;
  if (!has_gmp()) {
    assert_null(int_from("9223372036854775808", 10));
    assert_int_equal(errno, ERANGE);
    assert_int_equal(code_of(ouro_add, int_of(INT64_MAX), int_of(1)), OURO_ERANGE);
    return;
  }
  void *big = result_of(ouro_add, int_of(INT64_MAX), int_of(1));
  int64_t value = 3;
  uint64_t word = 0;
  size_t bits = 0;
  int sign = 0;
  assert_true(ouro_is_int(big) && !ouro__int_is_small(big));
  assert_int_equal(ouro_int_get(big, &value), OURO_ERANGE);
  assert_int_equal(ouro_int_get_u64(big, &word), OURO_OK);
  assert_true(word == UINT64_C(1) << 63 && value == 3);
  assert_int_equal(ouro_int_bit_length(big, &bits), OURO_OK);
  assert_int_equal(bits, 64);
  assert_int_equal(ouro_int_sign(big, &sign), OURO_OK);
  assert_int_equal(sign, 1);
  void *back = result_of(ouro_sub, big, int_of(1)); /* what fits is of the small kind again */
  assert_true(ouro__int_is_small(back) && ouro__int_value(back) == INT64_MAX);
  drop(back);
}

static void the_edges_of_64_bits(void **state) {
  (void)state;
  if (!has_gmp()) return;
  IS_INT(result_of(ouro_sub, int_of(INT64_MIN), int_of(1)), "-9223372036854775809");
  IS_INT(result_of(ouro_mul, int_of(INT64_MIN), int_of(-1)), "9223372036854775808");
  IS_INT(result_of(ouro_floordiv, int_of(INT64_MIN), int_of(-1)), "9223372036854775808");
  IS_INT(result_of(ouro_mod, int_of(INT64_MIN), int_of(-1)), "0");
  IS_INT(result_of(ouro_lshift, int_of(-1), int_of(63)), "-9223372036854775808");
  IS_INT(result_of(ouro_lshift, int_of(1), int_of(63)), "9223372036854775808");
  IS_INT(result_of(ouro_pow, int_of(-2), int_of(63)), "-9223372036854775808");
  IS_INT(result_of(ouro_rshift, int_of(INT64_MIN), int_of(1000)), "-1");
  void *least = int_of(INT64_MIN), *result = NULL;
  assert_int_equal(ouro_neg(least, &result), OURO_OK);
  IS_INT(result, "9223372036854775808");
  assert_int_equal(ouro_abs(least, &result), OURO_OK);
  IS_INT(result, "9223372036854775808");
  assert_int_equal(ouro_invert(least, &result), OURO_OK);
  IS_INT(result, "9223372036854775807");
  drop(least);
}

static void it_rounds_down(void **state) {
  (void)state;
  static const struct {
    int64_t a, b;
    const char *quotient, *remainder;
  } known[] = {{7, 2, "3", "1"}, {-7, 2, "-4", "1"}, {7, -2, "-4", "-1"}, {-7, -2, "3", "-1"}, {6, -3, "-2", "0"}};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    void *a = int_of(known[i].a), *b = int_of(known[i].b), *quotient = NULL, *remainder = NULL;
    assert_int_equal(ouro_divmod(a, b, &quotient, &remainder), OURO_OK);
    IS_INT(quotient, known[i].quotient);
    IS_INT(remainder, known[i].remainder);
    IS_INT(result_of(ouro_floordiv, ref(a), ref(b)), known[i].quotient);
    IS_INT(result_of(ouro_mod, a, b), known[i].remainder);
  }
}

static void what_cannot_be_calculated(void **state) {
  (void)state;
  static const binary divisions[] = {ouro_truediv, ouro_floordiv, ouro_mod};
  for (size_t i = 0; i < sizeof divisions / sizeof divisions[0]; i++) {
    assert_int_equal(code_of(divisions[i], int_of(1), int_of(0)), OURO_ERANGE);
    assert_int_equal(code_of(divisions[i], int_of(1), float_of(-0.0)), OURO_ERANGE);
  }
  void *quotient = NULL, *remainder = NULL;
  assert_int_equal(ouro_divmod(int_of(1), int_of(0), &quotient, &remainder), OURO_ERANGE);
  assert_int_equal(ouro_divmod(int_of(1), ouro_none, &quotient, &remainder), OURO_ETYPE);
  assert_true(quotient == NULL && remainder == NULL);
  assert_int_equal(code_of(ouro_lshift, int_of(1), int_of(-1)), OURO_EINVAL);
  assert_int_equal(code_of(ouro_rshift, int_of(1), int_of(-1)), OURO_EINVAL);
  assert_int_equal(code_of(ouro_pow, int_of(0), int_of(-1)), OURO_ERANGE);
  assert_int_equal(code_of(ouro_pow, int_of(-8), float_of(0.5)), OURO_EINVAL);
  assert_int_equal(code_of(ouro_pow, float_of(10), float_of(400)), OURO_ERANGE);
  assert_int_equal(code_of(ouro_lshift, int_of(1), int_of(INT64_MAX)), has_gmp() ? OURO_ENOMEM : OURO_ERANGE);
}

static void only_numbers_are_calculated_with(void **state) {
  (void)state;
  static const binary all[] = {ouro_add, ouro_sub, ouro_mul, ouro_truediv, ouro_floordiv, ouro_mod, ouro_pow};
  static const binary of_ints[] = {ouro_and, ouro_or, ouro_xor, ouro_lshift, ouro_rshift};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    assert_int_equal(code_of(all[i], int_of(7), ouro_true), OURO_ETYPE);
    assert_int_equal(code_of(all[i], ouro_none, int_of(7)), OURO_ETYPE);
    assert_int_equal(code_of(all[i], float_of(7), ouro_false), OURO_ETYPE);
  }
  for (size_t i = 0; i < sizeof of_ints / sizeof of_ints[0]; i++) {
    assert_int_equal(code_of(of_ints[i], int_of(7), float_of(1)), OURO_ETYPE);
    assert_int_equal(code_of(of_ints[i], float_of(1), int_of(7)), OURO_ETYPE);
  }
  void *result = NULL;
  assert_int_equal(ouro_neg(ouro_true, &result), OURO_ETYPE);
  assert_int_equal(ouro_abs(ouro_none, &result), OURO_ETYPE);
  assert_int_equal(ouro_invert(ouro_none, &result), OURO_ETYPE);
}

/* ---------------------------------------------------------------- equality, order, hash */

static uint64_t hash_of(void *object) {
  uint64_t hash = 0;
  TEST_CHECK(ouro_hash(object, &hash) == OURO_OK);
  return hash;
}

/* Both are released. */
static void are_equal(void *first, void *second) {
  int order = 5;
  assert_int_equal(ouro_equal(first, second), 1);
  assert_int_equal(ouro_equal(second, first), 1);
  assert_int_equal(ouro_compare(first, second, &order), OURO_OK);
  assert_int_equal(order, 0);
  assert_true(hash_of(first) == hash_of(second));
  drop(first);
  drop(second);
}

static void are_ordered(void *first, void *second) {
  int order = 5;
  assert_int_equal(ouro_equal(first, second), 0);
  assert_int_equal(ouro_equal(second, first), 0);
  assert_int_equal(ouro_compare(first, second, &order), OURO_OK);
  assert_int_equal(order, -1);
  assert_int_equal(ouro_compare(second, first, &order), OURO_OK);
  assert_int_equal(order, 1);
  assert_true(hash_of(first) != hash_of(second));
  drop(first);
  drop(second);
}

static void numbers_are_compared_by_value(void **state) {
  (void)state;
  are_equal(int_of(1), float_of(1));
  are_equal(int_of(1), ouro_true);
  are_equal(float_of(0), ouro_false);
  are_equal(float_of(-0.0), int_of(0));
  are_equal(int_of(INT64_MIN), float_of(-0x1p63));
  are_equal(int_of(INT64_C(1) << 61), float_of(0x1p61));
  are_equal(int_of(123456789), int_of(123456789));
  are_ordered(float_of(0.5), ouro_true);
  are_ordered(int_of(INT64_MAX), float_of(0x1p63));
  are_ordered(float_of(0x1p53), int_of((INT64_C(1) << 53) + 1));
  are_ordered(int_of(-2), float_of(-1.5));
  are_ordered(int_of(INT64_MIN), float_of(-0x1p62));
  are_ordered(float_of(-INFINITY), int_of(INT64_MIN));
  are_ordered(int_of(INT64_MAX), float_of(INFINITY));
  are_ordered(float_of(-1e300), int_of(INT64_MIN));
}

static void large_ones_too(void **state) {
  (void)state;
  if (!has_gmp()) return;
  are_equal(power_of_two(100, 0), float_of(0x1p100));
  are_equal(power_of_two(1023, 0), float_of(0x1p1023));
  are_equal(power_of_two(63, 0), float_of(0x1p63));
  are_equal(power_of_two(200, 5), power_of_two(200, 5));
  are_ordered(float_of(0x1p100), power_of_two(100, 1));
  are_ordered(power_of_two(100, -1), float_of(0x1p100));
  are_ordered(int_of(INT64_MAX), power_of_two(64, 0));
  are_ordered(ouro_true, power_of_two(64, 0));
  are_ordered(float_of(1.5), power_of_two(64, 0));
  are_ordered(power_of_two(2000, 0), float_of(INFINITY));
  are_ordered(float_of(1e308), power_of_two(2000, 0));
  void *negative = NULL, *big = power_of_two(80, 3);
  assert_int_equal(ouro_neg(big, &negative), OURO_OK);
  are_ordered(negative, big);
}

static void what_is_not_a_number(void **state) {
  (void)state;
  void *nan = float_of(NAN), *other = float_of(NAN), *one = int_of(1), *big = has_gmp() ? power_of_two(70, 0) : int_of(7);
  int order = 5;
  assert_int_equal(ouro_equal(nan, nan), 1); /* the same object */
  assert_int_equal(ouro_equal(nan, other), 0);
  assert_int_equal(ouro_equal(nan, one), 0);
  assert_int_equal(ouro_equal(big, nan), 0);
  assert_int_equal(ouro_compare(nan, one, &order), OURO_ETYPE);
  assert_int_equal(ouro_compare(big, nan, &order), OURO_ETYPE);
  assert_int_equal(order, 5);
  assert_true(hash_of(nan) == hash_of(nan) && hash_of(nan) != hash_of(other));
  assert_int_equal(ouro_truth(nan), 1);
  drop(nan);
  drop(other);
  drop(one);
  drop(big);
}

static void strangers_are_not_equal(void **state) {
  (void)state;
  void *one = int_of(1);
  int order;
  assert_int_equal(ouro_equal(one, ouro_none), 0);
  assert_int_equal(ouro_equal(ouro_none, one), 0);
  assert_int_equal(ouro_compare(one, ouro_none, &order), OURO_ETYPE);
  assert_int_equal(ouro_equal(ouro_true, ouro_none), 0);
  drop(one);
}

static void is_it_true(void **state) {
  (void)state;
  void *zero = float_of(-0.0), *half = float_of(0.5), *big = has_gmp() ? power_of_two(64, 0) : int_of(2);
  assert_int_equal(ouro_truth(int_of(0)), 0);
  assert_int_equal(ouro_truth(int_of(7)), 1);
  assert_int_equal(ouro_truth(zero), 0);
  assert_int_equal(ouro_truth(half), 1);
  assert_int_equal(ouro_truth(big), 1);
  assert_int_equal(ouro_truth(ouro_true), 1);
  assert_int_equal(ouro_truth(ouro_false), 0);
  assert_ptr_equal(ouro_bool(5), ouro_true);
  assert_ptr_equal(ouro_bool(0), ouro_false);
  drop(zero);
  drop(half);
  drop(big);
}

/* ---------------------------------------------------------------- text */

static void repr_is(void *object, const char *expected) {
  ouro_buffer buffer = OURO_BUFFER_ON_STACK;
  assert_int_equal(ouro_repr_into(object, &buffer), OURO_OK);
  assert_int_equal(ouro_buffer_count(&buffer), strlen(expected));
  assert_memory_equal(ouro_buffer_data(&buffer), expected, strlen(expected));
  ouro_buffer_done(&buffer);
  drop(object);
}

static void what_a_programmer_reads(void **state) {
  (void)state;
  repr_is(int_of(0), "0");
  repr_is(int_of(INT64_MIN), "-9223372036854775808");
  repr_is(ouro_true, "True");
  repr_is(ouro_false, "False");
  repr_is(float_of(1), "1.0");
  repr_is(float_of(-0.0), "-0.0");
  repr_is(float_of(0.1), "0.1");
  repr_is(float_of(1e16), "1e+16");
  repr_is(float_of(123456789012345.0), "123456789012345.0");
  repr_is(float_of(9007199254740993.0), "9007199254740992.0");
  repr_is(float_of(1e-4), "0.0001");
  repr_is(float_of(1e-5), "1e-05");
  repr_is(float_of(0.1 + 0.2), "0.30000000000000004");
  repr_is(float_of(5e-324), "5e-324");
  repr_is(float_of(0x1p-44), "5.684341886080802e-14"); /* the nearest of 16 digits does not read back, the next does */
  repr_is(float_of(1.7976931348623157e308), "1.7976931348623157e+308");
  repr_is(float_of(INFINITY), "inf");
  repr_is(float_of(-INFINITY), "-inf");
  repr_is(float_of(NAN), "nan");
}

static void digits_of_any_base(void **state) {
  (void)state;
  void *number = int_of(-255);
  ouro_buffer buffer = OURO_BUFFER_ON_STACK;
  assert_string_equal(digits_of(number, 16), "-ff");
  assert_string_equal(digits_of(number, 2), "-11111111");
  assert_string_equal(digits_of(number, 36), "-73");
  assert_int_equal(ouro_int_into(number, 1, &buffer), OURO_EINVAL);
  assert_int_equal(ouro_int_into(number, 37, &buffer), OURO_EINVAL);
  drop(number);
  if (!has_gmp()) return;
  number = int_from("-123456789abcdef0123456789abcdefXYZ", 36);
  assert_string_equal(digits_of(number, 36), "-123456789abcdef0123456789abcdefxyz");
  drop(number);
}

static void ints_from_text(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int base;
    int64_t value;
  } known[] = {{"12", 10, 12},    {" -7\n", 10, -7}, {"+9", 10, 9},      {"0x1F", 0, 31},  {"0x1f", 16, 31}, {"1f", 16, 31}, {"0b11", 0, 3},
               {"0b11", 16, 2833}, {"0o17", 8, 15},  {"00", 0, 0},       {"007", 10, 7},   {"z", 36, 35},    {"0", 0, 0},    {"-0", 0, 0},
               {"-9223372036854775808", 10, INT64_MIN}, {"9223372036854775807", 0, INT64_MAX}};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    void *object = int_from(known[i].text, known[i].base);
    TEST_CHECK(object != NULL && ouro__int_is_small(object) && ouro__int_value(object) == known[i].value);
    drop(object);
  }
}

static void text_that_is_no_int(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int base, number;
  } known[] = {{"", 10, EBADMSG},    {" ", 10, EBADMSG},   {"-", 10, EBADMSG},    {"+-1", 10, EBADMSG}, {"1 2", 10, EBADMSG},
               {"12a", 10, EBADMSG}, {"0x", 0, EBADMSG},   {"0x", 16, EBADMSG},   {"012", 0, EBADMSG},  {"2", 2, EBADMSG},
               {"1.0", 10, EBADMSG}, {"0x1", 10, EBADMSG}, {"1_000", 10, EBADMSG}, {"1", 1, EINVAL},     {"1", 37, EINVAL},
               {"1", -2, EINVAL},    {"99999999999999999999999999x", 10, EBADMSG},
               {"\0341", 10, EBADMSG}};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    errno = 0;
    TEST_CHECK(int_from(known[i].text, known[i].base) == NULL && errno == known[i].number);
  }
  errno = 0;
  assert_null(ouro_int_from_text(NULL, 0, 10));
  assert_int_equal(errno, EINVAL);
}

static void floats_from_text(void **state) {
  (void)state;
  static const struct {
    const char *text;
    double value;
  } known[] = {{"1", 1},
               {" -1.5 ", -1.5},
               {".5", 0.5},
               {"5.", 5},
               {"1e3", 1000},
               {"1E-3", 0.001},
               {"1e400", INFINITY},
               {"-1e-400", -0.0},
               {"inf", INFINITY},
               {"-Infinity", -INFINITY},
               {"+iNF", INFINITY},
               {"0e999999999999", 0},
               {"9007199254740993", 9007199254740992.0},
               {"9007199254740993.0000000000000000000000000001", 9007199254740994.0},
               {"123456789012345678901234567890", 123456789012345678901234567890.0},
               {"1e23", 1e23},
               {"0.1e-22", 1e-23}};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    double value = 42;
    TEST_CHECK(ouro_double_from_text(known[i].text, strlen(known[i].text), &value) == OURO_OK);
    TEST_CHECK(value == known[i].value && signbit(value) == signbit(known[i].value));
  }
  void *nan = ouro_float_from_text("nan", 3);
  assert_true(isnan(ouro_float_value(nan)));
  drop(nan);
}

static void text_that_is_no_float(void **state) {
  (void)state;
  static const char *const wrong[] = {"", ".", "e5", "1e", "1e+", "1e5x", "1.2.3", "0x1p3", "nan(1)", "in", "infinit", "1,5", "--1", "1 2",
                                      "\0341"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    double value = 42;
    TEST_CHECK(ouro_double_from_text(wrong[i], strlen(wrong[i]), &value) == OURO_ESYNTAX && value == 42);
    errno = 0;
    TEST_CHECK(ouro_float_from_text(wrong[i], strlen(wrong[i])) == NULL && errno == EBADMSG);
  }
}

/* More digits than fit on the stack, and a decimal point where the locale has a comma. */
static void the_locale_does_not_matter(void **state) {
  (void)state;
  char *before = strdup(setlocale(LC_NUMERIC, NULL));
  bool comma = setlocale(LC_NUMERIC, "de_DE.UTF-8") != NULL;
  char text[300], expected[OURO_DOUBLE_TEXT];
  memset(text, '3', sizeof text);
  text[1] = '.';
  double value = 0;
  assert_int_equal(ouro_double_from_text(text, sizeof text, &value), OURO_OK);
  assert_true(value == 3.3333333333333335);
  assert_int_equal(ouro_double_text(value, expected), strlen("3.3333333333333335"));
  assert_string_equal(expected, "3.3333333333333335");
  setlocale(LC_NUMERIC, before);
  free(before);
  if (!comma) print_message("# no locale with a comma here\n");
}

static void between_ints_and_floats(void **state) {
  (void)state;
  IS_INT(ouro_int_from_float(-3.99), "-3");
  IS_INT(ouro_int_from_float(-0x1p63), "-9223372036854775808");
  assert_null(ouro_int_from_float(NAN));
  assert_int_equal(errno, EINVAL);
  assert_null(ouro_int_from_float(-INFINITY));
  assert_int_equal(errno, ERANGE);
  void *half = float_of(2.5), *whole = float_of(-4), *far = float_of(INFINITY);
  assert_int_equal(ouro_float_is_integer(half), 0);
  assert_int_equal(ouro_float_is_integer(whole), 1);
  assert_int_equal(ouro_float_is_integer(far), 0);
  drop(half);
  drop(whole);
  drop(far);
  if (!has_gmp()) return;
  IS_INT(ouro_int_from_float(1e23), "99999999999999991611392");
  void *big = power_of_two(1024, 0);
  double value = 7;
  assert_int_equal(ouro_number_to_double(big, &value), OURO_ERANGE);
  assert_true(value == 7);
  assert_int_equal(code_of(ouro_add, big, float_of(1)), OURO_ERANGE);
}

/* ---------------------------------------------------------------- threads */

enum { THREADS = 4 };

/* The numbers belong to another thread: all that is done here is with the counts of both. */
static void *calculate_with(void *arg) {
  void **shared = arg;
  for (int i = 0; i < 20000; i++) {
    void *sum = NULL, *product = NULL;
    TEST_CHECK(ouro_add(shared[0], shared[1], &sum) == OURO_OK);
    TEST_CHECK(ouro_mul(sum, shared[0], &product) == OURO_OK);
    TEST_CHECK(ouro_equal(sum, product) == 0);
    drop(sum);
    drop(product);
    void *small = ref(int_of(i % 1024));
    drop(small);
  }
  return NULL;
}

static void threads_share_numbers(void **state) {
  (void)state;
  void *shared[2] = {has_gmp() ? power_of_two(200, 1) : int_of(70000), int_of(123456789)};
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) {
    TEST_CHECK(pthread_create(&threads[i], NULL, calculate_with, shared) == 0);
  }
  ouro_blocking_begin();
  for (int i = 0; i < THREADS; i++) {
    pthread_join(threads[i], NULL);
  }
  ouro_blocking_end();
  drop(shared[0]);
  drop(shared[1]);
}

/* ---------------------------------------------------------------- without memory */

#ifdef OURO_FAULTS
static void *large[3]; /* two of some hundred limbs, and one of few */

/* What is tried gives one object or two; how many, or a code. */
static int try_binary(int which, void *made[2]) {
  static const binary all[] = {ouro_add, ouro_sub, ouro_mul, ouro_floordiv, ouro_mod, ouro_truediv, ouro_and, ouro_or, ouro_xor};
  enum { COUNT = sizeof all / sizeof all[0] };
  return which < COUNT ? all[which](large[0], large[1], made) : 1;
}

static int try_other(int which, void *made[2]) {
  void *seven = int_of(7);
  switch (which) {
    case 0: return ouro_divmod(large[0], large[2], made, made + 1);
    case 1: return ouro_pow(large[0], seven, made);
    case 2: return ouro_lshift(large[0], seven, made);
    case 3: return ouro_rshift(large[0], seven, made);
    case 4: return ouro_neg(large[0], made);
    case 5: return ouro_invert(large[0], made);
    case 6: made[0] = ouro_int_new(5000); break;
    case 7: made[0] = ouro_float_new(1.5); break;
    case 8: made[0] = ouro_int_from_float(1e300); break;
    case 9: made[0] = int_from("123456789012345678901234567890", 10); break;
    case 10: made[0] = ouro_int_new_u64(UINT64_MAX); break;
    default: return 1;
  }
  return made[0] ? OURO_OK : ouro_code_of_errno(errno);
}

static int try_text(int which, void *made[2]) {
  static char digits[3000];
  (void)made;
  memset(digits, '7', sizeof digits);
  ouro_buffer buffer = OURO_BUFFER_ON_STACK;
  double value = 1;
  int code = which == 0   ? ouro_int_into(large[0], 10, &buffer)
             : which == 1 ? ouro_double_from_text(digits, 400, &value)
                          : 1;
  if (which == 2) {
    made[0] = ouro_int_from_text(digits, sizeof digits, 10);
    code = made[0] ? OURO_OK : ouro_code_of_errno(errno);
  }
  if (code == OURO_ENOMEM) TEST_CHECK(ouro_buffer_count(&buffer) == 0 && value == 1);
  ouro_buffer_done(&buffer);
  return code;
}

/* true: there is something of that number to try. */
static bool fail_in_turn(int (*attempt)(int which, void *made[2]), int which) {
  for (long nth = 1;; nth++) {
    void *made[2] = {NULL, NULL};
    size_t live = test_live();
    ouro__fault_set(nth, false);
    int code = attempt(which, made);
    ouro__fault_set(0, false);
    if (code == 1) return false;
    if (code == OURO_OK) {
      ouro_xdecref(made[0]);
      ouro_xdecref(made[1]);
      return true;
    }
    TEST_CHECK(code == OURO_ENOMEM && !made[0] && !made[1] && test_live() == live && nth < 20);
  }
}

static void each_allocation_fails(void **state) {
  (void)state;
  if (!has_gmp()) return;
  large[0] = power_of_two(64 * 100, 12345);
  large[1] = power_of_two(64 * 95, 999);
  large[2] = power_of_two(64 * 45, -999);
  int (*const attempts[])(int which, void *made[2]) = {try_binary, try_other, try_text};
  for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
    int which = 0;
    while (fail_in_turn(attempts[i], which)) which++;
    assert_true(which > 2);
  }
  for (size_t i = 0; i < 3; i++) {
    drop(large[i]);
  }
}
#endif

/* ---------------------------------------------------------------- calculate: lines in, lines out
 *
 *   OPERATION OPERAND [OPERAND]     an operand: i and an int in hexadecimal, f and a double as %a, b0, b1; of the text operations, the text
 *   -> RESULT...                    the same; or n and a number; or t and a text; or ! and the name of a code */

static void *operand(const char *text) {
  if (text[0] == 'b') return ouro_bool(text[1] == '1');
  return text[0] == 'f' ? float_of(strtod(text + 1, NULL)) : int_from(text + 1, 16);
}

static void show(void *object) {
  if (ouro_is_float(object)) {
    printf("f%a ", ouro_float_value(object));
  } else {
    printf("i%s ", digits_of(object, 16));
  }
  drop(object);
}

static void show_code(int code) { printf("!%s ", ouro_err_name(code)); }

static bool calculate_binary(const char *name, void *a, void *b) {
  static const struct {
    const char *name;
    binary operation;
  } all[] = {{"add", ouro_add},           {"sub", ouro_sub}, {"mul", ouro_mul},       {"truediv", ouro_truediv},
             {"floordiv", ouro_floordiv}, {"mod", ouro_mod}, {"pow", ouro_pow},       {"lshift", ouro_lshift},
             {"rshift", ouro_rshift},     {"and", ouro_and}, {"or", ouro_or},         {"xor", ouro_xor}};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    if (strcmp(all[i].name, name) != 0) continue;
    void *result = NULL;
    int code = all[i].operation(a, b, &result);
    if (code) {
      show_code(code);
    } else {
      show(result);
    }
    return true;
  }
  return false;
}

static bool calculate_unary(const char *name, void *a) {
  void *result = NULL;
  int code = strcmp(name, "neg") == 0      ? ouro_neg(a, &result)
             : strcmp(name, "abs") == 0    ? ouro_abs(a, &result)
             : strcmp(name, "invert") == 0 ? ouro_invert(a, &result)
                                           : 1;
  if (code == 1) return false;
  if (code) {
    show_code(code);
  } else {
    show(result);
  }
  return true;
}

static void calculate_divmod(void *a, void *b) {
  void *quotient = NULL, *remainder = NULL;
  int code = ouro_divmod(a, b, &quotient, &remainder);
  if (code) {
    show_code(code);
    return;
  }
  show(quotient);
  show(remainder);
}

/* Order (9: there is none), and whether they are equal, and hash equal. */
static void calculate_relation(void *a, void *b) {
  int order = 9;
  ouro_compare(a, b, &order);
  printf("n%d n%d n%d ", order, ouro_equal(a, b), hash_of(a) == hash_of(b));
}

static bool calculate_text(const char *name, const char *text) {
  if (strcmp(name, "float") == 0) {
    double value = 0;
    int code = ouro_double_from_text(text, strlen(text), &value);
    if (code) {
      show_code(code);
    } else {
      printf("f%a ", value);
    }
  } else if (strncmp(name, "int", 3) == 0) {
    void *object = int_from(text, atoi(name + 3));
    if (object) {
      show(object);
    } else {
      show_code(ouro_code_of_errno(errno));
    }
  } else {
    return false;
  }
  return true;
}

static void calculate_about(const char *name, void *a) {
  char text[OURO_DOUBLE_TEXT];
  double value = 0;
  size_t bits = 0;
  if (strcmp(name, "repr") == 0) {
    ouro_double_text(ouro_float_value(a), text);
    printf("t%s ", text);
  } else if (strncmp(name, "digits", 6) == 0) {
    printf("t%s ", digits_of(a, atoi(name + 6)));
  } else if (strcmp(name, "double") == 0) {
    int code = ouro_number_to_double(a, &value);
    if (code) {
      show_code(code);
    } else {
      printf("f%a ", value);
    }
  } else if (strcmp(name, "whole") == 0) {
    void *object = ouro_int_from_float(ouro_float_value(a));
    if (object) {
      show(object);
    } else {
      show_code(ouro_code_of_errno(errno));
    }
  } else {
    TEST_CHECK(strcmp(name, "bits") == 0 && ouro_int_bit_length(a, &bits) == OURO_OK);
    printf("n%zu ", bits);
  }
}

static void calculate_line(char *line) {
  char *rest = line, *name = strsep(&rest, " \n"), *first = strsep(&rest, " \n"), *second = strsep(&rest, " \n");
  if (calculate_text(name, first)) return;
  void *a = operand(first), *b = second && *second ? operand(second) : NULL;
  TEST_CHECK(a != NULL);
  if (b && strcmp(name, "divmod") == 0) {
    calculate_divmod(a, b);
  } else if (b && strcmp(name, "relation") == 0) {
    calculate_relation(a, b);
  } else if (!(b ? calculate_binary(name, a, b) : calculate_unary(name, a))) {
    calculate_about(name, a);
  }
  drop(a);
  if (b) drop(b);
}

static int calculate(void) {
  static char line[16384];
  size_t live = test_live();
  printf("gmp %d\n", has_gmp());
  while (fgets(line, sizeof line, stdin)) {
    calculate_line(line);
    putchar('\n');
  }
  TEST_CHECK(test_live() == live);
  return 0;
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(small_ints_are_made_once),
      OBJECT_TEST(ints_of_64_bits),
      OBJECT_TEST(what_is_no_int_is_refused),
      OBJECT_TEST(beyond_64_bits),
      OBJECT_TEST(the_edges_of_64_bits),
      OBJECT_TEST(it_rounds_down),
      OBJECT_TEST(what_cannot_be_calculated),
      OBJECT_TEST(only_numbers_are_calculated_with),
      OBJECT_TEST(numbers_are_compared_by_value),
      OBJECT_TEST(large_ones_too),
      OBJECT_TEST(what_is_not_a_number),
      OBJECT_TEST(strangers_are_not_equal),
      OBJECT_TEST(is_it_true),
      OBJECT_TEST(what_a_programmer_reads),
      OBJECT_TEST(digits_of_any_base),
      OBJECT_TEST(ints_from_text),
      OBJECT_TEST(text_that_is_no_int),
      OBJECT_TEST(floats_from_text),
      OBJECT_TEST(text_that_is_no_float),
      OBJECT_TEST(the_locale_does_not_matter),
      OBJECT_TEST(between_ints_and_floats),
      OBJECT_TEST(threads_share_numbers),
#ifdef OURO_FAULTS
      OBJECT_TEST(each_allocation_fails),
#endif
  };
  if (argc > 1) return strcmp(argv[1], "calculate") == 0 ? calculate() : 2;
  return cmocka_run_group_tests(tests, NULL, NULL);
}
