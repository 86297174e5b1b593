/* cli/report/places.c - see places.h. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/report/places.h"

#define BETWEEN_MOST 3 /* functions of the tracer without its names, one after another */

void *ouro__resized_or_end(void *block, size_t count, size_t size) {
  void *resized = reallocarray(block, count ? count : 1, size);
  if (resized) return resized;
  ouro__say("out of memory");
  exit(OURO_EXIT_FAILED);
}

void *ouro__zeroed_or_end(size_t count, size_t size) {
  void *block = ouro__resized_or_end(NULL, count, size);
  return memset(block, 0, (count ? count : 1) * size);
}

/* ---------------------------------------------------------------- the index */

uint32_t ouro__index_find(const ouro__index *index, uint32_t hash, bool (*equal)(const void *, uint32_t, const void *),
                          const void *of, const void *key) {
  if (index->room == 0) return UINT32_MAX;
  for (size_t at = hash & (index->room - 1); index->slots[at]; at = (at + 1) & (index->room - 1)) {
    uint32_t number = index->slots[at] - 1;
    if (index->hashes[number] == hash && equal(of, number, key)) return number;
  }
  return UINT32_MAX;
}

static void enter(ouro__index *index, uint32_t number) {
  size_t at = index->hashes[number] & (index->room - 1);
  while (index->slots[at]) at = (at + 1) & (index->room - 1);
  index->slots[at] = number + 1;
}

static void grow(ouro__index *index) {
  index->room = index->room ? 2 * index->room : 64;
  free(index->slots);
  index->slots = ouro__zeroed_or_end(index->room, sizeof *index->slots);
  index->hashes = ouro__resized_or_end(index->hashes, index->room / 2, sizeof *index->hashes);
  for (size_t i = 0; i < index->used; i++) enter(index, (uint32_t)i);
}

void ouro__index_add(ouro__index *index, uint32_t hash) {
  if (2 * (index->used + 1) > index->room) grow(index);
  index->hashes[index->used] = hash;
  enter(index, (uint32_t)index->used++);
}

void ouro__index_free(ouro__index *index) {
  free(index->slots);
  free(index->hashes);
  *index = (ouro__index){0};
}

/* ---------------------------------------------------------------- places */

static uint32_t mix(uint32_t hash, uint64_t value) {
  uint64_t product = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
  return (uint32_t)(product >> 32) ^ (uint32_t)product;
}

/* FNV-1a. */
static uint32_t mix_text(uint32_t hash, const char *text) {
  for (; *text; text++) hash = (hash ^ (unsigned char)*text) * UINT32_C(16777619);
  return (hash ^ 0xff) * UINT32_C(16777619);
}

static uint32_t place_hash(const ouro__place *place) {
  uint32_t hash = mix_text(mix_text(mix_text(UINT32_C(2166136261), place->file), place->function), place->module);
  return mix(mix(hash, place->line), place->address);
}

static bool same_text(const char *a, const char *b) { return a == b || strcmp(a, b) == 0; }

static bool place_equal(const void *of, uint32_t number, const void *key) {
  const ouro__place *a = &((const ouro__places *)of)->list[number], *b = key;
  return a->line == b->line && a->address == b->address && a->kind == b->kind && same_text(a->function, b->function) &&
         same_text(a->file, b->file) && same_text(a->module, b->module);
}

uint32_t ouro__places_add(ouro__places *places, const ouro__place *place) {
  uint32_t hash = place_hash(place), number = ouro__index_find(&places->index, hash, place_equal, places, place);
  if (number != UINT32_MAX) return number;
  OURO_ROOM_FOR_ONE(places->list, places->count);
  places->list[places->count] = *place;
  ouro__index_add(&places->index, hash);
  return (uint32_t)places->count++;
}

void ouro__places_free(ouro__places *places) {
  free(places->list);
  ouro__index_free(&places->index);
  *places = (ouro__places){0};
}

ouro__place ouro__place_word(const char *word) { return (ouro__place){.file = "", .function = word, .module = ""}; }

/* ---------------------------------------------------------------- text */

const char *ouro__path_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

const char *ouro__path_relative(const char *path) {
  static char here[PATH_MAX];
  if (!here[0] && !getcwd(here, sizeof here)) strcpy(here, "/");
  size_t length = strlen(here);
  bool below = length > 1 && strncmp(path, here, length) == 0 && path[length] == '/' && path[length + 1];
  return below ? path + length + 1 : path;
}

void ouro__place_text(char *to, size_t size, const ouro__place *place, bool relative) {
  const char *file = relative ? ouro__path_relative(place->file) : place->file;
  const char *module = ouro__path_name(place->module);
  if (*file && place->line)
    snprintf(to, size, "%s:%" PRIu32, file, place->line);
  else if (*file)
    snprintf(to, size, "%s%s%s", place->function, *place->function ? "  " : "", file);
  else if (*place->function && *module)
    snprintf(to, size, "%s [%s]", place->function, module);
  else if (*place->function)
    snprintf(to, size, "%s", place->function);
  else if (place->address)
    snprintf(to, size, "[%s+0x%" PRIx64 "]", *module ? module : "?", place->address);
  else
    snprintf(to, size, "[%s]", *module ? module : "?");
}

/* ---------------------------------------------------------------- who only hands out memory */

static bool begins(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

static bool is_system_module(const char *module) {
  static const char *const names[] = {"libc.so",      "libc-2.",  "libstdc++.so", "libc++.so",
                                      "libc++abi.so", "ld-linux", "ld-2.",        "libpthread"};
  const char *name = ouro__path_name(module);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (begins(name, names[i])) return true;
  }
  return false;
}

/* Functions of the program itself, or of a library of its, that go by such a name. */
static bool is_wrapper_name(const char *function) {
  static const char *const beginnings[] = {"operator new",      "std::",
                                           "__gnu_cxx::",       "g_malloc",
                                           "g_realloc",         "g_slice_alloc",
                                           "g_slice_copy",      "g_strdup",
                                           "g_strndup",         "g_try_malloc",
                                           "g_try_realloc",     "PyMem_",
                                           "_PyMem_",           "PyObject_Malloc",
                                           "PyObject_Calloc",   "PyObject_Realloc",
                                           "_PyObject_Malloc",  "_PyObject_Calloc",
                                           "_PyObject_Realloc", "_PyObject_GC_",
                                           "_PyObject_New"};
  static const char *const words[] = {"malloc",
                                      "calloc",
                                      "realloc",
                                      "reallocarray",
                                      "strdup",
                                      "strndup",
                                      "memdup",
                                      "zalloc",
                                      "aligned_alloc",
                                      "memalign",
                                      "posix_memalign",
                                      "valloc",
                                      "pvalloc",
                                      "gc_alloc",
                                      "PyType_GenericAlloc",
                                      "_PyType_AllocNoTrack"};
  for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++) {
    if (begins(function, beginnings[i])) return true;
  }
  const char *bare = begins(function, "__libc_") ? function + 7 : *function == 'x' ? function + 1 : function;
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    if (strcmp(bare, words[i]) == 0) return true;
  }
  return false;
}

static bool is_wrapper(const ouro__place *place) {
  return is_system_module(place->module) || is_wrapper_name(place->function) || strstr(place->file, "/include/c++/");
}

static bool is_tracer(const char *function) {
  return begins(function, "ouro__count_") || begins(function, "ouro__stack_");
}

/* Up to the folder that has the folder of the file: "../src" of "../src/heap/pool.c". */
static size_t root_length(const char *file) {
  const char *end = strrchr(file, '/');
  while (end && end > file && end[-1] != '/') end--;
  return end ? (size_t)(end - file) : 0;
}

static bool same_root(const char *a, const char *b) {
  size_t length = root_length(a);
  return length > 0 && length == root_length(b) && strncmp(a, b, length) == 0;
}

bool ouro__trim_place(ouro__trim *trim, const ouro__place *place) {
  bool adjacent = trim->skipped == trim->seen++;
  if (place->kind != OURO_FRAME_NATIVE) return false;
  bool tracer = is_tracer(place->function), own = tracer || begins(place->function, "ouro_");
  if (trim->file) own |= same_root(place->file, trim->file);
  if (adjacent ? own || is_wrapper(place) : tracer || (own && trim->in_tracer)) {
    trim->skipped = trim->seen;
    trim->in_tracer = tracer;
    if (tracer && *place->file) trim->file = place->file;
    return true;
  }
  return (trim->in_tracer || !trim->skipped) && trim->seen - trim->skipped <= BETWEEN_MOST;
}

/* ---------------------------------------------------------------- stacks */

static bool stack_equal(const void *of, uint32_t number, const void *key) {
  const ouro__stack *a = &((const ouro__stacks *)of)->list[number], *b = key;
  return a->parent == b->parent && a->place == b->place;
}

uint32_t ouro__stacks_push(ouro__stacks *stacks, uint32_t parent, uint32_t place) {
  ouro__stack key = {.parent = parent, .place = place};
  uint32_t hash = mix(mix(0, parent), place),
           number = ouro__index_find(&stacks->index, hash, stack_equal, stacks, &key);
  if (number != UINT32_MAX) return number;
  OURO_ROOM_FOR_ONE(stacks->list, stacks->count);
  stacks->list[stacks->count] = key;
  ouro__index_add(&stacks->index, hash);
  return (uint32_t)stacks->count++;
}

void ouro__stacks_init(ouro__stacks *stacks, bool raw, bool python_only, bool functions) {
  *stacks = (ouro__stacks){.raw = raw, .python_only = python_only, .functions = functions};
  ouro__place none = ouro__place_word("(no stack)"), unrecorded = ouro__place_word("(not recorded)");
  uint32_t place = ouro__places_add(&stacks->places, &none);
  /* The root is nobody's child, so that a stack of one frame of that name can be told from it. */
  ouro__stacks_push(stacks, UINT32_MAX, place);
  stacks->list[0].parent = 0;
  ouro__stacks_push(stacks, 0, ouro__places_add(&stacks->places, &unrecorded));
}

uint32_t ouro__stack_of_site(const uint32_t *stack_of, const ouro__profile *profile, size_t site) {
  uint32_t node = profile->sites[site].node;
  if (site == 0 && node == 0) return 1;
  return node < profile->node_count ? stack_of[node] : 0;
}

const ouro__place *ouro__stack_place(const ouro__stacks *stacks, uint32_t stack) {
  return &stacks->places.list[stacks->list[stack].place];
}

void ouro__stacks_free(ouro__stacks *stacks) {
  ouro__places_free(&stacks->places);
  free(stacks->list);
  ouro__index_free(&stacks->index);
}

/* ---------------------------------------------------------------- a profile's stacks */

static ouro__place place_of(const ouro__stacks *stacks, const ouro__pframe *frame) {
  bool known = *frame->file || *frame->function;
  return (ouro__place){
      .file = frame->file,
      .function = frame->function,
      .module = frame->module,
      .line = stacks->functions || !*frame->file ? 0 : frame->line,
      .address = known ? 0 : frame->address,
      .kind = frame->kind,
  };
}

/* `known` has the place of each frame of the profile, UINT32_MAX where it was not looked at yet. */
static uint32_t place_number(ouro__stacks *stacks, const ouro__profile *profile, uint32_t *known, uint32_t frame) {
  if (known[frame] == UINT32_MAX) {
    ouro__place place = place_of(stacks, &profile->frames[frame]);
    known[frame] = ouro__places_add(&stacks->places, &place);
  }
  return known[frame];
}

/* `frame` on top of `below`; before it, the frames into which it was inlined. */
static uint32_t extend(ouro__stacks *stacks, const ouro__profile *profile, uint32_t *known, uint32_t below,
                       uint32_t frame) {
  const ouro__pframe *one = &profile->frames[frame];
  if (stacks->python_only && one->kind == OURO_FRAME_NATIVE) return below;
  if (one->caller) below = extend(stacks, profile, known, below, one->caller);
  return ouro__stacks_push(stacks, below, place_number(stacks, profile, known, frame));
}

/* One that has nothing but such frames stays as it is. */
static uint32_t without_wrappers(const ouro__stacks *stacks, uint32_t whole) {
  ouro__trim trim = {0};
  uint32_t at = whole, trimmed = whole;
  while (at && ouro__trim_place(&trim, ouro__stack_place(stacks, at))) {
    at = stacks->list[at].parent;
    if (trim.skipped == trim.seen) trimmed = at;
  }
  return trimmed ? trimmed : whole;
}

/* One of which nothing is left says what is missing. */
static uint32_t settle(ouro__stacks *stacks, uint32_t whole, uint32_t node) {
  if (whole || node == 0) return stacks->raw ? whole : without_wrappers(stacks, whole);
  ouro__place none = ouro__place_word(stacks->python_only ? "(no Python frame)" : "(no stack)");
  uint32_t place = ouro__places_add(&stacks->places, &none);
  return place ? ouro__stacks_push(stacks, 0, place) : 0;
}

uint32_t *ouro__stacks_add(ouro__stacks *stacks, const ouro__profile *profile) {
  uint32_t *known = ouro__zeroed_or_end(profile->frame_count, sizeof *known);
  uint32_t *whole = ouro__zeroed_or_end(profile->node_count, sizeof *whole);
  uint32_t *result = ouro__zeroed_or_end(profile->node_count, sizeof *result);
  memset(known, 0xff, profile->frame_count * sizeof *known);
  for (uint32_t i = 1; i < profile->node_count; i++) {
    const ouro__pnode *node = &profile->nodes[i];
    whole[i] = whole[node->parent];
    if (node->frame) whole[i] = extend(stacks, profile, known, whole[i], node->frame);
    result[i] = settle(stacks, whole[i], i);
  }
  free(known);
  free(whole);
  return result;
}
