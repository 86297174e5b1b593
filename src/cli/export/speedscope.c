/* cli/export/speedscope.c - the JSON of www.speedscope.app: one list of frames, and for each stack its frames, outermost first,
 * with its bytes. The two frames after the profile's own are for what has no stack. */
#include <stdlib.h>
#include <string.h>

#include <ouro/base.h>

#include "cli/export/export.h"
#include "cli/report/query.h"

static void frames(ouro__json_out *json, const ouro__profile *profile) {
  char name[OURO_NAME_BYTES];
  ouro__json_open(json, "shared", '{');
  ouro__json_open(json, "frames", '[');
  for (size_t i = 1; i < profile->frame_count; i++) {
    const ouro__pframe *frame = &profile->frames[i];
    ouro__json_open(json, NULL, '{');
    ouro__json_string(json, "name", ouro__frame_name(frame, name));
    if (*frame->file) ouro__json_string(json, "file", frame->file);
    if (!*frame->file && *frame->module) ouro__json_string(json, "file", frame->module);
    if (frame->line) ouro__json_int(json, "line", frame->line);
    ouro__json_close(json, '}');
  }
  for (uint32_t site = 0; site < 2; site++) {
    ouro__json_open(json, NULL, '{');
    ouro__json_string(json, "name", ouro__no_stack_name(site));
    ouro__json_close(json, '}');
  }
  ouro__json_close(json, ']');
  ouro__json_close(json, '}');
}

/* Number 0, which is no frame, is not in the list. */
static void sample(ouro__json_out *json, const uint32_t *numbers, size_t depth) {
  ouro__json_open(json, NULL, '[');
  for (size_t i = 0; i < depth; i++) ouro__json_int(json, NULL, (int64_t)numbers[i] - 1);
  ouro__json_close(json, ']');
}

static bool samples(ouro__json_out *json, const ouro__profile *profile, const int64_t *bytes) {
  ouro__frames stack = {0};
  bool good = true;
  ouro__json_open(json, "samples", '[');
  for (size_t node = 0; good && node <= profile->node_count; node++) {
    if (bytes[node] <= 0) continue;
    if (node == 0 || node == profile->node_count) {
      uint32_t bare = (uint32_t)profile->frame_count + (node == 0);
      sample(json, &bare, 1);
      continue;
    }
    size_t depth = ouro__frames_outermost_first(&stack, profile, (uint32_t)node);
    good = depth != SIZE_MAX;
    if (good) sample(json, stack.numbers, depth);
  }
  ouro__json_close(json, ']');
  free(stack.numbers);
  return good;
}

/* Returns their sum. */
static int64_t weights(ouro__json_out *json, const ouro__profile *profile, const int64_t *bytes) {
  int64_t sum = 0;
  ouro__json_open(json, "weights", '[');
  for (size_t node = 0; node <= profile->node_count; node++) {
    if (bytes[node] <= 0) continue;
    ouro__json_int(json, NULL, bytes[node]);
    sum = ouro__bounded(sum + bytes[node]);
  }
  ouro__json_close(json, ']');
  return sum;
}

bool ouro__export_speedscope(const ouro__profile *profile, ouro__measure measure, FILE *out) {
  ouro__json_out json = {.out = out};
  int64_t *bytes = ouro__bytes_by_node(profile, measure);
  if (!bytes) return false;
  ouro__json_open(&json, NULL, '{');
  ouro__json_string(&json, "$schema", "https://www.speedscope.app/file-format-schema.json");
  ouro__json_string(&json, "exporter", "ouro@" OURO_VERSION);
  ouro__json_string(&json, "name", profile->command && profile->command[0] ? profile->command[0] : profile->source);
  frames(&json, profile);
  ouro__json_open(&json, "profiles", '[');
  ouro__json_open(&json, NULL, '{');
  ouro__json_string(&json, "type", "sampled");
  ouro__json_string(&json, "name", ouro__measure_words[measure]);
  ouro__json_string(&json, "unit", "bytes");
  bool good = samples(&json, profile, bytes);
  int64_t sum = weights(&json, profile, bytes);
  ouro__json_int(&json, "startValue", 0);
  ouro__json_int(&json, "endValue", sum);
  ouro__json_close(&json, '}');
  ouro__json_close(&json, ']');
  ouro__json_close(&json, '}');
  fputc('\n', out);
  free(bytes);
  return good && !ferror(out);
}
