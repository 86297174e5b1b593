/* trace/modules.c - which file's code lies where, as /proc/self/maps tells it: without the dynamic linker, whose lock might be held.
 *
 * Read when an address comes up that no known mapping covers, and forgotten when a library is unloaded. Frames carry the generation in which
 * they were seen. Code that lies in no file (a just-in-time compiler's) would ask again and again, so each fruitless reading makes the
 * next one rarer. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "trace/tracer.h"

enum { KNOWN_MOST = 1024, LINE_BYTES = 4352 };

static struct {
  uintptr_t start, end;
} known[KNOWN_MOST];
static unsigned known_count;
static unsigned patience, waited; /* unknown addresses between two readings */

static bool is_known(uintptr_t address) {
  for (unsigned i = 0; i < known_count; i++) {
    if (address >= known[i].start && address < known[i].end) return true;
  }
  return false;
}

static void add_module(uintptr_t start, uintptr_t end, uint64_t offset, const char *path, size_t length) {
  uint32_t index;
  if (known_count == KNOWN_MOST || is_known(start)) return;
  ouro__area_module *module = ouro__store_new(OURO_AREA_MODULES, &index);
  if (!module) return;
  module->start = start;
  module->end = end;
  module->offset = offset;
  module->path = ouro__intern_string(path, length);
  module->generation = ouro__load_relaxed(&ouro__tracing.page->generation);
  ouro__store_commit(OURO_AREA_MODULES);
  known[known_count].start = start;
  known[known_count++].end = end;
}

/* "7f00a000-7f00b000 r-xp 00001000 08:01 1234   /lib/libc.so.6": of those that may be executed. */
static void read_line(const char *line, size_t length) {
  char *at;
  uintptr_t start = (uintptr_t)strtoull(line, &at, 16), end = (uintptr_t)strtoull(at + 1, &at, 16);
  if (at[3] != 'x') return;
  uint64_t offset = strtoull(at + 6, &at, 16);
  const char *path = memchr(at, '/', length - (size_t)(at - line));
  if (!path) path = memchr(at, '[', length - (size_t)(at - line));
  if (path) add_module(start, end, offset, path, length - (size_t)(path - line));
}

static void read_maps(void) {
  static char buffer[LINE_BYTES * 2]; /* under the lock */
  size_t have = 0;
  int saved_errno = errno, fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  for (ssize_t got; fd >= 0 && (got = read(fd, buffer + have, sizeof buffer - have - 1)) > 0;) {
    have += (size_t)got;
    buffer[have] = 0;
    char *line = buffer, *end;
    for (; (end = memchr(line, '\n', have - (size_t)(line - buffer))); line = end + 1) {
      *end = 0;
      read_line(line, (size_t)(end - line));
    }
    have -= (size_t)(line - buffer);
    if (have >= LINE_BYTES) have = 0; /* no line is so long */
    memmove(buffer, line, have);
  }
  if (fd >= 0) close(fd);
  errno = saved_errno;
}

void ouro__modules_know(uintptr_t address) {
  if (is_known(address) || waited++ < patience) return;
  waited = 0;
  read_maps();
  patience = is_known(address) ? 0 : patience * 2 + 1;
}

void ouro__modules_new_generation(void) {
  known_count = 0;
  patience = 0;
  ouro__add_relaxed(&ouro__tracing.page->generation, 1);
}
