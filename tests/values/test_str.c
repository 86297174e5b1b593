/* tests/values/test_str.c - strings: what is valid, made once, looked at, cut and put together; as values; by several threads; each
 * allocation failing in turn.
 *
 * usage: test_values_str            the cases
 *        test_values_str calculate  a line in, a line out: what str_model.py compares with Python's own answers, thousands of times
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka. */
#include "support/support.h"

#include <errno.h>
#include <pthread.h>

#include "heap/heap.h"
#include "values/str.h"

#include <ouro/number.h>

#include "object/objects.h"

static ouro_str *str_of(const char *text) {
  ouro_str *str = ouro_borrow(ouro_str_from(text));
  TEST_CHECK(str != NULL);
  return str;
}

/* I-STR-1 and 2. */
static bool is_sound(const ouro_str *str) {
  size_t points;
  return ouro__utf8_check(ouro_str_text(str), ouro_str_bytes(str), &points) == OURO_OK && points == ouro_str_length(str) &&
         *ouro__str_end(str) == 0;
}

/* Takes over `made`. */
static bool gives(void *made, const char *text) {
  TEST_CHECK(made != NULL && ouro_is_str(made) && is_sound(made));
  bool same = ouro__str_is(made, text, strlen(text));
  if (!same) {
    printf("# %s instead of %s\n", ouro_str_text(made), text);
  }
  drop(made);
  return same;
}

static bool fails(const void *made, int number) { return made == NULL && errno == number; }

/* The strings of a list, or of another thing to walk over, with | in between; takes over. */
static bool gives_all(void *items, const char *text) {
  ouro_str *bar = str_of("|");
  TEST_CHECK(items != NULL);
  bool same = gives(ouro_borrow(ouro_str_join(bar, items)), text);
  drop(bar);
  drop(items);
  return same;
}

/* ---------------------------------------------------------------- UTF-8 */

static void what_is_not_utf8_is_refused(void **state) {
  (void)state;
  static const struct {
    const char *text;
    size_t where;
  } wrong[] = {
      {"\x80", 0},         {"a\xbf", 1},          {"\xc0\x80", 0},         {"\xc1\xbf", 0},         {"ab\xc2", 2},
      {"\xe0\x80\x80", 0}, {"\xe0\x9f\xbf", 0},   {"\xed\xa0\x80", 0},     {"\xed\xbf\xbf", 0},     {"\xe2\x82", 0},
      {"\xf0\x80\x80\x80", 0}, {"\xf0\x8f\xbf\xbf", 0}, {"\xf4\x90\x80\x80", 0}, {"\xf5\x80\x80\x80", 0}, {"\xff", 0},
      {"12345678\xfe", 8}, {"1234567\xc3(", 7}, {"\xc3\xa9\xc3\xa9\xe2\x82", 4}, {"\xf0\x9f\x98", 0}, {"\xe2(\xa1", 0},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    size_t where = 99;
    assert_false(ouro_utf8_is_valid(wrong[i].text, strlen(wrong[i].text), &where));
    assert_int_equal(where, wrong[i].where);
    assert_true(fails(ouro_borrow(ouro_str_from(wrong[i].text)), EILSEQ));
  }
}

/* Each code point, at each place relative to the words that are read at once. */
static void each_code_point_is_encoded_and_read(void **state) {
  (void)state;
  for (uint32_t point = 0; point < 0x110100; point += point < 0x1000 ? 1 : 61) {
    char text[32];
    memset(text, 'x', sizeof text);
    size_t before = point % 9;
    unsigned bytes = ouro__utf8_put(point, text + before);
    bool valid = point < 0x110000 && (point < 0xd800 || point > 0xdfff);
    assert_int_equal(bytes != 0, valid);
    if (!valid) {
      continue;
    }
    size_t points, all = before + bytes + 9;
    assert_int_equal(ouro__utf8_check(text, all, &points), OURO_OK);
    assert_int_equal(points, before + 10);
    assert_int_equal(ouro__utf8_count(text, all), before + 10);
    const char *at = text + before;
    assert_int_equal(ouro__utf8_next(&at), point);
    assert_ptr_equal(at, text + before + bytes);
    assert_int_equal(ouro__utf8_before(&at), point);
    assert_ptr_equal(at, text + before);
    assert_ptr_equal(ouro__utf8_skip(text, before + 1), text + before + bytes);
  }
}

/* All that has two, three and four bytes, against what Unicode's table 3-7 says. */
static bool is_in_table(const unsigned char *b, size_t count) {
  for (size_t i = 1; i < count; i++) {
    if (b[i] < 0x80 || b[i] > 0xbf) {
      return false;
    }
  }
  if (count == 1) return b[0] < 0x80;
  if (count == 2) return b[0] >= 0xc2 && b[0] <= 0xdf;
  if (count == 3 && b[0] == 0xe0) return b[1] >= 0xa0;
  if (count == 3 && b[0] == 0xed) return b[1] <= 0x9f;
  if (count == 3) return b[0] >= 0xe1 && b[0] <= 0xef;
  if (b[0] == 0xf0) return b[1] >= 0x90;
  if (b[0] == 0xf4) return b[1] <= 0x8f;
  return b[0] >= 0xf1 && b[0] <= 0xf3;
}

static bool is_one_sequence(const unsigned char *b, size_t count) {
  return ouro__utf8_sequence((const char *)b, (const char *)b + count) == count;
}

static void sequences_are_those_of_the_table(void **state) {
  (void)state;
  unsigned char b[4] = {0, 0, 0x80, 0x80};
  static const unsigned char third[] = {0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xff};
  for (unsigned i = 0; i < 0x10000; i++) {
    b[0] = (unsigned char)(i >> 8);
    b[1] = (unsigned char)i;
    assert_int_equal(is_one_sequence(b, 1), is_in_table(b, 1));
    assert_int_equal(is_one_sequence(b, 2), is_in_table(b, 2));
    for (unsigned j = 0; j < 36; j++) {
      b[2] = third[j / 6];
      b[3] = third[j % 6];
      TEST_CHECK(is_one_sequence(b, 3) == is_in_table(b, 3));
      TEST_CHECK(is_one_sequence(b, 4) == is_in_table(b, 4));
    }
  }
}

/* ---------------------------------------------------------------- making */

static void short_ones_were_made_once(void **state) {
  (void)state;
  size_t live = test_live();
  for (int c = 0; c < 128; c++) {
    char text[2] = {(char)c, 0};
    ouro_str *str = ouro_borrow(ouro_str_new(text, 1));
    assert_true(ouro_is_immortal(str) && ouro_is_interned(str) && ouro_is_str(str));
    assert_ptr_equal(str, ouro_borrow(ouro_str_from_point((uint32_t)c)));
    assert_ptr_equal(str, ouro_borrow(ouro_intern_utf8(text, 1)));
    assert_ptr_equal(str, ouro_borrow(ouro_str_new(text, 1)));
    assert_int_equal(ouro_str_text(str)[0], c);
    assert_true(is_sound(str));
  }
  ouro_str *empty = str_of("");
  assert_true(ouro_is_immortal(empty) && is_sound(empty));
  assert_ptr_equal(empty, ouro_borrow(ouro_str_new(NULL, 0)));
  assert_ptr_equal(empty, ouro_borrow(ouro_intern_text("")));
  assert_int_equal(test_live(), live);
}

/* Whatever makes a short one gives that which was made once: else two interned ones might be equal. */
static void there_is_one_of_each_short_one(void **state) {
  (void)state;
  ouro_str *a = str_of("a"), *b = str_of("b"), *x = str_of("x"), *big = str_of("A"), *empty = str_of("");
  ouro_str *ab = str_of("ab"), *abab = str_of("abxab");
  ouro_list *all = ouro_borrow(ouro_list_of(3, empty, a, empty));
  assert_ptr_equal(ouro_borrow(ouro_str_join(empty, all)), a);
  assert_ptr_equal(ouro_borrow(ouro_str_slice(ab, 0, 1, 1)), a);
  assert_ptr_equal(ouro_borrow(ouro_str_slice(ab, 0, 1, OURO_LEFT_OUT)), a);
  assert_ptr_equal(ouro_borrow(ouro_str_slice(ab, 1, OURO_LEFT_OUT, -5)), b);
  assert_ptr_equal(ouro_borrow(ouro_str_slice(ab, 2, OURO_LEFT_OUT, 1)), empty);
  assert_ptr_equal(ouro_borrow(ouro_str_get(ab, -1)), b);
  assert_ptr_equal(ouro_borrow(ouro_str_replace(abab, ab, empty, -1)), x);
  assert_ptr_equal(ouro_borrow(ouro_str_replace(ab, ab, a, -1)), a);
  assert_ptr_equal(ouro_borrow(ouro_str_replace(ab, ab, empty, -1)), empty);
  assert_ptr_equal(ouro_borrow(ouro_str_replace(empty, empty, a, -1)), a);
  assert_ptr_equal(ouro_borrow(ouro_str_ascii_upper(a)), big);
  assert_ptr_equal(ouro_borrow(ouro_str_repeat(a, 1)), a);
  assert_ptr_equal(ouro_borrow(ouro_str_repeat(ab, -1)), empty);
  assert_ptr_equal(ouro_borrow(ouro_str_strip(ab, b)), a);
  assert_ptr_equal(ouro_borrow(ouro_format("%c", 'a')), a);
  assert_ptr_equal(ouro_borrow(ouro_str_concat(empty, a)), a);
  drop(all);
  drop(ab);
  drop(abab);
}

static void memory_is_what_the_header_says(void **state) {
  (void)state;
  ouro_str *str = str_of("fifteen bytes..");
  assert_int_equal(sizeof(ouro_str), 32);
  assert_int_equal(ouro_object_size(str), 48);
  drop(str);
}

static void a_string_may_contain_nuls(void **state) {
  (void)state;
  ouro_str *one = ouro_borrow(ouro_str_new("a\0b", 3)), *other = ouro_borrow(ouro_str_new("a\0c", 3));
  assert_int_equal(ouro_str_length(one), 3);
  assert_false(ouro_str_equal(one, other));
  assert_true(ouro_str_compare(one, other) < 0);
  assert_false(ouro_str_equal_text(one, "a"));
  assert_int_equal(ouro_str_at(one, 1), 0);
  assert_true(gives(ouro_borrow(ouro_repr(one)), "'a\\x00b'"));
  drop(one);
  drop(other);
}

static void what_is_wrong_is_refused(void **state) {
  (void)state;
  ouro_str *str = str_of("abc"), *empty = str_of("");
  ouro_list *all = ouro_borrow(ouro_list_of(2, str, ouro_none));
  assert_true(fails(ouro_borrow(ouro_str_new(NULL, 1)), EINVAL));
  assert_true(fails(ouro_borrow(ouro_str_from(NULL)), EINVAL));
  assert_true(fails(ouro_borrow(ouro_str_from_point(0xd800)), EILSEQ));
  assert_true(fails(ouro_borrow(ouro_str_from_point(0x110000)), EILSEQ));
  assert_true(fails(ouro_borrow(ouro_str_get(str, 3)), ENXIO));
  assert_true(fails(ouro_borrow(ouro_str_get(str, -4)), ENXIO));
  assert_int_equal(ouro_str_at(str, 3), OURO_EINDEX);
  assert_int_equal(ouro_str_at(str, PTRDIFF_MIN), OURO_EINDEX);
  assert_true(fails(ouro_borrow(ouro_str_slice(str, 0, 1, 0)), EINVAL));
  assert_true(fails(ouro_borrow(ouro_str_join(str, all)), ENOTSUP));
  assert_true(fails(ouro_borrow(ouro_str_join(str, ouro_none)), ENOTSUP));
  assert_true(fails(ouro_borrow(ouro_str_split(str, empty, -1)), EINVAL));
  assert_true(fails(ouro_borrow(ouro_str_partition(str, empty)), EINVAL));
  assert_true(fails(ouro_borrow(ouro_str_partition_last(str, empty)), EINVAL));
  assert_true(fails(ouro_borrow(ouro_str_repeat(str, PTRDIFF_MAX)), ENOMEM));
  assert_true(fails(ouro_borrow(ouro_str_repeat(str, PTRDIFF_MAX / 3 - 10)), ENOMEM));
  drop(all);
  drop(str);
}

/* A string itself, where nothing is to be changed. */
static void what_does_not_change_is_not_copied(void **state) {
  (void)state;
  ouro_str *str = str_of("a word"), *empty = str_of(""), *no = str_of("no such");
  ouro_list *all = ouro_borrow(ouro_list_of(1, str));
  void *same[] = {
      ouro_borrow(ouro_str_slice(str, OURO_LEFT_OUT, OURO_LEFT_OUT, 1)), ouro_borrow(ouro_str_concat(str, empty)),
      ouro_borrow(ouro_str_concat(empty, str)), ouro_borrow(ouro_str_repeat(str, 1)), ouro_borrow(ouro_str_strip(str, NULL)),
      ouro_borrow(ouro_str_replace(str, no, empty, -1)), ouro_borrow(ouro_str_ascii_lower(str)), ouro_borrow(ouro_str_join(no, all)),
      ouro_borrow(ouro_str_of(str)),
  };
  for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
    assert_ptr_equal(same[i], str);
    drop(same[i]);
  }
  drop(all);
  drop(str);
  drop(no);
}

/* ---------------------------------------------------------------- cut and put together: a few of each; str_model.py has the many */

static void splitting(void **state) {
  (void)state;
  ouro_str *text = str_of("  a  bc d "), *comma = str_of(", "), *many = str_of("a, b, , c"), *lines = str_of("a\r\nb\n\nc\xe2\x80\xa8" "d");
  assert_true(gives_all(ouro_borrow(ouro_str_split(text, NULL, -1)), "a|bc|d"));
  assert_true(gives_all(ouro_borrow(ouro_str_split(text, NULL, 1)), "a|bc d "));
  assert_true(gives_all(ouro_borrow(ouro_str_split(many, comma, -1)), "a|b||c"));
  assert_true(gives_all(ouro_borrow(ouro_str_split(many, comma, 1)), "a|b, , c"));
  assert_true(gives_all(ouro_borrow(ouro_str_split(many, comma, 0)), "a, b, , c"));
  assert_true(gives_all(ouro_borrow(ouro_str_split_lines(lines, false)), "a|b||c|d"));
  assert_true(gives_all(ouro_borrow(ouro_str_split_lines(lines, true)), "a\r\n|b\n|\n|c\xe2\x80\xa8|d"));
  assert_true(gives_all(ouro_borrow(ouro_str_partition(many, comma)), "a|, |b, , c"));
  assert_true(gives_all(ouro_borrow(ouro_str_partition_last(many, comma)), "a, b, |, |c"));
  assert_true(gives_all(ouro_borrow(ouro_str_partition(text, comma)), "  a  bc d ||"));
  assert_true(gives_all(ouro_borrow(ouro_str_partition_last(text, comma)), "||  a  bc d "));
  drop(text);
  drop(comma);
  drop(many);
  drop(lines);
}

static void letters_are_those_of_ascii(void **state) {
  (void)state;
  ouro_str *str = str_of("they're \xc3\xa9t\xc3\xa9 Hot2go");
  assert_true(gives(ouro_borrow(ouro_str_ascii_upper(str)), "THEY'RE \xc3\xa9T\xc3\xa9 HOT2GO"));
  assert_true(gives(ouro_borrow(ouro_str_ascii_lower(str)), "they're \xc3\xa9t\xc3\xa9 hot2go"));
  assert_true(gives(ouro_borrow(ouro_str_ascii_title(str)), "They'Re \xc3\xa9T\xc3\xa9 Hot2Go"));
  drop(str);
}

/* More places than are remembered. */
static void replacing_many(void **state) {
  (void)state;
  ouro_str *a = str_of("a"), *ab = str_of("ab"), *xyz = str_of("xyz");
  ouro_str *many = ouro_borrow(ouro_str_repeat(ab, 1000)), *longer = ouro_borrow(ouro_str_replace(many, a, xyz, 999));
  assert_int_equal(ouro_str_bytes(longer), 999 * 4 + 2);
  assert_int_equal(ouro_str_count_of(longer, xyz), 999);
  assert_int_equal(ouro_str_count_of(longer, a), 1);
  assert_int_equal(ouro_str_find(longer, ab, OURO_LEFT_OUT, OURO_LEFT_OUT), 999 * 4);
  ouro_str *back = ouro_borrow(ouro_str_replace(longer, xyz, a, -1));
  assert_true(ouro_str_equal(back, many));
  drop(back);
  drop(longer);
  drop(many);
  drop(ab);
  drop(xyz);
}

/* What a program derives is a string, but results are plain ones. */
static void results_are_no_instances_of_derived_types(void **state) {
  (void)state;
  static ouro_type derived = {
      .name = "name", .size = sizeof(ouro_str) + 1, .item_size = 1, .base = &ouro_str_type, .flags = OURO_TYPE_ACYCLIC};
  ouro_str *self = ouro_borrow(ouro_new_var(&derived, 5));
  memcpy(ouro__str_chars(self), "hello", 5);
  self->ouro__points = 5;
  ouro_str *plain = str_of("hello"), *bang = str_of("!");
  assert_true(ouro_is_str(self) && !ouro__is_str_exact(self));
  assert_int_equal(ouro_equal(self, plain), 1);
  assert_int_equal(ouro_equal(plain, self), 1);
  ouro_str *made[] = {ouro_borrow(ouro_str_strip(self, NULL)), ouro_borrow(ouro_str_slice(self, 0, 99, 1)),
                      ouro_borrow(ouro_str_replace(self, bang, bang, -1)), ouro_borrow(ouro_str_repeat(self, 1))};
  for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
    assert_true(made[i] != self && ouro__is_str_exact(made[i]));
    assert_true(gives(made[i], "hello"));
  }
  ouro_str *interned = ouro_borrow(ouro_intern(self));
  assert_true(ouro_is_interned(interned));
  drop(interned);
  drop(plain);
  drop(self);
}

/* ---------------------------------------------------------------- as values */

static void as_a_value(void **state) {
  (void)state;
  ouro_str *str = str_of("na\xc3\xafve"), *same = str_of("na\xc3\xafve"), *other = str_of("nb"), *part = str_of("\xc3\xafv");
  uint64_t hash, again;
  size_t length;
  int order;
  assert_int_equal(ouro_hash(str, &hash), OURO_OK);
  assert_int_equal(ouro_hash(same, &again), OURO_OK);
  assert_true(hash == again && hash != 0);
  assert_int_equal(ouro_equal(str, same), 1);
  assert_int_equal(ouro_equal(str, other), 0);
  assert_int_equal(ouro_equal(str, ouro_none), 0);
  assert_int_equal(ouro_compare(str, other, &order), OURO_OK);
  assert_true(order < 0);
  assert_int_equal(ouro_compare(str, ouro_none, &order), OURO_ETYPE);
  assert_int_equal(ouro_length(str, &length), OURO_OK);
  assert_int_equal(length, 5);
  assert_int_equal(ouro_truth(str), 1);
  assert_int_equal(ouro_truth(ouro_borrow(ouro_str_from(""))), 0);
  assert_int_equal(ouro_contains(str, part), 1);
  assert_int_equal(ouro_contains(str, other), 0);
  assert_int_equal(ouro_contains(str, ouro_none), OURO_ETYPE);
  void *key = ouro_int_new(-3), *item = NULL;
  assert_int_equal(ouro_item_get(str, key, &item), OURO_OK);
  assert_true(gives(item, "\xc3\xaf"));
  assert_int_equal(ouro_item_get(str, str, &item), OURO_ETYPE);
  assert_int_equal(ouro_item_set(str, key, str), OURO_ETYPE);
  drop(str);
  drop(same);
  drop(other);
  drop(part);
}

static void repr_escapes_what_is_not_seen(void **state) {
  (void)state;
  static const struct {
    const char *text, *repr;
  } known[] = {
      {"plain", "'plain'"},
      {"it's", "\"it's\""},
      {"\"", "'\"'"},
      {"'\"", "'\\'\"'"},
      {"\\\t\n\r\x1b\x7f", "'\\\\\\t\\n\\r\\x1b\\x7f'"},
      {"\xc2\x85\xc2\xa0\xc3\xa9", "'\\x85\xc2\xa0\xc3\xa9'"},
      {"\xe2\x80\xa8\xef\xb7\x90\xef\xbf\xbf\xf4\x8f\xbf\xbf", "'\\u2028\\ufdd0\\uffff\\U0010ffff'"},
      {"\xf0\x9f\x98\x80", "'\xf0\x9f\x98\x80'"},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    ouro_str *str = str_of(known[i].text);
    assert_true(gives(ouro_borrow(ouro_repr(str)), known[i].repr));
    drop(str);
  }
}

static void walks_over_characters(void **state) {
  (void)state;
  ouro_str *str = str_of("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z");
  static const uint32_t points[] = {'a', 0xe9, 0x20ac, 0x1f600, 'z'};
  void *iterator = NULL, *item = NULL;
  size_t cursor = 0, i = 0;
  uint32_t point;
  assert_int_equal(ouro_iterate(str, &iterator), OURO_OK);
  for (; ouro_next(iterator, &item) == 1; i++) {
    assert_int_equal(ouro_str_next(str, &cursor, &point), 1);
    assert_int_equal(point, points[i]);
    assert_int_equal(ouro_str_at(item, 0), points[i]);
    assert_int_equal(ouro_str_at(str, (ptrdiff_t)i), points[i]);
    drop(item);
  }
  assert_int_equal(i, 5);
  assert_int_equal(ouro_next(iterator, &item), 0);
  assert_int_equal(ouro_str_next(str, &cursor, &point), 0);
  drop(str);
  drop(iterator);
}

/* ---------------------------------------------------------------- threads */

enum { THREADS = 4, WALKED = 20000 };

typedef struct shared {
  ouro_str *str;
  void *iterator;
  pthread_barrier_t barrier;
  _Atomic size_t walked;
  _Atomic uint64_t hash;
} shared;

/* One iterator, one hash, and the string's count, of all threads. */
static void *walk_and_hash(void *arg) {
  shared *it = arg;
  pthread_barrier_wait(&it->barrier);
  uint64_t hash, before = 0;
  TEST_CHECK(ouro_hash(it->str, &hash) == OURO_OK);
  TEST_CHECK(atomic_compare_exchange_strong(&it->hash, &before, hash) || before == hash);
  void *item = NULL;
  size_t count = 0;
  while (ouro_next(it->iterator, &item) == 1) {
    TEST_CHECK(ouro_str_length(item) == 1);
    ouro_decref(ouro_adopt(item));
    count++;
  }
  atomic_fetch_add(&it->walked, count);
  return NULL;
}

static void threads_share_a_string_and_a_walk(void **state) {
  (void)state;
  pthread_t threads[THREADS];
  ouro_str *some = str_of("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
  shared it = {.str = ouro_borrow(ouro_str_repeat(some, WALKED / 4))};
  assert_int_equal(ouro_iterate(it.str, &it.iterator), OURO_OK);
  pthread_barrier_init(&it.barrier, NULL, THREADS);
  for (int i = 0; i < THREADS; i++) {
    TEST_CHECK(pthread_create(&threads[i], NULL, walk_and_hash, &it) == 0);
  }
  ouro_blocking_begin();
  for (int i = 0; i < THREADS; i++) {
    pthread_join(threads[i], NULL);
  }
  ouro_blocking_end();
  pthread_barrier_destroy(&it.barrier);
  assert_int_equal(it.walked, WALKED);
  drop(it.iterator);
  drop(it.str);
  drop(some);
}

/* ---------------------------------------------------------------- without memory */

#ifdef OURO_FAULTS
static ouro_str *text, *comma, *dash;
static ouro_list *words;
static ouro_tuple *words_too;

static void *try_new(void) { return ouro_str_new("some text", 9); }
static void *try_slice(void) { return ouro_str_slice(text, 1, 5, 1); }
static void *try_every(void) { return ouro_str_slice(text, OURO_LEFT_OUT, OURO_LEFT_OUT, -1); }
static void *try_concat(void) { return ouro_str_concat(text, comma); }
static void *try_repeat(void) { return ouro_str_repeat(text, 3); }
static void *try_join(void) { return ouro_str_join(comma, words); }
static void *try_join_tuple(void) { return ouro_str_join(comma, words_too); }
static void *try_join_walk(void) { return ouro_str_join(comma, text); }
static void *try_split(void) { return ouro_str_split(text, comma, -1); }
static void *try_split_white(void) { return ouro_str_split(text, NULL, -1); }
static void *try_lines(void) { return ouro_str_split_lines(text, true); }
static void *try_partition(void) { return ouro_str_partition(text, comma); }
static void *try_partition_last(void) { return ouro_str_partition_last(text, dash); }
static void *try_strip(void) { return ouro_str_strip(text, NULL); }
static void *try_replace(void) { return ouro_str_replace(text, comma, dash, -1); }
static void *try_between(void) { return ouro_str_replace(text, ouro__str_empty(), dash, -1); }
static void *try_upper(void) { return ouro_str_ascii_upper(text); }
static void *try_repr(void) { return ouro_repr(text); }
static void *try_format(void) { return ouro_format("%d %O %200d", 1, text, 2); }
static void *try_iterate(void) {
  void *made = NULL;
  int code = ouro_iterate(text, &made);
  return code ? ouro__fail(code) : made;
}

static void fail_each_allocation(void *(*attempt)(void), bool for_ever) {
  for (long nth = 1;; nth++) {
    size_t live = test_live();
    ouro__fault_set(nth, for_ever);
    errno = 0;
    void *made = attempt();
    bool hit = ouro__fault_hit();
    ouro__fault_set(0, false);
    if (made != NULL) {
      drop(made);
      return;
    }
    TEST_CHECK(hit && errno == ENOMEM && test_live() == live);
    TEST_CHECK(nth < 200);
  }
}

static void each_allocation_may_fail(void **state) {
  (void)state;
  static void *(*const attempts[])(void) = {
      try_new,         try_slice, try_every,     try_concat,         try_repeat, try_join,    try_join_tuple, try_join_walk, try_split,
      try_split_white, try_lines, try_partition, try_partition_last, try_strip,  try_replace, try_between,    try_upper,     try_repr,
      try_format,      try_iterate};
  text = str_of(" some, \xc3\xa9t\xc3\xa9, text--for\nall\n ");
  comma = str_of(", ");
  dash = str_of("--");
  words = ouro_borrow(ouro_str_split(text, NULL, -1));
  words_too = ouro_borrow(ouro_tuple_from(words));
  for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
    fail_each_allocation(attempts[i], false);
    fail_each_allocation(attempts[i], true);
  }
  drop(text);
  drop(comma);
  drop(dash);
  drop(words);
  drop(words_too);
}
#endif

/* ---------------------------------------------------------------- asked by str_model.py
 *
 * A line is an operation and its arguments: strings as 's' and hexadecimal digits, numbers, '_' for what is left out. The answer is a
 * number, a string as above, strings in brackets, or !errno. */

enum { ARGS = 64 };

typedef struct question {
  char *words[ARGS];
  int count;
  ouro_str *strs[ARGS]; /* owned; NULL: no string */
  ptrdiff_t numbers[ARGS];
} question;

static int digit(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

static size_t bytes_of_hex(char *digits) {
  size_t count = 0;
  for (const char *at = digits; *at; at += 2) {
    digits[count++] = (char)(digit(at[0]) << 4 | digit(at[1]));
  }
  return count;
}

static void read_question(char *line, question *it) {
  it->count = 0;
  for (char *word = strtok(line, " \n"); word != NULL; word = strtok(NULL, " \n")) {
    int i = it->count++;
    it->words[i] = word;
    it->strs[i] = NULL;
    it->numbers[i] = *word == '_' ? OURO_LEFT_OUT : (ptrdiff_t)strtoll(word, NULL, 10);
    if (*word == 's' && i > 0) {
      size_t bytes = bytes_of_hex(word + 1);
      it->strs[i] = ouro_borrow(ouro_str_new(word + 1, bytes));
    }
  }
}

static void say_str(ouro_str *str) {
  TEST_CHECK(is_sound(str));
  putchar('s');
  for (size_t i = 0; i < ouro_str_bytes(str); i++) {
    printf("%02x", (unsigned char)ouro_str_text(str)[i]);
  }
}

/* Takes over. */
static void say_object(void *object) {
  if (object == NULL) {
    printf("!%d", errno);
    return;
  }
  if (ouro_is_str(object)) {
    say_str(object);
  } else {
    void *iterator = NULL, *item = NULL;
    TEST_CHECK(ouro_iterate(object, &iterator) == OURO_OK);
    putchar('[');
    while (ouro_next(iterator, &item) == 1) {
      say_str(item);
      putchar(',');
      drop(item);
    }
    putchar(']');
    drop(iterator);
  }
  drop(object);
}

static void *joined(const question *it) {
  ouro_list *all = ouro_borrow(ouro_list_new());
  for (int i = 2; i < it->count; i++) {
    TEST_CHECK(ouro_list_append(all, it->strs[i]) == OURO_OK);
  }
  void *made = ouro_borrow(ouro_str_join(it->strs[1], all));
  drop(all);
  return made;
}

static int sign(int x) { return (x > 0) - (x < 0); }

static bool is(const question *it, const char *name) { return strcmp(it->words[0], name) == 0; }

/* false: it is none of these. */
static bool answer_object(question *it) {
  ouro_str *a = it->strs[1], *b = it->strs[2];
  const ptrdiff_t *n = it->numbers;
  void *made;
  if (is(it, "slice")) made = ouro_borrow(ouro_str_slice(a, n[2], n[3], n[4] == OURO_LEFT_OUT ? 1 : n[4]));
  else if (is(it, "get")) made = ouro_borrow(ouro_str_get(a, n[2]));
  else if (is(it, "concat")) made = ouro_borrow(ouro_str_concat(a, b));
  else if (is(it, "repeat")) made = ouro_borrow(ouro_str_repeat(a, n[2]));
  else if (is(it, "join")) made = joined(it);
  else if (is(it, "split")) made = ouro_borrow(ouro_str_split(a, b, n[3]));
  else if (is(it, "lines")) made = ouro_borrow(ouro_str_split_lines(a, n[2]));
  else if (is(it, "partition")) made = ouro_borrow(ouro_str_partition(a, b));
  else if (is(it, "rpartition")) made = ouro_borrow(ouro_str_partition_last(a, b));
  else if (is(it, "strip")) made = ouro_borrow(ouro_str_strip(a, b));
  else if (is(it, "lstrip")) made = ouro_borrow(ouro_str_lstrip(a, b));
  else if (is(it, "rstrip")) made = ouro_borrow(ouro_str_rstrip(a, b));
  else if (is(it, "replace")) made = ouro_borrow(ouro_str_replace(a, b, it->strs[3], n[4]));
  else if (is(it, "upper")) made = ouro_borrow(ouro_str_ascii_upper(a));
  else if (is(it, "lower")) made = ouro_borrow(ouro_str_ascii_lower(a));
  else if (is(it, "title")) made = ouro_borrow(ouro_str_ascii_title(a));
  else if (is(it, "repr")) made = ouro_borrow(ouro_repr(a));
  else if (is(it, "chars")) made = ouro_borrow(ouro_list_from(a));
  else return false;
  say_object(made);
  return true;
}

static void answer_number(const question *it) {
  const ouro_str *a = it->strs[1], *b = it->strs[2];
  const ptrdiff_t *n = it->numbers;
  size_t where = 0;
  long long answer = -99;
  if (is(it, "len")) answer = (long long)ouro_str_length(a);
  else if (is(it, "find")) answer = ouro_str_find(a, b, n[3], n[4]);
  else if (is(it, "rfind")) answer = ouro_str_find_last(a, b, n[3], n[4]);
  else if (is(it, "count")) answer = (long long)ouro_str_count_of(a, b);
  else if (is(it, "contains")) answer = ouro_str_contains(a, b);
  else if (is(it, "starts")) answer = ouro_str_starts(a, b);
  else if (is(it, "ends")) answer = ouro_str_ends(a, b);
  else if (is(it, "compare")) answer = sign(ouro_str_compare(a, b));
  else if (is(it, "same")) answer = ouro_str_equal(a, b) && ouro__str_hash(a) == ouro__str_hash(b) && ouro_str_equal(a, b);
  else if (is(it, "valid")) {
    size_t bytes = strlen(it->words[1] + 1) / 2;
    (void)bytes_of_hex(it->words[1] + 1);
    answer = ouro_utf8_is_valid(it->words[1] + 1, bytes, &where) ? -1 : (long long)where;
  }
  printf("%lld", answer);
}

/* Of what may be no UTF-8, no string is made before. */
static void answer(char *line) {
  question it;
  bool raw = strncmp(line, "valid", 5) == 0;
  if (raw) {
    it = (question){.words = {strtok(line, " \n"), strtok(NULL, " \n")}, .count = 2};
  } else {
    read_question(line, &it);
  }
  if (raw || !answer_object(&it)) {
    answer_number(&it);
  }
  putchar('\n');
  for (int i = 1; i < it.count; i++) {
    if (it.strs[i] != NULL) {
      drop(it.strs[i]);
    }
  }
}

static int calculate(void) {
  char *line = NULL;
  size_t room = 0;
  while (getline(&line, &room, stdin) > 0) {
    answer(line);
  }
  free(line);
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "calculate") == 0) {
    return calculate();
  }
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(what_is_not_utf8_is_refused),
      OBJECT_TEST(each_code_point_is_encoded_and_read),
      OBJECT_TEST(sequences_are_those_of_the_table),
      OBJECT_TEST(short_ones_were_made_once),
      OBJECT_TEST(there_is_one_of_each_short_one),
      OBJECT_TEST(memory_is_what_the_header_says),
      OBJECT_TEST(a_string_may_contain_nuls),
      OBJECT_TEST(what_is_wrong_is_refused),
      OBJECT_TEST(what_does_not_change_is_not_copied),
      OBJECT_TEST(splitting),
      OBJECT_TEST(letters_are_those_of_ascii),
      OBJECT_TEST(replacing_many),
      OBJECT_TEST(results_are_no_instances_of_derived_types),
      OBJECT_TEST(as_a_value),
      OBJECT_TEST(repr_escapes_what_is_not_seen),
      OBJECT_TEST(walks_over_characters),
      OBJECT_TEST(threads_share_a_string_and_a_walk),
#ifdef OURO_FAULTS
      OBJECT_TEST(each_allocation_may_fail),
#endif
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
