/* values/value.c - protocols: what an object can do is looked up in its type, and asked of it; none, true and false; errors. */
#include <string.h>

#include "values/values.h"

#include <ouro/bytes.h>
#include <ouro/str.h>

/* ---------------------------------------------------------------- codes and errno */

static const struct {
  int number, code;
} codes[] = {
    {ENOMEM, OURO_ENOMEM},   {EINVAL, OURO_EINVAL}, {EBUSY, OURO_EBUSY},     {EPERM, OURO_EPERM},   {ENOTSUP, OURO_ETYPE},
    {EPROTOTYPE, OURO_EHASH}, {ENOENT, OURO_EKEY},  {ENXIO, OURO_EINDEX},    {ERANGE, OURO_ERANGE}, {EILSEQ, OURO_EUTF8},
    {ESTALE, OURO_ECHANGED}, {ELOOP, OURO_EDEEP},   {ECANCELED, OURO_ERAISED}, {EBADMSG, OURO_ESYNTAX},
    {ECONNABORTED, OURO_ESTOP},
};

enum { CODES = sizeof codes / sizeof *codes };

int ouro_code_of_errno(int number) {
  for (int i = 0; i < CODES; i++) {
    if (codes[i].number == number) return codes[i].code;
  }
  return OURO_ESYSTEM;
}

/* Of OURO_ESYSTEM, errno says why already. A code of the program's own has no errno, and must not come out as what errno was before. */
void *ouro__fail(int code) {
  int i = 0;
  while (i < CODES && codes[i].code != code) i++;
  if (code != OURO_ESYSTEM) errno = i < CODES ? codes[i].number : EPROTO;
  return NULL;
}

/* ---------------------------------------------------------------- none, true, false */

static int append(ouro_buffer *out, const char *text) { return ouro_buffer_append_text(out, text); }

static int none_repr(void *self, ouro_buffer *out) {
  (void)self;
  return append(out, "None");
}

static int none_truth(void *self) {
  (void)self;
  return 0;
}

static const ouro_protocols none_protocols = {.repr = none_repr, .truth = none_truth};

enum { CONSTANT = OURO_TYPE_ACYCLIC | OURO_TYPE_IMMUTABLE };

ouro_type ouro_none_type = {.name = "NoneType", .size = sizeof(ouro_object), .flags = CONSTANT, .protocols = &none_protocols};
ouro_object ouro_none_object = OURO_IMMORTAL_OBJECT(&ouro_none_type);
ouro_object ouro_true_object = OURO_IMMORTAL_OBJECT(&ouro_bool_type);
ouro_object ouro_false_object = OURO_IMMORTAL_OBJECT(&ouro_bool_type);

/* ---------------------------------------------------------------- looking for a protocol */

static bool has(const ouro_protocols *protocols, size_t offset) {
  void (*entry)(void);
  memcpy(&entry, (const char *)protocols + offset, sizeof entry);
  return entry;
}

const ouro_protocols *ouro__inherited(const ouro_type *type, size_t offset) {
  for (type = type->base; type; type = type->base) {
    if (type->protocols && has(type->protocols, offset)) return type->protocols;
  }
  return NULL;
}

#define FIND(object_, name_) OURO__PROTOCOL(ouro_type_of(object_), name_)

/* ---------------------------------------------------------------- hash, equality, order */

/* An address is no secret, but nobody chooses many of them. */
static uint64_t hash_of_address(const void *object) { return ouro__mix((uintptr_t)object ^ ouro__hash_key[0]); }

int ouro_hash(void *object, uint64_t *hash) {
  const ouro_protocols *found = FIND(object, hash);
  if (!found) {
    if (FIND(object, equal)) return OURO_EHASH;
    ouro__hash_start();
    *hash = hash_of_address(object);
    return OURO_OK;
  }
  if (!ouro__deeper()) return OURO_EDEEP;
  int code = found->hash(object, hash);
  ouro__shallower();
  return code;
}

static int ask_equal(void *first, void *second) {
  const ouro_protocols *found = FIND(first, equal);
  return found ? found->equal(first, second) : OURO_NOT_MINE;
}

int ouro_equal(void *first, void *second) {
  if (first == second) return 1;
  if (!ouro__deeper()) return OURO_EDEEP;
  int answer = ask_equal(first, second);
  if (answer == OURO_NOT_MINE && ouro_type_of(first) != ouro_type_of(second)) answer = ask_equal(second, first);
  ouro__shallower();
  return answer == OURO_NOT_MINE ? 0 : answer;
}

static int ask_order(void *first, void *second, int *order) {
  const ouro_protocols *found = FIND(first, compare);
  return found ? found->compare(first, second, order) : OURO_NOT_MINE;
}

static int order_of(void *first, void *second, int *order) {
  int code = ask_order(first, second, order);
  if (code != OURO_NOT_MINE) return code;
  code = ouro_type_of(first) == ouro_type_of(second) ? OURO_NOT_MINE : ask_order(second, first, order);
  if (code == OURO_OK) *order = *order < 0 ? 1 : *order > 0 ? -1 : 0;
  return code == OURO_NOT_MINE ? OURO_ETYPE : code;
}

int ouro_compare(void *first, void *second, int *order) {
  if (!ouro__deeper()) return OURO_EDEEP;
  int found = 0, code = order_of(first, second, &found);
  ouro__shallower();
  if (code == OURO_OK) *order = found;
  return code;
}

/* ---------------------------------------------------------------- text */

static int plain_repr(void *object, ouro_buffer *out) {
  char text[64];
  ouro__text at = {text, sizeof text - 1};
  ouro__text_str(&at, " at ");
  ouro__text_hex(&at, (uintptr_t)object);
  ouro__text_str(&at, ">");
  size_t before = ouro_buffer_count(out);
  int code = append(out, "<");
  if (!code) code = append(out, ouro_type_of(object)->name);
  if (!code) code = append(out, text);
  if (code) ouro_buffer_truncate(out, before);
  return code;
}

int ouro_repr_into(void *object, ouro_buffer *out) {
  const ouro_protocols *found = FIND(object, repr);
  if (!found) return plain_repr(object, out);
  if (!ouro__deeper()) return OURO_EDEEP;
  int code = found->repr(object, out);
  ouro__shallower();
  return code;
}

int ouro_str_into(void *object, ouro_buffer *out) {
  const ouro_protocols *found = FIND(object, str);
  if (!found) return ouro_repr_into(object, out);
  if (!ouro__deeper()) return OURO_EDEEP;
  int code = found->str(object, out);
  ouro__shallower();
  return code;
}

static ouro_ref text_of(void *object, int (*into)(void *object, ouro_buffer *out)) {
  ouro_buffer buffer = OURO_BUFFER_ON_STACK;
  int code = into(object, &buffer);
  ouro_ref text = code ? ouro__fail(code) : ouro_buffer_to_str(&buffer);
  int saved = errno;
  ouro_buffer_done(&buffer);
  errno = saved;
  return text;
}

ouro_ref ouro_repr(void *object) { return text_of(object, ouro_repr_into); }

ouro_ref ouro_str_of(void *object) { return ouro_is_str(object) ? ouro_newref(object) : text_of(object, ouro_str_into); }

/* ---------------------------------------------------------------- truth, length, items, iteration, calls */

int ouro_truth(void *object) {
  const ouro_protocols *found = FIND(object, truth);
  size_t length = 1;
  if (found) return found->truth(object);
  found = FIND(object, length);
  int code = found ? found->length(object, &length) : OURO_OK;
  return code ? code : length != 0;
}

int ouro_length(void *object, size_t *length) {
  const ouro_protocols *found = FIND(object, length);
  return found ? found->length(object, length) : OURO_ETYPE;
}

static int look_for(void *iterator, const void *item) {
  for (;;) {
    void *each = NULL;
    int code = ouro_next(iterator, &each);
    if (code <= 0) return code;
    code = ouro_equal(each, (void *)(uintptr_t)item);
    ouro_decref(each);
    if (code) return code;
  }
}

int ouro_contains(void *object, void *item) {
  const ouro_protocols *found = FIND(object, contains);
  if (found) return found->contains(object, item);
  void *iterator = NULL;
  int code = ouro_iterate(object, &iterator);
  if (code) return code;
  code = look_for(iterator, item);
  ouro_decref(iterator);
  return code;
}

static int itself(void *object, ouro_slot out) {
  *(void **)out = ouro_newref(object);
  return OURO_OK;
}

int ouro_iterate(void *object, ouro_slot iterator) {
  const ouro_protocols *found = FIND(object, iterate);
  if (found) return found->iterate(object, iterator);
  return FIND(object, next) ? itself(object, iterator) : OURO_ETYPE;
}

int ouro_next(void *iterator, ouro_slot item) {
  const ouro_protocols *found = FIND(iterator, next);
  return found ? found->next(iterator, item) : OURO_ETYPE;
}

int ouro_call(void *function, void *const *args, size_t count, ouro_slot result) {
  const ouro_protocols *found = FIND(function, call);
  if (!found) return OURO_ETYPE;
  if (!ouro__deeper()) return OURO_EDEEP;
  int code = found->call(function, args, count, result);
  ouro__shallower();
  return code;
}

int ouro_item_get(void *object, void *key, ouro_slot item) {
  const ouro_protocols *found = FIND(object, get_item);
  return found ? found->get_item(object, key, item) : OURO_ETYPE;
}

static int set_item(void *object, void *key, void *item) {
  const ouro_protocols *found = FIND(object, set_item);
  return found ? found->set_item(object, key, item) : OURO_ETYPE;
}

int ouro_item_set(void *object, void *key, void *item) { return item ? set_item(object, key, item) : OURO_EINVAL; }
int ouro_item_delete(void *object, void *key) { return set_item(object, key, NULL); }

/* ---------------------------------------------------------------- attributes */

/* The interned string of the name; new. */
static ouro_ref name_of(void *name) {
  if (!ouro_is_str(name)) return ouro__fail(OURO_ETYPE);
  return ouro_is_interned(name) ? ouro_newref(name) : ouro_intern(name);
}

int ouro_attr_get(void *object, void *name, ouro_slot value) {
  const ouro_protocols *found = FIND(object, get_attr);
  if (!found) return OURO_ETYPE;
  ouro_ref known = name_of(name);
  if (!known) return ouro__code();
  int code = found->get_attr(object, known, value);
  ouro_decref(known);
  return code;
}

static int set_attr(void *object, void *name, void *value) {
  const ouro_protocols *found = FIND(object, set_attr);
  if (!found) return OURO_ETYPE;
  ouro_ref known = name_of(name);
  if (!known) return ouro__code();
  int code = found->set_attr(object, known, value);
  ouro_decref(known);
  return code;
}

int ouro_attr_set(void *object, void *name, void *value) { return value ? set_attr(object, name, value) : OURO_EINVAL; }
int ouro_attr_delete(void *object, void *name) { return set_attr(object, name, NULL); }
