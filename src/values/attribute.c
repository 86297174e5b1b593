/* values/attribute.c - attributes by name: in the instance, in the classes; and the caches of those who ask. See class.h for the words of a
 * cache, and for what numbers and epochs promise.
 *
 *   who asks                                       who changes a class
 *   reads epoch and number of the layout           says that it changes
 *   does a class change? Then caches nothing       begins another epoch
 *   looks the name up                              changes it
 *   epoch and number are still those? Caches it    says that it has
 *
 * So what was looked up before the change, and is cached after it, is of the epoch before; and whoever has seen the change finds the other
 * one. */
#include "values/class.h"

#define METHOD (UINT64_C(1) << 31) /* of a cache's word; the rest of the lower half is the method's index */

static _Atomic uint64_t epoch = 1;
static _Atomic uint64_t numbers; /* that were given */
static _Atomic uint32_t changing; /* classes that are being changed */

uint32_t ouro__layout_number(void) {
  uint64_t number = ouro__add_relaxed(&numbers, 1) + 1;
  return number < UINT32_MAX ? (uint32_t)number : 0; /* I-CLASS-3 */
}

void ouro__classes_change(void) {
  ouro__add_relaxed(&changing, 1);
  atomic_fetch_add_explicit(&epoch, 1, memory_order_release); /* who sees it, sees the line before */
}

void ouro__classes_changed(void) { atomic_fetch_sub_explicit(&changing, 1, memory_order_release); }

/* ---------------------------------------------------------------- numbers */

static inline uint32_t number_of(const void *object) { return OURO__SEE(ouro_type_of(object)->ouro__derived.layout); }

/* The epoch is no longer that of the layout's number. */
static OURO_NOINLINE uint64_t renew(ouro__layout *layout) {
  ouro_class *self = ouro__class_of_layout(layout);
  ouro__hold hold;
  ouro__hold_write(&hold, self);
  uint64_t now = ouro__load_acquire(&epoch);
  if (ouro__load_relaxed(&layout->epoch) != now) {
    OURO__SET(layout->type.ouro__derived.layout, ouro__layout_number());
    ouro__store_release(&layout->epoch, now); /* pairs with method_cached: who sees the epoch sees the number */
  }
  ouro__hold_end(&hold, self);
  return now;
}

/* Which epoch is it, by which the layout has its number? */
static inline uint64_t epoch_for(ouro__layout *layout) {
  uint64_t now = ouro__load_acquire(&epoch);
  return OURO_LIKELY(ouro__load_acquire(&layout->epoch) == now) ? now : renew(layout);
}

/* ---------------------------------------------------------------- caches */

/* The place that the cache has for the object; 0: none. */
static inline uint32_t place_cached(const void *object, const ouro_attr_cache *cache) {
  uint64_t rest = OURO__SEE(cache->ouro__word) ^ (uint64_t)number_of(object) << 32;
  return OURO_LIKELY(rest < OURO__PLACES) ? (uint32_t)rest : 0;
}

/* The method that the cache has for the object, borrowed from its class; NULL: none. */
static inline ouro_function *method_cached(const void *object, const ouro_attr_cache *cache) {
  uint64_t word = OURO__SEE(cache->ouro__word);
  if (!(word & METHOD) || OURO_UNLIKELY(!ouro__is_some_instance(object))) return NULL;
  ouro__layout *layout = ouro__layout_of(object);
  uint64_t seen = ouro__load_acquire(&layout->epoch);
  if (OURO_UNLIKELY(word >> 32 != number_of(object) || ouro__load_acquire(&epoch) != seen)) return NULL;
  return ouro__class_of_layout(layout)->methods[(uint32_t)(word ^ METHOD)].function;
}

static void cache_word(ouro_attr_cache *cache, const ouro__layout *layout, uint32_t number, uint64_t low) {
  if (cache && number && ouro__is_plain(layout)) OURO__SET(cache->ouro__word, (uint64_t)number << 32 | low);
}

/* ---------------------------------------------------------------- looking in classes */

typedef struct found {
  ouro_object *value; /* new; or NULL, and it is a method */
  uint32_t method;
} found;

static int look_in_attrs(const ouro_class *self, void *name, found *it) {
  return self && self->attrs ? ouro_dict_get(self->attrs, name, &it->value) : 0; /* cleared by the collector: nothing is there */
}

/* Along the order: what a class was given goes before its own methods. 1, 0, or a code. */
static int look_in_classes(const ouro_class *self, void *name, found *it) {
  uint32_t last = self->order_count;
  *it = (found){NULL, ouro__class_method(self, name)};
  if (it->method != OURO__NOWHERE) last = self->methods[it->method].position;
  for (uint32_t position = 0; position <= last; position++) {
    int code = look_in_attrs(position ? self->order[position - 1] : self, name, it);
    if (code) return code;
  }
  return it->method != OURO__NOWHERE;
}

/* ---------------------------------------------------------------- looking in an instance, and behind it */

enum { IN_NONE, IN_INSTANCE, IN_CLASS };

static int look_in_overflow(void *object, const ouro__layout *layout, void *name, ouro_slot value) {
  ouro_dict *overflow = ouro__overflow_of(object, layout);
  return OURO_LIKELY(!overflow) ? 0 : ouro_dict_get(overflow, name, value);
}

static int look_in_instance(void *object, const ouro__layout *layout, uint32_t place, void *name, found *it) {
  if (!place) return look_in_overflow(object, layout, name, &it->value);
  it->value = ouro__value_at(object, place);
  return it->value != NULL;
}

/* Where was it found: IN_..., or a code. */
static int look_up(void *object, void *name, ouro_attr_cache *cache, found *it) {
  ouro__layout *layout = ouro__layout_of(object);
  uint64_t now = cache ? epoch_for(layout) : 0;
  bool steady = cache && !ouro__load_acquire(&changing); /* pairs with the release of who has changed one */
  uint32_t number = number_of(object), place = ouro__place_of(layout, name);
  if (place) cache_word(cache, layout, number, place);
  *it = (found){NULL, OURO__NOWHERE};
  int code = look_in_instance(object, layout, place, name, it);
  if (code) return code == 1 ? (int)IN_INSTANCE : code;
  code = look_in_classes(ouro__class_of_layout(layout), name, it);
  if (code != 1) return code;
  bool settled = steady && !place && !it->value && ouro__load_acquire(&epoch) == now;
  if (settled && number_of(object) == number) cache_word(cache, layout, number, METHOD | it->method);
  return IN_CLASS;
}

/* What was found in a class by way of the object: bound, where it is a function. The reference is taken over. */
static int give_bound(void *object, const found *it, ouro_slot value) {
  ouro_object *function = it->value ? it->value : &ouro__class_of_layout(ouro__layout_of(object))->methods[it->method].function->base;
  if (it->value && !ouro_is_function(function)) {
    *(void **)value = it->value;
    return OURO_OK;
  }
  ouro_object *bound = ouro_bound_method_new(function, object);
  int code = bound ? OURO_OK : ouro__code();
  ouro_xdecref(it->value);
  if (bound) *(void **)value = bound;
  return code;
}

static int get_attr(void *object, void *name, ouro_attr_cache *cache, ouro_slot value) {
  found it;
  int where = look_up(object, name, cache, &it);
  if (where < 0) return where;
  if (where == IN_NONE) return OURO_EKEY;
  if (where == IN_CLASS) return give_bound(object, &it, value);
  *(void **)value = it.value;
  return OURO_OK;
}

int ouro_instance_get_attr(void *object, void *name, ouro_slot value) {
  if (!object || !name) return OURO_EINVAL;
  if (!ouro__is_some_instance(object)) return OURO_ETYPE;
  OURO_ASSERT(ouro_is_interned(name));
  return get_attr(object, name, NULL, value);
}

/* ---------------------------------------------------------------- with a cache */

/* Of what is no plain instance, or with a name that is not interned, the cache knows nothing. */
static bool is_for_cache(const void *object, const void *name) {
  return ouro__is_some_instance(object) && ouro__is_plain(ouro__layout_of(object)) && ouro_is_interned(name);
}

static OURO_NOINLINE int get_slowly(void *object, void *name, ouro_attr_cache *cache, ouro_slot value) {
  if (!object || !name) return OURO_EINVAL;
  return is_for_cache(object, name) ? get_attr(object, name, cache, value) : ouro_attr_get(object, name, value);
}

/* A place was cached. */
static OURO_NOINLINE int get_at(void *object, void *name, ouro_attr_cache *cache, ouro_slot value) {
  uint32_t place = place_cached(object, cache);
  ouro_object *there = OURO_LIKELY(place != 0) ? ouro__value_at(object, place) : NULL;
  if (OURO_UNLIKELY(!there)) return get_slowly(object, name, cache, value);
  *(void **)value = there;
  return OURO_OK;
}

/* The quick ways of one thread alone: what needs a call ends with it, so that they need no stack. One more reference, and one less: */
static inline bool take_quickly(ouro_object *value) {
  uint32_t owner = ouro__owner_of(value), count = OURO__SEE(value->ouro__count);
  if (OURO_UNLIKELY(owner != ouro__at.id)) return owner == OURO__IMMORTAL;
  if (OURO_UNLIKELY(count == UINT32_MAX)) return false;
  OURO__SET(value->ouro__count, count + 1);
  return true;
}

static OURO_NOINLINE int release_slowly(ouro_object *value) {
  ouro_decref(value);
  return OURO_OK;
}

static inline int release_quickly(ouro_object *value) {
  if (OURO_LIKELY(value != NULL)) {
    uint32_t owner = ouro__owner_of(value);
    bool one_of_several = owner == ouro__at.id && OURO__SEE(value->ouro__count) > 1;
    if (OURO_UNLIKELY(!one_of_several && owner != OURO__IMMORTAL)) return release_slowly(value);
    if (one_of_several) (void)ouro__step_down(&value->ouro__count);
  }
  return OURO_OK;
}

int ouro_attr_get_cached(void *object, void *name, ouro_attr_cache *cache, ouro_slot value) {
  uint32_t place = OURO_LIKELY(object && cache) ? place_cached(object, cache) : 0;
  if (OURO_UNLIKELY(!place)) return get_slowly(object, name, cache, value);
  OURO_ASSERT(ouro__is_place(object, name, place));
  if (OURO_UNLIKELY(!ouro__enter_alone())) return get_at(object, name, cache, value);
  ouro_object *there = *ouro__at_place(object, place);
  bool taken = OURO_LIKELY(there != NULL) && take_quickly(there);
  ouro__leave_alone();
  if (OURO_UNLIKELY(!taken)) return get_at(object, name, cache, value);
  *(void **)value = there;
  return OURO_OK;
}

static OURO_NOINLINE int set_slowly(void *object, void *name, ouro_attr_cache *cache, void *value) {
  if (!object || !name || !value) return OURO_EINVAL;
  if (!is_for_cache(object, name)) return ouro_attr_set(object, name, value);
  int code = ouro_instance_set_attr(object, name, value);
  const ouro__layout *layout = ouro__layout_of(object);
  uint32_t number = number_of(object), place = code ? 0 : ouro__place_of(layout, name);
  if (place) cache_word(cache, layout, number, place);
  return code;
}

static OURO_NOINLINE int set_at(void *object, uint32_t place, ouro_object *value) {
  ouro_xdecref(ouro__exchange_at(object, place, value));
  return OURO_OK;
}

int ouro_attr_set_cached(void *object, void *name, ouro_attr_cache *cache, void *value) {
  uint32_t place = OURO_LIKELY(object && cache && value) ? place_cached(object, cache) : 0;
  if (OURO_UNLIKELY(!place)) return set_slowly(object, name, cache, value);
  OURO_ASSERT(ouro__is_place(object, name, place));
  if (OURO_UNLIKELY(!ouro__enter_alone())) return set_at(object, place, value);
  bool taken = take_quickly(value);
  ouro_object **at = ouro__at_place(object, place), *before = *at;
  if (OURO_LIKELY(taken)) *at = value;
  ouro__leave_alone();
  return OURO_LIKELY(taken) ? release_quickly(before) : set_at(object, place, value);
}

/* ---------------------------------------------------------------- methods */

static int call_found(void *object, const found *it, int where, void *const *args, size_t count, ouro_slot result) {
  if (!it->value) {
    const ouro_function *method = ouro__class_of_layout(ouro__layout_of(object))->methods[it->method].function;
    return ouro__method_run(method, object, args, count, result);
  }
  bool bind = where == IN_CLASS && ouro_is_function(it->value);
  int code = bind ? ouro__call_with(it->value, object, args, count, result) : ouro_call(it->value, args, count, result);
  ouro_decref(it->value);
  return code;
}

static int call_any(void *object, void *name, void *const *args, size_t count, ouro_slot result) {
  void *callable = NULL;
  int code = ouro_attr_get(object, name, &callable);
  if (code) return code;
  code = ouro_call(callable, args, count, result);
  ouro_decref(callable);
  return code;
}

static OURO_NOINLINE int call_slowly(void *object, void *name, ouro_attr_cache *cache, void *const *args, size_t count, ouro_slot result) {
  found it;
  if (!object || !name) return OURO_EINVAL;
  if (!is_for_cache(object, name)) return call_any(object, name, args, count, result);
  int where = look_up(object, name, cache, &it);
  if (where <= IN_NONE) return where < 0 ? where : OURO_EKEY;
  return call_found(object, &it, where, args, count, result);
}

/* An instance with an overflow may have something of that name there, which goes before the class's. */
int ouro_method_call(void *object, void *name, ouro_attr_cache *cache, void *const *args, size_t count, ouro_slot result) {
  ouro_function *method = OURO_LIKELY(object && cache) ? method_cached(object, cache) : NULL;
  if (OURO_UNLIKELY(!method) || OURO_UNLIKELY(ouro__overflow_of(object, ouro__layout_of(object)) != NULL)) {
    return call_slowly(object, name, cache, args, count, result);
  }
  return ouro__method_run(method, object, args, count, result);
}

/* ---------------------------------------------------------------- classes: their own attributes, calls */

int ouro__class_get_attr(void *object, void *name, ouro_slot value) {
  const ouro_class *self = object;
  found it;
  int code = look_in_classes(self, name, &it);
  if (code != 1) return code ? code : OURO_EKEY;
  *(void **)value = it.value ? it.value : ouro_newref(self->methods[it.method].function);
  return OURO_OK;
}

/* The value that is replaced is held here as well, so that nothing goes in the hold, which is that of the dict: so the two steps are one.
 * One value in place of another changes nothing for caches. */
int ouro__class_set_attr(void *object, void *name, void *value) {
  ouro_dict *attrs = ((ouro_class *)object)->attrs;
  ouro_object *before = NULL;
  ouro__hold hold;
  if (OURO_UNLIKELY(!attrs)) return OURO_EKEY; /* cleared by the collector */
  ouro__hold_write(&hold, attrs);
  int there = ouro_dict_get(attrs, name, &before);
  bool matters = there == 0 || !value;
  if (matters) ouro__classes_change();
  int code = there < 0 ? there : value ? ouro_dict_set(attrs, name, value) : ouro_dict_delete(attrs, name);
  if (matters) ouro__classes_changed();
  ouro__hold_end(&hold, attrs);
  ouro_xdecref(before);
  if (value) return code;
  return code == 1 ? OURO_OK : code == 0 ? OURO_EKEY : code;
}

/* "__init__", if there is one; what it gives is of no interest. Without one, arguments are refused. */
static int initialise(ouro_class *self, void *made, void *const *args, size_t count) {
  found it;
  void *result = NULL;
  int where = look_up(made, self->init, &self->init_cache, &it);
  if (where <= IN_NONE) return where < 0 ? where : count ? OURO_EINVAL : OURO_OK;
  int code = call_found(made, &it, where, args, count, &result);
  ouro_xdecref(result);
  return code;
}

static int init_made(ouro_class *self, void *made, void *const *args, size_t count) {
  void *result = NULL;
  const ouro_function *method = method_cached(made, &self->init_cache);
  if (OURO_UNLIKELY(!method)) return initialise(self, made, args, count);
  int code = ouro__method_run(method, made, args, count, &result);
  ouro_xdecref(result);
  return code;
}

int ouro__class_call(void *object, void *const *args, size_t count, ouro_slot result) {
  ouro_class *self = object;
  if (OURO_UNLIKELY(!self->init)) return OURO_EINVAL; /* cleared by the collector */
  void *made = ouro_instance_new(self);
  if (!made) return ouro__code();
  int code = init_made(self, made, args, count);
  if (code) {
    ouro_decref(made);
    return code;
  }
  *(void **)result = made;
  return OURO_OK;
}

/* ---------------------------------------------------------------- names as text */

int ouro_attr_get_text(void *object, const char *name, ouro_slot value) {
  ouro_object *known = ouro_intern_text(name);
  if (!known) return ouro__code();
  int code = ouro_attr_get(object, known, value);
  ouro_decref(known);
  return code;
}

int ouro_attr_set_text(void *object, const char *name, void *value) {
  ouro_object *known = ouro_intern_text(name);
  if (!known) return ouro__code();
  int code = ouro_attr_set(object, known, value);
  ouro_decref(known);
  return code;
}

int ouro_attr_delete_text(void *object, const char *name) {
  ouro_object *known = ouro_intern_text(name);
  if (!known) return ouro__code();
  int code = ouro_attr_delete(object, known);
  ouro_decref(known);
  return code;
}
