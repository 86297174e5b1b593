/* values/guard.h - one object's operations, one after the other: what every value that can change uses.
 *
 *     ouro__hold hold;
 *     ouro__hold_write(&hold, list);        // or ouro__hold_read
 *     ...                                   // loads, stores, ouro_incref; ouro_malloc and its like
 *     ouro__hold_end(&hold, list);
 *
 * In between nothing of the program's runs, no reference is released, no object is made, and the thread is not stopped. There are three ways in:
 *
 *   ALONE    as long as one thread alone has attached, nothing is locked (thread/thread.h)
 *   OPEN     to read, an object that is open to readers: nothing is locked; the thread says in its own storage which object it reads
 *   LOCKED   the section of the object (<ouro/thread.h>), the same that programs may begin
 *
 * An object is opened by a reader, one of each several thousand of a thread that took the lock, and closed by who wants to change it. That one has
 * every processor see that it is closed (membarrier) and waits until nobody reads it: some microseconds, which are rare, since an object
 * that is often changed is seldom opened. (D. Dice, A. Kogan, "BRAVO: Biased Locking for Reader-Writer Locks", USENIX ATC 2019; with a slot
 * for each thread instead of a table.)
 *
 * I-OPEN-1  an object is opened by a thread that has its lock, and closed by a thread that has its lock
 * I-OPEN-2  who has the lock, has found the object closed and nobody reading it, or has closed it and waited: nobody reads it without the lock
 * I-OPEN-3  a thread reads one object without a lock at a time, and comes to no safepoint meanwhile */
#ifndef OURO_VALUES_GUARD_H
#define OURO_VALUES_GUARD_H

#include "object/object.h"
#include "thread/thread.h"

typedef struct ouro__hold {
  ouro_section section;
  enum { OURO__HOLD_ALONE, OURO__HOLD_OPEN, OURO__HOLD_LOCKED } how;
} ouro__hold;

void ouro__hold_write_slow(ouro__hold *hold, void *object);
void ouro__hold_read_slow(ouro__hold *hold, void *object);

static inline void ouro__hold_write(ouro__hold *hold, void *object) {
  if (OURO_LIKELY(ouro__enter_alone())) {
    hold->how = OURO__HOLD_ALONE;
  } else {
    ouro__hold_write_slow(hold, object);
  }
}

static inline void ouro__hold_read(ouro__hold *hold, void *object) {
  if (OURO_LIKELY(ouro__enter_alone())) {
    hold->how = OURO__HOLD_ALONE;
  } else if (OURO_LIKELY(ouro__read_begin(object))) {
    hold->how = OURO__HOLD_OPEN;
  } else {
    ouro__hold_read_slow(hold, object);
  }
}

static inline void ouro__hold_end(ouro__hold *hold, void *object) {
  (void)object;
  if (OURO_LIKELY(hold->how == OURO__HOLD_ALONE)) {
    ouro__leave_alone();
  } else if (OURO_LIKELY(hold->how == OURO__HOLD_OPEN)) {
    ouro__read_end();
  } else {
    ouro_section_end(&hold->section);
  }
}

/* Two objects at once, for what one takes from another: both to be changed. They may be the same. */
void ouro__hold_two(ouro__hold *hold, void *first, void *second);

#endif
