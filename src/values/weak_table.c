/* values/weak_table.c - the table that weak maps and sets have in common: entries that go when their members do. See values.h
 * for the picture and the invariants. */
#include <errno.h>
#include <string.h>

#include "gc/gc.h"
#include "heap/heap.h"
#include "values/weak_table.h"

enum {
  SMALL = 8,        /* entries of a table that has no cells: looking through them is as fast */
  CELLS_LEAST = 32, /* of one that has some */
  SHRINK_BELOW = 8, /* a table of which so few parts are live is made smaller */
};
#define CELLS_MOST (UINT32_C(1) << 31)

_Static_assert(sizeof(void *) >= sizeof(uint64_t), "a hash is handed on as the `data` of a callback");

/* ---------------------------------------------------------------- the lock */

bool ouro__values_lock_slow(ouro__lock *lock, const void *about) {
  if (OURO_UNLIKELY(!ouro__thread_is_in())) {
    ouro__must_attach(about);
    return ouro__enter(lock);
  }
  ouro__acquire(lock);
  return true;
}

void ouro__values_unlock_slow(ouro__lock *lock) { ouro__release(lock); }

/* ---------------------------------------------------------------- room */

static uint32_t room_of(uint32_t cells) { return cells ? (uint32_t)((uint64_t)cells * 2 / 3) : SMALL; }

/* The least number of cells for `count` entries; CELLS_MOST + 1 where there are too many. */
static uint32_t cells_for(uint64_t count) {
  uint32_t cells = CELLS_LEAST;
  if (count <= SMALL) return 0;
  while (cells < CELLS_MOST && room_of(cells) < count) cells *= 2;
  return room_of(cells) < count ? CELLS_MOST + 1 : cells;
}

static void put_in_cell(const ouro__weak_container *container, uint64_t hash, uint32_t index) {
  ouro__weak_probe probe = ouro__weak_table_probe_of(container, hash);
  uint32_t *cells = ouro__weak_table_cells(container), at = probe.at;
  while (cells[at]) {
    ouro__weak_table_next(&probe);
    at = probe.at;
  }
  cells[at] = index + 1;
}

static void fill_cells(ouro__weak_container *container) {
  ouro__weak_table *table = &container->table;
  if (!table->cells) return;
  memset(ouro__weak_table_cells(container), 0, table->cells * sizeof(uint32_t));
  for (uint32_t i = 0; i < table->used; i++)
    put_in_cell(container, container->kind->hash(ouro__weak_table_at(container, i)), i);
}

/* How many of the first `count` entries are no holes: where they will end when the table has been packed. */
static uint32_t packed_end(const ouro__weak_container *container, uint32_t count) {
  uint32_t live = 0;
  for (uint32_t i = 0; i < count; i++) live += ouro__weak_table_at(container, i)->weak != NULL;
  return live;
}

/* What is walking over the table goes on where it was. */
static void move_walks(const ouro__weak_container *container) {
  for (ouro__weak_walk *walk = container->walks; walk; walk = walk->next) {
    walk->at = packed_end(container, walk->at);
    walk->end = packed_end(container, walk->end);
  }
}

/* Copy the entries that are no holes to `block`, which may be the table's own. Returns how many. */
static uint32_t pack_into(char *block, const ouro__weak_container *container) {
  size_t stride = container->kind->stride;
  uint32_t live = 0;
  for (uint32_t i = 0; i < container->table.used; i++) {
    const ouro__weak_entry *entry = ouro__weak_table_at(container, i);
    char *to = block + live * stride;
    if (!entry->weak) continue;
    if (to != (const char *)entry) memcpy(to, entry, stride);
    live++;
  }
  return live;
}

static void pack(ouro__weak_container *container) {
  move_walks(container);
  container->table.used = pack_into(container->table.block, container); /* which is `live` */
  fill_cells(container);
}

/* Give the container another table. */
static void set_table(ouro__weak_container *container, char *block, uint32_t cells, uint32_t live) {
  ouro__weak_table *table = &container->table;
  table->block = block;
  table->room = block ? room_of(cells) : 0;
  table->used = live;
  table->cells = cells;
  OURO__SET(table->live, live);
}

/* A table for `count` entries. false: no memory, nothing has changed. */
static bool resize(ouro__weak_container *container, uint64_t count) {
  char *before = container->table.block;
  uint32_t cells = cells_for(count);
  if (cells > CELLS_MOST) {
    errno = ENOMEM;
    return false;
  }
  char *block = ouro_malloc(room_of(cells) * container->kind->stride + cells * sizeof(uint32_t));
  if (!block) return false;
  move_walks(container);
  uint32_t live = pack_into(block, container);
  set_table(container, block, cells, live);
  fill_cells(container);
  ouro_free(before);
  return true;
}

/* Room for one more. Holes of a quarter are worth packing. */
static bool reserve(ouro__weak_container *container) {
  ouro__weak_table *table = &container->table;
  if (table->used < table->room) return true;
  if (table->live < table->room && table->live <= table->room - table->room / 4) {
    pack(container);
    return true;
  }
  return resize(container, (uint64_t)table->live * 2);
}

/* After a removal: memory that is no longer needed goes back. */
static void shrink(ouro__weak_container *container) {
  ouro__weak_table *table = &container->table;
  int saved = errno;
  if (table->live == 0) {
    move_walks(container);
    ouro_free(table->block);
    set_table(container, NULL, 0, 0);
  } else if (table->room > SMALL && table->live < table->room / SHRINK_BELOW) {
    resize(container, (uint64_t)table->live * 2);
  }
  errno = saved;
}

/* ---------------------------------------------------------------- what the container owns */

static ouro_object **value_of(ouro__weak_entry *entry) { return (ouro_object **)(void *)(entry + 1); }

void ouro__weak_table_visit(void *self, ouro_visitor *visitor) {
  ouro__weak_container *container = self;
  for (uint32_t i = 0; i < container->table.used; i++) {
    ouro__weak_entry *entry = ouro__weak_table_at(container, i);
    if (entry->weak) ouro_visit(visitor, &entry->weak);
    if (container->kind->values) ouro_visit(visitor, value_of(entry));
  }
}

/* The references are gone. */
void ouro__weak_table_release(void *self) {
  ouro__weak_container *container = self;
  for (uint32_t i = 0; container->kind->names && i < container->table.used; i++) {
    ouro_free(ouro__weak_table_at(container, i)->member);
  }
  ouro_free(container->table.block);
}

/* ---------------------------------------------------------------- names that walks show */

/* The walk but `but` that shows the name, if there is one. */
static ouro__weak_walk *walk_showing(const ouro__weak_container *container, const void *name, const ouro__weak_walk *but) {
  ouro__weak_walk *walk = name ? container->walks : NULL;
  while (walk && (walk == but || walk->name != name)) walk = walk->next;
  return walk;
}

/* The name of an entry that goes is left to a walk that shows it, or to the caller: what he has to free, later. */
static void *name_to_free(const ouro__weak_container *container, void *name, const ouro__weak_walk *but) {
  ouro__weak_walk *heir = walk_showing(container, name, but);
  if (!heir) return name;
  heir->name_is_mine = true;
  return NULL;
}

/* The walk shows the name no more. */
static void *end_of_name(const ouro__weak_container *container, ouro__weak_walk *walk) {
  void *name = walk->name_is_mine ? name_to_free(container, walk->name, walk) : NULL;
  walk->name = NULL;
  walk->name_is_mine = false;
  return name;
}

/* ---------------------------------------------------------------- entries that go */

/* What an entry had: nobody else's any more. */
typedef struct owned {
  ouro_weak *weak;
  ouro_object *value;
  void *name;
} owned;

/* Make a hole of the entry. */
static owned take_out(const ouro__weak_container *container, ouro__weak_entry *entry) {
  const ouro__weak_kind *kind = container->kind;
  owned it = {entry->weak, kind->values ? *value_of(entry) : NULL,
              kind->names ? name_to_free(container, entry->member, NULL) : NULL};
  memset(entry, 0, kind->stride);
  return it;
}

static void release(owned it) {
  if (it.name) ouro_free(it.name);
  if (it.weak) ouro_decref(it.weak);
  ouro_xdecref(it.value);
}

void ouro__weak_table_remove(ouro__weak_container *container, ouro__weak_entry *entry, bool locked) {
  owned it = take_out(container, entry);
  OURO__SET(container->table.live, container->table.live - 1);
  shrink(container);
  ouro__weak_table_unlock(container, locked);
  release(it);
}

bool ouro__weak_table_drop(ouro__weak_container *container, const void *object) {
  bool locked = ouro__weak_table_lock(container);
  ouro__weak_entry *entry = ouro__weak_table_find(container, object, ouro__hash_address(object));
  if (entry)
    ouro__weak_table_remove(container, entry, locked);
  else
    ouro__weak_table_unlock(container, locked);
  return entry;
}

/* The names that walks show stay with those. */
static void leave_names(const ouro__weak_container *container) {
  for (uint32_t i = 0; container->walks && container->kind->names && i < container->table.used; i++) {
    ouro__weak_entry *entry = ouro__weak_table_at(container, i);
    entry->member = name_to_free(container, entry->member, NULL);
  }
}

void ouro__weak_table_remove_all(ouro__weak_container *container) {
  bool locked = ouro__weak_table_lock(container);
  leave_names(container);
  ouro__weak_container gone = {.kind = container->kind, .table = container->table};
  set_table(container, NULL, 0, 0);
  for (ouro__weak_walk *walk = container->walks; walk; walk = walk->next) walk->at = walk->end = 0;
  ouro__weak_table_unlock(container, locked);
  /* From here on anything may happen to the container. */
  for (uint32_t i = 0; i < gone.table.used; i++) release(take_out(&gone, ouro__weak_table_at(&gone, i)));
  ouro_free(gone.table.block);
}

/* A member has died. An ouro_weak_fn. */
static void member_died(ouro_weak *weak, void *data, void *held) {
  ouro__weak_container *container = ouro_weak_get(held);
  if (!container) return;
  bool locked = ouro__weak_table_lock(container);
  ouro__weak_probe probe = ouro__weak_table_probe_of(container, (uintptr_t)data);
  ouro__weak_entry *entry = ouro__weak_table_next(&probe);
  while (entry && entry->weak != weak) entry = ouro__weak_table_next(&probe);
  if (entry)
    ouro__weak_table_remove(container, entry, locked);
  else
    ouro__weak_table_unlock(container, locked);
  ouro_decref(container);
}

/* ---------------------------------------------------------------- entries that come */

/* The container's weak reference to itself; borrowed. Two threads that make it at once are given the same one. */
static ouro_weak *self_of(ouro__weak_container *container) {
  _Atomic(ouro_weak *) *self = (_Atomic(ouro_weak *) *)(void *)&container->self;
  ouro_weak *there = ouro__load_acquire(self); /* pairs with the exchange below */
  if (OURO_LIKELY(there)) return there;
  ouro_weak *made = ouro_weak_new(container);
  if (!made || atomic_compare_exchange_strong_explicit(self, &there, made, memory_order_acq_rel, memory_order_acquire))
    return made;
  ouro_decref(made);
  return there;
}

ouro_weak *ouro__weak_table_make(ouro__weak_container *container, void *object, uint64_t hash) {
  ouro_weak *self = self_of(container);
  if (!self) return NULL;
  ouro_weak *weak = ouro_weak_new_callback(object, member_died, (void *)(uintptr_t)hash, self);
  if (weak) ouro_gc_untrack(weak);
  return weak;
}

ouro__weak_entry *ouro__weak_table_add(ouro__weak_container *container, ouro_weak *weak, uint64_t hash) {
  ouro__weak_table *table = &container->table;
  if (!reserve(container)) {
    errno = ENOMEM;
    return NULL;
  }
  uint32_t index = table->used++;
  ouro__weak_entry *entry = ouro__weak_table_at(container, index);
  memset(entry, 0, container->kind->stride);
  entry->weak = weak;
  container->added++;
  OURO__SET(table->live, table->live + 1);
  if (table->cells) put_in_cell(container, hash, index);
  return entry;
}

/* Let the entry have the value: the one that it had is in *value. */
static void swap_values(const ouro__weak_container *container, ouro__weak_entry *entry, ouro_object **value) {
  if (!container->kind->values) return;
  ouro_object *before = *value_of(entry);
  *value_of(entry) = *value;
  *value = before;
}

/* The object's first entry, unless another thread has just made it: when `added` was read there was none. What is left in *weak and
 * *value is to be released. */
static bool add_member(ouro__weak_container *container, void *object, uint64_t added, ouro_weak **weak, ouro_object **value) {
  uint64_t hash = ouro__hash_address(object);
  ouro__weak_entry *entry = container->added == added ? NULL : ouro__weak_table_find(container, object, hash);
  if (!entry) {
    entry = ouro__weak_table_add(container, *weak, hash);
    if (!entry) return false;
    entry->member = object;
    *weak = NULL;
  }
  swap_values(container, entry, value);
  return true;
}

static int put_new(ouro__weak_container *container, void *object, uint64_t added, ouro_object **value) {
  ouro_weak *weak = ouro__weak_table_make(container, object, ouro__hash_address(object));
  if (!weak) return ouro__weak_table_error();
  bool locked = ouro__weak_table_lock(container);
  bool done = add_member(container, object, added, &weak, value);
  ouro__weak_table_unlock(container, locked);
  ouro_xdecref(weak);
  if (!done) errno = ENOMEM;
  return done ? OURO_OK : OURO_ENOMEM;
}

int ouro__weak_table_put(ouro__weak_container *container, void *object, void *given) {
  int code = OURO_OK;
  if (OURO_UNLIKELY(!ouro__attached())) return ouro__weak_table_error();
  ouro_object *value = ouro_xnewref(given);
  bool locked = ouro__weak_table_lock(container);
  ouro__weak_entry *entry = ouro__weak_table_find(container, object, ouro__hash_address(object));
  uint64_t added = container->added;
  if (entry) swap_values(container, entry, &value);
  ouro__weak_table_unlock(container, locked);
  if (!entry) code = put_new(container, object, added, &value);
  ouro_xdecref(value); /* may run anything */
  return code;
}

ouro_ref ouro__weak_table_new(ouro_type *type, const ouro__weak_kind *kind) {
  ouro__weak_container *container = ouro_new(type);
  if (!container) return NULL;
  container->kind = kind;
  container->lock = (ouro__lock)OURO_LOCK_INIT(OURO_RANK_LISTS);
  return container;
}

/* ---------------------------------------------------------------- walks */

void ouro__weak_table_walk_begin(ouro__weak_container *container, ouro__weak_walk *walk) {
  ouro_incref(container);
  bool locked = ouro__weak_table_lock(container);
  *walk = (ouro__weak_walk){.next = container->walks, .thread = &ouro__at, .end = container->table.used};
  container->walks = walk;
  ouro__weak_table_unlock(container, locked);
}

/* Go to the next entry whose member lives. */
static bool next_shown(const ouro__weak_container *container, ouro__weak_walk *walk) {
  while (walk->at < walk->end) {
    ouro__weak_entry *entry = ouro__weak_table_at(container, walk->at++);
    walk->member = entry->weak ? ouro_weak_get(entry->weak) : NULL;
    if (!walk->member) continue;
    if (container->kind->values) walk->value = ouro_xnewref(*value_of(entry));
    if (container->kind->names) walk->name = entry->member;
    return true;
  }
  return false;
}

bool ouro__weak_table_walk_next(ouro__weak_container *container, ouro__weak_walk *walk) {
  bool locked = ouro__weak_table_lock(container);
  void *name = walk->name ? end_of_name(container, walk) : NULL;
  bool shown = next_shown(container, walk);
  ouro__weak_table_unlock(container, locked);
  if (name) ouro_free(name);
  return shown;
}

/* A visitor must return: no jump may pass over a walk. So of the thread's own walks the newest ends. */
static void leave_list(ouro__weak_container *container, const ouro__weak_walk *walk) {
  ouro__weak_walk **at = &container->walks;
  while (*at && (*at)->thread != walk->thread) at = &(*at)->next;
  OURO_INVARIANT(*at == walk);
  *at = walk->next;
}

void ouro__weak_table_walk_end(ouro__weak_container *container, ouro__weak_walk *walk) {
  bool locked = ouro__weak_table_lock(container);
  void *name = end_of_name(container, walk);
  leave_list(container, walk);
  ouro__weak_table_unlock(container, locked);
  if (name) ouro_free(name);
  ouro_decref(container);
}

/* ---------------------------------------------------------------- errors, checking */

int ouro__weak_table_error(void) { return errno == ENOMEM ? OURO_ENOMEM : errno == EPERM ? OURO_EPERM : OURO_EINVAL; }

/* The number of cells that hold entry `index`. */
static uint32_t cells_of(const ouro__weak_container *container, uint32_t index) {
  const uint32_t *cells = ouro__weak_table_cells(container);
  uint32_t found = 0;
  for (uint32_t i = 0; i < container->table.cells; i++) found += cells[i] == index + 1;
  return found;
}

static bool is_found(const ouro__weak_container *container, const ouro__weak_entry *entry) {
  const ouro__weak_entry *each;
  for (ouro__weak_probe probe = ouro__weak_table_probe_of(container, container->kind->hash(entry));
       (each = ouro__weak_table_next(&probe));) {
    if (each == entry) return true;
  }
  return false;
}

bool ouro__weak_table_valid(const ouro__weak_container *container) {
  const ouro__weak_table *table = &container->table;
  uint32_t live = 0;
  if (table->used > table->room || table->room > (table->block ? room_of(table->cells) : 0))
    return false; /* I-TABLE-1, 2 */
  for (uint32_t i = 0; i < table->used; i++) {
    const ouro__weak_entry *entry = ouro__weak_table_at(container, i);
    if (!entry->weak) continue;
    live++;
    if (table->cells && (cells_of(container, i) != 1 || !is_found(container, entry))) return false; /* I-TABLE-2 */
  }
  for (const ouro__weak_walk *walk = container->walks; walk; walk = walk->next) {
    if (walk->at > walk->end || walk->end > table->used) return false; /* I-TABLE-3 */
  }
  return live == table->live;
}
