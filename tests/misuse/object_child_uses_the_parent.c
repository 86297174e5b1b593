/* tests/misuse/object_child_uses_the_parent.c - the finalizer of a child, which goes with its parent's slot, takes a
 * reference to the parent.
 *
 * EXPECT: dead object: {address} is an object that has been freed, or is being freed (block of 32 bytes at
 *         {block}), type node
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

typedef struct child {
  ouro_object base;
  node *parent; /* borrowed: no slot */
} child;

static void finalize(void *self) { ouro_incref(((child *)self)->parent); }

static ouro_type child_type = {.name = "child", .size = sizeof(child), .finalize = finalize};

int main(void) {
  node *parent = new_node();
  child *made = ouro_new(&child_type);
  tell_address(parent);
  made->parent = parent;
  ouro_movref(&parent->left, made);
  ouro_decref(parent);
  return 0;
}
