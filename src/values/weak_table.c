/* values/weak_table.c - the table that weak maps and sets have in common: entries that go when their members do. See values.h
 * for the picture and the invariants. */
#include <errno.h>
#include <string.h>

#include "gc/gc.h"
#include "heap/heap.h"
#include "values/values.h"

enum {
  SMALL = 8,        /* entries of a table that has no cells: looking through them is as fast */
  CELLS_LEAST = 32, /* of one that has some */
  SHRINK_BELOW = 8, /* a table of which so few parts are live is made smaller */
};
#define CELLS_MOST (UINT32_C(1) << 31)

_Static_assert(sizeof(void *) >= sizeof(uint64_t), "a hash is handed on as the `data` of a callback");

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
    ouro__weak_table_next(container, &probe);
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
  for (ouro__weak_walk *walk = container->walks; walk; walk = walk->outer) {
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
  container->table.used = container->table.live = pack_into(container->table.block, container);
  fill_cells(container);
}

/* A table for `count` entries. false: no memory, nothing has changed. */
static bool resize(ouro__weak_container *container, uint64_t count) {
  ouro__weak_table *table = &container->table, before = *table;
  uint32_t cells = cells_for(count);
  if (cells > CELLS_MOST) {
    errno = ENOMEM;
    return false;
  }
  char *block = ouro_malloc(room_of(cells) * container->kind->stride + cells * sizeof(uint32_t));
  if (!block) return false;
  move_walks(container);
  uint32_t live = pack_into(block, container);
  *table = (ouro__weak_table){block, room_of(cells), live, live, cells};
  fill_cells(container);
  ouro_free(before.block);
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
    *table = (ouro__weak_table){0};
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

/* A name that a walk is showing is left to the outermost such walk. */
static void free_name(const ouro__weak_container *container, void *name) {
  ouro__weak_walk *last = NULL;
  for (ouro__weak_walk *walk = container->walks; walk; walk = walk->outer) {
    if (name && walk->name == name) last = walk;
  }
  if (last)
    last->name_is_mine = true;
  else
    ouro_free(name);
}

/* The references are gone. */
void ouro__weak_table_release(void *self) {
  ouro__weak_container *container = self;
  for (uint32_t i = 0; container->kind->names && i < container->table.used; i++) {
    ouro_free(ouro__weak_table_at(container, i)->member);
  }
  ouro_free(container->table.block);
}

/* ---------------------------------------------------------------- entries */

ouro__weak_entry *ouro__weak_table_find(const ouro__weak_container *container, const void *member) {
  ouro__weak_entry *entry;
  for (ouro__weak_probe probe = ouro__weak_table_probe_of(container, ouro__hash_address(member));
       (entry = ouro__weak_table_next(container, &probe));) {
    if (entry->member == member && ouro__weak_table_is_there(entry)) return entry;
  }
  return NULL;
}

/* A member has died. An ouro_weak_fn. */
static void member_died(ouro_weak *weak, void *data, void *held) {
  ouro__weak_container *container = ouro_weak_get(held);
  if (!container) return;
  ouro__weak_entry *entry;
  for (ouro__weak_probe probe = ouro__weak_table_probe_of(container, (uintptr_t)data);
       (entry = ouro__weak_table_next(container, &probe));) {
    if (entry->weak != weak) continue;
    ouro__weak_table_remove(container, entry);
    break;
  }
  ouro_decref(container);
}

ouro_weak *ouro__weak_table_make(ouro__weak_container *container, void *object, uint64_t hash) {
  if (!container->self) container->self = ouro_weak_new(container);
  if (!container->self) return NULL;
  ouro_weak *weak = ouro_weak_new_callback(object, member_died, (void *)(uintptr_t)hash, container->self);
  if (weak) ouro_gc_untrack(weak);
  return weak;
}

ouro__weak_entry *ouro__weak_table_add(ouro__weak_container *container, void *object, uint64_t hash) {
  ouro__weak_table *table = &container->table;
  /* First, since it refuses other threads: they must not touch the table. */
  ouro_weak *weak = ouro__weak_table_make(container, object, hash);
  if (!weak) return NULL;
  if (!reserve(container)) {
    ouro_decref(weak);
    errno = ENOMEM;
    return NULL;
  }
  uint32_t index = table->used++;
  ouro__weak_entry *entry = ouro__weak_table_at(container, index);
  memset(entry, 0, container->kind->stride);
  entry->weak = weak;
  table->live++;
  if (table->cells) put_in_cell(container, hash, index);
  return entry;
}

/* Make a hole of the entry; what it owned is in `out`. */
static void take_out(const ouro__weak_container *container, ouro__weak_entry *entry, ouro_object *out[2]) {
  out[0] = (ouro_object *)entry->weak;
  out[1] = container->kind->values ? *value_of(entry) : NULL;
  if (container->kind->names) free_name(container, entry->member);
  memset(entry, 0, container->kind->stride);
}

static void release_both(ouro_object *owned[2]) {
  if (owned[0]) ouro_decref(owned[0]);
  ouro_xdecref(owned[1]);
}

void ouro__weak_table_remove(ouro__weak_container *container, ouro__weak_entry *entry) {
  ouro_object *owned[2];
  take_out(container, entry, owned);
  container->table.live--;
  shrink(container);
  release_both(owned);
}

void ouro__weak_table_remove_all(ouro__weak_container *container) {
  ouro__weak_container gone = {.kind = container->kind, .table = container->table, .walks = container->walks};
  container->table = (ouro__weak_table){0};
  for (ouro__weak_walk *walk = container->walks; walk; walk = walk->outer) walk->at = walk->end = 0;
  for (uint32_t i = 0; gone.kind->names && i < gone.table.used; i++) {
    ouro__weak_entry *entry = ouro__weak_table_at(&gone, i);
    free_name(&gone, entry->member);
    entry->member = NULL;
  }
  /* From here on anything may happen to the container. */
  gone.walks = NULL;
  for (uint32_t i = 0; i < gone.table.used; i++) {
    ouro_object *owned[2];
    take_out(&gone, ouro__weak_table_at(&gone, i), owned);
    release_both(owned);
  }
  ouro_free(gone.table.block);
}

/* ---------------------------------------------------------------- walks */

void ouro__weak_table_walk_begin(ouro__weak_container *container, ouro__weak_walk *walk) {
  ouro_incref(container);
  *walk = (ouro__weak_walk){container->walks, 0, container->table.used, NULL, false};
  container->walks = walk;
}

static void end_of_name(ouro__weak_walk *walk) {
  if (walk->name_is_mine) ouro_free(walk->name);
  walk->name = NULL;
  walk->name_is_mine = false;
}

ouro__weak_entry *ouro__weak_table_walk_next(ouro__weak_container *container, ouro__weak_walk *walk, void **member) {
  end_of_name(walk);
  while (walk->at < walk->end) {
    ouro__weak_entry *entry = ouro__weak_table_at(container, walk->at++);
    if (!entry->weak || !(*member = ouro_weak_get(entry->weak))) continue;
    if (container->kind->names) walk->name = entry->member;
    return entry;
  }
  return NULL;
}

void ouro__weak_table_walk_end(ouro__weak_container *container, ouro__weak_walk *walk) {
  end_of_name(walk);
  OURO_INVARIANT(container->walks == walk); /* a visitor must return: no jump may pass over a walk */
  container->walks = walk->outer;
  ouro_decref(container);
}

/* ---------------------------------------------------------------- errors, checking */

int ouro__weak_table_error(void) { return errno == ENOMEM ? OURO_ENOMEM : OURO_EINVAL; }

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
       (each = ouro__weak_table_next(container, &probe));) {
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
  for (const ouro__weak_walk *walk = container->walks; walk; walk = walk->outer) {
    if (walk->at > walk->end || walk->end > table->used) return false; /* I-TABLE-3 */
  }
  return live == table->live;
}
