/* cli/report/source.c - what a command is asked about: a recording, a process, or a snapshot of one. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/report/ask.h"

/* ---------------------------------------------------------------- snapshots */

bool ouro__source_choose_number(ouro__source *source, size_t number) {
  if (number == 0 || number > source->profile->snapshot_count) {
    ouro__say("%s has no snapshot %zu: it has %zu", source->profile->source, number, source->profile->snapshot_count);
    return false;
  }
  ouro__tally *at = ouro__profile_at(source->profile, number - 1);
  if (!at) {
    ouro__say("out of memory");
    return false;
  }
  free(source->at);
  source->at = at;
  source->snapshot = &source->profile->snapshots[number - 1];
  return true;
}

/* The number of the last one that was taken by then; 0: none. */
static size_t number_by(const ouro__profile *profile, double seconds) {
  size_t number = 0;
  while (number < profile->snapshot_count && profile->snapshots[number].seconds <= seconds) number++;
  return number;
}

bool ouro__source_choose(ouro__source *source, const char *which) {
  uint64_t number;
  if (ouro__number_read(which, SIZE_MAX, &number)) return ouro__source_choose_number(source, (size_t)number);
  char *end;
  double seconds = strtod(which, &end);
  if (!isdigit((unsigned char)*which) || strcmp(end, "s") != 0) {
    ouro__say("a snapshot is a number such as 3, or a time such as 12.5s, not '%s'", which);
    return false;
  }
  size_t found = number_by(source->profile, seconds);
  if (found) return ouro__source_choose_number(source, found);
  ouro__say("%s has no snapshot that was taken by %s", source->profile->source, which);
  return false;
}

/* ---------------------------------------------------------------- loading */

bool ouro__source_load(ouro__source *source, const char *name) {
  *source = (ouro__source){0};
  const char *at = strrchr(name, '@');
  char bare[PATH_MAX];
  if (at && access(name, F_OK) != 0 && (size_t)(at - name) < sizeof bare) {
    memcpy(bare, name, (size_t)(at - name));
    bare[at - name] = 0;
    source->profile = ouro__profile_load(bare, false);
    return source->profile && ouro__source_choose(source, at + 1);
  }
  source->profile = ouro__profile_load(name, false);
  return source->profile != NULL;
}

void ouro__source_free(ouro__source *source) {
  free(source->at);
  if (source->profile) ouro__profile_free(source->profile);
  *source = (ouro__source){0};
}
