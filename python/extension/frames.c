/* frames.c - stacks as Python tuples. */
#define _GNU_SOURCE
#include "frames.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "engine.h"

/* ---------------------------------------------------------------- what was made already */

static int seen_start(ouro__py_seen *seen) {
  if (!seen->strings) seen->strings = PyDict_New();
  if (!seen->tuples) seen->tuples = PyDict_New();
  return seen->strings && seen->tuples ? 0 : -1;
}

void ouro__py_seen_clear(ouro__py_seen *seen) {
  Py_CLEAR(seen->strings);
  Py_CLEAR(seen->tuples);
}

/* Takes over `made`, which may be NULL, and returns what is equal to it and was there first. */
static PyObject *the_one(ouro__py_seen *seen, PyObject *made) {
  if (!made) return NULL;
  PyObject *first = PyDict_SetDefault(seen->tuples, made, made);
  Py_XINCREF(first);
  Py_DECREF(made);
  return first;
}

static PyObject *decode(const char *text) { return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "surrogateescape"); }

/* The tracer has each text once, so its address stands for it. */
static PyObject *string_of(ouro__py_seen *seen, const char *text) {
  PyObject *key = PyLong_FromVoidPtr((void *)(uintptr_t)text);
  if (!key) return NULL;
  PyObject *string = PyDict_GetItemWithError(seen->strings, key);
  Py_XINCREF(string);
  if (!string && !PyErr_Occurred()) {
    string = decode(text);
    if (string && PyDict_SetItem(seen->strings, key, string) < 0) Py_CLEAR(string);
  }
  Py_DECREF(key);
  return string;
}

/* ---------------------------------------------------------------- a frame
 *
 * A native frame is named after its library, in angle brackets so that nobody looks for source lines in there. */

static PyObject *native_name(const ouro_trace_frame *frame) {
  Dl_info info;
  if (!dladdr(frame->address, &info) || !info.dli_fname || !*info.dli_fname) return PyUnicode_FromString("<native>");
  const char *slash = strrchr(info.dli_fname, '/');
  char name[256];
  snprintf(name, sizeof name, "<%s>", slash ? slash + 1 : info.dli_fname);
  return decode(name);
}

static PyObject *native_function(const ouro_trace_frame *frame) {
  Dl_info info;
  if (dladdr(frame->address, &info) && info.dli_sname) return decode(info.dli_sname);
  return PyUnicode_FromFormat("%p", frame->address);
}

static PyObject *file_of(ouro__py_seen *seen, const ouro_trace_frame *frame) {
  if (frame->address) return native_name(frame);
  return *frame->file ? string_of(seen, frame->file) : PyUnicode_FromString("<unknown>");
}

static PyObject *function_of(ouro__py_seen *seen, const ouro_trace_frame *frame) {
  return frame->address ? native_function(frame) : string_of(seen, frame->function);
}

static PyObject *place_of(ouro__py_seen *seen, const ouro_trace_frame *frame) {
  PyObject *file = file_of(seen, frame);
  return file ? the_one(seen, Py_BuildValue("(NI)", file, frame->line)) : NULL;
}

/* ---------------------------------------------------------------- a stack */

/* Fill both tuples, which are new; -1 with an exception set. */
static int fill(ouro__py_seen *seen, const ouro_trace_frame *frames, PyObject *places, PyObject *functions) {
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(places); i++) {
    PyObject *place = place_of(seen, &frames[i]);
    if (!place) return -1;
    PyTuple_SET_ITEM(places, i, place);
    PyObject *function = function_of(seen, &frames[i]);
    if (!function) return -1;
    PyTuple_SET_ITEM(functions, i, function);
  }
  return 0;
}

static PyObject *total_of(unsigned depth) {
  if (depth < ouro__py_totals().frames) return PyLong_FromUnsignedLong(depth);
  Py_INCREF(Py_None);
  return Py_None;
}

PyObject *ouro__py_frames(ouro__py_seen *seen, uint32_t stack) {
  ouro_trace_frame frames[OURO_TRACE_FRAMES_MAX] = {{.file = "", .function = ""}};
  unsigned depth = ouro__py_engine()->stack(stack, frames, OURO_TRACE_FRAMES_MAX);
  if (depth > OURO_TRACE_FRAMES_MAX) depth = OURO_TRACE_FRAMES_MAX;
  if (depth == 0) depth = 1; /* tracemalloc's ("<unknown>", 0): frames[0] as it was set above */
  if (seen_start(seen) < 0) return NULL;
  PyObject *places = PyTuple_New(depth), *functions = PyTuple_New(depth), *total = total_of(depth);
  if (!places || !functions || !total || fill(seen, frames, places, functions) < 0) {
    Py_XDECREF(places);
    Py_XDECREF(functions);
    Py_XDECREF(total);
    return NULL;
  }
  places = the_one(seen, places);
  functions = the_one(seen, functions);
  return Py_BuildValue("(NNN)", places, functions, total);
}
