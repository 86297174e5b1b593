/* tests/values/test_pipe.c - pipelines: what each stage gives; that errors pass through and leave it usable; that a stage at its end, or
 * closed, holds nothing; lines of files; flat memory over millions of items; threads; every allocation failing.
 *
 * usage: test_values_pipe flat: a long pipeline in a program of its own.
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka, threads. */
#include "values/generators.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

/* ---------------------------------------------------------------- functions */

static int twice(void *const *args, size_t count, ouro_slot result) {
  TEST_CHECK(count == 1);
  return ouro_add(args[0], args[0], result);
}

static int fails_at_three(void *const *args, size_t count, ouro_slot result) {
  return value_of(args[0]) == 3 ? OURO_EKEY : twice(args, count, result);
}

static int below_three(void *const *args, size_t count, ouro_slot result) {
  TEST_CHECK(count == 1);
  *(void **)result = ouro_newref(value_of(args[0]) < 3 ? ouro_true : ouro_false);
  return OURO_OK;
}

static int add_two(void *const *args, size_t count, ouro_slot result) {
  TEST_CHECK(count == 2);
  return ouro_add(args[0], args[1], result);
}

/* Of C; the context is a number. */
static int plus(void *context, void *item, ouro_slot result) { return ouro_add(item, context, result); }
static int add_c(void *context, void *so_far, void *item, ouro_slot result) {
  return context ? OURO_EINDEX : ouro_add(so_far, item, result);
}
static int below(void *context, void *item) { return value_of(item) < value_of(context); }
static int odd(void *context, void *item) {
  TEST_CHECK(context == NULL);
  return value_of(item) % 2 ? 7 : 0;
}
static int fails_on_two(void *context, void *item) {
  (void)context;
  return value_of(item) == 2 ? OURO_EHASH : value_of(item) != 5;
}

/* A stage over what is given, both dropped but for the stage. */
static void *with(void *function, void *iterable, ouro_ref (*make)(void *function, void *iterable)) {
  void *made = make(function, iterable);
  TEST_CHECK(made != NULL);
  drop(iterable);
  if (function) {
    drop(function);
  }
  return made;
}

static void *numbers(int64_t stop) { return ouro_range(0, stop, 1); }

/* ---------------------------------------------------------------- map, filter */

static void map_gives_what_the_function_gives(void **state) {
  (void)state;
  assert_string_equal(all(with(function_of(twice), numbers(4), ouro_map)), "0 2 4 6 end");
  assert_string_equal(all(with(function_of(twice), ouro_list_of(2, number(7), number(8)), ouro_map)), "14 16 end");
  void *source = numbers(3), *ten = number(10);
  void *mapped = ouro_map_c(plus, ten, source);
  drop(source);
  assert_string_equal(all(mapped), "10 11 12 end");
  drop(ten);
}

static void an_error_leaves_a_stage_where_it_was(void **state) {
  (void)state;
  void *g = with(function_of(fails_at_three), numbers(5), ouro_map);
  assert_int_equal(step(g) + step(g) + step(g), 3);
  assert_int_equal(step(g), OURO_EKEY);
  assert_string_equal(all(with(function_of(twice), g, ouro_map)), "0 2 4 OURO_EKEY 16 end");
  g = with(function_of(fails_at_three), numbers(5), ouro_map);
  g = with(function_of(below_three), g, ouro_filter);
  step(g);
  step(g);
  assert_int_equal(step(g), OURO_EKEY);
  assert_string_equal(all(g), "0 2 OURO_EKEY end");
}

static void filter_gives_what_passes(void **state) {
  (void)state;
  assert_string_equal(all(with(function_of(below_three), numbers(6), ouro_filter)), "0 1 2 end");
  assert_string_equal(all(with(NULL, ouro_list_of(4, number(0), number(1), ouro_none, number(2)), ouro_filter)), "1 2 end");
  void *source = numbers(6);
  assert_string_equal(all(ouro_filter_c(odd, NULL, source)), "1 3 5 end");
  drop(source);
  source = numbers(6);
  void *g = ouro_filter_c(fails_on_two, NULL, source);
  drop(source);
  rest(g);
  assert_string_equal(all(g), "3 4 end");
}

static void taking_and_skipping_by_a_test(void **state) {
  (void)state;
  void *four = number(4);
  assert_string_equal(all(with(function_of(below_three), numbers(6), ouro_take_while)), "0 1 2 end");
  assert_string_equal(all(with(function_of(below_three), numbers(6), ouro_skip_while)), "3 4 5 end");
  assert_string_equal(all(with(function_of(below_three), numbers(2), ouro_skip_while)), "end");
  void *source = numbers(6);
  assert_string_equal(all(ouro_take_while_c(below, four, source)), "0 1 2 3 end");
  assert_string_equal(rest(source), "5 end"); /* 4 was looked at */
  drop(source);
  source = numbers(6);
  assert_string_equal(all(ouro_skip_while_c(below, four, source)), "4 5 end");
  drop(source);
  source = ouro_list_of(6, number(5), number(1), number(9), number(0), number(4), number(4));
  assert_string_equal(all(ouro_take_while_c(below, four, source)), "end");
  assert_string_equal(all(ouro_skip_while_c(below, four, source)), "5 1 9 0 4 4 end");
  drop(source);
  source = numbers(6);
  void *g = ouro_take_while_c(fails_on_two, NULL, source);
  rest(g);
  assert_string_equal(all(g), "3 4 end");
  drop(source);
  drop(four);
}

/* ---------------------------------------------------------------- numbers of items */

static void *counted(void *iterable, size_t count, ouro_ref (*make)(void *iterable, size_t count)) {
  void *made = make(iterable, count);
  TEST_CHECK(made != NULL);
  drop(iterable);
  return made;
}

static void taking_and_skipping_by_number(void **state) {
  (void)state;
  assert_string_equal(all(counted(numbers(6), 2, ouro_take)), "0 1 end");
  assert_string_equal(all(counted(numbers(2), 5, ouro_take)), "0 1 end");
  assert_string_equal(all(counted(numbers(2), 0, ouro_take)), "end");
  assert_string_equal(all(counted(numbers(6), 4, ouro_skip)), "4 5 end");
  assert_string_equal(all(counted(numbers(6), 0, ouro_skip)), "0 1 2 3 4 5 end");
  assert_string_equal(all(counted(numbers(6), 9, ouro_skip)), "end");
  void *source = numbers(6);
  void *g = ouro_take(source, 2);
  assert_string_equal(rest(g), "0 1 end");
  assert_string_equal(rest(source), "2 3 4 5 end"); /* no look at another */
  drop(g);
  drop(source);
}

static void batches_are_lists(void **state) {
  (void)state;
  assert_string_equal(all(counted(numbers(5), 2, ouro_batches)), "[0,1] [2,3] [4] end");
  assert_string_equal(all(counted(numbers(4), 2, ouro_batches)), "[0,1] [2,3] end");
  assert_string_equal(all(counted(numbers(3), SIZE_MAX, ouro_batches)), "[0,1,2] end");
  assert_string_equal(all(counted(numbers(0), 3, ouro_batches)), "end");
  void *g = counted(with(function_of(fails_at_three), numbers(6), ouro_map), 2, ouro_batches);
  rest(g);
  assert_string_equal(all(g), "[4,8] [10] end"); /* 4 was gathered before the error */
}

static void ranges_and_counts(void **state) {
  (void)state;
  assert_string_equal(all(ouro_range(2, 9, 3)), "2 5 8 end");
  assert_string_equal(all(ouro_range(2, 8, 3)), "2 5 end");
  assert_string_equal(all(ouro_range(3, -4, -3)), "3 0 -3 end");
  assert_string_equal(all(ouro_range(3, 3, 1)), "end");
  assert_string_equal(all(ouro_range(3, 4, -1)), "end");
  assert_string_equal(all(ouro_range(INT64_MIN, INT64_MAX, INT64_MAX)), "-9223372036854775808 -1 9223372036854775806 end");
  assert_string_equal(all(ouro_range(INT64_MAX, INT64_MIN, INT64_MIN)), "9223372036854775807 -1 end");
  assert_string_equal(all(counted(ouro_range(INT64_MIN, INT64_MAX, 1), 2, ouro_take)), "-9223372036854775808 -9223372036854775807 end");
  assert_string_equal(all(counted(ouro_count(5, -2), 4, ouro_take)), "5 3 1 -1 end");
  assert_string_equal(all(counted(ouro_count(5, 0), 3, ouro_take)), "5 5 5 end");
  assert_string_equal(all(ouro_count(INT64_MAX - 1, 1)), "9223372036854775806 9223372036854775807 OURO_ERANGE");
  assert_string_equal(all(ouro_count(INT64_MIN + 3, -2)), "-9223372036854775805 -9223372036854775807 OURO_ERANGE");
  assert_null(ouro_range(1, 2, 0));
  assert_int_equal(errno, EINVAL);
}

static void repeating(void **state) {
  (void)state;
  void *object = number(5000), *source;
  assert_string_equal(all(ouro_repeat(object, 3)), "5000 5000 5000 end");
  assert_string_equal(all(ouro_repeat(object, 0)), "end");
  assert_string_equal(all(counted(ouro_repeat(object, OURO_FOREVER), 2, ouro_take)), "5000 5000 end");
  drop(object);
  source = numbers(3);
  assert_string_equal(all(counted(ouro_cycle(source), 8, ouro_take)), "0 1 2 0 1 2 0 1 end");
  drop(source);
  source = numbers(0);
  assert_string_equal(all(ouro_cycle(source)), "end");
  drop(source);
}

/* ---------------------------------------------------------------- several iterables */

static void chains_and_what_is_nested(void **state) {
  (void)state;
  void *parts[] = {numbers(2), ouro_list_new(), ouro_list_of(1, number(9)), numbers(1)};
  assert_string_equal(all(ouro_chain(4, parts)), "0 1 9 0 end");
  assert_string_equal(all(ouro_chain(0, NULL)), "end");
  for (int i = 0; i < 4; i++) {
    drop(parts[i]);
  }
  void *lists = counted(numbers(5), 2, ouro_batches);
  assert_string_equal(all(ouro_flatten(lists)), "0 1 2 3 4 end");
  drop(lists);
  ouro_list *mixed = ouro_list_of(1, number(1));
  assert_int_equal(ouro_list_append_move(mixed, ouro_tuple_of(1, number(2))), OURO_OK);
  void *g = ouro_flatten(mixed);
  assert_int_equal(step(g), OURO_ETYPE);
  assert_string_equal(all(g), "OURO_ETYPE 2 end");
  drop(mixed);
}

static void zipping(void **state) {
  (void)state;
  void *sources[20];
  for (int i = 0; i < 20; i++) {
    sources[i] = ouro_range(i, i + 2, 1);
  }
  void *g = ouro_zip(2, sources);
  assert_string_equal(all(g), "(0,1) (1,2) end");
  g = ouro_zip(18, sources + 2);
  assert_string_equal(all(g), "(2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19) (3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20) end");
  assert_string_equal(all(ouro_zip(0, NULL)), "end");
  for (int i = 0; i < 20; i++) {
    drop(sources[i]);
  }
  sources[0] = numbers(5);
  sources[1] = with(function_of(fails_at_three), numbers(5), ouro_map);
  g = ouro_zip(2, sources);
  rest(g);
  assert_string_equal(all(g), "(4,8) end");
  drop(sources[0]);
  drop(sources[1]);
}

static void numbering(void **state) {
  (void)state;
  void *source = ouro_list_of(2, ouro_none, number(7));
  assert_string_equal(all(ouro_enumerate(source, 5)), "(5,None) (6,7) end");
  assert_string_equal(all(ouro_enumerate(source, INT64_MAX)), "(9223372036854775807,None) OURO_ERANGE");
  drop(source);
}

static void each_item_once(void **state) {
  (void)state;
  void *source = ouro_list_of(6, number(3), number(1), number(3), number(2), number(1), number(4));
  assert_string_equal(all(ouro_unique(source)), "3 1 2 4 end");
  drop(source);
  ouro_list *inner = ouro_list_new();
  source = ouro_list_of(3, number(1), ouro_none, number(2));
  assert_int_equal(ouro_list_set(source, 1, inner), OURO_OK);
  void *g = ouro_unique(source);
  rest(g);
  assert_string_equal(all(g), "2 end");
  drop(inner);
  drop(source);
}

/* ---------------------------------------------------------------- ends */

static int note_each(void *item, void *arg) {
  note_object(item);
  return value_of(item) == *(int64_t *)arg ? 5 : OURO_OK;
}

static void walking_to_the_end(void **state) {
  (void)state;
  int64_t until = 2;
  size_t count = 0;
  void *source = numbers(5);
  assert_int_equal(ouro_for_each(source, note_each, &until), 5);
  assert_int_equal(ouro_for_each(source, note_each, &until), OURO_OK);
  assert_string_equal(test_log(), "0 1 2 3 4");
  drop(source);
  source = numbers(1000);
  assert_int_equal(ouro_consume(source, &count), OURO_OK);
  assert_int_equal(count, 1000);
  assert_int_equal(ouro_consume(source, NULL), OURO_OK);
  drop(source);
  source = with(function_of(fails_at_three), numbers(5), ouro_map);
  assert_int_equal(ouro_consume(source, &count), OURO_EKEY);
  assert_int_equal(count, 3);
  assert_int_equal(ouro_for_each(source, note_each, &until), OURO_OK);
  drop(source);
  assert_int_equal(ouro_for_each(ouro_none, note_each, NULL), OURO_ETYPE);
  assert_int_equal(ouro_consume(ouro_none, NULL), OURO_ETYPE);
  assert_int_equal(ouro_consume(NULL, NULL), OURO_EINVAL);
  assert_int_equal(ouro_for_each(ouro_none, NULL, NULL), OURO_EINVAL);
  test_log();
}

static void reducing(void **state) {
  (void)state;
  void *function = function_of(add_two), *result = NULL, *source = numbers(5), *hundred = number(100);
  assert_int_equal(ouro_reduce(function, source, NULL, &result), 1);
  assert_int_equal(value_of(result), 10);
  ouro_clear(&result);
  assert_int_equal(ouro_reduce(function, source, NULL, &result), 0);
  assert_null(result);
  assert_int_equal(ouro_reduce(function, source, hundred, &result), 1);
  assert_ptr_equal(result, hundred);
  ouro_clear(&result);
  drop(source);
  source = numbers(3);
  assert_int_equal(ouro_reduce_c(add_c, NULL, source, hundred, &result), 1);
  assert_int_equal(value_of(result), 103);
  ouro_clear(&result);
  drop(source);
  source = numbers(3);
  assert_int_equal(ouro_reduce_c(add_c, ouro_none, source, hundred, &result), OURO_EINDEX);
  drop(source);
  assert_int_equal(ouro_reduce(function, ouro_none, NULL, &result), OURO_ETYPE);
  assert_int_equal(ouro_reduce(NULL, ouro_none, NULL, &result), OURO_EINVAL);
  assert_null(result);
  drop(hundred);
  drop(function);
}

static bool has_gmp(void) {
  void *large = ouro_int_new_u64(UINT64_MAX);
  ouro_xdecref(large);
  return large;
}

static const char *sum_of(void *iterable, void *start) {
  void *result = NULL;
  int code = ouro_sum(iterable, start, &result);
  note_step(code == OURO_OK ? 1 : code, result);
  drop(iterable);
  return test_log();
}

static void summing(void **state) {
  (void)state;
  void *half = ouro_float_new(0.5), *big = number(INT64_MAX - 1);
  assert_string_equal(sum_of(numbers(101), NULL), "5050");
  assert_string_equal(sum_of(numbers(0), NULL), "0");
  assert_string_equal(sum_of(numbers(3), half), "3.5");
  assert_string_equal(sum_of(numbers(2), big), "9223372036854775807");
  assert_string_equal(sum_of(numbers(4), big), has_gmp() ? "9223372036854775812" : "OURO_ERANGE");
  if (has_gmp()) {
    void *three = ouro_list_of(3, big, big, number(-5));
    assert_string_equal(sum_of(three, NULL), "18446744073709551607");
  }
  assert_string_equal(sum_of(ouro_list_of(2, number(1), half), NULL), "1.5");
  assert_string_equal(sum_of(ouro_list_of(2, number(1), ouro_none), NULL), "OURO_ETYPE");
  assert_string_equal(sum_of(number(1), NULL), "OURO_ETYPE");
  drop(half);
  drop(big);
}

/* ---------------------------------------------------------------- what a stage holds */

/* A generator that notes when it is cleaned up. */
typedef struct source {
  ouro_generator base;
  int64_t i;
} source;

static int source_step(source *self, ouro_slot item) {
  OURO_GENERATOR_BEGIN(self);
  for (;; self->i++) {
    OURO_YIELD(self, item, number(self->i));
  }
  OURO_GENERATOR_FINALLY(self);
  test_note("clean");
  OURO_GENERATOR_END(self);
}
OURO_GENERATOR_TYPE(source_type, "source", source, source_step, NULL);

static void a_stage_at_its_end_holds_nothing(void **state) {
  (void)state;
  void *g = counted(ouro_generator_new(&source_type), 2, ouro_take);
  g = with(function_of(twice), g, ouro_map);
  assert_string_equal(rest(g), "0 2 clean end");
  assert_string_equal(all(g), "end");
}

static void closing_a_stage_lets_go_of_what_it_reads_from(void **state) {
  (void)state;
  void *kept = ouro_generator_new(&source_type);
  for (int i = 0; i < 2; i++) {
    void *g = with(function_of(twice), i ? ouro_newref(kept) : ouro_generator_new(&source_type), ouro_map);
    g = with(NULL, g, ouro_filter);
    step(g);
    close_it(g);
    assert_string_equal(test_log(), i ? "2 end" : "2 clean end");
    close_it(g);
    assert_string_equal(all(g), "end end");
  }
  assert_string_equal((step(kept), test_log()), "2"); /* somebody else held it */
  drop(kept);
  test_log();
}

static void *busy_stage;
static int asks_again(void *const *args, size_t count, ouro_slot result) {
  void *item = NULL;
  TEST_CHECK(ouro_next(busy_stage, &item) == OURO_EBUSY && ouro_generator_close(busy_stage) == OURO_EBUSY);
  return twice(args, count, result);
}

static void a_stage_cannot_be_asked_while_it_runs(void **state) {
  (void)state;
  busy_stage = with(function_of(asks_again), numbers(2), ouro_map);
  assert_string_equal(all(busy_stage), "0 2 end");
}

static void stages_in_cycles_are_collected(void **state) {
  (void)state;
  ouro_list *items = ouro_list_new();
  void *g = ouro_map_c(plus, ouro_none, items), *other = ouro_zip(2, (void *[]){g, items});
  assert_int_equal(ouro_list_append_move(items, other) + ouro_list_append_move(items, g), 0);
  drop(items);
  assert_true(ouro_gc_collect(2) > 0);
}

static void too_many_stages_are_refused(void **state) {
  (void)state;
  for (size_t depth = 900; depth < 20000; depth *= 4) {
    void *g = numbers(3);
    for (size_t i = 0; i < depth; i++) {
      g = counted(g, 0, ouro_skip);
    }
    assert_int_equal(step(g), depth < 1000 ? 1 : OURO_EDEEP);
    drop(g);
    test_log();
  }
}

static void wrong_arguments_are_refused(void **state) {
  (void)state;
  void *nothing[] = {NULL}, *number_[] = {ouro_none};
#define REFUSED(code, call) assert_null(call), assert_int_equal(ouro_code_of_errno(errno), code)
  REFUSED(OURO_EINVAL, ouro_map(NULL, ouro_none));
  REFUSED(OURO_EINVAL, ouro_map_c(NULL, NULL, ouro_none));
  REFUSED(OURO_EINVAL, ouro_map(ouro_none, NULL));
  REFUSED(OURO_ETYPE, ouro_map(ouro_none, ouro_none));
  REFUSED(OURO_EINVAL, ouro_filter(NULL, NULL));
  REFUSED(OURO_ETYPE, ouro_filter(NULL, ouro_none));
  REFUSED(OURO_EINVAL, ouro_filter_c(NULL, NULL, ouro_none));
  REFUSED(OURO_EINVAL, ouro_take(NULL, 1));
  REFUSED(OURO_ETYPE, ouro_take(ouro_none, 1));
  REFUSED(OURO_EINVAL, ouro_batches(ouro_none, 0));
  REFUSED(OURO_EINVAL, ouro_zip(1, NULL));
  REFUSED(OURO_EINVAL, ouro_zip(1, nothing));
  REFUSED(OURO_ETYPE, ouro_zip(1, number_));
  REFUSED(OURO_EINVAL, ouro_chain(1, nothing));
  REFUSED(OURO_EINVAL, ouro_flatten(NULL));
  REFUSED(OURO_EINVAL, ouro_enumerate(NULL, 0));
  REFUSED(OURO_EINVAL, ouro_unique(NULL));
  REFUSED(OURO_ETYPE, ouro_unique(ouro_none));
  REFUSED(OURO_EINVAL, ouro_repeat(NULL, 1));
  REFUSED(OURO_EINVAL, ouro_cycle(NULL));
  REFUSED(OURO_EINVAL, ouro_lines(NULL, 0));
  REFUSED(OURO_EINVAL, ouro_lines("/", 8));
  REFUSED(OURO_EINVAL, ouro_lines_of_file(NULL, 0));
  void *g = numbers(2);
  REFUSED(OURO_ETYPE, ouro_copy(g));
  drop(g);
}

/* ---------------------------------------------------------------- lines */

static char path[] = "/tmp/ouro-lines-XXXXXX";

static void write_file(const char *text, size_t length) {
  int file = open(path, O_WRONLY | O_TRUNC);
  TEST_CHECK(file >= 0 && write(file, text, length) == (ssize_t)length);
  close(file);
}

static void lines_are(const char *text, size_t length, unsigned flags, const char *expected) {
  write_file(text, length);
  assert_string_equal(all(ouro_lines(path, flags)), expected);
  assert_string_equal(all(ouro_lines_of_file(fopen(path, "r"), flags)), expected);
}

static void lines_end_as_they_should(void **state) {
  (void)state;
  lines_are("", 0, 0, "end");
  lines_are("one\ntwo\r\nthree", 14, 0, "one two three end");
  lines_are("one\n\ntwo\n", 9, 0, "one '' two end");
  lines_are("\n\r\n\r", 4, 0, "'' '' \r end");
  lines_are("a\r\nb\nc", 6, OURO_LINES_ENDS, "a\r\n b\n c end");
  lines_are("a\0b\n\xff\n", 6, OURO_LINES_BYTES, "b'a\\x00b' b'\\xff' end");
  lines_are("a\n\xff\nb\n", 6, 0, "a OURO_EUTF8");
}

static void long_lines(void **state) {
  (void)state;
  static const size_t lengths[] = {65534, 65535, 65536, 65537, 131072, 1000000};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    char *text = malloc(lengths[i] + 10);
    memset(text, 'x', lengths[i]);
    memcpy(text + lengths[i], "\nab\ncd", 6);
    write_file(text, lengths[i] + 6);
    for (int of_file = 0; of_file < 2; of_file++) {
      void *g = of_file ? ouro_lines_of_file(fopen(path, "r"), 0) : ouro_lines(path, 0), *item = NULL;
      assert_int_equal(ouro_next(g, &item), 1);
      assert_int_equal(ouro_str_bytes(item), lengths[i]);
      drop(item);
      assert_string_equal(all(g), "ab cd end");
    }
    free(text);
  }
}

static void many_lines(void **state) {
  (void)state;
  enum { COUNT = 30000 };
  FILE *file = fopen(path, "w");
  for (int i = 0; i < COUNT; i++) {
    fprintf(file, "%d\n", i);
  }
  fclose(file);
  void *g = ouro_lines(path, 0);
  for (int i = 0; i < COUNT; i++) {
    void *item = NULL;
    char text[20];
    snprintf(text, sizeof text, "%d", i);
    TEST_CHECK(ouro_next(g, &item) == 1 && ouro_str_equal_text(item, text));
    ouro_decref(item);
  }
  assert_string_equal(all(g), "end");
}

static int open_files(void) {
  int count = 0;
  for (int i = 0; i < 64; i++) {
    count += fcntl(i, F_GETFD) >= 0;
  }
  return count;
}

static void the_file_is_closed(void **state) {
  (void)state;
  write_file("a\nb\n", 4);
  int before = open_files();
  for (int of_file = 0; of_file < 2; of_file++) {
    for (int how = 0; how < 4; how++) {
      void *g = of_file ? ouro_lines_of_file(fopen(path, "r"), 0) : ouro_lines(path, 0);
      assert_int_equal(open_files(), before + 1);
      if (how > 0) {
        step(g);
      }
      if (how == 2) {
        rest(g);
        assert_int_equal(open_files(), before);
      }
      if (how == 3) {
        close_it(g);
        assert_int_equal(open_files(), before);
      }
      drop(g);
      assert_int_equal(open_files(), before);
    }
  }
  FILE *file = fopen(path, "r");
  assert_string_equal((test_log(), all(ouro_lines_of_file(file, OURO_LINES_KEEP))), "a b end");
  assert_int_equal(open_files(), before + 1);
  fclose(file);
  assert_null(ouro_lines_of_file(fopen(path, "r"), 64));
  assert_int_equal(open_files(), before);
}

static void what_cannot_be_read_says_so(void **state) {
  (void)state;
  assert_null(ouro_lines("/nowhere/at/all", 0));
  assert_int_equal(errno, ENOENT);
  void *item = NULL, *g = ouro_lines("/", 0);
  assert_int_equal(ouro_next(g, &item), OURO_ESYSTEM);
  assert_int_equal(errno, EISDIR);
  drop(g);
  g = ouro_lines_of_file(fopen("/", "r"), 0);
  assert_int_equal(ouro_next(g, &item), OURO_ESYSTEM);
  assert_int_equal(errno, EISDIR);
  assert_string_equal(all(g), "end");
}

/* From a pipe, lines come as they are written. */
static void lines_of_a_pipe(void **state) {
  (void)state;
  int ends[2];
  TEST_CHECK(pipe(ends) == 0);
  FILE *file = fdopen(ends[0], "r");
  void *g = ouro_lines_of_file(file, 0);
  for (int i = 0; i < 3; i++) {
    TEST_CHECK(write(ends[1], "line\n", 5) == 5);
    assert_int_equal(step(g), 1);
  }
  close(ends[1]);
  assert_string_equal(all(g), "line line line end");
}

/* ---------------------------------------------------------------- memory */

static size_t high_water(void) {
  struct rusage usage;
  TEST_CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
  return (size_t)usage.ru_maxrss << 10;
}

/* Of the low bits alone: the sum of ten millions of these has 64 bits, so that it needs no GMP. */
enum { LOW = (1 << 20) - 1 };

typedef struct squares {
  ouro_generator base;
  int64_t i, count;
} squares;

static int squares_step(squares *self, ouro_slot item) {
  OURO_GENERATOR_BEGIN(self);
  for (self->i = 0; self->i < self->count; self->i++) {
    OURO_YIELD(self, item, ouro_int_new((self->i & LOW) * (self->i & LOW)));
  }
  OURO_GENERATOR_END(self);
}
OURO_GENERATOR_TYPE(squares_type, "squares", squares, squares_step, NULL);

static void run_pipeline(int64_t count) {
  squares *numbers_ = ouro_generator_new(&squares_type);
  numbers_->count = count;
  void *one = number(1), *result = NULL;
  void *mapped = ouro_map_c(plus, one, numbers_);
  void *odd_ones = ouro_filter_c(odd, NULL, mapped);
  void *lists = ouro_batches(odd_ones, 10), *flat = ouro_flatten(lists);
  TEST_CHECK(ouro_sum(flat, NULL, &result) == OURO_OK);
  ouro_decref(result);
  void *parts[] = {one, numbers_, mapped, odd_ones, lists, flat};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    ouro_decref(parts[i]);
  }
}

/* In a program of its own, as the high-water mark is that of all that was before. */
static int run_flat(void) {
  run_pipeline(100000);
  size_t before = high_water();
  run_pipeline((int64_t)test_count(10000000, 300000));
  size_t after = high_water();
  printf("# high-water mark: %zu KiB, and %zu KiB after\n", before >> 10, after >> 10);
  return after > before + (256 << 10);
}

static void a_long_pipeline_takes_no_memory(void **state) {
  (void)state;
  test_result result = test_run_self("flat", NULL, 300);
  print_message("%s", result.output);
  TEST_CHILD_PASSED(&result);
}

/* ---------------------------------------------------------------- threads */

static void *consume(void *arg) {
  size_t *total = arg;
  void *stage = *(void **)(total + 1);
  for (;;) {
    void *item = NULL;
    int code = ouro_next(stage, &item);
    ouro_safepoint();
    if (code == OURO_OK) {
      return NULL;
    }
    TEST_CHECK(code == 1 || code == OURO_EBUSY);
    if (code == 1) {
      *total += (size_t)value_of(item);
      ouro_decref(item);
    }
  }
}

static void threads_share_a_stage(void **state) {
  (void)state;
  int64_t count = (int64_t)test_count(100000, 2000);
  void *g = with(function_of(twice), numbers(count), ouro_map);
  struct {
    size_t total;
    void *stage;
  } parts[3];
  pthread_t threads[3];
  for (int i = 0; i < 3; i++) {
    parts[i].total = 0;
    parts[i].stage = g;
    TEST_CHECK(pthread_create(&threads[i], NULL, consume, &parts[i]) == 0);
  }
  ouro_blocking_begin();
  for (int i = 0; i < 3; i++) {
    pthread_join(threads[i], NULL);
  }
  ouro_blocking_end();
  assert_int_equal(parts[0].total + parts[1].total + parts[2].total, (size_t)count * (size_t)(count - 1));
  drop(g);
}

/* ---------------------------------------------------------------- faults */

#if defined(OURO_FAULTS)
static void *made[16];
static size_t made_count;

static void *keep(void *object) {
  if (object) {
    made[made_count++] = object;
  }
  return object;
}

static int clear_made(int code) {
  while (made_count > 0) {
    ouro_decref(made[--made_count]);
  }
  return code;
}

#define KEEP(call)                                     \
  do {                                                 \
    if (!keep(call)) {                                 \
      return clear_made(ouro_code_of_errno(errno));    \
    }                                                  \
  } while (0)

static int attempt_stages(void) {
  size_t count = 0;
  KEEP(ouro_range(5000, 5020, 1));
  KEEP(ouro_new(&called_type));
  ((called *)made[1])->call = twice;
  KEEP(ouro_map(made[1], made[0]));
  KEEP(ouro_enumerate(made[2], 7000));
  KEEP(ouro_zip(2, (void *[]){made[3], made[2]}));
  KEEP(ouro_batches(made[4], 3));
  KEEP(ouro_chain(1, &made[5]));
  KEEP(ouro_flatten(made[6]));
  KEEP(ouro_cycle(made[7]));
  KEEP(ouro_take(made[8], 50));
  int code = ouro_consume(made[9], &count);
  TEST_CHECK(code || count == 50);
  return clear_made(code);
}

static int attempt_unique(void) {
  KEEP(ouro_range(5000, 5020, 1));
  KEEP(ouro_unique(made[0]));
  return clear_made(ouro_consume(made[1], NULL));
}

static int attempt_lines(void) {
  KEEP(ouro_lines(path, 0));
  KEEP(ouro_skip(made[0], 1));
  return clear_made(ouro_consume(made[1], NULL));
}

static int attempt_sum(void) {
  void *result = NULL;
  KEEP(ouro_int_new(INT64_MAX - 10));
  KEEP(ouro_repeat(made[0], 5));
  int code = ouro_sum(made[1], NULL, &result);
  ouro_xdecref(result);
  return clear_made(code);
}

static void every_allocation_fails_in_turn(void **state) {
  (void)state;
  write_file("one\ntwo\nthree", 13);
  assert_true(fail_each_allocation(attempt_stages) > 10);
  assert_true(fail_each_allocation(attempt_unique) > 2);
  assert_true(fail_each_allocation(attempt_lines) > 2);
  if (has_gmp()) {
    assert_true(fail_each_allocation(attempt_sum) > 2);
  }
}
#endif

static int make_file(void **state) {
  (void)state;
  int file = mkstemp(path);
  TEST_CHECK(file >= 0);
  close(file);
  return 0;
}

static int remove_file(void **state) {
  (void)state;
  return unlink(path);
}

int main(int argc, char **argv) {
  test_objects_without_stress();
  if (argc > 1 && strcmp(argv[1], "flat") == 0) {
    return run_flat();
  }
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(map_gives_what_the_function_gives),
      OBJECT_TEST(an_error_leaves_a_stage_where_it_was),
      OBJECT_TEST(filter_gives_what_passes),
      OBJECT_TEST(taking_and_skipping_by_a_test),
      OBJECT_TEST(taking_and_skipping_by_number),
      OBJECT_TEST(batches_are_lists),
      OBJECT_TEST(ranges_and_counts),
      OBJECT_TEST(repeating),
      OBJECT_TEST(chains_and_what_is_nested),
      OBJECT_TEST(zipping),
      OBJECT_TEST(numbering),
      OBJECT_TEST(each_item_once),
      OBJECT_TEST(walking_to_the_end),
      OBJECT_TEST(reducing),
      OBJECT_TEST(summing),
      OBJECT_TEST(a_stage_at_its_end_holds_nothing),
      OBJECT_TEST(closing_a_stage_lets_go_of_what_it_reads_from),
      OBJECT_TEST(a_stage_cannot_be_asked_while_it_runs),
      OBJECT_TEST(stages_in_cycles_are_collected),
      OBJECT_TEST(too_many_stages_are_refused),
      OBJECT_TEST(wrong_arguments_are_refused),
      OBJECT_TEST(lines_end_as_they_should),
      OBJECT_TEST(long_lines),
      OBJECT_TEST(many_lines),
      OBJECT_TEST(the_file_is_closed),
      OBJECT_TEST(what_cannot_be_read_says_so),
      OBJECT_TEST(lines_of_a_pipe),
      OBJECT_TEST(a_long_pipeline_takes_no_memory),
#if defined(OURO_FAULTS)
      OBJECT_TEST(every_allocation_fails_in_turn),
#endif
      OBJECT_TEST(threads_share_a_stage),
  };
  return cmocka_run_group_tests(tests, make_file, remove_file);
}
