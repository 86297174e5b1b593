/* object/object.c - objects are made here, and asked about; and the slow ways of counting. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>

#include "object/object.h"
#include "trace/trace.h"

/* ---------------------------------------------------------------- the thread to which objects belong */

#if defined(__GNUC__)
__thread ouro__here ouro__at = {OURO__NO_THREAD, 0, INT32_MAX, 0};
#else
_Thread_local ouro__here ouro__at = {OURO__NO_THREAD, 0, INT32_MAX, 0};
#endif

int32_t ouro__young_limit = 2000;
uint32_t ouro__units_listed[2] = {OURO_UNIT_END, OURO_UNIT_END};

static _Atomic uint32_t belongs; /* 1: to some thread */
static int32_t made_before;      /* by the thread to which objects belonged; between two owners */
static pthread_key_t leave_key;
static pthread_once_t leave_once = PTHREAD_ONCE_INIT;
static bool leave_key_made;

static _Thread_local bool has_left; /* nothing would call leave() for it once more */

/* The thread ends. Destructors of other keys may still release objects: this one lets them go first, as long as it may. */
static void leave(void *rounds) {
  uintptr_t round = (uintptr_t)rounds;
  if (round < PTHREAD_DESTRUCTOR_ITERATIONS - 1 && pthread_setspecific(leave_key, (void *)(round + 1)) == 0) return;
  made_before = ouro__at.made;
  has_left = true;
  ouro__at.id = OURO__NO_THREAD;
  ouro__at.limit = INT32_MAX;
  ouro_thread_flush(); /* see ouro_new */
  ouro__walks_objects = false;
  ouro__store_release(&belongs, 0); /* pairs with the exchange in ouro__attach */
}

static void make_leave_key(void) { leave_key_made = pthread_key_create(&leave_key, leave) == 0; }

bool ouro__attach(void) {
  pthread_once(&leave_once, make_leave_key);
  uint32_t expected = 0;
  if (!leave_key_made || has_left || !ouro__cas_acquire(&belongs, &expected, 1)) {
    errno = EPERM;
    return false;
  }
  pthread_setspecific(leave_key, (void *)1);
  ouro__at.made = made_before;
  ouro__at.limit = ouro__young_limit;
  ouro__at.id = OURO_FIRST_THREAD;
  ouro__walks_objects = true;
  ouro__collector_start();
  return true;
}

bool ouro__may_look(void) { return ouro__at.id != OURO__NO_THREAD || ouro__load_acquire(&belongs) == 0; }

/* ---------------------------------------------------------------- making */

/* Zero what is behind the header, 16 bytes at a time: small objects do not pay for a call. */
static inline void clear_body(char *block, size_t size) {
  for (char *at = block + 16; at < block + size; at += 16) {
    memset(at, 0, 16);
#if defined(__GNUC__)
    __asm__ volatile("" : : : "memory"); /* or the compiler makes a call of the loop */
#endif
  }
}

static OURO_NOINLINE void *list_unit(void *object) {
  ouro__list_unit(ouro__unit_number(object), 0);
  return object;
}

static inline void *make_young(void *object) {
  ouro__side *side = &ouro__hot_sides[ouro__unit_number(object)];
  *ouro__state_beside(side, object) = OURO_STATE_YOUNG;
  ouro__at.made++;
  return OURO_LIKELY(side->listed & 1) ? object : list_unit(object);
}

/* Acyclic objects that are too large for pools of their own live among the others. */
static void set_untracked(void *object) {
  uint8_t *state = ouro__state(object);
  if (state) *state = OURO_STATE_UNTRACKED;
}

static inline void *set_up(void *block, ouro_type *type, bool tracked) {
  ouro_object *object = block;
  object->ouro__count = 1;
  object->ouro__shared = 0;
  object->ouro__word = ((uint64_t)OURO_FIRST_THREAD << OURO_OWNER_SHIFT | (tracked ? OURO_TRACKED : 0)) + (uintptr_t)type;
  return tracked ? make_young(object) : object;
}

static void *fail(int code) {
  errno = code;
  return NULL;
}

/* Anything but a small object of a type that was seen before. */
static OURO_NOINLINE ouro_object *make(ouro_type *type, size_t count, size_t extra) {
  if (!ouro__attached() || !ouro__type_ready(type)) return NULL;
  unsigned traits = type->ouro__derived.flags;
  if (traits & OURO_D_RELEASED) return fail(EINVAL);
  size_t limit = PTRDIFF_MAX - type->size - 32;
  if (extra > limit || (type->item_size && count > (limit - extra) / type->item_size)) return fail(ENOMEM);
  size_t size = ouro__round_up(type->size + count * type->item_size, 16) + ouro__round_up(extra, 16);
  unsigned class_ = ouro__object_class(size, !(traits & OURO_D_CONTAINER));
  bool traced = ouro__load_relaxed(&ouro__trace_mode) != OURO_TRACE_OFF;
  if (OURO_UNLIKELY(traced)) ouro__trace_type = type->name;
  void *block = ouro__fault_now() ? NULL : ouro__object_alloc(class_ * OURO__BIN_BYTES, class_, size);
  if (OURO_UNLIKELY(traced)) ouro__trace_type = NULL;
  if (!block) return NULL;
  if (class_) memset((char *)block + 16, 0, size - 16);
  if (traits & OURO_D_VAR) ((ouro_var *)block)->count = count;
  if (traits & OURO_D_RUNTIME) type->ouro__derived.instances++;
  ouro_object *object = set_up(block, type, traits & OURO_D_CONTAINER);
  if (class_ != type->ouro__derived.class_ || traits & OURO_D_VAR) object->ouro__word |= OURO_ODD;
  if (!(traits & OURO_D_CONTAINER)) set_untracked(object);
  return object;
}

static OURO_NOINLINE void *make_slowly(ouro_type *type) {
  if (!ouro__attached() || !ouro__type_ready(type)) return NULL;
  return type->item_size ? fail(EINVAL) : make(type, 0, 0);
}

/* A thread to which objects do not belong has none in its cache: the slow way tells. */
ouro_ref ouro_new(ouro_type *type) {
  void *block = ouro__bin_pop(ouro__bin_at(type->ouro__derived.fast));
  if (OURO_UNLIKELY(!block)) return make_slowly(type);
#ifdef OURO_FAULTS
  if (ouro__fault_now()) {
    ouro__object_free(type->ouro__derived.distance, block);
    return NULL;
  }
#endif
  clear_body(block, type->ouro__derived.size);
  return set_up(block, type, type->ouro__derived.flags & OURO_D_CONTAINER);
}

ouro_ref ouro_new_var(ouro_type *type, size_t count) {
  if (!ouro__attached() || !ouro__type_ready(type)) return NULL;
  return type->item_size ? make(type, count, 0) : fail(EINVAL);
}

ouro_ref ouro_new_extra(ouro_type *type, size_t count, size_t extra) {
  if (!ouro__attached() || !ouro__type_ready(type)) return NULL;
  return type->item_size || !count ? make(type, count, extra) : fail(EINVAL);
}

void *ouro_extra(void *object) {
  const ouro_type *type = ouro_type_of(object);
  size_t count = type->item_size ? ouro__items(object) : 0;
  return (char *)object + ouro__round_up(type->size + count * type->item_size, 16);
}

size_t ouro_object_size(const void *object) {
  return ouro__unit_number(object) < ouro__hot_units ? ouro__object_bytes(object) : ouro_type_of(object)->size;
}

/* ---------------------------------------------------------------- counting, the slow way */

static void belongs_here(const void *object) {
  int saved = errno;
  if (ouro__at.id == OURO__NO_THREAD && !ouro__attach()) ouro__fatal_object(OURO_FATAL_WRONG_THREAD, object);
  errno = saved;
}

void ouro__incref_slow(void *borrowed) {
  ouro_object *object = borrowed;
  switch (ouro__owner(object)) {
    case OURO_FIRST_THREAD:
    case OURO__DEFERRED: break;
    case OURO__IMMORTAL: return;
    default: ouro__fatal_object(OURO_FATAL_DEAD_OBJECT, object);
  }
  belongs_here(object);
  if (object->ouro__count == UINT32_MAX) { /* nobody can tell any more when the last one goes */
    ouro__set_owner(object, OURO__IMMORTAL);
  } else {
    object->ouro__count++;
  }
}

void ouro__decref_slow(void *borrowed) {
  ouro_object *object = borrowed;
  switch (ouro__owner(object)) {
    case OURO_FIRST_THREAD: break;
    case OURO__IMMORTAL: return;
    case OURO__DEFERRED:
      belongs_here(object);
      if (object->ouro__count == 0) ouro__fatal_object(OURO_FATAL_COUNT_TOO_SMALL, object);
      object->ouro__count--;
      return;
    default: ouro__fatal_object(OURO_FATAL_DEAD_OBJECT, object);
  }
  belongs_here(object);
  if (--object->ouro__count == 0) ouro__dealloc(object);
}

size_t ouro_refcount(const void *object) {
  const ouro_object *self = object;
  return ouro__owner(self) == OURO__IMMORTAL ? SIZE_MAX : self->ouro__count;
}

int ouro_make_immortal(void *object) {
  ouro_object *self = object;
  if (!ouro_is_unique(self)) return OURO_EINVAL;
  ouro__set_owner(self, OURO__IMMORTAL);
  return OURO_OK;
}

bool ouro_is_immortal(const void *object) { return ouro__owner(object) == OURO__IMMORTAL; }

int ouro_defer(void *object) {
  ouro_object *self = object;
  if (!ouro__is_mine(self) || !ouro__has(self, OURO_TRACKED)) return OURO_EINVAL;
  ouro__set_owner(self, OURO__DEFERRED);
  return OURO_OK;
}

bool ouro_is_deferred(const void *object) { return ouro__owner(object) == OURO__DEFERRED; }

/* ---------------------------------------------------------------- misuse */

void ouro__fatal_object(enum ouro_fatal_code code, const void *object) {
  ouro_fatal_info info = {.code = code, .address = object};
  if (ouro__is_object_block(object)) {
    const ouro_type *type = ouro_type_of(object);
    info.block = object;
    info.block_size = ouro__object_bytes(object);
    /* The header of what was freed long ago may have gone with its page. */
    if (type) info.type_name = type->name;
  } else if (!ouro_is_immortal(object)) {
    info.text = "is no object";
  }
  ouro__fatal(info);
}
