/* values/sequence.h - what the files of tuples and lists share: rows, slices, sorting.
 *
 *   sequence.c       rows, slices, what an iterable gives; the smallest and the largest
 *   tuple.c          tuples
 *   list.c           a list, and one item of it
 *   list_many.c      many items: slices, extending, repeating
 *   list_search.c    what compares items, with nothing locked
 *   list_values.c    a list as a value: protocols and iterators
 *   list_sort.c      taking a list's items out, sorting them by their keys, putting them back
 *   sort.c           sorting an array of entries
 *
 * A ROW is an array of references behind its capacity, in a block of the heap; the row is the address of the first item:
 *
 *   block: | capacity | item 0 | item 1 | ... | room to spare |
 *                     ^ row
 *
 * I-LIST-1  count <= capacity of the row; no row (NULL) is one of capacity 0
 * I-LIST-2  the first `count` items are owned, and not NULL, unless the collector has emptied them: NULL reads as none
 * I-LIST-3  items, count and row of a list change within ouro__hold_write alone, and are read within a hold; only the count is looked at
 *           without one, where it may be out of date */
#ifndef OURO_VALUES_SEQUENCE_H
#define OURO_VALUES_SEQUENCE_H

#include <string.h>

#include <ouro/heap.h>
#include <ouro/list.h>
#include <ouro/number.h>

#include "values/guard.h"
#include "values/str.h"
#include "values/values.h"

typedef ouro_object **ouro__row;

/* ---------------------------------------------------------------- rows */

enum { OURO_ROW_HEAD = sizeof(size_t) };

static inline size_t ouro__row_room(ouro__row row) { return row ? ((size_t *)(void *)row)[-1] : 0; }

/* The row (NULL: a new one) with room for `room` items, 1 or more; NULL: no memory, and the row is as it was. */
ouro__row ouro__row_resize(ouro__row row, size_t room);

static inline ouro__row ouro__row_new(size_t room) {
  if (OURO_UNLIKELY(room > PTRDIFF_MAX / sizeof(ouro_object *) - 1)) return ouro__row_resize(NULL, room); /* says that it is too much */
  size_t *block = ouro_malloc(OURO_ROW_HEAD + room * sizeof(ouro_object *));
  if (OURO_UNLIKELY(!block)) return NULL;
  *block = room;
  return (ouro__row)(void *)(block + 1);
}

static inline void ouro__row_free(ouro__row row) {
  if (row) ouro_free((size_t *)(void *)row - 1);
}

/* Release `count` items from the beginning on, and then the row. No hold. */
void ouro__row_release(ouro__row row, size_t count);

/* The room for `count` items of a row that grows or shrinks: an eighth more, as in CPython, and what the size class has to spare. */
size_t ouro__row_grown(size_t count);

/* What an item reads as, and a new reference to it. */
static inline void *ouro__item(ouro_object *item) { return OURO_LIKELY(item != NULL) ? (void *)item : ouro_none; }
static inline ouro_object *ouro__item_ref(ouro_object *item) { return ouro_newref(ouro__item(item)); }

static inline void ouro__copy_refs(ouro_object **to, ouro_object *const *from, size_t count) {
  for (size_t i = 0; i < count; i++) to[i] = ouro__item_ref(from[i]);
}

/* Is none of them NULL? */
bool ouro__all_objects(void *const *items, size_t count);

/* Release references that were given to a function which fails. */
void ouro__release_all(void *const *items, size_t count);

/* ---------------------------------------------------------------- what an iterable gives */

/* References in a row; owned by whoever has it on his stack. */
typedef struct ouro__gathered {
  ouro__row row;
  size_t count;
} ouro__gathered;

/* Add all that the iterable gives; a list as it is at one moment. A code: nothing was added. */
int ouro__gather(ouro__gathered *to, void *iterable);

/* `times` times what is there, `times` not below 1. */
int ouro__gathered_repeat(ouro__gathered *it, size_t times);

static inline void ouro__gathered_drop(const ouro__gathered *it) { ouro__row_release(it->row, it->count); }

/* ---------------------------------------------------------------- slices */

/* `count` items, the first at `start`, each `step` behind the one before. Of none: `start` is where they would be. */
typedef struct ouro__slice {
  size_t start, count;
  ptrdiff_t step;
} ouro__slice;

/* `step` is not 0. As CPython's PySlice_AdjustIndices. */
ouro__slice ouro__slice_of(size_t length, ptrdiff_t start, ptrdiff_t stop, ptrdiff_t step);

static inline size_t ouro__slice_at(const ouro__slice *slice, size_t i) { return slice->start + i * (size_t)slice->step; }

/* An index as Python counts it; what is outside stays outside: it is not below the length. */
static inline size_t ouro__index(size_t length, ptrdiff_t index) { return index < 0 ? (size_t)index + length : (size_t)index; }

/* The index that a key says: an int. OURO_ETYPE; OURO_EINDEX: far outside. */
int ouro__index_of_key(void *key, ptrdiff_t *index);

/* ---------------------------------------------------------------- equality
 *
 * 1, 0; -1: that is for ouro_equal to say. Ints of 64 bits and strings have no functions of the program's: two may be compared within a
 * hold. */

static inline int ouro__equal_quickly(const void *first, const void *second) {
  if (first == second) return 1;
  if (ouro__int_is_small(first) && ouro__int_is_small(second)) return ouro__int_value(first) == ouro__int_value(second);
  if (!ouro__is_str_exact(first) || !ouro__is_str_exact(second)) return -1;
  return ouro__str_same(first, second);
}

/* As ouro_equal, with nothing held. */
static inline int ouro__equal_items(void *first, void *second) {
  int answer = ouro__equal_quickly(first, second);
  return answer < 0 ? ouro_equal(first, second) : answer;
}

/* ---------------------------------------------------------------- iterators
 *
 * They have no lock: the next index is all that changes. At the end it goes so far that what is appended later is not seen. */

static inline size_t ouro__cursor_step(_Atomic size_t *next) {
  if (OURO_UNLIKELY(!ouro__enter_alone())) return ouro__add_relaxed(next, 1);
  size_t index = ouro__load_relaxed(next);
  ouro__store_relaxed(next, index + 1);
  ouro__leave_alone();
  return index;
}

static inline void ouro__cursor_end(_Atomic size_t *next) { ouro__store_relaxed(next, PTRDIFF_MAX); }

/* ---------------------------------------------------------------- tuples */

static inline ouro_object **ouro__tuple_items(const ouro_tuple *tuple) { return (ouro_object **)(uintptr_t)(tuple + 1); }

/* A tuple to be filled before anybody sees it; of 0 items the one that there is. */
ouro_ref ouro__tuple_blank(size_t count);

/* ---------------------------------------------------------------- lists */

static inline void ouro__list_set_count(ouro_list *list, size_t count) { OURO__SET(list->count, count); }

/* An empty list with room for so many, and no more: as many appends do not fail. */
ouro_ref ouro__list_with_room(size_t room);

/* A list that takes over what was gathered, also when it fails. */
ouro_ref ouro__list_of_gathered(ouro__gathered *it);

/* Within a hold: room for `more` items. */
int ouro__list_reserve(ouro_list *list, size_t more);
/* Within a hold: the list has `count` items, fewer than before; memory goes back where less than half is in use. */
void ouro__list_shrink(ouro_list *list, size_t count);
/* Within a hold: the list is empty; what it had is the caller's. */
ouro__gathered ouro__list_take(ouro_list *list);

/* A new reference to the item at an index, counted from the beginning; NULL: none is there. */
ouro_object *ouro__list_at(ouro_list *list, size_t index);

bool ouro__list_valid(const ouro_list *list); /* I-LIST-1, 2 */

extern const ouro_protocols ouro__list_protocols;

/* ---------------------------------------------------------------- sorting */

/* What is sorted: by `key`, which says the order, or begins it. */
typedef struct ouro__entry {
  uint64_t key;
  void *item;
} ouro__entry;

typedef enum ouro__order {
  OURO__ORDER_WORDS,   /* keys are numbers */
  OURO__ORDER_TEXTS,   /* items are strings, keys what each has from byte `skip` on, where all begin alike */
  OURO__ORDER_STRINGS, /* keys are addresses of strings */
  OURO__ORDER_OBJECTS, /* keys are addresses of objects of any type */
} ouro__order;

enum { OURO__SORT_WAS = 1 };

/* Sort entries; stable. OURO__SORT_WAS: they were in order, and none has moved. OURO_ENOMEM, a code of ouro_compare: they are in whatever
 * order. */
int ouro__sort(ouro__entry *entries, size_t count, ouro__order order, size_t skip);

/* Eight bytes of a string, from byte `skip` on, as a number that orders as they do. What ends before has zeros. */
uint64_t ouro__text_key(const void *string, size_t skip);

#endif
