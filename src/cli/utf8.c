/* cli/utf8.c - text of others: the names of a traced program's files and functions may be any bytes. What people see of it must
 * not be able to steer their terminal. */
#include <string.h>

#include "cli/cli.h"

/* The second byte excludes overlong forms, surrogates, and what lies beyond U+10FFFF. */
static unsigned expected_length(const unsigned char *text) {
  unsigned char first = text[0], second = text[1];
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return 2;
  if (first >= 0xe0 && first <= 0xef) {
    bool wrong = (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f);
    return wrong ? 0 : 3;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    bool wrong = (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f);
    return wrong ? 0 : 4;
  }
  return 0;
}

unsigned ouro__utf8_length(const char *text) {
  const unsigned char *bytes = (const unsigned char *)text;
  if (!*bytes) return 0;
  unsigned length = expected_length(bytes);
  for (unsigned i = 1; i < length; i++) {
    if ((bytes[i] & 0xc0) != 0x80) return 0;
  }
  return length;
}

bool ouro__utf8_is_control(const char *text) {
  unsigned char first = (unsigned char)text[0], second = (unsigned char)text[1];
  return first < ' ' || first == 127 || (first == 0xc2 && second < 0xa0);
}

void ouro__harmless(char *text) {
  char *to = text;
  while (*text) {
    unsigned length = ouro__utf8_length(text), step = length ? length : 1;
    if (strchr("\t\n\r", *text))
      *to++ = ' ';
    else if (length == 0 || ouro__utf8_is_control(text))
      *to++ = '?';
    else
      to = (char *)memmove(to, text, step) + step;
    text += step;
  }
  *to = 0;
}
