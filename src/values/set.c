/* values/set.c - sets and frozensets: one item of them, walks, algebra, and what they are as values. The table is
 * table.h's, of keys without values.
 *
 * A frozenset is built as a set, which nobody else has, and takes over its block when that is complete: so the collector, which may stop
 * watching what is immutable and holds nothing that it watches, finds it as it will stay. */
#include <ouro/bytes.h>

#include "values/sequence.h"
#include "values/table.h"

enum { WORDS = OURO__OF_SET };

/* ---------------------------------------------------------------- making */

bool ouro_is_set(const void *object) { return ouro_type_of(object) == &ouro_set_type || ouro_is_instance(object, &ouro_set_type); }
bool ouro_is_frozenset(const void *object) {
  return ouro_type_of(object) == &ouro_frozenset_type || ouro_is_instance(object, &ouro_frozenset_type);
}
bool ouro_is_any_set(const void *object) { return ouro_is_set(object) || ouro_is_frozenset(object); }

ouro_ref ouro_set_new(void) { return ouro_new(&ouro_set_type); }

size_t ouro_set_count(const ouro_set *set) { return set ? ouro__table_count(&set->table) : 0; }

/* `set` (stolen, and nobody else's), or a frozenset with what it has; NULL of NULL. */
static ouro_ref finished(ouro_set *set, bool frozen) {
  if (!set || !frozen) return set;
  ouro_set *made = ouro_new(&ouro_frozenset_type);
  if (made) {
    uint32_t live = set->table.live;
    ouro__table_exchange(&made->table, ouro__table_exchange(&set->table, NULL, 0), live);
    made->table.version = 0;
  }
  int saved = errno;
  ouro_decref(set);
  errno = saved;
  return made;
}

/* `set` (stolen) after what was done to it. */
static ouro_ref made_or_code(ouro_set *set, bool frozen, int code) {
  if (!code) return finished(set, frozen);
  ouro_decref(set);
  return ouro__fail(code);
}

static OURO_NOINLINE int put_slowly(ouro_set *set, void *item) {
  ouro__key key;
  int code = ouro__key_of(item, &key);
  return code ? code : ouro__table_put_new(&set->table, WORDS, &key, NULL);
}

OURO_INLINE ouro__key key_of(void *item, enum ouro__key_kind kind) {
  return kind == OURO__KEY_STR ? ouro__key_of_str(item) : ouro__key_of_int(item);
}

/* An item that is known, among such, for who is alone and finds room: 1, 0; else a code that means nothing. */
OURO_INLINE int put_simple(ouro__table *table, void *item, enum ouro__key_kind kind) {
  ouro__key key = key_of(item, kind);
  ouro__probe probe = {0};
  int code = OURO_EBUSY;
  if (OURO_UNLIKELY(!ouro__enter_alone())) return code;
  if (OURO_LIKELY(ouro__all_simple(table) && (table->block || ouro__table_reserve(table, WORDS, 1, false)))) {
    if (ouro__find_simple(table->block, WORDS, key, kind, &probe)) {
      code = 0;
    } else if (OURO_LIKELY(ouro__has_room(table))) {
      ouro__table_add_at(table, WORDS, key.hash, ouro_newref(item), NULL, &probe);
      code = 1;
    }
  }
  ouro__leave_alone();
  return code;
}

/* Put an item in, whatever the set is: 1, 0, or a code. */
static int put(ouro_set *set, void *item) {
  int code = OURO_EBUSY;
  if (OURO_LIKELY(ouro__is_str_exact(item))) {
    code = put_simple(&set->table, item, OURO__KEY_STR);
  } else if (OURO_LIKELY(ouro__int_is_small(item))) {
    code = put_simple(&set->table, item, OURO__KEY_INT);
  }
  return OURO_LIKELY(code >= 0) ? code : put_slowly(set, item);
}

static int put_all(ouro_set *set, void *iterable) {
  void *iterator = NULL, *item = NULL;
  int code = ouro_iterate(iterable, &iterator);
  if (code) return code;
  while ((code = ouro_next(iterator, &item)) == 1) {
    code = put(set, item);
    ouro_decref(item);
    if (code < 0) break;
  }
  ouro_decref(iterator);
  return code;
}

/* A new set, not a frozen one. NULL: nothing to put in. */
static ouro_set *set_of(void *iterable) {
  if (iterable && ouro_is_any_set(iterable)) return ouro__table_copy(iterable, WORDS, &ouro_set_type);
  ouro_set *made = ouro_new(&ouro_set_type);
  return made && iterable ? made_or_code(made, false, put_all(made, iterable)) : made;
}

ouro_ref ouro_set_from(void *iterable) { return set_of(iterable); }

ouro_ref ouro_frozenset_new(void *iterable) {
  if (iterable && ouro_type_of(iterable) == &ouro_frozenset_type) return ouro_newref(iterable);
  return finished(set_of(iterable), true);
}

/* ---------------------------------------------------------------- one item */

int ouro_set_contains(ouro_set *set, void *item) {
  ouro__key key;
  if (!set || !item) return OURO_EINVAL;
  int code = ouro__key_of(item, &key);
  return code ? code : ouro__table_has(&set->table, WORDS, &key);
}

/* May it be changed? OURO_OK, or why not. */
static int to_be_changed(const ouro_set *set, const void *argument) {
  if (!set || !argument) return OURO_EINVAL;
  return ouro_is_set(set) ? OURO_OK : OURO_ETYPE;
}

int ouro_set_add(ouro_set *set, void *item) {
  int code = to_be_changed(set, item);
  return code ? code : put(set, item);
}

int ouro_set_add_move(ouro_set *set, ouro_ref item) {
  int code = ouro_set_add(set, item);
  ouro_xdecref(item);
  return code;
}

int ouro_set_discard(ouro_set *set, void *item) {
  ouro__key key;
  int code = to_be_changed(set, item);
  if (!code) code = ouro__key_of(item, &key);
  return code ? code : ouro__table_discard(&set->table, WORDS, &key);
}

int ouro_set_remove(ouro_set *set, void *item) {
  int code = ouro_set_discard(set, item);
  return code == 0 ? OURO_EKEY : code < 0 ? code : OURO_OK;
}

int ouro_set_pop(ouro_set *set, ouro_slot item) {
  ouro__hold hold;
  void *held[2] = {NULL, NULL};
  int code = to_be_changed(set, set);
  if (code) return code;
  ouro__hold_write(&hold, set);
  bool taken = ouro__table_take_last(&set->table, WORDS, held);
  ouro__hold_end(&hold, set);
  if (taken) OURO__SLOT_SET(item, held[0]);
  return taken;
}

void ouro_set_clear(ouro_set *set) {
  if (to_be_changed(set, set) == OURO_OK) ouro__table_clear(&set->table, WORDS);
}

int ouro_set_next(ouro_set *set, size_t *cursor, ouro_slot item) {
  void *held[2];
  if (!set || !cursor) return OURO_EINVAL;
  int code = ouro__table_next(&set->table, WORDS, cursor, held);
  if (code == 1) OURO__SLOT_SET(item, held[0]);
  return code;
}

/* ---------------------------------------------------------------- algebra
 *
 * Sets are walked as they were at one moment: a block with references of its own. */

/* The other one as a set, new; NULL and errno. */
static ouro_set *as_set(void *other) { return ouro_is_any_set(other) ? ouro_newref(other) : set_of(other); }

static int snapshot(ouro_set *set, ouro__block **block) {
  ouro__hold hold;
  ouro__hold_read(&hold, set);
  bool done = ouro__table_clone(&set->table, WORDS, block);
  ouro__hold_end(&hold, set);
  return done ? OURO_OK : OURO_ENOMEM;
}

/* What is done with each item of a walk: to the set `to`, as it is in `other` or not. OURO_OK or above, or a code. */
typedef int (*with_item)(ouro__table *to, ouro__table *other, const ouro__key *key);

static int put_item(ouro__table *to, ouro__table *other, const ouro__key *key) {
  (void)other;
  return ouro__table_put_new(to, WORDS, key, NULL);
}

static int discard_item(ouro__table *to, ouro__table *other, const ouro__key *key) {
  (void)other;
  return ouro__table_discard(to, WORDS, key);
}

static int put_if_in(ouro__table *to, ouro__table *other, const ouro__key *key) {
  int code = ouro__table_has(other, WORDS, key);
  return code == 1 ? put_item(to, other, key) : code;
}

static int put_unless_in(ouro__table *to, ouro__table *other, const ouro__key *key) {
  int code = ouro__table_has(other, WORDS, key);
  return code == 0 ? put_item(to, other, key) : code;
}

static int discard_unless_in(ouro__table *to, ouro__table *other, const ouro__key *key) {
  int code = ouro__table_has(other, WORDS, key);
  return code == 0 ? discard_item(to, other, key) : code;
}

static int toggle_item(ouro__table *to, ouro__table *other, const ouro__key *key) {
  int code = discard_item(to, other, key);
  return code == 0 ? put_item(to, other, key) : code;
}

static int each(ouro_set *set, with_item what, ouro_set *to, ouro_set *other) {
  ouro__block *block = NULL;
  int code = snapshot(set, &block);
  for (uint32_t i = ouro__next_entry(block, WORDS, 0); block && code >= 0 && i < block->used; i = ouro__next_entry(block, WORDS, i + 1)) {
    ouro__key key = ouro__key_of_entry(block, WORDS, i);
    code = what(&to->table, &other->table, &key);
  }
  ouro__block_drop(block, WORDS);
  return code < 0 ? code : OURO_OK;
}

/* `to` is nobody else's, and stolen; `other` is stolen as well. */
static ouro_ref result(ouro_set *to, ouro_set *other, bool frozen, int code) {
  ouro_decref(other);
  return made_or_code(to, frozen, code);
}

/* A new set of those items of `set` that `what` takes, and of those of the other one that `and_then` takes (or NULL). */
static ouro_ref filtered(ouro_set *set, void *iterable, with_item what, with_item and_then) {
  if (!set || !iterable) return ouro__fail(OURO_EINVAL);
  ouro_set *other = as_set(iterable), *to = other ? ouro_new(&ouro_set_type) : NULL;
  if (!to) {
    int saved = errno;
    ouro_xdecref(other);
    errno = saved;
    return NULL;
  }
  int code = each(set, what, to, other);
  if (!code && and_then) code = each(other, and_then, to, set);
  return result(to, other, ouro_is_frozenset(set), code);
}

ouro_ref ouro_set_union(ouro_set *set, void *other) {
  if (!set || !other) return ouro__fail(OURO_EINVAL);
  ouro_set *made = ouro__table_copy(&set->table, WORDS, &ouro_set_type);
  return made ? made_or_code(made, ouro_is_frozenset(set), ouro_set_update(made, other)) : NULL;
}

ouro_ref ouro_set_intersection(ouro_set *set, void *other) { return filtered(set, other, put_if_in, NULL); }
ouro_ref ouro_set_difference(ouro_set *set, void *other) { return filtered(set, other, put_unless_in, NULL); }
ouro_ref ouro_set_symmetric_difference(ouro_set *set, void *other) { return filtered(set, other, put_unless_in, put_unless_in); }

/* Change the set by each of its own items (`own`), or by each of the other's. */
static int changed(ouro_set *set, void *iterable, with_item what, bool own) {
  int code = to_be_changed(set, iterable);
  if (code) return code;
  ouro_set *other = as_set(iterable);
  if (!other) return ouro__code();
  code = each(own ? set : other, what, set, other);
  ouro_decref(other);
  return code;
}

int ouro_set_update(ouro_set *set, void *other) { return changed(set, other, put_item, false); }
int ouro_set_intersection_update(ouro_set *set, void *other) { return changed(set, other, discard_unless_in, true); }
int ouro_set_difference_update(ouro_set *set, void *other) { return changed(set, other, discard_item, false); }
int ouro_set_symmetric_difference_update(ouro_set *set, void *other) { return changed(set, other, toggle_item, false); }

/* ---------------------------------------------------------------- comparing: item after item, as they are when each one's turn comes */

/* Is each item of the first in the second (`wanted`), or none? 1, 0, or a code. */
static int all_are(ouro_set *first, ouro_set *second, int wanted) {
  ouro__shown item;
  uint32_t number = 0;
  while (ouro__table_step(&first->table, WORDS, &number, &item)) {
    int code = ouro__table_has(&second->table, WORDS, &item.key);
    ouro__shown_drop(&item);
    if (code != wanted) return code < 0 ? code : 0;
  }
  return 1;
}

static int is_subset(ouro_set *first, ouro_set *second) {
  return ouro_set_count(first) <= ouro_set_count(second) ? all_are(first, second, 1) : 0;
}

static int is_superset(ouro_set *first, ouro_set *second) { return is_subset(second, first); }

static int is_disjoint(ouro_set *first, ouro_set *second) {
  bool less = ouro_set_count(first) <= ouro_set_count(second);
  return less ? all_are(first, second, 0) : all_are(second, first, 0);
}

static int asked(ouro_set *set, void *iterable, int (*what)(ouro_set *set, ouro_set *other)) {
  if (!set || !iterable) return OURO_EINVAL;
  ouro_set *other = as_set(iterable);
  if (!other) return ouro__code();
  int code = what(set, other);
  ouro_decref(other);
  return code;
}

int ouro_set_is_subset(ouro_set *set, void *other) { return asked(set, other, is_subset); }
int ouro_set_is_superset(ouro_set *set, void *other) { return asked(set, other, is_superset); }
int ouro_set_is_disjoint(ouro_set *set, void *other) { return asked(set, other, is_disjoint); }

static int set_equal(void *self, void *other) {
  if (!ouro_is_any_set(other)) return OURO_NOT_MINE;
  return ouro_set_count(self) == ouro_set_count(other) ? all_are(self, other, 1) : 0;
}

/* In whatever order they come: each hash well mixed, and all of them exclusively or-ed, as in CPython. */
static uint64_t hash_of_items(const ouro__table *table) {
  const ouro__block *block = table->block;
  uint64_t hash = ouro__mix(table->live + 1);
  for (uint32_t i = ouro__next_entry(block, WORDS, 0); block && i < block->used; i = ouro__next_entry(block, WORDS, i + 1)) {
    hash ^= ouro__mix(ouro__key_of_entry(block, WORDS, i).hash | UINT64_C(1) << 32);
  }
  hash = ouro__mix(hash);
  return (uint32_t)hash ? (uint32_t)hash : 1;
}

/* Several threads may find it out at once: it is the same. */
static int frozenset_hash(void *self, uint64_t *hash) {
  ouro__table *table = self;
  uint32_t known = OURO__SEE(table->version);
  if (!known) {
    known = (uint32_t)hash_of_items(table);
    OURO__SET(table->version, known);
  }
  *hash = known;
  return OURO_OK;
}

/* ---------------------------------------------------------------- text */

static int items_repr(ouro_set *set, ouro_buffer *out) {
  ouro__shown item;
  uint32_t number = 0;
  int code = ouro_buffer_append_text(out, "{");
  for (bool first = true; !code && ouro__table_step(&set->table, WORDS, &number, &item); first = false) {
    if (!first) code = ouro_buffer_append_text(out, ", ");
    if (!code) code = ouro_repr_into(item.key.object, out);
    ouro__shown_drop(&item);
  }
  return code ? code : ouro_buffer_append_text(out, "}");
}

/* As Python's: set(), {1, 2}, frozenset(), frozenset({1, 2}), and set(...) in itself. */
static int set_repr(void *self, ouro_buffer *out) {
  bool frozen = ouro_is_frozenset(self), empty = ouro_set_count(self) == 0;
  const char *name = frozen ? "frozenset(" : empty ? "set(" : "";
  if (ouro__printing(self)) return ouro_buffer_append_text(out, frozen ? "frozenset(...)" : "set(...)");
  int code = ouro_buffer_append_text(out, name);
  if (!code && !empty) code = items_repr(self, out);
  if (!code && *name) code = ouro_buffer_append_char(out, ')');
  ouro__printed(self);
  return code;
}

/* ---------------------------------------------------------------- items, copies */

static int set_length(void *self, size_t *length) {
  *length = ouro_set_count(self);
  return OURO_OK;
}

static int set_contains(void *self, void *item) { return ouro_set_contains(self, item); }

static int set_copy(void *self, ouro_copier *copier, ouro_slot copy) {
  (void)copier;
  ouro_set *made = ouro__table_copy(self, WORDS, ouro_is_frozenset(self) ? &ouro_frozenset_type : &ouro_set_type);
  if (!made) return ouro__code();
  OURO__SLOT_SET(copy, made);
  return OURO_OK;
}

static int set_copied(void *self) { return ouro__table_copied(self, WORDS); }

static size_t set_extent(const void *self) { return ouro__table_extent(self, WORDS); }

typedef struct iterator {
  ouro_object base;
  ouro_set *set;
  _Atomic size_t cursor;
} iterator;

static int iterator_next(void *self, ouro_slot slot) {
  iterator *it = self;
  void *held[2];
  int code = it->set ? ouro__table_iterate(&it->set->table, WORDS, &it->cursor, held) : 0;
  if (code == 1) OURO__SLOT_SET(slot, held[0]);
  return code;
}

static const ouro_protocols iterator_protocols = {.next = iterator_next};

static ouro_type iterator_type = {
    .name = "set_iterator",
    .size = sizeof(iterator),
    .references = OURO_REFERENCES(offsetof(iterator, set)),
    .protocols = &iterator_protocols,
};

static int set_iterate(void *self, ouro_slot slot) {
  iterator *made = ouro_new(&iterator_type);
  if (!made) return ouro__code();
  made->set = ouro_newref(self);
  made->cursor = ouro__table_cursor(self);
  OURO__SLOT_SET(slot, made);
  return OURO_OK;
}

/* ---------------------------------------------------------------- the types */

static void visit(void *self, ouro_visitor *visitor) {
  const ouro__block *block = ((ouro__table *)self)->block;
  for (uint32_t i = 0; block && i < block->used; i++) ouro_visit(visitor, ouro__entry_at(block, WORDS, i));
}

/* OURO_TYPE_RELEASES: what the collector has emptied is NULL. */
static void release(void *self) { ouro__block_drop(((ouro__table *)self)->block, WORDS); }

#define SET_PROTOCOLS \
  .equal = set_equal, .repr = set_repr, .length = set_length, .iterate = set_iterate, .contains = set_contains, .copy = set_copy, \
  .copied = set_copied, .extent = set_extent

static const ouro_protocols set_protocols = {SET_PROTOCOLS};
static const ouro_protocols frozenset_protocols = {SET_PROTOCOLS, .hash = frozenset_hash};

ouro_type ouro_set_type = {.name = "set",
                           .size = sizeof(ouro_set),
                           .visit = visit,
                           .release = release,
                           .flags = OURO_TYPE_RELEASES,
                           .protocols = &set_protocols};
ouro_type ouro_frozenset_type = {.name = "frozenset",
                                 .size = sizeof(ouro_set),
                                 .visit = visit,
                                 .release = release,
                                 .flags = OURO_TYPE_IMMUTABLE | OURO_TYPE_RELEASES,
                                 .protocols = &frozenset_protocols};
