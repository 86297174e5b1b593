/* cli/main.c - the `ouro` command's first word (the table of commands), help and --version. */
#include <stdio.h>
#include <string.h>

#include <ouro/base.h>

#include "cli/cli.h"
#include "cli/commands.h"

/* In the order in which they are of use. */
static const struct command {
  const char *word, *what;
  int (*call)(int argc, char **argv);
} commands[] = {
    {"run", "run a program on ouro's heap, report on its memory, and with --trace record its lines", ouro__cmd_run},
    {"attach", "switch the tracing of a running process on and off, or write down what it has now", ouro__cmd_attach},
    {"report", "say which lines hold the memory", ouro__cmd_report},
    {"diff", "say what grew between two recordings or snapshots", ouro__cmd_diff},
    {"tree", "show the tree of calls with what they allocated", ouro__cmd_tree},
    {"flame", "draw a flame graph", ouro__cmd_flame},
    {"pins", "say which lines keep memory from going back to the system", ouro__cmd_pins},
    {"leaks", "say what was live at the end, and what only grew", ouro__cmd_leaks},
    {"check", "run a program and judge its memory: limits for continuous integration", ouro__cmd_check},
    {"top", "follow a traced process on the terminal, or look through a recording", ouro__cmd_top},
    {"export", "write a profile for pprof, speedscope, flame graphs, or as JSON or CSV", ouro__cmd_export},
};

#define COMMANDS (sizeof commands / sizeof commands[0])

static void help(void) {
  puts("usage: ouro run [OPTIONS] -- PROGRAM [ARGUMENTS...]\n"
       "       ouro COMMAND [OPTIONS] [ARGUMENTS...]\n"
       "       ouro help [COMMAND]\n"
       "       ouro --version\n");
  for (size_t i = 0; i < COMMANDS; i++) printf("  %-7s %s\n", commands[i].word, commands[i].what);
  puts("\n`ouro COMMAND --help` lists the options of a command.");
}

/* How many letters are to be changed, left out or put in to make `b` of `a`; 9 for what is long. */
static unsigned distance(const char *a, const char *b) {
  unsigned row[10], length = (unsigned)strlen(b);
  if (length > 9) return 9;
  for (unsigned i = 0; i <= length; i++) row[i] = i;
  for (; *a; a++) {
    unsigned diagonal = row[0]++;
    for (unsigned i = 1; i <= length; i++) {
      unsigned least = diagonal + (*a != b[i - 1]);
      diagonal = row[i];
      if (row[i] + 1 < least) least = row[i] + 1;
      if (row[i - 1] + 1 < least) least = row[i - 1] + 1;
      row[i] = least;
    }
  }
  return row[length];
}

/* A word that is nearly one of ours is a slip; any other is most likely a program that somebody wants to run. */
static int unknown(const char *word) {
  for (size_t i = 0; i < COMMANDS; i++) {
    if (distance(word, commands[i].word) > (strlen(word) > 4 ? 2 : 1)) continue;
    ouro__say("there is no command '%s'; did you mean: ouro %s (ouro help lists the commands)", word, commands[i].word);
    return OURO_EXIT_USAGE;
  }
  ouro__say("there is no command '%s'; did you mean: ouro run -- %s (ouro help lists the commands)", word, word);
  return OURO_EXIT_USAGE;
}

static const struct command *find(const char *word) {
  for (size_t i = 0; i < COMMANDS; i++) {
    if (strcmp(word, commands[i].word) == 0) return &commands[i];
  }
  return NULL;
}

/* `ouro help COMMAND` is `ouro COMMAND --help`. */
static int help_with(char *word) {
  char option[] = "--help", *words[] = {word, option, NULL};
  const struct command *command = word ? find(word) : NULL;
  if (command) return command->call(1, words + 1);
  if (word) return unknown(word);
  help();
  return 0;
}

int main(int argc, char **argv) {
  const char *word = argc > 1 ? argv[1] : NULL;
  if (!word) {
    ouro__say("say what to do: ouro run -- PROGRAM [ARGUMENTS...] (ouro help lists the commands)");
    return OURO_EXIT_USAGE;
  }
  const struct command *command = find(word);
  if (command) return command->call(argc - 2, argv + 2);
  if (strcmp(word, "help") == 0) return help_with(argv[2]);
  if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) return help_with(NULL);
  if (strcmp(word, "--version") == 0) {
    puts("ouro " OURO_VERSION);
    return 0;
  }
  return unknown(word);
}
