/* values/list_values.c - a list as a value: equality, order, text, items by key, copies; and its iterator. See sequence.h. */
#include <ouro/bytes.h>

#include "values/sequence.h"

/* ---------------------------------------------------------------- equality and order
 *
 * Two lists are compared item by item, as they are when each one's turn comes. */

typedef struct pair {
  ouro_object *first, *second; /* owned, or NULL: that list has no more */
} pair;

static pair pair_at(ouro_list *first, ouro_list *second, size_t index) {
  return (pair){ouro__list_at(first, index), ouro__list_at(second, index)};
}

static void release_pair(pair it) {
  ouro_xdecref(it.first);
  ouro_xdecref(it.second);
}

/* 1: the two are equal, or one of them is the end: *ended. */
static int equal_at(ouro_list *first, ouro_list *second, size_t index, bool *ended) {
  pair it = pair_at(first, second, index);
  *ended = !it.first || !it.second;
  int code = *ended ? 1 : ouro__equal_items(it.first, it.second);
  release_pair(it);
  return code;
}

static int list_equal(void *self, void *other) {
  if (!ouro_is_list(other)) return OURO_NOT_MINE;
  if (ouro_list_count(self) != ouro_list_count(other)) return 0;
  bool ended = false;
  for (size_t i = 0; !ended; i++) {
    int code = equal_at(self, other, i, &ended);
    if (code != 1) return code;
  }
  return ouro_list_count(self) == ouro_list_count(other);
}

/* 0: the two are equal; 1: *order is that of the lists; or a code. */
static int order_of_items(void *first, void *second, int *order) {
  int code = ouro__equal_items(first, second);
  if (code) return code < 0 ? code : 0;
  code = ouro_compare(first, second, order);
  return code ? code : 1;
}

static int order_at(ouro_list *first, ouro_list *second, size_t index, int *order) {
  pair it = pair_at(first, second, index);
  int code = 1;
  if (it.first && it.second) {
    code = order_of_items(it.first, it.second, order);
  } else {
    *order = it.first ? 1 : it.second ? -1 : 0;
  }
  release_pair(it);
  return code;
}

static int list_compare(void *self, void *other, int *order) {
  if (!ouro_is_list(other)) return OURO_NOT_MINE;
  for (size_t i = 0;; i++) {
    int code = order_at(self, other, i, order);
    if (code) return code < 0 ? code : OURO_OK;
  }
}

/* ---------------------------------------------------------------- text */

static int items_repr(ouro_list *self, ouro_buffer *out) {
  size_t cursor = 0;
  void *item = NULL;
  while (ouro_list_next(self, &cursor, &item)) {
    int code = cursor > 1 ? ouro_buffer_append_text(out, ", ") : OURO_OK;
    if (!code) code = ouro_repr_into(item, out);
    ouro_decref(item);
    if (code) return code;
  }
  return ouro_buffer_append_text(out, "]");
}

static int list_repr(void *self, ouro_buffer *out) {
  if (ouro__printing(self)) return ouro_buffer_append_text(out, "[...]");
  int code = ouro_buffer_append_text(out, "[");
  if (!code) code = items_repr(self, out);
  ouro__printed(self);
  return code;
}

/* ---------------------------------------------------------------- items, copies */

static int list_length(void *self, size_t *length) {
  *length = ouro_list_count(self);
  return OURO_OK;
}

static int list_get_item(void *self, void *key, ouro_slot item) {
  ptrdiff_t index;
  int code = ouro__index_of_key(key, &index);
  return code ? code : ouro_list_get(self, index, item);
}

static int list_set_item(void *self, void *key, void *item) {
  ptrdiff_t index;
  int code = ouro__index_of_key(key, &index);
  if (code) return code;
  return item ? ouro_list_set(self, index, item) : ouro_list_delete(self, index);
}

static int list_contains(void *self, void *item) { return ouro_list_contains(self, item); }

/* Deep copies replace what its visit function shows. */
static int list_copy(void *self, ouro_copier *copier, ouro_slot copy) {
  (void)copier;
  ouro_ref made = ouro_list_slice(self, OURO_LEFT_OUT, OURO_LEFT_OUT, 1);
  if (!made) return ouro__code();
  OURO__SLOT_SET(copy, made);
  return OURO_OK;
}

static size_t list_extent(const void *self) {
  const ouro_list *list = self;
  return list->items ? OURO_ROW_HEAD + ouro__row_room(list->items) * sizeof *list->items : 0;
}

/* ---------------------------------------------------------------- its iterator: as Python's, it remembers an index */

typedef struct list_iterator {
  ouro_object base;
  ouro_list *list;
  _Atomic size_t next;
} list_iterator;

static int iterator_next(void *self, ouro_slot item) {
  list_iterator *it = self;
  ouro_object *found = it->list ? ouro__list_at(it->list, ouro__cursor_step(&it->next)) : NULL;
  if (OURO_UNLIKELY(!found)) {
    ouro__cursor_end(&it->next);
    return 0;
  }
  OURO__SLOT_SET(item, found);
  return 1;
}

static const ouro_protocols iterator_protocols = {.next = iterator_next};

static ouro_type iterator_type = {
    .name = "list_iterator",
    .size = sizeof(list_iterator),
    .references = OURO_REFERENCES(offsetof(list_iterator, list)),
    .protocols = &iterator_protocols,
};

static int list_iterate(void *self, ouro_slot iterator) {
  list_iterator *made = ouro_new(&iterator_type);
  if (!made) return ouro__code();
  made->list = ouro_newref(self);
  OURO__SLOT_SET(iterator, made);
  return OURO_OK;
}

const ouro_protocols ouro__list_protocols = {
    .equal = list_equal,
    .compare = list_compare,
    .repr = list_repr,
    .length = list_length,
    .iterate = list_iterate,
    .get_item = list_get_item,
    .set_item = list_set_item,
    .contains = list_contains,
    .copy = list_copy,
    .extent = list_extent,
};
