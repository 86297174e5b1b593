/* object/object.c - objects are made here, and asked about. */
#include <errno.h>
#include <string.h>

#include "object/object.h"
#include "trace/trace.h"

_Atomic uint32_t ouro__units_listed[2] = {OURO_UNIT_END, OURO_UNIT_END};

/* ---------------------------------------------------------------- threads */

bool ouro__attach(void) {
  int code = ouro__thread_attach();
  if (code) errno = code == OURO_EPERM ? EPERM : ENOMEM;
  return !code;
}

void ouro__must_attach(const void *object) {
  int saved = errno;
  if (!ouro__thread_is_in() && !ouro__attach()) ouro__fatal_object(OURO_FATAL_WRONG_THREAD, object);
  errno = saved;
}

/* In a child of fork, a thread that is not there may have left an error with the number. */
void ouro__thread_begins(void) {
  ouro__collector_start();
  ouro__values_left();
}

void ouro__thread_ends(void) {
  ouro__values_left();
  ouro__collector_left();
  ouro__take_released();
  ouro__deferred_ends();
}

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

void ouro__list_unit_slow(size_t unit, unsigned list) {
  ouro__side *side = &ouro__hot_sides[unit];
  if (atomic_fetch_or_explicit(&side->listed, (uint8_t)(1u << list), memory_order_relaxed) >> list & 1) return;
  uint32_t first = ouro__load_relaxed(&ouro__units_listed[list]);
  do side->next[list] = first;
  while (!ouro__cas_release(&ouro__units_listed[list], &first, (uint32_t)unit));
}

static inline void *make_young(void *object) {
  ouro__side *side = &ouro__hot_sides[ouro__unit_number(object)];
  OURO__SET(*ouro__state_beside(side, object), OURO_STATE_YOUNG);
  OURO__SET(ouro__at.made, OURO__SEE(ouro__at.made) + 1);
  return OURO_LIKELY(ouro__load_relaxed(&side->listed) & 1) ? object : list_unit(object);
}

/* Acyclic objects that are too large for pools of their own live among the others. */
static void set_untracked(void *object) {
  uint8_t *state = ouro__state(object);
  if (state) OURO__SET(*state, OURO_STATE_UNTRACKED);
}

/* Young, and in the list of its thread instead of that of its unit. */
static inline void *make_confined(ouro_object *object, const ouro_type *type) {
  OURO__SET(*ouro__state(object), OURO_STATE_UNTRACKED);
  OURO__SET(ouro__at.made, OURO__SEE(ouro__at.made) + 1);
  OURO__SET(object->ouro__shared, OURO_S_CONFINED);
  ouro__confined_enter(object, type);
  return object;
}

static inline void set_header(ouro_object *object, ouro_type *type, bool tracked) {
  object->ouro__count = 1;
  object->ouro__shared = 0;
  OURO__SET(object->ouro__word, (ouro__at.owner | (tracked ? OURO_TRACKED : 0)) + (uintptr_t)type);
}

static inline void *set_up(void *block, ouro_type *type, bool tracked) {
  ouro_object *object = block;
  set_header(object, type, tracked);
  return tracked ? make_young(object) : object;
}

static void *fail(int code) {
  errno = code;
  return NULL;
}

/* Anything but a small object of a type that was seen before. The thread may be stopped here. `blank`: its items are not zeroed. */
static OURO_NOINLINE ouro_object *make(ouro_type *type, size_t count, size_t extra, bool blank) {
  if (!ouro__attached() || !ouro__type_ready(type)) return NULL;
  if (OURO_UNLIKELY(ouro__load_relaxed(&ouro__stop_wanted))) ouro__stop_point(OURO_CALLER);
  unsigned traits = type->ouro__derived.flags;
  if (ouro__load_relaxed((ouro__atomic32 *)&type->ouro__derived.released)) return fail(EINVAL);
  size_t limit = PTRDIFF_MAX - type->size - 64;
  if (extra && traits & OURO_D_CONFINED) return fail(EINVAL);
  if (extra > limit || (type->item_size && count > (limit - extra) / type->item_size)) return fail(ENOMEM);
  size_t size = ouro__round_up(type->size + count * type->item_size, 16) + ouro__round_up(extra, 16);
  if (traits & OURO_D_CONFINED) size += OURO_CONFINED_BYTES;
  unsigned class_ = ouro__object_class(size, !(traits & OURO_D_CONTAINER));
  bool traced = ouro__load_relaxed(&ouro__trace_mode) != OURO_TRACE_OFF;
  if (OURO_UNLIKELY(traced)) ouro__trace_type = type->name;
  void *block = ouro__fault_now() ? NULL : ouro__object_alloc(class_ * OURO__BIN_BYTES, class_, size);
  if (OURO_UNLIKELY(traced)) ouro__trace_type = NULL;
  if (!block) return NULL;
  if (class_) memset((char *)block + 16, 0, (blank ? ouro__round_up(type->size, 16) : size) - 16);
  if (traits & OURO_D_VAR) ((ouro_var *)block)->count = count;
  if (traits & OURO_D_RUNTIME) ouro__type_joined(type);
  if (traits & OURO_D_KEEPER) ouro_incref(type->keeper);
  bool confined = traits & OURO_D_CONFINED;
  ouro_object *object = block;
  if (confined) {
    set_header(object, type, true);
    make_confined(object, type);
  } else {
    set_up(block, type, traits & OURO_D_CONTAINER);
  }
  if (class_ != type->ouro__derived.class_ || traits & OURO_D_VAR) object->ouro__word |= OURO_ODD;
  if (!(traits & OURO_D_CONTAINER)) set_untracked(object);
  return object;
}

static void *make_confined_fast(ouro_type *type) {
  void *block = ouro__fault_now() ? NULL : ouro__bin_pop(ouro__bin_at(type->ouro__derived.distance));
  if (!block) return NULL;
  clear_body(block, type->ouro__derived.size - OURO_CONFINED_BYTES);
  set_header(block, type, true);
  return make_confined(block, type);
}

static void *make_kept_fast(ouro_type *type) {
  void *block = ouro__fault_now() ? NULL : ouro__bin_pop(ouro__bin_at(type->ouro__derived.distance));
  if (!block) return NULL;
  clear_body(block, type->ouro__derived.size);
  ouro_incref(type->keeper);
  return set_up(block, type, true);
}

static OURO_NOINLINE void *make_slowly(ouro_type *type) {
  const uint32_t ready = OURO_D_READY, kinds = OURO_D_CONFINED | OURO_D_KEEPER | OURO_D_RUNTIME;
  uint32_t kind = ouro__load_acquire((ouro__atomic32 *)&type->ouro__derived.flags) & (ready | kinds);
  void *made = kind == (ready | OURO_D_KEEPER)     ? make_kept_fast(type)
               : kind == (ready | OURO_D_CONFINED) ? make_confined_fast(type)
                                                   : NULL;
  if (made) return made;
  if (!ouro__attached() || !ouro__type_ready(type)) return NULL;
  return type->item_size ? fail(EINVAL) : make(type, 0, 0, false);
}

/* A thread that is not attached has no blocks for objects in its cache: the slow way attaches it. */
ouro_ref ouro_new(ouro_type *type) {
  void *block = ouro__bin_pop(ouro__bin_at(ouro__load_acquire((ouro__atomic32 *)&type->ouro__derived.fast)));
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

/* Up to here classes are 16 bytes apart, and so bins are side by side. */
enum { SIDE_BY_SIDE = 512 };

/* `cleared`: bytes from the object's beginning that are to be zero behind the header. */
static inline void *make_var_fast(ouro_type *type, size_t count, size_t size, size_t cleared) {
  uint32_t flags = ouro__load_acquire((ouro__atomic32 *)&type->ouro__derived.flags), from = type->ouro__derived.var;
  if (OURO_UNLIKELY(!(flags & OURO_D_READY) || !from)) return NULL;
  void *block = ouro__bin_pop(ouro__bin_at(from + (uint32_t)(size / 16) * OURO__BIN_BYTES));
  if (OURO_UNLIKELY(!block)) return NULL;
#ifdef OURO_FAULTS
  if (ouro__fault_now()) {
    ouro__object_free_any(block);
    return NULL;
  }
#endif
  clear_body(block, cleared);
  ouro_var *object = set_up(block, type, flags & OURO_D_CONTAINER);
  object->count = count;
  object->base.ouro__word |= OURO_ODD;
  return object;
}

void *ouro__new_var_blank(ouro_type *type, size_t count) {
  if (OURO_LIKELY(count <= SIDE_BY_SIDE)) {
    size_t fixed = type->size, size = ouro__round_up(fixed + count * type->item_size, 16);
    void *made = size <= SIDE_BY_SIDE ? make_var_fast(type, count, size, fixed) : NULL;
    if (OURO_LIKELY(made != NULL)) return made;
  }
  if (!ouro__attached() || !ouro__type_ready(type)) return NULL;
  return make(type, count, 0, true);
}

ouro_ref ouro_new_var(ouro_type *type, size_t count) {
  if (OURO_LIKELY(type && count <= SIDE_BY_SIDE)) {
    size_t size = ouro__round_up(type->size + count * type->item_size, 16);
    void *made = size <= SIDE_BY_SIDE ? make_var_fast(type, count, size, size) : NULL;
    if (OURO_LIKELY(made != NULL)) return made;
  }
  if (!ouro__attached() || !ouro__type_ready(type)) return NULL;
  return type->item_size ? make(type, count, 0, false) : fail(EINVAL);
}

ouro_ref ouro_new_extra(ouro_type *type, size_t count, size_t extra) {
  if (!ouro__attached() || !ouro__type_ready(type)) return NULL;
  return type->item_size || !count ? make(type, count, extra, false) : fail(EINVAL);
}

void *ouro_extra(void *object) {
  const ouro_type *type = ouro_type_of(object);
  size_t count = type->item_size ? ouro__items(object) : 0;
  return (char *)object + ouro__round_up(type->size + count * type->item_size, 16);
}

size_t ouro_object_size(const void *object) {
  return ouro__unit_number(object) < ouro__hot_units ? ouro__object_bytes(object) : ouro_type_of(object)->size;
}

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
