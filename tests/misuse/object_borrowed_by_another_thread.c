/* tests/misuse/object_borrowed_by_another_thread.c - a thread uses a borrowed reference after its lender, another thread, has let the
 * object go.
 *
 * EXPECT: dead object: {address} is an object that has been freed, or is being freed (block of 32 bytes at
 *         {block}), type node
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "object_misuse.h"

static void *use(void *object) {
  ouro_xincref(object);
  return NULL;
}

int main(void) {
  node *lender = new_node();
  ouro_movref(&lender->left, new_node());
  void *borrowed = lender->left;
  tell_address(borrowed);
  ouro_clear(&lender->left);
  in_a_thread(use, hide(borrowed));
  return 0;
}
