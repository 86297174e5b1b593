/* cli/profile/wish.c - writes wishes. The number `asked` is written last: the process looks at it first. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "cli/profile/wish.h"
#include "trace/area.h"

#define FIELD(name) offsetof(ouro__area_page, name), sizeof(((ouro__area_page *)0)->name)

static int lock_directory(const char *path) {
  char folder[PATH_MAX];
  const char *slash = strrchr(path, '/');
  snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
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
static int ask(int fd, const ouro__wish *wish, uint32_t *number) {
  ouro__area_page page;
  if (pread(fd, &page, sizeof page, 0) != (ssize_t)sizeof page || page.magic != OURO_AREA_MAGIC) return EINVAL;
  uint32_t what = wish->what | (page.asked != page.answered ? page.wish : 0);
  *number = page.asked + 1;
  bool written = put(fd, FIELD(wish), &what);
  if (wish->what & OURO_WISH_MODE) {
    uint32_t frames = wish->frames ? wish->frames : page.frames;
    uint64_t sample_bytes = wish->sample_bytes ? wish->sample_bytes : page.sample_bytes;
    written = written && put(fd, FIELD(wish_mode), &wish->mode) && put(fd, FIELD(wish_frames), &frames) &&
              put(fd, FIELD(wish_native), &wish->native) && put(fd, FIELD(wish_sample), &sample_bytes);
  }
  written = written && put(fd, FIELD(asked), number);
  return written ? 0 : errno ? errno : EIO;
}

int ouro__wish_ask(const char *path, const ouro__wish *wish, uint32_t *number) {
  int lock = lock_directory(path);
  if (lock < 0) return errno;
  int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  int error = fd < 0 ? errno : ask(fd, wish, number);
  if (fd >= 0) close(fd);
  close(lock);
  return error;
}

bool ouro__wish_is_answered(uint32_t answered, uint32_t number) { return (int32_t)(answered - number) >= 0; }
