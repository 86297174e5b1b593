/* tests/misuse/object_section_of_another_thread.c - a section is ended by another thread than began it.
 *
 * EXPECT: locked object: {address} is in a section that was ended and is not the innermost
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

static void *body(void *section) {
  ouro_section_end(section);
  return NULL;
}

int main(void) {
  node *object = new_node();
  ouro_section section;
  pthread_t thread;
  tell_address(object);
  ouro_section_begin(&section, object);
  CHECK(pthread_create(&thread, NULL, body, &section) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
  return 0;
}
