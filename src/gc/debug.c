/* gc/debug.c - callbacks around collections, what the debug flags say, and the garbage list.
 *
 * All lists are under the collector's lock, which is not held while the program's functions run, nor while memory is asked for: that may
 * have a report written, which asks the collector. */
#include <string.h>
#include <unistd.h>

#include "gc/gc.h"

/* ---------------------------------------------------------------- callbacks */

typedef struct callback {
  ouro_gc_fn fn;
  void *arg;
} callback;

static callback *callbacks;
static size_t callback_room;
static _Atomic size_t callback_count; /* written under the lock */
static _Atomic size_t asked_for;      /* those that the program has added */

static void lock(void) { ouro__acquire(&ouro__gc.lock); }
static void unlock(void) { ouro__release(&ouro__gc.lock); }

/* Room for one more callback at least; false: no memory. Returns with the lock held, but then. */
static bool lock_with_room(void) {
  lock();
  while (ouro__load_relaxed(&callback_count) == callback_room) {
    size_t room = callback_room ? callback_room * 2 : 4;
    unlock();
    callback *more = ouro_malloc(room * sizeof *more);
    if (!more) return false;
    lock();
    if (room > callback_room) {
      callback *before = callbacks;
      if (before) memcpy(more, before, ouro__load_relaxed(&callback_count) * sizeof *more);
      callbacks = more;
      callback_room = room;
      more = before;
    }
    unlock();
    ouro_free(more);
    lock();
  }
  return true;
}

int ouro__gc_add_callback(ouro_gc_fn fn, void *arg) {
  if (!lock_with_room()) return OURO_ENOMEM;
  size_t count = ouro__load_relaxed(&callback_count);
  callbacks[count] = (callback){fn, arg};
  ouro__store_relaxed(&callback_count, count + 1);
  unlock();
  return OURO_OK;
}

bool ouro__gc_is_told(void) { return ouro__load_relaxed(&asked_for) || ouro__load_relaxed(&ouro__gc.debug); }

int ouro_gc_callback_add(ouro_gc_fn fn, void *arg) {
  if (!fn) return OURO_EINVAL;
  if (!ouro__attached()) return OURO_EPERM;
  int result = ouro__gc_add_callback(fn, arg);
  if (!result) ouro__add_relaxed(&asked_for, 1);
  return result;
}

/* The room goes when it is empty: who removes all leaves nothing. */
static callback *take_room_if_empty(void) {
  callback *room = callbacks;
  if (ouro__load_relaxed(&callback_count)) return NULL;
  callbacks = NULL;
  callback_room = 0;
  return room;
}

static bool is_callback(size_t index, ouro_gc_fn fn, const void *arg) {
  return index < ouro__load_relaxed(&callback_count) && callbacks[index].fn == fn && callbacks[index].arg == arg;
}

int ouro_gc_callback_remove(ouro_gc_fn fn, void *arg) {
  if (!ouro__attached()) return OURO_EPERM;
  callback *unused = NULL;
  lock();
  size_t count = ouro__load_relaxed(&callback_count), i = 0;
  while (i < count && !is_callback(i, fn, arg)) i++;
  if (i < count) {
    memmove(&callbacks[i], &callbacks[i + 1], (count - i - 1) * sizeof *callbacks);
    ouro__store_relaxed(&callback_count, count - 1);
    unused = take_room_if_empty();
  }
  unlock();
  ouro_free(unused);
  if (i < count) ouro__sub_relaxed(&asked_for, 1);
  return i < count ? OURO_OK : OURO_EINVAL;
}

void ouro__gc_call_back(const ouro_gc_info *info) {
  size_t i = 0;
  if (!ouro__load_relaxed(&callback_count)) return;
  lock();
  while (i < ouro__load_relaxed(&callback_count)) {
    callback it = callbacks[i];
    unlock();
    it.fn(info, it.arg);
    ouro__gc_progress();
    lock();
    i += is_callback(i, it.fn, it.arg); /* it may have removed itself */
  }
  unlock();
}

/* ---------------------------------------------------------------- what is said */

typedef void (*writer_fn)(void *arg, const char *text, size_t length);
static writer_fn writer;
static void *writer_arg;

int ouro_gc_set_debug(unsigned flags) {
  const unsigned all = OURO_GC_DEBUG_STATS | OURO_GC_DEBUG_LEAK;
  if (flags & ~all) return OURO_EINVAL;
  ouro__store_relaxed(&ouro__gc.debug, flags);
  return OURO_OK;
}

unsigned ouro_gc_get_debug(void) { return ouro__load_relaxed(&ouro__gc.debug); }

void ouro_gc_set_debug_writer(void (*write)(void *arg, const char *text, size_t length), void *arg) {
  lock();
  writer = write;
  writer_arg = arg;
  unlock();
}

void ouro__gc_say(const char *text) {
  lock();
  writer_fn write = writer;
  void *arg = writer_arg;
  unlock();
  if (write) {
    write(arg, text, strlen(text));
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

/* As lock_with_room. */
static bool lock_with_room_for_garbage(void) {
  lock();
  while (garbage_count == garbage_room) {
    size_t room = garbage_room ? garbage_room * 2 : 16;
    unlock();
    ouro_object **more = ouro_malloc(room * sizeof *more);
    if (!more) return false;
    lock();
    if (room > garbage_room) {
      ouro_object **before = garbage;
      if (before) memcpy(more, before, garbage_count * sizeof *more);
      garbage = more;
      garbage_room = room;
      more = before;
    }
    unlock();
    ouro_free(more);
    lock();
  }
  return true;
}

void ouro__gc_keep(ouro_object *object) {
  if (!lock_with_room_for_garbage()) return; /* it is found again by the next collection */
  garbage[garbage_count++] = object;
  unlock();
  ouro_incref(object);
}

/* One of the list, held from then on. */
static ouro_object *hold(size_t index) {
  lock();
  ouro_object *object = index < garbage_count ? garbage[index] : NULL;
  if (object) ouro_incref(object);
  unlock();
  return object;
}

/* What has been put there since it was so long. */
void ouro__gc_say_kept(size_t from) {
  for (ouro_object *object; (object = hold(from)) != NULL; from++) {
    ouro__gc_say_object("uncollectable", object);
    ouro_decref(object);
  }
}

size_t ouro_gc_garbage_count(void) {
  lock();
  size_t count = garbage_count;
  unlock();
  return count;
}

void *ouro_gc_garbage_at(size_t index) {
  lock();
  void *object = index < garbage_count ? garbage[index] : NULL;
  unlock();
  return object;
}

void ouro_gc_garbage_clear(void) {
  if (!ouro__attached()) return;
  lock();
  ouro_object **list = garbage;
  size_t count = garbage_count;
  garbage = NULL; /* releasing may put more on the list */
  garbage_count = garbage_room = 0;
  unlock();
  for (size_t i = 0; i < count; i++) ouro_decref(list[i]);
  ouro_free(list);
}
