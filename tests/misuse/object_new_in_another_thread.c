/* tests/misuse/object_new_in_another_thread.c - another thread makes things, and looks at them, where it was promised that only one
 * would come: all is refused with EPERM.
 *
 * CONF:   threads:1
 * EXPECT: nothing
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

static void call(ouro_weak *weak, void *data, void *held) {
  (void)weak;
  (void)data;
  (void)held;
}

static void finalizer(void *data, void *held) {
  (void)data;
  (void)held;
}

#define REFUSED(expression) (errno = 0, (expression) == NULL && errno == EPERM)

static int see(void *object, void *arg) {
  (void)object;
  (void)arg;
  check_failed("nothing is shown to another thread", __LINE__);
}

static void be_told(const ouro_gc_info *info, void *arg) {
  (void)info;
  (void)arg;
}

/* What looks at objects, or sets the collector, gives the code, or does nothing. */
static void look(void *object) {
  CHECK(ouro_gc_collect(2) == OURO_EPERM);
  CHECK(ouro_each_object(see, NULL) == OURO_EPERM);
  CHECK(ouro_gc_get_objects(-1, see, NULL) == OURO_EPERM);
  CHECK(ouro_gc_get_referrers(&object, 1, see, NULL) == OURO_EPERM);
  CHECK(ouro_gc_set_threshold((const int[]){1, 1, 1}) == OURO_EPERM);
  CHECK(ouro_gc_callback_add(be_told, NULL) == OURO_EPERM);
  ouro_gc_untrack(object);
  CHECK(ouro_gc_is_tracked(object));
  ouro_gc_freeze();
  ouro_safepoint();
}

static void *body(void *object) {
  static ouro_type var_type = {.name = "var", .size = sizeof(ouro_var), .item_size = 1};
  ouro_type description = {.name = "other", .size = sizeof(node)};
  CHECK(REFUSED(ouro_new(&node_type)));
  CHECK(REFUSED(ouro_new_var(&var_type, 3)));
  CHECK(REFUSED(ouro_new_extra(&node_type, 0, 16)));
  CHECK(REFUSED(ouro_type_new(&description)));
  CHECK(REFUSED(ouro_weak_new(object)));
  CHECK(REFUSED(ouro_weak_new_callback(object, call, NULL, NULL)));
  CHECK(REFUSED(ouro_finalize(object, finalizer, NULL, NULL)));
  CHECK(REFUSED(ouro_weak_keys_new()));
  CHECK(REFUSED(ouro_weak_values_new()));
  CHECK(REFUSED(ouro_weak_set_new()));
  look(object);
  return NULL;
}

int main(void) {
  node *object = new_node();
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, body, object) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
  CHECK(ouro_refcount(object) == 1 && ouro_gc_get_freeze_count() == 0);
  ouro_decref(object);
  return all_is_well();
}
