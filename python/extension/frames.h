/* frames.h - stacks as Python tuples: (frames, functions, total), where frames is ((filename, line), ...), the most recent first,
 * as tracemalloc has them, functions is as long, and total is how many frames there were, or None where the limit may have cut
 * some. */
#ifndef OURO_PYTHON_FRAMES_H
#define OURO_PYTHON_FRAMES_H

#include <Python.h>
#include <stdint.h>

/* Strings and tuples that were made already, so that equal ones are the same. Both NULL before the first use. */
typedef struct ouro__py_seen {
  PyObject *strings; /* by the address of their text */
  PyObject *tuples;  /* each by itself */
} ouro__py_seen;

void ouro__py_seen_clear(ouro__py_seen *seen);

/* The tuple of a stack. Returns NULL with an exception set. */
PyObject *ouro__py_frames(ouro__py_seen *seen, uint32_t stack);

#endif
