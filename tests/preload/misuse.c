/* tests/preload/misuse.c - a program that frees a block twice, or what is no block at all: ouro ends it with a report.
 *
 * usage: misuse twice | wild        Plain program, see check.h. */
#include "check.h"

#include <pthread.h>

/* What a thread has freed twice is found at the latest when its cache is emptied, at its end. */
static void *free_twice(void *arg) {
  char *block = malloc(64);
  char *again = hide(block);
  free(block);
  free(again);
  return arg;
}

int main(int argc, char **argv) {
  char on_the_stack[64];
  CHECK(argc == 2);
  if (strcmp(argv[1], "twice") == 0) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, free_twice, NULL) == 0);
    pthread_join(thread, NULL);
  } else {
    free(hide(on_the_stack));
  }
  puts("not found");
  return 0;
}
