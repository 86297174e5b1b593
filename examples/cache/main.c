/* examples/cache/main.c - threads that read pages through one cache, in two ways, and how fast that is.
 *
 *     cache [OPTION]... FILE...
 *
 * Each thread asks for pages, some more often than others, and holds the last few. Cold: nobody else holds a page, so
 * it is made, goes, and is made again. Warm: the main thread holds all pages, so that each is found, and what is
 * measured is the looking. The sum of what they read goes to standard output, what it took to standard error. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cache.h"

enum { THREADS_MOST = 256 };

static const char help[] = "usage: cache [OPTION]... FILE...\n"
                           "Read pages made of FILEs through a cache that keeps none of them alive.\n"
                           "  --threads N   threads that read (4)\n"
                           "  --requests N  pages that each of them asks for (20000)\n"
                           "  --hold N      pages that each of them holds (16)\n"
                           "  --help        this text\n";

typedef struct program {
  size_t threads, requests, hold;
  char **names;
  size_t name_count;
  cache cache;
  atomic_int failed; /* an error number; 0: none */
} program;

typedef struct reader {
  program *program;
  uint64_t random;
  uint64_t sum;
  lookups lookups;
} reader;

/* ---------------------------------------------------------------- reading */

/* G. Marsaglia's xorshift; never 0. */
static uint64_t next_random(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  return *state ^= *state << 17;
}

/* Small numbers are more frequent than large ones. */
static size_t pick(uint64_t random, size_t below) {
  uint64_t one = random >> 32, squared = one * one >> 32;
  return (size_t)(squared * below >> 32);
}

/* Some use of a page: its sum, and the length of one of its lines. */
static uint64_t use(const page *p, uint64_t random) {
  const lines *all = ouro_borrow(p->lines);
  if (all->head.count == 0) return p->sum;
  const line *l = ouro_borrow(all->line[(random & 0xffff) % all->head.count]);
  return p->sum + l->head.count;
}

static void fail(program *m, int error) {
  int none = 0;
  atomic_compare_exchange_strong(&m->failed, &none, error);
}

/* Ask for one page; hold it in `slot`, and let go of what that held. */
static bool read_one(reader *r, OURO_OWNED(page) * slot) {
  program *m = r->program;
  uint64_t random = next_random(&r->random);
  OURO_AUTO(page) found = cache_get(&m->cache, m->names[pick(random, m->name_count)], &r->lookups);
  if (!ouro_borrow(found)) {
    fail(m, errno ? errno : ENOMEM);
    return false;
  }
  r->sum += use(ouro_borrow(found), random);
  ouro_movref(slot, ouro_steal(&found));
  return true;
}

/* A thread is attached by the first thing that it does with objects. Here that would be to count a page that another
 * made, and there is no way to say there that it is refused; so it asks before. */
static bool begin(program *m) {
  int code = ouro_thread_attach();
  if (code != OURO_OK) fail(m, code == OURO_EPERM ? EPERM : ENOMEM);
  return code == OURO_OK;
}

static void *read_pages(void *arg) {
  reader *r = arg;
  size_t hold = r->program->hold;
  OURO_OWNED(page) *held = begin(r->program) ? ouro_calloc(hold, sizeof *held) : NULL;
  if (!held) fail(r->program, ENOMEM);
  for (size_t i = 0; i < r->program->requests && !atomic_load(&r->program->failed); i++) {
    if (!read_one(r, &held[i % hold])) break;
    /* What others were the last to release, of what this thread has made, goes here. */
    ouro_safepoint();
  }
  for (size_t i = 0; held && i < hold; i++) ouro_clear(&held[i]);
  ouro_free(held);
  return NULL;
}

/* ---------------------------------------------------------------- a round: all threads, once */

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static bool run_threads(program *m, reader *readers) {
  pthread_t threads[THREADS_MOST];
  size_t started = 0;
  for (; started < m->threads; started++) {
    /* Odd times an odd number: never 0. */
    readers[started] = (reader){.program = m, .random = (2 * started + 1) * UINT64_C(0x9e3779b97f4a7c15)};
    int code = pthread_create(&threads[started], NULL, read_pages, &readers[started]);
    if (code) {
      fail(m, code);
      break;
    }
  }
  ouro_blocking_begin();
  for (size_t i = 0; i < started; i++) pthread_join(threads[i], NULL);
  ouro_blocking_end();
  return !atomic_load(&m->failed);
}

static bool run_round(program *m, const char *what) {
  reader readers[THREADS_MOST];
  reader all = {0};
  double began = now();
  if (!run_threads(m, readers)) return false;
  double seconds = now() - began;
  for (size_t i = 0; i < m->threads; i++) {
    all.sum += readers[i].sum;
    all.lookups.found += readers[i].lookups.found;
    all.lookups.made += readers[i].lookups.made;
    all.lookups.waited += readers[i].lookups.waited;
  }
  const lookups *l = &all.lookups;
  printf("%s, %s: sum %llu\n", m->cache.kind->name, what, (unsigned long long)all.sum);
  fprintf(stderr, "%13s, %s: %10.0f lookups/s; %llu found, %llu made, %llu waited for; %zu entries left\n",
          m->cache.kind->name, what, (double)(m->threads * m->requests) / seconds, (unsigned long long)l->found,
          (unsigned long long)l->made, (unsigned long long)l->waited, m->cache.kind->count(&m->cache));
  return true;
}

/* ---------------------------------------------------------------- both rounds, with one kind of cache */

static bool hold_all(program *m, OURO_OWNED(page) * held) {
  lookups unused = {0};
  for (size_t i = 0; i < m->name_count; i++) {
    ouro_movref(&held[i], cache_get(&m->cache, m->names[i], &unused));
    if (!ouro_borrow(held[i])) {
      fail(m, errno ? errno : ENOMEM);
      return false;
    }
  }
  return true;
}

static bool run_warm(program *m) {
  OURO_OWNED(page) *held = ouro_calloc(m->name_count, sizeof *held);
  if (!held) fail(m, ENOMEM);
  bool good = held && hold_all(m, held) && run_round(m, "warm");
  for (size_t i = 0; held && i < m->name_count; i++) ouro_clear(&held[i]);
  ouro_free(held);
  return good;
}

static bool run_kind(program *m, const cache_kind *kind) {
  bool good = cache_open(&m->cache, kind, m->name_count);
  if (!good) fail(m, ENOMEM);
  good = good && run_round(m, "cold") && run_warm(m);
  size_t left = good ? kind->count(&m->cache) : 0;
  if (left) fprintf(stderr, "cache: %s: %zu entries are left\n", kind->name, left);
  cache_close(&m->cache);
  return good && left == 0;
}

/* ---------------------------------------------------------------- the program */

static bool parse_size(const char *digits, size_t most, size_t *out) {
  char *end;
  errno = 0;
  unsigned long long number = digits ? strtoull(digits, &end, 10) : 0;
  if (!digits || errno || *end || end == digits || digits[0] == '-' || number < 1 || number > most) return false;
  *out = (size_t)number;
  return true;
}

static bool parse_options(program *m, int argc, char **argv) {
  int at = 1;
  for (; at < argc && strncmp(argv[at], "--", 2) == 0; at += 2) {
    size_t *out = strcmp(argv[at], "--threads") == 0    ? &m->threads
                  : strcmp(argv[at], "--requests") == 0 ? &m->requests
                  : strcmp(argv[at], "--hold") == 0     ? &m->hold
                                                        : NULL;
    if (!out || !parse_size(argv[at + 1], out == &m->threads ? THREADS_MOST : SIZE_MAX / 4096, out)) return false;
  }
  m->names = argv + at;
  m->name_count = at < argc ? (size_t)(argc - at) : 0;
  return m->name_count > 0;
}

static int write_text(void *file, const char *bytes, size_t length) {
  return fwrite(bytes, 1, length, file) == length ? 0 : -1;
}

int main(int argc, char **argv) {
  static program m = {.threads = 4, .requests = 20000, .hold = 16};
  if (argc == 2 && strcmp(argv[1], "--help") == 0) return fputs(help, stdout) < 0;
  if (!parse_options(&m, argc, argv)) {
    fputs(help, stderr);
    return 2;
  }
  bool good = run_kind(&m, &cache_map) && run_kind(&m, &cache_table);
  if (m.failed) fprintf(stderr, "cache: %s\n", strerror(m.failed));
  ptrdiff_t left = ouro_leaks_report(write_text, stderr);
  if (good) fprintf(stderr, "left: %td objects\n", left);
  return good && left == 0 ? 0 : 1;
}
