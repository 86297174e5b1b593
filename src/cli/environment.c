/* cli/environment.c - finds the preload library, and composes the environment in which the program finds it.
 *
 * PYTHONMALLOC=malloc is for a libpython that a program loads after its start. In a process that is a CPython from the start,
 * the library takes it out again, by the mark in OURO_PYTHONMALLOC (preload/python.c). */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

#define LIBRARY "libouro-preload.so"
#define TRACE_LIBRARY "libouro-trace.so"

#if defined(__x86_64__)
#define MULTIARCH "x86_64-linux-gnu"
#elif defined(__aarch64__)
#define MULTIARCH "aarch64-linux-gnu"
#else
#define MULTIARCH "linux-gnu"
#endif

extern char **environ;

/* ---------------------------------------------------------------- the library */

/* From the folder of the command: the places of an installation, then that of a build. */
static const char *const places[] = {"../lib/" MULTIARCH "/ouro", "../lib/ouro", "../lib64/ouro", "../preload"};

static bool own_folder(char folder[PATH_MAX]) {
  ssize_t length = readlink("/proc/self/exe", folder, PATH_MAX - 1);
  if (length <= 0) return false;
  folder[length] = 0;
  char *slash = strrchr(folder, '/');
  if (!slash) return false;
  *slash = 0;
  return true;
}

bool ouro__preload_find(char path[PATH_MAX], bool trace) {
  const char *library = trace ? TRACE_LIBRARY : LIBRARY;
  char folder[PATH_MAX], candidate[2 * PATH_MAX];
  const char *given = getenv("OURO_PRELOAD");
  if (given && *given) {
    if (realpath(given, path) && access(path, R_OK) == 0) return true;
    ouro__say("OURO_PRELOAD names %s, which cannot be read", given);
    return false;
  }
  if (own_folder(folder)) {
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
      snprintf(candidate, sizeof candidate, "%s/%s/%s", folder, places[i], library);
      if (realpath(candidate, path) && access(path, R_OK) == 0) return true;
    }
  }
  ouro__say("cannot find %s near the ouro command; install both, or name it in OURO_PRELOAD", library);
  return false;
}

/* ---------------------------------------------------------------- the variables */

/* An environment under construction; `failed` once memory was short. */
typedef struct variable_list {
  char **list;
  size_t count;
  bool failed;
} variable_list;

static bool has_name(const char *entry, const char *name) {
  size_t length = strlen(name);
  return strncmp(entry, name, length) == 0 && entry[length] == '=';
}

/* Set NAME=VALUE, `entry`, which the list takes over; NULL where memory was short. */
static void put(variable_list *variables, const char *name, char *entry) {
  if (!entry) {
    variables->failed = true;
    return;
  }
  for (size_t i = 0; i < variables->count; i++) {
    if (has_name(variables->list[i], name)) {
      variables->list[i] = entry;
      return;
    }
  }
  variables->list[variables->count++] = entry;
}

static char *library_entry(const char *preload) {
  const char *others = getenv("LD_PRELOAD");
  return ouro__text_of("LD_PRELOAD=%s%s%s", preload, others && *others ? ":" : "", others ? others : "");
}

/* Words that one `ouro run` writes for its own program, and that another around it may have left. */
static bool is_own_word(const char *word) {
  static const char *const own[] = {"run-dir:", "signal:", "parent:", "trace:", "frames:", "sample:", "temporary:"};
  for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
    if (strncmp(word, own[i], strlen(own[i])) == 0) return true;
  }
  return strcspn(word, ",") == 6 && strncmp(word, "native", 6) == 0;
}

/* Append the words of a comma-separated list, of which the empty ones and, where `inherited`, our own are left out. */
static void add_words(char *conf, const char *words, bool inherited) {
  for (const char *word = words; word && *word;) {
    size_t length = strcspn(word, ",");
    if (length > 0 && !(inherited && is_own_word(word))) {
      if (*conf) strcat(conf, ",");
      strncat(conf, word, length);
    }
    word += length;
    if (*word) word++;
  }
}

static void trace_words(char *conf, const ouro__run_options *options) {
  char word[64];
  snprintf(word, sizeof word, "trace:%s", options->trace);
  add_words(conf, word, false);
  if (options->frames) {
    snprintf(word, sizeof word, "frames:%u", options->frames);
    add_words(conf, word, false);
  }
  if (options->native) add_words(conf, "native", false);
  if (options->sample_bytes) {
    snprintf(word, sizeof word, "sample:%llu", (unsigned long long)options->sample_bytes);
    add_words(conf, word, false);
  }
  if (options->temporary >= 0) {
    snprintf(word, sizeof word, "temporary:%d", options->temporary);
    add_words(conf, word, false);
  }
}

/* The first word on a matter holds, so those of this command's options come before the user's. */
static char *conf_entry(const ouro__run_options *options, const char *directory) {
  const char *before = getenv("OURO_CONF");
  char own[PATH_MAX + 256] = "", word[PATH_MAX + 64];
  if (options->check) add_words(own, "check", false);
  if (options->heap_limit) {
    snprintf(word, sizeof word, "limit:%llu", (unsigned long long)options->heap_limit);
    add_words(own, word, false);
  }
  if (directory) {
    snprintf(word, sizeof word, "run-dir:%s,signal:usr2", directory);
    add_words(own, word, false);
  }
  if (directory && options->only_program) {
    snprintf(word, sizeof word, "parent:%ld", (long)getpid());
    add_words(own, word, false);
  }
  if (options->trace) trace_words(own, options);
  size_t given = (before ? strlen(before) : 0) + (options->conf ? strlen(options->conf) : 0);
  char *conf = calloc(1, given + strlen(own) + 3), *entry = NULL;
  if (!conf) return NULL;
  add_words(conf, own, false);
  add_words(conf, options->conf, false);
  add_words(conf, before, true);
  entry = ouro__text_of("OURO_CONF=%s", conf);
  free(conf);
  return entry;
}

char **ouro__environment_make(const ouro__run_options *options, const char *preload, const char *directory) {
  size_t count = 0;
  while (environ[count]) count++;
  variable_list variables = {.list = calloc(count + 5, sizeof(char *))};
  if (!variables.list) return NULL;
  memcpy(variables.list, environ, count * sizeof(char *));
  variables.count = count;
  if (preload) {
    put(&variables, "LD_PRELOAD", library_entry(preload));
    put(&variables, "OURO_CONF", conf_entry(options, directory));
    if (!getenv("PYTHONMALLOC")) {
      put(&variables, "PYTHONMALLOC", ouro__text_of("PYTHONMALLOC=malloc"));
      put(&variables, "OURO_PYTHONMALLOC", ouro__text_of("OURO_PYTHONMALLOC="));
    }
  }
  return variables.failed ? NULL : variables.list;
}
