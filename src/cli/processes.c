/* cli/processes.c - who takes part in the run, and what each has and had: from the pages in the run's directory
 * (preload/control.h) and from /proc.
 *
 * Life of an entry: made when its page is first seen (the program's at the start); brought up to date while it is alive, also
 * when the process executes another program; settled when it is gone: its page is read a last time and removed. A process that
 * came and went between two looks is found by the page that it left. */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"

#define PERIOD_FIRST_NS UINT64_C(25000000)
#define PERIOD_MOST_NS UINT64_C(1000000000)
#define KEPT_IN_FULL 64 /* processes beyond this lose history and detail once they are gone, but for the largest */
#define STATUS_BYTES 4096

/* ---------------------------------------------------------------- the list */

static ouro__process *find_alive(const ouro__processes *all, pid_t pid) {
  for (size_t i = all->count; i-- > 0;) {
    if (all->list[i].pid == pid && all->list[i].alive) return &all->list[i];
  }
  return NULL;
}

/* NULL where memory is short: the process then takes no part in the report. */
static ouro__process *add(ouro__processes *all, pid_t pid) {
  if (all->count == all->room) {
    size_t room = all->room ? 2 * all->room : 8;
    ouro__process *list = realloc(all->list, room * sizeof *list);
    if (!list) return NULL;
    all->list = list;
    all->room = room;
  }
  ouro__process *process = &all->list[all->count++];
  *process = (ouro__process){.pid = pid, .alive = true, .started_ns = ouro__now_ns()};
  process->history = malloc(sizeof *process->history);
  if (process->history) ouro__history_init(process->history, PERIOD_FIRST_NS);
  return process;
}

static ouro__process *program_of(const ouro__processes *all) { return &all->list[0]; }

bool ouro__processes_init(ouro__processes *all, const char *directory, pid_t program, const char *command) {
  *all = (ouro__processes){.directory = directory, .program = program, .start_ns = ouro__now_ns()};
  ouro__process *process = add(all, program);
  if (!process) return false;
  process->parent = getpid();
  process->command = strdup(command);
  return true;
}

uint64_t ouro__process_held(const ouro__process *process) { return process->held + process->library_held; }

uint64_t ouro__process_held_peak(const ouro__process *process) {
  return process->held_peak + process->library_held_peak;
}

ouro__process *ouro__processes_subject(const ouro__processes *all) {
  ouro__process *subject = program_of(all);
  for (size_t i = 1; i < all->count; i++) {
    if (ouro__process_held_peak(&all->list[i]) > ouro__process_held_peak(subject)) subject = &all->list[i];
  }
  return subject;
}

void ouro__processes_free(ouro__processes *all) {
  for (size_t i = 0; i < all->count; i++) {
    free(all->list[i].command);
    free(all->list[i].history);
    free(all->list[i].last.text);
  }
  free(all->list);
}

/* ---------------------------------------------------------------- the page */

static void page_path(const ouro__processes *all, pid_t pid, char path[PATH_MAX]) {
  snprintf(path, PATH_MAX, "%s/%ld.stat", all->directory, (long)pid);
}

static int open_page(const ouro__processes *all, pid_t pid, int flags) {
  char path[PATH_MAX];
  if (!all->directory) return -1;
  page_path(all, pid, path);
  return ouro__run_file_open(path, flags);
}

static bool read_page(const ouro__processes *all, pid_t pid, ouro__control_page *page) {
  int fd = open_page(all, pid, O_RDONLY);
  bool read = ouro__page_read(fd, page);
  if (fd >= 0) close(fd);
  return read;
}

ouro__snapshot ouro__processes_snapshot(const ouro__processes *all, const ouro__process *process) {
  int fd = open_page(all, process->pid, O_RDONLY);
  if (fd < 0) return (ouro__snapshot){0};
  ouro__snapshot snapshot = ouro__page_snapshot(fd);
  close(fd);
  return snapshot;
}

/* The arguments as one line, in which nothing moves the terminal's cursor. */
static char *readable_command(const char *arguments, size_t size) {
  size_t length = size;
  while (length > 0 && !arguments[length - 1]) length--;
  char *line = malloc(length + 1);
  if (!line) return NULL;
  for (size_t i = 0; i < length; i++) line[i] = arguments[i] ? arguments[i] : ' ';
  line[length] = 0;
  ouro__harmless(line);
  return line;
}

static void take_page(ouro__process *process, ouro__control_page *page) {
  bool same_program = process->has_page && process->started_ns == page->started_ns;
  if (!same_program) {
    char *command = readable_command(page->command, sizeof page->command - 1);
    if (command && *command) {
      free(process->command);
      process->command = command;
    } else {
      free(command);
    }
    process->parent = page->parent;
    process->started_ns = page->started_ns;
    process->resident_peak = 0;
    process->has_page = true;
  }
  const ouro__control_counters *counters = &page->counters;
  process->held = counters->held;
  process->held_peak = counters->held_peak;
  process->taken = counters->taken;
  process->returned = counters->returned;
  process->dirty = counters->dirty;
  process->arenas = counters->arenas;
  process->pools = counters->pools;
  process->heap_threads = counters->threads;
  process->library_held = page->library_held;
  process->library_held_peak = page->library_held_peak;
  process->user_us = page->user_us;
  process->system_us = page->system_us;
  process->resident_exit = page->resident_exit;
  process->reports = page->signals;
  if (page->resident_peak > process->resident_peak) process->resident_peak = page->resident_peak;
  process->exited = page->state == OURO_CONTROL_EXITED;
  if (process->exited) process->ended_ns = page->exited_ns;
  process->python = page->python;
  process->python.version[sizeof process->python.version - 1] = 0;
  ouro__harmless(process->python.version);
}

/* ---------------------------------------------------------------- /proc */

static uint64_t status_number(const char *status, const char *name) {
  const char *line = strstr(status, name);
  return line ? strtoull(line + strlen(name), NULL, 10) : 0;
}

/* false: the process is gone, or a zombie. */
static bool look_at_system(ouro__process *process) {
  char path[64], status[STATUS_BYTES];
  snprintf(path, sizeof path, "/proc/%ld/status", (long)process->pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t length = read(fd, status, sizeof status - 1);
  close(fd);
  if (length <= 0) return false;
  status[length] = 0;
  const char *state = strstr(status, "\nState:\t");
  if (state && (state[8] == 'Z' || state[8] == 'X')) return false;
  process->resident = status_number(status, "\nVmRSS:") * 1024;
  uint64_t peak = status_number(status, "\nVmHWM:") * 1024;
  if (peak > process->resident_peak) process->resident_peak = peak;
  process->threads = (unsigned)status_number(status, "\nThreads:");
  if (process->threads > process->threads_peak) process->threads_peak = process->threads;
  return true;
}

/* ---------------------------------------------------------------- looking at all */

/* Beyond so many, only the program and the largest keep what takes room. */
static void drop_small(ouro__processes *all, ouro__process *process) {
  if (all->count <= KEPT_IN_FULL || process == program_of(all) || process == ouro__processes_subject(all)) return;
  free(process->history);
  free(process->last.text);
  process->history = NULL;
  process->last = (ouro__snapshot){0};
}

/* The process is gone: read what it left, and remove its page, since its number may serve another. */
static void settle(ouro__processes *all, ouro__process *process) {
  ouro__control_page page;
  char path[PATH_MAX];
  process->alive = false;
  if (read_page(all, process->pid, &page)) {
    take_page(process, &page);
    process->last = ouro__processes_snapshot(all, process);
  }
  if (!process->ended_ns) process->ended_ns = ouro__now_ns();
  process->resident = 0;
  if (all->directory) {
    page_path(all, process->pid, path);
    unlink(path);
  }
  drop_small(all, process);
}

static void look_at(ouro__processes *all, ouro__process *process, bool ended) {
  ouro__control_page page;
  bool there = look_at_system(process);
  if (!there || ended) {
    settle(all, process);
    return;
  }
  if (read_page(all, process->pid, &page)) take_page(process, &page);
  if (process->history) {
    ouro__history_add(process->history, ouro__now_ns() - all->start_ns, ouro__process_held(process), process->resident);
  }
}

/* A file PID.stat announces a process. */
static void read_name(ouro__processes *all, const char *name) {
  char *end;
  if (!isdigit((unsigned char)*name)) return;
  pid_t pid = (pid_t)strtol(name, &end, 10);
  if (strcmp(end, ".stat") == 0 && !find_alive(all, pid)) add(all, pid);
}

static void read_directory(ouro__processes *all) {
  DIR *directory = all->directory ? opendir(all->directory) : NULL;
  if (!directory) return;
  for (struct dirent *entry; (entry = readdir(directory));) read_name(all, entry->d_name);
  closedir(directory);
}

void ouro__processes_sample(ouro__processes *all, bool final) {
  read_directory(all);
  for (size_t i = 0; i < all->count; i++) {
    if (all->list[i].alive) look_at(all, &all->list[i], final && all->list[i].pid == all->program);
  }
}

uint64_t ouro__processes_period_ns(const ouro__processes *all) {
  const ouro__history *history = program_of(all)->history;
  uint64_t period = history ? history->period_ns : PERIOD_MOST_NS;
  return period < PERIOD_MOST_NS ? period : PERIOD_MOST_NS;
}

/* ---------------------------------------------------------------- asking */

/* Write the page's `asked`: raised by one where `once`, unless the last such question still stands. */
static void ask(const ouro__processes *all, const ouro__process *process, bool keep, bool once) {
  ouro__control_page page;
  int fd = open_page(all, process->pid, O_RDWR);
  if (ouro__page_read(fd, &page)) {
    uint32_t number = page.asked & ~OURO_CONTROL_KEEP, answered = page.answered & ~OURO_CONTROL_KEEP;
    if (once && number == answered) number = (number + 1) & ~OURO_CONTROL_KEEP;
    uint32_t asked = number | (keep ? OURO_CONTROL_KEEP : 0);
    if (asked != page.asked && pwrite(fd, &asked, sizeof asked, offsetof(ouro__control_page, asked)) < 0) {
      ouro__say("cannot ask process %ld for its heap: %s", (long)process->pid, strerror(errno));
    }
  }
  if (fd >= 0) close(fd);
}

void ouro__processes_ask(const ouro__processes *all, bool everybody) {
  const ouro__process *subject = ouro__processes_subject(all);
  for (size_t i = 0; i < all->count; i++) {
    if (all->list[i].alive) ask(all, &all->list[i], &all->list[i] == subject, everybody);
  }
}
