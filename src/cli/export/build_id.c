/* cli/export/build_id.c - the number that the linker gave to a program or library, by which its debug information is found. */
#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/export/export.h"

static void hexadecimal(char *id, const uint8_t *bytes, size_t length) {
  for (size_t i = 0; i < length && 2 * i + 2 < OURO_BUILD_ID_BYTES; i++) sprintf(id + 2 * i, "%02x", bytes[i]);
}

void ouro__build_id(const char *path, char id[OURO_BUILD_ID_BYTES]) {
  *id = 0;
  struct stat status; /* a recording may name anything */
  if (stat(path, &status) != 0 || !S_ISREG(status.st_mode)) return;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  elf_version(EV_CURRENT);
  Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
  const void *bytes;
  ssize_t length = elf ? dwelf_elf_gnu_build_id(elf, &bytes) : 0;
  if (length > 0) hexadecimal(id, bytes, (size_t)length);
  elf_end(elf);
  close(fd);
}
