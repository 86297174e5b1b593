/* values/sequence.c - rows of references, slices, what an iterable gives; the smallest and the largest of it. See sequence.h. */
#include "values/sequence.h"

/* ---------------------------------------------------------------- rows */

static const size_t most_items = (PTRDIFF_MAX - OURO_ROW_HEAD) / sizeof(ouro_object *);

ouro__row ouro__row_resize(ouro__row row, size_t room) {
  if (room > most_items) {
    errno = ENOMEM;
    return NULL;
  }
  size_t *block = ouro_realloc(row ? (size_t *)(void *)row - 1 : NULL, OURO_ROW_HEAD + room * sizeof *row);
  if (!block) return NULL;
  *block = room;
  return (ouro__row)(void *)(block + 1);
}

size_t ouro__row_grown(size_t count) {
  if (count > most_items / 2) return count;
  size_t room = (count + count / 8 + 6) & ~(size_t)3;
  return (ouro_good_size(OURO_ROW_HEAD + room * sizeof(ouro__row)) - OURO_ROW_HEAD) / sizeof(ouro_object *);
}

void ouro__row_release(ouro__row row, size_t count) {
  for (size_t i = 0; i < count; i++) ouro_xdecref(row[i]);
  ouro__row_free(row);
}

bool ouro__all_objects(void *const *items, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (!items[i]) return false;
  }
  return true;
}

void ouro__release_all(void *const *items, size_t count) {
  int saved = errno;
  for (size_t i = 0; i < count; i++) ouro_xdecref(items[i]);
  errno = saved;
}

/* ---------------------------------------------------------------- what an iterable gives */

/* Room for just so many more. */
static int make_room(ouro__gathered *it, size_t more) {
  if (more <= ouro__row_room(it->row) - it->count) return OURO_OK;
  ouro__row larger = ouro__row_resize(it->row, it->count + more);
  if (!larger) return OURO_ENOMEM;
  it->row = larger;
  return OURO_OK;
}

static int gather_items(ouro__gathered *to, ouro_object *const *items, size_t count) {
  if (!count) return OURO_OK;
  if (make_room(to, count)) return OURO_ENOMEM;
  ouro__copy_refs(to->row + to->count, items, count);
  to->count += count;
  return OURO_OK;
}

static int gather_list(ouro__gathered *to, ouro_list *list) {
  ouro__hold hold;
  ouro__hold_read(&hold, list);
  int code = gather_items(to, list->items, list->count);
  ouro__hold_end(&hold, list);
  return code;
}

/* The reference is taken over, also when it fails. */
static int gather_one(ouro__gathered *to, ouro_object *item) {
  if (to->count == ouro__row_room(to->row)) {
    ouro__row larger = ouro__row_resize(to->row, ouro__row_grown(to->count + 1));
    if (!larger) {
      ouro_decref(item);
      return OURO_ENOMEM;
    }
    to->row = larger;
  }
  to->row[to->count++] = item;
  return OURO_OK;
}

static int gather_steps(ouro__gathered *to, void *iterator) {
  for (;;) {
    void *item = NULL;
    int code = ouro_next(iterator, &item);
    if (code != 1) return code;
    code = gather_one(to, item);
    if (code) return code;
  }
}

/* What was added before it failed is released. */
static int gather_iterated(ouro__gathered *to, void *iterable) {
  void *iterator = NULL;
  int code = ouro_iterate(iterable, &iterator);
  if (code) return code;
  size_t before = to->count;
  code = gather_steps(to, iterator);
  ouro_decref(iterator);
  while (code && to->count > before) ouro_decref(to->row[--to->count]);
  return code;
}

int ouro__gather(ouro__gathered *to, void *iterable) {
  if (!iterable) return OURO_EINVAL;
  if (ouro_type_of(iterable) == &ouro_list_type) return gather_list(to, iterable);
  if (ouro_type_of(iterable) != &ouro_tuple_type) return gather_iterated(to, iterable);
  return gather_items(to, ouro__tuple_items(iterable), ouro_tuple_count(iterable));
}

int ouro__gathered_repeat(ouro__gathered *it, size_t times) {
  size_t count = it->count;
  if (count && times - 1 > most_items / count) return OURO_ENOMEM;
  if (make_room(it, count * (times - 1))) return OURO_ENOMEM;
  for (size_t i = 1; count && i < times; i++) ouro__copy_refs(it->row + i * count, it->row, count);
  it->count = count * times;
  return OURO_OK;
}

/* ---------------------------------------------------------------- slices */

/* Where a slice begins or ends: from `low` (before the first place) to `high` (behind the last). */
static ptrdiff_t clip(ptrdiff_t index, ptrdiff_t length, ptrdiff_t low, ptrdiff_t high) {
  if (index < 0) index = index < -length ? low : index + length;
  return index < low ? low : index > high ? high : index;
}

ouro__slice ouro__slice_of(size_t length, ptrdiff_t start, ptrdiff_t stop, ptrdiff_t step) {
  ptrdiff_t n = (ptrdiff_t)length, low = step < 0 ? -1 : 0, high = step < 0 ? n - 1 : n;
  size_t stride = step < 0 ? 0 - (size_t)step : (size_t)step;
  start = start == OURO_LEFT_OUT ? (step < 0 ? high : low) : clip(start, n, low, high);
  stop = stop == OURO_LEFT_OUT ? (step < 0 ? low : high) : clip(stop, n, low, high);
  ptrdiff_t span = step < 0 ? start - stop : stop - start;
  return (ouro__slice){(size_t)start, span > 0 ? ((size_t)span - 1) / stride + 1 : 0, step};
}

int ouro__index_of_key(void *key, ptrdiff_t *index) {
  int64_t value = 0;
  int code = ouro_int_get(key, &value);
  if (code) return code == OURO_ERANGE ? OURO_EINDEX : code;
  *index = (ptrdiff_t)value;
  return OURO_OK;
}

/* ---------------------------------------------------------------- the smallest, the largest */

/* The best item so far and its key, which is the item itself where there is no function for keys; both owned. */
typedef struct contest {
  void *item, *key;
  void *function;
  int sign; /* of the order of two keys, by which the first one wins */
} contest;

/* The reference to the item is taken over. */
static int challenge(contest *it, void *item) {
  void *key = it->function ? NULL : ouro_newref(item);
  int order = it->sign, code = it->function ? ouro_call(it->function, &item, 1, &key) : OURO_OK;
  if (!code && it->item) code = ouro_compare(key, it->key, &order);
  bool wins = !code && (it->sign < 0 ? order < 0 : order > 0);
  ouro_ref item_before = wins ? it->item : item, key_before = wins ? it->key : key;
  if (wins) it->item = item, it->key = key;
  ouro_xdecref(item_before);
  ouro_xdecref(key_before);
  return code;
}

static int compete(contest *it, void *iterator) {
  for (;;) {
    void *item = NULL;
    int code = ouro_next(iterator, &item);
    if (code != 1) return code;
    code = challenge(it, item);
    if (code) return code;
  }
}

static int best_of(void *iterable, void *function, int sign, ouro_slot best) {
  contest it = {.function = function, .sign = sign};
  void *iterator = NULL;
  if (!iterable) return OURO_EINVAL;
  int code = ouro_iterate(iterable, &iterator);
  if (code) return code;
  code = compete(&it, iterator);
  ouro_decref(iterator);
  ouro_xdecref(it.key);
  if (code) {
    ouro_xdecref(it.item);
    return code;
  }
  if (it.item) OURO__SLOT_SET(best, it.item);
  return it.item != NULL;
}

int ouro_min(void *iterable, void *key, ouro_slot item) { return best_of(iterable, key, -1, item); }
int ouro_max(void *iterable, void *key, ouro_slot item) { return best_of(iterable, key, 1, item); }
