/* thread/registry.h - what the files of this layer know of each other. */
#ifndef OURO_THREAD_REGISTRY_H
#define OURO_THREAD_REGISTRY_H

#include "thread/thread.h"

/* Which threads there are. Who stops the world holds it as long as that stands still. */
extern ouro__lock ouro__registry;
void ouro__registry_enter(void);
void ouro__registry_leave(void);

/* The record has no thread any more; registry's lock held. */
void ouro__record_unused(ouro__thread *thread);
void ouro__registry_child(void);

/* alone.c: every processor that runs a thread of the program passes a barrier; can the system do that? */
bool ouro__has_barrier(void);
void ouro__barrier_all(void);

/* world.c */
void ouro__world_setup(void);
int32_t ouro__young_limit_now(void);
void ouro__young_limit_set(int32_t limit);
void ouro__world_stop_for_fork(void); /* holds the world's and the registry's lock, also where a thread did not come */
void ouro__world_start_after_fork(void);
void ouro__world_child(void);
void ouro__world_locks_fork(int moment);

#endif
