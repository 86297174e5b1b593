/* order.c - many blocks are allocated, then all are freed in a simple order, in several rounds.
 *
 * Arguments: order (0: last in, first out; 1: first in, first out), blocks, size, rounds. The first round, which takes fresh
 * memory from the system, is not measured. */
#include "work.h"

static void fill(void **blocks, size_t count, size_t size) {
  for (size_t i = 0; i < count; i++) blocks[i] = work_block(size);
}

static void drain(void **blocks, size_t count, size_t first_out) {
  if (first_out) {
    for (size_t i = 0; i < count; i++) free(blocks[i]);
  } else {
    for (size_t i = count; i > 0; i--) free(blocks[i - 1]);
  }
}

int main(int argc, char **argv) {
  size_t first_out = work_number(argc, argv, 1, 0);
  size_t count = work_number(argc, argv, 2, 1000000);
  size_t size = work_number(argc, argv, 3, 64);
  size_t rounds = work_number(argc, argv, 4, 20);
  void **blocks = work_table(count * sizeof *blocks);
  fill(blocks, count, size);
  drain(blocks, count, first_out);

  work_clock clock = {0};
  work_start(&clock);
  for (size_t round = 0; round < rounds; round++) {
    fill(blocks, count, size);
    drain(blocks, count, first_out);
  }
  work_stop(&clock);
  work_report(&clock, rounds * count);
  return 0;
}
