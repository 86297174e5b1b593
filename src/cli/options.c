/* cli/options.c - the options of `ouro run`: each wrong one gets a line that says what would be right. */
#define _GNU_SOURCE
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

static const char help[] =
    "usage: ouro run [options] [--] PROGRAM [ARGUMENTS...]\n"
    "\n"
    "Run PROGRAM on ouro's heap. Its input, output, signals and exit status are its own; when it has ended, a report\n"
    "on its memory follows on stderr. A Python program is reported on with all its memory, however it is started.\n"
    "\n"
    "  --report FILE      write the report to FILE instead; an existing file is not overwritten\n"
    "  --force            overwrite it\n"
    "  --format FORMAT    text (the default) or json\n"
    "  --quiet            no report\n"
    "  --live             a line on the state of the heap every second, on stderr\n"
    "  --heap-limit SIZE  let each process's heap hold at most SIZE bytes; an allocation beyond it fails\n"
    "  --check            find double frees, writes after free and overruns; slower\n"
    "  --no-children      report on PROGRAM alone, not on the programs that it starts\n"
    "  --conf STRING      add STRING to OURO_CONF, such as decay:0,huge_pages:no\n"
    "  -h, --help         this text\n"
    "\n"
    "Tracing finds the lines that hold the memory:\n"
    "  --trace[=MODE]     record which lines allocate what. MODE is exact (the default), sample (a part of the\n"
    "                     allocations, at next to no cost), or later (when `ouro attach PID start` asks for it)\n"
    "  -o, --output FILE  record to FILE instead of PROGRAM.PID.ouro; other processes get files of their own beside "
    "it\n"
    "  --frames N         record at most N frames of each stack, 1 to 256\n"
    "  --native           in Python programs, record native frames among Python's\n"
    "  --sample-bytes SIZE  sample one in SIZE bytes (default 512k)\n"
    "  --temporary N      a block is temporary when freed before its thread has made N more, 0 to 32 (default 1)\n"
    "  --snapshots SECONDS  take a snapshot so often; at most 300 of them are shown\n"
    "\n"
    "Signal: SIGUSR2 to ouro, or to a process that leaves that signal alone, writes a report while it runs; to ouro,\n"
    "it takes a snapshot as well.\n"
    "Sizes: 10kB is 10,000 bytes, 10KiB and 10k are 10,240.\n"
    "Exit status: PROGRAM's; 2 for wrong usage, 125 when ouro fails, 126 when PROGRAM cannot be run, 127 when it is\n"
    "not found.\n";

enum {
  OPT_REPORT = 256,
  OPT_FORCE,
  OPT_FORMAT,
  OPT_QUIET,
  OPT_LIVE,
  OPT_LIMIT,
  OPT_CHECK,
  OPT_NO_CHILDREN,
  OPT_CONF,
  OPT_TRACE,
  OPT_FRAMES, /* this and those below are for --trace alone, as -o is */
  OPT_NATIVE,
  OPT_SAMPLE_BYTES,
  OPT_TEMPORARY,
  OPT_SNAPSHOTS,
};

static const struct option table[] = {
    {"report", required_argument, NULL, OPT_REPORT},
    {"force", no_argument, NULL, OPT_FORCE},
    {"format", required_argument, NULL, OPT_FORMAT},
    {"quiet", no_argument, NULL, OPT_QUIET},
    {"live", no_argument, NULL, OPT_LIVE},
    {"heap-limit", required_argument, NULL, OPT_LIMIT},
    {"check", no_argument, NULL, OPT_CHECK},
    {"no-children", no_argument, NULL, OPT_NO_CHILDREN},
    {"conf", required_argument, NULL, OPT_CONF},
    {"trace", optional_argument, NULL, OPT_TRACE},
    {"output", required_argument, NULL, 'o'},
    {"frames", required_argument, NULL, OPT_FRAMES},
    {"native", no_argument, NULL, OPT_NATIVE},
    {"sample-bytes", required_argument, NULL, OPT_SAMPLE_BYTES},
    {"temporary", required_argument, NULL, OPT_TEMPORARY},
    {"snapshots", required_argument, NULL, OPT_SNAPSHOTS},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static int usage(void) { return OURO_EXIT_USAGE; }

/* A word that the preload library would silently ignore is most likely a slip. */
static bool known_word(const char *word, size_t length) {
  static const char *const keys[] = {"limit", "decay", "check", "background", "huge_pages", "report", "signal"};
  size_t key_length = 0;
  while (key_length < length && word[key_length] != ':') key_length++;
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
    if (strlen(keys[i]) == key_length && memcmp(word, keys[i], key_length) == 0) return true;
  }
  return false;
}

static int add_conf(ouro__run_options *options, const char *text) {
  for (const char *word = text;; word++) {
    size_t length = strcspn(word, ",");
    if (!known_word(word, length)) {
      ouro__say("--conf: '%.*s' is not an option of the heap; see ouro(7) for those that are", (int)length, word);
      return usage();
    }
    word += length;
    if (!*word) break;
  }
  char *joined = NULL;
  if (asprintf(&joined, "%s%s%s", options->conf ? options->conf : "", options->conf ? "," : "", text) < 0) {
    ouro__say("out of memory");
    return OURO_EXIT_FAILED;
  }
  free((char *)options->conf);
  options->conf = joined;
  return -1;
}

static int read_format(ouro__run_options *options, const char *text) {
  options->json = strcmp(text, "json") == 0;
  if (options->json || strcmp(text, "text") == 0) return -1;
  ouro__say("--format takes text or json, not '%s'", text);
  return usage();
}

/* ---------------------------------------------------------------- tracing */

static int wrong(const char *option, const char *takes, const char *given) {
  ouro__say("%s takes %s, not '%s'", option, takes, given);
  return usage();
}

static int read_trace(ouro__run_options *options, const char *mode) {
  static const char *const modes[] = {"exact", "sample", "later"};
  options->trace = mode ? mode : "exact";
  for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
    if (strcmp(options->trace, modes[i]) == 0) return -1;
  }
  return wrong("--trace", "exact, sample or later, as in --trace=sample", mode);
}

static int read_snapshots(ouro__run_options *options, const char *text) {
  char *end;
  options->snapshot_seconds = strtod(text, &end);
  bool sensible = end != text && !*end && options->snapshot_seconds >= 0.01 && options->snapshot_seconds <= 1e6;
  return sensible ? -1 : wrong("--snapshots", "a number of seconds, at least 0.01,", text);
}

static int read_temporary(ouro__run_options *options, const char *text) {
  unsigned number;
  if (!ouro__number_within(text, 0, 32, &number)) return wrong("--temporary", "a number from 0 to 32", text);
  options->temporary = (int)number;
  return -1;
}

static int read_trace_option(ouro__run_options *options, int option) {
  switch (option) {
  case OPT_TRACE:
    return read_trace(options, optarg);
  case 'o':
    options->output = optarg;
    return -1;
  case OPT_FRAMES:
    return ouro__number_within(optarg, 1, 256, &options->frames) ? -1
                                                                  : wrong("--frames", "a number from 1 to 256", optarg);
  case OPT_NATIVE:
    options->native = true;
    return -1;
  case OPT_SAMPLE_BYTES:
    return ouro__size_read(optarg, &options->sample_bytes) && options->sample_bytes
               ? -1
               : wrong("--sample-bytes", "a size such as 64k or 1m", optarg);
  case OPT_TEMPORARY:
    return read_temporary(options, optarg);
  default:
    return read_snapshots(options, optarg);
  }
}

/* ---------------------------------------------------------------- all of them */

static int read_option(ouro__run_options *options, int option) {
  switch (option) {
  case OPT_REPORT:
    options->report = optarg;
    return -1;
  case OPT_FORCE:
    options->force = true;
    return -1;
  case OPT_FORMAT:
    return read_format(options, optarg);
  case OPT_QUIET:
    options->quiet = true;
    return -1;
  case OPT_LIVE:
    options->live = true;
    return -1;
  case OPT_CHECK:
    options->check = true;
    return -1;
  case OPT_NO_CHILDREN:
    options->only_program = true;
    return -1;
  case OPT_CONF:
    return add_conf(options, optarg);
  case OPT_LIMIT:
    if (ouro__size_read(optarg, &options->heap_limit) && options->heap_limit) return -1;
    ouro__say("--heap-limit takes a size such as 512m or 2g, not '%s'", optarg);
    return usage();
  case 'h':
    fputs(help, stdout);
    return 0;
  case '?':
    return usage();
  default:
    return read_trace_option(options, option);
  }
}

/* Options that contradict each other, or are for something that was not asked for. */
static int check_together(const ouro__run_options *options, const char *needs_trace) {
  if (options->quiet && (options->report || options->json)) {
    ouro__say("--quiet means no report: leave it out, or leave out --report and --format");
    return usage();
  }
  if (needs_trace && !options->trace) {
    ouro__say("--%s is for tracing: add --trace", needs_trace);
    return usage();
  }
  if (options->force && !options->report && !options->trace) {
    ouro__say("--force is for --report FILE: name the file");
    return usage();
  }
  if (options->sample_bytes && strcmp(options->trace, "exact") == 0) {
    ouro__say("--sample-bytes is for sampling: say --trace=sample");
    return usage();
  }
  return -1;
}

int ouro__options_read(ouro__run_options *options, int argc, char **argv) {
  const char *needs_trace = NULL;
  int index = 0;
  *options = (ouro__run_options){.temporary = -1};
  opterr = 0;
  optind = 0; /* begin anew, and read the "+" below: stop at the program's name */
  for (int option; (option = getopt_long(argc + 1, argv - 1, "+:ho:", table, &index)) != -1;) {
    if (option == '?' || option == ':') return ouro__options_unknown("run", option, argv - 1);
    if (option >= OPT_FRAMES || option == 'o') needs_trace = option == 'o' ? "output" : table[index].name;
    int result = read_option(options, option);
    if (result >= 0) return result;
  }
  options->command = argv - 1 + optind;
  if (!*options->command) {
    ouro__say("name a program: ouro run [options] -- PROGRAM [ARGUMENTS...]");
    return usage();
  }
  return check_together(options, needs_trace);
}
