/* memory.c - resident bytes of many values of a kind, by each.
 *
 * Arguments: what (slots, plain, list, dict, strings, ints, tuples), how many. Prints bytes: of everything that was made, less what was there. */
#include <unistd.h>

#include "values.h"

static value made_from(size_t i) {
  char text[32];
  return v_str(text, name_of(i, text));
}

#ifdef HAS_CLASSES
static void instances(bool slots, size_t count, value *kept) {
  static const char *const attributes[] = {"a", "b", "c", "d"};
  v_cache caches[4] = {0};
  value class_ = v_class(slots), names[4], item = v_int(5);
  for (int k = 0; k < 4; k++) names[k] = v_name(attributes[k]);
  for (size_t i = 0; i < count; i++) {
    kept[i] = v_instance(class_);
    for (int k = 0; k < 4; k++) v_attr_set(kept[i], names[k], item, &caches[k]);
  }
}
#endif

static void dict_of_strings(size_t count) {
  value dict = v_dict();
  for (size_t i = 0; i < count; i++) {
    value key = made_from(i), item = v_int((int64_t)i);
    v_dict_set(dict, key, item);
    v_drop(key);
    v_drop(item);
  }
}

/* The strings and ints are there already: so only the table counts. */
static void table(size_t count, value *keys, value item) {
  value dict = v_dict();
  for (size_t i = 0; i < count; i++) v_dict_set(dict, keys[i], item);
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "strings";
  size_t count = work_number(argc, argv, 2, 1000000);
  system_start();
  value *kept = work_table(count * sizeof *kept), item = v_int(123456);
  if (strcmp(what, "table") == 0) {
    for (size_t i = 0; i < count; i++) kept[i] = made_from(i);
  }
  size_t before = measure_resident();
  if (strcmp(what, "strings") == 0) {
    for (size_t i = 0; i < count; i++) kept[i] = made_from(i);
  } else if (strcmp(what, "ints") == 0) {
    for (size_t i = 0; i < count; i++) kept[i] = v_int(100000 + (int64_t)i);
  } else if (strcmp(what, "dict") == 0) {
    dict_of_strings(count);
  } else if (strcmp(what, "table") == 0) {
    table(count, kept, item);
#ifdef HAS_SORT
  } else if (strcmp(what, "list") == 0) {
    kept[0] = v_list_of(count, item);
  } else if (strcmp(what, "lists4") == 0) {
    for (size_t i = 0; i < count; i++) kept[i] = v_list_of(4, item);
#endif
#ifdef HAS_CLASSES
  } else if (strcmp(what, "slots") == 0) {
    instances(true, count, kept);
  } else if (strcmp(what, "plain") == 0) {
    instances(false, count, kept);
#endif
#ifdef HAS_TYPES
  } else if (strcmp(what, "names") == 0) {
    char text[32];
    for (size_t i = 0; i < count; i++) {
      name_of(i, text);
      kept[i] = v_name(text);
    }
  } else if (strcmp(what, "tuples") == 0) {
    for (size_t i = 0; i < count; i++) kept[i] = v_tuple2(item, item);
#endif
  } else {
    work_fail("memory: no such kind");
  }
  if (count >= 100000) sleep(1); /* what was freed on the way has gone back by then */
  measure_report("bytes", (double)(measure_resident() - before) / (double)count);
  return 0;
}
