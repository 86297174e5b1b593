/* large.c - a few large blocks are live; a random one is freed and another size allocated in its place, and each of its
 * system pages written once.
 *
 * Arguments: live blocks, smallest size, largest size, replacements. */
#include "work.h"

enum { PAGE = 4096 };

static void *large_block(size_t size) {
  char *block = work_block(size);
  for (size_t i = 0; i < size; i += PAGE) *(volatile char *)(block + i) = 1;
  return block;
}

int main(int argc, char **argv) {
  size_t count = work_number(argc, argv, 1, 20);
  size_t low = work_number(argc, argv, 2, 65536);
  size_t high = work_number(argc, argv, 3, 4194304);
  size_t replacements = work_number(argc, argv, 4, 6000);
  void **blocks = work_table(count * sizeof *blocks);
  uint64_t state = 5;
  for (size_t i = 0; i < count; i++) blocks[i] = large_block(work_between(&state, low, high));

  work_clock clock = {0};
  work_start(&clock);
  for (size_t i = 0; i < replacements; i++) {
    size_t at = work_below(&state, count);
    free(blocks[at]);
    blocks[at] = large_block(work_between(&state, low, high));
  }
  work_stop(&clock);
  work_report(&clock, replacements);
  return 0;
}
