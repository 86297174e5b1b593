/* values/instance.c - instances: made, their attributes set where they lie, copied, listed. See class.h. */
#include <string.h>

#include "values/class.h"

#include <ouro/bytes.h>

ouro_ref ouro_instance_new(ouro_class *self) {
  if (OURO_UNLIKELY(!self)) return ouro__fail(OURO_EINVAL);
  ouro__layout *layout = ouro__load_acquire(&self->current); /* pairs with the release of who made the layout */
  if (OURO_UNLIKELY(layout == &self->layouts[0])) layout = ouro__class_count_made(self);
  return ouro_new(&layout->type);
}

/* ---------------------------------------------------------------- places */

static uint32_t place_in_slots(const ouro_class *self, const ouro_str *name) {
  for (uint32_t i = 0; i < self->slot_count; i++) {
    if (self->slots[i] == name) return (uint32_t)(sizeof(ouro_object) + i * sizeof(void *));
  }
  return 0;
}

static uint32_t place_of_key(const ouro__layout *layout, uint32_t index) {
  return index < layout->room ? (uint32_t)(layout->values + index * sizeof(void *)) : 0; /* OURO__NOWHERE is beyond any room */
}

uint32_t ouro__place_of(const ouro__layout *layout, const ouro_str *name) {
  const ouro_class *self = ouro__class_of_layout(layout);
  uint32_t place = place_in_slots(self, name);
  return place || !layout->overflow ? place : place_of_key(layout, ouro__class_key(self, name));
}

/* The same of a name that is about to be set: it becomes a key, where it can. */
static uint32_t place_to_set(const ouro__layout *layout, ouro_str *name) {
  ouro_class *self = ouro__class_of_layout(layout);
  uint32_t place = place_in_slots(self, name);
  if (place || !layout->overflow) return place;
  uint32_t key = ouro__class_key(self, name); /* looked for once: another thread may just be adding it */
  return place_of_key(layout, key != OURO__NOWHERE ? key : ouro__class_add_key(self, name));
}

/* ---------------------------------------------------------------- the overflow */

/* Two threads may make one at once: the second one's goes again. NULL, and errno. */
static ouro_dict *make_overflow(void *instance, const ouro__layout *layout) {
  ouro_object *made = ouro_dict_new();
  if (!made) return NULL;
  ouro_object * _Atomic *at = (ouro_object * _Atomic *)(void *)ouro__at_place(instance, layout->overflow);
  ouro__hold hold;
  ouro__hold_write(&hold, instance);
  ouro_object *there = ouro__load_relaxed(at);
  if (!there) ouro__store_release(at, made); /* I-CLASS-5 */
  ouro__hold_end(&hold, instance);
  if (there) ouro_decref(made);
  return (ouro_dict *)(void *)(there ? there : made);
}

static int set_in_overflow(void *instance, const ouro__layout *layout, void *name, void *value) {
  ouro_dict *overflow = ouro__overflow_of(instance, layout);
  ouro_class *self = ouro__class_of_layout(layout);
  if (!overflow) {
    overflow = make_overflow(instance, layout);
    if (ouro__class_key(self, name) != OURO__NOWHERE) ouro__class_count_overflowed(self, layout);
  }
  return overflow ? ouro_dict_set(overflow, name, value) : ouro__code();
}

static int delete_in_overflow(void *instance, const ouro__layout *layout, void *name) {
  ouro_dict *overflow = ouro__overflow_of(instance, layout);
  int code = overflow ? ouro_dict_delete(overflow, name) : 0;
  return code == 1 ? OURO_OK : code == 0 ? OURO_EKEY : code;
}

/* ---------------------------------------------------------------- set, delete */

static int delete_attr(void *instance, const ouro__layout *layout, void *name) {
  uint32_t place = ouro__place_of(layout, name);
  if (!place) return delete_in_overflow(instance, layout, name);
  ouro_object *before = ouro__exchange_at(instance, place, NULL);
  if (!before) return OURO_EKEY;
  ouro_decref(before);
  return OURO_OK;
}

int ouro_instance_set_attr(void *instance, void *name, void *value) {
  if (!instance || !name) return OURO_EINVAL;
  if (!ouro__is_some_instance(instance)) return OURO_ETYPE;
  OURO_ASSERT(ouro_is_interned(name));
  const ouro__layout *layout = ouro__layout_of(instance);
  if (!value) return delete_attr(instance, layout, name);
  uint32_t place = place_to_set(layout, name);
  if (!place) return layout->overflow ? set_in_overflow(instance, layout, name, value) : OURO_EKEY;
  ouro_xdecref(ouro__exchange_at(instance, place, value));
  return OURO_OK;
}

/* ---------------------------------------------------------------- a list of all */

/* The name of the value number `index`: slots, then keys; NULL: that is the overflow, or the class was cleared. */
static ouro_str *name_at(const ouro_class *self, const ouro__layout *layout, size_t index) {
  if (index < self->slot_count) return self->slots[index];
  size_t first = (layout->values - sizeof(ouro_object)) / sizeof(void *);
  if (index < first || index - first >= ouro__load_acquire((_Atomic uint32_t *)(uintptr_t)&self->key_count)) return NULL;
  return self->keys[index - first];
}

static int list_values(const ouro__layout *layout, ouro_object *const *values, size_t count, ouro_dict *attrs) {
  int code = OURO_OK;
  for (size_t i = 0; i < count && !code; i++) {
    ouro_str *name = values[i] ? name_at(ouro__class_of_layout(layout), layout, i) : NULL;
    if (name) code = ouro_dict_set(attrs, name, values[i]);
  }
  return code;
}

/* As they are at one moment, each counted. */
static void take_values(void *instance, ouro_object **values, size_t count) {
  ouro__hold hold;
  ouro__hold_read(&hold, instance);
  for (size_t i = 0; i < count; i++) {
    values[i] = *ouro__at_place(instance, (uint32_t)(sizeof(ouro_object) + i * sizeof(void *)));
    if (values[i]) ouro_incref(values[i]);
  }
  ouro__hold_end(&hold, instance);
}

static int list_attrs(void *instance, ouro_dict *attrs) {
  const ouro__layout *layout = ouro__layout_of(instance);
  size_t count = (layout->type.size - sizeof(ouro_object)) / sizeof(void *);
  ouro_object **values = ouro_malloc((count + 1) * sizeof *values);
  if (!values) return OURO_ENOMEM;
  take_values(instance, values, count);
  int code = list_values(layout, values, count, attrs);
  for (size_t i = 0; i < count; i++) ouro_xdecref(values[i]);
  ouro_free(values);
  ouro_dict *overflow = code ? NULL : ouro__overflow_of(instance, layout);
  return overflow ? ouro_dict_update(attrs, overflow) : code;
}

ouro_ref ouro_instance_attrs(void *instance) {
  if (!instance) return ouro__fail(OURO_EINVAL);
  if (!ouro__is_some_instance(instance)) return ouro__fail(OURO_ETYPE);
  ouro_dict *attrs = ouro_dict_new();
  int code = attrs ? list_attrs(instance, attrs) : ouro__code();
  if (!code) return attrs;
  ouro_xdecref(attrs);
  return ouro__fail(code);
}

/* ---------------------------------------------------------------- protocols of all instances */

static int instance_repr(void *self, ouro_buffer *out) {
  char text[64];
  ouro__text at = {text, sizeof text - 1};
  ouro__text_str(&at, " object at ");
  ouro__text_hex(&at, (uintptr_t)self);
  ouro__text_str(&at, ">");
  size_t before = ouro_buffer_count(out);
  int code = ouro_buffer_append_char(out, '<');
  if (!code) code = ouro_buffer_append_text(out, ouro_type_of(self)->name);
  if (!code) code = ouro_buffer_append_text(out, text);
  if (code) ouro_buffer_truncate(out, before);
  return code;
}

/* A copy that could not be completed never was what a finalizer expects. */
static int give_up_copy(ouro_object *made, int code) {
  ouro__set_bit(made, OURO_FINALIZED);
  ouro_decref(made);
  return code;
}

/* It shares the overflow with its original so far. */
static int copy_overflow(ouro_object *made, const ouro__layout *layout) {
  ouro_object **at = ouro__at_place(made, layout->overflow);
  ouro_object *twin = ouro_copy(*at);
  if (!twin) return ouro__code();
  ouro_movref(at, twin);
  return OURO_OK;
}

/* Of a deep copy, the overflow is given its own by who walks over it. */
static int instance_copy(void *self, ouro_copier *copier, ouro_slot copy) {
  if (!ouro__is_some_instance(self)) return OURO_ETYPE;
  ouro__layout *layout = ouro__layout_of(self);
  ouro_object *made = ouro_new(&layout->type);
  if (!made) return ouro__code();
  size_t count = (layout->type.size - sizeof(ouro_object)) / sizeof(void *);
  take_values(self, ouro__at_place(made, sizeof(ouro_object)), count);
  bool shares = !copier && layout->overflow && *ouro__at_place(made, layout->overflow);
  int code = shares ? copy_overflow(made, layout) : OURO_OK;
  if (code) return give_up_copy(made, code);
  *(void **)copy = made;
  return OURO_OK;
}

static const ouro_protocols instance_protocols = {
  .repr = instance_repr,
  .get_attr = ouro_instance_get_attr,
  .set_attr = ouro_instance_set_attr,
  .copy = instance_copy,
};

ouro_type ouro_instance_type = {.name = "object", .size = sizeof(ouro_object), .protocols = &instance_protocols};
