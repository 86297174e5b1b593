/* The slot takes a second reference; the first one is forgotten. */
#include "../node.h"

void planted(node *self);
void planted(node *self) { ouro_setref(&self->next, ouro_new(&node_type)); }
