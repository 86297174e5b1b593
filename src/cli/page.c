/* cli/page.c - opens files of a run's directory; reads the page and the slots of a process's file (preload/control.h), which the
 * process writes meanwhile. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"

#define SLOT_TRIES 5

int ouro__run_file_open(const char *path, int flags) {
  struct stat status;
  int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
  if (fd < 0) return -1;
  if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == geteuid()) return fd;
  close(fd);
  errno = EPERM;
  return -1;
}

bool ouro__page_read(int fd, ouro__control_page *page) {
  ssize_t length = fd < 0 ? 0 : pread(fd, page, sizeof *page, 0);
  return length == (ssize_t)sizeof *page && page->magic == OURO_CONTROL_MAGIC && page->version == OURO_CONTROL_VERSION;
}

/* Read the newest slot into `text`, and the page before it. Returns the text's length; -1 where the process wrote twice
 * meanwhile. */
static ssize_t read_slot(int fd, ouro__control_page *page, char *text) {
  ouro__control_page after;
  if (!ouro__page_read(fd, page) || page->writes == 0 || page->newest > 1) return 0;
  size_t length = page->slots[page->newest].length;
  if (length > OURO_CONTROL_SLOT_BYTES) return 0;
  off_t at = OURO_CONTROL_PAGE_BYTES + (off_t)page->newest * OURO_CONTROL_SLOT_BYTES;
  ssize_t got = pread(fd, text, length, at);
  if (!ouro__page_read(fd, &after)) return 0;
  return after.writes - page->writes < 2 ? got : -1;
}

ouro__snapshot ouro__page_snapshot(int fd) {
  ouro__snapshot snapshot = {0};
  ouro__control_page page;
  char *text = malloc(OURO_CONTROL_SLOT_BYTES);
  ssize_t length = 0;
  for (int attempt = 0; text && attempt < SLOT_TRIES; attempt++) {
    if ((length = read_slot(fd, &page, text)) >= 0) break;
  }
  if (length > 0) {
    const ouro__control_slot *slot = &page.slots[page.newest];
    char *fitting = realloc(text, (size_t)length);
    snapshot = (ouro__snapshot){fitting ? fitting : text, (size_t)length, slot->reason, slot->taken_ns};
  } else {
    free(text);
  }
  return snapshot;
}
