/* cli/json.c - the report for programs. docs/run.md lists its fields; a field is never renamed, and bytes and seconds are in
 * its name or documented as such. */
#define _GNU_SOURCE
#include <jansson.h>
#include <string.h>
#include <sys/wait.h>

#include <ouro/base.h>

#include "cli/cli.h"

#define REPORT_FORMAT 1

/* ---------------------------------------------------------------- small things */

static void set(json_t *object, const char *key, json_t *value) {
  json_object_set_new(object, key, value ? value : json_null());
}

static void set_number(json_t *object, const char *key, uint64_t number) {
  set(object, key, json_integer((json_int_t)number));
}

/* Text that is not UTF-8 (a command's argument may be any bytes) has its other bytes replaced. */
static json_t *string(const char *text) {
  json_t *value = json_string(text);
  if (value) return value;
  char clean[4096];
  size_t length = 0;
  for (; text[length] && length < sizeof clean - 1; length++) {
    clean[length] = (text[length] & 0x80) ? '?' : text[length];
  }
  clean[length] = 0;
  return json_string(clean);
}

static double seconds_of(struct timeval time) { return (double)time.tv_sec + (double)time.tv_usec / 1e6; }

/* ---------------------------------------------------------------- parts */

static json_t *status_part(const ouro__child *child) {
  json_t *status = json_object();
  if (!child) return status;
  if (WIFSIGNALED(child->status)) {
    const char *name = sigabbrev_np(WTERMSIG(child->status));
    set_number(status, "signal", (uint64_t)WTERMSIG(child->status));
    if (name) set(status, "signal_name", json_sprintf("SIG%s", name));
  } else {
    set_number(status, "exit", (uint64_t)WEXITSTATUS(child->status));
  }
  return status;
}

static json_t *time_part(const ouro__report *report) {
  json_t *time = json_object();
  set(time, "elapsed_s", json_real((double)report->elapsed_ns / 1e9));
  if (report->child) {
    set(time, "user_s", json_real(seconds_of(report->child->usage.ru_utime)));
    set(time, "system_s", json_real(seconds_of(report->child->usage.ru_stime)));
  }
  return time;
}

static json_t *python_part(const ouro__python_info *python) {
  if (python->memory == OURO_PYTHON_NONE) return json_null();
  json_t *part = json_object();
  set(part, "version", string(python->version));
  set(part, "on_ouro", json_boolean(python->memory > OURO_PYTHON_ELSEWHERE));
  set(part, "memory", json_string(ouro__python_word(python->memory)));
  set(part, "verified", json_boolean(python->verified));
  set(part, "sentence", json_string(ouro__python_sentence(python)));
  return part;
}

static json_t *counters_part(const ouro__process *process) {
  if (!process->has_page) return json_null();
  json_t *part = json_object();
  set_number(part, "held", process->held);
  set_number(part, "held_peak", process->held_peak);
  set_number(part, "taken", process->taken);
  set_number(part, "returned", process->returned);
  set_number(part, "dirty", process->dirty);
  set_number(part, "arenas", process->arenas);
  set_number(part, "pools", process->pools);
  set_number(part, "threads", process->heap_threads);
  if (process->library_held_peak) {
    set_number(part, "library_held", process->library_held);
    set_number(part, "library_held_peak", process->library_held_peak);
  }
  return part;
}

static json_t *history_part(const ouro__history *history) {
  if (!history) return json_null();
  json_t *part = json_object(), *time = json_array(), *held = json_array(), *resident = json_array();
  for (size_t i = 0; i < history->count; i++) {
    json_array_append_new(time, json_real(history->points[i].seconds));
    json_array_append_new(held, json_integer((json_int_t)history->points[i].held));
    json_array_append_new(resident, json_integer((json_int_t)history->points[i].resident));
  }
  set(part, "time_s", time);
  set(part, "held", held);
  set(part, "resident", resident);
  return part;
}

/* What the process wrote, and when. */
static json_t *detail_part(const ouro__report *report, const ouro__process *process) {
  ouro__detail detail;
  if (!ouro__detail_read(&detail, report->processes, process)) return json_null();
  json_t *part = json_deep_copy(detail.json);
  set(part, "at_s", json_real(detail.seconds));
  set(part, "at_exit", json_boolean(detail.reason == OURO_CONTROL_AT_EXIT));
  ouro__detail_free(&detail);
  return part;
}

static const char *state_of(const ouro__process *process) {
  if (process->alive) return "running";
  return process->exited ? "exited" : "ended";
}

static json_t *process_part(const ouro__report *report, const ouro__process *process) {
  json_t *part = json_object(), *resident = json_object();
  uint64_t end = process->ended_ns ? process->ended_ns : ouro__now_ns();
  set_number(part, "pid", (uint64_t)process->pid);
  set_number(part, "parent", (uint64_t)process->parent);
  set(part, "command", process->command ? string(process->command) : NULL);
  set(part, "state", json_string(state_of(process)));
  set(part, "elapsed_s", json_real(end > process->started_ns ? (double)(end - process->started_ns) / 1e9 : 0));
  if (process->exited) {
    set(part, "user_s", json_real((double)process->user_us / 1e6));
    set(part, "system_s", json_real((double)process->system_us / 1e6));
  }
  set_number(part, "threads_peak", process->threads_peak);
  set_number(resident, "peak", process->resident_peak);
  if (process->alive) set_number(resident, "now", process->resident);
  if (process->resident_exit) set_number(resident, "exit", process->resident_exit);
  set(part, "resident", resident);
  set(part, "counters", counters_part(process));
  set(part, "python", python_part(&process->python));
  set(part, "history", history_part(process->history));
  set(part, "detail", detail_part(report, process));
  return part;
}

/* ---------------------------------------------------------------- all of it */

bool ouro__report_json(const ouro__report *report, FILE *out) {
  json_t *all = json_object(), *command = json_array(), *processes = json_array();
  set(all, "ouro", json_string(OURO_VERSION));
  set_number(all, "format", REPORT_FORMAT);
  for (char **word = report->options->command; *word; word++) json_array_append_new(command, string(*word));
  set(all, "command", command);
  set(all, "status", status_part(report->child));
  set(all, "time", time_part(report));
  set(all, "preloaded", json_boolean(report->program->obstacle == OURO_OBSTACLE_NONE));
  if (report->program->obstacle != OURO_OBSTACLE_NONE) {
    set(all, "obstacle", json_string(ouro__obstacle_text(report->program->obstacle)));
  }
  if (report->child) set_number(all, "resident_peak_of_tree", (uint64_t)report->child->usage.ru_maxrss * 1024);
  set_number(all, "subject", (uint64_t)report->subject->pid);
  for (size_t i = 0; i < report->processes->count; i++) {
    json_array_append_new(processes, process_part(report, &report->processes->list[i]));
  }
  set(all, "processes", processes);
  bool written = json_dumpf(all, out, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) == 0 && fputc('\n', out) != EOF;
  json_decref(all);
  return fflush(out) == 0 && written;
}
