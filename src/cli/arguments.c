/* cli/arguments.c - what the arguments of all commands have in common: numbers, sizes, and options that there are not. */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

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

bool ouro__number_within(const char *text, unsigned least, unsigned most, unsigned *number) {
  char *end;
  if (!isdigit((unsigned char)*text)) return false;
  errno = 0;
  unsigned long value = strtoul(text, &end, 10);
  if (errno || *end || value < least || value > most) return false;
  *number = (unsigned)value;
  return true;
}

/* A long option is the argument that getopt has read last; a short one may be anywhere in one. */
int ouro__options_unknown(const char *command, int result, char **argv) {
  char letter[3] = {'-', (char)optopt, 0};
  const char *word = optopt > 0 && optopt < 256 && argv[optind - 1][1] != '-' ? letter : argv[optind - 1];
  if (result == ':')
    ouro__say("%s needs a value; ouro %s --help lists the options", word, command);
  else
    ouro__say("there is no option %s; ouro %s --help lists those that there are", word, command);
  return OURO_EXIT_USAGE;
}
