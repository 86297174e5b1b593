/* tests/preload/misuse.c - a program that frees a block twice, or what is no block at all: ouro ends it with a report.
 *
 * usage: misuse twice | wild        Plain program, see check.h. */
#include "check.h"

int main(int argc, char **argv) {
  char *block = malloc(64);
  char *again = hide(block);
  char on_the_stack[64];
  CHECK(argc == 2);
  if (strcmp(argv[1], "twice") == 0) {
    free(block);
    free(again);
    for (int i = 0; i < 10000; i++) {
      free(malloc(64));
      void *others[400];
      for (int j = 0; j < 400; j++) {
        others[j] = malloc(64);
      }
      for (int j = 0; j < 400; j++) {
        free(others[j]);
      }
    }
  } else {
    free(hide(on_the_stack));
  }
  puts("not found");
  return 0;
}
