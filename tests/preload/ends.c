/* tests/preload/ends.c - malloc and free before main, in atexit, in destructors, in destructors of thread data, and in
 * threads that still run when the process ends.
 *
 * Plain program, see check.h. */
#include "check.h"

#include <pthread.h>

static char *early;
static pthread_key_t keys[8];
static int runs;

__attribute__((constructor(101))) static void very_early(void) {
  early = malloc(5000);
  CHECK(early != NULL);
  fill(early, 5000, 9);
}

static void use(unsigned seed) {
  char *blocks[50];
  for (unsigned i = 0; i < 50; i++) {
    blocks[i] = malloc((size_t)i * i * 20 + 1);
    CHECK(blocks[i] != NULL);
    fill(blocks[i], (size_t)i * i * 20 + 1, seed + i);
  }
  for (unsigned i = 0; i < 50; i++) {
    CHECK(holds(blocks[i], (size_t)i * i * 20 + 1, seed + i));
    free(blocks[i]);
  }
}

__attribute__((destructor)) static void very_late(void) {
  use(1);
  CHECK(holds(early, 5000, 9));
  free(early);
  static const char text[] = "late\n";
  ssize_t written = write(1, text, sizeof text - 1);
  (void)written;
}

static void at_exit(void) {
  use(2);
  char *block = realloc(malloc(10), 100000);
  free(block);
}

/* Allocates and frees, and asks to be called again in the next round. */
static void end_of_data(void *value) {
  size_t round = *(size_t *)value;
  free(value);
  use((unsigned)round);
  __atomic_fetch_add(&runs, 1, __ATOMIC_RELAXED);
  if (round > 0) {
    size_t *again = malloc(sizeof *again);
    *again = round - 1;
    pthread_setspecific(keys[round % 8], again);
  }
}

static void *with_data(void *arg) {
  for (int i = 0; i < 8; i++) {
    size_t *value = malloc(sizeof *value);
    *value = 0;
    pthread_setspecific(keys[i], value);
  }
  size_t *repeating = malloc(sizeof *repeating);
  *repeating = 2;
  free(pthread_getspecific(keys[3]));
  pthread_setspecific(keys[3], repeating);
  use(4);
  return arg;
}

static void *run_for_ever(void *arg) {
  for (unsigned i = 0;; i++) {
    use(i);
  }
  return arg;
}

int main(void) {
  pthread_t thread;
  CHECK(holds(early, 5000, 9));
  CHECK(atexit(at_exit) == 0);
  for (int i = 0; i < 8; i++) {
    CHECK(pthread_key_create(&keys[i], end_of_data) == 0);
  }
  for (int i = 0; i < 30; i++) {
    CHECK(pthread_create(&thread, NULL, with_data, NULL) == 0);
    pthread_join(thread, NULL);
  }
  CHECK(runs == 30 * 10);
  /* The smallest stack that the system allows holds the heap's part of a thread as well. */
  pthread_attr_t small;
  pthread_attr_init(&small);
  CHECK(pthread_attr_setstacksize(&small, 16384) == 0);
  CHECK(pthread_create(&thread, &small, with_data, NULL) == 0);
  pthread_join(thread, NULL);
  pthread_attr_destroy(&small);
  for (int i = 0; i < 3; i++) {
    CHECK(pthread_create(&thread, NULL, run_for_ever, NULL) == 0);
  }
  usleep(20000);
  puts("done");
  fflush(stdout); /* before what the destructor writes */
  return 0;
}
