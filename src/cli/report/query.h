/* cli/report/query.h - QUERIES: what the sites of profiles add up to, by line, function, type and so on.
 *
 *     ouro__query query;                           ROWS, one for each key
 *     ouro__query_init(&query, &wish);               key        side 0 (before)   side 1 (now)
 *     ouro__query_add(&query, &source, 1);           a.py:12        0                4096
 *     ouro__query_sort(&query);                      b.py:7         0                1024
 *     ...
 *     ouro__query_free(&query);
 *
 * A source is a profile, or one snapshot of it. Several can be added; what is added is summed. Comparisons have two sides, all
 * else has side 1 alone. The profiles must live as long as the query.
 *
 * I-ROWS  without cumulative, the rows' sum is what the filters let through; with it, a site counts once for every key on its
 *         stack */
#ifndef OURO_CLI_REPORT_QUERY_H
#define OURO_CLI_REPORT_QUERY_H

#include "cli/report/places.h"

typedef enum ouro__by {
  OURO_BY_LINE,
  OURO_BY_FUNCTION,
  OURO_BY_FILE,
  OURO_BY_TYPE,
  OURO_BY_THREAD,
  OURO_BY_CLASS,
  OURO_BY_DOMAIN,
  OURO_BY_STACK,
  OURO_BYS
} ouro__by;

extern const char *const ouro__by_words[OURO_BYS];
extern const char *const ouro__measure_words[OURO_MEASURES];
extern const char *const ouro__domain_words[OURO_DOMAINS];

/* tracemalloc's Filter: see filter.c. */
typedef struct ouro__filter {
  const char *pattern; /* of the file's name, as fnmatch has it */
  uint32_t line;       /* 0: any */
  bool inclusive;
} ouro__filter;

enum { OURO_FILTERS_MOST = 32 };

typedef struct ouro__wish {
  ouro__measure measure;
  ouro__by by;
  bool cumulative, raw_frames, python_only, all_frames;
  ouro__filter filters[OURO_FILTERS_MOST];
  size_t filter_count;
  const char *thread, *type; /* patterns; NULL: any */
  int domain;                /* -1: any */
  uint64_t least_bytes;      /* rows of fewer are left out */
} ouro__wish;

/* A moment of a profile. */
typedef struct ouro__source {
  ouro__profile *profile;
  const ouro__psnapshot *snapshot; /* NULL: the whole */
  ouro__tally *at;                 /* of each site, at the snapshot; NULL: as the measure says. Owned */
} ouro__source;

typedef struct ouro__row {
  uint32_t key;          /* of query.keys; by stack: of query.stacks */
  uint32_t stack, place; /* of the largest part of the row: its stack, and the place on it that the key is of */
  int64_t stack_bytes;   /* of that part */
  ouro__tally side[2];
  double variance; /* of bytes, both sides; 0: exact */
} ouro__row;

typedef struct ouro__query {
  const ouro__wish *wish;
  ouro__stacks stacks;
  ouro__places keys;
  ouro__row *rows;
  size_t row_count;
  ouro__tally all[2], passed[2]; /* of all sites, and of those that the filters let through */
  double variance;               /* of what passed */
  uint32_t *row_of;              /* by key: number + 1, 0: none */
  size_t row_of_room;
  char **words; /* of keys that are no strings of a profile; owned */
  size_t word_count;
} ouro__query;

void ouro__query_init(ouro__query *query, const ouro__wish *wish);
void ouro__query_add(ouro__query *query, const ouro__source *source, unsigned side);
void ouro__query_free(ouro__query *query);

/* For each site its row, made where there is none yet; UINT32_MAX where a filter keeps it out. wish.cumulative means nothing
 * here. The caller frees it. */
uint32_t *ouro__query_rows(ouro__query *query, const ouro__profile *profile);

/* The last step, after which nothing can be added: leave out rows below wish.least_bytes (of the larger side); the largest of
 * side 1 first, or, with `growth`, the largest difference first. */
void ouro__query_sort(ouro__query *query, bool growth);

int64_t ouro__row_growth(const ouro__row *row);

/* The row's key as a place: by stack, the place of its most recent frame. */
const ouro__place *ouro__row_place(const ouro__query *query, const ouro__row *row);

/* What a site has of a measure. END is LIVE where the program was killed before its end. */
ouro__tally ouro__site_tally(const ouro__source *source, size_t site, ouro__measure measure);
/* Of all sites; END as above. */
ouro__tally ouro__profile_tally(const ouro__profile *profile, ouro__measure measure);
double ouro__site_variance(const ouro__source *source, size_t site, ouro__measure measure);

/* ---------------------------------------------------------------- filters */

/* Read "PATTERN" or "PATTERN:LINE"; false: there are too many. */
bool ouro__wish_filter(ouro__wish *wish, const char *text, bool inclusive);

/* For each stack whether the wish's filters of files let it through. The caller frees it. */
bool *ouro__filter_stacks(const ouro__wish *wish, const ouro__stacks *stacks);

/* Whether thread, type and domain are as wished. */
bool ouro__filter_site(const ouro__wish *wish, const ouro__profile *profile, const ouro__psite *site);

#endif
