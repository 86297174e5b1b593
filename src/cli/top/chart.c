/* cli/top/chart.c - heap and other resident memory over time, in eighths of a character, as in the report of `ouro run`. */
#include <stdlib.h>
#include <string.h>

#include "cli/top/top.h"

enum { LABEL = 10 }; /* columns before the axis */

typedef struct columns {
  ouro__point *list; /* owned; of each column, the largest values */
  bool *drawn;       /* owned; a column has a point of its own */
  int count;
  uint64_t most;
  double from, to; /* seconds */
} columns;

static uint64_t larger(uint64_t a, uint64_t b) { return a > b ? a : b; }

static int column_of(const columns *it, double seconds) {
  double share = it->to > it->from ? (seconds - it->from) / (it->to - it->from) : 1;
  if (share <= 0) return 0;
  return share >= 1 ? it->count - 1 : (int)(share * it->count);
}

/* A column without a point repeats the one before. */
static void fill(columns *it, const ouro__history *history) {
  for (size_t i = 0; i < history->count; i++) {
    const ouro__point *point = &history->points[i];
    int column = column_of(it, point->seconds);
    it->list[column].held = larger(it->list[column].held, point->held);
    it->list[column].resident = larger(it->list[column].resident, point->resident);
    it->most = larger(it->most, larger(point->held, point->resident));
    it->drawn[column] = true;
  }
  for (int column = 1; column < it->count; column++) {
    if (!it->drawn[column]) it->list[column] = it->list[column - 1];
  }
}

/* How many eighths of the cell in `row` of `rows` (0 is the lowest) lie under `value`. */
static unsigned eighths(uint64_t value, uint64_t most, int row, int rows) {
  double height = most ? (double)value / (double)most * rows - row : 0;
  if (height <= 0) return 0;
  return height >= 1 ? 8 : (unsigned)(height * 8 + 0.5);
}

static void draw_row(const columns *it, ouro__canvas *canvas, int at, int row, int rows) {
  const ouro__pen *pen = ouro__pen_get();
  ouro__canvas_put(canvas, at, LABEL, 1, OURO_LOOK_FAINT, pen->axis);
  for (int column = 0; column < it->count; column++) {
    unsigned held = eighths(it->list[column].held, it->most, row, rows);
    bool other = held == 0 && eighths(it->list[column].resident, it->most, row, rows) >= 4;
    ouro__canvas_put(canvas, at, LABEL + 1 + column, 1, other ? OURO_LOOK_RESIDENT : OURO_LOOK_HEAP,
                     other ? pen->other : pen->level[held]);
  }
}

/* The moment of a recording that is looked at has a mark on the axis. */
static void draw_axis(const columns *it, const ouro__follow *follow, ouro__canvas *canvas, int row) {
  const ouro__pen *pen = ouro__pen_get();
  ouro__words words;
  ouro__canvas_put_right(canvas, row, 0, LABEL - 1, OURO_LOOK_FAINT, ouro__words_seconds(&words, it->from));
  for (int column = 0; column < it->count; column++) {
    ouro__canvas_put(canvas, row, LABEL + 1 + column, 1, OURO_LOOK_FAINT, pen->rule);
  }
  ouro__canvas_put(canvas, row, LABEL, 1, OURO_LOOK_FAINT, pen->corner);
  ouro__words_seconds(&words, it->to);
  ouro__canvas_put_right(canvas, row, LABEL + 1, it->count, OURO_LOOK_FAINT, words.text);
  if (!follow->now) return;
  int column = column_of(it, follow->profile->snapshots[follow->moment].seconds);
  ouro__canvas_put(canvas, row, LABEL + 1 + column, 1, OURO_LOOK_STRONG, "^");
}

static void draw(columns *it, const ouro__follow *follow, ouro__canvas *canvas, int row, int rows) {
  ouro__words words;
  fill(it, &follow->history);
  for (int i = 0; i < rows - 1; i++) draw_row(it, canvas, row + i, rows - 2 - i, rows - 1);
  ouro__canvas_put_right(canvas, row, 0, LABEL - 1, OURO_LOOK_FAINT, ouro__words_bytes(&words, it->most));
  draw_axis(it, follow, canvas, row + rows - 1);
}

void ouro__chart_draw(const ouro__follow *follow, ouro__canvas *canvas, int row, int rows) {
  const ouro__history *history = &follow->history;
  if (canvas->columns < LABEL + 10 || rows < 2) return;
  columns it = {
      .count = canvas->columns - LABEL - 1,
      .from = history->count ? history->points[0].seconds : 0,
      .to = follow->profile->seconds,
  };
  it.list = calloc((size_t)it.count, sizeof *it.list);
  it.drawn = calloc((size_t)it.count, sizeof *it.drawn);
  if (it.list && it.drawn) draw(&it, follow, canvas, row, rows);
  free(it.list);
  free(it.drawn);
}
