/* values/list_sort.c - sorting a list: its items are taken out, sorted by their keys, and put back. See sequence.h.
 *
 *   items    a, b, c            the list's own row; to all others, the list is empty
 *   keys     f(a), f(b), f(c)   owned; the items themselves, where there is no function
 *   entries  (key, item) ...    what is sorted: the number, the first bytes, or the address of the key, and the item
 *
 * Keys are looked at first: where all are ints of 64 bits, all floats, or all strings, no function is asked for the order. In reverse,
 * entries are sorted the other way round, and written back so: that keeps what is equal in its order. */
#include <ouro/number.h>
#include <ouro/str.h>

#include "values/sequence.h"

/* ---------------------------------------------------------------- keys */

static int call_for_keys(void *function, ouro__gathered *keys, const ouro__gathered *items) {
  for (; keys->count < items->count; keys->count++) {
    void *item = ouro__item(items->row[keys->count]), *key = NULL;
    int code = ouro_call(function, &item, 1, &key);
    if (code) return code;
    keys->row[keys->count] = key;
  }
  return OURO_OK;
}

static int make_keys(void *function, ouro__gathered *keys, const ouro__gathered *items) {
  keys->row = items->count ? ouro__row_new(items->count) : NULL;
  if (!keys->row) return items->count ? OURO_ENOMEM : OURO_OK;
  return call_for_keys(function, keys, items);
}

/* ---------------------------------------------------------------- entries */

typedef struct sorting {
  ouro__gathered items;
  ouro__gathered keys; /* owned by it where there is a function */
  bool reverse;
  size_t skip; /* bytes with which all strings begin */
} sorting;

/* Where the item of an entry is. */
static size_t place_of(const sorting *it, size_t i) { return it->reverse ? it->items.count - 1 - i : i; }

static void *key_at(const sorting *it, size_t i) { return ouro__item(it->keys.row[place_of(it, i)]); }

static void set_entry(ouro__entry *entries, const sorting *it, size_t i, uint64_t key) {
  entries[i] = (ouro__entry){key, it->items.row[place_of(it, i)]};
}

/* Numbers that order as these do. A float's sign says whether its bits count up or down; -0.0 is 0.0; what is no number comes last. */
static uint64_t word_of_int(int64_t value) { return (uint64_t)value ^ UINT64_C(1) << 63; }

static uint64_t word_of_double(double value) {
  uint64_t bits, sign = UINT64_C(1) << 63;
  if (value != value) return UINT64_MAX;
  value += 0.0;
  memcpy(&bits, &value, sizeof bits);
  return bits & sign ? ~bits : bits | sign;
}

/* Each of these fills entries as long as keys are of its kind; true: they all are. */
static bool fill_ints(const sorting *it, ouro__entry *entries) {
  for (size_t i = 0; i < it->items.count; i++) {
    void *key = key_at(it, i);
    if (!ouro__int_is_small(key)) return false;
    set_entry(entries, it, i, word_of_int(ouro__int_value(key)));
  }
  return true;
}

static bool fill_floats(const sorting *it, ouro__entry *entries) {
  for (size_t i = 0; i < it->items.count; i++) {
    void *key = key_at(it, i);
    if (ouro_type_of(key) != &ouro_float_type) return false;
    set_entry(entries, it, i, word_of_double(ouro_float_value(key)));
  }
  return true;
}

/* How many bytes two strings have in common from the beginning on, but not more than `most`. */
static size_t common_bytes(const ouro_str *first, const ouro_str *second, size_t most) {
  const char *text = ouro_str_text(first), *other = ouro_str_text(second);
  size_t common = 0;
  if (most > ouro_str_bytes(second)) most = ouro_str_bytes(second);
  while (common < most && text[common] == other[common]) common++;
  return common;
}

/* What all begin with says nothing: then keys are taken from behind it, and each string is looked at twice. */
static bool fill_texts(sorting *it, ouro__entry *entries) {
  void *first = key_at(it, 0);
  it->skip = ouro__is_str_exact(first) ? ouro_str_bytes(first) : 0;
  for (size_t i = 0; i < it->items.count; i++) {
    void *key = key_at(it, i);
    if (!ouro__is_str_exact(key)) return false;
    if (it->skip) it->skip = common_bytes(first, key, it->skip);
    set_entry(entries, it, i, ouro__text_key(key, 0));
  }
  for (size_t i = 0; it->skip && i < it->items.count; i++) entries[i].key = ouro__text_key(key_at(it, i), it->skip);
  return true;
}

static void fill_addresses(const sorting *it, ouro__entry *entries) {
  for (size_t i = 0; i < it->items.count; i++) set_entry(entries, it, i, (uintptr_t)key_at(it, i));
}

static ouro__order fill(sorting *it, ouro__entry *entries) {
  if (fill_ints(it, entries) || fill_floats(it, entries)) return OURO__ORDER_WORDS;
  bool strings = fill_texts(it, entries), own = it->keys.row == it->items.row;
  if (strings && own) return OURO__ORDER_TEXTS;
  fill_addresses(it, entries);
  return strings ? OURO__ORDER_STRINGS : OURO__ORDER_OBJECTS;
}

/* ---------------------------------------------------------------- sorting what was taken out */

enum { FEW = 48 };

static int sort_entries(sorting *it, ouro__entry *entries) {
  ouro__order order = fill(it, entries);
  int code = ouro__sort(entries, it->items.count, order, it->skip);
  if (code == OURO__SORT_WAS) return OURO_OK;
  for (size_t i = 0; code != OURO_ENOMEM && i < it->items.count; i++) it->items.row[place_of(it, i)] = entries[i].item;
  return code;
}

static int sort_by_keys(sorting *it) {
  ouro__entry few[FEW];
  size_t count = it->items.count;
  if (count <= FEW) return sort_entries(it, few);
  ouro__entry *entries = count <= PTRDIFF_MAX / sizeof *entries ? ouro_malloc(count * sizeof *entries) : NULL;
  int code = entries ? sort_entries(it, entries) : OURO_ENOMEM;
  ouro_free(entries);
  return code;
}

/* *keys: what is to be released when the items are back. */
static int sort_items(ouro__gathered *items, void *function, bool reverse, ouro__gathered *keys) {
  sorting it = {*items, *items, reverse, 0};
  int code = OURO_OK;
  if (function) {
    code = make_keys(function, keys, items);
    it.keys = *keys;
  }
  return code || items->count < 2 ? code : sort_by_keys(&it);
}

/* ---------------------------------------------------------------- taking out, putting back */

static ouro__gathered take(ouro_list *list) {
  ouro__hold hold;
  ouro__hold_write(&hold, list);
  ouro__gathered items = ouro__list_take(list);
  ouro__hold_end(&hold, list);
  return items;
}

/* Gives what somebody has put in meanwhile. */
static ouro__gathered put_back(ouro_list *list, const ouro__gathered *items) {
  ouro__hold hold;
  ouro__hold_write(&hold, list);
  ouro__gathered others = ouro__list_take(list);
  list->items = items->row;
  ouro__list_set_count(list, items->count);
  ouro__hold_end(&hold, list);
  return others;
}

int ouro_list_sort(ouro_list *list, void *key, bool reverse) {
  OURO_ASSERT(ouro_is_list(list));
  ouro__gathered items = take(list), keys = {NULL, 0};
  int code = sort_items(&items, key, reverse, &keys);
  ouro__gathered others = put_back(list, &items);
  if (!code && others.count) code = OURO_ECHANGED;
  ouro__gathered_drop(&others);
  ouro__gathered_drop(&keys);
  return code;
}

ouro_ref ouro_sorted(void *iterable, void *key, bool reverse) {
  ouro_list *made = ouro_list_from(iterable);
  int code = made ? ouro_list_sort(made, key, reverse) : OURO_OK;
  if (!code) return made;
  ouro_decref(made);
  return ouro__fail(code);
}
