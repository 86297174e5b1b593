/* cli/history.c - heap and resident memory over time, in at most OURO_HISTORY_POINTS points however long the run is.
 *
 * A point keeps the largest values of its period, so that no peak is lost. When the points run out, each two become one and the
 * period doubles. */
#include "cli/cli.h"

static uint64_t larger(uint64_t a, uint64_t b) { return a > b ? a : b; }

static void merge(ouro__point *into, const ouro__point *from) {
  into->held = larger(into->held, from->held);
  into->resident = larger(into->resident, from->resident);
}

static void halve(ouro__history *history) {
  size_t kept = 0;
  for (size_t i = 0; i < history->count; i += 2) {
    ouro__point point = history->points[i];
    if (i + 1 < history->count) merge(&point, &history->points[i + 1]);
    history->points[kept++] = point;
  }
  history->count = kept;
  history->period_ns *= 2;
}

void ouro__history_init(ouro__history *history, uint64_t period_ns) {
  history->count = 0;
  history->period_ns = period_ns;
  history->begin_ns = 0;
}

void ouro__history_add(ouro__history *history, uint64_t since_start_ns, uint64_t held, uint64_t resident) {
  ouro__point now = {(double)since_start_ns / 1e9, held, resident};
  if (history->count > 0 && since_start_ns - history->begin_ns < history->period_ns) {
    merge(&history->points[history->count - 1], &now);
    return;
  }
  if (history->count == OURO_HISTORY_POINTS) halve(history);
  history->points[history->count++] = now;
  history->begin_ns = since_start_ns;
}
