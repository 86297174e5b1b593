/* tests/misuse/object_callback_does_everything.c - callbacks of weak references may do all that is allowed to anybody:
 * nothing shall be found.
 *
 * EXPECT: nothing
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

/* What the next callback does; it is handed what it is given. */
static void (*act)(ouro_weak *weak, void *held);
static unsigned called;

static void callback(ouro_weak *weak, void *data, void *held) {
  CHECK(data == &called && ouro_weak_is_dead(weak) && ouro_weak_get(weak) == NULL);
  called++;
  if (act) act(weak, held);
}

static void *kept[4]; /* owned */

static ouro_ref refer(void *object, void *held) {
  ouro_ref weak = ouro_weak_new_callback(object, callback, &called, held);
  CHECK(weak);
  return weak;
}

/* An object that refers to itself, and to nothing else. */
static node *new_cycle(void) {
  node *made = new_node();
  ouro_setref(&made->left, made);
  return made;
}

static void collect(ouro_weak *weak, void *held) {
  (void)weak;
  (void)held;
  ouro_decref(new_cycle());
  CHECK(ouro_gc_collect(2) >= 0);
}

static void drop_the_weak_reference(ouro_weak *weak, void *held) {
  (void)held;
  CHECK(kept[0] == (void *)weak);
  ouro_clear(&kept[0]);
}

static void drop_all_weak_references(ouro_weak *weak, void *held) {
  (void)weak;
  (void)held;
  for (size_t i = 0; i < 4; i++) ouro_clear(&kept[i]);
}

static void *going; /* borrowed, or not at all */

static void refer_to_what_goes(ouro_weak *weak, void *held) {
  (void)weak;
  (void)held;
  errno = 0;
  CHECK(ouro_weak_new(going) == NULL && errno == EINVAL);
  errno = 0;
  CHECK(ouro_weak_new_callback(going, callback, &called, NULL) == NULL && errno == EINVAL);
}

static void make_and_drop(ouro_weak *weak, void *held) {
  (void)weak;
  (void)held;
  for (int i = 0; i < 1000; i++) ouro_decref(new_node());
  ouro_ref other = new_node(), shared = ouro_weak_new(other);
  CHECK(shared && ouro_weak_count(other) == 1);
  ouro_decref(other);
  CHECK(ouro_weak_is_dead(shared));
  ouro_decref(shared);
}

static void keep_what_was_held(ouro_weak *weak, void *held) {
  (void)weak;
  ouro_setref(&kept[3], held);
}

/* ---------------------------------------------------------------- what must hold */

static void each_may_be_done(bool in_a_collection) {
  static void (*const acts[])(ouro_weak * weak, void *held) = {NULL, collect, drop_the_weak_reference, make_and_drop};
  for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
    act = acts[i];
    called = 0;
    node *object = in_a_collection ? new_cycle() : new_node();
    ouro_movref(&kept[0], refer(object, NULL));
    ouro_decref(object);
    CHECK(ouro_gc_collect(2) == in_a_collection);
    CHECK(called == 1);
    ouro_clear(&kept[0]);
    ouro_gc_collect(2); /* what was made inside a collection */
  }
}

static void no_weak_reference_to_what_goes(void) {
  act = refer_to_what_goes;
  going = new_node();
  ouro_movref(&kept[0], refer(going, NULL));
  called = 0;
  ouro_decref(going);
  CHECK(called == 1);
  ouro_clear(&kept[0]);
}

/* The newest callback drops all: the others are called nevertheless, as they were due when the object went. */
static void all_that_were_due_are_called(void) {
  for (int in_a_collection = 0; in_a_collection < 2; in_a_collection++) {
    act = drop_all_weak_references;
    called = 0;
    node *object = in_a_collection ? new_cycle() : new_node();
    for (size_t i = 0; i < 4; i++) ouro_movref(&kept[i], refer(object, NULL));
    ouro_decref(object);
    ouro_gc_collect(2);
    CHECK(called == 4 && live_objects() == 0);
  }
}

static void a_weak_reference_that_is_gone_is_not_called(void) {
  act = NULL;
  called = 0;
  node *object = new_node();
  ouro_decref(refer(object, NULL));
  ouro_decref(object);
  CHECK(called == 0);
}

static void garbage_is_not_called(void) {
  act = NULL;
  called = 0;
  node *object = new_cycle();
  ouro_movref(&object->right, refer(object, NULL)); /* goes with its referent */
  ouro_decref(object);
  CHECK(ouro_gc_collect(2) == 2 && called == 0);
}

static void what_was_held_may_be_kept(void) {
  act = keep_what_was_held;
  node *object = new_node(), *held = new_node();
  ouro_movref(&kept[0], refer(object, held));
  ouro_decref(held);
  ouro_decref(object);
  CHECK(kept[3] == held && ouro_refcount(held) == 1);
  ouro_clear(&kept[3]);
  ouro_clear(&kept[0]);
}

/* A weak reference to a weak reference; the latter goes in the middle of a collection that its own referent is found in. */
static void weak_references_may_be_referred_to(void) {
  act = collect;
  called = 0;
  node *garbage = new_cycle();
  ouro_ref first = refer(garbage, NULL), second = refer(first, NULL);
  ouro_decref(garbage);
  ouro_decref(first);
  CHECK(called == 1 && live_objects() == 1);
  ouro_decref(second);
}

/* The same, where what the weak reference held alone collects. */
static void finalize(void *self) {
  (void)self;
  CHECK(ouro_gc_collect(2) >= 0);
}

static ouro_type collecting_type = {.name = "collecting", .size = 32, .finalize = finalize};

static void what_a_weak_reference_holds_may_collect(void) {
  act = NULL;
  called = 0;
  node *garbage = new_cycle();
  ouro_ref held = ouro_new(&collecting_type);
  ouro_ref weak = refer(garbage, held);
  ouro_decref(held);
  ouro_decref(garbage);
  ouro_decref(weak);
  CHECK(called == 0 && live_objects() == 0);
}

int main(void) {
  each_may_be_done(false);
  each_may_be_done(true);
  no_weak_reference_to_what_goes();
  all_that_were_due_are_called();
  a_weak_reference_that_is_gone_is_not_called();
  garbage_is_not_called();
  what_was_held_may_be_kept();
  weak_references_may_be_referred_to();
  what_a_weak_reference_holds_may_collect();
  return all_is_well();
}
