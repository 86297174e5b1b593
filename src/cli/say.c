/* cli/say.c - how the command speaks to its user, what may stand in text that others wrote, and its clock. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"

void ouro__say(const char *format, ...) {
  char line[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  ouro__harmless(line);
  fprintf(stderr, "ouro: %s\n", line);
}

/* ---------------------------------------------------------------- text of others */

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

/* ---------------------------------------------------------------- time */

uint64_t ouro__now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
