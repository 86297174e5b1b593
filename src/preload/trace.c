/* preload/trace.c - tracing in the preloaded library: what OURO_CONF asks for, and what others find by name.
 *
 * OURO_CONF, read here: trace:exact, trace:sample or trace:later (ready, until the command says so); frames:N; native; sample:BYTES;
 * temporary:N. The area goes into the run directory, where there is one. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "preload/control.h"
#include "preload/doors.h"
#include "trace/table.h"

#define EXPORT __attribute__((visibility("default")))

/* The value of `key` as a number; `otherwise` where there is none. */
static size_t conf_number(const char *key, size_t otherwise) {
  char text[32];
  size_t length;
  const char *value = ouro__conf_find(key, &length);
  if (!value || length == 0 || length >= sizeof text) return otherwise;
  memcpy(text, value, length);
  text[length] = 0;
  return (size_t)strtoull(text, NULL, 10);
}

static bool conf_is(const char *key, const char *wanted) {
  size_t length;
  const char *value = ouro__conf_find(key, &length);
  return value && length == strlen(wanted) && memcmp(value, wanted, length) == 0;
}

static void *find(const char *name) { return dlsym(RTLD_DEFAULT, name); }

void ouro__preload_trace_start(void) {
  size_t length;
  if (!ouro__conf_find("trace", &length)) return;
  const char *directory = ouro__control_directory(), *python = ouro__python_version_text();
  ouro_trace_options options = OURO_TRACE_OPTIONS_INIT;
  options.mode = conf_is("trace", "sample") ? OURO_TRACE_SAMPLE : OURO_TRACE_EXACT;
  options.native = ouro__conf_find("native", &length) != NULL;
  options.sample_bytes = conf_number("sample", options.sample_bytes);
  options.temporary_within = (unsigned)conf_number("temporary", options.temporary_within);
  ouro__trace_init(true);
  if (directory) ouro__trace_publish(directory, !ouro__conf_find("parent", &length));
  if (python) ouro__trace_python(python, find);
  options.frames = (unsigned)conf_number("frames", ouro__trace_usual_frames());
  ouro__trace_wait();
  if (!conf_is("trace", "later")) ouro_trace_start(&options);
}

void ouro__preload_trace_exit(void) { ouro__trace_exit(); }
void ouro__preload_trace_tick(void) { ouro__trace_tick(); }

/* For `import ouro`; see trace/table.h. */
EXPORT const ouro__trace_table *ouro_preload_trace_1(void);
const ouro__trace_table *ouro_preload_trace_1(void) { return ouro__trace_table_get(); }

/* Addresses of what it unloads may be given to other code. */
EXPORT int dlclose(void *library);
int dlclose(void *library) {
  static int (*real)(void *);
  if (!real) {
    void *address = dlsym(RTLD_NEXT, "dlclose");
    memcpy(&real, &address, sizeof real);
  }
  int result = real(library);
  ouro__trace_unloaded();
  return result;
}
