/* tests/values/classes.h - what the tests of classes, attributes and functions share: names, short ways to define and to look, and the
 * frame of a case, at whose end no class may be left. */
#ifndef OURO_TEST_CLASSES_H
#define OURO_TEST_CLASSES_H

#include "values/sequences.h"

#include "values/class.h"

/* Classes are deferred: they go with a full collection. */
static inline int classes_end(void **state) {
  for (int i = 0; i < 3; i++) {
    TEST_CHECK(ouro_gc_collect(2) >= 0);
  }
  return test_objects_end(state);
}
#define CLASS_TEST(name) cmocka_unit_test_setup_teardown(name, test_objects_begin, classes_end)

/* ---------------------------------------------------------------- names */

/* Interned: "a0" to "a63"; made with the first use, immortal. */
enum { NAMES = 64 };
static inline void *name_number(size_t number) {
  static void *names[NAMES];
  if (names[number] == NULL) {
    char text[16];
    snprintf(text, sizeof text, "a%zu", number);
    names[number] = ouro_borrow(ouro_intern_static(text));
    TEST_CHECK(names[number] != NULL);
  }
  return names[number];
}

/* The interned string of a text: immortal, so that no case has to release it. */
static inline void *name_of(const char *text) {
  void *name = ouro_borrow(ouro_intern_static(text));
  TEST_CHECK(name != NULL);
  return name;
}

/* ---------------------------------------------------------------- classes and instances */

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define METHODS(...) ((const ouro_method_def[]){__VA_ARGS__, {NULL, NULL}})
#define MIXINS(...) ((ouro_class *const[]){__VA_ARGS__, NULL})
#define CLASS(...) class_made(&(const ouro_class_def){__VA_ARGS__})

static inline ouro_class *class_made(const ouro_class_def *def) {
  ouro_class *made = ouro_borrow(ouro_class_new(def));
  TEST_CHECK(made != NULL && ouro_is_class(made) && ouro__class_valid(made));
  return made;
}

static inline void *instance_of(ouro_class *self) {
  void *made = ouro_borrow(ouro_instance_new(self));
  TEST_CHECK(made != NULL && ouro_class_of(made) == self);
  return made;
}

/* A new class with so many slots, a0, a1, ...; with a dictionary. */
static inline ouro_class *slots_class(size_t count) {
  static const char *const names[] = {"a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", NULL};
  const char *slots[9] = {NULL};
  memcpy(slots, names, count * sizeof *slots);
  return CLASS(.name = "Slots", .slots = slots);
}
static inline ouro_class *dict_class(void) { return CLASS(.name = "Plain", .flags = OURO_CLASS_DICT); }

/* ---------------------------------------------------------------- numbers as attributes */

enum { UNSET = -999999 };

static inline void set_number(void *object, void *name, int64_t value) {
  void *item = number(value);
  TEST_CHECK(ouro_attr_set(object, name, item) == OURO_OK);
  drop(item);
}

/* UNSET: there is none. */
static inline int64_t get_number(void *object, void *name) {
  void *item = NULL;
  int code = ouro_attr_get(object, name, &item);
  TEST_CHECK(code == OURO_OK || (code == OURO_EKEY && item == NULL));
  int64_t value = code == OURO_OK ? value_of(item) : (int64_t)UNSET;
  if (item != NULL) {
    drop(item);
  }
  return value;
}

/* What a call gave, as a number; released. */
static inline int64_t number_given(int code, void *result) {
  TEST_CHECK(code == OURO_OK && result != NULL);
  int64_t value = value_of(result);
  drop(result);
  return value;
}

static inline int64_t call_number(void *callable, void *const *args, size_t count) {
  void *result = NULL;
  int code = ouro_call(callable, args, count, &result);
  return number_given(code, result);
}

static inline int64_t method_number(void *object, void *name, ouro_attr_cache *cache) {
  void *result = NULL;
  int code = ouro_method_call(object, name, cache, NULL, 0, &result);
  return number_given(code, result);
}

/* ---------------------------------------------------------------- methods that give a number */

static inline int give_number(ouro_slot result, int64_t value) {
  OURO__SLOT_SET(result, number(value));
  return OURO_OK;
}

#define GIVES(name_, value_)                                                                  \
  static int name_(void *self, void *const *args, size_t count, ouro_slot result) {           \
    (void)self, (void)args, (void)count;                                                      \
    return give_number(result, value_);                                                       \
  }

/* The number of arguments, and a hundred times each one's place times its number. */
static inline int64_t weigh(void *const *args, size_t count) {
  int64_t sum = (int64_t)count;
  for (size_t i = 0; i < count; i++) {
    sum += 100 * (int64_t)(i + 1) * value_of(args[i]);
  }
  return sum;
}

#endif
