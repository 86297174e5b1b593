/* values/lines.c - the lines of a file: a generator, which closes the file whatever ends it.
 *
 *   data: | given already | read, not given yet | room |
 *                         ^ from                ^ to
 *
 * From a path it is read with read(2), 64 KiB at a time, into a block that grows until the longest line fits. Of a FILE, whose C library
 * has a buffer of its own that others may read from, the block is getline's, with one line in it. Either way the thread is OUT while it
 * waits. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "values/step.h"

#include <ouro/bytes.h>
#include <ouro/generator.h>
#include <ouro/heap.h>
#include <ouro/str.h>

enum {
  BLOCK = 64 << 10,
  ALL_FLAGS = OURO_LINES_BYTES | OURO_LINES_ENDS | OURO_LINES_KEEP,
};

typedef struct lines {
  ouro_generator base;
  FILE *file; /* NULL: it is read from `descriptor`, where that is open */
  int descriptor;
  unsigned flags;
  bool open, at_end; /* at_end: nothing more can be read */
  char *data; /* of the heap; of a file: of the C library */
  size_t from, to, room;
} lines;

/* ---------------------------------------------------------------- reading */

/* Room for more behind what has not been given yet, which moves to the beginning. */
static bool make_room(lines *self) {
  size_t kept = self->to - self->from;
  if (self->from > 0 && kept > 0) memmove(self->data, self->data + self->from, kept);
  self->from = 0;
  self->to = kept;
  if (kept < self->room) return true;
  size_t room = self->room ? self->room * 2 : BLOCK;
  char *larger = ouro_realloc(self->data, room);
  if (!larger) return false;
  self->data = larger;
  self->room = room;
  return true;
}

static int read_descriptor(lines *self) {
  if (!make_room(self)) return OURO_ENOMEM;
  ssize_t count;
  ouro_blocking_begin();
  do {
    count = read(self->descriptor, self->data + self->to, self->room - self->to);
  } while (count < 0 && errno == EINTR);
  int saved = errno;
  ouro_blocking_end();
  errno = saved;
  if (count < 0) return OURO_ESYSTEM;
  self->at_end = count == 0;
  self->to += (size_t)count;
  return OURO_OK;
}

static int read_file(lines *self) {
  ouro_blocking_begin();
  ssize_t count = getline(&self->data, &self->room, self->file);
  int saved = errno;
  ouro_blocking_end();
  errno = saved;
  if (count < 0 && !feof(self->file)) return errno == ENOMEM ? OURO_ENOMEM : OURO_ESYSTEM;
  self->at_end = count < 0;
  self->from = 0;
  self->to = count < 0 ? 0 : (size_t)count;
  return OURO_OK;
}

/* Have a whole line from `from` on, *length bytes with its end: 1; 0: there is none left; or a code. */
static int find_line(lines *self, size_t *length) {
  size_t seen = 0; /* of what has not been given, bytes without an end of line */
  for (;;) {
    size_t there = self->to - self->from;
    const char *end = there > seen ? memchr(self->data + self->from + seen, '\n', there - seen) : NULL;
    *length = end ? (size_t)(end - (self->data + self->from)) + 1 : there;
    bool whole = end || (self->file && there > 0); /* getline gives the last line without an end */
    if (whole || self->at_end) return *length > 0;
    seen = there;
    int code = self->file ? read_file(self) : read_descriptor(self);
    if (code) return code;
  }
}

/* ---------------------------------------------------------------- the generator */

/* The next `length` bytes, as a string or as bytes. */
static ouro_ref take_line(lines *self, size_t length) {
  const char *text = self->data + self->from;
  self->from += length;
  if (!(self->flags & OURO_LINES_ENDS) && text[length - 1] == '\n') {
    length--;
    if (length > 0 && text[length - 1] == '\r') length--;
  }
  return self->flags & OURO_LINES_BYTES ? ouro_bytes_new(text, length) : ouro_str_new(text, length);
}

static void close_all(lines *self) {
  if (self->open && self->file && !(self->flags & OURO_LINES_KEEP)) fclose(self->file);
  if (self->open && !self->file) close(self->descriptor);
  if (self->file) {
    free(self->data);
  } else {
    ouro_free(self->data);
  }
  self->open = false;
  self->data = NULL;
}

static int lines_step(lines *self, ouro_slot item) {
  size_t length;
  int code;
  OURO_GENERATOR_BEGIN(self);
  while ((code = find_line(self, &length)) == 1) OURO_YIELD(self, item, take_line(self, length));
  if (code < 0) OURO_GENERATOR_FAIL(self, code);
  OURO_GENERATOR_FINALLY(self);
  close_all(self);
  OURO_GENERATOR_END(self);
}

OURO_GENERATOR_TYPE(lines_type, "lines", lines, lines_step, NULL);

ouro_ref ouro_lines(const char *path, unsigned flags) {
  if (!path || flags & ~(unsigned)ALL_FLAGS) return ouro__fail(OURO_EINVAL);
  lines *self = ouro_generator_new(&lines_type);
  if (!self) return NULL;
  self->flags = flags;
  self->descriptor = open(path, O_RDONLY | O_CLOEXEC);
  self->open = self->descriptor >= 0;
  if (self->open) return self;
  int saved = errno;
  ouro_decref(self);
  errno = saved;
  return NULL;
}

ouro_ref ouro_lines_of_file(FILE *file, unsigned flags) {
  bool right = file && !(flags & ~(unsigned)ALL_FLAGS);
  lines *self = right ? ouro_generator_new(&lines_type) : ouro__fail(OURO_EINVAL);
  if (self) {
    self->flags = flags;
    self->file = file;
    self->open = true;
  } else if (file && !(flags & OURO_LINES_KEEP)) {
    int saved = errno;
    fclose(file);
    errno = saved;
  }
  return self;
}
