/* values/tuple.c - tuples: items that are set before anybody else sees the object, and never change. No hold, no lock.
 *
 * The hash is CPython's of tuples since 3.8, which is xxHash's of the hashes of the items (https://bugs.python.org/issue34751): one that
 * tells (a, (b, c)) from ((a, b), c), and does not fall for items that hash to small numbers. */
#include "values/sequence.h"

#include <stdarg.h>

#include <ouro/bytes.h>

static ouro_tuple no_items = {{OURO_IMMORTAL_OBJECT(&ouro_tuple_type), 0}};

/* ---------------------------------------------------------------- making one */

ouro_ref ouro__tuple_blank(size_t count) { return count ? ouro_new_var(&ouro_tuple_type, count) : &no_items; }

ouro_ref ouro_tuple_new(size_t count, void *const *items) {
  ouro_tuple *made = ouro__tuple_blank(count);
  bool complete = true;
  for (size_t i = 0; made && i < count; i++) {
    ouro__tuple_items(made)[i] = ouro_xnewref(items[i]);
    complete = complete && items[i];
  }
  if (OURO_LIKELY(complete)) return made;
  ouro_decref(made);
  return ouro__fail(OURO_EINVAL);
}

ouro_ref ouro_tuple_new_move(size_t count, const ouro_ref *items) {
  bool complete = ouro__all_objects(items, count);
  ouro_tuple *made = complete ? ouro__tuple_blank(count) : ouro__fail(OURO_EINVAL);
  if (!made) {
    ouro__release_all(items, count);
  } else if (count) {
    memcpy(ouro__tuple_items(made), items, count * sizeof *items);
  }
  return made;
}

ouro_ref ouro_tuple_of(size_t count, ...) {
  ouro_tuple *made = ouro__tuple_blank(count);
  va_list args;
  bool complete = true;
  va_start(args, count);
  for (size_t i = 0; made && i < count; i++) {
    ouro_object *item = va_arg(args, void *);
    ouro__tuple_items(made)[i] = ouro_xnewref(item);
    complete = complete && item;
  }
  va_end(args);
  if (complete) return made;
  ouro_decref(made);
  return ouro__fail(OURO_EINVAL);
}

ouro_ref ouro_tuple_from(void *iterable) {
  ouro__gathered it = {NULL, 0};
  if (!iterable) return ouro__fail(OURO_EINVAL);
  if (ouro_is_tuple(iterable)) return ouro_newref(iterable);
  int code = ouro__gather(&it, iterable);
  ouro_ref made = code ? ouro__fail(code) : ouro_tuple_new_move(it.count, (void *const *)(void *)it.row);
  int saved = errno;
  ouro__row_free(it.row);
  errno = saved;
  return made;
}

/* ---------------------------------------------------------------- its items */

int ouro_tuple_get(const ouro_tuple *tuple, ptrdiff_t index, ouro_slot item) {
  OURO_ASSERT(ouro_is_tuple(tuple));
  size_t at = ouro__index(ouro_tuple_count(tuple), index);
  if (at >= ouro_tuple_count(tuple)) return OURO_EINDEX;
  OURO__SLOT_SET(item, ouro_newref(ouro_tuple_at(tuple, at)));
  return OURO_OK;
}

ouro_ref ouro_tuple_slice(ouro_tuple *tuple, ptrdiff_t start, ptrdiff_t stop, ptrdiff_t step) {
  OURO_ASSERT(ouro_is_tuple(tuple));
  if (step == 0) return ouro__fail(OURO_EINVAL);
  if (step == OURO_LEFT_OUT) step = 1;
  ouro__slice slice = ouro__slice_of(ouro_tuple_count(tuple), start, stop, step);
  if (step == 1 && slice.count == ouro_tuple_count(tuple)) return ouro_newref(tuple);
  ouro_tuple *made = ouro__tuple_blank(slice.count);
  for (size_t i = 0; made && i < slice.count; i++) {
    ouro__tuple_items(made)[i] = ouro_newref(ouro_tuple_at(tuple, ouro__slice_at(&slice, i)));
  }
  return made;
}

ouro_ref ouro_tuple_concat(ouro_tuple *first, ouro_tuple *second) {
  OURO_ASSERT(ouro_is_tuple(first) && ouro_is_tuple(second));
  size_t count = ouro_tuple_count(first), more = ouro_tuple_count(second);
  if (more == 0) return ouro_newref(first);
  if (count == 0) return ouro_newref(second);
  ouro_tuple *made = ouro__tuple_blank(count + more);
  if (!made) return NULL;
  ouro__copy_refs(ouro__tuple_items(made), ouro__tuple_items(first), count);
  ouro__copy_refs(ouro__tuple_items(made) + count, ouro__tuple_items(second), more);
  return made;
}

ouro_ref ouro_tuple_repeat(ouro_tuple *tuple, ptrdiff_t times) {
  OURO_ASSERT(ouro_is_tuple(tuple));
  size_t count = ouro_tuple_count(tuple);
  if (times <= 0 || count == 0) return &no_items;
  if (times == 1) return ouro_newref(tuple);
  if ((size_t)times > PTRDIFF_MAX / sizeof(void *) / count) return ouro__fail(OURO_ENOMEM);
  ouro_tuple *made = ouro__tuple_blank(count * (size_t)times);
  for (size_t i = 0; made && i < (size_t)times; i++) ouro__copy_refs(ouro__tuple_items(made) + i * count, ouro__tuple_items(tuple), count);
  return made;
}

/* ---------------------------------------------------------------- looking for an item */

int ouro_tuple_index(ouro_tuple *tuple, void *item, size_t *index) {
  OURO_ASSERT(ouro_is_tuple(tuple));
  if (!item) return OURO_EINVAL;
  for (size_t i = 0; i < ouro_tuple_count(tuple); i++) {
    int code = ouro__equal_items(ouro_tuple_at(tuple, i), item);
    if (code == 1) *index = i;
    if (code) return code;
  }
  return 0;
}

int ouro_tuple_contains(ouro_tuple *tuple, void *item) {
  size_t index;
  return ouro_tuple_index(tuple, item, &index);
}

int ouro_tuple_count_of(ouro_tuple *tuple, void *item, size_t *count) {
  OURO_ASSERT(ouro_is_tuple(tuple));
  if (!item) return OURO_EINVAL;
  size_t found = 0;
  for (size_t i = 0; i < ouro_tuple_count(tuple); i++) {
    int code = ouro__equal_items(ouro_tuple_at(tuple, i), item);
    if (code < 0) return code;
    found += (size_t)code;
  }
  *count = found;
  return OURO_OK;
}

/* ---------------------------------------------------------------- protocols */

static const uint64_t prime_1 = UINT64_C(11400714785074694791), prime_2 = UINT64_C(14029467366897019727),
                      prime_5 = UINT64_C(2870177450012600261);

static int tuple_hash(void *self, uint64_t *hash) {
  uint64_t sum = prime_5, each;
  for (size_t i = 0; i < ouro_tuple_count(self); i++) {
    int code = ouro_hash(ouro_tuple_at(self, i), &each);
    if (code) return code;
    sum += each * prime_2;
    sum = (sum << 31 | sum >> 33) * prime_1;
  }
  *hash = sum + (ouro_tuple_count(self) ^ prime_5 ^ UINT64_C(3527539));
  return OURO_OK;
}

static int tuple_equal(void *self, void *other) {
  if (!ouro_is_tuple(other)) return OURO_NOT_MINE;
  if (ouro_tuple_count(self) != ouro_tuple_count(other)) return 0;
  for (size_t i = 0; i < ouro_tuple_count(self); i++) {
    int code = ouro__equal_items(ouro_tuple_at(self, i), ouro_tuple_at(other, i));
    if (code != 1) return code;
  }
  return 1;
}

static int order_of_counts(size_t first, size_t second) { return first < second ? -1 : first > second; }

static int tuple_compare(void *self, void *other, int *order) {
  if (!ouro_is_tuple(other)) return OURO_NOT_MINE;
  size_t count = ouro_tuple_count(self), others = ouro_tuple_count(other);
  for (size_t i = 0; i < count && i < others; i++) {
    void *item = ouro_tuple_at(self, i), *its = ouro_tuple_at(other, i);
    int code = ouro__equal_items(item, its);
    if (code < 0) return code;
    if (code == 0) return ouro_compare(item, its, order);
  }
  *order = order_of_counts(count, others);
  return OURO_OK;
}

static int items_repr(const ouro_tuple *self, ouro_buffer *out) {
  size_t count = ouro_tuple_count(self);
  for (size_t i = 0; i < count; i++) {
    int code = i ? ouro_buffer_append_text(out, ", ") : OURO_OK;
    if (!code) code = ouro_repr_into(ouro_tuple_at(self, i), out);
    if (code) return code;
  }
  return ouro_buffer_append_text(out, count == 1 ? ",)" : ")");
}

/* A tuple contains itself by way of something that can change. */
static int tuple_repr(void *self, ouro_buffer *out) {
  if (ouro__printing(self)) return ouro_buffer_append_text(out, "(...)");
  int code = ouro_buffer_append_text(out, "(");
  if (!code) code = items_repr(self, out);
  ouro__printed(self);
  return code;
}

static int tuple_length(void *self, size_t *length) {
  *length = ouro_tuple_count(self);
  return OURO_OK;
}

static int tuple_get_item(void *self, void *key, ouro_slot item) {
  ptrdiff_t index;
  int code = ouro__index_of_key(key, &index);
  return code ? code : ouro_tuple_get(self, index, item);
}

static int tuple_contains(void *self, void *item) { return ouro_tuple_contains(self, item); }

/* ---------------------------------------------------------------- its iterator */

typedef struct tuple_iterator {
  ouro_object base;
  ouro_tuple *tuple;
  _Atomic size_t next;
} tuple_iterator;

static int iterator_next(void *self, ouro_slot item) {
  tuple_iterator *it = self;
  if (!it->tuple) return 0;
  size_t index = ouro__cursor_step(&it->next);
  if (index >= ouro_tuple_count(it->tuple)) {
    ouro__cursor_end(&it->next);
    return 0;
  }
  OURO__SLOT_SET(item, ouro_newref(ouro_tuple_at(it->tuple, index)));
  return 1;
}

static const ouro_protocols iterator_protocols = {.next = iterator_next};

static ouro_type iterator_type = {
    .name = "tuple_iterator",
    .size = sizeof(tuple_iterator),
    .references = OURO_REFERENCES(offsetof(tuple_iterator, tuple)),
    .protocols = &iterator_protocols,
};

static int tuple_iterate(void *self, ouro_slot iterator) {
  tuple_iterator *made = ouro_new(&iterator_type);
  if (!made) return ouro__code();
  made->tuple = ouro_newref(self);
  OURO__SLOT_SET(iterator, made);
  return OURO_OK;
}

static const ouro_protocols tuple_protocols = {
    .hash = tuple_hash,
    .equal = tuple_equal,
    .compare = tuple_compare,
    .repr = tuple_repr,
    .length = tuple_length,
    .iterate = tuple_iterate,
    .get_item = tuple_get_item,
    .contains = tuple_contains,
};

ouro_type ouro_tuple_type = {
    .name = "tuple",
    .size = sizeof(ouro_tuple),
    .item_size = sizeof(ouro_object *),
    .flags = OURO_TYPE_ITEMS | OURO_TYPE_IMMUTABLE,
    .protocols = &tuple_protocols,
};
