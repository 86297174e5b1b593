/* tests/heap/test_options.c - the options: their defaults, OURO_CONF, what a call may change and when, and that nonsense in the
 * environment disturbs nobody.
 *
 * Each case that reads OURO_CONF is a child: this program started again. Linked with: the core static library (ouro_core),
 * support/support.c, cmocka. */
#include "support/support.h"

#include <errno.h>
#include <string.h>

#include <ouro/heap.h>

#define MIB ((size_t)1024 * 1024)

static ouro_options options_now(void) {
  ouro_options options = {.struct_size = sizeof options};
  TEST_CHECK(ouro_options_get(&options) == OURO_OK);
  return options;
}

static int child_says_its_options(void) {
  ouro_options o = options_now();
  printf("limit %zu decay %u check %d background %d huge_pages %d\n", o.limit_bytes, o.decay_ms, o.check, o.background,
         o.huge_pages);
  void *block = ouro_malloc(100);
  TEST_CHECK(block != NULL);
  ouro_free(block);
  TEST_HEAP_IS_SOUND();
  return 0;
}

static void the_environment_is_read(void **state) {
  (void)state;
  static const struct {
    const char *conf, *options;
  } cases[] = {
      {NULL, "limit 0 decay 500 check 0 background 1 huge_pages 0"},
      {"", "limit 0 decay 500 check 0 background 1 huge_pages 0"},
      {"check", "limit 0 decay 500 check 1 background 1 huge_pages 0"},
      {"decay:0", "limit 0 decay 0 check 0 background 1 huge_pages 0"},
      {"decay:1234", "limit 0 decay 1234 check 0 background 1 huge_pages 0"},
      {"background:no", "limit 0 decay 500 check 0 background 0 huge_pages 0"},
      {"huge_pages", "limit 0 decay 500 check 0 background 1 huge_pages 1"},
      {"limit:64m,decay:7,check,background:no,huge_pages", "limit 67108864 decay 7 check 1 background 0 huge_pages 1"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    test_result result = test_run_self("says", cases[i].conf, 30);
    TEST_CHILD_PASSED(&result);
    result.output[strcspn(result.output, "\n")] = 0;
    assert_string_equal(result.output, cases[i].options);
  }
}

/* Whatever stands there, the program runs: it is the user's shell that is wrong, not the program. */
static void nonsense_in_the_environment_is_no_harm(void **state) {
  (void)state;
  static const char *const confs[] = {
      ",",
      ",,,,",
      ":",
      ":::",
      "limit",
      "limit:",
      "limit:x",
      "limit:-5",
      "limit:5x",
      "decay:abc",
      "decay:",
      "unknown",
      "unknown:yes",
      "check:no",
      "check:",
      "background",
      "a:b:c",
      "\xff\xfe",
      "limit:m",
      "limit: 5m",
      " check",
      "decay:-1",
      "decay:1e9",
      "huge_pages:maybe",
      "limit:99999999999999999999999999g,decay:99999999999999999999999999",
  };
  for (size_t i = 0; i < sizeof confs / sizeof *confs; i++) {
    test_result result = test_run_self("says", confs[i], 30);
    TEST_CHILD_PASSED(&result);
    assert_int_equal(strncmp(result.output, "limit ", 6), 0);
  }
}

static void options_are_read_back_as_they_were_set(void **state) {
  (void)state;
  ouro_options before = options_now();
  ouro_options options = before;
  options.limit_bytes = 100 * MIB;
  options.decay_ms = 50;
  options.background = !before.background;
  options.huge_pages = !before.huge_pages;
  assert_int_equal(ouro_options_set(&options), OURO_OK);
  ouro_options now = options_now();
  assert_int_equal(now.limit_bytes, 100 * MIB);
  assert_int_equal(now.decay_ms, 50);
  assert_int_equal(now.background, options.background);
  assert_int_equal(now.huge_pages, options.huge_pages);
  assert_int_equal(ouro_options_set(&before), OURO_OK);
  now = options_now();
  assert_int_equal(now.limit_bytes, before.limit_bytes);
  assert_int_equal(now.decay_ms, before.decay_ms);
}

static void check_cannot_change_after_the_first_allocation(void **state) {
  (void)state;
  void *block = ouro_malloc(1);
  ouro_options options = options_now();
  ouro_options changed = options;
  changed.check = !options.check;
  changed.decay_ms = options.decay_ms + 1;
  assert_int_equal(ouro_options_set(&changed), OURO_EBUSY);
  assert_int_equal(options_now().check, options.check);
  assert_int_equal(options_now().decay_ms, options.decay_ms);
  ouro_free(block);
}

static int child_checks_by_call(void) {
  ouro_options options = options_now();
  options.check = true;
  TEST_CHECK(ouro_options_set(&options) == OURO_OK);
  TEST_CHECK(options_now().check);
  for (size_t size = 0; size < 300000; size += size / 8 + 1) {
    char *block = ouro_malloc(size);
    TEST_CHECK(block != NULL);
    memset(block, 1, size);
    ouro_free(block);
  }
  TEST_HEAP_IS_SOUND();
  return 0;
}

static void check_can_be_switched_on_before_the_first_allocation(void **state) {
  (void)state;
  test_result result = test_run_self("checks-by-call", NULL, 30);
  TEST_CHILD_PASSED(&result);
}

static void unknown_struct_sizes_are_invalid_and_change_nothing(void **state) {
  (void)state;
  static const size_t unknown[] = {0, 1, 8, sizeof(ouro_options) + 64, SIZE_MAX};
  ouro_options before = options_now();
  for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
    ouro_options options = before;
    options.struct_size = unknown[i];
    options.decay_ms = before.decay_ms + 1;
    assert_int_equal(ouro_options_set(&options), OURO_EINVAL);
    assert_int_equal(ouro_options_get(&options), OURO_EINVAL);
    assert_int_equal(options.decay_ms, before.decay_ms + 1);
  }
  assert_int_equal(options_now().decay_ms, before.decay_ms);
}

static void the_version_is_that_of_the_header(void **state) {
  (void)state;
  assert_string_equal(ouro_version(), OURO_VERSION);
}

static void every_code_has_a_name_and_a_sentence(void **state) {
  (void)state;
  static const struct {
    int code;
    const char *name;
  } codes[] = {
      {OURO_OK, "OURO_OK"},       {OURO_ENOMEM, "OURO_ENOMEM"},   {OURO_EINVAL, "OURO_EINVAL"},
      {OURO_EBUSY, "OURO_EBUSY"}, {OURO_ESYSTEM, "OURO_ESYSTEM"}, {OURO_ESTOP, "OURO_ESTOP"},
      {OURO_EPERM, "OURO_EPERM"}, {OURO_ETYPE, "OURO_ETYPE"}, {OURO_EHASH, "OURO_EHASH"},
      {OURO_EKEY, "OURO_EKEY"}, {OURO_EINDEX, "OURO_EINDEX"}, {OURO_ERANGE, "OURO_ERANGE"},
      {OURO_EUTF8, "OURO_EUTF8"}, {OURO_ECHANGED, "OURO_ECHANGED"}, {OURO_EDEEP, "OURO_EDEEP"},
      {OURO_ERAISED, "OURO_ERAISED"}, {OURO_ESYNTAX, "OURO_ESYNTAX"},
  };
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    assert_string_equal(ouro_err_name(codes[i].code), codes[i].name);
    assert_true(strlen(ouro_strerror(codes[i].code)) > 5);
    assert_string_not_equal(ouro_strerror(codes[i].code), "unknown error");
  }
  static const int unknown[] = {1, 7, OURO_ESYNTAX - 1, -100, INT32_MAX, INT32_MIN};
  for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
    assert_string_equal(ouro_strerror(unknown[i]), "unknown error");
    assert_non_null(ouro_err_name(unknown[i]));
  }
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_environment_is_read),
      cmocka_unit_test(nonsense_in_the_environment_is_no_harm),
      cmocka_unit_test(options_are_read_back_as_they_were_set),
      cmocka_unit_test(check_cannot_change_after_the_first_allocation),
      cmocka_unit_test(check_can_be_switched_on_before_the_first_allocation),
      cmocka_unit_test(unknown_struct_sizes_are_invalid_and_change_nothing),
      cmocka_unit_test(the_version_is_that_of_the_header),
      cmocka_unit_test(every_code_has_a_name_and_a_sentence),
  };
  if (argc > 1) {
    return strcmp(argv[1], "says") == 0 ? child_says_its_options() : child_checks_by_call();
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}
