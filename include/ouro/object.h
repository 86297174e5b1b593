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
 * Threads: any number of them make, share and drop objects, with no lock that is everybody's; what is safe and what is not is said in
 * <ouro/thread.h>. The counts are biased (J. Choi, T. Shull, J. Torrellas, "Biased reference counting", PACT 2018; PEP 703): the thread
 * that made an object, its OWNER, counts without atomics, others with one each. */
#ifndef OURO_OBJECT_H
#define OURO_OBJECT_H

#include <stdbool.h>

#include "base.h"
#include "thread.h"

OURO_BEGIN_DECLS

/* ---------------------------------------------------------------- the header of an object
 *
 *   bytes 0-3    count    references that the owner counts; of an object that is MERGED: all
 *   bytes 4-7    shared   | what others have counted, less what they have released: 24 bits, signed | flags: 8 bits |
 *   bytes 8-15   word     | owner: 16 bits | address of the type: 44 bits, the low 4 of them zero | state: 4 bits |
 *
 * The owner is the number of a thread; or OURO__NOBODY: the object is dead, or being freed (so that a use of it is noticed);
 * OURO__MERGED: nobody in particular; OURO__DEFERRED; OURO__IMMORTAL. Only where it is the running thread does counting go without a call.
 *
 * Life of a count. References in all: count + shared's, where owned.
 *
 *   OWNED    owner: a thread. It counts in `count`, plainly; others in `shared`, atomically.
 *            -> DEAD     the owner releases its last one, and `shared` is 0
 *            -> MERGED   the owner releases its last one, and others hold some
 *            -> OWNED    by another thread, which releases the only reference there is: what was made here and given away whole goes there
 *                        (where one load shows both counts: x86-64; elsewhere it is queued)
 *            -> QUEUED   another thread releases one of several, and `shared` would fall below 0: the reference is one that the owner
 *                        counted. It goes to the owner's queue instead, which holds it from now on
 *   QUEUED   as OWNED, and in its owner's queue. What others release now may make `shared` negative.
 *            -> MERGED   the owner comes to its queue at a safepoint; or another thread acts for it, while it is out or gone
 *   MERGED   `count` is all there are, and everybody counts there, atomically. For ever.
 *            -> DEAD     somebody releases the last one
 *   DEAD     owner OURO__NOBODY. A finalizer may bring it back before that: then it is OWNED by the thread that runs it.
 *   DEFERRED each thread counts for itself, in a table; the collector adds them up. -> MERGED when that finds it garbage.
 *   IMMORTAL not counted. */

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
typedef struct ouro_protocols ouro_protocols; /* <ouro/value.h> */

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
  /* Only the thread that makes an instance takes references to it, or touches it; another may at most release one that it was given. So its
   * thread collects young ones by itself, and stops no other for it. 16 bytes more for each, and no extra bytes (ouro_new_extra). No effect
   * on a type that the collector does not look at. */
  OURO_TYPE_CONFINED = 1u << 5,
  /* Its `release` also releases the references that its `visit` shows (those that are not NULL), in a loop of its own, say: then visit is not
   * called for that. Not inherited; for a type with both of its own, and a base that has neither. */
  OURO_TYPE_RELEASES = 1u << 6,
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
  /* instances are also instances of this: its references, visit, finalize and release are inherited. Or NULL */
  const ouro_type *base;
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
  unsigned flags;               /* of ouro_type_flags; OURO_TYPE_ACYCLIC, _IMMUTABLE and _RELEASES are not inherited */
  /* What its instances can do as values: hash, equality, length, ... (<ouro/value.h>); what it leaves out is inherited. Or NULL. */
  const ouro_protocols *protocols;
  /* An object that each instance holds a reference to, beside those in its slots: the class that the type is part of, say. It must be set
   * before the type's first use, and it may lie in that object. NULL for types in static memory; not inherited. */
  ouro_object *keeper;

  /* The library's; zero. */
  struct {
    uint32_t flags;        /* what its instances need; 0: not looked at yet */
    uint32_t fast;         /* the bin that ouro_new takes its instances from, as a distance; 0: it takes the slow way */
    uint32_t distance;     /* the bin that they go back to; 0: the slow way */
    uint32_t size;         /* bytes of an instance without items, rounded up */
    uint32_t first, slots; /* its owned slots: so many, side by side, from that offset on */
    uint32_t class_;       /* size class; 0: a large block */
    uint32_t runs;         /* further runs of slots */
    uint32_t var;          /* of types with items: the bin of instances of no size, as a distance; 0: the slow way */
    const void *more;      /* those runs */
    size_t instances;      /* of types made at run time: instances, subtypes, and its maker's handle */
    uint32_t released;     /* its maker has let it go */
    uint32_t layout;       /* of instances of a class (<ouro/class.h>): which of its layouts this is; 0: of no class */
  } ouro__derived;
};

/* A list of offsets for ouro_type.references. At file scope: within a function the list would live no longer than that. */
#define OURO_REFERENCES(...) ((const uint32_t[]){__VA_ARGS__, UINT32_MAX})

/* Check a type as its first use would: 0, or OURO_EINVAL and a sentence in `text` (which may be NULL).
 * What is refused: a size below that of the header, a slot outside the size, misaligned, listed twice or over the header; a name that is
 * NULL; items without ouro_var's count in the fixed part; a base that is larger; flags that contradict.
 * Threads: any, several at once: one of them looks, under a lock.
 * Cost:    O(slots) the first time, then a load. */
OURO_API int ouro_type_check(ouro_type *type, char *text, size_t text_size);

/* Make a type at run time from a description, which is copied (its name and list too).
 * Ownership: new; release with ouro_type_release. It is freed then, or when its last instance and subtype have gone.
 * Errors:    NULL, errno EINVAL (see ouro_type_check), ENOMEM, EPERM.
 * Threads:   any. Instances are counted atomically, and the type is freed in the thread that lets the last one go.
 * Cost:      O(slots), an allocation. */
OURO_API ouro_type *ouro_type_new(const ouro_type *description) OURO_ATTR_NEW;
OURO_API void ouro_type_release(ouro_type *type);

/* What a visit function is given, for each slot that it shows. It runs in the thread that looks: with all others stopped, or when nobody
 * else can see the object any more. So it takes no lock, and begins no section.
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
 * Threads:   any; it is attached, and owns what it makes. Where its cache has no block left, it may be stopped here.
 * Cost:      O(1), about 40 instructions. Never collects: see ouro_safepoint. */
OURO_API ouro_ref ouro_new(ouro_type *type) OURO_ATTR_NEW;

/* Make an object with `count` items behind its fixed part, all zero; its type has an item_size.
 * Ownership: new.
 * Errors:    as ouro_new; EINVAL: the type has no items.
 * Threads:   as ouro_new.
 * Cost:      O(size). */
OURO_API ouro_ref ouro_new_var(ouro_type *type, size_t count) OURO_ATTR_NEW;

/* Make an object with `extra` more bytes, zero, that only ouro_extra finds: for an embedder who adds to types that are not his. They
 * are 16-byte aligned, and hold no owned references. `count` is 0 where the type has no items. ouro_extra of an object that was made
 * without is an address that nothing may be written to.
 * Ownership: new; ouro_extra: borrowed, as long as the object lives.
 * Errors:    as ouro_new.
 * Threads:   as ouro_new; ouro_extra: any that holds a reference. The bytes are for one thread at a time, as other fields are.
 * Cost:      O(size); ouro_extra: O(1). */
OURO_API ouro_ref ouro_new_extra(ouro_type *type, size_t count, size_t extra) OURO_ATTR_NEW;
OURO_API void *ouro_extra(void *object);

/* The type of an object; borrowed.
 * Threads: any that holds a reference; it never changes.
 * Cost:    a load and an and. */
static inline ouro_type *ouro_type_of(const void *object) {
  return (ouro_type *)(uintptr_t)(OURO__SEE(((const ouro_object *)object)->ouro__word) & UINT64_C(0x0000fffffffffff0));
}

/* Is it an instance of `type`, or of a type derived from it?
 * Threads: any that holds a reference.
 * Cost:    O(depth of derivation). */
OURO_API bool ouro_is_instance(const void *object, const ouro_type *type);

/* Bytes that the object takes, header, items and extra included, rounded up to its size class.
 * Threads: any that holds a reference.
 * Cost:    O(1). */
OURO_API size_t ouro_object_size(const void *object);

/* ---------------------------------------------------------------- counting */

/* Owners that are no threads. */
#define OURO__NOBODY 0u
#define OURO__IMMORTAL 0xfffdu
#define OURO__DEFERRED 0xfffcu
#define OURO__MERGED 0xfffbu
#define OURO__SHARED_MASK 0xffffff04u /* of `shared`: the count, and that it is queued */
#define OURO__MERGED_BIT 8u           /* of `shared`: it is merged */

OURO_API void ouro__incref_slow(void *object);
OURO_API void ouro__decref_slow(void *object);
OURO_API void ouro__dealloc(void *object);

static inline uint32_t ouro__owner_of(const ouro_object *object) { return (uint32_t)(OURO__SEE(object->ouro__word) >> 48); }
static inline bool ouro__is_mine(const ouro_object *object) { return ouro__owner_of(object) == ouro__at.id; }

/* Count a deferred object for the thread alone: its number is where others have their count. */
static inline bool ouro__count_deferred(const ouro_object *object, int32_t change) {
  if (ouro__owner_of(object) != OURO__DEFERRED) return false;
  uint32_t number = (uint32_t)OURO__NOW(object->ouro__count); /* read just here: the owner's way shall not pay for it */
  if (number >= ouro__at.deferred_room) return false;
  /* modulo 2^32, as their sum */
  OURO__SET(ouro__at.deferred[number], (int32_t)((uint32_t)OURO__SEE(ouro__at.deferred[number]) + (uint32_t)change));
  return true;
}

/* One more reference to `object`, which is not NULL.
 * Fatal:   OURO_FATAL_DEAD_OBJECT (it has been freed). After 2^32 - 1 references of one thread, or 2^23 of others, it is immortal.
 * Threads: any that holds a reference, or has it from who does; atomic.
 * Cost:    the owner: a load, a test, an add, a store; of a deferred object: three more; others: an atomic addition. */
static inline void ouro_incref(void *borrowed) {
  ouro_object *object = (ouro_object *)borrowed;
  if (OURO__LIKELY(ouro__is_mine(object))) {
    if (OURO__LIKELY(ouro__step_up(&object->ouro__count) != 0)) return;
    OURO__SET(object->ouro__count, UINT32_MAX);
  } else if (ouro__count_deferred(object, 1)) {
    return;
  }
  ouro__incref_slow(object);
}

/* Release a reference to a borrowed view of an owned one. For ouro_decref, which is what programs use. */
static inline void ouro__release_ref(void *held) {
  ouro_object *object = (ouro_object *)held;
  if (OURO__LIKELY(ouro__is_mine(object))) {
    if (OURO__LIKELY(ouro__step_down(&object->ouro__count) != 0)) return;
    ouro__dealloc(object);
  } else if (!ouro__count_deferred(object, -1)) {
    ouro__decref_slow(object);
  }
}

/* Release a reference to an object, which is not NULL. The last one frees the object, and what only it held, at once.
 * Ownership: stolen.
 * Fatal:     OURO_FATAL_DEAD_OBJECT: it has been freed, so this reference was released twice; OURO_FATAL_COUNT_TOO_SMALL.
 * Calls:     finalizers, callbacks of weak references, and releases of all that goes.
 * Threads:   any; atomic. What the owner counted beside others, and another thread releases, waits for the owner's next safepoint, unless
 *            the owner is out or gone: there it may go as late as that. It goes in the thread that releases the last one, or takes it
 *            from the queue.
 * Cost:      the owner: a load, a test, a subtraction, a store; others: an atomic exchange; O(1) for each object that goes, on a
 *            bounded stack. */
static inline void ouro_decref(ouro_ref owned) { ouro__release_ref((void *)ouro_borrow(owned)); }

/* The same, where NULL is allowed.
 * Threads: any; atomic.
 * Cost:    as those, and a comparison. */
static inline void ouro_xincref(void *object) {
  if (object) ouro_incref(object);
}
static inline void ouro_xdecref(ouro_ref owned) {
  if (ouro_borrow(owned)) ouro_decref(owned);
}

/* A new reference to a borrowed object.
 * Ownership: new.
 * Threads:   any; atomic. What lends it must not let go meanwhile: a slot that another thread may change is read in a section, and the
 *            reference taken there.
 * Cost:      that of ouro_incref. */
OURO_ATTR_NEW static inline ouro_ref ouro_newref(void *object) {
  ouro_incref(object);
  return ouro_adopt(object);
}
OURO_ATTR_NEW static inline ouro_ref ouro_xnewref(void *object) {
  ouro_xincref(object);
  return ouro_adopt(object);
}

/* Let the slot hold `value` (borrowed, NULL allowed; the slot takes a reference of its own), and then release what it held: whatever
 * runs when that goes finds the slot changed already.
 * Calls:   as ouro_decref.
 * Threads: the slot is the calling thread's, or guarded: two threads that set one at once would release twice. The counts are atomic.
 * Cost:    that of ouro_incref and ouro_decref. */
static inline void ouro_setref(ouro_slot slot, void *value) {
  void *before = OURO__SLOT_GET(slot);
  ouro_xincref(value);
  OURO__SLOT_SET(slot, value);
  if (before) ouro__release_ref(before);
}

/* The same, and the slot takes over the caller's reference to `value`.
 * Ownership: stolen.
 * Calls:     as ouro_decref.
 * Threads:   as ouro_setref.
 * Cost:      that of ouro_decref. */
static inline void ouro_movref(ouro_slot slot, ouro_ref value) {
  void *before = OURO__SLOT_GET(slot);
  OURO__SLOT_SET(slot, (void *)ouro_borrow(value));
  if (before) ouro__release_ref(before);
}

/* Empty the slot, and then release what it held.
 * Calls:   as ouro_decref.
 * Threads: as ouro_setref.
 * Cost:    that of ouro_decref. */
static inline void ouro_clear(ouro_slot slot) {
  void *before = OURO__SLOT_GET(slot);
  OURO__SLOT_SET(slot, NULL);
  if (before) ouro__release_ref(before);
}

/* Empty the slot, and give what it held to the caller.
 * Ownership: new.
 * Threads:   as ouro_setref: two threads that steal at once would both have it.
 * Cost:      a load, a store. */
OURO_ATTR_NEW static inline ouro_ref ouro_steal(ouro_slot slot) {
  void *held = OURO__SLOT_GET(slot);
  OURO__SLOT_SET(slot, NULL);
  return ouro_adopt(held);
}

/* OURO_AUTO(struct node) n = ouro_new(&node_type); releases what n holds when its scope ends; NULL is allowed. To let it out of the
 * scope: return ouro_steal(&n). (There is no standard C for this; compilers without the cleanup attribute do not have it.)
 * Threads: the variable is its thread's own. */
#if defined(__GNUC__)
static inline void ouro__auto_clear(void *slot) { ouro_clear((ouro_slot)slot); }
#define OURO_AUTO(T) __attribute__((cleanup(ouro__auto_clear), unused)) OURO_OWNED(T)
#endif

/* One more reference, unless the object is about to go: for who knows that the memory is still there, but not whether anybody holds the
 * object: a cache that an object leaves in its release function. Before, ouro_allow_tries(object), once, by who holds it.
 * Ownership: true: a new reference, the caller's.
 * Returns:   false where the last reference has been released.
 * Fatal:     OURO_FATAL_WRONG_THREAD.
 * Threads:   any; atomic, also against the last ouro_decref. The memory must be that of the object still: look for it under a lock that its
 *            release function takes as well.
 * Cost:      a lock of one of 64, by address (none, as long as there is one thread); an addition. Objects that allow it go a slower way. */
OURO_API void ouro_allow_tries(void *object);
OURO_API bool ouro_try_incref(void *object);

/* References to the object; SIZE_MAX for an immortal one.
 * Threads: any that holds a reference. What other threads count just now may be missing or too much: not to decide by, but for reports.
 * Cost:    O(1); of a deferred object a lock, and O(threads). */
OURO_API size_t ouro_refcount(const void *object);

/* Is the caller's reference the only one? Then it may change the object as if it had just been made. (A weak reference may become a strong
 * one at any time, of course.)
 * Threads: any that holds a reference; true stays true until the caller gives one away. False also where another thread owns the object, or
 *          its queue holds it: then nobody can tell without asking that thread.
 * Cost:    three loads. */
static inline bool ouro_is_unique(const void *object) {
  const ouro_object *self = (const ouro_object *)object;
  uint32_t owner = ouro__owner_of(self);
  /* `shared` first: that it is merged says that `count` is all there are. The loads pair with the release of who released the others. */
  uint32_t shared = OURO__ACQUIRE(self->ouro__shared), count = OURO__ACQUIRE(self->ouro__count);
  if (count != 1) return false;
  return owner == OURO__MERGED ? shared & OURO__MERGED_BIT : owner == ouro__at.id && (shared & OURO__SHARED_MASK) == 0;
}

/* Never count it, never free it: for what lives as long as the program. The collector still follows its references.
 * Errors:  OURO_EINVAL where it is not unique (see ouro_is_unique), or is immortal already.
 * Threads: before others see it; from then on any.
 * Cost:    O(1). */
OURO_API int ouro_make_immortal(void *object);
OURO_API bool ouro_is_immortal(const void *object);

/* An immortal object in static memory (not const: its header may be written to):
 * struct point origin = {OURO_IMMORTAL_OBJECT(&point_type), ...}. The collector does not look into it: it holds no references, or those
 * to immortal objects. */
#define OURO_IMMORTAL_OBJECT(type_) {1, 0, ((uint64_t)OURO__IMMORTAL << 48) + (uint64_t)(uintptr_t)(type_)}

/* Deferred counting, for what every thread will touch (types, functions, interned names): the object is not freed the moment its count
 * reaches zero, but by the next collection of generation 2 that finds nothing that refers to it. It stays tracked.
 * Each thread counts for itself, without atomics. Not more than 2^31 - 1 references at a time.
 * Errors:  OURO_EINVAL where the type is not tracked (see OURO_TYPE_TRACKED), or the object is immortal or deferred already; OURO_ENOMEM;
 *          OURO_EPERM; OURO_EBUSY: a thread did not come to a safepoint in time. Nothing has changed then.
 * Threads: any that holds a reference, also when others do.
 * Cost:    that of stopping the world, where threads are many; O(1) otherwise. */
OURO_API int ouro_defer(void *object);
OURO_API bool ouro_is_deferred(const void *object);

/* ---------------------------------------------------------------- who is still there */

typedef int (*ouro_object_fn)(void *object, void *arg);

/* Call `visit` for every live object, whatever its type, in the order of addresses; it returns 0 to go on. It must not make or release
 * objects. Objects that it refers to are borrowed. Those that a collection is just taking apart are not shown.
 * Returns: 0, OURO_ESTOP, OURO_EINVAL, OURO_EPERM; OURO_EBUSY: a thread did not come to a safepoint in time.
 * Calls:   `visit`, in the calling thread, with all others stopped: it must not wait for another thread.
 * Threads: any.
 * Cost:    O(objects), while the others stand still. */
OURO_API int ouro_each_object(ouro_object_fn visit, void *arg);

typedef struct ouro_type_stats {
  const ouro_type *type;
  const char *name;
  size_t objects, bytes;  /* live ones; bytes of blocks */
  size_t generation[3];   /* how many of them are in each generation; the others are untracked or frozen */
} ouro_type_stats;

/* Live objects by type, most bytes first, into at most `room` entries.
 * Returns: how many types there are, which may be more; 0 with errno ENOMEM, EPERM or EBUSY where that could not be found out.
 * Threads: any; the figures are those of one moment, for which all others are stopped.
 * Cost:    O(objects). */
OURO_API size_t ouro_type_stats_get(ouro_type_stats *stats, size_t room);

/* Write what is alive, by type, and for a few objects of each who holds them: what a program that should have released everything
 * calls at its end. Immortal objects are left out. `write` gets pieces of text, and returns 0 to go on.
 * Returns: the number of live objects, or a negative code, as ouro_each_object.
 * Calls:   `write`, with all other threads stopped: it must not wait for any, by a lock that is held over a safepoint, say.
 * Threads: any; all of it is about one moment.
 * Cost:    O(objects + references). */
OURO_API ptrdiff_t ouro_leaks_report(int (*write)(void *arg, const char *text, size_t length), void *arg);

OURO_END_DECLS

#endif
