/* cli/export/csv.c - a row for each site, with all measures: RFC 4180, the first row has the names. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/export/export.h"
#include "cli/report/query.h"

void ouro__csv_field(const char *text, FILE *out) {
  bool quoted = text[strcspn(text, "\",\r\n")] || *text == ' ';
  if (quoted) fputc('"', out);
  while (*text) {
    unsigned length = ouro__utf8_length(text);
    bool good = length && (!ouro__utf8_is_control(text) || strchr("\t\r\n", *text));
    if (*text == '"') fputc('"', out);
    fwrite(good ? text : OURO_UTF8_UNKNOWN, 1, good ? length : strlen(OURO_UTF8_UNKNOWN), out);
    text += length ? length : 1;
  }
  if (quoted) fputc('"', out);
}

static void field(const char *value, FILE *out) {
  ouro__csv_field(value, out);
  fputc(',', out);
}

static void head(FILE *out) {
  for (unsigned measure = 0; measure < OURO_MEASURES; measure++) {
    const char *name = ouro__measure_words[measure];
    fprintf(out, "%s_blocks,%s_bytes,", name, name);
  }
  fputs("function,file,line,module,thread,domain,class_bytes,type,stack\r\n", out);
}

static void numbers(const ouro__psite *site, FILE *out) {
  for (unsigned measure = 0; measure < OURO_MEASURES; measure++) {
    fprintf(out, "%" PRId64 ",%" PRId64 ",", site->of[measure].count, site->of[measure].bytes);
  }
}

static void innermost(const ouro__profile *profile, uint32_t number, FILE *out) {
  ouro__stack_walk walk = ouro__stack_begin(profile, profile->sites[number].node);
  const ouro__pframe *frame = &profile->frames[walk.frame];
  char name[OURO_NAME_BYTES];
  if (walk.node == 0) {
    fprintf(out, "%s,,,,", ouro__no_stack_name(number));
    return;
  }
  field(ouro__frame_name(frame, name), out);
  field(frame->file, out);
  if (frame->line) fprintf(out, "%" PRIu32, frame->line);
  fputc(',', out);
  field(frame->module, out);
}

/* Outermost first, as in the collapsed format. The whole is one field, put together in memory. */
static bool stack_of(const ouro__profile *profile, uint32_t node, ouro__frames *stack, FILE *out) {
  char name[OURO_NAME_BYTES], *joined = NULL;
  size_t length, depth = ouro__frames_outermost_first(stack, profile, node);
  FILE *memory = depth == SIZE_MAX ? NULL : open_memstream(&joined, &length);
  if (!memory) return false;
  for (size_t i = 0; i < depth; i++) {
    fprintf(memory, "%s%s", i > 0 ? ";" : "", ouro__frame_line(&profile->frames[stack->numbers[i]], name));
  }
  bool good = fclose(memory) == 0;
  if (good) ouro__csv_field(joined, out);
  free(joined);
  return good;
}

static bool row(const ouro__profile *profile, uint32_t number, ouro__frames *stack, FILE *out) {
  const ouro__psite *site = &profile->sites[number];
  char name[OURO_NAME_BYTES];
  numbers(site, out);
  innermost(profile, number, out);
  field(ouro__thread_name(profile, site->thread, name), out);
  field(ouro__domain_words[site->domain], out);
  if (site->class_) fprintf(out, "%" PRIu64, ouro__class_bytes(site->class_));
  fputc(',', out);
  field(site->type, out);
  bool good = stack_of(profile, site->node, stack, out);
  fputs("\r\n", out);
  return good;
}

bool ouro__export_csv(const ouro__profile *profile, ouro__measure measure, FILE *out) {
  ouro__frames stack = {0};
  bool good = true;
  (void)measure;
  head(out);
  for (uint32_t i = 0; good && i < profile->site_count; i++) {
    const ouro__tally *all = profile->sites[i].of;
    if (all[OURO_MEASURE_TOTAL].count || all[OURO_MEASURE_LIVE].count) good = row(profile, i, &stack, out);
  }
  free(stack.numbers);
  return good && !ferror(out);
}
