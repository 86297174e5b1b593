/* examples/pipeline/queue.c - see queue.h. */
#include "queue.h"

#include <errno.h>

int queue_open(queue *q, size_t room, size_t producers) {
  *q = (queue){.room = room, .producers = producers, .slots = ouro_calloc(room, sizeof *q->slots)};
  if (!q->slots) return ENOMEM;
  int code = pthread_mutex_init(&q->lock, NULL);
  if (code == 0) code = pthread_cond_init(&q->not_empty, NULL);
  if (code == 0) code = pthread_cond_init(&q->not_full, NULL);
  if (code) ouro_free(q->slots);
  return code;
}

static ouro_ref take_first(queue *q) {
  ouro_ref object = ouro_steal(&q->slots[q->first]);
  q->first = (q->first + 1) % q->room;
  q->count--;
  return object;
}

void queue_close(queue *q) {
  while (q->count) ouro_decref(take_first(q));
  ouro_free(q->slots);
  pthread_cond_destroy(&q->not_full);
  pthread_cond_destroy(&q->not_empty);
  pthread_mutex_destroy(&q->lock);
}

bool queue_push(queue *q, ouro_ref object) {
  ouro_blocking_begin();
  pthread_mutex_lock(&q->lock);
  while (q->count == q->room && !q->stopped) pthread_cond_wait(&q->not_full, &q->lock);
  bool pushed = !q->stopped;
  if (pushed) {
    q->slots[(q->first + q->count++) % q->room] = object;
    pthread_cond_signal(&q->not_empty);
  }
  pthread_mutex_unlock(&q->lock);
  ouro_blocking_end();
  if (!pushed) ouro_decref(object);
  return pushed;
}

ouro_ref queue_pop(queue *q) {
  ouro_ref object = OURO_NULL;
  ouro_blocking_begin();
  pthread_mutex_lock(&q->lock);
  while (q->count == 0 && q->producers && !q->stopped) pthread_cond_wait(&q->not_empty, &q->lock);
  if (q->count && !q->stopped) {
    object = take_first(q);
    pthread_cond_signal(&q->not_full);
  }
  pthread_mutex_unlock(&q->lock);
  ouro_blocking_end();
  return object;
}

void queue_done(queue *q) {
  pthread_mutex_lock(&q->lock);
  if (--q->producers == 0) pthread_cond_broadcast(&q->not_empty);
  pthread_mutex_unlock(&q->lock);
}

void queue_stop(queue *q) {
  pthread_mutex_lock(&q->lock);
  q->stopped = true;
  pthread_cond_broadcast(&q->not_empty);
  pthread_cond_broadcast(&q->not_full);
  pthread_mutex_unlock(&q->lock);
}
