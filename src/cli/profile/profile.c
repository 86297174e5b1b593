/* cli/profile/profile.c - a profile's strings, its end, its state at a snapshot, and finding out what a name means.
 *
 * Strings are kept in blocks that never move, and found by an open hash table that is at most half full. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/profile/area.h"
#include "cli/profile/recording.h"
#include "cli/profile/tables.h"

#define BLOCK_BYTES 65536
#define FIRST_SLOTS 256

/* ---------------------------------------------------------------- strings */

typedef struct block {
  struct block *next;
  size_t used, room;
  char bytes[];
} block;

typedef struct slot {
  const char *text; /* NULL: free */
  uint32_t length, hash;
} slot;

typedef struct strings {
  block *blocks; /* the newest first */
  slot *slots;
  size_t room, used; /* room is a power of two */
} strings;

static uint32_t hash_of(const char *text, size_t length) {
  uint32_t hash = 2166136261u;
  for (size_t i = 0; i < length; i++) hash = (hash ^ (unsigned char)text[i]) * 16777619u;
  return hash ^ hash >> 15;
}

/* Where the text is, or would go. */
static slot *place_of(const strings *all, const char *text, size_t length, uint32_t hash) {
  for (size_t i = hash;; i++) {
    slot *place = &all->slots[i & (all->room - 1)];
    if (!place->text) return place;
    if (place->hash == hash && place->length == length && memcmp(place->text, text, length) == 0) return place;
  }
}

static bool grow(strings *all) {
  strings grown = {.room = all->room ? 2 * all->room : FIRST_SLOTS};
  grown.slots = calloc(grown.room, sizeof *grown.slots);
  if (!grown.slots) return false;
  for (size_t i = 0; i < all->room; i++) {
    const slot *old = &all->slots[i];
    if (old->text) *place_of(&grown, old->text, old->length, old->hash) = *old;
  }
  free(all->slots);
  all->slots = grown.slots;
  all->room = grown.room;
  return true;
}

/* A copy with a NUL, in a block. */
static char *keep(strings *all, const char *text, size_t length) {
  block *newest = all->blocks;
  if (!newest || newest->room - newest->used <= length) {
    size_t room = length + 1 > BLOCK_BYTES ? length + 1 : BLOCK_BYTES;
    newest = malloc(sizeof *newest + room);
    if (!newest) return NULL;
    *newest = (block){.next = all->blocks, .room = room};
    all->blocks = newest;
  }
  char *copy = newest->bytes + newest->used;
  memcpy(copy, text, length);
  copy[length] = 0;
  newest->used += length + 1;
  return copy;
}

const char *ouro__profile_string(ouro__profile *profile, const char *text, size_t length) {
  strings *all = profile->strings;
  uint32_t hash = hash_of(text, length);
  if (length > UINT32_MAX || (2 * all->used >= all->room && !grow(all))) return NULL;
  slot *place = place_of(all, text, length, hash);
  if (!place->text) {
    const char *copy = keep(all, text, length);
    if (!copy) return NULL;
    *place = (slot){copy, (uint32_t)length, hash};
    all->used++;
  }
  return place->text;
}

static void free_strings(strings *all) {
  if (!all) return;
  for (block *next, *at = all->blocks; at; at = next) {
    next = at->next;
    free(at);
  }
  free(all->slots);
  free(all);
}

/* ---------------------------------------------------------------- beginning and end */

ouro__profile *ouro__profile_new(const char *source) {
  ouro__profile *profile = calloc(1, sizeof *profile);
  if (!profile) return NULL;
  profile->end_seconds = profile->pins_seconds = -1;
  profile->python = "";
  profile->strings = calloc(1, sizeof(strings));
  if (profile->strings) profile->source = ouro__profile_string(profile, source, strlen(source));
  if (profile->source) return profile;
  ouro__profile_free(profile);
  return NULL;
}

void ouro__profile_free(ouro__profile *profile) {
  if (!profile) return;
  for (size_t i = 0; i < profile->snapshot_count; i++) free(profile->snapshots[i].changes);
  free(profile->command);
  free(profile->frames);
  free(profile->nodes);
  free(profile->sites);
  free(profile->threads);
  free(profile->modules);
  free(profile->points);
  free(profile->snapshots);
  free(profile->pins);
  free(profile->heap_json);
  free_strings(profile->strings);
  free(profile);
}

/* ---------------------------------------------------------------- snapshots */

ouro__tally *ouro__profile_at(const ouro__profile *profile, size_t index) {
  ouro__tally *live = calloc(profile->site_count + 1, sizeof *live);
  if (!live) return NULL;
  for (size_t i = 0; i <= index && i < profile->snapshot_count; i++) {
    const ouro__psnapshot *snapshot = &profile->snapshots[i];
    for (size_t j = 0; j < snapshot->change_count; j++) live[snapshot->changes[j].site] = snapshot->changes[j].live;
  }
  return live;
}

/* ---------------------------------------------------------------- what a name means */

static bool is_number(const char *name) { return *name && !name[strspn(name, "0123456789")]; }

static ouro__profile *load_process(const char *name) {
  char path[PATH_MAX];
  if (!ouro__area_find((pid_t)strtol(name, NULL, 10), path)) {
    ouro__say("no process %s is being traced by this user; start it with: ouro run --trace -- PROGRAM", name);
    return NULL;
  }
  int fd = ouro__run_file_open(path, O_RDONLY);
  if (fd >= 0) return ouro__area_profile(fd, path);
  ouro__say("cannot read %s: %s", path, strerror(errno));
  return NULL;
}

static ouro__profile *load_file(const char *name) {
  uint64_t magic = 0;
  struct stat status;
  int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0 || fstat(fd, &status) != 0) {
    ouro__say("cannot read %s: %s", name, strerror(errno));
    if (fd >= 0) close(fd);
    return NULL;
  }
  if (S_ISREG(status.st_mode) && pread(fd, &magic, sizeof magic, 0) == (ssize_t)sizeof magic) {
    if (magic == OURO_AREA_MAGIC) return ouro__area_profile(fd, name);
    if (magic == OURO_RECORDING_MAGIC) return ouro__recording_profile(fd, name);
  }
  close(fd);
  ouro__say("%s is no recording of ouro; make one with: ouro run --trace -- PROGRAM", name);
  return NULL;
}

static bool is_symbolised(const ouro__profile *profile) {
  for (size_t i = 1; i < profile->frame_count; i++) {
    if (profile->frames[i].kind == OURO_FRAME_NATIVE && *profile->frames[i].function) return true;
  }
  return false;
}

ouro__profile *ouro__profile_load(const char *name, bool raw) {
  ouro__profile *profile = is_number(name) ? load_process(name) : load_file(name);
  if (profile && !raw && !is_symbolised(profile)) ouro__profile_symbolise(profile);
  return profile;
}
