/* examples/trace/leak.c - a program with a leak, for `ouro check`: it compares lines as pairs of copies, and frees one of each.
 *
 *     leak [LINES]
 *
 * It calls malloc alone, and knows nothing of ouro. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *lower(const char *text) {
  char *copy = strdup(text);
  if (!copy) abort();
  for (char *c = copy; *c; c++)
    if (*c >= 'A' && *c <= 'Z') *c += 'a' - 'A';
  return copy;
}

static int equal(const char *one, const char *other) {
  char *a = lower(one), *b = lower(other);
  int result = strcmp(a, b) == 0;
  free(a); /* and b? */
  return result;
}

int main(int argc, char **argv) {
  long lines = argc > 1 ? atol(argv[1]) : 1000, same = 0;
  for (long i = 0; i < lines; i++) same += equal("A line of text", i % 2 ? "a line of TEXT" : "another");
  printf("%ld of %ld are the same\n", same, lines);
  return 0;
}
