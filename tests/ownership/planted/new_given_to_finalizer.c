/* A finalizer takes a reference of its own to what it holds; this one is lost. */
#include "../node.h"

static void at_the_end(void *data, void *held) { (void)data, look_at(held); }

void planted(node *n, node *held);
void planted(node *n, node *held) { ouro_xdecref(ouro_finalize(n, at_the_end, NULL, ouro_newref(held))); }
