/* A borrowed pointer is not a slot: clearing it would release what it does not own. */
#include "../node.h"

void planted(node *self);
void planted(node *self) { ouro_clear(&self->back); }
