/* make.c - one value of each type is made and dropped at once, over and over.
 *
 * Arguments: rounds. Prints NAME_ns for each. */
#include "values.h"

enum { KEPT = 16 };

static void of_numbers(size_t rounds) {
  EACH_NS("int_ns", rounds, for (size_t i = 0; i < rounds; i++) v_drop(v_int(1000000 + (int64_t)i)));
#ifdef HAS_TYPES
  EACH_NS("small_int_ns", rounds, for (size_t i = 0; i < rounds; i++) v_drop(v_int((int64_t)(i & 127))));
  EACH_NS("float_ns", rounds, for (size_t i = 0; i < rounds; i++) v_drop(v_float((double)i)));
#endif
}

static void of_text(size_t rounds) {
  static const char text[] = "a string of 20 bytes";
  EACH_NS("str_ns", rounds, for (size_t i = 0; i < rounds; i++) v_drop(v_str(text, 20)));
#ifdef HAS_TYPES
  static char long_text[1000];
  memset(long_text, 'x', sizeof long_text);
  size_t fewer = rounds / 4;
  EACH_NS("long_str_ns", fewer, for (size_t i = 0; i < fewer; i++) v_drop(v_str(long_text, sizeof long_text)));
  EACH_NS("bytes_ns", rounds, for (size_t i = 0; i < rounds; i++) v_drop(v_bytes(text, 20)));
#endif
}

static void fill_list(size_t count, value *items) {
  value list = v_list();
  for (size_t k = 0; k < count; k++) v_list_append(list, items[k]);
  v_drop(list);
}

static void fill_dict(size_t count, value *keys, value *items) {
  value dict = v_dict();
  for (size_t k = 0; k < count; k++) v_dict_set(dict, keys[k], items[k]);
  v_drop(dict);
}

static void of_containers(size_t rounds, value *keys, value *items) {
  EACH_NS("list_ns", rounds, for (size_t i = 0; i < rounds; i++) fill_list(0, items));
  EACH_NS("list4_ns", rounds, for (size_t i = 0; i < rounds; i++) fill_list(4, items));
  EACH_NS("dict_ns", rounds, for (size_t i = 0; i < rounds; i++) fill_dict(0, keys, items));
  EACH_NS("dict4_ns", rounds, for (size_t i = 0; i < rounds; i++) fill_dict(4, keys, items));
#ifdef HAS_TYPES
  EACH_NS("tuple2_ns", rounds, for (size_t i = 0; i < rounds; i++) v_drop(v_tuple2(items[0], items[1])));
  double from = measure_now();
  for (size_t i = 0; i < rounds; i++) {
    value set = v_set();
    for (size_t k = 0; k < 4; k++) v_set_add(set, keys[k]);
    v_drop(set);
  }
  measure_report("set4_ns", (measure_now() - from) / (double)rounds);
#endif
}

#ifdef HAS_CLASSES
static void of_instances(const char *name, bool slots, size_t rounds, value *items) {
  static const char *const attributes[] = {"a", "b", "c", "d"};
  v_cache caches[4] = {0};
  value class_ = v_class(slots), names[4];
  for (int k = 0; k < 4; k++) names[k] = v_name(attributes[k]);
  double from = measure_now();
  for (size_t i = 0; i < rounds; i++) {
    value object = v_instance(class_);
    for (int k = 0; k < 4; k++) v_attr_set(object, names[k], items[k], &caches[k]);
    v_drop(object);
  }
  measure_report(name, (measure_now() - from) / (double)rounds);
  for (int k = 0; k < 4; k++) v_drop(names[k]);
  v_drop(class_);
}
#endif

int main(int argc, char **argv) {
  size_t rounds = work_number(argc, argv, 1, 3000000);
  system_start();
  value keys[KEPT], items[KEPT];
  char name[32];
  for (int i = 0; i < KEPT; i++) {
    keys[i] = v_str(name, name_of((uint64_t)i, name));
    items[i] = v_int(1 << (i + 12));
  }
  of_numbers(rounds);
  of_text(rounds);
  of_containers(rounds, keys, items);
#ifdef HAS_CLASSES
  of_instances("slots_ns", true, rounds, items);
  of_instances("plain_ns", false, rounds, items);
#endif
  for (int i = 0; i < KEPT; i++) {
    v_drop(keys[i]);
    v_drop(items[i]);
  }
  return 0;
}
