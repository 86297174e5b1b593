/* values/finalize.c - finalizers of others: a function that runs once, when an object dies or when the program ends.
 *
 * A finalizer that is ALIVE is in the registry, a list in the order of making, which owns a reference to it. It owns a weak
 * reference to its object, whose callback runs it, and which holds the finalizer in turn. Whatever ends its life, a call, a
 * detachment or the death, takes it out of the list and takes all that it owns out of it, in one step; only then is something run
 * or released.
 *
 * So an alive one is held from outside, and one that is not alive holds nothing: none is part of garbage, and the type is
 * acyclic. */
#include <errno.h>
#include <stdlib.h>

#include "gc/gc.h"
#include "object/object.h"

struct ouro_finalizer {
  ouro_object base;
  ouro_weak *weak; /* owned, as is `held`; NULL: not alive */
  void *held;
  ouro_finalizer_fn fn;
  void *data;
  ouro_finalizer *older, *newer;
  uint64_t number; /* in the order of making */
  bool at_exit;
};

static ouro_type type = {
    .name = "finalizer",
    .size = sizeof(ouro_finalizer),
    .references = OURO_REFERENCES(offsetof(ouro_finalizer, weak), offsetof(ouro_finalizer, held)),
    .flags = OURO_TYPE_ACYCLIC,
};

/* Touched by the thread alone to which objects belong. */
static struct {
  ouro_finalizer *newest;
  ouro_finalizer *next; /* the next one that ouro_finalizers_run looks at; NULL where it does not run or is done */
  uint64_t made;
  unsigned running;    /* calls of ouro_finalizers_run, within each other */
  bool at_exit_is_set; /* exit will call it */
} registry;

/* ---------------------------------------------------------------- the registry */

/* While finalizers run, those that come in are the next to run. */
static void enter(ouro_finalizer *self) {
  self->number = registry.made++;
  self->older = registry.newest;
  if (self->older) self->older->newer = self;
  registry.newest = self;
  if (registry.running) registry.next = self;
}

static void leave(ouro_finalizer *self) {
  if (self->older) self->older->newer = self->newer;
  if (self->newer) self->newer->older = self->older;
  if (registry.newest == self) registry.newest = self->older;
  if (registry.next == self) registry.next = self->older;
  self->older = self->newer = NULL;
}

/* End its life: what it owned is in `out`, with the registry's reference to the finalizer itself. */
typedef struct ended {
  ouro_finalizer *self;
  ouro_weak *weak;
  void *held;
} ended;

static ended end_life(ouro_finalizer *self) {
  leave(self);
  return (ended){self, ouro_steal(&self->weak), ouro_steal(&self->held)};
}

static void release(ended it) {
  ouro_decref(it.weak);
  ouro_xdecref(it.held);
  ouro_decref(it.self);
}

static void run(ouro_finalizer *self) {
  ended it = end_life(self);
  self->fn(self->data, it.held);
  release(it);
}

/* ---------------------------------------------------------------- the interface */

/* An ouro_weak_fn. */
static void object_died(ouro_weak *weak, void *data, void *held) {
  ouro_finalizer *self = held;
  (void)data;
  if (self->weak == weak) run(self);
}

static bool set_at_exit(void) {
  if (!registry.at_exit_is_set && atexit(ouro_finalizers_run) != 0) {
    errno = ENOMEM;
    return false;
  }
  return registry.at_exit_is_set = true;
}

ouro_ref ouro_finalize(void *object, ouro_finalizer_fn fn, void *data, void *held) {
  if (!object || !fn) {
    errno = EINVAL;
    return NULL;
  }
  ouro_finalizer *self = set_at_exit() ? ouro_new(&type) : NULL;
  if (!self) return NULL;
  self->weak = ouro_weak_new_callback(object, object_died, NULL, self);
  if (!self->weak) {
    int saved = errno;
    ouro_decref(self);
    errno = saved;
    return NULL;
  }
  ouro_gc_untrack(self->weak); /* its only reference leads to what is not tracked */
  self->held = ouro_xnewref(held);
  self->fn = fn;
  self->data = data;
  self->at_exit = true;
  enter(self);
  return ouro_newref(self);
}

bool ouro_finalizer_is_alive(const ouro_finalizer *finalizer) { return finalizer && finalizer->weak; }

bool ouro_finalizer_call(ouro_finalizer *finalizer) {
  if (!ouro_finalizer_is_alive(finalizer)) return false;
  run(finalizer);
  return true;
}

bool ouro_finalizer_detach(ouro_finalizer *finalizer) {
  if (!ouro_finalizer_is_alive(finalizer)) return false;
  release(end_life(finalizer));
  return true;
}

ouro_ref ouro_finalizer_peek(ouro_finalizer *finalizer) {
  return ouro_finalizer_is_alive(finalizer) ? ouro_weak_get(finalizer->weak) : NULL;
}

void ouro_finalizer_set_atexit(ouro_finalizer *finalizer, bool at_exit) {
  if (!ouro_finalizer_is_alive(finalizer)) return;
  finalizer->at_exit = at_exit;
  /* Those from the newest on are gone through while they run: one that was passed over has its turn now. */
  bool passed = registry.running && (!registry.next || registry.next->number < finalizer->number);
  if (at_exit && passed) registry.next = finalizer;
}

bool ouro_finalizer_atexit(const ouro_finalizer *finalizer) {
  return ouro_finalizer_is_alive(finalizer) && finalizer->at_exit;
}

/* In another thread than that of the objects, exit runs none: it may not touch them. */
void ouro_finalizers_run(void) {
  if (!registry.newest || !ouro__attached()) return;
  registry.running++;
  registry.next = registry.newest;
  while (registry.next) {
    ouro_finalizer *self = registry.next;
    registry.next = self->older;
    if (self->at_exit) run(self);
  }
  registry.running--;
}
