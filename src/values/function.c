/* values/function.c - functions as objects; methods of classes; bound methods. See class.h. */
#include <string.h>

#include "values/class.h"

#include <ouro/bytes.h>

typedef struct bound_method {
  ouro_object base;
  ouro_object *function, *self;
} bound_method;

enum { FEW = 8 }; /* arguments of a bound call that need no memory */

/* ---------------------------------------------------------------- making */

ouro_ref ouro__function_make(ouro_type *type, ouro_str *name, ouro_method_fn call, void *closure) {
  ouro_function *self = ouro_new(type);
  if (!self) return NULL;
  self->name = ouro_newref(name);
  self->call = call;
  self->closure = ouro_xnewref(closure);
  return self;
}

ouro_ref ouro_function_new(const char *name, ouro_method_fn call, void *closure) {
  if (!name || !call) return ouro__fail(OURO_EINVAL);
  ouro_str *known = ouro_intern_text(name);
  if (!known) return NULL;
  ouro_ref made = ouro__function_make(&ouro_function_type, known, call, closure);
  int saved = errno;
  ouro_decref(known);
  errno = saved;
  return made;
}

ouro_ref ouro_bound_method_new(void *function, void *self) {
  if (!function || !self) return ouro__fail(OURO_EINVAL);
  bound_method *made = ouro_new(&ouro_bound_method_type);
  if (!made) return NULL;
  made->function = ouro_newref(function);
  made->self = ouro_newref(self);
  return made;
}

/* ---------------------------------------------------------------- asking */

bool ouro_is_function(const void *object) { return ouro_is_instance(object, &ouro_function_type); }
const char *ouro_function_name(const ouro_function *self) { return self->name ? ouro_str_text(self->name) : ""; }
void *ouro_function_closure(const ouro_function *self) { return self->closure; }

static bool is_bound(const void *object) { return ouro_type_of(object) == &ouro_bound_method_type; }
void *ouro_bound_method_function(const void *method) { return is_bound(method) ? ((const bound_method *)method)->function : NULL; }
void *ouro_bound_method_self(const void *method) { return is_bound(method) ? ((const bound_method *)method)->self : NULL; }

/* ---------------------------------------------------------------- calling */

int ouro__method_run(const ouro_function *method, void *self, void *const *args, size_t count, ouro_slot result) {
  if (OURO_UNLIKELY(!ouro__deeper())) return OURO_EDEEP;
  int code = method->call(self, args, count, result);
  ouro__shallower();
  return code;
}

static int function_call(void *object, void *const *args, size_t count, ouro_slot result) {
  const ouro_function *self = object;
  return self->call(self->closure, args, count, result);
}

/* May the method be called with that object first? The collector may have cleared it. */
static bool suits(const ouro_function *method, const void *object) {
  return method->closure && ouro_class_is_instance(object, (ouro_class *)(void *)method->closure);
}

static int method_call(void *object, void *const *args, size_t count, ouro_slot result) {
  const ouro_function *self = object;
  if (count == 0) return OURO_EINVAL;
  if (!suits(self, args[0])) return OURO_ETYPE;
  return self->call(args[0], args + 1, count - 1, result);
}

static int call_with_many(void *callable, void *self, void *const *args, size_t count, ouro_slot result) {
  void *few[FEW], **all = count < FEW ? few : ouro_malloc((count + 1) * sizeof *all);
  if (!all) return OURO_ENOMEM;
  all[0] = self;
  if (count) memcpy(all + 1, args, count * sizeof *all);
  int code = ouro_call(callable, all, count + 1, result);
  if (all != few) ouro_free(all);
  return code;
}

int ouro__call_with(void *callable, void *self, void *const *args, size_t count, ouro_slot result) {
  if (ouro_type_of(callable) != &ouro_method_type) return call_with_many(callable, self, args, count, result);
  return suits(callable, self) ? ouro__method_run(callable, self, args, count, result) : OURO_ETYPE;
}

static int bound_call(void *object, void *const *args, size_t count, ouro_slot result) {
  const bound_method *self = object;
  if (OURO_UNLIKELY(!self->function || !self->self)) return OURO_EINVAL; /* cleared by the collector */
  return ouro__call_with(self->function, self->self, args, count, result);
}

/* ---------------------------------------------------------------- protocols */

static int itself(void *self, ouro_copier *copier, ouro_slot copy) {
  (void)copier;
  *(void **)copy = ouro_newref(self);
  return OURO_OK;
}

/* Pieces of text, ended by NULL: all of them, or none. */
static int append_all(ouro_buffer *out, const char *const *pieces) {
  size_t before = ouro_buffer_count(out);
  int code = OURO_OK;
  for (; *pieces && !code; pieces++) code = ouro_buffer_append_text(out, *pieces);
  if (code) ouro_buffer_truncate(out, before);
  return code;
}

static int function_repr(void *object, ouro_buffer *out) {
  char address[32];
  ouro__text at = {address, sizeof address - 1};
  ouro__text_str(&at, " at ");
  ouro__text_hex(&at, (uintptr_t)object);
  return append_all(out, (const char *const[]){"<function ", ouro_function_name(object), address, ">", NULL});
}

static int method_repr(void *object, ouro_buffer *out) {
  const ouro_function *self = object;
  const char *of = self->closure ? ouro_class_name((ouro_class *)(void *)self->closure) : "";
  return append_all(out, (const char *const[]){"<method '", ouro_function_name(self), "' of '", of, "' objects>", NULL});
}

static int bound_repr(void *object, ouro_buffer *out) {
  const bound_method *self = object;
  size_t before = ouro_buffer_count(out);
  bool named = self->function && ouro_is_function(self->function);
  const char *name = named ? ouro_function_name((ouro_function *)(void *)self->function) : "?";
  int code = append_all(out, (const char *const[]){"<bound method ", name, " of ", NULL});
  if (!code && self->self) code = ouro_repr_into(self->self, out);
  if (!code) code = ouro_buffer_append_char(out, '>');
  if (code) ouro_buffer_truncate(out, before);
  return code;
}

static int bound_equal(void *first, void *second) {
  const bound_method *one = first, *other = second;
  if (!is_bound(second)) return OURO_NOT_MINE;
  return one->function == other->function && one->self == other->self;
}

static int bound_hash(void *object, uint64_t *hash) {
  const bound_method *self = object;
  ouro__hash_start();
  *hash = ouro__mix((uintptr_t)self->self ^ ouro__mix((uintptr_t)self->function ^ ouro__hash_key[0]));
  return OURO_OK;
}

static const ouro_protocols function_protocols = {.repr = function_repr, .call = function_call, .copy = itself};
static const ouro_protocols method_protocols = {.repr = method_repr, .call = method_call};
static const ouro_protocols bound_protocols = {.hash = bound_hash, .equal = bound_equal, .repr = bound_repr, .call = bound_call};

ouro_type ouro_function_type = {
  .name = "function",
  .size = sizeof(ouro_function),
  .references = OURO_REFERENCES(offsetof(ouro_function, name), offsetof(ouro_function, closure)),
  .protocols = &function_protocols,
};

ouro_type ouro_method_type = {
  .name = "method_descriptor",
  .size = sizeof(ouro_function),
  .base = &ouro_function_type,
  .protocols = &method_protocols,
};

ouro_type ouro_bound_method_type = {
  .name = "method",
  .size = sizeof(bound_method),
  .references = OURO_REFERENCES(offsetof(bound_method, function), offsetof(bound_method, self)),
  .protocols = &bound_protocols,
};
