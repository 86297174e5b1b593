/* tests/thread/things.c - the helpers of things.h. */
#include "thread/things.h"

#include <limits.h>

/* ---------------------------------------------------------------- things */

atomic_long things_alive;
atomic_long things_finalized;

static void count_release(void *self) {
  (void)self;
  atomic_fetch_sub(&things_alive, 1);
}

static void finalize(void *object) {
  thing *self = object;
  atomic_fetch_add(&things_finalized, 1);
  if (self->finalizing != NULL) {
    self->finalizing(self);
  }
}

#define THING_SLOTS OURO_REFERENCES(offsetof(thing, a), offsetof(thing, b))

ouro_type plain_thing = {.name = "thing", .size = sizeof(thing), .references = THING_SLOTS, .release = count_release};
ouro_type final_thing = {.name = "final thing", .size = sizeof(thing), .base = &plain_thing, .finalize = finalize};
ouro_type acyclic_thing = {
    .name = "acyclic thing",
    .size = sizeof(thing),
    .references = THING_SLOTS,
    .release = count_release,
    .flags = OURO_TYPE_ACYCLIC,
};
ouro_type leaf_thing = {.name = "leaf thing", .size = sizeof(thing), .release = count_release};

thing *thing_of(ouro_type *type) {
  thing *self = ouro_new(type);
  TEST_CHECK(self != NULL);
  atomic_fetch_add(&things_alive, 1);
  return self;
}

thing *thing_new(void) { return thing_of(&plain_thing); }

void drop(void *object) { ouro_decref(object); }

thing *thing_chain(ouro_type *type, size_t count) {
  thing *first = NULL;
  for (size_t i = 0; i < count; i++) {
    thing *before = thing_of(type);
    ouro_movref(&before->a, first);
    first = before;
  }
  return first;
}

thing *thing_ring(ouro_type *type, size_t count) {
  thing *last = thing_of(type);
  thing *first = last;
  for (size_t i = 1; i < count; i++) {
    thing *before = thing_of(type);
    ouro_movref(&before->a, first);
    first = before;
  }
  ouro_setref(&last->a, first);
  return first;
}

/* ---------------------------------------------------------------- threads */

static void *joined(pthread_t thread) {
  void *result = NULL;
  TEST_CHECK(pthread_join(thread, &result) == 0);
  return result;
}

void *in_a_thread_while_in(void *(*body)(void *arg), void *arg) {
  pthread_t thread;
  TEST_CHECK(pthread_create(&thread, NULL, body, arg) == 0);
  return joined(thread);
}

void *in_a_thread(void *(*body)(void *arg), void *arg) {
  ouro_blocking_begin();
  void *result = in_a_thread_while_in(body, arg);
  ouro_blocking_end();
  return result;
}

void *in_a_thread_of(size_t stack, void *(*body)(void *arg), void *arg) {
  pthread_t thread;
  pthread_attr_t attributes;
  TEST_CHECK(pthread_attr_init(&attributes) == 0);
  TEST_CHECK(pthread_attr_setstacksize(&attributes, stack) == 0);
  TEST_CHECK(pthread_create(&thread, &attributes, body, arg) == 0);
  ouro_blocking_begin();
  void *result = joined(thread);
  ouro_blocking_end();
  TEST_CHECK(pthread_attr_destroy(&attributes) == 0);
  return result;
}

void meet(pthread_barrier_t *barrier) {
  ouro_blocking_begin();
  int result = pthread_barrier_wait(barrier);
  TEST_CHECK(result == 0 || result == PTHREAD_BARRIER_SERIAL_THREAD);
  ouro_blocking_end();
}

static void wait_for_a_job(worker *self) {
  self->idle = true;
  pthread_cond_broadcast(&self->changed);
  while (self->job == NULL && !self->ends) {
    pthread_cond_wait(&self->changed, &self->mutex);
  }
}

/* With the mutex held, which is let go of wherever the thread may have to wait for others. */
static bool next_job(worker *self) {
  bool out = self->out;
  if (out) {
    pthread_mutex_unlock(&self->mutex);
    ouro_blocking_begin();
    pthread_mutex_lock(&self->mutex);
  }
  wait_for_a_job(self);
  bool goes_on = self->job != NULL;
  if (out) {
    pthread_mutex_unlock(&self->mutex);
    ouro_blocking_end();
    pthread_mutex_lock(&self->mutex);
  }
  return goes_on;
}

static void *work(void *arg) {
  worker *self = arg;
  pthread_mutex_lock(&self->mutex);
  while (next_job(self)) {
    pthread_mutex_unlock(&self->mutex);
    self->job(self->arg);
    pthread_mutex_lock(&self->mutex);
    self->job = NULL;
  }
  pthread_mutex_unlock(&self->mutex);
  return NULL;
}

static void wait_until_idle(worker *self) {
  while (!self->idle) {
    pthread_cond_wait(&self->changed, &self->mutex);
  }
}

void worker_start(worker *self, bool out) {
  *self = (worker){.out = out};
  TEST_CHECK(pthread_mutex_init(&self->mutex, NULL) == 0);
  TEST_CHECK(pthread_cond_init(&self->changed, NULL) == 0);
  TEST_CHECK(pthread_create(&self->thread, NULL, work, self) == 0);
  pthread_mutex_lock(&self->mutex);
  wait_until_idle(self);
  pthread_mutex_unlock(&self->mutex);
}

void worker_do(worker *self, void (*job)(void *arg), void *arg) {
  pthread_mutex_lock(&self->mutex);
  self->arg = arg;
  self->job = job;
  self->idle = false;
  pthread_cond_broadcast(&self->changed);
  wait_until_idle(self);
  pthread_mutex_unlock(&self->mutex);
}

void worker_do_out(worker *self, void (*job)(void *arg), void *arg) {
  ouro_blocking_begin();
  worker_do(self, job, arg);
  ouro_blocking_end();
}

static void go_out(void *self) { ((worker *)self)->out = true; }
static void stay_in(void *self) { ((worker *)self)->out = false; }

void worker_goes(worker *self, bool out) { worker_do(self, out ? go_out : stay_in, self); }

void worker_end(worker *self) {
  pthread_mutex_lock(&self->mutex);
  self->ends = true;
  pthread_cond_broadcast(&self->changed);
  pthread_mutex_unlock(&self->mutex);
  ouro_blocking_begin();
  joined(self->thread);
  ouro_blocking_end();
  pthread_cond_destroy(&self->changed);
  pthread_mutex_destroy(&self->mutex);
}

/* ---------------------------------------------------------------- the frame of a case */

static size_t threads_before;
static uint64_t given_up_before;

bool things_are_stopped_for_a_short_time;

uint64_t stops_given_up(void) {
  ouro_stop_stats stats;
  ouro_stop_stats_get(&stats);
  return stats.given_up;
}

void things_are_sound(const char *file, int line) {
  char text[256] = "";
  if (ouro_gc_verify(text, sizeof text) != 0) {
    test_failed(text, file, line);
  }
  test_heap_is_sound(file, line);
}

void no_thing_is_left(const char *file, int line) {
  TEST_CHECK(ouro_gc_collect(2) >= 0);
  if (atomic_load(&things_alive) != 0) {
    test_failed("no thing is left", file, line);
  }
}

int things_begin(void **state) {
  (void)state;
  TEST_CHECK(ouro_thread_attach() == OURO_OK);
  NO_THING_IS_LEFT();
  THINGS_ARE_SOUND();
  atomic_store(&things_finalized, 0);
  threads_before = ouro_thread_count();
  given_up_before = stops_given_up();
  return 0;
}

static int is_wrong(const char *what, unsigned long found, unsigned long expected) {
  print_error("after the case: %s: %lu, not %lu\n", what, found, expected);
  return 1;
}

int things_end(void **state) {
  (void)state;
  TEST_CHECK(ouro_gc_collect(2) >= 0);
  THINGS_ARE_SOUND();
  unsigned long alive = (unsigned long)atomic_exchange(&things_alive, 0);
  if (alive != 0) {
    return is_wrong("things alive", alive, 0);
  }
  if (ouro_thread_count() != threads_before) {
    return is_wrong("threads attached", ouro_thread_count(), threads_before);
  }
  if (stops_given_up() != given_up_before && !things_are_stopped_for_a_short_time) {
    return is_wrong("stops given up", stops_given_up(), given_up_before);
  }
  return 0;
}
