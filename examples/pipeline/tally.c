/* examples/pipeline/tally.c - see tally.h. */
#include "tally.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS_LEAST = 64 };

/* None of these is part of a cycle: nothing that they lead to leads back. A record may be in one, with its batch, but
 * no record leads to a ranking. */
static ouro_type group_type = {
    .name = "group",
    .size = sizeof(group),
    .references = OURO_REFERENCES(offsetof(group, next), offsetof(group, key)),
    .flags = OURO_TYPE_ACYCLIC,
};

static ouro_type table_type = {
    .name = "table",
    .size = sizeof(table),
    .item_size = sizeof(OURO_OWNED(group)),
    .flags = OURO_TYPE_ITEMS | OURO_TYPE_ACYCLIC,
};

static ouro_type ranking_type = {
    .name = "ranking",
    .size = sizeof(ranking),
    .item_size = sizeof(OURO_OWNED(record)),
    .flags = OURO_TYPE_ITEMS | OURO_TYPE_ACYCLIC,
};

bool tally_open(tally *t, size_t field, size_t top) {
  *t = (tally){.field = field, .top = top};
  ouro_movref(&t->table, ouro_new_var(&table_type, SLOTS_LEAST));
  ouro_movref(&t->longest, ouro_new_var(&ranking_type, top));
  return ouro_borrow(t->table) && ouro_borrow(t->longest);
}

void tally_close(tally *t) {
  ouro_clear(&t->longest);
  ouro_clear(&t->table);
}

/* ---------------------------------------------------------------- groups */

static size_t hash_of(const text *key) {
  size_t hash = 5381;
  for (size_t i = 0; i < key->head.count; i++) hash = hash * 33 + (unsigned char)key->bytes[i];
  return hash ^ hash >> 15;
}

/* Twice as many slots. Groups move from one table to the other: no count changes. */
static bool grow(tally *t) {
  table *old = ouro_borrow(t->table);
  OURO_AUTO(table) made = ouro_new_var(&table_type, 2 * old->head.count);
  table *wide = ouro_borrow(made);
  if (!wide) return false;
  for (size_t i = 0; i < old->head.count; i++) {
    while (ouro_borrow(old->slot[i])) {
      OURO_OWNED(group) moved = ouro_steal(&old->slot[i]);
      group *g = ouro_borrow(moved);
      OURO_OWNED(group) *slot = &wide->slot[g->hash % wide->head.count];
      ouro_movref(&old->slot[i], ouro_steal(&g->next));
      ouro_movref(&g->next, ouro_steal(slot));
      ouro_movref(slot, moved);
    }
  }
  ouro_movref(&t->table, ouro_steal(&made));
  return true;
}

static group *add_group(tally *t, text *key, size_t hash) {
  if (t->groups == ((table *)ouro_borrow(t->table))->head.count && !grow(t)) return NULL;
  OURO_OWNED(group) made = ouro_new(&group_type);
  group *g = ouro_borrow(made);
  if (!g) return NULL;
  table *all = ouro_borrow(t->table);
  OURO_OWNED(group) *slot = &all->slot[hash % all->head.count];
  g->hash = hash;
  ouro_setref(&g->key, key);
  ouro_movref(&g->next, ouro_steal(slot));
  ouro_movref(slot, made);
  t->groups++;
  return g;
}

static group *find_or_add(tally *t, text *key) {
  size_t hash = hash_of(key);
  const table *all = ouro_borrow(t->table);
  for (group *g = ouro_borrow(all->slot[hash % all->head.count]); g; g = ouro_borrow(g->next)) {
    const text *its = ouro_borrow(g->key);
    if (g->hash == hash && text_is(its, key->bytes, key->head.count)) return g;
  }
  return add_group(t, key, hash);
}

/* ---------------------------------------------------------------- the longest lines */

static bool is_longer(const record *a, const record *b) {
  return a->length != b->length ? a->length > b->length : a->line < b->line;
}

/* It goes where it belongs, those behind it one place further, and the last one out. */
static void rank(ranking *r, record *added) {
  size_t at = r->head.count;
  const record *last = at ? ouro_borrow(r->record[at - 1]) : added;
  if (last && !is_longer(added, last)) return;
  for (; at > 0; at--) {
    const record *before = ouro_borrow(r->record[at - 1]);
    if (before && !is_longer(added, before)) break;
    if (at < r->head.count) ouro_movref(&r->record[at], ouro_steal(&r->record[at - 1]));
  }
  ouro_setref(&r->record[at], added);
}

/* ---------------------------------------------------------------- the interface */

bool tally_add(tally *t, record *r) {
  t->lines++;
  t->fields += r->head.count;
  for (size_t i = 0; i < r->head.count; i++) t->bytes += ((text *)ouro_borrow(r->field[i]))->head.count;
  rank(ouro_borrow(t->longest), r);
  if (r->head.count < t->field) {
    t->without++;
    return true;
  }
  group *g = find_or_add(t, ouro_borrow(r->field[t->field - 1]));
  if (g) g->count++;
  return g;
}

static int by_count(const void *a, const void *b) {
  const group *one = *(group *const *)a, *other = *(group *const *)b;
  if (one->count != other->count) return one->count < other->count ? 1 : -1;
  const text *key = ouro_borrow(one->key), *its = ouro_borrow(other->key);
  size_t length = key->head.count < its->head.count ? key->head.count : its->head.count;
  int order = memcmp(key->bytes, its->bytes, length);
  return order ? order : key->head.count < its->head.count ? -1 : 1;
}

ptrdiff_t tally_top(const tally *t, group **out, size_t room) {
  const table *slots = ouro_borrow(t->table);
  group **all = ouro_calloc(t->groups + 1, sizeof *all);
  size_t count = 0;
  if (!all) return -1;
  for (size_t i = 0; i < slots->head.count; i++) {
    for (group *g = ouro_borrow(slots->slot[i]); g; g = ouro_borrow(g->next)) all[count++] = g;
  }
  qsort(all, count, sizeof *all, by_count);
  if (count > room) count = room;
  memcpy(out, all, count * sizeof *all);
  ouro_free(all);
  return (ptrdiff_t)count;
}
