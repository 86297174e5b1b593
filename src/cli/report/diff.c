/* cli/report/diff.c - `ouro diff`: what grew and what shrank between two recordings, or two snapshots of one. Sorted as
 * tracemalloc's compare_to sorts: by the size of the change, then by size, change of blocks, blocks. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/report/show.h"

static const ouro__ask_about about = {
    .command = OURO_ASK_DIFF,
    .least = 1,
    .most = 2,
    .help = "usage: ouro diff [options] FILE|PID[@SNAPSHOT] FILE|PID[@SNAPSHOT]\n"
            "       ouro diff [options] FILE|PID\n"
            "\n"
            "Say which lines grew, and which shrank. A snapshot is a number or a time: run.ouro@3, run.ouro@12.5s. "
            "With one FILE,\n"
            "between its first snapshot and its last.\n",
};

/* ---------------------------------------------------------------- what is compared */

static void name_of(const ouro__source *source, char text[256]) {
  ouro__words time;
  int length = snprintf(text, 256, "%s", ouro__path_name(source->profile->source));
  if (!source->snapshot || length >= 256) return;
  snprintf(text + length, 256 - (size_t)length, "@%zu (%s)",
           (size_t)(source->snapshot - source->profile->snapshots) + 1,
           ouro__words_seconds(&time, source->snapshot->seconds));
}

/* One recording: its first snapshot against its last. The second source has the same profile, and does not own it. */
static int from_one(const ouro__ask *ask, ouro__source *first, ouro__source *last) {
  const ouro__source *named = &ask->sources[0];
  size_t count = named->profile->snapshot_count;
  if (named->snapshot) {
    ouro__say("name what to compare %s with", named->profile->source);
    return OURO_EXIT_USAGE;
  }
  if (ask->measure_given) {
    ouro__say("snapshots have what was live: leave out --measure");
    return OURO_EXIT_USAGE;
  }
  if (count < 2) {
    ouro__say("%s has %zu snapshot%s: name two recordings, or record with snapshots", named->profile->source, count,
              count == 1 ? "" : "s");
    return OURO_EXIT_USAGE;
  }
  *first = *last = (ouro__source){.profile = named->profile};
  return ouro__source_choose_number(first, 1) && ouro__source_choose_number(last, count) ? -1 : OURO_EXIT_FAILED;
}

/* ---------------------------------------------------------------- text */

static bool is_changed(const ouro__row *row) {
  return row->side[0].bytes != row->side[1].bytes || row->side[0].count != row->side[1].count;
}

/* Sorted by the change, so what is the same comes last. */
static size_t changed_count(const ouro__query *query) {
  size_t count = 0;
  for (size_t i = 0; i < query->row_count; i++) count += is_changed(&query->rows[i]);
  return count;
}

static void total_line(const ouro__query *query, FILE *out) {
  ouro__show_words before, now, growth, count;
  fprintf(out, " %s then, %s now: %s in ", ouro__show_bytes(&before, query->passed[0].bytes),
          ouro__show_bytes(&now, query->passed[1].bytes),
          ouro__show_growth(&growth, query->passed[1].bytes - query->passed[0].bytes));
  fprintf(out, "%s blocks\n\n", ouro__show_count_growth(&count, query->passed[1].count - query->passed[0].count));
}

static void row_line(const ouro__query *query, const ouro__row *row, bool sampled, FILE *out) {
  ouro__show_words growth, count, now, error;
  char name[OURO_SHOW_NAME];
  fprintf(out, " %11s %11s", ouro__show_growth(&growth, ouro__row_growth(row)),
          ouro__show_bytes(&now, row->side[1].bytes));
  if (sampled) fprintf(out, " %10s", ouro__show_bytes(&error, (int64_t)sqrt(row->variance)));
  fprintf(out, " %13s  ", ouro__show_count_growth(&count, row->side[1].count - row->side[0].count));
  ouro__show_fit(ouro__show_key(query, row, name, true), OURO_SHOW_WIDTH - 40 - (sampled ? 11 : 0), out);
}

static void text_diff(const ouro__ask *ask, const ouro__query *query, const ouro__source *sides, FILE *out) {
  char title[600], a[256], b[256];
  size_t changed = changed_count(query), shown = changed < ask->limit ? changed : ask->limit;
  bool sampled = query->variance > 0;
  name_of(&sides[0], a);
  name_of(&sides[1], b);
  snprintf(title, sizeof title, "ouro diff: %s against %s, by %s", b, a, ouro__by_words[ask->wish.by]);
  ouro__show_rule(title, out);
  total_line(query, out);
  fprintf(out, " %11s %11s%s %13s  %s\n", "growth", "now", sampled ? "        +/-" : "", "blocks",
          ouro__show_key_title(&ask->wish));
  for (size_t i = 0; i < shown; i++) {
    row_line(query, &query->rows[i], sampled, out);
    if (i < ask->stacks || ask->wish.by == OURO_BY_STACK) ouro__show_stack(&query->stacks, query->rows[i].stack, out);
  }
  if (changed == 0) fputs(" nothing changed\n", out);
  if (shown < changed) fprintf(out, " and %zu more; --limit shows them\n", changed - shown);
}

/* ---------------------------------------------------------------- JSON and CSV */

static void row_json(ouro__json_out *json, const ouro__query *query, const ouro__row *row, bool stack) {
  ouro__json_open(json, NULL, '{');
  ouro__json_int(json, "bytes", row->side[1].bytes);
  ouro__json_int(json, "bytes_growth", ouro__row_growth(row));
  ouro__json_int(json, "blocks", row->side[1].count);
  ouro__json_int(json, "blocks_growth", row->side[1].count - row->side[0].count);
  ouro__json_real(json, "error", sqrt(row->variance));
  ouro__show_key_json(json, query, row, stack);
  ouro__json_close(json, '}');
}

static void json_diff(const ouro__ask *ask, const ouro__query *query, const ouro__source *sides, FILE *out) {
  ouro__json_out json = {.out = out};
  char name[256];
  ouro__json_open(&json, NULL, '{');
  ouro__json_int(&json, "format", 1);
  ouro__json_string(&json, "measure", ouro__measure_words[ask->wish.measure]);
  ouro__json_string(&json, "by", ouro__by_words[ask->wish.by]);
  name_of(&sides[0], name);
  ouro__json_string(&json, "then", name);
  name_of(&sides[1], name);
  ouro__json_string(&json, "now", name);
  ouro__show_tally_json(&json, "then_passed", query->passed[0]);
  ouro__show_tally_json(&json, "now_passed", query->passed[1]);
  ouro__json_open(&json, "rows", '[');
  for (size_t i = 0; i < query->row_count && i < ask->limit; i++) {
    row_json(&json, query, &query->rows[i], i < ask->stacks || ask->wish.by == OURO_BY_STACK);
  }
  ouro__json_close(&json, ']');
  ouro__json_close(&json, '}');
  fputc('\n', out);
}

static void csv_diff(const ouro__ask *ask, const ouro__query *query, const ouro__source *sides, FILE *out) {
  fputs("bytes,bytes_growth,blocks,blocks_growth,error," OURO_SHOW_KEY_CSV "\r\n", out);
  for (size_t i = 0; i < query->row_count && i < ask->limit; i++) {
    const ouro__row *row = &query->rows[i];
    fprintf(out, "%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%.0f,", row->side[1].bytes, ouro__row_growth(row),
            row->side[1].count, row->side[1].count - row->side[0].count, sqrt(row->variance));
    ouro__show_key_csv(query, row, out);
    fputs("\r\n", out);
  }
  (void)sides;
}

/* ---------------------------------------------------------------- the command */

static void compare(const ouro__ask *ask, const ouro__source *sides) {
  ouro__query query;
  ouro__query_init(&query, &ask->wish);
  ouro__query_add(&query, &sides[0], 0);
  ouro__query_add(&query, &sides[1], 1);
  ouro__query_sort(&query, true);
  void (*const writers[])(const ouro__ask *, const ouro__query *, const ouro__source *, FILE *) = {text_diff, json_diff,
                                                                                                   csv_diff};
  writers[ask->format](ask, &query, sides, stdout);
  ouro__query_free(&query);
}

int ouro__cmd_diff(int argc, char **argv) {
  ouro__ask ask;
  ouro__source sides[2] = {{0}};
  int result = ouro__ask_read(&ask, &about, argc, argv);
  if (result >= 0) return result;
  bool one = ask.source_count == 1;
  if (one) result = from_one(&ask, &sides[0], &sides[1]);
  if (result < 0) compare(&ask, one ? sides : ask.sources);
  for (size_t i = 0; i < 2; i++) {
    sides[i].profile = NULL;
    ouro__source_free(&sides[i]);
  }
  ouro__ask_free(&ask);
  return result < 0 ? ouro__show_end() : result;
}
