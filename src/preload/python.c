/* preload/python.c - puts CPython's three allocator domains on ouro's heap, and knows where they are.
 *
 * PyMem_Malloc and PyObject_Malloc call through a table of four functions for each domain. This file replaces the tables with
 * PyMem_SetAllocator before the interpreter's first allocation, from the constructor of the preloaded library: the loader has
 * mapped and relocated the executable and libpython by then, and neither has run. PyObject_Malloc is then one indirect call
 * away from the heap; PYTHONMALLOC=malloc would take two more.
 *
 * What can undo it: an interpreter reads PYTHONMALLOC, and the development mode (-X dev, PYTHONDEVMODE), when it starts, and
 * sets its tables anew where either asks for something. So the variable is edited here, in the interpreter's process, by the
 * table above `plan_environment`. The user's value waits in OURO_PYTHONMALLOC, and every process down the line starts from it.
 *
 * Left alone: free-threaded builds, whose collector finds objects by walking the interpreter's own allocator; versions before
 * 3.8; interpreters that already run. A libpython that is loaded later finds PYTHONMALLOC=malloc, which `ouro run` exports. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "heap/heap.h"
#include "os/os.h"
#include "preload/control.h"
#include "preload/doors.h"

#define PYTHON_COMMAND_BYTES 4096
#define SAVED_VARIABLE "OURO_PYTHONMALLOC"

enum { DOMAIN_RAW, DOMAIN_MEM, DOMAIN_OBJ, DOMAIN_COUNT };

/* CPython's PyMemAllocatorEx: part of its stable interface since 3.5. */
typedef struct python_allocator {
  void *context;
  void *(*malloc)(void *context, size_t size);
  void *(*calloc)(void *context, size_t count, size_t size);
  void *(*realloc)(void *context, void *block, size_t size);
  void (*free)(void *context, void *block);
} python_allocator;

/* The part of CPython's interface that is used, looked up by name: this library is linked with no libpython. */
typedef struct python_interface {
  const char *(*version)(void);
  int (*is_initialized)(void);
  void (*set_allocator)(int domain, python_allocator *allocator);
  void (*get_allocator)(int domain, python_allocator *allocator);
  void (*setup_debug_hooks)(void);
  const char *(*allocator_name)(void); /* this and the next are private to CPython, but exported; NULL is coped with */
  int (*is_finalizing)(void);
} python_interface;

/* Present where the executable or a library that it links is CPython. A weak reference costs a symbol lookup when the library
 * is loaded; dlsym would, where it finds nothing, allocate a message as well. */
extern const char *Py_GetVersion(void) __attribute__((weak));

/* Written by the constructor, before there is a second thread; read afterwards. */
static struct {
  python_interface call;
  ouro__python_info info;
} python;

/* ---------------------------------------------------------------- the allocator that Python gets
 *
 * Python asks for 0 bytes and expects a block of its own, as ouro gives; it has refused sizes above PTRDIFF_MAX before it
 * calls; and it calls the raw domain from any thread, as ouro allows. */

/* The context is the domain, as the tracer numbers them. */
static unsigned domain_of(void *context) { return (unsigned)(uintptr_t)context; }

static void *python_malloc(void *context, size_t size) { return door_malloc(size, domain_of(context)); }
static void *python_calloc(void *context, size_t count, size_t size) { return door_calloc(count, size, domain_of(context)); }
static void *python_realloc(void *context, void *block, size_t size) { return door_realloc(block, size, domain_of(context)); }

static void python_free(void *context, void *block) {
  (void)context;
  door_free(block);
}

/* ---------------------------------------------------------------- finding the interpreter */

/* Store the address of `name` in `*function`, a pointer to function; NULL where there is none. */
static bool find_function(void *library, const char *name, void *function) {
  void *address = dlsym(library, name);
  memcpy(function, &address, sizeof address);
  return address != NULL;
}

static bool find_interface(void *library, python_interface *call) {
  find_function(library, "_PyMem_GetCurrentAllocatorName", &call->allocator_name);
  if (!find_function(library, "Py_IsFinalizing", &call->is_finalizing)) { /* public from 3.13 on */
    find_function(library, "_Py_IsFinalizing", &call->is_finalizing);
  }
  return find_function(library, "Py_GetVersion", &call->version) &&
         find_function(library, "Py_IsInitialized", &call->is_initialized) &&
         find_function(library, "PyMem_SetAllocator", &call->set_allocator) &&
         find_function(library, "PyMem_GetAllocator", &call->get_allocator) &&
         find_function(library, "PyMem_SetupDebugHooks", &call->setup_debug_hooks);
}

/* "3.11.7 (main, ...)" to "3.11.7". */
static void copy_version(char *version, const char *text) {
  size_t length = strcspn(text, " ");
  if (length >= OURO_CONTROL_PYTHON_BYTES) length = OURO_CONTROL_PYTHON_BYTES - 1;
  memcpy(version, text, length);
  version[length] = 0;
}

static bool version_at_least_3_8(const char *version) {
  char *end;
  long major = strtol(version, &end, 10);
  long minor = *end == '.' ? strtol(end + 1, NULL, 10) : 0;
  return major > 3 || (major == 3 && minor >= 8);
}

/* Its allocator for objects cannot be replaced: the collector walks it. The version's text says so from 3.13 on. */
static bool is_free_threaded(const char *version_text) { return strstr(version_text, "free-threading build") != NULL; }

/* ---------------------------------------------------------------- the command line, as CPython reads it */

typedef struct python_flags {
  bool ignores_environment; /* -E or -I */
  bool dev_mode;            /* -X dev */
} python_flags;

/* Read one argument of short options, such as "-bX" or "-IXdev". Returns false at the end of options; sets `*takes_next` where
 * the value of the last option is the next argument. */
static bool read_short_options(const char *argument, python_flags *flags, const char **takes_next) {
  for (const char *option = argument + 1; *option; option++) {
    switch (*option) {
    case 'E':
    case 'I':
      flags->ignores_environment = true;
      break;
    case 'c':
    case 'm':
      return false;
    case 'W':
    case 'X':
      if (!option[1]) *takes_next = *option == 'X' ? "X" : "W";
      if (*option == 'X' && strcmp(option + 1, "dev") == 0) flags->dev_mode = true;
      return true;
    default:
      break;
    }
  }
  return true;
}

/* `command` holds arguments, each ended by NUL, up to `end`. */
static python_flags read_flags(const char *command, const char *end) {
  python_flags flags = {false, false};
  const char *takes_next = NULL;
  for (const char *argument = command + strlen(command) + 1; argument < end; argument += strlen(argument) + 1) {
    if (takes_next) {
      if (*takes_next == 'X' && strcmp(argument, "dev") == 0) flags.dev_mode = true;
      takes_next = NULL;
    } else if (strcmp(argument, "--check-hash-based-pycs") == 0) {
      takes_next = argument;
    } else if (argument[0] != '-' || !argument[1] || argument[1] == '-') {
      break;
    } else if (!read_short_options(argument, &flags, &takes_next)) {
      break;
    }
  }
  return flags;
}

static python_flags own_flags(void) {
  char command[PYTHON_COMMAND_BYTES + 1];
  ssize_t length = -1;
  int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
  if (fd >= 0) {
    length = read(fd, command, PYTHON_COMMAND_BYTES);
    close(fd);
  }
  if (length <= 0) return (python_flags){false, false};
  command[length] = 0;
  return read_flags(command, command + length);
}

/* ---------------------------------------------------------------- the environment */

static const char *variable(const char *name) {
  const char *value = ouro__os_env(name);
  return value && *value ? value : NULL;
}

/* Bring PYTHONMALLOC back to what the user set, whichever process of ours changed it. */
static void restore_environment(void) {
  const char *saved = ouro__os_env(SAVED_VARIABLE);
  if (!saved) return;
  if (*saved)
    setenv("PYTHONMALLOC", saved, 1);
  else
    unsetenv("PYTHONMALLOC");
  unsetenv(SAVED_VARIABLE);
}

/* Set PYTHONMALLOC to `value`, or remove it where that is NULL. */
static void change_environment(const char *value) {
  const char *own = variable("PYTHONMALLOC");
  setenv(SAVED_VARIABLE, own ? own : "", 1);
  if (value)
    setenv("PYTHONMALLOC", value, 1);
  else
    unsetenv("PYTHONMALLOC");
}

static bool is(const char *text, const char *other) { return strcmp(text, other) == 0; }

/* Decide where Python's memory goes, and make the environment say so. Returns true where the tables may be replaced: nothing
 * in the environment or on the command line will undo it.
 *
 *     PYTHONMALLOC     becomes       becomes in development mode
 *     unset            -             malloc_debug
 *     malloc, default  unset         malloc
 *     debug            malloc_debug  malloc_debug
 *     anything else    -             -
 *
 * With -E or -I the interpreter does not look, and in development mode takes its own allocator. */
static bool plan_environment(ouro__python_info *info) {
  python_flags flags = own_flags();
  restore_environment();
  const char *asked = flags.ignores_environment ? NULL : variable("PYTHONMALLOC");
  bool dev_mode = flags.dev_mode || (!flags.ignores_environment && variable("PYTHONDEVMODE"));
  if (dev_mode && flags.ignores_environment) {
    info->memory = OURO_PYTHON_OWN;
    info->cause = OURO_PYTHON_CAUSE_DEV_MODE;
  } else if (!asked && !dev_mode) {
    return true;
  } else if (!asked || is(asked, "debug")) {
    info->memory = OURO_PYTHON_MALLOC_DEBUG;
    info->cause = asked ? OURO_PYTHON_CAUSE_DEBUG : OURO_PYTHON_CAUSE_DEV_MODE;
    change_environment("malloc_debug");
  } else if (is(asked, "malloc") || is(asked, "default")) {
    info->memory = OURO_PYTHON_MALLOC;
    change_environment(dev_mode ? "malloc" : NULL);
    return !dev_mode;
  } else {
    info->memory = is(asked, "malloc_debug") ? OURO_PYTHON_MALLOC_DEBUG : OURO_PYTHON_OWN;
    info->cause = OURO_PYTHON_CAUSE_ASKED;
  }
  return false;
}

/* ---------------------------------------------------------------- at the start */

static void install(const python_interface *call, ouro__python_info *info) {
  python_allocator before;
  call->get_allocator(DOMAIN_OBJ, &before);
  for (int domain = 0; domain < DOMAIN_COUNT; domain++) {
    python_allocator ours = {(void *)(uintptr_t)(OURO_DOMAIN_RAW + domain), python_malloc, python_calloc, python_realloc, python_free};
    call->set_allocator(domain, &ours);
  }
  info->memory = OURO_PYTHON_DIRECT;
  /* A debug build of CPython begins with its debug hooks in the tables, which have a context; it expects to find them. */
  if (before.context) {
    call->setup_debug_hooks();
    info->memory = OURO_PYTHON_MALLOC_DEBUG;
  }
}

void ouro__python_start(void) {
  if (!Py_GetVersion) return;
  const char *text = Py_GetVersion();
  ouro__python_info *info = &python.info;
  bool complete = find_interface(RTLD_DEFAULT, &python.call);
  copy_version(info->version, text);
  if (is_free_threaded(text))
    info->memory = OURO_PYTHON_FREE_THREADED;
  else if (!complete || !version_at_least_3_8(info->version))
    info->memory = OURO_PYTHON_TOO_OLD;
  else if (python.call.is_initialized())
    info->memory = OURO_PYTHON_STARTED;
  else if (plan_environment(info))
    install(&python.call, info);
}

const char *ouro__python_version_text(void) { return Py_GetVersion ? Py_GetVersion() : NULL; }

int ouro__python_is_away(void) {
  const python_interface *call = &python.call;
  return call->is_initialized && (!call->is_initialized() || (call->is_finalizing && call->is_finalizing()));
}

/* ---------------------------------------------------------------- at the end: what do the tables say? */

/* Look for a libpython that was not there at the start. */
static int visit_library(struct dl_phdr_info *library, size_t size, void *name) {
  (void)size;
  const char *slash = strrchr(library->dlpi_name, '/');
  if (strncmp(slash ? slash + 1 : library->dlpi_name, "libpython", 9) != 0) return 0;
  if (strlen(library->dlpi_name) >= PYTHON_COMMAND_BYTES) return 0;
  strcpy(name, library->dlpi_name);
  return 1;
}

/* libpython3.so only forwards to the real one, and both may be loaded: the interface is found through either. */
static bool find_late(python_interface *call, ouro__python_info *info) {
  char name[PYTHON_COMMAND_BYTES] = "";
  if (!dl_iterate_phdr(visit_library, name)) return false;
  void *library = dlopen(name, RTLD_LAZY | RTLD_NOLOAD);
  if (!library) return false;
  bool found = find_interface(library, call);
  if (found) {
    copy_version(info->version, call->version());
    info->cause = OURO_PYTHON_CAUSE_LATE;
    info->memory = OURO_PYTHON_OWN;
    if (is_free_threaded(call->version())) info->memory = OURO_PYTHON_FREE_THREADED;
  }
  dlclose(library);
  return found;
}

static bool tables_are_ours(const python_interface *call) {
  for (int domain = 0; domain < DOMAIN_COUNT; domain++) {
    python_allocator now;
    call->get_allocator(domain, &now);
    if (now.malloc != python_malloc) return false;
  }
  return true;
}

/* CPython's name for what its tables hold; NULL for anything that it does not know, such as ours behind a tracer. 3.12 takes a
 * lock for the answer, and has freed that lock once the interpreter is finalized. */
static const char *allocator_name(const python_interface *call, const char *version) {
  if (!call->allocator_name) return NULL;
  if (strncmp(version, "3.12", 4) == 0 && !call->is_initialized()) return NULL;
  return call->allocator_name();
}

static uint32_t memory_by_name(const char *name, uint32_t planned) {
  if (!name) return planned == OURO_PYTHON_DIRECT ? OURO_PYTHON_WRAPPED : planned;
  if (strcmp(name, "malloc") == 0) return OURO_PYTHON_MALLOC;
  if (strcmp(name, "malloc_debug") == 0) return OURO_PYTHON_MALLOC_DEBUG;
  return OURO_PYTHON_OWN;
}

void ouro__python_describe(ouro__python_info *info, int at_exit) {
  python_interface call = python.call;
  *info = python.info;
  if (!at_exit) return;
  if (info->memory == OURO_PYTHON_NONE && !find_late(&call, info)) return;
  if (info->memory < OURO_PYTHON_OWN) return;
  info->verified = 1;
  if (tables_are_ours(&call))
    info->memory = OURO_PYTHON_DIRECT;
  else
    info->memory = memory_by_name(allocator_name(&call, info->version), info->memory);
}
