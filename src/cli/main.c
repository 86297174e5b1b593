/* cli/main.c - the `ouro` command's first word, --help and --version, and how it speaks to its user. */
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <ouro/base.h>

#include "cli/cli.h"

static const char help[] =
    "usage: ouro run [options] -- PROGRAM [ARGUMENTS...]\n"
    "       ouro --version | --help\n"
    "\n"
    "  run   run PROGRAM on ouro's heap and report on its memory; `ouro run --help` lists the options\n";

void ouro__say(const char *format, ...) {
  char line[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  fprintf(stderr, "ouro: %s\n", line);
}

uint64_t ouro__now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool is_help(const char *word) {
  return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

int main(int argc, char **argv) {
  const char *word = argc > 1 ? argv[1] : NULL;
  if (!word) {
    ouro__say("say what to do: ouro run -- PROGRAM [ARGUMENTS...] (ouro --help)");
    return OURO_EXIT_USAGE;
  }
  if (strcmp(word, "run") == 0) return ouro__run(argc - 2, argv + 2);
  if (is_help(word)) {
    fputs(help, stdout);
    return 0;
  }
  if (strcmp(word, "--version") == 0) {
    puts("ouro " OURO_VERSION);
    return 0;
  }
  ouro__say("there is no command '%s'; did you mean: ouro run -- %s", word, word);
  return OURO_EXIT_USAGE;
}
