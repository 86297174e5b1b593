/* cli/report/growth.c - see growth.h. Snapshots tell what changed since the one before: only rows that changed are looked at. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/report/growth.h"

static const double start_up = 0.1; /* of the time */

typedef struct watched {
  ouro__tally first, now; /* at the first snapshot, and so far */
  int64_t before, begun;  /* bytes at the snapshot before, and when this interval began */
  uint32_t times, latest; /* intervals in which it had more bytes, and the number of the latest of them */
  bool shrank, touched;
} watched;

typedef struct watch {
  watched *rows;
  size_t row_count;
  uint32_t *row_of;  /* of each site; UINT32_MAX: filtered out */
  ouro__tally *live; /* of each site */
  uint32_t *touched; /* rows that changed since the last look */
  size_t touched_count;
  uint32_t interval; /* number of the last one that has ended, from 1 */
} watch;

/* Snapshots from..to (exclusive) are looked at. */
static void choose(const ouro__profile *profile, size_t *from, size_t *to) {
  *to = profile->snapshot_count;
  while (*to > 0 && profile->end_seconds >= 0 && profile->snapshots[*to - 1].seconds > profile->end_seconds) --*to;
  double end = *to ? profile->snapshots[*to - 1].seconds : 0;
  *from = 0;
  while (*from < *to && profile->snapshots[*from].seconds < start_up * end) ++*from;
}

static void apply(watch *all, const ouro__pchange *change) {
  ouro__tally *live = &all->live[change->site];
  uint32_t number = all->row_of[change->site];
  ouro__tally step = {ouro__bounded(change->live.count - live->count),
                      ouro__bounded(change->live.bytes - live->bytes)};
  *live = change->live;
  if (number == UINT32_MAX) return;
  watched *row = &all->rows[number];
  ouro__tally_add(&row->now, step);
  if (!row->touched) all->touched[all->touched_count++] = number;
  row->touched = true;
}

static void look(watch *all) {
  for (size_t i = 0; i < all->touched_count; i++) {
    watched *row = &all->rows[all->touched[i]];
    if (row->now.bytes < row->before) row->shrank = true;
    row->before = row->now.bytes;
    row->touched = false;
  }
  all->touched_count = 0;
}

static void end_interval(watch *all) {
  all->interval++;
  for (size_t i = 0; i < all->row_count; i++) {
    watched *row = &all->rows[i];
    if (row->now.bytes > row->begun) {
      row->times++;
      row->latest = all->interval;
    }
    row->begun = row->now.bytes;
  }
}

static void begin(watch *all) {
  for (size_t i = 0; i < all->row_count; i++) {
    watched *row = &all->rows[i];
    row->first = row->now;
    row->before = row->begun = row->now.bytes;
    row->touched = false;
  }
  all->touched_count = 0;
}

/* Whether an interval ends with snapshot `number` of the `steps` after the first. */
static bool is_end(size_t number, size_t steps, size_t intervals) {
  return number * intervals / steps != (number - 1) * intervals / steps;
}

static void go_through(watch *all, const ouro__profile *profile, size_t from, size_t to, size_t intervals) {
  for (size_t i = 0; i < to; i++) {
    const ouro__psnapshot *snapshot = &profile->snapshots[i];
    for (size_t j = 0; j < snapshot->change_count; j++) {
      if (snapshot->changes[j].site < profile->site_count) apply(all, &snapshot->changes[j]);
    }
    if (i == from) begin(all);
    if (i > from) look(all);
    if (i > from && is_end(i - from, to - from - 1, intervals)) end_interval(all);
  }
}

static bool grew(const watched *row, size_t intervals) {
  bool often = row->times >= OURO_GROWTH_LEAST && 2 * (size_t)row->times >= intervals;
  return !row->shrank && often && 4 * (intervals - row->latest) < intervals;
}

static int fastest_first(const void *left, const void *right) {
  const ouro__growth_row *a = left, *b = right;
  int64_t left_growth = a->last.bytes - a->first.bytes, right_growth = b->last.bytes - b->first.bytes;
  if (left_growth != right_growth) return left_growth < right_growth ? 1 : -1;
  return (a->row > b->row) - (a->row < b->row);
}

static void collect(ouro__growth *growth, const watch *all) {
  for (uint32_t i = 0; i < all->row_count; i++) {
    const watched *row = &all->rows[i];
    if (!grew(row, growth->intervals)) continue;
    OURO_ROOM_FOR_ONE(growth->rows, growth->row_count);
    growth->rows[growth->row_count++] =
        (ouro__growth_row){.row = i, .first = row->first, .last = row->now, .times = row->times};
  }
  if (growth->row_count) qsort(growth->rows, growth->row_count, sizeof *growth->rows, fastest_first);
}

void ouro__growth_find(ouro__growth *growth, ouro__query *query, const ouro__profile *profile) {
  size_t from, to;
  *growth = (ouro__growth){0};
  choose(profile, &from, &to);
  if (to - from < 2) return;
  growth->intervals = to - from - 1 < OURO_GROWTH_INTERVALS ? to - from - 1 : OURO_GROWTH_INTERVALS;
  growth->seconds = profile->snapshots[to - 1].seconds - profile->snapshots[from].seconds;
  watch all = {.row_of = ouro__query_rows(query, profile)};
  all.row_count = query->row_count;
  all.rows = ouro__zeroed_or_end(all.row_count, sizeof *all.rows);
  all.live = ouro__zeroed_or_end(profile->site_count, sizeof *all.live);
  all.touched = ouro__zeroed_or_end(all.row_count, sizeof *all.touched);
  go_through(&all, profile, from, to, growth->intervals);
  collect(growth, &all);
  free(all.rows);
  free(all.row_of);
  free(all.live);
  free(all.touched);
}

double ouro__growth_per_minute(const ouro__growth *growth, const ouro__growth_row *row) {
  double rate = growth->seconds > 0 ? (double)(row->last.bytes - row->first.bytes) / growth->seconds * 60 : 0;
  return rate < (double)OURO_TALLY_MOST ? rate : (double)OURO_TALLY_MOST;
}

void ouro__growth_free(ouro__growth *growth) {
  free(growth->rows);
  *growth = (ouro__growth){0};
}
