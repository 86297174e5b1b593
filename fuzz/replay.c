/* fuzz/replay.c - feeds files to a fuzz target without libFuzzer: each file of the directories that are named. Prints TAP. */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *folder) {
  static uint8_t data[MOST];
  char path[4096];
  struct dirent **entries;
  int count = scandir(folder, &entries, NULL, alphasort), done = 0;
  for (int i = 0; i < count; i++) {
    snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
    FILE *file = entries[i]->d_name[0] == '.' ? NULL : fopen(path, "rb");
    free(entries[i]);
    if (!file) continue;
    size_t size = fread(data, 1, sizeof data, file);
    fclose(file);
    LLVMFuzzerTestOneInput(data, size);
    done++;
  }
  if (count >= 0) free(entries);
  return done;
}

int main(int argc, char **argv) {
  int failed = 0;
  printf("1..%d\n", argc - 1);
  for (int i = 1; i < argc; i++) {
    int done = replay(argv[i]);
    failed |= done == 0;
    printf("%s %d - %d files of %s\n", done ? "ok" : "not ok", i, done, argv[i]);
  }
  return failed;
}
