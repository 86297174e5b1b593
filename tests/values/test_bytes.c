/* tests/values/test_bytes.c - bytes, which never change, and buffers, which grow: as objects, on the stack, and in the hands of several
 * threads at once; what they hold against a plain array as the model; every allocation failing in turn.
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka, threads. */
#include "object/objects.h"

#include <errno.h>
#include <pthread.h>

#include "heap/heap.h"

static ouro_bytes *bytes_of(const char *text) {
  ouro_bytes *made = ouro_borrow(ouro_bytes_new(text, strlen(text)));
  TEST_CHECK(made != NULL);
  return made;
}

static ouro_buffer *buffer_of(const char *text) {
  ouro_buffer *made = ouro_borrow(ouro_buffer_new());
  TEST_CHECK(made != NULL && ouro_buffer_append_text(made, text) == OURO_OK);
  return made;
}

/* It holds just that, and gives it back. */
static void is(void *bytes, const char *text) {
  assert_true(ouro_is_bytes(bytes));
  assert_int_equal(ouro_bytes_count(bytes), strlen(text));
  assert_string_equal(ouro_bytes_data(bytes), text);
  drop(bytes);
}

static void holds(ouro_buffer *buffer, const char *text) {
  assert_int_equal(ouro_buffer_count(buffer), strlen(text));
  assert_memory_equal(strlen(text) ? ouro_buffer_data(buffer) : "", text, strlen(text));
}

static void prints(void *object, const char *text) {
  ouro_buffer out = OURO_BUFFER_ON_STACK;
  assert_int_equal(ouro_repr_into(object, &out), OURO_OK);
  assert_int_equal(ouro_buffer_append_char(&out, 0), OURO_OK);
  assert_string_equal(ouro_buffer_data(&out), text);
  ouro_buffer_done(&out);
}

static void fails(const void *made, int number) {
  assert_null(made);
  assert_int_equal(errno, number);
}

/* ---------------------------------------------------------------- bytes */

static void short_ones_were_made_once(void **state) {
  (void)state;
  size_t before = test_live();
  for (int byte = 0; byte < 256; byte++) {
    char data = (char)byte;
    ouro_bytes *first = ouro_borrow(ouro_bytes_new(&data, 1)), *again = ouro_borrow(ouro_bytes_new(&data, 1));
    assert_ptr_equal(first, again);
    assert_true(ouro_is_immortal(first));
    assert_int_equal(ouro_bytes_get(first, 0), byte);
    assert_int_equal(ouro_bytes_data(first)[1], 0);
    drop(first);
    drop(again);
  }
  assert_ptr_equal(ouro_borrow(ouro_bytes_new(NULL, 0)), ouro_borrow(ouro_bytes_new("x", 0)));
  is(ouro_borrow(ouro_bytes_new(NULL, 0)), "");
  assert_int_equal(test_live(), before);
  fails(ouro_borrow(ouro_bytes_new(NULL, 1)), EINVAL);
}

static void a_nul_ends_them_and_does_not_count(void **state) {
  (void)state;
  for (size_t count = 2; count < 200; count++) {
    char data[200];
    memset(data, 'x', sizeof data);
    data[1] = 0;
    ouro_bytes *made = ouro_borrow(ouro_bytes_new(data, count));
    assert_int_equal(ouro_bytes_count(made), count);
    assert_memory_equal(ouro_bytes_data(made), data, count);
    assert_int_equal(ouro_bytes_data(made)[count], 0);
    assert_true(ouro_object_size(made) >= 25 + count && ouro_object_size(made) < 25 + count + 40);
    drop(made);
  }
}

static void an_index_may_count_from_the_end(void **state) {
  (void)state;
  ouro_bytes *abc = bytes_of("abc");
  assert_int_equal(ouro_bytes_get(abc, 0), 'a');
  assert_int_equal(ouro_bytes_get(abc, 2), 'c');
  assert_int_equal(ouro_bytes_get(abc, -3), 'a');
  assert_int_equal(ouro_bytes_get(abc, 3), OURO_EINDEX);
  assert_int_equal(ouro_bytes_get(abc, -4), OURO_EINDEX);
  assert_int_equal(ouro_bytes_get(abc, PTRDIFF_MIN), OURO_EINDEX);
  assert_int_equal(ouro_bytes_get(abc, PTRDIFF_MAX), OURO_EINDEX);
  drop(abc);
}

static void slices_are_pythons(void **state) {
  (void)state;
  enum { SPAN = 9 };
  static const ptrdiff_t steps[] = {OURO_LEFT_OUT, 1, 2, 3, 100, -1, -2, -100, PTRDIFF_MAX, PTRDIFF_MIN + 1};
  const char *text = "abcdef";
  ouro_bytes *all = bytes_of(text);
  is(ouro_borrow(ouro_bytes_slice(all, 1, 3, 1)), "bc");
  is(ouro_borrow(ouro_bytes_slice(all, -2, OURO_LEFT_OUT, OURO_LEFT_OUT)), "ef");
  is(ouro_borrow(ouro_bytes_slice(all, OURO_LEFT_OUT, OURO_LEFT_OUT, -1)), "fedcba");
  is(ouro_borrow(ouro_bytes_slice(all, OURO_LEFT_OUT, OURO_LEFT_OUT, 2)), "ace");
  is(ouro_borrow(ouro_bytes_slice(all, 4, 2, 1)), "");
  fails(ouro_borrow(ouro_bytes_slice(all, 0, 6, 0)), EINVAL);
  for (ptrdiff_t start = -SPAN; start <= SPAN; start++) {
    for (ptrdiff_t stop = -SPAN; stop <= SPAN; stop++) {
      for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) { /* by going over all indices */
        ptrdiff_t step = steps[i] == OURO_LEFT_OUT ? 1 : steps[i], high = step < 0 ? 5 : 6, low = step < 0 ? -1 : 0;
        ptrdiff_t from = start < 0 ? start + 6 : start, to = stop < 0 ? stop + 6 : stop;
        from = from < low ? low : from > high ? high : from;
        to = to < low ? low : to > high ? high : to;
        char expected[8] = "", *out = expected;
        for (ptrdiff_t at = from, more = 6; more-- && (step > 0 ? at < to : at > to); at += step > 6 ? 6 : step < -6 ? -6 : step) {
          *out++ = text[at];
        }
        is(ouro_borrow(ouro_bytes_slice(all, start, stop, steps[i])), expected);
      }
    }
  }
  ouro_bytes *same = ouro_borrow(ouro_bytes_slice(all, -100, 100, 1));
  assert_ptr_equal(same, all);
  drop(same);
  drop(all);
}

static void what_is_looked_for_is_found(void **state) {
  (void)state;
  ouro_bytes *text = bytes_of("abracadabra");
  assert_int_equal(ouro_bytes_find(text, "abra", 4, 0), 0);
  assert_int_equal(ouro_bytes_find(text, "abra", 4, 1), 7);
  assert_int_equal(ouro_bytes_find(text, "abra", 4, 8), -1);
  assert_int_equal(ouro_bytes_find(text, "abra", 4, -4), 7);
  assert_int_equal(ouro_bytes_find(text, "c", 1, 0), 4);
  assert_int_equal(ouro_bytes_find(text, "x", 1, 0), -1);
  assert_int_equal(ouro_bytes_find(text, "", 0, 5), 5);
  assert_int_equal(ouro_bytes_find(text, "", 0, 11), 11);
  assert_int_equal(ouro_bytes_find(text, "", 0, 12), -1);
  assert_int_equal(ouro_bytes_find(text, "abracadabra!", 12, 0), -1);
  assert_int_equal(ouro_bytes_find_last(text, "abra", 4), 7);
  assert_int_equal(ouro_bytes_find_last(text, "abrac", 5), 0);
  assert_int_equal(ouro_bytes_find_last(text, "x", 1), -1);
  assert_int_equal(ouro_bytes_find_last(text, "", 0), 11);
  assert_int_equal(ouro_bytes_find_last(text, "abracadabra!", 12), -1);
  assert_int_equal(ouro_bytes_count_of(text, "a", 1), 5);
  assert_int_equal(ouro_bytes_count_of(text, "abra", 4), 2);
  assert_int_equal(ouro_bytes_count_of(text, "", 0), 12);
  assert_true(ouro_bytes_starts(text, "abr", 3) && ouro_bytes_starts(text, "", 0) && !ouro_bytes_starts(text, "b", 1));
  assert_true(ouro_bytes_ends(text, "bra", 3) && ouro_bytes_ends(text, NULL, 0) && !ouro_bytes_ends(text, "b", 1));
  assert_false(ouro_bytes_starts(text, "abracadabra!", 12) || ouro_bytes_ends(text, "!abracadabra", 12));
  drop(text);
}

static void they_are_put_together(void **state) {
  (void)state;
  ouro_bytes *ab = bytes_of("ab"), *nothing = bytes_of(""), *c = bytes_of("c");
  is(ouro_borrow(ouro_bytes_concat(ab, c)), "abc");
  is(ouro_borrow(ouro_bytes_concat(c, c)), "cc");
  ouro_bytes *same = ouro_borrow(ouro_bytes_concat(ab, nothing));
  assert_ptr_equal(same, ab);
  drop(same);
  same = ouro_borrow(ouro_bytes_concat(nothing, ab));
  assert_ptr_equal(same, ab);
  drop(same);
  is(ouro_borrow(ouro_bytes_repeat(ab, 5)), "ababababab");
  is(ouro_borrow(ouro_bytes_repeat(ab, 1)), "ab");
  is(ouro_borrow(ouro_bytes_repeat(ab, 0)), "");
  is(ouro_borrow(ouro_bytes_repeat(nothing, 7)), "");
  is(ouro_borrow(ouro_bytes_repeat(c, 3)), "ccc");
  fails(ouro_borrow(ouro_bytes_repeat(ab, SIZE_MAX / 2)), ENOMEM);
  drop(ab);
}

static void hexadecimal_digits_there_and_back(void **state) {
  (void)state;
  is(ouro_borrow(ouro_bytes_from_hex("61 6263\n", 8)), "abc");
  is(ouro_borrow(ouro_bytes_from_hex("7A", 2)), "z");
  is(ouro_borrow(ouro_bytes_from_hex(" ", 1)), "");
  fails(ouro_borrow(ouro_bytes_from_hex("6", 1)), EBADMSG);
  fails(ouro_borrow(ouro_bytes_from_hex("6 1", 3)), EBADMSG);
  fails(ouro_borrow(ouro_bytes_from_hex("6g", 2)), EBADMSG);
  ouro_bytes *odd = ouro_borrow(ouro_bytes_from_hex("00ff7f80", 8));
  ouro_str *text = ouro_borrow(ouro_bytes_hex(odd));
  assert_string_equal(ouro_str_text(text), "00ff7f80");
  drop(text);
  drop(odd);
}

static void strings_there_and_back(void **state) {
  (void)state;
  ouro_str *text = ouro_borrow(ouro_str_from("h\xc3\xa9llo"));
  ouro_bytes *bytes = ouro_borrow(ouro_bytes_from_str(text));
  assert_int_equal(ouro_bytes_count(bytes), 6);
  ouro_str *back = ouro_borrow(ouro_bytes_to_str(bytes));
  assert_int_equal(ouro_equal(text, back), 1);
  fails(ouro_borrow(ouro_bytes_from_str(bytes)), ENOTSUP);
  drop(back);
  drop(bytes);
  drop(text);
  bytes = bytes_of("\xc3(");
  fails(ouro_borrow(ouro_bytes_to_str(bytes)), EILSEQ);
  drop(bytes);
}

static void they_print_as_python_prints_them(void **state) {
  (void)state;
  static const struct {
    const char *hex, *text;
  } cases[] = {
      {"", "b''"},
      {"616263", "b'abc'"},
      {"000a0d095c7fff", "b'\\x00\\n\\r\\t\\\\\\x7f\\xff'"},
      {"27", "b\"'\""},
      {"22", "b'\"'"},
      {"2722", "b'\\'\"'"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    ouro_bytes *bytes = ouro_borrow(ouro_bytes_from_hex(cases[i].hex, strlen(cases[i].hex)));
    prints(bytes, cases[i].text);
    drop(bytes);
  }
  ouro_buffer *buffer = buffer_of("it's");
  prints(buffer, "bytearray(b\"it's\")");
  drop(buffer);
}

/* ---------------------------------------------------------------- as values */

static int order_of(void *first, void *second) {
  int order = 100;
  assert_int_equal(ouro_compare(first, second, &order), OURO_OK);
  return order < 0 ? -1 : order > 0;
}

static void bytes_and_buffers_compare(void **state) {
  (void)state;
  static const char *const texts[] = {"", "a", "aa", "ab", "b", "\xff"};
  for (int i = 0; i < 6; i++) {
    for (int j = 0; j < 6; j++) {
      void *one[2] = {bytes_of(texts[i]), buffer_of(texts[i])}, *two[2] = {bytes_of(texts[j]), buffer_of(texts[j])};
      for (int kinds = 0; kinds < 4; kinds++) {
        void *first = one[kinds & 1], *second = two[kinds >> 1];
        assert_int_equal(order_of(first, second), (i > j) - (i < j));
        assert_int_equal(ouro_equal(first, second), i == j);
      }
      for (int k = 0; k < 2; k++) {
        drop(one[k]);
        drop(two[k]);
      }
    }
  }
}

static void what_is_neither_is_not_equal_and_has_no_order(void **state) {
  (void)state;
  ouro_bytes *bytes = bytes_of("ab");
  ouro_buffer *buffer = buffer_of("ab");
  ouro_str *text = ouro_borrow(ouro_str_from("ab"));
  int order = 7;
  assert_int_equal(ouro_equal(bytes, text), 0);
  assert_int_equal(ouro_equal(text, buffer), 0);
  assert_int_equal(ouro_compare(bytes, text, &order), OURO_ETYPE);
  assert_int_equal(ouro_compare(buffer, text, &order), OURO_ETYPE);
  assert_int_equal(order, 7);
  drop(text);
  drop(buffer);
  drop(bytes);
}

static void bytes_hash_and_buffers_do_not(void **state) {
  (void)state;
  ouro_bytes *first = bytes_of("key"), *second = bytes_of("key"), *other = bytes_of("kez");
  ouro_buffer *buffer = buffer_of("key");
  uint64_t hashes[3] = {0};
  assert_int_equal(ouro_hash(first, &hashes[0]) | ouro_hash(second, &hashes[1]) | ouro_hash(other, &hashes[2]), OURO_OK);
  assert_int_equal(hashes[0], hashes[1]);
  assert_int_not_equal(hashes[0], hashes[2]);
  assert_int_equal(ouro_hash(buffer, &hashes[0]), OURO_EHASH);
  drop(buffer);
  drop(other);
  drop(second);
  drop(first);
}

/* What an int says; and lets go of it. */
static int64_t number_of(void *object) {
  int64_t value = INT64_MIN;
  assert_int_equal(ouro_int_get(object, &value), OURO_OK);
  drop(object);
  return value;
}

static int item_at(void *object, int64_t index, void **item) {
  void *key = ouro_borrow(ouro_int_new(index));
  int code = ouro_item_get(object, key, item);
  drop(key);
  return code;
}

static void items_are_ints(void **state) {
  (void)state;
  void *both[] = {bytes_of("a\xff"), buffer_of("a\xff")};
  for (int i = 0; i < 2; i++) {
    void *item = NULL;
    size_t length = 0;
    assert_int_equal(ouro_length(both[i], &length), OURO_OK);
    assert_int_equal(length, 2);
    assert_int_equal(item_at(both[i], 1, &item), OURO_OK);
    assert_int_equal(number_of(item), 255);
    assert_int_equal(item_at(both[i], -2, &item), OURO_OK);
    assert_int_equal(number_of(item), 'a');
    assert_int_equal(item_at(both[i], 2, &item), OURO_EINDEX);
    assert_int_equal(item_at(both[i], INT64_MIN, &item), OURO_EINDEX);
    assert_int_equal(ouro_item_get(both[i], ouro_none, &item), OURO_ETYPE);
    assert_int_equal(ouro_truth(both[i]), 1);
    drop(both[i]);
  }
  assert_int_equal(ouro_truth(ouro_borrow(ouro_bytes_new(NULL, 0))), 0);
}

static void items_of_a_buffer_are_set_and_deleted(void **state) {
  (void)state;
  ouro_buffer *buffer = buffer_of("abc");
  void *one = ouro_borrow(ouro_int_new(1)), *last = ouro_borrow(ouro_int_new(-1)), *large = ouro_borrow(ouro_int_new(256));
  void *letter = ouro_borrow(ouro_int_new('x')), *three = ouro_borrow(ouro_int_new(3));
  assert_int_equal(ouro_item_set(buffer, one, letter), OURO_OK);
  holds(buffer, "axc");
  assert_int_equal(ouro_item_set(buffer, one, large), OURO_ERANGE);
  assert_int_equal(ouro_item_set(buffer, one, last), OURO_ERANGE);
  assert_int_equal(ouro_item_set(buffer, one, ouro_none), OURO_ETYPE);
  assert_int_equal(ouro_item_set(buffer, ouro_none, one), OURO_ETYPE);
  assert_int_equal(ouro_item_set(buffer, three, letter), OURO_EINDEX);
  assert_int_equal(ouro_item_delete(buffer, three), OURO_EINDEX);
  holds(buffer, "axc");
  assert_int_equal(ouro_item_delete(buffer, last), OURO_OK);
  assert_int_equal(ouro_item_delete(buffer, last), OURO_OK);
  holds(buffer, "a");
  ouro_bytes *bytes = bytes_of("abc");
  assert_int_equal(ouro_item_set(bytes, one, letter), OURO_ETYPE);
  drop(bytes);
  drop(buffer);
}

static void a_byte_or_a_run_of_them_is_contained(void **state) {
  (void)state;
  void *both[] = {bytes_of("abcd"), buffer_of("abcd")};
  for (int i = 0; i < 2; i++) {
    void *run[] = {bytes_of("bc"), buffer_of("bc"), bytes_of("cb"), buffer_of("cb"), bytes_of("")};
    void *letter = ouro_borrow(ouro_int_new('d')), *other = ouro_borrow(ouro_int_new('e')), *large = ouro_borrow(ouro_int_new(256));
    static const int expected[] = {1, 1, 0, 0, 1};
    for (int j = 0; j < 5; j++) {
      assert_int_equal(ouro_contains(both[i], run[j]), expected[j]);
      drop(run[j]);
    }
    assert_int_equal(ouro_contains(both[i], letter), 1);
    assert_int_equal(ouro_contains(both[i], other), 0);
    assert_int_equal(ouro_contains(both[i], large), OURO_ERANGE);
    assert_int_equal(ouro_contains(both[i], ouro_none), OURO_ETYPE);
    drop(both[i]);
  }
}

static void a_walk_gives_each_byte(void **state) {
  (void)state;
  void *both[] = {bytes_of("xyz"), buffer_of("xyz")};
  for (int i = 0; i < 2; i++) {
    void *iterator = NULL, *item = NULL, *again = NULL;
    assert_int_equal(ouro_iterate(both[i], &iterator), OURO_OK);
    assert_int_equal(ouro_iterate(iterator, &again), OURO_OK);
    assert_ptr_equal(iterator, again);
    drop(again);
    for (const char *expected = "xyz"; *expected; expected++) {
      assert_int_equal(ouro_next(iterator, &item), 1);
      assert_int_equal(number_of(item), *expected);
    }
    assert_int_equal(ouro_next(iterator, &item), 0);
    if (i == 1) assert_int_equal(ouro_buffer_append_text(both[1], "more"), OURO_OK);
    assert_int_equal(ouro_next(iterator, &item), 0); /* what has ended has ended */
    drop(iterator);
    drop(both[i]);
  }
}

static void items_are_joined(void **state) {
  (void)state;
  ouro_bytes *comma = bytes_of(", "), *one = bytes_of("one");
  ouro_buffer *two = buffer_of("two");
  ouro_list *items = ouro_borrow(ouro_list_new());
  is(ouro_borrow(ouro_bytes_join(comma, items)), "");
  assert_int_equal(ouro_list_append(items, one) | ouro_list_append(items, two) | ouro_list_append(items, one), OURO_OK);
  is(ouro_borrow(ouro_bytes_join(comma, items)), "one, two, one");
  assert_int_equal(ouro_list_append(items, ouro_none), OURO_OK);
  fails(ouro_borrow(ouro_bytes_join(comma, items)), ENOTSUP);
  fails(ouro_borrow(ouro_bytes_join(comma, ouro_none)), ENOTSUP);
  drop(items);
  drop(two);
  drop(one);
  drop(comma);
}

/* ---------------------------------------------------------------- buffers */

static void a_buffer_grows_and_shrinks(void **state) {
  (void)state;
  ouro_buffer on_stack = OURO_BUFFER_ON_STACK, *both[] = {&on_stack, ouro_borrow(ouro_buffer_new())};
  for (int i = 0; i < 2; i++) {
    ouro_buffer *buffer = both[i];
    assert_null(ouro_buffer_data(buffer));
    holds(buffer, "");
    assert_int_equal(ouro_buffer_append(buffer, NULL, 0), OURO_OK);
    assert_int_equal(ouro_buffer_append_text(buffer, "abc"), OURO_OK);
    assert_int_equal(ouro_buffer_append_char(buffer, 'd'), OURO_OK);
    assert_int_equal(ouro_buffer_splice(buffer, 1, 2, "-----", 5), OURO_OK);
    holds(buffer, "a-----d");
    assert_int_equal(ouro_buffer_splice(buffer, 7, 0, "end", 3), OURO_OK);
    assert_int_equal(ouro_buffer_splice(buffer, 0, 6, NULL, 0), OURO_OK);
    assert_int_equal(ouro_buffer_splice(buffer, 0, 1, "D", 1), OURO_OK);
    holds(buffer, "Dend");
    assert_int_equal(ouro_buffer_splice(buffer, 5, 0, "x", 1), OURO_EINDEX);
    assert_int_equal(ouro_buffer_splice(buffer, 2, 3, "x", 1), OURO_EINDEX);
    assert_int_equal(ouro_buffer_get(buffer, -1), 'd');
    assert_int_equal(ouro_buffer_set(buffer, -1, 'D'), OURO_OK);
    assert_int_equal(ouro_buffer_set(buffer, 4, 'D'), OURO_EINDEX);
    assert_int_equal(ouro_buffer_get(buffer, -5), OURO_EINDEX);
    ouro_buffer_truncate(buffer, 9);
    holds(buffer, "DenD");
    ouro_buffer_truncate(buffer, 2);
    holds(buffer, "De");
    ouro_buffer_clear(buffer);
    assert_null(ouro_buffer_data(buffer));
    assert_int_equal(ouro_buffer_append_char(buffer, 'z'), OURO_OK);
    holds(buffer, "z");
  }
  ouro_buffer_done(&on_stack);
  drop(both[1]);
}

static void code_points_become_utf8(void **state) {
  (void)state;
  ouro_buffer out = OURO_BUFFER_ON_STACK;
  static const uint32_t points[] = {'$', 0x7f, 0x80, 0xe9, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff, 0x10000, 0x10ffff};
  for (size_t i = 0; i < sizeof points / sizeof *points; i++) assert_int_equal(ouro_buffer_append_point(&out, points[i]), OURO_OK);
  holds(&out, "$\x7f\xc2\x80\xc3\xa9\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf");
  size_t before = ouro_buffer_count(&out);
  assert_int_equal(ouro_buffer_append_point(&out, 0xd800), OURO_EUTF8);
  assert_int_equal(ouro_buffer_append_point(&out, 0xdfff), OURO_EUTF8);
  assert_int_equal(ouro_buffer_append_point(&out, 0x110000), OURO_EUTF8);
  assert_int_equal(ouro_buffer_count(&out), before);
  ouro_str *text = ouro_borrow(ouro_buffer_to_str(&out));
  assert_int_equal(ouro_str_length(text), sizeof points / sizeof *points);
  drop(text);
  ouro_buffer_done(&out);
}

static void what_a_buffer_holds_is_given(void **state) {
  (void)state;
  ouro_buffer on_stack = OURO_BUFFER_ON_STACK, *both[] = {&on_stack, ouro_borrow(ouro_buffer_new())};
  for (int i = 0; i < 2; i++) {
    ouro_buffer *buffer = both[i];
    char few[4] = "";
    size_t count = 99;
    is(ouro_borrow(ouro_buffer_to_bytes(buffer)), "");
    ouro_str *text = ouro_borrow(ouro_buffer_to_str(buffer));
    assert_int_equal(ouro_str_bytes(text), 0);
    drop(text);
    assert_null(ouro_buffer_take(buffer, &count));
    assert_int_equal(count, 0);
    assert_int_equal(ouro_buffer_append_text(buffer, "text"), OURO_OK);
    is(ouro_borrow(ouro_buffer_to_bytes(buffer)), "text");
    text = ouro_borrow(ouro_buffer_to_str(buffer));
    assert_string_equal(ouro_str_text(text), "text");
    drop(text);
    assert_int_equal(ouro_buffer_read(buffer, 2, few, sizeof few), 2);
    assert_memory_equal(few, "xt", 2);
    assert_int_equal(ouro_buffer_read(buffer, 4, few, sizeof few), 0);
    assert_int_equal(ouro_buffer_read(buffer, 0, few, 3), 3);
    assert_int_equal(ouro_buffer_append_char(buffer, (char)0xff), OURO_OK);
    fails(ouro_borrow(ouro_buffer_to_str(buffer)), EILSEQ);
    char *taken = ouro_buffer_take(buffer, &count);
    assert_int_equal(count, 5);
    assert_memory_equal(taken, "text\xff", 5);
    ouro_free(taken);
    holds(buffer, "");
  }
  ouro_buffer_done(&on_stack);
  drop(both[1]);
}

static void what_is_reserved_does_not_move(void **state) {
  (void)state;
  ouro_buffer out = OURO_BUFFER_ON_STACK;
  assert_int_equal(ouro_buffer_reserve(&out, 10000), OURO_OK);
  const char *data = ouro_buffer_data(&out);
  for (int i = 0; i < 10000; i++) assert_int_equal(ouro_buffer_append_char(&out, 'x'), OURO_OK);
  assert_ptr_equal(ouro_buffer_data(&out), data);
  assert_int_equal(ouro_buffer_reserve(&out, 10), OURO_OK);
  assert_int_equal(ouro_buffer_count(&out), 10000);
  assert_int_equal(ouro_buffer_reserve(&out, SIZE_MAX), OURO_ENOMEM);
  assert_int_equal(ouro_buffer_append(&out, "x", PTRDIFF_MAX), OURO_ENOMEM);
  assert_int_equal(ouro_buffer_count(&out), 10000);
  ouro_buffer_done(&out);
}

static void a_copy_of_a_buffer_is_its_own(void **state) {
  (void)state;
  ouro_buffer *buffer = buffer_of("abc"), *shallow = ouro_borrow(ouro_copy(buffer)), *deep = ouro_borrow(ouro_deepcopy(buffer));
  assert_int_equal(ouro_buffer_append_text(buffer, "d"), OURO_OK);
  holds(shallow, "abc");
  holds(deep, "abc");
  assert_int_equal(ouro_sizeof(shallow), ouro_object_size(shallow) + 3);
  drop(deep);
  drop(shallow);
  drop(buffer);
  buffer = ouro_borrow(ouro_buffer_new());
  shallow = ouro_borrow(ouro_copy(buffer));
  holds(shallow, "");
  drop(shallow);
  drop(buffer);
  ouro_bytes *bytes = bytes_of("abc"), *same = ouro_borrow(ouro_copy(bytes));
  assert_ptr_equal(bytes, same);
  drop(same);
  drop(bytes);
}

/* ---------------------------------------------------------------- a plain array as the model */

enum { MOST = 300 };

static void random_operations_are_those_of_an_array(void **state) {
  (void)state;
  test_rng rng = {7};
  char model[MOST * 2];
  size_t count = 0;
  ouro_buffer *buffer = ouro_borrow(ouro_buffer_new());
  for (size_t step = 0; step < test_count(100000, 2000); step++) {
    char data[16];
    size_t at = test_below(&rng, count + 1), gone = test_below(&rng, count - at + 1), more = test_below(&rng, sizeof data);
    test_fill(data, sizeof data, step);
    if (gone > 12) gone = 12;
    if (count > MOST) more = 0;
    assert_int_equal(ouro_buffer_splice(buffer, at, gone, data, more), OURO_OK);
    memmove(model + at + more, model + at + gone, count - at - gone);
    memcpy(model + at, data, more);
    count += more - gone;
    assert_int_equal(ouro_buffer_count(buffer), count);
    if (count) assert_memory_equal(ouro_buffer_data(buffer), model, count);
  }
  drop(buffer);
}

/* ---------------------------------------------------------------- several threads */

enum { THREADS = 4, WORD = 8 };

typedef struct crew {
  ouro_buffer *buffer;
  int number;
  size_t rounds;
} crew;

/* Words of one letter are appended whole, whoever else does; what is read is whole words. */
static void *append_words(void *arg) {
  const crew *me = arg;
  char word[WORD], seen[WORD];
  memset(word, 'a' + me->number, sizeof word);
  for (size_t i = 0; i < me->rounds; i++) {
    TEST_CHECK(ouro_buffer_append(me->buffer, word, sizeof word) == OURO_OK);
    TEST_CHECK(ouro_buffer_read(me->buffer, i * sizeof word, seen, sizeof seen) == sizeof seen);
    TEST_CHECK(test_all_bytes(seen, seen[0], sizeof seen));
    TEST_CHECK(ouro_buffer_get(me->buffer, -1) >= 'a');
    if (i % 64 == 0) {
      void *bytes = ouro_borrow(ouro_buffer_to_bytes(me->buffer)), *copy = ouro_borrow(ouro_copy(me->buffer));
      TEST_CHECK(ouro_bytes_count(bytes) % WORD == 0 && ouro_buffer_count(copy) >= ouro_bytes_count(bytes));
      TEST_CHECK(ouro_equal(copy, me->buffer) >= 0 && ouro_contains(me->buffer, bytes) == 1 && ouro_sizeof(me->buffer) > 0);
      drop(copy);
      drop(bytes);
    }
  }
  return NULL;
}

static void threads_share_a_buffer(void **state) {
  (void)state;
  crew all[THREADS];
  pthread_t threads[THREADS];
  size_t rounds = test_count(20000, 500);
  ouro_buffer *buffer = ouro_borrow(ouro_buffer_new());
  for (int i = 0; i < THREADS; i++) {
    all[i] = (crew){buffer, i, rounds};
    TEST_CHECK(pthread_create(&threads[i], NULL, append_words, &all[i]) == 0);
  }
  ouro_blocking_begin();
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  ouro_blocking_end();
  assert_int_equal(ouro_buffer_count(buffer), rounds * WORD * THREADS);
  size_t counts[THREADS] = {0};
  for (size_t i = 0; i < rounds * THREADS; i++) counts[ouro_buffer_get(buffer, (ptrdiff_t)(i * WORD)) - 'a']++;
  for (int i = 0; i < THREADS; i++) assert_int_equal(counts[i], rounds);
  drop(buffer);
}

static void *take_bytes(void *arg) {
  size_t *taken = arg;
  for (void *iterator = (void *)taken[0], *item; ouro_next(iterator, &item) == 1; taken[1]++) ouro_decref(ouro_adopt(item));
  return NULL;
}

static void threads_share_an_iterator(void **state) {
  (void)state;
  size_t count = test_count(200000, 2000), taken[2][2] = {{0}};
  void *bytes = ouro_borrow(ouro_bytes_repeat(ouro_borrow(ouro_bytes_new("x", 1)), count)), *iterator = NULL;
  assert_int_equal(ouro_iterate(bytes, &iterator), OURO_OK);
  pthread_t other;
  taken[0][0] = taken[1][0] = (size_t)iterator;
  TEST_CHECK(pthread_create(&other, NULL, take_bytes, taken[1]) == 0);
  take_bytes(taken[0]);
  ouro_blocking_begin();
  pthread_join(other, NULL);
  ouro_blocking_end();
  assert_int_equal(taken[0][1] + taken[1][1], count);
  drop(iterator);
  drop(bytes);
}

/* ---------------------------------------------------------------- without memory */

#ifdef OURO_FAULTS

static struct {
  ouro_bytes *bytes;
  ouro_buffer *buffer, *stack;
  ouro_list *list;
  void *made;
} it;

static const char much[1000] = "much";

static int made_is(void *made) {
  it.made = made;
  return made ? OURO_OK : ouro_code_of_errno(errno);
}

static int try_new(void) { return made_is(ouro_borrow(ouro_bytes_new("some text", 9))); }
static int try_hex(void) { return made_is(ouro_borrow(ouro_bytes_hex(it.bytes))); }
static int try_from_hex(void) { return made_is(ouro_borrow(ouro_bytes_from_hex("616263", 6))); }
static int try_concat(void) { return made_is(ouro_borrow(ouro_bytes_concat(it.bytes, it.bytes))); }
static int try_repeat(void) { return made_is(ouro_borrow(ouro_bytes_repeat(it.bytes, 3))); }
static int try_slice(void) { return made_is(ouro_borrow(ouro_bytes_slice(it.bytes, 1, 5, 2))); }
static int try_join(void) { return made_is(ouro_borrow(ouro_bytes_join(it.bytes, it.list))); }
static int try_to_str(void) { return made_is(ouro_borrow(ouro_bytes_to_str(it.bytes))); }
static int try_buffer(void) { return made_is(ouro_borrow(ouro_buffer_new())); }
static int try_to_bytes(void) { return made_is(ouro_borrow(ouro_buffer_to_bytes(it.buffer))); }
static int try_buffer_to_str(void) { return made_is(ouro_borrow(ouro_buffer_to_str(it.buffer))); }
static int try_copy(void) { return made_is(ouro_borrow(ouro_copy(it.buffer))); }
static int try_deepcopy(void) { return made_is(ouro_borrow(ouro_deepcopy(it.buffer))); }
static int try_iterate(void) { return ouro_iterate(it.bytes, &it.made); }
static int try_iterate_buffer(void) { return ouro_iterate(it.buffer, &it.made); }
static int try_repr(void) { return made_is(ouro_borrow(ouro_repr(it.buffer))); }
static int try_repr_into(void) { return ouro_repr_into(it.buffer, it.stack); }
static int try_contains(void) { return ouro_contains(it.bytes, it.buffer) == 1 ? OURO_OK : OURO_ENOMEM; }
static int try_append(void) { return ouro_buffer_append(it.buffer, much, sizeof much); }
static int try_splice(void) { return ouro_buffer_splice(it.buffer, 1, 0, much, sizeof much); }
static int try_reserve(void) { return ouro_buffer_reserve(it.buffer, 100000); }

static void begin(void) {
  static ouro_buffer stack;
  it.bytes = bytes_of("the bytes");
  it.buffer = buffer_of("the bytes");
  it.stack = &stack;
  it.list = ouro_borrow(ouro_list_new());
  it.made = NULL;
  TEST_CHECK(ouro_list_append(it.list, it.bytes) == OURO_OK && ouro_list_append(it.list, it.buffer) == OURO_OK);
}

static void finish(void) {
  if (it.made) drop(it.made);
  drop(it.list);
  drop(it.buffer);
  drop(it.bytes);
  ouro_buffer_done(it.stack);
}

/* Try it with each allocation failing in turn, until none does; how many there were. */
static size_t fails_in_turn(int (*attempt)(void)) {
  for (long nth = 1;; nth++) {
    begin();
    ouro__fault_set(nth, true);
    int code = attempt();
    bool hit = ouro__fault_hit();
    ouro__fault_set(0, false);
    assert_int_equal(code, hit ? OURO_ENOMEM : OURO_OK);
    if (hit) {
      assert_null(it.made);
      holds(it.buffer, "the bytes");
      assert_int_equal(ouro_buffer_count(it.stack), 0);
    }
    finish();
    if (!hit) return (size_t)nth - 1;
  }
}

static void every_allocation_fails_in_turn(void **state) {
  (void)state;
  static int (*const attempts[])(void) = {
      try_new,    try_hex,      try_from_hex,      try_concat, try_repeat,   try_slice,   try_join,           try_to_str, try_buffer,
      try_append, try_to_bytes, try_buffer_to_str, try_copy,   try_deepcopy, try_iterate, try_iterate_buffer, try_repr,   try_repr_into,
      try_splice, try_contains, try_reserve,
  };
  for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
    begin(); /* types are looked at once */
    assert_int_equal(attempts[i](), OURO_OK);
    finish();
    assert_true(fails_in_turn(attempts[i]) >= 1);
  }
}

#endif

int main(void) {
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(short_ones_were_made_once),
      OBJECT_TEST(a_nul_ends_them_and_does_not_count),
      OBJECT_TEST(an_index_may_count_from_the_end),
      OBJECT_TEST(slices_are_pythons),
      OBJECT_TEST(what_is_looked_for_is_found),
      OBJECT_TEST(they_are_put_together),
      OBJECT_TEST(hexadecimal_digits_there_and_back),
      OBJECT_TEST(strings_there_and_back),
      OBJECT_TEST(they_print_as_python_prints_them),
      OBJECT_TEST(bytes_and_buffers_compare),
      OBJECT_TEST(what_is_neither_is_not_equal_and_has_no_order),
      OBJECT_TEST(bytes_hash_and_buffers_do_not),
      OBJECT_TEST(items_are_ints),
      OBJECT_TEST(items_of_a_buffer_are_set_and_deleted),
      OBJECT_TEST(a_byte_or_a_run_of_them_is_contained),
      OBJECT_TEST(a_walk_gives_each_byte),
      OBJECT_TEST(items_are_joined),
      OBJECT_TEST(a_buffer_grows_and_shrinks),
      OBJECT_TEST(code_points_become_utf8),
      OBJECT_TEST(what_a_buffer_holds_is_given),
      OBJECT_TEST(what_is_reserved_does_not_move),
      OBJECT_TEST(a_copy_of_a_buffer_is_its_own),
      OBJECT_TEST(random_operations_are_those_of_an_array),
#ifdef OURO_FAULTS
      OBJECT_TEST(every_allocation_fails_in_turn),
#endif
      OBJECT_TEST(threads_share_a_buffer),
      OBJECT_TEST(threads_share_an_iterator),
  };
  return cmocka_run_group_tests_name("values bytes", tests, NULL, NULL);
}
