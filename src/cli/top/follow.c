/* cli/top/follow.c - what is looked at: a process's area, read again and again, or a recording, read once.
 *
 * A look makes a small profile of what the area has beyond what is known, has its native frames symbolised, and appends it:
 *
 *     area      frames  1 2 3 4 5 | 6 7        nodes  1 2 3 | 4
 *     profile   frames  1 2 3 4 5 a b | 6' 7' c       the same numbers
 *
 * a, b, c are calls that were inlined, which only a profile has; frame_of says that the area's 6 is the profile's 8. Sites keep
 * their numbers too; all their counters are read at every look. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/profile/request.h"
#include "cli/top/top.h"

#define HISTORY_PERIOD_NS UINT64_C(100000000)
#define PINS_PERIOD_NS UINT64_C(5000000000)

/* ---------------------------------------------------------------- growing the profile */

/* `text` of another profile. */
static const char *own(ouro__profile *profile, const char *text) {
  const char *copy = ouro__profile_string(profile, text, strlen(text));
  return copy ? copy : "";
}

/* An array of `count` entries with room for more; NULL: no memory, and the array is as it was. */
static void *extended(void **array, size_t count, size_t size) {
  void *grown = realloc(*array, (count + 1) * size);
  if (grown) *array = grown;
  return grown;
}

/* Append the frames of `more`, which are the area's from frame_count on and then those that were inlined into them. */
static bool add_frames(ouro__follow *follow, const ouro__profile *more, size_t area_count) {
  ouro__profile *profile = follow->profile;
  size_t base = profile->frame_count - 1;
  if (!extended((void **)&profile->frames, base + more->frame_count, sizeof *profile->frames)) return false;
  if (!extended((void **)&follow->frame_of, area_count, sizeof *follow->frame_of)) return false;
  for (size_t i = 1; i < more->frame_count; i++) {
    ouro__pframe frame = more->frames[i];
    frame.function = own(profile, frame.function);
    frame.file = own(profile, frame.file);
    frame.module = own(profile, frame.module);
    if (frame.caller) frame.caller += (uint32_t)base;
    profile->frames[base + i] = frame;
  }
  for (size_t i = follow->frame_count; i < area_count; i++) {
    follow->frame_of[i] = (uint32_t)(base + 1 + i - follow->frame_count);
  }
  profile->frame_count = base + more->frame_count;
  follow->frame_count = area_count;
  return true;
}

static bool add_nodes(ouro__follow *follow, const ouro__tables *tables) {
  ouro__profile *profile = follow->profile;
  if (!extended((void **)&profile->nodes, tables->node_count, sizeof *profile->nodes)) return false;
  for (size_t i = profile->node_count; i < tables->node_count; i++) {
    ouro__area_node node = tables->nodes[i];
    bool known = node.frame < follow->frame_count && node.frame > 0;
    profile->nodes[i] = (ouro__pnode){node.parent < i ? node.parent : 0, known ? follow->frame_of[node.frame] : 0};
  }
  if (tables->node_count > profile->node_count) profile->node_count = tables->node_count;
  return true;
}

/* Live of each site as it was known until now. */
static void remember(ouro__follow *follow) {
  const ouro__profile *profile = follow->profile;
  free(follow->before);
  follow->before_count = 0;
  follow->before = calloc(profile->site_count + 1, sizeof *follow->before);
  if (!follow->before) return;
  follow->before_count = profile->site_count;
  for (size_t i = 0; i < profile->site_count; i++) follow->before[i] = profile->sites[i].of[OURO_MEASURE_LIVE];
}

/* What is read anew each time. */
static void copy_tables(ouro__profile *to, const ouro__profile *from) {
  to->sites = from->sites;
  to->site_count = from->site_count;
  to->threads = from->threads;
  to->thread_count = from->thread_count;
  to->modules = from->modules;
  to->module_count = from->module_count;
  to->pins = from->pins;
  to->pin_count = from->pin_count;
}

/* Take those of `more`, and leave it the old ones, which are freed with it. A site's type never changes. */
static void take_tables(ouro__profile *profile, ouro__profile *more) {
  ouro__profile old = *profile;
  copy_tables(profile, more);
  copy_tables(more, &old);
  for (size_t i = 0; i < profile->site_count; i++) {
    ouro__psite *site = &profile->sites[i];
    site->type = i < more->site_count ? more->sites[i].type : own(profile, site->type);
  }
  for (size_t i = 0; i < profile->thread_count; i++) profile->threads[i].name = own(profile, profile->threads[i].name);
  for (size_t i = 0; i < profile->module_count; i++) profile->modules[i].path = own(profile, profile->modules[i].path);
}

static void take_facts(ouro__profile *profile, const ouro__profile *more) {
  profile->mode = more->mode;
  profile->frame_limit = more->frame_limit;
  profile->native = more->native;
  profile->sample_bytes = more->sample_bytes;
  profile->start_realtime_ns = more->start_realtime_ns;
  profile->seconds = more->seconds;
  profile->ended = more->ended;
  profile->lost = more->lost;
  profile->broken = more->broken;
  profile->live = more->live;
  profile->peak = more->peak;
  profile->total = more->total;
  profile->peak_seconds = more->peak_seconds;
  profile->end_seconds = more->end_seconds;
  profile->pins_seconds = more->pins_seconds;
  profile->python = own(profile, more->python);
}

/* The profile of the area's tables, with new frames alone. Nodes that refer to others are of no use in it, and not used. */
static ouro__profile *profile_of_rest(const ouro__follow *follow, ouro__tables *tables) {
  ouro__tables rest = *tables;
  size_t known = follow->frame_count;
  rest.frames += known - 1; /* the first is passed over */
  rest.frame_count = tables->frame_count > known ? tables->frame_count - known + 1 : 1;
  ouro__profile *more = ouro__tables_profile(&rest, follow->path);
  if (more && more->frame_count > 1) ouro__profile_symbolise(more);
  return more;
}

/* A profile of the process, with nothing that it allocated. */
static bool begin(ouro__follow *follow, const ouro__tables *tables) {
  ouro__tables nothing = {.string_bytes = 0};
  memcpy(nothing.facts, tables->facts, sizeof nothing.facts);
  memcpy(nothing.command, tables->command, sizeof nothing.command);
  follow->profile = ouro__tables_profile(&nothing, follow->path);
  follow->frame_count = 1;
  return follow->profile != NULL;
}

/* The profile up to date with what the area says. false: no memory. */
static bool grow(ouro__follow *follow, ouro__tables *tables) {
  if (!follow->profile && !begin(follow, tables)) return false;
  size_t frame_count = tables->frame_count > follow->frame_count ? tables->frame_count : follow->frame_count;
  ouro__profile *more = profile_of_rest(follow, tables);
  bool grown = more && add_frames(follow, more, frame_count) && add_nodes(follow, tables);
  if (grown) {
    if (follow->looked_ns) remember(follow);
    take_tables(follow->profile, more);
    take_facts(follow->profile, more);
  }
  ouro__profile_free(more);
  return grown;
}

/* ---------------------------------------------------------------- beside the area */

/* PID.stat has the counters of the heap, see preload/control.h; it is of the program that the process runs now. */
static uint64_t heap_held(const ouro__follow *follow) {
  ouro__control_page page;
  char path[PATH_MAX + 32];
  const char *slash = strrchr(follow->path, '/');
  snprintf(path, sizeof path, "%.*s%ld.stat", slash ? (int)(slash + 1 - follow->path) : 0, follow->path,
           (long)follow->area.page.pid);
  int fd = ouro__run_file_open(path, O_RDONLY);
  bool there = ouro__page_read(fd, &page);
  if (fd >= 0) close(fd);
  return there ? page.counters.held + page.library_held : 0;
}

static uint64_t resident_of(pid_t pid) {
  char path[64], text[64];
  unsigned long long pages = 0;
  snprintf(path, sizeof path, "/proc/%ld/statm", (long)pid);
  FILE *file = fopen(path, "re");
  if (!file) return 0;
  if (fgets(text, sizeof text, file)) sscanf(text, "%*u %llu", &pages);
  fclose(file);
  return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static bool is_running(const ouro__follow *follow) {
  pid_t pid = follow->area.page.pid;
  return follow->area.page.state == OURO_AREA_RUNNING && pid > 0 && (kill(pid, 0) == 0 || errno == EPERM);
}

static void add_point(ouro__follow *follow) {
  uint64_t held = follow->held ? follow->held : (uint64_t)follow->profile->live.bytes;
  ouro__history_add(&follow->history, (uint64_t)(follow->profile->seconds * 1e9), held, follow->resident);
}

static void measure_rate(ouro__follow *follow) {
  int64_t allocations = follow->profile->total.count;
  uint64_t now = ouro__now_ns();
  double seconds = follow->looked_ns ? (double)(now - follow->looked_ns) / 1e9 : follow->profile->seconds;
  if (seconds > 0) follow->rate = (double)(allocations - follow->allocations) / seconds;
  follow->allocations = allocations;
  follow->looked_ns = now;
}

/* ---------------------------------------------------------------- looking at a process */

/* Tracing began anew: nothing of what is known stays. */
static void begin_anew(ouro__follow *follow) {
  ouro__profile_free(follow->profile);
  follow->profile = NULL;
  follow->profiles++;
  follow->frame_count = 0;
  free(follow->before);
  follow->before = NULL;
  follow->before_count = 0;
  follow->looked_ns = 0;
  follow->asked_ns = 0;
  follow->asked = follow->area.page.answered;
  follow->allocations = 0;
  ouro__history_init(&follow->history, HISTORY_PERIOD_NS);
}

static bool is_another(const ouro__profile *profile, const ouro__tables *tables) {
  return profile->start_realtime_ns != tables->facts[OURO_FACT_START_REALTIME_NS] ||
         tables->site_count < profile->site_count || tables->node_count < profile->node_count;
}

/* false: no memory. */
static bool read_area(ouro__follow *follow, bool ended) {
  ouro__tables tables;
  if (!ouro__area_tables(&follow->area, ouro__now_ns(), ended, &tables)) return false;
  if (follow->profile && is_another(follow->profile, &tables)) begin_anew(follow);
  bool grown = grow(follow, &tables);
  ouro__tables_free(&tables);
  return grown;
}

/* The process executes another program: the new one has an area of its own, PID-1.trace, then PID-2.trace. */
static void follow_exec(ouro__follow *follow) {
  char next[PATH_MAX + 32];
  const char *slash = strrchr(follow->path, '/');
  int folder = slash ? (int)(slash + 1 - follow->path) : 0;
  unsigned number = 0;
  sscanf(follow->path + folder, "%*u-%u.trace", &number);
  snprintf(next, sizeof next, "%.*s%ld-%u.trace", folder, follow->path, (long)follow->area.page.pid, number + 1);
  int fd = ouro__run_file_open(next, O_RDONLY);
  ouro__area area;
  if (fd < 0 || strlen(next) >= PATH_MAX || !ouro__area_open(&area, fd)) return;
  ouro__area_close(&follow->area);
  follow->area = area;
  strcpy(follow->path, next);
  begin_anew(follow);
}

void ouro__follow_look(ouro__follow *follow) {
  if (!follow->live || follow->ended) return;
  follow_exec(follow);
  bool ended = !is_running(follow);
  if (!read_area(follow, ended)) return;
  follow->ended = ended;
  uint64_t resident = resident_of(follow->area.page.pid), held = heap_held(follow);
  if (resident) follow->resident = resident;
  if (held) follow->held = held;
  free(follow->profile->heap_json);
  follow->profile->heap_json = ouro__area_heap(follow->path);
  add_point(follow);
  measure_rate(follow);
}

ouro__measure ouro__follow_measure(const ouro__follow *follow) {
  return follow->profile->end_seconds >= 0 ? OURO_MEASURE_END : OURO_MEASURE_LIVE;
}

/* It walks its heap for that: not more often than every few seconds, and not before it has answered. */
void ouro__follow_ask_pins(ouro__follow *follow) {
  const ouro__request pins = {.what = OURO_WISH_PINS};
  uint64_t now = ouro__now_ns();
  bool soon = follow->asked_ns && now - follow->asked_ns < PINS_PERIOD_NS;
  if (!follow->live || follow->ended || soon || !ouro__request_is_answered(follow->area.page.answered, follow->asked))
    return;
  if (ouro__request_ask(follow->path, &pins, &follow->asked) == 0) follow->asked_ns = now;
}

/* ---------------------------------------------------------------- moving through a recording */

/* What was held and resident then: of the last point before. */
static void memory_at(ouro__follow *follow, double seconds) {
  const ouro__profile *profile = follow->profile;
  follow->held = follow->resident = 0;
  for (size_t i = 0; i < profile->point_count && (i == 0 || profile->points[i].seconds <= seconds); i++) {
    follow->held = profile->points[i].held_bytes;
    follow->resident = profile->points[i].resident_bytes;
  }
}

static void show_moment(ouro__follow *follow) {
  const ouro__profile *profile = follow->profile;
  size_t moment = follow->moment;
  bool whole = moment == profile->snapshot_count;
  bool at_end = whole && ouro__follow_measure(follow) == OURO_MEASURE_END;
  double seconds = at_end ? profile->end_seconds : whole ? profile->seconds : profile->snapshots[moment].seconds;
  while (at_end && moment > 0 && profile->snapshots[moment - 1].seconds >= seconds)
    moment--; /* were taken after the end */
  free(follow->now);
  free(follow->before);
  follow->now = whole ? NULL : ouro__profile_at(profile, moment);
  follow->before = moment > 0 ? ouro__profile_at(profile, moment - 1) : NULL;
  follow->before_count = follow->before ? profile->site_count : 0;
  memory_at(follow, seconds);
}

bool ouro__follow_move(ouro__follow *follow, int by) {
  if (follow->live || (by < 0 && follow->moment == 0)) return false;
  if (by > 0 && follow->moment == follow->profile->snapshot_count) return false;
  follow->moment += (size_t)by;
  show_moment(follow);
  return true;
}

/* ---------------------------------------------------------------- beginning and end */

/* It is read again and again while its process runs; otherwise, and where it is a copy of an area, it is as good as a recording.
 * */
static bool open_area(ouro__follow *follow, const char *path) {
  size_t length = strlen(path);
  int fd = length > 6 && strcmp(path + length - 6, ".trace") == 0 ? ouro__run_file_open(path, O_RDONLY) : -1;
  if (fd < 0 || !ouro__area_open(&follow->area, fd)) return false;
  if (!is_running(follow)) {
    ouro__area_close(&follow->area);
    return false;
  }
  snprintf(follow->path, sizeof follow->path, "%s", path);
  follow->live = true;
  begin_anew(follow);
  ouro__follow_look(follow);
  return follow->profile != NULL;
}

static bool open_recording(ouro__follow *follow, const char *name) {
  follow->profile = ouro__profile_load(name, false);
  if (!follow->profile) return false;
  const ouro__profile *profile = follow->profile;
  ouro__history_init(&follow->history, HISTORY_PERIOD_NS);
  for (size_t i = 0; i < profile->point_count; i++) {
    const ouro__ppoint *point = &profile->points[i];
    ouro__history_add(&follow->history, (uint64_t)(point->seconds * 1e9), point->held_bytes, point->resident_bytes);
  }
  follow->ended = profile->ended;
  if (profile->seconds > 0) follow->rate = (double)profile->total.count / profile->seconds;
  follow->moment = profile->snapshot_count;
  show_moment(follow);
  return true;
}

bool ouro__follow_open(ouro__follow *follow, const char *name) {
  char path[PATH_MAX];
  bool number = name && *name && !name[strspn(name, "0123456789")];
  *follow = (ouro__follow){.area.fd = -1};
  if (name && !number) return open_area(follow, name) || open_recording(follow, name);
  if (ouro__area_find(name ? (pid_t)strtol(name, NULL, 10) : 0, path)) {
    return open_area(follow, path) || open_recording(follow, path);
  }
  ouro__say("no process%s%s is being traced by this user; start it with: ouro run --trace -- PROGRAM", name ? " " : "",
            name ? name : "");
  return false;
}

void ouro__follow_close(ouro__follow *follow) {
  ouro__area_close(&follow->area);
  ouro__profile_free(follow->profile);
  free(follow->frame_of);
  free(follow->now);
  free(follow->before);
}
