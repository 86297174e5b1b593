/* values/class.h - what the files of classes share.
 *
 *   class.c      classes are made; their layouts, and the names that instances have seen
 *   instance.c   instances are made; where an attribute lies in one; copies
 *   attribute.c  attributes are looked for in instance and classes; the caches of callers
 *   function.c   functions, methods, bound methods
 *
 * A CLASS is an object that the types of its instances lie in. A type with what belongs to it is a LAYOUT, and a class
 * has a few, one after the other, where there is a dictionary:
 *
 *     ouro_class:  | header | layouts: 0 | 1 | 2 | 3 | names of slots, keys, methods, order, attributes ...
 *                                      ^   ^
 *         the type of early instances -'   '- of later ones; all say: keeper = the class
 *
 *     an instance: | header, 16 | slots, 8 each | overflow, 8 | inline values: `room`, 8 each |
 *
 * KEYS are the names that instances of a class with a dictionary were given, in the order first seen. An instance has inline values for the
 * first `room` of them; all other names are in its overflow.
 *
 * A caller's cache is one word, so that no thread sees half of it: the layout's number, and below it the PLACE of the value, its offset in
 * the instance; or METHOD, and the index of a method in its class. A place holds for the layout for ever. What a method's name means may
 * change with any class of the order, or when the name becomes a key. So each such change begins another EPOCH first, and before the first
 * method is found by a layout in an epoch, the layout is given another number: what was cached under the one before is never hit again.
 *
 * I-CLASS-1  keys[0 .. key_count) are different interned strings; neither changes, but that more are added
 * I-CLASS-2  a name has one place in all instances of a layout, or none; an instance has the value of a name there or, if that is none, in
 *            its overflow
 * I-CLASS-3  a number is that of one layout, in one epoch; 0: numbers have run out, and nothing is cached
 * I-CLASS-4  a method is in `methods` once, that of the first class in the order which has one of its name; the class's own come first
 * I-CLASS-5  an overflow is made once, and stays as long as its instance */
#ifndef OURO_VALUES_CLASS_H
#define OURO_VALUES_CLASS_H

#include <ouro/class.h>
#include <ouro/dict.h>
#include <ouro/str.h>

#include "values/guard.h"
#include "values/values.h"

enum {
  OURO__KEYS_MOST = 30,
  OURO__SLOTS_MOST = 2000,    /* so that any place is below OURO__PLACES */
  OURO__METHODS_MOST = 30000,
  OURO__PLACES = 1 << 16,
  OURO__LAYOUTS = 4,
};

#define OURO__NOWHERE UINT32_MAX

typedef struct ouro__layout {
  ouro_type type;         /* its ouro__derived.layout is the number */
  _Atomic uint64_t epoch; /* in which it was given that */
  uint16_t overflow;      /* the offset of the overflow; 0: none */
  uint16_t values;        /* that of the first inline value */
  uint16_t room;          /* how many there are */
} ouro__layout;

typedef struct ouro__method {
  ouro_function *function; /* owned */
  uint32_t position;       /* of its class in the order; 0: the class itself */
} ouro__method;

struct ouro_class {
  ouro_object base;
  ouro__layout layouts[OURO__LAYOUTS]; /* of a class without a dictionary: [1] alone */
  ouro__layout *_Atomic current;   /* of instances that are made next: the last of them */
  uint32_t layout_count;           /* with that one; written in the class's hold */
  _Atomic uint32_t made;           /* instances, as long as that is the first */
  _Atomic uint32_t overflowed;     /* instances of the layout that was the last which lacked room for a key */
  _Atomic uint32_t key_count;      /* written in the class's hold */
  ouro_str *keys[OURO__KEYS_MOST]; /* owned, as all that follows */
  ouro_str **slots;                /* the base's first */
  ouro_class *parent;              /* the base, or NULL */
  ouro_class **order;              /* the classes behind this one */
  ouro__method *methods;
  uint16_t *cells;                 /* where a method's name is in `methods`, and one more; 0: no name. Open addressing, by hash */
  uint32_t slot_count, order_count, method_count, cell_mask;
  ouro_dict *attrs;                /* attributes of the class itself; changed in the dict's hold */
  ouro_str *init;                  /* "__init__" */
  ouro_attr_cache init_cache;
  char *name;
  unsigned flags;
  ouro_protocols own, protocols;   /* what the definition said; and all that instances have */
  void (*finalize)(void *self);    /* what the definition said, or one behind it in the order */
};

struct ouro_function {
  ouro_object base;
  ouro_str *name;
  ouro_method_fn call;
  ouro_object *closure; /* of a method: its class */
};

/* ---------------------------------------------------------------- instances */

static inline bool ouro__is_some_instance(const void *object) { return ouro_type_of(object)->base == &ouro_instance_type; }
static inline ouro__layout *ouro__layout_of(const void *instance) { return (ouro__layout *)(void *)ouro_type_of(instance); }
static inline ouro_class *ouro__class_of_layout(const ouro__layout *layout) { return (ouro_class *)(void *)layout->type.keeper; }

static inline ouro_object **ouro__at_place(const void *instance, uint32_t place) {
  return (ouro_object **)(void *)((char *)(uintptr_t)instance + place);
}

/* Are attributes of the layout's instances got and set as all are, and not as protocols of the program say? */
static inline bool ouro__is_plain(const ouro__layout *layout) {
  const ouro_protocols *protocols = layout->type.protocols;
  return protocols->get_attr == ouro_instance_get_attr && protocols->set_attr == ouro_instance_set_attr;
}

/* The place of a name in the layout's instances; 0: none. */
uint32_t ouro__place_of(const ouro__layout *layout, const ouro_str *name);

/* Is it the one that a caller's cache may have for the name? (A cache is for one name.) */
static inline bool ouro__is_place(const void *instance, const void *name, uint32_t place) {
  return !ouro_is_interned(name) || ouro__place_of(ouro__layout_of(instance), name) == place;
}

/* The value at a place, new; NULL: it is not set. */
static inline ouro_object *ouro__value_at(void *instance, uint32_t place) {
  ouro__hold hold;
  ouro__hold_read(&hold, instance);
  ouro_object *value = *ouro__at_place(instance, place);
  if (OURO_LIKELY(value != NULL)) ouro_incref(value);
  ouro__hold_end(&hold, instance);
  return value;
}

/* Set it, or delete it (NULL). What was there, which is the caller's from now on. */
static inline ouro_object *ouro__exchange_at(void *instance, uint32_t place, ouro_object *value) {
  ouro__hold hold;
  if (value) ouro_incref(value);
  ouro__hold_write(&hold, instance);
  ouro_object **at = ouro__at_place(instance, place), *before = *at;
  *at = value;
  ouro__hold_end(&hold, instance);
  return before;
}

/* The overflow, borrowed: it stays (I-CLASS-5). NULL: there is none. */
static inline ouro_dict *ouro__overflow_of(const void *instance, const ouro__layout *layout) {
  if (!layout->overflow) return NULL;
  /* pairs with the release of who made it */
  return (ouro_dict *)(void *)ouro__load_acquire((ouro_object * _Atomic *)(void *)ouro__at_place(instance, layout->overflow));
}

/* ---------------------------------------------------------------- classes */

/* The index of a name among the keys, or OURO__NOWHERE. add: it is one from now on, unless there are too many. */
uint32_t ouro__class_key(const ouro_class *self, const ouro_str *name);
uint32_t ouro__class_add_key(ouro_class *self, ouro_str *name);

/* The layout for the next instance of a class that has not decided yet. */
ouro__layout *ouro__class_count_made(ouro_class *self);

/* An instance of that layout has no room for a key. */
void ouro__class_count_overflowed(ouro_class *self, const ouro__layout *layout);

/* The index of a method; OURO__NOWHERE. */
uint32_t ouro__class_method(const ouro_class *self, ouro_str *name);

/* Is the class as the invariants have it? For tests. */
bool ouro__class_valid(const ouro_class *self);

/* ---------------------------------------------------------------- attributes (attribute.c) */

/* A number that no layout had before. */
uint32_t ouro__layout_number(void);

/* Something changes in a class by which names may mean something else: before, and after. */
void ouro__classes_change(void);
void ouro__classes_changed(void);

int ouro__class_get_attr(void *self, void *name, ouro_slot value);
int ouro__class_set_attr(void *self, void *name, void *value);

/* Make an instance, and have "__init__" called: the `call` of classes. */
int ouro__class_call(void *self, void *const *args, size_t count, ouro_slot result);

/* ---------------------------------------------------------------- functions (function.c) */

/* Of that type, with an interned name (borrowed). */
ouro_ref ouro__function_make(ouro_type *type, ouro_str *name, ouro_method_fn call, void *closure);

/* Call a method that belongs to the object's class. */
int ouro__method_run(const ouro_function *method, void *self, void *const *args, size_t count, ouro_slot result);

/* Call anything, with `self` before its arguments. */
int ouro__call_with(void *callable, void *self, void *const *args, size_t count, ouro_slot result);

#endif
