/* examples/memory/main.c - six things made of ouro's values: what does each take? memory.py makes the same in Python.
 *
 *     memory [COUNT [NAME]]     prints "name bytes seconds" for each, or for one: resident bytes that came with it, and the time to make it
 *
 *   dictionary  COUNT instances of four attributes, in a list; they take any attribute
 *   slots       the same with slots: these four and no others
 *   list        ten times COUNT squares, in a list
 *   generator   as many squares, one at a time, added up
 *   names       COUNT different names, interned, in a list
 *   repeated    COUNT times one of a thousand names, as a parser finds them in its text */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <ouro/ouro.h>

enum { ATTRIBUTES = 4, DIFFERENT_NAMES = 1000, SQUARES = 10 };

static const char *const attributes[] = {"a", "b", "c", "d", NULL};
static const ouro_class_def plain_def = {.name = "Plain", .flags = OURO_CLASS_DICT};
static const ouro_class_def slots_def = {.name = "Slots", .slots = attributes};

/* ---------------------------------------------------------------- instances */

/* What Python's __init__ does. Each line that names an attribute has a cache: here the lines are those of a loop. */
static int set_attributes(void *instance) {
  static void *names[ATTRIBUTES];
  static ouro_attr_cache caches[ATTRIBUTES];
  int code = OURO_OK;
  for (int i = 0; i < ATTRIBUTES && !code; i++) {
    OURO_AUTO(void) value = ouro_int_new(i + 1);
    if (!names[i]) names[i] = ouro_borrow(ouro_intern_static(attributes[i]));
    code = names[i] ? ouro_attr_set_cached(instance, names[i], &caches[i], ouro_borrow(value)) : OURO_ENOMEM;
  }
  return code;
}

static int instances(const ouro_class_def *def, size_t count, ouro_list *into) {
  OURO_AUTO(ouro_class) class_ = ouro_class_new(def);
  int code = ouro_borrow(class_) ? OURO_OK : OURO_ENOMEM;
  for (size_t i = 0; i < count && !code; i++) {
    OURO_AUTO(void) instance = ouro_instance_new(ouro_borrow(class_));
    code = ouro_borrow(instance) ? set_attributes(ouro_borrow(instance)) : OURO_ENOMEM;
    if (!code) code = ouro_list_append_move(into, ouro_steal(&instance));
  }
  return code;
}

static int plain_instances(size_t count, ouro_list *into) { return instances(&plain_def, count, into); }
static int slots_instances(size_t count, ouro_list *into) { return instances(&slots_def, count, into); }

/* ---------------------------------------------------------------- squares */

static int list_of_squares(size_t count, ouro_list *into) {
  int code = OURO_OK;
  for (int64_t i = 0; i < (int64_t)count * SQUARES && !code; i++) code = ouro_list_append_move(into, ouro_int_new(i * i));
  return code;
}

struct squares {
  ouro_generator base;
  int64_t i, count;
};

static int squares_step(struct squares *self, ouro_slot item) {
  OURO_GENERATOR_BEGIN(self);
  for (; self->i < self->count; self->i++) {
    OURO_YIELD(self, item, ouro_int_new(self->i * self->i));
  }
  OURO_GENERATOR_END(self);
}

OURO_GENERATOR_TYPE(squares_type, "squares", struct squares, squares_step, NULL);

static int sum_of_squares(size_t count, ouro_list *into) {
  OURO_AUTO(void) sum = OURO_NULL;
  OURO_AUTO(struct squares) squares = ouro_generator_new(&squares_type);
  struct squares *it = ouro_borrow(squares);
  if (!it) return OURO_ENOMEM;
  it->count = (int64_t)count * SQUARES;
  int code = ouro_sum(it, NULL, &sum);
  return code ? code : ouro_list_append_move(into, ouro_steal(&sum));
}

/* ---------------------------------------------------------------- names */

/* A name that is there already is found by its text; no string is made to look for it. */
static int names(size_t count, size_t different, ouro_list *into) {
  char text[40];
  int code = OURO_OK;
  for (size_t i = 0; i < count && !code; i++) {
    int length = snprintf(text, sizeof text, "name number %zu", i % different);
    code = ouro_list_append_move(into, ouro_intern_utf8(text, (size_t)length));
  }
  return code;
}

static int different_names(size_t count, ouro_list *into) { return names(count, SIZE_MAX, into); }
static int same_names(size_t count, ouro_list *into) { return names(count, DIFFERENT_NAMES, into); }

/* ---------------------------------------------------------------- measuring */

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Memory of the process that no file stands for, in bytes. */
static size_t resident(void) {
  char line[256];
  size_t kib = 0;
  FILE *file = fopen("/proc/self/smaps_rollup", "r");
  while (file && fgets(line, sizeof line, file)) {
    if (sscanf(line, "Anonymous: %zu", &kib) == 1) break;
  }
  if (file) fclose(file);
  return kib * 1024;
}

typedef int (*make_fn)(size_t count, ouro_list *into);

/* What is not in use goes back before each look at the memory, as it would by itself after half a second: what the one before has
 * left, or what was made here would seem to be for nothing; and the shorter arrays that a growing list has left behind. */
static int measure(const char *title, make_fn make, size_t count) {
  ouro_heap_trim();
  size_t before = resident();
  double start = seconds();
  OURO_AUTO(ouro_list) made = ouro_list_new();
  int code = ouro_borrow(made) ? make(count, ouro_borrow(made)) : OURO_ENOMEM;
  double spent = seconds() - start;
  ouro_heap_trim();
  size_t after = resident();
  if (code) return fprintf(stderr, "%s: %s\n", title, ouro_err_name(code)), code;
  printf("%s %zu %.3f\n", title, after > before ? after - before : 0, spent);
  return fflush(stdout);
}

static int say(void *arg, const char *text, size_t length) {
  (void)arg;
  return fwrite(text, 1, length, stderr) == length ? 0 : -1;
}

int main(int argc, char **argv) {
  static const struct { const char *title; make_fn make; } things[] = {
    {"dictionary", plain_instances}, {"slots", slots_instances}, {"list", list_of_squares},
    {"generator", sum_of_squares},   {"names", different_names}, {"repeated", same_names},
  };
  size_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
  const char *only = argc > 2 ? argv[2] : NULL;
  int code = OURO_OK;
  ouro_gc_disable(); /* as memory.py: nothing here is a cycle */
  for (size_t i = 0; i < sizeof things / sizeof *things && !code; i++) {
    if (!only || strcmp(only, things[i].title) == 0) code = measure(things[i].title, things[i].make, count);
  }
  ouro_gc_collect(2); /* the classes: they are deferred */
  return code || ouro_leaks_report(say, NULL) ? 1 : 0;
}
