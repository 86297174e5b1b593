/* object/weak.c - weak references, and the tables that find those of an object.
 *
 *   table:   | object, first | ... |         keyed by address, open addressing with linear probing, at most three quarters full
 *   lists:   first -> the shared one, if there is one -> the newest with a callback -> ... -> the oldest
 *
 * I-WEAK-1  the table has an entry for an object just where its header says OURO_WEAK, and its list is not empty
 * I-WEAK-2  a weak reference with a referent is in that object's list; a dead one is in none
 * I-WEAK-3  only the first of a list may be a shared one
 * I-WEAK-4  a weak reference whose `owner` is not 0: its referent is owned by that thread, or immortal
 *
 * There are STRIPES tables, each with a lock, and an object's address tells which is its own. Under the lock of the referent's stripe: its
 * list, what its weak references say of it, whether it dies, and whether a weak reference of its list dies. So who finds an object by a
 * weak reference, or a weak reference by its object, finds it alive, and may take a reference before it lets go of the lock.
 *
 * The owner of an object needs no lock to make a strong reference of a weak one: nobody else can free what it owns (I-WEAK-4), and it is
 * not doing so just now. */
#include <errno.h>
#include <string.h>

#include "object/object.h"
#include "trace/trace.h"

struct ouro_weak {
  ouro_object base;
  ouro_object *_Atomic referent; /* not counted; NULL: dead. Written under the referent's lock */
  ouro_weak *next, *prev;        /* of the same referent; of a dead one that waits for its callback, next in the chain */
  _Atomic uint32_t owner;        /* of the referent; 0: not known */
};

typedef struct weak_callback {
  ouro_weak weak;
  ouro_weak_fn _Atomic fn; /* NULL: called, or never to be */
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

static ouro_object *referent_of(const ouro_weak *weak) { return ouro__load_acquire(&weak->referent); }

/* ---------------------------------------------------------------- the tables */

typedef struct entry {
  ouro_object *object; /* NULL: no entry */
  ouro_weak *first;
} entry;

enum { STRIPES = 64, PLACES_LEAST = 16 };

typedef struct stripe {
  _Alignas(64) ouro__lock lock;
  entry *entries;     /* NULL: none yet */
  size_t mask, count; /* places less one; entries */
  entry few[PLACES_LEAST]; /* the smallest table: a program with few weak references has no memory for them */
} stripe;

#define LOCK {.lock = OURO_LOCK_INIT(OURO_RANK_WEAK)}
#define LOCKS_8 LOCK, LOCK, LOCK, LOCK, LOCK, LOCK, LOCK, LOCK
static stripe stripes[STRIPES] = {LOCKS_8, LOCKS_8, LOCKS_8, LOCKS_8, LOCKS_8, LOCKS_8, LOCKS_8, LOCKS_8};

static uint64_t hash_of(const void *object) { return ((uint64_t)(uintptr_t)object >> 4) * UINT64_C(0x9e3779b97f4a7c15); }
static stripe *stripe_of(const void *object) { return &stripes[hash_of(object) >> 58]; }
static size_t place_of(const void *object, size_t mask) { return (size_t)(hash_of(object) >> 20) & mask; }

static entry *find(const stripe *table, const ouro_object *object) {
  size_t at = place_of(object, table->mask);
  while (table->entries[at].object != object) at = (at + 1) & table->mask;
  return &table->entries[at];
}

static void put(entry *entries, size_t mask, entry it) {
  size_t at = place_of(it.object, mask);
  while (entries[at].object) at = (at + 1) & mask;
  entries[at] = it;
}

static size_t places_now(const stripe *table) { return table->entries ? table->mask + 1 : 0; }

static entry *new_entries(stripe *table, size_t places) {
  if (places > PLACES_LEAST) return ouro_calloc(places, sizeof(entry));
  memset(table->few, 0, sizeof table->few);
  return table->few;
}

/* Let the table have so many places, which are others than now; false: no memory, and it is as it was. */
static bool resize(stripe *table, size_t places) {
  entry *entries = new_entries(table, places);
  if (!entries) return false;
  for (size_t i = 0; i < places_now(table); i++) {
    if (table->entries[i].object) put(entries, places - 1, table->entries[i]);
  }
  if (table->entries != table->few) ouro_free(table->entries);
  table->entries = entries;
  table->mask = places - 1;
  return true;
}

/* With no memory for a larger table, the one there is may become fuller. */
static bool make_room(stripe *table) {
  size_t places = places_now(table);
  if (places && table->count < places / 4 * 3) return true;
  if (resize(table, places ? places * 2 : PLACES_LEAST)) return true;
  return places && table->count < places - places / 16 - 1;
}

/* A spike of weak references is not kept for ever. Without memory for a smaller table, the large one stays. */
static void shrink(stripe *table) {
  size_t places = places_now(table);
  if (places > PLACES_LEAST && table->count <= places / 16) resize(table, places / 4 > PLACES_LEAST ? places / 4 : PLACES_LEAST);
}

/* Change bits of a header that others may change at the same time, unless there are none. */
static void set_bits(ouro_object *object) {
  if (ouro__load_relaxed(&ouro__many)) {
    atomic_fetch_or_explicit(ouro__shared(object), OURO_S_WATCHED, memory_order_relaxed);
    ouro__set_bit(object, OURO_WEAK);
  } else {
    object->ouro__shared |= OURO_S_WATCHED;
    object->ouro__word |= OURO_WEAK;
  }
}

static void clear_bit(ouro_object *object) {
  if (ouro__load_relaxed(&ouro__many)) {
    ouro__clear_bit(object, OURO_WEAK);
  } else {
    object->ouro__word &= ~(uint64_t)OURO_WEAK;
  }
}

static void add_entry(stripe *table, ouro_object *object, ouro_weak *first) {
  put(table->entries, table->mask, (entry){object, first});
  table->count++;
  set_bits(object);
}

/* Entries behind the removed one move up, where their place allows it (Knuth, volume 3, algorithm 6.4 R). */
static void remove_entry(stripe *table, ouro_object *object) {
  size_t hole = (size_t)(find(table, object) - table->entries);
  for (size_t at = (hole + 1) & table->mask; table->entries[at].object; at = (at + 1) & table->mask) {
    size_t home = place_of(table->entries[at].object, table->mask);
    if (((at - home) & table->mask) < ((at - hole) & table->mask)) continue;
    table->entries[hole] = table->entries[at];
    hole = at;
  }
  table->entries[hole].object = NULL;
  table->count--;
  clear_bit(object);
  shrink(table);
}

static ouro_weak *first_of(const stripe *table, const ouro_object *object) {
  return ouro__has(object, OURO_WEAK) ? find(table, object)->first : NULL;
}

void ouro__weak_fork(int moment) {
  for (unsigned i = 0; i < STRIPES; i++) {
    if (moment == OURO_FORK_BEFORE_ALL) ouro__acquire(&stripes[i].lock);
    if (moment == OURO_FORK_IN_PARENT) ouro__release(&stripes[i].lock);
    if (moment == OURO_FORK_IN_CHILD) ouro__lock_reset(&stripes[i].lock);
  }
}

/* ---------------------------------------------------------------- who decides whether an object dies */

static bool is_weak(const ouro_object *object) {
  const ouro_type *type = ouro_type_of(object);
  return type == &ouro_weak_type || type == &ouro_weak_callback_type;
}

ouro__watch ouro__watch_of(const void *address) {
  ouro__watch watch = {&stripe_of(address)->lock, NULL, false};
  watch.locked = ouro__enter(watch.first);
  return watch;
}

/* Both locks of a weak reference, in their order; false: it has another referent by now, and none is held. */
static bool lock_both(ouro__watch *watch, ouro_weak *weak) {
  ouro_object *referent = referent_of(weak);
  ouro__lock *own = &stripe_of(weak)->lock, *other = referent ? &stripe_of(referent)->lock : own;
  watch->first = own < other ? own : other;
  watch->second = own == other ? NULL : own < other ? other : own;
  ouro__acquire(watch->first);
  if (watch->second) ouro__acquire(watch->second);
  if (referent_of(weak) == referent) return true;
  if (watch->second) ouro__release(watch->second);
  ouro__release(watch->first);
  return false;
}

ouro__watch ouro__watch_begin(ouro_object *object) {
  if (!is_weak(object)) return ouro__watch_of(object);
  ouro__watch watch = {NULL, NULL, false};
  if (ouro__enter_alone()) return watch;
  watch.locked = true;
  while (!lock_both(&watch, (ouro_weak *)(void *)object)) {
  }
  return watch;
}

void ouro__watch_end(ouro__watch watch) {
  if (!watch.locked) {
    ouro__leave_alone();
    return;
  }
  if (watch.second) ouro__release(watch.second);
  ouro__release(watch.first);
}

/* ---------------------------------------------------------------- lists: under the lock of the referent */

static void refer(ouro_weak *weak, ouro_object *object) {
  ouro__store_relaxed(&weak->owner, ouro__is_mine(object) ? ouro__at.id : 0);
  ouro__store_release(&weak->referent, object);
}

static void refer_to_none(ouro_weak *weak) {
  weak->next = weak->prev = NULL;
  ouro__store_relaxed(&weak->owner, 0);
  ouro__store_release(&weak->referent, NULL); /* last: who finds it so may free it */
}

static void link_weak(stripe *table, ouro_weak *weak, ouro_object *object) {
  refer(weak, object);
  if (OURO_LIKELY(!ouro__has(object, OURO_WEAK))) {
    weak->next = weak->prev = NULL;
    add_entry(table, object, weak);
    return;
  }
  ouro_weak *first = first_of(table, object), *before = NULL;
  if (is_shared(first)) {
    before = first;
    first = first->next;
  }
  weak->prev = before;
  weak->next = first;
  if (first) first->prev = weak;
  if (before) {
    before->next = weak;
  } else {
    find(table, object)->first = weak;
  }
}

static void unlink_weak(ouro_weak *weak) {
  ouro_object *object = referent_of(weak);
  stripe *table = stripe_of(object);
  if (weak->next) weak->next->prev = weak->prev;
  if (weak->prev) {
    weak->prev->next = weak->next;
  } else if (weak->next) {
    find(table, object)->first = weak->next;
  } else {
    remove_entry(table, object);
  }
  refer_to_none(weak);
}

/* A weak reference that is about to die, with its watch, leaves the list: so those of a list are alive. */
void ouro__weak_leaves(ouro_object *object) {
  ouro_weak *weak = (ouro_weak *)(void *)object;
  if (is_weak(object) && referent_of(weak)) unlink_weak(weak);
}

/* Of garbage that is swept nobody decides whether it dies. */
static void weak_goes(void *self) {
  ouro_weak *weak = self;
  ouro_object *object = referent_of(weak);
  if (!object) return;
  ouro__watch watch = ouro__watch_begin(self);
  if (referent_of(weak)) unlink_weak(weak);
  ouro__watch_end(watch);
}

void ouro__weak_disown(ouro_object *object) {
  if (!ouro__has(object, OURO_WEAK)) return;
  stripe *table = stripe_of(object);
  bool locked = ouro__enter(&table->lock);
  for (ouro_weak *weak = first_of(table, object); weak; weak = weak->next) ouro__store_relaxed(&weak->owner, 0);
  ouro__leave(&table->lock, locked);
}

/* ---------------------------------------------------------------- making and asking */

static bool may_refer_to(const ouro_object *object) {
  if (!ouro__attached()) return false;
  if (ouro__is_live(object)) return true;
  errno = EINVAL; /* it is just being freed */
  return false;
}

/* The shared one, with a new reference; NULL: there is none. */
static ouro_weak *get_shared(const stripe *table, const ouro_object *object) {
  ouro_weak *first = first_of(table, object);
  return first && is_shared(first) && ouro__try_watched(&first->base) ? first : NULL;
}

/* A weak reference can be found without one to it: by its referent. */
static void watch_weak(ouro_weak *weak) { weak->base.ouro__shared = OURO_S_WATCHED; }

/* Under the lock: put `made` in the object's list, or, where it would be a second shared one, give the first. NULL: no memory. */
static ouro_weak *enter_list(stripe *table, ouro_weak *made, ouro_object *object) {
  if (OURO_UNLIKELY(ouro__has(object, OURO_WEAK)) && is_shared(made)) {
    ouro_weak *shared = get_shared(table, object), *first = find(table, object)->first;
    if (shared) return shared;
    if (is_shared(first)) unlink_weak(first); /* one that is about to go */
  }
  if (!make_room(table)) return NULL;
  link_weak(table, made, object);
  return made;
}

static ouro_ref finish(ouro_weak *made, ouro_object *object) {
  stripe *table = stripe_of(object);
  bool locked = ouro__enter(&table->lock);
  ouro_weak *result = enter_list(table, made, object);
  ouro__leave(&table->lock, locked);
  if (OURO_LIKELY(result == made)) return made;
  int saved = errno;
  ouro_decref(made);
  errno = saved;
  return result;
}

static ouro_weak *find_shared(const ouro_object *object) {
  stripe *table = stripe_of(object);
  if (!ouro__has(object, OURO_WEAK)) return NULL;
  bool locked = ouro__enter(&table->lock);
  ouro_weak *found = get_shared(table, object);
  ouro__leave(&table->lock, locked);
  return found;
}

ouro_ref ouro_weak_new(void *object) {
  if (!may_refer_to(object)) return NULL;
  ouro_weak *found = find_shared(object);
  if (found) return found;
  ouro_weak *made = ouro_new(&ouro_weak_type);
  if (!made) return NULL;
  watch_weak(made);
  return finish(made, object);
}

ouro_ref ouro_weak_new_callback(void *object, ouro_weak_fn callback, void *data, void *held) {
  if (!may_refer_to(object)) return NULL;
  if (!callback) {
    errno = EINVAL;
    return NULL;
  }
  weak_callback *made = ouro_new(&ouro_weak_callback_type);
  if (!made) return NULL;
  watch_weak(&made->weak);
  ouro__store_relaxed(&made->fn, callback);
  made->data = data;
  made->held = ouro_xnewref(held);
  return finish(&made->weak, object);
}

/* The lock keeps the referent from dying, once it is seen to be that still. */
static ouro_ref get_slowly(ouro_weak *weak) {
  ouro_object *object = referent_of(weak);
  if (!object || !ouro__attached()) return NULL;
  ouro__watch watch = ouro__watch_of(object);
  bool got = referent_of(weak) == object && ouro__try_watched(object);
  ouro__watch_end(watch);
  return got ? object : NULL;
}

/* I-WEAK-4: nobody else can free it. A count of zero: this thread is just doing so. */
ouro_ref ouro_weak_get(ouro_weak *weak) {
  uint32_t id = ouro__at.id;
  if (OURO_UNLIKELY(ouro__load_relaxed(&weak->owner) != id)) return get_slowly(weak);
  ouro_object *object = referent_of(weak);
  if (OURO_UNLIKELY(!object)) return NULL;
  if (OURO_UNLIKELY(ouro__owner_of(object) != id)) return get_slowly(weak); /* it is dying, or has become immortal */
  uint32_t count = OURO__SEE(object->ouro__count);
  if (OURO_UNLIKELY(count - 1 >= UINT32_MAX - 1)) return count ? ouro_newref(object) : NULL;
  OURO__SET(object->ouro__count, count + 1);
  return object;
}

bool ouro_weak_is_dead(const ouro_weak *weak) {
  ouro_object *object = referent_of(weak);
  if (!object) return true;
  if (ouro__load_relaxed(&weak->owner) == ouro__at.id) return !ouro__is_live(object);
  ouro__attached();
  ouro__watch watch = ouro__watch_of(object);
  bool dead = referent_of(weak) != object || !ouro__is_live(object);
  ouro__watch_end(watch);
  return dead;
}

static ouro_weak_fn callback_of(const ouro_weak *weak) {
  return is_shared(weak) ? NULL : ouro__load_relaxed(&((const weak_callback *)(const void *)weak)->fn);
}

bool ouro_weak_has_callback(const ouro_weak *weak) { return callback_of(weak) != NULL; }

size_t ouro_weak_list(const void *object, ouro_weak **out, size_t room) {
  size_t count = 0;
  stripe *table = stripe_of(object);
  ouro__attached();
  bool locked = ouro__enter(&table->lock);
  for (ouro_weak *weak = first_of(table, object); weak; weak = weak->next) {
    if (!ouro__is_live(&weak->base)) continue;
    if (count < room) out[count] = weak;
    count++;
  }
  ouro__leave(&table->lock, locked);
  return count;
}

size_t ouro_weak_count(const void *object) { return ouro_weak_list(object, NULL, 0); }

/* ---------------------------------------------------------------- when the referent goes
 *
 * A weak reference whose callback will be called is held until then, and chained by `next`. */

static ouro_weak *chain_up(ouro_weak *weak, ouro_weak *chain) {
  weak->next = chain;
  return weak;
}

/* Is its callback to be called? Then it is held. */
static bool is_to_be_called(ouro_weak *weak) { return callback_of(weak) && ouro__try_watched(&weak->base); }

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
    ouro_weak_fn fn = ouro__load_relaxed(&it->fn);
    next = chain->next;
    chain->next = NULL;
    ouro__store_relaxed(&it->fn, NULL);
    ouro__me->keep++;
    fn(chain, it->data, it->held);
    ouro__me->keep--;
    ouro_clear(&it->held);
    ouro_decref(chain);
  }
}

void ouro__weak_silence(ouro_object *object) {
  if (ouro_type_of(object) != &ouro_weak_callback_type) return;
  weak_callback *it = (weak_callback *)(void *)object;
  ouro__watch watch = ouro__watch_begin(object);
  if (referent_of(&it->weak)) unlink_weak(&it->weak);
  ouro__watch_end(watch);
  ouro__store_relaxed(&it->fn, NULL);
}

/* What is done with one that the dead object's list had, under the lock; it refers to nothing then. */
typedef enum fate { CALLED, SILENT } fate;

/* Take the list: all are dead now. Returns those whose callbacks are to be called. */
static ouro_weak *take_list(ouro_object *object, fate then) {
  stripe *table = stripe_of(object);
  bool locked = ouro__enter(&table->lock);
  ouro_weak *weak = first_of(table, object), *chain = NULL;
  if (weak) remove_entry(table, object);
  for (ouro_weak *next; weak; weak = next) {
    next = weak->next;
    bool call = then == CALLED && is_to_be_called(weak);
    if (then == SILENT && !is_shared(weak)) ouro__store_relaxed(&with_callback(weak)->fn, NULL);
    refer_to_none(weak);
    if (call) chain = chain_up(weak, chain);
  }
  ouro__leave(&table->lock, locked);
  return chain;
}

void ouro__weak_died(ouro_object *object) { ouro__weak_call(take_list(object, CALLED)); }
void ouro__weak_clear(ouro_object *object) { take_list(object, SILENT); }

ouro_weak *ouro__weak_condemned(ouro_object *object, bool (*is_trash)(const ouro_object *), ouro_weak *chain) {
  stripe *table = stripe_of(object);
  bool locked = ouro__enter(&table->lock);
  ouro_weak *next;
  for (ouro_weak *weak = first_of(table, object); weak; weak = next) {
    next = weak->next;
    if (!callback_of(weak)) continue;
    bool call = !is_trash(&weak->base) && is_to_be_called(weak);
    unlink_weak(weak);
    if (call) chain = chain_up(weak, chain);
  }
  ouro__leave(&table->lock, locked);
  return chain;
}

/* ---------------------------------------------------------------- the checker */

bool ouro__weak_known(const ouro_object *object) {
  const stripe *table = stripe_of(object);
  if (!table->entries) return false;
  size_t at = place_of(object, table->mask);
  while (table->entries[at].object && table->entries[at].object != object) at = (at + 1) & table->mask;
  return table->entries[at].object;
}

static const char *check_list(const entry *it) {
  const ouro_weak *before = NULL;
  if (!ouro__weak_known(it->object)) return "I-WEAK-1: an entry cannot be found";
  if (!ouro__has(it->object, OURO_WEAK)) return "I-WEAK-1: an object with weak references does not say so";
  for (const ouro_weak *weak = it->first; weak; before = weak, weak = weak->next) {
    unsigned owner = ouro__load_relaxed(&weak->owner);
    if (referent_of(weak) != it->object || weak->prev != before) return "I-WEAK-2: a weak reference in another object's list";
    if (before && is_shared(weak)) return "I-WEAK-3: two shared weak references";
    bool moved = owner && owner != ouro__owner(it->object);
    if (moved && ouro__is_live(it->object) && !ouro_is_immortal(it->object))
      return "I-WEAK-4: a weak reference with another owner than its referent's";
  }
  return NULL;
}

static bool is_stripe_valid(const stripe *table, const char **why, const void **where) {
  size_t count = 0;
  for (size_t i = 0; table->entries && i <= table->mask; i++) {
    if (!table->entries[i].object) continue;
    count++;
    *where = table->entries[i].object;
    *why = check_list(&table->entries[i]);
    if (*why) return false;
  }
  *where = table->entries;
  *why = "I-WEAK-1: the number of entries is wrong";
  return count == table->count;
}

bool ouro__weak_valid(const char **why, const void **where) {
  for (unsigned i = 0; i < STRIPES; i++) {
    if (!is_stripe_valid(&stripes[i], why, where)) return false;
  }
  return true;
}
