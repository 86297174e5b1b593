/* tests/misuse/object_of_a_wrong_type.c - types that contradict themselves are refused, and so are their objects.
 *
 * EXPECT: nothing
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

static void refuse(ouro_type *type, const char *why) {
  char text[256] = "";
  CHECK(ouro_type_check(type, text, sizeof text) == OURO_EINVAL);
  if (!strstr(text, why)) check_failed(text, __LINE__);
  errno = 0;
  CHECK((type->item_size ? ouro_new_var(type, 1) : ouro_new(type)) == NULL && errno == EINVAL);
  errno = 0;
  CHECK(ouro_type_new(type) == NULL && errno == EINVAL);
}

#define TYPE(...) (&(ouro_type){__VA_ARGS__})

int main(void) {
  ouro_type small = {.name = "small", .size = 16};
  refuse(TYPE(.size = 32), "name");
  refuse(TYPE(.name = "size 0", .size = 0), "size");
  refuse(TYPE(.name = "size 15", .size = 15), "size");
  refuse(TYPE(.name = "over the header", .size = 32, .references = OURO_REFERENCES(8)), "header");
  refuse(TYPE(.name = "outside", .size = 32, .references = OURO_REFERENCES(32)), "outside");
  refuse(TYPE(.name = "half outside", .size = 28, .references = OURO_REFERENCES(24)), "outside");
  refuse(TYPE(.name = "misaligned", .size = 32, .references = OURO_REFERENCES(20)), "misaligned");
  refuse(TYPE(.name = "twice", .size = 32, .references = OURO_REFERENCES(16, 16)), "twice");
  refuse(TYPE(.name = "larger base", .size = 16, .base = &node_type), "base");
  refuse(TYPE(.name = "a slot of the base", .size = 32, .base = &node_type, .references = OURO_REFERENCES(16)), "twice");
  refuse(TYPE(.name = "no items", .size = 32, .flags = OURO_TYPE_ITEMS), "item");
  refuse(TYPE(.name = "items over the count", .size = 16, .item_size = 8, .flags = OURO_TYPE_ITEMS), "ouro_var");
  refuse(TYPE(.name = "odd flags", .size = 16, .flags = 1u << 20), "flag");
  refuse(TYPE(.name = "acyclic, tracked", .size = 16, .flags = OURO_TYPE_ACYCLIC | OURO_TYPE_TRACKED), "tracked");
  errno = 0;
  CHECK(ouro_new_var(&small, 3) == NULL && errno == EINVAL);
  CHECK(ouro_type_check(&small, NULL, 0) == 0);
  return all_is_well();
}
