/* reading.h - the module's functions that read what was traced.
 *
 * Each works in two steps: the heap or the sites are walked into mapped memory, with no Python object made; then Python's objects
 * are made of that, with the thread's own allocations left out of the trace. */
#ifndef OURO_PYTHON_READING_H
#define OURO_PYTHON_READING_H

#include <Python.h>

/* _snapshot(peak): [(domain, size, count, variance, frames, functions, total, sizes), ...], one for each stack and domain. `sizes`
 * has two native 64-bit numbers for each size of block there, the size and how many there are; it is empty where only sums are
 * known. */
PyObject *ouro__py_snapshot(PyObject *module, PyObject *peak);

/* _object(obj): (frames, functions, total), or None. */
PyObject *ouro__py_object(PyObject *module, PyObject *object);

/* _pins(): [(arena, whole, blocks, bytes, kept, sole, held, oldest, youngest, stack), ...]; stack is (frames, functions, total), or
 * None. */
PyObject *ouro__py_pins(PyObject *module, PyObject *unused);

/* _heap_stats(): JSON, as text. */
PyObject *ouro__py_heap_stats(PyObject *module, PyObject *unused);

/* Set the exception for an error code of ouro's, and return NULL. */
PyObject *ouro__py_raise(int error);

#endif
