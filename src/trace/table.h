/* trace/table.h - tracing's functions as a table, for who cannot link them.
 *
 * A process that runs under `ouro run --trace` has the tracer in the preloaded library. `import ouro` is another library in that
 * process, with a copy of its own: it finds the preloaded one's table by its name, ouro_preload_trace_1, and works with that. The table
 * of its own copy has the same shape, so that nothing above it asks which one it is.
 *
 * The number in the name stands for the layout. Functions are added at the end only, and struct_size says how many there are. */
#ifndef OURO_TRACE_TABLE_H
#define OURO_TRACE_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include <ouro/heap.h>
#include <ouro/trace.h>

typedef struct ouro__trace_table {
  size_t struct_size;
  int (*start)(const ouro_trace_options *options);
  void (*stop)(void);
  void (*clear)(void);
  void (*reset_peak)(void);
  void (*get_totals)(ouro_trace_totals *out);
  int (*each_site)(int (*fn)(const ouro_trace_site *site, void *arg), void *arg);
  unsigned (*stack)(uint32_t stack, ouro_trace_frame *frames, unsigned room);
  int (*get_block)(const void *address, ouro_trace_block *out);
  int (*each_block)(int (*fn)(const ouro_trace_block *block, void *arg), void *arg);
  int (*each_pin)(int (*fn)(const ouro_trace_pin *pin, void *arg), void *arg);
  int (*write)(const char *path, bool overwrite);
  int (*stats_write)(enum ouro_format format, ouro_write_fn write, void *arg);
  size_t (*trim)(void);
  bool (*quiet)(bool on); /* leave out what the calling thread allocates from now on, or no longer; returns what was before */
} ouro__trace_table;

/* The table of the copy that the caller is linked with. Immutable, and there for good. */
const ouro__trace_table *ouro__trace_table_get(void);

/* What the preloaded library exports. */
#define OURO_PRELOAD_TRACE "ouro_preload_trace_1"
typedef const ouro__trace_table *(*ouro__preload_trace_fn)(void);

#endif
