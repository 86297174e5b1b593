/* values/dict.c - a dict, and one key of it: looked for, put in, taken out; and what it owns. See table.h. */
#include <string.h>

#include "values/table.h"

enum { WORDS = OURO__OF_DICT };

/* ---------------------------------------------------------------- the type */

static void visit(void *self, ouro_visitor *visitor) {
  const ouro__block *block = ((ouro__table *)self)->block;
  if (!block) return;
  ouro_object **slot = ouro__entry_at(block, WORDS, 0), **end = ouro__entry_at(block, WORDS, block->used);
  for (; slot < end; slot++) ouro_visit(visitor, slot);
}

/* OURO_TYPE_RELEASES: what the collector has emptied is NULL. */
static void release(void *self) { ouro__block_drop(((ouro__table *)self)->block, WORDS); }

ouro_type ouro_dict_type = {
    .name = "dict", .size = sizeof(ouro_dict), .visit = visit, .release = release,
    .flags = OURO_TYPE_RELEASES, .protocols = &ouro__dict_protocols};

bool ouro_is_dict(const void *object) { return ouro_type_of(object) == &ouro_dict_type || ouro_is_instance(object, &ouro_dict_type); }

ouro_ref ouro_dict_new(void) { return ouro_new(&ouro_dict_type); }

ouro_ref ouro__dict_with_room(size_t count) {
  ouro_dict *made = ouro_new(&ouro_dict_type);
  if (!made || !count || ouro__table_make_room(&made->table, WORDS, count, false)) return made;
  ouro_decref(made);
  return ouro__fail(OURO_ENOMEM);
}

size_t ouro_dict_count(const ouro_dict *dict) { return dict ? ouro__table_count(&dict->table) : 0; }

/* ---------------------------------------------------------------- getting
 *
 * Most of what is asked of a dict is a string or an int among strings and ints: that is written out for each, and needs no function of the
 * program's. NULL: it is not there; `others`: somebody else's functions must be asked. */

static inline ouro_object *value_at(const ouro__table *table, const ouro__probe *probe) {
  return ouro_xnewref(ouro__entry_at(table->block, WORDS, probe->number)[1]);
}

OURO_INLINE ouro_object *find_simply(const ouro__table *table, ouro__key key, enum ouro__key_kind kind, bool *others) {
  ouro__probe probe;
  *others = !ouro__all_simple(table);
  if (OURO_UNLIKELY(*others) || !ouro__find_simple(table->block, WORDS, key, kind, &probe)) return NULL;
  return value_at(table, &probe);
}

static inline int give(ouro_object *value, ouro_slot slot) {
  if (!value) return 0;
  OURO__SLOT_SET(slot, value);
  return 1;
}

static int get_any(ouro_dict *dict, const ouro__key *key, ouro_slot value) {
  ouro__hold hold;
  ouro__probe probe;
  ouro_object *found = NULL;
  int code = ouro__table_seek(&dict->table, WORDS, key, false, &hold, &probe);
  if (code < 0) return code;
  if (code) found = value_at(&dict->table, &probe);
  ouro__hold_end(&hold, dict);
  return give(found, value);
}

/* Any key, in any dict. */
static OURO_NOINLINE int get_slowly(ouro_dict *dict, void *object, ouro_slot value) {
  ouro__key key;
  int code = ouro__key_of(object, &key);
  return code ? code : get_any(dict, &key, value);
}

OURO_INLINE ouro__key key_of(void *object, enum ouro__key_kind kind) {
  return kind == OURO__KEY_STR ? ouro__key_of_str(object) : ouro__key_of_int(object);
}

/* With many threads: mostly without a lock as well. */
OURO_INLINE int get_among_many(ouro_dict *dict, void *object, enum ouro__key_kind kind, ouro_slot value) {
  ouro__key key = key_of(object, kind);
  ouro__hold hold;
  bool others;
  ouro__hold_read(&hold, dict);
  ouro_object *found = find_simply(&dict->table, key, kind, &others);
  ouro__hold_end(&hold, dict);
  return OURO_UNLIKELY(others) ? get_slowly(dict, object, value) : give(found, value);
}

static OURO_NOINLINE int get_str_among_many(ouro_dict *dict, void *object, ouro_slot value) {
  return get_among_many(dict, object, OURO__KEY_STR, value);
}

static OURO_NOINLINE int get_int_among_many(ouro_dict *dict, void *object, ouro_slot value) {
  return get_among_many(dict, object, OURO__KEY_INT, value);
}

OURO_INLINE int get_simple(ouro_dict *dict, void *object, enum ouro__key_kind kind, ouro_slot value) {
  ouro__key key = key_of(object, kind);
  bool others;
  if (OURO_UNLIKELY(!ouro__enter_alone())) {
    return kind == OURO__KEY_STR ? get_str_among_many(dict, object, value) : get_int_among_many(dict, object, value);
  }
  ouro_object *found = find_simply(&dict->table, key, kind, &others);
  ouro__leave_alone();
  return OURO_UNLIKELY(others) ? get_slowly(dict, object, value) : give(found, value);
}

int ouro__dict_get_str(ouro_dict *dict, ouro_str *key, ouro_slot value) { return get_simple(dict, key, OURO__KEY_STR, value); }

static OURO_NOINLINE int get_by_int(ouro_dict *dict, void *key, ouro_slot value) { return get_simple(dict, key, OURO__KEY_INT, value); }

int ouro_dict_get(ouro_dict *dict, void *key, ouro_slot value) {
  if (OURO_UNLIKELY(!dict || !key)) return OURO_EINVAL;
  OURO_ASSERT(ouro_is_dict(dict));
  if (OURO_LIKELY(ouro__is_str_exact(key))) return get_simple(dict, key, OURO__KEY_STR, value);
  return OURO_LIKELY(ouro__int_is_small(key)) ? get_by_int(dict, key, value) : get_slowly(dict, key, value);
}

int ouro_dict_contains(ouro_dict *dict, void *object) {
  ouro__key key;
  if (!dict || !object) return OURO_EINVAL;
  int code = ouro__key_of(object, &key);
  return code ? code : ouro__table_has(&dict->table, WORDS, &key);
}

/* ---------------------------------------------------------------- setting */

/* What a key was given, and is to be taken back: with no hold. */
static int dropped(const ouro__key *key, ouro_object *value, int code) {
  ouro_decref(key->object);
  ouro_xdecref(value);
  return code;
}

/* The references are taken over, also when it fails. */
static OURO_NOINLINE int set_any(ouro_dict *dict, const ouro__key *key, ouro_object *value) {
  ouro__hold hold;
  ouro__probe probe;
  ouro__table *table = &dict->table;
  int there = ouro__table_seek(table, WORDS, key, true, &hold, &probe);
  if (there < 0) return dropped(key, value, there);
  if (there) {
    ouro_object **entry = ouro__entry_at(table->block, WORDS, probe.number), *before = entry[1];
    entry[1] = value;
    ouro__hold_end(&hold, dict);
    return dropped(key, before, OURO_OK);
  }
  bool room = ouro__table_reserve(table, WORDS, 1, key->kind == OURO__KEY_OTHER);
  if (room) ouro__table_add(table, WORDS, key->hash, key->object, value);
  ouro__hold_end(&hold, dict);
  return room ? OURO_OK : dropped(key, value, OURO_ENOMEM);
}

/* The same, of any key; `moves`: it takes the references over, else it takes its own. */
static OURO_NOINLINE int set_slowly(ouro_dict *dict, void *object, ouro_object *value, bool moves) {
  ouro__key key;
  int code = ouro__key_of(object, &key);
  if (!moves) ouro_incref(object), ouro_incref(value);
  key.object = object;
  return code ? dropped(&key, value, code) : set_any(dict, &key, value);
}

/* The same, of a key that is known, among such keys, for who is alone. */
OURO_INLINE int set_simple(ouro_dict *dict, void *object, enum ouro__key_kind kind, ouro_object *value, bool moves) {
  ouro__table *table = &dict->table;
  ouro__key key = key_of(object, kind);
  ouro__probe probe = {0};
  if (OURO_UNLIKELY(!ouro__enter_alone())) return set_slowly(dict, object, value, moves);
  if (OURO_UNLIKELY(!ouro__all_simple(table) || (!table->block && !ouro__table_reserve(table, WORDS, 1, false)))) {
    ouro__leave_alone();
    return set_slowly(dict, object, value, moves);
  }
  if (ouro__find_simple(table->block, WORDS, key, kind, &probe)) {
    ouro_object **entry = ouro__entry_at(table->block, WORDS, probe.number), *before = entry[1];
    if (!moves) ouro_incref(value);
    entry[1] = value;
    ouro__leave_alone();
    if (moves) ouro_decref(object);
    ouro_xdecref(before);
    return OURO_OK;
  }
  if (OURO_UNLIKELY(!ouro__has_room(table))) {
    ouro__leave_alone();
    return set_slowly(dict, object, value, moves);
  }
  if (!moves) ouro_incref(object), ouro_incref(value);
  ouro__table_add_at(table, WORDS, key.hash, object, value, &probe);
  ouro__leave_alone();
  return OURO_OK;
}

static int refused(void *key, void *value) {
  ouro_xdecref(key);
  ouro_xdecref(value);
  return OURO_EINVAL;
}

static OURO_NOINLINE int set_by_int(ouro_dict *dict, void *key, void *value, bool moves) {
  return set_simple(dict, key, OURO__KEY_INT, value, moves);
}

static inline int set(ouro_dict *dict, void *key, void *value, bool moves) {
  OURO_ASSERT(ouro_is_dict(dict));
  if (OURO_LIKELY(ouro__is_str_exact(key))) return set_simple(dict, key, OURO__KEY_STR, value, moves);
  return OURO_LIKELY(ouro__int_is_small(key)) ? set_by_int(dict, key, value, moves) : set_slowly(dict, key, value, moves);
}

int ouro_dict_set(ouro_dict *dict, void *key, void *value) {
  return OURO_LIKELY(dict && key && value) ? set(dict, key, value, false) : OURO_EINVAL;
}

int ouro_dict_set_move(ouro_dict *dict, ouro_ref key, ouro_ref value) {
  return OURO_LIKELY(dict && key && value) ? set(dict, key, value, true) : refused(key, value);
}

int ouro__dict_set_new_str(ouro_dict *dict, ouro_ref key, ouro_ref value) {
  return set_simple(dict, key, OURO__KEY_STR, value, true);
}

int ouro_dict_set_default(ouro_dict *dict, void *object, void *value, ouro_slot found) {
  ouro__key key;
  ouro__hold hold;
  ouro__probe probe;
  if (!dict || !object || !value) return OURO_EINVAL;
  ouro__table *table = &dict->table;
  int code = ouro__key_of(object, &key);
  if (!code) code = ouro__table_seek(table, WORDS, &key, true, &hold, &probe);
  if (code < 0) return code;
  if (!code && !ouro__table_reserve(table, WORDS, 1, key.kind == OURO__KEY_OTHER)) code = OURO_ENOMEM;
  if (!code) ouro__table_add(table, WORDS, key.hash, ouro_newref(object), ouro_newref(value));
  ouro_object *given = code < 0 || !found ? NULL : code ? value_at(table, &probe) : ouro_newref(value);
  ouro__hold_end(&hold, dict);
  if (given) OURO__SLOT_SET(found, given);
  return code;
}

/* ---------------------------------------------------------------- taking out */

/* Of the key and its value, the references are the caller's: 1; 0: it is not there; or a code. */
static int take(ouro_dict *dict, const ouro__key *key, void *held[2]) {
  ouro__hold hold;
  ouro__probe probe;
  int code = ouro__table_seek(&dict->table, WORDS, key, true, &hold, &probe);
  if (code < 0) return code;
  if (code) ouro__table_take(&dict->table, WORDS, &probe, held);
  ouro__hold_end(&hold, dict);
  return code;
}

static OURO_NOINLINE int delete_slowly(ouro_dict *dict, void *object) {
  ouro__key key;
  int code = ouro__key_of(object, &key);
  return code ? code : ouro__table_discard(&dict->table, WORDS, &key);
}

OURO_INLINE int delete_simple(ouro_dict *dict, void *object, enum ouro__key_kind kind) {
  ouro__table *table = &dict->table;
  ouro__key key = key_of(object, kind);
  ouro__probe probe;
  void *held[2];
  if (OURO_UNLIKELY(!ouro__enter_alone())) return delete_slowly(dict, object);
  bool others = !ouro__all_simple(table);
  bool found = !others && ouro__find_simple(table->block, WORDS, key, kind, &probe);
  if (found) ouro__table_take(table, WORDS, &probe, held);
  ouro__leave_alone();
  if (OURO_UNLIKELY(others)) return delete_slowly(dict, object);
  if (!found) return 0;
  ouro_decref(held[0]);
  ouro_xdecref(held[1]);
  return 1;
}

int ouro_dict_delete(ouro_dict *dict, void *object) {
  if (OURO_UNLIKELY(!dict || !object)) return OURO_EINVAL;
  if (OURO_LIKELY(ouro__is_str_exact(object))) return delete_simple(dict, object, OURO__KEY_STR);
  return OURO_LIKELY(ouro__int_is_small(object)) ? delete_simple(dict, object, OURO__KEY_INT) : delete_slowly(dict, object);
}

int ouro_dict_pop(ouro_dict *dict, void *object, ouro_slot value) {
  ouro__key key;
  void *held[2] = {NULL, NULL};
  if (!dict || !object) return OURO_EINVAL;
  int code = ouro__key_of(object, &key);
  if (!code) code = take(dict, &key, held);
  if (code <= 0) return code;
  ouro_decref(held[0]);
  return give(held[1], value);
}

int ouro_dict_popitem(ouro_dict *dict, ouro_slot key, ouro_slot value) {
  ouro__hold hold;
  void *held[2] = {NULL, NULL};
  if (!dict) return OURO_EINVAL;
  ouro__hold_write(&hold, dict);
  bool taken = ouro__table_take_last(&dict->table, WORDS, held);
  ouro__hold_end(&hold, dict);
  if (!taken) return 0;
  OURO__SLOT_SET(key, held[0]);
  OURO__SLOT_SET(value, held[1] ? held[1] : ouro_none);
  return 1;
}

void ouro_dict_clear(ouro_dict *dict) {
  if (dict) ouro__table_clear(&dict->table, WORDS);
}

/* ---------------------------------------------------------------- keys that are C strings
 *
 * Among simple keys the bytes are compared; another key may be equal to a string in its own way, and must be shown one. */

typedef int (*with_text)(ouro_dict *dict, const ouro__key *key, ouro_slot value);

static int with_str(ouro_dict *dict, const char *text, ouro_slot value, with_text what) {
  ouro_str *str = ouro_str_from(text);
  if (!str) return ouro__code() == OURO_EUTF8 ? 0 : ouro__code();
  ouro__key key = ouro__key_of_str(str);
  int code = what(dict, &key, value);
  ouro_decref(str);
  return code;
}

static int by_text(ouro_dict *dict, const char *text, ouro_slot value, with_text what) {
  if (!dict || !text) return OURO_EINVAL;
  size_t bytes = strlen(text);
  ouro__key key = {.kind = OURO__KEY_TEXT, .hash = ouro__spread(ouro__str_hash_of(text, bytes)), .text = text, .u.bytes = bytes};
  int code = what(dict, &key, value);
  return code == OURO_ETYPE ? with_str(dict, text, value, what) : code;
}

/* OURO_ETYPE: this key is a text, and not all keys are simple. In the hold. */
static int find_text(const ouro_dict *dict, const ouro__key *key, ouro__probe *probe) {
  if (!ouro__all_simple(&dict->table)) return OURO_ETYPE;
  return ouro__find_simple(dict->table.block, WORDS, *key, OURO__KEY_TEXT, probe);
}

static int get_text(ouro_dict *dict, const ouro__key *key, ouro_slot value) {
  ouro__hold hold;
  ouro__probe probe;
  if (key->kind != OURO__KEY_TEXT) return get_any(dict, key, value);
  ouro__hold_read(&hold, dict);
  int code = find_text(dict, key, &probe);
  ouro_object *found = code == 1 ? value_at(&dict->table, &probe) : NULL;
  ouro__hold_end(&hold, dict);
  return code == 1 ? give(found, value) : code;
}

static int delete_text(ouro_dict *dict, const ouro__key *key, ouro_slot value) {
  ouro__hold hold;
  ouro__probe probe;
  void *held[2] = {NULL, NULL};
  (void)value;
  if (key->kind != OURO__KEY_TEXT) return ouro__table_discard(&dict->table, WORDS, key);
  ouro__hold_write(&hold, dict);
  int code = find_text(dict, key, &probe);
  if (code == 1) ouro__table_take(&dict->table, WORDS, &probe, held);
  ouro__hold_end(&hold, dict);
  ouro_xdecref(held[0]);
  ouro_xdecref(held[1]);
  return code;
}

int ouro_dict_get_text(ouro_dict *dict, const char *key, ouro_slot value) { return by_text(dict, key, value, get_text); }

int ouro_dict_contains_text(ouro_dict *dict, const char *key) {
  void *value = NULL;
  int code = by_text(dict, key, &value, get_text);
  ouro_xdecref(value);
  return code;
}

int ouro_dict_delete_text(ouro_dict *dict, const char *key) { return by_text(dict, key, NULL, delete_text); }

int ouro_dict_set_text(ouro_dict *dict, const char *key, void *value) {
  if (!dict || !key || !value) return OURO_EINVAL;
  ouro_str *str = ouro_str_from(key);
  return str ? ouro_dict_set_move(dict, str, ouro_newref(value)) : ouro__code();
}
