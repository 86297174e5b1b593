/* walker.c - preloaded into a CPython, walks its stack at every allocation of its three domains, from before the interpreter
 * begins until after it has ended, and tells the tests what it saw.
 *
 * Three ways to check what it saw:
 *   - each frame's code must be a code object: the process aborts otherwise;
 *   - walker_compare puts hooks around tracemalloc's: each stack is compared with what tracemalloc has just recorded;
 *   - an allocation of WALKER_MARK bytes and a little more leaves its stack as text, for walker_marked. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "trace/pyframes.h"

#define WALKER_MARK 777777
#define MARK_SLACK 128
#define TEXT_BYTES 65536

typedef struct python_allocator {
  void *context;
  void *(*malloc)(void *context, size_t size);
  void *(*calloc)(void *context, size_t count, size_t size);
  void *(*realloc)(void *context, void *block, size_t size);
  void (*free)(void *context, void *block);
} python_allocator;

#define WEAK __attribute__((weak))
extern const char *Py_GetVersion(void) WEAK;
extern void PyMem_GetAllocator(int domain, python_allocator *allocator) WEAK;
extern void PyMem_SetAllocator(int domain, python_allocator *allocator) WEAK;
extern void *PyMem_RawMalloc(size_t size) WEAK;
extern void PyMem_RawFree(void *block) WEAK;
extern int PyGILState_Check(void) WEAK;
extern void *_PyTraceMalloc_GetTraceback(unsigned domain, uintptr_t block) WEAK;
extern void PyErr_Fetch(void **type, void **value, void **traceback) WEAK;
extern void PyErr_Restore(void *type, void *value, void *traceback) WEAK;
extern ptrdiff_t PyTuple_Size(void *tuple) WEAK;
extern void *PyTuple_GetItem(void *tuple, ptrdiff_t index) WEAK;
extern const char *PyUnicode_AsUTF8(void *string) WEAK;
extern long PyLong_AsLong(void *number) WEAK;
extern void Py_DecRef(void *object) WEAK;
extern char _Py_NoneStruct[] WEAK;
extern char PyCode_Type[] WEAK;

typedef struct walker_counts {
  atomic_ulong allocations, frames;
  atomic_ulong early, late; /* allocations before the interpreter had begun, and since it began to end */
  atomic_ulong begun;
  atomic_ulong compared, compared_frames,
      different; /* stacks, their frames, stacks that were not as tracemalloc has them */
} walker_counts;

typedef struct hook {
  python_allocator inner;
  bool attached, compares;
} hook;

static struct {
  walker_counts counts;
  hook hooks[3], outer[3]; /* of the domains; around tracemalloc's */
  pthread_mutex_t lock;    /* of the texts */
  char marked[TEXT_BYTES], difference[2 * sizeof(ouro__py_place)];
} walker = {.lock = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local bool inside;

/* What the tests call, through ctypes. */
#pragma GCC visibility push(default)
int walker_ready(void);
void walker_read(unsigned long *out);
void walker_compare(int on);
const char *walker_difference(void);
const char *walker_marked(void);
unsigned walker_stack(int attached, char *out, size_t size);
int walker_raw(void);
unsigned walker_native_thread(void);
unsigned walker_callback(void (*callback)(void));
int walker_refuses(const char *version);
unsigned walker_line(const char *code, int offset);
#pragma GCC visibility pop

/* ---------------------------------------------------------------- one walk */

static void expect_code(const char *code) {
  const char *type = ouro__py_pointer(code, sizeof(size_t)); /* ob_type */
  if (type == PyCode_Type) return;
  fprintf(stderr, "walker: a frame whose code is no code object\n");
  abort();
}

static unsigned walk(bool attached) {
  const char *thread = ouro__py_thread(attached);
  unsigned depth = 0;
  for (const char *frame = thread ? ouro__py_top(thread) : NULL; frame; frame = ouro__py_back(frame)) {
    expect_code(ouro__py_code(frame));
    if (depth % 64 == 0) {
      ouro__py_place place;
      if (!ouro__py_resolve(ouro__py_code(frame), ouro__py_at(frame), NULL, &place) || !place.file_length) abort();
    }
    if (++depth > 1000000) abort();
  }
  return depth;
}

/* The stack as text, a line for each frame: file, function, line, whether it entered an evaluation loop. Returns the frames. */
static unsigned describe(bool attached, char *out, size_t size) {
  unsigned depth = 0;
  size_t used = 0;
  const char *thread = ouro__py_thread(attached);
  out[0] = 0;
  for (const char *frame = thread ? ouro__py_top(thread) : NULL; frame && used < size;
       frame = ouro__py_back(frame), depth++) {
    ouro__py_place place;
    ouro__py_resolve(ouro__py_code(frame), ouro__py_at(frame), NULL, &place);
    used += (size_t)snprintf(out + used, size - used, "%s\t%s\t%u\t%d\n", place.file, place.function, place.line,
                             ouro__py_is_entry(frame));
  }
  return depth;
}

/* ---------------------------------------------------------------- against tracemalloc */

/* Keeps the first difference. */
static void differ(ptrdiff_t index, const ouro__py_place *place, const char *file, long line) {
  if (atomic_fetch_add(&walker.counts.different, 1)) return;
  snprintf(walker.difference, sizeof walker.difference, "frame %td: %.1000s:%u in %.250s, by tracemalloc %.1000s:%ld",
           index, place->file, place->line, place->function, file ? file : "?", line);
}

static void compare_frames(void *traceback) {
  ptrdiff_t count = PyTuple_Size(traceback);
  const char *frame = ouro__py_top(ouro__py_thread(true));
  ouro__py_place place = {.line = 0};
  for (ptrdiff_t i = 0; i < count; i++) {
    void *pair = PyTuple_GetItem(traceback, i);
    const char *file = PyUnicode_AsUTF8(PyTuple_GetItem(pair, 0));
    long line = PyLong_AsLong(PyTuple_GetItem(pair, 1));
    if (frame) ouro__py_resolve(ouro__py_code(frame), ouro__py_at(frame), NULL, &place);
    if (!frame && i == 0 && strcmp(file, "<unknown>") == 0) return; /* tracemalloc's only frame of an empty stack */
    if (!frame || !file || strcmp(file, place.file) != 0 || line != (long)place.line)
      return differ(i, &place, file, line);
    atomic_fetch_add(&walker.counts.compared_frames, 1);
    frame = ouro__py_back(frame);
  }
}

static void compare(void *block) {
  void *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  void *recorded = _PyTraceMalloc_GetTraceback(0, (uintptr_t)block);
  if (recorded && recorded != (void *)_Py_NoneStruct) {
    atomic_fetch_add(&walker.counts.compared, 1);
    compare_frames(recorded);
  }
  if (recorded) Py_DecRef(recorded);
  PyErr_Restore(type, value, traceback);
}

/* ---------------------------------------------------------------- the hooks */

static void mark(bool attached) {
  pthread_mutex_lock(&walker.lock);
  describe(attached, walker.marked, sizeof walker.marked);
  pthread_mutex_unlock(&walker.lock);
}

static void look(const hook *of, void *block, size_t size) {
  if (inside || !block) return;
  inside = true;
  if (of->compares) {
    compare(block);
  } else {
    unsigned depth = walk(of->attached);
    walker_counts *counts = &walker.counts;
    atomic_fetch_add(&counts->allocations, 1);
    atomic_fetch_add(&counts->frames, depth);
    if (!ouro__py_finalizing())
      atomic_store(&counts->begun, 1);
    else
      atomic_fetch_add(atomic_load(&counts->begun) ? &counts->late : &counts->early, 1);
    if (size >= WALKER_MARK && size < WALKER_MARK + MARK_SLACK) mark(of->attached);
  }
  inside = false;
}

static void *hook_malloc(void *context, size_t size) {
  hook *of = context;
  void *block = of->inner.malloc(of->inner.context, size);
  look(of, block, size);
  return block;
}

static void *hook_calloc(void *context, size_t count, size_t size) {
  hook *of = context;
  void *block = of->inner.calloc(of->inner.context, count, size);
  look(of, block, count * size);
  return block;
}

static void *hook_realloc(void *context, void *old, size_t size) {
  hook *of = context;
  void *block = of->inner.realloc(of->inner.context, old, size);
  look(of, block, size);
  return block;
}

static void hook_free(void *context, void *block) {
  hook *of = context;
  of->inner.free(of->inner.context, block);
}

static void install(hook *hooks, bool compares) {
  for (int domain = compares ? 1 : 0; domain < 3; domain++) {
    PyMem_GetAllocator(domain, &hooks[domain].inner);
    hooks[domain].attached = domain > 0;
    hooks[domain].compares = compares;
    python_allocator allocator = {&hooks[domain], hook_malloc, hook_calloc, hook_realloc, hook_free};
    PyMem_SetAllocator(domain, &allocator);
  }
}

/* ---------------------------------------------------------------- for the tests */

int walker_ready(void) { return ouro__py.ready; }

void walker_read(unsigned long *out) {
  const atomic_ulong *counts = (const atomic_ulong *)&walker.counts;
  for (size_t i = 0; i < sizeof walker.counts / sizeof *counts; i++) out[i] = atomic_load(&counts[i]);
}

/* With the interpreter's lock, and tracemalloc on. */
void walker_compare(int on) {
  if (on) {
    install(walker.outer, true);
  } else {
    for (int domain = 1; domain < 3; domain++) PyMem_SetAllocator(domain, &walker.outer[domain].inner);
  }
}

const char *walker_difference(void) { return walker.difference; }
const char *walker_marked(void) { return walker.marked; }
unsigned walker_stack(int attached, char *out, size_t size) { return describe(attached, out, size); }

/* A block of the raw domain, marked; to be called with or without the lock. Returns whether the lock was held. */
int walker_raw(void) {
  int held = PyGILState_Check();
  PyMem_RawFree(PyMem_RawMalloc(WALKER_MARK));
  return held;
}

static void *native(void *depth) {
  *(unsigned *)depth = walk(false);
  return NULL;
}

/* The frames that a thread which Python does not know has. */
unsigned walker_native_thread(void) {
  pthread_t thread;
  unsigned depth = 1;
  if (pthread_create(&thread, NULL, native, &depth) == 0) pthread_join(thread, NULL);
  return depth;
}

static void *call_back(void *callback) {
  void (*call)(void);
  memcpy(&call, &callback, sizeof call);
  uintptr_t depth = 0;
  for (int i = 0; i < 50; i++) {
    depth += walk(false);
    call();
    depth += walk(false);
  }
  return (void *)depth;
}

/* Another thread enters Python by `callback` and leaves it again. Returns the frames that it has outside. */
unsigned walker_callback(void (*callback)(void)) {
  pthread_t thread;
  void *function, *depth = (void *)1;
  memcpy(&function, &callback, sizeof function);
  if (pthread_create(&thread, NULL, call_back, function) == 0) pthread_join(thread, &depth);
  return (unsigned)(uintptr_t)depth;
}

/* The line of the instruction at `offset` bytes. */
unsigned walker_line(const char *code, int offset) {
  uintptr_t at = (uintptr_t)offset;
  if (ouro__py.is.minor == 10) at /= sizeof(uint16_t);
  if (ouro__py.is.minor > 10) at += (uintptr_t)code + ouro__py.is.code_start;
  ouro__py_place place;
  return ouro__py_resolve(code, at, NULL, &place) ? place.line : 0;
}

static void *find(const char *name) { return dlsym(RTLD_DEFAULT, name); }

/* Does the start refuse the interpreter at hand where it says that it is `version`? */
int walker_refuses(const char *version) { return !ouro__py_start(version, find); }

/* ---------------------------------------------------------------- start and end */

__attribute__((constructor)) static void start(void) {
  if (!Py_GetVersion || !ouro__py_start(Py_GetVersion(), find)) return;
  install(walker.hooks, false);
}

__attribute__((destructor)) static void report(void) {
  const char *path = getenv("PYFRAMES_REPORT");
  FILE *file = path && ouro__py.ready ? fopen(path, "w") : NULL;
  if (!file) return;
  const walker_counts *counts = &walker.counts;
  fprintf(file, "%lu %lu %lu %lu\n%s", atomic_load(&counts->allocations), atomic_load(&counts->early),
          atomic_load(&counts->late), atomic_load(&counts->frames), walker.marked);
  fclose(file);
}
