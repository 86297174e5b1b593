/* tests/thread/things.h - what the tests of threads share: objects that are counted as they are made and as they go, threads that do what
 * they are told, step by step, and the frame of a case.
 *
 * Everything here may be used from any thread at once. Linked with: support/support.c, cmocka, threads. */
#ifndef OURO_TEST_THINGS_H
#define OURO_TEST_THINGS_H

#include "support/support.h"

#include <pthread.h>
#include <stdatomic.h>

#include <ouro/ouro.h>

/* ---------------------------------------------------------------- things */

/* Two slots, and what a finalizer does. */
typedef struct thing thing;
struct thing {
  ouro_object base;
  void *a, *b;
  void (*finalizing)(thing *self); /* of `final_thing`: called by the finalizer; or NULL */
};

extern ouro_type plain_thing;   /* tracked, no finalizer */
extern ouro_type final_thing;   /* derived from it, with one */
extern ouro_type acyclic_thing; /* the same slots, never tracked */
extern ouro_type leaf_thing;    /* no slots: a thing whose `a` and `b` are NULL for ever */

extern atomic_long things_alive;     /* made with thing_of, and not released */
extern atomic_long things_finalized; /* calls of the finalizer */

thing *thing_of(ouro_type *type);
thing *thing_new(void); /* of plain_thing */
void drop(void *object);

/* `count` of them, each one's `a` the next one; the last one's the first, or NULL. The caller owns a reference to the first. */
thing *thing_ring(ouro_type *type, size_t count);
thing *thing_chain(ouro_type *type, size_t count);

/* ---------------------------------------------------------------- threads */

/* Run body(arg) in a thread to its end; meanwhile the caller is OUT, or stays IN. `stack`: bytes, 0: as usual. */
void *in_a_thread(void *(*body)(void *arg), void *arg);
void *in_a_thread_while_in(void *(*body)(void *arg), void *arg);
void *in_a_thread_of(size_t stack, void *(*body)(void *arg), void *arg);

/* Wait at a barrier, OUT. */
void meet(pthread_barrier_t *barrier);

/* A thread that does one job after the other, and is IN (or, where it never attached, nothing) while it waits for the next; `out`: OUT. */
typedef struct worker {
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  void (*job)(void *arg); /* NULL: none waits */
  void *arg;
  bool idle; /* it waits for one, OUT where it should be */
  bool out, ends;
} worker;

void worker_start(worker *self, bool out);
/* Have it do the job, and wait until it waits for the next one. The caller stays IN. */
void worker_do(worker *self, void (*job)(void *arg), void *arg);
/* The same, and the caller is OUT meanwhile. */
void worker_do_out(worker *self, void (*job)(void *arg), void *arg);
/* From now on it waits OUT, or IN. */
void worker_goes(worker *self, bool out);
/* It ends, and is waited for, OUT. */
void worker_end(worker *self);

/* ---------------------------------------------------------------- the frame of a case */

/* A case ends with no thing alive, as many threads attached as before, no stop of the world given up, and the heap of blocks and of objects
 * sound. */
int things_begin(void **state);
int things_end(void **state);
extern bool things_are_stopped_for_a_short_time; /* fork gives up soon where a thread does not come: then stops given up are no fault */
uint64_t stops_given_up(void);
#define THING_TEST(name) cmocka_unit_test_setup_teardown(name, things_begin, things_end)

/* The same checks in the middle of a case. Other threads are OUT, or gone. */
#define THINGS_ARE_SOUND() things_are_sound(__FILE__, __LINE__)
void things_are_sound(const char *file, int line);

/* Collects; then no thing is alive. */
#define NO_THING_IS_LEFT() no_thing_is_left(__FILE__, __LINE__)
void no_thing_is_left(const char *file, int line);

#endif
