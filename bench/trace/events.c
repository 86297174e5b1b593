/* events.c - pairs of malloc and free from 128 stacks of four frames and more, with a few thousand blocks live at any time.
 *
 * Argument: pairs. Blocks that are live at the end stay so. */
#include "work.h"

#define NOINLINE __attribute__((noinline))
#define LIVE 4096

/* Each does something after its call, so that it is a call and not a jump. */
#define LEAF(n)                                                                                                        \
  static NOINLINE char *leaf_##n(size_t size) {                                                                        \
    char *block = malloc(size);                                                                                        \
    if (block == NULL) work_fail("malloc");                                                                            \
    *(volatile char *)block = n;                                                                                       \
    return block;                                                                                                      \
  }
#define CALLER(n)                                                                                                      \
  static NOINLINE char *caller_##n(unsigned leaf, size_t size) {                                                       \
    char *block = leaves[leaf](size);                                                                                  \
    *(volatile char *)(block + size - 1) = n;                                                                          \
    return block;                                                                                                      \
  }

/* A line each: lines are what is counted. */
LEAF(0)
LEAF(1)
LEAF(2)
LEAF(3)
LEAF(4)
LEAF(5)
LEAF(6)
LEAF(7)
LEAF(8)
LEAF(9)
LEAF(10)
LEAF(11)
LEAF(12)
LEAF(13)
LEAF(14)
LEAF(15)
static char *(*const leaves[16])(size_t) = {leaf_0, leaf_1, leaf_2,  leaf_3,  leaf_4,  leaf_5,  leaf_6,  leaf_7,
                                            leaf_8, leaf_9, leaf_10, leaf_11, leaf_12, leaf_13, leaf_14, leaf_15};
CALLER(0)
CALLER(1)
CALLER(2)
CALLER(3)
CALLER(4)
CALLER(5)
CALLER(6)
CALLER(7)
static char *(*const callers[8])(unsigned, size_t) = {caller_0, caller_1, caller_2, caller_3,
                                                      caller_4, caller_5, caller_6, caller_7};

static NOINLINE void work(size_t pairs, char **live) {
  uint64_t state = 17;
  for (size_t i = 0; i < pairs; i++) {
    uint64_t random = work_random(&state);
    char **place = &live[random % LIVE];
    free(*place);
    *place = callers[random >> 12 & 7]((unsigned)(random >> 16 & 15), 16 + (random >> 20) % 496);
  }
}

int main(int argc, char **argv) {
  static char *live[LIVE];
  work_clock clock = {0};
  size_t pairs = work_number(argc, argv, 1, 50000000);
  work_start(&clock);
  work(pairs, live);
  work_stop(&clock);
  work_report(&clock, pairs);
  return 0;
}
