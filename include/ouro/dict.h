/* ouro/dict.h - dictionaries and sets that keep the order of insertion: dict, set, frozenset.
 *
 *     OURO_AUTO(ouro_dict) ages = ouro_dict_new();
 *     ouro_dict_set_move(ages, ouro_str_from("Ada"), ouro_int_new(36));   // takes both over; ouro_dict_set borrows
 *
 *     size_t cursor = 0;
 *     void *key, *value;
 *     while ((code = ouro_dict_next(ages, &cursor, &key, &value)) == 1) {
 *       ...
 *       ouro_decref(key), ouro_decref(value);
 *     }
 *
 * A key is any object that can be hashed; two keys are one where they are equal, so 1, 1.0 and true are. The order is that of the keys'
 * first insertion: another value under a key leaves it where it is, a key that was deleted and comes again comes last. Strings and ints
 * are compared where they lie; the hash and equality of other types are the program's functions: they run with no lock held, may do
 * anything, also to the dict, and may raise, which leaves the dict as it was.
 *
 * Memory: an empty one is its object, 32 bytes; up to eight entries are a block of 16 bytes each (8 in a set) and 16 more. Beyond, there
 * are cells of 2 bytes or, beyond 1536 entries, of 4, of which three quarters at most are in use; entries to spare are a quarter at most
 * where there are more than 512, and a sixteenth from 1 MiB on: a dict of a million has 24 to 26 bytes for each. Keys that are neither
 * strings nor ints of 64 bits cost every key 4 bytes more. What is deleted goes back when an eighth remains.
 *
 * Cost, where it says O(1): on average, for keys that hash well, and O(entries) once in so many insertions, when the table grows. */
#ifndef OURO_DICT_H
#define OURO_DICT_H

#include "value.h"

OURO_BEGIN_DECLS

typedef struct ouro_dict ouro_dict;
typedef struct ouro_set ouro_set; /* a set, or a frozenset */

OURO_API extern ouro_type ouro_dict_type;
OURO_API extern ouro_type ouro_set_type;
OURO_API extern ouro_type ouro_frozenset_type;

/* Is it one, or of a type derived from that? any_set: a set or a frozenset.
 * Threads: any that holds a reference.
 * Cost:    a load and a comparison, for the type itself. */
OURO_API bool ouro_is_dict(const void *object);
OURO_API bool ouro_is_set(const void *object);
OURO_API bool ouro_is_frozenset(const void *object);
OURO_API bool ouro_is_any_set(const void *object);

/* ---------------------------------------------------------------- dict: one key
 *
 * Where it says "of the key": hash, and equality with keys that have its hash, unless all are strings and ints.
 * Errors, of all that take a key: OURO_EINVAL (NULL), OURO_EHASH (a key that cannot be hashed), OURO_ENOMEM, what the functions of the key
 * say; nothing has changed then. */

/* A new, empty dict.
 * Ownership: new.
 * Errors:    NULL, errno ENOMEM, EPERM.
 * Threads:   any.
 * Cost:      an object. */
OURO_API ouro_ref ouro_dict_new(void) OURO_ATTR_NEW;

/* How many keys it has; 0 for NULL.
 * Threads: any; out of date at once where others change it.
 * Cost:    a load. */
OURO_API size_t ouro_dict_count(const ouro_dict *dict);

/* The value under a key.
 * Returns: 1: *value has it, new; 0: there is no such key; or a code.
 * Calls:   those of the key.
 * Threads: any; of strings and ints without a lock, mostly.
 * Cost:    O(1). */
OURO_API int ouro_dict_get(ouro_dict *dict, void *key, ouro_slot value);
OURO_API int ouro_dict_contains(ouro_dict *dict, void *key);

/* Put a value under a key. The key that is there stays, where there is one.
 * move:    takes over the caller's references to both, also when it fails.
 * Returns: OURO_OK, or a code.
 * Calls:   those of the key; what goes with the value that was there.
 * Threads: any.
 * Cost:    O(1). */
OURO_API int ouro_dict_set(ouro_dict *dict, void *key, void *value);
OURO_API int ouro_dict_set_move(ouro_dict *dict, ouro_ref key, ouro_ref value);

/* The value under a key; where there is none, `value` is put there, and given.
 * Returns: 1: it was there; 0: it was put there; or a code. *found, which may be NULL as an argument, has the value.
 * Calls:   those of the key.
 * Threads: any; of several that call it with one key, all get the same value.
 * Cost:    O(1). */
OURO_API int ouro_dict_set_default(ouro_dict *dict, void *key, void *value, ouro_slot found);

/* Take a key out.
 * Returns: 1: it was there; 0: it was not; or a code. pop: *value has its value, new.
 * Calls:   those of the key; what goes with key and value.
 * Threads: any.
 * Cost:    O(1). It does not fail for want of memory. */
OURO_API int ouro_dict_delete(ouro_dict *dict, void *key);
OURO_API int ouro_dict_pop(ouro_dict *dict, void *key, ouro_slot value);

/* Take the key out that came last.
 * Returns: 1: *key and *value have it, new; 0: the dict is empty; OURO_EINVAL.
 * Threads: any.
 * Cost:    O(1). */
OURO_API int ouro_dict_popitem(ouro_dict *dict, ouro_slot key, ouro_slot value);

/* The same with a key that is UTF-8, ended by a NUL. get, contains and delete make no string; set makes one.
 * Errors:  OURO_EINVAL, OURO_ENOMEM; set: OURO_EUTF8.
 * Calls:   as those above.
 * Threads: any.
 * Cost:    those above, and a hash of the text. */
OURO_API int ouro_dict_get_text(ouro_dict *dict, const char *key, ouro_slot value);
OURO_API int ouro_dict_contains_text(ouro_dict *dict, const char *key);
OURO_API int ouro_dict_set_text(ouro_dict *dict, const char *key, void *value);
OURO_API int ouro_dict_delete_text(ouro_dict *dict, const char *key);

/* ---------------------------------------------------------------- dict: all keys */

/* Take all keys out. NULL: nothing.
 * Calls:   what goes with them; the dict is empty by then.
 * Threads: any.
 * Cost:    O(entries). */
OURO_API void ouro_dict_clear(ouro_dict *dict);

/* Put all that another dict has, or that an iterable of pairs gives, into the dict; later ones replace earlier ones. The dict itself:
 * nothing.
 * Errors:  OURO_EINVAL; OURO_ETYPE: it is neither, or one item is no tuple or list of two; OURO_EHASH, OURO_ENOMEM, OURO_ECHANGED, what the
 *          functions say. Of an iterable, or where a key is neither a string nor an int, what came before stays.
 * Calls:   those of the keys; the iterable's; what goes with values that were there.
 * Threads: any. From a dict at one moment of both, as long as all keys are strings and ints; else, of that dict as it is at one moment, key
 *          after key.
 * Cost:    O(1) each. */
OURO_API int ouro_dict_update(ouro_dict *dict, void *other);

/* A new dict: that of `first` with all of `second` put into it, as Python's first | second.
 * Ownership: new.
 * Errors:    NULL, errno as ouro_dict_update.
 * Calls:     those of the keys.
 * Threads:   any.
 * Cost:      O(1) each. */
OURO_API ouro_ref ouro_dict_merged(ouro_dict *first, ouro_dict *second) OURO_ATTR_NEW;

/* New lists: of the keys, of the values, of pairs (tuples) of both, in order.
 * Ownership: new.
 * Errors:    NULL, errno ENOMEM, EINVAL.
 * Threads:   any; as it is at one moment.
 * Cost:      O(entries). */
OURO_API ouro_ref ouro_dict_keys(ouro_dict *dict) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_dict_values(ouro_dict *dict) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_dict_items(ouro_dict *dict) OURO_ATTR_NEW;

/* The next key and value, in order; *cursor is 0 at first, and the library's then. Either of key and value may be NULL as an argument.
 * Returns: 1: *key and *value have them, new; 0: there are no more; OURO_EINVAL; OURO_ECHANGED: a key was added or taken out since the
 *          walk began. (Other values under keys do not count.)
 * Threads: any, each with a cursor of its own.
 * Cost:    O(1). Nothing is allocated. */
OURO_API int ouro_dict_next(ouro_dict *dict, size_t *cursor, ouro_slot key, ouro_slot value);

/* A new iterator (ouro_next) over keys, values, or items: tuples of key and value. ouro_iterate of a dict is that of its keys. A step says
 * OURO_ECHANGED, from then on, where a key was added or taken out since the iterator was made.
 * Ownership: new; it holds the dict.
 * Errors:    NULL, errno ENOMEM, EINVAL.
 * Threads:   any; two that share one each get some of the items.
 * Cost:      an object. A step allocates nothing, but for items, where it makes the tuple. */
enum ouro_dict_part { OURO_DICT_KEYS, OURO_DICT_VALUES, OURO_DICT_ITEMS };
OURO_API ouro_ref ouro_dict_iterator(ouro_dict *dict, enum ouro_dict_part part) OURO_ATTR_NEW;

/* ---------------------------------------------------------------- sets: one item
 *
 * As keys of a dict; a frozenset cannot change, and can be hashed: one with the same items has the same hash, in whatever order they
 * came. */

/* A new, empty set; a set or a frozenset of what an iterable gives (NULL: nothing). Of a frozenset: itself.
 * Ownership: new.
 * Errors:    NULL, errno ENOMEM, EPERM; ENOTSUP: not iterable; EPROTOTYPE: an item that cannot be hashed; what the functions say.
 * Calls:     the iterable's; those of the items.
 * Threads:   any.
 * Cost:      an object; O(1) for each item. */
OURO_API ouro_ref ouro_set_new(void) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_set_from(void *iterable) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_frozenset_new(void *iterable) OURO_ATTR_NEW;

/* How many items it has; 0 for NULL.
 * Threads: any; out of date at once where others change it.
 * Cost:    a load. */
OURO_API size_t ouro_set_count(const ouro_set *set);

/* Is it in the set?
 * Returns: 1, 0, or a code: OURO_EINVAL, OURO_EHASH, what the functions say.
 * Calls:   those of the item.
 * Threads: any; of strings and ints without a lock, mostly.
 * Cost:    O(1). */
OURO_API int ouro_set_contains(ouro_set *set, void *item);

/* Put it in. move: takes over the caller's reference, also when it fails.
 * Returns: 1: it is new there; 0: it, or an equal one, was there and stays; or a code: OURO_EINVAL, OURO_EHASH, OURO_ENOMEM, OURO_ETYPE
 *          (a frozenset), what the functions say.
 * Calls:   those of the item.
 * Threads: any.
 * Cost:    O(1). */
OURO_API int ouro_set_add(ouro_set *set, void *item);
OURO_API int ouro_set_add_move(ouro_set *set, ouro_ref item);

/* Take it out.
 * Returns: 1: it was there; 0: it was not; or a code, as ouro_set_add. remove: OURO_OK, and OURO_EKEY where it was not there.
 * Calls:   those of the item; what goes with it.
 * Threads: any.
 * Cost:    O(1). It does not fail for want of memory. */
OURO_API int ouro_set_discard(ouro_set *set, void *item);
OURO_API int ouro_set_remove(ouro_set *set, void *item);

/* Take the item out that came last.
 * Returns: 1: *item has it, new; 0: the set is empty; OURO_EINVAL, OURO_ETYPE (a frozenset).
 * Threads: any.
 * Cost:    O(1). */
OURO_API int ouro_set_pop(ouro_set *set, ouro_slot item);

/* Take all out. NULL, a frozenset: nothing.
 * Calls:   what goes with them; the set is empty by then.
 * Threads: any.
 * Cost:    O(items). */
OURO_API void ouro_set_clear(ouro_set *set);

/* The next item, in the order of insertion; *cursor is 0 at first.
 * Returns: 1: *item has it, new; 0: there are no more; OURO_EINVAL; OURO_ECHANGED: an item was added or taken out since.
 * Threads: any, each with a cursor of its own.
 * Cost:    O(1). Nothing is allocated. */
OURO_API int ouro_set_next(ouro_set *set, size_t *cursor, ouro_slot item);

/* ---------------------------------------------------------------- sets: algebra
 *
 * `other` is a set, a frozenset, or any iterable whose items can be hashed. A result is of the type of the first: a set of a set, a
 * frozenset of a frozenset. Items of the first come first, in their order.
 * Errors, of all: OURO_EINVAL, OURO_ENOMEM; OURO_ETYPE: not iterable, or a frozenset to be changed; OURO_EHASH; what the functions say; as
 * a code, or as NULL and its errno. Each set is looked at as it is at one moment; they are not held together. */

/* New sets: of what is in either; in both; in the first and not in the second; in just one of them.
 * Ownership: new.
 * Errors:    NULL, errno as above.
 * Calls:     hash and equality of the items.
 * Threads:   any.
 * Cost:      O(items of both). */
OURO_API ouro_ref ouro_set_union(ouro_set *set, void *other) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_set_intersection(ouro_set *set, void *other) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_set_difference(ouro_set *set, void *other) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_set_symmetric_difference(ouro_set *set, void *other) OURO_ATTR_NEW;

/* The same, in place: what is in either, in both, ... is in `set` afterwards.
 * Errors:  a code, as above. What was done before something failed in the middle stays done.
 * Calls:   hash and equality of the items; what goes with those that are taken out.
 * Threads: any; item after item, of the walked one as it was at one moment.
 * Cost:    O(items of both). */
OURO_API int ouro_set_update(ouro_set *set, void *other);
OURO_API int ouro_set_intersection_update(ouro_set *set, void *other);
OURO_API int ouro_set_difference_update(ouro_set *set, void *other);
OURO_API int ouro_set_symmetric_difference_update(ouro_set *set, void *other);

/* Is every item of the set in the other one? Every item of the other one in the set? None in both?
 * Returns: 1, 0, or a code.
 * Calls:   hash and equality of the items.
 * Threads: any.
 * Cost:    O(items). */
OURO_API int ouro_set_is_subset(ouro_set *set, void *other);
OURO_API int ouro_set_is_superset(ouro_set *set, void *other);
OURO_API int ouro_set_is_disjoint(ouro_set *set, void *other);

OURO_END_DECLS

#endif
