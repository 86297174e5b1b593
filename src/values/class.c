/* values/class.c - classes: made from a definition, part by part; their layouts; the names that their instances have seen. See class.h. */
#include <string.h>

#include "values/class.h"
#include "values/str.h"

/* A class decides on the room of its instances when it has made SETTLE_AFTER, or as many more as it takes until one of them has been given
 * an attribute; with PATIENCE, without that. It decides anew when so many instances lacked room for a key. */
enum { ROOM_FIRST = 6, ROOM_SPARE = 2, SETTLE_AFTER = 8, PATIENCE = 1024 };
enum { ALL_FLAGS = OURO_CLASS_DICT | OURO_CLASS_FINAL };

/* ---------------------------------------------------------------- keys */

uint32_t ouro__class_key(const ouro_class *self, const ouro_str *name) {
  uint32_t count = ouro__load_acquire((_Atomic uint32_t *)(uintptr_t)&self->key_count); /* pairs with put_key */
  for (uint32_t i = 0; i < count; i++) {
    if (self->keys[i] == name) return i;
  }
  return OURO__NOWHERE;
}

/* In the hold, or before others see the class. */
static void put_key(ouro_class *self, ouro_str *name) {
  uint32_t count = ouro__load_relaxed(&self->key_count);
  OURO_ASSERT(count < OURO__KEYS_MOST && ouro_is_interned(name));
  self->keys[count] = ouro_newref(name);
  ouro__store_release(&self->key_count, count + 1);
}

uint32_t ouro__class_add_key(ouro_class *self, ouro_str *name) {
  ouro__hold hold;
  ouro__hold_write(&hold, self);
  uint32_t index = ouro__class_key(self, name), count = ouro__load_relaxed(&self->key_count);
  bool added = index == OURO__NOWHERE && count < OURO__KEYS_MOST;
  if (added) {
    ouro__classes_change();
    put_key(self, name);
    ouro__classes_changed();
    index = count;
  }
  ouro__hold_end(&hold, self);
  return index;
}

/* ---------------------------------------------------------------- layouts */

/* Inline values, at least `wanted`, that fill a block beside `slots` other ones. */
static size_t room_for(size_t slots, size_t wanted) {
  size_t bytes = sizeof(ouro_object) + (slots + wanted) * sizeof(void *);
  size_t block = ouro__class_bytes(ouro__object_class(ouro__round_up(bytes, 16), false));
  return block > bytes ? wanted + (block - bytes) / sizeof(void *) : wanted;
}

/* `count` slots behind the header, side by side. */
static uint32_t *list_references(size_t count) {
  uint32_t *references = ouro_malloc((count + 1) * sizeof *references);
  if (!references) return NULL;
  for (size_t i = 0; i < count; i++) references[i] = (uint32_t)(sizeof(ouro_object) + i * sizeof(void *));
  references[count] = UINT32_MAX;
  return references;
}

/* false: no memory; nothing has changed. */
static bool make_layout(ouro_class *self, ouro__layout *layout, size_t wanted) {
  bool dict = self->flags & OURO_CLASS_DICT;
  size_t slots = self->slot_count + dict, room = dict ? room_for(slots, wanted) : 0;
  uint32_t *references = list_references(slots + room);
  if (!references) return false;
  layout->overflow = dict ? (uint16_t)(sizeof(ouro_object) + self->slot_count * sizeof(void *)) : 0;
  layout->values = (uint16_t)(sizeof(ouro_object) + slots * sizeof(void *));
  layout->room = (uint16_t)room;
  layout->type = (ouro_type){
    .name = self->name,
    .size = sizeof(ouro_object) + (slots + room) * sizeof(void *),
    .base = &ouro_instance_type,
    .references = references,
    .finalize = self->finalize,
    .protocols = &self->protocols,
    .keeper = &self->base,
  };
  layout->type.ouro__derived.layout = ouro__layout_number();
  return true;
}

static bool make_layouts(ouro_class *self) {
  size_t wanted = ouro__load_relaxed(&self->key_count) + (size_t)ROOM_SPARE;
  bool dict = self->flags & OURO_CLASS_DICT;
  ouro__layout *layout = &self->layouts[!dict]; /* the first one is that of a class that has not decided yet */
  if (!make_layout(self, layout, wanted > ROOM_FIRST ? wanted : (size_t)ROOM_FIRST)) return false;
  ouro__store_release(&self->current, layout);
  self->layout_count = dict ? 1 : OURO__LAYOUTS;
  return true;
}

/* Instances have room for all keys from now on, if `before` is what they were made by so far. Without memory for that, those that come by
 * later try again. */
static void settle(ouro_class *self, const ouro__layout *before) {
  ouro__hold hold;
  ouro__hold_write(&hold, self);
  uint32_t names = ouro__load_relaxed(&self->key_count);
  ouro__layout *next = &self->layouts[self->layout_count];
  bool due = ouro__load_relaxed(&self->current) == before && self->layout_count < OURO__LAYOUTS;
  if (due && make_layout(self, next, names ? names + (size_t)ROOM_SPARE : (size_t)ROOM_FIRST)) {
    self->layout_count++;
    ouro__store_release(&self->current, next);
  }
  ouro__hold_end(&hold, self);
}

ouro__layout *ouro__class_count_made(ouro_class *self) {
  uint32_t made = ouro__add_relaxed(&self->made, 1) + 1;
  bool due = made % SETTLE_AFTER == 0 && (ouro__load_relaxed(&self->key_count) || made >= PATIENCE);
  if (due) settle(self, &self->layouts[0]);
  return ouro__load_acquire(&self->current);
}

void ouro__class_count_overflowed(ouro_class *self, const ouro__layout *layout) {
  if (layout == &self->layouts[0] || layout != ouro__load_relaxed(&self->current)) return;
  if ((ouro__add_relaxed(&self->overflowed, 1) + 1) % SETTLE_AFTER == 0) settle(self, layout);
}

/* ---------------------------------------------------------------- making: the order */

static size_t count_mixins(const ouro_class_def *def) {
  size_t count = 0;
  while (def->mixins && def->mixins[count]) count++;
  return count;
}

static bool may_be_behind(const ouro_class *one, bool mixin) {
  if (!ouro_is_class(one) || one->flags & OURO_CLASS_FINAL) return false;
  return !mixin || (!one->slot_count && !(one->flags & OURO_CLASS_DICT));
}

static void put_behind(ouro_class *self, ouro_class *one) {
  if (ouro_class_is_subclass(self, one)) return;
  self->order[self->order_count] = ouro_newref(one);
  self->order_count++;
}

static void put_all_behind(ouro_class *self, ouro_class *one) {
  put_behind(self, one);
  for (uint32_t i = 0; i < one->order_count; i++) put_behind(self, one->order[i]);
}

static int make_order(ouro_class *self, const ouro_class_def *def) {
  size_t mixins = count_mixins(def), room = def->base ? 1 + (size_t)def->base->order_count : 0;
  for (size_t i = 0; i < mixins; i++) room += 1 + (size_t)def->mixins[i]->order_count;
  if (!room) return OURO_OK;
  self->order = ouro_malloc(room * sizeof *self->order);
  if (!self->order) return OURO_ENOMEM;
  for (size_t i = 0; i < mixins; i++) put_all_behind(self, def->mixins[i]);
  if (def->base) put_all_behind(self, def->base);
  self->parent = ouro_xnewref(def->base);
  OURO_ASSERT(self->order_count <= room);
  return OURO_OK;
}

/* ---------------------------------------------------------------- making: slots and keys */

static size_t count_names(const char *const *names) {
  size_t count = 0;
  while (names && names[count]) count++;
  return count;
}

static int put_slot(ouro_class *self, ouro_str *name) {
  for (uint32_t i = 0; i < self->slot_count; i++) {
    if (self->slots[i] != name) continue;
    ouro_decref(name);
    return OURO_EINVAL;
  }
  self->slots[self->slot_count++] = name;
  return OURO_OK;
}

static int make_slots(ouro_class *self, const ouro_class_def *def) {
  size_t own = count_names(def->slots), inherited = def->base ? def->base->slot_count : 0;
  if (own + inherited > OURO__SLOTS_MOST) return OURO_EINVAL;
  if (own + inherited == 0) return OURO_OK;
  self->slots = ouro_malloc((own + inherited) * sizeof *self->slots);
  if (!self->slots) return OURO_ENOMEM;
  for (size_t i = 0; i < inherited; i++) self->slots[self->slot_count++] = ouro_newref(def->base->slots[i]);
  for (size_t i = 0; i < own; i++) {
    ouro_str *name = ouro_intern_text(def->slots[i]);
    int code = name ? put_slot(self, name) : ouro__code();
    if (code) return code;
  }
  return OURO_OK;
}

/* Instances of a derived class will be given what those of its base were. */
static void inherit_keys(ouro_class *self, const ouro_class *from) {
  uint32_t count = from ? ouro__load_acquire((_Atomic uint32_t *)(uintptr_t)&from->key_count) : 0;
  for (uint32_t i = 0; i < count; i++) {
    bool slot = false;
    for (uint32_t k = 0; k < self->slot_count; k++) slot = slot || self->slots[k] == from->keys[i];
    if (!slot) put_key(self, from->keys[i]);
  }
}

/* ---------------------------------------------------------------- making: methods */

uint32_t ouro__class_method(const ouro_class *self, ouro_str *name) {
  if (!self->cells) return OURO__NOWHERE;
  for (uint32_t at = ouro__str_hash(name) & self->cell_mask; self->cells[at]; at = (at + 1) & self->cell_mask) {
    const ouro_function *function = self->methods[self->cells[at] - 1].function;
    if (function && function->name == name) return self->cells[at] - 1u; /* the collector may have cleared it */
  }
  return OURO__NOWHERE;
}

static void put_method(ouro_class *self, ouro_function *function, uint32_t position) {
  uint32_t at = ouro__str_hash(function->name) & self->cell_mask;
  while (self->cells[at]) at = (at + 1) & self->cell_mask;
  self->methods[self->method_count++] = (ouro__method){function, position};
  self->cells[at] = (uint16_t)self->method_count;
}

static size_t count_own(const ouro_class *self) {
  size_t count = 0;
  while (count < self->method_count && self->methods[count].position == 0) count++;
  return count;
}

static size_t count_methods(const ouro_method_def *methods) {
  size_t count = 0;
  while (methods && methods[count].name) count++;
  return count;
}

static int make_method(ouro_class *self, const ouro_method_def *def) {
  if (!def->call) return OURO_EINVAL;
  ouro_str *name = ouro_intern_text(def->name);
  if (!name) return ouro__code();
  bool twice = ouro__class_method(self, name) != OURO__NOWHERE;
  ouro_function *function = twice ? ouro__fail(OURO_EINVAL) : ouro__function_make(&ouro_method_type, name, def->call, self);
  int code = function ? OURO_OK : ouro__code();
  ouro_decref(name);
  if (!code) put_method(self, function, 0);
  return code;
}

static void inherit_methods(ouro_class *self, uint32_t position) {
  const ouro_class *from = self->order[position - 1];
  size_t count = count_own(from);
  for (size_t i = 0; i < count; i++) {
    ouro_function *function = from->methods[i].function;
    if (ouro__class_method(self, function->name) == OURO__NOWHERE) put_method(self, ouro_newref(function), position);
  }
}

static int make_methods(ouro_class *self, const ouro_class_def *def) {
  size_t own = count_methods(def->methods), room = own, places = 4;
  for (uint32_t i = 0; i < self->order_count; i++) room += count_own(self->order[i]);
  if (room == 0) return OURO_OK;
  if (room > OURO__METHODS_MOST) return OURO_EINVAL;
  while (places < room * 2) places *= 2;
  self->methods = ouro_malloc(room * sizeof *self->methods);
  self->cells = ouro_calloc(places, sizeof *self->cells);
  if (!self->methods || !self->cells) return OURO_ENOMEM;
  self->cell_mask = (uint32_t)places - 1;
  for (size_t i = 0; i < own; i++) {
    int code = make_method(self, &def->methods[i]);
    if (code) return code;
  }
  for (uint32_t i = 0; i < self->order_count; i++) inherit_methods(self, i + 1);
  return OURO_OK;
}

/* ---------------------------------------------------------------- making: protocols */

enum { ENTRY = sizeof(void (*)(void)) };

/* What `from` has goes before what is there. */
static void overlay(ouro_protocols *to, const ouro_protocols *from) {
  for (size_t offset = 0; offset < sizeof *to; offset += ENTRY) {
    void (*entry)(void);
    memcpy(&entry, (const char *)from + offset, ENTRY);
    if (entry) memcpy((char *)to + offset, &entry, ENTRY);
  }
  if (from->equal && !from->hash) to->hash = NULL; /* the hash of those behind it knows nothing of that equality */
}

static void make_protocols(ouro_class *self, const ouro_class_def *def) {
  if (def->protocols) self->own = *def->protocols;
  self->protocols = *ouro_instance_type.protocols;
  for (uint32_t i = self->order_count; i > 0; i--) overlay(&self->protocols, &self->order[i - 1]->own);
  overlay(&self->protocols, &self->own);
  self->finalize = def->finalize;
  for (uint32_t i = 0; i < self->order_count && !self->finalize; i++) self->finalize = self->order[i]->finalize;
}

/* ---------------------------------------------------------------- making: all of it */

static bool is_possible(const ouro_class_def *def) {
  if (!def || !def->name || def->flags & ~(unsigned)ALL_FLAGS || (def->base && !may_be_behind(def->base, false))) return false;
  for (size_t i = 0; i < count_mixins(def); i++) {
    if (!may_be_behind(def->mixins[i], true)) return false;
  }
  return true;
}

static int make_name(ouro_class *self, const char *name) {
  size_t bytes = strlen(name);
  if (!ouro_utf8_is_valid(name, bytes, NULL)) return OURO_EUTF8;
  self->name = ouro_malloc(bytes + 1);
  if (!self->name) return OURO_ENOMEM;
  memcpy(self->name, name, bytes + 1);
  return OURO_OK;
}

static int make_objects(ouro_class *self) {
  self->attrs = ouro_dict_new();
  self->init = self->attrs ? ouro_intern_text("__init__") : NULL;
  return self->init ? OURO_OK : ouro__code();
}

/* A thread that does not come in time costs the others more later, and nothing else. */
static int defer(ouro_class *self) {
  int code = ouro_defer(self);
  return code == OURO_EBUSY ? OURO_OK : code;
}

static int make_parts(ouro_class *self, const ouro_class_def *def) {
  self->flags = def->flags | (def->base ? def->base->flags & OURO_CLASS_DICT : 0);
  int code = make_name(self, def->name);
  if (!code) code = make_order(self, def);
  if (!code) code = make_slots(self, def);
  if (!code) code = make_methods(self, def);
  if (!code) code = make_objects(self);
  if (code) return code;
  make_protocols(self, def);
  if (self->flags & OURO_CLASS_DICT) inherit_keys(self, self->parent);
  return make_layouts(self) ? defer(self) : OURO_ENOMEM;
}

/* Its methods refer to it: without that it goes at once, and needs no collection. */
static void give_up(ouro_class *self) {
  size_t own = count_own(self);
  for (size_t i = 0; i < own; i++) ouro_clear(&self->methods[i].function->closure);
  ouro_decref(self);
}

ouro_ref ouro_class_new(const ouro_class_def *def) {
  if (!is_possible(def)) return ouro__fail(OURO_EINVAL);
  ouro_class *self = ouro_new(&ouro_class_type);
  int code = self ? make_parts(self, def) : ouro__code();
  if (!code) return self;
  if (self) give_up(self);
  return ouro__fail(code);
}

/* ---------------------------------------------------------------- asking */

const char *ouro_class_name(const ouro_class *self) { return self->name; }
ouro_class *ouro_class_base(const ouro_class *self) { return self->parent; }

bool ouro_class_is_subclass(const ouro_class *self, const ouro_class *of) {
  if (self == of) return true;
  for (uint32_t i = 0; i < self->order_count; i++) {
    if (self->order[i] == of) return true;
  }
  return false;
}

bool ouro_class_is_instance(const void *object, const ouro_class *of) {
  const ouro_class *self = ouro_class_of(object);
  return self && ouro_class_is_subclass(self, of);
}

ouro_ref ouro_class_order(const ouro_class *self) {
  ouro_list *list = ouro_list_new();
  if (!list) return NULL;
  int code = ouro_list_append(list, (void *)(uintptr_t)self);
  for (uint32_t i = 0; i < self->order_count && !code; i++) code = ouro_list_append(list, self->order[i]);
  if (!code) return list;
  ouro_decref(list);
  return ouro__fail(code);
}

/* Here, as elsewhere, the collector may have cleared the class. */
static int list_methods(const ouro_class *self, ouro_dict *attrs) {
  int code = OURO_OK;
  for (size_t i = 0, own = count_own(self); i < own && !code; i++) {
    ouro_function *function = self->methods[i].function;
    if (function) code = ouro_dict_set(attrs, function->name, function);
  }
  return code;
}

/* Methods first, then what was set, which replaces methods of the same name. */
ouro_ref ouro_class_attrs(ouro_class *self) {
  ouro_dict *attrs = ouro_dict_new();
  if (!attrs) return NULL;
  int code = list_methods(self, attrs);
  if (!code && self->attrs) code = ouro_dict_update(attrs, self->attrs);
  if (!code) return attrs;
  ouro_decref(attrs);
  return ouro__fail(code);
}

/* ---------------------------------------------------------------- the type */

static void class_visit(void *object, ouro_visitor *visitor) {
  ouro_class *self = object;
  uint32_t keys = ouro__load_relaxed(&self->key_count);
  for (uint32_t i = 0; i < keys; i++) ouro_visit(visitor, &self->keys[i]);
  for (uint32_t i = 0; i < self->slot_count; i++) ouro_visit(visitor, &self->slots[i]);
  for (uint32_t i = 0; i < self->order_count; i++) ouro_visit(visitor, &self->order[i]);
  for (uint32_t i = 0; i < self->method_count; i++) ouro_visit(visitor, &self->methods[i].function);
}

static void drop_layout(ouro__layout *layout) {
  ouro__type_dispose(&layout->type);
  ouro_free((void *)(uintptr_t)layout->type.references);
}

/* Every instance held the class: none is left. */
static void class_release(void *object) {
  ouro_class *self = object;
  for (int i = 0; i < OURO__LAYOUTS; i++) drop_layout(&self->layouts[i]);
  ouro_free(self->slots);
  ouro_free(self->order);
  ouro_free(self->methods);
  ouro_free(self->cells);
  ouro_free(self->name);
}

static int class_repr(void *object, ouro_buffer *out) {
  const ouro_class *self = object;
  size_t before = ouro_buffer_count(out);
  int code = ouro_buffer_append_text(out, "<class '");
  if (!code) code = ouro_buffer_append_text(out, self->name);
  if (!code) code = ouro_buffer_append_text(out, "'>");
  if (code) ouro_buffer_truncate(out, before);
  return code;
}

static int class_copy(void *self, ouro_copier *copier, ouro_slot copy) {
  (void)copier;
  *(void **)copy = ouro_newref(self);
  return OURO_OK;
}

static size_t bytes_of(const void *block) { return block ? ouro_usable_size((void *)(uintptr_t)block) : 0; }

static size_t class_extent(const void *object) {
  const ouro_class *self = object;
  size_t bytes = bytes_of(self->slots) + bytes_of(self->order) + bytes_of(self->methods) + bytes_of(self->cells) + bytes_of(self->name);
  for (int i = 0; i < OURO__LAYOUTS; i++) bytes += bytes_of(self->layouts[i].type.references);
  return bytes;
}

static const ouro_protocols class_protocols = {
  .repr = class_repr,
  .call = ouro__class_call,
  .get_attr = ouro__class_get_attr,
  .set_attr = ouro__class_set_attr,
  .copy = class_copy,
  .extent = class_extent,
};

ouro_type ouro_class_type = {
  .name = "type",
  .size = sizeof(ouro_class),
  .references = OURO_REFERENCES(offsetof(ouro_class, parent), offsetof(ouro_class, attrs), offsetof(ouro_class, init)),
  .visit = class_visit,
  .release = class_release,
  .protocols = &class_protocols,
};

/* ---------------------------------------------------------------- the checker */

static bool are_different(ouro_str *const *names, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    if (!ouro_is_interned(names[i])) return false;
    for (uint32_t k = 0; k < i; k++) {
      if (names[k] == names[i]) return false;
    }
  }
  return true;
}

static bool is_layout_valid(const ouro_class *self, const ouro__layout *layout) {
  size_t places = self->slot_count + (layout->overflow != 0) + layout->room;
  return layout->type.keeper == &self->base && layout->type.size == sizeof(ouro_object) + places * sizeof(void *) &&
         layout->values + layout->room * sizeof(void *) == layout->type.size && layout->type.size < OURO__PLACES;
}

/* I-CLASS-1 and 4; and whatever a layout says of itself. */
bool ouro__class_valid(const ouro_class *self) {
  const ouro__layout *current = ouro__load_relaxed((ouro__layout * _Atomic *)(uintptr_t)&self->current);
  uint32_t keys = ouro__load_relaxed((_Atomic uint32_t *)(uintptr_t)&self->key_count);
  if (keys > OURO__KEYS_MOST || !are_different(self->keys, keys) || !are_different(self->slots, self->slot_count)) return false;
  for (uint32_t i = 0; i < OURO__LAYOUTS; i++) {
    if (self->layouts[i].type.references && !is_layout_valid(self, &self->layouts[i])) return false;
  }
  if (self->flags & OURO_CLASS_DICT ? current != &self->layouts[self->layout_count - 1] : current != &self->layouts[1]) return false;
  for (uint32_t i = 0; i < self->method_count; i++) {
    const ouro__method *it = &self->methods[i];
    if (it->position > self->order_count || (i && it->position < self->methods[i - 1].position)) return false;
    if (ouro__class_method(self, it->function->name) != i) return false;
  }
  return true;
}
