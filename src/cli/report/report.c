/* cli/report/report.c - `ouro report`: what the processes are, how their memory went, and the lines that hold it.
 * docs/report.md explains what each line of it means. */
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include <ouro/trace.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/report/show.h"

static const ouro__ask_about about = {
    .command = OURO_ASK_REPORT,
    .least = 1,
    .most = UINT_MAX,
    .help = "usage: ouro report [options] FILE|PID[@SNAPSHOT]...\n"
            "\n"
            "Say which lines hold the memory of a recorded or running program. With several files, such as those of a "
            "program and\n"
            "its children, one report for all of them.\n",
};

enum { SPARK_COLUMNS = 60 };

/* ---------------------------------------------------------------- what was recorded */

static const char *mode_words(const ouro__profile *profile, char text[64]) {
  ouro__words bytes;
  if (profile->mode == OURO_TRACE_SAMPLE)
    snprintf(text, 64, "sampled, one in %s", ouro__words_bytes(&bytes, profile->sample_bytes));
  else
    snprintf(text, 64, "%s, %" PRIu32 " frame%s", profile->mode == OURO_TRACE_EXACT ? "exact" : "off",
             profile->frame_limit, profile->frame_limit == 1 ? "" : "s");
  return text;
}

static bool any_sampled(const ouro__ask *ask) {
  for (size_t i = 0; i < ask->source_count; i++) {
    if (ask->sources[i].profile->mode == OURO_TRACE_SAMPLE) return true;
  }
  return false;
}

static void tally_line(const char *name, ouro__tally tally, FILE *out) {
  ouro__show_words bytes, count;
  fprintf(out, " %-18s%10s in %s blocks", name, ouro__show_bytes(&bytes, tally.bytes),
          ouro__show_count(&count, tally.count));
}

/* Means nothing where blocks are sampled. */
static void temporary_line(const ouro__profile *profile, FILE *out) {
  ouro__show_words share;
  ouro__tally temporary = ouro__profile_tally(profile, OURO_MEASURE_TEMPORARY);
  tally_line("freed at once", temporary, out);
  fprintf(
      out, " (%s)\n",
      ouro__show_share(&share, (double)temporary.count, profile->total.count > 0 ? (double)profile->total.count : 1));
}

static void totals(const ouro__profile *profile, FILE *out) {
  ouro__show_words count;
  ouro__words time;
  if (profile->end_seconds >= 0) {
    tally_line("live at the end", ouro__profile_tally(profile, OURO_MEASURE_END), out);
    fprintf(out, ", after %s\n", ouro__words_seconds(&time, profile->end_seconds));
  }
  tally_line(ouro__show_live(profile), profile->live, out);
  fputc('\n', out);
  tally_line("at the peak", profile->peak, out);
  if (profile->peak_seconds > 0) fprintf(out, ", after %s", ouro__words_seconds(&time, profile->peak_seconds));
  fputc('\n', out);
  tally_line("allocated", profile->total, out);
  fputc('\n', out);
  if (profile->mode != OURO_TRACE_SAMPLE) temporary_line(profile, out);
  if (profile->lost)
    fprintf(out, " %-18s%10s allocations, for lack of memory\n", "not recorded",
            ouro__show_count(&count, (int64_t)profile->lost));
  if (profile->broken) fprintf(out, " the recording stopped growing: %s\n", strerror(profile->broken));
}

/* ---------------------------------------------------------------- over time */

typedef struct series {
  const char *name;
  size_t offset; /* in a point */
} series;

static uint64_t value_of(const ouro__ppoint *point, const series *one) {
  uint64_t value;
  memcpy(&value, (const char *)point + one->offset, sizeof value);
  return value;
}

/* The largest of the points that fall into each column; a column without one repeats the one before. */
static uint64_t fill(const ouro__profile *profile, const series *one, uint64_t columns[SPARK_COLUMNS]) {
  bool drawn[SPARK_COLUMNS] = {false};
  uint64_t most = 0;
  memset(columns, 0, SPARK_COLUMNS * sizeof *columns);
  double end = profile->points[profile->point_count - 1].seconds;
  for (size_t i = 0; i < profile->point_count; i++) {
    double share = end > 0 ? profile->points[i].seconds / end : 0;
    size_t column = share >= 1 ? SPARK_COLUMNS - 1 : share > 0 ? (size_t)(share * SPARK_COLUMNS) : 0;
    uint64_t value = value_of(&profile->points[i], one);
    if (value > columns[column]) columns[column] = value;
    if (value > most) most = value;
    drawn[column] = true;
  }
  for (size_t column = 1; column < SPARK_COLUMNS; column++) {
    if (!drawn[column]) columns[column] = columns[column - 1];
  }
  return most;
}

static void time_line(const ouro__profile *profile, FILE *out) {
  static const series all[] = {
      {"live blocks", offsetof(ouro__ppoint, live_bytes)},
      {"the heap", offsetof(ouro__ppoint, held_bytes)},
      {"resident memory", offsetof(ouro__ppoint, resident_bytes)},
  };
  uint64_t columns[SPARK_COLUMNS];
  ouro__words bytes, time;
  if (profile->point_count < 2) return;
  fprintf(out, " %-18s%10s  0 to %s\n", "over time", "at most",
          ouro__words_seconds(&time, profile->points[profile->point_count - 1].seconds));
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    uint64_t most = fill(profile, &all[i], columns);
    if (!most) continue;
    fprintf(out, " %-18s%10s  ", all[i].name, ouro__words_bytes(&bytes, most));
    ouro__show_spark(columns, SPARK_COLUMNS, most, out);
    fputc('\n', out);
  }
}

static void snapshots_line(const ouro__profile *profile, FILE *out) {
  ouro__words first, last;
  if (profile->snapshot_count == 0) return;
  fprintf(out, " %-18s%10zu, from %s to %s\n", "snapshots", profile->snapshot_count,
          ouro__words_seconds(&first, profile->snapshots[0].seconds),
          ouro__words_seconds(&last, profile->snapshots[profile->snapshot_count - 1].seconds));
}

/* ---------------------------------------------------------------- heads */

static void head(const ouro__profile *profile, FILE *out) {
  char name[OURO_SHOW_NAME], mode[64];
  ouro__words time;
  ouro__show_command(profile, name);
  fputc(' ', out);
  ouro__show_beginning(name, OURO_SHOW_WIDTH - 1, out);
  fprintf(out, " process %d%s%s, %s; %s%s\n", profile->pid, *profile->python ? ", Python " : "", profile->python,
          mode_words(profile, mode), profile->ended ? "" : "running for ",
          ouro__words_seconds(&time, profile->seconds));
  if (!profile->complete) fputs(" the recording is cut off: this is how far it goes\n", out);
  totals(profile, out);
  snapshots_line(profile, out);
  time_line(profile, out);
}

static void process_row(const ouro__profile *profile, FILE *out) {
  ouro__show_words live, peak, total;
  char name[OURO_SHOW_NAME];
  ouro__show_command(profile, name);
  fprintf(out, " %10d %10s %10s %10s  ", profile->pid, ouro__show_bytes(&live, ouro__profile_tally(profile, OURO_MEASURE_END).bytes),
          ouro__show_bytes(&peak, profile->peak.bytes), ouro__show_bytes(&total, profile->total.bytes));
  ouro__show_beginning(name, OURO_SHOW_WIDTH - 46, out);
}

static void processes(const ouro__ask *ask, FILE *out) {
  ouro__show_words live, peak, total;
  ouro__tally sum[3] = {{0, 0}};
  fprintf(out, " %10s %10s %10s %10s  %s\n", "process", "live", "peak", "allocated", "command");
  for (size_t i = 0; i < ask->source_count; i++) {
    const ouro__profile *profile = ask->sources[i].profile;
    process_row(profile, out);
    ouro__tally_add(&sum[0], ouro__profile_tally(profile, OURO_MEASURE_END));
    ouro__tally_add(&sum[1], profile->peak);
    ouro__tally_add(&sum[2], profile->total);
  }
  fprintf(out, " %10s %10s %10s %10s\n", "sum", ouro__show_bytes(&live, sum[0].bytes),
          ouro__show_bytes(&peak, sum[1].bytes), ouro__show_bytes(&total, sum[2].bytes));
}

/* ---------------------------------------------------------------- rows */

static void rows_title(const ouro__ask *ask, const ouro__query *query, size_t shown, FILE *out) {
  char measure[OURO_SHOW_MEASURE], title[256];
  ouro__show_words count, bytes;
  int length =
      snprintf(title, sizeof title, "%s, by %s%s: %s", ouro__show_measure(ask, measure), ouro__by_words[ask->wish.by],
               ask->wish.cumulative ? ", with what it calls" : "", ouro__show_bytes(&bytes, query->passed[1].bytes));
  if (shown < query->row_count) {
    snprintf(title + length, sizeof title - (size_t)length, "; %zu of %s rows", shown,
             ouro__show_count(&count, (int64_t)query->row_count));
  }
  ouro__show_rule(title, out);
}

static void row_line(const ouro__query *query, const ouro__row *row, bool sampled, FILE *out) {
  ouro__show_words bytes, error, share, count;
  char name[OURO_SHOW_NAME];
  int width = OURO_SHOW_WIDTH - 34;
  fprintf(out, " %10s", ouro__show_bytes(&bytes, row->side[1].bytes));
  if (sampled) {
    fprintf(out, " %10s", ouro__show_bytes(&error, (int64_t)sqrt(row->variance)));
    width -= 11;
  }
  fprintf(out, " %7s %12s  ", ouro__show_share(&share, (double)row->side[1].bytes, (double)query->all[1].bytes),
          ouro__show_count(&count, row->side[1].count));
  ouro__show_fit(ouro__show_key(query, row, name, true), width, out);
}

static void rows_text(const ouro__ask *ask, const ouro__query *query, FILE *out) {
  bool sampled = any_sampled(ask);
  size_t shown = query->row_count < ask->limit ? query->row_count : ask->limit;
  rows_title(ask, query, shown, out);
  fprintf(out, " %10s%s %7s %12s  %s\n", "bytes", sampled ? "        +/-" : "", "share", "blocks",
          ouro__show_key_title(&ask->wish));
  for (size_t i = 0; i < shown; i++) {
    row_line(query, &query->rows[i], sampled, out);
    if (i < ask->stacks || ask->wish.by == OURO_BY_STACK) ouro__show_stack(&query->stacks, query->rows[i].stack, out);
  }
  if (shown == 0) fputs(" nothing\n", out);
}

static void text_report(const ouro__ask *ask, const ouro__query *query, FILE *out) {
  ouro__show_rule("ouro report", out);
  if (ask->source_count == 1)
    head(ask->sources[0].profile, out);
  else
    processes(ask, out);
  fputc('\n', out);
  rows_text(ask, query, out);
}

/* ---------------------------------------------------------------- JSON */

static void snapshots_json(ouro__json_out *json, const ouro__profile *profile) {
  ouro__json_open(json, "snapshots", '[');
  for (size_t i = 0; i < profile->snapshot_count; i++) {
    const ouro__psnapshot *snapshot = &profile->snapshots[i];
    ouro__json_open(json, NULL, '{');
    ouro__json_int(json, "number", (int64_t)i + 1);
    ouro__json_real(json, "seconds", snapshot->seconds);
    ouro__json_string(json, "label", snapshot->label ? snapshot->label : "");
    ouro__show_tally_json(json, "live", snapshot->live);
    ouro__json_close(json, '}');
  }
  ouro__json_close(json, ']');
}

static void process_json(ouro__json_out *json, const ouro__profile *profile) {
  static const char *const modes[] = {"off", "exact", "sample"};
  ouro__json_open(json, NULL, '{');
  ouro__json_string(json, "source", profile->source);
  ouro__json_int(json, "pid", profile->pid);
  ouro__json_int(json, "parent", profile->parent);
  ouro__json_open(json, "command", '[');
  for (char **word = profile->command; word && *word; word++) ouro__json_string(json, NULL, *word);
  ouro__json_close(json, ']');
  ouro__json_string(json, "python", profile->python);
  ouro__json_string(json, "mode", profile->mode < 3 ? modes[profile->mode] : "");
  ouro__json_int(json, "frames", profile->frame_limit);
  ouro__json_int(json, "sample_bytes", (int64_t)profile->sample_bytes);
  ouro__json_real(json, "seconds", profile->seconds);
  ouro__json_word(json, "ended", profile->ended ? "true" : "false");
  ouro__json_word(json, "complete", profile->complete ? "true" : "false");
  ouro__show_tally_json(json, "live", profile->live);
  if (profile->end_seconds >= 0) ouro__show_tally_json(json, "end", ouro__profile_tally(profile, OURO_MEASURE_END));
  ouro__show_tally_json(json, "peak", profile->peak);
  ouro__show_tally_json(json, "total", profile->total);
  if (profile->mode != OURO_TRACE_SAMPLE) {
    ouro__show_tally_json(json, "temporary", ouro__profile_tally(profile, OURO_MEASURE_TEMPORARY));
  }
  ouro__json_real(json, "peak_seconds", profile->peak_seconds);
  ouro__json_int(json, "lost", (int64_t)profile->lost);
  snapshots_json(json, profile);
  ouro__json_timeline(json, profile, "seconds");
  ouro__json_close(json, '}');
}

static void row_json(ouro__json_out *json, const ouro__query *query, const ouro__row *row, bool stack) {
  ouro__json_open(json, NULL, '{');
  ouro__json_int(json, "bytes", row->side[1].bytes);
  ouro__json_int(json, "blocks", row->side[1].count);
  ouro__json_real(json, "error", sqrt(row->variance));
  ouro__show_key_json(json, query, row, stack);
  ouro__json_close(json, '}');
}

static void json_report(const ouro__ask *ask, const ouro__query *query, FILE *out) {
  ouro__json_out json = {.out = out};
  size_t shown = query->row_count < ask->limit ? query->row_count : ask->limit;
  ouro__json_open(&json, NULL, '{');
  ouro__json_int(&json, "format", 1);
  ouro__json_string(&json, "measure", ouro__measure_words[ask->wish.measure]);
  ouro__json_string(&json, "by", ouro__by_words[ask->wish.by]);
  ouro__json_word(&json, "cumulative", ask->wish.cumulative ? "true" : "false");
  ouro__json_open(&json, "processes", '[');
  for (size_t i = 0; i < ask->source_count; i++) process_json(&json, ask->sources[i].profile);
  ouro__json_close(&json, ']');
  ouro__show_tally_json(&json, "all", query->all[1]);
  ouro__show_tally_json(&json, "passed", query->passed[1]);
  ouro__json_int(&json, "row_count", (int64_t)query->row_count);
  ouro__json_open(&json, "rows", '[');
  for (size_t i = 0; i < shown; i++) {
    row_json(&json, query, &query->rows[i], i < ask->stacks || ask->wish.by == OURO_BY_STACK);
  }
  ouro__json_close(&json, ']');
  ouro__json_close(&json, '}');
  fputc('\n', out);
}

/* ---------------------------------------------------------------- CSV */

static void csv_report(const ouro__ask *ask, const ouro__query *query, FILE *out) {
  fputs("bytes,blocks,error," OURO_SHOW_KEY_CSV "\r\n", out);
  for (size_t i = 0; i < query->row_count && i < ask->limit; i++) {
    const ouro__row *row = &query->rows[i];
    fprintf(out, "%" PRId64 ",%" PRId64 ",%.0f,", row->side[1].bytes, row->side[1].count, sqrt(row->variance));
    ouro__show_key_csv(query, row, out);
    fputs("\r\n", out);
  }
}

/* ---------------------------------------------------------------- the command */

int ouro__cmd_report(int argc, char **argv) {
  ouro__ask ask;
  ouro__query query;
  int result = ouro__ask_read(&ask, &about, argc, argv);
  if (result >= 0) return result;
  ouro__query_init(&query, &ask.wish);
  for (size_t i = 0; i < ask.source_count; i++) ouro__query_add(&query, &ask.sources[i], 1);
  ouro__query_sort(&query, false);
  void (*const writers[])(const ouro__ask *, const ouro__query *, FILE *) = {text_report, json_report, csv_report};
  writers[ask.format](&ask, &query, stdout);
  ouro__query_free(&query);
  ouro__ask_free(&ask);
  return ouro__show_end();
}
