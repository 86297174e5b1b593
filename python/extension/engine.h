/* engine.h - which tracer this process has: that of the preloaded library, where the program runs under `ouro run --trace`, or the
 * copy that this extension is linked with. Whatever reads goes through the table, and need not know. */
#ifndef OURO_PYTHON_ENGINE_H
#define OURO_PYTHON_ENGINE_H

#include "trace/table.h"

/* Choose. Once, when the module is imported; with the GIL. */
void ouro__py_choose_engine(void);

const ouro__trace_table *ouro__py_engine(void);

/* Is it the extension's own copy? Then Python's memory comes to it through the wrappers of domains.h. */
bool ouro__py_engine_is_own(void);

static inline ouro_trace_totals ouro__py_totals(void) {
  ouro_trace_totals totals = {.struct_size = sizeof totals};
  ouro__py_engine()->get_totals(&totals);
  return totals;
}

#endif
