/* list.c - a list: filled, read, sorted.
 *
 * Arguments: items. Prints append_ns, get_ns, drop_ns; sort_NAME_ms of ints, nearly sorted ints, floats and strings. */
#include "values.h"

#ifdef HAS_SORT
static void sort(const char *name, size_t count, value (*make)(uint64_t number)) {
  value list = v_list();
  for (size_t i = 0; i < count; i++) {
    value item = make(i);
    v_list_append(list, item);
    v_drop(item);
  }
  double times[5];
  for (int run = 0; run < 5; run++) {
    value copy = v_list_copy(list);
    double from = measure_now();
    v_list_sort(copy);
    times[run] = (measure_now() - from) / 1e6;
    v_drop(copy);
  }
  measure_report(name, measure_median(times, 5));
  v_drop(list);
}

static value random_int(uint64_t i) { return v_int((int64_t)(mixed(i) >> 20)); }
static value nearly_sorted(uint64_t i) { return v_int((int64_t)(i % 100 == 0 ? mixed(i) % 1000000 : i)); }
static value random_float(uint64_t i) { return v_float((double)(mixed(i) >> 11) / 9007199254740992.0); }
static value random_str(uint64_t i) {
  char text[32];
  return v_str(text, name_of(mixed(i) % 1000000000, text));
}
#endif

int main(int argc, char **argv) {
  size_t count = work_number(argc, argv, 1, 1000000);
  system_start();
  value item = v_int(123456), list = NULL;
  enum { TIMES = 10 };
  EACH_NS("append_ns", TIMES * count, for (int t = 0; t < TIMES; t++) {
    if (list) v_drop(list);
    list = v_list();
    for (size_t i = 0; i < count; i++) v_list_append(list, item);
  });
  EACH_NS("get_ns", TIMES * count, for (int t = 0; t < TIMES; t++) {
    for (size_t i = 0; i < count; i++) v_drop(v_list_get(list, i));
  });
  v_drop(list);
  v_drop(item);
#ifdef HAS_SORT
  sort("sort_int_ms", count, random_int);
  sort("sort_nearly_ms", count, nearly_sorted);
  sort("sort_float_ms", count, random_float);
  sort("sort_str_ms", count, random_str);
#endif
  return 0;
}
