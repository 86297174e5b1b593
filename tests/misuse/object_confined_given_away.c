/* tests/misuse/object_confined_given_away.c - another thread releases objects of a confined type that it was given, alone and within
 * others: that is allowed, while their owner is IN, OUT, and gone.
 *
 * EXPECT: nothing
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

static ouro_type confined_type = {.name = "confined node", .size = sizeof(node), .base = &node_type, .flags = OURO_TYPE_CONFINED};

static node *confined(void) {
  node *made = ouro_new(&confined_type);
  CHECK(made);
  return made;
}

static node *holder_of(node *held) {
  node *made = new_node();
  made->left = held;
  return made;
}

static void *release(void *object) {
  ouro_decref(object);
  return NULL;
}

static void *make(void *unused) {
  (void)unused;
  return holder_of(confined());
}

int main(void) {
  node *neighbour = confined();
  in_a_thread(release, confined());
  in_a_thread(release, holder_of(confined()));
  in_a_thread_while_in(release, confined());
  in_a_thread_while_in(release, holder_of(confined()));
  ouro_safepoint();
  ouro_decref(in_a_thread(make, NULL));
  ouro_decref(neighbour);
  return all_is_well();
}
