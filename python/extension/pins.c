/* pins.c - who keeps which memory from the system, and the statistics of the heap. */
#include "reading.h"

#include <stdbool.h>

#include "engine.h"
#include "frames.h"
#include "mapped.h"

static int add_pin(const ouro_trace_pin *pin, void *buffer) {
  return ouro__mapped_append(buffer, pin, sizeof *pin) ? 0 : OURO_ENOMEM;
}

static PyObject *stack_of(ouro__py_seen *seen, const ouro_trace_pin *pin) {
  if (!pin->whole && pin->stack) return ouro__py_frames(seen, pin->stack);
  Py_INCREF(Py_None);
  return Py_None;
}

static PyObject *tuple_of(ouro__py_seen *seen, const ouro_trace_pin *pin) {
  PyObject *stack = stack_of(seen, pin);
  if (!stack) return NULL;
  return Py_BuildValue("(NNKKKKKddN)", PyLong_FromVoidPtr((void *)(uintptr_t)pin->arena), PyBool_FromLong(pin->whole),
                       (unsigned long long)pin->blocks, (unsigned long long)pin->bytes, (unsigned long long)pin->kept,
                       (unsigned long long)pin->sole, (unsigned long long)pin->held, pin->oldest, pin->youngest, stack);
}

static PyObject *list_of(const ouro__mapped *buffer) {
  const ouro_trace_pin *pins = (const void *)buffer->bytes;
  ouro__py_seen seen = {0};
  PyObject *list = PyList_New(0);
  for (size_t i = 0; list && i < buffer->used / sizeof *pins; i++) {
    PyObject *pin = tuple_of(&seen, &pins[i]);
    if (!pin || PyList_Append(list, pin) < 0) Py_CLEAR(list);
    Py_XDECREF(pin);
  }
  ouro__py_seen_clear(&seen);
  return list;
}

PyObject *ouro__py_pins(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  ouro__mapped buffer = {0};
  bool was_quiet = ouro__py_engine()->quiet(true);
  int error = ouro__py_engine()->each_pin(add_pin, &buffer);
  PyObject *list = error ? ouro__py_raise(error) : list_of(&buffer);
  ouro__mapped_clear(&buffer);
  ouro__py_engine()->quiet(was_quiet);
  return list;
}

static int add_text(void *buffer, const char *text, size_t length) {
  return ouro__mapped_append(buffer, text, length) ? 0 : OURO_ENOMEM;
}

PyObject *ouro__py_heap_stats(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  ouro__mapped buffer = {0};
  int error = ouro__py_engine()->stats_write(OURO_FORMAT_JSON, add_text, &buffer);
  PyObject *text = error ? PyErr_NoMemory() : PyUnicode_DecodeUTF8(buffer.bytes, (Py_ssize_t)buffer.used, "replace");
  ouro__mapped_clear(&buffer);
  return text;
}
