/* cli/report/filter.c - which sites are meant: the rules of tracemalloc's Filter and Snapshot.filter_traces.
 *
 *     a filter         matches a frame whose file's name matches its pattern (*, ?, [seq], [!seq], "/" being a character
 *                      like any) and whose line is its line, where it has one; ".pyc" stands for ".py" in both
 *     first frame      is what is looked at: the most recent one; with all_frames, one match anywhere on the stack is a match
 *     together         a stack passes when at least one inclusive filter matches it, or there is none, and no exclusive one does
 *
 * A frame without a source file goes by the name of its program or library. */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/report/query.h"

bool ouro__wish_filter(ouro__wish *wish, const char *text, bool inclusive) {
  if (wish->filter_count == OURO_FILTERS_MOST) return false;
  char *pattern = ouro__zeroed_or_end(strlen(text) + 1, 1);
  strcpy(pattern, text);
  char *colon = strrchr(pattern, ':');
  uint32_t line = 0;
  if (colon && colon[1] && !colon[1 + strspn(colon + 1, "0123456789")]) {
    line = (uint32_t)strtoul(colon + 1, NULL, 10);
    *colon = 0;
  }
  size_t length = strlen(pattern);
  if (length >= 4 && strcmp(pattern + length - 4, ".pyc") == 0) pattern[length - 1] = 0;
  wish->filters[wish->filter_count++] = (ouro__filter){.pattern = pattern, .line = line, .inclusive = inclusive};
  return true;
}

static bool matches(const ouro__filter *filter, const ouro__place *place) {
  if (filter->line && filter->line != place->line) return false;
  const char *name = *place->file ? place->file : place->module;
  size_t length = strlen(name);
  char plain[PATH_MAX];
  if (length >= 4 && length < sizeof plain && strcmp(name + length - 4, ".pyc") == 0) {
    memcpy(plain, name, length - 1);
    plain[length - 1] = 0;
    name = plain;
  }
  return fnmatch(filter->pattern, name, FNM_NOESCAPE) == 0;
}

/* Bit i: filter i matches. */
static uint32_t *match_places(const ouro__wish *wish, const ouro__places *places) {
  uint32_t *found = ouro__zeroed_or_end(places->count, sizeof *found);
  for (size_t place = 0; place < places->count; place++) {
    for (size_t i = 0; i < wish->filter_count; i++) {
      if (matches(&wish->filters[i], &places->list[place])) found[place] |= UINT32_C(1) << i;
    }
  }
  return found;
}

bool *ouro__filter_stacks(const ouro__wish *wish, const ouro__stacks *stacks) {
  uint32_t inclusive = 0;
  for (size_t i = 0; i < wish->filter_count; i++) inclusive |= (uint32_t)wish->filters[i].inclusive << i;
  uint32_t *of_place = match_places(wish, &stacks->places);
  uint32_t *found = ouro__zeroed_or_end(stacks->count, sizeof *found);
  bool *passes = ouro__zeroed_or_end(stacks->count, sizeof *passes);
  for (size_t i = 0; i < stacks->count; i++) {
    found[i] = of_place[stacks->list[i].place];
    if (wish->all_frames && i > 0) found[i] |= found[stacks->list[i].parent];
    passes[i] = (!inclusive || (found[i] & inclusive)) && !(found[i] & ~inclusive);
  }
  free(of_place);
  free(found);
  return passes;
}

static bool thread_matches(const char *pattern, const ouro__pthread *thread) {
  char number[24];
  snprintf(number, sizeof number, "%llu", (unsigned long long)thread->id);
  return fnmatch(pattern, thread->name, FNM_NOESCAPE) == 0 || strcmp(pattern, number) == 0;
}

bool ouro__filter_site(const ouro__wish *wish, const ouro__profile *profile, const ouro__psite *site) {
  if (wish->domain >= 0 && site->domain != wish->domain) return false;
  if (wish->type && fnmatch(wish->type, site->type, FNM_NOESCAPE) != 0) return false;
  if (!wish->thread) return true;
  return site->thread < profile->thread_count && thread_matches(wish->thread, &profile->threads[site->thread]);
}
