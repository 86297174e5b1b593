/* cli/export/names.c - what things are called in every format, and how stacks are gone along. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/export/export.h"
#include "cli/report/places.h"

/* ---------------------------------------------------------------- classes */

/* As heap/class.h has them: 96 sizes for the program's blocks, the same for objects with references, 62 for acyclic ones. */
uint64_t ouro__class_bytes(unsigned class_) {
  enum { SIZES = 96 };
  if (class_ > 2 * SIZES) class_ -= 2 * SIZES;
  if (class_ > SIZES) class_ -= SIZES;
  if (class_ <= 32) return (uint64_t)class_ * 16;
  return (uint64_t)(9 + (class_ - 33) % 8) << (6 + (class_ - 33) / 8);
}

/* ---------------------------------------------------------------- frames */

static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash && slash[1] ? slash + 1 : path;
}

const char *ouro__frame_name(const ouro__pframe *frame, char *name) {
  if (*frame->function) return frame->function;
  if (*frame->module)
    snprintf(name, OURO_NAME_BYTES, "%.4000s+0x%" PRIx64, base_name(frame->module), frame->address);
  else if (*frame->file)
    snprintf(name, OURO_NAME_BYTES, "%.4000s:%" PRIu32, frame->file, frame->line);
  else
    snprintf(name, OURO_NAME_BYTES, "0x%" PRIx64, frame->run_address);
  return name;
}

const char *ouro__frame_line(const ouro__pframe *frame, char *name) {
  if (!*frame->function) return ouro__frame_name(frame, name);
  if (*frame->file)
    snprintf(name, OURO_NAME_BYTES, "%.3000s (%.1000s:%" PRIu32 ")", frame->function, frame->file, frame->line);
  else if (*frame->module)
    snprintf(name, OURO_NAME_BYTES, "%.3000s (%.1000s)", frame->function, base_name(frame->module));
  else
    return frame->function;
  return name;
}

const char *ouro__no_stack_name(uint32_t site) { return site == 0 ? "(not recorded)" : "(no stack)"; }

const char *ouro__thread_name(const ouro__profile *profile, unsigned thread, char *name) {
  const ouro__pthread *known = thread < profile->thread_count ? &profile->threads[thread] : NULL;
  if (!known || (!*known->name && !known->id)) return "";
  if (*known->name) return known->name;
  snprintf(name, OURO_NAME_BYTES, "%" PRIu64, known->id);
  return name;
}

/* ---------------------------------------------------------------- stacks */

/* Go up to a node that has a frame, or to the root. */
static void settle(ouro__stack_walk *walk) {
  const ouro__pnode *nodes = walk->profile->nodes;
  while (walk->node != 0 && nodes[walk->node].frame == 0) walk->node = nodes[walk->node].parent;
  walk->frame = nodes[walk->node].frame;
}

static void go_to_caller(ouro__stack_walk *walk) {
  walk->node = walk->profile->nodes[walk->node].parent;
  settle(walk);
}

uint32_t ouro__stack_next(ouro__stack_walk *walk) {
  if (walk->node == 0) return 0;
  uint32_t frame = walk->frame;
  walk->frame = walk->profile->frames[frame].caller;
  if (walk->frame == 0) go_to_caller(walk);
  return frame;
}

uint32_t ouro__stack_next_call(ouro__stack_walk *walk) {
  if (walk->node == 0) return 0;
  uint32_t frame = walk->frame;
  go_to_caller(walk);
  return frame;
}

static bool trim_frame(ouro__trim *trim, const ouro__pframe *frame) {
  ouro__place place = {.file = frame->file, .function = frame->function, .module = frame->module, .kind = frame->kind};
  return ouro__trim_place(trim, &place);
}

ouro__stack_walk ouro__stack_begin(const ouro__profile *profile, uint32_t node) {
  ouro__stack_walk whole = {.profile = profile, .node = node};
  settle(&whole);
  ouro__stack_walk walk = whole, trimmed = whole;
  ouro__trim trim = {0};
  while (walk.node != 0 && trim_frame(&trim, &profile->frames[walk.frame])) {
    ouro__stack_next(&walk);
    if (trim.skipped == trim.seen) trimmed = walk;
  }
  return trimmed.node ? trimmed : whole;
}

static bool make_room(ouro__frames *stack) {
  size_t room = stack->room ? 2 * stack->room : 64;
  uint32_t *frames = realloc(stack->numbers, room * sizeof *frames);
  if (!frames) return false;
  stack->numbers = frames;
  stack->room = room;
  return true;
}

size_t ouro__frames_outermost_first(ouro__frames *stack, const ouro__profile *profile, uint32_t node) {
  size_t depth = 0;
  ouro__stack_walk walk = ouro__stack_begin(profile, node);
  for (uint32_t frame; (frame = ouro__stack_next(&walk));) {
    if (depth == stack->room && !make_room(stack)) return SIZE_MAX;
    stack->numbers[depth++] = frame;
  }
  for (size_t i = 0; i < depth / 2; i++) {
    uint32_t other = stack->numbers[i];
    stack->numbers[i] = stack->numbers[depth - 1 - i];
    stack->numbers[depth - 1 - i] = other;
  }
  return depth;
}

int64_t *ouro__bytes_by_node(const ouro__profile *profile, ouro__measure measure) {
  int64_t *bytes = calloc(profile->node_count + 1, sizeof *bytes);
  for (size_t i = 0; bytes && i < profile->site_count; i++) {
    uint32_t node = profile->sites[i].node;
    bool bare = ouro__stack_begin(profile, node).node == 0;
    int64_t *sum = &bytes[i == 0 ? profile->node_count : bare ? 0 : node];
    *sum = ouro__bounded(*sum + profile->sites[i].of[measure].bytes);
  }
  return bytes;
}
