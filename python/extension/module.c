/* module.c - the extension module ouro._ouro: tracing on and off, its totals, and the table of its functions. What reads stacks is
 * in snapshot.c and pins.c; the classes that users see are in Python. */
#include <Python.h>

#include <errno.h>
#include <stdbool.h>

#include "domains.h"
#include "engine.h"
#include "reading.h"

PyObject *ouro__py_raise(int error) {
  switch (error) {
    case OURO_ENOMEM: return PyErr_NoMemory();
    case OURO_EINVAL: PyErr_SetString(PyExc_ValueError, ouro_strerror(error)); return NULL;
    default: PyErr_SetString(PyExc_RuntimeError, ouro_strerror(error)); return NULL;
  }
}

/* ---------------------------------------------------------------- start */

/* Is the standard library's tracemalloc tracing? -1 with an exception set. */
static int tracemalloc_is_on(void) {
  PyObject *module = PyImport_ImportModule("_tracemalloc");
  PyObject *answer = module ? PyObject_CallMethod(module, "is_tracing", NULL) : NULL;
  int on = answer ? PyObject_IsTrue(answer) : -1;
  Py_XDECREF(answer);
  Py_XDECREF(module);
  return on;
}

/* Whoever wraps Python's allocators and takes the wrappers away again must have come after us: what it puts back would not know our
 * blocks. */
static bool prepare_own(void) {
#if defined(Py_GIL_DISABLED)
  PyErr_SetString(PyExc_RuntimeError, "a free-threaded Python keeps its objects in its own heap, which cannot be traced");
  return false;
#else
  int on = tracemalloc_is_on();
  if (on > 0) PyErr_SetString(PyExc_RuntimeError, "tracemalloc is tracing: stop it before ouro.start()");
  return on == 0;
#endif
}

static int read_nframe(PyObject *value, unsigned *frames) {
  long number = PyLong_AsLong(value);
  if (number == -1 && PyErr_Occurred()) return -1;
  if (number < 1 || number > (long)OURO_TRACE_FRAMES_MAX) {
    PyErr_Format(PyExc_ValueError, "the number of frames must be in range [1; %u]", OURO_TRACE_FRAMES_MAX);
    return -1;
  }
  *frames = (unsigned)number;
  return 0;
}

/* None: exact. True: the mean distance that ouro proposes. A number: that distance, in bytes. */
static int read_sample(PyObject *value, ouro_trace_options *options) {
  if (value == Py_None || value == Py_False) return 0;
  options->mode = OURO_TRACE_SAMPLE;
  if (value == Py_True) return 0;
  Py_ssize_t bytes = PyLong_AsSsize_t(value);
  if (bytes == -1 && PyErr_Occurred()) return -1;
  if (bytes < 1) {
    PyErr_SetString(PyExc_ValueError, "sample must be None, True, or a number of bytes of at least 1");
    return -1;
  }
  options->sample_bytes = (size_t)bytes;
  return 0;
}

static PyObject *start(PyObject *module, PyObject *arguments, PyObject *keywords) {
  (void)module;
  char *names[] = {(char[]){"nframe"}, (char[]){"sample"}, (char[]){"native"}, NULL};
  PyObject *nframe = NULL, *sample = Py_None;
  int native = 0;
  ouro_trace_options options = OURO_TRACE_OPTIONS_INIT;
  options.frames = 1;
  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "|O$Op:start", names, &nframe, &sample, &native)) return NULL;
  if ((nframe && read_nframe(nframe, &options.frames) < 0) || read_sample(sample, &options) < 0) return NULL;
  options.native = (unsigned)native;
  if (ouro__py_totals().mode != OURO_TRACE_OFF) Py_RETURN_NONE; /* as tracemalloc: it goes on as it is */
  if (ouro__py_engine_is_own()) {
    if (!prepare_own()) return NULL;
    ouro__py_domains_install();
  }
  int error = ouro__py_engine()->start(&options);
  if (error && error != OURO_EBUSY) return ouro__py_raise(error);
  ouro__py_domains_adopt(true);
  Py_RETURN_NONE;
}

/* ---------------------------------------------------------------- the rest */

static PyObject *stop(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  ouro__py_domains_adopt(false);
  ouro__py_engine()->stop();
  Py_RETURN_NONE;
}

static PyObject *is_tracing(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  return PyBool_FromLong(ouro__py_totals().mode != OURO_TRACE_OFF);
}

static PyObject *is_sampling(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  return PyBool_FromLong(ouro__py_totals().mode == OURO_TRACE_SAMPLE);
}

static PyObject *clear_traces(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  if (ouro__py_totals().mode != OURO_TRACE_OFF) ouro__py_engine()->clear();
  Py_RETURN_NONE;
}

static PyObject *reset_peak(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  if (ouro__py_totals().mode != OURO_TRACE_OFF) ouro__py_engine()->reset_peak();
  Py_RETURN_NONE;
}

static PyObject *get_traced_memory(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  ouro_trace_totals totals = ouro__py_totals();
  bool on = totals.mode != OURO_TRACE_OFF;
  return Py_BuildValue("(KK)", on ? (unsigned long long)totals.live_bytes : 0, on ? (unsigned long long)totals.peak_bytes : 0);
}

static PyObject *get_tracemalloc_memory(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  return PyLong_FromUnsignedLongLong(ouro__py_totals().own_bytes);
}

/* Before the first start, tracemalloc's default. */
static PyObject *get_traceback_limit(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  unsigned frames = ouro__py_totals().frames;
  return PyLong_FromUnsignedLong(frames ? frames : 1);
}

static PyObject *trim(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  size_t bytes;
  Py_BEGIN_ALLOW_THREADS
  bytes = ouro__py_engine()->trim();
  Py_END_ALLOW_THREADS
  return PyLong_FromSize_t(bytes);
}

static PyObject *write_area(PyObject *module, PyObject *arguments, PyObject *keywords) {
  (void)module;
  char *names[] = {(char[]){"path"}, (char[]){"overwrite"}, NULL};
  PyObject *path = NULL;
  int overwrite = 0;
  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "O&|$p:write", names, PyUnicode_FSConverter, &path, &overwrite)) {
    return NULL;
  }
  int error = ouro__py_engine()->write(PyBytes_AS_STRING(path), overwrite);
  if (error == OURO_ESYSTEM)
    PyErr_SetFromErrnoWithFilename(PyExc_OSError, PyBytes_AS_STRING(path));
  else if (error)
    ouro__py_raise(error);
  Py_DECREF(path);
  if (error) return NULL;
  Py_RETURN_NONE;
}

/* ---------------------------------------------------------------- the module */

#define WITH_KEYWORDS(function) ((PyCFunction)(void (*)(void))(function))

static PyMethodDef functions[] = {
    {"start", WITH_KEYWORDS(start), METH_VARARGS | METH_KEYWORDS,
     "start(nframe=1, *, sample=None, native=False)\n--\n\n"
     "Trace allocations of memory, with `nframe` frames of each stack.\n\n"
     "sample: None for every allocation, True for one in 512 KiB on average, or that number of bytes; sizes are then estimates.\n"
     "native: also frames of C code, among Python's. Nothing happens where tracing is on already."},
    {"stop", stop, METH_NOARGS, "stop()\n--\n\nStop tracing, and forget what was traced."},
    {"is_tracing", is_tracing, METH_NOARGS, "is_tracing()\n--\n\nTrue while allocations are traced."},
    {"is_sampling", is_sampling, METH_NOARGS, "is_sampling()\n--\n\nTrue while a sample of the allocations is traced."},
    {"clear_traces", clear_traces, METH_NOARGS, "clear_traces()\n--\n\nForget what was traced, and go on tracing."},
    {"reset_peak", reset_peak, METH_NOARGS, "reset_peak()\n--\n\nLet the peak be what is traced now."},
    {"get_traced_memory", get_traced_memory, METH_NOARGS,
     "get_traced_memory()\n--\n\nThe bytes of what is traced and live, and the most that they ever were: (current, peak)."},
    {"get_tracemalloc_memory", get_tracemalloc_memory, METH_NOARGS,
     "get_tracemalloc_memory()\n--\n\nThe bytes that tracing takes for itself."},
    {"get_traceback_limit", get_traceback_limit, METH_NOARGS,
     "get_traceback_limit()\n--\n\nHow many frames of a stack are recorded at most."},
    {"trim", trim, METH_NOARGS, "trim()\n--\n\nReturn to the system all memory that can be returned now; the bytes that were."},
    {"write", WITH_KEYWORDS(write_area), METH_VARARGS | METH_KEYWORDS,
     "write(path, *, overwrite=False)\n--\n\nWrite what was traced to a file that the ouro command reads."},
    {"_snapshot", ouro__py_snapshot, METH_O, NULL},
    {"_object", ouro__py_object, METH_O, NULL},
    {"_pins", ouro__py_pins, METH_NOARGS, NULL},
    {"_heap_stats", ouro__py_heap_stats, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL}};

static int execute(PyObject *module) {
  ouro__py_choose_engine();
  if (PyModule_AddIntConstant(module, "MAX_FRAMES", (long)OURO_TRACE_FRAMES_MAX) < 0) return -1;
  PyObject *preloaded = ouro__py_engine_is_own() ? Py_False : Py_True;
  Py_INCREF(preloaded);
  if (PyModule_AddObject(module, "preloaded", preloaded) < 0) {
    Py_DECREF(preloaded);
    return -1;
  }
  return 0;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, (void *)execute}, {0, NULL}};

static struct PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "ouro._ouro",
    .m_doc = "The tracer and the heap; see the package ouro.",
    .m_methods = functions,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__ouro(void);
PyMODINIT_FUNC PyInit__ouro(void) { return PyModuleDef_Init(&definition); }
