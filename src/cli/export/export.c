/* cli/export/export.c - `ouro export`: the command line, and the file that is written.
 *
 * The file is made when the profile has been read, so that one that cannot be read leaves nothing behind; nor does a write that
 * fails, where the file is new. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/export/export.h"
#include "cli/report/query.h"

static const char help[] =
    "usage: ouro export [options] --to FORMAT FILE|PID\n"
    "\n"
    "Write what a recording, or a process that is traced just now, has in a format of other tools.\n"
    "\n"
    "  --to FORMAT        pprof        for `go tool pprof`, Parca, Pyroscope: compressed protocol buffers\n"
    "                     speedscope   for www.speedscope.app\n"
    "                     collapsed    a line for each stack, for flame graph scripts\n"
    "                     json         everything that is known\n"
    "                     csv          a row for each site\n"
    "  -o, --output OUT   the file to write; - or no -o: standard output. An existing file is not overwritten\n"
    "  --force            overwrite it\n"
    "  --measure MEASURE  live, peak, total, temporary, or end, when the program began to end. The default is end for "
    "one\n"
    "                     that has ended, otherwise live; json and csv have all of them\n"
    "  -h, --help         this text\n"
    "\n"
    "Exit status: 0; 2 for wrong usage or a file that cannot be read, 125 when it cannot be written.\n";

typedef bool (*writer)(const ouro__profile *profile, ouro__measure measure, FILE *out);

typedef struct format {
  const char *name;
  writer write;
  bool binary, all_measures;
} format;

static const format formats[] = {
    {"pprof", ouro__export_pprof, true, false},
    {"speedscope", ouro__export_speedscope, false, false},
    {"collapsed", ouro__export_collapsed, false, false},
    {"json", ouro__export_json, false, true},
    {"csv", ouro__export_csv, false, true},
};

typedef struct request {
  const format *to;
  const char *source, *path; /* path NULL: standard output */
  ouro__measure measure;
  bool measured, force;
} request;

/* ---------------------------------------------------------------- the command line */

enum { OPT_TO = 256, OPT_MEASURE, OPT_FORCE };

static const struct option table[] = {
    {"to", required_argument, NULL, OPT_TO}, {"measure", required_argument, NULL, OPT_MEASURE},
    {"force", no_argument, NULL, OPT_FORCE}, {"output", required_argument, NULL, 'o'},
    {"help", no_argument, NULL, 'h'},        {NULL, 0, NULL, 0},
};

static int read_to(request *asked, const char *name) {
  for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
    if (strcmp(formats[i].name, name) == 0) asked->to = &formats[i];
  }
  if (asked->to) return -1;
  ouro__say("--to takes pprof, speedscope, collapsed, json or csv, not '%s'", name);
  return OURO_EXIT_USAGE;
}

static int read_measure(request *asked, const char *name) {
  for (unsigned measure = 0; measure < OURO_MEASURES; measure++) {
    if (strcmp(ouro__measure_words[measure], name) != 0) continue;
    asked->measure = (ouro__measure)measure;
    asked->measured = true;
    return -1;
  }
  ouro__say("--measure takes live, peak, total, temporary or end, not '%s'", name);
  return OURO_EXIT_USAGE;
}

static int read_option(request *asked, int option) {
  switch (option) {
  case OPT_TO:
    return read_to(asked, optarg);
  case OPT_MEASURE:
    return read_measure(asked, optarg);
  case OPT_FORCE:
    asked->force = true;
    return -1;
  case 'o':
    asked->path = strcmp(optarg, "-") == 0 ? NULL : optarg;
    return -1;
  default:
    fputs(help, stdout);
    return 0;
  }
}

static int check(const request *asked, int words) {
  if (words != 1)
    ouro__say("name one recording or process: ouro export --to FORMAT [-o OUT] FILE|PID");
  else if (!asked->to)
    ouro__say("say which format: --to pprof, speedscope, collapsed, json or csv");
  else if (asked->measured && asked->to->all_measures)
    ouro__say("%s has all measures: leave out --measure", asked->to->name);
  else if (asked->force && !asked->path)
    ouro__say("--force is for -o OUT: name the file");
  else if (!asked->path && asked->to->binary && isatty(STDOUT_FILENO))
    ouro__say("%s is binary, and not for a terminal: name a file with -o", asked->to->name);
  else
    return -1;
  return OURO_EXIT_USAGE;
}

/* Returns -1 to go on, or the status to exit with. */
static int read_request(request *asked, int argc, char **argv) {
  opterr = 0;
  optind = 0;
  for (int option; (option = getopt_long(argc + 1, argv - 1, ":o:h", table, NULL)) != -1;) {
    bool unknown = option == '?' || option == ':';
    int status = unknown ? ouro__options_unknown("export", option, argv - 1) : read_option(asked, option);
    if (status >= 0) return status;
  }
  asked->source = argv[optind - 1];
  return check(asked, argc + 1 - optind);
}

/* ---------------------------------------------------------------- the file */

static int refuse(const char *path) {
  ouro__say("%s exists; name another file, or add --force to overwrite it", path);
  return OURO_EXIT_USAGE;
}

/* Before the profile is read, which may take a while. Devices and pipes are not files that could be lost. */
static int check_file(const request *asked) {
  struct stat out, source;
  if (!asked->path || stat(asked->path, &out) != 0 || !S_ISREG(out.st_mode)) return -1;
  if (!asked->force) return refuse(asked->path);
  if (stat(asked->source, &source) != 0 || source.st_dev != out.st_dev || source.st_ino != out.st_ino) return -1;
  ouro__say("%s is the recording itself: name another file", asked->path);
  return OURO_EXIT_USAGE;
}

static int cannot_write(const request *asked) {
  ouro__say("cannot write %s: %s", asked->path ? asked->path : "to standard output", strerror(errno ? errno : EIO));
  return OURO_EXIT_FAILED;
}

static int write_file(const request *asked, const ouro__profile *profile) {
  struct stat status;
  bool exists = stat(asked->path, &status) == 0;
  int may_exist = asked->force || (exists && !S_ISREG(status.st_mode)) ? O_TRUNC : O_EXCL;
  int fd = open(asked->path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | may_exist, 0666);
  if (fd < 0 && errno == EEXIST) return refuse(asked->path);
  FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
  if (!out) return cannot_write(asked);
  bool good = asked->to->write(profile, asked->measure, out);
  int error = errno;
  if (fclose(out) == 0 && good) return 0;
  if (!good) errno = error;
  int result = cannot_write(asked);
  if (!exists) unlink(asked->path);
  return result;
}

static int write_out(const request *asked, const ouro__profile *profile) {
  errno = 0;
  if (asked->path) return write_file(asked, profile);
  bool good = asked->to->write(profile, asked->measure, stdout);
  return fflush(stdout) == 0 && good ? 0 : cannot_write(asked);
}

/* What an interpreter leaves behind when it has taken down all else is seldom what somebody wants to know: as in `ouro report`,
 * the default is what was live when the program began to end. A killed program never did. */
static void choose_measure(request *asked, const ouro__profile *profile) {
  bool end_known = profile->end_seconds >= 0;
  if (!asked->measured && end_known) asked->measure = OURO_MEASURE_END;
  if (asked->measure == OURO_MEASURE_END && !end_known) asked->measure = OURO_MEASURE_LIVE;
}

int ouro__cmd_export(int argc, char **argv) {
  request asked = {.measure = OURO_MEASURE_LIVE};
  int status = read_request(&asked, argc, argv);
  if (status < 0) status = check_file(&asked);
  if (status >= 0) return status;
  ouro__profile *profile = ouro__profile_load(asked.source, false);
  if (!profile) return OURO_EXIT_USAGE;
  choose_measure(&asked, profile);
  status = write_out(&asked, profile);
  ouro__profile_free(profile);
  return status;
}
