/* pair.c - one block is allocated and freed at once, over and over: the floor of what an allocator costs.
 *
 * Arguments: pairs, smallest size, largest size. Where the sizes differ, 64 sizes of the range take turns. */
#include "work.h"

enum { TURNS = 64 };

int main(int argc, char **argv) {
  size_t pairs = work_number(argc, argv, 1, 80000000);
  size_t low = work_number(argc, argv, 2, 64);
  size_t high = work_number(argc, argv, 3, 64);
  size_t sizes[TURNS];
  uint64_t state = 1;
  for (size_t i = 0; i < TURNS; i++) sizes[i] = work_size(&state, low, high);

  work_clock clock = {0};
  work_start(&clock);
  for (size_t i = 0; i < pairs; i++) free(work_block(sizes[i % TURNS]));
  work_stop(&clock);
  work_report(&clock, pairs);
  return 0;
}
