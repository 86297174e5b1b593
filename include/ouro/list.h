/* ouro/list.h - sequences: tuple, which never changes, and list, which does; sorting; the smallest and the largest.
 *
 *     OURO_AUTO(ouro_list) names = ouro_list_new();
 *     ouro_list_append_move(names, ouro_str_from("Ada"));   // the list takes over the reference, also when it fails
 *     ouro_list_sort(names, NULL, false);
 *
 *     size_t cursor = 0;
 *     void *name;
 *     while (ouro_list_next(names, &cursor, &name) == 1) {
 *       ...
 *       ouro_decref(name);
 *     }
 *
 * What goes in is borrowed, but for functions that end in _move; what comes out is a new reference, but for ouro_tuple_at. An index is a
 * ptrdiff_t, and a negative one counts from the end, as in Python. Equality of items is that of ouro_equal, order that of ouro_compare:
 * they run with nothing locked, may do anything, also to the list, and may raise.
 *
 * Memory: a tuple of n is 8n + 24 bytes. A list is its object, 32 bytes, and, unless it is empty, a block of 8n + 8: of n items where it
 * was made of them, and with about an eighth to spare where it grew. It becomes smaller when less than half of it is in use. */
#ifndef OURO_LIST_H
#define OURO_LIST_H

#include "value.h"

OURO_BEGIN_DECLS

typedef struct ouro_tuple {
  ouro_var base; /* and its items */
} ouro_tuple;

/* The fields are the library's: see ouro_list_count and ouro_list_get. */
typedef struct ouro_list {
  ouro_object base;
  ouro_object **items; /* NULL, or behind their capacity, a size_t */
  size_t count;
} ouro_list;

OURO_API extern ouro_type ouro_tuple_type;
OURO_API extern ouro_type ouro_list_type;

/* Is it one, or of a type derived from that?
 * Threads: any that holds a reference.
 * Cost:    a load and a comparison, for the type itself. */
static inline bool ouro_is_tuple(const void *object) {
  return ouro_type_of(object) == &ouro_tuple_type || ouro_is_instance(object, &ouro_tuple_type);
}
static inline bool ouro_is_list(const void *object) {
  return ouro_type_of(object) == &ouro_list_type || ouro_is_instance(object, &ouro_list_type);
}

/* Where a slice begins or ends, or its step, left out as in x[::]. */
#define OURO_LEFT_OUT PTRDIFF_MIN

/* ---------------------------------------------------------------- tuple
 *
 * It hashes as its items do, is equal to a tuple of equal items, and orders by the first items that differ. */

/* A tuple of `count` items: of an array (new; new_move takes over the references that are in it, also when it fails), or of arguments,
 * which are pointers to objects. Of 0 items there is one tuple, which is immortal. No item may be NULL.
 * Ownership: new.
 * Errors:    NULL, errno ENOMEM, EPERM; EINVAL: an item is NULL.
 * Threads:   any.
 * Cost:      an object; O(count). */
OURO_API ouro_ref ouro_tuple_new(size_t count, void *const *items) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_tuple_new_move(size_t count, const ouro_ref *items) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_tuple_of(size_t count, ...) OURO_ATTR_NEW;

/* A tuple of what an iterable gives; of a tuple: itself.
 * Ownership: new.
 * Errors:    NULL, errno ENOMEM, EPERM; ENOTSUP: not iterable; what the iterable says.
 * Calls:     the iterable's functions.
 * Threads:   any; of a list, as it is at one moment.
 * Cost:      O(items). */
OURO_API ouro_ref ouro_tuple_from(void *iterable) OURO_ATTR_NEW;

/* How many items it has.
 * Threads: any that holds a reference.
 * Cost:    a load. */
static inline size_t ouro_tuple_count(const ouro_tuple *tuple) { return tuple->base.count; }

/* The item at an index, which is below ouro_tuple_count; borrowed from the tuple.
 * Threads: any that holds a reference.
 * Cost:    a load. */
static inline void *ouro_tuple_at(const ouro_tuple *tuple, size_t index) {
  void *item = ((ouro_object *const *)(const void *)(tuple + 1))[index];
  return OURO__LIKELY(item != NULL) ? item : ouro_none; /* what the collector has taken apart holds nothing */
}

/* The item at an index.
 * Errors:  OURO_EINDEX.
 * Threads: any that holds a reference.
 * Cost:    O(1). */
OURO_API int ouro_tuple_get(const ouro_tuple *tuple, ptrdiff_t index, ouro_slot item);

/* tuple[start:stop:step], first + second, tuple * times, as Python has them: what is outside is left out, OURO_LEFT_OUT is the beginning,
 * the end or a step of 1; a negative number of times is none.
 * Ownership: new; the tuple itself, where all of it is asked for.
 * Errors:    NULL, errno ENOMEM, EPERM; EINVAL: step is 0.
 * Threads:   any that holds references.
 * Cost:      O(items of the result). */
OURO_API ouro_ref ouro_tuple_slice(ouro_tuple *tuple, ptrdiff_t start, ptrdiff_t stop, ptrdiff_t step) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_tuple_concat(ouro_tuple *first, ouro_tuple *second) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_tuple_repeat(ouro_tuple *tuple, ptrdiff_t times) OURO_ATTR_NEW;

/* Is an item there that is equal to `item`? index: *index is where the first one is; count_of: *count is how many.
 * Returns: 1, 0, or a code of ouro_equal; count_of: OURO_OK, or a code.
 * Calls:   equality of the items.
 * Threads: any that holds references.
 * Cost:    O(items). */
OURO_API int ouro_tuple_contains(ouro_tuple *tuple, void *item);
OURO_API int ouro_tuple_index(ouro_tuple *tuple, void *item, size_t *index);
OURO_API int ouro_tuple_count_of(ouro_tuple *tuple, void *item, size_t *count);

/* ---------------------------------------------------------------- list: making one
 *
 * Errors, of all that make one: NULL, errno ENOMEM, EPERM; EINVAL: an item is NULL. */

/* A new list: empty; of `count` items of an array (new_items; new_items_move takes over the references that are in it, also when it fails);
 * or of arguments, which are pointers to objects.
 * Ownership: new.
 * Threads:   any.
 * Cost:      an object and, unless it is empty, a block; O(count). */
OURO_API ouro_ref ouro_list_new(void) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_list_new_items(size_t count, void *const *items) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_list_new_items_move(size_t count, const ouro_ref *items) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_list_of(size_t count, ...) OURO_ATTR_NEW;

/* A new list of what an iterable gives; also of a list.
 * Ownership: new.
 * Errors:    also ENOTSUP: not iterable; what the iterable says.
 * Calls:     the iterable's functions.
 * Threads:   any; of a list, as it is at one moment.
 * Cost:      O(items). */
OURO_API ouro_ref ouro_list_from(void *iterable) OURO_ATTR_NEW;

/* ---------------------------------------------------------------- list: one item */

/* How many items it has.
 * Threads: any; out of date at once where others change it.
 * Cost:    a load. */
static inline size_t ouro_list_count(const ouro_list *list) { return OURO__SEE(list->count); }

/* The item at an index.
 * Errors:  OURO_EINDEX.
 * Threads: any; without a lock, mostly.
 * Cost:    O(1). */
OURO_API int ouro_list_get(ouro_list *list, ptrdiff_t index, ouro_slot item);

/* Another item at an index where one is. move: takes over the caller's reference, also when it fails.
 * Errors:  OURO_EINDEX, OURO_EINVAL (NULL).
 * Calls:   what goes with the item that was there.
 * Threads: any.
 * Cost:    O(1). */
OURO_API int ouro_list_set(ouro_list *list, ptrdiff_t index, void *item);
OURO_API int ouro_list_set_move(ouro_list *list, ptrdiff_t index, ouro_ref item);

/* One more item at the end. move: takes over the caller's reference, also when it fails.
 * Errors:  OURO_ENOMEM, OURO_EINVAL (NULL).
 * Threads: any.
 * Cost:    O(1), amortised. */
OURO_API int ouro_list_append(ouro_list *list, void *item);
OURO_API int ouro_list_append_move(ouro_list *list, ouro_ref item);

/* One more item before that at `index`; at the beginning or the end, where the index is outside. move: takes over the caller's
 * reference, also when it fails.
 * Errors:  OURO_ENOMEM, OURO_EINVAL (NULL).
 * Threads: any.
 * Cost:    O(items behind it). */
OURO_API int ouro_list_insert(ouro_list *list, ptrdiff_t index, void *item);
OURO_API int ouro_list_insert_move(ouro_list *list, ptrdiff_t index, ouro_ref item);

/* Take the item at `index` out (-1: the last one); pop gives it, delete releases it.
 * Errors:  OURO_EINDEX: no item is there, or the list is empty.
 * Calls:   delete: what goes with the item.
 * Threads: any.
 * Cost:    O(items behind it). It does not fail for want of memory. */
OURO_API int ouro_list_pop(ouro_list *list, ptrdiff_t index, ouro_slot item);
OURO_API int ouro_list_delete(ouro_list *list, ptrdiff_t index);

/* Is an item there that is equal to `item`? index: *index is where the first one is; index_in: the first one of list[start:stop]; count_of:
 * *count is how many; remove: the first one is taken out.
 * Returns: 1, 0, or a code of ouro_equal; count_of: OURO_OK, or a code.
 * Calls:   equality of the items; what goes with the item that is taken out.
 * Threads: any. Items are looked at one after the other, each as it is then: what others move meanwhile may be seen twice, or not at all.
 *          remove takes out what it has found to be equal, where it is there still.
 * Cost:    O(items). */
OURO_API int ouro_list_contains(ouro_list *list, void *item);
OURO_API int ouro_list_index(ouro_list *list, void *item, size_t *index);
OURO_API int ouro_list_index_in(ouro_list *list, void *item, ptrdiff_t start, ptrdiff_t stop, size_t *index);
OURO_API int ouro_list_count_of(ouro_list *list, void *item, size_t *count);
OURO_API int ouro_list_remove(ouro_list *list, void *item);

/* The item at *cursor, which is 0 at first, and then the library's; ouro_iterate's iterator does the same as an object. A list may be
 * changed while it is walked: what is appended is seen, and an index is what a cursor remembers.
 * Returns: 1: *item has it, new; 0: there are no more.
 * Threads: any, each with a cursor of its own; without a lock, mostly.
 * Cost:    O(1). Nothing is allocated. */
OURO_API int ouro_list_next(ouro_list *list, size_t *cursor, ouro_slot item);

/* ---------------------------------------------------------------- list: many items */

/* All that an iterable gives, at the end; it may be the list itself.
 * Errors:  OURO_ENOMEM; OURO_ETYPE: not iterable; what the iterable says. Nothing has changed then.
 * Calls:   the iterable's functions, before the list changes.
 * Threads: any; from a list at one moment of both.
 * Cost:    O(items of the iterable), amortised. */
OURO_API int ouro_list_extend(ouro_list *list, void *iterable);

/* Take all items out.
 * Calls:   what goes with them; the list is empty by then.
 * Threads: any.
 * Cost:    O(items). */
OURO_API void ouro_list_clear(ouro_list *list);

/* The other way round.
 * Threads: any.
 * Cost:    O(items). */
OURO_API void ouro_list_reverse(ouro_list *list);

/* list[start:stop:step], first + second, list * times, as Python has them: what is outside is left out, OURO_LEFT_OUT is the beginning,
 * the end or a step of 1; a negative number of times is none.
 * Ownership: new.
 * Errors:    NULL, errno ENOMEM, EPERM; EINVAL: step is 0.
 * Threads:   any; each list as it is at one moment, concat: the same one.
 * Cost:      O(items of the result). */
OURO_API ouro_ref ouro_list_slice(ouro_list *list, ptrdiff_t start, ptrdiff_t stop, ptrdiff_t step) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_list_concat(ouro_list *first, ouro_list *second) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_list_repeat(ouro_list *list, ptrdiff_t times) OURO_ATTR_NEW;

/* list[start:stop:step] = what an iterable gives, which may be the list itself: with a step of 1, any number of items instead of those;
 * else just as many. slice_delete: nothing instead of them. repeat_in_place: list *= times.
 * Errors:  OURO_ENOMEM; OURO_EINVAL: step is 0, or another number of items; OURO_ETYPE: not iterable; what the iterable says. Nothing has
 *          changed then.
 * Calls:   the iterable's functions, before the list changes; what goes with items that were there.
 * Threads: any; a list that is assigned, as it is at an earlier moment.
 * Cost:    O(items of both, and behind them). */
OURO_API int ouro_list_slice_set(ouro_list *list, ptrdiff_t start, ptrdiff_t stop, ptrdiff_t step, void *iterable);
OURO_API int ouro_list_slice_delete(ouro_list *list, ptrdiff_t start, ptrdiff_t stop, ptrdiff_t step);
OURO_API int ouro_list_repeat_in_place(ouro_list *list, ptrdiff_t times);

/* ---------------------------------------------------------------- order */

/* Sort it by its items, or by what `key` (a function of one argument; NULL: none), called once for each, gives; `reverse`: the largest
 * first. It is stable: items of which none comes before the other stay in their order, also in reverse. It takes advantage of runs that are
 * in order already (powersort: J. Munro and S. Wild, "Nearly-Optimal Mergesorts", ESA 2018). Where all are ints of 64 bits, all floats or
 * all strings, they are compared where they lie; among floats those that are no numbers come after all others.
 * Errors:  OURO_ENOMEM: nothing has changed. OURO_ETYPE: there is no order between two of them; what `key` and the order say: the items are
 *          there still, in whatever order. OURO_ECHANGED: while it was sorted somebody put items in: they are released, and it is sorted.
 * Calls:   `key`; the order of items that are neither all numbers of one type nor all strings; to those the list is empty.
 * Threads: any; to all others the list is empty meanwhile.
 * Cost:    O(items * log(items)) comparisons, O(items) of a few runs. While it runs, up to 32 bytes for each item, and 8 for its key. */
OURO_API int ouro_list_sort(ouro_list *list, void *key, bool reverse);

/* A new list of what an iterable gives, sorted.
 * Ownership: new.
 * Errors:    NULL, errno ENOMEM, EPERM; ENOTSUP: not iterable, or without order; what the functions say.
 * Calls:     the iterable's functions; those of ouro_list_sort.
 * Threads:   any; of a list, as it is at one moment.
 * Cost:      as ouro_list_sort. */
OURO_API ouro_ref ouro_sorted(void *iterable, void *key, bool reverse) OURO_ATTR_NEW;

/* The first one of the smallest, or of the largest, that an iterable gives; by what `key` gives, unless that is NULL.
 * Returns: 1: *item has it, new; 0: the iterable gives nothing; or a code: OURO_ETYPE, what the functions say.
 * Calls:   the iterable's functions, `key`, the order of what is compared.
 * Threads: any.
 * Cost:    O(items). */
OURO_API int ouro_min(void *iterable, void *key, ouro_slot item);
OURO_API int ouro_max(void *iterable, void *key, ouro_slot item);

OURO_END_DECLS

#endif
