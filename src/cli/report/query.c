/* cli/report/query.c - see query.h. One pass over the sites sums them by stack or key; what a key is, is found once for each
 * place. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/export/export.h"
#include "cli/report/query.h"

const char *const ouro__by_words[OURO_BYS] = {"line", "function", "file", "type", "thread", "class", "domain", "stack"};
const char *const ouro__measure_words[OURO_MEASURES] = {"live", "peak", "total", "temporary", "end"};
const char *const ouro__domain_words[OURO_DOMAINS] = {"malloc", "raw", "mem", "obj", "ouro_malloc", "object"};

void ouro__query_init(ouro__query *query, const ouro__wish *wish) {
  *query = (ouro__query){.wish = wish};
  ouro__stacks_init(&query->stacks, wish->raw_frames, wish->python_only, false);
}

void ouro__query_free(ouro__query *query) {
  ouro__stacks_free(&query->stacks);
  ouro__places_free(&query->keys);
  for (size_t i = 0; i < query->word_count; i++) free(query->words[i]);
  free(query->words);
  free(query->rows);
  free(query->row_of);
  *query = (ouro__query){0};
}

/* ---------------------------------------------------------------- what a site has */

static ouro__measure measure_of(const ouro__profile *profile, ouro__measure measure) {
  return measure == OURO_MEASURE_END && profile->end_seconds < 0 ? OURO_MEASURE_LIVE : measure;
}

ouro__tally ouro__site_tally(const ouro__source *source, size_t site, ouro__measure measure) {
  if (source->at) return source->at[site];
  return source->profile->sites[site].of[measure_of(source->profile, measure)];
}

ouro__tally ouro__profile_tally(const ouro__profile *profile, ouro__measure measure) {
  ouro__tally sum = {0, 0};
  measure = measure_of(profile, measure);
  if (measure == OURO_MEASURE_LIVE) return profile->live;
  if (measure == OURO_MEASURE_PEAK) return profile->peak;
  if (measure == OURO_MEASURE_TOTAL) return profile->total;
  for (size_t i = 0; i < profile->site_count; i++) ouro__tally_add(&sum, profile->sites[i].of[measure]);
  return sum;
}

/* The tracer gives it for what is live and for the total. What is live at another moment is taken to be made of blocks like those
 * that the site allocates in total, so that the variance goes with the bytes. */
double ouro__site_variance(const ouro__source *source, size_t site, ouro__measure measure) {
  const ouro__psite *of = &source->profile->sites[site];
  measure = measure_of(source->profile, measure);
  if (measure == OURO_MEASURE_TOTAL) return of->variance;
  if (measure == OURO_MEASURE_LIVE && !source->at) return of->live_variance;
  int64_t total = of->of[OURO_MEASURE_TOTAL].bytes;
  int64_t part = ouro__site_tally(source, site, measure).bytes;
  return part > 0 && part <= total ? of->variance * ((double)part / (double)total) : 0;
}

/* ---------------------------------------------------------------- keys */

/* Of a place, what rows have in common. */
static ouro__place key_of_place(ouro__by by, const ouro__place *place) {
  ouro__place key = {.file = place->file, .function = "", .module = "", .kind = place->kind ? OURO_FRAME_SOURCE : 0};
  if (!place->kind) return *place;
  if (!*key.file) key.module = place->module;
  if (by == OURO_BY_FILE) return key;
  if (by == OURO_BY_FUNCTION || !*key.file) {
    key.function = place->function;
    key.address = place->address;
  }
  if (by == OURO_BY_LINE && *key.file) {
    key.line = place->line;
    if (!place->line) key.function = place->function;
  }
  return key;
}

static uint32_t key_of_word(ouro__query *query, const char *word) {
  ouro__place key = ouro__place_word(word);
  return ouro__places_add(&query->keys, &key);
}

/* A word that no profile owns. */
static uint32_t key_of_new_word(ouro__query *query, const char *text) {
  ouro__place key = ouro__place_word(text);
  size_t before = query->keys.count;
  uint32_t number = ouro__places_add(&query->keys, &key);
  if (number == before) {
    char *own = ouro__zeroed_or_end(strlen(text) + 1, 1);
    query->keys.list[number].function = strcpy(own, text);
    OURO_ROOM_FOR_ONE(query->words, query->word_count);
    query->words[query->word_count++] = own;
  }
  return number;
}

static uint32_t thread_key(ouro__query *query, const ouro__profile *profile, unsigned number) {
  char text[96];
  if (number >= profile->thread_count) return key_of_word(query, "(no thread)");
  const ouro__pthread *thread = &profile->threads[number];
  snprintf(text, sizeof text, "%s (%" PRIu64 ")", *thread->name ? thread->name : "thread", thread->id);
  return key_of_new_word(query, text);
}

static uint32_t class_key(ouro__query *query, unsigned class_) {
  char text[32];
  if (class_ == 0) return key_of_word(query, "large");
  snprintf(text, sizeof text, "%" PRIu64, ouro__class_bytes(class_));
  return key_of_new_word(query, text);
}

/* ---------------------------------------------------------------- rows */

static uint32_t row_of_key(ouro__query *query, uint32_t key, uint32_t stack, uint32_t place) {
  if (key >= query->row_of_room) {
    size_t room = query->row_of_room ? query->row_of_room : 64;
    while (room <= key) room *= 2;
    query->row_of = ouro__resized_or_end(query->row_of, room, sizeof *query->row_of);
    memset(query->row_of + query->row_of_room, 0, (room - query->row_of_room) * sizeof *query->row_of);
    query->row_of_room = room;
  }
  if (!query->row_of[key]) {
    OURO_ROOM_FOR_ONE(query->rows, query->row_count);
    query->rows[query->row_count] = (ouro__row){.key = key, .stack = stack, .place = place};
    query->row_of[key] = (uint32_t)++query->row_count;
  }
  return query->row_of[key] - 1;
}

/* A row shows the stack and place of its largest part. */
static void show_largest(ouro__row *row, int64_t bytes, uint32_t stack, uint32_t place) {
  if (bytes <= row->stack_bytes) return;
  row->stack = stack;
  row->place = place;
  row->stack_bytes = bytes;
}

static void add_to_row(ouro__row *row, ouro__tally tally, double variance, unsigned side, uint32_t stack,
                       uint32_t place) {
  ouro__tally_add(&row->side[side], tally);
  row->variance += variance;
  show_largest(row, tally.bytes, stack, place);
}

/* ---------------------------------------------------------------- one pass */

/* What is found once for the places, stacks and threads of a profile. */
typedef struct pass {
  ouro__query *query;
  const ouro__profile *profile;
  uint32_t *stack_of; /* of each node */
  uint32_t *key_of;   /* of each place, thread or class; UINT32_MAX: not asked yet */
  bool *passes;       /* each stack */
} pass;

static void begin_pass(pass *it, ouro__query *query, const ouro__profile *profile) {
  *it = (pass){.query = query, .profile = profile, .stack_of = ouro__stacks_add(&query->stacks, profile)};
  it->passes = ouro__filter_stacks(query->wish, &query->stacks);
  size_t keys = query->wish->by == OURO_BY_THREAD  ? profile->thread_count + 1
                : query->wish->by == OURO_BY_CLASS ? UINT8_MAX + 1
                                                   : query->stacks.places.count;
  it->key_of = ouro__zeroed_or_end(keys, sizeof *it->key_of);
  memset(it->key_of, 0xff, keys * sizeof *it->key_of);
}

static void end_pass(pass *it) {
  free(it->stack_of);
  free(it->key_of);
  free(it->passes);
}

static uint32_t place_key(pass *it, uint32_t place) {
  if (it->key_of[place] == UINT32_MAX) {
    ouro__place key = key_of_place(it->query->wish->by, &it->query->stacks.places.list[place]);
    it->key_of[place] = ouro__places_add(&it->query->keys, &key);
  }
  return it->key_of[place];
}

static uint32_t site_key(pass *it, const ouro__psite *site, uint32_t stack) {
  ouro__query *query = it->query;
  uint32_t *known;
  switch (query->wish->by) {
  case OURO_BY_STACK:
    return stack;
  case OURO_BY_TYPE:
    return key_of_word(query, *site->type ? site->type : "(no type)");
  case OURO_BY_THREAD:
    known = &it->key_of[site->thread < it->profile->thread_count ? site->thread : it->profile->thread_count];
    if (*known == UINT32_MAX) *known = thread_key(query, it->profile, site->thread);
    return *known;
  case OURO_BY_CLASS:
    known = &it->key_of[site->class_];
    if (*known == UINT32_MAX) *known = class_key(query, site->class_);
    return *known;
  case OURO_BY_DOMAIN:
    return key_of_word(query, site->domain < OURO_DOMAINS ? ouro__domain_words[site->domain] : "(unknown)");
  default:
    return place_key(it, query->stacks.list[stack].place);
  }
}

static bool site_passes(const pass *it, size_t site, uint32_t stack) {
  return it->passes[stack] && ouro__filter_site(it->query->wish, it->profile, &it->profile->sites[site]);
}

uint32_t *ouro__query_rows(ouro__query *query, const ouro__profile *profile) {
  pass it;
  uint32_t *rows = ouro__zeroed_or_end(profile->site_count, sizeof *rows);
  ouro__measure measure = measure_of(profile, query->wish->measure);
  begin_pass(&it, query, profile);
  for (size_t i = 0; i < profile->site_count; i++) {
    uint32_t stack = ouro__stack_of_site(it.stack_of, it.profile, i), place = query->stacks.list[stack].place;
    rows[i] = UINT32_MAX;
    if (!site_passes(&it, i, stack)) continue;
    rows[i] = row_of_key(query, site_key(&it, &profile->sites[i], stack), stack, place);
    show_largest(&query->rows[rows[i]], profile->sites[i].of[measure].bytes, stack, place);
  }
  end_pass(&it);
  return rows;
}

/* ---------------------------------------------------------------- sums */

static void add_own(pass *it, const ouro__source *source, size_t site, uint32_t stack, unsigned side) {
  ouro__query *query = it->query;
  ouro__measure measure = query->wish->measure;
  uint32_t key = site_key(it, &it->profile->sites[site], stack), place = query->stacks.list[stack].place;
  uint32_t row = row_of_key(query, key, stack, place); /* may move the rows */
  add_to_row(&query->rows[row], ouro__site_tally(source, site, measure), ouro__site_variance(source, site, measure),
             side, stack, place);
}

/* What each stack has by itself, so that a stack is walked once, however many sites share it. */
typedef struct stack_sum {
  ouro__tally tally;
  double variance;
  bool any;
} stack_sum;

static void add_to_sum(stack_sum *sum, const ouro__source *source, size_t site, ouro__measure measure) {
  ouro__tally_add(&sum->tally, ouro__site_tally(source, site, measure));
  sum->variance += ouro__site_variance(source, site, measure);
  sum->any = true;
}

/* `seen`: for each key the last stack that counted for it. */
static void add_sum(pass *it, const stack_sum *sum, uint32_t stack, unsigned side, uint32_t **seen, size_t *seen_room) {
  ouro__query *query = it->query;
  uint32_t at = stack;
  do {
    uint32_t place = query->stacks.list[at].place;
    uint32_t row = row_of_key(query, place_key(it, place), stack, place);
    if (row >= *seen_room) {
      *seen = ouro__resized_or_end(*seen, 2 * (size_t)row + 64, sizeof **seen);
      memset(*seen + *seen_room, 0xff, (2 * (size_t)row + 64 - *seen_room) * sizeof **seen);
      *seen_room = 2 * (size_t)row + 64;
    }
    if ((*seen)[row] != stack) add_to_row(&query->rows[row], sum->tally, sum->variance, side, stack, place);
    (*seen)[row] = stack;
    at = query->stacks.list[at].parent;
  } while (at);
}

static void add_sums(pass *it, const stack_sum *sums, size_t count, unsigned side) {
  uint32_t *seen = NULL;
  size_t seen_room = 0;
  for (uint32_t stack = 0; stack < count; stack++) {
    if (sums[stack].any) add_sum(it, &sums[stack], stack, side, &seen, &seen_room);
  }
  free(seen);
}

static bool by_place(ouro__by by) { return by == OURO_BY_LINE || by == OURO_BY_FUNCTION || by == OURO_BY_FILE; }

static bool is_zero(ouro__tally tally) { return tally.count == 0 && tally.bytes == 0; }

void ouro__query_add(ouro__query *query, const ouro__source *source, unsigned side) {
  pass it;
  ouro__measure measure = query->wish->measure;
  begin_pass(&it, query, source->profile);
  bool cumulative = query->wish->cumulative && by_place(query->wish->by);
  stack_sum *sums = cumulative ? ouro__zeroed_or_end(query->stacks.count, sizeof *sums) : NULL;
  for (size_t i = 0; i < source->profile->site_count; i++) {
    ouro__tally tally = ouro__site_tally(source, i, measure);
    if (is_zero(tally)) continue;
    ouro__tally_add(&query->all[side], tally);
    uint32_t stack = ouro__stack_of_site(it.stack_of, it.profile, i);
    if (!site_passes(&it, i, stack)) continue;
    ouro__tally_add(&query->passed[side], tally);
    query->variance += ouro__site_variance(source, i, measure);
    if (cumulative)
      add_to_sum(&sums[stack], source, i, measure);
    else
      add_own(&it, source, i, stack, side);
  }
  if (cumulative) add_sums(&it, sums, query->stacks.count, side);
  free(sums);
  end_pass(&it);
}

/* ---------------------------------------------------------------- in order */

int64_t ouro__row_growth(const ouro__row *row) { return row->side[1].bytes - row->side[0].bytes; }

const ouro__place *ouro__row_place(const ouro__query *query, const ouro__row *row) {
  if (query->wish->by == OURO_BY_STACK) return ouro__stack_place(&query->stacks, row->key);
  return &query->keys.list[row->key];
}

static int descending(int64_t a, int64_t b) { return (a < b) - (a > b); }

static int by_text(const ouro__query *query, const ouro__row *a, const ouro__row *b) {
  const ouro__place *left = ouro__row_place(query, a), *right = ouro__row_place(query, b);
  int order = strcmp(left->file, right->file);
  if (!order) order = (left->line > right->line) - (left->line < right->line);
  if (!order) order = strcmp(left->function, right->function);
  if (!order) order = strcmp(left->module, right->module);
  return order ? order : (a->key > b->key) - (a->key < b->key);
}

static int by_size(const void *left, const void *right, void *query) {
  const ouro__row *a = left, *b = right;
  int order = descending(a->side[1].bytes, b->side[1].bytes);
  if (!order) order = descending(a->side[1].count, b->side[1].count);
  return order ? order : by_text(query, a, b);
}

static int64_t count_growth(const ouro__row *row) { return row->side[1].count - row->side[0].count; }

static int by_growth(const void *left, const void *right, void *query) {
  const ouro__row *a = left, *b = right;
  int order = descending(llabs(ouro__row_growth(a)), llabs(ouro__row_growth(b)));
  if (!order) order = descending(a->side[1].bytes, b->side[1].bytes);
  if (!order) order = descending(llabs(count_growth(a)), llabs(count_growth(b)));
  if (!order) order = descending(a->side[1].count, b->side[1].count);
  return order ? order : by_text(query, a, b);
}

static bool is_kept(const ouro__row *row, uint64_t least) {
  if (is_zero(row->side[0]) && is_zero(row->side[1])) return false;
  return llabs(row->side[0].bytes) >= (int64_t)least || llabs(row->side[1].bytes) >= (int64_t)least;
}

void ouro__query_sort(ouro__query *query, bool growth) {
  size_t kept = 0;
  for (size_t i = 0; i < query->row_count; i++) {
    if (is_kept(&query->rows[i], query->wish->least_bytes)) query->rows[kept++] = query->rows[i];
  }
  query->row_count = kept;
  if (query->row_of)
    memset(query->row_of, 0, query->row_of_room * sizeof *query->row_of); /* their numbers are no longer theirs */
  if (kept) qsort_r(query->rows, kept, sizeof *query->rows, growth ? by_growth : by_size, query);
}
