/* cli/top/view.c - what one sees, on a canvas of any size:
 *
 *     head      the command; its process, mode and time; live, peak, heap, resident, allocations per second
 *     chart     heap and other resident memory, from when it is first known until now; left out where there is no room
 *     tabs
 *     table     a head, and as many lines as there is room for; or collections, or help
 *     foot      a message, the filter that is being typed, or the keys */
#define _GNU_SOURCE
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <ouro/trace.h>

#include "cli/report/show.h"
#include "cli/top/top.h"

enum { HEAD_ROWS = 2, CHART_ROWS_MOST = 8, CHART_FROM_ROWS = 16, COLUMN_WIDTH = 11, SHARE_WIDTH = 8, NAME_LEAST = 24 };

/* ---------------------------------------------------------------- head */

static void put(ouro__canvas *canvas, int row, int column, enum ouro__look look, const char *text) {
  ouro__canvas_put(canvas, row, column, canvas->columns, look, text);
}

static void describe_mode(const ouro__follow *follow, char text[96]) {
  const ouro__profile *profile = follow->profile;
  ouro__words bytes;
  if (follow->live && follow->area.page.mode == OURO_TRACE_OFF)
    snprintf(text, 96, "tracing is off");
  else if (profile->mode == OURO_TRACE_SAMPLE)
    snprintf(text, 96, "sampled, one byte in %s", ouro__words_bytes(&bytes, profile->sample_bytes));
  else
    snprintf(text, 96, "exact, %u frame%s", profile->frame_limit, profile->frame_limit == 1 ? "" : "s");
}

static void describe_time(const ouro__view *view, char text[96]) {
  const ouro__follow *follow = &view->follow;
  const ouro__profile *profile = follow->profile;
  ouro__words seconds;
  if (!follow->live && follow->moment < profile->snapshot_count) {
    const ouro__psnapshot *snapshot = &profile->snapshots[follow->moment];
    snprintf(text, 96, "snapshot %zu of %zu (%s) at %s", follow->moment + 1, profile->snapshot_count, snapshot->label,
             ouro__words_seconds(&seconds, snapshot->seconds));
  } else {
    snprintf(text, 96, "%s%s", ouro__words_seconds(&seconds, profile->seconds),
             follow->ended  ? ", ended"
             : view->paused ? ", paused"
                            : "");
  }
}

static ouro__tally live_of(const ouro__follow *follow) {
  const ouro__profile *profile = follow->profile;
  if (follow->now) return profile->snapshots[follow->moment].live;
  return ouro__profile_tally(profile, ouro__follow_measure(follow));
}

/* The command loses what there is no room for, the rest is short. */
static void title(const ouro__view *view, ouro__canvas *canvas) {
  char command[OURO_SHOW_NAME], mode[96], time[96], right[256];
  ouro__show_command(view->follow.profile, command);
  describe_mode(&view->follow, mode);
  describe_time(view, time);
  snprintf(right, sizeof right, "  process %d  %s  %s", view->follow.profile->pid, mode, time);
  int width = (int)strlen(right), room = canvas->columns - width;
  if (room < 12) room = canvas->columns < 12 ? canvas->columns : 12;
  ouro__canvas_put(canvas, 0, 0, room, OURO_LOOK_STRONG, command);
  ouro__canvas_put_right(canvas, 0, room, canvas->columns - room, OURO_LOOK_PLAIN, right);
}

static int number(ouro__canvas *canvas, int column, const char *name, const char *value) {
  column = ouro__canvas_put(canvas, 1, column, canvas->columns, OURO_LOOK_FAINT, name);
  column = ouro__canvas_put(canvas, 1, column + 1, canvas->columns, OURO_LOOK_STRONG, value);
  return column + 2;
}

/* Short, so that it has room: "1,234", "12 k", "1.2 M". */
static const char *rate_text(double rate, ouro__show_words *words) {
  if (rate < 9999.5) return ouro__show_count(words, (int64_t)(rate + 0.5));
  if (rate < 999.5e3)
    snprintf(words->text, sizeof words->text, "%.0f k", rate / 1e3);
  else
    snprintf(words->text, sizeof words->text, "%.1f M", rate / 1e6);
  return words->text;
}

static void numbers(const ouro__view *view, ouro__canvas *canvas) {
  const ouro__follow *follow = &view->follow;
  ouro__show_words words;
  ouro__tally live = live_of(follow);
  bool end = !follow->now && ouro__follow_measure(follow) == OURO_MEASURE_END;
  int column = number(canvas, 0, end ? "at end" : "live", ouro__show_bytes(&words, live.bytes));
  column = number(canvas, column, "peak", ouro__show_bytes(&words, follow->profile->peak.bytes));
  if (follow->held) column = number(canvas, column, "heap", ouro__show_bytes(&words, (int64_t)follow->held));
  if (follow->resident)
    column = number(canvas, column, "resident", ouro__show_bytes(&words, (int64_t)follow->resident));
  if (!follow->now) column = number(canvas, column, "allocs/s", rate_text(follow->rate, &words));
  number(canvas, column, "blocks", ouro__show_count(&words, live.count));
}

/* ---------------------------------------------------------------- tabs and table */

/* Where they do not all fit, those before the chosen one go. */
static void tabs(const ouro__view *view, ouro__canvas *canvas, int row) {
  int first = 0, width = 0, column = 0;
  for (int tab = 0; tab <= (int)view->table.tab; tab++) width += (int)strlen(ouro__tab_words[tab]) + 2;
  for (; first < (int)view->table.tab && width > canvas->columns; first++)
    width -= (int)strlen(ouro__tab_words[first]) + 2;
  for (int tab = first; tab < OURO_TABS; tab++) {
    bool chosen = tab == (int)view->table.tab;
    char text[32];
    snprintf(text, sizeof text, chosen && view->still ? "[%s]" : " %s ", ouro__tab_words[tab]);
    column = ouro__canvas_put(canvas, row, column, canvas->columns, chosen ? OURO_LOOK_REVERSE : OURO_LOOK_FAINT, text);
  }
}

static int width_of(const ouro__column *column) {
  return column->kind == OURO_COLUMN_SHARE ? SHARE_WIDTH : COLUMN_WIDTH;
}

/* How many columns fit beside a name of NAME_LEAST; one at least. */
static int columns_shown(const ouro__view *view, const ouro__canvas *canvas) {
  const ouro__column *columns = ouro__table_columns(&view->table);
  int shown = 0, width = NAME_LEAST;
  for (; shown < OURO_COLUMNS; shown++) {
    width += width_of(&columns[shown]);
    if (shown > 0 && width > canvas->columns) break;
  }
  return shown;
}

static void table_head(const ouro__view *view, ouro__canvas *canvas, int row) {
  const ouro__column *columns = ouro__table_columns(&view->table);
  int at = 0, shown = columns_shown(view, canvas);
  for (int i = 0; i < shown; at += width_of(&columns[i]), i++) {
    char text[32];
    bool sorted = view->table.sort == (unsigned)i;
    snprintf(text, sizeof text, "%s%s", sorted ? "*" : "", columns[i].title);
    ouro__canvas_put_right(canvas, row, at, width_of(&columns[i]) - 1, OURO_LOOK_STRONG, text);
  }
  put(canvas, row, at + 1, OURO_LOOK_STRONG, view->table.sort == OURO_COLUMNS ? "*" : "");
  put(canvas, row, at + 1 + (view->table.sort == OURO_COLUMNS), OURO_LOOK_STRONG,
      ouro__show_key_title(&view->table.wish));
}

static const char *value_text(const ouro__view *view, enum ouro__column_kind kind, int64_t value,
                              ouro__show_words *words) {
  switch (kind) {
  case OURO_COLUMN_COUNT:
    return ouro__show_count(words, value);
  case OURO_COLUMN_GROWTH:
    return value ? ouro__show_growth(words, value) : "";
  case OURO_COLUMN_SHARE:
    return ouro__show_share(words, (double)value, view->table.whole);
  case OURO_COLUMN_BYTES:
    break;
  }
  return ouro__show_bytes(words, value);
}

/* What the row is about is said alone where there is no room for file and function. */
static void name_of_line(const ouro__view *view, const ouro__table_line *line, int room, char *name) {
  const ouro__place *place = ouro__row_place(&view->table.query, &view->table.query.rows[line->row]);
  ouro__table_name(&view->table, line, name);
  if (ouro__canvas_width(name) <= room) return;
  if (view->table.tab == OURO_TAB_FUNCTIONS && *place->function)
    snprintf(name, OURO_SHOW_NAME, "%s", place->function);
  else
    ouro__place_text(name, OURO_SHOW_NAME, place, true);
}

static void table_line(const ouro__view *view, ouro__canvas *canvas, int row, size_t number) {
  const ouro__table_line *line = &view->table.lines[number];
  const ouro__column *columns = ouro__table_columns(&view->table);
  char name[OURO_SHOW_NAME];
  ouro__show_words words;
  int at = 0, shown = columns_shown(view, canvas);
  for (int i = 0; i < shown; at += width_of(&columns[i]), i++) {
    ouro__canvas_put_right(canvas, row, at, width_of(&columns[i]) - 1, OURO_LOOK_PLAIN,
                           value_text(view, columns[i].kind, line->values[i], &words));
  }
  name_of_line(view, line, canvas->columns - at - 1, name);
  ouro__canvas_put_end(canvas, row, at + 1, canvas->columns - at - 1, OURO_LOOK_PLAIN, name);
  if (number == view->selected && !view->still) ouro__canvas_look(canvas, row, OURO_LOOK_REVERSE);
}

static const char *nothing_text(const ouro__view *view) {
  if (*view->table.filter) return "nothing has this in its name";
  if (view->table.tab != OURO_TAB_PINS) return "nothing is live";
  return view->follow.live ? "the process has not said yet who keeps which memory"
                           : "the recording does not say who keeps which memory";
}

/* The bar stays where it is, and what is shown follows it. */
static void scroll(ouro__view *view, int rows) {
  size_t count = view->table.line_count, page = rows > 0 ? (size_t)rows : 1;
  view->page = page;
  if (view->selected >= count) view->selected = count ? count - 1 : 0;
  if (view->selected < view->first) view->first = view->selected;
  if (view->selected >= view->first + page) view->first = view->selected - page + 1;
  if (view->first + page > count) view->first = count > page ? count - page : 0;
}

static void table(ouro__view *view, ouro__canvas *canvas, int row, int rows) {
  scroll(view, rows - 1);
  table_head(view, canvas, row);
  if (view->table.line_count == 0) put(canvas, row + 1, 0, OURO_LOOK_FAINT, nothing_text(view));
  for (int i = 1; i < rows && view->first + (size_t)i - 1 < view->table.line_count; i++) {
    table_line(view, canvas, row + i, view->first + (size_t)i - 1);
  }
}

/* ---------------------------------------------------------------- text in place of the table */

/* The lines of `text` from number view->first on. */
static void lines_of(ouro__view *view, ouro__canvas *canvas, int row, int rows, char *text) {
  size_t number = 0;
  char *rest = text;
  for (char *line; (line = strsep(&rest, "\n")); number++) {
    int at = (int)number - (int)view->first;
    if (at >= 0 && at < rows) put(canvas, row + at, 0, OURO_LOOK_PLAIN, line);
  }
  view->page = rows > 0 ? (size_t)rows : 1;
}

static void collections(ouro__view *view, ouro__canvas *canvas, int row, int rows) {
  const char *heap = view->follow.profile->heap_json;
  json_t *json = heap ? json_loads(heap, 0, NULL) : NULL;
  ouro__objects objects;
  char *text = NULL;
  size_t length;
  ouro__objects_read(&objects, json_object_get(json, "objects"));
  FILE *memory = objects.there ? open_memstream(&text, &length) : NULL;
  if (memory) {
    ouro__objects_text(&objects, memory);
    fclose(memory);
    lines_of(view, canvas, row, rows, text + strspn(text, "\n"));
  } else {
    put(canvas, row, 0, OURO_LOOK_FAINT, "the process has no objects of libouro, or has not told of them yet");
  }
  free(text);
  ouro__objects_free(&objects);
  json_decref(json);
}

static const char help_text[] =
    "up, down, PgUp, PgDn, Home, End   move in the table\n"
    "tab, shift-tab                    next and previous view\n"
    "left, right                       of a recording: the snapshot before and after\n"
    "s                                 sort by the next column, the last time by name\n"
    "/                                 show only names that have a text in them; Esc: all\n"
    "p                                 pause, and go on\n"
    "w                                 write all of it to a new file, as JSON\n"
    "+ -                               look more often, less often\n"
    "q                                 quit; a process goes on\n"
    "\n"
    "live: bytes now. change: since the look, or snapshot, before. total: since tracing began.\n"
    "pins: keeps: memory that cannot go back because of the line's blocks, and that they do not use;\n"
    "      alone: pages on which nobody else has a block; uses: bytes of the blocks themselves\n";

static void help(ouro__view *view, ouro__canvas *canvas, int row, int rows) {
  char text[sizeof help_text];
  memcpy(text, help_text, sizeof text);
  lines_of(view, canvas, row, rows, text);
}

/* ---------------------------------------------------------------- foot, and all of it */

static void foot(const ouro__view *view, ouro__canvas *canvas) {
  int row = canvas->rows - 1;
  char text[320];
  if (view->editing)
    snprintf(text, sizeof text, "/%s_", view->table.filter);
  else if (*view->message)
    snprintf(text, sizeof text, "%s", view->message);
  else
    snprintf(text, sizeof text, "?:help q:quit tab:view s:sort /:filter%s%s p:pause w:write +-:%gs",
             *view->table.filter ? "=" : "", view->table.filter, view->interval);
  put(canvas, row, 0, view->editing || *view->message ? OURO_LOOK_STRONG : OURO_LOOK_FAINT, text);
}

/* What is in the middle, from the row on. */
static void middle(ouro__view *view, ouro__canvas *canvas, int row, int rows) {
  if (view->help)
    help(view, canvas, row, rows);
  else if (view->table.tab == OURO_TAB_COLLECTIONS)
    collections(view, canvas, row, rows);
  else
    table(view, canvas, row, rows);
}

void ouro__view_draw(ouro__view *view, ouro__canvas *canvas) {
  int row = HEAD_ROWS, foot_rows = view->still ? 0 : 1;
  title(view, canvas);
  numbers(view, canvas);
  if (canvas->rows >= CHART_FROM_ROWS) {
    int rows = canvas->rows / 4 < CHART_ROWS_MOST ? canvas->rows / 4 : CHART_ROWS_MOST;
    ouro__chart_draw(&view->follow, canvas, row, rows);
    row += rows;
  }
  tabs(view, canvas, row++);
  middle(view, canvas, row, canvas->rows - row - foot_rows);
  if (foot_rows) foot(view, canvas);
}
