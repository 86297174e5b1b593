/* cli/report/source.c - what a command is asked about: a recording, a process, or a snapshot of one, and how big it may be. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/report/ask.h"

/* ---------------------------------------------------------------- numbers */

bool ouro__number_read(const char *text, uint64_t most, uint64_t *number) {
  char *end;
  if (!isdigit((unsigned char)*text)) return false;
  errno = 0;
  *number = strtoull(text, &end, 10);
  return !errno && !*end && *number <= most;
}

/* What a unit stands for; 0: there is no such unit. */
static double unit_bytes(const char *unit) {
  static const char letters[] = "kmgt";
  if (!*unit || strcasecmp(unit, "B") == 0) return 1;
  const char *letter = strchr(letters, tolower((unsigned char)*unit));
  double step = strcasecmp(unit + 1, "B") == 0 ? 1000 : 1024, bytes = 1;
  if (!letter || (unit[1] && strcasecmp(unit + 1, "B") != 0 && strcasecmp(unit + 1, "iB") != 0)) return 0;
  for (const char *at = letters; at <= letter; at++) bytes *= step;
  return bytes;
}

bool ouro__size_read(const char *text, uint64_t *bytes) {
  char *end;
  if (!isdigit((unsigned char)*text)) return false;
  double number = strtod(text, &end);
  if (*end == ' ') end++;
  double product = number * unit_bytes(end);
  if (!(product >= 0 && product < 9e18) || unit_bytes(end) == 0) return false;
  *bytes = (uint64_t)product;
  return true;
}

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
