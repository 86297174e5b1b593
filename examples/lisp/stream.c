/* examples/lisp/stream.c - characters in and out: of a file, or of a block of ouro's heap. */
#include <string.h>

#include "lisp.h"

int stream_get(stream *in) {
  int c = EOF;
  if (in->file)
    c = getc(in->file);
  else if (in->at < in->length)
    c = (unsigned char)in->bytes[in->at++];
  if (c == '\n') in->line++;
  return c;
}

void stream_back(stream *in, int c) {
  if (c == EOF) return;
  if (c == '\n') in->line--;
  if (in->file)
    ungetc(c, in->file);
  else
    in->at--;
}

/* Make room for `more` bytes; false where there is no memory. */
static bool grow(stream *out, size_t more) {
  if (out->room - out->length >= more) return true;
  if (out->fixed) return false;
  size_t room = out->length + more + out->room;
  char *bytes = ouro_realloc(out->bytes, room);
  if (!bytes) return false;
  out->bytes = bytes;
  out->room = room;
  return true;
}

bool stream_put(stream *out, const char *bytes, size_t length) {
  if (out->file) return fwrite(bytes, 1, length, out->file) == length;
  if (length == 0) return true;
  if (!grow(out, length)) {
    if (!out->fixed) return false;
    length = out->room - out->length;
  }
  memcpy(out->bytes + out->length, bytes, length);
  out->length += length;
  return true;
}

bool stream_puts(stream *out, const char *text) { return stream_put(out, text, strlen(text)); }

void stream_close(stream *s) {
  if (s->file && s->file != stdin && s->file != stdout) fclose(s->file);
  if (!s->fixed) ouro_free(s->bytes);
  *s = (stream){.fixed = true};
}
