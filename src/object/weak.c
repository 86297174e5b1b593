/* object/weak.c - weak references, and the table that finds those of an object.
 *
 *   table:   | object, first | ... |         keyed by address, open addressing with linear probing, at most three quarters full
 *   lists:   first -> the shared one, if there is one -> the newest with a callback -> ... -> the oldest
 *
 * I-WEAK-1  the table has an entry for an object just where its header says OURO_WEAK, and its list is not empty
 * I-WEAK-2  a weak reference with a referent is in that object's list; a dead one is in none
 * I-WEAK-3  only the first of a list may be a shared one */
#include <errno.h>

#include "object/object.h"
#include "trace/trace.h"

struct ouro_weak {
  ouro_object base;
  ouro_object *referent;  /* not counted; NULL: dead */
  ouro_weak *next, *prev; /* of the same referent; of a dead one that waits for its callback, next in the chain */
};

typedef struct weak_callback {
  ouro_weak weak;
  ouro_weak_fn fn; /* NULL: called, or never to be */
  void *data;
  ouro_object *held;
} weak_callback;

static void weak_goes(void *self);

ouro_type ouro_weak_type = {
    .name = "weak reference", .size = sizeof(ouro_weak), .release = weak_goes, .flags = OURO_TYPE_ACYCLIC};
ouro_type ouro_weak_callback_type = {.name = "weak reference with callback",
                                     .size = sizeof(weak_callback),
                                     .base = &ouro_weak_type,
                                     .references = OURO_REFERENCES(offsetof(weak_callback, held))};

static bool is_shared(const ouro_weak *weak) { return ouro_type_of(weak) == &ouro_weak_type; }
static weak_callback *with_callback(ouro_weak *weak) { return is_shared(weak) ? NULL : (weak_callback *)(void *)weak; }

/* ---------------------------------------------------------------- the table */

typedef struct entry {
  ouro_object *object; /* NULL: no entry */
  ouro_weak *first;
} entry;

static struct {
  entry *entries;
  size_t mask, count; /* places less one; entries */
} table;

static size_t place_of(const void *object, size_t mask) {
  return (size_t)(((uint64_t)(uintptr_t)object >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 20) & mask;
}

static entry *find(const ouro_object *object) {
  size_t at = place_of(object, table.mask);
  while (table.entries[at].object != object) at = (at + 1) & table.mask;
  return &table.entries[at];
}

static void put(entry *entries, size_t mask, entry it) {
  size_t at = place_of(it.object, mask);
  while (entries[at].object) at = (at + 1) & mask;
  entries[at] = it;
}

static size_t places_now(void) { return table.entries ? table.mask + 1 : 0; }

/* Let the table have so many places; false: no memory, and it is as it was. */
static bool resize(size_t places) {
  entry *entries = ouro_calloc(places, sizeof *entries);
  if (!entries) return false;
  for (size_t i = 0; i < places_now(); i++) {
    if (table.entries[i].object) put(entries, places - 1, table.entries[i]);
  }
  ouro_free(table.entries);
  table.entries = entries;
  table.mask = places - 1;
  return true;
}

enum { PLACES_LEAST = 64 };

/* With no memory for a larger table, the one there is may become fuller. */
static bool make_room(void) {
  size_t places = places_now();
  if (places && table.count < places / 4 * 3) return true;
  if (resize(places ? places * 2 : PLACES_LEAST)) return true;
  return places && table.count < places - places / 16 - 1;
}

/* A spike of weak references is not kept for ever. Without memory for a smaller table, the large one stays. */
static void shrink(void) {
  size_t places = places_now();
  if (places > PLACES_LEAST && table.count <= places / 16) resize(places / 4);
}

static void add_entry(ouro_object *object, ouro_weak *first) {
  put(table.entries, table.mask, (entry){object, first});
  table.count++;
  object->ouro__word |= OURO_WEAK;
}

/* Entries behind the removed one move up, where their place allows it (Knuth, volume 3, algorithm 6.4 R). */
static void remove_entry(ouro_object *object) {
  size_t hole = (size_t)(find(object) - table.entries);
  for (size_t at = (hole + 1) & table.mask; table.entries[at].object; at = (at + 1) & table.mask) {
    size_t home = place_of(table.entries[at].object, table.mask);
    if (((at - home) & table.mask) < ((at - hole) & table.mask)) continue;
    table.entries[hole] = table.entries[at];
    hole = at;
  }
  table.entries[hole].object = NULL;
  table.count--;
  object->ouro__word &= ~(uint64_t)OURO_WEAK;
  shrink();
}

static ouro_weak *first_of(const ouro_object *object) { return ouro__has(object, OURO_WEAK) ? find(object)->first : NULL; }

/* ---------------------------------------------------------------- lists */

static void link_weak(ouro_weak *weak, ouro_object *object) {
  ouro_weak *first = first_of(object), *before = NULL;
  weak->referent = object;
  if (first && is_shared(first)) {
    before = first;
    first = first->next;
  }
  weak->prev = before;
  weak->next = first;
  if (first) first->prev = weak;
  if (before) {
    before->next = weak;
  } else if (ouro__has(object, OURO_WEAK)) {
    find(object)->first = weak;
  } else {
    add_entry(object, weak);
  }
}

static void unlink_weak(ouro_weak *weak) {
  ouro_object *object = weak->referent;
  if (weak->next) weak->next->prev = weak->prev;
  if (weak->prev) {
    weak->prev->next = weak->next;
  } else if (weak->next) {
    find(object)->first = weak->next;
  } else {
    remove_entry(object);
  }
  weak->referent = NULL;
  weak->next = weak->prev = NULL;
}

static void weak_goes(void *self) {
  ouro_weak *weak = self;
  if (weak->referent) unlink_weak(weak);
}

/* ---------------------------------------------------------------- making and asking */

static bool may_refer_to(const ouro_object *object) {
  if (!ouro__attached()) return false;
  if (ouro__is_live(object)) return true;
  errno = EINVAL; /* it is just being freed */
  return false;
}

ouro_ref ouro_weak_new(void *object) {
  if (!may_refer_to(object)) return NULL;
  ouro_weak *first = first_of(object);
  /* One that is about to go, in a queue of deallocations, is no longer to be had. */
  if (first && is_shared(first) && ouro__is_live(&first->base) && first->base.ouro__count > 0) return ouro_newref(first);
  if (first && is_shared(first)) unlink_weak(first);
  const ouro_source *place = ouro__trace_here;
  if (!make_room()) return NULL;
  ouro__trace_here = place; /* it is meant for the weak reference, not for the table */
  ouro_weak *weak = ouro_new(&ouro_weak_type);
  if (weak) link_weak(weak, object); /* there is no other shared one: it is the first */
  return weak;
}

ouro_ref ouro_weak_new_callback(void *object, ouro_weak_fn callback, void *data, void *held) {
  if (!may_refer_to(object)) return NULL;
  if (!callback) {
    errno = EINVAL;
    return NULL;
  }
  if (!make_room()) return NULL;
  weak_callback *made = ouro_new(&ouro_weak_callback_type);
  if (!made) return NULL;
  made->fn = callback;
  made->data = data;
  made->held = ouro_xnewref(held);
  link_weak(&made->weak, object);
  return made;
}

ouro_ref ouro_weak_get(ouro_weak *weak) {
  ouro_object *object = weak->referent;
  return object && ouro__is_live(object) ? ouro_newref(object) : NULL;
}

bool ouro_weak_is_dead(const ouro_weak *weak) { return !weak->referent || !ouro__is_live(weak->referent); }

bool ouro_weak_has_callback(const ouro_weak *weak) {
  return !is_shared(weak) && ((const weak_callback *)(const void *)weak)->fn;
}

size_t ouro_weak_list(const void *object, ouro_weak **out, size_t room) {
  size_t count = 0;
  for (ouro_weak *weak = first_of(object); weak; weak = weak->next) {
    if (!ouro__is_live(&weak->base)) continue;
    if (count < room) out[count] = weak;
    count++;
  }
  return count;
}

size_t ouro_weak_count(const void *object) { return ouro_weak_list(object, NULL, 0); }

/* ---------------------------------------------------------------- when the referent goes
 *
 * A weak reference whose callback will be called is held until then, and chained by `next`. */

static ouro_weak *chain_up(ouro_weak *weak, ouro_weak *chain) {
  ouro_incref(weak);
  weak->next = chain;
  return weak;
}

/* The list, taken from the table: all are dead now. */
static ouro_weak *take_list(ouro_object *object) {
  ouro_weak *first = first_of(object);
  if (first) remove_entry(object);
  for (ouro_weak *weak = first; weak; weak = weak->next) {
    weak->referent = NULL;
    weak->prev = NULL;
  }
  return first;
}

static ouro_weak *reversed(ouro_weak *chain) {
  ouro_weak *result = NULL, *next;
  for (; chain; chain = next) {
    next = chain->next;
    chain->next = result;
    result = chain;
  }
  return result;
}

void ouro__weak_call(ouro_weak *chain) {
  chain = reversed(chain);
  for (ouro_weak *next; chain; chain = next) {
    weak_callback *it = with_callback(chain);
    ouro_weak_fn fn = it->fn;
    next = chain->next;
    chain->next = NULL;
    it->fn = NULL;
    fn(chain, it->data, it->held);
    ouro_clear(&it->held);
    ouro_decref(chain);
  }
}

void ouro__weak_silence(ouro_object *object) {
  if (ouro_type_of(object) != &ouro_weak_callback_type) return;
  weak_callback *it = (weak_callback *)(void *)object;
  if (it->weak.referent) unlink_weak(&it->weak);
  it->fn = NULL;
}

void ouro__weak_died(ouro_object *object) {
  ouro_weak *chain = NULL, *next;
  for (ouro_weak *weak = take_list(object); weak; weak = next) {
    next = weak->next;
    weak->next = NULL;
    if (ouro_weak_has_callback(weak) && ouro__is_live(&weak->base)) chain = chain_up(weak, chain);
  }
  ouro__weak_call(chain);
}

ouro_weak *ouro__weak_condemned(ouro_object *object, bool (*is_trash)(const ouro_object *), ouro_weak *chain) {
  ouro_weak *next;
  for (ouro_weak *weak = first_of(object); weak; weak = next) {
    next = weak->next;
    if (!ouro_weak_has_callback(weak)) continue;
    unlink_weak(weak);
    if (ouro__is_live(&weak->base) && !is_trash(&weak->base)) chain = chain_up(weak, chain);
  }
  return chain;
}

void ouro__weak_clear(ouro_object *object) {
  ouro_weak *next;
  for (ouro_weak *weak = take_list(object); weak; weak = next) {
    next = weak->next;
    weak->next = NULL;
    if (!is_shared(weak)) with_callback(weak)->fn = NULL;
  }
}

/* ---------------------------------------------------------------- the checker */

bool ouro__weak_known(const ouro_object *object) {
  if (!table.entries) return false;
  size_t at = place_of(object, table.mask);
  while (table.entries[at].object && table.entries[at].object != object) at = (at + 1) & table.mask;
  return table.entries[at].object;
}

static const char *check_list(const entry *it) {
  const ouro_weak *before = NULL;
  if (!ouro__weak_known(it->object)) return "I-WEAK-1: an entry cannot be found";
  if (!ouro__has(it->object, OURO_WEAK)) return "I-WEAK-1: an object with weak references does not say so";
  for (const ouro_weak *weak = it->first; weak; before = weak, weak = weak->next) {
    if (weak->referent != it->object || weak->prev != before) return "I-WEAK-2: a weak reference in another object's list";
    if (before && is_shared(weak)) return "I-WEAK-3: two shared weak references";
  }
  return NULL;
}

bool ouro__weak_valid(const char **why, const void **where) {
  size_t count = 0;
  for (size_t i = 0; table.entries && i <= table.mask; i++) {
    if (!table.entries[i].object) continue;
    count++;
    *where = table.entries[i].object;
    *why = check_list(&table.entries[i]);
    if (*why) return false;
  }
  *where = table.entries;
  *why = "I-WEAK-1: the number of entries is wrong";
  return count == table.count;
}
