/* cli/chart.c - the two drawings of the text report: memory over time, and the map of arenas. */
#include <langinfo.h>
#include <locale.h>
#include <string.h>

#include "cli/cli.h"

enum { CHART_ROWS = 6, CHART_COLUMNS = 60, MAP_COLUMNS = 64, MAP_ROWS = 4 };

/* ---------------------------------------------------------------- the pen */

static const ouro__pen unicode_pen = {
    .level = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"},
    .shade = {"·", "░", "▒", "▓", "█"},
    .other = "░",
    .rule = "─",
    .axis = "│",
    .corner = "└",
};

static const ouro__pen ascii_pen = {
    .level = {" ", " ", " ", " ", "#", "#", "#", "#", "#"},
    .shade = {".", "-", "+", "*", "#"},
    .other = ":",
    .rule = "-",
    .axis = "|",
    .corner = "+",
};

const ouro__pen *ouro__pen_get(void) {
  setlocale(LC_CTYPE, "");
  return strcmp(nl_langinfo(CODESET), "UTF-8") == 0 ? &unicode_pen : &ascii_pen;
}

/* ---------------------------------------------------------------- memory over time */

typedef struct columns {
  uint64_t held[CHART_COLUMNS], resident[CHART_COLUMNS];
  uint64_t most;
} columns;

static uint64_t larger(uint64_t a, uint64_t b) { return a > b ? a : b; }

/* The largest of the points that fall into each column; a column without a point repeats the one before. */
static void fill(columns *to, const ouro__history *history, double seconds) {
  bool drawn[CHART_COLUMNS] = {false};
  for (size_t i = 0; i < history->count; i++) {
    const ouro__point *point = &history->points[i];
    double share = seconds > 0 ? point->seconds / seconds : 0;
    size_t column = share >= 1 ? CHART_COLUMNS - 1 : (size_t)(share * CHART_COLUMNS);
    to->held[column] = larger(to->held[column], point->held);
    to->resident[column] = larger(to->resident[column], point->resident);
    to->most = larger(to->most, larger(point->held, point->resident));
    drawn[column] = true;
  }
  for (size_t column = 1; column < CHART_COLUMNS; column++) {
    if (drawn[column]) continue;
    to->held[column] = to->held[column - 1];
    to->resident[column] = to->resident[column - 1];
  }
}

/* How many eighths of the cell in `row` (0 is the lowest) lie under `value`. */
static unsigned eighths(uint64_t value, uint64_t most, unsigned row) {
  double height = most ? (double)value / (double)most * CHART_ROWS - row : 0;
  if (height <= 0) return 0;
  return height >= 1 ? 8 : (unsigned)(height * 8 + 0.5);
}

static const char *cell(const columns *from, size_t column, unsigned row, const ouro__pen *pen) {
  unsigned held = eighths(from->held[column], from->most, row);
  unsigned resident = eighths(from->resident[column], from->most, row);
  if (held == 0 && resident >= 4) return pen->other;
  return pen->level[held];
}

void ouro__chart_history(const ouro__history *history, double seconds, const ouro__pen *pen, FILE *out) {
  columns from = {.most = 0};
  ouro__words words;
  fill(&from, history, seconds);
  for (unsigned row = CHART_ROWS; row-- > 0;) {
    fprintf(out, " %10s %s", row == CHART_ROWS - 1 ? ouro__words_bytes(&words, from.most) : "", pen->axis);
    size_t last = CHART_COLUMNS;
    while (last > 0 && *cell(&from, last - 1, row, pen) == ' ') last--;
    for (size_t column = 0; column < last; column++) fputs(cell(&from, column, row, pen), out);
    fputc('\n', out);
  }
  fprintf(out, " %10s %s", "0", pen->corner);
  for (size_t column = 0; column < CHART_COLUMNS; column++) fputs(pen->rule, out);
  fprintf(out, "\n %11s0 s%*s\n", "", CHART_COLUMNS - 2, ouro__words_seconds(&words, seconds));
}

/* ---------------------------------------------------------------- arenas */

/* nearly empty, up to a quarter, a half, three quarters, more */
static unsigned occupancy(uint64_t live, uint64_t size) {
  double share = size ? (double)live / (double)size : 0;
  if (share < 0.02) return 0;
  if (share < 0.25) return 1;
  if (share < 0.5) return 2;
  return share < 0.75 ? 3 : 4;
}

size_t ouro__chart_arenas_group(const ouro__detail *detail) {
  return (detail->arena_count + MAP_ROWS * MAP_COLUMNS - 1) / (MAP_ROWS * MAP_COLUMNS);
}

static const char *mark(const ouro__detail *detail, size_t first, size_t count, const ouro__pen *pen) {
  uint64_t live = 0, size = 0;
  for (size_t i = first; i < first + count && i < detail->arena_count; i++) {
    live += detail->arenas[i].live;
    size += detail->arenas[i].size;
  }
  return pen->shade[occupancy(live, size)];
}

void ouro__chart_arenas(const ouro__detail *detail, const ouro__pen *pen, FILE *out) {
  size_t group = ouro__chart_arenas_group(detail), column = 0;
  for (size_t i = 0; i < detail->arena_count; i += group) {
    if (column == 0) fputs("   ", out);
    fputs(mark(detail, i, group, pen), out);
    column = (column + 1) % MAP_COLUMNS;
    if (column == 0 || i + group >= detail->arena_count) fputc('\n', out);
  }
}
