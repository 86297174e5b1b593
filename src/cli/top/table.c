/* cli/top/table.c - the rows of a tab. Which row a site belongs to is found once; each look only adds up. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "cli/report/show.h"
#include "cli/top/top.h"

const char *const ouro__tab_words[OURO_TABS] = {"lines",   "functions", "files", "types",
                                                "classes", "threads",   "pins",  "collections"};

enum { LIVE = 0, BLOCKS, CHANGE, TOTAL, SHARE };
enum { KEPT = 0, SOLE, USED, PINNING, ARENAS };

static const ouro__column live_columns[OURO_COLUMNS] = {
    [LIVE] = {"live", OURO_COLUMN_BYTES},      [BLOCKS] = {"blocks", OURO_COLUMN_COUNT},
    [CHANGE] = {"change", OURO_COLUMN_GROWTH}, [TOTAL] = {"total", OURO_COLUMN_BYTES},
    [SHARE] = {"share", OURO_COLUMN_SHARE},
};

static const ouro__column pin_columns[OURO_COLUMNS] = {
    [KEPT] = {"keeps", OURO_COLUMN_BYTES},    [SOLE] = {"alone", OURO_COLUMN_BYTES},
    [USED] = {"uses", OURO_COLUMN_BYTES},     [PINNING] = {"blocks", OURO_COLUMN_COUNT},
    [ARENAS] = {"arenas", OURO_COLUMN_COUNT},
};

const ouro__column *ouro__table_columns(const ouro__table *table) {
  return table->tab == OURO_TAB_PINS ? pin_columns : live_columns;
}

/* ---------------------------------------------------------------- which row a site belongs to */

static ouro__by by_of(enum ouro__tab tab) {
  static const ouro__by by[OURO_TABS] = {
      [OURO_TAB_LINES] = OURO_BY_LINE, [OURO_TAB_FUNCTIONS] = OURO_BY_FUNCTION, [OURO_TAB_FILES] = OURO_BY_FILE,
      [OURO_TAB_TYPES] = OURO_BY_TYPE, [OURO_TAB_CLASSES] = OURO_BY_CLASS,      [OURO_TAB_THREADS] = OURO_BY_THREAD,
      [OURO_TAB_PINS] = OURO_BY_LINE,  [OURO_TAB_COLLECTIONS] = OURO_BY_LINE,
  };
  return by[tab];
}

static void begin_query(ouro__table *table) {
  table->wish = (ouro__wish){.by = by_of(table->tab), .domain = -1};
  ouro__query_init(&table->query, &table->wish);
}

void ouro__table_init(ouro__table *table) {
  *table = (ouro__table){.tab = OURO_TAB_LINES};
  begin_query(table);
}

void ouro__table_free(ouro__table *table) {
  ouro__query_free(&table->query);
  free(table->row_of);
  free(table->lines);
  *table = (ouro__table){.tab = table->tab};
}

static void find_rows(ouro__table *table, const ouro__follow *follow) {
  const ouro__profile *profile = follow->profile;
  bool another = table->wish.by != by_of(table->tab) || table->profiles != follow->profiles;
  if (!another && table->row_of && table->site_count == profile->site_count) return;
  if (another) {
    ouro__query_free(&table->query);
    begin_query(table);
  }
  free(table->row_of);
  table->row_of = ouro__query_rows(&table->query, profile);
  table->site_count = profile->site_count;
  table->profiles = follow->profiles;
}

/* ---------------------------------------------------------------- adding up */

static void add(int64_t *sum, int64_t number) { *sum = ouro__bounded(*sum + ouro__bounded(number)); }

static void add_sites(ouro__table *table, const ouro__follow *follow) {
  const ouro__profile *profile = follow->profile;
  bool earlier = follow->now != NULL;
  ouro__measure measure = ouro__follow_measure(follow);
  for (size_t i = 0; i < profile->site_count; i++) {
    ouro__tally live = earlier ? follow->now[i] : profile->sites[i].of[measure];
    int64_t *values = table->lines[table->row_of[i]].values;
    add(&values[LIVE], live.bytes);
    add(&values[BLOCKS], live.count);
    if (follow->before) add(&values[CHANGE], live.bytes - (i < follow->before_count ? follow->before[i].bytes : 0));
    if (!earlier) add(&values[TOTAL], profile->sites[i].of[OURO_MEASURE_TOTAL].bytes);
    table->whole += (double)live.bytes;
  }
  for (size_t i = 0; i < table->query.row_count; i++) table->lines[i].values[SHARE] = table->lines[i].values[LIVE];
}

/* Rows of one arena come one after another, so that a line's arenas are counted by the last in which it was seen. */
static void add_pins(ouro__table *table, const ouro__profile *profile) {
  uint64_t *last = ouro__zeroed_or_end(table->query.row_count + 1, sizeof *last);
  for (size_t i = 0; i < profile->pin_count; i++) {
    const ouro__ppin *pin = &profile->pins[i];
    if (pin->site >= profile->site_count) continue;
    uint32_t row = table->row_of[pin->site];
    int64_t *values = table->lines[row].values;
    add(&values[KEPT], (int64_t)pin->kept);
    add(&values[SOLE], (int64_t)pin->sole);
    add(&values[USED], (int64_t)pin->bytes);
    add(&values[PINNING], pin->blocks);
    if (pin->arena && last[row] != pin->arena) values[ARENAS]++;
    last[row] = pin->arena;
    table->whole += (double)pin->kept;
  }
  free(last);
}

static bool is_empty(const ouro__table_line *line) {
  for (size_t i = 0; i < OURO_COLUMNS; i++) {
    if (line->values[i] != 0) return false;
  }
  return true;
}

const char *ouro__table_name(const ouro__table *table, const ouro__table_line *line, char *name) {
  return ouro__show_key(&table->query, &table->query.rows[line->row], name, true);
}

static bool is_wanted(const ouro__table *table, const ouro__table_line *line) {
  char name[OURO_SHOW_NAME];
  if (is_empty(line)) return false;
  return !*table->filter || strcasestr(ouro__table_name(table, line, name), table->filter);
}

/* ---------------------------------------------------------------- order */

static int by_name(const ouro__table *table, const ouro__table_line *a, const ouro__table_line *b) {
  const ouro__place *one = ouro__row_place(&table->query, &table->query.rows[a->row]);
  const ouro__place *two = ouro__row_place(&table->query, &table->query.rows[b->row]);
  int order = strcmp(one->file, two->file);
  if (!order) order = (one->line > two->line) - (one->line < two->line);
  return order ? order : strcmp(one->function, two->function);
}

/* The largest first; what is equal stays in the order of rows. */
static int compare(const void *a, const void *b, void *arg) {
  const ouro__table *table = arg;
  const ouro__table_line *one = a, *two = b;
  int order = 0;
  if (table->sort < OURO_COLUMNS) {
    int64_t x = one->values[table->sort], y = two->values[table->sort];
    order = (x < y) - (x > y);
  } else {
    order = by_name(table, one, two);
  }
  return order ? order : (one->row > two->row) - (one->row < two->row);
}

void ouro__table_fill(ouro__table *table, const ouro__follow *follow) {
  find_rows(table, follow);
  size_t count = table->query.row_count;
  free(table->lines);
  table->lines = ouro__zeroed_or_end(count + 1, sizeof *table->lines);
  table->line_count = 0;
  table->whole = 0;
  for (size_t i = 0; i < count; i++) table->lines[i].row = (uint32_t)i;
  if (table->tab == OURO_TAB_PINS)
    add_pins(table, follow->profile);
  else
    add_sites(table, follow);
  for (size_t i = 0; i < count; i++) {
    if (is_wanted(table, &table->lines[i])) table->lines[table->line_count++] = table->lines[i];
  }
  qsort_r(table->lines, table->line_count, sizeof *table->lines, compare, table);
}
