/* tests/values/test_format.c - ouro_format: what the C library prints is printed alike; objects; text by code points; what is refused; in
 * any locale; each allocation failing in turn.
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka. */
#include "support/support.h"

#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <limits.h>
#include <locale.h>
#include <math.h>

#include "heap/heap.h"
#include "values/str.h"

#include <ouro/number.h>

#include "object/objects.h"

/* Takes over. */
static bool gives(void *made, const char *text) {
  TEST_CHECK(made != NULL && ouro_is_str(made));
  bool same = ouro__str_is(made, text, strlen(text));
  if (!same) {
    printf("# \"%s\" instead of \"%s\"\n", ouro_str_text(made), text);
  }
  drop(made);
  return same;
}

static bool fails(const void *made, int number) { return made == NULL && errno == number; }

/* The same format and arguments, to both. */
#define AS_IN_C(...)                                                                                                                     \
  do {                                                                                                                                   \
    char known_[4096];                                                                                                                   \
    snprintf(known_, sizeof known_, __VA_ARGS__);                                                                                        \
    assert_true(gives(ouro_borrow(ouro_format_checked(__VA_ARGS__)), known_));                                                           \
  } while (0)

static void integers(void **state) {
  (void)state;
  AS_IN_C("%d %i %u %x %X %o", 42, -42, 42u, 0xbeefu, 0xbeefu, 8u);
  AS_IN_C("%d %d %u", INT_MAX, INT_MIN, UINT_MAX);
  AS_IN_C("[%5d] [%-5d] [%05d] [%+d] [% d] [%+5d]", 42, 42, 42, 42, 42, -42);
  AS_IN_C("[%#x] [%#o] [%#X] [%08x] [%-8xend]", 255u, 8u, 255u, 255u, 255u);
  AS_IN_C("[%.3d] [%.0d] [%8.3d] [%-8.3d] [%+.3d]", 7, 0, 7, 7, 7);
  AS_IN_C("[%*d] [%-*d] [%.*d] [%*.*d]", 6, 42, 6, 42, 4, 42, 7, 4, 42);
  AS_IN_C("[%*d] [%.*d]", -6, 42, -1, 42);
  AS_IN_C("%ld %lu %lld %llu", LONG_MIN, ULONG_MAX, LLONG_MIN, ULLONG_MAX);
  AS_IN_C("%jd %ju %zu %zd %td", INTMAX_MIN, UINTMAX_MAX, SIZE_MAX, (ptrdiff_t)-7, (ptrdiff_t)-9);
  AS_IN_C("%" PRId64 " %" PRIx64 " %" PRIu8, INT64_MIN, UINT64_MAX, (uint8_t)200);
  AS_IN_C("100%% of %d%%", 3);
}

/* What does not fit the modifier's type is cut, as C says. */
static void narrow_integers(void **state) {
  (void)state;
  assert_true(gives(ouro_borrow(ouro_format("%hhd %hd %hhu %hu", 300, 70000, 300, 70000)), "44 4464 44 4464"));
  assert_true(gives(ouro_borrow(ouro_format("%hhx %hhd", -1, 128)), "ff -128"));
}

static void floats(void **state) {
  (void)state;
  static const double numbers[] = {0,       -0.0,    1,             0.1,              -2.5,              1e300,      1e-300,
                                   DBL_MAX, DBL_MIN, 123456789.125, (double)INFINITY, (double)-INFINITY, (double)NAN};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    double x = numbers[i];
    AS_IN_C("%f %F %e %E %g %G %a %A", x, x, x, x, x, x, x, x);
    AS_IN_C("[%12.3f] [%-12.3f] [%+.1e] [%012.2f] [%#.0f] [%.17g] [% g]", x, x, x, x, x, x, x);
    AS_IN_C("[%.*f] [%*.1f] [%lf]", 2, x, 9, x, x);
  }
  AS_IN_C("%Lf %Lg", 1.5L, 1e4000L);
  AS_IN_C("%.500f", 1.0 / 3);
}

static void points_of_floats_are_points(void **state) {
  (void)state;
  static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "ps_AF.UTF-8"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (setlocale(LC_ALL, names[i]) == NULL) {
      continue;
    }
    assert_true(gives(ouro_borrow(ouro_format("%.2f %g", 1234.5, 0.5)), "1234.50 0.5"));
  }
  setlocale(LC_ALL, "C");
}

static void texts(void **state) {
  (void)state;
  AS_IN_C("%s, %s!", "Hello", "world");
  AS_IN_C("[%8s] [%-8s] [%.3s] [%8.3s] [%.0s] [%*s]", "hello", "hello", "hello", "hello", "hello", 7, "hello");
  AS_IN_C("%c%c%c [%3c] [%-3c]", 'a', 'b', 'c', 'x', 'y');
  assert_true(gives(ouro_borrow(ouro_format("no conversion \xc3\xa9")), "no conversion \xc3\xa9"));
  assert_true(gives(ouro_borrow(ouro_format("%s", (char *)NULL)), "(null)"));
  assert_true(gives(ouro_borrow(ouro_format("%p", (void *)0x1234)), "0x1234"));
  assert_true(gives(ouro_borrow(ouro_format("%s", "")), ""));
}

/* Width and precision count characters, and cut none in two. */
static void texts_are_counted_by_code_points(void **state) {
  (void)state;
  assert_true(gives(ouro_borrow(ouro_format("[%5s]", "\xc3\xa9t\xc3\xa9")), "[  \xc3\xa9t\xc3\xa9]"));
  assert_true(gives(ouro_borrow(ouro_format("[%-5s]", "\xc3\xa9t\xc3\xa9")), "[\xc3\xa9t\xc3\xa9  ]"));
  assert_true(gives(ouro_borrow(ouro_format("[%.2s]", "\xc3\xa9\xe2\x82\xac!")), "[\xc3\xa9\xe2\x82\xac]"));
  assert_true(gives(ouro_borrow(ouro_format("[%3c%c]", 0x20acu, 0x1f600u)), "[  \xe2\x82\xac\xf0\x9f\x98\x80]"));
  const char open_end[] = {'a', (char)0xc3, (char)0xa9}; /* no NUL */
  assert_true(gives(ouro_borrow(ouro_format("%.2s", open_end)), "a\xc3\xa9"));
}

static void objects(void **state) {
  (void)state;
  ouro_str *name = ouro_borrow(ouro_str_from("\xc3\x89" "va's"));
  void *number = ouro_borrow(ouro_int_new(42));
  ouro_list *all = ouro_borrow(ouro_list_of(2, name, number));
  assert_true(gives(ouro_borrow(ouro_format("%O is %O; %R", name, number, name)), "\xc3\x89va's is 42; \"\xc3\x89va's\""));
  assert_true(gives(ouro_borrow(ouro_format("%R %O", all, ouro_none)), "[\"\xc3\x89va's\", 42] None"));
  assert_true(gives(ouro_borrow(ouro_format("[%8O] [%-8O] [%.2O] [%6.2R]", name, name, name, name)),
                    "[   \xc3\x89va's] [\xc3\x89va's   ] [\xc3\x89v] [    \"\xc3\x89]"));
  assert_true(fails(ouro_borrow(ouro_format("%O", (void *)NULL)), EINVAL));
  assert_true(gives(ouro_borrow(ouro_format("[%3O]", ouro_borrow(ouro_str_from("")))), "[   ]"));
  drop(all);
  drop(name);
}

static void what_is_not_known_is_refused(void **state) {
  (void)state;
  static const char *const wrong[] = {"%",   "%5",  "%l",  "%y",    "%n",  "%'d", "%hf", "%ls",  "%lc",
                                      "%lO", "%zp", "%5%", "%.-3d", "%Ld", "%jf", "% ",  "%hhhd"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    errno = 0;
    assert_true(fails(ouro_borrow(ouro_format(wrong[i], 0, 0)), EBADMSG));
  }
  assert_true(fails(ouro_borrow(ouro_format("%99999999999d", 1)), ERANGE));
  assert_true(fails(ouro_borrow(ouro_format("%*d", INT_MIN, 1)), ERANGE));
  assert_true(fails(ouro_borrow(ouro_format("\xff")), EILSEQ));
  assert_true(fails(ouro_borrow(ouro_format("%s", "\xff")), EILSEQ));
  assert_true(fails(ouro_borrow(ouro_format("%.3s", "a\xc3" "b")), EILSEQ));
  assert_true(fails(ouro_borrow(ouro_format("%c", 0xd800)), EILSEQ));
  assert_true(fails(ouro_borrow(ouro_format("%c", -1)), EILSEQ));
  assert_true(fails(ouro_borrow(ouro_format(NULL)), EINVAL));
}

/* ---------------------------------------------------------------- buffers */

static int raise_none(void *self, ouro_buffer *out) {
  (void)self;
  TEST_CHECK(ouro_buffer_append_text(out, "half of it") == OURO_OK);
  return ouro_raise(ouro_none);
}

static const ouro_protocols raising = {.repr = raise_none};
static ouro_type raising_type = {.name = "raising", .size = sizeof(ouro_object), .flags = OURO_TYPE_ACYCLIC, .protocols = &raising};

static bool holds(const ouro_buffer *buffer, const char *text) {
  return ouro_buffer_count(buffer) == strlen(text) && memcmp(ouro_buffer_data(buffer), text, strlen(text)) == 0;
}

/* Either all is appended or nothing. */
static void into_buffers(void **state) {
  (void)state;
  ouro_buffer on_stack = OURO_BUFFER_ON_STACK;
  ouro_buffer *buffers[] = {&on_stack, ouro_borrow(ouro_buffer_new())};
  void *bad = ouro_borrow(ouro_new(&raising_type));
  for (size_t i = 0; i < 2; i++) {
    assert_int_equal(ouro_format_into(buffers[i], "%d,", 1), OURO_OK);
    assert_int_equal(ouro_format_into(buffers[i], "%s%c", "two", ','), OURO_OK);
    assert_int_equal(ouro_format_into(buffers[i], "three %R", bad), OURO_ERAISED);
    drop(ouro_borrow(ouro_raised_take()));
    assert_int_equal(ouro_format_into(buffers[i], "three %y"), OURO_ESYNTAX);
    assert_int_equal(ouro_format_into(buffers[i], "three \xff"), OURO_EUTF8);
    assert_true(holds(buffers[i], "1,two,"));
  }
  assert_true(fails(ouro_borrow(ouro_format("%O", bad)), ECANCELED));
  drop(ouro_borrow(ouro_raised_take()));
  assert_int_equal(ouro_format_into(NULL, "x"), OURO_EINVAL);
  drop(bad);
  drop(buffers[1]);
  ouro_buffer_done(&on_stack);
}

#ifdef OURO_FAULTS
static void each_allocation_may_fail(void **state) {
  (void)state;
  ouro_str *name = ouro_borrow(ouro_str_from("a name that is long enough to need a block"));
  for (int for_ever = 0; for_ever < 2; for_ever++) {
    void *made = NULL;
    for (long nth = 1; made == NULL; nth++) {
      size_t live = test_live();
      ouro__fault_set(nth, for_ever);
      errno = 0;
      made = ouro_borrow(ouro_format("%R %100O %d %300.2f", name, name, 7, 1.5));
      bool hit = ouro__fault_hit();
      ouro__fault_set(0, false);
      TEST_CHECK(made != NULL || (hit && errno == ENOMEM && test_live() == live));
      TEST_CHECK(nth < 50);
    }
    drop(made);
  }
  drop(name);
}
#endif

int main(void) {
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(integers),
      OBJECT_TEST(narrow_integers),
      OBJECT_TEST(floats),
      OBJECT_TEST(points_of_floats_are_points),
      OBJECT_TEST(texts),
      OBJECT_TEST(texts_are_counted_by_code_points),
      OBJECT_TEST(objects),
      OBJECT_TEST(what_is_not_known_is_refused),
      OBJECT_TEST(into_buffers),
#ifdef OURO_FAULTS
      OBJECT_TEST(each_allocation_may_fail),
#endif
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
