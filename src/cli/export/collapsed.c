/* cli/export/collapsed.c - a line for each stack: "main (a.c:3);load (b.c:9) 1234", outermost frame first, then bytes. Flame
 * graph scripts, speedscope and others read it.
 *
 * The format knows no quoting: a `;` in a name is written \x3b, a newline \x0a, and a backslash, so that this can be undone, \\.
 * */
#include <inttypes.h>
#include <stdlib.h>

#include "cli/export/export.h"

static void name(const char *text, FILE *out) {
  while (*text) {
    unsigned length = ouro__utf8_length(text);
    unsigned char byte = (unsigned char)*text;
    if (length == 0)
      fputs(OURO_UTF8_UNKNOWN, out);
    else if (byte == '\\')
      fputs("\\\\", out);
    else if (byte == ';' || ouro__utf8_is_control(text))
      for (unsigned i = 0; i < length; i++) fprintf(out, "\\x%02x", (unsigned char)text[i]);
    else
      fwrite(text, 1, length, out);
    text += length ? length : 1;
  }
}

static void line(const ouro__profile *profile, const ouro__frames *stack, size_t depth, int64_t bytes, FILE *out) {
  char buffer[OURO_NAME_BYTES];
  for (size_t i = 0; i < depth; i++) {
    if (i > 0) fputc(';', out);
    name(ouro__frame_line(&profile->frames[stack->numbers[i]], buffer), out);
  }
  fprintf(out, " %" PRId64 "\n", bytes);
}

static void bare_line(const char *text, int64_t bytes, FILE *out) {
  if (bytes > 0) fprintf(out, "%s %" PRId64 "\n", text, bytes);
}

bool ouro__export_collapsed(const ouro__profile *profile, ouro__measure measure, FILE *out) {
  ouro__frames stack = {0};
  int64_t *bytes = ouro__bytes_by_node(profile, measure);
  bool good = bytes != NULL;
  for (size_t node = 1; good && node < profile->node_count; node++) {
    if (bytes[node] <= 0) continue;
    size_t depth = ouro__frames_outermost_first(&stack, profile, (uint32_t)node);
    good = depth != SIZE_MAX;
    if (good) line(profile, &stack, depth, bytes[node], out);
  }
  if (good) bare_line(ouro__no_stack_name(1), bytes[0], out);
  if (good) bare_line(ouro__no_stack_name(0), bytes[profile->node_count], out);
  free(stack.numbers);
  free(bytes);
  return good && !ferror(out);
}
