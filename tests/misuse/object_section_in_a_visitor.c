/* tests/misuse/object_section_in_a_visitor.c - a visit function begins a section of an object that another thread is in. That one
 * stands still until the visit ends, and so would the visit.
 *
 * EXPECT: locked object: {address} is in a section of a thread that stands still, and was waited for
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

#include <sched.h>

static node *locked;
static _Atomic int is_in;

static void visit(void *object, ouro_visitor *visitor) {
  ouro_section section;
  (void)object;
  (void)visitor;
  ouro_section_begin(&section, locked);
  ouro_section_end(&section);
}

static ouro_type visited_type = {.name = "visited", .size = sizeof(node), .visit = visit};

static void *stay_inside(void *arg) {
  (void)arg;
  ouro_section section;
  ouro_section_begin(&section, locked);
  is_in = 1;
  while (is_in) ouro_safepoint();
  return NULL;
}

int main(void) {
  pthread_t thread;
  locked = new_node();
  tell_address(locked);
  CHECK(ouro_new(&visited_type));
  CHECK(pthread_create(&thread, NULL, stay_inside, NULL) == 0);
  while (!is_in) sched_yield();
  ouro_gc_collect(2);
  return 0;
}
