/* grow.c - realloc: one buffer that grows to a large size, by a factor or by a constant, or many small strings that grow in
 * turn.
 *
 * Arguments: kind (0: by half of its size; 1: by 4 KiB; 2: strings), largest size, rounds, strings (kind 2).
 * Each new system page of a buffer is written once. A string grows by 8 to 40 bytes at a time, all written; one that would pass
 * the largest size is freed and begins anew. */
#include <string.h>

#include "work.h"

enum { PAGE = 4096, FIRST = 64 };

static void *resize(void *block, size_t size) {
  void *resized = realloc(block, size);
  if (resized == NULL) work_fail("realloc");
  return resized;
}

static size_t buffer_grow(size_t kind, size_t largest) {
  size_t steps = 0;
  size_t size = kind == 0 ? FIRST : PAGE;
  char *buffer = work_block(size);
  while (size < largest) {
    size_t next = kind == 0 ? size + size / 2 : size + PAGE;
    buffer = resize(buffer, next);
    for (size_t i = size; i < next; i += PAGE) *(volatile char *)(buffer + i) = 1;
    *(volatile char *)(buffer + next - 1) = 1;
    size = next;
    steps++;
  }
  if (*(volatile char *)buffer != 1) work_fail("realloc lost the first byte");
  free(buffer);
  return steps;
}

static size_t strings_grow(char **strings, uint32_t *sizes, size_t count, size_t largest, uint64_t *state) {
  for (size_t i = 0; i < count; i++) {
    size_t at = work_below(state, count);
    size_t more = work_between(state, 8, 40);
    if (sizes[at] + more > largest) {
      free(strings[at]);
      strings[at] = NULL;
      sizes[at] = 0;
    }
    strings[at] = resize(strings[at], sizes[at] + more);
    memset(strings[at] + sizes[at], 's', more);
    sizes[at] += (uint32_t)more;
  }
  return count;
}

int main(int argc, char **argv) {
  size_t kind = work_number(argc, argv, 1, 0);
  size_t largest = work_number(argc, argv, 2, 64 << 20);
  size_t rounds = work_number(argc, argv, 3, 20);
  size_t count = work_number(argc, argv, 4, 50000);
  char **strings = work_table(count * sizeof *strings);
  uint32_t *sizes = work_table(count * sizeof *sizes);
  uint64_t state = 3;
  size_t ops = 0;

  work_clock clock = {0};
  work_start(&clock);
  for (size_t round = 0; round < rounds; round++) {
    ops += kind == 2 ? strings_grow(strings, sizes, count, largest, &state) : buffer_grow(kind, largest);
  }
  work_stop(&clock);
  work_report(&clock, ops);
  return 0;
}
