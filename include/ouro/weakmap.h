/* ouro/weakmap.h - maps and sets that do not keep their members alive.
 *
 *   ouro_weak_keys    objects to objects; an entry goes when its key does. What belongs to others' objects: caches, annotations.
 *   ouro_weak_values  names (bytes) to objects; an entry goes when its value does. A cache of what can be made again.
 *   ouro_weak_set     objects.
 *
 * They are objects themselves. Objects are compared by identity. A walk is safe whatever happens meanwhile: it shows every entry that
 * was there when it began and still is when its turn comes, once, and none of what was added later; in the order of adding, and without
 * needing memory. What the walk calls must return to it. A value of ouro_weak_keys that leads to its own key keeps it alive. An object that is just dying counts
 * until its entry has gone. From a thread to which objects do not belong, set and add give OURO_EINVAL. */
#ifndef OURO_WEAKMAP_H
#define OURO_WEAKMAP_H

#include "weak.h"

OURO_BEGIN_DECLS

typedef struct ouro_weak_keys ouro_weak_keys;
typedef struct ouro_weak_values ouro_weak_values;
typedef struct ouro_weak_set ouro_weak_set;

/* Each: new reference, empty; NULL, errno ENOMEM, EPERM. */
OURO_API ouro_ref ouro_weak_keys_new(void) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_weak_values_new(void) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_weak_set_new(void) OURO_ATTR_NEW;

/* Entries whose weak member lives. Cost: O(1). */
OURO_API size_t ouro_weak_keys_count(const ouro_weak_keys *map);
OURO_API size_t ouro_weak_values_count(const ouro_weak_values *map);
OURO_API size_t ouro_weak_set_count(const ouro_weak_set *set);

/* Let `key` map to `value` (which is kept alive as long as the key lives; NULL is allowed), replacing what was there.
 * Ownership: both borrowed. Errors: OURO_ENOMEM, OURO_EINVAL; nothing changed. Cost: O(1) expected. */
OURO_API int ouro_weak_keys_set(ouro_weak_keys *map, void *key, void *value);
/* A new reference to the value in *value (NULL where the value is NULL), whatever the slot held before, which is not released; false
 * where the key is not there, and then the slot is unchanged. */
OURO_API bool ouro_weak_keys_get(ouro_weak_keys *map, const void *key, ouro_slot value);
/* false where it was not there. */
OURO_API bool ouro_weak_keys_remove(ouro_weak_keys *map, const void *key);

/* Names are `length` bytes, copied. */
OURO_API int ouro_weak_values_set(ouro_weak_values *map, const void *name, size_t length, void *value);
/* A new reference; NULL where there is none, or it is dead. */
OURO_API ouro_ref ouro_weak_values_get(ouro_weak_values *map, const void *name, size_t length) OURO_ATTR_NEW;
OURO_API bool ouro_weak_values_remove(ouro_weak_values *map, const void *name, size_t length);

/* 0, also where it was there already. */
OURO_API int ouro_weak_set_add(ouro_weak_set *set, void *object);
OURO_API bool ouro_weak_set_has(const ouro_weak_set *set, const void *object);
OURO_API bool ouro_weak_set_remove(ouro_weak_set *set, const void *object);

/* Walk: `visit` gets each entry, alive for the length of the call, and returns 0 to go on. It may do anything. 0, OURO_ESTOP,
 * OURO_EINVAL. */
OURO_API int ouro_weak_keys_each(ouro_weak_keys *map, int (*visit)(void *key, void *value, void *arg), void *arg);
OURO_API int ouro_weak_values_each(ouro_weak_values *map, int (*visit)(const void *name, size_t length, void *value, void *arg),
                                   void *arg);
OURO_API int ouro_weak_set_each(ouro_weak_set *set, ouro_object_fn visit, void *arg);

/* Remove all entries. */
OURO_API void ouro_weak_keys_clear(ouro_weak_keys *map);
OURO_API void ouro_weak_values_clear(ouro_weak_values *map);
OURO_API void ouro_weak_set_clear(ouro_weak_set *set);

OURO_END_DECLS

#endif
