/* cli/export/json_out.c - JSON as it comes: nothing is kept, so that a profile of any size can be written. Errors stay in the
 * FILE. */
#include <inttypes.h>
#include <math.h>

#include "cli/export/export.h"

static void text(FILE *out, const char *at) {
  fputc('"', out);
  while (*at) {
    unsigned length = ouro__utf8_length(at);
    unsigned char byte = (unsigned char)*at;
    if (length == 0)
      fputs("\\ufffd", out);
    else if (byte == '"' || byte == '\\')
      fprintf(out, "\\%c", byte);
    else if (ouro__utf8_is_control(at))
      fprintf(out, "\\u%04x", length == 2 ? (unsigned char)at[1] : byte);
    else
      fwrite(at, 1, length, out);
    at += length ? length : 1;
  }
  fputc('"', out);
}

static void begin(ouro__json_out *json, const char *key) {
  if (json->follows) fputc(',', json->out);
  json->follows = true;
  if (!key) return;
  text(json->out, key);
  fputc(':', json->out);
}

void ouro__json_open(ouro__json_out *json, const char *key, char bracket) {
  begin(json, key);
  if (!key && bracket == '{') fputc('\n', json->out); /* so that a line is an object */
  fputc(bracket, json->out);
  json->follows = false;
}

void ouro__json_close(ouro__json_out *json, char bracket) {
  fputc(bracket, json->out);
  json->follows = true;
}

void ouro__json_string(ouro__json_out *json, const char *key, const char *value) {
  begin(json, key);
  text(json->out, value);
}

void ouro__json_int(ouro__json_out *json, const char *key, int64_t number) {
  begin(json, key);
  fprintf(json->out, "%" PRId64, number);
}

/* JSON has no infinity. */
void ouro__json_real(ouro__json_out *json, const char *key, double number) {
  begin(json, key);
  fprintf(json->out, "%.9g", isfinite(number) ? number : 0);
}

void ouro__json_word(ouro__json_out *json, const char *key, const char *word) {
  begin(json, key);
  fputs(word, json->out);
}
