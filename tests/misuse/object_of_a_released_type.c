/* tests/misuse/object_of_a_released_type.c - a type made at run time is released while objects of it live: it goes with
 * the last of them.
 *
 * EXPECT: nothing
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

static unsigned finalized;

static void finalize(void *self) {
  (void)self;
  finalized++;
}

int main(void) {
  ouro_type description = {
      .name = "of the run", .size = sizeof(node), .references = OURO_REFERENCES(16, 24), .finalize = finalize};
  ouro_type *type = ouro_type_new(&description);
  CHECK(type);
  node *first = ouro_new(type), *second = ouro_new(type), *immortal = ouro_new(&node_type);
  CHECK(first && second && immortal);
  ouro_setref(&first->left, second);
  ouro_setref(&second->left, first);
  ouro_type_release(type);
  errno = 0;
  CHECK(ouro_new(type) == NULL && errno == EINVAL);
  CHECK(strcmp(ouro_type_of(first)->name, "of the run") == 0 && ouro_is_instance(first, type));
  ouro_decref(first);
  ouro_decref(second);
  CHECK(ouro_gc_collect(2) == 2 && finalized == 2);

  /* An immortal object's finalizer is never called. */
  ouro_type forever = {.name = "for ever", .size = 16, .finalize = finalize};
  ouro_ref object = ouro_new(&forever);
  CHECK(object && ouro_make_immortal(object) == 0);
  for (int i = 0; i < 10; i++) ouro_decref(object);
  CHECK(ouro_gc_collect(2) == 0 && finalized == 2);
  ouro_decref(immortal);
  CHECK(live_objects() == 1 && ouro_gc_verify(NULL, 0) == 0);
  return 0;
}
