/* tests/misuse/signal_of_a_crash_while_others_collect.c - a thread crashes while others collect, and the handler of SIGSEGV says so and
 * ends the process: nothing that it does waits for them.
 *
 * EXPECT: nothing
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

enum { THREADS = 3 };

static node *shared;

static void handle(int number) {
  static const char text[] = "a crash\n";
  (void)number;
  if (write(1, text, sizeof text - 1) != sizeof text - 1) _exit(3);
  _exit(0);
}

static void *collect_for_ever(void *unused) {
  (void)unused;
  for (;;) {
    node *ring = new_node();
    ouro_setref(&ring->left, ring);
    ouro_setref(&ring->right, shared);
    ouro_decref(ring);
    CHECK(ouro_gc_collect(2) >= 0);
  }
}

int main(void) {
  pthread_t thread;
  struct sigaction action = {.sa_handler = handle};
  CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
  shared = new_node();
  for (size_t i = 0; i < THREADS; i++) CHECK(pthread_create(&thread, NULL, collect_for_ever, NULL) == 0);
  for (size_t i = 0; i < 200; i++) {
    CHECK(ouro_gc_collect(0) >= 0);
    ouro_decref(new_node());
  }
  raise(SIGSEGV);
  return 1;
}
