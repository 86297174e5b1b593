/* ouro/object.h - objects that free themselves: types, references, counts.
 *
 * An OBJECT is a block that begins with an ouro_object, 16 bytes: its reference count, its type, its state. It is gone the moment its
 * last reference goes, with all that only it referred to. Cycles are found by the collector (<ouro/gc.h>).
 *
 *     struct node { ouro_object base; struct node *left, *right; };
 *
 *     static ouro_type node_type = {
 *       .name = "node", .size = sizeof(struct node),
 *       .references = OURO_REFERENCES(offsetof(struct node, left), offsetof(struct node, right)),
 *     };
 *
 *     struct node *n = ouro_new(&node_type);   // new: the caller releases it
 *     ouro_setref(&n->left, other);            // the slot takes a reference of its own
 *     ouro_decref(n);                          // gone, and `other` with it, unless somebody else holds it
 *
 * Ownership, the whole of it:
 *   1. A reference is NEW (the caller must release it), BORROWED (it must not, and keeps it no longer than its lender), or STOLEN
 *      (the callee takes it over, also when it fails).
 *   2. What a function returns is new, unless its comment says borrowed. What it takes is borrowed, unless its comment says stolen.
 *   3. A slot of an object that its type lists among `references` owns what it holds. It is NULL or an object, at all times.
 *   4. Change a slot with ouro_setref, ouro_clear or ouro_steal, or while nobody else can see the object.
 *
 * Threads: objects belong to the first thread that makes one. Another thread is refused: what makes something gives NULL and errno
 * EPERM, what counts ends in the fatal handler (OURO_FATAL_WRONG_THREAD), and what looks at objects or sets the collector gives OURO_EPERM
 * or does nothing. When that thread ends, the next one that makes an object takes them over; but not in a process that another thread has
 * forked, where it cannot end. The counts are laid out for many threads already (biased counts: Choi, Shull, Torrellas, PACT 2018). */
#ifndef OURO_OBJECT_H
#define OURO_OBJECT_H

#include <stdbool.h>

#include "base.h"

OURO_BEGIN_DECLS

/* ---------------------------------------------------------------- the header of an object
 *
 *   bytes 0-3    count    references that the owner's thread holds
 *   bytes 4-7    shared   references that other threads hold; unused so far
 *   bytes 8-15   word     | owner: 16 bits | address of the type: 44 bits, the low 4 of them zero | state: 4 bits |
 *
 * The owner is the number of a thread, or OURO__NOBODY: an object that is dead or being freed (so that a use of it is noticed),
 * OURO__IMMORTAL, or OURO__DEFERRED. Only where the owner is the running thread does counting go without a call. */

typedef struct ouro_object {
  uint32_t ouro__count;
  uint32_t ouro__shared;
  uint64_t ouro__word;
} ouro_object;

/* The beginning of an object with a variable number of items behind its fixed part. */
typedef struct ouro_var {
  ouro_object base;
  size_t count; /* of items; set by ouro_new_var, and not to be changed */
} ouro_var;

typedef struct ouro_type ouro_type;
typedef struct ouro_visitor ouro_visitor;

/* ---------------------------------------------------------------- owned and borrowed, told apart by the compiler
 *
 * A program may declare its owned references as OURO_OWNED(struct node) instead of struct node *. That is the same, until it is
 * compiled with -DOURO_CHECK_OWNERSHIP: then owned references are of a type of their own, and one that is released twice by way of a
 * borrowed pointer, stored where a borrowed one is meant, or forgotten where one must be given, does not compile. Such a build is
 * for the compiler alone, and is not linked.
 *
 *   OURO_OWNED(T)        a variable, slot or result that owns a T          OURO_NULL       the owned reference that holds nothing
 *   ouro_borrow(o)       what it holds, borrowed: a T * (void * there)    ouro_newref(p)  an owned one from a borrowed pointer
 *   ouro_adopt(p)        says that the plain pointer p is owned
 *
 * What it does not see: an owned reference that is copied, and then released twice; an OURO_AUTO variable that is returned. */

#if defined(OURO_CHECK_OWNERSHIP)
typedef struct ouro__owned {
  void *ouro__held;
} ouro_ref;
#define OURO_OWNED(T) ouro_ref
#define OURO_NULL ((ouro_ref){NULL})
typedef ouro_ref *ouro_slot;
static inline void *ouro_borrow(ouro_ref owned) { return owned.ouro__held; }
static inline ouro_ref ouro_adopt(void *plain) { return (ouro_ref){plain}; }
#define OURO__SLOT_GET(slot) ((slot)->ouro__held)
#define OURO__SLOT_SET(slot, value) ((slot)->ouro__held = (value))
#else
typedef void *ouro_ref;  /* an owned reference to an object of any type */
typedef void *ouro_slot; /* the address of a slot: of a pointer to an object, of any type */
#define OURO_OWNED(T) T *
#define OURO_NULL NULL
#define ouro_borrow(owned) (owned)
#define ouro_adopt(plain) (plain)
#if defined(__GNUC__)
typedef void *__attribute__((may_alias)) ouro__any_pointer; /* slots are pointers to different structs */
#else
typedef void *ouro__any_pointer;
#endif
#define OURO__SLOT_GET(slot) (*(ouro__any_pointer *)(slot))
#define OURO__SLOT_SET(slot, value) (*(ouro__any_pointer *)(slot) = (value))
#endif

/* ---------------------------------------------------------------- types */

enum ouro_type_flags {
  OURO_TYPE_ACYCLIC = 1u << 0,       /* no instance is ever part of a cycle: the collector does not look at it. It may own references */
  OURO_TYPE_IMMUTABLE = 1u << 1,     /* references are set before anybody else sees the object, and never change: it may be untracked */
  OURO_TYPE_ITEMS = 1u << 2,         /* the items behind the fixed part are owned references (item_size is that of a pointer) */
  OURO_TYPE_UNCOLLECTABLE = 1u << 3, /* in a garbage cycle it is not freed but put on the garbage list, and keeps what it reaches */
  OURO_TYPE_TRACKED = 1u << 4,       /* watched by the collector though it owns no reference: what ouro_defer needs */
};

/* A type, described once, in static memory that outlives its instances (or made by ouro_type_new). From `references`, `visit` and
 * OURO_TYPE_ITEMS the library derives traversal, clearing and deallocation. It is checked when first used. Do not change it then. */
struct ouro_type {
#if defined(__cplusplus)
  alignas(16) const char *name; /* for reports */
#else
  _Alignas(16) const char *name; /* for reports */
#endif
  size_t size;                  /* bytes of the fixed part, header included */
  const ouro_type *base;        /* instances are also instances of this: its references, visit, finalize and release are inherited. Or NULL */
  const uint32_t *references;   /* offsets of owned slots, OURO_REFERENCES(...); beside those of the base. Or NULL */
  size_t item_size;             /* bytes of each item behind the fixed part; 0: none. Then the object begins with an ouro_var */
  /* Show every owned slot that `references` does not list, with ouro_visit. No side effects: it may run at any safepoint, on an object
   * that is not fully built yet. Or NULL. */
  void (*visit)(void *self, ouro_visitor *visitor);
  /* Called once, when the object is about to go, with the object intact (PEP 442). It may do anything, also make `self` live on. Or
   * NULL: the base's. */
  void (*finalize)(void *self);
  /* Release what is not an object (files, buffers). Called last, when the references are gone; not to be resurrected. Or NULL. The
   * base's is called after it. */
  void (*release)(void *self);
  unsigned flags;               /* of ouro_type_flags; OURO_TYPE_ACYCLIC and OURO_TYPE_IMMUTABLE are not inherited */

  /* The library's; zero. */
  struct {
    uint32_t flags;        /* what its instances need; 0: not looked at yet */
    uint32_t fast;         /* the bin that ouro_new takes its instances from, as a distance; 0: it takes the slow way */
    uint32_t distance;     /* the bin that they go back to; 0: the slow way */
    uint32_t size;         /* bytes of an instance without items, rounded up */
    uint32_t first, slots; /* its owned slots: so many, side by side, from that offset on */
    uint32_t class_;       /* size class; 0: a large block */
    uint32_t runs;         /* further runs of slots */
    const void *more;      /* those runs */
    size_t instances;      /* of types made at run time: instances, subtypes, and its maker's handle */
  } ouro__derived;
};

/* A list of offsets for ouro_type.references. At file scope: within a function the list would live no longer than that. */
#define OURO_REFERENCES(...) ((const uint32_t[]){__VA_ARGS__, UINT32_MAX})

/* Check a type as its first use would: 0, or OURO_EINVAL and a sentence in `text` (which may be NULL).
 * What is refused: a size below that of the header, a slot outside the size, misaligned, listed twice or over the header; a name that is
 * NULL; items without ouro_var's count in the fixed part; a base that is larger; flags that contradict. */
OURO_API int ouro_type_check(ouro_type *type, char *text, size_t text_size);

/* Make a type at run time from a description, which is copied (its name and list too).
 * Ownership: new; release with ouro_type_release. It is freed then, or when its last instance and subtype have gone.
 * Errors:    NULL, errno EINVAL (see ouro_type_check), ENOMEM, EPERM. */
OURO_API ouro_type *ouro_type_new(const ouro_type *description) OURO_ATTR_NEW;
OURO_API void ouro_type_release(ouro_type *type);

/* What a visit function is given, for each slot that it shows.
 * ouro_visit: `slot` is the address of a pointer to an object, or NULL in it.
 * ouro_visit_tagged: the slot is a word that holds an object in some other form (tag bits): `object` is that object, and the library
 * writes `empty` to the word when it clears it. */
typedef void (*ouro_visit_fn)(ouro_visitor *visitor, uintptr_t *word, void *object, uintptr_t empty);
struct ouro_visitor {
  ouro_visit_fn visit;
};
static inline void ouro_visit_tagged(ouro_visitor *visitor, uintptr_t *word, void *object, uintptr_t empty) {
  if (object) visitor->visit(visitor, word, object, empty);
}
static inline void ouro_visit(ouro_visitor *visitor, ouro_slot slot) {
  void *object = OURO__SLOT_GET(slot);
  if (object) visitor->visit(visitor, (uintptr_t *)(void *)slot, object, 0);
}

/* ---------------------------------------------------------------- objects */

/* Make an object of `type` (not NULL), its fixed part behind the header zero.
 * Ownership: new.
 * Errors:    NULL, errno ENOMEM; EINVAL: the type is wrong (ouro_type_check says why) or has items; EPERM: see Threads above.
 * Cost:      O(1), about 40 instructions. Never collects: see ouro_safepoint. */
OURO_API ouro_ref ouro_new(ouro_type *type) OURO_ATTR_NEW;

/* Make an object with `count` items behind its fixed part, all zero; its type has an item_size. */
OURO_API ouro_ref ouro_new_var(ouro_type *type, size_t count) OURO_ATTR_NEW;

/* Make an object with `extra` more bytes, zero, that only ouro_extra finds: for an embedder who adds to types that are not his. They
 * are 16-byte aligned, and hold no owned references. `count` is 0 where the type has no items. ouro_extra of an object that was made
 * without is an address that nothing may be written to. */
OURO_API ouro_ref ouro_new_extra(ouro_type *type, size_t count, size_t extra) OURO_ATTR_NEW;
OURO_API void *ouro_extra(void *object);

/* The type of an object; borrowed. */
static inline ouro_type *ouro_type_of(const void *object) {
  return (ouro_type *)(uintptr_t)(((const ouro_object *)object)->ouro__word & UINT64_C(0x0000fffffffffff0));
}

/* Is it an instance of `type`, or of a type derived from it?
 * Cost: O(depth of derivation). */
OURO_API bool ouro_is_instance(const void *object, const ouro_type *type);

/* Bytes that the object takes, header, items and extra included, rounded up to its size class. */
OURO_API size_t ouro_object_size(const void *object);

/* ---------------------------------------------------------------- counting */

/* The numbers of threads and the owners that are none. */
#define OURO__NOBODY 0u
#define OURO__NO_THREAD 0x10000u /* the number of a thread that has none: no owner field holds it */
#define OURO__IMMORTAL 0xfffdu
#define OURO__DEFERRED 0xfffcu

typedef struct ouro__here {
  uint32_t id;    /* the thread's number */
  int32_t made;   /* tracked objects made less those freed, since the last collection */
  int32_t limit;  /* made > limit: a collection is due */
  uint32_t depth; /* of deallocations within each other */
} ouro__here;

#if defined(__GNUC__)
extern OURO_API __thread ouro__here ouro__at __attribute__((tls_model("initial-exec")));
#define OURO__LIKELY(x) __builtin_expect(!!(x), 1)
#else
extern OURO_API _Thread_local ouro__here ouro__at;
#define OURO__LIKELY(x) (x)
#endif

OURO_API void ouro__incref_slow(void *object);
OURO_API void ouro__decref_slow(void *object);
OURO_API void ouro__dealloc(void *object);
OURO_API void ouro__safepoint_slow(void);

static inline bool ouro__is_mine(const ouro_object *object) { return (uint32_t)(object->ouro__word >> 48) == ouro__at.id; }

/* One more reference to `object`, which is not NULL.
 * Fatal: OURO_FATAL_DEAD_OBJECT (it has been freed), OURO_FATAL_WRONG_THREAD. After 2^32 - 1 references it is immortal.
 * Cost:  a load, a test, an add, a store. */
static inline void ouro_incref(void *borrowed) {
  ouro_object *object = (ouro_object *)borrowed;
  if (OURO__LIKELY(ouro__is_mine(object))) {
    if (OURO__LIKELY(++object->ouro__count != 0)) return;
    object->ouro__count--;
  }
  ouro__incref_slow(object);
}

/* Release a reference to a borrowed view of an owned one. For ouro_decref, which is what programs use. */
static inline void ouro__release_ref(void *held) {
  ouro_object *object = (ouro_object *)held;
  if (OURO__LIKELY(ouro__is_mine(object))) {
    if (OURO__LIKELY(--object->ouro__count != 0)) return;
    ouro__dealloc(object);
  } else {
    ouro__decref_slow(object);
  }
}

/* Release a reference to an object, which is not NULL. The last one frees the object, and what only it held, at once.
 * Ownership: stolen.
 * Fatal:     OURO_FATAL_DEAD_OBJECT: it has been freed, so this reference was released twice; OURO_FATAL_WRONG_THREAD.
 * Calls:     finalizers, callbacks of weak references, and releases of all that goes.
 * Cost:      a load, a test, a subtraction, a store; O(1) for each object that goes, on a bounded stack. */
static inline void ouro_decref(ouro_ref owned) { ouro__release_ref((void *)ouro_borrow(owned)); }

/* The same, where NULL is allowed. */
static inline void ouro_xincref(void *object) {
  if (object) ouro_incref(object);
}
static inline void ouro_xdecref(ouro_ref owned) {
  if (ouro_borrow(owned)) ouro_decref(owned);
}

/* A new reference to a borrowed object. */
OURO_ATTR_NEW static inline ouro_ref ouro_newref(void *object) {
  ouro_incref(object);
  return ouro_adopt(object);
}
OURO_ATTR_NEW static inline ouro_ref ouro_xnewref(void *object) {
  ouro_xincref(object);
  return ouro_adopt(object);
}

/* Let the slot hold `value` (borrowed, NULL allowed; the slot takes a reference of its own), and then release what it held: whatever
 * runs when that goes finds the slot changed already. */
static inline void ouro_setref(ouro_slot slot, void *value) {
  void *before = OURO__SLOT_GET(slot);
  ouro_xincref(value);
  OURO__SLOT_SET(slot, value);
  if (before) ouro__release_ref(before);
}

/* The same, and the slot takes over the caller's reference to `value`. */
static inline void ouro_movref(ouro_slot slot, ouro_ref value) {
  void *before = OURO__SLOT_GET(slot);
  OURO__SLOT_SET(slot, (void *)ouro_borrow(value));
  if (before) ouro__release_ref(before);
}

/* Empty the slot, and then release what it held. */
static inline void ouro_clear(ouro_slot slot) {
  void *before = OURO__SLOT_GET(slot);
  OURO__SLOT_SET(slot, NULL);
  if (before) ouro__release_ref(before);
}

/* Empty the slot, and give what it held to the caller. */
OURO_ATTR_NEW static inline ouro_ref ouro_steal(ouro_slot slot) {
  void *held = OURO__SLOT_GET(slot);
  OURO__SLOT_SET(slot, NULL);
  return ouro_adopt(held);
}

/* OURO_AUTO(struct node) n = ouro_new(&node_type); releases what n holds when its scope ends; NULL is allowed. To let it out of the
 * scope: return ouro_steal(&n). (There is no standard C for this; compilers without the cleanup attribute do not have it.) */
#if defined(__GNUC__)
static inline void ouro__auto_clear(void *slot) { ouro_clear((ouro_slot)slot); }
#define OURO_AUTO(T) __attribute__((cleanup(ouro__auto_clear), unused)) OURO_OWNED(T)
#endif

/* References to the object; SIZE_MAX for an immortal one. */
OURO_API size_t ouro_refcount(const void *object);

/* Is the caller's reference the only one? Then it may change the object as if it had just been made. */
static inline bool ouro_is_unique(const void *object) {
  const ouro_object *self = (const ouro_object *)object;
  return ouro__is_mine(self) && self->ouro__count == 1;
}

/* Never count it, never free it: for what lives as long as the program. The collector still follows its references.
 * Errors: OURO_EINVAL where others hold references already (it must be unique) or it is immortal. */
OURO_API int ouro_make_immortal(void *object);
OURO_API bool ouro_is_immortal(const void *object);

/* An immortal object in static memory (not const: its header may be written to): struct point origin = {OURO_IMMORTAL_OBJECT(&point_type), ...}. The collector does not look into
 * it: it holds no references, or those to immortal objects. */
#define OURO_IMMORTAL_OBJECT(type_) {1, 0, ((uint64_t)OURO__IMMORTAL << 48) + (uint64_t)(uintptr_t)(type_)}

/* Deferred counting, for what every thread will touch (types, functions, interned names): the object is not freed the moment its count
 * reaches zero, but by the next collection of generation 2 that finds nothing that refers to it. It stays tracked.
 * Errors: OURO_EINVAL where the type is not tracked (see OURO_TYPE_TRACKED), or the object is immortal or deferred already. */
OURO_API int ouro_defer(void *object);
OURO_API bool ouro_is_deferred(const void *object);

/* ---------------------------------------------------------------- who is still there */

typedef int (*ouro_object_fn)(void *object, void *arg);

/* Call `visit` for every live object, whatever its type, in the order of addresses; it returns 0 to go on. It must not make or release
 * objects. Objects that it refers to are borrowed. Those that a collection is just taking apart are not shown.
 * Returns 0, OURO_ESTOP, OURO_EINVAL or OURO_EPERM. */
OURO_API int ouro_each_object(ouro_object_fn visit, void *arg);

typedef struct ouro_type_stats {
  const ouro_type *type;
  const char *name;
  size_t objects, bytes;  /* live ones; bytes of blocks */
  size_t generation[3];   /* how many of them are in each generation; the others are untracked or frozen */
} ouro_type_stats;

/* Live objects by type, most bytes first, into at most `room` entries. Returns how many types there are, which may be more. */
OURO_API size_t ouro_type_stats_get(ouro_type_stats *stats, size_t room);

/* Write what is alive, by type, and for a few objects of each who holds them: what a program that should have released everything
 * calls at its end. Immortal objects are left out. `write` gets pieces of text, and returns 0 to go on.
 * Returns the number of live objects, or a negative code.
 * Cost: O(objects + references). */
OURO_API ptrdiff_t ouro_leaks_report(int (*write)(void *arg, const char *text, size_t length), void *arg);

OURO_END_DECLS

#endif
