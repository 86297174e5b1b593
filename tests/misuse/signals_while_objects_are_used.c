/* tests/misuse/signals_while_objects_are_used.c - a handler that allocates nothing prints in the middle of everything: counting, making,
 * collecting, stopping the world, waiting for all that.
 *
 * EXPECT: nothing
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

enum { THREADS = 3 };

static volatile sig_atomic_t heard;
static int stop;
static node *shared;

/* As a handler of SIGSEGV would: what it needs it has already. */
static void handle(int number) {
  char text[32];
  int length = snprintf(text, sizeof text, "signal %d\n", number);
  if (heard++ < 3 && write(1, text, (size_t)length) != length) _exit(3);
}

static void *use_objects(void *unused) {
  (void)unused;
  for (size_t i = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); i++) {
    node *ring = new_node();
    ouro_setref(&ring->left, ring);
    ouro_setref(&ring->right, shared);
    ouro_decref(ouro_weak_new(ring));
    ouro_decref(ring);
    ouro_safepoint();
    if (i % 64 == 0) CHECK(ouro_gc_collect((int)(i / 64 % 3)) >= 0);
    ouro_blocking_begin();
    ouro_blocking_end();
  }
  return NULL;
}

int main(void) {
  pthread_t threads[THREADS];
  struct sigaction action = {.sa_handler = handle};
  CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
  shared = new_node();
  for (size_t i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, use_objects, NULL) == 0);
  ouro_blocking_begin();
  for (size_t i = 0; i < 3000; i++) {
    CHECK(pthread_kill(threads[i % THREADS], SIGUSR1) == 0);
    usleep(100);
  }
  __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
  for (size_t i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  ouro_blocking_end();
  CHECK(heard > 0);
  ouro_decref(shared);
  return all_is_well();
}
