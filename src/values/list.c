/* values/list.c - a list, and one item of it: made, read, changed, put in, taken out. See sequence.h. */
#include "values/sequence.h"

#include <stdarg.h>

/* ---------------------------------------------------------------- its row, within a hold */

int ouro__list_reserve(ouro_list *list, size_t more) {
  size_t room = ouro__row_room(list->items), wanted = list->count + more;
  if (OURO_LIKELY(wanted <= room)) return OURO_OK;
  ouro__row larger = ouro__row_resize(list->items, ouro__row_grown(wanted));
  if (!larger) return OURO_ENOMEM;
  list->items = larger;
  return OURO_OK;
}

/* So small a row is kept: one that goes from one item to none and back would be made anew each time. */
enum { KEPT_ROOM = 4 };

void ouro__list_shrink(ouro_list *list, size_t count) {
  ouro__list_set_count(list, count);
  size_t room = ouro__row_room(list->items);
  if (OURO_LIKELY(count >= room / 2) || room <= KEPT_ROOM) return;
  int saved = errno;
  ouro__row smaller = ouro__row_resize(list->items, count ? ouro__row_grown(count) : KEPT_ROOM);
  if (smaller) list->items = smaller;
  errno = saved; /* it is as well as it was */
}

ouro__gathered ouro__list_take(ouro_list *list) {
  ouro__gathered taken = {list->items, list->count};
  list->items = NULL;
  ouro__list_set_count(list, 0);
  return taken;
}

bool ouro__list_valid(const ouro_list *list) { return list->count <= ouro__row_room(list->items); }

/* ---------------------------------------------------------------- making one */

ouro_ref ouro_list_new(void) { return ouro_new(&ouro_list_type); }

ouro_ref ouro__list_with_room(size_t room) {
  ouro_list *made = ouro_new(&ouro_list_type);
  if (!made || !room) return made;
  made->items = ouro__row_new(room);
  if (made->items) return made;
  ouro_decref(made);
  return ouro__fail(OURO_ENOMEM);
}

ouro_ref ouro__list_of_gathered(ouro__gathered *it) {
  ouro_list *made = ouro_new(&ouro_list_type);
  if (made) {
    made->items = it->row;
    ouro__list_set_count(made, it->count);
  } else {
    int saved = errno;
    ouro__gathered_drop(it);
    errno = saved;
  }
  return made;
}

ouro_ref ouro_list_new_items(size_t count, void *const *items) {
  ouro_list *made = ouro__list_with_room(count);
  bool complete = true;
  if (!made) return NULL;
  for (size_t i = 0; i < count; i++) {
    made->items[i] = ouro_xnewref(items[i]);
    complete = complete && items[i];
  }
  ouro__list_set_count(made, count);
  if (complete) return made;
  ouro_decref(made);
  return ouro__fail(OURO_EINVAL);
}

ouro_ref ouro_list_new_items_move(size_t count, const ouro_ref *items) {
  bool complete = ouro__all_objects(items, count);
  ouro_list *made = complete ? ouro__list_with_room(count) : ouro__fail(OURO_EINVAL);
  if (!made) {
    ouro__release_all(items, count);
  } else if (count) {
    memcpy(made->items, items, count * sizeof *items);
    ouro__list_set_count(made, count);
  }
  return made;
}

ouro_ref ouro_list_of(size_t count, ...) {
  ouro_list *made = ouro__list_with_room(count);
  va_list args;
  bool complete = true;
  va_start(args, count);
  for (size_t i = 0; made && i < count; i++) {
    ouro_object *item = va_arg(args, void *);
    made->items[i] = ouro_xnewref(item);
    complete = complete && item;
  }
  va_end(args);
  if (made) ouro__list_set_count(made, count);
  if (complete) return made;
  ouro_decref(made);
  return ouro__fail(OURO_EINVAL);
}

ouro_ref ouro_list_from(void *iterable) {
  ouro__gathered it = {NULL, 0};
  int code = ouro__gather(&it, iterable);
  if (!code) return ouro__list_of_gathered(&it);
  ouro__row_free(it.row);
  return ouro__fail(code);
}

/* ---------------------------------------------------------------- reading an item */

/* NULL: nothing is there. Within a hold. */
static inline ouro_object *item_at(const ouro_list *list, ptrdiff_t index) {
  size_t at = ouro__index(list->count, index);
  return OURO_LIKELY(at < list->count) ? ouro__item_ref(list->items[at]) : NULL;
}

static OURO_NOINLINE ouro_object *read_among_many(ouro_list *list, ptrdiff_t index) {
  ouro__hold hold;
  ouro__hold_read(&hold, list);
  ouro_object *item = item_at(list, index);
  ouro__hold_end(&hold, list);
  return item;
}

/* As read_among_many; a thread that is alone needs no hold, and nothing of it on its stack. */
static inline ouro_object *read_item(ouro_list *list, ptrdiff_t index) {
  if (OURO_UNLIKELY(!ouro__enter_alone())) return read_among_many(list, index);
  ouro_object *item = item_at(list, index);
  ouro__leave_alone();
  return item;
}

ouro_object *ouro__list_at(ouro_list *list, size_t index) { return index <= PTRDIFF_MAX ? read_item(list, (ptrdiff_t)index) : NULL; }

int ouro_list_get(ouro_list *list, ptrdiff_t index, ouro_slot item) {
  OURO_ASSERT(ouro_is_list(list));
  ouro_object *found = read_item(list, index);
  if (OURO_UNLIKELY(!found)) return OURO_EINDEX;
  OURO__SLOT_SET(item, found);
  return OURO_OK;
}

int ouro_list_next(ouro_list *list, size_t *cursor, ouro_slot item) {
  OURO_ASSERT(ouro_is_list(list));
  ouro_object *found = ouro__list_at(list, *cursor);
  if (!found) return 0;
  ++*cursor;
  OURO__SLOT_SET(item, found);
  return 1;
}

/* ---------------------------------------------------------------- changing an item */

int ouro_list_set_move(ouro_list *list, ptrdiff_t index, ouro_ref item) {
  OURO_ASSERT(ouro_is_list(list));
  if (!item) return OURO_EINVAL;
  ouro__hold hold;
  ouro__hold_write(&hold, list);
  size_t at = ouro__index(list->count, index);
  bool there = at < list->count;
  ouro_object *before = there ? list->items[at] : item;
  if (there) list->items[at] = item;
  ouro__hold_end(&hold, list);
  ouro_xdecref(before);
  return there ? OURO_OK : OURO_EINDEX;
}

int ouro_list_set(ouro_list *list, ptrdiff_t index, void *item) { return ouro_list_set_move(list, index, ouro_xnewref(item)); }

/* ---------------------------------------------------------------- putting one in */

/* The reference is taken over, also when it fails. */
static OURO_NOINLINE int append_slowly(ouro_list *list, ouro_object *item) {
  ouro__hold hold;
  ouro__hold_write(&hold, list);
  size_t count = list->count;
  int code = ouro__list_reserve(list, 1);
  if (!code) {
    list->items[count] = item;
    ouro__list_set_count(list, count + 1);
  }
  ouro__hold_end(&hold, list);
  if (code) ouro_decref(item);
  return code;
}

/* The same; a thread that is alone, where there is room, needs no hold. */
static inline int append(ouro_list *list, ouro_object *item) {
  if (OURO_UNLIKELY(!ouro__enter_alone())) return append_slowly(list, item);
  size_t count = list->count;
  bool there_is_room = count < ouro__row_room(list->items);
  if (OURO_LIKELY(there_is_room)) {
    list->items[count] = item;
    ouro__list_set_count(list, count + 1);
  }
  ouro__leave_alone();
  return OURO_LIKELY(there_is_room) ? OURO_OK : append_slowly(list, item);
}

int ouro_list_append_move(ouro_list *list, ouro_ref item) {
  OURO_ASSERT(ouro_is_list(list));
  return OURO_LIKELY(item != NULL) ? append(list, item) : OURO_EINVAL;
}

int ouro_list_append(ouro_list *list, void *item) {
  OURO_ASSERT(ouro_is_list(list));
  return OURO_LIKELY(item != NULL) ? append(list, ouro_newref(item)) : OURO_EINVAL;
}

/* As Python has it: what is outside is the beginning, or the end. */
static size_t place_for(size_t count, ptrdiff_t index) {
  size_t at = ouro__index(count, index);
  return at <= count ? at : index < 0 ? 0 : count;
}

int ouro_list_insert_move(ouro_list *list, ptrdiff_t index, ouro_ref item) {
  OURO_ASSERT(ouro_is_list(list));
  if (!item) return OURO_EINVAL;
  ouro__hold hold;
  ouro__hold_write(&hold, list);
  int code = ouro__list_reserve(list, 1);
  if (!code) {
    size_t at = place_for(list->count, index);
    memmove(list->items + at + 1, list->items + at, (list->count - at) * sizeof *list->items);
    list->items[at] = item;
    ouro__list_set_count(list, list->count + 1);
  }
  ouro__hold_end(&hold, list);
  if (code) ouro_decref(item);
  return code;
}

int ouro_list_insert(ouro_list *list, ptrdiff_t index, void *item) { return ouro_list_insert_move(list, index, ouro_xnewref(item)); }

/* ---------------------------------------------------------------- taking one out */

int ouro_list_pop(ouro_list *list, ptrdiff_t index, ouro_slot item) {
  OURO_ASSERT(ouro_is_list(list));
  ouro__hold hold;
  ouro__hold_write(&hold, list);
  size_t count = list->count, at = ouro__index(count, index);
  bool there = at < count;
  ouro_object *taken = there ? list->items[at] : NULL;
  if (there) {
    if (at + 1 < count) memmove(list->items + at, list->items + at + 1, (count - at - 1) * sizeof *list->items);
    ouro__list_shrink(list, count - 1);
  }
  ouro__hold_end(&hold, list);
  if (!there) return OURO_EINDEX;
  OURO__SLOT_SET(item, taken ? (void *)taken : ouro_none);
  return OURO_OK;
}

int ouro_list_delete(ouro_list *list, ptrdiff_t index) {
  void *item = NULL;
  int code = ouro_list_pop(list, index, &item);
  ouro_xdecref(item);
  return code;
}

/* ---------------------------------------------------------------- the type */

/* Also one whose items the collector is just emptying. */
static void list_visit(void *self, ouro_visitor *visitor) {
  ouro_list *list = self;
  for (size_t i = 0; i < list->count; i++) ouro_visit(visitor, &list->items[i]);
}

/* OURO_TYPE_RELEASES. The collector may have emptied the slots. */
static void list_release(void *self) {
  ouro_list *list = self;
  for (size_t i = 0; i < list->count; i++) {
    if (list->items[i]) ouro_decref(list->items[i]);
  }
  ouro__row_free(list->items);
}

ouro_type ouro_list_type = {
    .name = "list", .size = sizeof(ouro_list), .visit = list_visit, .release = list_release,
    .flags = OURO_TYPE_RELEASES, .protocols = &ouro__list_protocols};
