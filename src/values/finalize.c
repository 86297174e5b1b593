/* values/finalize.c - finalizers of others: a function that runs once, when an object dies or when the program ends.
 *
 * A finalizer that is ALIVE is in the registry, a list in the order of making, which owns a reference to it. It owns a weak
 * reference to its object, whose callback runs it, and which holds the finalizer in turn. Whatever ends its life, a call, a
 * detachment or the death, takes it out of the list and takes all that it owns out of it, in one step; only then is something run
 * or released.
 *
 * The step is one stretch under the registry's lock: so each runs once, however many threads call it, detach it and let its object
 * go at the same time. It runs in the thread that ended its life: in which the object died, which called it, or which calls
 * ouro_finalizers_run.
 *
 * So an alive one is held from outside, and one that is not alive holds nothing: none is part of garbage, and the type is
 * acyclic. */
#include <errno.h>
#include <stdlib.h>

#include "gc/gc.h"
#include "object/object.h"
#include "values/weak_table.h"

struct ouro_finalizer {
  ouro_object base;
  ouro_weak *weak; /* owned, as is `held`; NULL: not alive. Written under the registry's lock, as what stands below `data` */
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

static struct {
  ouro__lock lock;             /* for the next four */
  ouro_finalizer *newest;      /* whether there is one may be asked without the lock */
  ouro_finalizer *next;        /* the next one that ouro_finalizers_run looks at; NULL where it does not run or is done */
  uint64_t made;
  unsigned running;            /* calls of ouro_finalizers_run, within each other or in several threads */
  _Atomic bool at_exit_is_set; /* exit will call it */
} registry = {.lock = OURO_LOCK_INIT(OURO_RANK_LISTS)};

/* ---------------------------------------------------------------- the registry: under its lock */

/* While finalizers run, those that come in are the next to run. */
static void enter(ouro_finalizer *self) {
  self->number = registry.made++;
  self->older = registry.newest;
  if (self->older) self->older->newer = self;
  OURO__SET(registry.newest, self);
  if (registry.running) registry.next = self;
}

static void leave(ouro_finalizer *self) {
  if (self->older) self->older->newer = self->newer;
  if (self->newer) self->newer->older = self->older;
  if (registry.newest == self) OURO__SET(registry.newest, self->older);
  if (registry.next == self) registry.next = self->older;
  self->older = self->newer = NULL;
}

/* A finalizer whose life has ended: what it owned, and the registry's reference to the finalizer itself. */
typedef struct ended {
  ouro_finalizer *self; /* NULL: it was not alive */
  ouro_weak *weak;
  void *held;
} ended;

static ended end_life(ouro_finalizer *self) {
  ended it = {self->weak ? self : NULL, self->weak, self->held};
  if (!it.self) return it;
  leave(self);
  OURO__SET(self->weak, NULL);
  self->held = NULL;
  return it;
}

/* The next one that is to run at exit. */
static ended end_next(void) {
  while (registry.next) {
    ouro_finalizer *self = registry.next;
    registry.next = self->older;
    if (self->at_exit) return end_life(self);
  }
  return (ended){0};
}

/* ---------------------------------------------------------------- without the lock */

static ended end(ouro_finalizer *self) {
  bool locked = ouro__values_lock(&registry.lock, self);
  ended it = end_life(self);
  ouro__values_unlock(&registry.lock, locked);
  return it;
}

static void release(ended it) {
  ouro_decref(it.weak);
  ouro_xdecref(it.held);
  ouro_decref(it.self);
}

/* false: there is none. */
static bool run(ended it) {
  if (!it.self) return false;
  it.self->fn(it.self->data, it.held);
  release(it);
  return true;
}

/* ---------------------------------------------------------------- the interface */

/* An ouro_weak_fn. */
static void object_died(ouro_weak *weak, void *data, void *held) {
  (void)weak;
  (void)data;
  run(end(held));
}

/* Two threads may both do so: then the second call at exit finds nothing to run. */
static bool set_at_exit(void) {
  if (OURO_LIKELY(ouro__load_relaxed(&registry.at_exit_is_set))) return true;
  if (atexit(ouro_finalizers_run) != 0) {
    errno = ENOMEM;
    return false;
  }
  ouro__store_relaxed(&registry.at_exit_is_set, true);
  return true;
}

/* It is alive from here on, and may run before this returns: the caller's reference is taken first. */
static ouro_finalizer *come_alive(ouro_finalizer *self) {
  ouro_finalizer *callers = ouro_newref(self);
  bool locked = ouro__values_lock(&registry.lock, self);
  enter(self);
  ouro__values_unlock(&registry.lock, locked);
  return callers;
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
  return come_alive(self);
}

bool ouro_finalizer_is_alive(const ouro_finalizer *finalizer) { return finalizer && OURO__SEE(finalizer->weak); }

bool ouro_finalizer_call(ouro_finalizer *finalizer) { return ouro_finalizer_is_alive(finalizer) && run(end(finalizer)); }

bool ouro_finalizer_detach(ouro_finalizer *finalizer) {
  if (!ouro_finalizer_is_alive(finalizer)) return false;
  ended it = end(finalizer);
  if (it.self) release(it);
  return it.self;
}

ouro_ref ouro_finalizer_peek(ouro_finalizer *finalizer) {
  if (!finalizer) return NULL;
  bool locked = ouro__values_lock(&registry.lock, finalizer);
  void *object = finalizer->weak ? ouro_weak_get(finalizer->weak) : NULL;
  ouro__values_unlock(&registry.lock, locked);
  return object;
}

/* Those from the newest on are gone through while they run: one that was passed over has its turn now. */
static void set_alive_at_exit(ouro_finalizer *self, bool at_exit) {
  bool passed = registry.running && (!registry.next || registry.next->number < self->number);
  OURO__SET(self->at_exit, at_exit);
  if (at_exit && passed) registry.next = self;
}

void ouro_finalizer_set_atexit(ouro_finalizer *finalizer, bool at_exit) {
  if (!finalizer) return;
  bool locked = ouro__values_lock(&registry.lock, finalizer);
  if (finalizer->weak) set_alive_at_exit(finalizer, at_exit);
  ouro__values_unlock(&registry.lock, locked);
}

bool ouro_finalizer_atexit(const ouro_finalizer *finalizer) {
  return ouro_finalizer_is_alive(finalizer) && OURO__SEE(finalizer->at_exit);
}

/* Begin, or end, one more run. false: there is nothing to run. */
static bool change_running(int change) {
  bool locked = ouro__values_lock(&registry.lock, NULL);
  bool any = registry.newest;
  if (change > 0 && !any) change = 0;
  if (change > 0) registry.next = registry.newest;
  registry.running += (unsigned)change;
  ouro__values_unlock(&registry.lock, locked);
  return any;
}

static bool run_next(void) {
  bool locked = ouro__values_lock(&registry.lock, NULL);
  ended it = end_next();
  ouro__values_unlock(&registry.lock, locked);
  return run(it);
}

/* A thread that is refused runs none: it may not touch them. */
void ouro_finalizers_run(void) {
  if (!OURO__SEE(registry.newest) || !ouro__attached() || !change_running(1)) return;
  while (run_next()) {
  }
  change_running(-1);
}

/* ---------------------------------------------------------------- fork (object/fork.c)
 *
 * Only the registry and interned strings have locks that all may need; those of containers are free at fork: see weak_table.h. */

void (*ouro__intern_at_fork)(int moment);

void ouro__values_fork(int moment) {
  if (moment == OURO_FORK_BEFORE_ALL) {
    ouro__acquire(&registry.lock);
  } else if (moment == OURO_FORK_IN_PARENT) {
    ouro__release(&registry.lock);
  } else {
    ouro__lock_reset(&registry.lock);
  }
  if (ouro__intern_at_fork) ouro__intern_at_fork(moment);
}
