/* trace/pyframes.h - the stack of CPython 3.9 to 3.13, read in place, from inside the functions of its allocator.
 *
 * Calling Python to look at its stack would allocate, count references and make frame objects. So this reads the interpreter's
 * own structures, which differ from one minor version to the next, by offsets from a table (pyoffsets.h):
 *
 *     3.9, 3.10    thread.frame ------------------------> frame --back--> frame          objects; a place is a number
 *     3.11, 3.12   thread.cframe --> current_frame -----> frame --previous--> frame      records; a place is an address
 *     3.13         thread.current_frame ----------------> frame --previous--> frame
 *
 * Some records are no frames to a reader, and are passed over, as tracemalloc passes them over: those whose code has not reached
 * its first instruction that can be traced (it still makes its cells or its generator), and from 3.12 on the one that each C
 * evaluation loop keeps on the C stack. A generator's record is on the stack while it runs, and only then.
 *
 * Nothing here allocates, takes a lock, changes a reference count, sets an exception or changes errno.
 *
 * I-PY-1  what a function here returns is read by the thread that got it, before that thread goes back to the interpreter
 * I-PY-2  ready never goes back to false; nothing else of the layout changes once it is set */
#ifndef OURO_TRACE_PYFRAMES_H
#define OURO_TRACE_PYFRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/base.h"

/* Bytes from the start of a structure, per minor version of CPython. What a version has not is 0. */
typedef struct ouro__py_offsets {
  uint16_t minor;
  uint16_t thread_frame;                          /* PyThreadState: frame, cframe or current_frame */
  uint16_t control_frame;                         /* 3.11, 3.12: of _PyCFrame, current_frame */
  uint16_t frame_code;                            /* PyFrameObject or _PyInterpreterFrame */
  uint16_t frame_back;                            /* the next outward */
  uint16_t frame_at;                              /* f_lasti (int), prev_instr or instr_ptr */
  uint16_t frame_owner;                           /* 3.11 on: char */
  uint16_t frame_entry;                           /* 3.11: bool */
  uint16_t code_file, code_name;                  /* PyCodeObject; the name is the qualified one where there is one */
  uint16_t code_start;                            /* 3.11 on: the instructions */
  uint16_t code_first;                            /* 3.11 on: _co_firsttraceable (int), in instructions */
  uint16_t code_line;                             /* co_firstlineno (int) */
  uint16_t code_lines;                            /* co_lnotab or co_linetable: bytes, in one of three formats */
  uint16_t bytes_length, bytes_data;              /* PyBytesObject */
  uint16_t string_length, string_state;           /* PyASCIIObject */
  uint16_t string_ascii, string_compact;          /* characters of a str that is all ASCII; of one that is not */
  uint16_t string_any;                            /* of one of a subclass: a pointer to them */
  uint16_t code_bytes, frame_bytes, string_bytes; /* tp_basicsize of the three types, for checking */
  uint16_t type_bytes, type_members;              /* PyTypeObject: tp_basicsize, tp_members */
} ouro__py_offsets;

typedef struct ouro__py_layout {
  _Atomic bool ready; /* the rest means something */
  ouro__py_offsets is;
  void *(*current)(void);      /* the thread state that holds the interpreter's lock */
  void *(*own)(void);          /* the calling thread's, whether it holds the lock or not */
  int (*is_initialized)(void); /* false again from when the interpreter begins to end */
} ouro__py_layout;

extern ouro__py_layout ouro__py __attribute__((visibility("hidden")));

typedef struct ouro__py_place {
  char file[1024], function[256];        /* UTF-8, ended by NUL, cut to fit between two characters */
  unsigned file_length, function_length; /* bytes, without the NUL */
  unsigned line;                         /* 0: unknown */
} ouro__py_place;

/* Choose offsets for `version_text`, which is Py_GetVersion's, and look functions up with `find`, a dlsym on the right handle;
 * before the interpreter runs, or while it does. False: the version is not known, or it is not laid out as that version is. */
bool ouro__py_start(const char *version_text, void *(*find)(const char *name));

/* Has the interpreter begun to end, or not begun? */
bool ouro__py_finalizing(void);

/* Where the last question about the lines of a code object ended: the next one, further on, need not begin at the first line. All zeros: at the
 * beginning. It holds for one code object while that lives. */
typedef struct ouro__py_bookmark {
  const unsigned char *next;
  int line, reached;
} ouro__py_bookmark;

/* The file, function and line of a place that `code` and `at` tell. `mark`: of this code object; NULL: none.
 * pre: the code object is alive, for instance because this thread runs it. The interpreter's lock is not needed. */
bool ouro__py_resolve(const char *code, uintptr_t at, ouro__py_bookmark *mark, ouro__py_place *out);

/* ---------------------------------------------------------------- reading */

#define OURO__PY_OWNER_GENERATOR 1 /* enum _frameowner, from 3.11 on */
#define OURO__PY_OWNER_C_STACK 3   /* from 3.12 on */

static inline const char *ouro__py_pointer(const char *structure, size_t offset) {
  const char *value;
  memcpy(&value, structure + offset, sizeof value);
  return value;
}

static inline int ouro__py_int(const char *structure, size_t offset) {
  int value;
  memcpy(&value, structure + offset, sizeof value);
  return value;
}

/* The thread state of the calling thread; NULL: it has none, or none that may be looked at.
 *
 * `attached`: the caller certainly holds the interpreter's lock, as a function of the domains mem and obj does. The state is then
 * the current one, whichever interpreter of the process it is of.
 *
 * Otherwise, in the raw domain and in malloc, the lock may be somebody else's, and so may the current state be. The state is the
 * one that CPython keeps for each thread. Only this thread runs its frames, and only this thread frees it, until the interpreter
 * begins to end: from then on there is none. Up to 3.11, a thread that has states in several interpreters gets its first. */
static inline const char *ouro__py_thread(bool attached) {
  if (!ouro__load_acquire(&ouro__py.ready)) return NULL;
  if (attached) return ouro__py.current();
  return ouro__py.is_initialized() ? ouro__py.own() : NULL;
}

static inline const char *ouro__py_code(const char *frame) { return ouro__py_pointer(frame, ouro__py.is.frame_code); }

/* Where `frame` is in its code. It changes whenever the line can, and says which line together with the code. */
static inline uintptr_t ouro__py_at(const char *frame) {
  if (ouro__py.is.minor <= 10) return (uintptr_t)(intptr_t)ouro__py_int(frame, ouro__py.is.frame_at);
  return (uintptr_t)ouro__py_pointer(frame, ouro__py.is.frame_at);
}

/* From 3.11 on: is this a record that is no frame to a reader? */
static inline bool ouro__py_is_hidden(const char *frame) {
  char owner = frame[ouro__py.is.frame_owner];
  if (owner == OURO__PY_OWNER_GENERATOR) return false;
  if (owner == OURO__PY_OWNER_C_STACK) return true;
  const char *code = ouro__py_code(frame);
  size_t first = (size_t)ouro__py_int(code, ouro__py.is.code_first) * sizeof(uint16_t);
  return ouro__py_at(frame) < (uintptr_t)code + ouro__py.is.code_start + first;
}

static inline const char *ouro__py_shown(const char *frame) {
  if (ouro__py.is.minor <= 10) return frame;
  while (frame && ouro__py_is_hidden(frame)) frame = ouro__py_pointer(frame, ouro__py.is.frame_back);
  return frame;
}

/* The innermost record, which may be one that is no frame to a reader; NULL: none. */
static inline const char *ouro__py_innermost(const char *thread) {
  const char *frame = ouro__py_pointer(thread, ouro__py.is.thread_frame);
  if (ouro__py.is.minor == 11 || ouro__py.is.minor == 12) frame = ouro__py_pointer(frame, ouro__py.is.control_frame);
  return frame;
}

/* The innermost frame; NULL: none. */
static inline const char *ouro__py_top(const char *thread) { return ouro__py_shown(ouro__py_innermost(thread)); }

/* The next frame outward; NULL: none. */
static inline const char *ouro__py_back(const char *frame) {
  return ouro__py_shown(ouro__py_pointer(frame, ouro__py.is.frame_back));
}

/* Was the C evaluation loop that runs `frame` entered for it, rather than for a frame further out? For weaving native and Python
 * stacks. An evaluation loop that was entered for a record that is passed over has no frame here. */
static inline bool ouro__py_is_entry(const char *frame) {
  if (ouro__py.is.minor <= 10) return true;
  if (ouro__py.is.minor == 11) return frame[ouro__py.is.frame_entry];
  const char *back = ouro__py_pointer(frame, ouro__py.is.frame_back);
  return !back || back[ouro__py.is.frame_owner] == OURO__PY_OWNER_C_STACK;
}

#endif
