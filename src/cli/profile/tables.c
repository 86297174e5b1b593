/* cli/profile/tables.c - makes a profile of tables, and believes nothing of what is in them: an index out of range becomes 0, a
 * string that is none becomes "", a number that is none becomes 0. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <ouro/trace.h>

#include "cli/cli.h"
#include "cli/profile/tables.h"

#define SAMPLE_UNIT 256      /* counts in sampling mode are in parts of a block */
#define DEPTH_MOST 1024      /* frames of a stack; a tracer records fewer */
#define VARIANCE_MOST 1e27   /* so that the root of any sum of them is a number of bytes */

void ouro__tables_free(ouro__tables *tables) {
  free(tables->strings);
  free(tables->frames);
  free(tables->nodes);
  free(tables->sites);
  free(tables->modules);
  free(tables->threads);
  free(tables->pins);
  *tables = (ouro__tables){.strings = NULL};
}

/* Tracing that was stopped leaves OFF as the mode, and the distance of samples where it sampled. */
bool ouro__tables_sampled(const ouro__tables *tables) {
  uint64_t mode = tables->facts[OURO_FACT_MODE];
  return mode == OURO_TRACE_SAMPLE || (mode == OURO_TRACE_OFF && tables->facts[OURO_FACT_SAMPLE_BYTES] != 0);
}

/* ---------------------------------------------------------------- strings and numbers */

static const char *string(ouro__profile *profile, const ouro__tables *tables, uint32_t at) {
  uint32_t length;
  if (at > tables->string_bytes || tables->string_bytes - at < sizeof length) return "";
  memcpy(&length, tables->strings + at, sizeof length);
  if (length > tables->string_bytes - at - sizeof length) return "";
  const char *text = ouro__profile_string(profile, tables->strings + at + sizeof length, length);
  return text ? text : "";
}

/* A character array that may lack its NUL. */
static const char *cut_string(ouro__profile *profile, const char *text, size_t room) {
  const char *interned = ouro__profile_string(profile, text, strnlen(text, room));
  return interned ? interned : "";
}

static int64_t count_of(uint64_t raw, bool sampled) {
  int64_t count = ouro__bounded((int64_t)raw);
  if (!sampled) return count;
  return (count + (count < 0 ? -SAMPLE_UNIT / 2 : SAMPLE_UNIT / 2)) / SAMPLE_UNIT;
}

ouro__tally ouro__tally_of(uint64_t count, uint64_t bytes, bool sampled) {
  return (ouro__tally){count_of(count, sampled), ouro__bounded((int64_t)bytes)};
}

static double variance(uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof value);
  return isfinite(value) && value > 0 && value < VARIANCE_MOST ? value : 0;
}

static double seconds(uint64_t ns) { return (double)ns / 1e9; }

/* ---------------------------------------------------------------- table by table */

/* Of the modules that have been at the address, the one that was there in the frame's generation. */
static const ouro__area_module *module_of(const ouro__tables *tables, const ouro__area_frame *frame) {
  const ouro__area_module *found = NULL;
  for (size_t i = 0; i < tables->module_count; i++) {
    const ouro__area_module *module = &tables->modules[i];
    bool there = frame->address >= module->start && frame->address < module->end && module->generation <= frame->line;
    if (there && (!found || module->generation >= found->generation)) found = module;
  }
  return found;
}

static void native_frame(ouro__profile *profile, const ouro__tables *tables, const ouro__area_frame *from,
                         ouro__pframe *to) {
  const ouro__area_module *module = module_of(tables, from);
  to->run_address = from->address;
  to->generation = from->line;
  if (!module) return;
  to->module = string(profile, tables, module->path);
  to->address = from->address - module->start + module->offset;
}

static void frame(ouro__profile *profile, const ouro__tables *tables, const ouro__area_frame *from, ouro__pframe *to) {
  *to = (ouro__pframe){.kind = from->kind, .function = "", .file = "", .module = ""};
  if (from->kind == OURO_FRAME_NATIVE) {
    native_frame(profile, tables, from, to);
    return;
  }
  to->line = from->line;
  to->function = string(profile, tables, from->function);
  to->file = string(profile, tables, from->file);
}

static bool frames(ouro__profile *profile, const ouro__tables *tables) {
  size_t count = tables->frame_count ? tables->frame_count : 1;
  profile->frames = calloc(count, sizeof *profile->frames);
  if (!profile->frames) return false;
  profile->frame_count = count;
  profile->frames[0] = (ouro__pframe){.function = "", .file = "", .module = ""};
  for (size_t i = 1; i < count; i++) frame(profile, tables, &tables->frames[i], &profile->frames[i]);
  return true;
}

static bool nodes(ouro__profile *profile, const ouro__tables *tables) {
  size_t count = tables->node_count ? tables->node_count : 1;
  uint16_t *depth = calloc(count, sizeof *depth);
  profile->nodes = calloc(count, sizeof *profile->nodes);
  if (!profile->nodes || !depth) {
    free(depth);
    return false;
  }
  profile->node_count = count;
  for (size_t i = 1; i < count; i++) {
    const ouro__area_node *from = &tables->nodes[i];
    bool good = from->parent < i && depth[from->parent] < DEPTH_MOST;
    profile->nodes[i].parent = good ? from->parent : 0;
    profile->nodes[i].frame = from->frame < profile->frame_count ? from->frame : 0;
    depth[i] = (uint16_t)(good ? depth[from->parent] + 1 : 1);
  }
  free(depth);
  return true;
}

static bool threads(ouro__profile *profile, const ouro__tables *tables) {
  size_t count = tables->thread_count ? tables->thread_count : 1;
  profile->threads = calloc(count, sizeof *profile->threads);
  if (!profile->threads) return false;
  profile->thread_count = count;
  profile->threads[0].name = "";
  for (size_t i = 0; i < tables->thread_count; i++) {
    const ouro__area_thread *from = &tables->threads[i];
    profile->threads[i] = (ouro__pthread){from->id, cut_string(profile, from->name, sizeof from->name)};
  }
  return true;
}

static void counters(const uint64_t counts[OURO_COUNTERS], bool sampled, ouro__psite *to) {
  to->of[OURO_MEASURE_LIVE] = ouro__tally_of(counts[OURO_COUNT_LIVE], counts[OURO_COUNT_LIVE_BYTES], sampled);
  to->of[OURO_MEASURE_PEAK] = ouro__tally_of(counts[OURO_COUNT_PEAK], counts[OURO_COUNT_PEAK_BYTES], sampled);
  to->of[OURO_MEASURE_TOTAL] = ouro__tally_of(counts[OURO_COUNT_ALLOCS], counts[OURO_COUNT_BYTES], sampled);
  to->of[OURO_MEASURE_TEMPORARY] =
      ouro__tally_of(counts[OURO_COUNT_TEMPORARY], counts[OURO_COUNT_TEMPORARY_BYTES], sampled);
  to->of[OURO_MEASURE_END] = ouro__tally_of(counts[OURO_COUNT_END], counts[OURO_COUNT_END_BYTES], sampled);
  to->samples = counts[OURO_COUNT_SAMPLES];
  to->variance = variance(counts[OURO_COUNT_VARIANCE]);
  to->live_variance = variance(counts[OURO_COUNT_LIVE_VARIANCE]);
}

static void site(ouro__profile *profile, const ouro__tables *tables, const ouro__site *from, bool sampled,
                 ouro__psite *to) {
  to->node = from->node < profile->node_count ? from->node : 0;
  to->thread = from->thread < profile->thread_count ? from->thread : 0;
  to->class_ = from->class_;
  to->domain = from->domain < OURO_DOMAINS ? from->domain : OURO_DOMAIN_NATIVE;
  to->type = string(profile, tables, from->type);
  counters(from->counts, sampled, to);
}

static bool sites(ouro__profile *profile, const ouro__tables *tables) {
  size_t count = tables->site_count ? tables->site_count : 1;
  bool sampled = ouro__tables_sampled(tables);
  profile->sites = calloc(count, sizeof *profile->sites);
  if (!profile->sites) return false;
  profile->site_count = count;
  profile->sites[0].type = "";
  for (size_t i = 0; i < tables->site_count; i++) {
    site(profile, tables, &tables->sites[i], sampled, &profile->sites[i]);
  }
  return true;
}

static bool modules(ouro__profile *profile, const ouro__tables *tables) {
  profile->modules = calloc(tables->module_count + 1, sizeof *profile->modules);
  if (!profile->modules) return false;
  profile->module_count = tables->module_count;
  for (size_t i = 0; i < tables->module_count; i++) {
    const ouro__area_module *from = &tables->modules[i];
    profile->modules[i] =
        (ouro__pmodule){from->start, from->end, from->offset, string(profile, tables, from->path), from->generation};
  }
  return true;
}

static ouro__ppin pin(const ouro__area_pin *from) {
  return (ouro__ppin){
      .arena = from->arena,
      .site = from->site,
      .blocks = from->blocks,
      .pools = from->pools,
      .held_pages = from->held_pages,
      .bytes = from->bytes,
      .kept = from->kept,
      .sole = from->sole,
      .oldest = from->oldest / 1e3,
      .youngest = from->youngest / 1e3,
  };
}

static bool pins(ouro__profile *profile, const ouro__tables *tables) {
  profile->pins = calloc(tables->pin_count + 1, sizeof *profile->pins);
  if (!profile->pins) return false;
  for (size_t i = 0; i < tables->pin_count; i++) {
    const ouro__area_pin *from = &tables->pins[i];
    if (from->site < profile->site_count || from->site == UINT32_MAX) profile->pins[profile->pin_count++] = pin(from);
  }
  return true;
}

/* The arguments are side by side, each with its NUL; the last may be cut. */
static bool command(ouro__profile *profile, const ouro__tables *tables) {
  size_t length = sizeof tables->command, count = 0;
  while (length > 0 && !tables->command[length - 1]) length--;
  profile->command = calloc(length + 2, sizeof *profile->command);
  if (!profile->command) return false;
  for (size_t at = 0; at < length;) {
    size_t size = strnlen(tables->command + at, length - at);
    profile->command[count++] = (char *)ouro__profile_string(profile, tables->command + at, size);
    if (!profile->command[count - 1]) return false;
    at += size + 1;
  }
  return true;
}

static void facts(ouro__profile *profile, const ouro__tables *tables) {
  const uint64_t *facts = tables->facts;
  char python[sizeof tables->python + 1] = "";
  bool sampled = ouro__tables_sampled(tables);
  profile->pid = (int)facts[OURO_FACT_PID];
  profile->parent = (int)facts[OURO_FACT_PARENT];
  memcpy(python, tables->python, sizeof tables->python);
  ouro__harmless(python);
  profile->python = cut_string(profile, python, sizeof python);
  profile->mode = sampled ? OURO_TRACE_SAMPLE : OURO_TRACE_EXACT;
  profile->frame_limit = (uint32_t)facts[OURO_FACT_FRAMES];
  profile->native = facts[OURO_FACT_NATIVE] != 0;
  profile->sample_bytes = facts[OURO_FACT_SAMPLE_BYTES];
  profile->start_realtime_ns = facts[OURO_FACT_START_REALTIME_NS];
  profile->seconds = seconds(facts[OURO_FACT_SECONDS_NS]);
  profile->ended = facts[OURO_FACT_ENDED] != 0;
  profile->lost = facts[OURO_FACT_LOST];
  profile->broken = (int)facts[OURO_FACT_BROKEN];
  profile->live = ouro__tally_of(facts[OURO_FACT_LIVE], facts[OURO_FACT_LIVE_BYTES], sampled);
  profile->peak = ouro__tally_of(facts[OURO_FACT_PEAK], facts[OURO_FACT_PEAK_BYTES], sampled);
  profile->total = ouro__tally_of(facts[OURO_FACT_ALLOCS], facts[OURO_FACT_BYTES], sampled);
  profile->peak_seconds = seconds(facts[OURO_FACT_PEAK_NS]);
  profile->end_seconds = facts[OURO_FACT_END_NS] ? seconds(facts[OURO_FACT_END_NS]) : -1;
  profile->pins_seconds = facts[OURO_FACT_PINS_NS] ? seconds(facts[OURO_FACT_PINS_NS]) : -1;
}

ouro__profile *ouro__tables_profile(const ouro__tables *tables, const char *source) {
  ouro__profile *profile = ouro__profile_new(source);
  if (!profile) return NULL;
  facts(profile, tables);
  if (command(profile, tables) && frames(profile, tables) && nodes(profile, tables) && threads(profile, tables) &&
      sites(profile, tables) && modules(profile, tables) && pins(profile, tables)) {
    profile->complete = true;
    return profile;
  }
  ouro__profile_free(profile);
  return NULL;
}
