/* cli/profile/request.c - writes wishes into pages. The number `asked` is written last: the process looks at it first. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/profile/request.h"
#include "trace/area.h"

#define FIELD(name) offsetof(ouro__area_page, name), sizeof(((ouro__area_page *)0)->name)

static int lock_directory(const char *path) {
  char folder[PATH_MAX];
  const char *slash = strrchr(path, '/');
  snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return -1;
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

static bool put(int fd, size_t at, size_t size, const void *value) {
  return pwrite(fd, value, size, (off_t)at) == (ssize_t)size;
}

/* pre: the directory is locked */
static int ask(int fd, const ouro__request *request, uint32_t *number) {
  ouro__area_page page;
  if (pread(fd, &page, sizeof page, 0) != (ssize_t)sizeof page || page.magic != OURO_AREA_MAGIC) return EINVAL;
  uint32_t what = request->what | (page.asked != page.answered ? page.wish : 0);
  *number = page.asked + 1;
  bool written = put(fd, FIELD(wish), &what);
  if (request->what & OURO_WISH_MODE) {
    uint32_t frames = request->frames ? request->frames : page.frames;
    uint64_t sample_bytes = request->sample_bytes ? request->sample_bytes : page.sample_bytes;
    written = written && put(fd, FIELD(wish_mode), &request->mode) && put(fd, FIELD(wish_frames), &frames) &&
              put(fd, FIELD(wish_native), &request->native) && put(fd, FIELD(wish_sample), &sample_bytes);
  }
  written = written && put(fd, FIELD(asked), number);
  return written ? 0 : errno ? errno : EIO;
}

int ouro__request_ask(const char *path, const ouro__request *request, uint32_t *number) {
  int lock = lock_directory(path);
  if (lock < 0) return errno;
  int fd = ouro__run_file_open(path, O_RDWR);
  int error = fd < 0 ? errno : ask(fd, request, number);
  if (fd >= 0) close(fd);
  close(lock);
  return error;
}

bool ouro__request_is_answered(uint32_t answered, uint32_t number) { return (int32_t)(answered - number) >= 0; }
