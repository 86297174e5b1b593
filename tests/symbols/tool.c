/* tests/symbols/tool.c - what ouro__profile_symbolise says of the addresses of one file, for symbols.py.
 *
 *     tool FILE < OFFSETS
 *
 * Each offset is hexadecimal, in the file. The file is a module of a profile, mapped somewhere; each offset is a frame. A line for each:
 * its link-time address, then for each call, the innermost first, "function", "file" and line, all separated by tabs. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/profile/profile.h"
#include "cli/profile/tables.h"

#define START UINT64_C(0x7f0000001000)

static void print_calls(const ouro__profile *profile, uint32_t number) {
  printf("%" PRIx64, profile->frames[number].address);
  for (; number; number = profile->frames[number].caller) {
    const ouro__pframe *frame = &profile->frames[number];
    printf("\t%s\t%s\t%" PRIu32, frame->function, frame->file, frame->line);
  }
  putchar('\n');
}

static void read_frames(ouro__profile *profile) {
  uint64_t offset;
  size_t room = 1;
  profile->frames = calloc(room, sizeof *profile->frames);
  profile->frame_count = 1;
  while (scanf("%" SCNx64, &offset) == 1) {
    if (profile->frame_count == room) profile->frames = reallocarray(profile->frames, room *= 2, sizeof *profile->frames);
    profile->frames[profile->frame_count++] = (ouro__pframe){
        .kind = OURO_FRAME_NATIVE, .function = "", .file = "", .module = "", .run_address = START + offset, .generation = 1};
  }
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: tool FILE\n");
    return 2;
  }
  ouro__profile *profile = ouro__profile_new("test");
  const char *path = ouro__profile_string(profile, argv[1], strlen(argv[1]));
  const char *newer = ouro__profile_string(profile, "/nowhere", 8);
  profile->module_count = 2;
  profile->modules = calloc(2, sizeof *profile->modules);
  profile->modules[0] = (ouro__pmodule){START, START + (UINT64_C(1) << 40), 0, path, 0};
  profile->modules[1] = (ouro__pmodule){START, START + (UINT64_C(1) << 40), 0, newer, 2}; /* came later, at the same address */
  read_frames(profile);
  uint32_t count = (uint32_t)profile->frame_count;
  ouro__profile_symbolise(profile);
  for (uint32_t i = 1; i < count; i++) print_calls(profile, i);
  ouro__profile_free(profile);
  return 0;
}
