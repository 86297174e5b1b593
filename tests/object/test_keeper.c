/* tests/object/test_keeper.c - a type that lies in an object: each instance holds that object, and the collector sees it.
 *
 * Linked with: libouro (static), object/objects.c, support/support.c, cmocka. */
#include "object/object.h"

#include <errno.h>

#include "object/objects.h"


/* An object with a type in it, and a slot through which it may come back to its own instances. */
typedef struct maker {
  ouro_object base;
  OURO_OWNED(void) held;
  ouro_type made;
} maker;

typedef struct product {
  ouro_object base;
  OURO_OWNED(void) held;
} product;

static int makers_gone;

static void maker_release(void *self) {
  makers_gone++;
  ouro__type_dispose(&((maker *)self)->made);
}

static ouro_type maker_type = {
    .name = "maker", .size = sizeof(maker), .references = OURO_REFERENCES(offsetof(maker, held)), .release = maker_release};

static const uint32_t product_references[] = {offsetof(product, held), UINT32_MAX};

static maker *new_maker(void (*visit)(void *, ouro_visitor *)) {
  maker *made = ouro_borrow(ouro_new(&maker_type));
  assert_non_null(made);
  made->made.name = "product";
  made->made.size = sizeof(product);
  made->made.references = product_references;
  made->made.visit = visit;
  made->made.keeper = &made->base;
  makers_gone = 0;
  return made;
}

static product *new_product(maker *of) {
  product *made = ouro_borrow(ouro_new(&of->made));
  assert_non_null(made);
  return made;
}

static void an_instance_keeps_its_types_keeper_alive(void **state) {
  (void)state;
  maker *of = new_maker(NULL);
  product *first = new_product(of), *second = new_product(of);
  assert_int_equal(ouro_refcount(of), 3);
  ouro_decref(ouro_adopt(of));
  assert_int_equal(makers_gone, 0);
  ouro_decref(ouro_adopt(first));
  assert_string_equal(ouro_type_of(second)->name, "product");
  assert_int_equal(makers_gone, 0);
  ouro_decref(ouro_adopt(second));
  assert_int_equal(makers_gone, 1);
}

static void a_cycle_through_the_keeper_is_found(void **state) {
  (void)state;
  maker *of = new_maker(NULL);
  product *first = new_product(of), *second = new_product(of);
  ouro_setref(&of->held, first);
  ouro_setref(&first->held, second);
  ouro_decref(ouro_adopt(first));
  ouro_decref(ouro_adopt(second));
  ouro_decref(ouro_adopt(of));
  OBJECTS_ARE_SOUND();
  assert_int_equal(makers_gone, 0);
  assert_int_equal(ouro_gc_collect(2), 3);
  assert_int_equal(makers_gone, 1);
}

static void a_keeper_that_is_held_keeps_what_it_holds(void **state) {
  (void)state;
  maker *of = new_maker(NULL);
  product *first = new_product(of);
  ouro_setref(&of->held, first);
  ouro_decref(ouro_adopt(first));
  assert_int_equal(ouro_gc_collect(2), 0);
  OBJECTS_ARE_SOUND();
  assert_ptr_equal(ouro_borrow(of->held), first);
  ouro_decref(ouro_adopt(of));
  assert_int_equal(ouro_gc_collect(2), 2);
}

/* Instances in garbage of their own, while the keeper lives on: its count must be right afterwards. */
static void instances_in_garbage_release_the_keeper(void **state) {
  (void)state;
  enum { RINGS = 1000 };
  maker *of = new_maker(NULL);
  for (int i = 0; i < RINGS; i++) {
    product *first = new_product(of), *second = new_product(of);
    ouro_setref(&first->held, second);
    ouro_setref(&second->held, first);
    ouro_decref(ouro_adopt(first));
    ouro_decref(ouro_adopt(second));
  }
  assert_true(ouro_gc_collect(2) > 0);
  assert_int_equal(ouro_refcount(of), 1);
  ouro_decref(ouro_adopt(of));
  assert_int_equal(makers_gone, 1);
}

static void a_deferred_keeper_goes_with_a_collection(void **state) {
  (void)state;
  maker *of = new_maker(NULL);
  assert_int_equal(ouro_defer(of), OURO_OK);
  product *first = new_product(of);
  ouro_setref(&of->held, first);
  ouro_decref(ouro_adopt(first));
  assert_int_equal(ouro_gc_collect(2), 0);
  OBJECTS_ARE_SOUND();
  ouro_decref(ouro_adopt(of));
  assert_int_equal(makers_gone, 0);
  assert_int_equal(ouro_gc_collect(2), 2);
  assert_int_equal(makers_gone, 1);
}

static void no_visit(void *self, ouro_visitor *visitor) {
  (void)self;
  (void)visitor;
}

static void a_keeper_and_a_visit_function_go_together(void **state) {
  (void)state;
  maker *of = new_maker(no_visit);
  product *first = new_product(of);
  ouro_setref(&of->held, first);
  ouro_decref(ouro_adopt(first));
  ouro_decref(ouro_adopt(of));
  OBJECTS_ARE_SOUND();
  assert_int_equal(ouro_gc_collect(2), 2);
  assert_int_equal(makers_gone, 1);
}

static int note_referent(void *object, void *arg) {
  void **at = arg;
  *at = object;
  return 0;
}

static void the_keeper_is_among_the_referents(void **state) {
  (void)state;
  maker *of = new_maker(NULL);
  product *first = new_product(of);
  void *asked = first, *found = NULL;
  assert_int_equal(ouro_gc_get_referents(&asked, 1, note_referent, &found), OURO_OK);
  assert_ptr_equal(found, of);
  ouro_decref(ouro_adopt(first));
  ouro_decref(ouro_adopt(of));
}

static void an_acyclic_type_has_no_keeper(void **state) {
  (void)state;
  maker *of = new_maker(NULL);
  of->made.flags = OURO_TYPE_ACYCLIC;
  assert_null(ouro_borrow(ouro_new(&of->made)));
  assert_int_equal(errno, EINVAL);
  assert_int_equal(ouro_refcount(of), 1);
  ouro_decref(ouro_adopt(of));
}

int main(void) {
  test_objects_without_stress();
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(an_instance_keeps_its_types_keeper_alive),  OBJECT_TEST(a_cycle_through_the_keeper_is_found),
      OBJECT_TEST(a_keeper_that_is_held_keeps_what_it_holds), OBJECT_TEST(instances_in_garbage_release_the_keeper),
      OBJECT_TEST(a_deferred_keeper_goes_with_a_collection),  OBJECT_TEST(a_keeper_and_a_visit_function_go_together),
      OBJECT_TEST(the_keeper_is_among_the_referents),         OBJECT_TEST(an_acyclic_type_has_no_keeper),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
