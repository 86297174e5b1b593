/* examples/pipeline/queue.h - a bounded queue that hands objects from threads to threads.
 *
 * It moves references and counts nothing: who pushes gives one away, who pops has it from then on. So what is in the
 * queue is held by the queue, and the count of an object does not change on its way through.
 *
 * Both functions that may wait do all that they do between ouro_blocking_begin and ouro_blocking_end: there they move
 * pointers, and touch no object. Had a thread to wait for the mutex without saying so, whoever wants to stop the world
 * would have to wait as well, perhaps for a thread that is stopped already, and has the mutex. */
#ifndef QUEUE_H
#define QUEUE_H

#include <pthread.h>

#include <ouro/ouro.h>

typedef struct queue {
  pthread_mutex_t lock; /* for all that follows */
  pthread_cond_t not_empty, not_full;
  ouro_ref *slots; /* a ring: `count` of them hold a reference, from `first` on */
  size_t room, first, count;
  size_t producers; /* threads that have not called queue_done */
  bool stopped;
} queue;

/* 0, or an error number of the system. */
int queue_open(queue *q, size_t room, size_t producers);

/* Release what is still in it. Nobody else may use it any more. */
void queue_close(queue *q);

/* Wait until there is room, and put `object` (stolen) in. false: the queue has been stopped, and the object is
 * released. */
bool queue_push(queue *q, ouro_ref object);

/* Wait until there is one, and take it out. NULL: there is none, and no producer is left, or the queue has been
 * stopped. */
ouro_ref queue_pop(queue *q);

/* The calling producer pushes no more. */
void queue_done(queue *q);

/* Something has gone wrong: let nobody wait any longer. */
void queue_stop(queue *q);

#endif
