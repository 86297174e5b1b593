/* cli/profile/symbols.c - gives a profile's native frames their functions, files and lines.
 *
 * A frame knows its address in the process, and of which generation of modules it is. Among the modules that were at that address, the
 * newest one that is not younger than the frame is its own; the module's file, as it is now, is asked. Frames that have a function already
 * are left alone. Each file is opened once, with the first of its frames. */
#include "cli/profile/symbols.h"

#include <stdlib.h>
#include <string.h>

#include "cli/profile/profile.h"

/* A file by its path (interned in the profile, so that equal ones are one pointer). */
typedef struct file {
  const char *path;
  ouro__image *image; /* NULL: it cannot be read */
} file;

typedef struct work {
  ouro__profile *profile;
  size_t room; /* for frames */
  file *files;
  size_t file_count;
} work;

static const char *interned(work *w, char *text) {
  const char *kept = text ? ouro__profile_string(w->profile, text, strlen(text)) : NULL;
  free(text);
  return kept ? kept : "";
}

/* ---------------------------------------------------------------- which file */

static const ouro__pmodule *module_of(const ouro__profile *profile, const ouro__pframe *frame) {
  const ouro__pmodule *found = NULL;
  for (size_t i = 0; i < profile->module_count; i++) {
    const ouro__pmodule *module = &profile->modules[i];
    bool there = frame->run_address >= module->start && frame->run_address < module->end && module->generation <= frame->generation;
    if (there && (!found || module->generation >= found->generation)) found = module;
  }
  return found;
}

/* Is it the path of a file that is still the one that was mapped? Not [vdso], and no file that was deleted while it was in use: what has
 * that name now is another. */
static bool is_file(const char *path) {
  static const char deleted[] = " (deleted)";
  size_t length = strlen(path), ending = sizeof deleted - 1;
  return *path == '/' && (length < ending || strcmp(path + length - ending, deleted) != 0);
}

static ouro__image *image_of(work *w, const char *path) {
  for (size_t i = 0; i < w->file_count; i++) {
    if (w->files[i].path == path) return w->files[i].image;
  }
  file *files = reallocarray(w->files, w->file_count + 1, sizeof *files);
  if (!files) return NULL;
  w->files = files;
  files[w->file_count] = (file){path, is_file(path) ? ouro__image_open(path) : NULL};
  return files[w->file_count++].image;
}

/* ---------------------------------------------------------------- frames */

static void set_call(work *w, ouro__pframe *frame, const ouro__symbols_call *call) {
  if (call->function) frame->function = interned(w, ouro__symbols_function(call->function));
  if (call->file) frame->file = interned(w, ouro__symbols_file(call->file));
  frame->line = call->line;
}

/* Append a copy of frame number `inner`, as its caller; 0: no memory. */
static uint32_t add_caller(work *w, uint32_t inner) {
  ouro__profile *profile = w->profile;
  if (profile->frame_count == UINT32_MAX) return 0;
  if (profile->frame_count >= w->room) {
    size_t room = 2 * profile->frame_count;
    ouro__pframe *frames = reallocarray(profile->frames, room, sizeof *frames);
    if (!frames) return 0;
    profile->frames = frames;
    w->room = room;
  }
  uint32_t number = (uint32_t)profile->frame_count++;
  ouro__pframe *frame = &profile->frames[number];
  *frame = profile->frames[inner];
  frame->function = frame->file = "";
  frame->caller = 0;
  profile->frames[inner].caller = number;
  return number;
}

static void symbolise(work *w, uint32_t number) {
  ouro__pframe *frame = &w->profile->frames[number];
  const ouro__pmodule *module = module_of(w->profile, frame);
  ouro__image *image = module ? image_of(w, module->path) : NULL;
  uint64_t address;
  if (!image || !ouro__image_address(image, frame->run_address - module->start + module->offset, &address)) return;
  ouro__symbols_call calls[OURO_SYMBOLS_CALLS];
  size_t count = ouro__image_calls(image, address, calls);
  frame->module = module->path;
  frame->address = address;
  for (size_t i = 0; i < count; i++) {
    if (i && !(number = add_caller(w, number))) return;
    set_call(w, &w->profile->frames[number], &calls[i]);
  }
}

void ouro__profile_symbolise(ouro__profile *profile) {
  work w = {.profile = profile};
  size_t count = profile->frame_count; /* those that are appended need no more */
  for (size_t i = 1; i < count && i <= UINT32_MAX; i++) {
    const ouro__pframe *frame = &profile->frames[i];
    if (frame->kind == OURO_FRAME_NATIVE && !*frame->function) symbolise(&w, (uint32_t)i);
  }
  for (size_t i = 0; i < w.file_count; i++) ouro__image_close(w.files[i].image);
  free(w.files);
}
