/* tests/misuse/object_taken_over.c - the only thread that was promised to use objects has ended: the next one that makes
 * one takes them over.
 *
 * CONF:   threads:1
 * EXPECT: nothing
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

static void *body(void *unused) {
  (void)unused;
  return new_node();
}

int main(void) {
  pthread_t thread;
  void *object = NULL;
  CHECK(pthread_create(&thread, NULL, body, NULL) == 0);
  CHECK(pthread_join(thread, &object) == 0);
  node *mine = new_node();
  ouro_setref(&mine->left, object);
  ouro_decref(object);
  ouro_decref(mine);
  return all_is_well();
}
