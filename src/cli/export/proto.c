/* cli/export/proto.c - messages of protocol buffers, and a file of them that is compressed as it is written.
 *
 * A message is a row of fields: the number of the field and its kind, then a number in bytes of seven bits each, lowest first, or
 * a length and so many bytes. A part of a message is a message as bytes. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "cli/export/export.h"

enum { KIND_NUMBER = 0, KIND_BYTES = 2, NUMBER_MOST = 10 /* bytes */, GZIP_WINDOW = 15 + 16 };

/* ---------------------------------------------------------------- messages */

static bool make_room(ouro__message *message, size_t more) {
  if (message->failed) return false;
  if (message->room - message->length >= more) return true;
  size_t room = 2 * (message->room + more);
  uint8_t *bytes = realloc(message->bytes, room);
  message->failed = !bytes;
  if (!bytes) return false;
  message->bytes = bytes;
  message->room = room;
  return true;
}

void ouro__message_packed(ouro__message *message, uint64_t number) {
  if (!make_room(message, NUMBER_MOST)) return;
  for (; number >= 0x80; number >>= 7) message->bytes[message->length++] = (uint8_t)(number | 0x80);
  message->bytes[message->length++] = (uint8_t)number;
}

void ouro__message_number(ouro__message *message, unsigned field, uint64_t number) {
  if (number == 0) return;
  ouro__message_packed(message, field << 3 | KIND_NUMBER);
  ouro__message_packed(message, number);
}

void ouro__message_bytes(ouro__message *message, unsigned field, const void *bytes, size_t length) {
  ouro__message_packed(message, field << 3 | KIND_BYTES);
  ouro__message_packed(message, length);
  if (length == 0 || !make_room(message, length)) return;
  memcpy(message->bytes + message->length, bytes, length);
  message->length += length;
}

void ouro__message_part(ouro__message *message, unsigned field, ouro__message *part) {
  message->failed |= part->failed;
  ouro__message_bytes(message, field, part->bytes, part->length);
  part->length = 0;
}

/* ---------------------------------------------------------------- the file */

struct ouro__gzip {
  z_stream stream;
  FILE *out;
  bool failed;
  uint8_t packed[64 * 1024];
};

ouro__gzip *ouro__gzip_open(FILE *out) {
  ouro__gzip *gzip = calloc(1, sizeof *gzip);
  if (!gzip) return NULL;
  gzip->out = out;
  if (deflateInit2(&gzip->stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) == Z_OK)
    return gzip;
  free(gzip);
  return NULL;
}

/* Compress what is waiting, all of it where `flush` is Z_FINISH. */
static void push(ouro__gzip *gzip, int flush) {
  z_stream *stream = &gzip->stream;
  do {
    stream->next_out = gzip->packed;
    stream->avail_out = sizeof gzip->packed;
    deflate(stream, flush);
    size_t length = sizeof gzip->packed - stream->avail_out;
    if (fwrite(gzip->packed, 1, length, gzip->out) != length) gzip->failed = true;
  } while (stream->avail_out == 0);
}

void ouro__gzip_message(ouro__gzip *gzip, ouro__message *message) {
  gzip->failed |= message->failed;
  gzip->stream.next_in = message->bytes;
  gzip->stream.avail_in = (uInt)message->length;
  push(gzip, Z_NO_FLUSH);
  message->length = 0;
}

bool ouro__gzip_close(ouro__gzip *gzip) {
  gzip->stream.avail_in = 0;
  push(gzip, Z_FINISH);
  deflateEnd(&gzip->stream);
  bool good = !gzip->failed;
  free(gzip);
  return good;
}
