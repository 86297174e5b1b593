/* tests/values/test_report.c - the objects' part of the statistics: there where there are objects, right, valid JSON whatever types are
 * called, and safe to be asked for by anybody. (What `ouro run` makes of it is tested in tests/cli.)
 *
 * Linked with: libouro (static), support/support.c, support/json.c, object/objects.c, cmocka. */
#include "values/tables.h"

#include <errno.h>
#include <pthread.h>

#include "heap/heap.h"
#include "support/json.h"

typedef struct sink {
  char text[1 << 20];
  size_t length;
} sink;

static sink json, other;

static int take(void *arg, const char *text, size_t length) {
  sink *to = arg;
  TEST_CHECK(to->length + length < sizeof to->text);
  memcpy(to->text + to->length, text, length);
  to->length += length;
  to->text[to->length] = 0;
  return 0;
}

static const char *written(int (*write)(enum ouro_format, ouro_write_fn, void *), enum ouro_format format, sink *to) {
  to->length = 0;
  TEST_CHECK(write(format, take, to) == OURO_OK);
  TEST_CHECK(format == OURO_FORMAT_TEXT || test_json_valid(to->text));
  return to->text;
}

static const char *json_now(void) { return written(ouro_stats_write, OURO_FORMAT_JSON, &json); }

/* The path of a type in the JSON; empty where it is not there. */
static const char *type_path(const char *text, const char *name, const char *field) {
  static char path[64];
  char quoted[300];
  snprintf(quoted, sizeof quoted, "\"%s\"", name);
  for (size_t i = 0; i < test_json_length(text, "objects.types"); i++) {
    snprintf(path, sizeof path, "objects.types.%zu.name", i);
    if (strncmp(test_json_at(text, path), quoted, strlen(quoted)) == 0) {
      snprintf(path, sizeof path, "objects.types.%zu.%s", i, field);
      return path;
    }
  }
  return "";
}

static void the_numbers_are_right(void **state) {
  (void)state;
  cell *ring = cell_ring(&cell_type, 30, 0);
  leaf *leaves[5];
  ouro_gc_collect(1);
  cell *young = cell_new(0);
  for (int i = 0; i < 5; i++) {
    leaves[i] = leaf_new(0);
  }
  const char *text = json_now();
  assert_int_equal(test_json_number(text, "objects.live"), test_live());
  assert_int_equal(test_json_number(text, type_path(text, "cell", "objects")), 31);
  assert_int_equal(test_json_number(text, type_path(text, "cell", "bytes")), 31 * ouro_object_size(young));
  assert_int_equal(test_json_number(text, type_path(text, "cell", "generations.0")), 1);
  assert_int_equal(test_json_number(text, type_path(text, "cell", "generations.1")), 0);
  assert_int_equal(test_json_number(text, type_path(text, "cell", "generations.2")), 30);
  assert_int_equal(test_json_number(text, type_path(text, "leaf", "objects")), 5);
  assert_int_equal(test_json_number(text, "objects.generations.2.objects"), tracked_in(2));
  for (int i = 0; i < 5; i++) {
    drop(leaves[i]);
  }
  drop(young);
  drop(ring);
  ouro_gc_collect(2);
}

static uint64_t generation_number(const char *text, int generation, const char *field) {
  char path[64];
  snprintf(path, sizeof path, "objects.generations.%d.%s", generation, field);
  return test_json_number(text, path);
}

static void collections_are_those_of_the_statistics(void **state) {
  (void)state;
  ouro_gc_stats stats[OURO_GENERATIONS];
  drop(cell_ring(&cell_type, 7, 0));
  ouro_gc_collect(0);
  drop(cell_ring(&stuck_type, 2, 0));
  ouro_gc_collect(2);
  const char *text = json_now();
  ouro_gc_get_stats(stats);
  assert_true(stats[0].collected >= 7 && stats[2].uncollectable >= 1);
  for (int i = 0; i < OURO_GENERATIONS; i++) {
    assert_int_equal(generation_number(text, i, "collections"), stats[i].collections);
    assert_int_equal(generation_number(text, i, "collected"), stats[i].collected);
    assert_int_equal(generation_number(text, i, "uncollectable"), stats[i].uncollectable);
    assert_int_equal(generation_number(text, i, "candidates"), stats[i].candidates);
    assert_int_equal(generation_number(text, i, "pauses_ns"), stats[i].duration_ns);
    assert_int_equal(generation_number(text, i, "longest_pause_ns"), stats[i].longest_ns);
  }
  for (size_t i = 0; i < ouro_gc_garbage_count(); i++) {
    cell *stuck = ouro_gc_garbage_at(i);
    ouro_clear(&stuck->a);
  }
  ouro_gc_garbage_clear();
}

static void as_text(void **state) {
  (void)state;
  cell *one = cell_new(0);
  const char *text = written(ouro_stats_write, OURO_FORMAT_TEXT, &other);
  char line[100];
  snprintf(line, sizeof line, "\n%10d%14zu%10d%10d%10d  cell\n", 1, ouro_object_size(one), 1, 0, 0);
  assert_non_null(strstr(text, line));
  assert_non_null(strstr(text, "  all\n"));
  assert_non_null(strstr(text, "\ngeneration collections "));
  drop(one);
}

/* ---------------------------------------------------------------- types of any name and number */

static ouro_type *type_named(const char *name) {
  ouro_type description = {.name = name, .size = 512};
  ouro_type *type = ouro_type_new(&description);
  TEST_CHECK(type != NULL);
  return type;
}

static void check_name(const char *name, const char *shown) {
  ouro_type *type = type_named(name);
  ouro_ref object = ouro_new(type);
  const char *text = json_now();
  assert_string_not_equal(type_path(text, shown, "objects"), "");
  ouro_xdecref(object);
  ouro_type_release(type);
}

static void names_are_made_printable(void **state) {
  (void)state;
  check_name("plain", "plain");
  check_name("", "");
  check_name("a \"b\" \\c/", "a \\\"b\\\" \\\\c/");
  check_name("tab\tnew\nline\x7f", "tab?new?line?");
  check_name("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x90\x8d", "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x90\x8d");
  check_name("cut \xe2\x82", "cut ??");
  check_name("overlong \xc0\xaf \xe0\x80\xaf", "overlong ?? ???");
  check_name("surrogate \xed\xa0\x80 beyond \xf4\x90\x80\x80", "surrogate ??? beyond ????");
}

/* A long name is cut, and not within a character. */
static void long_names_are_cut(void **state) {
  (void)state;
  char name[400];
  for (size_t shift = 0; shift < 3; shift++) {
    memset(name, 'x', shift);
    for (size_t i = shift; i + 3 < sizeof name; i += 3) {
      memcpy(name + i, "\xe2\x82\xac", 4);
    }
    ouro_type *type = type_named(name);
    ouro_ref object = ouro_new(type);
    const char *text = json_now();
    const char *shown = test_json_at(text, "objects.types.0.name");
    size_t length = strcspn(shown + 1, "\"");
    assert_true(length >= 40 && length < 70);
    assert_int_equal((length - shift) % 3, 0);
    assert_memory_equal(shown + 1, name, length);
    ouro_xdecref(object);
    ouro_type_release(type);
  }
}

static void hundreds_of_types(void **state) {
  (void)state;
  enum { TYPES = 400 };
  static ouro_type *types[TYPES];
  static ouro_ref objects[TYPES];
  char name[32];
  size_t before = test_live();
  for (int i = 0; i < TYPES; i++) {
    snprintf(name, sizeof name, "type %d", i);
    types[i] = type_named(name);
    objects[i] = ouro_new(types[i]);
    TEST_CHECK(ouro_borrow(objects[i]) != NULL);
  }
  const char *text = json_now();
  assert_true(test_json_number(text, "objects.types_in_all") >= TYPES);
  assert_int_equal(test_json_number(text, "objects.live"), before + TYPES);
  assert_true(test_json_number(text, "objects.bytes") >= TYPES * 512);
  assert_int_equal(test_json_length(text, "objects.types"), 40);
  for (int i = 0; i < TYPES; i++) {
    ouro_clear(&objects[i]);
    ouro_type_release(types[i]);
  }
}

/* ---------------------------------------------------------------- whoever asks */

static void *ask_from_a_thread(void *arg) {
  written(ouro_stats_write, OURO_FORMAT_JSON, arg);
  return NULL;
}

static void another_thread_gets_those_that_were_taken_last(void **state) {
  (void)state;
  cell *one = cell_new(0);
  uint64_t live = test_json_number(json_now(), "objects.live");
  cell *two = cell_new(0);
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, ask_from_a_thread, &other), 0);
  pthread_join(thread, NULL);
  assert_int_equal(test_json_number(other.text, "objects.live"), live);
  assert_int_equal(test_json_number(json_now(), "objects.live"), live + 1);
  drop(one);
  drop(two);
}

static void a_signal_handler_too(void **state) {
  (void)state;
  uint64_t live = test_json_number(json_now(), "objects.live");
  cell *one = cell_new(0);
  assert_int_equal(test_json_number(written(ouro__stats_write_signal, OURO_FORMAT_JSON, &other), "objects.live"), live);
  assert_int_equal(test_json_number(written(ouro__stats_write_nowait, OURO_FORMAT_JSON, &other), "objects.live"),
                   live + 1);
  drop(one);
}

static int ask_within(void *arg, const char *text, size_t length) {
  if (other.length == 0) {
    written(ouro_stats_write, OURO_FORMAT_JSON, &other);
  }
  return take(arg, text, length);
}

/* Who writes may do anything, but not have the part within the part: the first piece of text comes before it. */
static void who_writes_may_ask_again(void **state) {
  (void)state;
  json.length = other.length = 0;
  assert_int_equal(ouro_stats_write(OURO_FORMAT_JSON, ask_within, &json), OURO_OK);
  assert_true(test_json_valid(json.text));
  assert_non_null(test_json_at(json.text, "objects.live"));
}

static void ask_when_dead(ouro_weak *weak, void *data, void *held) {
  (void)weak;
  (void)data;
  (void)held;
  json_now();
  test_note("asked");
}

static void release_that_asks(void *self) {
  (void)self;
  json_now();
  test_note("released");
}

static void ask_in_a_collection(const ouro_gc_info *info, void *arg) {
  (void)arg;
  json_now();
  test_note(info->stop ? "stop" : "start");
}

/* In callbacks, releases, collections: the figures are those of then, or older, and nothing breaks. */
static void it_is_asked_for_in_the_middle_of_things(void **state) {
  (void)state;
  static ouro_type asking = {.name = "asking", .size = 32, .release = release_that_asks};
  ouro_ref object = ouro_new(&asking);
  ouro_weak *weak = ouro_borrow(ouro_weak_new_callback(ouro_borrow(object), ask_when_dead, NULL, NULL));
  ouro_xdecref(object);
  assert_string_equal(test_log(), "asked released");
  cell *ring = cell_ring(&cell_type, 3, 0);
  ouro_movref(&ring->b, ouro_new(&asking));
  drop(ring);
  assert_int_equal(ouro_gc_callback_add(ask_in_a_collection, NULL), OURO_OK);
  assert_int_equal(ouro_gc_collect(2), 3);
  assert_int_equal(ouro_gc_callback_remove(ask_in_a_collection, NULL), OURO_OK);
  assert_string_equal(test_log(), "start released stop");
  drop(weak);
}

#ifdef OURO_FAULTS
static void without_memory_the_last_ones_stay(void **state) {
  (void)state;
  uint64_t live = test_json_number(json_now(), "objects.live");
  cell *one = cell_new(0);
  for (long nth = 1; nth < 3; nth++) {
    ouro__fault_set(nth, true);
    errno = 0;
    assert_int_equal(test_json_number(json_now(), "objects.live"), live);
    assert_true(ouro__fault_hit());
    ouro__fault_set(0, false);
    assert_int_equal(errno, 0);
  }
  assert_int_equal(test_json_number(json_now(), "objects.live"), live + 1);
  drop(one);
}
#endif

/* ---------------------------------------------------------------- a program without objects */

static int program_without(void) {
  ouro_free(ouro_malloc(100));
  written(ouro_stats_write, OURO_FORMAT_TEXT, &other);
  return test_json_at(json_now(), "objects") != NULL || strstr(other.text, "objects") != NULL;
}

static void a_program_without_objects_has_no_such_part(void **state) {
  (void)state;
  test_result result = test_run_self("without", NULL, 60);
  TEST_CHILD_PASSED(&result);
}

int main(int argc, char **argv) {
  (void)argv;
  if (argc > 1) {
    return program_without();
  }
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(the_numbers_are_right),
      OBJECT_TEST(collections_are_those_of_the_statistics),
      OBJECT_TEST(as_text),
      OBJECT_TEST(names_are_made_printable),
      OBJECT_TEST(long_names_are_cut),
      OBJECT_TEST(hundreds_of_types),
      OBJECT_TEST(another_thread_gets_those_that_were_taken_last),
      OBJECT_TEST(a_signal_handler_too),
      OBJECT_TEST(who_writes_may_ask_again),
      OBJECT_TEST(it_is_asked_for_in_the_middle_of_things),
#ifdef OURO_FAULTS
      OBJECT_TEST(without_memory_the_last_ones_stay),
#endif
      cmocka_unit_test(a_program_without_objects_has_no_such_part),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
