/* values/list_search.c - what compares the items of a list: nothing is held meanwhile, since equality may be the program's. See sequence.h.
 *
 * As in CPython, each item is taken as it is when its turn comes, with a reference of its own, and the search goes on behind it, whatever
 * has become of the list. Items that are the very object, and strings and ints of 64 bits where such a one is looked for, are compared
 * within the hold: no function of the program's has a say in that. */
#include "values/sequence.h"

/* ---------------------------------------------------------------- looking for an item */

/* How many items are looked at in one hold. */
enum { STRETCH = 256 };

/* Go on from *index, before `end`, to an item that is equal, 1, or that has to be asked, -1, with a reference to it in *item; 0: there is
 * none in this stretch. */
static int look_at_stretch(ouro_list *list, size_t *index, size_t end, const void *sought, ouro_object **item) {
  ouro__hold hold;
  int answer = 0;
  ouro__hold_read(&hold, list);
  size_t stop = end < list->count ? end : list->count, i = *index;
  if (stop > i && stop - i > STRETCH) stop = i + STRETCH;
  for (; i < stop; i++) {
    answer = ouro__equal_quickly(ouro__item(list->items[i]), sought);
    if (answer) break;
  }
  if (answer) *item = ouro__item_ref(list->items[i]);
  *index = i;
  ouro__hold_end(&hold, list);
  return answer;
}

/* The next item that is equal, from *index on and before `end`: 1, it is there, and *found is a reference to it. */
static int find(ouro_list *list, size_t *index, size_t end, void *sought, ouro_object **found) {
  while (*index < end && *index < ouro_list_count(list)) {
    ouro_object *item = NULL;
    int answer = look_at_stretch(list, index, end, sought, &item);
    if (answer < 0) answer = ouro_equal(item, sought);
    if (answer == 1) *found = item;
    if (answer) {
      if (answer != 1) ouro_decref(item);
      return answer;
    }
    if (!item) continue;
    ouro_decref(item);
    ++*index;
  }
  return 0;
}

static int find_index(ouro_list *list, size_t *index, size_t end, void *sought) {
  ouro_object *found = NULL;
  int code = find(list, index, end, sought, &found);
  ouro_xdecref(found);
  return code;
}

int ouro_list_index_in(ouro_list *list, void *item, ptrdiff_t start, ptrdiff_t stop, size_t *index) {
  OURO_ASSERT(ouro_is_list(list));
  if (!item) return OURO_EINVAL;
  ouro__slice within = ouro__slice_of(ouro_list_count(list), start, stop, 1);
  size_t at = within.start;
  int code = find_index(list, &at, within.start + within.count, item);
  if (code == 1) *index = at;
  return code;
}

int ouro_list_index(ouro_list *list, void *item, size_t *index) {
  OURO_ASSERT(ouro_is_list(list));
  size_t at = 0;
  int code = item ? find_index(list, &at, SIZE_MAX, item) : OURO_EINVAL;
  if (code == 1) *index = at;
  return code;
}

int ouro_list_contains(ouro_list *list, void *item) {
  size_t index;
  return ouro_list_index(list, item, &index);
}

int ouro_list_count_of(ouro_list *list, void *item, size_t *count) {
  OURO_ASSERT(ouro_is_list(list));
  if (!item) return OURO_EINVAL;
  size_t found = 0, at = 0;
  int code;
  while ((code = find_index(list, &at, SIZE_MAX, item)) == 1) {
    found++;
    at++;
  }
  if (code == OURO_OK) *count = found;
  return code;
}

/* Take the item out that was found at `index`, unless it is there no more. */
static bool take_out(ouro_list *list, size_t index, const ouro_object *found) {
  ouro__hold hold;
  ouro__hold_write(&hold, list);
  size_t count = list->count;
  ouro_object *item = index < count ? list->items[index] : NULL;
  bool there = item && item == found;
  if (there) {
    memmove(list->items + index, list->items + index + 1, (count - index - 1) * sizeof *list->items);
    ouro__list_shrink(list, count - 1);
  }
  ouro__hold_end(&hold, list);
  if (there) ouro_decref(item);
  return there;
}

int ouro_list_remove(ouro_list *list, void *item) {
  OURO_ASSERT(ouro_is_list(list));
  if (!item) return OURO_EINVAL;
  for (size_t at = 0;;) {
    ouro_object *found = NULL;
    int code = find(list, &at, SIZE_MAX, item, &found);
    if (code != 1) return code;
    bool done = take_out(list, at, found);
    ouro_decref(found);
    if (done) return 1;
  }
}
