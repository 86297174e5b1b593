/* values/sizeof.c - how many bytes an object takes, alone or with all that it reaches.
 *
 * The deep figure is that of one moment: all other threads stand still, and the walk reads objects without locks. It goes by a stack of its
 * own and a set of the addresses that it has met; each object is counted when it is met first. */
#include <ouro/class.h>

#include "values/guard.h"
#include "values/values.h"

enum { PLACES_FIRST = 256, STACK_FIRST = 64 };

static size_t extent_of(const ouro_object *object) {
  const ouro_protocols *found = OURO__PROTOCOL(ouro_type_of(object), extent);
  return found ? found->extent(object) : 0;
}

/* In a section, so that whoever would change it, and free what is being looked at, waits. */
size_t ouro_sizeof(const void *object) {
  ouro_object *self = (ouro_object *)(uintptr_t)object;
  size_t extent = 0;
  if (OURO__PROTOCOL(ouro_type_of(object), extent)) {
    ouro__hold hold;
    ouro__hold_write(&hold, self);
    extent = extent_of(self);
    ouro__hold_end(&hold, self);
  }
  return ouro_object_size(object) + extent;
}

/* ---------------------------------------------------------------- with all that it reaches */

typedef struct measure {
  ouro_visitor visitor;
  ouro_object **met; /* open addressing, at most half full */
  size_t places, count;
  ouro_object **stack; /* those whose references are still to be followed */
  size_t depth, room;
  size_t bytes;
  bool failed;
} measure;

static ouro_object **place_of(ouro_object **met, size_t places, const ouro_object *object) {
  size_t mask = places - 1, at = (size_t)ouro__mix((uintptr_t)object >> 4) & mask;
  while (met[at] && met[at] != object) at = (at + 1) & mask;
  return &met[at];
}

static bool grow_met(measure *it) {
  size_t places = it->places ? it->places * 2 : PLACES_FIRST;
  ouro_object **met = ouro_calloc(places, sizeof(ouro_object *));
  if (!met) return false;
  for (size_t i = 0; i < it->places; i++) {
    if (it->met[i]) *place_of(met, places, it->met[i]) = it->met[i];
  }
  ouro_free(it->met);
  it->met = met;
  it->places = places;
  return true;
}

static bool push(measure *it, ouro_object *object) {
  if (it->depth == it->room) {
    size_t room = it->room ? it->room * 2 : STACK_FIRST;
    ouro_object **larger = ouro_realloc(it->stack, room * sizeof(ouro_object *));
    if (!larger) return false;
    it->stack = larger;
    it->room = room;
  }
  it->stack[it->depth++] = object;
  return true;
}

static bool has_references(const ouro_object *object) {
  const ouro_type *type = ouro_type_of(object);
  return type->ouro__derived.slots || type->ouro__derived.flags & OURO_D_SCATTERED;
}

static void meet(measure *it, ouro_object *object) {
  it->failed = it->failed || (it->count * 2 >= it->places && !grow_met(it));
  if (it->failed) return;
  ouro_object **place = place_of(it->met, it->places, object);
  if (*place) return;
  *place = object;
  it->count++;
  it->bytes += ouro_object_size(object) + extent_of(object);
  it->failed = has_references(object) && !push(it, object);
}

/* What the whole program has is not this object's. The keeper, which has no word, is the class. */
static void follow(ouro_visitor *visitor, uintptr_t *word, void *object, uintptr_t empty) {
  (void)empty;
  if (word && !ouro_is_immortal(object) && !ouro_is_class(object)) meet((measure *)(void *)visitor, object);
}

static void walk(measure *it, ouro_object *root) {
  meet(it, root);
  while (!it->failed && it->depth) ouro__visit_all(it->stack[--it->depth], &it->visitor);
}

int ouro_sizeof_deep(void *object, size_t *bytes) {
  measure it = {.visitor = {follow}};
  if (!object || !bytes) return OURO_EINVAL;
  int code = ouro__look_begin();
  if (code) return code;
  walk(&it, object);
  ouro__look_end();
  ouro_free(it.met);
  ouro_free(it.stack);
  if (it.failed) return OURO_ENOMEM;
  *bytes = it.bytes;
  return OURO_OK;
}
