/* ouro/weakmap.h - maps and sets that do not keep their members alive.
 *
 *   ouro_weak_keys    objects to objects; an entry goes when its key does. What belongs to others' objects: caches, annotations.
 *   ouro_weak_values  names (bytes) to objects; an entry goes when its value does. A cache of what can be made again.
 *   ouro_weak_set     objects.
 *
 * They are objects themselves. Objects are compared by identity. A walk is safe whatever happens meanwhile, in whichever thread: it shows
 * every entry that was there when it began and still is when its turn comes, once, and none of what was added later; in the order of
 * adding, and without needing memory. What the walk calls must return to it. A value of ouro_weak_keys that leads to its own key keeps it
 * alive. An object that is just dying counts until its entry has gone.
 *
 * Any number of threads use one container at the same time: each call takes effect at one moment between its beginning and its end. A
 * member may die in any thread; its entry goes there, at once. The container has a lock of its own, which is held for the look at the
 * table alone, and never while something of the program's runs; as long as the program has one thread, it is not taken. Two calls are
 * two moments: between asking whether a name is there and setting it, another thread may set it. Who looks for an object holds a
 * reference to it.
 *
 * Where OURO_CONF=threads:1 refuses a thread: what can say so gives OURO_EPERM (errno EPERM), the others end with
 * OURO_FATAL_WRONG_THREAD. */
#ifndef OURO_WEAKMAP_H
#define OURO_WEAKMAP_H

#include "weak.h"

OURO_BEGIN_DECLS

typedef struct ouro_weak_keys ouro_weak_keys;
typedef struct ouro_weak_values ouro_weak_values;
typedef struct ouro_weak_set ouro_weak_set;

/* Make an empty one.
 * Ownership: new.
 * Errors:    NULL, errno ENOMEM, EPERM.
 * Threads:   any.
 * Cost:      O(1). */
OURO_API ouro_ref ouro_weak_keys_new(void) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_weak_values_new(void) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_weak_set_new(void) OURO_ATTR_NEW;

/* Entries whose weak member lives, or is just dying.
 * Threads: any; out of date at once where others change it.
 * Cost:    O(1), without the lock. */
OURO_API size_t ouro_weak_keys_count(const ouro_weak_keys *map);
OURO_API size_t ouro_weak_values_count(const ouro_weak_values *map);
OURO_API size_t ouro_weak_set_count(const ouro_weak_set *set);

/* Let `key` map to `value` (which is kept alive as long as the key lives; NULL is allowed), replacing what was there.
 * Ownership: both borrowed.
 * Errors:    OURO_ENOMEM, OURO_EINVAL, OURO_EPERM; nothing changed.
 * Calls:     what goes with the value that was there: finalizers, callbacks, releases.
 * Threads:   any.
 * Cost:      O(1) expected; of a table that grows, O(entries) under its lock. */
OURO_API int ouro_weak_keys_set(ouro_weak_keys *map, void *key, void *value);
/* A new reference to the value in *value (NULL where the value is NULL), whatever the slot held before, which is not released; false
 * where the key is not there, and then the slot is unchanged.
 * Threads: any; the slot is the caller's.
 * Cost:    O(1) expected. */
OURO_API bool ouro_weak_keys_get(ouro_weak_keys *map, const void *key, ouro_slot value);
/* false where it was not there: of threads that remove it at the same time, one is told true.
 * Calls:   what goes with the value.
 * Threads: any.
 * Cost:    O(1) expected. */
OURO_API bool ouro_weak_keys_remove(ouro_weak_keys *map, const void *key);

/* Let the name, `length` bytes, which are copied, lead to `value`, replacing what was there.
 * Ownership: borrowed.
 * Errors:    OURO_ENOMEM, OURO_EINVAL, OURO_EPERM; nothing changed.
 * Threads:   any.
 * Cost:      O(length) expected; of a table that grows, O(entries) under its lock. */
OURO_API int ouro_weak_values_set(ouro_weak_values *map, const void *name, size_t length, void *value);
/* What the name leads to.
 * Ownership: new; NULL where there is none, or it is dead.
 * Threads:   any.
 * Cost:      O(length) expected. */
OURO_API ouro_ref ouro_weak_values_get(ouro_weak_values *map, const void *name, size_t length) OURO_ATTR_NEW;
/* As ouro_weak_keys_remove.
 * Threads: any.
 * Cost:    O(length) expected. */
OURO_API bool ouro_weak_values_remove(ouro_weak_values *map, const void *name, size_t length);

/* Let the object be a member; 0, also where it was one already.
 * Ownership: borrowed.
 * Errors:    OURO_ENOMEM, OURO_EINVAL, OURO_EPERM; nothing changed.
 * Threads:   any.
 * Cost:      O(1) expected; of a table that grows, O(members) under its lock. */
OURO_API int ouro_weak_set_add(ouro_weak_set *set, void *object);
/* Threads: any.
 * Cost:    O(1) expected. */
OURO_API bool ouro_weak_set_has(const ouro_weak_set *set, const void *object);
/* As ouro_weak_keys_remove.
 * Threads: any.
 * Cost:    O(1) expected. */
OURO_API bool ouro_weak_set_remove(ouro_weak_set *set, const void *object);

/* Walk: `visit` gets each entry, alive for the length of the call, and returns 0 to go on. It may do anything. 0, OURO_ESTOP,
 * OURO_EINVAL.
 * Calls:   visit, without the lock.
 * Threads: any, also several walks at once. An entry whose value another thread changes is shown with the one that it has when its
 *          turn comes.
 * Cost:    O(entries); the lock is taken for each. */
OURO_API int ouro_weak_keys_each(ouro_weak_keys *map, int (*visit)(void *key, void *value, void *arg), void *arg);
OURO_API int ouro_weak_values_each(ouro_weak_values *map, int (*visit)(const void *name, size_t length, void *value, void *arg),
                                   void *arg);
OURO_API int ouro_weak_set_each(ouro_weak_set *set, ouro_object_fn visit, void *arg);

/* Remove all entries: those that are there at one moment.
 * Calls:   what goes with the values of a map by key.
 * Threads: any.
 * Cost:    O(entries); under the lock O(1), or O(entries) where walks are showing names. */
OURO_API void ouro_weak_keys_clear(ouro_weak_keys *map);
OURO_API void ouro_weak_values_clear(ouro_weak_values *map);
OURO_API void ouro_weak_set_clear(ouro_weak_set *set);

OURO_END_DECLS

#endif
