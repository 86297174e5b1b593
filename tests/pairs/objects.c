/* tests/pairs/objects.c - the entries of <ouro/object.h>. */
#include "pairs/pairs.h"

BODY(ouro_type_check) { TEST_CHECK(ouro_type_check(ouro_type_of(me->all->x), NULL, 0) == OURO_OK); }

BODY(ouro_type_new) {
  ouro_type description = {.name = "derived", .size = sizeof(thing) + 16, .base = me->all->type};
  ouro_type *type = ouro_type_new(&description);
  TEST_CHECK(type != NULL);
  drop(ouro_new(type));
  ouro_type_release(type);
}

BODY(ouro_type_release) {
  ouro_type description = {.name = "short", .size = sizeof(thing), .references = OURO_REFERENCES(offsetof(thing, a))};
  ouro_type *type = ouro_type_new(&description);
  thing *only = ouro_new(type);
  ouro_setref(&only->a, me->all->y);
  ouro_type_release(type); /* its last instance keeps it */
  drop(only);
}

static void show_nothing(ouro_visitor *visitor, uintptr_t *word, void *object, uintptr_t empty) {
  (void)visitor;
  (void)word;
  (void)object;
  (void)empty;
}

/* The slots of `visited` never change. */
BODY(ouro_visit) {
  ouro_visitor visitor = {show_nothing};
  ouro_visit(&visitor, &me->all->visited->a);
}
BODY(ouro_visit_tagged) {
  ouro_visitor visitor = {show_nothing};
  ouro_visit_tagged(&visitor, (uintptr_t *)(void *)&me->all->visited->a, me->all->visited->a, 0);
}

BODY(ouro_new) {
  drop(ouro_new(me->all->fresh)); /* which both may be the first to use */
  drop(ouro_new(me->all->type));
  drop(thing_new());
}

BODY(ouro_new_var) {
  static ouro_type list_type = {.name = "list", .size = sizeof(ouro_var), .item_size = sizeof(void *), .flags = OURO_TYPE_ITEMS};
  ouro_var *list = ouro_new_var(&list_type, 1 + me->turn % 5);
  ouro_setref((void **)(void *)(list + 1), me->all->x);
  drop(list);
}

BODY(ouro_new_extra) {
  thing *made = ouro_new_extra(me->all->fresh, 0, 40);
  ouro_setref(&made->a, me->all->x);
  drop(made);
}

BODY(ouro_extra) { TEST_CHECK(ouro_extra(me->all->made_with_extra) != NULL); }
BODY(ouro_type_of) { TEST_CHECK(ouro_type_of(me->all->x) == &final_thing); }
BODY(ouro_is_instance) { TEST_CHECK(ouro_is_instance(me->all->x, &plain_thing)); }
BODY(ouro_object_size) { TEST_CHECK(ouro_object_size(me->all->x) >= sizeof(thing)); }

BODY(ouro_incref) {
  ouro_incref(me->all->x);
  ouro_decref(me->all->x);
}

/* The other way round: its own reference goes, while the pair holds more. */
BODY(ouro_decref) {
  ouro_decref(me->all->x);
  ouro_incref(me->all->x);
}
BODY(ouro_xincref) {
  ouro_xincref(me->all->y);
  ouro_xdecref(me->all->y);
}
BODY(ouro_xdecref) {
  ouro_xincref(me->all->x);
  ouro_xincref(me->all->x);
  ouro_xdecref(me->all->x);
  ouro_xdecref(me->all->x);
}
BODY(ouro_newref) { ouro_decref(ouro_newref(me->all->x)); }
BODY(ouro_xnewref) { ouro_decref(ouro_xnewref(me->all->y)); }

BODY(ouro_setref) {
  ouro_section section;
  ouro_section_begin(&section, me->all->x);
  ouro_setref(&me->all->x->a, me->turn % 2 ? me->all->y : me->mine);
  ouro_section_end(&section);
}
BODY(ouro_movref) {
  ouro_section section;
  ouro_section_begin(&section, me->all->x);
  ouro_movref(&me->all->x->a, me->turn % 2 ? ouro_newref(me->all->y) : thing_new());
  ouro_section_end(&section);
}
BODY(ouro_clear) {
  ouro_section section;
  ouro_section_begin(&section, me->all->x);
  ouro_clear(&me->all->x->a);
  ouro_section_end(&section);
}
BODY(ouro_steal) {
  ouro_section section;
  ouro_section_begin(&section, me->all->x);
  void *held = ouro_steal(&me->all->x->a);
  ouro_section_end(&section);
  ouro_xdecref(held);
}

BODY(ouro_allow_tries) { ouro_allow_tries(me->all->x); }
BODY(ouro_try_incref) {
  ouro_allow_tries(me->all->x);
  TEST_CHECK(ouro_try_incref(me->all->x));
  ouro_decref(me->all->x);
}
BODY(ouro_refcount) { TEST_CHECK(ouro_refcount(me->all->x) >= 1); }
BODY(ouro_is_unique) { TEST_CHECK(!ouro_is_unique(me->all->x)); }
BODY(ouro_make_immortal) { TEST_CHECK(ouro_make_immortal(me->all->x) == OURO_EINVAL); }
BODY(ouro_is_immortal) { TEST_CHECK(!ouro_is_immortal(me->all->x)); }
BODY(ouro_defer) {
  int code = ouro_defer(me->all->x);
  TEST_CHECK(code == OURO_OK || code == OURO_EINVAL); /* it is deferred already, or the other has untracked it */
  TEST_CHECK(code != OURO_OK || ouro_is_deferred(me->all->x));
}
BODY(ouro_is_deferred) { ouro_is_deferred(me->all->x); }

BODY(ouro_each_object) { TEST_CHECK(ouro_each_object(see, me) == OURO_OK); }
BODY(ouro_type_stats_get) {
  (void)me;
  ouro_type_stats stats[4];
  TEST_CHECK(ouro_type_stats_get(stats, 4) > 0);
}
BODY(ouro_leaks_report) { TEST_CHECK(ouro_leaks_report(write_nowhere, me) > 0); }

const entry object_entries[] = {
    ENTRY(ouro_type_check), ENTRY(ouro_type_new),       ENTRY(ouro_type_release), ENTRY(ouro_visit),        ENTRY(ouro_visit_tagged),
    ENTRY(ouro_new),        ENTRY(ouro_new_var),        ENTRY(ouro_new_extra),    ENTRY(ouro_extra),        ENTRY(ouro_type_of),
    ENTRY(ouro_is_instance), ENTRY(ouro_object_size),   ENTRY(ouro_incref),       ENTRY(ouro_decref),       ENTRY(ouro_xincref),
    ENTRY(ouro_xdecref),    ENTRY(ouro_newref),         ENTRY(ouro_xnewref),      ENTRY(ouro_setref),       ENTRY(ouro_movref),
    ENTRY(ouro_clear),      ENTRY(ouro_steal),          ENTRY(ouro_allow_tries),  ENTRY(ouro_try_incref),   ENTRY(ouro_refcount),
    ENTRY(ouro_is_unique),  ENTRY(ouro_make_immortal),  ENTRY(ouro_is_immortal),  ENTRY(ouro_defer),        ENTRY(ouro_is_deferred),
    ENTRY(ouro_each_object), ENTRY(ouro_type_stats_get), ENTRY(ouro_leaks_report), {NULL, NULL},
};
