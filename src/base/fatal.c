/* base/fatal.c - the one fatal door: proven corruption goes through here, and the catalogue of its texts is closed.
 *
 * The default writes one line and aborts:
 *   ouro: fatal: double free: 0x7f3a40 is free already (block of 64 bytes at 0x7f3a40, pool 0x7f0000) */
#include "base/base.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static _Atomic(ouro_fatal_fn) installed;

ouro_fatal_fn ouro_set_fatal_handler(ouro_fatal_fn handler) { return ouro__exchange_acq_rel(&installed, handler); }

static const struct {
  const char *name, *what;
} catalogue[] = {
    [OURO_FATAL_BAD_POINTER] = {"bad pointer", "is not in a block of this heap"},
    [OURO_FATAL_INTERIOR_POINTER] = {"interior pointer", "lies inside a block, not at its beginning"},
    [OURO_FATAL_DOUBLE_FREE] = {"double free", "is free already"},
    [OURO_FATAL_WRONG_SIZE] = {"wrong size", "was freed with a size that cannot be its own"},
    [OURO_FATAL_WRITE_AFTER_FREE] = {"write after free", "was written to after it had been freed"},
    [OURO_FATAL_OVERRUN] = {"overrun", "was written to past its end"},
    [OURO_FATAL_INTERNAL] = {"internal error", "an invariant of the heap does not hold"},
    [OURO_FATAL_DEAD_OBJECT] = {"dead object", "is an object that has been freed, or is being freed"},
    [OURO_FATAL_WRONG_THREAD] = {"wrong thread", "was counted by another thread, which a confined type or OURO_CONF=threads:1 forbids"},
    [OURO_FATAL_OBJECT_AS_BLOCK] = {"object as block", "is an object, and goes with its last reference"},
    [OURO_FATAL_COUNT_TOO_SMALL] = {"count too small", "has more references than were counted"},
    [OURO_FATAL_BAD_REFERENCE] = {"bad reference", "is referred to, and is no live object"},
    [OURO_FATAL_LOCKED] = {"locked object", "lost its last reference while a thread is in a section of it"},
};

void ouro__write_fd(int fd, const char *text, size_t length) {
  int saved = errno;
  while (length > 0) {
    ssize_t written = write(fd, text, length);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) break;
    text += written;
    length -= (size_t)written;
  }
  errno = saved;
}

void ouro__text_str(ouro__text *text, const char *string) {
  for (; *string && text->room; string++, text->room--) *text->at++ = *string;
  *text->at = 0;
}

static void text_number(ouro__text *text, uint64_t number, unsigned base) {
  char digits[24];
  char *first = digits + sizeof digits - 1;
  *first = 0;
  do *--first = "0123456789abcdef"[number % base];
  while (number /= base);
  ouro__text_str(text, first);
}

void ouro__text_num(ouro__text *text, uint64_t number) { text_number(text, number, 10); }

void ouro__text_hex(ouro__text *text, uint64_t number) {
  ouro__text_str(text, "0x");
  text_number(text, number, 16);
}

static void write_line(const ouro_fatal_info *info) {
  char line[400];
  ouro__text text = {line, sizeof line - 1};
  ouro__text_str(&text, "ouro: fatal: ");
  ouro__text_str(&text, catalogue[info->code].name);
  ouro__text_str(&text, ": ");
  if (info->code != OURO_FATAL_INTERNAL) {
    ouro__text_hex(&text, (uintptr_t)info->address);
    ouro__text_str(&text, " ");
  }
  ouro__text_str(&text, info->text);
  if (info->block) {
    ouro__text_str(&text, " (block of ");
    ouro__text_num(&text, info->block_size);
    ouro__text_str(&text, " bytes at ");
    ouro__text_hex(&text, (uintptr_t)info->block);
    if (info->pool) {
      ouro__text_str(&text, ", pool ");
      ouro__text_hex(&text, (uintptr_t)info->pool);
    }
    ouro__text_str(&text, ")");
  }
  if (info->type_name) {
    ouro__text_str(&text, ", type ");
    ouro__text_str(&text, info->type_name);
  }
  ouro__text_str(&text, "\n");
  ouro__write_fd(STDERR_FILENO, line, (size_t)(text.at - line));
}

void ouro__fatal(ouro_fatal_info info) {
  info.struct_size = sizeof info;
  if (!info.text) info.text = catalogue[info.code].what;
  ouro_fatal_fn handler = ouro__load_acquire(&installed);
  if (handler) handler(&info);
  write_line(&info);
  abort();
}

void ouro__invariant_failed(const char *text) { ouro__fatal((ouro_fatal_info){.code = OURO_FATAL_INTERNAL, .text = text}); }
