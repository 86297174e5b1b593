/* ouro/weak.h - weak references: to see an object as long as somebody else keeps it.
 *
 * A WEAK REFERENCE is an object itself. It does not count; when its object (its REFERENT) goes, it is cleared, and its callback is
 * called. Those without a callback are shared: there is one for each object, however often it is asked for. An object that nobody
 * refers to weakly pays nothing: the lists are in a table beside, behind a bit of the header.
 *
 * As in CPython: callbacks run after the finalizer and after all weak references to the object have been cleared, the newest first;
 * a weak reference that goes before its referent takes its callback with it; one that is garbage together with its referent is not
 * called. Collections: see the order in <ouro/gc.h>.
 *
 * Threads: any may make weak references, and ask them, while others do and while the referent goes: whether it dies is decided once, and
 * either ouro_weak_get has a reference or the object is dead for everybody. A callback runs in the thread in which the referent died: that
 * of the last ouro_decref, or the one that collects; with no lock held. */
#ifndef OURO_WEAK_H
#define OURO_WEAK_H

#include "object.h"

OURO_BEGIN_DECLS

typedef struct ouro_weak ouro_weak;

/* `weak` is borrowed, and dead already; `data` and `held` are what was given when it was made. `held` is released when it returns. */
typedef void (*ouro_weak_fn)(ouro_weak *weak, void *data, void *held);

/* A weak reference to `object`, the one that all share.
 * Ownership: new.
 * Errors:    NULL, errno ENOMEM, EPERM; EINVAL where the object is just being freed.
 * Threads:   any that holds a reference to the object; all get the same one.
 * Cost:      O(1) expected; with more than one thread, a lock of one of 64. */
OURO_API ouro_ref ouro_weak_new(void *object) OURO_ATTR_NEW;

/* One of its own, with a callback (not NULL: EINVAL). `data` is handed to the callback, untouched; `held` is an object, or NULL, that the
 * weak reference keeps alive and that the collector sees.
 * Ownership: new; `held` borrowed.
 * Errors:    as ouro_weak_new.
 * Threads:   any that holds a reference to the object. The callback may run in another thread than this one: what it uses beside `data` and
 *            `held` is its own to guard.
 * Cost:      O(1) expected. */
OURO_API ouro_ref ouro_weak_new_callback(void *object, ouro_weak_fn callback, void *data, void *held) OURO_ATTR_NEW;

/* A new strong reference to the referent. Is it dead?
 * Ownership: new; NULL (OURO_NULL) where it has gone, is just being freed, or the thread is refused.
 * Threads:   any that holds a reference to `weak`. Dead stays dead; alive is out of date at once, unless the caller holds the referent.
 * Cost:      the referent's owner: about as ouro_incref; others: a lock of one of 64, and an atomic addition. */
OURO_API ouro_ref ouro_weak_get(ouro_weak *weak) OURO_ATTR_NEW;
OURO_API bool ouro_weak_is_dead(const ouro_weak *weak);

/* How many weak references there are to an object; the first `room` of them, borrowed, the shared one first, then the newest.
 * Threads: any that holds a reference to the object. The number may be out of date at once; what is listed is to be used only where no
 *          other thread releases it meanwhile.
 * Cost:    O(weak references to it). */
OURO_API size_t ouro_weak_count(const void *object);
OURO_API size_t ouro_weak_list(const void *object, ouro_weak **out, size_t room);

/* Has it a callback that has not been called?
 * Threads: any that holds a reference to `weak`; out of date at once.
 * Cost:    a load. */
OURO_API bool ouro_weak_has_callback(const ouro_weak *weak);

/* The types, to tell weak references from other objects. */
OURO_API extern ouro_type ouro_weak_type;          /* shared ones */
OURO_API extern ouro_type ouro_weak_callback_type; /* those with a callback; derived from ouro_weak_type */

/* ---------------------------------------------------------------- finalizers of others (weakref.finalize)
 *
 * To have something done when an object goes, without being its type: once, at its death or at the program's exit, whichever comes
 * first. What dies at once runs the newest first; at exit likewise, and those added meanwhile are run next.
 *
 * It runs in the thread in which the object dies (whose callbacks of weak references it is among), or in the one that calls it, or in
 * the one that calls exit. Where several threads do so at the same time, one of them runs it, and the others are told that it was not
 * alive: it may not have returned by then. What it uses beside `data` and `held` is its own to guard. */

typedef struct ouro_finalizer ouro_finalizer; /* an object */
typedef void (*ouro_finalizer_fn)(void *data, void *held);

/* Have `fn` called when `object` goes.
 * Ownership: new; the library keeps another reference until it has run, so that the caller may release his at once. `held` (or NULL) is
 *            kept alive until then; if it leads to `object`, that never goes.
 * Errors:    NULL, errno ENOMEM, EPERM, EINVAL.
 * Threads:   any that holds a reference to the object.
 * Cost:      O(1) expected. */
OURO_API ouro_ref ouro_finalize(void *object, ouro_finalizer_fn fn, void *data, void *held);

/* Run it now, in this thread; false where it has run, is running or was detached.
 * Calls:   the function; what goes with `held`.
 * Threads: any.
 * Cost:    O(1). */
OURO_API bool ouro_finalizer_call(ouro_finalizer *finalizer);
/* Let it never run; false where it has run, is running or was detached before.
 * Calls:   what goes with `held`.
 * Threads: any.
 * Cost:    O(1). */
OURO_API bool ouro_finalizer_detach(ouro_finalizer *finalizer);
/* Has it neither begun to run nor been detached?
 * Threads: any; out of date at once where another thread may end its life.
 * Cost:    O(1), without a lock. */
OURO_API bool ouro_finalizer_is_alive(const ouro_finalizer *finalizer);
/* Its object.
 * Ownership: new; NULL where that has gone or the finalizer is not alive.
 * Threads:   any.
 * Cost:      O(1). */
OURO_API ouro_ref ouro_finalizer_peek(ouro_finalizer *finalizer) OURO_ATTR_NEW;
/* Shall it run at exit? True at first; of one that is not alive, false.
 * Threads: any.
 * Cost:    O(1). */
OURO_API void ouro_finalizer_set_atexit(ouro_finalizer *finalizer, bool at_exit);
OURO_API bool ouro_finalizer_atexit(const ouro_finalizer *finalizer);
/* Run all that are to run at exit, now, in this thread; exit itself calls it, in the thread that exits. One that another thread has
 * begun to run may not have returned when this does. In a thread that OURO_CONF=threads:1 refuses, none run.
 * Calls:   the functions; what goes with what they held.
 * Threads: any. Several may call it at once: they share the work.
 * Cost:    O(finalizers). */
OURO_API void ouro_finalizers_run(void);

OURO_END_DECLS

#endif
