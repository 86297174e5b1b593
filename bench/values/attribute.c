/* attribute.c - an attribute of an instance is read, and set; a method is called.
 *
 * Arguments: rounds. Prints slots_get_ns, plain_get_ns, slots_set_ns, plain_set_ns, method_ns. */
#include "values.h"

#ifdef HAS_CLASSES
static void measure(bool slots, size_t rounds) {
  v_cache read = {0}, write = {0}, call = {0};
  value class_ = v_class(slots), a = v_name("a"), b = v_name("b"), method = v_name("method"), item = v_int(5);
  value object = v_instance(class_);
  v_attr_set(object, b, item, &write);
  v_attr_set(object, a, item, &read);
  read = write = (v_cache){0};
  EACH_NS(slots ? "slots_get_ns" : "plain_get_ns", rounds, for (size_t i = 0; i < rounds; i++) v_drop(v_attr_get(object, a, &read)));
  EACH_NS(slots ? "slots_set_ns" : "plain_set_ns", rounds, for (size_t i = 0; i < rounds; i++) v_attr_set(object, a, item, &write));
  EACH_NS(slots ? "slots_method_ns" : "plain_method_ns", rounds,
          for (size_t i = 0; i < rounds; i++) v_drop(v_method(object, method, item, &call)));
  v_drop(object);
  v_drop(class_);
  v_drop(a);
  v_drop(b);
  v_drop(method);
  v_drop(item);
}
#endif

int main(int argc, char **argv) {
  size_t rounds = work_number(argc, argv, 1, 5000000);
  system_start();
#ifdef HAS_CLASSES
  measure(true, rounds);
  measure(false, rounds);
#endif
  return 0;
}
