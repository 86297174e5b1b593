/* cli/export/pprof.c - the profile that `go tool pprof` and its kin read: a gzip file of one message of protocol buffers, as the
 * allocation profiles of Go have it.
 *
 *     sample    of a site: the numbers of its locations, innermost first; four values; labels thread, domain, type, bytes
 *     location  a frame that a node has, under the frame's number: an address and its lines, those of inlined calls first
 *     function  a name and a file
 *     mapping   a module's code. The first is taken for the program
 *
 * The values of `inuse` are of what is live, or of the peak or the end where that measure was asked for; those of `alloc` are of
 * all allocations, or of the temporary ones. Parts are written as they are known, the table of strings last: readers take any
 * order. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <ouro/base.h>

#include "cli/export/export.h"
#include "cli/report/query.h"

enum {
  PROFILE_SAMPLE_TYPE = 1,
  PROFILE_SAMPLE,
  PROFILE_MAPPING,
  PROFILE_LOCATION,
  PROFILE_FUNCTION,
  PROFILE_STRING,
  PROFILE_TIME = 9,
  PROFILE_DURATION,
  PROFILE_PERIOD_TYPE,
  PROFILE_PERIOD,
  PROFILE_COMMENT,
  PROFILE_DEFAULT_TYPE
};
enum { SAMPLE_LOCATIONS = 1, SAMPLE_VALUES, SAMPLE_LABEL };
enum { LABEL_KEY = 1, LABEL_STRING, LABEL_NUMBER, LABEL_UNIT };
enum {
  MAPPING_ID = 1,
  MAPPING_START,
  MAPPING_LIMIT,
  MAPPING_OFFSET,
  MAPPING_FILE,
  MAPPING_BUILD_ID,
  MAPPING_HAS_FUNCTIONS,
  MAPPING_HAS_FILES,
  MAPPING_HAS_LINES,
  MAPPING_HAS_INLINED
};
enum { LOCATION_ID = 1, LOCATION_MAPPING, LOCATION_ADDRESS, LOCATION_LINE };
enum { LINE_FUNCTION = 1, LINE_NUMBER };
enum { FUNCTION_ID = 1, FUNCTION_NAME, FUNCTION_SYSTEM_NAME, FUNCTION_FILE };
enum { TYPE_NAME = 1, TYPE_UNIT };
enum { VALUES = 4, TRACE_SAMPLE = 2 };

typedef struct pprof {
  const ouro__profile *profile;
  ouro__measure inuse, alloc;
  ouro__gzip *gzip;
  ouro__intern strings;
  ouro__intern functions; /* of pairs of strings: name and file */
  bool *frame_used;       /* by frame, and after the last one for sites that were not recorded and that have no stack */
  bool *module_used;
  ouro__message message, part, packed;
  bool failed; /* no memory */
} pprof;

/* ---------------------------------------------------------------- strings, and parts that several messages have */

/* Bytes that are not UTF-8 become U+FFFD, since some readers refuse the whole file otherwise; so do newlines and the like. */
static char *well_formed(const char *text) {
  char *copy = malloc(3 * strlen(text) + 1), *to = copy;
  while (copy && *text) {
    unsigned length = ouro__utf8_length(text);
    bool good = length && !ouro__utf8_is_control(text);
    to = mempcpy(to, good ? text : OURO_UTF8_UNKNOWN, good ? length : strlen(OURO_UTF8_UNKNOWN));
    text += length ? length : 1;
  }
  if (copy) *to = 0;
  return copy;
}

static uint64_t number_of(pprof *it, const char *text) {
  char *copy = well_formed(text);
  uint32_t number = copy ? ouro__intern_add(&it->strings, copy, strlen(copy)) : UINT32_MAX;
  free(copy);
  it->failed |= number == UINT32_MAX;
  return number;
}

static uint64_t function_of(pprof *it, const char *name, const char *file) {
  uint64_t pair[2] = {number_of(it, name), number_of(it, file)};
  uint32_t number = ouro__intern_add(&it->functions, pair, sizeof pair);
  it->failed |= number == UINT32_MAX;
  return (uint64_t)number + 1;
}

/* The message is done: a field of the profile. */
static void finish(pprof *it, unsigned field) {
  ouro__message whole = it->packed;
  whole.length = 0;
  ouro__message_part(&whole, field, &it->message);
  ouro__gzip_message(it->gzip, &whole);
  it->packed = whole;
}

static void value_type(pprof *it, unsigned field, const char *name, const char *unit) {
  ouro__message_number(&it->message, TYPE_NAME, number_of(it, name));
  ouro__message_number(&it->message, TYPE_UNIT, number_of(it, unit));
  finish(it, field);
}

static void plain(pprof *it, unsigned field, uint64_t number) {
  ouro__message_number(&it->message, field, number);
  ouro__gzip_message(it->gzip, &it->message);
}

/* ---------------------------------------------------------------- samples */

static void label(pprof *it, const char *key, const char *text) {
  if (!*text) return;
  ouro__message_number(&it->part, LABEL_KEY, number_of(it, key));
  ouro__message_number(&it->part, LABEL_STRING, number_of(it, text));
  ouro__message_part(&it->message, SAMPLE_LABEL, &it->part);
}

static void labels(pprof *it, const ouro__psite *site) {
  char name[OURO_NAME_BYTES];
  label(it, "thread", ouro__thread_name(it->profile, site->thread, name));
  label(it, "domain", ouro__domain_words[site->domain]);
  label(it, "type", site->type);
  if (site->class_ == 0) return;
  ouro__message_number(&it->part, LABEL_KEY, number_of(it, "bytes"));
  ouro__message_number(&it->part, LABEL_NUMBER, ouro__class_bytes(site->class_));
  ouro__message_number(&it->part, LABEL_UNIT, number_of(it, "bytes"));
  ouro__message_part(&it->message, SAMPLE_LABEL, &it->part);
}

/* The number after that of the last frame stands for what was not recorded, the next for no stack. */
static void locations(pprof *it, uint32_t site) {
  ouro__stack_walk walk = ouro__stack_begin(it->profile, site == 0 ? 0 : it->profile->sites[site].node);
  size_t bare = it->profile->frame_count + (site != 0);
  if (walk.node == 0) {
    it->frame_used[bare] = true;
    ouro__message_packed(&it->packed, bare);
  }
  for (uint32_t frame; (frame = ouro__stack_next_call(&walk));) {
    it->frame_used[frame] = true;
    ouro__message_packed(&it->packed, frame);
  }
  ouro__message_part(&it->message, SAMPLE_LOCATIONS, &it->packed);
}

static void sample(pprof *it, uint32_t number) {
  const ouro__psite *site = &it->profile->sites[number];
  const ouro__tally *alloc = &site->of[it->alloc], *inuse = &site->of[it->inuse];
  const int64_t values[VALUES] = {alloc->count, alloc->bytes, inuse->count, inuse->bytes};
  if (!values[0] && !values[1] && !values[2] && !values[3]) return;
  it->packed.length = 0;
  locations(it, number);
  for (unsigned i = 0; i < VALUES; i++) ouro__message_packed(&it->packed, (uint64_t)values[i]);
  ouro__message_part(&it->message, SAMPLE_VALUES, &it->packed);
  labels(it, site);
  finish(it, PROFILE_SAMPLE);
}

/* ---------------------------------------------------------------- locations, functions, mappings */

/* The number of the module whose code the frame is in; module_count: none is known. Of several that were at the address one after
 * another, the last that was there in the frame's time. */
static size_t module_of(const ouro__profile *profile, const ouro__pframe *frame) {
  size_t found = profile->module_count;
  if (frame->kind != OURO_FRAME_NATIVE) return found;
  for (size_t i = 0; i < profile->module_count; i++) {
    const ouro__pmodule *module = &profile->modules[i];
    bool there = frame->run_address >= module->start && frame->run_address < module->end;
    if (!there || module->generation > frame->generation) continue;
    if (found == profile->module_count || module->generation >= profile->modules[found].generation) found = i;
  }
  return found;
}

static void line(pprof *it, const char *function, const char *file, uint32_t number) {
  ouro__message_number(&it->part, LINE_FUNCTION, function_of(it, function, file));
  ouro__message_number(&it->part, LINE_NUMBER, number);
  ouro__message_part(&it->message, LOCATION_LINE, &it->part);
}

static void frame_location(pprof *it, uint32_t number) {
  const ouro__profile *profile = it->profile;
  const ouro__pframe *frame = &profile->frames[number];
  char name[OURO_NAME_BYTES];
  size_t module = module_of(profile, frame);
  ouro__message_number(&it->message, LOCATION_ID, number);
  if (module < profile->module_count) {
    it->module_used[module] = true;
    ouro__message_number(&it->message, LOCATION_MAPPING, module + 1);
  }
  ouro__message_number(&it->message, LOCATION_ADDRESS, frame->run_address);
  for (uint32_t i = number; i != 0; i = profile->frames[i].caller) {
    frame = &profile->frames[i];
    line(it, ouro__frame_name(frame, name), frame->file, frame->line);
  }
  finish(it, PROFILE_LOCATION);
}

static void all_locations(pprof *it) {
  size_t count = it->profile->frame_count;
  for (size_t i = 1; i < count; i++) {
    if (it->frame_used[i]) frame_location(it, (uint32_t)i);
  }
  for (uint32_t site = 0; site < 2; site++) {
    if (!it->frame_used[count + site]) continue;
    ouro__message_number(&it->message, LOCATION_ID, count + site);
    line(it, ouro__no_stack_name(site), "", 0);
    finish(it, PROFILE_LOCATION);
  }
}

/* With the name as the system's, too, pprof takes it for one of C++, and drops what is in <> of a name such as <module>. */
static bool is_mangled(const pprof *it, uint64_t name) { return strncmp(it->strings.list[name].bytes, "_Z", 2) == 0; }

static void all_functions(pprof *it) {
  for (size_t i = 0; i < it->functions.count; i++) {
    const uint64_t *pair = it->functions.list[i].bytes;
    ouro__message_number(&it->message, FUNCTION_ID, i + 1);
    ouro__message_number(&it->message, FUNCTION_NAME, pair[0]);
    if (is_mangled(it, pair[0])) ouro__message_number(&it->message, FUNCTION_SYSTEM_NAME, pair[0]);
    ouro__message_number(&it->message, FUNCTION_FILE, pair[1]);
    finish(it, PROFILE_FUNCTION);
  }
}

/* Everything that could be found has been found: a reader need not look for functions and lines itself. */
static void finish_mapping(pprof *it, const char *file) {
  ouro__message_number(&it->message, MAPPING_FILE, number_of(it, file));
  for (unsigned field = MAPPING_HAS_FUNCTIONS; field <= MAPPING_HAS_INLINED; field++) {
    ouro__message_number(&it->message, field, 1);
  }
  finish(it, PROFILE_MAPPING);
}

static void mapping(pprof *it, size_t number) {
  const ouro__pmodule *module = &it->profile->modules[number];
  char id[OURO_BUILD_ID_BYTES];
  ouro__build_id(module->path, id);
  ouro__message_number(&it->message, MAPPING_ID, number + 1);
  ouro__message_number(&it->message, MAPPING_START, module->start);
  ouro__message_number(&it->message, MAPPING_LIMIT, module->end);
  ouro__message_number(&it->message, MAPPING_OFFSET, module->offset);
  ouro__message_number(&it->message, MAPPING_BUILD_ID, number_of(it, id));
  finish_mapping(it, module->path);
}

/* Without a single one, pprof complains that it does not know the program. */
static void all_mappings(pprof *it) {
  const ouro__profile *profile = it->profile;
  if (profile->module_count == 0) {
    ouro__message_number(&it->message, MAPPING_ID, 1);
    finish_mapping(it, profile->command && profile->command[0] ? profile->command[0] : profile->source);
  }
  for (size_t i = 0; i < profile->module_count; i++) {
    if (i == 0 || it->module_used[i]) mapping(it, i);
  }
}

/* ---------------------------------------------------------------- the profile itself */

static void comment(pprof *it, const char *text) { plain(it, PROFILE_COMMENT, number_of(it, text)); }

static void comments(pprof *it) {
  char text[256];
  comment(it, "ouro " OURO_VERSION);
  if (it->profile->mode == TRACE_SAMPLE) {
    snprintf(text, sizeof text, "sampled: one byte in %" PRIu64 "; the values are estimates",
             it->profile->sample_bytes);
    comment(it, text);
  }
  if (it->inuse == OURO_MEASURE_PEAK) comment(it, "inuse: what was live when most was");
  if (it->inuse == OURO_MEASURE_END) comment(it, "inuse: what was live when the program began to end");
  if (it->alloc == OURO_MEASURE_TEMPORARY) comment(it, "alloc: temporary allocations alone");
}

static void head(pprof *it, ouro__measure measure) {
  const ouro__profile *profile = it->profile;
  bool allocated = measure == OURO_MEASURE_TOTAL || measure == OURO_MEASURE_TEMPORARY;
  number_of(it, ""); /* is number 0 */
  value_type(it, PROFILE_SAMPLE_TYPE, "alloc_objects", "count");
  value_type(it, PROFILE_SAMPLE_TYPE, "alloc_space", "bytes");
  value_type(it, PROFILE_SAMPLE_TYPE, "inuse_objects", "count");
  value_type(it, PROFILE_SAMPLE_TYPE, "inuse_space", "bytes");
  value_type(it, PROFILE_PERIOD_TYPE, "space", "bytes");
  plain(it, PROFILE_PERIOD, profile->mode == TRACE_SAMPLE ? profile->sample_bytes : 1);
  plain(it, PROFILE_TIME, profile->start_realtime_ns);
  plain(it, PROFILE_DURATION, (uint64_t)(profile->seconds * 1e9));
  plain(it, PROFILE_DEFAULT_TYPE, number_of(it, allocated ? "alloc_space" : "inuse_space"));
  comments(it);
}

static void all_strings(pprof *it) {
  for (size_t i = 0; i < it->strings.count; i++) {
    ouro__message_bytes(&it->message, PROFILE_STRING, it->strings.list[i].bytes, it->strings.list[i].length);
    ouro__gzip_message(it->gzip, &it->message);
  }
}

static void everything(pprof *it, ouro__measure measure) {
  head(it, measure);
  for (uint32_t i = 0; i < it->profile->site_count && !it->failed; i++) sample(it, i);
  all_locations(it);
  all_functions(it);
  all_mappings(it);
  all_strings(it);
}

bool ouro__export_pprof(const ouro__profile *profile, ouro__measure measure, FILE *out) {
  pprof it = {
      .profile = profile,
      .inuse = measure == OURO_MEASURE_PEAK || measure == OURO_MEASURE_END ? measure : OURO_MEASURE_LIVE,
      .alloc = measure == OURO_MEASURE_TEMPORARY ? measure : OURO_MEASURE_TOTAL,
      .frame_used = calloc(profile->frame_count + 2, sizeof(bool)),
      .module_used = calloc(profile->module_count + 1, sizeof(bool)),
      .gzip = ouro__gzip_open(out),
  };
  bool ready = it.frame_used && it.module_used && it.gzip;
  if (ready) everything(&it, measure);
  bool written = it.gzip && ouro__gzip_close(it.gzip);
  free(it.message.bytes);
  free(it.part.bytes);
  free(it.packed.bytes);
  free(it.frame_used);
  free(it.module_used);
  ouro__intern_free(&it.strings);
  ouro__intern_free(&it.functions);
  return ready && written && !it.failed;
}
