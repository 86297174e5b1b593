/* tests/misuse/object_immortal.c - immortal objects may be counted in any way.
 *
 * EXPECT: nothing
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

static node nowhere = {OURO_IMMORTAL_OBJECT(&node_type), NULL, NULL};

int main(void) {
  node *object = new_node();
  CHECK(ouro_make_immortal(object) == 0);
  for (int i = 0; i < 10; i++) ouro_incref(object);
  for (int i = 0; i < 100; i++) ouro_decref(object);
  for (int i = 0; i < 100; i++) ouro_decref(&nowhere);
  ouro_incref(&nowhere);
  CHECK(ouro_is_immortal(object) && ouro_is_immortal(&nowhere));
  CHECK(ouro_refcount(object) == SIZE_MAX);
  CHECK(ouro_make_immortal(object) == OURO_EINVAL);
  CHECK(ouro_gc_collect(2) == 0);
  CHECK(ouro_gc_verify(NULL, 0) == 0);
  CHECK(live_objects() == 1);
  return 0;
}
