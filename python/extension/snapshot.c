/* snapshot.c - what is live now, or was at the peak; and the stack of one block. */
#include "reading.h"

#include <stdbool.h>

#include "engine.h"
#include "frames.h"
#include "tally.h"

/* tracemalloc counts Python's own memory in domain 0, whichever of Python's three it is of. Others have a number from 1 on. */
static uint32_t domain_of(unsigned domain) {
  enum { MALLOC, RAW, MEMORY, OBJECT, BLOCKS, OBJECTS };
  switch (domain) {
    case MALLOC: return 1;
    case BLOCKS: return 2;
    case OBJECTS: return 3;
    default: return 0;
  }
}

/* ---------------------------------------------------------------- the walk */

static int add_block(const ouro_trace_block *block, void *tally) {
  ouro__tally_row row = {.stack = block->stack, .domain = domain_of(block->domain), .size = block->size, .count = 1,
                         .bytes = block->size};
  return ouro__tally_add(tally, &row) ? 0 : OURO_ENOMEM;
}

static int add_live(const ouro_trace_site *site, void *tally) {
  ouro__tally_row row = {.stack = site->stack, .domain = domain_of(site->domain), .count = site->live_blocks,
                         .bytes = site->live_bytes, .variance = site->live_error * site->live_error};
  return ouro__tally_add(tally, &row) ? 0 : OURO_ENOMEM;
}

static int add_peak(const ouro_trace_site *site, void *tally) {
  ouro__tally_row row = {.stack = site->stack, .domain = domain_of(site->domain), .count = site->peak_blocks,
                         .bytes = site->peak_bytes};
  return ouro__tally_add(tally, &row) ? 0 : OURO_ENOMEM;
}

/* In exact mode each block is there to be looked at; of the peak, and in sampling mode, there are sums. */
static int walk(ouro__tally *tally, bool peak, bool *each_size) {
  const ouro__trace_table *engine = ouro__py_engine();
  *each_size = !peak && ouro__py_totals().mode == OURO_TRACE_EXACT;
  if (*each_size) return engine->each_block(add_block, tally);
  return engine->each_site(peak ? add_peak : add_live, tally);
}

/* ---------------------------------------------------------------- Python's objects */

/* The sizes of `length` rows, two numbers each. */
static PyObject *sizes_of(const ouro__tally_row *rows, size_t length) {
  PyObject *sizes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(length * 2 * sizeof(uint64_t)));
  if (!sizes) return NULL;
  char *out = PyBytes_AS_STRING(sizes);
  for (size_t i = 0; i < length; i++) {
    uint64_t pair[2] = {rows[i].size, rows[i].count};
    memcpy(out + i * sizeof pair, pair, sizeof pair);
  }
  return sizes;
}

/* One site of `length` rows that differ in size alone. */
static PyObject *site_of(ouro__py_seen *seen, const ouro__tally_row *rows, size_t length, bool each_size) {
  unsigned long long bytes = 0, count = 0;
  double variance = 0;
  for (size_t i = 0; i < length; i++) {
    bytes += rows[i].bytes;
    count += rows[i].count;
    variance += rows[i].variance;
  }
  PyObject *stack = ouro__py_frames(seen, rows->stack);
  if (!stack) return NULL;
  PyObject *site = Py_BuildValue("(IKKdOOON)", rows->domain, bytes, count, variance, PyTuple_GET_ITEM(stack, 0),
                                 PyTuple_GET_ITEM(stack, 1), PyTuple_GET_ITEM(stack, 2), sizes_of(rows, each_size ? length : 0));
  Py_DECREF(stack);
  return site;
}

static size_t run_length(const ouro__tally *tally, size_t from) {
  size_t end = from + 1;
  const ouro__tally_row *rows = tally->rows;
  while (end < tally->used && rows[end].stack == rows[from].stack && rows[end].domain == rows[from].domain) end++;
  return end - from;
}

static PyObject *list_of(ouro__py_seen *seen, const ouro__tally *tally, bool each_size) {
  PyObject *list = PyList_New(0);
  for (size_t at = 0, length; list && at < tally->used; at += length) {
    length = run_length(tally, at);
    PyObject *site = site_of(seen, &tally->rows[at], length, each_size);
    if (!site || PyList_Append(list, site) < 0) Py_CLEAR(list);
    Py_XDECREF(site);
  }
  return list;
}

PyObject *ouro__py_snapshot(PyObject *module, PyObject *peak) {
  (void)module;
  int of_peak = PyObject_IsTrue(peak);
  if (of_peak < 0) return NULL;
  ouro__tally tally = {0};
  ouro__py_seen seen = {0};
  bool each_size, was_quiet = ouro__py_engine()->quiet(true);
  int error = walk(&tally, of_peak, &each_size);
  ouro__tally_sort(&tally);
  PyObject *list = error ? ouro__py_raise(error) : list_of(&seen, &tally, each_size);
  ouro__tally_clear(&tally);
  ouro__py_seen_clear(&seen);
  ouro__py_engine()->quiet(was_quiet);
  return list;
}

/* ---------------------------------------------------------------- one block */

/* The block that an object lies in begins before it where the collector, or the interpreter, keep something in front. */
static const void *block_of(PyObject *object) {
  const char *address = (const char *)object;
  PyTypeObject *type = Py_TYPE(object);
  size_t word = sizeof(void *);
  if (PyType_HasFeature(type, Py_TPFLAGS_HAVE_GC)) address -= 2 * word;
#if defined(Py_TPFLAGS_MANAGED_WEAKREF)
  if (PyType_HasFeature(type, Py_TPFLAGS_MANAGED_DICT | Py_TPFLAGS_MANAGED_WEAKREF)) address -= 2 * word;
#elif defined(Py_TPFLAGS_MANAGED_DICT)
  if (PyType_HasFeature(type, Py_TPFLAGS_MANAGED_DICT)) address -= 2 * word;
#endif
  return address;
}

PyObject *ouro__py_object(PyObject *module, PyObject *object) {
  (void)module;
  ouro_trace_block block;
  if (ouro__py_totals().mode == OURO_TRACE_OFF || !ouro__py_engine()->get_block(block_of(object), &block)) Py_RETURN_NONE;
  ouro__py_seen seen = {0};
  bool was_quiet = ouro__py_engine()->quiet(true);
  PyObject *stack = ouro__py_frames(&seen, block.stack);
  ouro__py_seen_clear(&seen);
  ouro__py_engine()->quiet(was_quiet);
  return stack;
}
