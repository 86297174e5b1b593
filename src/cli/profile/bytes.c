/* cli/profile/bytes.c - writes and reads the numbers and texts of which chunks are made. */
#include <stdlib.h>
#include <string.h>

#include "cli/profile/bytes.h"

#define NUMBER_BYTES 10 /* of 64 bits, at most */

/* ---------------------------------------------------------------- writing */

bool ouro__bytes_reserve(ouro__bytes *bytes, size_t more) {
  if (bytes->failed) return false;
  if (bytes->room - bytes->size >= more) return true;
  size_t room = bytes->size + more > 2 * bytes->room ? bytes->size + more : 2 * bytes->room;
  char *grown = realloc(bytes->data, room);
  if (!grown) {
    bytes->failed = true;
    return false;
  }
  bytes->data = grown;
  bytes->room = room;
  return true;
}

void ouro__bytes_raw(ouro__bytes *bytes, const void *data, size_t size) {
  if (size == 0 || !ouro__bytes_reserve(bytes, size)) return;
  memcpy(bytes->data + bytes->size, data, size);
  bytes->size += size;
}

void ouro__bytes_number(ouro__bytes *bytes, uint64_t number) {
  if (!ouro__bytes_reserve(bytes, NUMBER_BYTES)) return;
  for (; number >= 0x80; number >>= 7) bytes->data[bytes->size++] = (char)(number | 0x80);
  bytes->data[bytes->size++] = (char)number;
}

void ouro__bytes_difference(ouro__bytes *bytes, uint64_t before, uint64_t now) {
  uint64_t difference = now - before, sign = difference >> 63;
  ouro__bytes_number(bytes, difference << 1 ^ (0 - sign));
}

void ouro__bytes_text(ouro__bytes *bytes, const char *text) {
  size_t length = strlen(text);
  ouro__bytes_number(bytes, length);
  ouro__bytes_raw(bytes, text, length);
}

void ouro__bytes_free(ouro__bytes *bytes) {
  free(bytes->data);
  *bytes = (ouro__bytes){.data = NULL};
}

/* ---------------------------------------------------------------- reading */

static void fail(ouro__cursor *cursor) {
  cursor->failed = true;
  cursor->at = cursor->end;
}

bool ouro__cursor_more(const ouro__cursor *cursor) { return cursor->at < cursor->end; }

uint64_t ouro__cursor_number(ouro__cursor *cursor) {
  uint64_t number = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (cursor->at == cursor->end) break;
    unsigned char byte = *cursor->at++;
    number |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) return number;
  }
  fail(cursor);
  return 0;
}

uint64_t ouro__cursor_difference(ouro__cursor *cursor, uint64_t before) {
  uint64_t number = ouro__cursor_number(cursor);
  return before + (number >> 1 ^ (0 - (number & 1)));
}

void ouro__cursor_raw(ouro__cursor *cursor, void *out, size_t size) {
  if ((size_t)(cursor->end - cursor->at) < size) {
    fail(cursor);
    memset(out, 0, size);
    return;
  }
  memcpy(out, cursor->at, size);
  cursor->at += size;
}

const char *ouro__cursor_text(ouro__cursor *cursor, size_t *length) {
  uint64_t wanted = ouro__cursor_number(cursor);
  *length = 0;
  if (wanted > (size_t)(cursor->end - cursor->at)) {
    fail(cursor);
    return "";
  }
  const char *text = (const char *)cursor->at;
  cursor->at += wanted;
  *length = wanted;
  return text;
}
