/* drain.c - many live blocks are all freed in random order, then as many are allocated again, in several rounds.
 *
 * Arguments: blocks, size, rounds. The order is shuffled anew before each round, off the clock. */
#include "work.h"

static void fill(void **blocks, size_t count, size_t size) {
  for (size_t i = 0; i < count; i++) blocks[i] = work_block(size);
}

int main(int argc, char **argv) {
  size_t count = work_number(argc, argv, 1, 1000000);
  size_t size = work_number(argc, argv, 2, 64);
  size_t rounds = work_number(argc, argv, 3, 4);
  void **blocks = work_table(count * sizeof *blocks);
  uint32_t *order = work_table(count * sizeof *order);
  fill(blocks, count, size);

  work_clock clock = {0};
  for (size_t round = 0; round < rounds; round++) {
    work_shuffle(order, count, round + 1);
    work_start(&clock);
    for (size_t i = 0; i < count; i++) free(blocks[order[i]]);
    fill(blocks, count, size);
    work_stop(&clock);
  }
  work_report(&clock, rounds * count);
  return 0;
}
