/* values/dict_many.c - all keys of a dict: those of another put into it, lists of them, walks. See table.h. */
#include "values/sequence.h"
#include "values/table.h"

enum { WORDS = OURO__OF_DICT };

/* ---------------------------------------------------------------- updating from a dict */

static inline bool find(const ouro__table *table, const ouro__key *key, ouro__probe *probe) {
  if (key->kind == OURO__KEY_STR) return ouro__find_simple(table->block, WORDS, *key, OURO__KEY_STR, probe);
  return ouro__find_simple(table->block, WORDS, *key, OURO__KEY_INT, probe);
}

/* For each whole entry of a block: for (uint32_t i = FIRST(b); i < b->used; i = AFTER(b, i)). */
static uint32_t first_of(const ouro__block *block) { return ouro__next_entry(block, WORDS, 0); }
static uint32_t after(const ouro__block *block, uint32_t number) { return ouro__next_entry(block, WORDS, number + 1); }

/* How many keys of the other are not in the table. Both are simple. */
static size_t count_missing(const ouro__table *table, const ouro__block *other) {
  ouro__probe probe;
  size_t missing = 0;
  for (uint32_t i = first_of(other); i < other->used; i = after(other, i)) {
    ouro__key key = ouro__key_of_entry(other, WORDS, i);
    missing += !find(table, &key, &probe);
  }
  return missing;
}

/* There is room. Returns how many values were exchanged: they are in `replaced`. */
static size_t put_all(ouro__table *table, const ouro__block *other, ouro_object **replaced) {
  ouro__probe probe;
  size_t count = 0;
  for (uint32_t i = first_of(other); i < other->used; i = after(other, i)) {
    ouro__key key = ouro__key_of_entry(other, WORDS, i);
    ouro_object *value = ouro_newref(ouro__entry_at(other, WORDS, i)[1]);
    if (find(table, &key, &probe)) {
      ouro_object **there = &ouro__entry_at(table->block, WORDS, probe.number)[1];
      replaced[count++] = *there;
      *there = value;
    } else {
      ouro__table_add(table, WORDS, key.hash, ouro_newref(key.object), value);
    }
  }
  return count;
}

/* Both have keys, simple ones, and are held. *replaced: values to be released, *count of them. */
static int merge_simple(ouro__table *table, const ouro__table *other, ouro__row *replaced, size_t *count) {
  size_t missing = count_missing(table, other->block), found = other->live - missing;
  *replaced = found ? ouro__row_new(found) : NULL;
  if (found && !*replaced) return OURO_ENOMEM;
  if (missing && !ouro__table_reserve(table, WORDS, missing, false)) return OURO_ENOMEM;
  *count = put_all(table, other->block, *replaced);
  return OURO_OK;
}

/* The dict has no keys, and is held with the other: a clone of the other's block, instead of its own. */
static int become(ouro__table *table, const ouro__table *other, ouro__block **before) {
  ouro__block *block;
  if (!ouro__table_clone(other, WORDS, &block)) return OURO_ENOMEM;
  *before = ouro__table_exchange(table, block, other->live);
  return OURO_OK;
}

/* Keys that others compare: one after the other, from a clone. */
static int merge_any(ouro_dict *dict, const ouro__block *other) {
  int code = OURO_OK;
  for (uint32_t i = first_of(other); !code && i < other->used; i = after(other, i)) {
    ouro_object **entry = ouro__entry_at(other, WORDS, i);
    code = ouro_dict_set(dict, entry[0], entry[1]);
  }
  return code;
}

static int update_from_dict(ouro_dict *dict, ouro_dict *from) {
  ouro__table *table = &dict->table, *other = &from->table;
  ouro__hold hold;
  ouro__row replaced = NULL;
  ouro__block *before = NULL, *clone = NULL;
  size_t count = 0;
  int code = OURO_OK;
  ouro__hold_two(&hold, dict, from);
  if (other->live == 0) {
    code = OURO_OK;
  } else if (table->live == 0) {
    code = become(table, other, &before);
  } else if (ouro__all_simple(table) && ouro__all_simple(other)) {
    code = merge_simple(table, other, &replaced, &count);
  } else if (!ouro__table_clone(other, WORDS, &clone)) {
    code = OURO_ENOMEM;
  }
  ouro__hold_end(&hold, dict);
  if (clone) code = merge_any(dict, clone);
  if (replaced) ouro__row_release(replaced, count);
  ouro__block_drop(before, WORDS);
  ouro__block_drop(clone, WORDS);
  return code;
}

/* ---------------------------------------------------------------- updating from pairs */

static int set_pair(ouro_dict *dict, void *item) {
  ouro_object *key = NULL, *value = NULL;
  if (ouro_is_tuple(item) && ouro_tuple_count(item) == 2) {
    key = ouro_newref(ouro_tuple_at(item, 0));
    value = ouro_newref(ouro_tuple_at(item, 1));
  } else if (ouro_is_list(item) && ouro_list_count(item) == 2) {
    key = ouro__list_at(item, 0);
    value = ouro__list_at(item, 1);
  }
  if (key && value) return ouro_dict_set_move(dict, key, value);
  ouro_xdecref(key);
  ouro_xdecref(value);
  return OURO_ETYPE;
}

static int update_from_pairs(ouro_dict *dict, void *iterable) {
  void *iterator = NULL, *item = NULL;
  int code = ouro_iterate(iterable, &iterator);
  if (code) return code;
  while ((code = ouro_next(iterator, &item)) == 1) {
    code = set_pair(dict, item);
    ouro_decref(item);
    if (code) break;
  }
  ouro_decref(iterator);
  return code;
}

int ouro_dict_update(ouro_dict *dict, void *other) {
  if (!dict || !other) return OURO_EINVAL;
  if (dict == other) return OURO_OK;
  return ouro_is_dict(other) ? update_from_dict(dict, other) : update_from_pairs(dict, other);
}

ouro_ref ouro_dict_merged(ouro_dict *first, ouro_dict *second) {
  if (!first || !second) return ouro__fail(OURO_EINVAL);
  ouro_dict *made = ouro__table_copy(&first->table, WORDS, &ouro_dict_type);
  int code = made ? ouro_dict_update(made, second) : OURO_OK;
  if (!code) return made;
  ouro_decref(made);
  return ouro__fail(code);
}

/* ---------------------------------------------------------------- lists */

/* A row of the keys, or of the values, as they are at one moment. */
static int gather(ouro_dict *dict, unsigned which, ouro__gathered *it) {
  ouro__hold hold;
  ouro__hold_read(&hold, dict);
  const ouro__block *block = dict->table.block;
  size_t room = block ? block->used : 0;
  it->row = room ? ouro__row_new(room) : NULL;
  for (uint32_t i = first_of(block); it->row && i < block->used; i = after(block, i)) {
    it->row[it->count++] = ouro_newref(ouro__entry_at(block, WORDS, i)[which]);
  }
  ouro__hold_end(&hold, dict);
  return room && !it->row ? OURO_ENOMEM : OURO_OK;
}

static ouro_ref list_of(ouro_dict *dict, unsigned which) {
  ouro__gathered it = {NULL, 0};
  int code = dict ? gather(dict, which, &it) : OURO_EINVAL;
  return code ? ouro__fail(code) : ouro__list_of_gathered(&it);
}

ouro_ref ouro_dict_keys(ouro_dict *dict) { return list_of(dict, 0); }
ouro_ref ouro_dict_values(ouro_dict *dict) { return list_of(dict, 1); }

static int append_pairs(ouro_list *list, const ouro__block *block) {
  int code = OURO_OK;
  for (uint32_t i = first_of(block); !code && i < block->used; i = after(block, i)) {
    ouro_object **entry = ouro__entry_at(block, WORDS, i);
    ouro_tuple *pair = ouro_tuple_of(2, (void *)entry[0], (void *)entry[1]);
    code = pair ? ouro_list_append_move(list, pair) : ouro__code();
  }
  return code;
}

static int clone_of(ouro_dict *dict, ouro__block **block) {
  ouro__hold hold;
  ouro__hold_read(&hold, dict);
  bool done = ouro__table_clone(&dict->table, WORDS, block);
  ouro__hold_end(&hold, dict);
  return done ? OURO_OK : OURO_ENOMEM;
}

ouro_ref ouro_dict_items(ouro_dict *dict) {
  ouro__block *block = NULL;
  int code = dict ? clone_of(dict, &block) : OURO_EINVAL;
  if (code) return ouro__fail(code);
  ouro_list *list = ouro__list_with_room(block ? block->used : 0);
  code = !list ? ouro__code() : block ? append_pairs(list, block) : OURO_OK;
  ouro__block_drop(block, WORDS);
  if (!code) return list;
  ouro_xdecref(list);
  return ouro__fail(code);
}

/* ---------------------------------------------------------------- walks */

static void give_or_drop(ouro_slot slot, ouro_object *object) {
  if (slot) {
    OURO__SLOT_SET(slot, object);
  } else {
    ouro_decref(object);
  }
}

int ouro_dict_next(ouro_dict *dict, size_t *cursor, ouro_slot key, ouro_slot value) {
  void *held[2];
  if (OURO_UNLIKELY(!dict || !cursor)) return OURO_EINVAL;
  int code = ouro__table_next(&dict->table, WORDS, cursor, held);
  if (code != 1) return code;
  give_or_drop(key, held[0]);
  give_or_drop(value, held[1]);
  return 1;
}

typedef struct iterator {
  ouro_object base;
  ouro_dict *dict;
  _Atomic size_t cursor;
} iterator;

static inline int next_item(void *self, void *held[2]) {
  iterator *it = self;
  return OURO_LIKELY(it->dict != NULL) ? ouro__table_iterate(&it->dict->table, WORDS, &it->cursor, held) : 0;
}

static int next_key(void *self, ouro_slot slot) {
  void *held[2];
  int code = next_item(self, held);
  if (code != 1) return code;
  ouro_decref(held[1]);
  OURO__SLOT_SET(slot, held[0]);
  return 1;
}

static int next_value(void *self, ouro_slot slot) {
  void *held[2];
  int code = next_item(self, held);
  if (code != 1) return code;
  ouro_decref(held[0]);
  OURO__SLOT_SET(slot, held[1]);
  return 1;
}

static int next_pair(void *self, ouro_slot slot) {
  void *held[2];
  int code = next_item(self, held);
  if (code != 1) return code;
  ouro_ref pair = ouro_tuple_new_move(2, held);
  if (!pair) return ouro__code();
  OURO__SLOT_SET(slot, pair);
  return 1;
}

static const ouro_protocols protocols[] = {
    [OURO_DICT_KEYS] = {.next = next_key}, [OURO_DICT_VALUES] = {.next = next_value}, [OURO_DICT_ITEMS] = {.next = next_pair}};

#define ITERATOR(name_, part_) \
  {.name = (name_), .size = sizeof(iterator), .references = OURO_REFERENCES(offsetof(iterator, dict)), .protocols = &protocols[part_]}

static ouro_type types[] = {
    [OURO_DICT_KEYS] = ITERATOR("dict_keyiterator", OURO_DICT_KEYS),
    [OURO_DICT_VALUES] = ITERATOR("dict_valueiterator", OURO_DICT_VALUES),
    [OURO_DICT_ITEMS] = ITERATOR("dict_itemiterator", OURO_DICT_ITEMS),
};

ouro_ref ouro_dict_iterator(ouro_dict *dict, enum ouro_dict_part part) {
  if (!dict || (unsigned)part > OURO_DICT_ITEMS) return ouro__fail(OURO_EINVAL);
  iterator *made = ouro_new(&types[part]);
  if (!made) return NULL;
  made->dict = ouro_newref(dict);
  made->cursor = ouro__table_cursor(&dict->table);
  return made;
}
