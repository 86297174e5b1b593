/* tests/misuse/object_weak_to_freed.c - a weak reference to an object that has gone: refused.
 *
 * EXPECT: nothing
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

int main(void) {
  node *object = new_node();
  ouro_decref(object);
  errno = 0;
  CHECK(ouro_weak_new(hide(object)) == NULL);
  CHECK(errno == EINVAL);
  return all_is_well();
}
