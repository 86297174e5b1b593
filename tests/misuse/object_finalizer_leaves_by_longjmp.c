/* tests/misuse/object_finalizer_leaves_by_longjmp.c - a finalizer leaves by longjmp, outside of a collection: its object lives on with one
 * reference that nobody has, and the thread is not to be detached; all else works.
 *
 * EXPECT: nothing
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

#include <setjmp.h>

static jmp_buf escape;

static void finalize(void *self) {
  (void)self;
  longjmp(escape, 1);
}

static ouro_type leaving_type = {.name = "leaving", .size = sizeof(node), .finalize = finalize};

static void *use_objects(void *unused) {
  (void)unused;
  for (int i = 0; i < 1000; i++) {
    node *ring = new_node();
    ouro_setref(&ring->left, ring);
    ouro_decref(ring);
  }
  CHECK(ouro_gc_collect(2) >= 1000);
  return NULL;
}

int main(void) {
  char text[256] = "";
  void *object = ouro_new(&leaving_type);
  CHECK(object);
  if (setjmp(escape) == 0) ouro_decref(object);
  CHECK(ouro_refcount(object) == 1 && live_objects() == 1);
  CHECK(ouro_thread_detach() == OURO_EBUSY);
  use_objects(NULL);
  in_a_thread(use_objects, NULL);
  if (ouro_gc_verify(text, sizeof text) != 0) check_failed(text, __LINE__);
  ouro_decref(object);
  return live_objects() == 0 ? 0 : 1;
}
