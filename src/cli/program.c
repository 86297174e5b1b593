/* cli/program.c - finds the program, follows scripts to their interpreters, and reads of the executable whether the dynamic
 * linker will load the preload library into it. It decides nothing about running it: execvp does. */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cli/cli.h"

#define HEAD_BYTES 4096
#define SCRIPT_DEPTH 4 /* as the kernel's own limit */

typedef ElfW(Ehdr) elf_header;
typedef ElfW(Phdr) elf_segment;

/* ---------------------------------------------------------------- where it is */

static int runnable(const char *path) {
  struct stat status;
  if (stat(path, &status) != 0) return errno;
  if (S_ISDIR(status.st_mode)) return EISDIR;
  return access(path, X_OK) == 0 ? 0 : errno;
}

static int copy_path(char path[PATH_MAX], const char *from) {
  if (strlen(from) >= PATH_MAX) return ENAMETOOLONG;
  strcpy(path, from);
  return 0;
}

/* As execvp: the first that can be run; where there is none, EACCES if there was one that cannot. */
static int search_path(char path[PATH_MAX], const char *name) {
  const char *places = getenv("PATH");
  int result = ENOENT;
  for (const char *place = places ? places : "/bin:/usr/bin";; place++) {
    size_t length = strcspn(place, ":");
    int written = snprintf(path, PATH_MAX, "%.*s%s%s", (int)length, place, length ? "/" : "", name);
    int error = written < PATH_MAX ? runnable(path) : ENAMETOOLONG;
    if (error == 0) return 0;
    if (error == EACCES || error == EISDIR) result = EACCES;
    place += length;
    if (!*place) return result;
  }
}

static int find(char path[PATH_MAX], const char *name) {
  if (!*name) return ENOENT;
  if (!strchr(name, '/')) return search_path(path, name);
  int error = copy_path(path, name);
  if (error == 0) error = runnable(path);
  return error == EISDIR ? EACCES : error;
}

/* ---------------------------------------------------------------- what it is */

/* Read the beginning of a file and end it with a NUL; -1 where it cannot be read. */
static ssize_t read_head(const char *path, char head[HEAD_BYTES + 1]) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return -1;
  ssize_t length = read(fd, head, HEAD_BYTES);
  close(fd);
  if (length >= 0) head[length] = 0;
  return length;
}

/* `#!/usr/bin/env [-S] [options] [NAME=VALUE] python3 ...`: the interpreter that counts is the one that env will find. */
static void follow_env(char path[PATH_MAX], char *words) {
  char found[PATH_MAX];
  for (char *rest = NULL, *word = strtok_r(words, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest)) {
    if (*word == '-' || strchr(word, '=')) continue;
    if (find(found, word) == 0) strcpy(path, found);
    return;
  }
}

/* "#!INTERPRETER WORDS" to the interpreter's path. */
static bool follow_script(char path[PATH_MAX], char *head) {
  char *line = head + 2;
  line[strcspn(line, "\n")] = 0;
  line += strspn(line, " \t");
  size_t length = strcspn(line, " \t");
  char *words = line + length;
  if (length == 0 || length >= PATH_MAX) return false;
  if (*words) *words++ = 0;
  strcpy(path, line);
  const char *slash = strrchr(path, '/');
  if (strcmp(slash ? slash + 1 : path, "env") == 0) follow_env(path, words);
  return true;
}

static bool privileged(const char *path) {
  struct stat status;
  char capability[64];
  if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 || stat(path, &status) != 0) return false;
  if ((status.st_mode & S_ISUID) && status.st_uid != getuid()) return true;
  if ((status.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && status.st_gid != getgid()) return true;
  return getuid() != 0 && getxattr(path, "security.capability", capability, sizeof capability) > 0;
}

/* The dynamic linker that the executable names; NULL where it names none or lies about its own layout. */
static const char *interpreter(const char *head, size_t length) {
  elf_header header;
  memcpy(&header, head, sizeof header);
  for (size_t i = 0; i < header.e_phnum; i++) {
    elf_segment segment;
    size_t at = header.e_phoff + i * sizeof segment;
    if (header.e_phentsize != sizeof segment || at > length || length - at < sizeof segment) return NULL;
    memcpy(&segment, head + at, sizeof segment);
    if (segment.p_type != PT_INTERP) continue;
    if (segment.p_offset >= length || segment.p_filesz > length - segment.p_offset) return NULL;
    if (segment.p_filesz == 0 || head[segment.p_offset + segment.p_filesz - 1]) return NULL;
    return head + segment.p_offset;
  }
  return NULL;
}

/* This command's own header says what the preload library beside it was built for. */
static bool same_machine(const elf_header *header) {
  static char head[HEAD_BYTES + 1];
  elf_header own;
  if (read_head("/proc/self/exe", head) < (ssize_t)sizeof own) return true;
  memcpy(&own, head, sizeof own);
  return header->e_ident[EI_CLASS] == own.e_ident[EI_CLASS] && header->e_ident[EI_DATA] == own.e_ident[EI_DATA] &&
         header->e_machine == own.e_machine;
}

static enum ouro__obstacle inspect(const char *path, const char *head, size_t length) {
  elf_header header;
  if (privileged(path)) return OURO_OBSTACLE_PRIVILEGED;
  if (length < sizeof header || memcmp(head, ELFMAG, SELFMAG) != 0) return OURO_OBSTACLE_NONE;
  memcpy(&header, head, sizeof header);
  if (!same_machine(&header)) return OURO_OBSTACLE_MACHINE;
  const char *linker = interpreter(head, length);
  if (!linker) return OURO_OBSTACLE_STATIC;
  const char *slash = strrchr(linker, '/');
  if (strncmp(slash ? slash + 1 : linker, "ld-musl", 7) == 0) return OURO_OBSTACLE_LIBC;
  return OURO_OBSTACLE_NONE;
}

int ouro__program_find(ouro__program *program, const char *name) {
  char head[HEAD_BYTES + 1];
  program->obstacle = OURO_OBSTACLE_NONE;
  int error = find(program->path, name);
  if (error) return error;
  strcpy(program->file, program->path);
  ssize_t length = read_head(program->file, head);
  for (int depth = 0; depth < SCRIPT_DEPTH && length > 2 && memcmp(head, "#!", 2) == 0; depth++) {
    if (!follow_script(program->file, head)) return 0;
    length = read_head(program->file, head);
  }
  /* A file that may be run but not read is left to the dynamic linker. */
  if (length >= 0) program->obstacle = inspect(program->file, head, (size_t)length);
  return 0;
}

const char *ouro__obstacle_text(enum ouro__obstacle obstacle) {
  switch (obstacle) {
  case OURO_OBSTACLE_STATIC:
    return "is statically linked";
  case OURO_OBSTACLE_PRIVILEGED:
    return "runs with more rights than its user (setuid, setgid or file capabilities)";
  case OURO_OBSTACLE_MACHINE:
    return "is built for another processor or word size";
  case OURO_OBSTACLE_LIBC:
    return "is linked with musl, not with glibc";
  case OURO_OBSTACLE_NONE:
    break;
  }
  return "can be preloaded";
}
