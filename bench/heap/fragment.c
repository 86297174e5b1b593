/* fragment.c - how much memory comes back out of a heap with holes. A million blocks of mixed sizes, nine in ten freed at
 * random, some work, then blocks of other sizes up to the same total, then nothing.
 *
 * Arguments: blocks, milliseconds of sleep before each look, replacements among the tenth that stays.
 * The program does not help: after each step it only sleeps, then prints its resident memory, without its own tables. Each
 * block is written fully. The measured time is that of all steps without the sleeps. */
#include <string.h>

#include "work.h"


static size_t count, idle, tables, bytes_live;
static void **blocks;
static uint16_t *sizes;
static uint64_t state = 9;
static work_clock watch;

/* Small sizes are more frequent, as in programs: each doubling from 16 to 1,024 bytes has as many blocks. 252 bytes on average. */
static size_t mixed(void) {
  size_t low = (size_t)16 << work_below(&state, 6);
  return work_between(&state, low, 2 * low - 1);
}

/* None of these is of a size that was there before, but by chance. */
static size_t other(void) { return mixed() / 2 * 3 + 8; }

static void put(size_t at, size_t size) {
  blocks[at] = malloc(size);
  if (blocks[at] == NULL) work_fail("malloc");
  memset(blocks[at], 'f', size);
  sizes[at] = (uint16_t)size;
  bytes_live += size;
}

static void drop(size_t at) {
  free(blocks[at]);
  blocks[at] = NULL;
  bytes_live -= sizes[at];
}

static void look(const char *moment) {
  work_stop(&watch);
  work_sleep(idle);
  work_resident_report(moment, work_resident() - tables);
  work_start(&watch);
}

/* Leaves the blocks that stay in the first tenth of the table. */
static size_t free_nine_in_ten(void) {
  size_t stay = count / 10;
  for (size_t i = 0; i < count; i++) {
    size_t j = i + work_below(&state, count - i);
    void *block = blocks[i];
    uint16_t size = sizes[i];
    blocks[i] = blocks[j];
    sizes[i] = sizes[j];
    blocks[j] = block;
    sizes[j] = size;
    if (i >= stay) drop(i);
  }
  return stay;
}

static void replace(size_t stay, size_t replacements) {
  for (size_t i = 0; i < replacements; i++) {
    size_t at = work_below(&state, stay);
    drop(at);
    put(at, mixed());
  }
}

int main(int argc, char **argv) {
  count = work_number(argc, argv, 1, 1000000);
  idle = work_number(argc, argv, 2, 2000);
  size_t replacements = work_number(argc, argv, 3, 200000);
  tables = count * (sizeof *blocks + sizeof *sizes);
  blocks = work_table(count * sizeof *blocks);
  sizes = work_table(count * sizeof *sizes);

  work_start(&watch);
  for (size_t i = 0; i < count; i++) put(i, mixed());
  size_t total = bytes_live;
  look("full");
  size_t used = free_nine_in_ten();
  look("tenth");
  replace(used, replacements);
  look("worked");
  while (bytes_live < total && used < count) put(used++, other());
  look("other_sizes");
  for (size_t i = 0; i < used; i++) drop(i);
  look("freed");
  work_stop(&watch);
  work_report(&watch, count + replacements + used);
  return 0;
}
