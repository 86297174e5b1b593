/* cli/report/show.c - see show.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/report/show.h"

/* ---------------------------------------------------------------- text */

/* Columns of text, one for each character. */
static int columns_of(const char *text) {
  int columns = 0;
  for (; *text; text++) columns += (*text & 0xc0) != 0x80;
  return columns;
}

void ouro__show_rule(const char *title, FILE *out) {
  const ouro__pen *pen = ouro__pen_get();
  fprintf(out, "%s%s %s ", pen->rule, pen->rule, title);
  for (int column = columns_of(title) + 4; column < OURO_SHOW_WIDTH; column++) fputs(pen->rule, out);
  fputc('\n', out);
}

static const char *with_sign(ouro__show_words *to, int64_t number, const char *unsigned_text, bool always) {
  const char *sign = number < 0 ? "-" : always && number > 0 ? "+" : "";
  snprintf(to->text, sizeof to->text, "%s%s", sign, unsigned_text);
  return to->text;
}

static uint64_t size_of(int64_t number) { return number < 0 ? 0 - (uint64_t)number : (uint64_t)number; }

const char *ouro__show_bytes(ouro__show_words *words, int64_t bytes) {
  ouro__words plain;
  return with_sign(words, bytes, ouro__words_bytes(&plain, size_of(bytes)), false);
}

const char *ouro__show_count(ouro__show_words *words, int64_t count) {
  ouro__words plain;
  return with_sign(words, count, ouro__words_count(&plain, size_of(count)), false);
}

const char *ouro__show_growth(ouro__show_words *words, int64_t bytes) {
  ouro__words plain;
  return with_sign(words, bytes, ouro__words_bytes(&plain, size_of(bytes)), true);
}

const char *ouro__show_count_growth(ouro__show_words *words, int64_t count) {
  ouro__words plain;
  return with_sign(words, count, ouro__words_count(&plain, size_of(count)), true);
}

const char *ouro__show_share(ouro__show_words *words, double part, double whole) {
  words->text[0] = 0;
  if (whole > 0) snprintf(words->text, sizeof words->text, "%.1f %%", 100 * part / whole);
  return words->text;
}

void ouro__show_fit(const char *name, int width, FILE *out) {
  int columns = columns_of(name);
  bool utf8 = strcmp(ouro__pen_get()->rule, "-") != 0;
  const char *dots = utf8 ? "…" : "...";
  if (columns > width) {
    fputs(dots, out);
    int drop = columns - width + columns_of(dots);
    while (drop > 0 || (*name & 0xc0) == 0x80) drop -= (*name++ & 0xc0) != 0x80;
  }
  while (*name) {
    unsigned length = ouro__utf8_length(name);
    if (length == 0 || ouro__utf8_is_control(name))
      fputc('?', out);
    else
      fwrite(name, 1, length, out);
    name += length ? length : 1;
  }
  fputc('\n', out);
}

void ouro__show_beginning(const char *text, int width, FILE *out) {
  char beginning[OURO_SHOW_NAME + 4];
  size_t length = 0;
  bool whole = columns_of(text) <= width;
  for (int column = 0; text[length] && length < OURO_SHOW_NAME; length++) {
    column += (text[length] & 0xc0) != 0x80;
    if (column > (whole ? width : width - 3)) break;
    beginning[length] = text[length];
  }
  snprintf(beginning + length, sizeof beginning - length, "%s", whole ? "" : "...");
  ouro__show_fit(beginning, width, out);
}

void ouro__show_spark(const uint64_t *values, size_t count, uint64_t most, FILE *out) {
  const ouro__pen *pen = ouro__pen_get();
  for (size_t i = 0; i < count; i++) {
    unsigned height = most ? (unsigned)((double)values[i] / (double)most * 8 + 0.5) : 0;
    fputs(pen->level[height > 8 ? 8 : height ? height : values[i] > 0], out);
  }
}

void ouro__show_command(const ouro__profile *profile, char name[OURO_SHOW_NAME]) {
  size_t length = 0;
  name[0] = 0;
  for (char **word = profile->command; word && *word && length < OURO_SHOW_NAME; word++) {
    length +=
        (size_t)snprintf(name + length, OURO_SHOW_NAME - length, "%s%s", word == profile->command ? "" : " ", *word);
  }
}

const char *ouro__show_live(const ouro__profile *profile) {
  if (!profile->ended) return "live now";
  if (profile->copy) return "live when written";
  return profile->end_seconds < 0 ? "live when killed" : "never freed";
}

const char *ouro__show_measure(const ouro__ask *ask, char text[OURO_SHOW_MEASURE]) {
  static const char *const titles[OURO_MEASURES] = {"live", "live at the peak", "allocated in total", "freed at once",
                                                    "live at the end"};
  const ouro__source *first = &ask->sources[0];
  ouro__words time;
  if (first->snapshot)
    snprintf(text, OURO_SHOW_MEASURE, "live at snapshot %zu, after %s",
             (size_t)(first->snapshot - first->profile->snapshots) + 1,
             ouro__words_seconds(&time, first->snapshot->seconds));
  else if (ask->wish.measure == OURO_MEASURE_LIVE && ask->source_count == 1)
    snprintf(text, OURO_SHOW_MEASURE, "%s", ouro__show_live(first->profile));
  else
    snprintf(text, OURO_SHOW_MEASURE, "%s", titles[ask->wish.measure]);
  return text;
}

int ouro__show_end(void) {
  if (fflush(stdout) == 0 && !ferror(stdout)) return 0;
  ouro__say("cannot write the report: %s", strerror(errno));
  return OURO_EXIT_FAILED;
}

/* ---------------------------------------------------------------- keys */

const char *ouro__show_key_title(const ouro__wish *wish) {
  static const char *const titles[OURO_BYS] = {
      "line", "function", "file", "type", "thread", "bytes of a block", "domain", "stack, by its most recent line"};
  return titles[wish->by];
}

static bool of_frames(const ouro__wish *wish) { return wish->by == OURO_BY_LINE || wish->by == OURO_BY_STACK; }

/* By line, rows of one file and line may be of several functions: the one with most bytes is named. */
static const ouro__place *named_place(const ouro__query *query, const ouro__row *row) {
  return of_frames(query->wish) ? &query->stacks.places.list[row->place] : ouro__row_place(query, row);
}

const char *ouro__show_key(const ouro__query *query, const ouro__row *row, char name[OURO_SHOW_NAME], bool relative) {
  const ouro__place *place = ouro__row_place(query, row), *named = named_place(query, row);
  ouro__place_text(name, OURO_SHOW_NAME, place, relative);
  size_t length = strlen(name);
  if (of_frames(query->wish) && *place->file && place->line && *named->function && length < OURO_SHOW_NAME) {
    snprintf(name + length, OURO_SHOW_NAME - length, "  %s", named->function);
  }
  return name;
}

/* ---------------------------------------------------------------- stacks */

/* A recording may name anything: a pipe to wait for, a device without an end. */
static FILE *open_regular(const char *path) {
  struct stat status;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  FILE *file = fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ? fdopen(fd, "r") : NULL;
  if (fd >= 0 && !file) close(fd);
  return file;
}

/* Line `number` of a file without the blanks around it; "" where it cannot be read. */
static const char *source_line(const char *path, uint32_t number, char line[256]) {
  line[0] = 0;
  FILE *file = number ? open_regular(path) : NULL;
  if (!file) return line;
  char *text = NULL;
  size_t room = 0;
  bool found = true;
  for (uint32_t i = 0; i < number && found; i++) found = getline(&text, &room, file) > 0;
  if (found) {
    text[strcspn(text, "\r\n")] = 0;
    snprintf(line, 256, "%s", text + strspn(text, " \t\f"));
  }
  free(text);
  fclose(file);
  return line;
}

static void show_place(const ouro__place *place, FILE *out) {
  char name[OURO_SHOW_NAME], line[256];
  ouro__place_text(name, sizeof name, place, true);
  fputs("        ", out);
  size_t length = strlen(name);
  if (*place->file && place->line && *place->function && length < sizeof name) {
    snprintf(name + length, sizeof name - length, "  %s", place->function);
  }
  ouro__show_fit(name, OURO_SHOW_WIDTH - 8, out);
  if (*source_line(place->file, place->line, line)) {
    fputs("            ", out);
    line[OURO_SHOW_WIDTH - 12] = 0;
    ouro__show_fit(line, OURO_SHOW_WIDTH - 12, out);
  }
}

/* The stack's places, most recent first, in an array that the caller frees. */
static uint32_t *places_of(const ouro__stacks *stacks, uint32_t stack, size_t *count) {
  size_t depth = 0;
  uint32_t at = stack;
  for (; at; at = stacks->list[at].parent) depth++;
  uint32_t *places = ouro__zeroed_or_end(depth, sizeof *places);
  at = stack;
  for (size_t i = 0; i < depth; i++, at = stacks->list[at].parent) places[i] = stacks->list[at].place;
  *count = depth;
  return places;
}

void ouro__show_stack(const ouro__stacks *stacks, uint32_t stack, FILE *out) {
  size_t depth;
  uint32_t *places = places_of(stacks, stack, &depth);
  for (size_t i = depth; i-- > 0;) show_place(&stacks->places.list[places[i]], out);
  free(places);
}

/* ---------------------------------------------------------------- JSON */

static void place_fields(ouro__json_out *json, const ouro__place *place) {
  if (*place->file) ouro__json_string(json, "file", place->file);
  if (place->line) ouro__json_int(json, "line", place->line);
  if (*place->function) ouro__json_string(json, "function", place->function);
  if (*place->module) ouro__json_string(json, "module", place->module);
}

void ouro__show_stack_json(ouro__json_out *json, const ouro__stacks *stacks, uint32_t stack) {
  size_t depth;
  uint32_t *places = places_of(stacks, stack, &depth);
  ouro__json_open(json, "stack", '[');
  for (size_t i = 0; i < depth; i++) {
    char name[OURO_SHOW_NAME];
    const ouro__place *place = &stacks->places.list[places[i]];
    ouro__place_text(name, sizeof name, place, false);
    ouro__json_open(json, NULL, '{');
    ouro__json_string(json, "key", name);
    place_fields(json, place);
    ouro__json_close(json, '}');
  }
  ouro__json_close(json, ']');
  free(places);
}

void ouro__show_tally_json(ouro__json_out *json, const char *key, ouro__tally tally) {
  ouro__json_open(json, key, '{');
  ouro__json_int(json, "blocks", tally.count);
  ouro__json_int(json, "bytes", tally.bytes);
  ouro__json_close(json, '}');
}

/* What the key says; by line, with the function. */
static ouro__place key_fields(const ouro__query *query, const ouro__row *row) {
  ouro__place place = *ouro__row_place(query, row);
  if (of_frames(query->wish)) place.function = named_place(query, row)->function;
  return place.kind ? place : (ouro__place){.file = "", .function = "", .module = ""};
}

void ouro__show_key_json(ouro__json_out *json, const ouro__query *query, const ouro__row *row, bool frames) {
  char name[OURO_SHOW_NAME];
  ouro__place place = key_fields(query, row);
  ouro__place_text(name, sizeof name, ouro__row_place(query, row), false);
  ouro__json_string(json, "key", name);
  place_fields(json, &place);
  if (frames) ouro__show_stack_json(json, &query->stacks, row->stack);
}

/* ---------------------------------------------------------------- CSV */

void ouro__show_key_csv(const ouro__query *query, const ouro__row *row, FILE *out) {
  char name[OURO_SHOW_NAME];
  ouro__place place = key_fields(query, row);
  ouro__place_text(name, sizeof name, ouro__row_place(query, row), false);
  ouro__csv_field(name, out);
  fputc(',', out);
  ouro__csv_field(place.file, out);
  if (place.line)
    fprintf(out, ",%" PRIu32 ",", place.line);
  else
    fputs(",,", out);
  ouro__csv_field(place.function, out);
}
