/* cli/report/calls.c - see calls.h. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/report/calls.h"

/* ---------------------------------------------------------------- what each stack has by itself */

static void add_source(ouro__calls *calls, const ouro__wish *wish, const ouro__source *source) {
  const ouro__profile *profile = source->profile;
  size_t before = calls->stacks.count;
  uint32_t *stack_of = ouro__stacks_add(&calls->stacks, profile);
  size_t now = calls->stacks.count;
  bool *passes = ouro__filter_stacks(wish, &calls->stacks);
  if (!calls->own) before = 0;
  calls->own = ouro__resized_or_end(calls->own, now, sizeof *calls->own);
  memset(calls->own + before, 0, (now - before) * sizeof *calls->own);
  for (size_t i = 0; i < profile->site_count; i++) {
    uint32_t stack = ouro__stack_of_site(stack_of, profile, i);
    if (passes[stack] && ouro__filter_site(wish, profile, &profile->sites[i])) {
      ouro__tally_add(&calls->own[stack], ouro__site_tally(source, i, wish->measure));
    }
  }
  free(stack_of);
  free(passes);
}

/* What has no stack is a stack of one frame, so that it is seen. */
static void give_the_rootless_a_frame(ouro__calls *calls) {
  if (calls->own[0].bytes == 0 && calls->own[0].count == 0) return;
  size_t before = calls->stacks.count;
  uint32_t stack = ouro__stacks_push(&calls->stacks, 0, 0);
  if (calls->stacks.count > before) {
    calls->own = ouro__resized_or_end(calls->own, calls->stacks.count, sizeof *calls->own);
    calls->own[stack] = (ouro__tally){0, 0};
  }
  ouro__tally_add(&calls->own[stack], calls->own[0]);
  calls->own[0] = (ouro__tally){0, 0};
}

static void sum_up(ouro__calls *calls) {
  size_t count = calls->stacks.count;
  calls->total = ouro__zeroed_or_end(count, sizeof *calls->total);
  memcpy(calls->total, calls->own, count * sizeof *calls->total);
  for (size_t i = count; i-- > 1;) ouro__tally_add(&calls->total[calls->stacks.list[i].parent], calls->total[i]);
}

/* ---------------------------------------------------------------- inverted */

/* Bytes that each place allocated by itself. */
static int64_t *own_of_places(const ouro__calls *calls) {
  int64_t *own = ouro__zeroed_or_end(calls->stacks.places.count, sizeof *own);
  for (size_t i = 0; i < calls->stacks.count; i++) {
    int64_t *of_place = &own[calls->stacks.list[i].place];
    *of_place = ouro__bounded(*of_place + calls->own[i].bytes);
  }
  return own;
}

static void add_inverted(ouro__stacks *inverted, ouro__tally **own, const ouro__calls *calls, uint32_t stack) {
  uint32_t to = 0;
  for (uint32_t at = stack; at; at = calls->stacks.list[at].parent) {
    size_t before = inverted->count;
    to = ouro__stacks_push(inverted, to, calls->stacks.list[at].place);
    if (inverted->count == before) continue;
    if ((before & (before - 1)) == 0) *own = ouro__resized_or_end(*own, 2 * before, sizeof **own);
    (*own)[to] = (ouro__tally){0, 0};
  }
  ouro__tally_add(&(*own)[to], calls->own[stack]);
}

static void invert(ouro__calls *calls, int64_t least) {
  int64_t *of_place = own_of_places(calls);
  ouro__stacks inverted = {0};
  ouro__tally *own = ouro__zeroed_or_end(1, sizeof *own);
  ouro__stacks_push(&inverted, UINT32_MAX, 0);
  inverted.list[0].parent = 0;
  for (uint32_t i = 1; i < calls->stacks.count; i++) {
    bool any = calls->own[i].bytes != 0;
    if (any && of_place[calls->stacks.list[i].place] >= least) add_inverted(&inverted, &own, calls, i);
  }
  free(of_place);
  inverted.places = calls->stacks.places;
  calls->stacks.places = (ouro__places){0};
  ouro__stacks_free(&calls->stacks);
  free(calls->own);
  calls->stacks = inverted;
  calls->own = own;
}

void ouro__calls_make(ouro__calls *calls, const ouro__ask *ask, double share) {
  *calls = (ouro__calls){0};
  ouro__stacks_init(&calls->stacks, ask->wish.raw_frames, ask->wish.python_only, ask->wish.by == OURO_BY_FUNCTION);
  for (size_t i = 0; i < ask->source_count; i++) add_source(calls, &ask->wish, &ask->sources[i]);
  give_the_rootless_a_frame(calls);
  sum_up(calls);
  if (!ask->inverted) return;
  ouro__tally all = calls->total[0];
  free(calls->total);
  invert(calls, (int64_t)(share * (double)all.bytes));
  sum_up(calls);
  calls->total[0] = all;
}

/* ---------------------------------------------------------------- what is kept */

/* A parent is at least as large as its child and has the smaller number: the first of any number of them are a tree. */
static int largest_first(const void *left, const void *right, void *of) {
  const ouro__tally *total = ((const ouro__calls *)of)->total;
  uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
  if (total[a].bytes != total[b].bytes) return total[a].bytes < total[b].bytes ? 1 : -1;
  return (a > b) - (a < b);
}

static int by_parent(const void *left, const void *right, void *of) {
  const ouro__stack *list = ((const ouro__calls *)of)->stacks.list;
  uint32_t a = list[*(const uint32_t *)left].parent, b = list[*(const uint32_t *)right].parent;
  if (a != b) return a < b ? -1 : 1;
  return largest_first(left, right, of);
}

void ouro__calls_keep(ouro__calls *calls, int64_t least, size_t most) {
  calls->kept_count = 0;
  for (uint32_t i = 1; i < calls->stacks.count; i++) {
    if (calls->total[i].bytes < least || calls->total[i].bytes <= 0) continue;
    OURO_ROOM_FOR_ONE(calls->kept, calls->kept_count);
    calls->kept[calls->kept_count++] = i;
  }
  if (calls->kept_count == 0) return;
  qsort_r(calls->kept, calls->kept_count, sizeof *calls->kept, largest_first, calls);
  if (calls->kept_count > most) calls->kept_count = most;
  qsort_r(calls->kept, calls->kept_count, sizeof *calls->kept, by_parent, calls);
}

const uint32_t *ouro__calls_children(const ouro__calls *calls, uint32_t stack, size_t *count) {
  size_t low = 0, high = calls->kept_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (calls->stacks.list[calls->kept[middle]].parent < stack)
      low = middle + 1;
    else
      high = middle;
  }
  size_t end = low;
  while (end < calls->kept_count && calls->stacks.list[calls->kept[end]].parent == stack) end++;
  *count = end - low;
  return calls->kept + low;
}

void ouro__calls_free(ouro__calls *calls) {
  ouro__stacks_free(&calls->stacks);
  free(calls->own);
  free(calls->total);
  free(calls->kept);
  *calls = (ouro__calls){0};
}
