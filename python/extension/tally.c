/* tally.c - blocks counted by stack, domain and size. */
#include "tally.h"

#include <stdlib.h>

#include "mapped.h"

#define FIRST_ROOM ((size_t)4096)

static size_t hash(const ouro__tally_row *row) {
  uint64_t mixed = ((uint64_t)row->stack << 32 | row->domain) ^ row->size * UINT64_C(0x9e3779b97f4a7c15);
  return (size_t)((mixed * UINT64_C(0x9e3779b97f4a7c15)) >> 20);
}

static bool same(const ouro__tally_row *a, const ouro__tally_row *b) {
  return a->stack == b->stack && a->domain == b->domain && a->size == b->size;
}

/* The row of that key, or the free one where it belongs. */
static ouro__tally_row *find(const ouro__tally *tally, const ouro__tally_row *key) {
  size_t mask = tally->room - 1, at = hash(key) & mask;
  while (tally->rows[at].count && !same(&tally->rows[at], key)) at = (at + 1) & mask;
  return &tally->rows[at];
}

static bool grow(ouro__tally *tally) {
  ouro__tally larger = {.room = tally->room ? tally->room * 2 : FIRST_ROOM, .used = tally->used};
  larger.rows = ouro__mapped_new(larger.room * sizeof *larger.rows);
  if (!larger.rows) return false;
  for (size_t i = 0; i < tally->room; i++) {
    if (tally->rows[i].count) *find(&larger, &tally->rows[i]) = tally->rows[i];
  }
  ouro__tally_clear(tally);
  *tally = larger;
  return true;
}

bool ouro__tally_add(ouro__tally *tally, const ouro__tally_row *row) {
  if (!row->count) return true;
  if (tally->used >= tally->room / 2 && !grow(tally)) return false;
  ouro__tally_row *found = find(tally, row);
  if (found->count) {
    found->count += row->count;
    found->bytes += row->bytes;
    found->variance += row->variance;
  } else {
    *found = *row;
    tally->used++;
  }
  return true;
}

static int compare(const void *left, const void *right) {
  const ouro__tally_row *a = left, *b = right;
  if (a->stack != b->stack) return a->stack < b->stack ? -1 : 1;
  if (a->domain != b->domain) return a->domain < b->domain ? -1 : 1;
  return a->size < b->size ? -1 : a->size > b->size;
}

void ouro__tally_sort(ouro__tally *tally) {
  size_t filled = 0;
  for (size_t i = 0; i < tally->room; i++) {
    if (tally->rows[i].count) tally->rows[filled++] = tally->rows[i];
  }
  if (filled) qsort(tally->rows, filled, sizeof *tally->rows, compare);
}

void ouro__tally_clear(ouro__tally *tally) {
  ouro__mapped_delete(tally->rows, tally->room * sizeof *tally->rows);
  *tally = (ouro__tally){0};
}
