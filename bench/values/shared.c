/* shared.c - threads that read one dict, one list, or both; threads that write each its own instance of one class.
 *
 * Arguments: dict, list, both or write; threads; milliseconds. Prints one_rate and all_rate (million operations a second) and scaling_lost: one
 * thread's rate times the number of threads, by the rate of all together. 1 is perfect. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "values.h"

enum { ENTRIES = 4096, BATCH = 1024, THREADS_MOST = 64 };

static const char *what;
static value dict, list, class_, keys[ENTRIES], names[4];
static atomic_bool go, stop;

typedef struct worker {
  pthread_t thread;
  size_t done;
  unsigned number;
  char apart[128]; /* nobody's line but its own */
} worker;

static void read_dict(size_t from) {
  value item;
  for (size_t i = 0; i < BATCH; i++) {
    if (v_dict_get(dict, keys[(from + i * 7) % ENTRIES], &item)) v_drop(item);
  }
}

static void read_list(size_t from) {
  for (size_t i = 0; i < BATCH; i++) v_drop(v_list_get(list, (from + i * 7) % ENTRIES));
}

static void write_own(value object, v_cache *caches, value item) {
  for (size_t i = 0; i < BATCH; i++) v_attr_set(object, names[i % 4], item, &caches[i % 4]);
}

static void *work(void *arg) {
  worker *self = arg;
  v_cache caches[4] = {0};
  value object = v_instance(class_), item = v_int(1000000);
  size_t from = self->number * (ENTRIES / 2 + 1);
  while (!atomic_load(&go)) ouro_safepoint();
  while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
    if (*what == 'w') write_own(object, caches, item);
    if (*what != 'l' && *what != 'w') read_dict(from);
    if (*what == 'l' || *what == 'b') read_list(from);
    self->done += *what == 'b' ? 2 * BATCH : BATCH;
    from += BATCH;
    ouro_safepoint();
  }
  v_drop(object);
  v_drop(item);
  return NULL;
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Million operations a second of so many threads. */
static double rate(unsigned threads, size_t milliseconds) {
  static worker workers[THREADS_MOST];
  struct timespec pause = {(time_t)(milliseconds / 1000), (long)(milliseconds % 1000) * 1000000};
  atomic_store(&stop, false);
  atomic_store(&go, false);
  for (unsigned i = 0; i < threads; i++) {
    workers[i] = (worker){.number = i};
    if (pthread_create(&workers[i].thread, NULL, work, &workers[i])) work_fail("pthread_create");
  }
  ouro_blocking_begin();
  double from = seconds();
  atomic_store(&go, true);
  nanosleep(&pause, NULL);
  atomic_store(&stop, true);
  size_t done = 0;
  for (unsigned i = 0; i < threads; i++) {
    pthread_join(workers[i].thread, NULL);
    done += workers[i].done;
  }
  double spent = seconds() - from;
  ouro_blocking_end();
  return (double)done / spent / 1e6;
}

/* Items that every thread reads are better not counted by all of them at one place: they are immortal small ints here, so that the containers
 * alone are measured. */
static void fill(void) {
  char text[32];
  static const char *const attributes[] = {"a", "b", "c", "d"};
  dict = v_dict();
  list = v_list();
  class_ = v_class(true);
  for (int i = 0; i < 4; i++) names[i] = v_name(attributes[i]);
  for (uint64_t i = 0; i < ENTRIES; i++) {
    value item = v_int((int64_t)(i % 1000));
    keys[i] = v_str(text, name_of(i, text));
    v_dict_set(dict, keys[i], item);
    v_list_append(list, item);
    v_drop(item);
  }
}

int main(int argc, char **argv) {
  what = argc > 1 ? argv[1] : "both";
  unsigned threads = (unsigned)work_number(argc, argv, 2, 2);
  size_t milliseconds = work_number(argc, argv, 3, 1000);
  if (threads > THREADS_MOST) work_fail("too many threads");
  system_start();
  fill();
  rate(2, 20); /* from here on there are many */
  double one = rate(1, milliseconds), all = rate(threads, milliseconds);
  measure_report("one_rate", one);
  measure_report("all_rate", all);
  measure_report("scaling_lost", one * threads / all);
  return 0;
}
