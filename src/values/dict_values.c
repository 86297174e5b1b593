/* values/dict_values.c - a dict as a value: equality, text, items by key, copies. See table.h. */
#include <ouro/bytes.h>

#include "values/sequence.h"
#include "values/table.h"

enum { WORDS = OURO__OF_DICT };

/* ---------------------------------------------------------------- equality: key after key, as they are when each one's turn comes */

static int equal_at(ouro_dict *other, const ouro__shown *item) {
  void *value = NULL;
  int code = ouro_dict_get(other, item->key.object, &value);
  if (code != 1) return code;
  code = ouro__equal_items(item->value, value);
  ouro_decref(value);
  return code;
}

static int dict_equal(void *self, void *object) {
  ouro_dict *dict = self, *other = object;
  ouro__shown item;
  uint32_t number = 0;
  if (!ouro_is_dict(object)) return OURO_NOT_MINE;
  if (ouro_dict_count(dict) != ouro_dict_count(other)) return 0;
  while (ouro__table_step(&dict->table, WORDS, &number, &item)) {
    int code = equal_at(other, &item);
    ouro__shown_drop(&item);
    if (code != 1) return code;
  }
  return 1;
}

/* ---------------------------------------------------------------- text */

static int item_repr(const ouro__shown *item, bool first, ouro_buffer *out) {
  int code = first ? OURO_OK : ouro_buffer_append_text(out, ", ");
  if (!code) code = ouro_repr_into(item->key.object, out);
  if (!code) code = ouro_buffer_append_text(out, ": ");
  return code ? code : ouro_repr_into(item->value, out);
}

static int items_repr(ouro_dict *dict, ouro_buffer *out) {
  ouro__shown item;
  uint32_t number = 0;
  for (bool first = true; ouro__table_step(&dict->table, WORDS, &number, &item); first = false) {
    int code = item_repr(&item, first, out);
    ouro__shown_drop(&item);
    if (code) return code;
  }
  return ouro_buffer_append_text(out, "}");
}

static int dict_repr(void *self, ouro_buffer *out) {
  if (ouro__printing(self)) return ouro_buffer_append_text(out, "{...}");
  int code = ouro_buffer_append_text(out, "{");
  if (!code) code = items_repr(self, out);
  ouro__printed(self);
  return code;
}

/* ---------------------------------------------------------------- items, copies */

static int dict_length(void *self, size_t *length) {
  *length = ouro_dict_count(self);
  return OURO_OK;
}

static int dict_iterate(void *self, ouro_slot slot) {
  ouro_ref made = ouro_dict_iterator(self, OURO_DICT_KEYS);
  if (!made) return ouro__code();
  OURO__SLOT_SET(slot, made);
  return OURO_OK;
}

static int found_or_code(int code) { return code == 0 ? OURO_EKEY : code < 0 ? code : OURO_OK; }

static int dict_get_item(void *self, void *key, ouro_slot item) { return found_or_code(ouro_dict_get(self, key, item)); }

static int dict_set_item(void *self, void *key, void *item) {
  return item ? ouro_dict_set(self, key, item) : found_or_code(ouro_dict_delete(self, key));
}

static int dict_contains(void *self, void *key) { return ouro_dict_contains(self, key); }

static int dict_copy(void *self, ouro_copier *copier, ouro_slot copy) {
  (void)copier;
  ouro_ref made = ouro__table_copy(self, WORDS, &ouro_dict_type);
  if (!made) return ouro__code();
  OURO__SLOT_SET(copy, made);
  return OURO_OK;
}

static int dict_copied(void *self) { return ouro__table_copied(self, WORDS); }

static size_t dict_extent(const void *self) { return ouro__table_extent(self, WORDS); }

const ouro_protocols ouro__dict_protocols = {
    .equal = dict_equal,
    .repr = dict_repr,
    .length = dict_length,
    .iterate = dict_iterate,
    .get_item = dict_get_item,
    .set_item = dict_set_item,
    .contains = dict_contains,
    .copy = dict_copy,
    .copied = dict_copied,
    .extent = dict_extent,
};
