/* tests/misuse/object_finalizer_does_everything.c - finalizers may do all that is allowed to anybody: nothing shall be
 * found.
 *
 * EXPECT: nothing
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

typedef struct actor {
  ouro_object base;
  void *slot, *other;
  void (*act)(struct actor *self);
} actor;

static void *saved[4]; /* owned */
static unsigned called;

static void finalize(void *self) {
  actor *it = self;
  called++;
  if (it->act) it->act(it);
}

static ouro_type actor_type = {.name = "actor",
                               .size = sizeof(actor),
                               .references = OURO_REFERENCES(offsetof(actor, slot), offsetof(actor, other)),
                               .finalize = finalize};

static actor *new_actor(void (*act)(actor *self)) {
  actor *made = ouro_new(&actor_type);
  CHECK(made);
  made->act = act;
  return made;
}

/* An actor that is garbage: it refers to itself. */
static void drop_cycle(void (*act)(actor *self)) {
  actor *made = new_actor(act);
  ouro_setref(&made->slot, made);
  ouro_decref(made);
}

/* Let one go by its count, and one as garbage; `called` counts both. What garbage does is done inside a collection. */
static void let_go(void (*act)(actor *self)) {
  ouro_gc_collect(2);
  called = 0;
  ouro_decref(new_actor(act));
  CHECK(called == 1);
  drop_cycle(act);
  CHECK(ouro_gc_collect(2) >= 0);
  CHECK(called == 2);
}

static void save(actor *self) { ouro_setref(&saved[0], self); }

static void save_and_drop(actor *self) {
  ouro_setref(&saved[0], self);
  ouro_clear(&saved[0]);
}

static void make_objects(actor *self) {
  for (int i = 0; i < 100; i++) ouro_movref(&self->other, new_node());
}

/* Objects until there is no more memory; then all of them go. */
static void make_all_there_is(actor *self) {
  ouro_options before = {.struct_size = sizeof before}, options;
  (void)self;
  CHECK(ouro_options_get(&before) == 0);
  options = before;
  options.limit_bytes = 64 << 20;
  CHECK(ouro_options_set(&options) == 0);
  node *chain = new_node(), *next;
  while ((next = ouro_new(&node_type)) != NULL) {
    ouro_movref(&next->left, chain);
    chain = next;
  }
  CHECK(errno == ENOMEM);
  ouro_decref(chain);
  CHECK(ouro_options_set(&before) == 0);
}

static void collect(actor *self) {
  unsigned before = called;
  (void)self;
  drop_cycle(NULL);
  CHECK(ouro_gc_collect(2) >= 0);
  called = before;
}

static void refer_weakly(actor *self) {
  ouro_movref(&saved[1], ouro_weak_new(self));
  CHECK(saved[1] && !ouro_weak_is_dead(saved[1]));
  ouro_ref again = ouro_weak_get(saved[1]);
  CHECK(again == self);
  ouro_decref(again);
}

static unsigned heard;

static void hear(ouro_weak *weak, void *data, void *held) {
  CHECK(ouro_weak_get(weak) == NULL && data == &heard && held == NULL);
  heard++;
}

static void refer_with_callback(actor *self) {
  ouro_movref(&saved[2], ouro_weak_new_callback(self, hear, &heard, NULL));
}

static void clear_self(actor *self) {
  ouro_clear(&self->slot);
  ouro_clear(&self->other);
}

static void tie_a_knot(actor *self) { ouro_setref(&self->slot, self); }

static void free_sibling(actor *self) {
  actor *sibling = self->other;
  if (sibling) ouro_clear(&sibling->slot);
  ouro_clear(&self->other);
}

static void change_settings(actor *self) {
  (void)self;
  bool on = ouro_gc_disable();
  CHECK(!ouro_gc_enable());
  if (!on) ouro_gc_disable();
  ouro_gc_freeze();
  ouro_gc_unfreeze();
  CHECK(ouro_gc_verify(NULL, 0) == 0);
}

/* ---------------------------------------------------------------- what must hold */

static void resurrection_is_once_and_of_all_that_is_reached(void) {
  for (int in_a_cycle = 0; in_a_cycle < 2; in_a_cycle++) {
    actor *first = new_actor(save), *second = new_actor(NULL);
    called = 0;
    ouro_setref(&first->slot, second);
    if (in_a_cycle) ouro_setref(&second->slot, first);
    ouro_decref(second);
    ouro_decref(first);
    CHECK(ouro_gc_collect(2) == 0);
    CHECK(saved[0] == first && first->slot == second && ouro_refcount(second) == 1);
    CHECK(ouro_gc_is_finalized(first) && called == 1u + (unsigned)in_a_cycle);
    ouro_clear(&saved[0]);
    CHECK(ouro_gc_collect(2) == (in_a_cycle ? 2 : 0));
    CHECK(called == 2 && live_objects() == 0);
  }
}

static void weak_references_made_by_a_finalizer_die_with_the_object(void) {
  let_go(refer_weakly);
  CHECK(ouro_weak_is_dead(saved[1]));
  ouro_clear(&saved[1]);
  heard = 0;
  let_go(refer_with_callback);
  CHECK(heard == 1); /* by the one that went by its count; garbage is cleared without a call */
  CHECK(ouro_weak_is_dead(saved[2]));
  ouro_clear(&saved[2]);
}

static void a_knot_tied_by_a_finalizer_is_garbage(void) {
  called = 0;
  ouro_decref(new_actor(tie_a_knot));
  CHECK(called == 1 && live_objects() == 1);
  CHECK(ouro_gc_collect(0) == 1);
  CHECK(called == 1 && live_objects() == 0);
}

static void siblings_may_be_freed(void) {
  actor *a = new_actor(free_sibling), *b = new_actor(free_sibling);
  called = 0;
  ouro_setref(&a->other, b);
  ouro_setref(&b->other, a);
  ouro_setref(&a->slot, a);
  ouro_decref(a);
  ouro_decref(b);
  CHECK(ouro_gc_collect(2) >= 0);
  CHECK(called == 2 && live_objects() == 0);
}

int main(void) {
  resurrection_is_once_and_of_all_that_is_reached();
  weak_references_made_by_a_finalizer_die_with_the_object();
  a_knot_tied_by_a_finalizer_is_garbage();
  siblings_may_be_freed();
  static void (*const acts[])(actor * self) = {
      save_and_drop, make_objects, make_all_there_is, collect, clear_self, change_settings};
  for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) let_go(acts[i]);
  return all_is_well();
}
