/* examples/pipeline/main.c - counts what is in a large file of lines, with a pipeline of threads.
 *
 *     pipeline [OPTION]... [FILE]
 *
 * The answer goes to standard output, what it took to standard error. At the end everything has been dropped: the
 * library is asked what is still alive, which is nothing. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "stages.h"

static const char help[] = "usage: pipeline [OPTION]... [FILE]\n"
                           "Count lines, fields, and groups of lines in FILE, or in what comes on standard input.\n"
                           "  --parsers N   threads that parse (4)\n"
                           "  --room N      objects that fit in a queue (8)\n"
                           "  --chunk BYTES that are read at a time (65536)\n"
                           "  --field N     group lines by this field (1)\n"
                           "  --top N       how many groups, and long lines, are shown (5)\n"
                           "  --match TEXT  write the lines that have such a field\n"
                           "  --links       have each record refer to its batch: cycles, for the collector\n"
                           "  --help        this text\n";

/* ---------------------------------------------------------------- options */

static bool parse_size(const char *digits, size_t least, size_t most, size_t *out) {
  char *end;
  errno = 0;
  unsigned long long number = digits ? strtoull(digits, &end, 10) : 0;
  if (!digits || errno || *end || end == digits || digits[0] == '-' || number < least || number > most) return false;
  *out = (size_t)number;
  return true;
}

/* One option; *value is used up where it takes one. */
static bool parse_option(options *o, const char *name, const char *value, bool *used) {
  const struct {
    const char *name;
    size_t *out, least, most;
  } numbers[] = {
      {"--parsers", &o->parsers, 1, PARSERS_MOST}, {"--room", &o->room, 1, 1 << 20}, {"--chunk", &o->chunk, 1, 1 << 30},
      {"--field", &o->field, 1, SIZE_MAX / 2},     {"--top", &o->top, 0, TOP_MOST},
  };
  *used = true;
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    if (strcmp(name, numbers[i].name) == 0) return parse_size(value, numbers[i].least, numbers[i].most, numbers[i].out);
  }
  if (strcmp(name, "--match") == 0) return (o->match = value);
  *used = false;
  return strcmp(name, "--links") == 0 && (o->links = true);
}

static bool parse_options(options *o, int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    bool used = false;
    if (strncmp(argv[i], "--", 2) == 0) {
      if (!parse_option(o, argv[i], argv[i + 1], &used)) return false;
      i += used;
    } else {
      if (o->path) return false;
      o->path = argv[i];
    }
  }
  return true;
}

/* ---------------------------------------------------------------- what it took */

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void print_figures(const pipeline *p, double seconds) {
  ouro_stop_stats stops;
  ouro_gc_stats generation[OURO_GENERATIONS];
  struct rusage usage = {0};
  uint64_t collections = 0, collected = 0;
  ouro_stop_stats_get(&stops);
  ouro_gc_get_stats(generation);
  getrusage(RUSAGE_SELF, &usage);
  for (int i = 0; i < OURO_GENERATIONS; i++) {
    collections += generation[i].collections;
    collected += generation[i].collected;
  }
  double megabytes = (double)p->bytes / 1e6, objects = (double)atomic_load(&p->objects);
  fprintf(stderr, "read: %.1f MB in %.2f s, %.1f MB/s; %.0f objects, %.2f million/s\n", megabytes, seconds,
          megabytes / seconds, objects, objects / seconds / 1e6);
  fprintf(stderr, "threads: at most %zu attached\n", p->threads);
  fprintf(stderr, "collector: %llu collections, %llu objects were garbage in cycles\n", (unsigned long long)collections,
          (unsigned long long)collected);
  fprintf(stderr,
          "stops of the world: %llu, given up %llu; until all stood still %.3f ms at most, then %.3f ms on average\n",
          (unsigned long long)stops.stops, (unsigned long long)stops.given_up, (double)stops.longest_ns / 1e6,
          stops.stops ? (double)stops.stopped_ns / 1e6 / (double)stops.stops : 0);
  fprintf(stderr, "memory: at most %.1f MB resident\n", (double)usage.ru_maxrss * 1024 / 1e6);
}

static int write_text(void *file, const char *bytes, size_t length) {
  return fwrite(bytes, 1, length, file) == length ? 0 : -1;
}

static bool open_file(pipeline *p) {
  p->in = p->options.path ? fopen(p->options.path, "rb") : stdin;
  if (!p->in) fprintf(stderr, "pipeline: %s: %s\n", p->options.path, strerror(errno));
  return p->in;
}

int main(int argc, char **argv) {
  pipeline p = {.options = {.parsers = 4, .room = 8, .chunk = 65536, .field = 1, .top = 5}};
  if (argc == 2 && strcmp(argv[1], "--help") == 0) return fputs(help, stdout) < 0;
  if (!parse_options(&p.options, argc, argv)) {
    fputs(help, stderr);
    return 2;
  }
  if (!open_file(&p)) return 1;
  double began = now();
  bool good = pipeline_run(&p);
  double seconds = now() - began;
  if (!good) fprintf(stderr, "pipeline: %s\n", p.failed);
  fclose(p.in);
  /* What is left of cycles, and then of all. */
  ouro_gc_collect(2);
  if (good) print_figures(&p, seconds);
  ptrdiff_t left = ouro_leaks_report(write_text, stderr);
  if (good) fprintf(stderr, "left: %td objects\n", left);
  return good && left == 0 ? 0 : 1;
}
