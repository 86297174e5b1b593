/* tests/trace/areas.c - checks every area in a directory with area_check.c, and prints a line for each: process, state, allocations, live blocks,
 * lost ones, errno for which it is broken.
 *
 * usage: areas DIRECTORY */
#include "area_check.h"

#include <dirent.h>
#include <string.h>

int main(int count, char **words) {
  DIR *list = count == 2 ? opendir(words[1]) : NULL;
  if (!list) return 2;
  for (struct dirent *entry; (entry = readdir(list));) {
    const char *end = strstr(entry->d_name, ".trace");
    if (!end || strchr(entry->d_name, '-')) continue;
    area_file file = area_open(words[1], atoi(entry->d_name));
    if (!file.page) continue;
    const ouro__area_page *page = file.page;
    CHECK_AREA(&file, true);
    printf("%d %u %llu %llu %llu %u\n", page->pid, page->state, (unsigned long long)page->allocs, (unsigned long long)page->live,
           (unsigned long long)page->lost, page->broken);
    area_close(&file);
  }
  closedir(list);
  return 0;
}
