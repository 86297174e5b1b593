/* values/list_many.c - many items of a list at once: extending, slices, repeating, reversing. See sequence.h.
 *
 * What goes in is gathered before the list is held. What comes out takes its place in the row that was gathered, and is released with that
 * when the list is held no more. */
#include "values/sequence.h"

/* ---------------------------------------------------------------- extending */

/* Within a hold of both. `items` may be those of the list itself, which may move. */
static int append_refs(ouro_list *list, ouro_list *other) {
  size_t count = list->count, more = other->count;
  int code = ouro__list_reserve(list, more);
  if (code || !more) return code;
  ouro__copy_refs(list->items + count, other->items, more);
  ouro__list_set_count(list, count + more);
  return OURO_OK;
}

static int extend_by_list(ouro_list *list, ouro_list *other) {
  ouro__hold hold;
  ouro__hold_two(&hold, list, other);
  int code = append_refs(list, other);
  ouro__hold_end(&hold, list);
  return code;
}

/* The references are the list's then. A list without a row takes the one that there is. */
static int extend_by_gathered(ouro_list *list, ouro__gathered *more) {
  ouro__hold hold;
  int code = OURO_OK;
  ouro__hold_write(&hold, list);
  if (!list->items) {
    list->items = more->row;
    ouro__list_set_count(list, more->count);
    *more = (ouro__gathered){NULL, 0};
  } else if (!(code = ouro__list_reserve(list, more->count))) {
    memcpy(list->items + list->count, more->row, more->count * sizeof *more->row);
    ouro__list_set_count(list, list->count + more->count);
    more->count = 0;
  }
  ouro__hold_end(&hold, list);
  return code;
}

int ouro_list_extend(ouro_list *list, void *iterable) {
  OURO_ASSERT(ouro_is_list(list));
  ouro__gathered more = {NULL, 0};
  if (iterable && ouro_type_of(iterable) == &ouro_list_type) return extend_by_list(list, iterable);
  int code = ouro__gather(&more, iterable);
  if (!code && more.count) code = extend_by_gathered(list, &more);
  ouro__gathered_drop(&more);
  return code;
}

/* ---------------------------------------------------------------- all of it */

void ouro_list_clear(ouro_list *list) {
  OURO_ASSERT(ouro_is_list(list));
  ouro__hold hold;
  ouro__hold_write(&hold, list);
  ouro__gathered gone = ouro__list_take(list);
  ouro__hold_end(&hold, list);
  ouro__gathered_drop(&gone);
}

static void swap(ouro_object **first, ouro_object **second) {
  ouro_object *item = *first;
  *first = *second;
  *second = item;
}

void ouro_list_reverse(ouro_list *list) {
  OURO_ASSERT(ouro_is_list(list));
  ouro__hold hold;
  ouro__hold_write(&hold, list);
  for (size_t i = 0, j = list->count; i + 1 < j; i++) swap(&list->items[i], &list->items[--j]);
  ouro__hold_end(&hold, list);
}

static int repeat(ouro_list *list, size_t times) {
  size_t count = list->count;
  if (count && times - 1 > PTRDIFF_MAX / sizeof(void *) / count) return OURO_ENOMEM;
  int code = ouro__list_reserve(list, count * (times - 1));
  if (code || !count) return code;
  for (size_t i = 1; i < times; i++) ouro__copy_refs(list->items + i * count, list->items, count);
  ouro__list_set_count(list, count * times);
  return OURO_OK;
}

int ouro_list_repeat_in_place(ouro_list *list, ptrdiff_t times) {
  OURO_ASSERT(ouro_is_list(list));
  if (times <= 0) {
    ouro_list_clear(list);
    return OURO_OK;
  }
  ouro__hold hold;
  ouro__hold_write(&hold, list);
  int code = repeat(list, (size_t)times);
  ouro__hold_end(&hold, list);
  return code;
}

/* ---------------------------------------------------------------- new lists */

/* What was gathered becomes a list, or goes. */
static ouro_ref list_or_code(ouro__gathered *it, int code) {
  if (!code) return ouro__list_of_gathered(it);
  ouro__gathered_drop(it);
  return ouro__fail(code);
}

ouro_ref ouro_list_concat(ouro_list *first, ouro_list *second) {
  OURO_ASSERT(ouro_is_list(first) && ouro_is_list(second));
  ouro__gathered it = {NULL, 0};
  int code = ouro__gather(&it, first);
  if (!code) code = ouro__gather(&it, second);
  return list_or_code(&it, code);
}

ouro_ref ouro_list_repeat(ouro_list *list, ptrdiff_t times) {
  OURO_ASSERT(ouro_is_list(list));
  if (times <= 0) return ouro_list_new();
  ouro__gathered it = {NULL, 0};
  int code = ouro__gather(&it, list);
  if (!code) code = ouro__gathered_repeat(&it, (size_t)times);
  return list_or_code(&it, code);
}

/* Within a hold. */
static int gather_slice(ouro__gathered *to, const ouro_list *list, const ouro__slice *slice) {
  if (!slice->count) return OURO_OK;
  to->row = ouro__row_new(slice->count);
  if (!to->row) return OURO_ENOMEM;
  for (size_t i = 0; i < slice->count; i++) to->row[i] = ouro__item_ref(list->items[ouro__slice_at(slice, i)]);
  to->count = slice->count;
  return OURO_OK;
}

ouro_ref ouro_list_slice(ouro_list *list, ptrdiff_t start, ptrdiff_t stop, ptrdiff_t step) {
  OURO_ASSERT(ouro_is_list(list));
  if (step == 0) return ouro__fail(OURO_EINVAL);
  if (step == OURO_LEFT_OUT) step = 1;
  ouro__hold hold;
  ouro__gathered it = {NULL, 0};
  ouro__hold_read(&hold, list);
  ouro__slice slice = ouro__slice_of(list->count, start, stop, step);
  int code = gather_slice(&it, list, &slice);
  ouro__hold_end(&hold, list);
  return list_or_code(&it, code);
}

/* ---------------------------------------------------------------- slices that change the list, within a hold */

/* Room in what was gathered for what comes out. */
static int room_for(ouro__gathered *it, size_t count) {
  if (count <= ouro__row_room(it->row)) return OURO_OK;
  ouro__row larger = ouro__row_resize(it->row, count);
  if (!larger) return OURO_ENOMEM;
  it->row = larger;
  return OURO_OK;
}

/* `with` instead of the slice, whose step is 1; then it has what was there. */
static int splice(ouro_list *list, const ouro__slice *slice, ouro__gathered *with) {
  size_t out = slice->count, in = with->count, same = in < out ? in : out;
  int code = in > out ? ouro__list_reserve(list, in - out) : room_for(with, out);
  if (code || (!in && !out)) return code;
  ouro_object **at = list->items + slice->start;
  size_t behind = list->count - slice->start - out;
  for (size_t i = 0; i < same; i++) swap(&at[i], &with->row[i]);
  if (out > in) memcpy(with->row + in, at + in, (out - in) * sizeof *at);
  if (out != in && behind) memmove(at + in, at + out, behind * sizeof *at);
  if (in > out) memcpy(at + out, with->row + out, (in - out) * sizeof *at);
  with->count = out;
  if (in < out) ouro__list_shrink(list, list->count - (out - in));
  if (in > out) ouro__list_set_count(list, list->count + (in - out));
  return OURO_OK;
}

static int scatter(ouro_list *list, const ouro__slice *slice, ouro__gathered *with) {
  if (slice->count != with->count) return OURO_EINVAL;
  for (size_t i = 0; i < slice->count; i++) swap(&list->items[ouro__slice_at(slice, i)], &with->row[i]);
  return OURO_OK;
}

/* Take the slice out: what is between its items moves down. */
static int thin_out(ouro_list *list, ouro__slice slice, ouro__gathered *out) {
  if (room_for(out, slice.count)) return OURO_ENOMEM;
  if (slice.count && slice.step < 0) {
    slice = (ouro__slice){ouro__slice_at(&slice, slice.count - 1), slice.count, (ptrdiff_t)(0 - (size_t)slice.step)};
  }
  size_t kept = slice.start;
  for (size_t i = slice.start; slice.count && i < list->count; i++) {
    bool goes = out->count < slice.count && i == ouro__slice_at(&slice, out->count);
    if (goes) {
      out->row[out->count++] = list->items[i];
    } else {
      list->items[kept++] = list->items[i];
    }
  }
  if (slice.count) ouro__list_shrink(list, kept);
  return OURO_OK;
}

int ouro_list_slice_set(ouro_list *list, ptrdiff_t start, ptrdiff_t stop, ptrdiff_t step, void *iterable) {
  OURO_ASSERT(ouro_is_list(list));
  ouro__gathered with = {NULL, 0};
  if (step == 0) return OURO_EINVAL;
  if (step == OURO_LEFT_OUT) step = 1;
  int code = ouro__gather(&with, iterable);
  if (code) return code;
  ouro__hold hold;
  ouro__hold_write(&hold, list);
  ouro__slice slice = ouro__slice_of(list->count, start, stop, step);
  code = step == 1 ? splice(list, &slice, &with) : scatter(list, &slice, &with);
  ouro__hold_end(&hold, list);
  ouro__gathered_drop(&with);
  return code;
}

int ouro_list_slice_delete(ouro_list *list, ptrdiff_t start, ptrdiff_t stop, ptrdiff_t step) {
  OURO_ASSERT(ouro_is_list(list));
  ouro__gathered out = {NULL, 0};
  if (step == 0) return OURO_EINVAL;
  if (step == OURO_LEFT_OUT) step = 1;
  ouro__hold hold;
  ouro__hold_write(&hold, list);
  int code = OURO_OK;
  ouro__slice slice = ouro__slice_of(list->count, start, stop, step);
  if (slice.count == list->count) {
    out = ouro__list_take(list);
  } else {
    code = step == 1 ? splice(list, &slice, &out) : thin_out(list, slice, &out);
  }
  ouro__hold_end(&hold, list);
  ouro__gathered_drop(&out);
  return code;
}
