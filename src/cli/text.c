/* cli/text.c - the report for people: what the program used, what its heap looked like over time, and what stayed. docs/run.md
 * explains every line. */
#include <string.h>
#include <sys/wait.h>

#include "cli/cli.h"

enum { WIDTH = 78, COMMAND_WIDTH = 2 * WIDTH, CLASS_ROWS = 8, PROCESS_ROWS = 10 };

/* ---------------------------------------------------------------- what happened */

static void rule(const ouro__pen *pen, const char *title, FILE *out) {
  fprintf(out, "%s%s %s ", pen->rule, pen->rule, title);
  for (size_t column = strlen(title) + 4; column < WIDTH; column++) fputs(pen->rule, out);
  fputc('\n', out);
}

static void ending(const ouro__report *report, FILE *out) {
  ouro__words elapsed;
  ouro__words_seconds(&elapsed, (double)report->elapsed_ns / 1e9);
  if (!report->child) {
    fprintf(out, " still running after %s\n", elapsed.text);
    return;
  }
  int status = report->child->status;
  if (WIFSIGNALED(status)) {
    fprintf(out, " killed by signal %d (%s) after %s", WTERMSIG(status), strsignal(WTERMSIG(status)), elapsed.text);
  } else {
    fprintf(out, " ended with status %d after %s", WEXITSTATUS(status), elapsed.text);
  }
  const struct rusage *usage = &report->child->usage;
  fprintf(out, "; processor: %.2f s user, %.2f s system\n",
          (double)usage->ru_utime.tv_sec + (double)usage->ru_utime.tv_usec / 1e6,
          (double)usage->ru_stime.tv_sec + (double)usage->ru_stime.tv_usec / 1e6);
}

static void head(const ouro__report *report, const ouro__pen *pen, FILE *out) {
  rule(pen, "ouro run", out);
  fprintf(out, " %.*s%s\n", COMMAND_WIDTH, report->command, strlen(report->command) > COMMAND_WIDTH ? "..." : "");
  ending(report, out);
  if (report->program->obstacle != OURO_OBSTACLE_NONE) {
    fprintf(out, " it ran on its own allocator: %s %s\n", report->program->file,
            ouro__obstacle_text(report->program->obstacle));
  }
}

/* ---------------------------------------------------------------- the subject in numbers */

static void label(FILE *out, const char *name) { fprintf(out, " %-18s", name); }

/* The peak that the system knows is the larger one where the library did not see the end of the process. */
static uint64_t resident_peak(const ouro__report *report) {
  uint64_t peak = report->subject->resident_peak;
  bool alone = report->processes->count == 1;
  uint64_t system = report->child ? (uint64_t)report->child->usage.ru_maxrss * 1024 : 0;
  return alone && !report->subject->exited && system > peak ? system : peak;
}

static void resident_line(const ouro__report *report, FILE *out) {
  ouro__words peak, last;
  const ouro__process *subject = report->subject;
  label(out, "resident memory");
  fprintf(out, "peak %s", ouro__words_bytes(&peak, resident_peak(report)));
  if (subject->alive)
    fprintf(out, ", now %s", ouro__words_bytes(&last, subject->resident));
  else if (subject->resident_exit)
    fprintf(out, ", at exit %s", ouro__words_bytes(&last, subject->resident_exit));
  fputc('\n', out);
}

static void heap_line(const ouro__process *subject, const char *name, uint64_t peak, uint64_t held, FILE *out) {
  ouro__words one, two;
  label(out, name);
  fprintf(out, "peak %s, ", ouro__words_bytes(&one, peak));
  fprintf(out, "%s %s\n",
          subject->alive    ? "now"
          : subject->exited ? "at exit"
                            : "when last seen",
          ouro__words_bytes(&two, held));
}

static void heap_lines(const ouro__report *report, FILE *out) {
  ouro__words one, two;
  const ouro__process *subject = report->subject;
  heap_line(subject, "ouro's heap", subject->held_peak, subject->held, out);
  if (subject->library_held_peak) {
    heap_line(subject, "its own libouro", subject->library_held_peak, subject->library_held, out);
  }
  label(out, "from the system");
  fprintf(out, "took %s in all, ", ouro__words_bytes(&one, subject->taken));
  fprintf(out, "gave back %s\n", ouro__words_bytes(&two, subject->returned));
}

static void thread_line(const ouro__report *report, FILE *out) {
  const ouro__process *subject = report->subject;
  label(out, "threads");
  fprintf(out, "%u at most\n", subject->threads_peak ? subject->threads_peak : 1);
}

static void python_line(const ouro__report *report, FILE *out) {
  const ouro__python_info *python = &report->subject->python;
  char name[OURO_CONTROL_PYTHON_BYTES + 8];
  if (python->memory == OURO_PYTHON_NONE) return;
  snprintf(name, sizeof name, "Python %s", python->version);
  label(out, name);
  fprintf(out, "%s%s\n", ouro__python_sentence(python),
          report->subject->exited && !python->verified && python->memory > OURO_PYTHON_ELSEWHERE ? " (not verified)"
                                                                                                 : "");
}

static void numbers(const ouro__report *report, FILE *out) {
  if (report->subject != &report->processes->list[0]) {
    fprintf(out, "\n the process with the largest heap: %ld  %.*s\n", (long)report->subject->pid, 50,
            report->subject->command ? report->subject->command : "");
  }
  resident_line(report, out);
  if (report->subject->has_page) heap_lines(report, out);
  thread_line(report, out);
  python_line(report, out);
}

/* ---------------------------------------------------------------- over time */

static void over_time(const ouro__report *report, const ouro__pen *pen, FILE *out) {
  const ouro__history *history = report->subject->history;
  if (!history || history->count < 4) return;
  fprintf(out, "\n memory over time    %s ouro's heap   %s other resident memory\n", pen->level[8], pen->other);
  ouro__chart_history(history, (double)report->elapsed_ns / 1e9, pen, out);
}

/* ---------------------------------------------------------------- what the heap held */

/* An interpreter frees all that the program had before the process exits: the heap at exit is not the one to look at. */
static void moment(const ouro__report *report, FILE *out) {
  ouro__words when;
  const ouro__detail *detail = report->detail;
  if (detail->reason == OURO_CONTROL_AT_EXIT)
    fputs("at exit", out);
  else
    fprintf(out, "after %s", ouro__words_seconds(&when, detail->seconds));
  if (report->subject->exited && detail->reason != OURO_CONTROL_AT_EXIT) fputs(", before Python freed everything", out);
}

static void arenas(const ouro__report *report, const ouro__pen *pen, FILE *out) {
  const ouro__detail *detail = report->detail;
  ouro__words live, held, waiting;
  size_t group = ouro__chart_arenas_group(detail);
  fputs("\n the heap ", out);
  moment(report, out);
  fprintf(out, ": %s live ", ouro__words_bytes(&live, detail->bytes_live));
  fprintf(out, "of %s held", ouro__words_bytes(&held, detail->bytes_held));
  if (detail->bytes_dirty) fprintf(out, " (%s about to go back)", ouro__words_bytes(&waiting, detail->bytes_dirty));
  fputc('\n', out);
  if (detail->arena_count == 0) return;
  fprintf(out, " arenas: %zu", detail->arena_count);
  if (group > 1) fprintf(out, ", %zu to a mark", group);
  fprintf(out, "; live in each: %s under 2 %%  %s up to 25 %%  %s 50 %%  %s 75 %%  %s more\n", pen->shade[0],
          pen->shade[1], pen->shade[2], pen->shade[3], pen->shade[4]);
  ouro__chart_arenas(detail, pen, out);
}

static uint64_t live_bytes(const ouro__class_row *row) { return row->live * row->size; }

/* Free blocks take memory, but for the pages of them that went back. */
static uint64_t wasted_bytes(const ouro__class_row *row) {
  uint64_t free = row->free * row->size;
  return free > row->returned ? free - row->returned : 0;
}

static uint64_t weight(const ouro__class_row *row) { return live_bytes(row) + wasted_bytes(row); }

/* Is row `a` to be shown rather than row `b`? */
static bool outweighs(const ouro__detail *detail, size_t a, size_t b) {
  uint64_t weight_a = weight(&detail->classes[a]), weight_b = weight(&detail->classes[b]);
  return weight_a > weight_b || (weight_a == weight_b && a < b);
}

static bool is_shown(const ouro__detail *detail, size_t index) {
  size_t heavier = 0;
  for (size_t i = 0; i < detail->class_count; i++) heavier += i != index && outweighs(detail, i, index);
  return heavier < CLASS_ROWS;
}

static void class_line(const char *name, uint64_t pools, uint64_t live, uint64_t live_sum, uint64_t wasted,
                       uint64_t returned, FILE *out) {
  ouro__words pool_count, live_count, live_text, wasted_text, returned_text;
  fprintf(out, " %12s %8s %13s %11s %11s %11s\n", name, pools ? ouro__words_count(&pool_count, pools) : "",
          ouro__words_count(&live_count, live), ouro__words_bytes(&live_text, live_sum),
          ouro__words_bytes(&wasted_text, wasted), ouro__words_bytes(&returned_text, returned));
}

static void add_row(ouro__class_row *sum, uint64_t *live, uint64_t *wasted, const ouro__class_row *row) {
  sum->pools += row->pools;
  sum->live += row->live;
  sum->returned += row->returned;
  *live += live_bytes(row);
  *wasted += wasted_bytes(row);
}

static void classes(const ouro__detail *detail, FILE *out) {
  ouro__class_row others = {0};
  uint64_t others_live = 0, others_wasted = 0;
  ouro__words words;
  char name[48];
  fprintf(out, "\n %12s %8s %13s %11s %11s %11s\n", "block size", "pools", "live blocks", "live", "wasted",
          "given back");
  for (size_t i = 0; i < detail->class_count; i++) {
    const ouro__class_row *row = &detail->classes[i];
    if (!is_shown(detail, i)) {
      add_row(&others, &others_live, &others_wasted, row);
      continue;
    }
    snprintf(name, sizeof name, "%s B", ouro__words_count(&words, row->size));
    class_line(name, row->pools, row->live, live_bytes(row), wasted_bytes(row), row->returned, out);
  }
  if (detail->class_count > CLASS_ROWS) {
    snprintf(name, sizeof name, "%zu others", detail->class_count - CLASS_ROWS);
    class_line(name, others.pools, others.live, others_live, others_wasted, others.returned, out);
  }
  if (detail->blocks_large) class_line("large", 0, detail->blocks_large, detail->bytes_large, 0, 0, out);
}

/* ---------------------------------------------------------------- the other processes */

static uint64_t rank(const ouro__process *process) {
  uint64_t held = ouro__process_held_peak(process);
  return held > process->resident_peak ? held : process->resident_peak;
}

/* The largest of the processes that come after `after`, which is NULL at the beginning. */
static const ouro__process *next_largest(const ouro__processes *all, const ouro__process *after) {
  const ouro__process *next = NULL;
  for (size_t i = 0; i < all->count; i++) {
    const ouro__process *process = &all->list[i];
    bool later = !after || rank(process) < rank(after) || (rank(process) == rank(after) && process > after);
    if (later && (!next || rank(process) > rank(next))) next = process;
  }
  return next;
}

static const char *end_of(const ouro__process *process) {
  if (process->alive) return "running";
  return process->exited ? "" : "no exit";
}

static void process_line(const ouro__report *report, const ouro__process *process, FILE *out) {
  ouro__words heap, resident, seconds;
  uint64_t end = process->ended_ns ? process->ended_ns : report->processes->start_ns + report->elapsed_ns;
  double time = end > process->started_ns ? (double)(end - process->started_ns) / 1e9 : 0;
  fprintf(out, " %9ld %15s %14s %10s %8s  %.30s\n", (long)process->pid,
          process->has_page ? ouro__words_bytes(&heap, ouro__process_held_peak(process)) : "-",
          ouro__words_bytes(&resident, process->resident_peak), ouro__words_seconds(&seconds, time), end_of(process),
          process->command ? process->command : "");
}

/* Those that have at least a twentieth of the largest, and the rest in one line. */
static void processes(const ouro__report *report, FILE *out) {
  const ouro__processes *all = report->processes;
  const ouro__process *process = next_largest(all, NULL);
  uint64_t least = rank(process) / 20;
  size_t shown = 0;
  if (all->count < 2) return;
  fprintf(out, "\n %-9s %15s %14s %10s\n", "processes", "heap peak", "resident peak", "time");
  for (; process && shown < PROCESS_ROWS && rank(process) >= least; process = next_largest(all, process)) {
    process_line(report, process, out);
    shown++;
  }
  if (process) {
    ouro__words most;
    fprintf(out, " and %zu more, of which none had more than %s\n", all->count - shown,
            ouro__words_bytes(&most, rank(process)));
  }
}

/* ---------------------------------------------------------------- all of it */

void ouro__report_text(const ouro__report *report, FILE *out) {
  const ouro__pen *pen = ouro__pen_get();
  head(report, pen, out);
  numbers(report, out);
  over_time(report, pen, out);
  if (report->detail) {
    arenas(report, pen, out);
    classes(report->detail, out);
    if (report->detail->objects.there) ouro__objects_text(&report->detail->objects, out);
  }
  processes(report, out);
  fflush(out);
}

void ouro__report_live(const ouro__processes *all, FILE *out) {
  ouro__words seconds, held, peak, resident, returned;
  const ouro__process *subject = ouro__processes_subject(all);
  size_t alive = 0;
  for (size_t i = 0; i < all->count; i++) alive += all->list[i].alive;
  fprintf(out, "ouro: %s  heap %s (peak %s)  resident %s  gave back %s  threads %u  processes %zu\n",
          ouro__words_seconds(&seconds, (double)(ouro__now_ns() - all->start_ns) / 1e9),
          ouro__words_bytes(&held, ouro__process_held(subject)),
          ouro__words_bytes(&peak, ouro__process_held_peak(subject)), ouro__words_bytes(&resident, subject->resident),
          ouro__words_bytes(&returned, subject->returned), subject->threads, alive);
}
