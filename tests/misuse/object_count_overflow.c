/* tests/misuse/object_count_overflow.c - more references than can be counted: the object lives for ever.
 *
 * EXPECT: nothing
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

int main(void) {
  node *object = new_node();
  object->base.ouro__count = UINT32_MAX - 2; /* as if so many had been taken, which would take seconds */
  for (int i = 0; i < 5; i++) ouro_incref(object);
  CHECK(ouro_is_immortal(object));
  for (int i = 0; i < 100; i++) ouro_decref(object);
  CHECK(ouro_is_immortal(object));
  CHECK(ouro_gc_verify(NULL, 0) == 0);
  return 0;
}
