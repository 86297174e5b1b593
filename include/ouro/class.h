/* ouro/class.h - classes that are made at run time, their instances, attributes by name, methods, functions.
 *
 *     static int length(void *self, void *const *args, size_t count, ouro_slot result);
 *
 *     static const char *const slots[] = {"x", "y", NULL};
 *     static const ouro_method_def methods[] = {{"length", length}, {NULL, NULL}};
 *     static const ouro_class_def def = {.name = "Point", .slots = slots, .methods = methods};
 *
 *     OURO_AUTO(ouro_class) point_class = ouro_class_new(&def);
 *     OURO_AUTO(void) point = ouro_instance_new(point_class);
 *     ouro_attr_set(point, x, one);                              // x: an interned string, ouro_intern_static("x")
 *
 *     static ouro_attr_cache cache;                              // one for each place in the program that names an attribute
 *     code = ouro_attr_get_cached(point, x, &cache, &value);
 *
 * An INSTANCE has its attributes in three places:
 *
 *     | header, 16 bytes | slots, 8 bytes each, the base's first | overflow, 8 | inline values, 8 each |
 *                                                                 `--- of a class with OURO_CLASS_DICT ---'
 *
 *   slots      the names that the definition gives, and no others: four of them take 48 bytes
 *   inline     the class keeps the names that its instances were given, 30 at most, in the order in which they were first seen; an instance
 *              has room for the values of the first few. How many, the class decides when it has made some instances: two more than it has
 *              names, rounded up to what the block has room for; so four attributes take 80 bytes. Where that proves too little, it decides
 *              anew, twice at most. Instances that were made before keep the room that they have
 *   overflow   a dict, made when it is needed, for names beyond those
 *
 * Where the value of a name lies in an instance never changes. Attributes are listed in the order slots, names of the class, overflow: not
 * in that of their setting, as Python would have it.
 *
 * A CLASS has attributes too: any objects, set at any time, and the methods of its definition. An attribute of an instance is looked for
 * in the instance, and then in the classes, in this ORDER: its class; the class's mixins from left to right; its base, the base's
 * mixins, and so on. Each of them comes with its own order, and a class that is there already is not looked at again. What is found in
 * a class and is a function (or one of its methods) is given as a bound method; asked of the class itself, as it is.
 *
 * Instances hash, compare and print as the protocols of their class say, which are inherited along the order, entry by entry; without any,
 * they are hashed and compared by identity, and print as <Point object at 0x...>. With `equal` of its own and no `hash`, a class's
 * instances cannot be hashed, as in Python.
 *
 * An instance holds its class, and a class what it is made of. Classes are deferred (ouro_defer): what many threads make instances of, none
 * counts for all; so a class goes with a full collection, ouro_gc_collect(2), after its last user.
 *
 * Threads: an attribute is read, set or deleted at one moment, under the instance's lock, also if it is in the overflow. Threads that use
 * different instances of one class write to no memory that they share, once the class has decided on their room. */
#ifndef OURO_CLASS_H
#define OURO_CLASS_H

#include "value.h"

OURO_BEGIN_DECLS

typedef struct ouro_class ouro_class;
typedef struct ouro_function ouro_function;

OURO_API extern ouro_type ouro_class_type;    /* of classes: "type" */
OURO_API extern ouro_type ouro_instance_type; /* from which classes derive the types of their instances; programs do not */
OURO_API extern ouro_type ouro_function_type;
OURO_API extern ouro_type ouro_method_type;       /* of methods of classes, to be called with an instance first: derived from that */
OURO_API extern ouro_type ouro_bound_method_type; /* a function or method, and the object that it is called with first */

/* A function of the program's, for methods and functions: `self` is the object that it was found on, or what ouro_function_new was given.
 * It gives OURO_OK and a new reference in *result (ouro_none where there is nothing to say), or a code. Arguments are borrowed. */
typedef int (*ouro_method_fn)(void *self, void *const *args, size_t count, ouro_slot result);

typedef struct ouro_method_def {
  const char *name; /* NULL ends the list */
  ouro_method_fn call;
} ouro_method_def;

enum ouro_class_flags {
  OURO_CLASS_DICT = 1u << 0,  /* instances take any attribute; inherited. Without it: those in the slots */
  OURO_CLASS_FINAL = 1u << 1, /* no class may be derived from it */
};

/* What ouro_class_new is told: copied, but for the functions. */
typedef struct ouro_class_def {
  const char *name;                /* UTF-8 */
  ouro_class *base;                /* or NULL */
  ouro_class *const *mixins;       /* ended by NULL, or NULL: classes without slots and without OURO_CLASS_DICT */
  const char *const *slots;        /* names, ended by NULL, or NULL */
  unsigned flags;                  /* of ouro_class_flags */
  const ouro_method_def *methods;  /* or NULL. "__init__" is called by a call of the class, on the new instance, with its arguments */
  const ouro_protocols *protocols; /* or NULL. Entries that it leaves out are those of the classes behind it in the order */
  void (*finalize)(void *self);    /* as ouro_type's: Python's __del__. NULL: that of the classes behind it in the order */
} ouro_class_def;

/* ---------------------------------------------------------------- classes */

/* Make a class.
 * Ownership: new; it holds its base and mixins.
 * Errors:    NULL, errno ENOMEM, EPERM; EILSEQ: a name that is not UTF-8; EINVAL: no name, a base or mixin that is no class or is
 *            final, a mixin with slots or a dictionary, a slot that is named twice or that the base has, a method twice or without
 *            a function, more than 2,000 slots, an unknown flag.
 * Threads:   any. With other threads attached they are stopped for a moment (ouro_defer); where one does not come, the class is counted
 *            like any object.
 * Cost:      O(names of it and of those that it inherits). */
OURO_API ouro_ref ouro_class_new(const ouro_class_def *def) OURO_ATTR_NEW;

/* Make an instance, all its attributes unset: "__init__" is not called.
 * Ownership: new.
 * Errors:    NULL, errno ENOMEM, EPERM; EINVAL: NULL.
 * Threads:   any.
 * Cost:      that of ouro_new, and of a reference to the class. */
OURO_API ouro_ref ouro_instance_new(ouro_class *class_) OURO_ATTR_NEW;

/* Is it a class?
 * Threads: any that holds a reference.
 * Cost:    a load, a comparison. */
static inline bool ouro_is_class(const void *object) { return ouro_type_of(object) == &ouro_class_type; }

/* The class that the object is an instance of; borrowed, as long as the object lives; NULL: of none, as those of all other types.
 * Threads: any that holds a reference; it never changes.
 * Cost:    three loads. */
static inline ouro_class *ouro_class_of(const void *object) {
  const ouro_type *type = ouro_type_of(object);
  return type->base == &ouro_instance_type ? (ouro_class *)(void *)type->keeper : NULL;
}

/* Is it an instance of the class, or of one that has it among its order? Is the class, or one that it is derived from or mixes in, `of`?
 * Threads: any that holds references.
 * Cost:    a comparison; O(length of the order) where it is not the class itself. */
OURO_API bool ouro_class_is_instance(const void *object, const ouro_class *class_);
OURO_API bool ouro_class_is_subclass(const ouro_class *class_, const ouro_class *of);

/* Its name, and its base (NULL: none); borrowed, as long as the class lives.
 * Threads: any that holds a reference.
 * Cost:    a load. */
OURO_API const char *ouro_class_name(const ouro_class *class_);
OURO_API ouro_class *ouro_class_base(const ouro_class *class_);

/* The classes in which attributes are looked for, in the order: a new list, which begins with the class.
 * Ownership: new.
 * Errors:    NULL, errno ENOMEM.
 * Threads:   any that holds a reference.
 * Cost:      O(length of the order). */
OURO_API ouro_ref ouro_class_order(const ouro_class *class_) OURO_ATTR_NEW;

/* A new dict: of the class's own methods and attributes; of an instance's own attributes, by name.
 * Ownership: new.
 * Errors:    NULL, errno ENOMEM; attrs of what is no instance: ENOTSUP.
 * Threads:   any; as it is at one moment, but for the overflow of an instance, which is looked at next.
 * Cost:      O(attributes). */
OURO_API ouro_ref ouro_class_attrs(ouro_class *class_) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_instance_attrs(void *instance) OURO_ATTR_NEW;

/* ---------------------------------------------------------------- attributes
 *
 * ouro_attr_get, ouro_attr_set and ouro_attr_delete of <ouro/value.h> do for any object. Of an instance:
 *   get      the value in the instance; else what the classes have; else OURO_EKEY
 *   set      in the instance, whatever the classes have. OURO_EKEY: there is no slot of that name, and no dictionary
 *   delete   in the instance alone. OURO_EKEY: it is not set there
 * Of a class: get looks along its order; set and delete are about its own attributes. The methods of the definition stay; an attribute of
 * the same name is found before them. */

/* Where a place in the program has last found an attribute. In static memory, all zero; one for each place, for one name alone. */
typedef struct ouro_attr_cache {
  uint64_t ouro__word;
} ouro_attr_cache;

/* The same as ouro_attr_get and ouro_attr_set, by a cache: instances of one class, one after the other, are asked where the last one had
 * it. The name is an interned string.
 * Errors:  as ouro_attr_get and ouro_attr_set.
 * Calls:   set: what goes with the value that was there.
 * Threads: any, with one cache too.
 * Cost:    of an attribute in a slot or inline, some 35 instructions; else that of a lookup. */
OURO_API int ouro_attr_get_cached(void *object, void *name, ouro_attr_cache *cache, ouro_slot value);
OURO_API int ouro_attr_set_cached(void *object, void *name, ouro_attr_cache *cache, void *value);

/* Call the method of that name (an interned string) on the object: what ouro_attr_get gives, called with these arguments, but a method that
 * is found in the class is called without being bound first. `cache` may be NULL.
 * Errors:  OURO_EKEY; OURO_ETYPE: it cannot be called; OURO_EDEEP; OURO_ENOMEM; what it says.
 * Calls:   the method.
 * Threads: any, with one cache too.
 * Cost:    of a method of the definition, by a cache, some 40 instructions and the call; else that of a lookup. */
OURO_API int ouro_method_call(void *object, void *name, ouro_attr_cache *cache, void *const *args, size_t count, ouro_slot result);

/* What instances do without protocols of their own, for `get_attr` and `set_attr` of a class that do more. The name is an interned string;
 * NULL as a value: delete it. (A class with such protocols is not cached.)
 * Errors:  as above; OURO_ETYPE: no instance of a class.
 * Calls:   set: what goes with the value that was there.
 * Threads: any.
 * Cost:    O(slots and keys), of a method or an attribute of a class O(1) for each class in the order. */
OURO_API int ouro_instance_get_attr(void *instance, void *name, ouro_slot value);
OURO_API int ouro_instance_set_attr(void *instance, void *name, void *value);

/* The same as ouro_attr_get and the others with a name that is UTF-8, ended by a NUL.
 * Errors:  as those; OURO_EUTF8, OURO_EINVAL.
 * Calls:   as those.
 * Threads: any.
 * Cost:    those, and what it takes to intern the name: for programs that do not have it at hand. */
OURO_API int ouro_attr_get_text(void *object, const char *name, ouro_slot value);
OURO_API int ouro_attr_set_text(void *object, const char *name, void *value);
OURO_API int ouro_attr_delete_text(void *object, const char *name);

/* ---------------------------------------------------------------- functions and bound methods */

/* A function as an object: a call of it is call(closure, args, count, result). `closure` (borrowed) is any object, or NULL.
 * Found in a class by way of an instance, it is bound: then the instance is its first argument.
 * Ownership: new; it holds the closure, and a copy of the name.
 * Errors:    NULL, errno ENOMEM, EPERM; EILSEQ: the name is not UTF-8; EINVAL: no name or no function.
 * Threads:   any.
 * Cost:      an object, and an interned string. */
OURO_API ouro_ref ouro_function_new(const char *name, ouro_method_fn call, void *closure) OURO_ATTR_NEW;

/* Is it a function, or a method of a class that is not bound?
 * Threads: any that holds a reference.
 * Cost:    O(1). */
OURO_API bool ouro_is_function(const void *object);

/* Its name, and its closure (NULL: it has none); borrowed, as long as the function lives.
 * Threads: any that holds a reference.
 * Cost:    a load. */
OURO_API const char *ouro_function_name(const ouro_function *function);
OURO_API void *ouro_function_closure(const ouro_function *function);

/* A callable and the object that it is called with first. Two are equal where the callables are the same, and the objects are.
 * Ownership: new; it holds both, which are borrowed.
 * Errors:    NULL, errno ENOMEM, EPERM; EINVAL: one of them is NULL.
 * Threads:   any.
 * Cost:      an object. A call with up to seven arguments allocates nothing. */
OURO_API ouro_ref ouro_bound_method_new(void *function, void *self) OURO_ATTR_NEW;

/* What it is made of; borrowed, as long as it lives; NULL: it is no bound method.
 * Threads: any that holds a reference.
 * Cost:    a load. */
OURO_API void *ouro_bound_method_function(const void *method);
OURO_API void *ouro_bound_method_self(const void *method);

OURO_END_DECLS

#endif
