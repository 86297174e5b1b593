/* cli/report/pins.c - `ouro pins`: why memory that was freed does not go back.
 *
 * Pages that hold a live block cannot go back to the system. What no block uses of them is KEPT, and each block on a page is to
 * blame for an equal part. Pages on which all blocks are of one site are its SOLE ones.
 *
 * Without some lines' blocks, at least this would go back: of an arena in which nobody else has a block, all that it holds; of
 * another, the lines' sole pages. Pages that several of the lines share would go as well, but which they are is not recorded. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <ouro/trace.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/report/show.h"

static const ouro__ask_about about = {
    .command = OURO_ASK_PINS,
    .least = 1,
    .most = 1,
    .help = "usage: ouro pins [options] FILE|PID\n"
            "\n"
            "Say which lines keep memory from going back to the system although most of it is free: their blocks lie "
            "in pages and\n"
            "arenas that hold little else.\n",
};

enum { PAGE = 4096, CULPRITS = 2, GUILTY_MOST = 10 };

static const double most_of_it =
    0.95; /* the report speaks of the lines that keep this share, or of the first GUILTY_MOST */

/* ---------------------------------------------------------------- sums */

typedef struct pin_row {
  uint32_t row; /* of the query */
  uint32_t arenas;
  uint32_t last_arena; /* number of the last arena that counted, + 1 */
  uint64_t blocks, bytes, kept, sole;
  double oldest, youngest; /* < 0: unknown */
} pin_row;

/* A line's part in an arena. */
typedef struct part {
  uint32_t row; /* of pin_rows */
  uint64_t blocks, bytes, kept, sole;
} part;

typedef struct arena_row {
  uint64_t address;
  uint64_t blocks, bytes, kept, held; /* held: bytes of pages that cannot go back */
  uint32_t pools;
  size_t first_part, part_count;
} arena_row;

typedef struct pins {
  const ouro__ask *ask;
  const ouro__profile *profile;
  ouro__query query;
  pin_row *rows; /* one for each row of the query, then sorted */
  size_t row_count;
  arena_row *arenas;
  size_t arena_count;
  part *parts; /* by arena */
  size_t part_count;
  uint64_t bytes, kept, held, blocks;
} pins;

static bool is_whole(const ouro__ppin *pin) { return pin->site == UINT32_MAX; }

static int by_arena(const void *left, const void *right) {
  const ouro__ppin *a = *(ouro__ppin *const *)left, *b = *(ouro__ppin *const *)right;
  if (a->arena != b->arena) return a->arena < b->arena ? -1 : 1;
  return (int)is_whole(b) - (int)is_whole(a);
}

static ouro__ppin **sorted_pins(const ouro__profile *profile) {
  ouro__ppin **sorted = ouro__zeroed_or_end(profile->pin_count, sizeof *sorted);
  for (size_t i = 0; i < profile->pin_count; i++) sorted[i] = &profile->pins[i];
  qsort(sorted, profile->pin_count, sizeof *sorted, by_arena);
  return sorted;
}

static arena_row *arena_of(pins *all, uint64_t address) {
  if (all->arena_count && all->arenas[all->arena_count - 1].address == address)
    return &all->arenas[all->arena_count - 1];
  OURO_ROOM_FOR_ONE(all->arenas, all->arena_count);
  all->arenas[all->arena_count] = (arena_row){.address = address, .first_part = all->part_count};
  return &all->arenas[all->arena_count++];
}

static void add_age(pin_row *row, const ouro__ppin *pin) {
  if (pin->oldest <= 0 && pin->youngest <= 0) return;
  if (pin->oldest > row->oldest) row->oldest = pin->oldest;
  if (row->youngest < 0 || pin->youngest < row->youngest) row->youngest = pin->youngest;
}

static void add_to_row(pin_row *row, const ouro__ppin *pin, uint32_t arena_number) {
  row->blocks += pin->blocks;
  row->bytes += pin->bytes;
  row->kept += pin->kept;
  row->sole += pin->sole;
  if (row->last_arena != arena_number + 1) row->arenas++;
  row->last_arena = arena_number + 1;
  add_age(row, pin);
}

/* Sites of one key are one part: `part_of` has the number + 1 of each key's last part, which counts while it is of this arena. */
static void add_to_part(pins *all, arena_row *arena, uint32_t row, const ouro__ppin *pin, size_t *part_of) {
  if (part_of[row] <= arena->first_part) {
    OURO_ROOM_FOR_ONE(all->parts, all->part_count);
    all->parts[all->part_count++] = (part){.row = row};
    part_of[row] = all->part_count;
    arena->part_count++;
  }
  part *one = &all->parts[part_of[row] - 1];
  one->blocks += pin->blocks;
  one->bytes += pin->bytes;
  one->kept += pin->kept;
  one->sole += pin->sole;
}

/* Large blocks are left out: they keep at most the rest of a page each, and go back when they are freed. */
static void add_pin(pins *all, const ouro__ppin *pin, uint32_t row, size_t *part_of) {
  if (!pin->arena) return;
  arena_row *arena = arena_of(all, pin->arena);
  if (is_whole(pin)) {
    arena->held = (uint64_t)pin->held_pages * PAGE;
    arena->pools = pin->pools;
    all->held += arena->held;
    return;
  }
  arena->blocks += pin->blocks;
  arena->bytes += pin->bytes;
  arena->kept += pin->kept;
  all->blocks += pin->blocks;
  all->bytes += pin->bytes;
  all->kept += pin->kept;
  if (row == UINT32_MAX) return;
  add_to_row(&all->rows[row], pin, (uint32_t)all->arena_count - 1);
  add_to_part(all, arena, row, pin, part_of);
}

static bool is_sampled(const pins *all) { return all->profile->mode == OURO_TRACE_SAMPLE; }

/* Site 0 has blocks here that it never counted. */
static void name_untraced(pins *all, uint32_t row) {
  if (row == UINT32_MAX || all->ask->wish.by > OURO_BY_FILE) return;
  ouro__place *key = &all->query.keys.list[all->query.rows[row].key];
  if (!key->kind) key->function = is_sampled(all) ? "(not sampled)" : "(not traced, or older than the trace)";
}

static void sum_up(pins *all) {
  const ouro__profile *profile = all->profile;
  uint32_t *row_of = ouro__query_rows(&all->query, profile);
  all->row_count = all->query.row_count;
  all->rows = ouro__zeroed_or_end(all->row_count, sizeof *all->rows);
  for (uint32_t i = 0; i < all->row_count; i++) all->rows[i] = (pin_row){.row = i, .oldest = -1, .youngest = -1};
  size_t *part_of = ouro__zeroed_or_end(all->row_count, sizeof *part_of);
  ouro__ppin **sorted = sorted_pins(profile);
  for (size_t i = 0; i < profile->pin_count; i++) {
    uint32_t site = sorted[i]->site;
    add_pin(all, sorted[i], site < profile->site_count ? row_of[site] : UINT32_MAX, part_of);
  }
  if (profile->site_count) name_untraced(all, row_of[0]);
  free(sorted);
  free(part_of);
  free(row_of);
}

/* ---------------------------------------------------------------- in order */

static int descending(uint64_t a, uint64_t b) { return (a < b) - (a > b); }

static int by_kept(const void *left, const void *right) {
  const pin_row *a = left, *b = right;
  int order = descending(a->kept, b->kept);
  if (!order) order = descending(a->bytes, b->bytes);
  return order ? order : (a->row > b->row) - (a->row < b->row);
}

static int parts_by_kept(const void *left, const void *right) {
  const part *a = left, *b = right;
  int order = descending(a->kept, b->kept);
  return order ? order : (a->row > b->row) - (a->row < b->row);
}

static int arenas_by_kept(const void *left, const void *right) {
  const arena_row *a = left, *b = right;
  int order = descending(a->kept, b->kept);
  return order ? order : (a->address > b->address) - (a->address < b->address);
}

static void sort_up(pins *all) {
  size_t kept = 0;
  for (size_t i = 0; i < all->row_count; i++) {
    if (all->rows[i].blocks && all->rows[i].kept >= all->ask->wish.least_bytes) all->rows[kept++] = all->rows[i];
  }
  all->row_count = kept;
  if (kept) qsort(all->rows, kept, sizeof *all->rows, by_kept);
  for (size_t i = 0; i < all->arena_count; i++) {
    part *first = all->parts + all->arenas[i].first_part;
    if (all->arenas[i].part_count) qsort(first, all->arenas[i].part_count, sizeof *first, parts_by_kept);
  }
  if (all->arena_count) qsort(all->arenas, all->arena_count, sizeof *all->arenas, arenas_by_kept);
}

/* ---------------------------------------------------------------- what would go back */

/* How many of the first rows keep most of it, or as much as so few can. */
static size_t guilty(const pins *all) {
  uint64_t sum = 0;
  size_t count = 0;
  while (count < all->row_count && count < GUILTY_MOST && (double)sum < most_of_it * (double)all->kept)
    sum += all->rows[count++].kept;
  return count;
}

static uint64_t kept_by(const pins *all, size_t count) {
  uint64_t sum = 0;
  for (size_t i = 0; i < count; i++) sum += all->rows[i].kept;
  return sum;
}

static uint64_t back_from(const pins *all, const arena_row *arena, const bool *gone) {
  uint64_t sole = 0, blocks = 0;
  for (size_t i = 0; i < arena->part_count; i++) {
    const part *one = &all->parts[arena->first_part + i];
    if (!gone[one->row]) continue;
    sole += one->sole;
    blocks += one->blocks;
  }
  return blocks && blocks == arena->blocks && arena->held ? arena->held : sole;
}

/* At least this many bytes would go back without the blocks of the first `count` rows. */
static uint64_t back_without(const pins *all, size_t count) {
  bool *gone = ouro__zeroed_or_end(all->query.row_count, sizeof *gone);
  uint64_t sum = 0;
  for (size_t i = 0; i < count; i++) gone[all->rows[i].row] = true;
  for (size_t i = 0; i < all->arena_count; i++) sum += back_from(all, &all->arenas[i], gone);
  free(gone);
  return sum;
}

/* ---------------------------------------------------------------- text */

static const char *row_name(const pins *all, uint32_t row, char name[OURO_SHOW_NAME]) {
  return ouro__show_key(&all->query, &all->query.rows[row], name, true);
}

static const char *lines_word(const pins *all, size_t count) {
  static const char *const one[OURO_BYS] = {"line", "function", "file", "type", "thread", "size", "domain", "stack"};
  static const char *const many[OURO_BYS] = {"lines",   "functions", "files",   "types",
                                             "threads", "sizes",     "domains", "stacks"};
  return (count == 1 ? one : many)[all->ask->wish.by];
}

static void answer(const pins *all, FILE *out) {
  ouro__show_words held, kept, bytes, share, back;
  size_t arenas = all->arena_count, count = guilty(all);
  fprintf(out, " %zu arena%s hold%s %s that cannot go back: live blocks fill %s of it, %s is unused.\n", arenas,
          arenas == 1 ? "" : "s", arenas == 1 ? "s" : "", ouro__show_bytes(&held, (int64_t)all->held),
          ouro__show_bytes(&bytes, (int64_t)all->bytes), ouro__show_bytes(&kept, (int64_t)all->kept));
  if (is_sampled(all)) fputs(" Only a sample of the blocks is known; --trace=exact knows them all.\n", out);
  if (count == 0) return;
  fprintf(out, " %zu %s keep%s %s of what is unused; without %s blocks at least %s would go back.\n", count,
          lines_word(all, count), count == 1 ? "s" : "",
          ouro__show_share(&share, (double)kept_by(all, count), (double)all->kept), count == 1 ? "its" : "their",
          ouro__show_bytes(&back, (int64_t)back_without(all, count)));
}

/* A number of the largest unit of which it has one. Returns the unit. */
static const char *short_time(double seconds, char text[16]) {
  if (seconds < 10)
    snprintf(text, 16, "%.1f", seconds);
  else if (seconds < 120)
    snprintf(text, 16, "%.0f", seconds);
  else
    snprintf(text, 16, "%.0f", seconds < 7200 ? seconds / 60 : seconds / 3600);
  return seconds < 120 ? "s" : seconds < 7200 ? "min" : "h";
}

/* "0.1-1.5 s", "3 s-12 min" */
static const char *age_words(const pin_row *row, char text[64]) {
  char youngest[16], oldest[16];
  if (row->oldest < 0) return "";
  const char *from = short_time(row->youngest, youngest), *to = short_time(row->oldest, oldest);
  if (strcmp(from, to) != 0)
    snprintf(text, 64, "%s %s-%s %s", youngest, from, oldest, to);
  else if (strcmp(youngest, oldest) != 0)
    snprintf(text, 64, "%s-%s %s", youngest, oldest, to);
  else
    snprintf(text, 64, "%s %s", oldest, to);
  return text;
}

static void row_line(const pins *all, const pin_row *row, FILE *out) {
  ouro__show_words kept, bytes, sole, blocks;
  char name[OURO_SHOW_NAME], age[64];
  fprintf(out, " %9s %9s %9s %9s %6" PRIu32 "  %-12s ", ouro__show_bytes(&kept, (int64_t)row->kept),
          ouro__show_bytes(&sole, (int64_t)row->sole), ouro__show_bytes(&bytes, (int64_t)row->bytes),
          ouro__show_count(&blocks, (int64_t)row->blocks), row->arenas, age_words(row, age));
  ouro__show_fit(row_name(all, row->row, name), OURO_SHOW_WIDTH - 62, out);
}

static void lines_text(const pins *all, FILE *out) {
  fprintf(out, " %9s %9s %9s %9s %6s  %-12s %s\n", "kept", "sole", "in use", "blocks", "arenas", "age",
          ouro__show_key_title(&all->ask->wish));
  for (size_t i = 0; i < all->row_count && i < all->ask->limit; i++) {
    row_line(all, &all->rows[i], out);
    if (i < all->ask->stacks || all->ask->wish.by == OURO_BY_STACK) {
      ouro__show_stack(&all->query.stacks, all->query.rows[all->rows[i].row].stack, out);
    }
  }
}

static void arena_line(const pins *all, const arena_row *arena, FILE *out) {
  ouro__show_words held, bytes, kept, fill, share;
  char name[OURO_SHOW_NAME];
  fprintf(out, " %#-14" PRIx64 " %9s %9s %7s %9s  ", arena->address, ouro__show_bytes(&held, (int64_t)arena->held),
          ouro__show_bytes(&bytes, (int64_t)arena->bytes),
          ouro__show_share(&fill, (double)arena->bytes, (double)arena->held),
          ouro__show_bytes(&kept, (int64_t)arena->kept));
  for (size_t i = 0; i < arena->part_count && i < CULPRITS; i++) {
    const part *one = &all->parts[arena->first_part + i];
    if (i) fprintf(out, " %54s", "");
    fprintf(out, "%7s ", ouro__show_share(&share, (double)one->kept, (double)arena->kept));
    ouro__show_fit(row_name(all, one->row, name), OURO_SHOW_WIDTH - 63, out);
  }
  if (arena->part_count == 0) fputc('\n', out);
}

static void arenas_text(const pins *all, FILE *out) {
  fprintf(out, " %-14s %9s %9s %7s %9s  %7s %s\n", "arena", "held", "in use", "fill", "kept", "share",
          ouro__show_key_title(&all->ask->wish));
  for (size_t i = 0; i < all->arena_count && i < all->ask->limit; i++) arena_line(all, &all->arenas[i], out);
}

static void text_pins(const pins *all, FILE *out) {
  char title[128];
  ouro__words time;
  snprintf(
      title, sizeof title, "ouro pins: process %d, after %s", all->profile->pid,
      ouro__words_seconds(&time, all->profile->pins_seconds < 0 ? all->profile->seconds : all->profile->pins_seconds));
  ouro__show_rule(title, out);
  answer(all, out);
  fputc('\n', out);
  if (all->ask->arenas)
    arenas_text(all, out);
  else
    lines_text(all, out);
}

/* ---------------------------------------------------------------- JSON and CSV */

static void row_json(ouro__json_out *json, const pins *all, const pin_row *row, bool stack) {
  ouro__json_open(json, NULL, '{');
  ouro__json_int(json, "kept", (int64_t)row->kept);
  ouro__json_int(json, "sole", (int64_t)row->sole);
  ouro__json_int(json, "bytes", (int64_t)row->bytes);
  ouro__json_int(json, "blocks", (int64_t)row->blocks);
  ouro__json_int(json, "arenas", row->arenas);
  if (row->oldest >= 0) {
    ouro__json_real(json, "oldest_s", row->oldest);
    ouro__json_real(json, "youngest_s", row->youngest);
  }
  ouro__show_key_json(json, &all->query, &all->query.rows[row->row], stack);
  ouro__json_close(json, '}');
}

static void part_json(ouro__json_out *json, const pins *all, const part *one) {
  ouro__json_open(json, NULL, '{');
  ouro__json_int(json, "kept", (int64_t)one->kept);
  ouro__json_int(json, "bytes", (int64_t)one->bytes);
  ouro__json_int(json, "blocks", (int64_t)one->blocks);
  ouro__show_key_json(json, &all->query, &all->query.rows[one->row], false);
  ouro__json_close(json, '}');
}

static void arena_json(ouro__json_out *json, const pins *all, const arena_row *arena) {
  ouro__json_open(json, NULL, '{');
  ouro__json_int(json, "address", (int64_t)arena->address);
  ouro__json_int(json, "held", (int64_t)arena->held);
  ouro__json_int(json, "bytes", (int64_t)arena->bytes);
  ouro__json_int(json, "kept", (int64_t)arena->kept);
  ouro__json_int(json, "blocks", (int64_t)arena->blocks);
  ouro__json_int(json, "pools", arena->pools);
  ouro__json_open(json, "rows", '[');
  for (size_t i = 0; i < arena->part_count; i++) part_json(json, all, &all->parts[arena->first_part + i]);
  ouro__json_close(json, ']');
  ouro__json_close(json, '}');
}

static void json_pins(const pins *all, FILE *out) {
  ouro__json_out json = {.out = out};
  size_t count = guilty(all);
  ouro__json_open(&json, NULL, '{');
  ouro__json_int(&json, "format", 1);
  ouro__json_string(&json, "by", ouro__by_words[all->ask->wish.by]);
  ouro__json_int(&json, "arena_count", (int64_t)all->arena_count);
  ouro__json_int(&json, "held", (int64_t)all->held);
  ouro__json_int(&json, "bytes", (int64_t)all->bytes);
  ouro__json_int(&json, "kept", (int64_t)all->kept);
  ouro__json_int(&json, "blocks", (int64_t)all->blocks);
  ouro__json_int(&json, "guilty_rows", (int64_t)count);
  ouro__json_int(&json, "guilty_kept", (int64_t)kept_by(all, count));
  ouro__json_int(&json, "guilty_would_go_back", (int64_t)back_without(all, count));
  ouro__json_open(&json, "rows", '[');
  for (size_t i = 0; i < all->row_count && i < all->ask->limit; i++) {
    row_json(&json, all, &all->rows[i], i < all->ask->stacks || all->ask->wish.by == OURO_BY_STACK);
  }
  ouro__json_close(&json, ']');
  if (all->ask->arenas) {
    ouro__json_open(&json, "arenas", '[');
    for (size_t i = 0; i < all->arena_count; i++) arena_json(&json, all, &all->arenas[i]);
    ouro__json_close(&json, ']');
  }
  ouro__json_close(&json, '}');
  fputc('\n', out);
}

static void csv_rows(const pins *all, FILE *out) {
  fputs("kept,sole,bytes,blocks,arenas,oldest_s,youngest_s," OURO_SHOW_KEY_CSV "\r\n", out);
  for (size_t i = 0; i < all->row_count && i < all->ask->limit; i++) {
    const pin_row *row = &all->rows[i];
    fprintf(out, "%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu32 ",", row->kept, row->sole, row->bytes,
            row->blocks, row->arenas);
    if (row->oldest >= 0)
      fprintf(out, "%.3f,%.3f,", row->oldest, row->youngest);
    else
      fputs(",,", out);
    ouro__show_key_csv(&all->query, &all->query.rows[row->row], out);
    fputs("\r\n", out);
  }
}

static void csv_arenas(const pins *all, FILE *out) {
  fputs("address,held,bytes,kept,blocks,pools\r\n", out);
  for (size_t i = 0; i < all->arena_count && i < all->ask->limit; i++) {
    const arena_row *arena = &all->arenas[i];
    fprintf(out, "%#" PRIx64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu32 "\r\n", arena->address,
            arena->held, arena->bytes, arena->kept, arena->blocks, arena->pools);
  }
}

static void csv_pins(const pins *all, FILE *out) {
  if (all->ask->arenas)
    csv_arenas(all, out);
  else
    csv_rows(all, out);
}

/* ---------------------------------------------------------------- the command */

static void show(const ouro__ask *ask) {
  pins all = {.ask = ask, .profile = ask->sources[0].profile};
  ouro__query_init(&all.query, &ask->wish);
  sum_up(&all);
  sort_up(&all);
  void (*const writers[])(const pins *, FILE *) = {text_pins, json_pins, csv_pins};
  writers[ask->format](&all, stdout);
  ouro__query_free(&all.query);
  free(all.rows);
  free(all.arenas);
  free(all.parts);
}

int ouro__cmd_pins(int argc, char **argv) {
  ouro__ask ask;
  int result = ouro__ask_read(&ask, &about, argc, argv);
  if (result >= 0) return result;
  if (ask.sources[0].profile->pin_count == 0) {
    ouro__say("%s does not say who keeps which memory: ask the process while it runs (ouro pins PID)",
              ask.sources[0].profile->source);
    result = OURO_EXIT_USAGE;
  } else {
    show(&ask);
  }
  ouro__ask_free(&ask);
  return result < 0 ? ouro__show_end() : result;
}
