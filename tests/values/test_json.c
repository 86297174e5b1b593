/* tests/values/test_json.c - JSON: what is read as what, at once and in pieces of any size; what is refused, and where; many values; depth;
 * writing; and every allocation failing in turn.
 *
 * What a text reads as is compared by what is written of it. (Against Python's json: json.py. With bytes of any kind: fuzz/json.c.)
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka. */
#include "object/objects.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "heap/heap.h"

enum { WHOLE = 0 };

/* ---------------------------------------------------------------- reading in pieces, text of what was read */

/* In pieces of so many bytes; WHOLE: at once. */
static int read_in_pieces(const char *text, size_t bytes, size_t piece, const ouro_json_read_options *options, void **value,
                          ouro_json_error *error) {
  if (piece == WHOLE && !options) return ouro_json_parse(text, bytes, value, error);
  ouro_json_reader *reader = ouro_json_reader_new(options);
  TEST_CHECK(reader != NULL);
  int code = OURO_OK;
  if (piece == WHOLE) piece = bytes ? bytes : 1;
  for (size_t at = 0; at < bytes && !code; at += piece) {
    size_t now = bytes - at < piece ? bytes - at : piece;
    char *copy = malloc(now); /* of its own, so that a look behind it is seen */
    TEST_CHECK(copy != NULL);
    memcpy(copy, text + at, now);
    code = ouro_json_reader_feed(reader, copy, now);
    free(copy);
  }
  int end = ouro_json_reader_finish(reader, value);
  TEST_CHECK(!code || end == code); /* it says the same again */
  if (error) ouro_json_reader_error(reader, error);
  ouro_json_reader_free(reader);
  return end;
}

static void *parsed(const char *text) {
  void *value = NULL;
  ouro_json_error error;
  int code = ouro_json_parse(text, strlen(text), &value, &error);
  if (code) fail_msg("%s: %s", text, error.text);
  assert_int_equal(error.code, OURO_OK);
  return value;
}

static void is_written(void *value, const ouro_json_write_options *options, const char *expected) {
  ouro_str *text = ouro_json_text(value, options);
  TEST_CHECK(text != NULL);
  assert_string_equal(ouro_str_text(text), expected);
  assert_int_equal(strlen(expected), ouro_str_bytes(text));
  drop(text);
}

/* ---------------------------------------------------------------- what is read */

static const struct {
  const char *text, *written; /* NULL: the same */
} good[] = {
    {"null", NULL},
    {"true", NULL},
    {"false", NULL},
    {" \t\r\n true \t\r\n ", "true"},
    {"[]", NULL},
    {"{}", NULL},
    {"[ ]", "[]"},
    {"{ }", "{}"},
    {"[[],[[]],{},[{}]]", NULL},
    {"{\"a\":{\"b\":{\"c\":[1,2,{\"d\":null}]}}}", NULL},
    {"\"\"", NULL},
    {"\"a\"", NULL},
    {"\"with \\\" \\\\ \\/ \\b \\f \\n \\r \\t\"", "\"with \\\" \\\\ / \\b \\f \\n \\r \\t\""},
    {"\"\\u0041\\u00e9\\u20ac\\uD834\\udd1e\"", "\"A\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e\""},
    {"\"\\u0000\\u001f\\u007f\"", "\"\\u0000\\u001f\x7f\""},
    {"\"\xc3\xa9 \xe2\x82\xac \xf0\x9d\x84\x9e \xf4\x8f\xbf\xbf\"", NULL},
    {"\"\\uFFFF\\uffff\\uDBFF\\uDFFF\"", "\"\xef\xbf\xbf\xef\xbf\xbf\xf4\x8f\xbf\xbf\""},
    {"\"\\\\ud800\"", "\"\\\\ud800\""},
    {"\"\\\\\\ud834\\udd1e\\\\\"", "\"\\\\\xf0\x9d\x84\x9e\\\\\""},
    {"0", NULL},
    {"-0", "0"},
    {"-1", NULL},
    {"1024", NULL},
    {"1025", NULL},
    {"999999999999999999", NULL},
    {"-999999999999999999", NULL},
    {"9223372036854775807", NULL},
    {"-9223372036854775808", NULL},
    {"0.0", NULL},
    {"-0.0", NULL},
    {"-0e5", "-0.0"},
    {"0.1", NULL},
    {"1.5", NULL},
    {"-2.25", NULL},
    {"1e5", "100000.0"},
    {"1E+5", "100000.0"},
    {"1e-5", "1e-05"},
    {"123e22", "1.23e+24"},
    {"1e22", NULL},
    {"1e23", NULL},
    {"9007199254740993.0", "9007199254740992.0"},
    {"9007199254740992e22", "9.007199254740992e+37"},
    {"0.30000000000000004", NULL},
    {"2.2250738585072014e-308", NULL},
    {"5e-324", NULL},
    {"1e-400", "0.0"},
    {"1.7976931348623157e308", "1.7976931348623157e+308"},
    {"3.14159265358979323846264338327950288419716939937510", "3.141592653589793"},
    {"0.000000000000000000000000000000000000000000000000000000000000000001", "1e-66"},
    {"10000000000000000000000.0", "1e+22"},
    {"[1,2 , 3\n]", "[1,2,3]"},
    {"{\"a\" : 1 , \"b\":[true]}", "{\"a\":1,\"b\":[true]}"},
    {"{\"b\":1,\"a\":2,\"b\":3}", "{\"b\":3,\"a\":2}"},
    {"{\"\":0}", NULL},
    {"{\"a\\u0062\":1,\"ab\":2}", "{\"ab\":2}"},
};

static const char *written_of(size_t i) { return good[i].written ? good[i].written : strcmp(good[i].text, "1e22") == 0 ? "1e+22"
                                                 : strcmp(good[i].text, "1e23") == 0 ? "1e+23" : good[i].text; }

static void what_is_json_is_read(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    for (size_t piece = 0; piece < 6; piece++) {
      void *value = NULL;
      ouro_json_error error;
      int code = read_in_pieces(good[i].text, strlen(good[i].text), piece, NULL, &value, &error);
      if (code) fail_msg("%s, in pieces of %zu: %s", good[i].text, piece, error.text);
      is_written(value, NULL, written_of(i));
      drop(value);
    }
  }
}

static void types_are_what_python_makes_of_them(void **state) {
  (void)state;
  static const struct {
    const char *text;
    const ouro_type *type;
  } cases[] = {
      {"1", &ouro_int_type},        {"1.0", &ouro_float_type}, {"1e0", &ouro_float_type}, {"\"1\"", &ouro_str_type},
      {"[]", &ouro_list_type},      {"{}", &ouro_dict_type},   {"null", &ouro_none_type}, {"true", &ouro_bool_type},
      {"-0", &ouro_int_type},       {"-0.0", &ouro_float_type},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    void *value = parsed(cases[i].text);
    assert_true(ouro_is_instance(value, cases[i].type));
    drop(value);
  }
}

static void a_number_that_no_double_is_large_enough_for_is_infinite(void **state) {
  (void)state;
  void *value = parsed("[1e400, -1e400, 1e999999999999999999999]");
  for (ptrdiff_t i = 0; i < 3; i++) {
    void *item = NULL;
    assert_int_equal(ouro_list_get(value, i, &item), OURO_OK);
    assert_true(isinf(ouro_float_value(item)) && (ouro_float_value(item) < 0) == (i == 1));
    drop(item);
  }
  drop(value);
}

static void ints_have_any_size(void **state) {
  (void)state;
  static const char *const texts[] = {"9223372036854775808", "-9223372036854775809", "18446744073709551616",
                                      "-123456789012345678901234567890123456789012345678901234567890"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    for (size_t piece = 0; piece < 3; piece++) {
      void *value = NULL;
      int code = read_in_pieces(texts[i], strlen(texts[i]), piece, NULL, &value, NULL);
      if (code == OURO_ERANGE) continue; /* a library without GMP */
      assert_int_equal(code, OURO_OK);
      is_written(value, NULL, texts[i]);
      drop(value);
    }
  }
}

/* From a few dozen on. */
static void equal_keys_are_one_object(void **state) {
  (void)state;
  enum { DICTS = 100, LAST = 20 };
  ouro_buffer text = OURO_BUFFER_ON_STACK;
  void *value = NULL, *first = NULL;
  for (int i = 0; i < DICTS; i++) TEST_CHECK(!ouro_buffer_append_text(&text, i ? ", {\"n\\u0061me\": 1}" : "[{\"name\": 1}"));
  TEST_CHECK(!ouro_buffer_append_char(&text, ']'));
  assert_int_equal(ouro_json_parse(ouro_buffer_data(&text), ouro_buffer_count(&text), &value, NULL), OURO_OK);
  for (ptrdiff_t i = DICTS - LAST; i < DICTS; i++) {
    void *dict = NULL, *key = NULL;
    size_t cursor = 0;
    assert_int_equal(ouro_list_get(value, i, &dict), OURO_OK);
    assert_int_equal(ouro_dict_next(dict, &cursor, &key, NULL), 1);
    if (!first) first = key;
    assert_ptr_equal(key, first);
    drop(key);
    drop(dict);
  }
  drop(value);
  ouro_buffer_done(&text);
}

/* ---------------------------------------------------------------- what is refused */

static const struct {
  const char *text;
  int code;
  size_t line, column;
} bad[] = {
    {"", OURO_ESYNTAX, 1, 1},
    {"  \n ", OURO_ESYNTAX, 2, 2},
    {"[", OURO_ESYNTAX, 1, 2},
    {"{\"a\":", OURO_ESYNTAX, 1, 6},
    {"[1,\n2,\n", OURO_ESYNTAX, 3, 1},
    {"\"abc", OURO_ESYNTAX, 1, 5},
    {"[\"abc", OURO_ESYNTAX, 1, 6},
    {"]", OURO_ESYNTAX, 1, 1},
    {"[}", OURO_ESYNTAX, 1, 2},
    {"{]", OURO_ESYNTAX, 1, 2},
    {"[1,]", OURO_ESYNTAX, 1, 4},
    {"[,1]", OURO_ESYNTAX, 1, 2},
    {"[1 2]", OURO_ESYNTAX, 1, 4},
    {"{\"a\" 1}", OURO_ESYNTAX, 1, 6},
    {"{\"a\":1,}", OURO_ESYNTAX, 1, 8},
    {"{1:2}", OURO_ESYNTAX, 1, 2},
    {"{\"a\":1 \"b\":2}", OURO_ESYNTAX, 1, 10},
    {"1 2", OURO_ESYNTAX, 1, 3},
    {"1 \"abc", OURO_ESYNTAX, 1, 3},
    {"[]\n\n  x", OURO_ESYNTAX, 3, 3},
    {"01", OURO_ESYNTAX, 1, 2},
    {"[01]", OURO_ESYNTAX, 1, 3},
    {"-", OURO_ESYNTAX, 1, 2},
    {"[-]", OURO_ESYNTAX, 1, 3},
    {"[+1]", OURO_ESYNTAX, 1, 2},
    {"[1.]", OURO_ESYNTAX, 1, 4},
    {"[.5]", OURO_ESYNTAX, 1, 2},
    {"[1e]", OURO_ESYNTAX, 1, 4},
    {"[0x10]", OURO_ESYNTAX, 1, 3},
    {"NaN", OURO_ESYNTAX, 1, 1},
    {"[Infinity]", OURO_ESYNTAX, 1, 2},
    {"[nulx]", OURO_ESYNTAX, 1, 5},
    {"nul", OURO_ESYNTAX, 1, 4},
    {"[\n  @]", OURO_ESYNTAX, 2, 3},
    {"['a']", OURO_ESYNTAX, 1, 2},
    {"[\"a\nb\"]", OURO_ESYNTAX, 1, 4},
    {"[\"\\x\"]", OURO_ESYNTAX, 1, 4},
    {"[\"\\u12g4\"]", OURO_ESYNTAX, 1, 7},
    {"\\u0041", OURO_ESYNTAX, 1, 1},
    {"[1] // no", OURO_ESYNTAX, 1, 5},
    {"[1,\v2]", OURO_ESYNTAX, 1, 4},
    {"\f1", OURO_ESYNTAX, 1, 1},
    {"\xef\xbb\xbf[]", OURO_ESYNTAX, 1, 1},
    {"\"\\ud800\"", OURO_EUTF8, 1, 8},
    {"\"\\ud800x\"", OURO_EUTF8, 1, 8},
    {"\"\\ud800\\n\"", OURO_EUTF8, 1, 9},
    {"[\n\"\\udc00\"]", OURO_EUTF8, 2, 7},
    {"\"\\ud800\\u0041\"", OURO_EUTF8, 1, 13},
    {"\"\\ud800\\ud800\"", OURO_EUTF8, 1, 13},
    {"\"ab\xff\"", OURO_EUTF8, 1, 4},
    {"{\"ab\xc0\x80\":1}", OURO_EUTF8, 1, 5},
    {"[\"\xed\xa0\x80\"]", OURO_EUTF8, 1, 3},
    {"[1,\n \"\xf4\x90\x80\x80\"]", OURO_EUTF8, 2, 3},
    {"[\"\xe2\x82\"]", OURO_EUTF8, 1, 3},
};

static void what_is_not_json_is_refused_where_it_is_wrong(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    void *value = &state;
    ouro_json_error error;
    int code = read_in_pieces(bad[i].text, strlen(bad[i].text), WHOLE, NULL, &value, &error);
    if (code != bad[i].code || error.code != code || error.line != bad[i].line || error.column != bad[i].column) {
      fail_msg("%s: %s, %zu:%zu, %s; expected %s, %zu:%zu", bad[i].text, ouro_err_name(code), error.line, error.column, error.text,
               ouro_err_name(bad[i].code), bad[i].line, bad[i].column);
    }
    assert_ptr_equal(value, &state);
    assert_true(error.text[0] && !strchr(error.text, '\n'));
  }
}

/* Where it is cut does not matter, but for the place in a string that is no UTF-8. */
static void it_is_refused_the_same_in_pieces(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    for (size_t piece = 1; piece < 6; piece++) {
      void *value = &state;
      ouro_json_error error;
      int code = read_in_pieces(bad[i].text, strlen(bad[i].text), piece, NULL, &value, &error);
      assert_ptr_equal(value, &state);
      bool is_there = error.line == bad[i].line && (error.column == bad[i].column || code == OURO_EUTF8);
      if (code != bad[i].code || error.code != code || !is_there) {
        fail_msg("%s, in pieces of %zu: %s, %zu:%zu, %s", bad[i].text, piece, ouro_err_name(code), error.line, error.column,
                 error.text);
      }
    }
  }
}

/* The text of a file of lines: an offset, a line and a column that agree, wherever it is wrong. */
static void places_agree(void **state) {
  (void)state;
  enum { LINES = 5000 };
  for (size_t wrong = 1; wrong < LINES; wrong += 617) {
    ouro_buffer text = OURO_BUFFER_ON_STACK;
    size_t offset = 0;
    TEST_CHECK(!ouro_buffer_append_text(&text, "[\n"));
    for (size_t line = 1; line < LINES; line++) {
      char number[32];
      snprintf(number, sizeof number, "  %*zu,\n", (int)(line % 9), line);
      if (line == wrong) offset = ouro_buffer_count(&text) + strspn(number, " ");
      if (line == wrong) number[strspn(number, " ")] = '?';
      TEST_CHECK(!ouro_buffer_append_text(&text, number));
    }
    for (size_t piece = 0; piece < 70000; piece = piece ? piece * 37 : 1) {
      void *value = NULL;
      ouro_json_error error;
      int code = read_in_pieces(ouro_buffer_data(&text), ouro_buffer_count(&text), piece, NULL, &value, &error);
      assert_int_equal(code, OURO_ESYNTAX);
      assert_int_equal(error.offset, offset);
      assert_int_equal(error.line, wrong + 1);
    }
    ouro_buffer_done(&text);
  }
}

static void arguments_are_looked_at(void **state) {
  (void)state;
  void *value = NULL;
  ouro_json_error error;
  assert_int_equal(ouro_json_parse(NULL, 1, &value, &error), OURO_EINVAL);
  assert_int_equal(error.code, OURO_EINVAL);
  assert_int_equal(ouro_json_parse("1", 1, NULL, NULL), OURO_EINVAL);
  assert_int_equal(ouro_json_parse(NULL, 0, &value, NULL), OURO_ESYNTAX);
  assert_null(ouro_json_reader_new(&(ouro_json_read_options){.flags = 64}));
  assert_int_equal(errno, EINVAL);
  assert_int_equal(ouro_json_reader_feed(NULL, "", 0), OURO_EINVAL);
  assert_int_equal(ouro_json_reader_finish(NULL, &value), OURO_EINVAL);
  assert_int_equal(ouro_json_reader_next(NULL, &value), OURO_EINVAL);
  ouro_json_reader_free(NULL);
  ouro_json_reader *reader = ouro_json_reader_new(NULL);
  assert_int_equal(ouro_json_reader_feed(reader, NULL, 1), OURO_EINVAL);
  assert_int_equal(ouro_json_reader_finish(reader, NULL), OURO_EINVAL);
  assert_int_equal(ouro_json_reader_next(reader, &value), OURO_EINVAL);
  ouro_json_reader_free(reader);
  assert_int_equal(ouro_json_write(NULL, NULL, NULL, NULL), OURO_EINVAL);
  assert_int_equal(ouro_json_into(ouro_none, NULL, NULL), OURO_EINVAL);
  assert_null(ouro_json_text(ouro_none, &(ouro_json_write_options){.flags = 64}));
  assert_int_equal(errno, EINVAL);
}

/* ---------------------------------------------------------------- depth */

static void *nested(size_t depth, const ouro_json_read_options *options, int *code, ouro_json_error *error) {
  char *text = malloc(2 * depth + 1);
  void *value = NULL;
  TEST_CHECK(text != NULL);
  memset(text, '[', depth);
  memset(text + depth, ']', depth);
  *code = read_in_pieces(text, 2 * depth, WHOLE, options, &value, error);
  free(text);
  return value;
}

static void depth_has_a_limit(void **state) {
  (void)state;
  ouro_json_error error;
  int code;
  drop(nested(OURO_JSON_DEPTH, NULL, &code, &error));
  assert_null(nested(OURO_JSON_DEPTH + 1, NULL, &code, &error));
  assert_int_equal(code, OURO_EDEEP);
  assert_int_equal(error.offset, OURO_JSON_DEPTH);
  drop(nested(3, &(ouro_json_read_options){.depth = 3}, &code, &error));
  assert_null(nested(4, &(ouro_json_read_options){.depth = 3}, &code, &error));
  assert_int_equal(code, OURO_EDEEP);
}

static void depth_costs_no_stack(void **state) {
  (void)state;
  size_t depth = test_count(1000000, 100000);
  ouro_json_error error;
  int code;
  void *value = nested(depth, &(ouro_json_read_options){.depth = depth}, &code, &error);
  assert_int_equal(code, OURO_OK);
  ouro_str *text = ouro_json_text(value, &(ouro_json_write_options){.depth = depth});
  assert_int_equal(ouro_str_bytes(text), 2 * depth);
  drop(text);
  assert_null(ouro_json_text(value, &(ouro_json_write_options){.depth = depth - 1}));
  assert_int_equal(errno, ELOOP);
  drop(value);
}

/* ---------------------------------------------------------------- readers */

static void a_reader_reads_again(void **state) {
  (void)state;
  ouro_json_reader *reader = ouro_json_reader_new(NULL);
  ouro_json_error error;
  for (int i = 0; i < 3; i++) {
    void *value = NULL;
    assert_int_equal(ouro_json_reader_feed(reader, "{\"a\": [1, 2", 11), OURO_OK);
    assert_int_equal(ouro_json_reader_finish(reader, &value), OURO_ESYNTAX);
    ouro_json_reader_error(reader, &error);
    assert_int_equal(error.code, OURO_ESYNTAX);
    assert_null(value);
    assert_int_equal(ouro_json_reader_feed(reader, "{\"a\": [1, 2", 11), OURO_OK);
    assert_int_equal(ouro_json_reader_feed(reader, "]}", 2), OURO_OK);
    assert_int_equal(ouro_json_reader_finish(reader, &value), OURO_OK);
    ouro_json_reader_error(reader, &error);
    assert_int_equal(error.code, OURO_OK);
    is_written(value, NULL, "{\"a\":[1,2]}");
    drop(value);
  }
  assert_int_equal(ouro_json_reader_feed(reader, "[[[\"left behind\"", 15), OURO_OK);
  ouro_json_reader_free(reader);
}

static const ouro_json_read_options many = {.flags = OURO_JSON_MANY};

/* What has come until now, as text. */
static void come(ouro_json_reader *reader, const char *expected) {
  ouro_buffer text = OURO_BUFFER_ON_STACK;
  void *value = NULL;
  while (ouro_json_reader_next(reader, &value) == 1) {
    assert_int_equal(ouro_json_into(value, NULL, &text), OURO_OK);
    TEST_CHECK(!ouro_buffer_append_char(&text, ';'));
    drop(value);
  }
  TEST_CHECK(!ouro_buffer_append_char(&text, 0));
  assert_string_equal(ouro_buffer_data(&text), expected);
  ouro_buffer_done(&text);
}

static void feed(ouro_json_reader *reader, const char *text, int code) {
  assert_int_equal(ouro_json_reader_feed(reader, text, strlen(text)), code);
}

static void many_values_come_as_they_are_complete(void **state) {
  (void)state;
  ouro_json_reader *reader = ouro_json_reader_new(&many);
  assert_int_equal(ouro_json_reader_finish(reader, NULL), OURO_OK);
  feed(reader, "{\"a\":1}\n{\"a\"", OURO_OK);
  come(reader, "{\"a\":1};");
  feed(reader, ":2} [] \"x\"12", OURO_OK);
  come(reader, "{\"a\":2};[];\"x\";");
  feed(reader, "34 nu", OURO_OK);
  come(reader, "1234;");
  feed(reader, "ll\n5", OURO_OK);
  assert_int_equal(ouro_json_reader_finish(reader, NULL), OURO_OK);
  come(reader, "null;5;");
  feed(reader, "1 2 [3 ] [", OURO_OK);
  feed(reader, "}", OURO_ESYNTAX);
  feed(reader, "1", OURO_ESYNTAX);
  come(reader, "1;2;[3];");
  assert_int_equal(ouro_json_reader_finish(reader, NULL), OURO_ESYNTAX);
  feed(reader, " 1 \"abc", OURO_OK);
  assert_int_equal(ouro_json_reader_finish(reader, NULL), OURO_ESYNTAX);
  feed(reader, "[1, 2", OURO_OK);
  assert_int_equal(ouro_json_reader_finish(reader, NULL), OURO_ESYNTAX);
  come(reader, "1;");
  feed(reader, " 7 8 [9, [1", OURO_OK);
  ouro_json_reader_free(reader);
}

/* Values that nobody takes meanwhile, and values that are taken while one is unfinished, in turn. */
static void many_values_for_long(void **state) {
  (void)state;
  ouro_json_reader *reader = ouro_json_reader_new(&many);
  for (int i = 0; i < 1000; i++) {
    feed(reader, "[1, [2, {\"a\": [3", OURO_OK);
    if (i % 3 == 0) come(reader, i ? "[1,[2,{\"a\":[3]}]];4;[1,[2,{\"a\":[3]}]];4;[1,[2,{\"a\":[3]}]];4;" : "");
    feed(reader, "]}]] 4 ", OURO_OK);
  }
  assert_int_equal(ouro_json_reader_finish(reader, NULL), OURO_OK);
  ouro_json_reader_free(reader);
}

/* A string of megabytes that comes in pieces of few bytes: not the square of it. */
static void long_strings_in_small_pieces(void **state) {
  (void)state;
  size_t bytes = test_count(4000000, 200000);
  ouro_json_reader *reader = ouro_json_reader_new(NULL);
  feed(reader, "[1, \"", OURO_OK);
  for (size_t i = 0; i < bytes; i += 8) feed(reader, "a\\n234567", OURO_OK);
  feed(reader, "\", 2]", OURO_OK);
  void *value = NULL, *text = NULL;
  assert_int_equal(ouro_json_reader_finish(reader, &value), OURO_OK);
  assert_int_equal(ouro_list_get(value, 1, &text), OURO_OK);
  assert_int_equal(ouro_str_bytes(text), (bytes + 7) / 8 * 8);
  drop(text);
  drop(value);
  ouro_json_reader_free(reader);
}

/* ---------------------------------------------------------------- files */

static int file_of(const char *text) {
  int fd = memfd_create("json", MFD_CLOEXEC);
  TEST_CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && lseek(fd, 0, SEEK_SET) == 0);
  return fd;
}

static void files_are_loaded(void **state) {
  (void)state;
  void *value = NULL;
  ouro_json_error error;
  int fd = file_of(" {\"a\": [1, 2.5, \"x\"]} ");
  assert_int_equal(ouro_json_load(fd, &value, &error), OURO_OK);
  is_written(value, NULL, "{\"a\":[1,2.5,\"x\"]}");
  drop(value);
  value = NULL;
  close(fd);
  fd = file_of("[1,\n2");
  assert_int_equal(ouro_json_load(fd, &value, &error), OURO_ESYNTAX);
  assert_int_equal(error.line, 2);
  close(fd);
  assert_int_equal(ouro_json_load(fd, &value, &error), OURO_ESYSTEM);
  assert_int_equal(errno, EBADF);
  assert_int_equal(error.code, OURO_ESYSTEM);
  assert_int_equal(ouro_json_load_file("/nowhere/at/all", &value, NULL), OURO_ESYSTEM);
  assert_int_equal(errno, ENOENT);
  assert_int_equal(ouro_json_load_file("/", &value, NULL), OURO_ESYSTEM);
  assert_int_equal(errno, EISDIR);
  assert_int_equal(ouro_json_load_file(NULL, &value, NULL), OURO_EINVAL);
  assert_null(value);
}

/* ---------------------------------------------------------------- writing */

static void text_is_written_as_asked_for(void **state) {
  (void)state;
  void *value = parsed("{\"b\":[1,[],{},{\"x\":null}],\"a\":\"\xc3\xa9\xf0\x9d\x84\x9e\\u0001\",\"\xc3\xa9\":2.0}");
  is_written(value, &(ouro_json_write_options){.flags = OURO_JSON_SORT_KEYS | OURO_JSON_ASCII},
             "{\"a\":\"\\u00e9\\ud834\\udd1e\\u0001\",\"b\":[1,[],{},{\"x\":null}],\"\\u00e9\":2.0}");
  is_written(value, &(ouro_json_write_options){.indent = 2},
             "{\n  \"b\": [\n    1,\n    [],\n    {},\n    {\n      \"x\": null\n    }\n  ],\n"
             "  \"a\": \"\xc3\xa9\xf0\x9d\x84\x9e\\u0001\",\n  \"\xc3\xa9\": 2.0\n}");
  drop(value);
}

static void tuples_are_arrays(void **state) {
  (void)state;
  ouro_tuple *tuple = ouro_tuple_of(3, ouro_none, ouro_true, ouro_false);
  is_written(tuple, NULL, "[null,true,false]");
  drop(tuple);
}

static void what_json_has_nothing_for_is_refused(void **state) {
  (void)state;
  cell *other = cell_new(0);
  ouro_list *items = ouro_list_of(2, ouro_none, other);
  assert_null(ouro_json_text(items, NULL));
  assert_int_equal(errno, ENOTSUP);
  ouro_buffer text = OURO_BUFFER_ON_STACK;
  TEST_CHECK(!ouro_buffer_append_text(&text, "before"));
  assert_int_equal(ouro_json_into(items, NULL, &text), OURO_ETYPE);
  assert_int_equal(ouro_buffer_count(&text), 6);
  ouro_buffer_done(&text);
  drop(items);
  drop(other);
  ouro_dict *dict = ouro_dict_new();
  void *one = ouro_int_new(1);
  assert_int_equal(ouro_dict_set(dict, one, one), OURO_OK);
  assert_null(ouro_json_text(dict, NULL));
  assert_int_equal(errno, ENOTSUP);
  assert_null(ouro_json_text(dict, &(ouro_json_write_options){.flags = OURO_JSON_SORT_KEYS}));
  assert_int_equal(errno, ENOTSUP);
  drop(dict);
}

static void floats_that_are_no_numbers(void **state) {
  (void)state;
  ouro_list *items = ouro_list_new();
  assert_int_equal(ouro_list_append_move(items, ouro_float_new(INFINITY)), OURO_OK);
  assert_int_equal(ouro_list_append_move(items, ouro_float_new(-INFINITY)), OURO_OK);
  assert_int_equal(ouro_list_append_move(items, ouro_float_new(NAN)), OURO_OK);
  assert_null(ouro_json_text(items, NULL));
  assert_int_equal(errno, ERANGE);
  is_written(items, &(ouro_json_write_options){.flags = OURO_JSON_ALLOW_NAN}, "[Infinity,-Infinity,NaN]");
  drop(items);
}

static void what_contains_itself_is_too_deep(void **state) {
  (void)state;
  ouro_list *items = ouro_list_new();
  assert_int_equal(ouro_list_append(items, items), OURO_OK);
  assert_int_equal(ouro_list_append(items, items), OURO_OK);
  assert_null(ouro_json_text(items, NULL));
  assert_int_equal(errno, ELOOP);
  ouro_list_clear(items);
  drop(items);
}

static int number_of_cell(void *arg, void *object, ouro_slot value) {
  if (!test_is_live(object) || !ouro_is_instance(object, &cell_type)) return OURO_ETYPE;
  int number = ((cell *)object)->number;
  if (number == 3) return OURO_EBUSY;
  *(void **)value = number == 2 ? ouro_newref(arg) : number == 4 ? ouro_newref(object) : ouro_int_new(number);
  return OURO_OK;
}

static void instances_are_converted_where_the_program_says_so(void **state) {
  (void)state;
  cell *first = cell_new(1), *second = cell_new(2), *third = cell_new(3), *itself = cell_new(4);
  ouro_list *inner = ouro_list_of(1, first);
  ouro_json_write_options options = {.convert = number_of_cell, .convert_arg = inner};
  ouro_list *items = ouro_list_of(2, first, second);
  is_written(items, &options, "[1,[1]]");
  is_written(first, &options, "1");
  assert_null(ouro_json_text(third, &options));
  assert_int_equal(errno, EBUSY);
  assert_null(ouro_json_text(itself, &options));
  assert_int_equal(errno, ELOOP);
  drop(items);
  drop(inner);
  drop(first);
  drop(second);
  drop(third);
  drop(itself);
  test_log();
}

static int stop_at(void *arg, const char *text, size_t bytes) {
  (void)text;
  size_t *left = arg;
  if (bytes > *left) return OURO_EBUSY;
  *left -= bytes;
  return OURO_OK;
}

static void a_writer_may_end_it(void **state) {
  (void)state;
  ouro_str *text = ouro_str_repeat(ouro_str_from("x"), 10000);
  ouro_list *items = ouro_list_of(3, text, text, text);
  for (size_t room = 0; room < 40000; room += 777) {
    size_t left = room;
    int code = ouro_json_write(items, NULL, stop_at, &left);
    assert_int_equal(code, room < 30010 ? OURO_EBUSY : OURO_OK);
  }
  drop(items);
  drop(text);
}

/* ---------------------------------------------------------------- written while it changes */

typedef struct changed {
  ouro_list *list;
  ouro_dict *dict;
  _Atomic bool ends;
} changed;

static void *change(void *arg) {
  changed *shared = arg;
  for (int64_t i = 0; !shared->ends; i++) {
    void *number = ouro_int_new(i * 1000);
    TEST_CHECK(!ouro_list_append(shared->list, number) && !ouro_dict_set_text(shared->dict, i % 2 ? "a" : "b", number));
    if (i % 3 == 0) TEST_CHECK(ouro_dict_delete_text(shared->dict, "a") >= 0);
    if (ouro_list_count(shared->list) > 100) ouro_list_clear(shared->list);
    ouro_decref(number);
    ouro_safepoint();
  }
  return NULL;
}

static void what_is_written_while_it_changes_is_well_formed(void **state) {
  (void)state;
  changed shared = {.list = ouro_list_new(), .dict = ouro_dict_new()};
  ouro_list *both = ouro_list_of(2, shared.list, shared.dict);
  pthread_t thread;
  TEST_CHECK(pthread_create(&thread, NULL, change, &shared) == 0);
  for (size_t i = test_count(1000, 100); i--;) {
    void *again = NULL;
    ouro_json_write_options options = {.flags = i % 2 ? OURO_JSON_SORT_KEYS : 0};
    ouro_str *text = ouro_json_text(both, &options);
    TEST_CHECK(text || errno == ESTALE);
    if (!text) continue;
    if (ouro_json_can_read()) assert_int_equal(ouro_json_parse(ouro_str_text(text), ouro_str_bytes(text), &again, NULL), OURO_OK);
    ouro_xdecref(again);
    drop(text);
  }
  shared.ends = true;
  TEST_CHECK(pthread_join(thread, NULL) == 0);
  drop(both);
  drop(shared.list);
  drop(shared.dict);
}

/* ---------------------------------------------------------------- a library without yajl */

static void reading_is_refused(void **state) {
  (void)state;
  void *value = NULL;
  ouro_json_error error;
  assert_null(ouro_json_reader_new(NULL));
  assert_int_equal(errno, ENOSYS);
  assert_int_equal(ouro_json_parse("1", 1, &value, &error), OURO_ESYSTEM);
  assert_int_equal(error.code, OURO_ESYSTEM);
  assert_int_equal(ouro_json_load(0, &value, NULL), OURO_ESYSTEM);
  assert_int_equal(errno, ENOSYS);
}

/* ---------------------------------------------------------------- without memory */

#ifdef OURO_FAULTS

/* Lists and dicts of all kinds, escapes, long strings, long numbers; deep enough, and long enough, for all that grows. */
static char *document(void) {
  ouro_buffer text = OURO_BUFFER_ON_STACK;
  TEST_CHECK(!ouro_buffer_append_text(&text, "[\"\\u0041\", 12345678901234567890123, 1.5, 1e300, 2.718281828459045235360287"));
  for (int i = 0; i < 70; i++) {
    TEST_CHECK(!ouro_buffer_append_text(&text, i % 7 ? ", {\"key\": [70000, \"text\", {\"a\": {}, \"b\": []}], \"other\": null}"
                                                     : ", \"a string with \\\"escapes\\\"\""));
  }
  TEST_CHECK(!ouro_buffer_append_text(&text, ", \""));
  for (int i = 0; i < 300; i++) TEST_CHECK(!ouro_buffer_append_text(&text, "0123456789\\n"));
  TEST_CHECK(!ouro_buffer_append_text(&text, "\", "));
  for (int i = 0; i < 140; i++) TEST_CHECK(!ouro_buffer_append_text(&text, "["));
  TEST_CHECK(!ouro_buffer_append_text(&text, "0"));
  for (int i = 0; i < 141; i++) TEST_CHECK(!ouro_buffer_append_text(&text, "]"));
  TEST_CHECK(!ouro_buffer_append_char(&text, 0));
  size_t count;
  return ouro_buffer_take(&text, &count);
}

static void fail_each_allocation_of_reading(const char *text, size_t piece, bool for_ever) {
  ouro_json_reader *reader = ouro_json_reader_new(NULL);
  size_t bytes = strlen(text), live = test_live();
  bool hit = true;
  for (long nth = 1; hit; nth++) {
    void *value = NULL;
    int code = OURO_OK;
    ouro_json_error error;
    ouro__fault_set(nth, for_ever);
    for (size_t at = 0; at < bytes && !code; at += piece) {
      code = ouro_json_reader_feed(reader, text + at, bytes - at < piece ? bytes - at : piece);
    }
    code = ouro_json_reader_finish(reader, &value);
    hit = ouro__fault_hit();
    ouro__fault_set(0, false);
    ouro_json_reader_error(reader, &error);
    if (code && (!hit || code != OURO_ENOMEM || error.code != code || value)) fail_msg("%ld: %s, %s", nth, ouro_err_name(code), error.text);
    if (value) drop(value);
    TEST_CHECK(test_live() <= live + 4); /* keys, which the reader remembers */
    TEST_CHECK(nth < 100000);
  }
  ouro_json_reader_free(reader);
}

static void reading_without_memory(void **state) {
  (void)state;
  char *text = document();
  for (int for_ever = 0; for_ever < 2; for_ever++) {
    fail_each_allocation_of_reading(text, strlen(text), for_ever);
    fail_each_allocation_of_reading(text, 61, for_ever);
  }
  ouro_free(text);
}

static void reading_at_once_without_memory(void **state) {
  (void)state;
  static const char text[] = "{\"a\": [1, 2.5, \"\\u20ac\", {}]}";
  int fd = file_of(text);
  for (long nth = 1, hit = true; hit; nth++) {
    void *first = NULL, *second = NULL;
    TEST_CHECK(lseek(fd, 0, SEEK_SET) == 0);
    ouro__fault_set(nth, false);
    int code = ouro_json_parse(text, sizeof text - 1, &first, NULL);
    if (!code) code = ouro_json_load(fd, &second, NULL);
    hit = ouro__fault_hit();
    ouro__fault_set(0, false);
    TEST_CHECK(!code || (hit && code == OURO_ENOMEM)); /* the memo is done without */
    ouro_xdecref(first);
    ouro_xdecref(second);
  }
  close(fd);
}

static void writing_without_memory(void **state) {
  (void)state;
  char *text = document();
  void *value = parsed(text);
  ouro_json_write_options options = {.flags = OURO_JSON_SORT_KEYS, .indent = 1};
  ouro_str *expected = ouro_json_text(value, &options);
  for (long nth = 1, hit = true; hit; nth++) {
    ouro__fault_set(nth, false);
    errno = 0;
    ouro_str *written = ouro_json_text(value, &options);
    hit = ouro__fault_hit();
    TEST_CHECK(written ? ouro_str_equal(written, expected) : hit && errno == ENOMEM); /* a collection does without */
    ouro__fault_set(0, false);
    ouro_xdecref(written);
  }
  drop(expected);
  drop(value);
  ouro_free(text);
}
#endif

/* ---------------------------------------------------------------- for documents.py
 *
 * usage: test_values_json documents: from standard input, documents as "PIECE FLAGS INDENT BYTES\n" and so many bytes; to standard
 * output, what was written of each as "BYTES\n" and so many bytes, or "- CODE OFFSET\n". */

static void answer(const char *text, size_t bytes, size_t piece, const ouro_json_write_options *options) {
  void *value = NULL;
  ouro_json_error error;
  int code = read_in_pieces(text, bytes, piece, NULL, &value, &error);
  if (code) {
    printf("- %s %zu\n", ouro_err_name(code), error.offset);
    return;
  }
  ouro_str *written = ouro_json_text(value, options);
  TEST_CHECK(written != NULL);
  printf("%zu\n", ouro_str_bytes(written));
  fwrite(ouro_str_text(written), 1, ouro_str_bytes(written), stdout);
  drop(written);
  drop(value);
}

static int answer_all(void) {
  size_t piece, bytes;
  ouro_json_write_options options = {.depth = 0};
  while (scanf("%zu %u %u %zu", &piece, &options.flags, &options.indent, &bytes) == 4 && getchar() == '\n') {
    char *text = malloc(bytes + 1);
    TEST_CHECK(text != NULL && fread(text, 1, bytes, stdin) == bytes);
    answer(text, bytes, piece, &options);
    free(text);
  }
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "documents") == 0) return answer_all();
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(what_is_json_is_read),
      OBJECT_TEST(types_are_what_python_makes_of_them),
      OBJECT_TEST(a_number_that_no_double_is_large_enough_for_is_infinite),
      OBJECT_TEST(ints_have_any_size),
      OBJECT_TEST(equal_keys_are_one_object),
      OBJECT_TEST(what_is_not_json_is_refused_where_it_is_wrong),
      OBJECT_TEST(it_is_refused_the_same_in_pieces),
      OBJECT_TEST(places_agree),
      OBJECT_TEST(arguments_are_looked_at),
      OBJECT_TEST(depth_has_a_limit),
      OBJECT_TEST(depth_costs_no_stack),
      OBJECT_TEST(a_reader_reads_again),
      OBJECT_TEST(many_values_come_as_they_are_complete),
      OBJECT_TEST(many_values_for_long),
      OBJECT_TEST(long_strings_in_small_pieces),
      OBJECT_TEST(files_are_loaded),
      OBJECT_TEST(text_is_written_as_asked_for),
      OBJECT_TEST(tuples_are_arrays),
      OBJECT_TEST(what_json_has_nothing_for_is_refused),
      OBJECT_TEST(floats_that_are_no_numbers),
      OBJECT_TEST(what_contains_itself_is_too_deep),
      OBJECT_TEST(instances_are_converted_where_the_program_says_so),
      OBJECT_TEST(a_writer_may_end_it),
      OBJECT_TEST(what_is_written_while_it_changes_is_well_formed),
#ifdef OURO_FAULTS
      OBJECT_TEST(reading_without_memory),
      OBJECT_TEST(reading_at_once_without_memory),
      OBJECT_TEST(writing_without_memory),
#endif
  };
  const struct CMUnitTest without_reader[] = {
      OBJECT_TEST(reading_is_refused),
      OBJECT_TEST(tuples_are_arrays),
      OBJECT_TEST(what_json_has_nothing_for_is_refused),
      OBJECT_TEST(floats_that_are_no_numbers),
      OBJECT_TEST(what_contains_itself_is_too_deep),
      OBJECT_TEST(instances_are_converted_where_the_program_says_so),
      OBJECT_TEST(a_writer_may_end_it),
      OBJECT_TEST(what_is_written_while_it_changes_is_well_formed),
  };
  if (!ouro_json_can_read()) return cmocka_run_group_tests(without_reader, NULL, NULL);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
