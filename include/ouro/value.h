/* ouro/value.h - what Python's objects can do, in C: hash, compare, print, iterate, call; and the errors that they raise.
 *
 * A type says what its instances can do in a table of PROTOCOLS, `.protocols` of its ouro_type; what the table leaves out is inherited from
 * the type's base, and what nobody has is refused with OURO_ETYPE. The functions here look into that table: they take any object, of the
 * library's types (<ouro/number.h>, str.h, bytes.h, list.h, dict.h, class.h, generator.h) or of a program's own.
 *
 * One convention holds for all values:
 *   - a function that can fail for more than one reason returns an int: OURO_OK, or 1 and 0 for yes and no, or a negative code
 *   - what it gives comes through a SLOT, the address of a pointer: a new reference. What the slot held before is overwritten, not released;
 *     where there is nothing to give, or the function fails, it is unchanged
 *   - a function that returns an object gives a new reference, or NULL with errno; which errno stands for which code is said in
 *     <ouro/base.h>, and ouro_code_of_errno turns it back
 *   - a container takes a reference of its own to what is put in; functions that end in _move take over the caller's, also when they fail
 *   - NULL is no value; ouro_none is
 *
 * No conversion is silent: where an int is asked for, a float is refused. Numbers of different types compare by their exact values, as in
 * Python, so 1, 1.0 and true are one key of a dict.
 *
 * Threads: every operation of a value that can change is safe from any number of threads, and takes effect at one moment between its
 * beginning and its end; its lock is that of the object (ouro_section in <ouro/thread.h>), so several operations within a section of the
 * object are one to all others that change it. What the program's functions do (hash, equality, a finalizer) runs with no lock held. */
#ifndef OURO_VALUE_H
#define OURO_VALUE_H

#include <errno.h>

#include "object.h"

OURO_BEGIN_DECLS

typedef struct ouro_buffer ouro_buffer; /* bytes.h */
typedef struct ouro_copier ouro_copier;

/* Of `equal` and `compare`: it knows nothing of the other object's type, which may know of its. */
#define OURO_NOT_MINE 2

struct ouro_protocols {
  /* Equal objects hash equal. A code OURO_EHASH: not to be hashed. Without it: by identity, unless the type has `equal`. */
  int (*hash)(void *self, uint64_t *hash);
  /* 1, 0, OURO_NOT_MINE, or a code. Without it: identity. */
  int (*equal)(void *self, void *other);
  /* *order below, equal or above 0; or OURO_NOT_MINE, or a code. Without it: no order. */
  int (*compare)(void *self, void *other, int *order);
  int (*repr)(void *self, ouro_buffer *out);              /* append what a programmer wants to read */
  int (*str)(void *self, ouro_buffer *out);               /* append what a user wants to read. Without it: repr */
  int (*truth)(void *self);                               /* 1, 0, or a code. Without it: is its length not 0; else 1 */
  int (*length)(void *self, size_t *length);
  int (*iterate)(void *self, ouro_slot iterator);         /* a new object with `next` */
  int (*next)(void *self, ouro_slot item);                /* 1: an item, new; 0: the end; or a code */
  int (*call)(void *self, void *const *args, size_t count, ouro_slot result);
  int (*get_item)(void *self, void *key, ouro_slot item); /* OURO_EKEY, OURO_EINDEX: it is not there */
  int (*set_item)(void *self, void *key, void *item);     /* item NULL: delete it */
  int (*contains)(void *self, void *item);                /* 1, 0, or a code. Without it: a walk that compares */
  int (*get_attr)(void *self, void *name, ouro_slot value); /* name: an interned string. OURO_EKEY: it is not there */
  int (*set_attr)(void *self, void *name, void *value);     /* value NULL: delete it */
  /* Make a copy that holds the same objects, as they are at one moment. Or give `self`, with a new reference: then it is its own copy, and
   * what it holds is not looked at (a class, a function). Without it: field by field, from the type's description, its extra bytes left
   * out; refused with OURO_ETYPE where the type has a release, whose resources nobody here can copy.
   * A deep copy (copier not NULL) begins with that, and every slot that the type shows is then given the copy of what it holds, in place:
   * `copy` never copies what it holds, so depth of nesting costs no stack. What shall stay shared is told ouro_copier_keep. Of an
   * OURO_TYPE_IMMUTABLE type it is called only where something that it holds has another copy than itself. */
  int (*copy)(void *self, ouro_copier *copier, ouro_slot copy);
  /* Of a deep copy whose slots were given other objects than `copy` put there: bring in order what rests on those, such as places that
   * hashes tell. What it holds is complete, unless it leads back here. Without it: nothing rests on them. */
  int (*copied)(void *self);
  /* Bytes that it has beside its own block. Called in a section of the object, or with all other threads stopped: it takes no lock. */
  size_t (*extent)(const void *self);
};

/* ---------------------------------------------------------------- codes and errors */

/* The code that errno stands for, after a function that returned NULL; OURO_ESYSTEM for any errno that is not in <ouro/base.h>. (A code
 * of a program's own, which one of its functions returned, has none: it comes as EPROTO.)
 * Threads: any; it is about the calling thread's errno.
 * Cost:    O(1). */
OURO_API int ouro_code_of_errno(int number);

/* Give a new reference through a slot, as protocols and methods do at their end; or say why there is none.
 *     return ouro_give(result, ouro_int_new(42));
 * Ownership: made: STOLEN. The slot has it; what it held before is overwritten.
 * Returns:   OURO_OK; the code that errno stands for, where `made` is NULL: the slot is unchanged.
 * Threads:   any; the slot is the caller's.
 * Cost:      a comparison, a store. */
static inline int ouro_give(ouro_slot slot, ouro_ref made) {
  void *held = (void *)ouro_borrow(made);
  if (!held) return ouro_code_of_errno(errno);
  OURO__SLOT_SET(slot, held);
  return OURO_OK;
}

/* Raise `error`, any object, as what went wrong: the thread keeps it until it is taken, or another is raised.
 *     if (!found) return ouro_raise(error);
 * Ownership: borrowed.
 * Returns:   OURO_ERAISED, for the caller to return; OURO_EPERM; OURO_EINVAL (NULL), and what was raised before stays.
 * Calls:     what goes with an error that was raised before and never taken.
 * Threads:   any, each has its own; what a thread that ends has not taken is released.
 * Cost:      O(1). */
OURO_API int ouro_raise(void *error);

/* Take the error that was raised last in this thread.
 * Ownership: new; NULL: none was, or it has been taken.
 * Threads:   any, for itself.
 * Cost:      O(1). */
OURO_API ouro_ref ouro_raised_take(void) OURO_ATTR_NEW;

/* ---------------------------------------------------------------- none, true, false: made once, immortal */

OURO_API extern ouro_object ouro_none_object;
OURO_API extern ouro_object ouro_true_object;
OURO_API extern ouro_object ouro_false_object;
OURO_API extern ouro_type ouro_none_type;
OURO_API extern ouro_type ouro_bool_type;

#define ouro_none ((void *)&ouro_none_object)
#define ouro_true ((void *)&ouro_true_object)
#define ouro_false ((void *)&ouro_false_object)

static inline bool ouro_is_none(const void *object) { return object == ouro_none; }
static inline bool ouro_is_bool(const void *object) { return object == ouro_true || object == ouro_false; }

/* ---------------------------------------------------------------- protocols */

/* The hash of an object, which does not change while the object is what it is compared by.
 * Errors:  OURO_EHASH; OURO_EDEEP; what its function says; *hash is unchanged.
 * Calls:   the type's `hash`.
 * Threads: any that holds a reference.
 * Cost:    O(1) for most; of a string that was never asked, O(bytes); of a tuple, O(items). */
OURO_API int ouro_hash(void *object, uint64_t *hash);

/* Are the two equal? The same object is equal to itself, without asking. Two types that know nothing of each other: no.
 * Returns: 1, 0, or a code: OURO_EDEEP, or what their functions say.
 * Calls:   `equal` of the first, and then of the second; of what they hold.
 * Threads: any that holds references.
 * Cost:    that of `equal`; O(1) for one object. */
OURO_API int ouro_equal(void *first, void *second);

/* Which of the two comes first: *order is below, equal to or above 0.
 * Errors:  OURO_ETYPE: there is no order between them; OURO_EDEEP; what their functions say.
 * Calls:   `compare` of the first, and then of the second.
 * Threads: any that holds references.
 * Cost:    that of `compare`. */
OURO_API int ouro_compare(void *first, void *second, int *order);

/* Text for a programmer (repr) or a user (str), as a string, or appended to a buffer. An object that contains itself shows so as [...].
 * A type that has no `repr`: <name at 0xaddress>.
 * Ownership: new.
 * Errors:    NULL, errno ENOMEM, and what the functions say; a buffer has then what was appended before.
 * Calls:     `repr` or `str`.
 * Threads:   any that holds a reference.
 * Cost:      O(text). */
OURO_API ouro_ref ouro_repr(void *object) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_str_of(void *object) OURO_ATTR_NEW;
OURO_API int ouro_repr_into(void *object, ouro_buffer *out);
OURO_API int ouro_str_into(void *object, ouro_buffer *out);

/* Is it true, as Python sees it: not none, not false, not zero, not empty?
 * Returns: 1, 0, or a code.
 * Calls:   `truth`, or `length`.
 * Threads: any that holds a reference.
 * Cost:    that of those. */
OURO_API int ouro_truth(void *object);

/* How many items it has.
 * Errors:  OURO_ETYPE.
 * Calls:   `length`.
 * Threads: any; out of date at once where others change it.
 * Cost:    that of `length`: O(1) for the library's types. */
OURO_API int ouro_length(void *object, size_t *length);

/* Is an item there that is equal to `item` (of a dict: a key)?
 * Returns: 1, 0, or a code: OURO_ETYPE, OURO_EHASH, what the functions say.
 * Calls:   `contains`, or a walk with `iterate`; equality.
 * Threads: any.
 * Cost:    O(1) for dicts and sets, O(items) for sequences. */
OURO_API int ouro_contains(void *object, void *item);

/* A new iterator over the object's items; of an iterator: itself.
 * Errors:  OURO_ETYPE, OURO_ENOMEM.
 * Calls:   `iterate`.
 * Threads: any.
 * Cost:    an object. */
OURO_API int ouro_iterate(void *object, ouro_slot iterator);

/* The iterator's next item. Nothing is allocated for the step itself.
 * Returns: 1: *item has it, new; 0: there is none left; or a code: OURO_ECHANGED, what its function says.
 * Calls:   `next`.
 * Threads: any; an iterator is best kept to one thread: two that share one each get some of the items.
 * Cost:    an indirect call, and that of `next`. */
OURO_API int ouro_next(void *iterator, ouro_slot item);

/* Call it: a function, a class, a bound method, or whatever has `call`.
 * Errors:  OURO_ETYPE: it cannot be called; what it says.
 * Calls:   `call`.
 * Threads: any. `args` is the caller's array of borrowed objects.
 * Cost:    that of `call`. */
OURO_API int ouro_call(void *function, void *const *args, size_t count, ouro_slot result);

/* The item under a key, or at an index (a negative one counts from the end).
 * Errors:  OURO_ETYPE; OURO_EKEY, OURO_EINDEX: it is not there; OURO_EHASH; OURO_ENOMEM.
 * Calls:   `get_item`, `set_item`; what goes with an item that was there.
 * Threads: any.
 * Cost:    that of the type's function. */
OURO_API int ouro_item_get(void *object, void *key, ouro_slot item);
OURO_API int ouro_item_set(void *object, void *key, void *item);
OURO_API int ouro_item_delete(void *object, void *key);

/* An attribute by its name, a string; an interned one is looked up quickest. See <ouro/class.h>.
 * Errors:  OURO_ETYPE: it has no attributes, or the name is no string; OURO_EKEY: none of that name; OURO_ENOMEM.
 * Calls:   `get_attr`, `set_attr`; what goes with a value that was there.
 * Threads: any.
 * Cost:    that of the type's function. */
OURO_API int ouro_attr_get(void *object, void *name, ouro_slot value);
OURO_API int ouro_attr_set(void *object, void *name, void *value);
OURO_API int ouro_attr_delete(void *object, void *name);

/* ---------------------------------------------------------------- copies, sizes */

/* A copy of the object: shallow, which holds the same objects; or deep, which holds copies of them, each copied once, so that what was
 * shared or went in circles is and does so among the copies. What cannot change and reaches nothing that can is not copied.
 * Ownership: new.
 * Errors:    NULL, errno ENOMEM; ENOTSUP: an object that cannot be copied; what `copy` says.
 * Calls:     `copy`; of a deep copy, `copied`, which for dicts and sets calls hash and equality.
 * Threads:   any; each object is copied as it is at one moment, a deep copy at as many as it has objects.
 * Cost:      O(what is copied); the depth of nesting costs no stack. */
OURO_API ouro_ref ouro_copy(void *object) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_deepcopy(void *object) OURO_ATTR_NEW;

/* For a type's `copy`, of a deep copy: `object` is its own copy, wherever it is met from now on: a cache, or a parent, that copies share.
 * Ownership: borrowed; it is held until the deep copy is made.
 * Errors:    OURO_ENOMEM; OURO_EBUSY: it has been copied already.
 * Threads:   the thread in whose `copy` it is called.
 * Cost:      a look into a table. */
OURO_API int ouro_copier_keep(ouro_copier *copier, void *object);

/* Bytes that the object takes, with what its type has beside it (arrays, tables), but not the objects that it holds.
 * Threads: any that holds a reference.
 * Cost:    O(1). */
OURO_API size_t ouro_sizeof(const void *object);

/* Bytes of the object and of all that it reaches, each counted once; immortal objects and classes are left out, unless they are `object`,
 * and so is what only those lead to.
 * Errors:  OURO_ENOMEM; OURO_EBUSY: a thread did not come to a safepoint in time; OURO_EPERM.
 * Threads: any; the figure is that of one moment, for which all others are stopped.
 * Cost:    O(what it reaches). */
OURO_API int ouro_sizeof_deep(void *object, size_t *bytes);

OURO_END_DECLS

#endif
