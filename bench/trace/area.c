/* area.c - prints what the page of an area (src/trace/area.h) says, as lines "name value". Argument: the file. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "trace/area.h"

static int fail(const char *path, const char *what) {
  fprintf(stderr, "area: %s: %s\n", path, what);
  return 1;
}

int main(int argc, char **argv) {
  static ouro__area_page page;
  if (argc != 2) return fail("usage", "area FILE");
  FILE *file = fopen(argv[1], "rb");
  if (file == NULL) return fail(argv[1], "cannot be opened");
  size_t got = fread(&page, sizeof page, 1, file);
  fclose(file);
  if (got != 1 || page.magic != OURO_AREA_MAGIC || page.version != OURO_AREA_VERSION)
    return fail(argv[1], "is no area");
  printf("allocs %" PRIu64 "\nbytes %" PRIu64 "\nlive %" PRIu64 "\nlost %" PRIu64 "\nown_bytes %" PRIu64 "\n",
         page.allocs, page.bytes, page.live, page.lost, page.own_bytes);
  printf("sites %" PRIu64 "\nnodes %" PRIu64 "\nmode %u\n", page.counts[OURO_AREA_SITES], page.counts[OURO_AREA_NODES],
         page.mode);
  return 0;
}
