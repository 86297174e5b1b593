/* trace/table.c - the table of this copy's functions. */
#include "trace/table.h"

#include "trace/trace.h"

static const ouro__trace_table table = {
    .struct_size = sizeof table,
    .start = ouro_trace_start,
    .stop = ouro_trace_stop,
    .clear = ouro_trace_clear,
    .reset_peak = ouro_trace_reset_peak,
    .get_totals = ouro_trace_get_totals,
    .each_site = ouro_trace_each_site,
    .stack = ouro_trace_stack,
    .get_block = ouro_trace_get_block,
    .each_block = ouro_trace_each_block,
    .each_pin = ouro_trace_each_pin,
    .write = ouro_trace_write,
    .stats_write = ouro_stats_write,
    .trim = ouro_heap_trim,
    .quiet = ouro__trace_quiet,
};

const ouro__trace_table *ouro__trace_table_get(void) { return &table; }
