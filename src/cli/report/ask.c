/* cli/report/ask.c - the table of options, and one reader for all commands that have them. */
#include <ctype.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/report/ask.h"

enum {
  EVERY = OURO_ASK_REPORT | OURO_ASK_DIFF | OURO_ASK_TREE | OURO_ASK_FLAME | OURO_ASK_PINS | OURO_ASK_LEAKS,
  ROWS = OURO_ASK_REPORT | OURO_ASK_DIFF | OURO_ASK_PINS | OURO_ASK_LEAKS,
  TREES = OURO_ASK_TREE | OURO_ASK_FLAME,
  MEASURED = OURO_ASK_REPORT | OURO_ASK_DIFF | TREES,
};

enum {
  OPT_BY = 256,
  OPT_MEASURE,
  OPT_LIMIT,
  OPT_STACKS,
  OPT_CUMULATIVE,
  OPT_SNAPSHOT,
  OPT_INCLUDE,
  OPT_EXCLUDE,
  OPT_ALL_FRAMES,
  OPT_THREAD,
  OPT_TYPE,
  OPT_DOMAIN,
  OPT_MIN_BYTES,
  OPT_RAW_FRAMES,
  OPT_PYTHON_ONLY,
  OPT_FORMAT,
  OPT_SHARE,
  OPT_INVERTED,
  OPT_ARENAS,
  OPT_OUTPUT,
  OPT_FORCE,
};

static const struct entry {
  const char *name, *value, *help;
  int option;
  unsigned commands;
} table[] = {
    {"by", "KEY", "line (the default), function, file, type, thread, class, domain or stack", OPT_BY, ROWS},
    {"by", "KEY", "line (the default) or function", OPT_BY, TREES},
    {"measure", "WHAT",
     "live, peak, total, temporary, or end: live when the program began to end; end is the default for one that\n"
     "                        has ended, otherwise live",
     OPT_MEASURE, MEASURED},
    {"cumulative", NULL, "count a block for every line on its stack, not only the one that made it", OPT_CUMULATIVE,
     OURO_ASK_REPORT | OURO_ASK_DIFF},
    {"limit", "N", "show N rows (10); 0: all", OPT_LIMIT, ROWS},
    {"stacks", "N", "show the stacks of the first N rows", OPT_STACKS, ROWS},
    {"snapshot", "WHICH", "of that snapshot: a number, or a time such as 12.5s", OPT_SNAPSHOT, OURO_ASK_REPORT | TREES},
    {"include", "PATTERN", "only what was made in files that match, such as '*/app/*' or '*/cache.py:12'", OPT_INCLUDE,
     EVERY},
    {"exclude", "PATTERN", "without what was made in files that match", OPT_EXCLUDE, EVERY},
    {"all-frames", NULL, "patterns look at the whole stack, not only at its most recent frame", OPT_ALL_FRAMES, EVERY},
    {"thread", "NAME", "only that thread: a pattern of its name, or its number", OPT_THREAD, EVERY},
    {"type", "NAME", "only objects of types that match", OPT_TYPE, EVERY},
    {"domain", "NAME", "only malloc, raw, mem or obj (Python's three), ouro_malloc or object", OPT_DOMAIN, EVERY},
    {"min-bytes", "SIZE", "without rows of fewer bytes", OPT_MIN_BYTES, ROWS},
    {"raw-frames", NULL, "stacks begin where they do, be it in malloc, operator new or the C library", OPT_RAW_FRAMES,
     EVERY},
    {"python-only", NULL, "stacks have no native frames", OPT_PYTHON_ONLY, EVERY},
    {"share", "PERCENT", "cut off what is smaller (1)", OPT_SHARE, OURO_ASK_TREE},
    {"inverted", NULL, "from the lines that allocate to their callers", OPT_INVERTED, TREES},
    {"arenas", NULL, "list the arenas, with the lines that keep them", OPT_ARENAS, OURO_ASK_PINS},
    {"output", "FILE", "write to FILE; an existing file is not overwritten", OPT_OUTPUT, OURO_ASK_FLAME},
    {"force", NULL, "overwrite it", OPT_FORCE, OURO_ASK_FLAME},
    {"format", "FORMAT", "text (the default), json or csv", OPT_FORMAT, ROWS},
    {"help", NULL, "this text", 'h', EVERY},
};

enum { ENTRIES = sizeof table / sizeof table[0] };

/* ---------------------------------------------------------------- help, and what is wrong */

static const char *word_of(unsigned command) {
  static const char *const words[] = {"report", "diff", "tree", "flame", "pins", "leaks"};
  return words[__builtin_ctz(command)];
}

static const char *short_of(int option) { return option == OPT_OUTPUT ? "-o, " : option == 'h' ? "-h, " : ""; }

static int help(const ouro__ask_about *about) {
  puts(about->help);
  for (size_t i = 0; i < ENTRIES; i++) {
    if (!(table[i].commands & about->command)) continue;
    char name[40];
    snprintf(name, sizeof name, "%s--%s %s", short_of(table[i].option), table[i].name,
             table[i].value ? table[i].value : "");
    printf("  %-20s  %s\n", name, table[i].help);
  }
  puts("\nSizes: 10kB is 10,000 bytes, 10KiB and 10k are 10,240.\nExit status: 0; 2 for wrong usage or a file that "
       "cannot be read.");
  return 0;
}

/* The number of `text` in `words`, or -1: the user was told. */
static int word_number(const char *option, const char *text, const char *const *words, int count) {
  char list[160] = "";
  for (int i = 0; i < count; i++) {
    if (strcmp(text, words[i]) == 0) return i;
    if (i) strcat(list, i + 1 == count ? " or " : ", ");
    strcat(list, words[i]);
  }
  ouro__say("--%s takes %s, not '%s'", option, list, text);
  return -1;
}

static int wrong(const char *option, const char *takes) {
  ouro__say("--%s takes %s, not '%s'", option, takes, optarg);
  return OURO_EXIT_USAGE;
}

/* ---------------------------------------------------------------- one option */

static int read_word(ouro__ask *ask, int option, unsigned command) {
  static const char *const formats[] = {"text", "json", "csv"};
  int number;
  switch (option) {
  case OPT_BY:
    number = word_number("by", optarg, ouro__by_words, command & TREES ? OURO_BY_FUNCTION + 1 : OURO_BYS);
    ask->wish.by = (ouro__by)number;
    break;
  case OPT_MEASURE:
    number = word_number("measure", optarg, ouro__measure_words, OURO_MEASURES);
    ask->wish.measure = (ouro__measure)number;
    ask->measure_given = true;
    break;
  case OPT_DOMAIN:
    ask->wish.domain = number = word_number("domain", optarg, ouro__domain_words, OURO_DOMAINS);
    break;
  default:
    number = word_number("format", optarg, formats, 3);
    ask->format = (ouro__format)number;
    break;
  }
  return number < 0 ? OURO_EXIT_USAGE : -1;
}

static int read_number(ouro__ask *ask, int option) {
  uint64_t number;
  char *end;
  switch (option) {
  case OPT_LIMIT:
    if (!ouro__number_read(optarg, SIZE_MAX - 1, &number)) return wrong("limit", "a number of rows");
    ask->limit = number ? (size_t)number : SIZE_MAX;
    return -1;
  case OPT_STACKS:
    if (!ouro__number_read(optarg, SIZE_MAX - 1, &number)) return wrong("stacks", "a number of rows");
    ask->stacks = (size_t)number;
    return -1;
  case OPT_SHARE:
    ask->share = strtod(optarg, &end) / 100;
    if (isdigit((unsigned char)*optarg) && (!*end || strcmp(end, "%") == 0) && ask->share <= 1) return -1;
    return wrong("share", "a percentage such as 0.5");
  default:
    if (!ouro__size_read(optarg, &ask->wish.least_bytes)) return wrong("min-bytes", "a size such as 10kB");
    return -1;
  }
}

static int read_filter(ouro__ask *ask, bool inclusive) {
  if (ouro__wish_filter(&ask->wish, optarg, inclusive)) return -1;
  ouro__say("at most %d patterns can be given", OURO_FILTERS_MOST);
  return OURO_EXIT_USAGE;
}

static int read_switch(ouro__ask *ask, int option) {
  switch (option) {
  case OPT_CUMULATIVE:
    ask->wish.cumulative = true;
    break;
  case OPT_ALL_FRAMES:
    ask->wish.all_frames = true;
    break;
  case OPT_RAW_FRAMES:
    ask->wish.raw_frames = true;
    break;
  case OPT_PYTHON_ONLY:
    ask->wish.python_only = true;
    break;
  case OPT_INVERTED:
    ask->inverted = true;
    break;
  case OPT_ARENAS:
    ask->arenas = true;
    break;
  default:
    ask->force = true;
    break;
  }
  return -1;
}

static int read_option(ouro__ask *ask, int option, const ouro__ask_about *about) {
  switch (option) {
  case OPT_BY:
  case OPT_MEASURE:
  case OPT_DOMAIN:
  case OPT_FORMAT:
    return read_word(ask, option, about->command);
  case OPT_LIMIT:
  case OPT_STACKS:
  case OPT_SHARE:
  case OPT_MIN_BYTES:
    return read_number(ask, option);
  case OPT_INCLUDE:
  case OPT_EXCLUDE:
    return read_filter(ask, option == OPT_INCLUDE);
  case OPT_SNAPSHOT:
    ask->snapshot = optarg;
    return -1;
  case OPT_THREAD:
    ask->wish.thread = optarg;
    return -1;
  case OPT_TYPE:
    ask->wish.type = optarg;
    return -1;
  case 'o':
  case OPT_OUTPUT:
    ask->output = optarg;
    return -1;
  case 'h':
    return help(about);
  default:
    return read_switch(ask, option);
  }
}

/* ---------------------------------------------------------------- all of them */

static void options_for(unsigned command, struct option *options) {
  size_t count = 0;
  for (size_t i = 0; i < ENTRIES; i++) {
    if (!(table[i].commands & command)) continue;
    options[count++] = (struct option){
        .name = table[i].name, .has_arg = table[i].value ? required_argument : no_argument, .val = table[i].option};
  }
  options[count] = (struct option){0};
}

static int check(const ouro__ask *ask, const ouro__ask_about *about, unsigned names) {
  if (names < about->least || names > about->most) {
    const char *what = about->most == 1   ? "one recording or process"
                       : about->most == 2 ? "one or two recordings"
                                          : "a recording or process";
    ouro__say("name %s; ouro %s --help says more", what, word_of(about->command));
    return OURO_EXIT_USAGE;
  }
  if (ask->wish.cumulative && ask->wish.by > OURO_BY_FILE) {
    ouro__say("--cumulative goes with --by line, function or file, not %s", ouro__by_words[ask->wish.by]);
    return OURO_EXIT_USAGE;
  }
  if (ask->force && !ask->output) {
    ouro__say("--force is for --output FILE: name the file");
    return OURO_EXIT_USAGE;
  }
  return -1;
}

static int load(ouro__ask *ask, unsigned command, char **names, unsigned count) {
  ask->sources = ouro__zeroed_or_end(count, sizeof *ask->sources);
  for (unsigned i = 0; i < count; i++) {
    ouro__source *source = &ask->sources[ask->source_count++];
    if (!ouro__source_load(source, names[i])) return OURO_EXIT_USAGE;
    if (source->at && command & (OURO_ASK_PINS | OURO_ASK_LEAKS)) {
      ouro__say("ouro %s looks at all of a recording: leave out the snapshot in %s", word_of(command), names[i]);
      return OURO_EXIT_USAGE;
    }
    if (ask->snapshot && source->at) {
      ouro__say("%s names a snapshot already: leave out --snapshot", names[i]);
      return OURO_EXIT_USAGE;
    }
    if (ask->snapshot && !ouro__source_choose(source, ask->snapshot)) return OURO_EXIT_USAGE;
    if (source->at && ask->measure_given && ask->wish.measure != OURO_MEASURE_LIVE) {
      ouro__say("a snapshot has what was live at its time: leave out --measure %s",
                ouro__measure_words[ask->wish.measure]);
      return OURO_EXIT_USAGE;
    }
  }
  return -1;
}

/* What an interpreter leaves behind when it has taken down all else is seldom what somebody wants to know. */
static void choose_measure(ouro__ask *ask) {
  for (size_t i = 0; i < ask->source_count; i++) {
    const ouro__source *source = &ask->sources[i];
    if (!ask->measure_given && !source->at && source->profile->end_seconds >= 0) ask->wish.measure = OURO_MEASURE_END;
  }
}

static int read_all(ouro__ask *ask, const ouro__ask_about *about, int argc, char **argv) {
  struct option options[ENTRIES + 1];
  *ask = (ouro__ask){.wish = {.domain = -1}, .limit = 0, .share = 0.01};
  options_for(about->command, options);
  opterr = 0;
  optind = 0; /* begin anew */
  const char *letters = about->command == OURO_ASK_FLAME ? ":ho:" : ":h";
  for (int option; (option = getopt_long(argc + 1, argv - 1, letters, options, NULL)) != -1;) {
    int result = option == '?' || option == ':' ? ouro__options_unknown(word_of(about->command), option, argv - 1)
                                                : read_option(ask, option, about);
    if (result >= 0) return result;
  }
  if (ask->limit == 0) ask->limit = ask->format == OURO_FORMAT_TEXT ? 10 : SIZE_MAX;
  unsigned names = (unsigned)(argc + 1 - optind);
  int result = check(ask, about, names);
  if (result < 0) result = load(ask, about->command, argv - 1 + optind, names);
  if (result < 0) choose_measure(ask);
  return result;
}

int ouro__ask_read(ouro__ask *ask, const ouro__ask_about *about, int argc, char **argv) {
  int result = read_all(ask, about, argc, argv);
  if (result >= 0) ouro__ask_free(ask);
  return result;
}

void ouro__ask_free(ouro__ask *ask) {
  for (size_t i = 0; i < ask->source_count; i++) ouro__source_free(&ask->sources[i]);
  for (size_t i = 0; i < ask->wish.filter_count; i++) free((char *)ask->wish.filters[i].pattern);
  free(ask->sources);
  *ask = (ouro__ask){0};
}
