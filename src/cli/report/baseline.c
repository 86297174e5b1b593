/* cli/report/baseline.c - a file, small enough to be kept with the program's source, of what a run had: totals and lines.
 * Judged are the totals at the peak and at the end; the lines say where a difference comes from.
 *
 * Lines are in order of their names, so that two versions of the file can be compared as text. A line that has moved within its
 * function is recognised: what has no equal is matched with what has the same file and function. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/report/check.h"
#include "cli/report/show.h"

enum { LINES_MOST = 200, GROWN_MOST = 10 };

static const double least_share = 0.001; /* of the peak or the end: smaller lines are not written */

/* ---------------------------------------------------------------- sums */

void ouro__check_sum(ouro__check_sums *sums, const ouro__check *check) {
  *sums = (ouro__check_sums){.wish = {.domain = -1}};
  ouro__query_init(&sums->query, &sums->wish);
  ouro__tally *const of[] = {&sums->peak, &sums->live, &sums->total, &sums->temporary};
  static const ouro__measure measures[] = {OURO_MEASURE_PEAK, OURO_MEASURE_END, OURO_MEASURE_TOTAL,
                                           OURO_MEASURE_TEMPORARY};
  for (size_t i = 0; i < check->source_count; i++) {
    for (unsigned side = 0; side < 2; side++) {
      sums->wish.measure = measures[side];
      ouro__query_add(&sums->query, &check->sources[i], side);
    }
    for (size_t j = 0; j < 4; j++) ouro__tally_add(of[j], ouro__profile_tally(check->sources[i].profile, measures[j]));
  }
  ouro__query_sort(&sums->query, false);
}

void ouro__check_sums_free(ouro__check_sums *sums) { ouro__query_free(&sums->query); }

/* ---------------------------------------------------------------- lines */

/* A line of the file, or of this run. */
typedef struct line {
  char *name, *function; /* "app.py:12"; owned */
  int64_t bytes[2];      /* at the peak, at the end */
  bool matched;
} line;

typedef struct line_list {
  line *list;
  size_t count;
} line_list;

static char *copy(const char *text) {
  char *own = ouro__zeroed_or_end(strlen(text) + 1, 1);
  return strcpy(own, text);
}

static void add_line(line_list *to, const char *name, const char *function, int64_t peak, int64_t end) {
  OURO_ROOM_FOR_ONE(to->list, to->count);
  to->list[to->count++] = (line){.name = copy(name), .function = copy(function), .bytes = {peak, end}};
}

static void free_lines(line_list *lines) {
  for (size_t i = 0; i < lines->count; i++) {
    free(lines->list[i].name);
    free(lines->list[i].function);
  }
  free(lines->list);
}

static line_list lines_of(const ouro__check_sums *sums) {
  line_list lines = {0};
  char name[OURO_SHOW_NAME];
  for (size_t i = 0; i < sums->query.row_count; i++) {
    const ouro__row *row = &sums->query.rows[i];
    ouro__place_text(name, sizeof name, ouro__row_place(&sums->query, row), true);
    add_line(&lines, name, sums->query.stacks.places.list[row->place].function, row->side[0].bytes, row->side[1].bytes);
  }
  return lines;
}

/* ---------------------------------------------------------------- writing */

static int64_t larger_bytes(const line *one) { return one->bytes[0] > one->bytes[1] ? one->bytes[0] : one->bytes[1]; }

static int largest_first(const void *left, const void *right) {
  int64_t a = larger_bytes(left), b = larger_bytes(right);
  return (a < b) - (a > b);
}

static size_t file_length(const char *name) {
  const char *colon = strrchr(name, ':');
  return colon ? (size_t)(colon - name) : strlen(name);
}

/* By file, then by number. */
static int by_name(const void *left, const void *right) {
  const line *a = left, *b = right;
  size_t length = file_length(a->name);
  bool same_file = length == file_length(b->name) && strncmp(a->name, b->name, length) == 0;
  if (!same_file || !a->name[length] || !b->name[length]) return strcmp(a->name, b->name);
  long first = strtol(a->name + length + 1, NULL, 10), second = strtol(b->name + length + 1, NULL, 10);
  return (first > second) - (first < second);
}

static void choose_lines(line_list *lines, const ouro__check_sums *sums) {
  size_t count = 0;
  if (lines->count) qsort(lines->list, lines->count, sizeof *lines->list, largest_first);
  while (count < lines->count && count < LINES_MOST) {
    const line *one = &lines->list[count];
    bool peak = (double)one->bytes[0] >= least_share * (double)sums->peak.bytes;
    bool end = (double)one->bytes[1] >= least_share * (double)sums->live.bytes;
    if (!peak && !end) break;
    count++;
  }
  for (size_t i = count; i < lines->count; i++) {
    free(lines->list[i].name);
    free(lines->list[i].function);
  }
  lines->count = count;
  if (count) qsort(lines->list, count, sizeof *lines->list, by_name);
}

/* `value`, and release it. */
static void put(FILE *out, json_t *value, const char *after) {
  if (value) json_dumpf(value, out, JSON_COMPACT | JSON_ENCODE_ANY);
  json_decref(value);
  fputs(after, out);
}

/* Text that is not UTF-8 is no JSON: such a name is written without its wrong bytes. */
static json_t *text_json(const char *text) {
  json_t *value = json_string(text);
  if (value) return value;
  char *clean = copy(text);
  for (char *at = clean; *at; at++) *at = (*at & 0x80) ? '?' : *at;
  value = json_string(clean);
  free(clean);
  return value;
}

static void put_line(FILE *out, const line *one, const char *after) {
  fputs("  ", out);
  put(out,
      json_pack("{s:o, s:o, s:I, s:I}", "line", text_json(one->name), "function", text_json(one->function), "peak",
                (json_int_t)one->bytes[0], "live_at_exit", (json_int_t)one->bytes[1]),
      after);
}

static void put_all(FILE *out, const ouro__check *check, const ouro__check_sums *sums, const line_list *lines) {
  json_t *command = json_array();
  for (char **word = check->command; *word; word++) json_array_append_new(command, text_json(*word));
  fputs("{\n \"ouro_baseline\": 1,\n \"command\": ", out);
  put(out, command, ",\n \"totals\": ");
  put(out,
      json_pack("{s:I, s:I, s:I, s:I}", "peak", (json_int_t)sums->peak.bytes, "live_at_exit",
                (json_int_t)sums->live.bytes, "allocated", (json_int_t)sums->total.bytes, "temporary_blocks",
                (json_int_t)sums->temporary.count),
      ",\n \"lines\": [\n");
  for (size_t i = 0; i < lines->count; i++) put_line(out, &lines->list[i], i + 1 < lines->count ? ",\n" : "\n");
  fputs(" ]\n}\n", out);
}

/* Beside it first, so that what is there is lost only when the new one is whole. */
static bool replace_file(const ouro__check *check, const ouro__check_sums *sums, const line_list *lines) {
  char *beside = ouro__zeroed_or_end(strlen(check->baseline) + 8, 1);
  strcpy(stpcpy(beside, check->baseline), ".new");
  FILE *out = fopen(beside, "we");
  bool written = false;
  if (out) {
    put_all(out, check, sums, lines);
    bool failed = ferror(out) != 0;
    written = fclose(out) == 0 && !failed && rename(beside, check->baseline) == 0;
    if (!written) remove(beside);
  }
  free(beside);
  return written;
}

int ouro__baseline_write(const ouro__check *check) {
  ouro__check_sums sums;
  ouro__check_sum(&sums, check);
  line_list lines = lines_of(&sums);
  choose_lines(&lines, &sums);
  bool written = replace_file(check, &sums, &lines);
  if (!written) ouro__say("cannot write %s: %s", check->baseline, strerror(errno));
  free_lines(&lines);
  ouro__check_sums_free(&sums);
  return written ? 0 : OURO_EXIT_FAILED;
}

/* ---------------------------------------------------------------- reading */

static const char *text_of(const json_t *object, const char *key) {
  const char *text = json_string_value(json_object_get(object, key));
  return text ? text : "";
}

static int64_t bytes_of(const json_t *object, const char *key) {
  return ouro__bounded(json_integer_value(json_object_get(object, key)));
}

static line_list lines_in(const json_t *baseline) {
  line_list lines = {0};
  const json_t *array = json_object_get(baseline, "lines");
  for (size_t i = 0; i < json_array_size(array); i++) {
    const json_t *row = json_array_get(array, i);
    add_line(&lines, text_of(row, "line"), text_of(row, "function"), bytes_of(row, "peak"),
             bytes_of(row, "live_at_exit"));
  }
  return lines;
}

static json_t *read_baseline(const char *path) {
  json_error_t error;
  json_t *baseline = json_load_file(path, 0, &error);
  if (!baseline)
    ouro__say("cannot read the baseline %s: %s; --update-baseline makes it", path, error.text);
  else if (bytes_of(baseline, "ouro_baseline") != 1 || !json_is_object(json_object_get(baseline, "totals"))) {
    ouro__say("%s is not a baseline of ouro; --update-baseline would make one", path);
    json_decref(baseline);
    baseline = NULL;
  }
  return baseline;
}

/* ---------------------------------------------------------------- what grew */

typedef struct grown {
  const line *now;  /* NULL: gone */
  const line *then; /* NULL: new, or too small to have been written */
  int64_t growth;
} grown;

static bool same_line(const line *a, const line *b) { return strcmp(a->name, b->name) == 0; }

static bool same_function(const line *a, const line *b) {
  size_t length = file_length(a->name);
  return length == file_length(b->name) && strncmp(a->name, b->name, length) == 0 &&
         strcmp(a->function, b->function) == 0;
}

static void match(line_list *then, line_list *now, const line **partner, bool (*same)(const line *, const line *)) {
  for (size_t i = 0; i < then->count; i++) {
    for (size_t j = 0; j < now->count && !then->list[i].matched; j++) {
      if (now->list[j].matched || !same(&then->list[i], &now->list[j])) continue;
      then->list[i].matched = now->list[j].matched = true;
      partner[j] = &then->list[i];
    }
  }
}

static int most_growth_first(const void *left, const void *right) {
  int64_t a = ((const grown *)left)->growth, b = ((const grown *)right)->growth;
  return (a < b) - (a > b);
}

/* Pairs of lines, the largest growth of that measure first, in an array that the caller frees. */
static grown *compare(line_list *then, line_list *now, unsigned measure, size_t *count) {
  const line **partner = ouro__zeroed_or_end(now->count, sizeof *partner);
  for (size_t i = 0; i < then->count; i++) then->list[i].matched = false;
  for (size_t i = 0; i < now->count; i++) now->list[i].matched = false;
  match(then, now, partner, same_line);
  match(then, now, partner, same_function);
  grown *pairs = ouro__zeroed_or_end(now->count + then->count, sizeof *pairs);
  *count = 0;
  for (size_t i = 0; i < now->count; i++) {
    int64_t before = partner[i] ? partner[i]->bytes[measure] : 0;
    pairs[(*count)++] =
        (grown){.now = &now->list[i], .then = partner[i], .growth = now->list[i].bytes[measure] - before};
  }
  for (size_t i = 0; i < then->count; i++) {
    const line *gone = &then->list[i];
    if (!gone->matched) pairs[(*count)++] = (grown){.then = gone, .growth = -gone->bytes[measure]};
  }
  free(partner);
  if (*count) qsort(pairs, *count, sizeof *pairs, most_growth_first);
  return pairs;
}

static void grown_line(const grown *pair, unsigned measure) {
  ouro__show_words growth, now;
  char name[OURO_SHOW_NAME];
  const line *shown = pair->now ? pair->now : pair->then;
  snprintf(name, sizeof name, "%s  %s", shown->name, shown->function);
  fprintf(stderr, " %11s %11s  ", ouro__show_growth(&growth, pair->growth),
          ouro__show_bytes(&now, pair->now ? pair->now->bytes[measure] : 0));
  ouro__show_fit(name, OURO_SHOW_WIDTH - 27, stderr);
}

static void show_growth(line_list *then, line_list *now, unsigned measure) {
  size_t count;
  grown *pairs = compare(then, now, measure, &count);
  fprintf(stderr, " %11s %11s  %s\n", "growth", "now", "line");
  for (size_t i = 0; i < count && i < GROWN_MOST && pairs[i].growth > 0; i++) grown_line(&pairs[i], measure);
  free(pairs);
}

/* ---------------------------------------------------------------- the judgement */

static bool holds(const ouro__check *check, const char *what, int64_t then, int64_t now) {
  ouro__words had, has;
  if ((double)now <= (double)then * (1 + check->tolerance)) return true;
  ouro__say("%s is %s; the baseline %s has %s, and %g %% more is allowed", what, ouro__words_bytes(&has, (uint64_t)now),
            check->baseline, ouro__words_bytes(&had, (uint64_t)then), 100 * check->tolerance);
  return false;
}

int ouro__baseline_judge(const ouro__check *check) {
  json_t *baseline = read_baseline(check->baseline);
  if (!baseline) return OURO_EXIT_USAGE;
  ouro__check_sums sums;
  ouro__check_sum(&sums, check);
  line_list then = lines_in(baseline), now = lines_of(&sums);
  const json_t *totals = json_object_get(baseline, "totals");
  bool peak = holds(check, "what is live at the peak", bytes_of(totals, "peak"), sums.peak.bytes);
  if (!peak) show_growth(&then, &now, 0);
  bool end = holds(check, "what is live at exit", bytes_of(totals, "live_at_exit"), sums.live.bytes);
  if (!end) show_growth(&then, &now, 1);
  free_lines(&then);
  free_lines(&now);
  ouro__check_sums_free(&sums);
  json_decref(baseline);
  return peak && end ? 0 : 1;
}
