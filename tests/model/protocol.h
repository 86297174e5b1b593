/* tests/model/protocol.h - the life of a count as a system of small steps: three threads, two objects.
 *
 * The steps are those of object/shared.c, object/dealloc.c, the watches of object/weak.c, and the states of thread/world.c; each is
 * named by its function there. It is a copy for the mind, not the code: whoever changes one changes the other. docs/model.md says what
 * is modelled, what is left out, and how to read a counterexample. */
#ifndef OURO_TEST_PROTOCOL_H
#define OURO_TEST_PROTOCOL_H

#include "search.h"

enum { MODEL_THREADS = 3, MODEL_OBJECTS = 2 };

/* What is broken on purpose. The model must find each. */
typedef enum model_fault {
  FAULT_NONE,
  FAULT_WORD_AFTER_CAS,     /* merging sets the owner after OURO_S_MERGED */
  FAULT_MERGE_READS_ONCE,   /* merging does not read `shared` again when it has changed */
  FAULT_NO_WAIT_FOR_MERGE,  /* who sees OURO__MERGED counts at once, before the merge has written `count` */
  FAULT_QUEUE_HOLDS_NOTHING, /* a reference is released, and the object queued beside that */
  FAULT_PLAIN_SUBTRACTION,  /* who is not the owner always subtracts from `shared` */
  FAULT_DRAIN_IGNORES_OWNER, /* whoever drains a queue does not look whose the object is by now */
  FAULT_TRY_WITHOUT_WATCH,  /* ouro_try_incref takes no watch */
  FAULT_DEATH_WITHOUT_WATCH, /* the owner does not decide under the watch whether a watched object dies */
  FAULT_PUT_AND_FORGET,     /* who queues does not look whether the owner went out meanwhile */
  FAULT_OUT_AND_FORGET,     /* who goes out does not look at its queue once more */
  FAULT_START_AND_FORGET,   /* who had stopped the world does not look at the queues of those it held */
  FAULT_TAKE_WITHOUT_CAS,   /* who acts for an owner that is out does not keep it from coming in */
  FAULT_LET_GO_AND_FORGET,  /* who acted for another does not look at its queue once more */
  FAULT_MERGED_MAY_RISE,    /* one more reference is taken to a merged object also where none is left */
  FAULT_COUNT_STAYS_SPLIT,  /* merging leaves the references of others where they were */
  FAULT_NOT_DYING,          /* a dying object can still be found by weak references */
  FAULT_NOT_DISOWNED,       /* a weak reference still knows the owner of a merged object */
  FAULT_PLAIN_WORD,         /* the owner of a watched object is set by a load and a store */
  FAULT_WAY_BACK,           /* a merge that finds nothing left gives the object back to its owner */
  FAULT_SOLE_COUNT_FIRST,   /* is_sole reads `count`, and then `shared` */
  FAULT_SOLE_SHARED_FIRST,  /* is_sole reads `shared`, and then `count` */
  FAULT_SOLE_SHARED_TWICE,  /* is_sole reads `shared`, then `count`, and then sees that `shared` has not changed */
  FAULT_SOLE_THOUGH_WATCHED, /* is_sole does not look at OURO_S_WATCHED */
  FAULT_SOLE_TOO_LATE,      /* who releases the only reference lets the object begin to die before it is its owner */
  FAULT_STORE_BEFORE_USE,   /* the owner's release of a reference is seen before what its thread did with the object */
  FAULT_LOAN_ENDS_EARLY,    /* the program's: a reference is released by which the owner has taken one, before others see that */
  MODEL_FAULTS,
  FAULT_SOLE_THOUGH_QUEUED = MODEL_FAULTS, /* is_sole does not look at OURO_S_QUEUED: no mistake, but one test more than is needed */
  MODEL_VARIANTS
} model_fault;
extern const char *const model_fault_names[MODEL_VARIANTS];

/* What the threads may do, and how often. */
typedef struct model_bounds {
  const char *name;
  model_fault fault;
  unsigned owner[MODEL_OBJECTS];               /* thread, from 1 on; 0: there is no such object */
  unsigned references[MODEL_THREADS][MODEL_OBJECTS]; /* that each holds at first, counted by who holds them */
  bool counted_by_owner;                       /* or all of them by the owner, who gave them away */
  unsigned most;                               /* that a thread holds of one object at a time */
  unsigned moves[MODEL_THREADS];               /* of the next, by each thread, in all */
  bool increfs, gives, blocks;                 /* take one more; give one to another thread; go out */
  bool borrows;                                /* take one more by another thread's, or by the slot's; take out the slot's */
  bool refers, tries, forgets;                 /* make a weak reference; take one by it; release it */
  bool stops;                                  /* stop the world, and let it go on */
  bool finalizer[MODEL_OBJECTS];               /* the object has one, which may keep it alive */
  bool slot;                                   /* the first object refers to the second */
  bool deep;                                   /* deallocations within another wait for its end */
  bool watched[MODEL_OBJECTS];
  bool late_stores;                            /* what an owner stores to `count`, others may see later, as on x86-64 */
  bool alike;                                  /* threads 2 and 3 begin alike: states that differ in their names alone are one */
} model_bounds;

search_system model_of(const model_bounds *bounds);

#endif
