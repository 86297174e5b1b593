/* cli/options.c - the options of `ouro run`: each wrong one gets a line that says what would be right. */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
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
    "  --heap-limit SIZE  let each process's heap hold at most SIZE bytes (k, m, g: 1024 and its powers); an\n"
    "                     allocation beyond it fails\n"
    "  --check            find double frees, writes after free and overruns; slower\n"
    "  --no-children      report on PROGRAM alone, not on the programs that it starts\n"
    "  --conf STRING      add STRING to OURO_CONF, such as decay:0,huge_pages:no\n"
    "  --help             this text\n"
    "\n"
    "Signal: SIGUSR2 to ouro, or to a process that leaves that signal alone, writes a report while it runs.\n"
    "Exit status: PROGRAM's; 2 for wrong usage, 125 when ouro fails, 126 when PROGRAM cannot be run, 127 when it is\n"
    "not found.\n";

enum { OPT_REPORT = 256, OPT_FORCE, OPT_FORMAT, OPT_QUIET, OPT_LIVE, OPT_LIMIT, OPT_CHECK, OPT_NO_CHILDREN, OPT_CONF };

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
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static int usage(void) { return OURO_EXIT_USAGE; }

/* "512m" to bytes; false where it is no size, or 0. */
static bool read_size(const char *text, uint64_t *bytes) {
  char *end;
  if (!isdigit((unsigned char)*text)) return false;
  errno = 0;
  unsigned long long number = strtoull(text, &end, 10);
  unsigned shift = 0;
  switch (tolower((unsigned char)*end)) {
  case 'k':
    shift = 10;
    break;
  case 'm':
    shift = 20;
    break;
  case 'g':
    shift = 30;
    break;
  case 't':
    shift = 40;
    break;
  default:
    break;
  }
  if (shift) end++;
  if (errno || *end || number == 0 || number > UINT64_MAX >> 1 >> shift) return false;
  *bytes = (uint64_t)number << shift;
  return true;
}

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
    if (read_size(optarg, &options->heap_limit)) return -1;
    ouro__say("--heap-limit takes a size such as 512m or 2g, not '%s'", optarg);
    return usage();
  case 'h':
    fputs(help, stdout);
    return 0;
  default:
    return usage();
  }
}

/* `word` is the argument that getopt has read last; it is not that of a short option. */
static int unknown_option(int result, const char *word) {
  char letter[3] = {'-', (char)optopt, 0};
  if (optopt > 0 && optopt < 256) word = letter;
  if (result == ':')
    ouro__say("%s needs a value; ouro run --help lists the options", word);
  else
    ouro__say("there is no option %s; ouro run --help lists those that there are", word);
  return usage();
}

int ouro__options_read(ouro__run_options *options, int argc, char **argv) {
  *options = (ouro__run_options){0};
  opterr = 0;
  optind = 0; /* begin anew, and read the "+" below: stop at the program's name */
  for (int option; (option = getopt_long(argc + 1, argv - 1, "+:h", table, NULL)) != -1;) {
    if (option == '?' || option == ':') return unknown_option(option, argv[optind - 2]);
    int result = read_option(options, option);
    if (result >= 0) return result;
  }
  options->command = argv - 1 + optind;
  if (!*options->command) {
    ouro__say("name a program: ouro run [options] -- PROGRAM [ARGUMENTS...]");
    return usage();
  }
  if (options->quiet && (options->report || options->json)) {
    ouro__say("--quiet means no report: leave it out, or leave out --report and --format");
    return usage();
  }
  if (options->force && !options->report) {
    ouro__say("--force is for --report FILE: name the file");
    return usage();
  }
  return -1;
}
