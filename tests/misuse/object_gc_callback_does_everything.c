/* tests/misuse/object_gc_callback_does_everything.c - functions that are called before and after collections may do all
 * that is allowed to anybody.
 *
 * EXPECT: nothing
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

static unsigned calls, late_calls;

static void late(const ouro_gc_info *info, void *arg) {
  (void)info;
  CHECK(arg == &late_calls);
  late_calls++;
}

static void everything(const ouro_gc_info *info, void *arg) {
  CHECK(arg == &calls);
  calls++;
  CHECK(ouro_gc_collect(2) == 0); /* inside another */
  node *made = new_node();
  ouro_setref(&made->left, made);
  ouro_decref(made);
  if (!info->stop) {
    CHECK(ouro_gc_callback_add(late, &late_calls) == 0);
  } else {
    CHECK(ouro_gc_callback_remove(late, &late_calls) == 0);
    CHECK(ouro_gc_callback_remove(late, &late_calls) == OURO_EINVAL);
  }
}

static void leaves(const ouro_gc_info *info, void *arg) {
  (void)info;
  CHECK(ouro_gc_callback_remove(leaves, arg) == 0);
}

int main(void) {
  int unused = 0;
  CHECK(ouro_gc_callback_add(NULL, NULL) == OURO_EINVAL);
  CHECK(ouro_gc_callback_add(leaves, &unused) == 0);
  CHECK(ouro_gc_callback_add(everything, &calls) == 0);
  for (int i = 0; i < 10; i++) CHECK(ouro_gc_collect(2) >= 0);
  CHECK(calls == 20);
  CHECK(ouro_gc_callback_remove(leaves, &unused) == OURO_EINVAL);
  CHECK(ouro_gc_callback_remove(everything, &calls) == 0);
  return all_is_well();
}
