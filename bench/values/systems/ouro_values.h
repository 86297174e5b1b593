/* ouro_values.h - the workloads' values as ouro's. */
#ifndef VALUES_OURO_H
#define VALUES_OURO_H

#include <ouro/ouro.h>

#define HAS_TYPES
#define HAS_TEXT
#define HAS_SORT
#define HAS_CLASSES
#define HAS_GENERATORS
#define HAS_JSON

typedef void *value;

ALWAYS_INLINE void system_start(void) {}

ALWAYS_INLINE value must_(value v) {
  if (v == NULL) work_fail("ouro");
  return v;
}
ALWAYS_INLINE void done_(int code) {
  if (code < 0) work_fail(ouro_strerror(code));
}

ALWAYS_INLINE value v_int(int64_t number) { return must_(ouro_int_new(number)); }
ALWAYS_INLINE value v_float(double number) { return must_(ouro_float_new(number)); }
ALWAYS_INLINE value v_str(const char *text, size_t length) { return must_(ouro_str_new(text, length)); }
ALWAYS_INLINE value v_bytes(const char *text, size_t length) { return must_(ouro_bytes_new(text, length)); }
ALWAYS_INLINE void v_drop(value v) { ouro_decref(v); }

ALWAYS_INLINE value v_tuple2(value a, value b) {
  void *items[2] = {a, b};
  return must_(ouro_tuple_new(2, items));
}

ALWAYS_INLINE value v_dict(void) { return must_(ouro_dict_new()); }
ALWAYS_INLINE void v_dict_set(value dict, value key, value item) { done_(ouro_dict_set(dict, key, item)); }
ALWAYS_INLINE bool v_dict_get(value dict, value key, value *item) { return ouro_dict_get(dict, key, item) == 1; }
ALWAYS_INLINE void v_dict_delete(value dict, value key) { done_(ouro_dict_delete(dict, key)); }
ALWAYS_INLINE size_t v_dict_walk(value dict) {
  size_t at = 0, count = 0;
  value key, item;
  while (ouro_dict_next(dict, &at, &key, &item) == 1) {
    count++;
    ouro_decref(key);
    ouro_decref(item);
  }
  return count;
}

ALWAYS_INLINE value v_set(void) { return must_(ouro_set_new()); }
ALWAYS_INLINE void v_set_add(value set, value item) { done_(ouro_set_add(set, item)); }

ALWAYS_INLINE value v_list(void) { return must_(ouro_list_new()); }
ALWAYS_INLINE void v_list_append(value list, value item) { done_(ouro_list_append(list, item)); }
ALWAYS_INLINE value v_list_get(value list, size_t i) {
  value item = NULL;
  done_(ouro_list_get(list, (ptrdiff_t)i, &item));
  return item;
}
ALWAYS_INLINE value v_list_of(size_t n, value item) {
  void **items = work_table(n * sizeof *items);
  for (size_t i = 0; i < n; i++) items[i] = item;
  value list = must_(ouro_list_new_items(n, items));
  work_table_free(items, n * sizeof *items);
  return list;
}
ALWAYS_INLINE value v_list_copy(value list) { return must_(ouro_list_from(list)); }
ALWAYS_INLINE void v_list_sort(value list) { done_(ouro_list_sort(list, NULL, false)); }

ALWAYS_INLINE value v_join(value separator, value list) { return must_(ouro_str_join(separator, list)); }
ALWAYS_INLINE ptrdiff_t v_find(value text, value what) { return ouro_str_find(text, what, 0, PTRDIFF_MAX); }
ALWAYS_INLINE value v_split(value text, value separator) { return must_(ouro_str_split(text, separator, -1)); }
ALWAYS_INLINE value v_concat(value a, value b) { return must_(ouro_str_concat(a, b)); }
ALWAYS_INLINE value v_replace(value text, value from, value to) { return must_(ouro_str_replace(text, from, to, -1)); }
ALWAYS_INLINE value v_name(const char *text) { return must_(ouro_intern_text(text)); }

/* ---------------------------------------------------------------- classes */

static int method_(void *self, void *const *args, size_t count, ouro_slot result) {
  (void)self;
  (void)count;
  *(void **)result = ouro_newref(args[0]);
  return OURO_OK;
}

ALWAYS_INLINE value v_class(bool slots) {
  static const char *const names[] = {"a", "b", "c", "d", NULL};
  static const ouro_method_def methods[] = {{"method", method_}, {NULL, NULL}};
  const ouro_class_def def = {.name = slots ? "Slots" : "Plain", .slots = slots ? names : NULL, .methods = methods,
                              .flags = slots ? 0 : OURO_CLASS_DICT};
  return must_(ouro_class_new(&def));
}
ALWAYS_INLINE value v_instance(value class_) { return must_(ouro_instance_new(class_)); }

typedef ouro_attr_cache v_cache;
ALWAYS_INLINE void v_attr_set(value object, value name, value item, v_cache *cache) {
  done_(ouro_attr_set_cached(object, name, cache, item));
}
ALWAYS_INLINE value v_attr_get(value object, value name, v_cache *cache) {
  value item = NULL;
  done_(ouro_attr_get_cached(object, name, cache, &item));
  return item;
}
ALWAYS_INLINE value v_method(value object, value name, value argument, v_cache *cache) {
  value result = NULL;
  done_(ouro_method_call(object, name, cache, &argument, 1, &result));
  return result;
}

/* ---------------------------------------------------------------- generators */

struct counter_ {
  ouro_generator base;
  int64_t i, end;
};

static int counter_step_(struct counter_ *self, ouro_slot item) {
  OURO_GENERATOR_BEGIN(self);
  for (self->i = 0; self->i < self->end; self->i++) OURO_YIELD(self, item, ouro_int_new(self->i));
  OURO_GENERATOR_END(self);
}
OURO_GENERATOR_TYPE(counter_type_, "counter", struct counter_, counter_step_, NULL);

ALWAYS_INLINE value v_count_to(int64_t n) {
  struct counter_ *made = must_(ouro_generator_new(&counter_type_));
  made->end = n;
  return made;
}

static int is_even_(void *context, void *item) {
  int64_t number = 0;
  (void)context;
  int code = ouro_int_get(item, &number);
  return code ? code : (number & 1) == 0;
}
static int square_(void *context, void *item, ouro_slot result) {
  (void)context;
  return ouro_mul(item, item, result);
}
ALWAYS_INLINE value v_squares_pipeline(int64_t n) {
  value numbers = v_count_to(n), even = must_(ouro_filter_c(is_even_, NULL, numbers)), squares = must_(ouro_map_c(square_, NULL, even));
  ouro_decref(numbers);
  ouro_decref(even);
  return squares;
}
ALWAYS_INLINE bool v_next(value iterator, value *item) {
  int code = ouro_next(iterator, item);
  done_(code);
  return code;
}
ALWAYS_INLINE int64_t v_int_value(value v) {
  int64_t number = 0;
  done_(ouro_int_get(v, &number));
  return number;
}

/* ---------------------------------------------------------------- JSON */

ALWAYS_INLINE value v_json_load(const char *path) {
  value loaded = NULL;
  done_(ouro_json_load_file(path, &loaded, NULL));
  return loaded;
}

#endif
