/* engine.c - which tracer this process has. */
#define _GNU_SOURCE
#include <Python.h>

#include "engine.h"

#include <dlfcn.h>
#include <string.h>

#include "trace/trace.h"

static const ouro__trace_table *engine; /* written once, with the GIL */

static const ouro__trace_table *preloaded_table(void) {
  ouro__preload_trace_fn table = NULL;
  void *address = dlsym(RTLD_DEFAULT, OURO_PRELOAD_TRACE);
  memcpy(&table, &address, sizeof table);
  return table ? table() : NULL;
}

static void *find(const char *name) { return dlsym(RTLD_DEFAULT, name); }

static const ouro__trace_table *own_table(void) {
  ouro__trace_init(true);
  ouro__trace_python(Py_GetVersion(), find);
  return ouro__trace_table_get();
}

void ouro__py_choose_engine(void) {
  if (engine) return; /* another interpreter of this process has imported it before */
  const ouro__trace_table *table = preloaded_table();
  bool known = table && table->struct_size >= sizeof *table; /* functions are added at the end */
  engine = known ? table : own_table();
}

const ouro__trace_table *ouro__py_engine(void) { return engine; }

bool ouro__py_engine_is_own(void) { return engine == ouro__trace_table_get(); }
