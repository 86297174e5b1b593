/* values/raised.c - what a thread has for values: the error that it raised last, how deep its calls are nested, what it is printing.
 *
 * The layer of objects calls ouro__values_left when a thread ends. So this file uses nothing else of values/: a program of objects alone,
 * linked with the static library, has nothing of numbers and text in it, and does not need the libraries that these need. */
#include "values/values.h"

int ouro_raise(void *error) {
  if (!error) return OURO_EINVAL;
  if (!ouro__attached()) return OURO_EPERM;
  ouro_setref(&ouro__me->raised, error);
  return OURO_ERAISED;
}

ouro_ref ouro_raised_take(void) { return ouro__me ? ouro_steal(&ouro__me->raised) : OURO_NULL; }

void ouro__values_left(void) {
  ouro__thread *me = ouro__me;
  while (me->raised) ouro_clear(&me->raised); /* what goes with it may raise one more */
  ouro_free(me->printing);
  me->printing = NULL;
  me->printing_count = me->printing_room = 0;
}

/* A thread that is refused finds everything too deep. */
bool ouro__deeper(void) {
  if (OURO_UNLIKELY(!ouro__attached())) return false;
  ouro__thread *me = ouro__me;
  if (me->nested >= OURO_DEEPEST) return false;
  me->nested++;
  return true;
}

void ouro__shallower(void) { ouro__me->nested--; }

bool ouro__printing(const void *object) {
  ouro__thread *me = ouro__me;
  if (!me) return false;
  for (uint32_t i = 0; i < me->printing_count; i++) {
    if (me->printing[i] == object) return true;
  }
  if (me->printing_count == me->printing_room) {
    uint32_t room = me->printing_room ? me->printing_room * 2 : 16;
    const void **larger = ouro_realloc(me->printing, room * sizeof *larger);
    if (!larger) return false;
    me->printing = larger;
    me->printing_room = room;
  }
  me->printing[me->printing_count++] = object;
  return false;
}

void ouro__printed(const void *object) {
  ouro__thread *me = ouro__me;
  if (me && me->printing_count && me->printing[me->printing_count - 1] == object) me->printing_count--;
}
