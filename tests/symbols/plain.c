/* tests/symbols/plain.c - functions within functions, for symbols.py: as a program, or, with LIBRARY, as a library. */
#include <stdlib.h>

#define INLINED static inline __attribute__((always_inline))

static void *kept[16];

INLINED void keep(void *block, int at) {
  if (!block) abort();
  kept[at & 15] = block;
}

INLINED void *make(int size) {
  void *block = malloc((size_t)size);
  keep(block, size);
  return block;
}

static __attribute__((noinline)) int hidden(int count) {
  int sum = 0;
  for (int i = 0; i < count; i++) {
    {
      int twice = 2 * i;
      sum += *(char *)make(twice + 1);
    }
    free(kept[i & 15]);
  }
  return sum;
}

static __attribute__((noinline, cold)) void complain(int status) { exit(status); }

int shown(int count) {
  if (count > 10000) complain(3);
  keep(make(count), count + 1);
  return hidden(count);
}

#ifndef LIBRARY
int main(int argc, char **argv) {
  (void)argv;
  return shown(argc);
}
#endif
