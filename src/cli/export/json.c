/* cli/export/json.c - the whole profile as JSON, with all measures. docs/export.md lists the fields; a field is never renamed,
 * and its meaning only changes with "version". Pairs are [blocks, bytes]. */
#include <stdlib.h>
#include <string.h>

#include <ouro/base.h>

#include "cli/export/export.h"
#include "cli/report/query.h"

enum { JSON_VERSION = 1, TRACE_OFF = 0, TRACE_SAMPLE = 2 };

static void pair(ouro__json_out *json, const char *key, ouro__tally tally) {
  ouro__json_open(json, key, '[');
  ouro__json_int(json, NULL, tally.count);
  ouro__json_int(json, NULL, tally.bytes);
  ouro__json_close(json, ']');
}

static void truth(ouro__json_out *json, const char *key, bool value) {
  ouro__json_word(json, key, value ? "true" : "false");
}

/* A moment that may not have come: null where it is below 0. */
static void moment(ouro__json_out *json, const char *key, double seconds) {
  if (seconds < 0)
    ouro__json_word(json, key, "null");
  else
    ouro__json_real(json, key, seconds);
}

static void string_or_null(ouro__json_out *json, const char *key, const char *text) {
  if (*text)
    ouro__json_string(json, key, text);
  else
    ouro__json_word(json, key, "null");
}

/* ---------------------------------------------------------------- what was traced, and how */

static const char *mode_name(uint32_t mode) {
  if (mode == TRACE_OFF) return "off";
  return mode == TRACE_SAMPLE ? "sample" : "exact";
}

static void process(ouro__json_out *json, const ouro__profile *profile) {
  ouro__json_string(json, "source", profile->source);
  ouro__json_int(json, "pid", profile->pid);
  ouro__json_int(json, "parent", profile->parent);
  ouro__json_open(json, "command", '[');
  for (char **word = profile->command; word && *word; word++) ouro__json_string(json, NULL, *word);
  ouro__json_close(json, ']');
  string_or_null(json, "python", profile->python);
  ouro__json_int(json, "started_unix_ns", (int64_t)profile->start_realtime_ns);
  ouro__json_real(json, "seconds", profile->seconds);
  truth(json, "ended", profile->ended);
  truth(json, "complete", profile->complete);
}

static void tracing(ouro__json_out *json, const ouro__profile *profile) {
  ouro__json_open(json, "tracing", '{');
  ouro__json_string(json, "mode", mode_name(profile->mode));
  ouro__json_int(json, "frames", profile->frame_limit);
  truth(json, "native", profile->native);
  if (profile->mode == TRACE_SAMPLE)
    ouro__json_int(json, "sample_bytes", (int64_t)profile->sample_bytes);
  else
    ouro__json_word(json, "sample_bytes", "null");
  ouro__json_int(json, "lost", (int64_t)profile->lost);
  ouro__json_int(json, "errno", profile->broken);
  ouro__json_close(json, '}');
}

static void totals(ouro__json_out *json, const ouro__profile *profile) {
  ouro__json_open(json, "totals", '{');
  pair(json, "live", profile->live);
  pair(json, "peak", profile->peak);
  pair(json, "total", profile->total);
  moment(json, "peak_s", profile->peak_seconds);
  moment(json, "end_s", profile->end_seconds);
  ouro__json_close(json, '}');
}

/* ---------------------------------------------------------------- where */

static const char *kind_name(uint32_t kind) {
  if (kind == OURO_FRAME_PYTHON) return "python";
  return kind == OURO_FRAME_NATIVE ? "native" : "source";
}

static void frame(ouro__json_out *json, const ouro__pframe *frame) {
  ouro__json_open(json, NULL, '{');
  ouro__json_string(json, "kind", kind_name(frame->kind));
  string_or_null(json, "function", frame->function);
  string_or_null(json, "file", frame->file);
  ouro__json_int(json, "line", frame->line);
  if (frame->kind == OURO_FRAME_NATIVE) {
    string_or_null(json, "module", frame->module);
    ouro__json_int(json, "address", (int64_t)frame->address);
  }
  if (frame->caller) ouro__json_int(json, "inlined_into", frame->caller);
  ouro__json_close(json, '}');
}

static void places(ouro__json_out *json, const ouro__profile *profile) {
  ouro__json_open(json, "frames", '[');
  ouro__json_word(json, NULL, "null");
  for (size_t i = 1; i < profile->frame_count; i++) frame(json, &profile->frames[i]);
  ouro__json_close(json, ']');
  ouro__json_open(json, "stacks", '[');
  for (size_t i = 0; i < profile->node_count; i++) {
    ouro__json_open(json, NULL, '[');
    ouro__json_int(json, NULL, profile->nodes[i].parent);
    ouro__json_int(json, NULL, profile->nodes[i].frame);
    ouro__json_close(json, ']');
  }
  ouro__json_close(json, ']');
}

static void threads(ouro__json_out *json, const ouro__profile *profile) {
  ouro__json_open(json, "threads", '[');
  for (size_t i = 0; i < profile->thread_count; i++) {
    ouro__json_open(json, NULL, '{');
    ouro__json_int(json, "id", (int64_t)profile->threads[i].id);
    ouro__json_string(json, "name", profile->threads[i].name);
    ouro__json_close(json, '}');
  }
  ouro__json_close(json, ']');
}

/* ---------------------------------------------------------------- how much */

static void site(ouro__json_out *json, const ouro__psite *site) {
  ouro__json_open(json, NULL, '{');
  ouro__json_int(json, "stack", site->node);
  ouro__json_int(json, "thread", site->thread);
  ouro__json_string(json, "domain", ouro__domain_words[site->domain]);
  ouro__json_int(json, "class_bytes", (int64_t)ouro__class_bytes(site->class_));
  string_or_null(json, "type", site->type);
  for (unsigned measure = 0; measure < OURO_MEASURES; measure++) {
    pair(json, ouro__measure_words[measure], site->of[measure]);
  }
  if (site->samples) {
    ouro__json_int(json, "samples", (int64_t)site->samples);
    ouro__json_real(json, "total_variance", site->variance);
    ouro__json_real(json, "live_variance", site->live_variance);
  }
  ouro__json_close(json, '}');
}

static void sites(ouro__json_out *json, const ouro__profile *profile) {
  ouro__json_open(json, "sites", '[');
  for (size_t i = 0; i < profile->site_count; i++) site(json, &profile->sites[i]);
  ouro__json_close(json, ']');
}

void ouro__json_timeline(ouro__json_out *json, const ouro__profile *profile, const char *seconds) {
  ouro__json_open(json, "timeline", '[');
  for (size_t i = 0; i < profile->point_count; i++) {
    const ouro__ppoint *point = &profile->points[i];
    ouro__json_open(json, NULL, '{');
    ouro__json_real(json, seconds, point->seconds);
    ouro__json_int(json, "live_bytes", (int64_t)point->live_bytes);
    ouro__json_int(json, "held_bytes", (int64_t)point->held_bytes);
    ouro__json_int(json, "resident_bytes", (int64_t)point->resident_bytes);
    ouro__json_close(json, '}');
  }
  ouro__json_close(json, ']');
}

static void snapshot(ouro__json_out *json, const ouro__psnapshot *snapshot) {
  ouro__json_open(json, NULL, '{');
  ouro__json_real(json, "s", snapshot->seconds);
  ouro__json_string(json, "label", snapshot->label);
  pair(json, "live", snapshot->live);
  ouro__json_open(json, "changes", '[');
  for (size_t i = 0; i < snapshot->change_count; i++) {
    ouro__json_open(json, NULL, '{');
    ouro__json_int(json, "site", snapshot->changes[i].site);
    pair(json, "live", snapshot->changes[i].live);
    ouro__json_close(json, '}');
  }
  ouro__json_close(json, ']');
  ouro__json_close(json, '}');
}

static void snapshots(ouro__json_out *json, const ouro__profile *profile) {
  ouro__json_open(json, "snapshots", '[');
  for (size_t i = 0; i < profile->snapshot_count; i++) snapshot(json, &profile->snapshots[i]);
  ouro__json_close(json, ']');
}

/* Addresses are of 64 bits, which is more than many readers of JSON keep of a number: an arena is a string. */
static void pin(ouro__json_out *json, const ouro__ppin *pin) {
  char arena[32];
  bool whole = pin->site == UINT32_MAX;
  snprintf(arena, sizeof arena, "0x%llx", (unsigned long long)pin->arena);
  ouro__json_open(json, NULL, '{');
  ouro__json_string(json, "arena", arena);
  if (!whole) ouro__json_int(json, "site", pin->site);
  ouro__json_int(json, "blocks", pin->blocks);
  ouro__json_int(json, "bytes", (int64_t)pin->bytes);
  ouro__json_int(json, "pools", pin->pools);
  if (whole) ouro__json_int(json, "held_pages", pin->held_pages);
  ouro__json_int(json, "kept_bytes", (int64_t)pin->kept);
  ouro__json_int(json, "sole_bytes", (int64_t)pin->sole);
  ouro__json_real(json, "oldest_s", pin->oldest);
  ouro__json_real(json, "youngest_s", pin->youngest);
  ouro__json_close(json, '}');
}

static void pins(ouro__json_out *json, const ouro__profile *profile) {
  moment(json, "pins_s", profile->pins_seconds);
  ouro__json_open(json, "pins", '[');
  for (size_t i = 0; i < profile->pin_count; i++) pin(json, &profile->pins[i]);
  ouro__json_close(json, ']');
}

bool ouro__export_json(const ouro__profile *profile, ouro__measure measure, FILE *out) {
  ouro__json_out json = {.out = out};
  (void)measure;
  ouro__json_open(&json, NULL, '{');
  ouro__json_string(&json, "format", "ouro profile");
  ouro__json_int(&json, "version", JSON_VERSION);
  ouro__json_string(&json, "ouro", OURO_VERSION);
  process(&json, profile);
  tracing(&json, profile);
  totals(&json, profile);
  places(&json, profile);
  threads(&json, profile);
  sites(&json, profile);
  ouro__json_timeline(&json, profile, "s");
  snapshots(&json, profile);
  pins(&json, profile);
  ouro__json_word(&json, "heap", profile->heap_json ? profile->heap_json : "null");
  ouro__json_close(&json, '}');
  fputc('\n', out);
  return !ferror(out);
}
