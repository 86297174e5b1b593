/* replace.c - many blocks are live; a random one is freed and another allocated in its place: each free meets cold memory.
 *
 * Arguments: live blocks, smallest size, largest size (0: mixed sizes), replacements. As many replacements as there are live
 * blocks come before the measured ones, so that the heap is no longer in the order of its making. */
#include "work.h"

static uint64_t state = 7;

static void replace(void **blocks, size_t count, size_t low, size_t high, size_t replacements) {
  for (size_t i = 0; i < replacements; i++) {
    size_t at = work_below(&state, count);
    free(blocks[at]);
    blocks[at] = work_block(work_size(&state, low, high));
  }
}

int main(int argc, char **argv) {
  size_t count = work_number(argc, argv, 1, 1000000);
  size_t low = work_number(argc, argv, 2, 64);
  size_t high = work_number(argc, argv, 3, low);
  size_t replacements = work_number(argc, argv, 4, 6000000);
  void **blocks = work_table(count * sizeof *blocks);
  for (size_t i = 0; i < count; i++) blocks[i] = work_block(work_size(&state, low, high));
  replace(blocks, count, low, high, count);

  work_clock clock = {0};
  work_start(&clock);
  replace(blocks, count, low, high, replacements);
  work_stop(&clock);
  work_report(&clock, replacements);
  return 0;
}
