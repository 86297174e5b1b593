/* gc/debug.c - callbacks around collections, what the debug flags say, and the garbage list. */
#include <string.h>
#include <unistd.h>

#include "gc/gc.h"

/* ---------------------------------------------------------------- callbacks */

typedef struct callback {
  ouro_gc_fn fn;
  void *arg;
} callback;

static callback *callbacks;
static size_t callback_count;

int ouro_gc_callback_add(ouro_gc_fn fn, void *arg) {
  if (!fn) return OURO_EINVAL;
  if (!ouro__attached()) return OURO_EPERM;
  callback *more = ouro_realloc(callbacks, (callback_count + 1) * sizeof *more);
  if (!more) return OURO_ENOMEM;
  callbacks = more;
  callbacks[callback_count++] = (callback){fn, arg};
  return OURO_OK;
}

int ouro_gc_callback_remove(ouro_gc_fn fn, void *arg) {
  if (!ouro__attached()) return OURO_EPERM;
  for (size_t i = 0; i < callback_count; i++) {
    if (callbacks[i].fn != fn || callbacks[i].arg != arg) continue;
    callback_count--;
    memmove(&callbacks[i], &callbacks[i + 1], (callback_count - i) * sizeof *callbacks);
    if (callback_count == 0) {
      ouro_free(callbacks);
      callbacks = NULL;
    }
    return OURO_OK;
  }
  return OURO_EINVAL;
}

void ouro__gc_call_back(const ouro_gc_info *info) {
  for (size_t i = 0; i < callback_count; i++) { /* a callback may remove itself */
    callback it = callbacks[i];
    it.fn(info, it.arg);
    if (i < callback_count && callbacks[i].fn == it.fn && callbacks[i].arg == it.arg) continue;
    i--;
  }
}

/* ---------------------------------------------------------------- what is said */

static void (*writer)(void *arg, const char *text, size_t length);
static void *writer_arg;

int ouro_gc_set_debug(unsigned flags) {
  const unsigned all = OURO_GC_DEBUG_STATS | OURO_GC_DEBUG_LEAK;
  if (flags & ~all) return OURO_EINVAL;
  ouro__gc.debug = flags;
  return OURO_OK;
}

unsigned ouro_gc_get_debug(void) { return ouro__gc.debug; }

void ouro_gc_set_debug_writer(void (*write)(void *arg, const char *text, size_t length), void *arg) {
  writer = write;
  writer_arg = arg;
}

void ouro__gc_say(const char *text) {
  if (writer) {
    writer(writer_arg, text, strlen(text));
  } else {
    ouro__write_fd(STDERR_FILENO, text, strlen(text));
  }
}

void ouro__gc_say_object(const char *what, const ouro_object *object) {
  char line[256];
  ouro__text text = {line, sizeof line - 2};
  ouro__text_str(&text, "gc: ");
  ouro__text_str(&text, what);
  ouro__text_str(&text, " <");
  ouro__text_str(&text, ouro_type_of(object)->name);
  ouro__text_str(&text, " ");
  ouro__text_hex(&text, (uintptr_t)object);
  ouro__text_str(&text, ">\n");
  ouro__gc_say(line);
}

void ouro__gc_say_collection(const ouro_gc_info *info) {
  char line[256];
  ouro__text text = {line, sizeof line - 1};
  ouro__text_str(&text, "gc: generation ");
  ouro__text_num(&text, (uint64_t)info->generation);
  ouro__text_str(&text, ": ");
  ouro__text_num(&text, info->candidates);
  ouro__text_str(&text, " objects looked at, ");
  ouro__text_num(&text, info->collected);
  ouro__text_str(&text, " garbage, ");
  ouro__text_num(&text, info->uncollectable);
  ouro__text_str(&text, " uncollectable, ");
  ouro__text_num(&text, info->duration_ns / 1000);
  ouro__text_str(&text, " us\n");
  ouro__gc_say(line);
}

/* ---------------------------------------------------------------- the garbage list */

static ouro_object **garbage;
static size_t garbage_count, garbage_room;

void ouro__gc_keep(ouro_object *object) {
  if (garbage_count == garbage_room) {
    size_t room = garbage_room ? garbage_room * 2 : 16;
    ouro_object **more = ouro_realloc(garbage, room * sizeof *more);
    if (!more) return; /* it is found again by the next collection */
    garbage = more;
    garbage_room = room;
  }
  ouro_incref(object);
  garbage[garbage_count++] = object;
}

size_t ouro_gc_garbage_count(void) { return garbage_count; }
void *ouro_gc_garbage_at(size_t index) { return index < garbage_count ? garbage[index] : NULL; }

void ouro_gc_garbage_clear(void) {
  if (!ouro__attached()) return;
  ouro_object **list = garbage;
  size_t count = garbage_count;
  garbage = NULL; /* releasing may put more on the list */
  garbage_count = garbage_room = 0;
  for (size_t i = 0; i < count; i++) ouro_decref(list[i]);
  ouro_free(list);
}
