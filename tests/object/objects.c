/* tests/object/objects.c - the helpers of objects.h. */
#include "object/objects.h"

#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---------------------------------------------------------------- the log */

static char log_text[1 << 16];
static size_t log_length;
static char log_shown[sizeof log_text];

void test_note(const char *format, ...) {
  char word[128];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(word, sizeof word, format, arguments);
  va_end(arguments);
  TEST_CHECK(length > 0 && (size_t)length < sizeof word);
  TEST_CHECK(log_length + (size_t)length + 2 < sizeof log_text);
  if (log_length > 0) {
    log_text[log_length++] = ' ';
  }
  memcpy(log_text + log_length, word, (size_t)length + 1);
  log_length += (size_t)length;
}

const char *test_log(void) {
  memcpy(log_shown, log_text, log_length + 1);
  log_length = 0;
  log_text[0] = 0;
  return log_shown;
}

static int compare_words(const void *left, const void *right) {
  return strcmp(*(char *const *)left, *(char *const *)right);
}

const char *test_log_sorted(void) {
  static char sorted[sizeof log_text];
  static char *words[sizeof log_text / 2];
  char text[sizeof log_text];
  size_t count = 0;
  memcpy(text, test_log(), sizeof text);
  for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " ")) {
    words[count++] = word;
  }
  qsort(words, count, sizeof words[0], compare_words);
  size_t length = 0;
  sorted[0] = 0;
  for (size_t i = 0; i < count; i++) {
    length += (size_t)snprintf(sorted + length, sizeof sorted - length, "%s%s", i > 0 ? " " : "", words[i]);
  }
  return sorted;
}

/* ---------------------------------------------------------------- who lives */

typedef struct census {
  const void *object;    /* looked for, or NULL */
  const ouro_type *type; /* counted alone, or NULL */
  size_t count;
  bool found;
} census;

static int count_object(void *object, void *arg) {
  census *all = arg;
  all->found = all->found || object == all->object;
  if (all->type != NULL ? ouro_type_of(object) == all->type : !ouro_is_immortal(object)) {
    all->count++;
  }
  return 0;
}

static census take_census(const void *object, const ouro_type *type) {
  census all = {.object = object, .type = type};
  TEST_CHECK(ouro_each_object(count_object, &all) == OURO_OK);
  return all;
}

size_t test_live(void) { return take_census(NULL, NULL).count; }

size_t test_live_of(const ouro_type *type) { return take_census(NULL, type).count; }

bool test_is_live(const void *object) { return take_census(object, NULL).found; }

/* ---------------------------------------------------------------- the frame of a case */

static size_t live_before;

void test_objects_are_sound(const char *file, int line) {
  char text[256] = "";
  if (ouro_gc_verify(text, sizeof text) != 0) {
    test_failed(text, file, line);
  }
}

void test_objects_without_stress(void) {
  ouro_gc_collect(0); /* the first use of the collector looks at OURO_CONF */
  ouro_gc_set_stress(0);
}

int test_objects_begin(void **state) {
  (void)state;
  static const int threshold[OURO_GENERATIONS] = {2000, 10, 10};
  TEST_CHECK(ouro_gc_set_threshold(threshold) == OURO_OK);
  ouro_gc_enable();
  TEST_CHECK(ouro_gc_collect(2) >= 0);
  OBJECTS_ARE_SOUND();
  test_log();
  live_before = test_live();
  return 0;
}

/* A case that fails has not cleaned up, and must not spoil the next one. */
static void mend(void) {
  survivors_drop();
  TEST_CHECK(ouro_gc_set_debug(0) == OURO_OK);
  ouro_gc_unfreeze();
  ouro_gc_garbage_clear();
}

int test_objects_end(void **state) {
  (void)state;
  const char *wrong = NULL;
  char text[256] = "";
  size_t live = test_live();
  if (live != live_before) {
    wrong = live > live_before ? "objects are left over" : "objects have gone that lived before";
  } else if (ouro_gc_verify(text, sizeof text) != 0) {
    wrong = text;
  } else if (ouro_gc_garbage_count() != 0) {
    wrong = "the garbage list is not empty";
  } else if (ouro_gc_get_freeze_count() != 0) {
    wrong = "objects are frozen";
  } else if (ouro_gc_get_debug() != 0) {
    wrong = "debug flags are set";
  }
  TEST_HEAP_IS_SOUND();
  if (wrong == NULL) {
    return 0;
  }
  print_error("after the case: %s (%zu live, %zu before)\n", wrong, live, live_before);
  mend();
  return 1;
}

/* ---------------------------------------------------------------- cells */

static void note_release(void *self) {
  int number = ((cell *)self)->number;
  if (number != 0) {
    test_note("-%d", number);
  }
}

static void note_finalize(void *object) {
  cell *self = object;
  if (self->number != 0) {
    test_note("~%d", self->number);
  }
  if (self->finalizing != NULL) {
    self->finalizing(self);
  }
}

static void show_cell(void *object, ouro_visitor *visitor) {
  cell *self = object;
  ouro_visit(visitor, &self->a);
  ouro_visit(visitor, &self->b);
  ouro_visit(visitor, &self->c);
}

#define CELL_SLOTS OURO_REFERENCES(offsetof(cell, a), offsetof(cell, b), offsetof(cell, c))

ouro_type cell_type = {
    .name = "cell",
    .size = sizeof(cell),
    .references = CELL_SLOTS,
    .release = note_release,
};

ouro_type final_type = {
    .name = "final",
    .size = sizeof(cell),
    .base = &cell_type,
    .finalize = note_finalize,
};

ouro_type acyclic_type = {
    .name = "acyclic",
    .size = sizeof(cell),
    .references = CELL_SLOTS,
    .release = note_release,
    .flags = OURO_TYPE_ACYCLIC,
};

ouro_type acyclic_final_type = {
    .name = "acyclic-final",
    .size = sizeof(cell),
    .base = &acyclic_type,
    .finalize = note_finalize,
    .flags = OURO_TYPE_ACYCLIC,
};

ouro_type stuck_type = {
    .name = "stuck",
    .size = sizeof(cell),
    .base = &cell_type,
    .flags = OURO_TYPE_UNCOLLECTABLE,
};

ouro_type stuck_final_type = {
    .name = "stuck-final",
    .size = sizeof(cell),
    .base = &final_type,
    .flags = OURO_TYPE_UNCOLLECTABLE,
};

ouro_type visited_type = {
    .name = "visited",
    .size = sizeof(cell),
    .visit = show_cell,
    .release = note_release,
};

cell *cell_of(ouro_type *type, int number) {
  cell *self = ouro_borrow(ouro_new(type));
  TEST_CHECK(self != NULL);
  self->number = number;
  return self;
}

cell *cell_new(int number) { return cell_of(&cell_type, number); }

void drop(void *object) { ouro_decref(ouro_adopt(object)); }

cell *cell_ring(ouro_type *type, size_t count, int number) {
  cell *first = cell_of(type, number);
  cell *last = first;
  for (size_t i = 1; i < count; i++) {
    cell *next = cell_of(type, number != 0 ? number + (int)i : 0);
    ouro_movref(&last->a, ouro_adopt(next));
    last = next;
  }
  ouro_setref(&last->a, first);
  return first;
}

/* ---------------------------------------------------------------- lists, tuples, leaves */

ouro_type list_type = {
    .name = "list",
    .size = sizeof(list),
    .item_size = sizeof(void *),
    .flags = OURO_TYPE_ITEMS,
};

ouro_type tuple_type = {
    .name = "tuple",
    .size = sizeof(list),
    .item_size = sizeof(void *),
    .flags = OURO_TYPE_ITEMS | OURO_TYPE_IMMUTABLE,
};

list *list_of(ouro_type *type, size_t count) {
  list *self = ouro_borrow(ouro_new_var(type, count));
  TEST_CHECK(self != NULL);
  return self;
}

list *list_new(size_t count) { return list_of(&list_type, count); }

list *tuple_of(void *first, void *second, void *third) {
  void *objects[] = {first, second, third};
  size_t count = 0;
  while (count < 3 && objects[count] != NULL) {
    count++;
  }
  list *self = list_of(&tuple_type, count);
  for (size_t i = 0; i < count; i++) {
    list_put(self, i, objects[i]);
  }
  return self;
}

list *list_of_cells(size_t width, size_t at, void *next) {
  list *self = list_new(width);
  for (size_t i = 0; i < width; i++) {
    ouro_movref(&self->items[i], ouro_adopt(i == at ? next : cell_new(0)));
  }
  return self;
}

list *wide_chain(size_t width, size_t at) {
  void *next = cell_new(0);
  for (int i = 0; i < 3; i++) {
    cell *between = cell_new(0);
    cell *second = cell_new(0);
    ouro_movref(&second->a, ouro_adopt(next));
    ouro_movref(&between->a, ouro_adopt(second));
    next = list_of_cells(width, at, between);
  }
  return next;
}

static void note_leaf_release(void *self) {
  int number = ((leaf *)self)->number;
  if (number != 0) {
    test_note("-%d", number);
  }
}

ouro_type leaf_type = {.name = "leaf", .size = sizeof(leaf), .release = note_leaf_release};

leaf *leaf_new(int number) {
  leaf *self = ouro_borrow(ouro_new(&leaf_type));
  TEST_CHECK(self != NULL);
  self->number = number;
  return self;
}

/* ---------------------------------------------------------------- survivors */

ouro_ref test_survivors[TEST_SURVIVORS];
size_t test_survivor_count;

void survive(cell *self) {
  TEST_CHECK(test_survivor_count < TEST_SURVIVORS);
  ouro_setref(&test_survivors[test_survivor_count++], self);
}

void survivors_drop(void) {
  while (test_survivor_count > 0) {
    ouro_clear(&test_survivors[--test_survivor_count]);
  }
}

/* ---------------------------------------------------------------- weak references */

ouro_weak *weak_to(void *object) {
  ouro_weak *weak = ouro_borrow(ouro_weak_new(object));
  TEST_CHECK(weak != NULL);
  return weak;
}

static void note_death(ouro_weak *weak, void *data, void *held) {
  (void)held;
  test_note(ouro_weak_is_dead(weak) ? "%s" : "%s!", (const char *)data);
}

ouro_weak *weak_noting(void *object, const char *text) {
  ouro_weak *weak = ouro_borrow(ouro_weak_new_callback(object, note_death, (void *)(uintptr_t)text, NULL));
  TEST_CHECK(weak != NULL);
  return weak;
}

bool weak_is(ouro_weak *weak, const void *object) {
  ouro_ref strong = ouro_weak_get(weak);
  bool is = ouro_borrow(strong) == object && ouro_weak_is_dead(weak) == (object == NULL);
  ouro_xdecref(strong);
  return is;
}

/* ---------------------------------------------------------------- collecting */

ouro_gc_stats gc_stats_of(int generation) {
  ouro_gc_stats stats[OURO_GENERATIONS];
  ouro_gc_get_stats(stats);
  return stats[generation];
}

static int count_tracked(void *object, void *arg) {
  census *all = arg;
  all->count++;
  all->found = all->found || object == all->object;
  return 0;
}

size_t tracked_in(int generation) {
  census all = {.count = 0};
  TEST_CHECK(ouro_gc_get_objects(generation, count_tracked, &all) == OURO_OK);
  return all.count;
}

bool is_in(int generation, const void *object) {
  census all = {.object = object};
  TEST_CHECK(ouro_gc_get_objects(generation, count_tracked, &all) == OURO_OK);
  return all.found;
}

/* ---------------------------------------------------------------- fatal ends */

enum { FATAL_STATUS = 100 };

static void tell(const ouro_fatal_info *info) {
  printf("type:%s\n", info->type_name != NULL ? info->type_name : "");
  test_exit(FATAL_STATUS + (int)info->code);
}

typedef struct crime {
  void (*body)(void *arg);
  void *arg;
} crime;

static void commit(void *arg) {
  crime *what = arg;
  ouro_set_fatal_handler(tell);
  what->body(what->arg);
}

int test_fatal_code(void (*body)(void *arg), void *arg, char type[TEST_TYPE_NAME]) {
  crime what = {body, arg};
  test_result result = test_in_child(commit, &what, 60);
  if (!WIFEXITED(result.status) || (WEXITSTATUS(result.status) != 0 && WEXITSTATUS(result.status) < FATAL_STATUS)) {
    test_child_passed(&result, __FILE__, __LINE__);
  }
  if (type != NULL) {
    char *name = strstr(result.output, "type:");
    char *end = name != NULL ? strchr(name, '\n') : NULL;
    snprintf(type, TEST_TYPE_NAME, "%.*s", end != NULL ? (int)(end - name - 5) : 0, name != NULL ? name + 5 : "");
  }
  return WEXITSTATUS(result.status) == 0 ? 0 : WEXITSTATUS(result.status) - FATAL_STATUS;
}
