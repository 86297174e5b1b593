/* dict.c - a dict of strings or of ints: filled, asked in random order, walked, changed.
 *
 * Arguments: str or int, entries, operations. Prints set_ns, get_ns, miss_ns, again_ns, delete_ns, walk_ns. The keys that are asked are other
 * objects than those in the dict: equal, not the same. */
#include "values.h"

static bool ints;

static value key_of(uint64_t number) {
  char text[32];
  return ints ? v_int((int64_t)(number * 7919 + 100000)) : v_str(text, name_of(number, text));
}

static value *keys_from(size_t first, size_t count) {
  value *keys = malloc(count * sizeof *keys);
  if (!keys) work_fail("malloc");
  for (size_t i = 0; i < count; i++) keys[i] = key_of(first + i);
  for (size_t i = count; i > 1; i--) { /* in random order */
    size_t other = mixed(i) % i;
    value kept = keys[i - 1];
    keys[i - 1] = keys[other];
    keys[other] = kept;
  }
  return keys;
}

static void drop_all(value *keys, size_t count) {
  for (size_t i = 0; i < count; i++) v_drop(keys[i]);
  free(keys);
}

static void ask(const char *name, value dict, value *keys, size_t count, size_t operations, bool there) {
  size_t found = 0;
  value item;
  double from = measure_now();
  for (size_t done = 0; done < operations; done += count) {
    for (size_t i = 0; i < count; i++) {
      if (!v_dict_get(dict, keys[i], &item)) continue;
      found++;
      v_drop(item);
    }
  }
  double spent = measure_now() - from;
  size_t rounds = (operations + count - 1) / count;
  if (found != (there ? rounds * count : 0)) work_fail("keys are missing, or there");
  measure_report(name, spent / (double)(rounds * count));
}

static value filled(value *keys, size_t count, value item) {
  value dict = v_dict();
  for (size_t i = 0; i < count; i++) v_dict_set(dict, keys[i], item);
  return dict;
}

int main(int argc, char **argv) {
  ints = argc > 1 && strcmp(argv[1], "int") == 0;
  size_t count = work_number(argc, argv, 2, 100000), operations = work_number(argc, argv, 3, 1000000);
  size_t rounds = (operations + count - 1) / count;
  system_start();
  value *keys = keys_from(0, count), *equal = keys_from(0, count), *others = keys_from(count, count), item = v_int(123456);
  value dict = NULL;
  EACH_NS("set_ns", rounds * count, for (size_t i = 0; i < rounds; i++) {
    if (dict) v_drop(dict);
    dict = filled(keys, count, item);
  });
  ask("get_ns", dict, equal, count, operations, true);
  ask("miss_ns", dict, others, count, operations, false);
  EACH_NS("again_ns", rounds * count, for (size_t i = 0; i < rounds; i++) {
    for (size_t k = 0; k < count; k++) v_dict_set(dict, equal[k], item);
  });
  size_t walked = 0;
  EACH_NS("walk_ns", rounds * count, for (size_t i = 0; i < rounds; i++) walked += v_dict_walk(dict));
  if (walked != rounds * count) work_fail("the walk missed some");
  EACH_NS("delete_ns", rounds * count, for (size_t i = 0; i < rounds; i++) {
    for (size_t k = 0; k < count; k++) v_dict_delete(dict, equal[k]);
    for (size_t k = 0; k < count; k++) v_dict_set(dict, keys[k], item);
  });
  v_drop(dict);
  v_drop(item);
  drop_all(keys, count);
  drop_all(equal, count);
  drop_all(others, count);
  return 0;
}
