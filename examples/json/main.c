/* examples/json/main.c - loads a document of JSON, walks it, and drops it.
 *
 *     json FILE        how many values of each type there are, at each depth, and the longest strings; time and memory of each step
 *
 * The document is read in pieces, and what it says is in memory, but never its text. The walk keeps its own stack: documents may be nested
 * deeper than C's is. */
#include "walk.h"

#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The most memory that the process has had, in MB. */
static double peak(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)usage.ru_maxrss * 1024 / 1e6;
}

/* How long a step took, and when the next one begins. */
static double step(const char *name, double begin) {
  double now = seconds();
  fprintf(stderr, "%-5s %8.3f s   peak %8.1f MB\n", name, now - begin, peak());
  return seconds();
}

static void print_types(const json_walk *walk) {
  static const char *const names[] = {"dict", "list", "str", "int", "float", "bool", "none"};
  for (int type = 0; type < WALK_TYPES; type++) {
    printf("%-6s %12zu\n", names[type], walk->of_type[type]);
  }
}

static void print_depths(const json_walk *walk) {
  for (size_t depth = 0; depth < WALK_DEPTHS && walk->at_depth[depth]; depth++) {
    printf("depth %-3zu %9zu\n", depth, walk->at_depth[depth]);
  }
  if (walk->deeper) printf("deeper    %9zu\n", walk->deeper);
}

static void print_longest(const json_walk *walk) {
  for (int i = 0; i < WALK_LONGEST; i++) {
    const ouro_str *str = ouro_borrow(walk->longest[i]);
    if (!str) break;
    printf("%zu code points: %.60s%s\n", ouro_str_length(str), ouro_str_text(str), ouro_str_bytes(str) > 60 ? "..." : "");
  }
}

static int run(const char *path) {
  OURO_AUTO(void) document = OURO_NULL;
  ouro_json_error error;
  double begin = seconds();
  int code = ouro_json_load_file(path, &document, &error);
  if (code == OURO_ESYSTEM) return perror(path), 1;
  if (code) return fprintf(stderr, "%s:%zu:%zu: %s\n", path, error.line, error.column, error.text), 1;
  begin = step("load", begin);

  json_walk walk = {.depth = 0};
  if (walk_all(&walk, ouro_borrow(document))) return fprintf(stderr, "%s: out of memory\n", path), walk_end(&walk), 1;
  begin = step("walk", begin);
  print_types(&walk);
  print_depths(&walk);
  print_longest(&walk);
  walk_end(&walk);

  begin = seconds();
  ouro_clear(&document);
  step("drop", begin);
  return 0;
}

static int print(void *arg, const char *text, size_t length) {
  (void)arg;
  fprintf(stderr, "%.*s", (int)length, text);
  return 0;
}

int main(int argc, char **argv) {
  if (argc != 2) return fprintf(stderr, "usage: json FILE\n"), 2;
  int status = run(argv[1]);
  ouro_gc_collect(2);
  printf("left: %td objects\n", ouro_leaks_report(print, NULL));
  return status;
}
