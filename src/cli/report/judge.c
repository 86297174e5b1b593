/* cli/report/judge.c - limits on what a process may hold, see check.h. Each process is judged by itself: their peaks come at
 * different times, and do not add up. */
#include <inttypes.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/report/check.h"
#include "cli/report/growth.h"
#include "cli/report/show.h"

enum { BLAMED = 10 };

/* The lines that have most of it. */
static void blame(const ouro__source *source, ouro__measure measure) {
  ouro__show_words bytes, count;
  char name[OURO_SHOW_NAME];
  ouro__wish wish = {.measure = measure, .domain = -1};
  ouro__query query;
  ouro__query_init(&query, &wish);
  ouro__query_add(&query, source, 1);
  ouro__query_sort(&query, false);
  fprintf(stderr, " %10s %12s  %s\n", "bytes", "blocks", ouro__show_key_title(&wish));
  for (size_t i = 0; i < query.row_count && i < BLAMED; i++) {
    const ouro__row *row = &query.rows[i];
    fprintf(stderr, " %10s %12s  ", ouro__show_bytes(&bytes, row->side[1].bytes),
            ouro__show_count(&count, row->side[1].count));
    ouro__show_fit(ouro__show_key(&query, row, name, true), OURO_SHOW_WIDTH - 26, stderr);
  }
  ouro__query_free(&query);
}

static const char *process_words(const ouro__profile *profile, char text[200]) {
  char command[OURO_SHOW_NAME];
  ouro__show_command(profile, command);
  snprintf(text, 200, "process %d (%.80s%s)", profile->pid, command, strlen(command) > 80 ? "..." : "");
  return text;
}

/* What it had and what it may have; to the byte, where rounded they are the same. */
static void two_sizes(ouro__words *had, uint64_t has, ouro__words *may, uint64_t limit) {
  ouro__words_bytes(had, has);
  ouro__words_bytes(may, limit);
  if (strcmp(had->text, may->text) != 0) return;
  snprintf(had->text, sizeof had->text, "%" PRIu64 " bytes", has);
  snprintf(may->text, sizeof may->text, "%" PRIu64, limit);
}

static bool bytes_hold(const ouro__source *source, ouro__measure measure, uint64_t limit, const char *option,
                       const char *when) {
  ouro__words had, may;
  char process[200];
  ouro__tally tally = ouro__profile_tally(source->profile, measure);
  if (tally.bytes <= 0 || (uint64_t)tally.bytes <= limit) return true;
  two_sizes(&had, (uint64_t)tally.bytes, &may, limit);
  ouro__say("%s had %s live %s; %s allows %s", process_words(source->profile, process), had.text, when, option,
            may.text);
  blame(source, measure);
  return false;
}

static bool temporary_hold(const ouro__source *source, uint64_t limit) {
  ouro__words had, may;
  char process[200];
  ouro__tally tally = ouro__profile_tally(source->profile, OURO_MEASURE_TEMPORARY);
  if (tally.count <= 0 || (uint64_t)tally.count <= limit) return true;
  ouro__say("%s made %s blocks that it freed at once; --max-temporary allows %s",
            process_words(source->profile, process), ouro__words_count(&had, (uint64_t)tally.count),
            ouro__words_count(&may, limit));
  blame(source, OURO_MEASURE_TEMPORARY);
  return false;
}

static void growth_lines(const ouro__growth *growth, const ouro__query *query) {
  ouro__show_words bytes, rate;
  char name[OURO_SHOW_NAME];
  fprintf(stderr, " %10s %10s %9s  %s\n", "growth", "a minute", "grew", ouro__show_key_title(query->wish));
  for (size_t i = 0; i < growth->row_count && i < BLAMED; i++) {
    const ouro__growth_row *row = &growth->rows[i];
    char times[48];
    snprintf(times, sizeof times, "%" PRIu32 "/%zu", row->times, growth->intervals);
    fprintf(stderr, " %10s %10s %9s  ", ouro__show_growth(&bytes, row->last.bytes - row->first.bytes),
            ouro__show_bytes(&rate, (int64_t)ouro__growth_per_minute(growth, row)), times);
    ouro__show_fit(ouro__show_key(query, &query->rows[row->row], name, true), OURO_SHOW_WIDTH - 34, stderr);
  }
}

static bool nothing_grows(const ouro__source *source) {
  char process[200];
  ouro__wish wish = {.measure = OURO_MEASURE_LIVE, .domain = -1};
  ouro__query query;
  ouro__growth growth;
  ouro__query_init(&query, &wish);
  ouro__growth_find(&growth, &query, source->profile);
  bool holds = growth.row_count == 0;
  if (!holds) {
    ouro__say("%s has %zu line%s that only grew; --no-growth allows none", process_words(source->profile, process),
              growth.row_count, growth.row_count == 1 ? "" : "s");
    growth_lines(&growth, &query);
  }
  ouro__growth_free(&growth);
  ouro__query_free(&query);
  return holds;
}

bool ouro__check_limits(const ouro__check *check) {
  bool hold = true;
  for (size_t i = 0; i < check->source_count; i++) {
    const ouro__source *source = &check->sources[i];
    hold &= bytes_hold(source, OURO_MEASURE_PEAK, check->peak, "--max-peak", "at its peak");
    hold &= bytes_hold(source, OURO_MEASURE_END, check->live, "--max-live-at-exit", "at its exit");
    hold &= temporary_hold(source, check->temporary);
    if (check->no_growth) hold &= nothing_grows(source);
  }
  return hold;
}
