/* cli/profile/recorder.c - when what is recorded: a point of the time line at each look, a snapshot when one is due, the pins
 * from time to time, and all that is left when the process has ended, whichever way.
 *
 * What it costs is bounded: a snapshot comes at the earliest a hundred times as long after the last as that took, and so do
 * pins, which cost the process itself. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/profile/recorder.h"
#include "cli/profile/recording.h"
#include "cli/profile/request.h"

#define SECOND_NS UINT64_C(1000000000)
#define FLUSH_NS (5 * SECOND_NS)      /* points that nobody else writes are in the file after so long */
#define PINS_MOST_NS (10 * SECOND_NS) /* between two wishes, unless they cost much */
#define SHARE 100                     /* of the time, at most one part is work */
#define SYMBOLS_NS (5 * SECOND_NS)    /* spent on the names of native frames, but for the program itself */
#define NAMED 3                       /* recordings that the last line names one by one */

/* ---------------------------------------------------------------- names */

static bool ends_with(const char *name, const char *end) {
  size_t length = strlen(name), end_length = strlen(end);
  return length >= end_length && strcmp(name + length - end_length, end) == 0;
}

/* PROGRAM.PID, or what the user named without its .ouro. */
static char *base_name(const ouro__run_options *options, pid_t program) {
  const char *output = options->output;
  if (output) return ouro__text_of("%.*s", (int)(strlen(output) - (ends_with(output, ".ouro") ? 5 : 0)), output);
  const char *slash = strrchr(options->command[0], '/');
  return ouro__text_of("%s.%ld", slash ? slash + 1 : options->command[0], (long)program);
}

/* The program's own recording has the base's name, those of other processes add to it. */
static char *file_name(const ouro__recorder *recorder, const ouro__followed *one) {
  bool is_program = one->pid == recorder->processes->program;
  if (is_program && recorder->options->output) return strdup(recorder->options->output);
  if (is_program) return ouro__text_of("%s.ouro", recorder->base);
  return ouro__text_of("%s.%ld.ouro", recorder->base, (long)one->pid);
}

/* A process that executes another program leaves the name to that: wrappers (env, shells, pyenv's shims) are not what the user
 * is after. */
static void step_aside(const ouro__recorder *recorder, ouro__followed *one) {
  size_t length = strlen(one->file) - (ends_with(one->file, ".ouro") ? 5 : 0);
  char *aside = ouro__text_of("%.*s.exec%u.ouro", (int)length, one->file, one->program);
  unsigned flags = recorder->options->force ? 0 : RENAME_NOREPLACE;
  if (!aside || renameat2(AT_FDCWD, one->file, AT_FDCWD, aside, flags) != 0) {
    ouro__say("cannot rename %s to %s: %s", one->file, aside ? aside : "make way", strerror(errno));
    free(aside);
    return;
  }
  free(one->file);
  one->file = aside;
}

/* ---------------------------------------------------------------- beginning */

int ouro__recorder_open(ouro__recorder *recorder, const ouro__run_options *options) {
  const char *path = options->output;
  *recorder = (ouro__recorder){.options = options, .first = {.fd = -1}};
  if (!path) return 0;
  recorder->first_path = strdup(path);
  int error = recorder->first_path ? ouro__writer_open(&recorder->first, recorder->first_path, options->force) : ENOMEM;
  if (error == EEXIST)
    ouro__say("%s exists; name another file, or add --force to overwrite it", path);
  else if (error)
    ouro__say("cannot write %s: %s", path, strerror(error));
  return error ? OURO_EXIT_USAGE : 0;
}

static ouro__followed *add(ouro__recorder *recorder, pid_t pid, unsigned program, char *area_path) {
  if (recorder->count == recorder->room) {
    size_t room = recorder->room ? 2 * recorder->room : 8;
    ouro__followed **list = realloc(recorder->list, room * sizeof *list);
    if (!list) return NULL;
    recorder->list = list;
    recorder->room = room;
  }
  ouro__followed *one = calloc(1, sizeof *one);
  if (!one) return NULL;
  *one = (ouro__followed){
      .pid = pid, .program = program, .area_path = area_path, .area = {.fd = -1}, .writer = {.fd = -1}};
  recorder->list[recorder->count++] = one;
  return one;
}

/* "PID.trace" or "PID-N.trace" */
static bool parse_name(const char *name, pid_t *pid, unsigned *program) {
  char *end;
  if (*name < '0' || *name > '9') return false;
  *pid = (pid_t)strtol(name, &end, 10);
  *program = *end == '-' ? (unsigned)strtoul(end + 1, &end, 10) : 0;
  return strcmp(end, ".trace") == 0;
}

static ouro__followed *find(const ouro__recorder *recorder, pid_t pid, unsigned program) {
  for (size_t i = recorder->count; i-- > 0;) {
    ouro__followed *one = recorder->list[i];
    if (one->pid == pid && one->program == program && !one->removed) return one;
  }
  return NULL;
}

/* The programs of a process in the order in which it executed them. */
static int compare(const void *a, const void *b) {
  const ouro__followed *one = *(ouro__followed *const *)a, *other = *(ouro__followed *const *)b;
  if (one->pid != other->pid) return one->pid < other->pid ? -1 : 1;
  return one->program < other->program ? -1 : one->program > other->program;
}

static void read_directory(ouro__recorder *recorder) {
  const char *folder = recorder->processes->directory;
  pid_t pid;
  unsigned program;
  DIR *directory = folder ? opendir(folder) : NULL;
  if (!directory) return;
  for (struct dirent *entry; (entry = readdir(directory));) {
    if (!parse_name(entry->d_name, &pid, &program) || find(recorder, pid, program)) continue;
    if (recorder->options->only_program && pid != recorder->processes->program) continue;
    char *path = ouro__text_of("%s/%s", folder, entry->d_name);
    if (!path || !add(recorder, pid, program, path)) free(path);
  }
  closedir(directory);
  if (recorder->count > 1) qsort(recorder->list, recorder->count, sizeof *recorder->list, compare);
}

/* Open the recording and write what there is already: ouro itself may be killed before a snapshot is due. false: it cannot be,
 * and the user was told. */
static bool begin(ouro__recorder *recorder, ouro__followed *one) {
  if (!recorder->base) recorder->base = base_name(recorder->options, recorder->processes->program);
  char *file = recorder->base ? file_name(recorder, one) : NULL;
  int error = ENOMEM;
  if (file && recorder->first_path && strcmp(file, recorder->first_path) == 0) {
    free(file);
    file = recorder->first_path;
    one->writer = recorder->first;
    recorder->first_path = NULL;
    error = 0;
  } else if (file) {
    error = ouro__writer_open(&one->writer, file, recorder->options->force);
  }
  if (error) {
    ouro__say("cannot write %s: %s; process %ld is not recorded", file ? file : "a recording", strerror(error),
              (long)one->pid);
    free(file);
    one->done = true;
    return false;
  }
  one->file = file;
  double wish = recorder->options->snapshot_seconds;
  one->interval_ns = wish > 0 ? (uint64_t)(wish * 1e9) : SECOND_NS;
  one->due_ns = one->area.page.started_ns + one->interval_ns;
  one->pins_wait_ns = SECOND_NS;
  one->pins_due_ns = one->area.page.started_ns + SECOND_NS / 2;
  one->flush_ns = ouro__now_ns() + FLUSH_NS;
  ouro__writer_update(&one->writer, &one->area, ouro__now_ns(), false);
  return true;
}

/* ---------------------------------------------------------------- while it runs */

static uint64_t since_start(const ouro__followed *one, uint64_t now) {
  return now > one->area.page.started_ns ? now - one->area.page.started_ns : 0;
}

static const ouro__process *process_of(const ouro__recorder *recorder, pid_t pid) {
  const ouro__processes *all = recorder->processes;
  for (size_t i = all->count; i-- > 0;) {
    if (all->list[i].pid == pid) return &all->list[i];
  }
  return NULL;
}

static void point(ouro__recorder *recorder, ouro__followed *one, uint64_t now) {
  const ouro__process *process = process_of(recorder, one->pid);
  if (!process || !process->alive) return;
  ouro__writer_point(&one->writer, since_start(one, now), one->area.page.live_bytes, ouro__process_held(process),
                     process->resident);
  if (now < one->flush_ns) return;
  ouro__writer_flush(&one->writer);
  one->flush_ns = now + FLUSH_NS;
}

/* Where the user named no interval, it doubles so that there are never many more than can be shown. */
static void schedule(const ouro__recorder *recorder, ouro__followed *one, uint64_t cost) {
  one->taken++;
  bool many = one->taken >= OURO_SNAPSHOTS_MOST && one->taken % (OURO_SNAPSHOTS_MOST / 2) == 0;
  if (many && recorder->options->snapshot_seconds <= 0) one->interval_ns *= 2;
  uint64_t wait = one->interval_ns > SHARE * cost ? one->interval_ns : SHARE * cost;
  one->due_ns = ouro__now_ns() + wait;
}

static void snapshot(ouro__followed *one, const char *label, uint64_t now, bool ended) {
  ouro__writer_update(&one->writer, &one->area, now, ended);
  ouro__writer_snapshot(&one->writer, since_start(one, now), label);
  ouro__writer_pins(&one->writer, &one->area);
  one->flush_ns = now + FLUSH_NS;
}

/* An answer that took long to come cost the process much, or it was idle: either way it is asked less often. */
static void wish_pins(ouro__followed *one, uint64_t now) {
  ouro__request request = {.what = OURO_WISH_PINS};
  uint32_t number;
  uint64_t written = one->area.page.pins_ns;
  if (now < one->pins_due_ns || one->area.page.asked != one->area.page.answered) return;
  uint64_t took = one->pins_asked_ns && written > one->pins_asked_ns ? written - one->pins_asked_ns : 0;
  if (ouro__request_ask(one->area_path, &request, &number) != 0) return;
  one->pins_asked_ns = now;
  one->pins_due_ns = now + (one->pins_wait_ns > SHARE * took ? one->pins_wait_ns : SHARE * took);
  one->pins_wait_ns = 2 * one->pins_wait_ns < PINS_MOST_NS ? 2 * one->pins_wait_ns : PINS_MOST_NS;
}

/* ---------------------------------------------------------------- the end */

static void heap(ouro__recorder *recorder, ouro__followed *one, bool superseded) {
  const ouro__process *process = process_of(recorder, one->pid);
  if (!process || superseded) return;
  ouro__snapshot last = process->alive ? ouro__processes_snapshot(recorder->processes, process) : process->last;
  if (last.text) ouro__writer_heap(&one->writer, last.text, last.length);
  if (process->alive) free(last.text);
}

/* While a program starts others by the thousand, the look at them must not fall behind: a reader can find the names as well. */
static void symbols(ouro__recorder *recorder, ouro__followed *one) {
  uint64_t begin = ouro__now_ns();
  if (recorder->symbols_ns > SYMBOLS_NS && one->pid != recorder->processes->program) return;
  ouro__writer_symbols(&one->writer, &one->area);
  recorder->symbols_ns += ouro__now_ns() - begin;
}

static void finish(ouro__recorder *recorder, ouro__followed *one, bool ended, bool superseded) {
  const ouro__process *process = process_of(recorder, one->pid);
  bool known = process && !process->alive && process->ended_ns && !superseded;
  if (one->file && ouro__area_look(&one->area)) {
    snapshot(one, "end", known ? process->ended_ns : ouro__now_ns(), ended);
    heap(recorder, one, superseded);
    symbols(recorder, one);
  }
  if (one->file) ouro__writer_close(&one->writer);
  if (one->file && superseded) step_aside(recorder, one);
  ouro__area_close(&one->area);
  one->done = true;
}

/* The number of the process may serve another, which makes an area of the same name. */
static void remove_areas(ouro__recorder *recorder, pid_t pid) {
  for (size_t i = 0; i < recorder->count; i++) {
    ouro__followed *one = recorder->list[i];
    if (one->pid != pid || one->removed || !one->done) continue;
    unlink(one->area_path);
    one->removed = true;
  }
}

static bool is_gone(const ouro__recorder *recorder, const ouro__followed *one) {
  const ouro__process *process = process_of(recorder, one->pid);
  if (process && !process->alive) return true;
  return kill(one->pid, 0) != 0 && errno == ESRCH;
}

/* Tracing that is only to begin later, and has not, leaves nothing behind. */
static bool is_begun(ouro__recorder *recorder, ouro__followed *one) {
  if (one->area.fd < 0) {
    int fd = ouro__run_file_open(one->area_path, O_RDONLY);
    if (fd < 0 || !ouro__area_open(&one->area, fd)) return false;
  } else if (!ouro__area_look(&one->area)) {
    return one->file != NULL;
  }
  return one->file || (one->area.page.started_ns != 0 && begin(recorder, one));
}

/* Did the process execute another program after the directory was read? Then that is to be found first. */
static bool has_successor(const ouro__recorder *recorder, const ouro__followed *one) {
  char *path = ouro__text_of("%s/%ld-%u.trace", recorder->processes->directory, (long)one->pid, one->program + 1);
  bool there = path && access(path, F_OK) == 0;
  free(path);
  return there;
}

static void look_at(ouro__recorder *recorder, ouro__followed *one) {
  bool gone = is_gone(recorder, one), superseded = find(recorder, one->pid, one->program + 1) != NULL;
  if (gone && !superseded && has_successor(recorder, one)) return;
  bool begun = is_begun(recorder, one); /* after it was seen to be gone: nothing more comes */
  if (one->done) return;
  if (gone || superseded) {
    finish(recorder, one, true, superseded);
    if (gone) remove_areas(recorder, one->pid);
    return;
  }
  if (!begun) return;
  uint64_t now = ouro__now_ns();
  point(recorder, one, now);
  wish_pins(one, now);
  if (now < one->due_ns) return;
  snapshot(one, "interval", now, false);
  schedule(recorder, one, ouro__now_ns() - now);
}

void ouro__recorder_look(ouro__recorder *recorder, const ouro__processes *processes) {
  recorder->processes = processes;
  read_directory(recorder);
  for (size_t i = 0; i < recorder->count; i++) {
    if (!recorder->list[i]->done) look_at(recorder, recorder->list[i]);
  }
}

void ouro__recorder_snapshot(ouro__recorder *recorder, const char *label) {
  for (size_t i = 0; i < recorder->count; i++) {
    ouro__followed *one = recorder->list[i];
    if (one->done || !one->file || !ouro__area_look(&one->area)) continue;
    snapshot(one, label, ouro__now_ns(), false);
  }
}

/* ---------------------------------------------------------------- what there is now */

static size_t count_files(const ouro__recorder *recorder) {
  size_t count = 0;
  for (size_t i = 0; i < recorder->count; i++) count += recorder->list[i]->file != NULL;
  return count;
}

static void say_files(const ouro__recorder *recorder) {
  char names[3 * PATH_MAX] = "";
  size_t count = count_files(recorder), length = 0;
  if (count == 0) {
    ouro__say("nothing was traced, so there is no recording");
    return;
  }
  for (size_t i = 0; i < recorder->count && count <= NAMED; i++) {
    if (recorder->list[i]->file) {
      length += (size_t)snprintf(names + length, sizeof names - length, " %s", recorder->list[i]->file);
    }
    if (length >= sizeof names) break;
  }
  if (count > NAMED) snprintf(names, sizeof names, " %s*.ouro", recorder->base);
  ouro__say("recorded %zu process%s; see: ouro report%s", count, count == 1 ? "" : "es", names);
}

void ouro__recorder_close(ouro__recorder *recorder, bool quiet) {
  if (recorder->processes) ouro__recorder_look(recorder, recorder->processes);
  for (size_t i = 0; i < recorder->count; i++) {
    ouro__followed *one = recorder->list[i];
    if (!one->done) finish(recorder, one, is_gone(recorder, one), false);
  }
  if (recorder->first_path) {
    if (recorder->first.is_new) unlink(recorder->first_path);
    ouro__writer_drop(&recorder->first);
  }
  if (!quiet) say_files(recorder);
  for (size_t i = 0; i < recorder->count; i++) {
    free(recorder->list[i]->area_path);
    free(recorder->list[i]->file);
    free(recorder->list[i]);
  }
  free(recorder->list);
  free(recorder->base);
  free(recorder->first_path);
  *recorder = (ouro__recorder){.options = NULL};
}
