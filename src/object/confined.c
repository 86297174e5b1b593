/* object/confined.c - objects of one thread alone (OURO_TYPE_CONFINED): the young ones of each number, in a list.
 *
 * Nobody but the owner may count, read or change such an object. So its thread can tell by itself which of its young ones are garbage, and
 * need not stop the others (gc/confined.c). For that it must find them without walking over units, where others have objects as well.
 * Behind all that its type asks for, a confined object has two links:
 *
 *   record -> youngest -> ... -> oldest    next: NULL in the oldest; prev: in the youngest the record's address, plus 1; NULL: in no list
 *
 * I-CONF-1  what is in the list of a number is owned by it, OURO_S_CONFINED, and its state is OURO_STATE_UNTRACKED (to other
 *           collections than its thread's own it is no member of any set: what it refers to is held), or, where its finalizer has run or it
 *           was untracked meanwhile, OURO_STATE_YOUNG
 * I-CONF-2  the list changes by who acts for the number alone
 *
 * An object whose owner changes leaves the list, and is young like any other; so is everything in all lists before a collection
 * that stops the world. */
#include "object/object.h"

static ouro__links *links_of(const ouro_object *object) { return ouro__links_of(object, ouro_type_of(object)); }

/* (A mark of gc/confined.c, which a child of fork may find in the middle of its work, has the second bit.) */
static bool is_listed(const ouro__links *links) { return links->prev && !(links->prev & 2); }

bool ouro__confined_is_listed(const ouro_object *object) { return is_listed(links_of(object)); }

static bool leave(ouro_object *object) {
  ouro__links *own = links_of(object);
  if (!is_listed(own)) return false;
  if (own->next) links_of(own->next)->prev = own->prev;
  if (own->prev & 1) {
    ((ouro__thread *)(own->prev - 1))->confined = own->next;
  } else {
    links_of((ouro_object *)own->prev)->next = own->next;
  }
  *own = (ouro__links){NULL, 0};
  return true;
}

void ouro__confined_leave(ouro_object *object) { leave(object); }

static void be_young(ouro_object *object) {
  OURO__SET(*ouro__state(object), OURO_STATE_YOUNG);
  ouro__list_unit(ouro__unit_number(object), 0);
}

void ouro__confined_join(ouro_object *object) {
  if (leave(object) && ouro__has(object, OURO_TRACKED)) be_young(object);
}

/* Forwards only: in a child of fork, a thread that did not come may have been in the middle of putting one at the beginning. */
static void join_list(ouro_object *object) {
  while (object) {
    ouro__links *own = links_of(object);
    ouro_object *next = own->next;
    *own = (ouro__links){NULL, 0};
    if (ouro__has(object, OURO_TRACKED)) be_young(object);
    object = next;
  }
}

void ouro__confined_join_all(void) {
  for (uint32_t i = 1; i <= ouro__load_relaxed(&ouro__threads_top); i++) {
    ouro__thread *thread = ouro__load_relaxed(&ouro__threads[i]);
    ouro_object *first = thread->confined;
    thread->confined = NULL;
    join_list(first);
  }
}
