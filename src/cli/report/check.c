/* cli/report/check.c - `ouro check`: limits on memory for continuous integration.
 *
 * The program runs under `ouro run --trace`, started anew from this very command, with its input, output and signals; the
 * recordings of it and of its children lie in a private directory, and are judged when it has ended.
 *
 * Exit status: the program's where it failed by itself, whatever its memory did: whoever has to mend it wants to see that
 * first. Otherwise 1 where a limit is broken, else 0. */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/report/check.h"
#include "cli/report/show.h"

static const char help[] =
    "usage: ouro check [options] [--] PROGRAM [ARGUMENTS...]\n"
    "\n"
    "Run PROGRAM with every allocation traced, and judge its memory: each process by itself, children included.\n"
    "\n"
    "  --max-peak SIZE          at most SIZE bytes live at any time\n"
    "  --max-live-at-exit SIZE  at most SIZE bytes live when the program, or its interpreter, begins to end\n"
    "  --max-temporary N        at most N blocks that are freed at once\n"
    "  --no-growth              no line that only grows from one snapshot to the next\n"
    "  --baseline FILE          peak and live at exit no larger than FILE has them\n"
    "  --update-baseline        write FILE from this run, and judge by the other limits alone\n"
    "  --tolerance PERCENT      how much more than the baseline is allowed (10)\n"
    "  -h, --help               this text\n"
    "\n"
    "Sizes: 10MB is 10,000,000 bytes, 10MiB and 10m are 10,485,760.\n"
    "Exit status: PROGRAM's, where it fails; 1 where a limit is broken, and stderr says which lines are to blame; 0 "
    "where all\n"
    "is well; 2 for wrong usage, 125 to 127 as for ouro run.\n";

enum { OPT_PEAK = 256, OPT_LIVE, OPT_TEMPORARY, OPT_NO_GROWTH, OPT_BASELINE, OPT_UPDATE, OPT_TOLERANCE };

static const struct option table[] = {
    {"max-peak", required_argument, NULL, OPT_PEAK},
    {"max-live-at-exit", required_argument, NULL, OPT_LIVE},
    {"max-temporary", required_argument, NULL, OPT_TEMPORARY},
    {"no-growth", no_argument, NULL, OPT_NO_GROWTH},
    {"baseline", required_argument, NULL, OPT_BASELINE},
    {"update-baseline", no_argument, NULL, OPT_UPDATE},
    {"tolerance", required_argument, NULL, OPT_TOLERANCE},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* ---------------------------------------------------------------- options */

static int wrong(const char *option, const char *takes) {
  ouro__say("--%s takes %s, not '%s'", option, takes, optarg);
  return OURO_EXIT_USAGE;
}

static int read_limit(ouro__check *check, int option) {
  uint64_t *to = option == OPT_PEAK ? &check->peak : &check->live;
  if (ouro__size_read(optarg, to)) return -1;
  return wrong(option == OPT_PEAK ? "max-peak" : "max-live-at-exit", "a size such as 200MB");
}

static int read_tolerance(ouro__check *check) {
  char *end;
  check->tolerance = strtod(optarg, &end) / 100;
  if (isdigit((unsigned char)*optarg) && (!*end || strcmp(end, "%") == 0)) return -1;
  return wrong("tolerance", "a percentage such as 5");
}

static int read_option(ouro__check *check, int option) {
  switch (option) {
  case OPT_PEAK:
  case OPT_LIVE:
    return read_limit(check, option);
  case OPT_TEMPORARY:
    return ouro__number_read(optarg, UINT64_MAX - 1, &check->temporary) ? -1
                                                                        : wrong("max-temporary", "a number of blocks");
  case OPT_NO_GROWTH:
    check->no_growth = true;
    return -1;
  case OPT_BASELINE:
    check->baseline = optarg;
    return -1;
  case OPT_UPDATE:
    check->update = true;
    return -1;
  case OPT_TOLERANCE:
    return read_tolerance(check);
  default:
    fputs(help, stdout);
    return 0;
  }
}

static int consider(const ouro__check *check) {
  bool limited = check->no_growth || check->baseline || check->peak != UINT64_MAX || check->live != UINT64_MAX ||
                 check->temporary != UINT64_MAX;
  if (!*check->command)
    ouro__say("name a program: ouro check --max-peak 200MB -- PROGRAM [ARGUMENTS...]");
  else if (check->update && !check->baseline)
    ouro__say("--update-baseline is for --baseline FILE: name the file");
  else if (!limited)
    ouro__say("say what to check, such as --max-peak 200MB; ouro check --help lists the limits");
  else if (check->baseline && !check->update && access(check->baseline, R_OK) != 0)
    ouro__say("cannot read the baseline %s: %s; --update-baseline makes it", check->baseline, strerror(errno));
  else
    return -1;
  return OURO_EXIT_USAGE;
}

static int read_options(ouro__check *check, int argc, char **argv) {
  *check = (ouro__check){.peak = UINT64_MAX, .live = UINT64_MAX, .temporary = UINT64_MAX, .tolerance = 0.1};
  opterr = 0;
  optind = 0; /* begin anew, and read the "+" below: stop at the program's name */
  for (int option; (option = getopt_long(argc + 1, argv - 1, "+:h", table, NULL)) != -1;) {
    bool unknown = option == '?' || option == ':';
    int result = unknown ? ouro__options_unknown("check", option, argv - 1) : read_option(check, option);
    if (result >= 0) return result;
  }
  check->command = argv - 1 + optind;
  return consider(check);
}

/* ---------------------------------------------------------------- the run */

/* A private directory for the recordings; false: the user was told. */
static bool make_directory(char path[PATH_MAX]) {
  const char *place = getenv("TMPDIR");
  if (!place || *place != '/' || strlen(place) > 200) place = "/tmp";
  snprintf(path, PATH_MAX, "%s/ouro-check-XXXXXX", place);
  if (mkdtemp(path)) return true;
  ouro__say("cannot make a directory in %s: %s", place, strerror(errno));
  return false;
}

static void remove_directory(const char *path) {
  DIR *directory = opendir(path);
  if (!directory) return;
  for (struct dirent *entry; (entry = readdir(directory));) unlinkat(dirfd(directory), entry->d_name, 0);
  closedir(directory);
  rmdir(path);
}

/* Programs that are checked for growth may run for seconds only, and it takes some snapshots to tell. */
#define SNAPSHOTS "--snapshots=0.2"

/* Run the program to its end; false: it could not be started, and the user was told. */
static bool run(ouro__child *child, const ouro__check *check, const char *directory) {
  char output[PATH_MAX + 16];
  snprintf(output, sizeof output, "%s/program.ouro", directory);
  const char *const before[] = {"/proc/self/exe",
                                "run",
                                "--trace",
                                "--quiet",
                                "--output",
                                output,
                                check->no_growth ? SNAPSHOTS : "--quiet",
                                "--"};
  size_t words = 0, first = sizeof before / sizeof before[0];
  while (check->command[words]) words++;
  char **command = ouro__zeroed_or_end(first + words + 1, sizeof *command);
  memcpy(command, before, sizeof before); /* execve writes to none of them */
  memcpy(command + first, check->command, words * sizeof *command);
  int error = ouro__child_start(child, command, environ);
  free(command);
  if (error) {
    ouro__say("cannot start ouro run: %s", strerror(error));
    return false;
  }
  while (ouro__child_wait(child, UINT64_C(1000000000)) != OURO_EVENT_ENDED) {
  }
  return true;
}

/* ---------------------------------------------------------------- its recordings */

static int by_start(const void *left, const void *right) {
  const ouro__profile *a = ((const ouro__source *)left)->profile, *b = ((const ouro__source *)right)->profile;
  if (a->start_realtime_ns != b->start_realtime_ns) return a->start_realtime_ns < b->start_realtime_ns ? -1 : 1;
  return (a->pid > b->pid) - (a->pid < b->pid);
}

static bool load(ouro__check *check, const char *folder) {
  char path[PATH_MAX + 300];
  DIR *directory = opendir(folder);
  for (struct dirent *entry; directory && (entry = readdir(directory));) {
    if (entry->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    OURO_ROOM_FOR_ONE(check->sources, check->source_count);
    if (ouro__source_load(&check->sources[check->source_count], path)) check->source_count++;
  }
  if (directory) closedir(directory);
  if (check->source_count) qsort(check->sources, check->source_count, sizeof *check->sources, by_start);
  return check->source_count > 0;
}

/* Returns 0 where all limits hold, 1, or another status: the user was told. */
static int judge(ouro__check *check, const char *directory) {
  if (!load(check, directory)) {
    ouro__say("nothing was recorded of %s, so nothing can be judged", check->command[0]);
    return OURO_EXIT_FAILED;
  }
  bool hold = ouro__check_limits(check);
  int status = 0;
  if (check->update)
    status = ouro__baseline_write(check);
  else if (check->baseline)
    status = ouro__baseline_judge(check);
  return status ? status : !hold;
}

int ouro__cmd_check(int argc, char **argv) {
  ouro__check check;
  ouro__child child;
  char directory[PATH_MAX];
  int status = read_options(&check, argc, argv);
  if (status >= 0) return status;
  if (!make_directory(directory)) return OURO_EXIT_FAILED;
  bool ran = run(&child, &check, directory);
  bool succeeded = ran && WIFEXITED(child.status) && WEXITSTATUS(child.status) == 0;
  bool by_ouro = ran && WIFEXITED(child.status) && WEXITSTATUS(child.status) >= OURO_EXIT_FAILED;
  status = ran && !by_ouro ? judge(&check, directory) : OURO_EXIT_FAILED;
  remove_directory(directory);
  for (size_t i = 0; i < check.source_count; i++) ouro__source_free(&check.sources[i]);
  free(check.sources);
  if (ran && !succeeded) ouro__child_end_alike(&child);
  return status;
}
